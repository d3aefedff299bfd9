/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data that fits into a line rides with its generation: one line goes from each rank to each, and nothing else. With a root it
 * may be a few lines more, beside it.
 */
#include "comm/team.h"

static unsigned char *sent_by(const oriel_comm *comm, const oriel_move *move, uint32_t rank)
{
    return oriel_data_of(&comm->team->seat[rank], comm->generation, move->blocks * move->bytes);
}

/*
 * Block `block` of what `rank` sent. My own is taken from where it came from: my line has just been stored to, in parts that
 * may still be on their way out.
 */
static const void *source(const oriel_comm *comm, const oriel_move *move, uint32_t rank, uint32_t block)
{
    const void *data = rank == comm->rank ? move->send : sent_by(comm, move, rank);
    return (const char *)data + block * move->bytes;
}

static void reduce(const oriel_comm *comm, const oriel_move *move, uint32_t block)
{
    for (uint32_t rank = 0; rank < comm->ranks; rank++)
        comm->terms[rank] = source(comm, move, rank, block);
    oriel_combine(move->dtype, move->reduce, move->recv, comm->terms, comm->ranks, move->count);
}

static void gather(const oriel_comm *comm, const oriel_move *move, uint32_t block)
{
    char *to = move->recv;
    for (uint32_t rank = 0; rank < comm->ranks; rank++, to += move->bytes) {
        const void *from = source(comm, move, rank, block);
        if (to != from) /* in place, my own is there */
            memcpy(to, from, move->bytes);
    }
}

static void receive(const oriel_comm *comm, const oriel_move *move)
{
    const bool root = comm->rank == move->root;
    switch (move->operation) {
    case ORIEL_OP_ALLREDUCE: reduce(comm, move, 0); break;
    case ORIEL_OP_REDUCE_SCATTER: reduce(comm, move, comm->rank); break;
    case ORIEL_OP_REDUCE:
        if (root)
            reduce(comm, move, 0);
        break;
    case ORIEL_OP_ALLGATHER: gather(comm, move, 0); break;
    case ORIEL_OP_ALLTOALL: gather(comm, move, comm->rank); break;
    case ORIEL_OP_GATHER:
        if (root)
            gather(comm, move, 0);
        break;
    case ORIEL_OP_BROADCAST:
        if (!root)
            memcpy(move->recv, sent_by(comm, move, move->root), move->bytes);
        break;
    case ORIEL_OP_SCATTER:
        if (move->recv)
            memcpy(move->recv, source(comm, move, move->root, comm->rank), move->bytes);
        break;
    default: break;
    }
}

oriel_status oriel_move_small(oriel_comm *comm, const oriel_move *move)
{
    const uint64_t bytes = move->blocks * move->bytes;
    const bool has_root = oriel_operation_has_root(move->operation);
    const bool to_root = move->operation == ORIEL_OP_REDUCE || move->operation == ORIEL_OP_GATHER;
    if (move->send && !(to_root && comm->rank == move->root))
        memcpy(oriel_data_of(&comm->team->seat[comm->rank], comm->generation + 1, bytes), move->send, bytes);
    oriel_status status = has_root ? oriel_post(comm, move->call, move->root, to_root) : oriel_meet(comm, move->call);
    if (status == ORIEL_OK && move->bytes)
        receive(comm, move);
    return status;
}
