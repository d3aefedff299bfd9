/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: every bad argument of a task is refused when it is added or submitted, with its value and the limit, and
 * the run is as good as before.
 */
#include "worker_test.h"

static void empty_kernel(pto_core *core)
{
    (void)core;
}

static oriel_status empty_on_host(const oriel_args *args)
{
    (void)args;
    return ORIEL_OK;
}

static const oriel_kernel empty[] = {{"empty", empty_kernel}};

enum { FREE, STRICT, ON_HOST, CALLABLES };
static const oriel_callable callables[] = {
    TEST_KERNEL("free", empty),
    {.name = "strict", .kernels = empty, .kernel_count = 1, .tensors = 2, .scalars = 1, .comms = 0},
    TEST_HOST("on host", empty_on_host)};

/* ---- Adding ----------------------------------------------------------------------------------------------------- */

static void bad_tensors_are_not_added(void **state)
{
    (void)state;
    float data[4];
    oriel_tensor good = oriel_tensor_1d(data, PTO_F32, 4), bad;
    oriel_args args = ORIEL_ARGS_INIT;
    bad = good;
    bad.dtype = PTO_DTYPE_COUNT;
    assert_fails(oriel_args_tensor(&args, bad, ORIEL_INPUT), ORIEL_INVALID, "tensor 0: there is no element type 10");
    bad = good;
    bad.dims = 0;
    assert_fails(oriel_args_tensor(&args, bad, ORIEL_INPUT), ORIEL_INVALID, "tensor 0: 0 dimensions, not 1 to 5");
    bad.dims = 6;
    assert_fails(oriel_args_tensor(&args, bad, ORIEL_INPUT), ORIEL_INVALID, "tensor 0: 6 dimensions, not 1 to 5");
    bad = (oriel_tensor){data, PTO_F32, 2, {4, 0, 0, 0, 0}};
    assert_fails(oriel_args_tensor(&args, bad, ORIEL_INPUT), ORIEL_INVALID, "no elements, its dimension 1 is 0");
    bad = (oriel_tensor){data, PTO_F32, 2, {UINT64_C(1) << 40, UINT64_C(1) << 40, 0, 0, 0}};
    assert_fails(oriel_args_tensor(&args, bad, ORIEL_INPUT), ORIEL_INVALID, "larger than the address space");
    bad = oriel_tensor_1d(NULL, PTO_F32, 4);
    assert_fails(oriel_args_tensor(&args, bad, ORIEL_INOUT), ORIEL_INVALID, "its data is NULL");
    assert_fails(oriel_args_tensor(&args, good, ORIEL_OUTPUT), ORIEL_INVALID, "ORIEL_OUTPUT_EXISTING is the tag");
    assert_fails(oriel_args_tensor(&args, good, (oriel_tag)9), ORIEL_INVALID, "there is no tag 9");
    assert_int_equal(args.tensors, 0);
    assert_ok(oriel_args_tensor(&args, bad, ORIEL_OUTPUT));
}

static void a_task_takes_so_many_arguments_and_no_more(void **state)
{
    (void)state;
    float data[4];
    oriel_args args = ORIEL_ARGS_INIT;
    for (int i = 0; i < ORIEL_MAX_TENSORS; i++)
        assert_ok(oriel_args_tensor(&args, oriel_tensor_1d(data, PTO_F32, 4), ORIEL_INPUT));
    assert_fails(oriel_args_tensor(&args, oriel_tensor_1d(data, PTO_F32, 4), ORIEL_INPUT), ORIEL_INVALID,
                 "at most 32 tensor arguments");
    for (int i = 0; i < ORIEL_MAX_SCALARS; i++)
        assert_ok(i % 2 ? oriel_args_i64(&args, i) : oriel_args_f64(&args, i));
    assert_fails(oriel_args_i64(&args, 1), ORIEL_INVALID, "at most 32 scalar arguments");
    for (int i = 0; i < ORIEL_MAX_COMMS; i++)
        assert_ok(oriel_args_comm(&args, (oriel_domain *)data));
    assert_fails(oriel_args_comm(&args, (oriel_domain *)data), ORIEL_INVALID, "at most 4 domain arguments");
    assert_fails(oriel_args_comm(&args, NULL), ORIEL_INVALID, "is NULL");
    for (int i = 0; i < ORIEL_MAX_DEPS; i++)
        assert_ok(oriel_args_after(&args, (oriel_task){1}));
    assert_fails(oriel_args_after(&args, (oriel_task){1}), ORIEL_INVALID, "at most 16 explicit dependencies");
    assert_fails(oriel_args_after(&args, (oriel_task){0}), ORIEL_INVALID, "task 0");
}

/* ---- Submitting ------------------------------------------------------------------------------------------------- */

static oriel_status submit_bad_tasks(oriel_orch *orch, void *user)
{
    (void)user;
    float data[4];
    oriel_tensor tensor = oriel_tensor_1d(data, PTO_F32, 4);
    oriel_args none = ORIEL_ARGS_INIT, args = ORIEL_ARGS_INIT;
    oriel_task task = {77};
    assert_fails(oriel_submit(orch, -1, &none, 0, &task), ORIEL_INVALID,
                 "callable -1 was never registered: there are 3");
    assert_fails(oriel_submit(orch, 3, &none, 0, &task), ORIEL_INVALID, "callable 3 was never registered");
    assert_fails(oriel_submit(orch, FREE, &none, 2, &task), ORIEL_INVALID, "no device of index 2, the worker has 2");
    assert_ok(oriel_args_tensor(&args, tensor, ORIEL_INPUT));
    assert_fails(oriel_submit(orch, STRICT, &args, 0, &task), ORIEL_INVALID,
                 "\"strict\" takes 2 tensors, it is given 1");
    assert_ok(oriel_args_tensor(&args, tensor, ORIEL_INPUT));
    assert_fails(oriel_submit(orch, STRICT, &args, 0, &task), ORIEL_INVALID,
                 "\"strict\" takes 1 scalars, it is given 0");
    assert_ok(oriel_args_i64(&args, 1));
    args.comms = 1;
    assert_fails(oriel_submit(orch, STRICT, &args, 0, &task), ORIEL_INVALID,
                 "\"strict\" takes 0 domains, it is given 1");
    assert_fails(oriel_submit(orch, FREE, &args, 0, &task), ORIEL_INVALID, "not a domain of this run");
    args.comms = 0;
    args.tensors = 33;
    assert_fails(oriel_submit(orch, FREE, &args, 0, &task), ORIEL_INVALID, "is given 33 tensors, at most 32");
    args.tensors = 2;
    args.blocks = 49;
    assert_fails(oriel_submit(orch, FREE, &args, 0, &task), ORIEL_INVALID, "49 blocks, a device has 48 vector cores");
    assert_int_equal(task.id, 77);
    args.blocks = 48;
    assert_ok(oriel_submit(orch, STRICT, &args, 0, &task));
    return oriel_submit(orch, ON_HOST, &none, 12345, NULL); /* a host function has no device */
}

static oriel_status submit_bad_groups(oriel_orch *orch, void *user)
{
    (void)user;
    static const uint32_t twice[] = {1, 1}, unknown[] = {0, 2}, any[] = {0, ORIEL_ANY_DEVICE};
    oriel_args args[3] = {ORIEL_ARGS_INIT, ORIEL_ARGS_INIT, ORIEL_ARGS_INIT};
    assert_fails(oriel_submit_group(orch, FREE, args, twice, 2, NULL), ORIEL_INVALID,
                 "device index 1 is in the group twice");
    assert_fails(oriel_submit_group(orch, FREE, args, unknown, 2, NULL), ORIEL_INVALID, "no device of index 2");
    assert_fails(oriel_submit_group(orch, FREE, args, any, 2, NULL), ORIEL_INVALID, "no device of index 4294967295");
    assert_fails(oriel_submit_group(orch, FREE, args, NULL, 0, NULL), ORIEL_INVALID, "a group of 0 tasks");
    assert_fails(oriel_submit_group(orch, FREE, args, NULL, 3, NULL), ORIEL_INVALID,
                 "a group of 3 tasks, the worker has 2 devices");
    assert_fails(oriel_submit_group(orch, FREE, args, NULL, UINT32_MAX, NULL), ORIEL_INVALID, "a group of 4294967295");
    assert_fails(oriel_submit_group(orch, ON_HOST, args, NULL, 2, NULL), ORIEL_INVALID,
                 "\"on host\" is a host function");
    args[1].blocks = 100;
    assert_fails(oriel_submit_group(orch, FREE, args, NULL, 2, NULL), ORIEL_INVALID, "100 blocks");
    args[1].blocks = 1;
    return oriel_submit_group(orch, FREE, args, NULL, 2, NULL);
}

static void bad_tasks_are_refused(void **state)
{
    oriel_worker *worker = test_start(2, &(oriel_worker_options){.form = test_form(state)}, callables, CALLABLES);
    assert_ok(oriel_worker_run(worker, submit_bad_tasks, NULL, 0));
    assert_ok(oriel_worker_run(worker, submit_bad_groups, NULL, 0));
    oriel_worker_close(worker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_tensors_are_not_added),
        cmocka_unit_test(a_task_takes_so_many_arguments_and_no_more),
        TEST_IN_BOTH_FORMS(bad_tasks_are_refused),
    };
    return cmocka_run_group_tests_name("arguments", tests, NULL, NULL);
}
