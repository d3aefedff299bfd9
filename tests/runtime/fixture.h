/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the runtime's bad days share: a worker in either form, and a count of what the program holds, so that
 * each test ends with the question whether anything was left behind.
 */
#ifndef ORIEL_TESTS_RUNTIME_FIXTURE_H
#define ORIEL_TESTS_RUNTIME_FIXTURE_H

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "worker_test.h"

#define MAX_RANKS 64

/* ---- Time ------------------------------------------------------------------------------------------------------- */

static inline double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static inline void sleep_s(double seconds)
{
    nanosleep(&(struct timespec){(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)}, NULL);
}

/* ---- What the program holds ------------------------------------------------------------------------------------- */

typedef struct holdings {
    int threads, files, children, shared_mappings, shm_files;
} holdings;

static inline int count_entries(const char *path, const char *containing)
{
    DIR *folder = opendir(path);
    int count = 0;
    if (!folder)
        return 0;
    for (struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.' && strstr(entry->d_name, containing);
    closedir(folder);
    return count;
}

static inline bool is_number(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0';
}

/* The state of a process ('Z': a zombie) and its parent; 0 if there is none of this number. */
static inline char process_state(const char *pid, int *parent)
{
    char path[64], line[512], state = 0;
    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    const char *name_end = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    if (!name_end || sscanf(name_end, ") %c %d", &state, parent) != 2)
        state = 0;
    fclose(file);
    return state;
}

static inline int count_children(void)
{
    DIR *processes = opendir("/proc");
    int count = 0, parent = 0;
    for (struct dirent *entry; (entry = readdir(processes));)
        count += is_number(entry->d_name) && process_state(entry->d_name, &parent) && parent == getpid();
    closedir(processes);
    return count;
}

static inline int count_shared_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512], permissions[8];
    int count = 0;
    while (fgets(line, sizeof line, maps))
        count += sscanf(line, "%*s %7s", permissions) == 1 && permissions[3] == 's';
    fclose(maps);
    return count;
}

static inline holdings take_stock(void)
{
    return (holdings){.threads = count_entries("/proc/self/task", ""),
                      .files = count_entries("/proc/self/fd", ""),
                      .children = count_children(),
                      .shared_mappings = count_shared_mappings(),
                      .shm_files = count_entries("/dev/shm", "oriel")};
}

/* A thread that was joined is listed for a moment longer. */
static inline void assert_nothing_left(const holdings *before)
{
    holdings now = take_stock();
    for (double end = now_s() + 2; memcmp(&now, before, sizeof now) && now_s() < end; now = take_stock())
        sleep_s(0.001);
    assert_int_equal(now.threads, before->threads);
    assert_int_equal(now.files, before->files);
    assert_int_equal(now.children, before->children);
    assert_int_equal(now.shared_mappings, before->shared_mappings);
    assert_int_equal(now.shm_files, before->shm_files);
}

/* ---- A page that the test, its devices and their parents see ---------------------------------------------------- */

typedef struct stage {
    _Atomic int pid[MAX_RANKS]; /* of who ran as this rank, or on the device of this number */
    _Atomic int arrived;        /* kernels that have begun */
    _Atomic int released;       /* those that loop for ever may stop now */
    _Atomic int line;           /* of the first EXPECT that did not hold */
} stage_page;

static stage_page *stage;

static inline void *do_nothing(void *nothing)
{
    return nothing;
}

/* TSan starts a thread of its own with a program's first: so that one comes before anything is counted. */
static inline int make_stage(void **state)
{
    (void)state;
    pthread_t first;
    if (pthread_create(&first, NULL, do_nothing, NULL) || pthread_join(first, NULL))
        return -1;
    stage = mmap(NULL, sizeof *stage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return stage == MAP_FAILED ? -1 : 0;
}

static inline int remove_stage(void **state)
{
    (void)state;
    return munmap(stage, sizeof *stage);
}

/* For a device function, which cannot use cmocka: it is not in the test's process. */
#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            int none_ = 0;                                                                                             \
            atomic_compare_exchange_strong(&stage->line, &none_, __LINE__);                                            \
            return ORIEL_WRONG;                                                                                        \
        }                                                                                                              \
    } while (0)

static inline void assert_all_expected(void)
{
    if (atomic_load(&stage->line))
        fail_msg("the EXPECT at line %d did not hold", atomic_load(&stage->line));
}

/* Waits until so many kernels have begun. */
static inline void wait_for_arrivals(int count)
{
    double end = now_s() + 10;
    while (atomic_load(&stage->arrived) < count) {
        assert_true(now_s() < end);
        sleep_s(0.0005);
    }
}

/* ---- A worker --------------------------------------------------------------------------------------------------- */

#define MAX_CALLABLES 32

typedef struct fixture {
    oriel_device_form form;
    oriel_worker *worker;
    oriel_callable_id id[MAX_CALLABLES]; /* of the test file's callables, in its order */
    holdings before;
    void *user; /* the test's own */
} fixture;

static inline int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    f->form = test_form(state);
    f->before = take_stock();
    memset(stage, 0, sizeof *stage);
    *state = f;
    return 0;
}

static inline void stop(fixture *f)
{
    oriel_worker_close(f->worker);
    f->worker = NULL;
}

static inline int tear_down(void **state)
{
    fixture *f = *state;
    atomic_store(&stage->released, 1);
    stop(f);
    assert_nothing_left(&f->before);
    free(f);
    return 0;
}

/* The test in both forms, or in one. */
#define IN_FORM(test, label, form)                                                                                     \
    {                                                                                                                  \
        .name = #test " (" label ")", .test_func = test, .setup_func = set_up, .teardown_func = tear_down,             \
        .initial_state = (form)                                                                                        \
    }
#define IN_PROCESSES(test) IN_FORM(test, "processes", &test_processes)
#define IN_THREADS(test)   IN_FORM(test, "threads", &test_threads)
#define IN_BOTH(test)      IN_PROCESSES(test), IN_THREADS(test)

static inline fixture *begin(void **state)
{
    fixture *f = *state;
    if (UNDER_TSAN && f->form == ORIEL_DEVICE_PROCESSES)
        skip();
    return f;
}

/* Device numbers that are no ranks, so that nobody can take the one for the other. */
static inline int device_number(uint32_t index)
{
    return (int)((index * 5 + 7) % 64);
}

static inline void start_level(fixture *f, int level, uint32_t devices, const oriel_worker_options *given,
                               const oriel_callable *callables, uint32_t count)
{
    oriel_worker_options options = *given;
    options.form = f->form;
    if (!options.arena_bytes)
        options.arena_bytes = 64 << 20;
    int numbers[MAX_RANKS];
    for (uint32_t i = 0; i < devices; i++)
        numbers[i] = device_number(i);
    assert_ok(oriel_worker_create(level, "a2a3sim", numbers, devices, &options, &f->worker));
    for (uint32_t i = 0; i < count; i++)
        assert_ok(oriel_worker_register(f->worker, &callables[i], &f->id[i]));
    assert_ok(oriel_worker_init(f->worker));
}

/* Zeroed int32 elements that all devices share. */
static inline oriel_tensor shared_i32(fixture *f, uint64_t count)
{
    oriel_tensor tensor;
    assert_ok(oriel_worker_alloc(f->worker, PTO_I32, count, &tensor));
    return tensor;
}

static inline int32_t *cells_of(const oriel_tensor *tensor)
{
    return tensor->data;
}

/* ---- Domains and groups ----------------------------------------------------------------------------------------- */

/* A domain with one buffer: "signals", a cache line for each rank. */
static inline oriel_domain *allocate_signals(oriel_orch *orch, const char *name, const uint32_t *devices,
                                             uint32_t ranks)
{
    oriel_buffer buffer = {"signals", PTO_I32, ranks * PTO_LINE_CELLS};
    oriel_domain *domain = NULL;
    assert_ok(oriel_allocate_domain(orch, name, devices, ranks, 0, &buffer, 1, &domain));
    return domain;
}

/* A group on all ranks of a domain, each with the scalars `a` and `b`. */
static inline oriel_status submit_to_domain(oriel_orch *orch, oriel_callable_id id, oriel_domain *domain, int64_t a,
                                            int64_t b, oriel_task *task)
{
    static oriel_args args[MAX_RANKS];
    uint32_t devices[MAX_RANKS], ranks = oriel_domain_ranks(domain);
    for (uint32_t i = 0; i < ranks; i++) {
        args[i] = (oriel_args)ORIEL_ARGS_INIT;
        assert_ok(oriel_args_comm(&args[i], domain));
        assert_ok(oriel_args_i64(&args[i], a));
        assert_ok(oriel_args_i64(&args[i], b));
        devices[i] = oriel_domain_device(domain, i);
    }
    return oriel_submit_group(orch, id, args, devices, ranks, task);
}

/* ---- Kernels ---------------------------------------------------------------------------------------------------- */

/* Domain 0: all ranks meet, scalar 0 times. On a domain that is used once. */
static inline void meet_kernel(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    pto_addr cells = pto_window_buffer(core, comm, 0).addr;
    for (int32_t round = 1; round <= pto_arg_i64(core, 0); round++) {
        for (uint32_t rank = 0; rank < comm->ranks; rank++)
            pto_tnotify(core, pto_peer_addr(comm, cells, rank) + comm->rank * PTO_LINE_BYTES, 1, PTO_NOTIFY_ADD);
        pto_twait(core, pto_cell_block(cells, comm->ranks, PTO_LINE_CELLS), round, PTO_GE);
    }
}

/* Every element of tensor 0: += 1. */
static inline void count_kernel(pto_core *core)
{
    pto_global cells = pto_arg_tensor(core, 0);
    for (uint64_t i = 0; i < pto_global_count(cells); i++)
        pto_store_i32(core, cells.addr + 4 * i, pto_load_i32(core, cells.addr + 4 * i) + 1);
    pto_dcci_all(core);
}

#endif
