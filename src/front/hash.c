/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "front/cache.h"

/*
 * Two lanes of multiply and fold, each with an odd constant of its own. Not against those who look for collisions on purpose: whoever
 * can write there can do as he likes with the kernels anyway.
 */
static uint64_t fold(uint64_t lane, uint64_t word, uint64_t odd)
{
    const __uint128_t product = (__uint128_t)(lane ^ word) * odd;
    return (uint64_t)product ^ (uint64_t)(product >> 64) ^ (lane << 32 | lane >> 32);
}

static void add_word(oriel_hash *hash, uint64_t word)
{
    hash->a = fold(hash->a, word, UINT64_C(0x9e3779b97f4a7c15));
    hash->b = fold(hash->b, word + UINT64_C(0x452821e638d01377), UINT64_C(0xd6e8feb86659fd93));
}

void oriel_hash_bytes(oriel_hash *hash, const void *bytes, size_t count)
{
    const char *at = bytes;
    uint64_t word;
    size_t left = count;
    for (; left >= sizeof word; left -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        add_word(hash, word);
    }
    word = 0;
    memcpy(&word, at, left);
    add_word(hash, word);
    add_word(hash, count);
}

void oriel_hash_text(oriel_hash *hash, const char *text)
{
    if (text)
        oriel_hash_bytes(hash, text, strlen(text));
    else
        add_word(hash, UINT64_MAX);
}

bool oriel_hash_file(const char *path, oriel_hash *hash)
{
    char bytes[64 << 10];
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    uint64_t all = 0;
    ssize_t got;
    /* Each read but the last is whole words: a short one in between would be hashed as other bytes. */
    size_t have = 0;
    while ((got = read(file, bytes + have, sizeof bytes - have)) > 0 || (got < 0 && errno == EINTR)) {
        have += got > 0 ? (size_t)got : 0;
        if (have == sizeof bytes) {
            oriel_hash_bytes(hash, bytes, have);
            all += have;
            have = 0;
        }
    }
    const int why = errno;
    close(file);
    oriel_hash_bytes(hash, bytes, have);
    add_word(hash, all);
    errno = why;
    return got == 0;
}
