/* SPDX-License-Identifier: Apache-2.0 */
/* The launches that come with Oriel, one file each; launch.c lists them. */
#ifndef ORIEL_LAUNCH_BUILTIN_H
#define ORIEL_LAUNCH_BUILTIN_H

#include "oriel/launch.h"

extern const oriel_launch oriel_launch_allgather, oriel_launch_allreduce, oriel_launch_reduce_scatter;
extern const oriel_launch oriel_launch_allreduce_two_phase;
extern const oriel_launch oriel_launch_broadcast, oriel_launch_reduce, oriel_launch_gather, oriel_launch_scatter;
extern const oriel_launch oriel_launch_alltoall, oriel_launch_barrier;

/* The root of the launches that have one. */
#define ORIEL_LAUNCH_ROOT 0

/* The scalar argument of the kernels that reduce: the job's pto_reduce. */
oriel_status oriel_scalars_reduce(const oriel_job *job, uint32_t rank, oriel_args *args);
/* That of the kernels that have a root. */
oriel_status oriel_scalars_root(const oriel_job *job, uint32_t rank, oriel_args *args);

#endif
