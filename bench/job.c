/* SPDX-License-Identifier: Apache-2.0 */
#include "job.h"

#include <malloc.h>

#define REPORT_BYTES (UINT64_C(1) << 20)

/* ---- The host, with a clock ------------------------------------------------------------------------------------- */

static void timed_reset(void *context)
{
    bench_job *bench = context;
    if (bench->resets++ < 2)
        bench->first_host_ns = bench->host_ns;
    int64_t start = oriel_now();
    bench->inner.reset(bench->inner.context);
    bench->host_ns += oriel_now() - start;
}

static void timed_entering(void *context, uint32_t rank, uint32_t call)
{
    bench_job *bench = context;
    int64_t start = oriel_now();
    bench->inner.entering(bench->inner.context, rank, call);
    bench->host_ns += oriel_now() - start;
}

static const char *timed_returned(void *context, uint32_t rank, uint32_t call)
{
    bench_job *bench = context;
    int64_t start = oriel_now();
    const char *wrong = bench->inner.returned(bench->inner.context, rank, call);
    bench->host_ns += oriel_now() - start;
    return wrong;
}

/* ---- Making one ------------------------------------------------------------------------------------------------- */

static void make_setup(bench_job *bench)
{
    bench->inner = oriel_check_memory_host(&bench->memory);
    bench->host = (oriel_check_host){timed_reset, timed_entering, timed_returned, bench};
    bench->setup = (oriel_check_setup){.limits = bench->limits,
                                       .ranks = bench->job.ranks,
                                       .blocks = 1,
                                       .calls = bench->options->calls,
                                       .function = bench->launch.kernel,
                                       .view = bench->memory.view,
                                       .piece = bench->memory.piece,
                                       .pieces = bench->memory.pieces,
                                       .host = &bench->host,
                                       .options = bench->options,
                                       .deadline = ORIEL_NEVER};
}

void bench_job_open(bench_job *bench, const oriel_launch *launch, uint32_t ranks, uint64_t count,
                    const oriel_check_options *options)
{
    static const int devices[BENCH_MAX_RANKS] = {0}; /* that no worker looks at */
    *bench = (bench_job){.launch = *launch, .limits = &oriel_platform_a2a3sim.limits, .options = options};
    const oriel_job job = {.platform = "a2a3sim", .devices = devices, .ranks = ranks, .count = count, .dtype = PTO_F32};
    bench_must(oriel_job_complete(&bench->launch, &job, &bench->job), "job");
    bench_must(oriel_check_memory_make(&bench->launch, &bench->job, bench->limits, &bench->memory), "memory");
    make_setup(bench);
    bench->report = (oriel_bump){.base = calloc(1, REPORT_BYTES), .bytes = REPORT_BYTES};
    if (!bench->report.base)
        exit(1);
    bench_must(oriel_loop_create(&bench->bell, &bench->loop), "loop");
    for (uint32_t r = 0; r < ranks; r++) {
        bench->rank[r] = (bench_rank){.job = bench, .rank = r};
        bench_must(oriel_engine_direct.core_create(bench->limits, &bench->rank[r].core), "core");
    }
}

void bench_job_close(bench_job *bench)
{
    for (uint32_t r = 0; r < bench->job.ranks; r++)
        oriel_engine_direct.core_destroy(bench->rank[r].core);
    oriel_loop_free(bench->loop);
    free(bench->report.base);
    oriel_check_memory_free(&bench->memory);
}

/* ---- A check ---------------------------------------------------------------------------------------------------- */

static uint64_t heap(void)
{
    struct mallinfo2 now = mallinfo2();
    return now.uordblks + now.hblkhd;
}

bench_checked bench_job_check(bench_job *bench)
{
    uint64_t before = heap();
    bench->report.used = 0;
    bench->host_ns = 0;
    bench->resets = 0;
    int64_t start = oriel_now();
    oriel_checker *checker;
    oriel_check_report report = {0};
    bench_must(oriel_checker_create(&bench->setup, &checker), "checker");
    bench_must(oriel_checker_explore(checker), bench->launch.name);
    bench_must(oriel_checker_write(checker, &bench->report, &report), "report");
    int64_t made = oriel_now();
    if (bench->resets < 2)
        bench->first_host_ns = bench->host_ns;
    uint64_t kept = heap() - before;
    for (uint32_t i = 0; i < checker->cores; i++)
        for (uint32_t memory = 0; memory < PTO_MEMORY_COUNT; memory++)
            kept += checker->core[i].poisoned[memory];
    bench_checked checked = {.schedules = report.schedules,
                             .first_ms = report.first_ms - (double)bench->first_host_ns / 1e6,
                             .exhaustive = report.exhaustive,
                             .operations = checker->events,
                             .megabytes = (double)kept / 1e6};
    int64_t again = oriel_now();
    oriel_checker_destroy(checker);
    checked.ms = (double)(made - start + oriel_now() - again - bench->host_ns) / 1e6;
    if (report.findings) {
        fprintf(stderr, "%s on %u ranks: %s\n", bench->launch.name, bench->job.ranks, report.finding[0].message);
        exit(1);
    }
    return checked;
}

/* ---- The direct engine ------------------------------------------------------------------------------------------ */

static oriel_status all_calls(void *context)
{
    bench_rank *rank = context;
    bench_job *bench = rank->job;
    const oriel_block block = {.function = bench->launch.kernel,
                               .kernel = bench->launch.name,
                               .view = &bench->memory.view[rank->rank],
                               .blocks = 1,
                               .deadline = ORIEL_NEVER};
    for (uint32_t call = 0; call < bench->options->calls; call++) {
        bench->host.entering(bench, rank->rank, call);
        bench_must(oriel_engine_direct.run(rank->core, &block), bench->launch.name);
        const char *wrong = bench->host.returned(bench, rank->rank, call);
        if (wrong) {
            fprintf(stderr, "%s: %s\n", bench->launch.name, wrong);
            exit(1);
        }
    }
    bench->left--;
    return ORIEL_OK;
}

static bool all_ended(void *context)
{
    return ((bench_job *)context)->left == 0;
}

double bench_job_direct(bench_job *bench)
{
    oriel_strand *strand[BENCH_MAX_RANKS];
    const oriel_strand_options options = {.form = ORIEL_FORM_COROUTINE, .name = "rank", .loop = bench->loop};
    const oriel_wait until = {.ready = all_ended, .context = bench, .deadline = ORIEL_NEVER};
    bench->host_ns = 0;
    int64_t start = oriel_now();
    bench->host.reset(bench);
    bench->left = bench->job.ranks;
    for (uint32_t r = 0; r < bench->job.ranks; r++)
        bench_must(oriel_strand_start(&options, all_calls, &bench->rank[r], &strand[r]), "rank");
    bench_must(oriel_loop_run(bench->loop, &until), "loop");
    for (uint32_t r = 0; r < bench->job.ranks; r++)
        oriel_strand_free(strand[r]);
    return (double)(oriel_now() - start - bench->host_ns) / 1e6;
}
