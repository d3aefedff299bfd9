/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings: each rank sends to a neighbour and receives from the other one, one way round or both ways at once.
 *
 *      way 0   ──► rank 0 ──► rank 1 ──► rank 2 ──► rank 3 ──┐        way 1   the other way round
 *              └─────────────────────────────────────────────┘
 *
 * The data of a way is n chunks. Each has a slot in the half of every rank's scratch, at the place that it has in the tensors.
 *
 *      ring_reduce    chunk c goes from rank c + 1 round to rank c, and each rank adds its own: n - 1 steps
 *
 *          step 0     my chunk r-1 ──────────────────────────────► slot r-1 of the next
 *          step s     slot r-1-s (heard in step s-1) op my chunk ──► slot r-1-s of the next
 *          then       slot r op my chunk r is the result of chunk r: ((c+1 op c+2) op ..) op c
 *
 *      ring_gather    chunk r goes from rank r round to all: as many steps as it has hops
 *
 *          step 0     out r ──────────────────► slot r of the next
 *          step s     slot r-s (heard) ────┬──► slot r-s of the next
 *                                          └──► out r-s
 *          last       slot r-s (heard) ───────► out r-s
 *
 * One drain, one signal and one wait a step are enough.
 *   - What I hear says that the chunk of this step is in my slot. That a rank may be steps ahead of me does no harm: each chunk
 *     has a slot of its own, and is stored there once in each of the two. Where both follow each other in one call, slot c is
 *     overwritten by the result of chunk c: that came from rank c, to which the chunk went after I had read this slot, and said
 *     so, since I tell after the drain.
 *   - I hear from a neighbour who has heard from his, and so on. With the last step I know that every rank has told somebody in
 *     this call. So nobody leaves an epoch early, and two halves are enough (stage.h).
 */
#ifndef ORIEL_COLLECTIVES_RING_H
#define ORIEL_COLLECTIVES_RING_H

#include "stage.h"
#include "steps.h"

/* One way round: next and before are neighbours, and the same one if there are two ranks. */
typedef struct ring_way {
    uint32_t next, before;
    uint32_t hops;    /* of ring_gather */
    stage_chunk part; /* of the tensors: what goes this way, in n chunks */
} ring_way;

/* in, out and half have the same elements at the same places; ring_reduce reads in, ring_gather reads and writes out. */
typedef struct ring {
    pto_core *core;
    const pto_comm *comm;
    pto_global signals, in, out, half;
    pto_reduce reduce;
    uint32_t ways;
    ring_way way[2];
} ring;

/* The way round in which `next` is `ahead` ranks ahead: 1, or n - 1. */
PTO_INLINE ring_way ring_way_of(const pto_comm *comm, uint32_t ahead, uint32_t hops, stage_chunk part)
{
    return (ring_way){.next = (comm->rank + ahead) % comm->ranks,
                      .before = (comm->rank + comm->ranks - ahead) % comm->ranks,
                      .hops = hops,
                      .part = part};
}

/* The chunk, of a tensor of the ring, that began `back` ranks before me on this way. */
PTO_INLINE pto_global ring_chunk(const ring *r, const ring_way *way, pto_global tensor, uint32_t back)
{
    uint32_t ranks = r->comm->ranks;
    uint32_t ahead = (way->next + ranks - r->comm->rank) % ranks;
    uint32_t index = (uint32_t)((r->comm->rank + (uint64_t)(ranks - back % ranks) * ahead) % ranks);
    stage_chunk chunk = stage_chunk_of(way->part.count, ranks, index);
    return pto_slice(tensor, way->part.first + chunk.first, chunk.count);
}

PTO_INLINE pto_tile ring_tile(const ring *r, uint32_t index)
{
    return stage_tile(r->core, r->half.dtype, index);
}

/* dst <- slot op mine, of one chunk. */
PTO_INLINE void ring_add(const ring *r, const ring_way *way, pto_global dst, uint32_t back)
{
    const pto_global terms[] = {ring_chunk(r, way, r->half, back), ring_chunk(r, way, r->in, back)};
    pto_group group = {.each = terms, .ranks = 2};
    pto_treduce(r->core, dst, group, r->reduce, ring_tile(r, 0), ring_tile(r, 1), ring_tile(r, 2));
}

/* The end of a step: all ways together, after one drain. `step` is none of the ways that have fewer hops. */
PTO_INLINE void ring_turn(const ring *r, uint32_t step, bool gathers)
{
    barrier_drain(r->core);
    for (uint32_t w = 0; w < r->ways; w++)
        if (!gathers || step < r->way[w].hops)
            steps_tell(r->core, r->comm, r->signals, r->way[w].next);
    for (uint32_t w = 0; w < r->ways; w++)
        if (!gathers || step < r->way[w].hops)
            steps_hear(r->core, r->comm, r->signals, r->way[w].before);
}

/* Afterwards slot r lacks only my own term (ring_add). */
PTO_INLINE void ring_reduce(const ring *r)
{
    for (uint32_t step = 0; step + 1 < r->comm->ranks; step++) {
        for (uint32_t w = 0; w < r->ways; w++) {
            const ring_way *way = &r->way[w];
            pto_global slot = pto_peer(r->comm, ring_chunk(r, way, r->half, step + 1), way->next);
            if (step == 0)
                pto_tput(r->core, slot, ring_chunk(r, way, r->in, 1), ring_tile(r, 1), ring_tile(r, 2));
            else
                ring_add(r, way, slot, step + 1);
        }
        ring_turn(r, step, false);
    }
}

/* What one way does in a step. */
PTO_INLINE void ring_pass(const ring *r, const ring_way *way, uint32_t step)
{
    pto_global slot = ring_chunk(r, way, r->half, step), out = ring_chunk(r, way, r->out, step);
    pto_global next = pto_peer(r->comm, slot, way->next);
    pto_tile ping = ring_tile(r, 1), pong = ring_tile(r, 2);
    if (step == 0)
        pto_tput(r->core, next, out, ping, pong);
    else if (step < way->hops) {
        const pto_global both[] = {out, next};
        pto_tbroadcast(r->core, ((pto_group){.each = both, .ranks = 2}), slot, ping, pong);
    } else
        pto_tget(r->core, out, slot, ping, pong);
}

/* Chunk r of out is there. Afterwards all of them are. */
PTO_INLINE void ring_gather(const ring *r)
{
    uint32_t most = r->way[0].hops;
    for (uint32_t step = 0; step <= most; step++) {
        for (uint32_t w = 0; w < r->ways; w++)
            if (step <= r->way[w].hops && r->way[w].hops > 0)
                ring_pass(r, &r->way[w], step);
        if (step < most)
            ring_turn(r, step, true);
    }
}

/* ---- Whole collectives, one way round or both ------------------------------------------------------------------- */

enum { RING_SCRATCH, RING_SIGNALS };

/* What all of them begin with; `count` elements have slots. */
PTO_INLINE ring ring_begin(pto_core *core, uint32_t ways, uint64_t count)
{
    ring r = {.core = core, .comm = pto_arg_comm(core, 0), .ways = ways};
    r.in = pto_arg_tensor(core, 0);
    r.out = pto_arg_tensor(core, 1);
    r.signals = barrier_signals(core, r.comm, RING_SIGNALS);
    uint32_t epoch = steps_begin(core, r.comm, r.signals);
    r.half = stage_half(core, r.comm, RING_SCRATCH, epoch, r.in.dtype, count);
    return r;
}

/* Both ways: each chunk goes half the way round in either direction. */
PTO_INLINE void ring_allgather(pto_core *core, uint32_t ways)
{
    pto_global in = pto_arg_tensor(core, 0), out = pto_arg_tensor(core, 1);
    uint32_t ranks = pto_arg_comm(core, 0)->ranks;
    uint64_t count = pto_global_count(in), all = ranks * count;
    stage_match(core, "all-gather", out, all, in);

    ring r = ring_begin(core, ways, all);
    const stage_chunk whole = {.first = 0, .count = all};
    r.way[0] = ring_way_of(r.comm, 1, ways == 1 ? ranks - 1 : ranks / 2, whole);
    r.way[1] = ring_way_of(r.comm, ranks - 1, (ranks - 1) / 2, whole);
    pto_tput(core, ring_chunk(&r, &r.way[0], out, 0), pto_slice(in, 0, count), ring_tile(&r, 1), ring_tile(&r, 2));
    ring_gather(&r);
    pto_pipe_barrier(core, PTO_PIPE_ALL); /* out is complete when the kernel returns */
}

/* Both ways: each has half of the data. */
PTO_INLINE void ring_allreduce(pto_core *core, uint32_t ways)
{
    pto_global in = pto_arg_tensor(core, 0), out = pto_arg_tensor(core, 1);
    uint32_t ranks = pto_arg_comm(core, 0)->ranks;
    uint64_t count = pto_global_count(in);
    stage_match(core, "all-reduce", out, count, in);

    ring r = ring_begin(core, ways, count);
    r.reduce = (pto_reduce)pto_arg_i64(core, 0);
    for (uint32_t w = 0; w < ways; w++)
        r.way[w] = ring_way_of(r.comm, w == 0 ? 1 : ranks - 1, ranks - 1, stage_chunk_of(count, ways, w));
    ring_reduce(&r);
    for (uint32_t w = 0; w < ways; w++)
        ring_add(&r, &r.way[w], ring_chunk(&r, &r.way[w], out, 0), 0);
    ring_gather(&r);
    pto_pipe_barrier(core, PTO_PIPE_ALL); /* out is complete when the kernel returns */
}

#endif
