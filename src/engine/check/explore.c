/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which schedules are run. Two of them are the same if each wait and test has the same answer and learns the same: everything
 * else follows from these, as long as there is no race, and races are found in any of them. So a schedule is run, and of each wait
 * and test it is asked which other answer it could have had: by a notify that came after it and could have come before, or, for a
 * test, by one that came before and could have come after. Each such answer is a plan to run, unless one with the same answers
 * was run already. (Reads-from equivalence: Abdulla et al., Stateless Model Checking by Reads-From Partitioning, OOPSLA 2019.)
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine/check/explore.h"

typedef struct queue_of_plans {
    oriel_plan *plan;
    uint64_t *prefix; /* hashes of their beginnings, to leave out the same one */
    uint32_t first, count, room;
} queue_of_plans;

typedef struct explorer {
    machine *m;
    queue_of_plans todo;
    uint64_t *seen; /* hashes of answers; open addressing, 0: none */
    uint32_t seen_count, seen_room;
    oriel_clock known, gains, more;
} explorer;

/* ---- Hashes ----------------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash ^= value + UINT64_C(0x9e3779b97f4a7c15) + (hash << 6) + (hash >> 2);
    hash ^= hash >> 32;
    return hash * UINT64_C(0xd6e8feb86659fd93);
}

/* False: it was there. */
static bool remember(explorer *e, uint64_t hash)
{
    hash = hash ? hash : 1;
    if (2 * (e->seen_count + 1) > e->seen_room) {
        uint64_t *old = e->seen;
        uint32_t old_room = e->seen_room;
        e->seen_room = old_room ? 2 * old_room : 256;
        e->seen = calloc(e->seen_room, sizeof *e->seen);
        if (!e->seen)
            abort();
        e->seen_count = 0;
        for (uint32_t i = 0; i < old_room; i++)
            if (old[i])
                remember(e, old[i]);
        free(old);
    }
    uint32_t at = (uint32_t)hash & (e->seen_room - 1);
    while (e->seen[at] && e->seen[at] != hash)
        at = (at + 1) & (e->seen_room - 1);
    if (e->seen[at])
        return false;
    e->seen[at] = hash;
    e->seen_count++;
    return true;
}

static uint64_t step_hash(const machine *m, const oriel_step *step)
{
    uint64_t hash = mix(mix(mix(1, step->core), step->op), step->result);
    hash = mix(mix(hash, step->offset), (uint32_t)step->value);
    (void)m;
    return mix(hash, step->ordinal);
}

/* ---- Asking ----------------------------------------------------------------------------------------------------- */

static void know(explorer *e, const oriel_step *step)
{
    oriel_clock_clear(&e->known);
    for (uint32_t q = 0; q < step->known_count; q++)
        if (step->known[q])
            oriel_clock_raise(&e->known, q, step->known[q]);
}

static uint32_t cells_of(const machine *m, uint64_t offset)
{
    for (uint32_t i = 0; i < m->cell_count; i++)
        if (m->cell[i].offset == offset)
            return i;
    return NONE;
}

/* The cell as it is with the first `count` of the machine's notifies, but for those that follow from `without` (NONE: none). */
static check_cell cell_at_time(const machine *m, uint32_t cell, uint32_t count, uint32_t without, uint32_t *list)
{
    check_cell then = m->cell[cell];
    const check_notify *left_out = without == NONE ? NULL : &m->notify[without];
    uint32_t kept = 0;
    for (uint32_t k = 0; k < then.notifies; k++) {
        uint32_t index = then.notify[k];
        const check_notify *n = &m->notify[index];
        bool follows =
            left_out && oriel_clock_get(&n->released, check_queue(left_out->core, PTO_PIPE_S)) >= left_out->ordinal;
        if (index < count && !follows)
            list[kept++] = index;
    }
    then.notify = list;
    then.notifies = kept;
    return then;
}

static int32_t value_of(const machine *m, const check_cell *cell)
{
    uint32_t value = (uint32_t)cell->first;
    for (uint32_t k = 0; k < cell->notifies; k++) {
        const check_notify *n = &m->notify[cell->notify[k]];
        value = n->mode == PTO_NOTIFY_SET ? (uint32_t)n->value : value + (uint32_t)n->value;
    }
    return (int32_t)value;
}

static bool same_clock(const oriel_clock *a, const oriel_clock *b, const oriel_clock *floor)
{
    uint32_t most = a->count > b->count ? a->count : b->count;
    for (uint32_t q = 0; q < most; q++) {
        uint32_t low = oriel_clock_get(floor, q), x = oriel_clock_get(a, q), y = oriel_clock_get(b, q);
        if ((x > low ? x : low) != (y > low ? y : low))
            return false;
    }
    return true;
}

/* Whether the answer of `step` on this cell would be another one with `with` notifies of the machine there, without some. */
static bool answers_differ(explorer *e, const oriel_step *step, uint32_t cell, uint32_t with, uint32_t without,
                           uint32_t *lists)
{
    machine *m = e->m;
    check_cell was = cell_at_time(m, cell, step->notifies, NONE, lists);
    check_cell would = cell_at_time(m, cell, with, without, lists + m->notifies);
    bool before = oriel_compare(value_of(m, &was), (pto_cmp)step->cmp, step->value);
    bool after = oriel_compare(value_of(m, &would), (pto_cmp)step->cmp, step->value);
    if (before != after)
        return true;
    if (!before)
        return false;
    check_acquire(m, &was, &e->known, (pto_cmp)step->cmp, step->value, &e->gains);
    check_acquire(m, &would, &e->known, (pto_cmp)step->cmp, step->value, &e->more);
    return !same_clock(&e->gains, &e->more, &e->known);
}

/* ---- Planning --------------------------------------------------------------------------------------------------- */

static bool follows_step(const oriel_step *step, const oriel_step *from)
{
    if (step->core == from->core)
        return step->ordinal >= from->ordinal;
    uint32_t queue = check_queue(from->core, PTO_PIPE_S);
    return queue < step->known_count && step->known[queue] >= from->ordinal;
}

static void push(explorer *e, uint32_t *order, uint32_t length)
{
    uint64_t hash = 7;
    for (uint32_t i = 0; i < length; i++)
        hash = mix(hash, order[i]);
    queue_of_plans *todo = &e->todo;
    if (!remember(e, hash)) {
        free(order);
        return;
    }
    if (todo->count == todo->room) {
        todo->room = todo->room ? 2 * todo->room : 64;
        todo->plan = realloc(todo->plan, todo->room * sizeof *todo->plan);
        if (!todo->plan)
            abort();
    }
    todo->plan[todo->count++] = (oriel_plan){.order = order, .length = length};
}

/* All that happened up to step `last`, but for what follows from step `out`; then step `then`'s core. */
static void plan_without(explorer *e, uint32_t last, uint32_t out, uint32_t then)
{
    const oriel_steps *steps = &e->m->steps;
    uint32_t *order = malloc((last + 2) * sizeof *order), length = 0;
    if (!order)
        abort();
    for (uint32_t i = 0; i <= last; i++)
        if (!follows_step(&steps->step[i], &steps->step[out]))
            order[length++] = steps->step[i].core;
    order[length++] = steps->step[then].core;
    push(e, order, length);
}

/* Notify `n` came after step `i` and does not follow from it: it could have come before. */
static void try_earlier(explorer *e, uint32_t i, uint32_t cell, uint32_t n, uint32_t *lists)
{
    machine *m = e->m;
    const oriel_step *step = &m->steps.step[i];
    if (oriel_clock_get(&m->notify[n].released, check_queue(step->core, PTO_PIPE_S)) >= step->ordinal)
        return;
    uint32_t at = m->notify[n].step;
    if (!answers_differ(e, step, cell, n + 1, NONE, lists))
        return;
    plan_without(e, at, i, i);
}

/* Notify `n` came before test `i`, which need not have seen it. */
static void try_later(explorer *e, uint32_t i, uint32_t cell, uint32_t n, uint32_t *lists)
{
    machine *m = e->m;
    const oriel_step *step = &m->steps.step[i];
    if (oriel_clock_get(&e->known, check_queue(m->notify[n].core, PTO_PIPE_S)) >= m->notify[n].ordinal)
        return;
    uint32_t at = m->notify[n].step;
    if (!answers_differ(e, step, cell, step->notifies, n, lists))
        return;
    plan_without(e, i == 0 ? 0 : i - 1, at, i);
}

static void ask_step(explorer *e, uint32_t i, uint32_t *lists)
{
    machine *m = e->m;
    const oriel_step *step = &m->steps.step[i];
    know(e, step);
    for (uint32_t k = 0; k < step->cells; k++) {
        uint32_t cell = cells_of(m, step->offset + (uint64_t)k * step->stride * 4);
        for (uint32_t j = 0; cell != NONE && j < m->cell[cell].notifies; j++) {
            uint32_t n = m->cell[cell].notify[j];
            if (n >= step->notifies)
                try_earlier(e, i, cell, n, lists);
            else if (step->op == PTO_OP_TTEST)
                try_later(e, i, cell, n, lists);
        }
    }
}

/* ---- Waits that never ended -------------------------------------------------------------------------------------- */

/* The steps up to `last` that `pick` takes, then core `then`. */
static void plan_some(explorer *e, uint32_t last, bool (*pick)(const machine *m, uint32_t i, uint32_t last),
                      uint32_t then)
{
    const oriel_steps *steps = &e->m->steps;
    uint32_t *order = malloc((last + 2) * sizeof *order), length = 0;
    if (!order)
        abort();
    for (uint32_t i = 0; i <= last; i++)
        if (pick(e->m, i, last))
            order[length++] = steps->step[i].core;
    order[length++] = then;
    push(e, order, length);
}

static bool any_step(const machine *m, uint32_t i, uint32_t last)
{
    (void)m, (void)i, (void)last;
    return true;
}

static bool is_past(const machine *m, uint32_t i, uint32_t last)
{
    return follows_step(&m->steps.step[last], &m->steps.step[i]);
}

/*
 * A wait that is stuck might have passed earlier: when the first few of its cell's notifies had come, or only one with what it
 * follows from.
 */
static void ask_stuck(explorer *e, const check_core *c)
{
    machine *m = e->m;
    const pto_signal *signal = &c->stuck_at;
    uint32_t index = cells_of(m, c->at_offset + (uint64_t)c->at_cell * signal->cells.stride * 4);
    uint32_t value = index == NONE ? 0 : (uint32_t)m->cell[index].first;
    for (uint32_t k = 0; index != NONE && k < m->cell[index].notifies; k++) {
        const check_notify *n = &m->notify[m->cell[index].notify[k]];
        uint32_t alone = (uint32_t)m->cell[index].first;
        for (uint32_t j = 0; j <= k; j++) {
            const check_notify *past = &m->notify[m->cell[index].notify[j]];
            if (follows_step(&m->steps.step[n->step], &m->steps.step[past->step]))
                alone = past->mode == PTO_NOTIFY_SET ? (uint32_t)past->value : alone + (uint32_t)past->value;
        }
        value = n->mode == PTO_NOTIFY_SET ? (uint32_t)n->value : value + (uint32_t)n->value;
        if (oriel_compare((int32_t)value, (pto_cmp)signal->mode, signal->value))
            plan_some(e, n->step, any_step, c->index);
        if (oriel_compare((int32_t)alone, (pto_cmp)signal->mode, signal->value))
            plan_some(e, n->step, is_past, c->index);
    }
}

static void ask_all(explorer *e)
{
    machine *m = e->m;
    uint32_t *lists = malloc((2 * (size_t)m->notifies + 1) * sizeof *lists);
    if (!lists)
        abort();
    for (uint32_t i = 0; i < m->steps.count; i++)
        if (m->steps.step[i].op != PTO_OP_TNOTIFY)
            ask_step(e, i, lists);
    for (uint32_t i = 0; m->end == RUN_STUCK && i < m->cores; i++)
        if (m->core[i].stuck && m->core[i].stuck_at.op == PTO_OP_TWAIT)
            ask_stuck(e, &m->core[i]);
    free(lists);
}

/* ---- The loop --------------------------------------------------------------------------------------------------- */

static bool explains_wrong(oriel_finding_kind kind)
{
    return kind != ORIEL_FINDING_FLAG_MISUSE && kind != ORIEL_FINDING_WRONG_RESULT;
}

/* A wrong result that nothing explains is a finding of its own. */
static void note_wrong(machine *m, const oriel_plan *plan, uint32_t known)
{
    if (!m->wrong[0])
        return;
    bool explained = false;
    for (uint32_t i = 0; i < m->findings.count; i++) {
        explained |= explains_wrong(m->findings.found[i].kind);
        if (i >= known && !m->findings.found[i].wrong[0])
            memcpy(m->findings.found[i].wrong, m->wrong, sizeof m->wrong);
    }
    if (explained)
        return;
    oriel_found_side side = {
        .host = true, .what = "the host reads", .rank = m->wrong_rank, .call = m->wrong_call, .pipe = PTO_PIPE_S};
    uint32_t found =
        oriel_findings_add(&m->findings, ORIEL_FINDING_WRONG_RESULT, &side, 1, plan, m->wrong,
                           "nothing else was found that explains it: the arithmetic, the indices, or the expectation");
    m->findings.found[found].self_evident = true;
    memcpy(m->findings.found[found].wrong, m->wrong, sizeof m->wrong);
}

static oriel_status ended(machine *m)
{
    if (m->end == RUN_TRAP)
        return oriel_fail(ORIEL_FAULT, "%s", m->trap);
    if (m->end == RUN_TIMEOUT)
        return oriel_fail(ORIEL_TIMEOUT, "the deadline passed in schedule %llu", (unsigned long long)m->schedules);
    return ORIEL_OK;
}

oriel_status check_run_and_note(machine *m, const oriel_plan *plan)
{
    uint32_t known = m->findings.count;
    check_run(m, plan);
    if (!plan->quiet)
        note_wrong(m, plan, known);
    return ended(m);
}

static void free_explorer(explorer *e)
{
    for (uint32_t i = 0; i < e->todo.count; i++)
        free((uint32_t *)(uintptr_t)e->todo.plan[i].order);
    free(e->todo.plan);
    free(e->seen);
    oriel_clock_free(&e->known);
    oriel_clock_free(&e->gains);
    oriel_clock_free(&e->more);
}

/* Runs one plan; new answers make new plans. */
static oriel_status run_next(explorer *e)
{
    machine *m = e->m;
    const oriel_plan plan = e->todo.plan[e->todo.first++];
    int64_t start = oriel_now();
    oriel_status status = check_run_and_note(m, &plan);
    if (m->schedules == 0)
        m->first_ms = (double)(oriel_now() - start) * 1e-6;
    if (status != ORIEL_OK)
        return status;
    uint64_t answers = 11;
    for (uint32_t c = 0; c < m->cores; c++)
        for (uint32_t i = 0; i < m->steps.count; i++)
            if (m->steps.step[i].core == c && m->steps.step[i].op != PTO_OP_TNOTIFY)
                answers = mix(answers, step_hash(m, &m->steps.step[i]));
    m->schedules++;
    m->distinct += remember(e, answers);
    if (!m->setup->options->quick)
        ask_all(e);
    return ORIEL_OK;
}

/* Operations of all scalar units, times the cores among which each step chooses. */
#define MOST_RANDOM_WORK (UINT64_C(1) << 22)
#define RANDOM_SCHEDULES 4

/*
 * Where nothing was found, nothing depends on the schedule. A few at random, in which pipes and cores drift as far apart as they may,
 * hold that to the proof: what they show is a finding like any other.
 */
static oriel_status run_at_random(machine *m)
{
    uint64_t work = 0;
    for (uint32_t i = 0; i < m->cores; i++)
        work += (uint64_t)m->core[i].count * m->cores;
    oriel_status status = ORIEL_OK;
    while (status == ORIEL_OK && m->findings.count == 0 && m->random < RANDOM_SCHEDULES && work <= MOST_RANDOM_WORK) {
        const oriel_plan plan = {.seed = mix(m->setup->options->seed, ++m->random) | 1};
        status = check_run_and_note(m, &plan);
    }
    return status;
}

oriel_status oriel_checker_explore(oriel_checker *m)
{
    explorer e = {.m = m};
    oriel_status status = ORIEL_OK;
    const uint64_t most = m->setup->options->quick ? 1 : m->setup->options->max_schedules;
    if (m->setup->options->replay)
        return check_replay(m);
    push(&e, calloc(1, sizeof(uint32_t)), 0);
    while (status == ORIEL_OK && e.todo.first < e.todo.count && m->schedules < most)
        status = run_next(&e);
    m->exhaustive = status == ORIEL_OK && e.todo.first == e.todo.count && !m->setup->options->quick;
    free_explorer(&e);
    if (status == ORIEL_OK && !m->setup->options->quick)
        status = run_at_random(m);
    return status;
}
