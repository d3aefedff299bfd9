/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that ask for the odd, the huge, the tiny and the wrong. What these tests protect: each gets an answer, in time,
 * and the worker is as good as before.
 */
#include <math.h>
#include <sys/time.h>

#include "fixture.h"

/* ---- Callables -------------------------------------------------------------------------------------------------- */

/* Tensor 0 <- tensor 1, as bytes. */
static void copy_bytes(pto_core *core)
{
    pto_global to = pto_arg_tensor(core, 0), from = pto_arg_tensor(core, 1);
    for (uint64_t i = 0; i < pto_global_count(from); i++)
        pto_store_u8(core, to.addr + i, pto_load_u8(core, from.addr + i));
    pto_dcci_all(core);
}

/* Tensor 0, element 0: waits until it is 1. */
static void await(pto_core *core)
{
    pto_twait(core, pto_cell(pto_arg_tensor(core, 0).addr), 1, PTO_EQ);
}

static void nothing(pto_core *core)
{
    (void)core;
}

static oriel_status host_count(const oriel_args *args)
{
    ++*(int32_t *)args->tensor[0].data;
    return ORIEL_OK;
}

/* Returns scalar 0. */
static oriel_status host_returns(const oriel_args *args)
{
    return (oriel_status)args->scalar[0];
}

static oriel_status device_returns(oriel_orch *orch, const oriel_args *args)
{
    (void)orch;
    return (oriel_status)args->scalar[0];
}

enum { MEET, COUNT, COPY_BYTES, AWAIT, NOTHING, HOST_COUNT, HOST_RETURNS, DEVICE_RETURNS, CALLABLES };

static const oriel_kernel kernels[] = {
    {"meet", meet_kernel}, {"count", count_kernel}, {"copy_bytes", copy_bytes}, {"await", await}, {"nothing", nothing},
};

static const oriel_callable callables[CALLABLES] = {
    [MEET] = TEST_KERNEL("meet", &kernels[MEET]),
    [COUNT] = TEST_KERNEL("count", &kernels[COUNT]),
    [COPY_BYTES] = TEST_KERNEL("copy_bytes", &kernels[COPY_BYTES]),
    [AWAIT] = TEST_KERNEL("await", &kernels[AWAIT]),
    [NOTHING] = TEST_KERNEL("nothing", &kernels[NOTHING]),
    [HOST_COUNT] = TEST_HOST("host_count", host_count),
    [HOST_RETURNS] = TEST_HOST("host_returns", host_returns),
    [DEVICE_RETURNS] = TEST_DEVICE("device_returns", device_returns, kernels),
};

static void start(fixture *f, uint32_t devices, const oriel_worker_options *options)
{
    start_level(f, 3, devices, options, callables, CALLABLES);
}

/* A run of a function with something of the test's own. */
struct job {
    fixture *f;
    oriel_tensor tensor, other;
    int64_t number;
};

static oriel_status submit_count(oriel_orch *orch, const struct job *job, int callable, oriel_tensor tensor,
                                 uint32_t device)
{
    oriel_args args = ORIEL_ARGS_INIT;
    TRY(oriel_args_tensor(&args, tensor, ORIEL_INOUT));
    return oriel_submit(orch, job->f->id[callable], &args, device, NULL);
}

static oriel_status count_function(oriel_orch *orch, void *user)
{
    const struct job *job = user;
    for (uint32_t device = 0; device < oriel_orch_devices(orch); device++)
        TRY(submit_count(orch, job, COUNT, job->tensor, device));
    return ORIEL_OK;
}

/* Each device adds one. */
static void assert_healthy(fixture *f, int32_t devices)
{
    struct job job = {.f = f, .tensor = shared_i32(f, 1)};
    assert_ok(oriel_worker_run(f->worker, count_function, &job, 0));
    assert_int_equal(*cells_of(&job.tensor), devices);
    assert_ok(oriel_worker_free(f->worker, &job.tensor));
}

/* ---- Many ------------------------------------------------------------------------------------------------------- */

static oriel_status meet_function(oriel_orch *orch, void *user)
{
    const struct job *job = user;
    for (int i = 0; i < job->number; i++) {
        oriel_domain *domain = allocate_signals(orch, "all", NULL, oriel_orch_devices(orch));
        assert_ok(submit_to_domain(orch, job->f->id[MEET], domain, 3, 0, NULL));
        assert_ok(oriel_release_domain(orch, domain));
    }
    return ORIEL_OK;
}

static void sixty_four_ranks_meet(void **state)
{
    fixture *f = begin(state);
    start(f, 64, &(oriel_worker_options){0});
    struct job job = {.f = f, .number = 5};
    assert_ok(oriel_worker_run(f->worker, meet_function, &job, 0));
    assert_healthy(f, 64);
}

/* Windows are given back while the run goes on: all of them at once would not fit. */
static void a_thousand_domains_in_a_small_arena(void **state)
{
    fixture *f = begin(state);
    start(f, 3, &(oriel_worker_options){.arena_bytes = 2 << 20, .task_slots = 8, .temporary_bytes = 4096});
    struct job job = {.f = f, .number = 1000};
    assert_ok(oriel_worker_run(f->worker, meet_function, &job, 0));
    assert_healthy(f, 3);
}

/* Domain i: devices i, i+1, i+2, in this order and in the other. */
static oriel_status overlap_function(oriel_orch *orch, void *user)
{
    const struct job *job = user;
    uint32_t devices = oriel_orch_devices(orch);
    for (uint32_t i = 0; i < 40; i++) {
        uint32_t members[] = {i % devices, (i + 1) % devices, (i + 2) % devices};
        if (i % 2)
            members[0] = (i + 2) % devices, members[2] = i % devices;
        oriel_domain *domain = allocate_signals(orch, "three", members, 3);
        assert_ok(submit_to_domain(orch, job->f->id[MEET], domain, 5, 0, NULL));
        assert_ok(submit_to_domain(orch, job->f->id[MEET], allocate_signals(orch, "more", members, 2), 5, 0, NULL));
        TRY(submit_count(orch, job, COUNT, job->tensor, members[0]));
    }
    return ORIEL_OK;
}

static void many_overlapping_domains_in_a_tiny_ring(void **state)
{
    fixture *f = begin(state);
    for (uint32_t slots = 1; slots <= 9; slots += 4) {
        start(f, 5, &(oriel_worker_options){.task_slots = slots});
        struct job job = {.f = f, .tensor = shared_i32(f, 1)};
        assert_ok(oriel_worker_run(f->worker, overlap_function, &job, 0));
        assert_int_equal(*cells_of(&job.tensor), 40);
        stop(f);
    }
}

static long resident_bytes(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_int_equal(fscanf(file, "%*d %ld", &pages), 1);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static oriel_status mixed_groups_function(oriel_orch *orch, void *user)
{
    const struct job *job = user;
    static oriel_args args[8];
    oriel_task task;
    for (int i = 0; i < job->number; i++)
        for (uint32_t k = 0; k < 2; k++) {
            TRY(oriel_submit_group(orch, job->f->id[NOTHING], args, NULL, k == 0 ? 8 : 2, &task));
            TRY(oriel_task_wait(orch, task, -1));
        }
    return ORIEL_OK;
}

/* A small group's memory is no use to a large one: they would push each other's aside. */
static void groups_of_mixed_size_take_no_more_memory(void **state)
{
    fixture *f = begin(state);
    start(f, 8, &(oriel_worker_options){0});
    struct job job = {.f = f, .number = 100};
    assert_ok(oriel_worker_run(f->worker, mixed_groups_function, &job, 0));
    long before = resident_bytes();
    job.number = 1000;
    assert_ok(oriel_worker_run(f->worker, mixed_groups_function, &job, 0));
    assert_true(resident_bytes() - before < 6 << 20);
}

static void workers_come_and_go(void **state)
{
    fixture *f = begin(state);
    for (int i = 0; i < 60; i++) {
        start(f, 1 + (uint32_t)i % 4, &(oriel_worker_options){.sub_workers = 1 + (uint32_t)i % 3});
        if (i % 3)
            assert_healthy(f, 1 + i % 4);
        stop(f);
    }
}

/* ---- Tensors ---------------------------------------------------------------------------------------------------- */

static oriel_status try_tensor(oriel_orch *orch, const struct job *job, void *data, uint64_t bytes)
{
    return submit_count(orch, job, HOST_COUNT, oriel_tensor_1d(data, PTO_U8, bytes), 0);
}

static oriel_status leaving_tensors_function(oriel_orch *orch, void *user)
{
    const struct job *job = user;
    char *first = job->tensor.data, *last = job->other.data;
    TRY(try_tensor(orch, job, first, 4096));
    TRY(try_tensor(orch, job, first + 4032, 64));
    assert_fails(try_tensor(orch, job, first, 4097), ORIEL_INVALID, "has 4097 B");
    assert_non_null(strstr(oriel_last_error(), "has 4096 B"));
    assert_fails(try_tensor(orch, job, first + 4032, 65), ORIEL_INVALID, "has 64 B");
    assert_fails(try_tensor(orch, job, last, 100 << 20), ORIEL_INVALID, "has 8192 B");
    assert_fails(try_tensor(orch, job, last + 8192, 1), ORIEL_INVALID, "has 0 B"); /* nobody's */
    return ORIEL_OK;
}

/* A tensor larger than its memory would reach the next one, or leave the arena. */
static void tensors_that_leave_their_memory(void **state)
{
    fixture *f = begin(state);
    start(f, 1, &(oriel_worker_options){0});
    struct job job = {.f = f, .tensor = shared_i32(f, 1024), .other = shared_i32(f, 2048)};
    assert_ok(oriel_worker_run(f->worker, leaving_tensors_function, &job, 0));
    assert_healthy(f, 1);
}

static oriel_status overlapping_tensors_function(oriel_orch *orch, void *user)
{
    const struct job *job = user;
    oriel_tensor whole = job->tensor, half = oriel_tensor_1d(whole.data, PTO_I32, 8);
    for (int i = 0; i < 10; i++) {
        oriel_args args[2] = {ORIEL_ARGS_INIT, ORIEL_ARGS_INIT};
        TRY(oriel_args_tensor(&args[0], whole, ORIEL_INOUT));
        TRY(oriel_args_tensor(&args[0], half, ORIEL_INPUT));
        TRY(oriel_args_tensor(&args[0], half, ORIEL_OUTPUT_EXISTING));
        TRY(oriel_args_tensor(&args[0], whole, ORIEL_INPUT));
        TRY(oriel_submit(orch, job->f->id[COUNT], &args[0], 0, NULL));
        /* A group whose members name the same memory: they run beside each other, the second changes other elements. */
        TRY(oriel_args_tensor(&args[1], job->other, ORIEL_INOUT));
        TRY(oriel_args_tensor(&args[1], whole, ORIEL_INOUT));
        TRY(oriel_submit_group(orch, job->f->id[COUNT], args, NULL, 2, NULL));
    }
    return ORIEL_OK;
}

/* A task does not wait for itself. */
static void a_task_with_overlapping_tensors(void **state)
{
    fixture *f = begin(state);
    start(f, 2, &(oriel_worker_options){0});
    struct job job = {.f = f, .tensor = shared_i32(f, 16), .other = shared_i32(f, 4)};
    assert_ok(oriel_worker_run(f->worker, overlapping_tensors_function, &job, 5));
    for (int i = 0; i < 16; i++)
        assert_int_equal(cells_of(&job.tensor)[i], 20);
    for (int i = 0; i < 4; i++)
        assert_int_equal(cells_of(&job.other)[i], 10);
}

static oriel_status unaligned_function(oriel_orch *orch, void *user)
{
    const struct job *job = user;
    oriel_args args = ORIEL_ARGS_INIT;
    TRY(oriel_args_tensor(&args, job->other, ORIEL_INOUT));
    TRY(oriel_args_tensor(&args, job->tensor, ORIEL_INPUT));
    TRY(oriel_submit(orch, job->f->id[COPY_BYTES], &args, 1, NULL));
    return submit_count(orch, job, COUNT, oriel_tensor_1d((char *)job->other.data + 1, PTO_I32, 2), 0);
}

static void memory_of_ones_own_at_odd_addresses(void **state)
{
    fixture *f = begin(state);
    start(f, 2, &(oriel_worker_options){0});
    char from[12] = "?\1\2\3\4\5\6\7\10\11\12", to[12] = "?..........";
    struct job job = {
        .f = f, .tensor = oriel_tensor_1d(from + 1, PTO_U8, 9), .other = oriel_tensor_1d(to + 1, PTO_U8, 9)};
    assert_ok(oriel_worker_run(f->worker, unaligned_function, &job, 0));
    assert_memory_equal(to, "?\1\3\3\4\5\7\7\10\11.", 12);
}

static oriel_status larger_than_arena_function(oriel_orch *orch, void *user)
{
    const struct job *job = user;
    oriel_task large, after;
    oriel_args args = ORIEL_ARGS_INIT;
    TRY(oriel_args_tensor(&args, job->tensor, ORIEL_OUTPUT_EXISTING));
    TRY(oriel_submit(orch, job->f->id[NOTHING], &args, 0, &large));
    TRY(oriel_submit(orch, job->f->id[NOTHING], &args, 0, &after));
    assert_int_equal(oriel_task_wait(orch, large, -1), ORIEL_NO_MEMORY);
    assert_int_equal(oriel_task_wait(orch, after, -1), ORIEL_POISONED);
    oriel_buffer buffer = {"large", PTO_I64, 16 << 20};
    oriel_domain *domain;
    assert_fails(oriel_allocate_domain(orch, "wide", NULL, 2, 0, &buffer, 1, &domain), ORIEL_NO_MEMORY, "no room");
    oriel_args temporary = ORIEL_ARGS_INIT;
    TRY(oriel_args_tensor(&temporary, oriel_tensor_1d(NULL, PTO_I64, 16 << 20), ORIEL_OUTPUT));
    assert_fails(oriel_submit(orch, job->f->id[NOTHING], &temporary, 0, NULL), ORIEL_NO_MEMORY, "134217728");
    return ORIEL_OK;
}

static void what_is_larger_than_the_arena(void **state)
{
    fixture *f = begin(state);
    start(f, 2, &(oriel_worker_options){.arena_bytes = 16 << 20});
    static char large[32 << 20];
    struct job job = {.f = f, .tensor = oriel_tensor_1d(large, PTO_U8, sizeof large)};
    oriel_tensor tensor;
    assert_fails(oriel_worker_alloc(f->worker, PTO_U8, 32 << 20, &tensor), ORIEL_NO_MEMORY, "33554432");
    assert_fails(oriel_worker_alloc(f->worker, PTO_I64, UINT64_MAX / 8, &tensor), ORIEL_INVALID, "");
    assert_int_equal(oriel_worker_run(f->worker, larger_than_arena_function, &job, 0), ORIEL_NO_MEMORY);
    assert_healthy(f, 2);
}

/* ---- Options ---------------------------------------------------------------------------------------------------- */

static void arenas_too_small_for_a_worker(void **state)
{
    fixture *f = begin(state);
    static const int numbers[] = {0, 1, 2};
    static const uint64_t sizes[] = {1, 4096, 65536, 200000, 1 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        oriel_worker_options options = {.form = f->form, .arena_bytes = sizes[i]};
        oriel_status status = oriel_worker_create(3, "a2a3sim", numbers, 3, &options, &f->worker);
        assert_true(status == ORIEL_OK || status == ORIEL_NO_MEMORY);
        if (status == ORIEL_OK)
            stop(f);
    }
    assert_nothing_left(&f->before);
}

static oriel_status submit_to_all(oriel_orch *orch, const struct job *job, int callable)
{
    oriel_domain *domain = allocate_signals(orch, "all", NULL, oriel_orch_devices(orch));
    return submit_to_domain(orch, job->f->id[callable], domain, 1, 0, NULL);
}

static oriel_status one_group_function(oriel_orch *orch, void *user)
{
    return submit_to_all(orch, user, MEET);
}

static oriel_status await_function(oriel_orch *orch, void *user)
{
    const struct job *job = user;
    return submit_count(orch, job, AWAIT, job->tensor, 0);
}

/* Endless, in whichever way that is said. */
static void deadlines_that_never_come(void **state)
{
    fixture *f = begin(state);
    static const double long_times[] = {-1, -1e300, -INFINITY, INFINITY, 1e300, 1e10, 9.3e9};
    for (size_t i = 0; i < sizeof long_times / sizeof *long_times; i++) {
        start(f, 2, &(oriel_worker_options){.timeout_s = long_times[i]});
        struct job job = {.f = f};
        assert_ok(oriel_worker_run(f->worker, one_group_function, &job, 0));
        assert_ok(oriel_worker_run(f->worker, one_group_function, &job, long_times[i]));
        stop(f);
    }
}

static void deadlines_that_have_passed(void **state)
{
    fixture *f = begin(state);
    static const double short_times[] = {1e-300, 1e-12, 1e-9, 1e-6};
    start(f, 2, &(oriel_worker_options){0});
    for (size_t i = 0; i < sizeof short_times / sizeof *short_times; i++) {
        struct job job = {.f = f, .tensor = shared_i32(f, 1)};
        double begin_s = now_s();
        assert_int_equal(oriel_worker_run(f->worker, await_function, &job, short_times[i]), ORIEL_TIMEOUT);
        assert_true(now_s() - begin_s < 0.9);
        assert_healthy(f, 2);
    }
}

static void numbers_that_are_none(void **state)
{
    fixture *f = begin(state);
    int number = 0;
    oriel_worker_options options = {.form = f->form, .timeout_s = NAN};
    assert_fails(oriel_worker_create(3, "a2a3sim", &number, 1, &options, &f->worker), ORIEL_INVALID, "nan");
    start(f, 1, &(oriel_worker_options){0});
    struct job job = {.f = f};
    assert_fails(oriel_worker_run(f->worker, one_group_function, &job, NAN), ORIEL_INVALID, "nan");
    assert_healthy(f, 1);
    stop(f);
    options = (oriel_worker_options){.form = (oriel_device_form)7};
    assert_fails(oriel_worker_create(3, "a2a3sim", &number, 1, &options, &f->worker), ORIEL_INVALID, "7");
    f->worker = NULL;
}

/* ---- Values ----------------------------------------------------------------------------------------------------- */

static oriel_status returns_function(oriel_orch *orch, void *user)
{
    const struct job *job = user;
    oriel_args args = ORIEL_ARGS_INIT;
    TRY(oriel_args_i64(&args, job->number % 1000));
    return oriel_submit(orch, job->f->id[job->number < 1000 ? HOST_RETURNS : DEVICE_RETURNS], &args, 0, NULL);
}

/* Functions may return anything; what is no failure of their own is an error all the same. */
static void functions_that_return_no_status(void **state)
{
    fixture *f = begin(state);
    start(f, 1, &(oriel_worker_options){0});
    static const int64_t values[] = {ORIEL_ABORTED, ORIEL_POISONED, ORIEL_STATUS_COUNT, 999};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char message[64];
        snprintf(message, sizeof message, "it returned %d", (int)values[i]);
        struct job job = {.f = f, .number = values[i]};
        assert_fails(oriel_worker_run(f->worker, returns_function, &job, 0), ORIEL_INVALID, message);
        assert_non_null(strstr(oriel_last_error(), "host_returns"));
        job.number += 1000;
        assert_fails(oriel_worker_run(f->worker, returns_function, &job, 0), ORIEL_INVALID, message);
        assert_non_null(strstr(oriel_last_error(), "device_returns"));
        assert_healthy(f, 1);
    }
}

static oriel_status tampered_function(oriel_orch *orch, void *user)
{
    const struct job *job = user;
    oriel_callable_id id = job->f->id[NOTHING];
    oriel_args args = ORIEL_ARGS_INIT;
    args.tensors = ORIEL_MAX_TENSORS + 1;
    assert_fails(oriel_submit(orch, id, &args, 0, NULL), ORIEL_INVALID, "33 tensors");
    args = (oriel_args){.scalars = UINT32_MAX};
    assert_fails(oriel_submit(orch, id, &args, 0, NULL), ORIEL_INVALID, "4294967295 scalars");
    args = (oriel_args){.deps = ORIEL_MAX_DEPS + 1};
    assert_fails(oriel_submit(orch, id, &args, 0, NULL), ORIEL_INVALID, "17 dependencies");
    args = (oriel_args){.comms = ORIEL_MAX_COMMS + 1};
    assert_fails(oriel_submit(orch, id, &args, 0, NULL), ORIEL_INVALID, "5 domains");
    args = (oriel_args)ORIEL_ARGS_INIT;
    assert_fails(oriel_submit(orch, CALLABLES, &args, 0, NULL), ORIEL_INVALID, "8");
    assert_fails(oriel_submit(orch, -1, &args, 0, NULL), ORIEL_INVALID, "-1");
    assert_fails(oriel_submit(orch, id, &args, 2, NULL), ORIEL_INVALID, "2");
    assert_fails(oriel_submit_group(orch, id, &args, NULL, 0, NULL), ORIEL_INVALID, "0");
    assert_fails(oriel_submit_group(orch, id, &args, NULL, UINT32_MAX, NULL), ORIEL_INVALID, "4294967295");
    oriel_args two[2] = {ORIEL_ARGS_INIT, ORIEL_ARGS_INIT};
    assert_fails(oriel_submit_group(orch, id, two, (const uint32_t[]){1, 1}, 2, NULL), ORIEL_INVALID, "1");
    assert_fails(oriel_submit_group(orch, id, two, (const uint32_t[]){1, ORIEL_ANY_DEVICE}, 2, NULL), ORIEL_INVALID,
                 "device");
    assert_fails(oriel_task_wait(orch, (oriel_task){77}, -1), ORIEL_INVALID, "77");
    assert_fails(oriel_scope_end(orch), ORIEL_STATE, "scope");
    args.dep[args.deps++].id = 77;
    assert_fails(oriel_submit(orch, id, &args, 0, NULL), ORIEL_INVALID, "77");
    assert_fails(oriel_submit(orch, id, NULL, 0, NULL), ORIEL_INVALID, "NULL");
    assert_fails(oriel_submit_group(orch, id, NULL, NULL, 2, NULL), ORIEL_INVALID, "NULL");
    assert_fails(oriel_release_domain(orch, NULL), ORIEL_INVALID, "domain");
    oriel_domain *domain = NULL;
    assert_fails(oriel_allocate_domain(orch, NULL, NULL, 2, 0, NULL, 1, &domain), ORIEL_INVALID, "name");
    assert_fails(oriel_allocate_domain(orch, "none", NULL, 2, 0, NULL, 1, &domain), ORIEL_INVALID, "buffer");
    assert_fails(oriel_args_comm(&args, NULL), ORIEL_INVALID, "NULL");
    return ORIEL_OK;
}

static void arguments_that_cannot_be(void **state)
{
    fixture *f = begin(state);
    oriel_callable_id none;
    assert_fails(oriel_worker_create(3, "a2a3sim", NULL, 1, NULL, &f->worker), ORIEL_INVALID, "NULL");
    assert_fails(oriel_worker_create(3, NULL, NULL, 1, NULL, &f->worker), ORIEL_INVALID, "platform");
    int number = 0;
    assert_ok(oriel_worker_create(3, "a2a3sim", &number, 1, NULL, &f->worker));
    assert_fails(oriel_worker_register(f->worker, NULL, &none), ORIEL_INVALID, "callable");
    assert_fails(oriel_worker_free(f->worker, NULL), ORIEL_INVALID, "tensor");
    assert_fails(oriel_worker_run(f->worker, NULL, NULL, 0), ORIEL_INVALID, "function");
    stop(f);
    start(f, 2, &(oriel_worker_options){0});
    struct job job = {.f = f};
    assert_ok(oriel_worker_run(f->worker, tampered_function, &job, 0));
    assert_healthy(f, 2);
}

static void trap(pto_core *core)
{
    pto_trap(core, "a trap");
}

static oriel_status trap_function(oriel_orch *orch, void *user)
{
    const struct job *job = user;
    return submit_to_all(orch, job, 0);
}

/* What matters most in a message comes first, and what does not fit is cut off. */
static void a_name_longer_than_any_message(void **state)
{
    fixture *f = begin(state);
    static char name[8192];
    memset(name, 'n', sizeof name - 1);
    const oriel_kernel kernel = {name, trap};
    const oriel_callable callable = TEST_KERNEL(name, &kernel);
    start_level(f, 3, 16, &(oriel_worker_options){0}, &callable, 1);
    struct job job = {.f = f};
    assert_fails(oriel_worker_run(f->worker, trap_function, &job, 0), ORIEL_FAULT, "hostile.c:");
    assert_non_null(strstr(oriel_last_error(), "a trap"));
}

/* ---- The program around ----------------------------------------------------------------------------------------- */

static oriel_status close_function(oriel_orch *orch, void *user)
{
    const struct job *job = user;
    oriel_worker_close(job->f->worker);
    return submit_count(orch, job, COUNT, job->tensor, 0);
}

static void a_worker_closed_in_its_run_stays_open(void **state)
{
    fixture *f = begin(state);
    start(f, 1, &(oriel_worker_options){0});
    struct job job = {.f = f, .tensor = shared_i32(f, 1)};
    assert_ok(oriel_worker_run(f->worker, close_function, &job, 0));
    assert_int_equal(*cells_of(&job.tensor), 1);
    assert_healthy(f, 1);
}

static void on_alarm(int signal_number)
{
    (void)signal_number;
}

/* Signals interrupt every wait now and then. */
static void a_program_with_a_timer(void **state)
{
    fixture *f = begin(state);
    struct sigaction action = {.sa_handler = on_alarm}, old;
    struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    assert_int_equal(sigaction(SIGALRM, &action, &old), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
    for (int i = 0; i < 5; i++) {
        start(f, 3, &(oriel_worker_options){0});
        struct job job = {.f = f, .number = 50};
        assert_ok(oriel_worker_run(f->worker, meet_function, &job, 0));
        assert_healthy(f, 3);
        stop(f);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &old, NULL);
}

/* Children are reaped without the worker's doing. */
static void a_program_that_ignores_its_children(void **state)
{
    fixture *f = begin(state);
    struct sigaction action = {.sa_handler = SIG_IGN}, old;
    assert_int_equal(sigaction(SIGCHLD, &action, &old), 0);
    start(f, 3, &(oriel_worker_options){0});
    assert_healthy(f, 3);
    stop(f);
    assert_nothing_left(&f->before);
    sigaction(SIGCHLD, &old, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH(sixty_four_ranks_meet),
        IN_BOTH(a_thousand_domains_in_a_small_arena),
        IN_BOTH(many_overlapping_domains_in_a_tiny_ring),
        IN_PROCESSES(groups_of_mixed_size_take_no_more_memory),
        IN_BOTH(workers_come_and_go),
        IN_BOTH(tensors_that_leave_their_memory),
        IN_BOTH(a_task_with_overlapping_tensors),
        IN_BOTH(memory_of_ones_own_at_odd_addresses),
        IN_BOTH(what_is_larger_than_the_arena),
        IN_BOTH(arenas_too_small_for_a_worker),
        IN_BOTH(deadlines_that_never_come),
        IN_BOTH(deadlines_that_have_passed),
        IN_BOTH(numbers_that_are_none),
        IN_BOTH(functions_that_return_no_status),
        IN_BOTH(arguments_that_cannot_be),
        IN_BOTH(a_name_longer_than_any_message),
        IN_BOTH(a_worker_closed_in_its_run_stays_open),
        IN_BOTH(a_program_with_a_timer),
        IN_BOTH(a_program_that_ignores_its_children),
    };
    return cmocka_run_group_tests(tests, make_stage, remove_stage);
}
