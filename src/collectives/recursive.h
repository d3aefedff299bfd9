/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recursive halving and doubling, for any number of ranks.
 *
 *      p, the largest power of two among the ranks, meet in pairs, log2(p) times: rank r meets rank r xor d. The others are
 *      folded: rank p + i stands behind rank i, which has its data from the beginning and gives it the result at the end.
 *
 *      doubling, d = 1, 2, 4 ..          halving, d = p/2, p/4 .. 1
 *      0 ─ 1   2 ─ 3   4 ─ 5             0 ─ 4   1 ─ 5   2 ─ 6   3 ─ 7
 *      0 ─ 2   1 ─ 3                     0 ─ 2   1 ─ 3   4 ─ 6   5 ─ 7
 *
 * Two that meet tell one another, after a drain, that what each has staged so far is complete, and then each takes from the
 * other's half what it needs (recursive_meet). One drain, one signal and one wait a meeting are enough:
 *   - what I read, my partner had stored before it told me, and does not store again in this call, or only after it has heard
 *     from me that I have read it. Each kernel says which of the two;
 *   - everybody's result depends on the data of all, so that nobody leaves the epoch early (stage.h).
 */
#ifndef ORIEL_COLLECTIVES_RECURSIVE_H
#define ORIEL_COLLECTIVES_RECURSIVE_H

#include "stage.h"
#include "steps.h"

enum { RECURSIVE_SCRATCH, RECURSIVE_SIGNALS };

typedef struct recursive {
    pto_core *core;
    const pto_comm *comm;
    pto_global signals, in, out, half;
    pto_reduce reduce;
    uint32_t power; /* p */
    bool folded;    /* this rank stands behind another, `other` */
    bool doubled;   /* another, `other`, stands behind this rank */
    uint32_t other;
    pto_tile acc, ping, pong;
} recursive;

/* What all of them begin with; a half of scratch holds `count` elements. */
PTO_INLINE recursive recursive_begin(pto_core *core, uint64_t count)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    recursive r = {.core = core, .comm = comm, .in = pto_arg_tensor(core, 0), .out = pto_arg_tensor(core, 1)};
    r.power = 1;
    while (2 * r.power <= comm->ranks)
        r.power *= 2;
    r.folded = comm->rank >= r.power;
    r.doubled = comm->rank + r.power < comm->ranks;
    r.other = r.folded ? comm->rank - r.power : comm->rank + r.power;
    r.signals = barrier_signals(core, comm, RECURSIVE_SIGNALS);
    uint32_t epoch = steps_begin(core, comm, r.signals);
    r.half = stage_half(core, comm, RECURSIVE_SCRATCH, epoch, r.in.dtype, count);
    r.acc = stage_tile(core, r.in.dtype, 0);
    r.ping = stage_tile(core, r.in.dtype, 1);
    r.pong = stage_tile(core, r.in.dtype, 2);
    return r;
}

/* What I have staged so far is complete: says so to one rank. */
PTO_INLINE void recursive_tell(const recursive *r, uint32_t to)
{
    barrier_drain(r->core);
    steps_tell(r->core, r->comm, r->signals, to);
}

PTO_INLINE void recursive_hear(const recursive *r, uint32_t from)
{
    steps_hear(r->core, r->comm, r->signals, from);
}

PTO_INLINE void recursive_meet(const recursive *r, uint32_t partner)
{
    recursive_tell(r, partner);
    recursive_hear(r, partner);
}

/* The end, for who is doubled: all that the rank behind me needs is there. */
PTO_INLINE void recursive_tell_behind(const recursive *r)
{
    if (r->doubled)
        recursive_tell(r, r->other);
}

PTO_INLINE void recursive_copy(const recursive *r, pto_global dst, pto_global src)
{
    pto_tput(r->core, dst, src, r->ping, r->pong);
}

/* Both dst and also <- src, which is loaded once. */
PTO_INLINE void recursive_copy_twice(const recursive *r, pto_global dst, pto_global also, pto_global src)
{
    const pto_global both[] = {dst, also};
    pto_tbroadcast(r->core, ((pto_group){.each = both, .ranks = 2}), src, r->ping, r->pong);
}

/* dst <- a op b. dst may be one of them. */
PTO_INLINE void recursive_reduce(const recursive *r, pto_global dst, pto_global a, pto_global b)
{
    const pto_global terms[] = {a, b};
    pto_treduce(r->core, dst, ((pto_group){.each = terms, .ranks = 2}), r->reduce, r->acc, r->ping, r->pong);
}

/* dst <- what my partner and I have at `place` of our halves, that of the lower rank first: both get the same bits. */
PTO_INLINE void recursive_combine(const recursive *r, pto_global dst, pto_global place, uint32_t partner)
{
    pto_global theirs = pto_peer(r->comm, place, partner);
    if (partner < r->comm->rank)
        recursive_reduce(r, dst, theirs, place);
    else
        recursive_reduce(r, dst, place, theirs);
}

/* dst, of my half <- my data, with that of the rank behind me: what meetings begin with. */
PTO_INLINE void recursive_stage(const recursive *r, pto_global dst)
{
    if (!r->doubled) {
        recursive_copy(r, dst, r->in);
        return;
    }
    recursive_hear(r, r->other);
    recursive_reduce(r, dst, r->in, pto_peer(r->comm, dst, r->other));
}

/* All that a folded rank does: its data to `mine`, of its half; then what is at `result` of the other's half, to out. */
PTO_INLINE void recursive_stand_behind(const recursive *r, pto_global mine, pto_global result)
{
    recursive_copy(r, mine, r->in);
    recursive_meet(r, r->other);
    recursive_copy(r, r->out, pto_peer(r->comm, result, r->other));
}

/* `tensor` has a chunk of `count` elements for each rank: those of ranks first .. first + ranks - 1 of the p, .. */
PTO_INLINE pto_global recursive_chunks(pto_global tensor, uint64_t count, uint32_t first, uint32_t ranks)
{
    return pto_slice(tensor, first * count, ranks * count);
}

/* .. and those of the ranks that stand behind them: none, or fewer. */
PTO_INLINE pto_global recursive_chunks_behind(const recursive *r, pto_global tensor, uint64_t count, uint32_t first,
                                              uint32_t ranks)
{
    uint32_t behind = r->comm->ranks - r->power;
    uint32_t from = first < behind ? first : behind, to = first + ranks < behind ? first + ranks : behind;
    return pto_slice(tensor, (r->power + from) * count, (to - from) * count);
}

#endif
