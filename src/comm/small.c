/* SPDX-License-Identifier: Apache-2.0 */
/* Data that fits into a line rides with its generation: one line goes from each rank to each, and nothing else. */
#include "comm/team.h"

static const unsigned char *sent_by(const oriel_comm *comm, uint32_t peer)
{
    return oriel_peer_line(comm, peer)->payload;
}

static void reduce(const oriel_comm *comm, const oriel_move *move, uint64_t offset)
{
    for (uint32_t peer = 0; peer < comm->ranks; peer++)
        comm->terms[peer] = sent_by(comm, peer) + offset;
    oriel_combine(move->dtype, move->reduce, move->recv, comm->terms, comm->ranks, move->count);
}

/* Block `from` of what each rank sent. */
static void gather(const oriel_comm *comm, const oriel_move *move, uint32_t from)
{
    char *to = move->recv;
    for (uint32_t peer = 0; peer < comm->ranks; peer++, to += move->bytes)
        memcpy(to, sent_by(comm, peer) + from * move->bytes, move->bytes);
}

static void receive(const oriel_comm *comm, const oriel_move *move)
{
    const bool root = comm->rank == move->root;
    switch (move->operation) {
    case ORIEL_OP_ALLREDUCE: reduce(comm, move, 0); break;
    case ORIEL_OP_REDUCE_SCATTER: reduce(comm, move, comm->rank * move->bytes); break;
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
            memcpy(move->recv, sent_by(comm, move->root), move->bytes);
        break;
    case ORIEL_OP_SCATTER:
        if (move->recv)
            memcpy(move->recv, sent_by(comm, move->root) + comm->rank * move->bytes, move->bytes);
        break;
    default: break;
    }
}

oriel_status oriel_move_small(oriel_comm *comm, const oriel_move *move)
{
    if (move->send)
        memcpy(oriel_next_line(comm)->payload, move->send, move->blocks * move->bytes);
    oriel_status status = oriel_meet(comm, move->call);
    if (status == ORIEL_OK && move->bytes)
        receive(comm, move);
    return status;
}
