// expect: message deep.cpp:10: the kernel crashed: it has used up its stack
/* SPDX-License-Identifier: Apache-2.0 */
/* A function that calls itself for ever, so that its core comes to the end of its stack, most likely in a hook. */
#include "common.hpp"

static int32_t deeper(volatile __gm__ int32_t *at, int depth)
{
    volatile int32_t pad[64];
    pad[depth & 63] = depth;
    if (*at >= 0) /* it always is, but no compiler knows */
        pad[0] = deeper(at, depth + 1) + pad[1];
    return pad[depth & 63];
}

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<int32_t>(args);
    g.out[0] = deeper(g.calls(), 0);
    drain();
}
