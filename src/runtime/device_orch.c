/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Level 2: the orchestrator inside a device. Its tasks are kernels; the graph says when one may run, it is placed when
 * enough cores are idle, in the order in which tasks became ready.
 *
 * The device function is a coroutine beside the kernels' blocks, on the one thread of the device. So nothing runs while
 * it computes; ended kernels are taken back and ready ones are placed in its own calls: when it submits, and while it
 * waits. Now and then it gives kernels their turn when it submits, too.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "runtime/device.h"
#include "runtime/failures.h"

/* Of a device function: it holds a set of arguments or two. */
#define STACK_BYTES (1 << 20)
/* A submitter lets its kernels run once in so many submissions, though it could go on. */
#define SUBMITS_PER_TURN 4

typedef struct kernel_task {
    struct kernel_task *next; /* in the list of ready or unused ones */
    uint64_t id;
    const oriel_kernel *kernel;
    oriel_args args;
} kernel_task;

/* A task on the cores. */
typedef struct flight {
    oriel_kernel_run run; /* the first, so that its end leads back to the flight */
    struct flight *next;  /* in the list of ended or unused ones */
    oriel_device_orch *orch;
    kernel_task *task;
    oriel_view view;
    oriel_view_tensor tensor[ORIEL_MAX_TENSORS];
    oriel_view_comm comm[ORIEL_MAX_COMMS];
} flight;

struct oriel_device_orch {
    oriel_orch orch;
    const oriel_assignment *assignment;
    oriel_domain domain[ORIEL_MAX_COMMS]; /* the handles that the device function gets */
    kernel_task *ready, **last_ready;     /* in the order in which they became so */
    flight *ended, **last_ended;          /* likewise */
    flight *held;                         /* those whose kernels have ended, and not all conditions hold */
    uint32_t submitted;
    kernel_task *unused_tasks;
    flight *unused_flights;
    oriel_failures failures;
};

typedef struct oriel_device_orch device_orch;

/* ---- Tasks ------------------------------------------------------------------------------------------------------ */

static kernel_task *new_task(device_orch *self)
{
    kernel_task *task = self->unused_tasks;
    if (!task)
        return malloc(sizeof *task);
    self->unused_tasks = task->next;
    return task;
}

static void recycle_task(device_orch *self, kernel_task *task)
{
    task->next = self->unused_tasks;
    self->unused_tasks = task;
}

static flight *new_flight(device_orch *self)
{
    flight *new = self->unused_flights;
    if (!new)
        return malloc(sizeof *new);
    self->unused_flights = new->next;
    return new;
}

static void recycle_flight(device_orch *self, flight *old)
{
    old->next = self->unused_flights;
    self->unused_flights = old;
}

static void end_task(device_orch *self, kernel_task *task, oriel_status status, const char *message)
{
    if (status != ORIEL_OK && status != ORIEL_POISONED)
        oriel_failures_add(&self->failures, task->id, status, message);
    oriel_graph_end(self->orch.graph, task->id, status);
    recycle_task(self, task);
}

static uint32_t blocks_of(const kernel_task *task)
{
    return task->args.blocks ? task->args.blocks : 1;
}

/* ---- On the cores ----------------------------------------------------------------------------------------------- */

/* Where a tensor lies: in the arena, which all devices share, or in memory of this device's own. */
static oriel_place place_of(const device_orch *self, const void *data)
{
    const oriel_device_setup *setup = self->assignment->device->setup;
    uint64_t offset = (uintptr_t)data - (uintptr_t)setup->arena_base;
    if (offset < setup->arena_bytes)
        return (oriel_place){ORIEL_SEGMENT_ARENA, offset};
    return (oriel_place){ORIEL_SEGMENT_LOCAL, (uintptr_t)data};
}

static oriel_status build_view(device_orch *self, flight *new)
{
    const oriel_args *args = &new->task->args;
    for (uint32_t i = 0; i < args->tensors; i++) {
        const oriel_tensor *tensor = &args->tensor[i];
        new->tensor[i] = oriel_view_tensor_at(tensor, place_of(self, tensor->data));
    }
    for (uint32_t i = 0; i < args->comms; i++)
        new->comm[i] = self->assignment->comm[args->comm[i] - self->domain];
    return oriel_device_view(self->assignment, new->tensor, args->tensors, args->scalar, args->scalars, new->comm,
                             args->comms, &new->view);
}

/* Called by the last block of a kernel, in its coroutine: the orchestrator goes on with it in its own. */
static void flight_ended(oriel_kernel_run *run)
{
    flight *old = (flight *)run;
    old->next = NULL;
    *old->orch->last_ended = old;
    old->orch->last_ended = &old->next;
}

static void start_task(device_orch *self, kernel_task *task)
{
    const oriel_assignment *assignment = self->assignment;
    flight *new = new_flight(self);
    if (!new) {
        end_task(self, task, ORIEL_NO_MEMORY, "no memory for a kernel's arguments");
        return;
    }
    new->orch = self;
    new->task = task;
    oriel_status status = build_view(self, new);
    if (status != ORIEL_OK) {
        recycle_flight(self, new);
        end_task(self, task, status, oriel_last_error());
        return;
    }
    new->run.kernel = task->kernel;
    new->run.view = &new->view;
    new->run.blocks = blocks_of(task);
    new->run.deadline = assignment->deadline;
    new->run.abort[0] = &assignment->abort->set;
    new->run.abort[1] = &assignment->device->setup->mailbox->stop;
    new->run.ended = flight_ended;
    oriel_cores_start(assignment->device->cores, &new->run);
}

/* Another member of the group has failed, or the device is to stop. */
static bool is_aborted(const device_orch *self)
{
    const oriel_assignment *assignment = self->assignment;
    return atomic_load(&assignment->abort->set) || atomic_load(&assignment->device->setup->mailbox->stop);
}

/* ---- Moving things along ---------------------------------------------------------------------------------------- */

/* The first condition of the task that does not hold; NULL: they all do. */
static const oriel_until *unmet(const kernel_task *task)
{
    for (uint32_t i = 0; i < task->args.untils; i++) {
        const oriel_until *until = &task->args.until[i];
        if (atomic_load_explicit((const _Atomic int32_t *)until->cell, memory_order_acquire) < until->least)
            return until;
    }
    return NULL;
}

static void end_flight(device_orch *self, flight *old)
{
    end_task(self, old->task, old->run.status, old->run.message);
    recycle_flight(self, old);
}

static void take_back_ended(device_orch *self)
{
    for (flight *old; (old = self->ended);) {
        if (!(self->ended = old->next))
            self->last_ended = &self->ended;
        oriel_view_free(&old->view);
        if (old->run.status == ORIEL_OK && unmet(old->task)) {
            old->next = self->held;
            self->held = old;
        } else {
            end_flight(self, old);
        }
    }
}

/* How the wait of a task that is held ended; false: it has not. Sets what the task ends with. */
static bool hold_is_over(const device_orch *self, flight *old)
{
    const oriel_until *until = unmet(old->task);
    if (!until)
        return true;
    bool late = oriel_passed(self->assignment->deadline);
    if (!late && !is_aborted(self))
        return false;
    int32_t seen = atomic_load((const _Atomic int32_t *)until->cell);
    old->run.status = late ? ORIEL_TIMEOUT : ORIEL_ABORTED;
    snprintf(old->run.message, sizeof old->run.message,
             "task \"%s\" was to end when its cell is at least %" PRId32 ", and it is %" PRId32,
             old->task->kernel->name, until->least, seen);
    return true;
}

static void take_back_held(device_orch *self)
{
    for (flight **at = &self->held; *at;) {
        flight *old = *at;
        if (!hold_is_over(self, old)) {
            at = &old->next;
            continue;
        }
        *at = old->next;
        end_flight(self, old);
    }
}

static void take_ready(device_orch *self)
{
    uint64_t id;
    void *payload;
    bool poisoned;
    while (oriel_graph_take(self->orch.graph, &id, &payload, &poisoned)) {
        kernel_task *task = payload;
        if (poisoned) {
            end_task(self, task, ORIEL_POISONED, NULL);
            continue;
        }
        task->next = NULL;
        *self->last_ready = task;
        self->last_ready = &task->next;
    }
}

/* The next ready task, if its blocks have a core each. */
static kernel_task *take_placeable(device_orch *self)
{
    kernel_task *task = self->ready;
    if (!task || blocks_of(task) > oriel_cores_idle(self->assignment->device->cores))
        return NULL;
    if (!(self->ready = task->next))
        self->last_ready = &self->ready;
    return task;
}

/* A task that ends at once, since it could not be started, makes others ready: so again until nothing moves. */
static void move_along(device_orch *self)
{
    bool placed;
    do {
        placed = false;
        take_back_ended(self);
        take_back_held(self);
        take_ready(self);
        for (kernel_task *task; (task = take_placeable(self)); placed = true)
            start_task(self, task);
    } while (placed);
}

static bool some_task_ended(void *context)
{
    const device_orch *self = context;
    for (flight *old = self->held; old; old = old->next)
        if (!unmet(old->task) || is_aborted(self))
            return true;
    return self->ended != NULL;
}

/*
 * Lets kernels run until a task may have ended. Waits of kernels are bounded; what is held is bounded here, by the assignment's
 * deadline.
 */
static oriel_status wait_for_an_end(device_orch *self, int64_t deadline)
{
    int64_t last = self->held && self->assignment->deadline < deadline ? self->assignment->deadline : deadline;
    return oriel_wait_for(NULL, &(oriel_wait){.ready = some_task_ended, .context = self, .deadline = last});
}

/* So the graph stays as small as what is in flight: edges are few, and its memory is in the cache. */
static void let_kernels_run(device_orch *self)
{
    oriel_strand_yield();
    move_along(self);
}

/* ---- The level's operations ------------------------------------------------------------------------------------- */

static oriel_status check(const device_orch *self, const oriel_submission *submission)
{
    const oriel_assignment *assignment = self->assignment;
    const oriel_callable *callable = assignment->callable;
    if (is_aborted(self))
        return oriel_fail(ORIEL_ABORTED, "\"%s\" is told to stop: the group or the worker ends", callable->name);
    if (submission->group)
        return oriel_fail(ORIEL_INVALID, "\"%s\": a device has no groups, submit the kernel with several blocks",
                          callable->name);
    if (submission->callable < 0 || (uint32_t)submission->callable >= callable->kernel_count)
        return oriel_fail(ORIEL_INVALID, "\"%s\" has no kernel %d: it has %" PRIu32 " kernels", callable->name,
                          submission->callable, callable->kernel_count);
    const char *name = callable->kernels[submission->callable].name;
    oriel_status status = oriel_orch_check_counts(submission->args, name);
    if (status == ORIEL_OK)
        status = oriel_orch_check_blocks(submission->args, name, assignment->device->setup->limits->vector_cores);
    for (uint32_t i = 0; status == ORIEL_OK && i < submission->args->comms; i++) {
        const oriel_domain *domain = submission->args->comm[i];
        if (domain < self->domain || domain >= self->domain + assignment->command->comms)
            status = oriel_fail(ORIEL_INVALID,
                                "\"%s\": domain argument %" PRIu32 " is not one that this task was given", name, i);
    }
    for (uint32_t i = 0; status == ORIEL_OK && i < submission->args->untils; i++)
        if (place_of(self, submission->args->until[i].cell).segment != ORIEL_SEGMENT_ARENA)
            status = oriel_fail(ORIEL_INVALID, "\"%s\": the cell of condition %" PRIu32 " is in no window", name, i);
    return status;
}

static oriel_status device_submit(oriel_orch *orch, const oriel_submission *submission, oriel_task *out)
{
    device_orch *self = (device_orch *)orch;
    oriel_graph_node node;
    oriel_status status = check(self, submission);
    if (status == ORIEL_OK)
        status = oriel_orch_describe(orch, submission, &node);
    if (status != ORIEL_OK)
        return status;
    const oriel_kernel *kernel = &self->assignment->callable->kernels[submission->callable];
    kernel_task *task = new_task(self);
    if (!task)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for task \"%s\"", kernel->name);
    task->kernel = kernel;
    node.payload = task;

    uint64_t temporary = 0;
    oriel_graph_added added;
    while ((added = oriel_graph_add(orch->graph, &node, &task->id, &temporary)) == ORIEL_GRAPH_FULL) {
        wait_for_an_end(self, ORIEL_NEVER);
        move_along(self);
    }
    if (added != ORIEL_GRAPH_ADDED) {
        recycle_task(self, task);
        return oriel_orch_refused(added, kernel->name, &node);
    }
    oriel_orch_place_outputs(orch, submission, temporary);
    oriel_args_copy(&task->args, submission->args);
    out->id = task->id;
    move_along(self);
    if (++self->submitted % SUBMITS_PER_TURN == 0)
        let_kernels_run(self);
    return ORIEL_OK;
}

static oriel_status device_wait(oriel_orch *orch, oriel_task task, double timeout_s)
{
    device_orch *self = (device_orch *)orch;
    int64_t deadline = oriel_deadline(timeout_s);
    oriel_strand_yield(); /* so that a function that asks again and again lets its kernels run */
    for (;;) {
        move_along(self);
        bool ended = false;
        oriel_status status = oriel_graph_status(orch->graph, task.id, &ended);
        if (status == ORIEL_INVALID && !ended)
            return oriel_fail(ORIEL_INVALID, "there is no task %" PRIu64, task.id);
        if (ended)
            return status == ORIEL_OK ? ORIEL_OK : oriel_failures_tell(&self->failures, task.id, status);
        if (wait_for_an_end(self, deadline) == ORIEL_TIMEOUT && oriel_passed(deadline))
            return oriel_fail(ORIEL_TIMEOUT, "task %" PRIu64 " did not end within %g s", task.id, timeout_s);
    }
}

static const oriel_orch_ops device_ops = {
    .submit = device_submit,
    .wait = device_wait,
    .scope = oriel_orch_scope,
};

/* ---- The device function ---------------------------------------------------------------------------------------- */

/* The arguments as the device function gets them: addresses that are good here. */
static void make_args(device_orch *self, oriel_args *args)
{
    const oriel_command *command = self->assignment->command;
    char *base = self->assignment->device->setup->arena_base;
    *args = (oriel_args){.tensors = command->tensors, .scalars = command->scalars, .comms = command->comms};
    args->blocks = command->blocks;
    for (uint32_t i = 0; i < command->tensors; i++) {
        const oriel_view_tensor *from = &command->tensor[i];
        oriel_tensor *to = &args->tensor[i];
        *to = (oriel_tensor){base + from->place.offset, from->dtype, from->dims, {0}};
        memcpy(to->shape, from->shape, sizeof to->shape);
    }
    memcpy(args->scalar, command->scalar, command->scalars * sizeof *args->scalar);
    for (uint32_t i = 0; i < command->comms; i++) {
        self->domain[i] =
            (oriel_domain){.shared = (oriel_domain_shared *)self->assignment->comm[i].domain, .arena_base = base};
        args->comm[i] = &self->domain[i];
    }
}

/* The coroutine of the device function. A failed task comes before what the function made of it. */
static oriel_status orchestrate(void *context)
{
    device_orch *self = context;
    oriel_args args;
    make_args(self, &args);
    oriel_error_clear();
    oriel_status status = self->assignment->callable->device(&self->orch, &args);
    if (status != ORIEL_OK && !(status == ORIEL_ABORTED && is_aborted(self)))
        status = oriel_own_failure(status);
    char message[ORIEL_ERROR_BYTES];
    oriel_error_copy(message, sizeof message);
    for (move_along(self); oriel_graph_pending(self->orch.graph) > 0; move_along(self))
        wait_for_an_end(self, ORIEL_NEVER);
    if (status != ORIEL_OK)
        oriel_failures_add(&self->failures, 0, status, *message ? message : oriel_status_name(status));
    return status;
}

oriel_status oriel_device_orch_create(const oriel_device_setup *setup, oriel_device_orch **out)
{
    device_orch *self = calloc(1, sizeof *self);
    if (!self)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for an orchestrator");
    self->last_ready = &self->ready;
    self->last_ended = &self->ended;
    oriel_status status =
        oriel_orch_init(&self->orch, &device_ops, setup->task_slots, setup->temporaries, setup->temporary_bytes, 1);
    if (status == ORIEL_OK)
        *out = self;
    else
        oriel_device_orch_free(self);
    return status;
}

void oriel_device_orch_free(oriel_device_orch *self)
{
    if (!self)
        return;
    oriel_orch_finish(&self->orch);
    for (kernel_task *task; (task = self->unused_tasks);) {
        self->unused_tasks = task->next;
        free(task);
    }
    for (flight *old; (old = self->unused_flights);) {
        self->unused_flights = old->next;
        free(old);
    }
    free(self);
}

oriel_status oriel_device_orchestrate(oriel_device_orch *self, const oriel_assignment *assignment)
{
    self->assignment = assignment;
    oriel_strand_options options = {.form = ORIEL_FORM_COROUTINE,
                                    .name = assignment->callable->name,
                                    .loop = assignment->device->loop,
                                    .stack_bytes = STACK_BYTES};
    oriel_strand *strand;
    oriel_status status = oriel_strand_start(&options, orchestrate, self, &strand);
    if (status != ORIEL_OK)
        return status;
    oriel_fate fate;
    oriel_strand_join(strand, ORIEL_NEVER, &fate);
    oriel_strand_free(strand);
    status = oriel_failures_first(&self->failures);
    oriel_failures_clear(&self->failures);
    oriel_graph_reset(self->orch.graph);
    return status;
}
