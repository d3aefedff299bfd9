// expect: misaligned 23
/* SPDX-License-Identifier: Apache-2.0 */
/* As columns.cpp, but a tile lies where none may. */
#include "common.hpp"

using namespace pto;

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<float>(args);
    constexpr int R = 16, C = COUNT / R;
    using Block = Tile<TileType::Vec, float, R, C, BLayout::ColMajor, R, C>;
    Block block, twice;
    TASSIGN(block, 0x0);
    TASSIGN(twice, 0x210);

    /* Element (r, c) of in lies at r C + c, of out at c R + r. */
    GlobalTensor<float, Shape<1, 1, 1, R, C>, Stride<COUNT, COUNT, COUNT, C, 1>, Layout::DN> in(g.in);
    GlobalTensor<float, Shape<1, 1, 1, R, C>, Stride<COUNT, COUNT, COUNT, 1, R>, Layout::DN> out(g.out);
    TLOAD(block, in);
    set_flag(PIPE_MTE2, PIPE_V, EVENT_ID0);
    wait_flag(PIPE_MTE2, PIPE_V, EVENT_ID0);
    TADD(twice, block, block);
    pipe_barrier(PIPE_V);
    TADDS(twice, twice, 1.0f);
    set_flag(PIPE_V, PIPE_MTE3, EVENT_ID0);
    wait_flag(PIPE_V, PIPE_MTE3, EVENT_ID0);
    TSTORE(out, twice);
    pipe_barrier(PIPE_ALL);
}
