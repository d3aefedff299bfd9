/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: every launch that Oriel ships is clean under oriel_check, on both platforms and in both profiles, exhaustively; for
 * a power of two of ranks and others, one element, few, and several tiles.
 */
#include "oriel/check.h"
#include "test.h"

#define MAX_RANKS 8

static const int devices[MAX_RANKS] = {0, 1, 2, 3, 4, 5, 6, 7};

/* Large jobs get no schedule at random, small ones some, and those of few ranks all sixteen. */
static void expect_clean(const oriel_launch *launch, const oriel_job *job, oriel_profile profile)
{
    oriel_check_report report;
    assert_ok(oriel_check(launch, job, &(oriel_check_options){.profile = profile}, &report));
    if (report.findings)
        fail_msg("%s on %u ranks of %s, count %llu: %s: %s", launch->name, job->ranks, job->platform,
                 (unsigned long long)job->count, report.finding[0].id, report.finding[0].message);
    assert_true(report.exhaustive && report.schedules == 1);
    uint64_t least = job->ranks * job->count > 4096 ? 0 : job->ranks <= 3 ? 16 : 1;
    if (report.random_schedules < least)
        fail_msg("%s on %u ranks of %s, count %llu: %llu schedules at random", launch->name, job->ranks, job->platform,
                 (unsigned long long)job->count, (unsigned long long)report.random_schedules);
    oriel_check_report_free(&report);
}

/* Under TSan with up to three ranks: the checker is one thread, and its steps take long there. */
static void check_all(const char *platform, oriel_profile profile)
{
    static const uint64_t counts[] = {1, 7, 20000};
    static const uint32_t ranks[] = {2, 3, 4, 5, MAX_RANKS};
    for (uint32_t l = 0; l < oriel_launch_count(); l++)
        for (uint32_t r = 0; r < (UNDER_TSAN ? 2 : 5) && ranks[r] <= oriel_launch_at(l)->max_ranks; r++)
            for (uint32_t c = 0; c < 3; c++) {
                oriel_job job = {.platform = platform,
                                 .devices = devices,
                                 .ranks = ranks[r],
                                 .count = counts[c],
                                 .dtype = PTO_F32,
                                 .repeat = 1,
                                 .timeout_s = 60,
                                 .form = UNDER_TSAN ? ORIEL_DEVICE_THREADS : ORIEL_DEVICE_PROCESSES};
                expect_clean(oriel_launch_at(l), &job, profile);
            }
}

static void on_a2a3sim_strict(void **state)
{
    (void)state;
    check_all("a2a3sim", ORIEL_PROFILE_STRICT);
}

static void on_a2a3sim_documented(void **state)
{
    (void)state;
    check_all("a2a3sim", ORIEL_PROFILE_DOCUMENTED);
}

static void on_a5sim_strict(void **state)
{
    (void)state;
    check_all("a5sim", ORIEL_PROFILE_STRICT);
}

static void on_a5sim_documented(void **state)
{
    (void)state;
    check_all("a5sim", ORIEL_PROFILE_DOCUMENTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_a2a3sim_strict),
        cmocka_unit_test(on_a2a3sim_documented),
        cmocka_unit_test(on_a5sim_strict),
        cmocka_unit_test(on_a5sim_documented),
    };
    return cmocka_run_group_tests_name("launch/shipped_clean", tests, NULL, NULL);
}
