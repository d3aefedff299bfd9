/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A communication domain as it lies in the arena, for all its ranks to read: one descriptor, then the windows.
 *
 *      ┌───────────────────────────────┬──────────┬──────────┬─────┬────────────┐
 *      │ header, buffers[], device[]   │ window 0 │ window 1 │ ... │ window n-1 │   windows page-aligned, window_stride apart
 *      └───────────────────────────────┴──────────┴──────────┴─────┴────────────┘
 *      window: buffer 0 | pad to 64 | buffer 1 | ...                      the same offsets on every rank
 *
 * Made and freed by the worker's process; constant in between, but for `broken`.
 */
#ifndef ORIEL_WINDOW_DOMAIN_H
#define ORIEL_WINDOW_DOMAIN_H

#include <stdatomic.h>

#include "oriel/worker.h"
#include "window/arena.h"

#define ORIEL_NAME_BYTES 32

typedef struct oriel_named_buffer {
    char name[ORIEL_NAME_BYTES];
    pto_dtype dtype;
    uint64_t count, bytes;
    uint64_t offset; /* in each window */
} oriel_named_buffer;

typedef struct oriel_domain_shared {
    char name[ORIEL_NAME_BYTES];
    uint32_t ranks, buffers;
    uint64_t window_bytes;   /* as asked for, or as needed */
    uint64_t window_stride;  /* from rank to rank */
    uint64_t windows;        /* arena offset of rank 0's window */
    uint64_t buffer_table;   /* arena offset of oriel_named_buffer[buffers] */
    uint64_t device_table;   /* arena offset of uint32_t[ranks]: the worker's device index of each rank */
    _Atomic uint32_t broken; /* a task on it failed: its signals may be half done */
} oriel_domain_shared;

/* All of oriel_allocate_domain but the run's bookkeeping: checks, carves, zeroes. `devices` is the worker's count,
 * `max_ranks` the platform's limit. */
oriel_status oriel_domain_make(oriel_arena *arena, const char *name, const uint32_t *device, uint32_t ranks,
                               uint64_t window_bytes, const oriel_buffer *buffers, uint32_t buffer_count,
                               uint32_t devices, uint32_t max_ranks, oriel_domain_shared **domain);
void oriel_domain_destroy(oriel_arena *arena, oriel_domain_shared *domain);

const oriel_named_buffer *oriel_domain_buffers(const void *arena_base, const oriel_domain_shared *domain);
const uint32_t *oriel_domain_devices(const void *arena_base, const oriel_domain_shared *domain);
/* The arena offset of a rank's window. */
uint64_t oriel_domain_window(const oriel_domain_shared *domain, uint32_t rank);

#endif
