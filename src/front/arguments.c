/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "front/core.h"
#include "oriel/kernel.h"
#include "window/view.h"

/* The list of arguments while it is read. */
typedef struct reader {
    front *self;
    const oriel_launch *launch;
    const pto_site *site;
    const char *word;
    size_t length;
} reader;

static bool is(const reader *r, const char *word)
{
    return strlen(word) == r->length && memcmp(r->word, word, r->length) == 0;
}

/* A text that lives as long as it is needed: the engine has taken it when the trap is told. */
static _Noreturn void refuse(const reader *r, const char *why)
{
    char text[256];
    snprintf(text, sizeof text, "argument \"%.*s\" of the kernel: %s", (int)r->length, r->word, why);
    front_trap(r->self, r->site, text);
}

static char *pointer_to(const reader *r, pto_addr addr)
{
    void *pointer;
    oriel_object object;
    if (oriel_view_reach(r->self->core->view, "an argument", "names", addr, 0, &pointer, &object) != ORIEL_OK)
        refuse(r, "the launch has no memory for it");
    return pointer;
}

/* ---- Tensors ---------------------------------------------------------------------------------------------------- */

static const uint8_t numbers[PTO_DTYPE_COUNT] = {
    [PTO_F32] = 0, [PTO_F16] = 1,  [PTO_I32] = 2, [PTO_I16] = 3, [PTO_I8] = 4,
    [PTO_U8] = 5,  [PTO_BF16] = 6, [PTO_I64] = 7, [PTO_U16] = 9, [PTO_U32] = 10,
};

uint8_t front_dtype_number(pto_dtype dtype)
{
    return numbers[dtype];
}

void front_complete_tensor(oriel_front_tensor *tensor, pto_dtype dtype)
{
    uint64_t count = 1;
    for (uint32_t d = tensor->dims; d-- > 0;) {
        tensor->stride[d] = (uint32_t)count;
        count *= tensor->shape[d];
    }
    tensor->dtype = numbers[dtype];
    tensor->contiguous = 1;
    tensor->owner = UINT64_MAX;
    tensor->extent = count;
    tensor->bytes = count * pto_dtype_bytes(dtype);
}

static void describe(const reader *r, const pto_global *global, oriel_front_tensor *tensor)
{
    *tensor = (oriel_front_tensor){.address = (uintptr_t)pointer_to(r, global->addr)};
    uint32_t first = 0;
    while (first < ORIEL_FRONT_DIMS - 1 && global->shape[first] == 1)
        first++;
    tensor->dims = ORIEL_FRONT_DIMS - first;
    for (uint32_t d = 0; d < tensor->dims; d++)
        tensor->shape[d] = (uint32_t)global->shape[first + d];
    front_complete_tensor(tensor, global->dtype);
}

/* The launch's buffer of that name, as the core knows it; NULL: there is none. */
static const pto_global *find_buffer(const reader *r)
{
    const pto_args *args = r->self->core->args;
    uint32_t tensors = 0, windows = 0;
    for (uint32_t b = 0; b < r->launch->buffer_count; b++) {
        const oriel_launch_buffer *buffer = &r->launch->buffers[b];
        uint32_t index = buffer->role == ORIEL_ROLE_WINDOW ? windows++ : tensors++;
        if (!is(r, buffer->name))
            continue;
        if (buffer->role == ORIEL_ROLE_WINDOW)
            return args->comms > 0 && index < args->comm->buffers ? &args->comm->mine[index] : NULL;
        return index < args->tensors ? &args->tensor[index] : NULL;
    }
    return NULL;
}

static int64_t take_buffer(const reader *r, const pto_global *global)
{
    front *self = r->self;
    oriel_front_tensor *tensor = &self->tensor[self->tensors];
    if (self->tensors++ == ORIEL_MAX_TENSORS)
        refuse(r, "there are too many tensors");
    describe(r, global, tensor);
    return (int64_t)(uintptr_t)tensor;
}

/* ---- The domain ------------------------------------------------------------------------------------------------- */

static int64_t take_comm(const reader *r)
{
    front *self = r->self;
    const pto_core *core = self->core;
    if (core->args->comms == 0)
        refuse(r, "the launch has no window, and so no domain");
    const pto_comm *comm = &core->args->comm[0];
    if (comm->ranks > ORIEL_FRONT_RANKS)
        refuse(r, "a communication context has room for 64 ranks");
    const oriel_domain_shared *domain = core->view->comm[0].domain;
    self->comm = (oriel_front_comm){.rank = comm->rank, .ranks = comm->ranks, .window_bytes = domain->window_bytes};
    for (uint32_t rank = 0; rank < comm->ranks; rank++) {
        char *first = pointer_to(r, pto_peer_addr(comm, comm->mine[0].addr, rank));
        const uint64_t window = (uintptr_t)first - oriel_domain_buffers(core->view->arena_base, domain)[0].offset;
        self->comm.windows_in[rank] = self->comm.windows_out[rank] = window;
    }
    return (int64_t)(uintptr_t)&self->comm;
}

/* ---- The list --------------------------------------------------------------------------------------------------- */

static bool take_number(const reader *r, const char *from, int64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoll(from, &end, 0);
    return errno == 0 && end != from && end == r->word + r->length;
}

static int64_t take(reader *r)
{
    front *self = r->self;
    const pto_args *args = self->core->args;
    const pto_global *buffer = find_buffer(r);
    int64_t number;
    if (buffer)
        return take_buffer(r, buffer);
    if (is(r, "comm"))
        return take_comm(r);
    if ((is(r, "rank") || is(r, "ranks")) && args->comms > 0)
        return is(r, "rank") ? args->comm->rank : args->comm->ranks;
    if (r->word[0] == 's' && take_number(r, r->word + 1, &number)) {
        if (number < 0 || number >= args->scalars)
            refuse(r, "the launch adds no such scalar");
        return (int64_t)args->scalar[number];
    }
    if (r->word[0] == '&') {
        reader name = {self, r->launch, r->site, r->word + 1, r->length - 1};
        buffer = find_buffer(&name);
        if (buffer)
            return (int64_t)(uintptr_t)pointer_to(r, buffer->addr);
    } else if (take_number(r, r->word, &number))
        return number;
    refuse(r, "neither a buffer of the launch, nor ranks, rank, comm, s0, s1 .., nor a number");
}

void front_take_arguments(front *self, const oriel_launch *launch, const char *list, const pto_site *site)
{
    reader r = {.self = self, .launch = launch, .site = site};
    for (r.word = list; *(r.word += strspn(r.word, " ,")); r.word += r.length) {
        r.length = strcspn(r.word, " ,");
        if (self->arguments == FRONT_MAX_ARGUMENTS)
            refuse(&r, "there are too many");
        self->argument[self->arguments++] = take(&r);
    }
}

void front_take_task(front *self, const pto_site *site)
{
    const pto_args *args = self->core->args;
    const reader r = {.self = self, .site = site, .word = "of its task", .length = strlen("of its task")};
    for (uint32_t i = 0; i < args->tensors; i++)
        self->argument[self->arguments++] = take_buffer(&r, &args->tensor[i]);
    for (uint32_t i = 0; i < args->scalars; i++)
        self->argument[self->arguments++] = (int64_t)args->scalar[i];
}
