/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: what oriel_prune says of a synchronization statement: necessary if some cell of the grid needs it, redundant if none
 * does, unknown if not all was seen.
 */
#include "launch/builtin.h"
#include "oriel/check.h"
#include "oriel/kernel.h"
#include "test.h"

enum { SCRATCH, SIGNALS };

static const int devices[] = {0, 1, 2, 3};

static oriel_job job_of(void)
{
    return (oriel_job){.platform = "a2a3sim",
                       .devices = devices,
                       .ranks = 4,
                       .count = 16,
                       .dtype = PTO_F32,
                       .repeat = 1,
                       .timeout_s = 60,
                       .form = UNDER_TSAN ? ORIEL_DEVICE_THREADS : ORIEL_DEVICE_PROCESSES};
}

static const oriel_prune_cell four_cells[] = {
    {"a2a3sim", ORIEL_PROFILE_STRICT, 2, 16},
    {"a2a3sim", ORIEL_PROFILE_DOCUMENTED, 2, 16},
    {"a5sim", ORIEL_PROFILE_STRICT, 2, 16},
    {"a5sim", ORIEL_PROFILE_DOCUMENTED, 2, 16},
};

static oriel_expected whatever(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                               uint64_t i)
{
    (void)job, (void)inputs, (void)rank, (void)buffer, (void)i;
    return (oriel_expected){{.f = 0}, 1e30};
}

static oriel_launch launch_of(oriel_kernel_fn kernel)
{
    oriel_launch launch = oriel_launch_allreduce;
    launch.kernel = kernel;
    launch.expect = whatever;
    return launch;
}

static void prune(oriel_kernel_fn kernel, const oriel_check_options *options, oriel_prune_report *report)
{
    oriel_launch launch = launch_of(kernel);
    oriel_job job = job_of();
    assert_ok(oriel_prune(&launch, &job, options, four_cells, 4, report));
}

static const oriel_prune_statement *statement_of(const oriel_prune_report *report, const char *what)
{
    for (uint32_t i = 0; i < report->statements; i++)
        if (strcmp(report->statement[i].statement.what, what) == 0)
            return &report->statement[i];
    fail_msg("there is no statement %s among %u", what, report->statements);
    return NULL;
}

/* The statement is needed in just the cells that `cells` has a 1 for. */
static void expect_needed(const oriel_prune_report *report, const char *what, const char *cells)
{
    const oriel_prune_statement *s = statement_of(report, what);
    for (uint32_t i = 0; i < report->cells; i++)
        if (s->needed[i] != (cells[i] == '1'))
            fail_msg("%s in cell %u: needed is %d, expected %c; %s", what, i, s->needed[i], cells[i], s->why);
    assert_int_equal(s->verdict, strchr(cells, '1') ? ORIEL_PRUNE_NECESSARY : ORIEL_PRUNE_REDUNDANT);
    assert_int_equal(s->reached_in, report->cells);
    if (s->needed_in)
        assert_true(s->why[0] && s->needed[s->why_cell]);
}

/* A dsb that nobody announces anything after; a vector barrier that a5 does not need. */
static void chain_on_the_vector_pipe(pto_core *core)
{
    pto_tile tile = pto_tile_1d(core, PTO_F32, 0, 16);
    pto_tload(core, tile, pto_arg_tensor(core, 0));
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
    pto_tadds(core, tile, tile, 1);
    pto_pipe_barrier(core, PTO_PIPE_V);
    pto_tadds(core, tile, tile, 1);
    pto_set_flag(core, PTO_PIPE_V, PTO_PIPE_MTE3, 1);
    pto_wait_flag(core, PTO_PIPE_V, PTO_PIPE_MTE3, 1);
    pto_tstore(core, pto_arg_tensor(core, 1), tile);
    pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_S, 2);
    pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_S, 2);
    pto_dsb(core);
}

static void test_what_is_needed_depends_on_platform_and_profile(void **state)
{
    (void)state;
    oriel_prune_report report;
    prune(chain_on_the_vector_pipe, NULL, &report);
    assert_int_equal(report.statements, 8);
    expect_needed(&report, "pipe_barrier", "1000"); /* in order on one tile: documented; in order at all: a5 */
    expect_needed(&report, "dsb", "0000");
    expect_needed(&report, "set_flag", "1111");
    expect_needed(&report, "wait_flag", "1111");
    assert_int_equal(report.redundant, 1);
    assert_int_equal(report.unknown, 0);
    oriel_prune_report_free(&report);
}

/* A finding that is there in any case does not make each statement necessary. */
static void wrong_anyhow(pto_core *core)
{
    pto_tile tile = pto_tile_1d(core, PTO_F32, 0, 16);
    pto_tload(core, tile, pto_arg_tensor(core, 0));
    pto_tstore(core, pto_arg_tensor(core, 1), tile);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_dsb(core);
}

static void test_only_new_findings_count(void **state)
{
    (void)state;
    oriel_prune_report report;
    prune(wrong_anyhow, NULL, &report);
    expect_needed(&report, "dsb", "0000");
    expect_needed(&report, "pipe_barrier", "1111");
    oriel_prune_report_free(&report);
}

/* A loop of tests whose end depends on three notifies: more than one schedule. */
static void counts_to_three(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    pto_addr cell = pto_window_buffer(core, comm, SIGNALS).addr;
    pto_tile tile = pto_tile_1d(core, PTO_F32, 0, 16);
    pto_tload(core, tile, pto_arg_tensor(core, 0));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, pto_arg_tensor(core, 1), tile);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_dsb(core);
    if (comm->rank)
        for (int i = 0; i < 3; i++)
            pto_tnotify(core, pto_peer_addr(comm, cell, 0), 1, PTO_NOTIFY_ADD);
    else
        for (int i = 1; i <= 3; i++)
            (void)pto_ttest(core, pto_cell(cell), i, PTO_GE);
}

static void test_what_was_not_all_seen_is_unknown(void **state)
{
    (void)state;
    oriel_prune_report report;
    prune(counts_to_three, &(oriel_check_options){.max_schedules = 2}, &report);
    const oriel_prune_statement *fence = statement_of(&report, "dsb");
    assert_int_equal(fence->verdict, ORIEL_PRUNE_UNKNOWN);
    assert_int_equal(fence->unknown_in, 4);
    assert_true(report.unknown >= 1);
    oriel_prune_report_free(&report);
}

/* Without the statement the kernel gives up. */
static void traps_without(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    pto_addr cell = pto_window_buffer(core, comm, SIGNALS).addr + (uint64_t)comm->rank * PTO_LINE_BYTES;
    int32_t before = pto_load_i32(core, cell);
    chain_on_the_vector_pipe(core);
    pto_tnotify(core, cell, before + 1, PTO_NOTIFY_SET);
    pto_dcci(core, cell);
    if (pto_load_i32(core, cell) == before)
        pto_trap(core, "nothing has come");
}

static void test_a_kernel_that_gives_up_without_it_needs_it(void **state)
{
    (void)state;
    oriel_prune_report report;
    prune(traps_without, NULL, &report);
    expect_needed(&report, "TNOTIFY", "1111");
    assert_non_null(strstr(statement_of(&report, "TNOTIFY")->why, "nothing has come"));
    oriel_prune_report_free(&report);
}

static void test_grids_that_cannot_be_are_refused(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(chain_on_the_vector_pipe);
    oriel_job job = job_of();
    oriel_prune_report report;
    assert_fails(oriel_prune(&launch, &job, NULL, four_cells, 0, &report), ORIEL_INVALID, "no cells");
    const oriel_prune_cell wide = {"a2a3sim", ORIEL_PROFILE_STRICT, 5, 16}, unknown = {"a9", 0, 2, 16};
    assert_fails(oriel_prune(&launch, &job, NULL, &wide, 1, &report), ORIEL_INVALID, "4 devices");
    assert_fails(oriel_prune(&launch, &job, NULL, &unknown, 1, &report), ORIEL_INVALID, "a9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_needed_depends_on_platform_and_profile),
        cmocka_unit_test(test_only_new_findings_count),
        cmocka_unit_test(test_what_was_not_all_seen_is_unknown),
        cmocka_unit_test(test_a_kernel_that_gives_up_without_it_needs_it),
        cmocka_unit_test(test_grids_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
