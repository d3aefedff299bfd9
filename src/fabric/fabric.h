/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How memory is reached: a place (a segment and an offset, the only form in which structures that processes share may
 * hold an address) becomes a pointer here and nowhere else.
 *
 * Called by engines during instructions, on the thread of the core. With shared memory every place is a pointer and
 * every operation is complete on return, locally and remotely. A fabric between hosts will answer NULL for a peer's
 * place; its put, get and flush join this table then.
 */
#ifndef ORIEL_FABRIC_FABRIC_H
#define ORIEL_FABRIC_FABRIC_H

#include "base/wait.h"
#include "oriel/instr.h"

/* A byte of memory, the same number in every process. Segment 0 is nowhere. */
typedef struct oriel_place {
    uint32_t segment;
    uint64_t offset;
} oriel_place;

#define ORIEL_SEGMENT_ARENA 1
#define ORIEL_SEGMENT_LOCAL 2 /* memory of the process that runs the kernel: the offset is its address */

typedef struct oriel_fabric oriel_fabric;

typedef struct oriel_fabric_ops {
    const char *name;
    /* The pointer to `bytes` bytes at `place`, or NULL if they cannot be reached by loads and stores from here. */
    void *(*reach)(oriel_fabric *fabric, oriel_place place, uint64_t bytes);
    /* A signal: sets or adds to the int32 cell at `place`, after all that this thread stored before, and rings `bell`
     * (of the cell's owner; NULL: none). */
    oriel_status (*notify)(oriel_fabric *fabric, oriel_place place, int32_t value, pto_notify how, oriel_bell *bell);
} oriel_fabric_ops;

struct oriel_fabric {
    const oriel_fabric_ops *ops;
};

/* Shared memory of one host: segment ORIEL_SEGMENT_ARENA is `base` .. `base + bytes`. */
typedef struct oriel_fabric_shm {
    oriel_fabric fabric;
    char *base;
    uint64_t bytes;
} oriel_fabric_shm;

void oriel_fabric_shm_init(oriel_fabric_shm *shm, void *base, uint64_t bytes);

#endif
