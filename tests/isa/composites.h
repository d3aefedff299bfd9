/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of expansions: random composites that are allowed, and a recording of what one of them expands to. */
#ifndef ORIEL_TESTS_ISA_COMPOSITES_H
#define ORIEL_TESTS_ISA_COMPOSITES_H

#include "base/random.h"
#include "isa/isa.h"
#include "oriel/kernel.h"
#include "test.h"

#define MAX_RANKS  5
#define MAX_EVENTS 16384
#define OBJECTS    64 /* 32 for each of the two types */
#define UB_BYTES   (192 << 10)

static const oriel_limits overlapping = {
    .ub_bytes = UB_BYTES, .ub_align = 32, .event_ids = 8, .vector_in_order = false};
static const oriel_limits in_order = {.ub_bytes = UB_BYTES, .ub_align = 32, .event_ids = 8, .vector_in_order = true};

/* ---- Recording -------------------------------------------------------------------------------------------------- */

typedef struct issued {
    bool is_sync;
    pto_sync sync;
    pto_instr instr; /* its operands point into this event */
    pto_tile tile[3];
    pto_global global[2];
} issued;

typedef struct recording {
    uint32_t count;
    issued event[MAX_EVENTS];
} recording;

static recording recorded;

static inline issued *next_event(recording *into)
{
    assert_true(into->count < MAX_EVENTS);
    return &into->event[into->count++];
}

static inline void record_instr(void *context, const pto_instr *instr)
{
    issued *event = next_event(context);
    event->is_sync = false;
    event->instr = *instr;
    for (int i = 0; i < 3; i++) {
        if (instr->tile[i])
            event->instr.tile[i] = memcpy(&event->tile[i], instr->tile[i], sizeof(pto_tile));
    }
    for (int i = 0; i < 2; i++) {
        if (instr->global[i])
            event->instr.global[i] = memcpy(&event->global[i], instr->global[i], sizeof(pto_global));
    }
}

static inline void record_sync(void *context, const pto_sync *sync)
{
    issued *event = next_event(context);
    event->is_sync = true;
    event->sync = *sync;
}

/* Appends the expansion of a composite that is allowed. */
static inline void record(const pto_instr *composite, const oriel_limits *limits)
{
    assert_ok(oriel_instr_check(composite, limits));
    const oriel_expansion into = {.instr = record_instr, .sync = record_sync, .context = &recorded};
    oriel_instr_expand(composite, limits, &into);
}

/* ---- Random cases ----------------------------------------------------------------------------------------------- */

typedef struct trial {
    pto_instr composite;
    uint64_t shape[5]; /* of a member, or of both sides */
    pto_tile tile[3];
    pto_global mine, other, each[MAX_RANKS];
    pto_comm comm;
    pto_group group;
} trial;

static inline uint32_t below(oriel_random *random, uint32_t bound)
{
    return (uint32_t)oriel_random_below(random, bound);
}

/* A tensor in `object` of its type's: dense, or with its dimensions in any order in memory and gaps between. */
static inline pto_global random_layout(oriel_random *random, uint64_t object, pto_dtype dtype, const uint64_t shape[5])
{
    uint32_t order[5] = {4, 3, 2, 1, 0};
    bool dense = below(random, 2);
    for (uint32_t i = 4; i > 0 && !dense; i--) {
        uint32_t j = below(random, i + 1), swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
    uint64_t start = dense ? 0 : 4 * below(random, 20), step = 1;
    object += dtype == PTO_I32 ? OBJECTS / 2 : 0;
    pto_global global = {.addr = (object << PTO_ADDR_OBJECT_SHIFT) + start, .dtype = dtype};
    for (uint32_t i = 0; i < 5; i++) {
        global.shape[order[i]] = shape[order[i]];
        global.stride[order[i]] = step;
        step = step * shape[order[i]] + (dense ? 0 : below(random, 3));
    }
    return global;
}

static inline void random_group(oriel_random *random, trial *sample, pto_dtype dtype)
{
    uint32_t ranks = 1 + below(random, MAX_RANKS), rank = below(random, ranks);
    sample->comm = (pto_comm){.rank = rank, .ranks = ranks, .buffers = 2};
    sample->comm.first_object = 20 + (dtype == PTO_I32 ? OBJECTS / 2 : 0);
    sample->group = (pto_group){.ranks = ranks};
    if (below(random, 2)) {
        sample->group.comm = &sample->comm;
        sample->group.mine = random_layout(random, 20 + 2 * rank + 1, dtype, sample->shape);
        return;
    }
    for (uint32_t r = 0; r < ranks; r++)
        sample->each[r] = random_layout(random, 10 + r, dtype, sample->shape);
    sample->group.each = sample->each;
}

/* Up to three staging tiles of one shape. */
static inline void random_tiles(oriel_random *random, trial *sample, pto_dtype dtype)
{
    uint32_t rows = 1 + below(random, 7), cols = 8 * (1 + below(random, 3));
    uint32_t valid_rows = 1 + below(random, rows), valid_cols = 5 + below(random, cols - 4);
    uint32_t tiles = (sample->composite.op == PTO_OP_TREDUCE ? 2 : 1) + below(random, 2);
    for (uint32_t i = 0; i < tiles; i++) {
        sample->tile[i] = (pto_tile){dtype, 32 + i * rows * cols * 4, rows, cols, valid_rows, valid_cols};
        sample->composite.tile[i] = &sample->tile[i];
    }
}

static inline void random_sample(oriel_random *random, trial *sample)
{
    pto_dtype dtype = below(random, 2) ? PTO_F32 : PTO_I32;
    pto_op op = PTO_OP_TPUT + below(random, 6);
    memset(sample, 0, sizeof *sample);
    sample->composite.op = op;
    do {
        for (int i = 0; i < 4; i++)
            sample->shape[i] = below(random, 2) ? 1 : 1 + below(random, 4);
    } while (sample->shape[0] * sample->shape[1] * sample->shape[2] * sample->shape[3] > 24);
    sample->shape[4] = 1 + below(random, 40);
    random_tiles(random, sample, dtype);

    uint64_t whole[5];
    memcpy(whole, sample->shape, sizeof whole);
    if (op != PTO_OP_TPUT && op != PTO_OP_TGET) {
        random_group(random, sample, dtype);
        sample->composite.group = &sample->group;
        whole[3] *= op == PTO_OP_TGATHER || op == PTO_OP_TSCATTER ? sample->group.ranks : 1;
    } else {
        sample->other = random_layout(random, 2, dtype, whole);
        sample->composite.global[1] = &sample->other;
    }
    sample->mine = random_layout(random, 1, dtype, whole);
    sample->composite.global[op == PTO_OP_TSCATTER || op == PTO_OP_TBROADCAST] = &sample->mine;
    if (op == PTO_OP_TREDUCE)
        sample->composite.mode = below(random, dtype == PTO_I32 ? PTO_REDUCE_COUNT : PTO_AND);
    if (op == PTO_OP_TPUT)
        sample->composite.mode = below(random, 2) ? PTO_ATOMIC_ADD : PTO_ATOMIC_NONE;
}

#endif
