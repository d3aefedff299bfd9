/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

/* What a call leaves in a cell so that the next call, or the one after that, cannot go on. A call alone is right. */

/* A cell that counts two arrivals of one call, one after the other, must be back at 0 for the next call's first. */
static void both_phases_left(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_addr phase = my_cell(&p, 2), theirs = pto_peer_addr(p.comm, phase, p.next);
    stage(core, &p, pto_peer(p.comm, p.scratch, p.next), turn);
    drain(core);
    pto_tnotify(core, theirs, 1, PTO_NOTIFY_ADD);
    pto_twait(core, pto_cell(phase), 1, PTO_EQ); /* FOUND */
    take(core, &p, p.scratch, turn);
    cross(core, &p, COME, turn);
    pto_tnotify(core, theirs, 1, PTO_NOTIFY_ADD); /* FOUND */
    pto_twait(core, pto_cell(phase), 2, PTO_EQ);
    RIGHT pto_tnotify(core, phase, -2, PTO_NOTIFY_ADD);
    cross(core, &p, LEAVE, turn);
}

/* The root takes down all that came, itself included, though it never counted itself: the next count is one short. */
static void taken_down_too_far(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE), leaves = (int32_t)p.ranks - 1, came = leaves;
    WRONG came = leaves + 1;
    pto_addr count = my_cell(&p, p.ranks);
    pto_tget(core, p.out, p.in, p.tile, PTO_NO_TILE);
    if (p.me > 0) {
        pto_tnotify(core, pto_peer_addr(p.comm, count, 0), 1, PTO_NOTIFY_ADD);
    } else {
        pto_twait(core, pto_cell(count), leaves, PTO_GE); /* FOUND */
        pto_tnotify(core, count, -came, PTO_NOTIFY_ADD);  /* FOUND */
    }
    cross(core, &p, LEAVE, turn);
}

/* A stream ends with a mark in the cell in which its chunks are counted: who has read it makes the cell good again. */
static void end_mark_left(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint32_t half = COUNT / 2;
    pto_addr chunks = my_cell(&p, 2), theirs = pto_peer_addr(p.comm, chunks, p.next);
    for (uint32_t k = 0; k < 2; k++) {
        pto_global there = pto_peer(p.comm, pto_slice(p.scratch, k * half, half), p.next);
        pto_tput(core, there, pto_slice(p.in, k * half, half), p.tile, PTO_NO_TILE);
        drain(core);
        pto_tnotify(core, theirs, 1, PTO_NOTIFY_ADD);
    }
    pto_twait(core, pto_cell(chunks), 2, PTO_EQ); /* FOUND */
    pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE);
    cross(core, &p, COME, turn);
    pto_tnotify(core, theirs, -1, PTO_NOTIFY_SET); /* FOUND */
    pto_twait(core, pto_cell(chunks), -1, PTO_EQ);
    RIGHT pto_tnotify(core, chunks, 0, PTO_NOTIFY_SET);
    cross(core, &p, LEAVE, turn);
}

/* The writer marks its slot as busy and waits, the next time, until its reader has said that it is free. */
static void slot_left_busy(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_addr busy = my_cell(&p, 2);
    pto_twait(core, pto_cell(busy), 0, PTO_EQ); /* FOUND */
    pto_tnotify(core, busy, 1, PTO_NOTIFY_SET); /* FOUND */
    stage(core, &p, pto_peer(p.comm, p.scratch, p.next), turn);
    drain(core);
    announce(core, &p, COME, turn);
    await_rank(core, &p, COME, turn, p.before);
    take(core, &p, p.scratch, turn);
    drain(core);
    RIGHT pto_tnotify(core, pto_peer_addr(p.comm, busy, p.before), 0, PTO_NOTIFY_SET);
    cross(core, &p, LEAVE, turn);
}

/* The root has a slot for each leaf and empties them for the next call: all of them, not all but the first. */
static void one_slot_of_many(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint32_t first = 1;
    WRONG first = 2;
    pto_addr slots = my_cell(&p, p.ranks);
    pto_cells of_leaves = pto_cell_block(slots + PTO_LINE_BYTES, p.ranks - 1, PTO_LINE_CELLS);
    if (p.me == 0) {
        while (!pto_ttest(core, of_leaves, 0, PTO_EQ)) /* FOUND */
            ;
        stage(core, &p, p.scratch, turn);
        drain(core);
    }
    announce(core, &p, COME, turn);
    await_rank(core, &p, COME, turn, 0);
    take(core, &p, pto_peer(p.comm, p.scratch, 0), turn);
    drain(core);
    if (p.me > 0)
        pto_tnotify(core, pto_peer_addr(p.comm, slots + PTO_LINE_BYTES * p.me, 0), 1, PTO_NOTIFY_SET); /* FOUND */
    else
        pto_twait(core, of_leaves, 1, PTO_EQ);
    for (uint32_t rank = first; rank < p.ranks && p.me == 0; rank++)
        pto_tnotify(core, slots + PTO_LINE_BYTES * rank, 0, PTO_NOTIFY_SET);
    cross(core, &p, LEAVE, turn);
}

/* Three messages may be on their way. A reader that keeps a credit in each call stops its writer in the third. */
static void credit_kept(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE), returned = -2;
    WRONG returned = -1;
    uint32_t half = COUNT / 2;
    pto_addr out = my_cell(&p, 2);
    for (uint32_t k = 0; k < 2; k++) {
        pto_global there = pto_peer(p.comm, pto_slice(p.scratch, k * half, half), p.next);
        pto_twait(core, pto_cell(out), 3, PTO_LT); /* FOUND */
        pto_tnotify(core, out, 1, PTO_NOTIFY_ADD);
        pto_tput(core, there, pto_slice(p.in, k * half, half), p.tile, PTO_NO_TILE);
    }
    cross(core, &p, COME, turn);
    pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE);
    drain(core);
    pto_tnotify(core, pto_peer_addr(p.comm, out, p.before), returned, PTO_NOTIFY_ADD);
    cross(core, &p, LEAVE, turn);
}

/* Arrivals are counted above the generation, which the reader writes back as the next one; the old one fits no more. */
static void old_generation_written_back(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE), leaves = (int32_t)p.ranks - 1, next = turn + 1;
    WRONG next = turn;
    pto_addr count = my_cell(&p, p.ranks);
    pto_tget(core, p.out, p.in, p.tile, PTO_NO_TILE);
    if (p.me > 0) {
        pto_tnotify(core, pto_peer_addr(p.comm, count, 0), 256, PTO_NOTIFY_ADD);
    } else {
        pto_twait(core, pto_cell(count), leaves * 256 + turn, PTO_EQ); /* FOUND */
        pto_tnotify(core, count, next, PTO_NOTIFY_SET);                /* FOUND */
    }
    cross(core, &p, LEAVE, turn);
}

/* Each block of a rank marks its slot as busy, and the same block of its reader frees it: block 1 as well as 0. */
static void slot_of_the_other_block(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t block = pto_block_index(core), half = COUNT / 2;
    bool frees = true;
    WRONG frees = block == 0;
    pto_global part = pto_slice(p.scratch, block * half, half);
    pto_addr busy = p.scratch.addr + 4ull * COUNT + PTO_LINE_BYTES * block;
    pto_addr mine = my_cell(&p, 2 * p.me + block), other = my_cell(&p, 2 * p.next + block);
    int32_t turn = pto_load_i32(core, mine + 4);
    pto_twait(core, pto_cell(busy), 0, PTO_EQ); /* FOUND */
    pto_tnotify(core, busy, 1, PTO_NOTIFY_SET); /* FOUND */
    pto_tput(core, pto_peer(p.comm, part, p.next), pto_slice(p.in, block * half, half), p.tile, PTO_NO_TILE);
    drain(core);
    pto_tnotify(core, pto_peer_addr(p.comm, mine, p.next), turn + 1, PTO_NOTIFY_SET);
    pto_twait(core, pto_cell(other), turn, PTO_NE);
    pto_tget(core, pto_slice(p.out, block * half, half), part, p.tile, PTO_NO_TILE);
    drain(core);
    if (frees)
        pto_tnotify(core, pto_peer_addr(p.comm, busy, p.next), 0, PTO_NOTIFY_SET);
    for (uint32_t rank = 0; rank < p.ranks; rank++)
        pto_tnotify(core, pto_peer_addr(p.comm, mine + 4, rank), turn + 1, PTO_NOTIFY_SET);
    pto_twait(core, pto_cell(other + 4), turn, PTO_NE);
}

/* Nobody takes the count down: it is that of all calls, and a wait for one arrival is right in the first only. */
static void count_of_all_calls(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE), goal = turn + 1;
    WRONG goal = 1;
    pto_addr count = my_cell(&p, 2);
    stage(core, &p, pto_peer(p.comm, p.scratch, p.next), turn);
    drain(core);
    pto_tnotify(core, pto_peer_addr(p.comm, count, p.next), 1, PTO_NOTIFY_ADD); /* FOUND */
    cross(core, &p, COME, turn);
    pto_twait(core, pto_cell(count), goal, PTO_EQ); /* FOUND */
    take(core, &p, p.scratch, turn);
    cross(core, &p, LEAVE, turn);
}

/*
 * The same, with a wait that may come before the arrival, too. What is left then makes two things wrong: where the
 * arrival is there already, the count has passed the goal; where it is not, the old count is the goal (a stale signal).
 */
static void passed_or_stale(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE), goal = turn + 1;
    WRONG goal = 1;
    pto_addr count = my_cell(&p, 2);
    stage(core, &p, pto_peer(p.comm, p.scratch, p.next), turn);
    drain(core);
    pto_tnotify(core, pto_peer_addr(p.comm, count, p.next), 1, PTO_NOTIFY_ADD); /* FOUND */
    pto_twait(core, pto_cell(count), goal, PTO_EQ);                             /* FOUND */
    take(core, &p, p.scratch, turn);
    cross(core, &p, LEAVE, turn);
}

/* A stop that a peer has asked for is for this call alone: who does not take it back skips the next one's work. */
static void stop_left(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_addr stop = my_cell(&p, 2);
    if (!pto_ttest(core, pto_cell(stop), 1, PTO_EQ)) /* FOUND */
        stage(core, &p, pto_peer(p.comm, p.scratch, p.next), turn);
    cross(core, &p, COME, turn);
    take(core, &p, p.scratch, turn);
    pto_tnotify(core, pto_peer_addr(p.comm, stop, p.next), 1, PTO_NOTIFY_SET); /* FOUND */
    cross(core, &p, LEAVE, turn);
    RIGHT pto_tnotify(core, stop, 0, PTO_NOTIFY_SET);
}

const hazard residue_hazards[] = {

    {HARMFUL(both_phases_left), .expect = from_rank_before, WIDE},
    {HARMFUL(taken_down_too_far), .ranks = 3, WIDE},
    {HARMFUL(end_mark_left), .expect = from_rank_before, WIDE},
    {HARMFUL(slot_left_busy), .expect = from_rank_before, WIDE},
    {HARMFUL(one_slot_of_many), .ranks = 3, .expect = from_rank_0, WIDE},
    {HARMFUL(credit_kept), .expect = from_rank_before, WIDE},
    {HARMFUL(old_generation_written_back), .ranks = 3, WIDE},
    {HARMFUL(slot_of_the_other_block), .blocks = 2, .expect = from_rank_before, WIDE},
    {HARMFUL(count_of_all_calls), .expect = from_rank_before, WIDE},
    {HARMFUL(passed_or_stale), .also = KIND(STALE_SIGNAL), .expect = from_rank_before, WIDE},
    {HARMFUL(stop_left), .expect = from_rank_before, WIDE},
    {NULL},
};
