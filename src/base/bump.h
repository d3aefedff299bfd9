/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is only ever handed out, and freed all at once. Over a shared mapping, what a child process put there is good
 * in the parent too, since it has the same address.
 */
#ifndef ORIEL_BASE_BUMP_H
#define ORIEL_BASE_BUMP_H

#include <stddef.h>
#include <stdint.h>

typedef struct oriel_bump {
    char *base;
    uint64_t used, bytes;
} oriel_bump;

/* Zeroed, aligned to 16 B; the mapping behind it is zero at the beginning. NULL if it is full. */
void *oriel_bump_take(oriel_bump *bump, uint64_t bytes);
/* A copy of a string. NULL if it is full. */
char *oriel_bump_string(oriel_bump *bump, const char *text);

#endif
