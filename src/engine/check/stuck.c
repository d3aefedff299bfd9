/* SPDX-License-Identifier: Apache-2.0 */
/* Why nothing moves: every waiter with what it waits for, and either the missing set or signal, or the cycle. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/check/machine.h"

typedef struct waiters {
    oriel_found_side *side;
    uint32_t count;
    uint32_t *core; /* whose */
} waiters;

static void add(waiters *list, const oriel_found_side *side, uint32_t core)
{
    list->core[list->count] = core;
    list->side[list->count++] = *side;
}

/* ---- Flags that nobody sets ------------------------------------------------------------------------------------- */

static void never_set(check_core *c, uint32_t event, pto_pipe src, pto_pipe dst, uint32_t id)
{
    char text[256];
    oriel_found_side side = check_side(c->machine, event);
    snprintf(text, sizeof text, "wait_flag(%s, %s, %u) waits for a flag that is never set", oriel_pipe_name(src),
             oriel_pipe_name(dst), id);
    uint32_t found = check_report(c->machine, ORIEL_FINDING_FLAG_MISUSE, &side, 1, text,
                                  "the set_flag of the same pipes and id, before the wait in program order");
    if (found != NONE)
        c->machine->findings.found[found].self_evident = true;
}

static bool is_never_set(const check_core *c, pto_pipe src, pto_pipe dst, uint32_t id)
{
    return c->flag[src][dst][id].sets < c->flag[src][dst][id].waits;
}

/* The thing that holds a pipe back: its first wait that is not done. NULL: none. */
static const check_item *blocking(const check_pipe *pipe)
{
    for (uint32_t i = 0; i < pipe->items; i++)
        if (!pipe->item[i]->done && pipe->item[i]->kind == ITEM_WAIT)
            return pipe->item[i];
    return NULL;
}

/* A wait that waits for a flag that was lost: that was told when it was lost, and this is the harm of it. */
static bool ends_a_loss(machine *m, const check_flag *flag)
{
    if (flag->lost == NONE)
        return false;
    m->findings.found[flag->lost].self_evident = true;
    return true;
}

static bool follows_from_loss(machine *m)
{
    bool any = false;
    for (uint32_t i = 0; i < m->cores; i++) {
        check_core *c = &m->core[i];
        for (int p = PTO_PIPE_MTE2; p < PTO_PIPE_ALL; p++) {
            const check_item *item = blocking(&c->pipe[p]);
            any |= item && ends_a_loss(m, &c->flag[item->other][p][item->id]);
        }
        any |= c->state == CORE_AT_FLAG && ends_a_loss(m, &c->flag[c->at_sync->src][PTO_PIPE_S][c->at_sync->id]);
    }
    return any;
}

/* A wait for a cell in which a Set may have erased what it waits for: that was told. */
static bool follows_from_misuse(machine *m)
{
    bool any = false;
    for (uint32_t i = 0; i < m->cores; i++) {
        const check_core *c = &m->core[i];
        if (c->state != CORE_AT_SIGNAL)
            continue;
        uint32_t cell = check_find_cell(m, check_cell_offset(c, c->at_cell));
        if (cell == NONE || m->cell[cell].misused == NONE)
            continue;
        m->findings.found[m->cell[cell].misused].self_evident = any = true;
    }
    return any;
}

static bool report_never_set(machine *m)
{
    bool any = false;
    for (uint32_t i = 0; i < m->cores; i++) {
        check_core *c = &m->core[i];
        for (int p = PTO_PIPE_MTE2; p < PTO_PIPE_ALL; p++) {
            const check_item *item = blocking(&c->pipe[p]);
            if (item && is_never_set(c, item->other, (pto_pipe)p, item->id)) {
                never_set(c, item->event, item->other, (pto_pipe)p, item->id);
                any = true;
            }
        }
        if (c->state == CORE_AT_FLAG && is_never_set(c, c->at_sync->src, PTO_PIPE_S, c->at_sync->id)) {
            never_set(c, c->at_event, c->at_sync->src, PTO_PIPE_S, c->at_sync->id);
            any = true;
        }
    }
    return any;
}

/* ---- Who waits -------------------------------------------------------------------------------------------------- */

static void add_signal_waiter(machine *m, check_core *c, waiters *list)
{
    const pto_signal *signal = c->at_signal;
    uint64_t offset = check_cell_offset(c, c->at_cell);
    uint32_t event = check_event_here(c, signal->op, signal->site);
    oriel_found_side side = check_side(m, event);
    char bytes[100];
    int32_t seen = check_cell_value(m, offset);
    check_bytes_text(m, false, offset, offset + 4, bytes, sizeof bytes);
    snprintf(side.bytes, sizeof side.bytes, "%s: wants %s %" PRId32 ", sees %" PRId32, bytes,
             oriel_cmp_name((pto_cmp)signal->mode), signal->value, seen);
    add(list, &side, c->index);
}

/* Of a task that has not begun, its first block: which task it waits for. */
static void add_task_waiter(machine *m, check_core *c, waiters *list)
{
    oriel_found_side side = check_side(m, check_event_here(c, PTO_OP_COUNT, NULL));
    uint32_t for_whom = check_task_awaited(c);
    snprintf(side.what, sizeof side.what, "its start");
    snprintf(side.bytes, sizeof side.bytes, "after task %u (%.100s), which is not complete", for_whom,
             check_graph_of(m, c->rank, c->call)->task[for_whom].name);
    add(list, &side, c->index);
}

static void add_task_waiters(machine *m, waiters *list)
{
    for (uint32_t i = 0; i < m->cores; i++) {
        check_core *c = &m->core[i];
        if (c->state == CORE_WAITING && c->block == c->task->first && check_task_awaited(c) != NONE)
            add_task_waiter(m, c, list);
    }
}

static void add_waiters(machine *m, waiters *list)
{
    for (uint32_t i = 0; i < m->cores; i++) {
        check_core *c = &m->core[i];
        if (c->state == CORE_AT_SIGNAL) {
            add_signal_waiter(m, c, list);
        } else if (c->state == CORE_AT_FLAG || c->state == CORE_AT_BARRIER || c->state == CORE_DRAINING ||
                   c->state == CORE_FENCING) {
            oriel_found_side side = check_side(m, c->at_event);
            add(list, &side, i);
        }
        for (int p = PTO_PIPE_MTE2; p < PTO_PIPE_ALL; p++) {
            const check_item *item = blocking(&c->pipe[p]);
            if (!item)
                continue;
            oriel_found_side side = check_side(m, item->event);
            snprintf(side.bytes, sizeof side.bytes, "flag (%s, %s, %u), which has not fired",
                     oriel_pipe_name(item->other), oriel_pipe_name((pto_pipe)p), item->id);
            side.pipe = (pto_pipe)p;
            add(list, &side, i);
        }
    }
}

/* ---- Why -------------------------------------------------------------------------------------------------------- */

/* Signals of one call that the cell got before notify number `before` of the machine. */
static uint32_t signals_of_call(const machine *m, const check_cell *cell, uint32_t call, uint32_t before)
{
    uint32_t count = 0;
    for (uint32_t k = 0; k < cell->notifies; k++)
        count += cell->notify[k] < before && m->notify[cell->notify[k]].call == call;
    return count;
}

/* In an earlier call the same wait passed, with no more signals of its own call than have come in this one. NULL: it did not. */
static const check_waited *passed_with_as_many(const machine *m, const check_core *c, uint32_t index)
{
    uint32_t now = signals_of_call(m, &m->cell[index], c->call, m->notifies);
    for (uint32_t i = 0; i < m->waiteds; i++) {
        const check_waited *w = &m->waited[i];
        if (w->core == c->index && w->cell == index && w->call < c->call &&
            m->event[w->event].site == c->at_signal->site &&
            signals_of_call(m, &m->cell[index], w->call, w->notifies) <= now)
            return w;
    }
    return NULL;
}

/*
 * What stops a waiter of a later call, whose signals have come as they came before, when that is the last signal of an earlier call to its
 * cell: it would go on if the cell were as it was at the beginning, or it has written the cell back itself. NONE: that is not it.
 */
static uint32_t left_over(const machine *m, const check_core *c)
{
    if (c->state != CORE_AT_SIGNAL || c->call == 0)
        return NONE;
    uint32_t index = check_find_cell(m, check_cell_offset(c, c->at_cell)), left = NONE;
    if (index == NONE)
        return NONE;
    const check_cell *cell = &m->cell[index];
    uint32_t value = (uint32_t)cell->first;
    for (uint32_t k = 0; k < cell->notifies; k++) {
        const check_notify *n = &m->notify[cell->notify[k]];
        if (n->call < c->call)
            left = cell->notify[k];
        else
            value = check_after(value, n);
    }
    if (left == NONE)
        return NONE;
    bool enough = oriel_compare((int32_t)value, (pto_cmp)c->at_signal->mode, c->at_signal->value);
    bool signalled = signals_of_call(m, cell, c->call, m->notifies) > 0;
    const check_waited *before = passed_with_as_many(m, c, index);
    bool written_back = before && left >= before->notifies && m->notify[left].core == c->index;
    return (enough && (signalled || before)) || written_back ? m->notify[left].event : NONE;
}

/* The core whose notify could end the wait: who has notified the cell, or its counterpart on another rank, and waits too. */
static const check_core *expected_from(const machine *m, const check_core *c)
{
    if (c->state == CORE_AT_BARRIER) {
        for (uint32_t i = 0; i < m->cores; i++)
            if (m->core[i].rank == c->rank && m->core[i].task == c->task && m->core[i].state != CORE_AT_BARRIER)
                return &m->core[i];
    }
    if (c->state != CORE_AT_SIGNAL)
        return NULL;
    uint32_t index = check_find_cell(m, check_cell_offset(c, c->at_cell));
    if (index != NONE && m->cell[index].notifies)
        return &m->core[m->notify[m->cell[index].notify[m->cell[index].notifies - 1]].core];
    return NULL;
}

/* The first of those that wait is a task's condition, for which others may wait. */
static void explain_condition(const waiters *list, char *text, size_t size)
{
    const oriel_found_side *first = &list->side[0], *next = list->count > 1 ? &list->side[1] : NULL;
    int length = snprintf(text, size, "nothing can move: task %u (%s) of rank %u does not become complete", first->task,
                          first->kernel, first->rank);
    if (next && length > 0 && (size_t)length < size)
        snprintf(text + length, size - (size_t)length, ", and %u more wait", list->count - 1);
}

static void explain(const machine *m, const waiters *list, char *text, size_t size)
{
    if (list->count && m->core[list->core[0]].at_condition) {
        explain_condition(list, text, size);
        return;
    }
    const check_core *from = list->count ? &m->core[list->core[0]] : NULL, *at = from;
    uint32_t length = 0;
    char path[256] = "";
    for (uint32_t step = 0; at && step < m->cores; step++) {
        length += (uint32_t)snprintf(path + length, length < sizeof path ? sizeof path - length : 0, "rank %u%s",
                                     at->rank, step < 7 ? " -> " : "");
        if (length >= sizeof path - 16 || step == 7)
            break;
        at = expected_from(m, at);
        if (at == from) {
            snprintf(text, size, "nothing can move: %u wait for one another (%srank %u)", list->count, path,
                     from->rank);
            return;
        }
    }
    uint32_t waiting = 0;
    for (uint32_t i = 0; i < m->cores; i++)
        waiting += m->core[i].state == CORE_AT_SIGNAL;
    snprintf(text, size, "nothing can move: %u %s, and %s", list->count, list->count == 1 ? "waits" : "wait",
             waiting == m->cores ? "nobody is left to signal" : "what would end it is missing");
}

/* What would end the wait of the first. */
static void missing_end(const machine *m, const waiters *list, char *text, size_t size)
{
    const check_core *first = list->count ? &m->core[list->core[0]] : NULL;
    if (first && first->state == CORE_AT_BARRIER) {
        const check_core *absent = expected_from(m, first);
        snprintf(text, size, "pto_core_barrier of the same number on each core of rank %u: core %u has not come to it",
                 first->rank, absent ? absent->block : 0);
    } else if (first && first->state == CORE_AT_SIGNAL) {
        uint32_t cell = check_find_cell(m, check_cell_offset(first, first->at_cell));
        bool never = cell == NONE || m->cell[cell].notifies == 0;
        snprintf(text, size, "the notify that ends the first of these waits%s",
                 never ? ": nobody has ever signalled its cell" : "");
    } else {
        snprintf(text, size, "the notify, or the set_flag, that ends the first of these waits");
    }
}

/* The last signal of an earlier call without which the wait or test would have answered otherwise; NONE. */
static uint32_t taken_for_its_own(const machine *m, const check_waited *w)
{
    const check_cell *cell = &m->cell[w->cell];
    uint32_t left = NONE, value = (uint32_t)cell->first;
    for (uint32_t k = 0; k < cell->notifies; k++) {
        const check_notify *n = &m->notify[cell->notify[k]];
        if (cell->notify[k] >= w->notifies)
            break;
        if (n->call < w->call)
            left = n->event;
        else
            value = check_after(value, n);
    }
    return oriel_compare((int32_t)value, (pto_cmp)w->cmp, w->value) ? NONE : left;
}

bool check_tell_left_over(machine *m)
{
    for (uint32_t i = 0; i < m->waiteds; i++) {
        const check_waited *w = &m->waited[i];
        uint32_t left = w->vacuous && w->call > 0 ? taken_for_its_own(m, w) : NONE;
        if (left == NONE)
            continue;
        char text[ORIEL_FOUND_TEXT];
        oriel_found_side side[2] = {check_side(m, w->event), check_side(m, left)};
        snprintf(text, sizeof text, "what an earlier call left in a cell answers a %s of a later one: %s", side[0].what,
                 m->wrong);
        uint32_t found =
            check_report(m, ORIEL_FINDING_RESIDUE, side, 2, text,
                         "a cell that each call leaves as it found it, or a value that each call makes anew");
        m->findings.found[found].self_evident = true;
        return true;
    }
    return false;
}

/* Waits that never ended were not compared with those of other ranks. */
static void compare_waiters(machine *m)
{
    for (uint32_t i = 0; i < m->cores; i++) {
        check_core *c = &m->core[i];
        if (c->state == CORE_AT_SIGNAL && !c->at_condition)
            check_agree_wait(c, c->at_signal, check_event_here(c, c->at_signal->op, c->at_signal->site));
    }
}

void check_stuck(machine *m)
{
    compare_waiters(m);
    if (follows_from_loss(m) || follows_from_misuse(m) || report_never_set(m))
        return;
    uint32_t most = m->cores * 5 + 1;
    waiters list = {.side = calloc(most, sizeof *list.side), .core = calloc(most, sizeof *list.core)};
    if (!list.side || !list.core)
        abort();
    char text[ORIEL_FOUND_TEXT];
    add_waiters(m, &list);
    add_task_waiters(m, &list);
    uint32_t left = NONE;
    for (uint32_t i = 0; i < m->cores && left == NONE; i++)
        left = left_over(m, &m->core[i]);
    oriel_finding_kind kind = ORIEL_FINDING_DEADLOCK;
    explain(m, &list, text, sizeof text);
    if (m->mismatch[0] != NONE) {
        kind = ORIEL_FINDING_RANK_MISMATCH;
        oriel_found_side side = check_side(m, m->mismatch[1]);
        add(&list, &side, 0);
        snprintf(text, sizeof text, "ranks do not wait for the same count, and some wait for ever");
    } else if (left != NONE) {
        kind = ORIEL_FINDING_RESIDUE;
        oriel_found_side side = check_side(m, left);
        add(&list, &side, 0);
        snprintf(text, sizeof text, "what an earlier call left in a cell makes a wait of a later call impossible");
    }
    char missing[ORIEL_FOUND_TEXT] = "a value that each call makes anew, and a comparison that it cannot overshoot";
    if (kind != ORIEL_FINDING_RESIDUE)
        missing_end(m, &list, missing, sizeof missing);
    uint32_t found = check_report(m, kind, list.side, list.count, text, missing);
    if (found != NONE)
        m->findings.found[found].self_evident = true;
    free(list.side);
    free(list.core);
}

void check_endless(machine *m)
{
    for (uint32_t i = 0; i < m->cores; i++) {
        check_core *c = &m->core[i];
        if (!c->endless)
            continue;
        oriel_found_side side = check_side(m, check_event_here(c, (pto_op)c->endless_op, *m->setup->running));
        uint32_t found = check_report(m, ORIEL_FINDING_DEADLOCK, &side, 1, "a kernel goes on and on without an end",
                                      "an end of its loop");
        if (found != NONE)
            m->findings.found[found].self_evident = true;
    }
}
