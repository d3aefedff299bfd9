/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

/* ---- Tiles ------------------------------------------------------------------------------------------------------- */

/* The second tile begins where the elements of the first end, not at the next multiple of 32 B. */
static void tile_right_behind_another(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t end = 36 * 4;
    RIGHT end = (end + core->ub_align - 1) / core->ub_align * core->ub_align;
    pto_tile a = pto_tile_1d(core, PTO_F32, 0, 36), b = pto_tile_1d(core, PTO_F32, end, COUNT - 36);
    pto_tload(core, a, pto_slice(p.in, 0, 36));
    pto_tload(core, b, pto_slice(p.in, 36, COUNT - 36)); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, pto_slice(p.out, 0, 36), a);
    pto_tstore(core, pto_slice(p.out, 36, COUNT - 36), b);
    drain(core);
}

/* Rows of six f32 are 24 B: they lie 32 B apart, also where that leaves a gap. */
static void rows_without_padding(pto_core *core)
{
    parts p = parts_of(core);
    pto_tile tile = {.dtype = PTO_F32, .offset = 1024, .rows = 8, .cols = 8, .valid_rows = 8, .valid_cols = 6};
    WRONG tile.cols = 6;
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    pto_tload(core, tile, pto_global_2d(p.in.addr, PTO_F32, 8, 6, 8)); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, pto_global_2d(p.out.addr, PTO_F32, 8, 6, 8), tile);
    drain(core);
}

/* Elements of 2 B do not make 16 B enough. */
static void tile_of_small_elements(pto_core *core)
{
    parts p = parts_of(core);
    pto_tile narrow = pto_tile_1d(core, PTO_F16, 1024, COUNT);
    WRONG narrow.offset += 16;
    pto_tload(core, p.tile, p.in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tcvt(core, narrow, p.tile, PTO_ROUND_NEAREST); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_V);
    pto_tcvt(core, p.tile2, narrow, PTO_ROUND_NEAREST);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile2);
    drain(core);
}

/* A row is not shifted by one element by way of its tile's offset. */
static void shifted_by_an_element(pto_core *core)
{
    parts p = parts_of(core);
    pto_tile row = pto_tile_1d(core, PTO_F32, 0, COUNT / 2);
    WRONG row.offset += 4;
    pto_tload(core, p.tile, p.in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tadds(core, pto_tile_valid(p.tile2, 1, COUNT / 2), row, 1); /* FOUND */
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* UB is cut into parts of 48 B, one for each block: block 0's is aligned, block 1's is not. */
static void part_of_a_block(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t block = pto_block_index(core), bytes = 64;
    WRONG bytes = 48;
    pto_tile tile = pto_tile_1d(core, PTO_F32, block * bytes, COUNT / 2);
    pto_tload(core, tile, pto_slice(p.in, block * COUNT / 2, COUNT / 2)); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, pto_slice(p.out, block * COUNT / 2, COUNT / 2), tile);
    drain(core);
}

/* The second staging tile lies a third of UB behind the first: a multiple of 32 on a2a3, an odd number on a5. */
static void staging_tile_at_a_third(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t third = pto_ub_bytes(core) / 3;
    RIGHT third -= third % core->ub_align;
    pto_tput(core, p.out, p.in, p.tile, pto_tile_1d(core, PTO_F32, third, COUNT)); /* FOUND */
    drain(core);
}

/* TREDUCE receives in a tile that begins behind a word of the kernel's own. */
static void receiving_tile_behind_a_word(pto_core *core)
{
    parts p = parts_of(core);
    pto_global sum = pto_slice(whole_scratch(core, &p), COUNT, COUNT);
    pto_tile acc = pto_tile_1d(core, PTO_F32, 1024, COUNT), ping = pto_tile_1d(core, PTO_F32, 2048 + 32, COUNT);
    WRONG ping.offset = 2048 + 4;
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    pto_treduce(core, sum, pto_group_of(p.comm, p.scratch), PTO_SUM, acc, ping, PTO_NO_TILE); /* FOUND */
    drain(core);
}

/* ---- Tensors, cells, scalars ------------------------------------------------------------------------------------- */

/* An offset in a tensor of f32, counted in elements of 2 B. */
static void tensor_between_elements(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t size = 4;
    WRONG size = 2;
    pto_tile tail = pto_tile_1d(core, PTO_F32, 1024, COUNT - 1);
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    pto_tload(core, tail, pto_global_1d(p.in.addr + size, PTO_F32, COUNT - 1)); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, pto_slice(p.out, 1, COUNT - 1), tail);
    drain(core);
}

/* A message in a peer's window: the payload behind a header of 6 B. */
static void payload_behind_a_header(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t header = 8;
    WRONG header = 6;
    pto_global there = pto_global_1d(pto_peer_addr(p.comm, p.scratch.addr, p.next) + header, PTO_F32, 16);
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    pto_tput(core, there, pto_slice(p.in, 0, 16), p.tile2, PTO_NO_TILE); /* FOUND */
    drain(core);
}

/* The second cell of a line is 4 B behind the first. */
static void cell_between_cells(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t cell = 4;
    WRONG cell = 2;
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    drain(core);
    pto_tnotify(core, cell_at(&p, p.me, p.next) + cell, 1, PTO_NOTIFY_ADD); /* FOUND */
}

/* Those who notify use the second cell of their line; the one who waits counts it in bytes. */
static void wait_between_cells(pto_core *core)
{
    parts p = parts_of(core);
    uint64_t second = 4;
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    drain(core);
    int32_t generation = pto_load_i32(core, my_cell(&p, p.me) + 4);
    for (uint32_t rank = 0; rank < p.ranks; rank++)
        pto_tnotify(core, cell_at(&p, p.me, rank) + 4, generation + 1, PTO_NOTIFY_SET);
    WRONG second = 1;
    pto_twait(core, pto_cell_block(p.signals.addr + second, p.ranks, PTO_LINE_CELLS), generation, PTO_NE); /* FOUND */
}

/* A count of 8 B does not begin right behind a tag of 4 B. */
static void scalar_store_of_8_bytes(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t tag = 8;
    WRONG tag = 4;
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    pto_store_i32(core, p.scratch.addr, 1);
    pto_store_i64(core, p.scratch.addr + tag, 1); /* FOUND */
    pto_dcci(core, p.scratch.addr);
    drain(core);
}

/* Elements of 4 B, read 2 B apart. */
static void scalar_load_between_elements(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t size = 4;
    WRONG size = 2;
    for (uint32_t i = 0; i < COUNT; i++) {
        float x = pto_load_f32(core, p.in.addr + i * size); /* FOUND */
        pto_store_f32(core, p.out.addr + i * 4, x);
    }
    pto_dcci_all(core);
    pto_dsb(core);
}

const hazard misaligned_hazards[] = {
    {"tile_right_behind_another", tile_right_behind_another, .harm = HARM_SHOWN},
    {"rows_without_padding", rows_without_padding, .harm = HARM_SHOWN},
    {"tile_of_small_elements", tile_of_small_elements, .harm = HARM_SHOWN},
    {"shifted_by_an_element", shifted_by_an_element, .harm = HARM_SHOWN},
    {"part_of_a_block", part_of_a_block, .blocks = 2, .harm = HARM_SHOWN},
    {"staging_tile_at_a_third", staging_tile_at_a_third, .wrong_on = ON_A5, .harm = HARM_SHOWN},
    {"receiving_tile_behind_a_word", receiving_tile_behind_a_word, .harm = HARM_SHOWN},
    {"tensor_between_elements", tensor_between_elements, .harm = HARM_SHOWN},
    {"payload_behind_a_header", payload_behind_a_header, .harm = HARM_SHOWN},
    {"cell_between_cells", cell_between_cells, .harm = HARM_SHOWN},
    {"wait_between_cells", wait_between_cells, .harm = HARM_SHOWN},
    {"scalar_store_of_8_bytes", scalar_store_of_8_bytes, .harm = HARM_SHOWN},
    {"scalar_load_between_elements", scalar_load_between_elements, .harm = HARM_SHOWN},
    {NULL},
};
