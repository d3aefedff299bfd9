/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Algorithms that are kernels: run by the direct engine, in the calling rank, on a core of its communicator's own.
 *
 *      one block of the world, for all ranks; equal strides
 *      ┌─────────────────────────────┬─────────────────────────────┬──── ─ ─
 *      │ window of rank 0            │ window of rank 1            │ ...
 *      │ signals, a line thrice each │                             │
 *      │ scratch                     │                             │
 *      └─────────────────────────────┴─────────────────────────────┴──── ─ ─
 *
 * Each rank describes the domain for itself, in memory of its own: of the same bytes every call makes scratch of its
 * own type. Windows grow when a call needs more; the block is new and zero then, as a domain's signals must be.
 *
 * Every call begins with a meeting, as those of the library's own ways do. So whoever comes to a kernel knows that all
 * have left the one before: what it stages cannot reach what a slow rank still reads, however the calls before divided
 * the scratch. Kernels stage all that peers read, so that buffers may lie anywhere, and are the caller's again on
 * return.
 */
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pages.h"
#include "comm/crew.h"
#include "comm/team.h"
#include "oriel/kernel.h"
#include "platform/platform.h"

/* Of a launch of a collective (launch/builtin.h). The windows' buffers are numbered from the first of them. */
enum { IN, OUT, SCRATCH, SIGNALS, BUFFERS_OF_LAUNCH };
#define TENSORS        2
#define WINDOW_BUFFERS 2

/* All that the engine is told, kept from call to call. Private to a rank. */
struct oriel_kernels {
    oriel_engine_core *core;
    oriel_fabric_shm fabric;
    oriel_view view;
    oriel_view_comm member;
    oriel_view_tensor tensor[TENSORS];
    uint64_t scalar[2];
    void *sink; /* for the result of a rank that wants none */
    uint64_t sink_bytes;
    /* The call that is described; NULL: none yet. */
    const oriel_algorithm *algorithm;
    pto_dtype dtype;
    uint64_t count, block;
    /* The view's arena, as far as tables are concerned. */
    oriel_domain_shared domain;
    oriel_named_buffer buffer[WINDOW_BUFFERS];
    bool *awaited; /* [ranks]: by a run that was left, which is the last one */
    uint32_t device[];
};

/* ---- What kernels can do ---------------------------------------------------------------------------------------- */

/* A kernel rounds a 16-bit sum whenever it adds, and comm.h says: once. With two ranks that is the same. */
static bool rounds_once(const oriel_comm *comm, const oriel_move *move)
{
    return !oriel_operation_reduces(move->operation) || comm->ranks <= 2 || pto_dtype_bytes(move->dtype) != 2 ||
           !pto_dtype_is_float(move->dtype) || (move->reduce != PTO_SUM && move->reduce != PTO_PROD);
}

bool oriel_kernel_can(const oriel_comm *comm, const oriel_move *move)
{
    if (move->operation == ORIEL_OP_BARRIER)
        return true;
    /* No algorithm has more scratch than 4 n C; beyond the offsets of an address there are the library's own ways. */
    return move->count > 0 && rounds_once(comm, move) && move->bytes <= PTO_ADDR_OFFSET_MASK / (4 * comm->ranks);
}

/* ---- Windows ---------------------------------------------------------------------------------------------------- */

#define LEAST_WINDOW (UINT64_C(256) << 10)

static oriel_job job_of(const oriel_comm *comm, const oriel_move *move)
{
    return (oriel_job){.ranks = comm->ranks, .count = move->count, .dtype = move->dtype, .reduce = move->reduce};
}

static uint64_t signals_bytes(const oriel_comm *comm)
{
    const oriel_job job = {.ranks = comm->ranks};
    return oriel_count_signals(&job) * sizeof(int32_t);
}

uint64_t oriel_kernel_block_bytes(const oriel_comm *comm, uint64_t bytes)
{
    return oriel_pages_up(bytes) * comm->ranks;
}

/* Meets, with windows of at least `bytes` bytes when it returns. */
static oriel_status meet_with_windows(oriel_comm *comm, oriel_call call, uint64_t bytes)
{
    if (comm->kernel_bytes >= bytes)
        return oriel_meet(comm, call);
    uint64_t block, more = comm->kernel_bytes ? 2 * comm->kernel_bytes : LEAST_WINDOW;
    more = oriel_pages_up(more > bytes ? more : bytes);
    oriel_status status = oriel_block_for_all(comm, call, oriel_kernel_block_bytes(comm, more), &block);
    if (status != ORIEL_OK)
        return status;
    /* All have come to this call, so nobody is in a kernel of the call before. */
    if (comm->kernel_bytes && comm->rank == 0)
        oriel_world_free(comm->world, comm->shm, comm->kernel_block,
                         oriel_kernel_block_bytes(comm, comm->kernel_bytes));
    comm->kernel_block = block;
    comm->kernel_bytes = more;
    return ORIEL_OK;
}

/* ---- Describing a call ------------------------------------------------------------------------------------------ */

static oriel_status make_kernels(oriel_comm *comm)
{
    oriel_kernels *made = calloc(1, sizeof *made + comm->ranks * (sizeof *made->device + sizeof *made->awaited));
    if (!made)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory to run kernels on %u ranks", comm->ranks);
    oriel_status status = oriel_engine_direct.core_create(&oriel_platform_a2a3sim.limits, &made->core);
    if (status != ORIEL_OK) {
        free(made);
        return status;
    }
    made->awaited = (bool *)(made->device + comm->ranks);
    oriel_fabric_shm_init(&made->fabric, comm->world, comm->world->bytes);
    memcpy(made->device, comm->member, comm->ranks * sizeof *made->device);
    made->member = (oriel_view_comm){&made->domain, comm->rank};
    made->view = (oriel_view){.fabric = &made->fabric.fabric,
                              .arena_base = made,
                              .bells = comm->world->rank_bell,
                              .comms = 1,
                              .tensor = made->tensor,
                              .comm = &made->member};
    comm->kernels = made;
    return ORIEL_OK;
}

void oriel_kernels_free(oriel_kernels *kernels)
{
    if (!kernels)
        return;
    oriel_view_free(&kernels->view);
    oriel_engine_direct.core_destroy(kernels->core);
    free(kernels->sink);
    free(kernels);
}

static void describe_domain(const oriel_comm *comm, pto_dtype dtype)
{
    oriel_kernels *kernels = comm->kernels;
    const uint64_t signals = signals_bytes(comm), each = pto_dtype_bytes(dtype);
    /* Halves of whole lines, for every type alike. */
    const uint64_t scratch = (comm->kernel_bytes - signals) / (2 * ORIEL_LINE) * (2 * ORIEL_LINE);
    kernels->domain = (oriel_domain_shared){.name = "comm",
                                            .ranks = comm->ranks,
                                            .buffers = WINDOW_BUFFERS,
                                            .window_bytes = comm->kernel_bytes,
                                            .window_stride = oriel_pages_up(comm->kernel_bytes),
                                            .windows = comm->kernel_block,
                                            .buffer_table = offsetof(oriel_kernels, buffer),
                                            .device_table = offsetof(oriel_kernels, device)};
    kernels->buffer[SIGNALS - SCRATCH] =
        (oriel_named_buffer){"signals", PTO_I32, signals / sizeof(int32_t), signals, 0};
    kernels->buffer[0] = (oriel_named_buffer){"scratch", dtype, scratch / each, scratch, signals};
}

static bool is_described(const oriel_comm *comm, const oriel_move *move, const oriel_algorithm *algorithm)
{
    const oriel_kernels *kernels = comm->kernels;
    return kernels->algorithm == algorithm && kernels->dtype == move->dtype && kernels->count == move->count &&
           kernels->block == comm->kernel_block;
}

/* The shape of the call: all but where its buffers are, and its scalars. */
static oriel_status describe(oriel_comm *comm, const oriel_move *move, const oriel_algorithm *algorithm)
{
    oriel_kernels *kernels = comm->kernels;
    const oriel_launch *launch = algorithm->launch;
    const oriel_job job = job_of(comm, move);
    kernels->algorithm = NULL;
    describe_domain(comm, move->dtype);
    for (uint32_t t = 0; t < TENSORS; t++)
        kernels->tensor[t] = (oriel_view_tensor){
            {ORIEL_SEGMENT_LOCAL, 0}, move->dtype, 1, {launch->buffers[t == 0 ? IN : OUT].count(&job)}};
    kernels->view.tensors = move->operation == ORIEL_OP_BARRIER ? 0 : TENSORS;
    const uint32_t scalars =
        (uint32_t)oriel_operation_reduces(move->operation) + oriel_operation_has_root(move->operation);
    oriel_status status = kernels->view.mine ? oriel_view_rebuild(&kernels->view, kernels->scalar, scalars)
                                             : oriel_view_build(&kernels->view, kernels->scalar, scalars);
    if (status != ORIEL_OK)
        return status;
    kernels->algorithm = algorithm;
    kernels->dtype = move->dtype;
    kernels->count = move->count;
    kernels->block = comm->kernel_block;
    return ORIEL_OK;
}

/*
 * Where the kernel writes. A root that broadcasts, or scatters in place, has its data and wants none; a kernel gives it
 * all the same. Other ranks without a receive buffer are not written to.
 */
static oriel_status find_out(oriel_kernels *kernels, const oriel_move *move, void **out)
{
    *out = move->recv;
    if (move->recv || !move->send || (move->operation != ORIEL_OP_BROADCAST && move->operation != ORIEL_OP_SCATTER))
        return ORIEL_OK;
    if (kernels->sink_bytes < move->bytes) {
        free(kernels->sink);
        kernels->sink_bytes = 0;
        kernels->sink = malloc(move->bytes);
        if (!kernels->sink)
            return oriel_fail(ORIEL_NO_MEMORY, "no memory for the %llu B that a kernel writes",
                              (unsigned long long)move->bytes);
        kernels->sink_bytes = move->bytes;
    }
    *out = kernels->sink;
    return ORIEL_OK;
}

/* ---- Whom a kernel waits for ------------------------------------------------------------------------------------- */

/* Each rank has a line among the barrier's cells and one among the steps', of which it alone writes the first. */
static void note_awaited(void *context, const char *window, uint64_t cell)
{
    oriel_kernels *kernels = context;
    const uint32_t ranks = kernels->domain.ranks;
    if (strcmp(window, kernels->buffer[SIGNALS - SCRATCH].name) == 0 && cell < 2 * (uint64_t)PTO_LINE_CELLS * ranks)
        kernels->awaited[cell / PTO_LINE_CELLS % ranks] = true;
}

/* ---- Running ---------------------------------------------------------------------------------------------------- */

static oriel_status run_kernel(oriel_comm *comm, const oriel_move *move, const oriel_algorithm *algorithm)
{
    void *out;
    oriel_status status = comm->kernels ? ORIEL_OK : make_kernels(comm);
    if (status == ORIEL_OK && !is_described(comm, move, algorithm))
        status = describe(comm, move, algorithm);
    if (status == ORIEL_OK)
        status = find_out(comm->kernels, move, &out);
    if (status != ORIEL_OK)
        return status;
    oriel_kernels *kernels = comm->kernels;
    kernels->tensor[0].place.offset = (uintptr_t)move->send;
    kernels->tensor[1].place.offset = (uintptr_t)out;
    uint32_t scalars = 0;
    if (oriel_operation_reduces(move->operation))
        kernels->scalar[scalars++] = (uint64_t)move->reduce;
    if (oriel_operation_has_root(move->operation))
        kernels->scalar[scalars++] = move->root;
    const oriel_block block = {.function = algorithm->launch->kernel,
                               .kernel = algorithm->launch->name,
                               .view = &kernels->view,
                               .blocks = 1,
                               .bell = &comm->world->rank_bell[comm->member[comm->rank]],
                               .deadline = ORIEL_NEVER,
                               .wait_s = comm->timeout_s,
                               .abort = {&comm->team->verdict.given, &comm->world->verdict.given},
                               .idle = comm->root->joined ? oriel_crew_watch : NULL,
                               .idle_context = comm->root->joined,
                               .awaited = note_awaited,
                               .awaited_context = kernels};
    return oriel_engine_direct.run(kernels->core, &block);
}

oriel_status oriel_move_by_kernel(oriel_comm *comm, const oriel_move *move, const oriel_algorithm *algorithm)
{
    const oriel_job job = job_of(comm, move);
    assert(algorithm->launch->buffer_count == BUFFERS_OF_LAUNCH);
    const uint64_t scratch = algorithm->launch->buffers[SCRATCH].count(&job) * pto_dtype_bytes(move->dtype);
    /* A line more for each half, of which there are whole lines. */
    oriel_status status = meet_with_windows(comm, move->call, signals_bytes(comm) + scratch + 2 * ORIEL_LINE);
    if (status != ORIEL_OK)
        return status;
    status = run_kernel(comm, move, algorithm);
    return status == ORIEL_OK
               ? ORIEL_OK
               : oriel_fail_kernel(comm, move->call, status, comm->kernels ? comm->kernels->awaited : NULL);
}
