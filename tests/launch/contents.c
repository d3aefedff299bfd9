/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: what the inputs hold. i + 100 r in every type; random data that a seed, a rank and a buffer name alone
 * decide; what a launch asks for and there is not is told by name, with what there is.
 */
#include "launch/contents.h"
#include "launch/builtin.h"
#include "launch/job.h"
#include "test.h"

static const int devices[64];

static oriel_job job_of(pto_dtype dtype, uint32_t ranks, uint64_t count)
{
    oriel_job job = {.platform = "a2a3sim", .devices = devices, .ranks = ranks, .count = count, .dtype = dtype};
    assert_ok(oriel_job_complete(&oriel_launch_allreduce, &job, &job));
    return job;
}

static void the_usual_contents_are_i_plus_100_r(void **state)
{
    (void)state;
    for (pto_dtype dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++) {
        oriel_job job = job_of(dtype, 3, 1000);
        oriel_inputs inputs;
        assert_ok(oriel_inputs_make(&oriel_launch_allreduce, &job, &inputs));
        for (uint32_t r = 0; r < 3; r++) {
            /* Whole numbers up to 255 are exact in all types but i8, where they wrap. */
            oriel_value low = oriel_input(&inputs, r, "in", 27), small = oriel_value_of(dtype, 27 + 100 * (int64_t)r);
            if (pto_dtype_is_float(dtype))
                assert_true(low.f == small.f);
            else
                assert_int_equal(low.i, dtype == PTO_I8 ? (int8_t)small.i : small.i);
        }
        if (dtype == PTO_U8)
            assert_int_equal(oriel_input(&inputs, 2, "in", 999).i, (200 + 999) % 256);
        if (dtype == PTO_I8)
            assert_int_equal(oriel_input(&inputs, 2, "in", 1).i, 201 - 256);
        if (dtype == PTO_BF16)
            assert_true(oriel_input(&inputs, 0, "in", 999).f == 1000);
        oriel_inputs_free(&inputs);
    }
}

static oriel_value three_i(const oriel_job *job, uint32_t rank, const char *buffer, uint64_t i)
{
    (void)buffer;
    return oriel_value_of(job->dtype, (int64_t)(3 * i + rank));
}

static void a_launch_can_have_contents_of_its_own(void **state)
{
    (void)state;
    oriel_launch launch = oriel_launch_allreduce;
    launch.fill = three_i;
    oriel_job job = job_of(PTO_I32, 2, 10);
    oriel_inputs inputs;
    assert_ok(oriel_inputs_make(&launch, &job, &inputs));
    assert_int_equal(oriel_input(&inputs, 1, "in", 9).i, 28);
    oriel_inputs_free(&inputs);
}

/* The bytes of rank `rank`'s input in a job of `ranks` ranks. The caller frees them. */
static void *random_bytes(pto_dtype dtype, uint64_t seed, uint32_t ranks, uint32_t rank)
{
    oriel_job job = job_of(dtype, ranks, 100);
    job.random = true;
    job.seed = seed;
    oriel_inputs inputs;
    assert_ok(oriel_inputs_make(&oriel_launch_allreduce, &job, &inputs));
    uint64_t bytes = 100 * pto_dtype_bytes(dtype);
    void *copy = malloc(bytes);
    assert_non_null(copy);
    memcpy(copy, oriel_inputs_bytes(&inputs, rank, 0), bytes);
    oriel_inputs_free(&inputs);
    return copy;
}

static void random_data_depends_on_seed_and_rank_only(void **state)
{
    (void)state;
    for (pto_dtype dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++) {
        uint64_t bytes = 100 * pto_dtype_bytes(dtype);
        void *data = random_bytes(dtype, 5, 2, 1), *same = random_bytes(dtype, 5, 4, 1);
        void *other_rank = random_bytes(dtype, 5, 2, 0), *other_seed = random_bytes(dtype, 6, 2, 1);
        assert_memory_equal(data, same, bytes);
        assert_memory_not_equal(data, other_rank, bytes);
        assert_memory_not_equal(data, other_seed, bytes);
        free(data), free(same), free(other_rank), free(other_seed);
    }
}

/* Reductions by bits meet every bit, both ways. */
static void random_bits_are_of_the_whole_width(void **state)
{
    (void)state;
    for (pto_dtype dtype = PTO_I8; dtype < PTO_DTYPE_COUNT; dtype++) {
        oriel_job job = job_of(dtype, 2, 100);
        job.random = true;
        job.reduce = PTO_OR;
        oriel_inputs inputs;
        assert_ok(oriel_inputs_make(&oriel_launch_allreduce, &job, &inputs));
        uint64_t set = 0, clear = 0, all = UINT64_MAX >> (64 - 8 * pto_dtype_bytes(dtype));
        for (uint64_t i = 0; i < 100; i++) {
            uint64_t bits = (uint64_t)oriel_input(&inputs, 1, "in", i).i;
            set |= bits;
            clear |= ~bits;
        }
        assert_true((set & all) == all && (clear & all) == all);
        oriel_inputs_free(&inputs);
    }
}

static void random_data_stays_in_its_range(void **state)
{
    (void)state;
    for (pto_dtype dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++) {
        char *data = random_bytes(dtype, 1, 2, 0);
        bool negative = false, positive = false;
        for (uint64_t i = 0; i < 100; i++) {
            oriel_value value = oriel_value_load(dtype, data + i * pto_dtype_bytes(dtype));
            double number = pto_dtype_is_float(dtype) ? value.f : (double)value.i;
            assert_true(pto_dtype_is_float(dtype) ? number >= -1 && number <= 1 : number >= -8 && number <= 15);
            negative |= number < 0;
            positive |= number > 0;
        }
        assert_true(positive);
        assert_int_equal(negative, dtype != PTO_U8 && dtype != PTO_U16 && dtype != PTO_U32);
        free(data);
    }
}

/* A fresh set of inputs is asked once for what there is not, and then for what there is. */
static void expect_refused(uint32_t rank, const char *buffer, uint64_t i, const char *message)
{
    oriel_job job = job_of(PTO_I32, 2, 10);
    oriel_inputs inputs;
    assert_ok(oriel_inputs_make(&oriel_launch_allreduce, &job, &inputs));
    assert_int_equal(oriel_input(&inputs, 1, "in", 9).i, 109);
    assert_ok(*inputs.status);
    assert_int_equal(oriel_input(&inputs, rank, buffer, i).i, 0);
    oriel_input(&inputs, 1, "another", 9); /* a second mistake does not hide the first */
    assert_fails(*inputs.status, ORIEL_INVALID, message);
    oriel_inputs_free(&inputs);
}

static void an_input_that_there_is_not_is_refused(void **state)
{
    (void)state;
    expect_refused(0, "inn", 0, "launch allreduce has no input \"inn\": it has \"in\"");
    expect_refused(0, "out", 0, "no input \"out\": it has \"in\""); /* a buffer, but no input */
    expect_refused(0, NULL, 0, "no input \"(NULL)\"");
    expect_refused(2, "in", 0, "input \"in\" of rank 2: the job has 2 ranks");
    expect_refused(1, "in", 10, "element 10 of input \"in\": it has 10 on each rank");
    expect_refused(1, "in", UINT64_MAX, "element 18446744073709551615 of input");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_usual_contents_are_i_plus_100_r),
        cmocka_unit_test(a_launch_can_have_contents_of_its_own),
        cmocka_unit_test(random_data_depends_on_seed_and_rank_only),
        cmocka_unit_test(random_data_stays_in_its_range),
        cmocka_unit_test(random_bits_are_of_the_whole_width),
        cmocka_unit_test(an_input_that_there_is_not_is_refused),
    };
    return cmocka_run_group_tests_name("launch/contents", tests, NULL, NULL);
}
