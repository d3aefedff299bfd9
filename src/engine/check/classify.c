/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a conflict is, once its schedule is over: which kind, which edge is missing, and where it would be supplied.
 * docs/memory-model.md says what tells the kinds from each other.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/check/machine.h"

#define MAX_CONFLICTS 4096

/* ---- Keeping them ----------------------------------------------------------------------------------------------- */

static bool same_core(const check_event *a, const check_event *b)
{
    return a->core == b->core && a->host == b->host;
}

static bool same_conflict(const machine *m, const check_conflict *a, const check_conflict *b)
{
    const check_event *a1 = &m->event[a->earlier], *a2 = &m->event[a->later];
    const check_event *b1 = &m->event[b->earlier], *b2 = &m->event[b->later];
    return a1->site == b1->site && a2->site == b2->site && a1->op == b1->op && a2->op == b2->op &&
           a1->host == b1->host && a2->host == b2->host && a->line == b->line && a->knows_issue == b->knows_issue &&
           a->in_cache == b->in_cache && same_core(a1, a2) == same_core(b1, b2) &&
           (a->local_core == NONE) == (b->local_core == NONE) && (a1->call == a2->call) == (b1->call == b2->call);
}

/* The same cause, but other bytes, another rank or another call. */
static bool tells_more(const machine *m, const check_conflict *a, const check_conflict *b)
{
    const check_event *x = &m->event[a->earlier], *y = &m->event[b->earlier];
    return a->from != b->from || x->core != y->core || x->call != y->call;
}

void check_conflict_add(machine *m, const check_conflict *conflict)
{
    uint32_t kept = 0;
    bool more = true;
    for (uint32_t i = 0; i < m->conflicts && kept < ORIEL_MEETINGS; i++)
        if (same_conflict(m, &m->conflict[i], conflict)) {
            kept++;
            more &= tells_more(m, &m->conflict[i], conflict);
        }
    if (!more || kept == ORIEL_MEETINGS || m->conflicts == MAX_CONFLICTS)
        return;
    if (m->conflicts == m->conflict_room) {
        m->conflict_room = m->conflict_room ? 2 * m->conflict_room : 16;
        m->conflict = realloc(m->conflict, m->conflict_room * sizeof *m->conflict);
        if (!m->conflict)
            abort();
    }
    m->conflict[m->conflicts++] = *conflict;
}

/* ---- Sides ------------------------------------------------------------------------------------------------------ */

/* Where it is queued: a flag's operation on the pipe that it concerns. */
static pto_pipe pipe_of(const machine *m, const check_event *e)
{
    return e->queue < m->cores * ORIEL_CORE_QUEUES ? (pto_pipe)(e->queue % ORIEL_CORE_QUEUES) : (pto_pipe)e->pipe;
}

oriel_found_side check_side(const machine *m, uint32_t event)
{
    const check_event *e = &m->event[event];
    pto_pipe pipe = pipe_of(m, e);
    const check_core *c = &m->core[e->core];
    oriel_found_side side = {.site = e->site,
                             .rank = c->rank,
                             .block = c->block,
                             .call = e->call,
                             .core = e->core,
                             .ordinal = e->ordinal,
                             .pipe = pipe,
                             .host = e->host};
    const oriel_check_task *task = e->host ? NULL : check_task_of(m, e->core, e->call);
    if (task && task->name) {
        side.kernel = task->name;
        side.task = check_task_number(m, e->core, e->call);
    }
    if (e->condition)
        snprintf(side.what, sizeof side.what, "the completion condition");
    else if (e->host)
        snprintf(side.what, sizeof side.what, "the host %s", e->op == PTO_OP_LOAD ? "reads" : "writes");
    else if (e->composite != PTO_OP_COUNT)
        snprintf(side.what, sizeof side.what, "%s of %s", oriel_op_name((pto_op)e->op),
                 oriel_op_name((pto_op)e->composite));
    else
        snprintf(side.what, sizeof side.what, "%s", oriel_op_name((pto_op)e->op));
    if (e->host)
        return side;
    side.hold = (oriel_hold){.core = e->core, .ordinal = e->ordinal, .pipe = pipe, .kind = ORIEL_HOLD_ITEM};
    if (e->op == PTO_OP_STORE || e->op == PTO_OP_LOAD)
        side.hold = (oriel_hold){.core = e->core,
                                 .ordinal = e->issued,
                                 .offset = e->from,
                                 .bytes = (uint32_t)(e->to - e->from),
                                 .kind = e->op == PTO_OP_STORE ? ORIEL_HOLD_LINE : ORIEL_HOLD_FETCH};
    else if (pipe == PTO_PIPE_S)
        side.hold.kind = ORIEL_HOLD_CORE;
    return side;
}

/* The cores whose signal operations came first, as far as the plan had a say in it. */
static uint32_t *order_so_far(const machine *m, uint32_t *length)
{
    const oriel_plan *plan = m->plan;
    uint32_t steps = !plan->pins ? 0 : m->pins_left ? m->steps.count : m->pinned_steps;
    uint32_t *order = malloc((plan->length + steps + 1) * sizeof *order);
    if (!order)
        abort();
    *length = 0;
    for (uint32_t i = 0; i < plan->length; i++)
        order[(*length)++] = plan->order[i];
    for (uint32_t i = 0; i < steps; i++)
        if (!m->steps.step[i].dead && !m->steps.step[i].stuck)
            order[(*length)++] = m->steps.step[i].core;
    return order;
}

uint32_t check_report(machine *m, oriel_finding_kind kind, const oriel_found_side *side, uint32_t sides,
                      const char *message, const char *missing)
{
    if (m->plan->quiet)
        return NONE;
    uint32_t length, *order = order_so_far(m, &length);
    oriel_plan plan = {.order = order, .length = length, .seed = m->plan->seed, .contents = m->plan->contents};
    uint32_t index = oriel_findings_add(&m->findings, kind, side, sides, &plan, message, missing);
    free(order);
    return index;
}

/* ---- Kinds ------------------------------------------------------------------------------------------------------ */

/* Whether the clock of notify `n` has seen event `e` complete. */
static bool announces(const check_notify *n, const check_event *e)
{
    return oriel_clock_get(&n->released, e->queue) >= e->ordinal;
}

/* Without the notifies that its core knew of before, the wait would have needed some. */
static bool owes_to_credits(const machine *m, const check_waited *w)
{
    const check_cell *cell = &m->cell[w->cell];
    return w->credits && !oriel_compare(cell->first, (pto_cmp)w->cmp, w->value);
}

/* Before `then` its own scalar unit waited, or its task did, for one that was complete when a condition held. */
static bool waited_before(const machine *m, const check_waited *w, const check_event *then)
{
    const check_event *wait = &m->event[w->event];
    if (w->call != then->call)
        return false;
    return wait->condition ? check_task_comes_after(m, then, wait)
                           : w->core == then->core && w->ordinal <= then->issued;
}

/*
 * `first` should have come before `then`, whose core did wait: but for a cell that what an earlier use left satisfied, so that
 * it did not wait for the notify that announces `first`. Returns the wait.
 */
static const check_waited *stale_wait(const machine *m, const check_event *first, const check_event *then)
{
    if (first->host || then->host)
        return NULL;
    for (uint32_t i = m->waiteds; i-- > 0;) {
        const check_waited *w = &m->waited[i];
        if (!w->vacuous || !waited_before(m, w, then))
            continue;
        const check_cell *cell = &m->cell[w->cell];
        for (uint32_t k = 0; k < cell->notifies; k++) {
            const check_notify *n = &m->notify[cell->notify[k]];
            bool later = oriel_clock_get(&n->released, check_queue(w->core, PTO_PIPE_S)) < w->ordinal;
            if (later && n->core != then->core && announces(n, first) && owes_to_credits(m, w))
                return w;
        }
    }
    return NULL;
}

/* The later side's task depends on the earlier's, whose return has not drained, cleaned or fenced the access. */
static bool is_undrained_return(const machine *m, const check_conflict *x)
{
    const check_event *a = &m->event[x->earlier], *b = &m->event[x->later];
    return !a->host && !b->host && check_task_of(m, a->core, a->call)->name && x->knows_issue &&
           (a->op == PTO_OP_STORE || a->pipe != PTO_PIPE_S) && check_task_comes_after(m, b, a);
}

static oriel_finding_kind kind_of(const machine *m, const check_conflict *x, const check_waited **stale)
{
    const check_event *a = &m->event[x->earlier], *b = &m->event[x->later];
    *stale = NULL;
    if (x->line)
        return ORIEL_FINDING_LINE_CLOBBER;
    if (same_core(a, b))
        return ORIEL_FINDING_PIPE_RACE;
    if (a->host || b->host)
        return ORIEL_FINDING_EARLY_SIGNAL;
    if (is_undrained_return(m, x))
        return ORIEL_FINDING_EARLY_SIGNAL;
    bool waits_in_cache = a->op == PTO_OP_STORE || a->pipe != PTO_PIPE_S;
    if (x->knows_issue && waits_in_cache && m->core[a->core].rank != m->core[b->core].rank)
        return ORIEL_FINDING_EARLY_SIGNAL;
    *stale = stale_wait(m, a, b);
    if (!*stale)
        *stale = stale_wait(m, b, a);
    if (*stale)
        return ORIEL_FINDING_STALE_SIGNAL;
    oriel_touch_kind of_later_call = a->call < b->call ? x->later_kind : x->earlier_kind;
    if (m->core[a->core].rank != m->core[b->core].rank && a->call != b->call && of_later_call != ORIEL_TOUCH_READ)
        return ORIEL_FINDING_REUSE_RACE;
    return ORIEL_FINDING_RANK_RACE;
}

/* ---- Words ------------------------------------------------------------------------------------------------------ */

static void place(const oriel_found_side *side, char *text, size_t size)
{
    const char *slash = side->site ? strrchr(side->site->file, '/') : NULL;
    if (!side->site)
        snprintf(text, size, "the return of call %u", side->call);
    else if (!side->site->line)
        snprintf(text, size, "the completion of %s", side->site->function);
    else
        snprintf(text, size, "%s:%d", slash ? slash + 1 : side->site->file, side->site->line);
}

/* "rank 0", "rank 0, task 1 (consumer)". */
static const char *who(const oriel_found_side *side, char text[160])
{
    if (side->kernel && !side->host)
        snprintf(text, 160, "rank %u, task %u (%s)", side->rank, side->task, side->kernel);
    else
        snprintf(text, 160, "rank %u", side->rank);
    return text;
}

static bool tasks_of_one_rank(const oriel_found_side *side)
{
    return side[0].kernel && side[1].kernel && side[0].rank == side[1].rank && side[0].task != side[1].task;
}

/* Between two tasks of a rank, in the order in which they were submitted. */
static void missing_dependency(const oriel_found_side *side, char *text, size_t size)
{
    bool reversed = side[0].call > side[1].call || (side[0].call == side[1].call && side[0].task > side[1].task);
    const oriel_found_side *first = &side[reversed], *then = &side[!reversed];
    if (first->write)
        snprintf(
            text, size,
            "task %u (%s) after task %u (%s): a tensor of these bytes that the first writes and the second takes as "
            "an input, or an explicit dependency",
            then->task, then->kernel, first->task, first->kernel);
    else
        snprintf(
            text, size,
            "an explicit dependency of task %u (%s) on task %u (%s): no writer waits for those that read before it",
            then->task, then->kernel, first->task, first->kernel);
}

/*
 * Between cores. Which of two sides of one call came first is chance where nothing orders them: whoever writes what the other reads
 * was meant to.
 */
/* How what the scalar unit has stored gets to memory: "pto_dcci of its line after kernel.c:7, then pto_dsb". */
static void landing(const check_event *store, const char *where, char text[192])
{
    if (store->uncached)
        snprintf(text, 192, "pto_dsb after %s", where);
    else
        snprintf(text, 192, "pto_dcci of its line after %s, then pto_dsb", where);
}

static void missing_order(const machine *m, const check_conflict *x, const oriel_found_side *side, char *text,
                          size_t size)
{
    char a[96], b[96], stored[192];
    bool reversed = side[0].call == side[1].call && !side[0].write && side[1].write;
    const oriel_found_side *first = &side[reversed], *then = &side[!reversed];
    const check_event *before = &m->event[reversed ? x->later : x->earlier],
                      *after = &m->event[reversed ? x->earlier : x->later];
    place(first, a, sizeof a);
    place(then, b, sizeof b);
    if (tasks_of_one_rank(side) && !x->in_cache)
        missing_dependency(side, text, size);
    else if (x->in_cache)
        snprintf(text, size, "pto_dcci before %s: its line may have been fetched before %s", b, a);
    else if (before->op == PTO_OP_STORE) {
        landing(before, a, stored);
        snprintf(text, size, "%s, and a signal or barrier that the other side waits for before %s", stored, b);
    } else if (after->op == PTO_OP_LOAD && !after->uncached && !then->host)
        snprintf(text, size, "pto_dcci before %s, after the wait for what %s stored", b, a);
    else if (first->rank == then->rank)
        snprintf(text, size, "a drain after %s, then pto_core_barrier before %s", a, b);
    else
        snprintf(text, size, "a drain and a notify after %s on rank %u, and a wait for it before %s on rank %u", a,
                 first->rank, b, then->rank);
}

static void missing_edge(const machine *m, const check_conflict *x, oriel_finding_kind kind,
                         const oriel_found_side *side, char *text, size_t size)
{
    char a[96], b[96], stored[192];
    const char *p = oriel_pipe_name(side[0].pipe), *q = oriel_pipe_name(side[1].pipe);
    const check_event *earlier = &m->event[x->earlier];
    place(&side[0], a, sizeof a);
    place(&side[1], b, sizeof b);
    landing(earlier, a, stored);
    switch (kind) {
    case ORIEL_FINDING_PIPE_RACE:
        if (x->in_cache)
            snprintf(text, size, "pto_dcci between %s and %s", a, b);
        else if (earlier->op == PTO_OP_STORE)
            snprintf(text, size, "%s", stored);
        else if (m->event[x->later].op == PTO_OP_LOAD && m->event[x->later].uncached)
            snprintf(text, size, "a flag from %s to PIPE_S after %s", p, a);
        else if (m->event[x->later].op == PTO_OP_LOAD)
            snprintf(text, size, "a flag from %s to PIPE_S and then pto_dcci, between %s and %s", p, a, b);
        else if (side[0].pipe == side[1].pipe)
            snprintf(text, size, "pto_pipe_barrier(%s) between %s and %s", p, a, b);
        else
            snprintf(text, size, "set_flag(%s, %s, id) after %s and wait_flag(%s, %s, id) before %s", p, q, a, p, q, b);
        break;
    case ORIEL_FINDING_EARLY_SIGNAL:
        if ((side[1].host || x->returned) && earlier->op == PTO_OP_STORE)
            snprintf(text, size, "%s, before the kernel returns", stored);
        else if (side[1].host || x->returned)
            snprintf(text, size, "a drain after %s and before the kernel returns: pto_pipe_barrier(PIPE_ALL)", a);
        else if (earlier->op == PTO_OP_STORE)
            snprintf(text, size, "%s, before the notify", stored);
        else if (x->drained)
            snprintf(text, size, "pto_dsb between the drain after %s and the notify", a);
        else
            snprintf(text, size, "a drain between %s and the notify: pto_pipe_barrier(PIPE_ALL) and pto_dsb", a);
        break;
    case ORIEL_FINDING_STALE_SIGNAL:
        snprintf(text, size, "a value that each use makes anew (a generation), or a cell of its own for each use");
        break;
    case ORIEL_FINDING_REUSE_RACE:
        snprintf(text, size,
                 "a signal from rank %u, after %s, that rank %u waits for before %s; or two halves that alternate from "
                 "call to call",
                 side[0].rank, a, side[1].rank, b);
        break;
    case ORIEL_FINDING_LINE_CLOBBER:
        snprintf(text, size, "a cache line (%u B) for each writer", m->setup->limits->line_bytes);
        break;
    default: missing_order(m, x, side, text, size);
    }
}

static const char *verb(oriel_touch_kind kind)
{
    return kind == ORIEL_TOUCH_READ ? "reads" : "writes";
}

static void describe(const machine *m, const check_conflict *x, oriel_finding_kind kind, const oriel_found_side *side,
                     char *text, size_t size)
{
    char a[160], b[160];
    const char *between = kind == ORIEL_FINDING_LINE_CLOBBER ? "one cache line" : "the same bytes";
    if (kind == ORIEL_FINDING_EARLY_SIGNAL && side[1].host)
        snprintf(text, size, "%s of %s may still be under way when the kernel returns", side[0].what, who(&side[0], a));
    else if (x->returned)
        snprintf(text, size, "%s of %s may still be under way when %s of %s, which comes after it, %s the bytes",
                 side[0].what, who(&side[0], a), side[1].what, who(&side[1], b), verb(x->later_kind));
    else if (kind == ORIEL_FINDING_EARLY_SIGNAL)
        snprintf(text, size, "%s signals before its %s is %s: %s's %s %s the bytes too early", who(&side[0], a),
                 side[0].what, x->drained ? "fenced" : "complete", who(&side[1], b), side[1].what, verb(x->later_kind));
    else if (kind == ORIEL_FINDING_REUSE_RACE)
        snprintf(text, size, "%s of %s in call %u overwrites what %s of %s in call %u may still %s", side[1].what,
                 who(&side[1], b), side[1].call, side[0].what, who(&side[0], a), side[0].call,
                 side[0].write ? "write" : "read");
    else if (kind == ORIEL_FINDING_STALE_SIGNAL)
        snprintf(text, size,
                 "a wait is satisfied by what an earlier use left: %s of %s and %s of %s touch %s unordered",
                 side[0].what, who(&side[0], a), side[1].what, who(&side[1], b), between);
    else
        snprintf(text, size, "%s of %s and %s of %s touch %s, and nothing orders them", side[0].what, who(&side[0], a),
                 side[1].what, who(&side[1], b), between);
    (void)m;
}

/* ---- The end of a schedule -------------------------------------------------------------------------------------- */

static void report_mismatch(machine *m)
{
    oriel_found_side side[2] = {check_side(m, m->mismatch[0]), check_side(m, m->mismatch[1])};
    char text[256];
    snprintf(text, sizeof text, "rank %u and rank %u do not wait for the same: other cells, or another value",
             side[0].rank, side[1].rank);
    check_report(m, ORIEL_FINDING_RANK_MISMATCH, side, 2, text, "one count on all ranks");
}

static bool between_ranks(oriel_finding_kind kind)
{
    return kind == ORIEL_FINDING_RANK_RACE || kind == ORIEL_FINDING_STALE_SIGNAL || kind == ORIEL_FINDING_REUSE_RACE;
}

static void classify(machine *m, check_conflict *x)
{
    const check_waited *stale;
    oriel_finding_kind kind = kind_of(m, x, &stale);
    x->returned = kind == ORIEL_FINDING_EARLY_SIGNAL && is_undrained_return(m, x);
    if (between_ranks(kind) && m->mismatch[0] != NONE && !stale) {
        report_mismatch(m);
        return;
    }
    oriel_found_side side[4] = {check_side(m, x->earlier), check_side(m, x->later)};
    uint32_t sides = 2;
    char message[ORIEL_FOUND_TEXT], missing[ORIEL_FOUND_TEXT];
    side[0].write = x->earlier_kind != ORIEL_TOUCH_READ;
    side[1].write = x->later_kind != ORIEL_TOUCH_READ;
    for (int i = 0; i < 2; i++)
        check_bytes_text(m, x->local_core != NONE, x->from, x->to, side[i].bytes, sizeof side[i].bytes);
    if (kind == ORIEL_FINDING_REUSE_RACE &&
        side[0].call > side[1].call) { /* as told: the call before, the call after */
        oriel_found_side first = side[1];
        side[1] = side[0];
        side[0] = first;
    }
    describe(m, x, kind, side, message, sizeof message);
    missing_edge(m, x, kind, side, missing, sizeof missing);
    if (kind == ORIEL_FINDING_EARLY_SIGNAL && !side[1].host && !x->returned && x->notify != NONE)
        side[sides++] = check_side(m, m->notify[x->notify].event);
    if (stale) { /* the wait is the cause: what it let through varies */
        side[2] = side[1];
        side[1] = side[0];
        side[0] = check_side(m, stale->event);
        sides = 3;
    }
    check_report(m, kind, side, sides, message, missing);
}

void check_classify(machine *m)
{
    for (uint32_t i = 0; i < m->conflicts; i++)
        classify(m, &m->conflict[i]);
}
