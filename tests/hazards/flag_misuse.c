/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

/* ---- Set twice --------------------------------------------------------------------------------------------------- */

/*
 * A chunk's flag may fire before PIPE_V has taken down the one of the chunk before it: one is lost, and the last
 * wait never ends.
 */
static void one_id_in_a_loop(pto_core *core)
{
    parts p = parts_of(core);
    for (uint32_t i = 0; i < 4; i++) {
        pto_tile tile = pto_tile_1d(core, PTO_F32, i * 64, 16);
        uint32_t id = i;
        WRONG id = 0;
        pto_tload(core, tile, pto_slice(p.in, i * 16, 16));
        pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, id); /* FOUND */
        pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, id);
        pto_tmuls(core, tile, tile, 1);
    }
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* A flag does not count: two sets, and then two waits, are one flag and a wait for nothing. */
static void two_sets_and_two_waits(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t second = 1;
    WRONG second = 0;
    pto_tload(core, p.tile, p.in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.scratch, p.tile);
    pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_S, 0); /* FOUND */
    pto_tstore(core, p.out, p.tile);
    pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_S, second); /* FOUND */
    pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_S, 0);
    pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_S, second);
    pto_dsb(core);
}

/*
 * The loop is paced by a flag back to PIPE_MTE2, and waits for it only from the second round on; but so late that
 * two are up.
 */
static void back_flag_waited_for_late(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t lag = 1;
    WRONG lag = 2;
    for (uint32_t i = 0; i < 4; i++) {
        pto_tile tile = pto_tile_1d(core, PTO_F32, i * 64, 16);
        if (i >= lag)
            pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, 5);
        pto_tload(core, tile, pto_slice(p.in, i * 16, 16));
        pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, i);
        pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, i);
        pto_tstore(core, pto_slice(p.out, i * 16, 16), tile);
        pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, 5); /* FOUND */
    }
    for (uint32_t i = 0; i < lag; i++)
        pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, 5);
    drain(core);
}

/*
 * With one tile the way back from PIPE_MTE3 paces all flags; with two, the flag to PIPE_V would need two ids as
 * well.
 */
static void two_tiles_and_one_id(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t tiles = 1;
    WRONG tiles = 2;
    for (uint32_t i = 0; i < 4; i++) {
        pto_tile tile = pto_tile_1d(core, PTO_F32, i % tiles * 64, 16);
        if (i >= tiles)
            pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, i % tiles);
        pto_tload(core, tile, pto_slice(p.in, i * 16, 16));
        pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0); /* FOUND */
        pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
        pto_tmuls(core, tile, tile, 1);
        pto_set_flag(core, PTO_PIPE_V, PTO_PIPE_MTE3, 0);
        pto_wait_flag(core, PTO_PIPE_V, PTO_PIPE_MTE3, 0);
        pto_tstore(core, pto_slice(p.out, i * 16, 16), tile);
        pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, i % tiles);
    }
    for (uint32_t k = 0; k < tiles; k++)
        pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, k);
    drain(core);
}

/*
 * TPUT uses ids 0 and 1 between PIPE_MTE2 and PIPE_MTE3, and the caller's flag 0 is up across it. Its store may
 * then take the caller's flag for its own and start before its load is complete, which is a pipe-race.
 */
static void flag_up_across_tput(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t id = 2;
    WRONG id = 0;
    pto_tload(core, p.tile, p.in);
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, id);                            /* FOUND */
    pto_tput(core, pto_peer(p.comm, p.scratch, p.next), p.in, p.tile2, PTO_NO_TILE); /* FOUND */
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, id);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/*
 * The same with id 1, of which a single chunk in a single tile has no need: it is the composite's all the same. The caller's wait
 * finds its flag taken, and never ends.
 */
static void second_flag_up_across_tput(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t id = 2;
    WRONG id = 1;
    pto_tload(core, p.tile, p.in);
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, id);                            /* FOUND */
    pto_tput(core, pto_peer(p.comm, p.scratch, p.next), p.in, p.tile2, PTO_NO_TILE); /* FOUND */
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, id);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* A flag the other way, back from the stores, up across a reduction of one chunk. */
static void back_flag_up_across_treduce(pto_core *core)
{
    parts p = parts_of(core);
    const pto_tile third = pto_tile_1d(core, PTO_F32, COUNT * 8, COUNT);
    uint32_t id = 2;
    WRONG id = 1;
    pto_tload(core, third, p.in);
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 3);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 3);
    pto_tstore(core, p.scratch, third);
    pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, id); /* FOUND */
    const pto_group alone = {.each = &p.in, .ranks = 1};
    pto_treduce(core, p.out, alone, PTO_SUM, p.tile, p.tile2, PTO_NO_TILE); /* FOUND */
    pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, id);
    pto_tload(core, third, p.scratch);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    drain(core);
}

/* ---- Waited for and never set ------------------------------------------------------------------------------------ */

/* The loads wait for a word from the scalar unit that never comes. */
static void never_released(pto_core *core)
{
    parts p = parts_of(core);
    pto_wait_flag(core, PTO_PIPE_S, PTO_PIPE_MTE2, 0); /* FOUND */
    pto_tload(core, p.tile, p.in);
    RIGHT pto_set_flag(core, PTO_PIPE_S, PTO_PIPE_MTE2, 0);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* A wait takes the flag down: there is nothing left for a second one. */
static void waited_for_twice(pto_core *core)
{
    parts p = parts_of(core);
    pto_tile upper = pto_tile_1d(core, PTO_F32, 0, 32), lower = pto_tile_1d(core, PTO_F32, 128, 32);
    pto_tload(core, p.tile, p.in);
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
    pto_tmuls(core, upper, upper, 1);
    WRONG pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0); /* FOUND */
    pto_tmuls(core, lower, lower, 1);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* The wait names another id than the set. */
static void wait_for_another_id(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t id = 0;
    pto_tload(core, p.tile, p.in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile);
    pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_S, id);
    WRONG id++;
    pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_S, id); /* FOUND */
    pto_dsb(core);
}

/*
 * Source and destination are exchanged in the wait: PIPE_MTE2 waits for a flag that PIPE_V never sets, and nothing
 * holds back PIPE_V, which is a pipe-race.
 */
static void wait_in_the_other_direction(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in);
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
    RIGHT pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
    WRONG pto_wait_flag(core, PTO_PIPE_V, PTO_PIPE_MTE2, 0); /* FOUND */
    pto_tmuls(core, p.tile2, p.tile, 1);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile2);
    drain(core);
}

/* Flags belong to a core: what block 0 has set, block 1 waits for in vain, core barrier or not. */
static void flag_of_another_core(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t block = pto_block_index(core), sets = block;
    WRONG sets = 0;
    pto_tile half = pto_tile_valid(p.tile, 1, COUNT / 2);
    pto_tload(core, half, pto_slice(p.in, block * COUNT / 2, COUNT / 2));
    if (block == sets)
        pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0);
    pto_core_barrier(core);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0); /* FOUND */
    pto_tstore(core, pto_slice(p.out, block * COUNT / 2, COUNT / 2), half);
    drain(core);
}

/* The last rank has nothing to send, and so does not set the flag for which all wait. */
static void rank_without_a_set(pto_core *core)
{
    parts p = parts_of(core);
    bool sends = true;
    WRONG sends = p.me + 1 < p.ranks;
    pto_tload(core, p.tile, p.in);
    if (sends)
        pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_S, 6);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_S, 6); /* FOUND */
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* ---- Left set ---------------------------------------------------------------------------------------------------- */

/*
 * Both tiles' flags are raised before the loop, so that each load may wait for one; afterwards only one is taken
 * down.
 */
static void one_of_two_left_set(pto_core *core)
{
    parts p = parts_of(core);
    pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, 0);
    pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, 1);
    for (uint32_t k = 0; k < 2; k++) {
        pto_tile tile = pto_tile_1d(core, PTO_F32, k * 128, 32);
        pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, k);
        pto_tload(core, tile, pto_slice(p.in, k * 32, 32));
        pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, k);
        pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, k);
        pto_tstore(core, pto_slice(p.out, k * 32, 32), tile);
        pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, k); /* FOUND */
    }
    pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, 0);
    RIGHT pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, 1);
    drain(core);
}

/*
 * The tile is released after the last round, too, when no load follows. (One call: what the next one makes of it
 * is another kind.)
 */
static void released_after_the_last(pto_core *core)
{
    parts p = parts_of(core);
    pto_tile chunk = pto_tile_valid(p.tile2, 1, COUNT / 4);
    for (uint32_t i = 0; i < 4; i++) {
        bool again = i < 3;
        WRONG again = true;
        if (i > 0)
            pto_wait_flag(core, PTO_PIPE_V, PTO_PIPE_MTE2, 0);
        pto_tload(core, chunk, pto_slice(p.in, i * COUNT / 4, COUNT / 4));
        pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
        pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
        pto_tmov(core, pto_tile_1d(core, PTO_F32, i * COUNT, COUNT / 4), chunk);
        if (again)
            pto_set_flag(core, PTO_PIPE_V, PTO_PIPE_MTE2, 0); /* FOUND */
    }
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* A barrier takes no flag down: the drain does not stand for the wait. */
static void drained_instead_of_waited_for(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile);
    pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_S, 0); /* FOUND */
    RIGHT pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_S, 0);
    drain(core);
}

/* ---- Two pipes, ids, pipes --------------------------------------------------------------------------------------- */

/* One id of PIPE_MTE2 is up toward PIPE_V when it is set toward PIPE_MTE3: silicon was seen to stop there. */
static void one_id_toward_two_pipes(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t second = 1;
    WRONG second = 0;
    pto_tload(core, p.tile, p.in);
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);         /* FOUND */
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, second); /* FOUND */
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
    pto_tmuls(core, p.tile2, p.tile, 1);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, second);
    pto_tstore(core, p.scratch, p.tile);
    pto_set_flag(core, PTO_PIPE_V, PTO_PIPE_MTE3, 0);
    pto_wait_flag(core, PTO_PIPE_V, PTO_PIPE_MTE3, 0);
    pto_tstore(core, p.out, p.tile2);
    drain(core);
}

/* The same, with the flags inside TGET for the second: it sets id 0 of PIPE_MTE2 toward PIPE_MTE3. */
static void id_up_across_tget(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t id = 2;
    WRONG id = 0;
    pto_tload(core, p.tile2, p.scratch);
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, id); /* FOUND */
    pto_tget(core, p.out, p.in, p.tile, PTO_NO_TILE);  /* FOUND */
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, id);
    pto_tadds(core, p.tile2, p.tile2, 1);
    drain(core);
}

/* Ids are counted from 0: there are eight, and no 8. */
static void id_that_is_not_there(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t id = 7;
    WRONG id = 8;
    pto_tload(core, p.tile, p.in);
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, id); /* FOUND */
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, id);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* A flag lies between two pipes: toward all of them there is none. */
static void flag_toward_all_pipes(pto_core *core)
{
    parts p = parts_of(core);
    pto_pipe to = PTO_PIPE_S;
    WRONG to = PTO_PIPE_ALL;
    pto_tload(core, p.tile, p.in);
    pto_set_flag(core, PTO_PIPE_MTE2, to, 0); /* FOUND */
    pto_wait_flag(core, PTO_PIPE_MTE2, to, 0);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* Inside one pipe it takes a barrier: there is no flag from a pipe to itself. */
static void flag_to_the_same_pipe(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tadds(core, p.tile2, p.tile, 1);
    RIGHT pto_pipe_barrier(core, PTO_PIPE_V);
    WRONG pto_set_flag(core, PTO_PIPE_V, PTO_PIPE_V, 0); /* FOUND */
    pto_tsubs(core, p.tile2, p.tile2, 1);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile2);
    drain(core);
}

const hazard flag_misuse_hazards[] = {
    {"one_id_in_a_loop", one_id_in_a_loop, .harm = HARM_SHOWN},
    {"two_sets_and_two_waits", two_sets_and_two_waits, .harm = HARM_SHOWN},
    {"back_flag_waited_for_late", back_flag_waited_for_late, .harm = HARM_SHOWN},
    {"two_tiles_and_one_id", two_tiles_and_one_id, .harm = HARM_SHOWN},
    {"flag_up_across_tput", flag_up_across_tput, .also = KIND(PIPE_RACE), .harm = HARM_SHOWN},
    {"second_flag_up_across_tput", second_flag_up_across_tput, .harm = HARM_SHOWN},
    {"back_flag_up_across_treduce", back_flag_up_across_treduce, .harm = HARM_SHOWN},
    {"never_released", never_released, .harm = HARM_SHOWN},
    {"waited_for_twice", waited_for_twice, .harm = HARM_SHOWN},
    {"wait_for_another_id", wait_for_another_id, .harm = HARM_SHOWN},
    {"wait_in_the_other_direction", wait_in_the_other_direction, .also = KIND(PIPE_RACE), .harm = HARM_SHOWN},
    {"flag_of_another_core", flag_of_another_core, .blocks = 2, .harm = HARM_SHOWN},
    {"rank_without_a_set", rank_without_a_set, .ranks = 4, .harm = HARM_SHOWN},
    {"one_of_two_left_set", one_of_two_left_set, .harm = HARM_HIDDEN},
    {"released_after_the_last", released_after_the_last, .calls = 1, .harm = HARM_HIDDEN},
    {"drained_instead_of_waited_for", drained_instead_of_waited_for, .harm = HARM_HIDDEN},
    {"one_id_toward_two_pipes", one_id_toward_two_pipes, .wrong_on = STRICT},
    {"id_up_across_tget", id_up_across_tget, .wrong_on = STRICT},
    {"id_that_is_not_there", id_that_is_not_there, .harm = HARM_SHOWN},
    {"flag_toward_all_pipes", flag_toward_all_pipes, .harm = HARM_SHOWN},
    {"flag_to_the_same_pipe", flag_to_the_same_pipe, .harm = HARM_SHOWN},
    {NULL},
};
