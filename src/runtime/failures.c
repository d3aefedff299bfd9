/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/failures.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define KEPT 256

struct oriel_failure {
    oriel_failure *next;
    uint64_t task;
    oriel_status status;
    char message[];
};

void oriel_failures_add(oriel_failures *failures, uint64_t task, oriel_status status, const char *message)
{
    size_t bytes = strlen(message) + 1;
    oriel_failure *failure = failures->count < KEPT ? malloc(sizeof *failure + bytes) : NULL;
    if (!failure)
        return;
    *failure = (oriel_failure){.task = task, .status = status};
    memcpy(failure->message, message, bytes);
    if (failures->last)
        failures->last->next = failure;
    else
        failures->first = failure;
    failures->last = failure;
    failures->count++;
}

oriel_status oriel_failures_tell(const oriel_failures *failures, uint64_t task, oriel_status status)
{
    for (const oriel_failure *failure = failures->first; failure; failure = failure->next)
        if (failure->task == task)
            return oriel_fail(status, "%s", failure->message);
    return oriel_fail(status, "task %" PRIu64 " was not run; the first failure: %s", task,
                      failures->first ? failures->first->message : "none");
}

oriel_status oriel_failures_first(const oriel_failures *failures)
{
    const oriel_failure *first = failures->first;
    return first ? oriel_fail(first->status, "%s", first->message) : ORIEL_OK;
}

void oriel_failures_clear(oriel_failures *failures)
{
    for (oriel_failure *failure; (failure = failures->first);) {
        failures->first = failure->next;
        free(failure);
    }
    *failures = (oriel_failures){0};
}
