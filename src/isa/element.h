/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One element: how each type is stored, and the arithmetic of a pair. The loops of vector_loops.c are these functions
 * over arrays, so that every table of them gives the bits written down here.
 *
 * All is static inline: the same text is compiled for several instruction sets, and no copy may stand in for another.
 * Nothing branches, but for integer division: the compiler makes vector code of it.
 */
#ifndef ORIEL_ISA_ELEMENT_H
#define ORIEL_ISA_ELEMENT_H

#include <float.h>
#include <stddef.h>

#include "oriel/instr.h"

_Static_assert(FLT_EVAL_METHOD == 0, "float arithmetic must be done in float");

/* The storage of each type; that of a floating-point type holds its bits. May alias whatever type the owner uses. */
typedef uint32_t __attribute__((may_alias)) oriel_f32;
typedef uint16_t __attribute__((may_alias)) oriel_f16;
typedef uint16_t __attribute__((may_alias)) oriel_bf16;
typedef int8_t __attribute__((may_alias)) oriel_i8;
typedef uint8_t __attribute__((may_alias)) oriel_u8;
typedef int16_t __attribute__((may_alias)) oriel_i16;
typedef uint16_t __attribute__((may_alias)) oriel_u16;
typedef int32_t __attribute__((may_alias)) oriel_i32;
typedef uint32_t __attribute__((may_alias)) oriel_u32;
typedef int64_t __attribute__((may_alias)) oriel_i64;

/* The NaN that arithmetic and conversions give: quiet, positive, no payload. Which operand's payload survives an
 * addition would otherwise be the compiler's choice, since it may swap them. */
#define ORIEL_NAN_f32  UINT32_C(0x7fc00000)
#define ORIEL_NAN_f16  UINT16_C(0x7e00)
#define ORIEL_NAN_bf16 UINT16_C(0x7fc0)

#define ORIEL_INF_f32  UINT32_C(0x7f800000)
#define ORIEL_INF_f16  UINT16_C(0x7c00)
#define ORIEL_INF_bf16 UINT16_C(0x7f80)

/* ---- Between the stored bits and a float ------------------------------------------------------------------------ */

static inline float oriel_widen_f32(oriel_f32 bits)
{
    union {
        uint32_t bits;
        float value;
    } as = {.bits = bits};
    return as.value;
}

static inline uint32_t oriel_f32_bits(float value)
{
    union {
        float value;
        uint32_t bits;
    } as = {.value = value};
    return as.bits;
}

static inline oriel_f32 oriel_narrow_f32(float value)
{
    return value == value ? oriel_f32_bits(value) : ORIEL_NAN_f32;
}

static inline float oriel_widen_bf16(oriel_bf16 bits)
{
    return oriel_widen_f32((uint32_t)bits << 16);
}

/* To nearest even: adding just under half a unit, or half if the kept part is odd, carries where it must, into
 * infinity too. */
static inline oriel_bf16 oriel_narrow_bf16(float value)
{
    uint32_t bits = oriel_f32_bits(value);
    uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    return (oriel_bf16)(value == value ? rounded : ORIEL_NAN_bf16);
}

/*
 * f16 has 5 bits of exponent (bias 15) and 10 of fraction; f32 has 8 (127) and 23. Moved up by 13 bits, an f16 reads as
 * the f32 of 2^-112 times its value, subnormals included; an exponent of all ones stays so.
 */
static inline float oriel_widen_f16(oriel_f16 bits)
{
    uint32_t magnitude = (uint32_t)(bits & 0x7fff) << 13;
    uint32_t scaled = oriel_f32_bits(oriel_widen_f32(magnitude) * 0x1p112f);
    uint32_t special = magnitude >= (uint32_t)ORIEL_INF_f16 << 13 ? ORIEL_INF_f32 : 0;
    return oriel_widen_f32(scaled | special | (uint32_t)(bits & 0x8000) << 16);
}

/*
 * To nearest even. A result that is normal is rounded as bf16 is, after the exponent's bias was changed; what is 65536
 * or more stands for infinity. A subnormal result counts units of 2^-24, which is the last place of numbers in [0.5,
 * 1): adding 0.5 makes the processor round there, and leaves the count in the low bits.
 */
static inline oriel_f16 oriel_narrow_f16(float value)
{
    uint32_t bits = oriel_f32_bits(value);
    uint32_t magnitude = bits & 0x7fffffff;
    uint32_t bounded = magnitude < 0x47800000 ? magnitude : 0x47800000;
    uint32_t normal = (bounded - (UINT32_C(112) << 23) + 0xfff + (bounded >> 13 & 1)) >> 13;
    uint32_t subnormal = oriel_f32_bits(oriel_widen_f32(magnitude) + 0.5f) - 0x3f000000;
    uint32_t rounded = (magnitude < 0x38800000 ? subnormal : normal) | (bits >> 16 & 0x8000);
    return (oriel_f16)(magnitude > ORIEL_INF_f32 ? ORIEL_NAN_f16 : rounded);
}

/* ---- Arithmetic on floating-point types: in f32, then rounded ---------------------------------------------------- */

/*
 * Maximum and minimum compare keys, integers in the order of the numbers: the bits, those below the sign inverted if it
 * is set, so that -0 is less than +0. The keys of NaNs lie at both ends; moving all keys by `shift`, modulo 2^bits,
 * brings them together where they lose against any number:
 *
 *      before        │ -NaN │ -inf ....... -0 │ +0 ....... +inf │ +NaN │
 *      for maximum   │ +NaN │ -NaN │ -inf ....... -0 │ +0 ....... +inf │      shift  = 2^(bits-1) - 1 - bits of +inf
 *      for minimum   │ -inf ....... -0 │ +0 ....... +inf │ +NaN │ -NaN │      shift negative
 */
#define ORIEL_SHIFT_f32  (INT32_MAX - (int32_t)ORIEL_INF_f32)
#define ORIEL_SHIFT_f16  (INT16_MAX - (int16_t)ORIEL_INF_f16)
#define ORIEL_SHIFT_bf16 (INT16_MAX - (int16_t)ORIEL_INF_bf16)

#define ORIEL_FLOAT_ARITHMETIC(name, key_type, key_most)                                                               \
    static inline oriel_##name oriel_add_##name(oriel_##name a, oriel_##name b)                                        \
    {                                                                                                                  \
        return oriel_narrow_##name(oriel_widen_##name(a) + oriel_widen_##name(b));                                     \
    }                                                                                                                  \
    static inline oriel_##name oriel_sub_##name(oriel_##name a, oriel_##name b)                                        \
    {                                                                                                                  \
        return oriel_narrow_##name(oriel_widen_##name(a) - oriel_widen_##name(b));                                     \
    }                                                                                                                  \
    static inline oriel_##name oriel_mul_##name(oriel_##name a, oriel_##name b)                                        \
    {                                                                                                                  \
        return oriel_narrow_##name(oriel_widen_##name(a) * oriel_widen_##name(b));                                     \
    }                                                                                                                  \
    static inline oriel_##name oriel_div_##name(oriel_##name a, oriel_##name b)                                        \
    {                                                                                                                  \
        return oriel_narrow_##name(oriel_widen_##name(a) / oriel_widen_##name(b));                                     \
    }                                                                                                                  \
    static inline key_type oriel_key_##name(oriel_##name x, key_type shift)                                            \
    {                                                                                                                  \
        key_type bits = (key_type)x;                                                                                   \
        key_type key = (key_type)(bits ^ ((bits >> (8 * sizeof x - 1)) & key_most));                                   \
        return (key_type)((oriel_##name)key + (oriel_##name)shift);                                                    \
    }                                                                                                                  \
    static inline oriel_##name oriel_unkey_##name(key_type shifted, key_type shift)                                    \
    {                                                                                                                  \
        key_type key = (key_type)((oriel_##name)shifted - (oriel_##name)shift);                                        \
        key_type bits = (key_type)(key ^ ((key >> (8 * sizeof key - 1)) & key_most));                                  \
        return (bits & key_most) > (key_type)ORIEL_INF_##name ? ORIEL_NAN_##name : (oriel_##name)bits;                 \
    }                                                                                                                  \
    static inline oriel_##name oriel_max_##name(oriel_##name a, oriel_##name b)                                        \
    {                                                                                                                  \
        key_type x = oriel_key_##name(a, ORIEL_SHIFT_##name), y = oriel_key_##name(b, ORIEL_SHIFT_##name);             \
        return oriel_unkey_##name(x > y ? x : y, ORIEL_SHIFT_##name);                                                  \
    }                                                                                                                  \
    static inline oriel_##name oriel_min_##name(oriel_##name a, oriel_##name b)                                        \
    {                                                                                                                  \
        key_type x = oriel_key_##name(a, -ORIEL_SHIFT_##name), y = oriel_key_##name(b, -ORIEL_SHIFT_##name);           \
        return oriel_unkey_##name(x < y ? x : y, -ORIEL_SHIFT_##name);                                                 \
    }

ORIEL_FLOAT_ARITHMETIC(f32, int32_t, INT32_MAX)
ORIEL_FLOAT_ARITHMETIC(f16, int16_t, INT16_MAX)
ORIEL_FLOAT_ARITHMETIC(bf16, int16_t, INT16_MAX)

/* ---- Arithmetic on integers: modulo 2^bits ----------------------------------------------------------------------- */

/* Division as in the RISC-V "M" extension: nothing traps, and a == b * quotient + remainder holds modulo 2^bits. */
#define ORIEL_DIVIDE_I(type, a, b) ((b) == 0 ? (type)-1 : (b) == -1 ? (type)(0 - (uint64_t)(a)) : (type)((a) / (b)))
#define ORIEL_DIVIDE_U(type, a, b) ((b) == 0 ? (type)-1 : (type)((a) / (b)))

#define ORIEL_INTEGER_ARITHMETIC(name, kind)                                                                           \
    static inline oriel_##name oriel_add_##name(oriel_##name a, oriel_##name b)                                        \
    {                                                                                                                  \
        return (oriel_##name)((uint64_t)a + (uint64_t)b);                                                              \
    }                                                                                                                  \
    static inline oriel_##name oriel_sub_##name(oriel_##name a, oriel_##name b)                                        \
    {                                                                                                                  \
        return (oriel_##name)((uint64_t)a - (uint64_t)b);                                                              \
    }                                                                                                                  \
    static inline oriel_##name oriel_mul_##name(oriel_##name a, oriel_##name b)                                        \
    {                                                                                                                  \
        return (oriel_##name)((uint64_t)a * (uint64_t)b);                                                              \
    }                                                                                                                  \
    static inline oriel_##name oriel_div_##name(oriel_##name a, oriel_##name b)                                        \
    {                                                                                                                  \
        return ORIEL_DIVIDE_##kind(oriel_##name, a, b);                                                                \
    }                                                                                                                  \
    static inline oriel_##name oriel_max_##name(oriel_##name a, oriel_##name b)                                        \
    {                                                                                                                  \
        return a > b ? a : b;                                                                                          \
    }                                                                                                                  \
    static inline oriel_##name oriel_min_##name(oriel_##name a, oriel_##name b)                                        \
    {                                                                                                                  \
        return a < b ? a : b;                                                                                          \
    }                                                                                                                  \
    static inline oriel_##name oriel_and_##name(oriel_##name a, oriel_##name b)                                        \
    {                                                                                                                  \
        return (oriel_##name)(a & b);                                                                                  \
    }                                                                                                                  \
    static inline oriel_##name oriel_or_##name(oriel_##name a, oriel_##name b)                                         \
    {                                                                                                                  \
        return (oriel_##name)(a | b);                                                                                  \
    }                                                                                                                  \
    static inline oriel_##name oriel_xor_##name(oriel_##name a, oriel_##name b)                                        \
    {                                                                                                                  \
        return (oriel_##name)(a ^ b);                                                                                  \
    }

/* The bounds of an integer type of 1 to 8 (signed) or 1 to 4 (unsigned) bytes. */
#define ORIEL_LEAST_I(bytes) (INT64_MIN >> (64 - 8 * (bytes)))
#define ORIEL_MOST_I(bytes)  (INT64_MAX >> (64 - 8 * (bytes)))
#define ORIEL_LEAST_U(bytes) INT64_C(0)
#define ORIEL_MOST_U(bytes)  ((INT64_C(1) << 8 * (bytes)) - 1)

ORIEL_INTEGER_ARITHMETIC(i8, I)
ORIEL_INTEGER_ARITHMETIC(u8, U)
ORIEL_INTEGER_ARITHMETIC(i16, I)
ORIEL_INTEGER_ARITHMETIC(u16, U)
ORIEL_INTEGER_ARITHMETIC(i32, I)
ORIEL_INTEGER_ARITHMETIC(u32, U)
ORIEL_INTEGER_ARITHMETIC(i64, I)

/* ---- Any type, at any speed -------------------------------------------------------------------------------------- */

/* The bits of a number in the floating-point type `dtype`, rounded once, as IEEE 754-2019 has it, by `round`. */
uint32_t oriel_float_bits(pto_dtype dtype, pto_scalar number, pto_round round);

/* An element as a number, exactly. */
pto_scalar oriel_element_number(pto_dtype dtype, const void *element);

#endif
