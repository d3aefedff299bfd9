/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/check/clock.h"

#include <stdlib.h>
#include <string.h>

static void reserve(oriel_clock *clock, uint32_t count)
{
    if (count > clock->room) {
        uint32_t room = (count + 31) / 32 * 32;
        uint32_t *at = realloc(clock->at, room * sizeof *at);
        if (!at)
            abort();
        clock->at = at;
        clock->room = room;
    }
    if (count > clock->count) {
        memset(clock->at + clock->count, 0, (count - clock->count) * sizeof *clock->at);
        clock->count = count;
    }
}

void oriel_clock_raise(oriel_clock *clock, uint32_t queue, uint32_t value)
{
    reserve(clock, queue + 1);
    if (clock->at[queue] < value)
        clock->at[queue] = value;
}

void oriel_clock_join(oriel_clock *clock, const oriel_clock *other)
{
    reserve(clock, other->count);
    uint32_t *restrict into = clock->at;
    const uint32_t *restrict from = other->at;
    for (uint32_t q = 0; q < other->count; q++)
        into[q] = into[q] > from[q] ? into[q] : from[q];
}

void oriel_clock_meet(oriel_clock *clock, const oriel_clock *other)
{
    if (clock->count > other->count)
        clock->count = other->count;
    for (uint32_t q = 0; q < clock->count; q++)
        clock->at[q] = clock->at[q] < other->at[q] ? clock->at[q] : other->at[q];
}

void oriel_clock_copy(oriel_clock *clock, const oriel_clock *other)
{
    clock->count = 0;
    reserve(clock, other->count);
    if (other->count)
        memcpy(clock->at, other->at, other->count * sizeof *clock->at);
}

void oriel_clock_clear(oriel_clock *clock)
{
    clock->count = 0;
}

void oriel_clock_free(oriel_clock *clock)
{
    free(clock->at);
    *clock = (oriel_clock){0};
}
