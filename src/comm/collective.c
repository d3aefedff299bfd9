/* SPDX-License-Identifier: Apache-2.0 */
/* The public calls: whether the arguments are acceptable, what they mean as blocks, and which way they go. */
#include <inttypes.h>

#include "comm/team.h"
#include "isa/isa.h"
#include "oriel/info.h"

/* ---- Arguments -------------------------------------------------------------------------------------------------- */

static oriel_status check_buffer(const char *name, const void *data, uint32_t align)
{
    if (!data)
        return oriel_fail(ORIEL_INVALID, "%s is NULL", name);
    if (data == ORIEL_IN_PLACE)
        return oriel_fail(ORIEL_INVALID, "%s cannot be in place here", name);
    if ((uintptr_t)data & (align - 1)) /* a power of two: a division would cost more than all else here */
        return oriel_fail(ORIEL_INVALID, "%s (%p) is not aligned to its elements of %u B", name, data, align);
    return ORIEL_OK;
}

static oriel_status check_call(const oriel_comm *comm, const oriel_move *move)
{
    if (!comm)
        return oriel_fail(ORIEL_INVALID, "there is no communicator");
    if ((unsigned)move->dtype >= PTO_DTYPE_COUNT)
        return oriel_fail(ORIEL_INVALID, "there is no type %d", (int)move->dtype);
    if ((unsigned)move->reduce >= PTO_REDUCE_COUNT)
        return oriel_fail(ORIEL_INVALID, "there is no reduction %d", (int)move->reduce);
    if (!pto_reduce_takes(move->reduce, move->dtype))
        return oriel_fail(ORIEL_INVALID, "reduction %s does not take type %s: it takes%s",
                          oriel_reduce_name(move->reduce), oriel_dtype_name(move->dtype), oriel_integer_names);
    if (move->root >= comm->ranks)
        return oriel_fail(ORIEL_INVALID, "root %" PRIu32 " of %" PRIu32 " ranks", move->root, comm->ranks);
    int64_t most;
    if (__builtin_mul_overflow(move->count, comm->ranks * UINT64_C(8), &most))
        return oriel_fail(ORIEL_INVALID,
                          "%" PRIu64 " elements for each of %" PRIu32 " ranks are more than there can be", move->count,
                          comm->ranks);
    return ORIEL_OK;
}

/* What this rank's buffers are for. */
typedef struct roles {
    bool sends, receives;    /* else the buffer is not looked at */
    bool send_may, recv_may; /* be ORIEL_IN_PLACE */
    bool each;               /* sends a block to each */
    bool from_each;          /* receives a block from each */
    bool own_block_in_place; /* in place, what it sends is its own block of recv */
} roles;

/* Not of what is in place. Neither end wraps: nothing is longer than half of the address space. */
static oriel_status check_apart(const void *send, uint64_t sent, const void *recv, uint64_t received)
{
    if ((uintptr_t)send + sent <= (uintptr_t)recv || (uintptr_t)recv + received <= (uintptr_t)send)
        return ORIEL_OK;
    return oriel_fail(ORIEL_INVALID,
                      "the send buffer (%p, %" PRIu64 " B) and the receive buffer (%p, %" PRIu64
                      " B) overlap: ORIEL_IN_PLACE is for one that is both",
                      send, sent, recv, received);
}

static oriel_status resolve(const oriel_comm *comm, const roles *role, const void *send, void *recv, oriel_move *move)
{
    const uint32_t align = pto_dtype_bytes(move->dtype);
    move->bytes = move->count * align;
    move->blocks = role->each ? comm->ranks : 1;
    if (move->count == 0)
        return ORIEL_OK;
    oriel_status status = ORIEL_OK;
    const bool recv_in_place = role->recv_may && recv == ORIEL_IN_PLACE;
    if (role->receives && !recv_in_place) {
        status = check_buffer("the receive buffer", recv, align);
        move->recv = recv;
    }
    if (role->sends && status == ORIEL_OK) {
        move->in_place = role->send_may && send == ORIEL_IN_PLACE;
        if (move->in_place)
            move->send = (char *)recv + (role->own_block_in_place ? comm->rank * move->bytes : 0);
        else {
            status = check_buffer("the send buffer", send, align);
            move->send = send;
        }
    }
    if (status == ORIEL_OK && move->send && move->recv && !move->in_place)
        status = check_apart(send, move->blocks * move->bytes, recv, (role->from_each ? comm->ranks : 1) * move->bytes);
    return status;
}

/* Inlined, since each caller knows its roles: called, it costs each call some forty instructions more. */
static inline __attribute__((always_inline)) oriel_status run(oriel_comm *comm, const roles *role, const void *send,
                                                              void *recv, oriel_move move)
{
    oriel_status status = check_call(comm, &move);
    if (status == ORIEL_OK)
        status = resolve(comm, role, send, recv, &move);
    if (status != ORIEL_OK)
        return status;
    if (comm->broken != ORIEL_OK)
        return oriel_refuse(comm);
    comm->calls++;
    move.call = oriel_call_of(move.operation, move.count, move.dtype, move.reduce, move.root);
    /* The same on all ranks of calls that agree; those that do not are told by the first meeting of each way. */
    const oriel_algorithm *algorithm = oriel_chosen(comm, &move);
    if (algorithm)
        return oriel_move_by_kernel(comm, &move, algorithm);
    const bool is_small = move.blocks * move.bytes <= ORIEL_PAYLOAD || oriel_is_post(&move);
    return is_small ? oriel_move_small(comm, &move) : oriel_move_large(comm, &move);
}

/* ---- The calls -------------------------------------------------------------------------------------------------- */

uint32_t oriel_comm_rank(const oriel_comm *comm)
{
    return comm->rank;
}

uint32_t oriel_comm_size(const oriel_comm *comm)
{
    return comm->ranks;
}

oriel_status oriel_barrier(oriel_comm *comm)
{
    const roles role = {.sends = false};
    return run(comm, &role, NULL, NULL, (oriel_move){.operation = ORIEL_OP_BARRIER});
}

oriel_status oriel_broadcast(void *data, uint64_t count, pto_dtype dtype, uint32_t root, oriel_comm *comm)
{
    const bool is_root = comm && comm->rank == root;
    const roles role = {.sends = is_root, .receives = !is_root};
    return run(comm, &role, data, data,
               (oriel_move){.operation = ORIEL_OP_BROADCAST, .count = count, .dtype = dtype, .root = root});
}

oriel_status oriel_reduce(const void *send, void *recv, uint64_t count, pto_dtype dtype, pto_reduce op, uint32_t root,
                          oriel_comm *comm)
{
    const bool is_root = comm && comm->rank == root;
    const roles role = {.sends = true, .receives = is_root, .send_may = is_root};
    return run(comm, &role, send, recv,
               (oriel_move){.operation = ORIEL_OP_REDUCE, .count = count, .dtype = dtype, .reduce = op, .root = root});
}

oriel_status oriel_allreduce(const void *send, void *recv, uint64_t count, pto_dtype dtype, pto_reduce op,
                             oriel_comm *comm)
{
    const roles role = {.sends = true, .receives = true, .send_may = true};
    return run(comm, &role, send, recv,
               (oriel_move){.operation = ORIEL_OP_ALLREDUCE, .count = count, .dtype = dtype, .reduce = op});
}

oriel_status oriel_reduce_scatter(const void *send, void *recv, uint64_t count, pto_dtype dtype, pto_reduce op,
                                  oriel_comm *comm)
{
    const roles role = {.sends = true, .receives = true, .send_may = true, .each = true};
    return run(comm, &role, send, recv,
               (oriel_move){.operation = ORIEL_OP_REDUCE_SCATTER, .count = count, .dtype = dtype, .reduce = op});
}

oriel_status oriel_allgather(const void *send, void *recv, uint64_t count, pto_dtype dtype, oriel_comm *comm)
{
    const roles role = {
        .sends = true, .receives = true, .send_may = true, .from_each = true, .own_block_in_place = true};
    return run(comm, &role, send, recv, (oriel_move){.operation = ORIEL_OP_ALLGATHER, .count = count, .dtype = dtype});
}

oriel_status oriel_alltoall(const void *send, void *recv, uint64_t count, pto_dtype dtype, oriel_comm *comm)
{
    const roles role = {.sends = true, .receives = true, .send_may = true, .each = true, .from_each = true};
    return run(comm, &role, send, recv, (oriel_move){.operation = ORIEL_OP_ALLTOALL, .count = count, .dtype = dtype});
}

oriel_status oriel_gather(const void *send, void *recv, uint64_t count, pto_dtype dtype, uint32_t root,
                          oriel_comm *comm)
{
    const bool is_root = comm && comm->rank == root;
    const roles role = {
        .sends = true, .receives = is_root, .send_may = is_root, .from_each = true, .own_block_in_place = true};
    return run(comm, &role, send, recv,
               (oriel_move){.operation = ORIEL_OP_GATHER, .count = count, .dtype = dtype, .root = root});
}

oriel_status oriel_scatter(const void *send, void *recv, uint64_t count, pto_dtype dtype, uint32_t root,
                           oriel_comm *comm)
{
    const bool is_root = comm && comm->rank == root;
    const roles role = {.sends = is_root, .receives = true, .recv_may = is_root, .each = true};
    return run(comm, &role, send, recv,
               (oriel_move){.operation = ORIEL_OP_SCATTER, .count = count, .dtype = dtype, .root = root});
}
