/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mixture of experts: each rank has tokens and is one expert. A token goes to two chosen experts, and what they make of it
 * comes back as a weighted sum (Lepikhin et al., GShard, 2020, section 2.2; here no token is dropped).
 *
 *      count      how many of my tokens go to each expert            counts[me] ──TPUT──► row `me` of every rank's counts
 *      ── barrier
 *      dispatch   x[t] ──TPUT──► inbox of its expert, behind what the ranks before me send there
 *      ── barrier
 *      serve      inbox ──► max(0, scale x) ──► outbox, place by place
 *      ── barrier
 *      combine    out[t] <- sum of weight[t][j] times what the outbox of its expert has for it
 *
 *      inbox of expert 1:  │ from rank 0, in the order of its tokens │ from rank 1 │ from rank 2 │ free
 *                          0                             counts[0][1]
 *
 * Everybody knows all counts, so a place needs no further message. Why nothing is needed twice for the call that comes next:
 * counts are read between the first barrier and the second, and written before the first of the next call, to which one comes
 * by the third; the same with inbox and outbox, each written and read on two sides of a barrier.
 *
 * Tensors: x[C x D] f32, expert[C x 2] i32, weight[C x 2] f32, out[C x D] f32. Scalar: D. Window: counts (a row of ranks
 * i32 for each rank, padded to cache lines, since each has its own writer), inbox and outbox (D f32 for each token that may
 * come: C from each rank, as the two experts of a token are not the same), signals (those of the collectives).
 */
#include "barrier.h"
#include "stage.h"

enum { COUNTS, INBOX, OUTBOX, SIGNALS };
enum { X, EXPERT, WEIGHT, OUT };

#define MOST_RANKS 64
#define CHOICES    2 /* experts of a token */

typedef struct moe {
    pto_global x, expert, weight, out, counts, inbox, outbox, signals;
    const pto_comm *comm;
    uint64_t tokens;
    uint32_t width, choices;    /* D, J */
    uint64_t start[MOST_RANKS]; /* the place of my first token in the inbox of each expert */
    uint64_t mine;              /* tokens in my inbox */
} moe;

static void take_arguments(pto_core *core, moe *m)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    m->comm = comm;
    m->x = pto_arg_tensor(core, X);
    m->expert = pto_arg_tensor(core, EXPERT);
    m->weight = pto_arg_tensor(core, WEIGHT);
    m->out = pto_arg_tensor(core, OUT);
    m->width = (uint32_t)pto_arg_i64(core, 0);
    m->tokens = pto_global_count(m->x) / m->width;
    m->counts = pto_window_buffer(core, comm, COUNTS);
    m->inbox = pto_window_buffer(core, comm, INBOX);
    m->outbox = pto_window_buffer(core, comm, OUTBOX);
    m->signals = barrier_signals(core, comm, SIGNALS);
    if (comm->ranks > MOST_RANKS)
        pto_trap_value(core, "too many ranks", comm->ranks, MOST_RANKS);
    if (m->width * 4 > STAGE_TILE_BYTES)
        pto_trap_value(core, "a token does not fit into a tile", m->width * 4, STAGE_TILE_BYTES);
    if (pto_global_count(m->expert) != m->tokens * CHOICES)
        pto_trap_value(core, "elements of expert", pto_global_count(m->expert), m->tokens * CHOICES);
    if (pto_global_count(m->inbox) < m->tokens * m->width * comm->ranks)
        pto_trap_value(core, "too small an inbox", pto_global_count(m->inbox), m->tokens * m->width * comm->ranks);
}

/* The expert of choice j of token t. */
static uint32_t expert_of(pto_core *core, const moe *m, uint64_t t, uint32_t j)
{
    int32_t expert = pto_load_i32(core, m->expert.addr + (t * CHOICES + j) * 4);
    if (expert < 0 || (uint32_t)expert >= m->comm->ranks)
        pto_trap_value(core, "there is no such expert", (uint64_t)expert, m->comm->ranks);
    return (uint32_t)expert;
}

/* The row of counts that `rank` writes, in my window. */
static pto_global row_of(const moe *m, uint32_t rank)
{
    uint32_t lines = (m->comm->ranks + PTO_LINE_CELLS - 1) / PTO_LINE_CELLS;
    return pto_slice(m->counts, (uint64_t)rank * lines * PTO_LINE_CELLS, m->comm->ranks);
}

static void count(pto_core *core, const moe *m)
{
    const pto_comm *comm = m->comm;
    uint32_t counts[MOST_RANKS];
    for (uint32_t e = 0; e < comm->ranks; e++)
        counts[e] = 0;
    for (uint64_t t = 0; t < m->tokens; t++)
        for (uint32_t j = 0; j < CHOICES; j++)
            counts[expert_of(core, m, t, j)]++;

    pto_global row = row_of(m, comm->rank);
    for (uint32_t e = 0; e < comm->ranks; e++)
        pto_store_u32(core, row.addr + e * 4, counts[e]);
    pto_dcci_all(core); /* what the scalar unit has stored is in its cache, where TPUT does not look */
    pto_dsb(core);
    pto_tile ping = stage_tile(core, PTO_I32, 0), pong = stage_tile(core, PTO_I32, 1);
    for (uint32_t step = 1; step < comm->ranks; step++)
        pto_tput(core, pto_peer(comm, row, (comm->rank + step) % comm->ranks), row, ping, pong);
}

/* Where my tokens begin in each inbox, and how many come to mine. */
static void read_counts(pto_core *core, moe *m)
{
    const pto_comm *comm = m->comm;
    pto_dcci_all(core); /* a line that was fetched before the barrier has old counts */
    for (uint32_t e = 0; e < comm->ranks; e++) {
        uint64_t sum = 0;
        for (uint32_t rank = 0; rank < comm->ranks; rank++) {
            if (rank == comm->rank)
                m->start[e] = sum;
            sum += pto_load_u32(core, row_of(m, rank).addr + e * 4);
        }
        if (e == comm->rank)
            m->mine = sum;
    }
}

static void dispatch(pto_core *core, const moe *m)
{
    pto_tile ping = stage_tile(core, PTO_F32, 0), pong = stage_tile(core, PTO_F32, 1);
    uint64_t place[MOST_RANKS];
    for (uint32_t e = 0; e < m->comm->ranks; e++)
        place[e] = m->start[e];
    for (uint64_t t = 0; t < m->tokens; t++)
        for (uint32_t j = 0; j < CHOICES; j++) {
            uint32_t e = expert_of(core, m, t, j);
            pto_global there = pto_slice(m->inbox, place[e]++ * m->width, m->width);
            pto_tput(core, pto_peer(m->comm, there, e), pto_slice(m->x, t * m->width, m->width), ping, pong);
        }
}

/* My expert: max(0, (rank + 1) x). Chunk k is in tile k mod 2, ordered by event k mod 2. */
static void serve(pto_core *core, const moe *m)
{
    uint64_t room = STAGE_TILE_BYTES / 4, elements = m->mine * m->width, chunks = (elements + room - 1) / room;
    for (uint64_t k = 0; k < chunks; k++) {
        uint32_t id = k % 2;
        uint64_t length = elements - k * room < room ? elements - k * room : room;
        pto_tile tile = pto_tile_valid(stage_tile(core, PTO_F32, id), 1, (uint32_t)length);
        if (k >= 2)
            pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, id);
        pto_tload(core, tile, pto_slice(m->inbox, k * room, length));
        pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, id);
        pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, id);
        pto_tmuls(core, tile, tile, (double)(m->comm->rank + 1));
        pto_pipe_barrier(core, PTO_PIPE_V);
        pto_tmaxs(core, tile, tile, 0.0);
        pto_set_flag(core, PTO_PIPE_V, PTO_PIPE_MTE3, id);
        pto_wait_flag(core, PTO_PIPE_V, PTO_PIPE_MTE3, id);
        pto_tstore(core, pto_slice(m->outbox, k * room, length), tile);
        pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, id);
    }
    for (uint32_t id = 0; id < 2 && id < chunks; id++)
        pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, id);
}

/* Token t has its two terms in tiles of its own, t mod 2, ordered by event t mod 2. */
static void combine(pto_core *core, const moe *m)
{
    uint64_t place[MOST_RANKS];
    for (uint32_t e = 0; e < m->comm->ranks; e++)
        place[e] = m->start[e];
    for (uint64_t t = 0; t < m->tokens; t++) {
        uint32_t id = t % 2;
        pto_tile term[CHOICES];
        if (t >= 2)
            pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, id);
        for (uint32_t j = 0; j < CHOICES; j++) {
            uint32_t e = expert_of(core, m, t, j);
            pto_global there = pto_slice(m->outbox, place[e]++ * m->width, m->width);
            term[j] = pto_tile_valid(stage_tile(core, PTO_F32, 2 * id + j), 1, m->width);
            pto_tload(core, term[j], pto_peer(m->comm, there, e));
        }
        pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, id);
        pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, id);
        for (uint32_t j = 0; j < CHOICES; j++)
            pto_tmuls(core, term[j], term[j], pto_load_f32(core, m->weight.addr + (t * CHOICES + j) * 4));
        pto_pipe_barrier(core, PTO_PIPE_V);
        pto_tadd(core, term[0], term[0], term[1]);
        pto_set_flag(core, PTO_PIPE_V, PTO_PIPE_MTE3, id);
        pto_wait_flag(core, PTO_PIPE_V, PTO_PIPE_MTE3, id);
        pto_tstore(core, pto_slice(m->out, t * m->width, m->width), term[0]);
        pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, id);
    }
    for (uint32_t id = 0; id < 2 && id < m->tokens; id++)
        pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, id);
    pto_pipe_barrier(core, PTO_PIPE_ALL); /* out is complete when the kernel returns */
}

void mixture_of_experts(pto_core *core)
{
    moe m;
    take_arguments(core, &m);
    count(core, &m);
    barrier_cross(core, m.comm, m.signals);
    read_counts(core, &m);
    dispatch(core, &m);
    barrier_cross(core, m.comm, m.signals);
    serve(core, &m);
    barrier_cross(core, m.comm, m.signals);
    combine(core, &m);
}
