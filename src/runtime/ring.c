/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/ring.h"

typedef struct piece {
    uint64_t begin, end;
    uint64_t user;   /* the latest task that came to hold it */
    uint32_t holds;  /* its scope and the tasks that have not let go of it */
    uint32_t depth;  /* of its scope; outside all: 0 */
    uint32_t scoped; /* the next one in the ring's list of scoped pieces */
} piece;

void oriel_ring_init(oriel_ring *ring, uint64_t bytes)
{
    *ring = (oriel_ring){.bytes = bytes / ORIEL_RING_ALIGNMENT * ORIEL_RING_ALIGNMENT,
                         .pieces = oriel_pool_of(sizeof(piece))};
    oriel_ordered_init(&ring->offsets);
}

void oriel_ring_free(oriel_ring *ring)
{
    oriel_ordered_free(&ring->offsets);
    oriel_pool_free(&ring->pieces);
}

void oriel_ring_clear(oriel_ring *ring)
{
    oriel_ordered_clear(&ring->offsets);
    oriel_pool_clear(&ring->pieces);
    ring->used = ring->cursor = 0;
    ring->depth = ring->scoped = 0;
}

bool oriel_ring_reserve(oriel_ring *ring)
{
    return oriel_pool_reserve(&ring->pieces, 1) && oriel_ordered_reserve(&ring->offsets, 1);
}

static piece *piece_of(const oriel_ring *ring, uint32_t index)
{
    return oriel_pool_at(&ring->pieces, index);
}

static piece *piece_at(const oriel_ring *ring, oriel_place place)
{
    return piece_of(ring, oriel_ordered_value(&ring->offsets, place));
}

/* The first piece that ends after `offset`. */
static oriel_place first_from(const oriel_ring *ring, uint64_t offset)
{
    oriel_place place = oriel_ordered_find(&ring->offsets, offset);
    if (oriel_ordered_has(&ring->offsets, place) && piece_at(ring, place)->end <= offset)
        place = oriel_ordered_next(&ring->offsets, place);
    return place;
}

/* The first gap of `bytes` from `*offset` on. Sets where it begins, and `place` to that of the piece after it. */
static bool find_gap(const oriel_ring *ring, uint64_t bytes, uint64_t *offset, oriel_place *place)
{
    uint64_t begin = *offset;
    oriel_place next = first_from(ring, begin);
    while (oriel_ordered_has(&ring->offsets, next)) {
        const piece *p = piece_at(ring, next);
        if (p->begin >= begin && p->begin - begin >= bytes)
            break;
        begin = p->end;
        next = oriel_ordered_next(&ring->offsets, next);
    }
    if (ring->bytes - begin < bytes)
        return false;
    *offset = begin;
    *place = next;
    return true;
}

bool oriel_ring_take(oriel_ring *ring, uint64_t bytes, uint64_t *offset)
{
    if (bytes > ring->bytes - ring->used)
        return false;
    bytes = (bytes + ORIEL_RING_ALIGNMENT - 1) / ORIEL_RING_ALIGNMENT * ORIEL_RING_ALIGNMENT;
    uint64_t begin = ring->cursor;
    oriel_place place;
    if (!find_gap(ring, bytes, &begin, &place)) {
        begin = 0;
        if (!find_gap(ring, bytes, &begin, &place))
            return false;
    }
    uint32_t index = oriel_pool_take(&ring->pieces);
    *piece_of(ring, index) =
        (piece){.begin = begin, .end = begin + bytes, .holds = 1, .depth = ring->depth, .scoped = ring->scoped};
    ring->scoped = index;
    oriel_ordered_insert(&ring->offsets, place, begin, index);
    ring->used += bytes;
    ring->cursor = begin + bytes;
    *offset = begin;
    return true;
}

void oriel_ring_hold(oriel_ring *ring, uint64_t begin, uint64_t end, uint64_t task, oriel_pool *cells, oriel_list *held)
{
    oriel_place place = first_from(ring, begin);
    for (; oriel_ordered_has(&ring->offsets, place); place = oriel_ordered_next(&ring->offsets, place)) {
        piece *p = piece_at(ring, place);
        if (p->begin >= end)
            break;
        if (p->user == task)
            continue;
        p->user = task;
        p->holds++;
        oriel_list_push(cells, held, oriel_ordered_value(&ring->offsets, place));
    }
}

static void let_go(oriel_ring *ring, uint32_t index)
{
    piece *p = piece_of(ring, index);
    if (--p->holds > 0)
        return;
    ring->used -= p->end - p->begin;
    oriel_ordered_erase(&ring->offsets, oriel_ordered_find(&ring->offsets, p->begin));
    oriel_pool_give(&ring->pieces, index);
}

void oriel_ring_drop(oriel_ring *ring, oriel_pool *cells, oriel_list *held)
{
    while (held->first)
        let_go(ring, (uint32_t)oriel_list_pop(cells, held));
}

void oriel_ring_scope_begin(oriel_ring *ring)
{
    ring->depth++;
}

/* The pieces of the innermost scope are those in front: scopes that began later have let go of theirs. */
bool oriel_ring_scope_end(oriel_ring *ring)
{
    if (ring->depth == 0)
        return false;
    while (ring->scoped && piece_of(ring, ring->scoped)->depth == ring->depth) {
        uint32_t index = ring->scoped;
        ring->scoped = piece_of(ring, index)->scoped;
        let_go(ring, index);
    }
    ring->depth--;
    return true;
}
