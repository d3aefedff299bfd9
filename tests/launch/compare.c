/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: a wrong result cannot pass, and a right one is not called wrong. Every element of a spoiled or poisoned output is
 * wrong; infinities and NaN where they belong; tolerances only for floating point; what the report says of the first
 * wrong one.
 */
#include "launch/compare.h"
#include "launch/builtin.h"
#include "launch/job.h"
#include "test.h"

#include <math.h>

static const int devices[64];

/* A launch whose only output must be what `fixed` says. */
static oriel_expected fixed;

static oriel_expected expect_fixed(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                                   uint64_t i)
{
    (void)job, (void)inputs, (void)rank, (void)buffer, (void)i;
    return fixed;
}

#define COUNT 5

typedef struct scene {
    oriel_launch launch;
    oriel_job job;
    oriel_inputs inputs;
    oriel_image image;
    oriel_rank_report report;
    uint64_t out[COUNT];
} scene;

static void open_scene(scene *s, pto_dtype dtype, oriel_expect_fn expect)
{
    *s = (scene){.launch = oriel_launch_allreduce};
    if (expect)
        s->launch.expect = expect;
    oriel_job job = {.platform = "a2a3sim", .devices = devices, .ranks = 2, .count = COUNT, .dtype = dtype};
    assert_ok(oriel_job_complete(&s->launch, &job, &s->job));
    assert_ok(oriel_inputs_make(&s->launch, &s->job, &s->inputs));
    assert_ok(oriel_image_make(&s->inputs, 1, 1, &s->image));
    memcpy(s->out, s->image.bytes, COUNT * pto_dtype_bytes(dtype));
}

static void close_scene(scene *s)
{
    oriel_image_free(&s->image);
    oriel_inputs_free(&s->inputs);
}

static void put(scene *s, uint64_t i, oriel_value value)
{
    oriel_value_store(s->job.dtype, value, (char *)s->out + i * pto_dtype_bytes(s->job.dtype));
}

/* How many elements are wrong when element 2 is `got`, and all others what is expected. */
static uint64_t wrong_with(pto_dtype dtype, oriel_expected expected, oriel_value got)
{
    scene s;
    fixed = expected;
    open_scene(&s, dtype, expect_fixed);
    put(&s, 2, got);
    oriel_image_compare(&s.image, 0, s.out, &s.report);
    uint64_t first = COUNT;
    assert_int_equal(oriel_image_is_wrong(&s.image, s.out, &first), s.report.wrong > 0);
    assert_int_equal(first, s.report.wrong ? 2 : COUNT);
    close_scene(&s);
    return s.report.wrong;
}

static void a_right_output_has_no_error(void **state)
{
    (void)state;
    for (pto_dtype dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++) {
        scene s;
        open_scene(&s, dtype, NULL);
        oriel_image_compare(&s.image, 0, s.out, &s.report);
        assert_int_equal(s.report.wrong, 0);
        assert_true(s.report.max_error == 0);
        assert_null(s.report.buffer);
        close_scene(&s);
    }
}

static void a_spoiled_output_is_wrong_everywhere(void **state)
{
    (void)state;
    for (pto_dtype dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++) {
        scene s;
        open_scene(&s, dtype, NULL);
        oriel_image_spoil(&s.image, s.out);
        oriel_image_compare(&s.image, 0, s.out, &s.report);
        assert_int_equal(s.report.wrong, COUNT);
        assert_true(s.report.max_error > 0);
        close_scene(&s);
    }
}

/* Also where what marks it would be right, or as good as right. */
static void a_poisoned_output_is_wrong_everywhere(void **state)
{
    (void)state;
    const oriel_value ints[] = {{.i = 0}, {.i = (int64_t)0xa5a5a5a5a5a5a5a5}, {.i = 0x5a5a5a5a5a5a5a5a}};
    const oriel_value floats[] = {{.f = 0}, {.f = NAN}, {.f = INFINITY}};
    for (pto_dtype dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++)
        for (size_t i = 0; i < 3; i++) {
            scene s;
            fixed = (oriel_expected){pto_dtype_is_float(dtype) ? floats[i] : ints[i], 1e30};
            open_scene(&s, dtype, expect_fixed);
            oriel_image_poison(&s.image, s.out);
            oriel_image_compare(&s.image, 0, s.out, &s.report);
            assert_int_equal(s.report.wrong, COUNT);
            close_scene(&s);
        }
}

/* A NaN whose first bit behind the exponent is 0 signals (IEEE 754-2019, 6.2.1). */
static void poison_signals_or_is_marked(void **state)
{
    (void)state;
    const struct {
        pto_dtype dtype;
        uint64_t mask, is;
    } marks[] = {{PTO_F32, 0x7fc00000, 0x7f800000},
                 {PTO_F16, 0x7e00, 0x7c00},
                 {PTO_BF16, 0x7fc0, 0x7f80},
                 {PTO_U8, 0xff, 0xa5},
                 {PTO_I64, UINT64_MAX, 0xa5a5a5a5a5a5a5a5}};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        scene s;
        fixed = (oriel_expected){oriel_value_of(marks[i].dtype, 1), 0};
        open_scene(&s, marks[i].dtype, expect_fixed);
        oriel_image_poison(&s.image, s.out);
        assert_true((s.out[0] & marks[i].mask) == marks[i].is);
        assert_true(!pto_dtype_is_float(marks[i].dtype) || isnan(oriel_value_load(marks[i].dtype, s.out).f));
        close_scene(&s);
    }
}

static void the_report_has_the_first_wrong_element(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, PTO_I32, NULL);
    put(&s, 3, oriel_value_of(PTO_I32, 7));
    put(&s, 4, oriel_value_of(PTO_I32, 8));
    oriel_image_compare(&s.image, 6, s.out, &s.report);
    put(&s, 0, oriel_value_of(PTO_I32, -9));
    oriel_image_compare(&s.image, 7, s.out, &s.report);
    assert_int_equal(s.report.wrong, 2 + 3);
    assert_int_equal(s.report.first_wrong, 3);
    assert_int_equal(s.report.call, 6);
    assert_string_equal(s.report.buffer, "out");
    assert_true(s.report.got == 7);
    assert_true(s.report.expected == 2 * 3 + 100);
    assert_true(s.report.max_error == 109);
    close_scene(&s);
}

static void tolerance_is_for_floating_point_only(void **state)
{
    (void)state;
    oriel_expected near = {{.f = 2}, 0.5};
    assert_int_equal(wrong_with(PTO_F32, near, (oriel_value){.f = 2.5}), 0);
    assert_int_equal(wrong_with(PTO_F32, near, (oriel_value){.f = 2.5000005}), 1);
    oriel_expected whole = {{.i = 2}, 5};
    assert_int_equal(wrong_with(PTO_I32, whole, (oriel_value){.i = 3}), 1);
    assert_int_equal(wrong_with(PTO_U8, (oriel_expected){{.i = 258}, 0}, (oriel_value){.i = 2}), 0);
    assert_int_equal(wrong_with(PTO_I64, (oriel_expected){{.i = INT64_MAX}, 0}, (oriel_value){.i = INT64_MAX - 1}), 1);
}

static void exact_means_after_rounding_to_the_type(void **state)
{
    (void)state;
    oriel_expected odd = {{.f = 2049}, 0};
    assert_int_equal(wrong_with(PTO_F16, odd, (oriel_value){.f = 2048}), 0);
    assert_int_equal(wrong_with(PTO_F16, odd, (oriel_value){.f = 2050}), 1);
}

static void infinity_and_nan_where_they_belong(void **state)
{
    (void)state;
    oriel_value plus = {.f = INFINITY}, minus = {.f = -INFINITY}, nan = {.f = NAN};
    assert_int_equal(wrong_with(PTO_F16, (oriel_expected){{.f = 70000}, 0}, plus), 0);
    assert_int_equal(wrong_with(PTO_F16, (oriel_expected){{.f = 70000}, 0}, (oriel_value){.f = 65504}), 1);
    assert_int_equal(wrong_with(PTO_F16, (oriel_expected){{.f = 65000}, 1000}, plus), 0);
    assert_int_equal(wrong_with(PTO_F16, (oriel_expected){{.f = 65000}, 1000}, minus), 1);
    assert_int_equal(wrong_with(PTO_F16, (oriel_expected){{.f = 60000}, 1000}, plus), 1);
    assert_int_equal(wrong_with(PTO_F32, (oriel_expected){{.f = 1}, 1}, nan), 1);
    assert_int_equal(wrong_with(PTO_F32, (oriel_expected){nan, 0}, nan), 0);
    assert_int_equal(wrong_with(PTO_F32, (oriel_expected){nan, 0}, (oriel_value){.f = 0}), 1);
    assert_int_equal(wrong_with(PTO_F32, (oriel_expected){{.f = 0}, 0}, (oriel_value){.f = -0.0}), 0);
}

static void what_may_be_anything_is_right(void **state)
{
    (void)state;
    assert_int_equal(wrong_with(PTO_I32, (oriel_expected){{.i = 5}, INFINITY}, (oriel_value){.i = -7}), 0);
    assert_int_equal(wrong_with(PTO_F16, (oriel_expected){{.f = 5}, INFINITY}, (oriel_value){.f = NAN}), 0);
    scene s;
    fixed = (oriel_expected){{.f = 0}, INFINITY};
    open_scene(&s, PTO_F32, expect_fixed);
    put(&s, 1, (oriel_value){.f = 12});
    oriel_image_compare(&s.image, 0, s.out, &s.report);
    assert_true(s.report.max_error == 0 && !s.report.wrong && s.image.anything);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_right_output_has_no_error),
        cmocka_unit_test(a_spoiled_output_is_wrong_everywhere),
        cmocka_unit_test(a_poisoned_output_is_wrong_everywhere),
        cmocka_unit_test(poison_signals_or_is_marked),
        cmocka_unit_test(the_report_has_the_first_wrong_element),
        cmocka_unit_test(tolerance_is_for_floating_point_only),
        cmocka_unit_test(exact_means_after_rounding_to_the_type),
        cmocka_unit_test(infinity_and_nan_where_they_belong),
        cmocka_unit_test(what_may_be_anything_is_right),
    };
    return cmocka_run_group_tests_name("launch/compare", tests, NULL, NULL);
}
