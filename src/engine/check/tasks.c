/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks: a core runs one in each call, or none. It starts when those before it are complete, and knows then what they give: what
 * their scalar units knew when they returned, and what their conditions tell. No core is left to another task of the same call,
 * which would order the two.
 *
 *      waits for those before ──► kernel ──► returned ──► (the first block) conditions, one by one ──► complete
 *
 * A condition is looked at in the fiber of the task's first block, which has nothing else to do by then, and learns nothing that it
 * does not learn from the end of the call as well; its cache is not touched.
 */
#include <stdlib.h>

#include "base/error.h"
#include "engine/check/machine.h"

/* ---- The tasks of a job ----------------------------------------------------------------------------------------- */

const oriel_check_graph *check_graph_of(const machine *m, uint32_t rank, uint32_t call)
{
    return m->own_graph ? &m->own_graph[rank] : &m->setup->graph[rank * m->setup->calls + call];
}

static uint32_t cores_per_rank(const machine *m)
{
    return m->setup->blocks;
}

/* Of a job with one kernel: each rank's task is the same in all calls. */
static oriel_status make_own_graph(machine *m)
{
    const oriel_check_setup *setup = m->setup;
    m->own_task = calloc(setup->ranks, sizeof *m->own_task);
    m->own_graph = calloc(setup->ranks, sizeof *m->own_graph);
    if (!m->own_task || !m->own_graph)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for the tasks of %u ranks", setup->ranks);
    for (uint32_t r = 0; r < setup->ranks; r++) {
        m->own_task[r] =
            (oriel_check_task){.function = setup->function, .view = &setup->view[r], .blocks = setup->blocks};
        m->own_graph[r] = (oriel_check_graph){&m->own_task[r], 1};
    }
    return ORIEL_OK;
}

oriel_status check_tasks_make(machine *m)
{
    const oriel_check_setup *setup = m->setup;
    oriel_status status = ORIEL_OK;
    if (!setup->graph)
        status = make_own_graph(m);
    if (status != ORIEL_OK)
        return status;
    m->most_tasks = 1;
    for (uint32_t i = 0; setup->graph && i < setup->ranks * setup->calls; i++)
        if (setup->graph[i].tasks > m->most_tasks)
            m->most_tasks = setup->graph[i].tasks;
    for (uint32_t r = 0; r < setup->ranks; r++) {
        m->rank[r].task = calloc(m->most_tasks, sizeof *m->rank[r].task);
        if (!m->rank[r].task)
            return oriel_fail(ORIEL_NO_MEMORY, "no memory for the tasks of %u ranks", setup->ranks);
    }
    return ORIEL_OK;
}

void check_tasks_free(machine *m)
{
    for (uint32_t r = 0; m->rank && r < m->setup->ranks; r++) {
        for (uint32_t i = 0; m->rank[r].task && i < m->most_tasks; i++) {
            oriel_clock_free(&m->rank[r].task[i].gathering);
            oriel_clock_free(&m->rank[r].task[i].released);
            oriel_clock_free(&m->rank[r].task[i].gives);
        }
        free(m->rank[r].task);
    }
    free(m->own_graph);
    free(m->own_task);
}

void check_tasks_begin(machine *m, uint32_t rank)
{
    for (uint32_t i = 0; i < m->most_tasks; i++) {
        check_task *task = &m->rank[rank].task[i];
        oriel_clock_clear(&task->gathering);
        oriel_clock_clear(&task->released);
        oriel_clock_clear(&task->gives);
        task->arrived = task->generation = task->returned = 0;
        task->complete = false;
    }
}

const oriel_check_task *check_task_of(const machine *m, uint32_t core, uint32_t call)
{
    const oriel_check_graph *graph = check_graph_of(m, core / cores_per_rank(m), call);
    uint32_t at = core % cores_per_rank(m);
    for (uint32_t i = 0; i < graph->tasks; i++)
        if (at - graph->task[i].first < graph->task[i].blocks)
            return &graph->task[i];
    return NULL;
}

uint32_t check_task_number(const machine *m, uint32_t core, uint32_t call)
{
    const oriel_check_task *task = check_task_of(m, core, call);
    return task ? (uint32_t)(task - check_graph_of(m, core / cores_per_rank(m), call)->task) : NONE;
}

check_task *check_task_shared(const check_core *c)
{
    const machine *m = c->machine;
    return &m->rank[c->rank].task[c->task - check_graph_of(m, c->rank, c->call)->task];
}

/* ---- Start and end ---------------------------------------------------------------------------------------------- */

uint32_t check_task_awaited(const check_core *c)
{
    for (uint32_t i = 0; c->task && i < c->task->afters; i++)
        if (!c->machine->rank[c->rank].task[c->task->after[i]].complete)
            return c->task->after[i];
    return NONE;
}

bool check_task_may_go_on(const check_core *c)
{
    if (c->state == CORE_ENDING)
        return check_task_shared(c)->returned == c->task->blocks;
    return check_task_awaited(c) == NONE;
}

void check_task_start(check_core *c)
{
    const oriel_check_task *task = c->task;
    c->view = task->view;
    c->pto.args = &task->view->args;
    c->pto.view = task->view;
    c->pto.block = c->block - task->first;
    c->pto.blocks = task->blocks;
    c->state = CORE_WAITING;
    if (!check_task_may_go_on(c))
        check_suspend(c, CORE_WAITING);
    c->state = CORE_READY;
    for (uint32_t i = 0; i < task->afters; i++)
        check_learn(c, &c->machine->rank[c->rank].task[task->after[i]].gives);
}

static void meet_conditions(check_core *c, check_task *shared)
{
    c->state = CORE_ENDING;
    if (!check_task_may_go_on(c))
        check_suspend(c, CORE_ENDING);
    c->state = CORE_READY;
    check_learn(c, &shared->gives);
    for (uint32_t i = 0; i < c->task->untils; i++)
        check_signal_condition(c, i);
    oriel_clock_join(&shared->gives, &c->clock);
}

void check_task_return(check_core *c)
{
    check_task *shared = check_task_shared(c);
    c->count++;
    oriel_clock_raise(&c->clock, check_queue(c->index, PTO_PIPE_S), c->count);
    oriel_clock_join(&shared->gives, &c->clock);
    check_flags_at_return(c);
    shared->returned++;
    bool conditions = c->task->untils > 0;
    if (conditions && c->block == c->task->first)
        meet_conditions(c, shared);
    else if (conditions || shared->returned < c->task->blocks)
        return;
    shared->complete = true;
}

/* ---- Order ------------------------------------------------------------------------------------------------------ */

bool check_task_comes_after(const machine *m, const check_event *then, const check_event *first)
{
    uint32_t rank = m->core[then->core].rank;
    uint32_t to = check_task_number(m, then->core, then->call), from = check_task_number(m, first->core, first->call);
    if (rank != m->core[first->core].rank || to == NONE || from == NONE)
        return false;
    if (first->call != then->call)
        return first->call < then->call;
    const oriel_check_graph *graph = check_graph_of(m, rank, then->call);
    bool *reached = calloc(graph->tasks, sizeof *reached);
    if (!reached)
        abort();
    reached[to] = to != from;
    for (uint32_t i = to; i > from; i--) /* edges lead back to earlier tasks only */
        for (uint32_t k = 0; reached[i] && k < graph->task[i].afters; k++)
            reached[graph->task[i].after[k]] = true;
    bool found = reached[from];
    free(reached);
    return found;
}
