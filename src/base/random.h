/* SPDX-License-Identifier: Apache-2.0 */
/* Repeatable random numbers: xoshiro256** seeded by splitmix64 (Blackman and Vigna, 2018; public domain algorithm). */
#ifndef ORIEL_BASE_RANDOM_H
#define ORIEL_BASE_RANDOM_H

#include <stdint.h>

typedef struct oriel_random {
    uint64_t state[4];
} oriel_random;

/* Every seed, 0 included, gives a good stream; equal seeds give equal streams on every machine. */
void oriel_random_seed(oriel_random *random, uint64_t seed);
uint64_t oriel_random_next(oriel_random *random);
/* Uniform in 0 .. bound-1 without bias; bound > 0. */
uint64_t oriel_random_below(oriel_random *random, uint64_t bound);
/* Uniform in [0, 1), 53 bits. */
double oriel_random_unit(oriel_random *random);

#endif
