/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Algorithms that are kernels: run by the direct engine, in the calling rank, on a core of its own.
 *
 *      one block of the world, for all ranks; equal strides
 *      ┌─────────────────────────┬─────────┬───────────────────┬──────────── ─ ─
 *      │ rank 0: its description │ signals │ scratch           │ rank 1: ...
 *      └─────────────────────────┴─────────┴───────────────────┴──────────── ─ ─
 *                                └───── a window of the domain ┘
 *
 * Each rank describes the domain for itself, in its own part: of the same bytes every call makes scratch of its own type.
 * Windows grow when a call needs more; the block is new and zero then, as a domain's signals must be.
 */
#include <string.h>

#include "base/clock.h"
#include "collectives/kernels.h"
#include "comm/team.h"
#include "platform/platform.h"

enum { SCRATCH, SIGNALS, BUFFERS };

static const oriel_algorithm algorithms[] = {
    {ORIEL_OP_ALLGATHER, "one-phase", {"allgather", oriel_kernel_allgather}, .out_each = 1, .scratch = 2},
    {ORIEL_OP_REDUCE_SCATTER,
     "one-phase",
     {"reduce_scatter", oriel_kernel_reduce_scatter},
     .in_each = 1,
     .scratch_each = 2},
    {ORIEL_OP_ALLREDUCE, "one-phase", {"allreduce", oriel_kernel_allreduce}, .scratch = 2},
};

#define ALGORITHMS (sizeof algorithms / sizeof algorithms[0])

bool oriel_algorithm_is_known(const char *name)
{
    for (size_t i = 0; i < ALGORITHMS; i++)
        if (strcmp(algorithms[i].name, name) == 0)
            return true;
    return false;
}

static bool reduces(oriel_operation operation)
{
    return operation == ORIEL_OP_ALLREDUCE || operation == ORIEL_OP_REDUCE || operation == ORIEL_OP_REDUCE_SCATTER;
}

/* A kernel has the same bits, unless it rounds more often. */
static bool keeps_bits(const oriel_comm *comm, const oriel_move *move)
{
    return !reduces(move->operation) || comm->ranks <= 2 || pto_dtype_bytes(move->dtype) != 2 ||
           !pto_dtype_is_float(move->dtype) || move->reduce == PTO_MAX || move->reduce == PTO_MIN;
}

const oriel_algorithm *oriel_algorithm_for(const oriel_comm *comm, const oriel_move *move)
{
    /* Beyond the offsets of an address there are the library's own ways. */
    if (move->count == 0 || !keeps_bits(comm, move) || move->bytes > PTO_ADDR_OFFSET_MASK / (2 * comm->ranks))
        return NULL;
    for (size_t i = 0; i < ALGORITHMS; i++)
        if (algorithms[i].operation == move->operation && strcmp(algorithms[i].name, comm->algorithm) == 0)
            return &algorithms[i];
    return NULL;
}

/* ---- Windows ---------------------------------------------------------------------------------------------------- */

#define PAGE UINT64_C(4096)

static uint64_t pages_up(uint64_t bytes)
{
    return (bytes + PAGE - 1) / PAGE * PAGE;
}

/* The domain, its buffers, its members. */
static uint64_t description_bytes(const oriel_comm *comm)
{
    return pages_up(sizeof(oriel_domain_shared) + BUFFERS * sizeof(oriel_named_buffer) +
                    comm->ranks * sizeof(uint32_t));
}

/* Three lines for each rank, as collectives/barrier.h wants them. */
static uint64_t signals_bytes(const oriel_comm *comm)
{
    return 3 * (uint64_t)comm->ranks * PTO_LINE_BYTES;
}

static uint64_t stride_of(const oriel_comm *comm, uint64_t bytes)
{
    return description_bytes(comm) + pages_up(bytes);
}

uint64_t oriel_kernel_block_bytes(const oriel_comm *comm, uint64_t bytes)
{
    return stride_of(comm, bytes) * comm->ranks;
}

/* Meets, with windows of at least `bytes` bytes when it returns. */
static oriel_status meet_with_windows(oriel_comm *comm, oriel_call call, uint64_t bytes)
{
    if (comm->kernel_bytes >= bytes)
        return oriel_meet(comm, call);
    uint64_t block, more = comm->kernel_bytes ? 2 * comm->kernel_bytes : 64 * PAGE;
    more = pages_up(more > bytes ? more : bytes);
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

static oriel_domain_shared *describe_domain(const oriel_comm *comm, const oriel_move *move)
{
    const uint64_t stride = stride_of(comm, comm->kernel_bytes), signals = signals_bytes(comm);
    const uint64_t mine = comm->kernel_block + comm->rank * stride;
    const uint64_t scratch = (comm->kernel_bytes - signals) / move->bytes * move->count;
    oriel_domain_shared *domain = oriel_world_at(comm->world, mine);
    *domain = (oriel_domain_shared){.name = "comm",
                                    .ranks = comm->ranks,
                                    .buffers = BUFFERS,
                                    .window_bytes = comm->kernel_bytes,
                                    .window_stride = stride,
                                    .windows = comm->kernel_block + description_bytes(comm),
                                    .buffer_table = mine + sizeof *domain,
                                    .device_table = mine + sizeof *domain + BUFFERS * sizeof(oriel_named_buffer)};
    oriel_named_buffer *buffer = oriel_world_at(comm->world, domain->buffer_table);
    buffer[SIGNALS] = (oriel_named_buffer){"signals", PTO_I32, signals / sizeof(int32_t), signals, 0};
    buffer[SCRATCH] =
        (oriel_named_buffer){"scratch", move->dtype, scratch, scratch * pto_dtype_bytes(move->dtype), signals};
    memcpy(oriel_world_at(comm->world, domain->device_table), comm->member, comm->ranks * sizeof *comm->member);
    return domain;
}

/* ---- Running ---------------------------------------------------------------------------------------------------- */

static oriel_view_tensor tensor_at(const void *data, pto_dtype dtype, uint64_t count)
{
    return (oriel_view_tensor){{ORIEL_SEGMENT_LOCAL, (uintptr_t)data}, dtype, 1, {count}};
}

static oriel_status run_kernel(oriel_comm *comm, const oriel_move *move, const oriel_algorithm *algorithm)
{
    const oriel_view_tensor tensor[] = {
        tensor_at(move->send, move->dtype, move->count * (algorithm->in_each ? comm->ranks : 1)),
        tensor_at(move->recv, move->dtype, move->count * (algorithm->out_each ? comm->ranks : 1))};
    const oriel_view_comm domain = {describe_domain(comm, move), comm->rank};
    const uint64_t scalar = (uint64_t)move->reduce;
    oriel_world *world = comm->world;
    oriel_fabric_shm fabric;
    oriel_fabric_shm_init(&fabric, world, world->bytes);
    oriel_view view = {.fabric = &fabric.fabric,
                       .arena_base = world,
                       .bells = world->rank_bell,
                       .tensors = 2,
                       .comms = 1,
                       .tensor = tensor,
                       .comm = &domain};
    oriel_status status = oriel_view_build(&view, &scalar, reduces(move->operation));
    if (status != ORIEL_OK)
        return status;
    const oriel_block block = {.function = algorithm->kernel.function,
                               .kernel = algorithm->kernel.name,
                               .view = &view,
                               .blocks = 1,
                               .bell = &world->rank_bell[comm->member[comm->rank]],
                               .deadline = oriel_deadline(comm->timeout_s),
                               .abort = {&comm->team->verdict.given, &world->verdict.given}};
    status = oriel_engine_direct.run(comm->root->core, &block);
    oriel_view_free(&view);
    return status;
}

oriel_status oriel_move_by_kernel(oriel_comm *comm, const oriel_move *move, const oriel_algorithm *algorithm)
{
    const uint64_t blocks = algorithm->scratch + (uint64_t)algorithm->scratch_each * comm->ranks;
    oriel_status status = meet_with_windows(comm, move->call, signals_bytes(comm) + blocks * move->bytes);
    if (status != ORIEL_OK)
        return status;
    if (!comm->root->core)
        status = oriel_engine_direct.core_create(&oriel_platform_a2a3sim.limits, &comm->root->core);
    if (status == ORIEL_OK)
        status = run_kernel(comm, move, algorithm);
    return status == ORIEL_OK ? ORIEL_OK : oriel_fail_kernel(comm, move->call, status);
}
