/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan says which of the legal schedules is run. Without any of its parts it is the usual one: everything at once, and
 * waits are looked at as late as possible, so that all that could have satisfied them is there.
 */
#ifndef ORIEL_ENGINE_CHECK_PLAN_H
#define ORIEL_ENGINE_CHECK_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/check/clock.h"
#include "oriel/instr.h"

typedef enum oriel_hold_kind {
    ORIEL_HOLD_NOTHING,
    ORIEL_HOLD_ITEM, /* item `ordinal` of pipe `pipe` of core `core` completes as late as it can */
    ORIEL_HOLD_CORE, /* the scalar unit of `core` stops before its operation `ordinal`, as long as it can */
    ORIEL_HOLD_LINE, /* the scalar store that is operation `ordinal` of `core` stays in its cache until it is cleaned */
    ORIEL_HOLD_FETCH /* the scalar load that is operation `ordinal` of `core` sees what was there at its line's last invalidation */
} oriel_hold_kind;

typedef struct oriel_hold {
    oriel_hold_kind kind;
    uint32_t core, ordinal;
    pto_pipe pipe;
    uint64_t offset; /* of a store or fetch of the cache: in the arena, */
    uint32_t bytes;  /* and how many */
} oriel_hold;

/* What the inputs hold. Equal inputs in each call hide what one call does to the data of another. */
typedef enum oriel_contents {
    ORIEL_CONTENTS_USUAL,    /* the job's, in each call */
    ORIEL_CONTENTS_OTHER,    /* others, in each call */
    ORIEL_CONTENTS_ALTERNATE /* the job's in each even call, others in each odd one */
} oriel_contents;

/*
 * What one wait or test is to see. It happens once that is what it would answer and learn; until then notifies that would change it for good
 * do not happen.
 */
typedef struct oriel_pin {
    uint32_t core, ordinal; /* its scalar unit's count; a test that is only repeated is one operation */
    uint32_t cell;          /* of a wait for several: which one */
    bool result;
    oriel_clock knows; /* then */
    struct oriel_pinned_notify {
        uint32_t core, ordinal;
    } * excluded;
    uint32_t excludes;
} oriel_pin;

typedef struct oriel_plan {
    /* The cores whose signal operations come first, in turn; one that cannot come is waited for by letting others run to theirs. */
    const uint32_t *order;
    uint32_t length;
    /* Instead of an order, what some waits and tests are to see; all others see what they can. */
    const oriel_pin *pin;
    uint32_t pins;
    oriel_hold hold;
    bool quiet; /* findings are not kept: the run is made for its outcome */
    oriel_contents contents;
    uint64_t seed; /* not 0: each step is chosen at random, by a generator that starts from this */
    /*
     * NULL, or decides each step: of all that can happen next, 0 .. n-1, which does. Then nothing is eager: scalar units stop
     * before each operation, what is queued on a pipe happens one thing at a time, and what is late has a time of its own: lines
     * leave caches by themselves, are fetched as of an earlier moment, and stores that other ranks do not see yet land (late.c).
     */
    uint32_t (*choose)(void *context, uint32_t n);
    void *context;
} oriel_plan;

/* A signal operation in a schedule: one cell of a wait, or a whole test. Those that never happened come last. */
typedef struct oriel_step {
    uint32_t core, ordinal; /* its scalar unit's count */
    uint8_t op, cmp;
    bool dead;   /* a test that was repeated: the last one counts */
    bool stuck;  /* a wait that never ended */
    bool result; /* of a test; of a wait: whether it passed */
    int32_t value;
    uint32_t cell;   /* of a wait: which one */
    uint64_t offset; /* of its (first) cell, in the arena */
    uint32_t cells, stride;
    uint32_t notifies; /* that had happened in the whole machine before it; a notify's own index */
    uint64_t known;    /* its scalar unit's clock, before it: where among the schedule's; not of a notify */
    uint32_t known_count;
} oriel_step;

typedef struct oriel_steps {
    oriel_step *step;
    uint32_t count, room;
    uint32_t *known; /* clocks, one behind the other */
    uint64_t knowns, known_room;
} oriel_steps;

#endif
