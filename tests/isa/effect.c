/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects what each simple instruction does to memory: which elements of strided tensors and of partly valid tiles it
 * reads and writes, that no other byte changes, and that atomic additions lose nothing.
 */
#include <pthread.h>

#include "reference.h"

/* UB and device memory of one test, and what they should hold after the instruction. */
#define UB_BYTES     16384
#define GLOBAL_BYTES 16384

static _Alignas(64) unsigned char ub[UB_BYTES], ub_after[UB_BYTES];
static _Alignas(64) unsigned char gm[GLOBAL_BYTES], gm_after[GLOBAL_BYTES];

static oriel_random rng;

static void scramble(void)
{
    for (size_t i = 0; i < UB_BYTES; i++)
        ub[i] = ub_after[i] = (unsigned char)oriel_random_next(&rng);
    for (size_t i = 0; i < GLOBAL_BYTES; i++)
        gm[i] = gm_after[i] = (unsigned char)oriel_random_next(&rng);
}

static void run(const pto_instr *instr)
{
    oriel_operands operands = {{NULL}, {NULL}};
    for (int i = 0; i < 3; i++)
        if (instr->tile[i])
            operands.tile[i] = ub + instr->tile[i]->offset;
    for (int i = 0; i < 2; i++)
        if (instr->global[i])
            operands.global[i] = gm + instr->global[i]->addr;
    oriel_instr_effect(instr, &operands);
}

static void check_memory(const char *what, pto_dtype dtype)
{
    for (size_t i = 0; i < UB_BYTES; i++)
        if (ub[i] != ub_after[i])
            fail_msg("%s %s: UB byte %zu is %02x, expected %02x", what, oriel_dtype_name(dtype), i, ub[i], ub_after[i]);
    for (size_t i = 0; i < GLOBAL_BYTES; i++)
        if (gm[i] != gm_after[i])
            fail_msg("%s %s: device byte %zu is %02x, expected %02x", what, oriel_dtype_name(dtype), i, gm[i],
                     gm_after[i]);
}

static size_t below(size_t bound)
{
    return (size_t)oriel_random_below(&rng, bound);
}

/* A tile at `offset` with a pitch of 32-byte units, at least `cols` wide; now and then without a gap. */
static pto_tile some_tile(pto_dtype dtype, uint32_t offset, uint32_t rows, uint32_t cols)
{
    uint32_t unit = 32 / pto_dtype_bytes(dtype);
    uint32_t pitch = (cols + unit - 1) / unit * unit + (uint32_t)below(2) * unit;
    return (pto_tile){
        .dtype = dtype, .offset = offset, .rows = rows + 1, .cols = pitch, .valid_rows = rows, .valid_cols = cols};
}

static size_t tile_at(const pto_tile *tile, size_t row, size_t col)
{
    return tile->offset + (row * tile->cols + col) * pto_dtype_bytes(tile->dtype);
}

static uint64_t tile_bits(const pto_tile *tile, size_t row, size_t col)
{
    return load(tile->dtype, ub + tile_at(tile, row, col));
}

/* ---- TLOAD, TSTORE ----------------------------------------------------------------------------------------------- */

/* Small extents, some of them 1; strides that leave gaps, or none. */
static pto_global some_global(pto_dtype dtype)
{
    pto_global global = {.addr = 64 * below(4), .dtype = dtype};
    uint64_t stride = 1 + below(2) * below(3);
    for (int k = 4; k >= 0; k--) {
        global.shape[k] = k == 4 ? 1 + below(9) : 1 + below(3);
        global.stride[k] = stride;
        stride = stride * global.shape[k] + below(2) * below(3);
    }
    return global;
}

static size_t global_at(const pto_global *global, size_t row, size_t col)
{
    size_t element = col * global->stride[4];
    for (int k = 3; k >= 0; k--) {
        element += row % global->shape[k] * global->stride[k];
        row /= global->shape[k];
    }
    return global->addr + element * pto_dtype_bytes(global->dtype);
}

static bool has_atomic_add(pto_dtype dtype)
{
    return dtype != PTO_U8 && dtype != PTO_U16 && dtype != PTO_U32 && dtype != PTO_I64;
}

static void check_transfer(pto_op op, pto_atomic atomic, pto_dtype dtype)
{
    scramble();
    pto_global global = some_global(dtype);
    uint64_t *shape = global.shape;
    pto_tile tile = some_tile(dtype, 96, (uint32_t)(shape[0] * shape[1] * shape[2] * shape[3]), (uint32_t)shape[4]);
    uint32_t bytes = pto_dtype_bytes(dtype);
    for (size_t i = 0; i < tile.valid_rows; i++) {
        for (size_t j = 0; j < tile.valid_cols; j++) {
            size_t in_ub = tile_at(&tile, i, j), in_gm = global_at(&global, i, j);
            if (op == PTO_OP_TLOAD)
                memcpy(ub_after + in_ub, gm + in_gm, bytes);
            else if (atomic == PTO_ATOMIC_NONE)
                memcpy(gm_after + in_gm, ub + in_ub, bytes);
            else
                store(dtype, gm_after + in_gm,
                      reference_binary(dtype, ORIEL_ADD, load(dtype, gm + in_gm), load(dtype, ub + in_ub)));
        }
    }
    pto_instr instr = {.op = op, .mode = atomic, .tile = {&tile}};
    instr.global[op == PTO_OP_TLOAD] = &global;
    run(&instr);
    check_memory(atomic ? "atomic TSTORE" : oriel_op_name(op), dtype);
}

static void transfers_between_strided_tensors_and_tiles(void **state)
{
    (void)state;
    oriel_random_seed(&rng, test_seed());
    for (int turn = 0; turn < 300; turn++) {
        for (pto_dtype dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++) {
            check_transfer(PTO_OP_TLOAD, PTO_ATOMIC_NONE, dtype);
            check_transfer(PTO_OP_TSTORE, PTO_ATOMIC_NONE, dtype);
            if (has_atomic_add(dtype))
                check_transfer(PTO_OP_TSTORE, PTO_ATOMIC_ADD, dtype);
        }
    }
}

/* ---- Arithmetic on tiles ----------------------------------------------------------------------------------------- */

/* dst is apart from the sources, or one of them. */
static void check_binary(pto_op op, pto_dtype dtype)
{
    scramble();
    uint32_t rows = (uint32_t)below(5), cols = (uint32_t)below(40);
    pto_tile a = some_tile(dtype, 32, rows, cols), b = some_tile(dtype, 2720, rows, cols);
    pto_tile apart = some_tile(dtype, 5408, rows, cols), dst = below(3) ? apart : below(2) ? a : b;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++)
            store(dtype, ub_after + tile_at(&dst, i, j),
                  reference_binary(dtype, (oriel_arithmetic)(op - PTO_OP_TADD), tile_bits(&a, i, j),
                                   tile_bits(&b, i, j)));
    run(&(pto_instr){.op = op, .tile = {&dst, &a, &b}});
    check_memory(oriel_op_name(op), dtype);
}

static void check_scalar(pto_op op, pto_dtype dtype)
{
    scramble();
    uint32_t rows = (uint32_t)below(5), cols = (uint32_t)below(40);
    pto_tile a = some_tile(dtype, 32, rows, cols), dst = below(2) ? a : some_tile(dtype, 4096, rows, cols);
    pto_scalar scalar = {.is_float = false, .value = {.i = (int64_t)below(1000) - 500}};
    uint64_t x = 0;
    oriel_element_set(dtype, &x, scalar);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++)
            store(dtype, ub_after + tile_at(&dst, i, j),
                  reference_binary(dtype, (oriel_arithmetic)(op - PTO_OP_TADDS), tile_bits(&a, i, j), x));
    run(&(pto_instr){.op = op, .tile = {&dst, &a}, .scalar = scalar});
    check_memory(oriel_op_name(op), dtype);
}

static void arithmetic_touches_the_valid_part_only(void **state)
{
    (void)state;
    oriel_random_seed(&rng, test_seed());
    for (int turn = 0; turn < 30; turn++) {
        for (pto_dtype dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++) {
            for (oriel_arithmetic op = 0; op < ORIEL_ARITHMETIC_COUNT; op++) {
                if (!takes(dtype, op))
                    continue;
                check_binary((pto_op)(PTO_OP_TADD + op), dtype);
                check_scalar((pto_op)(PTO_OP_TADDS + op), dtype);
            }
        }
    }
}

/* The seed's elements are random bits; those that are hard to convert are put in front of them. */
static void check_convert(pto_dtype to, pto_dtype from, pto_round round)
{
    scramble();
    uint32_t rows = 1 + (uint32_t)below(3), cols = (uint32_t)below(SPECIALS + 1);
    pto_tile src = some_tile(from, 32, rows, cols), dst = some_tile(to, 4096, rows, cols);
    if (pto_dtype_bytes(to) == pto_dtype_bytes(from) && below(2)) {
        dst = src;
        dst.dtype = to;
    }
    uint64_t special[SPECIALS];
    size_t specials = special_elements(from, special);
    for (size_t j = 0; j < cols; j++) {
        store(from, ub + tile_at(&src, 0, j), special[j % specials]);
        store(from, ub_after + tile_at(&src, 0, j), special[j % specials]);
    }
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++)
            store(to, ub_after + tile_at(&dst, i, j), reference_convert(to, from, tile_bits(&src, i, j), round));
    run(&(pto_instr){.op = PTO_OP_TCVT, .mode = round, .tile = {&dst, &src}});
    check_memory(oriel_dtype_name(from), to);
}

static void every_type_becomes_every_other_by_every_rule(void **state)
{
    (void)state;
    oriel_random_seed(&rng, test_seed());
    for (int turn = 0; turn < 10; turn++)
        for (pto_dtype to = 0; to < PTO_DTYPE_COUNT; to++)
            for (pto_dtype from = 0; from < PTO_DTYPE_COUNT; from++)
                for (pto_round round = 0; round < PTO_ROUND_COUNT; round++)
                    check_convert(to, from, round);
}

/* Longer than the block in which f16 and the like go through f32. */
static void long_rows_are_converted_to_their_end(void **state)
{
    (void)state;
    oriel_random_seed(&rng, test_seed());
    scramble();
    pto_tile src = {PTO_F16, 0, 1, 1600, 1, 1537}, dst = {PTO_BF16, 4096, 1, 1600, 1, 1537};
    for (size_t j = 0; j < 1537; j++)
        store(PTO_BF16, ub_after + tile_at(&dst, 0, j),
              reference_convert(PTO_BF16, PTO_F16, tile_bits(&src, 0, j), PTO_ROUND_NEAREST));
    run(&(pto_instr){.op = PTO_OP_TCVT, .mode = PTO_ROUND_NEAREST, .tile = {&dst, &src}});
    check_memory("TCVT of", PTO_F16);
}

static void fill_and_copy(void **state)
{
    (void)state;
    oriel_random_seed(&rng, test_seed());
    for (int turn = 0; turn < 100; turn++) {
        for (pto_dtype dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++) {
            uint32_t rows = (uint32_t)below(5), cols = (uint32_t)below(40);
            pto_tile src = some_tile(dtype, 32, rows, cols), dst = some_tile(dtype, 4096, rows, cols);
            pto_scalar scalar = {.is_float = true, .value = {.f = 1.75 * (double)below(200) - 100}};
            uint64_t x = 0;
            oriel_element_set(dtype, &x, scalar);
            scramble();
            for (size_t i = 0; i < rows; i++)
                for (size_t j = 0; j < cols; j++)
                    store(dtype, ub_after + tile_at(&dst, i, j), x);
            run(&(pto_instr){.op = PTO_OP_TFILL, .tile = {&dst}, .scalar = scalar});
            check_memory("TFILL", dtype);

            scramble();
            for (size_t i = 0; i < rows; i++)
                for (size_t j = 0; j < cols; j++)
                    store(dtype, ub_after + tile_at(&dst, i, j), tile_bits(&src, i, j));
            run(&(pto_instr){.op = PTO_OP_TMOV, .tile = {&dst, &src}});
            check_memory("TMOV", dtype);
        }
    }
}

static void row_sums_and_maxima_go_to_a_column_or_a_row(void **state)
{
    (void)state;
    oriel_random_seed(&rng, test_seed());
    for (int turn = 0; turn < 100; turn++) {
        for (pto_dtype dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++) {
            for (pto_op op = PTO_OP_TROWSUM; op <= PTO_OP_TROWMAX; op++) {
                uint32_t rows = (uint32_t)below(5), cols = (uint32_t)below(40);
                bool as_row = turn & 1;
                pto_tile src = some_tile(dtype, 32, rows, cols);
                pto_tile dst = some_tile(dtype, 4096, as_row ? 1 : rows, as_row ? rows : 1);
                scramble();
                for (size_t i = 0; i < rows && cols > 0; i++) {
                    const void *row = ub + tile_at(&src, i, 0);
                    store(dtype, ub_after + (as_row ? tile_at(&dst, 0, i) : tile_at(&dst, i, 0)),
                          op == PTO_OP_TROWSUM ? reference_row_sum(dtype, row, cols)
                                               : reference_row_max(dtype, row, cols));
                }
                run(&(pto_instr){.op = op, .tile = {&dst, &src}});
                check_memory(oriel_op_name(op), dtype);
            }
        }
    }
}

/* ---- Atomic additions -------------------------------------------------------------------------------------------- */

#define ADDERS    4
#define ADDITIONS 200
#define ELEMENTS  37

struct adder {
    pthread_t thread;
    pto_dtype dtype;
    void *sum;
};

/* Adds 1 to each of the shared elements, again and again. */
static void *add_ones(void *context)
{
    struct adder *adder = context;
    _Alignas(64) unsigned char ones[64 * 4];
    pto_tile tile = {adder->dtype, 0, 1, 64, 1, ELEMENTS};
    pto_global global = {.dtype = adder->dtype, .shape = {1, 1, 1, 1, ELEMENTS}, .stride = {1, 1, 1, 1, 1}};
    oriel_operands operands = {.tile = {ones}, .global = {adder->sum}};
    pto_scalar one = {.is_float = false, .value = {.i = 1}};
    oriel_instr_effect(&(pto_instr){.op = PTO_OP_TFILL, .tile = {&tile}, .scalar = one}, &operands);
    for (int i = 0; i < ADDITIONS; i++)
        oriel_instr_effect(
            &(pto_instr){.op = PTO_OP_TSTORE, .mode = PTO_ATOMIC_ADD, .tile = {&tile}, .global = {&global, NULL}},
            &operands);
    return NULL;
}

static void atomic_additions_from_four_threads_all_arrive(void **state)
{
    (void)state;
    for (pto_dtype dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++) {
        if (!has_atomic_add(dtype))
            continue;
        _Alignas(64) unsigned char sum[ELEMENTS * 4] = {0};
        struct adder adder[ADDERS];
        for (int i = 0; i < ADDERS; i++) {
            adder[i] = (struct adder){.dtype = dtype, .sum = sum};
            assert_int_equal(pthread_create(&adder[i].thread, NULL, add_ones, &adder[i]), 0);
        }
        for (int i = 0; i < ADDERS; i++)
            assert_int_equal(pthread_join(adder[i].thread, NULL), 0);
        /* A bf16 holds the integers up to 256, and 256 + 1 rounds to 256 again; an i8 wraps. */
        uint64_t expected = dtype == PTO_BF16
                                ? rounded_float(PTO_BF16, 256, 0)
                                : reference_convert(dtype, PTO_I32, ADDERS * ADDITIONS, PTO_ROUND_NEAREST);
        for (int i = 0; i < ELEMENTS; i++)
            assert_int_equal(load(dtype, sum + (size_t)i * pto_dtype_bytes(dtype)), expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transfers_between_strided_tensors_and_tiles),
        cmocka_unit_test(arithmetic_touches_the_valid_part_only),
        cmocka_unit_test(every_type_becomes_every_other_by_every_rule),
        cmocka_unit_test(long_rows_are_converted_to_their_end),
        cmocka_unit_test(fill_and_copy),
        cmocka_unit_test(row_sums_and_maxima_go_to_a_column_or_a_row),
        cmocka_unit_test(atomic_additions_from_four_threads_all_arrive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
