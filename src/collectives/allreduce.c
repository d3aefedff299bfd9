/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All-reduce, in one phase: out[i] of every rank is the reduction of in[i] over all ranks.
 *
 *      in ──TPUT──► my half of scratch ──barrier──► TREDUCE of the halves of all ranks ──► out
 *
 * Each rank reads the data of all: n times the traffic of a reduce-scatter with an all-gather, in one barrier instead
 * of two.
 */
#include "barrier.h"
#include "kernels.h"
#include "stage.h"

enum { SCRATCH, SIGNALS };

void oriel_kernel_allreduce(pto_core *core)
{
    pto_global in = pto_arg_tensor(core, 0), out = pto_arg_tensor(core, 1);
    pto_reduce reduce = (pto_reduce)pto_arg_i64(core, 0);
    const pto_comm *comm = pto_arg_comm(core, 0);
    uint64_t count = pto_global_count(in);
    stage_match(core, "all-reduce", out, count, in);

    pto_global signals = barrier_signals(core, comm, SIGNALS);
    uint32_t epoch = barrier_epoch(core, comm, signals);
    pto_global mine = stage_half(core, comm, SCRATCH, epoch, in.dtype, count);
    pto_tile sum = stage_tile(core, in.dtype, 0);
    pto_tile ping = stage_tile(core, in.dtype, 1), pong = stage_tile(core, in.dtype, 2);

    pto_tput(core, mine, pto_slice(in, 0, count), ping, pong);
    barrier_cross(core, comm, signals);

    /* In the order of the ranks on every rank: all of them get the same bits. */
    pto_treduce(core, pto_slice(out, 0, count), pto_group_of(comm, mine), reduce, sum, ping, pong);
    pto_pipe_barrier(core, PTO_PIPE_ALL); /* out is complete when the kernel returns */
}
