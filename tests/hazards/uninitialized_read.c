/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

/* ---- UB, which holds anything at the beginning ------------------------------------------------------------------- */

/* Half of the tile is loaded, all of it is stored. */
static void half_loaded(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t n = COUNT;
    WRONG n = COUNT / 2;
    pto_tload(core, pto_tile_valid(p.tile, 1, n), pto_slice(p.in, 0, n));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile); /* FOUND */
    drain(core);
}

/* A sum that does not begin at zero. */
static void sum_without_a_beginning(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in);
    RIGHT pto_tfill(core, p.tile2, 0);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tadd(core, p.tile2, p.tile2, p.tile);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile2); /* FOUND */
    drain(core);
}

/* What was not loaded may pass through PIPE_V, as long as it is not stored. */
static void tail_of_a_result(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t n = COUNT / 2;
    WRONG n = COUNT;
    pto_tput(core, p.out, p.in, p.tile2, PTO_NO_TILE);
    pto_tload(core, pto_tile_valid(p.tile, 1, COUNT / 2), pto_slice(p.in, 0, COUNT / 2));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tmuls(core, p.tile, p.tile, 1);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, pto_slice(p.out, 0, n), pto_tile_valid(p.tile, 1, n)); /* FOUND */
    drain(core);
}

/* The rows are six long and padded to eight: their sum must not take in the padding. (out does not depend on it.) */
static void padding_in_a_row_sum(pto_core *core)
{
    parts p = parts_of(core);
    pto_tile rows = pto_tile_2d(core, PTO_F32, 1024, 8, 6), sums = pto_tile_2d(core, PTO_F32, 2048, 8, 1);
    pto_tload(core, rows, pto_global_2d(p.in.addr, PTO_F32, 8, 6, 8));
    WRONG rows.valid_cols = 8;
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_trowsum(core, sums, rows);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, pto_global_2d(p.scratch.addr, PTO_F32, 8, 1, 1), sums); /* FOUND */
    pto_tput(core, p.out, p.in, p.tile, PTO_NO_TILE);
    drain(core);
}

/* The detour over f16 is taken by half of the elements; all come back. */
static void half_converted(pto_core *core)
{
    parts p = parts_of(core);
    pto_tile narrow = pto_tile_1d(core, PTO_F16, 1024, COUNT);
    uint32_t n = COUNT;
    WRONG n = COUNT / 2;
    pto_tload(core, p.tile, p.in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tcvt(core, pto_tile_valid(narrow, 1, n), pto_tile_valid(p.tile, 1, n), PTO_ROUND_NEAREST);
    pto_pipe_barrier(core, PTO_PIPE_V);
    pto_tcvt(core, p.tile2, narrow, PTO_ROUND_NEAREST);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile2); /* FOUND */
    drain(core);
}

/* Each core has a UB of its own: what block 0 has loaded, block 1 has not. */
static void loaded_by_another_block(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t first = pto_block_index(core) * COUNT / 2;
    bool loads = true;
    WRONG loads = first == 0;
    if (loads)
        pto_tload(core, p.tile, p.in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_core_barrier(core);
    pto_tstore(core, pto_slice(p.out, first, COUNT / 2), pto_tile_1d(core, PTO_F32, first * 4, COUNT / 2)); /* FOUND */
    drain(core);
}

/* UB does not keep a tile from one call to the next: it is loaded in the first call only. */
static void loaded_in_the_first_call(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t calls = pto_load_u32(core, my_cell(&p, p.me));
    bool loads = true;
    WRONG loads = calls == 0;
    if (loads)
        pto_tload(core, p.tile, p.in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile); /* FOUND */
    pto_store_u32(core, my_cell(&p, p.me), calls + 1);
    pto_dcci(core, my_cell(&p, p.me));
    drain(core);
}

/* All ranks but the last load the second half; all store it. */
static void last_rank_loads_half(pto_core *core)
{
    parts p = parts_of(core);
    bool loads = true;
    WRONG loads = p.me != p.ranks - 1;
    pto_tload(core, pto_tile_1d(core, PTO_F32, 0, 32), pto_slice(p.in, 0, 32));
    if (loads)
        pto_tload(core, pto_tile_1d(core, PTO_F32, 128, 32), pto_slice(p.in, 32, 32));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile); /* FOUND */
    drain(core);
}

/* ---- Tiles that a composite leaves undefined --------------------------------------------------------------------- */

/* What TPUT has staged is not there for another use. */
static void staging_tile_of_tput(pto_core *core)
{
    parts p = parts_of(core);
    pto_tput(core, pto_peer(p.comm, p.scratch, p.next), p.in, p.tile, PTO_NO_TILE);
    RIGHT pto_tload(core, p.tile, p.in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile); /* FOUND */
    drain(core);
}

/* The result of TREDUCE is in its destination, not in the tile that accumulates. */
static void accumulator_of_treduce(pto_core *core)
{
    parts p = parts_of(core);
    pto_global sum = pto_slice(whole_scratch(core, &p), COUNT, COUNT);
    pto_tile acc = pto_tile_1d(core, PTO_F32, 1024, COUNT), ping = pto_tile_1d(core, PTO_F32, 2048, COUNT);
    pto_tload(core, p.tile, p.in);
    pto_treduce(core, sum, pto_group_of(p.comm, p.scratch), PTO_SUM, acc, ping, PTO_NO_TILE);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    RIGHT pto_tload(core, acc, sum);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tadd(core, p.tile, p.tile, acc);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile); /* FOUND */
    drain(core);
}

/* ---- Outputs, which hold anything, too --------------------------------------------------------------------------- */

/* An atomic add to an output to which nobody stored before. */
static void added_to_nothing(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in);
    pto_tfill(core, p.tile2, 0);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    RIGHT pto_tstore(core, p.out, p.tile2);
    pto_pipe_barrier(core, PTO_PIPE_MTE3);
    pto_tstore_add(core, p.out, p.tile); /* FOUND */
    drain(core);
}

/* The same by composites; the loads of the second come after the stores of the first, and so do its stores. */
static void put_and_added_to_nothing(pto_core *core)
{
    parts p = parts_of(core);
    RIGHT pto_tput(core, p.out, p.scratch, p.tile, PTO_NO_TILE);
    pto_tput_add(core, p.out, p.in, p.tile, PTO_NO_TILE); /* FOUND */
    drain(core);
}

/* The scalar unit reads its own output before it has written it. */
static void scalar_load_of_an_output(pto_core *core)
{
    parts p = parts_of(core);
    pto_global from = p.in;
    WRONG from = p.out;
    for (uint32_t i = 0; i < COUNT; i++) {
        float x = pto_load_f32(core, from.addr + i * 4); /* FOUND */
        pto_store_f32(core, p.out.addr + i * 4, x);
    }
    pto_dcci_all(core);
    pto_dsb(core);
}

/* An output is taken for an input: it is loaded and passed on before anything was stored to it. */
static void output_passed_on(pto_core *core)
{
    parts p = parts_of(core);
    pto_global from = p.in;
    WRONG from = p.out;
    pto_tput(core, p.scratch, from, p.tile, PTO_NO_TILE); /* FOUND */
    pto_tget(core, p.out, p.scratch, p.tile, PTO_NO_TILE);
    drain(core);
}

/* The first product of a sum must not add to what L0C happens to hold. */
static void product_added_to_nothing(pto_core *core)
{
    parts p = parts_of(core);
    matrices m = matrices_of(core, &p);
    feed(core, &m);
    RIGHT pto_tmatmul(core, m.acc, m.a, m.b);
    WRONG pto_tmatmul_acc(core, m.acc, m.a, m.b);
    hand_over(core, PTO_PIPE_M, PTO_PIPE_FIX, 0);
    pto_tstore(core, m.out, m.acc); /* FOUND */
    drain(core);
}

/* Half of the right factor's columns: the product has undefined columns, and no more. */
static void half_of_the_right_factor(pto_core *core)
{
    parts p = parts_of(core);
    matrices m = matrices_of(core, &p);
    pto_tile b = m.b, src = m.l1;
    uint32_t stored = SIDE / 2;
    WRONG stored++;
    feed(core, &m);
    b.offset += 4 * COUNT;
    src.valid_cols = SIDE / 2;
    pto_tmov(core, pto_tile_valid(b, SIDE, SIDE / 2), src);
    hand_over(core, PTO_PIPE_MTE1, PTO_PIPE_M, 1);
    pto_tmatmul(core, m.acc, m.a, b);
    hand_over(core, PTO_PIPE_M, PTO_PIPE_FIX, 0);
    pto_global part = pto_global_2d(m.out.addr, PTO_F32, SIDE, stored, SIDE);
    pto_tstore(core, part, pto_tile_valid(m.acc, SIDE, stored)); /* FOUND */
    drain(core);
    pto_tmatmul(core, m.acc, m.a, m.b);
    hand_over(core, PTO_PIPE_M, PTO_PIPE_FIX, 1);
    pto_tstore(core, m.out, m.acc);
    drain(core);
}

const hazard uninitialized_read_hazards[] = {
    {"half_loaded", half_loaded, .harm = HARM_SHOWN},
    {"sum_without_a_beginning", sum_without_a_beginning, .harm = HARM_SHOWN},
    {"tail_of_a_result", tail_of_a_result, .harm = HARM_SHOWN},
    {"padding_in_a_row_sum", padding_in_a_row_sum, .harm = HARM_HIDDEN},
    {"half_converted", half_converted, .harm = HARM_SHOWN},
    {"loaded_by_another_block", loaded_by_another_block, .blocks = 2, .harm = HARM_SHOWN},
    {"loaded_in_the_first_call", loaded_in_the_first_call, .harm = HARM_SHOWN},
    {"last_rank_loads_half", last_rank_loads_half, .ranks = 3, .harm = HARM_SHOWN},
    {"staging_tile_of_tput", staging_tile_of_tput},
    {"accumulator_of_treduce", accumulator_of_treduce},
    {"added_to_nothing", added_to_nothing, .harm = HARM_SHOWN},
    {"put_and_added_to_nothing", put_and_added_to_nothing, .harm = HARM_SHOWN},
    {"scalar_load_of_an_output", scalar_load_of_an_output, .harm = HARM_SHOWN},
    {"output_passed_on", output_passed_on, .harm = HARM_SHOWN},
    {"product_added_to_nothing", product_added_to_nothing, .expect = in_squared, .harm = HARM_SHOWN},
    {"half_of_the_right_factor", half_of_the_right_factor, .expect = in_squared, .harm = HARM_HIDDEN},
    {NULL},
};
