/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static uint64_t rotate_left(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

/* splitmix64 is a bijection of a counter: of four successive values at most one is 0, so the state is never all zero. */
void oriel_random_seed(oriel_random *random, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        random->state[i] = splitmix64(&seed);
}

uint64_t oriel_random_next(oriel_random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/*
 * The high half of a 128-bit product maps 64 random bits to 0 .. bound-1; the few low halves below 2^64 mod bound would be
 * one too many for some results, and are drawn again (Lemire, "Fast random integer generation in an interval", 2019).
 */
uint64_t oriel_random_below(oriel_random *random, uint64_t bound)
{
    unsigned __int128 product = (unsigned __int128)oriel_random_next(random) * bound;
    if ((uint64_t)product < bound) {
        uint64_t excess = -bound % bound;
        while ((uint64_t)product < excess)
            product = (unsigned __int128)oriel_random_next(random) * bound;
    }
    return (uint64_t)(product >> 64);
}

double oriel_random_unit(oriel_random *random)
{
    return (double)(oriel_random_next(random) >> 11) * 0x1p-53;
}
