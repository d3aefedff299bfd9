/* SPDX-License-Identifier: Apache-2.0 */
/* Protects: every constant has its name and every instruction its pipe; what is none of them has "?", never a crash. */
#include "isa/isa.h"
#include "test.h"

static void names_and_pipes_are_the_tables_own(void **state)
{
    (void)state;
#define OP_IS(constant, name, pipe)                                                                                    \
    assert_string_equal(oriel_op_name(PTO_OP_##constant), name);                                                       \
    assert_int_equal(oriel_op_pipe(PTO_OP_##constant), PTO_PIPE_##pipe);
    PTO_OPS(OP_IS)
#undef OP_IS
#define DTYPE_IS(constant, name, bytes, kind) assert_string_equal(oriel_dtype_name(PTO_##constant), #name);
    PTO_DTYPES(DTYPE_IS)
#undef DTYPE_IS
    assert_string_equal(oriel_pipe_name(PTO_PIPE_MTE3), "PIPE_MTE3");
    assert_string_equal(oriel_pipe_name(PTO_PIPE_ALL), "PIPE_ALL");
    assert_string_equal(oriel_reduce_name(PTO_PROD), "prod");
    assert_string_equal(oriel_reduce_name(PTO_XOR), "xor");
    assert_string_equal(oriel_integer_names, " i8 u8 i16 u16 i32 u32 i64");
    assert_string_equal(oriel_cmp_name(PTO_GE), ">=");
}

static void what_does_not_exist_has_no_name(void **state)
{
    (void)state;
    assert_string_equal(oriel_op_name(PTO_OP_COUNT), "?");
    assert_string_equal(oriel_pipe_name((pto_pipe)77), "?");
    assert_string_equal(oriel_dtype_name(PTO_DTYPE_COUNT), "?");
    assert_string_equal(oriel_reduce_name(PTO_REDUCE_COUNT), "?");
    assert_string_equal(oriel_cmp_name(PTO_CMP_COUNT), "?");
    assert_int_equal(oriel_op_pipe((pto_op)999), PTO_PIPE_S);
}

static void composites_are_those_that_expand(void **state)
{
    (void)state;
    for (int op = 0; op < PTO_OP_COUNT; op++)
        assert_int_equal(oriel_op_is_composite((pto_op)op), op >= PTO_OP_TPUT && op <= PTO_OP_TBROADCAST);
}

static void comparisons_are_signed(void **state)
{
    (void)state;
    /* Rows: -1, 0, 1 against 0; columns: EQ NE GT GE LT LE. */
    static const bool expected[3][PTO_CMP_COUNT] = {{0, 1, 0, 0, 1, 1}, {1, 0, 0, 1, 0, 1}, {0, 1, 1, 1, 0, 0}};
    for (int cell = -1; cell <= 1; cell++) {
        for (int cmp = 0; cmp < PTO_CMP_COUNT; cmp++)
            assert_int_equal(oriel_compare(cell, (pto_cmp)cmp, 0), expected[cell + 1][cmp]);
    }
    assert_true(oriel_compare(INT32_MIN, PTO_LT, INT32_MAX));
    assert_false(oriel_compare(0, PTO_CMP_COUNT, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_pipes_are_the_tables_own),
        cmocka_unit_test(what_does_not_exist_has_no_name),
        cmocka_unit_test(composites_are_those_that_expand),
        cmocka_unit_test(comparisons_are_signed),
    };
    return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
