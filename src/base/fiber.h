/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stack of its own and the way in and out of it: what coroutines (base/strand.h) are made of. Private to base/.
 *
 *      outside (the thread's stack)            inside (the fiber's)
 *      oriel_fiber_resume ───────────────────► body(context) begins, or goes on after its last
 *           ...returns ◄────────────────────── oriel_fiber_suspend
 *
 * A fiber is resumed by one thread only, the same each time. Its body never returns: between two uses it rests in
 * oriel_fiber_suspend, with nothing of the last use left on its stack.
 */
#ifndef ORIEL_BASE_FIBER_H
#define ORIEL_BASE_FIBER_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <ucontext.h>

#include "oriel/status.h"

typedef void (*oriel_fiber_body)(void *context);

typedef struct oriel_fiber {
    oriel_fiber_body body;
    void *context;
    char *stack; /* its low end, above the guard */
    size_t stack_bytes;
    bool entered;
    ucontext_t first;        /* the way in, the first time */
    jmp_buf inside, outside; /* where each side was left */

    /* What the sanitizers want to know of both sides; unused without them. */
    void *asan_inside, *asan_outside;
    const void *outside_stack;
    size_t outside_bytes;
    void *tsan_inside, *tsan_outside;
} oriel_fiber;

/* Maps a stack of at least `stack_bytes`, with a guard below it. ORIEL_SYSTEM: no stack to be had. */
oriel_status oriel_fiber_create(oriel_fiber *fiber, size_t stack_bytes, oriel_fiber_body body, void *context);
/* The fiber rests, or was never resumed. */
void oriel_fiber_destroy(oriel_fiber *fiber);

void oriel_fiber_resume(oriel_fiber *fiber);
/* `rest`: no frame but the body's own is in use. */
void oriel_fiber_suspend(oriel_fiber *fiber, bool rest);

#endif
