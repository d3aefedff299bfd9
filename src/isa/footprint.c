/* SPDX-License-Identifier: Apache-2.0 */
#include "isa/isa.h"

static uint64_t saturating_mul(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t saturating_add(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* One byte run at `start`, repeated by no dimension yet. */
static oriel_footprint single_run(oriel_space space, bool write, uint64_t start, uint64_t run)
{
    return (oriel_footprint){
        .space = space, .write = write, .start = start, .run = run, .times = {1, 1, 1, 1, 1}, .step = {0}};
}

/*
 * Repeats all that the footprint has so far, `times` times, `step` bytes apart. `used` dimensions are taken; returns how
 * many are then. A dimension that continues where the one before it ends, or the run itself, is merged with it.
 */
static uint32_t repeat(oriel_footprint *footprint, uint32_t used, uint64_t times, uint64_t step)
{
    if (times == 1 || step == 0)
        return used;
    if (used == 0 && step == footprint->run) {
        footprint->run = saturating_mul(footprint->run, times);
        return 0;
    }
    if (used > 0 && step == saturating_mul(footprint->step[used - 1], footprint->times[used - 1])) {
        footprint->times[used - 1] = saturating_mul(footprint->times[used - 1], times);
        return used;
    }
    footprint->times[used] = times;
    footprint->step[used] = step;
    return used + 1;
}

oriel_footprint oriel_tile_footprint(const pto_tile *tile, bool write)
{
    uint64_t bytes = pto_dtype_bytes(tile->dtype);
    if (tile->valid_rows == 0 || tile->valid_cols == 0)
        return single_run(ORIEL_SPACE_LOCAL, write, oriel_local_address(tile), 0);
    oriel_footprint footprint =
        single_run(ORIEL_SPACE_LOCAL, write, oriel_local_address(tile), tile->valid_cols * bytes);
    repeat(&footprint, 0, tile->valid_rows, tile->cols * bytes);
    return footprint;
}

/*
 * The dimensions of more than one element, from the smallest stride to the largest, so that a transposed dense tensor is one
 * run as well. Returns how many.
 */
static uint32_t sorted_dimensions(const pto_global *global, uint32_t order[5])
{
    uint32_t count = 0;
    for (uint32_t dim = 5; dim-- > 0;) {
        if (global->shape[dim] == 1)
            continue;
        uint32_t at = count++;
        for (; at > 0 && global->stride[dim] < global->stride[order[at - 1]]; at--)
            order[at] = order[at - 1];
        order[at] = dim;
    }
    return count;
}

oriel_footprint oriel_global_footprint(const pto_global *global, bool write)
{
    uint64_t bytes = pto_dtype_bytes(global->dtype);
    oriel_footprint footprint = single_run(ORIEL_SPACE_GM, write, global->addr, bytes);
    uint32_t order[5], used = 0, count = sorted_dimensions(global, order);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t times = global->shape[order[i]], step = saturating_mul(global->stride[order[i]], bytes);
        if (times == 0)
            return single_run(ORIEL_SPACE_GM, write, global->addr, 0);
        used = repeat(&footprint, used, times, step);
    }
    return footprint;
}

/* How many tiles it takes. A record may hold others, at which nobody has looked. */
static uint32_t tiles_of(pto_op op)
{
    switch (op) {
    case PTO_OP_TLOAD:
    case PTO_OP_TSTORE:
    case PTO_OP_TFILL: return 1;
    case PTO_OP_TADD:
    case PTO_OP_TSUB:
    case PTO_OP_TMUL:
    case PTO_OP_TDIV:
    case PTO_OP_TMAX:
    case PTO_OP_TMIN:
    case PTO_OP_TAND:
    case PTO_OP_TOR:
    case PTO_OP_TXOR:
    case PTO_OP_TMATMUL:
    case PTO_OP_TMATMUL_ACC: return 3;
    case PTO_OP_TEXTRACT: return 2;
    default: return oriel_op_pipe(op) == PTO_PIPE_V ? 2 : 0;
    }
}

pto_tile oriel_extracted(const pto_instr *instr)
{
    pto_tile part = *instr->tile[1];
    const uint32_t row = instr->mode >> 16, col = instr->mode & UINT16_MAX;
    part.offset += (row * part.cols + col) * pto_dtype_bytes(part.dtype);
    part.valid_rows = instr->tile[0]->valid_rows;
    part.valid_cols = instr->tile[0]->valid_cols;
    return part;
}

/* What it touches of tile[index]. */
static oriel_footprint touched(const pto_instr *instr, uint32_t index, bool write)
{
    if (instr->op != PTO_OP_TEXTRACT || index == 0)
        return oriel_tile_footprint(instr->tile[index], write);
    pto_tile part = oriel_extracted(instr);
    return oriel_tile_footprint(&part, write);
}

uint32_t oriel_instr_footprint(const pto_instr *instr, oriel_footprint footprint[ORIEL_MAX_FOOTPRINTS])
{
    uint32_t count = 0;
    if (instr->op == PTO_OP_TLOAD)
        footprint[count++] = oriel_global_footprint(instr->global[1], false);
    if (instr->op == PTO_OP_TSTORE)
        footprint[count++] = oriel_global_footprint(instr->global[0], true);
    /* The first tile is the destination of all but the store. */
    bool writes_tile = instr->op != PTO_OP_TSTORE;
    for (uint32_t i = 0; i < tiles_of(instr->op); i++)
        footprint[count++] = touched(instr, i, i == 0 && writes_tile);
    if (instr->op == PTO_OP_TMATMUL_ACC)
        footprint[count++] = oriel_tile_footprint(instr->tile[0], false);
    if (instr->op == PTO_OP_TSTORE)
        footprint[0].atomic = instr->mode == PTO_ATOMIC_ADD;
    /* An empty operand leaves nothing to do: not even the destination of a row reduction is written. */
    for (uint32_t i = 0; i < count; i++) {
        if (footprint[i].run == 0)
            return 0;
    }
    return count;
}

uint64_t oriel_footprint_span(const oriel_footprint *footprint)
{
    uint64_t span = footprint->run;
    for (uint32_t i = 0; span && i < 5; i++)
        span = saturating_add(span, saturating_mul(footprint->times[i] - 1, footprint->step[i]));
    return span;
}

uint64_t oriel_footprint_bytes(const oriel_footprint *footprint)
{
    uint64_t bytes = footprint->run;
    for (uint32_t i = 0; i < 5; i++)
        bytes = saturating_mul(bytes, footprint->times[i]);
    return bytes;
}
