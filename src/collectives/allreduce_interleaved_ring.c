/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All-reduce of two ranks, an interleaved bidirectional ring: out[i] of both is in[i] of rank 0 op in[i] of rank 1.
 *
 *      pieces of the data, a tile long:    0   1   2   3   4   5  ..       rank 0 adds the even ones, rank 1 the odd ones
 *
 *      step    rank 0 ──► rank 1            rank 1 ──► rank 0
 *        0     its term of piece 1          its term of piece 0
 *        1     its term of 3, sum of 0      its term of 2, sum of 1
 *        2     its term of 5, sum of 2      its term of 4, sum of 3
 *       ..
 *
 * Reduce-scatter and all-gather side by side: while the sums of one pair of pieces go home, the terms of the next are under way,
 * in both directions. A piece that I store for my peer, term or sum, lies in its half at the place of the piece.
 *
 * One drain, one signal and one wait a step are enough: each place is stored once in a call, a term at the pieces of its owner, a
 * sum at the others, and read in the step after it was heard. And each has heard of the other before it leaves the epoch (stage.h).
 */
#include "kernels.h"
#include "stage.h"
#include "steps.h"

enum { SCRATCH, SIGNALS };

typedef struct interleaved {
    pto_core *core;
    const pto_comm *comm;
    pto_global in, out, half;
    pto_reduce reduce;
    uint32_t peer;
} interleaved;

/* Piece `index`; empty behind the end. */
static inline pto_global piece(const interleaved *x, pto_global tensor, uint64_t index)
{
    uint64_t count = pto_global_count(x->in), most = STAGE_TILE_BYTES / pto_dtype_bytes(x->in.dtype);
    uint64_t first = index * most < count ? index * most : count;
    return pto_slice(tensor, first, most < count - first ? most : count - first);
}

/* My peer's piece of pair `pair`: my term, to where it adds. */
static inline void send_term(const interleaved *x, uint64_t pair, pto_tile ping, pto_tile pong)
{
    uint64_t index = 2 * pair + x->peer;
    pto_tput(x->core, pto_peer(x->comm, piece(x, x->half, index), x->peer), piece(x, x->in, index), ping, pong);
}

/* My piece of pair `pair`: the sum, to out and to my peer. Rank 0's term comes first. */
static inline void send_sum(const interleaved *x, uint64_t pair, pto_tile ping, pto_tile pong)
{
    uint64_t index = 2 * pair + x->comm->rank;
    pto_global mine = piece(x, x->in, index), theirs = piece(x, x->half, index), sum = piece(x, x->out, index);
    const pto_global terms[] = {x->comm->rank == 0 ? mine : theirs, x->comm->rank == 0 ? theirs : mine};
    pto_group group = {.each = terms, .ranks = 2};
    pto_treduce(x->core, sum, group, x->reduce, stage_tile(x->core, x->in.dtype, 2), ping, pong);
    pto_tput(x->core, pto_peer(x->comm, theirs, x->peer), sum, ping, pong);
}

void oriel_kernel_allreduce_interleaved_ring(pto_core *core)
{
    pto_global in = pto_arg_tensor(core, 0), out = pto_arg_tensor(core, 1);
    const pto_comm *comm = pto_arg_comm(core, 0);
    uint64_t count = pto_global_count(in);
    stage_match(core, "all-reduce", out, count, in);
    if (comm->ranks != 2)
        pto_trap_value(core, "all-reduce: the interleaved ring is one of two ranks", comm->ranks, 2);

    pto_global signals = barrier_signals(core, comm, SIGNALS);
    uint32_t epoch = steps_begin(core, comm, signals);
    interleaved x = {.core = core, .comm = comm, .in = in, .out = out, .peer = 1 - comm->rank};
    x.half = stage_half(core, comm, SCRATCH, epoch, in.dtype, count);
    x.reduce = (pto_reduce)pto_arg_i64(core, 0);
    pto_tile ping = stage_tile(core, in.dtype, 0), pong = stage_tile(core, in.dtype, 1);

    uint64_t both = 2 * (STAGE_TILE_BYTES / pto_dtype_bytes(in.dtype)), pairs = (count + both - 1) / both;
    for (uint64_t step = 0; step <= pairs; step++) {
        if (step < pairs)
            send_term(&x, step, ping, pong);
        if (step > 0)
            send_sum(&x, step - 1, ping, pong);
        barrier_drain(core);
        steps_tell(core, comm, signals, x.peer);
        steps_hear(core, comm, signals, x.peer);
        if (step > 0) {
            uint64_t index = 2 * (step - 1) + x.peer;
            pto_tget(core, piece(&x, out, index), piece(&x, x.half, index), ping, pong);
        }
    }
    pto_pipe_barrier(core, PTO_PIPE_ALL); /* out is complete when the kernel returns */
}
