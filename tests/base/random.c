/* SPDX-License-Identifier: Apache-2.0 */
/* Protects: the stream is the published one on every machine, bounds hold without bias, seed 0 is as good as any. */
#include "base/random.h"
#include "test.h"

static void the_stream_is_the_published_one(void **state)
{
    (void)state;
    /* The reference program's first values from state {1, 2, 3, 4}. */
    const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
    oriel_random random = {{1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_int_equal(oriel_random_next(&random), expected[i]);
    /* splitmix64 from 0, as published. */
    oriel_random_seed(&random, 0);
    assert_int_equal(random.state[0], 0xe220a8397b1dcdaf);
    assert_int_equal(random.state[1], 0x6e789e6aa1b965f4);
}

static void equal_seeds_give_equal_streams(void **state)
{
    (void)state;
    oriel_random a, b, other;
    uint64_t seed = test_seed();
    oriel_random_seed(&a, seed);
    oriel_random_seed(&b, seed);
    oriel_random_seed(&other, seed + 1);
    uint32_t same = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t value = oriel_random_next(&a);
        assert_int_equal(value, oriel_random_next(&b));
        same += value == oriel_random_next(&other);
    }
    assert_int_equal(same, 0);
}

/* Counts of a bound for which a plain remainder or a plain product would be visibly biased. */
static void a_bound_is_kept_without_bias(void **state)
{
    (void)state;
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    const uint64_t bound = 3ull << 62; /* the values 0, 4, 8, ... would come twice as often as the others */
    const uint32_t draws = 100000;
    uint32_t twice = 0;
    for (uint32_t i = 0; i < draws; i++) {
        uint64_t value = oriel_random_below(&random, bound);
        assert_true(value < bound);
        twice += value % 3 == 0;
    }
    assert_in_range(twice, draws / 3 - 1000, draws / 3 + 1000); /* 6.7 standard deviations */
    assert_int_equal(oriel_random_below(&random, 1), 0);

    uint32_t counts[6] = {0};
    for (uint32_t i = 0; i < draws; i++)
        counts[oriel_random_below(&random, 6)]++;
    for (int i = 0; i < 6; i++)
        assert_in_range(counts[i], draws / 6 - 800, draws / 6 + 800);
}

static void unit_numbers_lie_in_the_unit_interval(void **state)
{
    (void)state;
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    double sum = 0, low = 1, high = 0;
    for (int i = 0; i < 100000; i++) {
        double value = oriel_random_unit(&random);
        assert_true(value >= 0 && value < 1);
        sum += value;
        low = value < low ? value : low;
        high = value > high ? value : high;
    }
    assert_true(sum > 49000 && sum < 51000);
    assert_true(low < 0.001 && high > 0.999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_stream_is_the_published_one),
        cmocka_unit_test(equal_seeds_give_equal_streams),
        cmocka_unit_test(a_bound_is_kept_without_bias),
        cmocka_unit_test(unit_numbers_lie_in_the_unit_interval),
    };
    return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
