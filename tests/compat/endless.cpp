// expect: deadlock 11
/* SPDX-License-Identifier: Apache-2.0 */
/* A flag that nobody sets is waited for with plain loads. */
#include "common.hpp"

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<int32_t>(args);
    volatile __gm__ int32_t *flag = g.cell(0, 0);
    __gm__ int32_t *line = g.cell(0, 0);
    while (*flag == 0)
        dcci(line, SINGLE_CACHE_LINE);
    drain();
}
