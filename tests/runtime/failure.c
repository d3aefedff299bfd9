/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bad luck: ranks that are killed, crash, never come or never go, kernels that go wrong, deadlines. What these tests
 * protect: a run always ends, soon; its error names who, how and why, and who waited for what; what did not depend on the
 * failure has run; and nothing is left behind (every test's tear-down counts threads, files, children and mappings).
 */
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/random.h"
#include "fixture.h"

/* ---- Kernels ---------------------------------------------------------------------------------------------------- */

/* Scalar arguments. */
enum { ROUNDS, WHO };

#define ENDLESS INT32_MAX

static void sign_in(pto_core *core)
{
    atomic_store(&stage->pid[pto_arg_comm(core, 0)->rank], getpid());
    atomic_fetch_add(&stage->arrived, 1);
}

static void notify_all(pto_core *core, const pto_comm *comm)
{
    pto_addr mine = pto_window_buffer(core, comm, 0).addr + comm->rank * PTO_LINE_BYTES;
    for (uint32_t rank = 0; rank < comm->ranks; rank++)
        pto_tnotify(core, pto_peer_addr(comm, mine, rank), 1, PTO_NOTIFY_ADD);
}

static pto_cells all_cells(pto_core *core, const pto_comm *comm)
{
    return pto_cell_block(pto_window_buffer(core, comm, 0).addr, comm->ranks, PTO_LINE_CELLS);
}

/* All ranks wait for one another, `rounds` times. On a fresh domain. */
enum { MEET_FROM = __LINE__ };
static void meet_rounds(pto_core *core, int64_t rounds)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    sign_in(core);
    for (int32_t round = 1; round <= rounds; round++) {
        notify_all(core, comm);
        pto_twait(core, all_cells(core, comm), round, PTO_GE);
    }
}
enum { MEET_TO = __LINE__ };

static void meet(pto_core *core)
{
    meet_rounds(core, pto_arg_i64(core, ROUNDS));
}

static bool is_it_me(pto_core *core)
{
    return pto_arg_comm(core, 0)->rank == pto_arg_i64(core, WHO);
}

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

/*
 * Whether this rank is to go wrong: true on that one, after a first round and when the others have had time to wait for it in
 * the second; false on the others after all of them.
 */
static bool meet_and_go_wrong(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    meet_rounds(core, is_it_me(core) ? 1 : pto_arg_i64(core, ROUNDS));
    if (!is_it_me(core))
        return false;
    for (uint32_t rank = 0; rank < comm->ranks; rank++)
        if (rank != comm->rank)
            pto_twait(core, pto_cell(pto_window_buffer(core, comm, 0).addr + rank * PTO_LINE_BYTES), 2, PTO_GE);
    sleep_s(0.03);
    return true;
}

/* One rank loops, with no instruction in the loop. */
static void meet_but_one_spins(pto_core *core)
{
    if (meet_and_go_wrong(core))
        while (!atomic_load(&stage->released))
            ;
}

/* One rank writes where it must not. */
enum { FAULT_FROM = __LINE__ };
static void meet_but_one_faults(pto_core *core)
{
    if (meet_and_go_wrong(core))
        pto_store_i32(core, pto_window_buffer(core, pto_arg_comm(core, 0), 0).addr + 1000000, 1);
}
enum { FAULT_TO = __LINE__ };

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

/* Waits for what nobody does. */
static void wait_in_vain(pto_core *core)
{
    sign_in(core);
    pto_twait(core, all_cells(core, pto_arg_comm(core, 0)), 77, PTO_EQ);
}

/* Tensor 0: += 1. */
static void count(pto_core *core)
{
    pto_addr cell = pto_arg_tensor(core, 0).addr;
    pto_store_i32(core, cell, pto_load_i32(core, cell) + 1);
    pto_dcci(core, cell);
}

/* Tensor 0: goes wrong before it is written. */
static void fault(pto_core *core)
{
    pto_trap(core, "this kernel always fails");
}

/* Tensor 0: waits until the test says go, then += 1. */
static void count_later(pto_core *core)
{
    atomic_fetch_add(&stage->arrived, 1);
    while (!atomic_load(&stage->released))
        ;
    count(core);
}

static oriel_status conduct(oriel_orch *orch, const oriel_args *given)
{
    oriel_args args = *given;
    return oriel_submit(orch, 0, &args, 0, NULL);
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

#define KERNELS(X)                                                                                                     \
    X(MEET, meet)                                                                                                      \
    X(MEET_BUT_ONE, meet_but_one)                                                                                      \
    X(POLL_BUT_ONE, poll_but_one)                                                                                      \
    X(ONE_SPINS, meet_but_one_spins)                                                                                   \
    X(ONE_FAULTS, meet_but_one_faults)                                                                                 \
    X(ONE_CRASHES, meet_but_one_crashes)                                                                               \
    X(ONE_DIGS, meet_but_one_digs)                                                                                     \
    X(ONE_ABORTS, meet_but_one_aborts)                                                                                 \
    X(ONE_EXITS, meet_but_one_exits)                                                                                   \
    X(WAIT_IN_VAIN, wait_in_vain)                                                                                      \
    X(COUNT, count)                                                                                                    \
    X(COUNT_LATER, count_later)                                                                                        \
    X(FAULT, fault)

enum {
#define KERNEL_ID(constant, function) constant,
    KERNELS(KERNEL_ID)
#undef KERNEL_ID
        CONDUCT_FAULT,
    CONDUCT_ROUNDS,
    REFUSE,
    HOST_FAILS,
    HOST_COUNTS,
    CALLABLES
};

#define KERNEL(constant, function) static const oriel_kernel kernel_##function = {#function, function};
KERNELS(KERNEL)
#undef KERNEL

static const oriel_kernel kernels_of_conduct[] = {{"fault", fault}}, kernels_of_rounds[] = {{"meet_once", meet_once}};

static const oriel_callable callables[CALLABLES] = {
#define CALLABLE(constant, function) [constant] = TEST_KERNEL(#function, &kernel_##function),
    KERNELS(CALLABLE)
#undef CALLABLE
        [CONDUCT_FAULT] = TEST_DEVICE("conduct_fault", conduct, kernels_of_conduct),
    [CONDUCT_ROUNDS] = TEST_DEVICE("conduct_rounds", conduct_rounds, kernels_of_rounds),
    [REFUSE] = TEST_DEVICE("refuse", refuse, kernels_of_conduct),
    [HOST_FAILS] = TEST_HOST("host_fails", host_fails),
    [HOST_COUNTS] = TEST_HOST("host_counts", host_counts),
};

/* ---- Helpers ---------------------------------------------------------------------------------------------------- */

static void start(fixture *f, uint32_t devices, double timeout_s)
{
    start_level(f, 3, devices, &(oriel_worker_options){.timeout_s = timeout_s}, callables, CALLABLES);
}

/* One group on a domain of its own over all devices. */
typedef struct group_run {
    fixture *f;
    int callable;
    int64_t rounds, who;
    void (*meanwhile)(fixture *f); /* NULL, or called once it is submitted */
} group_run;

static oriel_status run_group_function(oriel_orch *orch, void *user)
{
    const group_run *run = user;
    oriel_domain *domain = allocate_signals(orch, "all", NULL, oriel_orch_devices(orch));
    oriel_status status = submit_to_domain(orch, run->f->id[run->callable], domain, run->rounds, run->who, NULL);
    if (status == ORIEL_OK && run->meanwhile)
        run->meanwhile(run->f);
    return status;
}

static oriel_status run_group(fixture *f, int callable, int64_t rounds, int64_t who)
{
    group_run run = {f, callable, rounds, who, NULL};
    return oriel_worker_run(f->worker, run_group_function, &run, 0);
}

static oriel_status run_group_meanwhile(fixture *f, int callable, void (*meanwhile)(fixture *f))
{
    group_run run = {f, callable, ENDLESS, 0, meanwhile};
    return oriel_worker_run(f->worker, run_group_function, &run, 0);
}

static void assert_message_has(const char *text)
{
    if (!strstr(oriel_last_error(), text))
        fail_msg("message is \"%s\", expected it to contain \"%s\"", oriel_last_error(), text);
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

/* "rank 1 (device 12, pid 4711)" */
static void assert_message_names(fixture *f, uint32_t rank)
{
    char who[80];
    if (f->form == ORIEL_DEVICE_PROCESSES)
        snprintf(who, sizeof who, "rank %u (device %d, pid %d)", rank, device_number(rank), stage->pid[rank]);
    else
        snprintf(who, sizeof who, "rank %u (device %d)", rank, device_number(rank));
    assert_message_has(who);
}

/* Whether the message tells of one who waited in `meet`: where, for what, and what it saw. */
static bool message_tells_of_a_wait(void)
{
    const char *at = oriel_last_error();
    int line, cell, wanted, saw;
    uint32_t rank;
    while ((at = strstr(at, "failure.c:"))) {
        at += strlen("failure.c:");
        if (sscanf(at, "%d: rank %u waited for cell %d of window \"signals\" >= %d, and saw %d", &line, &rank, &cell,
                   &wanted, &saw) == 5)
            return line > MEET_FROM && line < MEET_TO && cell / PTO_LINE_CELLS < MAX_RANKS && saw < wanted;
    }
    return false;
}

static void assert_message_tells_of_a_wait(void)
{
    if (!message_tells_of_a_wait())
        fail_msg("message is \"%s\", expected it to tell of a wait", oriel_last_error());
}

/* What others did: they wait for a rank that was killed, unless they learn of it before they come to it. */
static void assert_message_tells_of_others(void)
{
    assert_message_has("failure.c:");
}

static void kill_rank(uint32_t rank)
{
    assert_int_equal(kill(stage->pid[rank], SIGKILL), 0);
}

/* The worker still does a task on device `index`. */
static uint32_t healthy_device;
static oriel_tensor healthy_tensor;

static oriel_status count_function(oriel_orch *orch, void *user)
{
    fixture *f = user;
    oriel_args args = ORIEL_ARGS_INIT;
    assert_ok(oriel_args_tensor(&args, healthy_tensor, ORIEL_INOUT));
    return oriel_submit(orch, f->id[COUNT], &args, healthy_device, NULL);
}

static void assert_device_works(fixture *f, uint32_t index)
{
    healthy_device = index;
    healthy_tensor = shared_i32(f, 1);
    assert_ok(oriel_worker_run(f->worker, count_function, f, 0));
    assert_int_equal(*cells_of(&healthy_tensor), 1);
    assert_ok(oriel_worker_free(f->worker, &healthy_tensor));
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
    start(f, 3, 0.1);
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
    start(f, 3, 0.1);
    assert_int_equal(run_group(f, POLL_BUT_ONE, 1, 2), ORIEL_TIMEOUT);
    assert_message_has("waited for cell 32 of window \"signals\" >= 1, and saw 0");
    assert_message_has("rank 2 (device 17");
    assert_message_has("returned"); /* "had returned", or "returned too late" on a busy machine */
    assert_ok(run_group(f, MEET, 10, 0));
}

static void a_process_that_loops_for_ever_is_killed(void **state)
{
    fixture *f = begin(state);
    start(f, 3, 0.1);
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
    start(f, 3, 0.1);
    assert_int_equal(run_group(f, ONE_SPINS, ENDLESS, 1), ORIEL_TIMEOUT);
    assert_message_names(f, 1);
    assert_message_has("still running");
    assert_message_tells_of_a_wait();
    assert_int_not_equal(run_group(f, MEET, 1, 0), ORIEL_OK);
    atomic_store(&stage->released, 1);
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
        IN_THREADS(a_thread_that_loops_for_ever_does_not_hold_up_close),
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
        IN_PROCESSES(a_task_beside_a_dying_group_ends_well),
        IN_PROCESSES(devices_end_with_their_parent),
    };
    return cmocka_run_group_tests(tests, make_stage, remove_stage);
}
