/* SPDX-License-Identifier: Apache-2.0 */
/* Protects: pools keep elements over growth, reuse what was given back, refuse what they cannot index; lists are FIFO. */
#include "runtime/pool.h"
#include "test.h"

static void elements_survive_growth(void **state)
{
    (void)state;
    oriel_pool pool = oriel_pool_of(sizeof(uint64_t));
    for (uint32_t i = 1; i <= 1000; i++) {
        assert_true(oriel_pool_reserve(&pool, 1));
        assert_int_equal(oriel_pool_take(&pool), i);
        *(uint64_t *)oriel_pool_at(&pool, i) = i * 7;
    }
    for (uint32_t i = 1; i <= 1000; i++)
        assert_int_equal(*(uint64_t *)oriel_pool_at(&pool, i), i * 7);
    oriel_pool_free(&pool);
}

static void what_is_given_back_is_taken_again(void **state)
{
    (void)state;
    oriel_pool pool = oriel_pool_of(16);
    assert_true(oriel_pool_reserve(&pool, 10));
    uint32_t capacity = pool.capacity;
    for (int round = 0; round < 100; round++) {
        uint32_t index[10];
        assert_true(oriel_pool_reserve(&pool, 10));
        for (int i = 0; i < 10; i++)
            index[i] = oriel_pool_take(&pool);
        for (int i = 0; i < 10; i++)
            oriel_pool_give(&pool, index[i]);
    }
    assert_int_equal(pool.capacity, capacity);
    assert_int_equal(pool.taken, 0);
    assert_int_equal(pool.touched, 10);
    oriel_pool_free(&pool);
}

static void more_than_can_be_indexed_is_refused(void **state)
{
    (void)state;
    oriel_pool pool = oriel_pool_of(16);
    assert_false(oriel_pool_reserve(&pool, UINT32_MAX));
    assert_int_equal(pool.capacity, 0);
    assert_true(oriel_pool_reserve(&pool, 1));
    oriel_pool_free(&pool);
}

static void two_lists_share_a_pool(void **state)
{
    (void)state;
    oriel_pool cells = oriel_pool_of(sizeof(oriel_cell));
    oriel_list even = {0}, odd = {0};
    assert_true(oriel_pool_reserve(&cells, 100));
    for (uint64_t i = 0; i < 100; i++)
        oriel_list_push(&cells, i % 2 ? &odd : &even, i << 40);
    for (uint64_t i = 0; i < 100; i++)
        assert_true(oriel_list_pop(&cells, i % 2 ? &odd : &even) == i << 40);
    assert_int_equal(even.first, 0);
    assert_int_equal(odd.first, 0);
    oriel_list_push(&cells, &odd, 5);
    assert_int_equal(oriel_list_pop(&cells, &odd), 5);
    assert_int_equal(cells.taken, 0);
    oriel_pool_free(&cells);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_survive_growth),
        cmocka_unit_test(what_is_given_back_is_taken_again),
        cmocka_unit_test(more_than_can_be_indexed_is_refused),
        cmocka_unit_test(two_lists_share_a_pool),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
