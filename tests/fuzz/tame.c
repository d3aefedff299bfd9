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
 * Inside a core an account is kept (account.h) of what its pipes know.
 */
#include <string.h>

#include "account.h"

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
    fuzz_step step = fuzz_step_of(FUZZ_INSTR, PTO_OP_TFILL);
    fuzz_before(a, PTO_PIPE_V, &a->ub[slot], true, true);
    step.has_tile[0] = true;
    step.tile[0] = (pto_tile){PTO_I16, slot * UB_SLOT, 4, UB_SLOT / 8, 4, UB_SLOT / 8};
    step.scalar.value.i = 3 + slot;
    fuzz_put(a, step);
    fuzz_queue_on(a, PTO_PIPE_V);
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
    fuzz_step step = fuzz_step_of(FUZZ_INSTR, PTO_OP_TLOAD);
    fuzz_before(a, PTO_PIPE_MTE2, &a->ub[slot], true, true);
    if (t)
        fuzz_before(a, PTO_PIPE_MTE2, t, false, false);
    step.has_tile[0] = step.has_tensor[1] = true;
    step.tile[0] = tile_in(a, slot, e);
    step.tensor[1] = tensor_at(a, from, room, e);
    fuzz_put(a, step);
    fuzz_queue_on(a, PTO_PIPE_MTE2);
    a->ub[slot].wrote[PTO_PIPE_MTE2] = a->count[PTO_PIPE_MTE2];
    touch_gm(t, PTO_PIPE_MTE2, a->count[PTO_PIPE_MTE2], false);
    fuzz_maybe_raise(a, PTO_PIPE_MTE2);
}

static void store_to(account *a, uint32_t slot, fuzz_place to, thing *t, uint32_t room, const extent *e, pto_atomic how)
{
    fuzz_step step = fuzz_step_of(FUZZ_INSTR, PTO_OP_TSTORE);
    fuzz_before(a, PTO_PIPE_MTE3, &a->ub[slot], false, true);
    if (t)
        fuzz_before(a, PTO_PIPE_MTE3, t, true, false);
    step.mode = how;
    step.has_tile[0] = step.has_tensor[0] = true;
    step.tile[0] = tile_in(a, slot, e);
    step.tensor[0] = tensor_at(a, to, room, e);
    fuzz_put(a, step);
    fuzz_queue_on(a, PTO_PIPE_MTE3);
    a->ub[slot].read[PTO_PIPE_MTE3] = a->count[PTO_PIPE_MTE3];
    touch_gm(t, PTO_PIPE_MTE3, a->count[PTO_PIPE_MTE3], true);
    fuzz_maybe_raise(a, PTO_PIPE_MTE3);
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
    fuzz_step step =
        fuzz_step_of(FUZZ_INSTR, (pto_op)(PTO_OP_TADD + fuzz_below(a->b, PTO_OP_TROWMAX - PTO_OP_TADD + 1)));
    extent e = any_extent(a, fuzz_dtype_of(step.op, any_dtype(a)));
    uint32_t sources = step.op <= PTO_OP_TXOR ? 2 : step.op == PTO_OP_TFILL ? 0 : 1, slot[3];
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
        fuzz_before(a, PTO_PIPE_V, &a->ub[slot[i]], i == 0, true);
    fuzz_put(a, step);
    fuzz_queue_on(a, PTO_PIPE_V);
    a->ub[slot[0]].wrote[PTO_PIPE_V] = a->count[PTO_PIPE_V];
    for (uint32_t i = 1; i <= sources; i++)
        a->ub[slot[i]].read[PTO_PIPE_V] = a->count[PTO_PIPE_V];
    fuzz_maybe_raise(a, PTO_PIPE_V);
}

/* Whole numbers, few and small, so that their sum is the same in any order. */
static void add(account *a)
{
    extent e = any_extent(a, a->adds);
    uint32_t slot = any_slot(a);
    fuzz_step step = fuzz_step_of(FUZZ_INSTR, PTO_OP_TFILL);
    if (a->ub[slot].undefined)
        fill_slot(a, slot);
    fuzz_before(a, PTO_PIPE_V, &a->ub[slot], true, true);
    step.has_tile[0] = true;
    step.tile[0] = (pto_tile){e.dtype, slot * UB_SLOT, 4, FUZZ_SLOT / e.bytes, 4, FUZZ_SLOT / e.bytes};
    step.scalar.value.i = 1 + (int64_t)fuzz_below(a->b, 3);
    a->added += 3 * 2 * a->program->ranks * a->program->blocks * a->program->calls;
    fuzz_put(a, step);
    fuzz_queue_on(a, PTO_PIPE_V);
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
        fuzz_before(a, PTO_PIPE_MTE2, &a->ub[slot], true, true);
        step->has_tile[i] = true;
        step->tile[i] = tile_in(a, slot, &e);
        a->ub[slot].undefined = true;
    }
}

/* What a composite leaves known: its loads, and what computed on them, come before its stores, and these before later loads. */
static void after_composite(account *a, const fuzz_step *step, uint32_t tiles, thing *read, thing *wrote)
{
    fuzz_queue_on(a, PTO_PIPE_MTE2);
    fuzz_queue_on(a, PTO_PIPE_MTE3);
    if (step->op == PTO_OP_TREDUCE && a->program->ranks > 1) {
        fuzz_queue_on(a, PTO_PIPE_V);
        fuzz_join(a->known[PTO_PIPE_V], a->known[PTO_PIPE_MTE2]);
        a->known[PTO_PIPE_V][PTO_PIPE_MTE2] = a->count[PTO_PIPE_MTE2];
        fuzz_join(a->known[PTO_PIPE_MTE3], a->known[PTO_PIPE_V]);
        a->known[PTO_PIPE_MTE3][PTO_PIPE_V] = a->count[PTO_PIPE_V];
    }
    fuzz_join(a->known[PTO_PIPE_MTE3], a->known[PTO_PIPE_MTE2]);
    a->known[PTO_PIPE_MTE3][PTO_PIPE_MTE2] = a->count[PTO_PIPE_MTE2];
    fuzz_join(a->known[PTO_PIPE_MTE2], a->known[PTO_PIPE_MTE3]);
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
    fuzz_step step = fuzz_step_of(FUZZ_INSTR, fuzz_below(a->b, 2) ? PTO_OP_TPUT : PTO_OP_TGET);
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
        fuzz_before(a, PTO_PIPE_MTE2, from, false, false);
    if (to)
        fuzz_before(a, PTO_PIPE_MTE3, to, true, false);
    fuzz_put(a, step);
    after_composite(a, &step, tiles, from, to);
}

/* TREDUCE or TGATHER from the slots of all ranks into my output. */
static void collect(account *a)
{
    bool reduce = fuzz_below(a->b, 2);
    fuzz_step step = fuzz_step_of(FUZZ_INSTR, reduce ? PTO_OP_TREDUCE : PTO_OP_TGATHER);
    extent part = reduce ? any_extent(a, dtype_for(a, &my_slot)) : part_extent(a), whole = part;
    whole.rows *= reduce ? 1 : a->program->ranks;
    uint32_t tiles = (reduce ? 2 : 1) + fuzz_below(a->b, 2);
    step.mode = reduce ? fuzz_below(a->b, PTO_REDUCE_COUNT) : 0;
    if (!pto_reduce_takes((pto_reduce)step.mode, part.dtype))
        step.mode -= PTO_AND;
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
    fuzz_before(a, PTO_PIPE_MTE3, &a->gm[OUT], true, false);
    fuzz_put(a, step);
    after_composite(a, &step, tiles, NULL, &a->gm[OUT]);
}

/* TSCATTER or TBROADCAST of my input into my slot of all ranks. */
static void distribute(account *a)
{
    bool scatter = fuzz_below(a->b, 2);
    fuzz_step step = fuzz_step_of(FUZZ_INSTR, scatter ? PTO_OP_TSCATTER : PTO_OP_TBROADCAST);
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
    fuzz_before(a, PTO_PIPE_MTE3, &a->gm[SCRATCH], true, false);
    fuzz_put(a, step);
    after_composite(a, &step, tiles, NULL, &a->gm[SCRATCH]);
}

/* ---- Words ------------------------------------------------------------------------------------------------------ */

static const fuzz_place my_line = {.buffer = FUZZ_WORDS, .per_rank = FUZZ_MAX_BLOCKS * 64, .per_block = 64};

static void put_clean(account *a, fuzz_place at)
{
    fuzz_step step = fuzz_step_of(FUZZ_SYNC, PTO_OP_DCCI);
    step.has_place = fuzz_below(a->b, 3) != 0;
    step.place = at;
    fuzz_put(a, step);
}

static void put_access(account *a, pto_op op, fuzz_place at)
{
    fuzz_step step = fuzz_step_of(FUZZ_ACCESS, op);
    step.dtype = any_dtype(a);
    uint32_t bytes = pto_dtype_bytes(step.dtype);
    step.place = at;
    step.place.base += fuzz_below(a->b, 64 / bytes) * bytes;
    step.value = (int32_t)fuzz_below(a->b, 100);
    step.from_register = fuzz_chance(a->b, 60);
    fuzz_put(a, step);
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
        fuzz_step odd = fuzz_step_of(FUZZ_ODD, PTO_OP_LOAD);
        odd.length = 1;
        fuzz_put(a, odd);
        put_access(a, PTO_OP_LOAD, at);
    }
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
    fuzz_put_turn(a, TURN_MAIL);
    store_to(a, from, there, NULL, FUZZ_SLOT, &whole, PTO_ATOMIC_NONE);
    fuzz_settle(a);
    fuzz_put_fence(a);
    fuzz_step step = fuzz_signal(PTO_OP_TNOTIFY, PTO_NOTIFY_ADD, LINE_MAIL, 1, 0, TURN_MAIL);
    step.blocks = FUZZ_ALL;
    step.place.per_block = 64;
    step.place.whose = FUZZ_NEXT;
    step.place.by = by;
    fuzz_put(a, step);
    fuzz_step wait = fuzz_signal(PTO_OP_TWAIT, PTO_GE, LINE_MAIL, 0, 1, TURN_MAIL);
    wait.blocks = FUZZ_ALL;
    wait.place.per_block = 64;
    if (a->ub[into].undefined)
        fill_slot(a, into);
    if (fuzz_chance(a->b, 60)) {
        fuzz_step test = wait;
        test.kind = FUZZ_TEST;
        test.op = PTO_OP_TTEST;
        fuzz_settle(a);
        fuzz_add(a->program, test);
        uint32_t at = a->program->steps - 1;
        load_from(a, into, slot, NULL, FUZZ_SLOT, &e);
        fuzz_settle(a);
        store_to(a, into, out_place, &a->gm[OUT], FUZZ_SLOT, &e, PTO_ATOMIC_NONE);
        fuzz_settle(a);
        a->program->step[at].length = a->program->steps - 1 - at;
        fuzz_barrier_all(a);
    }
    fuzz_put_wait(a, wait);
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
        fuzz_settle(a);
        at = a->program->steps;
        fuzz_step repeat = fuzz_step_of(FUZZ_REPEAT, PTO_OP_TNOTIFY);
        repeat.times = 2;
        fuzz_put(a, repeat);
    }
    for (uint32_t i = 0; i < acts; i++)
        act(a);
    if (again) {
        redefine(a, undefined);
        fuzz_settle(a);
        fuzz_barrier_all(a);
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
    fuzz_barrier(a);
    fuzz_before(a, PTO_PIPE_MTE3, &a->ub[0], false, true);
    fuzz_put(a, fuzz_step_of(FUZZ_REPEAT, PTO_OP_TSTORE));
    uint32_t at = a->program->steps - 1;
    store_to(a, 0, there, NULL, FUZZ_SLOT, &whole, PTO_ATOMIC_NONE);
    fuzz_settle(a);
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
        fuzz_barrier(&a);
        epoch_body(&a);
    }
    fuzz_settle(&a);
    fuzz_put_fence(&a);
    if ((a.adds == PTO_BF16 && a.added > 256) || (a.adds == PTO_F16 && a.added > 2048))
        program->inexact = true;
}
