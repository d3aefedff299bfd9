/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wait.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fence.h"
#include "base/strand_forms.h"

/*
 * How often to look before the first nap: with a processor for each strand, and without. Between the last looks any other strand
 * may have the processor: perhaps it is the one that is waited for. If there is none, this costs some ten microseconds, and
 * spares a pair of strands that answer each other the sleep and the wake-up, which cost more than that. Without a processor
 * for each, all looks are of that kind: half a microsecond of pauses before them makes three ranks on two processors meet
 * half again as slowly, since only one that runs can come.
 */
#define LOOKS_ALONE   2000
#define LOOKS_CROWDED 30
#define LOOKS_YIELDED 30
/* While spinning, reading the clock costs more than a look. */
#define LOOKS_PER_CLOCK 256
/*
 * The first nap, in nanoseconds. A timer that ends before the kernel's next tick must be programmed for itself, which makes
 * a nap that a ring cuts short three times as dear: short naps are for waits that no ring ends.
 */
#define FIRST_NAP        (ORIEL_NAP / 2)
#define FIRST_NAP_UNRUNG 50000

static _Atomic uint32_t looks_before_nap = LOOKS_CROWDED;

void oriel_wait_tune(uint32_t strands, uint32_t processors)
{
    atomic_store_explicit(&looks_before_nap, strands <= processors ? LOOKS_ALONE : LOOKS_CROWDED, memory_order_relaxed);
}

uint32_t oriel_wait_spins(void)
{
    uint32_t looks = atomic_load_explicit(&looks_before_nap, memory_order_relaxed);
    return looks == LOOKS_CROWDED ? 0 : looks;
}

/* No FUTEX_PRIVATE_FLAG: a bell is shared between processes. */
static long futex(_Atomic uint32_t *word, int operation, uint32_t value, const struct timespec *timeout)
{
    return syscall(SYS_futex, word, operation, value, timeout, NULL, 0);
}

/*
 * An eventcount. `sleepers` says that somebody went to sleep, or is about to, since the last ring that woke.
 *
 *      waiter                                waker
 *      W1  r = rings                         R1  store the data
 *      W2  sleepers = 1                          fence
 *          fence                             R2  sleepers? if 0, done
 *      W3  look: the data?                   R3  sleepers = 0
 *      W4  sleep while rings == r            R4  rings++, wake all
 *
 * The fences let at least one of W3 and R2 see the other's store (W2, R1): either the waiter finds the data, or the waker
 * goes on to R3. A waker that takes the announcement back (R3) bumps `rings` after it, hence after W1: W4 does not sleep, or
 * is woken. Bumping first would let a waiter take its snapshot and announce itself in between, and be forgotten.
 *
 * A waker that dies between R3 and R4 costs its sleepers the rest of their nap.
 */
static void ring(oriel_bell *bell)
{
    if (atomic_load_explicit(&bell->sleepers, memory_order_relaxed) == 0)
        return;
    if (atomic_exchange(&bell->sleepers, 0) == 0)
        return;
    atomic_fetch_add(&bell->rings, 1);
    futex(&bell->rings, FUTEX_WAKE, INT_MAX, NULL);
}

void oriel_bell_ring(oriel_bell *bell)
{
    oriel_look_after();
    ring(bell);
}

void oriel_bell_ring_all(oriel_bell *const *bells, uint32_t count)
{
    oriel_look_after();
    for (uint32_t i = 0; i < count; i++)
        ring(bells[i]);
}

bool oriel_wait_look(const oriel_wait *wait, int64_t now, oriel_status *status)
{
    if (wait->ready(wait->context)) {
        *status = ORIEL_OK;
        return true;
    }
    for (int i = 0; i < ORIEL_WAIT_ABORTS; i++) {
        if (wait->abort[i] && atomic_load_explicit(wait->abort[i], memory_order_acquire) != 0) {
            *status = ORIEL_ABORTED;
            return true;
        }
    }
    if (now >= wait->deadline) {
        *status = ORIEL_TIMEOUT;
        return true;
    }
    return false;
}

/* True: the wait ended. False: nothing has moved at `looks` looks in a row, it is time for a nap. */
static bool spin(const oriel_wait *wait, uint32_t looks, oriel_status *status)
{
    uint32_t idle = 0;
    for (uint32_t look = 0; idle < looks; look++) {
        int64_t now = look % LOOKS_PER_CLOCK == 0 && wait->deadline != ORIEL_NEVER ? oriel_now() : INT64_MIN;
        if (oriel_wait_look(wait, now, status))
            return true;
        idle = oriel_wait_move(wait) ? 0 : idle + 1;
        if (idle < looks - LOOKS_YIELDED)
            oriel_wait_pause();
        else
            sched_yield();
    }
    return false;
}

typedef struct nap_length {
    int64_t first, next;
} nap_length;

/* True: the wait ended. False: slept until somebody rang, or for the whole length, the next one being longer then. */
static bool nap(oriel_bell *bell, const oriel_wait *wait, nap_length *length, oriel_status *status)
{
    uint32_t rings = atomic_load_explicit(&bell->rings, memory_order_acquire);
    atomic_store_explicit(&bell->sleepers, 1, memory_order_relaxed);
    oriel_look_after();
    int64_t now = oriel_now();
    if (oriel_wait_look(wait, now, status))
        return true;
    if (oriel_wait_move(wait))
        return false;
    int64_t sleep = length->next < wait->deadline - now ? length->next : wait->deadline - now;
    struct timespec timeout = {.tv_sec = sleep / 1000000000, .tv_nsec = sleep % 1000000000};
    bool slept_out = futex(&bell->rings, FUTEX_WAIT, rings, &timeout) < 0 && errno == ETIMEDOUT;
    if (slept_out && wait->idle)
        wait->idle(wait->idle_context);
    int64_t next = slept_out ? 2 * length->next : length->first;
    length->next = next < ORIEL_NAP ? next : ORIEL_NAP;
    return false;
}

oriel_status oriel_wait_for(oriel_bell *bell, const oriel_wait *wait)
{
    static _Thread_local oriel_bell silent; /* nobody rings it */
    if (!bell && oriel_strand_is_coroutine())
        return oriel_coroutine_wait(wait);
    int64_t first = bell && !wait->progress ? FIRST_NAP : FIRST_NAP_UNRUNG;
    nap_length length = {first, first};
    uint32_t looks = atomic_load_explicit(&looks_before_nap, memory_order_relaxed);
    oriel_status status;
    while (!spin(wait, looks, &status) && !nap(bell ? bell : &silent, wait, &length, &status))
        looks = LOOKS_CROWDED;
    return status;
}
