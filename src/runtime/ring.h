/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring of bytes from which temporary tensors are taken. It deals in offsets; the memory is the caller's.
 *
 *      0                     cursor                                bytes
 *      ├─ A ─┤      ├─ B ─┤  ▼           ├─ C ─┤├─ D ─┤            │
 *                            next: the first gap that is large enough, from here on and round
 *
 * A piece lives as long as somebody holds it: the task that writes it until it has ended, each later task that uses any of
 * its bytes until that has ended, and the scope in which it was made until it is closed.
 *
 * While pieces die in the order in which they were made, this is the ordinary ring: the cursor goes round, and comes to bytes
 * that were freed long ago. A piece that lives longer, since an outer scope that is still open holds it, is an island that the
 * cursor steps over. It does not dam up what inner scopes free behind it, as it would in a ring that frees in order only.
 */
#ifndef ORIEL_RUNTIME_RING_H
#define ORIEL_RUNTIME_RING_H

#include "runtime/ordered.h"

#define ORIEL_RING_ALIGNMENT 64

typedef struct oriel_ring {
    uint64_t bytes; /* a multiple of the alignment */
    uint64_t used;
    uint64_t cursor;
    oriel_ordered offsets; /* of the live pieces -> index in pieces */
    oriel_pool pieces;
    uint32_t depth;  /* of nested scopes */
    uint32_t scoped; /* the pieces that open scopes hold, a list with the latest first */
} oriel_ring;

void oriel_ring_init(oriel_ring *ring, uint64_t bytes);
void oriel_ring_free(oriel_ring *ring);
/* Frees all pieces, closes all scopes. */
void oriel_ring_clear(oriel_ring *ring);

/* Makes sure that one piece more can be recorded. False: no memory. */
bool oriel_ring_reserve(oriel_ring *ring);

/*
 * Takes a piece, at an offset aligned to ORIEL_RING_ALIGNMENT, and rounded up to it: nothing else lives in what is left of its
 * last line. The innermost scope holds it; whoever takes it holds it too, as its first user. False: no gap is large enough.
 */
bool oriel_ring_take(oriel_ring *ring, uint64_t bytes, uint64_t *offset);

/*
 * Task `task`, not earlier than those before, uses the bytes from `begin` to `end`: it holds each piece there that it does not
 * hold yet, and notes it in `held`. That takes a cell for each, at most oriel_ring_pieces, which the owner has reserved.
 */
void oriel_ring_hold(oriel_ring *ring, uint64_t begin, uint64_t end, uint64_t task, oriel_pool *cells,
                     oriel_list *held);

/* Lets go of what was noted in `held`. */
void oriel_ring_drop(oriel_ring *ring, oriel_pool *cells, oriel_list *held);

static inline uint32_t oriel_ring_pieces(const oriel_ring *ring)
{
    return ring->offsets.count;
}

/* Scopes nest. What is taken outside all of them lives until oriel_ring_clear. False: none is open. */
void oriel_ring_scope_begin(oriel_ring *ring);
bool oriel_ring_scope_end(oriel_ring *ring);

#endif
