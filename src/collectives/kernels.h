/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernels that come with Oriel. What each expects of its task; all of an operation take the same but for scratch:
 *
 *      operation                tensors            scalars     scratch of the algorithms
 *      allgather                in C, out n C                  2 C; all others 2 n C
 *      reduce_scatter           in n C, out C      op          2 n C
 *      allreduce                in C, out C        op          2 C; _recursive_doubling 2 (floor(log2 n) + 1) C
 *      broadcast                in C, out C        root        2 C
 *      reduce                   in C, out C        op, root    2 C
 *      gather                   in C, out n C      root        2 C
 *      scatter                  in n C, out C      root        2 C
 *      alltoall                 in n C, out n C                2 n C
 *      barrier                  none, or
 *                               in C, out C                    2 C
 *
 * n is the number of ranks, C any number of elements of one type, op a pto_reduce, root a rank. The windows of the first domain:
 * scratch, of the tensors' type, and signals, 48 n of int32; larger ones are fine. One block. A kernel that finds something
 * else traps. All ranks of the domain must run the same kernel, as one group, with the same op and root. It may be called any
 * number of times on one domain, mixed with the others, and nothing needs to be zeroed in between.
 */
#ifndef ORIEL_COLLECTIVES_KERNELS_H
#define ORIEL_COLLECTIVES_KERNELS_H

#include "oriel/kernel.h"

void oriel_kernel_allgather(pto_core *core);
void oriel_kernel_allgather_bidirectional_ring(pto_core *core);
void oriel_kernel_allgather_bruck(pto_core *core);
void oriel_kernel_allgather_recursive_doubling(pto_core *core);
void oriel_kernel_allgather_ring(pto_core *core);
void oriel_kernel_allreduce(pto_core *core);
void oriel_kernel_allreduce_bidirectional_ring(pto_core *core);
void oriel_kernel_allreduce_halving_doubling(pto_core *core);
void oriel_kernel_allreduce_interleaved_ring(pto_core *core);
void oriel_kernel_allreduce_recursive_doubling(pto_core *core);
void oriel_kernel_allreduce_ring(pto_core *core);
void oriel_kernel_allreduce_two_phase(pto_core *core);
void oriel_kernel_alltoall(pto_core *core);
void oriel_kernel_barrier(pto_core *core);
void oriel_kernel_broadcast(pto_core *core);
void oriel_kernel_broadcast_binomial(pto_core *core);
void oriel_kernel_gather(pto_core *core);
void oriel_kernel_reduce(pto_core *core);
void oriel_kernel_reduce_binomial(pto_core *core);
void oriel_kernel_reduce_scatter(pto_core *core);
void oriel_kernel_reduce_scatter_halving(pto_core *core);
void oriel_kernel_reduce_scatter_ring(pto_core *core);
void oriel_kernel_scatter(pto_core *core);

#endif
