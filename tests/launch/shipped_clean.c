/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: every launch that Oriel ships is clean under oriel_check, on both platforms and in both profiles, exhaustively; for
 * a power of two of ranks and others, one element, few, and several tiles.
 */
#include "shipped.h"

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
static void what_is_shipped_is_clean(void **state)
{
    static const uint64_t counts[] = {1, 7, 20000};
    static const uint32_t ranks[] = {2, 3, 4, 5, MAX_RANKS};
    const place *on = *state;
    for (uint32_t l = 0; l < oriel_launch_count(); l++) {
        const oriel_launch *launch = oriel_launch_at(l);
        for (uint32_t r = 0; r < (UNDER_TSAN ? 2 : 5) && ranks[r] <= launch->max_ranks; r++)
            for (uint32_t c = 0; c < 3; c++) {
                oriel_job job = job_of(on->platform, ranks[r], counts[c]);
                expect_clean(launch, &job, on->profile);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = SHIPPED_TESTS(what_is_shipped_is_clean);
    return cmocka_run_group_tests_name("launch/shipped_clean", tests, NULL, NULL);
}
