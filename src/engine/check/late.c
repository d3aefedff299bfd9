/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is late in device memory. Of use only if each step is a choice of the plan's: then a line stays in a scalar unit's cache,
 * and in the strict profile a store of PIPE_MTE3 or PIPE_FIX that has completed stays hidden from other ranks, until it is chosen to land, or
 * must. The arena is what has landed; `past` is what its lines held before, for a cache that may have fetched them then.
 *
 *      PIPE_MTE3 ── complete ──► late: its own rank sees it ── dsb, or at any time ──► arena ──► past
 *      PIPE_S ──► line, dirty ── dcci ──► line, leaving ─────── dsb, or at any time ─────┘
 */
#include <stdlib.h>
#include <string.h>

#include "engine/check/machine.h"

/* No job of litmus size comes near; a large one that is run at random has the rest at once. */
#define MOST_PASTS 65536u
#define MOST_LATES 64u

struct check_past {
    uint64_t line;
    char bytes[PTO_LINE_BYTES]; /* before the change */
};

/* A store of MTE3 or FIX that other ranks do not see yet. */
struct check_late {
    uint32_t core, ordinal;
    pto_pipe pipe;
    uint64_t from, to;
    pto_instr instr; /* with its operands: */
    pto_tile tile;
    pto_global global;
    char *data;  /* of the tile, when it completed */
    char *under; /* what was in memory, while its own rank looks */
};

/* ---- What lines held -------------------------------------------------------------------------------------------- */

void check_past_keep(machine *m, uint64_t from, uint64_t to)
{
    if (!m->plan->choose)
        return;
    for (uint64_t line = from / PTO_LINE_BYTES; line * PTO_LINE_BYTES < to && m->pasts < MOST_PASTS; line++) {
        if (m->pasts == m->past_room) {
            m->past_room = m->past_room ? 2 * m->past_room : 64;
            m->past = realloc(m->past, m->past_room * sizeof *m->past);
            if (!m->past)
                abort();
        }
        struct check_past *past = &m->past[m->pasts++];
        past->line = line;
        memcpy(past->bytes, check_memory_at(m, line * PTO_LINE_BYTES), sizeof past->bytes);
    }
}

uint32_t check_past_fetch(machine *m, uint64_t line, uint32_t since, char *bytes)
{
    uint32_t held = 0;
    for (uint32_t i = since; i < m->pasts; i++)
        held += m->past[i].line == line;
    uint32_t back = held ? m->plan->choose(m->plan->context, held + 1) : 0;
    for (uint32_t i = m->pasts; back > 0 && i-- > since;)
        if (m->past[i].line == line && --back == 0) {
            memcpy(bytes, m->past[i].bytes, PTO_LINE_BYTES);
            return i;
        }
    memcpy(bytes, check_memory_at(m, line * PTO_LINE_BYTES), PTO_LINE_BYTES);
    return m->pasts;
}

/* ---- Stores that other ranks do not see yet --------------------------------------------------------------------- */

static void do_store(const machine *m, const struct check_late *late)
{
    oriel_operands operands = {.tile = {late->data}, .global = {check_memory_at(m, late->from)}};
    oriel_instr_effect(&late->instr, &operands);
}

static void free_late(struct check_late *late)
{
    free(late->data);
    free(late->under);
    free(late);
}

static void land(machine *m, uint32_t index)
{
    struct check_late *late = m->late[index];
    check_past_keep(m, late->from, late->to);
    do_store(m, late);
    free_late(late);
    memmove(m->late + index, m->late + index + 1, (--m->lates - index) * sizeof *m->late);
}

static bool is_of(const machine *m, uint32_t index, uint32_t rank, uint64_t from, uint64_t to)
{
    const struct check_late *late = m->late[index];
    return m->core[late->core].rank == rank && late->from < to && from < late->to;
}

/* Those of the rank up to number `last` land, in the order in which they completed: one may lie over another. */
static void land_up_to(machine *m, uint32_t rank, uint32_t last)
{
    for (uint32_t i = 0; m->lates && i <= last && i < m->lates;)
        if (m->core[m->late[i]->core].rank == rank) {
            land(m, i);
            if (last-- == 0)
                return;
        } else {
            i++;
        }
}

void check_late_land_bytes(machine *m, uint32_t rank, uint64_t from, uint64_t to)
{
    for (uint32_t i = m->lates; i-- > 0;)
        if (is_of(m, i, rank, from, to)) {
            land_up_to(m, rank, i);
            return;
        }
}

void check_late_land_fenced(check_core *c, pto_pipe pipe, uint32_t ordinal)
{
    machine *m = c->machine;
    for (uint32_t i = m->lates; i-- > 0;)
        if (m->late[i]->core == c->index && m->late[i]->pipe == pipe && m->late[i]->ordinal <= ordinal) {
            land_up_to(m, c->rank, i);
            return;
        }
}

/* Stores of one rank to the same bytes land in the order in which they completed. */
static bool can_land(const machine *m, uint32_t index)
{
    const struct check_late *late = m->late[index];
    for (uint32_t i = 0; i < index; i++)
        if (is_of(m, i, m->core[late->core].rank, late->from, late->to))
            return false;
    return true;
}

static struct check_late *make_late(check_core *c, const pto_instr *instr, uint64_t from, uint64_t to)
{
    const pto_tile *tile = instr->tile[0];
    uint64_t elements = (uint64_t)(tile->valid_rows - 1) * tile->cols + tile->valid_cols;
    uint64_t tile_bytes = elements * pto_dtype_bytes(tile->dtype); /* to the last that is valid */
    struct check_late *late = malloc(sizeof *late);
    if (!late)
        abort();
    *late = (struct check_late){.core = c->index,
                                .pipe = oriel_instr_pipe(instr),
                                .from = from,
                                .to = to,
                                .instr = *instr,
                                .tile = *tile,
                                .global = *instr->global[0],
                                .data = malloc(tile_bytes),
                                .under = malloc(to - from)};
    if (!late->data || !late->under)
        abort();
    late->instr.tile[0] = &late->tile;
    late->instr.global[0] = &late->global;
    memcpy(late->data, c->memory[tile->memory] + tile->offset, tile_bytes);
    return late;
}

bool check_late_store(check_core *c, const pto_instr *instr, uint32_t event, uint64_t from, uint64_t to)
{
    machine *m = c->machine;
    if (!m->plan->choose || m->setup->options->profile != ORIEL_PROFILE_STRICT || m->setup->ranks == 1)
        return false;
    if (m->lates == MOST_LATES) {
        check_late_land_bytes(m, c->rank, from, to);
        return false;
    }
    if (!m->late)
        m->late = calloc(MOST_LATES, sizeof *m->late);
    if (!m->late)
        abort();
    m->late[m->lates] = make_late(c, instr, from, to);
    m->late[m->lates++]->ordinal = m->event[event].ordinal;
    return true;
}

void check_late_show(machine *m, uint32_t rank, uint64_t from, uint64_t to)
{
    for (uint32_t i = 0; i < m->lates; i++)
        if (is_of(m, i, rank, from, to)) {
            memcpy(m->late[i]->under, check_memory_at(m, m->late[i]->from), m->late[i]->to - m->late[i]->from);
            do_store(m, m->late[i]);
        }
}

void check_late_hide(machine *m, uint32_t rank, uint64_t from, uint64_t to)
{
    for (uint32_t i = m->lates; i-- > 0;)
        if (is_of(m, i, rank, from, to))
            memcpy(check_memory_at(m, m->late[i]->from), m->late[i]->under, m->late[i]->to - m->late[i]->from);
}

/* ---- Choices ---------------------------------------------------------------------------------------------------- */

uint32_t check_late_able(machine *m, uint32_t pick)
{
    uint32_t able = 0;
    for (uint32_t i = 0; i < m->lates; i++)
        if (can_land(m, i) && able++ == pick) {
            land(m, i);
            return able;
        }
    for (uint32_t i = 0; i < m->cores; i++)
        if (m->core[i].late_lines)
            able += check_lines_able(&m->core[i], pick - able);
    return able;
}

void check_late_reset(machine *m)
{
    while (m->lates > 0)
        free_late(m->late[--m->lates]);
    m->pasts = 0;
}

void check_late_free(machine *m)
{
    check_late_reset(m);
    free(m->late);
    free(m->past);
}
