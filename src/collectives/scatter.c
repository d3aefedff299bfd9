/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scatter: out[i] of rank r is in[r C + i] of the root. in of the other ranks is not looked at.
 *
 *      in (n chunks) of the root ──TSCATTER──► a half of scratch on each rank ──barrier──► TGET from my own ──► out
 *
 * The root stores into its peers' windows: a half belongs to a call, whoever writes it (stage.h).
 */
#include "barrier.h"
#include "kernels.h"
#include "stage.h"

enum { SCRATCH, SIGNALS };

void oriel_kernel_scatter(pto_core *core)
{
    pto_global in = pto_arg_tensor(core, 0), out = pto_arg_tensor(core, 1);
    const pto_comm *comm = pto_arg_comm(core, 0);
    uint32_t root = stage_root(core, comm, 0);
    uint64_t count = pto_global_count(out), all = comm->ranks * count;
    stage_match(core, "scatter", in, all, out);

    pto_global signals = barrier_signals(core, comm, SIGNALS);
    uint32_t epoch = barrier_epoch(core, comm, signals);
    pto_global mine = stage_half(core, comm, SCRATCH, epoch, in.dtype, count);
    pto_tile ping = stage_tile(core, in.dtype, 0), pong = stage_tile(core, in.dtype, 1);

    if (comm->rank == root) {
        pto_global chunks = pto_global_2d(in.addr, in.dtype, comm->ranks, count, count);
        pto_tscatter(core, pto_group_of(comm, mine), chunks, ping, pong);
    }
    barrier_cross(core, comm, signals);
    pto_tget(core, pto_slice(out, 0, count), mine, ping, pong);
    pto_pipe_barrier(core, PTO_PIPE_ALL); /* out is complete when the kernel returns */
}
