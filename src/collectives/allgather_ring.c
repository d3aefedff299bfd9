/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All-gather on a ring: out[r C + i] of every rank is in[i] of rank r.
 *
 *      in ──TPUT──► chunk r of out ──► the slots of the next rank ──► the slots of the one after it ── ...
 *                                       └──► its out                   └──► its out
 *
 * n - 1 steps. Each rank has to do with its two neighbours only, and never waits for all. ring.h has the steps.
 */
#include "kernels.h"
#include "ring.h"

void oriel_kernel_allgather_ring(pto_core *core)
{
    ring_allgather(core, 1);
}
