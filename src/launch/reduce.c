/* SPDX-License-Identifier: Apache-2.0 */
#include "collectives/kernels.h"
#include "launch/builtin.h"
#include "launch/expect.h"

static oriel_status scalars(const oriel_job *job, uint32_t rank, oriel_args *args)
{
    oriel_status status = oriel_scalars_reduce(job, rank, args);
    return status ? status : oriel_scalars_root(job, rank, args);
}

/* out[i] of the root = the reduction of in[i] over all ranks. */
static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)buffer;
    if (rank != ORIEL_LAUNCH_ROOT)
        return oriel_expect_anything;
    return oriel_expect_is_closed(job) ? oriel_expect_closed_sum(job, i) : oriel_expect_reduced(job, inputs, "in", i);
}

static const oriel_launch_buffer buffers[] =
    ORIEL_COLLECTIVE_BUFFERS(oriel_count_one, oriel_count_one, oriel_count_two);

const oriel_launch oriel_launch_reduce = ORIEL_COLLECTIVE(
    reduce, 64, buffers, expect, "rank 0 gets the data of all, reduced", .scalars = scalars, .reduces = true);
const oriel_launch oriel_launch_reduce_binomial = ORIEL_COLLECTIVE(
    reduce_binomial, 64, buffers, expect, "the same up a binomial tree", .scalars = scalars, .reduces = true);
