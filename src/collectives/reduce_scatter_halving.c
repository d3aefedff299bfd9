/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reduce-scatter by recursive halving: out[j] of rank r is the reduction of in[r C + j] over all ranks.
 *
 *      in (n chunks) ──► my half ──meet r xor p/2──► half of the chunks, of 2 ranks ──meet r xor p/4──► ... ──► out
 *
 * log2(n) meetings. Of the chunks that both still have, I add those that I keep, in my half, and my partner those that it keeps,
 * in its own: it reads of mine just what I no longer write. recursive.h has the pairs. Rank p + i is added to rank i first; its
 * chunk goes with chunk i all the way, and it takes it from there at the end.
 */
#include "kernels.h"
#include "recursive.h"

/* The last sum is my chunk: no need to stage it. */
static inline void halve(const recursive *r, uint64_t count)
{
    for (uint32_t distance = r->power / 2; distance > 0; distance /= 2) {
        uint32_t partner = r->comm->rank ^ distance, first = r->comm->rank & ~(distance - 1);
        pto_global kept = recursive_chunks(r->half, count, first, distance);
        pto_global behind = recursive_chunks_behind(r, r->half, count, first, distance);
        recursive_meet(r, partner);
        recursive_combine(r, distance == 1 ? r->out : kept, kept, partner);
        recursive_combine(r, behind, behind, partner);
    }
}

void oriel_kernel_reduce_scatter_halving(pto_core *core)
{
    pto_global in = pto_arg_tensor(core, 0), out = pto_arg_tensor(core, 1);
    const pto_comm *comm = pto_arg_comm(core, 0);
    uint64_t count = pto_global_count(out), all = comm->ranks * count;
    stage_match(core, "reduce-scatter", in, all, out);

    recursive r = recursive_begin(core, all);
    r.reduce = (pto_reduce)pto_arg_i64(core, 0);
    if (r.folded)
        recursive_stand_behind(&r, r.half, recursive_chunks(r.half, count, comm->rank, 1));
    else {
        recursive_stage(&r, r.half);
        halve(&r, count);
        recursive_tell_behind(&r);
    }
    pto_pipe_barrier(core, PTO_PIPE_ALL); /* out is complete when the kernel returns */
}
