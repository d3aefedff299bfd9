/* SPDX-License-Identifier: Apache-2.0 */
#include "collectives/kernels.h"
#include "launch/builtin.h"
#include "launch/expect.h"

/* out[i] = the reduction of in[i] over all ranks; for the usual sum n i + 100 n (n-1) / 2. */
static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)rank, (void)buffer;
    return oriel_expect_is_closed(job) ? oriel_expect_closed_sum(job, i) : oriel_expect_reduced(job, inputs, "in", i);
}

static const oriel_launch_buffer buffers[] = {
    {"in", ORIEL_ROLE_INPUT, ORIEL_DTYPE_OF_JOB, oriel_count_one},
    {"out", ORIEL_ROLE_OUTPUT, ORIEL_DTYPE_OF_JOB, oriel_count_one},
    {"scratch", ORIEL_ROLE_WINDOW, ORIEL_DTYPE_OF_JOB, oriel_count_two},
    {"signals", ORIEL_ROLE_WINDOW, PTO_I32, oriel_count_signals},
};

#define ALLREDUCE(algorithm, buffers_, summary_)                                                                       \
    {                                                                                                                  \
        .name = #algorithm, .summary = summary_, .kernel = oriel_kernel_##algorithm, .buffers = buffers_,              \
        .buffer_count = sizeof buffers_ / sizeof *buffers_, .scalars = oriel_scalars_reduce, .expect = expect,         \
        .reduces = true, .dtypes = PTO_DTYPES_ALL, .min_ranks = 2, .max_ranks = 64, .default_count = 1000,             \
    }

const oriel_launch oriel_launch_allreduce = ALLREDUCE(allreduce, buffers, "every rank gets the data of all, reduced");
const oriel_launch oriel_launch_allreduce_two_phase =
    ALLREDUCE(allreduce_two_phase, buffers, "the same by a reduce-scatter and an all-gather, two barriers");
