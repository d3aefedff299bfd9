/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The failures of one run, in the order in which they happened: which task, how, and its message. Tasks that were not
 * run because of another one (ORIEL_POISONED) are not among them, nor can they be the first cause.
 */
#ifndef ORIEL_RUNTIME_FAILURES_H
#define ORIEL_RUNTIME_FAILURES_H

#include <stdint.h>

#include "oriel/status.h"

typedef struct oriel_failure oriel_failure;

typedef struct oriel_failures {
    oriel_failure *first, *last;
    uint32_t count;
} oriel_failures;

/* `task` may be 0: the run itself. From some number on failures are no longer kept, the first ones matter. */
void oriel_failures_add(oriel_failures *failures, uint64_t task, oriel_status status, const char *message);
/* Sets the thread's message to that of task `task`, which ended with `status`, and returns `status`. */
oriel_status oriel_failures_tell(const oriel_failures *failures, uint64_t task, oriel_status status);
/* The first cause with its message, or ORIEL_OK. */
oriel_status oriel_failures_first(const oriel_failures *failures);
void oriel_failures_clear(oriel_failures *failures);

#endif
