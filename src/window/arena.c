/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of pieces lies in the worker's own heap, not in the arena: a kernel that writes where it should not can
 * spoil data, never the bookkeeping.
 *
 * A hole is always zero: it was never touched, or it was cleared when its piece was freed. So alloc touches no page.
 */
#include "window/arena.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

/* Pieces start and end at cache lines, so that no two share one. */
#define LINE UINT64_C(64)

/* From this size on a freed piece gives its pages back; below, clearing is cheaper than faulting them in again. */
#define LARGE (UINT64_C(64) << 10)

#define SMALLEST (UINT64_C(1) << 30)

typedef struct piece {
    uint64_t begin, end; /* offsets */
} piece;

struct oriel_arena {
    oriel_shm shm;
    piece *pieces; /* by address; the gaps between them are the holes */
    size_t count, room;
    uint64_t used;
};

oriel_status oriel_arena_create(uint64_t bytes, oriel_arena **arena)
{
    oriel_arena *made = calloc(1, sizeof *made);
    if (!made)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for an arena");
    oriel_status status;
    while ((status = oriel_shm_create(bytes, &made->shm)) != ORIEL_OK && bytes / 2 >= SMALLEST)
        bytes /= 2;
    if (status != ORIEL_OK) {
        free(made);
        return status;
    }
    *arena = made;
    return ORIEL_OK;
}

void oriel_arena_destroy(oriel_arena *arena)
{
    if (!arena)
        return;
    oriel_shm_destroy(&arena->shm);
    free(arena->pieces);
    free(arena);
}

/* ---- Carving ---------------------------------------------------------------------------------------------------- */

static piece hole_before(const oriel_arena *arena, size_t index)
{
    return (piece){index ? arena->pieces[index - 1].end : 0,
                   index < arena->count ? arena->pieces[index].begin : arena->shm.bytes};
}

/* The offset of the first byte of `hole` whose address is a multiple of `align`; past its end if there is none. */
static uint64_t first_aligned(const oriel_arena *arena, piece hole, uint64_t align)
{
    return hole.begin + (-((uint64_t)(uintptr_t)arena->shm.base + hole.begin) & (align - 1));
}

static oriel_status insert(oriel_arena *arena, size_t index, piece new)
{
    if (arena->count == arena->room) {
        size_t room = arena->room ? 2 * arena->room : 64;
        piece *pieces = realloc(arena->pieces, room * sizeof *pieces);
        if (!pieces)
            return oriel_fail(ORIEL_NO_MEMORY, "no memory for a list of %zu pieces", room);
        arena->pieces = pieces;
        arena->room = room;
    }
    memmove(&arena->pieces[index + 1], &arena->pieces[index], (arena->count - index) * sizeof new);
    arena->pieces[index] = new;
    arena->count++;
    arena->used += new.end - new.begin;
    return ORIEL_OK;
}

oriel_status oriel_arena_alloc(oriel_arena *arena, uint64_t bytes, uint64_t align, void **out)
{
    assert(align && !(align & (align - 1)));
    if (bytes == 0)
        return oriel_fail(ORIEL_INVALID, "a piece of 0 B of the arena was asked for");
    if (align < LINE)
        align = LINE;
    uint64_t largest = 0;
    for (size_t index = 0; index <= arena->count; index++) {
        piece hole = hole_before(arena, index);
        uint64_t begin = first_aligned(arena, hole, align);
        /* Holes end at line boundaries: what fits exactly still fits when its end is rounded up. */
        if (begin <= hole.end && bytes <= hole.end - begin) {
            piece new = {begin, begin + (bytes + LINE - 1) / LINE * LINE};
            oriel_status status = insert(arena, index, new);
            if (status == ORIEL_OK)
                *out = (char *)arena->shm.base + begin;
            return status;
        }
        if (hole.end - hole.begin > largest)
            largest = hole.end - hole.begin;
    }
    return oriel_fail(ORIEL_NO_MEMORY,
                      "the arena has no room for %" PRIu64 " B: its largest hole has %" PRIu64 " B of %" PRIu64, bytes,
                      largest, arena->shm.bytes);
}

/* ---- Freeing ---------------------------------------------------------------------------------------------------- */

static void clear(oriel_arena *arena, uint64_t begin, uint64_t end)
{
    memset((char *)arena->shm.base + begin, 0, end - begin);
}

/* Clears a piece: whole pages of a large one go back to the system, and read as zero from then on. */
static void clear_piece(oriel_arena *arena, piece old)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t first = (old.begin + page - 1) / page * page, last = old.end / page * page;
    if (old.end - old.begin < LARGE || oriel_shm_release(&arena->shm, first, last - first) != ORIEL_OK) {
        clear(arena, old.begin, old.end);
        return;
    }
    clear(arena, old.begin, first);
    clear(arena, last, old.end);
}

/* The index of the first piece that begins at `offset` or later, or `count`. */
static size_t first_from(const oriel_arena *arena, uint64_t offset)
{
    size_t low = 0, high = arena->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (arena->pieces[middle].begin < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The index of the piece that begins at `offset`, or `count`. */
static size_t find(const oriel_arena *arena, uint64_t offset)
{
    size_t index = first_from(arena, offset);
    return index < arena->count && arena->pieces[index].begin == offset ? index : arena->count;
}

oriel_status oriel_arena_free(oriel_arena *arena, void *old)
{
    size_t index = arena->count;
    if (oriel_arena_has(arena, old, 1))
        index = find(arena, oriel_arena_offset(arena, old));
    if (index == arena->count)
        return oriel_fail(ORIEL_INVALID, "%p is not a piece of the arena", old);
    piece gone = arena->pieces[index];
    clear_piece(arena, gone);
    arena->count--;
    arena->used -= gone.end - gone.begin;
    memmove(&arena->pieces[index], &arena->pieces[index + 1], (arena->count - index) * sizeof gone);
    return ORIEL_OK;
}

/* ---- Asking ----------------------------------------------------------------------------------------------------- */

bool oriel_arena_has(const oriel_arena *arena, const void *pointer, uint64_t bytes)
{
    uint64_t base = (uintptr_t)arena->shm.base, at = (uintptr_t)pointer;
    return at >= base && bytes <= arena->shm.bytes && at - base <= arena->shm.bytes - bytes;
}

bool oriel_arena_allows(const oriel_arena *arena, const void *pointer, uint64_t bytes, uint64_t *room)
{
    uint64_t base = (uintptr_t)arena->shm.base, at = (uintptr_t)pointer;
    if (at - base >= arena->shm.bytes) { /* it starts outside */
        *room = 0;
        return at > base || bytes <= base - at;
    }
    size_t after = first_from(arena, at - base + 1);
    uint64_t end = after > 0 ? arena->pieces[after - 1].end : 0;
    *room = end > at - base ? end - (at - base) : 0;
    return bytes <= *room;
}

uint64_t oriel_arena_offset(const oriel_arena *arena, const void *pointer)
{
    return (uintptr_t)pointer - (uintptr_t)arena->shm.base;
}

void *oriel_arena_base(const oriel_arena *arena)
{
    return arena->shm.base;
}

uint64_t oriel_arena_bytes(const oriel_arena *arena)
{
    return arena->shm.bytes;
}

uint64_t oriel_arena_used(const oriel_arena *arena)
{
    return arena->used;
}
