/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All-reduce on a ring, both ways at once: out[i] of every rank is the reduction of in[i] over all ranks.
 *
 *      first half of the data    ──► rank 0 ──► rank 1 ──► rank 2 ──►
 *      second half               ◄── rank 0 ◄── rank 1 ◄── rank 2 ◄──
 *
 * As allreduce_ring.c, with half of the data in each direction, so that the links between neighbours are busy both ways. The
 * terms of chunk c are added in the order c + 1, c + 2, .., c in the first half, c - 1, c - 2, .., c in the second.
 */
#include "kernels.h"
#include "ring.h"

void oriel_kernel_allreduce_bidirectional_ring(pto_core *core)
{
    ring_allreduce(core, 2);
}
