/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All-to-all: out[r C + i] of rank q is in[q C + i] of rank r.
 *
 *      in (n chunks) ──TPUT──► my half of scratch ──barrier──► TGET of chunk q of each rank ──► out (n chunks)
 */
#include "barrier.h"
#include "kernels.h"
#include "stage.h"

enum { SCRATCH, SIGNALS };

void oriel_kernel_alltoall(pto_core *core)
{
    pto_global in = pto_arg_tensor(core, 0), out = pto_arg_tensor(core, 1);
    const pto_comm *comm = pto_arg_comm(core, 0);
    uint64_t all = pto_global_count(in), count = all / comm->ranks;
    if (all != comm->ranks * count)
        pto_trap_value(core, "all-to-all: elements of in, which are a chunk for each rank", all, comm->ranks * count);
    stage_match(core, "all-to-all", out, all, in);

    pto_global signals = barrier_signals(core, comm, SIGNALS);
    uint32_t epoch = barrier_epoch(core, comm, signals);
    pto_global mine = stage_half(core, comm, SCRATCH, epoch, in.dtype, all);
    pto_tile ping = stage_tile(core, in.dtype, 0), pong = stage_tile(core, in.dtype, 1);

    pto_tput(core, mine, pto_slice(in, 0, all), ping, pong);
    barrier_cross(core, comm, signals);

    pto_global for_me = pto_slice(mine, comm->rank * count, count);
    for (uint32_t step = 1; step <= comm->ranks; step++) {
        uint32_t peer = (comm->rank + step) % comm->ranks;
        pto_tget(core, pto_slice(out, peer * count, count), pto_peer(comm, for_me, peer), ping, pong);
    }
    pto_pipe_barrier(core, PTO_PIPE_ALL); /* out is complete when the kernel returns */
}
