/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered about the bytes of one memory (a core's UB, or the arena): who wrote and read them last, and whether
 * anybody ever wrote them. Kept by ranges, so that the cost follows the number of accesses and not of bytes.
 *
 *      pages of 64 KiB, made on demand     ┌──────────┬───────────────┬────┐
 *      each a sorted row of pieces         │ 0..1023  │ 1024..8191    │ .. │
 *                                          └──────────┴───────────────┴────┘
 *      piece: the last write, and the reads since, one per queue (the latest: completion counts are prefixes);
 *             after an atomic add or a notify, also those that it does not conflict with, and what these came after
 *
 * One thread. Knows nothing of clocks: it asks the caller, by a function, whether an earlier access is ordered before now.
 */
#ifndef ORIEL_ENGINE_CHECK_SHADOW_H
#define ORIEL_ENGINE_CHECK_SHADOW_H

#include <stdbool.h>
#include <stdint.h>

#include "oriel/status.h"

/* An access, as it is remembered. `event` is the caller's number for it. Ordinals grow with time within one queue. */
typedef struct oriel_mark {
    uint32_t queue, ordinal, event;
} oriel_mark;

typedef enum oriel_touch_kind {
    ORIEL_TOUCH_READ,
    ORIEL_TOUCH_WRITE,
    ORIEL_TOUCH_ADD,   /* atomic: a write; two of one `type` do not conflict */
    ORIEL_TOUCH_SIGNAL /* a notify: a write; two of them do not conflict */
} oriel_touch_kind;

typedef struct oriel_touch {
    oriel_mark mark;
    oriel_touch_kind kind;
    uint8_t type; /* of ADD */
    /* Whether the earlier access is ordered before this one. Asked once per piece and earlier access. */
    bool (*ordered)(void *context, const oriel_mark *earlier);
    /* The earlier access conflicts with this one on bytes [from, to), and is not ordered before it. */
    void (*conflict)(void *context, const oriel_mark *earlier, oriel_touch_kind kind, uint64_t from, uint64_t to);
    void *context;
} oriel_touch;

typedef struct oriel_shadow oriel_shadow;

oriel_status oriel_shadow_create(oriel_shadow **shadow);
void oriel_shadow_destroy(oriel_shadow *shadow);
/* Forgets everything; keeps the memory for the next time. */
void oriel_shadow_reset(oriel_shadow *shadow);

/*
 * One access to bytes [from, to): reports each conflict with what was there, then takes its place. A read is added, and a write
 * replaces all that was remembered of these bytes (also after a conflict); an event that does both writes first, and its read is not
 * kept. Marks of one queue on the same bytes: the latest stays. ADD of one type, and SIGNAL, are kept as a group: those not ordered before the newest, since a later read or write
 * conflicts with each of them; and what was there before the group or was read meanwhile, since the next that joins must be
 * ordered after that, and no other member says so.
 * ORIEL_NO_MEMORY: some of it may have taken place.
 */
oriel_status oriel_shadow_touch(oriel_shadow *shadow, uint64_t from, uint64_t to, const oriel_touch *touch);

/* The last write that touched the byte, if any. */
bool oriel_shadow_last_write(const oriel_shadow *shadow, uint64_t at, oriel_mark *mark);

/* ---- Which bytes are undefined ---------------------------------------------------------------------------------- */

/* A set of bytes as disjoint ranges. `grow` in [from, to) etc.; all are half open. */
typedef struct oriel_ranges oriel_ranges;

oriel_status oriel_ranges_create(oriel_ranges **ranges);
void oriel_ranges_destroy(oriel_ranges *ranges);
void oriel_ranges_clear(oriel_ranges *ranges);
oriel_status oriel_ranges_add(oriel_ranges *ranges, uint64_t from, uint64_t to);
oriel_status oriel_ranges_remove(oriel_ranges *ranges, uint64_t from, uint64_t to);
/* The first range that overlaps [from, to), cut to it. False: none does. Fast when the set is empty or far away. */
bool oriel_ranges_find(const oriel_ranges *ranges, uint64_t from, uint64_t to, uint64_t *first, uint64_t *last);

/* How much memory both keep, in bytes: for the benchmark. */
uint64_t oriel_shadow_memory(const oriel_shadow *shadow);

#endif
