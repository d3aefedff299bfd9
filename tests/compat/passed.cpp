// expect: rank-race 34 35 36 37 39
/* SPDX-License-Identifier: Apache-2.0 */
/* Structs that are passed and returned by value are read from a peer's window that is written meanwhile. */
#include "common.hpp"

struct pair {
    int32_t number[2];
};
struct line {
    int32_t number[LINE];
};
struct large {
    int32_t number[512];
};

template <typename T> __attribute__((noinline)) static int32_t last_of(T all)
{
    return all.number[sizeof all / sizeof(int32_t) - 1];
}

template <typename T> static T value_of(const __gm__ int32_t *at)
{
    return *reinterpret_cast<const __gm__ T *>(at);
}

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<int32_t>(args);
    for (int i = 0; i < 700; i++)
        g.scratch[i] = i;
    dcci(g.scratch, ENTIRE_DATA_CACHE, CACHELINE_OUT);
    drain();
    const __gm__ int32_t *peer = g.at(g.scratch, (g.rank + 1) % g.ranks);
    int32_t sum = last_of(*reinterpret_cast<const __gm__ pair *>(peer));
    sum += last_of(*reinterpret_cast<const __gm__ line *>(peer + 16));
    sum += last_of(*reinterpret_cast<const __gm__ large *>(peer + 32));
    sum += [](line all) { return all.number[5]; }(*reinterpret_cast<const __gm__ line *>(peer + 560));
    const __gm__ int32_t &one = peer[600];
    sum += one;
    sum += value_of<pair>(peer + 620).number[1];
    g.out[0] = sum;
    dcci(g.out, ENTIRE_DATA_CACHE, CACHELINE_OUT);
    drain();
}
