/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which schedules are run. Two of them are the same if each wait and test has the same answer and learns the same: everything
 * else follows from these, as long as there is no race, and races are found in any of them. So a schedule is run, and of each wait
 * and test it is asked which other answers it could have had: for each choice of the notifies that it could have seen, that is those
 * that do not follow from it, and with each all that this follows from. Each new answer is a plan, which pins it, and the
 * answers on which it depends (plan.h). A schedule whose answers were all seen before asks nothing. (Reads-from equivalence:
 * Abdulla et al., Stateless Model Checking by Reads-From Partitioning, OOPSLA 2019.)
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine/check/explore.h"
#include "isa/isa.h"

/* Choices that are looked at for one wait or test. */
#define MOST_CHOICES  4096
#define MOST_NOTIFIES 64
/* The answer of a wait that never ends. */
#define STUCK 3

/* A wait or test of the schedule that was run, and the notifies that it did not know of and that do not follow from it. */
typedef struct asked {
    uint32_t step;
    uint32_t notify[MOST_NOTIFIES], count;
    uint64_t before[MOST_NOTIFIES]; /* of each, those that it follows from */
    uint64_t seen;                  /* those that were there */
    uint64_t answer;                /* what came of it, as a hash */
    bool result;
    oriel_clock knows; /* then */
    bool open;         /* there are other answers */
} asked;

/* Another answer. */
typedef struct other {
    uint32_t asked;
    uint64_t seen, answer;
} other;

typedef struct queue_of_plans {
    oriel_plan *plan;
    uint32_t first, count, room;
} queue_of_plans;

typedef struct explorer {
    machine *m;
    queue_of_plans todo;
    uint64_t *seen; /* hashes of plans and of schedules; open addressing, 0: none */
    uint32_t seen_count, seen_room;
    asked *asked;
    uint32_t asks, asked_room;
    other *other;
    uint32_t others, other_room;
    uint32_t *list; /* of notifies, for a cell as it might be */
    uint32_t list_room;
    oriel_clock known, knows, more;
    bool choosy; /* more than sums that are waited for has a choice */
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

static void *grow(void *at, uint32_t *room, uint32_t wanted, size_t size)
{
    if (wanted <= *room)
        return at;
    uint32_t grown = 2 * wanted + 16;
    at = realloc(at, grown * size);
    if (!at)
        abort();
    memset((char *)at + *room * size, 0, (grown - *room) * size);
    *room = grown;
    return at;
}

/* ---- What a wait or test would say ------------------------------------------------------------------------------ */

static void know(explorer *e, const oriel_step *step)
{
    const oriel_clock known = {.count = step->known_count, .at = e->m->steps.known + step->known};
    oriel_clock_copy(&e->known, &known);
}

static bool is_chosen(const explorer *e, const asked *a, uint64_t chosen, uint32_t notify)
{
    for (uint32_t i = 0; i < a->count; i++)
        if (a->notify[i] == notify)
            return chosen >> i & 1;
    return check_knows_of(&e->known, &e->m->notify[notify]);
}

/* The cell as it is with what its core knew and what is chosen. */
static check_cell cell_with(explorer *e, const asked *a, uint64_t chosen, uint32_t cell)
{
    check_cell then = e->m->cell[cell];
    uint32_t kept = 0;
    e->list = grow(e->list, &e->list_room, then.notifies, sizeof *e->list);
    for (uint32_t k = 0; k < then.notifies; k++)
        if (is_chosen(e, a, chosen, then.notify[k]))
            e->list[kept++] = then.notify[k];
    then.notify = e->list;
    then.notifies = kept;
    return then;
}

static int32_t value_of(const machine *m, const check_cell *cell)
{
    uint32_t value = (uint32_t)cell->first;
    for (uint32_t k = 0; k < cell->notifies; k++) {
        const check_notify *n = &m->notify[cell->notify[k]];
        value = check_after(value, n);
    }
    return (int32_t)value;
}

/* A cell that nobody has signalled holds what it held at first. */
static uint32_t cell_of(const machine *m, const oriel_step *step, uint32_t k)
{
    return check_find_cell(m, step->offset + (uint64_t)k * step->stride * 4);
}

static int32_t value_with(explorer *e, const asked *a, uint64_t chosen, const oriel_step *step, uint32_t k)
{
    const machine *m = e->m;
    uint64_t offset = step->offset + (uint64_t)k * step->stride * 4;
    uint32_t cell = check_find_cell(m, offset);
    if (cell != NONE) {
        check_cell then = cell_with(e, a, chosen, cell);
        return value_of(m, &then);
    }
    return check_cell_value(m, offset);
}

/* The core learns that the cell compares so. */
static void learn(explorer *e, const check_cell *cell, pto_cmp cmp, int32_t value)
{
    check_acquire(e->m, cell, &e->knows, cmp, value, &e->more);
    oriel_clock_join(&e->knows, &e->more);
}

/* Whether it would be satisfied by `chosen`; e->knows is what its core would know then. `e->known` is set. */
static bool answer(explorer *e, const asked *a, uint64_t chosen)
{
    machine *m = e->m;
    const oriel_step *step = &m->steps.step[a->step];
    oriel_clock_copy(&e->knows, &e->known);
    bool yes = true;
    uint32_t k = 0;
    for (; k < step->cells && yes; k++)
        yes = oriel_compare(value_with(e, a, chosen, step, k), (pto_cmp)step->cmp, step->value);
    if (!yes && step->op == PTO_OP_TWAIT)
        return false;
    for (uint32_t i = yes ? 0 : k - 1; i < k; i++) {
        uint32_t cell = cell_of(m, step, i);
        check_cell then;
        if (cell != NONE)
            then = cell_with(e, a, chosen, cell);
        if (cell != NONE)
            learn(e, &then, yes ? (pto_cmp)step->cmp : check_inverse((pto_cmp)step->cmp), step->value);
    }
    return yes;
}

static uint64_t answer_hash(const explorer *e, bool result)
{
    uint64_t hash = 1 + result;
    for (uint32_t q = 0; q < e->knows.count; q++)
        if (e->knows.at[q] > oriel_clock_get(&e->known, q))
            hash = mix(mix(hash, q), e->knows.at[q]);
    return hash;
}

/* ---- What it did say -------------------------------------------------------------------------------------------- */

static bool follows(const check_notify *n, const oriel_step *step)
{
    return oriel_clock_get(&n->released, check_queue(step->core, PTO_PIPE_S)) >= step->ordinal;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void find_choices(explorer *e, asked *a, const oriel_step *step)
{
    machine *m = e->m;
    a->count = 0;
    a->seen = 0;
    for (uint32_t k = 0; k < step->cells; k++) {
        uint32_t cell = cell_of(m, step, k);
        for (uint32_t i = 0; cell != NONE && i < m->cell[cell].notifies; i++) {
            const check_notify *n = &m->notify[m->cell[cell].notify[i]];
            if (check_knows_of(&e->known, n) || follows(n, step))
                continue;
            if (a->count < MOST_NOTIFIES)
                a->notify[a->count++] = m->cell[cell].notify[i];
            else
                m->capped = true;
        }
    }
    qsort(a->notify, a->count, sizeof *a->notify, by_number);
    check_choices(m, a->notify, a->count, a->before);
    for (uint32_t i = 0; i < a->count; i++)
        if (a->notify[i] < step->notifies)
            a->seen |= UINT64_C(1) << i;
}

static void add_other(explorer *e, uint32_t index, uint64_t chosen, uint64_t hash)
{
    for (uint32_t i = e->others; i-- > 0;)
        if (e->other[i].asked == index && e->other[i].answer == hash)
            return;
    e->other = grow(e->other, &e->other_room, e->others + 1, sizeof *e->other);
    e->other[e->others++] = (other){index, chosen, hash};
    e->asked[index].open = true;
}

typedef struct choosing {
    explorer *e;
    uint32_t index;
    bool wait;      /* one that all there is does not satisfy can be stuck, whatever satisfied it before */
    bool must_hold; /* only answers of yes are looked for */
    uint32_t leaves;
} choosing;

static uint64_t all_of(const asked *a)
{
    return a->count < 64 ? (UINT64_C(1) << a->count) - 1 : UINT64_MAX;
}

static void try_choice(choosing *c, uint64_t chosen)
{
    explorer *e = c->e;
    asked *a = &e->asked[c->index];
    if (++c->leaves > MOST_CHOICES) {
        e->m->capped = true;
        return;
    }
    bool result = answer(e, a, chosen), stuck = !result && c->wait && chosen == all_of(a);
    if (!result && c->must_hold && !stuck)
        return;
    uint64_t hash = stuck ? STUCK : answer_hash(e, result);
    if (hash != a->answer)
        add_other(e, c->index, chosen, hash);
}

static void choose_from(choosing *c, uint32_t i, uint64_t chosen)
{
    const explorer *e = c->e;
    const asked *a = &e->asked[c->index];
    if (c->leaves > MOST_CHOICES)
        return;
    if (i == a->count) {
        try_choice(c, chosen);
        return;
    }
    if ((a->before[i] & ~chosen) == 0)
        choose_from(c, i + 1, chosen | UINT64_C(1) << i);
    choose_from(c, i + 1, chosen);
}

/* Whether more notifies can only help it. */
static bool is_sum(const explorer *e, const oriel_step *step)
{
    uint32_t cell = cell_of(e->m, step, 0);
    return step->cells == 1 && cell != NONE && check_is_sum(e->m, &e->m->cell[cell], (pto_cmp)step->cmp);
}

/*
 * Looks for the other answers of a wait or test. Of additions more only leave more ways to do without each, so that less is learned: with
 * all of them a wait shows every race that it does with some. That is enough as long as nothing else has a choice, whose answer
 * could tell how much the wait saw.
 */
static void ask(explorer *e, uint32_t index)
{
    machine *m = e->m;
    asked *a = &e->asked[index];
    const oriel_step *step = &m->steps.step[a->step];
    bool test = step->op == PTO_OP_TTEST;
    choosing c = {.e = e, .index = index, .wait = !test, .must_hold = !test};
    if (is_sum(e, step) && !test && !e->choosy)
        try_choice(&c, all_of(a));
    else
        choose_from(&c, 0, 0);
}

/* All waits and tests of the schedule, and the answers that they had. Returns what tells this schedule from others. */
static uint64_t gather(explorer *e)
{
    machine *m = e->m;
    uint64_t schedule = 0;
    e->asks = 0;
    for (uint32_t i = 0; i < m->steps.count; i++) {
        const oriel_step *step = &m->steps.step[i];
        if (step->op == PTO_OP_TNOTIFY || step->dead)
            continue;
        e->asked = grow(e->asked, &e->asked_room, e->asks + 1, sizeof *e->asked);
        asked *a = &e->asked[e->asks++];
        a->step = i;
        a->open = false;
        know(e, step);
        find_choices(e, a, step);
        a->result = step->stuck ? false : answer(e, a, a->seen);
        a->answer = step->stuck ? STUCK : answer_hash(e, a->result);
        oriel_clock_copy(&a->knows, &e->knows);
        schedule += mix(mix(mix(17, step->core), mix(step->ordinal, step->cell)), a->answer);
    }
    return schedule;
}

/* ---- Planning --------------------------------------------------------------------------------------------------- */

static void exclude(explorer *e, oriel_pin *pin, uint32_t notify)
{
    const check_notify *n = &e->m->notify[notify];
    pin->excluded = realloc(pin->excluded, (pin->excludes + 1) * sizeof *pin->excluded);
    if (!pin->excluded)
        abort();
    pin->excluded[pin->excludes].core = n->core;
    pin->excluded[pin->excludes++].ordinal = n->ordinal;
}

static void pin_step(const oriel_step *step, bool result, const oriel_clock *knows, oriel_pin *pin)
{
    *pin = (oriel_pin){.core = step->core, .ordinal = step->ordinal, .cell = step->cell, .result = result};
    oriel_clock_copy(&pin->knows, knows);
}

/* It answers as it did; what would change that for good stays out. */
static void pin_again(explorer *e, const asked *a, oriel_pin *pin)
{
    const oriel_step *step = &e->m->steps.step[a->step];
    pin_step(step, a->result, &a->knows, pin);
    know(e, step);
    for (uint32_t i = 0; i < a->count; i++) {
        uint64_t with = a->seen | a->before[i] | UINT64_C(1) << i;
        if (!(a->seen >> i & 1) && answer_hash(e, answer(e, a, with)) != a->answer)
            exclude(e, pin, a->notify[i]);
    }
}

static void pin_other(explorer *e, const other *o, oriel_pin *pin)
{
    const asked *a = &e->asked[o->asked];
    const oriel_step *step = &e->m->steps.step[a->step];
    know(e, step);
    bool result = o->answer != STUCK && answer(e, a, o->seen);
    pin_step(step, result, &e->knows, pin);
    for (uint32_t i = 0; i < a->count; i++)
        if (!(o->seen >> i & 1))
            exclude(e, pin, a->notify[i]);
}

/* Whether an answer depends on that of `then`: another one there could change it, or it could never be asked for. */
static bool depends_on(const asked *a, const oriel_step *step, const oriel_step *then)
{
    if (step->core == then->core)
        return step->ordinal > then->ordinal || (step->ordinal == then->ordinal && step->cell > then->cell);
    return step->stuck || oriel_clock_get(&a->knows, check_queue(then->core, PTO_PIPE_S)) >= then->ordinal;
}

static void free_plan(oriel_plan *plan)
{
    oriel_pin *pin = (oriel_pin *)(uintptr_t)plan->pin;
    for (uint32_t i = 0; i < plan->pins; i++) {
        oriel_clock_free(&pin[i].knows);
        free(pin[i].excluded);
    }
    free(pin);
}

static void push(explorer *e, oriel_plan plan, uint64_t hash)
{
    queue_of_plans *todo = &e->todo;
    if (!remember(e, hash)) {
        free_plan(&plan);
        return;
    }
    todo->plan = grow(todo->plan, &todo->room, todo->count + 1, sizeof *todo->plan);
    todo->plan[todo->count++] = plan;
}

static void plan_other(explorer *e, const other *o)
{
    const machine *m = e->m;
    const oriel_step *then = &m->steps.step[e->asked[o->asked].step];
    oriel_pin *pin = calloc(e->asks, sizeof *pin);
    if (!pin)
        abort();
    uint32_t pins = 1;
    uint64_t hash = mix(mix(mix(23, then->core), mix(then->ordinal, then->cell)), o->answer);
    pin_other(e, o, &pin[0]);
    for (uint32_t i = 0; i < e->asks; i++) {
        const asked *a = &e->asked[i];
        const oriel_step *step = &m->steps.step[a->step];
        if (i == o->asked || !a->open || depends_on(a, step, then))
            continue;
        pin_again(e, a, &pin[pins++]);
        hash += mix(mix(mix(29, step->core), mix(step->ordinal, step->cell)), a->answer);
    }
    push(e, (oriel_plan){.pin = pin, .pins = pins}, hash);
}

static void ask_some(explorer *e, bool sums)
{
    for (uint32_t i = 0; i < e->asks; i++) {
        const oriel_step *step = &e->m->steps.step[e->asked[i].step];
        bool sum = step->op == PTO_OP_TWAIT && is_sum(e, step);
        know(e, step);
        if (sum == sums)
            ask(e, i);
    }
}

/* False: it has turned out that more has to be asked, of the schedules before as well. */
static bool ask_all(explorer *e)
{
    e->others = 0;
    ask_some(e, false);
    if (e->others && !e->choosy) {
        e->choosy = true;
        return false;
    }
    ask_some(e, true);
    for (uint32_t i = 0; i < e->others; i++)
        plan_other(e, &e->other[i]);
    return true;
}

/* ---- The loop --------------------------------------------------------------------------------------------------- */

static bool explains_wrong(oriel_finding_kind kind)
{
    return kind != ORIEL_FINDING_FLAG_MISUSE && kind != ORIEL_FINDING_WRONG_RESULT;
}

static const char *what_is_wrong(const oriel_plan *plan)
{
    return plan->contents == ORIEL_CONTENTS_ALTERNATE
               ? "it is right if all calls have the same inputs: an earlier call's data was used, and not this call's"
               : "nothing else was found that explains it: the arithmetic, the indices, or the expectation";
}

/* A wrong result that nothing explains is a finding of its own. */
static void note_wrong(machine *m, uint32_t known)
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
    if (check_tell_left_over(m) || check_tell_disagreement(m))
        return;
    oriel_found_side side[2] = {
        {.host = true, .what = "the host reads", .rank = m->wrong_rank, .call = m->wrong_call, .pipe = PTO_PIPE_S}};
    uint32_t sides = 1;
    if (m->wrong_writer != NONE) {
        side[sides++] = side[0];
        side[0] = check_side(m, m->wrong_writer);
    }
    uint32_t found = check_report(m, ORIEL_FINDING_WRONG_RESULT, side, sides, m->wrong, what_is_wrong(m->plan));
    m->findings.found[found].self_evident = true;
    if (!m->findings.found[found].wrong[0])
        memcpy(m->findings.found[found].wrong, m->wrong, sizeof m->wrong);
}

static oriel_status ended(machine *m)
{
    if (m->end == RUN_TRAP)
        return oriel_fail(ORIEL_FAULT, "%s", m->trap);
    const pto_site *site = m->setup->running ? *m->setup->running : NULL;
    const unsigned long long schedule = m->schedules;
    if (m->end == RUN_TIMEOUT && site)
        return oriel_fail(ORIEL_TIMEOUT, "%s:%d: the deadline passed in schedule %llu", site->file, site->line,
                          schedule);
    if (m->end == RUN_TIMEOUT)
        return oriel_fail(ORIEL_TIMEOUT, "the deadline passed in schedule %llu", schedule);
    return ORIEL_OK;
}

oriel_status check_run_and_note(machine *m, const oriel_plan *plan)
{
    uint32_t known = m->findings.count;
    check_run(m, plan);
    if (!plan->quiet)
        note_wrong(m, known);
    return ended(m);
}

static void free_explorer(explorer *e)
{
    for (uint32_t i = e->todo.first; i < e->todo.count; i++)
        free_plan(&e->todo.plan[i]);
    for (uint32_t i = 0; i < e->asked_room; i++)
        oriel_clock_free(&e->asked[i].knows);
    free(e->todo.plan);
    free(e->seen);
    free(e->asked);
    free(e->other);
    free(e->list);
    oriel_clock_free(&e->known);
    oriel_clock_free(&e->knows);
    oriel_clock_free(&e->more);
}

static void begin_again(explorer *e)
{
    while (e->todo.first < e->todo.count)
        free_plan(&e->todo.plan[e->todo.first++]);
    memset(e->seen, 0, e->seen_room * sizeof *e->seen);
    e->seen_count = 0;
    e->m->schedules = 0;
    push(e, (oriel_plan){.pins = 0}, 1);
}

/* Runs one plan; new answers make new plans. */
static oriel_status run_next(explorer *e)
{
    machine *m = e->m;
    oriel_plan plan = e->todo.plan[e->todo.first++];
    int64_t start = oriel_now();
    oriel_status status = check_run_and_note(m, &plan);
    if (m->schedules == 0)
        m->first_ms = (double)(oriel_now() - start) * 1e-6;
    if (status == ORIEL_OK) {
        m->schedules++;
        if (!m->setup->options->quick && remember(e, gather(e)) && !ask_all(e))
            begin_again(e);
    }
    free_plan(&plan);
    return status;
}

/* After one schedule at least, a deadline ends the looking, and not the check: what was found is worth more. */
static bool is_over(const machine *m, oriel_status *status)
{
    bool late = *status == ORIEL_TIMEOUT && m->schedules > 0;
    if (late)
        *status = ORIEL_OK;
    return late || *status != ORIEL_OK || (m->schedules > 0 && oriel_passed(m->setup->deadline));
}

/*
 * Where nothing was found, nothing depends on the schedule. A few at random, in which pipes and cores drift as far apart as they may,
 * hold that to the proof: what they show is a finding like any other. Each step is chosen among all cores, so large jobs get few, or none.
 */
#define MOST_RANDOM_WORK (UINT64_C(7) << 14)
#define RANDOM_SCHEDULES 16

static oriel_status run_at_random(machine *m)
{
    uint64_t work = (uint64_t)(m->events + 1) * m->cores, most = MOST_RANDOM_WORK / work;
    oriel_status status = ORIEL_OK;
    while (status == ORIEL_OK && m->findings.count == 0 && m->random < most && m->random < RANDOM_SCHEDULES) {
        const oriel_plan plan = {.seed = mix(m->setup->options->seed, ++m->random) | 1};
        status = check_run_and_note(m, &plan);
    }
    return status;
}

/*
 * Calls with equal inputs hide that one uses what another left, however well it is synchronized. So where nothing was found, one
 * schedule more has other inputs in every other call. A kernel that is then wrong, and is right if all calls have the
 * other inputs, mixes them up.
 */
static oriel_status run_with_inputs_that_vary(machine *m)
{
    oriel_plan plan = {.contents = ORIEL_CONTENTS_ALTERNATE, .quiet = true};
    oriel_status status = check_run_and_note(m, &plan);
    bool varied = m->contents == ORIEL_CONTENTS_ALTERNATE, right = m->end == RUN_ENDED && !m->wrong[0];
    if (status != ORIEL_OK || !varied || right || !check_knows_others(m, plan))
        return status;
    plan.quiet = false;
    return check_run_and_note(m, &plan);
}

oriel_status oriel_checker_explore(oriel_checker *m)
{
    explorer e = {.m = m};
    oriel_status status = ORIEL_OK;
    const uint64_t most = m->setup->options->quick ? 1 : m->setup->options->max_schedules;
    bool over = false;
    if (m->setup->options->replay)
        return check_replay(m);
    push(&e, (oriel_plan){.pins = 0}, 1);
    while (!over && e.todo.first < e.todo.count && m->schedules < most) {
        status = run_next(&e);
        over = is_over(m, &status);
    }
    m->exhaustive = status == ORIEL_OK && e.todo.first == e.todo.count && !m->setup->options->quick && !m->capped;
    free_explorer(&e);
    oriel_findings_fold(&m->findings);
    if (status != ORIEL_OK || over || m->setup->options->quick)
        return status;
    status = run_at_random(m);
    if (!is_over(m, &status) && m->findings.count == 0 && m->setup->calls > 1)
        status = run_with_inputs_that_vary(m);
    is_over(m, &status);
    return status;
}
