/* SPDX-License-Identifier: Apache-2.0 */
/* How ring_shift is run, and what must come out of it. */
#include <oriel/oriel.h>

void ring_shift(struct pto_core *core);

/* Three int32 cells, 16 apart: a cache line for each. */
static uint64_t three_lines(const oriel_job *job)
{
    (void)job;
    return 3 * 16;
}

/* out[i] of rank r is in[i] of its left neighbour, exactly. */
static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)buffer;
    uint32_t left = (rank + job->ranks - 1) % job->ranks;
    return (oriel_expected){oriel_input(inputs, left, "in", i), 0};
}

/* Inputs and outputs are the kernel's tensors, window buffers are its domain's, both in this order. C is --count. */
static const oriel_launch_buffer buffers[] = {
    {"in", ORIEL_ROLE_INPUT, ORIEL_DTYPE_OF_JOB, oriel_count_one},
    {"out", ORIEL_ROLE_OUTPUT, ORIEL_DTYPE_OF_JOB, oriel_count_one},
    {"inbox", ORIEL_ROLE_WINDOW, ORIEL_DTYPE_OF_JOB, oriel_count_one},
    {"signals", ORIEL_ROLE_WINDOW, PTO_I32, three_lines},
};

static const oriel_launch launch = {
    .name = "ring_shift",
    .summary = "every rank gets the data of its left neighbour",
    .kernel = ring_shift,
    .buffers = buffers,
    .buffer_count = sizeof buffers / sizeof *buffers,
    .expect = expect,
    .dtypes = PTO_DTYPES_ALL,
    .min_ranks = 2,
    .max_ranks = 64,
    .default_count = 1000,
};

/* `oriel run ./ring_shift.so` looks for this function. */
ORIEL_API const oriel_launch *oriel_launch_entry(void);
const oriel_launch *oriel_launch_entry(void)
{
    return &launch;
}
