/* SPDX-License-Identifier: Apache-2.0 */
#include "collectives/kernels.h"
#include "launch/builtin.h"

/* out[r C + i] of rank q = in[q C + i] of rank r. */
static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)buffer;
    uint32_t from = (uint32_t)(i / job->count);
    return (oriel_expected){oriel_input(inputs, from, "in", rank * job->count + i % job->count), 0};
}

static const oriel_launch_buffer buffers[] = {
    {"in", ORIEL_ROLE_INPUT, ORIEL_DTYPE_OF_JOB, oriel_count_all},
    {"out", ORIEL_ROLE_OUTPUT, ORIEL_DTYPE_OF_JOB, oriel_count_all},
    {"scratch", ORIEL_ROLE_WINDOW, ORIEL_DTYPE_OF_JOB, oriel_count_two_all},
    {"signals", ORIEL_ROLE_WINDOW, PTO_I32, oriel_count_signals},
};

const oriel_launch oriel_launch_alltoall = {
    .name = "alltoall",
    .summary = "rank r gets chunk r of the data of each",
    .kernel = oriel_kernel_alltoall,
    .buffers = buffers,
    .buffer_count = sizeof buffers / sizeof *buffers,
    .expect = expect,
    .dtypes = PTO_DTYPES_ALL,
    .min_ranks = 2,
    .max_ranks = 64,
    .default_count = 1000,
};
