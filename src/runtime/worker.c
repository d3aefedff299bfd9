/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a worker: create, register, init, run, close.
 *
 * The memory of a worker's handle is used again for later workers but never given back, so that a call on a closed
 * worker finds a closed worker, and says so.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/host.h"
#include "runtime/admit.h"
#include "runtime/host.h"

#define DEFAULT_ARENA_BYTES     (UINT64_C(64) << 30)
#define DEFAULT_TASK_SLOTS      4096
#define DEFAULT_TEMPORARY_BYTES (UINT64_C(256) << 20)
#define DEFAULT_SUB_WORKERS     1
#define DEFAULT_TIMEOUT         30.0

/* ---- Handles ---------------------------------------------------------------------------------------------------- */

static pthread_mutex_t closed_mutex = PTHREAD_MUTEX_INITIALIZER;
static oriel_worker *closed_workers, *lost_workers;
static _Atomic uint32_t open_workers; /* with threads: from init to close */

static oriel_worker *take_handle(void)
{
    pthread_mutex_lock(&closed_mutex);
    oriel_worker *worker = closed_workers;
    if (worker)
        closed_workers = worker->next_closed;
    pthread_mutex_unlock(&closed_mutex);
    if (worker || !(worker = aligned_alloc(_Alignof(oriel_worker), sizeof *worker)))
        return worker;
    memset(worker, 0, sizeof *worker);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&worker->mutex, NULL);
    pthread_mutex_init(&worker->arena_mutex, NULL);
    pthread_cond_init(&worker->ended, &monotonic);
    pthread_cond_init(&worker->started, NULL);
    pthread_condattr_destroy(&monotonic);
    return worker;
}

static void leave_handle(oriel_worker **list, oriel_worker *worker)
{
    pthread_mutex_lock(&closed_mutex);
    worker->next_closed = *list;
    *list = worker;
    pthread_mutex_unlock(&closed_mutex);
}

/* ---- Create ----------------------------------------------------------------------------------------------------- */

static oriel_worker_options with_defaults(const oriel_worker_options *given)
{
    oriel_worker_options options = given ? *given : (oriel_worker_options){0};
    if (!options.arena_bytes)
        options.arena_bytes = DEFAULT_ARENA_BYTES;
    if (!options.task_slots)
        options.task_slots = DEFAULT_TASK_SLOTS;
    if (!options.sub_workers)
        options.sub_workers = DEFAULT_SUB_WORKERS;
    if (options.timeout_s == 0)
        options.timeout_s = DEFAULT_TIMEOUT;
    return options;
}

/* A ring for each level and device. By default they do not take more than a quarter of a small arena. */
static uint64_t temporary_bytes(const oriel_worker *worker)
{
    if (worker->options.temporary_bytes)
        return worker->options.temporary_bytes;
    uint64_t share = oriel_arena_bytes(worker->arena) / 4 / (worker->device_count + 1);
    return share < DEFAULT_TEMPORARY_BYTES ? share & ~UINT64_C(4095) : DEFAULT_TEMPORARY_BYTES;
}

static oriel_status carve(oriel_worker *worker, uint64_t bytes, void *piece)
{
    void *made;
    oriel_status status = oriel_arena_alloc(worker->arena, bytes, 4096, &made);
    if (status == ORIEL_OK)
        *(void **)piece = made;
    return status;
}

static oriel_status set_up_device(oriel_worker *worker, uint32_t index, int number)
{
    oriel_host_device *device = &worker->device[index];
    *device = (oriel_host_device){.number = number, .last = &device->first};
    oriel_status status = carve(worker, sizeof *device->mailbox, &device->mailbox);
    device->setup = (oriel_device_setup){
        .index = index,
        .arena_base = oriel_arena_base(worker->arena),
        .arena_bytes = oriel_arena_bytes(worker->arena),
        .control = worker->control,
        .mailbox = device->mailbox,
        .bells = worker->bells,
        .limits = &worker->platform->limits,
        .engine = &oriel_engine_direct,
        .task_slots = worker->options.task_slots,
    };
    return status;
}

static oriel_status set_up_memory(oriel_worker *worker)
{
    uint32_t count = worker->device_count, words = count * ORIEL_MAILBOX_DEPTH;
    worker->device = calloc(count, sizeof *worker->device);
    worker->identity = calloc(worker->platform->limits.max_devices, sizeof *worker->identity);
    worker->free_aborts = calloc(words, sizeof *worker->free_aborts);
    if (!worker->device || !worker->identity || !worker->free_aborts)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for a worker of %" PRIu32 " devices", count);
    for (uint32_t i = 0; i < worker->platform->limits.max_devices; i++)
        worker->identity[i] = i;
    for (uint32_t i = 0; i < words; i++)
        worker->free_aborts[i] = i;
    worker->free_abort_count = words;
    oriel_status status = oriel_arena_create(worker->options.arena_bytes, &worker->arena);
    if (status == ORIEL_OK)
        status = carve(worker, sizeof *worker->control, &worker->control);
    if (status == ORIEL_OK)
        status = carve(worker, count * sizeof *worker->bells, &worker->bells);
    if (status == ORIEL_OK)
        status = carve(worker, words * sizeof *worker->abort_words, &worker->abort_words);
    return status;
}

static oriel_status set_up(oriel_worker *worker, const int *devices)
{
    oriel_status status = set_up_memory(worker);
    for (uint32_t i = 0; status == ORIEL_OK && i < worker->device_count; i++)
        status = set_up_device(worker, i, devices[i]);
    if (status != ORIEL_OK)
        return status;
    char *temporaries;
    uint64_t bytes = temporary_bytes(worker);
    status = carve(worker, bytes, &temporaries);
    if (status == ORIEL_OK)
        status = oriel_orch_init(&worker->orch, worker->level == 2 ? &oriel_host_ops_level2 : &oriel_host_ops,
                                 worker->options.task_slots, temporaries, bytes, worker->device_count);
    return status;
}

oriel_status oriel_worker_create(int level, const char *platform_name, const int *devices, uint32_t count,
                                 const oriel_worker_options *options, oriel_worker **out)
{
    const oriel_platform *platform;
    oriel_status status = oriel_worker_admit(level, platform_name, devices, count, options, &platform);
    if (status != ORIEL_OK)
        return status;
    oriel_worker *worker = take_handle();
    if (!worker)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for a worker");
    worker->state = ORIEL_WORKER_CREATED;
    worker->level = level;
    worker->platform = platform;
    worker->options = with_defaults(options);
    worker->device_count = count;
    oriel_task_list_init(&worker->host);
    oriel_task_list_init(&worker->any);
    oriel_task_list_init(&worker->copying);
    status = set_up(worker, devices);
    if (status == ORIEL_OK)
        *out = worker;
    else
        oriel_worker_close(worker);
    return status;
}

/* ---- Register --------------------------------------------------------------------------------------------------- */

static oriel_status check_callable(const oriel_worker *worker, const oriel_callable *callable)
{
    const char *name = callable ? callable->name : NULL;
    if (!name || !*name)
        return oriel_fail(ORIEL_INVALID, "a callable needs a name");
    if (callable->host && (callable->device || callable->kernels))
        return oriel_fail(ORIEL_INVALID, "callable \"%s\" is a host function and something else", name);
    if (!callable->host && (!callable->kernels || callable->kernel_count == 0))
        return oriel_fail(ORIEL_INVALID, "callable \"%s\" has neither a host function nor kernels", name);
    if (!callable->host && !callable->device && callable->kernel_count != 1)
        return oriel_fail(ORIEL_INVALID,
                          "callable \"%s\" has %" PRIu32 " kernels and no device function that could choose one", name,
                          callable->kernel_count);
    if (callable->device && worker->level == 2)
        return oriel_fail(ORIEL_INVALID,
                          "callable \"%s\": the tasks of a level-2 worker are kernels and host functions", name);
    for (uint32_t i = 0; !callable->host && i < callable->kernel_count; i++)
        if (!callable->kernels[i].function || !callable->kernels[i].name)
            return oriel_fail(ORIEL_INVALID, "callable \"%s\": its kernel %" PRIu32 " has no %s", name, i,
                              callable->kernels[i].name ? "function" : "name");
    return ORIEL_OK;
}

oriel_status oriel_worker_register(oriel_worker *worker, const oriel_callable *callable, oriel_callable_id *id)
{
    if (worker->state != ORIEL_WORKER_CREATED)
        return oriel_fail(ORIEL_STATE, "callables are registered before oriel_worker_init");
    oriel_status status = check_callable(worker, callable);
    if (status != ORIEL_OK)
        return status;
    oriel_callable *callables = realloc(worker->callables, (worker->callable_count + 1) * sizeof *worker->callables);
    if (!callables)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for callable \"%s\"", callable->name);
    worker->callables = callables;
    callables[worker->callable_count] = *callable;
    *id = (oriel_callable_id)worker->callable_count++;
    return ORIEL_OK;
}

/* ---- Init ------------------------------------------------------------------------------------------------------- */

/* Devices learn what was registered; those that will orchestrate get a ring for their temporaries. */
static oriel_status set_up_callables(oriel_worker *worker)
{
    bool orchestrates = false;
    for (uint32_t i = 0; i < worker->callable_count; i++)
        orchestrates |= worker->callables[i].device != NULL;
    oriel_status status = ORIEL_OK;
    for (uint32_t i = 0; status == ORIEL_OK && i < worker->device_count; i++) {
        oriel_device_setup *setup = &worker->device[i].setup;
        setup->callables = worker->callables;
        setup->temporary_bytes = temporary_bytes(worker);
        if (orchestrates && !setup->temporaries)
            status = carve(worker, setup->temporary_bytes, &setup->temporaries);
    }
    return status;
}

/* Whoever listens for the devices. */
static void call_scheduler(oriel_worker *worker)
{
    atomic_fetch_add(&worker->calls, 1);
    oriel_bell_ring(&worker->control->bell[ORIEL_LISTENER_SCHEDULER]);
}

static oriel_status start_scheduler(oriel_worker *worker)
{
    oriel_strand_options options = {.form = ORIEL_FORM_THREAD, .name = "oriel-sched"};
    worker->quit = false;
    worker->start_status = ORIEL_STATUS_COUNT;
    for (uint32_t i = 0; i < worker->device_count; i++)
        atomic_store(&worker->device[i].mailbox->stop, 0);
    oriel_status status = oriel_strand_start(&options, oriel_scheduler_main, worker, &worker->scheduler);
    if (status != ORIEL_OK)
        return status;
    pthread_mutex_lock(&worker->mutex);
    while (worker->start_status == ORIEL_STATUS_COUNT)
        pthread_cond_wait(&worker->started, &worker->mutex);
    status = worker->start_status;
    pthread_mutex_unlock(&worker->mutex);
    return status == ORIEL_OK ? ORIEL_OK : oriel_fail(status, "%s", worker->start_message);
}

/* Ends all threads and processes of the worker; init can be tried again. */
static void stop(oriel_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    worker->quit = true;
    pthread_mutex_unlock(&worker->mutex);
    if (worker->scheduler) {
        call_scheduler(worker);
        oriel_fate fate;
        oriel_strand_join(worker->scheduler, ORIEL_NEVER, &fate);
        oriel_strand_free(worker->scheduler);
        worker->scheduler = NULL;
    }
    oriel_sub_workers_join(worker);
}

/* Another thread may hold a lock at the moment of a fork, for ever in the child. */
static oriel_status check_forking(void)
{
    if (oriel_strand_single_threaded())
        return ORIEL_OK;
    uint32_t others = atomic_load(&open_workers);
    if (others > 0)
        return oriel_fail(ORIEL_STATE,
                          "%" PRIu32 " other worker%s open, with threads, so that no processes can be forked for the "
                          "devices: close %s first, or ask for ORIEL_DEVICE_THREADS",
                          others, others == 1 ? " is" : "s are", others == 1 ? "it" : "them");
    return oriel_fail(ORIEL_STATE, "the program has several threads already, so that no processes can be forked for "
                                   "the devices: ask for ORIEL_DEVICE_THREADS");
}

oriel_status oriel_worker_init(oriel_worker *worker)
{
    if (worker->state != ORIEL_WORKER_CREATED)
        return oriel_fail(ORIEL_STATE, "the worker was %s",
                          worker->state == ORIEL_WORKER_CLOSED ? "closed" : "initialised before");
    oriel_status status = worker->options.form == ORIEL_DEVICE_PROCESSES ? check_forking() : ORIEL_OK;
    if (status == ORIEL_OK)
        status = set_up_callables(worker);
    if (status != ORIEL_OK)
        return status;
    oriel_wait_tune(worker->device_count + 1, oriel_host_processors(NULL));
    status = start_scheduler(worker);
    if (status == ORIEL_OK)
        status = oriel_sub_workers_start(worker);
    if (status != ORIEL_OK) {
        stop(worker);
        return status;
    }
    worker->state = ORIEL_WORKER_IDLE;
    atomic_fetch_add(&open_workers, 1);
    return ORIEL_OK;
}

/* ---- Memory of the user ----------------------------------------------------------------------------------------- */

static oriel_status remember_tensor(oriel_worker *worker, void *data)
{
    if (worker->tensor_count == worker->tensor_room) {
        uint32_t room = worker->tensor_room ? 2 * worker->tensor_room : 64;
        void **tensors = realloc(worker->tensors, room * sizeof *tensors);
        if (!tensors)
            return oriel_fail(ORIEL_NO_MEMORY, "no memory for a list of %" PRIu32 " tensors", room);
        worker->tensors = tensors;
        worker->tensor_room = room;
    }
    worker->tensors[worker->tensor_count++] = data;
    return ORIEL_OK;
}

static oriel_status allocate_tensor(oriel_worker *worker, uint64_t bytes, void **data)
{
    if (worker->state == ORIEL_WORKER_CLOSED)
        return oriel_fail(ORIEL_STATE, "the worker was closed");
    oriel_status status = oriel_arena_alloc(worker->arena, bytes, 4096, data);
    if (status == ORIEL_OK && (status = remember_tensor(worker, *data)) != ORIEL_OK)
        oriel_arena_free(worker->arena, *data);
    return status;
}

oriel_status oriel_worker_alloc(oriel_worker *worker, pto_dtype dtype, uint64_t count, oriel_tensor *tensor)
{
    uint64_t bytes = pto_dtype_bytes(dtype);
    if (bytes == 0)
        return oriel_fail(ORIEL_INVALID, "there is no element type %d", (int)dtype);
    if (count == 0)
        return oriel_fail(ORIEL_INVALID, "a tensor of 0 elements");
    if (count > PTO_ADDR_OFFSET_MASK / bytes)
        return oriel_fail(ORIEL_INVALID,
                          "a tensor of %" PRIu64 " elements of %" PRIu64 " B is larger than a tensor can be", count,
                          bytes);
    void *data;
    pthread_mutex_lock(&worker->arena_mutex);
    oriel_status status = allocate_tensor(worker, count * bytes, &data);
    pthread_mutex_unlock(&worker->arena_mutex);
    if (status == ORIEL_OK)
        *tensor = oriel_tensor_1d(data, dtype, count);
    return status;
}

oriel_status oriel_worker_free(oriel_worker *worker, oriel_tensor *tensor)
{
    if (!tensor)
        return oriel_fail(ORIEL_INVALID, "no tensor to free");
    oriel_status status = ORIEL_OK;
    pthread_mutex_lock(&worker->arena_mutex);
    uint32_t i = 0;
    while (i < worker->tensor_count && worker->tensors[i] != tensor->data)
        i++;
    if (i == worker->tensor_count) {
        status = oriel_fail(ORIEL_INVALID, "%p is not memory from oriel_worker_alloc", tensor->data);
    } else {
        status = oriel_arena_free(worker->arena, tensor->data);
        worker->tensors[i] = worker->tensors[--worker->tensor_count];
        tensor->data = NULL;
    }
    pthread_mutex_unlock(&worker->arena_mutex);
    return status;
}

/* ---- Run -------------------------------------------------------------------------------------------------------- */

static oriel_status check_runnable(const oriel_worker *worker)
{
    switch (worker->state) {
    case ORIEL_WORKER_CLOSED: return oriel_fail(ORIEL_STATE, "the worker was closed");
    case ORIEL_WORKER_CREATED: return oriel_fail(ORIEL_STATE, "the worker runs nothing before oriel_worker_init");
    case ORIEL_WORKER_RUNNING: return oriel_fail(ORIEL_STATE, "the worker is in a run already");
    case ORIEL_WORKER_IDLE: break;
    }
    if (worker->lost)
        return oriel_fail(ORIEL_STATE, "a device did not come back from a kernel, and a thread cannot be ended: the "
                                       "worker can only be closed");
    return ORIEL_OK;
}

static void begin_run(oriel_worker *worker, double timeout_s)
{
    worker->state = ORIEL_WORKER_RUNNING;
    worker->open = true;
    worker->expired = false;
    worker->unstarted = 0;
    worker->timeout_s = timeout_s < 0 ? -1 : worker->options.timeout_s;
    worker->timeout = oriel_timeout_ns(worker->timeout_s);
    worker->deadline = timeout_s > 0 ? oriel_deadline(timeout_s) : ORIEL_NEVER;
    call_scheduler(worker);
}

/* The first cause of what went wrong in a run whose function returned `status` with the thread's message. */
static oriel_status end_run(oriel_worker *worker, oriel_status status, double timeout_s)
{
    char message[ORIEL_ERROR_BYTES];
    oriel_error_copy(message, sizeof message);
    oriel_host_drain(worker);
    oriel_status first = oriel_failures_first(&worker->failures);
    oriel_failures_clear(&worker->failures);
    worker->state = ORIEL_WORKER_IDLE;
    if (first != ORIEL_OK)
        return first;
    if (worker->unstarted > 0)
        return oriel_fail(ORIEL_TIMEOUT, "the run did not end within %g s: %" PRIu32 " tasks had not started",
                          timeout_s, worker->unstarted);
    if (status != ORIEL_OK)
        return oriel_fail(status, "%s", *message ? message : "the orchestration function failed and did not say why");
    return ORIEL_OK;
}

oriel_status oriel_worker_run(oriel_worker *worker, oriel_orch_fn function, void *user, double timeout_s)
{
    if (!function)
        return oriel_fail(ORIEL_INVALID, "a run needs an orchestration function");
    oriel_status status = oriel_worker_check_timeout(timeout_s);
    if (status != ORIEL_OK)
        return status;
    pthread_mutex_lock(&worker->mutex);
    status = check_runnable(worker);
    if (status == ORIEL_OK)
        begin_run(worker, timeout_s);
    pthread_mutex_unlock(&worker->mutex);
    if (status != ORIEL_OK)
        return status;
    oriel_error_clear();
    status = function(&worker->orch, user);
    pthread_mutex_lock(&worker->mutex);
    status = end_run(worker, status, timeout_s);
    pthread_mutex_unlock(&worker->mutex);
    return status;
}

/* ---- Close ------------------------------------------------------------------------------------------------------ */

static void free_tasks(oriel_worker *worker)
{
    for (int i = 0; i < 2; i++)
        for (oriel_host_task *task; (task = worker->unused[i]);) {
            worker->unused[i] = task->next;
            free(task);
        }
}

/* All but the handle. */
static void free_memory(oriel_worker *worker)
{
    oriel_orch_finish(&worker->orch);
    free_tasks(worker);
    free(worker->identity);
    free(worker->free_aborts);
    free(worker->tensors);
    free(worker->callables);
    free(worker->device);
    oriel_arena_destroy(worker->arena);
}

/* Back to the state of a handle that was never used, but for what lasts: the orchestrator's table, the locks. */
static void forget(oriel_worker *worker)
{
    worker->identity = worker->free_aborts = NULL;
    worker->tensors = NULL;
    worker->tensor_count = worker->tensor_room = 0;
    worker->callables = NULL;
    worker->callable_count = 0;
    worker->device = NULL;
    worker->device_count = 0;
    worker->arena = NULL;
    worker->control = NULL;
    worker->sub_worker = NULL;
}

void oriel_worker_close(oriel_worker *worker)
{
    if (!worker || worker->state == ORIEL_WORKER_CLOSED || worker->state == ORIEL_WORKER_RUNNING)
        return;
    stop(worker);
    if (worker->state != ORIEL_WORKER_CREATED)
        atomic_fetch_sub(&open_workers, 1);
    worker->state = ORIEL_WORKER_CLOSED;
    if (worker->lost) {
        leave_handle(&lost_workers, worker); /* with all its memory: a thread may still use it */
        return;
    }
    free_memory(worker);
    forget(worker);
    leave_handle(&closed_workers, worker);
}
