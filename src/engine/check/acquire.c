/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a wait acquires: only what it could not have done without, that is what all choices of the notifies that had come have in common
 * that satisfy it.
 */
#include <stdlib.h>

#include "engine/check/machine.h"

bool check_is_sum(const machine *m, const check_cell *cell, pto_cmp cmp)
{
    for (uint32_t i = 0; i < cell->notifies; i++) {
        const check_notify *n = &m->notify[cell->notify[i]];
        if (n->mode != PTO_NOTIFY_ADD || n->value < 0)
            return false;
    }
    return cmp == PTO_GE || cmp == PTO_GT;
}

/* A condition on a cell, and who asks. What it has `known` of is there in any case. */
typedef struct question {
    machine *m;
    const check_cell *cell;
    const oriel_clock *known;
    pto_cmp cmp;
    int32_t value;
} question;

/* Whether it holds without all notifies that have seen completion `below` of `queue`, but for those that are known. */
static bool holds_without(const question *q, uint32_t queue, uint32_t below)
{
    uint32_t value = (uint32_t)q->cell->first;
    for (uint32_t i = 0; i < q->cell->notifies; i++) {
        const check_notify *n = &q->m->notify[q->cell->notify[i]];
        if (check_knows_of(q->known, n) || oriel_clock_get(&n->released, queue) < below)
            value = check_after(value, n);
    }
    return oriel_compare((int32_t)value, q->cmp, q->value);
}

/* Whether what is known satisfies it. */
static bool holds_as_known(const question *q)
{
    return holds_without(q, 0, 0);
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

#define MOST_SEEN 1024

/* The largest n such that the wait cannot have been satisfied without completion n of `queue`; 0: none. */
static uint32_t needed_of(const question *q, uint32_t queue)
{
    uint32_t seen[MOST_SEEN], count = 0, needed = 0, floor = oriel_clock_get(q->known, queue);
    for (uint32_t i = 0; i < q->cell->notifies && count < MOST_SEEN; i++) {
        const check_notify *n = &q->m->notify[q->cell->notify[i]];
        uint32_t at = oriel_clock_get(&n->released, queue);
        if (at > floor && !check_knows_of(q->known, n))
            seen[count++] = at;
    }
    qsort(seen, count, sizeof *seen, compare_u32);
    for (uint32_t i = 0; i < count && !holds_without(q, queue, seen[i]); i++)
        needed = seen[i];
    return needed;
}

/* Of additions: what is missed is missed in one step, since all that is left helps. */
static void acquire_from_sum(const question *q, oriel_clock *gains)
{
    bool all = true;
    uint32_t widest = 0;
    for (uint32_t i = 0; i < q->cell->notifies; i++) {
        const check_notify *n = &q->m->notify[q->cell->notify[i]];
        if (check_knows_of(q->known, n))
            continue;
        if (n->released.count > widest)
            widest = n->released.count;
        if (!holds_without(q, n->queue, n->ordinal))
            oriel_clock_join(gains, &n->released);
        else
            all = false;
    }
    for (uint32_t queue = 0; !all && queue < widest; queue++) {
        uint32_t needed = needed_of(q, queue);
        if (needed)
            oriel_clock_raise(gains, queue, needed);
    }
}

/* ---- Choices of notifies ---------------------------------------------------------------------------------------- */

void check_choices(const machine *m, const uint32_t *notify, uint32_t count, uint64_t *before)
{
    for (uint32_t i = 0; i < count; i++) {
        before[i] = 0;
        for (uint32_t j = 0; j < i; j++)
            if (check_knows_of(&m->notify[notify[i]].released, &m->notify[notify[j]]))
                before[i] |= UINT64_C(1) << j;
    }
}

#define MOST_CHOICES 4096

typedef struct choosing {
    const question *q;
    uint32_t notify[64], count;
    uint64_t before[64];
    oriel_clock *gains, with;
    bool any;
    uint32_t leaves;
} choosing;

static bool holds_with(const choosing *c, uint64_t chosen)
{
    const question *q = c->q;
    uint32_t value = (uint32_t)q->cell->first, at = 0;
    for (uint32_t i = 0; i < q->cell->notifies; i++) {
        const check_notify *n = &q->m->notify[q->cell->notify[i]];
        bool asked = at < c->count && c->notify[at] == q->cell->notify[i];
        if (asked ? chosen >> at & 1 : check_knows_of(q->known, n))
            value = check_after(value, n);
        at += asked;
    }
    return oriel_compare((int32_t)value, q->cmp, q->value);
}

/* What this choice knows, and all that came before it, too. */
static void common_with(choosing *c, uint64_t chosen)
{
    oriel_clock_clear(&c->with);
    for (uint32_t i = 0; i < c->count; i++)
        if (chosen >> i & 1)
            oriel_clock_join(&c->with, &c->q->m->notify[c->notify[i]].released);
    if (!c->any)
        oriel_clock_copy(c->gains, &c->with);
    else
        oriel_clock_meet(c->gains, &c->with);
    c->any = true;
}

static void choose_from(choosing *c, uint32_t i, uint64_t chosen)
{
    if (c->leaves == MOST_CHOICES)
        return;
    if (i == c->count) {
        c->leaves++;
        if (holds_with(c, chosen))
            common_with(c, chosen);
        return;
    }
    if ((c->before[i] & ~chosen) == 0)
        choose_from(c, i + 1, chosen | UINT64_C(1) << i);
    choose_from(c, i + 1, chosen);
}

/* Each came after all those before it. */
static bool is_chain(const choosing *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (c->before[i] != (UINT64_C(1) << i) - 1)
            return false;
    return true;
}

/* The choices are the beginnings of the chain: the shortest that satisfies it is in all that do. */
static void acquire_from_chain(const choosing *c)
{
    uint64_t chosen = 0;
    for (uint32_t i = 0; i < c->count && !holds_with(c, chosen); i++)
        chosen |= UINT64_C(1) << i;
    if (!holds_with(c, chosen))
        return;
    for (uint32_t i = 0; i < c->count; i++)
        if (chosen >> i & 1)
            oriel_clock_join(c->gains, &c->q->m->notify[c->notify[i]].released);
}

/* What all choices have in common that satisfy it: with a notify goes what it knew of, but for that anything is possible. */
static void acquire_from_choices(const question *q, oriel_clock *gains)
{
    choosing c = {.q = q, .gains = gains};
    for (uint32_t i = q->cell->notifies; i-- > 0 && c.count < 64;)
        if (!check_knows_of(q->known, &q->m->notify[q->cell->notify[i]]))
            c.count++;
    for (uint32_t i = q->cell->notifies, at = c.count; i-- > 0 && at > 0;)
        if (!check_knows_of(q->known, &q->m->notify[q->cell->notify[i]]))
            c.notify[--at] = q->cell->notify[i];
    check_choices(q->m, c.notify, c.count, c.before);
    if (is_chain(&c)) {
        acquire_from_chain(&c);
        return;
    }
    choose_from(&c, 0, 0);
    q->m->capped |= c.leaves == MOST_CHOICES;
    oriel_clock_free(&c.with);
}

pto_cmp check_inverse(pto_cmp cmp)
{
    static const pto_cmp inverse[] = {[PTO_EQ] = PTO_NE, [PTO_NE] = PTO_EQ, [PTO_GT] = PTO_LE,
                                      [PTO_LE] = PTO_GT, [PTO_GE] = PTO_LT, [PTO_LT] = PTO_GE};
    return inverse[cmp];
}

void check_acquire(machine *m, const check_cell *cell, const oriel_clock *known, pto_cmp cmp, int32_t value,
                   oriel_clock *gains)
{
    const question q = {m, cell, known, cmp, value};
    oriel_clock_clear(gains);
    if (holds_as_known(&q))
        return;
    if (check_is_sum(m, cell, cmp))
        acquire_from_sum(&q, gains);
    else
        acquire_from_choices(&q, gains);
}

bool check_holds_as_known(machine *m, const check_cell *cell, const oriel_clock *known, pto_cmp cmp, int32_t value)
{
    return holds_as_known(&(question){m, cell, known, cmp, value});
}
