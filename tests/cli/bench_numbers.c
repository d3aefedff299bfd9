/* SPDX-License-Identifier: Apache-2.0 */
/* Protects: the numbers of `oriel bench`, from times that are known. */
#include "test.h"

#include <math.h>

#include "cli/bench.h"

static void assert_near(double got, double expected)
{
    if (!(fabs(got - expected) <= 1e-12 * fabs(expected)))
        fail_msg("%.17g, expected %.17g", got, expected);
}

/* The time of an iteration is its slowest rank's: 5, 7, 30, 6 and 9 microseconds. */
static void test_an_iteration_is_as_slow_as_its_slowest_rank(void **state)
{
    (void)state;
    double time[] = {5000, 1000, 30000, 6000, 3000, /* rank 0: 9 us on average */
                     4000, 7000, 2000,  2000, 9000, /* rank 1: 4.8 us */
                     1000, 1000, 1000,  1000, 1000};
    bench_result result;
    bench_summarize(time, 3, 5, &result);
    assert_near(result.min, 5);
    assert_near(result.median, 7);
    assert_near(result.average, 11.4);
    assert_near(result.max, 30);
    assert_near(result.rank_min, 1);
    assert_near(result.rank_average, (9 + 4.8 + 1) / 3);
    assert_near(result.rank_max, 9);
    assert_int_equal(result.wrong, 0);
}

static void test_an_even_number_of_iterations_and_one(void **state)
{
    (void)state;
    double time[] = {8000, 2000, 4000, 1000};
    bench_result result;
    bench_summarize(time, 1, 4, &result);
    assert_near(result.median, 3);
    assert_near(result.min, 1);
    assert_near(result.max, 8);
    double one = 250;
    bench_summarize(&one, 1, 1, &result);
    assert_near(result.min, 0.25);
    assert_near(result.median, 0.25);
    assert_near(result.max, 0.25);
}

/* 4000 bytes in 2 microseconds are 2 GB/s. */
static void test_bandwidths_have_the_factors_of_nccl_tests(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double factor;
    } known[] = {{"broadcast", 1},       {"reduce", 1},         {"allreduce", 2 * 3.0 / 4}, {"reduce_scatter", 3.0 / 4},
                 {"allgather", 3.0 / 4}, {"alltoall", 3.0 / 4}, {"gather", 3.0 / 4},        {"scatter", 3.0 / 4}};
    assert_int_equal(sizeof known / sizeof known[0] + 1, bench_operation_count); /* and the barrier */
    const bench_result result = {.median = 2};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        bench_call call = {.operation = bench_operation_find(known[i].name), .dtype = PTO_F32, .ranks = 4};
        call.count = bench_count(&call, 4000);
        assert_near(bench_algorithm_bandwidth(&call, &result), 2);
        assert_near(bench_bus_bandwidth(&call, &result), 2 * known[i].factor);
    }
    const bench_call barrier = {.operation = bench_operation_find("barrier"), .dtype = PTO_F32, .ranks = 4};
    assert_true(isnan(bench_algorithm_bandwidth(&barrier, &result)));
    assert_true(isnan(bench_bus_bandwidth(&barrier, &result)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_iteration_is_as_slow_as_its_slowest_rank),
        cmocka_unit_test(test_an_even_number_of_iterations_and_one),
        cmocka_unit_test(test_bandwidths_have_the_factors_of_nccl_tests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
