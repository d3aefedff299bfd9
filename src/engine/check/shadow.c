/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/check/shadow.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define PAGE_BITS  16
#define PAGE_BYTES (UINT64_C(1) << PAGE_BITS)
#define NO_MORE    UINT32_MAX
#define NO_PAGE    UINT64_MAX

#define INLINE 2

/* An access that is remembered. */
typedef struct memory {
    oriel_mark mark; /* queue UINT32_MAX: none */
    uint8_t kind, type;
    bool past; /* came before the writes that are remembered: see `begin_group` */
} memory;

/*
 * Bytes [from, to) of a page, all touched by the same accesses: the last write; the reads since; and, if that write commutes,
 * the others of its group and what the group came after.
 */
typedef struct piece {
    uint32_t from, to;
    memory write, other[INLINE];
    uint32_t more; /* those that find no place in `other`: a chain of nodes */
} piece;

typedef struct node {
    memory access;
    uint32_t next;
} node;

typedef struct page {
    uint64_t number; /* NO_PAGE: none */
    piece *piece;
    uint32_t pieces, room;
} page;

struct oriel_shadow {
    page *page; /* open addressing */
    uint32_t pages, page_room;
    page *last;
    node *node;
    uint32_t nodes, node_room, free_node;
    piece *scratch;
    uint32_t scratch_room;
};

static const memory nobody = {.mark = {UINT32_MAX, 0, 0}};

static bool is_there(const memory *m)
{
    return m->mark.queue != UINT32_MAX;
}

oriel_status oriel_shadow_create(oriel_shadow **shadow)
{
    oriel_shadow *made = calloc(1, sizeof *made);
    if (!made)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for a shadow");
    made->free_node = NO_MORE;
    *shadow = made;
    return ORIEL_OK;
}

void oriel_shadow_destroy(oriel_shadow *shadow)
{
    if (!shadow)
        return;
    for (uint32_t i = 0; i < shadow->page_room; i++)
        free(shadow->page[i].piece);
    free(shadow->page);
    free(shadow->node);
    free(shadow->scratch);
    free(shadow);
}

void oriel_shadow_reset(oriel_shadow *shadow)
{
    for (uint32_t i = 0; i < shadow->page_room; i++)
        shadow->page[i].pieces = 0;
    shadow->nodes = 0;
    shadow->free_node = NO_MORE;
}

uint64_t oriel_shadow_memory(const oriel_shadow *shadow)
{
    uint64_t bytes = shadow->page_room * sizeof(page) + shadow->node_room * sizeof(node);
    for (uint32_t i = 0; i < shadow->page_room; i++)
        bytes += shadow->page[i].room * sizeof(piece);
    return bytes;
}

/* ---- Pages ------------------------------------------------------------------------------------------------------ */

static page *slot_of(const oriel_shadow *shadow, uint64_t number)
{
    uint32_t mask = shadow->page_room - 1;
    uint32_t at = (uint32_t)((number * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & mask;
    while (shadow->page[at].number != NO_PAGE && shadow->page[at].number != number)
        at = (at + 1) & mask;
    return &shadow->page[at];
}

static bool grow_pages(oriel_shadow *shadow)
{
    uint32_t old_room = shadow->page_room, room = old_room ? 2 * old_room : 64;
    page *old = shadow->page, *made = calloc(room, sizeof *made);
    if (!made)
        return false;
    for (uint32_t i = 0; i < room; i++)
        made[i].number = NO_PAGE;
    shadow->page = made;
    shadow->page_room = room;
    shadow->last = NULL;
    for (uint32_t i = 0; i < old_room; i++)
        if (old[i].number != NO_PAGE)
            *slot_of(shadow, old[i].number) = old[i];
    free(old);
    return true;
}

static page *find_page(const oriel_shadow *shadow, uint64_t number)
{
    if (shadow->last && shadow->last->number == number)
        return shadow->last;
    if (!shadow->page_room)
        return NULL;
    page *found = slot_of(shadow, number);
    return found->number == number ? found : NULL;
}

static page *make_page(oriel_shadow *shadow, uint64_t number)
{
    page *found = find_page(shadow, number);
    if (!found) {
        if (2 * (shadow->pages + 1) > shadow->page_room && !grow_pages(shadow))
            return NULL;
        found = slot_of(shadow, number);
        found->number = number;
        shadow->pages++;
    }
    return shadow->last = found;
}

/* The first piece that ends after `at`. */
static uint32_t first_after(const page *p, uint32_t at)
{
    uint32_t low = 0, high = p->pieces;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (p->piece[middle].to <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- Chains ----------------------------------------------------------------------------------------------------- */

static bool room_for_node(oriel_shadow *shadow)
{
    if (shadow->free_node != NO_MORE || shadow->nodes < shadow->node_room)
        return true;
    uint32_t room = shadow->node_room ? 2 * shadow->node_room : 256;
    node *grown = realloc(shadow->node, room * sizeof *grown);
    if (!grown)
        return false;
    shadow->node = grown;
    shadow->node_room = room;
    return true;
}

static bool push(oriel_shadow *shadow, uint32_t *chain, memory access)
{
    if (!room_for_node(shadow))
        return false;
    uint32_t index = shadow->free_node;
    if (index != NO_MORE)
        shadow->free_node = shadow->node[index].next;
    else
        index = shadow->nodes++;
    shadow->node[index] = (node){access, *chain};
    *chain = index;
    return true;
}

static void pop(oriel_shadow *shadow, uint32_t *chain)
{
    uint32_t index = *chain;
    *chain = shadow->node[index].next;
    shadow->node[index].next = shadow->free_node;
    shadow->free_node = index;
}

static void free_chain(oriel_shadow *shadow, uint32_t *chain)
{
    while (*chain != NO_MORE)
        pop(shadow, chain);
}

static bool copy_chain(oriel_shadow *shadow, uint32_t first, uint32_t *copy)
{
    *copy = NO_MORE;
    for (; first != NO_MORE; first = shadow->node[first].next)
        if (!push(shadow, copy, shadow->node[first].access))
            return false;
    return true;
}

/* ---- Which accesses conflict ------------------------------------------------------------------------------------ */

static bool conflicts(const memory *earlier, const oriel_touch *touch)
{
    if (earlier->kind == ORIEL_TOUCH_READ)
        return touch->kind != ORIEL_TOUCH_READ;
    if (earlier->kind == ORIEL_TOUCH_ADD && touch->kind == ORIEL_TOUCH_ADD)
        return earlier->type != touch->type;
    return earlier->kind != ORIEL_TOUCH_SIGNAL || touch->kind != ORIEL_TOUCH_SIGNAL;
}

/* Whether two writes are both kept: the newer one does not say where the older stands. */
static bool commutes(const memory *earlier, const oriel_touch *touch)
{
    return is_there(earlier) && earlier->kind != ORIEL_TOUCH_READ && touch->kind != ORIEL_TOUCH_READ &&
           !conflicts(earlier, touch);
}

/* Whether one of the same queue, or one that came after it, speaks for the earlier access from now on. */
static bool is_superseded(const memory *earlier, const oriel_touch *touch)
{
    return earlier->mark.queue == touch->mark.queue || touch->ordered(touch->context, &earlier->mark);
}

static void ask(const memory *earlier, const oriel_touch *touch, uint64_t from, uint64_t to)
{
    if (is_there(earlier) && conflicts(earlier, touch) && !touch->ordered(touch->context, &earlier->mark))
        touch->conflict(touch->context, &earlier->mark, (oriel_touch_kind)earlier->kind, from, to);
}

/* What the group came after concerns only who joins it: everyone else must be after the group itself, and so after that. */
static void ask_all(const oriel_shadow *shadow, const piece *p, const oriel_touch *touch, uint64_t from, uint64_t to)
{
    const bool joins = commutes(&p->write, touch);
    ask(&p->write, touch, from, to);
    for (int i = 0; i < INLINE; i++)
        if (joins || !p->other[i].past)
            ask(&p->other[i], touch, from, to);
    for (uint32_t at = p->more; at != NO_MORE; at = shadow->node[at].next)
        if (joins || !shadow->node[at].access.past)
            ask(&shadow->node[at].access, touch, from, to);
}

/* ---- What a piece remembers ------------------------------------------------------------------------------------- */

static bool remember(oriel_shadow *shadow, piece *p, memory access)
{
    for (int i = 0; i < INLINE; i++) {
        if (!is_there(&p->other[i])) {
            p->other[i] = access;
            return true;
        }
    }
    return push(shadow, &p->more, access);
}

static bool is_read_of(const memory *m, uint32_t queue)
{
    return m->mark.queue == queue && m->kind == ORIEL_TOUCH_READ;
}

static bool add_read(oriel_shadow *shadow, piece *p, memory now)
{
    if (is_there(&p->write) && p->write.mark.event == now.mark.event)
        return true; /* its own write says more */
    for (int i = 0; i < INLINE; i++) {
        if (is_read_of(&p->other[i], now.mark.queue)) {
            p->other[i] = now;
            return true;
        }
    }
    for (uint32_t at = p->more; at != NO_MORE; at = shadow->node[at].next) {
        if (is_read_of(&shadow->node[at].access, now.mark.queue)) {
            shadow->node[at].access = now;
            return true;
        }
    }
    return remember(shadow, p, now);
}

/* Whether an access other than the last write stays when `touch` joins its group (or, !joins, begins a new one). */
static bool becomes_past(memory *m, const oriel_touch *touch, bool joins)
{
    if (joins && commutes(m, touch))
        return !is_superseded(m, touch);
    if (!joins && m->past)
        return false;
    m->past = true;
    return true;
}

static void age(oriel_shadow *shadow, piece *p, const oriel_touch *touch, bool joins)
{
    for (int i = 0; i < INLINE; i++)
        if (is_there(&p->other[i]) && !becomes_past(&p->other[i], touch, joins))
            p->other[i] = nobody;
    for (uint32_t *link = &p->more; *link != NO_MORE;) {
        node *n = &shadow->node[*link];
        if (becomes_past(&n->access, touch, joins))
            link = &n->next;
        else
            pop(shadow, link);
    }
}

/* A write that commutes with the last one joins it; those of its own queue and those ordered before it need not be kept. */
static bool join_group(oriel_shadow *shadow, piece *p, memory now, const oriel_touch *touch)
{
    memory last = p->write;
    age(shadow, p, touch, true);
    p->write = now;
    return is_superseded(&last, touch) || remember(shadow, p, last);
}

/*
 * The first of a group: what was there is past. It stays, since the next of the group does not conflict with the first, and so
 * nothing else would say that it must come after, say, the write that set the sum to zero.
 */
static bool begin_group(oriel_shadow *shadow, piece *p, memory now, const oriel_touch *touch)
{
    memory last = p->write;
    age(shadow, p, touch, false);
    p->write = now;
    last.past = true;
    return !is_there(&last) || remember(shadow, p, last);
}

static void replace_all(oriel_shadow *shadow, piece *p, memory now)
{
    p->write = now;
    for (int i = 0; i < INLINE; i++)
        p->other[i] = nobody;
    free_chain(shadow, &p->more);
}

static bool apply(oriel_shadow *shadow, piece *p, const oriel_touch *touch, uint64_t base)
{
    const memory now = {touch->mark, (uint8_t)touch->kind, touch->type, false};
    ask_all(shadow, p, touch, base + p->from, base + p->to);
    if (touch->kind == ORIEL_TOUCH_READ)
        return add_read(shadow, p, now);
    if (commutes(&p->write, touch))
        return join_group(shadow, p, now, touch);
    if (touch->kind != ORIEL_TOUCH_WRITE)
        return begin_group(shadow, p, now, touch);
    replace_all(shadow, p, now);
    return true;
}

/* ---- A page ----------------------------------------------------------------------------------------------------- */

static bool reserve(piece **array, uint32_t *room, uint32_t count)
{
    if (count <= *room)
        return true;
    uint32_t more = *room ? *room : 8;
    while (more < count)
        more *= 2;
    piece *grown = realloc(*array, more * sizeof *grown);
    if (!grown)
        return false;
    *array = grown;
    *room = more;
    return true;
}

/* Puts `count` pieces in the place of [first, last). */
static bool splice(page *p, uint32_t first, uint32_t last, const piece *with, uint32_t count)
{
    uint32_t pieces = p->pieces - (last - first) + count;
    if (!reserve(&p->piece, &p->room, pieces))
        return false;
    memmove(p->piece + first + count, p->piece + last, (p->pieces - last) * sizeof *p->piece);
    memcpy(p->piece + first, with, count * sizeof *with);
    p->pieces = pieces;
    return true;
}

static bool same_access(const memory *a, const memory *b)
{
    return a->mark.queue == b->mark.queue && a->mark.event == b->mark.event && a->kind == b->kind && a->past == b->past;
}

/* The same accesses, so that two neighbours are one. */
static bool same_history(const piece *a, const piece *b)
{
    if (a->to != b->from || a->more != NO_MORE || b->more != NO_MORE || !same_access(&a->write, &b->write))
        return false;
    for (int i = 0; i < INLINE; i++)
        if (!same_access(&a->other[i], &b->other[i]))
            return false;
    return true;
}

static void emit(oriel_shadow *shadow, uint32_t *count, piece next)
{
    if (*count > 0 && same_history(&shadow->scratch[*count - 1], &next))
        shadow->scratch[*count - 1].to = next.to;
    else
        shadow->scratch[(*count)++] = next;
}

static piece new_piece(uint32_t from, uint32_t to)
{
    return (piece){from, to, nobody, {nobody, nobody}, NO_MORE};
}

static bool touch_page(oriel_shadow *shadow, page *p, uint64_t base, uint32_t from, uint32_t to,
                       const oriel_touch *touch)
{
    uint32_t first = first_after(p, from), last = first, count = 0;
    if (first < p->pieces && p->piece[first].from == from && p->piece[first].to == to) {
        return apply(shadow, &p->piece[first], touch, base);
    }
    while (last < p->pieces && p->piece[last].from < to)
        last++;
    if (!reserve(&shadow->scratch, &shadow->scratch_room, 2 * (last - first) + 3))
        return false;
    uint32_t at = from;
    for (uint32_t i = first; i < last; i++) {
        piece old = p->piece[i];
        if (old.from < from) {
            piece before = old;
            before.to = from;
            if (!copy_chain(shadow, old.more, &before.more))
                return false;
            shadow->scratch[count++] = before;
            old.from = from;
        }
        piece after = {.to = 0};
        if (old.to > to) {
            after = old;
            after.from = to;
            if (!copy_chain(shadow, old.more, &after.more))
                return false;
            old.to = to;
        }
        if (at < old.from) {
            piece gap = new_piece(at, old.from);
            if (!apply(shadow, &gap, touch, base))
                return false;
            emit(shadow, &count, gap);
        }
        if (!apply(shadow, &old, touch, base))
            return false;
        emit(shadow, &count, old);
        at = old.to;
        if (after.to)
            shadow->scratch[count++] = after;
    }
    if (at < to) {
        piece gap = new_piece(at, to);
        if (!apply(shadow, &gap, touch, base))
            return false;
        if (count > 0 && shadow->scratch[count - 1].to == at)
            emit(shadow, &count, gap);
        else
            shadow->scratch[count++] = gap;
    }
    return splice(p, first, last, shadow->scratch, count);
}

oriel_status oriel_shadow_touch(oriel_shadow *shadow, uint64_t from, uint64_t to, const oriel_touch *touch)
{
    while (from < to) {
        uint64_t number = from >> PAGE_BITS, base = number << PAGE_BITS;
        uint64_t end = to < base + PAGE_BYTES ? to : base + PAGE_BYTES;
        page *p = make_page(shadow, number);
        if (!p || !touch_page(shadow, p, base, (uint32_t)(from - base), (uint32_t)(end - base), touch))
            return oriel_fail(ORIEL_NO_MEMORY, "no memory for what is remembered of accesses");
        from = end;
    }
    return ORIEL_OK;
}

bool oriel_shadow_last_write(const oriel_shadow *shadow, uint64_t at, oriel_mark *mark)
{
    const page *p = find_page(shadow, at >> PAGE_BITS);
    uint32_t offset = (uint32_t)(at & (PAGE_BYTES - 1));
    uint32_t index = p ? first_after(p, offset) : 0;
    if (!p || index == p->pieces || p->piece[index].from > offset || !is_there(&p->piece[index].write))
        return false;
    *mark = p->piece[index].write.mark;
    return true;
}
