/* SPDX-License-Identifier: Apache-2.0 */
/* Protects: a set of ranges is the set of its bytes, whatever is added and removed, and gives the first range that is asked for. */
#include "base/random.h"
#include "engine/check/shadow.h"
#include "test.h"

#define SPAN 300

static int setup(void **state)
{
    oriel_ranges *ranges;
    assert_ok(oriel_ranges_create(&ranges));
    *state = ranges;
    return 0;
}

static int teardown(void **state)
{
    oriel_ranges_destroy(*state);
    return 0;
}

static void assert_first(const oriel_ranges *ranges, uint64_t from, uint64_t to, uint64_t first, uint64_t last)
{
    uint64_t a, b;
    assert_true(oriel_ranges_find(ranges, from, to, &a, &b));
    assert_int_equal(a, first);
    assert_int_equal(b, last);
}

static void assert_none(const oriel_ranges *ranges, uint64_t from, uint64_t to)
{
    uint64_t a = 1, b = 2;
    assert_false(oriel_ranges_find(ranges, from, to, &a, &b));
    assert_int_equal(a, 1);
    assert_int_equal(b, 2);
}

static void neighbours_become_one(void **state)
{
    oriel_ranges *ranges = *state;
    assert_ok(oriel_ranges_add(ranges, 10, 20));
    assert_ok(oriel_ranges_add(ranges, 30, 40));
    assert_first(ranges, 0, 100, 10, 20);
    assert_ok(oriel_ranges_add(ranges, 20, 30));
    assert_first(ranges, 0, 100, 10, 40);
}

static void a_hole_parts_a_range(void **state)
{
    oriel_ranges *ranges = *state;
    assert_ok(oriel_ranges_add(ranges, 0, 100));
    assert_ok(oriel_ranges_remove(ranges, 40, 60));
    assert_none(ranges, 40, 60);
    assert_first(ranges, 30, 100, 30, 40);
    assert_first(ranges, 40, 61, 60, 61);
    assert_ok(oriel_ranges_remove(ranges, 0, UINT64_MAX));
    assert_none(ranges, 0, UINT64_MAX);
}

static void an_empty_range_is_nothing(void **state)
{
    oriel_ranges *ranges = *state;
    assert_none(ranges, 0, UINT64_MAX);
    assert_ok(oriel_ranges_add(ranges, 5, 5));
    assert_none(ranges, 0, UINT64_MAX);
    assert_ok(oriel_ranges_add(ranges, 0, 10));
    assert_ok(oriel_ranges_remove(ranges, 5, 5));
    assert_first(ranges, 0, 10, 0, 10);
    assert_none(ranges, 5, 5);
    oriel_ranges_clear(ranges);
    assert_none(ranges, 0, UINT64_MAX);
}

/* Walks all ranges within [from, to) and compares with the bytes: disjoint, in order, and as long as can be. */
static void assert_same(const oriel_ranges *ranges, const bool *in, uint64_t from, uint64_t to)
{
    uint64_t at = from, first, last;
    while (oriel_ranges_find(ranges, at, to, &first, &last)) {
        assert_true(at <= first && first < last && last <= to);
        for (; at < first; at++)
            assert_false(in[at]);
        for (; at < last; at++)
            assert_true(in[at]);
        assert_true(at == to || !in[at]);
    }
    for (; at < to; at++)
        assert_false(in[at]);
}

static void random_ranges_are_their_bytes(void **state)
{
    oriel_ranges *ranges = *state;
    bool in[SPAN] = {false};
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    for (int i = 0; i < 20000; i++) {
        uint64_t from = oriel_random_below(&random, SPAN);
        uint64_t to = from + oriel_random_below(&random, oriel_random_below(&random, 8) ? 8 : SPAN - from + 1);
        bool add = oriel_random_below(&random, 2);
        to = to < SPAN ? to : SPAN;
        assert_ok(add ? oriel_ranges_add(ranges, from, to) : oriel_ranges_remove(ranges, from, to));
        for (uint64_t at = from; at < to; at++)
            in[at] = add;
        assert_same(ranges, in, 0, SPAN);
        from = oriel_random_below(&random, SPAN);
        assert_same(ranges, in, from, from + oriel_random_below(&random, SPAN - from + 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(neighbours_become_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hole_parts_a_range, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_range_is_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(random_ranges_are_their_bytes, setup, teardown),
    };
    return cmocka_run_group_tests_name("engine/check/ranges", tests, NULL, NULL);
}
