/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The binomial tree: rank v, counted from the root, has behind it the ranks v .. v + b - 1, b the lowest bit of v.
 *
 *      0 ─┬─ 1                 children of v: v + 1, v + 2, v + 4 .. below v + b; the root has them all
 *         ├─ 2 ─── 3
 *         └─ 4 ─┬─ 5           ceil(log2 n) levels
 *               └─ 6 ─── 7
 *
 * A call goes through the tree twice, up and then down, one of the two with data and the other without:
 *
 *      broadcast   up: "all behind me have begun"          down: data
 *      reduce      up: data                                down: "all have begun"
 *
 * That is what it takes for nobody to leave the epoch early (stage.h), since the way with data tells each only of those on its
 * own side: up, the root learns that every rank has begun; down, it tells them. What goes without data goes without a drain:
 * there is nothing in this call yet that it could overtake, and all of the one before was drained when it returned.
 */
#ifndef ORIEL_COLLECTIVES_BINOMIAL_H
#define ORIEL_COLLECTIVES_BINOMIAL_H

#include "stage.h"
#include "steps.h"

typedef struct binomial {
    pto_core *core;
    const pto_comm *comm;
    pto_global signals;
    uint32_t root;
    uint32_t behind; /* bound of the distance to my children */
    uint32_t parent; /* not for the root */
    bool is_root;
} binomial;

PTO_INLINE binomial binomial_of(pto_core *core, const pto_comm *comm, pto_global signals, uint32_t root)
{
    uint32_t from_root = (comm->rank + comm->ranks - root) % comm->ranks;
    uint32_t bit = from_root ? from_root & -from_root : comm->ranks;
    uint32_t left = comm->ranks - from_root;
    return (binomial){.core = core,
                      .comm = comm,
                      .signals = signals,
                      .root = root,
                      .behind = bit < left ? bit : left,
                      .parent = (comm->rank + comm->ranks - bit % comm->ranks) % comm->ranks,
                      .is_root = from_root == 0};
}

/* The rank `distance` after me, counted from the root. */
PTO_INLINE uint32_t binomial_child(const binomial *tree, uint32_t distance)
{
    return (tree->comm->rank + distance) % tree->comm->ranks;
}

PTO_INLINE void binomial_tell_parent(const binomial *tree)
{
    if (!tree->is_root)
        steps_tell(tree->core, tree->comm, tree->signals, tree->parent);
}

PTO_INLINE void binomial_hear_parent(const binomial *tree)
{
    if (!tree->is_root)
        steps_hear(tree->core, tree->comm, tree->signals, tree->parent);
}

PTO_INLINE void binomial_tell_children(const binomial *tree)
{
    for (uint32_t distance = 1; distance < tree->behind; distance *= 2)
        steps_tell(tree->core, tree->comm, tree->signals, binomial_child(tree, distance));
}

PTO_INLINE void binomial_hear_children(const binomial *tree)
{
    for (uint32_t distance = 1; distance < tree->behind; distance *= 2)
        steps_hear(tree->core, tree->comm, tree->signals, binomial_child(tree, distance));
}

#endif
