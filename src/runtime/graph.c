/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/graph.h"

#include <stdlib.h>

#include "base/error.h"
#include "runtime/ring.h"
#include "runtime/tensor_map.h"

#define MAX_SLOTS (1u << 24)

typedef enum slot_state { WAITING, AHEAD, READY, TAKEN, ENDED } slot_state;

typedef struct slot {
    void *payload;
    uint64_t follower;     /* the latest task with an edge from this one: it needs no second */
    oriel_list successors; /* ids */
    oriel_list held;       /* pieces of the ring */
    uint32_t waiting_for;  /* so many tasks to end */
    uint32_t next_ready;   /* slot; while READY */
    uint8_t state;
    bool poisoned;
    uint8_t status; /* an oriel_status, when ENDED */
} slot;

/* Tasks first .. last, next to each other, failed with `status`. */
typedef struct failure {
    uint64_t first, last;
    oriel_status status;
} failure;

/*
 * Ids count up from 1 and never come again; task `id` has slot `id & mask` while oldest <= id < next.
 *
 *      era            oldest                     next
 *       │ retired       │ pending or ended         │ not given out
 *
 * Tasks retire in this order, so the failures among the retired are sorted too, and those of a poisoned chain are mostly one
 * entry.
 */
struct oriel_graph {
    slot *slots;
    uint32_t slot_count, mask;
    uint64_t era; /* the first id since the last reset */
    uint64_t oldest, next;
    uint64_t pending;
    uint32_t ready;                   /* tasks that can be taken */
    uint32_t ready_first, ready_last; /* their slots; if there are any */
    oriel_pool cells;                 /* of all lists here and in the tensor map */
    oriel_tensor_map map;
    oriel_ring ring;
    uint64_t temporary_base;
    failure *failures;
    uint64_t failure_count, failure_room;
};

/* ---- Slots ------------------------------------------------------------------------------------------------------ */

static slot *slot_of(const oriel_graph *graph, uint64_t id)
{
    return &graph->slots[id & graph->mask];
}

/* The status of a task that has retired: a binary search in the failures. */
static oriel_status retired_status(const oriel_graph *graph, uint64_t id)
{
    uint64_t low = 0, high = graph->failure_count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (graph->failures[middle].last < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < graph->failure_count && graph->failures[low].first <= id ? graph->failures[low].status : ORIEL_OK;
}

/* Of a task that was given out. */
static oriel_task_state state_of(const void *context, uint64_t id)
{
    const oriel_graph *graph = context;
    oriel_status status;
    if (id < graph->oldest)
        status = retired_status(graph, id);
    else if (slot_of(graph, id)->state == ENDED)
        status = (oriel_status)slot_of(graph, id)->status;
    else
        return ORIEL_TASK_PENDING;
    return status == ORIEL_OK ? ORIEL_TASK_DONE : ORIEL_TASK_FAILED;
}

static void remember_failure(oriel_graph *graph, uint64_t id, oriel_status status)
{
    failure *latest = graph->failure_count ? &graph->failures[graph->failure_count - 1] : NULL;
    if (latest && latest->last + 1 == id && latest->status == status)
        latest->last = id;
    else
        graph->failures[graph->failure_count++] = (failure){id, id, status};
}

static void retire(oriel_graph *graph)
{
    while (graph->oldest < graph->next && slot_of(graph, graph->oldest)->state == ENDED) {
        oriel_status status = (oriel_status)slot_of(graph, graph->oldest)->status;
        if (status != ORIEL_OK)
            remember_failure(graph, graph->oldest, status);
        graph->oldest++;
    }
}

static void make_ready(oriel_graph *graph, slot *s)
{
    uint32_t index = (uint32_t)(s - graph->slots);
    s->state = READY;
    if (graph->ready++ == 0)
        graph->ready_first = index;
    else
        graph->slots[graph->ready_last].next_ready = index;
    graph->ready_last = index;
}

/* ---- Making ----------------------------------------------------------------------------------------------------- */

/* An edge from `id` to the task that is being added, if that must wait for it still. */
static oriel_task_state follow(void *context, uint64_t id)
{
    oriel_graph *graph = context;
    oriel_task_state state = state_of(graph, id);
    if (state != ORIEL_TASK_PENDING)
        return state;
    slot *earlier = slot_of(graph, id);
    if (earlier->follower != graph->next) {
        earlier->follower = graph->next;
        oriel_list_push(&graph->cells, &earlier->successors, graph->next);
        slot_of(graph, graph->next)->waiting_for++;
    }
    return state;
}

oriel_status oriel_graph_create(uint32_t slots, uint64_t temporary_bytes, oriel_graph **graph)
{
    if (slots == 0 || slots > MAX_SLOTS)
        return oriel_fail(ORIEL_INVALID, "%u task slots; 1 to %u are possible", slots, MAX_SLOTS);
    uint32_t room = 1;
    while (room < slots)
        room *= 2;
    oriel_graph *g = calloc(1, sizeof *g);
    slot *all = calloc(room, sizeof *all);
    if (g == NULL || all == NULL) {
        free(g);
        free(all);
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for a graph with %u task slots", slots);
    }
    g->slots = all;
    g->slot_count = slots;
    g->mask = room - 1;
    g->era = g->oldest = g->next = 1;
    g->cells = oriel_pool_of(sizeof(oriel_cell));
    oriel_tensor_map_init(&g->map, &g->cells, (oriel_tensor_map_tasks){state_of, follow, g});
    oriel_ring_init(&g->ring, temporary_bytes);
    *graph = g;
    return ORIEL_OK;
}

void oriel_graph_destroy(oriel_graph *graph)
{
    oriel_tensor_map_free(&graph->map);
    oriel_ring_free(&graph->ring);
    oriel_pool_free(&graph->cells);
    free(graph->failures);
    free(graph->slots);
    free(graph);
}

void oriel_graph_set_temporary_base(oriel_graph *graph, uint64_t base)
{
    graph->temporary_base = base;
}

void oriel_graph_reset(oriel_graph *graph)
{
    oriel_tensor_map_clear(&graph->map);
    oriel_ring_clear(&graph->ring);
    oriel_pool_clear(&graph->cells);
    graph->failure_count = 0;
    graph->era = graph->next;
}

/* ---- Adding ----------------------------------------------------------------------------------------------------- */

/* Any task that is pending can still fail, and be an entry. */
static bool reserve_failures(oriel_graph *graph)
{
    uint64_t needed = graph->failure_count + (graph->next - graph->oldest) + 1;
    if (needed <= graph->failure_room)
        return true;
    failure *failures = realloc(graph->failures, 2 * needed * sizeof *failures);
    if (failures == NULL)
        return false;
    graph->failures = failures;
    graph->failure_room = 2 * needed;
    return true;
}

/* All that adding `node` may take: afterwards nothing can fail, so that nothing needs to be undone. */
static bool reserve(oriel_graph *graph, const oriel_graph_node *node)
{
    uint64_t ranges = (uint64_t)node->range_count + 1; /* its temporary is one */
    uint64_t readers;
    if (!oriel_tensor_map_reserve(&graph->map, ranges, graph->slot_count, &readers) ||
        !oriel_ring_reserve(&graph->ring))
        return false;
    uint64_t edges = graph->pending, held = oriel_ring_pieces(&graph->ring) + 1;
    return oriel_pool_reserve(&graph->cells, readers + edges + held) && reserve_failures(graph);
}

/* The temporaries in the range live until the task has ended. */
static void hold_temporaries(oriel_graph *graph, const oriel_range *range, uint64_t id)
{
    uint64_t base = graph->temporary_base, bytes = graph->ring.bytes;
    if (range->end <= base || (range->begin > base && range->begin - base >= bytes))
        return;
    uint64_t begin = range->begin > base ? range->begin - base : 0;
    uint64_t end = range->end - base < bytes ? range->end - base : bytes;
    oriel_ring_hold(&graph->ring, begin, end, id, &graph->cells, &slot_of(graph, id)->held);
}

/* The task is the writer of its temporary. Who used these bytes before has ended, and what became of him is not passed on. */
static void enter_temporary(oriel_graph *graph, uint64_t offset, uint64_t bytes, uint64_t id)
{
    oriel_range range = {.begin = graph->temporary_base + offset, .end = graph->temporary_base + offset + bytes};
    hold_temporaries(graph, &range, id);
    oriel_tensor_map_write(&graph->map, range.begin, range.end, id);
}

/* Enters the edges. True: one of them is from a task that has failed. */
static bool follow_all(oriel_graph *graph, const oriel_graph_node *node, uint64_t id)
{
    bool poisoned = false;
    for (uint32_t i = 0; i < node->after_count; i++)
        if (node->after[i] != 0 && node->after[i] < id)
            poisoned |= follow(graph, node->after[i]) == ORIEL_TASK_FAILED;
    for (uint32_t i = 0; i < node->range_count; i++) {
        const oriel_range *range = &node->ranges[i];
        hold_temporaries(graph, range, id);
        if (range->write)
            poisoned |= oriel_tensor_map_write(&graph->map, range->begin, range->end, id);
        else if (range->read)
            poisoned |= oriel_tensor_map_read(&graph->map, range->begin, range->end, id);
    }
    return poisoned;
}

oriel_graph_added oriel_graph_add(oriel_graph *graph, const oriel_graph_node *node, uint64_t *id, uint64_t *temporary)
{
    uint64_t offset = 0;
    if (node->temporary_bytes > graph->ring.bytes)
        return ORIEL_GRAPH_LARGE;
    if (graph->next - graph->oldest == graph->slot_count)
        return ORIEL_GRAPH_FULL;
    if (!reserve(graph, node))
        return ORIEL_GRAPH_NO_MEMORY;
    if (node->temporary_bytes && !oriel_ring_take(&graph->ring, node->temporary_bytes, &offset))
        return graph->pending ? ORIEL_GRAPH_FULL : ORIEL_GRAPH_STUCK;

    uint64_t task = graph->next;
    slot *s = slot_of(graph, task);
    *s = (slot){.payload = node->payload, .state = WAITING};
    s->poisoned = follow_all(graph, node, task);
    if (node->temporary_bytes) {
        enter_temporary(graph, offset, node->temporary_bytes, task);
        *temporary = offset;
    }
    graph->next++;
    graph->pending++;
    if (s->waiting_for == 0)
        make_ready(graph, s);
    *id = task;
    return ORIEL_GRAPH_ADDED;
}

/* ---- Running ---------------------------------------------------------------------------------------------------- */

bool oriel_graph_take(oriel_graph *graph, uint64_t *id, void **payload, bool *poisoned)
{
    if (graph->ready == 0)
        return false;
    uint32_t index = graph->ready_first;
    slot *s = &graph->slots[index];
    graph->ready--;
    graph->ready_first = s->next_ready;
    s->state = TAKEN;
    *id = graph->oldest + ((index - graph->oldest) & graph->mask);
    *payload = s->payload;
    *poisoned = s->poisoned;
    return true;
}

uint64_t oriel_graph_next(const oriel_graph *graph, uint64_t before, void **payload)
{
    uint32_t first = slot_of(graph, before)->successors.first;
    if (first == 0)
        return 0;
    uint64_t id = oriel_cell_at(&graph->cells, first)->value;
    const slot *s = slot_of(graph, id);
    if (s->state != WAITING || s->waiting_for > 1 || s->poisoned)
        return 0;
    *payload = s->payload;
    return id;
}

void oriel_graph_take_ahead(oriel_graph *graph, uint64_t id)
{
    slot_of(graph, id)->state = AHEAD;
}

bool oriel_graph_is_ahead(const oriel_graph *graph, uint64_t id)
{
    return slot_of(graph, id)->state == AHEAD;
}

void oriel_graph_give_back(oriel_graph *graph, uint64_t id)
{
    slot_of(graph, id)->state = WAITING;
}

bool oriel_graph_is_poisoned(const oriel_graph *graph, uint64_t id)
{
    return slot_of(graph, id)->poisoned;
}

void oriel_graph_end(oriel_graph *graph, uint64_t id, oriel_status status)
{
    slot *s = slot_of(graph, id);
    s->state = ENDED;
    s->status = (uint8_t)status;
    graph->pending--;
    while (s->successors.first) {
        slot *later = slot_of(graph, oriel_list_pop(&graph->cells, &s->successors));
        later->poisoned |= status != ORIEL_OK;
        if (--later->waiting_for > 0)
            continue;
        if (later->state == AHEAD)
            later->state = TAKEN;
        else
            make_ready(graph, later);
    }
    oriel_ring_drop(&graph->ring, &graph->cells, &s->held);
    retire(graph);
}

oriel_status oriel_graph_status(const oriel_graph *graph, uint64_t id, bool *ended)
{
    if (id < graph->era || id >= graph->next)
        return oriel_fail(ORIEL_INVALID, "task %llu is not of this run", (unsigned long long)id);
    if (id < graph->oldest) {
        *ended = true;
        return retired_status(graph, id);
    }
    const slot *s = slot_of(graph, id);
    *ended = s->state == ENDED;
    return *ended ? (oriel_status)s->status : ORIEL_OK;
}

uint64_t oriel_graph_pending(const oriel_graph *graph)
{
    return graph->pending;
}

uint64_t oriel_graph_ended(const oriel_graph *graph)
{
    return graph->next - 1 - graph->pending;
}

void oriel_graph_scope_begin(oriel_graph *graph)
{
    oriel_ring_scope_begin(&graph->ring);
}

bool oriel_graph_scope_end(oriel_graph *graph)
{
    return oriel_ring_scope_end(&graph->ring);
}
