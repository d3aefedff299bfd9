// expect: clean
/* SPDX-License-Identifier: Apache-2.0 */
/* Elements that are stored in parts and read as others: unions, bit-fields, unaligned words, atomics, structs that change places. */
#include <algorithm>

#include "common.hpp"

struct flags {
    uint32_t low : 5, mid : 7, high : 20;
};
union parts {
    int64_t all;
    int32_t word[2];
    char byte[8];
};
struct __attribute__((packed)) packed {
    char before;
    int32_t number;
};
struct entry {
    int32_t key, value[3];
};

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<int32_t>(args);
    __gm__ int32_t *out = g.out;
    for (int i = 0; i < COUNT; i++)
        out[i] = 0;
    dcci(out, ENTIRE_DATA_CACHE, CACHELINE_OUT);
    drain();

    volatile parts *whole = reinterpret_cast<volatile parts *>(out + 16);
    whole->all = 0x700000005;
    whole->word[1] += 1;
    whole->byte[4] += 1;
    out[0] = whole->word[0]; /* each is in the cache yet */
    out[1] = static_cast<int32_t>(whole->all >> 32);

    flags *bits = reinterpret_cast<flags *>(out + 32);
    bits->low = 3;
    bits->high = 77;
    bits->mid = g.rank + 10;
    bits->mid += 1;

    packed *odd = reinterpret_cast<packed *>(reinterpret_cast<char *>(out + 48) + 2);
    odd->number = 0x11223344;
    odd->before = 5;

    __atomic_fetch_add(out + 64, 7, __ATOMIC_RELAXED);
    __atomic_fetch_xor(out + 64, 2, __ATOMIC_RELAXED);

    entry *entries = reinterpret_cast<entry *>(out + 80);
    for (int i = 0; i < 8; i++)
        entries[i].key = entries[i].value[i % 3] = i * 5 % 8;
    std::sort(entries, entries + 8, [](const entry &a, const entry &b) { return a.key < b.key; });
    dcci(out, ENTIRE_DATA_CACHE, CACHELINE_OUT);
    drain();
}
