// expect: message beyond.cpp:9: the kernel reads an argument that the launch does not give (got 7, limit 6)
/* SPDX-License-Identifier: Apache-2.0 */
/* More arguments than the launch lists. */
#include "common.hpp"

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<int32_t>(args);
    g.out[0] = static_cast<int32_t>(args[7]);
    drain();
}
