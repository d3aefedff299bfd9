/* SPDX-License-Identifier: Apache-2.0 */
/* The interpreter. Each step has a site of its own: they are in a table, as many as there can be steps. */
#include <string.h>

#include "oriel/kernel.h"
#include "program.h"

const fuzz_program *fuzz_current;
uint64_t fuzz_done, fuzz_ops[PTO_OP_COUNT];
_Atomic uint32_t fuzz_endless;

typedef struct worker {
    pto_core *core;
    const pto_comm *comm;
    uint32_t turn_of_loop;
    int32_t counter[FUZZ_TURNS];
    uint64_t reg;
} worker;

static worker workers[FUZZ_MAX_RANKS][FUZZ_MAX_BLOCKS];
static pto_site sites[FUZZ_MAX_STEPS];

void fuzz_forget(void)
{
    memset(workers, 0, sizeof workers);
    for (int i = 0; i < FUZZ_MAX_STEPS; i++)
        sites[i] = (pto_site){"program", i, "fuzz_kernel"};
    fuzz_done = 0;
    fuzz_endless = 0;
}

/* ---- Operands --------------------------------------------------------------------------------------------------- */

static pto_addr buffer_at(worker *w, const pto_site *site, fuzz_buffer buffer)
{
    if (buffer <= FUZZ_OUT)
        return pto_arg_tensor_at(w->core, site, buffer == FUZZ_OUT && fuzz_current->has_output ? 1 : 0).addr;
    return pto_window_buffer_at(w->core, site, w->comm, buffer - FUZZ_SCRATCH).addr;
}

static pto_addr place_of(worker *w, const pto_site *site, const fuzz_place *at)
{
    uint64_t offset = at->base + (uint64_t)at->per_rank * w->comm->rank + (uint64_t)at->per_block * w->core->block;
    if (at->buffer == FUZZ_RAW)
        return offset;
    pto_addr addr = buffer_at(w, site, at->buffer) + offset;
    uint32_t by = at->by + (at->loops ? w->turn_of_loop : 0);
    switch (at->whose) {
    case FUZZ_MINE: return addr;
    case FUZZ_NEXT: return pto_peer_addr(w->comm, addr, (w->comm->rank + by) % w->comm->ranks);
    case FUZZ_RANK: return pto_peer_addr(w->comm, addr, by % w->comm->ranks);
    }
    return addr;
}

static pto_global tensor_of(worker *w, const pto_site *site, const fuzz_tensor *tensor)
{
    pto_global global = {.addr = place_of(w, site, &tensor->at), .dtype = tensor->dtype};
    memcpy(global.shape, tensor->shape, sizeof global.shape);
    memcpy(global.stride, tensor->stride, sizeof global.stride);
    return global;
}

/* ---- Steps ------------------------------------------------------------------------------------------------------ */

static void do_instr(worker *w, const pto_site *site, const fuzz_step *step)
{
    pto_global tensor[2], each[FUZZ_MAX_RANKS + 1];
    pto_group group;
    pto_instr instr = {.op = step->op, .mode = step->mode, .site = site, .scalar = step->scalar, .text = "trap"};
    for (int i = 0; i < 3; i++)
        instr.tile[i] = step->has_tile[i] ? &step->tile[i] : NULL;
    for (int i = 0; i < 2; i++)
        if (step->has_tensor[i]) {
            tensor[i] = tensor_of(w, site, &step->tensor[i]);
            instr.global[i] = &tensor[i];
        }
    if (step->has_group) {
        group = (pto_group){.comm = w->comm,
                            .mine = tensor_of(w, site, &step->group),
                            .ranks = step->group_ranks ? step->group_ranks - 1 : w->comm->ranks};
        for (uint32_t r = 0; r < FUZZ_MAX_RANKS + 1; r++)
            each[r] = pto_peer(w->comm, group.mine, r);
        group.each = step->symmetric ? NULL : each;
        instr.group = &group;
    }
    if (step->from_register)
        instr.scalar = pto_scalar_i64((int64_t)w->reg);
    w->core->ops->issue(w->core, &instr);
}

static bool do_signal(worker *w, const pto_site *site, const fuzz_step *step)
{
    int32_t value = (int32_t)((uint32_t)step->value + (uint32_t)step->per_turn * (uint32_t)w->counter[step->turn]);
    pto_cells cells = {.addr = place_of(w, site, &step->place), .count = step->cells, .stride = step->stride};
    return pto_signal_at(w->core, site, step->op, cells, value, step->mode);
}

static void do_access(worker *w, const pto_site *site, const fuzz_step *step)
{
    pto_addr addr = place_of(w, site, &step->place);
    if (step->op == PTO_OP_LOAD)
        w->reg = pto_load_at(w->core, site, addr, step->dtype, false);
    else
        pto_store_at(w->core, site, addr, step->dtype,
                     step->from_register ? w->reg : (uint64_t)(int64_t)step->value + w->comm->rank, false);
}

/* How many of the steps behind this one are left out. */
static uint32_t do_step(worker *w, const pto_site *site, const fuzz_step *step)
{
    pto_addr addr = 0;
    if (step->kind != FUZZ_TURN && step->kind != FUZZ_ODD)
        fuzz_ops[step->op]++;
    switch (step->kind) {
    case FUZZ_INSTR: do_instr(w, site, step); return 0;
    case FUZZ_SYNC:
        if (step->has_place)
            addr = place_of(w, site, &step->place);
        pto_sync_at(w->core, site, step->op, step->src, step->dst, step->id, addr);
        return 0;
    case FUZZ_SIGNAL: do_signal(w, site, step); return 0;
    case FUZZ_ACCESS: do_access(w, site, step); return 0;
    case FUZZ_TEST: return do_signal(w, site, step) ? 0 : step->length;
    case FUZZ_ODD: return w->reg & 1 ? 0 : step->length;
    case FUZZ_POLL:
        while (!do_signal(w, site, step))
            if (++fuzz_done > FUZZ_ENDLESS)
                fuzz_endless = 1;
        return 0;
    case FUZZ_TURN: w->counter[step->turn]++; return 0;
    default: return 0;
    }
}

void fuzz_kernel(pto_core *core)
{
    const fuzz_program *program = fuzz_current;
    const pto_comm *comm = pto_arg_comm(core, 0);
    worker *w = &workers[comm->rank][core->block];
    w->core = core;
    w->comm = comm;
    w->turn_of_loop = 0;
    w->reg = 0;
    uint32_t first = 0, last = 0, left = 0;
    for (uint32_t i = 0; i < program->steps; i++) {
        const fuzz_step *step = &program->step[i];
        if (++fuzz_done > FUZZ_ENDLESS)
            fuzz_endless = 1;
        if (step->kind == FUZZ_REPEAT) {
            first = i + 1;
            last = i + step->length;
            left = (step->times ? step->times : comm->ranks) - 1;
            w->turn_of_loop = 0;
        } else if (step->ranks >> comm->rank & step->blocks >> core->block & 1) {
            i += do_step(w, &sites[i], step);
        }
        if (left && i >= last && last >= first) {
            left--;
            w->turn_of_loop++;
            i = first - 1;
        }
    }
}
