// expect: early-signal 20
/* SPDX-License-Identifier: Apache-2.0 */
/* As records.cpp, but nothing cleans the cache: all of each record may stay in it. */
#include "common.hpp"

struct record {
    int32_t number[LINE];
};

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<int32_t>(args);
    __gm__ record *in = reinterpret_cast<__gm__ record *>(g.in), *out = reinterpret_cast<__gm__ record *>(g.out);
    for (int i = 0; i < COUNT / LINE; i++)
        out[i] = in[i];
    for (int i = 0; i < COUNT / LINE; i++) {
        record back = out[i]; /* still in the cache: the core sees its own stores */
        for (int k = 0; k < LINE; k++)
            back.number[k] += 1;
        out[i] = back;
    }
    drain();
}
