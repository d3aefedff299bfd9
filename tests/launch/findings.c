/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: what oriel_check finds. One small wrong kernel for each kind of finding is found, and a right one is clean; a kernel
 * that gives up, crashes or never ends is a message with its line; a job that cannot be is refused; a witness runs again to the
 * same end.
 */
#include <unistd.h>

#include "launch/builtin.h"
#include "oriel/check.h"
#include "oriel/kernel.h"
#include "test.h"

enum { SCRATCH, SIGNALS };

static const int devices[] = {0, 1, 2};

static oriel_job job_of(const char *platform, uint32_t ranks, uint64_t count)
{
    return (oriel_job){.platform = platform,
                       .devices = devices,
                       .ranks = ranks,
                       .count = count,
                       .dtype = PTO_F32,
                       .repeat = 1,
                       .timeout_s = 60,
                       .form = UNDER_TSAN ? ORIEL_DEVICE_THREADS : ORIEL_DEVICE_PROCESSES};
}

/* ---- One wrong kernel for each kind ----------------------------------------------------------------------------- */

/* What the wrong kernels are made of: tensors in (16 f32), out (16), windows scratch (32 f32), signals (lines for each rank). */
typedef struct parts {
    pto_global in, out, scratch, signals;
    const pto_comm *comm;
    pto_tile tile;
    uint32_t peer;
} parts;

static parts parts_of(pto_core *core)
{
    parts p = {.in = pto_arg_tensor(core, 0), .out = pto_arg_tensor(core, 1), .comm = pto_arg_comm(core, 0)};
    p.scratch = pto_slice(pto_window_buffer(core, p.comm, SCRATCH), 0, 16);
    p.signals = pto_window_buffer(core, p.comm, SIGNALS);
    p.tile = pto_tile_1d(core, PTO_F32, 0, 16);
    p.peer = (p.comm->rank + 1) % p.comm->ranks;
    return p;
}

static pto_addr cell_of(const parts *p, uint32_t writer)
{
    return p->signals.addr + (uint64_t)writer * PTO_LINE_BYTES;
}

static void drain(pto_core *core)
{
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_dsb(core);
}

/* in to out, as it should be. */
static void copy_out(pto_core *core, const parts *p)
{
    pto_tload(core, p->tile, p->in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p->out, p->tile);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
}

static void pipe_race(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* Stores to the peer's scratch, and reads its own. */
static void push_and_read(pto_core *core, const parts *p)
{
    pto_tload(core, p->tile, p->in);
    drain(core);
    pto_tstore(core, pto_peer(p->comm, p->scratch, p->peer), p->tile);
    drain(core);
}

static void rank_race(pto_core *core)
{
    parts p = parts_of(core);
    push_and_read(core, &p);
    pto_tload(core, p.tile, p.scratch);
    drain(core);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

static void early_signal(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t before = (p.comm->rank + p.comm->ranks - 1) % p.comm->ranks;
    pto_tload(core, p.tile, p.in);
    drain(core);
    pto_tstore(core, pto_peer(p.comm, p.scratch, p.peer), p.tile);
    pto_tnotify(core, pto_peer_addr(p.comm, cell_of(&p, p.comm->rank), p.peer), 1, PTO_NOTIFY_ADD);
    pto_twait(core, pto_cell(cell_of(&p, before)), 1, PTO_GE);
    pto_tload(core, p.tile, p.scratch);
    drain(core);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

static void stale_signal(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t before = (p.comm->rank + p.comm->ranks - 1) % p.comm->ranks;
    push_and_read(core, &p);
    pto_tnotify(core, pto_peer_addr(p.comm, cell_of(&p, p.comm->rank), p.peer), 1, PTO_NOTIFY_ADD);
    pto_twait(core, pto_cell(cell_of(&p, before)), 1, PTO_GE);
    pto_tload(core, p.tile, p.scratch);
    drain(core);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* A generation makes the wait right; that the peer has read what the next call overwrites is not waited for. */
static void reuse_race(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t before = (p.comm->rank + p.comm->ranks - 1) % p.comm->ranks;
    int32_t calls = pto_load_i32(core, cell_of(&p, p.comm->rank));
    push_and_read(core, &p);
    pto_tnotify(core, cell_of(&p, p.comm->rank), calls + 1, PTO_NOTIFY_SET);
    pto_tnotify(core, pto_peer_addr(p.comm, cell_of(&p, p.comm->rank), p.peer), calls + 1, PTO_NOTIFY_SET);
    pto_twait(core, pto_cell(cell_of(&p, before)), calls, PTO_NE);
    pto_tload(core, p.tile, p.scratch);
    drain(core);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

static void deadlock(pto_core *core)
{
    parts p = parts_of(core);
    copy_out(core, &p);
    pto_twait(core, pto_cell(cell_of(&p, p.peer)), 1, PTO_GE);
    pto_tnotify(core, pto_peer_addr(p.comm, cell_of(&p, p.comm->rank), p.peer), 1, PTO_NOTIFY_SET);
}

static void flag_misuse(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in);
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0);
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

static void out_of_bounds(pto_core *core)
{
    parts p = parts_of(core);
    copy_out(core, &p);
    pto_tload(core, p.tile, pto_slice(p.in, 1, 16));
}

static void misaligned(pto_core *core)
{
    parts p = parts_of(core);
    copy_out(core, &p);
    p.tile.offset = 4;
    pto_tload(core, p.tile, p.in);
}

static void limit(pto_core *core)
{
    parts p = parts_of(core);
    copy_out(core, &p);
    pto_tadd(core, p.tile, p.tile, pto_tile_1d(core, PTO_F16, 64, 16));
}

static void uninitialized_read(pto_core *core)
{
    parts p = parts_of(core);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

static void line_clobber(pto_core *core)
{
    parts p = parts_of(core);
    copy_out(core, &p);
    pto_tnotify(core, pto_peer_addr(p.comm, p.signals.addr + 4 * p.comm->rank, 0), 1, PTO_NOTIFY_SET);
}

static void signal_misuse(pto_core *core)
{
    parts p = parts_of(core);
    copy_out(core, &p);
    pto_tnotify(core, pto_peer_addr(p.comm, p.signals.addr, 0), 1, p.comm->rank ? PTO_NOTIFY_ADD : PTO_NOTIFY_SET);
}

/* All store to rank 0, which does not wait for as many as the others think. */
static void rank_mismatch(pto_core *core)
{
    parts p = parts_of(core);
    copy_out(core, &p);
    for (uint32_t r = 0; r < p.comm->ranks - 1; r++)
        pto_tnotify(core, pto_peer_addr(p.comm, p.signals.addr, r), 1, PTO_NOTIFY_ADD);
    int32_t all = (int32_t)p.comm->ranks - (p.comm->rank == 0);
    pto_twait(core, pto_cell(p.signals.addr), all, PTO_GE);
}

static void residue(pto_core *core)
{
    parts p = parts_of(core);
    copy_out(core, &p);
    pto_tnotify(core, pto_peer_addr(p.comm, p.signals.addr, p.peer), 1, PTO_NOTIFY_ADD);
    uint64_t wait_for_one = 1;
    pto_twait(core, pto_cell(p.signals.addr), (int32_t)wait_for_one, PTO_EQ);
}

static void wrong_result(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tadds(core, p.tile, p.tile, 1);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

static void right(pto_core *core)
{
    parts p = parts_of(core);
    copy_out(core, &p);
}

static oriel_expected same_as_in(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                                 uint64_t i)
{
    (void)job, (void)buffer;
    return (oriel_expected){oriel_input(inputs, rank, "in", i), 0};
}

static oriel_expected whatever(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                               uint64_t i)
{
    (void)job, (void)inputs, (void)rank, (void)buffer, (void)i;
    return (oriel_expected){{.f = 0}, 1e30};
}

static oriel_launch launch_of(oriel_kernel_fn kernel, oriel_expect_fn expect)
{
    oriel_launch launch = oriel_launch_allreduce;
    launch.kernel = kernel;
    launch.expect = expect;
    return launch;
}

static const struct {
    oriel_kernel_fn kernel;
    oriel_expect_fn expect;
} wrong_kernels[ORIEL_FINDING_COUNT] = {
    [ORIEL_FINDING_PIPE_RACE] = {pipe_race, same_as_in},
    [ORIEL_FINDING_RANK_RACE] = {rank_race, whatever},
    [ORIEL_FINDING_EARLY_SIGNAL] = {early_signal, whatever},
    [ORIEL_FINDING_STALE_SIGNAL] = {stale_signal, whatever},
    [ORIEL_FINDING_REUSE_RACE] = {reuse_race, whatever},
    [ORIEL_FINDING_DEADLOCK] = {deadlock, same_as_in},
    [ORIEL_FINDING_FLAG_MISUSE] = {flag_misuse, same_as_in},
    [ORIEL_FINDING_OUT_OF_BOUNDS] = {out_of_bounds, same_as_in},
    [ORIEL_FINDING_MISALIGNED] = {misaligned, same_as_in},
    [ORIEL_FINDING_LIMIT] = {limit, same_as_in},
    [ORIEL_FINDING_UNINITIALIZED_READ] = {uninitialized_read, whatever},
    [ORIEL_FINDING_LINE_CLOBBER] = {line_clobber, same_as_in},
    [ORIEL_FINDING_SIGNAL_MISUSE] = {signal_misuse, same_as_in},
    [ORIEL_FINDING_RANK_MISMATCH] = {rank_mismatch, same_as_in},
    [ORIEL_FINDING_RESIDUE] = {residue, same_as_in},
    [ORIEL_FINDING_WRONG_RESULT] = {wrong_result, same_as_in},
};

static void test_each_kind_is_found(void **state)
{
    (void)state;
    for (int kind = 0; kind < ORIEL_FINDING_COUNT; kind++) {
        oriel_launch launch = launch_of(wrong_kernels[kind].kernel, wrong_kernels[kind].expect);
        oriel_job job = job_of("a2a3sim", 3, 16);
        oriel_check_report report;
        assert_ok(oriel_check(&launch, &job, NULL, &report));
        bool found = false;
        for (uint32_t i = 0; i < report.findings; i++)
            found |= report.finding[i].kind == (oriel_finding_kind)kind;
        if (!found)
            fail_msg("%s is not found; %s is, of %u findings", oriel_finding_name((oriel_finding_kind)kind),
                     report.findings ? report.finding[0].id : "nothing", report.findings);
        oriel_check_report_free(&report);
    }
}

static void test_a_right_kernel_is_clean(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(right, same_as_in);
    oriel_job job = job_of("a2a3sim", 3, 16);
    oriel_check_report report;
    assert_ok(oriel_check(&launch, &job, NULL, &report));
    if (report.findings)
        fail_msg("%s: %s", report.finding[0].id, report.finding[0].message);
    assert_true(report.exhaustive && report.schedules == 1);
    assert_int_equal(report.random_schedules, 16);
    oriel_check_report_free(&report);
}

/* ---- Witnesses -------------------------------------------------------------------------------------------------- */

static void test_a_witness_runs_again_to_the_same_end(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(pipe_race, same_as_in);
    oriel_job job = job_of("a2a3sim", 2, 16);
    oriel_check_report report, again;
    assert_ok(oriel_check(&launch, &job, NULL, &report));
    assert_true(report.findings >= 1 && report.finding[0].harm);
    assert_non_null(strstr(report.finding[0].witness, "out[0] of rank 0"));
    assert_ok(oriel_check(&launch, &job, &(oriel_check_options){.replay = report.finding[0].replay}, &again));
    assert_true(again.harmed);
    assert_non_null(strstr(report.finding[0].witness, again.ended));
    oriel_check_report_free(&again);
    oriel_check_report_free(&report);
    assert_fails(oriel_check(&launch, &job, &(oriel_check_options){.replay = "nonsense"}, &again), ORIEL_INVALID,
                 "no witness");
}

static oriel_expected from_rank_before(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank,
                                       const char *buffer, uint64_t i)
{
    (void)buffer;
    return (oriel_expected){oriel_input(inputs, (rank + job->ranks - 1) % job->ranks, "in", i), 0};
}

/* Equal inputs in each call would hide that a rank gets the data of the next call. */
static void test_a_witness_of_reuse_shows_the_data_of_another_call(void **state)
{
    (void)state;
    oriel_launch launch = launch_of(reuse_race, from_rank_before);
    oriel_job job = job_of("a2a3sim", 3, 16);
    oriel_check_report report, again;
    assert_ok(oriel_check(&launch, &job, NULL, &report));
    const oriel_finding *reuse = NULL;
    for (uint32_t i = 0; i < report.findings; i++)
        if (report.finding[i].kind == ORIEL_FINDING_REUSE_RACE)
            reuse = &report.finding[i];
    assert_non_null(reuse);
    assert_true(reuse->harm);
    assert_non_null(strstr(reuse->witness, "with other inputs in every other call: out[0]"));
    assert_ok(oriel_check(&launch, &job, &(oriel_check_options){.replay = reuse->replay}, &again));
    assert_true(again.harmed);
    oriel_check_report_free(&again);
    oriel_check_report_free(&report);
    assert_int_equal(report.random_schedules, 0);
}

/* ---- What ends a check ------------------------------------------------------------------------------------------ */

static void gives_up(pto_core *core)
{
    pto_trap(core, "enough");
}

static void crashes(pto_core *core)
{
    pto_dsb(core);
    *(volatile int *)(uintptr_t)pto_block_index(core) = 1;
}

static void never_ends(pto_core *core)
{
    pto_dsb(core);
    while (pto_block_count(core))
        sleep(1);
}

static void test_what_ends_a_check_has_a_line(void **state)
{
    (void)state;
    oriel_check_report report;
    oriel_job job = job_of("a2a3sim", 2, 16);
    oriel_launch launch = launch_of(gives_up, whatever);
    assert_fails(oriel_check(&launch, &job, NULL, &report), ORIEL_FAULT, "findings.c:");
    assert_non_null(strstr(oriel_last_error(), "enough"));
    if (UNDER_TSAN)
        skip();
    launch = launch_of(crashes, whatever);
    assert_fails(oriel_check(&launch, &job, NULL, &report), ORIEL_FAULT, "the kernel crashed");
    assert_non_null(strstr(oriel_last_error(), "findings.c:"));
    launch = launch_of(never_ends, whatever);
    job.timeout_s = 0.2;
    assert_fails(oriel_check(&launch, &job, NULL, &report), ORIEL_TIMEOUT, "findings.c:");
}

static void test_jobs_that_cannot_be_are_refused(void **state)
{
    (void)state;
    oriel_check_report report = {.accepted = true};
    oriel_job job = job_of("a7sim", 2, 16);
    assert_fails(oriel_check(&oriel_launch_allgather, &job, NULL, &report), ORIEL_INVALID, "a7sim");
    assert_false(report.accepted);
    job = job_of("a2a3sim", 1, 16);
    assert_fails(oriel_check(&oriel_launch_allgather, &job, NULL, &report), ORIEL_INVALID, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_is_found),
        cmocka_unit_test(test_a_right_kernel_is_clean),
        cmocka_unit_test(test_a_witness_runs_again_to_the_same_end),
        cmocka_unit_test(test_a_witness_of_reuse_shows_the_data_of_another_call),
        cmocka_unit_test(test_what_ends_a_check_has_a_line),
        cmocka_unit_test(test_jobs_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
