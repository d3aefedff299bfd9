/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/check_memory.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "isa/isa.h"
#include "launch/job.h"
#include "oriel/kernel.h"
#include "runtime/orch.h"

/* Behind each tensor: what runs over its end by a plain pointer is not in the next one. */
#define GAP_BYTES UINT64_C(1024)

/* ---- Tensors ---------------------------------------------------------------------------------------------------- */

static oriel_status make_output(oriel_check_memory *m, uint32_t rank, uint32_t b, char *data)
{
    oriel_checked_output *output = &m->output[m->outputs];
    oriel_status status = oriel_image_make(&m->inputs[0], rank, b, &output->image[0]);
    if (status != ORIEL_OK)
        return status;
    m->outputs++;
    output->data = data;
    output->buffer = b;
    uint64_t bytes = oriel_buffer_bytes(&m->launch->buffers[b], m->job);
    output->poison = malloc(bytes);
    if (!output->poison)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for %" PRIu64 " B of output %s of rank %" PRIu32, bytes,
                          m->launch->buffers[b].name, rank);
    oriel_image_poison(&output->image[0], output->poison);
    return ORIEL_OK;
}

static void add_piece(oriel_check_memory *m, oriel_check_piece piece)
{
    assert(m->pieces == 0 || m->piece[m->pieces - 1].offset < piece.offset);
    m->piece[m->pieces++] = piece;
}

static oriel_status make_tensor(oriel_check_memory *m, uint32_t rank, uint32_t b)
{
    const oriel_launch_buffer *buffer = &m->launch->buffers[b];
    uint64_t bytes = oriel_buffer_bytes(buffer, m->job);
    void *data;
    oriel_status status = oriel_arena_alloc(m->arena, bytes + GAP_BYTES, 1, &data);
    if (status != ORIEL_OK)
        return status;
    bool output = buffer->role == ORIEL_ROLE_OUTPUT;
    oriel_args *args = &m->args[rank];
    status = oriel_args_tensor(args, oriel_tensor_1d(data, oriel_buffer_dtype(buffer, m->job), buffer->count(m->job)),
                               output ? ORIEL_OUTPUT_EXISTING : ORIEL_INPUT);
    if (status != ORIEL_OK)
        return status;
    uint64_t offset = oriel_arena_offset(m->arena, data);
    uint32_t index = args->tensors - 1;
    m->tensor[rank * m->tensors + index] =
        oriel_view_tensor_at(&args->tensor[index], (oriel_place){ORIEL_SEGMENT_ARENA, offset});
    if (output)
        status = make_output(m, rank, b, data);
    if (status != ORIEL_OK)
        return status;
    add_piece(m, (oriel_check_piece){.offset = offset,
                                     .bytes = bytes,
                                     .name = buffer->name,
                                     .rank = rank,
                                     .undefined = output,
                                     .output = output && !m->output[m->outputs - 1].image[0].anything});
    return ORIEL_OK;
}

static oriel_status make_temporary(oriel_check_memory *m, uint32_t rank, uint32_t b)
{
    const oriel_launch_buffer *buffer = &m->launch->buffers[b];
    uint64_t bytes = oriel_buffer_bytes(buffer, m->job);
    void *data;
    oriel_status status = oriel_arena_alloc(m->arena, bytes, PTO_LINE_BYTES, &data);
    if (status == ORIEL_OK)
        add_piece(m, (oriel_check_piece){.offset = oriel_arena_offset(m->arena, data),
                                         .bytes = bytes,
                                         .name = buffer->name,
                                         .rank = rank,
                                         .undefined = true,
                                         .temporary = true});
    return status;
}

static oriel_status make_args(oriel_check_memory *m, uint32_t rank, const oriel_limits *limits)
{
    oriel_args *args = &m->args[rank];
    args->blocks = m->launch->blocks;
    oriel_status status = oriel_orch_check_blocks(args, m->launch->name, limits->vector_cores);
    for (uint32_t b = 0; b < m->launch->buffer_count && status == ORIEL_OK; b++)
        if (oriel_buffer_is_tensor(&m->launch->buffers[b]))
            status = make_tensor(m, rank, b);
        else if (m->launch->buffers[b].role == ORIEL_ROLE_TEMPORARY)
            status = make_temporary(m, rank, b);
    if (status == ORIEL_OK && m->launch->scalars)
        status = m->launch->scalars(m->job, rank, args);
    return status;
}

/* ---- Windows and views ------------------------------------------------------------------------------------------ */

static oriel_status make_domain(oriel_check_memory *m, const oriel_limits *limits)
{
    oriel_buffer *windows = calloc(m->launch->buffer_count, sizeof *windows);
    if (!windows)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for the description of a window");
    uint32_t ranks = m->job->ranks, count = oriel_job_windows(m->launch, m->job, windows);
    oriel_status status = oriel_domain_make(m->arena, m->launch->name, NULL, ranks, 0, windows, count, ranks,
                                            limits->max_devices, &m->domain);
    free(windows);
    return status;
}

/* Named as the launch names them: the order is the same, and the names outlive the arena. */
static void add_windows(oriel_check_memory *m, uint32_t rank)
{
    const oriel_named_buffer *window = oriel_domain_buffers(oriel_arena_base(m->arena), m->domain);
    for (uint32_t b = 0; b < m->launch->buffer_count; b++) {
        if (m->launch->buffers[b].role != ORIEL_ROLE_WINDOW)
            continue;
        add_piece(m, (oriel_check_piece){.offset = oriel_domain_window(m->domain, rank) + window->offset,
                                         .bytes = window->bytes,
                                         .name = m->launch->buffers[b].name,
                                         .rank = rank,
                                         .window = true});
        window++;
    }
}

static oriel_status make_view(oriel_check_memory *m, uint32_t rank)
{
    const oriel_args *args = &m->args[rank];
    m->comm[rank] = (oriel_view_comm){m->domain, rank};
    m->view[rank] = (oriel_view){.fabric = &m->fabric.fabric,
                                 .arena_base = oriel_arena_base(m->arena),
                                 .arena_bytes = oriel_arena_bytes(m->arena),
                                 .tensors = m->tensors,
                                 .comms = 1,
                                 .tensor = &m->tensor[rank * m->tensors],
                                 .comm = &m->comm[rank]};
    return oriel_view_build(&m->view[rank], args->scalar, args->scalars);
}

/* ---- All of it -------------------------------------------------------------------------------------------------- */

/* What the job needs, and what alignment and the domain's tables can add. */
static uint64_t arena_bytes(const oriel_launch *launch, const oriel_job *job)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t of_rank = launch->buffer_count * (UINT64_C(64) + GAP_BYTES) + page + sizeof(uint32_t);
    uint64_t of_domain = sizeof(oriel_domain_shared) + launch->buffer_count * sizeof(oriel_named_buffer) + 4 * page;
    return oriel_job_bytes(launch, job) + job->ranks * of_rank + of_domain;
}

static oriel_status allocate_tables(oriel_check_memory *m)
{
    uint32_t ranks = m->job->ranks;
    size_t buffers = (size_t)ranks * m->launch->buffer_count;
    m->args = calloc(ranks, sizeof *m->args);
    m->comm = calloc(ranks, sizeof *m->comm);
    m->view = calloc(ranks, sizeof *m->view);
    m->tensor = calloc(buffers, sizeof *m->tensor);
    m->piece = calloc(buffers, sizeof *m->piece);
    m->output = calloc(buffers, sizeof *m->output);
    if (!m->args || !m->comm || !m->view || !m->tensor || !m->piece || !m->output)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for a job of %" PRIu32 " ranks", ranks);
    return ORIEL_OK;
}

static oriel_status fill_arena(oriel_check_memory *m, const oriel_limits *limits)
{
    oriel_status status = oriel_arena_create(arena_bytes(m->launch, m->job), &m->arena);
    if (status != ORIEL_OK)
        return status;
    oriel_fabric_shm_init(&m->fabric, oriel_arena_base(m->arena), oriel_arena_bytes(m->arena));
    uint32_t ranks = m->job->ranks;
    for (uint32_t rank = 0; rank < ranks && status == ORIEL_OK; rank++)
        status = make_args(m, rank, limits);
    m->outputs_of_rank = m->outputs / ranks;
    if (status == ORIEL_OK)
        status = make_domain(m, limits);
    for (uint32_t rank = 0; rank < ranks && status == ORIEL_OK; rank++) {
        add_windows(m, rank);
        status = make_view(m, rank);
    }
    return status;
}

oriel_status oriel_check_memory_make(const oriel_launch *launch, const oriel_job *job, const oriel_limits *limits,
                                     oriel_check_memory *memory)
{
    *memory = (oriel_check_memory){.launch = launch, .job = job};
    for (uint32_t b = 0; b < launch->buffer_count; b++)
        memory->tensors += oriel_buffer_is_tensor(&launch->buffers[b]);
    oriel_status status = allocate_tables(memory);
    if (status == ORIEL_OK)
        status = oriel_inputs_make(launch, job, &memory->inputs[0]);
    if (status == ORIEL_OK)
        status = fill_arena(memory, limits);
    if (status != ORIEL_OK)
        oriel_check_memory_free(memory);
    return status;
}

void oriel_check_memory_free(oriel_check_memory *m)
{
    for (uint32_t rank = 0; m->view && rank < m->job->ranks; rank++)
        oriel_view_free(&m->view[rank]);
    while (m->outputs > 0) {
        oriel_checked_output *output = &m->output[--m->outputs];
        for (int i = 0; i < 2; i++) {
            oriel_image_free(&output->image[i]);
            free(output->near[i]);
        }
        free(output->poison);
    }
    oriel_arena_destroy(m->arena);
    oriel_inputs_free(&m->inputs[0]);
    oriel_inputs_free(&m->inputs[1]);
    free(m->args);
    free(m->comm);
    free(m->view);
    free(m->tensor);
    free(m->piece);
    free(m->output);
    *m = (oriel_check_memory){0};
}

/* ---- What the engine asks of its host --------------------------------------------------------------------------- */

/* Which of the two sets of inputs and results holds in a call. */
static int contents_of(const oriel_check_memory *m, uint32_t call)
{
    return m->contents == ORIEL_CONTENTS_OTHER || (m->contents == ORIEL_CONTENTS_ALTERNATE && call % 2);
}

static void fill_inputs(oriel_check_memory *m, uint32_t rank, const oriel_inputs *inputs)
{
    const oriel_tensor *tensor = m->args[rank].tensor;
    for (uint32_t b = 0; b < m->launch->buffer_count; b++) {
        const oriel_launch_buffer *buffer = &m->launch->buffers[b];
        if (buffer->role == ORIEL_ROLE_INPUT)
            memcpy(tensor->data, oriel_inputs_bytes(inputs, rank, b), oriel_buffer_bytes(buffer, m->job));
        tensor += oriel_buffer_is_tensor(buffer);
    }
}

static void zero_windows(oriel_check_memory *m)
{
    char *base = oriel_arena_base(m->arena);
    for (uint32_t rank = 0; rank < m->job->ranks; rank++)
        memset(base + oriel_domain_window(m->domain, rank), 0, m->domain->window_bytes);
}

/*
 * Puts back what kernels can write. Nothing for the outputs: nobody can look at one before its rank enters a call, and then
 * it is poisoned. The first time, the windows are as the arena made them, and no page of them need be touched.
 */
static void reset(void *context)
{
    oriel_check_memory *m = context;
    if (m->used)
        zero_windows(m);
    m->used = true;
    for (uint32_t rank = 0; rank < m->job->ranks; rank++)
        fill_inputs(m, rank, &m->inputs[contents_of(m, 0)]);
}

static uint64_t bytes_of(const oriel_checked_output *output)
{
    return output->image[0].count * pto_dtype_bytes(output->image[0].dtype);
}

/* As in UB: a signalling NaN of f32, and in any type nothing that a kernel would make. */
static void spoil(char *data, uint64_t bytes)
{
    const uint32_t poison = 0x7fa57fa5;
    for (uint64_t i = 0; i + sizeof poison <= bytes; i += sizeof poison)
        memcpy(data + i, &poison, sizeof poison);
}

static void entering(void *context, uint32_t rank, uint32_t call)
{
    oriel_check_memory *m = context;
    if (m->contents == ORIEL_CONTENTS_ALTERNATE)
        fill_inputs(m, rank, &m->inputs[contents_of(m, call)]);
    for (uint32_t i = 0; i < m->pieces; i++)
        if (m->piece[i].temporary && m->piece[i].rank == rank)
            spoil((char *)oriel_arena_base(m->arena) + m->piece[i].offset, m->piece[i].bytes);
    oriel_checked_output *output = &m->output[rank * m->outputs_of_rank];
    for (uint32_t i = 0; i < m->outputs_of_rank; i++)
        memcpy(output[i].data, output[i].poison, bytes_of(&output[i]));
}

/* What was right by its tolerance is remembered: most schedules give the same bits, and need no second look. */
static bool is_wrong(oriel_checked_output *output, int contents, uint64_t *first)
{
    const oriel_image *image = &output->image[contents];
    char **near = &output->near[contents];
    uint64_t bytes = bytes_of(output);
    if (memcmp(output->data, image->bytes, bytes) == 0)
        return false;
    if (*near && memcmp(output->data, *near, bytes) == 0)
        return false;
    if (oriel_image_is_wrong(image, output->data, first))
        return true;
    if (!*near)
        *near = malloc(bytes);
    if (*near)
        memcpy(*near, output->data, bytes);
    return false;
}

static void number_text(pto_dtype dtype, const void *element, char text[32])
{
    if (pto_dtype_is_float(dtype))
        snprintf(text, 32, "%.9g", oriel_element_f64(dtype, element));
    else
        snprintf(text, 32, "%" PRId64, oriel_element_i64(dtype, element));
}

static const char *describe_wrong(oriel_check_memory *m, const oriel_checked_output *output, uint64_t i, uint32_t call)
{
    const oriel_image *image = &output->image[contents_of(m, call)];
    uint32_t bytes = pto_dtype_bytes(image->dtype);
    char got[32], expected[32];
    if (memcmp(output->data + i * bytes, output->poison + i * bytes, bytes) == 0)
        strcpy(got, "uninitialized");
    else
        number_text(image->dtype, output->data + i * bytes, got);
    number_text(image->dtype, image->bytes + i * bytes, expected);
    m->wrong_at = oriel_arena_offset(m->arena, output->data + i * bytes);
    snprintf(m->wrong, sizeof m->wrong, "%s[%" PRIu64 "] of rank %" PRIu32 " is %s, expected %s (call %" PRIu32 ")",
             m->launch->buffers[image->buffer].name, i, image->rank, got, expected, call);
    return m->wrong;
}

static const char *returned(void *context, uint32_t rank, uint32_t call)
{
    oriel_check_memory *m = context;
    oriel_checked_output *output = &m->output[rank * m->outputs_of_rank];
    uint64_t first;
    for (uint32_t i = 0; i < m->outputs_of_rank; i++)
        if (is_wrong(&output[i], contents_of(m, call), &first))
            return describe_wrong(m, &output[i], first, call);
    return NULL;
}

static oriel_status make_others(oriel_check_memory *m)
{
    m->other_job = *m->job;
    m->other_job.random = true;
    m->other_job.seed = m->job->seed + 1;
    oriel_status status = oriel_inputs_make(m->launch, &m->other_job, &m->inputs[1]);
    for (uint32_t i = 0; i < m->outputs && status == ORIEL_OK; i++)
        status = oriel_image_make(&m->inputs[1], i / m->outputs_of_rank, m->output[i].buffer, &m->output[i].image[1]);
    return status;
}

/* Whether the launch's expectation knows of other inputs than the usual ones, the engine finds out. */
static bool fill(void *context, oriel_contents contents)
{
    oriel_check_memory *m = context;
    if (contents != ORIEL_CONTENTS_USUAL && !m->has_others) {
        if (m->inputs[1].data || make_others(m) != ORIEL_OK)
            return false;
        m->has_others = true;
    }
    m->contents = contents;
    return true;
}

static uint64_t wrong_at(void *context)
{
    const oriel_check_memory *m = context;
    return m->wrong_at;
}

oriel_check_host oriel_check_memory_host(oriel_check_memory *memory)
{
    return (oriel_check_host){.reset = reset,
                              .entering = entering,
                              .returned = returned,
                              .context = memory,
                              .fill = fill,
                              .wrong_at = wrong_at};
}
