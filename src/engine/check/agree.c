/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ranks must agree on. The k-th use of one place of the source by one core is compared with the k-th use of the same place
 * by the cores of other ranks: the ranks of a group, its type, its reduction; the cells for which a barrier waits.
 */
#include <stdlib.h>

#include "engine/check/machine.h"
#include "oriel/kernel.h"

typedef struct check_use {
    const pto_site *site;
    uint32_t event, uses; /* the first use of number `uses`; and what it was */
    uint32_t ranks, mode, dtype;
    int32_t value;
    uint64_t group; /* where its first member's tensor is, in the arena: groups of other ranks are others */
} check_use;

/* One of the same group, or else any. */
static check_use *find_use(machine *m, const pto_site *site, uint32_t number, uint64_t group)
{
    check_use *any = NULL;
    for (uint32_t i = 0; i < m->uses; i++) {
        if (m->use[i].site != site || m->use[i].uses != number)
            continue;
        if (m->use[i].group == group)
            return &m->use[i];
        any = any ? any : &m->use[i];
    }
    return any;
}

static check_use *add_use(machine *m, const check_use *use)
{
    if (m->uses == m->use_room) {
        m->use_room = m->use_room ? 2 * m->use_room : 32;
        m->use = realloc(m->use, m->use_room * sizeof *m->use);
        if (!m->use)
            abort();
    }
    m->use[m->uses] = *use;
    return &m->use[m->uses++];
}

/* The number of the use: how often this core was here before, in this call. Uses of later calls are compared by call. */
static uint32_t use_number(check_core *c, const pto_site *site)
{
    uint32_t at = 0;
    while (at < MAX_PLACES && c->place[at].site && c->place[at].site != site)
        at++;
    if (at == MAX_PLACES)
        return NONE;
    if (c->place[at].site != site)
        c->place[at + 1].site = NULL;
    if (c->place[at].site != site || c->place[at].call != c->call)
        c->place[at] = (check_place){site, c->call, 0};
    uint32_t number = c->place[at].uses++;
    return number < MAX_USES ? c->call * MAX_USES + number : NONE;
}

/* The use with which it is compared, in `other`. False: it is the first. */
static bool meet(check_core *c, const check_use *mine, check_use *other)
{
    uint32_t number = use_number(c, mine->site);
    if (number == NONE)
        return false;
    const check_use *found = find_use(c->machine, mine->site, number, mine->group);
    bool met = found != NULL;
    if (met)
        *other = *found;
    if (!met || other->group != mine->group)
        add_use(c->machine, mine)->uses = number;
    return met;
}

static uint64_t first_member(const check_core *c, const pto_group *group)
{
    pto_addr addr = group->each ? group->each[0].addr : pto_peer_addr(group->comm, group->mine.addr, 0);
    oriel_object object;
    if (oriel_view_find(c->view, "", addr, &object) != ORIEL_OK)
        return 0;
    return object.place.offset + pto_addr_offset(addr);
}

void check_agree(check_core *c, const pto_instr *instr)
{
    machine *m = c->machine;
    if (!instr->group)
        return;
    const pto_global *own = instr->global[0] ? instr->global[0] : instr->global[1];
    uint32_t event = check_event_here(c, instr->op, instr->site);
    check_use mine = {.site = instr->site,
                      .event = event,
                      .ranks = instr->group->ranks,
                      .mode = instr->mode,
                      .dtype = own->dtype,
                      .group = first_member(c, instr->group)};
    check_use other;
    if (!meet(c, &mine, &other))
        return;
    char text[256];
    const char *name = oriel_op_name(instr->op);
    if (other.group == mine.group && other.ranks != mine.ranks)
        snprintf(text, sizeof text, "%s over %u ranks here, over %u on another rank", name, mine.ranks, other.ranks);
    else if (other.dtype != mine.dtype)
        snprintf(text, sizeof text, "%s of %s here, of %s on another rank", name, oriel_dtype_name(own->dtype),
                 oriel_dtype_name((pto_dtype)other.dtype));
    else if (other.mode != mine.mode)
        snprintf(text, sizeof text, "%s with another operation here than on another rank", name);
    else
        return;
    check_disagree(m, event, other.event, text, "the same operands on each rank");
}

/* Ranks may well wait for different things; that two do is kept in mind, in case that something else goes wrong. */
void check_agree_wait(check_core *c, const pto_signal *signal, uint32_t event)
{
    machine *m = c->machine;
    if (signal->op != PTO_OP_TWAIT || m->mismatch[0] != NONE)
        return;
    check_use other;
    const check_use mine = {.site = signal->site,
                            .event = event,
                            .ranks = signal->cells.count,
                            .mode = signal->mode,
                            .value = signal->value};
    if (!meet(c, &mine, &other))
        return;
    if (other.ranks == signal->cells.count && other.value == signal->value && other.mode == signal->mode)
        return;
    m->mismatch[0] = event;
    m->mismatch[1] = other.event;
}

void check_disagree(machine *m, uint32_t here, uint32_t there, const char *text, const char *missing)
{
    check_disagreement *d = &m->disagreement;
    if (d->event[0] != NONE)
        return;
    *d = (check_disagreement){.event = {here, there}, .missing = missing};
    snprintf(d->text, sizeof d->text, "%s", text);
}

bool check_tell_disagreement(machine *m)
{
    const check_disagreement *d = &m->disagreement;
    if (d->event[0] == NONE)
        return false;
    char text[ORIEL_FOUND_TEXT];
    oriel_found_side side[2] = {check_side(m, d->event[0]), check_side(m, d->event[1])};
    snprintf(text, sizeof text, "%s: %s", d->text, m->wrong);
    uint32_t found = check_report(m, ORIEL_FINDING_RANK_MISMATCH, side, 2, text, d->missing);
    m->findings.found[found].self_evident = true;
    return true;
}

void check_agree_reset(machine *m)
{
    m->uses = 0;
    m->mismatch[0] = m->mismatch[1] = m->disagreement.event[0] = NONE;
    for (uint32_t i = 0; i < m->cores; i++)
        m->core[i].place[0].site = NULL;
}

void check_agree_free(machine *m)
{
    free(m->use);
}
