/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

/* ---- What a barrier waits for ------------------------------------------------------------------------------------ */

/* A counter for all arrivals. One rank is content with one less, and reads what has perhaps not been staged. */
static void one_waits_for_fewer(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE), goal = (turn + 1) * (int32_t)p.ranks;
    if (p.me == 1)
        WRONG goal -= 1;
    pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE);
    drain(core);
    for (uint32_t rank = 0; rank < p.ranks; rank++)
        pto_tnotify(core, cell_at(&p, p.ranks, rank), 1, PTO_NOTIFY_ADD);
    pto_twait(core, pto_cell(my_cell(&p, p.ranks)), goal, PTO_GE); /* FOUND */
    pto_tget(core, p.out, pto_peer(p.comm, p.scratch, p.before), p.tile, PTO_NO_TILE);
    cross(core, &p, LEAVE, turn);
}

/* Ranks do not tell themselves. One counts itself all the same, and waits for an arrival that never comes. */
static void one_counts_itself(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE), arrivals = (int32_t)p.ranks - 1;
    if (p.me == 2)
        WRONG arrivals += 1;
    pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE);
    drain(core);
    for (uint32_t step = 1; step < p.ranks; step++)
        pto_tnotify(core, cell_at(&p, p.ranks, (p.me + step) % p.ranks), 1, PTO_NOTIFY_ADD);
    pto_twait(core, pto_cell(my_cell(&p, p.ranks)), (turn + 1) * arrivals, PTO_GE); /* FOUND */
    pto_tget(core, p.out, pto_peer(p.comm, p.scratch, p.before), p.tile, PTO_NO_TILE);
    cross(core, &p, LEAVE, turn);
}

/* A cell for each rank. One rank looks at all but the last, whose data it reads. */
static void one_cell_short(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint32_t cells = p.ranks;
    if (p.me == 0)
        WRONG cells -= 1;
    pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE);
    drain(core);
    announce(core, &p, COME, turn);
    pto_twait(core, pto_cell_block(p.signals.addr, cells, PTO_LINE_CELLS), turn, PTO_NE); /* FOUND */
    pto_tget(core, p.out, pto_peer(p.comm, p.scratch, p.before), p.tile, PTO_NO_TILE);
    cross(core, &p, LEAVE, turn);
}

/* The last rank wants more than all arrivals where the others want as many. */
static void one_wants_more_than_all(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_cmp cmp = PTO_GE;
    if (p.me == p.ranks - 1)
        WRONG cmp = PTO_GT;
    pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE);
    drain(core);
    for (uint32_t rank = 0; rank < p.ranks; rank++)
        pto_tnotify(core, cell_at(&p, p.ranks, rank), 1, PTO_NOTIFY_ADD);
    pto_twait(core, pto_cell(my_cell(&p, p.ranks)), (turn + 1) * (int32_t)p.ranks, cmp); /* FOUND */
    pto_tget(core, p.out, pto_peer(p.comm, p.scratch, p.before), p.tile, PTO_NO_TILE);
    cross(core, &p, LEAVE, turn);
}

/* ---- Sizes: what one stores and another loads -------------------------------------------------------------------- */

/* The sender pushes half of what the receiver takes. */
static void half_is_sent(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint32_t n = COUNT;
    WRONG n = COUNT / 2;
    pto_global there = pto_peer(p.comm, p.scratch, p.next);
    pto_tput(core, pto_slice(there, 0, n), pto_slice(p.in, 0, n), p.tile, PTO_NO_TILE); /* FOUND */
    cross(core, &p, COME, turn);
    pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE); /* FOUND */
    cross(core, &p, LEAVE, turn);
}

/* In the second call one sender stops at half; the receiver takes the other half of the first call for new. */
static void half_is_sent_the_second_time(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint32_t n = COUNT;
    if (p.me == 1 && turn == 1)
        WRONG n = COUNT / 2;
    pto_tile tile = pto_tile_valid(p.tile, 1, n);
    pto_tload(core, tile, pto_slice(p.in, 0, n));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tadds(core, tile, tile, turn);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, pto_slice(pto_peer(p.comm, p.scratch, p.next), 0, n), tile); /* FOUND */
    cross(core, &p, COME, turn);
    take(core, &p, p.scratch, turn); /* FOUND */
    cross(core, &p, LEAVE, turn);
}

/* All-to-all: what rank `from` has for rank `to`, of a slot of 16. */
static uint32_t length(uint32_t from, uint32_t to)
{
    return 8 * ((from + to) % 3);
}

static oriel_expected slots(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                            uint64_t i)
{
    (void)job, (void)buffer;
    uint32_t from = (uint32_t)(i / 16);
    if (i % 16 >= length(from, rank))
        return (oriel_expected){{.f = 0}, 0};
    return (oriel_expected){oriel_input(inputs, from, "in", rank * 16 + i % 16), 0};
}

/* Whole slots are loaded, empty ones too: what nobody sends is zero, and meant to be. One rank sends too little. */
static void slots_half_full(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    for (uint32_t rank = 0; rank < p.ranks; rank++) {
        uint32_t n = length(p.me, rank);
        if (p.me == 1 && n == 16)
            WRONG n = 8;
        if (n == 0)
            continue;
        pto_global there = pto_slice(pto_peer(p.comm, p.scratch, rank), p.me * 16, n);
        pto_tput(core, there, pto_slice(p.in, rank * 16, n), p.tile, PTO_NO_TILE); /* FOUND */
    }
    cross(core, &p, COME, turn);
    pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE); /* FOUND */
    cross(core, &p, LEAVE, turn);
}

/* The first so many elements come from the rank before, the others are my own. */
static uint32_t sent_by(uint32_t rank)
{
    return 32 + 8 * rank;
}

static oriel_expected begins_with_rank_before(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank,
                                              const char *buffer, uint64_t i)
{
    (void)buffer;
    uint32_t before = (rank + job->ranks - 1) % job->ranks;
    return (oriel_expected){oriel_input(inputs, i < sent_by(before) ? before : rank, "in", i), 0};
}

/* A word in front of the data says how long it is; it says too much. */
static void header_says_too_much(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint32_t n = sent_by(p.me), said = n;
    WRONG said += 8;
    pto_addr header = p.scratch.addr + COUNT * 4, there = pto_peer_addr(p.comm, header, p.next);
    pto_global data = pto_peer(p.comm, pto_slice(p.scratch, 0, n), p.next);
    pto_tput(core, data, pto_slice(p.in, 0, n), p.tile, PTO_NO_TILE); /* FOUND */
    pto_store_u32(core, there, said);
    pto_dcci(core, there);
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    cross(core, &p, COME, turn);
    pto_dcci(core, header);
    n = pto_load_u32(core, header);
    pto_tget(core, pto_slice(p.out, 0, n), pto_slice(p.scratch, 0, n), p.tile, PTO_NO_TILE); /* FOUND */
    cross(core, &p, LEAVE, turn);
}

/* Rows of 8 are stored 16 apart, and loaded as if they were 8 apart: half of what is loaded was never stored. */
static void rows_of_another_pitch(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint64_t pitch = 16;
    pto_global there = pto_global_2d(pto_peer_addr(p.comm, p.scratch.addr, p.next), PTO_F32, 8, 8, pitch);
    pto_tile rows = pto_tile_2d(core, PTO_F32, 0, 8, 8);
    pto_tload(core, rows, pto_global_2d(p.in.addr, PTO_F32, 8, 8, 8));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, there, rows); /* FOUND */
    cross(core, &p, COME, turn);
    WRONG pitch = 8;
    pto_tload(core, rows, pto_global_2d(p.scratch.addr, PTO_F32, 8, 8, pitch)); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, pto_global_2d(p.out.addr, PTO_F32, 8, 8, 8), rows);
    cross(core, &p, LEAVE, turn);
}

/* A part of 16 from each rank, in order. */
static oriel_expected parts_in_order(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank,
                                     const char *buffer, uint64_t i)
{
    (void)job, (void)rank, (void)buffer;
    return (oriel_expected){oriel_input(inputs, (uint32_t)(i / 16), "in", i % 16), 0};
}

/* One rank stages half of the part that all gather. */
static void gathers_more_than_is_staged(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint32_t n = 16;
    if (p.me == 2)
        WRONG n = 8;
    pto_tput(core, pto_slice(p.scratch, 0, n), pto_slice(p.in, 0, n), p.tile, PTO_NO_TILE); /* FOUND */
    cross(core, &p, COME, turn);
    pto_global rows = pto_global_2d(p.out.addr, PTO_F32, p.ranks, 16, 16);
    pto_tgather(core, rows, pto_group_of(p.comm, pto_slice(p.scratch, 0, 16)), p.tile, PTO_NO_TILE); /* FOUND */
    cross(core, &p, LEAVE, turn);
}

/* ---- Types ------------------------------------------------------------------------------------------------------- */

/* Whoever moves bits only may call them what he likes; but these bits are no integers to be converted. */
static void bits_taken_for_integers(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_tile bits = pto_tile_1d(core, PTO_I32, p.tile.offset, COUNT);
    pto_tput(core, pto_peer(p.comm, p.scratch, p.next), p.in, p.tile, PTO_NO_TILE); /* FOUND */
    cross(core, &p, COME, turn);
    pto_tload(core, bits, pto_global_1d(p.scratch.addr, PTO_I32, COUNT)); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    WRONG pto_tcvt(core, p.tile, bits, PTO_ROUND_NEAREST);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile);
    cross(core, &p, LEAVE, turn);
}

/* Half as many bytes on the way, if both sides mean the same half-precision type. */
static void another_half_precision(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_dtype packed = PTO_F16;
    pto_global there = pto_global_1d(pto_peer_addr(p.comm, p.scratch.addr, p.next), packed, COUNT);
    pto_tile narrow = pto_tile_1d(core, packed, 1024, COUNT);
    pto_tload(core, p.tile, p.in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tcvt(core, narrow, p.tile, PTO_ROUND_NEAREST);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, there, narrow); /* FOUND */
    cross(core, &p, COME, turn);
    WRONG packed = PTO_BF16;
    narrow.dtype = packed;
    pto_tload(core, narrow, pto_global_1d(p.scratch.addr, packed, COUNT)); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tcvt(core, p.tile, narrow, PTO_ROUND_NEAREST);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile);
    cross(core, &p, LEAVE, turn);
}

/* One rank stores a factor in f32; the other loads the word as an integer. */
static void factor_of_another_type(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_addr word = p.scratch.addr, there = pto_peer_addr(p.comm, word, p.next);
    pto_store_f32(core, there, 1); /* FOUND */
    pto_dcci(core, there);
    cross(core, &p, COME, turn);
    pto_dcci(core, word);
    float factor = pto_load_f32(core, word);
    WRONG factor = (float)pto_load_i32(core, word); /* FOUND */
    times(core, &p, factor);
    cross(core, &p, LEAVE, turn);
}

static oriel_expected sum_up_to_mine(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank,
                                     const char *buffer, uint64_t i)
{
    (void)job, (void)buffer;
    double sum = 0;
    for (uint32_t from = 0; from <= rank; from++)
        sum += oriel_input(inputs, from, "in", i).f;
    return (oriel_expected){{.f = sum}, 0};
}

/* Each rank adds up the ranks up to its own: groups that differ, as they should. One of them adds in integers. */
static void one_adds_integers(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_dtype dtype = PTO_F32;
    if (p.me == 1)
        WRONG dtype = PTO_I32;
    pto_global mine = pto_global_1d(p.scratch.addr, dtype, COUNT), sum = pto_global_1d(p.out.addr, dtype, COUNT);
    pto_group group = {.comm = p.comm, .mine = mine, .each = NULL, .ranks = p.me + 1};
    pto_tile acc = pto_tile_1d(core, dtype, 1024, COUNT), ping = pto_tile_1d(core, dtype, 2048, COUNT);
    pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE);
    cross(core, &p, COME, turn);
    pto_treduce(core, sum, group, PTO_SUM, acc, ping, PTO_NO_TILE); /* FOUND */
    cross(core, &p, LEAVE, turn);
}

/* ---- Groups ------------------------------------------------------------------------------------------------------ */

/* Ranks 0 and 1 are one team, the others the second. */
static uint32_t team_of(uint32_t rank)
{
    return rank < 2 ? 0 : 2;
}

static oriel_expected sum_of_my_team(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank,
                                     const char *buffer, uint64_t i)
{
    (void)buffer;
    double sum = 0;
    for (uint32_t from = 0; from < job->ranks; from++)
        if (team_of(from) == team_of(rank))
            sum += oriel_input(inputs, from, "in", i).f;
    return (oriel_expected){{.f = sum}, 0};
}

/* Two teams of unequal size, at one place of the source. One rank of the larger takes it for as small as the other. */
static void team_of_another_size(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint32_t first = team_of(p.me), size = first ? p.ranks - 2 : 2;
    pto_global each[6];
    pto_tile acc = pto_tile_1d(core, PTO_F32, 1024, COUNT);
    if (p.me == 3)
        WRONG size = 2;
    for (uint32_t i = 0; i < size; i++)
        each[i] = pto_peer(p.comm, p.scratch, first + i);
    pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE);
    cross(core, &p, COME, turn);
    pto_group team = {.comm = p.comm, .each = each, .ranks = size};
    pto_treduce(core, p.out, team, PTO_SUM, acc, p.tile, p.tile2); /* FOUND */
    cross(core, &p, LEAVE, turn);
}

/* All but one rank add; that one takes the largest. */
static void one_takes_the_largest(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_tile acc = pto_tile_1d(core, PTO_F32, 1024, COUNT);
    pto_reduce how = PTO_SUM;
    if (p.me == 1)
        WRONG how = PTO_MAX;
    pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE);
    cross(core, &p, COME, turn);
    pto_treduce(core, p.out, pto_group_of(p.comm, p.scratch), how, acc, p.tile, p.tile2); /* FOUND */
    cross(core, &p, LEAVE, turn);
}

/* A tree: each rank waits for its children, as many as it has, and adds up their parts. One takes the largest. */
static void inner_rank_takes_the_largest(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_global mine = pto_slice(whole_scratch(core, &p), COUNT, COUNT), each[3] = {p.scratch};
    uint32_t parts_here = 1;
    pto_reduce how = PTO_SUM;
    if (p.me == 1)
        WRONG how = PTO_MAX;
    for (uint32_t child = 2 * p.me + 1; child <= 2 * p.me + 2 && child < p.ranks; child++)
        each[parts_here++] = pto_peer(p.comm, mine, child);
    pto_tput(core, p.scratch, p.in, p.tile, PTO_NO_TILE);
    drain(core);
    pto_twait(core, pto_cell(my_cell(&p, p.ranks)), (turn + 1) * (int32_t)(parts_here - 1), PTO_GE);
    pto_group group = {.comm = p.comm, .each = each, .ranks = parts_here};
    pto_treduce(core, mine, group, how, pto_tile_1d(core, PTO_F32, 1024, COUNT), p.tile, PTO_NO_TILE); /* FOUND */
    drain(core);
    if (p.me > 0)
        pto_tnotify(core, cell_at(&p, p.ranks, (p.me - 1) / 2), 1, PTO_NOTIFY_ADD);
    cross(core, &p, COME, turn);
    pto_tget(core, p.out, pto_peer(p.comm, mine, 0), p.tile, PTO_NO_TILE);
    cross(core, &p, LEAVE, turn);
}

const hazard rank_mismatch_hazards[] = {
    {HARMFUL(one_waits_for_fewer), .ranks = 3, .expect = from_rank_before, WIDE},
    {HARMFUL(one_counts_itself), .ranks = 3, .expect = from_rank_before, WIDE},
    {HARMFUL(one_cell_short), .ranks = 4, .expect = from_rank_before},
    {HARMFUL(one_wants_more_than_all), .expect = from_rank_before, WIDE},
    {HARMFUL(half_is_sent), .expect = from_rank_before},
    {HARMFUL(half_is_sent_the_second_time), .ranks = 3, .expect = from_rank_before},
    {HARMFUL(slots_half_full), .ranks = 4, .expect = slots},
    {HARMFUL(header_says_too_much), .ranks = 3, .expect = begins_with_rank_before},
    {HARMFUL(rows_of_another_pitch), .expect = from_rank_before},
    {HARMFUL(gathers_more_than_is_staged), .ranks = 4, .expect = parts_in_order},
    {HARMFUL(bits_taken_for_integers), .expect = from_rank_before},
    {HARMFUL(another_half_precision), .expect = from_rank_before},
    {HARMFUL(factor_of_another_type)},
    {HARMFUL(one_adds_integers), .ranks = 3, .expect = sum_up_to_mine},
    {HARMFUL(team_of_another_size), .ranks = 5, .expect = sum_of_my_team},
    {HARMFUL(one_takes_the_largest), .ranks = 3, .expect = sum_of_all},
    {HARMFUL(inner_rank_takes_the_largest), .ranks = 4, .expect = sum_of_all, WIDE},
    {NULL},
};
