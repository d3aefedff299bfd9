/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: a notify changes one cell and is seen after the data that went before it, by ranks in coroutines and in
 * threads; a wait holds until each of its cells has compared true, consumes nothing, and can be ended by deadline and
 * abort with a message that says who waited for what; polling leaves the processor to others.
 */
#include "base/strand.h"
#include "engine/world.h"

static int line;

#define AT_LINE(instruction)                                                                                           \
    do {                                                                                                               \
        line = __LINE__;                                                                                               \
        instruction;                                                                                                   \
    } while (0)

/* ---- Cells ------------------------------------------------------------------------------------------------------ */

static void notify_peers(pto_core *core)
{
    pto_tnotify(core, cell_of(core, 1, 5), 7, PTO_NOTIFY_SET);
    pto_tnotify(core, cell_of(core, 2, 5), -3, PTO_NOTIFY_ADD);
    pto_tnotify(core, cell_of(core, 2, 5), INT32_MIN, PTO_NOTIFY_ADD);
}

static void a_notify_sets_or_adds(void **state)
{
    world *w = *state;
    assert_ok(world_run(w, 0, notify_peers));
    for (uint32_t rank = 0; rank < MAX_RANKS; rank++)
        for (uint32_t i = 0; i < SIGNAL_CELLS; i++) {
            int32_t expected = i != 5 ? 0 : rank == 1 ? 7 : rank == 2 ? INT32_MAX - 2 : 0;
            assert_int_equal(((int32_t *)world_buffer(w, rank, SIGNALS))[i], expected);
        }
}

static bool answer[2];

static void test_every_second_cell(pto_core *core)
{
    pto_cells cells = pto_cell_block(cell_of(core, 0, 1), 4, 2);
    answer[0] = pto_ttest(core, cells, 2, PTO_GE);
    pto_tnotify(core, cell_of(core, 0, 7), 2, PTO_NOTIFY_SET);
    answer[1] = pto_ttest(core, cells, 2, PTO_GE);
    pto_twait(core, cells, 2, PTO_GE);
    pto_twait(core, cells, 2, PTO_GE); /* consumes nothing */
    pto_twait(core, pto_cell(cell_of(core, 0, 2)), 0, PTO_EQ);
}

static void a_block_of_cells_is_true_when_each_is(void **state)
{
    world *w = *state;
    int32_t *cell = world_buffer(w, 0, SIGNALS);
    cell[1] = cell[3] = cell[5] = 2;
    assert_ok(world_run(w, 0, test_every_second_cell));
    assert_false(answer[0]);
    assert_true(answer[1]);
}

/* ---- Faults ----------------------------------------------------------------------------------------------------- */

static void wait_for_a_peers_cell(pto_core *core)
{
    AT_LINE(pto_twait(core, pto_cell(cell_of(core, 1, 0)), 0, PTO_EQ));
}

static void wait_past_the_end(pto_core *core)
{
    AT_LINE(pto_twait(core, pto_cell_block(cell_of(core, 0, 0), 5, 16), 0, PTO_EQ));
}

static void notify_past_the_end(pto_core *core)
{
    AT_LINE(pto_tnotify(core, cell_of(core, 3, SIGNAL_CELLS), 1, PTO_NOTIFY_SET));
}

static void notify_nobody(pto_core *core)
{
    AT_LINE(pto_tnotify(core, cell_of(core, MAX_RANKS, 0), 1, PTO_NOTIFY_SET));
}

static void wait_across_cells(pto_core *core)
{
    AT_LINE(pto_ttest(core, pto_cell(cell_of(core, 0, 0) + 2), 1, PTO_EQ));
}

static void what_is_not_allowed_ends_the_kernel(void **state)
{
    const struct {
        oriel_kernel_fn kernel;
        const char *message;
    } cases[] = {
        {wait_for_a_peers_cell, "TWAIT: the cell is in window \"signals\" of rank 1, and not in the rank's own"},
        {wait_past_the_end, "TWAIT waits for 260 B at offset 0 of window \"signals\" (256 B) on rank 0"},
        {notify_past_the_end, "TNOTIFY signals 4 B at offset 256 of window \"signals\" (256 B) on rank 3"},
        {notify_nobody, "TNOTIFY: the operand has no address: a rank outside its domain, or no such buffer"},
        {wait_across_cells, "TTEST: cell at offset 2, not a multiple of 4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[512];
        assert_fails(world_run(*state, 0, cases[i].kernel), ORIEL_FAULT, cases[i].message);
        snprintf(expected, sizeof expected, "tests/engine/direct/signal.c:%d: %s", line, cases[i].message);
        assert_fails(world_run(*state, 0, cases[i].kernel), ORIEL_FAULT, expected);
    }
}

/* ---- Leaving ---------------------------------------------------------------------------------------------------- */

static void wait_in_vain(pto_core *core)
{
    AT_LINE(pto_twait(core, pto_cell_block(cell_of(core, 2, 1), 3, 2), 5, PTO_GE));
}

static void poll_in_vain(pto_core *core)
{
    for (;;)
        AT_LINE(if (pto_ttest(core, pto_cell_block(cell_of(core, 2, 1), 3, 2), 5, PTO_GE)) return );
}

static void wait_on_a_tensor(pto_core *core)
{
    AT_LINE(pto_twait(core, pto_cell(pto_arg_tensor(core, 0).addr + 8), 1, PTO_LT));
}

static void a_wait_that_is_left_says_who_waited_for_what(void **state)
{
    world *w = *state;
    int32_t *cell = world_buffer(w, 2, SIGNALS);
    cell[1] = 5;
    cell[3] = 4;
    ((int32_t *)w->tensor[2])[2] = 1;
    const struct {
        oriel_kernel_fn kernel;
        const char *message;
    } cases[] = {
        {wait_in_vain, "rank 2 waited for cell 3 of window \"signals\" >= 5, and saw 4"},
        {poll_in_vain, "rank 2 waited for cell 3 of window \"signals\" >= 5, and saw 4"},
        {wait_on_a_tensor, "block 0 waited for cell 2 of tensor argument 0 < 1, and saw 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[512];
        w->deadline = oriel_deadline(0.01);
        assert_fails(world_run(w, 2, cases[i].kernel), ORIEL_TIMEOUT, cases[i].message);
        snprintf(expected, sizeof expected, "tests/engine/direct/signal.c:%d: %s", line, cases[i].message);
        w->deadline = ORIEL_NEVER;
        atomic_store(&w->abort, 1);
        assert_fails(world_run(w, 2, cases[i].kernel), ORIEL_ABORTED, expected);
        atomic_store(&w->abort, 0);
    }
}

/* ---- Two ranks -------------------------------------------------------------------------------------------------- */

#define ROUNDS 200

/* Each rank sends numbered rows to the other, which checks every element; cells count the rounds. */
static void exchange(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    uint32_t me = comm->rank, peer = 1 - me;
    pto_tile tile = pto_tile_1d(core, PTO_I32, 0, 256), staging = pto_tile_1d(core, PTO_I32, 2048, 64);
    for (int32_t round = 1; round <= ROUNDS; round++) {
        pto_global row = in_scratch(core, 1024 * (uint64_t)(round & 1), PTO_I32, 256);
        pto_tfill(core, tile, 1000 * round + (int)me);
        pto_tstore(core, in_tensor(core, 0, PTO_I32, 256), tile);
        pto_tput(core, pto_peer(comm, row, peer), in_tensor(core, 0, PTO_I32, 256), staging, PTO_NO_TILE);
        pto_pipe_barrier(core, PTO_PIPE_ALL);
        pto_dsb(core);
        pto_tnotify(core, cell_of(core, peer, 0), 1, PTO_NOTIFY_ADD);
        if (round % 3 == 0)
            while (!pto_ttest(core, pto_cell(cell_of(core, me, 0)), round, PTO_GE)) {
            }
        pto_twait(core, pto_cell(cell_of(core, me, 0)), round, PTO_GE);
        pto_tload(core, tile, row);
        pto_tadds(core, tile, tile, -1000 * round - (int)peer);
        pto_tstore(core, in_tensor(core, 2048, PTO_I32, 256), tile);
        for (uint64_t i = 0; i < 256; i++)
            if (pto_load_i32(core, in_tensor(core, 2048, PTO_I32, 256).addr + 4 * i) != 0)
                pto_trap(core, "the data came after its signal");
    }
}

typedef struct one {
    world *w;
    uint32_t rank;
    oriel_form form;
    oriel_strand *strand;
    char message[256];
} one;

static oriel_status run_exchange(void *context)
{
    one *o = context;
    oriel_block block = world_block(o->w, o->rank, exchange);
    if (o->form == ORIEL_FORM_COROUTINE)
        block.bell = NULL;
    oriel_status status = oriel_engine_direct.run(o->w->core[o->rank], &block);
    snprintf(o->message, sizeof o->message, "%s", oriel_last_error());
    return status;
}

static void run_two(world *w, oriel_form form, oriel_loop *loop)
{
    one both[2];
    for (uint32_t rank = 0; rank < 2; rank++) {
        both[rank] = (one){.w = w, .rank = rank, .form = form};
        const oriel_strand_options options = {.form = form, .name = "rank", .loop = loop};
        assert_ok(oriel_strand_start(&options, run_exchange, &both[rank], &both[rank].strand));
    }
    for (uint32_t rank = 0; rank < 2; rank++) {
        oriel_fate fate;
        assert_ok(oriel_strand_join(both[rank].strand, oriel_deadline(60), &fate));
        if (fate.status != ORIEL_OK)
            fail_msg("rank %u: %s", rank, both[rank].message);
        oriel_strand_free(both[rank].strand);
    }
}

static void two_coroutines_exchange_data(void **state)
{
    oriel_bell bell = {0};
    oriel_loop *loop;
    assert_ok(oriel_loop_create(&bell, &loop));
    run_two(*state, ORIEL_FORM_COROUTINE, loop);
    oriel_loop_free(loop);
}

static void two_threads_exchange_data(void **state)
{
    run_two(*state, ORIEL_FORM_THREAD, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_notify_sets_or_adds, world_make, world_drop),
        cmocka_unit_test_setup_teardown(a_block_of_cells_is_true_when_each_is, world_make, world_drop),
        cmocka_unit_test_setup_teardown(what_is_not_allowed_ends_the_kernel, world_make, world_drop),
        cmocka_unit_test_setup_teardown(a_wait_that_is_left_says_who_waited_for_what, world_make, world_drop),
        cmocka_unit_test_setup_teardown(two_coroutines_exchange_data, world_make, world_drop),
        cmocka_unit_test_setup_teardown(two_threads_exchange_data, world_make, world_drop),
    };
    return cmocka_run_group_tests_name("signal", tests, NULL, NULL);
}
