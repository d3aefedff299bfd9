/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/check/clock.h"

#include <stdlib.h>
#include <string.h>

#define STRETCH 32

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

/* Clocks that are joined differ in a few places only: comparing is several times cheaper than taking the larger. */
static void join_stretch(uint32_t *restrict into, const uint32_t *restrict from, uint32_t count)
{
    uint32_t differ = 0;
    for (uint32_t q = 0; q < count; q++)
        differ |= into[q] ^ from[q];
    for (uint32_t q = 0; differ && q < count; q++)
        into[q] = into[q] > from[q] ? into[q] : from[q];
}

void oriel_clock_join(oriel_clock *clock, const oriel_clock *other)
{
    reserve(clock, other->count);
    for (uint32_t q = 0; q < other->count; q += STRETCH) {
        uint32_t left = other->count - q;
        join_stretch(clock->at + q, other->at + q, left < STRETCH ? left : STRETCH);
    }
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

void oriel_clock_join_core(oriel_clock *clock, const oriel_clock *other, uint32_t first)
{
    for (uint32_t q = first; q < first + ORIEL_CORE_QUEUES; q++)
        oriel_clock_raise(clock, q, oriel_clock_get(other, q));
}

void oriel_clock_copy_core(oriel_clock *clock, const oriel_clock *other, uint32_t first)
{
    reserve(clock, first + ORIEL_CORE_QUEUES);
    for (uint32_t q = first; q < first + ORIEL_CORE_QUEUES; q++)
        clock->at[q] = oriel_clock_get(other, q);
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
