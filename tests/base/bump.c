/* SPDX-License-Identifier: Apache-2.0 */
/* Protects: pieces lie apart, aligned and inside; what does not fit is NULL and takes nothing; strings are copies. */
#include "base/bump.h"
#include "test.h"

static _Alignas(16) char memory[64];

static oriel_bump fresh(uint64_t bytes)
{
    memset(memory, 0, sizeof memory);
    return (oriel_bump){memory, 0, bytes};
}

static void pieces_are_zero_aligned_and_apart(void **state)
{
    (void)state;
    oriel_bump bump = fresh(sizeof memory);
    char *one = oriel_bump_take(&bump, 1), *two = oriel_bump_take(&bump, 17), *three = oriel_bump_take(&bump, 16);
    assert_ptr_equal(one, memory);
    assert_ptr_equal(two, memory + 16);
    assert_ptr_equal(three, memory + 48);
    assert_int_equal(bump.used, 64);
    for (size_t i = 0; i < sizeof memory; i++)
        assert_int_equal(memory[i], 0);
}

static void what_does_not_fit_takes_nothing(void **state)
{
    (void)state;
    oriel_bump bump = fresh(40);
    assert_non_null(oriel_bump_take(&bump, 20));
    assert_null(oriel_bump_take(&bump, 9));
    assert_null(oriel_bump_take(&bump, UINT64_MAX));
    assert_null(oriel_bump_string(&bump, "12345678"));
    assert_ptr_equal(oriel_bump_take(&bump, 8), memory + 32);
    assert_null(oriel_bump_take(&bump, 1));
    assert_int_equal(bump.used, 40);
}

/* The last piece may end at an address that is not aligned. */
static void the_end_need_not_be_aligned(void **state)
{
    (void)state;
    oriel_bump bump = fresh(40);
    assert_non_null(oriel_bump_take(&bump, 37));
    assert_int_equal(bump.used, 40);
    assert_null(oriel_bump_take(&bump, 1));
}

static void strings_are_copies(void **state)
{
    (void)state;
    oriel_bump bump = fresh(sizeof memory);
    char text[] = "pipe-race";
    char *copy = oriel_bump_string(&bump, text), *empty = oriel_bump_string(&bump, "");
    memset(text, 'x', sizeof text - 1);
    assert_string_equal(copy, "pipe-race");
    assert_string_equal(empty, "");
    assert_true(empty >= copy + sizeof text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zero_aligned_and_apart),
        cmocka_unit_test(what_does_not_fit_takes_nothing),
        cmocka_unit_test(the_end_need_not_be_aligned),
        cmocka_unit_test(strings_are_copies),
    };
    return cmocka_run_group_tests_name("base/bump", tests, NULL, NULL);
}
