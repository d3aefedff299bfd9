/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: no launch that Oriel ships synchronizes more than it needs. Each synchronization statement is needed on each
 * platform and in each profile by itself, except that the documented one asks for no dsb.
 */
#include "oriel/check.h"
#include "test.h"

static const int devices[] = {0, 1, 2, 3};

static void expect_needed(const oriel_launch *launch, const oriel_prune_cell *cell, uint32_t cells)
{
    oriel_job job = {.platform = cell->platform,
                     .devices = devices,
                     .ranks = 4,
                     .count = 1,
                     .dtype = PTO_F32,
                     .repeat = 1,
                     .timeout_s = 60,
                     .form = UNDER_TSAN ? ORIEL_DEVICE_THREADS : ORIEL_DEVICE_PROCESSES};
    oriel_prune_report report;
    assert_ok(oriel_prune(launch, &job, NULL, cell, cells, &report));
    assert_true(report.statements >= 5);
    for (uint32_t i = 0; i < report.statements; i++) {
        const oriel_prune_statement *s = &report.statement[i];
        bool redundant = cell->profile == ORIEL_PROFILE_DOCUMENTED && strcmp(s->statement.what, "dsb") == 0;
        if (s->verdict != (redundant ? ORIEL_PRUNE_REDUNDANT : ORIEL_PRUNE_NECESSARY))
            fail_msg("%s on %s, %s: %s is %s", launch->name, cell->platform, oriel_profile_name(cell->profile),
                     s->statement.id, oriel_prune_verdict_name(s->verdict));
    }
    oriel_prune_report_free(&report);
}

/* Under TSan with two and three ranks only: the checker is one thread, and its steps take long there. */
static void prune_all(const char *platform, oriel_profile profile)
{
    static const uint64_t counts[] = {1, 1000, 20000};
    for (uint32_t l = 0; l < oriel_launch_count(); l++) {
        const oriel_launch *launch = oriel_launch_at(l);
        oriel_prune_cell grid[9];
        uint32_t cells = 0;
        for (uint32_t ranks = 2; ranks <= (UNDER_TSAN ? 3 : 4) && ranks <= launch->max_ranks; ranks++)
            for (int c = 0; c < 3; c++)
                grid[cells++] = (oriel_prune_cell){platform, profile, ranks, counts[c]};
        expect_needed(launch, grid, cells);
    }
}

static void on_a2a3sim_strict(void **state)
{
    (void)state;
    prune_all("a2a3sim", ORIEL_PROFILE_STRICT);
}

static void on_a2a3sim_documented(void **state)
{
    (void)state;
    prune_all("a2a3sim", ORIEL_PROFILE_DOCUMENTED);
}

static void on_a5sim_strict(void **state)
{
    (void)state;
    prune_all("a5sim", ORIEL_PROFILE_STRICT);
}

static void on_a5sim_documented(void **state)
{
    (void)state;
    prune_all("a5sim", ORIEL_PROFILE_DOCUMENTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_a2a3sim_strict),
        cmocka_unit_test(on_a2a3sim_documented),
        cmocka_unit_test(on_a5sim_strict),
        cmocka_unit_test(on_a5sim_documented),
    };
    return cmocka_run_group_tests_name("launch/shipped_needed", tests, NULL, NULL);
}
