/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/bench.h"

const char *bench_name_setting(const bench_job *job, char *text, size_t bytes)
{
    const char *algorithm = job->options.algorithm;
    snprintf(text, bytes, "%s buffers%s%s%s", job->symmetric ? "symmetric" : "ordinary",
             algorithm ? ", algorithm " : "", algorithm ? algorithm : "",
             job->options.deterministic ? ", deterministic" : "");
    return text;
}

/* ---- For people ------------------------------------------------------------------------------------------------- */

static void print_setting(const bench_job *job, bool bound)
{
    char setting[1024];
    printf("# oriel %s: %u ranks as %s, %s, on %u processors, %s\n", oriel_version(), job->ranks,
           job->options.threads ? "threads" : "processes", bound ? "bound" : "not bound", job->processors,
           bench_name_setting(job, setting, sizeof setting));
    printf("# us: from the call to its end, on the slowest rank; GB/s: 10^9 bytes by the median\n");
}

static void print_operation(const bench_call *call)
{
    const bench_operation *operation = call->operation;
    printf("#\n# %s", operation->name);
    if (operation->moves)
        printf(" %s", oriel_dtype_name(call->dtype));
    if (operation->reduces)
        printf(" %s", oriel_reduce_name(call->reduce));
    if (operation->rooted)
        printf(", root %u", call->root);
    if (call->in_place)
        printf(", in place");
    printf("\n#%11s %11s %7s %10s %10s %10s %10s %8s %8s %8s\n", "bytes", "count", "times", "min", "median", "avg",
           "max", "algbw", "busbw", "errors");
    printf("#%11s %11s %7s %10s %10s %10s %10s %8s %8s\n", "", "", "", "us", "us", "us", "us", "GB/s", "GB/s");
}

static void print_bandwidth(double bandwidth)
{
    if (isnan(bandwidth))
        printf(" %8s", "-");
    else
        printf(" %8.*f", bandwidth < 10 ? 3 : 2, bandwidth);
}

static void print_row(const bench_job *job, const bench_cell *cell, const bench_result *result)
{
    const bench_call *call = &cell->call;
    if (call->operation->moves)
        printf(" %11" PRIu64 " %11" PRIu64, bench_bytes(call), call->count);
    else
        printf(" %11s %11s", "-", "-");
    printf(" %7u %10.2f %10.2f %10.2f %10.2f", cell->iterations, result->min, result->median, result->average,
           result->max);
    print_bandwidth(bench_algorithm_bandwidth(call, result));
    print_bandwidth(bench_bus_bandwidth(call, result));
    if (job->checked && call->operation->moves)
        printf(" %8" PRIu64 "\n", result->wrong);
    else
        printf(" %8s\n", "-");
}

void bench_print_end(const bench_job *job, const bench_outcome *outcome)
{
    const char *rows = outcome->done == 1 ? "row" : "rows";
    if (outcome->wrong)
        printf("WRONG: %" PRIu64 " elements, in %u of %u %s\n", outcome->wrong, outcome->wrong_cells, outcome->done,
               rows);
    else
        printf("%s: %u %s\n", job->checked ? "right" : "not checked", outcome->done, rows);
}

/* ---- As CSV ----------------------------------------------------------------------------------------------------- */

static void csv_number(double value)
{
    if (isnan(value))
        putchar(',');
    else
        printf(",%.6g", value);
}

/* In quotes if it has to be (RFC 4180). */
static void csv_text(const char *text)
{
    const bool quoted = strpbrk(text, ",\"\r\n");
    putchar(',');
    if (quoted)
        putchar('"');
    for (; *text; text++) {
        if (*text == '"')
            putchar('"');
        putchar(*text);
    }
    if (quoted)
        putchar('"');
}

static void csv_row(const bench_job *job, bool bound, const bench_cell *cell, const bench_result *result)
{
    const bench_call *call = &cell->call;
    const bench_operation *operation = call->operation;
    printf("%s,%u,%s,%d,%s,%d", operation->name, job->ranks, job->options.threads ? "threads" : "processes", bound,
           job->symmetric ? "symmetric" : "ordinary", call->in_place);
    csv_text(job->options.algorithm ? job->options.algorithm : "");
    printf(",%d,%s,%s,", job->options.deterministic, operation->moves ? oriel_dtype_name(call->dtype) : "",
           operation->reduces ? oriel_reduce_name(call->reduce) : "");
    if (operation->rooted)
        printf("%u", call->root);
    printf(",%" PRIu64 ",%" PRIu64 ",%u,%u", bench_bytes(call), call->count, cell->iterations, cell->warmup);
    const double numbers[] = {result->min,
                              result->median,
                              result->average,
                              result->max,
                              result->rank_min,
                              result->rank_average,
                              result->rank_max,
                              bench_algorithm_bandwidth(call, result),
                              bench_bus_bandwidth(call, result)};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        csv_number(numbers[i]);
    putchar(',');
    if (job->checked && operation->moves)
        printf("%" PRIu64, result->wrong);
    putchar('\n');
}

/* ---- Either ----------------------------------------------------------------------------------------------------- */

static bool flushed(void)
{
    return fflush(stdout) == 0 && !ferror(stdout);
}

bool bench_print_head(const bench_job *job, bool bound)
{
    if (job->format == BENCH_CSV)
        printf("operation,ranks,form,bound,buffers,in_place,algorithm,deterministic,dtype,op,root,bytes,count,"
               "iterations,warmup,min_us,"
               "median_us,avg_us,max_us,rank_min_us,rank_avg_us,rank_max_us,algbw_gbs,busbw_gbs,errors\n");
    else
        print_setting(job, bound);
    return flushed();
}

bool bench_print_row(const bench_job *job, bool bound, uint32_t cell, const bench_result *result)
{
    const bench_cell *it = &job->cell[cell];
    if (job->format == BENCH_CSV) {
        csv_row(job, bound, it, result);
    } else {
        if (cell == 0 || job->cell[cell - 1].call.operation != it->call.operation)
            print_operation(&it->call);
        print_row(job, it, result);
    }
    return flushed();
}
