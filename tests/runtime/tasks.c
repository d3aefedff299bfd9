/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: tasks run in the order that their tensors ask for, on memory that devices share and on any other; on
 * devices and on the host; alone and in groups; more of them than the rings hold.
 */
#include "worker_test.h"

#include <pthread.h>
#include <stdatomic.h>

#define N 64

/* out[i] = in[i] * factor + term. */
static void scale_kernel(pto_core *core)
{
    pto_global out = pto_arg_tensor(core, 0), in = pto_arg_tensor(core, 1);
    uint32_t factor = (uint32_t)pto_arg_i64(core, 0), term = (uint32_t)pto_arg_i64(core, 1);
    for (uint64_t i = 0; i < pto_global_count(out); i++)
        pto_store_i32(core, out.addr + 4 * i, (uint32_t)pto_load_i32(core, in.addr + 4 * i) * factor + term);
}

/* data[i] = data[i] * factor + term. */
static void update_kernel(pto_core *core)
{
    pto_global data = pto_arg_tensor(core, 0);
    uint32_t factor = (uint32_t)pto_arg_i64(core, 0), term = (uint32_t)pto_arg_i64(core, 1);
    for (uint64_t i = 0; i < pto_global_count(data); i++)
        pto_store_i32(core, data.addr + 4 * i, (uint32_t)pto_load_i32(core, data.addr + 4 * i) * factor + term);
}

/* The same on the host. */
static oriel_status update_on_host(const oriel_args *args)
{
    uint32_t *data = args->tensor[0].data;
    for (uint64_t i = 0; i < args->tensor[0].shape[0]; i++)
        data[i] = data[i] * (uint32_t)args->scalar[0] + (uint32_t)args->scalar[1];
    return ORIEL_OK;
}

/* Waits until all ranks have come to this call. */
static void meet_kernel(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    int32_t call = (int32_t)pto_arg_i64(core, 0);
    pto_addr cells = pto_window_buffer(core, comm, 0).addr;
    for (uint32_t rank = 0; rank < comm->ranks; rank++)
        pto_tnotify(core, pto_peer_addr(comm, cells + PTO_LINE_BYTES * comm->rank, rank), 1, PTO_NOTIFY_ADD);
    for (uint32_t rank = 0; rank < comm->ranks; rank++)
        pto_twait(core, ((pto_cells){.addr = cells + PTO_LINE_BYTES * rank, .count = 1}), call, PTO_GE);
}

static void empty_kernel(pto_core *core)
{
    (void)core;
}

static const oriel_kernel scale[] = {{"scale", scale_kernel}}, update[] = {{"update", update_kernel}},
                          meet[] = {{"meet", meet_kernel}}, empty[] = {{"empty", empty_kernel}};

enum { SCALE, UPDATE, HOST_UPDATE, MEET, EMPTY, CALLABLES };
static const oriel_callable callables[] = {TEST_KERNEL("scale", scale), TEST_KERNEL("update", update),
                                           TEST_HOST("host update", update_on_host), TEST_KERNEL("meet", meet),
                                           TEST_KERNEL("empty", empty)};

static oriel_worker *start(void **state, uint32_t devices)
{
    return test_start(devices, &(oriel_worker_options){.form = test_form(state)}, callables, CALLABLES);
}

static oriel_status submit_scale(oriel_orch *orch, oriel_tensor *out, oriel_tag tag, oriel_tensor in, int factor,
                                 int term, uint32_t device)
{
    oriel_args args = ORIEL_ARGS_INIT;
    TRY(oriel_args_tensor(&args, *out, tag));
    TRY(oriel_args_tensor(&args, in, ORIEL_INPUT));
    TRY(oriel_args_i64(&args, factor));
    TRY(oriel_args_i64(&args, term));
    TRY(oriel_submit(orch, SCALE, &args, device, NULL));
    *out = args.tensor[0];
    return ORIEL_OK;
}

static oriel_status submit_update(oriel_orch *orch, oriel_callable_id callable, oriel_tensor data, int factor, int term,
                                  uint32_t device, oriel_task *task)
{
    oriel_args args = ORIEL_ARGS_INIT;
    TRY(oriel_args_tensor(&args, data, ORIEL_INOUT));
    TRY(oriel_args_i64(&args, factor));
    TRY(oriel_args_i64(&args, term));
    return oriel_submit(orch, callable, &args, device, task);
}

static oriel_tensor slice(oriel_tensor tensor, uint64_t first, uint64_t count)
{
    return oriel_tensor_1d((int32_t *)tensor.data + first, tensor.dtype, count);
}

/* ---- Order ------------------------------------------------------------------------------------------------------ */

#define STEPS 200

/* Steps that do not commute, on devices and on the host in turn: any other order gives another result. */
static oriel_status chain(oriel_orch *orch, void *user)
{
    oriel_tensor data = *(oriel_tensor *)user;
    for (int i = 0; i < STEPS; i++)
        TRY(submit_update(orch, i % 4 == 3 ? HOST_UPDATE : UPDATE, data, i % 3 + 1, i,
                          i % 5 ? (uint32_t)i % 3 : ORIEL_ANY_DEVICE, NULL));
    return ORIEL_OK;
}

static void check_chain(const oriel_tensor *data)
{
    for (int k = 0; k < N; k++) {
        uint32_t expected = (uint32_t)k;
        for (int i = 0; i < STEPS; i++)
            expected = expected * (uint32_t)(i % 3 + 1) + (uint32_t)i;
        assert_int_equal(((uint32_t *)data->data)[k], expected);
    }
}

static void a_chain_runs_in_order(void **state)
{
    oriel_worker *worker = start(state, 3);
    oriel_tensor shared;
    int32_t memory[N];
    assert_ok(oriel_worker_alloc(worker, PTO_I32, N, &shared));
    oriel_tensor other = oriel_tensor_1d(memory, PTO_I32, N);
    for (int k = 0; k < N; k++)
        ((int32_t *)shared.data)[k] = memory[k] = k;
    assert_ok(oriel_worker_run(worker, chain, &shared, 0));
    check_chain(&shared);
    assert_ok(oriel_worker_run(worker, chain, &other, 0));
    check_chain(&other);
    oriel_worker_close(worker);
}

/* Halves are written on two devices, the whole is read on a third, and so on: edges by range. */
static oriel_status halves(oriel_orch *orch, void *user)
{
    oriel_tensor *tensor = user;
    for (int round = 0; round < 20; round++) {
        TRY(submit_update(orch, UPDATE, slice(tensor[0], 0, N / 2), 2, 1, 0, NULL));
        TRY(submit_update(orch, UPDATE, slice(tensor[0], N / 2, N / 2), 3, 2, 1, NULL));
        TRY(submit_scale(orch, &tensor[1], ORIEL_OUTPUT_EXISTING, tensor[0], 1, 5, 2));
        oriel_tensor middle = slice(tensor[0], N / 4, N / 2);
        TRY(submit_scale(orch, &middle, ORIEL_OUTPUT_EXISTING, slice(tensor[1], 0, N / 2), 1, 0, 1));
    }
    return ORIEL_OK;
}

static void check_halves(int32_t *a, int32_t *b, const int32_t *got_a, const int32_t *got_b)
{
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < N; i++)
            a[i] = (int32_t)(i < N / 2 ? 2u * (uint32_t)a[i] + 1 : 3u * (uint32_t)a[i] + 2);
        for (int i = 0; i < N; i++)
            b[i] = (int32_t)((uint32_t)a[i] + 5);
        for (int i = 0; i < N / 2; i++)
            a[N / 4 + i] = b[i];
    }
    assert_memory_equal(a, got_a, N * sizeof *a);
    assert_memory_equal(b, got_b, N * sizeof *b);
}

static void halves_and_the_whole_are_ordered(void **state)
{
    oriel_worker *worker = start(state, 3);
    oriel_tensor shared[2];
    int32_t memory[2][N], a[N], b[N] = {0};
    oriel_tensor other[2] = {oriel_tensor_1d(memory[0], PTO_I32, N), oriel_tensor_1d(memory[1], PTO_I32, N)};
    for (int i = 0; i < 2; i++)
        assert_ok(oriel_worker_alloc(worker, PTO_I32, N, &shared[i]));
    for (int k = 0; k < N; k++)
        ((int32_t *)shared[0].data)[k] = memory[0][k] = a[k] = k;
    assert_ok(oriel_worker_run(worker, halves, shared, 0));
    check_halves(a, b, shared[0].data, shared[1].data);
    for (int k = 0; k < N; k++)
        a[k] = k;
    assert_ok(oriel_worker_run(worker, halves, other, 0));
    check_halves(a, b, memory[0], memory[1]);
    oriel_worker_close(worker);
}

/* The tensor that both tasks use has no edges; the explicit dependency is the only order. */
static oriel_status explicit_order(oriel_orch *orch, void *user)
{
    oriel_tensor data = *(oriel_tensor *)user;
    oriel_task last = {0};
    for (int i = 0; i < STEPS; i++) {
        oriel_args args = ORIEL_ARGS_INIT;
        TRY(oriel_args_tensor(&args, data, ORIEL_NO_DEP));
        TRY(oriel_args_i64(&args, i % 3 + 1));
        TRY(oriel_args_i64(&args, i));
        if (last.id)
            TRY(oriel_args_after(&args, last));
        TRY(oriel_submit(orch, UPDATE, &args, (uint32_t)i % 3, &last));
    }
    return ORIEL_OK;
}

static void an_explicit_dependency_orders(void **state)
{
    oriel_worker *worker = start(state, 3);
    int32_t memory[N];
    for (int k = 0; k < N; k++)
        memory[k] = k;
    oriel_tensor data = oriel_tensor_1d(memory, PTO_I32, N);
    assert_ok(oriel_worker_run(worker, explicit_order, &data, 0));
    check_chain(&data);
    oriel_worker_close(worker);
}

/* ---- Temporaries, rings, scopes --------------------------------------------------------------------------------- */

typedef struct in_and_out {
    oriel_tensor in, out;
} in_and_out;

static oriel_status through_temporaries(oriel_orch *orch, void *user)
{
    in_and_out *pair = user;
    for (int round = 0; round < 100; round++) {
        TRY(oriel_scope_begin(orch));
        oriel_tensor first = oriel_tensor_1d(NULL, PTO_I32, N), second = first;
        TRY(submit_scale(orch, &first, ORIEL_OUTPUT, pair->in, 2, round, 0));
        TRY(submit_scale(orch, &second, ORIEL_OUTPUT, first, 3, 1, 1));
        TRY(submit_scale(orch, &pair->out, ORIEL_OUTPUT_EXISTING, second, 1, 0, 2));
        TRY(oriel_scope_end(orch));
    }
    return ORIEL_OK;
}

/* The ring holds three temporaries, the slots seven tasks: the submitter must wait for both, again and again. */
static void full_rings_hold_the_submitter_back(void **state)
{
    oriel_worker_options options = {.form = test_form(state), .task_slots = 7, .temporary_bytes = 3 * 4 * N};
    oriel_worker *worker = test_start(3, &options, callables, CALLABLES);
    int32_t in[N], out[N];
    for (int k = 0; k < N; k++)
        in[k] = k;
    in_and_out pair = {oriel_tensor_1d(in, PTO_I32, N), oriel_tensor_1d(out, PTO_I32, N)};
    assert_ok(oriel_worker_run(worker, through_temporaries, &pair, 0));
    for (int k = 0; k < N; k++)
        assert_int_equal(out[k], (2 * k + 99) * 3 + 1);
    oriel_worker_close(worker);
}

static oriel_status two_in_one_scope(oriel_orch *orch, void *user)
{
    in_and_out *pair = user;
    oriel_tensor large = oriel_tensor_1d(NULL, PTO_I32, N + 1), half = oriel_tensor_1d(NULL, PTO_I32, N / 2 + 1);
    oriel_args args = ORIEL_ARGS_INIT;
    assert_ok(oriel_args_tensor(&args, large, ORIEL_OUTPUT));
    assert_fails(oriel_submit(orch, EMPTY, &args, 0, NULL), ORIEL_NO_MEMORY, "more than their ring holds");
    oriel_tensor first = half, second = half;
    assert_ok(submit_scale(orch, &first, ORIEL_OUTPUT, slice(pair->in, 0, N / 2 + 1), 1, 0, 0));
    assert_fails(submit_scale(orch, &second, ORIEL_OUTPUT, slice(pair->in, 0, N / 2 + 1), 1, 0, 0), ORIEL_NO_MEMORY,
                 "only the open scopes hold it");
    assert_fails(oriel_scope_end(orch), ORIEL_STATE, "no scope is open");
    return ORIEL_OK;
}

static void a_ring_that_no_task_can_free_is_an_error(void **state)
{
    oriel_worker_options options = {.form = test_form(state), .temporary_bytes = 4 * N};
    oriel_worker *worker = test_start(1, &options, callables, CALLABLES);
    int32_t in[N] = {0};
    in_and_out pair = {.in = oriel_tensor_1d(in, PTO_I32, N)};
    assert_ok(oriel_worker_run(worker, two_in_one_scope, &pair, 0));
    assert_ok(oriel_worker_run(worker, two_in_one_scope, &pair, 0)); /* a run is a scope of its own */
    oriel_worker_close(worker);
}

/* ---- Waiting ---------------------------------------------------------------------------------------------------- */

static oriel_status wait_for_each(oriel_orch *orch, void *user)
{
    oriel_tensor data = *(oriel_tensor *)user;
    for (int i = 1; i <= 50; i++) {
        oriel_task task;
        TRY(submit_update(orch, UPDATE, data, 1, 1, 0, &task));
        TRY(oriel_task_wait(orch, task, -1));
        assert_int_equal(((int32_t *)data.data)[0], i);
        TRY(oriel_task_wait(orch, task, 0)); /* it stays ended */
    }
    assert_fails(oriel_task_wait(orch, (oriel_task){123456}, 0), ORIEL_INVALID, "there is no task 123456");
    return ORIEL_OK;
}

static void a_wait_returns_when_the_result_is_there(void **state)
{
    oriel_worker *worker = start(state, 1);
    int32_t memory[N] = {0};
    oriel_tensor data = oriel_tensor_1d(memory, PTO_I32, N);
    assert_ok(oriel_worker_run(worker, wait_for_each, &data, 0));
    oriel_worker_close(worker);
}

typedef struct submitter {
    oriel_orch *orch;
    oriel_tensor data;
    uint32_t device;
    oriel_status status;
} submitter;

static void *submit_and_wait(void *context)
{
    submitter *self = context;
    for (int i = 0; i < 100 && self->status == ORIEL_OK; i++) {
        oriel_task task;
        self->status = submit_update(self->orch, i % 3 ? UPDATE : HOST_UPDATE, self->data, 1, 1, self->device, &task);
        if (self->status == ORIEL_OK)
            self->status = oriel_task_wait(self->orch, task, -1);
    }
    return NULL;
}

static oriel_status from_several_threads(oriel_orch *orch, void *user)
{
    int32_t(*memory)[N] = user;
    pthread_t thread[4];
    submitter submitters[4];
    for (uint32_t i = 0; i < 4; i++) {
        submitters[i] = (submitter){orch, oriel_tensor_1d(memory[i], PTO_I32, N), i % 2, ORIEL_OK};
        assert_int_equal(pthread_create(&thread[i], NULL, submit_and_wait, &submitters[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
        TRY(submitters[i].status);
    }
    return ORIEL_OK;
}

static void several_threads_submit_and_wait(void **state)
{
    oriel_worker *worker = start(state, 2);
    int32_t memory[4][N] = {{0}};
    assert_ok(oriel_worker_run(worker, from_several_threads, memory, 0));
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < N; k++)
            assert_int_equal(memory[i][k], 100);
    oriel_worker_close(worker);
}

/* ---- Groups ----------------------------------------------------------------------------------------------------- */

typedef struct meeting_point {
    oriel_domain *domain;
    uint32_t device[4], ranks;
    int calls;
} meeting_point;

static oriel_status submit_meeting(oriel_orch *orch, meeting_point *meeting, oriel_task *task)
{
    oriel_args args[4];
    meeting->calls++;
    for (uint32_t i = 0; i < meeting->ranks; i++) {
        args[i] = (oriel_args)ORIEL_ARGS_INIT;
        TRY(oriel_args_comm(&args[i], meeting->domain));
        TRY(oriel_args_i64(&args[i], meeting->calls));
    }
    return oriel_submit_group(orch, MEET, args, meeting->device, meeting->ranks, task);
}

/* Groups on overlapping domains, with single tasks in between: placed one by one they would wait for one another for
 * ever. */
static oriel_status alternate(oriel_orch *orch, void *user)
{
    (void)user;
    meeting_point meetings[] = {{.device = {0, 1, 2}, .ranks = 3},
                                {.device = {2, 1}, .ranks = 2},
                                {.device = {3, 0}, .ranks = 2},
                                {.device = {3, 2, 1, 0}, .ranks = 4}};
    oriel_buffer signals = {"signals", PTO_I32, 4 * PTO_LINE_CELLS};
    for (int i = 0; i < 4; i++)
        TRY(oriel_allocate_domain(orch, "d", meetings[i].device, meetings[i].ranks, 0, &signals, 1,
                                  &meetings[i].domain));
    uint64_t next = 1;
    for (int i = 0; i < 1000; i++) {
        next = next * 6364136223846793005 + 1442695040888963407;
        TRY(submit_meeting(orch, &meetings[next >> 62], NULL));
        if (i % 3 == 0) {
            oriel_args args = ORIEL_ARGS_INIT;
            TRY(oriel_submit(orch, EMPTY, &args, i % 2 ? ORIEL_ANY_DEVICE : (uint32_t)i % 4, NULL));
        }
    }
    return ORIEL_OK;
}

static void groups_on_overlapping_domains_do_not_interleave(void **state)
{
    oriel_worker *worker = start(state, 4);
    assert_ok(oriel_worker_run(worker, alternate, NULL, 0));
    oriel_worker_close(worker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_IN_BOTH_FORMS(a_chain_runs_in_order),
        TEST_IN_BOTH_FORMS(halves_and_the_whole_are_ordered),
        TEST_IN_BOTH_FORMS(an_explicit_dependency_orders),
        TEST_IN_BOTH_FORMS(full_rings_hold_the_submitter_back),
        TEST_IN_BOTH_FORMS(a_ring_that_no_task_can_free_is_an_error),
        TEST_IN_BOTH_FORMS(a_wait_returns_when_the_result_is_there),
        TEST_IN_BOTH_FORMS(several_threads_submit_and_wait),
        TEST_IN_BOTH_FORMS(groups_on_overlapping_domains_do_not_interleave),
    };
    return cmocka_run_group_tests_name("tasks", tests, NULL, NULL);
}
