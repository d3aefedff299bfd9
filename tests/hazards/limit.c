/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

/* ---- Types ------------------------------------------------------------------------------------------------------- */

/* f32 and f16 are not added: the second operand must be converted first. */
static void sum_of_two_types(pto_core *core)
{
    parts p = parts_of(core);
    pto_tile narrow = pto_tile_1d(core, PTO_F16, 1024, COUNT), other = p.tile2;
    pto_tload(core, p.tile, p.in);
    pto_tfill(core, narrow, 0);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tcvt(core, other, narrow, PTO_ROUND_NEAREST);
    pto_pipe_barrier(core, PTO_PIPE_V);
    WRONG other = narrow;
    pto_tadd(core, p.tile, p.tile, other); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* A store does not convert: f16 in UB is no f32 in memory. */
static void store_of_another_type(pto_core *core)
{
    parts p = parts_of(core);
    pto_tile narrow = pto_tile_1d(core, PTO_F16, 1024, COUNT), result = p.tile2;
    pto_tload(core, p.tile, p.in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tcvt(core, narrow, p.tile, PTO_ROUND_NEAREST);
    pto_pipe_barrier(core, PTO_PIPE_V);
    pto_tcvt(core, p.tile2, narrow, PTO_ROUND_NEAREST);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    WRONG result = narrow;
    pto_tstore(core, p.out, result); /* FOUND */
    drain(core);
}

/* Atomic add knows signed integers only. */
static void atomic_add_of_unsigned(pto_core *core)
{
    parts p = parts_of(core);
    pto_dtype dtype = PTO_I32;
    WRONG dtype = PTO_U32;
    pto_tile ones = pto_tile_1d(core, dtype, 1024, 16);
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    pto_tfill(core, ones, 1);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore_add(core, pto_global_1d(p.scratch.addr, dtype, 16), ones); /* FOUND */
    drain(core);
}

/* There are five ways of rounding. */
static void unknown_rounding(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t round = PTO_ROUND_TRUNC;
    WRONG round = 5;
    pto_tile whole = pto_tile_1d(core, PTO_I32, 1024, COUNT);
    pto_tload(core, p.tile, p.in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tcvt(core, whole, p.tile, round); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_V);
    pto_tcvt(core, p.tile, whole, PTO_ROUND_NEAREST);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* ---- Shapes ------------------------------------------------------------------------------------------------------ */

/* The last chunk is shorter, and so must be the valid part of its tile. */
static void chunk_shorter_than_its_tile(pto_core *core)
{
    parts p = parts_of(core);
    for (uint32_t first = 0; first < COUNT; first += 40) {
        uint32_t n = COUNT - first < 40 ? COUNT - first : 40;
        pto_tile tile = pto_tile_1d(core, PTO_F32, 0, 40);
        RIGHT tile = pto_tile_valid(tile, 1, n);
        pto_tload(core, tile, pto_slice(p.in, first, n)); /* FOUND */
        pto_pipe_barrier(core, PTO_PIPE_ALL);
        pto_tstore(core, pto_slice(p.out, first, n), tile);
        pto_pipe_barrier(core, PTO_PIPE_ALL);
    }
    drain(core);
}

/* The valid part does not reach beyond the tile. */
static void valid_beyond_the_tile(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t n = COUNT;
    WRONG n++;
    pto_tload(core, p.tile, p.in);
    pto_tfill(core, pto_tile_valid(p.tile2, 1, n), 0); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* Rank 0 has no rows: a tile with nothing valid does nothing, one without rows is none. */
static void tile_without_rows(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t rows = p.me * 4, have = 4;
    WRONG have = rows;
    pto_tile tile = pto_tile_valid(pto_tile_2d(core, PTO_F32, 1024, have, 8), rows, 8);
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    pto_tload(core, tile, pto_global_2d(p.in.addr, PTO_F32, rows, 8, 8)); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, pto_global_2d(p.scratch.addr, PTO_F32, rows, 8, 8), tile);
    drain(core);
}

/* The sums of eight rows are a column of eight, or a row of eight. */
static void row_sums_without_the_last(pto_core *core)
{
    parts p = parts_of(core);
    pto_tile rows = pto_tile_2d(core, PTO_F32, 0, 8, 8), sums = pto_tile_2d(core, PTO_F32, 1024, 8, 1);
    WRONG sums = pto_tile_1d(core, PTO_F32, 1024, 7);
    pto_tload(core, rows, pto_global_2d(p.in.addr, PTO_F32, 8, 8, 8));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_trowsum(core, sums, rows); /* FOUND */
    pto_tstore(core, pto_global_2d(p.out.addr, PTO_F32, 8, 8, 8), rows);
    drain(core);
}

/* TPUT moves one shape: the whole input does not go into a half. */
static void put_into_a_half(pto_core *core)
{
    parts p = parts_of(core);
    pto_global there = pto_peer(p.comm, p.scratch, p.next);
    WRONG there = pto_slice(there, 0, COUNT / 2);
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    pto_tput(core, there, p.in, p.tile, PTO_NO_TILE); /* FOUND */
    drain(core);
}

/* TSCATTER has a part for every rank of the group, this one included. */
static void no_part_for_myself(pto_core *core)
{
    parts p = parts_of(core);
    uint64_t n = 2 * COUNT / p.ranks, rows = p.ranks;
    WRONG rows = p.ranks - 1;
    pto_global from = pto_global_2d(p.in.addr, PTO_F32, rows, n / 2, n / 2);
    pto_group group = pto_group_of(p.comm, pto_slice(whole_scratch(core, &p), p.me * n, n / 2));
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    pto_tscatter(core, group, from, p.tile, p.tile2); /* FOUND */
    drain(core);
}

/* ---- Tiles together, groups, cells ------------------------------------------------------------------------------- */

/* A tile is not moved onto itself by eight elements: it is refused, for the order of the elements is not said. */
static void moved_onto_itself(pto_core *core)
{
    parts p = parts_of(core);
    pto_tile from = pto_tile_1d(core, PTO_F32, 0, COUNT - 8), to = pto_tile_1d(core, PTO_F32, 1024, COUNT - 8);
    WRONG to.offset = 8 * 4;
    pto_tload(core, p.tile, p.in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tmov(core, to, from); /* FOUND */
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* A conversion in place needs elements of one size: f32 to i32, but not to f16. */
static void converted_in_place(pto_core *core)
{
    parts p = parts_of(core);
    pto_tile whole = pto_tile_1d(core, PTO_I32, 0, COUNT);
    WRONG whole.dtype = PTO_F16;
    pto_tload(core, p.tile, p.in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tcvt(core, whole, p.tile, PTO_ROUND_NEAREST); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_V);
    pto_tcvt(core, p.tile, whole, PTO_ROUND_NEAREST);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* Two staging tiles are two: the second must not lie in the first. */
static void staging_tiles_that_overlap(pto_core *core)
{
    parts p = parts_of(core);
    WRONG p.tile2.offset = p.tile.offset + COUNT * 2;
    pto_tput(core, p.out, p.in, p.tile, p.tile2); /* FOUND */
    drain(core);
}

/* Staging tiles have one shape. */
static void staging_tiles_of_two_shapes(pto_core *core)
{
    parts p = parts_of(core);
    pto_tile ping = pto_tile_1d(core, PTO_F32, 1024, 16), pong = pto_tile_1d(core, PTO_F32, 2048, 16);
    WRONG pong = pto_tile_1d(core, PTO_F32, 2048, 8);
    pto_tget(core, p.out, p.in, ping, pong); /* FOUND */
    drain(core);
}

/* A group has no more ranks than its domain. */
static void group_larger_than_its_domain(pto_core *core)
{
    parts p = parts_of(core);
    pto_group group = pto_group_of(p.comm, pto_slice(whole_scratch(core, &p), p.me * 32, 32));
    WRONG group.ranks++;
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    pto_tbroadcast(core, group, pto_slice(p.in, 0, 32), p.tile, p.tile2); /* FOUND */
    drain(core);
}

/* Several cells lie apart: a stride of 0 names the first one several times. */
static void cells_without_a_stride(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t stride = PTO_LINE_CELLS;
    WRONG stride = 0;
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    drain(core);
    int32_t generation = pto_load_i32(core, my_cell(&p, p.me));
    for (uint32_t rank = 0; rank < p.ranks; rank++)
        pto_tnotify(core, cell_at(&p, p.me, rank), generation + 1, PTO_NOTIFY_SET);
    pto_twait(core, pto_cell_block(p.signals.addr, p.ranks, stride), generation, PTO_NE); /* FOUND */
}

const hazard limit_hazards[] = {
    {"sum_of_two_types", sum_of_two_types, .harm = HARM_SHOWN},
    {"store_of_another_type", store_of_another_type, .harm = HARM_SHOWN},
    {"atomic_add_of_unsigned", atomic_add_of_unsigned, .harm = HARM_SHOWN},
    {"unknown_rounding", unknown_rounding, .harm = HARM_SHOWN},
    {"chunk_shorter_than_its_tile", chunk_shorter_than_its_tile, .harm = HARM_SHOWN},
    {"valid_beyond_the_tile", valid_beyond_the_tile, .harm = HARM_SHOWN},
    {"tile_without_rows", tile_without_rows, .harm = HARM_SHOWN},
    {"row_sums_without_the_last", row_sums_without_the_last, .harm = HARM_SHOWN},
    {"put_into_a_half", put_into_a_half, .harm = HARM_SHOWN},
    {"no_part_for_myself", no_part_for_myself, .harm = HARM_SHOWN},
    {"moved_onto_itself", moved_onto_itself, .harm = HARM_SHOWN},
    {"converted_in_place", converted_in_place, .harm = HARM_SHOWN},
    {"staging_tiles_that_overlap", staging_tiles_that_overlap, .harm = HARM_SHOWN},
    {"staging_tiles_of_two_shapes", staging_tiles_of_two_shapes, .harm = HARM_SHOWN},
    {"group_larger_than_its_domain", group_larger_than_its_domain, .harm = HARM_SHOWN},
    {"cells_without_a_stride", cells_without_a_stride, .harm = HARM_SHOWN},
    {NULL},
};
