/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools: elements of one size, named by 32-bit indices (0 is none), taken and given back in no time and no order.
 *
 * The owner reserves before it starts to change things; taking what was reserved cannot fail. Memory grows and never
 * shrinks, so that a steady state allocates nothing. Reserving may move the elements: keep indices, not pointers, over it.
 */
#ifndef ORIEL_RUNTIME_POOL_H
#define ORIEL_RUNTIME_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct oriel_pool {
    char *elements;
    size_t element_bytes; /* at least 4: a free element holds the index of the next one */
    uint32_t capacity;    /* elements 1 .. capacity; element 0 is not used */
    uint32_t taken;
    uint32_t touched; /* elements 1 .. touched have been taken at least once */
    uint32_t free;    /* the first of those that were given back */
} oriel_pool;

static inline oriel_pool oriel_pool_of(size_t element_bytes)
{
    return (oriel_pool){.element_bytes = element_bytes};
}

void oriel_pool_free(oriel_pool *pool);

/* Makes room for `count` more elements. False, and nothing changed, if there is no memory. */
bool oriel_pool_grow(oriel_pool *pool, uint64_t count);

static inline bool oriel_pool_reserve(oriel_pool *pool, uint64_t count)
{
    return pool->capacity - pool->taken >= count || oriel_pool_grow(pool, count);
}

static inline void *oriel_pool_at(const oriel_pool *pool, uint32_t index)
{
    return pool->elements + pool->element_bytes * index;
}

/* An element, not cleared. It was reserved. */
static inline uint32_t oriel_pool_take(oriel_pool *pool)
{
    pool->taken++;
    uint32_t index = pool->free;
    if (index == 0)
        return ++pool->touched;
    pool->free = *(uint32_t *)oriel_pool_at(pool, index);
    return index;
}

static inline void oriel_pool_give(oriel_pool *pool, uint32_t index)
{
    *(uint32_t *)oriel_pool_at(pool, index) = pool->free;
    pool->free = index;
    pool->taken--;
}

/* Takes all elements back. */
static inline void oriel_pool_clear(oriel_pool *pool)
{
    pool->taken = pool->touched = pool->free = 0;
}

/* ---- Lists of numbers, made of pooled cells: pushed at the end, popped from the front ------------------------------ */

typedef struct oriel_cell {
    uint32_t next;
    uint64_t value;
} oriel_cell;

/* All 0 is an empty list. */
typedef struct oriel_list {
    uint32_t first, last;
} oriel_list;

static inline const oriel_cell *oriel_cell_at(const oriel_pool *cells, uint32_t index)
{
    return (const oriel_cell *)(const void *)cells->elements + index;
}

static inline void oriel_list_push(oriel_pool *cells, oriel_list *list, uint64_t value)
{
    uint32_t index = oriel_pool_take(cells);
    oriel_cell *all = (oriel_cell *)(void *)cells->elements;
    all[index] = (oriel_cell){.value = value};
    if (list->first)
        all[list->last].next = index;
    else
        list->first = index;
    list->last = index;
}

/* The list is not empty. */
static inline uint64_t oriel_list_pop(oriel_pool *cells, oriel_list *list)
{
    uint32_t index = list->first;
    oriel_cell cell = *oriel_cell_at(cells, index);
    list->first = cell.next;
    oriel_pool_give(cells, index);
    return cell.value;
}

#endif
