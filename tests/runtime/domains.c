/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: domains inside a run. A device has its own rank in each of its domains, windows are reached by rank and are
 * zero at the beginning, memory goes when the last task on it has ended and not before, and handles that are used too
 * late are refused.
 */
#include "worker_test.h"

#include <unistd.h>

#define RANKS 4

/* Each rank writes 100 * its rank + the writer's rank into its cell on every rank, and tells them. */
static void exchange_kernel(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    pto_global values = pto_window_buffer(core, comm, 0), signals = pto_window_buffer(core, comm, 1);
    int64_t pause = pto_arg_i64(core, 0);
    if (pause && comm->rank == 0)
        usleep((useconds_t)pause);
    for (uint32_t rank = 0; rank < comm->ranks; rank++) {
        pto_addr cell = pto_peer_addr(comm, values.addr, rank) + 4 * comm->rank;
        if (pto_load_i32(core, cell) != 0)
            pto_trap(core, "the window was not zero");
        pto_store_i32(core, cell, (int32_t)(100 * rank + comm->rank + 1));
        pto_tnotify(core, pto_peer_addr(comm, signals.addr, rank), 1, PTO_NOTIFY_ADD);
    }
    pto_twait(core, ((pto_cells){.addr = signals.addr, .count = 1}), (int32_t)comm->ranks, PTO_GE);
}

/* Copies a tensor of i32. */
static void copy_kernel(pto_core *core)
{
    pto_global out = pto_arg_tensor(core, 0), in = pto_arg_tensor(core, 1);
    for (uint64_t i = 0; i < pto_global_count(out); i++)
        pto_store_i32(core, out.addr + 4 * i, pto_load_i32(core, in.addr + 4 * i));
}

static const oriel_kernel exchange[] = {{"exchange", exchange_kernel}}, copy[] = {{"copy", copy_kernel}};

enum { EXCHANGE, COPY, CALLABLES };
static const oriel_callable callables[] = {TEST_KERNEL("exchange", exchange), TEST_KERNEL("copy", copy)};

static const oriel_buffer buffers[] = {{"values", PTO_I32, RANKS}, {"signals", PTO_I32, PTO_LINE_CELLS}};

static oriel_status submit_exchange(oriel_orch *orch, oriel_domain *domain, int64_t pause, oriel_task *task)
{
    oriel_args args[RANKS];
    uint32_t devices[RANKS], ranks = oriel_domain_ranks(domain);
    for (uint32_t rank = 0; rank < ranks; rank++) {
        args[rank] = (oriel_args)ORIEL_ARGS_INIT;
        devices[rank] = oriel_domain_device(domain, rank);
        TRY(oriel_args_comm(&args[rank], domain));
        TRY(oriel_args_i64(&args[rank], pause));
    }
    return oriel_submit_group(orch, EXCHANGE, args, devices, ranks, task);
}

static oriel_worker *start(void **state)
{
    return test_start(RANKS, &(oriel_worker_options){.form = test_form(state)}, callables, CALLABLES);
}

/* ---- Ranks and windows ------------------------------------------------------------------------------------------ */

static oriel_status exchange_on_overlapping(oriel_orch *orch, void *user)
{
    (void)user;
    static const uint32_t devices[3][RANKS] = {{0, 1, 2, 3}, {3, 1}, {2, 0, 1}};
    static const uint32_t ranks[3] = {4, 2, 3};
    oriel_domain *domain[3];
    oriel_task task[3];
    for (int d = 0; d < 3; d++) {
        TRY(oriel_allocate_domain(orch, "d", d ? devices[d] : NULL, ranks[d], 0, buffers, 2, &domain[d]));
        TRY(submit_exchange(orch, domain[d], 0, &task[d]));
    }
    for (int d = 0; d < 3; d++) {
        TRY(oriel_task_wait(orch, task[d], -1));
        assert_int_equal(oriel_domain_ranks(domain[d]), ranks[d]);
        assert_int_equal(oriel_domain_device(domain[d], ranks[d]), ORIEL_ANY_DEVICE);
        for (uint32_t rank = 0; rank < ranks[d]; rank++) {
            assert_int_equal(oriel_domain_device(domain[d], rank), devices[d][rank]);
            oriel_tensor values;
            TRY(oriel_domain_buffer(domain[d], rank, "values", &values));
            for (uint32_t peer = 0; peer < RANKS; peer++)
                assert_int_equal(((int32_t *)values.data)[peer], peer < ranks[d] ? 100 * rank + peer + 1 : 0);
        }
    }
    return ORIEL_OK;
}

static void a_device_has_a_rank_in_each_domain(void **state)
{
    oriel_worker *worker = start(state);
    for (int i = 0; i < 20; i++) /* windows are zero again each time */
        assert_ok(oriel_worker_run(worker, exchange_on_overlapping, NULL, 0));
    oriel_worker_close(worker);
}

/* A window's buffer as a tensor: tasks on it are ordered as on any other. */
static oriel_status read_a_window(oriel_orch *orch, void *user)
{
    oriel_tensor out = oriel_tensor_1d(user, PTO_I32, RANKS), values;
    int32_t twos[RANKS] = {2, 2, 2, 2};
    oriel_domain *domain;
    TRY(oriel_allocate_domain(orch, "d", NULL, 2, 0, buffers, 2, &domain));
    TRY(oriel_domain_buffer(domain, 1, "values", &values));
    oriel_args in = ORIEL_ARGS_INIT, from = ORIEL_ARGS_INIT;
    TRY(oriel_args_tensor(&in, values, ORIEL_OUTPUT_EXISTING));
    TRY(oriel_args_tensor(&in, oriel_tensor_1d(twos, PTO_I32, RANKS), ORIEL_INPUT));
    TRY(oriel_args_comm(&in, domain));
    TRY(oriel_submit(orch, COPY, &in, 1, NULL));
    TRY(oriel_args_tensor(&from, out, ORIEL_OUTPUT_EXISTING));
    TRY(oriel_args_tensor(&from, values, ORIEL_INPUT));
    oriel_task task;
    TRY(oriel_submit(orch, COPY, &from, 3, &task));
    return oriel_task_wait(orch, task, -1);
}

static void a_window_is_a_tensor_too(void **state)
{
    oriel_worker *worker = start(state);
    int32_t out[RANKS] = {0};
    assert_ok(oriel_worker_run(worker, read_a_window, out, 0));
    for (int i = 0; i < RANKS; i++)
        assert_int_equal(out[i], 2);
    oriel_worker_close(worker);
}

/* ---- Release ---------------------------------------------------------------------------------------------------- */

/* Released while its tasks are in flight; the next domain must not get that memory before they have ended. */
static oriel_status release_in_flight(oriel_orch *orch, void *user)
{
    (void)user;
    for (int i = 0; i < 50; i++) {
        oriel_domain *domain;
        oriel_args late = ORIEL_ARGS_INIT;
        TRY(oriel_allocate_domain(orch, "d", NULL, RANKS, 0, buffers, 2, &domain));
        TRY(submit_exchange(orch, domain, i % 10 == 0 ? 1000 : 0, NULL));
        TRY(oriel_release_domain(orch, domain));
        TRY(oriel_args_comm(&late, domain));
        assert_fails(oriel_submit(orch, EXCHANGE, &late, 0, NULL), ORIEL_STATE, "its domain was released");
        assert_fails(oriel_release_domain(orch, domain), ORIEL_STATE, "released before");
    }
    return ORIEL_OK;
}

static void memory_goes_after_the_last_task(void **state)
{
    oriel_worker *worker = start(state);
    assert_ok(oriel_worker_run(worker, release_in_flight, NULL, 0));
    oriel_worker_close(worker);
}

/* A window of half the arena: the second fits only when the first is gone. */
static oriel_status half_of_the_arena(oriel_orch *orch, void *user)
{
    (void)user;
    oriel_buffer large = {"large", PTO_I8, UINT64_C(600) << 20};
    oriel_domain *domain, *second;
    for (int i = 0; i < 3; i++) {
        TRY(oriel_allocate_domain(orch, "d", NULL, 1, 0, &large, 1, &domain));
        assert_fails(oriel_allocate_domain(orch, "e", NULL, 1, 0, &large, 1, &second), ORIEL_NO_MEMORY, "");
        TRY(oriel_release_domain(orch, domain));
    }
    return oriel_allocate_domain(orch, "d", NULL, 1, 0, &large, 1, &domain); /* released by the end of the run */
}

static void memory_comes_back(void **state)
{
    oriel_worker_options options = {.form = test_form(state), .arena_bytes = UINT64_C(1) << 30};
    oriel_worker *worker = test_start(RANKS, &options, callables, CALLABLES);
    assert_ok(oriel_worker_run(worker, half_of_the_arena, NULL, 0));
    assert_ok(oriel_worker_run(worker, half_of_the_arena, NULL, 0));
    oriel_worker_close(worker);
}

/* ---- Errors ----------------------------------------------------------------------------------------------------- */

static oriel_status misuse(oriel_orch *orch, void *user)
{
    oriel_domain *domain, *before = *(oriel_domain **)user;
    oriel_tensor tensor;
    static const uint32_t devices[] = {1, 2}, unknown[] = {1, 4}, twice[] = {1, 1};
    assert_fails(oriel_allocate_domain(orch, "d", unknown, 2, 0, buffers, 2, &domain), ORIEL_INVALID,
                 "domain \"d\": device index 4, the worker has 4 devices");
    assert_fails(oriel_allocate_domain(orch, "d", twice, 2, 0, buffers, 2, &domain), ORIEL_INVALID,
                 "domain \"d\": device index 1 is given twice");
    assert_fails(oriel_allocate_domain(orch, "d", NULL, 5, 0, buffers, 2, &domain), ORIEL_INVALID,
                 "domain \"d\": 5 ranks, the worker has 4 devices");
    assert_fails(oriel_allocate_domain(orch, "d", devices, 2, 8, buffers, 2, &domain), ORIEL_INVALID,
                 "domain \"d\": buffers need 128 B, the window has 8 B");
    static const oriel_buffer twins[] = {{"values", PTO_I32, 1}, {"values", PTO_F32, 1}}, none = {"values", PTO_I32, 0};
    assert_fails(oriel_allocate_domain(orch, "d", devices, 2, 0, twins, 2, &domain), ORIEL_INVALID,
                 "domain \"d\": buffer \"values\" is given twice");
    assert_fails(oriel_allocate_domain(orch, "d", devices, 2, 0, &none, 1, &domain), ORIEL_INVALID,
                 "domain \"d\": buffer \"values\" has a count of 0");
    assert_ok(oriel_allocate_domain(orch, "d", devices, 2, 0, buffers, 2, &domain));
    assert_fails(oriel_domain_buffer(domain, 2, "values", &tensor), ORIEL_INVALID, "no rank 2: it has 2 ranks");
    assert_fails(oriel_domain_buffer(domain, 0, "value", &tensor), ORIEL_INVALID, "no buffer \"value\"");
    oriel_args args = ORIEL_ARGS_INIT;
    TRY(oriel_args_comm(&args, domain));
    TRY(oriel_args_i64(&args, 0));
    assert_fails(oriel_submit(orch, EXCHANGE, &args, 0, NULL), ORIEL_INVALID, "device 0 is not in domain \"d\"");
    assert_fails(oriel_submit(orch, EXCHANGE, &args, ORIEL_ANY_DEVICE, NULL), ORIEL_INVALID, "needs a device");
    assert_fails(oriel_release_domain(orch, (oriel_domain *)&args), ORIEL_INVALID, "not a domain of this run");
    if (before)
        assert_fails(oriel_release_domain(orch, before), ORIEL_INVALID, "not a domain of this run");
    assert_ok(oriel_release_domain(orch, domain));
    assert_fails(oriel_domain_buffer(domain, 0, "values", &tensor), ORIEL_STATE, "released");
    assert_int_equal(oriel_domain_ranks(domain), 0);
    return ORIEL_OK;
}

static void misused_domains_are_refused(void **state)
{
    oriel_worker *worker = start(state);
    oriel_domain *before = NULL;
    assert_ok(oriel_worker_run(worker, misuse, &before, 0));
    oriel_worker_close(worker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_IN_BOTH_FORMS(a_device_has_a_rank_in_each_domain), TEST_IN_BOTH_FORMS(a_window_is_a_tensor_too),
        TEST_IN_BOTH_FORMS(memory_goes_after_the_last_task),    TEST_IN_BOTH_FORMS(memory_comes_back),
        TEST_IN_BOTH_FORMS(misused_domains_are_refused),
    };
    return cmocka_run_group_tests_name("domains", tests, NULL, NULL);
}
