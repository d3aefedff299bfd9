// expect: clean
/* SPDX-License-Identifier: Apache-2.0 */
/* Structs of 64 bytes that are copied by assignment: the compiler tells of the whole before it copies. */
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
    dcci(g.out, ENTIRE_DATA_CACHE, CACHELINE_OUT);
    drain();
}
