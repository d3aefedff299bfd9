/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/clock.h"
#include "comm/world.h"

/* For how long a text that was begun is waited for. */
#define COMPLETE_S 1.0

bool oriel_verdict_give(oriel_verdict *verdict, oriel_status status, const char *text)
{
    uint32_t none = 0;
    if (!atomic_compare_exchange_strong(&verdict->given, &none, 1))
        return false;
    verdict->status = status;
    snprintf(verdict->text, sizeof verdict->text, "%s", text);
    atomic_store_explicit(&verdict->complete, 1, memory_order_release);
    return true;
}

static bool is_complete(void *context)
{
    const oriel_verdict *verdict = context;
    return atomic_load_explicit(&verdict->complete, memory_order_acquire) != 0;
}

bool oriel_verdict_read(oriel_verdict *verdict, oriel_status *status, char *text, size_t bytes)
{
    if (atomic_load(&verdict->given) == 0)
        return false;
    oriel_wait wait = {.ready = is_complete, .context = verdict, .deadline = oriel_deadline(COMPLETE_S)};
    bool complete = oriel_wait_for(NULL, &wait) == ORIEL_OK;
    *status = complete ? verdict->status : ORIEL_ABORTED;
    snprintf(text, bytes, "%s", complete ? verdict->text : "a rank failed, and ended before it could say why");
    return true;
}
