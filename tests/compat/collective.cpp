// expect: clean
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions that act on all ranks. Rank 0 gathers everyone's quarter of a row and scatters it again, so that each has its
 * own back; it sends its own second quarter to all; everyone takes the sum of all third quarters and the greatest of all fourth.
 */
#include "common.hpp"

using namespace pto;

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<int32_t>(args);
    const int32_t turn = turn_of(g);
    constexpr int Q = COUNT / 4, MOST = 4;
    using Quarter = GlobalTensor<int32_t, Shape<1, 1, 1, 1, Q>, Stride<Q, Q, Q, Q, 1>>;
    using All = GlobalTensor<int32_t, Shape<1, 1, 1, DYNAMIC, Q>, Stride<1, 1, 1, Q, 1>>;
    using QuarterTile = Tile<TileType::Vec, int32_t, 1, Q>;
    QuarterTile acc, ping, pong;
    TASSIGN(acc, 0x0);
    TASSIGN(ping, 0x80);
    TASSIGN(pong, 0x100);

    if (g.ranks > MOST)
        return;
    /* The window: everyone's row, a row to receive in, and, on rank 0, what it gathers. */
    RowTile<int32_t> row;
    TASSIGN(row, 0x200);
    Row<int32_t> in(g.in), mine(g.scratch);
    comm::TPUT(mine, in, row);
    drain();
    meet(g, 0, 3 * turn - 2);

    Quarter from[4][MOST], to[2][MOST];
    for (int r = 0; r < g.ranks; r++) {
        for (int q = 0; q < 4; q++)
            from[q][r] = Quarter(g.at(g.scratch + q * Q, r));
        for (int q = 0; q < 2; q++)
            to[q][r] = Quarter(g.at(g.scratch + COUNT + q * Q, r));
    }
    if (g.rank == 0) {
        All gathered(g.out, Shape<1, 1, 1, DYNAMIC, Q>(g.ranks));
        auto firsts = comm::ParallelGroup<Quarter>::Create(from[0], g.ranks, 0);
        auto back = comm::ParallelGroup<Quarter>::Create(to[0], g.ranks, 0);
        comm::TGATHER(firsts, gathered, ping);
        drain();
        comm::TSCATTER(back, gathered, ping, pong);
        comm::ParallelGroup<Quarter> seconds(to[1], g.ranks, 0);
        comm::TBROADCAST(seconds, from[1][0], ping, pong);
        drain();
    }
    meet(g, 0, 3 * turn - 1);

    auto thirds = comm::ParallelGroup<Quarter>::Create(from[2], g.ranks, g.rank);
    auto fourths = comm::ParallelGroup<Quarter>::Create(from[3], g.ranks, g.rank);
    Quarter out[4];
    for (int q = 0; q < 4; q++)
        out[q] = Quarter(g.out + q * Q);
    comm::TREDUCE(thirds, out[2], acc, ping, pong, comm::ReduceOp::Sum);
    drain();
    comm::TREDUCE(fourths, out[3], acc, ping, comm::ReduceOp::Max);
    drain();
    comm::TGET(out[0], to[0][g.rank], ping, pong);
    drain();
    comm::TGET(out[1], to[1][g.rank], ping);
    leave(g, turn);
}
