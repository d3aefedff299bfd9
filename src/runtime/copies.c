/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tensors outside the arena: devices cannot reach them, so each gets a piece of the arena while its task runs.
 *
 *      INPUT            in             OUTPUT_EXISTING   out: the task writes all of it
 *      INOUT, NO_DEP    in and out     OUTPUT            lies in the arena already
 */
#include <string.h>

#include "runtime/host.h"

static bool is_copied_in(oriel_tag tag)
{
    return tag == ORIEL_INPUT || tag == ORIEL_INOUT || tag == ORIEL_NO_DEP;
}

static bool is_copied_out(oriel_tag tag)
{
    return tag == ORIEL_OUTPUT_EXISTING || tag == ORIEL_INOUT || tag == ORIEL_NO_DEP;
}

static bool is_outside(const oriel_worker *worker, const oriel_tensor *tensor)
{
    return !oriel_arena_has(worker->arena, tensor->data, oriel_tensor_bytes(tensor));
}

bool oriel_copies_needed(const oriel_worker *worker, const oriel_host_task *task)
{
    if (task->callable->host)
        return false;
    for (uint32_t i = 0; i < task->count; i++)
        for (uint32_t t = 0; t < task->member[i].args.tensors; t++)
            if (is_outside(worker, &task->member[i].args.tensor[t]))
                return true;
    return false;
}

static oriel_status copy_in(oriel_worker *worker, const oriel_tensor *tensor, oriel_tag tag, void **piece)
{
    uint64_t bytes = oriel_tensor_bytes(tensor);
    pthread_mutex_lock(&worker->arena_mutex);
    oriel_status status = oriel_arena_alloc(worker->arena, bytes, 64, piece);
    pthread_mutex_unlock(&worker->arena_mutex);
    if (status == ORIEL_OK && is_copied_in(tag))
        memcpy(*piece, tensor->data, bytes);
    return status;
}

oriel_status oriel_copies_in(oriel_worker *worker, oriel_host_task *task)
{
    for (uint32_t i = 0; i < task->count; i++) {
        oriel_member *member = &task->member[i];
        for (uint32_t t = 0; t < member->args.tensors; t++) {
            const oriel_tensor *tensor = &member->args.tensor[t];
            if (!is_outside(worker, tensor))
                continue;
            oriel_status status = copy_in(worker, tensor, member->args.tag[t], &member->piece[t]);
            if (status != ORIEL_OK)
                return status;
        }
    }
    return ORIEL_OK;
}

void oriel_copies_out(oriel_host_task *task)
{
    for (uint32_t i = 0; i < task->count; i++) {
        oriel_member *member = &task->member[i];
        for (uint32_t t = 0; t < member->args.tensors; t++) {
            const oriel_tensor *tensor = &member->args.tensor[t];
            if (member->piece[t] && is_copied_out(member->args.tag[t]))
                memcpy(tensor->data, member->piece[t], oriel_tensor_bytes(tensor));
        }
    }
}

/* A device thread that cannot be ended may still write into them: then they stay. */
void oriel_copies_free(oriel_worker *worker, oriel_host_task *task)
{
    if (!task->copies)
        return;
    pthread_mutex_lock(&worker->arena_mutex);
    for (uint32_t i = 0; i < task->count; i++) {
        oriel_member *member = &task->member[i];
        for (uint32_t t = 0; t < member->args.tensors; t++) {
            if (member->piece[t] && !worker->lost)
                oriel_arena_free(worker->arena, member->piece[t]);
            member->piece[t] = NULL;
        }
    }
    pthread_mutex_unlock(&worker->arena_mutex);
}
