// expect: clean
/* SPDX-License-Identifier: Apache-2.0 */
/* Every operation on two tiles of integers; the launch computes the same sum in its own way. */
#include "common.hpp"

using namespace pto;

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<int32_t>(args);
    RowTile<int32_t> a, b, one, sum, work;
    TASSIGN(a, 0x0);
    TASSIGN(b, 0x200);
    TASSIGN(one, 0x400);
    TASSIGN<0x600>(sum);
    TASSIGN<0x800>(work);

    Row<int32_t> in(g.in), out(g.out);
    TLOAD(a, in);
    set_flag(PIPE_MTE2, PIPE_V, EVENT_ID0);
    wait_flag(PIPE_MTE2, PIPE_V, EVENT_ID0);
    TEXPANDS(b, 12);
    pipe_barrier(PIPE_V);
    TSUB(sum, a, b);
    pipe_barrier(PIPE_V);
    TMUL(one, a, b);
    pipe_barrier(PIPE_V);
    TADD(sum, sum, one);
    pipe_barrier(PIPE_V);
    TDIV(one, a, b);
    pipe_barrier(PIPE_V);
    TADD(sum, sum, one);
    pipe_barrier(PIPE_V);
    TMAX(one, a, b);
    pipe_barrier(PIPE_V);
    TADD(sum, sum, one);
    pipe_barrier(PIPE_V);
    TMIN(one, a, b);
    pipe_barrier(PIPE_V);
    TSUB(sum, sum, one);
    pipe_barrier(PIPE_V);
    TAND(one, a, b);
    pipe_barrier(PIPE_V);
    TADD(sum, sum, one);
    pipe_barrier(PIPE_V);
    TOR(one, a, b);
    pipe_barrier(PIPE_V);
    TSUB(sum, sum, one);
    pipe_barrier(PIPE_V);
    TXOR(one, a, b, work);
    pipe_barrier(PIPE_V);
    TADD(sum, sum, one);
    set_flag(PIPE_V, PIPE_MTE3, EVENT_ID1);
    wait_flag(PIPE_V, PIPE_MTE3, EVENT_ID1);
    TSTORE(out, sum);
    pipe_barrier(PIPE_ALL);
}
