// expect: clean
/* SPDX-License-Identifier: Apache-2.0 */
/* A sum over ranks by atomic addition: of a store, of a TPUT whose kind is a type, and of one whose kind is a number. */
#include "common.hpp"

using namespace pto;

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<int32_t>(args);
    const int32_t turn = turn_of(g);
    RowTile<int32_t> tile, stage;
    TASSIGN(tile, 0x0);
    TASSIGN(stage, 0x200);

    Row<int32_t> in(g.in), out(g.out), mine(g.scratch);
    TEXPANDS(tile, 0);
    set_flag(PIPE_V, PIPE_MTE3, EVENT_ID2);
    wait_flag(PIPE_V, PIPE_MTE3, EVENT_ID2);
    TSTORE(mine, tile);
    drain();
    meet(g, 0, 2 * turn - 1);

    TLOAD(tile, in);
    set_flag(PIPE_MTE2, PIPE_MTE3, EVENT_ID2);
    wait_flag(PIPE_MTE2, PIPE_MTE3, EVENT_ID2);
    for (int r = 0; r < g.ranks; r++) {
        Row<int32_t> there(g.at(g.scratch, r));
        TSTORE<RowTile<int32_t>, Row<int32_t>, AtomicType::AtomicAdd>(there, tile);
        comm::TPUT<AtomicType::AtomicAdd>(there, in, stage);
        comm::TPUT(there, in, stage, AtomicType::AtomicAdd);
    }
    drain();
    meet(g, 0, 2 * turn);
    comm::TGET(out, mine, tile);
    leave(g, turn);
}
