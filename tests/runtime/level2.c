/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Level 2: kernels submitted inside a device. What these tests protect: orchestration functions on devices have the same
 * rules as on the host (edges, temporaries, scopes, rings, deadlines, poison), completion conditions hold tasks back, kernels get the blocks that they ask for, and a
 * level-2 worker does without level 3.
 */
#include "fixture.h"

#define CORES    48 /* of a device of a2a3sim */
#define ELEMENTS 64

/* ---- Kernels ---------------------------------------------------------------------------------------------------- */

enum { STAMP, CROSS, STEP, COPY, AWAIT, TELL, FAULT, EXCHANGE, KERNELS };

/* Tensor 0: element b <- block b + 1, in all; element `blocks` and after stay. */
static void stamp(pto_core *core)
{
    pto_addr cell = pto_arg_tensor(core, 0).addr + pto_block_index(core) * PTO_LINE_BYTES;
    pto_store_i32(core, cell, (int32_t)pto_block_index(core) + 1);
    pto_dcci(core, cell);
}

/* Tensor 0, a line for each block: blocks write, meet and read each other's, ROUNDS times. One that is behind is a fault. */
static void cross(pto_core *core)
{
    pto_addr lines = pto_arg_tensor(core, 0).addr, mine = lines + pto_block_index(core) * PTO_LINE_BYTES;
    for (int32_t round = 1; round <= 20; round++) {
        pto_store_i32(core, mine, round);
        pto_dcci(core, mine);
        pto_core_barrier(core);
        for (uint32_t block = 0; block < pto_block_count(core); block++)
            if (pto_load_i32(core, lines + block * PTO_LINE_BYTES) != round)
                pto_trap(core, "a block passed the barrier before another");
        pto_core_barrier(core);
    }
}

/* Tensor 0, element 0: x <- 3 x + scalar 0. */
static void step(pto_core *core)
{
    pto_addr cell = pto_arg_tensor(core, 0).addr;
    pto_store_i32(core, cell, (int32_t)(3u * (uint32_t)pto_load_i32(core, cell) + (uint32_t)pto_arg_i64(core, 0)));
    pto_dcci(core, cell);
}

/* Tensor 0 <- tensor 1. */
static void copy(pto_core *core)
{
    pto_global to = pto_arg_tensor(core, 0), from = pto_arg_tensor(core, 1);
    pto_tile tile = pto_tile_1d(core, PTO_I32, 0, (uint32_t)pto_global_count(from));
    pto_tload(core, tile, from);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, to, tile);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
}

/* Tensor 0, element 0: waits until it is 1. */
static void await(pto_core *core)
{
    pto_twait(core, pto_cell(pto_arg_tensor(core, 0).addr), 1, PTO_EQ);
}

/* Tensor 0, element 0 <- 1. */
static void tell(pto_core *core)
{
    pto_tnotify(core, pto_arg_tensor(core, 0).addr, 1, PTO_NOTIFY_SET);
}

enum { FAULT_FROM = __LINE__ };
static void fault(pto_core *core)
{
    pto_store_i32(core, pto_arg_tensor(core, 0).addr + 4 * ELEMENTS * PTO_LINE_BYTES, 1);
}
enum { FAULT_TO = __LINE__ };

/* Tensor 0: element r <- the number that rank r has in its window. Scalar 0: which call on this domain this is, from 1. */
static void exchange(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    pto_global all = pto_arg_tensor(core, 0), signals = pto_window_buffer(core, comm, 0);
    pto_global number = pto_window_buffer(core, comm, 1);
    pto_tile tile = pto_tile_1d(core, PTO_I32, 0, 8);
    int32_t call = (int32_t)pto_arg_i64(core, 0);
    pto_store_i32(core, number.addr + (uint32_t)(call % 2) * PTO_LINE_BYTES, (int32_t)(100 * comm->rank) + call);
    pto_dcci_all(core);
    pto_dsb(core);
    for (uint32_t rank = 0; rank < comm->ranks; rank++)
        pto_tnotify(core, pto_peer_addr(comm, signals.addr, rank) + comm->rank * PTO_LINE_BYTES, 1, PTO_NOTIFY_ADD);
    pto_twait(core, pto_cell_block(signals.addr, comm->ranks, PTO_LINE_CELLS), call, PTO_GE);
    pto_global mine = pto_slice(number, (uint64_t)(call % 2) * PTO_LINE_CELLS, 1);
    for (uint32_t rank = 0; rank < comm->ranks; rank++)
        pto_tget(core, pto_slice(all, rank, 1), pto_peer(comm, mine, rank), tile, PTO_NO_TILE);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
}

static const oriel_kernel kernels[KERNELS] = {
    [STAMP] = {"stamp", stamp}, [CROSS] = {"cross", cross},          [STEP] = {"step", step},
    [COPY] = {"copy", copy},    [AWAIT] = {"await", await},          [TELL] = {"tell", tell},
    [FAULT] = {"fault", fault}, [EXCHANGE] = {"exchange", exchange},
};

/* ---- Submitting inside a device --------------------------------------------------------------------------------- */

static oriel_args args_of(oriel_tensor tensor, oriel_tag tag, int64_t scalar)
{
    oriel_args args = ORIEL_ARGS_INIT;
    oriel_args_tensor(&args, tensor, tag);
    oriel_args_i64(&args, scalar);
    return args;
}

static oriel_status submit_on(oriel_orch *orch, int kernel, oriel_tensor tensor, int64_t scalar, oriel_task *task)
{
    oriel_args args = args_of(tensor, ORIEL_INOUT, scalar);
    return oriel_submit(orch, kernel, &args, 0, task);
}

static oriel_status submit_copy(oriel_orch *orch, oriel_tensor to, oriel_tensor from, oriel_task *task)
{
    oriel_args args = args_of(to, ORIEL_OUTPUT_EXISTING, 0);
    oriel_args_tensor(&args, from, ORIEL_INPUT);
    return oriel_submit(orch, COPY, &args, 0, task);
}

/* Element `first` of a tensor, and `count` - 1 after it. */
static oriel_tensor part(const oriel_tensor *tensor, uint64_t first, uint64_t count)
{
    return oriel_tensor_1d((int32_t *)tensor->data + first, PTO_I32, count);
}

/* The kernel of scalar 0 in as many blocks as scalar 1 says. */
static oriel_status in_blocks(oriel_orch *orch, const oriel_args *given)
{
    oriel_args args = args_of(given->tensor[0], ORIEL_INOUT, 0);
    args.blocks = (uint32_t)given->scalar[1];
    return oriel_submit(orch, (int)given->scalar[0], &args, 0, NULL);
}

static oriel_status chain(oriel_orch *orch, const oriel_args *given)
{
    for (int64_t i = 0; i < (int64_t)given->scalar[0]; i++)
        TRY(submit_on(orch, STEP, part(&given->tensor[0], (uint64_t)i % 4, 1), i, NULL));
    return ORIEL_OK;
}

/* A temporary is made from tensor 0, changed, and copied back behind it. */
static oriel_status through_temporary(oriel_orch *orch, const oriel_args *given)
{
    oriel_args make = args_of(oriel_tensor_1d(NULL, PTO_I32, ELEMENTS), ORIEL_OUTPUT, 0);
    oriel_args_tensor(&make, part(&given->tensor[0], 0, ELEMENTS), ORIEL_INPUT);
    EXPECT(oriel_submit(orch, COPY, &make, 0, NULL) == ORIEL_OK);
    EXPECT(make.tensor[0].data != NULL);
    for (int i = 0; i < 3; i++)
        EXPECT(submit_on(orch, STEP, make.tensor[0], i, NULL) == ORIEL_OK);
    return submit_copy(orch, part(&given->tensor[0], ELEMENTS, ELEMENTS), make.tensor[0], NULL);
}

#define TEMPORARY_BYTES (64 << 10)

static oriel_status take_temporary(oriel_orch *orch, oriel_tensor from, uint64_t bytes)
{
    oriel_args args = args_of(oriel_tensor_1d(NULL, PTO_I32, bytes / 4), ORIEL_OUTPUT, 0);
    oriel_args_tensor(&args, from, ORIEL_INPUT);
    return oriel_submit(orch, STEP, &args, 0, NULL);
}

/* In scopes the ring of temporaries lasts for ever; in one scope alone it does not. */
static oriel_status in_scopes(oriel_orch *orch, const oriel_args *given)
{
    for (int i = 0; i < 50; i++) {
        EXPECT(oriel_scope_begin(orch) == ORIEL_OK);
        EXPECT(take_temporary(orch, given->tensor[0], TEMPORARY_BYTES / 2) == ORIEL_OK);
        EXPECT(oriel_scope_begin(orch) == ORIEL_OK);
        EXPECT(take_temporary(orch, given->tensor[0], TEMPORARY_BYTES / 4) == ORIEL_OK);
        EXPECT(oriel_scope_end(orch) == ORIEL_OK);
        EXPECT(oriel_scope_end(orch) == ORIEL_OK);
    }
    EXPECT(oriel_scope_end(orch) == ORIEL_STATE);
    EXPECT(take_temporary(orch, given->tensor[0], TEMPORARY_BYTES * 2) == ORIEL_NO_MEMORY);
    EXPECT(strstr(oriel_last_error(), "131072"));
    EXPECT(take_temporary(orch, given->tensor[0], TEMPORARY_BYTES * 3 / 4) == ORIEL_OK);
    EXPECT(take_temporary(orch, given->tensor[0], TEMPORARY_BYTES * 3 / 4) == ORIEL_NO_MEMORY);
    EXPECT(strstr(oriel_last_error(), "scope"));
    return ORIEL_OK;
}

static oriel_status with_deadlines(oriel_orch *orch, const oriel_args *given)
{
    oriel_task waiting, telling;
    oriel_args no_edge = args_of(given->tensor[0], ORIEL_NO_DEP, 0);
    EXPECT(oriel_submit(orch, AWAIT, &no_edge, 0, &waiting) == ORIEL_OK);
    EXPECT(oriel_task_wait(orch, waiting, 0) == ORIEL_TIMEOUT);
    EXPECT(oriel_task_wait(orch, waiting, 0.01) == ORIEL_TIMEOUT);
    EXPECT(oriel_submit(orch, TELL, &no_edge, 0, &telling) == ORIEL_OK);
    /* Asked again and again, for no time at all. */
    oriel_status status;
    while ((status = oriel_task_wait(orch, waiting, 0)) == ORIEL_TIMEOUT)
        ;
    EXPECT(status == ORIEL_OK);
    EXPECT(oriel_task_wait(orch, telling, -1) == ORIEL_OK);
    EXPECT(oriel_task_wait(orch, (oriel_task){0}, -1) == ORIEL_INVALID);
    EXPECT(oriel_task_wait(orch, (oriel_task){UINT64_MAX}, -1) == ORIEL_INVALID);
    return ORIEL_OK;
}

/* The one that waits is submitted first, and nothing orders the two: they run beside each other. */
static oriel_status beside(oriel_orch *orch, const oriel_args *given)
{
    oriel_args no_edge = args_of(given->tensor[0], ORIEL_NO_DEP, 0);
    no_edge.blocks = CORES - 1;
    EXPECT(oriel_submit(orch, AWAIT, &no_edge, 0, NULL) == ORIEL_OK);
    no_edge.blocks = 1;
    return oriel_submit(orch, TELL, &no_edge, 0, NULL);
}

/* Element 1 is 3 once the first task has ended, which the last one tells by element 0: what depends on it finds that. */
static oriel_status when_told(oriel_orch *orch, const oriel_args *given)
{
    oriel_tensor told = part(&given->tensor[0], 0, 1), value = part(&given->tensor[0], 1, 1);
    oriel_tensor seen = part(&given->tensor[0], 2, 1);
    oriel_args held = args_of(value, ORIEL_INOUT, 3), after = args_of(seen, ORIEL_INOUT, 0);
    oriel_task first;
    TRY(oriel_args_until(&held, given->tensor[0], 0, 1));
    TRY(oriel_submit(orch, STEP, &held, 0, &first));
    TRY(oriel_args_after(&after, first));
    oriel_args_tensor(&after, told, ORIEL_NO_DEP);
    TRY(oriel_submit(orch, COPY, &after, 0, NULL));
    EXPECT(oriel_task_wait(orch, first, 0.01) == ORIEL_TIMEOUT);
    TRY(submit_on(orch, TELL, told, 0, NULL));
    return oriel_task_wait(orch, first, -1);
}

static oriel_status never_told(oriel_orch *orch, const oriel_args *given)
{
    oriel_args held = args_of(part(&given->tensor[0], 1, 1), ORIEL_INOUT, 3);
    oriel_tensor seven = oriel_tensor_1d(given->tensor[0].data, PTO_I32, 7);
    EXPECT(oriel_args_until(&held, seven, 7, 1) == ORIEL_INVALID);
    EXPECT(oriel_args_until(&held, oriel_tensor_1d(given->tensor[0].data, PTO_F32, 7), 0, 1) == ORIEL_INVALID);
    for (int i = 0; i < ORIEL_MAX_UNTILS; i++)
        TRY(oriel_args_until(&held, given->tensor[0], 0, i));
    EXPECT(oriel_args_until(&held, seven, 0, 1) == ORIEL_INVALID);
    TRY(oriel_submit(orch, STEP, &held, 0, NULL));
    return submit_on(orch, STEP, part(&given->tensor[0], 1, 1), 5, NULL); /* never runs */
}

static oriel_status in_vain(oriel_orch *orch, const oriel_args *given)
{
    return submit_on(orch, AWAIT, given->tensor[0], 0, NULL);
}

/* Of parts of tensor 0: 0 fails, 1 reads 0, 2 is independent, 3 comes after 0. Says that all is well. */
static oriel_status with_fault(oriel_orch *orch, const oriel_args *given)
{
    oriel_task failing, reader, after, free_one;
    const oriel_tensor *cells = &given->tensor[0];
    EXPECT(submit_on(orch, FAULT, part(cells, 0, 1), 0, &failing) == ORIEL_OK);
    EXPECT(submit_copy(orch, part(cells, 1, 1), part(cells, 0, 1), &reader) == ORIEL_OK);
    EXPECT(submit_on(orch, STEP, part(cells, 2, 1), 5, &free_one) == ORIEL_OK);
    oriel_args args = args_of(part(cells, 3, 1), ORIEL_INOUT, 5);
    oriel_args_after(&args, failing);
    EXPECT(oriel_submit(orch, STEP, &args, 0, &after) == ORIEL_OK);
    EXPECT(oriel_task_wait(orch, failing, -1) == ORIEL_FAULT);
    EXPECT(oriel_task_wait(orch, reader, -1) == ORIEL_POISONED);
    EXPECT(oriel_task_wait(orch, after, -1) == ORIEL_POISONED);
    EXPECT(oriel_task_wait(orch, free_one, -1) == ORIEL_OK);
    return ORIEL_OK;
}

static oriel_status refused(oriel_orch *orch, const oriel_args *given)
{
    oriel_args args = args_of(given->tensor[0], ORIEL_INOUT, 0);
    oriel_buffer buffer = {"signals", PTO_I32, 16};
    oriel_domain *domain = NULL;
    EXPECT(oriel_orch_devices(orch) == 1);
    EXPECT(oriel_submit(orch, KERNELS, &args, 0, NULL) == ORIEL_INVALID);
    EXPECT(oriel_submit(orch, -1, &args, 0, NULL) == ORIEL_INVALID);
    EXPECT(oriel_submit_group(orch, STEP, &args, NULL, 1, NULL) == ORIEL_INVALID);
    EXPECT(oriel_allocate_domain(orch, "inside", NULL, 1, 0, &buffer, 1, &domain) == ORIEL_STATE);
    EXPECT(domain == NULL);
    EXPECT(oriel_release_domain(orch, given->comm[0]) == ORIEL_STATE);
    EXPECT(oriel_domain_ranks(given->comm[0]) == 2);
    return ORIEL_OK;
}

/* Many calls on one domain, each a kernel that meets those of its peers. */
static oriel_status exchanges(oriel_orch *orch, const oriel_args *given)
{
    for (int64_t call = 1; call <= (int64_t)given->scalar[0]; call++) {
        oriel_args args = args_of(given->tensor[0], ORIEL_INOUT, call);
        EXPECT(oriel_args_comm(&args, given->comm[0]) == ORIEL_OK);
        EXPECT(oriel_submit(orch, EXCHANGE, &args, 0, NULL) == ORIEL_OK);
    }
    return ORIEL_OK;
}

/* One member of a group fails, the others would go on for ever. */
static oriel_status without_end(oriel_orch *orch, const oriel_args *given)
{
    if (given->scalar[0] == 0)
        return submit_on(orch, FAULT, given->tensor[0], 0, NULL);
    oriel_status status;
    while ((status = submit_on(orch, STEP, given->tensor[0], 1, NULL)) == ORIEL_OK)
        ;
    EXPECT(status == ORIEL_ABORTED);
    return status;
}

/* ---- Running it from the host ----------------------------------------------------------------------------------- */

enum {
    IN_BLOCKS,
    CHAIN,
    THROUGH_TEMPORARY,
    IN_SCOPES,
    WITH_DEADLINES,
    BESIDE,
    IN_VAIN,
    WHEN_TOLD,
    NEVER_TOLD,
    WITH_FAULT,
    REFUSED,
    EXCHANGES,
    WITHOUT_END,
    CROSS_ALONE,
    CALLABLES
};

static const oriel_callable callables[CALLABLES] = {
    [IN_BLOCKS] = {"in_blocks", NULL, in_blocks, kernels, KERNELS, 1, 2, 0},
    [CHAIN] = {"chain", NULL, chain, kernels, KERNELS, 1, -1, 0},
    [THROUGH_TEMPORARY] = {"through_temporary", NULL, through_temporary, kernels, KERNELS, 1, -1, 0},
    [IN_SCOPES] = {"in_scopes", NULL, in_scopes, kernels, KERNELS, 1, -1, 0},
    [WITH_DEADLINES] = {"with_deadlines", NULL, with_deadlines, kernels, KERNELS, 1, -1, 0},
    [BESIDE] = {"beside", NULL, beside, kernels, KERNELS, 1, -1, 0},
    [IN_VAIN] = {"in_vain", NULL, in_vain, kernels, KERNELS, 1, -1, 0},
    [WHEN_TOLD] = {"when_told", NULL, when_told, kernels, KERNELS, 1, -1, 0},
    [NEVER_TOLD] = {"never_told", NULL, never_told, kernels, KERNELS, 1, -1, 0},
    [WITH_FAULT] = {"with_fault", NULL, with_fault, kernels, KERNELS, 1, -1, 0},
    [REFUSED] = {"refused", NULL, refused, kernels, KERNELS, 1, -1, 1},
    [EXCHANGES] = {"exchanges", NULL, exchanges, kernels, KERNELS, 1, 1, 1},
    [WITHOUT_END] = {"without_end", NULL, without_end, kernels, KERNELS, 1, 1, 0},
    [CROSS_ALONE] = {"cross_alone", NULL, NULL, &kernels[CROSS], 1, 1, -1, 0},
};

static void start(fixture *f, uint32_t devices, const oriel_worker_options *options)
{
    start_level(f, 3, devices, options, callables, CALLABLES);
}

typedef struct device_call {
    fixture *f;
    int callable;
    uint32_t blocks;
    int64_t scalar[2];
    oriel_tensor tensor;
} device_call;

static oriel_status call_function(oriel_orch *orch, void *user)
{
    const device_call *call = user;
    oriel_args args = args_of(call->tensor, ORIEL_INOUT, call->scalar[0]);
    args.blocks = call->blocks;
    assert_ok(oriel_args_i64(&args, call->scalar[1]));
    if (call->callable == CHAIN)
        args.scalars = 1;
    return oriel_submit(orch, call->f->id[call->callable], &args, 0, NULL);
}

static oriel_status run_call(device_call *call)
{
    oriel_status status = oriel_worker_run(call->f->worker, call_function, call, 0);
    assert_all_expected();
    return status;
}

/* A device function on device 0, with a tensor of ELEMENTS lines. */
static device_call call_of(fixture *f, int callable, int64_t a, int64_t b)
{
    return (device_call){f, callable, 1, {a, b}, shared_i32(f, ELEMENTS * PTO_LINE_CELLS)};
}

static int32_t line_of(const device_call *call, uint32_t line)
{
    return cells_of(&call->tensor)[line * PTO_LINE_CELLS];
}

/* ---- Blocks ----------------------------------------------------------------------------------------------------- */

static void a_kernel_gets_as_many_blocks_as_it_asks_for(void **state)
{
    fixture *f = begin(state);
    start(f, 1, &(oriel_worker_options){0});
    static const uint32_t counts[] = {0, 1, 2, 7, CORES};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        device_call call = call_of(f, IN_BLOCKS, STAMP, counts[i]);
        assert_ok(run_call(&call));
        uint32_t blocks = counts[i] ? counts[i] : 1;
        for (uint32_t line = 0; line < ELEMENTS; line++)
            assert_int_equal(line_of(&call, line), line < blocks ? line + 1 : 0);
    }
}

static void more_blocks_than_cores_are_refused(void **state)
{
    fixture *f = begin(state);
    start(f, 1, &(oriel_worker_options){0});
    device_call call = call_of(f, IN_BLOCKS, STAMP, CORES + 1);
    assert_fails(run_call(&call), ORIEL_INVALID, "49");
    assert_non_null(strstr(oriel_last_error(), "48"));
    device_call alone = call_of(f, CROSS_ALONE, 0, 0);
    alone.blocks = UINT32_MAX;
    assert_fails(run_call(&alone), ORIEL_INVALID, "4294967295");
    assert_non_null(strstr(oriel_last_error(), "48"));
    for (uint32_t line = 0; line < ELEMENTS; line++)
        assert_int_equal(line_of(&call, line), 0);
}

static void blocks_meet_at_the_core_barrier(void **state)
{
    fixture *f = begin(state);
    start(f, 1, &(oriel_worker_options){0});
    static const uint32_t counts[] = {1, 2, 5, CORES};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        device_call call = call_of(f, IN_BLOCKS, CROSS, counts[i]);
        assert_ok(run_call(&call));
        assert_int_equal(line_of(&call, counts[i] - 1), 20);
        device_call alone = call_of(f, CROSS_ALONE, 0, 0);
        alone.blocks = counts[i];
        assert_ok(run_call(&alone));
        assert_int_equal(line_of(&alone, counts[i] - 1), 20);
    }
}

static void independent_kernels_run_beside_each_other(void **state)
{
    fixture *f = begin(state);
    start(f, 1, &(oriel_worker_options){.timeout_s = 5});
    device_call call = call_of(f, BESIDE, 0, 0);
    assert_ok(run_call(&call));
}

/* ---- The graph inside ------------------------------------------------------------------------------------------- */

static int32_t expected_of_chain(int64_t steps, int64_t cell)
{
    uint32_t x = 0;
    for (int64_t i = cell; i < steps; i += 4)
        x = 3 * x + (uint32_t)i;
    return (int32_t)x;
}

static void run_chain(fixture *f, int64_t steps)
{
    device_call call = call_of(f, CHAIN, steps, 0);
    assert_ok(run_call(&call));
    for (int64_t cell = 0; cell < 4; cell++)
        assert_int_equal(cells_of(&call.tensor)[cell], expected_of_chain(steps, cell));
}

static void a_chain_through_tensors_runs_in_order(void **state)
{
    fixture *f = begin(state);
    start(f, 1, &(oriel_worker_options){0});
    run_chain(f, 50);
}

static void a_thousand_kernels_in_each_of_many_calls(void **state)
{
    fixture *f = begin(state);
    start(f, 1, &(oriel_worker_options){0});
    for (int i = 0; i < 10; i++)
        run_chain(f, 1000);
}

static void a_full_ring_of_tasks_goes_on(void **state)
{
    fixture *f = begin(state);
    for (uint32_t slots = 1; slots <= 4; slots++) {
        start(f, 1, &(oriel_worker_options){.task_slots = slots});
        run_chain(f, 200);
        stop(f);
    }
}

static void temporaries_carry_data_between_kernels(void **state)
{
    fixture *f = begin(state);
    start(f, 1, &(oriel_worker_options){0});
    for (int repeat = 0; repeat < 3; repeat++) {
        device_call call = call_of(f, THROUGH_TEMPORARY, 0, 0);
        for (int i = 0; i < ELEMENTS; i++)
            cells_of(&call.tensor)[i] = 10 + i;
        assert_ok(run_call(&call));
        const int32_t *result = cells_of(&call.tensor) + ELEMENTS;
        assert_int_equal(result[0], ((10 * 3 + 0) * 3 + 1) * 3 + 2);
        for (int i = 1; i < ELEMENTS; i++)
            assert_int_equal(result[i], 10 + i);
    }
}

static void scopes_give_temporaries_back(void **state)
{
    fixture *f = begin(state);
    start(f, 1, &(oriel_worker_options){.temporary_bytes = TEMPORARY_BYTES});
    for (int repeat = 0; repeat < 3; repeat++) {
        device_call call = call_of(f, IN_SCOPES, 0, 0);
        assert_ok(run_call(&call));
    }
}

/* ---- Deadlines and faults --------------------------------------------------------------------------------------- */

static void waiting_inside_a_device_has_a_deadline(void **state)
{
    fixture *f = begin(state);
    start(f, 1, &(oriel_worker_options){.timeout_s = 20});
    device_call call = call_of(f, WITH_DEADLINES, 0, 0);
    assert_ok(run_call(&call));
}

static void a_kernel_inside_ends_at_the_deadline_of_its_task(void **state)
{
    fixture *f = begin(state);
    start(f, 1, &(oriel_worker_options){.timeout_s = 0.05});
    device_call call = call_of(f, IN_VAIN, 0, 0);
    assert_fails(run_call(&call), ORIEL_TIMEOUT, "waited for cell 0 of tensor argument 0 == 1, and saw 0");
    run_chain(f, 50);
}

static void a_condition_holds_a_task_and_what_depends_on_it(void **state)
{
    fixture *f = begin(state);
    start(f, 1, &(oriel_worker_options){0});
    device_call call = call_of(f, WHEN_TOLD, 0, 0);
    assert_ok(run_call(&call));
    assert_int_equal(cells_of(&call.tensor)[1], 3);
    assert_int_equal(cells_of(&call.tensor)[2], 1);
}

static void a_condition_that_never_holds_ends_with_the_deadline(void **state)
{
    fixture *f = begin(state);
    start(f, 1, &(oriel_worker_options){.timeout_s = 0.05});
    device_call call = call_of(f, NEVER_TOLD, 0, 0);
    assert_fails(run_call(&call), ORIEL_TIMEOUT, "task \"step\" was to end when its cell is at least 1, and it is 0");
    assert_int_equal(cells_of(&call.tensor)[1], 3);
    run_chain(f, 50);
}

static void a_fault_inside_poisons_what_depends_on_it(void **state)
{
    fixture *f = begin(state);
    start(f, 1, &(oriel_worker_options){0});
    for (int repeat = 0; repeat < 3; repeat++) {
        device_call call = call_of(f, WITH_FAULT, 0, 0);
        assert_fails(run_call(&call), ORIEL_FAULT, "level2.c:");
        const char *name = strstr(oriel_last_error(), "level2.c:");
        int line = atoi(name + strlen("level2.c:"));
        assert_true(line > FAULT_FROM && line < FAULT_TO);
        assert_null(memchr(oriel_last_error(), ' ', (size_t)(name - oriel_last_error())));
        assert_int_equal(cells_of(&call.tensor)[1], 0);
        assert_int_equal(cells_of(&call.tensor)[2], 5);
        assert_int_equal(cells_of(&call.tensor)[3], 0);
        run_chain(f, 50);
    }
}

/* ---- Domains inside --------------------------------------------------------------------------------------------- */

#define RANKS 4

static const oriel_buffer exchange_buffers[] = {{"signals", PTO_I32, RANKS *PTO_LINE_CELLS},
                                                {"number", PTO_I32, 2 * PTO_LINE_CELLS}};

static oriel_status exchange_function(oriel_orch *orch, void *user)
{
    const device_call *call = user;
    oriel_domain *domain;
    oriel_args args[RANKS];
    assert_ok(oriel_allocate_domain(orch, "all", NULL, RANKS, 0, exchange_buffers, 2, &domain));
    for (uint32_t i = 0; i < RANKS; i++) {
        args[i] = args_of(part(&call->tensor, i * PTO_LINE_CELLS, RANKS), ORIEL_INOUT, call->scalar[0]);
        assert_ok(oriel_args_comm(&args[i], domain));
    }
    return oriel_submit_group(orch, call->f->id[EXCHANGES], args, NULL, RANKS, NULL);
}

static void kernels_inside_devices_talk_to_peers(void **state)
{
    fixture *f = begin(state);
    start(f, RANKS, &(oriel_worker_options){0});
    for (int calls = 1; calls <= 301; calls += 100) {
        device_call call = call_of(f, EXCHANGES, calls, 0);
        assert_ok(oriel_worker_run(f->worker, exchange_function, &call, 0));
        for (int rank = 0; rank < RANKS; rank++)
            for (int peer = 0; peer < RANKS; peer++)
                assert_int_equal(cells_of(&call.tensor)[rank * PTO_LINE_CELLS + peer], 100 * peer + calls);
    }
}

static oriel_status endless_function(oriel_orch *orch, void *user)
{
    const device_call *call = user;
    oriel_args args[RANKS];
    for (uint32_t i = 0; i < RANKS; i++)
        args[i] = args_of(part(&call->tensor, i * PTO_LINE_CELLS, PTO_LINE_CELLS), ORIEL_INOUT, i);
    return oriel_submit_group(orch, call->f->id[WITHOUT_END], args, NULL, RANKS, NULL);
}

static void a_device_function_is_told_that_its_group_failed(void **state)
{
    fixture *f = begin(state);
    start(f, RANKS, &(oriel_worker_options){0});
    device_call call = call_of(f, WITHOUT_END, 0, 0);
    assert_fails(oriel_worker_run(f->worker, endless_function, &call, 0), ORIEL_FAULT, "level2.c:");
    assert_all_expected();
}

static oriel_status refused_function(oriel_orch *orch, void *user)
{
    const device_call *call = user;
    oriel_domain *domain;
    oriel_args args = args_of(call->tensor, ORIEL_INOUT, 0);
    assert_ok(oriel_allocate_domain(orch, "pair", NULL, 2, 0, exchange_buffers, 2, &domain));
    assert_ok(oriel_args_comm(&args, domain));
    return oriel_submit(orch, call->f->id[REFUSED], &args, 0, NULL);
}

static void what_a_device_cannot_do_is_refused(void **state)
{
    fixture *f = begin(state);
    start(f, 2, &(oriel_worker_options){0});
    device_call call = call_of(f, REFUSED, 0, 0);
    oriel_status status = oriel_worker_run(f->worker, refused_function, &call, 0);
    assert_all_expected();
    assert_ok(status);
}

/* ---- A level-2 worker ------------------------------------------------------------------------------------------- */

static oriel_status doubles_on_host(const oriel_args *args)
{
    *(int32_t *)args->tensor[0].data *= 2;
    return ORIEL_OK;
}

enum { L2_STAMP, L2_STEP, L2_COPY, L2_HOST, L2_CALLABLES };

static const oriel_callable level2_callables[L2_CALLABLES] = {
    [L2_STAMP] = TEST_KERNEL("stamp", &kernels[STAMP]),
    [L2_STEP] = TEST_KERNEL("step", &kernels[STEP]),
    [L2_COPY] = TEST_KERNEL("copy", &kernels[COPY]),
    [L2_HOST] = TEST_HOST("doubles_on_host", doubles_on_host),
};

/* Own memory, a temporary, a host function between two kernels, blocks; the device index is not looked at. */
static oriel_status level2_function(oriel_orch *orch, void *user)
{
    const device_call *call = user;
    const oriel_callable_id *id = call->f->id;
    static int32_t own[ELEMENTS];
    own[0] = 1;
    assert_int_equal(oriel_orch_devices(orch), 1);
    oriel_tensor outside = oriel_tensor_1d(own, PTO_I32, ELEMENTS);
    oriel_args args = args_of(outside, ORIEL_INOUT, 4);
    assert_ok(oriel_submit(orch, id[L2_STEP], &args, 17, NULL)); /* 7 */
    args = args_of(outside, ORIEL_INOUT, 0);
    assert_ok(oriel_submit(orch, id[L2_HOST], &args, 0, NULL)); /* 14 */
    oriel_args make = args_of(oriel_tensor_1d(NULL, PTO_I32, ELEMENTS), ORIEL_OUTPUT, 0);
    assert_ok(oriel_args_tensor(&make, outside, ORIEL_INPUT));
    assert_ok(oriel_submit(orch, id[L2_COPY], &make, ORIEL_ANY_DEVICE, NULL));
    args = args_of(part(&call->tensor, 0, ELEMENTS), ORIEL_OUTPUT_EXISTING, 0);
    assert_ok(oriel_args_tensor(&args, make.tensor[0], ORIEL_INPUT));
    assert_ok(oriel_submit(orch, id[L2_COPY], &args, 0, NULL));
    args = args_of(part(&call->tensor, 2 * PTO_LINE_CELLS, CORES * PTO_LINE_CELLS), ORIEL_INOUT, 0);
    args.blocks = CORES;
    assert_ok(oriel_submit(orch, id[L2_STAMP], &args, 0, NULL));
    return ORIEL_OK;
}

static oriel_status level2_refused_function(oriel_orch *orch, void *user)
{
    const device_call *call = user;
    oriel_args args = args_of(call->tensor, ORIEL_INOUT, 0);
    oriel_domain *domain;
    assert_fails(oriel_submit_group(orch, call->f->id[L2_STEP], &args, NULL, 1, NULL), ORIEL_INVALID, "level-2");
    assert_fails(oriel_allocate_domain(orch, "one", NULL, 1, 0, exchange_buffers, 2, &domain), ORIEL_STATE, "one");
    args.blocks = CORES + 1;
    assert_fails(oriel_submit(orch, call->f->id[L2_STAMP], &args, 0, NULL), ORIEL_INVALID, "49");
    args.blocks = 1;
    assert_ok(oriel_args_until(&args, call->tensor, 0, 1));
    assert_fails(oriel_submit(orch, call->f->id[L2_STEP], &args, 0, NULL), ORIEL_INVALID, "completion conditions");
    return ORIEL_OK;
}

static void a_level_2_worker_runs_kernels(void **state)
{
    fixture *f = begin(state);
    start_level(f, 2, 1, &(oriel_worker_options){0}, level2_callables, L2_CALLABLES);
    for (int repeat = 0; repeat < 3; repeat++) {
        device_call call = call_of(f, 0, 0, 0);
        assert_ok(oriel_worker_run(f->worker, level2_function, &call, 0));
        assert_int_equal(line_of(&call, 0), 14);
        for (uint32_t block = 0; block < CORES; block++)
            assert_int_equal(line_of(&call, 2 + block), block + 1);
    }
}

static void a_level_2_worker_refuses_what_is_level_3(void **state)
{
    fixture *f = begin(state);
    oriel_worker *worker;
    oriel_callable_id id;
    static const int two[] = {0, 1}, one[] = {0};
    assert_fails(oriel_worker_create(2, "a2a3sim", two, 2, NULL, &worker), ORIEL_INVALID, "level-2");
    assert_ok(oriel_worker_create(2, "a2a3sim", one, 1, &(oriel_worker_options){.form = f->form}, &worker));
    assert_fails(oriel_worker_register(worker, &callables[CHAIN], &id), ORIEL_INVALID, "chain");
    oriel_worker_close(worker);
    start_level(f, 2, 1, &(oriel_worker_options){0}, level2_callables, L2_CALLABLES);
    device_call call = call_of(f, 0, 0, 0);
    assert_ok(oriel_worker_run(f->worker, level2_refused_function, &call, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH(a_kernel_gets_as_many_blocks_as_it_asks_for),
        IN_BOTH(more_blocks_than_cores_are_refused),
        IN_BOTH(blocks_meet_at_the_core_barrier),
        IN_BOTH(independent_kernels_run_beside_each_other),
        IN_BOTH(a_chain_through_tensors_runs_in_order),
        IN_BOTH(a_thousand_kernels_in_each_of_many_calls),
        IN_BOTH(a_full_ring_of_tasks_goes_on),
        IN_BOTH(temporaries_carry_data_between_kernels),
        IN_BOTH(scopes_give_temporaries_back),
        IN_BOTH(waiting_inside_a_device_has_a_deadline),
        IN_BOTH(a_kernel_inside_ends_at_the_deadline_of_its_task),
        IN_BOTH(a_condition_holds_a_task_and_what_depends_on_it),
        IN_BOTH(a_condition_that_never_holds_ends_with_the_deadline),
        IN_BOTH(a_fault_inside_poisons_what_depends_on_it),
        IN_BOTH(kernels_inside_devices_talk_to_peers),
        IN_BOTH(a_device_function_is_told_that_its_group_failed),
        IN_BOTH(what_a_device_cannot_do_is_refused),
        IN_BOTH(a_level_2_worker_runs_kernels),
        IN_BOTH(a_level_2_worker_refuses_what_is_level_3),
    };
    return cmocka_run_group_tests(tests, make_stage, remove_stage);
}
