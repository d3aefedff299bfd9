/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All-gather after Bruck et al. ("Efficient algorithms for all-to-all communications in multiport message-passing systems",
 * IEEE TPDS 1997): out[r C + i] of every rank is in[i] of rank r.
 *
 *      place j of my half is the data of rank r + j
 *
 *      in ──► place 0 ──from rank r + 1──► 2 places ──from r + 2──► 4 places ──from r + 4──► ... ──► n places
 *                └──► out                     └──► out                  └──► out
 *
 * log2(n) steps, rounded up, for any number of ranks: what is left for the last is less. A step tells rank r - d, and hears from
 * rank r + d: it has its first d places, since it is one step further than the one in which it told me last. Each place is
 * stored once in a call, before I tell anybody of it. One drain, signal and wait a step are enough; and as each rank ends with
 * the data of all, none leaves the epoch early (stage.h).
 */
#include "kernels.h"
#include "stage.h"
#include "steps.h"

enum { SCRATCH, SIGNALS };

typedef struct bruck {
    pto_core *core;
    const pto_comm *comm;
    pto_global out, half;
    uint64_t count;
    pto_tile ping, pong;
} bruck;

/* As many places of rank `from` as I lack, `distance` at most, to mine from `distance` on, and to out: where they pass rank n - 1,
 * in two parts. After the last step nobody reads my places. */
static inline void take(const bruck *b, uint32_t from, uint32_t distance)
{
    const uint32_t ranks = b->comm->ranks;
    uint32_t places = distance < ranks - distance ? distance : ranks - distance;
    uint32_t straight = from + places < ranks ? places : ranks - from;
    const struct {
        uint32_t place, places, rank;
    } part[] = {{0, straight, from}, {straight, places - straight, 0}};
    for (uint32_t i = 0; i < 2; i++) {
        uint64_t elements = part[i].places * b->count;
        pto_global theirs = pto_peer(b->comm, pto_slice(b->half, part[i].place * b->count, elements), from);
        pto_global mine = pto_slice(b->half, (distance + part[i].place) * b->count, elements);
        const pto_global both[] = {pto_slice(b->out, part[i].rank * b->count, elements), mine};
        pto_group group = {.each = both, .ranks = 2 * distance < ranks ? 2 : 1};
        pto_tbroadcast(b->core, group, theirs, b->ping, b->pong);
    }
}

void oriel_kernel_allgather_bruck(pto_core *core)
{
    pto_global in = pto_arg_tensor(core, 0), out = pto_arg_tensor(core, 1);
    const pto_comm *comm = pto_arg_comm(core, 0);
    const uint32_t ranks = comm->ranks, rank = comm->rank;
    uint64_t count = pto_global_count(in), all = ranks * count;
    stage_match(core, "all-gather", out, all, in);

    pto_global signals = barrier_signals(core, comm, SIGNALS);
    uint32_t epoch = steps_begin(core, comm, signals);
    bruck b = {.core = core, .comm = comm, .out = out, .count = count};
    b.half = stage_half(core, comm, SCRATCH, epoch, in.dtype, all);
    b.ping = stage_tile(core, in.dtype, 0);
    b.pong = stage_tile(core, in.dtype, 1);

    const pto_global both[] = {pto_slice(out, rank * count, count), pto_slice(b.half, 0, count)};
    pto_tbroadcast(core, ((pto_group){.each = both, .ranks = 2}), pto_slice(in, 0, count), b.ping, b.pong);
    for (uint32_t distance = 1; distance < ranks; distance *= 2) {
        barrier_drain(core);
        steps_tell(core, comm, signals, (rank + ranks - distance) % ranks);
        steps_hear(core, comm, signals, (rank + distance) % ranks);
        take(&b, (rank + distance) % ranks, distance);
    }
    pto_pipe_barrier(core, PTO_PIPE_ALL); /* out is complete when the kernel returns */
}
