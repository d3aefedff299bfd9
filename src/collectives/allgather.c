/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All-gather: out[r C + i] of every rank is in[i] of rank r.
 *
 *      in ──TPUT──► my half of scratch ──barrier──► TGET from the half of each rank ──► out
 */
#include "barrier.h"
#include "kernels.h"
#include "stage.h"

enum { SCRATCH, SIGNALS };

void oriel_kernel_allgather(pto_core *core)
{
    pto_global in = pto_arg_tensor(core, 0), out = pto_arg_tensor(core, 1);
    const pto_comm *comm = pto_arg_comm(core, 0);
    uint64_t count = pto_global_count(in);
    stage_match(core, "all-gather", out, comm->ranks * count, in);

    pto_global signals = barrier_signals(core, comm, SIGNALS);
    uint32_t epoch = barrier_epoch(core, comm, signals);
    pto_global mine = stage_half(core, comm, SCRATCH, epoch, in.dtype, count);
    pto_tile ping = stage_tile(core, in.dtype, 0), pong = stage_tile(core, in.dtype, 1);

    pto_tput(core, mine, pto_slice(in, 0, count), ping, pong);
    barrier_cross(core, comm, signals);

    /* Each rank begins with its right neighbour, so that they do not all read the same window. */
    for (uint32_t step = 1; step <= comm->ranks; step++) {
        uint32_t peer = (comm->rank + step) % comm->ranks;
        pto_tget(core, pto_slice(out, peer * count, count), pto_peer(comm, mine, peer), ping, pong);
    }
    pto_pipe_barrier(core, PTO_PIPE_ALL); /* out is complete when the kernel returns */
}
