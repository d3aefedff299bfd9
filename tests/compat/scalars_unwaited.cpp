// expect: pipe-race 39
/* SPDX-License-Identifier: Apache-2.0 */
/* As scalars.cpp, but the store does not wait for the last operation. */
#include "common.hpp"

using namespace pto;

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<int32_t>(args);
    using Part = Tile<TileType::Vec, int32_t, 1, COUNT, BLayout::RowMajor, -1, -1>;
    Part a(1, COUNT), work(1, COUNT);
    TASSIGN(a, 0x0);
    TASSIGN(work, 0x200);

    using Whole = GlobalTensor<int32_t, Shape<>, Stride<>, Layout::ND>;
    Shape<> shape(1, 1, 1, 1, COUNT);
    Stride<> stride(COUNT, COUNT, COUNT, COUNT, 1);
    Whole in(g.in, shape, stride), out(g.out, shape, stride);
    TLOAD(a, in);
    set_flag(PIPE_MTE2, PIPE_V, EVENT_ID2);
    wait_flag(PIPE_MTE2, PIPE_V, EVENT_ID2);
    TADDS(a, a, 70);
    pipe_barrier(PIPE_V);
    TMULS(a, a, 5);
    pipe_barrier(PIPE_V);
    TSUBS(a, a, 3);
    pipe_barrier(PIPE_V);
    TDIVS(a, a, 2);
    pipe_barrier(PIPE_V);
    TMAXS(a, a, 200);
    pipe_barrier(PIPE_V);
    TMINS(a, a, 400);
    pipe_barrier(PIPE_V);
    TANDS(a, a, 0xfe);
    pipe_barrier(PIPE_V);
    TORS(a, a, 0x100);
    pipe_barrier(PIPE_V);
    TXORS(a, a, 0x33, work);
    TSTORE(out, a);
    pipe_barrier(PIPE_ALL);
}
