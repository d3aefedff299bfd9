/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

/* A notify does not wait for PIPE_MTE3: the neighbour is told of data that is still in the pipe. */
static void push_not_drained(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_tput(core, pto_peer(p.comm, p.scratch, p.next), p.in, p.tile, PTO_NO_TILE); /* FOUND */
    RIGHT pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_dsb(core);
    pto_tnotify(core, turn_cell(&p, COME, p.me, p.next), turn + 1, PTO_NOTIFY_SET); /* FOUND */
    await_rank(core, &p, COME, turn, p.before);
    pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE);
    cross(core, &p, LEAVE, turn);
}

/* Silicon was seen to need a fence between the drain and the notify. */
static void push_not_fenced(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_tput(core, pto_peer(p.comm, p.scratch, p.next), p.in, p.tile, PTO_NO_TILE); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    RIGHT pto_dsb(core);
    pto_tnotify(core, turn_cell(&p, COME, p.me, p.next), turn + 1, PTO_NOTIFY_SET); /* FOUND */
    await_rank(core, &p, COME, turn, p.before);
    pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE);
    cross(core, &p, LEAVE, turn);
}

/* The barrier of PIPE_MTE3 alone holds back later stores; the scalar unit learns of it with the dsb. */
static void barrier_of_one_pipe(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_MTE3);
    RIGHT pto_dsb(core);
    announce(core, &p, COME, turn); /* FOUND */
    await_all(core, &p, COME, turn);
    pto_tget(core, p.out, pto_peer(p.comm, p.scratch, p.before), p.tile, PTO_NO_TILE);
    cross(core, &p, LEAVE, turn);
}

/* A fence is no drain: it covers the scalar unit's own stores, and no pipe's. */
static void barrier_of_the_wrong_pipe(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_pipe stores = PTO_PIPE_MTE3;
    WRONG stores = PTO_PIPE_V;
    pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE); /* FOUND */
    pto_pipe_barrier(core, stores);
    pto_dsb(core);
    announce(core, &p, COME, turn); /* FOUND */
    await_all(core, &p, COME, turn);
    pto_tget(core, p.out, pto_peer(p.comm, p.scratch, p.next), p.tile, PTO_NO_TILE);
    cross(core, &p, LEAVE, turn);
}

/* A flag to the scalar unit is a drain, if it comes from the pipe that stores. */
static void flag_from_the_wrong_pipe(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_pipe from = PTO_PIPE_MTE3;
    WRONG from = PTO_PIPE_MTE2;
    pto_tload(core, p.tile, p.in);
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 7);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 7);
    pto_tstore(core, pto_peer(p.comm, p.scratch, p.next), p.tile); /* FOUND */
    pto_set_flag(core, from, PTO_PIPE_S, 3);
    pto_wait_flag(core, from, PTO_PIPE_S, 3);
    pto_dsb(core);
    pto_tnotify(core, turn_cell(&p, COME, p.me, p.next), turn + 1, PTO_NOTIFY_SET); /* FOUND */
    await_rank(core, &p, COME, turn, p.before);
    pto_tget(core, p.out, p.scratch, p.tile2, PTO_NO_TILE);
    cross(core, &p, LEAVE, turn);
}

/* The flag fires when what was queued before it has completed: the second half is stored behind it. */
static void store_behind_the_flag(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_global there = pto_peer(p.comm, p.scratch, p.next);
    pto_tile head = pto_tile_valid(p.tile, 1, COUNT / 2), tail = pto_tile_1d(core, PTO_F32, COUNT * 2, COUNT / 2);
    pto_tload(core, p.tile, p.in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, pto_slice(there, 0, COUNT / 2), head);
    RIGHT pto_tstore(core, pto_slice(there, COUNT / 2, COUNT / 2), tail);
    pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_S, 0);
    WRONG pto_tstore(core, pto_slice(there, COUNT / 2, COUNT / 2), tail); /* FOUND */
    pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_S, 0);
    pto_dsb(core);
    pto_tnotify(core, turn_cell(&p, COME, p.me, p.next), turn + 1, PTO_NOTIFY_SET); /* FOUND */
    await_rank(core, &p, COME, turn, p.before);
    pto_tget(core, p.out, p.scratch, p.tile2, PTO_NO_TILE);
    cross(core, &p, LEAVE, turn);
}

/* The neighbour is told that its data has been taken while the load of it is still in PIPE_MTE2, and overwrites it. */
static void taken_before_the_load(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_tput(core, pto_peer(p.comm, p.scratch, p.next), p.in, p.tile, PTO_NO_TILE);
    cross(core, &p, COME, turn);
    pto_tload(core, p.tile2, p.scratch); /* FOUND */
    RIGHT pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tnotify(core, turn_cell(&p, 2, p.me, p.before), turn + 1, PTO_NOTIFY_SET); /* FOUND */
    await_rank(core, &p, 2, turn, p.next);
    pto_tfill(core, p.tile, -1);
    pto_set_flag(core, PTO_PIPE_V, PTO_PIPE_MTE3, 0);
    pto_wait_flag(core, PTO_PIPE_V, PTO_PIPE_MTE3, 0);
    pto_tstore(core, pto_peer(p.comm, p.scratch, p.next), p.tile);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile2);
    cross(core, &p, LEAVE, turn);
}

/* A word in a peer's window: cleaned from the cache, but not yet in memory before the dsb. */
static void word_not_fenced(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_addr there = pto_peer_addr(p.comm, p.scratch.addr, p.next);
    pto_store_i32(core, there, turn + 1); /* FOUND */
    pto_dcci(core, there);
    RIGHT pto_dsb(core);
    pto_tnotify(core, turn_cell(&p, COME, p.me, p.next), turn + 1, PTO_NOTIFY_SET); /* FOUND */
    await_rank(core, &p, COME, turn, p.before);
    pto_dcci(core, p.scratch.addr);
    int32_t one = pto_load_i32(core, p.scratch.addr) - turn;
    times(core, &p, one);
    cross(core, &p, LEAVE, turn);
}

/* A word that goes around the cache: on its way, but not yet in memory before the dsb. */
static void uncached_word_not_fenced(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_store_dev_i32(core, pto_peer_addr(p.comm, p.scratch.addr, p.next), turn + 1); /* FOUND */
    RIGHT pto_dsb(core);
    pto_tnotify(core, turn_cell(&p, COME, p.me, p.next), turn + 1, PTO_NOTIFY_SET); /* FOUND */
    await_rank(core, &p, COME, turn, p.before);
    int32_t one = pto_load_dev_i32(core, p.scratch.addr) - turn;
    times(core, &p, one);
    cross(core, &p, LEAVE, turn);
}

/* Two words, 64 bytes apart: the dcci cleans the line of the first alone. */
static void second_line_not_cleaned(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_addr there = pto_peer_addr(p.comm, p.scratch.addr, p.next);
    pto_store_i32(core, there, turn + 1);
    pto_store_i32(core, there + PTO_LINE_BYTES, turn + 2); /* FOUND */
    pto_dcci(core, there);
    RIGHT pto_dcci(core, there + PTO_LINE_BYTES);
    pto_dsb(core);
    pto_tnotify(core, turn_cell(&p, COME, p.me, p.next), turn + 1, PTO_NOTIFY_SET); /* FOUND */
    await_rank(core, &p, COME, turn, p.before);
    pto_dcci_all(core);
    int32_t one = pto_load_i32(core, p.scratch.addr + PTO_LINE_BYTES) - pto_load_i32(core, p.scratch.addr);
    times(core, &p, one);
    cross(core, &p, LEAVE, turn);
}

/* A broadcast's last stores, one to each rank, are not drained when it returns. */
static void broadcast_not_drained(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    if (p.me == 0)
        pto_tbroadcast(core, pto_group_of(p.comm, p.scratch), p.in, p.tile, p.tile2); /* FOUND */
    RIGHT pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_dsb(core);
    for (uint32_t rank = 1; rank < p.ranks && p.me == 0; rank++)
        pto_tnotify(core, turn_cell(&p, COME, 0, rank), turn + 1, PTO_NOTIFY_SET); /* FOUND */
    if (p.me != 0)
        await_rank(core, &p, COME, turn, 0);
    pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE);
    cross(core, &p, LEAVE, turn);
}

/* A counter that all raise: what each adds to it says that its contribution is there, so each drains before. */
static void contribution_not_drained(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE), ranks = (int32_t)p.ranks;
    pto_global sum = half_of(core, &p, turn);
    for (uint32_t rank = 0; rank < p.ranks; rank++)
        pto_tput_add(core, pto_peer(p.comm, sum, rank), p.in, p.tile, PTO_NO_TILE); /* FOUND */
    RIGHT pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_dsb(core);
    for (uint32_t rank = 0; rank < p.ranks; rank++)
        pto_tnotify(core, cell_at(&p, p.ranks, rank), 1, PTO_NOTIFY_ADD); /* FOUND */
    pto_twait(core, pto_cell(my_cell(&p, p.ranks)), (turn + 1) * ranks, PTO_GE);
    pto_tget(core, p.out, sum, p.tile, PTO_NO_TILE);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tfill(core, p.tile, 0);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, sum, p.tile); /* for the call after the next */
    cross(core, &p, LEAVE, turn);
}

/* A relay: what came from the rank before is passed on, and announced while it is still on its way. */
static void relay_not_drained(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    if (p.me == 0)
        pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE);
    else
        await_rank(core, &p, COME, turn, p.before);
    if (p.next != 0)
        pto_tput(core, pto_peer(p.comm, p.scratch, p.next), p.scratch, p.tile, PTO_NO_TILE); /* FOUND */
    RIGHT pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_dsb(core);
    if (p.next != 0)
        pto_tnotify(core, turn_cell(&p, COME, p.me, p.next), turn + 1, PTO_NOTIFY_SET); /* FOUND */
    pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE);
    cross(core, &p, LEAVE, turn);
}

/* As the published source has it, a notify leaves every pipe drained, and so the second notify covers the store. */
static void drained_by_another_notify(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_tput(core, pto_peer(p.comm, p.scratch, p.next), p.in, p.tile, PTO_NO_TILE); /* FOUND */
    RIGHT pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tnotify(core, turn_cell(&p, 2, p.me, p.before), turn + 1, PTO_NOTIFY_SET);
    pto_dsb(core);
    pto_tnotify(core, turn_cell(&p, COME, p.me, p.next), turn + 1, PTO_NOTIFY_SET); /* FOUND */
    await_rank(core, &p, COME, turn, p.before);
    pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE);
    await_rank(core, &p, 2, turn, p.next);
    cross(core, &p, LEAVE, turn);
}

/* Block 0 speaks for both blocks; block 1 has come to the barrier among cores with its half still in its pipe. */
static void other_block_not_drained(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t block = pto_block_index(core), half = COUNT / 2;
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_global there = pto_peer(p.comm, pto_slice(half_of(core, &p, turn), block * half, half), p.next);
    pto_tput(core, there, pto_slice(p.in, block * half, half), p.tile, PTO_NO_TILE); /* FOUND */
    if (block == 0)
        pto_pipe_barrier(core, PTO_PIPE_ALL);
    if (block == 1)
        RIGHT pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_dsb(core);
    pto_core_barrier(core);
    if (block == 1)
        return;
    announce(core, &p, LEAVE, turn); /* FOUND */
    await_all(core, &p, LEAVE, turn);
    pto_tget(core, p.out, half_of(core, &p, turn), p.tile, PTO_NO_TILE);
    drain(core);
}

/* The kernel's return drains nothing: the host reads out while the store is on its way. */
static void result_not_drained(pto_core *core)
{
    parts p = parts_of(core);
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE); /* FOUND */
    RIGHT pto_pipe_barrier(core, PTO_PIPE_ALL);
}

/* Sums that go to a peer straight out of L0C are stores like others: drained is not fenced. */
static void sums_not_fenced(pto_core *core)
{
    parts p = parts_of(core);
    matrices m = matrices_of(core, &p);
    int32_t turn = turns_at(core, &p, LEAVE);
    feed(core, &m);
    pto_tmatmul(core, m.acc, m.a, m.b);
    hand_over(core, PTO_PIPE_M, PTO_PIPE_FIX, 0);
    m.out.addr = pto_peer(p.comm, p.scratch, p.next).addr;
    pto_tstore(core, m.out, m.acc); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    RIGHT pto_dsb(core);
    pto_tnotify(core, turn_cell(&p, COME, p.me, p.next), turn + 1, PTO_NOTIFY_SET); /* FOUND */
    await_rank(core, &p, COME, turn, p.before);
    pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE);
    cross(core, &p, LEAVE, turn);
}

const hazard early_signal_hazards[] = {
    {HARMFUL(push_not_drained), .expect = from_rank_before},
    {HARMFUL(push_not_fenced), .wrong_on = STRICT, .expect = from_rank_before},
    {HARMFUL(barrier_of_one_pipe), .ranks = 3, .expect = from_rank_before},
    {HARMFUL(barrier_of_the_wrong_pipe), .ranks = 3, .expect = from_rank_after},
    {HARMFUL(flag_from_the_wrong_pipe), .expect = from_rank_before},
    {HARMFUL(store_behind_the_flag), .expect = from_rank_before},
    {HARMFUL(taken_before_the_load), .expect = from_rank_before},
    {HARMFUL(word_not_fenced)},
    {HARMFUL(uncached_word_not_fenced)},
    {HARMFUL(second_line_not_cleaned)},
    {HARMFUL(broadcast_not_drained), .ranks = 4, .expect = from_rank_0},
    {HARMFUL(contribution_not_drained), .expect = sum_of_all, WIDE},
    {HARMFUL(relay_not_drained), .ranks = 3, .expect = from_rank_0},
    {HARMFUL(drained_by_another_notify), .wrong_on = STRICT, .expect = from_rank_before},
    {HARMFUL(other_block_not_drained), .blocks = 2, .expect = from_rank_before},
    {HARMFUL(result_not_drained)},
    {HARMFUL(sums_not_fenced), .wrong_on = STRICT, .expect = squared_before},
    {NULL},
};
