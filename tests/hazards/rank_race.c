/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

/* Each rank contributes COUNT / ranks elements, in order. */
static oriel_expected part_of_each(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                                   uint64_t i)
{
    (void)rank, (void)buffer;
    return (oriel_expected){oriel_input(inputs, (uint32_t)(i / (COUNT / job->ranks)), "in", i), 0};
}

/* Nobody says that the neighbour's push has come: the barrier between push and read is left out. */
static void push_without_barrier(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_tput(core, pto_peer(p.comm, p.scratch, p.next), p.in, p.tile, PTO_NO_TILE); /* FOUND */
    RIGHT cross(core, &p, COME, turn);
    pto_tget(core, p.out, p.scratch, p.tile, p.tile2); /* FOUND */
    cross(core, &p, LEAVE, turn);
}

/* All announce that they have staged, and the reader does not wait for it. */
static void pull_without_wait(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_tput(core, p.scratch, p.in, p.tile, p.tile2); /* FOUND */
    drain(core);
    announce(core, &p, COME, turn);
    RIGHT await_all(core, &p, COME, turn);
    pto_tload(core, p.tile, pto_peer(p.comm, p.scratch, p.before)); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile);
    cross(core, &p, LEAVE, turn);
}

/* In a ring of three, the rank whose data is read is not the one that is waited for. */
static void waits_for_the_other_neighbour(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint32_t awaited = p.before;
    WRONG awaited = p.next;
    pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE); /* FOUND */
    drain(core);
    announce(core, &p, COME, turn);
    await_rank(core, &p, COME, turn, awaited);
    pto_tget(core, p.out, pto_peer(p.comm, p.scratch, p.before), p.tile, PTO_NO_TILE); /* FOUND */
    cross(core, &p, LEAVE, turn);
}

/* Rank 1 passes on that rank 0 has stored, without having waited for it: what it says covers nothing of rank 0. */
static void chain_with_a_gap(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_global from_0 = pto_peer(p.comm, p.scratch, 0);
    if (p.me == 0)
        pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE); /* FOUND */
    drain(core);
    if (p.me == 1)
        RIGHT await_rank(core, &p, COME, turn, 0);
    if (p.me == 2)
        await_rank(core, &p, COME, turn, 1);
    pto_tnotify(core, turn_cell(&p, COME, p.me, p.next), turn + 1, PTO_NOTIFY_SET);
    if (p.me == 2)
        pto_tget(core, p.out, from_0, p.tile, PTO_NO_TILE); /* FOUND */
    else
        pto_tget(core, p.out, p.in, p.tile, PTO_NO_TILE);
    cross(core, &p, LEAVE, turn);
}

static oriel_expected chained(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                              uint64_t i)
{
    (void)job, (void)buffer;
    return (oriel_expected){oriel_input(inputs, rank == 2 ? 0 : rank, "in", i), 0};
}

/* A block reads what another block of its rank stored: their pipes have nothing to do with each other. */
static void blocks_without_barrier(pto_core *core)
{
    parts p = parts_of(core);
    if (pto_block_index(core) == 0) {
        pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE); /* FOUND */
        pto_pipe_barrier(core, PTO_PIPE_ALL);
    }
    RIGHT pto_core_barrier(core);
    if (pto_block_index(core) == 1) {
        pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE); /* FOUND */
        drain(core);
    }
}

/* The same with the reader's block before the writer's. */
static void blocks_the_other_way_round(pto_core *core)
{
    parts p = parts_of(core);
    if (pto_block_index(core) == 1) {
        pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE); /* FOUND */
        pto_pipe_barrier(core, PTO_PIPE_ALL);
    }
    RIGHT pto_core_barrier(core);
    if (pto_block_index(core) == 0) {
        pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE); /* FOUND */
        drain(core);
    }
}

/* The barrier among cores orders scalar units; the store of the other core is still in its pipe. */
static void core_barrier_drains_nothing(pto_core *core)
{
    parts p = parts_of(core);
    if (pto_block_index(core) == 0)
        pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE); /* FOUND */
    RIGHT pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_core_barrier(core);
    if (pto_block_index(core) == 1) {
        pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE); /* FOUND */
        drain(core);
    }
}

/* A scalar store stays in the data cache of its core, which another core does not see. */
static void scalar_store_not_cleaned(pto_core *core)
{
    parts p = parts_of(core);
    if (pto_block_index(core) == 0) {
        pto_store_i32(core, p.scratch.addr, 1); /* FOUND */
        RIGHT pto_dcci(core, p.scratch.addr);
        pto_dsb(core);
    }
    pto_core_barrier(core);
    if (pto_block_index(core) == 1) {
        pto_dcci(core, p.scratch.addr);
        int32_t one = pto_load_i32(core, p.scratch.addr); /* FOUND */
        times(core, &p, one);
        drain(core);
    }
}

/* The reader's line dates from its kernel's beginning; what another core wrote since is seen after an invalidation only. */
static void scalar_load_without_dcci(pto_core *core)
{
    parts p = parts_of(core);
    if (pto_block_index(core) == 0) {
        pto_store_i32(core, p.scratch.addr, 1); /* FOUND */
        pto_dcci(core, p.scratch.addr);
        pto_dsb(core);
    }
    pto_core_barrier(core);
    if (pto_block_index(core) == 1) {
        RIGHT pto_dcci(core, p.scratch.addr);
        int32_t one = pto_load_i32(core, p.scratch.addr); /* FOUND */
        times(core, &p, one);
        drain(core);
    }
}

/* A core that has looked at a word before keeps the old line, and sees what it held then. */
static void scalar_load_of_an_old_line(pto_core *core)
{
    parts p = parts_of(core);
    pto_addr word = p.scratch.addr;
    int32_t turn = turns_at(core, &p, LEAVE);
    if (p.me == 1 && pto_load_i32(core, word) != turn)
        pto_trap(core, "the word does not say how many calls there were");
    cross(core, &p, COME, turn);
    if (p.me == 0) {
        pto_store_i32(core, pto_peer_addr(p.comm, word, 1), turn + 1); /* FOUND */
        pto_dcci(core, pto_peer_addr(p.comm, word, 1));
    }
    cross(core, &p, LEAVE, turn);
    if (p.me == 1)
        RIGHT pto_dcci(core, word);
    int32_t ahead = p.me == 1 ? pto_load_i32(core, word) - turn : 1; /* FOUND */
    times(core, &p, ahead);
    drain(core);
}

/* Each rank pushes its part to all; a part that is eight elements too long reaches into the next rank's. */
static void parts_that_overlap(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint32_t part = COUNT / p.ranks, first = p.me * part;
    if (p.me + 1 < p.ranks)
        WRONG part += 8;
    for (uint32_t rank = 0; rank < p.ranks; rank++) {
        pto_global there = pto_peer(p.comm, p.scratch, rank);
        pto_tput(core, pto_slice(there, first, part), pto_slice(p.in, first, part), p.tile, PTO_NO_TILE); /* FOUND */
    }
    cross(core, &p, COME, turn);
    pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE);
    cross(core, &p, LEAVE, turn);
}

/* Atomic adds of all ranks may come in any order, but not before the owner has stored the zeros to which they add. */
static void add_before_the_zeros(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_tfill(core, p.tile2, 0);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.scratch, p.tile2); /* FOUND */
    drain(core);
    announce(core, &p, 2, turn);
    RIGHT await_all(core, &p, 2, turn);
    for (uint32_t rank = 0; rank < p.ranks; rank++)
        pto_tput_add(core, pto_peer(p.comm, p.scratch, rank), p.in, p.tile, PTO_NO_TILE); /* FOUND */
    cross(core, &p, COME, turn);
    pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE);
    cross(core, &p, LEAVE, turn);
}

/* TREDUCE reads all windows, but its rank has waited for the last one only. */
static void reduce_before_all_have_staged(pto_core *core)
{
    parts p = parts_of(core);
    pto_tile acc = pto_tile_1d(core, PTO_F32, 2 * COUNT * 4, COUNT);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint32_t first = 0;
    WRONG first = p.ranks - 1;
    pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE); /* FOUND */
    drain(core);
    announce(core, &p, COME, turn);
    for (uint32_t rank = first; rank < p.ranks; rank++)
        await_rank(core, &p, COME, turn, rank);
    pto_treduce(core, p.out, pto_group_of(p.comm, p.scratch), PTO_SUM, acc, p.tile, p.tile2); /* FOUND */
    cross(core, &p, LEAVE, turn);
}

/* The root need not wait for its own broadcast, and all others must. */
static void broadcast_without_wait(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    if (p.me == 0) {
        pto_tbroadcast(core, pto_group_of(p.comm, p.scratch), p.in, p.tile, PTO_NO_TILE); /* FOUND */
        drain(core);
        announce(core, &p, COME, turn);
    } else
        RIGHT await_rank(core, &p, COME, turn, 0);
    pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE); /* FOUND */
    cross(core, &p, LEAVE, turn);
}

/* One counter for all arrivals: at one less than all, the rank that has not come may be the one whose data is read. */
static void one_arrival_short(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE), ranks = (int32_t)p.ranks;
    int32_t goal = (turn + 1) * ranks;
    WRONG goal -= 1;
    pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE); /* FOUND */
    drain(core);
    for (uint32_t rank = 0; rank < p.ranks; rank++)
        pto_tnotify(core, cell_at(&p, p.ranks, rank), 1, PTO_NOTIFY_ADD);
    pto_twait(core, pto_cell(my_cell(&p, p.ranks)), goal, PTO_GE);
    pto_tget(core, p.out, pto_peer(p.comm, p.scratch, p.before), p.tile, PTO_NO_TILE); /* FOUND */
    cross(core, &p, LEAVE, turn);
}

const hazard rank_race_hazards[] = {
    {HARMFUL(push_without_barrier), .expect = from_rank_before},
    {HARMFUL(pull_without_wait), .ranks = 3, .expect = from_rank_before},
    {HARMFUL(waits_for_the_other_neighbour), .ranks = 3, .expect = from_rank_before},
    {HARMFUL(chain_with_a_gap), .ranks = 3, .expect = chained},
    {HARMFUL(blocks_without_barrier), .blocks = 2},
    {HARMFUL(blocks_the_other_way_round), .blocks = 2},
    {HARMFUL(core_barrier_drains_nothing), .blocks = 2, .missing = "a drain after"},
    {HARMFUL(scalar_store_not_cleaned), .blocks = 2, .missing = "pto_dcci of its line after"},
    {HARMFUL(scalar_load_without_dcci), .blocks = 2, .missing = "pto_dcci before"},
    {HARMFUL(scalar_load_of_an_old_line), .missing = "pto_dcci before"},
    {HARMFUL(parts_that_overlap), .ranks = 4, .expect = part_of_each},
    {HARMFUL(add_before_the_zeros), .expect = sum_of_all},
    {HARMFUL(reduce_before_all_have_staged), .ranks = 4, .expect = sum_of_all},
    {HARMFUL(broadcast_without_wait), .ranks = 4, .expect = from_rank_0},
    {HARMFUL(one_arrival_short), .ranks = 3, .expect = from_rank_before, WIDE},
    {NULL},
};
