/* SPDX-License-Identifier: Apache-2.0 */
/* How the tensor-parallel product is run: --count is N, the columns of the weights; --ranks cuts K in as many parts. */
#include <oriel/oriel.h>

#include <math.h>

void tensor_parallel_matmul(struct pto_core *core);

#define ROWS  UINT64_C(3) /* M: tokens */
#define INNER UINT64_C(8) /* K: of each rank */

static uint64_t x_count(const oriel_job *job)
{
    (void)job;
    return ROWS * INNER;
}

static uint64_t w_count(const oriel_job *job)
{
    return INNER * job->count;
}

static uint64_t y_count(const oriel_job *job)
{
    return ROWS * job->count;
}

static uint64_t two_y_count(const oriel_job *job)
{
    return 2 * ROWS * job->count;
}

static oriel_status shape(const oriel_job *job, uint32_t rank, oriel_args *args)
{
    (void)job, (void)rank;
    oriel_status status = oriel_args_i64(args, ROWS);
    return status == ORIEL_OK ? oriel_args_i64(args, INNER) : status;
}

/*
 * y = sum over all ranks and k of x[m][k] w[k][n]. A sum of t products in any order is off by at most t eps sum |x w|, to first
 * order (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1).
 */
static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)rank, (void)buffer;
    uint64_t m = i / job->count, n = i % job->count;
    double sum = 0, terms = 0;
    for (uint32_t r = 0; r < job->ranks; r++)
        for (uint64_t k = 0; k < INNER; k++) {
            double term =
                oriel_input(inputs, r, "x", m * INNER + k).f * oriel_input(inputs, r, "w", k * job->count + n).f;
            sum += term;
            terms += fabs(term);
        }
    return (oriel_expected){{.f = sum}, (double)(job->ranks * INNER) * 0x1p-23 * terms};
}

static const oriel_launch_buffer buffers[] = {
    {"x", ORIEL_ROLE_INPUT, PTO_F32, x_count},
    {"w", ORIEL_ROLE_INPUT, PTO_F32, w_count},
    {"y", ORIEL_ROLE_OUTPUT, PTO_F32, y_count},
    {"scratch", ORIEL_ROLE_WINDOW, PTO_F32, two_y_count},
    {"signals", ORIEL_ROLE_WINDOW, PTO_I32, oriel_count_signals},
};

static const oriel_launch launch = {
    .name = "tensor_parallel",
    .summary = "y is the sum over all ranks of x w, on every rank",
    .kernel = tensor_parallel_matmul,
    .buffers = buffers,
    .buffer_count = sizeof buffers / sizeof *buffers,
    .scalars = shape,
    .expect = expect,
    .dtypes = PTO_DTYPE_BIT(PTO_F32),
    .min_ranks = 2,
    .max_ranks = 64,
    .default_count = 1000,
};

/* `oriel run ./tensor_parallel.so` looks for this function. */
ORIEL_API const oriel_launch *oriel_launch_entry(void);
const oriel_launch *oriel_launch_entry(void)
{
    return &launch;
}
