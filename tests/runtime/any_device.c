/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks for any device, some of which wait in the mailbox of a busy one. What these tests protect: none waits behind a
 * long task while another device is idle; one that was not begun when its device died runs elsewhere, once; none passes
 * a group that is older.
 */
#include <sched.h>

#include "fixture.h"

#define TASKS 10

/* ---- Kernels ---------------------------------------------------------------------------------------------------- */

/* Scalar 0: the number of the release that ends it. */
static void hold_kernel(pto_core *core)
{
    int64_t number = pto_arg_i64(core, 0);
    atomic_store(&stage->pid[number], getpid());
    atomic_fetch_add(&stage->arrived, 1);
    while (atomic_load(&stage->released) < number)
        sched_yield();
}

enum { HOLD, COUNT, MEET, CALLABLES };

static const oriel_kernel kernels[] = {
    [HOLD] = {"hold", hold_kernel},
    [COUNT] = {"count", count_kernel},
    [MEET] = {"meet", meet_kernel},
};

static const oriel_callable callables[CALLABLES] = {
    [HOLD] = TEST_KERNEL("hold", &kernels[HOLD]),
    [COUNT] = TEST_KERNEL("count", &kernels[COUNT]),
    [MEET] = TEST_KERNEL("meet", &kernels[MEET]),
};

/* ---- Programs --------------------------------------------------------------------------------------------------- */

typedef struct program {
    fixture *f;
    oriel_tensor counts; /* an element for each counting task */
    oriel_task task[TASKS];
} program;

static void submit_holder(oriel_orch *orch, const program *p, int64_t release)
{
    oriel_args args = ORIEL_ARGS_INIT;
    assert_ok(oriel_args_i64(&args, release));
    assert_ok(oriel_submit(orch, p->f->id[HOLD], &args, ORIEL_ANY_DEVICE, NULL));
}

static void submit_countings(oriel_orch *orch, program *p)
{
    for (int i = 0; i < TASKS; i++) {
        oriel_args args = ORIEL_ARGS_INIT;
        assert_ok(oriel_args_tensor(&args, oriel_tensor_1d(cells_of(&p->counts) + i, PTO_I32, 1), ORIEL_INOUT));
        assert_ok(oriel_submit(orch, p->f->id[COUNT], &args, ORIEL_ANY_DEVICE, &p->task[i]));
    }
}

/* Both devices are held, the countings wait in both mailboxes. */
static void fill_both(oriel_orch *orch, program *p)
{
    submit_holder(orch, p, 1);
    submit_holder(orch, p, 2);
    submit_countings(orch, p);
    wait_for_arrivals(2);
}

static program start(fixture *f)
{
    start_level(f, 3, 2, &(oriel_worker_options){.timeout_s = 30}, callables, CALLABLES);
    return (program){.f = f, .counts = shared_i32(f, TASKS)};
}

static void assert_each_counted_once(const program *p)
{
    for (int i = 0; i < TASKS; i++)
        assert_int_equal(cells_of(&p->counts)[i], 1);
}

/* ---- Tests ------------------------------------------------------------------------------------------------------ */

static oriel_status release_one(oriel_orch *orch, void *user)
{
    program *p = user;
    fill_both(orch, p);
    atomic_store(&stage->released, 1);
    oriel_status status = ORIEL_OK;
    for (int i = 0; i < TASKS && status == ORIEL_OK; i++)
        status = oriel_task_wait(orch, p->task[i], 10);
    atomic_store(&stage->released, 2);
    return status;
}

static void an_idle_device_takes_over_what_waits_behind_a_long_task(void **state)
{
    program p = start(begin(state));
    assert_ok(oriel_worker_run(p.f->worker, release_one, &p, 0));
    assert_each_counted_once(&p);
}

static oriel_status kill_one(oriel_orch *orch, void *user)
{
    program *p = user;
    fill_both(orch, p);
    assert_int_equal(kill(stage->pid[2], SIGKILL), 0);
    atomic_store(&stage->released, 1);
    oriel_status status = ORIEL_OK;
    for (int i = 0; i < TASKS && status == ORIEL_OK; i++)
        status = oriel_task_wait(orch, p->task[i], 10);
    assert_int_equal(status, ORIEL_OK);
    return status;
}

static void what_a_dead_device_had_not_begun_runs_elsewhere(void **state)
{
    program p = start(begin(state));
    assert_int_equal(oriel_worker_run(p.f->worker, kill_one, &p, 0), ORIEL_RANK_DIED);
    assert_each_counted_once(&p);
}

static oriel_status kill_both(oriel_orch *orch, void *user)
{
    program *p = user;
    fill_both(orch, p);
    assert_int_equal(kill(stage->pid[1], SIGKILL), 0);
    assert_int_equal(kill(stage->pid[2], SIGKILL), 0);
    for (int i = 0; i < TASKS; i++)
        assert_int_equal(oriel_task_wait(orch, p->task[i], 10), ORIEL_RANK_DIED);
    return ORIEL_OK;
}

static void all_devices_dead_end_every_task(void **state)
{
    program p = start(begin(state));
    assert_int_equal(oriel_worker_run(p.f->worker, kill_both, &p, 0), ORIEL_RANK_DIED);
}

/* The group waits for both devices; what comes after it waits for the group, and runs then. */
static oriel_status group_between(oriel_orch *orch, void *user)
{
    program *p = user;
    submit_holder(orch, p, 1);
    TRY(submit_to_domain(orch, p->f->id[MEET], allocate_signals(orch, "both", NULL, 2), 3, 0, NULL));
    submit_countings(orch, p);
    wait_for_arrivals(1);
    bool passed = oriel_task_wait(orch, p->task[0], 0.02) == ORIEL_OK;
    atomic_store(&stage->released, 1);
    assert_false(passed);
    return ORIEL_OK;
}

static void no_task_passes_an_older_group(void **state)
{
    program p = start(begin(state));
    assert_ok(oriel_worker_run(p.f->worker, group_between, &p, 0));
    assert_each_counted_once(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH(an_idle_device_takes_over_what_waits_behind_a_long_task),
        IN_PROCESSES(what_a_dead_device_had_not_begun_runs_elsewhere),
        IN_PROCESSES(all_devices_dead_end_every_task),
        IN_BOTH(no_task_passes_an_older_group),
    };
    return cmocka_run_group_tests(tests, make_stage, remove_stage);
}
