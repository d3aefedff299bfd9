/* SPDX-License-Identifier: Apache-2.0 */
/* Protects: platforms are found by name with the published limits; the silicon says what it lacks, and never that it runs. */
#include "platform/platform.h"
#include "test.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

static void simulated_platforms_are_always_here(void **state)
{
    (void)state;
    static const char *const names[] = {"a2a3sim", "a5sim"};
    for (int i = 0; i < 2; i++) {
        const oriel_platform *platform = NULL;
        assert_ok(oriel_platform_find(names[i], &platform));
        assert_string_equal(platform->name, names[i]);
        assert_ok(platform->probe());
    }
}

static void limits_are_the_published_ones(void **state)
{
    (void)state;
    const oriel_limits *a2a3 = &oriel_platform_a2a3sim.limits, *a5 = &oriel_platform_a5sim.limits;
    assert_int_equal(a2a3->vector_cores, 48);
    assert_int_equal(a2a3->matrix_cores, 24);
    assert_int_equal(a2a3->ub_bytes, 196608);
    assert_false(a2a3->vector_in_order);
    assert_int_equal(a5->vector_cores, 72);
    assert_int_equal(a5->matrix_cores, 36);
    assert_int_equal(a5->ub_bytes, 262144);
    assert_true(a5->vector_in_order);
    assert_int_equal(a2a3->l0c_bytes, 131072);
    assert_int_equal(a5->l0c_bytes, 262144);
    assert_memory_equal(&oriel_platform_a2a3.limits, a2a3, sizeof *a2a3);
    for (uint32_t i = 0; i < oriel_platform_count(); i++) {
        const oriel_limits *limits = &oriel_platform_at(i)->limits;
        assert_int_equal(limits->ub_align, 32);
        assert_int_equal(limits->l1_bytes, 524288);
        assert_int_equal(limits->l0a_bytes, 65536);
        assert_int_equal(limits->l0b_bytes, 65536);
        assert_int_equal(limits->event_ids, 8);
        assert_int_equal(limits->line_bytes, 64);
        assert_int_equal(limits->max_devices, 64);
    }
}

static void an_unknown_name_is_told_the_known_ones(void **state)
{
    (void)state;
    const oriel_platform *platform = NULL;
    assert_fails(oriel_platform_find("x", &platform), ORIEL_INVALID,
                 "unknown platform \"x\"; there are: a2a3sim, a5sim, a2a3");
    assert_fails(oriel_platform_find(NULL, &platform), ORIEL_INVALID, "unknown platform \"\"");
    assert_fails(oriel_platform_find("a2a3si", &platform), ORIEL_INVALID, "unknown platform \"a2a3si\"");
    assert_null(platform);
}

/* Some shared object of this process, to stand for a vendor's library. */
static const char *any_library(void)
{
    Dl_info info;
    assert_true(dladdr((void *)(uintptr_t)_cmocka_run_group_tests, &info) != 0);
    return info.dli_fname;
}

static const char *const libraries[] = {"libascendcl.so", "libruntime.so", "libascend_hal.so", "libhccl.so"};

/* What the probe answers with $ASCEND_HOME_PATH a folder `home` in which the first `count` of its libraries are. */
static oriel_status probe_with_toolkit(char home[static 64], int count)
{
    char lib64[128], path[256];
    strcpy(home, "/tmp/oriel-toolkit-XXXXXX");
    assert_non_null(mkdtemp(home));
    snprintf(lib64, sizeof lib64, "%s/lib64", home);
    assert_int_equal(mkdir(lib64, 0700), 0);
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", lib64, libraries[i]);
        assert_int_equal(symlink(any_library(), path), 0);
    }
    assert_int_equal(setenv("ASCEND_HOME_PATH", home, 1), 0);
    oriel_status status = oriel_platform_a2a3.probe();
    unsetenv("ASCEND_HOME_PATH");
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", lib64, libraries[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(lib64), 0);
    assert_int_equal(rmdir(home), 0);
    return status;
}

static bool machine_has_a_toolkit(void)
{
    return access("/usr/local/Ascend", F_OK) == 0;
}

static void the_silicon_lists_what_is_missing(void **state)
{
    (void)state;
    if (machine_has_a_toolkit())
        skip();
    unsetenv("ASCEND_HOME_PATH");
    assert_fails(oriel_platform_a2a3.probe(), ORIEL_UNAVAILABLE,
                 "no libascendcl.so, libruntime.so, libascend_hal.so, libhccl.so in the loader's path, "
                 "$ASCEND_HOME_PATH/lib64 (not set), /usr/local/Ascend/");

    char home[64];
    assert_int_equal(probe_with_toolkit(home, 2), ORIEL_UNAVAILABLE);
    assert_non_null(strstr(oriel_last_error(), "no libascend_hal.so, libhccl.so in"));
    assert_non_null(strstr(oriel_last_error(), home));
}

static void the_silicon_with_all_its_libraries_still_has_no_backend(void **state)
{
    (void)state;
    char home[64];
    assert_int_equal(probe_with_toolkit(home, 4), ORIEL_UNAVAILABLE);
    assert_non_null(strstr(oriel_last_error(), "no backend"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simulated_platforms_are_always_here),
        cmocka_unit_test(limits_are_the_published_ones),
        cmocka_unit_test(an_unknown_name_is_told_the_known_ones),
        cmocka_unit_test(the_silicon_lists_what_is_missing),
        cmocka_unit_test(the_silicon_with_all_its_libraries_still_has_no_backend),
    };
    return cmocka_run_group_tests_name("platform", tests, NULL, NULL);
}
