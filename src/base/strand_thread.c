/* SPDX-License-Identifier: Apache-2.0 */
/* A strand as a thread. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/strand_forms.h"

#define DEFAULT_STACK_BYTES ((size_t)8 << 20)

typedef struct thread {
    oriel_strand strand;
    pthread_t id;
    oriel_strand_fn function;
    void *context;
    oriel_legacy legacy;
} thread;

static void *live(void *argument)
{
    thread *self = argument;
    pthread_setname_np(pthread_self(), self->strand.name);
    oriel_legacy_leave(&self->legacy, self->function(self->context));
    return NULL;
}

static int create(thread *self, size_t stack_bytes)
{
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error)
        return error;
    error = pthread_attr_setstacksize(&attributes, stack_bytes);
    if (!error)
        error = pthread_create(&self->id, &attributes, live, self);
    pthread_attr_destroy(&attributes);
    return error;
}

static oriel_status thread_start(const oriel_strand_options *options, oriel_strand_fn function, void *context,
                                 oriel_strand **strand)
{
    thread *self = aligned_alloc(_Alignof(thread), sizeof *self);
    if (!self)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for a strand");
    *self = (thread){
        .strand = {.ops = &oriel_strand_thread, .bell = &self->legacy.bell}, .function = function, .context = context};
    oriel_strand_set_name(&self->strand, options->name);
    size_t stack_bytes = options->stack_bytes ? options->stack_bytes : DEFAULT_STACK_BYTES;
    errno = create(self, stack_bytes);
    if (errno) {
        oriel_status status = oriel_fail_errno(ORIEL_SYSTEM, "cannot start thread \"%s\" with a stack of %zu B",
                                               self->strand.name, stack_bytes);
        free(self);
        return status;
    }
    *strand = &self->strand;
    return ORIEL_OK;
}

static oriel_fate thread_poll(oriel_strand *strand)
{
    thread *self = (thread *)strand;
    if (!oriel_legacy_left(&self->legacy))
        return (oriel_fate){0};
    return (oriel_fate){.ended = true, .status = self->legacy.status};
}

/* It has left its status, and is about to return, or has. */
static void thread_free(oriel_strand *strand)
{
    thread *self = (thread *)strand;
    pthread_join(self->id, NULL);
    free(self);
}

const oriel_strand_ops oriel_strand_thread = {thread_start, thread_poll, NULL, thread_free};
