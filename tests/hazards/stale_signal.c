/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

/* A wait that a signal of an earlier use satisfies. What came earlier is in the windows, too, but for its turn (stage, take). */

/* Who adds 1 in each call and waits for 1 has waited once: the count stays. */
static void waits_for_one(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE), goal = turn + 1;
    WRONG goal = 1;
    stage(core, &p, pto_peer(p.comm, p.scratch, p.next), turn);
    drain(core);
    pto_tnotify(core, turn_cell(&p, COME, p.me, p.next), 1, PTO_NOTIFY_ADD);
    pto_twait(core, pto_cell(turn_cell(&p, COME, p.before, p.me)), goal, PTO_GE); /* FOUND */
    take(core, &p, p.scratch, turn);
    cross(core, &p, LEAVE, turn);
}

/* The same where the kernel looks by itself: a test consumes no more than a wait. */
static void tests_for_one(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE), goal = turn;
    WRONG goal = 0;
    stage(core, &p, pto_peer(p.comm, p.scratch, p.next), turn);
    drain(core);
    pto_tnotify(core, turn_cell(&p, COME, p.me, p.next), turn + 1, PTO_NOTIFY_SET);
    while (!pto_ttest(core, pto_cell(turn_cell(&p, COME, p.before, p.me)), goal, PTO_GT)) /* FOUND */
        ;
    take(core, &p, p.scratch, turn);
    cross(core, &p, LEAVE, turn);
}

/* A semaphore has to be taken down by hand: the waiter adds -1 to its own cell. */
static void semaphore_not_taken_down(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_addr mine = my_cell(&p, p.ranks);
    stage(core, &p, pto_peer(p.comm, p.scratch, p.next), turn);
    drain(core);
    pto_tnotify(core, pto_peer_addr(p.comm, mine, p.next), 1, PTO_NOTIFY_ADD);
    pto_twait(core, pto_cell(mine), 1, PTO_GE); /* FOUND */
    RIGHT pto_tnotify(core, mine, -1, PTO_NOTIFY_ADD);
    take(core, &p, p.scratch, turn);
    cross(core, &p, LEAVE, turn);
}

/* A flag that is set to 1 by its writer and cleared by its reader, who forgets it. */
static void flag_not_cleared(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_addr full = my_cell(&p, p.ranks);
    stage(core, &p, pto_peer(p.comm, p.scratch, p.next), turn);
    drain(core);
    pto_tnotify(core, pto_peer_addr(p.comm, full, p.next), 1, PTO_NOTIFY_SET);
    pto_twait(core, pto_cell(full), 1, PTO_EQ); /* FOUND */
    take(core, &p, p.scratch, turn);
    RIGHT pto_tnotify(core, full, 0, PTO_NOTIFY_SET);
    cross(core, &p, LEAVE, turn);
}

/* A sense that alternates 1, 2, 1, 2 tells neighbouring calls apart, if it does alternate. */
static void sense_that_does_not_turn(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE), sense = 1 + turn % 2;
    WRONG sense = 1;
    stage(core, &p, pto_peer(p.comm, p.scratch, p.next), turn);
    drain(core);
    pto_tnotify(core, turn_cell(&p, COME, p.me, p.next), sense, PTO_NOTIFY_SET);
    pto_twait(core, pto_cell(turn_cell(&p, COME, p.before, p.me)), sense, PTO_EQ); /* FOUND */
    take(core, &p, p.scratch, turn);
    cross(core, &p, LEAVE, turn);
}

/* One counter for all arrivals: the goal grows by the number of ranks in each call. */
static void goal_of_the_first_call(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE), ranks = (int32_t)p.ranks, goal = (turn + 1) * ranks;
    WRONG goal = ranks;
    stage(core, &p, p.scratch, turn);
    drain(core);
    for (uint32_t rank = 0; rank < p.ranks; rank++)
        pto_tnotify(core, cell_at(&p, p.ranks, rank), 1, PTO_NOTIFY_ADD);
    pto_twait(core, pto_cell(my_cell(&p, p.ranks)), goal, PTO_GE); /* FOUND */
    take(core, &p, pto_peer(p.comm, p.scratch, p.before), turn);
    cross(core, &p, LEAVE, turn);
}

/* "Not 0" says once that something came; after that the cell is never 0 again. */
static void not_zero(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE), old = turn;
    WRONG old = 0;
    stage(core, &p, p.scratch, turn);
    drain(core);
    announce(core, &p, COME, turn);
    pto_twait(core, pto_cell_block(p.signals.addr, p.ranks, PTO_LINE_CELLS), old, PTO_NE); /* FOUND */
    take(core, &p, pto_peer(p.comm, p.scratch, p.before), turn);
    cross(core, &p, LEAVE, turn);
}

/* Two chunks, a credit each: the second wait is satisfied by the credit of the first chunk. */
static void one_credit_for_two_chunks(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint32_t half = COUNT / 2;
    for (uint32_t k = 0; k < 2; k++) {
        pto_global there = pto_peer(p.comm, pto_slice(p.scratch, k * half, half), p.next);
        pto_tput(core, there, pto_slice(p.in, k * half, half), p.tile, PTO_NO_TILE);
        drain(core);
        pto_tnotify(core, turn_cell(&p, COME, p.me, p.next), 1, PTO_NOTIFY_ADD);
    }
    for (int32_t k = 0; k < 2; k++) {
        int32_t goal = 2 * turn + k + 1;
        WRONG goal -= k;
        pto_twait(core, pto_cell(turn_cell(&p, COME, p.before, p.me)), goal, PTO_GE); /* FOUND */
        pto_tget(core, pto_slice(p.out, k * half, half), pto_slice(p.scratch, k * half, half), p.tile, PTO_NO_TILE);
    }
    cross(core, &p, LEAVE, turn);
}

/* "Ready" and "done" count in one cell: who waits for done with the goal of ready has it at once. */
static void done_is_not_ready(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE), ready = 2 * turn + 1, done = ready + 1;
    WRONG done = ready;
    pto_addr theirs = turn_cell(&p, COME, p.me, p.next), mine = turn_cell(&p, COME, p.before, p.me);
    pto_tnotify(core, theirs, ready, PTO_NOTIFY_SET); /* you may write */
    pto_twait(core, pto_cell(mine), ready, PTO_GE);
    stage(core, &p, pto_peer(p.comm, p.scratch, p.next), turn);
    drain(core);
    pto_tnotify(core, theirs, ready + 1, PTO_NOTIFY_SET); /* I have written */
    pto_twait(core, pto_cell(mine), done, PTO_GE);        /* FOUND */
    take(core, &p, p.scratch, turn);
    cross(core, &p, LEAVE, turn);
}

/* A second barrier in the same call, with the generation of the first: it has been announced already. */
static void second_barrier_of_one_turn(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE), first = 2 * turn, second = first + 1;
    cross(core, &p, COME, first); /* everybody has left the call before */
    stage(core, &p, p.scratch, turn);
    drain(core);
    announce(core, &p, COME, second);
    WRONG second = first;
    await_all(core, &p, COME, second); /* FOUND */
    take(core, &p, pto_peer(p.comm, p.scratch, p.before), turn);
    cross(core, &p, LEAVE, turn);
}

/* The count of calls is kept in a word of the own window; who does not write it back is in call 0 for ever. */
static void calls_not_counted(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_addr calls = pto_slice(pto_window_buffer(core, p.comm, SCRATCH), COUNT, COUNT).addr;
    int32_t call = pto_load_i32(core, calls);
    stage(core, &p, pto_peer(p.comm, p.scratch, p.next), turn);
    RIGHT pto_store_i32(core, calls, call + 1);
    pto_dcci(core, calls);
    drain(core);
    pto_tnotify(core, turn_cell(&p, COME, p.me, p.next), 1, PTO_NOTIFY_ADD);
    pto_twait(core, pto_cell(turn_cell(&p, COME, p.before, p.me)), call, PTO_GT); /* FOUND */
    take(core, &p, p.scratch, turn);
    cross(core, &p, LEAVE, turn);
}

/* A tree: the root counts all leaves, and lets them go with a signal of its own, which is old from the second call on. */
static void root_lets_go_once(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE), leaves = (int32_t)p.ranks - 1, go = -(turn + 1);
    WRONG go = -1;
    if (p.me == 0) {
        pto_twait(core, pto_cell(my_cell(&p, p.ranks)), (turn + 1) * leaves, PTO_EQ);
        for (uint32_t rank = 1; rank < p.ranks; rank++) {
            stage(core, &p, pto_peer(p.comm, p.scratch, rank), turn);
            drain(core);
            pto_tnotify(core, cell_at(&p, 0, rank), -(turn + 1), PTO_NOTIFY_SET);
        }
        pto_tget(core, p.out, p.in, p.tile, PTO_NO_TILE);
    } else {
        pto_tnotify(core, cell_at(&p, p.ranks, 0), 1, PTO_NOTIFY_ADD);
        pto_twait(core, pto_cell(my_cell(&p, 0)), go, PTO_LE); /* FOUND */
        take(core, &p, p.scratch, turn);
    }
    cross(core, &p, LEAVE, turn);
}

const hazard stale_signal_hazards[] = {
    {HARMFUL(waits_for_one), .expect = from_rank_before},
    {HARMFUL(tests_for_one), .expect = from_rank_before},
    {HARMFUL(semaphore_not_taken_down), .expect = from_rank_before, WIDE},
    {HARMFUL(flag_not_cleared), .expect = from_rank_before, WIDE},
    {HARMFUL(sense_that_does_not_turn), .expect = from_rank_before},
    {HARMFUL(goal_of_the_first_call), .ranks = 3, .expect = from_rank_before, WIDE},
    {HARMFUL(not_zero), .ranks = 4, .expect = from_rank_before},
    {HARMFUL(one_credit_for_two_chunks), .expect = from_rank_before},
    {HARMFUL(done_is_not_ready), .expect = from_rank_before},
    {HARMFUL(second_barrier_of_one_turn), .expect = from_rank_before},
    {HARMFUL(calls_not_counted), .expect = from_rank_before},
    {HARMFUL(root_lets_go_once), .ranks = 3, .expect = from_rank_0, WIDE},
    {NULL},
};
