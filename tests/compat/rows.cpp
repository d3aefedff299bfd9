// expect: clean
/* SPDX-License-Identifier: Apache-2.0 */
/* Sums and maxima of rows: they replace the first two numbers of each row. */
#include "common.hpp"

using namespace pto;

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<float>(args);
    constexpr int R = 8, C = COUNT / R;
    using Block = Tile<TileType::Vec, float, R, C>;
    using Narrow = Tile<TileType::Vec, float, R, 8, BLayout::RowMajor, R, 1>;
    Block block, work;
    Narrow sum, most;
    TASSIGN(block, 0x0);
    TASSIGN(work, 0x400);
    TASSIGN(sum, 0x800);
    TASSIGN(most, 0xa00);

    GlobalTensor<float, Shape<1, 1, 1, R, C>, Stride<COUNT, COUNT, COUNT, C, 1>> in(g.in), all(g.out);
    using Firsts = GlobalTensor<float, Shape<1, 1, 1, R, 1>, Stride<1, 1, 1, C, 1>>;
    Firsts out(g.out), second(g.out + 1);
    TLOAD(block, in);
    set_flag(PIPE_MTE2, PIPE_V, EVENT_ID0);
    wait_flag(PIPE_MTE2, PIPE_V, EVENT_ID0);
    TROWSUM(sum, block, work);
    TROWMAX(most, block, work);
    set_flag(PIPE_V, PIPE_MTE3, EVENT_ID0);
    wait_flag(PIPE_V, PIPE_MTE3, EVENT_ID0);
    TSTORE(all, block);
    pipe_barrier(PIPE_MTE3);
    TSTORE(out, sum);
    TSTORE(second, most);
    pipe_barrier(PIPE_ALL);
}
