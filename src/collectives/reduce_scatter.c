/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reduce-scatter: out[j] of rank r is the reduction of in[r C + j] over all ranks.
 *
 *      in (n chunks) ──TPUT──► my half of scratch ──barrier──► TREDUCE of chunk r of each rank ──► out
 */
#include "barrier.h"
#include "kernels.h"
#include "stage.h"

enum { SCRATCH, SIGNALS };

void oriel_kernel_reduce_scatter(pto_core *core)
{
    pto_global in = pto_arg_tensor(core, 0), out = pto_arg_tensor(core, 1);
    pto_reduce reduce = (pto_reduce)pto_arg_i64(core, 0);
    const pto_comm *comm = pto_arg_comm(core, 0);
    uint64_t count = pto_global_count(out), all = comm->ranks * count;
    stage_match(core, "reduce-scatter", in, all, out);

    pto_global signals = barrier_signals(core, comm, SIGNALS);
    uint32_t epoch = barrier_epoch(core, comm, signals);
    pto_global mine = stage_half(core, comm, SCRATCH, epoch, in.dtype, all);
    pto_tile sum = stage_tile(core, in.dtype, 0);
    pto_tile ping = stage_tile(core, in.dtype, 1), pong = stage_tile(core, in.dtype, 2);

    pto_tput(core, mine, pto_slice(in, 0, all), ping, pong);
    barrier_cross(core, comm, signals);

    /* In the order of the ranks, whoever does it: what is added to what does not depend on the rank. */
    pto_global chunk = pto_slice(mine, comm->rank * count, count);
    pto_treduce(core, pto_slice(out, 0, count), pto_group_of(comm, chunk), reduce, sum, ping, pong);
    pto_pipe_barrier(core, PTO_PIPE_ALL); /* out is complete when the kernel returns */
}
