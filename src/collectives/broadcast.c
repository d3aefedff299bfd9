/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Broadcast: out[i] of every rank is in[i] of the root.
 *
 *      in of the root ──TPUT──► its half of scratch ──barrier──► TGET from there, on every rank ──► out
 *
 * All read one window at once. broadcast_binomial.c hands the data on from rank to rank instead.
 */
#include "barrier.h"
#include "kernels.h"
#include "stage.h"

enum { SCRATCH, SIGNALS };

void oriel_kernel_broadcast(pto_core *core)
{
    pto_global in = pto_arg_tensor(core, 0), out = pto_arg_tensor(core, 1);
    const pto_comm *comm = pto_arg_comm(core, 0);
    uint32_t root = stage_root(core, comm, 0);
    uint64_t count = pto_global_count(in);
    stage_match(core, "broadcast", out, count, in);

    pto_global signals = barrier_signals(core, comm, SIGNALS);
    uint32_t epoch = barrier_epoch(core, comm, signals);
    pto_global mine = stage_half(core, comm, SCRATCH, epoch, in.dtype, count);
    pto_tile ping = stage_tile(core, in.dtype, 0), pong = stage_tile(core, in.dtype, 1);

    if (comm->rank == root)
        pto_tput(core, mine, pto_slice(in, 0, count), ping, pong);
    barrier_cross(core, comm, signals);
    pto_tget(core, pto_slice(out, 0, count), pto_peer(comm, mine, root), ping, pong);
    pto_pipe_barrier(core, PTO_PIPE_ALL); /* out is complete when the kernel returns */
}
