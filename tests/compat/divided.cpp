// expect: message divided.cpp:9: the kernel crashed: killed by signal 8
/* SPDX-License-Identifier: Apache-2.0 */
/* A division by a number that is 0. */
#include "common.hpp"

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<int32_t>(args);
    g.out[0] = 7 / (g.in[0] - g.in[0]);
    drain();
}
