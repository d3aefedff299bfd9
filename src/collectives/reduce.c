/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reduce, in one phase: out[i] of the root is the reduction of in[i] over all ranks. out of the others is left alone.
 *
 *      in ──TPUT──► my half of scratch ──barrier──► on the root: TREDUCE of the halves of all ranks ──► out
 *
 * ((0 op 1) op 2) op 3 ..: in the order of the ranks, whichever is the root.
 */
#include "barrier.h"
#include "kernels.h"
#include "stage.h"

enum { SCRATCH, SIGNALS };

void oriel_kernel_reduce(pto_core *core)
{
    pto_global in = pto_arg_tensor(core, 0), out = pto_arg_tensor(core, 1);
    pto_reduce reduce = (pto_reduce)pto_arg_i64(core, 0);
    const pto_comm *comm = pto_arg_comm(core, 0);
    uint32_t root = stage_root(core, comm, 1);
    uint64_t count = pto_global_count(in);
    stage_match(core, "reduce", out, count, in);

    pto_global signals = barrier_signals(core, comm, SIGNALS);
    uint32_t epoch = barrier_epoch(core, comm, signals);
    pto_global mine = stage_half(core, comm, SCRATCH, epoch, in.dtype, count);
    pto_tile sum = stage_tile(core, in.dtype, 0);
    pto_tile ping = stage_tile(core, in.dtype, 1), pong = stage_tile(core, in.dtype, 2);

    pto_tput(core, mine, pto_slice(in, 0, count), ping, pong);
    barrier_cross(core, comm, signals);

    if (comm->rank == root) {
        pto_treduce(core, pto_slice(out, 0, count), pto_group_of(comm, mine), reduce, sum, ping, pong);
        pto_pipe_barrier(core, PTO_PIPE_ALL); /* out is complete when the kernel returns */
    }
}
