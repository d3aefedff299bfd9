/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small world for the tests of engines: one domain of a few ranks, and for each rank a core, a view, and a tensor of
 * its own.
 *
 *      tensor argument 0   TENSOR_BYTES of u8, in no window
 *      window buffer 0     "scratch", SCRATCH_BYTES of u8
 *      window buffer 1     "signals", SIGNAL_CELLS of i32
 *
 * Kernels of the tests have no arguments but these; what else they need they find in static variables of the test.
 */
#ifndef ORIEL_TESTS_ENGINE_WORLD_H
#define ORIEL_TESTS_ENGINE_WORLD_H

#include "base/clock.h"
#include "engine/engine.h"
#include "oriel/kernel.h"
#include "platform/platform.h"
#include "test.h"

#define MAX_RANKS     4
#define TENSOR_BYTES  (64u << 10)
#define SCRATCH_BYTES (64u << 10)
#define SIGNAL_CELLS  64u

enum { SCRATCH, SIGNALS };

typedef struct world {
    uint32_t ranks;
    oriel_arena *arena;
    oriel_fabric_shm fabric;
    oriel_domain_shared *domain;
    oriel_bell bell[MAX_RANKS];
    _Atomic uint32_t abort;
    int64_t deadline;
    char *tensor[MAX_RANKS];
    oriel_view_tensor view_tensor[MAX_RANKS];
    oriel_view_comm view_comm[MAX_RANKS];
    oriel_view view[MAX_RANKS];
    oriel_engine_core *core[MAX_RANKS];
} world;

static inline const oriel_limits *world_limits(void)
{
    return &oriel_platform_a2a3sim.limits;
}

static inline void world_make_rank(world *w, uint32_t rank)
{
    void *tensor;
    assert_ok(oriel_arena_alloc(w->arena, TENSOR_BYTES, 64, &tensor));
    w->tensor[rank] = tensor;
    w->view_tensor[rank] =
        (oriel_view_tensor){{ORIEL_SEGMENT_ARENA, oriel_arena_offset(w->arena, tensor)}, PTO_U8, 1, {TENSOR_BYTES}};
    w->view_comm[rank] = (oriel_view_comm){w->domain, rank};
    w->view[rank] = (oriel_view){.fabric = &w->fabric.fabric,
                                 .arena_base = oriel_arena_base(w->arena),
                                 .bells = w->bell,
                                 .tensors = 1,
                                 .comms = 1,
                                 .tensor = &w->view_tensor[rank],
                                 .comm = &w->view_comm[rank]};
    assert_ok(oriel_view_build(&w->view[rank], NULL, 0));
    assert_ok(oriel_engine_direct.core_create(world_limits(), &w->core[rank]));
}

static inline int world_make(void **state)
{
    static const oriel_buffer buffers[] = {{"scratch", PTO_U8, SCRATCH_BYTES}, {"signals", PTO_I32, SIGNAL_CELLS}};
    world *w = aligned_alloc(64, (sizeof *w + 63) / 64 * 64);
    memset(w, 0, sizeof *w);
    w->ranks = MAX_RANKS;
    w->deadline = oriel_deadline(60);
    assert_ok(oriel_arena_create(1 << 20, &w->arena));
    assert_ok(oriel_domain_make(w->arena, "tp", NULL, w->ranks, 0, buffers, 2, w->ranks, 64, &w->domain));
    oriel_fabric_shm_init(&w->fabric, oriel_arena_base(w->arena), oriel_arena_bytes(w->arena));
    for (uint32_t rank = 0; rank < w->ranks; rank++)
        world_make_rank(w, rank);
    *state = w;
    return 0;
}

static inline int world_drop(void **state)
{
    world *w = *state;
    for (uint32_t rank = 0; rank < w->ranks; rank++) {
        oriel_engine_direct.core_destroy(w->core[rank]);
        oriel_view_free(&w->view[rank]);
    }
    oriel_arena_destroy(w->arena);
    free(w);
    return 0;
}

/* A buffer of rank `rank`'s window, as the host sees it. */
static inline void *world_buffer(const world *w, uint32_t rank, uint32_t buffer)
{
    char *base = oriel_arena_base(w->arena);
    return base + oriel_domain_window(w->domain, rank) + oriel_domain_buffers(base, w->domain)[buffer].offset;
}

static inline oriel_block world_block(world *w, uint32_t rank, oriel_kernel_fn kernel)
{
    return (oriel_block){.function = kernel,
                         .kernel = "test",
                         .view = &w->view[rank],
                         .blocks = 1,
                         .bell = &w->bell[rank],
                         .deadline = w->deadline,
                         .abort = {NULL, &w->abort}};
}

/* Runs `kernel` as one block on rank `rank`. */
static inline oriel_status world_run(world *w, uint32_t rank, oriel_kernel_fn kernel)
{
    oriel_block block = world_block(w, rank, kernel);
    return oriel_engine_direct.run(w->core[rank], &block);
}

/* Elements of `dtype` from byte `offset` on of tensor argument 0, and of my own scratch. */
static inline pto_global in_tensor(pto_core *core, uint64_t offset, pto_dtype dtype, uint64_t count)
{
    return pto_global_1d(pto_arg_tensor(core, 0).addr + offset, dtype, count);
}

static inline pto_global in_scratch(pto_core *core, uint64_t offset, pto_dtype dtype, uint64_t count)
{
    return pto_global_1d(pto_window_buffer(core, pto_arg_comm(core, 0), SCRATCH).addr + offset, dtype, count);
}

/* Signal cell `index` of rank `rank`. */
static inline pto_addr cell_of(pto_core *core, uint32_t rank, uint32_t index)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    return pto_peer_addr(comm, pto_window_buffer(core, comm, SIGNALS).addr + 4 * index, rank);
}

#endif
