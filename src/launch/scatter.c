/* SPDX-License-Identifier: Apache-2.0 */
#include "collectives/kernels.h"
#include "launch/builtin.h"

/* out[i] of rank r = in[r C + i] of the root. */
static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)buffer;
    return (oriel_expected){oriel_input(inputs, ORIEL_LAUNCH_ROOT, "in", rank * job->count + i), 0};
}

static const oriel_launch_buffer buffers[] = {
    {"in", ORIEL_ROLE_INPUT, ORIEL_DTYPE_OF_JOB, oriel_count_all},
    {"out", ORIEL_ROLE_OUTPUT, ORIEL_DTYPE_OF_JOB, oriel_count_one},
    {"scratch", ORIEL_ROLE_WINDOW, ORIEL_DTYPE_OF_JOB, oriel_count_two},
    {"signals", ORIEL_ROLE_WINDOW, PTO_I32, oriel_count_signals},
};

const oriel_launch oriel_launch_scatter = {
    .name = "scatter",
    .summary = "rank r gets chunk r of the data of rank 0",
    .kernel = oriel_kernel_scatter,
    .buffers = buffers,
    .buffer_count = sizeof buffers / sizeof *buffers,
    .scalars = oriel_scalars_root,
    .expect = expect,
    .dtypes = PTO_DTYPES_ALL,
    .min_ranks = 2,
    .max_ranks = 64,
    .default_count = 1000,
};
