/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The element loops. They are written once (vector_loops.c) and compiled for several instruction sets, each into a
 * table; the widest one that the processor has is chosen when the program starts. All tables give the same bits.
 *
 *      vector_loops.c ──┬─► oriel_vector_scalar     any processor; on x86-64 that is SSE2
 *                       ├─► oriel_vector_avx2       x86-64 with AVX2 and F16C
 *                       └─► oriel_vector_avx512     x86-64 with AVX-512 F, BW, DQ, VL and F16C
 *
 * Arrays are dense and aligned to their elements. A destination may be a source, or share no byte with it; no other
 * overlap is allowed. Floating-point results that are NaN are ORIEL_NAN_*. The thread's floating-point environment is the
 * usual one: rounding to nearest even, subnormal numbers kept.
 */
#ifndef ORIEL_ISA_VECTOR_H
#define ORIEL_ISA_VECTOR_H

#include <stddef.h>

#include "oriel/instr.h"

/* In the order of TADD .. TXOR and of TADDS .. TXORS. From ORIEL_AND on, of integers only. */
typedef enum oriel_arithmetic {
    ORIEL_ADD,
    ORIEL_SUB,
    ORIEL_MUL,
    ORIEL_DIV,
    ORIEL_MAX,
    ORIEL_MIN,
    ORIEL_AND,
    ORIEL_OR,
    ORIEL_XOR,
    ORIEL_ARITHMETIC_COUNT
} oriel_arithmetic;

typedef void (*oriel_binary_fn)(void *dst, const void *a, const void *b, size_t count);

/* c <- or (`add`) += a x b, all of rows that lie a pitch of elements apart. `rows`, `depth` and `cols` are more than 0. */
typedef struct oriel_product {
    void *c;           /* rows x cols of f32, or of i32 if the factors are i8 */
    const void *a, *b; /* rows x depth, depth x cols */
    size_t rows, depth, cols;
    size_t c_pitch, a_pitch, b_pitch;
    bool add;
} oriel_product;

typedef struct oriel_vector_table {
    const char *name;
    /* dst[i] <- a[i] op b[i], and dst[i] <- a[i] op *b. `b` of the second is not in dst. NULL: not for this type. */
    oriel_binary_fn binary[PTO_DTYPE_COUNT][ORIEL_ARITHMETIC_COUNT];
    oriel_binary_fn scalar[PTO_DTYPE_COUNT][ORIEL_ARITHMETIC_COUNT];
    /* dst[i], other[i] <- a[i] op b[i]. NULL: not for this type, and for differences and quotients. */
    void (*both[PTO_DTYPE_COUNT][ORIEL_ARITHMETIC_COUNT])(void *dst, void *other, const void *a, const void *b,
                                                          size_t count);
    /* *dst <- the sum, the maximum of src[0 .. count-1]; count > 0. The sum has the shape that kernel.h draws. */
    void (*row_sum[PTO_DTYPE_COUNT])(void *dst, const void *src, size_t count);
    void (*row_max[PTO_DTYPE_COUNT])(void *dst, const void *src, size_t count);
    /* As kernel.h says of TMATMUL. NULL: not for this type of factor. */
    void (*multiply[PTO_DTYPE_COUNT])(const oriel_product *product);
    /* TCVT's conversions; NULL for f32 itself. To f32, f16 and bf16 to nearest even, to integers by `round`. */
    void (*to_f32[PTO_DTYPE_COUNT])(void *dst, const void *src, size_t count);
    void (*from_f32[PTO_DTYPE_COUNT])(void *dst, const void *src, size_t count, pto_round round);
    /* Between integers. NULL where one of the two is not. */
    void (*resize[PTO_DTYPE_COUNT][PTO_DTYPE_COUNT])(void *dst, const void *src, size_t count); /* [dst][src] */
    /*
     * to[0], .., to[targets - 1] <- the bytes of `from`; around the caches, if all are aligned to lines. stream_end comes before
     * the thread publishes what it has stored so.
     */
    void (*stream)(void *const *to, size_t targets, const void *from, size_t bytes);
    void (*stream_end)(void);
} oriel_vector_table;

/* The chosen table. Constant from before main on. */
extern const oriel_vector_table *oriel_vector;

/* The widest table that this processor can run, but not above `limit`: "scalar", "avx2" or "avx512"; NULL or anything
 * else sets no limit. */
const oriel_vector_table *oriel_vector_choose(const char *limit);

#endif
