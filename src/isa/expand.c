/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Composites as sequences of loads, element operations and stores.
 *
 * The flags are a protocol for pipes that run beside each other. Whoever fills a tile that another pipe has used waits
 * until that pipe says that it is done; each set has its wait, so that nothing is left set; and a set of (source, id)
 * toward one pipe has been waited for before the source sets the same id toward another.
 */
#include "isa/isa.h"
#include "oriel/kernel.h"

/* ---- Chunks ----------------------------------------------------------------------------------------------------- */

static inline uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

oriel_chunks oriel_chunks_of(const pto_global *tensor, const pto_tile *staging)
{
    oriel_chunks chunks = {.count = 1};
    /* Whole inner dimensions first; the first that does not fit is cut, and those outside it are taken one by one. */
    uint64_t rows = staging->valid_rows;
    for (int i = 4; i >= 0; i--) {
        uint64_t shape = tensor->shape[i];
        if (shape == 0) {
            chunks.count = 0;
            break;
        }
        uint64_t extent = smaller(shape, i == 4 ? staging->valid_cols : rows);
        if (i < 4)
            rows = extent == shape ? rows / extent : 1;
        chunks.shape[i] = shape;
        chunks.extent[i] = extent;
        chunks.times[i] = (shape + extent - 1) / extent;
        chunks.count *= chunks.times[i];
    }
    return chunks;
}

void oriel_chunk_at(const oriel_chunks *chunks, uint64_t index, uint64_t origin[5], uint64_t shape[5])
{
    for (int i = 4; i >= 0; i--) {
        origin[i] = index % chunks->times[i] * chunks->extent[i];
        shape[i] = smaller(chunks->extent[i], chunks->shape[i] - origin[i]);
        index /= chunks->times[i];
    }
}

/* The box of `tensor` with its first element at `origin`. */
static pto_global box(const pto_global *tensor, const uint64_t origin[5], const uint64_t shape[5])
{
    pto_global part = *tensor;
    for (int i = 0; i < 5; i++) {
        part.addr += origin[i] * tensor->stride[i] * pto_dtype_bytes(tensor->dtype);
        part.shape[i] = shape[i];
    }
    return part;
}

static pto_global chunk_of(const pto_global *tensor, const oriel_chunks *chunks, uint64_t index)
{
    uint64_t origin[5], shape[5];
    oriel_chunk_at(chunks, index, origin, shape);
    return box(tensor, origin, shape);
}

pto_global oriel_group_member(const pto_group *group, uint32_t rank)
{
    return group->each ? group->each[rank] : pto_peer(group->comm, group->mine, rank);
}

/* ---- Emitting --------------------------------------------------------------------------------------------------- */

/* Event ids that each composite uses, however many chunks and tiles it has. */
#define IDS 2

typedef struct emitter {
    const pto_instr *composite;
    const oriel_expansion *into;
    uint8_t used[PTO_PIPE_ALL][PTO_PIPE_ALL]; /* from, toward: a bit for each event id so far */
} emitter;

static void emit(const emitter *to, pto_instr instr)
{
    instr.site = to->composite->site;
    to->into->instr(to->into->context, &instr);
}

static void emit_sync(const emitter *to, pto_op op, pto_pipe src, pto_pipe dst, uint32_t id)
{
    to->into->sync(to->into->context,
                   &(pto_sync){.op = op, .site = to->composite->site, .src = src, .dst = dst, .id = id});
}

static void set_flag(emitter *to, pto_pipe src, pto_pipe dst, uint32_t id)
{
    to->used[src][dst] |= (uint8_t)(1U << id);
    emit_sync(to, PTO_OP_SET_FLAG, src, dst, id);
}

static void wait_flag(const emitter *to, pto_pipe src, pto_pipe dst, uint32_t id)
{
    emit_sync(to, PTO_OP_WAIT_FLAG, src, dst, id);
}

/* `dst` goes on when all that was issued to `src` so far has completed. */
static void hand_over(emitter *to, pto_pipe src, pto_pipe dst, uint32_t id)
{
    set_flag(to, src, dst, id);
    wait_flag(to, src, dst, id);
}

static bool is_unused(const emitter *to, pto_pipe src, pto_pipe dst, uint32_t id)
{
    return !(to->used[src][dst] >> id & 1);
}

/*
 * The ids from `src` toward `dst` that the sequence had no use for. Callers are told that a composite takes them all, so whether
 * a flag of theirs collides must not hang on how many chunks and tiles there are. It comes where `dst` waits for all of `src`
 * anyway: a claim orders nothing that was not ordered.
 */
static void claim(emitter *to, pto_pipe src, pto_pipe dst)
{
    for (uint32_t id = 0; id < IDS; id++)
        if (is_unused(to, src, dst, id))
            hand_over(to, src, dst, id);
}

/* `tile` with as much of it valid as `global`, which fits it, fills. */
static pto_tile filled(const pto_tile *tile, const pto_global *global)
{
    const uint64_t *shape = global->shape;
    return pto_tile_valid(*tile, (uint32_t)(shape[0] * shape[1] * shape[2] * shape[3]), (uint32_t)shape[4]);
}

static void load(const emitter *to, const pto_tile *tile, const pto_global *global)
{
    pto_tile part = filled(tile, global);
    emit(to, (pto_instr){.op = PTO_OP_TLOAD, .tile = {&part}, .global = {NULL, global}});
}

static void store(const emitter *to, const pto_global *global, const pto_tile *tile, pto_atomic atomic)
{
    pto_tile part = filled(tile, global);
    emit(to, (pto_instr){.op = PTO_OP_TSTORE, .mode = atomic, .tile = {&part}, .global = {global, NULL}});
}

/* ---- TPUT, TGET, TGATHER, TSCATTER, TBROADCAST ------------------------------------------------------------------ */

/*
 * Chunks that stream through one or two staging tiles; tile k has event id k.
 *
 *      tile is free: MTE3 to MTE2 ─► load ─► MTE2 to MTE3 ─► store, store ... ─► MTE3 to MTE2: tile is free
 *
 * A load waits for the stores of the chunk before it in the *same* tile, so with two tiles it runs beside the stores of
 * the other. The flags that nobody reused are taken up at the end, on PIPE_MTE2: this orders its later loads into the
 * tiles, and drains nothing for the scalar unit.
 */
typedef struct tile_stream {
    emitter to;
    const pto_tile *const *tile;
    uint32_t tiles;
    uint64_t loads;
} tile_stream;

static tile_stream stream_begin(const pto_instr *instr, const oriel_expansion *into)
{
    return (tile_stream){
        .to = {.composite = instr, .into = into}, .tile = instr->tile, .tiles = instr->tile[1] ? 2 : 1, .loads = 0};
}

/* Loads a chunk; returns the tile, which the caller stores and then gives back. */
static const pto_tile *stream_load(tile_stream *stream, const pto_global *src)
{
    uint32_t id = stream->loads % stream->tiles;
    if (stream->loads >= stream->tiles)
        wait_flag(&stream->to, PTO_PIPE_MTE3, PTO_PIPE_MTE2, id);
    load(&stream->to, stream->tile[id], src);
    hand_over(&stream->to, PTO_PIPE_MTE2, PTO_PIPE_MTE3, id);
    return stream->tile[id];
}

static void stream_stored(tile_stream *stream)
{
    set_flag(&stream->to, PTO_PIPE_MTE3, PTO_PIPE_MTE2, stream->loads % stream->tiles);
    stream->loads++;
}

static void stream_end(tile_stream *stream)
{
    uint64_t pending = smaller(stream->loads, stream->tiles);
    if (pending)
        claim(&stream->to, PTO_PIPE_MTE2, PTO_PIPE_MTE3);
    for (uint64_t k = stream->loads - pending; k < stream->loads; k++)
        wait_flag(&stream->to, PTO_PIPE_MTE3, PTO_PIPE_MTE2, k % stream->tiles);
    if (pending)
        claim(&stream->to, PTO_PIPE_MTE3, PTO_PIPE_MTE2);
}

/* dst <- src, one shape. */
static void stream_copy(tile_stream *stream, const pto_global *dst, const pto_global *src, pto_atomic atomic)
{
    oriel_chunks chunks = oriel_chunks_of(src, stream->tile[0]);
    for (uint64_t i = 0; i < chunks.count; i++) {
        pto_global from = chunk_of(src, &chunks, i), into = chunk_of(dst, &chunks, i);
        const pto_tile *tile = stream_load(stream, &from);
        store(&stream->to, &into, tile, atomic);
        stream_stored(stream);
    }
}

static void expand_move(const pto_instr *instr, const oriel_expansion *into)
{
    tile_stream stream = stream_begin(instr, into);
    pto_atomic atomic = instr->op == PTO_OP_TPUT ? (pto_atomic)instr->mode : PTO_ATOMIC_NONE;
    stream_copy(&stream, instr->global[0], instr->global[1], atomic);
    stream_end(&stream);
}

/* The part of `whole` along dimension 3 that belongs to `rank`. */
static pto_global rank_part(const pto_global *whole, const pto_global *member, uint32_t rank)
{
    const uint64_t origin[5] = {0, 0, 0, rank * member->shape[3], 0};
    return box(whole, origin, member->shape);
}

static void expand_gather(const pto_instr *instr, const oriel_expansion *into)
{
    tile_stream stream = stream_begin(instr, into);
    for (uint32_t rank = 0; rank < instr->group->ranks; rank++) {
        pto_global src = oriel_group_member(instr->group, rank);
        pto_global dst = rank_part(instr->global[0], &src, rank);
        stream_copy(&stream, &dst, &src, PTO_ATOMIC_NONE);
    }
    stream_end(&stream);
}

static void expand_scatter(const pto_instr *instr, const oriel_expansion *into)
{
    tile_stream stream = stream_begin(instr, into);
    for (uint32_t rank = 0; rank < instr->group->ranks; rank++) {
        pto_global dst = oriel_group_member(instr->group, rank);
        pto_global src = rank_part(instr->global[1], &dst, rank);
        stream_copy(&stream, &dst, &src, PTO_ATOMIC_NONE);
    }
    stream_end(&stream);
}

/* Each chunk is loaded once and stored to all. */
static void expand_broadcast(const pto_instr *instr, const oriel_expansion *into)
{
    const pto_global *src = instr->global[1];
    tile_stream stream = stream_begin(instr, into);
    oriel_chunks chunks = oriel_chunks_of(src, instr->tile[0]);
    for (uint64_t i = 0; i < chunks.count; i++) {
        pto_global from = chunk_of(src, &chunks, i);
        const pto_tile *tile = stream_load(&stream, &from);
        for (uint32_t rank = 0; rank < instr->group->ranks; rank++) {
            pto_global member = oriel_group_member(instr->group, rank);
            pto_global into_member = chunk_of(&member, &chunks, i);
            store(&stream.to, &into_member, tile, PTO_ATOMIC_NONE);
        }
        stream_stored(&stream);
    }
    stream_end(&stream);
}

/* ---- TREDUCE ---------------------------------------------------------------------------------------------------- */

/* acc <- acc op tile, both filled by `chunk`. */
static void accumulate(const emitter *to, const pto_tile *acc, const pto_tile *tile, const pto_global *chunk)
{
    static const pto_op ops[PTO_REDUCE_COUNT] = {
        [PTO_SUM] = PTO_OP_TADD, [PTO_MAX] = PTO_OP_TMAX, [PTO_MIN] = PTO_OP_TMIN, [PTO_PROD] = PTO_OP_TMUL,
        [PTO_AND] = PTO_OP_TAND, [PTO_OR] = PTO_OP_TOR,   [PTO_XOR] = PTO_OP_TXOR};
    pto_tile sum = filled(acc, chunk), term = filled(tile, chunk);
    emit(to, (pto_instr){.op = ops[to->composite->mode], .tile = {&sum, &sum, &term}});
}

/* Claims the ids of PIPE_V toward MTE2 and back, once the last load of all has been handed over. */
static void claim_receiving(emitter *to)
{
    for (uint32_t id = 0; id < IDS; id++) {
        if (!is_unused(to, PTO_PIPE_V, PTO_PIPE_MTE2, id))
            continue;
        hand_over(to, PTO_PIPE_V, PTO_PIPE_MTE2, id);
        hand_over(to, PTO_PIPE_MTE2, PTO_PIPE_V, id); /* and PIPE_V may set the id again */
    }
}

/*
 * One chunk: rank 0 into acc, then each other rank into a receiving tile and from there, in order, into acc.
 *
 *      MTE2   load acc ─ load ping ─ load pong ─ (V: ping is free) load ping ...
 *      V                    └► op ───── └► op ────────────────────── └► op ...
 *      MTE3                                                                 └► store acc
 *
 * A receiving tile is given back only if this chunk uses it again: the next chunk's loads come after acc's store anyway. So
 * no flag of PIPE_V toward MTE2 is pending when it sets the same id toward MTE3.
 */
static void reduce_chunk(emitter *to, const oriel_chunks *chunks, uint64_t index, bool vector_in_order)
{
    const pto_instr *instr = to->composite;
    const pto_group *group = instr->group;
    const pto_tile *acc = instr->tile[0];
    uint32_t tiles = instr->tile[2] ? 2 : 1;
    for (uint32_t rank = 0; rank < group->ranks; rank++) {
        pto_global member = oriel_group_member(group, rank);
        pto_global src = chunk_of(&member, chunks, index);
        if (rank == 0) {
            load(to, acc, &src);
            continue;
        }
        uint32_t id = (rank - 1) % tiles;
        if (rank > tiles)
            wait_flag(to, PTO_PIPE_V, PTO_PIPE_MTE2, id);
        load(to, instr->tile[1 + id], &src);
        hand_over(to, PTO_PIPE_MTE2, PTO_PIPE_V, id);
        if (rank > 1 && !vector_in_order)
            emit_sync(to, PTO_OP_PIPE_BARRIER, PTO_PIPE_V, PTO_PIPE_S, 0);
        accumulate(to, acc, instr->tile[1 + id], &src);
        if (group->ranks - rank > tiles)
            set_flag(to, PTO_PIPE_V, PTO_PIPE_MTE2, id);
    }
    const pto_pipe from = group->ranks > 1 ? PTO_PIPE_V : PTO_PIPE_MTE2;
    const bool last = index + 1 == chunks->count;
    if (last && group->ranks > 1)
        claim_receiving(to);
    hand_over(to, from, PTO_PIPE_MTE3, 0);
    if (last)
        claim(to, from, PTO_PIPE_MTE3);
    pto_global dst = chunk_of(instr->global[0], chunks, index);
    store(to, &dst, acc, PTO_ATOMIC_NONE);
    hand_over(to, PTO_PIPE_MTE3, PTO_PIPE_MTE2, 0);
    if (last)
        claim(to, PTO_PIPE_MTE3, PTO_PIPE_MTE2);
}

static void expand_reduce(const pto_instr *instr, const oriel_limits *limits, const oriel_expansion *into)
{
    emitter to = {.composite = instr, .into = into};
    oriel_chunks chunks = oriel_chunks_of(instr->global[0], instr->tile[0]);
    for (uint64_t i = 0; i < chunks.count; i++)
        reduce_chunk(&to, &chunks, i, limits->vector_in_order);
}

void oriel_instr_expand(const pto_instr *instr, const oriel_limits *limits, const oriel_expansion *into)
{
    switch (instr->op) {
    case PTO_OP_TPUT:
    case PTO_OP_TGET: expand_move(instr, into); break;
    case PTO_OP_TREDUCE: expand_reduce(instr, limits, into); break;
    case PTO_OP_TGATHER: expand_gather(instr, into); break;
    case PTO_OP_TSCATTER: expand_scatter(instr, into); break;
    case PTO_OP_TBROADCAST: expand_broadcast(instr, into); break;
    default: break;
    }
}
