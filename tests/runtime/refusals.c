/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: a worker that is refused, when it is created or when it is started, leaves nothing: no open file, no mapping, no
 * thread, no process. What a kernel may do follows its worker's platform: one that has more of it allows more.
 */
#include <inttypes.h>
#include <sys/resource.h>

#include "fixture.h"

static const int numbers[MAX_RANKS] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                       16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
                                       32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
                                       48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

/* ---- Limits of the process ---------------------------------------------------------------------------------------- */

static struct rlimit lower(int resource, rlim_t to)
{
    struct rlimit before, lowered;
    assert_int_equal(getrlimit(resource, &before), 0);
    lowered = before;
    lowered.rlim_cur = to;
    assert_int_equal(setrlimit(resource, &lowered), 0);
    return before;
}

/* So much more address space than is in use. */
static __attribute__((unused)) struct rlimit lower_address_space(uint64_t more)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu", &pages), 1);
    fclose(file);
    return lower(RLIMIT_AS, pages * (rlim_t)sysconf(_SC_PAGESIZE) + more);
}

/* ---- Create ------------------------------------------------------------------------------------------------------- */

static void refused_workers_leave_nothing(void **state)
{
    (void)state;
    static const int twice[] = {3, 3}, wrong[] = {64};
    const double none = strtod("nan", NULL);
    const uint64_t gib = UINT64_C(1) << 30;
    const struct {
        int level;
        const char *platform;
        const int *devices;
        uint32_t count;
        oriel_worker_options options;
        oriel_status status;
        const char *message;
    } cases[] = {
        {1, "a2a3sim", numbers, 2, {0}, ORIEL_INVALID, "no level 1"},
        {3, "a4sim", numbers, 2, {0}, ORIEL_INVALID, "unknown platform"},
        {3, NULL, numbers, 2, {0}, ORIEL_INVALID, "needs a platform"},
        {3, "a2a3", numbers, 2, {0}, ORIEL_UNAVAILABLE, "libascendcl.so"},
        {3, "a2a3sim", NULL, 2, {0}, ORIEL_INVALID, "list of devices is NULL"},
        {3, "a2a3sim", numbers, 0, {0}, ORIEL_INVALID, "at least one device"},
        {3, "a2a3sim", numbers, 65, {0}, ORIEL_INVALID, "at most 64"},
        {3, "a2a3sim", twice, 2, {0}, ORIEL_INVALID, "given twice"},
        {3, "a2a3sim", wrong, 1, {0}, ORIEL_INVALID, "no device 64"},
        {2, "a2a3sim", numbers, 2, {0}, ORIEL_INVALID, "one device, not 2"},
        {3, "a2a3sim", numbers, 2, {.form = 7}, ORIEL_INVALID, "no device form 7"},
        {3, "a2a3sim", numbers, 2, {.timeout_s = none}, ORIEL_INVALID, "a timeout of nan s"},
        /* These have an arena already. */
        {3, "a2a3sim", numbers, 64, {.arena_bytes = 4096}, ORIEL_NO_MEMORY, ""},
        {3, "a2a3sim", numbers, 2, {.arena_bytes = gib, .temporary_bytes = 2 * gib}, ORIEL_NO_MEMORY, "2147483648 B"},
        {3, "a2a3sim", numbers, 2, {.arena_bytes = gib, .task_slots = (1 << 24) + 1}, ORIEL_INVALID, "16777217 task"},
        {3, "a2a3sim", numbers, 2, {.arena_bytes = gib, .task_slots = UINT32_MAX}, ORIEL_INVALID, "4294967295 task"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        holdings before = take_stock();
        oriel_worker *worker = (oriel_worker *)&before;
        oriel_status status = oriel_worker_create(cases[i].level, cases[i].platform, cases[i].devices, cases[i].count,
                                                  &cases[i].options, &worker);
        assert_fails(status, cases[i].status, cases[i].message);
        assert_ptr_equal(worker, &before);
        assert_nothing_left(&before);
    }
}

static void refused_by_the_system_they_leave_nothing(void **state)
{
    (void)state;
    oriel_worker *worker;
    holdings before = take_stock();
    int next = dup(STDOUT_FILENO); /* the file that would be opened next */
    close(next);
    struct rlimit limit = lower(RLIMIT_NOFILE, (rlim_t)next);
    oriel_status status = oriel_worker_create(3, "a2a3sim", numbers, 2, NULL, &worker);
    setrlimit(RLIMIT_NOFILE, &limit);
    assert_fails(status, ORIEL_SYSTEM, "cannot create shared memory");
    assert_nothing_left(&before);

    limit = lower(RLIMIT_FSIZE, 1 << 20);
    status = oriel_worker_create(3, "a2a3sim", numbers, 2, NULL, &worker);
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_fails(status, ORIEL_NO_MEMORY, "cannot create");
    assert_nothing_left(&before);
}

/* ---- Init --------------------------------------------------------------------------------------------------------- */

static void count_on_cores(pto_core *core)
{
    (void)core;
}

static oriel_status orchestrate(oriel_orch *orch, const oriel_args *args)
{
    (void)orch, (void)args;
    return ORIEL_OK;
}

static const oriel_kernel kernels[] = {{"count", count_on_cores}};
static const oriel_callable on_device = TEST_DEVICE("device", orchestrate, kernels);

static oriel_worker *create(oriel_device_form form, uint32_t devices, const oriel_worker_options *given)
{
    oriel_worker_options options = *given;
    oriel_worker *worker;
    oriel_callable_id id;
    options.form = form;
    assert_ok(oriel_worker_create(3, "a2a3sim", numbers, devices, &options, &worker));
    assert_ok(oriel_worker_register(worker, &on_device, &id));
    return worker;
}

/* Each refused start, tried twice, leaves what was there before it; closing leaves what was there before all. */
static void assert_init_fails(oriel_worker *worker, oriel_status status, const char *message)
{
    holdings before = take_stock();
    for (int i = 0; i < 2; i++) {
        assert_fails(oriel_worker_init(worker), status, message);
        assert_nothing_left(&before);
    }
}

/* Of three devices that orchestrate, the first gets its ring of temporaries, the last none. */
static void a_start_without_room_leaves_nothing(void **state)
{
    const uint64_t mib = UINT64_C(1) << 20;
    holdings before = take_stock();
    oriel_worker *worker =
        create(test_form(state), 3, &(oriel_worker_options){.arena_bytes = 64 * mib, .temporary_bytes = 24 * mib});
    assert_init_fails(worker, ORIEL_NO_MEMORY, "25165824 B");
    oriel_worker_close(worker);
    assert_nothing_left(&before);
}

static void *wait_for_leave(void *mutex)
{
    pthread_mutex_lock(mutex);
    pthread_mutex_unlock(mutex);
    return NULL;
}

static void a_start_that_may_not_fork_leaves_nothing(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip(); /* it has threads anyway */
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_t thread;
    holdings before = take_stock();
    oriel_worker *worker = create(ORIEL_DEVICE_PROCESSES, 2, &(oriel_worker_options){0});
    pthread_mutex_lock(&mutex);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_leave, &mutex), 0);
    assert_init_fails(worker, ORIEL_STATE, "the program has several threads already");
    pthread_mutex_unlock(&mutex);
    pthread_join(thread, NULL);
    oriel_worker_close(worker);

    oriel_worker *other = create(ORIEL_DEVICE_THREADS, 1, &(oriel_worker_options){0});
    assert_ok(oriel_worker_init(other));
    worker = create(ORIEL_DEVICE_PROCESSES, 2, &(oriel_worker_options){0});
    assert_init_fails(worker, ORIEL_STATE, "1 other worker is open");
    oriel_worker_close(worker);
    oriel_worker_close(other);
    assert_nothing_left(&before);
}

/*
 * For the devices and the sub-workers there is less and less address space. Which of them it is that fails matters to
 * nobody: the worker does not start, and leaves nothing.
 */
static void a_start_without_threads_leaves_nothing(void **state)
{
#if UNDER_ASAN || UNDER_TSAN
    (void)state;
    skip(); /* they reserve address space as they like */
#else
    const uint64_t mib = UINT64_C(1) << 20;
    holdings before = take_stock();
    oriel_worker *worker =
        create(test_form(state), 4, &(oriel_worker_options){.arena_bytes = 256 * mib, .sub_workers = 40});
    holdings created = take_stock();
    for (uint64_t room = 256 * mib; room > 0; room -= 32 * mib) {
        struct rlimit limit = lower_address_space(room);
        oriel_status status = oriel_worker_init(worker);
        setrlimit(RLIMIT_AS, &limit);
        if (status == ORIEL_OK)
            fail_msg("40 stacks of 8 MiB in %" PRIu64 " B", room);
        assert_true(status == ORIEL_SYSTEM || status == ORIEL_NO_MEMORY);
        assert_nothing_left(&created);
    }
    assert_ok(oriel_worker_init(worker));
    oriel_worker_close(worker);
    assert_nothing_left(&before);
#endif
}

/* ---- Limits of the platform --------------------------------------------------------------------------------------- */

/* A tile of 32 B that ends at byte scalar 0 of UB. */
static void end_at(pto_core *core)
{
    pto_tfill(core, pto_tile_1d(core, PTO_I32, (uint32_t)pto_arg_i64(core, 0) - 32, 8), 1);
}

static const oriel_kernel ends_at[] = {{"end_at", end_at}};

struct question {
    int64_t end;
    uint32_t blocks;
};

static oriel_status ask(oriel_orch *orch, void *user)
{
    const struct question *question = user;
    oriel_args args = ORIEL_ARGS_INIT;
    args.blocks = question->blocks;
    TRY(oriel_args_i64(&args, question->end));
    return oriel_submit(orch, 0, &args, 0, NULL);
}

static void a_kernel_may_what_its_platform_can(void **state)
{
    static const struct {
        const char *platform;
        int64_t ub;
        uint32_t cores;
    } platforms[] = {{"a2a3sim", 192 << 10, 48}, {"a5sim", 256 << 10, 72}};
    static const int64_t ends[] = {32,        192 << 10,        (192 << 10) + 32, 200 << 10,
                                   256 << 10, (256 << 10) + 32, INT64_C(1) << 31};
    static const uint32_t blocks[] = {1, 48, 49, 72, 73};
    for (int p = 0; p < 2; p++) {
        const oriel_worker_options options = {.form = test_form(state)};
        const oriel_callable callable = TEST_KERNEL("end_at", ends_at);
        oriel_worker *worker;
        oriel_callable_id id;
        char message[256];
        assert_ok(oriel_worker_create(3, platforms[p].platform, numbers, 1, &options, &worker));
        assert_ok(oriel_worker_register(worker, &callable, &id));
        assert_ok(oriel_worker_init(worker));
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
            struct question question = {ends[i], 1};
            oriel_status status = oriel_worker_run(worker, ask, &question, 0);
            snprintf(message, sizeof message,
                     "TFILL: dst of 1 x 8 i32 at UB offset %" PRId64 " ends at %" PRId64 ", UB has %" PRId64 " B",
                     ends[i] - 32, ends[i], platforms[p].ub);
            if (ends[i] <= platforms[p].ub)
                assert_ok(status);
            else
                assert_fails(status, ORIEL_FAULT, message);
        }
        for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
            struct question question = {32, blocks[i]};
            oriel_status status = oriel_worker_run(worker, ask, &question, 0);
            snprintf(message, sizeof message, "has %" PRIu32 " blocks, a device has %" PRIu32 " vector cores",
                     blocks[i], platforms[p].cores);
            if (blocks[i] <= platforms[p].cores)
                assert_ok(status);
            else
                assert_fails(status, ORIEL_INVALID, message);
        }
        oriel_worker_close(worker);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_workers_leave_nothing),
        cmocka_unit_test(refused_by_the_system_they_leave_nothing),
        TEST_IN_BOTH_FORMS(a_start_without_room_leaves_nothing),
        cmocka_unit_test(a_start_that_may_not_fork_leaves_nothing),
        TEST_IN_BOTH_FORMS(a_start_without_threads_leaves_nothing),
        TEST_IN_BOTH_FORMS(a_kernel_may_what_its_platform_can),
    };
    return cmocka_run_group_tests_name("refusals", tests, make_stage, remove_stage);
}
