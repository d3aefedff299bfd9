/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs where, and what became of it.
 *
 * Each device has a queue of tasks in the order in which they became ready. Tasks of one device go from there into its
 * mailbox. A group stands in the queues of all its devices, and goes when it is the first in each and all of them are
 * idle:
 *
 *      device 0:  [A] [G]        G waits for A; B and C wait behind G, so that a group is not passed for ever;
 *      device 1:  [G] [B]        and since all queues have one order, groups cannot hold one another up in a circle.
 *      device 2:  [G] [C]
 *
 * A task for any device goes to one that has nothing older to do and the fewest commands in its mailbox: there it may
 * wait, so that a device that is quick with one finds the next. It is taken back for a device that becomes idle before
 * it was begun, or if its device dies.
 *
 * A task that waits for nothing but the last command in a mailbox may follow it there at once: so a chain goes through a
 * device without a question to the host after each link.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "runtime/host.h"

/* A submitter looks what the devices have done once in so many submissions, unless tasks wait for room in a mailbox. */
#define SUBMITS_PER_LOOK 4

/* ---- Lists ------------------------------------------------------------------------------------------------------ */

void oriel_task_list_init(oriel_task_list *list)
{
    *list = (oriel_task_list){NULL, &list->first};
}

void oriel_task_list_append(oriel_task_list *list, oriel_host_task *task)
{
    task->next = NULL;
    *list->last = task;
    list->last = &task->next;
}

oriel_host_task *oriel_task_list_take(oriel_task_list *list)
{
    oriel_host_task *task = list->first;
    if (task && !(list->first = task->next))
        list->last = &list->first;
    return task;
}

static void queue_append(oriel_host_device *device, oriel_member *member)
{
    member->next = NULL;
    *device->last = member;
    device->last = &member->next;
}

static void queue_remove(oriel_host_device *device, oriel_member *member)
{
    oriel_member **link = &device->first;
    while (*link != member)
        link = &(*link)->next;
    *link = member->next;
    if (!member->next)
        device->last = link;
}

void oriel_host_recycle(oriel_worker *worker, oriel_host_task *task)
{
    oriel_host_task **unused = &worker->unused[task->room > 1];
    task->next = *unused;
    *unused = task;
}

/* ---- The end of a task ------------------------------------------------------------------------------------------ */

void oriel_host_end_task(oriel_worker *worker, oriel_host_task *task, oriel_status status, const char *message)
{
    if (message)
        oriel_failures_add(&worker->failures, task->id, status, message);
    oriel_copies_free(worker, task);
    for (uint32_t i = 0; i < task->count; i++) {
        oriel_member *member = &task->member[i];
        for (uint32_t c = 0; c < member->args.comms; c++) {
            if (message)
                oriel_domain_break(member->args.comm[c], message);
            oriel_domain_unuse(worker, member->args.comm[c]);
        }
        free(member->message);
        member->message = NULL;
    }
    oriel_graph_end(worker->orch.graph, task->id, status);
    oriel_host_recycle(worker, task);
    worker->news = true;
}

/* A thread that was given up still looks at its abort word: no other task gets that one. It posts no more, so that the
 * words still suffice for the other devices. */
static void free_abort_word(oriel_worker *worker, const oriel_host_task *task)
{
    for (uint32_t i = 0; i < task->count; i++)
        if (task->member[i].stuck)
            return;
    worker->free_aborts[worker->free_abort_count++] = task->abort;
}

static void all_members_ended(oriel_worker *worker, oriel_host_task *task)
{
    free_abort_word(worker, task);
    char message[ORIEL_ERROR_BYTES];
    oriel_status status = oriel_report(worker, task, message);
    if (status != ORIEL_OK) {
        oriel_host_end_task(worker, task, status, status == ORIEL_POISONED ? NULL : message);
    } else if (task->copies) {
        task->has_run = true;
        oriel_task_list_append(&worker->copying, task);
    } else {
        oriel_host_end_task(worker, task, ORIEL_OK, NULL);
    }
}

/* Tells the members that have not ended to leave their waits. */
static void abort_members(oriel_worker *worker, oriel_host_task *task)
{
    if (task->aborted)
        return;
    task->aborted = true;
    atomic_store(&worker->abort_words[task->abort].set, 1);
    for (uint32_t i = 0; i < task->count; i++)
        if (!task->member[i].ended)
            oriel_bell_ring(&worker->bells[task->member[i].device]);
}

static void member_ended(oriel_worker *worker, oriel_member *member, oriel_status status, const char *message)
{
    oriel_host_task *task = member->task;
    member->ended = true;
    member->late = task->aborted;
    member->status = status;
    if (status == ORIEL_TIMEOUT && !worker->expired && oriel_passed(worker->deadline))
        oriel_host_expire(worker); /* before the next one starts */
    if (status != ORIEL_OK) {
        member->message = message ? strdup(message) : NULL;
        for (uint32_t c = 0; c < member->args.comms; c++)
            oriel_domain_break(member->args.comm[c], NULL);
        abort_members(worker, task);
    }
    if (--task->running == 0)
        all_members_ended(worker, task);
}

static void take_completions(oriel_worker *worker, oriel_host_device *device)
{
    oriel_slot *slot;
    while (!device->dead && (slot = oriel_mailbox_completed(device->mailbox))) {
        oriel_member *member = device->posted[slot - device->mailbox->slot];
        if (member)
            member_ended(worker, member, slot->completion.status, slot->completion.message);
        oriel_mailbox_take(device->mailbox);
        device->busy_since = 0;
    }
}

/* Host functions that sub-workers have given back. */
static void take_host_ends(oriel_worker *worker)
{
    oriel_host_task *next;
    for (oriel_host_task *task = oriel_handover_collect(&worker->handover); task; task = next) {
        char message[ORIEL_ERROR_BYTES];
        next = task->next;
        oriel_status status = oriel_report(worker, task, message);
        oriel_host_end_task(worker, task, status, status == ORIEL_OK ? NULL : message);
    }
}

/* ---- From the graph into the queues ----------------------------------------------------------------------------- */

bool oriel_host_any_alive(const oriel_worker *worker)
{
    for (uint32_t i = 0; i < worker->device_count; i++)
        if (!worker->device[i].dead)
            return true;
    return false;
}

/* The task cannot run, since a device is dead. */
static void end_without_device(oriel_worker *worker, oriel_host_task *task, const oriel_host_device *device)
{
    char message[ORIEL_ERROR_BYTES];
    oriel_report_not_run(worker, task, device, message);
    oriel_host_end_task(worker, task, ORIEL_RANK_DIED, message);
}

static const oriel_host_device *dead_device_of(const oriel_worker *worker, const oriel_host_task *task)
{
    if (task->any)
        return oriel_host_any_alive(worker) ? NULL : &worker->device[0];
    for (uint32_t i = 0; i < task->count; i++)
        if (worker->device[task->member[i].device].dead)
            return &worker->device[task->member[i].device];
    return NULL;
}

/* The run's deadline came before the task could start. */
static void end_unstarted(oriel_worker *worker, oriel_host_task *task)
{
    worker->unstarted++;
    oriel_host_end_task(worker, task, ORIEL_TIMEOUT, NULL);
}

static void enqueue(oriel_worker *worker, oriel_host_task *task)
{
    task->turn = ++worker->turns;
    const oriel_host_device *dead;
    if (worker->expired) {
        end_unstarted(worker, task);
    } else if (task->callable->host) {
        oriel_task_list_append(&worker->host, task);
    } else if ((dead = dead_device_of(worker, task))) {
        end_without_device(worker, task, dead);
    } else if (task->any) {
        oriel_task_list_append(&worker->any, task);
    } else {
        for (uint32_t i = 0; i < task->count; i++)
            queue_append(&worker->device[task->member[i].device], &task->member[i]);
    }
}

static void take_ready(oriel_worker *worker)
{
    uint64_t id;
    void *payload;
    bool poisoned;
    while (oriel_graph_take(worker->orch.graph, &id, &payload, &poisoned)) {
        oriel_host_task *task = payload;
        if (poisoned) {
            oriel_host_end_task(worker, task, ORIEL_POISONED, NULL);
        } else if (task->copies && !worker->expired) {
            oriel_task_list_append(&worker->copying, task);
        } else {
            enqueue(worker, task);
        }
    }
}

/* One task's copies, without the mutex. */
static bool copy_one(oriel_worker *worker)
{
    oriel_host_task *task = oriel_task_list_take(&worker->copying);
    if (!task)
        return false;
    oriel_status status = ORIEL_OK;
    oriel_host_unlock(worker);
    if (task->has_run)
        oriel_copies_out(task);
    else
        status = oriel_copies_in(worker, task);
    pthread_mutex_lock(&worker->mutex);
    if (status != ORIEL_OK)
        oriel_host_end_task(worker, task, status, oriel_last_error());
    else if (task->has_run)
        oriel_host_end_task(worker, task, ORIEL_OK, NULL);
    else
        enqueue(worker, task);
    return true;
}

/* ---- From the queues into the mailboxes ------------------------------------------------------------------------- */

static void fill_command(const oriel_worker *worker, const oriel_member *member, bool follows, oriel_command *command)
{
    const oriel_args *args = &member->args;
    const oriel_host_task *task = member->task;
    command->callable = (oriel_callable_id)(task->callable - worker->callables);
    command->blocks = args->blocks ? args->blocks : 1;
    command->timeout = worker->timeout;
    command->deadline = worker->deadline;
    command->abort = oriel_arena_offset(worker->arena, &worker->abort_words[task->abort]);
    command->follows = follows;
    command->tensors = args->tensors;
    for (uint32_t i = 0; i < args->tensors; i++) {
        const oriel_tensor *tensor = &args->tensor[i];
        const void *data = member->piece[i] ? member->piece[i] : tensor->data;
        command->tensor[i] =
            oriel_view_tensor_at(tensor, (oriel_place){ORIEL_SEGMENT_ARENA, oriel_arena_offset(worker->arena, data)});
    }
    command->scalars = args->scalars;
    memcpy(command->scalar, args->scalar, args->scalars * sizeof *args->scalar);
    command->comms = args->comms;
    for (uint32_t i = 0; i < args->comms; i++)
        command->comm[i] =
            (oriel_command_comm){oriel_arena_offset(worker->arena, args->comm[i]->shared), member->rank[i]};
}

static bool is_idle(const oriel_host_device *device)
{
    return oriel_mailbox_outstanding(device->mailbox) == 0;
}

/* All mailboxes have room. */
static void post(oriel_worker *worker, oriel_host_task *task, bool follows)
{
    task->running = task->count;
    task->abort = worker->free_aborts[--worker->free_abort_count];
    oriel_abort_word *abort = &worker->abort_words[task->abort];
    if (atomic_load_explicit(&abort->set, memory_order_relaxed)) /* devices read it: written only if it must be */
        atomic_store_explicit(&abort->set, 0, memory_order_relaxed);
    for (uint32_t i = 0; i < task->count; i++) {
        oriel_member *member = &task->member[i];
        oriel_host_device *device = &worker->device[member->device];
        oriel_slot *slot = oriel_mailbox_free_slot(device->mailbox);
        fill_command(worker, member, follows, &slot->command);
        device->posted[slot - device->mailbox->slot] = member;
        if (is_idle(device))
            device->busy_since = 0;
        oriel_mailbox_post(device->mailbox);
        oriel_bell_ring(&worker->bells[member->device]);
    }
}

static bool group_can_go(const oriel_worker *worker, const oriel_host_task *task)
{
    for (uint32_t i = 0; i < task->count; i++) {
        const oriel_host_device *device = &worker->device[task->member[i].device];
        if (device->first != &task->member[i] || !is_idle(device))
            return false;
    }
    return true;
}

/* Takes the first task of `device` out of all the queues that it stands in. */
static oriel_host_task *unqueue_first(oriel_worker *worker, oriel_host_device *device)
{
    oriel_host_task *task = device->first->task;
    for (uint32_t i = 0; i < task->count; i++)
        queue_remove(&worker->device[task->member[i].device], &task->member[i]);
    return task;
}

static void post_any(oriel_worker *worker, oriel_host_task *task, oriel_host_device *device)
{
    task->member[0].device = device->setup.index;
    post(worker, task, false);
}

/* Whether a task for any device may go there: not before what is older. */
static bool takes_any(const oriel_host_device *device, const oriel_host_task *task)
{
    return !device->dead && (!device->first || task->turn < device->first->task->turn) &&
           oriel_mailbox_outstanding(device->mailbox) < ORIEL_MAILBOX_DEPTH;
}

/* Posts the next task for any device; false if it cannot go. */
static bool post_next_any(oriel_worker *worker)
{
    oriel_host_task *task = worker->any.first;
    oriel_host_device *best = NULL;
    for (uint32_t i = 0; task && i < worker->device_count; i++) {
        oriel_host_device *device = &worker->device[i];
        if (takes_any(device, task) &&
            (!best || oriel_mailbox_outstanding(device->mailbox) < oriel_mailbox_outstanding(best->mailbox)))
            best = device;
    }
    if (best)
        post_any(worker, oriel_task_list_take(&worker->any), best);
    return best != NULL;
}

/* Posts the next task of this device; false if there is none, or if something older is to go first. */
static bool post_next_own(oriel_worker *worker, oriel_host_device *device)
{
    oriel_host_task *own = device->first ? device->first->task : NULL, *any = worker->any.first;
    if (device->dead || !own || (any && any->turn < own->turn))
        return false;
    if (own->count > 1 ? !group_can_go(worker, own) : !oriel_mailbox_free_slot(device->mailbox))
        return false;
    post(worker, unqueue_first(worker, device), false);
    return true;
}

static void post_all(oriel_worker *worker)
{
    bool moved;
    do {
        moved = false;
        while (post_next_any(worker))
            moved = true;
        for (uint32_t i = 0; i < worker->device_count; i++)
            while (post_next_own(worker, &worker->device[i]))
                moved = true;
    } while (moved && worker->any.first);
}

/* One task on one device, which it starts and ends with. */
static bool can_be_linked(const oriel_host_task *task)
{
    return task->count == 1 && !task->callable->host && !task->copies && task->member[0].args.comms == 0;
}

/* The last command of the device, if one that depends on it may follow: nothing older is to go first. */
static const oriel_host_task *last_link(const oriel_worker *worker, const oriel_host_device *device)
{
    uint32_t outstanding = oriel_mailbox_outstanding(device->mailbox);
    if (device->dead || device->first || worker->any.first || worker->expired || outstanding == 0 ||
        outstanding == ORIEL_MAILBOX_DEPTH)
        return NULL;
    const oriel_slot *slot = oriel_mailbox_at(device->mailbox, outstanding - 1);
    const oriel_member *member = device->posted[slot - device->mailbox->slot];
    return member && can_be_linked(member->task) ? member->task : NULL;
}

/* Posts the task that waits only for the last command of the device; false if there is none. */
static bool post_next_link(oriel_worker *worker, oriel_host_device *device)
{
    const oriel_host_task *before = last_link(worker, device);
    void *payload;
    uint64_t id = before ? oriel_graph_next(worker->orch.graph, before->id, &payload) : 0;
    oriel_host_task *task = id ? payload : NULL;
    if (!task || !can_be_linked(task) || (!task->any && task->member[0].device != device->setup.index))
        return false;
    oriel_graph_take_ahead(worker->orch.graph, id);
    task->turn = ++worker->turns;
    task->member[0].device = device->setup.index;
    post(worker, task, true);
    return true;
}

static void post_links(oriel_worker *worker)
{
    for (uint32_t i = 0; i < worker->device_count; i++)
        while (post_next_link(worker, &worker->device[i]))
            ;
}

/* ---- Back from a mailbox ---------------------------------------------------------------------------------------- */

/* The outstanding command of `slot`, if it is of a task for any device and was not begun: that is now nowhere. */
static oriel_host_task *take_back(oriel_worker *worker, oriel_host_device *device, oriel_slot *slot)
{
    oriel_member **posted = &device->posted[slot - device->mailbox->slot];
    oriel_host_task *task = *posted ? (*posted)->task : NULL;
    if (!task || !task->any || !oriel_mailbox_take_back(slot))
        return NULL;
    *posted = NULL;
    worker->free_aborts[worker->free_abort_count++] = task->abort;
    return task;
}

/* Whether the outstanding command of this index follows one that has not ended, or is followed by one that waits for it. */
static bool is_tied(const oriel_worker *worker, oriel_host_device *device, uint32_t index)
{
    uint32_t outstanding = oriel_mailbox_outstanding(device->mailbox);
    for (uint32_t i = index; i < outstanding && i <= index + 1; i++) {
        const oriel_slot *slot = oriel_mailbox_at(device->mailbox, i);
        const oriel_member *member = device->posted[slot - device->mailbox->slot];
        if (member && oriel_graph_is_ahead(worker->orch.graph, member->task->id))
            return true;
    }
    return false;
}

/* The last task for any device that waits behind another command of `device`, if it may go to `idle`. */
static oriel_host_task *take_waiting(oriel_worker *worker, oriel_host_device *device, const oriel_host_device *idle)
{
    for (uint32_t i = oriel_mailbox_outstanding(device->mailbox); i-- > 1;) {
        oriel_slot *slot = oriel_mailbox_at(device->mailbox, i);
        const oriel_member *member = device->posted[slot - device->mailbox->slot];
        bool may_go = member && takes_any(idle, member->task) && !is_tied(worker, device, i);
        oriel_host_task *task = may_go ? take_back(worker, device, slot) : NULL;
        if (task)
            return task;
    }
    return NULL;
}

static void help_others(oriel_worker *worker, oriel_host_device *idle)
{
    oriel_host_task *task = NULL;
    for (uint32_t i = 0; !task && i < worker->device_count; i++)
        if (!worker->device[i].dead)
            task = take_waiting(worker, &worker->device[i], idle);
    if (task)
        post_any(worker, task, idle);
}

/* Nothing for any device is left to be posted: those that are idle help the others. */
static void balance(oriel_worker *worker)
{
    for (uint32_t i = 0; !worker->any.first && i < worker->device_count; i++)
        if (!worker->device[i].dead && is_idle(&worker->device[i]))
            help_others(worker, &worker->device[i]);
}

/* Host functions to the sub-workers. */
static void hand_over(oriel_worker *worker)
{
    if (!worker->host.first)
        return;
    while (worker->host.first && oriel_handover_has_room(&worker->handover))
        oriel_handover_put(&worker->handover, oriel_task_list_take(&worker->host));
    oriel_sub_workers_wake(worker);
}

/* Tells the host's threads that wait: the listening one if that is what it waits for, the others that a task has ended. */
static void announce(oriel_worker *worker)
{
    if (!worker->news)
        return;
    worker->news = false;
    if (worker->listening && worker->done(worker->done_context))
        oriel_control_ring(worker->control);
    if (atomic_load(&worker->others))
        pthread_cond_broadcast(&worker->ended);
}

static void take_ends(oriel_worker *worker)
{
    for (uint32_t i = 0; i < worker->device_count; i++)
        take_completions(worker, &worker->device[i]);
    take_host_ends(worker);
}

static void send_out(oriel_worker *worker)
{
    take_ready(worker);
    hand_over(worker);
    post_all(worker);
    post_links(worker);
}

void oriel_host_pump(oriel_worker *worker)
{
    do {
        take_ends(worker);
        send_out(worker);
        balance(worker);
        announce(worker);
    } while (copy_one(worker));
}

/* A look at what others have just written costs as much as a submission. */
void oriel_host_push(oriel_worker *worker)
{
    bool looks = worker->submissions % SUBMITS_PER_LOOK == 0 || worker->any.first;
    if (!looks)
        send_out(worker);
    if (looks || worker->copying.first || worker->news)
        oriel_host_pump(worker);
}

/* ---- When things go wrong --------------------------------------------------------------------------------------- */

static void put_back(oriel_task_list *list, oriel_host_task *task)
{
    oriel_host_task **link = &list->first;
    while (*link && (*link)->turn < task->turn)
        link = &(*link)->next;
    if (!(task->next = *link))
        list->last = &task->next;
    *link = task;
}

/* The oldest command of a dead device. What can go elsewhere and was not begun does so; what only follows it waits again. */
static void end_command(oriel_worker *worker, oriel_host_device *device, bool running)
{
    oriel_graph *graph = worker->orch.graph;
    oriel_slot *slot = oriel_mailbox_at(device->mailbox, 0);
    oriel_member *member = device->posted[slot - device->mailbox->slot];
    bool poisoned = member && oriel_graph_is_poisoned(graph, member->task->id);
    bool ahead = member && oriel_graph_is_ahead(graph, member->task->id);
    oriel_host_task *task = worker->expired || poisoned || ahead ? NULL : take_back(worker, device, slot);
    oriel_mailbox_take(device->mailbox);
    if (task) {
        put_back(&worker->any, task);
    } else if (poisoned) {
        member_ended(worker, member, ORIEL_POISONED, NULL);
    } else if (ahead) {
        worker->free_aborts[worker->free_abort_count++] = member->task->abort;
        oriel_graph_give_back(graph, member->task->id);
    } else if (member) {
        member->stuck = running && device->given_up;
        member->unstarted = !running;
        member_ended(worker, member, member->stuck ? ORIEL_TIMEOUT : ORIEL_RANK_DIED, NULL);
    }
}

void oriel_host_device_died(oriel_worker *worker, oriel_host_device *device)
{
    take_completions(worker, device);
    device->dead = true;
    for (bool running = true; !is_idle(device); running = false)
        end_command(worker, device, running);
    while (device->first)
        end_without_device(worker, unqueue_first(worker, device), device);
    oriel_host_task *task;
    while (!oriel_host_any_alive(worker) && (task = oriel_task_list_take(&worker->any)))
        end_without_device(worker, task, device);
}

void oriel_host_expire(oriel_worker *worker)
{
    worker->expired = true;
    oriel_host_task *task;
    while ((task = oriel_handover_take(&worker->handover)) || (task = oriel_task_list_take(&worker->host)) ||
           (task = oriel_task_list_take(&worker->any)))
        end_unstarted(worker, task);
    for (uint32_t i = 0; i < worker->device_count; i++)
        while (worker->device[i].first)
            end_unstarted(worker, unqueue_first(worker, &worker->device[i]));
}
