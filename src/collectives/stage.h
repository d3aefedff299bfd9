/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the collectives stage their data: two halves of a window, and tiles in UB; and what they ask of their arguments.
 *
 * Why two halves. Time is cut into epochs: each barrier ends one, and each call of a kernel that goes by steps (steps.h) is
 * one. What is staged in epoch e, by whomever, lies in half e mod 2, and is read before its reader sends a signal of epoch
 * e + 1. A slow rank may still read it while others are in epoch e + 1: those stage into the other half. Who stages in epoch
 * e + 2 overwrites the first. By then it has left epoch e + 1, and
 *
 *      nobody leaves an epoch before he knows that every rank has sent a signal of that epoch, and so has drained all
 *      that it read in the one before.
 *
 * Nor does anybody store into a window after his last drain of a call: such a store might land after what comes later.
 *
 * A barrier is that by itself. Kernels that go by steps say how they keep to it; where each rank's result depends on the data
 * of all, it cannot be otherwise.
 *
 * The halves are those of the buffer, not of the data: calls of different lengths do not overlap either.
 */
#ifndef ORIEL_COLLECTIVES_STAGE_H
#define ORIEL_COLLECTIVES_STAGE_H

#include "oriel/kernel.h"

/* Two or three tiles of this size stay in the L1 or L2 cache of a host's processor, and leave most of UB alone. */
#define STAGE_TILE_BYTES 16384u

/*
 * Ends the kernel unless `tensor` has the type of `other`, and so many elements. A macro, so that the message has the line of
 * the kernel, and the names that it gave to its tensors.
 */
#define stage_match(core, operation, tensor, elements, other)                                                          \
    do {                                                                                                               \
        if ((tensor).dtype != (other).dtype)                                                                           \
            pto_trap((core), operation ": " #tensor " must have the type of " #other);                                 \
        if (pto_global_count(tensor) != (elements))                                                                    \
            pto_trap_value((core), operation ": elements of " #tensor, pto_global_count(tensor), (elements));          \
    } while (0)

/* The first `count` elements of the half of window buffer `index` that belongs to this epoch. */
PTO_INLINE pto_global stage_half(pto_core *core, const pto_comm *comm, uint32_t index, uint32_t epoch, pto_dtype dtype,
                                 uint64_t count)
{
    pto_global scratch = pto_window_buffer(core, comm, index);
    uint64_t half = pto_global_count(scratch) / 2;
    if (scratch.dtype != dtype)
        pto_trap(core, "the window's scratch must have the type of the tensors");
    if (half < count)
        pto_trap_value(core, "too little scratch in the window: twice what a rank stages", pto_global_count(scratch),
                       2 * count);
    return pto_slice(scratch, epoch % 2 * half, count);
}

/* A part of something that was cut into chunks. */
typedef struct stage_chunk {
    uint64_t first, count;
} stage_chunk;

/* Chunk `index` of `chunks` as equal ones as there can be: those that have one element more come first. */
PTO_INLINE stage_chunk stage_chunk_of(uint64_t count, uint32_t chunks, uint32_t index)
{
    uint64_t each = count / chunks, more = count % chunks;
    return (stage_chunk){.first = index * each + (index < more ? index : more), .count = each + (index < more)};
}

/* The rank that scalar argument `index` names as the root. */
PTO_INLINE uint32_t stage_root(pto_core *core, const pto_comm *comm, uint32_t index)
{
    int64_t root = pto_arg_i64(core, index);
    if (root < 0 || root >= comm->ranks)
        pto_trap_value(core, "the root is no rank of the domain", (uint64_t)root, comm->ranks);
    return (uint32_t)root;
}

/* Staging tile number `index`. */
PTO_INLINE pto_tile stage_tile(const pto_core *core, pto_dtype dtype, uint32_t index)
{
    return pto_tile_1d(core, dtype, index * STAGE_TILE_BYTES, STAGE_TILE_BYTES / pto_dtype_bytes(dtype));
}

#endif
