/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The generation barrier: no rank leaves before every rank has come. It counts, and is never reset.
 *
 *      signals, in the window of each of n ranks: three cache lines of 16 int32 cells for each rank
 *
 *      ┌── 64 B ──┬──────────┬─────┬──────────┬──────────────────────────┬──────────────────────────┐
 *      │ cell 0   │ cell 1   │ ... │ cell n-1 │ n lines: told by others, │ n lines: counts that are │
 *      │          │          │     │          │ in steps.h               │ my own, in steps.h       │
 *      └──────────┴──────────┴─────┴──────────┴──────────────────────────┴──────────────────────────┘
 *
 *      The barrier's cell w is written by rank w and by nobody else, and is alone in its line.
 *
 * A cell says how many barriers its writer has come to, modulo 2^32: its generation. To cross the barrier, a rank of
 * generation g announces g + 1 to everybody, itself included, and waits until no cell of its own window says g.
 *
 * Why "not g" is enough, also when the count wraps: while I wait, cell w of my window says g, g + 1 or g + 2.
 *   - Not less: I left the previous barrier only after rank w had announced g to me.
 *   - Not more: rank w announces g + 2 when it comes to the next barrier, which it may do while I still look; but it
 *     announces g + 3 only after leaving that one, and for this it needs my g + 2, which comes when I am done here.
 * So "not g" says "g + 1 or later", and these three differ modulo 2^32. All cells equal is a valid beginning; zero is
 * one.
 */
#ifndef ORIEL_COLLECTIVES_BARRIER_H
#define ORIEL_COLLECTIVES_BARRIER_H

#include "oriel/kernel.h"

/* Returns when all that this core has loaded and stored is done, and is in memory as peers see it. */
#define barrier_drain(core)                                                                                            \
    do {                                                                                                               \
        pto_pipe_barrier(core, PTO_PIPE_ALL);                                                                          \
        pto_dsb(core);                                                                                                 \
    } while (0)

/* The signals: buffer `index` of the window, 48 int32 cells for each rank. */
PTO_INLINE pto_global barrier_signals(pto_core *core, const pto_comm *comm, uint32_t index)
{
    pto_global signals = pto_window_buffer(core, comm, index);
    if (pto_block_count(core) != 1)
        pto_trap_value(core, "the barrier is among ranks of one block each", pto_block_count(core), 1);
    uint64_t cells = 3 * (uint64_t)PTO_LINE_CELLS * comm->ranks;
    if (signals.dtype != PTO_I32)
        pto_trap(core, "the window's signals must be i32");
    if (pto_global_count(signals) < cells)
        pto_trap_value(core, "too few signals in the window: 48 for each rank", pto_global_count(signals), cells);
    return signals;
}

/* The cell that this rank writes, in its own window. */
PTO_INLINE pto_addr barrier_cell(const pto_comm *comm, pto_global signals)
{
    return signals.addr + (uint64_t)PTO_LINE_BYTES * comm->rank;
}

/* The cell of this rank's own counts in which it counts its calls of kernels that go by steps. */
PTO_INLINE pto_addr barrier_step_calls(const pto_comm *comm, pto_global signals)
{
    return signals.addr + 2 * (uint64_t)PTO_LINE_BYTES * comm->ranks;
}

/*
 * How many epochs there were before (stage.h): barriers crossed, and calls of kernels that go by steps. The same number on every
 * rank that is not inside of one. Both cells are written by this rank alone.
 */
PTO_INLINE uint32_t barrier_epoch(pto_core *core, const pto_comm *comm, pto_global signals)
{
    return pto_load_u32(core, barrier_cell(comm, signals)) + pto_load_u32(core, barrier_step_calls(comm, signals));
}

/*
 * Crosses the barrier. What any rank stored before is visible to all after it, and what any rank read before has been
 * read: the drain comes before the announcement, since a signal overtakes data. Each rank begins with its right
 * neighbour, lest all of them knock at the same door first. The generation is what this rank announced last.
 */
PTO_INLINE void barrier_cross(pto_core *core, const pto_comm *comm, pto_global signals)
{
    pto_addr cell = barrier_cell(comm, signals);
    uint32_t generation = pto_load_u32(core, cell);
    barrier_drain(core);
    for (uint32_t step = 1; step <= comm->ranks; step++) {
        uint32_t peer = (comm->rank + step) % comm->ranks;
        pto_tnotify(core, pto_peer_addr(comm, cell, peer), (int32_t)(generation + 1), PTO_NOTIFY_SET);
    }
    pto_twait(core, pto_cell_block(signals.addr, comm->ranks, PTO_LINE_CELLS), (int32_t)generation, PTO_NE);
}

#endif
