/* SPDX-License-Identifier: Apache-2.0 */
/* Disjoint ranges in one sorted row. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/check/shadow.h"

typedef struct range {
    uint64_t from, to;
} range;

struct oriel_ranges {
    range *range;
    uint32_t count, room;
};

oriel_status oriel_ranges_create(oriel_ranges **ranges)
{
    *ranges = calloc(1, sizeof **ranges);
    return *ranges ? ORIEL_OK : oriel_fail(ORIEL_NO_MEMORY, "no memory for a set of ranges");
}

void oriel_ranges_destroy(oriel_ranges *ranges)
{
    if (ranges)
        free(ranges->range);
    free(ranges);
}

void oriel_ranges_clear(oriel_ranges *ranges)
{
    ranges->count = 0;
}

/* The first range that ends at or after `at`. */
static uint32_t first_at(const oriel_ranges *ranges, uint64_t at)
{
    uint32_t low = 0, high = ranges->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (ranges->range[middle].to < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static oriel_status replace(oriel_ranges *ranges, uint32_t first, uint32_t last, const range *with, uint32_t count)
{
    uint32_t total = ranges->count - (last - first) + count;
    if (total > ranges->room) {
        uint32_t room = ranges->room ? 2 * ranges->room : 16;
        room = room < total ? total : room;
        range *grown = realloc(ranges->range, room * sizeof *grown);
        if (!grown)
            return oriel_fail(ORIEL_NO_MEMORY, "no memory for %u ranges", total);
        ranges->range = grown;
        ranges->room = room;
    }
    memmove(ranges->range + first + count, ranges->range + last, (ranges->count - last) * sizeof *ranges->range);
    if (count)
        memcpy(ranges->range + first, with, count * sizeof *with);
    ranges->count = total;
    return ORIEL_OK;
}

oriel_status oriel_ranges_add(oriel_ranges *ranges, uint64_t from, uint64_t to)
{
    if (from >= to)
        return ORIEL_OK;
    uint32_t first = first_at(ranges, from), last = first;
    range joined = {from, to};
    for (; last < ranges->count && ranges->range[last].from <= to; last++) {
        const range *met = &ranges->range[last];
        joined.from = met->from < joined.from ? met->from : joined.from;
        joined.to = met->to > joined.to ? met->to : joined.to;
    }
    return replace(ranges, first, last, &joined, 1);
}

oriel_status oriel_ranges_remove(oriel_ranges *ranges, uint64_t from, uint64_t to)
{
    if (from >= to)
        return ORIEL_OK;
    uint32_t first = first_at(ranges, from), last;
    if (first < ranges->count && ranges->range[first].to == from)
        first++;
    range left[2];
    uint32_t count = 0;
    for (last = first; last < ranges->count && ranges->range[last].from < to; last++) {
        const range *met = &ranges->range[last];
        if (met->from < from)
            left[count++] = (range){met->from, from};
        if (met->to > to)
            left[count++] = (range){to, met->to};
    }
    return first == last ? ORIEL_OK : replace(ranges, first, last, left, count);
}

bool oriel_ranges_find(const oriel_ranges *ranges, uint64_t from, uint64_t to, uint64_t *first, uint64_t *last)
{
    uint32_t at = first_at(ranges, from);
    if (at < ranges->count && ranges->range[at].to == from)
        at++;
    if (at == ranges->count || ranges->range[at].from >= to || from >= to)
        return false;
    *first = ranges->range[at].from > from ? ranges->range[at].from : from;
    *last = ranges->range[at].to < to ? ranges->range[at].to : to;
    return true;
}
