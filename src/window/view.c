/* SPDX-License-Identifier: Apache-2.0 */
#include "window/view.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

/* Sized for the longest: `offset 1099511627775 of window "31 characters" (1099511627775 B) on rank 4294967295`. */
#define OBJECT_TEXT 160

static pto_addr address(uint64_t object, uint64_t offset)
{
    return object << PTO_ADDR_OBJECT_SHIFT | offset;
}

/* ---- Building --------------------------------------------------------------------------------------------------- */

/* Numbers the buffers of domain `index`; `mine` has room for its own ones. */
static void build_comm(oriel_view *view, uint32_t index, uint64_t first_object, pto_global *mine)
{
    const oriel_view_comm *comm = &view->comm[index];
    const oriel_domain_shared *domain = comm->domain;
    const oriel_named_buffer *buffer = oriel_domain_buffers(view->arena_base, domain);
    uint64_t object = first_object + (uint64_t)comm->rank * domain->buffers;
    for (uint32_t b = 0; b < domain->buffers; b++)
        mine[b] = (pto_global){.addr = address(object + b, 0),
                               .dtype = buffer[b].dtype,
                               .shape = {1, 1, 1, 1, buffer[b].count},
                               .stride = {buffer[b].count, buffer[b].count, buffer[b].count, buffer[b].count, 1}};
    view->pto_comm[index] = (pto_comm){.rank = comm->rank,
                                       .ranks = domain->ranks,
                                       .buffers = domain->buffers,
                                       .first_object = first_object,
                                       .mine = mine};
}

static oriel_status make_room(oriel_view *view)
{
    size_t buffers = 0;
    for (uint32_t c = 0; c < view->comms; c++)
        buffers += view->comm[c].domain->buffers;
    view->mine = calloc(buffers ? buffers : 1, sizeof *view->mine);
    if (!view->mine)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for the description of %zu window buffers", buffers);
    return ORIEL_OK;
}

static void build_comms(oriel_view *view)
{
    uint64_t object = ORIEL_VIEW_FIRST_COMM;
    pto_global *mine = view->mine;
    for (uint32_t c = 0; c < view->comms; c++) {
        const oriel_domain_shared *domain = view->comm[c].domain;
        assert(view->comm[c].rank < domain->ranks);
        build_comm(view, c, object, mine);
        object += (uint64_t)domain->ranks * domain->buffers;
        mine += domain->buffers;
    }
}

/* Looks for `bytes` bytes at `offset` of the arena in the windows of domain `index`; sets `addr` if they are there. */
static oriel_status find_in_windows(const oriel_view *view, uint32_t tensor, uint64_t offset, uint64_t bytes,
                                    uint32_t index, pto_addr *addr)
{
    const oriel_domain_shared *domain = view->comm[index].domain;
    uint64_t first = domain->windows, last = oriel_domain_window(domain, domain->ranks);
    if (offset + bytes <= first || offset >= last)
        return ORIEL_OK;
    if (offset >= first) {
        uint64_t rank = (offset - first) / domain->window_stride;
        uint64_t start = (offset - first) % domain->window_stride;
        const oriel_named_buffer *buffer = oriel_domain_buffers(view->arena_base, domain);
        for (uint32_t b = 0; b < domain->buffers; b++)
            if (start >= buffer[b].offset && start + bytes <= buffer[b].offset + buffer[b].bytes) {
                uint64_t object = view->pto_comm[index].first_object + rank * domain->buffers + b;
                *addr = address(object, start - buffer[b].offset);
                return ORIEL_OK;
            }
    }
    return oriel_fail(ORIEL_INVALID,
                      "tensor argument %u (%" PRIu64
                      " B) is in a window of domain \"%s\", but not in one of its buffers",
                      tensor, bytes, domain->name);
}

static oriel_status build_tensor(oriel_view *view, uint32_t index)
{
    const oriel_view_tensor *tensor = &view->tensor[index];
    pto_global *global = &view->global[index];
    assert(tensor->dims >= 1 && tensor->dims <= ORIEL_MAX_DIMS);
    uint64_t count = 1, bytes;
    for (uint32_t d = ORIEL_MAX_DIMS, left = tensor->dims; d-- > 0;) {
        global->shape[d] = left ? tensor->shape[--left] : 1;
        global->stride[d] = count;
        if (__builtin_mul_overflow(count, global->shape[d], &count))
            count = UINT64_MAX;
    }
    if (__builtin_mul_overflow(count, pto_dtype_bytes(tensor->dtype), &bytes) || bytes > PTO_ADDR_OFFSET_MASK)
        return oriel_fail(ORIEL_INVALID,
                          "tensor argument %u has %" PRIu64 " elements of %u B, it can have %" PRIu64 " B", index,
                          count, pto_dtype_bytes(tensor->dtype), (uint64_t)PTO_ADDR_OFFSET_MASK);
    global->dtype = tensor->dtype;
    global->addr = address(1 + index, 0);
    view->tensor_bytes[index] = bytes;
    if (tensor->place.segment != ORIEL_SEGMENT_ARENA)
        return ORIEL_OK;
    oriel_status status = ORIEL_OK;
    for (uint32_t c = 0; c < view->comms && status == ORIEL_OK && pto_addr_object(global->addr) == 1 + index; c++)
        status = find_in_windows(view, index, tensor->place.offset, bytes, c, &global->addr);
    return status;
}

oriel_status oriel_view_build(oriel_view *view, const uint64_t *scalars, uint32_t scalar_count)
{
    oriel_status status = make_room(view);
    return status == ORIEL_OK ? oriel_view_rebuild(view, scalars, scalar_count) : status;
}

oriel_status oriel_view_rebuild(oriel_view *view, const uint64_t *scalars, uint32_t scalar_count)
{
    assert(view->tensors <= ORIEL_MAX_TENSORS && view->comms <= ORIEL_MAX_COMMS);
    oriel_status status = ORIEL_OK;
    build_comms(view);
    for (uint32_t t = 0; t < view->tensors && status == ORIEL_OK; t++)
        status = build_tensor(view, t);
    if (status != ORIEL_OK) {
        oriel_view_free(view);
        return status;
    }
    view->args = (pto_args){.tensors = view->tensors,
                            .scalars = scalar_count,
                            .comms = view->comms,
                            .tensor = view->global,
                            .scalar = scalars,
                            .comm = view->pto_comm};
    return ORIEL_OK;
}

void oriel_view_free(oriel_view *view)
{
    free(view->mine);
    view->mine = NULL;
}

/* ---- Looking up: once or more in each instruction, so without formatting unless it fails ------------------------- */

static bool find_window(const oriel_view *view, uint64_t object, oriel_object *found)
{
    for (uint32_t c = 0; c < view->comms; c++) {
        const oriel_domain_shared *domain = view->comm[c].domain;
        uint64_t index = object - view->pto_comm[c].first_object;
        if (index >= (uint64_t)domain->ranks * domain->buffers)
            continue;
        /* 32-bit arithmetic: a 64-bit division would be the dearest step of a lookup. */
        uint32_t rank = (uint32_t)index / domain->buffers, b = (uint32_t)index % domain->buffers;
        const oriel_named_buffer *buffer = &oriel_domain_buffers(view->arena_base, domain)[b];
        uint32_t device = oriel_domain_devices(view->arena_base, domain)[rank];
        *found = (oriel_object){
            .place = {ORIEL_SEGMENT_ARENA, oriel_domain_window(domain, rank) + buffer->offset},
            .bytes = buffer->bytes,
            .name = buffer->name,
            .rank = rank,
            .remote = rank != view->comm[c].rank,
            .bell = view->bells ? &view->bells[device] : NULL,
        };
        return true;
    }
    return false;
}

static bool find_tensor(const oriel_view *view, uint64_t object, oriel_object *found)
{
    uint64_t index = object - 1;
    if (index >= view->tensors || pto_addr_object(view->global[index].addr) != object)
        return false;
    *found = (oriel_object){
        .place = view->tensor[index].place, .bytes = view->tensor_bytes[index], .index = (uint32_t)index};
    return true;
}

/* Takes `object`, which begins at `start`, if that is nearer to `offset` than the last one taken. */
static void take_nearest(uint64_t offset, uint64_t start, uint64_t object, uint64_t *nearest, pto_addr *addr)
{
    if (start > offset || (*addr && start <= *nearest))
        return;
    *nearest = start;
    *addr = address(object, offset - start);
}

/* The windows of a domain lie side by side: of those that begin before `offset`, the last one is looked at. */
static void look_in_windows(const oriel_view *view, uint32_t index, uint64_t offset, uint64_t *nearest, pto_addr *addr)
{
    const oriel_domain_shared *domain = view->comm[index].domain;
    const oriel_named_buffer *buffer = oriel_domain_buffers(view->arena_base, domain);
    if (offset < domain->windows || domain->buffers == 0)
        return;
    uint64_t rank = (offset - domain->windows) / domain->window_stride;
    rank = rank < domain->ranks ? rank : domain->ranks - 1;
    for (uint32_t b = 0; b < domain->buffers; b++)
        take_nearest(offset, oriel_domain_window(domain, (uint32_t)rank) + buffer[b].offset,
                     view->pto_comm[index].first_object + rank * domain->buffers + b, nearest, addr);
}

pto_addr oriel_view_address(const oriel_view *view, const volatile void *pointer)
{
    const uint64_t offset = (uintptr_t)pointer - (uintptr_t)view->arena_base;
    uint64_t nearest = 0;
    pto_addr addr = 0;
    if (offset >= view->arena_bytes)
        return 0;
    for (uint32_t t = 0; t < view->tensors; t++)
        if (view->tensor[t].place.segment == ORIEL_SEGMENT_ARENA && pto_addr_object(view->global[t].addr) == 1 + t)
            take_nearest(offset, view->tensor[t].place.offset, 1 + t, &nearest, &addr);
    for (uint32_t c = 0; c < view->comms; c++)
        look_in_windows(view, c, offset, &nearest, &addr);
    return addr;
}

oriel_status oriel_view_find(const oriel_view *view, const char *what, pto_addr addr, oriel_object *found)
{
    uint64_t object = pto_addr_object(addr);
    if (object >= ORIEL_VIEW_FIRST_COMM ? find_window(view, object, found) : find_tensor(view, object, found))
        return ORIEL_OK;
    if (object == 0)
        return oriel_fail(ORIEL_FAULT, "%s: the operand has no address: a rank outside its domain, or no such buffer",
                          what);
    return oriel_fail(ORIEL_FAULT, "%s: address 0x%" PRIx64 " is in no window and in no tensor argument", what, addr);
}

static void describe(char text[OBJECT_TEXT], uint64_t offset, const oriel_object *object)
{
    if (object->name)
        snprintf(text, OBJECT_TEXT, "offset %" PRIu64 " of window \"%.*s\" (%" PRIu64 " B) on rank %" PRIu32, offset,
                 ORIEL_NAME_BYTES - 1, object->name, object->bytes, object->rank);
    else
        snprintf(text, OBJECT_TEXT, "offset %" PRIu64 " of tensor argument %" PRIu32 " (%" PRIu64 " B)", offset,
                 object->index, object->bytes);
}

oriel_status oriel_view_check(const oriel_view *view, const char *what, const char *verb, pto_addr addr, uint64_t span,
                              oriel_object *object)
{
    oriel_status status = oriel_view_find(view, what, addr, object);
    if (status != ORIEL_OK)
        return status;
    uint64_t offset = pto_addr_offset(addr);
    if (span == 0 || (offset <= object->bytes && span <= object->bytes - offset))
        return ORIEL_OK;
    char text[OBJECT_TEXT];
    describe(text, offset, object);
    return oriel_fail(ORIEL_FAULT, "%s %s %" PRIu64 " B at %s", what, verb, span, text);
}

oriel_status oriel_view_reach(const oriel_view *view, const char *what, const char *verb, pto_addr addr, uint64_t span,
                              void **pointer, oriel_object *object)
{
    oriel_status status = oriel_view_check(view, what, verb, addr, span, object);
    if (status != ORIEL_OK)
        return status;
    oriel_place place = {object->place.segment, object->place.offset + pto_addr_offset(addr)};
    void *reached = view->fabric->ops->reach(view->fabric, place, span);
    if (!reached && span) {
        char text[OBJECT_TEXT];
        describe(text, pto_addr_offset(addr), object);
        return oriel_fail(ORIEL_FAULT, "%s %s %" PRIu64 " B at %s, which cannot be reached from here", what, verb, span,
                          text);
    }
    *pointer = reached;
    return ORIEL_OK;
}
