/* SPDX-License-Identifier: Apache-2.0 */
/* Protects: statuses have names, messages carry values and survive being their own argument. */
#include "base/error.h"
#include "test.h"

#include <errno.h>

static void every_status_has_a_name(void **state)
{
    (void)state;
    for (int status = 0; status < ORIEL_STATUS_COUNT; status++)
        assert_string_not_equal(oriel_status_name((oriel_status)status), "unknown status");
    assert_string_equal(oriel_status_name((oriel_status)99), "unknown status");
}

static void a_message_has_the_values(void **state)
{
    (void)state;
    assert_int_equal(oriel_fail(ORIEL_INVALID, "device %d is given twice", 3), ORIEL_INVALID);
    assert_string_equal(oriel_last_error(), "device 3 is given twice");
    oriel_fail(ORIEL_INVALID, "again: %s", oriel_last_error());
    assert_string_equal(oriel_last_error(), "again: device 3 is given twice");
}

static void errno_is_told(void **state)
{
    (void)state;
    errno = ENOMEM;
    assert_int_equal(oriel_fail_errno(ORIEL_SYSTEM, "cannot map %d B", 4096), ORIEL_SYSTEM);
    assert_string_equal(oriel_last_error(), "cannot map 4096 B: Cannot allocate memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_a_name),
        cmocka_unit_test(a_message_has_the_values),
        cmocka_unit_test(errno_is_told),
    };
    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
