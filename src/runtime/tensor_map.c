/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/tensor_map.h"

/* What is known about one interval of bytes. */
typedef struct piece {
    uint64_t end;
    uint64_t writer;    /* the last one; 0: it has ended, or there was none */
    oriel_list readers; /* since then, in the order of submission */
    bool write_failed;  /* a last writer that has failed and is no longer named: poison for all */
    bool read_failed;   /* a reader since that has: poison for writers */
} piece;

void oriel_tensor_map_init(oriel_tensor_map *map, oriel_pool *cells, oriel_tensor_map_tasks tasks)
{
    *map = (oriel_tensor_map){.pieces = oriel_pool_of(sizeof(piece)), .cells = cells, .tasks = tasks};
    oriel_ordered_init(&map->intervals);
}

void oriel_tensor_map_free(oriel_tensor_map *map)
{
    oriel_ordered_free(&map->intervals);
    oriel_pool_free(&map->pieces);
}

void oriel_tensor_map_clear(oriel_tensor_map *map)
{
    oriel_ordered_clear(&map->intervals);
    oriel_pool_clear(&map->pieces);
    map->reader_cells = 0;
}

/*
 * N disjoint intervals have at most 2 N ends, and a range adds two: with R ranges no more than 2 N + 2 R intervals come out.
 * Each may get a reader, and each of 2 R splits copies a list.
 */
bool oriel_tensor_map_reserve(oriel_tensor_map *map, uint64_t ranges, uint64_t longest, uint64_t *cells)
{
    uint64_t more = map->intervals.count + 2 * ranges;
    if (longest > map->reader_cells)
        longest = map->reader_cells;
    *cells = map->intervals.count + more + 2 * ranges * (longest + 1);
    return oriel_pool_reserve(&map->pieces, more) && oriel_ordered_reserve(&map->intervals, more);
}

static piece *piece_at(const oriel_tensor_map *map, oriel_place place)
{
    return (piece *)(void *)map->pieces.elements + oriel_ordered_value(&map->intervals, place);
}

/* Whether there is an interval at `place` that begins before `end`. */
static bool begins_before(const oriel_tensor_map *map, oriel_place place, uint64_t end)
{
    return oriel_ordered_has(&map->intervals, place) && oriel_ordered_key(&map->intervals, place) < end;
}

static void add_reader(oriel_tensor_map *map, piece *p, uint64_t task)
{
    oriel_list_push(map->cells, &p->readers, task);
    map->reader_cells++;
}

static uint64_t pop_reader(oriel_tensor_map *map, piece *p)
{
    map->reader_cells--;
    return oriel_list_pop(map->cells, &p->readers);
}

/* Puts an interval before `place`. */
static oriel_place insert(oriel_tensor_map *map, oriel_place place, uint64_t begin, piece content)
{
    uint32_t index = oriel_pool_take(&map->pieces);
    *(piece *)oriel_pool_at(&map->pieces, index) = content;
    return oriel_ordered_insert(&map->intervals, place, begin, index);
}

/* Takes an interval out. Returns the next one's place. */
static oriel_place erase(oriel_tensor_map *map, oriel_place place)
{
    piece *p = piece_at(map, place);
    while (p->readers.first)
        pop_reader(map, p);
    oriel_pool_give(&map->pieces, oriel_ordered_value(&map->intervals, place));
    return oriel_ordered_erase(&map->intervals, place);
}

/* ---- Forgetting ------------------------------------------------------------------------------------------------- */

/* Replaces a writer that has ended by what is left of it. */
static void settle_writer(oriel_tensor_map *map, piece *p)
{
    if (p->writer == 0)
        return;
    oriel_task_state state = map->tasks.state(map->tasks.context, p->writer);
    if (state == ORIEL_TASK_PENDING)
        return;
    p->writer = 0;
    p->write_failed = state == ORIEL_TASK_FAILED;
}

/* Only from the front: so a list spans no more than the tasks between its oldest pending reader and the latest task. */
static void settle_readers(oriel_tensor_map *map, piece *p)
{
    while (p->readers.first) {
        uint64_t reader = oriel_cell_at(map->cells, p->readers.first)->value;
        oriel_task_state state = map->tasks.state(map->tasks.context, reader);
        if (state == ORIEL_TASK_PENDING)
            return;
        p->read_failed |= state == ORIEL_TASK_FAILED;
        pop_reader(map, p);
    }
}

/* Long lists are not worth the look. */
static bool same_readers(const oriel_tensor_map *map, oriel_list a, oriel_list b)
{
    for (int steps = 16; a.first && b.first && steps; steps--) {
        const oriel_cell *in_a = oriel_cell_at(map->cells, a.first), *in_b = oriel_cell_at(map->cells, b.first);
        if (in_a->value != in_b->value)
            return false;
        a.first = in_a->next;
        b.first = in_b->next;
    }
    return a.first == 0 && b.first == 0;
}

/* Whether `next` follows `p` without a gap, and what is known about the two is the same. */
static bool alike(const oriel_tensor_map *map, const piece *p, const piece *next, uint64_t next_begin)
{
    return p->end == next_begin && p->writer == next->writer && p->write_failed == next->write_failed &&
           p->read_failed == next->read_failed && same_readers(map, p->readers, next->readers);
}

/* Drops the interval if it says nothing any more, or joins it with the next if that says the same. Returns where to go on. */
static oriel_place tidy(oriel_tensor_map *map, oriel_place place)
{
    piece *p = piece_at(map, place);
    settle_writer(map, p);
    settle_readers(map, p);
    if (!p->writer && !p->readers.first && !p->write_failed && !p->read_failed)
        return erase(map, place);
    oriel_place next = oriel_ordered_next(&map->intervals, place);
    if (!oriel_ordered_has(&map->intervals, next) ||
        !alike(map, p, piece_at(map, next), oriel_ordered_key(&map->intervals, next)))
        return next;
    /* The second one takes over the first one's beginning. */
    uint64_t begin = oriel_ordered_key(&map->intervals, place);
    next = erase(map, place);
    oriel_ordered_rekey(&map->intervals, next, begin);
    return next;
}

/* Tidies one interval, and two for each that was added since there were `before`: so the sweep outruns the growth. */
static void sweep(oriel_tensor_map *map, uint32_t before)
{
    const oriel_ordered *intervals = &map->intervals;
    uint32_t steps = intervals->count > before ? 1 + 2 * (intervals->count - before) : 1;
    oriel_place place = map->swept;
    for (; steps && intervals->count; steps--) {
        if (!oriel_ordered_has(intervals, place) || place.slot >= oriel_ordered_leaf(intervals, place.leaf)->count)
            place = (oriel_place){0, 0};
        place = tidy(map, place);
    }
    map->swept = place;
}

/* ---- Accesses --------------------------------------------------------------------------------------------------- */

/* Cuts the interval at `place` in two at byte `at`, inside it. Returns the place of the second half. */
static oriel_place split(oriel_tensor_map *map, oriel_place place, uint64_t at)
{
    piece *lower = piece_at(map, place);
    settle_readers(map, lower);
    piece upper = *lower;
    lower->end = at;
    upper.readers = (oriel_list){0};
    for (uint32_t cell = lower->readers.first; cell; cell = oriel_cell_at(map->cells, cell)->next)
        add_reader(map, &upper, oriel_cell_at(map->cells, cell)->value);
    return insert(map, (oriel_place){place.leaf, place.slot + 1}, at, upper);
}

/* The first interval that ends after `begin`, cut so that it does not begin before `begin`. */
static oriel_place first_from(oriel_tensor_map *map, uint64_t begin)
{
    oriel_place place = oriel_ordered_find(&map->intervals, begin);
    if (!oriel_ordered_has(&map->intervals, place))
        return place;
    if (piece_at(map, place)->end <= begin)
        return oriel_ordered_next(&map->intervals, place);
    if (oriel_ordered_key(&map->intervals, place) < begin)
        return split(map, place, begin);
    return place;
}

/* The interval at `place`, cut so that it does not end after `end`. */
static oriel_place cut_to(oriel_tensor_map *map, oriel_place place, uint64_t end)
{
    if (piece_at(map, place)->end <= end)
        return place;
    return oriel_ordered_previous(&map->intervals, split(map, place, end));
}

/* True: `task` waits for one that failed. A task does not wait for itself. */
static bool follow(oriel_tensor_map *map, uint64_t earlier, uint64_t task)
{
    return earlier && earlier != task && map->tasks.follow(map->tasks.context, earlier) == ORIEL_TASK_FAILED;
}

static bool read_piece(oriel_tensor_map *map, piece *p, uint64_t task)
{
    bool poisoned = follow(map, p->writer, task) || p->write_failed;
    settle_readers(map, p);
    if (!p->readers.first || oriel_cell_at(map->cells, p->readers.last)->value != task)
        add_reader(map, p, task);
    return poisoned;
}

bool oriel_tensor_map_read(oriel_tensor_map *map, uint64_t begin, uint64_t end, uint64_t task)
{
    uint32_t before = map->intervals.count;
    bool poisoned = false;
    oriel_place place = first_from(map, begin);
    while (begin < end) {
        uint64_t gap_end = begins_before(map, place, end) ? oriel_ordered_key(&map->intervals, place) : end;
        if (begin < gap_end)
            place = insert(map, place, begin, (piece){.end = gap_end});
        else
            place = cut_to(map, place, end);
        piece *p = piece_at(map, place);
        poisoned |= read_piece(map, p, task);
        begin = p->end;
        place = oriel_ordered_next(&map->intervals, place);
    }
    sweep(map, before);
    return poisoned;
}

/* Comes after the writer and the readers, which it then forgets. */
static bool overwrite_piece(oriel_tensor_map *map, piece *p, uint64_t task)
{
    bool poisoned = follow(map, p->writer, task) || p->write_failed || p->read_failed;
    while (p->readers.first)
        poisoned |= follow(map, pop_reader(map, p), task);
    return poisoned;
}

bool oriel_tensor_map_write(oriel_tensor_map *map, uint64_t begin, uint64_t end, uint64_t task)
{
    uint32_t before = map->intervals.count;
    bool poisoned = false;
    oriel_place place = first_from(map, begin);
    if (!begins_before(map, place, end))
        place = insert(map, place, begin, (piece){.end = end});
    for (;;) {
        place = cut_to(map, place, end);
        poisoned |= overwrite_piece(map, piece_at(map, place), task);
        if (!begins_before(map, oriel_ordered_next(&map->intervals, place), end))
            break;
        place = erase(map, place);
    }
    /* The last of those that were in the range stands for all of it now. */
    *piece_at(map, place) = (piece){.end = end, .writer = task};
    oriel_ordered_rekey(&map->intervals, place, begin);
    sweep(map, before);
    return poisoned;
}
