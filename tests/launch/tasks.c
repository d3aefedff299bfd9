/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: an orchestration is checked as a whole, and run. Tasks of a device are ordered as the accelerators' runtime orders
 * them, and no more: a reader after its writers, a writer after writers, nothing after readers; by what a return gives, which
 * drains nothing; by completion conditions. What that leaves unordered is found between the tasks it is between, by name; the
 * same with the missing edge is clean, in three calls, both profiles, both platforms. A condition that never comes is a
 * deadlock that names who waits for whom. The direct engine gives the expected results. What cannot be is refused.
 */
#include "oriel/check.h"
#include "oriel/kernel.h"
#include "test.h"

#define COUNT 16
#define RANKS 2

/* Tensors and scalars that an orchestration of these tests is given; tensors 2 .. are windows. */
enum { IN, OUT, MAILBOX, COUNTERS };
enum { CALL };
/* Kernels */
enum { COPY, COPY_UNDRAINED, SEND, NOTHING, WRONG };

static const int devices[] = {0, 1, 2};

/* ---- Kernels ---------------------------------------------------------------------------------------------------- */

static void move(pto_core *core, pto_global to, pto_global from)
{
    pto_tile tile = pto_tile_1d(core, from.dtype, 0, (uint32_t)pto_global_count(from));
    pto_tload(core, tile, from);
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0);
    pto_tstore(core, to, tile);
}

/* Tensor 0 to tensor 1. */
static void copy(pto_core *core)
{
    move(core, pto_arg_tensor(core, 1), pto_arg_tensor(core, 0));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
}

static void copy_undrained(pto_core *core)
{
    move(core, pto_arg_tensor(core, 1), pto_arg_tensor(core, 0));
}

/* Tensor 0 to the peer's counterpart of tensor 1, and one more for the peer's counter, tensor 2. */
static void send(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    uint32_t peer = (comm->rank + 1) % comm->ranks;
    move(core, pto_peer(comm, pto_arg_tensor(core, 1), peer), pto_arg_tensor(core, 0));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_dsb(core);
    pto_tnotify(core, pto_peer_addr(comm, pto_arg_tensor(core, 2).addr, peer), 1, PTO_NOTIFY_ADD);
}

static void nothing(pto_core *core)
{
    (void)core;
}

static void wrong(pto_core *core)
{
    pto_trap(core, "this is wrong");
}

static const oriel_kernel kernels[] = {[COPY] = {"copy", copy},
                                       [COPY_UNDRAINED] = {"copy_undrained", copy_undrained},
                                       [SEND] = {"send", send},
                                       [NOTHING] = {"nothing", nothing},
                                       [WRONG] = {"wrong", wrong}};

/* ---- Orchestrations --------------------------------------------------------------------------------------------- */

static oriel_tensor temporary(void)
{
    return oriel_tensor_1d(NULL, PTO_F32, COUNT);
}

/* Submits `kernel` from one tensor to another. `made` NULL, or the second tensor as it was made; the task is `*task`. */
static oriel_status submit(oriel_orch *orch, int kernel, oriel_tensor from, oriel_tag from_tag, oriel_tensor to,
                           oriel_tag to_tag, oriel_task after, oriel_tensor *made, oriel_task *task)
{
    oriel_args args = ORIEL_ARGS_INIT;
    oriel_status status = oriel_args_tensor(&args, from, from_tag);
    if (!status)
        status = oriel_args_tensor(&args, to, to_tag);
    if (!status && after.id)
        status = oriel_args_after(&args, after);
    if (!status)
        status = oriel_submit(orch, kernel, &args, ORIEL_ANY_DEVICE, task);
    if (made)
        *made = args.tensor[1];
    return status;
}

static const oriel_task no_task;

static oriel_status through_a_temporary(oriel_orch *orch, const oriel_args *given, int producer, oriel_tag tag)
{
    oriel_tensor made;
    oriel_status status =
        submit(orch, producer, given->tensor[IN], ORIEL_INPUT, temporary(), ORIEL_OUTPUT, no_task, &made, NULL);
    return status ? status
                  : submit(orch, COPY, made, tag, given->tensor[OUT], ORIEL_OUTPUT_EXISTING, no_task, NULL, NULL);
}

static oriel_status produce_and_consume(oriel_orch *orch, const oriel_args *given)
{
    return through_a_temporary(orch, given, COPY, ORIEL_INPUT);
}

/* What the runtime made is always waited for. */
static oriel_status consume_with_no_dep(oriel_orch *orch, const oriel_args *given)
{
    return through_a_temporary(orch, given, COPY, ORIEL_NO_DEP);
}

static oriel_status produce_undrained(oriel_orch *orch, const oriel_args *given)
{
    return through_a_temporary(orch, given, COPY_UNDRAINED, ORIEL_INPUT);
}

/* By the mailbox, which exists: in to mailbox, mailbox to out. */
static oriel_status by_mailbox(oriel_orch *orch, const oriel_args *given, oriel_tag reader, bool explicitly)
{
    oriel_task first;
    oriel_status status = submit(orch, COPY, given->tensor[IN], ORIEL_INPUT, given->tensor[MAILBOX],
                                 ORIEL_OUTPUT_EXISTING, no_task, NULL, &first);
    return status ? status
                  : submit(orch, COPY, given->tensor[MAILBOX], reader, given->tensor[OUT], ORIEL_OUTPUT_EXISTING,
                           explicitly ? first : no_task, NULL, NULL);
}

static oriel_status read_after_write(oriel_orch *orch, const oriel_args *given)
{
    return by_mailbox(orch, given, ORIEL_INPUT, false);
}

static oriel_status read_without_dependency(oriel_orch *orch, const oriel_args *given)
{
    return by_mailbox(orch, given, ORIEL_NO_DEP, false);
}

static oriel_status read_with_explicit_dependency(oriel_orch *orch, const oriel_args *given)
{
    return by_mailbox(orch, given, ORIEL_NO_DEP, true);
}

static oriel_status read_after_waiting(oriel_orch *orch, const oriel_args *given)
{
    oriel_task first;
    oriel_status status = submit(orch, COPY, given->tensor[IN], ORIEL_INPUT, given->tensor[MAILBOX],
                                 ORIEL_OUTPUT_EXISTING, no_task, NULL, &first);
    if (!status)
        status = oriel_task_wait(orch, first, -1);
    return status ? status
                  : submit(orch, COPY, given->tensor[MAILBOX], ORIEL_NO_DEP, given->tensor[OUT], ORIEL_OUTPUT_EXISTING,
                           no_task, NULL, NULL);
}

/* The mailbox is read, and then written: the first is in the way of nobody, as far as the runtime can tell. */
static oriel_status write_after(oriel_orch *orch, const oriel_args *given, bool explicitly)
{
    oriel_tensor mailbox = given->tensor[MAILBOX], lost = temporary();
    oriel_task writer, reader;
    oriel_status status =
        submit(orch, COPY, given->tensor[IN], ORIEL_INPUT, mailbox, ORIEL_INOUT, no_task, NULL, &writer);
    if (!status)
        status =
            submit(orch, COPY, mailbox, ORIEL_INPUT, given->tensor[OUT], ORIEL_OUTPUT_EXISTING, no_task, NULL, &reader);
    if (!status)
        status = submit(orch, COPY, given->tensor[IN], ORIEL_INPUT, lost, ORIEL_OUTPUT, no_task, &lost, NULL);
    return status
               ? status
               : submit(orch, COPY, lost, ORIEL_INPUT, mailbox, ORIEL_INOUT, explicitly ? reader : no_task, NULL, NULL);
}

static oriel_status write_after_read(oriel_orch *orch, const oriel_args *given)
{
    return write_after(orch, given, false);
}

static oriel_status write_after_read_with_dependency(oriel_orch *orch, const oriel_args *given)
{
    return write_after(orch, given, true);
}

static oriel_status two_writers(oriel_orch *orch, const oriel_args *given, oriel_tag second)
{
    oriel_status status = submit(orch, COPY, given->tensor[IN], ORIEL_INPUT, given->tensor[OUT], ORIEL_OUTPUT_EXISTING,
                                 no_task, NULL, NULL);
    return status ? status
                  : submit(orch, COPY, given->tensor[IN], ORIEL_INPUT, given->tensor[OUT], second, no_task, NULL, NULL);
}

static oriel_status write_after_write(oriel_orch *orch, const oriel_args *given)
{
    return two_writers(orch, given, ORIEL_INOUT);
}

static oriel_status overwrite_after_write(oriel_orch *orch, const oriel_args *given)
{
    return two_writers(orch, given, ORIEL_OUTPUT_EXISTING);
}

/* What the peer sends is there when its counter says so: a task that does nothing stands for that. */
static oriel_status receive(oriel_orch *orch, const oriel_args *given, int32_t least, bool wait)
{
    oriel_args args = ORIEL_ARGS_INIT, token = ORIEL_ARGS_INIT;
    oriel_task arrived = no_task;
    oriel_status status = oriel_args_tensor(&args, given->tensor[IN], ORIEL_INPUT);
    if (!status)
        status = oriel_args_tensor(&args, given->tensor[MAILBOX], ORIEL_NO_DEP);
    if (!status)
        status = oriel_args_tensor(&args, given->tensor[COUNTERS], ORIEL_NO_DEP);
    if (!status)
        status = oriel_args_comm(&args, given->comm[0]);
    if (!status)
        status = oriel_submit(orch, SEND, &args, ORIEL_ANY_DEVICE, NULL);
    if (!status)
        status = oriel_args_until(&token, given->tensor[COUNTERS], 0, least);
    if (!status && wait)
        status = oriel_submit(orch, NOTHING, &token, ORIEL_ANY_DEVICE, &arrived);
    return status ? status
                  : submit(orch, COPY, given->tensor[MAILBOX], ORIEL_INPUT, given->tensor[OUT], ORIEL_OUTPUT_EXISTING,
                           arrived, NULL, NULL);
}

/* Halves of the mailbox would alternate in a real one; here a call ends before the next reads, on its own rank only. */
static oriel_status receive_when_counted(oriel_orch *orch, const oriel_args *given)
{
    return receive(orch, given, (int32_t)given->scalar[CALL] + 1, true);
}

static oriel_tensor half(oriel_tensor whole, uint64_t which)
{
    return oriel_tensor_1d((float *)whole.data + which * (COUNT / 2), PTO_F32, COUNT / 2);
}

/* What two tasks of the peer send, by halves: complete when `least` of them say so. */
static oriel_status receive_halves(oriel_orch *orch, const oriel_args *given, int32_t least)
{
    oriel_args token = ORIEL_ARGS_INIT;
    oriel_task arrived = no_task;
    oriel_status status = ORIEL_OK;
    for (uint64_t i = 0; i < 2 && !status; i++) {
        oriel_args args = ORIEL_ARGS_INIT;
        status = oriel_args_tensor(&args, half(given->tensor[IN], i), ORIEL_INPUT);
        if (!status)
            status = oriel_args_tensor(&args, half(given->tensor[MAILBOX], i), ORIEL_NO_DEP);
        if (!status)
            status = oriel_args_tensor(&args, given->tensor[COUNTERS], ORIEL_NO_DEP);
        if (!status)
            status = oriel_args_comm(&args, given->comm[0]);
        if (!status)
            status = oriel_submit(orch, SEND, &args, ORIEL_ANY_DEVICE, NULL);
    }
    if (!status)
        status = oriel_args_until(&token, given->tensor[COUNTERS], 0, least);
    if (!status)
        status = oriel_submit(orch, NOTHING, &token, ORIEL_ANY_DEVICE, &arrived);
    return status ? status
                  : submit(orch, COPY, given->tensor[MAILBOX], ORIEL_INPUT, given->tensor[OUT], ORIEL_OUTPUT_EXISTING,
                           arrived, NULL, NULL);
}

static oriel_status receive_both_halves(oriel_orch *orch, const oriel_args *given)
{
    return receive_halves(orch, given, 2);
}

static oriel_status receive_either_half(oriel_orch *orch, const oriel_args *given)
{
    return receive_halves(orch, given, 1);
}

static oriel_status receive_at_once(oriel_orch *orch, const oriel_args *given)
{
    return receive(orch, given, 0, false);
}

static oriel_status receive_the_first_again(oriel_orch *orch, const oriel_args *given)
{
    return receive(orch, given, 1, true);
}

static oriel_status receive_what_never_comes(oriel_orch *orch, const oriel_args *given)
{
    return receive(orch, given, 1000, true);
}

/* ---- Launches --------------------------------------------------------------------------------------------------- */

static const oriel_launch_buffer buffers[] = {{"in", ORIEL_ROLE_INPUT, PTO_F32, oriel_count_one},
                                              {"out", ORIEL_ROLE_OUTPUT, PTO_F32, oriel_count_one},
                                              {"made", ORIEL_ROLE_TEMPORARY, PTO_F32, oriel_count_two},
                                              {"mailbox", ORIEL_ROLE_WINDOW, PTO_F32, oriel_count_one},
                                              {"counters", ORIEL_ROLE_WINDOW, PTO_I32, oriel_count_signals}};

static oriel_expected expect_own(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                                 uint64_t i)
{
    (void)job, (void)buffer;
    return (oriel_expected){oriel_input(inputs, rank, "in", i), 0};
}

static oriel_expected expect_peers(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                                   uint64_t i)
{
    (void)buffer;
    return (oriel_expected){oriel_input(inputs, (rank + job->ranks - 1) % job->ranks, "in", i), 0};
}

static oriel_launch launch_of(oriel_device_fn orchestrate)
{
    return (oriel_launch){.name = "tasks",
                          .summary = "tasks of one device",
                          .orchestrate = orchestrate,
                          .kernels = kernels,
                          .kernel_count = sizeof kernels / sizeof *kernels,
                          .buffers = buffers,
                          .buffer_count = sizeof buffers / sizeof *buffers,
                          .expect = expect_own,
                          .dtypes = PTO_DTYPE_BIT(PTO_F32),
                          .min_ranks = 1,
                          .max_ranks = 3,
                          .default_count = COUNT};
}

static oriel_job job_of(const char *platform)
{
    return (oriel_job){.platform = platform,
                       .devices = devices,
                       .ranks = RANKS,
                       .dtype = PTO_F32,
                       .repeat = 3,
                       .timeout_s = 60,
                       .form = UNDER_TSAN ? ORIEL_DEVICE_THREADS : ORIEL_DEVICE_PROCESSES};
}

/* Checks it on both platforms in both profiles, with `calls` calls; gives each report to `look`. */
static void check_everywhere(const oriel_launch *launch, uint32_t calls,
                             void (*look)(const oriel_check_report *report, oriel_profile profile))
{
    const char *const platforms[] = {"a2a3sim", "a5sim"};
    for (int p = 0; p < 2; p++)
        for (oriel_profile profile = ORIEL_PROFILE_STRICT; profile <= ORIEL_PROFILE_DOCUMENTED; profile++) {
            oriel_job job = job_of(platforms[p]);
            if (profile == ORIEL_PROFILE_DOCUMENTED)
                job.form = ORIEL_DEVICE_THREADS; /* in this process */
            const oriel_check_options options = {.profile = profile, .calls = calls};
            oriel_check_report report;
            assert_ok(oriel_check(launch, &job, &options, &report));
            look(&report, profile);
            oriel_check_report_free(&report);
        }
}

static void is_clean(const oriel_check_report *report, oriel_profile profile)
{
    if (report->findings)
        fail_msg("%s: %s: %s", oriel_profile_name(profile), oriel_finding_name(report->finding[0].kind),
                 report->finding[0].message);
    assert_true(report->exhaustive);
    assert_true(report->random_schedules > 0);
}

static const oriel_finding *find(const oriel_check_report *report, oriel_finding_kind kind)
{
    for (uint32_t i = 0; i < report->findings; i++)
        if (report->finding[i].kind == kind)
            return &report->finding[i];
    fail_msg("no %s among %u findings, the first of which is %s", oriel_finding_name(kind), report->findings,
             report->findings ? report->finding[0].message : "none");
    return NULL;
}

static void says(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" does not say \"%s\"", text, part);
}

/* ---- Order ------------------------------------------------------------------------------------------------------ */

static void clean_everywhere(oriel_device_fn orchestrate)
{
    oriel_launch launch = launch_of(orchestrate);
    check_everywhere(&launch, 3, is_clean);
}

static void what_depends_is_ordered(void **state)
{
    (void)state;
    clean_everywhere(produce_and_consume);
    clean_everywhere(consume_with_no_dep);
    clean_everywhere(read_after_write);
    clean_everywhere(read_with_explicit_dependency);
    clean_everywhere(read_after_waiting);
    clean_everywhere(write_after_write);
    clean_everywhere(write_after_read_with_dependency);
}

static void is_race_of_reader(const oriel_check_report *report, oriel_profile profile)
{
    (void)profile;
    const oriel_finding *finding = find(report, ORIEL_FINDING_RANK_RACE);
    says(finding->message, "task 0 (copy)");
    says(finding->message, "task 1 (copy)");
    says(finding->missing, "task 1 (copy) after task 0 (copy): a tensor of these bytes");
    assert_string_equal(finding->side[0].kernel, "copy");
    assert_int_equal(finding->side[0].task + finding->side[1].task, 1);
    assert_int_equal(finding->side[0].rank, finding->side[1].rank);
    assert_true(finding->harm);
}

static void a_reader_without_dependency_is_found(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(read_without_dependency);
    check_everywhere(&launch, 3, is_race_of_reader);
}

static void is_write_after_read(const oriel_check_report *report, oriel_profile profile)
{
    (void)profile;
    const oriel_finding *finding = find(report, ORIEL_FINDING_RANK_RACE);
    says(finding->message, "task 1 (copy)");
    says(finding->message, "task 3 (copy)");
    says(finding->missing, "an explicit dependency of task 3 (copy) on task 1 (copy)");
}

static void a_write_after_a_read_is_found(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(write_after_read);
    check_everywhere(&launch, 3, is_write_after_read);
}

/* The pages of the runtime say that a second writer waits; its source does so for INOUT only. */
static void is_overwrite(const oriel_check_report *report, oriel_profile profile)
{
    if (profile == ORIEL_PROFILE_DOCUMENTED)
        is_clean(report, profile);
    else
        says(find(report, ORIEL_FINDING_RANK_RACE)->message, "task 1 (copy)");
}

static void an_overwrite_is_ordered_in_the_documented_profile(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(overwrite_after_write);
    check_everywhere(&launch, 3, is_overwrite);
}

static void is_undrained(const oriel_check_report *report, oriel_profile profile)
{
    (void)profile;
    for (uint32_t i = 0; i < report->findings; i++) {
        const oriel_finding *finding = &report->finding[i];
        if (finding->kind != ORIEL_FINDING_EARLY_SIGNAL || finding->side[1].host)
            continue;
        says(finding->message, "task 0 (copy_undrained) may still be under way when TLOAD of rank");
        says(finding->message, "task 1 (copy), which comes after it, reads the bytes");
        says(finding->missing, "before the kernel returns: pto_pipe_barrier(PIPE_ALL)");
        assert_true(finding->harm);
        return;
    }
    fail_msg("that a task returns before its store has landed is not found");
}

static void a_return_drains_nothing(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(produce_undrained);
    check_everywhere(&launch, 3, is_undrained);
}

/* ---- Conditions ------------------------------------------------------------------------------------------------- */

static void a_condition_waits_for_what_the_peer_sends(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(receive_when_counted);
    launch.expect = expect_peers;
    check_everywhere(&launch, 1, is_clean);
}

/* That the peer has read before the next call overwrites is not waited for. */
static void is_reuse(const oriel_check_report *report, oriel_profile profile)
{
    (void)profile;
    for (uint32_t i = 0; i < report->findings; i++)
        assert_int_equal(report->finding[i].kind, ORIEL_FINDING_REUSE_RACE);
    says(find(report, ORIEL_FINDING_REUSE_RACE)->message, "task 0 (send)");
}

static void a_generation_in_the_condition_leaves_the_reuse_to_be_found(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(receive_when_counted);
    launch.expect = expect_peers;
    check_everywhere(&launch, 3, is_reuse);
}

static void is_race_of_ranks(const oriel_check_report *report, oriel_profile profile)
{
    (void)profile;
    const oriel_finding *finding = find(report, ORIEL_FINDING_RANK_RACE);
    says(finding->message, "task 0 (send)");
    says(finding->message, "task 1 (copy)");
}

static void is_race_of_halves(const oriel_check_report *report, oriel_profile profile)
{
    (void)profile;
    const oriel_finding *finding = find(report, ORIEL_FINDING_RANK_RACE);
    says(finding->message, "(send)");
    says(finding->message, "task 3 (copy)");
    assert_true(report->exhaustive);
}

/* It acquires what it needed, and no more: of two notifies either will do for one. */
static void a_condition_learns_only_what_it_needed(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(receive_both_halves);
    launch.expect = expect_peers;
    check_everywhere(&launch, 1, is_clean);
    launch = launch_of(receive_either_half);
    launch.expect = expect_peers;
    check_everywhere(&launch, 1, is_race_of_halves);
}

static void without_the_condition_it_is_a_race(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(receive_at_once);
    launch.expect = expect_peers;
    check_everywhere(&launch, 1, is_race_of_ranks);
}

static void is_stale(const oriel_check_report *report, oriel_profile profile)
{
    (void)profile;
    const oriel_finding *finding = find(report, ORIEL_FINDING_STALE_SIGNAL);
    assert_string_equal(finding->side[0].what, "the completion condition");
    assert_string_equal(finding->side[0].kernel, "nothing");
    assert_string_equal(finding->side[0].place.file, "");
    says(finding->id, "stale-signal/nothing/");
}

static void a_count_that_an_earlier_call_left_is_stale(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(receive_the_first_again);
    launch.expect = expect_peers;
    check_everywhere(&launch, 3, is_stale);
}

static void is_deadlock(const oriel_check_report *report, oriel_profile profile)
{
    (void)profile;
    const oriel_finding *finding = find(report, ORIEL_FINDING_DEADLOCK);
    assert_int_equal(report->findings, 1);
    says(finding->message, "task 1 (nothing) of rank 0 does not become complete");
    bool waits = false;
    for (uint32_t i = 0; i < finding->sides; i++)
        waits |= strcmp(finding->side[i].what, "its start") == 0 && finding->side[i].task == 2 &&
                 strstr(finding->side[i].bytes, "after task 1 (nothing), which is not complete");
    assert_true(waits);
    says(finding->side[0].bytes, "of window \"counters\" of rank 0: wants >= 1000, sees 1");
    assert_string_equal(finding->side[0].what, "the completion condition");
    assert_true(finding->harm);
}

static void a_condition_that_never_comes_is_a_deadlock(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(receive_what_never_comes);
    launch.expect = expect_peers;
    check_everywhere(&launch, 3, is_deadlock);
}

/* ---- Replay, prune ---------------------------------------------------------------------------------------------- */

static void a_witness_runs_again(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(read_without_dependency);
    const oriel_job job = job_of("a2a3sim");
    oriel_check_report report, again;
    assert_ok(oriel_check(&launch, &job, NULL, &report));
    const oriel_finding *finding = find(&report, ORIEL_FINDING_RANK_RACE);
    const oriel_check_options options = {.replay = finding->replay};
    assert_ok(oriel_check(&launch, &job, &options, &again));
    assert_true(again.harmed);
    oriel_check_report_free(&again);
    oriel_check_report_free(&report);
}

static void what_synchronizes_tasks_is_necessary(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(produce_and_consume);
    oriel_job job = job_of("a2a3sim");
    const oriel_prune_cell cell = {"a2a3sim", ORIEL_PROFILE_STRICT, RANKS, COUNT};
    oriel_prune_report report;
    assert_ok(oriel_prune(&launch, &job, NULL, &cell, 1, &report));
    assert_int_equal(report.statements, 3);
    for (uint32_t i = 0; i < report.statements; i++)
        assert_int_equal(report.statement[i].verdict, ORIEL_PRUNE_NECESSARY);
    oriel_prune_report_free(&report);
}

/* ---- Running ---------------------------------------------------------------------------------------------------- */

static void run_in_both_forms(oriel_device_fn orchestrate, oriel_expect_fn expect, uint32_t repeat, oriel_status status,
                              const char *message)
{
    const oriel_device_form forms[] = {ORIEL_DEVICE_PROCESSES, ORIEL_DEVICE_THREADS};
    oriel_launch launch = launch_of(orchestrate);
    launch.expect = expect;
    for (size_t f = UNDER_TSAN; f < 2; f++) {
        oriel_job job = job_of("a2a3sim");
        job.form = forms[f];
        job.repeat = repeat;
        job.timeout_s = status ? 0.3 : 60;
        oriel_report report;
        if (status) {
            assert_fails(oriel_launch_run(&launch, &job, &report), status, message);
            continue;
        }
        assert_ok(oriel_launch_run(&launch, &job, &report));
        assert_int_equal(report.wrong, 0);
        oriel_report_free(&report);
    }
}

static void orchestrations_run(void **state)
{
    (void)state;
    run_in_both_forms(produce_and_consume, expect_own, 3, ORIEL_OK, NULL);
    run_in_both_forms(read_with_explicit_dependency, expect_own, 3, ORIEL_OK, NULL);
    run_in_both_forms(read_after_waiting, expect_own, 3, ORIEL_OK, NULL);
    run_in_both_forms(write_after_read_with_dependency, expect_own, 3, ORIEL_OK, NULL);
    run_in_both_forms(receive_when_counted, expect_peers, 3, ORIEL_OK, NULL);
}

static void a_condition_that_never_comes_ends_with_the_deadline(void **state)
{
    (void)state;
    run_in_both_forms(receive_what_never_comes, expect_peers, 1, ORIEL_TIMEOUT,
                      "task \"nothing\" was to end when its cell is at least 1000, and it is 1");
}

/* ---- What cannot be --------------------------------------------------------------------------------------------- */

static oriel_status submit_too_many(oriel_orch *orch, const oriel_args *given)
{
    oriel_args args = ORIEL_ARGS_INIT;
    oriel_status status = ORIEL_OK;
    (void)given;
    for (int i = 0; i < 100 && !status; i++)
        status = oriel_submit(orch, NOTHING, &args, ORIEL_ANY_DEVICE, NULL);
    return status;
}

static oriel_status make_too_much(oriel_orch *orch, const oriel_args *given)
{
    oriel_status status = ORIEL_OK;
    for (int i = 0; i < 3 && !status; i++)
        status = submit(orch, COPY, given->tensor[IN], ORIEL_INPUT, temporary(), ORIEL_OUTPUT, no_task, NULL, NULL);
    return status;
}

static oriel_status leave_a_buffer(oriel_orch *orch, const oriel_args *given)
{
    oriel_tensor longer = given->tensor[OUT];
    longer.shape[0]++;
    return submit(orch, COPY, given->tensor[IN], ORIEL_INPUT, longer, ORIEL_OUTPUT_EXISTING, no_task, NULL, NULL);
}

static oriel_status want_an_input(oriel_orch *orch, const oriel_args *given)
{
    static int32_t own;
    oriel_args args = ORIEL_ARGS_INIT;
    oriel_tensor cell = oriel_tensor_1d(&own, PTO_I32, 1);
    (void)given;
    oriel_status status = oriel_args_until(&args, cell, 0, 1);
    return status ? status : oriel_submit(orch, NOTHING, &args, ORIEL_ANY_DEVICE, NULL);
}

static oriel_status want_a_cell_behind_the_end(oriel_orch *orch, const oriel_args *given)
{
    oriel_args args = ORIEL_ARGS_INIT;
    (void)orch;
    return oriel_args_until(&args, given->tensor[COUNTERS], given->tensor[COUNTERS].shape[0], 1);
}

static oriel_status submit_what_there_is_not(oriel_orch *orch, const oriel_args *given)
{
    oriel_args args = ORIEL_ARGS_INIT;
    (void)given;
    return oriel_submit(orch, 5, &args, ORIEL_ANY_DEVICE, NULL);
}

static oriel_status come_after_nobody(oriel_orch *orch, const oriel_args *given)
{
    return submit(orch, COPY, given->tensor[IN], ORIEL_INPUT, given->tensor[OUT], ORIEL_OUTPUT_EXISTING,
                  (oriel_task){1}, NULL, NULL);
}

static void assert_refused(oriel_device_fn orchestrate, const char *message)
{
    oriel_launch launch = launch_of(orchestrate);
    oriel_job job = job_of("a2a3sim");
    job.form = ORIEL_DEVICE_THREADS;
    oriel_check_report report;
    assert_fails(oriel_check(&launch, &job, NULL, &report), ORIEL_INVALID, message);
    assert_false(report.accepted);
}

static void orchestrations_that_cannot_be_checked_are_refused(void **state)
{
    (void)state;
    assert_refused(submit_too_many, "task 48 (nothing): the call has more than 48 blocks");
    assert_refused(make_too_much, "task 2 (copy): no temporary buffer of the launch has 64 B left");
    assert_refused(leave_a_buffer, "task 0 (copy): tensor argument 1 is no part of a buffer");
    assert_refused(want_an_input, "task 0 (nothing): the cell of its completion condition is in no window");
    assert_refused(want_a_cell_behind_the_end, "a completion condition is on cell 96 of 96");
    assert_refused(submit_what_there_is_not, "launch tasks has no kernel 5: it has 5");
    assert_refused(come_after_nobody, "it is to come after a task that was not submitted in this call");
}

static void launches_that_are_incomplete_are_refused(void **state)
{
    (void)state;
    const oriel_job job = job_of("a2a3sim");
    oriel_check_report report;
    oriel_launch launch = launch_of(produce_and_consume);
    launch.kernel = copy;
    assert_fails(oriel_check(&launch, &job, NULL, &report), ORIEL_INVALID, "an orchestration, and a kernel of its own");
    launch = launch_of(produce_and_consume);
    launch.kernel_count = 0;
    assert_fails(oriel_check(&launch, &job, NULL, &report), ORIEL_INVALID, "no kernels that it could submit");
    launch = launch_of(NULL);
    launch.kernel = copy;
    assert_fails(oriel_check(&launch, &job, NULL, &report), ORIEL_INVALID, "has temporaries, and no orchestration");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_depends_is_ordered),
        cmocka_unit_test(a_reader_without_dependency_is_found),
        cmocka_unit_test(a_write_after_a_read_is_found),
        cmocka_unit_test(an_overwrite_is_ordered_in_the_documented_profile),
        cmocka_unit_test(a_return_drains_nothing),
        cmocka_unit_test(a_condition_waits_for_what_the_peer_sends),
        cmocka_unit_test(a_generation_in_the_condition_leaves_the_reuse_to_be_found),
        cmocka_unit_test(a_condition_learns_only_what_it_needed),
        cmocka_unit_test(without_the_condition_it_is_a_race),
        cmocka_unit_test(a_count_that_an_earlier_call_left_is_stale),
        cmocka_unit_test(a_condition_that_never_comes_is_a_deadlock),
        cmocka_unit_test(a_witness_runs_again),
        cmocka_unit_test(what_synchronizes_tasks_is_necessary),
        cmocka_unit_test(orchestrations_run),
        cmocka_unit_test(a_condition_that_never_comes_ends_with_the_deadline),
        cmocka_unit_test(orchestrations_that_cannot_be_checked_are_refused),
        cmocka_unit_test(launches_that_are_incomplete_are_refused),
    };
    return cmocka_run_group_tests_name("launch/tasks", tests, NULL, NULL);
}
