/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranks that are killed, that crash, never come or never go, and parents that are killed. What these tests protect: the run
 * ends, soon; its error says which rank, how it ended, who waited for it, where, for what, and saw what; the other devices
 * are good as before; and nothing is left behind (every test's tear-down counts threads, files, children and mappings).
 */
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/random.h"
#include "groups.h"

/* ---- Kernels ---------------------------------------------------------------------------------------------------- */

/* One rank returns and tells nobody. */
static void meet_but_one(pto_core *core)
{
    if (!is_it_me(core))
        meet(core);
}

/* The same, and the others ask again and again. */
static void poll_but_one(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    if (is_it_me(core))
        return;
    notify_all(core, comm);
    while (!pto_ttest(core, all_cells(core, comm), 1, PTO_GE))
        ;
}

/* One rank loops, with no instruction in the loop. */
static void meet_but_one_spins(pto_core *core)
{
    if (meet_and_go_wrong(core))
        while (!atomic_load(&stage->released))
            ;
}

static int *volatile nowhere;

__attribute__((no_sanitize("address"), no_sanitize("undefined"))) static void touch_nowhere(void)
{
    *nowhere = 1;
}

/* For ever, each time a stack frame deeper. */
__attribute__((noinline)) static int dig(volatile int *above)
{
    volatile int here[64];
    here[0] = *above + 1;
    return here[0] < 0 ? 0 : dig(here) + here[0];
}

static void meet_but_one_crashes(pto_core *core)
{
    if (!meet_and_go_wrong(core))
        return;
    signal(SIGSEGV, SIG_DFL); /* not to the sanitizer */
    touch_nowhere();
}

static void meet_but_one_digs(pto_core *core)
{
    volatile int depth = 0;
    if (!meet_and_go_wrong(core))
        return;
    signal(SIGSEGV, SIG_DFL);
    pto_store_i32(core, pto_window_buffer(core, pto_arg_comm(core, 0), 0).addr, dig(&depth));
}

static void meet_but_one_aborts(pto_core *core)
{
    if (!meet_and_go_wrong(core))
        return;
    signal(SIGABRT, SIG_DFL);
    abort();
}

static void meet_but_one_exits(pto_core *core)
{
    if (meet_and_go_wrong(core))
        _exit(3);
}

/* Tensor 0: waits until the test says go, then += 1. */
static void count_later(pto_core *core)
{
    atomic_fetch_add(&stage->arrived, 1);
    while (!atomic_load(&stage->released))
        ;
    count_kernel(core);
}

/* Domain 0: its kernels meet the others'. */
static oriel_status conduct_rounds(oriel_orch *orch, const oriel_args *given)
{
    oriel_task task;
    for (int32_t round = 1; round < ENDLESS; round++) {
        oriel_args args = ORIEL_ARGS_INIT;
        oriel_args_comm(&args, given->comm[0]);
        oriel_args_i64(&args, round);
        TRY(oriel_submit(orch, 0, &args, 0, &task));
        TRY(oriel_task_wait(orch, task, -1));
    }
    return ORIEL_OK;
}

/* Scalar 0: the round. */
static void meet_once(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    sign_in(core);
    notify_all(core, comm);
    pto_twait(core, all_cells(core, comm), (int32_t)pto_arg_i64(core, 0), PTO_GE);
}

/* ---- Callables -------------------------------------------------------------------------------------------------- */

enum {
    MEET_BUT_ONE = OWN_CALLABLES,
    POLL_BUT_ONE,
    ONE_SPINS,
    ONE_CRASHES,
    ONE_DIGS,
    ONE_ABORTS,
    ONE_EXITS,
    COUNT_LATER,
    CONDUCT_ROUNDS,
    CALLABLES
};

static const oriel_kernel kernels[] = {
    [MEET] = {"meet", meet},
    [COUNT] = {"count", count_kernel},
    [MEET_BUT_ONE] = {"meet_but_one", meet_but_one},
    [POLL_BUT_ONE] = {"poll_but_one", poll_but_one},
    [ONE_SPINS] = {"meet_but_one_spins", meet_but_one_spins},
    [ONE_CRASHES] = {"meet_but_one_crashes", meet_but_one_crashes},
    [ONE_DIGS] = {"meet_but_one_digs", meet_but_one_digs},
    [ONE_ABORTS] = {"meet_but_one_aborts", meet_but_one_aborts},
    [ONE_EXITS] = {"meet_but_one_exits", meet_but_one_exits},
    [COUNT_LATER] = {"count_later", count_later},
};

static const oriel_kernel kernels_of_rounds[] = {{"meet_once", meet_once}};

static const oriel_callable callables[CALLABLES] = {
    [MEET] = TEST_KERNEL("meet", &kernels[MEET]),
    [COUNT] = TEST_KERNEL("count", &kernels[COUNT]),
    [MEET_BUT_ONE] = TEST_KERNEL("meet_but_one", &kernels[MEET_BUT_ONE]),
    [POLL_BUT_ONE] = TEST_KERNEL("poll_but_one", &kernels[POLL_BUT_ONE]),
    [ONE_SPINS] = TEST_KERNEL("meet_but_one_spins", &kernels[ONE_SPINS]),
    [ONE_CRASHES] = TEST_KERNEL("meet_but_one_crashes", &kernels[ONE_CRASHES]),
    [ONE_DIGS] = TEST_KERNEL("meet_but_one_digs", &kernels[ONE_DIGS]),
    [ONE_ABORTS] = TEST_KERNEL("meet_but_one_aborts", &kernels[ONE_ABORTS]),
    [ONE_EXITS] = TEST_KERNEL("meet_but_one_exits", &kernels[ONE_EXITS]),
    [COUNT_LATER] = TEST_KERNEL("count_later", &kernels[COUNT_LATER]),
    [CONDUCT_ROUNDS] = TEST_DEVICE("conduct_rounds", conduct_rounds, kernels_of_rounds),
};

static void start(fixture *f, uint32_t devices, double timeout_s)
{
    start_level(f, 3, devices, &(oriel_worker_options){.timeout_s = timeout_s}, callables, CALLABLES);
}

/* What others did: they wait for a rank that was killed, unless they learn of it before they come to it. */
static void assert_message_tells_of_others(void)
{
    if (!strstr(oriel_last_error(), "waited for cell "))
        assert_message_has("the run was aborted");
}

static void kill_rank(uint32_t rank)
{
    assert_int_equal(kill(stage->pid[rank], SIGKILL), 0);
}

/* ---- Killed ----------------------------------------------------------------------------------------------------- */

static struct {
    oriel_random random;
    uint32_t victim;
    double after_s;
    int waits; /* deeds after which the message told of a wait */
} deed;

static void sleep_and_kill(fixture *f)
{
    (void)f;
    sleep_s(deed.after_s);
    kill_rank(deed.victim);
}

static void kill_one_at_a_random_moment(fixture *f)
{
    uint32_t ranks = 3 + (uint32_t)oriel_random_below(&deed.random, 2);
    deed.victim = (uint32_t)oriel_random_below(&deed.random, ranks);
    deed.after_s = 1e-6 * (double)oriel_random_below(&deed.random, 1 << oriel_random_below(&deed.random, 13));
    start(f, ranks, 30);
    assert_ok(run_group(f, MEET, 1, 0));
    double begin_s = now_s();
    assert_int_equal(run_group_meanwhile(f, MEET, sleep_and_kill), ORIEL_RANK_DIED);
    assert_true(now_s() - begin_s < 2);
    assert_message_names(f, deed.victim);
    assert_message_has("signal 9");
    deed.waits += message_tells_of_a_wait();
    stop(f);
    assert_nothing_left(&f->before);
}

static void a_random_rank_killed_at_a_random_moment_200_times(void **state)
{
    fixture *f = begin(state);
    oriel_random_seed(&deed.random, test_seed());
    for (int i = 0; i < 200; i++)
        kill_one_at_a_random_moment(f);
    /* Others may be anywhere when they learn of it, but after some milliseconds hardly in anything but a wait. */
    assert_true(deed.waits > 150);
}

static void a_rank_killed_between_runs(void **state)
{
    fixture *f = begin(state);
    start(f, 3, 30);
    assert_ok(run_group(f, MEET, 1, 0));
    kill_rank(1);
    assert_int_equal(run_group(f, MEET, 1, 0), ORIEL_RANK_DIED);
    assert_message_has("signal 9");
    assert_device_works(f, 0);
    assert_device_works(f, 2);
    /* It stays dead. */
    assert_int_equal(run_group(f, MEET, 1, 0), ORIEL_RANK_DIED);
    assert_message_has("signal 9");
}

/* The group stands behind a task of device 1, which dies before it comes to the group. */
static oriel_status doomed_function(oriel_orch *orch, void *user)
{
    fixture *f = user;
    oriel_args args = ORIEL_ARGS_INIT;
    oriel_task group;
    assert_ok(oriel_args_tensor(&args, healthy_tensor, ORIEL_INOUT));
    assert_ok(oriel_submit(orch, f->id[COUNT_LATER], &args, 1, NULL));
    static const uint32_t members[] = {2, 1};
    assert_ok(submit_to_domain(orch, f->id[MEET], allocate_signals(orch, "pair", members, 2), 1, 0, &group));
    kill_rank(1);
    return oriel_task_wait(orch, group, -1);
}

static oriel_status doomed_result(oriel_orch *orch, void *user)
{
    oriel_status status = doomed_function(orch, user);
    assert_message_has("task \"meet\" was not run: rank 1 (device 12, pid ");
    assert_message_has("signal 9");
    return status;
}

static void a_group_that_was_not_run_names_the_rank(void **state)
{
    fixture *f = begin(state);
    start(f, 3, 30);
    healthy_tensor = shared_i32(f, 1);
    assert_ok(run_group(f, MEET, 1, 0));
    assert_int_equal(oriel_worker_run(f->worker, doomed_result, f, 0), ORIEL_RANK_DIED);
    assert_device_works(f, 2);
}

static void all_ranks_killed_and_closed(void **state)
{
    fixture *f = begin(state);
    start(f, 3, 30);
    assert_ok(run_group(f, MEET, 1, 0));
    for (uint32_t rank = 0; rank < 3; rank++)
        kill_rank(rank);
}

static void kill_two(fixture *f)
{
    (void)f;
    wait_for_arrivals(4);
    kill_rank(1);
    kill_rank(2);
}

static void two_ranks_killed_at_once(void **state)
{
    fixture *f = begin(state);
    start(f, 4, 30);
    assert_int_equal(run_group_meanwhile(f, MEET, kill_two), ORIEL_RANK_DIED);
    assert_message_has("signal 9");
    assert_message_tells_of_others();
    assert_device_works(f, 0);
    assert_device_works(f, 3);
}

static void kill_first(fixture *f)
{
    (void)f;
    wait_for_arrivals(3);
    kill_rank(0);
}

static void a_rank_killed_in_a_device_function(void **state)
{
    fixture *f = begin(state);
    start(f, 3, 30);
    assert_int_equal(run_group_meanwhile(f, CONDUCT_ROUNDS, kill_first), ORIEL_RANK_DIED);
    assert_message_names(f, 0);
    assert_message_has("signal 9");
    assert_message_tells_of_others();
    assert_device_works(f, 1);
}

/* A stopped process does not leave its waits either; it is ended when its time is over. */
static void stop_first(fixture *f)
{
    (void)f;
    wait_for_arrivals(3);
    kill(stage->pid[0], SIGSTOP);
}

static void a_rank_that_was_stopped(void **state)
{
    fixture *f = begin(state);
    start(f, 3, 0.2);
    assert_int_equal(run_group_meanwhile(f, MEET, stop_first), ORIEL_TIMEOUT);
    assert_message_has("rank 0 (device 7");
    assert_message_tells_of_a_wait();
}

/*
 *      devices   0 1 2 3
 *      left      x x x        killed on device 0
 *      right         x x      its task comes after, on living devices, and ends well
 */
static oriel_status overlapping_function(oriel_orch *orch, void *user)
{
    fixture *f = user;
    static const uint32_t both[] = {3, 2};
    oriel_task task;
    oriel_domain *left = allocate_signals(orch, "left", NULL, 3), *right = allocate_signals(orch, "right", both, 2);
    assert_ok(submit_to_domain(orch, f->id[MEET], left, ENDLESS, 0, NULL));
    assert_ok(submit_to_domain(orch, f->id[MEET], right, 1000, 0, &task));
    kill_first(f);
    assert_ok(oriel_task_wait(orch, task, -1));
    return ORIEL_OK;
}

static void the_task_of_an_overlapping_domain_goes_on(void **state)
{
    fixture *f = begin(state);
    start(f, 4, 30);
    assert_int_equal(oriel_worker_run(f->worker, overlapping_function, f, 0), ORIEL_RANK_DIED);
    assert_message_has("rank 0 (device 7, pid ");
    assert_message_has("signal 9");
    assert_message_tells_of_others();
}

/* ---- Crashes ---------------------------------------------------------------------------------------------------- */

static void one_crashes(void **state, int callable, const char *how)
{
    fixture *f = begin(state);
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    start(f, 3, 30);
    assert_int_equal(run_group(f, callable, ENDLESS, 1), ORIEL_RANK_DIED);
    assert_message_has("rank 1 (device 12, pid ");
    assert_message_has(how);
    assert_message_tells_of_a_wait();
    assert_device_works(f, 0);
    assert_device_works(f, 2);
}

static void a_kernel_that_writes_nowhere(void **state)
{
    one_crashes(state, ONE_CRASHES, "signal 11");
}

static void a_kernel_that_overflows_its_stack(void **state)
{
    one_crashes(state, ONE_DIGS, "signal 11");
}

static void a_kernel_that_aborts(void **state)
{
    one_crashes(state, ONE_ABORTS, "signal 6");
}

static void a_kernel_that_exits(void **state)
{
    one_crashes(state, ONE_EXITS, "exited with code 3");
}

/* ---- Never there ------------------------------------------------------------------------------------------------ */

static void a_rank_that_never_notifies(void **state)
{
    fixture *f = begin(state);
    start(f, 3, 0.5);
    assert_int_equal(run_group(f, MEET_BUT_ONE, 1, 2), ORIEL_TIMEOUT);
    assert_message_tells_of_a_wait();
    assert_message_has("waited for cell 32 of"); /* rank 2's line */
    assert_message_has("rank 2 (device 17");
    assert_message_has("returned"); /* "had returned", or "returned too late" on a busy machine */
    assert_device_works(f, 2);
    assert_ok(run_group(f, MEET, 10, 0));
}

static void ranks_that_poll_for_one_that_never_comes(void **state)
{
    fixture *f = begin(state);
    start(f, 3, 0.5);
    assert_int_equal(run_group(f, POLL_BUT_ONE, 1, 2), ORIEL_TIMEOUT);
    assert_message_has("waited for cell 32 of window \"signals\" >= 1, and saw 0");
    assert_message_has("rank 2 (device 17");
    assert_message_has("returned"); /* "had returned", or "returned too late" on a busy machine */
    assert_ok(run_group(f, MEET, 10, 0));
}

static void a_process_that_loops_for_ever_is_killed(void **state)
{
    fixture *f = begin(state);
    start(f, 3, 0.5);
    double begin_s = now_s();
    assert_int_equal(run_group(f, ONE_SPINS, ENDLESS, 1), ORIEL_TIMEOUT);
    assert_true(now_s() - begin_s < 4);
    assert_message_names(f, 1);
    assert_message_has("still running");
    assert_message_tells_of_a_wait();
    assert_device_works(f, 0);
    assert_int_equal(run_group(f, MEET, 1, 0), ORIEL_RANK_DIED);
}

/* A thread cannot be ended: the run ends without it, and the worker can only be closed. */
static void a_thread_that_loops_for_long_is_given_up(void **state)
{
    fixture *f = begin(state);
    start(f, 3, 0.5);
    assert_int_equal(run_group(f, ONE_SPINS, ENDLESS, 1), ORIEL_TIMEOUT);
    assert_message_names(f, 1);
    assert_message_has("still running");
    assert_message_tells_of_a_wait();
    assert_int_not_equal(run_group(f, MEET, 1, 0), ORIEL_OK);
    atomic_store(&stage->released, 1);
}

static oriel_status stuck_function(oriel_orch *orch, void *user)
{
    fixture *f = user;
    for (uint64_t i = 0; i < 2; i++) {
        oriel_args args = ORIEL_ARGS_INIT;
        oriel_tensor cell = oriel_tensor_1d(cells_of(&healthy_tensor) + 16 * i, PTO_I32, 1);
        assert_ok(oriel_args_tensor(&args, cell, ORIEL_INOUT));
        assert_ok(oriel_submit(orch, f->id[i == 0 ? COUNT_LATER : COUNT], &args, 0, NULL));
    }
    return ORIEL_OK;
}

/* The second command was in the mailbox: its task has ended with the device, so nobody may run it any more. */
static void a_thread_that_comes_back_leaves_its_mailbox_alone(void **state)
{
    fixture *f = begin(state);
    start(f, 2, 0.2);
    healthy_tensor = shared_i32(f, 32);
    assert_int_equal(oriel_worker_run(f->worker, stuck_function, f, 0), ORIEL_TIMEOUT);
    int threads = take_stock().threads;
    atomic_store(&stage->released, 1);
    for (double end = now_s() + 5; take_stock().threads == threads && now_s() < end; sleep_s(0.001))
        ;
    assert_int_equal(cells_of(&healthy_tensor)[16], 0);
    assert_true(take_stock().threads < threads);
}

static _Noreturn void be_stuck_for_ever(fixture *f)
{
    start(f, 2, 0.05);
    oriel_status status = run_group(f, ONE_SPINS, ENDLESS, 1);
    oriel_worker_close(f->worker);
    _exit(status == ORIEL_TIMEOUT ? 0 : 1);
}

/* Close comes back all the same; the memory that the thread may still use stays. In a process of its own, which ends it. */
static void a_thread_that_loops_for_ever_does_not_hold_up_close(void **state)
{
    fixture *f = begin(state);
    if (UNDER_TSAN)
        skip(); /* it wants no threads after a fork */
    double begin_s = now_s();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        be_stuck_for_ever(f);
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    assert_true(now_s() - begin_s < 10);
}

/* ---- Independent tasks ------------------------------------------------------------------------------------------ */

static void kill_and_release(fixture *f)
{
    (void)f;
    wait_for_arrivals(3);
    kill_rank(1);
    sleep_s(0.02);
    atomic_store(&stage->released, 1);
}

/* A single task on device 2 is under way while the group on 0 and 1 loses a rank. */
static oriel_status beside_function(oriel_orch *orch, void *user)
{
    fixture *f = user;
    oriel_args args = ORIEL_ARGS_INIT;
    oriel_task task;
    assert_ok(oriel_args_tensor(&args, healthy_tensor, ORIEL_INOUT));
    assert_ok(oriel_submit(orch, f->id[COUNT_LATER], &args, 2, &task));
    assert_ok(submit_to_domain(orch, f->id[MEET], allocate_signals(orch, "pair", NULL, 2), ENDLESS, 0, NULL));
    kill_and_release(f);
    return oriel_task_wait(orch, task, -1);
}

static void a_task_beside_a_dying_group_ends_well(void **state)
{
    fixture *f = begin(state);
    start(f, 3, 30);
    healthy_tensor = shared_i32(f, 1);
    assert_int_equal(oriel_worker_run(f->worker, beside_function, f, 0), ORIEL_RANK_DIED);
    assert_message_names(f, 1);
    assert_message_has("signal 9");
    assert_message_tells_of_others();
    assert_int_equal(*cells_of(&healthy_tensor), 1);
}

/* ---- The parent is killed --------------------------------------------------------------------------------------- */

static bool is_gone(int pid)
{
    char number[16];
    int parent;
    snprintf(number, sizeof number, "%d", pid);
    char process = process_state(number, &parent);
    return process == 0 || process == 'Z';
}

static _Noreturn void be_a_parent(fixture *f)
{
    start(f, 3, 30);
    run_group(f, MEET, ENDLESS, 0);
    _exit(0);
}

static void devices_end_with_their_parent(void **state)
{
    fixture *f = begin(state);
    for (int i = 0; i < 5; i++) {
        memset(stage, 0, sizeof *stage);
        pid_t parent = fork();
        assert_true(parent >= 0);
        if (parent == 0)
            be_a_parent(f);
        wait_for_arrivals(3);
        kill(parent, SIGKILL);
        assert_int_equal(waitpid(parent, NULL, 0), parent);
        for (double end = now_s() + 1; !(is_gone(stage->pid[0]) && is_gone(stage->pid[1]) && is_gone(stage->pid[2]));
             sleep_s(0.001))
            assert_true(now_s() < end);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PROCESSES(a_random_rank_killed_at_a_random_moment_200_times),
        IN_PROCESSES(a_rank_killed_between_runs),
        IN_PROCESSES(a_group_that_was_not_run_names_the_rank),
        IN_PROCESSES(all_ranks_killed_and_closed),
        IN_PROCESSES(two_ranks_killed_at_once),
        IN_PROCESSES(a_rank_killed_in_a_device_function),
        IN_PROCESSES(a_rank_that_was_stopped),
        IN_PROCESSES(the_task_of_an_overlapping_domain_goes_on),
        IN_PROCESSES(a_kernel_that_writes_nowhere),
        IN_PROCESSES(a_kernel_that_overflows_its_stack),
        IN_PROCESSES(a_kernel_that_aborts),
        IN_PROCESSES(a_kernel_that_exits),
        IN_BOTH(a_rank_that_never_notifies),
        IN_BOTH(ranks_that_poll_for_one_that_never_comes),
        IN_PROCESSES(a_process_that_loops_for_ever_is_killed),
        IN_THREADS(a_thread_that_loops_for_long_is_given_up),
        IN_THREADS(a_thread_that_comes_back_leaves_its_mailbox_alone),
        IN_THREADS(a_thread_that_loops_for_ever_does_not_hold_up_close),
        IN_PROCESSES(a_task_beside_a_dying_group_ends_well),
        IN_PROCESSES(devices_end_with_their_parent),
    };
    return cmocka_run_group_tests(tests, make_stage, remove_stage);
}
