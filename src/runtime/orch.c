/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/orch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"

/* Each temporary starts on a cache line of its own. */
#define TEMPORARY_ALIGN UINT64_C(64)

oriel_status oriel_orch_init(oriel_orch *orch, const oriel_orch_ops *ops, uint32_t task_slots, char *temporaries,
                             uint64_t temporary_bytes, uint32_t devices)
{
    *orch = (oriel_orch){.ops = ops, .temporaries = temporaries, .devices = devices};
    oriel_status status = oriel_graph_create(task_slots, temporary_bytes, &orch->graph);
    if (status == ORIEL_OK)
        oriel_graph_set_temporary_base(orch->graph, (uintptr_t)temporaries);
    return status;
}

void oriel_orch_finish(oriel_orch *orch)
{
    if (orch->graph)
        oriel_graph_destroy(orch->graph);
    free(orch->ranges);
    free(orch->after);
    *orch = (oriel_orch){.ops = orch->ops};
}

/* ---- What a submission means ------------------------------------------------------------------------------------ */

static uint64_t temporary_size(const oriel_tensor *tensor)
{
    return (oriel_tensor_bytes(tensor) + TEMPORARY_ALIGN - 1) / TEMPORARY_ALIGN * TEMPORARY_ALIGN;
}

static void describe_tensor(const oriel_tensor *tensor, oriel_tag tag, oriel_graph_node *node, oriel_range *ranges)
{
    uint64_t begin = (uintptr_t)tensor->data;
    oriel_range range = {begin, begin + oriel_tensor_bytes(tensor), false, false};
    switch (tag) {
    case ORIEL_INPUT: range.read = true; break;
    case ORIEL_INOUT: range.read = range.write = true; break;
    case ORIEL_OUTPUT_EXISTING: range.write = true; break;
    case ORIEL_OUTPUT: node->temporary_bytes += temporary_size(tensor); return;
    case ORIEL_NO_DEP: break;
    }
    ranges[node->range_count++] = range;
}

static oriel_status make_room(oriel_orch *orch, uint32_t sets)
{
    if (sets <= orch->room)
        return ORIEL_OK;
    oriel_range *ranges = malloc(sets * ORIEL_MAX_TENSORS * sizeof *ranges);
    uint64_t *after = malloc(sets * ORIEL_MAX_DEPS * sizeof *after);
    if (!ranges || !after) {
        free(ranges);
        free(after);
        return oriel_fail(ORIEL_NO_MEMORY, "no memory to describe a group of %" PRIu32 " tasks", sets);
    }
    free(orch->ranges);
    free(orch->after);
    orch->ranges = ranges;
    orch->after = after;
    orch->room = sets;
    return ORIEL_OK;
}

static bool is_of_this_run(const oriel_graph *graph, uint64_t task)
{
    bool ended = false;
    return oriel_graph_status(graph, task, &ended) == ORIEL_OK || ended;
}

oriel_status oriel_orch_describe(oriel_orch *orch, const oriel_submission *submission, oriel_graph_node *node)
{
    oriel_status status = make_room(orch, submission->count);
    if (status != ORIEL_OK)
        return status;
    *node = (oriel_graph_node){.ranges = orch->ranges, .after = orch->after};
    for (uint32_t i = 0; i < submission->count; i++) {
        const oriel_args *args = &submission->args[i];
        for (uint32_t t = 0; t < args->tensors; t++)
            describe_tensor(&args->tensor[t], args->tag[t], node, orch->ranges);
        for (uint32_t d = 0; d < args->deps; d++) {
            if (!is_of_this_run(orch->graph, args->dep[d].id))
                return oriel_fail(ORIEL_INVALID, "a task is to come after task %" PRIu64 ", which is not of this run",
                                  args->dep[d].id);
            orch->after[node->after_count++] = args->dep[d].id;
        }
    }
    return ORIEL_OK;
}

void oriel_orch_place_outputs(oriel_orch *orch, const oriel_submission *submission, uint64_t temporary)
{
    char *next = orch->temporaries + temporary;
    for (uint32_t i = 0; i < submission->count; i++) {
        oriel_args *args = &submission->args[i];
        for (uint32_t t = 0; t < args->tensors; t++) {
            if (args->tag[t] != ORIEL_OUTPUT)
                continue;
            args->tensor[t].data = next;
            next += temporary_size(&args->tensor[t]);
        }
    }
}

oriel_status oriel_orch_refused(oriel_graph_added added, const char *name, const oriel_graph_node *node)
{
    if (added == ORIEL_GRAPH_NO_MEMORY)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory to put task \"%s\" into the graph", name);
    if (added == ORIEL_GRAPH_LARGE)
        return oriel_fail(ORIEL_NO_MEMORY,
                          "task \"%s\" asks for %" PRIu64 " B of temporaries, more than their ring holds", name,
                          node->temporary_bytes);
    return oriel_fail(ORIEL_NO_MEMORY,
                      "task \"%s\": a ring is full, and only the open scopes hold it: no task is left that could end",
                      name);
}

oriel_status oriel_orch_scope(oriel_orch *orch, bool begin)
{
    if (begin)
        oriel_graph_scope_begin(orch->graph);
    else if (!oriel_graph_scope_end(orch->graph))
        return oriel_fail(ORIEL_STATE, "no scope is open");
    return ORIEL_OK;
}

oriel_status oriel_orch_check_counts(const oriel_args *args, const char *name)
{
    const struct {
        const char *what;
        uint32_t count, limit;
    } kinds[] = {{"tensors", args->tensors, ORIEL_MAX_TENSORS},
                 {"scalars", args->scalars, ORIEL_MAX_SCALARS},
                 {"domains", args->comms, ORIEL_MAX_COMMS},
                 {"dependencies", args->deps, ORIEL_MAX_DEPS},
                 {"completion conditions", args->untils, ORIEL_MAX_UNTILS}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].count > kinds[i].limit)
            return oriel_fail(ORIEL_INVALID, "task \"%s\" is given %" PRIu32 " %s, at most %" PRIu32 " are possible",
                              name, kinds[i].count, kinds[i].what, kinds[i].limit);
    return ORIEL_OK;
}

oriel_status oriel_orch_check_blocks(const oriel_args *args, const char *name, uint32_t cores)
{
    if (args->blocks > cores)
        return oriel_fail(ORIEL_INVALID, "task \"%s\" has %" PRIu32 " blocks, a device has %" PRIu32 " vector cores",
                          name, args->blocks, cores);
    return ORIEL_OK;
}

oriel_status oriel_own_failure(oriel_status status)
{
    if (status > ORIEL_OK && status < ORIEL_STATUS_COUNT && status != ORIEL_ABORTED && status != ORIEL_POISONED)
        return status;
    return oriel_fail(ORIEL_INVALID, "it returned %d (%s), which is not how a function fails by itself", (int)status,
                      oriel_status_name(status));
}

int64_t oriel_timeout_ns(double timeout_s)
{
    return timeout_s < 0 || timeout_s * 1e9 >= (double)ORIEL_NEVER ? ORIEL_NEVER : (int64_t)(timeout_s * 1e9);
}

int64_t oriel_sooner(int64_t deadline, int64_t timeout)
{
    int64_t now;
    if (timeout == ORIEL_NEVER || (now = oriel_now()) > ORIEL_NEVER - timeout)
        return deadline;
    return now + timeout < deadline ? now + timeout : deadline;
}

/* ---- The public calls ------------------------------------------------------------------------------------------- */

static oriel_status submit(oriel_orch *orch, const oriel_submission *submission, oriel_task *task)
{
    if (!submission->args)
        return oriel_fail(ORIEL_INVALID, "a task is submitted with its arguments, and these are NULL");
    oriel_task made;
    oriel_status status = orch->ops->submit(orch, submission, &made);
    if (status == ORIEL_OK && task)
        *task = made;
    return status;
}

oriel_status oriel_submit(oriel_orch *orch, oriel_callable_id callable, oriel_args *args, uint32_t device,
                          oriel_task *task)
{
    return submit(
        orch, &(oriel_submission){.callable = callable, .args = args, .devices = &device, .count = 1, .group = false},
        task);
}

oriel_status oriel_submit_group(oriel_orch *orch, oriel_callable_id callable, oriel_args *args, const uint32_t *devices,
                                uint32_t count, oriel_task *task)
{
    return submit(
        orch,
        &(oriel_submission){.callable = callable, .args = args, .devices = devices, .count = count, .group = true},
        task);
}

oriel_status oriel_task_wait(oriel_orch *orch, oriel_task task, double timeout_s)
{
    return orch->ops->wait(orch, task, timeout_s);
}

oriel_status oriel_scope_begin(oriel_orch *orch)
{
    return orch->ops->scope(orch, true);
}

oriel_status oriel_scope_end(oriel_orch *orch)
{
    return orch->ops->scope(orch, false);
}

uint32_t oriel_orch_devices(const oriel_orch *orch)
{
    return orch->devices;
}

oriel_status oriel_allocate_domain(oriel_orch *orch, const char *name, const uint32_t *devices, uint32_t ranks,
                                   uint64_t window_bytes, const oriel_buffer *buffers, uint32_t buffer_count,
                                   oriel_domain **domain)
{
    if (!orch->ops->allocate_domain)
        return oriel_fail(ORIEL_STATE, "domain \"%s\": there are no domains inside a device, nor in a level-2 worker",
                          name ? name : "");
    return orch->ops->allocate_domain(orch, name, devices, ranks, window_bytes, buffers, buffer_count, domain);
}

oriel_status oriel_release_domain(oriel_orch *orch, oriel_domain *domain)
{
    if (!orch->ops->release_domain)
        return oriel_fail(ORIEL_STATE, "there are no domains inside a device, nor in a level-2 worker");
    return orch->ops->release_domain(orch, domain);
}

oriel_status oriel_domain_buffer(const oriel_domain *domain, uint32_t rank, const char *name, oriel_tensor *tensor)
{
    const oriel_domain_shared *shared = domain->shared;
    if (!shared)
        return oriel_fail(ORIEL_STATE, "the domain was released");
    if (rank >= shared->ranks)
        return oriel_fail(ORIEL_INVALID, "domain \"%s\" has no rank %" PRIu32 ": it has %" PRIu32 " ranks",
                          shared->name, rank, shared->ranks);
    const oriel_named_buffer *buffers = oriel_domain_buffers(domain->arena_base, shared);
    for (uint32_t b = 0; b < shared->buffers; b++) {
        if (strcmp(buffers[b].name, name) != 0)
            continue;
        char *window = (char *)domain->arena_base + oriel_domain_window(shared, rank);
        *tensor = oriel_tensor_1d(window + buffers[b].offset, buffers[b].dtype, buffers[b].count);
        return ORIEL_OK;
    }
    return oriel_fail(ORIEL_INVALID, "domain \"%s\" has no buffer \"%s\"", shared->name, name);
}

uint32_t oriel_domain_ranks(const oriel_domain *domain)
{
    return domain->shared ? domain->shared->ranks : 0;
}

uint32_t oriel_domain_device(const oriel_domain *domain, uint32_t rank)
{
    if (rank >= oriel_domain_ranks(domain))
        return ORIEL_ANY_DEVICE;
    return oriel_domain_devices(domain->arena_base, domain->shared)[rank];
}
