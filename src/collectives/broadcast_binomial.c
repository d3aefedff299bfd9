/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Broadcast down a binomial tree: out[i] of every rank is in[i] of the root.
 *
 *      in of the root ──► its half of scratch ──TGET of its children──► their halves ──TGET of their children──► ...
 *             └──► out                                  └──► out                            └──► out
 *
 * A rank reads once and is read by log2(n) others at most. binomial.h has the tree, and why a word goes up it first. One signal
 * each way between parent and child is enough: a half is stored once in a call, before its children are told.
 */
#include "binomial.h"
#include "kernels.h"

enum { SCRATCH, SIGNALS };

void oriel_kernel_broadcast_binomial(pto_core *core)
{
    pto_global in = pto_arg_tensor(core, 0), out = pto_arg_tensor(core, 1);
    const pto_comm *comm = pto_arg_comm(core, 0);
    uint32_t root = stage_root(core, comm, 0);
    uint64_t count = pto_global_count(in);
    stage_match(core, "broadcast", out, count, in);

    pto_global signals = barrier_signals(core, comm, SIGNALS);
    uint32_t epoch = steps_begin(core, comm, signals);
    pto_global mine = stage_half(core, comm, SCRATCH, epoch, in.dtype, count);
    pto_tile ping = stage_tile(core, in.dtype, 0), pong = stage_tile(core, in.dtype, 1);
    binomial tree = binomial_of(core, comm, signals, root);

    binomial_hear_children(&tree);
    binomial_tell_parent(&tree);
    binomial_hear_parent(&tree);

    /* A leaf has nobody to stage it for. */
    const pto_global both[] = {pto_slice(out, 0, count), mine};
    pto_group group = {.each = both, .ranks = tree.behind > 1 ? 2 : 1};
    pto_global from = tree.is_root ? pto_slice(in, 0, count) : pto_peer(comm, mine, tree.parent);
    pto_tbroadcast(core, group, from, ping, pong);
    barrier_drain(core); /* out is complete when the kernel returns, too */
    binomial_tell_children(&tree);
}
