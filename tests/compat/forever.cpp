// expect: message forever.cpp:10: the kernel goes on for ever | forever.cpp:9: the kernel goes on for ever
/* SPDX-License-Identifier: Apache-2.0 */
/* A loop that comes to no instruction. */
#include "common.hpp"

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<int32_t>(args);
    for (int i = g.rank; i >= 0;)
        i = i * 2 % 7;
    drain();
}
