// expect: pipe-race 31
/* SPDX-License-Identifier: Apache-2.0 */
/* As product.cpp, but the second half is extracted over the first while it is still multiplied. */
#include "common.hpp"

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<float>(args);
    constexpr int N = 8, HALF = 4;
    using Whole = pto::Tile<pto::TileType::Mat, float, N, N, pto::BLayout::ColMajor, N, N, pto::SLayout::RowMajor>;
    using Square = pto::GlobalTensor<float, pto::Shape<1, 1, 1, N, N>, pto::Stride<N * N, N * N, N * N, N, 1>>;
    Square in(g.in), out(g.out), again(g.out + N * N);
    Whole all;
    pto::TileLeft<float, N, 8, N, HALF> left;
    pto::TileRight<float, HALF, N> right;
    pto::TileAcc<float, N, N> sum;
    TASSIGN(all, 0x0);
    TASSIGN(left, 0x0);
    TASSIGN(right, 0x0);
    TASSIGN(sum, 0x0);

    TLOAD(all, in);
    set_flag(PIPE_MTE2, PIPE_MTE1, EVENT_ID0);
    wait_flag(PIPE_MTE2, PIPE_MTE1, EVENT_ID0);
    for (int half = 0; half < 2; half++) {
        TEXTRACT(left, all, 0, half * HALF);
        TEXTRACT(right, all, half * HALF, 0);
        set_flag(PIPE_MTE1, PIPE_M, EVENT_ID0);
        wait_flag(PIPE_MTE1, PIPE_M, EVENT_ID0);
        if (half == 0)
            TMATMUL(sum, left, right);
        else
            TMATMUL_ACC(sum, left, right);
    }
    set_flag(PIPE_M, PIPE_FIX, EVENT_ID0);
    wait_flag(PIPE_M, PIPE_FIX, EVENT_ID0);
    TSTORE(out, sum);
    TSTORE(again, sum);
    pipe_barrier(PIPE_ALL);
    dsb(DSB_DDR);
}
