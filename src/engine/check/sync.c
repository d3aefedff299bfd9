/* SPDX-License-Identifier: Apache-2.0 */
/* What the scalar unit synchronizes: flags that it sets or takes, drains, fences, the barrier among a task's cores. */
#include "base/error.h"
#include "engine/check/machine.h"

/* The sync operation for which the core waits, if it waits, can end. */
bool check_may_go_on(check_core *c)
{
    switch (c->state) {
    case CORE_AT_FLAG: return c->flag[c->at_sync->src][PTO_PIPE_S][c->at_sync->id].set;
    case CORE_DRAINING: return check_drained(c);
    case CORE_FENCING:
        for (int p = PTO_PIPE_MTE2; p < PTO_PIPE_ALL; p++)
            if (c->pipe[p].barriers_passed < c->barriers[p])
                return false;
        return true;
    case CORE_AT_BARRIER: return check_task_shared(c)->generation != c->generation;
    default: return true;
    }
}

static void wait_as(check_core *c, core_state state)
{
    c->state = state;
    if (!check_may_go_on(c))
        check_suspend(c, state);
    c->state = CORE_READY;
}

void check_drain(check_core *c)
{
    wait_as(c, CORE_DRAINING);
    check_learn_pipes(c);
}

static void fence_stores(check_core *c, pto_pipe pipe, uint32_t fenced)
{
    uint32_t stored = oriel_clock_get(&c->clock, check_queue(c->index, pipe));
    if (!stored)
        return;
    oriel_clock_raise(&c->clock, check_queue(c->index, fenced), stored);
    check_late_land_fenced(c, pipe, stored);
}

/*
 * dsb: what was stored before it, and is known to have been completed by its pipe, has reached memory, also as peers see
 * it.
 */
static void fence(check_core *c)
{
    for (int p = PTO_PIPE_MTE2; p < PTO_PIPE_ALL; p++)
        c->barriers[p] = c->pipe[p].barriers_issued;
    wait_as(c, CORE_FENCING);
    for (int p = PTO_PIPE_MTE2; p < PTO_PIPE_ALL; p++)
        if (c->barriers[p])
            check_learn_own(c, &c->pipe[p].barrier);
    fence_stores(c, PTO_PIPE_MTE3, ORIEL_QUEUE_FENCED);
    fence_stores(c, PTO_PIPE_FIX, ORIEL_QUEUE_FENCED_FIX);
    check_fenced(c);
    c->version++;
}

static void core_barrier(check_core *c)
{
    check_task *shared = check_task_shared(c);
    oriel_clock_raise(&c->clock, check_queue(c->index, PTO_PIPE_S), c->count);
    oriel_clock_join(&shared->gathering, &c->clock);
    c->generation = shared->generation;
    if (++shared->arrived == c->task->blocks) {
        shared->arrived = 0;
        shared->generation++;
        oriel_clock_copy(&shared->released, &shared->gathering);
        oriel_clock_clear(&shared->gathering);
    } else {
        wait_as(c, CORE_AT_BARRIER);
    }
    check_learn(c, &shared->released);
}

static void set_or_wait(check_core *c, const pto_sync *sync, uint32_t event)
{
    check_queue_sync(c, sync, event);
    if (sync->op == PTO_OP_SET_FLAG && sync->src == PTO_PIPE_S)
        check_fire(c, sync, event);
    if (sync->op == PTO_OP_WAIT_FLAG && sync->dst == PTO_PIPE_S) {
        wait_as(c, CORE_AT_FLAG);
        check_take_flag(c, sync->src, sync->id, event);
    }
}

static void clean(check_core *c, const pto_sync *sync)
{
    oriel_object object;
    uint64_t offset = 0;
    if (sync->addr)
        offset = check_reach(c, sync->site, sync->op, "cleans", sync->addr, 1, &object);
    check_clean(c, offset, sync->addr == 0);
}

void check_sync(pto_core *pto, const pto_sync *sync)
{
    check_core *c = (check_core *)pto;
    check_begin(c, sync->site);
    check_turn(c);
    if (oriel_sync_check(sync, c->machine->setup->limits) != ORIEL_OK)
        check_refuse(c, ORIEL_FINDING_FLAG_MISUSE, sync->site, sync->op);
    if (check_skips(c, sync->site, sync->op))
        return;
    c->at_sync = sync;
    uint32_t event = check_event_here(c, sync->op, sync->site);
    c->at_event = event;
    switch (sync->op) {
    case PTO_OP_SET_FLAG:
    case PTO_OP_WAIT_FLAG: set_or_wait(c, sync, event); break;
    case PTO_OP_PIPE_BARRIER:
        if (sync->src == PTO_PIPE_ALL)
            check_drain(c);
        else
            check_queue_sync(c, sync, event);
        break;
    case PTO_OP_DSB: fence(c); break;
    case PTO_OP_DCCI: clean(c, sync); break;
    case PTO_OP_CORE_BARRIER: core_barrier(c); break;
    default: break;
    }
}
