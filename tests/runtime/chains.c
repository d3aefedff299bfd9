/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains of tasks for any device, which follow one another in a mailbox before the first has ended. What these tests protect:
 * the links run in order, each once, wherever they are; none runs after one that failed or died; a chain that its device had
 * not begun when it died runs elsewhere; an idle device takes no link out of the middle.
 */
#include <sched.h>

#include "base/random.h"
#include "fixture.h"

#define LINKS 100

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

/* Link scalar 0 of a chain: finds its number in the cell, and leaves the next one. */
static void link_kernel(pto_core *core)
{
    pto_addr cell = pto_arg_tensor(core, 0).addr;
    int32_t number = (int32_t)pto_arg_i64(core, 0), found = pto_load_i32(core, cell);
    pto_store_i32(core, cell, found == number ? number + 1 : -1);
    pto_dcci_all(core);
}

static void fault_kernel(pto_core *core)
{
    (void)pto_load_i32(core, pto_arg_tensor(core, 0).addr + 4);
}

static void die_kernel(pto_core *core)
{
    (void)core;
    raise(SIGKILL);
}

enum { HOLD, LINK, FAULTY, DEADLY, CALLABLES };

static const oriel_kernel kernels[] = {
    [HOLD] = {"hold", hold_kernel},
    [LINK] = {"link", link_kernel},
    [FAULTY] = {"faulty", fault_kernel},
    [DEADLY] = {"deadly", die_kernel},
};

static const oriel_callable callables[CALLABLES] = {
    [HOLD] = TEST_KERNEL("hold", &kernels[HOLD]),
    [LINK] = TEST_KERNEL("link", &kernels[LINK]),
    [FAULTY] = TEST_KERNEL("faulty", &kernels[FAULTY]),
    [DEADLY] = TEST_KERNEL("deadly", &kernels[DEADLY]),
};

/* ---- Programs --------------------------------------------------------------------------------------------------- */

typedef struct program {
    fixture *f;
    oriel_tensor cells;
    int bad, bad_callable; /* this link is of another kind; -1: none */
    int victim;            /* the holder whose device is killed */
    uint64_t seed;
    oriel_task task[LINKS];
    int next[64]; /* links of each cell's chain */
} program;

static program start(fixture *f, uint32_t devices)
{
    start_level(f, 3, devices, &(oriel_worker_options){.timeout_s = 30}, callables, CALLABLES);
    return (program){.f = f, .cells = shared_i32(f, 64), .bad = -1};
}

static void submit_holder(oriel_orch *orch, const program *p, int64_t release, uint32_t device)
{
    oriel_args args = ORIEL_ARGS_INIT;
    assert_ok(oriel_args_i64(&args, release));
    assert_ok(oriel_submit(orch, p->f->id[HOLD], &args, device, NULL));
}

static oriel_status submit_link(oriel_orch *orch, const program *p, int callable, uint32_t cell, int number,
                                uint32_t device, oriel_task *task)
{
    oriel_args args = ORIEL_ARGS_INIT;
    assert_ok(oriel_args_tensor(&args, oriel_tensor_1d(cells_of(&p->cells) + cell, PTO_I32, 1), ORIEL_INOUT));
    assert_ok(oriel_args_i64(&args, number));
    return oriel_submit(orch, p->f->id[callable], &args, device, task);
}

/* On cell 0. The first link on `first`, the others wherever they may be. */
static void submit_chain(oriel_orch *orch, program *p, uint32_t first)
{
    for (int i = 0; i < LINKS; i++)
        assert_ok(submit_link(orch, p, i == p->bad ? p->bad_callable : LINK, 0, i, i ? ORIEL_ANY_DEVICE : first,
                              &p->task[i]));
}

static oriel_status chain_function(oriel_orch *orch, void *user)
{
    submit_chain(orch, user, ORIEL_ANY_DEVICE);
    return ORIEL_OK;
}

/* ---- In order ----------------------------------------------------------------------------------------------------- */

/* Many chains at once, whose links come in any order of chains, some for a device of their own. */
static oriel_status braid_function(oriel_orch *orch, void *user)
{
    program *p = user;
    oriel_random random;
    oriel_random_seed(&random, p->seed);
    memset(p->next, 0, sizeof p->next);
    for (int i = 0; i < 64 * 50; i++) {
        uint32_t cell = (uint32_t)oriel_random_below(&random, 64);
        uint64_t kind = oriel_random_below(&random, 8);
        TRY(submit_link(orch, p, LINK, cell, p->next[cell]++, kind < 3 ? (uint32_t)kind : ORIEL_ANY_DEVICE, NULL));
    }
    return ORIEL_OK;
}

static void braided_chains_keep_their_order(void **state)
{
    program p = start(begin(state), 3);
    p.seed = test_seed();
    for (int i = 0; i < 5; i++, p.seed++) {
        memset(p.cells.data, 0, 64 * sizeof(int32_t));
        assert_ok(oriel_worker_run(p.f->worker, braid_function, &p, 0));
        for (int c = 0; c < 64; c++)
            assert_int_equal(cells_of(&p.cells)[c], p.next[c]);
    }
}

/* Device 0 is held; the chain waits behind, and device 1 has nothing to do. */
static oriel_status behind_a_holder(oriel_orch *orch, void *user)
{
    program *p = user;
    submit_holder(orch, p, 1, 0);
    submit_chain(orch, p, 0);
    wait_for_arrivals(1);
    assert_int_equal(oriel_task_wait(orch, p->task[LINKS - 1], 0.02), ORIEL_TIMEOUT);
    atomic_store(&stage->released, 1);
    return oriel_task_wait(orch, p->task[LINKS - 1], 10);
}

static void an_idle_device_takes_no_link_out_of_a_chain(void **state)
{
    program p = start(begin(state), 2);
    assert_ok(oriel_worker_run(p.f->worker, behind_a_holder, &p, 0));
    assert_int_equal(cells_of(&p.cells)[0], LINKS);
}

/* ---- When a link fails -------------------------------------------------------------------------------------------- */

static void no_link_runs_after_one_that_failed(void **state)
{
    program p = start(begin(state), 2);
    p.bad_callable = FAULTY;
    for (p.bad = 0; p.bad < LINKS; p.bad += 1 + p.bad) {
        cells_of(&p.cells)[0] = 0;
        assert_fails(oriel_worker_run(p.f->worker, chain_function, &p, 0), ORIEL_FAULT, "faulty");
        assert_int_equal(cells_of(&p.cells)[0], p.bad);
        assert_null(strstr(oriel_last_error(), "before it"));
    }
    p.bad = -1;
    cells_of(&p.cells)[0] = 0;
    assert_ok(oriel_worker_run(p.f->worker, chain_function, &p, 0));
    assert_int_equal(cells_of(&p.cells)[0], LINKS);
}

static oriel_status chain_and_statuses(oriel_orch *orch, void *user)
{
    program *p = user;
    submit_chain(orch, p, ORIEL_ANY_DEVICE);
    for (int i = 0; i < LINKS; i++) {
        oriel_status expected = i < p->bad ? ORIEL_OK : i == p->bad ? ORIEL_RANK_DIED : ORIEL_POISONED;
        assert_int_equal(oriel_task_wait(orch, p->task[i], 10), expected);
    }
    for (int i = 0; i < 3; i++)
        TRY(submit_link(orch, p, LINK, 1, i, ORIEL_ANY_DEVICE, NULL));
    return ORIEL_OK;
}

static void no_link_runs_after_one_that_died(void **state)
{
    program p = start(begin(state), 2);
    p.bad = 40;
    p.bad_callable = DEADLY;
    assert_fails(oriel_worker_run(p.f->worker, chain_and_statuses, &p, 0), ORIEL_RANK_DIED, "signal 9");
    assert_int_equal(cells_of(&p.cells)[0], p.bad);
    assert_int_equal(cells_of(&p.cells)[1], 3);
}

/* Both devices are held; the chain waits behind one of them, and one of them is killed. */
static oriel_status kill_and_wait(oriel_orch *orch, void *user)
{
    program *p = user;
    atomic_store(&stage->arrived, 0);
    submit_holder(orch, p, 1, (uint32_t)p->victim);
    wait_for_arrivals(1);
    int pid = stage->pid[1];
    submit_holder(orch, p, 1, 1 - (uint32_t)p->victim);
    wait_for_arrivals(2);
    submit_chain(orch, p, ORIEL_ANY_DEVICE);
    assert_int_equal(oriel_task_wait(orch, p->task[0], 0.01), ORIEL_TIMEOUT);
    assert_int_equal(kill(pid, SIGKILL), 0);
    atomic_store(&stage->released, 1);
    for (int i = 0; i < LINKS; i++)
        assert_ok(oriel_task_wait(orch, p->task[i], 10));
    return ORIEL_OK;
}

static void a_chain_survives_a_device(void **state, int victim)
{
    program p = start(begin(state), 2);
    p.victim = victim;
    assert_int_equal(oriel_worker_run(p.f->worker, kill_and_wait, &p, 0), ORIEL_RANK_DIED);
    assert_int_equal(cells_of(&p.cells)[0], LINKS);
}

/* The chain is behind one of the two: in one of these tests it has to move. */
static void a_chain_survives_device_0(void **state)
{
    a_chain_survives_a_device(state, 0);
}

static void a_chain_survives_device_1(void **state)
{
    a_chain_survives_a_device(state, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH(braided_chains_keep_their_order),    IN_BOTH(an_idle_device_takes_no_link_out_of_a_chain),
        IN_BOTH(no_link_runs_after_one_that_failed), IN_PROCESSES(no_link_runs_after_one_that_died),
        IN_PROCESSES(a_chain_survives_device_0),     IN_PROCESSES(a_chain_survives_device_1),
    };
    return cmocka_run_group_tests_name("chains", tests, make_stage, remove_stage);
}
