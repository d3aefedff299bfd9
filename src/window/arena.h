/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arena: all memory that the devices of a worker share, in one anonymous mapping made before they are forked, so
 * that it has the same address in all of them. Allocation is carving, done by the worker's process only (callers lock).
 *
 *      ┌────────┬───────────┬──────────────┬ ─ ─ ─ ─ ─ ─ ─ ┐
 *      │ pieces │ free hole │ pieces       │ never touched │     holes merge when freed; first fit by address
 *      └────────┴───────────┴──────────────┴ ─ ─ ─ ─ ─ ─ ─ ┘
 */
#ifndef ORIEL_WINDOW_ARENA_H
#define ORIEL_WINDOW_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/shm.h"

typedef struct oriel_arena oriel_arena;

/*
 * Reserves `bytes`. If the address space does not allow it, smaller ones are tried down to 1 GiB, then ORIEL_NO_MEMORY.
 */
oriel_status oriel_arena_create(uint64_t bytes, oriel_arena **arena);
void oriel_arena_destroy(oriel_arena *arena);

/* A zeroed piece; `align` a power of two. ORIEL_NO_MEMORY names the size and the largest hole. */
oriel_status oriel_arena_alloc(oriel_arena *arena, uint64_t bytes, uint64_t align, void **piece);
/* `piece` from oriel_arena_alloc and not yet freed. ORIEL_INVALID otherwise. Large pieces give their pages back. */
oriel_status oriel_arena_free(oriel_arena *arena, void *piece);

/* Whether bytes [pointer, pointer + bytes) lie in the arena. */
bool oriel_arena_has(const oriel_arena *arena, const void *pointer, uint64_t bytes);
/*
 * Whether these bytes lie in one piece, or all outside the arena. Otherwise `room` is set: the bytes that there are from
 * `pointer` to the end of its piece.
 */
bool oriel_arena_allows(const oriel_arena *arena, const void *pointer, uint64_t bytes, uint64_t *room);
uint64_t oriel_arena_offset(const oriel_arena *arena, const void *pointer);
void *oriel_arena_base(const oriel_arena *arena);
uint64_t oriel_arena_bytes(const oriel_arena *arena);
/* Bytes in pieces now: 0 when everything was freed. */
uint64_t oriel_arena_used(const oriel_arena *arena);

#endif
