/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernels that come with Oriel. What each expects of its task:
 *
 *                      tensors             windows of its first domain      scalars
 *      allgather       in C, out n C       scratch 2 C,   signals 48 n
 *      reduce_scatter  in n C, out C       scratch 2 n C, signals 48 n      op
 *      allreduce       in C, out C         scratch 2 C,   signals 48 n      op
 *      allreduce_two_phase    as allreduce
 *      broadcast       in C, out C         scratch 2 C,   signals 48 n      root
 *      reduce          in C, out C         scratch 2 C,   signals 48 n      op, root
 *      gather          in C, out n C       scratch 2 C,   signals 48 n      root
 *      scatter         in n C, out C       scratch 2 C,   signals 48 n      root
 *      alltoall        in n C, out n C     scratch 2 n C, signals 48 n
 *      barrier         none                any,           signals 48 n
 *                      or in C, out C      scratch 2 C,   signals 48 n
 *
 * n is the number of ranks, C any number of elements of one type; signals are int32; op is a pto_reduce. Larger scratch is
 * fine. One block. A kernel that finds something else traps. All ranks of the domain must run the same kernel, as one group,
 * with the same op and root. It may be called any number of times on one domain, mixed with the others, and nothing needs to
 * be zeroed in between.
 */
#ifndef ORIEL_COLLECTIVES_KERNELS_H
#define ORIEL_COLLECTIVES_KERNELS_H

#include "oriel/kernel.h"

void oriel_kernel_allgather(pto_core *core);
void oriel_kernel_reduce_scatter(pto_core *core);
void oriel_kernel_allreduce(pto_core *core);
void oriel_kernel_allreduce_two_phase(pto_core *core);
void oriel_kernel_broadcast(pto_core *core);
void oriel_kernel_reduce(pto_core *core);
void oriel_kernel_gather(pto_core *core);
void oriel_kernel_scatter(pto_core *core);
void oriel_kernel_alltoall(pto_core *core);
void oriel_kernel_barrier(pto_core *core);

#endif
