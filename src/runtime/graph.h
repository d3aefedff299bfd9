/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The task graph, the same at both levels: slots and temporaries from rings, edges from the tensor map and from explicit
 * dependencies, scopes, and what failure does. It decides which task may run; it does not run any.
 *
 *      submitter                                        executor
 *      oriel_graph_add ──► waiting ──► ready ──► oriel_graph_take ──► runs it ──► oriel_graph_end ──► retired
 *                             ▲                                                        │
 *                             └──────────── edges: one fewer to wait for ◄─────────────┘
 *
 * Not thread-safe: at level 3 callers hold the worker's mutex; at level 2 one thread does everything. Never waits: when a
 * ring is full, add says so, and the caller waits for some task to end as its level does.
 *
 * A task that fails poisons all that depend on it, directly or not: these become ready too, marked poisoned, and their
 * executor ends them without running them. Tasks that come later and depend on a failed one are poisoned when added. Every
 * edge does this, that from a reader to the next writer too: so who is poisoned follows from the graph, not from its timing.
 *
 * Slots are a ring in the order of submission: a slot is free again when its task and all before it have ended. So one slow
 * task lets the submitter get `slots` tasks ahead of it, and no further. Scopes hold no slots, only temporaries; these are
 * freed one by one (runtime/ring.h).
 */
#ifndef ORIEL_RUNTIME_GRAPH_H
#define ORIEL_RUNTIME_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "oriel/status.h"

typedef struct oriel_graph oriel_graph;

/*
 * Bytes [begin, end) that a task reads, writes, or both. begin < end. Addresses are the caller's, any uint64. If it does neither,
 * no edge follows; as any range does, it keeps the temporaries that it touches alive until the task has ended.
 */
typedef struct oriel_range {
    uint64_t begin, end;
    bool read, write;
} oriel_range;

typedef struct oriel_graph_node {
    const oriel_range *ranges; /* copied as far as needed */
    uint32_t range_count;
    const uint64_t *after; /* ids of tasks to wait for; 0 and retired ones are fine, ids never given out are ignored */
    uint32_t after_count;
    uint64_t temporary_bytes; /* of the ring, for this task's outputs; 0: none */
    void *payload;            /* the executor's, borrowed until oriel_graph_end */
} oriel_graph_node;

typedef enum oriel_graph_added {
    ORIEL_GRAPH_ADDED,
    ORIEL_GRAPH_FULL,  /* try again when a task has ended */
    ORIEL_GRAPH_STUCK, /* full, and no task is left that could end: only open scopes hold it */
    ORIEL_GRAPH_LARGE, /* the temporary is larger than its ring */
    ORIEL_GRAPH_NO_MEMORY
} oriel_graph_added;

/* `slots` tasks at once, 1 .. 2^24; temporaries from a ring of `temporary_bytes` (offsets 0 .. temporary_bytes-1, 64-byte aligned). */
oriel_status oriel_graph_create(uint32_t slots, uint64_t temporary_bytes, oriel_graph **graph);
/* Nothing is in flight. */
void oriel_graph_destroy(oriel_graph *graph);

/*
 * Adds a task, or changes nothing. It comes after the last writers of what it reads, after the last writers and the readers since of what it writes, and
 * after `after`. On ORIEL_GRAPH_ADDED sets `id` (never 0, never used twice) and, if the node has temporary_bytes,
 * `temporary`: its offset in the ring. The caller adds the ring's address to make the ranges of its later users.
 * (The new task is the writer of its temporary: the graph enters that range itself, at temporary_base + offset.)
 */
oriel_graph_added oriel_graph_add(oriel_graph *graph, const oriel_graph_node *node, uint64_t *id, uint64_t *temporary);

/* The caller's address of offset 0 of the ring of temporaries. Set once, before the first add. */
void oriel_graph_set_temporary_base(oriel_graph *graph, uint64_t base);

/* The next task that is ready, oldest first; false if there is none. `poisoned`: end it with ORIEL_POISONED. */
bool oriel_graph_take(oriel_graph *graph, uint64_t *id, void **payload, bool *poisoned);

/*
 * A task that waits for nothing but the pending task `before`, or 0; sets its payload. It can be taken ahead of its time by who
 * sees to it that it runs after `before`, and only if that ended well: before or after which end this is told does not
 * matter to the graph. Until `before` has ended it can be given back as if it had not been taken. An end that poisons it
 * leaves it to its taker, who then ends it with ORIEL_POISONED.
 */
uint64_t oriel_graph_next(const oriel_graph *graph, uint64_t before, void **payload);
void oriel_graph_take_ahead(oriel_graph *graph, uint64_t id);
bool oriel_graph_is_ahead(const oriel_graph *graph, uint64_t id);
void oriel_graph_give_back(oriel_graph *graph, uint64_t id);
/* Whether a task that is taken was poisoned since. */
bool oriel_graph_is_poisoned(const oriel_graph *graph, uint64_t id);

/* A taken task has ended. Its dependents may become ready. */
void oriel_graph_end(oriel_graph *graph, uint64_t id, oriel_status status);

/* ORIEL_OK and `*ended` for a task that ended well; its status if it failed; `*ended` false while it has not ended. An id
 * that was not given out since the last reset: ORIEL_INVALID. */
oriel_status oriel_graph_status(const oriel_graph *graph, uint64_t id, bool *ended);

/* Tasks added and not ended; all that have ever ended. */
uint64_t oriel_graph_pending(const oriel_graph *graph);
uint64_t oriel_graph_ended(const oriel_graph *graph);

/* Scopes nest; see oriel/worker.h. Outside all of them a temporary lives until reset. False: none is open. */
void oriel_graph_scope_begin(oriel_graph *graph);
bool oriel_graph_scope_end(oriel_graph *graph);

/* Forgets everything about the past: the tensor map, failures, scopes. Nothing is pending. Called between runs. */
void oriel_graph_reset(oriel_graph *graph);

#endif
