/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one kernel launch can name: its tensor arguments and the windows of its domains. Gives every one of them an
 * object number (oriel/instr.h), and turns a device address back into the memory behind it, or into a message.
 *
 *      object 1 .. tensors                    the tensor arguments that do not lie in one of its domains' windows
 *      ORIEL_VIEW_FIRST_COMM + ...            domain after domain: rank * buffers + buffer
 *
 * A tensor argument that is (part of) a buffer of a window has that buffer's object, so that a kernel can turn its own
 * into a peer's; one that lies across buffers is refused. Built by the runtime before the kernel, on the device;
 * constant while it runs; read by the engine.
 */
#ifndef ORIEL_WINDOW_VIEW_H
#define ORIEL_WINDOW_VIEW_H

#include <string.h>

#include "fabric/fabric.h"
#include "window/domain.h"

#define ORIEL_VIEW_FIRST_COMM 64

/* One object: where it is, how large, what to call it. */
typedef struct oriel_object {
    oriel_place place;
    uint64_t bytes;
    const char *name; /* the buffer's, or NULL for a tensor argument */
    uint32_t index;   /* of a tensor argument */
    uint32_t rank;    /* of a window: whose */
    bool remote;      /* of a window: not this rank's */
    oriel_bell *bell; /* of a window: its owner's */
} oriel_object;

/* A tensor argument, where it lies in the arena. */
typedef struct oriel_view_tensor {
    oriel_place place;
    pto_dtype dtype;
    uint32_t dims;
    uint64_t shape[ORIEL_MAX_DIMS];
} oriel_view_tensor;

/* `tensor`, whose data lies at `place`. */
static inline oriel_view_tensor oriel_view_tensor_at(const oriel_tensor *tensor, oriel_place place)
{
    oriel_view_tensor at = {place, tensor->dtype, tensor->dims, {0}};
    memcpy(at.shape, tensor->shape, sizeof at.shape);
    return at;
}

typedef struct oriel_view_comm {
    const oriel_domain_shared *domain;
    uint32_t rank; /* of this device */
} oriel_view_comm;

typedef struct oriel_view {
    oriel_fabric *fabric;
    const void *arena_base;
    uint64_t arena_bytes;
    oriel_bell *bells; /* by the worker's device index; NULL: nobody sleeps */
    uint32_t tensors, comms;
    const oriel_view_tensor *tensor;
    const oriel_view_comm *comm;
    /* Made by oriel_view_build. */
    pto_args args;
    pto_global global[ORIEL_MAX_TENSORS];
    uint64_t tensor_bytes[ORIEL_MAX_TENSORS];
    pto_comm pto_comm[ORIEL_MAX_COMMS];
    pto_global *mine; /* the buffers of all domains, behind pto_comm[].mine */
} oriel_view;

/*
 * Fills `args` and what it needs from the first fields; `scalars` is borrowed. Freed by oriel_view_free.
 * ORIEL_INVALID: a tensor argument that is in a window of one of the domains, but not inside one of its buffers.
 */
oriel_status oriel_view_build(oriel_view *view, const uint64_t *scalars, uint32_t scalar_count);
/*
 * The same again of a view that was built, for tensors, scalars, or buffers of the same domains that are others now.
 * Allocates nothing. On an error the view is freed.
 */
oriel_status oriel_view_rebuild(oriel_view *view, const uint64_t *scalars, uint32_t scalar_count);
void oriel_view_free(oriel_view *view);

/*
 * The other way: the address of what lies at `pointer` in the arena; if that is in no object, behind the end of the one that ends before
 * it. 0: outside the arena, or before all objects.
 */
pto_addr oriel_view_address(const oriel_view *view, const volatile void *pointer);

/* The object behind an address. ORIEL_FAULT with a message that starts with `what`: the address names nothing. */
oriel_status oriel_view_find(const oriel_view *view, const char *what, pto_addr addr, oriel_object *object);

/*
 * The same, and whether `span` bytes from `addr` on lie in it.
 * ORIEL_FAULT: `TLOAD reads 256 B at offset 4000 of window "scratch" (4096 B) on rank 2`, or `... of tensor argument 1
 * (1024 B)`. `what` is "TLOAD", `verb` is "reads", "writes", "waits for" ...
 */
oriel_status oriel_view_check(const oriel_view *view, const char *what, const char *verb, pto_addr addr, uint64_t span,
                              oriel_object *object);

/* The same, and the pointer to these bytes. ORIEL_FAULT also if they cannot be reached by loads and stores. */
oriel_status oriel_view_reach(const oriel_view *view, const char *what, const char *verb, pto_addr addr, uint64_t span,
                              void **pointer, oriel_object *object);

#endif
