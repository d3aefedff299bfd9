/* SPDX-License-Identifier: Apache-2.0 */
/* Protects: names are in their order, no more than a message has room for, the others as a number. */
#include "base/names.h"
#include "test.h"

static void few_are_all_named(void **state)
{
    (void)state;
    oriel_names names = {0};
    assert_string_equal(oriel_names_text(&names), "");
    oriel_names_add(&names, "rank %u", 3u);
    assert_string_equal(oriel_names_text(&names), "rank 3");
    oriel_names_add(&names, "rank %u", 5u);
    assert_string_equal(oriel_names_text(&names), "rank 3, rank 5");
    assert_int_equal(names.count, 2);
}

static void of_many_the_first_are_named(void **state)
{
    (void)state;
    for (uint32_t count = ORIEL_NAMED; count < ORIEL_NAMED + 3; count++) {
        oriel_names names = {0};
        char more[32] = "";
        for (uint32_t i = 0; i < count; i++)
            oriel_names_add(&names, "%u", i);
        if (count > ORIEL_NAMED)
            snprintf(more, sizeof more, " and %u more", count - ORIEL_NAMED);
        assert_int_equal(strncmp(oriel_names_text(&names), "0, 1, 2, 3, 4, 5, 6, 7", 22), 0);
        assert_string_equal(oriel_names_text(&names) + 22, more);
        assert_int_equal(names.count, count);
    }
}

static void long_ones_are_cut(void **state)
{
    (void)state;
    char name[2 * ORIEL_NAME_ROOM];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    oriel_names names = {0};
    for (uint32_t i = 0; i < UINT16_MAX; i++)
        oriel_names_add(&names, "%s", name);
    const char *end = " and 65527 more", *text = oriel_names_text(&names);
    assert_true(strlen(text) < sizeof names.text && strlen(text) > strlen(end));
    assert_string_equal(text + strlen(text) - strlen(end), end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_are_all_named),
        cmocka_unit_test(of_many_the_first_are_named),
        cmocka_unit_test(long_ones_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
