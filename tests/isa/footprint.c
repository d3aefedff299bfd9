/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: a footprint names exactly the bytes that an instruction touches, found here element by element; what is
 * contiguous is one run; sizes saturate.
 */
#include "base/random.h"
#include "isa/isa.h"
#include "oriel/kernel.h"
#include "test.h"

#define CASES  10000
#define MEMORY 8192

static const pto_addr base = UINT64_C(7) << PTO_ADDR_OBJECT_SHIFT;

static uint32_t below(oriel_random *random, uint32_t bound)
{
    return (uint32_t)oriel_random_below(random, bound);
}

/* Counts, for each byte, how often the footprint's runs touch it. */
static void mark_footprint(uint32_t touched[MEMORY], const oriel_footprint *footprint, uint64_t origin)
{
    const uint64_t *times = footprint->times, *step = footprint->step;
    uint64_t repeats = times[0] * times[1] * times[2] * times[3] * times[4];
    for (uint64_t n = 0; n < repeats; n++) {
        uint64_t at = footprint->start - origin, rest = n;
        for (int i = 0; i < 5; i++) {
            at += rest % times[i] * step[i];
            rest /= times[i];
        }
        for (uint64_t byte = 0; byte < footprint->run; byte++) {
            assert_in_range(at + byte, 0, MEMORY - 1);
            touched[at + byte]++;
        }
    }
}

static void mark_global(uint32_t touched[MEMORY], const pto_global *global)
{
    uint64_t bytes = pto_dtype_bytes(global->dtype), count = pto_global_count(*global);
    for (uint64_t n = 0; n < count; n++) {
        uint64_t at = global->addr - base, rest = n;
        for (int i = 4; i >= 0; i--) {
            at += bytes * (rest % global->shape[i] * global->stride[i]);
            rest /= global->shape[i];
        }
        for (uint64_t byte = 0; byte < bytes; byte++)
            touched[at + byte]++;
    }
}

/* The two agree on which bytes are touched; span and byte count agree with what is seen. */
static void assert_same_bytes(const uint32_t seen[MEMORY], const uint32_t wanted[MEMORY],
                              const oriel_footprint *footprint, uint64_t origin)
{
    uint64_t total = 0, end = 0;
    for (uint64_t i = 0; i < MEMORY; i++) {
        assert_int_equal(seen[i] != 0, wanted[i] != 0);
        total += seen[i];
        if (seen[i])
            end = i + 1;
    }
    assert_int_equal(oriel_footprint_bytes(footprint), total);
    assert_int_equal(oriel_footprint_span(footprint), total ? end - (footprint->start - origin) : 0);
}

/* Any strides, 0 and overlapping ones included, in any order. */
static void a_tensors_footprint_is_its_elements(void **state)
{
    (void)state;
    static uint32_t seen[MEMORY], wanted[MEMORY];
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    for (int n = 0; n < CASES; n++) {
        pto_global global = {.dtype = (pto_dtype)below(&random, PTO_DTYPE_COUNT)};
        global.addr = base + below(&random, 64) * pto_dtype_bytes(global.dtype);
        for (int i = 0; i < 5; i++) {
            global.shape[i] = below(&random, 20) ? 1 + below(&random, 4) : 0;
            global.stride[i] = below(&random, 2) ? below(&random, 6) : below(&random, 64);
        }
        oriel_footprint footprint = oriel_global_footprint(&global, true);
        memset(seen, 0, sizeof seen);
        memset(wanted, 0, sizeof wanted);
        mark_footprint(seen, &footprint, base);
        mark_global(wanted, &global);
        assert_same_bytes(seen, wanted, &footprint, base);
        assert_int_equal(footprint.space, ORIEL_SPACE_GM);
        assert_true(footprint.write);
    }
}

static void a_tiles_footprint_is_its_valid_elements(void **state)
{
    (void)state;
    static uint32_t seen[MEMORY], wanted[MEMORY];
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    for (int n = 0; n < CASES; n++) {
        pto_tile tile = {.dtype = (pto_dtype)below(&random, PTO_DTYPE_COUNT), .offset = 32 * below(&random, 8)};
        uint32_t bytes = pto_dtype_bytes(tile.dtype);
        tile.rows = 1 + below(&random, 8);
        tile.cols = 32 / bytes * (1 + below(&random, 4));
        tile.valid_rows = below(&random, tile.rows + 1);
        tile.valid_cols = below(&random, 4) ? below(&random, tile.cols + 1) : tile.cols;
        oriel_footprint footprint = oriel_tile_footprint(&tile, false);
        memset(seen, 0, sizeof seen);
        memset(wanted, 0, sizeof wanted);
        mark_footprint(seen, &footprint, 0);
        for (uint32_t i = 0; i < tile.valid_rows; i++) {
            for (uint32_t j = 0; j < tile.valid_cols * bytes; j++)
                wanted[tile.offset + i * tile.cols * bytes + j] = 1;
        }
        assert_same_bytes(seen, wanted, &footprint, 0);
        assert_int_equal(footprint.space, ORIEL_SPACE_LOCAL);
        assert_false(footprint.write);
    }
}

/* A dense tensor, its dimensions in any order in memory, is one run; one with gaps between its rows is one run a row. */
static void what_is_contiguous_is_one_run(void **state)
{
    (void)state;
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    for (int n = 0; n < 1000; n++) {
        pto_global global = {.addr = base, .dtype = PTO_F32};
        uint64_t step = 1;
        for (int i = 0; i < 5; i++)
            global.shape[i] = 1 + below(&random, 4);
        for (uint32_t i = 0, first = below(&random, 5); i < 5; i++) {
            global.stride[(first + 2 * i) % 5] = step;
            step *= global.shape[(first + 2 * i) % 5];
        }
        oriel_footprint footprint = oriel_global_footprint(&global, false);
        assert_int_equal(footprint.run, 4 * step);
        assert_int_equal(oriel_footprint_bytes(&footprint), 4 * step);
    }
    pto_global rows = pto_global_2d(base, PTO_F16, 5, 10, 16);
    oriel_footprint footprint = oriel_global_footprint(&rows, false);
    assert_int_equal(footprint.run, 20);
    assert_int_equal(footprint.times[0], 5);
    assert_int_equal(footprint.step[0], 32);
}

/* Which of an instruction's operands are read, written, added to. */
static void assert_access(const pto_instr *instr, const char *expected)
{
    oriel_footprint footprint[ORIEL_MAX_FOOTPRINTS];
    uint32_t count = oriel_instr_footprint(instr, footprint);
    char seen[128] = "";
    for (uint32_t i = 0; i < count; i++) {
        size_t length = strlen(seen);
        snprintf(seen + length, sizeof seen - length, "%s%s@%d",
                 footprint[i].atomic  ? "+"
                 : footprint[i].write ? "w"
                                      : "r",
                 footprint[i].space == ORIEL_SPACE_LOCAL ? "ub" : "gm", (int)(footprint[i].start & 0xff));
    }
    assert_string_equal(seen, expected);
}

static void instructions_read_and_write_their_operands(void **state)
{
    (void)state;
    const pto_tile a = {PTO_F32, 0, 1, 8, 1, 8}, b = {PTO_F32, 32, 1, 8, 1, 8}, c = {PTO_F32, 64, 1, 8, 1, 8};
    const pto_global g = pto_global_1d(base + 4, PTO_F32, 8);
    assert_access(&(pto_instr){.op = PTO_OP_TLOAD, .tile = {&a}, .global = {NULL, &g}}, "rgm@4wub@0");
    assert_access(&(pto_instr){.op = PTO_OP_TSTORE, .tile = {&a}, .global = {&g, NULL}}, "wgm@4rub@0");
    assert_access(&(pto_instr){.op = PTO_OP_TSTORE, .mode = PTO_ATOMIC_ADD, .tile = {&a}, .global = {&g, NULL}},
                  "+gm@4rub@0");
    assert_access(&(pto_instr){.op = PTO_OP_TADD, .tile = {&a, &b, &c}}, "wub@0rub@32rub@64");
    assert_access(&(pto_instr){.op = PTO_OP_TADDS, .tile = {&a, &b}}, "wub@0rub@32");
    assert_access(&(pto_instr){.op = PTO_OP_TROWSUM, .tile = {&c, &b}}, "wub@64rub@32");
    assert_access(&(pto_instr){.op = PTO_OP_TFILL, .tile = {&b}}, "wub@32");
    const pto_tile empty = {PTO_F32, 32, 1, 8, 1, 0}, column = {PTO_F32, 64, 1, 8, 1, 1};
    assert_access(&(pto_instr){.op = PTO_OP_TROWMAX, .tile = {&column, &empty}}, "");
    assert_access(&(pto_instr){.op = PTO_OP_TRAP, .text = "x"}, "");
}

static void sizes_saturate(void **state)
{
    (void)state;
    const pto_global huge = {
        .dtype = PTO_I64, .shape = {UINT64_MAX, UINT64_MAX, 1, 2, 3}, .stride = {UINT64_MAX, UINT64_MAX - 1, 1, 1, 1}};
    oriel_footprint footprint = oriel_global_footprint(&huge, false);
    assert_true(oriel_footprint_span(&footprint) == UINT64_MAX);
    assert_true(oriel_footprint_bytes(&footprint) == UINT64_MAX);
}

/* Operands that the instruction does not take may be anything: the check has not looked at them. */
static void only_what_an_instruction_takes_is_touched(void **state)
{
    (void)state;
    const pto_tile tile = {PTO_F32, 64, 1, 8, 1, 8}, stray = {PTO_F32, UINT32_MAX, 1, 8, 1, 8};
    const pto_global global = pto_global_1d(base, PTO_F32, 8);
    oriel_footprint footprint[ORIEL_MAX_FOOTPRINTS];
    const struct {
        pto_op op;
        uint32_t tiles, globals;
    } cases[] = {{PTO_OP_TLOAD, 1, 1}, {PTO_OP_TSTORE, 1, 1},  {PTO_OP_TFILL, 1, 0}, {PTO_OP_TADD, 3, 0},
                 {PTO_OP_TADDS, 2, 0}, {PTO_OP_TROWMAX, 2, 0}, {PTO_OP_TCVT, 2, 0},  {PTO_OP_TMOV, 2, 0},
                 {PTO_OP_TXOR, 3, 0},  {PTO_OP_TXORS, 2, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pto_instr instr = {.op = cases[i].op, .global = {&global, &global}};
        for (uint32_t t = 0; t < 3; t++)
            instr.tile[t] = t < cases[i].tiles ? &tile : &stray;
        uint32_t count = oriel_instr_footprint(&instr, footprint), globals = 0;
        assert_int_equal(count, cases[i].tiles + cases[i].globals);
        for (uint32_t k = 0; k < count; k++) {
            globals += footprint[k].space == ORIEL_SPACE_GM;
            assert_int_equal(footprint[k].start, footprint[k].space == ORIEL_SPACE_GM ? base : 64);
        }
        assert_int_equal(globals, cases[i].globals);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tensors_footprint_is_its_elements),
        cmocka_unit_test(a_tiles_footprint_is_its_valid_elements),
        cmocka_unit_test(what_is_contiguous_is_one_run),
        cmocka_unit_test(instructions_read_and_write_their_operands),
        cmocka_unit_test(only_what_an_instruction_takes_is_touched),
        cmocka_unit_test(sizes_saturate),
    };
    return cmocka_run_group_tests_name("footprint", tests, NULL, NULL);
}
