/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: the short way of each composite leaves in memory, bit for bit, what its expansion into loads, element
 * operations and stores leaves there, for any type, shape, stride, staging and number of ranks, in place or overlapping
 * or not; and nothing is written if any operand is not allowed.
 */
#include "base/random.h"
#include "engine/world.h"
#include "isa/isa.h"

/* ---- One case --------------------------------------------------------------------------------------------------- */

/* An instruction with all that it points to. Addresses are completed by the kernel. */
typedef struct composite {
    pto_instr instr;
    pto_tile tile[3];
    pto_global own, other;
    pto_global each[MAX_RANKS];
    pto_group group;
} composite;

static composite now;
static const pto_site here = {__FILE__, 1, "composite"};

static void issue_whole(pto_core *core)
{
    core->ops->issue(core, &now.instr);
}

static void issue_part(void *context, const pto_instr *instr)
{
    pto_core *core = context;
    core->ops->issue(core, instr);
}

static void sync_part(void *context, const pto_sync *sync)
{
    pto_core *core = context;
    core->ops->sync(core, sync);
}

/* Flags included: the engine's own rules about flags check the expansion's. */
static void issue_expansion(pto_core *core)
{
    oriel_instr_expand(&now.instr, world_limits(),
                       &(oriel_expansion){.instr = issue_part, .sync = sync_part, .context = core});
}

/* Everything that a kernel can write to, before a case and after its short way. */
typedef struct snapshots {
    uint64_t bytes;
    char *memory, *before, *after;
} snapshots;

/* Runs the case both ways on rank `rank` from the same memory, compares all of it, and puts it back. */
static void compare_ways(world *w, uint32_t rank, const snapshots *s)
{
    assert_ok(world_run(w, rank, issue_whole));
    memcpy(s->after, s->memory, s->bytes);
    memcpy(s->memory, s->before, s->bytes);
    assert_ok(world_run(w, rank, issue_expansion));
    for (uint64_t i = 0; memcmp(s->memory, s->after, s->bytes) != 0; i++)
        if (s->memory[i] != s->after[i])
            fail_msg("%s of %s: byte %llu is 0x%02x, its expansion makes it 0x%02x", oriel_op_name(now.instr.op),
                     oriel_dtype_name(now.own.dtype), (unsigned long long)i, s->after[i] & 0xFF, s->memory[i] & 0xFF);
    memcpy(s->memory, s->before, s->bytes);
}

/* ---- Random cases ----------------------------------------------------------------------------------------------- */

static oriel_random dice;

static uint64_t below(uint64_t bound)
{
    return oriel_random_below(&dice, bound);
}

static bool one_in(uint64_t n)
{
    return below(n) == 0;
}

/* Numbers of moderate size: a NaN's bits may depend on which of two operands came first. */
static void fill_memory(world *w, pto_dtype dtype)
{
    uint32_t bytes = pto_dtype_bytes(dtype);
    for (uint32_t rank = 0; rank < MAX_RANKS; rank++) {
        char *areas[] = {w->tensor[rank], world_buffer(w, rank, SCRATCH)};
        for (int a = 0; a < 2; a++)
            for (uint64_t i = 0; i < TENSOR_BYTES; i += bytes)
                oriel_element_set(dtype, areas[a] + i, pto_scalar_f64((oriel_random_unit(&dice) - 0.5) * 100));
    }
}

static uint64_t span_of(const pto_global *global)
{
    oriel_footprint footprint = oriel_global_footprint(global, false);
    return oriel_footprint_span(&footprint);
}

static void set_strides(pto_global *global, uint64_t innermost, bool gaps)
{
    uint64_t stride = innermost;
    for (int d = 4; d >= 0; d--) {
        global->stride[d] = stride;
        stride = stride * global->shape[d] + (gaps && one_in(2) ? below(3) : 0);
    }
}

/* Strides for `global`'s shape, with gaps now and then, if an area has room for them. */
static void random_strides(pto_global *global)
{
    set_strides(global, one_in(6) ? 2 : 1, one_in(2));
    if (span_of(global) > SCRATCH_BYTES)
        set_strides(global, 1, false);
}

/* An offset at which `global` lies inside an area; small ones are likely, so that operands overlap. */
static uint64_t random_offset(const pto_global *global)
{
    uint32_t bytes = pto_dtype_bytes(global->dtype);
    uint64_t room = (SCRATCH_BYTES - span_of(global)) / bytes + 1;
    return bytes * below(one_in(2) && room > 64 ? 64 : room);
}

static void place(world *w, pto_global *global, uint32_t mine, uint32_t rank, bool window)
{
    const pto_args *args = &w->view[mine].args;
    pto_addr base =
        window ? pto_peer_addr(&args->comm[0], args->comm[0].mine[SCRATCH].addr, rank) : args->tensor[0].addr;
    global->addr = base + random_offset(global);
}

/* A quarter of it at most fills an area, so that a gathered tensor has room in one. */
static void random_shape(pto_global *global, pto_dtype dtype)
{
    const uint64_t most = SCRATCH_BYTES / MAX_RANKS / pto_dtype_bytes(dtype);
    *global = (pto_global){.dtype = dtype};
    do {
        bool long_row = one_in(3);
        for (int d = 0; d < 4; d++)
            global->shape[d] = one_in(2) ? 1 : 1 + below(long_row ? 2 : 6);
        global->shape[4] = 1 + below(long_row ? most : 40);
    } while (pto_global_count(*global) > most);
    if (one_in(50))
        global->shape[below(5)] = 0;
    random_strides(global);
}

static void random_tiles(pto_dtype dtype)
{
    const pto_core as_kernel = {.ub_align = world_limits()->ub_align};
    uint32_t rows = 1 + (uint32_t)below(8), cols = 1 + (uint32_t)below(100);
    for (uint32_t i = 0; i < 3; i++)
        now.tile[i] = pto_tile_2d(&as_kernel, dtype, i * 8192, rows, cols);
}

/* The group's tensors, of `member`'s shape: by symmetry, or one by one with strides of their own. */
static void random_group(world *w, uint32_t mine, pto_global member)
{
    now.group = (pto_group){.comm = &w->view[mine].args.comm[0], .ranks = MAX_RANKS};
    place(w, &member, mine, mine, true);
    now.group.mine = member;
    if (one_in(2))
        return;
    now.group.each = now.each;
    now.group.ranks = 1 + (uint32_t)below(MAX_RANKS);
    for (uint32_t rank = 0; rank < now.group.ranks; rank++) {
        random_strides(&member);
        place(w, &member, mine, one_in(4) ? (uint32_t)below(MAX_RANKS) : rank, true); /* two may be on one rank */
        now.each[rank] = member;
    }
}

static void random_case(world *w, pto_op op, pto_dtype dtype, uint32_t mine)
{
    const uint32_t addable = PTO_DTYPE_BIT(PTO_F32) | PTO_DTYPE_BIT(PTO_F16) | PTO_DTYPE_BIT(PTO_BF16) |
                             PTO_DTYPE_BIT(PTO_I8) | PTO_DTYPE_BIT(PTO_I16) | PTO_DTYPE_BIT(PTO_I32);
    bool grouped = op != PTO_OP_TPUT && op != PTO_OP_TGET, divided = op == PTO_OP_TGATHER || op == PTO_OP_TSCATTER;
    bool add = op == PTO_OP_TPUT && (addable & PTO_DTYPE_BIT(dtype)) && one_in(2),
         writes_group = op == PTO_OP_TSCATTER || op == PTO_OP_TBROADCAST;
    random_tiles(dtype);
    random_shape(&now.other, dtype);
    random_group(w, mine, now.other);
    place(w, &now.other, mine, (mine + 1) % MAX_RANKS, true);
    now.own = now.other;
    if (divided)
        now.own.shape[3] *= now.group.ranks;
    random_strides(&now.own);
    place(w, &now.own, mine, mine, one_in(2));
    if (one_in(4) && !divided) { /* in place */
        now.own = grouped ? oriel_group_member(&now.group, mine % now.group.ranks) : now.other;
        if (one_in(2)) /* or only nearly so */
            set_strides(&now.own, 1, false);
    }
    uint32_t first = op == PTO_OP_TREDUCE;
    now.instr = (pto_instr){.op = op, .site = &here, .group = grouped ? &now.group : NULL};
    now.instr.mode = add                    ? PTO_ATOMIC_ADD
                     : op == PTO_OP_TREDUCE ? (uint32_t)below(pto_dtype_is_float(dtype) ? PTO_AND : PTO_REDUCE_COUNT)
                                            : 0;
    now.instr.tile[0] = &now.tile[0];
    now.instr.tile[first] = &now.tile[first];
    now.instr.tile[first + 1] = one_in(2) ? &now.tile[first + 1] : NULL;
    now.instr.global[writes_group] = &now.own;
    if (!grouped)
        now.instr.global[1] = &now.other;
}

static void compare_at_random(world *w, pto_op op)
{
    snapshots s = {.bytes = oriel_arena_used(w->arena), .memory = oriel_arena_base(w->arena)};
    s.before = malloc(s.bytes);
    s.after = malloc(s.bytes);
    assert_true(s.before && s.after);
    oriel_random_seed(&dice, test_seed() + op);
    for (pto_dtype dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++) {
        fill_memory(w, dtype);
        memcpy(s.before, s.memory, s.bytes);
        for (int i = 0; i < 20; i++) {
            uint32_t mine = (uint32_t)below(MAX_RANKS);
            random_case(w, op, dtype, mine);
            compare_ways(w, mine, &s);
        }
    }
    free(s.before);
    free(s.after);
}

static void tput_is_its_expansion(void **state)
{
    compare_at_random(*state, PTO_OP_TPUT);
}

static void tget_is_its_expansion(void **state)
{
    compare_at_random(*state, PTO_OP_TGET);
}

static void treduce_is_its_expansion(void **state)
{
    compare_at_random(*state, PTO_OP_TREDUCE);
}

static void tgather_is_its_expansion(void **state)
{
    compare_at_random(*state, PTO_OP_TGATHER);
}

static void tscatter_is_its_expansion(void **state)
{
    compare_at_random(*state, PTO_OP_TSCATTER);
}

static void tbroadcast_is_its_expansion(void **state)
{
    compare_at_random(*state, PTO_OP_TBROADCAST);
}

/* ---- Known answers: not by comparison with code of our own ------------------------------------------------------ */

#define COUNT 5000

static void gather_in_place(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    pto_tile ping = pto_tile_1d(core, PTO_U8, 0, 256), pong = pto_tile_1d(core, PTO_U8, 256, 256);
    pto_global all = in_scratch(core, 0, PTO_U8, 0), mine = in_scratch(core, comm->rank * COUNT, PTO_U8, COUNT);
    all = pto_global_2d(all.addr, PTO_U8, MAX_RANKS, COUNT, COUNT);
    pto_global each[MAX_RANKS];
    for (uint32_t rank = 0; rank < MAX_RANKS; rank++)
        each[rank] = pto_global_2d(pto_peer_addr(comm, mine.addr, rank) + (rank - (uint64_t)comm->rank) * COUNT, PTO_U8,
                                   1, COUNT, COUNT);
    pto_group group = {.each = each, .ranks = MAX_RANKS};
    pto_tgather(core, all, group, ping, pong);
}

static void a_gather_in_place_collects_the_others_parts(void **state)
{
    world *w = *state;
    for (uint32_t rank = 0; rank < MAX_RANKS; rank++)
        memset((char *)world_buffer(w, rank, SCRATCH) + rank * COUNT, 'a' + (int)rank, COUNT);
    assert_ok(world_run(w, 1, gather_in_place));
    const char *all = world_buffer(w, 1, SCRATCH), *other = world_buffer(w, 0, SCRATCH);
    for (uint32_t i = 0; i < MAX_RANKS * COUNT; i++)
        assert_int_equal(all[i], 'a' + i / COUNT);
    assert_int_equal(other[COUNT], 0);
}

static void sum_into_itself(pto_core *core)
{
    pto_global mine = in_scratch(core, 0, PTO_F32, COUNT);
    pto_treduce(core, mine, pto_group_of(pto_arg_comm(core, 0), mine), PTO_SUM, pto_tile_1d(core, PTO_F32, 0, 64),
                pto_tile_1d(core, PTO_F32, 256, 64), PTO_NO_TILE);
}

static void a_reduction_adds_in_rank_order(void **state)
{
    world *w = *state;
    const float terms[MAX_RANKS] = {1e8f, 1, -1e8f, 3}; /* 1e8 + 1 is 1e8 in f32: the order shows */
    for (uint32_t rank = 0; rank < MAX_RANKS; rank++)
        for (int i = 0; i < COUNT; i++)
            ((float *)world_buffer(w, rank, SCRATCH))[i] = terms[rank];
    assert_ok(world_run(w, 2, sum_into_itself));
    for (int i = 0; i < COUNT; i++)
        assert_true(((float *)world_buffer(w, 2, SCRATCH))[i] == 3);
    assert_true(((float *)world_buffer(w, 1, SCRATCH))[0] == 1);
}

#define MANY 200 /* parts of one rank: more than a reduction resolves at once */

static void sum_of_many(pto_core *core)
{
    pto_global each[MANY];
    for (uint32_t i = 0; i < MANY; i++)
        each[i] = in_scratch(core, i * 64, PTO_I32, 16);
    pto_group group = {.each = each, .ranks = MANY};
    pto_treduce(core, in_tensor(core, 0, PTO_I32, 16), group, PTO_SUM, pto_tile_1d(core, PTO_I32, 0, 16),
                pto_tile_1d(core, PTO_I32, 64, 16), PTO_NO_TILE);
}

static void a_reduction_of_any_number_of_tensors(void **state)
{
    world *w = *state;
    int *terms = world_buffer(w, 0, SCRATCH);
    for (int i = 0; i < MANY * 16; i++)
        terms[i] = i;
    assert_ok(world_run(w, 0, sum_of_many));
    for (int i = 0; i < 16; i++)
        assert_int_equal(((int *)w->tensor[0])[i], MANY * i + 16 * (MANY * (MANY - 1) / 2));
}

/* ---- Faults ----------------------------------------------------------------------------------------------------- */

static void broadcast_past_the_end_of_the_last(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    pto_global each[MAX_RANKS];
    for (uint32_t rank = 0; rank < MAX_RANKS; rank++)
        each[rank] = pto_peer(comm, in_scratch(core, rank == 3 ? SCRATCH_BYTES - 4 : 0, PTO_I32, 16), rank);
    pto_group group = {.each = each, .ranks = MAX_RANKS};
    pto_tbroadcast(core, group, in_tensor(core, 0, PTO_I32, 16), pto_tile_1d(core, PTO_I32, 0, 16), PTO_NO_TILE);
}

static void nothing_is_written_if_one_operand_is_wrong(void **state)
{
    world *w = *state;
    memset(w->tensor[0], 1, 64);
    assert_fails(world_run(w, 0, broadcast_past_the_end_of_the_last), ORIEL_FAULT,
                 "TBROADCAST writes 64 B at offset 65532 of window \"scratch\" (65536 B) on rank 3");
    for (uint32_t rank = 0; rank < MAX_RANKS; rank++)
        assert_int_equal(*(int *)world_buffer(w, rank, SCRATCH), 0);
}

/* My tensor against every rank's scratch, which lies `beyond` bytes too far in the window of rank 3. */
static uint64_t beyond;

static pto_group far_group(pto_core *core, pto_global each[MAX_RANKS], uint64_t count)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    for (uint32_t rank = 0; rank < MAX_RANKS; rank++) {
        uint64_t at = rank == 3 ? SCRATCH_BYTES - 4 * count + beyond : 0;
        each[rank] = pto_peer(comm, in_scratch(core, at, PTO_I32, count), rank);
        each[rank].shape[3] = 1;
    }
    return (pto_group){.each = each, .ranks = MAX_RANKS};
}

static pto_global four_rows(pto_core *core)
{
    return pto_global_2d(in_tensor(core, 0, PTO_I32, 16).addr, PTO_I32, MAX_RANKS, 16, 16);
}

static void put_far(pto_core *core)
{
    pto_global each[MAX_RANKS];
    far_group(core, each, 16);
    pto_tput(core, each[3], in_tensor(core, 0, PTO_I32, 16), pto_tile_1d(core, PTO_I32, 0, 16), PTO_NO_TILE);
}

static void get_far(pto_core *core)
{
    pto_global each[MAX_RANKS];
    far_group(core, each, 16);
    pto_tget(core, in_tensor(core, 0, PTO_I32, 16), each[3], pto_tile_1d(core, PTO_I32, 0, 16), PTO_NO_TILE);
}

static void reduce_far(pto_core *core)
{
    pto_global each[MAX_RANKS];
    pto_group group = far_group(core, each, 16);
    pto_treduce(core, in_tensor(core, 0, PTO_I32, 16), group, PTO_SUM, pto_tile_1d(core, PTO_I32, 0, 16),
                pto_tile_1d(core, PTO_I32, 64, 16), PTO_NO_TILE);
}

static void gather_far(pto_core *core)
{
    pto_global each[MAX_RANKS];
    pto_group group = far_group(core, each, 16);
    pto_tgather(core, four_rows(core), group, pto_tile_1d(core, PTO_I32, 0, 16), PTO_NO_TILE);
}

static void scatter_far(pto_core *core)
{
    pto_global each[MAX_RANKS];
    pto_group group = far_group(core, each, 16);
    pto_tscatter(core, group, four_rows(core), pto_tile_1d(core, PTO_I32, 0, 16), PTO_NO_TILE);
}

static void every_composite_says_where_it_leaves_a_window(void **state)
{
    world *w = *state;
    const struct {
        oriel_kernel_fn kernel;
        const char *name, *does;
    } cases[] = {{put_far, "TPUT", "writes"},
                 {get_far, "TGET", "reads"},
                 {reduce_far, "TREDUCE", "reads"},
                 {gather_far, "TGATHER", "reads"},
                 {scatter_far, "TSCATTER", "writes"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[160];
        beyond = 0;
        assert_ok(world_run(w, 1, cases[i].kernel));
        beyond = 4;
        snprintf(expected, sizeof expected, "%s %s 64 B at offset 65476 of window \"scratch\" (65536 B) on rank 3",
                 cases[i].name, cases[i].does);
        memset(w->tensor[1], 7, 64);
        memset(world_buffer(w, 0, SCRATCH), 5, 64);
        assert_fails(world_run(w, 1, cases[i].kernel), ORIEL_FAULT, expected);
        assert_int_equal(w->tensor[1][0], 7); /* nothing was written, to the good operands neither */
        assert_int_equal(*(char *)world_buffer(w, 0, SCRATCH), 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tput_is_its_expansion, world_make, world_drop),
        cmocka_unit_test_setup_teardown(tget_is_its_expansion, world_make, world_drop),
        cmocka_unit_test_setup_teardown(treduce_is_its_expansion, world_make, world_drop),
        cmocka_unit_test_setup_teardown(tgather_is_its_expansion, world_make, world_drop),
        cmocka_unit_test_setup_teardown(tscatter_is_its_expansion, world_make, world_drop),
        cmocka_unit_test_setup_teardown(tbroadcast_is_its_expansion, world_make, world_drop),
        cmocka_unit_test_setup_teardown(a_gather_in_place_collects_the_others_parts, world_make, world_drop),
        cmocka_unit_test_setup_teardown(a_reduction_adds_in_rank_order, world_make, world_drop),
        cmocka_unit_test_setup_teardown(a_reduction_of_any_number_of_tensors, world_make, world_drop),
        cmocka_unit_test_setup_teardown(nothing_is_written_if_one_operand_is_wrong, world_make, world_drop),
        cmocka_unit_test_setup_teardown(every_composite_says_where_it_leaves_a_window, world_make, world_drop),
    };
    return cmocka_run_group_tests_name("composite", tests, NULL, NULL);
}
