/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kernel.h says about arithmetic, done slowly and in another way than src/isa does it: numbers are long doubles,
 * which hold every element exactly, and rounding looks for the neighbours among the type's own numbers.
 *
 * An element is passed as a uint64_t that holds its bytes from the lowest; the rest is zero.
 */
#ifndef ORIEL_TESTS_ISA_REFERENCE_H
#define ORIEL_TESTS_ISA_REFERENCE_H

#include <float.h>
#include <math.h>

#include "test.h"

#include "base/random.h"
#include "isa/isa.h"
#include "isa/vector.h"

_Static_assert(LDBL_MANT_DIG >= 64, "long double holds every int64");

#define UNUSED __attribute__((unused))

/* ---- Elements ---------------------------------------------------------------------------------------------------- */

static inline int fraction_bits(pto_dtype dtype)
{
    return dtype == PTO_F32 ? 23 : dtype == PTO_F16 ? 10 : 7;
}

static inline int exponent_bits(pto_dtype dtype)
{
    return dtype == PTO_F16 ? 5 : 8;
}

static inline uint64_t infinity_bits(pto_dtype dtype)
{
    return ((UINT64_C(1) << exponent_bits(dtype)) - 1) << fraction_bits(dtype);
}

static inline uint64_t nan_bits(pto_dtype dtype)
{
    return infinity_bits(dtype) | UINT64_C(1) << (fraction_bits(dtype) - 1);
}

static inline uint64_t sign_bit(pto_dtype dtype)
{
    return UINT64_C(1) << (8 * pto_dtype_bytes(dtype) - 1);
}

static inline bool is_signed(pto_dtype dtype)
{
    return dtype == PTO_I8 || dtype == PTO_I16 || dtype == PTO_I32 || dtype == PTO_I64;
}

static inline uint64_t cut_to(pto_dtype dtype, uint64_t bits)
{
    return pto_dtype_bytes(dtype) == 8 ? bits : bits & ((sign_bit(dtype) << 1) - 1);
}

static inline uint64_t load(pto_dtype dtype, const void *element)
{
    uint64_t bits = 0;
    memcpy(&bits, element, pto_dtype_bytes(dtype));
    return bits;
}

static inline void store(pto_dtype dtype, void *element, uint64_t bits)
{
    memcpy(element, &bits, pto_dtype_bytes(dtype));
}

/* The magnitude of a finite floating-point number; what would be the next one, for infinity. */
static inline long double magnitude_of(pto_dtype dtype, uint64_t bits)
{
    int fraction = fraction_bits(dtype), bias = (1 << (exponent_bits(dtype) - 1)) - 1;
    int exponent = (int)(bits >> fraction);
    uint64_t mantissa = bits & ((UINT64_C(1) << fraction) - 1);
    if (exponent == 0)
        return ldexpl((long double)mantissa, 1 - bias - fraction);
    return ldexpl((long double)(mantissa | UINT64_C(1) << fraction), exponent - bias - fraction);
}

static UNUSED long double number_of(pto_dtype dtype, uint64_t bits)
{
    if (!pto_dtype_is_float(dtype))
        return is_signed(dtype) && (bits & sign_bit(dtype)) ? -(long double)cut_to(dtype, 0 - bits) : (long double)bits;
    uint64_t magnitude = bits & (sign_bit(dtype) - 1);
    long double value = magnitude > infinity_bits(dtype)    ? NAN
                        : magnitude == infinity_bits(dtype) ? INFINITY
                                                            : magnitude_of(dtype, magnitude);
    return bits & sign_bit(dtype) ? -value : value;
}

/* ---- Conversion -------------------------------------------------------------------------------------------------- */

static UNUSED uint64_t rounded_float(pto_dtype to, long double value, pto_round round)
{
    if (isnan(value))
        return nan_bits(to);
    uint64_t sign = signbit(value) ? sign_bit(to) : 0, infinity = infinity_bits(to);
    long double magnitude = fabsl(value);
    if (isinf(value))
        return sign | infinity;
    bool toward_zero =
        round == PTO_ROUND_TRUNC || (round == PTO_ROUND_FLOOR && !sign) || (round == PTO_ROUND_CEIL && sign);
    bool nearest = round == PTO_ROUND_NEAREST || round == PTO_ROUND_AWAY;
    if (magnitude >= magnitude_of(to, infinity))
        return sign | (toward_zero ? infinity - 1 : infinity);

    uint64_t below = 0, above = infinity; /* as numbers: below <= magnitude < above */
    while (above - below > 1) {
        uint64_t middle = (below + above) / 2;
        if (magnitude_of(to, middle) <= magnitude)
            below = middle;
        else
            above = middle;
    }
    long double past = magnitude - magnitude_of(to, below), left = magnitude_of(to, above) - magnitude;
    bool up = past > left || (past == left && (round == PTO_ROUND_AWAY || (below & 1)));
    if (!nearest)
        up = !toward_zero;
    return sign | (past != 0 && up ? above : below);
}

static UNUSED uint64_t rounded_integer(pto_dtype to, long double value, pto_round round)
{
    if (isnan(value))
        return 0;
    long double down = floorl(value), rest = value - down;
    switch (isinf(value) ? PTO_ROUND_COUNT : round) {
    case PTO_ROUND_NEAREST: value = rest > 0.5L || (rest == 0.5L && fmodl(down, 2) != 0) ? down + 1 : down; break;
    case PTO_ROUND_AWAY: value = rest > 0.5L || (rest == 0.5L && value > 0) ? down + 1 : down; break;
    case PTO_ROUND_FLOOR: value = down; break;
    case PTO_ROUND_CEIL: value = ceill(value); break;
    case PTO_ROUND_TRUNC: value = truncl(value); break;
    case PTO_ROUND_COUNT: break;
    }
    int bits = 8 * (int)pto_dtype_bytes(to);
    long double least = is_signed(to) ? -ldexpl(1, bits - 1) : 0;
    long double most = ldexpl(1, is_signed(to) ? bits - 1 : bits) - 1;
    value = value < least ? least : value > most ? most : value;
    return cut_to(to, value < 0 ? 0 - (uint64_t)-value : (uint64_t)value);
}

static UNUSED uint64_t reference_convert(pto_dtype to, pto_dtype from, uint64_t bits, pto_round round)
{
    if (to == from)
        return bits;
    long double value = number_of(from, bits);
    if (pto_dtype_is_float(to))
        return rounded_float(to, value, round);
    if (pto_dtype_is_float(from))
        return rounded_integer(to, value, round);
    return cut_to(to, value < 0 ? 0 - (uint64_t)-value : (uint64_t)value);
}

/* ---- Arithmetic -------------------------------------------------------------------------------------------------- */

/* Of two floats. To round a double's result once more is right for these: 53 >= 2 * 24 + 2 bits (Figueroa, 1995). */
static inline float float_arithmetic(oriel_arithmetic op, double a, double b)
{
    return (float)(op == ORIEL_ADD ? a + b : op == ORIEL_SUB ? a - b : op == ORIEL_MUL ? a * b : a / b);
}

static inline uint64_t float_order(pto_dtype dtype, bool greatest, uint64_t a, uint64_t b)
{
    long double x = number_of(dtype, a), y = number_of(dtype, b);
    if (isnan(x) || isnan(y))
        return !isnan(x) ? a : !isnan(y) ? b : nan_bits(dtype);
    if (x == y)
        return (bool)signbit(x) == greatest ? b : a;
    return (x > y) == greatest ? a : b;
}

/* By the truth table of each operation. */
static inline uint64_t bit_by_bit(pto_dtype dtype, oriel_arithmetic op, uint64_t a, uint64_t b)
{
    static const bool table[3][2][2] = {{{0, 0}, {0, 1}}, {{0, 1}, {1, 1}}, {{0, 1}, {1, 0}}};
    uint64_t result = 0;
    for (uint32_t bit = 0; bit < 8 * pto_dtype_bytes(dtype); bit++)
        result |= (uint64_t)table[op - ORIEL_AND][a >> bit & 1][b >> bit & 1] << bit;
    return result;
}

static inline uint64_t integer_arithmetic(pto_dtype dtype, oriel_arithmetic op, uint64_t a, uint64_t b)
{
    __int128 x = (__int128)number_of(dtype, a), y = (__int128)number_of(dtype, b);
    switch (op) {
    case ORIEL_ADD: return cut_to(dtype, (uint64_t)(x + y));
    case ORIEL_SUB: return cut_to(dtype, (uint64_t)(x - y));
    case ORIEL_MUL: return cut_to(dtype, (uint64_t)(x * y));
    case ORIEL_DIV: return cut_to(dtype, y == 0 ? UINT64_MAX : (uint64_t)(x / y));
    case ORIEL_MAX: return x > y ? a : b;
    case ORIEL_MIN: return x < y ? a : b;
    case ORIEL_AND:
    case ORIEL_OR:
    case ORIEL_XOR: return bit_by_bit(dtype, op, a, b);
    case ORIEL_ARITHMETIC_COUNT: break;
    }
    return 0;
}

/* Bits are of integers only. */
static UNUSED bool takes(pto_dtype dtype, oriel_arithmetic op)
{
    return op < ORIEL_AND || !pto_dtype_is_float(dtype);
}

static UNUSED uint64_t reference_binary(pto_dtype dtype, oriel_arithmetic op, uint64_t a, uint64_t b)
{
    if (!pto_dtype_is_float(dtype))
        return integer_arithmetic(dtype, op, a, b);
    if (op == ORIEL_MAX || op == ORIEL_MIN)
        return float_order(dtype, op == ORIEL_MAX, a, b);
    float result = float_arithmetic(op, (double)number_of(dtype, a), (double)number_of(dtype, b));
    return rounded_float(dtype, (long double)result, PTO_ROUND_NEAREST);
}

/* Of a row, count > 0. */
static UNUSED uint64_t reference_row_max(pto_dtype dtype, const void *row, size_t count)
{
    uint64_t most = load(dtype, row);
    for (size_t i = 0; i < count; i++)
        most = reference_binary(dtype, ORIEL_MAX, most, load(dtype, (const char *)row + i * pto_dtype_bytes(dtype)));
    return most;
}

static UNUSED uint64_t reference_row_sum(pto_dtype dtype, const void *row, size_t count)
{
    uint64_t total = 0;
    float sum[16];
    for (size_t j = 0; j < 16; j++)
        sum[j] = -0.0f;
    for (size_t i = 0; i < count; i++) {
        uint64_t element = load(dtype, (const char *)row + i * pto_dtype_bytes(dtype));
        if (pto_dtype_is_float(dtype))
            sum[i % 16] += (float)number_of(dtype, element);
        else
            total += element;
    }
    if (!pto_dtype_is_float(dtype))
        return cut_to(dtype, total);
    for (size_t step = 8; step > 0; step /= 2)
        for (size_t j = 0; j < step; j++)
            sum[j] = sum[j] + sum[j + step];
    return rounded_float(dtype, (long double)sum[0], PTO_ROUND_NEAREST);
}

/* ---- Inputs ------------------------------------------------------------------------------------------------------ */

/*
 * Elements that are hard: zeros, the least and greatest numbers, what lies next to a power of two or halfway between
 * integers, infinities, NaNs of both kinds and signs. Returns how many of SPECIALS were set.
 */
#define SPECIALS 64

static UNUSED size_t special_elements(pto_dtype dtype, uint64_t special[SPECIALS])
{
    size_t count = 0;
    if (pto_dtype_is_float(dtype)) {
        uint64_t infinity = infinity_bits(dtype), quiet = nan_bits(dtype);
        uint64_t one = infinity / 2 & ~((UINT64_C(1) << fraction_bits(dtype)) - 1),
                 half = one - (1u << fraction_bits(dtype));
        const uint64_t positive[] = {0,
                                     1,
                                     2,
                                     quiet - infinity,
                                     half,
                                     half - 1,
                                     half + 1,
                                     one,
                                     one - 1,
                                     one + 1,
                                     rounded_float(dtype, 1.5L, 0),
                                     rounded_float(dtype, 2.5L, 0),
                                     rounded_float(dtype, 255.5L, 0),
                                     rounded_float(dtype, 32768, 0),
                                     rounded_float(dtype, 0x1p23L - 0.5L, 0),
                                     rounded_float(dtype, 0x1p31L, 0),
                                     rounded_float(dtype, 0x1p32L, 0),
                                     rounded_float(dtype, 0x1p63L, 0),
                                     (UINT64_C(1) << fraction_bits(dtype)) - 1,
                                     UINT64_C(1) << fraction_bits(dtype),
                                     infinity - 1,
                                     infinity,
                                     infinity + 1,
                                     quiet - 1,
                                     quiet,
                                     quiet + 1,
                                     sign_bit(dtype) - 1};
        for (size_t i = 0; i < sizeof positive / sizeof positive[0]; i++) {
            special[count++] = positive[i];
            special[count++] = positive[i] | sign_bit(dtype);
        }
    } else {
        uint64_t top = sign_bit(dtype);
        const uint64_t integer[] = {0,
                                    1,
                                    2,
                                    3,
                                    7,
                                    100,
                                    top - 1,
                                    top,
                                    top + 1,
                                    top / 2,
                                    top / 2 + 1,
                                    0 - UINT64_C(1),
                                    0 - UINT64_C(2),
                                    0 - UINT64_C(3),
                                    0 - UINT64_C(100),
                                    0x7fffffbf,
                                    0x7fffffc0,
                                    0x7fffff40,
                                    0xffffff7f,
                                    0xffffff80,
                                    0x1000001,
                                    0x1000003,
                                    0xffdf,
                                    0xffe0,
                                    0xffef,
                                    0xfff0,
                                    65519,
                                    65520,
                                    65521,
                                    2049,
                                    2051,
                                    257,
                                    259,
                                    UINT64_C(0x7fffffbfffffffff),
                                    UINT64_C(0x7fffffc000000000),
                                    UINT64_C(0x8000004000000001)};
        for (; count < sizeof integer / sizeof integer[0]; count++)
            special[count] = cut_to(dtype, integer[count]);
    }
    return count;
}

/* Mostly random bits; for floating-point types every other element is of ordinary size, so that sums are not all
 * infinite. */
static UNUSED void random_elements(oriel_random *random, pto_dtype dtype, void *elements, size_t count)
{
    uint64_t special[SPECIALS];
    size_t specials = special_elements(dtype, special);
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = oriel_random_next(random);
        if (oriel_random_below(random, 8) == 0)
            bits = special[oriel_random_below(random, specials)];
        else if (pto_dtype_is_float(dtype) && oriel_random_below(random, 2))
            bits = rounded_float(dtype, (long double)(oriel_random_unit(random) - 0.5) * 64, PTO_ROUND_NEAREST);
        store(dtype, (char *)elements + i * pto_dtype_bytes(dtype), bits);
    }
}

#endif
