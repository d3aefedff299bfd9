/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that are synchronized as they must be, and hardly more, so that a checker that wants too little or too much shows it.
 *
 * A program is a row of epochs, with a barrier of all cores between any two. In an epoch every piece of device memory that
 * several cores reach is only read, or only added to, or each part of it is one core's:
 *
 *      LOCAL   a core has its own slot of its own window          ADD     anybody adds to anybody's `adds`
 *      PUSH    a core writes its slot of anybody's window         WORDS   scalar stores, a line for each core
 *      PULL    anybody reads anything                             MAIL    a slot and a signal to one peer, and from another
 *
 * Inside a core, `account` follows what each pipe knows to be complete of each other. Before an instruction is issued, what it
 * still needs is supplied: by a flag that was set earlier, by a new one, by a pipe barrier or by a barrier of all pipes, as
 * the bytes choose. What the account says must be what the checker says, rule by rule (docs/memory-model.md).
 */
#include <string.h>

#include "make.h"

enum { UB_SLOTS = 6, UB_SLOT = 2048, PIPES = PTO_PIPE_ALL, FIRST_ID = 2 /* 0 and 1 are the composites' */, IDS = 8 };
enum { OUT, SCRATCH, GM_THINGS };
typedef enum epoch { LOCAL, PUSH, PULL, ADD, WORDS, MAIL, EPOCHS } epoch;

/* Signal lines, and counters, of the different barriers. */
enum {
    LINE_ADD, /* and for TURN_ADD_OTHERS, TURN_DOWN, TURN_DOWN_OTHERS */
    LINE_SET = LINE_ADD + 4,
    LINE_STAR = LINE_SET + FUZZ_MAX_RANKS,
    LINE_STAR_BACK,
    LINE_NEAR,
    LINE_FAR,
    LINE_MAIL /* a line for each block */
};
enum { TURN_ADD, TURN_ADD_OTHERS, TURN_DOWN, TURN_DOWN_OTHERS, TURN_SET, TURN_STAR, TURN_NEAR, TURN_MAIL };

/* What touched it last: by pipe, how many things had been queued there then. */
typedef struct thing {
    uint32_t wrote[PIPES], read[PIPES];
    bool undefined;
} thing;

typedef struct flag {
    bool set;
    uint32_t gives[PIPES];
    uint32_t waited; /* the last wait, by its pipe's count */
} flag;

typedef struct account {
    fuzz_program *program;
    fuzz_bytes *b;
    bool vector_in_order, tile_in_order;
    uint32_t count[PIPES], known[PIPES][PIPES];
    thing ub[UB_SLOTS], gm[GM_THINGS];
    flag flags[PIPES][PIPES][IDS];
    epoch epoch;
    pto_dtype adds, exchanged; /* types of what crosses ranks, as a rule: another one is a finding */
    uint32_t added;            /* at most, to one element */
    bool stored_words;
} account;

/* ---- Steps, and defects ----------------------------------------------------------------------------------------- */

static void spoil(account *a, fuzz_step *step)
{
    switch (fuzz_below(a->b, 6)) {
    case 0: step->ranks = fuzz_byte(a->b); break;
    case 1: step->value += (int32_t)fuzz_below(a->b, 3) - 1; break;
    case 2: step->mode = fuzz_below(a->b, 6); break;
    case 3: step->id = fuzz_below(a->b, IDS); break;
    case 4: step->place.by += fuzz_below(a->b, 3); break;
    default: step->tensor[0].at.by++; step->tensor[1].at.by++;
    }
}

static void put(account *a, fuzz_step step)
{
    fuzz_program *program = a->program;
    if (!program->defects || step.kind == FUZZ_REPEAT || !fuzz_chance(a->b, 5)) {
        fuzz_add(program, step);
        return;
    }
    fuzz_step wild;
    switch (fuzz_below(a->b, 4)) {
    case 0: break; /* left out */
    case 1:
        wild = fuzz_wild_step(program, a->b);
        program->inexact |= pto_dtype_is_float(a->adds);
        fuzz_add(program, wild);
        fuzz_add(program, step);
        break;
    case 2:
        fuzz_add(program, step);
        fuzz_add(program, step);
        break;
    default:
        spoil(a, &step);
        program->inexact |= pto_dtype_is_float(a->adds);
        fuzz_add(program, step);
    }
}

static fuzz_step step_of(fuzz_kind kind, pto_op op)
{
    return (fuzz_step){.kind = kind, .op = op, .ranks = FUZZ_ALL, .blocks = FUZZ_ALL, .cells = 1, .stride = 1};
}

static void put_sync(account *a, pto_op op, pto_pipe src, pto_pipe dst, uint32_t id)
{
    fuzz_step step = step_of(FUZZ_SYNC, op);
    step.src = src;
    step.dst = dst;
    step.id = id;
    put(a, step);
}

/* ---- The account ------------------------------------------------------------------------------------------------ */

static void join(uint32_t to[PIPES], const uint32_t from[PIPES])
{
    for (int p = 0; p < PIPES; p++)
        to[p] = to[p] > from[p] ? to[p] : from[p];
}

/* Something is queued on `q`. */
static void queue_on(account *a, pto_pipe q)
{
    join(a->known[q], a->known[PTO_PIPE_S]);
    a->count[q]++;
}

static void barrier_all(account *a)
{
    put_sync(a, PTO_OP_PIPE_BARRIER, PTO_PIPE_ALL, PTO_PIPE_S, 0);
    for (int p = 0; p < PIPES; p++)
        join(a->known[p], a->count);
}

static void take(account *a, pto_pipe p, pto_pipe q, uint32_t id)
{
    flag *f = &a->flags[p][q][id];
    put_sync(a, PTO_OP_WAIT_FLAG, p, q, id);
    queue_on(a, q);
    join(a->known[q], f->gives);
    f->set = false;
    f->waited = a->count[q];
}

/* An id that is not up from `p` toward anybody, and whose last wait `p` knows of; IDS: there is none. */
static uint32_t free_id(account *a, pto_pipe p, pto_pipe q)
{
    join(a->known[p], a->known[PTO_PIPE_S]);
    uint32_t start = fuzz_below(a->b, IDS);
    for (uint32_t i = 0; i < IDS; i++) {
        uint32_t id = (start + i) % IDS;
        bool up = false;
        for (int other = 0; other < PIPES; other++)
            up |= a->flags[p][other][id].set;
        bool past = q == PTO_PIPE_S || p == PTO_PIPE_S || a->known[p][q] >= a->flags[p][q][id].waited;
        if (id >= FIRST_ID && !up && past)
            return id;
    }
    return IDS;
}

/* False: no id is free. */
static bool raise_flag(account *a, pto_pipe p, pto_pipe q, uint32_t *id)
{
    *id = free_id(a, p, q);
    if (*id == IDS)
        return false;
    flag *f = &a->flags[p][q][*id];
    put_sync(a, PTO_OP_SET_FLAG, p, q, *id);
    memcpy(f->gives, a->known[p], sizeof f->gives);
    f->gives[p] = a->count[p];
    f->set = true;
    queue_on(a, p);
    return true;
}

/* `q` is to know that `n` things of `p` are complete. */
static void need(account *a, pto_pipe q, pto_pipe p, uint32_t n)
{
    join(a->known[q], a->known[PTO_PIPE_S]);
    if (a->known[q][p] >= n)
        return;
    if (p == q && !fuzz_chance(a->b, 30)) {
        put_sync(a, PTO_OP_PIPE_BARRIER, p, PTO_PIPE_S, 0);
        queue_on(a, p);
        a->known[p][p] = a->count[p];
        return;
    }
    for (uint32_t id = 0; id < IDS && p != q; id++)
        if (a->flags[p][q][id].set && a->flags[p][q][id].gives[p] >= n) {
            take(a, p, q, id);
            return;
        }
    uint32_t id;
    if (p != q && !fuzz_chance(a->b, 60) && raise_flag(a, p, q, &id))
        take(a, p, q, id);
    else
        barrier_all(a);
}

/* `q` is about to touch it. */
static void before(account *a, pto_pipe q, const thing *t, bool write, bool in_ub)
{
    for (int p = PTO_PIPE_MTE2; p < PIPES; p++) {
        bool ordered = (pto_pipe)p == q && ((q == PTO_PIPE_V && a->vector_in_order) || (in_ub && a->tile_in_order));
        uint32_t n = write && t->read[p] > t->wrote[p] ? t->read[p] : t->wrote[p];
        if (n && !ordered)
            need(a, q, (pto_pipe)p, n);
    }
}

/* All flags that are up are taken, and all pipes have ended; for what comes round again, and for others. */
static void settle(account *a)
{
    for (int p = 0; p < PIPES; p++)
        for (int q = 0; q < PIPES; q++)
            for (uint32_t id = 0; id < IDS; id++)
                if (a->flags[p][q][id].set)
                    take(a, (pto_pipe)p, (pto_pipe)q, id);
    switch (fuzz_below(a->b, 4)) {
    case 0:
        for (int p = PTO_PIPE_MTE2; p < PIPES; p++)
            need(a, PTO_PIPE_S, (pto_pipe)p, a->count[p]);
        break;
    case 1:
        for (int p = PTO_PIPE_MTE2; p < PIPES; p++) {
            put_sync(a, PTO_OP_PIPE_BARRIER, (pto_pipe)p, PTO_PIPE_S, 0);
            queue_on(a, (pto_pipe)p);
        }
        put_sync(a, PTO_OP_DSB, PTO_PIPE_S, PTO_PIPE_S, 0);
        join(a->known[PTO_PIPE_S], a->count);
        break;
    default: barrier_all(a);
    }
}

/* Now and then a flag is set long before anybody needs it. */
static void maybe_raise(account *a, pto_pipe p)
{
    uint32_t id;
    pto_pipe q = (pto_pipe)fuzz_below(a->b, PIPES);
    if (p != q && fuzz_chance(a->b, 50))
        raise_flag(a, p, q, &id);
}

/* ---- Operands --------------------------------------------------------------------------------------------------- */

/* rows x cols elements, and how many from row to row in device memory; all in one slot. */
typedef struct extent {
    pto_dtype dtype;
    uint32_t bytes, rows, cols, pitch;
} extent;

static extent any_extent(account *a, pto_dtype dtype)
{
    extent e = {.dtype = dtype, .bytes = pto_dtype_bytes(dtype)};
    uint32_t most = FUZZ_SLOT / e.bytes;
    e.cols = fuzz_chance(a->b, 40) ? most : 1 + fuzz_below(a->b, most < 48 ? most : 48);
    uint32_t rows = most / e.cols;
    e.rows = 1 + fuzz_below(a->b, rows < 4 ? rows : 4);
    e.pitch = e.cols + (fuzz_chance(a->b, 80) ? fuzz_below(a->b, most / e.rows - e.cols + 1) : 0);
    return e;
}

static pto_dtype any_dtype(account *a)
{
    return (pto_dtype)fuzz_below(a->b, PTO_DTYPE_COUNT);
}

static extent whole_slot(pto_dtype dtype)
{
    uint32_t bytes = pto_dtype_bytes(dtype);
    return (extent){dtype, bytes, 1, FUZZ_SLOT / bytes, FUZZ_SLOT / bytes};
}

/* For a place that another rank may have written, or may read. */
static pto_dtype dtype_for(account *a, const fuzz_place *at)
{
    if (at->buffer == FUZZ_ADDS)
        return a->adds;
    return at->buffer == FUZZ_SCRATCH && !fuzz_chance(a->b, 20) ? a->exchanged : any_dtype(a);
}

static pto_tile tile_in(account *a, uint32_t slot, const extent *e)
{
    uint32_t row = (e->cols * e->bytes + 31) / 32 * 32, spare = (UB_SLOT - row * e->rows) / 32;
    return (pto_tile){.dtype = e->dtype,
                      .offset = slot * UB_SLOT + 32 * fuzz_below(a->b, spare < 8 ? spare + 1 : 8),
                      .rows = e->rows,
                      .cols = row / e->bytes,
                      .valid_rows = e->rows,
                      .valid_cols = e->cols};
}

static fuzz_tensor tensor_at(account *a, fuzz_place at, uint32_t room, const extent *e)
{
    uint32_t span = ((e->rows - 1) * e->pitch + e->cols) * e->bytes;
    at.base += fuzz_below(a->b, (room - span) / e->bytes + 1) * e->bytes;
    fuzz_tensor tensor = {
        .at = at, .dtype = e->dtype, .shape = {1, 1, 1, e->rows, e->cols}, .stride = {0, 0, 0, e->pitch, 1}};
    if (e->rows % 2 == 0 && fuzz_chance(a->b, 60)) {
        uint32_t d = fuzz_below(a->b, 3);
        tensor.shape[d] = 2;
        tensor.shape[3] = e->rows / 2;
        tensor.stride[d] = e->pitch * (e->rows / 2);
    }
    return tensor;
}

/* The slot of some core of the job in my own window. */
static fuzz_place slot_of_any_core(account *a)
{
    uint32_t rank = fuzz_below(a->b, a->program->ranks), block = fuzz_below(a->b, a->program->blocks);
    return (fuzz_place){.buffer = FUZZ_SCRATCH, .base = (rank * FUZZ_MAX_BLOCKS + block) * FUZZ_SLOT};
}

static const fuzz_place in_place = {.buffer = FUZZ_IN}, out_place = {.buffer = FUZZ_OUT, .per_block = FUZZ_SLOT};
static const fuzz_place my_slot = {
    .buffer = FUZZ_SCRATCH, .per_rank = FUZZ_MAX_BLOCKS * FUZZ_SLOT, .per_block = FUZZ_SLOT};

static fuzz_place of_anybody(account *a, fuzz_place at)
{
    at.whose = fuzz_below(a->b, 2) ? FUZZ_NEXT : FUZZ_RANK;
    at.by = fuzz_below(a->b, a->program->ranks);
    return at;
}

static uint32_t any_slot(account *a)
{
    return fuzz_below(a->b, UB_SLOTS);
}

static void fill_slot(account *a, uint32_t slot)
{
    fuzz_step step = step_of(FUZZ_INSTR, PTO_OP_TFILL);
    before(a, PTO_PIPE_V, &a->ub[slot], true, true);
    step.has_tile[0] = true;
    step.tile[0] = (pto_tile){PTO_I16, slot * UB_SLOT, 4, UB_SLOT / 8, 4, UB_SLOT / 8};
    step.scalar.value.i = 3 + slot;
    put(a, step);
    queue_on(a, PTO_PIPE_V);
    a->ub[slot].wrote[PTO_PIPE_V] = a->count[PTO_PIPE_V];
    a->ub[slot].undefined = false;
}

/* One that may be read. */
static uint32_t defined_slot(account *a)
{
    uint32_t slot = any_slot(a);
    if (a->ub[slot].undefined && !(a->program->defects && fuzz_chance(a->b, 20)))
        fill_slot(a, slot);
    return slot;
}

/* ---- Loads, stores, arithmetic ---------------------------------------------------------------------------------- */

/* Something that MTE2 may read now, and what of the account it is; NULL: nothing that changes in this epoch. */
static fuzz_place source(account *a, thing **t, uint32_t *room)
{
    *room = FUZZ_SLOT;
    *t = NULL;
    uint32_t which = fuzz_below(a->b, 4);
    if (which == 1) {
        *t = &a->gm[OUT];
        return out_place;
    }
    if (which >= 2 && a->epoch == LOCAL) {
        *t = &a->gm[SCRATCH];
        return my_slot;
    }
    if (which == 2 && a->epoch == PULL)
        return of_anybody(a, slot_of_any_core(a));
    if (which == 3 && a->epoch == PULL) {
        *room = fuzz_chance(a->b, 128) ? FUZZ_ADDS_BYTES : FUZZ_LINES / 4 * 64;
        return of_anybody(a, (fuzz_place){.buffer = *room == FUZZ_ADDS_BYTES ? FUZZ_ADDS : FUZZ_WORDS});
    }
    *room = FUZZ_IN_BYTES;
    return in_place;
}

/* Something that MTE3 may write now. */
static fuzz_place destination(account *a, thing **t)
{
    bool scratch = fuzz_below(a->b, 2) && (a->epoch == LOCAL || a->epoch == PUSH);
    *t = &a->gm[scratch ? SCRATCH : OUT];
    if (!scratch)
        return out_place;
    return a->epoch == LOCAL ? my_slot : of_anybody(a, my_slot);
}

static void touch_gm(thing *t, pto_pipe q, uint32_t count, bool write)
{
    if (t)
        (write ? t->wrote : t->read)[q] = count;
}

static void load_from(account *a, uint32_t slot, fuzz_place from, thing *t, uint32_t room, const extent *e)
{
    fuzz_step step = step_of(FUZZ_INSTR, PTO_OP_TLOAD);
    before(a, PTO_PIPE_MTE2, &a->ub[slot], true, true);
    if (t)
        before(a, PTO_PIPE_MTE2, t, false, false);
    step.has_tile[0] = step.has_tensor[1] = true;
    step.tile[0] = tile_in(a, slot, e);
    step.tensor[1] = tensor_at(a, from, room, e);
    put(a, step);
    queue_on(a, PTO_PIPE_MTE2);
    a->ub[slot].wrote[PTO_PIPE_MTE2] = a->count[PTO_PIPE_MTE2];
    touch_gm(t, PTO_PIPE_MTE2, a->count[PTO_PIPE_MTE2], false);
    maybe_raise(a, PTO_PIPE_MTE2);
}

static void store_to(account *a, uint32_t slot, fuzz_place to, thing *t, uint32_t room, const extent *e, pto_atomic how)
{
    fuzz_step step = step_of(FUZZ_INSTR, PTO_OP_TSTORE);
    before(a, PTO_PIPE_MTE3, &a->ub[slot], false, true);
    if (t)
        before(a, PTO_PIPE_MTE3, t, true, false);
    step.mode = how;
    step.has_tile[0] = step.has_tensor[0] = true;
    step.tile[0] = tile_in(a, slot, e);
    step.tensor[0] = tensor_at(a, to, room, e);
    put(a, step);
    queue_on(a, PTO_PIPE_MTE3);
    a->ub[slot].read[PTO_PIPE_MTE3] = a->count[PTO_PIPE_MTE3];
    touch_gm(t, PTO_PIPE_MTE3, a->count[PTO_PIPE_MTE3], true);
    maybe_raise(a, PTO_PIPE_MTE3);
}

static void load(account *a)
{
    thing *t;
    uint32_t room, slot = any_slot(a);
    fuzz_place from = source(a, &t, &room);
    extent e = any_extent(a, dtype_for(a, &from));
    if (a->ub[slot].undefined)
        fill_slot(a, slot);
    load_from(a, slot, from, t, room, &e);
}

static void store(account *a)
{
    thing *t;
    uint32_t slot = defined_slot(a);
    fuzz_place to = destination(a, &t);
    extent e = any_extent(a, dtype_for(a, &to));
    store_to(a, slot, to, t, FUZZ_SLOT, &e, PTO_ATOMIC_NONE);
}

static pto_scalar scalar_of(account *a)
{
    if (fuzz_below(a->b, 3) == 0)
        return (pto_scalar){.is_float = true, .value = {.f = (double)fuzz_below(a->b, 64) / 8 - 4}};
    return (pto_scalar){.value = {.i = (int64_t)fuzz_below(a->b, 256) - 100}};
}

static void compute(account *a)
{
    fuzz_step step = step_of(FUZZ_INSTR, (pto_op)(PTO_OP_TADD + fuzz_below(a->b, PTO_OP_TROWMAX - PTO_OP_TADD + 1)));
    extent e = any_extent(a, any_dtype(a));
    uint32_t sources = step.op <= PTO_OP_TMIN ? 2 : step.op == PTO_OP_TFILL ? 0 : 1, slot[3];
    slot[0] = defined_slot(a);
    for (uint32_t i = 1; i <= sources; i++)
        slot[i] = defined_slot(a);
    bool apart = step.op == PTO_OP_TCVT || step.op >= PTO_OP_TROWSUM;
    if (apart && slot[1] == slot[0]) {
        slot[0] = (slot[1] + 1) % UB_SLOTS;
        if (a->ub[slot[0]].undefined)
            fill_slot(a, slot[0]);
    }
    for (uint32_t i = 0; i <= sources; i++) {
        step.has_tile[i] = true;
        step.tile[i] = tile_in(a, slot[i], &e);
        for (uint32_t k = 0; k < i; k++)
            if (slot[i] == slot[k])
                step.tile[i] = step.tile[k];
    }
    if (step.op == PTO_OP_TCVT) {
        e.dtype = any_dtype(a);
        if (pto_dtype_bytes(e.dtype) > e.bytes)
            e.dtype = PTO_I8;
        e.bytes = pto_dtype_bytes(e.dtype);
        step.tile[0] = tile_in(a, slot[0], &e);
        step.mode = fuzz_below(a->b, PTO_ROUND_COUNT);
    }
    if (step.op >= PTO_OP_TROWSUM)
        step.tile[0].valid_cols = 1;
    step.scalar = scalar_of(a);
    step.from_register = fuzz_chance(a->b, 60);
    for (uint32_t i = 0; i <= sources; i++)
        before(a, PTO_PIPE_V, &a->ub[slot[i]], i == 0, true);
    put(a, step);
    queue_on(a, PTO_PIPE_V);
    a->ub[slot[0]].wrote[PTO_PIPE_V] = a->count[PTO_PIPE_V];
    for (uint32_t i = 1; i <= sources; i++)
        a->ub[slot[i]].read[PTO_PIPE_V] = a->count[PTO_PIPE_V];
    maybe_raise(a, PTO_PIPE_V);
}

/* Whole numbers, few and small, so that their sum is the same in any order. */
static void add(account *a)
{
    extent e = any_extent(a, a->adds);
    uint32_t slot = any_slot(a);
    fuzz_step step = step_of(FUZZ_INSTR, PTO_OP_TFILL);
    if (a->ub[slot].undefined)
        fill_slot(a, slot);
    before(a, PTO_PIPE_V, &a->ub[slot], true, true);
    step.has_tile[0] = true;
    step.tile[0] = (pto_tile){e.dtype, slot * UB_SLOT, 4, FUZZ_SLOT / e.bytes, 4, FUZZ_SLOT / e.bytes};
    step.scalar.value.i = 1 + (int64_t)fuzz_below(a->b, 3);
    a->added += 3 * 2 * a->program->ranks * a->program->blocks * a->program->calls;
    put(a, step);
    queue_on(a, PTO_PIPE_V);
    a->ub[slot].wrote[PTO_PIPE_V] = a->count[PTO_PIPE_V];
    store_to(a, slot, of_anybody(a, (fuzz_place){.buffer = FUZZ_ADDS}), NULL, FUZZ_ADDS_BYTES, &e, PTO_ATOMIC_ADD);
}

/* ---- Composites ------------------------------------------------------------------------------------------------- */

/* `count` staging tiles in slots of their own; returns the first's slot. */
static void stage(account *a, fuzz_step *step, uint32_t count, extent e)
{
    uint32_t first = any_slot(a);
    e.rows = 1 + fuzz_below(a->b, e.rows);
    e.cols = fuzz_chance(a->b, 128) ? e.cols : 1 + fuzz_below(a->b, e.cols);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = (first + i) % UB_SLOTS;
        before(a, PTO_PIPE_MTE2, &a->ub[slot], true, true);
        step->has_tile[i] = true;
        step->tile[i] = tile_in(a, slot, &e);
        a->ub[slot].undefined = true;
    }
}

/* What a composite leaves known: its loads, and what computed on them, come before its stores, and these before later loads. */
static void after_composite(account *a, const fuzz_step *step, uint32_t tiles, thing *read, thing *wrote)
{
    queue_on(a, PTO_PIPE_MTE2);
    queue_on(a, PTO_PIPE_MTE3);
    if (step->op == PTO_OP_TREDUCE && a->program->ranks > 1) {
        queue_on(a, PTO_PIPE_V);
        join(a->known[PTO_PIPE_V], a->known[PTO_PIPE_MTE2]);
        a->known[PTO_PIPE_V][PTO_PIPE_MTE2] = a->count[PTO_PIPE_MTE2];
        join(a->known[PTO_PIPE_MTE3], a->known[PTO_PIPE_V]);
        a->known[PTO_PIPE_MTE3][PTO_PIPE_V] = a->count[PTO_PIPE_V];
    }
    join(a->known[PTO_PIPE_MTE3], a->known[PTO_PIPE_MTE2]);
    a->known[PTO_PIPE_MTE3][PTO_PIPE_MTE2] = a->count[PTO_PIPE_MTE2];
    join(a->known[PTO_PIPE_MTE2], a->known[PTO_PIPE_MTE3]);
    a->known[PTO_PIPE_MTE2][PTO_PIPE_MTE3] = a->count[PTO_PIPE_MTE3];
    for (uint32_t i = 0; i < tiles; i++) {
        thing *t = &a->ub[step->tile[i].offset / UB_SLOT];
        t->wrote[PTO_PIPE_MTE2] = a->count[PTO_PIPE_MTE2];
        t->read[PTO_PIPE_MTE3] = a->count[PTO_PIPE_MTE3];
        if (step->op == PTO_OP_TREDUCE)
            t->wrote[PTO_PIPE_V] = a->count[PTO_PIPE_V];
    }
    touch_gm(read, PTO_PIPE_MTE2, a->count[PTO_PIPE_MTE2], false);
    touch_gm(wrote, PTO_PIPE_MTE3, a->count[PTO_PIPE_MTE3], true);
}

static void same_shape(fuzz_tensor *to, const fuzz_tensor *like)
{
    memcpy(to->shape, like->shape, sizeof to->shape);
    memcpy(to->stride, like->stride, sizeof to->stride);
}

/* Parts of a group lie in dimension 3 of a whole: all in one slot. */
static extent part_extent(account *a)
{
    extent e = any_extent(a, dtype_for(a, &my_slot));
    uint32_t most = FUZZ_SLOT / e.bytes / a->program->ranks;
    e.cols = e.cols > most ? most : e.cols;
    e.rows = 1 + fuzz_below(a->b, most / e.cols < 4 ? most / e.cols : 4);
    e.pitch = e.cols;
    return e;
}

static void move(account *a)
{
    thing *from, *to;
    uint32_t room, tiles = 1 + fuzz_below(a->b, 2);
    fuzz_step step = step_of(FUZZ_INSTR, fuzz_below(a->b, 2) ? PTO_OP_TPUT : PTO_OP_TGET);
    bool adds = a->epoch == ADD && step.op == PTO_OP_TPUT && !pto_dtype_is_float(a->adds);
    fuzz_place source_place = source(a, &from, &room), target = destination(a, &to);
    pto_dtype dtype = dtype_for(a, source_place.buffer >= FUZZ_SCRATCH ? &source_place : &target);
    extent e = any_extent(a, adds ? a->adds : dtype);
    if (adds) {
        target = of_anybody(a, (fuzz_place){.buffer = FUZZ_ADDS});
        to = NULL;
        step.mode = PTO_ATOMIC_ADD;
    }
    if (from && from == to) { /* what overlaps comes chunk by chunk, with flags for the tiles only */
        source_place = in_place;
        room = FUZZ_IN_BYTES;
        from = NULL;
    }
    step.has_tensor[0] = step.has_tensor[1] = true;
    step.tensor[0] = tensor_at(a, target, adds ? FUZZ_ADDS_BYTES : FUZZ_SLOT, &e);
    step.tensor[1] = tensor_at(a, source_place, room, &e);
    same_shape(&step.tensor[1], &step.tensor[0]);
    stage(a, &step, tiles, e);
    if (from)
        before(a, PTO_PIPE_MTE2, from, false, false);
    if (to)
        before(a, PTO_PIPE_MTE3, to, true, false);
    put(a, step);
    after_composite(a, &step, tiles, from, to);
}

/* TREDUCE or TGATHER from the slots of all ranks into my output. */
static void collect(account *a)
{
    bool reduce = fuzz_below(a->b, 2);
    fuzz_step step = step_of(FUZZ_INSTR, reduce ? PTO_OP_TREDUCE : PTO_OP_TGATHER);
    extent part = reduce ? any_extent(a, dtype_for(a, &my_slot)) : part_extent(a), whole = part;
    whole.rows *= reduce ? 1 : a->program->ranks;
    uint32_t tiles = (reduce ? 2 : 1) + fuzz_below(a->b, 2);
    step.mode = reduce ? fuzz_below(a->b, PTO_REDUCE_COUNT) : 0;
    step.has_group = step.has_tensor[0] = true;
    step.symmetric = fuzz_below(a->b, 4) != 0;
    step.group = tensor_at(a, slot_of_any_core(a), FUZZ_SLOT, &part);
    step.tensor[0] = tensor_at(a, out_place, FUZZ_SLOT, &whole);
    if (reduce)
        same_shape(&step.group, &step.tensor[0]);
    else {
        memcpy(step.group.shape, (uint64_t[]){1, 1, 1, part.rows, part.cols}, sizeof step.group.shape);
        memcpy(step.tensor[0].shape, (uint64_t[]){1, 1, 1, whole.rows, part.cols}, sizeof step.group.shape);
    }
    stage(a, &step, tiles, part);
    before(a, PTO_PIPE_MTE3, &a->gm[OUT], true, false);
    put(a, step);
    after_composite(a, &step, tiles, NULL, &a->gm[OUT]);
}

/* TSCATTER or TBROADCAST of my input into my slot of all ranks. */
static void distribute(account *a)
{
    bool scatter = fuzz_below(a->b, 2);
    fuzz_step step = step_of(FUZZ_INSTR, scatter ? PTO_OP_TSCATTER : PTO_OP_TBROADCAST);
    extent part = scatter ? part_extent(a) : any_extent(a, dtype_for(a, &my_slot)), whole = part;
    whole.rows *= scatter ? a->program->ranks : 1;
    uint32_t tiles = 1 + fuzz_below(a->b, 2);
    step.has_group = step.has_tensor[1] = true;
    step.symmetric = fuzz_below(a->b, 4) != 0;
    step.group = tensor_at(a, my_slot, FUZZ_SLOT, &part);
    step.tensor[1] = tensor_at(a, in_place, FUZZ_IN_BYTES, &whole);
    if (!scatter)
        same_shape(&step.tensor[1], &step.group);
    else {
        memcpy(step.group.shape, (uint64_t[]){1, 1, 1, part.rows, part.cols}, sizeof step.group.shape);
        memcpy(step.tensor[1].shape, (uint64_t[]){1, 1, 1, whole.rows, part.cols}, sizeof step.group.shape);
    }
    stage(a, &step, tiles, part);
    before(a, PTO_PIPE_MTE3, &a->gm[SCRATCH], true, false);
    put(a, step);
    after_composite(a, &step, tiles, NULL, &a->gm[SCRATCH]);
}

/* ---- Words ------------------------------------------------------------------------------------------------------ */

static const fuzz_place my_line = {.buffer = FUZZ_WORDS, .per_rank = FUZZ_MAX_BLOCKS * 64, .per_block = 64};

static void put_clean(account *a, fuzz_place at)
{
    fuzz_step step = step_of(FUZZ_SYNC, PTO_OP_DCCI);
    step.has_place = fuzz_below(a->b, 3) != 0;
    step.place = at;
    put(a, step);
}

static void put_access(account *a, pto_op op, fuzz_place at)
{
    fuzz_step step = step_of(FUZZ_ACCESS, op);
    step.dtype = any_dtype(a);
    uint32_t bytes = pto_dtype_bytes(step.dtype);
    step.place = at;
    step.place.base += fuzz_below(a->b, 64 / bytes) * bytes;
    step.value = (int32_t)fuzz_below(a->b, 100);
    step.from_register = fuzz_chance(a->b, 60);
    put(a, step);
}

static void store_word(account *a)
{
    fuzz_place at = my_line;
    if (fuzz_below(a->b, 3) == 0)
        at = of_anybody(a, at);
    put_access(a, PTO_OP_STORE, at);
    if (fuzz_chance(a->b, 60))
        put_access(a, PTO_OP_LOAD, at);
    put_clean(a, at);
    a->stored_words = true;
}

static void load_word(account *a)
{
    fuzz_place at = of_anybody(a, (fuzz_place){.buffer = FUZZ_WORDS});
    at.base = fuzz_below(a->b, FUZZ_SLOTS) * 64;
    if (fuzz_chance(a->b, 40))
        at = (fuzz_place){.buffer = FUZZ_IN};
    put_clean(a, at);
    put_access(a, PTO_OP_LOAD, at);
    if (fuzz_chance(a->b, 80)) {
        fuzz_step odd = step_of(FUZZ_ODD, PTO_OP_LOAD);
        odd.length = 1;
        put(a, odd);
        put_access(a, PTO_OP_LOAD, at);
    }
}

/* ---- Barriers --------------------------------------------------------------------------------------------------- */

static fuzz_step signal_step(pto_op op, uint32_t mode, uint32_t line, int32_t value, int32_t per_turn, uint32_t turn)
{
    fuzz_step step = step_of(FUZZ_SIGNAL, op);
    step.blocks = 1;
    step.mode = mode;
    step.place = (fuzz_place){.buffer = FUZZ_SIGNALS, .base = line * 64};
    step.value = value;
    step.per_turn = per_turn;
    step.turn = turn;
    step.stride = 16;
    return step;
}

static void put_wait(account *a, fuzz_step step)
{
    if (fuzz_chance(a->b, 6)) {
        step.kind = FUZZ_POLL;
        step.op = PTO_OP_TTEST;
    }
    put(a, step);
}

static void put_turn(account *a, uint32_t turn)
{
    fuzz_step step = step_of(FUZZ_TURN, PTO_OP_TNOTIFY);
    step.turn = turn;
    fuzz_add(a->program, step);
}

static void notify_all(account *a, fuzz_step step, bool myself)
{
    fuzz_step repeat = step_of(FUZZ_REPEAT, PTO_OP_TNOTIFY);
    repeat.length = 1;
    repeat.times = myself ? 0 : a->program->ranks - 1;
    step.place.whose = FUZZ_NEXT;
    step.place.by = myself ? 0 : 1;
    step.place.loops = true;
    put(a, repeat);
    fuzz_add(a->program, step);
}

/* Everybody adds to a cell of everybody, or of everybody else, up or down. */
static void counting_barrier(account *a)
{
    uint32_t which = fuzz_below(a->b, 4);
    bool others = which & 1 && a->program->ranks > 1, down = which & 2, strictly = fuzz_below(a->b, 3) == 0;
    uint32_t turn = (down ? TURN_DOWN : TURN_ADD) + others, line = LINE_ADD + turn;
    int32_t each = (int32_t)a->program->ranks - others, sign = down ? -1 : 1;
    pto_cmp cmp = down ? strictly ? PTO_LT : PTO_LE : strictly ? PTO_GT : PTO_GE;
    put_turn(a, turn);
    notify_all(a, signal_step(PTO_OP_TNOTIFY, PTO_NOTIFY_ADD, line, sign, 0, turn), !others);
    put_wait(a, signal_step(PTO_OP_TWAIT, cmp, line, strictly ? -sign : 0, sign * each, turn));
}

/* Everybody sets a cell of its own on everybody. */
static void setting_barrier(account *a)
{
    put_turn(a, TURN_SET);
    fuzz_step set = signal_step(PTO_OP_TNOTIFY, PTO_NOTIFY_SET, LINE_SET, 0, 1, TURN_SET);
    set.place.per_rank = 64;
    notify_all(a, set, true);
    bool differs = fuzz_below(a->b, 3) == 0; /* no peer is more than one ahead */
    fuzz_step wait = signal_step(PTO_OP_TWAIT, differs ? PTO_NE : PTO_GE, LINE_SET, differs ? -1 : 0, 1, TURN_SET);
    wait.cells = a->program->ranks;
    put_wait(a, wait);
}

/* All to rank 0, and back. */
static void star_barrier(account *a)
{
    put_turn(a, TURN_STAR);
    fuzz_step come = signal_step(PTO_OP_TNOTIFY, PTO_NOTIFY_ADD, LINE_STAR, 1, 0, TURN_STAR);
    come.place.whose = FUZZ_RANK;
    put(a, come);
    fuzz_step all = signal_step(PTO_OP_TWAIT, PTO_GE, LINE_STAR, 0, (int32_t)a->program->ranks, TURN_STAR);
    all.ranks = 1;
    put_wait(a, all);
    fuzz_step go = signal_step(PTO_OP_TNOTIFY, PTO_NOTIFY_ADD, LINE_STAR_BACK, 1, 0, TURN_STAR);
    go.ranks = 1;
    notify_all(a, go, true);
    put_wait(a, signal_step(PTO_OP_TWAIT, fuzz_below(a->b, 3) ? PTO_GE : PTO_EQ, LINE_STAR_BACK, 0, 1, TURN_STAR));
}

/* To the next, and to the one after that. */
static void spreading_barrier(account *a)
{
    put_turn(a, TURN_NEAR);
    for (uint32_t k = 0; 1u << k < a->program->ranks; k++) {
        fuzz_step step = signal_step(PTO_OP_TNOTIFY, PTO_NOTIFY_ADD, LINE_NEAR + k, 1, 0, TURN_NEAR);
        step.place.whose = FUZZ_NEXT;
        step.place.by = 1u << k;
        put(a, step);
        put_wait(a, signal_step(PTO_OP_TWAIT, PTO_GE, LINE_NEAR + k, 0, 1, TURN_NEAR));
    }
}

static void put_fence(account *a)
{
    if (a->program->profile == ORIEL_PROFILE_STRICT || a->stored_words || fuzz_below(a->b, 2))
        put_sync(a, PTO_OP_DSB, PTO_PIPE_S, PTO_PIPE_S, 0);
    a->stored_words = false;
}

static void rank_barrier(account *a)
{
    if (a->program->blocks > 1)
        put_sync(a, PTO_OP_CORE_BARRIER, PTO_PIPE_S, PTO_PIPE_S, 0);
}

/* All cores of all ranks. What each did before comes before what each does after. */
static void barrier(account *a)
{
    static void (*const barriers[])(account *) = {counting_barrier, setting_barrier, star_barrier, spreading_barrier};
    settle(a);
    put_fence(a);
    rank_barrier(a);
    barriers[fuzz_below(a->b, 4)](a);
    rank_barrier(a);
}

/* ---- Epochs ----------------------------------------------------------------------------------------------------- */

static void act(account *a)
{
    switch (fuzz_below(a->b, 8)) {
    case 0: load(a); return;
    case 1: store(a); return;
    case 2: compute(a); return;
    case 3: move(a); return;
    case 4: compute(a); return;
    default: break;
    }
    switch (a->epoch) {
    case PUSH: distribute(a); return;
    case PULL:
        if (fuzz_below(a->b, 2))
            collect(a);
        else
            load_word(a);
        return;
    case ADD: add(a); return;
    case WORDS: store_word(a); return;
    default:
        if (fuzz_below(a->b, 2))
            load(a);
        else
            store(a);
    }
}

/* A slot and then a signal to one peer; and from another, for whose signal one may ask before one waits. */
static void mail(account *a)
{
    uint32_t ranks = a->program->ranks, by = ranks > 1 ? 1 + fuzz_below(a->b, ranks - 1) : 0;
    fuzz_place slot = {.buffer = FUZZ_SCRATCH, .base = by * FUZZ_MAX_BLOCKS * FUZZ_SLOT, .per_block = FUZZ_SLOT},
               there = slot;
    there.whose = FUZZ_NEXT;
    there.by = by;
    extent e = any_extent(a, dtype_for(a, &slot)), whole = whole_slot(a->exchanged);
    uint32_t from = defined_slot(a), into = any_slot(a);
    put_turn(a, TURN_MAIL);
    store_to(a, from, there, NULL, FUZZ_SLOT, &whole, PTO_ATOMIC_NONE);
    settle(a);
    put_fence(a);
    fuzz_step step = signal_step(PTO_OP_TNOTIFY, PTO_NOTIFY_ADD, LINE_MAIL, 1, 0, TURN_MAIL);
    step.blocks = FUZZ_ALL;
    step.place.per_block = 64;
    step.place.whose = FUZZ_NEXT;
    step.place.by = by;
    put(a, step);
    fuzz_step wait = signal_step(PTO_OP_TWAIT, PTO_GE, LINE_MAIL, 0, 1, TURN_MAIL);
    wait.blocks = FUZZ_ALL;
    wait.place.per_block = 64;
    if (a->ub[into].undefined)
        fill_slot(a, into);
    if (fuzz_chance(a->b, 60)) {
        fuzz_step test = wait;
        test.kind = FUZZ_TEST;
        test.op = PTO_OP_TTEST;
        settle(a);
        fuzz_add(a->program, test);
        uint32_t at = a->program->steps - 1;
        load_from(a, into, slot, NULL, FUZZ_SLOT, &e);
        settle(a);
        store_to(a, into, out_place, &a->gm[OUT], FUZZ_SLOT, &e, PTO_ATOMIC_NONE);
        settle(a);
        a->program->step[at].length = a->program->steps - 1 - at;
        barrier_all(a);
    }
    put_wait(a, wait);
    load_from(a, into, slot, NULL, FUZZ_SLOT, &e);
}

static void redefine(account *a, const bool undefined[UB_SLOTS])
{
    for (uint32_t i = 0; i < UB_SLOTS; i++)
        if (a->ub[i].undefined && !undefined[i])
            fill_slot(a, i);
}

static void epoch_body(account *a)
{
    if (a->epoch == MAIL) {
        mail(a);
        return;
    }
    uint32_t acts = 1 + fuzz_below(a->b, 5), at = a->program->steps;
    bool again = fuzz_chance(a->b, 50), undefined[UB_SLOTS];
    for (uint32_t i = 0; i < UB_SLOTS; i++)
        undefined[i] = a->ub[i].undefined;
    if (again) {
        settle(a);
        at = a->program->steps;
        fuzz_step repeat = step_of(FUZZ_REPEAT, PTO_OP_TNOTIFY);
        repeat.times = 2;
        put(a, repeat);
    }
    for (uint32_t i = 0; i < acts; i++)
        act(a);
    if (again) {
        redefine(a, undefined);
        settle(a);
        barrier_all(a);
        if (at < a->program->steps)
            a->program->step[at].length = a->program->steps - 1 - at;
    }
}

/* Each core writes its slot on all ranks: that bytes are loaded of which only some were ever written is a finding. */
static void write_all_slots(account *a)
{
    extent whole = whole_slot(a->exchanged);
    fuzz_place there = my_slot;
    there.whose = FUZZ_NEXT;
    there.loops = true;
    barrier(a);
    before(a, PTO_PIPE_MTE3, &a->ub[0], false, true);
    put(a, step_of(FUZZ_REPEAT, PTO_OP_TSTORE));
    uint32_t at = a->program->steps - 1;
    store_to(a, 0, there, NULL, FUZZ_SLOT, &whole, PTO_ATOMIC_NONE);
    settle(a);
    a->program->step[at].length = a->program->steps - 1 - at;
}

void fuzz_tame(fuzz_program *program, fuzz_bytes *bytes)
{
    account a = {.program = program, .b = bytes};
    a.vector_in_order = strcmp(program->platform, "a5sim") == 0;
    a.tile_in_order = program->profile == ORIEL_PROFILE_DOCUMENTED;
    do
        a.adds = any_dtype(&a);
    while (!fuzz_addable(a.adds) && bytes->left);
    uint32_t epochs = 1 + fuzz_below(bytes, 5);
    for (uint32_t i = 0; i < UB_SLOTS; i++)
        fill_slot(&a, i);
    a.exchanged = any_dtype(&a);
    extent slot = whole_slot(PTO_I32);
    load_from(&a, 0, in_place, NULL, FUZZ_IN_BYTES, &slot);
    store_to(&a, 0, out_place, &a.gm[OUT], FUZZ_SLOT, &slot, PTO_ATOMIC_NONE);
    if (fuzz_below(bytes, 8))
        write_all_slots(&a);
    for (uint32_t i = 0; i < epochs; i++) {
        a.epoch = (epoch)fuzz_below(bytes, EPOCHS);
        barrier(&a);
        epoch_body(&a);
    }
    settle(&a);
    put_fence(&a);
    if ((a.adds == PTO_BF16 && a.added > 256) || (a.adds == PTO_F16 && a.added > 2048))
        program->inexact = true;
}
