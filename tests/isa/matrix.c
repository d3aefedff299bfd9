/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects what the instructions of the matrix unit do: that a product has the very additions of kernel.h, in their order, with
 * each instruction set; that it is right by a plain sum in double; that a product cut along K has the bits of the whole; which
 * part TEXTRACT takes; what TSTORE makes of a sum; and which operands are refused, with what words.
 */
#include "reference.h"

#include "oriel/kernel.h"
#include "platform/platform.h"

#define MEMORY_BYTES 131072
#define GM_BYTES     65536

static _Alignas(64) unsigned char memory[PTO_MEMORY_COUNT][MEMORY_BYTES], before[MEMORY_BYTES];
static _Alignas(64) unsigned char gm[GM_BYTES], gm_after[GM_BYTES];

static oriel_random rng;

static uint32_t below(uint32_t bound)
{
    return (uint32_t)oriel_random_below(&rng, bound);
}

/* A tile with up to 64 B of padding behind each row. */
static pto_tile some_tile(pto_memory in, pto_dtype dtype, uint32_t rows, uint32_t cols)
{
    uint32_t unit = 32 / pto_dtype_bytes(dtype);
    uint32_t pitch = (cols + unit - 1) / unit * unit + below(3) * unit;
    return (pto_tile){dtype, 32 * below(4), rows + below(2), pitch, rows, cols, in};
}

static void *element(const pto_tile *tile, size_t row, size_t col)
{
    return memory[tile->memory] + tile->offset + (row * tile->cols + col) * pto_dtype_bytes(tile->dtype);
}

static void run(const pto_instr *instr)
{
    oriel_operands operands = {{NULL}, {NULL}};
    assert_ok(oriel_instr_check(instr, &oriel_platform_a2a3sim.limits));
    for (int i = 0; i < 3; i++)
        if (instr->tile[i])
            operands.tile[i] = memory[instr->tile[i]->memory] + instr->tile[i]->offset;
    for (int i = 0; i < 2; i++)
        if (instr->global[i])
            operands.global[i] = gm + instr->global[i]->addr;
    oriel_instr_effect(instr, &operands);
}

static void scramble(void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ((unsigned char *)bytes)[i] = (unsigned char)oriel_random_next(&rng);
}

/* Small numbers with all bits of their fraction in use; with `special`, any bits at all: infinities, NaNs, subnormals. */
static void fill(const pto_tile *tile, bool special)
{
    for (uint32_t i = 0; i < tile->valid_rows; i++)
        for (uint32_t j = 0; j < tile->valid_cols; j++) {
            void *at = element(tile, i, j);
            double number = ((double)oriel_random_below(&rng, UINT64_C(1) << 40) - 0x1p39) * 0x1p-38;
            if (special || !pto_dtype_is_float(tile->dtype))
                scramble(at, pto_dtype_bytes(tile->dtype));
            else
                oriel_element_set(tile->dtype, at, pto_scalar_f64(number));
        }
}

/* ---- Products ---------------------------------------------------------------------------------------------------- */

static const pto_dtype factors[] = {PTO_F32, PTO_F16, PTO_BF16, PTO_I8};

/* acc[i][j], by the words of kernel.h; volatile: nothing is kept wider or put together. */
static uint32_t expected_f32(const pto_tile *a, const pto_tile *b, size_t i, size_t j, uint32_t start)
{
    volatile float sum = pto_bits_f32(start);
    for (uint32_t k = 0; k < a->valid_cols; k++) {
        volatile float x = (float)oriel_element_f64(a->dtype, element(a, i, k));
        volatile float y = (float)oriel_element_f64(b->dtype, element(b, k, j));
        volatile float product = x * y;
        sum = sum + product;
    }
    return isnan(sum) ? (uint32_t)nan_bits(PTO_F32) : (uint32_t)pto_f32_bits(sum);
}

static uint32_t expected_i32(const pto_tile *a, const pto_tile *b, size_t i, size_t j, uint32_t start)
{
    for (uint32_t k = 0; k < a->valid_cols; k++)
        start += (uint32_t)(*(const int8_t *)element(a, i, k) * *(const int8_t *)element(b, k, j));
    return start;
}

/* One product: every element has the expected bits, and no byte beside them changes. */
static void check_product(pto_op op, pto_dtype dtype, uint32_t rows, uint32_t depth, uint32_t cols, bool special)
{
    pto_dtype sum = dtype == PTO_I8 ? PTO_I32 : PTO_F32;
    pto_tile a = some_tile(PTO_L0A, dtype, rows, depth), b = some_tile(PTO_L0B, dtype, depth, cols);
    pto_tile acc = some_tile(PTO_L0C, sum, rows, cols);
    for (int m = 0; m < PTO_MEMORY_COUNT; m++)
        scramble(memory[m], MEMORY_BYTES);
    fill(&a, special);
    fill(&b, special);
    fill(&acc, special);
    memcpy(before, memory[PTO_L0C], sizeof before);
    run(&(pto_instr){.op = op, .tile = {&acc, &a, &b}});
    for (uint32_t i = 0; i < rows; i++)
        for (uint32_t j = 0; j < cols; j++) {
            unsigned char *was = before + ((unsigned char *)element(&acc, i, j) - memory[PTO_L0C]);
            uint32_t start = op == PTO_OP_TMATMUL ? 0 : (uint32_t)load(sum, was);
            uint32_t expected = dtype == PTO_I8 ? expected_i32(&a, &b, i, j, start) : expected_f32(&a, &b, i, j, start);
            uint32_t got = (uint32_t)load(sum, element(&acc, i, j));
            if (got != expected)
                fail_msg("%s of %s, %u x %u x %u, element %u, %u: %08x, expected %08x (%s)", oriel_op_name(op),
                         oriel_dtype_name(dtype), rows, depth, cols, i, j, got, expected, oriel_vector->name);
            memcpy(was, &got, sizeof got);
        }
    assert_memory_equal(before, memory[PTO_L0C], MEMORY_BYTES);
}

/* Sizes around the blocks of the loops. */
static void products_have_the_additions_of_kernel_h(void **state)
{
    (void)state;
    static const char *const limits[] = {"scalar", "avx2", "avx512"};
    static const uint32_t sizes[][3] = {{1, 1, 1},    {1, 7, 5},    {3, 8, 16}, {5, 9, 17},  {16, 16, 16},
                                        {13, 31, 33}, {2, 17, 600}, {1, 1, 64}, {20, 40, 48}};
    const oriel_vector_table *chosen = oriel_vector;
    oriel_random_seed(&rng, test_seed());
    for (int l = 0; l < 3; l++) {
        oriel_vector = oriel_vector_choose(limits[l]);
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (int t = 0; t < 4; t++)
                for (int way = 0; way < 4; way++) {
                    check_product(way & 1 ? PTO_OP_TMATMUL_ACC : PTO_OP_TMATMUL, factors[t], sizes[s][0], sizes[s][1],
                                  sizes[s][2], way & 2);
                }
    }
    oriel_vector = chosen;
}

/* With nothing along one dimension there is nothing to do: the sum is not even made zero. */
static void an_empty_product_changes_nothing(void **state)
{
    (void)state;
    static const uint32_t sizes[][3] = {{0, 16, 16}, {16, 0, 16}, {16, 16, 0}};
    oriel_random_seed(&rng, test_seed());
    for (int s = 0; s < 3; s++) {
        pto_tile a = some_tile(PTO_L0A, PTO_F16, 16, 16), b = some_tile(PTO_L0B, PTO_F16, 16, 16);
        pto_tile acc = some_tile(PTO_L0C, PTO_F32, 16, 16);
        a.valid_rows = acc.valid_rows = sizes[s][0];
        a.valid_cols = b.valid_rows = sizes[s][1];
        b.valid_cols = acc.valid_cols = sizes[s][2];
        scramble(memory[PTO_L0C], MEMORY_BYTES);
        memcpy(before, memory[PTO_L0C], sizeof before);
        const pto_instr instr = {.op = PTO_OP_TMATMUL, .tile = {&acc, &a, &b}};
        oriel_footprint f[ORIEL_MAX_FOOTPRINTS];
        assert_int_equal(oriel_instr_footprint(&instr, f), 0);
        run(&instr);
        assert_memory_equal(before, memory[PTO_L0C], MEMORY_BYTES);
    }
}

/* Against a sum in double: |error| <= K eps sum |a b| (Higham, Accuracy and Stability of Numerical Algorithms, 3.1). */
static void products_are_right_within_rounding(void **state)
{
    (void)state;
    oriel_random_seed(&rng, test_seed());
    for (int t = 0; t < 3; t++)
        for (int turn = 0; turn < 20; turn++) {
            uint32_t rows = 1 + below(20), depth = 1 + below(100), cols = 1 + below(70);
            pto_tile a = some_tile(PTO_L0A, factors[t], rows, depth), b = some_tile(PTO_L0B, factors[t], depth, cols);
            pto_tile acc = some_tile(PTO_L0C, PTO_F32, rows, cols);
            fill(&a, false);
            fill(&b, false);
            run(&(pto_instr){.op = PTO_OP_TMATMUL, .tile = {&acc, &a, &b}});
            for (uint32_t i = 0; i < rows; i++)
                for (uint32_t j = 0; j < cols; j++) {
                    double sum = 0, size = 0;
                    for (uint32_t k = 0; k < depth; k++) {
                        double product = oriel_element_f64(a.dtype, element(&a, i, k)) *
                                         oriel_element_f64(b.dtype, element(&b, k, j));
                        sum += product;
                        size += fabs(product);
                    }
                    double error = fabs(oriel_element_f64(PTO_F32, element(&acc, i, j)) - sum);
                    assert_true(error <= (depth + 1) * 0x1p-24 * size);
                }
        }
}

static void a_product_cut_along_k_has_the_bits_of_the_whole(void **state)
{
    (void)state;
    oriel_random_seed(&rng, test_seed());
    for (int t = 0; t < 4; t++)
        for (int turn = 0; turn < 30; turn++) {
            pto_dtype sum = factors[t] == PTO_I8 ? PTO_I32 : PTO_F32;
            uint32_t rows = 1 + below(9), depth = 2 + below(60), cols = 1 + below(40), cut = 1 + below(depth - 1);
            pto_tile a = some_tile(PTO_L0A, factors[t], rows, depth), b = some_tile(PTO_L0B, factors[t], depth, cols);
            pto_tile acc = some_tile(PTO_L0C, sum, rows, cols), src = a, rest = b;
            fill(&a, turn & 1);
            fill(&b, turn & 1);
            run(&(pto_instr){.op = PTO_OP_TMATMUL, .tile = {&acc, &a, &b}});
            memcpy(before, memory[PTO_L0C], sizeof before);
            /* The first `cut` of K, then the others: a's by way of L1, b's as rows of a later tile. */
            src.memory = PTO_L1;
            memcpy(memory[PTO_L1], memory[PTO_L0A], MEMORY_BYTES);
            a.valid_cols = b.valid_rows = cut;
            run(&(pto_instr){.op = PTO_OP_TMATMUL, .tile = {&acc, &a, &b}});
            a.valid_cols = rest.valid_rows = depth - cut;
            run(&(pto_instr){.op = PTO_OP_TEXTRACT, .mode = cut, .tile = {&a, &src}});
            rest.offset += cut * rest.cols * pto_dtype_bytes(rest.dtype);
            rest.rows -= cut;
            run(&(pto_instr){.op = PTO_OP_TMATMUL_ACC, .tile = {&acc, &a, &rest}});
            assert_memory_equal(before, memory[PTO_L0C], MEMORY_BYTES);
        }
}

/* ---- There and back ---------------------------------------------------------------------------------------------- */

static void textract_takes_the_part_that_it_names(void **state)
{
    (void)state;
    oriel_random_seed(&rng, test_seed());
    for (int turn = 0; turn < 400; turn++) {
        pto_dtype dtype = factors[below(4)];
        pto_memory to = below(2) ? PTO_L0A : PTO_L0B;
        uint32_t rows = 1 + below(20), cols = 1 + below(50), row = below(rows), col = below(cols);
        uint32_t part_rows = 1 + below(rows - row), part_cols = 1 + below(cols - col);
        bool whole = below(8) == 0;
        pto_tile src = some_tile(PTO_L1, dtype, rows, cols);
        pto_tile dst = some_tile(to, dtype, whole ? rows : part_rows, whole ? cols : part_cols);
        pto_instr extract = {.op = PTO_OP_TEXTRACT, .mode = row << 16 | col, .tile = {&dst, &src}};
        if (whole) {
            row = col = 0;
            extract = (pto_instr){.op = PTO_OP_TMOV, .tile = {&dst, &src}};
        }
        assert_int_equal(oriel_instr_pipe(&extract), PTO_PIPE_MTE1);
        scramble(memory[PTO_L1], MEMORY_BYTES);
        scramble(memory[to], MEMORY_BYTES);
        memcpy(before, memory[to], sizeof before);
        run(&extract);
        for (uint32_t i = 0; i < dst.valid_rows; i++)
            for (uint32_t j = 0; j < dst.valid_cols; j++) {
                unsigned char *at = element(&dst, i, j);
                memcpy(before + (at - memory[to]), element(&src, row + i, col + j), pto_dtype_bytes(dtype));
            }
        assert_memory_equal(before, memory[to], MEMORY_BYTES);
        oriel_footprint f[ORIEL_MAX_FOOTPRINTS];
        assert_int_equal(oriel_instr_footprint(&extract, f), 2);
        assert_int_equal(f[1].start, oriel_local_address(&src) + ((unsigned char *)element(&src, row, col) -
                                                                  (unsigned char *)element(&src, 0, 0)));
        assert_int_equal(oriel_footprint_bytes(&f[1]), dst.valid_rows * dst.valid_cols * pto_dtype_bytes(dtype));
    }
}

/* Long rows go in blocks; strides of the tensor count, also where elements become narrower. */
static void tstore_narrows_sums(void **state)
{
    (void)state;
    static const pto_dtype to[] = {PTO_F32, PTO_F16, PTO_BF16, PTO_I32};
    oriel_random_seed(&rng, test_seed());
    for (int turn = 0; turn < 200; turn++) {
        pto_dtype dtype = to[turn % 4], sum = dtype == PTO_I32 ? PTO_I32 : PTO_F32;
        uint32_t rows = 1 + below(6), cols = 1 + below(turn % 8 < 4 ? 40 : 1500), stride = 1 + below(2);
        uint64_t pitch = cols * stride + below(3);
        bool add = below(2);
        pto_tile acc = some_tile(PTO_L0C, sum, rows, cols);
        pto_global out = {.addr = 64 * below(3), .dtype = dtype, .shape = {1, 1, 1, rows, cols}};
        for (int k = 0; k < 5; k++)
            out.stride[k] = k == 4 ? stride : k == 3 ? pitch : pitch * rows;
        if (out.addr + pitch * rows * 4 > GM_BYTES)
            continue;
        scramble(memory[PTO_L0C], MEMORY_BYTES);
        scramble(gm, GM_BYTES);
        memcpy(gm_after, gm, GM_BYTES);
        const pto_instr instr = {.op = PTO_OP_TSTORE, .mode = add, .tile = {&acc}, .global = {&out, NULL}};
        assert_int_equal(oriel_instr_pipe(&instr), PTO_PIPE_FIX);
        for (uint32_t i = 0; i < rows; i++)
            for (uint32_t j = 0; j < cols; j++) {
                unsigned char *at = gm_after + out.addr + (i * pitch + j * stride) * pto_dtype_bytes(dtype);
                uint64_t bits = load(sum, element(&acc, i, j));
                if (dtype != sum)
                    bits = reference_convert(dtype, sum, bits, PTO_ROUND_NEAREST);
                store(dtype, at, add ? reference_binary(dtype, ORIEL_ADD, load(dtype, at), bits) : bits);
            }
        run(&instr);
        assert_memory_equal(gm_after, gm, GM_BYTES);
    }
}

/* ---- What is refused --------------------------------------------------------------------------------------------- */

static struct operands {
    pto_tile acc, a, b, l1, ub;
    pto_global out, in;
} op;

static void fresh(void)
{
    op = (struct operands){
        .acc = {PTO_F32, 0, 16, 32, 16, 32, PTO_L0C},
        .a = {PTO_F16, 0, 16, 64, 16, 64, PTO_L0A},
        .b = {PTO_F16, 0, 64, 32, 64, 32, PTO_L0B},
        .l1 = {PTO_F16, 0, 32, 64, 32, 64, PTO_L1},
        .ub = {PTO_F32, 0, 16, 32, 16, 32, PTO_UB},
        .out = pto_global_2d(UINT64_C(1) << PTO_ADDR_OBJECT_SHIFT, PTO_F32, 16, 32, 32),
        .in = pto_global_2d(UINT64_C(2) << PTO_ADDR_OBJECT_SHIFT, PTO_F16, 32, 64, 64),
    };
}

#define PRODUCT ((pto_instr){.op = PTO_OP_TMATMUL, .tile = {&op.acc, &op.a, &op.b}})
#define ADDED   ((pto_instr){.op = PTO_OP_TMATMUL_ACC, .tile = {&op.acc, &op.a, &op.b}})
#define EXTRACT ((pto_instr){.op = PTO_OP_TEXTRACT, .mode = 16 << 16, .tile = {&op.a, &op.l1}})
#define MOVE    ((pto_instr){.op = PTO_OP_TMOV, .tile = {&op.a, &op.l1}})
#define LOAD    ((pto_instr){.op = PTO_OP_TLOAD, .tile = {&op.l1}, .global = {NULL, &op.in}})
#define STORE   ((pto_instr){.op = PTO_OP_TSTORE, .tile = {&op.acc}, .global = {&op.out, NULL}})

static oriel_status check(pto_instr instr)
{
    return oriel_instr_check(&instr, &oriel_platform_a2a3sim.limits);
}

#define ALLOWED(instr, change)                                                                                         \
    do {                                                                                                               \
        fresh();                                                                                                       \
        change;                                                                                                        \
        assert_ok(check(instr));                                                                                       \
    } while (0)
#define REFUSED(instr, change, message)                                                                                \
    do {                                                                                                               \
        fresh();                                                                                                       \
        change;                                                                                                        \
        assert_int_equal(check(instr), ORIEL_FAULT);                                                                   \
        assert_string_equal(oriel_last_error(), message);                                                              \
    } while (0)

static void operands_in_the_wrong_memory_are_refused(void **state)
{
    (void)state;
    REFUSED(PRODUCT, op.acc.memory = PTO_UB, "TMATMUL: acc is in UB; it takes L0C");
    REFUSED(PRODUCT, op.a.memory = PTO_L0B, "TMATMUL: a is in L0B; it takes L0A");
    REFUSED(ADDED, op.b.memory = PTO_L0A, "TMATMUL_ACC: b is in L0A; it takes L0B");
    REFUSED(PRODUCT, op.a.memory = PTO_MEMORY_COUNT, "TMATMUL: a is in no known memory (5)");
    REFUSED(EXTRACT, op.l1.memory = PTO_UB, "TEXTRACT: src is in UB; it takes L1");
    REFUSED(EXTRACT, op.a.memory = PTO_UB, "TEXTRACT: dst is in UB; it takes L0A L0B");
    REFUSED(MOVE, (op.l1.valid_rows = 16, op.a.memory = PTO_L0C), "TMOV: dst is in L0C; it takes UB L0A L0B");
    REFUSED(LOAD, op.l1.memory = PTO_L0A, "TLOAD: dst is in L0A; it takes UB L1");
    REFUSED(STORE, op.acc.memory = PTO_L1, "TSTORE: src is in L1; it takes UB L0C");
    REFUSED(((pto_instr){.op = PTO_OP_TADD, .tile = {&op.ub, &op.ub, &op.acc}}), (void)0,
            "TADD: b is in L0C; it takes UB");
    REFUSED(((pto_instr){.op = PTO_OP_TGET, .tile = {&op.l1}, .global = {&op.out, &op.out}}), (void)0,
            "TGET: ping is in L1; it takes UB");
}

static void types_and_shapes_of_products_are_checked(void **state)
{
    (void)state;
    ALLOWED(PRODUCT, (void)0);
    ALLOWED(ADDED, (void)0);
    ALLOWED(EXTRACT, (void)0);
    ALLOWED(MOVE, op.l1.valid_rows = 16);
    ALLOWED(LOAD, (void)0);
    ALLOWED(STORE, (void)0);
    ALLOWED(STORE, op.out.dtype = PTO_BF16);
    REFUSED(PRODUCT, op.a.dtype = PTO_I16, "TMATMUL: a is i16; a factor is f32 f16 bf16 i8");
    REFUSED(PRODUCT, op.b.dtype = PTO_BF16, "TMATMUL: b is bf16, a is f16");
    REFUSED(PRODUCT, op.acc.dtype = PTO_I32, "TMATMUL: acc is i32; products of f16 add up in f32");
    REFUSED(PRODUCT, op.a.dtype = op.b.dtype = PTO_I8, "TMATMUL: acc is f32; products of i8 add up in i32");
    REFUSED(PRODUCT, op.b.valid_rows = 63, "TMATMUL: b has 63 valid rows, a has 64 valid columns");
    REFUSED(PRODUCT, op.acc.valid_cols = 31, "TMATMUL: acc has 16 x 31 valid elements; a x b has 16 x 32");
    REFUSED(PRODUCT,
            (op.acc = (pto_tile){PTO_F32, 0, 1, 4096, 1, 4096, PTO_L0C},
             op.a = (pto_tile){PTO_F16, 0, 1, 16, 1, 1, PTO_L0A},
             op.b = (pto_tile){PTO_F16, 0, 1, 4096, 1, 4096, PTO_L0B}),
            "TMATMUL: acc is a product of 1 x 1 and 1 x 4096; each of these is at most 4095");
    REFUSED(EXTRACT, op.l1.dtype = PTO_BF16, "TEXTRACT: src is bf16, dst is f16");
    REFUSED(EXTRACT, op.a.dtype = op.l1.dtype = PTO_U16, "TEXTRACT: dst is u16; a factor is f32 f16 bf16 i8");
    REFUSED(EXTRACT, op.l1.valid_rows = 31,
            "TEXTRACT: dst has 16 x 64 valid elements; from row 16 and column 0 on src has 15 x 64");
    REFUSED(MOVE, (void)0, "TMOV: src has 32 x 64 valid elements, dst has 16 x 64");
    REFUSED(STORE, op.acc.dtype = PTO_F16, "TSTORE: src is f16 in L0C, which holds f32 and i32");
    REFUSED(STORE, op.out.dtype = PTO_I32,
            "TSTORE: src is f32, dst is i32; from L0C f32 becomes f32 f16 bf16, i32 becomes i32");
}

static void each_memory_has_its_own_end(void **state)
{
    (void)state;
    REFUSED(LOAD, op.l1.offset = 524288 - 4064,
            "TLOAD: dst of 32 x 64 f16 at L1 offset 520224 ends at 524320, L1 has 524288 B");
    ALLOWED(LOAD, op.l1.offset = 524288 - 4096);
    REFUSED(PRODUCT, op.a.offset = 65536,
            "TMATMUL: a of 16 x 64 f16 at L0A offset 65536 ends at 67584, L0A has 65536 B");
    REFUSED(PRODUCT, op.b.offset = 65536,
            "TMATMUL: b of 64 x 32 f16 at L0B offset 65536 ends at 69632, L0B has 65536 B");
    REFUSED(PRODUCT, op.acc.offset = 131072,
            "TMATMUL: acc of 16 x 32 f32 at L0C offset 131072 ends at 133120, L0C has 131072 B");
    REFUSED(PRODUCT, op.a.offset = 16, "TMATMUL: a is at L0A offset 16, not a multiple of 32");
    fresh();
    op.acc.offset = 131072;
    pto_instr product = PRODUCT;
    assert_ok(oriel_instr_check(&product, &oriel_platform_a5sim.limits));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_have_the_additions_of_kernel_h),
        cmocka_unit_test(an_empty_product_changes_nothing),
        cmocka_unit_test(products_are_right_within_rounding),
        cmocka_unit_test(a_product_cut_along_k_has_the_bits_of_the_whole),
        cmocka_unit_test(textract_takes_the_part_that_it_names),
        cmocka_unit_test(tstore_narrows_sums),
        cmocka_unit_test(operands_in_the_wrong_memory_are_refused),
        cmocka_unit_test(types_and_shapes_of_products_are_checked),
        cmocka_unit_test(each_memory_has_its_own_end),
    };
    return cmocka_run_group_tests_name("isa/matrix", tests, NULL, NULL);
}
