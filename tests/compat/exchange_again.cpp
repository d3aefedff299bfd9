// expect: stale-signal 24
/* SPDX-License-Identifier: Apache-2.0 */
/* As exchange.cpp, but with the same number in every call: the second call finds the signal of the first. */
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
    drain();
    meet(g, 0, 1);
    const int next = (g.rank + 1) % g.ranks;
    Row<float> from(g.at(g.scratch + next * COUNT, next));
    pto::comm::TGET(out, from, ping, pong);
    leave(g, turn);
}
