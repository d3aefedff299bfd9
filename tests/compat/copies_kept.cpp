// expect: early-signal 37 39 40 41 42 43 44 45 46 47 48 49 50 51
/* SPDX-License-Identifier: Apache-2.0 */
/* As copies.cpp, but nothing cleans the cache: each of them may stay in it. */
#include <algorithm>
#include <cstring>

#include "common.hpp"

struct tiny {
    char byte[3];
};
struct odd {
    int32_t number[3];
};
struct line {
    int32_t number[LINE];
};
struct large { /* more than the hooks take as a whole */
    int32_t number[512];
};
typedef int32_t vector __attribute__((vector_size(16)));

__attribute__((noinline)) line zeros(int32_t zero)
{
    line all;
    for (int i = 0; i < LINE; i++)
        all.number[i] = zero;
    return all;
}

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<int32_t>(args);
    __gm__ int32_t *in = g.in, *out = g.out;
    for (int i = 0; i < 1536; i++)
        out[i] = -1;
    *reinterpret_cast<tiny *>(out) = *reinterpret_cast<tiny *>(in);
    reinterpret_cast<char *>(out)[3] = 0;
    *reinterpret_cast<odd *>(out + 16) = *reinterpret_cast<odd *>(in + 16);
    *reinterpret_cast<line *>(out + 32) = *reinterpret_cast<line *>(in + 32);
    *reinterpret_cast<vector *>(out + 48) = *reinterpret_cast<vector *>(in + 48);
    *reinterpret_cast<__int128 *>(out + 64) = *reinterpret_cast<__int128 *>(in + 64);
    __builtin_memcpy(out + 80, in + 80, 40);
    std::memcpy(out + 96, in + 96, 52);
    __builtin_memmove(out + 112, in + 112, 16);
    __builtin_memset(out + 128, 0, 64);
    *reinterpret_cast<line *>(out + 144) = line{};
    *reinterpret_cast<large *>(out + 512) = *reinterpret_cast<large *>(in + 512);
    *reinterpret_cast<large *>(out + 1024) = large{};
    *reinterpret_cast<line *>(out + 208) = zeros(0);
    *reinterpret_cast<line *>(out + 224) = zeros(in[0] - in[0]);
    std::copy(in + 160, in + 170, out + 160);
    std::fill_n(out + 176, 16, 0);
    drain();
}
