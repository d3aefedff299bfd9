/* SPDX-License-Identifier: Apache-2.0 */
/* Rule 6: what notifies, waits and tests can answer, and what a wait learns. */
#include "litmus.h"

/* ---- Answers ---------------------------------------------------------------------------------------------------- */

static bool test_cell(pto_core *core, uint32_t line)
{
    return pto_ttest(core, pto_cell(cell(core, me(core), line)), 1, PTO_GE);
}

static void seen_or_not(pto_core *core)
{
    if (me(core) == 0)
        NOTIFY(core, 1, 0);
    else
        see(0, test_cell(core, 0));
}

/* Two notifies arrive in their order: who sees the second sees the first. */
static void message_passing(pto_core *core)
{
    if (me(core) == 0) {
        NOTIFY(core, 1, 0);
        NOTIFY(core, 1, 1);
    } else {
        see(0, test_cell(core, 1));
        see(1, test_cell(core, 0));
    }
}

/* Each notifies the other, then looks: not both miss. */
static void store_buffering(pto_core *core)
{
    NOTIFY(core, 1 - me(core), 0);
    see(me(core), test_cell(core, 0));
}

static void polling(pto_core *core)
{
    if (me(core) == 0)
        NOTIFY(core, 1, 0);
    else
        while (!test_cell(core, 0))
            ;
    see(me(core), 1);
}

/* An equality that two additions can pass by. */
static void overshoot(pto_core *core)
{
    if (me(core) == 0) {
        NOTIFY(core, 1, 0);
        NOTIFY(core, 1, 0);
    } else {
        pto_twait(core, pto_cell(cell(core, 1, 0)), 1, PTO_EQ);
        see(0, 1);
    }
}

static void cross_wait(pto_core *core)
{
    WAIT(core, 0, 1);
    NOTIFY(core, 1 - me(core), 0);
    see(me(core), 1);
}

/* ---- What a wait learns ----------------------------------------------------------------------------------------- */

/* Rank 0 puts to rank 1 and adds, rank 1 adds itself, waits for `goal`, and loads. */
#define COUNT_TO(goal)                                                                                                 \
    do {                                                                                                               \
        if (me(core) == 0) {                                                                                           \
            PUT_SCALAR(core, 1, 0);                                                                                    \
            NOTIFY(core, 1, 0);                                                                                        \
        } else {                                                                                                       \
            NOTIFY(core, 1, 0);                                                                                        \
            WAIT(core, 0, goal);                                                                                       \
            pto_dcci(core, address(core, 1, 0));                                                                       \
            see(0, pto_load_i32(core, address(core, 1, 0)));                                                           \
        }                                                                                                              \
    } while (0)

static void either_will_do(pto_core *core)
{
    COUNT_TO(1);
}

static void both_are_needed(pto_core *core)
{
    COUNT_TO(2);
}

/* Rank 0 tells rank 1, who tells rank 2, for whom the data is. */
static void told_by_another(pto_core *core)
{
    if (me(core) == 0) {
        PUT(core, 2, 0);
        NOTIFY(core, 1, 0);
    } else if (me(core) == 1) {
        WAIT(core, 0, 1);
        NOTIFY(core, 2, 0);
    } else {
        WAIT(core, 0, 1);
        pto_tload(core, tile(core, 0), word(core, 2, 0));
    }
}

/* A successful test learns what a wait would. */
static void test_learns(pto_core *core)
{
    if (me(core) == 0) {
        PUT(core, 1, 0);
        NOTIFY(core, 1, 0);
    } else if (test_cell(core, 0)) {
        pto_tload(core, tile(core, 0), word(core, 1, 0));
        see(0, 1);
    } else {
        preset(core, tile(core, 0), 1);
        see(0, 0);
    }
}

static void failed_test_learns_nothing(pto_core *core)
{
    if (me(core) == 0) {
        PUT(core, 1, 0);
        NOTIFY(core, 1, 0);
    } else {
        (void)test_cell(core, 0);
        pto_tload(core, tile(core, 0), word(core, 1, 0));
    }
}

/* Two notifies; the data is there with the second. The waiter waits twice, for: */
#define TWO_ROUNDS(second)                                                                                             \
    do {                                                                                                               \
        if (me(core) == 0) {                                                                                           \
            NOTIFY(core, 1, 0);                                                                                        \
            PUT(core, 1, 0);                                                                                           \
            NOTIFY(core, 1, 0);                                                                                        \
        } else {                                                                                                       \
            WAIT(core, 0, 1);                                                                                          \
            WAIT(core, 0, second);                                                                                     \
            pto_tload(core, tile(core, 0), word(core, 1, 0));                                                          \
        }                                                                                                              \
    } while (0)

static void same_count_again(pto_core *core)
{
    TWO_ROUNDS(1);
}

static void next_count(pto_core *core)
{
    TWO_ROUNDS(2);
}

/* ---- Cells with two writers ------------------------------------------------------------------------------------- */

static void adds_to_one_cell(pto_core *core)
{
    pto_tnotify(core, address(core, 0, 0), (int32_t)me(core) + 1, PTO_NOTIFY_ADD);
}

static void sets_of_one_cell(pto_core *core)
{
    pto_tnotify(core, address(core, 0, 0), (int32_t)me(core) + 1, PTO_NOTIFY_SET);
}

static void set_and_add(pto_core *core)
{
    pto_tnotify(core, address(core, 0, 0), (int32_t)me(core) + 1, me(core) == 0 ? PTO_NOTIFY_SET : PTO_NOTIFY_ADD);
}

/* ---- What may be seen ------------------------------------------------------------------------------------------- */

static const litmus tests[] = {
    {"seen_or_not", seen_or_not, .ranks = 2, .cases = CLEAN("0 1")},
    {"message_passing", message_passing, .ranks = 2, .cases = CLEAN("00 01 11")},
    {"store_buffering", store_buffering, .ranks = 2, .cases = CLEAN("01 10 11")},
    {"polling", polling, .ranks = 2, .cases = CLEAN("11")},
    {"overshoot", overshoot, .ranks = 2, .cases = FOUND("1 !", DEADLOCK)},
    {"cross_wait", cross_wait, .ranks = 2, .cases = FOUND("!", DEADLOCK)},

    {"either_will_do", either_will_do, .ranks = 2, .cases = FOUND("0 1", RANK_RACE)},
    {"both_are_needed", both_are_needed, .ranks = 2, .cases = CLEAN("1")},
    {"told_by_another", told_by_another, .ranks = 3, .ends = {UB(2, 0)}, .cases = CLEAN("1")},
    {"test_learns", test_learns, .ranks = 2, .ends = {UB(1, 0)}, .cases = CLEAN("01 11")},
    {"failed_test_learns_nothing", failed_test_learns_nothing, .ranks = 2, .ends = {UB(1, 0)},
     .cases = FOUND("0 1", RANK_RACE)},
    {"same_count_again", same_count_again, .ranks = 2, .ends = {UB(1, 0)}, .cases = FOUND("0 1", STALE_SIGNAL)},
    {"next_count", next_count, .ranks = 2, .ends = {UB(1, 0)}, .cases = CLEAN("1")},

    {"adds_to_one_cell", adds_to_one_cell, .ranks = 2, .ends = {GM(0, 0)}, .cases = CLEAN("3")},
    {"sets_of_one_cell", sets_of_one_cell, .ranks = 2, .ends = {GM(0, 0)}, .cases = FOUND("1 2", SIGNAL_MISUSE)},
    {"set_and_add", set_and_add, .ranks = 2, .ends = {GM(0, 0)}, .cases = FOUND("1 3", SIGNAL_MISUSE)},
};

const litmus_file litmus_signals = LITMUS_FILE(true, tests);
