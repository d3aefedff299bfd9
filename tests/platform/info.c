/* SPDX-License-Identifier: Apache-2.0 */
/* Protects: what host programs are told of the platforms is what the platforms are. */
#include "oriel/info.h"
#include "platform/platform.h"
#include "test.h"

static void every_platform_is_told_with_its_limits(void **state)
{
    (void)state;
    oriel_platform_info info;
    uint32_t count = 0;
    for (; oriel_platform_info_at(count, &info); count++) {
        const oriel_platform *platform = oriel_platform_at(count);
        assert_string_equal(info.name, platform->name);
        assert_int_equal(info.ub_bytes, platform->limits.ub_bytes);
        assert_int_equal(info.vector_cores, platform->limits.vector_cores);
        assert_int_equal(info.max_devices, platform->limits.max_devices);
    }
    assert_int_equal(count, oriel_platform_count());
}

static void a_platform_says_whether_it_is_here(void **state)
{
    (void)state;
    assert_ok(oriel_platform_probe("a2a3sim"));
    assert_ok(oriel_platform_probe("a5sim"));
    assert_fails(oriel_platform_probe("a2a3"), ORIEL_UNAVAILABLE, "a2a3");
    assert_fails(oriel_platform_probe("a9sim"), ORIEL_INVALID, "a9sim");
}

static void the_version_is_three_numbers(void **state)
{
    (void)state;
    int major, minor, patch, end = 0;
    assert_int_equal(sscanf(oriel_version(), "%d.%d.%d%n", &major, &minor, &patch, &end), 3);
    assert_int_equal(end, strlen(oriel_version()));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_platform_is_told_with_its_limits),
        cmocka_unit_test(a_platform_says_whether_it_is_here),
        cmocka_unit_test(the_version_is_three_numbers),
    };
    return cmocka_run_group_tests_name("platform/info", tests, NULL, NULL);
}
