/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "launch/builtin.h"

static const oriel_launch *const launches[] = {
    &oriel_launch_allgather,
    &oriel_launch_allgather_ring,
    &oriel_launch_allgather_bidirectional_ring,
    &oriel_launch_allgather_recursive_doubling,
    &oriel_launch_allgather_bruck,
    &oriel_launch_reduce_scatter,
    &oriel_launch_reduce_scatter_ring,
    &oriel_launch_reduce_scatter_halving,
    &oriel_launch_allreduce,
    &oriel_launch_allreduce_two_phase,
    &oriel_launch_allreduce_ring,
    &oriel_launch_allreduce_bidirectional_ring,
    &oriel_launch_allreduce_interleaved_ring,
    &oriel_launch_allreduce_recursive_doubling,
    &oriel_launch_allreduce_halving_doubling,
    &oriel_launch_broadcast,
    &oriel_launch_broadcast_binomial,
    &oriel_launch_reduce,
    &oriel_launch_reduce_binomial,
    &oriel_launch_gather,
    &oriel_launch_scatter,
    &oriel_launch_alltoall,
    &oriel_launch_barrier,
};

uint32_t oriel_launch_count(void)
{
    return sizeof launches / sizeof *launches;
}

const oriel_launch *oriel_launch_at(uint32_t index)
{
    return index < oriel_launch_count() ? launches[index] : NULL;
}

const oriel_launch *oriel_launch_find(const char *name)
{
    for (uint32_t i = 0; i < oriel_launch_count(); i++)
        if (strcmp(launches[i]->name, name) == 0)
            return launches[i];
    return NULL;
}

oriel_status oriel_scalars_reduce(const oriel_job *job, uint32_t rank, oriel_args *args)
{
    (void)rank;
    return oriel_args_i64(args, job->reduce);
}

oriel_status oriel_scalars_root(const oriel_job *job, uint32_t rank, oriel_args *args)
{
    (void)job, (void)rank;
    return oriel_args_i64(args, ORIEL_LAUNCH_ROOT);
}
