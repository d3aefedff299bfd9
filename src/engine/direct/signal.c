/* SPDX-License-Identifier: Apache-2.0 */
/* TNOTIFY, TWAIT, TTEST: int32 cells, reached with atomic loads and the fabric's notify. */
#include "engine/direct/direct.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/strand.h"
#include "isa/isa.h"

#define CELL_BYTES 4u

/* After so many TTESTs in a row that said no, the kernel is polling: others get the processor. */
#define POLLS_PER_YIELD 16

static oriel_status check_aligned(const pto_signal *signal, const oriel_object *object)
{
    uint64_t offset = object->place.offset + pto_addr_offset(signal->cells.addr);
    if (offset % CELL_BYTES)
        return oriel_fail(ORIEL_FAULT, "%s: the cell at offset %" PRIu64 " is not aligned to its %u B",
                          oriel_op_name(signal->op), pto_addr_offset(signal->cells.addr), CELL_BYTES);
    return ORIEL_OK;
}

static oriel_status notify(const oriel_engine_core *core, const pto_signal *signal)
{
    const oriel_view *view = core->block->view;
    oriel_object object;
    oriel_status status =
        oriel_view_check(view, oriel_op_name(signal->op), "signals", signal->cells.addr, CELL_BYTES, &object);
    if (status == ORIEL_OK)
        status = check_aligned(signal, &object);
    if (status != ORIEL_OK)
        return status;
    oriel_place place = {object.place.segment, object.place.offset + pto_addr_offset(signal->cells.addr)};
    return view->fabric->ops->notify(view->fabric, place, signal->value, (pto_notify)signal->mode, object.bell);
}

/* ---- Looking at cells ------------------------------------------------------------------------------------------- */

/* Cells that are to compare true one after the other. One that did is not looked at again. */
typedef struct watch {
    const _Atomic int32_t *cell;
    uint32_t count;
    uint64_t stride;
    uint32_t next; /* the first that has not compared true, */
    int32_t seen;  /* and what it held */
    pto_cmp cmp;
    int32_t value;
} watch;

static bool all_true(void *context)
{
    watch *cells = context;
    for (; cells->next < cells->count; cells->next++) {
        cells->seen = atomic_load_explicit(cells->cell + cells->next * cells->stride, memory_order_acquire);
        if (!oriel_compare(cells->seen, cells->cmp, cells->value))
            return false;
    }
    return true;
}

/* From the first byte of the first cell to one past the last; the check has bounded it. */
static uint64_t span_of(const pto_cells *cells)
{
    return CELL_BYTES + (uint64_t)(cells->count - 1) * cells->stride * CELL_BYTES;
}

static oriel_status reach_cells(const oriel_engine_core *core, const pto_signal *signal, watch *cells,
                                oriel_object *object)
{
    const char *name = oriel_op_name(signal->op);
    void *first = NULL;
    oriel_status status = oriel_view_reach(core->block->view, name, "waits for", signal->cells.addr,
                                           span_of(&signal->cells), &first, object);
    if (status == ORIEL_OK && object->remote)
        return oriel_fail(ORIEL_FAULT, "%s: the cell is in window \"%s\" of rank %u, and not in the rank's own", name,
                          object->name, object->rank);
    if (status == ORIEL_OK)
        status = check_aligned(signal, object);
    *cells = (watch){.cell = first,
                     .count = signal->cells.count,
                     .stride = signal->cells.stride,
                     .cmp = (pto_cmp)signal->mode,
                     .value = signal->value};
    return status;
}

/* Who waited for which cell, for what, and what was there. Its number counts the cells of the whole buffer. */
static oriel_status left_waiting(const oriel_engine_core *core, oriel_status status, const pto_signal *signal,
                                 const watch *cells, const oriel_object *object)
{
    char who[32], where[64];
    const oriel_block *block = core->block;
    if (object->name) {
        snprintf(who, sizeof who, "rank %u", object->rank);
        snprintf(where, sizeof where, "window \"%.*s\"", ORIEL_NAME_BYTES - 1, object->name);
    } else {
        snprintf(who, sizeof who, "block %u", block->block);
        snprintf(where, sizeof where, "tensor argument %u", object->index);
    }
    const uint64_t first = pto_addr_offset(signal->cells.addr) / CELL_BYTES, cell = first + cells->next * cells->stride;
    if (block->awaited && object->name)
        for (watch rest = *cells; !all_true(&rest); rest.next++)
            block->awaited(block->awaited_context, object->name, first + rest.next * rest.stride);
    return oriel_fail(status, "%s waited for cell %" PRIu64 " of %s %s %" PRId32 ", and saw %" PRId32, who, cell, where,
                      oriel_cmp_name(cells->cmp), cells->value, cells->seen);
}

/* ---- TWAIT and TTEST -------------------------------------------------------------------------------------------- */

static oriel_status wait_for_cells(const oriel_engine_core *core, const pto_signal *signal, watch *cells,
                                   const oriel_object *object)
{
    oriel_status status = oriel_direct_wait(core, all_true, cells);
    return status == ORIEL_OK ? ORIEL_OK : left_waiting(core, status, signal, cells, object);
}

/*
 * A kernel that asks again and again is waiting: it must not hold the processor that its peers need, nor go on for
 * ever.
 */
static oriel_status count_poll(oriel_engine_core *core, const pto_signal *signal, const watch *cells,
                               const oriel_object *object)
{
    if (++core->tests % POLLS_PER_YIELD)
        return ORIEL_OK;
    if (core->tests == POLLS_PER_YIELD)
        core->tests_end = oriel_direct_wait_end(core);
    oriel_strand_yield();
    oriel_status status = oriel_direct_ended(core, true);
    if (status == ORIEL_OK && oriel_passed(core->tests_end))
        status = ORIEL_TIMEOUT;
    return status == ORIEL_OK ? ORIEL_OK : left_waiting(core, status, signal, cells, object);
}

static bool look_at_cells(oriel_engine_core *core, const pto_signal *signal)
{
    watch cells;
    oriel_object object;
    oriel_direct_require(core, signal->site, reach_cells(core, signal, &cells, &object));
    if (all_true(&cells)) {
        core->tests = 0;
        oriel_direct_look(core, signal->site, signal->op);
        return true;
    }
    bool test = signal->op == PTO_OP_TTEST;
    oriel_direct_require(core, signal->site,
                         test ? count_poll(core, signal, &cells, &object)
                              : wait_for_cells(core, signal, &cells, &object));
    return !test;
}

bool oriel_direct_signal(pto_core *pto, const pto_signal *signal)
{
    oriel_engine_core *core = oriel_direct_core(pto);
    oriel_direct_require(core, signal->site, oriel_signal_check(signal, core->limits));
    if (signal->op != PTO_OP_TNOTIFY)
        return look_at_cells(core, signal);
    oriel_direct_look(core, signal->site, signal->op);
    oriel_direct_require(core, signal->site, notify(core, signal));
    return true;
}
