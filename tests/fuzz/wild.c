/* SPDX-License-Identifier: Apache-2.0 */
/* The beginning of each program, and steps with any operands: nearly right as a rule, and now and then anything at all. */
#include <string.h>

#include "base/random.h"
#include "make.h"

void fuzz_add(fuzz_program *program, fuzz_step step)
{
    if (program->steps < FUZZ_MAX_STEPS)
        program->step[program->steps++] = step;
}

/* ---- Operands --------------------------------------------------------------------------------------------------- */

/* A number of an operand that is to be small. */
static uint64_t odd_number(fuzz_bytes *b)
{
    static const uint64_t odd[] = {
        0,       1,         2,          31,         33,         4095,       65536,      196608,          262144,
        1 << 20, INT32_MAX, UINT32_MAX, 1ull << 32, 1ull << 39, 1ull << 40, 1ull << 63, UINT64_MAX - 63, UINT64_MAX};
    return odd[fuzz_below(b, sizeof odd / sizeof *odd)];
}

static uint32_t small(fuzz_bytes *b, uint32_t n)
{
    return fuzz_chance(b, 6) ? (uint32_t)odd_number(b) : fuzz_below(b, n);
}

static pto_dtype any_type(fuzz_bytes *b)
{
    return (pto_dtype)fuzz_below(b, fuzz_chance(b, 3) ? PTO_DTYPE_COUNT + 2 : PTO_DTYPE_COUNT);
}

static fuzz_place any_place(fuzz_bytes *b)
{
    fuzz_place at = {.buffer = (fuzz_buffer)fuzz_below(b, FUZZ_BUFFERS)};
    at.whose = (fuzz_whose)fuzz_below(b, 3);
    if (at.buffer <= FUZZ_OUT && !fuzz_chance(b, 4))
        at.whose = FUZZ_MINE;
    at.by = fuzz_below(b, 4);
    at.loops = fuzz_chance(b, 40);
    at.base = fuzz_below(b, 33) * (fuzz_chance(b, 16) ? 1 : 32);
    if (fuzz_chance(b, 5))
        at.base = odd_number(b);
    if (fuzz_chance(b, 80))
        at.per_rank = FUZZ_SLOT;
    if (fuzz_chance(b, 80))
        at.per_block = FUZZ_SLOT;
    if (fuzz_chance(b, 4)) {
        at.buffer = FUZZ_RAW;
        at.base = fuzz_chance(b, 128) ? fuzz_word(b) : (uint64_t)fuzz_below(b, 80) << PTO_ADDR_OBJECT_SHIFT;
    }
    return at;
}

static pto_tile any_tile(fuzz_bytes *b, pto_dtype dtype, uint32_t rows, uint32_t cols)
{
    uint32_t bytes = pto_dtype_bytes(dtype) ? pto_dtype_bytes(dtype) : 1;
    pto_tile tile = {.dtype = fuzz_chance(b, 4) ? any_type(b) : dtype,
                     .offset = fuzz_below(b, 24) * 256,
                     .rows = rows,
                     .cols = (cols * bytes + 31) / 32 * 32 / bytes,
                     .valid_rows = rows,
                     .valid_cols = cols};
    if (fuzz_chance(b, 4))
        tile.offset = (uint32_t)odd_number(b);
    if (fuzz_chance(b, 4))
        tile.cols = (uint32_t)odd_number(b);
    if (fuzz_chance(b, 4))
        tile.rows = (uint32_t)odd_number(b);
    if (fuzz_chance(b, 6))
        tile.valid_rows = small(b, 8);
    if (fuzz_chance(b, 6))
        tile.valid_cols = small(b, 8);
    return tile;
}

/* rows x cols elements in up to five dimensions, dense or with gaps. */
static fuzz_tensor any_tensor(fuzz_bytes *b, pto_dtype dtype, uint32_t rows, uint32_t cols)
{
    fuzz_tensor tensor = {.at = any_place(b),
                          .dtype = fuzz_chance(b, 4) ? any_type(b) : dtype,
                          .shape = {1, 1, 1, rows, cols},
                          .stride = {0, 0, 0, cols + (fuzz_chance(b, 50) ? fuzz_below(b, 16) : 0), 1}};
    if (rows > 1 && rows % 2 == 0 && fuzz_chance(b, 80)) {
        uint32_t d = fuzz_below(b, 3);
        tensor.shape[d] = 2;
        tensor.shape[3] = rows / 2;
        tensor.stride[d] = tensor.stride[3] * tensor.shape[3];
    }
    if (fuzz_chance(b, 5))
        tensor.shape[fuzz_below(b, 5)] = fuzz_chance(b, 128) ? odd_number(b) : fuzz_below(b, 40);
    if (fuzz_chance(b, 8))
        tensor.stride[fuzz_below(b, 5)] = fuzz_chance(b, 128) ? odd_number(b) : fuzz_below(b, 5);
    return tensor;
}

static pto_scalar any_scalar(fuzz_bytes *b)
{
    if (fuzz_chance(b, 30)) {
        pto_scalar bits = {.is_float = fuzz_chance(b, 128)};
        bits.value.i = (int64_t)fuzz_word(b);
        return bits;
    }
    if (fuzz_chance(b, 100))
        return (pto_scalar){.is_float = true, .value = {.f = fuzz_below(b, 32) / 4.0 - 3}};
    return (pto_scalar){.value = {.i = (int64_t)fuzz_below(b, 16) - 5}};
}

/* ---- Steps ------------------------------------------------------------------------------------------------------ */

static void any_composite(fuzz_step *s, fuzz_bytes *b, const fuzz_program *program, pto_dtype dtype)
{
    uint32_t rows = 1 + fuzz_below(b, 4), cols = 1 + fuzz_below(b, 24), ranks = program->ranks;
    bool divided = s->op == PTO_OP_TGATHER || s->op == PTO_OP_TSCATTER;
    bool writes = s->op != PTO_OP_TSCATTER && s->op != PTO_OP_TBROADCAST;
    bool move = s->op == PTO_OP_TPUT || s->op == PTO_OP_TGET;
    s->has_tensor[writes ? 0 : 1] = true;
    s->tensor[writes ? 0 : 1] = any_tensor(b, dtype, divided ? rows * ranks : rows, cols);
    if (divided && !fuzz_chance(b, 10)) {
        fuzz_tensor *whole = &s->tensor[writes ? 0 : 1];
        memcpy(whole->shape, (uint64_t[]){1, 1, 1, rows * ranks, cols}, sizeof whole->shape);
    }
    if (move) {
        s->has_tensor[1] = true;
        s->tensor[1] = any_tensor(b, dtype, rows, cols);
        if (!fuzz_chance(b, 10))
            memcpy(s->tensor[1].shape, s->tensor[0].shape, sizeof s->tensor[1].shape);
    } else if (!fuzz_chance(b, 3)) {
        s->has_group = true;
        s->symmetric = !fuzz_chance(b, 60);
        s->group = any_tensor(b, dtype, rows, cols);
        if (!divided)
            memcpy(s->group.shape, s->tensor[writes ? 0 : 1].shape, sizeof s->group.shape);
        else
            memcpy(s->group.shape, (uint64_t[]){1, 1, 1, rows, cols}, sizeof s->group.shape);
        s->group.at.buffer = FUZZ_SCRATCH;
        s->group.at.whose = FUZZ_MINE;
        s->group_ranks = fuzz_chance(b, 20) ? 1 + fuzz_below(b, FUZZ_MAX_RANKS + 2) : 0;
    }
    uint32_t stage = fuzz_chance(b, 100) ? 1 + fuzz_below(b, cols) : cols;
    uint32_t first = s->op == PTO_OP_TREDUCE ? 1 : 0, pairs = fuzz_chance(b, 100) ? 2 : 1;
    pto_tile like = any_tile(b, dtype, 1 + fuzz_below(b, rows), stage);
    for (uint32_t i = 0; i < first + pairs; i++) {
        s->has_tile[i] = !fuzz_chance(b, 2);
        s->tile[i] = like;
        s->tile[i].offset = fuzz_chance(b, 4) ? like.offset : fuzz_below(b, 24) * 256;
    }
}

static void any_instr(fuzz_step *s, fuzz_bytes *b, const fuzz_program *program)
{
    pto_dtype dtype = any_type(b);
    uint32_t rows = 1 + fuzz_below(b, 4), cols = 1 + fuzz_below(b, 40);
    s->kind = FUZZ_INSTR;
    bool any = fuzz_chance(b, 16);
    s->op = (pto_op)fuzz_below(b, any ? PTO_OP_COUNT : PTO_OP_TBROADCAST + 1);
    if (any && s->op % 3 == 0)
        s->op = PTO_OP_TRAP;
    s->mode = fuzz_chance(b, 5) ? small(b, 8) : fuzz_below(b, 2);
    s->scalar = any_scalar(b);
    s->from_register = fuzz_chance(b, 20);
    if (s->op >= PTO_OP_TPUT && s->op <= PTO_OP_TBROADCAST) {
        any_composite(s, b, program, dtype);
        return;
    }
    for (int i = 0; i < 3; i++) {
        s->has_tile[i] = !fuzz_chance(b, 3);
        s->tile[i] = any_tile(b, dtype, rows, cols);
    }
    if (s->op == PTO_OP_TCVT && !fuzz_chance(b, 30))
        s->tile[1].dtype = any_type(b);
    if (s->op == PTO_OP_TROWSUM || s->op == PTO_OP_TROWMAX)
        s->tile[0].valid_cols = 1;
    if (s->op <= PTO_OP_TSTORE) {
        uint32_t at = s->op == PTO_OP_TLOAD ? 1 : 0;
        s->has_tensor[at] = !fuzz_chance(b, 3);
        s->tensor[at] = any_tensor(b, dtype, rows, cols);
    }
}

static void any_sync(fuzz_step *s, fuzz_bytes *b)
{
    s->kind = FUZZ_SYNC;
    s->op = (pto_op)(PTO_OP_SET_FLAG + fuzz_below(b, 6));
    if (fuzz_chance(b, 3))
        s->op = (pto_op)fuzz_below(b, PTO_OP_COUNT);
    s->src = (pto_pipe)small(b, PTO_PIPE_ALL);
    s->dst = (pto_pipe)small(b, PTO_PIPE_ALL);
    if (s->op == PTO_OP_PIPE_BARRIER && fuzz_chance(b, 128))
        s->src = PTO_PIPE_ALL;
    s->id = small(b, 8);
    s->has_place = fuzz_chance(b, 100);
    s->place = any_place(b);
}

static void any_signal(fuzz_step *s, fuzz_bytes *b)
{
    s->kind = FUZZ_SIGNAL;
    s->op = (pto_op)(PTO_OP_TNOTIFY + fuzz_below(b, 3));
    if (s->op != PTO_OP_TNOTIFY && fuzz_chance(b, 60))
        s->kind = fuzz_chance(b, 128) ? FUZZ_TEST : FUZZ_POLL;
    if (s->kind != FUZZ_SIGNAL)
        s->op = PTO_OP_TTEST;
    s->mode = s->op == PTO_OP_TNOTIFY ? small(b, 2) : small(b, PTO_CMP_COUNT);
    s->place = any_place(b);
    if (!fuzz_chance(b, 20)) {
        s->place.buffer = FUZZ_SIGNALS;
        s->place.base = fuzz_below(b, 12) * (fuzz_chance(b, 40) ? 4 : 64);
        s->place.per_rank = fuzz_chance(b, 128) ? 64 : 0;
        s->place.per_block = 0;
    }
    if (s->op != PTO_OP_TNOTIFY && !fuzz_chance(b, 10))
        s->place.whose = FUZZ_MINE;
    s->cells = s->op == PTO_OP_TNOTIFY || fuzz_chance(b, 170) ? 1 : small(b, 5);
    s->stride = fuzz_chance(b, 60) ? small(b, 20) : 16;
    s->value = fuzz_chance(b, 5) ? (int32_t)odd_number(b) : (int32_t)fuzz_below(b, 6) - 1;
    s->per_turn = fuzz_chance(b, 80) ? 1 : 0;
    s->turn = fuzz_below(b, FUZZ_TURNS);
    s->length = fuzz_below(b, 5);
}

static void any_access(fuzz_step *s, fuzz_bytes *b)
{
    s->kind = FUZZ_ACCESS;
    s->op = fuzz_chance(b, 128) ? PTO_OP_LOAD : PTO_OP_STORE;
    if (fuzz_chance(b, 3))
        s->op = (pto_op)fuzz_below(b, PTO_OP_COUNT);
    s->place = any_place(b);
    s->dtype = any_type(b);
    s->value = (int32_t)fuzz_below(b, 9);
    s->from_register = fuzz_chance(b, 100);
}

fuzz_step fuzz_wild_step(const fuzz_program *program, fuzz_bytes *b)
{
    fuzz_step s = {.ranks = FUZZ_ALL, .blocks = FUZZ_ALL};
    if (fuzz_chance(b, 40))
        s.ranks = fuzz_byte(b);
    if (fuzz_chance(b, 20))
        s.blocks = fuzz_byte(b);
    uint32_t kind = fuzz_below(b, 16);
    if (kind < 7)
        any_instr(&s, b, program);
    else if (kind < 10)
        any_sync(&s, b);
    else if (kind < 12)
        any_signal(&s, b);
    else if (kind < 14)
        any_access(&s, b);
    else {
        static const fuzz_kind others[] = {FUZZ_REPEAT, FUZZ_TURN, FUZZ_ODD};
        s.kind = others[fuzz_below(b, 3)];
        s.length = fuzz_below(b, 8);
        s.times = fuzz_below(b, 5);
        s.turn = fuzz_below(b, FUZZ_TURNS);
    }
    return s;
}

void fuzz_wild(fuzz_program *program, fuzz_bytes *b)
{
    uint32_t steps = 1 + fuzz_below(b, 40);
    for (uint32_t i = 0; i < steps && b->left; i++) {
        fuzz_step step = fuzz_wild_step(program, b);
        bool adds = step.kind == FUZZ_INSTR && (step.op == PTO_OP_TSTORE || step.op == PTO_OP_TPUT) && step.mode;
        program->inexact |= adds && pto_dtype_is_float(step.tensor[0].dtype);
        fuzz_add(program, step);
    }
}

void fuzz_make(const uint8_t *bytes, size_t size, fuzz_program *program)
{
    fuzz_bytes b = {bytes, size};
    memset(program, 0, sizeof *program);
    uint8_t style = fuzz_byte(&b);
    program->tame = style < 192;
    program->defects = style >= 112;
    uint8_t where = fuzz_byte(&b);
    program->platform = where & 1 ? "a5sim" : "a2a3sim";
    program->profile = where & 2 ? ORIEL_PROFILE_DOCUMENTED : ORIEL_PROFILE_STRICT;
    program->has_output = program->tame || where & 4;
    program->ranks = 1 + fuzz_below(&b, FUZZ_MAX_RANKS);
    program->blocks = 1 + (fuzz_chance(&b, 80) ? fuzz_below(&b, FUZZ_MAX_BLOCKS) : 0);
    program->calls = 1 + fuzz_below(&b, FUZZ_MAX_CALLS);
    program->seed = fuzz_byte(&b);
    if (program->tame)
        fuzz_tame(program, &b);
    else
        fuzz_wild(program, &b);
}

size_t fuzz_random_string(uint64_t seed, uint8_t bytes[FUZZ_MOST_BYTES])
{
    oriel_random random;
    oriel_random_seed(&random, seed);
    size_t size = 16 + oriel_random_below(&random, FUZZ_MOST_BYTES - 16);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)oriel_random_next(&random);
    return size;
}
