/* SPDX-License-Identifier: Apache-2.0 */
/* A plan by what some waits and tests are to see (plan.h). */
#include <stdlib.h>
#include <string.h>

#include "engine/check/machine.h"
#include "isa/isa.h"

/* A test that is repeated so often is a loop that waits for the other answer: it need not be held up any longer. */
#define MOST_REPEATS 64

void check_pins_begin(machine *m)
{
    uint32_t pins = m->plan->pins;
    if (pins > m->pin_room) {
        m->pin_done = realloc(m->pin_done, pins * sizeof *m->pin_done);
        if (!m->pin_done)
            abort();
        m->pin_room = pins;
    }
    if (pins)
        memset(m->pin_done, 0, pins * sizeof *m->pin_done);
    m->pins_left = pins;
    m->pinned_steps = 0;
}

static void done(machine *m, uint32_t pin)
{
    m->pin_done[pin] = true;
    m->pins_left--;
    m->pinned_steps = m->steps.count;
}

/* The pin of the operation before which the core stands; NONE. */
static uint32_t pin_of(const check_core *c)
{
    const machine *m = c->machine;
    uint32_t ordinal = c->count - check_repeats(c);
    for (uint32_t i = 0; i < m->plan->pins; i++) {
        const oriel_pin *pin = &m->plan->pin[i];
        if (!m->pin_done[i] && pin->core == c->index && pin->ordinal == ordinal && pin->cell == c->at_cell)
            return i;
    }
    return NONE;
}

static bool same_clock(const oriel_clock *a, const oriel_clock *b)
{
    uint32_t most = a->count > b->count ? a->count : b->count;
    for (uint32_t q = 0; q < most; q++)
        if (oriel_clock_get(a, q) != oriel_clock_get(b, q))
            return false;
    return true;
}

/* Whether the operation, if it happened now, would answer and learn what the pin says. */
static bool matches(check_core *c, const oriel_pin *pin)
{
    machine *m = c->machine;
    const pto_signal *signal = c->at_signal;
    if (check_repeats(c))
        return true;
    if (signal->op == PTO_OP_TWAIT && !pin->result)
        return false; /* it is held back until nothing else can move */
    oriel_clock knows = {0}, more = {0};
    uint32_t first = c->at_cell, last = signal->op == PTO_OP_TWAIT ? first : signal->cells.count - 1;
    oriel_clock_copy(&knows, &c->clock);
    oriel_clock_raise(&knows, check_queue(c->index, PTO_PIPE_S), pin->ordinal);
    bool yes = true;
    uint32_t end = first;
    for (; end <= last && yes; end++)
        yes = oriel_compare(check_cell_value(m, check_cell_offset(c, end)), (pto_cmp)signal->mode, signal->value);
    for (uint32_t i = yes ? first : end - 1; i < end; i++) {
        uint32_t cell = check_find_cell(m, check_cell_offset(c, i));
        if (cell == NONE)
            continue;
        check_acquire(m, &m->cell[cell], &knows, yes ? (pto_cmp)signal->mode : check_inverse((pto_cmp)signal->mode),
                      signal->value, &more);
        oriel_clock_join(&knows, &more);
    }
    bool good = yes == pin->result && same_clock(&knows, &pin->knows);
    oriel_clock_free(&knows);
    oriel_clock_free(&more);
    return good;
}

check_core *check_pinned(machine *m)
{
    for (uint32_t i = 0; i < m->plan->pins; i++) {
        const oriel_pin *pin = &m->plan->pin[i];
        check_core *c = &m->core[pin->core];
        if (m->pin_done[i])
            continue;
        /* It has gone on: from a test that may be repeated, or another way. */
        if (c->count > pin->ordinal && !check_repeats(c)) {
            done(m, i);
            continue;
        }
        /* A test in a round of them waits as any other until something has changed; one that is only repeated says the same. */
        if (c->state == CORE_AT_SIGNAL && pin_of(c) == i && (check_repeats(c) || check_signal_enabled(c)) &&
            matches(c, pin)) {
            c->woken |= check_repeats(c);
            return c;
        }
    }
    return NULL;
}

bool check_pin_forbids(const check_core *c)
{
    const machine *m = c->machine;
    if (c->at_signal->op != PTO_OP_TNOTIFY)
        return pin_of(c) != NONE;
    for (uint32_t i = 0; i < m->plan->pins; i++) {
        const oriel_pin *pin = &m->plan->pin[i];
        for (uint32_t k = 0; !m->pin_done[i] && k < pin->excludes; k++)
            if (pin->excluded[k].core == c->index && pin->excluded[k].ordinal == c->count)
                return true;
    }
    return false;
}

void check_pin_done(check_core *c, const oriel_step *step)
{
    machine *m = c->machine;
    for (uint32_t i = 0; i < m->plan->pins && m->pins_left; i++) {
        const oriel_pin *pin = &m->plan->pin[i];
        if (m->pin_done[i] || pin->core != c->index || pin->ordinal != step->ordinal || pin->cell != step->cell)
            continue;
        if (step->op == PTO_OP_TWAIT || c->asked_again == MOST_REPEATS)
            done(m, i);
    }
}
