/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/contents.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "isa/isa.h"
#include "launch/job.h"

uint64_t oriel_count_one(const oriel_job *job)
{
    return job->count;
}

uint64_t oriel_count_all(const oriel_job *job)
{
    return job->count * job->ranks;
}

uint64_t oriel_count_two(const oriel_job *job)
{
    return 2 * job->count;
}

uint64_t oriel_count_two_all(const oriel_job *job)
{
    return 2 * job->count * job->ranks;
}

uint64_t oriel_count_signals(const oriel_job *job)
{
    return 48 * (uint64_t)job->ranks;
}

oriel_value oriel_value_of(pto_dtype dtype, int64_t n)
{
    return pto_dtype_is_float(dtype) ? (oriel_value){.f = (double)n} : (oriel_value){.i = n};
}

void oriel_value_store(pto_dtype dtype, oriel_value value, void *element)
{
    bool is_float = pto_dtype_is_float(dtype);
    pto_scalar scalar = {.is_float = is_float};
    if (is_float)
        scalar.value.f = value.f;
    else
        scalar.value.i = value.i;
    oriel_element_set(dtype, element, scalar);
}

oriel_value oriel_value_load(pto_dtype dtype, const void *element)
{
    return pto_dtype_is_float(dtype) ? (oriel_value){.f = oriel_element_f64(dtype, element)}
                                     : (oriel_value){.i = oriel_element_i64(dtype, element)};
}

/*
 * Random contents: floating point uniform in [-1, 1), integers -8 .. 7 or 0 .. 15, or any at all where they are reduced
 * `by_bits`, since each bit must come out right. A stream of its own for each rank and buffer, so that the data of any of
 * them can be made again without the others.
 */
static void fill_random(const oriel_job *job, uint32_t rank, uint32_t buffer, pto_dtype dtype, bool by_bits, char *data,
                        uint64_t count)
{
    oriel_random random;
    oriel_random_seed(&random, job->seed ^ (rank + 1) * UINT64_C(0x9e3779b97f4a7c15) ^
                                   (buffer + 1) * UINT64_C(0xd1b54a32d192ed03));
    bool is_unsigned = dtype == PTO_U8 || dtype == PTO_U16 || dtype == PTO_U32;
    uint32_t bytes = pto_dtype_bytes(dtype);
    for (uint64_t i = 0; i < count; i++) {
        oriel_value value;
        if (pto_dtype_is_float(dtype))
            value.f = 2.0 * oriel_random_unit(&random) - 1.0;
        else if (by_bits)
            value.i = (int64_t)oriel_random_next(&random);
        else
            value.i = (int64_t)oriel_random_below(&random, 16) - (is_unsigned ? 0 : 8);
        oriel_value_store(dtype, value, data + i * bytes);
    }
}

static void fill(const oriel_launch *launch, const oriel_job *job, uint32_t rank, uint32_t buffer, char *data)
{
    const char *name = launch->buffers[buffer].name;
    pto_dtype dtype = oriel_buffer_dtype(&launch->buffers[buffer], job);
    uint64_t count = launch->buffers[buffer].count(job);
    uint32_t bytes = pto_dtype_bytes(dtype);
    if (launch->fill)
        for (uint64_t i = 0; i < count; i++)
            oriel_value_store(dtype, launch->fill(job, rank, name, i), data + i * bytes);
    else if (job->random)
        fill_random(job, rank, buffer, dtype, launch->reduces && job->reduce >= PTO_AND, data, count);
    else
        for (uint64_t i = 0; i < count; i++)
            oriel_value_store(dtype, oriel_value_of(dtype, (int64_t)(i + 100 * (uint64_t)rank)), data + i * bytes);
}

oriel_status oriel_inputs_make(const oriel_launch *launch, const oriel_job *job, oriel_inputs *inputs)
{
    oriel_inputs made = {launch, job, calloc((size_t)job->ranks * launch->buffer_count, sizeof(void *)),
                         calloc(1, sizeof(oriel_status))};
    if (!made.data || !made.status) {
        oriel_inputs_free(&made);
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for the inputs of %u ranks", job->ranks);
    }
    for (uint32_t r = 0; r < job->ranks; r++) {
        for (uint32_t b = 0; b < launch->buffer_count; b++) {
            if (launch->buffers[b].role != ORIEL_ROLE_INPUT)
                continue;
            uint64_t bytes = oriel_buffer_bytes(&launch->buffers[b], job);
            void *data = made.data[(size_t)r * launch->buffer_count + b] = malloc(bytes);
            if (!data) {
                oriel_inputs_free(&made);
                return oriel_fail(ORIEL_NO_MEMORY, "no memory for %llu B of input %s of rank %u",
                                  (unsigned long long)bytes, launch->buffers[b].name, r);
            }
            fill(launch, job, r, b, data);
        }
    }
    *inputs = made;
    return ORIEL_OK;
}

void oriel_inputs_free(oriel_inputs *inputs)
{
    for (size_t i = 0; inputs->data && i < (size_t)inputs->job->ranks * inputs->launch->buffer_count; i++)
        free(inputs->data[i]);
    free(inputs->data);
    free(inputs->status);
    inputs->data = NULL;
    inputs->status = NULL;
}

const void *oriel_inputs_bytes(const oriel_inputs *inputs, uint32_t rank, uint32_t buffer)
{
    return inputs->data[(size_t)rank * inputs->launch->buffer_count + buffer];
}

/* ---- Reading them ----------------------------------------------------------------------------------------------- */

/* The index of input buffer `name`; the number of buffers if the launch has no such input. */
static uint32_t find_input(const oriel_launch *launch, const char *name)
{
    for (uint32_t b = 0; b < launch->buffer_count; b++) {
        const oriel_launch_buffer *buffer = &launch->buffers[b];
        if (buffer->role == ORIEL_ROLE_INPUT && (buffer->name == name || (name && strcmp(buffer->name, name) == 0)))
            return b;
    }
    return launch->buffer_count;
}

static oriel_status no_input(const oriel_launch *launch, const char *name)
{
    char known[512] = "";
    for (uint32_t b = 0; b < launch->buffer_count; b++) {
        size_t end = strlen(known);
        if (launch->buffers[b].role == ORIEL_ROLE_INPUT)
            snprintf(known + end, sizeof known - end, "%s\"%s\"", end ? ", " : "", launch->buffers[b].name);
    }
    return oriel_fail(ORIEL_INVALID, "launch %s has no input \"%s\": it has %s", launch->name, name ? name : "(NULL)",
                      *known ? known : "none");
}

static oriel_status check_place(const oriel_inputs *inputs, uint32_t rank, const char *name, uint32_t buffer,
                                uint64_t i)
{
    const oriel_launch *launch = inputs->launch;
    if (buffer == launch->buffer_count)
        return no_input(launch, name);
    if (rank >= inputs->job->ranks)
        return oriel_fail(ORIEL_INVALID,
                          "launch %s asks for input \"%s\" of rank %" PRIu32 ": the job has %" PRIu32 " ranks",
                          launch->name, name, rank, inputs->job->ranks);
    uint64_t count = launch->buffers[buffer].count(inputs->job);
    if (i >= count)
        return oriel_fail(ORIEL_INVALID,
                          "launch %s asks for element %" PRIu64 " of input \"%s\": it has %" PRIu64 " on each rank",
                          launch->name, i, name, count);
    return ORIEL_OK;
}

/* The first mistake is kept, with its message: those that follow from it would hide it. */
oriel_value oriel_input(const oriel_inputs *inputs, uint32_t rank, const char *buffer, uint64_t i)
{
    const oriel_launch *launch = inputs->launch;
    if (*inputs->status)
        return (oriel_value){0};
    uint32_t b = find_input(launch, buffer);
    *inputs->status = check_place(inputs, rank, buffer, b, i);
    if (*inputs->status)
        return (oriel_value){0};
    pto_dtype dtype = oriel_buffer_dtype(&launch->buffers[b], inputs->job);
    return oriel_value_load(dtype, (const char *)oriel_inputs_bytes(inputs, rank, b) + i * pto_dtype_bytes(dtype));
}
