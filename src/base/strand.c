/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strand.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/strand_forms.h"

static const oriel_strand_ops *const forms[] = {
    [ORIEL_FORM_PROCESS] = &oriel_strand_process,
    [ORIEL_FORM_THREAD] = &oriel_strand_thread,
    [ORIEL_FORM_COROUTINE] = &oriel_strand_coroutine,
};

void oriel_strand_set_name(oriel_strand *strand, const char *name)
{
    size_t length = 0;
    for (; name && name[length] && length < sizeof strand->name - 1; length++)
        strand->name[length] = name[length];
    strand->name[length] = '\0';
}

void oriel_legacy_leave(oriel_legacy *legacy, oriel_status status)
{
    legacy->status = status;
    atomic_store_explicit(&legacy->returned, 1, memory_order_release);
    oriel_bell_ring(&legacy->bell);
}

bool oriel_legacy_left(const oriel_legacy *legacy)
{
    return atomic_load_explicit(&legacy->returned, memory_order_acquire) != 0;
}

oriel_status oriel_strand_start(const oriel_strand_options *options, oriel_strand_fn function, void *context,
                                oriel_strand **strand)
{
    return forms[options->form]->start(options, function, context, strand);
}

oriel_fate oriel_strand_poll(oriel_strand *strand)
{
    return strand->ops->poll(strand);
}

static bool has_ended(void *strand)
{
    return oriel_strand_poll(strand).ended;
}

oriel_status oriel_strand_join(oriel_strand *strand, int64_t deadline, oriel_fate *fate)
{
    oriel_wait wait = {.ready = has_ended, .context = strand, .deadline = deadline};
    oriel_status status;
    if (oriel_strand_is_coroutine())
        status = oriel_wait_for(NULL, &wait);
    else if (strand->loop)
        status = oriel_loop_run(strand->loop, &wait);
    else
        status = oriel_wait_for(strand->bell, &wait);
    if (status != ORIEL_OK)
        return oriel_fail(status, "strand \"%s\" has not ended by its deadline", strand->name);
    *fate = oriel_strand_poll(strand);
    return ORIEL_OK;
}

void oriel_strand_kill(oriel_strand *strand)
{
    if (strand->ops->kill)
        strand->ops->kill(strand);
}

void oriel_strand_free(oriel_strand *strand)
{
    strand->ops->free(strand);
}

int oriel_strand_pid(const oriel_strand *strand)
{
    return strand->pid;
}

static bool one_task(void *context)
{
    (void)context;
    DIR *tasks = opendir("/proc/self/task");
    if (!tasks)
        return false;
    uint32_t count = 0;
    for (struct dirent *entry; (entry = readdir(tasks));)
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count == 1;
}

/* A thread that was joined is still listed while it leaves the kernel: look again for a moment. */
bool oriel_strand_single_threaded(void)
{
    oriel_wait wait = {.ready = one_task, .deadline = oriel_deadline(0.005)};
    return oriel_wait_for(NULL, &wait) == ORIEL_OK;
}
