/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/job.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "isa/isa.h"

/* One tensor or buffer is an object of the device's address space (oriel/instr.h). */
#define MAX_OBJECT_BYTES (UINT64_C(1) << PTO_ADDR_OBJECT_SHIFT)

#define DEFAULT_TIMEOUT_S 30.0

/* `index` of the launch's buffers; those before it are good. */
static oriel_status check_buffer(const oriel_launch *launch, uint32_t index)
{
    const oriel_launch_buffer *buffer = &launch->buffers[index];
    if (!buffer->name || !*buffer->name || !buffer->count || buffer->role > ORIEL_ROLE_TEMPORARY ||
        buffer->dtype > PTO_DTYPE_COUNT)
        return oriel_fail(ORIEL_INVALID, "buffer %u of launch %s lacks a name, a count, a role or a type", index,
                          launch->name);
    for (uint32_t other = 0; other < index; other++)
        if (strcmp(launch->buffers[other].name, buffer->name) == 0)
            return oriel_fail(ORIEL_INVALID, "launch %s: buffers %u and %u are both named \"%s\"", launch->name, other,
                              index, buffer->name);
    return ORIEL_OK;
}

static oriel_status check_orchestration(const oriel_launch *launch)
{
    if (launch->kernel || launch->blocks)
        return oriel_fail(ORIEL_INVALID, "launch %s has an orchestration, and %s of its own besides", launch->name,
                          launch->kernel ? "a kernel" : "blocks");
    for (uint32_t k = 0; k < launch->kernel_count && launch->kernels; k++)
        if (!launch->kernels[k].name || !launch->kernels[k].name[0] || !launch->kernels[k].function)
            return oriel_fail(ORIEL_INVALID, "kernel %u of launch %s lacks a name or a function", k, launch->name);
    return launch->kernels && launch->kernel_count
               ? ORIEL_OK
               : oriel_fail(ORIEL_INVALID, "launch %s has an orchestration, and no kernels that it could submit",
                            launch->name);
}

oriel_status oriel_launch_check(const oriel_launch *launch)
{
    if (!launch->name || !launch->name[0])
        return oriel_fail(ORIEL_INVALID, "the launch has no name");
    const char *lacks = !launch->kernel && !launch->orchestrate     ? "kernel"
                        : !launch->expect                           ? "expect function"
                        : !launch->buffers || !launch->buffer_count ? "buffers"
                        : !(launch->dtypes & PTO_DTYPES_ALL)        ? "types"
                        : !launch->default_count                    ? "default_count"
                        : !launch->min_ranks                        ? "min_ranks"
                        : launch->max_ranks < launch->min_ranks     ? "max_ranks of at least min_ranks"
                                                                    : NULL;
    if (lacks)
        return oriel_fail(ORIEL_INVALID, "launch %s has no %s", launch->name, lacks);
    if (launch->orchestrate && check_orchestration(launch) != ORIEL_OK)
        return ORIEL_INVALID;
    uint32_t roles[ORIEL_ROLE_TEMPORARY + 1] = {0};
    for (uint32_t b = 0; b < launch->buffer_count; b++) {
        oriel_status status = check_buffer(launch, b);
        if (status)
            return status;
        roles[launch->buffers[b].role]++;
    }
    if (!roles[ORIEL_ROLE_OUTPUT] || !roles[ORIEL_ROLE_WINDOW])
        return oriel_fail(ORIEL_INVALID, "launch %s has no %s", launch->name,
                          roles[ORIEL_ROLE_OUTPUT] ? "window buffer" : "output");
    if (roles[ORIEL_ROLE_TEMPORARY] && !launch->orchestrate)
        return oriel_fail(ORIEL_INVALID, "launch %s has temporaries, and no orchestration that could use them",
                          launch->name);
    return ORIEL_OK;
}

pto_dtype oriel_buffer_dtype(const oriel_launch_buffer *buffer, const oriel_job *job)
{
    return buffer->dtype == ORIEL_DTYPE_OF_JOB ? job->dtype : buffer->dtype;
}

uint64_t oriel_buffer_bytes(const oriel_launch_buffer *buffer, const oriel_job *job)
{
    return buffer->count(job) * pto_dtype_bytes(oriel_buffer_dtype(buffer, job));
}

bool oriel_buffer_is_tensor(const oriel_launch_buffer *buffer)
{
    return buffer->role == ORIEL_ROLE_INPUT || buffer->role == ORIEL_ROLE_OUTPUT;
}

uint64_t oriel_job_temporary_bytes(const oriel_launch *launch, const oriel_job *job)
{
    uint64_t bytes = 0;
    for (uint32_t b = 0; b < launch->buffer_count; b++)
        if (launch->buffers[b].role == ORIEL_ROLE_TEMPORARY)
            bytes += oriel_buffer_bytes(&launch->buffers[b], job);
    return bytes;
}

uint32_t oriel_job_windows(const oriel_launch *launch, const oriel_job *job, oriel_buffer *windows)
{
    uint32_t count = 0;
    for (uint32_t b = 0; b < launch->buffer_count; b++) {
        const oriel_launch_buffer *buffer = &launch->buffers[b];
        if (buffer->role == ORIEL_ROLE_WINDOW)
            windows[count++] = (oriel_buffer){buffer->name, oriel_buffer_dtype(buffer, job), buffer->count(job)};
    }
    return count;
}

uint64_t oriel_job_bytes(const oriel_launch *launch, const oriel_job *job)
{
    uint64_t bytes = 0;
    for (uint32_t b = 0; b < launch->buffer_count; b++)
        bytes += oriel_buffer_bytes(&launch->buffers[b], job);
    return bytes * job->ranks;
}

/* The tensors exist twice: for the devices, and as what they are compared with. */
static oriel_status check_memory(const oriel_launch *launch, const oriel_job *job)
{
    for (uint32_t b = 0; b < launch->buffer_count; b++) {
        const oriel_launch_buffer *buffer = &launch->buffers[b];
        uint64_t count = buffer->count(job), most = MAX_OBJECT_BYTES / pto_dtype_bytes(oriel_buffer_dtype(buffer, job));
        if (count == 0 || count > most)
            return oriel_fail(ORIEL_INVALID, "count %llu gives buffer %s %llu elements: 1 to %llu are possible",
                              (unsigned long long)job->count, buffer->name, (unsigned long long)count,
                              (unsigned long long)most);
    }
    double needed = 2.0 * (double)oriel_job_bytes(launch, job);
    double here = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (needed > here)
        return oriel_fail(
            ORIEL_NO_MEMORY,
            "count %llu needs %.1f GiB for the tensors and windows of %u ranks: this machine has %.1f GiB",
            (unsigned long long)job->count, needed / 0x1p30, job->ranks, here / 0x1p30);
    return ORIEL_OK;
}

/* Says which types the launch takes. */
static oriel_status refuse_type(const oriel_launch *launch, pto_dtype dtype)
{
    char taken[64] = "";
    for (pto_dtype t = 0; t < PTO_DTYPE_COUNT; t++) {
        size_t end = strlen(taken);
        if (launch->dtypes & PTO_DTYPE_BIT(t))
            snprintf(taken + end, sizeof taken - end, " %s", oriel_dtype_name(t));
    }
    if (dtype >= PTO_DTYPE_COUNT)
        return oriel_fail(ORIEL_INVALID, "there is no type number %d: %s takes%s", (int)dtype, launch->name, taken);
    return oriel_fail(ORIEL_INVALID, "%s does not take type %s: it takes%s", launch->name, oriel_dtype_name(dtype),
                      taken);
}

oriel_status oriel_job_complete(const oriel_launch *launch, const oriel_job *job, oriel_job *complete)
{
    oriel_job all = *job;
    all.count = job->count ? job->count : launch->default_count;
    all.repeat = job->repeat ? job->repeat : 1;
    all.timeout_s = job->timeout_s == 0 ? DEFAULT_TIMEOUT_S : job->timeout_s;

    if (!all.platform)
        return oriel_fail(ORIEL_INVALID, "no platform is named");
    if (all.ranks < launch->min_ranks || all.ranks > launch->max_ranks || !all.devices)
        return oriel_fail(ORIEL_INVALID, "%s runs on %u to %u devices, not on %u", launch->name, launch->min_ranks,
                          launch->max_ranks, all.ranks);
    if (all.dtype >= PTO_DTYPE_COUNT || !(launch->dtypes & PTO_DTYPE_BIT(all.dtype)))
        return refuse_type(launch, all.dtype);
    if (launch->reduces && all.reduce >= PTO_REDUCE_COUNT)
        return oriel_fail(ORIEL_INVALID, "there is no reduction number %d: there are 0 to %d", (int)all.reduce,
                          PTO_REDUCE_COUNT - 1);
    if (launch->reduces && !pto_reduce_takes(all.reduce, all.dtype))
        return oriel_fail(ORIEL_INVALID, "reduction %s does not take type %s: it takes%s",
                          oriel_reduce_name(all.reduce), oriel_dtype_name(all.dtype), oriel_integer_names);
    if (all.count > MAX_OBJECT_BYTES)
        return oriel_fail(ORIEL_INVALID, "count %llu is more than any buffer can hold: %llu bytes",
                          (unsigned long long)all.count, (unsigned long long)MAX_OBJECT_BYTES);
    oriel_status status = check_memory(launch, &all);
    if (!status)
        *complete = all;
    return status;
}
