// expect: out-of-bounds 10
/* SPDX-License-Identifier: Apache-2.0 */
/* A loop that reads one element more than the tensor has, through a plain pointer. */
#include "common.hpp"

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<int32_t>(args);
    for (int i = 0; i < COUNT; i++)
        g.out[i] = g.in[i + 1];
    drain();
}
