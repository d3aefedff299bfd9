/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/ordered.h"

#include <stdlib.h>
#include <string.h>

void oriel_ordered_init(oriel_ordered *map)
{
    *map = (oriel_ordered){.pool = oriel_pool_of(sizeof(oriel_leaf))};
}

void oriel_ordered_free(oriel_ordered *map)
{
    free(map->first);
    free(map->leaf);
    oriel_pool_free(&map->pool);
    oriel_ordered_init(map);
}

void oriel_ordered_clear(oriel_ordered *map)
{
    map->leaves = map->count = 0;
    oriel_pool_clear(&map->pool);
}

static bool grow_top(oriel_ordered *map, uint64_t leaves)
{
    uint64_t room = leaves > 2 * (uint64_t)map->room ? leaves : 2 * (uint64_t)map->room;
    uint64_t *first = realloc(map->first, room * sizeof *first);
    if (first == NULL)
        return false;
    map->first = first;
    uint32_t *leaf = realloc(map->leaf, room * sizeof *leaf);
    if (leaf == NULL)
        return false;
    map->leaf = leaf;
    map->room = (uint32_t)room;
    return true;
}

/* Each of today's leaves may be full, and split at its next insertion; after that a split needs half a leaf of insertions. */
bool oriel_ordered_reserve(oriel_ordered *map, uint64_t insertions)
{
    uint64_t splits = insertions < map->leaves ? insertions : map->leaves;
    uint64_t more = splits + insertions / (ORIEL_LEAF / 2) + 1;
    return oriel_pool_reserve(&map->pool, more) &&
           (map->leaves + more <= map->room || grow_top(map, map->leaves + more));
}

/* The index of the last of `count` sorted keys that is at most `key`; 0 if none is. */
static uint32_t search(const uint64_t *keys, uint32_t count, uint64_t key)
{
    const uint64_t *from = keys;
    while (count > 1) {
        uint32_t half = count / 2;
        from = from[half] <= key ? from + half : from;
        count -= half;
    }
    return (uint32_t)(from - keys);
}

oriel_place oriel_ordered_find(const oriel_ordered *map, uint64_t key)
{
    if (map->leaves == 0)
        return (oriel_place){0, 0};
    uint32_t index = search(map->first, map->leaves, key);
    const oriel_leaf *leaf = oriel_ordered_leaf(map, index);
    return (oriel_place){index, search(leaf->key, leaf->count, key)};
}

/* Opens a gap for a leaf at `index` of the arrays on top, and puts an empty one there. */
static oriel_leaf *add_leaf(oriel_ordered *map, uint32_t index)
{
    uint32_t behind = map->leaves++ - index;
    memmove(map->first + index + 1, map->first + index, behind * sizeof *map->first);
    memmove(map->leaf + index + 1, map->leaf + index, behind * sizeof *map->leaf);
    map->leaf[index] = oriel_pool_take(&map->pool);
    oriel_leaf *leaf = oriel_ordered_leaf(map, index);
    leaf->count = 0;
    return leaf;
}

static void remove_leaf(oriel_ordered *map, uint32_t index)
{
    oriel_pool_give(&map->pool, map->leaf[index]);
    uint32_t behind = --map->leaves - index;
    memmove(map->first + index, map->first + index + 1, behind * sizeof *map->first);
    memmove(map->leaf + index, map->leaf + index + 1, behind * sizeof *map->leaf);
}

/* Appends the entries of `from` from `slot` on to `to`. */
static void move_entries(oriel_leaf *to, oriel_leaf *from, uint32_t slot)
{
    uint32_t count = from->count - slot;
    memcpy(to->key + to->count, from->key + slot, count * sizeof *to->key);
    memcpy(to->value + to->count, from->value + slot, count * sizeof *to->value);
    to->count += count;
    from->count = slot;
}

/* Halves a full leaf. Returns where `place` is now. */
static oriel_place split(oriel_ordered *map, oriel_place place)
{
    oriel_leaf *upper = add_leaf(map, place.leaf + 1);
    move_entries(upper, oriel_ordered_leaf(map, place.leaf), ORIEL_LEAF / 2);
    map->first[place.leaf + 1] = upper->key[0];
    if (place.slot <= ORIEL_LEAF / 2)
        return place;
    return (oriel_place){place.leaf + 1, place.slot - ORIEL_LEAF / 2};
}

oriel_place oriel_ordered_insert(oriel_ordered *map, oriel_place place, uint64_t key, uint32_t value)
{
    if (map->leaves == 0)
        add_leaf(map, 0);
    else if (place.leaf == map->leaves)
        place = (oriel_place){map->leaves - 1, oriel_ordered_leaf(map, map->leaves - 1)->count};
    if (oriel_ordered_leaf(map, place.leaf)->count == ORIEL_LEAF)
        place = split(map, place);
    oriel_leaf *leaf = oriel_ordered_leaf(map, place.leaf);
    uint32_t behind = leaf->count++ - place.slot;
    memmove(leaf->key + place.slot + 1, leaf->key + place.slot, behind * sizeof *leaf->key);
    memmove(leaf->value + place.slot + 1, leaf->value + place.slot, behind * sizeof *leaf->value);
    leaf->value[place.slot] = value;
    map->count++;
    oriel_ordered_rekey(map, place, key);
    return place;
}

void oriel_ordered_rekey(oriel_ordered *map, oriel_place place, uint64_t key)
{
    oriel_ordered_leaf(map, place.leaf)->key[place.slot] = key;
    if (place.slot == 0)
        map->first[place.leaf] = key;
}

/* Joins leaf `index` with the next one if they fill half a leaf at most: so leaves cannot become many and nearly empty. */
static bool join(oriel_ordered *map, uint32_t index)
{
    if (index + 1 >= map->leaves)
        return false;
    oriel_leaf *lower = oriel_ordered_leaf(map, index), *upper = oriel_ordered_leaf(map, index + 1);
    if (lower->count + upper->count > ORIEL_LEAF / 2)
        return false;
    move_entries(lower, upper, 0);
    remove_leaf(map, index + 1);
    return true;
}

oriel_place oriel_ordered_erase(oriel_ordered *map, oriel_place place)
{
    oriel_leaf *leaf = oriel_ordered_leaf(map, place.leaf);
    map->count--;
    if (leaf->count == 1) {
        remove_leaf(map, place.leaf);
        return (oriel_place){place.leaf, 0};
    }
    uint32_t behind = --leaf->count - place.slot;
    memmove(leaf->key + place.slot, leaf->key + place.slot + 1, behind * sizeof *leaf->key);
    memmove(leaf->value + place.slot, leaf->value + place.slot + 1, behind * sizeof *leaf->value);
    map->first[place.leaf] = leaf->key[0];
    join(map, place.leaf);
    if (place.leaf > 0) {
        uint32_t below = oriel_ordered_leaf(map, place.leaf - 1)->count;
        if (join(map, place.leaf - 1))
            place = (oriel_place){place.leaf - 1, below + place.slot};
    }
    if (place.slot < oriel_ordered_leaf(map, place.leaf)->count)
        return place;
    return (oriel_place){place.leaf + 1, 0};
}
