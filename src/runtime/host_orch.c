/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The orchestrator on the host: checks what is submitted, puts it into the graph, and waits. Level 3 has devices,
 * groups and domains; a level-2 worker has one device, and everything goes there.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "runtime/host.h"

/* Who finds the graph full waits until one part in so many of it has ended, but no longer than this, in nanoseconds. */
#define ROOM_PART 8
#define ROOM_WAIT 200000

/* ---- Checks: all before anything is changed --------------------------------------------------------------------- */

static oriel_status check_callable(const oriel_worker *worker, oriel_callable_id id, const oriel_callable **callable)
{
    if (!worker->open)
        return oriel_fail(ORIEL_STATE, "a task is submitted inside a run, and this one has ended");
    if (id < 0 || (uint32_t)id >= worker->callable_count)
        return oriel_fail(ORIEL_INVALID, "callable %d was never registered: there are %" PRIu32, id,
                          worker->callable_count);
    *callable = &worker->callables[id];
    return ORIEL_OK;
}

/* `expected` -1: any number. */
static oriel_status check_count(const char *task, const char *what, uint32_t count, int expected)
{
    if (expected >= 0 && count != (uint32_t)expected)
        return oriel_fail(ORIEL_INVALID, "task \"%s\" takes %d %s, it is given %" PRIu32, task, expected, what, count);
    return ORIEL_OK;
}

/* Memory of the arena is somebody's piece: a tensor that leaves it would reach another's. */
static oriel_status check_tensors(oriel_worker *worker, const char *task, const oriel_args *args)
{
    oriel_status status = ORIEL_OK;
    if (args->tensors == 0)
        return ORIEL_OK;
    pthread_mutex_lock(&worker->arena_mutex);
    for (uint32_t i = 0; status == ORIEL_OK && i < args->tensors; i++) {
        uint64_t bytes = oriel_tensor_bytes(&args->tensor[i]), room;
        if (args->tag[i] != ORIEL_OUTPUT && !oriel_arena_allows(worker->arena, args->tensor[i].data, bytes, &room))
            status = oriel_fail(ORIEL_INVALID,
                                "task \"%s\": tensor %" PRIu32 " has %" PRIu64
                                " B, the shared memory that it lies in has %" PRIu64 " B from there on",
                                task, i, bytes, room);
    }
    pthread_mutex_unlock(&worker->arena_mutex);
    return status;
}

static oriel_status check_args(oriel_worker *worker, const oriel_callable *callable, const oriel_args *args)
{
    oriel_status status = oriel_orch_check_counts(args, callable->name);
    if (status == ORIEL_OK)
        status = check_count(callable->name, "tensors", args->tensors, callable->tensors);
    if (status == ORIEL_OK)
        status = check_count(callable->name, "scalars", args->scalars, callable->scalars);
    if (status == ORIEL_OK)
        status = check_count(callable->name, "domains", args->comms, callable->comms);
    if (status == ORIEL_OK)
        status = oriel_orch_check_blocks(args, callable->name, worker->platform->limits.vector_cores);
    if (status == ORIEL_OK && args->untils > 0)
        status =
            oriel_fail(ORIEL_INVALID, "task \"%s\" has completion conditions, which only tasks inside a device have",
                       callable->name);
    if (status == ORIEL_OK)
        status = check_tensors(worker, callable->name, args);
    for (uint32_t i = 0; status == ORIEL_OK && i < args->comms; i++)
        status = oriel_domain_check(worker, args->comm[i], callable->name);
    return status;
}

static oriel_status check_device(const oriel_worker *worker, const char *task, const oriel_args *args, uint32_t index)
{
    if (index >= worker->device_count)
        return oriel_fail(ORIEL_INVALID,
                          "task \"%s\": there is no device of index %" PRIu32 ", the worker has %" PRIu32, task, index,
                          worker->device_count);
    const oriel_host_device *device = &worker->device[index];
    if (device->dead)
        return oriel_fail(ORIEL_RANK_DIED, "task \"%s\": device %d %s", task, device->number, device->fate);
    for (uint32_t i = 0; i < args->comms; i++)
        if (oriel_domain_rank(args->comm[i], index) == ORIEL_NO_RANK)
            return oriel_fail(ORIEL_INVALID, "task \"%s\": device %d is not in domain \"%s\"", task, device->number,
                              args->comm[i]->shared->name);
    return ORIEL_OK;
}

static oriel_status check_any_device(const oriel_worker *worker, const char *task, const oriel_args *args)
{
    if (args->comms > 0)
        return oriel_fail(ORIEL_INVALID, "task \"%s\" has a domain: it needs a device that is in it", task);
    if (!oriel_host_any_alive(worker))
        return oriel_fail(ORIEL_RANK_DIED, "task \"%s\": every device of the worker is dead; device %d %s", task,
                          worker->device[0].number, worker->device[0].fate);
    return ORIEL_OK;
}

static oriel_status check_group(const oriel_worker *worker, const oriel_callable *callable,
                                const oriel_submission *submission)
{
    if (worker->level == 2)
        return oriel_fail(ORIEL_INVALID, "task \"%s\": a level-2 worker has one device and no groups", callable->name);
    if (callable->host)
        return oriel_fail(ORIEL_INVALID, "task \"%s\" is a host function, groups are for devices", callable->name);
    if (submission->count == 0 || submission->count > worker->device_count)
        return oriel_fail(ORIEL_INVALID,
                          "task \"%s\": a group of %" PRIu32 " tasks, the worker has %" PRIu32 " devices",
                          callable->name, submission->count, worker->device_count);
    for (uint32_t i = 1; submission->devices && i < submission->count; i++)
        for (uint32_t k = 0; k < i; k++)
            if (submission->devices[i] == submission->devices[k])
                return oriel_fail(ORIEL_INVALID, "task \"%s\": device index %" PRIu32 " is in the group twice",
                                  callable->name, submission->devices[i]);
    return ORIEL_OK;
}

static oriel_status check(oriel_worker *worker, const oriel_submission *submission, const oriel_callable **callable)
{
    oriel_status status = check_callable(worker, submission->callable, callable);
    if (status == ORIEL_OK && submission->group)
        status = check_group(worker, *callable, submission);
    for (uint32_t i = 0; status == ORIEL_OK && i < submission->count; i++) {
        const char *name = (*callable)->name;
        const oriel_args *args = &submission->args[i];
        uint32_t device = submission->devices ? submission->devices[i] : i;
        status = check_args(worker, *callable, args);
        if (status != ORIEL_OK || (*callable)->host)
            continue;
        if (device == ORIEL_ANY_DEVICE && !submission->group)
            status = check_any_device(worker, name, args);
        else
            status = check_device(worker, name, args, device);
    }
    return status;
}

/* ---- Into the graph --------------------------------------------------------------------------------------------- */

/* Room for one member, or for as many as a group can have: so that any unused task of its list will do. */
static oriel_host_task *new_task(oriel_worker *worker, uint32_t count)
{
    oriel_host_task **unused = &worker->unused[count > 1];
    oriel_host_task *task = *unused;
    uint32_t room = count > 1 ? worker->device_count : 1;
    if (task) {
        *unused = task->next;
    } else {
        task = calloc(1, sizeof *task + room * sizeof *task->member);
        if (!task)
            return NULL;
        task->room = room;
    }
    task->count = count;
    return task;
}

static void fill_member(oriel_host_task *task, uint32_t i, const oriel_args *args, uint32_t device)
{
    oriel_member *member = &task->member[i];
    member->task = task;
    member->device = device;
    member->ended = member->late = member->stuck = member->unstarted = false;
    member->status = ORIEL_OK;
    oriel_args_copy(&member->args, args);
    for (uint32_t c = 0; c < args->comms && device != ORIEL_ANY_DEVICE; c++)
        member->rank[c] = oriel_domain_rank(args->comm[c], device);
}

static void fill_task(oriel_worker *worker, oriel_host_task *task, const oriel_submission *submission)
{
    task->has_run = task->aborted = false;
    for (uint32_t i = 0; i < submission->count; i++) {
        fill_member(task, i, &submission->args[i], submission->devices ? submission->devices[i] : i);
        for (uint32_t c = 0; c < submission->args[i].comms; c++)
            oriel_domain_use(submission->args[i].comm[c]);
    }
    task->any = !task->callable->host && !submission->group && submission->devices[0] == ORIEL_ANY_DEVICE;
    task->copies = oriel_copies_needed(worker, task);
}

/*
 * Checks and adds, in one go under the mutex; `*full` if the graph is. While it is full other threads may submit, and the
 * world may change: so everything is looked at again.
 */
static oriel_status try_to_add(oriel_worker *worker, const oriel_submission *submission, oriel_host_task *task,
                               bool *full)
{
    const oriel_callable *callable;
    oriel_graph_node node;
    uint64_t temporary = 0;
    oriel_status status = check(worker, submission, &callable);
    if (status == ORIEL_OK)
        status = oriel_orch_describe(&worker->orch, submission, &node);
    if (status != ORIEL_OK)
        return status;
    node.payload = task;
    task->callable = callable;
    oriel_graph_added added = oriel_graph_add(worker->orch.graph, &node, &task->id, &temporary);
    if ((*full = added == ORIEL_GRAPH_FULL))
        return ORIEL_OK;
    if (added != ORIEL_GRAPH_ADDED)
        return oriel_orch_refused(added, callable->name, &node);
    oriel_orch_place_outputs(&worker->orch, submission, temporary);
    fill_task(worker, task, submission);
    return ORIEL_OK;
}

typedef struct awaited_ends {
    const oriel_graph *graph;
    uint64_t ended;
} awaited_ends;

static bool have_ended(void *context)
{
    const awaited_ends *awaited = context;
    return oriel_graph_ended(awaited->graph) >= awaited->ended;
}

/* Until some tasks have ended. Better a good part of the graph, for which nobody needs to wait long; but one will do. */
static oriel_status wait_for_room(oriel_worker *worker)
{
    const oriel_graph *graph = worker->orch.graph;
    uint64_t ended = oriel_graph_ended(graph);
    awaited_ends part = {graph, ended + 1 + oriel_graph_pending(graph) / ROOM_PART}, one = {graph, ended + 1};
    if (oriel_host_wait(worker, have_ended, &part, oriel_sooner(worker->deadline, ROOM_WAIT)) == ORIEL_OK)
        return ORIEL_OK;
    return oriel_host_wait(worker, have_ended, &one, worker->deadline);
}

static oriel_status submit(oriel_worker *worker, const oriel_submission *submission, oriel_task *out)
{
    const oriel_callable *callable;
    if (submission->count > worker->device_count) /* refused, but not for want of memory */
        return check(worker, submission, &callable);
    oriel_host_task *task = new_task(worker, submission->count);
    if (!task)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for a task of %" PRIu32 " members", submission->count);
    bool full = false;
    oriel_status status;
    while ((status = try_to_add(worker, submission, task, &full)) == ORIEL_OK && full)
        if (wait_for_room(worker) != ORIEL_OK) {
            status = oriel_fail(ORIEL_TIMEOUT, "task \"%s\": no slot became free before the deadline of the run",
                                task->callable->name);
            break;
        }
    if (status != ORIEL_OK) {
        oriel_host_recycle(worker, task);
        return status;
    }
    *out = (oriel_task){task->id};
    worker->submissions++;
    oriel_host_push(worker);
    return ORIEL_OK;
}

static oriel_status host_submit(oriel_orch *orch, const oriel_submission *submission, oriel_task *task)
{
    oriel_worker *worker = (oriel_worker *)orch;
    pthread_mutex_lock(&worker->mutex);
    oriel_status status = submit(worker, submission, task);
    oriel_host_unlock(worker);
    return status;
}

/* A level-2 worker's device is not asked for. */
static oriel_status host_submit_level2(oriel_orch *orch, const oriel_submission *submission, oriel_task *task)
{
    static const uint32_t the_device = 0;
    oriel_submission here = *submission;
    if (!submission->group)
        here.devices = &the_device;
    return host_submit(orch, &here, task);
}

/* ---- Waiting ---------------------------------------------------------------------------------------------------- */

typedef struct awaited_task {
    const oriel_worker *worker;
    uint64_t id;
    oriel_status status;
} awaited_task;

static bool has_ended(void *context)
{
    awaited_task *awaited = context;
    bool ended = false;
    awaited->status = oriel_graph_status(awaited->worker->orch.graph, awaited->id, &ended);
    return ended;
}

static oriel_status wait_for_task(oriel_worker *worker, oriel_task task, double timeout_s)
{
    awaited_task awaited = {.worker = worker, .id = task.id};
    if (!worker->open)
        return oriel_fail(ORIEL_STATE, "a task is waited for inside its run, and this run has ended");
    if (!has_ended(&awaited) && awaited.status != ORIEL_OK)
        return oriel_fail(awaited.status, "there is no task %" PRIu64, task.id);
    if (oriel_host_wait(worker, has_ended, &awaited, oriel_deadline(timeout_s)) != ORIEL_OK)
        return oriel_fail(ORIEL_TIMEOUT, "task %" PRIu64 " did not end within %g s", task.id, timeout_s);
    if (awaited.status != ORIEL_OK)
        return oriel_failures_tell(&worker->failures, task.id, awaited.status);
    return ORIEL_OK;
}

static oriel_status host_wait(oriel_orch *orch, oriel_task task, double timeout_s)
{
    oriel_worker *worker = (oriel_worker *)orch;
    pthread_mutex_lock(&worker->mutex);
    oriel_status status = wait_for_task(worker, task, timeout_s);
    oriel_host_unlock(worker);
    return status;
}

static bool nothing_pending(void *context)
{
    const oriel_worker *worker = context;
    return oriel_graph_pending(worker->orch.graph) == 0;
}

void oriel_host_drain(oriel_worker *worker)
{
    worker->open = false;
    oriel_host_wait(worker, nothing_pending, worker, ORIEL_NEVER);
    oriel_domains_clear(worker);
    oriel_graph_reset(worker->orch.graph);
}

/* ---- Scopes ----------------------------------------------------------------------------------------------------- */

static oriel_status host_scope(oriel_orch *orch, bool begin)
{
    oriel_worker *worker = (oriel_worker *)orch;
    oriel_status status = ORIEL_OK;
    pthread_mutex_lock(&worker->mutex);
    if (!worker->open)
        status = oriel_fail(ORIEL_STATE, "a scope is opened and closed inside a run, and this one has ended");
    else
        status = oriel_orch_scope(orch, begin);
    oriel_host_unlock(worker);
    return status;
}

const oriel_orch_ops oriel_host_ops = {
    .submit = host_submit,
    .wait = host_wait,
    .scope = host_scope,
    .allocate_domain = oriel_host_allocate_domain,
    .release_domain = oriel_host_release_domain,
};

const oriel_orch_ops oriel_host_ops_level2 = {
    .submit = host_submit_level2,
    .wait = host_wait,
    .scope = host_scope,
};
