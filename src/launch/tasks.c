/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/tasks.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "launch/job.h"
#include "runtime/orch.h"

#define TEMPORARY_ALIGN UINT64_C(64)

/* What the checker is given, and what that points to. */
typedef struct listed {
    oriel_check_task task;
    oriel_args args;
    oriel_view view;
    oriel_view_tensor tensor[ORIEL_MAX_TENSORS];
    oriel_view_comm comm;
    oriel_check_until until[ORIEL_MAX_UNTILS];
    uint32_t *after;
} listed;

/* The orchestrator that runs nothing. */
typedef struct lister {
    oriel_orch orch;
    const oriel_check_memory *memory;
    const oriel_limits *limits;
    oriel_profile profile;
    oriel_launch_tasks *tasks;
    uint32_t rank, call, blocks;
    listed **listed; /* of this call, by number */
    uint32_t count;
    bool *waited;    /* by number: for which the orchestration waited */
    uint64_t used[]; /* bytes of each piece: of temporaries those given out */
} lister;

static oriel_status refuse(const lister *l, const char *kernel, const char *text)
{
    return oriel_fail(ORIEL_INVALID, "launch %s, rank %" PRIu32 ", call %" PRIu32 ", task %" PRIu32 " (%s): %s",
                      l->memory->launch->name, l->rank, l->call, l->count, kernel, text);
}

/* ---- Where things lie ------------------------------------------------------------------------------------------- */

/* The piece of the rank that holds all of [from, from + bytes) of the arena; NULL. */
static const oriel_check_piece *piece_of(const lister *l, uint64_t from, uint64_t bytes)
{
    for (uint32_t i = 0; i < l->memory->pieces; i++) {
        const oriel_check_piece *piece = &l->memory->piece[i];
        if (piece->rank == l->rank && from >= piece->offset && from - piece->offset < piece->bytes)
            return bytes <= piece->bytes - (from - piece->offset) ? piece : NULL;
    }
    return NULL;
}

static uint64_t offset_of(const lister *l, const void *data)
{
    return (uint64_t)((uintptr_t)data - (uintptr_t)oriel_arena_base(l->memory->arena));
}

static oriel_status make_temporary(lister *l, const char *kernel, oriel_tensor *tensor)
{
    uint64_t bytes = (oriel_tensor_bytes(tensor) + TEMPORARY_ALIGN - 1) / TEMPORARY_ALIGN * TEMPORARY_ALIGN;
    for (uint32_t i = 0; i < l->memory->pieces; i++) {
        const oriel_check_piece *piece = &l->memory->piece[i];
        if (!piece->temporary || piece->rank != l->rank || oriel_tensor_bytes(tensor) > piece->bytes - l->used[i])
            continue;
        tensor->data = (char *)oriel_arena_base(l->memory->arena) + piece->offset + l->used[i];
        l->used[i] = l->used[i] + bytes < piece->bytes ? l->used[i] + bytes : piece->bytes;
        return ORIEL_OK;
    }
    char text[128];
    snprintf(text, sizeof text, "no temporary buffer of the launch has %" PRIu64 " B left for what it makes", bytes);
    return refuse(l, kernel, text);
}

static oriel_status place_tensors(lister *l, const char *kernel, oriel_args *args, listed *made)
{
    for (uint32_t i = 0; i < args->tensors; i++) {
        oriel_tensor *tensor = &args->tensor[i];
        if (args->tag[i] == ORIEL_OUTPUT) {
            oriel_status status = make_temporary(l, kernel, tensor);
            if (status != ORIEL_OK)
                return status;
        }
        uint64_t offset = offset_of(l, tensor->data);
        char text[128];
        snprintf(text, sizeof text, "tensor argument %" PRIu32 " is no part of a buffer of the launch on this rank", i);
        if (!piece_of(l, offset, oriel_tensor_bytes(tensor)))
            return refuse(l, kernel, text);
        made->tensor[i] = oriel_view_tensor_at(tensor, (oriel_place){ORIEL_SEGMENT_ARENA, offset});
    }
    return ORIEL_OK;
}

static oriel_status place_conditions(lister *l, const char *kernel, const oriel_args *args, listed *made)
{
    for (uint32_t i = 0; i < args->untils; i++) {
        uint64_t offset = offset_of(l, args->until[i].cell);
        const oriel_check_piece *piece = piece_of(l, offset, sizeof(int32_t));
        if (!piece || !piece->window)
            return refuse(l, kernel, "the cell of its completion condition is in no window of this rank");
        made->until[i] = (oriel_check_until){offset, args->until[i].least};
    }
    return ORIEL_OK;
}

/* ---- Edges ------------------------------------------------------------------------------------------------------ */

static bool overlap(const oriel_tensor *a, const oriel_tensor *b)
{
    const char *at = a->data, *other = b->data;
    return at < other + oriel_tensor_bytes(b) && other < at + oriel_tensor_bytes(a);
}

static bool looks_up(const lister *l, oriel_tag tag)
{
    return tag == ORIEL_INPUT || tag == ORIEL_INOUT ||
           (tag == ORIEL_OUTPUT_EXISTING && l->profile == ORIEL_PROFILE_DOCUMENTED);
}

static bool follows_from_tensors(const lister *l, const oriel_args *now, const oriel_args *before)
{
    for (uint32_t i = 0; i < now->tensors; i++)
        for (uint32_t k = 0; k < before->tensors; k++) {
            oriel_tag wrote = before->tag[k];
            bool modified = wrote == ORIEL_INOUT || wrote == ORIEL_OUTPUT_EXISTING;
            if ((wrote == ORIEL_OUTPUT || (modified && looks_up(l, now->tag[i]))) && now->tag[i] != ORIEL_OUTPUT &&
                overlap(&now->tensor[i], &before->tensor[k]))
                return true;
        }
    return false;
}

static bool is_named(const oriel_args *now, uint32_t number)
{
    for (uint32_t i = 0; i < now->deps; i++)
        if (now->dep[i].id == number + 1)
            return true;
    return false;
}

static oriel_status find_edges(const lister *l, const char *kernel, listed *made)
{
    for (uint32_t i = 0; i < made->args.deps; i++)
        if (made->args.dep[i].id == 0 || made->args.dep[i].id > l->count)
            return refuse(l, kernel, "it is to come after a task that was not submitted in this call");
    made->after = calloc(l->count + 1, sizeof *made->after);
    if (!made->after)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for the tasks of launch %s", l->memory->launch->name);
    for (uint32_t n = 0; n < l->count; n++)
        if (l->waited[n] || is_named(&made->args, n) || follows_from_tensors(l, &made->args, &l->listed[n]->args))
            made->after[made->task.afters++] = n;
    made->task.after = made->after;
    return ORIEL_OK;
}

/* ---- The orchestrator ------------------------------------------------------------------------------------------- */

static oriel_status check(const lister *l, const oriel_submission *s)
{
    const oriel_launch *launch = l->memory->launch;
    if (s->group)
        return refuse(l, "?", "a device has no groups, submit the kernel with several blocks");
    if (s->callable < 0 || (uint32_t)s->callable >= launch->kernel_count)
        return oriel_fail(ORIEL_INVALID, "launch %s has no kernel %d: it has %" PRIu32, launch->name, s->callable,
                          launch->kernel_count);
    const char *kernel = launch->kernels[s->callable].name;
    oriel_status status = oriel_orch_check_counts(s->args, kernel);
    uint32_t blocks = s->args->blocks ? s->args->blocks : 1, cores = l->limits->vector_cores;
    if (status == ORIEL_OK && (blocks > cores || l->blocks > cores - blocks)) {
        char text[192];
        snprintf(text, sizeof text,
                 "the call has more than %" PRIu32 " blocks, one for each vector core: checked, each block of a call "
                 "has a core of its own",
                 cores);
        status = refuse(l, kernel, text);
    }
    if (status == ORIEL_OK && (s->args->comms > 1 || (s->args->comms && !s->args->comm[0]->shared)))
        status = refuse(l, kernel, "a launch has one domain");
    return status;
}

static oriel_status build(lister *l, const oriel_submission *s, listed *made)
{
    const oriel_kernel *kernel = &l->memory->launch->kernels[s->callable];
    oriel_status status = place_tensors(l, kernel->name, s->args, made);
    if (status == ORIEL_OK)
        status = place_conditions(l, kernel->name, s->args, made);
    if (status != ORIEL_OK)
        return status;
    oriel_args_copy(&made->args, s->args);
    made->comm = (oriel_view_comm){l->memory->domain, l->rank};
    made->view = (oriel_view){.fabric = l->memory->view[0].fabric,
                              .arena_base = l->memory->view[0].arena_base,
                              .arena_bytes = l->memory->view[0].arena_bytes,
                              .tensors = made->args.tensors,
                              .comms = made->args.comms,
                              .tensor = made->tensor,
                              .comm = &made->comm};
    made->task = (oriel_check_task){.name = kernel->name,
                                    .function = kernel->function,
                                    .view = &made->view,
                                    .first = l->blocks,
                                    .blocks = made->args.blocks ? made->args.blocks : 1,
                                    .until = made->until,
                                    .untils = made->args.untils,
                                    .site = &l->tasks->site[s->callable]};
    status = find_edges(l, kernel->name, made);
    return status == ORIEL_OK ? oriel_view_build(&made->view, made->args.scalar, made->args.scalars) : status;
}

static void free_listed(listed *made)
{
    oriel_view_free(&made->view);
    free(made->after);
    free(made);
}

static oriel_status list_submit(oriel_orch *orch, const oriel_submission *s, oriel_task *task)
{
    lister *l = (lister *)orch;
    oriel_status status = check(l, s);
    if (status != ORIEL_OK)
        return status;
    listed *made = calloc(1, sizeof *made);
    if (!made)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for the tasks of launch %s", l->memory->launch->name);
    status = build(l, s, made);
    if (status != ORIEL_OK) {
        free_listed(made);
        return status;
    }
    l->blocks += made->task.blocks;
    l->listed[l->count++] = made;
    task->id = l->count;
    return ORIEL_OK;
}

/* Whatever is submitted from now on comes after the task. */
static oriel_status list_wait(oriel_orch *orch, oriel_task task, double timeout_s)
{
    lister *l = (lister *)orch;
    (void)timeout_s;
    if (task.id == 0 || task.id > l->count)
        return oriel_fail(ORIEL_INVALID, "there is no task %" PRIu64, task.id);
    l->waited[task.id - 1] = true;
    return ORIEL_OK;
}

/* Temporaries of a call are never reused. */
static oriel_status list_scope(oriel_orch *orch, bool begin)
{
    (void)orch, (void)begin;
    return ORIEL_OK;
}

static const oriel_orch_ops list_ops = {.submit = list_submit, .wait = list_wait, .scope = list_scope};

/* ---- All calls -------------------------------------------------------------------------------------------------- */

static oriel_status given_args(const oriel_check_memory *m, uint32_t rank, uint32_t call, oriel_domain *domain,
                               oriel_args *given)
{
    *given = m->args[rank];
    oriel_status status = oriel_args_comm(given, domain);
    for (uint32_t b = 0; b < m->launch->buffer_count && status == ORIEL_OK; b++) {
        oriel_tensor window;
        if (m->launch->buffers[b].role != ORIEL_ROLE_WINDOW)
            continue;
        status = oriel_domain_buffer(domain, rank, m->launch->buffers[b].name, &window);
        if (status == ORIEL_OK)
            status = oriel_args_tensor(given, window, ORIEL_NO_DEP);
    }
    return status == ORIEL_OK ? oriel_args_i64(given, call) : status;
}

/* The tasks as the checker gets them, in one array. */
static oriel_status keep_graph(lister *l, oriel_check_graph *graph)
{
    oriel_check_task *task = calloc(l->count + 1, sizeof *task);
    if (!task)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for the tasks of launch %s", l->memory->launch->name);
    for (uint32_t i = 0; i < l->count; i++)
        task[i] = l->listed[i]->task;
    *graph = (oriel_check_graph){task, l->count};
    if (l->blocks > l->tasks->cores)
        l->tasks->cores = l->blocks;
    return ORIEL_OK;
}

/* `view` is a member of what was listed. */
static listed *listed_of(const oriel_check_task *task)
{
    return (listed *)((uintptr_t)task->view - offsetof(listed, view));
}

static oriel_status list_call(lister *l, oriel_check_graph *graph)
{
    const oriel_check_memory *m = l->memory;
    oriel_domain domain = {.shared = m->domain, .arena_base = oriel_arena_base(m->arena)};
    oriel_args given;
    oriel_status status = given_args(m, l->rank, l->call, &domain, &given);
    if (status != ORIEL_OK)
        return status;
    l->count = l->blocks = 0;
    memset(l->used, 0, m->pieces * sizeof *l->used);
    memset(l->waited, 0, l->limits->vector_cores * sizeof *l->waited);
    oriel_error_clear();
    status = m->launch->orchestrate(&l->orch, &given);
    if (status != ORIEL_OK)
        status = oriel_own_failure(status);
    if (status == ORIEL_OK)
        status = keep_graph(l, graph);
    for (uint32_t i = 0; i < l->count && status != ORIEL_OK; i++)
        free_listed(l->listed[i]);
    return status;
}

static oriel_status list_calls(lister *l, uint32_t calls)
{
    oriel_status status = ORIEL_OK;
    for (l->rank = 0; l->rank < l->memory->job->ranks && status == ORIEL_OK; l->rank++)
        for (l->call = 0; l->call < calls && status == ORIEL_OK; l->call++)
            status = list_call(l, &l->tasks->graph[l->rank * calls + l->call]);
    return status;
}

static oriel_status make_tables(const oriel_check_memory *m, uint32_t calls, oriel_launch_tasks *tasks)
{
    const oriel_launch *launch = m->launch;
    *tasks = (oriel_launch_tasks){.graphs = m->job->ranks * calls, .cores = 1};
    tasks->graph = calloc(tasks->graphs, sizeof *tasks->graph);
    tasks->site = calloc(launch->kernel_count, sizeof *tasks->site);
    if (!tasks->graph || !tasks->site)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for the tasks of launch %s", launch->name);
    for (uint32_t k = 0; k < launch->kernel_count; k++)
        tasks->site[k] = (pto_site){.file = "", .function = launch->kernels[k].name};
    return ORIEL_OK;
}

oriel_status oriel_launch_tasks_make(const oriel_check_memory *memory, const oriel_limits *limits,
                                     oriel_profile profile, uint32_t calls, oriel_launch_tasks *tasks)
{
    oriel_status status = make_tables(memory, calls, tasks);
    lister *l = calloc(1, sizeof *l + memory->pieces * sizeof *l->used);
    listed **room = calloc(limits->vector_cores, sizeof(listed *));
    bool *waited = calloc(limits->vector_cores, sizeof *waited);
    if (status == ORIEL_OK && (!l || !room || !waited))
        status = oriel_fail(ORIEL_NO_MEMORY, "no memory for the tasks of launch %s", memory->launch->name);
    if (status == ORIEL_OK) {
        *l = (lister){.orch = {.ops = &list_ops, .devices = 1},
                      .memory = memory,
                      .limits = limits,
                      .profile = profile,
                      .tasks = tasks,
                      .listed = room,
                      .waited = waited};
        status = list_calls(l, calls);
    }
    free(l);
    free(room);
    free(waited);
    if (status != ORIEL_OK)
        oriel_launch_tasks_free(tasks);
    return status;
}

void oriel_launch_tasks_free(oriel_launch_tasks *tasks)
{
    for (uint32_t i = 0; tasks->graph && i < tasks->graphs; i++) {
        for (uint32_t n = 0; n < tasks->graph[i].tasks; n++)
            free_listed(listed_of(&tasks->graph[i].task[n]));
        free((void *)(uintptr_t)tasks->graph[i].task);
    }
    free(tasks->graph);
    free(tasks->site);
    *tasks = (oriel_launch_tasks){0};
}
