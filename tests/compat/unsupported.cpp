// expect: message unsupported.cpp:11:12: TSORT32 is not supported yet (docs/compat.md)
/* SPDX-License-Identifier: Apache-2.0 */
/* An instruction that the front does not have. */
#include "common.hpp"

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<int32_t>(args);
    RowTile<int32_t> tile;
    TASSIGN(tile, 0x0);
    TSORT32(tile, tile);
    (void)g;
    drain();
}
