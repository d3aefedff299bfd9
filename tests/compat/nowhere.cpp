// expect: message nowhere.cpp:9: the kernel reads 4 B at address
/* SPDX-License-Identifier: Apache-2.0 */
/* A pointer that was never set. */
#include "common.hpp"

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<int32_t>(args);
    g.out[0] = *reinterpret_cast<__gm__ int32_t *>(g.comm->workSpace);
    drain();
}
