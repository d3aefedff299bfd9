/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler thread, and how other threads of the host wait.
 *
 * The scheduler starts the devices, moves things along when a device rings and no other thread listens, looks now and
 * then at the devices' fates and at the deadlines, and stops the devices at the end. A thread that waits for a task
 * listens itself.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fence.h"
#include "runtime/host.h"

/* How often the fates of the devices and the deadlines are looked at during a run. */
#define LOOK_EVERY INT64_C(5000000)
/* How long the scheduler leaves a submitter alone, and what a task may at most have to wait when that one has stopped. */
#define HUSH INT64_C(200000)
/* A device ends its waits itself when their deadline passes. So much later it is given up. */
#define GRACE INT64_C(1000000000)
/* How long a device may take to stop when it is asked to, and to be gone after it was killed. */
#define STOP_WITHIN 1.0
#define GONE_WITHIN 5.0

/* ---- Waiting ---------------------------------------------------------------------------------------------------- */

typedef struct listener {
    oriel_worker *worker;
    oriel_listener me;
    uint32_t seen, seen_calls;
} listener;

/* For whom the devices ring, and whether sub-workers leave what has ended to others. Who takes over looks after this. */
static void ring_for(oriel_worker *worker, oriel_listener who)
{
    atomic_store(&worker->control->listener, who);
    oriel_look_after();
}

/* From now on only what comes later is news. Called with the mutex held. */
static void now_i_know(listener *news)
{
    news->seen = atomic_load(&news->worker->control->events);
    news->seen_calls = atomic_load(&news->worker->calls);
}

/* Something for this listener to look at. */
static bool has_news(void *context)
{
    const listener *news = context;
    const oriel_control *control = news->worker->control;
    return (atomic_load(&control->events) != news->seen && atomic_load(&control->listener) == (uint32_t)news->me) ||
           atomic_load(&news->worker->calls) != news->seen_calls;
}

/* Sleeps until there is something to look at, or the deadline. Gives the mutex up meanwhile. */
static oriel_status sleep_for_news(listener *news, int64_t deadline)
{
    oriel_worker *worker = news->worker;
    oriel_host_unlock(worker);
    oriel_status status = oriel_wait_for(&worker->control->bell[news->me],
                                         &(oriel_wait){.ready = has_news, .context = news, .deadline = deadline});
    pthread_mutex_lock(&worker->mutex);
    return status;
}

/* As the one thread for which the devices ring. */
static oriel_status wait_listening(oriel_worker *worker, bool (*done)(void *context), void *context, int64_t deadline)
{
    oriel_status status = ORIEL_OK;
    listener news = {.worker = worker, .me = ORIEL_LISTENER_WAITER};
    worker->listening = true;
    worker->done = done;
    worker->done_context = context;
    ring_for(worker, ORIEL_LISTENER_WAITER);
    for (;;) {
        now_i_know(&news);
        oriel_host_pump(worker);
        if (done(context))
            break;
        if (oriel_passed(deadline)) { /* even if each look ends something and finds news */
            status = ORIEL_TIMEOUT;
            break;
        }
        sleep_for_news(&news, deadline);
    }
    worker->listening = false;
    ring_for(worker, worker->hushed ? ORIEL_LISTENER_NOBODY : ORIEL_LISTENER_SCHEDULER);
    if (atomic_load(&worker->control->events) != news.seen)
        oriel_host_pump(worker);
    return status;
}

/* Another thread listens: it says when a task has ended. */
static oriel_status wait_beside(oriel_worker *worker, bool (*done)(void *context), void *context, int64_t deadline)
{
    struct timespec until = {.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000};
    int error = 0;
    oriel_status status = ORIEL_OK;
    atomic_fetch_add(&worker->others, 1);
    oriel_host_pump(worker); /* of what was given back before that was known */
    while (!done(context)) {
        if (error == ETIMEDOUT) {
            status = ORIEL_TIMEOUT;
            break;
        }
        error = pthread_cond_timedwait(&worker->ended, &worker->mutex, &until);
    }
    atomic_fetch_sub(&worker->others, 1);
    return status;
}

oriel_status oriel_host_wait(oriel_worker *worker, bool (*done)(void *context), void *context, int64_t deadline)
{
    return (worker->listening ? wait_beside : wait_listening)(worker, done, context, deadline);
}

/* ---- Starting and stopping the devices -------------------------------------------------------------------------- */

static oriel_status start_devices(oriel_worker *worker)
{
    bool processes = worker->options.form == ORIEL_DEVICE_PROCESSES;
    for (uint32_t i = 0; i < worker->device_count; i++) {
        oriel_host_device *device = &worker->device[i];
        char name[16];
        snprintf(name, sizeof name, "oriel-dev%d", device->number);
        oriel_strand_options options = {.form = processes ? ORIEL_FORM_PROCESS : ORIEL_FORM_THREAD, .name = name};
        oriel_status status = oriel_strand_start(&options, oriel_device_main, &device->setup, &device->strand);
        if (status != ORIEL_OK)
            return status;
        device->pid = oriel_strand_pid(device->strand);
    }
    return ORIEL_OK;
}

static void tell_to_stop(oriel_worker *worker, oriel_host_device *device)
{
    atomic_store(&device->mailbox->stop, 1);
    oriel_bell_ring(&worker->bells[device->setup.index]);
}

/* Asks, waits, kills, reaps. A thread that does not stop cannot be ended: the worker's memory then stays. */
static void stop_devices(oriel_worker *worker)
{
    for (uint32_t i = 0; i < worker->device_count; i++)
        tell_to_stop(worker, &worker->device[i]);
    int64_t deadline = oriel_deadline(STOP_WITHIN);
    worker->lost = false; /* a thread that was given up may have come back since */
    for (uint32_t i = 0; i < worker->device_count; i++) {
        oriel_host_device *device = &worker->device[i];
        if (!device->strand)
            continue;
        oriel_fate fate;
        if (oriel_strand_join(device->strand, deadline, &fate) == ORIEL_TIMEOUT) {
            oriel_strand_kill(device->strand);
            if (device->pid == 0 ||
                oriel_strand_join(device->strand, oriel_deadline(GONE_WITHIN), &fate) == ORIEL_TIMEOUT) {
                worker->lost = true;
                continue;
            }
        }
        oriel_strand_free(device->strand);
        device->strand = NULL;
    }
}

/* ---- Fates and deadlines ---------------------------------------------------------------------------------------- */

static void tell_fate(oriel_host_device *device, const oriel_fate *fate)
{
    if (fate->signal)
        snprintf(device->fate, sizeof device->fate, "was killed by signal %d (%s)", fate->signal,
                 strsignal(fate->signal));
    else if (fate->died)
        snprintf(device->fate, sizeof device->fate, "exited with code %d", fate->code);
    else
        snprintf(device->fate, sizeof device->fate, "could not start (%s)", oriel_status_name(fate->status));
}

/* Whether it runs a command whose waits should have ended some time ago. The host may have slept itself meanwhile. */
static bool is_stuck(const oriel_worker *worker, const oriel_host_device *device, int64_t now)
{
    if (oriel_mailbox_outstanding(device->mailbox) == 0 || oriel_mailbox_completed(device->mailbox))
        return false;
    int64_t end = worker->deadline;
    if (worker->timeout < end - device->busy_since)
        end = device->busy_since + worker->timeout;
    return end < ORIEL_NEVER - GRACE && now > end + GRACE;
}

/*
 * A process is killed, its death is seen at the next look. A thread is left to itself; should it come back, it ends and
 * leaves what is in its mailbox alone, since the memory of those tasks may have been handed out again by then.
 */
static void give_up(oriel_worker *worker, oriel_host_device *device)
{
    device->given_up = true;
    if (device->pid) {
        oriel_strand_kill(device->strand);
        return;
    }
    worker->lost = true;
    tell_to_stop(worker, device);
    snprintf(device->fate, sizeof device->fate, "does not come back from a kernel");
    oriel_host_device_died(worker, device);
}

static void look_at_device(oriel_worker *worker, oriel_host_device *device, int64_t now)
{
    if (device->dead)
        return;
    if (device->busy_since == 0)
        device->busy_since = now;
    oriel_fate fate = oriel_strand_poll(device->strand);
    if (fate.ended) {
        tell_fate(device, &fate);
        oriel_host_device_died(worker, device);
    } else if (!device->given_up && is_stuck(worker, device, now)) {
        give_up(worker, device);
    }
}

static void look_around(oriel_worker *worker)
{
    int64_t now = oriel_now();
    for (uint32_t i = 0; i < worker->device_count; i++)
        look_at_device(worker, &worker->device[i], now);
    if (!worker->expired && oriel_passed(worker->deadline))
        oriel_host_expire(worker);
}

/* ---- The thread ------------------------------------------------------------------------------------------------- */

static bool is_called(void *context)
{
    const listener *news = context;
    return atomic_load(&news->worker->calls) != news->seen_calls;
}

/*
 * A submitter that is at it moves things along himself: the scheduler would only take the mutex and a processor from him.
 * So it does not listen for a moment, and then looks whether he still is.
 */
static void hush(listener *news)
{
    oriel_worker *worker = news->worker;
    if (worker->listening)
        return;
    worker->hushed = true;
    ring_for(worker, ORIEL_LISTENER_NOBODY);
    oriel_host_unlock(worker);
    oriel_wait_for(&worker->control->bell[news->me],
                   &(oriel_wait){.ready = is_called, .context = news, .deadline = oriel_now() + HUSH});
    pthread_mutex_lock(&worker->mutex);
    worker->hushed = false;
    if (!worker->listening)
        ring_for(worker, ORIEL_LISTENER_SCHEDULER);
}

static void schedule(oriel_worker *worker)
{
    uint64_t submissions = 0;
    listener news = {.worker = worker, .me = ORIEL_LISTENER_SCHEDULER};
    int64_t next_look = 0;
    for (;;) {
        now_i_know(&news);
        if (worker->quit)
            break;
        bool running = worker->state == ORIEL_WORKER_RUNNING;
        if (running && oriel_passed(next_look)) {
            look_around(worker);
            next_look = oriel_now() + LOOK_EVERY;
        }
        if (running)
            oriel_host_pump(worker);
        if (running && worker->submissions != submissions) {
            submissions = worker->submissions;
            hush(&news);
            continue;
        }
        sleep_for_news(&news, running ? next_look : ORIEL_NEVER);
    }
}

oriel_status oriel_scheduler_main(void *context)
{
    oriel_worker *worker = context;
    oriel_status status = start_devices(worker);
    pthread_mutex_lock(&worker->mutex);
    worker->start_status = status;
    if (status != ORIEL_OK)
        oriel_error_copy(worker->start_message, sizeof worker->start_message);
    pthread_cond_signal(&worker->started);
    if (status == ORIEL_OK)
        schedule(worker);
    pthread_mutex_unlock(&worker->mutex);
    stop_devices(worker);
    return status;
}
