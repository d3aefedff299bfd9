/* SPDX-License-Identifier: Apache-2.0 */
/* How ring_shift.cpp is run, and what must come out of it. */
#include <oriel/front.h>
#include <oriel/oriel.h>

extern void kernel_entry(int64_t *args);
static const oriel_launch launch;

/* What the kernel finds in args[0], args[1] ..: descriptors of two tensors, the addresses of two windows, the context. */
static void kernel(pto_core *core)
{
    oriel_front_run(core, &launch, kernel_entry, "in out &inbox &signals comm");
}

static uint64_t row(const oriel_job *job)
{
    (void)job;
    return 1024; /* as the kernel has it */
}

static uint64_t three_lines(const oriel_job *job)
{
    (void)job;
    return 3 * 16;
}

static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)buffer;
    return (oriel_expected){oriel_input(inputs, (rank + job->ranks - 1) % job->ranks, "in", i), 0};
}

static const oriel_launch_buffer buffers[] = {
    {"in", ORIEL_ROLE_INPUT, PTO_F32, row},
    {"out", ORIEL_ROLE_OUTPUT, PTO_F32, row},
    {"inbox", ORIEL_ROLE_WINDOW, PTO_F32, row},
    {"signals", ORIEL_ROLE_WINDOW, PTO_I32, three_lines},
};

static const oriel_launch launch = {
    .name = "ring_shift",
    .summary = "every rank gets the data of its left neighbour",
    .kernel = kernel,
    .buffers = buffers,
    .buffer_count = sizeof buffers / sizeof *buffers,
    .expect = expect,
    .dtypes = PTO_DTYPE_BIT(PTO_F32),
    .min_ranks = 2,
    .max_ranks = 64,
    .default_count = 1024,
};

ORIEL_API const oriel_launch *oriel_launch_entry(void);
const oriel_launch *oriel_launch_entry(void)
{
    return &launch;
}
