/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: a kernel's instructions do to memory what they say; each operand that is not allowed ends the kernel with
 * the file, the line and the values, and changes nothing; UB stays from kernel to kernel; a core is good after a fault;
 * a kernel that waits for nothing can be ended all the same; engines nest on one thread.
 */
#include "engine/world.h"

/* ---- Instructions ----------------------------------------------------------------------------------------------- */

static void add_two_rows(pto_core *core)
{
    pto_tile a = pto_tile_1d(core, PTO_F32, 0, 100), b = pto_tile_1d(core, PTO_F32, 4096, 100);
    pto_tload(core, a, in_tensor(core, 0, PTO_F32, 100));
    pto_tload(core, b, in_tensor(core, 400, PTO_F32, 100));
    pto_tadd(core, a, a, b);
    pto_tmuls(core, a, a, 2);
    pto_tstore(core, in_scratch(core, 64, PTO_F32, 100), a);
    pto_tstore_add(core, in_scratch(core, 64, PTO_F32, 100), b);
}

static void instructions_move_and_compute(void **state)
{
    world *w = *state;
    float *in = (float *)w->tensor[1], *out = (float *)world_buffer(w, 1, SCRATCH) + 16;
    for (int i = 0; i < 200; i++)
        in[i] = (float)i;
    assert_ok(world_run(w, 1, add_two_rows));
    for (int i = 0; i < 100; i++)
        assert_true(out[i] == (float)(2 * (i + i + 100) + i + 100));
    assert_true(out[-1] == 0 && out[100] == 0);
    assert_int_equal(*(int *)world_buffer(w, 0, SCRATCH), 0);
}

static void scalar_accesses(pto_core *core)
{
    pto_addr at = in_scratch(core, 0, PTO_U8, 1).addr;
    pto_store_i8(core, at, -1);
    pto_store_i16(core, at + 2, pto_load_i8(core, at) - 1);
    pto_store_f32(core, at + 4, 1.5f + pto_load_f32(core, at + 4));
    pto_store_i64(core, at + 8, INT64_MIN);
    pto_store_u32(core, at + 16, (uint32_t)((uint64_t)pto_load_i64(core, at + 8) >> 32));
    pto_store_u16(core, at + 20, pto_load_u16(core, at + 2));
    pto_dcci(core, at);
    pto_dcci_all(core);
    pto_dsb(core);
}

static void scalars_are_loaded_and_stored(void **state)
{
    world *w = *state;
    assert_ok(world_run(w, 0, scalar_accesses));
    const unsigned char *at = world_buffer(w, 0, SCRATCH);
    const unsigned char expected[] = {0xFF, 0, 0xFE, 0xFF, 0, 0, 0xC0, 0x3F, 0,    0,    0, 0,
                                      0,    0, 0,    0x80, 0, 0, 0,    0x80, 0xFE, 0xFF, 0, 0};
    assert_memory_equal(at, expected, sizeof expected);
}

static void nothing_to_do(pto_core *core)
{
    pto_tile tile = pto_tile_valid(pto_tile_1d(core, PTO_F32, 0, 8), 0, 8);
    pto_tload(core, tile, in_scratch(core, SCRATCH_BYTES, PTO_F32, 0));
    pto_tadd(core, tile, tile, tile);
    pto_tput(core, in_scratch(core, 0, PTO_F32, 0), in_tensor(core, 0, PTO_F32, 0), pto_tile_1d(core, PTO_F32, 0, 8),
             PTO_NO_TILE);
}

static void empty_operands_are_fine(void **state)
{
    assert_ok(world_run(*state, 0, nothing_to_do));
}

static void fill_ub(pto_core *core)
{
    pto_tfill(core, pto_tile_1d(core, PTO_I32, pto_ub_bytes(core) - 64, 16), 77);
}

static void store_ub(pto_core *core)
{
    pto_tstore(core, in_scratch(core, 0, PTO_I32, 16), pto_tile_1d(core, PTO_I32, pto_ub_bytes(core) - 64, 16));
}

static void ub_stays_from_kernel_to_kernel(void **state)
{
    world *w = *state;
    assert_ok(world_run(w, 0, fill_ub));
    assert_ok(world_run(w, 0, store_ub));
    assert_ok(world_run(w, 1, store_ub));
    assert_int_equal(((int *)world_buffer(w, 0, SCRATCH))[15], 77);
    assert_int_equal(((int *)world_buffer(w, 1, SCRATCH))[15], 0); /* each core has its own */
}

/* ---- Faults ----------------------------------------------------------------------------------------------------- */

static int line;

/* Remembers the line of an instruction that must fail. */
#define AT_LINE(instruction)                                                                                           \
    do {                                                                                                               \
        line = __LINE__;                                                                                               \
        instruction;                                                                                                   \
    } while (0)

static void load_past_the_end(pto_core *core)
{
    AT_LINE(pto_tload(core, pto_tile_1d(core, PTO_F32, 0, 64), in_scratch(core, SCRATCH_BYTES - 96, PTO_F32, 64)));
}

static void store_past_the_tensor(pto_core *core)
{
    AT_LINE(pto_tstore(core, in_tensor(core, TENSOR_BYTES - 4, PTO_F32, 8), pto_tile_1d(core, PTO_F32, 0, 8)));
}

static void tile_outside_ub(pto_core *core)
{
    AT_LINE(pto_tfill(core, pto_tile_1d(core, PTO_F32, pto_ub_bytes(core) - 32, 16), 0));
}

static void types_differ(pto_core *core)
{
    pto_tile a = pto_tile_1d(core, PTO_F32, 0, 16), b = pto_tile_1d(core, PTO_I32, 64, 16);
    AT_LINE(pto_tadd(core, a, a, b));
}

static void rank_outside_the_domain(pto_core *core)
{
    pto_global scratch = in_scratch(core, 0, PTO_F32, 16);
    AT_LINE(pto_tget(core, scratch, pto_peer(pto_arg_comm(core, 0), scratch, MAX_RANKS),
                     pto_tile_1d(core, PTO_F32, 0, 16), PTO_NO_TILE));
}

/* One tensor argument and a window follow one another as objects: 2^40 bytes on lies the next one. */
static void slice_into_the_next_object(pto_core *core)
{
    pto_global next = pto_slice(in_tensor(core, 0, PTO_F32, 8), (UINT64_C(1) << 40) / 4, 8);
    AT_LINE(pto_tstore(core, next, pto_tile_1d(core, PTO_F32, 0, 8)));
}

static void slice_with_a_product_that_wraps(pto_core *core)
{
    pto_global next = pto_slice(in_tensor(core, 0, PTO_F32, 8), UINT64_C(1) << 62, 8);
    AT_LINE(pto_tstore(core, next, pto_tile_1d(core, PTO_F32, 0, 8)));
}

static void slice_into_the_object_before(pto_core *core)
{
    pto_global before = pto_slice(in_scratch(core, 0, PTO_F32, 8), UINT64_MAX, 8);
    AT_LINE(pto_tstore(core, before, pto_tile_1d(core, PTO_F32, 0, 8)));
}

static void load_a_scalar_from_nowhere(pto_core *core)
{
    AT_LINE((void)pto_load_i32(core, 0));
}

static void store_a_scalar_past_the_end(pto_core *core)
{
    AT_LINE(pto_store_i64(core, cell_of(core, 0, SIGNAL_CELLS), 1));
}

static void clean_past_the_end(pto_core *core)
{
    AT_LINE(pto_dcci(core, cell_of(core, 0, SIGNAL_CELLS)));
}

static void give_up(pto_core *core)
{
    AT_LINE(pto_trap(core, "the count is odd"));
}

static void ask_for_a_second_tensor(pto_core *core)
{
    AT_LINE(pto_arg_tensor(core, 1));
}

static void what_is_not_allowed_ends_the_kernel(void **state)
{
    world *w = *state;
    const struct {
        oriel_kernel_fn kernel;
        const char *message;
    } cases[] = {
        {load_past_the_end, "TLOAD reads 256 B at offset 65440 of window \"scratch\" (65536 B) on rank 2"},
        {store_past_the_tensor, "TSTORE writes 32 B at offset 65532 of tensor argument 0 (65536 B)"},
        {tile_outside_ub, "TFILL: "},
        {types_differ, "TADD: b is i32, dst is f32"},
        {rank_outside_the_domain, "TGET: the operand has no address: a rank outside its domain, or no such buffer"},
        {slice_into_the_next_object, "TSTORE: the operand has no address"},
        {slice_with_a_product_that_wraps, "TSTORE: the operand has no address"},
        {slice_into_the_object_before, "TSTORE: the operand has no address"},
        {load_a_scalar_from_nowhere, "scalar load: the operand has no address"},
        {store_a_scalar_past_the_end, "scalar store writes 8 B at offset 256 of window \"signals\" (256 B) on rank 0"},
        {clean_past_the_end, "dcci cleans 1 B at offset 256 of window \"signals\""},
        {give_up, "the count is odd"},
        {ask_for_a_second_tensor, "the task has no tensor argument of this index (got 1, limit 1)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[512];
        assert_fails(world_run(w, 2, cases[i].kernel), ORIEL_FAULT, cases[i].message);
        snprintf(expected, sizeof expected, "tests/engine/direct/direct.c:%d: %s", line, cases[i].message);
        assert_fails(world_run(w, 2, cases[i].kernel), ORIEL_FAULT, expected);
        assert_memory_equal(oriel_last_error(), expected, strlen(expected)); /* the place comes first */
    }
    assert_ok(world_run(w, 2, add_two_rows));
}

static void load_unaligned(pto_core *core)
{
    pto_tload(core, pto_tile_1d(core, PTO_F32, 0, 8), in_tensor(core, 0, PTO_F32, 8));
}

static void a_tensor_at_an_odd_place_cannot_be_read_as_words(void **state)
{
    world *w = *state;
    oriel_view_free(&w->view[0]);
    w->view_tensor[0].place.offset++;
    w->view_tensor[0].shape[0]--;
    assert_ok(oriel_view_build(&w->view[0], NULL, 0));
    assert_fails(world_run(w, 0, load_unaligned), ORIEL_FAULT,
                 "TLOAD: the element at offset 0 is not aligned to its 4 B");
}

/* ---- Ending what does not end ----------------------------------------------------------------------------------- */

static void compute_for_ever(pto_core *core)
{
    pto_tile tile = pto_tile_1d(core, PTO_F32, 0, 16);
    for (;;)
        pto_tadds(core, tile, tile, 1);
}

static void synchronize_for_ever(pto_core *core)
{
    for (;;)
        pto_pipe_barrier(core, PTO_PIPE_ALL);
}

static void access_for_ever(pto_core *core)
{
    for (;;)
        (void)pto_load_i32(core, cell_of(core, 0, 0));
}

static void notify_for_ever(pto_core *core)
{
    for (;;)
        pto_tnotify(core, cell_of(core, 0, 0), 1, PTO_NOTIFY_ADD);
}

static void wait_for_ever_for_what_is_there(pto_core *core)
{
    for (;;)
        pto_twait(core, pto_cell(cell_of(core, 0, 0)), INT32_MIN, PTO_GE);
}

/* A composite is a loop, too: with strides of 0 as long a one as one likes. */
static pto_global again_and_again(pto_global few)
{
    few.shape[3] = UINT64_C(1) << 30;
    few.stride[3] = 0;
    return few;
}

static void put_for_ever(pto_core *core)
{
    pto_tput(core, again_and_again(in_scratch(core, 0, PTO_I32, 1)), again_and_again(in_tensor(core, 0, PTO_I32, 1)),
             pto_tile_1d(core, PTO_I32, 0, 8), PTO_NO_TILE);
}

static void put_overlapping_for_ever(pto_core *core)
{
    pto_tput(core, again_and_again(in_scratch(core, 0, PTO_I32, 8)), again_and_again(in_scratch(core, 4, PTO_I32, 8)),
             pto_tile_1d(core, PTO_I32, 0, 8), PTO_NO_TILE);
}

static void reduce_for_ever(pto_core *core)
{
    pto_global source = again_and_again(in_tensor(core, 0, PTO_I32, 256));
    pto_group group = {.each = &source, .ranks = 1};
    pto_treduce(core, again_and_again(in_scratch(core, 0, PTO_I32, 256)), group, PTO_SUM,
                pto_tile_1d(core, PTO_I32, 0, 8), pto_tile_1d(core, PTO_I32, 32, 8), PTO_NO_TILE);
}

static void every_endless_loop_can_be_ended(void **state)
{
    world *w = *state;
    const oriel_kernel_fn kernels[] = {
        compute_for_ever, synchronize_for_ever,     access_for_ever, notify_for_ever, wait_for_ever_for_what_is_there,
        put_for_ever,     put_overlapping_for_ever, reduce_for_ever};
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        w->deadline = oriel_deadline(0.01);
        assert_fails(world_run(w, 0, kernels[i]), ORIEL_TIMEOUT, "the deadline passed");
        w->deadline = ORIEL_NEVER;
        atomic_store(&w->abort, 1);
        assert_fails(world_run(w, 0, kernels[i]), ORIEL_ABORTED, "the run was aborted");
        atomic_store(&w->abort, 0);
    }
}

/* ---- Nesting ---------------------------------------------------------------------------------------------------- */

static world *nested;
static oriel_status inner;

/* No kernel may do this; but a block that waits shares its thread with others that run meanwhile. */
static void run_another(pto_core *core)
{
    pto_tile tile = pto_tile_1d(core, PTO_I32, 0, 16);
    pto_tfill(core, tile, 5);
    inner = world_run(nested, 1, give_up);
    pto_tstore(core, in_scratch(core, 0, PTO_I32, 16), tile);
    load_past_the_end(core);
}

static void leaving_an_inner_kernel_leaves_the_outer_one_alone(void **state)
{
    nested = *state;
    assert_fails(world_run(nested, 0, run_another), ORIEL_FAULT, "TLOAD reads 256 B");
    assert_int_equal(inner, ORIEL_FAULT);
    assert_int_equal(*(int *)world_buffer(nested, 0, SCRATCH), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(instructions_move_and_compute, world_make, world_drop),
        cmocka_unit_test_setup_teardown(scalars_are_loaded_and_stored, world_make, world_drop),
        cmocka_unit_test_setup_teardown(empty_operands_are_fine, world_make, world_drop),
        cmocka_unit_test_setup_teardown(ub_stays_from_kernel_to_kernel, world_make, world_drop),
        cmocka_unit_test_setup_teardown(what_is_not_allowed_ends_the_kernel, world_make, world_drop),
        cmocka_unit_test_setup_teardown(a_tensor_at_an_odd_place_cannot_be_read_as_words, world_make, world_drop),
        cmocka_unit_test_setup_teardown(every_endless_loop_can_be_ended, world_make, world_drop),
        cmocka_unit_test_setup_teardown(leaving_an_inner_kernel_leaves_the_outer_one_alone, world_make, world_drop),
    };
    return cmocka_run_group_tests_name("direct", tests, NULL, NULL);
}
