/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *value, uint32_t count)
{
    qsort(value, count, sizeof *value, compare);
    return (value[(count - 1) / 2] + value[count / 2]) / 2;
}

void bench_summarize(double *time, uint32_t ranks, uint32_t iterations, bench_result *result)
{
    *result = (bench_result){.rank_min = INFINITY};
    const double us = 1e-3 / iterations;
    for (uint32_t rank = 0; rank < ranks; rank++) {
        double sum = 0;
        for (uint32_t i = 0; i < iterations; i++) {
            const double its = time[(uint64_t)rank * iterations + i];
            sum += its;
            time[i] = fmax(its, time[i]); /* rank 0's become the slowest's */
        }
        result->rank_min = fmin(result->rank_min, sum * us);
        result->rank_max = fmax(result->rank_max, sum * us);
        result->rank_average += sum * us / ranks;
    }
    double sum = 0;
    for (uint32_t i = 0; i < iterations; i++)
        sum += time[i];
    result->average = sum * us;
    result->median = bench_median(time, iterations) * 1e-3;
    result->min = time[0] * 1e-3;
    result->max = time[iterations - 1] * 1e-3;
}

double bench_algorithm_bandwidth(const bench_call *call, const bench_result *result)
{
    return call->operation->moves && result->median > 0 ? (double)bench_bytes(call) / result->median * 1e-3 : NAN;
}

double bench_bus_bandwidth(const bench_call *call, const bench_result *result)
{
    return bench_algorithm_bandwidth(call, result) * bench_bus_factor(call);
}
