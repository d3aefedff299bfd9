/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: host functions on their way between threads. Each is taken once, by one sub-worker, and given back once, whatever
 * the threads do at the same time; one thread's come back in its order; sub-workers that sleep hear of each.
 */
#include <pthread.h>

#include "runtime/host.h"
#include "test.h"

#define TAKERS 3
#define TASKS  20000

#define SUBMITTED 5000 /* to a worker */

typedef struct exchange {
    oriel_handover handover;
    _Atomic bool ends;
    _Atomic uint32_t taken[TASKS]; /* how often; by the task's id */
} exchange;

static void *take_and_leave(void *context)
{
    exchange *e = context;
    while (!atomic_load(&e->ends)) {
        oriel_host_task *task = oriel_handover_take(&e->handover);
        if (!task)
            continue;
        atomic_fetch_add(&e->taken[task->id], 1);
        oriel_handover_leave(&e->handover, task);
    }
    return NULL;
}

static void each_is_taken_and_given_back_once(void **state)
{
    (void)state;
    static exchange e;
    static uint32_t collected[TASKS];
    oriel_host_task *tasks = calloc(TASKS, sizeof *tasks);
    pthread_t taker[TAKERS];
    assert_non_null(tasks);
    for (int i = 0; i < TAKERS; i++)
        assert_int_equal(pthread_create(&taker[i], NULL, take_and_leave, &e), 0);
    for (uint32_t put = 0, back = 0; back < TASKS;) {
        for (; put < TASKS && oriel_handover_has_room(&e.handover); put++) {
            tasks[put].id = put;
            oriel_handover_put(&e.handover, &tasks[put]);
        }
        assert_true(oriel_handover_waiting(&e.handover) <= ORIEL_HANDOVER_ROOM);
        for (oriel_host_task *task = oriel_handover_collect(&e.handover); task; task = task->next, back++)
            collected[task->id]++;
    }
    atomic_store(&e.ends, true);
    for (int i = 0; i < TAKERS; i++)
        pthread_join(taker[i], NULL);
    for (uint32_t i = 0; i < TASKS; i++) {
        assert_int_equal(e.taken[i], 1);
        assert_int_equal(collected[i], 1);
    }
    assert_null(oriel_handover_take(&e.handover));
    assert_null(oriel_handover_collect(&e.handover));
    free(tasks);
}

static void what_one_thread_gives_back_comes_in_its_order(void **state)
{
    (void)state;
    static oriel_handover handover;
    oriel_host_task *tasks = calloc(ORIEL_HANDOVER_ROOM, sizeof *tasks), *task;
    assert_non_null(tasks);
    for (uint32_t i = 0; i < ORIEL_HANDOVER_ROOM; i++) {
        assert_true(oriel_handover_has_room(&handover));
        oriel_handover_put(&handover, &tasks[i]);
    }
    assert_false(oriel_handover_has_room(&handover));
    for (uint32_t i = 0; (task = oriel_handover_take(&handover)); i++) {
        assert_ptr_equal(task, &tasks[i]);
        oriel_handover_leave(&handover, task);
    }
    task = oriel_handover_collect(&handover);
    for (uint32_t i = 0; i < ORIEL_HANDOVER_ROOM; i++, task = task->next)
        assert_ptr_equal(task, &tasks[i]);
    assert_null(task);
    assert_false(oriel_handover_has_left(&handover));
    free(tasks);
}

/* ---- Through a worker: a graph that is full again and again, pauses in which all fall asleep ------------------------- */

static _Atomic uint32_t ran;

static oriel_status count_host(const oriel_args *args)
{
    (void)args;
    atomic_fetch_add(&ran, 1);
    return ORIEL_OK;
}

static oriel_status submit_many(oriel_orch *orch, void *user)
{
    (void)user;
    oriel_args args = ORIEL_ARGS_INIT;
    for (uint32_t i = 0; i < SUBMITTED; i++) {
        oriel_task task;
        oriel_status status = oriel_submit(orch, 0, &args, ORIEL_ANY_DEVICE, &task);
        if (status == ORIEL_OK && i % 1000 == 0)
            status = oriel_task_wait(orch, task, 30);
        if (status != ORIEL_OK)
            return status;
    }
    return ORIEL_OK;
}

static void a_worker_loses_none(void **state)
{
    (void)state;
    static const oriel_callable callable = {.name = "count", .host = count_host, .tensors = -1, .comms = -1};
    static const int device = 0;
    for (uint32_t slots = 1; slots <= 4096; slots *= 64) {
        const oriel_worker_options options = {.form = ORIEL_DEVICE_THREADS, .sub_workers = 3, .task_slots = slots};
        oriel_worker *worker;
        oriel_callable_id id;
        assert_ok(oriel_worker_create(3, "a2a3sim", &device, 1, &options, &worker));
        assert_ok(oriel_worker_register(worker, &callable, &id));
        assert_ok(oriel_worker_init(worker));
        atomic_store(&ran, 0);
        assert_ok(oriel_worker_run(worker, submit_many, NULL, 60));
        assert_int_equal(ran, SUBMITTED);
        oriel_worker_close(worker);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_taken_and_given_back_once),
        cmocka_unit_test(what_one_thread_gives_back_comes_in_its_order),
        cmocka_unit_test(a_worker_loses_none),
    };
    return cmocka_run_group_tests_name("handover", tests, NULL, NULL);
}
