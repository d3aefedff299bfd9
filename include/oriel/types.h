/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Element types and reductions: the vocabulary that host programs and kernels share.
 *
 * This header holds constants and pure functions only; it needs no library and may be used in a kernel.
 */
#ifndef ORIEL_TYPES_H
#define ORIEL_TYPES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Every element type, once: X(CONSTANT, name, bytes, kind). `kind` is F (floating point), I (signed) or U (unsigned).
 * f16 is IEEE 754 binary16, bf16 is the upper half of a binary32; both are stored as 16-bit integers and computed in f32.
 */
#define PTO_DTYPES(X)                                                                                                  \
    X(F32, f32, 4, F)                                                                                                  \
    X(F16, f16, 2, F)                                                                                                  \
    X(BF16, bf16, 2, F)                                                                                                \
    X(I8, i8, 1, I)                                                                                                    \
    X(U8, u8, 1, U)                                                                                                    \
    X(I16, i16, 2, I)                                                                                                  \
    X(U16, u16, 2, U)                                                                                                  \
    X(I32, i32, 4, I)                                                                                                  \
    X(U32, u32, 4, U)                                                                                                  \
    X(I64, i64, 8, I)

typedef enum pto_dtype {
#define PTO_DTYPE_CONSTANT(constant, name, bytes, kind) PTO_##constant,
    PTO_DTYPES(PTO_DTYPE_CONSTANT)
#undef PTO_DTYPE_CONSTANT
        PTO_DTYPE_COUNT
} pto_dtype;

/* A set of element types, one bit each: `PTO_DTYPE_BIT(PTO_F32) | PTO_DTYPE_BIT(PTO_I32)`. */
#define PTO_DTYPE_BIT(dtype) (1u << (dtype))
#define PTO_DTYPES_ALL       ((1u << PTO_DTYPE_COUNT) - 1u)

/* Bytes of one element, 1 to 8; 0 if `dtype` is not one of the above. */
static inline uint32_t pto_dtype_bytes(pto_dtype dtype)
{
    switch (dtype) {
#define PTO_DTYPE_CASE(constant, name, bytes, kind)                                                                    \
    case PTO_##constant: return bytes;
        PTO_DTYPES(PTO_DTYPE_CASE)
#undef PTO_DTYPE_CASE
    case PTO_DTYPE_COUNT: break;
    }
    return 0;
}

static inline bool pto_dtype_is_float(pto_dtype dtype)
{
    return dtype == PTO_F32 || dtype == PTO_F16 || dtype == PTO_BF16;
}

/* How the contributions of several ranks become one. */
typedef enum pto_reduce {
    PTO_SUM,
    PTO_MAX,
    PTO_MIN,
    PTO_PROD,
    PTO_AND, /* this and the rest: bit by bit, of integers only */
    PTO_OR,
    PTO_XOR,
    PTO_REDUCE_COUNT
} pto_reduce;

/* Whether there is such a reduction of elements of this type. */
static inline bool pto_reduce_takes(pto_reduce op, pto_dtype dtype)
{
    return op < PTO_AND || !pto_dtype_is_float(dtype);
}

#endif
