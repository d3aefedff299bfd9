/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gather: out[r C + i] of the root is in[i] of rank r. out of the other ranks is left alone.
 *
 *      in ──TPUT──► my half of scratch ──barrier──► on the root: TGATHER from the half of each rank ──► out
 */
#include "barrier.h"
#include "kernels.h"
#include "stage.h"

enum { SCRATCH, SIGNALS };

void oriel_kernel_gather(pto_core *core)
{
    pto_global in = pto_arg_tensor(core, 0), out = pto_arg_tensor(core, 1);
    const pto_comm *comm = pto_arg_comm(core, 0);
    uint32_t root = stage_root(core, comm, 0);
    uint64_t count = pto_global_count(in);
    stage_match(core, "gather", out, comm->ranks * count, in);

    pto_global signals = barrier_signals(core, comm, SIGNALS);
    uint32_t epoch = barrier_epoch(core, comm, signals);
    pto_global mine = stage_half(core, comm, SCRATCH, epoch, in.dtype, count);
    pto_tile ping = stage_tile(core, in.dtype, 0), pong = stage_tile(core, in.dtype, 1);

    pto_tput(core, mine, pto_slice(in, 0, count), ping, pong);
    barrier_cross(core, comm, signals);

    if (comm->rank == root) {
        pto_global chunks = pto_global_2d(out.addr, out.dtype, comm->ranks, count, count);
        pto_tgather(core, chunks, pto_group_of(comm, mine), ping, pong);
        pto_pipe_barrier(core, PTO_PIPE_ALL); /* out is complete when the kernel returns */
    }
}
