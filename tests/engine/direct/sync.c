/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: a flag is one bit per source, destination and id, which survives a kernel that returns and not one that was
 * left; what could never go on, or would lose a flag, is a fault; the core barrier holds every block back until all
 * have come, any number of times, and says who will not come.
 */
#include "base/strand.h"
#include "engine/world.h"

/* ---- Flags ------------------------------------------------------------------------------------------------------ */

static void set_some(pto_core *core)
{
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 3);
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 3);
    pto_set_flag(core, PTO_PIPE_V, PTO_PIPE_MTE2, 3);
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 7);
}

static void wait_for_some(pto_core *core)
{
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 3);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 7);
    pto_wait_flag(core, PTO_PIPE_V, PTO_PIPE_MTE2, 3);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 3);
}

static void flags_survive_from_kernel_to_kernel(void **state)
{
    world *w = *state;
    assert_ok(world_run(w, 0, set_some));
    assert_ok(world_run(w, 0, wait_for_some));
    assert_fails(world_run(w, 0, wait_for_some), ORIEL_FAULT, "wait_flag(PIPE_MTE2, PIPE_V, 3) was never set");
}

static void a_flag_belongs_to_its_core(void **state)
{
    world *w = *state;
    assert_ok(world_run(w, 0, set_some));
    assert_fails(world_run(w, 1, wait_for_some), ORIEL_FAULT, "was never set");
    assert_ok(world_run(w, 0, wait_for_some));
}

static void setting_a_flag_twice_is_a_fault(void **state)
{
    world *w = *state;
    assert_ok(world_run(w, 0, set_some));
    assert_fails(world_run(w, 0, set_some), ORIEL_FAULT,
                 "set_flag(PIPE_MTE2, PIPE_V, 3) is set already: two sets with no wait between lose one");
}

static void a_fault_clears_the_flags(void **state)
{
    world *w = *state;
    assert_ok(world_run(w, 0, set_some));
    assert_fails(world_run(w, 0, set_some), ORIEL_FAULT, "is set already");
    assert_ok(world_run(w, 0, set_some));
}

static void set_an_unknown_flag(pto_core *core)
{
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 8);
}

static void wait_from_all_pipes(pto_core *core)
{
    pto_wait_flag(core, PTO_PIPE_ALL, PTO_PIPE_V, 0);
}

static void keys_that_there_are_not_are_refused(void **state)
{
    assert_fails(world_run(*state, 0, set_an_unknown_flag), ORIEL_FAULT, "set_flag: event id 8; there are 0 to 7");
    assert_fails(world_run(*state, 0, wait_from_all_pipes), ORIEL_FAULT, "wait_flag: from PIPE_ALL");
}

/* ---- The core barrier ------------------------------------------------------------------------------------------- */

#define BLOCKS 5
#define ROUNDS 20

/* One block of a launch, in a coroutine with a core of its own. */
typedef struct one {
    oriel_engine_core *core;
    oriel_block block;
    oriel_strand *strand;
    oriel_status status;
    char message[256];
} one;

static oriel_status run_block(void *context)
{
    one *o = context;
    o->status = oriel_engine_direct.run(o->core, &o->block);
    snprintf(o->message, sizeof o->message, "%s", oriel_last_error());
    return o->status;
}

static bool all_ended(void *context)
{
    one *all = context;
    for (int i = 0; i < BLOCKS; i++)
        if (!oriel_strand_poll(all[i].strand).ended)
            return false;
    return true;
}

/* Runs `kernel` in BLOCKS blocks beside each other on rank 0. */
static void run_blocks(world *w, oriel_kernel_fn kernel, one all[BLOCKS])
{
    oriel_core_barrier barrier = {0};
    oriel_loop *loop;
    assert_ok(oriel_loop_create(&w->bell[0], &loop));
    for (uint32_t i = 0; i < BLOCKS; i++) {
        const oriel_strand_options options = {.form = ORIEL_FORM_COROUTINE, .name = "block", .loop = loop};
        all[i].block = world_block(w, 0, kernel);
        all[i].block.block = i;
        all[i].block.blocks = BLOCKS;
        all[i].block.barrier = &barrier;
        all[i].block.bell = NULL;
        assert_ok(oriel_engine_direct.core_create(world_limits(), &all[i].core));
        assert_ok(oriel_strand_start(&options, run_block, &all[i], &all[i].strand));
    }
    assert_ok(oriel_loop_run(loop, &(oriel_wait){.ready = all_ended, .context = all, .deadline = oriel_deadline(60)}));
    for (int i = 0; i < BLOCKS; i++) {
        oriel_strand_free(all[i].strand);
        oriel_engine_direct.core_destroy(all[i].core);
    }
    oriel_loop_free(loop);
}

/* Each block counts in a cell of its own, and in each round sees that all others have counted as far. */
static void count_in_rounds(pto_core *core)
{
    uint32_t me = pto_block_index(core), blocks = pto_block_count(core);
    for (int round = 1; round <= ROUNDS; round++) {
        pto_store_i32(core, cell_of(core, 0, me), round);
        pto_core_barrier(core);
        for (uint32_t other = 0; other < blocks; other++)
            if (pto_load_i32(core, cell_of(core, 0, other)) != round)
                pto_trap(core, "a block was not held back");
        pto_core_barrier(core);
    }
}

static void the_core_barrier_holds_all_blocks_back(void **state)
{
    one all[BLOCKS] = {0};
    run_blocks(*state, count_in_rounds, all);
    for (int i = 0; i < BLOCKS; i++)
        if (all[i].status != ORIEL_OK)
            fail_msg("block %d: %s", i, all[i].message);
}

static void one_returns_early(pto_core *core)
{
    pto_core_barrier(core);
    if (pto_block_index(core) != 1)
        pto_core_barrier(core);
}

static void a_block_that_returned_is_not_waited_for(void **state)
{
    one all[BLOCKS] = {0};
    run_blocks(*state, one_returns_early, all);
    for (int i = 0; i < BLOCKS; i++) {
        assert_int_equal(all[i].status, i == 1 ? ORIEL_OK : ORIEL_FAULT);
        if (i != 1)
            assert_non_null(strstr(all[i].message, "core_barrier: block 1 returned while "));
    }
}

static void one_fails(pto_core *core)
{
    if (pto_block_index(core) == 3)
        pto_trap(core, "no");
    pto_core_barrier(core);
}

static void a_block_that_failed_is_the_first_cause(void **state)
{
    one all[BLOCKS] = {0};
    run_blocks(*state, one_fails, all);
    for (int i = 0; i < BLOCKS; i++) {
        assert_int_equal(all[i].status, i == 3 ? ORIEL_FAULT : ORIEL_ABORTED);
        if (i != 3)
            assert_non_null(strstr(all[i].message, "core_barrier: block 3 failed"));
    }
}

static void one_waits_elsewhere(pto_core *core)
{
    if (pto_block_index(core) == 2)
        pto_twait(core, pto_cell(cell_of(core, 0, 0)), 1, PTO_EQ);
    pto_core_barrier(core);
}

static void the_barrier_has_a_deadline(void **state)
{
    world *w = *state;
    one all[BLOCKS] = {0};
    w->deadline = oriel_deadline(0.05);
    run_blocks(w, one_waits_elsewhere, all);
    for (int i = 0; i < BLOCKS; i++)
        assert_true(all[i].status == ORIEL_TIMEOUT || all[i].status == ORIEL_ABORTED);
    assert_int_equal(all[2].status, ORIEL_TIMEOUT);
    assert_non_null(strstr(all[2].message, "rank 0 waited for cell 0 of window \"signals\" == 1, and saw 0"));
}

static void barrier_alone(pto_core *core)
{
    pto_core_barrier(core);
    pto_core_barrier(core);
}

static void one_block_passes_its_barrier(void **state)
{
    assert_ok(world_run(*state, 0, barrier_alone));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(flags_survive_from_kernel_to_kernel, world_make, world_drop),
        cmocka_unit_test_setup_teardown(a_flag_belongs_to_its_core, world_make, world_drop),
        cmocka_unit_test_setup_teardown(setting_a_flag_twice_is_a_fault, world_make, world_drop),
        cmocka_unit_test_setup_teardown(a_fault_clears_the_flags, world_make, world_drop),
        cmocka_unit_test_setup_teardown(keys_that_there_are_not_are_refused, world_make, world_drop),
        cmocka_unit_test_setup_teardown(the_core_barrier_holds_all_blocks_back, world_make, world_drop),
        cmocka_unit_test_setup_teardown(a_block_that_returned_is_not_waited_for, world_make, world_drop),
        cmocka_unit_test_setup_teardown(a_block_that_failed_is_the_first_cause, world_make, world_drop),
        cmocka_unit_test_setup_teardown(the_barrier_has_a_deadline, world_make, world_drop),
        cmocka_unit_test_setup_teardown(one_block_passes_its_barrier, world_make, world_drop),
    };
    return cmocka_run_group_tests_name("sync", tests, NULL, NULL);
}
