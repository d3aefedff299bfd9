/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all ranks of a launch share: one anonymous mapping, made before they are started; or by one of them, or by whoever started
 * them, and handed to all (crew.h): each has it at an address of its own then.
 *
 *      ┌───────┬─────────────────┬──────────────────────────────────────────────────────────┬ ─ ─ ─ ─ ─ ─ ─ ┐
 *      │ world │ bells, leavings │ blocks: teams (team.h), scratch, windows of the programs │ never touched │
 *      └───────┴─────────────────┴──────────────────────────────────────────────────────────┴ ─ ─ ─ ─ ─ ─ ─ ┘
 *
 * Offsets from its base are what ranks tell one another, never pointers. It goes with its last process. No lock: a
 * process can die anywhere.
 *
 *      launch.c    starts the ranks, watches them, frees the world         the launcher's thread
 *      heap.c      blocks                                                   any rank
 *      verdict.c   the first failure, for all to read                       any rank, the launcher
 */
#ifndef ORIEL_COMM_WORLD_H
#define ORIEL_COMM_WORLD_H

#include "base/error.h"
#include "base/shm.h"
#include "base/wait.h"
#include "oriel/comm.h"

/* ---- The first failure ------------------------------------------------------------------------------------------ */

/*
 * Given once: the first who gives one wins. All zero: none is given. `given` is the abort word of waits: it is set before the text is
 * complete, `complete` after.
 */
typedef struct oriel_verdict {
    _Alignas(64) _Atomic uint32_t given;
    _Atomic uint32_t complete;
    oriel_status status;
    char text[ORIEL_ERROR_BYTES];
} oriel_verdict;

/* True: this one counts. */
bool oriel_verdict_give(oriel_verdict *verdict, oriel_status status, const char *text);
/*
 * False: none is given. Else its status and text (cut to `bytes`); who gave it may have died before the text was complete,
 * which then is a general one.
 */
bool oriel_verdict_read(oriel_verdict *verdict, oriel_status *status, char *text, size_t bytes);

/* ---- Blocks of memory ------------------------------------------------------------------------------------------- */

#define ORIEL_HEAP_CLASSES 32

/*
 * Blocks of whole pages, in sizes that grow by powers of two; each size has a list of free blocks, whose pages have gone back to
 * the system, so that all blocks are zero. Lists are linked in a table with an entry per page, of which only what is used
 * takes memory. Their heads count changes in the upper half, so that a head that was taken and put back in between is
 * not taken for the same.
 */
typedef struct oriel_heap {
    _Atomic uint64_t end;                      /* page: what follows was never used */
    uint64_t pages;                            /* of the mapping */
    uint64_t next;                             /* offset of _Atomic uint32_t[pages] */
    _Atomic uint64_t free[ORIEL_HEAP_CLASSES]; /* page of the first free block; 0: none; changes << 32 */
} oriel_heap;

/* ---- The world -------------------------------------------------------------------------------------------------- */

#define ORIEL_TIMEOUT_S 30.0 /* if nothing else was asked for */

typedef struct oriel_world {
    char mark[64];         /* crew.h: which Oriel made it, where ranks come by themselves */
    oriel_verdict verdict; /* a rank that died or failed */
    oriel_bell bell;       /* the launcher's */
    oriel_heap heap;
    uint32_t ranks;
    uint32_t first;               /* generation in which communicators begin; 0 but in tests */
    uint64_t asked;               /* which algorithms, by name: oriel_asked, of algorithm.h; */
    uint32_t rules;               /* and by rule: */
    uint64_t rule_table;          /* offset of oriel_rule[rules], of table.h */
    uint64_t bytes;               /* of the mapping */
    uint64_t crew;                /* offset of the crew (crew.h), if ranks come by themselves; 0: they are launched */
    _Atomic uint32_t waited;      /* the note below is claimed */
    _Atomic uint32_t noted;       /* and complete */
    char note[ORIEL_ERROR_BYTES]; /* who was first to leave a wait because of the verdict: for the launcher's message */
    /*
     * What each rank shows to the others, whatever communicator they meet on: its bell, which rings when something was published
     * that it may wait for; and behind all bells, a line each again, whether its function has returned, or it has freed its communicator.
     */
    oriel_bell rank_bell[];
} oriel_world;

static inline _Atomic uint32_t *oriel_world_left(oriel_world *world, uint32_t rank)
{
    return &world->rank_bell[world->ranks + rank].rings; /* the first word of a line */
}

static inline void *oriel_world_at(oriel_world *world, uint64_t offset)
{
    return (char *)world + offset;
}

static inline uint64_t oriel_world_offset(const oriel_world *world, const void *pointer)
{
    return (uint64_t)((const char *)pointer - (const char *)world);
}

/* Whether `bytes` bytes at `pointer` lie in the mapping: peers can read them where they are. */
static inline bool oriel_world_has(const oriel_world *world, const void *pointer, uint64_t bytes)
{
    uint64_t offset = (uintptr_t)pointer - (uintptr_t)world;
    return offset < world->bytes && bytes <= world->bytes - offset;
}

/*
 * A zeroed block of at least `bytes` bytes (not 0), on a page's start. ORIEL_NO_MEMORY: the reservation is used up.
 */
oriel_status oriel_world_alloc(oriel_world *world, uint64_t bytes, uint64_t *offset);
/* `bytes` as it was allocated with; `shm` is this process's handle of the mapping. Nobody uses the block any more. */
void oriel_world_free(oriel_world *world, oriel_shm *shm, uint64_t offset, uint64_t bytes);

/* Lays out the world at the beginning of a mapping that is zero. ORIEL_NO_MEMORY: it is too small. */
oriel_status oriel_world_init(oriel_shm *shm, uint32_t ranks, uint32_t first);
/* Maps a world. Who asks for no size (0) takes what the address space has; who asks for one gets it. */
oriel_status oriel_world_make(uint64_t bytes, uint32_t ranks, uint32_t first, oriel_shm *shm);

/* oriel_comm_launch, with communicators that begin at generation `first`. */
oriel_status oriel_comm_launch_at(uint32_t ranks, oriel_rank_fn function, void *context,
                                  const oriel_comm_options *options, uint32_t first);

#endif
