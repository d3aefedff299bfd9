/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All-gather on a ring, both ways at once: out[r C + i] of every rank is in[i] of rank r.
 *
 *          ◄── ◄── rank r ──► ──► ──►         in goes n/2 ranks one way and (n-1)/2 the other
 *
 * Half as many steps as allgather_ring.c, each with two chunks under way. ring.h has the steps: a rank hears in a call from all
 * that are on either side of it, and these are all.
 */
#include "kernels.h"
#include "ring.h"

void oriel_kernel_allgather_bidirectional_ring(pto_core *core)
{
    ring_allgather(core, 2);
}
