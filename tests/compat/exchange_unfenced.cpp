// expect: early-signal 18
/* SPDX-License-Identifier: Apache-2.0 */
/* As exchange.cpp, but nothing makes the scalar unit wait for what the pipe drained: the signal may overtake it. */
#include "common.hpp"

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<float>(args);
    const int32_t turn = turn_of(g);
    using Part = pto::Tile<pto::TileType::Vec, float, 1, 32>;
    Part ping, pong;
    TASSIGN(ping, 0x0);
    TASSIGN(pong, 0x80);

    Row<float> in(g.in), out(g.out);
    for (int r = 0; r < g.ranks; r++) {
        Row<float> there(g.at(g.scratch + g.rank * COUNT, r));
        pto::comm::TPUT(there, in, ping, pong);
    }
    pipe_barrier(PIPE_ALL);
    meet(g, 0, turn);
    const int next = (g.rank + 1) % g.ranks;
    Row<float> from(g.at(g.scratch + next * COUNT, next));
    pto::comm::TGET(out, from, ping, pong);
    leave(g, turn);
}
