/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects single elements: what the stored bits of each type mean, rounding to the floating-point types by every rule,
 * the conversion of scalar operands, and the bit tricks between f32 and the 16-bit types, on every boundary.
 */
#include "reference.h"

#include "isa/element.h"

static pto_scalar integer(int64_t value)
{
    return (pto_scalar){.is_float = false, .value = {.i = value}};
}

static pto_scalar real(double value)
{
    return (pto_scalar){.is_float = true, .value = {.f = value}};
}

static bool same_number(double a, long double b)
{
    return isnan(a) ? isnan(b) : (long double)a == b && (bool)signbit(a) == (bool)signbit(b);
}

static void every_half_reads_as_its_value_and_back(void **state)
{
    (void)state;
    const pto_dtype dtypes[] = {PTO_F16, PTO_BF16};
    for (int k = 0; k < 2; k++) {
        for (uint32_t bits = 0; bits < 65536; bits++) {
            uint16_t element = (uint16_t)bits, back = 0;
            long double value = number_of(dtypes[k], bits);
            float wide = dtypes[k] == PTO_F16 ? oriel_widen_f16(element) : oriel_widen_bf16(element);
            assert_true(same_number((double)wide, value));
            assert_true(same_number(oriel_element_f64(dtypes[k], &element), value));
            oriel_element_set(dtypes[k], &back, real((double)value));
            assert_int_equal(back, isnan(value) ? nan_bits(dtypes[k]) : bits);
            assert_int_equal(dtypes[k] == PTO_F16 ? oriel_narrow_f16(wide) : oriel_narrow_bf16(wide), back);
        }
    }
}

static void check_narrow(uint32_t bits)
{
    float value = oriel_widen_f32(bits);
    uint64_t f16 = rounded_float(PTO_F16, (long double)value, PTO_ROUND_NEAREST);
    uint64_t bf16 = rounded_float(PTO_BF16, (long double)value, PTO_ROUND_NEAREST);
    if (oriel_narrow_f16(value) != f16 || oriel_narrow_bf16(value) != bf16)
        fail_msg("f32 %08x: f16 %04x, expected %04x; bf16 %04x, expected %04x", bits, oriel_narrow_f16(value),
                 (unsigned)f16, oriel_narrow_bf16(value), (unsigned)bf16);
}

/* The f32 next to each number of a type and next to each midpoint of two, on both sides. */
static void narrowing_is_right_at_every_boundary(void **state)
{
    (void)state;
    const pto_dtype dtypes[] = {PTO_F16, PTO_BF16};
    for (int k = 0; k < 2; k++) {
        for (uint64_t bits = 0; bits < infinity_bits(dtypes[k]); bits++) {
            long double here = magnitude_of(dtypes[k], bits), next = magnitude_of(dtypes[k], bits + 1);
            uint32_t number = oriel_f32_bits((float)here), middle = oriel_f32_bits((float)((here + next) / 2));
            for (uint32_t step = 0; step < 3; step++) {
                check_narrow((number + step - 1) & 0x7fffffff);
                check_narrow((middle + step - 1) | 0x80000000);
                check_narrow((middle + step - 1) & 0x7fffffff);
            }
        }
    }
}

static void narrowing_is_right_on_a_sample_of_all_floats(void **state)
{
    (void)state;
    uint32_t bits = (uint32_t)test_seed();
    for (uint32_t i = 0; i < 1u << 21; i++, bits += 2654435769u)
        check_narrow(bits);
}

static void check_float_bits(pto_scalar number)
{
    const pto_dtype dtypes[] = {PTO_F32, PTO_F16, PTO_BF16};
    long double value = number.is_float ? (long double)number.value.f : (long double)number.value.i;
    for (int k = 0; k < 3; k++) {
        for (pto_round round = 0; round < PTO_ROUND_COUNT; round++) {
            uint32_t bits = oriel_float_bits(dtypes[k], number, round);
            uint64_t expected = rounded_float(dtypes[k], value, round);
            if (bits != expected)
                fail_msg("%.20Lg to %s, rule %d: %08x, expected %08x", value, oriel_dtype_name(dtypes[k]), (int)round,
                         bits, (unsigned)expected);
        }
    }
}

static void any_number_rounds_by_any_rule(void **state)
{
    (void)state;
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    const double edges[] = {0.0,      -0.0,     INFINITY, NAN,           DBL_MIN, DBL_MAX,  0x1p-1074,
                            0x1p-24,  0x1p-25,  0x1p-26,  0x1.8p-25,     0x1p-14, 0x1p-126, 0x1p-149,
                            0x1p-150, 0x1p-133, 0x1p-134, 65504,         65519,   65520,    65535,
                            65536,    FLT_MAX,  0x1p128,  0x1.ffffffp127};
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            check_float_bits(real(sign * edges[i]));
            check_float_bits(real(sign * nextafter(edges[i], 0)));
            check_float_bits(real(sign * nextafter(edges[i], INFINITY)));
        }
    }
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = oriel_random_next(&random);
        double any, near = ldexp(oriel_random_unit(&random) - 0.5, (int)oriel_random_below(&random, 300) - 160);
        memcpy(&any, &bits, sizeof any);
        check_float_bits(real(any));
        check_float_bits(real(near));
        check_float_bits(real((double)(float)near));
        check_float_bits(integer((int64_t)bits >> oriel_random_below(&random, 64)));
    }
    for (int shift = 0; shift < 64; shift++)
        for (int step = -1; step <= 1; step++)
            check_float_bits(integer((int64_t)((UINT64_C(1) << shift) + (uint64_t)step)));
    check_float_bits(integer(0));
}

/* Scalars of every kind to every type: modulo 2^bits, fraction cut off and bounded, to nearest even. */
static void scalar_operands_are_converted_as_documented(void **state)
{
    (void)state;
    const int64_t integers[] = {0,     1,     -1,       127,       128,        255,       256,      -129,
                                65535, 65536, 16777217, INT32_MIN, UINT32_MAX, INT64_MIN, INT64_MAX};
    const double reals[] = {0.0,    -0.0,     0.99,      -0.99, 1.5, -1.5,  127.9,  128,           255.9,
                            256,    -128.9,   -129,      1e9,   3e9, 5e9,   0x1p63, -0x1p63,       1e300,
                            -1e300, INFINITY, -INFINITY, NAN,   0.1, 65504, 65520,  0x1.fffffep62, 9007199254740993.0};
    for (pto_dtype dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++) {
        for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
            uint64_t element = 0;
            oriel_element_set(dtype, &element, integer(integers[i]));
            assert_int_equal(element, reference_convert(dtype, PTO_I64, (uint64_t)integers[i], PTO_ROUND_NEAREST));
        }
        for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) {
            uint64_t element = 0;
            oriel_element_set(dtype, &element, real(reals[i]));
            long double value = (long double)reals[i];
            assert_int_equal(element, pto_dtype_is_float(dtype) ? rounded_float(dtype, value, PTO_ROUND_NEAREST)
                                                                : rounded_integer(dtype, value, PTO_ROUND_TRUNC));
        }
    }
}

static void elements_read_as_numbers(void **state)
{
    (void)state;
    for (pto_dtype dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++) {
        uint64_t special[SPECIALS];
        size_t count = special_elements(dtype, special);
        for (size_t i = 0; i < count; i++) {
            long double value = number_of(dtype, special[i]);
            assert_true(same_number(oriel_element_f64(dtype, &special[i]), (long double)(double)value));
            if (!pto_dtype_is_float(dtype))
                assert_true(oriel_element_i64(dtype, &special[i]) == (int64_t)value);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_reads_as_its_value_and_back),
        cmocka_unit_test(narrowing_is_right_at_every_boundary),
        cmocka_unit_test(narrowing_is_right_on_a_sample_of_all_floats),
        cmocka_unit_test(any_number_rounds_by_any_rule),
        cmocka_unit_test(scalar_operands_are_converted_as_documented),
        cmocka_unit_test(elements_read_as_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
