/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a check costs, next to the same run on the direct engine with all its ranks on one thread; both without what the host
 * does between the calls (job.h).
 *
 *      one check      clean, of each collective, by ranks and bytes: its one schedule, and all of it, with those of random steps that
 *                     follow; and how its time, its operations and its memory grow
 *      many schedules per second, of kernels whose waits and tests can be answered in many ways
 *
 * Accesses are remembered by ranges, so that a check's time should follow the number of operations, and not of bytes: but for
 * those that it must move as the direct engine does.
 */
#include "job.h"

#include <math.h>

#include "oriel/kernel.h"

#define AIM           20 /* times the direct engine, at */
#define AIM_RANKS     16
#define AIM_BYTES     (UINT64_C(64) << 10)
#define MOST_BYTES    (UINT64_C(256) << 20) /* that all ranks together may move in one call */
#define CELL_NS       INT64_C(1500000000)   /* after which no more rounds are begun, if there were as many as: */
#define LEAST_ROUNDS  3
#define MOST_CELLS    64
#define LEAST_BYTES   UINT64_C(256)
#define LARGEST_BYTES (UINT64_C(1) << 20)
#define MANY          2000 /* schedules */

static const char *const names[] = {"allgather", "reduce_scatter", "allreduce"};

typedef struct cell {
    uint32_t ranks;
    uint64_t bytes;
    double check_ms, first_ms, direct_ms;
    bench_checked last;
} cell;

/* ---- Measuring one ---------------------------------------------------------------------------------------------- */

static bool enough(int rounds, int64_t spent)
{
    return rounds < LEAST_ROUNDS ? spent > 4 * CELL_NS : spent > CELL_NS;
}

/* Check and direct run take turns; once each before the first round. */
static void measure(bench_job *bench, const bench_options *options, cell *c)
{
    double *check = bench_times(options), *first = bench_times(options), *direct = bench_times(options);
    int done = 0;
    int64_t start = oriel_now();
    bench_job_check(bench);
    bench_job_direct(bench);
    while (done == 0 || (done < options->rounds && !enough(done, oriel_now() - start))) {
        c->last = bench_job_check(bench);
        check[done] = c->last.ms;
        first[done] = c->last.first_ms;
        direct[done++] = bench_job_direct(bench);
    }
    c->check_ms = bench_median(check, done);
    c->first_ms = bench_median(first, done);
    c->direct_ms = bench_median(direct, done);
    free(check);
    free(first);
    free(direct);
}

/* ---- One check of each collective ------------------------------------------------------------------------------- */

static void print_cell(const char *name, const cell *c, FILE *json, const char *separator)
{
    double ratio = c->check_ms / c->direct_ms, first = c->first_ms / c->direct_ms;
    bool missed = c->ranks == AIM_RANKS && c->bytes == AIM_BYTES && ratio > AIM;
    printf("%-16s%6u%12llu%12llu%12.3f%12.3f%12.3f%12.1f%10.1f%10.2f%s\n", name, c->ranks, (unsigned long long)c->bytes,
           (unsigned long long)c->last.operations, c->first_ms, c->check_ms, c->direct_ms, first, ratio,
           c->last.megabytes, missed ? "  misses its aim" : "");
    if (json)
        fprintf(json,
                "%s\n    {\"collective\": \"%s\", \"ranks\": %u, \"bytes_per_rank\": %llu, \"operations\": %llu, "
                "\"schedule_ms\": %.4f, \"check_ms\": %.4f, \"direct_ms\": %.4f, \"schedule_ratio\": %.3f, "
                "\"ratio\": %.3f, \"memory_mb\": %.3f}",
                separator, name, c->ranks, (unsigned long long)c->bytes, (unsigned long long)c->last.operations,
                c->first_ms, c->check_ms, c->direct_ms, first, ratio, c->last.megabytes);
}

static void measure_cell(const char *name, const bench_options *options, cell *c)
{
    static const oriel_check_options as_usual = {.calls = 3, .max_schedules = 10000};
    bench_job bench;
    bench_job_open(&bench, oriel_launch_find(name), c->ranks, c->bytes / 4, &as_usual);
    measure(&bench, options, c);
    bench_job_close(&bench);
    if (!c->last.exhaustive) {
        fprintf(stderr, "%s: %llu schedules were not all\n", name, (unsigned long long)c->last.schedules);
        exit(1);
    }
}

/* Returns the number of cells. */
static int measure_collective(const char *name, const bench_options *options, cell *cells, FILE *json, bool first)
{
    int count = 0;
    for (uint32_t ranks = 2; ranks <= BENCH_MAX_RANKS; ranks *= 2)
        for (uint64_t bytes = LEAST_BYTES; bytes <= LARGEST_BYTES && ranks * ranks * bytes <= MOST_BYTES; bytes *= 16) {
            cells[count] = (cell){.ranks = ranks, .bytes = bytes};
            measure_cell(name, options, &cells[count]);
            print_cell(name, &cells[count], json, first && count == 0 ? "" : ",");
            count++;
        }
    return count;
}

/* ---- How it grows ----------------------------------------------------------------------------------------------- */

enum { CHECK, DIRECT, OPERATIONS, MEMORY, GROWN };

static double value_of(const cell *c, int what)
{
    const double values[GROWN] = {c->check_ms, c->direct_ms, (double)c->last.operations, c->last.megabytes};
    return values[what];
}

/*
 * The slope of the line through log(value) over log(ranks or bytes), by least squares: value grows as this power. Over all
 * cells it is low where small jobs cost what any job does; over the last two it says what larger ones would cost.
 */
static double exponent(const cell *const *cells, int count, int what, bool of_ranks)
{
    double sx = 0, sy = 0, sxx = 0, sxy = 0;
    for (int i = 0; i < count; i++) {
        double x = log(of_ranks ? cells[i]->ranks : (double)cells[i]->bytes), y = log(value_of(cells[i], what));
        sx += x, sy += y, sxx += x * x, sxy += x * y;
    }
    return (count * sxy - sx * sy) / (count * sxx - sx * sx);
}

/* Of the cells that have `held` bytes (or ranks). */
static void print_growth(const char *name, const cell *all, int count, bool of_ranks, uint64_t held, FILE *json,
                         const char *separator)
{
    const cell *cells[MOST_CELLS];
    int chosen = 0;
    double power[GROWN];
    char range[64], at[64];
    for (int i = 0; i < count; i++)
        if (held == (of_ranks ? all[i].bytes : all[i].ranks))
            cells[chosen++] = &all[i];
    for (int what = 0; what < GROWN; what++)
        power[what] = exponent(cells, chosen, what, of_ranks);
    const cell *low = cells[0], *high = cells[chosen - 1];
    if (of_ranks)
        snprintf(range, sizeof range, "%u to %u ranks", low->ranks, high->ranks);
    else
        snprintf(range, sizeof range, "%llu to %llu B", (unsigned long long)low->bytes,
                 (unsigned long long)high->bytes);
    snprintf(at, sizeof at, "%llu %s", (unsigned long long)held, of_ranks ? "B" : "ranks");
    double last = exponent(cells + chosen - 2, 2, CHECK, of_ranks);
    double work = exponent(cells + chosen - 2, 2, OPERATIONS, of_ranks);
    printf("%-16s%-18s%-10s%8.2f%8.2f%12.2f%8.2f%14.2f%12.2f\n", name, range, at, power[CHECK], power[DIRECT],
           power[OPERATIONS], power[MEMORY], last, work);
    if (json)
        fprintf(
            json,
            "%s\n    {\"collective\": \"%s\", \"grows\": \"%s\", \"at\": \"%s\", \"check\": %.3f, \"direct\": %.3f, "
            "\"operations\": %.3f, \"memory\": %.3f}",
            separator, name, range, at, power[CHECK], power[DIRECT], power[OPERATIONS], power[MEMORY]);
}

/* ---- Many schedules --------------------------------------------------------------------------------------------- */

enum { COUNTERS };

static pto_addr counter(pto_core *core, uint32_t rank, uint32_t line)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    return pto_peer_addr(comm, pto_window_buffer(core, comm, COUNTERS).addr + (uint64_t)line * PTO_LINE_BYTES, rank);
}

static void answer(pto_core *core)
{
    pto_global out = pto_arg_tensor(core, 0);
    pto_store_f32(core, out.addr, 0);
    pto_dcci(core, out.addr);
    pto_dsb(core);
}

#define NOTIFIES 2

/* One counter that all others add to, and one test for each count: how many notifies were there is open each time. */
static void one_counter(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    int32_t all = (int32_t)(NOTIFIES * (comm->ranks - 1));
    for (int32_t count = 1; comm->rank == 0 && count <= all; count++)
        (void)pto_ttest(core, pto_cell(counter(core, 0, 0)), count, PTO_GE);
    for (int i = 0; comm->rank != 0 && i < NOTIFIES; i++)
        pto_tnotify(core, counter(core, 0, 0), 1, PTO_NOTIFY_ADD);
    answer(core);
}

/* A counter for each of the others, asked in turn until all have arrived. */
static void polled_counters(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    uint32_t arrived = 0;
    for (uint32_t at = 1; comm->rank == 0 && arrived < comm->ranks - 1; at = at % (comm->ranks - 1) + 1)
        arrived += pto_ttest(core, pto_cell(counter(core, 0, at)), 1, PTO_GE);
    for (int i = 0; comm->rank != 0 && i < NOTIFIES; i++)
        pto_tnotify(core, counter(core, 0, comm->rank), 1, PTO_NOTIFY_ADD);
    answer(core);
}

static oriel_expected zero(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                           uint64_t i)
{
    (void)job, (void)inputs, (void)rank, (void)buffer, (void)i;
    return (oriel_expected){{.f = 0}, 0};
}

static void measure_many(const char *name, oriel_kernel_fn kernel, uint32_t ranks, const bench_options *options,
                         FILE *json, const char *separator)
{
    static const oriel_launch_buffer buffers[] = {{"out", ORIEL_ROLE_OUTPUT, ORIEL_DTYPE_OF_JOB, oriel_count_one},
                                                  {"counters", ORIEL_ROLE_WINDOW, PTO_I32, oriel_count_signals}};
    static const oriel_check_options once = {.calls = 1, .max_schedules = MANY};
    const oriel_launch launch = {.name = name,
                                 .kernel = kernel,
                                 .buffers = buffers,
                                 .buffer_count = 2,
                                 .expect = zero,
                                 .dtypes = PTO_DTYPES_ALL,
                                 .min_ranks = 2,
                                 .max_ranks = BENCH_MAX_RANKS,
                                 .default_count = 1};
    cell c = {.ranks = ranks};
    bench_job bench;
    bench_job_open(&bench, &launch, ranks, 1, &once);
    measure(&bench, options, &c);
    bench_job_close(&bench);
    double each_ms = c.check_ms / (double)c.last.schedules, ratio = each_ms / c.direct_ms;
    printf("%-18s%6u%12llu%12llu%14.0f%14.0f%10.1f%s\n", name, ranks, (unsigned long long)c.last.operations,
           (unsigned long long)c.last.schedules, 1e3 / each_ms, 1e3 / c.direct_ms, ratio,
           c.last.exhaustive ? "" : "  and more are left");
    if (json)
        fprintf(json,
                "%s\n    {\"kernel\": \"%s\", \"ranks\": %u, \"operations\": %llu, \"schedules\": %llu, "
                "\"schedules_per_s\": %.0f, \"direct_runs_per_s\": %.0f, \"ratio\": %.3f}",
                separator, name, ranks, (unsigned long long)c.last.operations, (unsigned long long)c.last.schedules,
                1e3 / each_ms, 1e3 / c.direct_ms, ratio);
}

/* ---- The whole -------------------------------------------------------------------------------------------------- */

static void begin(FILE *json, const char *text)
{
    if (json)
        fputs(text, json);
}

int main(int argc, char **argv)
{
    const bench_options options = bench_parse(argc, argv);
    FILE *json = bench_json(&options);
    static cell cells[3][MOST_CELLS];
    int count[3];

    printf("One clean check (3 calls, f32), next to the same calls on the direct engine, ranks on one thread\n");
    printf("Aim: within %d times at %d ranks and %d KiB per rank\n\n", AIM, AIM_RANKS, (int)(AIM_BYTES >> 10));
    printf("%-16s%6s%12s%12s%12s%12s%12s%12s%10s%10s\n", "collective", "ranks", "bytes/rank", "operations",
           "schedule ms", "check ms", "direct ms", "schedule x", "check x", "MB kept");
    begin(json, "{\n  \"collectives\": [");
    for (int i = 0; i < 3; i++)
        count[i] = measure_collective(names[i], &options, cells[i], json, i == 0);

    printf("\nAs which power of ranks or bytes they grow; the last two columns: from the last but one to the last\n\n");
    printf("%-16s%-18s%-10s%8s%8s%12s%8s%14s%12s\n", "collective", "from", "at", "check", "direct", "operations",
           "memory", "check", "operations");
    begin(json, "\n  ],\n  \"growth\": [");
    for (int i = 0; i < 3; i++) {
        print_growth(names[i], cells[i], count[i], true, LEAST_BYTES, json, i == 0 ? "" : ",");
        print_growth(names[i], cells[i], count[i], true, AIM_BYTES, json, ",");
        print_growth(names[i], cells[i], count[i], false, 2, json, ",");
        print_growth(names[i], cells[i], count[i], false, AIM_RANKS, json, ",");
    }

    printf("\nKernels with many schedules, and runs of them on the direct engine\n\n%-18s%6s%12s%12s%14s%14s%10s\n",
           "kernel", "ranks", "operations", "schedules", "schedules/s", "direct runs/s", "ratio");
    begin(json, "\n  ],\n  \"schedules\": [");
    measure_many("one counter", one_counter, 4, &options, json, "");
    measure_many("one counter", one_counter, 8, &options, json, ",");
    measure_many("polled counters", polled_counters, 4, &options, json, ",");
    measure_many("polled counters", polled_counters, 8, &options, json, ",");
    begin(json, "\n  ]\n}\n");
    if (json)
        fclose(json);
    return 0;
}
