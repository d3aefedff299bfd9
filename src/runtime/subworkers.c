/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sub-workers: threads of the host that run host functions, each the next one that is ready.
 *
 * They take tasks and give them back without the worker's mutex (handover.h). What follows from an end needs it: a
 * sub-worker that gets it at once sees to that. If it does not, whoever has the mutex looks when he gives it back
 * (oriel_host_unlock), so that nobody stands in line for it. And while a submitter is at it, all leave it to him: he looks
 * once in some submissions, and would find the mutex taken at each.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fence.h"
#include "runtime/host.h"

/* How long a host function may go on after close, before its thread and the worker's memory are left to it. */
#define STOP_WITHIN 5.0

struct oriel_sub_worker {
    oriel_bell bell;
    oriel_worker *worker;
    oriel_strand *strand;
    oriel_host_task *task; /* the next one */
};

/* ---- Moving things along without standing in line ----------------------------------------------------------------- */

/* Whether a submitter is at it. Soon after he has stopped the scheduler looks. */
static bool is_left_to_submitter(const oriel_worker *worker)
{
    return atomic_load_explicit(&worker->control->listener, memory_order_relaxed) == ORIEL_LISTENER_NOBODY;
}

/* Until somebody else has the mutex, who will look too, or there is nothing to do. */
static void see_to_ends(oriel_worker *worker)
{
    oriel_look_after();
    while (oriel_handover_has_left(&worker->handover) && !is_left_to_submitter(worker) &&
           pthread_mutex_trylock(&worker->mutex) == 0) {
        oriel_host_pump(worker);
        pthread_mutex_unlock(&worker->mutex);
        oriel_look_after();
    }
}

void oriel_host_unlock(oriel_worker *worker)
{
    pthread_mutex_unlock(&worker->mutex);
    see_to_ends(worker);
}

/* A thread that waits on `ended` gives the mutex up where it cannot look: for that one somebody stands in line. */
static void give_back(oriel_worker *worker, oriel_host_task *task)
{
    oriel_handover_leave(&worker->handover, task);
    see_to_ends(worker);
    if (oriel_handover_has_left(&worker->handover) && atomic_load(&worker->others)) {
        pthread_mutex_lock(&worker->mutex);
        oriel_host_pump(worker);
        oriel_host_unlock(worker);
    }
}

/* ---- Waking ------------------------------------------------------------------------------------------------------- */

static bool sleeps(const oriel_sub_worker *sub_worker)
{
    return atomic_load_explicit(&sub_worker->bell.sleepers, memory_order_relaxed) != 0;
}

/*
 * Wakes as many as there are tasks that nobody who is awake looks for. Called when tasks were put, and by who looks no more
 * since he found one: so if two tasks count on the same thread, that one sees the second.
 */
void oriel_sub_workers_wake(oriel_worker *worker)
{
    oriel_look_after();
    uint32_t looking = atomic_load_explicit(&worker->looking, memory_order_relaxed), asleep = 0;
    if (looking == 0)
        return;
    uint32_t count = worker->options.sub_workers;
    for (uint32_t i = 0; i < count; i++)
        asleep += sleeps(&worker->sub_worker[i]);
    uint64_t awake = looking > asleep ? looking - asleep : 0, waiting = oriel_handover_waiting(&worker->handover);
    for (uint32_t i = 0; i < count && waiting > awake; i++)
        if (sleeps(&worker->sub_worker[i])) {
            oriel_bell_ring(&worker->sub_worker[i].bell);
            awake++;
        }
}

/* ---- A sub-worker ------------------------------------------------------------------------------------------------- */

static bool has_task_or_quits(void *context)
{
    oriel_sub_worker *self = context;
    self->task = oriel_handover_take(&self->worker->handover);
    return self->task || atomic_load_explicit(&self->worker->quit, memory_order_relaxed);
}

/* NULL: the worker ends. */
static oriel_host_task *next_task(oriel_sub_worker *self)
{
    if (has_task_or_quits(self))
        return self->task;
    oriel_worker *worker = self->worker;
    atomic_fetch_add(&worker->looking, 1);
    oriel_wait_for(&self->bell, &(oriel_wait){.ready = has_task_or_quits, .context = self, .deadline = ORIEL_NEVER});
    atomic_fetch_sub(&worker->looking, 1);
    oriel_sub_workers_wake(worker);
    return self->task;
}

static void run_host_task(oriel_host_task *task)
{
    oriel_member *member = &task->member[0];
    oriel_error_clear();
    member->status = task->callable->host(&member->args);
    if (member->status != ORIEL_OK) {
        member->status = oriel_own_failure(member->status);
        member->message = strdup(oriel_last_error());
    }
}

static oriel_status sub_worker_main(void *context)
{
    oriel_sub_worker *self = context;
    for (oriel_host_task *task; (task = next_task(self));) {
        run_host_task(task);
        give_back(self->worker, task);
    }
    return ORIEL_OK;
}

oriel_status oriel_sub_workers_start(oriel_worker *worker)
{
    uint32_t count = worker->options.sub_workers;
    oriel_sub_worker *all = aligned_alloc(_Alignof(oriel_sub_worker), count * sizeof *all);
    if (!all)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for %u sub-workers", count);
    memset(all, 0, count * sizeof *all);
    worker->sub_worker = all;
    oriel_strand_options options = {.form = ORIEL_FORM_THREAD, .name = "oriel-sub"};
    for (uint32_t i = 0; i < count; i++) {
        all[i].worker = worker;
        oriel_status status = oriel_strand_start(&options, sub_worker_main, &all[i], &all[i].strand);
        if (status != ORIEL_OK)
            return status;
    }
    return ORIEL_OK;
}

void oriel_sub_workers_join(oriel_worker *worker)
{
    int64_t deadline = oriel_deadline(STOP_WITHIN);
    bool all_ended = true;
    uint32_t count = worker->sub_worker ? worker->options.sub_workers : 0;
    for (uint32_t i = 0; i < count; i++)
        oriel_bell_ring(&worker->sub_worker[i].bell);
    for (uint32_t i = 0; i < count; i++) {
        oriel_strand *strand = worker->sub_worker[i].strand;
        oriel_fate fate;
        if (!strand)
            continue;
        if (oriel_strand_join(strand, deadline, &fate) == ORIEL_OK)
            oriel_strand_free(strand);
        else
            all_ended = false;
    }
    if (all_ended)
        free(worker->sub_worker);
    else
        worker->lost = true; /* and its bell stays, too */
    worker->sub_worker = NULL;
}
