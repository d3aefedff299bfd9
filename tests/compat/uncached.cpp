// expect: clean
/* SPDX-License-Identifier: Apache-2.0 */
/* Two blocks exchange numbers with loads and stores that pass the cache by; the barrier has memory of its own. */
#include "common.hpp"

using namespace pto;

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<int32_t>(args);
    constexpr int HALF = COUNT / 2;
    const int mine = static_cast<int>(get_block_idx()) * HALF, other = HALF - mine;
    GlobalTensor<int32_t, Shape<1, 1, 1, 1, LINE>, Stride<1, 1, 1, 1, 1>> workspace(g.signals);
    for (int i = 0; i < HALF; i++)
        st_dev(ld_dev(g.in + mine + i, 0) + 1, g.scratch + mine + i, 0);
    dsb(DSB_DDR);
    SYNCALL<SyncAllMode::Soft>(workspace, 2);
    for (int i = 0; i < HALF; i++)
        st_dev(ld_dev(g.scratch + other + i, 0), g.out + other + i, 0);
    dsb(DSB_DDR);
    SYNCALL<SyncAllMode::Hard>(workspace);
}
