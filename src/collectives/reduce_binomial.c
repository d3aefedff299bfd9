/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reduce up a binomial tree: out[i] of the root is the reduction of in[i] over all ranks. out of the others is left alone.
 *
 *      in ──┬──► my half of scratch ──TREDUCE of my parent──► its half ──► ... ──► out of the root
 *           └─ op the half of my first child, op that of the second, ..
 *
 * A rank adds log2(n) others at most. The terms stay in the order of the ranks, counted from the root, in the shape of the tree:
 * ((0 1) (2 3)) ((4 5) (6 7)) ... binomial.h has the tree, and why a word goes down it at the end. One signal each way between
 * parent and child is enough: my half is complete before I tell, and I store into it again only in the epoch after the next.
 */
#include "binomial.h"
#include "kernels.h"

enum { SCRATCH, SIGNALS };

/* sum <- in op the sums of my children. The root's is out. */
static inline void add_children(const binomial *tree, pto_global sum, pto_global in, pto_global mine, pto_reduce reduce)
{
    pto_core *core = tree->core;
    pto_tile acc = stage_tile(core, in.dtype, 0);
    pto_tile ping = stage_tile(core, in.dtype, 1), pong = stage_tile(core, in.dtype, 2);
    if (tree->behind == 1)
        pto_tput(core, sum, in, ping, pong);
    for (uint32_t distance = 1; distance < tree->behind; distance *= 2) {
        uint32_t child = binomial_child(tree, distance);
        const pto_global terms[] = {distance == 1 ? in : sum, pto_peer(tree->comm, mine, child)};
        steps_hear(core, tree->comm, tree->signals, child);
        pto_treduce(core, sum, ((pto_group){.each = terms, .ranks = 2}), reduce, acc, ping, pong);
    }
}

void oriel_kernel_reduce_binomial(pto_core *core)
{
    pto_global in = pto_arg_tensor(core, 0), out = pto_arg_tensor(core, 1);
    pto_reduce reduce = (pto_reduce)pto_arg_i64(core, 0);
    const pto_comm *comm = pto_arg_comm(core, 0);
    uint32_t root = stage_root(core, comm, 1);
    uint64_t count = pto_global_count(in);
    stage_match(core, "reduce", out, count, in);

    pto_global signals = barrier_signals(core, comm, SIGNALS);
    uint32_t epoch = steps_begin(core, comm, signals);
    pto_global mine = stage_half(core, comm, SCRATCH, epoch, in.dtype, count);
    binomial tree = binomial_of(core, comm, signals, root);

    add_children(&tree, tree.is_root ? pto_slice(out, 0, count) : mine, pto_slice(in, 0, count), mine, reduce);
    barrier_drain(core); /* out is complete when the kernel returns, too */
    binomial_tell_parent(&tree);
    binomial_hear_parent(&tree);
    binomial_tell_children(&tree);
}
