/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: what oriel_launch_run says of a run, in both forms of devices. Right; wrong in every call, or in the second
 * only, as when a result of the call before is still there; a kernel that gives up; one that waits for ever; a job that
 * cannot be.
 */
#include "launch/builtin.h"
#include "oriel/kernel.h"
#include "test.h"

#define RANKS 3
#define COUNT 10

static const int devices[RANKS] = {4, 0, 2};

static oriel_job job_of(oriel_device_form form)
{
    return (oriel_job){.platform = "a2a3sim",
                       .devices = devices,
                       .ranks = RANKS,
                       .count = COUNT,
                       .dtype = PTO_I32,
                       .repeat = 2,
                       .timeout_s = 20,
                       .form = form};
}

/* All-reduce with another kernel. */
static oriel_launch launch_of(oriel_kernel_fn kernel)
{
    oriel_launch launch = oriel_launch_allreduce;
    launch.kernel = kernel;
    return launch;
}

/* Runs the job in both forms, and gives each status and report to `check`. */
static void in_both_forms(const oriel_launch *launch, double timeout_s,
                          void (*check)(oriel_status status, const oriel_report *report))
{
    const oriel_device_form forms[] = {ORIEL_DEVICE_PROCESSES, ORIEL_DEVICE_THREADS};
    for (size_t f = UNDER_TSAN; f < 2; f++) {
        oriel_job job = job_of(forms[f]);
        job.timeout_s = timeout_s;
        oriel_report report = {.ranks = 4711, .accepted = true};
        check(oriel_launch_run(launch, &job, &report), &report);
        if (report.ranks != 4711)
            oriel_report_free(&report);
    }
}

static void expect_right(oriel_status status, const oriel_report *report)
{
    assert_ok(status);
    assert_int_equal(report->ranks, RANKS);
    assert_int_equal(report->wrong, 0);
    for (uint32_t r = 0; r < RANKS; r++)
        assert_true(report->rank[r].max_error == 0 && !report->rank[r].buffer);
    assert_true(report->start_ms > 0 && report->run_ms > 0);
    assert_true(report->total_ms >= report->start_ms + report->run_ms);
}

static void a_right_run(void **state)
{
    (void)state;
    in_both_forms(&oriel_launch_allreduce, 20, expect_right);
}

static void idle_kernel(pto_core *core)
{
    (void)core;
}

static void expect_all_wrong(oriel_status status, const oriel_report *report)
{
    assert_fails(status, ORIEL_WRONG, "rank 0, call 0: out[0] is ");
    assert_non_null(strstr(oriel_last_error(), "expected 300 (60 wrong elements in all)"));
    assert_int_equal(report->wrong, 2 * RANKS * COUNT);
    assert_int_equal(report->rank[2].wrong, 2 * COUNT);
}

static void a_kernel_that_writes_nothing_is_wrong_everywhere(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(idle_kernel);
    in_both_forms(&launch, 20, expect_all_wrong);
}

/* Works in the first call on a domain, and leaves its result alone in the others. */
static void lazy_kernel(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    pto_addr mine = pto_window_buffer(core, comm, 1).addr + (uint64_t)PTO_LINE_BYTES * comm->rank;
    pto_dcci(core, mine);
    if (pto_load_i32(core, mine) == 0)
        oriel_launch_allreduce.kernel(core);
}

static void expect_second_wrong(oriel_status status, const oriel_report *report)
{
    assert_fails(status, ORIEL_WRONG, "rank 0, call 1: out[0] is ");
    assert_int_equal(report->wrong, RANKS * COUNT);
}

static void a_result_of_the_call_before_does_not_pass(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(lazy_kernel);
    in_both_forms(&launch, 20, expect_second_wrong);
}

static void helpless_kernel(pto_core *core)
{
    if (pto_arg_comm(core, 0)->rank == 1)
        pto_trap(core, "this is too much");
    pto_twait(core, pto_cell(pto_window_buffer(core, pto_arg_comm(core, 0), 1).addr), 1, PTO_EQ);
}

static void expect_fault(oriel_status status, const oriel_report *report)
{
    assert_fails(status, ORIEL_FAULT, "run.c:");
    assert_non_null(strstr(oriel_last_error(), "this is too much"));
    assert_true(report->accepted);
    assert_int_equal(report->ranks, 4711);
}

static void a_kernel_that_gives_up_ends_the_run_with_its_line(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(helpless_kernel);
    in_both_forms(&launch, 20, expect_fault);
}

static void patient_kernel(pto_core *core)
{
    pto_twait(core, pto_cell(pto_window_buffer(core, pto_arg_comm(core, 0), 1).addr), 1, PTO_EQ);
}

static void expect_timeout(oriel_status status, const oriel_report *report)
{
    assert_fails(status, ORIEL_TIMEOUT, "signals");
    assert_int_equal(report->ranks, 4711);
}

static void a_kernel_that_waits_for_ever_ends_with_the_deadline(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(patient_kernel);
    in_both_forms(&launch, 0.2, expect_timeout);
}

static void a_job_that_cannot_be_starts_nothing(void **state)
{
    (void)state;
    oriel_report report = {.ranks = 4711, .accepted = true};
    oriel_job job = job_of(ORIEL_DEVICE_PROCESSES);
    job.platform = "a9sim";
    assert_fails(oriel_launch_run(&oriel_launch_allgather, &job, &report), ORIEL_INVALID, "a9sim");
    job = job_of(ORIEL_DEVICE_PROCESSES);
    job.ranks = 1;
    assert_fails(oriel_launch_run(&oriel_launch_allgather, &job, &report), ORIEL_INVALID, "not on 1");
    job = job_of(ORIEL_DEVICE_PROCESSES);
    job.devices = (const int[]){3, 3, 1};
    assert_fails(oriel_launch_run(&oriel_launch_allgather, &job, &report), ORIEL_INVALID, "3");
    oriel_launch nothing = {.name = "nothing"};
    assert_fails(oriel_launch_run(&nothing, &job, &report), ORIEL_INVALID, "nothing has no kernel");
    assert_false(report.accepted);
    assert_int_equal(report.ranks, 4711);
}

static oriel_expected expect_of_nowhere(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank,
                                        const char *buffer, uint64_t i)
{
    (void)job, (void)buffer;
    return (oriel_expected){oriel_input(inputs, rank, "inn", i), 0};
}

static void must_not_run(pto_core *core)
{
    pto_trap(core, "a refused job ran");
}

static void expect_refused(oriel_status status, const oriel_report *report)
{
    assert_fails(status, ORIEL_INVALID, "launch allreduce has no input \"inn\": it has \"in\"");
    assert_false(report->accepted);
    assert_int_equal(report->ranks, 4711);
}

static void a_reference_that_asks_for_what_there_is_not_runs_nothing(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(must_not_run);
    launch.expect = expect_of_nowhere;
    in_both_forms(&launch, 20, expect_refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_right_run),
        cmocka_unit_test(a_kernel_that_writes_nothing_is_wrong_everywhere),
        cmocka_unit_test(a_result_of_the_call_before_does_not_pass),
        cmocka_unit_test(a_kernel_that_gives_up_ends_the_run_with_its_line),
        cmocka_unit_test(a_kernel_that_waits_for_ever_ends_with_the_deadline),
        cmocka_unit_test(a_job_that_cannot_be_starts_nothing),
        cmocka_unit_test(a_reference_that_asks_for_what_there_is_not_runs_nothing),
    };
    return cmocka_run_group_tests_name("launch/run", tests, NULL, NULL);
}
