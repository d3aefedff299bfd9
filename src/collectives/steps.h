/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps: a rank tells one other that it is a step further, as often as it likes in a call. No barrier.
 *
 *      signals, in the window of each of n ranks; the barrier has the first n lines (barrier.h)
 *
 *      line n + w    told: how often rank w has told me something. Written by rank w alone, which adds 1
 *      line 2n ..    my own counts, which I alone write, densely: cell 0 my calls by steps; cell 1 + w heard: how much of
 *                    what rank w told me I have waited for
 *
 *      rank w  ── drain ── tell ─► told + 1 ── drain ── tell ─► told + 1 ...      never waits for me
 *      I       wait until told is not heard, heard + 1 ── wait until told is not heard, heard + 1 ...
 *
 * Why "not heard" is enough, also when the counts wrap: told is never behind heard, since I heard each of them once, so "not
 * heard" says "heard + 1 or later". Rank w may be any number of steps ahead, and of calls: nothing is lost, since the cell
 * counts. Zero, or any equal numbers, are a valid beginning, and what other kernels do in between does not matter.
 *
 * What I hear is as far as rank w was when it told me: all that it had stored is visible, all that it had read has been read,
 * since it drained before it told; and so for all that others had told it before.
 */
#ifndef ORIEL_COLLECTIVES_STEPS_H
#define ORIEL_COLLECTIVES_STEPS_H

#include "barrier.h"

/* Adds 1 to one of my own counts; returns what it was. */
PTO_INLINE uint32_t steps_count(pto_core *core, pto_addr own)
{
    uint32_t before = pto_load_u32(core, own);
    pto_tnotify(core, own, (int32_t)(before + 1), PTO_NOTIFY_SET);
    return before;
}

/* Begins a call by steps; returns its epoch (stage.h). */
PTO_INLINE uint32_t steps_begin(pto_core *core, const pto_comm *comm, pto_global signals)
{
    uint32_t epoch = barrier_epoch(core, comm, signals);
    steps_count(core, barrier_step_calls(comm, signals));
    return epoch;
}

/* Tells rank `to`. After a barrier_drain, if this rank has read or stored anything in this call. */
PTO_INLINE void steps_tell(pto_core *core, const pto_comm *comm, pto_global signals, uint32_t to)
{
    pto_addr told = signals.addr + (uint64_t)PTO_LINE_BYTES * (comm->ranks + comm->rank);
    pto_tnotify(core, pto_peer_addr(comm, told, to), 1, PTO_NOTIFY_ADD);
}

/* Waits for the next that rank `from` tells. */
PTO_INLINE void steps_hear(pto_core *core, const pto_comm *comm, pto_global signals, uint32_t from)
{
    pto_addr told = signals.addr + (uint64_t)PTO_LINE_BYTES * (comm->ranks + from);
    pto_addr heard = barrier_step_calls(comm, signals) + sizeof(int32_t) * (1 + (uint64_t)from);
    pto_twait(core, pto_cell(told), (int32_t)steps_count(core, heard), PTO_NE);
}

#endif
