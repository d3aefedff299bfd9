/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal cells as memory: a TSTORE or a scalar store that writes a cell is no signal. It is a race with any wait on that cell which
 * nothing orders; and to those that it is ordered with it is what a Set would be: a counter that is put back to zero, say.
 */
#include <string.h>

#include "engine/check/machine.h"

static bool knows(const oriel_clock *clock, uint32_t queue, uint32_t ordinal)
{
    return oriel_clock_get(clock, queue) >= ordinal;
}

static void race(machine *m, uint32_t earlier, uint32_t later, bool store_is_later, uint64_t offset)
{
    check_conflict_add(m, &(check_conflict){.earlier = earlier,
                                            .later = later,
                                            .earlier_kind = store_is_later ? ORIEL_TOUCH_READ : ORIEL_TOUCH_WRITE,
                                            .later_kind = store_is_later ? ORIEL_TOUCH_WRITE : ORIEL_TOUCH_READ,
                                            .local_core = NONE,
                                            .notify = NONE,
                                            .from = offset,
                                            .to = offset + sizeof(int32_t)});
}

/* Waits that looked at the cell before, of other cores. */
static void meet_waits(check_core *c, uint32_t cell, uint32_t event, const oriel_clock *clock)
{
    machine *m = c->machine;
    for (uint32_t i = 0; i < m->waiteds; i++) {
        const check_waited *w = &m->waited[i];
        if (w->cell == cell && w->core != c->index && !knows(clock, check_queue(w->core, PTO_PIPE_S), w->ordinal))
            race(m, w->event, event, true, m->cell[cell].offset);
    }
}

/* The value of the cell with what was stored, which need not have landed. */
static int32_t value_with(const check_core *c, uint64_t offset, const char *stored, uint64_t from, uint64_t to)
{
    char bytes[sizeof(int32_t)];
    int32_t value;
    memcpy(bytes, check_memory_at(c->machine, offset), sizeof bytes);
    for (uint64_t i = 0; i < sizeof bytes; i++)
        if (offset + i >= from && offset + i < to)
            bytes[i] = stored[offset + i - from];
    memcpy(&value, bytes, sizeof value);
    return value;
}

static void store_to(check_core *c, uint32_t cell, uint32_t event, const oriel_clock *clock, int32_t value)
{
    machine *m = c->machine;
    const check_event *e = &m->event[event];
    meet_waits(c, cell, event, clock);
    oriel_clock_copy(&m->gains, clock);
    oriel_clock_raise(&m->gains, e->queue, e->ordinal);
    check_keep_notify(m,
                      &(check_notify){.core = c->index,
                                      .queue = e->queue,
                                      .ordinal = e->ordinal,
                                      .event = event,
                                      .mode = PTO_NOTIFY_SET,
                                      .value = value,
                                      .cell = cell,
                                      .call = c->call,
                                      .store = true},
                      &m->gains);
}

void check_cells_stored(check_core *c, uint32_t event, const oriel_clock *clock, uint64_t from, uint64_t to,
                        const char *stored)
{
    machine *m = c->machine;
    uint64_t rest = from;
    for (uint64_t first, last; oriel_ranges_find(m->celled, rest, to, &first, &last); rest = last)
        for (uint64_t at = first / sizeof(int32_t) * sizeof(int32_t); at < last; at += sizeof(int32_t)) {
            uint32_t cell = check_find_cell(m, at);
            if (cell != NONE)
                store_to(c, cell, event, clock, value_with(c, at, stored, from, to));
        }
}

void check_cell_looked_at(check_core *c, uint32_t cell, uint32_t event)
{
    machine *m = c->machine;
    oriel_mark last;
    uint64_t offset = m->cell[cell].offset;
    if (!oriel_shadow_last_write(m->shadow, offset, &last))
        return;
    const check_event *writer = &m->event[last.event];
    bool store = !writer->host && (writer->op == PTO_OP_TSTORE || writer->op == PTO_OP_STORE);
    if (store && writer->core != c->index && !knows(&c->clock, last.queue, last.ordinal))
        race(m, last.event, event, false, offset);
}
