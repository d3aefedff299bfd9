/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects that were compiled before, by the contents of all that the compiler read. Private to src/front.
 *
 *      cache_open          where it is; makes its folder
 *      cache_find          ──► an object that is still right: done
 *      cache_begin         makes the work folder, in which the caller compiles
 *      cache_keep          ──► the object, under a name that says what is in it
 *      cache_close
 *
 *      FOLDER/<key>.files      what an object of this command was made of: its name, then `hash path` of each file
 *      FOLDER/<contents>.so    the object: never changed, only added and, when there are too many, removed
 *      FOLDER/work-XXXXXX/     somebody compiles
 */
#ifndef ORIEL_FRONT_CACHE_H
#define ORIEL_FRONT_CACHE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "oriel/status.h"

#define HASH_START UINT64_C(0xcbf29ce484222325)

/* FNV-1a (Fowler, Noll, Vo; draft-eastlake-fnv), 64 bits. */
uint64_t hash_bytes(uint64_t hash, const void *bytes, uint64_t count);
/* With the 0 at its end: the texts "ab", "c" and "a", "bc" are not the same. */
uint64_t hash_text(uint64_t hash, const char *text);

/* All of a file, to be freed; NULL: it cannot be read, or is empty. */
char *read_text(const char *path);

typedef struct cache {
    char folder[PATH_MAX / 2];
    char work[PATH_MAX / 2 + 32]; /* a folder of one's own; "": not begun */
    uint64_t key;
} cache;

/* `key`: of the command. ORIEL_SYSTEM: no folder can be made. */
oriel_status cache_open(cache *it, uint64_t key);
/* ORIEL_SYSTEM: nor the work folder. */
oriel_status cache_begin(cache *it);
/* Removes the work folder and what is in it. */
void cache_close(cache *it);

/* The path of an object whose files are what they were, to be freed; NULL: there is none. */
char *cache_find(const cache *it);

/*
 * Takes the object `made`, a path in the work folder, and the rules that the compiler wrote (-MD) at `rules`, likewise.
 * ORIEL_SYSTEM: one cannot be read, or the object not be moved.
 */
oriel_status cache_keep(const cache *it, const char *made, const char *const *rules, uint32_t count, char **object);

#endif
