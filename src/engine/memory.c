/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/memory.h"

#include <sys/mman.h>

#include "base/error.h"

static size_t all_bytes(const oriel_limits *limits)
{
    size_t bytes = 0;
    for (unsigned m = 0; m < PTO_MEMORY_COUNT; m++)
        bytes += oriel_memory_bytes(limits, (pto_memory)m);
    return bytes;
}

oriel_status oriel_memories_map(const oriel_limits *limits, char *memory[PTO_MEMORY_COUNT])
{
    const size_t bytes = all_bytes(limits);
    char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return oriel_fail_errno(ORIEL_NO_MEMORY, "cannot map %zu B for the memories of a core", bytes);
    for (unsigned m = 0; m < PTO_MEMORY_COUNT; m++) {
        memory[m] = at;
        at += oriel_memory_bytes(limits, (pto_memory)m);
    }
    return ORIEL_OK;
}

void oriel_memories_unmap(const oriel_limits *limits, char *const memory[PTO_MEMORY_COUNT])
{
    if (memory[0])
        munmap(memory[0], all_bytes(limits));
}
