/* SPDX-License-Identifier: Apache-2.0 */
#include "shapes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

#define FAN     1000
#define LONGEST 8 /* blocks of a range */

/* Tensors of the tasks (only their addresses matter), and a mark of each task that ran. */
static char memory[BLOCKS * BLOCK];
static unsigned char ran[TASKS];

static bench_task independent_task(int i, oriel_random *random)
{
    (void)i;
    (void)random;
    return (bench_task){0};
}

static bench_task chain_task(int i, oriel_random *random)
{
    (void)i;
    (void)random;
    return (bench_task){1, {{0, 1, true}}};
}

static bench_task fan_task(int i, oriel_random *random)
{
    (void)random;
    return (bench_task){1, {{0, 1, i % (FAN + 1) == 0}}};
}

static bench_task random_task(int i, oriel_random *random)
{
    (void)i;
    bench_task made = {.access_count = MAX_RANGES};
    for (int r = 0; r < MAX_RANGES; r++) {
        int count = 1 + (int)oriel_random_below(random, LONGEST);
        made.accesses[r] =
            (bench_access){(int)oriel_random_below(random, (uint64_t)(BLOCKS - count + 1)), count, r == 2};
    }
    return made;
}

void bench_make_graph(int shape, bench_graph *graph)
{
    static const struct {
        const char *name;
        bench_task (*make)(int, oriel_random *);
    } shapes[SHAPES] = {
        {"independent", independent_task},
        {"chain", chain_task},
        {"fan", fan_task},
        {"random", random_task},
    };
    oriel_random random;
    oriel_random_seed(&random, 1);
    graph->name = shapes[shape].name;
    for (int i = 0; i < TASKS; i++)
        graph->tasks[i] = shapes[shape].make(i, &random);
}

/* ---- OpenMP ----------------------------------------------------------------------------------------------------- */

#define BLOCK_AT(b) memory[(b)*BLOCK]

static void submit_openmp(const bench_task *t, unsigned char *mark)
{
    const bench_access *a = t->accesses;
    /* clang-format off */
    if (t->access_count == 0) {
        #pragma omp task firstprivate(mark)
        *mark = 1;
    } else if (t->access_count == 1 && a->write) {
        #pragma omp task firstprivate(mark) depend(inout : BLOCK_AT(a->first))
        *mark = 1;
    } else if (t->access_count == 1) {
        #pragma omp task firstprivate(mark) depend(in : BLOCK_AT(a->first))
        *mark = 1;
    } else {
        #pragma omp task firstprivate(mark) \
            depend(iterator(int b = a[0].first : a[0].first + a[0].count), in : BLOCK_AT(b)) \
            depend(iterator(int b = a[1].first : a[1].first + a[1].count), in : BLOCK_AT(b)) \
            depend(iterator(int b = a[2].first : a[2].first + a[2].count), inout : BLOCK_AT(b))
        *mark = 1;
    }
    /* clang-format on */
}

void bench_run_openmp(const bench_graph *graph, int threads)
{
    memset(ran, 0, sizeof ran);
#pragma omp parallel num_threads(threads)
#pragma omp single
    for (int i = 0; i < TASKS; i++)
        submit_openmp(&graph->tasks[i], &ran[i]);
    if (memchr(ran, 0, sizeof ran)) {
        fprintf(stderr, "%s, OpenMP: a task did not run\n", graph->name);
        exit(1);
    }
}
