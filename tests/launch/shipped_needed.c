/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: no launch that Oriel ships synchronizes more than it needs. Each synchronization statement is needed on each
 * platform and in each profile by itself, except that the documented one asks for no dsb.
 */
#include "shipped.h"

static void expect_needed(const oriel_launch *launch, const place *on, const oriel_prune_cell *cell, uint32_t cells)
{
    oriel_job job = job_of(on->platform, 4, 1);
    oriel_prune_report report;
    assert_ok(oriel_prune(launch, &job, NULL, cell, cells, &report));
    assert_true(report.statements >= 5);
    for (uint32_t i = 0; i < report.statements; i++) {
        const oriel_prune_statement *s = &report.statement[i];
        bool redundant = on->profile == ORIEL_PROFILE_DOCUMENTED && strcmp(s->statement.what, "dsb") == 0;
        if (s->verdict != (redundant ? ORIEL_PRUNE_REDUNDANT : ORIEL_PRUNE_NECESSARY))
            fail_msg("%s on %s, %s: %s is %s", launch->name, on->platform, oriel_profile_name(on->profile),
                     s->statement.id, oriel_prune_verdict_name(s->verdict));
    }
    oriel_prune_report_free(&report);
}

/* Under TSan with two and three ranks only: the checker is one thread, and its steps take long there. */
static void what_is_shipped_is_needed(void **state)
{
    static const uint64_t counts[] = {1, 1000, 20000};
    const place *on = *state;
    for (uint32_t l = 0; l < oriel_launch_count(); l++) {
        const oriel_launch *launch = oriel_launch_at(l);
        oriel_prune_cell grid[9];
        uint32_t cells = 0;
        for (uint32_t ranks = 2; ranks <= (UNDER_TSAN ? 3 : 4) && ranks <= launch->max_ranks; ranks++)
            for (int c = 0; c < 3; c++)
                grid[cells++] = (oriel_prune_cell){on->platform, on->profile, ranks, counts[c]};
        expect_needed(launch, on, grid, cells);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = SHIPPED_TESTS(what_is_shipped_is_needed);
    return cmocka_run_group_tests_name("launch/shipped_needed", tests, NULL, NULL);
}
