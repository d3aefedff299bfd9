/* SPDX-License-Identifier: Apache-2.0 */
#include "comm/bind.h"

#include <stdlib.h>

#include "base/error.h"

cpu_set_t *oriel_bind_plan(oriel_bind bind, const cpu_set_t *allowed, uint32_t ranks)
{
    if (!allowed || bind == ORIEL_BIND_NONE)
        return NULL;
    if (bind == ORIEL_BIND_DEFAULT && !oriel_host_should_bind(allowed, ranks))
        return NULL;
    cpu_set_t *place = calloc(ranks, sizeof *place);
    if (place && !oriel_host_place(allowed, ranks, place)) {
        free(place);
        place = NULL;
    }
    return place;
}

oriel_status oriel_bind_check(oriel_bind bind)
{
    if (bind == ORIEL_BIND_DEFAULT || bind == ORIEL_BIND_NONE || bind == ORIEL_BIND_CORE)
        return ORIEL_OK;
    return oriel_fail(ORIEL_INVALID, "there is no way %d to bind ranks", (int)bind);
}
