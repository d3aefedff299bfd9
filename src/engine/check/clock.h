/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vector clocks. A component is a queue, and counts its completions: a clock with component [q] = n has seen the first n
 * things of queue q complete, and whatever these had seen when they started (Mattern, Virtual Time and Global States of
 * Distributed Systems, 1989; the counting of completions is what asynchronous pipes need).
 *
 * Queues are numbered
 *
 *      core * ORIEL_CORE_QUEUES + ...   the pipes, and FENCED: the stores of MTE3, and of FIX, that a dsb has made visible to peers
 *      then one for each rank's host, then, made on demand, one for each cache line that a core has stored to
 */
#ifndef ORIEL_ENGINE_CHECK_CLOCK_H
#define ORIEL_ENGINE_CHECK_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define ORIEL_CORE_QUEUES      9
#define ORIEL_QUEUE_FENCED     7 /* behind the seven pipes */
#define ORIEL_QUEUE_FENCED_FIX 8

/* Components behind `count` are 0. */
typedef struct oriel_clock {
    uint32_t count, room;
    uint32_t *at;
} oriel_clock;

static inline uint32_t oriel_clock_get(const oriel_clock *clock, uint32_t queue)
{
    return queue < clock->count ? clock->at[queue] : 0;
}

/* Raises a component to at least `value`. These abort the process if there is no memory: a clock is a few KiB. */
void oriel_clock_raise(oriel_clock *clock, uint32_t queue, uint32_t value);
void oriel_clock_join(oriel_clock *clock, const oriel_clock *other);
/* Lowers each component to that of the other, where that is less. */
void oriel_clock_meet(oriel_clock *clock, const oriel_clock *other);
void oriel_clock_copy(oriel_clock *clock, const oriel_clock *other);
/*
 * The same for the queues of one core, from `first` on, where the other components need not be looked at: what they say is
 * in `clock` already.
 */
void oriel_clock_join_core(oriel_clock *clock, const oriel_clock *other, uint32_t first);
void oriel_clock_copy_core(oriel_clock *clock, const oriel_clock *other, uint32_t first);
/* All components 0; keeps the memory. */
void oriel_clock_clear(oriel_clock *clock);
void oriel_clock_free(oriel_clock *clock);

#endif
