/* SPDX-License-Identifier: Apache-2.0 */
/* Rules 1 to 5 and 7: pipes, flags, barriers, the return of a kernel. */
#include "litmus.h"

/* ---- 1. Issue --------------------------------------------------------------------------------------------------- */

static void issue_after_wait(pto_core *core)
{
    if (me(core) == 0) {
        PUT(core, 1, 0);
        NOTIFY(core, 1, 0);
    } else {
        WAIT(core, 0, 1);
        pto_tload(core, tile(core, 0), word(core, 1, 0));
    }
}

static void issue_before_wait(pto_core *core)
{
    if (me(core) == 0) {
        PUT(core, 1, 0);
        NOTIFY(core, 1, 0);
    } else {
        pto_tload(core, tile(core, 0), word(core, 1, 0));
        WAIT(core, 0, 1);
    }
}

/* ---- 2. Queue --------------------------------------------------------------------------------------------------- */

static void stores_of_one_pipe(pto_core *core)
{
    preset(core, tile(core, 0), 1);
    preset(core, tile(core, 1), 2);
    pto_tstore(core, word(core, 0, 0), tile(core, 0));
    pto_tstore(core, word(core, 0, 0), tile(core, 1));
}

static void loads_of_one_pipe(pto_core *core)
{
    pto_tload(core, tile(core, 0), word(core, 0, 0));
    pto_tload(core, tile(core, 0), word(core, 0, 1));
}

/* Two tiles of two rows, the second row of one being the first of the other. */
static void overlapping_loads(pto_core *core)
{
    pto_tile low = pto_tile_2d(core, PTO_I32, 0, 2, 1), high = pto_tile_2d(core, PTO_I32, core->ub_align, 2, 1);
    pto_tload(core, low, pto_global_2d(address(core, 0, 0), PTO_I32, 2, 1, 1));
    pto_tload(core, high, pto_global_2d(address(core, 0, 0), PTO_I32, 2, 1, 1));
}

static void vector_pair(pto_core *core)
{
    preset(core, tile(core, 0), 1);
    preset(core, tile(core, 1), 0);
    pto_tadds(core, tile(core, 1), tile(core, 0), 1);
    pto_tadds(core, tile(core, 2), tile(core, 1), 1);
}

static void scalar_unit_in_order(pto_core *core)
{
    pto_store_i32(core, address(core, 0, 0), 1);
    pto_store_i32(core, address(core, 0, 0), 2);
    see(0, pto_load_i32(core, address(core, 0, 0)));
}

/* One element in a memory of the matrix unit: its byte of a word is the number that it holds. */
static pto_tile factor(pto_core *core, pto_memory memory, uint32_t index)
{
    return pto_tile_in(core, memory, PTO_I8, index * core->ub_align, 1, 1);
}

static pto_tile sum_tile(pto_core *core)
{
    return pto_tile_in(core, PTO_L0C, PTO_I32, 0, 1, 1);
}

static pto_global first_byte(pto_core *core, uint32_t word)
{
    return pto_global_1d(address(core, 0, word), PTO_I8, 1);
}

/* Both words are in L1; the word 0 is in L0A, the word 1 in L0B. All is complete. */
static void load_factors(pto_core *core)
{
    pto_tload(core, factor(core, PTO_L1, 0), first_byte(core, 0));
    pto_tload(core, factor(core, PTO_L1, 1), first_byte(core, 1));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
}

static void feed_factors(pto_core *core)
{
    load_factors(core);
    pto_tmov(core, factor(core, PTO_L0A, 0), factor(core, PTO_L1, 0));
    pto_tmov(core, factor(core, PTO_L0B, 0), factor(core, PTO_L1, 1));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
}

static void multiply(pto_core *core)
{
    pto_tmatmul(core, sum_tile(core), factor(core, PTO_L0A, 0), factor(core, PTO_L0B, 0));
}

static void multiply_more(pto_core *core)
{
    pto_tmatmul_acc(core, sum_tile(core), factor(core, PTO_L0A, 0), factor(core, PTO_L0B, 0));
}

static void products_in_order(pto_core *core)
{
    feed_factors(core);
    multiply(core);
    multiply_more(core);
    multiply_more(core);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, word(core, 0, 2), sum_tile(core));
}

static void factors_of_one_pipe(pto_core *core)
{
    load_factors(core);
    pto_tmov(core, factor(core, PTO_L0B, 0), factor(core, PTO_L1, 0));
    pto_tmov(core, factor(core, PTO_L0A, 0), factor(core, PTO_L1, 0));
    pto_tmov(core, factor(core, PTO_L0A, 0), factor(core, PTO_L1, 1));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    multiply(core);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, word(core, 0, 2), sum_tile(core));
}

/* The sum is 2, and then 4. */
#define STORE_SUM(between)                                                                                             \
    do {                                                                                                               \
        feed_factors(core);                                                                                            \
        multiply(core);                                                                                                \
        pto_pipe_barrier(core, PTO_PIPE_ALL);                                                                          \
        multiply_more(core);                                                                                           \
        between;                                                                                                       \
        pto_tstore(core, word(core, 0, 2), sum_tile(core));                                                            \
    } while (0)

static void sum_without_a_flag(pto_core *core)
{
    STORE_SUM((void)0);
}

static void sum_behind_a_flag(pto_core *core)
{
    STORE_SUM(pto_set_flag(core, PTO_PIPE_M, PTO_PIPE_FIX, 0); pto_wait_flag(core, PTO_PIPE_M, PTO_PIPE_FIX, 0));
}

/* Two stores of PIPE_FIX: of the sum 4, and of a second sum, 2. */
static void sums_of_one_pipe(pto_core *core)
{
    pto_tile second = sum_tile(core);
    second.offset += core->ub_align;
    STORE_SUM(pto_pipe_barrier(core, PTO_PIPE_ALL);
              pto_tmatmul(core, second, factor(core, PTO_L0A, 0), factor(core, PTO_L0B, 0));
              pto_pipe_barrier(core, PTO_PIPE_ALL));
    pto_tstore(core, word(core, 0, 2), second);
}

/* ---- 3. Flag ---------------------------------------------------------------------------------------------------- */

/* Loads the word 0, which holds 1, and stores it to the word 1. Between the two: */
#define COPY(between)                                                                                                  \
    do {                                                                                                               \
        preset(core, tile(core, 0), 0);                                                                                \
        pto_tload(core, tile(core, 0), word(core, 0, 0));                                                              \
        between;                                                                                                       \
        pto_tstore(core, word(core, 0, 1), tile(core, 0));                                                             \
    } while (0)

static void no_flag(pto_core *core)
{
    COPY((void)0);
}

static void flag(pto_core *core)
{
    COPY({
        pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0);
        pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0);
    });
}

/* However much was queued before the set. */
static void flag_covers_all_before(pto_core *core)
{
    preset(core, tile(core, 0), 0);
    preset(core, tile(core, 1), 0);
    pto_tload(core, tile(core, 0), word(core, 0, 0));
    pto_tload(core, tile(core, 1), word(core, 0, 0));
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0);
    pto_tstore(core, pto_global_2d(address(core, 0, 1), PTO_I32, 2, 1, 1), pto_tile_2d(core, PTO_I32, 0, 2, 1));
}

static void flag_covers_nothing_after(pto_core *core)
{
    preset(core, tile(core, 0), 0);
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0);
    pto_tload(core, tile(core, 0), word(core, 0, 0));
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0);
    pto_tstore(core, word(core, 0, 1), tile(core, 0));
}

/* The set is held up until the load behind it has been issued: still it does not cover it. */
static void flag_held_up(pto_core *core)
{
    preset(core, tile(core, 0), 0);
    pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, 0);
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0);
    pto_tload(core, tile(core, 0), word(core, 0, 0));
    pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, 0);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0);
    pto_tstore(core, word(core, 0, 1), tile(core, 0));
}

static void flag_to_scalar_unit(pto_core *core)
{
    preset(core, tile(core, 0), 1);
    pto_tstore(core, word(core, 0, 0), tile(core, 0));
    pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_S, 0);
    pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_S, 0);
    pto_dcci(core, address(core, 0, 0));
    see(0, pto_load_i32(core, address(core, 0, 0)));
}

static void flag_from_scalar_unit(pto_core *core)
{
    preset(core, tile(core, 0), 0);
    pto_store_i32(core, address(core, 0, 0), 1);
    pto_dcci(core, address(core, 0, 0));
    pto_dsb(core);
    pto_set_flag(core, PTO_PIPE_S, PTO_PIPE_MTE2, 0);
    pto_wait_flag(core, PTO_PIPE_S, PTO_PIPE_MTE2, 0);
    pto_tload(core, tile(core, 0), word(core, 0, 0));
}

static void flag_set_twice(pto_core *core)
{
    for (int i = 0; i < 2; i++)
        pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_S, 0);
    for (int i = 0; i < 2; i++)
        pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_S, 0);
    see(0, 1);
}

/* The second set may come before the first wait is done. */
static void flag_set_too_early(pto_core *core)
{
    for (int i = 0; i < 2; i++) {
        pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
        pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
    }
    pto_set_flag(core, PTO_PIPE_V, PTO_PIPE_S, 0);
    pto_wait_flag(core, PTO_PIPE_V, PTO_PIPE_S, 0);
    see(0, 1);
}

static void flag_never_set(pto_core *core)
{
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_S, 0);
    see(0, 1);
}

/* The flag that the first call leaves meets the wait of the second, whose load comes too late. */
static void flag_left_set(pto_core *core)
{
    if (call_of(core) == 0) {
        pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0);
    } else {
        COPY(pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0));
    }
}

static void one_id_two_destinations(pto_core *core)
{
    preset(core, tile(core, 0), 0);
    pto_tload(core, tile(core, 0), word(core, 0, 0));
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0);
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 0);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, 0);
    pto_tadds(core, tile(core, 1), tile(core, 0), 1);
    pto_tstore(core, word(core, 0, 1), tile(core, 0));
}

/* ---- 4. Barrier ------------------------------------------------------------------------------------------------- */

static void barrier_between_stores(pto_core *core)
{
    preset(core, tile(core, 0), 1);
    preset(core, tile(core, 1), 2);
    pto_tstore(core, word(core, 0, 0), tile(core, 0));
    pto_pipe_barrier(core, PTO_PIPE_MTE3);
    pto_tstore(core, word(core, 0, 0), tile(core, 1));
}

static void barrier_between_loads(pto_core *core)
{
    pto_tload(core, tile(core, 0), word(core, 0, 0));
    pto_pipe_barrier(core, PTO_PIPE_MTE2);
    pto_tload(core, tile(core, 0), word(core, 0, 1));
}

static void barrier_between_vectors(pto_core *core)
{
    preset(core, tile(core, 0), 1);
    preset(core, tile(core, 1), 0);
    pto_tadds(core, tile(core, 1), tile(core, 0), 1);
    pto_pipe_barrier(core, PTO_PIPE_V);
    pto_tadds(core, tile(core, 2), tile(core, 1), 1);
}

static void barrier_of_another_pipe(pto_core *core)
{
    COPY(pto_pipe_barrier(core, PTO_PIPE_MTE2));
}

static void barrier_of_all(pto_core *core)
{
    COPY(pto_pipe_barrier(core, PTO_PIPE_ALL));
}

/* A store to the peer, then `and`, then a notify; the peer waits and loads. */
#define ANNOUNCE(and)                                                                                                  \
    do {                                                                                                               \
        if (me(core) == 0) {                                                                                           \
            preset(core, tile(core, 0), 1);                                                                            \
            pto_tstore(core, word(core, 1, 0), tile(core, 0));                                                         \
            and;                                                                                                       \
            NOTIFY(core, 1, 0);                                                                                        \
        } else {                                                                                                       \
            WAIT(core, 0, 1);                                                                                          \
            pto_tload(core, tile(core, 0), word(core, 1, 0));                                                          \
        }                                                                                                              \
    } while (0)

static void barrier_and_dsb(pto_core *core)
{
    ANNOUNCE({
        pto_pipe_barrier(core, PTO_PIPE_MTE3);
        pto_dsb(core);
    });
}

static void barrier_without_dsb(pto_core *core)
{
    ANNOUNCE(pto_pipe_barrier(core, PTO_PIPE_MTE3));
}

static void dsb_without_barrier(pto_core *core)
{
    ANNOUNCE(pto_dsb(core));
}

static void drain_and_dsb(pto_core *core)
{
    ANNOUNCE({
        pto_pipe_barrier(core, PTO_PIPE_ALL);
        pto_dsb(core);
    });
}

static void drain_without_dsb(pto_core *core)
{
    ANNOUNCE(pto_pipe_barrier(core, PTO_PIPE_ALL));
}

static void flag_and_dsb(pto_core *core)
{
    ANNOUNCE({
        pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_S, 0);
        pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_S, 0);
        pto_dsb(core);
    });
}

static void notify_overtakes(pto_core *core)
{
    ANNOUNCE((void)0);
}

/* The first notify says nothing of the store, the second does where a notify drains. */
static void second_notify(pto_core *core)
{
    ANNOUNCE(NOTIFY(core, 1, 1));
}

/* With what a notify drained, the dsb has more to fence. */
static void second_notify_behind_dsb(pto_core *core)
{
    ANNOUNCE({
        NOTIFY(core, 1, 1);
        pto_dsb(core);
    });
}

/* A store that is not fenced lands on top of what the peer stored after it. */
static void unfenced_store_comes_back(pto_core *core)
{
    preset(core, tile(core, 0), (int32_t)me(core) + 1);
    if (me(core) == 0) {
        pto_tstore(core, word(core, 1, 0), tile(core, 0));
        pto_pipe_barrier(core, PTO_PIPE_ALL);
        NOTIFY(core, 1, 0);
    } else {
        WAIT(core, 0, 1);
        pto_tstore(core, word(core, 1, 0), tile(core, 0));
    }
}

/* ---- 5. Core barrier -------------------------------------------------------------------------------------------- */

static void core_barrier(pto_core *core)
{
    if (pto_block_index(core) == 0) {
        preset(core, tile(core, 0), 1);
        pto_tstore(core, word(core, 0, 0), tile(core, 0));
        pto_pipe_barrier(core, PTO_PIPE_ALL);
        pto_core_barrier(core);
    } else {
        pto_core_barrier(core);
        pto_tload(core, tile(core, 0), word(core, 0, 0));
    }
}

static void core_barrier_drains_nothing(pto_core *core)
{
    if (pto_block_index(core) == 0) {
        preset(core, tile(core, 0), 1);
        pto_tstore(core, word(core, 0, 0), tile(core, 0));
        pto_core_barrier(core);
    } else {
        pto_core_barrier(core);
        pto_tload(core, tile(core, 0), word(core, 0, 0));
    }
}

static void core_barrier_cleans_nothing(pto_core *core)
{
    if (pto_block_index(core) == 0) {
        pto_store_i32(core, address(core, 0, 0), 1);
        pto_core_barrier(core);
    } else {
        pto_core_barrier(core);
        pto_dcci(core, address(core, 0, 0));
        see(0, pto_load_i32(core, address(core, 0, 0)));
    }
}

/* ---- 7. Return -------------------------------------------------------------------------------------------------- */

/* A 1, which is there, and then a 2. */
static void return_drains_nothing(pto_core *core)
{
    preset(core, tile(core, 0), 1);
    preset(core, tile(core, 1), 2);
    pto_tstore(core, out(core), tile(core, 0));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, out(core), tile(core, 1));
}

static void return_gives_what_is_known(pto_core *core)
{
    preset(core, tile(core, 0), 1);
    pto_tstore(core, out(core), tile(core, 0));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
}

static void next_call_too_early(pto_core *core)
{
    preset(core, tile(core, 0), 1);
    if (call_of(core) == 0)
        pto_tstore(core, word(core, 0, 0), tile(core, 0));
    else
        pto_tload(core, tile(core, 1), word(core, 0, 0));
}

static void next_call(pto_core *core)
{
    preset(core, tile(core, 0), 1);
    if (call_of(core) == 0) {
        pto_tstore(core, word(core, 0, 0), tile(core, 0));
        pto_pipe_barrier(core, PTO_PIPE_ALL);
    } else {
        pto_tload(core, tile(core, 1), word(core, 0, 0));
    }
}

/* ---- What may be seen ------------------------------------------------------------------------------------------- */

static const litmus tests[] = {
    {"issue_after_wait", issue_after_wait, .ranks = 2, .ends = {UB(1, 0)}, .cases = CLEAN("1")},
    {"issue_before_wait", issue_before_wait, .ranks = 2, .ends = {UB(1, 0)}, .cases = FOUND("0 1", RANK_RACE)},

    {"stores_of_one_pipe", stores_of_one_pipe, .ends = {GM(0, 0)}, .cases = FOUND("1 2", PIPE_RACE)},
    {"loads_of_one_pipe", loads_of_one_pipe, .data = {1, 2}, .ends = {UB(0, 0)},
     .cases = {{STRICT, "1 2", PIPE_RACE, NULL}, {DOCUMENTED, "2", 0, NULL}}},
    {"overlapping_loads", overlapping_loads, .data = {1, 2}, .ends = {UB(0, 0), UB(0, 1), UB(0, 2)},
     .cases = {{STRICT, "112 122", PIPE_RACE, NULL}, {DOCUMENTED, "112", 0, NULL}}},
    {"vector_pair", vector_pair, .vector = true, .ends = {UB(0, 2)},
     .cases = {{A2A3_STRICT, "1 3", PIPE_RACE, NULL}, {A2A3_DOCUMENTED | A5, "3", 0, NULL}}},
    {"scalar_unit_in_order", scalar_unit_in_order, .cases = CLEAN("2")},
    {"products_in_order", products_in_order, .data = {1, 2}, .ends = {GM(0, 2)}, .cases = CLEAN("6")},
    {"factors_of_one_pipe", factors_of_one_pipe, .data = {1, 2}, .ends = {GM(0, 2)},
     .cases = {{STRICT, "1 2", PIPE_RACE, NULL}, {DOCUMENTED, "2", 0, NULL}}},
    {"sum_without_a_flag", sum_without_a_flag, .data = {1, 2}, .ends = {GM(0, 2)}, .cases = FOUND("2 4", PIPE_RACE)},
    {"sum_behind_a_flag", sum_behind_a_flag, .data = {1, 2}, .ends = {GM(0, 2)}, .cases = CLEAN("4")},
    {"sums_of_one_pipe", sums_of_one_pipe, .data = {1, 2}, .ends = {GM(0, 2)}, .cases = FOUND("2 4", PIPE_RACE)},

    {"no_flag", no_flag, .data = {1}, .ends = {GM(0, 1)}, .cases = FOUND("0 1", PIPE_RACE)},
    {"flag", flag, .data = {1}, .ends = {GM(0, 1)}, .cases = CLEAN("1")},
    {"flag_covers_all_before", flag_covers_all_before, .data = {1}, .ends = {GM(0, 1), GM(0, 2)}, .cases = CLEAN("11")},
    {"flag_covers_nothing_after", flag_covers_nothing_after, .data = {1}, .ends = {GM(0, 1)},
     .cases = FOUND("0 1", PIPE_RACE)},
    {"flag_held_up", flag_held_up, .data = {1}, .ends = {GM(0, 1)}, .cases = FOUND("0 1", PIPE_RACE)},
    {"flag_to_scalar_unit", flag_to_scalar_unit, .cases = CLEAN("1")},
    {"flag_from_scalar_unit", flag_from_scalar_unit, .ends = {UB(0, 0)}, .cases = CLEAN("1")},
    {"flag_set_twice", flag_set_twice, .cases = FOUND("1 !", FLAG_MISUSE)},
    {"flag_set_too_early", flag_set_too_early, .vector = true, .cases = FOUND("1 !", FLAG_MISUSE)},
    {"flag_never_set", flag_never_set, .cases = FOUND("!", FLAG_MISUSE)},
    {"flag_left_set", flag_left_set, .calls = 2, .data = {1}, .ends = {GM(0, 1)},
     .cases = FOUND("0 1", PIPE_RACE | RESIDUE)},
    {"one_id_two_destinations", one_id_two_destinations, .vector = true, .data = {1}, .ends = {GM(0, 1), UB(0, 1)},
     .cases = {{STRICT, "12", FLAG_MISUSE, "silicon was seen to stop here; the machine does not"},
               {DOCUMENTED, "12", 0, NULL}}},

    {"barrier_between_stores", barrier_between_stores, .ends = {GM(0, 0)}, .cases = CLEAN("2")},
    {"barrier_between_loads", barrier_between_loads, .data = {1, 2}, .ends = {UB(0, 0)}, .cases = CLEAN("2")},
    {"barrier_between_vectors", barrier_between_vectors, .vector = true, .ends = {UB(0, 2)}, .cases = CLEAN("3")},
    {"barrier_of_another_pipe", barrier_of_another_pipe, .data = {1}, .ends = {GM(0, 1)},
     .cases = FOUND("0 1", PIPE_RACE)},
    {"barrier_of_all", barrier_of_all, .data = {1}, .ends = {GM(0, 1)}, .cases = CLEAN("1")},
    {"barrier_and_dsb", barrier_and_dsb, .ranks = 2, .ends = {UB(1, 0)}, .cases = CLEAN("1")},
    {"barrier_without_dsb", barrier_without_dsb, .ranks = 2, .ends = {UB(1, 0)}, .cases = FOUND("0 1", EARLY_SIGNAL)},
    {"dsb_without_barrier", dsb_without_barrier, .ranks = 2, .ends = {UB(1, 0)}, .cases = FOUND("0 1", EARLY_SIGNAL)},
    {"flag_and_dsb", flag_and_dsb, .ranks = 2, .ends = {UB(1, 0)}, .cases = CLEAN("1")},
    {"drain_and_dsb", drain_and_dsb, .ranks = 2, .ends = {UB(1, 0)}, .cases = CLEAN("1")},
    {"drain_without_dsb", drain_without_dsb, .ranks = 2, .ends = {UB(1, 0)},
     .cases = {{STRICT, "0 1", EARLY_SIGNAL, NULL}, {DOCUMENTED, "1", 0, NULL}}},
    {"unfenced_store_comes_back", unfenced_store_comes_back, .ranks = 2, .ends = {GM(1, 0)},
     .cases = {{STRICT, "1 2", EARLY_SIGNAL, NULL}, {DOCUMENTED, "2", 0, NULL}}},
    {"notify_overtakes", notify_overtakes, .ranks = 2, .ends = {UB(1, 0)}, .cases = FOUND("0 1", EARLY_SIGNAL)},
    {"second_notify", second_notify, .ranks = 2, .ends = {UB(1, 0)},
     .cases = {{STRICT, "0 1", EARLY_SIGNAL, NULL}, {DOCUMENTED, "1", 0, NULL}}},
    {"second_notify_behind_dsb", second_notify_behind_dsb, .ranks = 2, .ends = {UB(1, 0)},
     .cases = {{STRICT, "0 1", EARLY_SIGNAL, NULL}, {DOCUMENTED, "1", 0, NULL}}},

    {"core_barrier", core_barrier, .blocks = 2, .ends = {UB(1, 0)}, .cases = CLEAN("1")},
    {"core_barrier_drains_nothing", core_barrier_drains_nothing, .blocks = 2, .ends = {UB(1, 0)},
     .cases = FOUND("0 1", RANK_RACE)},
    {"core_barrier_cleans_nothing", core_barrier_cleans_nothing, .blocks = 2, .cases = FOUND("0 1", RANK_RACE)},

    {"return_drains_nothing", return_drains_nothing, .out = true, .cases = FOUND("1 2", EARLY_SIGNAL)},
    {"return_gives_what_is_known", return_gives_what_is_known, .out = true, .cases = CLEAN("1")},
    {"next_call_too_early", next_call_too_early, .calls = 2, .ends = {UB(0, 1)}, .cases = FOUND("0 1", PIPE_RACE)},
    {"next_call", next_call, .calls = 2, .ends = {UB(0, 1)}, .cases = CLEAN("1")},
};

const litmus_file litmus_order = LITMUS_FILE(true, tests);
