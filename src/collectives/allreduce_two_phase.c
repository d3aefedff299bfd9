/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All-reduce, in two phases: a reduce-scatter, then an all-gather.
 *
 *      in ──TPUT──► my half of scratch ──barrier──► TREDUCE of chunk r of each rank ──► my other half
 *                                      ──barrier──► TGET of the chunk of each rank ──► out
 *
 * A rank reads 2 C elements instead of the n C of allreduce.c, for one barrier more.
 *
 * The barriers are two epochs, and each phase has the half of its own (stage.h). The chunk that I reduce goes where the
 * epoch before this call staged: what was there has been read by all who sent me this call's first signal.
 */
#include "barrier.h"
#include "kernels.h"
#include "stage.h"

enum { SCRATCH, SIGNALS };

void oriel_kernel_allreduce_two_phase(pto_core *core)
{
    pto_global in = pto_arg_tensor(core, 0), out = pto_arg_tensor(core, 1);
    pto_reduce reduce = (pto_reduce)pto_arg_i64(core, 0);
    const pto_comm *comm = pto_arg_comm(core, 0);
    uint64_t count = pto_global_count(in);
    stage_match(core, "all-reduce", out, count, in);

    pto_global signals = barrier_signals(core, comm, SIGNALS);
    uint32_t epoch = barrier_epoch(core, comm, signals);
    pto_global terms = stage_half(core, comm, SCRATCH, epoch, in.dtype, count);
    pto_global sums = stage_half(core, comm, SCRATCH, epoch + 1, in.dtype, count);
    pto_tile acc = stage_tile(core, in.dtype, 0);
    pto_tile ping = stage_tile(core, in.dtype, 1), pong = stage_tile(core, in.dtype, 2);

    pto_tput(core, terms, pto_slice(in, 0, count), ping, pong);
    barrier_cross(core, comm, signals);

    /* In the order of the ranks, whoever does it. */
    stage_chunk own = stage_chunk_of(count, comm->ranks, comm->rank);
    pto_group group = pto_group_of(comm, pto_slice(terms, own.first, own.count));
    pto_treduce(core, pto_slice(sums, own.first, own.count), group, reduce, acc, ping, pong);
    barrier_cross(core, comm, signals);

    for (uint32_t step = 1; step <= comm->ranks; step++) {
        uint32_t peer = (comm->rank + step) % comm->ranks;
        stage_chunk chunk = stage_chunk_of(count, comm->ranks, peer);
        pto_global sum = pto_slice(sums, chunk.first, chunk.count);
        pto_tget(core, pto_slice(out, chunk.first, chunk.count), pto_peer(comm, sum, peer), ping, pong);
    }
    pto_pipe_barrier(core, PTO_PIPE_ALL); /* out is complete when the kernel returns */
}
