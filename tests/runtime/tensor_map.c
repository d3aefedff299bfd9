/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: who must wait for whom, byte for byte, against a model that keeps the last writer and the readers of each byte; that
 * failures stay known and the rest is forgotten.
 */
#include "runtime/tensor_map.h"
#include "base/random.h"
#include "test.h"

#define BYTES 200
#define TASKS 512

/* Tasks, and whom the latest was told to follow. */
typedef struct fixture {
    oriel_tensor_map map;
    oriel_pool cells;
    oriel_task_state states[TASKS];
    bool followed[TASKS];
    uint64_t tasks; /* 1 .. tasks */
} fixture;

static oriel_task_state state_of(const void *context, uint64_t task)
{
    const fixture *f = context;
    assert_in_range(task, 1, f->tasks);
    return f->states[task];
}

static oriel_task_state follow(void *context, uint64_t task)
{
    fixture *f = context;
    assert_in_range(task, 1, f->tasks - 1);
    f->followed[task] |= f->states[task] == ORIEL_TASK_PENDING;
    return f->states[task];
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->cells = oriel_pool_of(sizeof(oriel_cell));
    oriel_tensor_map_init(&f->map, &f->cells, (oriel_tensor_map_tasks){state_of, follow, f});
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    oriel_tensor_map_free(&f->map);
    oriel_pool_free(&f->cells);
    free(f);
    return 0;
}

static uint64_t new_task(fixture *f, uint64_t ranges)
{
    uint64_t cells;
    assert_true(oriel_tensor_map_reserve(&f->map, ranges, TASKS, &cells));
    assert_true(oriel_pool_reserve(&f->cells, cells));
    memset(f->followed, 0, sizeof f->followed);
    f->states[++f->tasks] = ORIEL_TASK_PENDING;
    assert_true(f->tasks < TASKS);
    return f->tasks;
}

/* A task with one range; it is, or is not, poisoned. Returns its number. */
static uint64_t reads(fixture *f, uint64_t begin, uint64_t end, bool poisoned)
{
    uint64_t task = new_task(f, 1);
    assert_int_equal(oriel_tensor_map_read(&f->map, begin, end, task), poisoned);
    return task;
}

static uint64_t writes(fixture *f, uint64_t begin, uint64_t end, bool poisoned)
{
    uint64_t task = new_task(f, 1);
    assert_int_equal(oriel_tensor_map_write(&f->map, begin, end, task), poisoned);
    return task;
}

/* The latest task follows exactly these. */
#define assert_follows(f, ...) assert_follows_((f), (const uint64_t[]){__VA_ARGS__, 0})
#define NOBODY                 0

static void assert_follows_(const fixture *f, const uint64_t *expected)
{
    bool wanted[TASKS] = {false};
    for (; *expected; expected++)
        wanted[*expected] = true;
    assert_memory_equal(f->followed, wanted, sizeof wanted);
}

/* ---- Order ------------------------------------------------------------------------------------------------------ */

static void adjacent_ranges_do_not_conflict(void **state)
{
    fixture *f = *state;
    writes(f, 0, 64, false);
    writes(f, 64, 128, false);
    assert_follows(f, NOBODY);
    reads(f, 128, 192, false);
    writes(f, 192, 200, false);
    assert_follows(f, NOBODY);
}

static void one_byte_of_overlap_does(void **state)
{
    fixture *f = *state;
    uint64_t low = writes(f, 0, 64, false);
    uint64_t high = writes(f, 63, 128, false);
    assert_follows(f, low);
    reads(f, 127, 192, false);
    assert_follows(f, high);
    reads(f, 0, 63, false);
    assert_follows(f, low);
}

static void two_readers_then_a_writer(void **state)
{
    fixture *f = *state;
    uint64_t first = writes(f, 0, 100, false);
    uint64_t one = reads(f, 0, 100, false);
    assert_follows(f, first);
    uint64_t two = reads(f, 0, 100, false);
    assert_follows(f, first);
    uint64_t second = writes(f, 0, 100, false);
    assert_follows(f, first, one, two);
    reads(f, 0, 100, false);
    assert_follows(f, second);
}

static void half_and_whole(void **state)
{
    fixture *f = *state;
    uint64_t left = writes(f, 0, 50, false), right = writes(f, 50, 100, false);
    uint64_t half = reads(f, 0, 50, false);
    assert_follows(f, left);
    uint64_t whole = reads(f, 0, 100, false);
    assert_follows(f, left, right);
    writes(f, 20, 30, false);
    assert_follows(f, left, half, whole);
    writes(f, 60, 61, false);
    assert_follows(f, right, whole);
}

static void a_task_does_not_follow_itself(void **state)
{
    fixture *f = *state;
    uint64_t before = writes(f, 0, 10, false), task = new_task(f, 4);
    oriel_tensor_map_read(&f->map, 0, 8, task);
    oriel_tensor_map_write(&f->map, 4, 12, task);
    oriel_tensor_map_write(&f->map, 2, 6, task);
    oriel_tensor_map_read(&f->map, 0, 20, task);
    assert_follows(f, before);
}

static void the_ends_of_the_address_space(void **state)
{
    fixture *f = *state;
    uint64_t low = writes(f, 0, 1, false);
    uint64_t high = writes(f, UINT64_MAX - 1, UINT64_MAX, false);
    assert_follows(f, NOBODY);
    writes(f, 0, UINT64_MAX, false);
    assert_follows(f, low, high);
}

/* ---- Forgetting ------------------------------------------------------------------------------------------------- */

static void who_ended_well_is_forgotten(void **state)
{
    fixture *f = *state;
    for (uint64_t i = 0; i < 100; i++)
        f->states[writes(f, 2 * i, 2 * i + 1, false)] = ORIEL_TASK_DONE;
    assert_in_range(f->map.intervals.count, 0, 2);
    assert_int_equal(f->map.pieces.taken, f->map.intervals.count);
}

static void a_burst_is_forgotten_when_it_is_over(void **state)
{
    fixture *f = *state;
    for (uint64_t i = 0; i < 100; i++)
        reads(f, 2 * i, 2 * i + 1, false);
    assert_int_equal(f->map.intervals.count, 100);
    for (uint64_t task = 1; task <= f->tasks; task++)
        f->states[task] = ORIEL_TASK_DONE;
    for (int i = 0; i < 110; i++)
        f->states[writes(f, 0, 1, false)] = ORIEL_TASK_DONE;
    assert_in_range(f->map.intervals.count, 0, 1);
    assert_int_equal(f->cells.taken, 0);
}

/* What everybody reads and nobody writes must not collect its readers of all times. */
static void readers_that_ended_make_room(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 400; i++) {
        uint64_t task = reads(f, 0, 100, false);
        if (task > 8)
            f->states[task - 8] = ORIEL_TASK_DONE;
        assert_in_range(f->cells.taken, 1, 9);
    }
}

/* Some bytes are read as a whole by somebody at all times, and in parts that differ each time. */
static void parts_join_again_while_the_whole_is_read(void **state)
{
    fixture *f = *state;
    for (uint64_t i = 0; i < 100; i++) {
        reads(f, 0, BYTES, false);
        f->states[reads(f, i, BYTES - i, false)] = ORIEL_TASK_DONE;
        if (f->tasks > 5)
            f->states[f->tasks - 5] = ORIEL_TASK_DONE;
        assert_in_range(f->map.intervals.count, 1, 20);
    }
}

/* ---- Failure ---------------------------------------------------------------------------------------------------- */

/* Long enough for the sweep to have come by everywhere. */
static void let_time_pass(fixture *f)
{
    for (int i = 0; i < 20; i++)
        f->states[writes(f, 150, 151, false)] = ORIEL_TASK_DONE;
}

static void a_failed_writer_poisons_until_cleared(void **state)
{
    fixture *f = *state;
    f->states[writes(f, 0, 100, false)] = ORIEL_TASK_FAILED;
    let_time_pass(f);
    reads(f, 100, 120, false);
    reads(f, 99, 120, true);
    writes(f, 0, 1, true);
    oriel_tensor_map_clear(&f->map);
    oriel_pool_clear(&f->cells);
    reads(f, 0, 100, false);
}

static void a_failed_reader_poisons_writers_only(void **state)
{
    fixture *f = *state;
    f->states[reads(f, 0, 100, false)] = ORIEL_TASK_FAILED;
    let_time_pass(f);
    f->states[reads(f, 0, 100, false)] = ORIEL_TASK_DONE;
    let_time_pass(f);
    reads(f, 0, 100, false);
    writes(f, 50, 51, true);
}

/* Poisoned bytes that are cut up by readers that fail too: neither pieces nor readers pile up. */
static void failures_join_again(void **state)
{
    fixture *f = *state;
    f->states[writes(f, 0, BYTES, false)] = ORIEL_TASK_FAILED;
    for (uint64_t i = 0; i < 100; i++)
        f->states[reads(f, i, BYTES - i, true)] = ORIEL_TASK_FAILED;
    for (int i = 0; i < 300; i++)
        f->states[reads(f, 0, BYTES, true)] = ORIEL_TASK_FAILED;
    assert_int_equal(f->map.intervals.count, 1);
    assert_in_range(f->cells.taken, 0, 1);
}

/* ---- Memory ----------------------------------------------------------------------------------------------------- */

/* What was reserved is enough where most is needed: many intervals with gaps between them, and somebody who reads it all. */
static void a_reservation_covers_all_gaps(void **state)
{
    fixture *f = *state;
    for (uint64_t i = 0; i < 60; i++)
        writes(f, 3 * i + 1, 3 * i + 2, false);
    uint64_t cells, task = new_task(f, 1);
    assert_true(oriel_tensor_map_reserve(&f->map, 1, TASKS, &cells));
    const uint32_t capacity = f->map.pieces.capacity;
    oriel_tensor_map_read(&f->map, 0, 3 * 60, task);
    assert_in_range(f->map.pieces.taken, 121, capacity);
    assert_in_range(f->cells.taken, 121, cells);
}

static void a_reservation_covers_copies_of_readers(void **state)
{
    fixture *f = *state;
    uint64_t cells, task;
    for (int i = 0; i < 100; i++)
        reads(f, 0, 100, false);
    task = new_task(f, 2);
    assert_true(oriel_tensor_map_reserve(&f->map, 2, TASKS, &cells));
    oriel_tensor_map_read(&f->map, 10, 20, task);
    oriel_tensor_map_read(&f->map, 30, 40, task);
    assert_int_equal(f->cells.taken, 502); /* five pieces with a hundred readers, two with one more */
    assert_in_range(f->cells.taken - 100, 0, cells);
}

/* ---- Random, against bytes --------------------------------------------------------------------------------------- */

#define LENGTH 60 /* tasks of a random graph */

typedef struct model {
    uint64_t writer[BYTES];
    bool reader[BYTES][LENGTH + 1];
    bool before[LENGTH + 1]; /* the predecessors of the latest task */
} model;

static void model_access(model *m, uint64_t begin, uint64_t end, bool write, uint64_t task)
{
    for (uint64_t byte = begin; byte < end; byte++) {
        m->before[m->writer[byte]] = true;
        if (!write) {
            m->reader[byte][task] = true;
            continue;
        }
        for (uint64_t reader = 1; reader < task; reader++)
            m->before[reader] |= m->reader[byte][reader];
        memset(m->reader[byte], 0, sizeof m->reader[byte]);
        m->writer[byte] = task;
    }
    m->before[0] = m->before[task] = false;
}

/* The map's answers about the latest task are those of the model. */
static void assert_agree(const fixture *f, const model *m, bool poisoned)
{
    bool expected = false;
    for (uint64_t task = 1; task < f->tasks; task++) {
        assert_int_equal(f->followed[task], m->before[task] && f->states[task] == ORIEL_TASK_PENDING);
        expected |= m->before[task] && f->states[task] == ORIEL_TASK_FAILED;
    }
    assert_int_equal(poisoned, expected);
}

static void random_task(fixture *f, model *m, oriel_random *random, uint64_t space, uint64_t longest)
{
    uint64_t ranges = oriel_random_below(random, 5), task = new_task(f, ranges);
    bool poisoned = false;
    memset(m->before, 0, sizeof m->before);
    while (ranges--) {
        uint64_t begin = oriel_random_below(random, space), end = begin + 1 + oriel_random_below(random, longest);
        bool write = oriel_random_below(random, 2);
        end = end < space ? end : space;
        poisoned |= (write ? oriel_tensor_map_write : oriel_tensor_map_read)(&f->map, begin, end, task);
        model_access(m, begin, end, write, task);
    }
    assert_agree(f, m, poisoned);
}

static void random_ends(fixture *f, oriel_random *random, uint64_t count, uint64_t failing)
{
    while (count--) {
        oriel_task_state *any = &f->states[1 + oriel_random_below(random, f->tasks)];
        if (*any == ORIEL_TASK_PENDING)
            *any = oriel_random_below(random, 100) < failing ? ORIEL_TASK_FAILED : ORIEL_TASK_DONE;
    }
}

static void random_graphs_match_bytes(void **state)
{
    fixture *f = *state;
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    model *m = malloc(sizeof *m);
    for (int graph = 0; graph < 3000; graph++) {
        uint64_t space = 20 + oriel_random_below(&random, BYTES - 19), longest = 1 + oriel_random_below(&random, space);
        uint64_t ends = oriel_random_below(&random, 4), failing = oriel_random_below(&random, 2) * 10;
        memset(m, 0, sizeof *m);
        for (int i = 0; i < LENGTH; i++) {
            random_task(f, m, &random, space, longest);
            random_ends(f, &random, oriel_random_below(&random, ends + 1), failing);
        }
        oriel_tensor_map_clear(&f->map);
        oriel_pool_clear(&f->cells);
        f->tasks = 0;
    }
    free(m);
}

#define map_test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        map_test(adjacent_ranges_do_not_conflict),
        map_test(one_byte_of_overlap_does),
        map_test(two_readers_then_a_writer),
        map_test(half_and_whole),
        map_test(a_task_does_not_follow_itself),
        map_test(the_ends_of_the_address_space),
        map_test(who_ended_well_is_forgotten),
        map_test(a_burst_is_forgotten_when_it_is_over),
        map_test(readers_that_ended_make_room),
        map_test(parts_join_again_while_the_whole_is_read),
        map_test(a_failed_writer_poisons_until_cleared),
        map_test(a_failed_reader_poisons_writers_only),
        map_test(failures_join_again),
        map_test(a_reservation_covers_all_gaps),
        map_test(a_reservation_covers_copies_of_readers),
        map_test(random_graphs_match_bytes),
    };
    return cmocka_run_group_tests_name("tensor_map", tests, NULL, NULL);
}
