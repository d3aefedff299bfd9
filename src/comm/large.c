/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data that does not fit into a line. Each rank offers what it sends, all meet, and each takes what it is to receive from
 * where its peers have it:
 *
 *      direct   in the memory of a window, or, if ranks may read it (remote.c), in memory of the rank's own: all of it, where it is
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
 * the elements and writes the result to all; and likewise a reduction, to its root. Each byte is read once and written once
 * by one rank, and a part that is written in place was read by the writer alone.
 */
#include <unistd.h>

#include "base/clock.h"
#include "comm/team.h"

/*
 * Bytes of a half of a rank's scratch, which grows as calls need more. What a rank has written is dear to read while it is still
 * in that rank's own caches, and cheaper once it has moved on to one that is shared: so large pieces are better than
 * small ones. (Two ranks, 1 MiB of all-gather on ordinary memory, in microseconds: 88 in pieces of 64 KiB, 56 of 256 KiB, 41
 * of 1 MiB and of 4 MiB.) But memory is dear, too: a rank is to cost a MiB beyond its windows at most, and its seat, its lines and
 * those that it posts take up to 44 KiB. (Halves of 480 KiB instead of 512: 0 to 4 % more time from 1 MiB up.)
 */
#define KIB(n)     (UINT64_C(n) << 10)
#define LEAST_HALF KIB(64)
#define MOST_HALF  KIB(480)

/*
 * Below this many bytes sent, staging is cheaper than waiting for all readers at the end; for data that was not written since
 * the call before, and is still in the readers' caches, it is so only up to half of that.
 */
#define DIRECT_BYTES (UINT64_C(4) << 10)

/* Operations in which memory of a rank's own may be read where it is, */
static const bool once[ORIEL_MOVES] = {
    [ORIEL_OP_BROADCAST] = true,      [ORIEL_OP_ALLGATHER] = true, [ORIEL_OP_ALLTOALL] = true,
    [ORIEL_OP_GATHER] = true,         [ORIEL_OP_SCATTER] = true,   [ORIEL_OP_REDUCE] = true,
    [ORIEL_OP_REDUCE_SCATTER] = true,
};
/* if so many bytes of it are read by others: by the system, if calls have shown it to be quicker (trial.c). */
#define ONCE_BYTES KIB(8)

/* What the system copies to be combined, at once: it stays in the caches that are nearest. */
#define TERM_BYTES KIB(64)

/* Ranks that are all threads of one process need no system, but if they share processors it is worth while from here on only. */
#define TOGETHER_SHARING_BYTES KIB(16)

/* From this many bytes on, more than two ranks reduce a part each, instead of everything each. */
#define PARTS_BYTES (UINT64_C(2) << 10)

typedef struct large {
    oriel_comm *comm;
    const oriel_move *move;
    uint64_t piece;        /* bytes of a block in one round */
    char *staged;          /* where this rank staged last */
    oriel_offer_kind kind; /* what this rank offers */
    bool stream;           /* results go around the caches */
    bool single;           /* memory of a rank's own is read where it is */
    bool some_direct, all_direct;
    bool parts;         /* all are in windows, and each combines a part, where it is wanted */
    oriel_trial *trial; /* NULL: none, else told when what was done, before and after the first meeting */
    int64_t when[4];
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

/* Whether what others write to is what they read. */
static bool is_written(const oriel_move *move)
{
    return move->in_place && (move->operation == ORIEL_OP_ALLTOALL || move->operation == ORIEL_OP_REDUCE_SCATTER);
}

static bool may_be_direct(const oriel_comm *comm, const oriel_move *move)
{
    const uint64_t bytes = move->blocks * move->bytes;
    if (bytes < DIRECT_BYTES || !oriel_world_has(comm->world, move->send, bytes))
        return false;
    switch (move->operation) {
    case ORIEL_OP_ALLREDUCE:
    case ORIEL_OP_REDUCE: return !move->recv || oriel_world_has(comm->world, move->recv, move->bytes);
    default: return true;
    }
}

/* Of what one rank sends. */
static uint64_t read_by_others(const oriel_move *move)
{
    return move->bytes * (move->blocks == 1 ? 1 : move->blocks - 1);
}

/* Whether memory of a rank's own can be of use in this call: a matter of what all ranks know. */
static bool is_for_remote(const oriel_move *move)
{
    return once[move->operation] && read_by_others(move) >= ONCE_BYTES;
}

/* Whether all are to read it in this call. */
static oriel_status choose_single(large *all)
{
    oriel_comm *comm = all->comm;
    const oriel_move *move = all->move;
    const uint64_t bytes = read_by_others(move);
    if (comm->remote.may != ORIEL_REMOTE_ON || !is_for_remote(move))
        return ORIEL_OK;
    if (comm->remote.together) {
        all->single = comm->spins > 0 || bytes >= TOGETHER_SHARING_BYTES;
        return ORIEL_OK;
    }
    oriel_trial *trial = oriel_trial_of(comm, move->operation, bytes);
    oriel_status status = oriel_trial_choose(comm, move->call, trial, &all->single);
    if (status == ORIEL_OK && oriel_trial_runs(trial))
        all->trial = trial;
    return status;
}

/* Notes when something of a trial began or ended. */
static void note(large *all, int event)
{
    if (all->trial)
        all->when[event] = oriel_now();
}

/* The root of a reduction, which nobody need read from, says whether others may write to it. */
static bool offers(const oriel_move *move, uint32_t rank)
{
    return is_read(move, rank) || move->operation == ORIEL_OP_REDUCE;
}

static oriel_offer_kind kind_of_offer(const large *all)
{
    const oriel_move *move = all->move;
    if (!offers(move, all->comm->rank) || is_written(move))
        return ORIEL_STAGED;
    if (may_be_direct(all->comm, move))
        return ORIEL_IN_WORLD;
    return all->single && is_read(move, all->comm->rank) ? ORIEL_IN_PROCESS : ORIEL_STAGED;
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

/* The half of this rank's scratch that the next staging goes into. */
static char *next_half(const oriel_comm *comm)
{
    const uint64_t half = 2 * (uint64_t)comm->rank + (comm->stagings & 1);
    return oriel_world_at(comm->world, comm->scratch + half * comm->half);
}

/* Offers the round that begins at `from`, and meets. */
static oriel_status offer(large *all, uint64_t from)
{
    oriel_comm *comm = all->comm;
    const oriel_move *move = all->move;
    all->staged = next_half(comm);
    comm->stagings++;
    if (offers(move, comm->rank)) {
        oriel_offer *mine = &oriel_next_line(comm)->offer;
        mine->kind = all->kind;
        switch (all->kind) {
        case ORIEL_STAGED:
            if (is_read(move, comm->rank))
                stage(all, from);
            mine->data = oriel_world_offset(comm->world, all->staged);
            break;
        case ORIEL_IN_WORLD:
            mine->data = oriel_world_offset(comm->world, move->send);
            mine->target = move->recv ? oriel_world_offset(comm->world, move->recv) : 0;
            break;
        case ORIEL_IN_PROCESS:
            mine->data = (uintptr_t)move->send;
            mine->process = comm->remote.process;
            mine->thread = gettid();
            break;
        }
    }
    if (from == 0)
        note(all, 1);
    oriel_status status = oriel_meet(comm, move->call);
    if (from == 0)
        note(all, 2);
    return status;
}

static oriel_offer_kind kind_of_peer(const large *all, uint32_t rank)
{
    return oriel_peer_line(all->comm, rank)->offer.kind;
}

static void learn_who_is_direct(large *all)
{
    const oriel_move *move = all->move;
    bool all_in_world = true, some_in_world = false;
    all->some_direct = false;
    all->all_direct = true;
    for (uint32_t rank = 0; rank < all->comm->ranks; rank++) {
        if (!is_read(move, rank))
            continue;
        bool direct = kind_of_peer(all, rank) != ORIEL_STAGED;
        all->some_direct |= direct;
        all->all_direct &= direct;
        all_in_world &= kind_of_peer(all, rank) == ORIEL_IN_WORLD;
        some_in_world |= kind_of_peer(all, rank) == ORIEL_IN_WORLD;
    }
    const bool to_root = move->operation == ORIEL_OP_REDUCE;
    if (some_in_world)
        all->trial = NULL; /* it would tell of something else */
    all->parts = all_in_world && (move->operation == ORIEL_OP_ALLREDUCE ||
                                  (to_root && kind_of_peer(all, move->root) == ORIEL_IN_WORLD));
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
    if (its->kind == ORIEL_IN_PROCESS)
        return (const char *)(uintptr_t)its->data + block * move->bytes + from;
    const char *data = oriel_world_at(all->comm->world, its->data);
    return its->kind == ORIEL_IN_WORLD ? data + block * move->bytes + from : data + block * all->piece;
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

/* Whether the system has to copy what `rank` has. */
static bool is_far(const large *all, uint32_t rank)
{
    const oriel_comm *comm = all->comm;
    const oriel_offer *its = &oriel_peer_line(comm, rank)->offer;
    return rank != comm->rank && is_read(all->move, rank) && its->kind == ORIEL_IN_PROCESS &&
           its->process != comm->remote.process;
}

/* The bytes from `from` on of the block that `rank`, which is far, has for this one, to `to`. */
static oriel_status read_far(const large *all, uint32_t rank, char *to, uint64_t from, uint64_t bytes)
{
    const oriel_move *move = all->move;
    const uint64_t block = move->blocks == 1 ? 0 : all->comm->rank;
    return oriel_remote_read(all->comm, move->call, rank, to, block * move->bytes + from, bytes);
}

/* The bytes from `from` on of the block that `rank` has for this one, to `to` of what this one receives. */
static oriel_status take_block(const large *all, uint64_t to, uint32_t rank, uint64_t from, uint64_t bytes)
{
    if (is_far(all, rank))
        return read_far(all, rank, (char *)all->move->recv + to, from, bytes);
    copy(all, to, source(all, rank, all->comm->rank, from), bytes);
    return ORIEL_OK;
}

/* Each rank begins with its right neighbour, and ends with itself. */
static oriel_status take_from_each(const large *all, uint64_t from, uint64_t bytes)
{
    oriel_status status = ORIEL_OK;
    const oriel_move *move = all->move;
    const uint32_t me = all->comm->rank, ranks = all->comm->ranks;
    for (uint32_t step = 1; step <= ranks && status == ORIEL_OK; step++) {
        uint32_t peer = (me + step) % ranks;
        if (peer != me || !move->in_place)
            status = take_block(all, peer * move->bytes + from, peer, from, bytes);
    }
    return status;
}

/*
 * The terms of `bytes` bytes, `done` bytes into the round that began at `from`. Those that the system has to copy go through the half of
 * this rank's scratch that comes next: all have met since it was staged into, so nobody reads it any more.
 */
static oriel_status find_terms(const large *all, uint64_t from, uint64_t done, uint64_t bytes)
{
    const oriel_comm *comm = all->comm;
    char *copied = next_half(comm);
    for (uint32_t rank = 0; rank < comm->ranks; rank++) {
        comm->terms[rank] = source(all, rank, comm->rank, from) + done;
        if (!is_far(all, rank))
            continue;
        oriel_status status = read_far(all, rank, copied, from + done, bytes);
        if (status != ORIEL_OK)
            return status;
        comm->terms[rank] = copied;
        copied += lines_up(bytes);
    }
    return ORIEL_OK;
}

static oriel_status take_reduced(const large *all, uint64_t from, uint64_t bytes)
{
    oriel_comm *comm = all->comm;
    const oriel_move *move = all->move;
    bool far = false;
    for (uint32_t rank = 0; rank < comm->ranks; rank++)
        far |= is_far(all, rank);
    const uint64_t room = smaller(TERM_BYTES, comm->half / comm->ranks / ORIEL_LINE * ORIEL_LINE);
    const uint64_t most = far ? room : bytes;
    oriel_status status = ORIEL_OK;
    for (uint64_t done = 0; done < bytes && status == ORIEL_OK; done += most) {
        const uint64_t now = smaller(most, bytes - done);
        status = find_terms(all, from, done, now);
        if (status != ORIEL_OK)
            break;
        comm->targets[0] = (char *)move->recv + from + done;
        oriel_combine_to(move->dtype, move->reduce, comm->targets, 1, all->stream, comm->terms, comm->ranks,
                         now / pto_dtype_bytes(move->dtype));
    }
    return status;
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

static char *target_of(const large *all, uint32_t rank)
{
    return oriel_world_at(all->comm->world, oriel_peer_line(all->comm, rank)->offer.target);
}

/* All are direct: each rank combines its part of the whole, and writes it where all want it, or the root does. */
static void give_part(const large *all)
{
    const oriel_comm *comm = all->comm;
    const oriel_move *move = all->move;
    uint64_t size, begin = part_of(comm, move->bytes, comm->rank, &size), count = size / pto_dtype_bytes(move->dtype);
    for (uint32_t rank = 0; rank < comm->ranks; rank++)
        comm->terms[rank] = source(all, rank, 0, begin);
    const bool to_root = move->operation == ORIEL_OP_REDUCE;
    const uint32_t targets = to_root ? 1 : comm->ranks;
    for (uint32_t i = 0; i < targets; i++)
        comm->targets[i] = target_of(all, to_root ? move->root : i) + begin;
    oriel_combine_to(move->dtype, move->reduce, comm->targets, targets, all->stream, comm->terms, comm->ranks, count);
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
    case ORIEL_OP_REDUCE: return take_reduced(all, from, bytes);
    case ORIEL_OP_BROADCAST:
    case ORIEL_OP_SCATTER: return take_block(all, from, move->root, from, bytes);
    default: return take_from_each(all, from, bytes);
    }
}

/* ---- The call --------------------------------------------------------------------------------------------------- */

static oriel_status finish(const large *all)
{
    oriel_comm *comm = all->comm;
    const oriel_move *move = all->move;
    const bool one = goes_to_root(move) && !all->parts;
    const bool wait = all->parts || (is_read(move, comm->rank) && all->kind != ORIEL_STAGED);
    return oriel_finish(comm, wait, one ? move->root : 0, one ? 1 : comm->ranks);
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
    if (half > MOST_HALF && least <= MOST_HALF)
        half = MOST_HALF;
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

static oriel_status move_all(large *all)
{
    const oriel_move *move = all->move;
    note(all, 0);
    oriel_status status = offer(all, 0);
    if (status != ORIEL_OK)
        return status;
    learn_who_is_direct(all);
    const uint64_t first = smaller(all->piece, move->bytes);
    if (all->parts) {
        give_part(all);
    } else if (move->operation != ORIEL_OP_ALLREDUCE || !all->some_direct) {
        /* One round takes everything if nothing is staged. */
        status = all->all_direct ? take(all, 0, move->bytes) : take(all, 0, first);
        if (status == ORIEL_OK && !all->all_direct)
            status = move_pieces(all, all->piece);
    } else { /* that round has told all that some are not: nothing was taken in it */
        all->kind = ORIEL_STAGED;
        all->some_direct = false;
        status = move_pieces(all, 0);
    }
    return status == ORIEL_OK && all->some_direct ? finish(all) : status;
}

oriel_status oriel_move_large(oriel_comm *comm, const oriel_move *move)
{
    if (comm->ranks == 1) {
        move_alone(move);
        return ORIEL_OK;
    }
    oriel_status status = have_scratch(comm, move);
    if (status == ORIEL_OK && comm->remote.may < ORIEL_REMOTE_OFF && is_for_remote(move))
        status = oriel_remote_agree(comm, move->call);
    if (status != ORIEL_OK)
        return status;
    large all = {.comm = comm,
                 .move = move,
                 .piece = comm->half / move->blocks / ORIEL_LINE * ORIEL_LINE,
                 .stream = !oriel_fits_cache(footprint(comm, move))};
    status = choose_single(&all);
    if (status != ORIEL_OK)
        return status;
    all.kind = kind_of_offer(&all);
    status = move_all(&all);
    if (status == ORIEL_OK && all.trial) {
        note(&all, 3);
        oriel_trial_tell(all.trial, all.when);
    }
    return status;
}
