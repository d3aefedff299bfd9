// expect: clean
/* SPDX-License-Identifier: Apache-2.0 */
/* Two blocks of one kernel: each stores its half of a row in the window, and copies out the other's. */
#include "common.hpp"

#include "intrinsic.h"
#include "pipe_sync.h"

using namespace pto;

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<float>(args);
    constexpr int HALF = COUNT / 2;
    using Half = GlobalTensor<float, Shape<1, 1, 1, 1, HALF>, Stride<HALF, HALF, HALF, HALF, 1>>;
    Tile<TileType::Vec, float, 1, HALF> tile;
    TASSIGN(tile, 0x0);
    if (get_block_num() != 2 || get_block_num(args) != 2 || get_sub_block_id(args) != 0 || get_subblockdim() != 1)
        return;

    const int mine = static_cast<int>(get_block_idx()) * HALF, other = HALF - mine;
    Half in(g.in + mine), there(g.scratch + mine);
    TLOAD(tile, in);
    set_flag(PIPE_MTE2, PIPE_MTE3, EVENT_ID0);
    wait_flag(PIPE_MTE2, PIPE_MTE3, EVENT_ID0);
    TSTORE(there, tile);
    drain();
    SYNCALL();
    Half from(g.scratch + other), out(g.out + other);
    TLOAD(tile, from);
    set_flag(PIPE_MTE2, PIPE_MTE3, EVENT_ID0);
    wait_flag(PIPE_MTE2, PIPE_MTE3, EVENT_ID0);
    TSTORE(out, tile);
    pipe_sync();
    dsb(DSB_DDR);
    SYNCALL<SyncCoreType::AIVOnly>();
}
