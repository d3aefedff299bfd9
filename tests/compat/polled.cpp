// expect: rank-race 19
/* SPDX-License-Identifier: Apache-2.0 */
/* A flag by plain stores and loads, which no TNOTIFY and TWAIT order: the other rank may be later, and then is waited for. */
#include "common.hpp"

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<int32_t>(args);
    volatile __gm__ int32_t *flag = g.cell(0, 0), *calls = g.calls();
    const int32_t turn = *calls + 1;
    *calls = turn;
    if (g.rank == g.ranks - 1) {
        for (int r = 0; r < g.rank; r++) {
            __gm__ int32_t *other = g.at(g.cell(0, 0), r);
            *other = turn;
            dcci(other, SINGLE_CACHE_LINE);
        }
    }
    while (g.rank != g.ranks - 1 && *flag < turn)
        dcci(flag, SINGLE_CACHE_LINE);
    dsb(DSB_DDR);
    for (int i = 0; i < COUNT; i++)
        g.out[i] = i;
    dcci(g.out, ENTIRE_DATA_CACHE);
    drain();
}
