/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The element loops of isa/vector.h: the functions of isa/element.h over arrays, as plain C that the compiler makes
 * vector code of. Compiled once for each instruction set, with its flags, into the table VECTOR_TABLE called
 * VECTOR_NAME.
 */
#include "isa/vector.h"

#include <string.h>

#include "isa/element.h"

/* gcc's and clang's TSan see no stores around the caches. */
#if defined(__SSE2__) && !defined(__SANITIZE_THREAD__)
#define STREAMS 1
#endif

#if defined(__F16C__) || defined(STREAMS)
#include <immintrin.h>
#endif

/*
 * The iterations of the next loop do not depend on each other: the destination is a source, or apart from it. clang
 * would warn of each loop that it makes no vector code of all the same, be it for a sanitizer's sake or since there is
 * none (division).
 */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wpass-failed"
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif

/* What is not done from one type to another directly goes through f32, in blocks that stay in the first-level cache. */
#define BLOCK 512

static size_t block_at(size_t i, size_t count)
{
    return count - i < BLOCK ? count - i : BLOCK;
}

#define INTEGERS(X, name)                                                                                              \
    X(I8, i8, name)                                                                                                    \
    X(U8, u8, name) X(I16, i16, name) X(U16, u16, name) X(I32, i32, name) X(U32, u32, name) X(I64, i64, name)

/* ---- Pairs ------------------------------------------------------------------------------------------------------- */

#define PAIR_LOOPS(op, name)                                                                                           \
    static void op##_##name(void *dst, const void *a, const void *b, size_t count)                                     \
    {                                                                                                                  \
        oriel_##name *to = dst;                                                                                        \
        const oriel_##name *x = a, *y = b;                                                                             \
        INDEPENDENT                                                                                                    \
        for (size_t i = 0; i < count; i++)                                                                             \
            to[i] = oriel_##op##_##name(x[i], y[i]);                                                                   \
    }                                                                                                                  \
    static void op##s_##name(void *dst, const void *a, const void *b, size_t count)                                    \
    {                                                                                                                  \
        oriel_##name *to = dst;                                                                                        \
        const oriel_##name *x = a, y = *(const oriel_##name *)b;                                                       \
        INDEPENDENT                                                                                                    \
        for (size_t i = 0; i < count; i++)                                                                             \
            to[i] = oriel_##op##_##name(x[i], y);                                                                      \
    }

/* Loads and stores are under way together so; a copy after a loop would wait for the one, then for the other. */
#define BOTH_LOOP(op, name)                                                                                            \
    static void op##b_##name(void *dst, void *other, const void *a, const void *b, size_t count)                       \
    {                                                                                                                  \
        oriel_##name *to = dst, *too = other;                                                                          \
        const oriel_##name *x = a, *y = b;                                                                             \
        INDEPENDENT                                                                                                    \
        for (size_t i = 0; i < count; i++)                                                                             \
            to[i] = too[i] = oriel_##op##_##name(x[i], y[i]);                                                          \
    }

#define ORDER_LOOPS(constant, name, bytes, kind)                                                                       \
    PAIR_LOOPS(max, name)                                                                                              \
    PAIR_LOOPS(min, name)                                                                                              \
    BOTH_LOOP(max, name)                                                                                               \
    BOTH_LOOP(min, name)

#define ARITHMETIC_LOOPS(name)                                                                                         \
    PAIR_LOOPS(add, name)                                                                                              \
    PAIR_LOOPS(sub, name)                                                                                              \
    PAIR_LOOPS(mul, name)                                                                                              \
    PAIR_LOOPS(div, name)                                                                                              \
    BOTH_LOOP(add, name)                                                                                               \
    BOTH_LOOP(mul, name)

#define BITS_LOOPS(constant, name, unused)                                                                             \
    PAIR_LOOPS(and, name)                                                                                              \
    PAIR_LOOPS(or, name)                                                                                               \
    PAIR_LOOPS(xor, name)                                                                                              \
    BOTH_LOOP(and, name)                                                                                               \
    BOTH_LOOP(or, name)                                                                                                \
    BOTH_LOOP(xor, name)

PTO_DTYPES(ORDER_LOOPS)
INTEGERS(BITS_LOOPS, )
ARITHMETIC_LOOPS(f32)
ARITHMETIC_LOOPS(bf16)
ARITHMETIC_LOOPS(i8)
ARITHMETIC_LOOPS(u8)
ARITHMETIC_LOOPS(i16)
ARITHMETIC_LOOPS(u16)
ARITHMETIC_LOOPS(i32)
ARITHMETIC_LOOPS(u32)
ARITHMETIC_LOOPS(i64)

/* ---- Between f32 and 16-bit floating-point types ----------------------------------------------------------------- */

#define HALF_LOOPS(name)                                                                                               \
    static void name##_to_f32(void *dst, const void *src, size_t count)                                                \
    {                                                                                                                  \
        oriel_f32 *to = dst;                                                                                           \
        const oriel_##name *from = src;                                                                                \
        INDEPENDENT                                                                                                    \
        for (size_t i = 0; i < count; i++)                                                                             \
            to[i] = oriel_narrow_f32(oriel_widen_##name(from[i]));                                                     \
    }                                                                                                                  \
    static void f32_to_##name(void *dst, const void *src, size_t count, pto_round round)                               \
    {                                                                                                                  \
        oriel_##name *to = dst;                                                                                        \
        const oriel_f32 *from = src;                                                                                   \
        (void)round;                                                                                                   \
        INDEPENDENT                                                                                                    \
        for (size_t i = 0; i < count; i++)                                                                             \
            to[i] = oriel_narrow_##name(oriel_widen_f32(from[i]));                                                     \
    }

HALF_LOOPS(bf16)

#ifndef __F16C__

ARITHMETIC_LOOPS(f16)
HALF_LOOPS(f16)

#else

/*
 * F16C converts in one instruction what the compiler does for oriel_widen_f16 and oriel_narrow_f16 in a dozen, with the
 * same results for all numbers; NaNs are made the one NaN by hand. The last, incomplete vector is done element by
 * element.
 */
#define F16_LANES 8

static inline __m256 load_f16(const oriel_f16 *from)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)from));
}

/* Compares as integers: clang 14 moves a comparison of floats before the conversion, and does it one by one there. */
static inline __m256 with_one_nan(__m256 x)
{
    __m256i magnitude = _mm256_and_si256(_mm256_castps_si256(x), _mm256_set1_epi32(INT32_MAX));
    __m256i is_nan = _mm256_cmpgt_epi32(magnitude, _mm256_set1_epi32(ORIEL_INF_f32));
    __m256i nan = _mm256_set1_epi32(ORIEL_NAN_f32);
    return _mm256_castsi256_ps(_mm256_blendv_epi8(_mm256_castps_si256(x), nan, is_nan));
}

static inline void store_f16(oriel_f16 *to, __m256 x)
{
    _mm_storeu_si128((__m128i *)to, _mm256_cvtps_ph(with_one_nan(x), _MM_FROUND_TO_NEAREST_INT));
}

static void f16_to_f32(void *dst, const void *src, size_t count)
{
    oriel_f32 *to = dst;
    const oriel_f16 *from = src;
    size_t i = 0;
    for (; i + F16_LANES <= count; i += F16_LANES)
        _mm256_storeu_ps((float *)(to + i), with_one_nan(load_f16(from + i)));
    for (; i < count; i++)
        to[i] = oriel_narrow_f32(oriel_widen_f16(from[i]));
}

static void f32_to_f16(void *dst, const void *src, size_t count, pto_round round)
{
    oriel_f16 *to = dst;
    const oriel_f32 *from = src;
    size_t i = 0;
    (void)round;
    for (; i + F16_LANES <= count; i += F16_LANES)
        store_f16(to + i, _mm256_loadu_ps((const float *)(from + i)));
    for (; i < count; i++)
        to[i] = oriel_narrow_f16(oriel_widen_f32(from[i]));
}

#define F16_LOOPS(op, symbol)                                                                                          \
    static void op##_f16(void *dst, const void *a, const void *b, size_t count)                                        \
    {                                                                                                                  \
        oriel_f16 *to = dst;                                                                                           \
        const oriel_f16 *x = a, *y = b;                                                                                \
        size_t i = 0;                                                                                                  \
        for (; i + F16_LANES <= count; i += F16_LANES)                                                                 \
            store_f16(to + i, load_f16(x + i) symbol load_f16(y + i));                                                 \
        for (; i < count; i++)                                                                                         \
            to[i] = oriel_##op##_f16(x[i], y[i]);                                                                      \
    }                                                                                                                  \
    static void op##s_f16(void *dst, const void *a, const void *b, size_t count)                                       \
    {                                                                                                                  \
        oriel_f16 *to = dst;                                                                                           \
        const oriel_f16 *x = a, y = *(const oriel_f16 *)b;                                                             \
        __m256 scalar = _mm256_set1_ps(oriel_widen_f16(y));                                                            \
        size_t i = 0;                                                                                                  \
        for (; i + F16_LANES <= count; i += F16_LANES)                                                                 \
            store_f16(to + i, load_f16(x + i) symbol scalar);                                                          \
        for (; i < count; i++)                                                                                         \
            to[i] = oriel_##op##_f16(x[i], y);                                                                         \
    }

#define F16_BOTH_LOOP(op, symbol)                                                                                      \
    static void op##b_f16(void *dst, void *other, const void *a, const void *b, size_t count)                          \
    {                                                                                                                  \
        oriel_f16 *to = dst, *too = other;                                                                             \
        const oriel_f16 *x = a, *y = b;                                                                                \
        size_t i = 0;                                                                                                  \
        for (; i + F16_LANES <= count; i += F16_LANES) {                                                               \
            const __m256 both = load_f16(x + i) symbol load_f16(y + i);                                                \
            store_f16(to + i, both);                                                                                   \
            store_f16(too + i, both);                                                                                  \
        }                                                                                                              \
        for (; i < count; i++)                                                                                         \
            to[i] = too[i] = oriel_##op##_f16(x[i], y[i]);                                                             \
    }

F16_LOOPS(add, +)
F16_LOOPS(sub, -)
F16_LOOPS(mul, *)
F16_LOOPS(div, /)
F16_BOTH_LOOP(add, +)
F16_BOTH_LOOP(mul, *)

#endif

/* ---- Between f32 and integers ------------------------------------------------------------------------------------ */

/*
 * A number rounded to an integer, still a float. From 2^23 on every float is one; below, adding 2^23 makes the
 * processor round to nearest even there. Works on magnitudes: the sign of a zero is lost, which an integer does not
 * have.
 */
static inline float integral(float x, pto_round round)
{
    float magnitude = oriel_widen_f32(oriel_f32_bits(x) & 0x7fffffff);
    float nearest = magnitude + 0x1p23f;
    nearest = nearest - 0x1p23f;
    nearest = magnitude < 0x1p23f ? nearest : magnitude;
    float down = nearest - (nearest > magnitude ? 1.0f : 0.0f);
    float up = nearest + (nearest < magnitude ? 1.0f : 0.0f);
    float result = round == PTO_ROUND_NEAREST ? nearest
                   : round == PTO_ROUND_AWAY  ? down + (magnitude - down >= 0.5f ? 1.0f : 0.0f)
                   : round == PTO_ROUND_FLOOR ? (x < 0 ? up : down)
                   : round == PTO_ROUND_CEIL  ? (x < 0 ? down : up)
                                              : down;
    return x < 0 ? -result : result;
}

#define INTEGRAL_LOOP(constant)                                                                                        \
    case PTO_ROUND_##constant:                                                                                         \
        INDEPENDENT                                                                                                    \
        for (size_t i = 0; i < count; i++)                                                                             \
            to[i] = oriel_f32_bits(integral(oriel_widen_f32(from[i]), PTO_ROUND_##constant));                          \
        break;

static void f32_to_integral(oriel_f32 *to, const oriel_f32 *from, size_t count, pto_round round)
{
    switch (round) {
        INTEGRAL_LOOP(NEAREST)
        INTEGRAL_LOOP(AWAY)
        INTEGRAL_LOOP(FLOOR)
        INTEGRAL_LOOP(CEIL)
        INTEGRAL_LOOP(TRUNC)
    case PTO_ROUND_COUNT: break;
    }
}

/* The bounds of a type as floats: its least number, and one more than its greatest, both exact. */
#define BEGIN_I(bytes) ((float)ORIEL_LEAST_I(bytes))
#define END_I(bytes)   (-BEGIN_I(bytes))
#define BEGIN_U(bytes) 0.0f
#define END_U(bytes)   ((float)(ORIEL_MOST_U(bytes) + 1))

/* Conversions that vector instructions have, or are made of those. */
#define CAST_i32(x) ((int32_t)(x))
#define CAST_i64(x) ((int64_t)(x))
#define CAST_u32(x) ((x) < 0x1p31f ? (uint32_t)(int32_t)(x) : (uint32_t)(int32_t)((x)-0x1p31f) + 0x80000000)

/* `cast` is right for all numbers of the type. */
#define INTEGER_LOOPS(name, bytes, kind, cast)                                                                         \
    static void name##_to_f32(void *dst, const void *src, size_t count)                                                \
    {                                                                                                                  \
        oriel_f32 *to = dst;                                                                                           \
        const oriel_##name *from = src;                                                                                \
        INDEPENDENT                                                                                                    \
        for (size_t i = 0; i < count; i++)                                                                             \
            to[i] = oriel_f32_bits((float)from[i]);                                                                    \
    }                                                                                                                  \
    static inline oriel_##name saturated_##name(float x)                                                               \
    {                                                                                                                  \
        float inside = ((x >= BEGIN_##kind(bytes)) & (x < END_##kind(bytes))) ? x : 0.0f;                              \
        oriel_##name value = (oriel_##name)cast(inside);                                                               \
        value = x < BEGIN_##kind(bytes) ? (oriel_##name)ORIEL_LEAST_##kind(bytes) : value;                             \
        return x >= END_##kind(bytes) ? (oriel_##name)ORIEL_MOST_##kind(bytes) : value;                                \
    }                                                                                                                  \
    static void f32_to_##name(void *dst, const void *src, size_t count, pto_round round)                               \
    {                                                                                                                  \
        oriel_f32 rounded[BLOCK];                                                                                      \
        oriel_##name *to = dst;                                                                                        \
        for (size_t i = 0, n; i < count; i += n, to += n) {                                                            \
            n = block_at(i, count);                                                                                    \
            f32_to_integral(rounded, (const oriel_f32 *)src + i, n, round);                                            \
            INDEPENDENT                                                                                                \
            for (size_t j = 0; j < n; j++)                                                                             \
                to[j] = saturated_##name(oriel_widen_f32(rounded[j]));                                                 \
        }                                                                                                              \
    }

INTEGER_LOOPS(i8, 1, I, CAST_i32)
INTEGER_LOOPS(u8, 1, U, CAST_i32)
INTEGER_LOOPS(i16, 2, I, CAST_i32)
INTEGER_LOOPS(u16, 2, U, CAST_i32)
INTEGER_LOOPS(i32, 4, I, CAST_i32)
INTEGER_LOOPS(u32, 4, U, CAST_u32)
INTEGER_LOOPS(i64, 8, I, CAST_i64)

/* ---- Between integers -------------------------------------------------------------------------------------------- */

#define RESIZE_LOOP(constant, source, name)                                                                            \
    static void source##_to_##name(void *dst, const void *src, size_t count)                                           \
    {                                                                                                                  \
        oriel_##name *to = dst;                                                                                        \
        const oriel_##source *from = src;                                                                              \
        INDEPENDENT                                                                                                    \
        for (size_t i = 0; i < count; i++)                                                                             \
            to[i] = (oriel_##name)from[i];                                                                             \
    }

INTEGERS(RESIZE_LOOP, i8)
INTEGERS(RESIZE_LOOP, u8)
INTEGERS(RESIZE_LOOP, i16)
INTEGERS(RESIZE_LOOP, u16)
INTEGERS(RESIZE_LOOP, i32)
INTEGERS(RESIZE_LOOP, u32)
INTEGERS(RESIZE_LOOP, i64)

/* ---- Rows -------------------------------------------------------------------------------------------------------- */

#define LANES 16

/* Adds element i to sum[i mod 16]. The sums are kept in registers: what indexes them is a constant. */
static void add_to_lanes(float sum[LANES], const oriel_f32 *from, size_t count)
{
    float lane[LANES];
    size_t whole = count - count % LANES;
    memcpy(lane, sum, sizeof lane);
    for (size_t i = 0; i < whole; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] += oriel_widen_f32(from[i + j]);
    memcpy(sum, lane, sizeof lane);
    for (size_t i = whole; i < count; i++)
        sum[i - whole] += oriel_widen_f32(from[i]);
}

static float sum_of_lanes(float sum[LANES])
{
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t j = 0; j < half; j++)
            sum[j] += sum[j + half];
    return sum[0];
}

/* -0 changes nothing that it is added to. */
#define NO_SUM                                                                                                         \
    {                                                                                                                  \
        -0.f, -0.f, -0.f, -0.f, -0.f, -0.f, -0.f, -0.f, -0.f, -0.f, -0.f, -0.f, -0.f, -0.f, -0.f, -0.f                 \
    }

static void sum_f32(void *dst, const void *src, size_t count)
{
    float sum[LANES] = NO_SUM;
    add_to_lanes(sum, src, count);
    *(oriel_f32 *)dst = oriel_narrow_f32(sum_of_lanes(sum));
}

#define BLOCK_SUM(name)                                                                                                \
    static void sum_##name(void *dst, const void *src, size_t count)                                                   \
    {                                                                                                                  \
        float sum[LANES] = NO_SUM;                                                                                     \
        oriel_f32 block[BLOCK];                                                                                        \
        for (size_t i = 0, n; i < count; i += n) {                                                                     \
            n = block_at(i, count);                                                                                    \
            name##_to_f32(block, (const oriel_##name *)src + i, n);                                                    \
            add_to_lanes(sum, block, n);                                                                               \
        }                                                                                                              \
        *(oriel_##name *)dst = oriel_narrow_##name(sum_of_lanes(sum));                                                 \
    }

BLOCK_SUM(f16)
BLOCK_SUM(bf16)

#define ROW_MAX_FLOAT(name, key_type)                                                                                  \
    static void max_of_##name(void *dst, const void *src, size_t count)                                                \
    {                                                                                                                  \
        const oriel_##name *from = src;                                                                                \
        key_type most = oriel_key_##name(from[0], ORIEL_SHIFT_##name);                                                 \
        for (size_t i = 1; i < count; i++) {                                                                           \
            key_type key = oriel_key_##name(from[i], ORIEL_SHIFT_##name);                                              \
            most = key > most ? key : most;                                                                            \
        }                                                                                                              \
        *(oriel_##name *)dst = oriel_unkey_##name(most, ORIEL_SHIFT_##name);                                           \
    }

ROW_MAX_FLOAT(f32, int32_t)
ROW_MAX_FLOAT(f16, int16_t)
ROW_MAX_FLOAT(bf16, int16_t)

#define ROWS_INTEGER(constant, name, unused)                                                                           \
    static void sum_##name(void *dst, const void *src, size_t count)                                                   \
    {                                                                                                                  \
        const oriel_##name *from = src;                                                                                \
        oriel_##name sum = 0;                                                                                          \
        for (size_t i = 0; i < count; i++)                                                                             \
            sum = oriel_add_##name(sum, from[i]);                                                                      \
        *(oriel_##name *)dst = sum;                                                                                    \
    }                                                                                                                  \
    static void max_of_##name(void *dst, const void *src, size_t count)                                                \
    {                                                                                                                  \
        const oriel_##name *from = src;                                                                                \
        oriel_##name most = from[0];                                                                                   \
        for (size_t i = 1; i < count; i++)                                                                             \
            most = oriel_max_##name(most, from[i]);                                                                    \
        *(oriel_##name *)dst = most;                                                                                   \
    }

INTEGERS(ROWS_INTEGER, )

/* ---- Lines ------------------------------------------------------------------------------------------------------- */

#define LINE 64

#ifdef STREAMS

#if defined(__AVX512F__)
typedef __m512i portion;
#define STREAM_PORTION _mm512_stream_si512
#elif defined(__AVX2__)
typedef __m256i portion;
#define STREAM_PORTION _mm256_stream_si256
#else
typedef __m128i portion;
#define STREAM_PORTION _mm_stream_si128
#endif

static void stream(void *const *to, size_t targets, const void *from, size_t bytes)
{
    uintptr_t unaligned = 0;
    for (size_t i = 0; i < targets; i++)
        unaligned |= (uintptr_t)to[i] % LINE;
    const size_t whole = unaligned ? 0 : bytes - bytes % LINE;
    for (size_t at = 0; at < whole; at += LINE)
        for (size_t i = 0; i < targets; i++)
            for (size_t j = at; j < at + LINE; j += sizeof(portion)) {
                portion part;
                memcpy(&part, (const char *)from + j, sizeof part);
                STREAM_PORTION((portion *)((char *)to[i] + j), part);
            }
    for (size_t i = 0; i < targets; i++)
        memcpy((char *)to[i] + whole, (const char *)from + whole, bytes - whole);
}

static void stream_end(void)
{
    _mm_sfence();
}

#else

static void stream(void *const *to, size_t targets, const void *from, size_t bytes)
{
    for (size_t i = 0; i < targets; i++)
        memcpy(to[i], from, bytes);
}

static void stream_end(void)
{
}

#endif

/* ---- Matrix products --------------------------------------------------------------------------------------------- */

/*
 * A panel of the right factor, PANEL rows of up to BLOCK columns, is brought into the type of the sums once; each row of the
 * result takes all of it at a time, in the order of the panel's rows. So each element has its additions in the order of k,
 * whatever the panels.
 */
#define PANEL 8

#define COPY_TO_F32(to, from, count) memcpy((to), (from), (count) * sizeof(oriel_f32))

#define PRODUCT_LOOPS(name, number, sum_type, load, store, to_sum, from_row)                                           \
    static void add_panel_##name(const oriel_product *p, const sum_type panel[PANEL][BLOCK], size_t k, size_t depth,   \
                                 size_t at, size_t cols)                                                               \
    {                                                                                                                  \
        for (size_t i = 0; i < p->rows; i++) {                                                                         \
            const oriel_##name *a = (const oriel_##name *)p->a + i * p->a_pitch + k;                                   \
            sum_type *c = (sum_type *)p->c + i * p->c_pitch + at;                                                      \
            number x[PANEL];                                                                                           \
            for (size_t r = 0; r < depth; r++)                                                                         \
                x[r] = to_sum(a[r]);                                                                                   \
            if (depth == PANEL) {                                                                                      \
                INDEPENDENT                                                                                            \
                for (size_t j = 0; j < cols; j++) {                                                                    \
                    number sum = load(c[j]);                                                                           \
                    for (size_t r = 0; r < PANEL; r++)                                                                 \
                        sum += x[r] * load(panel[r][j]);                                                               \
                    c[j] = store(sum);                                                                                 \
                }                                                                                                      \
                continue;                                                                                              \
            }                                                                                                          \
            for (size_t r = 0; r < depth; r++) {                                                                       \
                INDEPENDENT                                                                                            \
                for (size_t j = 0; j < cols; j++)                                                                      \
                    c[j] = store(load(c[j]) + x[r] * load(panel[r][j]));                                               \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    static void multiply_##name(const oriel_product *p)                                                                \
    {                                                                                                                  \
        sum_type panel[PANEL][BLOCK];                                                                                  \
        for (size_t i = 0; !p->add && i < p->rows; i++)                                                                \
            memset((sum_type *)p->c + i * p->c_pitch, 0, p->cols * sizeof(sum_type));                                  \
        for (size_t k = 0, depth; k < p->depth; k += depth) {                                                          \
            depth = p->depth - k < PANEL ? p->depth - k : PANEL;                                                       \
            for (size_t at = 0, cols; at < p->cols; at += cols) {                                                      \
                cols = block_at(at, p->cols);                                                                          \
                for (size_t r = 0; r < depth; r++)                                                                     \
                    from_row(panel[r], (const oriel_##name *)p->b + (k + r) * p->b_pitch + at, cols);                  \
                add_panel_##name(p, panel, k, depth, at, cols);                                                        \
            }                                                                                                          \
        }                                                                                                              \
    }

PRODUCT_LOOPS(f32, float, oriel_f32, oriel_widen_f32, oriel_narrow_f32, oriel_widen_f32, COPY_TO_F32)
PRODUCT_LOOPS(f16, float, oriel_f32, oriel_widen_f32, oriel_narrow_f32, oriel_widen_f16, f16_to_f32)
PRODUCT_LOOPS(bf16, float, oriel_f32, oriel_widen_f32, oriel_narrow_f32, oriel_widen_bf16, bf16_to_f32)
/* Modulo 2^32. */
PRODUCT_LOOPS(i8, uint32_t, oriel_i32, (uint32_t), (oriel_i32), (uint32_t)(int32_t), i8_to_i32)

/* ---- The table --------------------------------------------------------------------------------------------------- */

/* No bits of floating-point numbers: what is left out of an initializer is NULL. */
#define BITS_F(form, name)
#define BITS_I(form, name) , and##form##_##name, or ##form##_##name, xor##form##_##name
#define BITS_U(form, name) BITS_I(form, name)

#define BINARY_ENTRY(constant, name, bytes, kind)                                                                      \
    [PTO_##constant] = {add_##name, sub_##name, mul_##name, div_##name, max_##name, min_##name BITS_##kind(, name)},
#define SCALAR_ENTRY(constant, name, bytes, kind)                                                                      \
    [PTO_##constant] = {adds_##name, subs_##name, muls_##name,                                                         \
                        divs_##name, maxs_##name, mins_##name BITS_##kind(s, name)},
#define BOTH_ENTRY(constant, name, bytes, kind)                                                                        \
    [PTO_##constant] = {addb_##name, NULL, mulb_##name, NULL, maxb_##name, minb_##name BITS_##kind(b, name)},
#define SUM_ENTRY(constant, name, bytes, kind) [PTO_##constant] = sum_##name,
#define MAX_ENTRY(constant, name, bytes, kind) [PTO_##constant] = max_of_##name,
#define TO_F32_ENTRY(constant, name, unused)   [PTO_##constant] = name##_to_f32,
#define FROM_F32_ENTRY(constant, name, unused) [PTO_##constant] = f32_to_##name,
#define RESIZE_ENTRY(constant, source, name)   [PTO_##constant] = source##_to_##name,
#define RESIZE_ROW(constant, name)             [PTO_##constant] = {INTEGERS(RESIZE_ENTRY, name)},

extern const oriel_vector_table VECTOR_TABLE;

const oriel_vector_table VECTOR_TABLE = {
    .name = VECTOR_NAME,
    .binary = {PTO_DTYPES(BINARY_ENTRY)},
    .scalar = {PTO_DTYPES(SCALAR_ENTRY)},
    .both = {PTO_DTYPES(BOTH_ENTRY)},
    .row_sum = {PTO_DTYPES(SUM_ENTRY)},
    .row_max = {PTO_DTYPES(MAX_ENTRY)},
    .multiply =
        {[PTO_F32] = multiply_f32, [PTO_F16] = multiply_f16, [PTO_BF16] = multiply_bf16, [PTO_I8] = multiply_i8},
    .to_f32 = {[PTO_F16] = f16_to_f32, [PTO_BF16] = bf16_to_f32, INTEGERS(TO_F32_ENTRY, )},
    .from_f32 = {[PTO_F16] = f32_to_f16, [PTO_BF16] = f32_to_bf16, INTEGERS(FROM_F32_ENTRY, )},
    .resize = {RESIZE_ROW(I8, i8) RESIZE_ROW(U8, u8) RESIZE_ROW(I16, i16) RESIZE_ROW(U16, u16) RESIZE_ROW(I32, i32)
                   RESIZE_ROW(U32, u32) RESIZE_ROW(I64, i64)},
    .stream = stream,
    .stream_end = stream_end,
};
