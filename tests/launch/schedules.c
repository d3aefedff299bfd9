/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: what a schedule of the checking engine's machine is, when its steps are chosen one by one: each is legal, and begins
 * anew, however the one before it ended.
 */
#include "base/clock.h"
#include "engine/check/explore.h"
#include "launch/check_memory.h"
#include "launch/job.h"
#include "oriel/kernel.h"
#include "platform/platform.h"
#include "test.h"

#define RANKS 2
#define MOST  4
#define COUNT 64

typedef struct scene {
    oriel_launch launch;
    oriel_job job;
    oriel_check_memory memory;
    oriel_check_host host;
    oriel_check_options options;
    oriel_check_setup setup;
    oriel_checker *checker;
} scene;

static oriel_expected no_matter(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                                uint64_t i)
{
    (void)job, (void)inputs, (void)rank, (void)buffer, (void)i;
    return (oriel_expected){{.i = 0}, 0};
}

/* Results are looked at by the tests. */
static const char *is_right(void *context, uint32_t rank, uint32_t call)
{
    (void)context, (void)rank, (void)call;
    return NULL;
}

static const oriel_launch_buffer buffers[] = {{"out", ORIEL_ROLE_OUTPUT, PTO_I32, oriel_count_one},
                                              {"signals", ORIEL_ROLE_WINDOW, PTO_I32, oriel_count_signals}};

static void open_scene_of(scene *s, oriel_kernel_fn kernel, oriel_profile profile, uint32_t ranks)
{
    static const int devices[MOST] = {0, 1, 2, 3};
    const oriel_limits *limits = &oriel_platform_a2a3sim.limits;
    *s = (scene){.launch = {.name = "scene",
                            .summary = "",
                            .kernel = kernel,
                            .buffers = buffers,
                            .buffer_count = 2,
                            .expect = no_matter,
                            .dtypes = PTO_DTYPES_ALL,
                            .min_ranks = ranks,
                            .max_ranks = ranks,
                            .default_count = COUNT},
                 .options = {.calls = 1, .max_schedules = 100, .profile = profile}};
    oriel_job job = {.platform = "a2a3sim", .devices = devices, .ranks = ranks, .dtype = PTO_I32};
    assert_ok(oriel_job_complete(&s->launch, &job, &s->job));
    assert_ok(oriel_check_memory_make(&s->launch, &s->job, limits, &s->memory));
    s->host = oriel_check_memory_host(&s->memory);
    s->host.returned = is_right;
    s->setup = (oriel_check_setup){.limits = limits,
                                   .ranks = ranks,
                                   .blocks = 1,
                                   .calls = 1,
                                   .function = kernel,
                                   .view = s->memory.view,
                                   .piece = s->memory.piece,
                                   .pieces = s->memory.pieces,
                                   .host = &s->host,
                                   .options = &s->options,
                                   .deadline = oriel_deadline(300)};
    assert_ok(oriel_checker_create(&s->setup, &s->checker));
}

static void open_scene(scene *s, oriel_kernel_fn kernel, oriel_profile profile)
{
    open_scene_of(s, kernel, profile, RANKS);
}

static void close_scene(scene *s)
{
    oriel_checker_destroy(s->checker);
    oriel_check_memory_free(&s->memory);
}

/* ---- Beginning anew --------------------------------------------------------------------------------------------- */

static uint32_t begun, waited; /* by rank 1, in all schedules */

/* Rank 0 is ended at once, when rank 1 has not had a turn yet. */
static void ended_at_once(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    pto_addr cell = pto_window_buffer(core, comm, 0).addr;
    if (comm->rank == 0)
        pto_tload(core, pto_tile_1d(core, PTO_I32, 4, 8), pto_arg_tensor(core, 0));
    begun++;
    pto_tnotify(core, cell, 1, PTO_NOTIFY_ADD);
    waited++;
}

static void test_a_core_that_had_no_turn_does_not_begin(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, ended_at_once, ORIEL_PROFILE_STRICT);
    begun = waited = 0;
    for (int i = 0; i < 3; i++)
        check_run(s.checker, &(oriel_plan){.quiet = true});
    /* As it was left in the middle of its kernel, it would go on there in the next schedule. */
    assert_int_equal(begun, 0);
    assert_int_equal(waited, 0);
    close_scene(&s);
}

/* A billion chunks of one element: the strides are 0. */
static void large_composite(pto_core *core)
{
    pto_global one = pto_slice(pto_window_buffer(core, pto_arg_comm(core, 0), 0), 0, 1);
    one.shape[3] = 1 << 30;
    one.stride[3] = 0;
    pto_tput(core, one, one, pto_tile_1d(core, PTO_I32, 0, 1), PTO_NO_TILE);
}

static void test_a_deadline_passes_inside_a_composite(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, large_composite, ORIEL_PROFILE_STRICT);
    s.setup.deadline = oriel_deadline(0.1);
    assert_fails(oriel_checker_explore(s.checker), ORIEL_TIMEOUT, "deadline");
    close_scene(&s);
}

/* ---- Order ------------------------------------------------------------------------------------------------------ */

/* Each pipe touches one tile again and again, with nothing between. */
static void same_tile(pto_core *core)
{
    pto_global out = pto_arg_tensor(core, 0);
    pto_tile tile = pto_tile_1d(core, PTO_I32, 0, COUNT), half = pto_tile_1d(core, PTO_I32, 128, COUNT / 2);
    pto_tfill(core, tile, 1);
    pto_tadds(core, half, half, 1);
    pto_tmuls(core, tile, tile, 3);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, out, tile);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
}

static void expect_in_order(const scene *s)
{
    for (uint32_t rank = 0; rank < RANKS; rank++) {
        const int32_t *out = s->memory.args[rank].tensor[0].data;
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(out[i], i < COUNT / 2 ? 3 : 6);
    }
}

static void test_operations_of_one_pipe_on_one_tile_keep_their_order(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, same_tile, ORIEL_PROFILE_DOCUMENTED);
    uint64_t seed = test_seed();
    for (int i = 0; i < 100; i++) {
        check_run(s.checker, &(oriel_plan){.seed = seed + (uint64_t)i});
        expect_in_order(&s);
    }
    for (uint32_t ordinal = 1; ordinal <= 3; ordinal++) {
        const oriel_hold hold = {.kind = ORIEL_HOLD_ITEM, .pipe = PTO_PIPE_V, .ordinal = ordinal};
        check_run(s.checker, &(oriel_plan){.hold = hold});
        expect_in_order(&s);
    }
    assert_int_equal(s.checker->findings.count, 0);
    close_scene(&s);
}

/* ---- What composites and sums leave ----------------------------------------------------------------------------- */

/* Stores its staging tile, as if a TPUT left there what it moved. An engine that takes a short way does not even load it. */
static void stale_staging(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    pto_global out = pto_arg_tensor(core, 0), mine = pto_slice(pto_window_buffer(core, comm, 0), 0, 8);
    pto_tile tile = pto_tile_1d(core, PTO_I32, 0, COUNT);
    pto_tfill(core, tile, 1);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tput(core, pto_slice(out, 0, 8), mine, pto_tile_1d(core, PTO_I32, 0, 8), PTO_NO_TILE);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, out, tile);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
}

static void refilled_staging(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    pto_global out = pto_arg_tensor(core, 0), mine = pto_slice(pto_window_buffer(core, comm, 0), 0, 8);
    pto_tile tile = pto_tile_1d(core, PTO_I32, 0, COUNT);
    pto_tput(core, pto_slice(out, 0, 8), mine, pto_tile_1d(core, PTO_I32, 0, 8), PTO_NO_TILE);
    pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_V, 2);
    pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_V, 2);
    pto_tfill(core, tile, 1);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, out, tile);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
}

static void test_staging_tiles_are_undefined_afterwards(void **state)
{
    (void)state;
    for (int refilled = 0; refilled < 2; refilled++) {
        scene s;
        open_scene(&s, refilled ? refilled_staging : stale_staging, ORIEL_PROFILE_STRICT);
        assert_ok(oriel_checker_explore(s.checker));
        assert_int_equal(s.checker->findings.count, !refilled);
        if (!refilled)
            assert_int_equal(s.checker->findings.found[0].kind, ORIEL_FINDING_UNINITIALIZED_READ);
        close_scene(&s);
    }
}

/* Both ranks add to the first half of a line of rank 0's, which then loads all of it. Which of them came last is left open. */
static void partial_sums(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    pto_global out = pto_arg_tensor(core, 0), signals = pto_window_buffer(core, comm, 0);
    pto_global sums = pto_peer(comm, pto_slice(signals, 16, 8), 0);
    pto_tile tile = pto_tile_1d(core, PTO_I32, 0, COUNT);
    pto_tfill(core, tile, 1);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, out, tile);
    pto_tstore_add(core, sums, pto_tile_1d(core, PTO_I32, 0, 8));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_dsb(core);
    pto_tnotify(core, pto_peer_addr(comm, signals.addr, 0), 1, PTO_NOTIFY_ADD);
    if (comm->rank != 0)
        return;
    pto_twait(core, pto_cell(signals.addr), RANKS, PTO_GE);
    pto_tload(core, pto_tile_1d(core, PTO_I32, 0, 16), pto_slice(signals, 16, 16));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
}

static void test_a_sum_may_have_parts_to_which_nobody_adds(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, partial_sums, ORIEL_PROFILE_STRICT);
    uint64_t seed = test_seed();
    for (int i = 0; i < 50; i++)
        check_run(s.checker, &(oriel_plan){.seed = seed + (uint64_t)i});
    assert_int_equal(s.checker->findings.count, 0);
    close_scene(&s);
}

/* Returns while its last load and store are still to be done. */
static void not_drained(pto_core *core)
{
    pto_global out = pto_arg_tensor(core, 0), signals = pto_window_buffer(core, pto_arg_comm(core, 0), 0);
    pto_tile tile = pto_tile_1d(core, PTO_I32, 1024, COUNT);
    pto_tfill(core, tile, 1);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, out, tile);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tput(core, pto_slice(signals, 0, 8), pto_slice(signals, 16, 8), pto_tile_1d(core, PTO_I32, 0, 8), PTO_NO_TILE);
}

static void test_a_call_does_not_undefine_what_the_one_before_still_needs(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, not_drained, ORIEL_PROFILE_STRICT);
    s.setup.calls = 2;
    uint64_t seed = test_seed();
    for (uint64_t i = 0; i < 100; i++)
        check_run(s.checker, &(oriel_plan){.seed = seed + i});
    assert_int_equal(s.checker->findings.count, 0);
    close_scene(&s);
}

/* ---- What hides what -------------------------------------------------------------------------------------------- */

/* The second operation reads and writes what the first may not have read yet. */
static void written_in_place_too_early(pto_core *core)
{
    pto_tile tile = pto_tile_1d(core, PTO_I32, 0, COUNT), copy = pto_tile_1d(core, PTO_I32, 1024, COUNT);
    pto_tfill(core, tile, 1);
    pto_pipe_barrier(core, PTO_PIPE_V);
    pto_tmuls(core, copy, tile, 2);
    pto_tadds(core, tile, tile, 1);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, pto_arg_tensor(core, 0), copy);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
}

static void test_a_read_in_place_does_not_hide_an_earlier_one(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, written_in_place_too_early, ORIEL_PROFILE_STRICT);
    assert_ok(oriel_checker_explore(s.checker));
    assert_int_equal(s.checker->random, 0);
    assert_int_equal(s.checker->findings.count, 1);
    assert_int_equal(s.checker->findings.found[0].kind, ORIEL_FINDING_PIPE_RACE);
    close_scene(&s);
}

/* ---- Which schedules the explorer runs -------------------------------------------------------------------------- */

/* Ranks 0 and 2 notify ranks 1 and 3, who look once, and who store to one place if the notify has not come. */
static void two_who_may_miss(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    pto_global signals = pto_window_buffer(core, comm, 0);
    pto_tile tile = pto_tile_1d(core, PTO_I32, 0, COUNT);
    pto_tfill(core, tile, 1);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, pto_arg_tensor(core, 0), tile);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    if (comm->rank % 2 == 0) {
        pto_tnotify(core, pto_peer_addr(comm, signals.addr, comm->rank + 1), 1, PTO_NOTIFY_ADD);
    } else if (!pto_ttest(core, pto_cell(signals.addr), 1, PTO_GE)) {
        pto_tstore(core, pto_peer(comm, pto_slice(signals, 16, 16), 0), pto_tile_1d(core, PTO_I32, 0, 16));
        pto_pipe_barrier(core, PTO_PIPE_ALL);
    }
}

static void test_answers_that_do_not_depend_on_each_other_are_combined(void **state)
{
    (void)state;
    scene s;
    open_scene_of(&s, two_who_may_miss, ORIEL_PROFILE_STRICT, 4);
    assert_ok(oriel_checker_explore(s.checker));
    printf("# %u schedules, %u of them at random\n", (unsigned)s.checker->schedules, (unsigned)s.checker->random);
    assert_true(s.checker->exhaustive && s.checker->random == 0);
    assert_int_equal(s.checker->findings.count, 1);
    assert_int_equal(s.checker->findings.found[0].kind, ORIEL_FINDING_RANK_RACE);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_core_that_had_no_turn_does_not_begin),
        cmocka_unit_test(test_a_deadline_passes_inside_a_composite),
        cmocka_unit_test(test_operations_of_one_pipe_on_one_tile_keep_their_order),
        cmocka_unit_test(test_staging_tiles_are_undefined_afterwards),
        cmocka_unit_test(test_a_sum_may_have_parts_to_which_nobody_adds),
        cmocka_unit_test(test_a_call_does_not_undefine_what_the_one_before_still_needs),
        cmocka_unit_test(test_a_read_in_place_does_not_hide_an_earlier_one),
        cmocka_unit_test(test_answers_that_do_not_depend_on_each_other_are_combined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
