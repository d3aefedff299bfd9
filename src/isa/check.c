/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each rule is a function that is true if its operands keep it; one that finds them wrong has written the message. Nothing is
 * formatted on the way through: this runs before each instruction.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "isa/isa.h"
#include "oriel/kernel.h"

/* An operand as its message names it: "src", or "group[3]" for one member of a group. */
typedef struct operand {
    const char *name;
    int64_t rank; /* negative: not a member */
} operand;

static inline operand named(const char *name)
{
    return (operand){.name = name, .rank = -1};
}

static _Thread_local oriel_bad bad;

oriel_bad oriel_last_bad(void)
{
    return bad;
}

/* False, with the message `OP: operand ...`. */
#define wrong(...) wrong_as(ORIEL_BAD_OPERAND, __VA_ARGS__)
static bool __attribute__((cold, noinline, format(printf, 4, 5)))
wrong_as(oriel_bad kind, pto_op op, operand who, const char *format, ...)
{
    bad = kind;
    char index[32] = "", text[512];
    if (who.rank >= 0)
        snprintf(index, sizeof index, "[%" PRId64 "]", who.rank);
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    oriel_fail(ORIEL_FAULT, "%s: %s%s %s", oriel_op_name(op), who.name, index, text);
    return false;
}

/* ---- Tiles ------------------------------------------------------------------------------------------------------ */

#define IN(memory) (1u << PTO_##memory)

static bool __attribute__((cold, noinline))
wrong_memory(pto_op op, const char *name, const pto_tile *tile, uint32_t memories)
{
    char takes[32] = "";
    for (unsigned m = 0; m < PTO_MEMORY_COUNT; m++) {
        size_t length = strlen(takes);
        if (memories >> m & 1)
            snprintf(takes + length, sizeof takes - length, " %s", oriel_memory_name((pto_memory)m));
    }
    if ((unsigned)tile->memory >= PTO_MEMORY_COUNT)
        return wrong(op, named(name), "is in no known memory (%u)", (unsigned)tile->memory);
    return wrong(op, named(name), "is in %s; it takes%s", oriel_memory_name(tile->memory), takes);
}

/* A tile in one of `memories` (IN). Inlined: with UB alone, as nearly always, that is one comparison. */
static inline bool __attribute__((always_inline))
tile_in(pto_op op, const char *name, const pto_tile *tile, uint32_t memories, const oriel_limits *limits)
{
    operand who = named(name);
    if (!tile)
        return wrong(op, who, "is missing");
    if (memories == IN(UB) ? tile->memory != PTO_UB
                           : (unsigned)tile->memory >= PTO_MEMORY_COUNT || !(memories >> tile->memory & 1))
        return wrong_memory(op, name, tile, memories);
    uint64_t bytes = pto_dtype_bytes(tile->dtype);
    if (!bytes)
        return wrong(op, who, "has no known type (%u)", (unsigned)tile->dtype);
    if (!tile->rows || !tile->cols)
        return wrong(op, who, "has %u rows and %u columns; a tile has at least one of each", tile->rows, tile->cols);
    if (tile->valid_rows > tile->rows || tile->valid_cols > tile->cols)
        return wrong(op, who, "has %u x %u valid elements, its tile only %u x %u", tile->valid_rows, tile->valid_cols,
                     tile->rows, tile->cols);
    uint64_t row = tile->cols * bytes, end;
    if (tile->offset & (limits->ub_align - 1))
        return wrong_as(ORIEL_BAD_ALIGNMENT, op, who, "is at %s offset %u, not a multiple of %u",
                        oriel_memory_name(tile->memory), tile->offset, limits->ub_align);
    if (row & (limits->ub_align - 1))
        return wrong_as(ORIEL_BAD_ALIGNMENT, op, who, "has rows of %" PRIu64 " B, not a multiple of %u", row,
                        limits->ub_align);
    if (__builtin_mul_overflow(row, tile->rows, &end) || __builtin_add_overflow(end, tile->offset, &end))
        end = UINT64_MAX;
    uint32_t room = tile->memory == PTO_UB ? limits->ub_bytes : oriel_memory_bytes(limits, tile->memory);
    if (end > room)
        return wrong_as(ORIEL_BAD_BOUNDS, op, who, "of %u x %u %s at %s offset %u ends at %" PRIu64 ", %s has %u B",
                        tile->rows, tile->cols, oriel_dtype_name(tile->dtype), oriel_memory_name(tile->memory),
                        tile->offset, end, oriel_memory_name(tile->memory), room);
    return true;
}

static bool tile_ok(pto_op op, const char *name, const pto_tile *tile, const oriel_limits *limits)
{
    return tile_in(op, name, tile, IN(UB), limits);
}

static bool same_type(pto_op op, operand who, pto_dtype dtype, const char *other, pto_dtype others)
{
    if (dtype != others)
        return wrong(op, who, "is %s, %s is %s", oriel_dtype_name(dtype), other, oriel_dtype_name(others));
    return true;
}

static bool same_valid(pto_op op, const char *name, const pto_tile *tile, const char *other, const pto_tile *others)
{
    if (tile->valid_rows != others->valid_rows || tile->valid_cols != others->valid_cols)
        return wrong(op, named(name), "has %u x %u valid elements, %s has %u x %u", tile->valid_rows, tile->valid_cols,
                     other, others->valid_rows, others->valid_cols);
    return true;
}

static inline uint64_t row_bytes(const pto_tile *tile)
{
    return (uint64_t)tile->cols * pto_dtype_bytes(tile->dtype);
}

/* One past the last byte that an instruction touches of a tile with valid elements. */
static inline uint64_t touched_end(const pto_tile *tile)
{
    return tile->offset + (tile->valid_rows - 1) * row_bytes(tile) +
           (uint64_t)tile->valid_cols * pto_dtype_bytes(tile->dtype);
}

/* Whether two tiles whose spans meet have a valid byte in common: two tiles may lie side by side in the same rows. */
static bool __attribute__((noinline)) rows_meet(const pto_tile *a, const pto_tile *b)
{
    uint64_t pitch = row_bytes(b), width = (uint64_t)b->valid_cols * pto_dtype_bytes(b->dtype);
    for (uint32_t i = 0; i < a->valid_rows; i++) {
        uint64_t begin = a->offset + i * row_bytes(a);
        uint64_t end = begin + (uint64_t)a->valid_cols * pto_dtype_bytes(a->dtype);
        /* The first row of b that ends after `begin`. */
        uint64_t row = begin < b->offset + width ? 0 : (begin - b->offset - width) / pitch + 1;
        if (row < b->valid_rows && b->offset + row * pitch < end)
            return true;
    }
    return false;
}

static bool overlap(const pto_tile *a, const pto_tile *b)
{
    if (!a->valid_rows || !a->valid_cols || !b->valid_rows || !b->valid_cols)
        return false;
    if (touched_end(a) <= b->offset || touched_end(b) <= a->offset)
        return false;
    return rows_meet(a, b);
}

/* A source either is the destination, element on element, or shares nothing with it. */
static bool no_partial_overlap(pto_op op, const char *name, const pto_tile *dst, const pto_tile *src)
{
    bool in_place = dst->offset == src->offset && pto_dtype_bytes(dst->dtype) == pto_dtype_bytes(src->dtype) &&
                    (dst->cols == src->cols || dst->valid_rows <= 1);
    if (in_place || !overlap(dst, src))
        return true;
    return wrong(op, named(name), "at UB offset %u overlaps dst at %u without being it element by element", src->offset,
                 dst->offset);
}

/* tile[index] as a source of tile[0]: everything but type and shape. */
static bool source_ok(const pto_instr *instr, uint32_t index, const char *name, const oriel_limits *limits)
{
    return tile_ok(instr->op, name, instr->tile[index], limits) &&
           no_partial_overlap(instr->op, name, instr->tile[0], instr->tile[index]);
}

/* tile[index] as a source that has dst's type and shape. */
static bool like_dst(const pto_instr *instr, uint32_t index, const char *name, const oriel_limits *limits)
{
    const pto_tile *dst = instr->tile[0], *src = instr->tile[index];
    return source_ok(instr, index, name, limits) && same_type(instr->op, named(name), src->dtype, "dst", dst->dtype) &&
           same_valid(instr->op, name, src, "dst", dst);
}

/* dst, of what goes bit by bit. */
static bool is_integer(const pto_instr *instr)
{
    pto_dtype dtype = instr->tile[0]->dtype;
    if (pto_dtype_is_float(dtype))
        return wrong(instr->op, named("dst"), "is %s; it takes%s", oriel_dtype_name(dtype), oriel_integer_names);
    return true;
}

static bool convert_ok(const pto_instr *instr, const oriel_limits *limits)
{
    if (instr->mode >= PTO_ROUND_COUNT)
        return wrong(instr->op, named("round"), "is %u, no rounding mode", instr->mode);
    return source_ok(instr, 1, "src", limits) && same_valid(instr->op, "src", instr->tile[1], "dst", instr->tile[0]);
}

static bool row_reduction_ok(const pto_instr *instr, const oriel_limits *limits)
{
    const pto_tile *dst = instr->tile[0], *src = instr->tile[1];
    if (!source_ok(instr, 1, "src", limits) || !same_type(instr->op, named("src"), src->dtype, "dst", dst->dtype))
        return false;
    bool column = dst->valid_cols == 1 && dst->valid_rows == src->valid_rows;
    bool row = dst->valid_rows == 1 && dst->valid_cols == src->valid_rows;
    if (!column && !row)
        return wrong(instr->op, named("dst"), "has %u x %u valid elements; the %u rows of src need %u x 1 or 1 x %u",
                     dst->valid_rows, dst->valid_cols, src->valid_rows, src->valid_rows, src->valid_rows);
    if (row && !column && dst->offset == src->offset && overlap(dst, src))
        return wrong(instr->op, named("dst"),
                     "is a row at UB offset %u, where src begins: results lie over rows to come", dst->offset);
    return true;
}

/* ---- Global tensors --------------------------------------------------------------------------------------------- */

#define OBJECT_BYTES (PTO_ADDR_OFFSET_MASK + 1)

static bool __attribute__((cold, noinline)) too_large(pto_op op, operand who, const pto_global *global)
{
    const uint64_t *shape = global->shape, *stride = global->stride;
    return wrong(op, who,
                 "has shape %" PRIu64 " x %" PRIu64 " x %" PRIu64 " x %" PRIu64 " x %" PRIu64 " and strides %" PRIu64
                 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 ": no buffer reaches so far (2^%u B)",
                 shape[0], shape[1], shape[2], shape[3], shape[4], stride[0], stride[1], stride[2], stride[3],
                 stride[4], PTO_ADDR_OBJECT_SHIFT);
}

static inline bool is_empty(const pto_global *global)
{
    const uint64_t *shape = global->shape;
    return !shape[0] || !shape[1] || !shape[2] || !shape[3] || !shape[4];
}

static bool global_ok(pto_op op, operand who, const pto_global *global)
{
    if (!global)
        return wrong(op, who, "is missing");
    uint64_t bytes = pto_dtype_bytes(global->dtype);
    if (!bytes)
        return wrong(op, who, "has no known type (%u)", (unsigned)global->dtype);
    uint64_t offset = pto_addr_offset(global->addr);
    if (offset & (bytes - 1))
        return wrong_as(ORIEL_BAD_ALIGNMENT, op, who,
                        "begins at offset %" PRIu64 ", not a multiple of its elements' %" PRIu64 " B", offset, bytes);
    if (is_empty(global))
        return true;
    /* Bounds the number of elements as well as the last one's place: a stride may be 0. */
    uint64_t last = 0, count = bytes;
    bool overflow = false;
    for (uint32_t i = 0; i < 5; i++) {
        if (global->shape[i] == 1)
            continue;
        uint64_t reach;
        overflow |= __builtin_mul_overflow(global->shape[i] - 1, global->stride[i], &reach);
        overflow |= __builtin_add_overflow(last, reach, &last);
        overflow |= __builtin_mul_overflow(count, global->shape[i], &count);
    }
    if (overflow || count > OBJECT_BYTES || last >= OBJECT_BYTES || offset + (last + 1) * bytes > OBJECT_BYTES)
        return too_large(op, who, global);
    return true;
}

static inline uint64_t global_rows(const pto_global *global)
{
    return global->shape[0] * global->shape[1] * global->shape[2] * global->shape[3];
}

/* One type, or what a sum of products becomes on its way out of L0C. */
static bool transfer_type_ok(pto_op op, const char *tile_name, const pto_tile *tile, const char *global_name,
                             const pto_global *global)
{
    operand who = named(tile_name);
    if (tile->memory != PTO_L0C)
        return same_type(op, who, tile->dtype, global_name, global->dtype);
    if (tile->dtype != PTO_F32 && tile->dtype != PTO_I32)
        return wrong(op, who, "is %s in L0C, which holds f32 and i32", oriel_dtype_name(tile->dtype));
    if (tile->dtype == PTO_F32 && pto_dtype_is_float(global->dtype))
        return true;
    if (tile->dtype != global->dtype)
        return wrong(op, who, "is %s, %s is %s; from L0C f32 becomes f32 f16 bf16, i32 becomes i32",
                     oriel_dtype_name(tile->dtype), global_name, oriel_dtype_name(global->dtype));
    return true;
}

/* The two sides of a TLOAD or TSTORE. */
static bool transfer_ok(pto_op op, const char *tile_name, const pto_tile *tile, const char *global_name,
                        const pto_global *global, const oriel_limits *limits)
{
    uint32_t memories = op == PTO_OP_TLOAD ? IN(UB) | IN(L1) : IN(UB) | IN(L0C);
    if (!tile_in(op, tile_name, tile, memories, limits) || !global_ok(op, named(global_name), global) ||
        !transfer_type_ok(op, tile_name, tile, global_name, global))
        return false;
    bool fits = is_empty(global) ? tile->valid_rows == 0 || tile->valid_cols == 0
                                 : global_rows(global) == tile->valid_rows && global->shape[4] == tile->valid_cols;
    if (!fits)
        return wrong(op, named(tile_name), "has %u x %u valid elements, %s is %" PRIu64 " x %" PRIu64, tile->valid_rows,
                     tile->valid_cols, global_name, global_rows(global), global->shape[4]);
    return true;
}

static bool atomic_ok(const pto_instr *instr, const pto_global *dst)
{
    static const uint32_t addable = PTO_DTYPE_BIT(PTO_F32) | PTO_DTYPE_BIT(PTO_F16) | PTO_DTYPE_BIT(PTO_BF16) |
                                    PTO_DTYPE_BIT(PTO_I8) | PTO_DTYPE_BIT(PTO_I16) | PTO_DTYPE_BIT(PTO_I32);
    if (instr->mode > PTO_ATOMIC_ADD)
        return wrong(instr->op, named("atomic"), "is %u, neither none nor add", instr->mode);
    if (instr->mode == PTO_ATOMIC_ADD && !(addable & PTO_DTYPE_BIT(dst->dtype)))
        return wrong(instr->op, named("dst"), "is %s; atomic add takes f32 f16 bf16 i8 i16 i32",
                     oriel_dtype_name(dst->dtype));
    return true;
}

/* ---- Matrix products -------------------------------------------------------------------------------------------- */

/* What the matrix unit takes in one go along each dimension, on all platforms. */
#define MAX_MATRIX 4095u

static bool is_multiplied(pto_op op, const char *name, const pto_tile *tile)
{
    static const uint32_t multiplied =
        PTO_DTYPE_BIT(PTO_F32) | PTO_DTYPE_BIT(PTO_F16) | PTO_DTYPE_BIT(PTO_BF16) | PTO_DTYPE_BIT(PTO_I8);
    if (!(multiplied & PTO_DTYPE_BIT(tile->dtype)))
        return wrong(op, named(name), "is %s; a factor is f32 f16 bf16 i8", oriel_dtype_name(tile->dtype));
    return true;
}

/* TMOV and TEXTRACT from L1. */
static bool feed_ok(const pto_instr *instr, const oriel_limits *limits)
{
    const pto_tile *dst = instr->tile[0], *src = instr->tile[1];
    pto_op op = instr->op;
    uint32_t memories = (op == PTO_OP_TMOV ? IN(UB) : 0) | IN(L0A) | IN(L0B);
    if (!tile_in(op, "dst", dst, memories, limits) || !tile_in(op, "src", src, IN(L1), limits) ||
        !is_multiplied(op, "dst", dst) || !same_type(op, named("src"), src->dtype, "dst", dst->dtype))
        return false;
    if (op == PTO_OP_TMOV)
        return same_valid(op, "src", src, "dst", dst);
    uint32_t row = instr->mode >> 16, col = instr->mode & UINT16_MAX;
    if (row + dst->valid_rows > src->valid_rows || col + dst->valid_cols > src->valid_cols)
        return wrong(op, named("dst"), "has %u x %u valid elements; from row %u and column %u on src has %u x %u",
                     dst->valid_rows, dst->valid_cols, row, col, src->valid_rows > row ? src->valid_rows - row : 0,
                     src->valid_cols > col ? src->valid_cols - col : 0);
    return true;
}

static bool product_ok(const pto_instr *instr, const oriel_limits *limits)
{
    const pto_tile *acc = instr->tile[0], *a = instr->tile[1], *b = instr->tile[2];
    pto_op op = instr->op;
    if (!tile_in(op, "acc", acc, IN(L0C), limits) || !tile_in(op, "a", a, IN(L0A), limits) ||
        !tile_in(op, "b", b, IN(L0B), limits) || !is_multiplied(op, "a", a) ||
        !same_type(op, named("b"), b->dtype, "a", a->dtype))
        return false;
    pto_dtype sum = a->dtype == PTO_I8 ? PTO_I32 : PTO_F32;
    if (acc->dtype != sum)
        return wrong(op, named("acc"), "is %s; products of %s add up in %s", oriel_dtype_name(acc->dtype),
                     oriel_dtype_name(a->dtype), oriel_dtype_name(sum));
    if (b->valid_rows != a->valid_cols)
        return wrong(op, named("b"), "has %u valid rows, a has %u valid columns", b->valid_rows, a->valid_cols);
    if (acc->valid_rows != a->valid_rows || acc->valid_cols != b->valid_cols)
        return wrong(op, named("acc"), "has %u x %u valid elements; a x b has %u x %u", acc->valid_rows,
                     acc->valid_cols, a->valid_rows, b->valid_cols);
    if (a->valid_rows > MAX_MATRIX || a->valid_cols > MAX_MATRIX || b->valid_cols > MAX_MATRIX)
        return wrong(op, named("acc"), "is a product of %u x %u and %u x %u; each of these is at most %u",
                     a->valid_rows, a->valid_cols, b->valid_rows, b->valid_cols, MAX_MATRIX);
    return true;
}

/* ---- Composites ------------------------------------------------------------------------------------------------- */

/* tile[index] as a staging tile for tensors of `dtype`. */
static bool staging_ok(const pto_instr *instr, uint32_t index, const char *name, pto_dtype dtype,
                       const oriel_limits *limits)
{
    const pto_tile *tile = instr->tile[index];
    if (!tile_ok(instr->op, name, tile, limits) || !same_type(instr->op, named(name), tile->dtype, "the tensor", dtype))
        return false;
    if (!tile->valid_rows || !tile->valid_cols)
        return wrong(instr->op, named(name), "has %u x %u valid elements and can stage nothing", tile->valid_rows,
                     tile->valid_cols);
    return true;
}

static bool staging_pair_ok(const pto_instr *instr, uint32_t i, const char *name, uint32_t j, const char *other)
{
    const pto_tile *a = instr->tile[i], *b = instr->tile[j];
    if (a->rows != b->rows || a->cols != b->cols)
        return wrong(instr->op, named(name), "is %u x %u, %s is %u x %u", a->rows, a->cols, other, b->rows, b->cols);
    if (!same_valid(instr->op, name, a, other, b))
        return false;
    if (overlap(a, b))
        return wrong(instr->op, named(name), "at UB offset %u overlaps %s at %u", a->offset, other, b->offset);
    return true;
}

/* `ping` at tile[first] and, if given, `pong` after it. */
static bool ping_pong_ok(const pto_instr *instr, uint32_t first, pto_dtype dtype, const oriel_limits *limits)
{
    if (!staging_ok(instr, first, "ping", dtype, limits))
        return false;
    return !instr->tile[first + 1] || (staging_ok(instr, first + 1, "pong", dtype, limits) &&
                                       staging_pair_ok(instr, first + 1, "pong", first, "ping"));
}

/* A tensor that has the type of `whole`, and its shape but for dimension 3, where `parts` of it make up the whole. */
static bool part_ok(pto_op op, operand who, const pto_global *part, const char *name, const pto_global *whole,
                    uint64_t parts)
{
    if (!global_ok(op, who, part) || !same_type(op, who, part->dtype, name, whole->dtype))
        return false;
    for (uint32_t i = 0; i < 5; i++) {
        uint64_t extent = part->shape[i];
        if (i == 3 && __builtin_mul_overflow(extent, parts, &extent))
            return wrong(op, who, "has extent %" PRIu64 " in dimension 3: too many for %" PRIu64 " ranks",
                         part->shape[i], parts);
        if (extent != whole->shape[i] && i == 3 && parts > 1)
            return wrong(op, who,
                         "has extent %" PRIu64 " in dimension 3, %s has %" PRIu64 "; %" PRIu64 " ranks need %" PRIu64,
                         part->shape[i], name, whole->shape[i], parts, extent);
        if (extent != whole->shape[i])
            return wrong(op, who, "has extent %" PRIu64 " in dimension %u, %s has %" PRIu64, extent, i, name,
                         whole->shape[i]);
    }
    return true;
}

/* The group's tensors against `whole`: each has its shape, or (`divided`) all of them make it up. */
static bool group_ok(const pto_instr *instr, const char *name, const pto_global *whole, bool divided)
{
    const pto_group *group = instr->group;
    operand who = named("group");
    if (!group)
        return wrong(instr->op, who, "is missing");
    if (!group->ranks)
        return wrong(instr->op, who, "has no ranks");
    uint64_t parts = divided ? group->ranks : 1;
    for (uint32_t rank = 0; group->each && rank < group->ranks; rank++) {
        operand member = {.name = "group", .rank = rank};
        if (!part_ok(instr->op, member, &group->each[rank], name, whole, parts))
            return false;
    }
    if (group->each)
        return true;
    const pto_comm *comm = group->comm;
    if (!comm)
        return wrong(instr->op, who, "has neither a domain nor a tensor for each rank");
    if (group->ranks > comm->ranks)
        return wrong(instr->op, who, "has %u ranks, its domain has %u", group->ranks, comm->ranks);
    if (pto_peer_addr(comm, group->mine.addr, comm->rank) == 0)
        return wrong(instr->op, who, "has a tensor outside my window of its domain");
    return part_ok(instr->op, who, &group->mine, name, whole, parts);
}

static bool move_ok(const pto_instr *instr, const oriel_limits *limits)
{
    const pto_global *dst = instr->global[0], *src = instr->global[1];
    return global_ok(instr->op, named("src"), src) && part_ok(instr->op, named("dst"), dst, "src", src, 1) &&
           (instr->op != PTO_OP_TPUT || atomic_ok(instr, dst)) && ping_pong_ok(instr, 0, src->dtype, limits);
}

static bool reducible(const pto_instr *instr, pto_dtype dtype)
{
    if (!pto_reduce_takes((pto_reduce)instr->mode, dtype))
        return wrong(instr->op, named("dst"), "is %s; reduction %s takes%s", oriel_dtype_name(dtype),
                     oriel_reduce_name((pto_reduce)instr->mode), oriel_integer_names);
    return true;
}

static bool reduce_ok(const pto_instr *instr, const oriel_limits *limits)
{
    const pto_global *dst = instr->global[0];
    if (instr->mode >= PTO_REDUCE_COUNT)
        return wrong(instr->op, named("reduce"), "is %u, no reduction", instr->mode);
    return global_ok(instr->op, named("dst"), dst) && reducible(instr, dst->dtype) &&
           group_ok(instr, "dst", dst, false) && staging_ok(instr, 0, "acc", dst->dtype, limits) &&
           ping_pong_ok(instr, 1, dst->dtype, limits) && staging_pair_ok(instr, 1, "ping", 0, "acc") &&
           (!instr->tile[2] || staging_pair_ok(instr, 2, "pong", 0, "acc"));
}

/* TGATHER, TSCATTER and TBROADCAST: one tensor of mine against the group. */
static bool spread_ok(const pto_instr *instr, const char *name, const pto_global *mine, bool divided,
                      const oriel_limits *limits)
{
    return global_ok(instr->op, named(name), mine) && group_ok(instr, name, mine, divided) &&
           ping_pong_ok(instr, 0, mine->dtype, limits);
}

/* ---- By opcode -------------------------------------------------------------------------------------------------- */

/* What computes on tiles; all have a destination at tile[0]. */
static bool arithmetic_ok(const pto_instr *instr, const oriel_limits *limits)
{
    if (!tile_ok(instr->op, "dst", instr->tile[0], limits))
        return false;
    switch (instr->op) {
    case PTO_OP_TADD:
    case PTO_OP_TSUB:
    case PTO_OP_TMUL:
    case PTO_OP_TDIV:
    case PTO_OP_TMAX:
    case PTO_OP_TMIN: return like_dst(instr, 1, "a", limits) && like_dst(instr, 2, "b", limits);
    case PTO_OP_TADDS:
    case PTO_OP_TSUBS:
    case PTO_OP_TMULS:
    case PTO_OP_TDIVS:
    case PTO_OP_TMAXS:
    case PTO_OP_TMINS: return like_dst(instr, 1, "a", limits);
    case PTO_OP_TAND:
    case PTO_OP_TOR:
    case PTO_OP_TXOR: return is_integer(instr) && like_dst(instr, 1, "a", limits) && like_dst(instr, 2, "b", limits);
    case PTO_OP_TANDS:
    case PTO_OP_TORS:
    case PTO_OP_TXORS: return is_integer(instr) && like_dst(instr, 1, "a", limits);
    case PTO_OP_TMOV: return like_dst(instr, 1, "src", limits);
    case PTO_OP_TCVT: return convert_ok(instr, limits);
    case PTO_OP_TROWSUM:
    case PTO_OP_TROWMAX: return row_reduction_ok(instr, limits);
    default: return true; /* TFILL: any scalar will do */
    }
}

static bool instr_ok(const pto_instr *instr, const oriel_limits *limits)
{
    const pto_global *dst = instr->global[0], *src = instr->global[1];
    switch (instr->op) {
    case PTO_OP_TLOAD: return transfer_ok(instr->op, "dst", instr->tile[0], "src", src, limits);
    case PTO_OP_TSTORE:
        return transfer_ok(instr->op, "src", instr->tile[0], "dst", dst, limits) && atomic_ok(instr, dst);
    case PTO_OP_TMOV:
        if (instr->tile[0] && instr->tile[0]->memory != PTO_UB)
            return feed_ok(instr, limits);
        break;
    case PTO_OP_TEXTRACT: return feed_ok(instr, limits);
    case PTO_OP_TMATMUL:
    case PTO_OP_TMATMUL_ACC: return product_ok(instr, limits);
    case PTO_OP_TPUT:
    case PTO_OP_TGET: return move_ok(instr, limits);
    case PTO_OP_TREDUCE: return reduce_ok(instr, limits);
    case PTO_OP_TGATHER: return spread_ok(instr, "dst", dst, true, limits);
    case PTO_OP_TSCATTER: return spread_ok(instr, "src", src, true, limits);
    case PTO_OP_TBROADCAST: return spread_ok(instr, "src", src, false, limits);
    case PTO_OP_TRAP:
        if (instr->numbered)
            oriel_fail(ORIEL_FAULT, "%s (got %lld, limit %lld)", instr->text, (long long)instr->got,
                       (long long)instr->limit);
        else
            oriel_fail(ORIEL_FAULT, "%s", instr->text);
        return false;
    default: break;
    }
    if (oriel_op_pipe(instr->op) == PTO_PIPE_V)
        return arithmetic_ok(instr, limits);
    oriel_fail(ORIEL_FAULT, "%s is no instruction on tiles or tensors", oriel_op_name(instr->op));
    return false;
}

oriel_status oriel_instr_check(const pto_instr *instr, const oriel_limits *limits)
{
    return instr_ok(instr, limits) ? ORIEL_OK : ORIEL_FAULT;
}

/* ---- Flags, signals, scalar accesses ---------------------------------------------------------------------------- */

static inline bool is_single_pipe(pto_pipe pipe)
{
    return (unsigned)pipe < PTO_PIPE_ALL;
}

static oriel_status flag_check(const pto_sync *sync, const oriel_limits *limits)
{
    const char *name = oriel_op_name(sync->op);
    if (!is_single_pipe(sync->src) || !is_single_pipe(sync->dst))
        return oriel_fail(ORIEL_FAULT, "%s: from %s to %s; a flag goes from one pipe to one other", name,
                          oriel_pipe_name(sync->src), oriel_pipe_name(sync->dst));
    if (sync->src == sync->dst)
        return oriel_fail(ORIEL_FAULT, "%s: from %s to itself; use pipe_barrier", name, oriel_pipe_name(sync->src));
    if (sync->id >= limits->event_ids)
        return oriel_fail(ORIEL_FAULT, "%s: event id %u; there are 0 to %u", name, sync->id, limits->event_ids - 1);
    return ORIEL_OK;
}

oriel_status oriel_sync_check(const pto_sync *sync, const oriel_limits *limits)
{
    switch (sync->op) {
    case PTO_OP_SET_FLAG:
    case PTO_OP_WAIT_FLAG: return flag_check(sync, limits);
    case PTO_OP_PIPE_BARRIER:
        if ((unsigned)sync->src >= PTO_PIPE_COUNT)
            return oriel_fail(ORIEL_FAULT, "pipe_barrier: %u is no pipe", (unsigned)sync->src);
        return ORIEL_OK;
    case PTO_OP_DSB:
    case PTO_OP_DCCI:
    case PTO_OP_CORE_BARRIER: return ORIEL_OK;
    default: return oriel_fail(ORIEL_FAULT, "%s is no synchronization", oriel_op_name(sync->op));
    }
}

oriel_status oriel_signal_check(const pto_signal *signal, const oriel_limits *limits)
{
    (void)limits;
    bad = ORIEL_BAD_OPERAND;
    const char *name = oriel_op_name(signal->op);
    const pto_cells *cells = &signal->cells;
    bool notify = signal->op == PTO_OP_TNOTIFY;
    if (!notify && signal->op != PTO_OP_TWAIT && signal->op != PTO_OP_TTEST)
        return oriel_fail(ORIEL_FAULT, "%s is no signal operation", name);
    if (signal->mode >= (notify ? (unsigned)PTO_NOTIFY_ADD + 1 : (unsigned)PTO_CMP_COUNT))
        return oriel_fail(ORIEL_FAULT, "%s: %u is no %s", name, signal->mode, notify ? "way to notify" : "comparison");
    if (cells->count == 0 || (notify && cells->count != 1))
        return oriel_fail(ORIEL_FAULT, "%s: on %u cells; it takes %s", name, cells->count,
                          notify ? "one" : "at least one");
    if (cells->count > 1 && cells->stride == 0)
        return oriel_fail(ORIEL_FAULT, "%s: %u cells with a stride of 0", name, cells->count);
    uint64_t offset = pto_addr_offset(cells->addr);
    bad = offset % sizeof(int32_t) ? ORIEL_BAD_ALIGNMENT : ORIEL_BAD_OPERAND;
    if (offset % sizeof(int32_t))
        return oriel_fail(ORIEL_FAULT, "%s: cell at offset %" PRIu64 ", not a multiple of 4", name, offset);
    uint64_t last = cells->count == 1 ? 0 : (uint64_t)(cells->count - 1) * cells->stride;
    if (last >= (OBJECT_BYTES - offset) / sizeof(int32_t))
        return oriel_fail(ORIEL_FAULT, "%s: %u cells with a stride of %u: no buffer reaches so far (2^%u B)", name,
                          cells->count, cells->stride, PTO_ADDR_OBJECT_SHIFT);
    return ORIEL_OK;
}

oriel_status oriel_access_check(const pto_access *access, const oriel_limits *limits)
{
    (void)limits;
    bad = ORIEL_BAD_OPERAND;
    const char *name = oriel_op_name(access->op);
    uint64_t bytes = pto_dtype_bytes(access->dtype), offset = pto_addr_offset(access->addr);
    if (access->op != PTO_OP_LOAD && access->op != PTO_OP_STORE)
        return oriel_fail(ORIEL_FAULT, "%s is no scalar access", name);
    if (!bytes)
        return oriel_fail(ORIEL_FAULT, "%s: of no known type (%u)", name, (unsigned)access->dtype);
    bad = ORIEL_BAD_ALIGNMENT;
    if (offset & (bytes - 1))
        return oriel_fail(ORIEL_FAULT, "%s: of %s at offset %" PRIu64 ", not a multiple of %" PRIu64, name,
                          oriel_dtype_name(access->dtype), offset, bytes);
    return ORIEL_OK;
}
