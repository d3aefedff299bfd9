/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: the life of a worker. What is refused is refused with the value and the limit, before anything has
 * happened; calls at the wrong moment are refused; what was allocated is good for all devices; several workers get
 * along.
 */
#include "worker_test.h"

#include <pthread.h>

static void empty_kernel(pto_core *core)
{
    (void)core;
}

static oriel_status empty_on_host(const oriel_args *args)
{
    (void)args;
    return ORIEL_OK;
}

static oriel_status empty_function(oriel_orch *orch, const oriel_args *args)
{
    (void)orch, (void)args;
    return ORIEL_OK;
}

static const oriel_kernel empty[] = {{"empty", empty_kernel}};
static const oriel_kernel two[] = {{"first", empty_kernel}, {"second", empty_kernel}};

/* ---- Create ----------------------------------------------------------------------------------------------------- */

static oriel_worker *untouched = (oriel_worker *)&empty;

static oriel_status create(int level, const char *platform, const int *devices, uint32_t count)
{
    oriel_worker *worker = untouched;
    oriel_status status = oriel_worker_create(level, platform, devices, count, NULL, &worker);
    if (status != ORIEL_OK)
        assert_ptr_equal(worker, untouched);
    else
        oriel_worker_close(worker);
    return status;
}

static void bad_workers_are_refused(void **state)
{
    (void)state;
    static const int devices[] = {0, 1, 5, 1}, negative[] = {0, -1}, large[] = {64};
    static int many[65];
    for (int i = 0; i < 65; i++)
        many[i] = i;
    assert_fails(create(1, "a2a3sim", devices, 2), ORIEL_INVALID, "no level 1");
    assert_fails(create(3, "a4sim", devices, 2), ORIEL_INVALID,
                 "unknown platform \"a4sim\"; there are: a2a3sim, a5sim, a2a3");
    assert_fails(create(3, NULL, devices, 2), ORIEL_INVALID, "needs a platform");
    assert_fails(create(3, "a2a3", devices, 2), ORIEL_UNAVAILABLE, "libascendcl.so");
    assert_fails(create(3, "a2a3sim", devices, 0), ORIEL_INVALID, "at least one device");
    assert_fails(create(3, "a2a3sim", devices, 4), ORIEL_INVALID, "device 1 is given twice");
    assert_fails(create(3, "a2a3sim", negative, 2), ORIEL_INVALID, "no device -1: devices are 0 to 63");
    assert_fails(create(3, "a2a3sim", large, 1), ORIEL_INVALID, "no device 64");
    assert_fails(create(3, "a2a3sim", many, 65), ORIEL_INVALID, "65 devices: a2a3sim has at most 64");
    assert_fails(create(2, "a2a3sim", devices, 2), ORIEL_INVALID, "a level-2 worker has one device, not 2");
    assert_ok(create(3, "a2a3sim", many, 64));
    assert_ok(create(2, "a5sim", devices, 1));
}

static void rings_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const int devices[] = {0};
    oriel_worker_options options = {.arena_bytes = UINT64_C(1) << 30, .temporary_bytes = UINT64_C(1) << 31};
    oriel_worker *worker;
    assert_fails(oriel_worker_create(3, "a2a3sim", devices, 1, &options, &worker), ORIEL_NO_MEMORY, "2147483648 B");
}

/* ---- Register --------------------------------------------------------------------------------------------------- */

static void bad_callables_are_refused(void **state)
{
    (void)state;
    static const int devices[] = {0};
    static const oriel_kernel nameless[] = {{NULL, empty_kernel}}, hollow[] = {{"hollow", NULL}};
    static const struct {
        oriel_callable callable;
        const char *message;
    } cases[] = {
        {{.host = empty_on_host}, "needs a name"},
        {{.name = "", .host = empty_on_host}, "needs a name"},
        {{.name = "x"}, "\"x\" has neither a host function nor kernels"},
        {{.name = "x", .host = empty_on_host, .device = empty_function}, "\"x\" is a host function and something else"},
        {{.name = "x", .host = empty_on_host, .kernels = empty, .kernel_count = 1}, "and something else"},
        {{.name = "x", .device = empty_function}, "neither a host function nor kernels"},
        {{.name = "x", .kernels = two, .kernel_count = 2}, "\"x\" has 2 kernels and no device function"},
        {{.name = "x", .kernels = nameless, .kernel_count = 1}, "its kernel 0 has no name"},
        {{.name = "x", .kernels = hollow, .kernel_count = 1}, "its kernel 0 has no function"},
    };
    oriel_callable device = TEST_DEVICE("device", empty_function, two);
    oriel_callable_id id = -7;
    oriel_worker *worker;
    assert_ok(oriel_worker_create(3, "a2a3sim", devices, 1, NULL, &worker));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_fails(oriel_worker_register(worker, &cases[i].callable, &id), ORIEL_INVALID, cases[i].message);
    assert_int_equal(id, -7);
    assert_ok(oriel_worker_register(worker, &device, &id));
    assert_int_equal(id, 0);
    oriel_worker_close(worker);
    assert_ok(oriel_worker_create(2, "a2a3sim", devices, 1, NULL, &worker));
    assert_fails(oriel_worker_register(worker, &device, &id), ORIEL_INVALID,
                 "\"device\": the tasks of a level-2 worker");
    oriel_worker_close(worker);
}

/* ---- The wrong moment ------------------------------------------------------------------------------------------- */

static oriel_status nothing(oriel_orch *orch, void *user)
{
    *(oriel_orch **)user = orch;
    return ORIEL_OK;
}

static oriel_status run_inside(oriel_orch *orch, void *user)
{
    assert_int_equal(oriel_orch_devices(orch), 2);
    assert_fails(oriel_worker_run(user, nothing, NULL, 0), ORIEL_STATE, "in a run already");
    return ORIEL_OK;
}

static void calls_at_the_wrong_moment_are_refused(void **state)
{
    static const int devices[] = {0, 1};
    oriel_callable callable = TEST_KERNEL("empty", empty);
    oriel_worker_options options = {.form = test_form(state)};
    oriel_worker *worker;
    oriel_callable_id id;
    oriel_orch *orch;
    oriel_args args = ORIEL_ARGS_INIT;
    oriel_tensor tensor;
    assert_ok(oriel_worker_create(3, "a2a3sim", devices, 2, &options, &worker));
    assert_fails(oriel_worker_run(worker, nothing, &orch, 0), ORIEL_STATE, "before oriel_worker_init");
    assert_ok(oriel_worker_register(worker, &callable, &id));
    assert_ok(oriel_worker_init(worker));
    assert_fails(oriel_worker_init(worker), ORIEL_STATE, "initialised before");
    assert_fails(oriel_worker_register(worker, &callable, &id), ORIEL_STATE, "before oriel_worker_init");
    assert_ok(oriel_worker_run(worker, run_inside, worker, 0));
    assert_ok(oriel_worker_run(worker, nothing, &orch, 0));
    oriel_domain *domain;
    oriel_buffer buffer = {"b", PTO_I32, 1};
    for (int closed = 0; closed < 2; closed++) {
        assert_fails(oriel_submit(orch, id, &args, 0, NULL), ORIEL_STATE, "this one has ended");
        assert_fails(oriel_task_wait(orch, (oriel_task){1}, 0), ORIEL_STATE, "has ended");
        assert_fails(oriel_scope_begin(orch), ORIEL_STATE, "has ended");
        assert_fails(oriel_allocate_domain(orch, "d", NULL, 2, 0, &buffer, 1, &domain), ORIEL_STATE, "inside a run");
        if (!closed)
            oriel_worker_close(worker);
    }
    assert_fails(oriel_worker_run(worker, nothing, &orch, 0), ORIEL_STATE, "was closed");
    assert_fails(oriel_worker_init(worker), ORIEL_STATE, "was closed");
    assert_fails(oriel_worker_register(worker, &callable, &id), ORIEL_STATE, "");
    assert_fails(oriel_worker_alloc(worker, PTO_F32, 1, &tensor), ORIEL_STATE, "was closed");
    oriel_worker_close(worker);
    oriel_worker_close(NULL);
}

static void *wait_for_leave(void *mutex)
{
    pthread_mutex_lock(mutex);
    pthread_mutex_unlock(mutex);
    return NULL;
}

/* Another thread of the program might hold a lock at the moment of the fork, for ever in the child. */
static void a_program_with_threads_is_not_forked(void **state)
{
    static const int devices[] = {0, 1};
    oriel_worker_options options = {.form = test_form(state)};
    oriel_worker *worker;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_t thread;
    pthread_mutex_lock(&mutex);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_leave, &mutex), 0);
    assert_ok(oriel_worker_create(3, "a2a3sim", devices, 2, &options, &worker));
    if (options.form == ORIEL_DEVICE_PROCESSES)
        assert_fails(oriel_worker_init(worker), ORIEL_STATE, "the program has several threads already");
    else
        assert_ok(oriel_worker_init(worker));
    pthread_mutex_unlock(&mutex);
    pthread_join(thread, NULL);
    if (options.form == ORIEL_DEVICE_PROCESSES)
        assert_ok(oriel_worker_init(worker)); /* a second try */
    oriel_orch *orch;
    assert_ok(oriel_worker_run(worker, nothing, &orch, 0));
    oriel_worker_close(worker);
}

/* An open worker's threads are some that its owner did not start and may not think of. */
static void a_second_worker_that_forks_names_the_first(void **state)
{
    static const int devices[] = {0, 1};
    oriel_worker *first = test_start(1, &(oriel_worker_options){.form = test_form(state)}, NULL, 0), *second, *third;
    assert_ok(oriel_worker_create(3, "a2a3sim", devices, 2, NULL, &second));
    assert_fails(oriel_worker_init(second), ORIEL_STATE, "1 other worker is open");
    third = test_start(1, &(oriel_worker_options){.form = ORIEL_DEVICE_THREADS}, NULL, 0);
    assert_fails(oriel_worker_init(second), ORIEL_STATE, "2 other workers are open");
    assert_non_null(strstr(oriel_last_error(), "close them first, or ask for ORIEL_DEVICE_THREADS"));
    oriel_worker_close(first);
    oriel_worker_close(third);
#if !UNDER_TSAN
    oriel_orch *orch;
    assert_ok(oriel_worker_init(second));
    assert_ok(oriel_worker_run(second, nothing, &orch, 0));
#endif
    oriel_worker_close(second);
}

/* ---- Memory ----------------------------------------------------------------------------------------------------- */

static void shared_memory_is_given_and_taken_back(void **state)
{
    oriel_worker *worker = test_start(1, &(oriel_worker_options){.form = test_form(state)}, NULL, 0);
    oriel_tensor first, second;
    assert_fails(oriel_worker_alloc(worker, PTO_F32, 0, &first), ORIEL_INVALID, "0 elements");
    assert_fails(oriel_worker_alloc(worker, PTO_DTYPE_COUNT, 1, &first), ORIEL_INVALID, "no element type");
    assert_fails(oriel_worker_alloc(worker, PTO_I64, UINT64_MAX / 4, &first), ORIEL_INVALID, "larger than");
    assert_fails(oriel_worker_alloc(worker, PTO_I64, UINT64_C(1) << 36, &first), ORIEL_NO_MEMORY, "largest hole");
    assert_ok(oriel_worker_alloc(worker, PTO_F32, 3, &first));
    assert_ok(oriel_worker_alloc(worker, PTO_I8, 5000, &second));
    assert_int_equal(first.shape[0], 3);
    assert_int_equal((uintptr_t)first.data % 4096, 0);
    assert_int_equal((uintptr_t)second.data % 4096, 0);
    memset(second.data, 7, 5000);
    oriel_tensor inside = oriel_tensor_1d((char *)second.data + 64, PTO_I8, 1), mine = second;
    assert_fails(oriel_worker_free(worker, &inside), ORIEL_INVALID, "not memory from oriel_worker_alloc");
    assert_ok(oriel_worker_free(worker, &second));
    assert_null(second.data);
    assert_fails(oriel_worker_free(worker, &mine), ORIEL_INVALID, "not memory from oriel_worker_alloc");
    assert_ok(oriel_worker_alloc(worker, PTO_I8, 5000, &second));
    for (int i = 0; i < 5000; i++)
        assert_int_equal(((char *)second.data)[i], 0);
    oriel_worker_close(worker); /* frees what is left */
}

/* ---- Several workers -------------------------------------------------------------------------------------------- */

static void workers_come_and_go(void **state)
{
    oriel_worker_options options = {.form = test_form(state)};
    oriel_orch *orch;
    for (int i = 0; i < 10; i++) {
        oriel_worker *worker = test_start(3, &options, NULL, 0);
        assert_ok(oriel_worker_run(worker, nothing, &orch, 0));
        oriel_worker_close(worker);
    }
}

static void workers_live_beside_each_other(void **state)
{
    oriel_worker_options options = {.form = test_form(state)};
    oriel_orch *orch;
    oriel_worker *first = test_start(1, &options, NULL, 0), *second = test_start(2, &options, NULL, 0);
    assert_ok(oriel_worker_run(first, nothing, &orch, 0));
    assert_ok(oriel_worker_run(second, nothing, &orch, 0));
    oriel_worker_close(first);
    assert_ok(oriel_worker_run(second, nothing, &orch, 0));
    oriel_worker_close(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_workers_are_refused),
        cmocka_unit_test(rings_that_do_not_fit_are_refused),
        cmocka_unit_test(bad_callables_are_refused),
        TEST_IN_BOTH_FORMS(calls_at_the_wrong_moment_are_refused),
        TEST_IN_BOTH_FORMS(a_program_with_threads_is_not_forked),
        TEST_IN_BOTH_FORMS(a_second_worker_that_forks_names_the_first),
        TEST_IN_BOTH_FORMS(shared_memory_is_given_and_taken_back),
        TEST_IN_BOTH_FORMS(workers_come_and_go),
        TEST_AS_THREADS(workers_live_beside_each_other),
    };
    return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
