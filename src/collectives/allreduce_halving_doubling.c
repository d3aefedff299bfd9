/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All-reduce by recursive halving and doubling (Rabenseifner, "Optimization of collective reduction operations", ICCS 2004):
 * out[i] of every rank is the reduction of in[i] over all ranks.
 *
 *      in ──► my half, all chunks ──meet r xor p/2──► my half of them, of 2 ranks ──meet r xor p/4──► ... ──► chunk r of all
 *      out ◄── all chunks ◄─── ... ◄──meet r xor 2── 2 chunks ◄──meet r xor 1──◄──────────────────────────────────┘
 *
 * 2 log2(n) meetings, 2 C elements read by each rank. All in one place: the data lies in my half as it lies in the tensors.
 *   - Halving: of the chunks that both still have, I add those that I keep, in my half, and my partner those that it keeps, in
 *     its own: it reads of mine just what I no longer write.
 *   - Doubling: I store what my partner has over what it has read in the meeting of the same distance before. That it has, it
 *     tells me in this one.
 * recursive.h has the pairs, and what ranks beyond a power of two do: rank p + i is added to rank i first. The bits are the same on
 * all ranks, as one of them computes each chunk: (0 + p/2) + (p/4 + 3p/4) ..
 */
#include "kernels.h"
#include "recursive.h"

/* What lies in `tensor` of chunks first .. first + chunks - 1 of p. */
static inline pto_global part(const recursive *r, pto_global tensor, uint32_t first, uint32_t chunks)
{
    uint64_t count = pto_global_count(r->in);
    stage_chunk begin = stage_chunk_of(count, r->power, first),
                last = stage_chunk_of(count, r->power, first + chunks - 1);
    return pto_slice(tensor, begin.first, last.first + last.count - begin.first);
}

static inline void halve(const recursive *r)
{
    for (uint32_t distance = r->power / 2; distance > 0; distance /= 2) {
        uint32_t partner = r->comm->rank ^ distance;
        pto_global kept = part(r, r->half, r->comm->rank & ~(distance - 1), distance);
        recursive_meet(r, partner);
        recursive_combine(r, kept, kept, partner);
    }
}

/* Nothing is stored into a window after the last drain (stage.h): the last meeting leaves my half as it is. */
static inline void double_up(const recursive *r)
{
    recursive_copy(r, part(r, r->out, r->comm->rank, 1), part(r, r->half, r->comm->rank, 1));
    for (uint32_t distance = 1; distance < r->power; distance *= 2) {
        uint32_t partner = r->comm->rank ^ distance, first = partner & ~(distance - 1);
        pto_global mine = part(r, r->half, first, distance), out = part(r, r->out, first, distance);
        pto_global theirs = pto_peer(r->comm, mine, partner);
        recursive_meet(r, partner);
        if (2 * distance < r->power || r->doubled)
            recursive_copy_twice(r, out, mine, theirs);
        else
            recursive_copy(r, out, theirs);
    }
}

void oriel_kernel_allreduce_halving_doubling(pto_core *core)
{
    pto_global in = pto_arg_tensor(core, 0), out = pto_arg_tensor(core, 1);
    uint64_t count = pto_global_count(in);
    stage_match(core, "all-reduce", out, count, in);

    recursive r = recursive_begin(core, count);
    r.reduce = (pto_reduce)pto_arg_i64(core, 0);
    if (r.folded)
        recursive_stand_behind(&r, r.half, r.half);
    else {
        recursive_stage(&r, r.half);
        halve(&r);
        double_up(&r);
        recursive_tell_behind(&r);
    }
    pto_pipe_barrier(core, PTO_PIPE_ALL); /* out is complete when the kernel returns */
}
