/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strand of work, in three forms: a process, a thread, a coroutine. One seam to start it, to wait in it, to wake it and
 * to learn how it ended; one conformance suite that each form passes (tests/base/strand.c).
 *
 *      oriel_strand_start ─► runs function(context) ─► ends: returned a status, or died (process only)
 *                                                          │
 *      oriel_strand_poll / oriel_strand_join ◄─────────────┘
 *
 * Processes and threads run at once. Coroutines belong to a loop, which one thread drives with oriel_loop_run; each has a
 * stack of its own, with a guard page. A strand that waits does so with oriel_wait_for, whatever its form.
 *
 * A process shares the memory that was mapped shared before it was forked, and is killed when the thread that started it
 * ends (PR_SET_PDEATHSIG). It never returns into the caller's code: it leaves with _exit, and runs no exit handlers.
 *
 * Forking a program with other threads copies their locks as they are. Whoever owns the program's threads asks
 * oriel_strand_single_threaded before it makes any of its own, and forks no process if the answer is no; starting a
 * process does not ask again, since its thread may be one that the owner made for just this.
 *
 * A strand's handle is used by one thread at a time.
 */
#ifndef ORIEL_BASE_STRAND_H
#define ORIEL_BASE_STRAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/wait.h"

typedef enum oriel_form { ORIEL_FORM_PROCESS, ORIEL_FORM_THREAD, ORIEL_FORM_COROUTINE } oriel_form;

typedef struct oriel_strand oriel_strand;
typedef struct oriel_loop oriel_loop;

typedef oriel_status (*oriel_strand_fn)(void *context);

typedef struct oriel_strand_options {
    oriel_form form;
    const char *name;   /* for messages and debuggers; cut to 15 characters */
    oriel_loop *loop;   /* of a coroutine */
    size_t stack_bytes; /* of a coroutine or thread; 0: 256 KiB, 8 MiB */
} oriel_strand_options;

/* How a strand ended. */
typedef struct oriel_fate {
    bool ended;
    bool died;           /* a process that did not return: see signal and code */
    int signal;          /* that killed it, or 0 */
    int code;            /* with which it exited, if no signal; 0 too if somebody else reaped it */
    oriel_status status; /* what its function returned, if it did not die */
} oriel_fate;

/* ORIEL_SYSTEM: no process, thread or stack to be had. */
oriel_status oriel_strand_start(const oriel_strand_options *options, oriel_strand_fn function, void *context,
                                oriel_strand **strand);

/* How it fares, without waiting. Cheap enough for a loop that naps. */
oriel_fate oriel_strand_poll(oriel_strand *strand);

/* Waits for its end (a coroutine's: drives its loop). ORIEL_TIMEOUT: it has not ended by then, and is still there. */
oriel_status oriel_strand_join(oriel_strand *strand, int64_t deadline, oriel_fate *fate);

/* Ends a process by SIGKILL; no effect on the other forms, which cannot be ended from outside. */
void oriel_strand_kill(oriel_strand *strand);

/* Frees the handle of a strand that has ended. */
void oriel_strand_free(oriel_strand *strand);

/* The pid of a process strand, else 0. */
int oriel_strand_pid(const oriel_strand *strand);

/* Whether this process has one thread only, so that it may fork processes. */
bool oriel_strand_single_threaded(void);

/* ---- Coroutines ------------------------------------------------------------------------------------------------- */

/* `bell`: the bell on which the loop's thread sleeps when every coroutine waits; borrowed. */
oriel_status oriel_loop_create(oriel_bell *bell, oriel_loop **loop);
/* All its coroutines have ended and been freed. Unmaps the stacks that it keeps for the next ones. */
void oriel_loop_free(oriel_loop *loop);

/*
 * Runs coroutines until `until` is satisfied, as oriel_wait_for would wait for it: each runnable one in turn, the waiting
 * ones when their conditions hold; sleeps when none can go on. Called by the loop's thread, not by a coroutine.
 */
oriel_status oriel_loop_run(oriel_loop *loop, const oriel_wait *until);

/* In a coroutine: lets the others run once; if all of them only yield, so does the thread. Elsewhere: sched_yield. */
void oriel_strand_yield(void);

/* Whether the caller is a coroutine. */
bool oriel_strand_is_coroutine(void);

#endif
