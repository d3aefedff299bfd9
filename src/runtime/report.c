/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said about a task that failed: the cause first, then who waited for it, where, for what, and what it saw (the
 * engine's own words), then who had returned already.
 *
 *      rank 2 (device 5, pid 1234) of task "allreduce" was killed by signal 9 (Killed); barrier.h:40: rank 0 waited for
 *      cell 2 of window "signals" >= 5, and saw 4; ... and 3 more
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "runtime/host.h"

/* How many of the others are told about one by one. */
#define TOLD 3

typedef struct message_text {
    char *at, *end;
} message_text;

__attribute__((format(printf, 2, 3))) static void add(message_text *text, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    int length = vsnprintf(text->at, (size_t)(text->end - text->at), format, values);
    va_end(values);
    text->at = length < text->end - text->at ? text->at + length : text->end - 1;
}

/* "rank 2 (device 5, pid 1234)"; "device 5 (pid 1234)" if it has no rank. */
static void add_who(message_text *text, const oriel_worker *worker, const oriel_member *member)
{
    const oriel_host_device *device = &worker->device[member->device];
    bool ranked = member->args.comms > 0;
    if (ranked)
        add(text, "rank %" PRIu32 " (device %d", member->rank[0], device->number);
    else
        add(text, "device %d", device->number);
    if (device->pid)
        add(text, ranked ? ", pid %d)" : " (pid %d)", device->pid);
    else if (ranked)
        add(text, ")");
}

/* The lower, the nearer to the cause: others fail because somebody died, or went wrong, or never came. */
static int distance(const oriel_member *member)
{
    switch (member->status) {
    case ORIEL_OK: return 6;
    case ORIEL_ABORTED: return 5;
    case ORIEL_POISONED: return 4;
    case ORIEL_TIMEOUT: return member->stuck ? 2 : 3;
    case ORIEL_RANK_DIED: return 0;
    default: return 1;
    }
}

static const oriel_member *find_cause(const oriel_host_task *task)
{
    const oriel_member *cause = &task->member[0];
    for (uint32_t i = 1; i < task->count; i++)
        if (distance(&task->member[i]) < distance(cause))
            cause = &task->member[i];
    return cause;
}

static const char *words_of(const oriel_member *member)
{
    return member->message && *member->message ? member->message : oriel_status_name(member->status);
}

static void add_cause(message_text *text, const oriel_worker *worker, const oriel_member *cause)
{
    const char *task = cause->task->callable->name;
    const oriel_host_device *device = &worker->device[cause->device];
    if (cause->task->callable->host) {
        add(text, "task \"%s\": %s", task, words_of(cause));
    } else if (cause->status == ORIEL_RANK_DIED) {
        add_who(text, worker, cause);
        add(text, " of task \"%s\" %s%s", task, device->fate, cause->unstarted ? " before it came to it" : "");
    } else if (cause->stuck) {
        add_who(text, worker, cause);
        add(text, " of task \"%s\" did not finish within %g s: it was still running", task, worker->timeout_s);
    } else {
        add(text, "%s [task \"%s\", ", words_of(cause), task);
        add_who(text, worker, cause);
        add(text, "]");
    }
}

/* Whether it has something of its own to say: not the cause itself, nor one that was not run because of it. */
static bool has_words(const oriel_member *member, const oriel_member *cause)
{
    return member != cause && member->message && member->status != ORIEL_POISONED;
}

/* Why somebody may have waited for it in vain; NULL: nobody did, or it says so itself. */
static const char *absence_of(const oriel_member *member, const oriel_member *cause)
{
    if (cause->status != ORIEL_TIMEOUT)
        return NULL;
    if (member->status == ORIEL_POISONED)
        return "had not started";
    if (member->status == ORIEL_OK)
        return member->late ? "returned too late" : "had returned";
    return NULL;
}

/* Where it waited; or that it was not there to be waited for. */
static bool add_other(message_text *text, const oriel_worker *worker, const oriel_member *member,
                      const oriel_member *cause)
{
    const char *absence = absence_of(member, cause);
    if (has_words(member, cause)) {
        add(text, "; %s", member->message);
    } else if (absence) {
        add(text, "; ");
        add_who(text, worker, member);
        add(text, " %s", absence);
    } else {
        return false;
    }
    return true;
}

static void add_deadline(message_text *text, const oriel_worker *worker)
{
    if (oriel_passed(worker->deadline))
        add(text, "; the run's deadline had passed");
    else
        add(text, "; the deadline of %g s had passed", worker->timeout_s);
}

void oriel_report_not_run(const oriel_worker *worker, const oriel_host_task *task, const oriel_host_device *device,
                          char message[ORIEL_ERROR_BYTES])
{
    message_text text = {message, message + ORIEL_ERROR_BYTES};
    const oriel_member alone = {.device = device->setup.index}, *missing = &alone;
    for (uint32_t i = 0; i < task->count; i++)
        if (task->member[i].device == alone.device)
            missing = &task->member[i];
    add(&text, "task \"%s\" was not run: ", task->callable->name);
    add_who(&text, worker, missing);
    add(&text, " %s", device->fate);
}

oriel_status oriel_report(const oriel_worker *worker, const oriel_host_task *task, char message[ORIEL_ERROR_BYTES])
{
    const oriel_member *cause = find_cause(task);
    if (cause->status == ORIEL_OK)
        return ORIEL_OK;
    message_text text = {message, message + ORIEL_ERROR_BYTES};
    add_cause(&text, worker, cause);
    uint32_t told = 0;
    for (uint32_t i = 0; i < task->count; i++) {
        if (told < TOLD)
            told += add_other(&text, worker, &task->member[i], cause);
        else
            told += has_words(&task->member[i], cause);
    }
    if (told > TOLD)
        add(&text, "; and %" PRIu32 " more", told - TOLD);
    if (cause->status == ORIEL_TIMEOUT && !cause->stuck)
        add_deadline(&text, worker);
    return cause->status;
}
