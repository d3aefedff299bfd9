// expect: clean
/* SPDX-License-Identifier: Apache-2.0 */
/* Conversions there and back, in each direction of rounding, and moves; numbers of 16 bits as operands. */
#include "common.hpp"

using namespace pto;

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<int32_t>(args);
    RowTile<int32_t> whole, sum;
    RowTile<float> number, moved;
    RowTile<half> narrow;
    RowTile<bfloat16_t> brief;
    TASSIGN(whole, 0x0);
    TASSIGN(sum, 0x200);
    TASSIGN(number, 0x400);
    TASSIGN(moved, 0x600);
    TASSIGN(narrow, 0x800);
    TASSIGN(brief, 0xa00);

    Row<int32_t> in(g.in), out(g.out);
    TLOAD(whole, in);
    set_flag(PIPE_MTE2, PIPE_V, EVENT_ID0);
    wait_flag(PIPE_MTE2, PIPE_V, EVENT_ID0);
    /* 0, 0.25, 0.5 .. 7.75, exact in all types. */
    TANDS(whole, whole, 31);
    pipe_barrier(PIPE_V);
    TCVT(number, whole, RoundMode::CAST_RINT);
    pipe_barrier(PIPE_V);
    TMULS(number, number, 0.25f);
    pipe_barrier(PIPE_V);
    TCVT(narrow, number, RoundMode::CAST_NONE);
    TCVT(brief, number, RoundMode::CAST_RINT);
    pipe_barrier(PIPE_V);
    TADDS(narrow, narrow, half(16.0f));
    TMULS(brief, brief, bfloat16_t(2.0f));
    pipe_barrier(PIPE_V);
    /* floor(x) + ceil(x) + trunc(x) + round(x) + rint(x) + floor((x + 16) + 2 x) */
    TEXPANDS(sum, 0);
    pipe_barrier(PIPE_V);
    constexpr RoundMode modes[] = {RoundMode::CAST_FLOOR, RoundMode::CAST_CEIL, RoundMode::CAST_TRUNC,
                                   RoundMode::CAST_ROUND, RoundMode::CAST_RINT};
    for (int k = 0; k < 5; k++) {
        TCVT(whole, number, modes[k]);
        pipe_barrier(PIPE_V);
        TADD(sum, sum, whole);
        pipe_barrier(PIPE_V);
    }
    TCVT(moved, narrow, RoundMode::CAST_RINT);
    pipe_barrier(PIPE_V);
    TMOV(number, moved);
    pipe_barrier(PIPE_V);
    TCVT(moved, brief, RoundMode::CAST_RINT);
    pipe_barrier(PIPE_V);
    TADD(number, number, moved);
    pipe_barrier(PIPE_V);
    TCVT(whole, number, RoundMode::CAST_FLOOR);
    pipe_barrier(PIPE_V);
    TADD(sum, sum, whole);
    set_flag(PIPE_V, PIPE_MTE3, EVENT_ID0);
    wait_flag(PIPE_V, PIPE_MTE3, EVENT_ID0);
    TSTORE(out, sum);
    pipe_barrier(PIPE_ALL);
}
