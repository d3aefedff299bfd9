/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data that does not fit into a line. Each rank offers what it sends, all meet, and each takes what it is to receive from
 * where its peers have it:
 *
 *      direct   in the memory of a window: all of it, where it is
 *      staged   elsewhere: copied into this rank's scratch, a piece of each block at a time; each piece is a round
 *
 *      round 0                              round 1 ..
 *      offer ─ meet ─► all direct: take everything ──────────────────────┐
 *                  └─► else: take a piece ─► stage, offer, meet, take .. ┴─► finish, if anything was direct
 *
 * Pieces keep scratch small and in the cache. Its two halves alternate with the stagings (team.h says why that is enough), so a
 * staged rank may return while a slow peer still reads its last piece. A direct one may not: its caller could write what a
 * peer still reads. So readers say when they have read (done), and a direct rank waits for them. A rank that says so and goes on
 * reads nothing more of this call; the next one begins with a meeting of its own.
 *
 * Nobody takes from memory that is written in the same call: where a result would go over data that peers read (all-to-all and
 * reduce-scatter in place), the data is staged.
 *
 * An all-reduce whose buffers are direct on all ranks is done in one round of another kind: each rank combines its part of
 * the elements and writes the result to all. Each byte is read once and written once by one rank, and a part that is
 * written in place was read by the writer alone.
 */
#include "comm/team.h"

/*
 * Bytes of a half of a rank's scratch, which grows as calls need more. What a rank has written is dear to read while it is still
 * in that rank's own caches, and cheaper once it has moved on to one that is shared: so large pieces are better than
 * small ones. (Two ranks, 1 MiB of all-gather on ordinary memory, in microseconds: 88 in pieces of 64 KiB, 56 of 256 KiB, 41
 * of 1 MiB and of 4 MiB.)
 */
#define LEAST_HALF (UINT64_C(64) << 10)
#define MOST_HALF  (UINT64_C(1) << 20)

/*
 * Below this many bytes sent, staging is cheaper than waiting for all readers at the end; for data that was not written since
 * the call before, and is still in the readers' caches, it is so only up to half of that.
 */
#define DIRECT_BYTES (UINT64_C(4) << 10)

/* From this many bytes on, more than two ranks reduce a part each, instead of everything each. */
#define PARTS_BYTES (UINT64_C(2) << 10)

typedef struct large {
    oriel_comm *comm;
    const oriel_move *move;
    uint64_t piece; /* bytes of a block in one round */
    char *staged;   /* where this rank staged last */
    bool direct;    /* what this rank offers */
    bool stream;    /* results go around the caches */
    bool some_direct, all_direct;
} large;

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t lines_up(uint64_t bytes)
{
    return (bytes + ORIEL_LINE - 1) / ORIEL_LINE * ORIEL_LINE;
}

/* ---- Who reads whom --------------------------------------------------------------------------------------------- */

static bool sends_from_root(const oriel_move *move)
{
    return move->operation == ORIEL_OP_BROADCAST || move->operation == ORIEL_OP_SCATTER;
}

static bool goes_to_root(const oriel_move *move)
{
    return move->operation == ORIEL_OP_GATHER || move->operation == ORIEL_OP_REDUCE;
}

/* Whether others read what `rank` sends. */
static bool is_read(const oriel_move *move, uint32_t rank)
{
    if (sends_from_root(move))
        return rank == move->root;
    return !goes_to_root(move) || rank != move->root;
}

/* ---- Offering --------------------------------------------------------------------------------------------------- */

/* What all ranks together read and write. */
static uint64_t footprint(const oriel_comm *comm, const oriel_move *move)
{
    const bool from_each = move->operation == ORIEL_OP_ALLGATHER || move->operation == ORIEL_OP_ALLTOALL ||
                           move->operation == ORIEL_OP_GATHER;
    const uint64_t senders = sends_from_root(move) ? 1 : comm->ranks, receivers = goes_to_root(move) ? 1 : comm->ranks;
    return (senders * move->blocks + receivers * (from_each ? comm->ranks : 1)) * move->bytes;
}

static bool may_be_direct(const oriel_comm *comm, const oriel_move *move)
{
    const uint64_t bytes = move->blocks * move->bytes;
    if (bytes < DIRECT_BYTES || !oriel_world_has(comm->world, move->send, bytes))
        return false;
    switch (move->operation) {
    case ORIEL_OP_ALLTOALL:
    case ORIEL_OP_REDUCE_SCATTER: return !move->in_place;
    case ORIEL_OP_ALLREDUCE: return oriel_world_has(comm->world, move->recv, move->bytes);
    default: return true;
    }
}

/* The piece of each block that begins at `from`; nobody else reads a rank's block for itself. */
static void stage(large *all, uint64_t from)
{
    const oriel_comm *comm = all->comm;
    const oriel_move *move = all->move;
    const uint64_t bytes = smaller(all->piece, move->bytes - from);
    for (uint32_t block = 0; block < move->blocks; block++)
        if (move->blocks == 1 || block != comm->rank)
            memcpy(all->staged + block * all->piece, (const char *)move->send + block * move->bytes + from, bytes);
}

/* Offers the round that begins at `from`, and meets. */
static oriel_status offer(large *all, uint64_t from)
{
    oriel_comm *comm = all->comm;
    const oriel_move *move = all->move;
    uint64_t half = 2 * (uint64_t)comm->rank + (comm->stagings++ & 1);
    all->staged = oriel_world_at(comm->world, comm->scratch + half * comm->half);
    if (is_read(move, comm->rank)) {
        oriel_offer *mine = &oriel_next_line(comm)->offer;
        if (!all->direct)
            stage(all, from);
        mine->data = oriel_world_offset(comm->world, all->direct ? move->send : all->staged);
        mine->target = all->direct && move->recv ? oriel_world_offset(comm->world, move->recv) : 0;
        mine->direct = all->direct;
    }
    return oriel_meet(comm, move->call);
}

static void learn_who_is_direct(large *all)
{
    all->some_direct = false;
    all->all_direct = true;
    for (uint32_t rank = 0; rank < all->comm->ranks; rank++) {
        if (!is_read(all->move, rank))
            continue;
        bool direct = oriel_peer_line(all->comm, rank)->offer.direct;
        all->some_direct |= direct;
        all->all_direct &= direct;
    }
}

/* ---- Taking ----------------------------------------------------------------------------------------------------- */

/* The bytes from `from` on of block `block` of `rank`, in the round that has been met for. */
static const char *source(const large *all, uint32_t rank, uint32_t block, uint64_t from)
{
    const oriel_move *move = all->move;
    if (move->blocks == 1)
        block = 0;
    if (rank == all->comm->rank)
        return (const char *)move->send + block * move->bytes + from;
    const oriel_offer *its = &oriel_peer_line(all->comm, rank)->offer;
    const char *data = oriel_world_at(all->comm->world, its->data);
    return its->direct ? data + block * move->bytes + from : data + block * all->piece;
}

/* To where this rank wants it. */
static void copy(const large *all, uint64_t to, const char *from, uint64_t bytes)
{
    char *target = (char *)all->move->recv + to;
    if (all->stream)
        oriel_stream(target, from, bytes);
    else
        memcpy(target, from, bytes);
}

/* Each rank begins with its right neighbour, and ends with itself. */
static void take_from_each(const large *all, uint64_t from, uint64_t bytes)
{
    const oriel_move *move = all->move;
    const uint32_t me = all->comm->rank, ranks = all->comm->ranks;
    for (uint32_t step = 1; step <= ranks; step++) {
        uint32_t peer = (me + step) % ranks;
        if (peer != me || !move->in_place)
            copy(all, peer * move->bytes + from, source(all, peer, me, from), bytes);
    }
}

static void take_reduced(const large *all, uint64_t from, uint64_t bytes)
{
    const oriel_comm *comm = all->comm;
    const oriel_move *move = all->move;
    for (uint32_t rank = 0; rank < comm->ranks; rank++)
        comm->terms[rank] = source(all, rank, comm->rank, from);
    oriel_combine(move->dtype, move->reduce, (char *)move->recv + from, comm->terms, comm->ranks,
                  bytes / pto_dtype_bytes(move->dtype));
}

/* Part `rank` of `bytes` bytes that all ranks share. */
static uint64_t part_of(const oriel_comm *comm, uint64_t bytes, uint32_t rank, uint64_t *size)
{
    uint64_t most = lines_up((bytes + comm->ranks - 1) / comm->ranks);
    uint64_t begin = smaller(rank * most, bytes);
    *size = smaller(most, bytes - begin);
    return begin;
}

/*
 * An all-reduce of staged pieces: each rank combines its part, over its own copy of it, which nobody else reads; all meet
 * again, and each collects the parts.
 */
static oriel_status take_in_parts(large *all, uint64_t from, uint64_t bytes)
{
    oriel_comm *comm = all->comm;
    const oriel_move *move = all->move;
    uint64_t size, begin = part_of(comm, bytes, comm->rank, &size);
    for (uint32_t rank = 0; rank < comm->ranks; rank++)
        comm->terms[rank] = source(all, rank, 0, from) + begin;
    oriel_combine(move->dtype, move->reduce, all->staged + begin, comm->terms, comm->ranks,
                  size / pto_dtype_bytes(move->dtype));
    oriel_next_line(comm)->offer = (oriel_offer){.data = oriel_world_offset(comm->world, all->staged)};
    oriel_status status = oriel_meet(comm, move->call);
    for (uint32_t step = 1; step <= comm->ranks && status == ORIEL_OK; step++) {
        uint32_t peer = (comm->rank + step) % comm->ranks;
        begin = part_of(comm, bytes, peer, &size);
        const char *part = peer == comm->rank ? all->staged : source(all, peer, 0, from);
        copy(all, from + begin, part + begin, size);
    }
    return status;
}

/* All are direct: each rank combines its part of the whole, and writes it where all want it. */
static void give_part_to_all(const large *all)
{
    const oriel_comm *comm = all->comm;
    const oriel_move *move = all->move;
    uint64_t size, begin = part_of(comm, move->bytes, comm->rank, &size);
    for (uint32_t rank = 0; rank < comm->ranks; rank++) {
        comm->terms[rank] = source(all, rank, 0, begin);
        uint64_t target = oriel_peer_line(comm, rank)->offer.target;
        comm->targets[rank] = (char *)oriel_world_at(comm->world, target) + begin;
    }
    oriel_combine_to_all(move->dtype, move->reduce, comm->targets, comm->terms, comm->ranks,
                         size / pto_dtype_bytes(move->dtype));
}

/* What this rank is to receive, from `from` on. */
static oriel_status take(large *all, uint64_t from, uint64_t bytes)
{
    const oriel_move *move = all->move;
    if (move->operation == ORIEL_OP_ALLREDUCE && all->comm->ranks > 2 && bytes >= PARTS_BYTES)
        return take_in_parts(all, from, bytes);
    if (!move->recv)
        return ORIEL_OK;
    switch (move->operation) {
    case ORIEL_OP_ALLREDUCE:
    case ORIEL_OP_REDUCE_SCATTER:
    case ORIEL_OP_REDUCE: take_reduced(all, from, bytes); break;
    case ORIEL_OP_BROADCAST:
    case ORIEL_OP_SCATTER: copy(all, from, source(all, move->root, all->comm->rank, from), bytes); break;
    default: take_from_each(all, from, bytes); break;
    }
    return ORIEL_OK;
}

/* ---- The call --------------------------------------------------------------------------------------------------- */

static oriel_status finish(const large *all)
{
    oriel_comm *comm = all->comm;
    const oriel_move *move = all->move;
    const bool one = goes_to_root(move);
    return oriel_finish(comm, all->direct, one ? move->root : 0, one ? 1 : comm->ranks);
}

static oriel_status move_pieces(large *all, uint64_t first)
{
    oriel_status status = ORIEL_OK;
    for (uint64_t from = first; from < all->move->bytes && status == ORIEL_OK; from += all->piece) {
        if (from > 0 || first == 0)
            status = offer(all, from);
        if (status == ORIEL_OK)
            status = take(all, from, smaller(all->piece, all->move->bytes - from));
    }
    return status;
}

/*
 * The half that a call needs is a function of what all ranks know. Once all have come to the call, nobody reads the old scratch.
 */
static oriel_status have_scratch(oriel_comm *comm, const oriel_move *move)
{
    const uint64_t least = ORIEL_LINE * (uint64_t)comm->ranks; /* a line of each block */
    uint64_t half = LEAST_HALF, scratch;
    while (half < least || (half < MOST_HALF && half < move->blocks * lines_up(move->bytes)))
        half *= 2;
    if (half <= comm->half)
        return ORIEL_OK;
    oriel_status status = oriel_block_for_all(comm, move->call, 2 * half * comm->ranks, &scratch);
    if (status != ORIEL_OK)
        return status;
    if (comm->half && comm->rank == 0)
        oriel_world_free(comm->world, comm->shm, comm->scratch, 2 * comm->half * comm->ranks);
    comm->scratch = scratch;
    comm->half = half;
    return ORIEL_OK;
}

static void move_alone(const oriel_move *move)
{
    if (move->recv && move->send && !move->in_place)
        memcpy(move->recv, move->send, move->bytes);
}

oriel_status oriel_move_large(oriel_comm *comm, const oriel_move *move)
{
    if (comm->ranks == 1) {
        move_alone(move);
        return ORIEL_OK;
    }
    oriel_status status = have_scratch(comm, move);
    if (status != ORIEL_OK)
        return status;
    large all = {.comm = comm,
                 .move = move,
                 .piece = comm->half / move->blocks / ORIEL_LINE * ORIEL_LINE,
                 .direct = is_read(move, comm->rank) && may_be_direct(comm, move),
                 .stream = !oriel_fits_cache(footprint(comm, move))};
    status = offer(&all, 0);
    if (status != ORIEL_OK)
        return status;
    learn_who_is_direct(&all);
    const uint64_t first = smaller(all.piece, move->bytes);
    if (move->operation != ORIEL_OP_ALLREDUCE || !all.some_direct) {
        /* One round takes everything if nothing is staged. */
        status = all.all_direct ? take(&all, 0, move->bytes) : take(&all, 0, first);
        if (status == ORIEL_OK && !all.all_direct)
            status = move_pieces(&all, all.piece);
    } else if (all.all_direct) {
        give_part_to_all(&all);
    } else { /* that round has told all that some are not: nothing was taken in it */
        all.direct = all.some_direct = false;
        status = move_pieces(&all, 0);
    }
    return status == ORIEL_OK && all.some_direct ? finish(&all) : status;
}
