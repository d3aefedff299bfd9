/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All-gather by recursive doubling: out[r C + i] of every rank is in[i] of rank r.
 *
 *      in ──► slot r of my half ──meet r xor 1──► 2 slots ──meet r xor 2──► 4 slots ── ... ──► all
 *                └──► out                            └──► out                  └──► out
 *
 * log2(n) meetings. Each slot of my half is stored once in a call. recursive.h has the pairs. The slot of rank p + i goes with
 * slot i all the way, and rank p + i takes everything from rank i at the end.
 */
#include "kernels.h"
#include "recursive.h"

/* What my partner has and I have not, of both kinds of ranks. After the last meeting nobody reads my half, unless one is behind me. */
static inline void take(const recursive *r, uint64_t count, uint32_t partner, uint32_t distance)
{
    uint32_t first = partner & ~(distance - 1);
    pto_global mine[] = {recursive_chunks(r->half, count, first, distance),
                         recursive_chunks_behind(r, r->half, count, first, distance)};
    pto_global out[] = {recursive_chunks(r->out, count, first, distance),
                        recursive_chunks_behind(r, r->out, count, first, distance)};
    for (uint32_t i = 0; i < 2; i++) {
        pto_global theirs = pto_peer(r->comm, mine[i], partner);
        if (2 * distance < r->power || r->doubled)
            recursive_copy_twice(r, out[i], mine[i], theirs);
        else
            recursive_copy(r, out[i], theirs);
    }
}

void oriel_kernel_allgather_recursive_doubling(pto_core *core)
{
    pto_global in = pto_arg_tensor(core, 0), out = pto_arg_tensor(core, 1);
    const pto_comm *comm = pto_arg_comm(core, 0);
    uint64_t count = pto_global_count(in), all = comm->ranks * count;
    stage_match(core, "all-gather", out, all, in);

    recursive r = recursive_begin(core, all);
    pto_global slot = recursive_chunks(r.half, count, comm->rank, 1);
    if (r.folded)
        recursive_stand_behind(&r, slot, r.half);
    else {
        recursive_copy_twice(&r, recursive_chunks(r.out, count, comm->rank, 1), slot, r.in);
        if (r.doubled) {
            pto_global behind = recursive_chunks(r.half, count, r.other, 1);
            recursive_hear(&r, r.other);
            recursive_copy_twice(&r, recursive_chunks(r.out, count, r.other, 1), behind,
                                 pto_peer(comm, behind, r.other));
        }
        for (uint32_t distance = 1; distance < r.power; distance *= 2) {
            recursive_meet(&r, comm->rank ^ distance);
            take(&r, count, comm->rank ^ distance, distance);
        }
        recursive_tell_behind(&r);
    }
    pto_pipe_barrier(core, PTO_PIPE_ALL); /* out is complete when the kernel returns */
}
