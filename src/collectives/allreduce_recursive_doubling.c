/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All-reduce by recursive doubling: out[i] of every rank is the reduction of in[i] over all ranks.
 *
 *      in ──► place 0 ──meet r xor 1──► place 1 ──meet r xor 2──► place 2 ── ... ──► out
 *             my term                   of 2 ranks                of 4 ranks
 *
 * log2(n) meetings with all the data each: for short data. Each meeting has a place of its own in my half, so that nothing is
 * stored twice in a call. recursive.h has the pairs, and what ranks beyond a power of two do: rank p + i is added to rank i
 * first. Every rank adds the same terms in the same shape: ((0 1) (2 3)) ((4 5) (6 7)).
 */
#include "kernels.h"
#include "recursive.h"

/* Place `index` of my half. */
static inline pto_global place(const recursive *r, uint32_t index)
{
    uint64_t count = pto_global_count(r->in);
    return pto_slice(r->half, index * count, count);
}

static inline uint32_t meetings_of(uint32_t ranks)
{
    uint32_t meetings = 0;
    while (ranks >> (meetings + 1))
        meetings++;
    return meetings;
}

static inline void among_pairs(const recursive *r, uint32_t meetings)
{
    recursive_stage(r, place(r, 0));
    for (uint32_t k = 0; k < meetings; k++) {
        uint32_t partner = r->comm->rank ^ (1u << k);
        bool last = k + 1 == meetings && !r->doubled;
        recursive_meet(r, partner);
        recursive_combine(r, last ? r->out : place(r, k + 1), place(r, k), partner);
    }
    if (r->doubled) {
        recursive_tell(r, r->other);
        recursive_copy(r, r->out, place(r, meetings));
    }
}

void oriel_kernel_allreduce_recursive_doubling(pto_core *core)
{
    pto_global in = pto_arg_tensor(core, 0), out = pto_arg_tensor(core, 1);
    uint64_t count = pto_global_count(in);
    stage_match(core, "all-reduce", out, count, in);

    uint32_t meetings = meetings_of(pto_arg_comm(core, 0)->ranks);
    recursive r = recursive_begin(core, (meetings + 1) * count);
    r.reduce = (pto_reduce)pto_arg_i64(core, 0);
    if (r.folded)
        recursive_stand_behind(&r, place(&r, 0), place(&r, meetings));
    else
        among_pairs(&r, meetings);
    pto_pipe_barrier(core, PTO_PIPE_ALL); /* out is complete when the kernel returns */
}
