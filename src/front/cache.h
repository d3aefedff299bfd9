/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects that were compiled before, kept by what went into them. In the folder $XDG_CACHE_HOME/oriel, or ~/.cache/oriel:
 *
 *      KEY              for one request (command lines, compilers, folder: hashed to KEY): the object's name, and each file that the
 *                       compilers read, with the hash of what was in it
 *      HASH.so          an object, named by what is in it, never changed
 *      making-XXXXXX/   where one is made
 *
 * All of it comes to be by rename, so that whoever looks sees the old or the new, whole; two that make the same object at the
 * same time make it twice, and the second replaces the first by its equal. What was used least recently goes when all
 * together are too large.
 *
 * A file that would be read in place of another, had it been there (a header of that name earlier on the path), is not noticed.
 */
#ifndef ORIEL_FRONT_CACHE_H
#define ORIEL_FRONT_CACHE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oriel/status.h"

/* What is in some bytes, or in some strings after one another. Equal ones have equal hashes, others in practice not. */
typedef struct oriel_hash {
    uint64_t a, b;
} oriel_hash;

#define ORIEL_HASH_INIT                                                                                                \
    {                                                                                                                  \
        UINT64_C(0x243f6a8885a308d3), UINT64_C(0x13198a2e03707344)                                                     \
    }

void oriel_hash_bytes(oriel_hash *hash, const void *bytes, size_t count);
/* A string with its end; NULL is another than "". */
void oriel_hash_text(oriel_hash *hash, const char *text);
/* The bytes of a file. False: it cannot be read, with errno set. */
bool oriel_hash_file(const char *path, oriel_hash *hash);

typedef struct oriel_cache {
    char folder[PATH_MAX]; /* "" if nothing is to be kept */
    uint64_t most_bytes;
} oriel_cache;

/* From the environment; makes the folder. One that cannot be made or written to is as good as ORIEL_CACHE=off. */
void oriel_cache_open(oriel_cache *cache);

/* The object of the request `key`, if all that went into it is as it was: its path. `object` has PATH_MAX bytes. */
bool oriel_cache_find(const oriel_cache *cache, oriel_hash key, char *object);

/* A new folder to make an object in: within the cache, or where temporary files are. `folder` has PATH_MAX bytes. */
oriel_status oriel_cache_begin(const oriel_cache *cache, char *folder);

/*
 * Keeps what was made in `folder`: the file `made` there, from the inputs that the lists in files `*.d` there name, as compilers
 * write them (-MD); `began` is when the compilers were started, in nanoseconds of CLOCK_REALTIME. `object` (PATH_MAX bytes)
 * becomes its path. If inputs changed meanwhile, the object is kept for this process alone.
 */
oriel_status oriel_cache_keep(const oriel_cache *cache, oriel_hash key, const char *folder, const char *made,
                              int64_t began, char *object);

/* Removes a folder of oriel_cache_begin, with the files in it. */
void oriel_cache_end(const char *folder);

#endif
