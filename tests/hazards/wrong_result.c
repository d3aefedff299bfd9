/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

/*
 * Everything is ordered, and what comes out is wrong: in each run, in some calls, or in some schedules. The marked line
 * is the one that stores the wrong elements of out.
 */

/* ---- In each run ------------------------------------------------------------------------------------------------- */

/* All have staged, and it is the other neighbour's data that is taken. */
static void wrong_neighbour(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint32_t from = p.before;
    WRONG from = p.next;
    pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE);
    cross(core, &p, COME, turn);
    pto_tget(core, p.out, pto_peer(p.comm, p.scratch, from), p.tile, PTO_NO_TILE); /* FOUND */
    cross(core, &p, LEAVE, turn);
}

/* All ranks agree on an operation, but it is not the one that was asked for. */
static void all_take_the_largest(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_tile acc = pto_tile_1d(core, PTO_F32, 1024, COUNT);
    pto_reduce how = PTO_SUM;
    WRONG how = PTO_MAX;
    pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE);
    cross(core, &p, COME, turn);
    pto_treduce(core, p.out, pto_group_of(p.comm, p.scratch), how, acc, p.tile, p.tile2); /* FOUND */
    cross(core, &p, LEAVE, turn);
}

static oriel_expected mean_of_all(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                                  uint64_t i)
{
    oriel_expected sum = sum_of_all(job, inputs, rank, buffer, i);
    return (oriel_expected){{.f = sum.value.f / job->ranks}, 0};
}

/* A mean: 1 / ranks is 0 in integers. */
static void mean_in_integers(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    float share = 1.0f / (float)p.ranks;
    WRONG share = (float)(1 / p.ranks);
    pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE);
    cross(core, &p, COME, turn);
    pto_tload(core, p.tile, p.scratch);
    pto_tload(core, p.tile2, pto_peer(p.comm, p.scratch, p.next));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tadd(core, p.tile, p.tile, p.tile2);
    pto_pipe_barrier(core, PTO_PIPE_V);
    pto_tmuls(core, p.tile, p.tile, share);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile); /* FOUND */
    cross(core, &p, LEAVE, turn);
}

/* Both ends agree on a narrow type, but it is too narrow for what rank 1 has: a conversion to it saturates. */
static void too_narrow_a_type(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_dtype packed = PTO_I16;
    WRONG packed = PTO_I8;
    pto_global mine = pto_global_1d(p.scratch.addr, packed, COUNT);
    pto_tile narrow = pto_tile_1d(core, packed, 1024, COUNT);
    pto_tload(core, p.tile, p.in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tcvt(core, narrow, p.tile, PTO_ROUND_NEAREST);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, pto_peer(p.comm, mine, p.next), narrow);
    cross(core, &p, COME, turn);
    pto_tload(core, narrow, mine);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tcvt(core, p.tile, narrow, PTO_ROUND_NEAREST);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile); /* FOUND */
    cross(core, &p, LEAVE, turn);
}

static oriel_expected transposed(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                                 uint64_t i)
{
    (void)job, (void)buffer;
    return (oriel_expected){oriel_input(inputs, rank, "in", i % 8 * 8 + i / 8), 0};
}

/* Eight rows of eight are transposed by their strides. */
static void strides_not_swapped(pto_core *core)
{
    parts p = parts_of(core);
    pto_tile rows = pto_tile_2d(core, PTO_F32, 0, 8, 8);
    pto_global square = pto_global_2d(p.in.addr, PTO_F32, 8, 8, 8);
    RIGHT square.stride[3] = 1, square.stride[4] = 8;
    pto_tload(core, rows, square);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, pto_global_2d(p.out.addr, PTO_F32, 8, 8, 8), rows); /* FOUND */
    drain(core);
}

/* Two blocks, a half each; the source of the second is that of the first. */
static void both_blocks_take_the_first_half(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t half = COUNT / 2, first = pto_block_index(core) * half, from = first;
    WRONG from = 0;
    pto_tput(core, pto_slice(p.out, first, half), pto_slice(p.in, from, half), p.tile, PTO_NO_TILE); /* FOUND */
    drain(core);
}

/* Two tiles take turns, and what has been stored last is the one that was loaded before. */
static void the_tile_before(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t part = 16, late = 0;
    WRONG late = 1;
    for (uint32_t k = 0; k < COUNT / part; k++) {
        uint32_t stored = k ? k - late : 0;
        pto_tile loaded = pto_tile_valid(k % 2 ? p.tile2 : p.tile, 1, part);
        pto_tile tile = pto_tile_valid(stored % 2 ? p.tile2 : p.tile, 1, part);
        pto_tload(core, loaded, pto_slice(p.in, k * part, part));
        pto_pipe_barrier(core, PTO_PIPE_ALL);
        pto_tstore(core, pto_slice(p.out, k * part, part), tile); /* FOUND */
        pto_pipe_barrier(core, PTO_PIPE_ALL);
    }
    pto_dsb(core);
}

/* ---- In a later call --------------------------------------------------------------------------------------------- */

/* A sum in my own window, which the next call goes on with. */
static void sum_is_carried_over(pto_core *core)
{
    parts p = parts_of(core);
    pto_tfill(core, p.tile2, 0);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    RIGHT pto_tstore(core, p.scratch, p.tile2);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tput_add(core, p.scratch, p.in, p.tile, PTO_NO_TILE);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE); /* FOUND */
    drain(core);
}

/* What was added is not what is taken off again, in the third call. */
static void right_twice(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, COME), added = turn;
    pto_global mine = half_of(core, &p, turn);
    stage(core, &p, mine, turn);
    cross(core, &p, COME, turn);
    WRONG added = turn & 1;
    take(core, &p, pto_peer(p.comm, mine, p.before), added); /* FOUND */
    drain(core);
}

/*
 * Everybody has come and nobody leaves too early, but the half that is taken is the one of the call before. Its data is the same
 * as long as each call is given the same.
 */
static void half_of_the_call_before(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, COME), taken = turn;
    pto_tput(core, half_of(core, &p, turn), p.in, p.tile, PTO_NO_TILE);
    cross(core, &p, COME, turn);
    WRONG taken = turn ? turn - 1 : 0;
    pto_tget(core, p.out, pto_peer(p.comm, half_of(core, &p, taken), p.before), p.tile, PTO_NO_TILE); /* FOUND */
    cross(core, &p, LEAVE, turn);
}

/* ---- In some schedules: answers of TTEST ------------------------------------------------------------------------- */

/* Whoever has not come yet is waited for, with all others, and then the wrong one is taken from. */
static void slow_way_takes_the_wrong_one(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint32_t from = p.before;
    pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE);
    drain(core);
    announce(core, &p, COME, turn);
    if (!pto_ttest(core, pto_cell(turn_cell(&p, COME, p.before, p.me)), turn, PTO_NE)) {
        await_all(core, &p, COME, turn);
        WRONG from = p.next;
    }
    pto_tget(core, p.out, pto_peer(p.comm, p.scratch, from), p.tile, PTO_NO_TILE); /* FOUND */
    cross(core, &p, LEAVE, turn);
}

/* Halves of ranks 1 and 2, on rank 0; the others keep their own. */
static oriel_expected halves_on_rank_0(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank,
                                       const char *buffer, uint64_t i)
{
    (void)job, (void)buffer;
    uint32_t half = COUNT / 2;
    if (rank != 0)
        return (oriel_expected){oriel_input(inputs, rank, "in", i), 0};
    return (oriel_expected){oriel_input(inputs, 1 + (uint32_t)(i / half), "in", i % half), 0};
}

/* Whoever comes first is served first; but its place is its rank's, not the next that is free. */
static void placed_as_they_come(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint32_t half = COUNT / 2, came = 0;
    bool served[3] = {false, false, false};
    pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE);
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    drain(core);
    announce(core, &p, COME, turn);
    while (p.me == 0 && came < 2)
        for (uint32_t rank = 1; rank < 3; rank++) {
            uint32_t place = rank - 1;
            if (served[rank] || !pto_ttest(core, pto_cell(turn_cell(&p, COME, rank, 0)), turn, PTO_NE))
                continue;
            WRONG place = came;
            pto_global part = pto_slice(pto_peer(p.comm, p.scratch, rank), 0, half);
            pto_tget(core, pto_slice(p.out, place * half, half), part, p.tile, PTO_NO_TILE); /* FOUND */
            served[rank] = true;
            came++;
        }
    cross(core, &p, LEAVE, turn);
}

/* How often a rank had to look is nobody's business. */
static void counts_its_looks(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, COME), looks = 1;
    announce(core, &p, COME, turn);
    while (!pto_ttest(core, pto_cell(turn_cell(&p, COME, p.before, p.me)), turn, PTO_NE))
        looks++;
    RIGHT looks = 1;
    times(core, &p, looks); /* FOUND */
    drain(core);
}

/* A sum of those that have come: it is the sum of all when all are waited for. */
static void straggler_left_out(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE);
    drain(core);
    announce(core, &p, COME, turn);
    RIGHT await_all(core, &p, COME, turn);
    pto_tload(core, p.tile, p.scratch);
    for (uint32_t step = 1; step < p.ranks; step++) {
        uint32_t rank = (p.me + step) % p.ranks;
        if (!pto_ttest(core, pto_cell(turn_cell(&p, COME, rank, p.me)), turn, PTO_NE))
            continue;
        pto_tload(core, p.tile2, pto_peer(p.comm, p.scratch, rank));
        pto_pipe_barrier(core, PTO_PIPE_ALL);
        pto_tadd(core, p.tile, p.tile, p.tile2);
        pto_pipe_barrier(core, PTO_PIPE_ALL);
    }
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile); /* FOUND */
    cross(core, &p, LEAVE, turn);
}

/* A few looks, after which the data is taken for absent, and made up from one's own. */
static void gives_up_looking(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_cells cell = pto_cell(turn_cell(&p, COME, p.before, p.me));
    bool came = false;
    pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE);
    drain(core);
    announce(core, &p, COME, turn);
    for (int look = 0; look < 3 && !came; look++)
        came = pto_ttest(core, cell, turn, PTO_NE);
    RIGHT await_rank(core, &p, COME, turn, p.before);
    came = came || pto_ttest(core, cell, turn, PTO_NE);
    pto_tget(core, p.out, pto_peer(p.comm, p.scratch, came ? p.before : p.me), p.tile, PTO_NO_TILE); /* FOUND */
    cross(core, &p, LEAVE, turn);
}

/* ---- In some schedules: the order of atomic additions ------------------------------------------------------------ */

static oriel_expected from_rank_2(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                                  uint64_t i)
{
    (void)job, (void)rank, (void)buffer;
    return (oriel_expected){oriel_input(inputs, 2, "in", i), 0};
}

/*
 * What ranks 0 and 1 add cancels out, but only if nothing small comes between: additions come in any order, and large +
 * small rounds the small away. (In the order of the ranks the result is right.)
 */
static void large_numbers_cancel(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    float large = 0;
    WRONG large = 1e9f;
    pto_tfill(core, p.tile2, 0);
    if (p.me == 2)
        pto_tload(core, p.tile, p.in);
    else
        pto_tfill(core, p.tile, p.me ? -large : large);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    if (p.me == 0)
        pto_tstore(core, p.scratch, p.tile2);
    cross(core, &p, COME, turn);
    pto_tstore_add(core, pto_peer(p.comm, p.scratch, 0), p.tile);
    cross(core, &p, 2, turn);
    pto_tget(core, p.out, pto_peer(p.comm, p.scratch, 0), p.tile, PTO_NO_TILE); /* FOUND */
    cross(core, &p, LEAVE, turn);
}

/* The same on one core, which adds twice without a barrier between: its two additions come in either order, too. */
static void two_additions_of_one_core(pto_core *core)
{
    parts p = parts_of(core);
    pto_tile large = pto_tile_1d(core, PTO_F32, 1024, COUNT), negative = pto_tile_1d(core, PTO_F32, 2048, COUNT);
    pto_tload(core, p.tile, p.in);
    pto_tfill(core, large, 1e9f);
    pto_tfill(core, negative, -1e9f);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.scratch, large);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore_add(core, p.scratch, negative);
    RIGHT pto_pipe_barrier(core, PTO_PIPE_MTE3);
    pto_tstore_add(core, p.scratch, p.tile);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE); /* FOUND */
    drain(core);
}

/* ---- On one platform --------------------------------------------------------------------------------------------- */

static oriel_expected in_and_one(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                                 uint64_t i)
{
    (void)job, (void)buffer;
    return (oriel_expected){{.f = oriel_input(inputs, rank, "in", i).f + 1}, 0};
}

/* Pieces of 32 elements on a5, of 24 on a2a3: moved back to be whole, the last one adds to some elements twice. */
static void last_piece_moved_back(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t piece = pto_ub_bytes(core) / 8192;
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    for (uint32_t first = 0; first < COUNT; first += piece) {
        uint32_t n = COUNT - first < piece ? COUNT - first : piece, from = first;
        WRONG from = COUNT - first < piece ? COUNT - piece : first, n = piece;
        pto_tile tile = pto_tile_valid(p.tile, 1, n);
        pto_tload(core, tile, pto_slice(p.out, from, n));
        pto_pipe_barrier(core, PTO_PIPE_ALL);
        pto_tadds(core, tile, tile, 1);
        pto_pipe_barrier(core, PTO_PIPE_ALL);
        pto_tstore(core, pto_slice(p.out, from, n), tile); /* FOUND */
        pto_pipe_barrier(core, PTO_PIPE_ALL);
    }
    pto_dsb(core);
}

const hazard wrong_result_hazards[] = {
    {HARMFUL(wrong_neighbour), .ranks = 3, .expect = from_rank_before},
    {HARMFUL(all_take_the_largest), .ranks = 3, .expect = sum_of_all},
    {HARMFUL(mean_in_integers), .expect = mean_of_all},
    {HARMFUL(too_narrow_a_type), .expect = from_rank_before},
    {HARMFUL(strides_not_swapped), .expect = transposed},
    {HARMFUL(both_blocks_take_the_first_half), .blocks = 2},
    {HARMFUL(the_tile_before)},
    {HARMFUL(sum_is_carried_over)},
    {HARMFUL(right_twice), .expect = from_rank_before},
    {HARMFUL(half_of_the_call_before), .expect = from_rank_before},
    {HARMFUL(slow_way_takes_the_wrong_one), .ranks = 3, .calls = 2, .expect = from_rank_before},
    {HARMFUL(placed_as_they_come), .ranks = 3, .expect = halves_on_rank_0},
    {HARMFUL(counts_its_looks)},
    {HARMFUL(straggler_left_out), .expect = sum_of_all},
    {HARMFUL(gives_up_looking), .expect = from_rank_before},
    {HARMFUL(large_numbers_cancel), .ranks = 3, .expect = from_rank_2},
    {HARMFUL(two_additions_of_one_core)},
    {HARMFUL(last_piece_moved_back), .wrong_on = ON_A2A3, .expect = in_and_one},
    {NULL},
};
