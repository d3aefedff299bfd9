/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

/*
 * Data of one call that the next overwrites while a peer may still read it. Data carries its turn (stage, take), or it would be
 * the same in each call.
 */

/* One barrier per call: all have staged. A fast rank stages the next call into what a slow one still reads, without halves. */
static void pull_without_halves(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, COME);
    pto_global mine = p.scratch;
    RIGHT mine = half_of(core, &p, turn);
    stage(core, &p, mine, turn); /* FOUND */
    cross(core, &p, COME, turn);
    take(core, &p, pto_peer(p.comm, mine, p.before), turn); /* FOUND */
    drain(core);
}

/* Without halves, a second barrier says that all have read. */
static void push_without_second_barrier(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, COME);
    stage(core, &p, pto_peer(p.comm, p.scratch, p.next), turn); /* FOUND */
    cross(core, &p, COME, turn);
    take(core, &p, p.scratch, turn); /* FOUND */
    drain(core);
    RIGHT cross(core, &p, LEAVE, turn);
}

/* An inbox has to be empty: the writer waits for the "taken" of the call before, which is 0 in the first. */
static void inbox_not_known_to_be_empty(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, COME);
    RIGHT pto_twait(core, pto_cell(turn_cell(&p, 2, p.next, p.me)), turn, PTO_EQ);
    stage(core, &p, pto_peer(p.comm, p.scratch, p.next), turn); /* FOUND */
    drain(core);
    announce(core, &p, COME, turn);
    await_rank(core, &p, COME, turn, p.before);
    take(core, &p, p.scratch, turn); /* FOUND */
    drain(core);
    pto_tnotify(core, turn_cell(&p, 2, p.me, p.before), turn + 1, PTO_NOTIFY_SET);
}

/* In a ring of three, who waits for the rank before only may be two calls ahead of the next: halves are not enough. */
static void ring_that_runs_ahead(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, COME);
    pto_global mine = half_of(core, &p, turn);
    stage(core, &p, pto_peer(p.comm, mine, p.next), turn); /* FOUND */
    drain(core);
    announce(core, &p, COME, turn);
    await_rank(core, &p, COME, turn, p.before);
    RIGHT await_all(core, &p, COME, turn);
    take(core, &p, mine, turn); /* FOUND */
    drain(core);
}

/* Halves take turns from one call to the next; by half the number of calls they do so every other time. */
static void halves_that_turn_too_slowly(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, COME), half = turn;
    WRONG half = turn / 2;
    pto_global mine = half_of(core, &p, half);
    stage(core, &p, pto_peer(p.comm, mine, p.next), turn); /* FOUND */
    cross(core, &p, COME, turn);
    take(core, &p, mine, turn); /* FOUND */
    drain(core);
}

/* An all-reduce reads everybody's scratch; the barrier after it is what lets the next call stage. */
static void reduce_still_reading(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, COME);
    pto_tile acc = pto_tile_1d(core, PTO_F32, 2 * COUNT * 4, COUNT);
    stage(core, &p, p.scratch, turn); /* FOUND */
    cross(core, &p, COME, turn);
    pto_treduce(core, p.out, pto_group_of(p.comm, p.scratch), PTO_SUM, acc, p.tile, p.tile2); /* FOUND */
    drain(core);
    pto_tload(core, p.tile, p.out);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tsubs(core, p.tile, p.tile, turn * (int32_t)p.ranks);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile);
    drain(core);
    RIGHT cross(core, &p, LEAVE, turn);
}

/* A root that broadcasts waits for all that they have taken what it sent last; one that it forgets is overrun. */
static void root_forgets_a_leaf(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, 2);
    uint32_t first = 1;
    WRONG first = 2;
    if (p.me == 0) {
        for (uint32_t rank = first; rank < p.ranks; rank++)
            pto_twait(core, pto_cell(turn_cell(&p, 3, rank, 0)), turn, PTO_EQ);
        stage(core, &p, half_of(core, &p, 1), turn);
        pto_pipe_barrier(core, PTO_PIPE_ALL);
        pto_tbroadcast(core, pto_group_of(p.comm, p.scratch), half_of(core, &p, 1), p.tile, PTO_NO_TILE); /* FOUND */
        drain(core);
        for (uint32_t rank = 1; rank < p.ranks; rank++)
            pto_tnotify(core, turn_cell(&p, COME, 0, rank), turn + 1, PTO_NOTIFY_SET);
    } else {
        await_rank(core, &p, COME, turn, 0);
    }
    take(core, &p, p.scratch, turn); /* FOUND */
    drain(core);
    pto_tnotify(core, turn_cell(&p, 3, p.me, 0), turn + 1, PTO_NOTIFY_SET);
    pto_tnotify(core, turn_cell(&p, 2, p.me, p.me), turn + 1, PTO_NOTIFY_SET);
}

/* The owner clears its sum for the next call; that is safe when all others have read it, and no earlier. */
static void sum_cleared_too_early(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, COME);
    pto_tfill(core, p.tile, 0);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    if (p.me == 0)
        pto_tstore(core, p.scratch, p.tile); /* FOUND */
    cross(core, &p, COME, turn);
    pto_tput_add(core, pto_peer(p.comm, p.scratch, 0), p.in, p.tile, PTO_NO_TILE);
    cross(core, &p, 2, turn);
    pto_tget(core, p.out, pto_peer(p.comm, p.scratch, 0), p.tile, PTO_NO_TILE); /* FOUND */
    drain(core);
    RIGHT cross(core, &p, LEAVE, turn);
}

/* A word that the peers load through their caches is overwritten like any data. */
static void word_overwritten(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, COME);
    pto_addr there = pto_peer_addr(p.comm, p.scratch.addr, p.next);
    pto_store_i32(core, there, turn + 1); /* FOUND */
    pto_dcci(core, there);
    cross(core, &p, COME, turn);
    pto_dcci(core, p.scratch.addr);
    int32_t one = pto_load_i32(core, p.scratch.addr) - turn; /* FOUND */
    times(core, &p, one);
    drain(core);
    RIGHT cross(core, &p, LEAVE, turn);
}

/* Block 0 says for its rank that the inbox is free, while block 1 may still read its half: they have not met. */
static void block_still_reading(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t block = pto_block_index(core), half = COUNT / 2;
    uint32_t mine = block * p.ranks + p.me, theirs = block * p.ranks + p.before; /* lines, one for each block */
    int32_t turn = pto_load_i32(core, my_cell(&p, mine));
    p.in = pto_slice(p.in, block * half, half);
    p.out = pto_slice(p.out, block * half, half);
    p.scratch = pto_slice(p.scratch, block * half, half);
    p.tile = p.tile2 = pto_tile_1d(core, PTO_F32, 0, half);
    stage(core, &p, pto_peer(p.comm, p.scratch, p.next), turn); /* FOUND */
    drain(core);
    pto_tnotify(core, my_cell(&p, mine), turn + 1, PTO_NOTIFY_SET);
    pto_tnotify(core, cell_at(&p, mine, p.next), turn + 1, PTO_NOTIFY_SET);
    pto_twait(core, pto_cell(my_cell(&p, theirs)), turn, PTO_NE);
    take(core, &p, p.scratch, turn); /* FOUND */
    drain(core);
    RIGHT pto_core_barrier(core);
    if (block == 1)
        return;
    announce(core, &p, 1, turn);
    await_all(core, &p, 1, turn);
}

const hazard reuse_race_hazards[] = {
    {HARMFUL(pull_without_halves), .expect = from_rank_before},
    {HARMFUL(push_without_second_barrier), .ranks = 3, .expect = from_rank_before},
    {HARMFUL(inbox_not_known_to_be_empty), .ranks = 4, .expect = from_rank_before},
    {HARMFUL(ring_that_runs_ahead), .ranks = 3, .expect = from_rank_before},
    {HARMFUL(halves_that_turn_too_slowly), .expect = from_rank_before},
    {HARMFUL(reduce_still_reading), .ranks = 3, .expect = sum_of_all},
    {HARMFUL(root_forgets_a_leaf), .ranks = 3, .expect = from_rank_0},
    {HARMFUL(sum_cleared_too_early), .expect = sum_of_all},
    {HARMFUL(word_overwritten)},
    {HARMFUL(block_still_reading), .blocks = 2, .expect = from_rank_before, WIDE},
    {NULL},
};
