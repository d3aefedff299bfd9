/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reduce-scatter on a ring: out[j] of rank r is the reduction of in[r C + j] over all ranks.
 *
 *      in (n chunks) ──ring_reduce──► chunk r is reduced on rank r ──► out
 *
 * n - 1 steps with a chunk each. The terms of chunk c are added in the order c + 1, c + 2, .., c. ring.h has the steps.
 */
#include "kernels.h"
#include "ring.h"

void oriel_kernel_reduce_scatter_ring(pto_core *core)
{
    pto_global in = pto_arg_tensor(core, 0), out = pto_arg_tensor(core, 1);
    uint32_t ranks = pto_arg_comm(core, 0)->ranks;
    uint64_t count = pto_global_count(out), all = ranks * count;
    stage_match(core, "reduce-scatter", in, all, out);

    ring r = ring_begin(core, 1, all);
    r.reduce = (pto_reduce)pto_arg_i64(core, 0);
    r.way[0] = ring_way_of(r.comm, 1, 0, (stage_chunk){.first = 0, .count = all});
    ring_reduce(&r);
    ring_add(&r, &r.way[0], pto_slice(out, 0, count), 0);
    pto_pipe_barrier(core, PTO_PIPE_ALL); /* out is complete when the kernel returns */
}
