/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: a composite's expansion, run in program order, does what the composite says, for any shapes, strides, tiles and
 * ranks; it consists of instructions that a kernel could have written; its chunks fit a tile and cover the tensor once.
 */
#include "isa/composites.h"

#define CASES      1000
#define OBJECT_MAX (96 << 10)

/* ---- Memory and arithmetic of the test's own -------------------------------------------------------------------- */

static uint8_t (*memory)[OBJECT_MAX], (*expected)[OBJECT_MAX], *ub;

static uint8_t *element(uint8_t (*objects)[OBJECT_MAX], const pto_global *global, const uint64_t index[5])
{
    uint64_t addr = global->addr;
    for (int i = 0; i < 5; i++)
        addr += 4 * index[i] * global->stride[i];
    assert_in_range(pto_addr_object(addr), 1, OBJECTS - 1);
    assert_in_range(pto_addr_offset(addr), 0, OBJECT_MAX - 4);
    return &objects[pto_addr_object(addr)][pto_addr_offset(addr)];
}

static uint8_t *tile_element(const pto_tile *tile, uint64_t row, uint64_t col)
{
    return ub + tile->offset + 4 * (row * tile->cols + col);
}

/* dst <- a op b for one element of four bytes. */
static void combine(pto_dtype dtype, pto_reduce op, void *dst, const void *a, const void *b)
{
    if (dtype == PTO_F32) {
        float x, y;
        memcpy(&x, a, 4);
        memcpy(&y, b, 4);
        const float results[] = {
            [PTO_SUM] = x + y, [PTO_MAX] = x > y ? x : y, [PTO_MIN] = x < y ? x : y, [PTO_PROD] = x * y};
        memcpy(dst, &results[op], 4);
    } else {
        int32_t x, y;
        memcpy(&x, a, 4);
        memcpy(&y, b, 4);
        const int32_t results[] = {[PTO_SUM] = (int32_t)((uint32_t)x + (uint32_t)y),
                                   [PTO_MAX] = x > y ? x : y,
                                   [PTO_MIN] = x < y ? x : y,
                                   [PTO_PROD] = (int32_t)((uint32_t)x * (uint32_t)y),
                                   [PTO_AND] = x & y,
                                   [PTO_OR] = x | y,
                                   [PTO_XOR] = x ^ y};
        memcpy(dst, &results[op], 4);
    }
}

/* Steps through a shape, last index fastest; false after the last. */
static bool next_index(uint64_t index[5], const uint64_t shape[5])
{
    for (int i = 4; i >= 0; i--) {
        if (++index[i] < shape[i])
            return true;
        index[i] = 0;
    }
    return false;
}

static void run_move(const pto_instr *instr)
{
    bool is_load = instr->op == PTO_OP_TLOAD;
    const pto_global *global = instr->global[is_load ? 1 : 0];
    uint64_t index[5] = {0}, n = 0;
    do {
        uint8_t *there = element(memory, global, index);
        uint8_t *here = tile_element(instr->tile[0], n / global->shape[4], n % global->shape[4]);
        if (is_load)
            memcpy(here, there, 4);
        else if (instr->mode == PTO_ATOMIC_ADD)
            combine(global->dtype, PTO_SUM, there, there, here);
        else
            memcpy(there, here, 4);
        n++;
    } while (next_index(index, global->shape));
}

static void run_arithmetic(const pto_instr *instr)
{
    static const pto_op by[PTO_REDUCE_COUNT] = {
        [PTO_SUM] = PTO_OP_TADD, [PTO_MAX] = PTO_OP_TMAX, [PTO_MIN] = PTO_OP_TMIN, [PTO_PROD] = PTO_OP_TMUL,
        [PTO_AND] = PTO_OP_TAND, [PTO_OR] = PTO_OP_TOR,   [PTO_XOR] = PTO_OP_TXOR};
    pto_reduce op = 0;
    while (by[op] != instr->op)
        assert_true(++op < PTO_REDUCE_COUNT);
    const pto_tile *dst = instr->tile[0];
    for (uint32_t i = 0; i < dst->valid_rows; i++) {
        for (uint32_t j = 0; j < dst->valid_cols; j++)
            combine(dst->dtype, op, tile_element(dst, i, j), tile_element(instr->tile[1], i, j),
                    tile_element(instr->tile[2], i, j));
    }
}

/* Runs the recording in program order. Each step is an instruction that a kernel could have written. */
static void run_recording(const oriel_limits *limits)
{
    for (uint32_t i = 0; i < recorded.count; i++) {
        const issued *event = &recorded.event[i];
        if (event->is_sync) {
            assert_ok(oriel_sync_check(&event->sync, limits));
            continue;
        }
        assert_ok(oriel_instr_check(&event->instr, limits));
        if (oriel_op_pipe(event->instr.op) == PTO_PIPE_V)
            run_arithmetic(&event->instr);
        else
            run_move(&event->instr);
    }
}

/* ---- The definition --------------------------------------------------------------------------------------------- */

/* Dimension 3 of `mine` at `rank`'s part. */
static void shifted(uint64_t at[5], const uint64_t index[5], uint32_t rank, const pto_global *member)
{
    memcpy(at, index, 5 * sizeof at[0]);
    at[3] += rank * member->shape[3];
}

/* What `composite` makes of one element of all ranks: `index` runs over a member's shape. */
static void define_element(const pto_instr *composite, const uint64_t index[5])
{
    const pto_group *group = composite->group;
    uint8_t *dst = composite->op == PTO_OP_TPUT || composite->op == PTO_OP_TGET || composite->op == PTO_OP_TREDUCE
                       ? element(expected, composite->global[0], index)
                       : NULL;
    for (uint32_t rank = 0; rank < (group ? group->ranks : 1); rank++) {
        pto_global member = group ? oriel_group_member(group, rank) : *composite->global[1];
        uint8_t *theirs = element(expected, &member, index);
        uint64_t part[5];
        shifted(part, index, rank, &member);
        switch (composite->op) {
        case PTO_OP_TGATHER: memcpy(element(expected, composite->global[0], part), theirs, 4); break;
        case PTO_OP_TSCATTER: memcpy(theirs, element(expected, composite->global[1], part), 4); break;
        case PTO_OP_TBROADCAST: memcpy(theirs, element(expected, composite->global[1], index), 4); break;
        case PTO_OP_TREDUCE:
            if (rank == 0)
                memcpy(dst, theirs, 4);
            else
                combine(member.dtype, (pto_reduce)composite->mode, dst, dst, theirs);
            break;
        default:
            if (composite->mode == PTO_ATOMIC_ADD)
                combine(member.dtype, PTO_SUM, dst, dst, theirs);
            else
                memcpy(dst, theirs, 4);
        }
    }
}

static void define(const pto_instr *composite, const uint64_t shape[5])
{
    uint64_t index[5] = {0};
    do
        define_element(composite, index);
    while (next_index(index, shape));
}

/* ---- Random cases ----------------------------------------------------------------------------------------------- */

/* Fills all memory with the bits of small floating-point numbers, for either type. */
static void random_memory(oriel_random *random)
{
    for (int object = 0; object < OBJECTS; object++) {
        for (int i = 0; i < OBJECT_MAX / 4; i++) {
            float number = (float)(oriel_random_unit(random) - 0.5);
            memcpy(&memory[object][4 * i], &number, 4);
        }
    }
    memcpy(expected, memory, OBJECTS * sizeof *memory);
}

static void an_expansion_does_what_its_composite_says(void **state)
{
    (void)state;
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    for (int i = 0; i < CASES; i++) {
        if (i % 50 == 0) /* sums of sums grow */
            random_memory(&random);
        trial sample;
        random_sample(&random, &sample);
        const oriel_limits *limits = i % 2 ? &overlapping : &in_order;
        recorded.count = 0;
        record(&sample.composite, limits);
        run_recording(limits);
        define(&sample.composite, sample.shape);
        for (int object = 0; object < OBJECTS; object++) {
            if (memcmp(memory[object], expected[object], OBJECT_MAX) != 0)
                fail_msg("case %d: %s: object %d differs", i, oriel_op_name(sample.composite.op), object);
        }
    }
}

static void nothing_is_done_for_no_elements(void **state)
{
    (void)state;
    const pto_tile ping = {PTO_F32, 0, 1, 8, 1, 8};
    for (int dim = 0; dim < 5; dim++) {
        pto_global empty = {.addr = UINT64_C(1) << PTO_ADDR_OBJECT_SHIFT, .shape = {2, 2, 2, 2, 2}};
        empty.shape[dim] = 0;
        recorded.count = 0;
        record(&(pto_instr){.op = PTO_OP_TPUT, .tile = {&ping}, .global = {&empty, &empty}}, &in_order);
        assert_int_equal(recorded.count, 0);
    }
}

/* `mode` is not TGET's: what a record holds there does not make its stores into additions. */
static void a_get_is_a_move_whatever_its_mode_is(void **state)
{
    (void)state;
    const pto_tile ping = {PTO_U32, 0, 1, 8, 1, 8};
    const pto_global eight = {.addr = UINT64_C(1) << PTO_ADDR_OBJECT_SHIFT,
                              .dtype = PTO_U32,
                              .shape = {1, 1, 1, 1, 8},
                              .stride = {8, 8, 8, 8, 1}};
    recorded.count = 0;
    record(&(pto_instr){.op = PTO_OP_TGET, .mode = PTO_ATOMIC_ADD, .tile = {&ping}, .global = {&eight, &eight}},
           &in_order);
    uint32_t stores = 0;
    for (uint32_t i = 0; i < recorded.count; i++) {
        const issued *event = &recorded.event[i];
        if (event->is_sync || event->instr.op != PTO_OP_TSTORE)
            continue;
        assert_int_equal(event->instr.mode, PTO_ATOMIC_NONE);
        stores++;
    }
    assert_int_equal(stores, 1);
}

/* ---- Chunks ----------------------------------------------------------------------------------------------------- */

static void chunks_fit_the_tile_and_cover_once(void **state)
{
    (void)state;
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    for (int n = 0; n < CASES; n++) {
        pto_global tensor = {.dtype = PTO_F32};
        for (int i = 0; i < 5; i++)
            tensor.shape[i] = 1 + below(&random, 5);
        pto_tile tile = {.valid_rows = 1 + below(&random, 40), .valid_cols = 1 + below(&random, 8)};
        oriel_chunks chunks = oriel_chunks_of(&tensor, &tile);
        uint8_t covered[5][5][5][5][5] = {0};
        for (uint64_t c = 0; c < chunks.count; c++) {
            uint64_t origin[5], shape[5], index[5] = {0};
            oriel_chunk_at(&chunks, c, origin, shape);
            assert_in_range(shape[0] * shape[1] * shape[2] * shape[3], 1, tile.valid_rows);
            assert_in_range(shape[4], 1, tile.valid_cols);
            do {
                for (int i = 0; i < 5; i++)
                    assert_true(origin[i] + index[i] < tensor.shape[i]);
                covered[origin[0] + index[0]][origin[1] + index[1]][origin[2] + index[2]][origin[3] + index[3]]
                       [origin[4] + index[4]]++;
            } while (next_index(index, shape));
        }
        uint64_t index[5] = {0};
        do
            assert_int_equal(covered[index[0]][index[1]][index[2]][index[3]][index[4]], 1);
        while (next_index(index, tensor.shape));
    }
}

static int allocate(void **state)
{
    (void)state;
    memory = malloc(OBJECTS * sizeof *memory);
    expected = malloc(OBJECTS * sizeof *expected);
    ub = malloc(UB_BYTES);
    return memory && expected && ub ? 0 : -1;
}

static int release(void **state)
{
    (void)state;
    free(memory);
    free(expected);
    free(ub);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_expansion_does_what_its_composite_says),
        cmocka_unit_test(nothing_is_done_for_no_elements),
        cmocka_unit_test(a_get_is_a_move_whatever_its_mode_is),
        cmocka_unit_test(chunks_fit_the_tile_and_cover_once),
    };
    return cmocka_run_group_tests_name("expand", tests, allocate, release);
}
