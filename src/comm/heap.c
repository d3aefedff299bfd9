/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "base/pages.h"
#include "comm/world.h"

#define RESERVE_BYTES       (UINT64_C(64) << 30)
#define LEAST_RESERVE_BYTES (UINT64_C(1) << 30)

oriel_status oriel_world_init(oriel_shm *shm, uint32_t ranks, uint32_t first)
{
    oriel_world *world = shm->base;
    const uint64_t pages = shm->bytes / oriel_page_bytes();
    const uint64_t next = oriel_pages_of(sizeof *world + 2 * (uint64_t)ranks * sizeof *world->rank_bell),
                   end = next + oriel_pages_of(pages * 4);
    if (pages > UINT32_MAX)
        return oriel_fail(ORIEL_NO_MEMORY, "%" PRIu64 " B of shared memory are more pages than there can be (%u)",
                          shm->bytes, UINT32_MAX);
    if (end > pages)
        return oriel_fail(ORIEL_NO_MEMORY, "%" PRIu64 " B of shared memory cannot hold the tables of %" PRIu32 " ranks",
                          shm->bytes, ranks);
    world->ranks = ranks;
    world->first = first;
    world->bytes = shm->bytes;
    world->heap.pages = pages;
    world->heap.next = next * oriel_page_bytes();
    atomic_store(&world->heap.end, end);
    return ORIEL_OK;
}

oriel_status oriel_world_make(uint64_t bytes, uint32_t ranks, uint32_t first, oriel_shm *shm)
{
    const bool any = bytes == 0;
    bytes = any ? RESERVE_BYTES : bytes;
    oriel_status status;
    while ((status = oriel_shm_create(bytes, shm)) != ORIEL_OK && any && bytes / 2 >= LEAST_RESERVE_BYTES)
        bytes /= 2;
    if (status != ORIEL_OK)
        return status;
    status = oriel_world_init(shm, ranks, first);
    if (status != ORIEL_OK)
        oriel_shm_destroy(shm);
    return status;
}

/* The smallest c with 2^c >= pages. */
static uint32_t class_of(uint64_t pages)
{
    return pages <= 1 ? 0 : 64 - (uint32_t)__builtin_clzll(pages - 1);
}

static _Atomic uint32_t *next_of(oriel_world *world, uint32_t page)
{
    return (_Atomic uint32_t *)oriel_world_at(world, world->heap.next) + page;
}

static uint64_t changed(uint64_t head, uint32_t page)
{
    return ((head >> 32) + 1) << 32 | page;
}

/* Page 0 holds the world, and is no block. */
static uint32_t pop(oriel_world *world, uint32_t class)
{
    _Atomic uint64_t *list = &world->heap.free[class];
    uint64_t head = atomic_load(list);
    while ((uint32_t)head != 0) {
        uint32_t next = atomic_load(next_of(world, (uint32_t)head));
        if (atomic_compare_exchange_weak(list, &head, changed(head, next)))
            return (uint32_t)head;
    }
    return 0;
}

static void push(oriel_world *world, uint32_t class, uint32_t page)
{
    _Atomic uint64_t *list = &world->heap.free[class];
    uint64_t head = atomic_load(list);
    do
        atomic_store(next_of(world, page), (uint32_t)head);
    while (!atomic_compare_exchange_weak(list, &head, changed(head, page)));
}

/* 0: there are not as many any more. */
static uint64_t carve(oriel_world *world, uint64_t pages)
{
    uint64_t end = atomic_load(&world->heap.end);
    do
        if (pages > world->heap.pages - end)
            return 0;
    while (!atomic_compare_exchange_weak(&world->heap.end, &end, end + pages));
    return end;
}

oriel_status oriel_world_alloc(oriel_world *world, uint64_t bytes, uint64_t *offset)
{
    uint64_t pages = oriel_pages_of(bytes), page = 0;
    uint32_t class = class_of(pages);
    if (class < ORIEL_HEAP_CLASSES) {
        page = pop(world, class);
        if (page == 0)
            page = carve(world, UINT64_C(1) << class);
    }
    if (page == 0)
        return oriel_fail(ORIEL_NO_MEMORY,
                          "no room for %" PRIu64 " B of shared memory: %" PRIu64 " B of %" PRIu64 " are left", bytes,
                          (world->heap.pages - atomic_load(&world->heap.end)) * oriel_page_bytes(), world->bytes);
    *offset = page * oriel_page_bytes();
    return ORIEL_OK;
}

void oriel_world_free(oriel_world *world, oriel_shm *shm, uint64_t offset, uint64_t bytes)
{
    uint64_t pages = oriel_pages_of(bytes);
    if (oriel_shm_release(shm, offset, pages * oriel_page_bytes()) != ORIEL_OK)
        return; /* not zero: it is not used again */
    push(world, class_of(pages), (uint32_t)(offset / oriel_page_bytes()));
}
