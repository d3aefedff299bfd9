/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks per second through the worker, from submission to the end of the last task, next to OpenMP with two threads doing the
 * same graph (shapes.h). The tasks are empty, and go
 *
 *      level 2     as kernels to the cores of one device, submitted by a function on that device
 *      level 3     as kernels to two devices, whichever is free, through their mailboxes (processes)
 *      host        as plain functions to two sub-workers
 */
#include <time.h>

#include "bench.h"

#include "oriel/kernel.h"
#include "shapes.h"

enum { LEVEL2, LEVEL3, HOST, OPENMP, WAYS };
static const char *const way_names[WAYS] = {"level2", "level3", "host", "openmp_2_threads"};

/* What a run needs. The graph is copied into shared memory, for the device that submits it. */
typedef struct bench_worker {
    oriel_worker *worker;
    oriel_callable_id callable[OPENMP];
    oriel_tensor graph, memory;
    int way;
} bench_worker;

static void empty_kernel(pto_core *core)
{
    (void)core;
}

static oriel_status empty_function(const oriel_args *args)
{
    (void)args;
    return ORIEL_OK;
}

/* Submits every task of the graph, at either level. */
static oriel_status submit_all(oriel_orch *orch, oriel_callable_id callable, const bench_graph *graph, char *memory)
{
    for (int i = 0; i < TASKS; i++) {
        const bench_task *task = &graph->tasks[i];
        oriel_args args;
        args.tensors = args.scalars = args.comms = args.deps = args.blocks = 0;
        for (int r = 0; r < task->access_count; r++) {
            const bench_access *a = &task->accesses[r];
            oriel_tensor tensor = oriel_tensor_1d(memory + a->first * BLOCK, PTO_U8, (uint64_t)(a->count * BLOCK));
            bench_must(oriel_args_tensor(&args, tensor, a->write ? ORIEL_INOUT : ORIEL_INPUT), "tensor argument");
        }
        oriel_status status = oriel_submit(orch, callable, &args, ORIEL_ANY_DEVICE, NULL);
        if (status != ORIEL_OK)
            return status;
    }
    return ORIEL_OK;
}

static oriel_status submit_on_device(oriel_orch *orch, const oriel_args *args)
{
    return submit_all(orch, 0, args->tensor[0].data, args->tensor[1].data);
}

static oriel_status submit_on_host(oriel_orch *orch, void *user)
{
    const bench_worker *bench = user;
    if (bench->way != LEVEL2)
        return submit_all(orch, bench->callable[bench->way], bench->graph.data, bench->memory.data);
    oriel_args args = ORIEL_ARGS_INIT;
    bench_must(oriel_args_tensor(&args, bench->graph, ORIEL_NO_DEP), "tensor argument");
    bench_must(oriel_args_tensor(&args, bench->memory, ORIEL_NO_DEP), "tensor argument");
    return oriel_submit(orch, bench->callable[LEVEL2], &args, 0, NULL);
}

static void start(bench_worker *bench)
{
    static const oriel_kernel kernel = {"empty", empty_kernel};
    const oriel_callable callables[OPENMP] = {
        [LEVEL2] = {.name = "submitter", .device = submit_on_device, .kernels = &kernel, .kernel_count = 1},
        [LEVEL3] = {.name = "empty", .kernels = &kernel, .kernel_count = 1},
        [HOST] = {.name = "function", .host = empty_function},
    };
    const oriel_worker_options options = {.sub_workers = 2, .timeout_s = -1};
    bench_must(oriel_worker_create(3, "a2a3sim", (const int[]){0, 1}, 2, &options, &bench->worker), "worker");
    for (int way = 0; way < OPENMP; way++) {
        oriel_callable callable = callables[way];
        callable.tensors = callable.scalars = callable.comms = -1;
        bench_must(oriel_worker_register(bench->worker, &callable, &bench->callable[way]), "register");
    }
    bench_must(oriel_worker_init(bench->worker), "init");
    bench_must(oriel_worker_alloc(bench->worker, PTO_U8, sizeof(bench_graph), &bench->graph), "memory");
    bench_must(oriel_worker_alloc(bench->worker, PTO_U8, BLOCKS * BLOCK, &bench->memory), "memory");
}

static void run_way(bench_worker *bench, int way)
{
    bench->way = way;
    if (way == OPENMP)
        bench_run_openmp(bench->graph.data, 2);
    else
        bench_must(oriel_worker_run(bench->worker, submit_on_host, bench, -1), way_names[way]);
}

/*
 * Nanoseconds per task of a second run: the first wakes those who do it. Before, a moment in which the others fall asleep:
 * OpenMP's threads spin for some milliseconds after a graph, and would take a processor from whoever comes next.
 */
static double time_way(bench_worker *bench, int way)
{
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    run_way(bench, way);
    int64_t from = oriel_now();
    run_way(bench, way);
    return (double)(oriel_now() - from) / TASKS;
}

static void measure(bench_worker *bench, const bench_options *options, FILE *json, const char *separator)
{
    const char *name = ((const bench_graph *)bench->graph.data)->name;
    double *times[WAYS], median[WAYS];
    for (int way = 0; way < WAYS; way++)
        times[way] = bench_times(options);
    for (int round = -1; round < options->rounds; round++)
        for (int way = 0; way < WAYS; way++) {
            double time = time_way(bench, way);
            if (round >= 0)
                times[way][round] = time;
        }
    for (int way = 0; way < WAYS; way++) {
        median[way] = bench_median(times[way], options->rounds);
        free(times[way]);
    }
    printf("%-12s", name);
    for (int way = 0; way < WAYS; way++)
        printf(" %10.3f", 1e3 / median[way]);
    for (int way = 0; way < OPENMP; way++)
        printf(" %9.2f", median[OPENMP] / median[way]);
    printf("\n");
    if (json) {
        fprintf(json, "%s    {\"graph\": \"%s\"", separator, name);
        for (int way = 0; way < WAYS; way++)
            fprintf(json, ", \"%s_tasks_per_s\": %.0f", way_names[way], 1e9 / median[way]);
        fprintf(json, "}");
    }
}

int main(int argc, char **argv)
{
    const bench_options options = bench_parse(argc, argv);
    FILE *json = bench_json(&options);
    bench_worker bench;
    start(&bench);
    if (json)
        fprintf(json, "{\n  \"tasks\": %d,\n  \"graphs\": [\n", TASKS);
    printf("Million empty tasks per second through the worker, and as multiples of OpenMP's with 2 threads\n\n");
    printf("%-12s %10s %10s %10s %10s %9s %9s %9s\n", "graph", "level 2", "level 3", "host", "OpenMP", "level 2 x",
           "level 3 x", "host x");
    for (int shape = 0; shape < SHAPES; shape++) {
        bench_make_graph(shape, bench.graph.data);
        measure(&bench, &options, json, shape == 0 ? "" : ",\n");
    }
    oriel_worker_close(bench.worker);
    if (json) {
        fprintf(json, "\n  ]\n}\n");
        fclose(json);
    }
    return 0;
}
