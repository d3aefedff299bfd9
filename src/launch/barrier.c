/* SPDX-License-Identifier: Apache-2.0 */
#include "collectives/kernels.h"
#include "launch/builtin.h"

/* out[i] = in[i] of the left neighbour: what the barrier is seen by. */
static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)buffer;
    return (oriel_expected){oriel_input(inputs, (rank + job->ranks - 1) % job->ranks, "in", i), 0};
}

static const oriel_launch_buffer buffers[] = {
    {"in", ORIEL_ROLE_INPUT, ORIEL_DTYPE_OF_JOB, oriel_count_one},
    {"out", ORIEL_ROLE_OUTPUT, ORIEL_DTYPE_OF_JOB, oriel_count_one},
    {"scratch", ORIEL_ROLE_WINDOW, ORIEL_DTYPE_OF_JOB, oriel_count_two},
    {"signals", ORIEL_ROLE_WINDOW, PTO_I32, oriel_count_signals},
};

const oriel_launch oriel_launch_barrier = {
    .name = "barrier",
    .summary = "no rank leaves before all have come; to show it, each gets the data of its left neighbour",
    .kernel = oriel_kernel_barrier,
    .buffers = buffers,
    .buffer_count = sizeof buffers / sizeof *buffers,
    .expect = expect,
    .dtypes = PTO_DTYPES_ALL,
    .min_ranks = 2,
    .max_ranks = 64,
    .default_count = 1000,
};
