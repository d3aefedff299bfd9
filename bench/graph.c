/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks per second of the task graph alone, one thread that submits and runs them, next to OpenMP with one thread and with two
 * doing the same graph (shapes.h). And what one access to the tensor map costs, when a thousand intervals are live.
 */
#include "bench.h"

#include "base/random.h"
#include "runtime/graph.h"
#include "runtime/tensor_map.h"
#include "shapes.h"

#define SLOTS 4096

/* What the ranges of the tasks are taken from (only addresses matter), and a mark of each task that ran. */
#define MEMORY 4096
static unsigned char ran[TASKS];

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
static void run_ours(oriel_graph *oriel, const bench_graph *g)
{
    const bench_task *tasks = g->tasks;
    memset(ran, 0, sizeof ran);
    for (int i = 0; i < TASKS; i++) {
        oriel_range ranges[MAX_RANGES];
        for (int r = 0; r < tasks[i].access_count; r++) {
            const bench_access *a = &tasks[i].accesses[r];
            uint64_t begin = MEMORY + (uint64_t)(a->first * BLOCK);
            ranges[r] = (oriel_range){begin, begin + (uint64_t)(a->count * BLOCK), !a->write, a->write};
        }
        oriel_graph_node node = {.ranges = ranges, .range_count = (uint32_t)tasks[i].access_count, .payload = &ran[i]};
        uint64_t id, temporary;
        while (oriel_graph_add(oriel, &node, &id, &temporary) != ORIEL_GRAPH_ADDED)
            run_ready(oriel);
    }
    run_ready(oriel);
    oriel_graph_reset(oriel);
    if (memchr(ran, 0, sizeof ran)) {
        fprintf(stderr, "%s: a task did not run\n", g->name);
        exit(1);
    }
}

/* ---- Measuring -------------------------------------------------------------------------------------------------- */

enum { OURS, OPENMP_1, OPENMP_2, WAYS };
static const char *const way_names[WAYS] = {"oriel", "openmp_1_thread", "openmp_2_threads"};

/* Nanoseconds per task. */
static double time_way(oriel_graph *oriel, const bench_graph *g, int way)
{
    int64_t start = oriel_now();
    if (way == OURS)
        run_ours(oriel, g);
    else
        bench_run_openmp(g, way == OPENMP_1 ? 1 : 2);
    return (double)(oriel_now() - start) / TASKS;
}

static void measure_graph(oriel_graph *oriel, const bench_graph *g, const bench_options *options, FILE *json,
                          const char *separator)
{
    double *times[WAYS], median[WAYS];
    for (int way = 0; way < WAYS; way++)
        times[way] = bench_times(options);
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
    double *times = bench_times(options);
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
    FILE *json = bench_json(&options);
    static bench_graph graph;
    oriel_graph *oriel;
    bench_must(oriel_graph_create(SLOTS, 0, &oriel), "graph");
    if (json)
        fprintf(json, "{\n  \"tasks\": %d, \"rounds\": %d,\n  \"graphs\": [\n", TASKS, options.rounds);
    printf("Million tasks per second of the task graph alone, empty tasks, next to OpenMP with 1 and 2 threads\n\n");
    printf("%-12s %10s %10s %10s %12s\n", "graph", "oriel", "OpenMP, 1", "OpenMP, 2", "ratio to 2");
    for (int shape = 0; shape < SHAPES; shape++) {
        bench_make_graph(shape, &graph);
        measure_graph(oriel, &graph, &options, json, shape == 0 ? "" : ",\n");
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
