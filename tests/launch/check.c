/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: what oriel_check says of a launch, with its kernel in a child process and in the calling thread. Nothing of a
 * right one; of a wrong one its kind, with places; of one that crashes, ends its process or spins, the line where; of a
 * job that cannot be, that it cannot. Nothing is left behind in any case: no process, no descriptor, no mapping.
 */
#include "oriel/check.h"
#include "base/clock.h"
#include "launch/builtin.h"
#include "oriel/kernel.h"
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define RANKS 3
#define COUNT 10

static const int devices[4] = {4, 0, 2, 1};

static oriel_job job_of(oriel_device_form form)
{
    return (oriel_job){.platform = "a2a3sim",
                       .devices = devices,
                       .ranks = RANKS,
                       .count = COUNT,
                       .dtype = PTO_I32,
                       .timeout_s = 60,
                       .form = form};
}

/* All-reduce with another kernel: "in", "out"; "scratch", "signals". */
static oriel_launch launch_of(oriel_kernel_fn kernel)
{
    oriel_launch launch = oriel_launch_allreduce;
    launch.kernel = kernel;
    return launch;
}

/* The forms that can be tested here; TSan's own thread makes forking impossible. */
static const oriel_device_form forms[] = {ORIEL_DEVICE_PROCESSES, ORIEL_DEVICE_THREADS};
#define FIRST_FORM ((size_t)UNDER_TSAN)

static const oriel_finding *find(const oriel_check_report *report, oriel_finding_kind kind)
{
    for (uint32_t i = 0; i < report->findings; i++)
        if (report->finding[i].kind == kind)
            return &report->finding[i];
    return NULL;
}

static void assert_clean(const oriel_check_report *report)
{
    if (report->findings)
        fail_msg("%s: %s", oriel_finding_name(report->finding[0].kind), report->finding[0].message);
}

/* ---- Right and wrong kernels ------------------------------------------------------------------------------------ */

static void check_clean(const char *platform, uint32_t ranks, oriel_device_form form)
{
    oriel_job job = job_of(form);
    job.platform = platform;
    job.ranks = ranks;
    oriel_check_report report;
    assert_ok(oriel_check(&oriel_launch_allgather, &job, NULL, &report));
    assert_clean(&report);
    assert_true(report.accepted);
    assert_true(report.schedules >= 1);
    assert_true(report.statements > 0);
    assert_true(report.first_ms > 0 && report.total_ms >= report.first_ms);
    for (uint32_t i = 0; i < report.statements; i++) {
        assert_non_null(strstr(report.statement[i].id, report.statement[i].what));
        assert_true(report.statement[i].place.line > 0 && report.statement[i].times > 0);
    }
    oriel_check_report_free(&report);
    assert_null(report.memory);
    oriel_check_report_free(&report);
}

static void allgather_is_clean(void **state)
{
    (void)state;
    for (uint32_t ranks = 2; ranks <= 4; ranks++)
        for (size_t f = FIRST_FORM; f < 2; f++) {
            check_clean("a2a3sim", ranks, forms[f]);
            check_clean("a5sim", ranks, forms[f]);
        }
}

static void sums_of_random_floats_are_clean(void **state)
{
    (void)state;
    oriel_job job = job_of(forms[FIRST_FORM]);
    job.dtype = PTO_F32;
    job.random = true;
    oriel_check_report report;
    assert_ok(oriel_check(&oriel_launch_allreduce, &job, NULL, &report));
    assert_clean(&report);
    oriel_check_report_free(&report);
}

/* From `in` to `out` through one tile: with the flag in between, or without. */
static void copy_in_to_out(pto_core *core, bool flag)
{
    pto_global in = pto_arg_tensor(core, 0), out = pto_arg_tensor(core, 1);
    pto_tile tile = pto_tile_1d(core, in.dtype, 0, (uint32_t)pto_global_count(in));
    pto_tload(core, tile, in);
    if (flag) {
        pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0);
        pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0);
    }
    pto_tstore(core, out, tile);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
}

static void copying_kernel(pto_core *core)
{
    copy_in_to_out(core, true);
}

static void hasty_kernel(pto_core *core)
{
    copy_in_to_out(core, false);
}

static void idle_kernel(pto_core *core)
{
    (void)core;
}

static void patient_kernel(pto_core *core)
{
    pto_twait(core, pto_cell(pto_window_buffer(core, pto_arg_comm(core, 0), 1).addr), 1, PTO_EQ);
}

static void far_kernel(pto_core *core)
{
    pto_global in = pto_arg_tensor(core, 0);
    pto_tload(core, pto_tile_1d(core, in.dtype, 0, COUNT), pto_slice(in, 1, COUNT));
}

static void wrong_kernels_give_their_finding(void **state)
{
    (void)state;
    const struct {
        oriel_kernel_fn kernel;
        oriel_finding_kind kind;
    } wrong[] = {{copying_kernel, ORIEL_FINDING_WRONG_RESULT},
                 {hasty_kernel, ORIEL_FINDING_PIPE_RACE},
                 {idle_kernel, ORIEL_FINDING_UNINITIALIZED_READ},
                 {patient_kernel, ORIEL_FINDING_DEADLOCK},
                 {far_kernel, ORIEL_FINDING_OUT_OF_BOUNDS}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        for (size_t f = FIRST_FORM; f < 2; f++) {
            oriel_launch launch = launch_of(wrong[i].kernel);
            oriel_job job = job_of(forms[f]);
            oriel_check_report report;
            assert_ok(oriel_check(&launch, &job, NULL, &report));
            const oriel_finding *finding = find(&report, wrong[i].kind);
            if (!finding)
                fail_msg("no %s among %u findings", oriel_finding_name(wrong[i].kind), report.findings);
            assert_true(finding->sides > 0);
            assert_non_null(strstr(finding->id, oriel_finding_name(wrong[i].kind)));
            assert_true(*finding->message && finding->witness && finding->missing && finding->replay);
            oriel_check_report_free(&report);
        }
}

/* Both sides of the race, each with its line in this file. */
static void a_finding_has_its_places(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(hasty_kernel);
    oriel_job job = job_of(forms[FIRST_FORM]);
    oriel_check_report report;
    assert_ok(oriel_check(&launch, &job, NULL, &report));
    const oriel_finding *race = find(&report, ORIEL_FINDING_PIPE_RACE);
    assert_non_null(race);
    assert_int_equal(race->sides, 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_string_equal(race->side[i].place.file, __FILE__);
        assert_string_equal(race->side[i].place.function, "copy_in_to_out");
        assert_true(race->side[i].place.line > 0);
    }
    oriel_check_report_free(&report);
}

/* ---- Options ---------------------------------------------------------------------------------------------------- */

static void options_reach_the_engine(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(hasty_kernel);
    oriel_job job = job_of(forms[FIRST_FORM]);
    oriel_check_report report;
    oriel_check_options options = {.quick = true};
    assert_ok(oriel_check(&oriel_launch_allgather, &job, &options, &report));
    assert_clean(&report);
    assert_int_equal(report.schedules, 1);
    assert_false(report.exhaustive);
    oriel_check_report_free(&report);

    options = (oriel_check_options){.no_witness = true};
    assert_ok(oriel_check(&launch, &job, &options, &report));
    assert_string_equal(find(&report, ORIEL_FINDING_PIPE_RACE)->witness, "");
    oriel_check_report_free(&report);

    options = (oriel_check_options){.quick = true, .calls = 1};
    assert_ok(oriel_check(&oriel_launch_allgather, &job, &options, &report));
    uint64_t once = report.statement[0].times;
    oriel_check_report_free(&report);
    options.calls = 0;
    assert_ok(oriel_check(&oriel_launch_allgather, &job, &options, &report));
    assert_int_equal(report.statement[0].times, 3 * once);
    assert_int_equal(report.calls, 3);
    oriel_check_report_free(&report);

    /* A launch may say how often its domain is used; whoever asks for another number gets that. */
    oriel_launch twice = oriel_launch_allgather;
    twice.calls = 2;
    assert_ok(oriel_check(&twice, &job, &options, &report));
    assert_int_equal(report.statement[0].times, 2 * once);
    assert_int_equal(report.calls, 2);
    oriel_check_report_free(&report);
    options.calls = 1;
    assert_ok(oriel_check(&twice, &job, &options, &report));
    assert_int_equal(report.calls, 1);
    oriel_check_report_free(&report);
}

static void without_a_statement_it_is_missed(void **state)
{
    (void)state;
    oriel_job job = job_of(forms[FIRST_FORM]);
    oriel_check_report all, report;
    assert_ok(oriel_check(&oriel_launch_allgather, &job, NULL, &all));
    uint32_t missed = 0;
    for (uint32_t i = 0; i < all.statements; i++) {
        oriel_check_options options = {.without = all.statement[i].id, .no_witness = true};
        assert_ok(oriel_check(&oriel_launch_allgather, &job, &options, &report));
        missed += report.findings > 0;
        oriel_check_report_free(&report);
    }
    assert_true(missed > 0);
    oriel_check_report_free(&all);
}

static void a_witness_can_be_replayed(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(hasty_kernel);
    oriel_job job = job_of(forms[FIRST_FORM]);
    oriel_check_report report, again;
    assert_ok(oriel_check(&launch, &job, NULL, &report));
    const oriel_finding *race = find(&report, ORIEL_FINDING_PIPE_RACE);
    assert_true(*race->replay);
    oriel_check_options options = {.replay = race->replay};
    assert_ok(oriel_check(&launch, &job, &options, &again));
    assert_true(*again.ended);
    oriel_check_report_free(&again);
    oriel_check_report_free(&report);
}

/* ---- Kernels that do not come back ------------------------------------------------------------------------------ */

static int *volatile nowhere;

__attribute__((no_sanitize("address"), no_sanitize("undefined"))) static void touch_nowhere(void)
{
    *nowhere = 1;
}

static void crashing_kernel(pto_core *core)
{
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    touch_nowhere();
}

static void crashing_at_once_kernel(pto_core *core)
{
    (void)core;
    touch_nowhere();
}

static void exiting_kernel(pto_core *core)
{
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    _exit(7);
}

static void spinning_kernel(pto_core *core)
{
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    for (volatile int forever = 1; forever;)
        ;
}

static void helpless_kernel(pto_core *core)
{
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_trap(core, "this is too much");
}

static void endless_kernel(pto_core *core)
{
    for (;;)
        pto_pipe_barrier(core, PTO_PIPE_ALL);
}

/* The status and message of a check in a child process. */
static void assert_ends(oriel_kernel_fn kernel, double timeout_s, oriel_status expected, const char *text)
{
    oriel_launch launch = launch_of(kernel);
    oriel_job job = job_of(ORIEL_DEVICE_PROCESSES);
    job.timeout_s = timeout_s;
    oriel_check_report report = {.schedules = 4711};
    assert_fails(oriel_check(&launch, &job, NULL, &report), expected, text);
    assert_true(report.accepted);
    assert_int_equal(report.schedules, 4711);
}

/* What the framework does with a crash: it would go on with the tests, in the child. */
static void must_not_be_called(int number)
{
    (void)number;
    _exit(99);
}

static void a_crash_has_its_line(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    void (*old)(int) = signal(SIGSEGV, must_not_be_called);
    assert_ends(crashing_kernel, 60, ORIEL_FAULT,
                "killed by signal 11 (Segmentation fault) at or after this instruction");
    assert_non_null(strstr(oriel_last_error(), "check.c:"));
    assert_ends(crashing_at_once_kernel, 60, ORIEL_FAULT,
                "allreduce: the kernel crashed: killed by signal 11 (Segmentation fault) before its first instruction");
    signal(SIGSEGV, old);
}

static void a_kernel_that_ends_its_process_has_its_line(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    assert_ends(exiting_kernel, 60, ORIEL_FAULT, "ended its process with exit code 7 at or after this instruction");
    assert_non_null(strstr(oriel_last_error(), "check.c:"));
}

static void a_kernel_that_spins_is_ended_at_the_deadline(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    int64_t start = oriel_now();
    assert_ends(spinning_kernel, 0.2, ORIEL_TIMEOUT, "the deadline of 0.2 s passed");
    assert_non_null(strstr(oriel_last_error(), "check.c:"));
    assert_true(oriel_now() - start >= INT64_C(200000000));
}

static void a_kernel_that_gives_up_has_its_line(void **state)
{
    (void)state;
    for (size_t f = FIRST_FORM; f < 2; f++) {
        oriel_launch launch = launch_of(helpless_kernel);
        oriel_job job = job_of(forms[f]);
        oriel_check_report report;
        assert_fails(oriel_check(&launch, &job, NULL, &report), ORIEL_FAULT, "this is too much");
        assert_non_null(strstr(oriel_last_error(), "check.c:"));
        assert_true(report.accepted);
    }
}

/* Instructions, but no end: the deadline, or a finding that says so. */
static void a_kernel_without_end_ends(void **state)
{
    (void)state;
    for (size_t f = FIRST_FORM; f < 2; f++) {
        oriel_launch launch = launch_of(endless_kernel);
        oriel_job job = job_of(forms[f]);
        job.timeout_s = 0.3;
        oriel_check_report report;
        oriel_status status = oriel_check(&launch, &job, NULL, &report);
        assert_true(status == ORIEL_TIMEOUT || (status == ORIEL_OK && report.findings > 0));
        if (status == ORIEL_OK)
            oriel_check_report_free(&report);
    }
}

/* ---- Jobs that cannot be ---------------------------------------------------------------------------------------- */

static void must_not_run(pto_core *core)
{
    pto_trap(core, "a refused job ran");
}

static oriel_expected expect_of_nowhere(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank,
                                        const char *buffer, uint64_t i)
{
    (void)job, (void)buffer;
    return (oriel_expected){oriel_input(inputs, rank, "inn", i), 0};
}

static void assert_refused(const oriel_launch *launch, const oriel_job *job, const oriel_check_options *options,
                           const char *text)
{
    oriel_check_report report = {.accepted = true, .schedules = 4711};
    assert_fails(oriel_check(launch, job, options, &report), ORIEL_INVALID, text);
    assert_false(report.accepted);
    assert_int_equal(report.schedules, 4711);
}

static void a_job_that_cannot_be_is_refused(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(must_not_run);
    oriel_job good = job_of(forms[FIRST_FORM]), job = good;
    job.platform = "a9sim";
    assert_refused(&launch, &job, NULL, "a9sim");
    job = good;
    job.ranks = 1;
    assert_refused(&launch, &job, NULL, "not on 1");
    job = good;
    job.devices = (const int[]){3, 3, 1};
    assert_refused(&launch, &job, NULL, "device 3 is given twice");
    job = good;
    job.form = (oriel_device_form)9;
    assert_refused(&launch, &job, NULL, "form 9");
    assert_refused(&launch, &good, &(oriel_check_options){.profile = (oriel_profile)5}, "profile number 5");
    assert_refused(&(oriel_launch){.name = "nothing"}, &good, NULL, "nothing has no kernel");
    launch.blocks = 1000;
    assert_refused(&launch, &good, NULL, "1000 blocks");
    launch = launch_of(must_not_run);
    launch.expect = expect_of_nowhere;
    assert_refused(&launch, &good, NULL, "launch allreduce has no input \"inn\"");
}

static void unknown_statements_and_witnesses_are_refused(void **state)
{
    (void)state;
    oriel_job job = job_of(forms[FIRST_FORM]);
    assert_refused(&oriel_launch_allgather, &job, &(oriel_check_options){.without = "nowhere.c:1:set_flag"},
                   "nowhere.c:1:set_flag");
    assert_refused(&oriel_launch_allgather, &job, &(oriel_check_options){.replay = "no witness at all"}, "");
}

static void *wait_for_word(void *word)
{
    while (!__atomic_load_n((int *)word, __ATOMIC_ACQUIRE))
        usleep(1000);
    return NULL;
}

static void a_program_with_threads_is_not_forked(void **state)
{
    (void)state;
    int done = 0;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait_for_word, &done), 0);
    oriel_job job = job_of(ORIEL_DEVICE_PROCESSES);
    oriel_check_report report;
    assert_fails(oriel_check(&oriel_launch_allgather, &job, NULL, &report), ORIEL_STATE, "ORIEL_DEVICE_THREADS");
    assert_true(report.accepted);
    job.form = ORIEL_DEVICE_THREADS;
    assert_ok(oriel_check(&oriel_launch_allgather, &job, NULL, &report));
    assert_clean(&report);
    oriel_check_report_free(&report);
    __atomic_store_n(&done, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
}

/* ---- Nothing is left -------------------------------------------------------------------------------------------- */

static uint32_t descriptors(void)
{
    uint32_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

/* Shared mappings: reports and arenas. */
static uint32_t shared_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    uint32_t count = 0;
    for (char line[1024]; fgets(line, sizeof line, maps);)
        count += strstr(line, "rw-s ") != NULL;
    fclose(maps);
    return count;
}

static void nothing_is_left(void **state)
{
    uint32_t before = descriptors(), mapped = shared_mappings();
    allgather_is_clean(state);
    wrong_kernels_give_their_finding(state);
    a_kernel_that_gives_up_has_its_line(state);
    a_job_that_cannot_be_is_refused(state);
    if (!UNDER_TSAN) {
        a_crash_has_its_line(state);
        a_kernel_that_spins_is_ended_at_the_deadline(state);
    }
    assert_int_equal(descriptors(), before);
    assert_int_equal(shared_mappings(), mapped);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* ---- Names ------------------------------------------------------------------------------------------------------ */

static void kinds_and_profiles_have_names(void **state)
{
    (void)state;
    assert_string_equal(oriel_finding_name(ORIEL_FINDING_PIPE_RACE), "pipe-race");
    assert_string_equal(oriel_finding_name(ORIEL_FINDING_WRONG_RESULT), "wrong-result");
    assert_string_equal(oriel_finding_meaning(ORIEL_FINDING_DEADLOCK), "nothing can move any more");
    assert_string_equal(oriel_profile_name(ORIEL_PROFILE_STRICT), "strict");
    assert_string_equal(oriel_profile_name(ORIEL_PROFILE_DOCUMENTED), "documented");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allgather_is_clean),
        cmocka_unit_test(sums_of_random_floats_are_clean),
        cmocka_unit_test(wrong_kernels_give_their_finding),
        cmocka_unit_test(a_finding_has_its_places),
        cmocka_unit_test(options_reach_the_engine),
        cmocka_unit_test(without_a_statement_it_is_missed),
        cmocka_unit_test(a_witness_can_be_replayed),
        cmocka_unit_test(a_crash_has_its_line),
        cmocka_unit_test(a_kernel_that_ends_its_process_has_its_line),
        cmocka_unit_test(a_kernel_that_spins_is_ended_at_the_deadline),
        cmocka_unit_test(a_kernel_that_gives_up_has_its_line),
        cmocka_unit_test(a_kernel_without_end_ends),
        cmocka_unit_test(a_job_that_cannot_be_is_refused),
        cmocka_unit_test(unknown_statements_and_witnesses_are_refused),
        cmocka_unit_test(a_program_with_threads_is_not_forked),
        cmocka_unit_test(nothing_is_left),
        cmocka_unit_test(kinds_and_profiles_have_names),
    };
    return cmocka_run_group_tests_name("launch/check", tests, NULL, NULL);
}
