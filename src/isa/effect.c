/* SPDX-License-Identifier: Apache-2.0 */
/* What the simple instructions do to memory: rows of tiles and tensors, each handed to a loop of isa/vector.h. */
#include <assert.h>
#include <string.h>

#include "isa/element.h"
#include "isa/isa.h"
#include "isa/vector.h"

_Static_assert(PTO_OP_TXOR - PTO_OP_TADD == ORIEL_XOR && PTO_OP_TXORS - PTO_OP_TADDS == ORIEL_XOR,
               "opcodes of arithmetic are in the order of oriel_arithmetic");

/* ---- TLOAD, TSTORE ----------------------------------------------------------------------------------------------- */

/* Copies elements, each side at its own stride. Sides that are not dense are aligned to their elements. */
static void copy_strided(char *to, uint64_t to_stride, const char *from, uint64_t from_stride, uint32_t bytes,
                         uint64_t count)
{
    if (to_stride == 1 && from_stride == 1) {
        memcpy(to, from, count * bytes);
        return;
    }
#define COPY_CASE(type)                                                                                                \
    case sizeof(type):                                                                                                 \
        for (uint64_t i = 0; i < count; i++)                                                                           \
            ((type *)to)[i * to_stride] = ((const type *)from)[i * from_stride];                                       \
        break;
    switch (bytes) {
        COPY_CASE(oriel_u8)
        COPY_CASE(oriel_u16)
        COPY_CASE(oriel_u32)
        COPY_CASE(oriel_i64)
    }
#undef COPY_CASE
}

/*
 * Adds elements to device memory, each addition atomic among threads and processes. It orders nothing else: that is
 * what signals are for.
 */
static void add_atomically(pto_dtype dtype, char *to, uint64_t stride, const char *from, uint64_t count)
{
#define ADD_CASE(constant, name)                                                                                       \
    case PTO_##constant:                                                                                               \
        for (uint64_t i = 0; i < count; i++) {                                                                         \
            oriel_##name *at = (oriel_##name *)to + i * stride, addend = ((const oriel_##name *)from)[i];              \
            oriel_##name seen = __atomic_load_n(at, __ATOMIC_RELAXED);                                                 \
            while (!__atomic_compare_exchange_n(at, &seen, oriel_add_##name(seen, addend), true, __ATOMIC_RELAXED,     \
                                                __ATOMIC_RELAXED))                                                     \
                ;                                                                                                      \
        }                                                                                                              \
        break;
    switch (dtype) {
        ADD_CASE(F32, f32)
        ADD_CASE(F16, f16)
        ADD_CASE(BF16, bf16)
        ADD_CASE(I8, i8)
        ADD_CASE(I16, i16)
        ADD_CASE(I32, i32)
    default: assert(!"a type that has an atomic addition");
    }
#undef ADD_CASE
}

/* Whether the elements lie one after the other, in the order of the indices. */
static bool is_dense(const pto_global *global)
{
    uint64_t expected = 1;
    for (int k = 4; k >= 0; k--) {
        if (global->shape[k] != 1 && global->stride[k] != expected)
            return false;
        expected *= global->shape[k];
    }
    return true;
}

/* The first element of the row of a tensor that stands at `index`, which moves on to the next row. */
static char *next_row(const pto_global *global, char *base, uint64_t index[4])
{
    uint64_t offset = 0;
    for (int k = 0; k < 4; k++)
        offset += index[k] * global->stride[k];
    for (int k = 3; k >= 0 && ++index[k] == global->shape[k]; k--)
        index[k] = 0;
    return base + offset * pto_dtype_bytes(global->dtype);
}

/* One row of a tensor <- one of a tile of the same type, or (`add`) +=. */
static void store_row(pto_dtype dtype, char *to, uint64_t stride, const char *from, uint64_t count, bool add)
{
    if (add)
        add_atomically(dtype, to, stride, from, count);
    else
        copy_strided(to, stride, from, 1, pto_dtype_bytes(dtype), count);
}

/* From L0C to a tensor of another type. */
static void store_narrowed(pto_dtype dtype, char *to, uint64_t stride, const oriel_f32 *from, uint64_t count, bool add)
{
    enum { BLOCK = 512 };
    oriel_f16 block[BLOCK];
    uint32_t bytes = pto_dtype_bytes(dtype);
    for (uint64_t i = 0, n; i < count; i += n) {
        n = count - i < BLOCK ? count - i : BLOCK;
        oriel_vector->from_f32[dtype](block, from + i, n, PTO_ROUND_NEAREST);
        store_row(dtype, to + i * stride * bytes, stride, (const char *)block, n, add);
    }
}

static void transfer(const pto_instr *instr, const oriel_operands *operands)
{
    bool store = instr->op == PTO_OP_TSTORE;
    bool add = store && instr->mode == PTO_ATOMIC_ADD;
    const pto_tile *tile = instr->tile[0];
    const pto_global *global = instr->global[store ? 0 : 1];
    uint32_t bytes = pto_dtype_bytes(tile->dtype);
    uint64_t rows = tile->valid_rows, cols = tile->valid_cols, stride = global->stride[4];
    if (is_dense(global)) {
        stride = 1;
        if (tile->cols == cols || rows == 1) {
            cols *= rows;
            rows = 1;
        }
    }
    uint64_t index[4] = {0};
    char *in_tile = operands->tile[0];
    for (uint64_t row = 0; row < rows; row++, in_tile += (uint64_t)tile->cols * bytes) {
        char *in_global = next_row(global, operands->global[store ? 0 : 1], index);
        if (store && global->dtype != tile->dtype)
            store_narrowed(global->dtype, in_global, stride, (const oriel_f32 *)in_tile, cols, add);
        else if (store)
            store_row(tile->dtype, in_global, stride, in_tile, cols, add);
        else
            copy_strided(in_tile, 1, in_global, stride, bytes, cols);
    }
}

/* ---- Rows of tiles ----------------------------------------------------------------------------------------------- */

struct shape {
    size_t rows, cols;
};

/* The shape that the first `tiles` tiles share. If none has gaps between its rows, they are one long row. */
static struct shape shape_of(const pto_instr *instr, int tiles)
{
    struct shape shape = {instr->tile[0]->valid_rows, instr->tile[0]->valid_cols};
    for (int i = 0; i < tiles; i++)
        if (instr->tile[i]->cols != shape.cols)
            return shape;
    return (struct shape){1, shape.rows * shape.cols};
}

static char *row_of(const pto_instr *instr, const oriel_operands *operands, int tile, size_t row)
{
    const pto_tile *of = instr->tile[tile];
    return (char *)operands->tile[tile] + row * of->cols * pto_dtype_bytes(of->dtype);
}

static void binary(const pto_instr *instr, const oriel_operands *operands)
{
    oriel_binary_fn function = oriel_vector->binary[instr->tile[0]->dtype][instr->op - PTO_OP_TADD];
    struct shape shape = shape_of(instr, 3);
    for (size_t i = 0; i < shape.rows; i++)
        function(row_of(instr, operands, 0, i), row_of(instr, operands, 1, i), row_of(instr, operands, 2, i),
                 shape.cols);
}

static void binary_scalar(const pto_instr *instr, const oriel_operands *operands)
{
    oriel_binary_fn function = oriel_vector->scalar[instr->tile[0]->dtype][instr->op - PTO_OP_TADDS];
    struct shape shape = shape_of(instr, 2);
    uint64_t scalar;
    oriel_element_set(instr->tile[0]->dtype, &scalar, instr->scalar);
    for (size_t i = 0; i < shape.rows; i++)
        function(row_of(instr, operands, 0, i), row_of(instr, operands, 1, i), &scalar, shape.cols);
}

static void fill(const pto_instr *instr, const oriel_operands *operands)
{
    struct shape shape = shape_of(instr, 1);
    uint64_t scalar;
    oriel_element_set(instr->tile[0]->dtype, &scalar, instr->scalar);
#define FILL_CASE(type)                                                                                                \
    case sizeof(type): {                                                                                               \
        type *to = (type *)row_of(instr, operands, 0, i), element = *(type *)&scalar;                                  \
        for (size_t j = 0; j < shape.cols; j++)                                                                        \
            to[j] = element;                                                                                           \
        break;                                                                                                         \
    }
    for (size_t i = 0; i < shape.rows; i++) {
        switch (pto_dtype_bytes(instr->tile[0]->dtype)) {
            FILL_CASE(oriel_u8)
            FILL_CASE(oriel_u16)
            FILL_CASE(oriel_u32)
            FILL_CASE(oriel_i64)
        }
    }
#undef FILL_CASE
}

static void copy(const pto_instr *instr, const oriel_operands *operands)
{
    struct shape shape = shape_of(instr, 2);
    for (size_t i = 0; i < shape.rows; i++)
        memmove(row_of(instr, operands, 0, i), row_of(instr, operands, 1, i),
                shape.cols * pto_dtype_bytes(instr->tile[0]->dtype));
}

static void reduce_rows(const pto_instr *instr, const oriel_operands *operands)
{
    const pto_tile *dst = instr->tile[0], *src = instr->tile[1];
    const bool column = dst->valid_rows == src->valid_rows;
    for (size_t i = 0; i < src->valid_rows; i++) {
        void *to = column ? row_of(instr, operands, 0, i) : (char *)operands->tile[0] + i * pto_dtype_bytes(dst->dtype);
        const void *from = row_of(instr, operands, 1, i);
        if (instr->op == PTO_OP_TROWSUM)
            oriel_vector->row_sum[src->dtype](to, from, src->valid_cols);
        else
            oriel_vector->row_max[src->dtype](to, from, src->valid_cols);
    }
}

/* ---- Matrix products --------------------------------------------------------------------------------------------- */

static void extract(const pto_instr *instr, const oriel_operands *operands)
{
    const pto_tile part = oriel_extracted(instr);
    const char *from = (const char *)operands->tile[1] + (part.offset - instr->tile[1]->offset);
    uint32_t bytes = pto_dtype_bytes(part.dtype);
    for (size_t i = 0; i < part.valid_rows; i++)
        memcpy(row_of(instr, operands, 0, i), from + i * part.cols * bytes, part.valid_cols * bytes);
}

static void multiply(const pto_instr *instr, const oriel_operands *operands)
{
    const pto_tile *a = instr->tile[1], *b = instr->tile[2];
    oriel_vector->multiply[a->dtype](&(oriel_product){.c = operands->tile[0],
                                                      .a = operands->tile[1],
                                                      .b = operands->tile[2],
                                                      .rows = a->valid_rows,
                                                      .depth = a->valid_cols,
                                                      .cols = b->valid_cols,
                                                      .c_pitch = instr->tile[0]->cols,
                                                      .a_pitch = a->cols,
                                                      .b_pitch = b->cols,
                                                      .add = instr->op == PTO_OP_TMATMUL_ACC});
}

/* ---- TCVT -------------------------------------------------------------------------------------------------------- */

/* Every number of the type is one of f32. */
static bool is_exact_in_f32(pto_dtype dtype)
{
    return pto_dtype_is_float(dtype) || pto_dtype_bytes(dtype) <= 2;
}

/* To a floating-point type by a rule, or from a type, for which there is no loop. */
static void convert_singly(pto_dtype to, void *dst, pto_dtype from, const void *src, size_t count, pto_round round)
{
    uint32_t from_bytes = pto_dtype_bytes(from);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = oriel_float_bits(to, oriel_element_number(from, (const char *)src + i * from_bytes), round);
        if (to == PTO_F32)
            ((oriel_f32 *)dst)[i] = bits;
        else
            ((oriel_f16 *)dst)[i] = (oriel_f16)bits;
    }
}

/* From and to types other than f32, by way of f32, which holds the source's numbers exactly. */
static void convert_through_f32(pto_dtype to, char *dst, pto_dtype from, const char *src, size_t count, pto_round round)
{
    enum { BLOCK = 512 };
    oriel_f32 block[BLOCK];
    for (size_t i = 0, n; i < count; i += n) {
        n = count - i < BLOCK ? count - i : BLOCK;
        oriel_vector->to_f32[from](block, src + i * pto_dtype_bytes(from), n);
        oriel_vector->from_f32[to](dst + i * pto_dtype_bytes(to), block, n, round);
    }
}

static void convert_row(pto_dtype to, void *dst, pto_dtype from, const void *src, size_t count, pto_round round)
{
    bool to_float = pto_dtype_is_float(to);
    if (to == PTO_F32 && is_exact_in_f32(from))
        round = PTO_ROUND_NEAREST; /* nothing is rounded, and this rule has a loop */

    if (to == from)
        memmove(dst, src, count * pto_dtype_bytes(to));
    else if (!to_float && !pto_dtype_is_float(from))
        oriel_vector->resize[to][from](dst, src, count);
    else if (to_float && round != PTO_ROUND_NEAREST)
        convert_singly(to, dst, from, src, count, round);
    else if (to == PTO_F32)
        oriel_vector->to_f32[from](dst, src, count);
    else if (from == PTO_F32)
        oriel_vector->from_f32[to](dst, src, count, round);
    else if (is_exact_in_f32(from))
        convert_through_f32(to, dst, from, src, count, round);
    else
        convert_singly(to, dst, from, src, count, round);
}

static void convert(const pto_instr *instr, const oriel_operands *operands)
{
    struct shape shape = shape_of(instr, 2);
    for (size_t i = 0; i < shape.rows; i++)
        convert_row(instr->tile[0]->dtype, row_of(instr, operands, 0, i), instr->tile[1]->dtype,
                    row_of(instr, operands, 1, i), shape.cols, (pto_round)instr->mode);
}

/* ---- The instruction --------------------------------------------------------------------------------------------- */

static bool is_empty(const pto_tile *tile)
{
    return tile->valid_rows == 0 || tile->valid_cols == 0;
}

void oriel_instr_effect(const pto_instr *instr, const oriel_operands *operands)
{
    if (is_empty(instr->tile[0]) || (instr->tile[1] && is_empty(instr->tile[1])))
        return;
    switch (instr->op) {
    case PTO_OP_TLOAD:
    case PTO_OP_TSTORE: transfer(instr, operands); break;
    case PTO_OP_TADD:
    case PTO_OP_TSUB:
    case PTO_OP_TMUL:
    case PTO_OP_TDIV:
    case PTO_OP_TMAX:
    case PTO_OP_TMIN:
    case PTO_OP_TAND:
    case PTO_OP_TOR:
    case PTO_OP_TXOR: binary(instr, operands); break;
    case PTO_OP_TADDS:
    case PTO_OP_TSUBS:
    case PTO_OP_TMULS:
    case PTO_OP_TDIVS:
    case PTO_OP_TMAXS:
    case PTO_OP_TMINS:
    case PTO_OP_TANDS:
    case PTO_OP_TORS:
    case PTO_OP_TXORS: binary_scalar(instr, operands); break;
    case PTO_OP_TCVT: convert(instr, operands); break;
    case PTO_OP_TFILL: fill(instr, operands); break;
    case PTO_OP_TMOV: copy(instr, operands); break;
    case PTO_OP_TEXTRACT: extract(instr, operands); break;
    case PTO_OP_TMATMUL:
    case PTO_OP_TMATMUL_ACC: multiply(instr, operands); break;
    case PTO_OP_TROWSUM:
    case PTO_OP_TROWMAX: reduce_rows(instr, operands); break;
    default: assert(!"a simple data instruction");
    }
}
