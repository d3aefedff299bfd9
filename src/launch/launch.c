/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "launch/builtin.h"

static const oriel_launch *const launches[] = {
    &oriel_launch_allgather,
    &oriel_launch_reduce_scatter,
    &oriel_launch_allreduce,
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
