/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks per second of the task graph alone, next to OpenMP tasks with `depend` doing the same graph: four graphs of empty
 * tasks, one thread that submits and runs them, and OpenMP with one thread and with two.
 *
 *      independent   no edges
 *      chain         each task updates the same tensor
 *      fan           one task writes, a thousand read, one writes, a thousand read, ...
 *      random        each task reads two ranges of blocks and writes a third; ranges overlap as they fall
 *
 * OpenMP knows addresses, not ranges: there a range is the list of its blocks. With one thread it may run a task where it is
 * created (GCC's does so for tasks without edges, LLVM's for all): that is a function call, not a graph.
 *
 * And what one access to the tensor map costs, when a thousand intervals are live.
 */
#include "bench.h"

#include "base/random.h"
#include "runtime/graph.h"
#include "runtime/tensor_map.h"

#define TASKS      5000
#define FAN        1000
#define BLOCKS     1024
#define BLOCK      64 /* bytes */
#define LONGEST    8  /* blocks of a range */
#define MAX_RANGES 3
#define SLOTS      4096

/* Blocks first .. first + count - 1. */
typedef struct bench_access {
    int first, count;
    bool write;
} bench_access;

typedef struct bench_task {
    int access_count;
    bench_access accesses[MAX_RANGES];
} bench_task;

typedef struct bench_graph {
    const char *name;
    bench_task *tasks;
} bench_graph;

/* Tensors of the graphs (only their addresses matter), and a mark of each task that ran. */
static char memory[BLOCKS * BLOCK];
static unsigned char ran[TASKS];

/* ---- The graphs ------------------------------------------------------------------------------------------------- */

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

static bench_graph make_graph(const char *name, bench_task (*make)(int, oriel_random *))
{
    oriel_random random;
    oriel_random_seed(&random, 1);
    bench_graph made = {name, malloc(TASKS * sizeof(bench_task))};
    if (made.tasks == NULL)
        exit(1);
    for (int i = 0; i < TASKS; i++)
        made.tasks[i] = make(i, &random);
    return made;
}

/* ---- Ours ------------------------------------------------------------------------------------------------------- */

static void run_ready(oriel_graph *graph)
{
    uint64_t id;
    void *payload;
    bool poisoned;
    while (oriel_graph_take(graph, &id, &payload, &poisoned)) {
        *(unsigned char *)payload = 1;
        oriel_graph_end(graph, id, ORIEL_OK);
    }
}

/* Submits as far as there are slots, then runs what is ready, and so on. */
static void run_ours(oriel_graph *oriel, const bench_task *tasks)
{
    for (int i = 0; i < TASKS; i++) {
        oriel_range ranges[MAX_RANGES];
        for (int r = 0; r < tasks[i].access_count; r++) {
            const bench_access *a = &tasks[i].accesses[r];
            uint64_t begin = (uint64_t)(uintptr_t)memory + (uint64_t)(a->first * BLOCK);
            ranges[r] = (oriel_range){begin, begin + (uint64_t)(a->count * BLOCK), !a->write, a->write};
        }
        oriel_graph_node node = {.ranges = ranges, .range_count = (uint32_t)tasks[i].access_count, .payload = &ran[i]};
        uint64_t id, temporary;
        while (oriel_graph_add(oriel, &node, &id, &temporary) != ORIEL_GRAPH_ADDED)
            run_ready(oriel);
    }
    run_ready(oriel);
    oriel_graph_reset(oriel);
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

static void run_openmp(const bench_task *tasks, int threads)
{
#pragma omp parallel num_threads(threads)
#pragma omp single
    for (int i = 0; i < TASKS; i++)
        submit_openmp(&tasks[i], &ran[i]);
}

/* ---- Measuring -------------------------------------------------------------------------------------------------- */

enum { OURS, OPENMP_1, OPENMP_2, WAYS };
static const char *const way_names[WAYS] = {"oriel", "openmp_1_thread", "openmp_2_threads"};

static double *new_times(const bench_options *options)
{
    double *times = calloc((size_t)options->rounds, sizeof *times);
    if (times == NULL)
        exit(1);
    return times;
}

/* Nanoseconds per task. */
static double time_way(oriel_graph *oriel, const bench_graph *g, int way)
{
    memset(ran, 0, sizeof ran);
    int64_t start = oriel_now();
    if (way == OURS)
        run_ours(oriel, g->tasks);
    else
        run_openmp(g->tasks, way == OPENMP_1 ? 1 : 2);
    double nanoseconds = (double)(oriel_now() - start) / TASKS;
    if (memchr(ran, 0, sizeof ran)) {
        fprintf(stderr, "%s, %s: a task did not run\n", g->name, way_names[way]);
        exit(1);
    }
    return nanoseconds;
}

static void measure_graph(oriel_graph *oriel, const bench_graph *g, const bench_options *options, FILE *json,
                          const char *separator)
{
    double *times[WAYS], median[WAYS];
    for (int way = 0; way < WAYS; way++)
        times[way] = new_times(options);
    for (int round = -1; round < options->rounds; round++)
        for (int way = 0; way < WAYS; way++) {
            double time = time_way(oriel, g, way);
            if (round >= 0)
                times[way][round] = time;
        }
    for (int way = 0; way < WAYS; way++) {
        median[way] = bench_median(times[way], options->rounds);
        free(times[way]);
    }
    printf("%-12s %10.2f %10.2f %10.2f %12.2f\n", g->name, 1e3 / median[OURS], 1e3 / median[OPENMP_1],
           1e3 / median[OPENMP_2], median[OPENMP_2] / median[OURS]);
    if (json) {
        fprintf(json, "%s    {\"graph\": \"%s\"", separator, g->name);
        for (int way = 0; way < WAYS; way++)
            fprintf(json, ", \"%s_tasks_per_s\": %.0f", way_names[way], 1e9 / median[way]);
        fprintf(json, "}");
    }
}

/* ---- The tensor map --------------------------------------------------------------------------------------------- */

#define LIVE     1000 /* tasks in flight, of one access each */
#define ACCESSES 200000

static oriel_task_state state_of(const void *context, uint64_t id)
{
    const uint64_t *latest = context;
    return *latest - id > LIVE ? ORIEL_TASK_DONE : ORIEL_TASK_PENDING;
}

static oriel_task_state follow(void *context, uint64_t id)
{
    return state_of(context, id);
}

static void enter(oriel_tensor_map *map, uint64_t task, uint64_t begin, uint64_t end, bool write)
{
    uint64_t cells;
    if (!oriel_tensor_map_reserve(map, 1, LIVE, &cells) || !oriel_pool_reserve(map->cells, cells))
        exit(1);
    (write ? oriel_tensor_map_write : oriel_tensor_map_read)(map, begin, end, task);
}

/* Nanoseconds per access. `same`: each to one of LIVE ranges, in turn; else ranges that overlap, half of them read. */
static double time_accesses(bool same, uint32_t *intervals)
{
    oriel_random random;
    oriel_random_seed(&random, 1);
    oriel_pool cells = oriel_pool_of(sizeof(oriel_cell));
    oriel_tensor_map map;
    uint64_t task = 0;
    oriel_tensor_map_init(&map, &cells, (oriel_tensor_map_tasks){state_of, follow, &task});
    int64_t start = oriel_now();
    while (task < ACCESSES) {
        task++;
        uint64_t where = same ? task * 617 % LIVE * 100 : oriel_random_below(&random, 2000);
        enter(&map, task, where, where + (same ? 100 : 1 + task % 8), same || task % 2);
    }
    double nanoseconds = (double)(oriel_now() - start) / ACCESSES;
    *intervals = map.intervals.count;
    oriel_tensor_map_free(&map);
    oriel_pool_free(&cells);
    return nanoseconds;
}

static void measure_accesses(const char *name, bool same, const bench_options *options, FILE *json)
{
    uint32_t intervals = 0;
    double *times = new_times(options);
    for (int round = 0; round < options->rounds; round++)
        times[round] = time_accesses(same, &intervals);
    double median = bench_median(times, options->rounds);
    free(times);
    printf("%-12s %8.1f ns per access, %u intervals\n", name, median, intervals);
    if (json)
        fprintf(json, "%s\"%s_access_ns\": %.1f", same ? "" : ", ", name, median);
}

int main(int argc, char **argv)
{
    const bench_options options = bench_parse(argc, argv);
    FILE *json = options.json ? fopen(options.json, "w") : NULL;
    if (options.json && json == NULL) {
        perror(options.json);
        return 1;
    }
    bench_graph graphs[] = {
        make_graph("independent", independent_task),
        make_graph("chain", chain_task),
        make_graph("fan", fan_task),
        make_graph("random", random_task),
    };
    oriel_graph *oriel;
    bench_must(oriel_graph_create(SLOTS, 0, &oriel), "graph");
    if (json)
        fprintf(json, "{\n  \"tasks\": %d, \"rounds\": %d,\n  \"graphs\": [\n", TASKS, options.rounds);
    printf("%-12s %10s %10s %10s %12s\n", "million/s", "oriel", "OpenMP, 1", "OpenMP, 2", "oriel/OpenMP 2");
    for (size_t i = 0; i < sizeof graphs / sizeof *graphs; i++) {
        measure_graph(oriel, &graphs[i], &options, json, i == 0 ? "" : ",\n");
        free(graphs[i].tasks);
    }
    oriel_graph_destroy(oriel);
    if (json)
        fprintf(json, "\n  ],\n  \"tensor_map\": {");
    measure_accesses("same", true, &options, json);
    measure_accesses("overlapping", false, &options, json);
    if (json) {
        fprintf(json, "}\n}\n");
        fclose(json);
    }
    return 0;
}
