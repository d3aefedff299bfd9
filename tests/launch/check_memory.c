/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: what the checking engine is given to run on. Pieces are sorted, apart, named and of the right kind; a view reaches
 * exactly them; reset puts back what a kernel spoiled; entering poisons one rank's outputs and nothing else; a result is
 * wrong, uninitialized or right as it should be, with the words that a finding shows.
 */
#include "launch/check_memory.h"
#include "launch/builtin.h"
#include "launch/job.h"
#include "platform/platform.h"
#include "test.h"

#define RANKS 3
#define COUNT 10

static const int devices[RANKS] = {4, 0, 2};

typedef struct scene {
    oriel_launch launch;
    oriel_job job;
    oriel_check_memory memory;
    oriel_check_host host;
} scene;

static const oriel_limits *limits(void)
{
    return &oriel_platform_a2a3sim.limits;
}

static oriel_status make(scene *s, pto_dtype dtype, bool random)
{
    oriel_job job = {.platform = "a2a3sim",
                     .devices = devices,
                     .ranks = RANKS,
                     .count = COUNT,
                     .dtype = dtype,
                     .random = random,
                     .seed = 7};
    assert_ok(oriel_job_complete(&s->launch, &job, &s->job));
    return oriel_check_memory_make(&s->launch, &s->job, limits(), &s->memory);
}

static void open_scene(scene *s, pto_dtype dtype, bool random)
{
    *s = (scene){.launch = oriel_launch_allreduce};
    assert_ok(make(s, dtype, random));
    s->host = oriel_check_memory_host(&s->memory);
    s->host.reset(s->host.context);
}

static void close_scene(scene *s)
{
    oriel_check_memory_free(&s->memory);
}

static const oriel_check_piece *piece_of(const scene *s, const char *name, uint32_t rank)
{
    for (uint32_t i = 0; i < s->memory.pieces; i++)
        if (s->memory.piece[i].rank == rank && strcmp(s->memory.piece[i].name, name) == 0)
            return &s->memory.piece[i];
    fail_msg("no piece %s of rank %u", name, rank);
    return NULL;
}

static char *bytes_of(const scene *s, const char *name, uint32_t rank)
{
    return (char *)oriel_arena_base(s->memory.arena) + piece_of(s, name, rank)->offset;
}

static void pieces_are_sorted_apart_and_of_their_kind(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, PTO_I32, false);
    assert_int_equal(s.memory.pieces, RANKS * s.launch.buffer_count);
    uint64_t end = 0;
    for (uint32_t i = 0; i < s.memory.pieces; i++) {
        assert_true(s.memory.piece[i].offset >= end);
        assert_int_equal(s.memory.piece[i].offset % 64, 0);
        end = s.memory.piece[i].offset + s.memory.piece[i].bytes;
    }
    assert_true(end <= oriel_arena_bytes(s.memory.arena));
    for (uint32_t r = 0; r < RANKS; r++) {
        const oriel_check_piece *in = piece_of(&s, "in", r), *out = piece_of(&s, "out", r);
        const oriel_check_piece *signals = piece_of(&s, "signals", r);
        assert_true(!in->window && !in->undefined && !in->output && in->bytes == 4 * COUNT);
        assert_true(!out->window && out->undefined && out->output && out->bytes == 4 * COUNT);
        assert_true(signals->window && !signals->undefined && !signals->output);
        assert_int_equal(signals->bytes, 3 * 64 * RANKS);
    }
    close_scene(&s);
}

static void views_reach_the_pieces(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, PTO_I32, false);
    for (uint32_t r = 0; r < RANKS; r++) {
        const oriel_view *view = &s.memory.view[r];
        void *at;
        oriel_object object;
        assert_int_equal(view->args.tensors, 2);
        assert_int_equal(view->args.scalars, 1);
        assert_int_equal(view->args.scalar[0], PTO_SUM);
        assert_ok(oriel_view_reach(view, "test", "reads", view->args.tensor[1].addr, 4 * COUNT, &at, &object));
        assert_ptr_equal(at, bytes_of(&s, "out", r));
        const pto_comm *comm = view->args.comm;
        assert_int_equal(comm->rank, r);
        assert_int_equal(comm->ranks, RANKS);
        uint32_t peer = (r + 1) % RANKS;
        pto_addr theirs = (comm->first_object + peer * comm->buffers) << PTO_ADDR_OBJECT_SHIFT;
        assert_ok(oriel_view_reach(view, "test", "reads", theirs, 8, &at, &object));
        assert_ptr_equal(at, bytes_of(&s, object.name, peer));
        assert_null(object.bell);
    }
    close_scene(&s);
}

static void reset_puts_back_what_was_spoiled(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, PTO_I32, false);
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < s.memory.pieces; i++) {
            const oriel_check_piece *piece = &s.memory.piece[i];
            char *at = (char *)oriel_arena_base(s.memory.arena) + piece->offset;
            for (uint64_t k = 0; k < piece->bytes && piece->window; k++)
                assert_int_equal(at[k], 0);
            if (!piece->window && !piece->output)
                assert_int_equal(((int32_t *)(void *)at)[3], 3 + 100 * piece->rank);
            memset(at, 0x77, piece->bytes);
        }
        s.host.reset(s.host.context);
    }
    close_scene(&s);
}

static void entering_poisons_the_outputs_of_one_rank(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, PTO_I32, false);
    for (uint32_t r = 0; r < RANKS; r++)
        memset(bytes_of(&s, "out", r), 0, 4 * COUNT);
    s.host.entering(s.host.context, 1, 2);
    const int32_t *out[RANKS], *in = (const void *)bytes_of(&s, "in", 1);
    for (uint32_t r = 0; r < RANKS; r++)
        out[r] = (const void *)bytes_of(&s, "out", r);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal((uint32_t)out[1][i], 0xa5a5a5a5);
        assert_int_equal(out[0][i] | out[2][i], 0);
        assert_int_equal(in[i], i + 100);
    }
    close_scene(&s);
}

static void put_right(const scene *s, uint32_t rank)
{
    const oriel_checked_output *output = &s->memory.output[rank];
    memcpy(output->data, output->image[0].bytes, output->image[0].count * pto_dtype_bytes(output->image[0].dtype));
}

static void a_result_is_right_wrong_or_uninitialized(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, PTO_I32, false);
    s.host.entering(s.host.context, 1, 0);
    assert_string_equal(s.host.returned(s.host.context, 1, 0),
                        "out[0] of rank 1 is uninitialized, expected 300 (call 0)");
    put_right(&s, 1);
    assert_null(s.host.returned(s.host.context, 1, 0));
    ((int32_t *)(void *)bytes_of(&s, "out", 1))[7] = -1;
    assert_string_equal(s.host.returned(s.host.context, 1, 2), "out[7] of rank 1 is -1, expected 321 (call 2)");
    put_right(&s, 1);
    assert_null(s.host.returned(s.host.context, 1, 2));
    close_scene(&s);
}

/* Also after it was remembered as right: one bit more is looked at anew. */
static void a_result_within_its_tolerance_is_right(void **state)
{
    (void)state;
    scene s;
    open_scene(&s, PTO_F32, true);
    put_right(&s, 0);
    float *out = (void *)bytes_of(&s, "out", 0), value = out[4];
    uint32_t bits;
    memcpy(&bits, &value, 4);
    bits++;
    memcpy(&out[4], &bits, 4);
    for (int times = 0; times < 3; times++)
        assert_null(s.host.returned(s.host.context, 0, 0));
    assert_non_null(s.memory.output[0].near);
    out[4] = value + 1;
    assert_non_null(strstr(s.host.returned(s.host.context, 0, 1), "out[4] of rank 0 is "));
    out[4] = value;
    assert_null(s.host.returned(s.host.context, 0, 0));
    close_scene(&s);
}

static oriel_status too_many_scalars(const oriel_job *job, uint32_t rank, oriel_args *args)
{
    (void)job, (void)rank;
    oriel_status status = ORIEL_OK;
    while (status == ORIEL_OK)
        status = oriel_args_i64(args, 1);
    return status;
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    scene s = {.launch = oriel_launch_allreduce};
    s.launch.blocks = limits()->vector_cores + 1;
    assert_fails(make(&s, PTO_I32, false), ORIEL_INVALID, "vector cores");
    s.launch = oriel_launch_allreduce;
    s.launch.scalars = too_many_scalars;
    assert_fails(make(&s, PTO_I32, false), ORIEL_INVALID, "scalar arguments");
    s.launch = oriel_launch_allreduce;
    s.launch.name = "a name of more characters than a domain's can have";
    assert_fails(make(&s, PTO_I32, false), ORIEL_INVALID, "characters");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_sorted_apart_and_of_their_kind),
        cmocka_unit_test(views_reach_the_pieces),
        cmocka_unit_test(reset_puts_back_what_was_spoiled),
        cmocka_unit_test(entering_poisons_the_outputs_of_one_rank),
        cmocka_unit_test(a_result_is_right_wrong_or_uninitialized),
        cmocka_unit_test(a_result_within_its_tolerance_is_right),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests_name("launch/check_memory", tests, NULL, NULL);
}
