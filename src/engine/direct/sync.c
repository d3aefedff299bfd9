/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flags, barriers and fences. All that was issued is complete here, so a flag only has to be there when it is waited
 * for.
 */
#include "engine/direct/direct.h"

#include "base/error.h"
#include "isa/isa.h"

/* ---- Flags ------------------------------------------------------------------------------------------------------ */

static oriel_status flag_fault(const pto_sync *sync, const char *what)
{
    return oriel_fail(ORIEL_FAULT, "%s(%s, %s, %u) %s", oriel_op_name(sync->op), oriel_pipe_name(sync->src),
                      oriel_pipe_name(sync->dst), sync->id, what);
}

static oriel_status set_flag(oriel_engine_core *core, const pto_sync *sync)
{
    uint32_t *flags = &core->flags[sync->src][sync->dst], bit = UINT32_C(1) << sync->id;
    if (*flags & bit)
        return flag_fault(sync, "is set already: two sets with no wait between lose one");
    *flags |= bit;
    return ORIEL_OK;
}

/* Only this core's own set_flag could set it, and it comes after: the wait would never end. */
static oriel_status wait_flag(oriel_engine_core *core, const pto_sync *sync)
{
    uint32_t *flags = &core->flags[sync->src][sync->dst], bit = UINT32_C(1) << sync->id;
    if (!(*flags & bit))
        return flag_fault(sync, "was never set");
    *flags &= ~bit;
    return ORIEL_OK;
}

/* ---- The barrier among a kernel's blocks ------------------------------------------------------------------------ */

typedef struct arrival {
    const oriel_core_barrier *barrier;
    uint32_t generation; /* in which it arrived */
} arrival;

static bool barrier_has_moved(void *context)
{
    const arrival *mine = context;
    return mine->barrier->generation != mine->generation || mine->barrier->ended;
}

static oriel_status barrier_broken(const oriel_core_barrier *barrier)
{
    if (barrier->its_status != ORIEL_OK)
        return oriel_fail(ORIEL_ABORTED, "core_barrier: block %u failed", barrier->first_ended);
    return oriel_fail(ORIEL_FAULT, "core_barrier: block %u returned while %u %s", barrier->first_ended,
                      barrier->arrived, barrier->arrived == 1 ? "block waits" : "blocks wait");
}

static oriel_status core_barrier(oriel_engine_core *core)
{
    const oriel_block *block = core->block;
    if (block->blocks <= 1)
        return ORIEL_OK;
    oriel_core_barrier *barrier = block->barrier;
    const uint32_t generation = barrier->generation;
    if (++barrier->arrived == block->blocks) {
        barrier->arrived = 0;
        barrier->generation++;
        return ORIEL_OK;
    }
    arrival mine = {barrier, generation};
    oriel_status status = oriel_direct_wait(core, barrier_has_moved, &mine);
    if (status != ORIEL_OK)
        return oriel_fail(status, "core_barrier: block %u waited for all %u blocks, and %u arrived", block->block,
                          block->blocks, barrier->arrived);
    return barrier->generation != generation ? ORIEL_OK : barrier_broken(barrier);
}

/* ---- The entry -------------------------------------------------------------------------------------------------- */

static oriel_status clean_line(const oriel_engine_core *core, const pto_sync *sync)
{
    oriel_object object;
    if (sync->addr == 0)
        return ORIEL_OK;
    return oriel_view_check(core->block->view, oriel_op_name(sync->op), "cleans", sync->addr, 1, &object);
}

static oriel_status synchronize(oriel_engine_core *core, const pto_sync *sync)
{
    switch (sync->op) {
    case PTO_OP_SET_FLAG: return set_flag(core, sync);
    case PTO_OP_WAIT_FLAG: return wait_flag(core, sync);
    case PTO_OP_CORE_BARRIER: return core_barrier(core);
    case PTO_OP_DCCI: return clean_line(core, sync);
    case PTO_OP_DSB: atomic_thread_fence(memory_order_seq_cst); return ORIEL_OK;
    default: return ORIEL_OK; /* pipe_barrier: every pipe is empty */
    }
}

void oriel_direct_sync(pto_core *pto, const pto_sync *sync)
{
    oriel_engine_core *core = oriel_direct_core(pto);
    oriel_direct_look(core, sync->site, sync->op);
    oriel_status status = oriel_sync_check(sync, core->limits);
    if (status == ORIEL_OK)
        status = synchronize(core, sync);
    oriel_direct_require(core, sync->site, status);
}
