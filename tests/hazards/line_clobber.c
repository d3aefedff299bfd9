/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

/* Two writers in one line, one of which moves all of it. What is lost is a signal or data. */

/* The cells of a barrier lie side by side: the Set of one rank writes back what its neighbour's cell held before. */
static void barrier_of_packed_cells(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t stride = PTO_LINE_CELLS;
    WRONG stride = 1;
    pto_addr mine = p.signals.addr + 4ull * stride * p.me;
    int32_t turn = pto_load_i32(core, mine);
    pto_tget(core, p.out, p.in, p.tile, PTO_NO_TILE);
    drain(core);
    for (uint32_t rank = 0; rank < p.ranks; rank++)
        pto_tnotify(core, pto_peer_addr(p.comm, mine, rank), turn + 1, PTO_NOTIFY_SET); /* FOUND */
    pto_twait(core, pto_cell_block(p.signals.addr, p.ranks, stride), turn, PTO_NE);
}

/* Cells need not begin their lines, they only need lines of their own: half a line apart, two of three share one. */
static void cells_half_a_line_apart(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint32_t stride = PTO_LINE_CELLS;
    WRONG stride = PTO_LINE_CELLS / 2;
    pto_addr first = my_cell(&p, p.ranks) + PTO_LINE_BYTES / 2, theirs = first + 4ull * stride * p.me;
    pto_tget(core, p.out, p.in, p.tile, PTO_NO_TILE);
    if (p.me > 0)
        pto_tnotify(core, pto_peer_addr(p.comm, theirs, 0), turn + 1, PTO_NOTIFY_SET); /* FOUND */
    else
        pto_twait(core, pto_cell_block(first + 4ull * stride, p.ranks - 1, stride), turn, PTO_NE);
    cross(core, &p, LEAVE, turn);
}

/* Counters of two writers may share a line while both only add: an add is done in memory, a Set moves the line. */
static void packed_counters(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint32_t how = PTO_NOTIFY_ADD;
    WRONG how = PTO_NOTIFY_SET;
    pto_addr counters = my_cell(&p, p.ranks);
    pto_tget(core, p.out, p.in, p.tile, PTO_NO_TILE);
    if (p.me > 0)
        pto_tnotify(core, pto_peer_addr(p.comm, counters + 4 * p.me, 0), 1, how); /* FOUND */
    else
        pto_twait(core, pto_cell_block(counters + 4, p.ranks - 1, 1), 1, PTO_EQ);
    for (uint32_t rank = 1; rank < p.ranks && p.me == 0; rank++)
        pto_tnotify(core, counters + 4 * rank, -1, PTO_NOTIFY_ADD);
    cross(core, &p, LEAVE, turn);
}

/* One cell is added to by rank 2, another is Set by rank 1: the Set takes back an add that it knows nothing of. */
static void ready_flag_beside_counter(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_addr counter = my_cell(&p, 3), ready = my_cell(&p, 4);
    WRONG ready = counter + 4 * 15;
    pto_tget(core, p.out, p.in, p.tile, PTO_NO_TILE);
    if (p.me == 1)
        pto_tnotify(core, pto_peer_addr(p.comm, ready, 0), turn + 1, PTO_NOTIFY_SET); /* FOUND */
    if (p.me == 2)
        pto_tnotify(core, pto_peer_addr(p.comm, counter, 0), 1, PTO_NOTIFY_ADD); /* FOUND */
    if (p.me == 0) {
        pto_twait(core, pto_cell(ready), turn, PTO_NE);
        pto_twait(core, pto_cell(counter), turn, PTO_NE);
    }
    cross(core, &p, LEAVE, turn);
}

/* A rank keeps its own state, a word that its scalar unit stores, in the line in which a peer adds to a counter. */
static void own_state_beside_signal(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_addr arrived = my_cell(&p, 2), state = my_cell(&p, 3);
    WRONG state = arrived + 4;
    pto_tget(core, p.out, p.in, p.tile, PTO_NO_TILE);
    pto_tnotify(core, pto_peer_addr(p.comm, arrived, p.next), 1, PTO_NOTIFY_ADD); /* FOUND */
    pto_store_i32(core, state, turn + 1);                                         /* FOUND */
    pto_dcci(core, state);
    pto_dsb(core);
    pto_twait(core, pto_cell(arrived), turn, PTO_NE);
    cross(core, &p, LEAVE, turn);
}

/* Two blocks store half of out each, word by word: in halves they have lines of their own, in turns they share each. */
static void interleaved_blocks(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t block = pto_block_index(core);
    for (uint32_t i = 0; i < COUNT / 2; i++) {
        uint64_t at = 4ull * (block * (COUNT / 2) + i);
        WRONG at = 4ull * (2 * i + block);
        pto_store_f32(core, p.out.addr + at, pto_load_f32(core, p.in.addr + at)); /* FOUND */
    }
    pto_dcci_all(core);
    pto_dsb(core);
}

/* The end of a row goes by the scalar unit, whose cache may hold the line as it was before the TSTORE. */
static void scalar_tail_of_a_tile(pto_core *core)
{
    parts p = parts_of(core);
    pto_tile most = pto_tile_valid(p.tile, 1, COUNT - 8);
    pto_tload(core, most, pto_slice(p.in, 0, COUNT - 8));
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, pto_slice(p.out, 0, COUNT - 8), most); /* FOUND */
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    RIGHT pto_dcci(core, p.out.addr + 4ull * (COUNT - 8));
    for (uint64_t i = COUNT - 8; i < COUNT; i++)
        pto_store_f32(core, p.out.addr + 4 * i, pto_load_f32(core, p.in.addr + 4 * i)); /* FOUND */
    pto_dcci_all(core);
    drain(core);
}

/* A composite returns before its last store has landed: a word stored beside it may carry the line as it was. */
static void word_behind_a_tget(pto_core *core)
{
    parts p = parts_of(core);
    pto_addr last = p.out.addr + 4ull * (COUNT - 1);
    pto_tget(core, pto_slice(p.out, 0, COUNT - 1), pto_slice(p.in, 0, COUNT - 1), p.tile, p.tile2); /* FOUND */
    RIGHT pto_pipe_barrier(core, PTO_PIPE_MTE3);
    pto_dsb(core);
    pto_dcci(core, last);
    pto_store_f32(core, last, pto_load_f32(core, p.in.addr + 4ull * (COUNT - 1))); /* FOUND */
    pto_dcci(core, last);
    drain(core);
}

/* A header is not cleaned before the peer is let into the rest of its line: it leaves the cache whenever it likes. */
static void header_not_cleaned(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_global data = pto_slice(whole_scratch(core, &p), 8, COUNT);
    pto_store_f32(core, p.scratch.addr, 1.0f); /* FOUND */
    RIGHT pto_dcci(core, p.scratch.addr);
    cross(core, &p, COME, turn);
    pto_tput(core, pto_peer(p.comm, data, p.next), p.in, p.tile, PTO_NO_TILE); /* FOUND */
    cross(core, &p, LEAVE, turn);
    pto_tget(core, p.out, data, p.tile, PTO_NO_TILE);
    drain(core);
}

/* Peers add to an accumulator in memory; the tag that its owner stores beside it takes the line back to what it was. */
static void tag_beside_accumulator(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_global sum = pto_slice(whole_scratch(core, &p), 8, COUNT);
    pto_addr tag = p.scratch.addr + 5 * PTO_LINE_BYTES;
    WRONG tag = p.scratch.addr;
    pto_tput_add(core, pto_peer(p.comm, sum, p.next), p.in, p.tile, PTO_NO_TILE); /* FOUND */
    pto_store_f32(core, tag, (float)turn);                                        /* FOUND */
    pto_dcci(core, tag);
    cross(core, &p, COME, turn);
    pto_tget(core, p.out, sum, p.tile, PTO_NO_TILE);
    pto_tfill(core, p.tile2, 0);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, sum, p.tile2);
    cross(core, &p, LEAVE, turn);
}

/* The reader notes in its own window, by Set, that it is there: in the line in which the data of its peer begins. */
static void own_set_beside_data(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_global data = pto_slice(whole_scratch(core, &p), 8, COUNT);
    pto_addr here = my_cell(&p, 2);
    WRONG here = p.scratch.addr + 4;
    pto_tput(core, pto_peer(p.comm, data, p.next), p.in, p.tile, PTO_NO_TILE); /* FOUND */
    pto_tnotify(core, here, turn + 1, PTO_NOTIFY_SET);                         /* FOUND */
    cross(core, &p, COME, turn);
    pto_tget(core, p.out, data, p.tile, PTO_NO_TILE);
    cross(core, &p, LEAVE, turn);
}

/* Two ranks may Set neighbours if one comes after the other: the second waits for a token that the first sends last. */
static void line_handed_on(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_addr cells = my_cell(&p, 3), token = my_cell(&p, 4);
    pto_tget(core, p.out, p.in, p.tile, PTO_NO_TILE);
    if (p.me == 1) {
        pto_tnotify(core, pto_peer_addr(p.comm, cells, 0), turn + 1, PTO_NOTIFY_SET); /* FOUND */
        pto_tnotify(core, pto_peer_addr(p.comm, token, 2), turn + 1, PTO_NOTIFY_SET);
    }
    if (p.me == 2) {
        RIGHT pto_twait(core, pto_cell(token), turn, PTO_NE);
        pto_tnotify(core, pto_peer_addr(p.comm, cells + 4, 0), turn + 1, PTO_NOTIFY_SET); /* FOUND */
    }
    if (p.me == 0)
        pto_twait(core, pto_cell_block(cells, 2, 1), turn, PTO_NE);
    cross(core, &p, LEAVE, turn);
}

/* Ranks 1 and 2 report in turns, a call each: one who does not wait for the call's end reports beside the other. */
static void reports_in_turns(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint32_t reporter = 1 + (uint32_t)turn % 2;
    pto_addr cell = my_cell(&p, 3) + 4 * reporter;
    pto_tget(core, p.out, p.in, p.tile, PTO_NO_TILE);
    drain(core);
    if (p.me == reporter)
        pto_tnotify(core, pto_peer_addr(p.comm, cell, 0), turn + 1, PTO_NOTIFY_SET); /* FOUND */
    if (p.me == 0)
        pto_twait(core, pto_cell(cell), turn + 1, PTO_GE);
    announce(core, &p, LEAVE, turn);
    RIGHT await_all(core, &p, LEAVE, turn);
}

/* A rank is not one writer: its blocks are cores of their own, each with a cache of its own. */
static void cells_of_two_blocks(pto_core *core)
{
    parts p = parts_of(core);
    uint32_t block = pto_block_index(core), half = COUNT / 2;
    uint64_t step = PTO_LINE_BYTES;
    WRONG step = 4;
    pto_addr mine = my_cell(&p, 2 * p.me) + block * step, other = my_cell(&p, 2 * p.next) + block * step;
    int32_t turn = pto_load_i32(core, mine);
    pto_tget(core, pto_slice(p.out, block * half, half), pto_slice(p.in, block * half, half), p.tile, PTO_NO_TILE);
    drain(core);
    for (uint32_t rank = 0; rank < p.ranks; rank++)
        pto_tnotify(core, pto_peer_addr(p.comm, mine, rank), turn + 1, PTO_NOTIFY_SET); /* FOUND */
    pto_twait(core, pto_cell(other), turn, PTO_NE);
}

/*
 * A flag may lie in the line of its own data: they have one writer, and the data has landed when the Set fetches the
 * line. If it has not, the Set takes it back, and announces it too early as well.
 */
static void flag_in_the_line_of_its_data(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_global data = pto_slice(whole_scratch(core, &p), 8, COUNT);
    stage(core, &p, pto_peer(p.comm, data, p.next), turn); /* FOUND */
    RIGHT drain(core);
    pto_tnotify(core, pto_peer_addr(p.comm, p.scratch.addr, p.next), turn + 1, PTO_NOTIFY_SET); /* FOUND */
    pto_twait(core, pto_cell(p.scratch.addr), turn, PTO_NE);
    take(core, &p, data, turn);
    cross(core, &p, LEAVE, turn);
}

/* State that is still in the cache at the return is written back later, over what a peer's next call puts beside it. */
static void state_left_in_the_cache(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    pto_global data = pto_slice(whole_scratch(core, &p), 8, COUNT);
    stage(core, &p, pto_peer(p.comm, data, p.next), turn); /* FOUND */
    cross(core, &p, COME, turn);
    take(core, &p, data, turn);
    drain(core);
    pto_dcci(core, p.scratch.addr);
    pto_store_f32(core, p.scratch.addr, (float)turn); /* FOUND */
    RIGHT pto_dcci(core, p.scratch.addr);
    cross(core, &p, LEAVE, turn);
}

/* A log for each writer, an entry a line and call: of two lines each, the third call writes into the next one's. */
static void log_too_short(pto_core *core)
{
    parts p = parts_of(core);
    int32_t turn = turns_at(core, &p, LEAVE);
    uint64_t lines = 3;
    WRONG lines = 2;
    pto_addr entry = p.scratch.addr + PTO_LINE_BYTES * (lines * p.me + (uint64_t)turn) + 4ull * p.me;
    pto_tget(core, p.out, p.in, p.tile, PTO_NO_TILE);
    drain(core);
    pto_tnotify(core, pto_peer_addr(p.comm, entry, 0), turn + 1, PTO_NOTIFY_SET); /* FOUND */
    pto_tnotify(core, turn_cell(&p, LEAVE, p.me, p.me), turn + 1, PTO_NOTIFY_SET);
}

const hazard line_clobber_hazards[] = {
    {HARMFUL(barrier_of_packed_cells), .ranks = 3},
    {HARMFUL(cells_half_a_line_apart), .ranks = 4, WIDE},
    {HARMFUL(packed_counters), .ranks = 3, WIDE},
    {HARMFUL(ready_flag_beside_counter), .ranks = 3, WIDE},
    {HARMFUL(own_state_beside_signal), WIDE},
    {HARMFUL(interleaved_blocks), .ranks = 1, .blocks = 2},
    {HARMFUL(scalar_tail_of_a_tile), .ranks = 1},
    {HARMFUL(word_behind_a_tget), .ranks = 1},
    {HARMFUL(header_not_cleaned), .expect = from_rank_before},
    {HARMFUL(tag_beside_accumulator), .expect = from_rank_before},
    {HARMFUL(own_set_beside_data), .expect = from_rank_before, WIDE},
    {HARMFUL(line_handed_on), .ranks = 3, WIDE},
    {HARMFUL(reports_in_turns), .ranks = 3, WIDE},
    {HARMFUL(cells_of_two_blocks), .blocks = 2, WIDE},
    {HARMFUL(flag_in_the_line_of_its_data), .also = KIND(EARLY_SIGNAL), .expect = from_rank_before},
    {HARMFUL(state_left_in_the_cache), .expect = from_rank_before},
    {"log_too_short", log_too_short, .harm = HARM_HIDDEN},
    {NULL},
};
