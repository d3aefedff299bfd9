/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: objects are numbered as documented, so that pto_peer reaches the same byte in a peer's window; every byte
 * of an object can be reached and none beside it, with a message that names what was missed; a tensor argument inside a
 * window buffer is that buffer, and one across buffers is refused.
 */
#include "window/view.h"
#include "oriel/kernel.h"
#include "test.h"

#define RANKS 3

typedef struct world {
    oriel_arena *arena;
    oriel_fabric_shm fabric;
    oriel_domain_shared *first, *second; /* of devices 0 1 2; of devices 2 0 */
    oriel_bell bells[RANKS];
    char *loose; /* 1024 B that belong to no domain */
    oriel_view_tensor tensor[2];
    oriel_view_comm comm[2];
    oriel_view view;
} world;

static int make_world(void **state)
{
    static const oriel_buffer one[] = {{"scratch", PTO_F32, 1024}, {"signals", PTO_I32, 48}};
    static const oriel_buffer two[] = {{"half", PTO_F16, 100}};
    world *w = aligned_alloc(64, (sizeof *w + 63) / 64 * 64);
    memset(w, 0, sizeof *w);
    assert_ok(oriel_arena_create(1 << 20, &w->arena));
    assert_ok(oriel_domain_make(w->arena, "one", NULL, 3, 8192, one, 2, RANKS, 64, &w->first));
    assert_ok(oriel_domain_make(w->arena, "two", (uint32_t[]){2, 0}, 2, 0, two, 1, RANKS, 64, &w->second));
    void *loose;
    assert_ok(oriel_arena_alloc(w->arena, 1024, 64, &loose));
    w->loose = loose;
    oriel_fabric_shm_init(&w->fabric, oriel_arena_base(w->arena), oriel_arena_bytes(w->arena));
    w->tensor[0] =
        (oriel_view_tensor){{ORIEL_SEGMENT_ARENA, oriel_arena_offset(w->arena, w->loose)}, PTO_F32, 2, {2, 128}};
    w->comm[0] = (oriel_view_comm){w->first, 2};
    w->comm[1] = (oriel_view_comm){w->second, 0};
    w->view = (oriel_view){.fabric = &w->fabric.fabric,
                           .arena_base = oriel_arena_base(w->arena),
                           .bells = w->bells,
                           .tensors = 1,
                           .comms = 2,
                           .tensor = w->tensor,
                           .comm = w->comm};
    *state = w;
    return 0;
}

static int drop_world(void **state)
{
    world *w = *state;
    oriel_view_free(&w->view);
    oriel_arena_destroy(w->arena);
    free(w);
    return 0;
}

static void *reach(const oriel_view *view, pto_addr addr, uint64_t span)
{
    void *pointer = NULL;
    oriel_object object;
    assert_ok(oriel_view_reach(view, "TLOAD", "reads", addr, span, &pointer, &object));
    return pointer;
}

static void a_kernel_finds_its_arguments(void **state)
{
    world *w = *state;
    const uint64_t scalars[] = {7, 8};
    assert_ok(oriel_view_build(&w->view, scalars, 2));
    pto_core core = {.args = &w->view.args};
    assert_int_equal(pto_arg_i64(&core, 1), 8);
    pto_global tensor = pto_arg_tensor(&core, 0);
    assert_int_equal(pto_addr_object(tensor.addr), 1);
    assert_int_equal(tensor.shape[2], 1);
    assert_int_equal(tensor.shape[3], 2);
    assert_int_equal(tensor.shape[4], 128);
    assert_int_equal(tensor.stride[3], 128);
    assert_int_equal(tensor.stride[4], 1);
    assert_ptr_equal(reach(&w->view, tensor.addr, 1024), w->loose);

    const pto_comm *one = pto_arg_comm(&core, 0), *two = pto_arg_comm(&core, 1);
    assert_int_equal(one->rank, 2);
    assert_int_equal(one->ranks, 3);
    assert_int_equal(one->first_object, ORIEL_VIEW_FIRST_COMM);
    assert_int_equal(two->first_object, ORIEL_VIEW_FIRST_COMM + 6);
    pto_global signals = pto_window_buffer(&core, one, 1);
    assert_int_equal(signals.dtype, PTO_I32);
    assert_int_equal(pto_global_count(signals), 48);
}

static void a_view_is_rebuilt_in_place(void **state)
{
    world *w = *state;
    const uint64_t scalars[] = {7, 8};
    assert_ok(oriel_view_build(&w->view, scalars, 2));
    const pto_global *mine = w->view.mine;
    w->tensor[0].dtype = PTO_I8;
    w->tensor[0].dims = 1;
    w->tensor[0].shape[0] = 5;
    assert_ok(oriel_view_rebuild(&w->view, scalars, 1));
    assert_ptr_equal(w->view.mine, mine); /* nothing was allocated */
    assert_int_equal(w->view.args.scalars, 1);
    assert_int_equal(w->view.args.tensor[0].dtype, PTO_I8);
    assert_int_equal(pto_global_count(w->view.args.tensor[0]), 5);
    assert_ptr_equal(reach(&w->view, w->view.args.tensor[0].addr, 5), w->loose);
}

static void a_peer_is_the_same_place_in_its_window(void **state)
{
    world *w = *state;
    assert_ok(oriel_view_build(&w->view, NULL, 0));
    const pto_comm *one = &w->view.args.comm[0];
    for (uint32_t rank = 0; rank < 3; rank++) {
        pto_addr addr = pto_peer_addr(one, one->mine[1].addr + 8, rank);
        char *window = (char *)oriel_arena_base(w->arena) + oriel_domain_window(w->first, rank);
        assert_ptr_equal(reach(&w->view, addr, 4), window + 4096 + 8);
        oriel_object object;
        assert_ok(oriel_view_find(&w->view, "TWAIT", addr, &object));
        assert_string_equal(object.name, "signals");
        assert_int_equal(object.rank, rank);
        assert_int_equal(object.remote, rank != 2);
        assert_ptr_equal(object.bell, &w->bells[rank]);
    }
    const pto_comm *two = &w->view.args.comm[1]; /* its rank 0 is device 2, its rank 1 is device 0 */
    oriel_object object;
    assert_ok(oriel_view_find(&w->view, "TPUT", pto_peer_addr(two, two->mine[0].addr, 1), &object));
    assert_ptr_equal(object.bell, &w->bells[0]);
    assert_true(object.remote);
}

static void bounds_are_exact(void **state)
{
    world *w = *state;
    assert_ok(oriel_view_build(&w->view, NULL, 0));
    pto_addr scratch = w->view.args.comm[0].mine[0].addr, tensor = w->view.args.tensor[0].addr;
    void *pointer = NULL;
    oriel_object object;
    reach(&w->view, scratch, 4096);
    reach(&w->view, scratch + 4095, 1);
    reach(&w->view, scratch + 4096, 0);
    assert_fails(oriel_view_reach(&w->view, "TLOAD", "reads", scratch + 4000, 256, &pointer, &object), ORIEL_FAULT,
                 "TLOAD reads 256 B at offset 4000 of window \"scratch\" (4096 B) on rank 2");
    assert_fails(oriel_view_reach(&w->view, "TSTORE", "writes", tensor + 8, 1020, &pointer, &object), ORIEL_FAULT,
                 "TSTORE writes 1020 B at offset 8 of tensor argument 0 (1024 B)");
    assert_fails(oriel_view_reach(&w->view, "TLOAD", "reads", scratch + 8, UINT64_MAX - 4, &pointer, &object),
                 ORIEL_FAULT, "reads 18446744073709551611 B at offset 8");
    assert_fails(oriel_view_reach(&w->view, "TLOAD", "reads", scratch + 4097, 1, &pointer, &object), ORIEL_FAULT,
                 "reads 1 B at offset 4097");
    assert_null(pointer);
}

static void an_address_that_names_nothing_says_why(void **state)
{
    world *w = *state;
    assert_ok(oriel_view_build(&w->view, NULL, 0));
    const pto_comm *one = &w->view.args.comm[0];
    oriel_object object;
    void *pointer;
    assert_fails(
        oriel_view_reach(&w->view, "TGET", "reads", pto_peer_addr(one, one->mine[0].addr, 3), 4, &pointer, &object),
        ORIEL_FAULT, "TGET: the operand has no address: a rank outside its domain, or no such buffer");
    const uint64_t nothing[] = {2, 63, ORIEL_VIEW_FIRST_COMM + 6 + 2, (1 << 24) - 1};
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
        assert_fails(oriel_view_find(&w->view, "TGET", nothing[i] << PTO_ADDR_OBJECT_SHIFT, &object), ORIEL_FAULT,
                     "is in no window and in no tensor argument");
}

static void place_tensor(world *w, uint64_t offset, uint64_t count)
{
    w->tensor[1] = (oriel_view_tensor){{ORIEL_SEGMENT_ARENA, offset}, PTO_F32, 1, {count}};
    w->view.tensors = 2;
}

static void a_tensor_in_a_window_buffer_is_that_buffer(void **state)
{
    world *w = *state;
    for (uint32_t rank = 0; rank < 3; rank++) {
        place_tensor(w, oriel_domain_window(w->first, rank) + 64, 100);
        assert_ok(oriel_view_build(&w->view, NULL, 0));
        pto_global tensor = w->view.args.tensor[1];
        const pto_comm *one = &w->view.args.comm[0];
        assert_true(tensor.addr == pto_peer_addr(one, one->mine[0].addr + 64, rank));
        oriel_object object;
        assert_fails(oriel_view_find(&w->view, "TLOAD", UINT64_C(2) << PTO_ADDR_OBJECT_SHIFT, &object), ORIEL_FAULT,
                     "in no tensor argument");
        oriel_view_free(&w->view);
    }
    w->view.comms = 1; /* the window of a domain that the task was not given is memory like any other */
    place_tensor(w, oriel_domain_window(w->second, 0), 10);
    assert_ok(oriel_view_build(&w->view, NULL, 0));
    assert_int_equal(pto_addr_object(w->view.args.tensor[1].addr), 2);
}

static void a_tensor_across_buffers_is_refused(void **state)
{
    world *w = *state;
    uint64_t window = oriel_domain_window(w->first, 0), end = oriel_domain_window(w->first, 3);
    const struct {
        uint64_t offset, count;
    } cases[] = {
        {window + 4000, 25},       /* out of scratch into signals */
        {window + 4096 + 192, 1},  /* behind the last buffer */
        {window - 4, 2},           /* into the windows from before */
        {end - 4, 1},              /* the last word of the last window */
        {window + 8192 - 4, 2},    /* from one window into the next */
        {window - 64, 100000 / 4}, /* around them all */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        place_tensor(w, cases[i].offset, cases[i].count);
        assert_fails(oriel_view_build(&w->view, NULL, 0), ORIEL_INVALID,
                     "is in a window of domain \"one\", but not in one of its buffers");
    }
}

static void a_tensor_too_large_to_address_is_refused(void **state)
{
    world *w = *state;
    place_tensor(w, 0, UINT64_C(1) << 38);
    assert_fails(oriel_view_build(&w->view, NULL, 0), ORIEL_INVALID, "tensor argument 1 has 274877906944 elements");
    w->tensor[1] = (oriel_view_tensor){{ORIEL_SEGMENT_ARENA, 0}, PTO_F32, 3, {1 << 30, 1 << 30, 1 << 30}};
    assert_fails(oriel_view_build(&w->view, NULL, 0), ORIEL_INVALID, "tensor argument 1 has");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_kernel_finds_its_arguments, make_world, drop_world),
        cmocka_unit_test_setup_teardown(a_view_is_rebuilt_in_place, make_world, drop_world),
        cmocka_unit_test_setup_teardown(a_peer_is_the_same_place_in_its_window, make_world, drop_world),
        cmocka_unit_test_setup_teardown(bounds_are_exact, make_world, drop_world),
        cmocka_unit_test_setup_teardown(an_address_that_names_nothing_says_why, make_world, drop_world),
        cmocka_unit_test_setup_teardown(a_tensor_in_a_window_buffer_is_that_buffer, make_world, drop_world),
        cmocka_unit_test_setup_teardown(a_tensor_across_buffers_is_refused, make_world, drop_world),
        cmocka_unit_test_setup_teardown(a_tensor_too_large_to_address_is_refused, make_world, drop_world),
    };
    return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
