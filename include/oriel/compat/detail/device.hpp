/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of the dialect, for a compiler that does not know them: a kernel's pointers are pointers, and all its memory is one.
 */
#ifndef ORIEL_COMPAT_DEVICE_HPP
#define ORIEL_COMPAT_DEVICE_HPP

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "oriel/front.h"

#ifndef __gm__
#define __gm__
#endif
#ifndef __aicore__
#define __aicore__
#endif
#ifndef __global__
#define __global__
#endif
#ifndef __ubuf__
#define __ubuf__
#endif
#ifndef __cbuf__
#define __cbuf__
#endif
#ifndef __ca__
#define __ca__
#endif
#ifndef __cb__
#define __cb__
#endif
#ifndef __cc__
#define __cc__
#endif
#ifndef __fbuf__
#define __fbuf__
#endif
#ifndef AICORE
#define AICORE
#endif
#ifndef PTO_INLINE
#define PTO_INLINE inline __attribute__((always_inline))
#endif
#ifndef PTO_INST
#define PTO_INST AICORE PTO_INLINE
#endif
#ifndef PTO_INTERNAL
#define PTO_INTERNAL AICORE PTO_INLINE
#endif

namespace oriel::compat
{

/*
 * All of these are inlined down to the call of a function of front.h: what that returns to must be the kernel's own code, at the
 * line of the instruction.
 */
#define ORIEL_COMPAT_INLINE inline __attribute__((always_inline))

/* False, but not before `T` is known: for a static_assert that speaks only when somebody uses the template. */
template <typename... T> inline constexpr bool never = false;

template <typename To, typename From> ORIEL_COMPAT_INLINE To bits_as(const From &from)
{
    static_assert(sizeof(To) == sizeof(From));
    To to;
    __builtin_memcpy(&to, &from, sizeof to);
    return to;
}

/*
 * A binary32's bits rounded to `Mantissa` bits of mantissa, to nearest even, as a 16-bit number with that many; `Bias` is that of its
 * exponent. NaN stays NaN, and is quiet.
 */
template <int Mantissa, int Bias> constexpr uint16_t narrow(uint32_t bits)
{
    constexpr int exponent_bits = 15 - Mantissa;
    constexpr uint32_t infinity = ((UINT32_C(1) << exponent_bits) - 1) << Mantissa;
    const uint32_t sign = bits >> 31 << 15;
    const uint32_t magnitude = bits & UINT32_C(0x7fffffff);
    if (magnitude > UINT32_C(0x7f800000))
        return static_cast<uint16_t>(sign | infinity | UINT32_C(1) << (Mantissa - 1));
    if (magnitude == UINT32_C(0x7f800000))
        return static_cast<uint16_t>(sign | infinity);
    const int exponent = static_cast<int>(magnitude >> 23) - 127 + Bias;
    uint32_t fraction = magnitude & UINT32_C(0x7fffff);
    int dropped = 23 - Mantissa;
    uint32_t high = 0;
    if (exponent > 0 || Bias == 127) {
        high = static_cast<uint32_t>(exponent) << Mantissa;
    } else {
        fraction |= UINT32_C(0x800000);
        dropped += 1 - exponent;
    }
    if (dropped > 24)
        return static_cast<uint16_t>(sign);
    const uint32_t half = UINT32_C(1) << (dropped - 1), rest = fraction & (half * 2 - 1);
    uint32_t result = high + (fraction >> dropped);
    result += rest > half || (rest == half && (result & 1)) ? 1 : 0;
    return static_cast<uint16_t>(sign | (result > infinity ? infinity : result));
}

/* And back, exactly. */
template <int Mantissa, int Bias> constexpr uint32_t widen(uint16_t bits)
{
    constexpr int exponent_bits = 15 - Mantissa;
    constexpr uint32_t top = (UINT32_C(1) << exponent_bits) - 1;
    const uint32_t sign = static_cast<uint32_t>(bits) >> 15 << 31;
    uint32_t exponent = static_cast<uint32_t>(bits) >> Mantissa & top;
    uint32_t fraction = bits & ((UINT32_C(1) << Mantissa) - 1);
    if (exponent == top)
        return sign | UINT32_C(0x7f800000) | fraction << (23 - Mantissa);
    if (Bias == 127 || (exponent == 0 && fraction == 0))
        return sign | exponent << 23 | fraction << (23 - Mantissa);
    int shift = 0;
    if (exponent == 0)
        for (exponent = 1; !(fraction >> Mantissa); shift++)
            fraction <<= 1;
    fraction &= (UINT32_C(1) << Mantissa) - 1;
    return sign | static_cast<uint32_t>(static_cast<int>(exponent) - shift - Bias + 127) << 23 |
           fraction << (23 - Mantissa);
}

/* A 16-bit floating-point number as it is stored. Kernels store and convert it; arithmetic happens on tiles, or in float. */
template <int Mantissa, int Bias> struct float16 {
    uint16_t bits;

    float16() = default;
    ORIEL_COMPAT_INLINE float16(float value) : bits(narrow<Mantissa, Bias>(bits_as<uint32_t>(value)))
    {
    }
    template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T>>>
    explicit ORIEL_COMPAT_INLINE float16(T value) : float16(static_cast<float>(value))
    {
    }
    ORIEL_COMPAT_INLINE operator float() const
    {
        return bits_as<float>(widen<Mantissa, Bias>(bits));
    }
};

} // namespace oriel::compat

using half = oriel::compat::float16<10, 15>;
using float16_t = half;
using bfloat16_t = oriel::compat::float16<7, 127>;
static_assert(sizeof(half) == 2 && sizeof(bfloat16_t) == 2);

#endif
