/* SPDX-License-Identifier: Apache-2.0 */
/* Rules 8 to 10, the scalar unit's cache; and atomic adds. */
#include "litmus.h"

/* ---- 8. Loads --------------------------------------------------------------------------------------------------- */

/* Rank 0 puts and tells; rank 1 waits, with `before` and `after` around that, and loads. */
#define LOAD_OF_PUT(before, after)                                                                                     \
    do {                                                                                                               \
        if (me(core) == 0) {                                                                                           \
            PUT(core, 1, 0);                                                                                           \
            NOTIFY(core, 1, 0);                                                                                        \
        } else {                                                                                                       \
            before;                                                                                                    \
            WAIT(core, 0, 1);                                                                                          \
            after;                                                                                                     \
            see(0, pto_load_i32(core, address(core, 1, 0)));                                                           \
        }                                                                                                              \
    } while (0)

static void stale_load(pto_core *core)
{
    LOAD_OF_PUT((void)0, (void)0);
}

static void dcci_before_wait(pto_core *core)
{
    LOAD_OF_PUT(pto_dcci(core, address(core, 1, 0)), (void)0);
}

static void dcci_after_wait(pto_core *core)
{
    LOAD_OF_PUT((void)0, pto_dcci(core, address(core, 1, 0)));
}

static void dcci_of_another_line(pto_core *core)
{
    LOAD_OF_PUT((void)0, pto_dcci(core, address(core, 1, PTO_LINE_CELLS)));
}

static void dcci_of_all_lines(pto_core *core)
{
    LOAD_OF_PUT((void)0, pto_dcci_all(core));
}

/* What a line held comes into sight in its order. */
static void loads_do_not_go_back(pto_core *core)
{
    if (me(core) == 0)
        PUT(core, 1, 0);
    else
        for (uint32_t i = 0; i < 2; i++)
            see(i, pto_load_i32(core, address(core, 1, 0)));
}

/* The core's own store to memory, not through the cache. */
static void load_after_tstore(pto_core *core)
{
    PUT(core, 0, 0);
    see(0, pto_load_i32(core, address(core, 0, 0)));
}

static void entry_invalidates(pto_core *core)
{
    if (call_of(core) == 0)
        PUT(core, 0, 0);
    else
        see(0, pto_load_i32(core, address(core, 0, 0)));
}

/* ---- 9. Stores -------------------------------------------------------------------------------------------------- */

/* Rank 0 stores to rank 1, then `and`, then tells; rank 1 waits and loads. */
#define STORE_AND(and)                                                                                                 \
    do {                                                                                                               \
        if (me(core) == 0) {                                                                                           \
            pto_store_i32(core, address(core, 1, 0), 1);                                                               \
            and;                                                                                                       \
            NOTIFY(core, 1, 0);                                                                                        \
        } else {                                                                                                       \
            WAIT(core, 0, 1);                                                                                          \
            pto_tload(core, tile(core, 0), word(core, 1, 0));                                                          \
        }                                                                                                              \
    } while (0)

static void late_store(pto_core *core)
{
    STORE_AND((void)0);
}

static void dsb_without_dcci(pto_core *core)
{
    STORE_AND(pto_dsb(core));
}

static void dcci_without_dsb(pto_core *core)
{
    STORE_AND(pto_dcci(core, address(core, 1, 0)));
}

static void dcci_and_dsb(pto_core *core)
{
    STORE_AND({
        pto_dcci(core, address(core, 1, 0));
        pto_dsb(core);
    });
}

/* Nothing sends it, and it may be there all the same. */
static void early_store(pto_core *core)
{
    if (me(core) == 0)
        pto_store_i32(core, address(core, 1, 0), 1);
    else
        pto_tload(core, tile(core, 0), word(core, 1, 0));
}

static void own_store_is_seen(pto_core *core)
{
    pto_store_i32(core, address(core, 0, 0), 1);
    see(0, pto_load_i32(core, address(core, 0, 0)));
    pto_dcci(core, address(core, 0, 0));
    see(1, pto_load_i32(core, address(core, 0, 0)));
}

/* What the core sees of a store that is in its cache yet, with accesses of another size. */
static void own_store_in_parts(pto_core *core)
{
    if (me(core) == 0) {
        pto_store_i64(core, address(core, 0, 0), (INT64_C(2) << 32) + 1);
        see(0, pto_load_i32(core, address(core, 0, 1)));
        pto_store_i32(core, address(core, 0, 0), 3);
        see(1, pto_load_i64(core, address(core, 0, 0)) & 0xf);
    } else {
        pto_tload(core, tile(core, 0), word(core, 0, 0));
    }
}

/* Both are in the line: when that is cleaned, the first is not there any more. */
static void own_stores_in_order(pto_core *core)
{
    if (me(core) == 0) {
        pto_store_i32(core, address(core, 0, 0), 1);
        pto_store_i32(core, address(core, 0, 0), 2);
        pto_dcci(core, address(core, 0, 0));
        pto_dsb(core);
    } else {
        pto_tload(core, tile(core, 0), word(core, 0, 0));
    }
}

static void tload_of_own_store(pto_core *core)
{
    pto_store_i32(core, address(core, 0, 0), 1);
    pto_tload(core, tile(core, 0), word(core, 0, 0));
}

static void tload_of_cleaned_store(pto_core *core)
{
    PUT_SCALAR(core, 0, 0);
    pto_tload(core, tile(core, 0), word(core, 0, 0));
}

static void return_cleans_nothing(pto_core *core)
{
    pto_global out = pto_arg_tensor(core, 0);
    pto_store_i32(core, out.addr, 1);
    pto_dcci(core, out.addr);
    pto_dsb(core);
    pto_store_i32(core, out.addr, 2);
}

static void entry_cleans(pto_core *core)
{
    if (call_of(core) == 0)
        pto_store_i32(core, address(core, 0, 0), 1);
    else
        pto_tload(core, tile(core, 0), word(core, 0, 0));
}

/* ---- 10. Whole lines -------------------------------------------------------------------------------------------- */

static void neighbours_store(pto_core *core)
{
    PUT_SCALAR(core, 0, me(core));
}

static void lines_of_their_own(pto_core *core)
{
    PUT_SCALAR(core, 0, me(core) * PTO_LINE_CELLS);
}

static void neighbours_set(pto_core *core)
{
    pto_tnotify(core, address(core, 0, me(core)), 1, PTO_NOTIFY_SET);
}

static void neighbours_add(pto_core *core)
{
    pto_tnotify(core, address(core, 0, me(core)), 1, PTO_NOTIFY_ADD);
}

static void set_beside_add(pto_core *core)
{
    pto_tnotify(core, address(core, 0, me(core)), 1, me(core) == 0 ? PTO_NOTIFY_SET : PTO_NOTIFY_ADD);
}

static void store_beside_tstore(pto_core *core)
{
    if (me(core) == 0)
        PUT_SCALAR(core, 0, 0);
    else
        PUT(core, 0, 1);
}

static void store_beside_add(pto_core *core)
{
    if (me(core) == 0)
        PUT_SCALAR(core, 0, 0);
    else
        pto_tnotify(core, address(core, 0, 1), 1, PTO_NOTIFY_ADD);
}

/* Rank 0's word is in memory when rank 1 hears of it; then: */
#define NEIGHBOUR(then)                                                                                                \
    do {                                                                                                               \
        if (me(core) == 0) {                                                                                           \
            PUT_SCALAR(core, 0, 0);                                                                                    \
            NOTIFY(core, 1, 0);                                                                                        \
        } else {                                                                                                       \
            WAIT(core, 0, 1);                                                                                          \
            then;                                                                                                      \
        }                                                                                                              \
    } while (0)

static void neighbour_was_there(pto_core *core)
{
    NEIGHBOUR({
        pto_dcci(core, address(core, 0, 1));
        PUT_SCALAR(core, 0, 1);
    });
}

static void neighbour_after_the_fetch(pto_core *core)
{
    NEIGHBOUR(PUT_SCALAR(core, 0, 1));
}

static void neighbour_comes_later(pto_core *core)
{
    NEIGHBOUR(PUT(core, 0, 1));
}

static void signals_fetch_their_line(pto_core *core)
{
    NEIGHBOUR(pto_tnotify(core, address(core, 0, 1), 1, PTO_NOTIFY_SET));
}

/* The wait has invalidated the cell: a load of it sees what the wait saw. */
static void wait_invalidates_its_cell(pto_core *core)
{
    if (me(core) == 0) {
        NOTIFY(core, 1, 0);
    } else {
        WAIT(core, 0, 1);
        see(0, pto_load_i32(core, cell(core, 1, 0)));
    }
}

/* So has a notify, once it is done: a load of the core that set the cell does not see what was there before. */
static void notify_is_seen_by_own_load(pto_core *core)
{
    see(0, pto_load_i32(core, cell(core, 0, 0)));
    pto_tnotify(core, cell(core, 0, 0), 1, PTO_NOTIFY_SET);
    see(1, pto_load_i32(core, cell(core, 0, 0)));
    NOTIFY(core, 0, 0);
    see(2, pto_load_i32(core, cell(core, 0, 0)));
}

/* ---- Atomic adds ------------------------------------------------------------------------------------------------ */

static void atomic_adds(pto_core *core)
{
    preset(core, tile(core, 0), (int32_t)me(core) + 1);
    pto_tstore_add(core, word(core, 0, 0), tile(core, 0));
}

static void atomic_adds_of_one_pipe(pto_core *core)
{
    preset(core, tile(core, 0), 1);
    preset(core, tile(core, 1), 2);
    pto_tstore_add(core, word(core, 0, 0), tile(core, 0));
    pto_tstore_add(core, word(core, 0, 0), tile(core, 1));
}

static void atomic_adds_of_two_types(pto_core *core)
{
    pto_dtype dtype = me(core) == 0 ? PTO_I32 : PTO_I16;
    preset(core, tile(core, 0), (int32_t)me(core) + 1);
    pto_tstore_add(core, pto_global_1d(address(core, 0, 0), dtype, 1), pto_tile_1d(core, dtype, 0, 1));
}

static void atomic_add_and_store(pto_core *core)
{
    preset(core, tile(core, 0), (int32_t)me(core) + 1);
    if (me(core) == 0)
        pto_tstore(core, word(core, 0, 0), tile(core, 0));
    else
        pto_tstore_add(core, word(core, 0, 0), tile(core, 0));
}

/* ---- What may be seen ------------------------------------------------------------------------------------------- */

static const litmus tests[] = {
    {"stale_load", stale_load, .ranks = 2, .cases = FOUND("0 1", RANK_RACE)},
    {"dcci_before_wait", dcci_before_wait, .ranks = 2, .cases = FOUND("0 1", RANK_RACE)},
    {"dcci_after_wait", dcci_after_wait, .ranks = 2, .cases = CLEAN("1")},
    {"dcci_of_another_line", dcci_of_another_line, .ranks = 2, .cases = FOUND("0 1", RANK_RACE)},
    {"dcci_of_all_lines", dcci_of_all_lines, .ranks = 2, .cases = CLEAN("1")},
    {"loads_do_not_go_back", loads_do_not_go_back, .ranks = 2, .cases = FOUND("00 01 11", RANK_RACE)},
    {"load_after_tstore", load_after_tstore, .cases = FOUND("0 1", PIPE_RACE)},
    {"entry_invalidates", entry_invalidates, .calls = 2, .cases = CLEAN("1")},

    {"late_store", late_store, .ranks = 2, .ends = {UB(1, 0)}, .cases = FOUND("0 1", EARLY_SIGNAL)},
    {"dsb_without_dcci", dsb_without_dcci, .ranks = 2, .ends = {UB(1, 0)}, .cases = FOUND("0 1", EARLY_SIGNAL)},
    {"dcci_without_dsb", dcci_without_dsb, .ranks = 2, .ends = {UB(1, 0)}, .cases = FOUND("0 1", EARLY_SIGNAL)},
    {"dcci_and_dsb", dcci_and_dsb, .ranks = 2, .ends = {UB(1, 0)}, .cases = CLEAN("1")},
    {"early_store", early_store, .ranks = 2, .ends = {UB(1, 0)}, .cases = FOUND("0 1", RANK_RACE)},
    {"own_store_is_seen", own_store_is_seen, .cases = CLEAN("11")},
    {"own_store_in_parts", own_store_in_parts, .ranks = 2, .ends = {UB(1, 0)},
     .cases = FOUND("230 231 233", RANK_RACE)},
    {"own_stores_in_order", own_stores_in_order, .ranks = 2, .ends = {UB(1, 0), GM(0, 0)},
     .cases = FOUND("02 12 22", RANK_RACE)},
    {"tload_of_own_store", tload_of_own_store, .ends = {UB(0, 0)}, .cases = FOUND("0 1", PIPE_RACE)},
    {"tload_of_cleaned_store", tload_of_cleaned_store, .ends = {UB(0, 0)}, .cases = CLEAN("1")},
    {"return_cleans_nothing", return_cleans_nothing, .out = true, .cases = FOUND("1 2", EARLY_SIGNAL)},
    {"entry_cleans", entry_cleans, .calls = 2, .ends = {UB(0, 0)}, .cases = CLEAN("1")},

    {"neighbours_store", neighbours_store, .ranks = 2, .ends = {GM(0, 0), GM(0, 1)},
     .cases = FOUND("11 10 01", LINE_CLOBBER)},
    {"lines_of_their_own", lines_of_their_own, .ranks = 2, .ends = {GM(0, 0), GM(0, 16)}, .cases = CLEAN("11")},
    {"neighbours_set", neighbours_set, .ranks = 2, .ends = {GM(0, 0), GM(0, 1)},
     .cases = FOUND("11 10 01", LINE_CLOBBER)},
    {"neighbours_add", neighbours_add, .ranks = 2, .ends = {GM(0, 0), GM(0, 1)}, .cases = CLEAN("11")},
    {"set_beside_add", set_beside_add, .ranks = 2, .ends = {GM(0, 0), GM(0, 1)}, .cases = FOUND("11 10", LINE_CLOBBER)},
    {"store_beside_tstore", store_beside_tstore, .ranks = 2, .ends = {GM(0, 0), GM(0, 1)},
     .cases = FOUND("11 10", LINE_CLOBBER)},
    {"store_beside_add", store_beside_add, .ranks = 2, .ends = {GM(0, 0), GM(0, 1)},
     .cases = FOUND("11 10", LINE_CLOBBER)},
    {"neighbour_was_there", neighbour_was_there, .ranks = 2, .ends = {GM(0, 0), GM(0, 1)}, .cases = CLEAN("11")},
    {"neighbour_after_the_fetch", neighbour_after_the_fetch, .ranks = 2, .ends = {GM(0, 0), GM(0, 1)},
     .cases = FOUND("11 01", LINE_CLOBBER)},
    {"neighbour_comes_later", neighbour_comes_later, .ranks = 2, .ends = {GM(0, 0), GM(0, 1)}, .cases = CLEAN("11")},
    {"signals_fetch_their_line", signals_fetch_their_line, .ranks = 2, .ends = {GM(0, 0), GM(0, 1)},
     .cases = CLEAN("11")},
    {"wait_invalidates_its_cell", wait_invalidates_its_cell, .ranks = 2, .cases = CLEAN("1")},
    {"notify_is_seen_by_own_load", notify_is_seen_by_own_load, .cases = CLEAN("012")},

    {"atomic_adds", atomic_adds, .ranks = 2, .ends = {GM(0, 0)}, .cases = CLEAN("3")},
    {"atomic_adds_of_one_pipe", atomic_adds_of_one_pipe, .ends = {GM(0, 0)}, .cases = CLEAN("3")},
    {"atomic_adds_of_two_types", atomic_adds_of_two_types, .ranks = 2, .ends = {GM(0, 0)},
     .cases = {{EVERYWHERE, "3", RANK_RACE, "the numbers are small: nothing is carried from one half to the other"}}},
    {"atomic_add_and_store", atomic_add_and_store, .ranks = 2, .ends = {GM(0, 0)}, .cases = FOUND("1 3", RANK_RACE)},
};

const litmus_file litmus_cache = LITMUS_FILE(true, tests);
