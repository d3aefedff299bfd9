/* SPDX-License-Identifier: Apache-2.0 */
/* Rules 11 and 12: when a task of an orchestration starts, and when it is complete. */
#include "litmus.h"

/* ---- What tasks do ---------------------------------------------------------------------------------------------- */

static void idle(pto_core *core)
{
    (void)core;
}

/* Word `at` becomes `value`, and the store has landed. */
static void put(pto_core *core, uint32_t at, int32_t value)
{
    preset(core, tile(core, 0), value);
    pto_tstore(core, word(core, 0, at), tile(core, 0));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
}

static void write_1(pto_core *core)
{
    put(core, 0, 1);
}

/* Each block a word of its own: its number and 1. */
static void write_own_word(pto_core *core)
{
    put(core, pto_block_index(core), (int32_t)pto_block_index(core) + 1);
}

static void write_undrained(pto_core *core)
{
    preset(core, tile(core, 0), 1);
    pto_tstore(core, word(core, 0, 0), tile(core, 0));
}

static void read_word(pto_core *core)
{
    pto_tload(core, tile(core, 0), word(core, 0, 0));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
}

static void read_two_words(pto_core *core)
{
    pto_tload(core, tile(core, 0), word(core, 0, 0));
    pto_tload(core, tile(core, 1), word(core, 0, 1));
}

static void store_scalar(pto_core *core)
{
    pto_store_i32(core, address(core, 0, 0), 1);
}

static void store_scalar_and_clean(pto_core *core)
{
    pto_store_i32(core, address(core, 0, 0), 1);
    pto_dcci(core, address(core, 0, 0));
    pto_dsb(core);
}

static void load_scalar(pto_core *core)
{
    see(0, pto_load_i32(core, address(core, 0, 0)));
}

/* The second block reads what the first wrote, behind their barrier. */
static void meet_and_read(pto_core *core)
{
    if (pto_block_index(core) == 0)
        put(core, 0, 1);
    pto_core_barrier(core);
    if (pto_block_index(core) == 1)
        pto_tload(core, tile(core, 0), word(core, 0, 0));
}

static void meet_nobody(pto_core *core)
{
    pto_core_barrier(core);
}

static void tell(pto_core *core)
{
    pto_tnotify(core, cell(core, 0, 0), 1, PTO_NOTIFY_ADD);
}

static void write_and_tell(pto_core *core)
{
    put(core, 0, 1);
    tell(core);
}

static void tell_too_early(pto_core *core)
{
    preset(core, tile(core, 0), 1);
    pto_tstore(core, word(core, 0, 0), tile(core, 0));
    tell(core);
}

/* The peer's word, and its cell. */
static void send(pto_core *core)
{
    uint32_t peer = 1 - me(core);
    if (me(core) == 1)
        return;
    preset(core, tile(core, 0), 1);
    pto_tstore(core, word(core, peer, 0), tile(core, 0));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_dsb(core);
    pto_tnotify(core, cell(core, peer, 0), 1, PTO_NOTIFY_ADD);
}

/* Rank 0 tells itself, so that its condition holds as well. */
static void send_to_peer(pto_core *core)
{
    send(core);
    if (me(core) == 0)
        tell(core);
}

static void read_own_word(pto_core *core)
{
    if (me(core) == 1)
        pto_tload(core, tile(core, 0), word(core, 1, 0));
}

/* ---- All of them ------------------------------------------------------------------------------------------------ */

#define FIRST  1u
#define SECOND 2u

static const litmus tests[] = {
    {"task_after_task", .task = {{write_1}, {read_word, .after = FIRST}}, .ends = {UB(1, 0)}, .cases = CLEAN("1")},
    {"task_beside_task", .task = {{write_1}, {read_word}}, .ends = {UB(1, 0)}, .cases = FOUND("0 1", RANK_RACE)},
    {"task_after_another", .task = {{write_1}, {idle, .after = FIRST}, {read_word, .after = SECOND}},
     .ends = {UB(2, 0)}, .cases = CLEAN("1")},
    {"task_after_the_wrong_one", .task = {{write_1}, {idle}, {read_word, .after = SECOND}}, .ends = {UB(2, 0)},
     .cases = FOUND("0 1", RANK_RACE)},
    {"task_drains_nothing", .task = {{write_undrained}, {read_word, .after = FIRST}}, .ends = {UB(1, 0)},
     .cases = FOUND("0 1", EARLY_SIGNAL)},
    {"task_cleans_nothing", .task = {{store_scalar}, {load_scalar, .after = FIRST}},
     .cases = FOUND("0 1", EARLY_SIGNAL)},
    {"task_that_cleans", .task = {{store_scalar_and_clean}, {load_scalar, .after = FIRST}}, .cases = CLEAN("1")},
    {"task_of_two_blocks", .task = {{write_own_word, .blocks = 2}, {read_two_words, .after = FIRST}},
     .ends = {UB(2, 0), UB(2, 1)}, .cases = CLEAN("12")},
    {"tasks_meet_among_themselves", .task = {{meet_nobody}, {meet_and_read, .blocks = 2}}, .ends = {UB(2, 0)},
     .cases = CLEAN("1")},
    {"writer_after_reader", .data = {5}, .task = {{read_word}, {write_1}}, .ends = {UB(0, 0)},
     .cases = FOUND("5 1", RANK_RACE)},
    {"writer_waits_for_reader", .data = {5}, .task = {{read_word}, {write_1, .after = FIRST}}, .ends = {UB(0, 0)},
     .cases = CLEAN("5")},

    {"condition", .task = {{idle, .until = 1}, {write_and_tell}, {read_word, .after = FIRST}}, .ends = {UB(2, 0)},
     .cases = CLEAN("1")},
    {"condition_of_a_peer", .ranks = 2, .task = {{send_to_peer, .until = 1}, {read_own_word, .after = FIRST}},
     .ends = {UB(3, 0)}, .cases = CLEAN("1")},
    {"condition_and_no_dependency", .task = {{idle, .until = 1}, {write_and_tell}, {read_word}}, .ends = {UB(2, 0)},
     .cases = FOUND("0 1", RANK_RACE)},
    {"condition_overtakes", .task = {{idle, .until = 1}, {tell_too_early}, {read_word, .after = FIRST}},
     .ends = {UB(2, 0)}, .cases = FOUND("0 1", RANK_RACE)},
    {"condition_that_either_meets", .task = {{idle, .until = 1}, {write_and_tell}, {read_word, .after = FIRST}, {tell}},
     .ends = {UB(2, 0)}, .cases = FOUND("0 1", RANK_RACE)},
    {"condition_that_both_meet", .task = {{idle, .until = 2}, {write_and_tell}, {read_word, .after = FIRST}, {tell}},
     .ends = {UB(2, 0)}, .cases = CLEAN("1")},
    {"condition_that_is_never_met", .task = {{idle, .until = 2}, {tell}, {idle, .after = FIRST}},
     .cases = FOUND("!", DEADLOCK)},
};

const litmus_file litmus_tasks = LITMUS_FILE(true, tests);
