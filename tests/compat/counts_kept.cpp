// expect: early-signal 13
/* SPDX-License-Identifier: Apache-2.0 */
/* As counts.cpp, but what was written stays in the cache of the core that wrote it. */
#include "common.hpp"

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<int32_t>(args);
    const int32_t turn = turn_of(g);
    const int next = (g.rank + 1) % g.ranks;
    __gm__ int32_t *theirs = g.at(g.scratch, next);
    for (int i = 0; i < COUNT; i++)
        theirs[i] = g.in[i] + i;
    dsb(DSB_DDR);
    meet(g, 0, turn);
    for (int i = 0; i < COUNT; i += LINE)
        dcci((__gm__ void *)(g.scratch + i), cache_line_t::SINGLE_CACHE_LINE);
    for (int i = 0; i < COUNT; i++)
        g.out[i] = g.scratch[i];
    dcci(g.out, ENTIRE_DATA_CACHE);
    leave(g, turn);
}
