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

static const oriel_launch_buffer buffers[] = {
    {"in", ORIEL_ROLE_INPUT, ORIEL_DTYPE_OF_JOB, oriel_count_one},
    {"out", ORIEL_ROLE_OUTPUT, ORIEL_DTYPE_OF_JOB, oriel_count_one},
    {"scratch", ORIEL_ROLE_WINDOW, ORIEL_DTYPE_OF_JOB, oriel_count_two},
    {"signals", ORIEL_ROLE_WINDOW, PTO_I32, oriel_count_signals},
};

const oriel_launch oriel_launch_reduce = {
    .name = "reduce",
    .summary = "rank 0 gets the data of all, reduced",
    .kernel = oriel_kernel_reduce,
    .buffers = buffers,
    .buffer_count = sizeof buffers / sizeof *buffers,
    .scalars = scalars,
    .expect = expect,
    .reduces = true,
    .dtypes = PTO_DTYPES_ALL,
    .min_ranks = 2,
    .max_ranks = 64,
    .default_count = 1000,
};
