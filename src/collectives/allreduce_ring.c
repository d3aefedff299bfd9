/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All-reduce on a ring: out[i] of every rank is the reduction of in[i] over all ranks.
 *
 *      in ──ring_reduce──► chunk r is reduced on rank r ──ring_gather──► out
 *
 * 2 (n - 1) steps with a chunk of C / n elements each: no rank sends or receives more than 2 C, however many there are. Every
 * rank gets the same bits, since one rank computes each chunk: the terms of chunk c are added in the order c + 1, c + 2, .., c.
 */
#include "kernels.h"
#include "ring.h"

void oriel_kernel_allreduce_ring(pto_core *core)
{
    ring_allreduce(core, 1);
}
