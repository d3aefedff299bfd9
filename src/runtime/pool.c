/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/pool.h"

#include <stdlib.h>

#define FIRST_CAPACITY 64

void oriel_pool_free(oriel_pool *pool)
{
    free(pool->elements);
    *pool = oriel_pool_of(pool->element_bytes);
}

bool oriel_pool_grow(oriel_pool *pool, uint64_t count)
{
    uint64_t capacity = 2 * (uint64_t)pool->capacity;
    if (capacity < FIRST_CAPACITY)
        capacity = FIRST_CAPACITY;
    if (capacity < pool->taken + count)
        capacity = pool->taken + count;
    if (capacity >= UINT32_MAX)
        return false;
    char *elements = realloc(pool->elements, pool->element_bytes * (capacity + 1));
    if (elements == NULL)
        return false;
    pool->elements = elements;
    pool->capacity = (uint32_t)capacity;
    return true;
}
