/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: the references. The closed forms agree with a reduction of the inputs, element by element; a sequence of
 * rounded operations in any order stays within the tolerance; and the tolerance is not so wide that it means nothing.
 */
#include "launch/expect.h"
#include "base/random.h"
#include "isa/isa.h"
#include "launch/builtin.h"
#include "launch/contents.h"
#include "launch/job.h"
#include "test.h"

#include <math.h>

static const int devices[64];

static oriel_job job_of(pto_dtype dtype, pto_reduce reduce, uint32_t ranks, uint64_t count)
{
    oriel_job job = {
        .platform = "a2a3sim", .devices = devices, .ranks = ranks, .count = count, .dtype = dtype, .reduce = reduce};
    assert_ok(oriel_job_complete(&oriel_launch_allreduce, &job, &job));
    return job;
}

/* The bytes of a value in a type. */
static uint64_t bits(pto_dtype dtype, oriel_value value)
{
    uint64_t element = 0;
    oriel_value_store(dtype, value, &element);
    return element;
}

static void the_closed_form_is_the_reduction(void **state)
{
    (void)state;
    for (pto_dtype dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++) {
        oriel_job job = job_of(dtype, PTO_SUM, 5, 3000);
        oriel_inputs inputs;
        assert_ok(oriel_inputs_make(&oriel_launch_allreduce, &job, &inputs));
        for (uint64_t i = 0; i < 3000; i++) {
            oriel_expected closed = oriel_expect_closed_sum(&job, i);
            oriel_expected reduced = oriel_expect_reduced(&job, &inputs, "in", i);
            if (pto_dtype_is_float(dtype))
                assert_true(fabs(closed.value.f - reduced.value.f) <= closed.tolerance);
            else
                assert_int_equal(bits(dtype, closed.value), bits(dtype, reduced.value));
        }
        oriel_inputs_free(&inputs);
    }
}

static void small_sums_are_exact_and_large_ones_are_not(void **state)
{
    (void)state;
    const struct {
        pto_dtype dtype;
        uint64_t exact, rounded;
    } of[] = {{PTO_F32, 1u << 22, 1u << 23}, {PTO_F16, 900, 1100}, {PTO_BF16, 70, 90}};
    for (size_t i = 0; i < 3; i++) {
        oriel_job job = job_of(of[i].dtype, PTO_SUM, 2, 10);
        assert_true(oriel_expect_closed_sum(&job, of[i].exact).tolerance == 0);
        assert_true(oriel_expect_closed_sum(&job, of[i].rounded).tolerance > 0);
    }
}

static void shuffle(oriel_random *random, uint32_t *order, uint32_t count)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = (uint32_t)oriel_random_below(random, i), keep = order[i - 1];
        order[i - 1] = order[j];
        order[j] = keep;
    }
}

/* What a machine gets that computes in `dtype`, adding or multiplying the ranks' elements in `order`. */
static double computed(const oriel_job *job, const oriel_inputs *inputs, const uint32_t *order, uint64_t i)
{
    uint64_t result = bits(job->dtype, oriel_input(inputs, order[0], "in", i));
    for (uint32_t r = 1; r < job->ranks; r++) {
        uint64_t term = bits(job->dtype, oriel_input(inputs, order[r], "in", i));
        oriel_reduce_into(job->dtype, job->reduce, &result, &result, &term, 1);
    }
    return oriel_element_f64(job->dtype, &result);
}

static void any_order_stays_within_the_tolerance(void **state)
{
    (void)state;
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    for (pto_dtype dtype = PTO_F32; dtype <= PTO_BF16; dtype++) {
        for (pto_reduce reduce = PTO_SUM; reduce < PTO_AND; reduce++) {
            oriel_job job = job_of(dtype, reduce, 16, 500);
            job.random = true;
            job.seed = oriel_random_next(&random);
            oriel_inputs inputs;
            assert_ok(oriel_inputs_make(&oriel_launch_allreduce, &job, &inputs));
            uint32_t order[16];
            for (uint32_t r = 0; r < 16; r++)
                order[r] = r;
            for (uint64_t i = 0; i < 500; i++) {
                shuffle(&random, order, 16);
                oriel_expected expected = oriel_expect_reduced(&job, &inputs, "in", i);
                double error = fabs(computed(&job, &inputs, order, i) - expected.value.f);
                assert_true(error <= expected.tolerance);
                /* Sixteen terms of at most 1: a result that is off by a tenth must not pass. */
                assert_true(expected.tolerance < (dtype == PTO_BF16 ? 2 : 0.25));
            }
            oriel_inputs_free(&inputs);
        }
    }
}

static void maximum_and_minimum_are_exact(void **state)
{
    (void)state;
    for (pto_dtype dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++) {
        oriel_job job = job_of(dtype, PTO_MAX, 3, 20);
        oriel_inputs inputs;
        assert_ok(oriel_inputs_make(&oriel_launch_allreduce, &job, &inputs));
        oriel_expected high = oriel_expect_reduced(&job, &inputs, "in", 19);
        job.reduce = PTO_MIN;
        oriel_expected low = oriel_expect_reduced(&job, &inputs, "in", 19);
        assert_true(high.tolerance == 0 && low.tolerance == 0);
        /* 19, 119, 219: in i8 the last is -37. */
        assert_int_equal(bits(dtype, high.value), bits(dtype, oriel_value_of(dtype, dtype == PTO_I8 ? 119 : 219)));
        assert_int_equal(bits(dtype, low.value), bits(dtype, oriel_value_of(dtype, dtype == PTO_I8 ? -37 : 19)));
        oriel_inputs_free(&inputs);
    }
}

static void products_of_integers_wrap(void **state)
{
    (void)state;
    oriel_job job = job_of(PTO_U8, PTO_PROD, 3, 20);
    oriel_inputs inputs;
    assert_ok(oriel_inputs_make(&oriel_launch_allreduce, &job, &inputs));
    oriel_expected product = oriel_expect_reduced(&job, &inputs, "in", 19);
    assert_int_equal(bits(PTO_U8, product.value), 19 * 119 * 219 % 256);
    oriel_inputs_free(&inputs);
}

static void bits_of_integers_are_exact(void **state)
{
    (void)state;
    for (pto_dtype dtype = PTO_I8; dtype < PTO_DTYPE_COUNT; dtype++) {
        oriel_job job = job_of(dtype, PTO_AND, 3, 20);
        oriel_inputs inputs;
        assert_ok(oriel_inputs_make(&oriel_launch_allreduce, &job, &inputs));
        /* 11, 111, 211: in i8 the last is -45. */
        const int64_t right[] = {11 & 111 & 211, 11 | 111 | 211, 11 ^ 111 ^ 211};
        for (job.reduce = PTO_AND; job.reduce < PTO_REDUCE_COUNT; job.reduce++) {
            oriel_expected expected = oriel_expect_reduced(&job, &inputs, "in", 11);
            assert_true(expected.tolerance == 0);
            assert_int_equal(bits(dtype, expected.value), right[job.reduce - PTO_AND]);
        }
        oriel_inputs_free(&inputs);
    }
}

/* 0 * 100 * 200 * 300 is 0, or, from the right, infinity times 0. */
static void a_product_that_its_order_decides_may_be_anything(void **state)
{
    (void)state;
    oriel_job job = job_of(PTO_F16, PTO_PROD, 4, 20);
    oriel_inputs inputs;
    assert_ok(oriel_inputs_make(&oriel_launch_allreduce, &job, &inputs));
    uint32_t order[] = {3, 2, 1, 0};
    assert_true(isnan(computed(&job, &inputs, order, 0)));
    assert_true(isinf(oriel_expect_reduced(&job, &inputs, "in", 0).tolerance));
    assert_true(isinf(computed(&job, &inputs, order, 1)));
    assert_true(isfinite(oriel_expect_reduced(&job, &inputs, "in", 1).tolerance));
    oriel_inputs_free(&inputs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_closed_form_is_the_reduction),
        cmocka_unit_test(small_sums_are_exact_and_large_ones_are_not),
        cmocka_unit_test(any_order_stays_within_the_tolerance),
        cmocka_unit_test(maximum_and_minimum_are_exact),
        cmocka_unit_test(products_of_integers_wrap),
        cmocka_unit_test(bits_of_integers_are_exact),
        cmocka_unit_test(a_product_that_its_order_decides_may_be_anything),
    };
    return cmocka_run_group_tests_name("launch/expect", tests, NULL, NULL);
}
