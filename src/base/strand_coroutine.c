/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strands as coroutines, and the loop that runs them. A coroutine is in one list at a time, or in none:
 *
 *      start ─► runnable ─► running ─► ended (in no list) ─► free ─► resting ─► start
 *                  ▲           │
 *                  ├─ yield ◄──┤
 *                  └─ waiting ◄┘  until its condition, deadline or abort holds
 *
 * The handle is the coroutine itself; at rest it keeps its stack, so that starting one costs no allocation and no system
 * call. The loop sleeps as everybody does, in oriel_wait_for: until one of the waits in its list has ended.
 */
#include <sched.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fiber.h"
#include "base/strand_forms.h"

#define DEFAULT_STACK_BYTES ((size_t)256 << 10)
#define PASSES_PER_CLOCK    64

typedef struct coroutine coroutine;
struct coroutine {
    oriel_strand strand;
    coroutine *next;
    oriel_strand_fn function;
    void *context;
    oriel_fate fate;
    const oriel_wait *wait; /* while it waits */
    oriel_status outcome;   /* of its last wait */
    oriel_fiber fiber;
};

/* First in, first out. */
typedef struct queue {
    coroutine *head, **tail;
} queue;

struct oriel_loop {
    oriel_bell *bell;
    queue runnable, waiting;
    coroutine *resting;
    uint32_t yields; /* in this pass */
};

static _Thread_local coroutine *running;

static void empty(queue *list)
{
    list->head = NULL;
    list->tail = &list->head;
}

static void push(queue *list, coroutine *last)
{
    last->next = NULL;
    *list->tail = last;
    list->tail = &last->next;
}

/* ---- In the coroutine ------------------------------------------------------------------------------------------- */

static void live(void *context)
{
    coroutine *self = context;
    for (;;) {
        oriel_status status = self->function(self->context);
        self->fate = (oriel_fate){.ended = true, .status = status};
        oriel_fiber_suspend(&self->fiber, true);
    }
}

oriel_status oriel_coroutine_wait(const oriel_wait *wait)
{
    coroutine *self = running;
    if (oriel_wait_look(wait, INT64_MIN, &self->outcome))
        return self->outcome;
    self->wait = wait;
    push(&self->strand.loop->waiting, self);
    oriel_fiber_suspend(&self->fiber, false);
    return self->outcome;
}

void oriel_strand_yield(void)
{
    if (!running) {
        sched_yield();
        return;
    }
    oriel_loop *loop = running->strand.loop;
    push(&loop->runnable, running);
    loop->yields++;
    oriel_fiber_suspend(&running->fiber, false);
}

bool oriel_strand_is_coroutine(void)
{
    return running != NULL;
}

/* ---- As a strand ------------------------------------------------------------------------------------------------ */

static coroutine *take_resting(oriel_loop *loop, size_t stack_bytes)
{
    for (coroutine **link = &loop->resting; *link; link = &(*link)->next) {
        coroutine *found = *link;
        if (found->fiber.stack_bytes >= stack_bytes) {
            *link = found->next;
            return found;
        }
    }
    return NULL;
}

static oriel_status make(oriel_loop *loop, size_t stack_bytes, coroutine **made)
{
    coroutine *self = aligned_alloc(_Alignof(coroutine), sizeof *self);
    if (!self)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for a strand");
    *self = (coroutine){.strand = {.ops = &oriel_strand_coroutine, .loop = loop}};
    oriel_status status = oriel_fiber_create(&self->fiber, stack_bytes, live, self);
    if (status != ORIEL_OK) {
        free(self);
        return status;
    }
    *made = self;
    return ORIEL_OK;
}

static oriel_status coroutine_start(const oriel_strand_options *options, oriel_strand_fn function, void *context,
                                    oriel_strand **strand)
{
    oriel_loop *loop = options->loop;
    size_t stack_bytes = options->stack_bytes ? options->stack_bytes : DEFAULT_STACK_BYTES;
    coroutine *self = take_resting(loop, stack_bytes);
    if (!self) {
        oriel_status status = make(loop, stack_bytes, &self);
        if (status != ORIEL_OK)
            return status;
    }
    oriel_strand_set_name(&self->strand, options->name);
    self->function = function;
    self->context = context;
    self->fate = (oriel_fate){0};
    push(&loop->runnable, self);
    *strand = &self->strand;
    return ORIEL_OK;
}

static oriel_fate coroutine_poll(oriel_strand *strand)
{
    return ((coroutine *)strand)->fate;
}

static void coroutine_free(oriel_strand *strand)
{
    coroutine *self = (coroutine *)strand;
    self->next = strand->loop->resting;
    strand->loop->resting = self;
}

const oriel_strand_ops oriel_strand_coroutine = {coroutine_start, coroutine_poll, NULL, coroutine_free};

/* ---- The loop --------------------------------------------------------------------------------------------------- */

oriel_status oriel_loop_create(oriel_bell *bell, oriel_loop **loop)
{
    oriel_loop *self = calloc(1, sizeof *self);
    if (!self)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for a loop");
    self->bell = bell;
    empty(&self->runnable);
    empty(&self->waiting);
    *loop = self;
    return ORIEL_OK;
}

void oriel_loop_free(oriel_loop *loop)
{
    while (loop->resting) {
        coroutine *last = loop->resting;
        loop->resting = last->next;
        oriel_fiber_destroy(&last->fiber);
        free(last);
    }
    free(loop);
}

/* Makes runnable those whose waits have ended by `now`, in the order in which they came to wait. */
static void admit(oriel_loop *loop, int64_t now)
{
    queue before = loop->waiting;
    empty(&loop->waiting);
    for (coroutine *each = before.head, *next; each; each = next) {
        next = each->next;
        push(oriel_wait_look(each->wait, now, &each->outcome) ? &loop->runnable : &loop->waiting, each);
    }
}

/*
 * Each that can run, once: those that become runnable meanwhile wait for the next pass. If all of them only yielded, they
 * ask again and again for what is done elsewhere, perhaps by a thread that needs this processor.
 */
static void run_each(oriel_loop *loop)
{
    coroutine *next = loop->runnable.head;
    uint32_t ran = 0;
    empty(&loop->runnable);
    loop->yields = 0;
    for (; next; ran++) {
        running = next;
        next = next->next;
        oriel_fiber_resume(&running->fiber);
    }
    running = NULL;
    if (loop->yields == ran)
        sched_yield();
}

/* One call of oriel_loop_run. */
typedef struct loop_run {
    oriel_loop *loop;
    const oriel_wait *until;
    bool satisfied; /* `until` is */
} loop_run;

static bool move_along(void *context)
{
    const loop_run *run = context;
    bool moved = oriel_wait_move(run->until);
    for (const coroutine *each = run->loop->waiting.head; each; each = each->next)
        moved |= oriel_wait_move(each->wait);
    return moved;
}

static bool can_go_on(void *context)
{
    loop_run *run = context;
    run->satisfied = run->until->ready(run->until->context);
    if (!run->satisfied)
        admit(run->loop, INT64_MIN);
    return run->satisfied || run->loop->runnable.head;
}

/* The wait that ends with the first of the waiting ones, or with `until`. */
static oriel_wait first_of_all(loop_run *run)
{
    oriel_wait first = *run->until;
    first.ready = can_go_on;
    first.context = first.progress_context = run;
    for (const coroutine *each = run->loop->waiting.head; each; each = each->next) {
        first.deadline = each->wait->deadline < first.deadline ? each->wait->deadline : first.deadline;
        first.progress = each->wait->progress ? each->wait->progress : first.progress;
    }
    if (first.progress)
        first.progress = move_along;
    return first;
}

/* Nothing can run: sleeps until something can. True: `until` has ended, in the way that `status` says. */
static bool idle(loop_run *run, oriel_status *status)
{
    oriel_wait first = first_of_all(run);
    *status = oriel_wait_for(run->loop->bell, &first);
    return run->satisfied || *status == ORIEL_ABORTED;
}

oriel_status oriel_loop_run(oriel_loop *loop, const oriel_wait *until)
{
    loop_run run = {.loop = loop, .until = until};
    oriel_status status;
    for (uint32_t pass = 0;; pass++) {
        int64_t now = pass % PASSES_PER_CLOCK == 0 ? oriel_now() : INT64_MIN;
        if (oriel_wait_look(until, now, &status))
            return status;
        admit(loop, now);
        if (loop->runnable.head) {
            run_each(loop);
            move_along(&run);
        } else {
            if (idle(&run, &status))
                return status;
            pass = UINT32_MAX; /* time has passed: the next pass looks at the clock */
        }
    }
}
