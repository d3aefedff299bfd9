/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scalar unit's accesses to device memory, through a cache that is not coherent. A line may be fetched at any time since
 * it was last invalidated, and a store may reach memory at any time until a dcci of its line and then a dsb are over.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/check/machine.h"
#include "oriel/kernel.h"

/* Where the stores that go around the cache are counted: no line. */
#define UNCACHED UINT64_MAX

static uint64_t line_of(const check_core *c, uint64_t offset)
{
    return offset / c->machine->setup->limits->line_bytes;
}

/* NULL: the core has neither stored to the line nor invalidated it by itself. */
static check_line *find_line(check_core *c, uint64_t line)
{
    for (uint32_t i = 0; i < c->lines; i++)
        if (c->line[i].line == line)
            return &c->line[i];
    return NULL;
}

static check_line *make_line(check_core *c, uint64_t line)
{
    check_line *found = find_line(c, line);
    if (found)
        return found;
    if (c->lines == c->line_room) {
        c->line_room = c->line_room ? 2 * c->line_room : 8;
        c->line = realloc(c->line, c->line_room * sizeof *c->line);
        if (!c->line)
            abort();
    }
    c->line[c->lines] = (check_line){.line = line, .queue = NONE, .since = c->since};
    return &c->line[c->lines++];
}

/* What the core knew when the line can have been fetched. */
static const oriel_clock *fetch_clock(check_core *c, uint64_t line)
{
    check_line *found = find_line(c, line);
    return found && found->fetched_set ? &found->fetched : &c->invalidated;
}

/* ---- What a plan holds back ------------------------------------------------------------------------------------- */

static const oriel_hold *held(const check_core *c, oriel_hold_kind kind)
{
    const oriel_hold *hold = &c->machine->plan->hold;
    return hold->kind == kind && hold->core == c->index ? hold : NULL;
}

/* The lines are invalidated: what the held load will see is what is there now. */
static void fetch_now(check_core *c)
{
    const oriel_hold *hold = held(c, ORIEL_HOLD_FETCH);
    if (hold)
        memcpy(c->fetched, check_memory_at(c->machine, hold->offset), hold->bytes);
}

/* What is in memory at `offset`, with the store that is held back: its core sees it. */
static uint64_t with_held(const check_core *c, uint64_t offset, uint32_t bytes, uint64_t bits)
{
    const oriel_hold *hold = held(c, ORIEL_HOLD_LINE);
    for (uint32_t i = 0; hold && c->store_pending && i < hold->bytes; i++)
        if (hold->offset + i - offset < bytes)
            ((char *)&bits)[hold->offset + i - offset] = ((const char *)&c->pending_bits)[i];
    return bits;
}

/* A store reaches memory, but for what the held one has stored as well: that is in the cache yet. */
static void store_around_held(check_core *c, uint64_t offset, uint32_t bytes, uint64_t bits, char *at)
{
    const oriel_hold *hold = held(c, ORIEL_HOLD_LINE);
    const bool pending = hold && c->store_pending;
    for (uint32_t i = 0; i < bytes; i++) {
        const uint64_t into = offset + i - (pending ? hold->offset : 0);
        char *to = pending && into < hold->bytes ? (char *)&c->pending_bits + into : at + i;
        *to = ((const char *)&bits)[i];
    }
}

/* The held store reaches memory: not before its line was cleaned and a dsb is over. */
static void write_back(check_core *c)
{
    const oriel_hold *hold = held(c, ORIEL_HOLD_LINE);
    if (hold && c->store_pending)
        memcpy(check_memory_at(c->machine, hold->offset), &c->pending_bits, hold->bytes);
    c->store_pending = c->store_cleaning = false;
}

/* ---- Lines, if each step is a choice ---------------------------------------------------------------------------- */

/* The core's copy, all of it, gets to memory. */
static void land_line(check_core *c, check_line *line)
{
    machine *m = c->machine;
    if (!line->dirty && !line->leaving)
        return;
    uint64_t from = line->line * PTO_LINE_BYTES;
    check_late_land_bytes(m, c->rank, from, from + PTO_LINE_BYTES);
    check_past_keep(m, from, from + PTO_LINE_BYTES);
    memcpy(check_memory_at(c->machine, from), line->copy, PTO_LINE_BYTES);
    line->dirty = line->leaving = false;
    c->late_lines--;
    line->since = m->pasts;
}

uint32_t check_lines_able(check_core *c, uint32_t pick)
{
    uint32_t able = 0, all = c->late_lines;
    for (uint32_t i = 0; able < all; i++)
        if ((c->line[i].dirty || c->line[i].leaving) && able++ == pick)
            land_line(c, &c->line[i]);
    return able;
}

/* The line is fetched: as it is, or as it was at any time since it was forgotten or seen last. */
static void fetch(check_core *c, check_line *line)
{
    if (line->leaving)
        land_line(c, line);
    uint64_t from = line->line * PTO_LINE_BYTES;
    check_late_land_bytes(c->machine, c->rank, from, from + PTO_LINE_BYTES);
    line->since = check_past_fetch(c->machine, line->line, line->since, line->copy);
}

/* The core's copy of the bytes at `offset`, for a load or a store. */
static char *copy_at(check_core *c, uint64_t offset, bool write)
{
    check_line *line = make_line(c, line_of(c, offset));
    if (!line->dirty)
        fetch(c, line);
    c->late_lines += write && !line->dirty;
    line->dirty |= write;
    return line->copy + offset % PTO_LINE_BYTES;
}

static void forget(check_core *c, check_line *line, bool clean)
{
    if (clean)
        land_line(c, line);
    uint64_t from = line->line * PTO_LINE_BYTES;
    check_late_land_bytes(c->machine, c->rank, from, from + PTO_LINE_BYTES);
    line->leaving |= line->dirty;
    line->dirty = false;
    line->since = c->machine->pasts;
}

static void forget_all(check_core *c, bool clean)
{
    if (!c->machine->plan->choose)
        return;
    check_late_land_bytes(c->machine, c->rank, 0, UINT64_MAX);
    for (uint32_t i = 0; i < c->lines; i++)
        forget(c, &c->line[i], clean);
    c->since = c->machine->pasts;
}

static check_line *invalidate(check_core *c, uint64_t offset, bool clean)
{
    check_line *line = make_line(c, line_of(c, offset));
    if (c->machine->plan->choose)
        forget(c, line, clean);
    line->fetched_set = true;
    oriel_clock_copy(&line->fetched, &c->clock);
    return line;
}

void check_line_of_signal(check_core *c, uint64_t offset)
{
    if (line_of(c, c->machine->plan->hold.offset) == line_of(c, offset))
        fetch_now(c);
    invalidate(c, offset, true);
}

/* ---- The cache -------------------------------------------------------------------------------------------------- */

void check_cache_enter(check_core *c)
{
    write_back(c);
    fetch_now(c);
    forget_all(c, true);
    oriel_clock_raise(&c->clock, check_queue(c->index, PTO_PIPE_S), c->count);
    oriel_clock_copy(&c->invalidated, &c->clock);
    for (uint32_t i = 0; i < c->lines; i++) {
        check_line *line = &c->line[i];
        line->fetched_set = false;
        line->cleaning = line->cleaned = line->stores;
        if (line->queue != NONE)
            oriel_clock_raise(&c->clock, line->queue, line->stores);
    }
    c->version++;
}

void check_clean(check_core *c, uint64_t offset, bool all)
{
    oriel_clock_raise(&c->clock, check_queue(c->index, PTO_PIPE_S), c->count);
    const oriel_hold *hold = &c->machine->plan->hold;
    if (all || line_of(c, hold->offset) == line_of(c, offset)) {
        c->store_cleaning = c->store_pending;
        fetch_now(c);
    }
    if (all) {
        forget_all(c, false);
        oriel_clock_copy(&c->invalidated, &c->clock);
        for (uint32_t i = 0; i < c->lines; i++) {
            c->line[i].cleaning = c->line[i].stores;
            c->line[i].fetched_set = false;
        }
        return;
    }
    check_line *line = invalidate(c, offset, false);
    line->cleaning = line->stores;
}

void check_fenced(check_core *c)
{
    if (c->store_cleaning)
        write_back(c);
    for (uint32_t i = 0; i < c->lines; i++) {
        check_line *line = &c->line[i];
        if (line->leaving)
            land_line(c, line);
        line->cleaned = line->cleaning;
        if (line->queue != NONE)
            oriel_clock_raise(&c->clock, line->queue, line->cleaned);
    }
}

static uint64_t load(const char *at, uint32_t bytes)
{
    uint64_t bits = 0;
    memcpy(&bits, at, bytes);
    return bits;
}

static uint32_t access_event(check_core *c, const pto_access *access, uint64_t offset, uint32_t bytes)
{
    uint32_t event = check_event_here(c, access->op, access->site);
    check_event *e = &c->machine->event[event];
    e->dtype = (uint8_t)access->dtype;
    e->uncached = access->uncached;
    e->from = offset;
    e->to = offset + bytes;
    return event;
}

/* The event of a store that is under way from now on, until `line` has been cleaned and a dsb is over. */
static uint32_t begin_store(check_core *c, check_line *line, const pto_access *access, uint64_t offset, uint32_t bytes)
{
    machine *m = c->machine;
    if (line->queue == NONE) /* the same number in each schedule, whoever stores first */
        line->queue = m->cores * ORIEL_CORE_QUEUES + m->setup->ranks + c->index + m->cores * c->line_queues++;
    uint32_t event = access_event(c, access, offset, bytes);
    m->event[event].queue = line->queue;
    m->event[event].ordinal = ++line->stores;
    check_touch(m, event, ORIEL_TOUCH_WRITE, &c->clock, offset, offset + bytes);
    check_line_victims(m, event, &c->clock, offset, offset + bytes);
    return event;
}

/* Whether this is the store that the plan holds back. */
static bool hold_back(check_core *c, const pto_access *access)
{
    const oriel_hold *hold = held(c, ORIEL_HOLD_LINE);
    if (!hold || hold->ordinal != c->count)
        return false;
    c->store_pending = true;
    c->pending_bits = access->bits;
    return true;
}

/* It is on its way as if it had been cleaned, takes no line with it, and lands early: what may come late is told by the clocks. */
static void store_uncached(check_core *c, const pto_access *access, uint64_t offset, uint32_t bytes, char *at)
{
    machine *m = c->machine;
    check_line *line = make_line(c, UNCACHED);
    uint32_t event = begin_store(c, line, access, offset, bytes);
    line->cleaning = line->stores;
    oriel_ranges_remove(m->undefined, offset, offset + bytes);
    if (hold_back(c, access)) {
        c->store_cleaning = true;
        return;
    }
    if (m->plan->choose) {
        check_late_land_bytes(m, c->rank, offset, offset + bytes);
        check_past_keep(m, offset, offset + bytes);
    }
    memcpy(at, &access->bits, bytes);
    check_cells_stored(c, event, &c->clock, offset, offset + bytes, (const char *)&access->bits);
}

static void store_word(check_core *c, const pto_access *access, uint64_t offset, uint32_t bytes, char *at)
{
    machine *m = c->machine;
    check_line *line = make_line(c, line_of(c, offset));
    uint32_t event = begin_store(c, line, access, offset, bytes);
    check_line_write(m, event, fetch_clock(c, line->line), offset, offset + bytes);
    oriel_ranges_remove(m->undefined, offset, offset + bytes);
    if (hold_back(c, access))
        return;
    store_around_held(c, offset, bytes, access->bits, m->plan->choose ? copy_at(c, offset, true) : at);
    check_cells_stored(c, event, &c->clock, offset, offset + bytes, (const char *)&access->bits);
}

static void load_word(check_core *c, pto_access *access, uint64_t offset, uint32_t bytes, const char *at)
{
    machine *m = c->machine;
    uint32_t event = access_event(c, access, offset, bytes);
    uint64_t first, last;
    if (oriel_ranges_find(m->undefined, offset, offset + bytes, &first, &last)) {
        oriel_found_side side = check_side(m, event);
        check_bytes_text(m, false, first, last, side.bytes, sizeof side.bytes);
        check_report(m, ORIEL_FINDING_UNINITIALIZED_READ, &side, 1, "loads bytes that nobody wrote",
                     "a store of all that is read, before it");
    }
    check_compare_ends(c, event, offset, offset + bytes);
    if (access->uncached) {
        check_touch(m, event, ORIEL_TOUCH_READ, &c->clock, offset, offset + bytes);
        if (m->plan->choose)
            check_late_land_bytes(m, c->rank, offset, offset + bytes);
        access->bits = with_held(c, offset, bytes, load(at, bytes));
        return;
    }
    check_touch(m, event, ORIEL_TOUCH_READ, fetch_clock(c, line_of(c, offset)), offset, offset + bytes);
    const oriel_hold *fetch = held(c, ORIEL_HOLD_FETCH);
    if (m->plan->choose)
        at = copy_at(c, offset, false);
    else if (fetch && fetch->ordinal == c->count)
        at = c->fetched;
    access->bits = with_held(c, offset, bytes, load(at, bytes));
}

/* Nothing happens: what is in the core's own line and not in memory. */
static void peek(check_core *c, pto_access *access)
{
    const bool choose = c->machine->plan->choose;
    oriel_object object;
    void *pointer;
    const uint32_t bytes = pto_dtype_bytes(access->dtype);
    if ((!choose && !c->store_pending) || oriel_view_reach(c->view, oriel_op_name(access->op), "writes", access->addr,
                                                           bytes, &pointer, &object) != ORIEL_OK)
        return;
    const uint64_t offset = object.place.offset + pto_addr_offset(access->addr);
    const check_line *line = choose ? find_line(c, line_of(c, offset)) : NULL;
    if (line && line->dirty)
        access->bits = load(line->copy + offset % PTO_LINE_BYTES, bytes);
    access->bits = with_held(c, offset, bytes, access->bits);
}

void check_access(pto_core *pto, pto_access *access)
{
    check_core *c = (check_core *)pto;
    if (access->peek) {
        peek(c, access);
        return;
    }
    check_begin(c, access->site);
    check_pace_access(c, access);
    check_turn(c);
    if (oriel_access_check(access, c->machine->setup->limits) != ORIEL_OK)
        check_refuse(c, check_operand_kind(), access->site, access->op);
    bool write = access->op == PTO_OP_STORE;
    uint32_t bytes = pto_dtype_bytes(access->dtype);
    oriel_object object;
    uint64_t offset =
        check_reach(c, access->site, access->op, write ? "writes" : "reads", access->addr, bytes, &object);
    oriel_clock_raise(&c->clock, check_queue(c->index, PTO_PIPE_S), c->count);
    char *at = check_memory_at(c->machine, offset);
    if (write && access->uncached)
        store_uncached(c, access, offset, bytes, at);
    else if (write)
        store_word(c, access, offset, bytes, at);
    else
        load_word(c, access, offset, bytes, at);
}
