/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

/* Each rank waits before it tells its neighbour: all wait, and nobody speaks. */
static void all_wait_first(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_tput(core, pto_peer(p.comm, p.scratch, p.next), p.in, p.tile, PTO_NO_TILE);
    drain(core);
    WRONG await_rank(core, &p, COME, turn, p.before); /* FOUND */
    pto_tnotify(core, turn_cell(&p, COME, p.me, p.next), turn + 1, PTO_NOTIFY_SET);
    await_rank(core, &p, COME, turn, p.before);
    pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE);
    cross(core, &p, LEAVE, turn);
}

/* Every rank but one hears of it. */
static void one_is_not_told(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, COME);
    uint32_t last = p.ranks;
    if (p.me == 0)
        WRONG last = p.ranks - 1;
    pto_tput(core, half_of(core, &p, turn), p.in, p.tile, PTO_NO_TILE);
    drain(core);
    for (uint32_t rank = 0; rank < last; rank++)
        pto_tnotify(core, turn_cell(&p, COME, p.me, rank), turn + 1, PTO_NOTIFY_SET);
    await_all(core, &p, COME, turn); /* FOUND */
    pto_tget(core, p.out, pto_peer(p.comm, half_of(core, &p, turn), p.before), p.tile, PTO_NO_TILE);
    drain(core);
}

/* In a ring of three, the signal goes the wrong way round. */
static void told_the_wrong_neighbour(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint32_t whom = p.next;
    WRONG whom = p.before;
    pto_tput(core, pto_peer(p.comm, p.scratch, p.next), p.in, p.tile, PTO_NO_TILE);
    drain(core);
    pto_tnotify(core, turn_cell(&p, COME, p.me, whom), turn + 1, PTO_NOTIFY_SET);
    await_rank(core, &p, COME, turn, p.before); /* FOUND */
    pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE);
    cross(core, &p, LEAVE, turn);
}

/* A rank does not tell itself: there is one arrival less than there are ranks. */
static void one_arrival_too_many(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE), arrivals = (int32_t)p.ranks - 1;
    WRONG arrivals += 1;
    pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE);
    drain(core);
    for (uint32_t step = 1; step < p.ranks; step++)
        pto_tnotify(core, cell_at(&p, p.ranks, (p.me + step) % p.ranks), 1, PTO_NOTIFY_ADD);
    pto_twait(core, pto_cell(my_cell(&p, p.ranks)), (turn + 1) * arrivals, PTO_GE); /* FOUND */
    pto_tget(core, p.out, pto_peer(p.comm, p.scratch, p.before), p.tile, PTO_NO_TILE);
    cross(core, &p, LEAVE, turn);
}

/* A counter passes by the value that is waited for: two may have come by the time somebody looks for the first. */
static void equal_is_missed(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE), others = (int32_t)p.ranks - 1;
    pto_cmp first = PTO_GE;
    WRONG first = PTO_EQ;
    pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE);
    drain(core);
    for (uint32_t step = 1; step < p.ranks; step++)
        pto_tnotify(core, cell_at(&p, p.ranks, (p.me + step) % p.ranks), 1, PTO_NOTIFY_ADD);
    pto_twait(core, pto_cell(my_cell(&p, p.ranks)), turn * others + 1, first); /* FOUND */
    pto_twait(core, pto_cell(my_cell(&p, p.ranks)), (turn + 1) * others, PTO_GE);
    pto_tget(core, p.out, pto_peer(p.comm, p.scratch, p.before), p.tile, PTO_NO_TILE);
    cross(core, &p, LEAVE, turn);
}

/* The "taken" of the reader counts rounds. Who waits for it to be what it was in the first waits for ever in the second. */
static void free_as_in_the_first_round(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE), taken = turn;
    for (int32_t end = turn + 2; turn < end; turn++) {
        pto_twait(core, pto_cell(turn_cell(&p, 2, p.next, p.me)), taken, PTO_EQ); /* FOUND */
        RIGHT taken += 1;
        pto_tput(core, pto_peer(p.comm, p.scratch, p.next), p.in, p.tile, PTO_NO_TILE);
        cross(core, &p, COME, turn);
        pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE);
        drain(core);
        pto_tnotify(core, turn_cell(&p, 2, p.me, p.before), turn + 1, PTO_NOTIFY_SET);
        cross(core, &p, LEAVE, turn);
    }
}

/* A semaphore that is taken down by two for one that was raised: the second chunk's credit is gone with the first's. */
static void semaphore_taken_twice(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE), taken = 1;
    WRONG taken = 2;
    pto_addr mine = my_cell(&p, p.ranks);
    uint32_t half = COUNT / 2;
    for (uint32_t k = 0; k < 2; k++) {
        pto_global there = pto_peer(p.comm, pto_slice(p.scratch, k * half, half), p.next);
        pto_tput(core, there, pto_slice(p.in, k * half, half), p.tile, PTO_NO_TILE);
        drain(core);
        pto_tnotify(core, pto_peer_addr(p.comm, mine, p.next), 1, PTO_NOTIFY_ADD);
    }
    for (uint32_t k = 0; k < 2; k++) {
        pto_twait(core, pto_cell(mine), 1, PTO_GE); /* FOUND */
        pto_tnotify(core, mine, -taken, PTO_NOTIFY_ADD);
        pto_tget(core, pto_slice(p.out, k * half, half), pto_slice(p.scratch, k * half, half), p.tile, PTO_NO_TILE);
    }
    cross(core, &p, LEAVE, turn);
}

/* A token that goes round: somebody must have it to begin with. */
static void nobody_has_the_token(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint32_t first = 0;
    WRONG first = p.ranks;
    pto_tfill(core, p.tile, 0);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    if (p.me == 0)
        pto_tstore(core, p.scratch, p.tile);
    cross(core, &p, 2, turn);
    if (p.me != first)
        await_rank(core, &p, COME, turn, p.before); /* FOUND */
    pto_tput_add(core, pto_peer(p.comm, p.scratch, 0), p.in, p.tile, PTO_NO_TILE);
    drain(core);
    pto_tnotify(core, turn_cell(&p, COME, p.me, p.next), turn + 1, PTO_NOTIFY_SET);
    cross(core, &p, 3, turn);
    pto_tget(core, p.out, pto_peer(p.comm, p.scratch, 0), p.tile, PTO_NO_TILE);
    cross(core, &p, LEAVE, turn);
}

/* Two that hand over to each other, one after the other: if both receive first, neither sends. */
static void both_receive_first(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    bool sends_first = p.me == 0;
    WRONG sends_first = false;
    for (int step = 0; step < 2; step++)
        if (sends_first == (step == 0)) {
            pto_tput(core, pto_peer(p.comm, p.scratch, p.next), p.in, p.tile, PTO_NO_TILE);
            drain(core);
            pto_tnotify(core, turn_cell(&p, COME, p.me, p.next), turn + 1, PTO_NOTIFY_SET);
            await_rank(core, &p, 2, turn, p.next);
        } else {
            await_rank(core, &p, COME, turn, p.before); /* FOUND */
            pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE);
            drain(core);
            pto_tnotify(core, turn_cell(&p, 2, p.me, p.before), turn + 1, PTO_NOTIFY_SET);
        }
    cross(core, &p, LEAVE, turn);
}

/* A loop of tests for what nobody sends is a wait without end. */
static void tests_for_ever(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t whom = p.next;
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_tput(core, pto_peer(p.comm, p.scratch, p.next), p.in, p.tile, PTO_NO_TILE);
    drain(core);
    if (p.me == 1)
        WRONG whom = p.me;
    pto_tnotify(core, turn_cell(&p, COME, p.me, whom), turn + 1, PTO_NOTIFY_SET);
    while (!pto_ttest(core, pto_cell(turn_cell(&p, COME, p.before, p.me)), turn + 1, PTO_EQ)) /* FOUND */
        ;
    pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE);
    cross(core, &p, LEAVE, turn);
}

/* A rank that has nothing to do returns, without a word to those who wait for it. */
static void leaves_without_a_word(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, COME);
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    drain(core);
    if (p.me == 2)
        WRONG return;
    announce(core, &p, COME, turn);
    await_all(core, &p, COME, turn); /* FOUND */
}

/* Block 1 speaks after the barrier among cores; block 0 does not come to it before block 1 has spoken. */
static void waits_for_a_word_and_a_barrier(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t block = pto_block_index(core);
    pto_addr said = my_cell(&p, p.ranks), calls = my_cell(&p, p.ranks + 1);
    int32_t call = pto_load_i32(core, calls);
    if (block == 0)
        WRONG pto_twait(core, pto_cell(said), call, PTO_GT); /* FOUND */
    pto_core_barrier(core);                                  /* FOUND */
    if (block == 1) {
        pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE);
        drain(core);
        pto_tnotify(core, said, call + 1, PTO_NOTIFY_SET);
        return;
    }
    pto_tnotify(core, calls, call + 1, PTO_NOTIFY_SET);
    pto_twait(core, pto_cell(said), call, PTO_GT);
    pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE);
    drain(core);
}

/* The load waits for a flag of PIPE_V that is set behind an operation which waits for the load. */
static void tile_waits_for_itself(pto_core *core)
{
    parts p = parts_of(core);
    WRONG pto_wait_flag(core, PTO_PIPE_V, PTO_PIPE_MTE2, 0); /* FOUND */
    pto_tload(core, p.tile, p.in);
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0); /* FOUND */
    pto_tadds(core, p.tile2, p.tile, 0);
    pto_set_flag(core, PTO_PIPE_V, PTO_PIPE_MTE2, 0);
    RIGHT pto_wait_flag(core, PTO_PIPE_V, PTO_PIPE_MTE2, 0);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile2);
    drain(core);
}

/* The next generation is announced as the old one: nobody can tell that the rank has come. */
static void announces_the_old_turn(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, COME), news = turn;
    if (p.me == 1 && turn == 1)
        WRONG news = turn - 1;
    pto_tput(core, half_of(core, &p, turn), p.in, p.tile, PTO_NO_TILE);
    drain(core);
    announce(core, &p, COME, news);
    await_all(core, &p, COME, turn); /* FOUND */
    pto_tget(core, p.out, pto_peer(p.comm, half_of(core, &p, turn), p.before), p.tile, PTO_NO_TILE);
    drain(core);
}

/* One of two cores returns early, and the barrier is for both. */
static void leaves_before_the_barrier(pto_core *core)
{
    parts p = parts_of(core);
    if (pto_block_index(core) == 1)
        WRONG return;
    pto_core_barrier(core); /* FOUND */
    if (pto_block_index(core) == 0)
        pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    drain(core);
}

const hazard deadlock_hazards[] = {
    {HARMFUL(all_wait_first), .ranks = 4, .missing = "nobody has ever signalled", .expect = from_rank_before},
    {HARMFUL(one_is_not_told), .ranks = 4, .expect = from_rank_before},
    {HARMFUL(told_the_wrong_neighbour), .ranks = 3, .expect = from_rank_before},
    {HARMFUL(one_arrival_too_many), .ranks = 3, .expect = from_rank_before, WIDE},
    {HARMFUL(equal_is_missed), .ranks = 3, .expect = from_rank_before, WIDE},
    {HARMFUL(free_as_in_the_first_round), .expect = from_rank_before},
    {HARMFUL(semaphore_taken_twice), .expect = from_rank_before, WIDE},
    {HARMFUL(nobody_has_the_token), .ranks = 4, .expect = sum_of_all},
    {HARMFUL(both_receive_first), .expect = from_rank_before},
    {HARMFUL(tests_for_ever), .expect = from_rank_before},
    {HARMFUL(leaves_without_a_word), .ranks = 3},
    {HARMFUL(waits_for_a_word_and_a_barrier), .blocks = 2, WIDE},
    {HARMFUL(leaves_before_the_barrier), .blocks = 2, .missing = "core 1 has not come to it"},
    {HARMFUL(tile_waits_for_itself)},
    {HARMFUL(announces_the_old_turn), .expect = from_rank_before},
    {NULL},
};
