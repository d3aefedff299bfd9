/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the collectives stage their data: two halves of a window, and tiles in UB.
 *
 * Why two halves. A call of generation g stages into half g mod 2, crosses the barrier, and reads its peers' halves. A
 * slow rank may still read mine while I am in call g + 1: that one stages into the other half. Call g + 2 overwrites
 * the first: by then I have crossed the barrier of call g + 1, so every rank has come to it, and before it announced
 * that, it had drained all that it read in call g. One barrier per call is enough.
 *
 * The halves are those of the buffer, not of the data: calls of different lengths do not overlap either.
 */
#ifndef ORIEL_COLLECTIVES_STAGE_H
#define ORIEL_COLLECTIVES_STAGE_H

#include "oriel/kernel.h"

/* Two or three tiles of this size stay in the L1 or L2 cache of a host's processor, and leave most of UB alone. */
#define STAGE_TILE_BYTES 16384u

/* The first `count` elements of my half of window buffer `index` in a call of this generation. */
PTO_INLINE pto_global stage_half(pto_core *core, const pto_comm *comm, uint32_t index, uint32_t generation,
                                 pto_dtype dtype, uint64_t count)
{
    pto_global scratch = pto_window_buffer(core, comm, index);
    uint64_t half = pto_global_count(scratch) / 2;
    if (scratch.dtype != dtype)
        pto_trap(core, "the window's scratch must have the type of the tensors");
    if (half < count)
        pto_trap_value(core, "too little scratch in the window: twice what a rank stages", pto_global_count(scratch),
                       2 * count);
    return pto_slice(scratch, generation % 2 * half, count);
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
