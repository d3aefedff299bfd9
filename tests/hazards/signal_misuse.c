/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

/* Cells used against their rules: waited for in another window, or written by two whose writes can erase each other. */

/* A rank waits for its own copy of a signal. The writer's copy lies in the writer's window, out of reach of a wait. */
static void waits_at_the_writer(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint32_t where = p.me;
    WRONG where = p.before;
    stage(core, &p, p.scratch, turn);
    drain(core);
    announce(core, &p, COME, turn);
    pto_twait(core, pto_cell(turn_cell(&p, COME, p.before, where)), turn, PTO_NE); /* FOUND */
    take(core, &p, pto_peer(p.comm, p.scratch, p.before), turn);
    cross(core, &p, LEAVE, turn);
}

/* The same by a loop of tests: the reader polls the flag that the owner of the data raised at home. */
static void tests_at_the_writer(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_addr ready = turn_cell(&p, COME, p.next, p.me);
    WRONG ready = turn_cell(&p, COME, p.next, p.next);
    stage(core, &p, p.scratch, turn);
    drain(core);
    announce(core, &p, COME, turn);
    while (!pto_ttest(core, pto_cell(ready), turn, PTO_GT)) /* FOUND */
        ;
    take(core, &p, pto_peer(p.comm, p.scratch, p.next), turn);
    cross(core, &p, LEAVE, turn);
}

/* A board of all ranks' arrivals is kept by each rank at home; the one of rank 0 is for rank 0 alone. */
static void board_of_rank_0(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint32_t keeper = p.me;
    WRONG keeper = 0;
    stage(core, &p, p.scratch, turn);
    drain(core);
    announce(core, &p, COME, turn);
    pto_twait(core, pto_cell_block(turn_cell(&p, COME, 0, keeper), p.ranks, PTO_LINE_CELLS), turn, PTO_NE); /* FOUND */
    take(core, &p, pto_peer(p.comm, p.scratch, 0), turn);
    cross(core, &p, LEAVE, turn);
}

/* Two add to one counter; if one of them Sets it instead, what the other has added is gone. */
static void set_among_adds(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_addr counter = my_cell(&p, p.ranks), theirs = pto_peer_addr(p.comm, counter, 0);
    uint32_t how = PTO_NOTIFY_ADD;
    WRONG how = PTO_NOTIFY_SET;
    pto_tget(core, p.out, p.in, p.tile, PTO_NO_TILE);
    if (p.me == 1)
        pto_tnotify(core, theirs, 1, how); /* FOUND */
    if (p.me == 2)
        pto_tnotify(core, theirs, 1, PTO_NOTIFY_ADD); /* FOUND */
    if (p.me == 0) {
        pto_twait(core, pto_cell(counter), 2, PTO_EQ);
        pto_tnotify(core, counter, -2, PTO_NOTIFY_ADD);
    }
    cross(core, &p, LEAVE, turn);
}

/* Each rank has a cell of its own at rank 0; who takes that of rank 3 for its own writes over what that one said. */
static void state_in_the_line_of_another(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE), state = turn * 4 + (int32_t)p.me;
    uint32_t line = p.ranks + p.me;
    WRONG line = p.ranks + 3;
    pto_tget(core, p.out, p.in, p.tile, PTO_NO_TILE);
    if (p.me > 0)
        pto_tnotify(core, cell_at(&p, line, 0), state, PTO_NOTIFY_SET); /* FOUND */
    else
        pto_twait(core, pto_cell(my_cell(&p, p.ranks + 3)), turn * 4 + 3, PTO_EQ);
    cross(core, &p, LEAVE, turn);
}

/* Of two who say "done" in one cell the reader hears one; as both say the same, this data does not show it. */
static void done_said_by_two(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_addr done = my_cell(&p, p.ranks), theirs = pto_peer_addr(p.comm, done, 0);
    pto_tget(core, p.out, p.in, p.tile, PTO_NO_TILE);
    if (p.me == 1)
        pto_tnotify(core, theirs, turn + 1, PTO_NOTIFY_SET); /* FOUND */
    if (p.me == 2)
        WRONG pto_tnotify(core, theirs, turn + 1, PTO_NOTIFY_SET); /* FOUND */
    if (p.me == 0)
        pto_twait(core, pto_cell(done), turn, PTO_NE);
    cross(core, &p, LEAVE, turn);
}

/* The reader takes down what it has used. Set to 0 takes down the next credit, too, if that has come already. */
static void credit_taken_down_by_set(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_addr credits = my_cell(&p, 2);
    uint32_t half = COUNT / 2;
    for (uint32_t k = 0; k < 2; k++) {
        pto_global there = pto_peer(p.comm, pto_slice(p.scratch, k * half, half), p.next);
        pto_tput(core, there, pto_slice(p.in, k * half, half), p.tile, PTO_NO_TILE);
        drain(core);
        pto_tnotify(core, pto_peer_addr(p.comm, credits, p.next), 1, PTO_NOTIFY_ADD); /* FOUND */
    }
    for (uint32_t k = 0; k < 2; k++) {
        pto_twait(core, pto_cell(credits), 1, PTO_GE);
        RIGHT pto_tnotify(core, credits, -1, PTO_NOTIFY_ADD);
        WRONG pto_tnotify(core, credits, 0, PTO_NOTIFY_SET); /* FOUND */
        pto_tget(core, pto_slice(p.out, k * half, half), pto_slice(p.scratch, k * half, half), p.tile, PTO_NO_TILE);
    }
    cross(core, &p, LEAVE, turn);
}

/* Who clears its counter on entry must do so before anybody can count: a peer may have come to this call before. */
static void cleared_on_entry(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_addr count = my_cell(&p, p.ranks);
    pto_tnotify(core, count, 0, PTO_NOTIFY_SET); /* FOUND */
    RIGHT cross(core, &p, COME, turn);
    stage(core, &p, pto_peer(p.comm, p.scratch, p.next), turn);
    drain(core);
    pto_tnotify(core, pto_peer_addr(p.comm, count, p.next), 1, PTO_NOTIFY_ADD); /* FOUND */
    pto_twait(core, pto_cell(count), 1, PTO_EQ);
    take(core, &p, p.scratch, turn);
    cross(core, &p, LEAVE, turn);
}

/* One block begins the count of a call by Set, both blocks add: the other one only when the Set is there. */
static void blocks_count_before_the_start(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t block = pto_block_index(core), half = COUNT / 2;
    pto_addr count = my_cell(&p, 2), theirs = pto_peer_addr(p.comm, count, p.next);
    int32_t turn = turns_at(core, &p, LEAVE), start = (turn + 1) * 256;
    pto_core_barrier(core);
    pto_tget(core, pto_slice(p.out, block * half, half), pto_slice(p.in, block * half, half), p.tile, PTO_NO_TILE);
    drain(core);
    if (block == 0)
        pto_tnotify(core, theirs, start, PTO_NOTIFY_SET); /* FOUND */
    RIGHT pto_core_barrier(core);
    pto_tnotify(core, theirs, 1, PTO_NOTIFY_ADD); /* FOUND */
    if (block == 0) {
        pto_twait(core, pto_cell(count), start + 2, PTO_EQ);
        cross(core, &p, LEAVE, turn);
    }
}

/* A cell of two writers, one after the other: the second is told when the first has written. */
static void cell_handed_on(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE), phase = 2 * turn;
    pto_addr state = my_cell(&p, 3), token = my_cell(&p, 4);
    pto_tget(core, p.out, p.in, p.tile, PTO_NO_TILE);
    if (p.me == 1) {
        pto_tnotify(core, pto_peer_addr(p.comm, state, 0), phase + 1, PTO_NOTIFY_SET); /* FOUND */
        pto_tnotify(core, pto_peer_addr(p.comm, token, 2), turn + 1, PTO_NOTIFY_SET);
    }
    if (p.me == 2) {
        RIGHT pto_twait(core, pto_cell(token), turn, PTO_NE);
        pto_tnotify(core, pto_peer_addr(p.comm, state, 0), phase + 2, PTO_NOTIFY_SET); /* FOUND */
    }
    if (p.me == 0)
        pto_twait(core, pto_cell(state), phase + 2, PTO_EQ);
    cross(core, &p, LEAVE, turn);
}

/* Ranks 1 and 2 report in turns, a call each, in one cell: the later report may be written over by the earlier one. */
static void one_cell_in_turns(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint32_t reporter = 1 + (uint32_t)turn % 2;
    pto_addr report = my_cell(&p, 3);
    pto_tget(core, p.out, p.in, p.tile, PTO_NO_TILE);
    drain(core);
    if (p.me == reporter)
        pto_tnotify(core, pto_peer_addr(p.comm, report, 0), turn + 1, PTO_NOTIFY_SET); /* FOUND */
    if (p.me == 0)
        pto_twait(core, pto_cell(report), turn + 1, PTO_GE);
    announce(core, &p, LEAVE, turn);
    RIGHT await_all(core, &p, LEAVE, turn);
}

/* Who comes again looks at the peer's own copy before it waits for its own. No test reaches it. */
static void second_look_is_at_the_writer(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint32_t where = p.me;
    if (turn > 0)
        WRONG where = p.before;
    stage(core, &p, pto_peer(p.comm, p.scratch, p.next), turn);
    drain(core);
    announce(core, &p, COME, turn);
    if (!pto_ttest(core, pto_cell(turn_cell(&p, COME, p.before, where)), turn, PTO_NE)) /* FOUND */
        await_rank(core, &p, COME, turn, p.before);
    take(core, &p, p.scratch, turn);
    cross(core, &p, LEAVE, turn);
}

/* Two blocks Set one state, the first half's and then the whole: the other way round, the whole is never heard of. */
static void state_of_two_blocks(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t block = pto_block_index(core), half = COUNT / 2;
    pto_addr state = my_cell(&p, p.ranks), theirs = pto_peer_addr(p.comm, state, p.next);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_core_barrier(core);
    pto_tget(core, pto_slice(p.out, block * half, half), pto_slice(p.in, block * half, half), p.tile, PTO_NO_TILE);
    drain(core);
    if (block == 0)
        pto_tnotify(core, theirs, 2 * turn + 1, PTO_NOTIFY_SET); /* FOUND */
    RIGHT pto_core_barrier(core);
    if (block == 1)
        pto_tnotify(core, theirs, 2 * turn + 2, PTO_NOTIFY_SET); /* FOUND */
    if (block == 0) {
        pto_twait(core, pto_cell(state), 2 * turn + 2, PTO_EQ);
        cross(core, &p, LEAVE, turn);
    }
}

const hazard signal_misuse_hazards[] = {
    {HARMFUL(waits_at_the_writer), .expect = from_rank_before},
    {HARMFUL(tests_at_the_writer), .ranks = 3, .expect = from_rank_after},
    {HARMFUL(board_of_rank_0), .ranks = 4, .expect = from_rank_0},
    {HARMFUL(set_among_adds), .ranks = 3, WIDE},
    {HARMFUL(state_in_the_line_of_another), .ranks = 4, WIDE},
    {"done_said_by_two", done_said_by_two, .ranks = 3, .harm = HARM_HIDDEN, WIDE},
    {HARMFUL(credit_taken_down_by_set), .expect = from_rank_before, WIDE},
    {HARMFUL(cleared_on_entry), .ranks = 3, .expect = from_rank_before, WIDE},
    {HARMFUL(blocks_count_before_the_start), .blocks = 2, WIDE},
    {HARMFUL(cell_handed_on), .ranks = 3, WIDE},
    {HARMFUL(one_cell_in_turns), .ranks = 3, WIDE},
    {HARMFUL(second_look_is_at_the_writer), .expect = from_rank_before},
    {HARMFUL(state_of_two_blocks), .blocks = 2, WIDE},
    {NULL},
};
