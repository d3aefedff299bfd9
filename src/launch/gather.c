/* SPDX-License-Identifier: Apache-2.0 */
#include "collectives/kernels.h"
#include "launch/builtin.h"
#include "launch/expect.h"

/* out[r C + i] of the root = in[i] of rank r. */
static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)buffer;
    if (rank != ORIEL_LAUNCH_ROOT)
        return oriel_expect_anything;
    return (oriel_expected){oriel_input(inputs, (uint32_t)(i / job->count), "in", i % job->count), 0};
}

static const oriel_launch_buffer buffers[] = {
    {"in", ORIEL_ROLE_INPUT, ORIEL_DTYPE_OF_JOB, oriel_count_one},
    {"out", ORIEL_ROLE_OUTPUT, ORIEL_DTYPE_OF_JOB, oriel_count_all},
    {"scratch", ORIEL_ROLE_WINDOW, ORIEL_DTYPE_OF_JOB, oriel_count_two},
    {"signals", ORIEL_ROLE_WINDOW, PTO_I32, oriel_count_signals},
};

const oriel_launch oriel_launch_gather = {
    .name = "gather",
    .summary = "rank 0 gets the data of all, in the order of the ranks",
    .kernel = oriel_kernel_gather,
    .buffers = buffers,
    .buffer_count = sizeof buffers / sizeof *buffers,
    .scalars = oriel_scalars_root,
    .expect = expect,
    .dtypes = PTO_DTYPES_ALL,
    .min_ranks = 2,
    .max_ranks = 64,
    .default_count = 1000,
};
