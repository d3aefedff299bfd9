/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

/*
 * Tells all ranks, me included, that this one has come once more. Returns the count before, which no rank's cell
 * says when all have come.
 */
PTO_INLINE int32_t arrive(pto_core *core, const parts *p)
{
    int32_t before = pto_load_i32(core, my_cell(p, p->me));
    for (uint32_t rank = 0; rank < p->ranks; rank++)
        pto_tnotify(core, cell_at(p, p->me, rank), before + 1, PTO_NOTIFY_SET);
    return before;
}

/* ---- Tensors ----------------------------------------------------------------------------------------------------- */

/* COUNT elements from the second on: the last is not there. */
static void one_past_the_input(pto_core *core)
{
    parts p = parts_of(core);
    uint64_t first = 0;
    WRONG first = 1;
    pto_tload(core, p.tile, pto_slice(p.in, first, COUNT)); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* 64 elements among three blocks: 22 each are too many for the last. */
static void last_block_is_shorter(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t n = 22, first = pto_block_index(core) * n;
    RIGHT n = n < COUNT - first ? n : COUNT - first;
    pto_tile tile = pto_tile_1d(core, PTO_F32, 0, n);
    pto_tload(core, tile, pto_slice(p.in, first, n)); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, pto_slice(p.out, first, n), tile);
    drain(core);
}

/* Rows further apart than they are in memory: the last one leaves the output. */
static void pitch_too_large(pto_core *core)
{
    parts p = parts_of(core);
    pto_tile tile = pto_tile_2d(core, PTO_F32, 0, 4, 16);
    uint64_t pitch = 16;
    WRONG pitch = 17;
    pto_tload(core, tile, pto_global_2d(p.in.addr, PTO_F32, 4, 16, 16));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, pto_global_2d(p.out.addr, PTO_F32, 4, 16, pitch), tile); /* FOUND */
    drain(core);
}

/* Nothing may be loaded from right behind the end; one element may not. */
static void nothing_behind_the_end(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t rest = 0;
    WRONG rest = 1;
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    pto_tload(core, pto_tile_valid(p.tile2, 1, rest), pto_slice(p.in, COUNT, rest)); /* FOUND */
    drain(core);
}

/* One row four times, by a pitch of 0; a pitch of the whole input leaves it. */
static void row_repeated(pto_core *core)
{
    parts p = parts_of(core);
    pto_tile rows = pto_tile_2d(core, PTO_F32, 1024, 4, 16);
    uint64_t pitch = 0;
    WRONG pitch = COUNT;
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    pto_tload(core, rows, pto_global_2d(p.in.addr, PTO_F32, 4, 16, pitch)); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, pto_slice(p.out, 0, 16), pto_tile_valid(rows, 1, 16));
    drain(core);
}

/* A loop of the scalar unit that goes one too far. */
static void scalar_load_one_too_far(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t n = COUNT;
    WRONG n++;
    for (uint32_t i = 0; i < n; i++) {
        float x = pto_load_f32(core, p.in.addr + i * 4); /* FOUND */
        pto_store_f32(core, p.out.addr + i * 4, x);
    }
    pto_dcci_all(core);
    pto_dsb(core);
}

/* Each element from the one on its left: the first has none. */
static void scalar_store_before_the_first(pto_core *core)
{
    parts p = parts_of(core);
    uint64_t from = 1;
    WRONG from = 0;
    for (uint64_t i = from; i <= COUNT; i++)
        pto_store_f32(core, p.out.addr + (i - 1) * 4, pto_load_f32(core, p.in.addr + (i ? i - 1 : 0) * 4)); /* FOUND */
    pto_dcci_all(core);
    pto_dsb(core);
}

/* The output has room for a part of each rank, not for the whole of each. */
static void gathered_into_too_little(pto_core *core)
{
    parts p = parts_of(core);
    uint64_t n = COUNT / p.ranks;
    WRONG n = COUNT;
    pto_group group = pto_group_of(p.comm, pto_global_2d(p.scratch.addr, PTO_F32, 1, n, n));
    pto_tgather(core, pto_global_2d(p.out.addr, PTO_F32, p.ranks, n, n), group, p.tile, p.tile2); /* FOUND */
    drain(core);
}

/* ---- Windows ----------------------------------------------------------------------------------------------------- */

/* A place in a peer's window, counted in bytes where elements are meant: rank 0's is right all the same. */
static void put_behind_the_buffer(pto_core *core)
{
    parts p = parts_of(core);
    uint64_t first = p.me * 32;
    WRONG first *= sizeof(float);
    pto_global there = pto_peer(p.comm, pto_slice(whole_scratch(core, &p), first, 32), p.next);
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    pto_tput(core, there, pto_slice(p.in, 0, 32), p.tile, PTO_NO_TILE); /* FOUND */
    drain(core);
}

/* A place for each writer in each window; four that are twice as large do not fit. */
static void places_too_large(pto_core *core)
{
    parts p = parts_of(core);
    uint64_t n = 2 * COUNT / p.ranks, place = n;
    WRONG place *= 2;
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    pto_group there = pto_group_of(p.comm, pto_slice(whole_scratch(core, &p), p.me * place, n));
    pto_tbroadcast(core, there, pto_slice(p.in, 0, n), p.tile, p.tile2); /* FOUND */
    drain(core);
}

/* A group named tensor by tensor: part r of rank r, the last of which lies behind its buffer. */
static void one_of_a_group(pto_core *core)
{
    parts p = parts_of(core);
    pto_global all = whole_scratch(core, &p), each[3];
    uint64_t part = COUNT / 2;
    WRONG part = COUNT;
    for (uint32_t r = 0; r < 3; r++)
        each[r] = pto_peer(p.comm, pto_slice(all, r * part, COUNT / 2), r);
    pto_tile acc = pto_tile_1d(core, PTO_F32, 1024, COUNT / 2), ping = pto_tile_1d(core, PTO_F32, 2048, COUNT / 2);
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    pto_group group = {.comm = p.comm, .each = each, .ranks = 3};
    pto_treduce(core, pto_slice(all, 3 * COUNT / 2, COUNT / 2), group, PTO_MAX, acc, ping, PTO_NO_TILE); /* FOUND */
    drain(core);
}

/* The ring is not closed: there is no rank after the last. */
static void rank_after_the_last(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t next = p.next;
    WRONG next = p.me + 1;
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    drain(core);
    pto_tnotify(core, cell_at(&p, p.me, next), 1, PTO_NOTIFY_ADD); /* FOUND */
}

/* A line of cells for each rank, and one more is waited for. */
static void wait_for_one_cell_more(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t n = p.ranks;
    WRONG n++;
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    drain(core);
    int32_t before = arrive(core, &p);
    pto_twait(core, pto_cell_block(p.signals.addr, n, PTO_LINE_CELLS), before, PTO_NE); /* FOUND */
}

/* Lines are counted from 0: there is none of the number of ranks. */
static void test_of_a_line_not_there(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t line = p.ranks - 1;
    WRONG line++;
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    drain(core);
    int32_t before = arrive(core, &p);
    while (!pto_ttest(core, pto_cell(my_cell(&p, line)), before, PTO_NE)) /* FOUND */
        ;
    pto_twait(core, pto_cell_block(p.signals.addr, p.ranks, PTO_LINE_CELLS), before, PTO_NE);
}

/* ---- UB ---------------------------------------------------------------------------------------------------------- */

/* The last tile of a5's UB lies outside of a2a3's. */
static void ub_of_another_platform(pto_core *core)
{
    parts p = parts_of(core);
    p.tile.offset = pto_ub_bytes(core) - COUNT * 4;
    WRONG p.tile.offset = (256u << 10) - COUNT * 4;
    pto_tload(core, p.tile, p.in); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* The last tile of UB, placed as if its elements had 2 bytes. */
static void tile_over_the_end_of_ub(pto_core *core)
{
    parts p = parts_of(core);
    pto_tile top = pto_tile_1d(core, PTO_F32, pto_ub_bytes(core) - COUNT * 4, COUNT);
    WRONG top.offset += COUNT * 2;
    pto_tfill(core, top, 0); /* FOUND */
    pto_tload(core, p.tile, p.in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tadd(core, p.tile, p.tile, top);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* The second staging tile is a quarter of UB from the end, and larger than that. */
static void staging_tile_too_large(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t quarter = pto_ub_bytes(core) / 4, cols = quarter / 4;
    WRONG cols += 8;
    pto_tile ping = pto_tile_1d(core, PTO_F32, quarter, cols), pong = pto_tile_1d(core, PTO_F32, 3 * quarter, cols);
    pto_tget(core, p.out, p.in, ping, pong); /* FOUND */
    drain(core);
}

/* The upper half of L0C on a5: the smaller one of a2a3 ends before it. */
static void l0c_of_another_platform(pto_core *core)
{
    parts p = parts_of(core);
    matrices m = matrices_of(core, &p);
    WRONG m.acc.offset = 128 << 10;
    feed(core, &m);
    pto_tmatmul(core, m.acc, m.a, m.b); /* FOUND */
    hand_over(core, PTO_PIPE_M, PTO_PIPE_FIX, 0);
    pto_tstore(core, m.out, m.acc);
    drain(core);
}

const hazard out_of_bounds_hazards[] = {
    {"one_past_the_input", one_past_the_input, .harm = HARM_SHOWN},
    {"last_block_is_shorter", last_block_is_shorter, .blocks = 3, .harm = HARM_SHOWN},
    {"pitch_too_large", pitch_too_large, .harm = HARM_SHOWN},
    {"nothing_behind_the_end", nothing_behind_the_end, .harm = HARM_SHOWN},
    {"row_repeated", row_repeated, .harm = HARM_SHOWN},
    {"scalar_load_one_too_far", scalar_load_one_too_far, .harm = HARM_SHOWN},
    {"scalar_store_before_the_first", scalar_store_before_the_first, .harm = HARM_SHOWN},
    {"gathered_into_too_little", gathered_into_too_little, .expect = any_result, .harm = HARM_SHOWN},
    {"put_behind_the_buffer", put_behind_the_buffer, .harm = HARM_SHOWN},
    {"places_too_large", places_too_large, .ranks = 4, .harm = HARM_SHOWN},
    {"one_of_a_group", one_of_a_group, .ranks = 3, .harm = HARM_SHOWN},
    {"rank_after_the_last", rank_after_the_last, .ranks = 3, .harm = HARM_SHOWN},
    {"wait_for_one_cell_more", wait_for_one_cell_more, .harm = HARM_SHOWN},
    {"test_of_a_line_not_there", test_of_a_line_not_there, .harm = HARM_SHOWN},
    {"ub_of_another_platform", ub_of_another_platform, .wrong_on = ON_A2A3, .harm = HARM_SHOWN},
    {"tile_over_the_end_of_ub", tile_over_the_end_of_ub, .harm = HARM_SHOWN},
    {"staging_tile_too_large", staging_tile_too_large, .harm = HARM_SHOWN},
    {"l0c_of_another_platform", l0c_of_another_platform, .wrong_on = ON_A2A3, .expect = in_squared, .harm = HARM_SHOWN},
    {NULL},
};
