/* SPDX-License-Identifier: Apache-2.0 */
#include "window/domain.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "oriel/instr.h"

/* Buffers start at cache lines: cells of different buffers never share one. */
#define LINE UINT64_C(64)

/* Object numbers have 24 bits, and a task has several domains (window/view.h). */
#define MAX_OBJECTS ((UINT64_C(1) << 22) - 64)

static uint64_t round_up(uint64_t bytes, uint64_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

/* ---- Checks ----------------------------------------------------------------------------------------------------- */

static oriel_status check_name(const char *name)
{
    if (!name || !*name)
        return oriel_fail(ORIEL_INVALID, "the name of a domain is empty");
    if (strlen(name) >= ORIEL_NAME_BYTES)
        return oriel_fail(ORIEL_INVALID, "domain \"%.64s\": the name has %zu characters, %d are allowed", name,
                          strlen(name), ORIEL_NAME_BYTES - 1);
    return ORIEL_OK;
}

static oriel_status check_ranks(const char *name, const uint32_t *device, uint32_t ranks, uint32_t devices,
                                uint32_t max_ranks)
{
    if (ranks == 0)
        return oriel_fail(ORIEL_INVALID, "domain \"%s\": 0 ranks, there must be at least 1", name);
    if (ranks > max_ranks)
        return oriel_fail(ORIEL_INVALID, "domain \"%s\": %u ranks, the platform allows %u", name, ranks, max_ranks);
    if (ranks > devices)
        return oriel_fail(ORIEL_INVALID, "domain \"%s\": %u ranks, the worker has %u devices", name, ranks, devices);
    for (uint32_t rank = 0; device && rank < ranks; rank++) {
        if (device[rank] >= devices)
            return oriel_fail(ORIEL_INVALID, "domain \"%s\": device index %u, the worker has %u devices", name,
                              device[rank], devices);
        for (uint32_t other = 0; other < rank; other++)
            if (device[other] == device[rank])
                return oriel_fail(ORIEL_INVALID, "domain \"%s\": device index %u is given twice", name, device[rank]);
    }
    return ORIEL_OK;
}

/* `index` of `buffers`; those before it are good. */
static oriel_status check_buffer(const char *name, const oriel_buffer *buffers, uint32_t index)
{
    const oriel_buffer *buffer = &buffers[index];
    if (!buffer->name || !*buffer->name)
        return oriel_fail(ORIEL_INVALID, "domain \"%s\": the name of buffer %u is empty", name, index);
    if (strlen(buffer->name) >= ORIEL_NAME_BYTES)
        return oriel_fail(ORIEL_INVALID, "domain \"%s\": buffer name \"%.64s\" has %zu characters, %d are allowed",
                          name, buffer->name, strlen(buffer->name), ORIEL_NAME_BYTES - 1);
    for (uint32_t other = 0; other < index; other++)
        if (strcmp(buffers[other].name, buffer->name) == 0)
            return oriel_fail(ORIEL_INVALID, "domain \"%s\": buffer \"%s\" is given twice", name, buffer->name);
    uint32_t element = pto_dtype_bytes(buffer->dtype);
    if (element == 0)
        return oriel_fail(ORIEL_INVALID, "domain \"%s\": buffer \"%s\" has the unknown type %d", name, buffer->name,
                          (int)buffer->dtype);
    if (buffer->count == 0)
        return oriel_fail(ORIEL_INVALID, "domain \"%s\": buffer \"%s\" has a count of 0", name, buffer->name);
    if (buffer->count > PTO_ADDR_OFFSET_MASK / element)
        return oriel_fail(ORIEL_INVALID,
                          "domain \"%s\": buffer \"%s\" has %" PRIu64 " elements of %u B, it can have %" PRIu64 " B",
                          name, buffer->name, buffer->count, element, (uint64_t)PTO_ADDR_OFFSET_MASK);
    return ORIEL_OK;
}

/* Checks the buffers and sets `need` to the bytes that a window of them takes. */
static oriel_status check_buffers(const char *name, uint32_t ranks, uint64_t window_bytes, const oriel_buffer *buffers,
                                  uint32_t buffer_count, uint64_t *need)
{
    if (!buffers || buffer_count == 0)
        return oriel_fail(ORIEL_INVALID, "domain \"%s\": no buffers, there must be at least 1", name);
    if (buffer_count > MAX_OBJECTS / ranks)
        return oriel_fail(ORIEL_INVALID,
                          "domain \"%s\": %u buffers on each of %u ranks, there can be %" PRIu64 " altogether", name,
                          buffer_count, ranks, MAX_OBJECTS);
    uint64_t end = 0;
    for (uint32_t i = 0; i < buffer_count; i++) {
        oriel_status status = check_buffer(name, buffers, i);
        if (status != ORIEL_OK)
            return status;
        /* 2^22 buffers of less than 2^40 B: the sum cannot wrap. */
        end = round_up(end, LINE) + buffers[i].count * pto_dtype_bytes(buffers[i].dtype);
    }
    if (window_bytes && end > window_bytes)
        return oriel_fail(ORIEL_INVALID, "domain \"%s\": buffers need %" PRIu64 " B, the window has %" PRIu64 " B",
                          name, end, window_bytes);
    *need = end;
    return ORIEL_OK;
}

/* ---- Making ----------------------------------------------------------------------------------------------------- */

/* The descriptor's offsets, as if it lay at offset 0; sets `total`. ORIEL_INVALID: more than 64 bits can count. */
static oriel_status lay_out(oriel_domain_shared *domain, uint64_t *total)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), all;
    domain->buffer_table = round_up(sizeof *domain, LINE);
    domain->device_table = domain->buffer_table + (uint64_t)domain->buffers * sizeof(oriel_named_buffer);
    domain->windows = round_up(domain->device_table + (uint64_t)domain->ranks * sizeof(uint32_t), page);
    if (domain->window_bytes <= UINT64_MAX - page) {
        domain->window_stride = round_up(domain->window_bytes, page);
        if (!__builtin_mul_overflow(domain->window_stride, domain->ranks, &all) &&
            !__builtin_add_overflow(all, domain->windows, total))
            return ORIEL_OK;
    }
    return oriel_fail(ORIEL_INVALID, "domain \"%s\": %u windows of %" PRIu64 " B are more than there can be",
                      domain->name, domain->ranks, domain->window_bytes);
}

static void fill_tables(oriel_domain_shared *domain, const oriel_buffer *buffers, const uint32_t *device)
{
    oriel_named_buffer *named = (oriel_named_buffer *)((char *)domain + domain->buffer_table);
    uint64_t end = 0;
    for (uint32_t i = 0; i < domain->buffers; i++) {
        uint64_t bytes = buffers[i].count * pto_dtype_bytes(buffers[i].dtype);
        named[i] = (oriel_named_buffer){
            .dtype = buffers[i].dtype, .count = buffers[i].count, .bytes = bytes, .offset = round_up(end, LINE)};
        strcpy(named[i].name, buffers[i].name);
        end = named[i].offset + bytes;
    }
    uint32_t *member = (uint32_t *)((char *)domain + domain->device_table);
    for (uint32_t rank = 0; rank < domain->ranks; rank++)
        member[rank] = device ? device[rank] : rank;
}

oriel_status oriel_domain_make(oriel_arena *arena, const char *name, const uint32_t *device, uint32_t ranks,
                               uint64_t window_bytes, const oriel_buffer *buffers, uint32_t buffer_count,
                               uint32_t devices, uint32_t max_ranks, oriel_domain_shared **domain)
{
    uint64_t need = 0, total = 0;
    oriel_status status = check_name(name);
    if (status == ORIEL_OK)
        status = check_ranks(name, device, ranks, devices, max_ranks);
    if (status == ORIEL_OK)
        status = check_buffers(name, ranks, window_bytes, buffers, buffer_count, &need);
    if (status != ORIEL_OK)
        return status;

    oriel_domain_shared head = {
        .ranks = ranks, .buffers = buffer_count, .window_bytes = window_bytes ? window_bytes : need};
    strcpy(head.name, name);
    void *piece;
    status = lay_out(&head, &total);
    if (status == ORIEL_OK)
        status = oriel_arena_alloc(arena, total, (uint64_t)sysconf(_SC_PAGESIZE), &piece);
    if (status != ORIEL_OK)
        return status;

    oriel_domain_shared *made = piece;
    *made = head;
    fill_tables(made, buffers, device);
    uint64_t base = oriel_arena_offset(arena, made);
    made->windows += base;
    made->buffer_table += base;
    made->device_table += base;
    *domain = made;
    return ORIEL_OK;
}

void oriel_domain_destroy(oriel_arena *arena, oriel_domain_shared *domain)
{
    if (domain)
        oriel_arena_free(arena, domain);
}

/* ---- Asking ----------------------------------------------------------------------------------------------------- */

const oriel_named_buffer *oriel_domain_buffers(const void *arena_base, const oriel_domain_shared *domain)
{
    return (const oriel_named_buffer *)((const char *)arena_base + domain->buffer_table);
}

const uint32_t *oriel_domain_devices(const void *arena_base, const oriel_domain_shared *domain)
{
    return (const uint32_t *)((const char *)arena_base + domain->device_table);
}

uint64_t oriel_domain_window(const oriel_domain_shared *domain, uint32_t rank)
{
    return domain->windows + rank * domain->window_stride;
}
