/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipes: things start in order, complete in any order (PIPE_V of some platforms: in order), and are held back by flags and
 * barriers only. docs/memory-model.md has the rules.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/check/machine.h"

#define FLAGS (PTO_PIPE_ALL * PTO_PIPE_ALL * 32)

static bool in_order(const check_core *c, const check_pipe *pipe)
{
    return pipe == &c->pipe[PTO_PIPE_M] || (pipe == &c->pipe[PTO_PIPE_V] && c->machine->setup->limits->vector_in_order);
}

static bool is_held(const check_core *c, const check_pipe *pipe, uint32_t ordinal)
{
    const oriel_hold *hold = &c->machine->plan->hold;
    return hold->kind == ORIEL_HOLD_ITEM && hold->core == c->index && hold->ordinal == ordinal &&
           &c->pipe[hold->pipe] == pipe;
}

/*
 * Of others, a core's pipes know what their scalar unit told them, or a flag from another of them: nothing but what it knew itself,
 * at some time. So the version says which of two clocks of one core knows more of others, and that two know the same.
 */
static void learn(check_core *c, check_pipe *pipe, const oriel_clock *clock, uint64_t version)
{
    if (pipe->seen >= version) {
        oriel_clock_join_core(&pipe->start, clock, check_queue(c->index, 0));
        return;
    }
    oriel_clock_join(&pipe->start, clock);
    pipe->seen = version;
}

static void copy(check_core *c, oriel_clock *to, uint64_t *to_version, const oriel_clock *from, uint64_t version)
{
    if (*to_version == version)
        oriel_clock_copy_core(to, from, check_queue(c->index, 0));
    else
        oriel_clock_copy(to, from);
    *to_version = version;
}

/* The pipe's next thing starts no earlier than its issue. */
static void learn_issue(check_core *c, check_pipe *pipe)
{
    learn(c, pipe, &c->clock, c->version);
    oriel_clock_raise(&pipe->start, check_queue(c->index, PTO_PIPE_S), c->count);
}

static check_item *new_item(check_core *c)
{
    check_item *item = c->spare;
    if (item)
        c->spare = item->next;
    else
        item = calloc(1, sizeof *item);
    if (!item)
        abort();
    *item = (check_item){.issue = item->issue, .version = item->version};
    return item;
}

static void free_item(check_core *c, check_item *item)
{
    item->next = c->spare;
    c->spare = item;
}

static check_item *push(check_core *c, check_pipe *pipe, item_kind kind, uint32_t event)
{
    if (pipe->items == pipe->room) {
        pipe->room = pipe->room ? 2 * pipe->room : 16;
        pipe->item = realloc(pipe->item, pipe->room * sizeof *pipe->item);
        if (!pipe->item)
            abort();
    }
    check_item *item = new_item(c);
    pipe->item[pipe->items++] = item;
    item->kind = kind;
    item->event = event;
    item->ordinal = pipe->issued;
    item->held = is_held(c, pipe, pipe->issued);
    copy(c, &item->issue, &item->version, &c->clock, c->version);
    oriel_clock_raise(&item->issue, check_queue(c->index, PTO_PIPE_S), c->count);
    return item;
}

static void copy_instr(check_item *item, const pto_instr *instr)
{
    item->instr = *instr;
    for (int i = 0; i < 3; i++) {
        if (instr->tile[i]) {
            item->tile[i] = *instr->tile[i];
            item->instr.tile[i] = &item->tile[i];
        }
    }
    for (int i = 0; i < 2; i++) {
        if (instr->global[i]) {
            item->global[i] = *instr->global[i];
            item->instr.global[i] = &item->global[i];
        }
    }
}

/* ---- Issue ------------------------------------------------------------------------------------------------------ */

static void name_event(machine *m, uint32_t event, const check_pipe *pipe)
{
    m->event[event].queue = pipe->queue;
    m->event[event].ordinal = pipe->issued;
}

void check_issue(check_core *c, const pto_instr *instr, uint32_t event)
{
    machine *m = c->machine;
    check_pipe *pipe = &c->pipe[oriel_instr_pipe(instr)];
    pipe->issued++;
    name_event(m, event, pipe);
    if (pipe->items == 0 && !m->plan->choose && !is_held(c, pipe, pipe->issued)) {
        learn_issue(c, pipe);
        if (in_order(c, pipe))
            oriel_clock_raise(&pipe->start, pipe->queue, pipe->issued - 1);
        check_do(c, instr, event, &pipe->start);
        return;
    }
    copy_instr(push(c, pipe, ITEM_INSTR, event), instr);
    if (!m->plan->choose)
        check_pump(c);
}

/* ---- Flags ------------------------------------------------------------------------------------------------------ */

static oriel_found_side flag_side(machine *m, uint32_t event, const char *name)
{
    oriel_found_side side = check_side(m, event);
    snprintf(side.what, sizeof side.what, "%s", name);
    return side;
}

static uint32_t flag_finding(check_core *c, oriel_finding_kind kind, uint32_t now, uint32_t before,
                             const char *before_name, const char *text, const char *missing)
{
    machine *m = c->machine;
    oriel_found_side side[2] = {check_side(m, now)};
    if (before != NONE)
        side[1] = flag_side(m, before, before_name);
    return check_report(m, kind, side, before == NONE ? 1 : 2, text, missing);
}

static const char *flag_name(pto_pipe src, pto_pipe dst, uint32_t id, char text[64])
{
    snprintf(text, 64, "(%s, %s, %u)", oriel_pipe_name(src), oriel_pipe_name(dst), id);
    return text;
}

/* The flag fires; `start` is what its source knew. All of `complete` things of the source are done. */
static void fire(check_core *c, pto_pipe src, pto_pipe dst, uint32_t id, uint32_t event, const oriel_clock *start,
                 uint64_t version, uint32_t complete)
{
    machine *m = c->machine;
    check_flag *flag = &c->flag[src][dst][id];
    char name[64], text[256];
    uint32_t waiter = check_queue(c->index, dst);
    bool may_be_set = flag->wait_event != NONE && oriel_clock_get(start, waiter) < flag->wait_ordinal;
    if (flag->set && flag->set_call == m->event[event].call) {
        snprintf(text, sizeof text, "flag %s is set twice with no wait between: one is lost",
                 flag_name(src, dst, id, name));
        flag->lost = flag_finding(c, ORIEL_FINDING_FLAG_MISUSE, event, flag->set_event, "set_flag", text,
                                  "a wait_flag between the two, and an edge from it back to the second set_flag");
    } else if (!flag->set && may_be_set) {
        snprintf(text, sizeof text, "flag %s can be set again before its wait has consumed it: one is lost",
                 flag_name(src, dst, id, name));
        flag_finding(
            c, ORIEL_FINDING_FLAG_MISUSE, event, flag->wait_event, "wait_flag", text,
            "an edge back from the waiting pipe to the setting one, after the wait_flag and before this set_flag");
    }
    flag->set = true;
    flag->set_event = event;
    flag->set_call = m->event[event].call;
    copy(c, &flag->gives, &flag->version, start, version);
    oriel_clock_raise(&flag->gives, check_queue(c->index, src), complete);
}

void check_fire(check_core *c, const pto_sync *sync, uint32_t event)
{
    oriel_clock_raise(&c->clock, check_queue(c->index, PTO_PIPE_S), c->count);
    fire(c, PTO_PIPE_S, sync->dst, sync->id, event, &c->clock, c->version, c->count);
    check_pump(c);
}

void check_take_flag(check_core *c, pto_pipe src, uint32_t id, uint32_t event)
{
    check_flag *flag = &c->flag[src][PTO_PIPE_S][id];
    flag->set = false;
    flag->wait_event = event;
    flag->wait_ordinal = c->count;
    check_learn_own(c, &flag->gives);
}

/* In program order: what the statements themselves say about a flag, whatever the pipes do. */
static void follow_program(check_core *c, const pto_sync *sync, uint32_t event)
{
    machine *m = c->machine;
    check_flag *flag = &c->flag[sync->src][sync->dst][sync->id];
    char name[64], text[256];
    bool left = flag->sets > flag->waits && m->event[flag->last_set].call != c->call;
    if (left && !flag->told) {
        bool waits = sync->op == PTO_OP_WAIT_FLAG;
        flag->told = true;
        snprintf(text, sizeof text,
                 waits ? "flag %s, left set by the call before, satisfies this wait too early"
                       : "flag %s is left set when the kernel returns, and set again by the next call",
                 flag_name(sync->src, sync->dst, sync->id, name));
        flag_finding(c, waits ? ORIEL_FINDING_RESIDUE : ORIEL_FINDING_FLAG_MISUSE, waits ? event : flag->last_set,
                     waits ? flag->last_set : event, "set_flag", text, "a wait_flag for it before the kernel returns");
    }
    if (sync->op == PTO_OP_WAIT_FLAG) {
        flag->waits++;
        return;
    }
    for (uint32_t other = 0; other < PTO_PIPE_ALL && m->setup->options->profile == ORIEL_PROFILE_STRICT; other++) {
        const check_flag *rival = &c->flag[sync->src][other][sync->id];
        if (other == sync->dst || rival->sets <= rival->waits)
            continue;
        snprintf(text, sizeof text, "set_flag%s while the flag of the same source and id toward %s is pending",
                 flag_name(sync->src, sync->dst, sync->id, name), oriel_pipe_name((pto_pipe)other));
        flag_finding(c, ORIEL_FINDING_FLAG_MISUSE, event, rival->last_set, "set_flag", text,
                     "another event id, or the wait_flag of the first before this set_flag");
    }
    flag->sets++;
    flag->last_set = event;
}

void check_flags_at_return(check_core *c)
{
    machine *m = c->machine;
    if (c->call + 1 < m->setup->calls)
        return; /* the next call shows what a flag that is left does */
    for (uint32_t src = 0; src < PTO_PIPE_ALL; src++)
        for (uint32_t dst = 0; dst < PTO_PIPE_ALL; dst++)
            for (uint32_t id = 0; id < m->setup->limits->event_ids; id++) {
                check_flag *flag = &c->flag[src][dst][id];
                char name[64], text[256];
                if (flag->sets <= flag->waits || flag->told)
                    continue;
                flag->told = true;
                snprintf(text, sizeof text, "flag %s is left set when the kernel returns",
                         flag_name((pto_pipe)src, (pto_pipe)dst, id, name));
                flag_finding(c, ORIEL_FINDING_FLAG_MISUSE, flag->last_set, NONE, "", text,
                             "a wait_flag for it before the kernel returns");
            }
}

/* ---- Queued synchronizations ------------------------------------------------------------------------------------ */

void check_queue_sync(check_core *c, const pto_sync *sync, uint32_t event)
{
    machine *m = c->machine;
    bool waits = sync->op == PTO_OP_WAIT_FLAG, barrier = sync->op == PTO_OP_PIPE_BARRIER;
    if (!barrier)
        follow_program(c, sync, event);
    pto_pipe on = waits ? sync->dst : sync->src;
    if (on == PTO_PIPE_S)
        return;
    check_pipe *pipe = &c->pipe[on];
    pipe->issued++;
    name_event(m, event, pipe);
    check_item *item = push(c, pipe, barrier ? ITEM_BARRIER : waits ? ITEM_WAIT : ITEM_SET, event);
    item->other = waits ? sync->src : sync->dst;
    item->id = sync->id;
    pipe->barriers_issued += barrier;
    check_pump(c);
}

static bool touches_tile(const check_item *item, const oriel_footprint *tile)
{
    oriel_footprint f[ORIEL_MAX_FOOTPRINTS];
    uint32_t count = oriel_instr_footprint(&item->instr, f);
    for (uint32_t i = 0; i < count; i++)
        if (f[i].space == ORIEL_SPACE_LOCAL && f[i].start < tile->start + oriel_footprint_span(tile) &&
            tile->start < f[i].start + oriel_footprint_span(&f[i]))
            return true;
    return false;
}

static check_spoiled *add_spoiled(check_core *c, const pto_tile *tile)
{
    if (check_drained(c))
        c->spoileds = 0; /* nobody counts down any more */
    if (c->spoileds == c->spoiled_room) {
        c->spoiled_room = c->spoiled_room ? 2 * c->spoiled_room : 8;
        c->spoiled = realloc(c->spoiled, c->spoiled_room * sizeof *c->spoiled);
        if (!c->spoiled)
            abort();
    }
    c->spoiled[c->spoileds] = (check_spoiled){.tile = *tile};
    return &c->spoiled[c->spoileds++];
}

/* Those of instructions before the composite as well: it need not have used the tile at all. */
void check_spoil(check_core *c, const pto_tile *tile)
{
    const oriel_footprint bytes = oriel_tile_footprint(tile, true);
    check_spoiled *spoiled = add_spoiled(c, tile);
    for (int p = PTO_PIPE_MTE2; p < PTO_PIPE_ALL; p++)
        for (uint32_t i = 0; i < c->pipe[p].items; i++) {
            check_item *item = c->pipe[p].item[i];
            if (item->done || item->kind != ITEM_INSTR || item->spoils == MAX_SPOILS || !touches_tile(item, &bytes))
                continue;
            item->spoil[item->spoils++] = (uint32_t)(spoiled - c->spoiled);
            spoiled->left++;
        }
    if (!spoiled->left)
        check_undefine(c, tile);
}

/* ---- What can happen next --------------------------------------------------------------------------------------- */

static pto_pipe pipe_of(const check_core *c, const check_pipe *pipe)
{
    return (pto_pipe)(pipe - c->pipe);
}

/* The item has come to the head of those that may start: what it knows is settled. `kind` tells done from started. */
static void start_item(check_core *c, check_pipe *pipe, check_item *item)
{
    if (item->started)
        return;
    item->started = true;
    learn(c, pipe, &item->issue, item->version);
    if (item->kind == ITEM_INSTR && in_order(c, pipe))
        oriel_clock_raise(&pipe->start, pipe->queue, item->ordinal - 1);
    copy(c, &item->issue, &item->version, &pipe->start, pipe->seen);
}

static void complete_instr(check_core *c, check_item *item)
{
    item->done = true;
    check_do(c, &item->instr, item->event, &item->issue);
    for (uint32_t i = 0; i < item->spoils; i++)
        if (--c->spoiled[item->spoil[i]].left == 0)
            check_undefine(c, &c->spoiled[item->spoil[i]].tile);
}

static check_flag *flag_of(check_core *c, const check_pipe *pipe, const check_item *wait)
{
    return &c->flag[wait->other][pipe_of(c, pipe)][wait->id];
}

static void take_wait(check_core *c, check_pipe *pipe, check_item *item)
{
    check_flag *flag = flag_of(c, pipe, item);
    flag->set = false;
    flag->wait_event = item->event;
    flag->wait_ordinal = item->ordinal;
    learn(c, pipe, &flag->gives, flag->version);
    item->done = true;
}

static void pass_barrier(check_pipe *pipe, check_item *item)
{
    oriel_clock_raise(&pipe->start, pipe->queue, item->ordinal - 1);
    oriel_clock_copy(&pipe->barrier, &pipe->start);
    pipe->barriers_passed++;
    item->done = true;
}

static void compact(check_core *c, check_pipe *pipe)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < pipe->items; i++) {
        if (pipe->item[i]->done)
            free_item(c, pipe->item[i]);
        else
            pipe->item[kept++] = pipe->item[i];
    }
    pipe->items = kept;
}

/* Both touch the same bytes of the core's memories, and one of them writes. */
static bool share_tile(const pto_instr *a, const pto_instr *b)
{
    oriel_footprint fa[ORIEL_MAX_FOOTPRINTS], fb[ORIEL_MAX_FOOTPRINTS];
    uint32_t na = oriel_instr_footprint(a, fa), nb = oriel_instr_footprint(b, fb);
    for (uint32_t i = 0; i < na; i++)
        for (uint32_t j = 0; j < nb; j++)
            if (fa[i].space == ORIEL_SPACE_LOCAL && fb[j].space == ORIEL_SPACE_LOCAL && (fa[i].write || fb[j].write) &&
                fa[i].start < fb[j].start + oriel_footprint_span(&fb[j]) &&
                fb[j].start < fa[i].start + oriel_footprint_span(&fa[i]))
                return true;
    return false;
}

/* An instruction, number `i` of those queued, that comes after one before it which is not complete. */
static bool keeps_its_place(const check_core *c, const check_pipe *pipe, uint32_t i)
{
    if (in_order(c, pipe))
        return true;
    if (c->machine->setup->options->profile != ORIEL_PROFILE_DOCUMENTED)
        return false;
    for (uint32_t k = 0; k < i; k++)
        if (!pipe->item[k]->done && pipe->item[k]->kind == ITEM_INSTR &&
            share_tile(&pipe->item[k]->instr, &pipe->item[i]->instr))
            return true;
    return false;
}

/*
 * Goes through a pipe from its oldest thing on. What can happen is done if `eager`, and else counted in `able`; number `pick`
 * of them is done (NONE: none). Barriers are passed as soon as they can be: what is behind them may start late all the same.
 */
static bool walk(check_core *c, check_pipe *pipe, bool eager, uint32_t pick, uint32_t *able)
{
    bool moved = false, pending = false;
    for (uint32_t i = 0; i < pipe->items; i++) {
        check_item *item = pipe->item[i];
        if (item->done)
            continue;
        bool blocked = false;
        start_item(c, pipe, item);
        switch (item->kind) {
        case ITEM_INSTR:
            if (pending && keeps_its_place(c, pipe, i))
                break;
            if (eager ? !item->held : (*able)++ == pick)
                complete_instr(c, item);
            break;
        case ITEM_SET:
            if (pending || !(eager || (*able)++ == pick))
                break;
            fire(c, pipe_of(c, pipe), item->other, item->id, item->event, &item->issue, item->version, item->ordinal);
            item->done = true;
            break;
        case ITEM_WAIT:
            if (flag_of(c, pipe, item)->set && (eager ? !item->held : (*able)++ == pick))
                take_wait(c, pipe, item);
            blocked = !item->done;
            break;
        case ITEM_BARRIER:
            if (!pending)
                pass_barrier(pipe, item);
            blocked = pending;
            break;
        }
        moved |= item->done;
        pending |= !item->done && item->kind != ITEM_WAIT;
        if (blocked)
            break;
    }
    if (moved)
        compact(c, pipe);
    return moved;
}

bool check_pump(check_core *c)
{
    bool eager = !c->machine->plan->choose, any = false, moved = true;
    while (moved) {
        moved = false;
        for (int p = PTO_PIPE_MTE2; p < PTO_PIPE_ALL; p++) {
            uint32_t able = 0;
            if (c->pipe[p].items)
                moved |= walk(c, &c->pipe[p], eager, NONE, &able);
        }
        any |= moved;
    }
    return any;
}

uint32_t check_able(check_core *c)
{
    uint32_t able = 0;
    for (int p = PTO_PIPE_MTE2; p < PTO_PIPE_ALL; p++)
        if (c->pipe[p].items)
            walk(c, &c->pipe[p], false, NONE, &able);
    return able;
}

void check_complete(check_core *c, uint32_t pick)
{
    uint32_t able = 0;
    for (int p = PTO_PIPE_MTE2; p < PTO_PIPE_ALL; p++)
        if (c->pipe[p].items)
            walk(c, &c->pipe[p], false, pick, &able);
    check_pump(c);
}

bool check_let_go(machine *m)
{
    for (uint32_t i = 0; i < m->cores; i++)
        for (int p = PTO_PIPE_MTE2; p < PTO_PIPE_ALL; p++)
            for (uint32_t k = 0; k < m->core[i].pipe[p].items; k++) {
                check_item *item = m->core[i].pipe[p].item[k];
                if (item->held && item->started) {
                    item->held = false;
                    check_pump(&m->core[i]);
                    return true;
                }
            }
    return false;
}

/* ---- The scalar unit looks -------------------------------------------------------------------------------------- */

bool check_drained(const check_core *c)
{
    for (int p = PTO_PIPE_MTE2; p < PTO_PIPE_ALL; p++)
        if (c->pipe[p].items)
            return false;
    return true;
}

void check_learn_pipes(check_core *c)
{
    for (int p = PTO_PIPE_MTE2; p < PTO_PIPE_ALL; p++) {
        check_pipe *pipe = &c->pipe[p];
        if (pipe->issued == 0)
            continue;
        check_learn_own(c, &pipe->start);
        oriel_clock_raise(&c->clock, pipe->queue, pipe->issued);
    }
}

void check_pipes_reset(check_core *c)
{
    c->spoileds = 0;
    for (int p = 0; p < PTO_PIPE_ALL; p++) {
        check_pipe *pipe = &c->pipe[p];
        for (uint32_t i = 0; i < pipe->items; i++)
            free_item(c, pipe->item[i]);
        oriel_clock_clear(&pipe->start);
        oriel_clock_clear(&pipe->barrier);
        pipe->queue = check_queue(c->index, (uint32_t)p);
        pipe->items = pipe->issued = pipe->barriers_issued = pipe->barriers_passed = 0;
        pipe->seen = 0;
    }
    for (check_flag *flag = &c->flag[0][0][0]; flag < &c->flag[0][0][0] + FLAGS; flag++) {
        oriel_clock gives = flag->gives;
        oriel_clock_clear(&gives);
        *flag = (check_flag){.wait_event = NONE, .last_set = NONE, .lost = NONE, .gives = gives};
    }
}

void check_pipes_free(check_core *c)
{
    free(c->spoiled);
    check_pipes_reset(c);
    for (int p = 0; p < PTO_PIPE_ALL; p++) {
        oriel_clock_free(&c->pipe[p].start);
        oriel_clock_free(&c->pipe[p].barrier);
        free(c->pipe[p].item);
    }
    for (check_item *item; (item = c->spare);) {
        c->spare = item->next;
        oriel_clock_free(&item->issue);
        free(item);
    }
    for (check_flag *flag = &c->flag[0][0][0]; flag < &c->flag[0][0][0] + FLAGS; flag++)
        oriel_clock_free(&flag->gives);
}
