/* SPDX-License-Identifier: Apache-2.0 */
/* The system's pages. */
#ifndef ORIEL_BASE_PAGES_H
#define ORIEL_BASE_PAGES_H

#include <stdint.h>
#include <unistd.h>

static inline uint64_t oriel_page_bytes(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* How many hold so many bytes. */
static inline uint64_t oriel_pages_of(uint64_t bytes)
{
    return bytes / oriel_page_bytes() + (bytes % oriel_page_bytes() != 0);
}

/* As many bytes in whole pages. */
static inline uint64_t oriel_pages_up(uint64_t bytes)
{
    return oriel_pages_of(bytes) * oriel_page_bytes();
}

#endif
