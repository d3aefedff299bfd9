/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The barrier of barrier.h as a kernel: no rank returns before every rank has come, and what a rank stored into a window in
 * an earlier kernel is visible to all that follows on any rank.
 *
 * A barrier has no result to look at. Given two tensors, it therefore brings a letter along: out[i] is in[i] of the left
 * neighbour, which is there if the barrier holds, and only then.
 *
 *      in ──TPUT──► my half of scratch ──barrier──► TGET from the half of the left neighbour ──► out
 */
#include "barrier.h"
#include "kernels.h"
#include "stage.h"

enum { SCRATCH, SIGNALS };

static void cross_with_letter(pto_core *core, const pto_comm *comm, pto_global signals)
{
    pto_global in = pto_arg_tensor(core, 0), out = pto_arg_tensor(core, 1);
    uint64_t count = pto_global_count(in);
    stage_match(core, "barrier", out, count, in);

    uint32_t epoch = barrier_epoch(core, comm, signals);
    pto_global mine = stage_half(core, comm, SCRATCH, epoch, in.dtype, count);
    pto_tile ping = stage_tile(core, in.dtype, 0), pong = stage_tile(core, in.dtype, 1);
    uint32_t left = (comm->rank + comm->ranks - 1) % comm->ranks;

    pto_tput(core, mine, pto_slice(in, 0, count), ping, pong);
    barrier_cross(core, comm, signals);
    pto_tget(core, pto_slice(out, 0, count), pto_peer(comm, mine, left), ping, pong);
    pto_pipe_barrier(core, PTO_PIPE_ALL); /* out is complete when the kernel returns */
}

void oriel_kernel_barrier(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    pto_global signals = barrier_signals(core, comm, SIGNALS);
    if (core->args->tensors > 0)
        cross_with_letter(core, comm, signals);
    else
        barrier_cross(core, comm, signals);
}
