/* SPDX-License-Identifier: Apache-2.0 */
#include "isa/element.h"

#include <math.h>

#include "isa/isa.h"

/* ---- Rounding a number to a floating-point type, by any rule ----------------------------------------------------- */

/* A binary interchange format of IEEE 754: one sign bit, an exponent, a fraction. */
struct format {
    int sign;           /* which bit */
    int fraction;       /* bits */
    int least_exponent; /* of a normal number */
    uint32_t infinity, nan;
};

static const struct format *format_of(pto_dtype dtype)
{
    static const struct format f32 = {31, 23, -126, ORIEL_INF_f32, ORIEL_NAN_f32};
    static const struct format f16 = {15, 10, -14, ORIEL_INF_f16, ORIEL_NAN_f16};
    static const struct format bf16 = {15, 7, -126, ORIEL_INF_bf16, ORIEL_NAN_bf16};
    return dtype == PTO_F32 ? &f32 : dtype == PTO_F16 ? &f16 : &bf16;
}

/* Whether the magnitude grows, when bits were cut off. `rest` compares them with half a unit: -1, 0, 1. */
static bool rounds_up(pto_round round, bool negative, bool odd, int rest)
{
    switch (round) {
    case PTO_ROUND_NEAREST: return rest > 0 || (rest == 0 && odd);
    case PTO_ROUND_AWAY: return rest >= 0;
    case PTO_ROUND_FLOOR: return negative;
    case PTO_ROUND_CEIL: return !negative;
    case PTO_ROUND_TRUNC:
    case PTO_ROUND_COUNT: break;
    }
    return false;
}

/* +- mantissa * 2^exponent, mantissa > 0. Too large a value becomes infinity or the largest number, as `round` has it. */
static uint32_t round_to(const struct format *to, bool negative, uint64_t mantissa, int exponent, pto_round round)
{
    int zeros = __builtin_clzll(mantissa);
    mantissa <<= zeros;
    exponent += 63 - zeros; /* now the value is mantissa * 2^(exponent - 63), bit 63 of the mantissa is set */

    bool normal = exponent >= to->least_exponent;
    int cut = 63 - to->fraction + (normal ? 0 : to->least_exponent - exponent);
    uint64_t kept = cut < 64 ? mantissa >> cut : 0;
    uint64_t lost = cut < 64 ? mantissa << (64 - cut) : mantissa; /* as a fraction of a unit, if cut <= 64 */
    const uint64_t half = UINT64_C(1) << 63;
    int rest = cut > 64 || lost < half ? -1 : lost > half;
    if (lost != 0 && rounds_up(round, negative, kept & 1, rest))
        kept++;

    /* The leading bit of a normal number adds one to the exponent; a carry out of the fraction does the same. */
    uint64_t bits = kept;
    if (normal)
        bits += (uint64_t)(exponent - to->least_exponent) << to->fraction;
    if (bits >= to->infinity)
        bits = rounds_up(round, negative, true, 1) ? to->infinity : to->infinity - 1;
    return (uint32_t)bits | (uint32_t)negative << to->sign;
}

uint32_t oriel_float_bits(pto_dtype dtype, pto_scalar number, pto_round round)
{
    const struct format *to = format_of(dtype);
    if (!number.is_float) {
        bool negative = number.value.i < 0;
        uint64_t magnitude = negative ? 0 - (uint64_t)number.value.i : (uint64_t)number.value.i;
        return magnitude ? round_to(to, negative, magnitude, 0, round) : 0;
    }
    double value = number.value.f;
    if (dtype == PTO_F32 && round == PTO_ROUND_NEAREST)
        return oriel_narrow_f32((float)value); /* what C does by itself, much faster */
    bool negative = signbit(value);
    if (isnan(value))
        return to->nan;
    if (isinf(value))
        return to->infinity | (uint32_t)negative << to->sign;
    if (value == 0)
        return (uint32_t)negative << to->sign;
    int exponent;
    double fraction = frexp(fabs(value), &exponent); /* in [0.5, 1) */
    return round_to(to, negative, (uint64_t)(fraction * 0x1p53), exponent - 53, round);
}

/* ---- Elements ---------------------------------------------------------------------------------------------------- */

#define NUMBER_F(name) ((pto_scalar){.is_float = true, .value = {.f = (double)oriel_widen_##name(*at)}})
#define NUMBER_I(name) ((pto_scalar){.is_float = false, .value = {.i = *at}})
#define NUMBER_U(name) NUMBER_I(name)

pto_scalar oriel_element_number(pto_dtype dtype, const void *element)
{
    switch (dtype) {
#define NUMBER_CASE(constant, name, bytes, kind)                                                                       \
    case PTO_##constant: {                                                                                             \
        const oriel_##name *at = element;                                                                              \
        return NUMBER_##kind(name);                                                                                    \
    }
        PTO_DTYPES(NUMBER_CASE)
#undef NUMBER_CASE
    case PTO_DTYPE_COUNT: break;
    }
    return (pto_scalar){.is_float = false};
}

double oriel_element_f64(pto_dtype dtype, const void *element)
{
    pto_scalar number = oriel_element_number(dtype, element);
    return number.is_float ? number.value.f : (double)number.value.i;
}

int64_t oriel_element_i64(pto_dtype dtype, const void *element)
{
    return oriel_element_number(dtype, element).value.i;
}

/* The fraction is cut off; a value out of [least, most] gives the nearer bound, NaN gives 0. */
static int64_t integer_of(double value, int64_t least, int64_t most)
{
    if (isnan(value))
        return 0;
    if (value <= (double)least)
        return least;
    /* (double)INT64_MAX is 2^63, one too many. */
    if (value >= (double)most)
        return most;
    return (int64_t)value;
}

#define SET_F(constant, bytes, kind) oriel_float_bits(PTO_##constant, value, PTO_ROUND_NEAREST)
#define SET_I(constant, bytes, kind)                                                                                   \
    (value.is_float ? integer_of(value.value.f, ORIEL_LEAST_##kind(bytes), ORIEL_MOST_##kind(bytes)) : value.value.i)
#define SET_U(constant, bytes, kind) SET_I(constant, bytes, kind)

void oriel_element_set(pto_dtype dtype, void *element, pto_scalar value)
{
    switch (dtype) {
#define SET_CASE(constant, name, bytes, kind)                                                                          \
    case PTO_##constant: *(oriel_##name *)element = (oriel_##name)SET_##kind(constant, bytes, kind); break;
        PTO_DTYPES(SET_CASE)
#undef SET_CASE
    case PTO_DTYPE_COUNT: break;
    }
}
