/* SPDX-License-Identifier: Apache-2.0 */
/* The sub-workers: threads of the host that run host functions, each the next one that is ready. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "runtime/host.h"

/* How long a host function may go on after close, before its thread and the worker's memory are left to it. */
#define STOP_WITHIN 5.0

/* Runs the function without the mutex. */
static void run_host_task(oriel_worker *worker, oriel_host_task *task)
{
    oriel_member *member = &task->member[0];
    pthread_mutex_unlock(&worker->mutex);
    oriel_error_clear();
    member->status = task->callable->host(&member->args);
    char message[ORIEL_ERROR_BYTES];
    if (member->status != ORIEL_OK) {
        member->status = oriel_own_failure(member->status);
        member->message = strdup(oriel_last_error());
        oriel_report(worker, task, message);
    }
    pthread_mutex_lock(&worker->mutex);
    oriel_host_end_task(worker, task, member->status, member->status == ORIEL_OK ? NULL : message);
}

static oriel_status sub_worker_main(void *context)
{
    oriel_worker *worker = context;
    pthread_mutex_lock(&worker->mutex);
    while (!worker->quit) {
        oriel_host_task *task = oriel_task_list_take(&worker->host);
        if (task) {
            run_host_task(worker, task);
            oriel_host_pump(worker);
        } else {
            pthread_cond_wait(&worker->host_ready, &worker->mutex);
        }
    }
    pthread_mutex_unlock(&worker->mutex);
    return ORIEL_OK;
}

oriel_status oriel_sub_workers_start(oriel_worker *worker)
{
    worker->sub_worker = calloc(worker->options.sub_workers, sizeof *worker->sub_worker);
    if (!worker->sub_worker)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for %u sub-workers", worker->options.sub_workers);
    oriel_strand_options options = {.form = ORIEL_FORM_THREAD, .name = "oriel-sub"};
    for (uint32_t i = 0; i < worker->options.sub_workers; i++) {
        oriel_status status = oriel_strand_start(&options, sub_worker_main, worker, &worker->sub_worker[i]);
        if (status != ORIEL_OK)
            return status;
    }
    return ORIEL_OK;
}

void oriel_sub_workers_join(oriel_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    pthread_cond_broadcast(&worker->host_ready);
    pthread_mutex_unlock(&worker->mutex);
    int64_t deadline = oriel_deadline(STOP_WITHIN);
    for (uint32_t i = 0; worker->sub_worker && i < worker->options.sub_workers; i++) {
        oriel_strand *strand = worker->sub_worker[i];
        oriel_fate fate;
        if (!strand)
            continue;
        if (oriel_strand_join(strand, deadline, &fate) == ORIEL_OK)
            oriel_strand_free(strand);
        else
            worker->lost = true;
    }
    free(worker->sub_worker);
    worker->sub_worker = NULL;
}
