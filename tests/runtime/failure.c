/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlines, kernels that do what they must not, functions that fail, and calls at the wrong moment. What these tests
 * protect: the first cause is told, with its line; what depends on it is not run, everything else is; the devices and the other
 * domains are good as before; and nothing is left behind (as in deaths.c).
 */
#include "groups.h"

/* ---- Kernels and functions -------------------------------------------------------------------------------------- */

/* One rank writes where it must not. */
enum { FAULT_FROM = __LINE__ };
static void meet_but_one_faults(pto_core *core)
{
    if (meet_and_go_wrong(core))
        pto_store_i32(core, pto_window_buffer(core, pto_arg_comm(core, 0), 0).addr + 1000000, 1);
}
enum { FAULT_TO = __LINE__ };

/* Waits for what nobody does. */
static void wait_in_vain(pto_core *core)
{
    sign_in(core);
    pto_twait(core, all_cells(core, pto_arg_comm(core, 0)), 77, PTO_EQ);
}

/* Tensor 0: goes wrong before it is written. */
static void fault(pto_core *core)
{
    pto_trap(core, "this kernel always fails");
}

static oriel_status conduct(oriel_orch *orch, const oriel_args *given)
{
    oriel_args args = *given;
    return oriel_submit(orch, 0, &args, 0, NULL);
}

static oriel_status refuse(oriel_orch *orch, const oriel_args *args)
{
    (void)orch;
    (void)args;
    return ORIEL_WRONG;
}

static oriel_status host_fails(const oriel_args *args)
{
    (void)args;
    return ORIEL_WRONG;
}

static oriel_status host_counts(const oriel_args *args)
{
    ++*(int32_t *)args->tensor[0].data;
    return ORIEL_OK;
}

/* ---- Callables -------------------------------------------------------------------------------------------------- */

enum { ONE_FAULTS = OWN_CALLABLES, WAIT_IN_VAIN, FAULT, CONDUCT_FAULT, REFUSE, HOST_FAILS, HOST_COUNTS, CALLABLES };

static const oriel_kernel kernels[] = {
    [MEET] = {"meet", meet},
    [COUNT] = {"count", count_kernel},
    [ONE_FAULTS] = {"meet_but_one_faults", meet_but_one_faults},
    [WAIT_IN_VAIN] = {"wait_in_vain", wait_in_vain},
    [FAULT] = {"fault", fault},
};

static const oriel_kernel kernels_of_conduct[] = {{"fault", fault}};

static const oriel_callable callables[CALLABLES] = {
    [MEET] = TEST_KERNEL("meet", &kernels[MEET]),
    [COUNT] = TEST_KERNEL("count", &kernels[COUNT]),
    [ONE_FAULTS] = TEST_KERNEL("meet_but_one_faults", &kernels[ONE_FAULTS]),
    [WAIT_IN_VAIN] = TEST_KERNEL("wait_in_vain", &kernels[WAIT_IN_VAIN]),
    [FAULT] = TEST_KERNEL("fault", &kernels[FAULT]),
    [CONDUCT_FAULT] = TEST_DEVICE("conduct_fault", conduct, kernels_of_conduct),
    [REFUSE] = TEST_DEVICE("refuse", refuse, kernels_of_conduct),
    [HOST_FAILS] = TEST_HOST("host_fails", host_fails),
    [HOST_COUNTS] = TEST_HOST("host_counts", host_counts),
};

static void start(fixture *f, uint32_t devices, double timeout_s)
{
    start_level(f, 3, devices, &(oriel_worker_options){.timeout_s = timeout_s}, callables, CALLABLES);
}

/* The message starts with a line of this file between the two. */
static void assert_message_starts_with_line(int from, int to)
{
    const char *message = oriel_last_error(), *name = strstr(message, "failure.c:");
    if (!name || memchr(message, ' ', (size_t)(name - message)))
        fail_msg("message is \"%s\", expected it to start with a line of failure.c", message);
    int line = name ? atoi(name + strlen("failure.c:")) : 0;
    if (line <= from || line >= to)
        fail_msg("message is \"%s\", expected a line between %d and %d", message, from, to);
}

/* ---- Deadlines -------------------------------------------------------------------------------------------------- */

static void a_task_ends_at_the_default_deadline(void **state)
{
    fixture *f = begin(state);
    start(f, 2, 0.1);
    double begin_s = now_s();
    assert_int_equal(run_group(f, WAIT_IN_VAIN, 0, 0), ORIEL_TIMEOUT);
    assert_true(now_s() - begin_s >= 0.099);
    assert_message_starts_with_line(0, INT32_MAX);
    assert_message_has("waited for cell 0 of window \"signals\" == 77, and saw 0");
    assert_ok(run_group(f, MEET, 10, 0));
}

static void a_run_ends_at_its_own_deadline(void **state)
{
    fixture *f = begin(state);
    start(f, 2, 30);
    double begin_s = now_s();
    group_run run = {f, WAIT_IN_VAIN, 0, 0, NULL};
    assert_int_equal(oriel_worker_run(f->worker, run_group_function, &run, 0.1), ORIEL_TIMEOUT);
    assert_true(now_s() - begin_s >= 0.099 && now_s() - begin_s < 5);
    assert_message_has("waited for cell 0 of window \"signals\" == 77, and saw 0");
    assert_ok(run_group(f, MEET, 10, 0));
}

/* On device 0 one task after the other, each up to its deadline: those that the run's deadline catches do not start. */
static oriel_status late_tasks_function(oriel_orch *orch, void *user)
{
    fixture *f = user;
    for (int i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof name, "late%d", i);
        oriel_domain *domain = allocate_signals(orch, name, NULL, 2);
        assert_ok(submit_to_domain(orch, f->id[WAIT_IN_VAIN], domain, 0, 0, NULL));
    }
    return ORIEL_OK;
}

static void tasks_behind_the_deadline_of_the_run_are_not_started(void **state)
{
    fixture *f = begin(state);
    start(f, 2, 0.05);
    double begin_s = now_s();
    assert_int_equal(oriel_worker_run(f->worker, late_tasks_function, f, 0.12), ORIEL_TIMEOUT);
    assert_true(now_s() - begin_s < 0.9);
    assert_true(atomic_load(&stage->arrived) < 2 * 20);
    assert_ok(run_group(f, MEET, 10, 0));
}

static oriel_status wait_briefly_function(oriel_orch *orch, void *user)
{
    fixture *f = user;
    oriel_task task;
    oriel_domain *domain = allocate_signals(orch, "all", NULL, 2);
    assert_ok(submit_to_domain(orch, f->id[WAIT_IN_VAIN], domain, 0, 0, &task));
    assert_fails(oriel_task_wait(orch, task, 0), ORIEL_TIMEOUT, "task");
    assert_fails(oriel_task_wait(orch, task, 0.01), ORIEL_TIMEOUT, "task");
    assert_fails(oriel_task_wait(orch, task, -1), ORIEL_TIMEOUT, "waited for cell");
    assert_fails(oriel_task_wait(orch, task, 0), ORIEL_TIMEOUT, "waited for cell");
    return ORIEL_OK;
}

static void waiting_for_a_task_has_a_deadline_of_its_own(void **state)
{
    fixture *f = begin(state);
    start(f, 2, 0.1);
    assert_int_equal(oriel_worker_run(f->worker, wait_briefly_function, f, 0), ORIEL_TIMEOUT);
    assert_message_has("waited for cell");
}

/* ---- Kernel faults ---------------------------------------------------------------------------------------------- */

static void a_fault_names_its_line_and_the_device_goes_on(void **state)
{
    fixture *f = begin(state);
    start(f, 3, 30);
    assert_int_equal(run_group(f, ONE_FAULTS, ENDLESS, 1), ORIEL_FAULT);
    assert_message_starts_with_line(FAULT_FROM, FAULT_TO);
    assert_message_has("of window \"signals\" (192 B)");
    assert_message_names(f, 1);
    assert_message_has("waited for cell ");
    for (uint32_t i = 0; i < 3; i++)
        assert_device_works(f, i);
    assert_ok(run_group(f, MEET, 10, 0));
}

static oriel_status broken_domain_function(oriel_orch *orch, void *user)
{
    fixture *f = user;
    oriel_task bad, good;
    oriel_domain *broken = allocate_signals(orch, "fragile", NULL, 2),
                 *other = allocate_signals(orch, "other", NULL, 3);
    assert_ok(submit_to_domain(orch, f->id[ONE_FAULTS], broken, ENDLESS, 1, &bad));
    assert_ok(submit_to_domain(orch, f->id[MEET], other, 100, 0, &good));
    assert_fails(oriel_task_wait(orch, bad, -1), ORIEL_FAULT, "failure.c:");
    assert_fails(submit_to_domain(orch, f->id[MEET], broken, 1, 0, NULL), ORIEL_STATE, "\"fragile\"");
    assert_message_has("failure.c:");
    assert_ok(oriel_task_wait(orch, good, -1));
    assert_ok(submit_to_domain(orch, f->id[MEET], allocate_signals(orch, "fresh", NULL, 2), 100, 0, &good));
    assert_ok(oriel_task_wait(orch, good, -1));
    assert_ok(oriel_release_domain(orch, broken));
    return ORIEL_OK;
}

static void a_fault_breaks_its_domain_and_no_other(void **state)
{
    fixture *f = begin(state);
    start(f, 3, 30);
    assert_int_equal(oriel_worker_run(f->worker, broken_domain_function, f, 0), ORIEL_FAULT);
    assert_message_starts_with_line(FAULT_FROM, FAULT_TO);
}

/* What was submitted on the domain before the fault was seen does not meet half-done signals. */
static oriel_status queued_behind_fault_function(oriel_orch *orch, void *user)
{
    fixture *f = user;
    oriel_task bad, queued;
    oriel_domain *domain = allocate_signals(orch, "fragile", NULL, 2);
    assert_ok(submit_to_domain(orch, f->id[ONE_FAULTS], domain, ENDLESS, 1, &bad));
    oriel_status status = submit_to_domain(orch, f->id[MEET], domain, 1, 0, &queued);
    if (status == ORIEL_OK)
        assert_int_equal(oriel_task_wait(orch, queued, -1), ORIEL_POISONED);
    else
        assert_int_equal(status, ORIEL_STATE);
    return ORIEL_OK;
}

static void a_task_behind_a_fault_on_its_domain_is_not_run(void **state)
{
    fixture *f = begin(state);
    start(f, 2, 30);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(oriel_worker_run(f->worker, queued_behind_fault_function, f, 0), ORIEL_FAULT);
        assert_message_starts_with_line(FAULT_FROM, FAULT_TO);
    }
}

/* ---- Poison ----------------------------------------------------------------------------------------------------- */

typedef struct poison_run {
    fixture *f;
    int failing;
    oriel_tensor cell[5];
} poison_run;

static oriel_task submit_on(oriel_orch *orch, const poison_run *run, int callable, uint32_t cell, int read_cell,
                            oriel_task after)
{
    oriel_args args = ORIEL_ARGS_INIT;
    oriel_task task;
    assert_ok(oriel_args_tensor(&args, run->cell[cell], ORIEL_INOUT));
    if (read_cell >= 0)
        assert_ok(oriel_args_tensor(&args, run->cell[read_cell], ORIEL_INPUT));
    if (after.id)
        assert_ok(oriel_args_after(&args, after));
    assert_ok(oriel_submit(orch, run->f->id[callable], &args, 0, &task));
    return task;
}

/*
 *      fails on cell 0 ──► reads 0, counts 1 ──► reads 1, counts 2
 *                     └──► explicitly after it, counts 3                      counts 4: independent
 */
static oriel_status poison_function(oriel_orch *orch, void *user)
{
    const poison_run *run = user;
    const oriel_task none = {0};
    oriel_task failing = submit_on(orch, run, run->failing, 0, -1, none);
    oriel_task reader = submit_on(orch, run, COUNT, 1, 0, none), second = submit_on(orch, run, COUNT, 2, 1, none);
    oriel_task after = submit_on(orch, run, COUNT, 3, -1, failing), free_one = submit_on(orch, run, COUNT, 4, -1, none);
    oriel_status cause = oriel_task_wait(orch, failing, -1);
    assert_true(cause == ORIEL_FAULT || cause == ORIEL_WRONG);
    assert_int_equal(oriel_task_wait(orch, reader, -1), ORIEL_POISONED);
    assert_int_equal(oriel_task_wait(orch, second, -1), ORIEL_POISONED);
    assert_int_equal(oriel_task_wait(orch, after, -1), ORIEL_POISONED);
    assert_ok(oriel_task_wait(orch, free_one, -1));
    /* Those that come later, too. */
    oriel_task late = submit_on(orch, run, HOST_COUNTS, 2, -1, none);
    assert_int_equal(oriel_task_wait(orch, late, -1), ORIEL_POISONED);
    return ORIEL_OK;
}

static void poison(void **state, int failing, oriel_status cause, const char *message)
{
    fixture *f = begin(state);
    start(f, 2, 30);
    poison_run run = {.f = f, .failing = failing};
    for (int i = 0; i < 5; i++)
        run.cell[i] = shared_i32(f, 1);
    assert_fails(oriel_worker_run(f->worker, poison_function, &run, 0), cause, message);
    for (int i = 0; i < 5; i++)
        assert_int_equal(*cells_of(&run.cell[i]), i == 4);
    assert_device_works(f, 0);
}

static void what_depends_on_a_failed_kernel_is_not_run(void **state)
{
    poison(state, FAULT, ORIEL_FAULT, "this kernel always fails");
}

static void what_depends_on_a_failed_device_function_is_not_run(void **state)
{
    poison(state, CONDUCT_FAULT, ORIEL_FAULT, "this kernel always fails");
}

static void what_depends_on_a_refusing_device_function_is_not_run(void **state)
{
    poison(state, REFUSE, ORIEL_WRONG, "refuse");
}

static void what_depends_on_a_failed_host_function_is_not_run(void **state)
{
    poison(state, HOST_FAILS, ORIEL_WRONG, "host_fails");
}

static oriel_status two_causes_function(oriel_orch *orch, void *user)
{
    const poison_run *run = user;
    oriel_task first = submit_on(orch, run, HOST_FAILS, 0, -1, (oriel_task){0});
    assert_int_equal(oriel_task_wait(orch, first, -1), ORIEL_WRONG);
    oriel_task second = submit_on(orch, run, FAULT, 1, -1, (oriel_task){0});
    assert_int_equal(oriel_task_wait(orch, second, -1), ORIEL_FAULT);
    return oriel_task_wait(orch, second, -1);
}

static void a_run_returns_the_first_cause(void **state)
{
    fixture *f = begin(state);
    start(f, 2, 30);
    poison_run run = {.f = f};
    for (int i = 0; i < 2; i++)
        run.cell[i] = shared_i32(f, 1);
    assert_fails(oriel_worker_run(f->worker, two_causes_function, &run, 0), ORIEL_WRONG, "host_fails");
}

static oriel_status just_wrong(oriel_orch *orch, void *user)
{
    (void)orch;
    (void)user;
    return ORIEL_WRONG;
}

/* A function that fails with no message of its own does not get an older one. */
static void messages_do_not_come_from_earlier_failures(void **state)
{
    fixture *f = begin(state);
    start(f, 2, 30);
    poison_run run = {.f = f};
    for (int i = 0; i < 5; i++)
        run.cell[i] = shared_i32(f, 1);
    run.failing = FAULT;
    assert_fails(oriel_worker_run(f->worker, poison_function, &run, 0), ORIEL_FAULT, "always fails");
    assert_int_equal(oriel_worker_run(f->worker, just_wrong, NULL, 0), ORIEL_WRONG);
    assert_null(strstr(oriel_last_error(), "always fails"));
    run.failing = REFUSE;
    assert_int_equal(oriel_worker_run(f->worker, poison_function, &run, 0), ORIEL_WRONG);
    assert_null(strstr(oriel_last_error(), "always fails"));
}

/* ---- The wrong moment ------------------------------------------------------------------------------------------- */

static void close_right_after_a_failure(void **state)
{
    fixture *f = begin(state);
    for (int i = 0; i < 10; i++) {
        start(f, 3, 30);
        assert_int_equal(run_group(f, ONE_FAULTS, ENDLESS, i % 3), ORIEL_FAULT);
        stop(f);
    }
}

static void close_without_a_run(void **state)
{
    fixture *f = begin(state);
    oriel_worker_close(NULL);
    start(f, 4, 30);
    stop(f);
    int device = 3;
    oriel_worker_options options = {.form = f->form};
    assert_ok(oriel_worker_create(3, "a5sim", &device, 1, &options, &f->worker));
    stop(f);
    assert_nothing_left(&f->before);
}

static oriel_orch *kept_orch;
static oriel_task kept_task;

static oriel_status keep_function(oriel_orch *orch, void *user)
{
    fixture *f = user;
    oriel_args args = ORIEL_ARGS_INIT;
    kept_orch = orch;
    assert_fails(oriel_worker_run(f->worker, keep_function, f, 0), ORIEL_STATE, "run");
    assert_ok(oriel_args_tensor(&args, healthy_tensor, ORIEL_INOUT));
    return oriel_submit(orch, f->id[COUNT], &args, 0, &kept_task);
}

static void calls_at_the_wrong_moment_are_refused(void **state)
{
    fixture *f = begin(state);
    oriel_args args = ORIEL_ARGS_INIT;
    oriel_domain *domain = NULL;
    oriel_buffer buffer = {"signals", PTO_I32, 1};
    start(f, 2, 30);
    assert_fails(oriel_worker_init(f->worker), ORIEL_STATE, "init");
    assert_fails(oriel_worker_register(f->worker, &callables[0], &f->id[0]), ORIEL_STATE, "init");
    healthy_tensor = shared_i32(f, 1);
    assert_ok(oriel_worker_run(f->worker, keep_function, f, 0));
    assert_ok(oriel_args_tensor(&args, healthy_tensor, ORIEL_INOUT));
    for (int closed = 0; closed < 2; closed++) {
        assert_fails(oriel_submit(kept_orch, f->id[COUNT], &args, 0, NULL), ORIEL_STATE, "run");
        assert_fails(oriel_task_wait(kept_orch, kept_task, 0), ORIEL_STATE, "run");
        assert_fails(oriel_scope_begin(kept_orch), ORIEL_STATE, "run");
        assert_fails(oriel_allocate_domain(kept_orch, "late", NULL, 2, 0, &buffer, 1, &domain), ORIEL_STATE, "run");
        if (!closed)
            oriel_worker_close(f->worker);
    }
    assert_fails(oriel_worker_run(f->worker, keep_function, f, 0), ORIEL_STATE, "closed");
    assert_fails(oriel_worker_init(f->worker), ORIEL_STATE, "closed");
    oriel_worker_close(f->worker);
}

static void a_worker_does_not_fork_a_program_with_threads(void **state)
{
    fixture *f = begin(state);
    start(f, 2, 30);
    oriel_worker *second;
    int device = 0;
    oriel_worker_options options = {.arena_bytes = 1 << 20};
    assert_ok(oriel_worker_create(3, "a2a3sim", &device, 1, &options, &second));
    assert_fails(oriel_worker_init(second), ORIEL_STATE, "ORIEL_DEVICE_THREADS");
    oriel_worker_close(second);
    assert_ok(run_group(f, MEET, 10, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH(a_task_ends_at_the_default_deadline),
        IN_BOTH(a_run_ends_at_its_own_deadline),
        IN_BOTH(tasks_behind_the_deadline_of_the_run_are_not_started),
        IN_BOTH(waiting_for_a_task_has_a_deadline_of_its_own),
        IN_BOTH(a_fault_names_its_line_and_the_device_goes_on),
        IN_BOTH(a_fault_breaks_its_domain_and_no_other),
        IN_BOTH(a_task_behind_a_fault_on_its_domain_is_not_run),
        IN_BOTH(what_depends_on_a_failed_kernel_is_not_run),
        IN_BOTH(what_depends_on_a_failed_device_function_is_not_run),
        IN_BOTH(what_depends_on_a_refusing_device_function_is_not_run),
        IN_BOTH(what_depends_on_a_failed_host_function_is_not_run),
        IN_BOTH(a_run_returns_the_first_cause),
        IN_BOTH(messages_do_not_come_from_earlier_failures),
        IN_BOTH(close_right_after_a_failure),
        IN_BOTH(close_without_a_run),
        IN_BOTH(calls_at_the_wrong_moment_are_refused),
        IN_PROCESSES(a_worker_does_not_fork_a_program_with_threads),
    };
    return cmocka_run_group_tests(tests, make_stage, remove_stage);
}
