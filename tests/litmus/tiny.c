/* SPDX-License-Identifier: Apache-2.0 */
/* Tiny kernels that mix the rules, for the explorer against all interleavings. */
#include "litmus.h"

/* ---- Pipes and flags -------------------------------------------------------------------------------------------- */

#define FLAG(core, from, to, id)                                                                                       \
    do {                                                                                                               \
        pto_set_flag((core), PTO_PIPE_##from, PTO_PIPE_##to, (id));                                                    \
        pto_wait_flag((core), PTO_PIPE_##from, PTO_PIPE_##to, (id));                                                   \
    } while (0)

static void load_add_store(pto_core *core)
{
    preset(core, tile(core, 1), 0);
    pto_tload(core, tile(core, 0), word(core, 0, 0));
    FLAG(core, MTE2, V, 0);
    pto_tadds(core, tile(core, 1), tile(core, 0), 1);
    FLAG(core, V, MTE3, 0);
    pto_tstore(core, word(core, 0, 1), tile(core, 1));
}

/* One tile is used twice, with flags 0 and 1 forward; and `back` before its second load. */
#define TWO_CHUNKS(back)                                                                                               \
    do {                                                                                                               \
        pto_tload(core, tile(core, 0), word(core, 0, 0));                                                              \
        FLAG(core, MTE2, MTE3, 0);                                                                                     \
        pto_tstore(core, word(core, 0, 2), tile(core, 0));                                                             \
        back;                                                                                                          \
        pto_tload(core, tile(core, 0), word(core, 0, 1));                                                              \
        FLAG(core, MTE2, MTE3, 1);                                                                                     \
        pto_tstore(core, word(core, 0, 3), tile(core, 0));                                                             \
    } while (0)

static void two_chunks(pto_core *core)
{
    TWO_CHUNKS(FLAG(core, MTE3, MTE2, 0));
}

static void two_chunks_no_way_back(pto_core *core)
{
    TWO_CHUNKS((void)0);
}

/* The flag toward PIPE_V is set anew while PIPE_V may still be before its first wait, which the other flag holds up. */
static void flag_again_behind_another(pto_core *core)
{
    preset(core, tile(core, 0), 1);
    preset(core, tile(core, 1), 1);
    pto_tstore(core, word(core, 0, 1), tile(core, 0));
    pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_V, 0);
    pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 1);
    pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_V, 0);
    pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, 1);
    FLAG(core, MTE2, V, 1);
    pto_tadds(core, tile(core, 1), tile(core, 1), 1);
}

/* ---- Data and signals ------------------------------------------------------------------------------------------- */

/* Rank 0 stores what it loads to rank 1, which loads it when it is told. Between the load and the store: */
#define SEND(between)                                                                                                  \
    do {                                                                                                               \
        preset(core, tile(core, 0), 0);                                                                                \
        if (me(core) == 0) {                                                                                           \
            pto_tload(core, tile(core, 0), word(core, 0, 0));                                                          \
            between;                                                                                                   \
            pto_tstore(core, word(core, 1, 1), tile(core, 0));                                                         \
            FLAG(core, MTE3, S, 0);                                                                                    \
            pto_dsb(core);                                                                                             \
            NOTIFY(core, 1, 0);                                                                                        \
        } else {                                                                                                       \
            WAIT(core, 0, 1);                                                                                          \
            pto_tload(core, tile(core, 0), word(core, 1, 1));                                                          \
        }                                                                                                              \
    } while (0)

static void send(pto_core *core)
{
    SEND(FLAG(core, MTE2, MTE3, 0));
}

static void send_what_is_not_loaded(pto_core *core)
{
    SEND((void)0);
}

static void there_and_back(pto_core *core)
{
    preset(core, tile(core, 0), 0);
    if (me(core) == 0) {
        PUT(core, 1, 0);
        NOTIFY(core, 1, 0);
        WAIT(core, 0, 1);
        pto_tload(core, tile(core, 0), word(core, 0, 0));
    } else {
        WAIT(core, 0, 1);
        pto_tload(core, tile(core, 0), word(core, 1, 0));
        pto_pipe_barrier(core, PTO_PIPE_ALL);
        pto_tadds(core, tile(core, 0), tile(core, 0), 1);
        pto_pipe_barrier(core, PTO_PIPE_ALL);
        pto_tstore(core, word(core, 0, 0), tile(core, 0));
        pto_pipe_barrier(core, PTO_PIPE_ALL);
        pto_dsb(core);
        NOTIFY(core, 0, 0);
    }
}

/* Both notify, both wait; one has put. */
static void exchange(pto_core *core)
{
    if (me(core) == 0)
        PUT_SCALAR(core, 1, 0);
    NOTIFY(core, 1 - me(core), 0);
    WAIT(core, 0, 1);
    if (me(core) == 1)
        pto_tload(core, tile(core, 0), word(core, 1, 0));
}

static void exchange_without_wait(pto_core *core)
{
    pto_store_i32(core, address(core, 1 - me(core), 0), 1);
    pto_tload(core, tile(core, 0), word(core, me(core), 0));
}

static void mailbox(pto_core *core)
{
    if (me(core) == 0) {
        PUT_SCALAR(core, 1, 0);
        NOTIFY(core, 1, 0);
        WAIT(core, 0, 1);
        pto_dcci(core, address(core, 0, 0));
        see(0, pto_load_i32(core, address(core, 0, 0)));
    } else {
        WAIT(core, 0, 1);
        pto_dcci(core, address(core, 1, 0));
        pto_store_i32(core, address(core, 0, 0), pto_load_i32(core, address(core, 1, 0)) + 1);
        pto_dcci(core, address(core, 0, 0));
        pto_dsb(core);
        NOTIFY(core, 0, 0);
    }
}

static void put_by_composite(pto_core *core)
{
    if (me(core) == 0) {
        pto_tput(core, word(core, 1, 1), word(core, 0, 0), tile(core, 0), PTO_NO_TILE);
        pto_pipe_barrier(core, PTO_PIPE_ALL);
        pto_dsb(core);
        NOTIFY(core, 1, 0);
    } else {
        WAIT(core, 0, 1);
        pto_tload(core, tile(core, 0), word(core, 1, 1));
    }
}

/* With one rank, whose return the host takes for the signal: with two there are too many interleavings to try. */
static void composite_is_not_drained(pto_core *core)
{
    preset(core, tile(core, 1), 2);
    pto_tstore(core, out(core), tile(core, 1));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tput(core, out(core), word(core, 0, 0), tile(core, 0), PTO_NO_TILE);
}

/* ---- Tests ------------------------------------------------------------------------------------------------------ */

static bool test_cell(pto_core *core, uint32_t line)
{
    return pto_ttest(core, pto_cell(cell(core, me(core), line)), 1, PTO_GE);
}

static void poll_then_load(pto_core *core)
{
    if (me(core) == 0) {
        PUT(core, 1, 0);
        NOTIFY(core, 1, 0);
    } else {
        while (!test_cell(core, 0))
            ;
        pto_tload(core, tile(core, 0), word(core, 1, 0));
    }
}

/* Until one of two has come, the later one asked for first. */
static void poll_two_cells(pto_core *core)
{
    if (me(core) == 0) {
        NOTIFY(core, 1, 0);
        NOTIFY(core, 1, 1);
    } else {
        bool later = false, first = false;
        while (!later && !first) {
            later = test_cell(core, 1);
            first = test_cell(core, 0);
        }
        see(0, later);
        see(1, first);
    }
}

/* A loop for a count that comes in steps, each of which wakes it. */
static void poll_for_two(pto_core *core)
{
    if (me(core) == 0) {
        NOTIFY(core, 1, 0);
        PUT_SCALAR(core, 1, 0);
        NOTIFY(core, 1, 0);
    } else {
        while (!pto_ttest(core, pto_cell(cell(core, 1, 0)), 2, PTO_EQ))
            ;
        pto_dcci(core, address(core, 1, 0));
        see(0, pto_load_i32(core, address(core, 1, 0)));
    }
}

/* Loads the newest of two that is announced. */
static void newest(pto_core *core)
{
    if (me(core) == 0) {
        PUT_SCALAR(core, 1, 0);
        NOTIFY(core, 1, 0);
        PUT_SCALAR(core, 1, PTO_LINE_CELLS);
        NOTIFY(core, 1, 1);
    } else {
        WAIT(core, 0, 1);
        bool both = test_cell(core, 1);
        pto_tload(core, tile(core, 0), word(core, 1, both ? PTO_LINE_CELLS : 0));
        see(0, both);
    }
}

/* ---- Counters with several writers ------------------------------------------------------------------------------ */

/* Ranks 0 and 1 notify rank 2, rank 0 of data, rank 1 `twice` or once; it waits for `goal`. */
#define COUNTER(times, goal)                                                                                           \
    do {                                                                                                               \
        if (me(core) == 0) {                                                                                           \
            PUT_SCALAR(core, 2, 0);                                                                                    \
            NOTIFY(core, 2, 0);                                                                                        \
        } else if (me(core) == 1) {                                                                                    \
            for (int i = 0; i < (times); i++)                                                                          \
                NOTIFY(core, 2, 0);                                                                                    \
        } else {                                                                                                       \
            WAIT(core, 0, goal);                                                                                       \
            pto_tload(core, tile(core, 0), word(core, 2, 0));                                                          \
        }                                                                                                              \
    } while (0)

static void counter_of_all(pto_core *core)
{
    COUNTER(2, 3);
}

static void counter_of_some(pto_core *core)
{
    COUNTER(2, 2);
}

/* Any two of three: what is learned differs, and is not made use of. */
static void any_two_of_three(pto_core *core)
{
    if (me(core) == 2)
        WAIT(core, 0, 2);
    for (uint32_t i = 0; i < 2 - me(core); i++)
        NOTIFY(core, 2, 0);
    see(me(core), 1);
}

/* Two cells, waited for by one instruction. */
static void wait_for_two_cells(pto_core *core)
{
    if (me(core) == 0) {
        NOTIFY(core, 1, 1);
        PUT_SCALAR(core, 1, 0);
        NOTIFY(core, 1, 0);
    } else {
        pto_twait(core, pto_cell_block(cell(core, 1, 0), 2, PTO_LINE_CELLS), 1, PTO_GE);
        pto_tload(core, tile(core, 0), word(core, 1, 0));
    }
}

/* ---- Blocks ----------------------------------------------------------------------------------------------------- */

static void sum_of_blocks(pto_core *core)
{
    preset(core, tile(core, 0), (int32_t)pto_block_index(core) + 1);
    pto_tstore_add(core, word(core, 0, 0), tile(core, 0));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_core_barrier(core);
    if (pto_block_index(core) == 1)
        pto_tload(core, tile(core, 1), word(core, 0, 0));
}

/* The first block of rank 0 stores, the second announces it to rank 1. */
static void announced_by_another_block(pto_core *core)
{
    if (me(core) == 0 && pto_block_index(core) == 0)
        PUT_SCALAR(core, 1, 0);
    if (me(core) == 0)
        pto_core_barrier(core);
    if (me(core) == 0 && pto_block_index(core) == 1)
        NOTIFY(core, 1, 0);
    if (me(core) == 1 && pto_block_index(core) == 0) {
        WAIT(core, 0, 1);
        pto_tload(core, tile(core, 0), word(core, 1, 0));
    }
}

/* ---- Calls ------------------------------------------------------------------------------------------------------ */

/* In each call rank 0 sends its number, from 1, by the word `at`; rank 1 keeps them apart. Rank 1 does `then`, rank 0 `first`. */
#define CALLS(at, first, then)                                                                                         \
    do {                                                                                                               \
        int32_t number = (int32_t)call_of(core) + 1;                                                                   \
        if (me(core) == 0) {                                                                                           \
            first;                                                                                                     \
            pto_store_i32(core, address(core, 1, (at)), number);                                                       \
            pto_dcci(core, address(core, 1, (at)));                                                                    \
            pto_dsb(core);                                                                                             \
            NOTIFY(core, 1, 0);                                                                                        \
        } else {                                                                                                       \
            WAIT(core, 0, number);                                                                                     \
            pto_dcci(core, address(core, 1, (at)));                                                                    \
            see(number - 1, pto_load_i32(core, address(core, 1, (at))));                                               \
            then;                                                                                                      \
        }                                                                                                              \
    } while (0)

static void calls_that_alternate(pto_core *core)
{
    CALLS(call_of(core) % 2 * PTO_LINE_CELLS, (void)0, (void)0);
}

static void calls_that_reuse(pto_core *core)
{
    CALLS(0, (void)0, (void)0);
}

static void calls_that_answer(pto_core *core)
{
    CALLS(0, WAIT(core, 0, number - 1), NOTIFY(core, 0, 0));
}

/* ---- What may be seen ------------------------------------------------------------------------------------------- */

static const litmus tests[] = {
    {"load_add_store", load_add_store, .vector = true, .data = {1}, .ends = {GM(0, 1)}, .cases = CLEAN("2")},
    {"two_chunks", two_chunks, .data = {1, 2}, .ends = {GM(0, 2), GM(0, 3)}, .cases = CLEAN("12")},
    {"two_chunks_no_way_back", two_chunks_no_way_back, .data = {1, 2}, .ends = {GM(0, 2), GM(0, 3)},
     .cases = {{STRICT, "11 12 22", PIPE_RACE}, {DOCUMENTED, "12 22", PIPE_RACE}}},
    {"flag_again_behind_another", flag_again_behind_another, .vector = true, .ends = {UB(0, 1)},
     .cases = FOUND("2 !", FLAG_MISUSE)},

    {"send", send, .ranks = 2, .data = {1}, .ends = {UB(1, 0)}, .cases = CLEAN("1")},
    {"send_what_is_not_loaded", send_what_is_not_loaded, .ranks = 2, .data = {1}, .ends = {UB(1, 0)},
     .cases = FOUND("0 1", PIPE_RACE)},
    {"there_and_back", there_and_back, .vector = true, .ranks = 2, .ends = {UB(0, 0)}, .cases = CLEAN("2")},
    {"exchange", exchange, .ranks = 2, .ends = {UB(1, 0)}, .cases = CLEAN("1")},
    {"exchange_without_wait", exchange_without_wait, .ranks = 2, .ends = {UB(0, 0), UB(1, 0)},
     .cases = FOUND("00 01 10 11", RANK_RACE)},
    {"mailbox", mailbox, .ranks = 2, .cases = CLEAN("2")},
    {"put_by_composite", put_by_composite, .ranks = 2, .data = {1}, .ends = {UB(1, 0)}, .cases = CLEAN("1")},
    {"composite_is_not_drained", composite_is_not_drained, .data = {1}, .out = true,
     .cases = FOUND("1 2", EARLY_SIGNAL)},

    {"poll_then_load", poll_then_load, .ranks = 2, .ends = {UB(1, 0)}, .cases = CLEAN("1")},
    {"poll_two_cells", poll_two_cells, .ranks = 2, .cases = CLEAN("01 11")},
    {"poll_for_two", poll_for_two, .ranks = 2, .cases = CLEAN("1")},
    {"newest", newest, .ranks = 2, .ends = {UB(1, 0)}, .cases = CLEAN("01 11")},

    {"counter_of_all", counter_of_all, .ranks = 3, .ends = {UB(2, 0)}, .cases = CLEAN("1")},
    {"counter_of_some", counter_of_some, .ranks = 3, .ends = {UB(2, 0)}, .cases = FOUND("0 1", RANK_RACE)},
    {"any_two_of_three", any_two_of_three, .ranks = 3, .cases = CLEAN("111")},
    {"wait_for_two_cells", wait_for_two_cells, .ranks = 2, .ends = {UB(1, 0)}, .cases = CLEAN("1")},

    {"sum_of_blocks", sum_of_blocks, .blocks = 2, .ends = {UB(1, 1)}, .cases = CLEAN("3")},
    {"announced_by_another_block", announced_by_another_block, .ranks = 2, .blocks = 2, .ends = {UB(2, 0)},
     .cases = CLEAN("1")},

    {"calls_that_alternate", calls_that_alternate, .ranks = 2, .calls = 2, .cases = CLEAN("12")},
    {"calls_that_reuse", calls_that_reuse, .ranks = 2, .calls = 2, .cases = FOUND("12 22", REUSE_RACE)},
    {"calls_that_answer", calls_that_answer, .ranks = 2, .calls = 2, .cases = CLEAN("12")},
};

const litmus_file litmus_tiny = LITMUS_FILE(false, tests);
