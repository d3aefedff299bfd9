/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place that knows how to wait.
 *
 * Whoever changes what another strand may wait for stores it, then rings that strand's bell. Whoever waits calls
 * oriel_wait_for with a condition. A wait ends in one of three ways: the condition holds, the deadline passes, an abort word
 * is set.
 *
 *      waker                               waiter
 *      store the data                      spin briefly on the condition
 *      oriel_bell_ring(bell)               sleep on the bell (futex), at most ORIEL_NAP; look again; ...
 *          fence; wake only if one sleeps
 *
 * Sleeping is bounded, since data may also arrive by means that ring no bell. In a coroutine a wait gives the thread to the
 * loop's other coroutines, and only the loop itself sleeps (base/strand.h). With more strands than processors, spinning is
 * short.
 *
 * A bell lies in memory that its waiter and its wakers share (between processes: in the arena). No lock is involved: a
 * process may die anywhere in here and harm nobody.
 */
#ifndef ORIEL_BASE_WAIT_H
#define ORIEL_BASE_WAIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "oriel/status.h"

/*
 * One waiter's doorbell, alone on its cache line. All zero is a valid bell. Any thread may ring it; if several sleep on it, all
 * are woken.
 */
typedef struct oriel_bell {
    _Alignas(64) _Atomic uint32_t rings;
    _Atomic uint32_t sleepers;
} oriel_bell;

/* Wakes whoever sleeps on `bell`. What was stored before is visible to who wakes. Costs a fence and a load if nobody does. */
void oriel_bell_ring(oriel_bell *bell);

/* The same for several waiters, with one fence. */
void oriel_bell_ring_all(oriel_bell *const *bells, uint32_t count);

/* The longest sleep between two looks, in nanoseconds. */
#define ORIEL_NAP 10000000

/* A set of reasons to leave: words that become nonzero. */
#define ORIEL_WAIT_ABORTS 3

typedef struct oriel_wait {
    bool (*ready)(void *context); /* the condition; called often, must be cheap and not block */
    void *context;
    bool (*progress)(void *context); /* NULL, or called between looks: moves things along; true if it did something */
    void *progress_context;
    int64_t deadline;                                 /* of base/clock.h; looked at now and then, not at each spin */
    const _Atomic uint32_t *abort[ORIEL_WAIT_ABORTS]; /* NULL, or left with ORIEL_ABORTED when it is not 0 */
    void (*idle)(void *context); /* NULL, or called after a nap that no ring cut short: what is too dear to do often */
    void *idle_context;
} oriel_wait;

/*
 * Waits. `bell` is the calling thread's own; a coroutine uses its loop's, and passes NULL. NULL elsewhere is a bell that
 * nobody rings: fit for what is looked at once, or seldom waited for.
 *
 * ORIEL_OK       the condition holds (it wins over the others, and is looked at once even if the deadline has passed)
 * ORIEL_ABORTED  an abort word is set
 * ORIEL_TIMEOUT  the deadline passed
 *
 * `ready` is not called again once it was true. Sets no message: the caller knows what was waited for.
 */
oriel_status oriel_wait_for(oriel_bell *bell, const oriel_wait *wait);

/* One look, in the order above: whether the wait has ended, and how. `now` INT64_MIN: not at the clock this time. */
bool oriel_wait_look(const oriel_wait *wait, int64_t now, oriel_status *status);

/* Drives the wait's progress, if it has any; true if that did something. */
static inline bool oriel_wait_move(const oriel_wait *wait)
{
    return wait->progress && wait->progress(wait->progress_context);
}

/*
 * For a wait that is too short to be called by name: how often to look in a loop of one's own before oriel_wait_for, with
 * oriel_wait_pause in between. 0 if strands compete for processors: whoever is waited for may need this one.
 */
uint32_t oriel_wait_spins(void);

static inline void oriel_wait_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

/* How many strands this process believes to compete for how many processors; decides how long to spin. Set once. */
void oriel_wait_tune(uint32_t strands, uint32_t processors);

#endif
