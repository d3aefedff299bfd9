/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/expect.h"

#include <math.h>

const oriel_float_format *oriel_float_format_of(pto_dtype dtype)
{
    static const oriel_float_format f32 = {0x1p-23, 0x1p-149, 0x1.ffffffp127};
    static const oriel_float_format f16 = {0x1p-10, 0x1p-24, 0x1.ffep15};
    static const oriel_float_format bf16 = {0x1p-7, 0x1p-133, 0x1.ffp127};
    return dtype == PTO_F16 ? &f16 : dtype == PTO_BF16 ? &bf16 : &f32;
}

const oriel_expected oriel_expect_anything = {.tolerance = INFINITY};

bool oriel_expect_is_closed(const oriel_job *job)
{
    return !job->random && job->reduce == PTO_SUM;
}

/*
 * The terms are whole and not negative: while the sum has no more digits than the type, no addition rounds. Beyond
 * that, n roundings (n-1 additions, and that of the terms when they were stored), each at most eps/2 of the sum.
 */
oriel_expected oriel_expect_closed_sum(const oriel_job *job, uint64_t i)
{
    uint64_t n = job->ranks;
    uint64_t sum = n * i + 100 * (n * (n - 1) / 2);
    oriel_expected expected = {oriel_value_of(job->dtype, (int64_t)sum), 0};
    if (pto_dtype_is_float(job->dtype)) {
        double eps = oriel_float_format_of(job->dtype)->eps;
        if ((double)sum > 2.0 / eps)
            expected.tolerance = (double)n * eps * (double)sum;
    }
    return expected;
}

static int64_t reduce_integer(pto_reduce reduce, int64_t a, int64_t b)
{
    switch (reduce) {
    case PTO_MAX: return a > b ? a : b;
    case PTO_MIN: return a < b ? a : b;
    case PTO_PROD: return (int64_t)((uint64_t)a * (uint64_t)b);
    case PTO_AND: return a & b;
    case PTO_OR: return a | b;
    case PTO_XOR: return a ^ b;
    default: return (int64_t)((uint64_t)a + (uint64_t)b);
    }
}

static double reduce_float(pto_reduce reduce, double a, double b)
{
    switch (reduce) {
    case PTO_MAX: return fmax(a, b);
    case PTO_MIN: return fmin(a, b);
    case PTO_PROD: return a * b;
    default: return a + b;
    }
}

/*
 * Products: each multiplication rounds by at most eps/2 of the result, or, where it underflows, by `tiny`, which the
 * factors that follow can enlarge. Where the large factors alone overflow and the small ones bring the result back, the
 * order decides what comes out: infinity, or, with a 0 among them, no number.
 */
static double product_tolerance(pto_dtype dtype, uint32_t ranks, double value, double product_of_large)
{
    const oriel_float_format *format = oriel_float_format_of(dtype);
    if (product_of_large >= format->overflow && fabs(value) < format->overflow)
        return INFINITY;
    return (ranks - 1) * (format->eps * fabs(value) + format->tiny * product_of_large);
}

/* Sums: Higham's bound (oriel/launch.h). Maximum and minimum round nothing. */
static double tolerance(pto_dtype dtype, pto_reduce reduce, uint32_t ranks, double value, double sum_of_sizes,
                        double product_of_large)
{
    switch (reduce) {
    case PTO_SUM: return (ranks - 1) * oriel_float_format_of(dtype)->eps * sum_of_sizes;
    case PTO_PROD: return product_tolerance(dtype, ranks, value, product_of_large);
    default: return 0;
    }
}

oriel_expected oriel_expect_reduced(const oriel_job *job, const oriel_inputs *inputs, const char *buffer, uint64_t i)
{
    oriel_expected expected = {oriel_input(inputs, 0, buffer, i), 0};
    if (!pto_dtype_is_float(job->dtype)) {
        for (uint32_t r = 1; r < job->ranks; r++)
            expected.value.i = reduce_integer(job->reduce, expected.value.i, oriel_input(inputs, r, buffer, i).i);
        return expected;
    }
    double value = expected.value.f, sum_of_sizes = fabs(value), product_of_large = fmax(1.0, fabs(value));
    for (uint32_t r = 1; r < job->ranks; r++) {
        double term = oriel_input(inputs, r, buffer, i).f;
        value = reduce_float(job->reduce, value, term);
        sum_of_sizes += fabs(term);
        product_of_large *= fmax(1.0, fabs(term));
    }
    expected.value.f = value;
    expected.tolerance = tolerance(job->dtype, job->reduce, job->ranks, value, sum_of_sizes, product_of_large);
    return expected;
}
