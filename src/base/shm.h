/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A piece of anonymous memory that processes share: a memfd, sparse, mapped shared and not reserved. Pages are taken on
 * first use and are zero then. Nothing of it is visible in the file system; it goes with its last process.
 */
#ifndef ORIEL_BASE_SHM_H
#define ORIEL_BASE_SHM_H

#include <stdint.h>

#include "oriel/status.h"

typedef struct oriel_shm {
    void *base;
    uint64_t bytes; /* a multiple of the page size */
    int fd;
} oriel_shm;

/* Maps at least `bytes`. ORIEL_NO_MEMORY with the size and errno if the address space or the limit does not allow it. */
oriel_status oriel_shm_create(uint64_t bytes, oriel_shm *shm);
/*
 * Maps what another process has created, and sent or left open: all of it. Takes `fd` over, in any case.
 * ORIEL_INVALID: it is no such memory. ORIEL_NO_MEMORY as above.
 */
oriel_status oriel_shm_open(int fd, oriel_shm *shm);
/* Gives the pages of a page-aligned range back; they read as zero afterwards, in every process. */
oriel_status oriel_shm_release(oriel_shm *shm, uint64_t offset, uint64_t bytes);
void oriel_shm_destroy(oriel_shm *shm);

#endif
