/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects that every table of element loops which this processor can run computes what kernel.h says, to the last bit,
 * for all types, operations, lengths and alignments, in place and not; and that compilers and processors agree on those
 * bits.
 */
#include "reference.h"

#define LONGEST 70
#define GUARD   0xa5

static const oriel_vector_table *tables[3];
static size_t table_count;

/* The tables that run here, each once: a limit that cannot be reached gives a narrower one again. */
static int find_tables(void **state)
{
    (void)state;
    const char *limits[] = {"scalar", "avx2", "avx512"};
    for (size_t i = 0; i < 3; i++) {
        const oriel_vector_table *table = oriel_vector_choose(limits[i]);
        if (table_count == 0 || tables[table_count - 1] != table)
            tables[table_count++] = table;
    }
    return 0;
}

static void the_limit_lowers_the_choice(void **state)
{
    (void)state;
    assert_string_equal(oriel_vector_choose("scalar")->name, "scalar");
    assert_ptr_equal(oriel_vector_choose(NULL), tables[table_count - 1]);
    assert_ptr_equal(oriel_vector_choose("no such thing"), tables[table_count - 1]);
    assert_ptr_equal(oriel_vector, oriel_vector_choose(getenv("ORIEL_VECTOR")));
    assert_string_equal(oriel_vector_name(), oriel_vector->name);
}

static void __attribute__((noreturn))
differs(const oriel_vector_table *table, const char *what, pto_dtype dtype, size_t at, uint64_t got, uint64_t expected)
{
    fail_msg("%s, %s of %s, element %zu: %llx, expected %llx", table->name, what, oriel_dtype_name(dtype), at,
             (unsigned long long)got, (unsigned long long)expected);
    abort();
}

static const char *const arithmetic_names[] = {"add", "sub", "mul", "div", "max", "min", "and", "or", "xor"};

/* ---- Pairs ------------------------------------------------------------------------------------------------------- */

/* dst of the second form is `a` itself. */
static void check_pairs(const oriel_vector_table *table, pto_dtype dtype, oriel_arithmetic op, const void *a,
                        const void *b, size_t count)
{
    static _Alignas(8) char out[SPECIALS * SPECIALS * 8], scalar_out[SPECIALS * SPECIALS * 8];
    uint32_t bytes = pto_dtype_bytes(dtype);
    memcpy(scalar_out, a, count * bytes);
    table->binary[dtype][op](out, a, b, count);
    table->scalar[dtype][op](scalar_out, scalar_out, b, count);
    for (size_t i = 0; i < count; i++) {
        uint64_t x = load(dtype, (const char *)a + i * bytes), y = load(dtype, (const char *)b + i * bytes);
        uint64_t expected = reference_binary(dtype, op, x, y), got = load(dtype, out + i * bytes);
        if (got != expected)
            differs(table, arithmetic_names[op], dtype, i, got, expected);
        expected = reference_binary(dtype, op, x, load(dtype, b));
        got = load(dtype, scalar_out + i * bytes);
        if (got != expected)
            differs(table, arithmetic_names[op], dtype, i, got, expected);
    }
}

static void all_pairs_of_special_elements(void **state)
{
    (void)state;
    static _Alignas(8) char a[SPECIALS * SPECIALS * 8], b[SPECIALS * SPECIALS * 8];
    for (pto_dtype dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++) {
        uint64_t special[SPECIALS];
        size_t specials = special_elements(dtype, special), count = specials * specials;
        uint32_t bytes = pto_dtype_bytes(dtype);
        for (size_t i = 0; i < count; i++) {
            store(dtype, a + i * bytes, special[i / specials]);
            store(dtype, b + i * bytes, special[i % specials]);
        }
        for (oriel_arithmetic op = 0; op < ORIEL_ARITHMETIC_COUNT; op++)
            for (size_t t = 0; t < table_count; t++)
                if (takes(dtype, op))
                    check_pairs(tables[t], dtype, op, a, b, count);
    }
}

static void check_elements(const oriel_vector_table *table, pto_dtype dtype, oriel_arithmetic op, const char *at,
                           const uint64_t *expected, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t got = load(dtype, at + i * pto_dtype_bytes(dtype));
        if (got != expected[i])
            differs(table, arithmetic_names[op], dtype, i, got, expected[i]);
    }
}

/* Where dst lies: apart, or in a, or in b; of a loop into two places (`both`), the second one, too. */
static void check_length(oriel_random *random, const oriel_vector_table *table, pto_dtype dtype, oriel_arithmetic op,
                         bool both, size_t count)
{
    _Alignas(64) char memory[4][(LONGEST + 64) * 8], before[2][sizeof memory[0]];
    uint32_t bytes = pto_dtype_bytes(dtype);
    char *at[4];
    memset(memory, GUARD, sizeof memory);
    for (int k = 0; k < 4; k++)
        at[k] = memory[k] + bytes * (1 + oriel_random_below(random, 64 / bytes));
    random_elements(random, dtype, at[1], count);
    random_elements(random, dtype, at[2], count);
    size_t place[2] = {oriel_random_below(random, 3)};
    place[1] = (place[0] + 1 + oriel_random_below(random, 3)) % 4;
    uint64_t expected[LONGEST];
    for (size_t i = 0; i < count; i++)
        expected[i] = reference_binary(dtype, op, load(dtype, at[1] + i * bytes), load(dtype, at[2] + i * bytes));
    for (int k = 0; k <= both; k++)
        memcpy(before[k], memory[place[k]], sizeof before[k]);

    if (both)
        table->both[dtype][op](at[place[0]], at[place[1]], at[1], at[2], count);
    else
        table->binary[dtype][op](at[place[0]], at[1], at[2], count);
    for (int k = 0; k <= both; k++) {
        const char *changed = memory[place[k]];
        check_elements(table, dtype, op, at[place[k]], expected, count);
        size_t head = (size_t)(at[place[k]] - changed), tail = head + count * bytes;
        assert_memory_equal(changed, before[k], head);
        assert_memory_equal(changed + tail, before[k] + tail, sizeof before[k] - tail);
    }
}

/* The check of an instruction refuses exactly what has no loop. */
static void there_are_loops_for_what_is_taken(void **state)
{
    (void)state;
    for (size_t t = 0; t < table_count; t++)
        for (pto_dtype dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++)
            for (oriel_arithmetic op = 0; op < ORIEL_ARITHMETIC_COUNT; op++) {
                assert_int_equal(tables[t]->binary[dtype][op] != NULL, takes(dtype, op));
                assert_int_equal(tables[t]->scalar[dtype][op] != NULL, takes(dtype, op));
                assert_int_equal(tables[t]->both[dtype][op] != NULL,
                                 takes(dtype, op) && op != ORIEL_SUB && op != ORIEL_DIV);
            }
}

static void every_length_and_alignment(void **state)
{
    (void)state;
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    for (size_t count = 0; count <= LONGEST; count++)
        for (size_t t = 0; t < table_count; t++)
            for (pto_dtype dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++)
                for (oriel_arithmetic op = 0; op < ORIEL_ARITHMETIC_COUNT; op++)
                    for (int turn = 0; turn < (takes(dtype, op) ? 3 : 0); turn++) {
                        check_length(&random, tables[t], dtype, op, false, count);
                        if (tables[t]->both[dtype][op])
                            check_length(&random, tables[t], dtype, op, true, count);
                    }
}

static void reductions_are_the_arithmetic_of_their_name(void **state)
{
    (void)state;
    const oriel_arithmetic by[] = {
        [PTO_SUM] = ORIEL_ADD, [PTO_MAX] = ORIEL_MAX, [PTO_MIN] = ORIEL_MIN, [PTO_PROD] = ORIEL_MUL,
        [PTO_AND] = ORIEL_AND, [PTO_OR] = ORIEL_OR,   [PTO_XOR] = ORIEL_XOR};
    for (pto_reduce op = 0; op < PTO_REDUCE_COUNT; op++) {
        int32_t a = 7, b = -3, dst = 0;
        oriel_reduce_into(PTO_I32, op, &dst, &a, &b, 1);
        assert_int_equal((uint32_t)dst, reference_binary(PTO_I32, by[op], 7, (uint32_t)-3));
        int32_t first = 0, second = 0;
        oriel_reduce_into_both(PTO_I32, op, &first, &second, &a, &b, 1);
        assert_int_equal(first, dst);
        assert_int_equal(second, dst);
    }
}

/* Targets on lines go around the caches, others do not: no byte tells. */
static void streams_reach_all_targets(void **state)
{
    (void)state;
    _Alignas(64) char from[256], to[3][384], expected[sizeof to[0]];
    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (char)(i * 7 + 1);
    for (size_t t = 0; t < table_count; t++)
        for (size_t targets = 1; targets <= 3; targets++)
            for (size_t skip = 0; skip < 66; skip++)
                for (size_t bytes = 0; bytes <= sizeof from; bytes += 1 + skip % 7) {
                    void *at[3] = {to[0] + 64, to[1] + 64, to[2]};
                    at[targets - 1] = to[targets - 1] + skip;
                    memset(to, GUARD, sizeof to);
                    tables[t]->stream(at, targets, from, bytes);
                    tables[t]->stream_end();
                    for (size_t k = 0; k < 3; k++) {
                        memset(expected, GUARD, sizeof expected);
                        if (k < targets)
                            memcpy(expected + ((char *)at[k] - to[k]), from, bytes);
                        assert_memory_equal(to[k], expected, sizeof expected);
                    }
                }
}

/* ---- Conversions ------------------------------------------------------------------------------------------------- */

static void every_half_widens(void **state)
{
    (void)state;
    static uint16_t in[65536];
    static uint32_t out[65536];
    const pto_dtype dtypes[] = {PTO_F16, PTO_BF16};
    for (uint32_t i = 0; i < 65536; i++)
        in[i] = (uint16_t)i;
    for (size_t t = 0; t < table_count; t++) {
        for (int k = 0; k < 2; k++) {
            tables[t]->to_f32[dtypes[k]](out, in, 65536);
            for (uint32_t i = 0; i < 65536; i++) {
                uint64_t expected = reference_convert(PTO_F32, dtypes[k], i, PTO_ROUND_NEAREST);
                if (out[i] != expected)
                    differs(tables[t], "to f32", dtypes[k], i, out[i], expected);
            }
        }
    }
}

/* Every pattern of the upper 16 bits, with lower ones about each midpoint: every exponent, tie and NaN of f16 and
 * bf16. */
static void floats_narrow(void **state)
{
    (void)state;
    enum { COUNT = 4096 };
    const uint32_t low[] = {0x0000, 0x0001, 0x0fff, 0x1000, 0x1001, 0x1fff, 0x2fff, 0x3000,
                            0x5000, 0x7000, 0x7fff, 0x8000, 0x8001, 0xb000, 0xf000, 0xffff};
    const pto_dtype dtypes[] = {PTO_F16, PTO_BF16};
    for (uint32_t begin = 0; begin < 65536u * 16; begin += COUNT) {
        uint32_t in[COUNT];
        uint16_t out[COUNT], expected[COUNT];
        for (uint32_t i = 0; i < COUNT; i++)
            in[i] = (begin + i) / 16 << 16 | low[i % 16];
        for (int k = 0; k < 2; k++) {
            for (uint32_t i = 0; i < COUNT; i++)
                expected[i] = (uint16_t)reference_convert(dtypes[k], PTO_F32, in[i], PTO_ROUND_NEAREST);
            for (size_t t = 0; t < table_count; t++) {
                tables[t]->from_f32[dtypes[k]](out, in, COUNT, PTO_ROUND_NEAREST);
                for (uint32_t i = 0; i < COUNT; i++)
                    if (out[i] != expected[i])
                        differs(tables[t], "from f32", dtypes[k], in[i], out[i], expected[i]);
            }
        }
    }
}

/* The loop of a table that converts, or false if there is none for this pair. */
static bool convert(const oriel_vector_table *table, pto_dtype to, void *dst, pto_dtype from, const void *src,
                    size_t count, pto_round round)
{
    if (to == from || (pto_dtype_is_float(to) && round != PTO_ROUND_NEAREST))
        return false;
    if (from == PTO_F32)
        table->from_f32[to](dst, src, count, round);
    else if (to == PTO_F32)
        table->to_f32[from](dst, src, count);
    else if (table->resize[to][from])
        table->resize[to][from](dst, src, count);
    else
        return false;
    return true;
}

static void check_conversion(const oriel_vector_table *table, pto_dtype to, pto_dtype from, const void *src,
                             size_t count, pto_round round)
{
    _Alignas(8) char dst[LONGEST * 8 + 8];
    uint32_t to_bytes = pto_dtype_bytes(to), from_bytes = pto_dtype_bytes(from);
    memset(dst, GUARD, sizeof dst);
    if (!convert(table, to, dst, from, src, count, round))
        return;
    for (size_t i = 0; i < count; i++) {
        uint64_t x = load(from, (const char *)src + i * from_bytes), got = load(to, dst + i * to_bytes);
        uint64_t expected = reference_convert(to, from, x, round);
        if (got != expected)
            fail_msg("%s, %s %llx to %s, rule %d: %llx, expected %llx", table->name, oriel_dtype_name(from),
                     (unsigned long long)x, oriel_dtype_name(to), (int)round, (unsigned long long)got,
                     (unsigned long long)expected);
    }
    for (size_t i = count * to_bytes; i < sizeof dst; i++)
        assert_int_equal((unsigned char)dst[i], GUARD);
}

static void conversions_of_special_and_random_elements(void **state)
{
    (void)state;
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    for (pto_dtype from = 0; from < PTO_DTYPE_COUNT; from++) {
        for (size_t count = 0; count <= LONGEST; count++) {
            uint64_t special[SPECIALS];
            _Alignas(8) char src[LONGEST * 8];
            size_t specials = special_elements(from, special);
            random_elements(&random, from, src, count);
            for (size_t i = 0; i < specials && i < count; i++)
                store(from, src + i * pto_dtype_bytes(from), special[i]);
            for (size_t t = 0; t < table_count; t++)
                for (pto_dtype to = 0; to < PTO_DTYPE_COUNT; to++)
                    for (pto_round round = 0; round < PTO_ROUND_COUNT; round++)
                        check_conversion(tables[t], to, from, src, count, round);
        }
    }
}

/* ---- Rows -------------------------------------------------------------------------------------------------------- */

static void check_row(const oriel_vector_table *table, pto_dtype dtype, const void *row, size_t count)
{
    uint64_t sum = 0, most = 0;
    table->row_sum[dtype](&sum, row, count);
    table->row_max[dtype](&most, row, count);
    if (sum != reference_row_sum(dtype, row, count))
        differs(table, "sum of a row", dtype, count, sum, reference_row_sum(dtype, row, count));
    if (most != reference_row_max(dtype, row, count))
        differs(table, "maximum of a row", dtype, count, most, reference_row_max(dtype, row, count));
}

static void rows_have_the_documented_shape(void **state)
{
    (void)state;
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    for (pto_dtype dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++) {
        for (size_t turn = 0; turn < 300; turn++) {
            _Alignas(8) char row[2000 * 8];
            size_t count = turn < 100 ? turn + 1 : 1 + oriel_random_below(&random, 2000);
            random_elements(&random, dtype, row, count);
            if (pto_dtype_is_float(dtype) && turn % 2) /* without infinities, so that the order of additions shows */
                for (size_t i = 0; i < count; i++)
                    store(
                        dtype, row + i * pto_dtype_bytes(dtype),
                        rounded_float(dtype, (long double)(oriel_random_unit(&random) - 0.5) * 64, PTO_ROUND_NEAREST));
            for (size_t t = 0; t < table_count; t++)
                check_row(tables[t], dtype, row, count);
        }
    }
}

static void a_row_of_equal_specials(void **state)
{
    (void)state;
    for (pto_dtype dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++) {
        uint64_t special[SPECIALS];
        size_t specials = special_elements(dtype, special);
        for (size_t s = 0; s < specials; s++) {
            _Alignas(8) char row[33 * 8];
            for (size_t i = 0; i < 33; i++)
                store(dtype, row + i * pto_dtype_bytes(dtype), special[s]);
            for (size_t t = 0; t < table_count; t++) {
                check_row(tables[t], dtype, row, 1);
                check_row(tables[t], dtype, row, 33);
            }
        }
    }
}

/* ---- The same everywhere ----------------------------------------------------------------------------------------- */

static void mix(uint64_t *sum, const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        *sum = (*sum ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
}

/* Inputs are made of integers only, so that nothing of the reference is in the sum. */
static uint64_t checksum(const oriel_vector_table *table)
{
    enum { COUNT = 1000 };
    uint64_t sum = UINT64_C(0xcbf29ce484222325), a[COUNT], b[COUNT], out[COUNT];
    oriel_random random;
    oriel_random_seed(&random, 1);
    for (int turn = 0; turn < 20; turn++) {
        for (size_t i = 0; i < COUNT; i++) {
            a[i] = oriel_random_next(&random);
            b[i] = oriel_random_next(&random);
        }
        for (pto_dtype dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++) {
            uint32_t bytes = pto_dtype_bytes(dtype);
            for (oriel_arithmetic op = 0; op < ORIEL_ARITHMETIC_COUNT; op++) {
                if (!takes(dtype, op))
                    continue;
                table->binary[dtype][op](out, a, b, COUNT);
                mix(&sum, out, COUNT * bytes);
                table->scalar[dtype][op](out, a, b, COUNT);
                mix(&sum, out, COUNT * bytes);
            }
            size_t row = 1 + 2 * (size_t)turn; /* short, so that not every sum has met an infinity */
            table->row_sum[dtype](out, a, row);
            mix(&sum, out, bytes);
            table->row_max[dtype](out, a, row);
            mix(&sum, out, bytes);
            for (pto_dtype to = 0; to < PTO_DTYPE_COUNT; to++)
                for (pto_round round = 0; round < PTO_ROUND_COUNT; round++)
                    if (convert(table, to, out, dtype, a, COUNT, round))
                        mix(&sum, out, COUNT * pto_dtype_bytes(to));
        }
    }
    return sum;
}

/* The constant is what gcc 12 and clang 14 gave for each of the three tables. */
static void compilers_and_processors_agree(void **state)
{
    (void)state;
    for (size_t t = 0; t < table_count; t++)
        if (checksum(tables[t]) != UINT64_C(0x115dc1cac7642565))
            fail_msg("%s: checksum %llx", tables[t]->name, (unsigned long long)checksum(tables[t]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_lowers_the_choice),
        cmocka_unit_test(all_pairs_of_special_elements),
        cmocka_unit_test(there_are_loops_for_what_is_taken),
        cmocka_unit_test(every_length_and_alignment),
        cmocka_unit_test(reductions_are_the_arithmetic_of_their_name),
        cmocka_unit_test(streams_reach_all_targets),
        cmocka_unit_test(every_half_widens),
        cmocka_unit_test(floats_narrow),
        cmocka_unit_test(conversions_of_special_and_random_elements),
        cmocka_unit_test(rows_have_the_documented_shape),
        cmocka_unit_test(a_row_of_equal_specials),
        cmocka_unit_test(compilers_and_processors_agree),
    };
    return cmocka_run_group_tests(tests, find_tables, NULL);
}
