/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The matrix of the collectives on one platform, of which each file matrix_*.c names one: right results for 2 to 64 ranks,
 * all types, all reductions, counts of 1, odd ones, and more than UB holds; three calls each, in the same windows.
 *
 * How it is thinned. Small counts: everything with everything, except that a coin decides for each job whether its data is
 * that of the closed form or random. More than UB: for each number of ranks, each collective takes one type and one
 * reduction, in turn. 64 ranks: every tenth job. Under a sanitizer: every seventh of all small ones.
 */
#ifndef ORIEL_TESTS_COLLECTIVES_MATRIX_H
#define ORIEL_TESTS_COLLECTIVES_MATRIX_H

#include "base/random.h"
#include "launch/run.h"
#include "oriel/info.h"
#include "test.h"

static const uint64_t small_counts[] = {1, 7, 64, 1000};
#define SMALL_COUNTS (sizeof small_counts / sizeof *small_counts)
/* f32: 400 kB. UB is 192 KiB on a2a3 and 256 KiB on a5. No multiple of anything. */
#define LARGE_COUNT 100003

#define MAX_LAUNCHES 64

/* A started worker with every launch registered, and how far the matrix is on it. */
typedef struct bench {
    const char *platform;
    uint32_t ranks, stride;
    int devices[64];
    oriel_worker *worker;
    oriel_registered registered[MAX_LAUNCHES];
    uint64_t seed;
    oriel_random coin;
    uint32_t jobs, run;
} bench;

static void open_bench(bench *b, const char *platform, uint32_t ranks)
{
    *b = (bench){
        .platform = platform, .ranks = ranks, .stride = (ranks == 64 ? 10 : 1) * (UNDER_TSAN || UNDER_ASAN ? 7 : 1)};
    b->seed = test_seed();
    oriel_random_seed(&b->coin, b->seed + ranks);
    for (uint32_t r = 0; r < ranks; r++)
        b->devices[r] = (int)(ranks - 1 - r);
    oriel_worker_options options = {.form = ORIEL_DEVICE_THREADS, .timeout_s = 120};
    assert_ok(oriel_worker_create(3, platform, b->devices, ranks, &options, &b->worker));
    assert_true(oriel_launch_count() <= MAX_LAUNCHES);
    for (uint32_t l = 0; l < oriel_launch_count(); l++)
        assert_ok(oriel_launch_register(b->worker, oriel_launch_at(l), &b->registered[l]));
    assert_ok(oriel_worker_init(b->worker));
}

static void run_job(bench *b, uint32_t launch, pto_dtype dtype, pto_reduce reduce, uint64_t count)
{
    if (b->ranks > b->registered[launch].launch->max_ranks)
        return;
    oriel_job job = {.platform = b->platform,
                     .devices = b->devices,
                     .ranks = b->ranks,
                     .count = count,
                     .dtype = dtype,
                     .reduce = reduce,
                     .repeat = 3,
                     .random = oriel_random_next(&b->coin) % 2,
                     .seed = b->seed + b->run,
                     .timeout_s = 120};
    oriel_report report = {0};
    oriel_status status = oriel_launch_on(b->worker, &b->registered[launch], &job, &report);
    if (status)
        fail_msg("%s on %s, %u ranks, %llu x %s, %s, %s: %s", b->registered[launch].launch->name, b->platform, b->ranks,
                 (unsigned long long)count, oriel_dtype_name(dtype), oriel_reduce_name(reduce),
                 job.random ? "random" : "usual data", oriel_last_error());
    oriel_report_free(&report);
    b->run++;
}

static bool takes(uint32_t launch, pto_reduce reduce, pto_dtype dtype)
{
    return oriel_launch_at(launch)->reduces ? pto_reduce_takes(reduce, dtype) : reduce == PTO_SUM;
}

static void run_small(bench *b)
{
    for (uint32_t l = 0; l < oriel_launch_count(); l++)
        for (pto_dtype dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++)
            for (size_t c = 0; c < SMALL_COUNTS; c++)
                for (pto_reduce reduce = 0; reduce < PTO_REDUCE_COUNT; reduce++)
                    if (takes(l, reduce, dtype) && (b->jobs++ + b->ranks) % b->stride == 0)
                        run_job(b, l, dtype, reduce, small_counts[c]);
}

static void run_large(bench *b)
{
    for (uint32_t l = 0; l < oriel_launch_count(); l++) {
        uint32_t turn = b->ranks * 7 + l * 3;
        pto_dtype dtype = (pto_dtype)(turn % PTO_DTYPE_COUNT);
        pto_reduce reduce = (pto_reduce)(turn % PTO_REDUCE_COUNT);
        run_job(b, l, dtype, takes(l, reduce, dtype) ? reduce : PTO_SUM, LARGE_COUNT);
    }
}

static void run_matrix(const char *platform, uint32_t ranks)
{
    bench b;
    open_bench(&b, platform, ranks);
    run_small(&b);
    if (ranks < 64)
        run_large(&b);
    oriel_worker_close(b.worker);
    printf("# %s, %u ranks: %u jobs\n", platform, ranks, b.run);
}

#endif
