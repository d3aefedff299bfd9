/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An orchestration in C++ while it runs: what it is given, and what it submits.
 *
 *      oriel_front_orchestrate ──► the C++ function ──► oriel_front_submit ──► oriel_submit
 *
 * One runs on a thread at a time. It has no way to hear of an error: after the first, what it submits is not run, and the call
 * of oriel_front_orchestrate returns it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "front/core.h"
#include "runtime/orch.h"

typedef struct orchestration {
    oriel_orch *orch;
    const oriel_args *given;
    const oriel_launch *launch;
    const char *word;
    size_t length;
    oriel_front_args args;
    oriel_status status;
} orchestration;

static _Thread_local orchestration *running;

/*
 * Contexts stay, since tasks that have been given a pointer to one run later. They are the same in each call: of a launch's one
 * domain, by the rank that reads it.
 */
static oriel_front_comm contexts[ORIEL_FRONT_RANKS];

static oriel_status refuse(const orchestration *o, const char *why)
{
    return oriel_fail(ORIEL_INVALID, "argument \"%.*s\" of the orchestration of %s: %s", (int)o->length, o->word,
                      o->launch->name, why);
}

static bool is(const orchestration *o, const char *word)
{
    return strlen(word) == o->length && memcmp(o->word, word, o->length) == 0;
}

/* ---- What it is given ------------------------------------------------------------------------------------------- */

/*
 * The tensor of the buffer of that name: an orchestration is given the tensors of the launch, then its own rank's windows, each in
 * the order of the table (oriel/launch.h).
 */
static const oriel_tensor *find_buffer(const orchestration *o, const char *word, size_t length)
{
    const oriel_launch *launch = o->launch;
    uint32_t tensors = 0, before = 0, windows = 0;
    for (uint32_t b = 0; b < launch->buffer_count; b++)
        tensors += launch->buffers[b].role == ORIEL_ROLE_INPUT || launch->buffers[b].role == ORIEL_ROLE_OUTPUT;
    for (uint32_t b = 0; b < launch->buffer_count; b++) {
        const oriel_launch_buffer *buffer = &launch->buffers[b];
        const bool window = buffer->role == ORIEL_ROLE_WINDOW;
        if (buffer->role == ORIEL_ROLE_TEMPORARY)
            continue;
        const uint32_t index = window ? tensors + windows++ : before++;
        if (strlen(buffer->name) == length && memcmp(buffer->name, word, length) == 0)
            return index < o->given->tensors ? &o->given->tensor[index] : NULL;
    }
    return NULL;
}

static void describe(const oriel_tensor *tensor, oriel_front_tensor *it)
{
    *it = (oriel_front_tensor){.address = (uintptr_t)tensor->data, .dims = tensor->dims};
    for (uint32_t d = 0; d < tensor->dims && d < ORIEL_FRONT_DIMS; d++)
        it->shape[d] = (uint32_t)tensor->shape[d];
    front_complete_tensor(it, tensor->dtype);
}

/* Which rank this is: whose window one of its buffers is. */
static oriel_status find_rank(const orchestration *o, uint32_t *rank)
{
    const oriel_domain *domain = o->given->comms ? o->given->comm[0] : NULL;
    for (uint32_t b = 0; domain && b < o->launch->buffer_count; b++) {
        const oriel_launch_buffer *buffer = &o->launch->buffers[b];
        if (buffer->role != ORIEL_ROLE_WINDOW)
            continue;
        const oriel_tensor *mine = find_buffer(o, buffer->name, strlen(buffer->name));
        oriel_tensor its;
        for (uint32_t r = 0; mine && r < oriel_domain_ranks(domain); r++)
            if (oriel_domain_buffer(domain, r, buffer->name, &its) == ORIEL_OK && its.data == mine->data) {
                *rank = r;
                return ORIEL_OK;
            }
    }
    return refuse(o, "the launch has no window, and so no domain");
}

static oriel_status take_comm(orchestration *o)
{
    uint32_t rank;
    oriel_status status = find_rank(o, &rank);
    if (status != ORIEL_OK)
        return status;
    const oriel_domain *domain = o->given->comm[0];
    const uint32_t ranks = oriel_domain_ranks(domain);
    if (ranks > ORIEL_FRONT_RANKS)
        return refuse(o, "a communication context has room for 64 ranks");
    oriel_front_comm *context = &contexts[rank];
    *context = (oriel_front_comm){.rank = rank, .ranks = ranks, .window_bytes = domain->shared->window_bytes};
    for (uint32_t r = 0; r < ranks; r++)
        context->windows_in[r] = context->windows_out[r] =
            (uintptr_t)domain->arena_base + oriel_domain_window(domain->shared, r);
    o->args.scalar[o->args.scalars++] = (uintptr_t)context;
    return ORIEL_OK;
}

static bool take_number(const orchestration *o, const char *from, int64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoll(from, &end, 0);
    return errno == 0 && end != from && end == o->word + o->length;
}

static oriel_status take_scalar(orchestration *o)
{
    uint64_t *scalar = &o->args.scalar[o->args.scalars];
    uint32_t rank = 0;
    int64_t number;
    if (is(o, "comm"))
        return take_comm(o);
    if (is(o, "call") && o->given->scalars > 0) /* the last scalar, behind those of the launch */
        *scalar = o->given->scalar[o->given->scalars - 1];
    else if (is(o, "rank") || is(o, "ranks")) {
        oriel_status status = find_rank(o, &rank);
        if (status != ORIEL_OK)
            return status;
        *scalar = is(o, "rank") ? rank : oriel_domain_ranks(o->given->comm[0]);
    } else if (o->word[0] == '&') {
        const oriel_tensor *buffer = find_buffer(o, o->word + 1, o->length - 1);
        if (!buffer)
            return refuse(o, "the launch has no such buffer");
        *scalar = (uintptr_t)buffer->data;
    } else if (o->word[0] == 's' && take_number(o, o->word + 1, &number)) {
        if (number < 0 || number + 1 >= (int64_t)o->given->scalars)
            return refuse(o, "the launch adds no such scalar");
        *scalar = o->given->scalar[number];
    } else if (take_number(o, o->word, &number))
        *scalar = (uint64_t)number;
    else
        return refuse(o, "neither a buffer of the launch, nor ranks, rank, comm, call, s0, s1 .., nor a number");
    o->args.scalars++;
    return ORIEL_OK;
}

static oriel_status take_arguments(orchestration *o, const char *list)
{
    oriel_status status = ORIEL_OK;
    for (o->word = list; status == ORIEL_OK && *(o->word += strspn(o->word, " ,")); o->word += o->length) {
        o->length = strcspn(o->word, " ,");
        const oriel_tensor *buffer = find_buffer(o, o->word, o->length);
        if (o->args.tensors == ORIEL_FRONT_TENSORS || o->args.scalars == ORIEL_FRONT_SCALARS)
            status = refuse(o, "there are too many");
        else if (buffer)
            describe(buffer, &o->args.tensor[o->args.tensors++]);
        else
            status = take_scalar(o);
    }
    return status;
}

oriel_status oriel_front_orchestrate(oriel_orch *orch, const oriel_args *given, const oriel_launch *launch,
                                     oriel_front_orchestration function, const char *arguments)
{
    orchestration o = {.orch = orch, .given = given, .launch = launch};
    oriel_status status = take_arguments(&o, arguments);
    if (status != ORIEL_OK)
        return status;
    running = &o;
    function(&o.args);
    running = NULL;
    return o.status;
}

/* ---- What it submits -------------------------------------------------------------------------------------------- */

static bool dtype_of(const oriel_front_tensor *tensor, pto_dtype *dtype)
{
    for (int i = 0; i < PTO_DTYPE_COUNT; i++)
        if (front_dtype_number((pto_dtype)i) == tensor->dtype) {
            *dtype = (pto_dtype)i;
            return true;
        }
    return false;
}

/* A view that is not dense is all that lies between its first and its last element. */
static oriel_status tensor_of(const oriel_front_tensor *it, oriel_tensor *tensor)
{
    pto_dtype dtype;
    if (!dtype_of(it, &dtype) || it->dims == 0 || it->dims > ORIEL_FRONT_DIMS)
        return oriel_fail(ORIEL_INVALID, "an orchestration submits a tensor of type %u and %u dimensions", it->dtype,
                          it->dims);
    char *data = it->address ? (char *)(uintptr_t)it->address + it->start_offset * pto_dtype_bytes(dtype) : NULL;
    *tensor = oriel_tensor_1d(data, dtype, it->extent);
    if (!it->contiguous)
        return ORIEL_OK;
    tensor->dims = it->dims;
    for (uint32_t d = 0; d < it->dims; d++)
        tensor->shape[d] = it->shape[d];
    return ORIEL_OK;
}

static oriel_tag tag_of(const oriel_front_task *task, uint32_t index)
{
    switch (task->tag[index]) {
    case ORIEL_FRONT_INPUT: return ORIEL_INPUT;
    case ORIEL_FRONT_INOUT: return ORIEL_INOUT;
    case ORIEL_FRONT_NO_DEP: return ORIEL_NO_DEP;
    default: return task->tensor[index]->address ? ORIEL_OUTPUT_EXISTING : ORIEL_OUTPUT;
    }
}

static oriel_status args_of(const orchestration *o, const oriel_front_task *task, oriel_args *args)
{
    oriel_status status = ORIEL_OK;
    args->blocks = task->blocks;
    for (uint32_t i = 0; i < task->tensors && status == ORIEL_OK; i++) {
        oriel_tensor tensor;
        status = tensor_of(task->tensor[i], &tensor);
        if (status == ORIEL_OK)
            status = oriel_args_tensor(args, tensor, tag_of(task, i));
    }
    for (uint32_t i = 0; i < task->scalars && status == ORIEL_OK; i++)
        status = oriel_args_i64(args, (int64_t)task->scalar[i]);
    for (uint32_t i = 0; i < task->deps && status == ORIEL_OK; i++)
        status = oriel_args_after(args, (oriel_task){task->dep[i]});
    if (status == ORIEL_OK && o->given->comms > 0)
        status = oriel_args_comm(args, o->given->comm[0]);
    return status;
}

uint64_t oriel_front_submit(int32_t kernel, oriel_front_task *task)
{
    orchestration *o = running;
    oriel_args args = ORIEL_ARGS_INIT;
    oriel_task submitted;
    if (!o || o->status != ORIEL_OK)
        return 0;
    o->status = args_of(o, task, &args);
    if (o->status == ORIEL_OK)
        o->status = oriel_submit(o->orch, kernel, &args, ORIEL_ANY_DEVICE, &submitted);
    if (o->status != ORIEL_OK)
        return 0;
    for (uint32_t i = 0; i < task->tensors; i++)
        if (!task->tensor[i]->address)
            task->tensor[i]->address = (uintptr_t)args.tensor[i].data;
    return submitted.id;
}

void oriel_front_give_up(const char *text)
{
    if (running && running->status == ORIEL_OK)
        running->status = oriel_fail(ORIEL_FAULT, "%s: the orchestration gave up: %s", running->launch->name, text);
}
