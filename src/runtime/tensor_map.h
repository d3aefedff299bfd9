/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tensor map: from ranges of bytes to the task that wrote them last and the tasks that have read them since. It finds
 * whom a new task must wait for, byte for byte.
 *
 *      bytes      0        40        64              100
 *                 ├────────┼─────────┼───────────────┤
 *      writer     │ 7      │ 9       │ (ended)       │        disjoint intervals, sorted; an access splits those that
 *      readers    │ 8, 11  │         │ 12            │        its ends cut, and a write puts one in the place of all
 *
 * Tasks are numbered in the order of their submission. One that has ended well is forgotten; of one that failed its mark
 * stays on the bytes: whoever waits for it is poisoned, whether it comes before or after the failure. Each access looks
 * after a few intervals besides its own, so the map stays as small as what is in flight and what has failed.
 */
#ifndef ORIEL_RUNTIME_TENSOR_MAP_H
#define ORIEL_RUNTIME_TENSOR_MAP_H

#include "runtime/ordered.h"

typedef enum oriel_task_state { ORIEL_TASK_PENDING, ORIEL_TASK_DONE, ORIEL_TASK_FAILED } oriel_task_state;

/* What the map asks about tasks. */
typedef struct oriel_tensor_map_tasks {
    oriel_task_state (*state)(const void *context, uint64_t task);
    /* The same, about a task that the one at hand must come after. May be told several times of the same one. */
    oriel_task_state (*follow)(void *context, uint64_t task);
    void *context;
} oriel_tensor_map_tasks;

typedef struct oriel_tensor_map {
    oriel_ordered intervals; /* begin -> index in pieces */
    oriel_pool pieces;
    oriel_pool *cells;     /* of the lists of readers; the owner's */
    uint64_t reader_cells; /* how many of them the map uses */
    oriel_tensor_map_tasks tasks;
    oriel_place swept; /* where the sweep goes on; any place is fine */
} oriel_tensor_map;

void oriel_tensor_map_init(oriel_tensor_map *map, oriel_pool *cells, oriel_tensor_map_tasks tasks);
void oriel_tensor_map_free(oriel_tensor_map *map);
/* Forgets all. The cells are cleared by their owner. */
void oriel_tensor_map_clear(oriel_tensor_map *map);

/*
 * Makes sure that a task with so many ranges can be entered; false: no memory. `longest`: how many tasks can lie between the
 * oldest pending one and the latest. Sets `cells` to how many of the owner's cells this may take, which the owner reserves.
 */
bool oriel_tensor_map_reserve(oriel_tensor_map *map, uint64_t ranges, uint64_t longest, uint64_t *cells);

/* Task `task`, the latest so far, reads or writes bytes [begin, end). True: it waits for one that failed. */
bool oriel_tensor_map_read(oriel_tensor_map *map, uint64_t begin, uint64_t end, uint64_t task);
bool oriel_tensor_map_write(oriel_tensor_map *map, uint64_t begin, uint64_t end, uint64_t task);

#endif
