/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernels that come with Oriel. What each expects of its task:
 *
 *                   tensors            windows of its first domain     scalar 0
 *      allgather    in C, out n C      scratch 2 C,   signals 16 n     none
 *      reduce_scatter  in n C, out C   scratch 2 n C, signals 16 n     a pto_reduce
 *      allreduce    in C, out C        scratch 2 C,   signals 16 n     a pto_reduce
 *
 * n is the number of ranks, C any number of elements of one type; signals are int32. Larger scratch is fine. One block.
 * A kernel that finds something else traps. All ranks of the domain must run the same kernel, as one group. It may be
 * called any number of times on one domain, mixed with the others, and nothing needs to be zeroed in between.
 */
#ifndef ORIEL_COLLECTIVES_KERNELS_H
#define ORIEL_COLLECTIVES_KERNELS_H

#include "oriel/kernel.h"

void oriel_kernel_allgather(pto_core *core);
void oriel_kernel_reduce_scatter(pto_core *core);
void oriel_kernel_allreduce(pto_core *core);

#endif
