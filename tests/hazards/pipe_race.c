/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

/* What `pipe` has done is complete before PIPE_MTE3 goes on. */
#define then_store(core, pipe, id)                                                                                     \
    do {                                                                                                               \
        pto_set_flag(core, pipe, PTO_PIPE_MTE3, id);                                                                   \
        pto_wait_flag(core, pipe, PTO_PIPE_MTE3, id);                                                                  \
    } while (0)

/* The store must not start before the load has completed. */
static void store_before_load(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in); /* FOUND */
    RIGHT pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile); /* FOUND */
    drain(core);
}

/* A barrier of the loads' pipe orders loads with loads; the store waits for nothing. */
static void barrier_of_one_pipe(pto_core *core)
{
    parts p = parts_of(core);
    pto_pipe all = PTO_PIPE_ALL;
    WRONG all = PTO_PIPE_MTE2;
    pto_tload(core, p.tile, p.in); /* FOUND */
    pto_pipe_barrier(core, all);
    pto_tstore(core, p.out, p.tile); /* FOUND */
    drain(core);
}

/* A flag holds back the pipe that it points to, and no other: PIPE_V waits, the store does not. */
static void flag_to_another_pipe(pto_core *core)
{
    parts p = parts_of(core);
    pto_pipe to = PTO_PIPE_MTE3;
    WRONG to = PTO_PIPE_V;
    pto_tload(core, p.tile, p.in); /* FOUND */
    pto_set_flag(core, PTO_PIPE_MTE2, to, 0);
    pto_wait_flag(core, PTO_PIPE_MTE2, to, 0);
    pto_tstore(core, p.out, p.tile); /* FOUND */
    drain(core);
}

/* A flag says nothing of a load that was issued after it was set. */
static void load_after_the_flag(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in);
    RIGHT pto_tload(core, p.tile2, p.scratch);
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
    WRONG pto_tload(core, p.tile2, p.scratch); /* FOUND */
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
    pto_tadd(core, p.tile, p.tile, p.tile2); /* FOUND */
    then_store(core, PTO_PIPE_V, 7);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* A flag handed on by an idle pipe: it must be set behind the wait there, or it is set before the load is complete. */
static void flag_handed_on_too_soon(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in); /* FOUND */
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
    WRONG pto_set_flag(core, PTO_PIPE_V, PTO_PIPE_MTE3, 0);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
    RIGHT pto_set_flag(core, PTO_PIPE_V, PTO_PIPE_MTE3, 0);
    pto_wait_flag(core, PTO_PIPE_V, PTO_PIPE_MTE3, 0);
    pto_tstore(core, p.out, p.tile); /* FOUND */
    drain(core);
}

/* The same over the scalar unit, which waits as the others do. */
static void scalar_unit_does_not_wait(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in); /* FOUND */
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_S, 0);
    RIGHT pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_S, 0);
    pto_set_flag(core, PTO_PIPE_S, PTO_PIPE_MTE3, 0);
    pto_wait_flag(core, PTO_PIPE_S, PTO_PIPE_MTE3, 0);
    pto_tstore(core, p.out, p.tile); /* FOUND */
    WRONG pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_S, 0);
    drain(core);
}

/* A wait holds back only what is issued after it: the store is in PIPE_MTE3's queue already. */
static void wait_after_the_store(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in);
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
    pto_tmuls(core, p.tile2, p.tile, 1); /* FOUND */
    pto_set_flag(core, PTO_PIPE_V, PTO_PIPE_MTE3, 0);
    RIGHT pto_wait_flag(core, PTO_PIPE_V, PTO_PIPE_MTE3, 0);
    pto_tstore(core, p.out, p.tile2); /* FOUND */
    WRONG pto_wait_flag(core, PTO_PIPE_V, PTO_PIPE_MTE3, 0);
    drain(core);
}

/* Two stores of one pipe to the same elements land in either order: zeros first, then data. */
static void zeros_then_data(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in);
    pto_tfill(core, p.tile2, 0);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile2); /* FOUND */
    RIGHT pto_pipe_barrier(core, PTO_PIPE_MTE3);
    pto_tstore(core, pto_slice(p.out, 0, COUNT / 2), pto_tile_valid(p.tile, 1, COUNT / 2)); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_MTE3);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* Atomic adds may come in any order among themselves, but not before the zeros to which they add. */
static void add_before_zero(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in);
    pto_tfill(core, p.tile2, 0);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile2); /* FOUND */
    RIGHT pto_pipe_barrier(core, PTO_PIPE_MTE3);
    pto_tstore_add(core, p.out, p.tile); /* FOUND */
    pto_tstore_add(core, p.out, p.tile2);
    drain(core);
}

/*
 * Two loads into one tile: the default everywhere, then the head. Without a barrier of PIPE_MTE2 the default may
 * come last.
 */
static void default_then_head(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.scratch); /* FOUND */
    RIGHT pto_pipe_barrier(core, PTO_PIPE_MTE2);
    pto_tload(core, p.tile, p.in); /* FOUND */
    then_store(core, PTO_PIPE_MTE2, 7);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* On a2a3 an operation of PIPE_V may start before the one before it has written its result. */
static void dependent_operations(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in);
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
    pto_tadds(core, p.tile2, p.tile, 1); /* FOUND */
    RIGHT pto_pipe_barrier(core, PTO_PIPE_V);
    pto_tsubs(core, p.tile2, p.tile2, 1); /* FOUND */
    then_store(core, PTO_PIPE_V, 7);
    pto_tstore(core, p.out, p.tile2);
    drain(core);
}

/* On a2a3 an operation may overwrite what the one before it has not read yet. */
static void source_overwritten(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in);
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
    pto_tmov(core, p.tile2, p.tile); /* FOUND */
    RIGHT pto_pipe_barrier(core, PTO_PIPE_V);
    pto_tfill(core, p.tile, -1); /* FOUND */
    then_store(core, PTO_PIPE_V, 7);
    pto_tstore(core, p.out, p.tile2);
    drain(core);
}

/* Two flags that take turns, but one tile: the next load overwrites what is still being stored. */
static void one_tile_for_two_flags(pto_core *core)
{
    parts p = parts_of(core);
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t k = i % 2;
        pto_tile tile = pto_tile_1d(core, PTO_F32, k * 64, 16);
        WRONG tile.offset = 0;
        if (i >= 2)
            pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, k);
        pto_tload(core, tile, pto_slice(p.in, i * 16, 16)); /* FOUND */
        pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, k);
        pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, k);
        pto_tstore(core, pto_slice(p.out, i * 16, 16), tile); /* FOUND */
        pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, k);
    }
    pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, 0);
    pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, 1);
    drain(core);
}

/*
 * The next chunk's load must wait for PIPE_V, which still reads this one: a barrier of PIPE_V does not hold back
 * PIPE_MTE2.
 */
static void load_over_what_is_read(pto_core *core)
{
    parts p = parts_of(core);
    pto_tile chunk = pto_tile_1d(core, PTO_F32, COUNT * 4, COUNT / 2);
    pto_pipe all = PTO_PIPE_ALL;
    WRONG all = PTO_PIPE_V;
    for (uint32_t i = 0; i < 2; i++) {
        pto_tload(core, chunk, pto_slice(p.in, i * COUNT / 2, COUNT / 2)); /* FOUND */
        pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, i);
        pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, i);
        pto_tadds(core, pto_tile_1d(core, PTO_F32, i * COUNT * 2, COUNT / 2), chunk, 0); /* FOUND */
        pto_pipe_barrier(core, all);
    }
    then_store(core, PTO_PIPE_V, 7);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* A tile that is being stored must not be filled anew: the wait for the store comes too late. */
static void fill_while_storing(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile); /* FOUND */
    pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_V, 3);
    RIGHT pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_V, 3);
    pto_tfill(core, p.tile, 0); /* FOUND */
    WRONG pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_V, 3);
    drain(core);
}

/* The second tile's offset is counted in elements: it begins inside the first, which is still being stored. */
static void tiles_that_overlap(pto_core *core)
{
    parts p = parts_of(core);
    pto_tile a = pto_tile_1d(core, PTO_F32, 0, 32), b = pto_tile_1d(core, PTO_F32, 32 * sizeof(float), 32);
    WRONG b.offset = 32;
    pto_tload(core, a, pto_slice(p.in, 0, 32));
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0);
    pto_tstore(core, pto_slice(p.out, 0, 32), a); /* FOUND */
    pto_tload(core, b, pto_slice(p.in, 32, 32));  /* FOUND */
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 1);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 1);
    pto_tstore(core, pto_slice(p.out, 32, 32), b);
    drain(core);
}

/* The lower rows are stored while the load of the upper half still writes its last row, which lies in both halves. */
static void row_in_both_halves(pto_core *core)
{
    parts p = parts_of(core);
    pto_tile all = pto_tile_2d(core, PTO_F32, 0, 8, 8);
    pto_tile upper = pto_tile_valid(all, 4, 8), lower = pto_tile_2d(core, PTO_F32, 4 * 32, 4, 8);
    WRONG upper.valid_rows = 5;
    pto_tload(core, lower, pto_global_2d(p.in.addr + 128, PTO_F32, 4, 8, 8));
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0);
    pto_tstore(core, pto_global_2d(p.out.addr + 128, PTO_F32, 4, 8, 8), lower);        /* FOUND */
    pto_tload(core, upper, pto_global_2d(p.in.addr, PTO_F32, upper.valid_rows, 8, 8)); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, pto_global_2d(p.out.addr, PTO_F32, 4, 8, 8), pto_tile_valid(all, 4, 8));
    drain(core);
}

/*
 * Two tiles side by side in the same rows: the left one is filled anew while the right one is stored, one column
 * too far.
 */
static void one_column_too_far(pto_core *core)
{
    parts p = parts_of(core);
    pto_tile all = pto_tile_2d(core, PTO_F32, 0, 4, 16), left = pto_tile_valid(all, 4, 8), right = left;
    right.offset = 8 * 4;
    pto_tload(core, all, pto_global_2d(p.in.addr, PTO_F32, 4, 16, 16));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, pto_global_2d(p.out.addr, PTO_F32, 4, 8, 16), left);
    pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_V, 0);
    pto_tstore(core, pto_global_2d(p.out.addr + 32, PTO_F32, 4, 8, 16), right); /* FOUND */
    pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_V, 0);
    WRONG left.valid_cols = 9;
    pto_tfill(core, left, -1); /* FOUND */
    drain(core);
}

/* Two stores of one pipe need no order while they write different columns; here they have one in common. */
static void column_in_both_stores(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t first = 8;
    WRONG first = 7;
    pto_tile left = pto_tile_2d(core, PTO_F32, 0, 4, 8), right = pto_tile_2d(core, PTO_F32, 1024, 4, 16 - first);
    pto_tload(core, left, pto_global_2d(p.in.addr, PTO_F32, 4, 8, 16));
    pto_tload(core, right, pto_global_2d(p.in.addr + first * 4, PTO_F32, 4, 16 - first, 16));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, pto_global_2d(p.out.addr, PTO_F32, 4, 8, 16), left);                       /* FOUND */
    pto_tstore(core, pto_global_2d(p.out.addr + first * 4, PTO_F32, 4, 16 - first, 16), right); /* FOUND */
    drain(core);
}

/* A barrier of PIPE_MTE3 is between stores; PIPE_MTE2 learns of it by way of the scalar unit, after a dsb. */
static void barrier_of_the_stores_alone(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.scratch, p.tile); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_MTE3);
    RIGHT pto_dsb(core);
    pto_tload(core, p.tile2, p.scratch); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile2);
    drain(core);
}

/* ---- The scalar unit, a pipe like the others --------------------------------------------------------------------- */

/* out <- from, element by element, by the scalar unit; complete in memory when it is over. */
#define copy_by_scalars(core, out, from)                                                                               \
    do {                                                                                                               \
        for (uint32_t i = 0; i < COUNT; i++)                                                                           \
            pto_store_f32(core, (out).addr + i * 4, pto_load_f32(core, (from).addr + i * 4));                          \
    } while (0)

/*
 * What the scalar unit stored is in its cache, of which PIPE_MTE2 knows nothing; dsb waits for cleans, it does
 * not clean.
 */
static void load_before_the_clean(pto_core *core)
{
    parts p = parts_of(core);
    copy_by_scalars(core, p.scratch, p.in); /* FOUND */
    RIGHT pto_dcci_all(core);
    pto_dsb(core);
    pto_tload(core, p.tile, p.scratch); /* FOUND */
    then_store(core, PTO_PIPE_MTE2, 7);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* Cleaned, but nothing has waited until the line is in memory. */
static void load_before_the_clean_is_over(pto_core *core)
{
    parts p = parts_of(core);
    copy_by_scalars(core, p.scratch, p.in); /* FOUND */
    pto_dcci_all(core);
    RIGHT pto_dsb(core);
    pto_tload(core, p.tile, p.scratch); /* FOUND */
    then_store(core, PTO_PIPE_MTE2, 7);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* A dirty line is written back at any time until it is cleaned, also over what PIPE_MTE3 stored later. */
static void store_under_a_dirty_line(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    for (uint32_t i = 0; i < PTO_LINE_CELLS; i++)
        pto_store_f32(core, p.out.addr + i * 4, -1.0f); /* FOUND */
    RIGHT pto_dcci(core, p.out.addr);
    pto_dsb(core);
    pto_tstore(core, p.out, p.tile); /* FOUND */
    drain(core);
    pto_dcci(core, p.out.addr);
    pto_dsb(core);
}

/* After pipe_barrier(PIPE_MTE3) it takes a dsb until the scalar unit knows that the stores have landed. */
static void scalar_load_without_dsb(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.scratch, p.tile); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_MTE3);
    RIGHT pto_dsb(core);
    pto_dcci_all(core);
    copy_by_scalars(core, p.out, p.scratch); /* FOUND */
    pto_dcci_all(core);
    drain(core);
}

/* The store has landed, but the scalar unit has the line from before it. */
static void scalar_load_of_an_old_line(pto_core *core)
{
    parts p = parts_of(core);
    float first = pto_load_f32(core, p.scratch.addr);
    pto_tload(core, p.tile, p.in);
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
    pto_tadds(core, p.tile, p.tile, 0 * first);
    then_store(core, PTO_PIPE_V, 7);
    pto_tstore(core, p.scratch, p.tile); /* FOUND */
    pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_S, 0);
    pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_S, 0);
    RIGHT pto_dcci_all(core);
    copy_by_scalars(core, p.out, p.scratch); /* FOUND */
    pto_dcci_all(core);
    drain(core);
}

/* PIPE_MTE2 still reads the elements that the scalar unit overwrites: the load is issued, not complete. */
static void scalar_store_under_a_load(pto_core *core)
{
    parts p = parts_of(core);
    copy_by_scalars(core, p.scratch, p.in);
    pto_dcci_all(core);
    pto_dsb(core);
    pto_tload(core, p.tile, p.scratch); /* FOUND */
    RIGHT pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_store_f32(core, p.scratch.addr, -1.0f); /* FOUND */
    pto_dcci(core, p.scratch.addr);
    pto_dsb(core);
    then_store(core, PTO_PIPE_MTE2, 7);
    pto_tstore(core, p.out, p.tile);
    drain(core);
}

/* ---- Composites, blocks, signals --------------------------------------------------------------------------------- */

/* TPUT leaves its last stores to PIPE_MTE3: the staging tile is not free for PIPE_V. */
static void staging_tile_filled(pto_core *core)
{
    parts p = parts_of(core);
    pto_tput(core, p.out, p.in, p.tile, p.tile2); /* FOUND */
    RIGHT pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tfill(core, p.tile, 0); /* FOUND */
    drain(core);
}

/* TGET does not drain: a store to the same elements may land before the one inside it. */
static void store_after_tget(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in);
    then_store(core, PTO_PIPE_MTE2, 7);
    pto_tget(core, p.out, pto_peer(p.comm, p.scratch, p.next), p.tile2, PTO_NO_TILE); /* FOUND */
    RIGHT pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile); /* FOUND */
    drain(core);
}

/*
 * TPUT ends with a wait on PIPE_MTE2 for its stores, so a load behind it reads what it wrote; a plain store does
 * not.
 */
static void load_of_what_was_put(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in);
    then_store(core, PTO_PIPE_MTE2, 7);
    RIGHT pto_tput(core, p.scratch, p.in, p.tile2, PTO_NO_TILE);
    WRONG pto_tstore(core, p.scratch, p.tile);              /* FOUND */
    pto_tget(core, p.out, p.scratch, p.tile2, PTO_NO_TILE); /* FOUND */
    drain(core);
}

/* TREDUCE loads into its tiles at once: what is still being stored from one of them is overwritten. */
static void reduce_into_a_stored_tile(pto_core *core)
{
    parts p = parts_of(core);
    pto_global second = pto_slice(whole_scratch(core, &p), COUNT, COUNT);
    pto_tile acc = pto_tile_1d(core, PTO_F32, 1024, COUNT);
    pto_tload(core, p.tile, p.in);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile); /* FOUND */
    RIGHT pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_treduce(core, second, pto_group_of(p.comm, p.scratch), PTO_SUM, acc, p.tile, p.tile2); /* FOUND */
    drain(core);
}

/* The barrier among blocks drains no pipe, not even that of a block which reads what it wrote itself. */
static void core_barrier_does_not_drain(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t first = pto_block_index(core) * COUNT / 2;
    pto_tile a = pto_tile_valid(p.tile, 1, COUNT / 2), b = pto_tile_valid(p.tile2, 1, COUNT / 2);
    pto_tload(core, a, pto_slice(p.in, first, COUNT / 2));
    then_store(core, PTO_PIPE_MTE2, 6);
    pto_tstore(core, pto_slice(p.scratch, first, COUNT / 2), a); /* FOUND */
    RIGHT pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_core_barrier(core);
    pto_tload(core, b, pto_slice(p.scratch, first, COUNT / 2)); /* FOUND */
    then_store(core, PTO_PIPE_MTE2, 7);
    pto_tstore(core, pto_slice(p.out, first, COUNT / 2), b);
    drain(core);
}

/* A notify leaves the pipes drained on the published pages, but was not seen to on silicon. */
static void notify_as_a_drain(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in);
    then_store(core, PTO_PIPE_MTE2, 6);
    pto_tstore(core, p.scratch, p.tile); /* FOUND */
    RIGHT pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tnotify(core, cell_at(&p, p.me, p.next), 1, PTO_NOTIFY_ADD);
    pto_tload(core, p.tile2, p.scratch); /* FOUND */
    then_store(core, PTO_PIPE_MTE2, 7);
    pto_tstore(core, p.out, p.tile2);
    drain(core);
}

/* The factors leave L1 before the load has filled it. */
static void extracted_before_the_load(pto_core *core)
{
    parts p = parts_of(core);
    matrices m = matrices_of(core, &p);
    pto_tload(core, m.l1, m.in); /* FOUND */
    RIGHT hand_over(core, PTO_PIPE_MTE2, PTO_PIPE_MTE1, 0);
    pto_tmov(core, m.a, m.l1); /* FOUND */
    pto_tmov(core, m.b, m.l1);
    hand_over(core, PTO_PIPE_MTE1, PTO_PIPE_M, 0);
    pto_tmatmul(core, m.acc, m.a, m.b);
    hand_over(core, PTO_PIPE_M, PTO_PIPE_FIX, 0);
    pto_tstore(core, m.out, m.acc);
    drain(core);
}

/* The product waits for its left factor, and not for the right one, which is issued behind the flag. */
static void multiplied_with_half(pto_core *core)
{
    parts p = parts_of(core);
    matrices m = matrices_of(core, &p);
    pto_tload(core, m.l1, m.in);
    hand_over(core, PTO_PIPE_MTE2, PTO_PIPE_MTE1, 0);
    pto_tmov(core, m.a, m.l1);
    WRONG pto_set_flag(core, PTO_PIPE_MTE1, PTO_PIPE_M, 0);
    pto_textract(core, m.b, m.l1, 0, 0); /* FOUND */
    RIGHT pto_set_flag(core, PTO_PIPE_MTE1, PTO_PIPE_M, 0);
    pto_wait_flag(core, PTO_PIPE_MTE1, PTO_PIPE_M, 0);
    pto_tmatmul(core, m.acc, m.a, m.b); /* FOUND */
    hand_over(core, PTO_PIPE_M, PTO_PIPE_FIX, 0);
    pto_tstore(core, m.out, m.acc);
    drain(core);
}

/* The sums leave L0C on PIPE_FIX: the stores' pipe of the vector side does not hold them back. */
static void stored_before_the_product(pto_core *core)
{
    parts p = parts_of(core);
    matrices m = matrices_of(core, &p);
    feed(core, &m);
    pto_tmatmul(core, m.acc, m.a, m.b); /* FOUND */
    pto_pipe to = PTO_PIPE_FIX;
    WRONG to = PTO_PIPE_MTE3;
    hand_over(core, PTO_PIPE_M, to, 0);
    pto_tstore(core, m.out, m.acc); /* FOUND */
    drain(core);
}

/* L1 is filled again while the factors may still be on their way out of it. */
static void loaded_over_a_factor(pto_core *core)
{
    parts p = parts_of(core);
    matrices m = matrices_of(core, &p);
    pto_tload(core, m.l1, m.in);
    hand_over(core, PTO_PIPE_MTE2, PTO_PIPE_MTE1, 0);
    pto_tmov(core, m.a, m.l1);
    pto_tmov(core, m.b, m.l1); /* FOUND */
    RIGHT hand_over(core, PTO_PIPE_MTE1, PTO_PIPE_MTE2, 1);
    pto_tload(core, m.l1, pto_global_2d(p.scratch.addr, PTO_F32, SIDE, SIDE, SIDE)); /* FOUND */
    hand_over(core, PTO_PIPE_MTE1, PTO_PIPE_M, 0);
    pto_tmatmul(core, m.acc, m.a, m.b);
    hand_over(core, PTO_PIPE_M, PTO_PIPE_FIX, 0);
    pto_tstore(core, m.out, m.acc);
    drain(core);
}

/* The factor of a later product is brought while the one before is multiplied. */
static void factor_replaced_too_soon(pto_core *core)
{
    parts p = parts_of(core);
    matrices m = matrices_of(core, &p);
    pto_tile other = m.l1;
    other.offset += 4 * COUNT;
    pto_tload(core, other, pto_global_2d(p.scratch.addr, PTO_F32, SIDE, SIDE, SIDE));
    feed(core, &m);
    pto_tmatmul(core, m.acc, m.a, m.b); /* FOUND */
    RIGHT hand_over(core, PTO_PIPE_M, PTO_PIPE_MTE1, 0);
    pto_tmov(core, m.b, other); /* FOUND */
    hand_over(core, PTO_PIPE_MTE1, PTO_PIPE_M, 1);
    pto_tmatmul_acc(core, m.acc, m.a, m.b);
    hand_over(core, PTO_PIPE_M, PTO_PIPE_FIX, 0);
    pto_tstore(core, m.out, m.acc);
    drain(core);
}

const hazard pipe_race_hazards[] = {
    {"store_before_load", store_before_load, .harm = HARM_SHOWN},
    {"barrier_of_one_pipe", barrier_of_one_pipe, .harm = HARM_SHOWN},
    {"flag_to_another_pipe", flag_to_another_pipe, .harm = HARM_SHOWN},
    {"load_after_the_flag", load_after_the_flag, .harm = HARM_SHOWN},
    {"flag_handed_on_too_soon", flag_handed_on_too_soon, .harm = HARM_SHOWN},
    {"scalar_unit_does_not_wait", scalar_unit_does_not_wait, .harm = HARM_SHOWN},
    {"wait_after_the_store", wait_after_the_store, .harm = HARM_SHOWN},
    {"zeros_then_data", zeros_then_data, .harm = HARM_HIDDEN},
    {"add_before_zero", add_before_zero, .harm = HARM_SHOWN},
    {"default_then_head", default_then_head, .wrong_on = STRICT, .harm = HARM_SHOWN},
    {"dependent_operations", dependent_operations, .wrong_on = ON_A2A3 | STRICT, .harm = HARM_SHOWN},
    {"source_overwritten", source_overwritten, .wrong_on = ON_A2A3 | STRICT, .harm = HARM_SHOWN},
    {"one_tile_for_two_flags", one_tile_for_two_flags, .harm = HARM_SHOWN},
    {"load_over_what_is_read", load_over_what_is_read, .harm = HARM_SHOWN},
    {"fill_while_storing", fill_while_storing, .harm = HARM_SHOWN},
    {"tiles_that_overlap", tiles_that_overlap, .harm = HARM_SHOWN},
    {"row_in_both_halves", row_in_both_halves, .harm = HARM_HIDDEN},
    {"one_column_too_far", one_column_too_far, .harm = HARM_SHOWN},
    {"column_in_both_stores", column_in_both_stores, .harm = HARM_HIDDEN},
    {"barrier_of_the_stores_alone", barrier_of_the_stores_alone, .harm = HARM_SHOWN},
    {"load_before_the_clean", load_before_the_clean, .harm = HARM_SHOWN},
    {"load_before_the_clean_is_over", load_before_the_clean_is_over, .harm = HARM_SHOWN},
    {"store_under_a_dirty_line", store_under_a_dirty_line, .harm = HARM_SHOWN},
    {"scalar_load_without_dsb", scalar_load_without_dsb, .harm = HARM_SHOWN},
    {"scalar_load_of_an_old_line", scalar_load_of_an_old_line, .harm = HARM_SHOWN},
    {"scalar_store_under_a_load", scalar_store_under_a_load, .harm = HARM_SHOWN},
    {"staging_tile_filled", staging_tile_filled, .harm = HARM_SHOWN},
    {"store_after_tget", store_after_tget, .harm = HARM_SHOWN},
    {"load_of_what_was_put", load_of_what_was_put, .harm = HARM_SHOWN},
    {"reduce_into_a_stored_tile", reduce_into_a_stored_tile, .harm = HARM_SHOWN},
    {"core_barrier_does_not_drain", core_barrier_does_not_drain, .blocks = 2, .harm = HARM_SHOWN},
    {"notify_as_a_drain", notify_as_a_drain, .wrong_on = STRICT, .harm = HARM_SHOWN},
    {"extracted_before_the_load", extracted_before_the_load, .expect = in_squared, .harm = HARM_SHOWN},
    {"multiplied_with_half", multiplied_with_half, .expect = in_squared, .harm = HARM_SHOWN},
    {"stored_before_the_product", stored_before_the_product, .expect = in_squared, .harm = HARM_SHOWN},
    {"loaded_over_a_factor", loaded_over_a_factor, .expect = in_squared, .harm = HARM_SHOWN},
    {"factor_replaced_too_soon", factor_replaced_too_soon, .expect = in_squared, .harm = HARM_SHOWN},
    {NULL},
};
