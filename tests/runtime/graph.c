/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: a task becomes ready exactly when all that it depends on have ended, poisoned exactly when one of them failed; ids,
 * statuses and back-pressure over many generations of slots; temporaries and scopes.
 */
#include "runtime/graph.h"
#include "base/random.h"
#include "test.h"

#define SLOTS     8
#define TEMPORARY 4096
#define BASE      0x100000

static int set_up(void **state)
{
    oriel_graph *graph;
    assert_ok(oriel_graph_create(SLOTS, TEMPORARY, &graph));
    oriel_graph_set_temporary_base(graph, BASE);
    *state = graph;
    return 0;
}

static int tear_down(void **state)
{
    oriel_graph_destroy(*state);
    return 0;
}

static uint64_t add(oriel_graph *graph, const oriel_range *ranges, uint32_t count)
{
    oriel_graph_node node = {.ranges = ranges, .range_count = count};
    uint64_t id, temporary;
    assert_int_equal(oriel_graph_add(graph, &node, &id, &temporary), ORIEL_GRAPH_ADDED);
    return id;
}

static uint64_t add_read(oriel_graph *graph, uint64_t begin, uint64_t end)
{
    return add(graph, &(oriel_range){begin, end, .read = true}, 1);
}

static uint64_t add_write(oriel_graph *graph, uint64_t begin, uint64_t end)
{
    return add(graph, &(oriel_range){begin, end, .write = true}, 1);
}

static uint64_t add_after(oriel_graph *graph, uint64_t a, uint64_t b)
{
    uint64_t id, temporary;
    oriel_graph_node node = {.after = (const uint64_t[]){a, b}, .after_count = 2};
    assert_int_equal(oriel_graph_add(graph, &node, &id, &temporary), ORIEL_GRAPH_ADDED);
    return id;
}

static oriel_graph_added add_temporary(oriel_graph *graph, uint64_t bytes, uint64_t *id, uint64_t *temporary)
{
    oriel_graph_node node = {.temporary_bytes = bytes};
    return oriel_graph_add(graph, &node, id, temporary);
}

/* The next ready task is `id`. */
static void take(oriel_graph *graph, uint64_t id, bool poisoned)
{
    uint64_t taken;
    void *payload;
    bool is_poisoned;
    assert_true(oriel_graph_take(graph, &taken, &payload, &is_poisoned));
    assert_int_equal(taken, id);
    assert_int_equal(is_poisoned, poisoned);
}

static void run(oriel_graph *graph, uint64_t id, oriel_status status)
{
    take(graph, id, status == ORIEL_POISONED);
    oriel_graph_end(graph, id, status);
}

static void assert_none_ready(oriel_graph *graph)
{
    uint64_t id;
    void *payload;
    bool poisoned;
    assert_false(oriel_graph_take(graph, &id, &payload, &poisoned));
}

static void assert_status(const oriel_graph *graph, uint64_t id, bool ended, oriel_status status)
{
    bool has_ended;
    assert_int_equal(oriel_graph_status(graph, id, &has_ended), status);
    assert_int_equal(has_ended, ended);
}

/* ---- Order ------------------------------------------------------------------------------------------------------ */

static void readers_run_together_between_writers(void **state)
{
    oriel_graph *graph = *state;
    uint64_t first = add_write(graph, 0, 100);
    uint64_t one = add_read(graph, 0, 50), two = add_read(graph, 50, 100);
    uint64_t second = add_write(graph, 0, 100);
    run(graph, first, ORIEL_OK);
    take(graph, one, false);
    take(graph, two, false);
    oriel_graph_end(graph, two, ORIEL_OK);
    assert_none_ready(graph);
    oriel_graph_end(graph, one, ORIEL_OK);
    run(graph, second, ORIEL_OK);
    assert_int_equal(oriel_graph_pending(graph), 0);
}

static void one_predecessor_by_many_ranges_is_waited_for_once(void **state)
{
    oriel_graph *graph = *state;
    const oriel_range ranges[] = {{0, 10, .write = true}, {20, 30, .write = true}, {5, 25, .read = true}};
    uint64_t first = add(graph, ranges, 3), second = add(graph, ranges, 3), third = add_after(graph, second, second);
    run(graph, first, ORIEL_OK);
    run(graph, second, ORIEL_OK);
    run(graph, third, ORIEL_OK);
}

static void ready_tasks_come_in_the_order_of_submission(void **state)
{
    oriel_graph *graph = *state;
    uint64_t root = add_write(graph, 0, 100), leaf[SLOTS - 1];
    for (int i = 0; i < SLOTS - 1; i++)
        leaf[i] = add_read(graph, 0, 100);
    run(graph, root, ORIEL_OK);
    for (int i = 0; i < SLOTS - 1; i++)
        run(graph, leaf[i], ORIEL_OK);
}

static void explicit_dependencies(void **state)
{
    oriel_graph *graph = *state;
    uint64_t done = add(graph, NULL, 0);
    run(graph, done, ORIEL_OK);
    uint64_t unknown = add_after(graph, 0, 1000000);
    run(graph, unknown, ORIEL_OK);
    uint64_t one = add(graph, NULL, 0), both = add_after(graph, done, one);
    take(graph, one, false);
    assert_none_ready(graph);
    oriel_graph_end(graph, one, ORIEL_OK);
    run(graph, both, ORIEL_OK);
}

static void the_payload_comes_back(void **state)
{
    oriel_graph *graph = *state;
    int mine;
    oriel_graph_node node = {.payload = &mine};
    uint64_t id, temporary;
    void *payload;
    bool poisoned;
    assert_int_equal(oriel_graph_add(graph, &node, &id, &temporary), ORIEL_GRAPH_ADDED);
    assert_true(oriel_graph_take(graph, &id, &payload, &poisoned));
    assert_ptr_equal(payload, &mine);
    oriel_graph_end(graph, id, ORIEL_OK);
}

/* ---- Failure ---------------------------------------------------------------------------------------------------- */

static void failure_poisons_what_depends_on_it_and_nothing_else(void **state)
{
    oriel_graph *graph = *state;
    uint64_t bad = add_write(graph, 0, 10), good = add_write(graph, 10, 20);
    uint64_t reader = add_read(graph, 0, 10), other = add_read(graph, 10, 20), after = add_after(graph, reader, 0);
    run(graph, bad, ORIEL_FAULT);
    run(graph, good, ORIEL_OK);
    run(graph, reader, ORIEL_POISONED);
    run(graph, other, ORIEL_OK);
    run(graph, after, ORIEL_POISONED);
    assert_status(graph, bad, true, ORIEL_FAULT);
    assert_status(graph, after, true, ORIEL_POISONED);
    assert_status(graph, other, true, ORIEL_OK);
}

static void late_comers_are_poisoned_too(void **state)
{
    oriel_graph *graph = *state;
    uint64_t bad = add_write(graph, 0, 10);
    run(graph, bad, ORIEL_TIMEOUT);
    for (int i = 0; i < 10 * SLOTS; i++)
        run(graph, add_write(graph, 50, 60), ORIEL_OK);
    run(graph, add_read(graph, 9, 11), ORIEL_POISONED);
    run(graph, add_after(graph, 0, bad), ORIEL_POISONED);
    run(graph, add_read(graph, 50, 51), ORIEL_OK);
    assert_status(graph, bad, true, ORIEL_TIMEOUT);
}

static void reset_forgets_failures_and_ids(void **state)
{
    oriel_graph *graph = *state;
    bool ended;
    uint64_t bad = add_write(graph, 0, 10);
    run(graph, bad, ORIEL_FAULT);
    oriel_graph_scope_begin(graph);
    oriel_graph_reset(graph);
    assert_false(oriel_graph_scope_end(graph));
    uint64_t next = add_read(graph, 0, 10);
    assert_true(next > bad);
    run(graph, next, ORIEL_OK);
    run(graph, add_after(graph, bad, 0), ORIEL_OK);
    assert_fails(oriel_graph_status(graph, bad, &ended), ORIEL_INVALID, "task 1 is not of this run");
}

/* Failed and poisoned tasks, mixed with good ones, are all remembered after their slots were used again. */
static void every_failure_is_remembered(void **state)
{
    oriel_graph *graph = *state;
    static const oriel_status statuses[] = {ORIEL_OK, ORIEL_FAULT, ORIEL_FAULT, ORIEL_TIMEOUT, ORIEL_OK, ORIEL_OK};
    const uint64_t count = 5000, first = add(graph, NULL, 0);
    for (uint64_t i = 0; i < count; i++) {
        assert_int_equal(add(graph, NULL, 0), first + i + 1);
        run(graph, first + i, statuses[i % 6]);
    }
    for (uint64_t i = 0; i < count; i++)
        assert_status(graph, first + i, true, statuses[i % 6]);
    run(graph, first + count, ORIEL_OK);
}

/* ---- Slots ------------------------------------------------------------------------------------------------------ */

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    oriel_graph *graph;
    assert_fails(oriel_graph_create(0, 0, &graph), ORIEL_INVALID, "0 task slots; 1 to 16777216");
    assert_fails(oriel_graph_create(UINT32_MAX, 0, &graph), ORIEL_INVALID, "4294967295 task slots");
}

static void slots_are_freed_in_order(void **state)
{
    oriel_graph *graph = *state;
    oriel_graph_node node = {0};
    uint64_t id[SLOTS], more, temporary;
    for (int i = 0; i < SLOTS; i++)
        id[i] = add(graph, NULL, 0);
    for (int i = 0; i < SLOTS; i++)
        take(graph, id[i], false);
    for (int i = SLOTS - 1; i > 0; i--) {
        oriel_graph_end(graph, id[i], ORIEL_OK);
        assert_status(graph, id[i], true, ORIEL_OK);
        assert_int_equal(oriel_graph_add(graph, &node, &more, &temporary), ORIEL_GRAPH_FULL);
    }
    assert_status(graph, id[0], false, ORIEL_OK);
    oriel_graph_end(graph, id[0], ORIEL_OK);
    for (int i = 0; i < SLOTS; i++)
        add(graph, NULL, 0);
    assert_int_equal(oriel_graph_pending(graph), SLOTS);
}

/* A number of slots that is not a power of two is kept to all the same. */
static void the_number_of_slots_is_exact(void **state)
{
    (void)state;
    oriel_graph *graph;
    oriel_graph_node node = {0};
    uint64_t id, temporary;
    assert_ok(oriel_graph_create(5, 0, &graph));
    for (int i = 0; i < 5; i++)
        assert_int_equal(oriel_graph_add(graph, &node, &id, &temporary), ORIEL_GRAPH_ADDED);
    assert_int_equal(oriel_graph_add(graph, &node, &id, &temporary), ORIEL_GRAPH_FULL);
    oriel_graph_destroy(graph);
}

static void ids_stay_unique_over_many_generations(void **state)
{
    oriel_graph *graph = *state;
    bool ended;
    uint64_t first = add_write(graph, 0, 10), last = first;
    assert_true(first > 0);
    for (int i = 1; i < 1000000; i++) {
        uint64_t id = add_write(graph, 0, 10);
        if (id <= last)
            fail_msg("task %llu came after task %llu", (unsigned long long)id, (unsigned long long)last);
        run(graph, last, ORIEL_OK);
        last = id;
    }
    assert_status(graph, first, true, ORIEL_OK);
    assert_status(graph, last, false, ORIEL_OK);
    assert_fails(oriel_graph_status(graph, 0, &ended), ORIEL_INVALID, "task 0 is not of this run");
    assert_fails(oriel_graph_status(graph, last + 1, &ended), ORIEL_INVALID, "is not of this run");
    run(graph, last, ORIEL_OK);
}

static void a_task_too_large_to_record_changes_nothing(void **state)
{
    oriel_graph *graph = *state;
    oriel_graph_node node = {.range_count = UINT32_MAX, .temporary_bytes = 64};
    uint64_t id, temporary;
    assert_int_equal(oriel_graph_add(graph, &node, &id, &temporary), ORIEL_GRAPH_NO_MEMORY);
    assert_int_equal(oriel_graph_pending(graph), 0);
    assert_int_equal(add_temporary(graph, TEMPORARY, &id, &temporary), ORIEL_GRAPH_ADDED);
    run(graph, id, ORIEL_OK);
}

/* ---- Temporaries ------------------------------------------------------------------------------------------------ */

static void a_temporary_is_written_by_its_task(void **state)
{
    oriel_graph *graph = *state;
    uint64_t maker, temporary;
    assert_int_equal(add_temporary(graph, 100, &maker, &temporary), ORIEL_GRAPH_ADDED);
    uint64_t reader = add_read(graph, BASE + temporary, BASE + temporary + 100);
    take(graph, maker, false);
    assert_none_ready(graph);
    oriel_graph_end(graph, maker, ORIEL_OK);
    run(graph, reader, ORIEL_OK);
}

static void large_full_and_stuck(void **state)
{
    oriel_graph *graph = *state;
    uint64_t maker, id, temporary;
    assert_int_equal(add_temporary(graph, TEMPORARY + 1, &id, &temporary), ORIEL_GRAPH_LARGE);
    oriel_graph_scope_begin(graph);
    assert_int_equal(add_temporary(graph, TEMPORARY, &maker, &temporary), ORIEL_GRAPH_ADDED);
    assert_int_equal(add_temporary(graph, 1, &id, &temporary), ORIEL_GRAPH_FULL);
    run(graph, maker, ORIEL_OK);
    assert_int_equal(add_temporary(graph, 1, &id, &temporary), ORIEL_GRAPH_STUCK);
    assert_true(oriel_graph_scope_end(graph));
    assert_int_equal(add_temporary(graph, TEMPORARY, &maker, &temporary), ORIEL_GRAPH_ADDED);
    run(graph, maker, ORIEL_OK);
}

static void a_temporary_outlives_its_scope_until_its_maker_ends(void **state)
{
    oriel_graph *graph = *state;
    uint64_t maker, id, temporary;
    oriel_graph_scope_begin(graph);
    assert_int_equal(add_temporary(graph, TEMPORARY, &maker, &temporary), ORIEL_GRAPH_ADDED);
    assert_true(oriel_graph_scope_end(graph));
    take(graph, maker, false);
    assert_int_equal(add_temporary(graph, 1, &id, &temporary), ORIEL_GRAPH_FULL);
    oriel_graph_end(graph, maker, ORIEL_OK);
    assert_int_equal(add_temporary(graph, 1, &id, &temporary), ORIEL_GRAPH_ADDED);
    run(graph, id, ORIEL_OK);
}

static void a_temporary_lives_for_its_scope_and_its_users(void **state)
{
    oriel_graph *graph = *state;
    uint64_t maker, id, temporary;
    oriel_graph_scope_begin(graph);
    assert_int_equal(add_temporary(graph, TEMPORARY, &maker, &temporary), ORIEL_GRAPH_ADDED);
    uint64_t reader = add_read(graph, BASE + TEMPORARY - 1, BASE + TEMPORARY);
    uint64_t user = add(graph, &(oriel_range){BASE - 10, BASE + 1}, 1); /* neither reads nor writes: no edge */
    add(graph, (const oriel_range[]){{BASE - 10, BASE}, {BASE + TEMPORARY, BASE + TEMPORARY + 10}}, 2);
    assert_true(oriel_graph_scope_end(graph));
    run(graph, maker, ORIEL_OK);
    assert_int_equal(add_temporary(graph, 64, &id, &temporary), ORIEL_GRAPH_FULL);
    take(graph, user, false);
    take(graph, user + 1, false); /* touches the ring from outside only, and does not hold it */
    run(graph, reader, ORIEL_OK);
    assert_int_equal(add_temporary(graph, 64, &id, &temporary), ORIEL_GRAPH_FULL);
    oriel_graph_end(graph, user, ORIEL_OK);
    assert_int_equal(add_temporary(graph, 64, &id, &temporary), ORIEL_GRAPH_ADDED);
    run(graph, id, ORIEL_OK);
}

/* The ring's bytes come again: what a failed task left in them is not their next user's fate. */
static void a_new_temporary_does_not_inherit_poison(void **state)
{
    oriel_graph *graph = *state;
    uint64_t maker, temporary;
    oriel_graph_scope_begin(graph);
    assert_int_equal(add_temporary(graph, TEMPORARY, &maker, &temporary), ORIEL_GRAPH_ADDED);
    run(graph, maker, ORIEL_FAULT);
    run(graph, add_read(graph, BASE, BASE + 10), ORIEL_POISONED);
    assert_true(oriel_graph_scope_end(graph));
    assert_int_equal(add_temporary(graph, TEMPORARY, &maker, &temporary), ORIEL_GRAPH_ADDED);
    uint64_t reader = add_read(graph, BASE, BASE + 10);
    run(graph, maker, ORIEL_OK);
    run(graph, reader, ORIEL_OK);
}

/* ---- Random, against bytes --------------------------------------------------------------------------------------- */

#define BYTES  200
#define TASKS  120
#define WINDOW 32

typedef struct model_task {
    uint64_t id;
    bool before[TASKS]; /* its predecessors */
    bool taken, ended;
    oriel_status status;
} model_task;

typedef struct model {
    model_task tasks[TASKS + 1]; /* one more, that is never added: id 0 */
    int count, taken_count;
    int taken[TASKS];  /* taken and not ended */
    int writer[BYTES]; /* -1: none */
    bool reader[BYTES][TASKS];
} model;

static void model_range(model *m, const oriel_range *range, int task)
{
    bool *before = m->tasks[task].before;
    for (uint64_t byte = range->begin; byte < range->end; byte++) {
        if (m->writer[byte] >= 0)
            before[m->writer[byte]] = true;
        if (!range->write) {
            m->reader[byte][task] = true;
            continue;
        }
        for (int reader = 0; reader < task; reader++)
            before[reader] |= m->reader[byte][reader];
        memset(m->reader[byte], 0, sizeof m->reader[byte]);
        m->writer[byte] = task;
    }
    before[task] = false;
}

static void random_add(oriel_graph *graph, model *m, oriel_random *random)
{
    int task = m->count;
    oriel_range ranges[4];
    uint64_t after[2], temporary;
    oriel_graph_node node = {.ranges = ranges, .after = after, .payload = &m->tasks[task]};
    node.range_count = (uint32_t)oriel_random_below(random, 5);
    node.after_count = (uint32_t)oriel_random_below(random, 3);
    for (uint32_t i = 0; i < node.range_count; i++) {
        uint64_t begin = oriel_random_below(random, BYTES), tags = 1 + oriel_random_below(random, 3);
        uint64_t end = begin + 1 + oriel_random_below(random, 30);
        ranges[i] = (oriel_range){begin, end < BYTES ? end : BYTES, tags & 1, tags & 2};
    }
    for (uint32_t i = 0; i < node.after_count; i++)
        after[i] = m->tasks[oriel_random_below(random, (uint64_t)task + 1)].id; /* 0 if it is the new one */
    if (oriel_graph_add(graph, &node, &m->tasks[task].id, &temporary) == ORIEL_GRAPH_FULL)
        return;
    m->count++;
    for (uint32_t i = 0; i < node.range_count; i++)
        model_range(m, &ranges[i], task);
    for (uint32_t i = 0; i < node.after_count; i++)
        for (int before = 0; before < task; before++)
            m->tasks[task].before[before] |= m->tasks[before].id == after[i];
}

/* Whether the model lets the task run, and what it then expects of it. */
static bool model_ready(const model *m, int task, bool *poisoned)
{
    *poisoned = false;
    for (int before = 0; before < task; before++) {
        const model_task *t = &m->tasks[before];
        if (!m->tasks[task].before[before])
            continue;
        if (!t->ended)
            return false;
        *poisoned |= t->status != ORIEL_OK;
    }
    return true;
}

/* Takes all that is ready. It must be exactly what the model would run. */
static void take_all(oriel_graph *graph, model *m)
{
    uint64_t id;
    void *payload;
    bool poisoned, expected;
    while (oriel_graph_take(graph, &id, &payload, &poisoned)) {
        model_task *t = payload;
        assert_int_equal(t->id, id);
        assert_false(t->taken);
        assert_true(model_ready(m, (int)(t - m->tasks), &expected));
        assert_int_equal(poisoned, expected);
        t->taken = true;
        t->status = poisoned ? ORIEL_POISONED : ORIEL_OK;
        m->taken[m->taken_count++] = (int)(t - m->tasks);
    }
    for (int task = 0; task < m->count; task++)
        assert_int_equal(m->tasks[task].taken, model_ready(m, task, &expected));
}

static void random_end(oriel_graph *graph, model *m, oriel_random *random, uint64_t failing)
{
    uint64_t which = oriel_random_below(random, (uint64_t)m->taken_count);
    model_task *t = &m->tasks[m->taken[which]];
    m->taken[which] = m->taken[--m->taken_count];
    if (t->status == ORIEL_OK && oriel_random_below(random, 100) < failing)
        t->status = ORIEL_FAULT;
    t->ended = true;
    oriel_graph_end(graph, t->id, t->status);
}

static void random_graph(oriel_graph *graph, model *m, oriel_random *random)
{
    uint64_t failing = oriel_random_below(random, 2) * 5, eager = 10 + oriel_random_below(random, 80);
    while (m->count < TASKS || m->taken_count) {
        if (m->count < TASKS && oriel_random_below(random, 100) < eager)
            random_add(graph, m, random);
        else if (m->taken_count)
            random_end(graph, m, random, failing);
        take_all(graph, m);
    }
    assert_int_equal(oriel_graph_pending(graph), 0);
    for (int task = 0; task < TASKS; task++)
        assert_status(graph, m->tasks[task].id, true, m->tasks[task].status);
}

static void random_graphs_in_random_orders(void **state)
{
    (void)state;
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    oriel_graph *graph;
    assert_ok(oriel_graph_create(WINDOW, 0, &graph));
    model *m = malloc(sizeof *m);
    for (int round = 0; round < 500; round++) {
        memset(m, 0, sizeof *m);
        memset(m->writer, 0xff, sizeof m->writer);
        random_graph(graph, m, &random);
        oriel_graph_reset(graph);
    }
    free(m);
    oriel_graph_destroy(graph);
}

/* ---- Ahead of its time ------------------------------------------------------------------------------------------ */

/* The first that waits for nothing but `before`, or 0. */
static uint64_t next_of(oriel_graph *graph, uint64_t before)
{
    void *payload;
    return oriel_graph_next(graph, before, &payload);
}

static void a_task_can_be_taken_ahead_of_the_one_that_it_waits_for(void **state)
{
    oriel_graph *graph = *state;
    uint64_t first = add_write(graph, 0, 8), second = add_write(graph, 0, 8), third = add_write(graph, 0, 8), id;
    void *payload;
    bool poisoned;
    assert_int_equal(next_of(graph, third), 0);
    assert_int_equal(next_of(graph, first), second);
    oriel_graph_take_ahead(graph, second);
    assert_int_equal(next_of(graph, first), 0);
    assert_true(oriel_graph_is_ahead(graph, second));
    oriel_graph_give_back(graph, second);
    assert_false(oriel_graph_is_ahead(graph, second));
    assert_int_equal(next_of(graph, first), second);
    oriel_graph_take_ahead(graph, second);
    assert_int_equal(next_of(graph, second), third);
    oriel_graph_take_ahead(graph, third);

    /* What is taken becomes ready for nobody else; a failure reaches it all the same. */
    assert_true(oriel_graph_take(graph, &id, &payload, &poisoned));
    assert_int_equal(id, first);
    oriel_graph_end(graph, first, ORIEL_OK);
    assert_false(oriel_graph_take(graph, &id, &payload, &poisoned));
    assert_false(oriel_graph_is_ahead(graph, second));
    assert_false(oriel_graph_is_poisoned(graph, second));
    oriel_graph_end(graph, second, ORIEL_FAULT);
    assert_false(oriel_graph_take(graph, &id, &payload, &poisoned));
    assert_true(oriel_graph_is_poisoned(graph, third));
    oriel_graph_end(graph, third, ORIEL_POISONED);
    assert_int_equal(oriel_graph_pending(graph), 0);
}

static void only_who_waits_for_one_task_can_be_taken_ahead(void **state)
{
    oriel_graph *graph = *state;
    uint64_t a = add_write(graph, 0, 8), b = add_write(graph, 8, 16), both = add_after(graph, a, b), id;
    void *payload;
    bool poisoned;
    assert_int_equal(next_of(graph, a), 0);
    assert_int_equal(next_of(graph, b), 0);
    assert_true(oriel_graph_take(graph, &id, &payload, &poisoned));
    oriel_graph_end(graph, a, ORIEL_OK);
    assert_int_equal(next_of(graph, b), both);

    /* Poisoned by the one, it waits for the other still. */
    uint64_t c = add_write(graph, 16, 24), d = add_after(graph, b, c);
    (void)d;
    assert_true(oriel_graph_take(graph, &id, &payload, &poisoned));
    oriel_graph_end(graph, b, ORIEL_FAULT);
    assert_int_equal(next_of(graph, c), 0);
}

#define graph_test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        graph_test(readers_run_together_between_writers),
        graph_test(one_predecessor_by_many_ranges_is_waited_for_once),
        graph_test(ready_tasks_come_in_the_order_of_submission),
        graph_test(explicit_dependencies),
        graph_test(the_payload_comes_back),
        graph_test(failure_poisons_what_depends_on_it_and_nothing_else),
        graph_test(late_comers_are_poisoned_too),
        graph_test(reset_forgets_failures_and_ids),
        graph_test(every_failure_is_remembered),
        cmocka_unit_test(impossible_sizes_are_refused),
        graph_test(slots_are_freed_in_order),
        cmocka_unit_test(the_number_of_slots_is_exact),
        graph_test(ids_stay_unique_over_many_generations),
        graph_test(a_task_too_large_to_record_changes_nothing),
        graph_test(a_temporary_is_written_by_its_task),
        graph_test(large_full_and_stuck),
        graph_test(a_temporary_outlives_its_scope_until_its_maker_ends),
        graph_test(a_temporary_lives_for_its_scope_and_its_users),
        graph_test(a_new_temporary_does_not_inherit_poison),
        graph_test(a_task_can_be_taken_ahead_of_the_one_that_it_waits_for),
        graph_test(only_who_waits_for_one_task_can_be_taken_ahead),
        cmocka_unit_test(random_graphs_in_random_orders),
    };
    return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
