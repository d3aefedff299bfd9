/* SPDX-License-Identifier: Apache-2.0 */
/* Choices, taken from a byte string. After its end all are 0. */
#ifndef ORIEL_TESTS_FUZZ_BYTES_H
#define ORIEL_TESTS_FUZZ_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct fuzz_bytes {
    const uint8_t *at;
    size_t left;
} fuzz_bytes;

static inline uint8_t fuzz_byte(fuzz_bytes *b)
{
    if (!b->left)
        return 0;
    b->left--;
    return *b->at++;
}

/* 0 .. n-1. */
static inline uint32_t fuzz_below(fuzz_bytes *b, uint32_t n)
{
    return n <= 1 ? 0 : n <= 256 ? fuzz_byte(b) % n : (fuzz_byte(b) * 256u + fuzz_byte(b)) % n;
}

/* True in `of` of 256 cases; never once the string has ended. */
static inline bool fuzz_chance(fuzz_bytes *b, uint32_t of)
{
    return b->left && fuzz_byte(b) >= 256 - of;
}

static inline uint64_t fuzz_word(fuzz_bytes *b)
{
    uint64_t word = 0;
    for (int i = 0; i < 8; i++)
        word = word << 8 | fuzz_byte(b);
    return word;
}

#endif
