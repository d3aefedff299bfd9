/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four graphs of empty tasks, and OpenMP tasks with `depend` that do the same graph:
 *
 *      independent   no edges
 *      chain         each task updates the same tensor
 *      fan           one task writes, a thousand read, one writes, a thousand read, ...
 *      random        each task reads two ranges of blocks and writes a third; ranges overlap as they fall
 *
 * OpenMP knows addresses, not ranges: there a range is the list of its blocks. With one thread it may run a task where it is
 * created (GCC's does so for tasks without edges, LLVM's for all): that is a function call, not a graph.
 */
#ifndef ORIEL_BENCH_SHAPES_H
#define ORIEL_BENCH_SHAPES_H

#include <stdbool.h>

#define TASKS      5000
#define BLOCKS     1024
#define BLOCK      64 /* bytes */
#define MAX_RANGES 3
#define SHAPES     4

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
    bench_task tasks[TASKS];
} bench_graph;

/* The tasks of shape 0 .. SHAPES-1, always the same ones. */
void bench_make_graph(int shape, bench_graph *graph);

/* Runs the graph with OpenMP; exits if a task did not run. */
void bench_run_openmp(const bench_graph *graph, int threads);

#endif
