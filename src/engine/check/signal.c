/* SPDX-License-Identifier: Apache-2.0 */
/* Signal cells: notifies, waits and tests, and what is kept of them for the explorer. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/check/machine.h"

#define CELL_BYTES 4u

/* ---- Cells ------------------------------------------------------------------------------------------------------ */

static uint32_t hash(uint64_t offset)
{
    return (uint32_t)((offset / CELL_BYTES * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

static void place_cell(machine *m, uint32_t index)
{
    uint32_t at = hash(m->cell[index].offset) & (m->cell_table_size - 1);
    while (m->cell_table[at] != NONE)
        at = (at + 1) & (m->cell_table_size - 1);
    m->cell_table[at] = index;
}

static void grow_table(machine *m)
{
    m->cell_table_size = m->cell_table_size ? 2 * m->cell_table_size : 64;
    m->cell_table = realloc(m->cell_table, m->cell_table_size * sizeof *m->cell_table);
    if (!m->cell_table)
        abort();
    memset(m->cell_table, 0xff, m->cell_table_size * sizeof *m->cell_table);
    for (uint32_t i = 0; i < m->cell_count; i++)
        place_cell(m, i);
}

/* The cell at an arena offset; made when it is first asked for. */
static uint32_t cell_at(machine *m, uint64_t offset)
{
    if (2 * (m->cell_count + 1) > m->cell_table_size)
        grow_table(m);
    uint32_t found = check_find_cell(m, offset);
    if (found != NONE)
        return found;
    if (m->cell_count == m->cell_room) {
        uint32_t room = m->cell_room ? 2 * m->cell_room : 64;
        m->cell = realloc(m->cell, room * sizeof *m->cell);
        if (!m->cell)
            abort();
        memset(m->cell + m->cell_room, 0, (room - m->cell_room) * sizeof *m->cell);
        m->cell_room = room;
    }
    check_cell *cell = &m->cell[m->cell_count];
    cell->offset = offset;
    cell->first = check_cell_value(m, offset);
    cell->notifies = 0;
    cell->misused = NONE;
    place_cell(m, m->cell_count);
    oriel_ranges_add(m->celled, offset, offset + CELL_BYTES);
    return m->cell_count++;
}

uint32_t check_find_cell(const machine *m, uint64_t offset)
{
    if (!m->cell_table_size)
        return NONE;
    for (uint32_t at = hash(offset);; at++) {
        uint32_t index = m->cell_table[at & (m->cell_table_size - 1)];
        if (index == NONE || m->cell[index].offset == offset)
            return index;
    }
}

void check_signals_reset(machine *m)
{
    m->cell_count = 0;
    m->notifies = 0;
    if (m->cell_table)
        memset(m->cell_table, 0xff, m->cell_table_size * sizeof *m->cell_table);
}

void check_signals_free(machine *m)
{
    for (uint32_t i = 0; i < m->cell_room; i++)
        free(m->cell[i].notify);
    for (uint32_t i = 0; i < m->notify_room; i++)
        oriel_clock_free(&m->notify[i].released);
    free(m->cell);
    free(m->cell_table);
    free(m->notify);
    free(m->waited);
    free(m->steps.step);
    free(m->steps.known);
}

/* ---- Notify ----------------------------------------------------------------------------------------------------- */

static void wake_pollers(machine *m, uint64_t offset)
{
    for (uint32_t i = 0; i < m->cores; i++)
        for (uint32_t k = 0; k < m->core[i].polls; k++) {
            const check_poll *poll = &m->core[i].poll[k];
            if (offset >= poll->from && offset < poll->to)
                m->core[i].woken = true;
        }
}

/* Another writer's notify on the cell that nothing orders, one of the two a Set: which comes last is what is seen. */
static void check_rivals(check_core *c, check_cell *cell, uint32_t event, uint32_t mode)
{
    machine *m = c->machine;
    for (uint32_t i = cell->notifies; i-- > 0;) {
        const check_notify *n = &m->notify[cell->notify[i]];
        if (check_knows_of(&c->clock, n) || n->core == c->index || n->store)
            continue;
        bool both_set = mode == PTO_NOTIFY_SET && n->mode == PTO_NOTIFY_SET;
        if (mode == PTO_NOTIFY_ADD && n->mode == PTO_NOTIFY_ADD)
            continue;
        oriel_found_side side[2] = {check_side(m, event), check_side(m, n->event)};
        cell->misused = check_report(m, ORIEL_FINDING_SIGNAL_MISUSE, side, 2,
                                     both_set ? "a Set can erase what another writer has set in the same cell"
                                              : "Set and AtomicAdd meet in one cell, and nothing orders them",
                                     both_set ? "a cell for each writer, in a cache line of its own"
                                              : "one way to notify for each cell");
        return;
    }
}

void check_keep_notify(machine *m, const check_notify *notify, const oriel_clock *released)
{
    if (m->notifies == m->notify_room) {
        uint32_t room = m->notify_room ? 2 * m->notify_room : 256;
        m->notify = realloc(m->notify, room * sizeof *m->notify);
        if (!m->notify)
            abort();
        memset(m->notify + m->notify_room, 0, (room - m->notify_room) * sizeof *m->notify);
        m->notify_room = room;
    }
    check_notify *kept = &m->notify[m->notifies];
    oriel_clock clock = kept->released;
    oriel_clock_copy(&clock, released);
    *kept = *notify;
    kept->released = clock;
    check_cell *cell = &m->cell[notify->cell];
    if (cell->notifies == cell->room) {
        cell->room = cell->room ? 2 * cell->room : 4;
        cell->notify = realloc(cell->notify, cell->room * sizeof *cell->notify);
        if (!cell->notify)
            abort();
    }
    cell->notify[cell->notifies++] = m->notifies++;
}

static uint64_t line_start(uint64_t offset)
{
    return offset / PTO_LINE_BYTES * PTO_LINE_BYTES;
}

/* A Set fetches its line, and writes all of it back: two steps, if each is a choice. */
static void fetch_line_of_set(check_core *c)
{
    memcpy(c->set_line, check_memory_at(c->machine, line_start(c->at_offset)), PTO_LINE_BYTES);
    check_suspend(c, CORE_READY);
}

static void do_notify(check_core *c, const pto_signal *signal, uint32_t event)
{
    machine *m = c->machine;
    uint64_t offset = c->at_offset;
    uint32_t index = cell_at(m, offset);
    m->event[event].from = offset;
    m->event[event].to = offset + CELL_BYTES;
    check_rivals(c, &m->cell[index], event, signal->mode);
    check_touch(m, event, ORIEL_TOUCH_SIGNAL, &c->clock, offset, offset + CELL_BYTES);
    check_line_victims(m, event, &c->clock, offset, offset + CELL_BYTES);
    if (signal->mode == PTO_NOTIFY_SET)
        check_line_write(m, event, &c->clock, offset, offset + CELL_BYTES);
    check_keep_notify(m,
                      &(check_notify){.core = c->index,
                                      .queue = check_queue(c->index, PTO_PIPE_S),
                                      .ordinal = c->count,
                                      .event = event,
                                      .mode = signal->mode,
                                      .value = signal->value,
                                      .cell = index,
                                      .call = c->call},
                      &c->clock);
    uint32_t value = (uint32_t)check_cell_value(m, offset);
    value = signal->mode == PTO_NOTIFY_SET ? (uint32_t)signal->value : value + (uint32_t)signal->value;
    check_past_keep(m, offset, offset + CELL_BYTES);
    if (m->plan->choose && signal->mode == PTO_NOTIFY_SET)
        memcpy(check_memory_at(m, line_start(offset)), c->set_line, PTO_LINE_BYTES);
    memcpy(check_memory_at(m, offset), &value, sizeof value);
    wake_pollers(m, offset);
    if (m->setup->options->profile == ORIEL_PROFILE_DOCUMENTED)
        check_drain(c);
}

/* ---- Wait and test ---------------------------------------------------------------------------------------------- */

static bool holds(const check_core *c, const pto_signal *signal, uint32_t i)
{
    return oriel_compare(check_cell_value(c->machine, check_cell_offset(c, i)), (pto_cmp)signal->mode, signal->value);
}

static void keep_waited(machine *m, const check_waited *waited)
{
    if (m->waiteds == m->waited_room) {
        m->waited_room = m->waited_room ? 2 * m->waited_room : 256;
        m->waited = realloc(m->waited, m->waited_room * sizeof *m->waited);
        if (!m->waited)
            abort();
    }
    m->waited[m->waiteds++] = *waited;
}

/* Whether the core has used the cell before. */
static bool has_waited(const check_core *c, uint32_t cell)
{
    const machine *m = c->machine;
    for (uint32_t i = m->waiteds; i-- > 0;)
        if (m->waited[i].core == c->index && m->waited[i].cell == cell)
            return true;
    return false;
}

/* The cell compares as `cmp` says: the core learns what this tells. */
static void observe(check_core *c, const check_cell *cell, pto_cmp cmp, int32_t value)
{
    check_acquire(c->machine, cell, &c->clock, cmp, value, &c->machine->gains);
    if (c->machine->gains.count)
        check_learn(c, &c->machine->gains);
    if (!c->at_condition)
        check_line_of_signal(c, cell->offset);
}

/* A wait or a test has the answer that it asks for. */
static void acquire(check_core *c, const pto_signal *signal, uint32_t i, uint32_t event)
{
    machine *m = c->machine;
    uint32_t index = cell_at(m, check_cell_offset(c, i));
    check_cell_looked_at(c, index, event);
    const check_cell *cell = &m->cell[index];
    bool vacuous = check_holds_as_known(m, cell, &c->clock, (pto_cmp)signal->mode, signal->value), credits = false;
    for (uint32_t k = 0; k < cell->notifies; k++) {
        const check_notify *n = &m->notify[cell->notify[k]];
        credits |= check_knows_of(&c->clock, n) && (n->call != c->call || has_waited(c, index));
    }
    observe(c, cell, (pto_cmp)signal->mode, signal->value);
    keep_waited(m, &(check_waited){.core = c->index,
                                   .ordinal = c->count,
                                   .event = event,
                                   .cell = index,
                                   .call = c->call,
                                   .notifies = m->notifies,
                                   .vacuous = vacuous,
                                   .credits = credits,
                                   .cmp = signal->mode,
                                   .value = signal->value});
}

static oriel_step *add_step(machine *m)
{
    oriel_steps *steps = &m->steps;
    if (steps->count == steps->room) {
        uint32_t room = steps->room ? 2 * steps->room : 256;
        steps->step = realloc(steps->step, room * sizeof *steps->step);
        if (!steps->step)
            abort();
        steps->room = room;
    }
    return &steps->step[steps->count++];
}

/* Keeps a clock for as long as the schedule's steps are there. Returns its place. */
static uint64_t keep_known(oriel_steps *steps, const oriel_clock *clock)
{
    uint64_t at = steps->knowns;
    steps->knowns += clock->count;
    if (steps->knowns > steps->known_room) {
        steps->known_room = 2 * steps->knowns;
        steps->known = realloc(steps->known, steps->known_room * sizeof *steps->known);
        if (!steps->known)
            abort();
    }
    memcpy(steps->known + at, clock->at, clock->count * sizeof *clock->at);
    return at;
}

/* The signal operation before which the core stands, as a step: one cell of a wait, or all of a test. */
static oriel_step *keep_step(check_core *c, const pto_signal *signal)
{
    oriel_step *step = add_step(c->machine);
    bool wait = signal->op == PTO_OP_TWAIT, notify = signal->op == PTO_OP_TNOTIFY;
    *step = (oriel_step){.core = c->index,
                         .ordinal = c->count,
                         .op = (uint8_t)signal->op,
                         .cmp = (uint8_t)signal->mode,
                         .value = signal->value,
                         .cell = c->at_cell,
                         .offset = check_cell_offset(c, c->at_cell),
                         .cells = wait ? 1 : signal->cells.count,
                         .stride = signal->cells.stride,
                         .notifies = c->machine->notifies,
                         .result = true,
                         .known = notify ? 0 : keep_known(&c->machine->steps, &c->clock),
                         .known_count = notify ? 0 : c->clock.count};
    return step;
}

void check_keep_stuck(machine *m)
{
    for (uint32_t i = 0; i < m->cores; i++) {
        check_core *c = &m->core[i];
        if (c->state != CORE_AT_SIGNAL || c->at_signal->op != PTO_OP_TWAIT)
            continue;
        oriel_clock_raise(&c->clock, check_queue(i, PTO_PIPE_S), c->count);
        oriel_step *step = keep_step(c, c->at_signal);
        step->stuck = true;
        step->result = false;
    }
}

static bool same_question(const pto_signal *a, const pto_signal *b)
{
    return a->site == b->site && a->mode == b->mode && a->value == b->value && a->cells.addr == b->cells.addr &&
           a->cells.count == b->cells.count && a->cells.stride == b->cells.stride;
}

/* The core asks what it has just asked, and did nothing in between. */
static bool asks_again(const check_core *c, const pto_signal *signal)
{
    return signal->op == PTO_OP_TTEST && c->asked_step != NONE && c->asked_count + 1 == c->count &&
           same_question(signal, &c->asked);
}

bool check_repeats(const check_core *c)
{
    return c->state == CORE_AT_SIGNAL && asks_again(c, c->at_signal);
}

bool check_signal_enabled(check_core *c)
{
    const pto_signal *signal = c->at_signal;
    if (signal->op == PTO_OP_TNOTIFY)
        return true;
    if (signal->op == PTO_OP_TWAIT)
        return holds(c, signal, c->at_cell);
    if (c->woken)
        return true;
    for (uint32_t k = 0; k < c->polls; k++)
        if (same_question(&c->poll[k].signal, signal))
            return false; /* it asks again, and nothing that it asked has changed */
    return true;
}

static void pass_cell(check_core *c, const pto_signal *signal, uint32_t event)
{
    const oriel_step *step = keep_step(c, signal);
    if (c->machine->pins_left)
        check_pin_done(c, step);
    acquire(c, signal, c->at_cell, event);
}

static void do_wait(check_core *c, const pto_signal *signal, uint32_t event)
{
    pass_cell(c, signal, event);
    for (uint32_t i = 1; i < signal->cells.count; i++) {
        c->at_cell = i;
        do
            check_suspend(c, CORE_AT_SIGNAL);
        while (!holds(c, signal, i));
        pass_cell(c, signal, event);
    }
    c->polls = 0;
}

void check_signal_condition(check_core *c, uint32_t i)
{
    const oriel_check_until *until = &c->task->until[i];
    const pto_signal signal = {.op = PTO_OP_TWAIT,
                               .site = c->task->site,
                               .cells = {.count = 1, .stride = 1},
                               .mode = PTO_GE,
                               .value = until->least};
    c->count++;
    c->at_signal = &signal;
    c->at_offset = until->cell;
    c->at_cell = 0;
    c->at_condition = true;
    check_suspend(c, CORE_AT_SIGNAL);
    oriel_clock_raise(&c->clock, check_queue(c->index, PTO_PIPE_S), c->count);
    c->at_event = check_event_here(c, PTO_OP_TWAIT, c->task->site);
    pass_cell(c, &signal, c->at_event);
    c->at_condition = false;
}

static void keep_poll(check_core *c, const pto_signal *signal)
{
    uint64_t to = check_cell_offset(c, signal->cells.count - 1) + CELL_BYTES;
    if (c->polls < MAX_POLLS)
        c->poll[c->polls++] = (check_poll){.signal = *signal, .from = c->at_offset, .to = to};
}

/* A test that is only repeated is one operation, with its last answer. */
static oriel_step *begin_test(check_core *c, const pto_signal *signal, bool again)
{
    machine *m = c->machine;
    if (again)
        m->steps.step[c->asked_step].dead = true;
    c->asked_again = again ? c->asked_again + 1 : 0;
    oriel_step *step = keep_step(c, signal);
    if (again) { /* it began when it was asked for the first time */
        const oriel_step *first = &m->steps.step[c->asked_step];
        step->known = first->known;
        step->known_count = first->known_count;
    }
    c->asked = *signal;
    c->asked_count = c->count;
    c->asked_step = m->steps.count - 1;
    if (m->pins_left)
        check_pin_done(c, step);
    return step;
}

/* No is an answer as well: the cell compares the other way. */
static bool say_no(check_core *c, const pto_signal *signal, uint32_t i, uint32_t event)
{
    uint32_t cell = cell_at(c->machine, check_cell_offset(c, i));
    check_cell_looked_at(c, cell, event);
    observe(c, &c->machine->cell[cell], check_inverse((pto_cmp)signal->mode), signal->value);
    return false;
}

static bool do_test(check_core *c, const pto_signal *signal, uint32_t event, bool again)
{
    oriel_step *step = begin_test(c, signal, again);
    if (c->woken)
        c->polls = 0;
    c->woken = false;
    uint32_t i = 0;
    while (i < signal->cells.count && holds(c, signal, i))
        i++;
    step->result = i == signal->cells.count;
    if (step->result)
        c->polls = 0;
    keep_poll(c, signal);
    if (!step->result)
        return say_no(c, signal, i, event);
    for (i = 0; i < signal->cells.count; i++)
        acquire(c, signal, i, event);
    return true;
}

static void check_own(check_core *c, const pto_signal *signal, const oriel_object *object)
{
    if (!object->remote)
        return;
    oriel_fail(ORIEL_FAULT, "%s: the cell is in window \"%s\" of rank %u, and not in the rank's own",
               oriel_op_name(signal->op), object->name, object->rank);
    check_refuse(c, ORIEL_FINDING_SIGNAL_MISUSE, signal->site, signal->op);
}

bool check_signal(pto_core *pto, const pto_signal *signal)
{
    check_core *c = (check_core *)pto;
    check_begin(c, signal->site);
    c->accesses = 0;
    if (oriel_signal_check(signal, c->machine->setup->limits) != ORIEL_OK)
        check_refuse(c, check_operand_kind(), signal->site, signal->op);
    bool notify = signal->op == PTO_OP_TNOTIFY;
    uint64_t span = CELL_BYTES + (uint64_t)(signal->cells.count - 1) * signal->cells.stride * CELL_BYTES;
    oriel_object object;
    c->at_offset =
        check_reach(c, signal->site, signal->op, notify ? "signals" : "waits for", signal->cells.addr, span, &object);
    if (!notify)
        check_own(c, signal, &object);
    if (signal->op != PTO_OP_TTEST && check_skips(c, signal->site, signal->op))
        return true;
    c->at_signal = signal;
    c->at_cell = 0;
    check_suspend(c, CORE_AT_SIGNAL);
    bool again = asks_again(c, signal);
    c->count -= again;
    oriel_clock_raise(&c->clock, check_queue(c->index, PTO_PIPE_S), c->count);
    for (uint32_t i = 0; i < signal->cells.count; i++)
        check_line_of_signal(c, check_cell_offset(c, i));
    if (notify && signal->mode == PTO_NOTIFY_SET && c->machine->plan->choose)
        fetch_line_of_set(c);
    uint32_t event = check_event_here(c, signal->op, signal->site);
    c->at_event = event;
    if (notify) {
        keep_step(c, signal);
        do_notify(c, signal, event);
        check_line_of_signal(c, c->at_offset); /* once more: a later load does not see what was there before */
        return true;
    }
    check_agree_wait(c, signal, event);
    if (signal->op == PTO_OP_TTEST)
        return do_test(c, signal, event, again);
    do_wait(c, signal, event);
    return true;
}
