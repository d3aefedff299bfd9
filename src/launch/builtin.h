/* SPDX-License-Identifier: Apache-2.0 */
/* The launches that come with Oriel, one file each; launch.c lists them. */
#ifndef ORIEL_LAUNCH_BUILTIN_H
#define ORIEL_LAUNCH_BUILTIN_H

#include "oriel/launch.h"

extern const oriel_launch oriel_launch_allgather, oriel_launch_allgather_ring,
    oriel_launch_allgather_bidirectional_ring, oriel_launch_allgather_recursive_doubling, oriel_launch_allgather_bruck;
extern const oriel_launch oriel_launch_reduce_scatter, oriel_launch_reduce_scatter_ring,
    oriel_launch_reduce_scatter_halving;
extern const oriel_launch oriel_launch_allreduce, oriel_launch_allreduce_two_phase, oriel_launch_allreduce_ring,
    oriel_launch_allreduce_bidirectional_ring, oriel_launch_allreduce_interleaved_ring,
    oriel_launch_allreduce_recursive_doubling, oriel_launch_allreduce_halving_doubling;
extern const oriel_launch oriel_launch_broadcast, oriel_launch_broadcast_binomial;
extern const oriel_launch oriel_launch_reduce, oriel_launch_reduce_binomial;
extern const oriel_launch oriel_launch_gather;
extern const oriel_launch oriel_launch_scatter;
extern const oriel_launch oriel_launch_alltoall;
extern const oriel_launch oriel_launch_barrier;

/* The buffers of a collective; its tensors and its scratch are counted by oriel_count_fn. */
#define ORIEL_COLLECTIVE_BUFFERS(in_, out_, scratch_)                                                                  \
    {                                                                                                                  \
        {"in", ORIEL_ROLE_INPUT, ORIEL_DTYPE_OF_JOB, in_}, {"out", ORIEL_ROLE_OUTPUT, ORIEL_DTYPE_OF_JOB, out_},       \
            {"scratch", ORIEL_ROLE_WINDOW, ORIEL_DTYPE_OF_JOB, scratch_},                                              \
            {"signals", ORIEL_ROLE_WINDOW, PTO_I32, oriel_count_signals},                                              \
    }

/* The launch of oriel_kernel_NAME, for any type and `most_` ranks at most. More fields may follow the summary. */
#define ORIEL_COLLECTIVE(name_, most_, buffers_, expect_, ...)                                                         \
    {                                                                                                                  \
        .name = #name_, .kernel = oriel_kernel_##name_, .buffers = buffers_,                                           \
        .buffer_count = sizeof buffers_ / sizeof *buffers_, .expect = expect_, .dtypes = PTO_DTYPES_ALL,               \
        .min_ranks = 2, .max_ranks = most_, .default_count = 1000, .summary = __VA_ARGS__                              \
    }

/* The root of the launches that have one. */
#define ORIEL_LAUNCH_ROOT 0

/* The scalar argument of the kernels that reduce: the job's pto_reduce. */
oriel_status oriel_scalars_reduce(const oriel_job *job, uint32_t rank, oriel_args *args);
/* That of the kernels that have a root. */
oriel_status oriel_scalars_root(const oriel_job *job, uint32_t rank, oriel_args *args);

#endif
