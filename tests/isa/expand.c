/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: a composite's expansion does what the composite says, for any shapes, strides, tiles and ranks; its flags hold
 * on pipes that run beside each other (nothing lost, nothing left set, every reuse of a tile ordered); with two staging tiles
 * loads can overlap stores.
 *
 * Each case is recorded once, then looked at in three ways: run in program order against the definition; followed as a
 * protocol; followed again with flags left out, to see that the follower notices.
 */
#include "base/random.h"
#include "isa/isa.h"
#include "oriel/kernel.h"
#include "test.h"

#define CASES      1000
#define MAX_RANKS  5
#define MAX_EVENTS 16384
#define OBJECTS    64 /* 32 for each of the two types */
#define OBJECT_MAX (96 << 10)
#define UB_BYTES   (192 << 10)

static const oriel_limits overlapping = {
    .ub_bytes = UB_BYTES, .ub_align = 32, .event_ids = 8, .vector_in_order = false};
static const oriel_limits in_order = {.ub_bytes = UB_BYTES, .ub_align = 32, .event_ids = 8, .vector_in_order = true};

/* ---- Recording -------------------------------------------------------------------------------------------------- */

typedef struct issued {
    bool is_sync;
    pto_sync sync;
    pto_instr instr; /* its operands point into this event */
    pto_tile tile[3];
    pto_global global[2];
} issued;

typedef struct recording {
    uint32_t count;
    issued event[MAX_EVENTS];
} recording;

static recording recorded;

static issued *next_event(recording *into)
{
    assert_true(into->count < MAX_EVENTS);
    return &into->event[into->count++];
}

static void record_instr(void *context, const pto_instr *instr)
{
    issued *event = next_event(context);
    event->is_sync = false;
    event->instr = *instr;
    for (int i = 0; i < 3; i++) {
        if (instr->tile[i])
            event->instr.tile[i] = memcpy(&event->tile[i], instr->tile[i], sizeof(pto_tile));
    }
    for (int i = 0; i < 2; i++) {
        if (instr->global[i])
            event->instr.global[i] = memcpy(&event->global[i], instr->global[i], sizeof(pto_global));
    }
}

static void record_sync(void *context, const pto_sync *sync)
{
    issued *event = next_event(context);
    event->is_sync = true;
    event->sync = *sync;
}

/* Appends the expansion of a composite that is allowed. */
static void record(const pto_instr *composite, const oriel_limits *limits)
{
    assert_ok(oriel_instr_check(composite, limits));
    const oriel_expansion into = {.instr = record_instr, .sync = record_sync, .context = &recorded};
    oriel_instr_expand(composite, limits, &into);
}

/* ---- Memory and arithmetic of the test's own -------------------------------------------------------------------- */

static uint8_t (*memory)[OBJECT_MAX], (*expected)[OBJECT_MAX], *ub;

static uint8_t *element(uint8_t (*objects)[OBJECT_MAX], const pto_global *global, const uint64_t index[5])
{
    uint64_t addr = global->addr;
    for (int i = 0; i < 5; i++)
        addr += 4 * index[i] * global->stride[i];
    assert_in_range(pto_addr_object(addr), 1, OBJECTS - 1);
    assert_in_range(pto_addr_offset(addr), 0, OBJECT_MAX - 4);
    return &objects[pto_addr_object(addr)][pto_addr_offset(addr)];
}

static uint8_t *tile_element(const pto_tile *tile, uint64_t row, uint64_t col)
{
    return ub + tile->offset + 4 * (row * tile->cols + col);
}

/* dst <- a op b for one element of four bytes. */
static void combine(pto_dtype dtype, pto_reduce op, void *dst, const void *a, const void *b)
{
    if (dtype == PTO_F32) {
        float x, y;
        memcpy(&x, a, 4);
        memcpy(&y, b, 4);
        const float results[] = {
            [PTO_SUM] = x + y, [PTO_MAX] = x > y ? x : y, [PTO_MIN] = x < y ? x : y, [PTO_PROD] = x * y};
        memcpy(dst, &results[op], 4);
    } else {
        int32_t x, y;
        memcpy(&x, a, 4);
        memcpy(&y, b, 4);
        const int32_t results[] = {[PTO_SUM] = (int32_t)((uint32_t)x + (uint32_t)y),
                                   [PTO_MAX] = x > y ? x : y,
                                   [PTO_MIN] = x < y ? x : y,
                                   [PTO_PROD] = (int32_t)((uint32_t)x * (uint32_t)y)};
        memcpy(dst, &results[op], 4);
    }
}

/* Steps through a shape, last index fastest; false after the last. */
static bool next_index(uint64_t index[5], const uint64_t shape[5])
{
    for (int i = 4; i >= 0; i--) {
        if (++index[i] < shape[i])
            return true;
        index[i] = 0;
    }
    return false;
}

static void run_move(const pto_instr *instr)
{
    bool is_load = instr->op == PTO_OP_TLOAD;
    const pto_global *global = instr->global[is_load ? 1 : 0];
    uint64_t index[5] = {0}, n = 0;
    do {
        uint8_t *there = element(memory, global, index);
        uint8_t *here = tile_element(instr->tile[0], n / global->shape[4], n % global->shape[4]);
        if (is_load)
            memcpy(here, there, 4);
        else if (instr->mode == PTO_ATOMIC_ADD)
            combine(global->dtype, PTO_SUM, there, there, here);
        else
            memcpy(there, here, 4);
        n++;
    } while (next_index(index, global->shape));
}

static void run_arithmetic(const pto_instr *instr)
{
    pto_reduce op = instr->op == PTO_OP_TADD   ? PTO_SUM
                    : instr->op == PTO_OP_TMAX ? PTO_MAX
                    : instr->op == PTO_OP_TMIN ? PTO_MIN
                                               : PTO_PROD;
    const pto_tile *dst = instr->tile[0];
    for (uint32_t i = 0; i < dst->valid_rows; i++) {
        for (uint32_t j = 0; j < dst->valid_cols; j++)
            combine(dst->dtype, op, tile_element(dst, i, j), tile_element(instr->tile[1], i, j),
                    tile_element(instr->tile[2], i, j));
    }
}

/* Runs the recording in program order. Each step is an instruction that a kernel could have written. */
static void run_recording(const oriel_limits *limits)
{
    for (uint32_t i = 0; i < recorded.count; i++) {
        const issued *event = &recorded.event[i];
        if (event->is_sync) {
            assert_ok(oriel_sync_check(&event->sync, limits));
            continue;
        }
        assert_ok(oriel_instr_check(&event->instr, limits));
        if (oriel_op_pipe(event->instr.op) == PTO_PIPE_V)
            run_arithmetic(&event->instr);
        else
            run_move(&event->instr);
    }
}

/* ---- The definition --------------------------------------------------------------------------------------------- */

/* Dimension 3 of `mine` at `rank`'s part. */
static void shifted(uint64_t at[5], const uint64_t index[5], uint32_t rank, const pto_global *member)
{
    memcpy(at, index, 5 * sizeof at[0]);
    at[3] += rank * member->shape[3];
}

/* What `composite` makes of one element of all ranks: `index` runs over a member's shape. */
static void define_element(const pto_instr *composite, const uint64_t index[5])
{
    const pto_group *group = composite->group;
    uint8_t *dst = composite->op == PTO_OP_TPUT || composite->op == PTO_OP_TGET || composite->op == PTO_OP_TREDUCE
                       ? element(expected, composite->global[0], index)
                       : NULL;
    for (uint32_t rank = 0; rank < (group ? group->ranks : 1); rank++) {
        pto_global member = group ? oriel_group_member(group, rank) : *composite->global[1];
        uint8_t *theirs = element(expected, &member, index);
        uint64_t part[5];
        shifted(part, index, rank, &member);
        switch (composite->op) {
        case PTO_OP_TGATHER: memcpy(element(expected, composite->global[0], part), theirs, 4); break;
        case PTO_OP_TSCATTER: memcpy(theirs, element(expected, composite->global[1], part), 4); break;
        case PTO_OP_TBROADCAST: memcpy(theirs, element(expected, composite->global[1], index), 4); break;
        case PTO_OP_TREDUCE:
            if (rank == 0)
                memcpy(dst, theirs, 4);
            else
                combine(member.dtype, (pto_reduce)composite->mode, dst, dst, theirs);
            break;
        default:
            if (composite->mode == PTO_ATOMIC_ADD)
                combine(member.dtype, PTO_SUM, dst, dst, theirs);
            else
                memcpy(dst, theirs, 4);
        }
    }
}

static void define(const pto_instr *composite, const uint64_t shape[5])
{
    uint64_t index[5] = {0};
    do
        define_element(composite, index);
    while (next_index(index, shape));
}

/* ---- Random cases ----------------------------------------------------------------------------------------------- */

typedef struct trial {
    pto_instr composite;
    uint64_t shape[5]; /* of a member, or of both sides */
    pto_tile tile[3];
    pto_global mine, other, each[MAX_RANKS];
    pto_comm comm;
    pto_group group;
} trial;

static uint32_t below(oriel_random *random, uint32_t bound)
{
    return (uint32_t)oriel_random_below(random, bound);
}

/* A tensor in `object` of its type's: dense, or with its dimensions in any order in memory and gaps between. */
static pto_global random_layout(oriel_random *random, uint64_t object, pto_dtype dtype, const uint64_t shape[5])
{
    uint32_t order[5] = {4, 3, 2, 1, 0};
    bool dense = below(random, 2);
    for (uint32_t i = 4; i > 0 && !dense; i--) {
        uint32_t j = below(random, i + 1), swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
    uint64_t start = dense ? 0 : 4 * below(random, 20), step = 1;
    object += dtype == PTO_I32 ? OBJECTS / 2 : 0;
    pto_global global = {.addr = (object << PTO_ADDR_OBJECT_SHIFT) + start, .dtype = dtype};
    for (uint32_t i = 0; i < 5; i++) {
        global.shape[order[i]] = shape[order[i]];
        global.stride[order[i]] = step;
        step = step * shape[order[i]] + (dense ? 0 : below(random, 3));
    }
    return global;
}

static void random_group(oriel_random *random, trial *sample, pto_dtype dtype)
{
    uint32_t ranks = 1 + below(random, MAX_RANKS), rank = below(random, ranks);
    sample->comm = (pto_comm){.rank = rank, .ranks = ranks, .buffers = 2};
    sample->comm.first_object = 20 + (dtype == PTO_I32 ? OBJECTS / 2 : 0);
    sample->group = (pto_group){.ranks = ranks};
    if (below(random, 2)) {
        sample->group.comm = &sample->comm;
        sample->group.mine = random_layout(random, 20 + 2 * rank + 1, dtype, sample->shape);
        return;
    }
    for (uint32_t r = 0; r < ranks; r++)
        sample->each[r] = random_layout(random, 10 + r, dtype, sample->shape);
    sample->group.each = sample->each;
}

/* Up to three staging tiles of one shape. */
static void random_tiles(oriel_random *random, trial *sample, pto_dtype dtype)
{
    uint32_t rows = 1 + below(random, 7), cols = 8 * (1 + below(random, 3));
    uint32_t valid_rows = 1 + below(random, rows), valid_cols = 5 + below(random, cols - 4);
    uint32_t tiles = (sample->composite.op == PTO_OP_TREDUCE ? 2 : 1) + below(random, 2);
    for (uint32_t i = 0; i < tiles; i++) {
        sample->tile[i] = (pto_tile){dtype, 32 + i * rows * cols * 4, rows, cols, valid_rows, valid_cols};
        sample->composite.tile[i] = &sample->tile[i];
    }
}

static void random_sample(oriel_random *random, trial *sample)
{
    pto_dtype dtype = below(random, 2) ? PTO_F32 : PTO_I32;
    pto_op op = PTO_OP_TPUT + below(random, 6);
    memset(sample, 0, sizeof *sample);
    sample->composite.op = op;
    do {
        for (int i = 0; i < 4; i++)
            sample->shape[i] = below(random, 2) ? 1 : 1 + below(random, 4);
    } while (sample->shape[0] * sample->shape[1] * sample->shape[2] * sample->shape[3] > 24);
    sample->shape[4] = 1 + below(random, 40);
    random_tiles(random, sample, dtype);

    uint64_t whole[5];
    memcpy(whole, sample->shape, sizeof whole);
    if (op != PTO_OP_TPUT && op != PTO_OP_TGET) {
        random_group(random, sample, dtype);
        sample->composite.group = &sample->group;
        whole[3] *= op == PTO_OP_TGATHER || op == PTO_OP_TSCATTER ? sample->group.ranks : 1;
    } else {
        sample->other = random_layout(random, 2, dtype, whole);
        sample->composite.global[1] = &sample->other;
    }
    sample->mine = random_layout(random, 1, dtype, whole);
    sample->composite.global[op == PTO_OP_TSCATTER || op == PTO_OP_TBROADCAST] = &sample->mine;
    if (op == PTO_OP_TREDUCE)
        sample->composite.mode = below(random, PTO_REDUCE_COUNT);
    if (op == PTO_OP_TPUT)
        sample->composite.mode = below(random, 2) ? PTO_ATOMIC_ADD : PTO_ATOMIC_NONE;
}

/* Fills all memory with the bits of small floating-point numbers, for either type. */
static void random_memory(oriel_random *random)
{
    for (int object = 0; object < OBJECTS; object++) {
        for (int i = 0; i < OBJECT_MAX / 4; i++) {
            float number = (float)(oriel_random_unit(random) - 0.5);
            memcpy(&memory[object][4 * i], &number, 4);
        }
    }
    memcpy(expected, memory, OBJECTS * sizeof *memory);
}

static void an_expansion_does_what_its_composite_says(void **state)
{
    (void)state;
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    for (int i = 0; i < CASES; i++) {
        if (i % 50 == 0) /* sums of sums grow */
            random_memory(&random);
        trial sample;
        random_sample(&random, &sample);
        const oriel_limits *limits = i % 2 ? &overlapping : &in_order;
        recorded.count = 0;
        record(&sample.composite, limits);
        run_recording(limits);
        define(&sample.composite, sample.shape);
        for (int object = 0; object < OBJECTS; object++) {
            if (memcmp(memory[object], expected[object], OBJECT_MAX) != 0)
                fail_msg("case %d: %s: object %d differs", i, oriel_op_name(sample.composite.op), object);
        }
    }
}

/* ---- The flags, followed ---------------------------------------------------------------------------------------- */

/* A set of events that are known to have completed. */
typedef struct known {
    uint64_t word[MAX_EVENTS / 64];
} known;

static void add(known *to, const known *more)
{
    for (uint32_t i = 0; i < (recorded.count + 63) / 64; i++)
        to->word[i] |= more->word[i];
}

static void add_one(known *to, uint32_t i)
{
    to->word[i / 64] |= UINT64_C(1) << i % 64;
}

static bool has(const known *set, int64_t i)
{
    return i < 0 || (set->word[i / 64] >> i % 64 & 1);
}

typedef struct flag_state {
    bool set;
    int64_t wait; /* the last event that consumed it; -1: none */
    known gives;  /* what had completed when it fired */
} flag_state;

#define PIPES 4
#define IDS   2
#define TILES 3

/* What a core with asynchronous pipes can rely on. */
static struct follower {
    known starts[PIPES]; /* what has completed when the next thing on the pipe starts */
    known queued[PIPES]; /* all that was issued to the pipe, and what that relied on */
    flag_state flag[PIPES][PIPES][IDS];
    int64_t written[TILES];                 /* the last event that wrote a tile; -1: none */
    uint32_t reads[TILES], read[TILES][64]; /* the events that have read it since */
} follow;

static char complaint[256];

static bool complain(uint32_t at, const char *what)
{
    snprintf(complaint, sizeof complaint, "event %u (%s): %s", at,
             oriel_op_name(recorded.event[at].is_sync ? recorded.event[at].sync.op : recorded.event[at].instr.op),
             what);
    return false;
}

static void follow_begin(void)
{
    memset(&follow, 0, sizeof follow);
    for (int i = 0; i < PIPES * PIPES * IDS; i++)
        (&follow.flag[0][0][0])[i].wait = -1;
    for (int i = 0; i < TILES; i++)
        follow.written[i] = -1;
}

/* An instruction starts: whoever used its tiles before, and conflicts, is known to have completed. */
static bool follow_instr(uint32_t at, const trial *sample, bool vector_in_order)
{
    const pto_instr *instr = &recorded.event[at].instr;
    pto_pipe pipe = oriel_op_pipe(instr->op);
    known *starts = &follow.starts[pipe];
    for (int i = 0; i < 3 && instr->tile[i]; i++) {
        uint32_t tile = 0;
        while (sample->tile[tile].offset != instr->tile[i]->offset)
            tile++;
        bool writes = i == 0 && instr->op != PTO_OP_TSTORE;
        if (follow.written[tile] != at && !has(starts, follow.written[tile]))
            return complain(at, "a tile's last writer may not have completed");
        for (uint32_t r = 0; writes && r < follow.reads[tile]; r++) {
            if (!has(starts, follow.read[tile][r]))
                return complain(at, "a tile's reader may not have completed");
        }
        if (writes) {
            follow.written[tile] = at;
            follow.reads[tile] = 0;
        } else if (follow.written[tile] != at) {
            assert_true(follow.reads[tile] < 64);
            follow.read[tile][follow.reads[tile]++] = at;
        }
    }
    add(&follow.queued[pipe], starts);
    add_one(&follow.queued[pipe], at);
    if (pipe == PTO_PIPE_V && vector_in_order)
        add_one(starts, at);
    return true;
}

/* A flag fires: an earlier setting of it, and of its id toward another pipe, is known to have been consumed. */
static bool follow_set(uint32_t at, const pto_sync *sync)
{
    flag_state *flag = &follow.flag[sync->src][sync->dst][sync->id];
    known *gives = &follow.queued[sync->src];
    for (int dst = 0; dst < PIPES; dst++) {
        if (follow.flag[sync->src][dst][sync->id].set)
            return complain(at, "the id is still set from this pipe");
        if (!has(gives, follow.flag[sync->src][dst][sync->id].wait))
            return complain(at, "the id's last wait may not have completed");
    }
    flag->set = true;
    flag->gives = *gives;
    return true;
}

static bool follow_wait(uint32_t at, const pto_sync *sync)
{
    flag_state *flag = &follow.flag[sync->src][sync->dst][sync->id];
    if (!flag->set)
        return complain(at, "nobody has set the flag");
    flag->set = false;
    flag->wait = at;
    add(&follow.starts[sync->dst], &flag->gives);
    add_one(&follow.starts[sync->dst], at);
    add(&follow.queued[sync->dst], &follow.starts[sync->dst]);
    return true;
}

static bool follow_sync(uint32_t at)
{
    const pto_sync *sync = &recorded.event[at].sync;
    if (sync->op == PTO_OP_SET_FLAG)
        return follow_set(at, sync);
    if (sync->op == PTO_OP_WAIT_FLAG)
        return follow_wait(at, sync);
    add(&follow.starts[sync->src], &follow.queued[sync->src]);
    return true;
}

static bool left_out(uint32_t at, int64_t first, int64_t second)
{
    return at == first || at == second;
}

/* Follows the recording without events `first` and `second` (-1: none). False, with a complaint, where it can go wrong. */
static bool follow_recording(const trial *sample, bool vector_in_order, int64_t first, int64_t second)
{
    follow_begin();
    for (uint32_t i = 0; i < recorded.count; i++) {
        if (left_out(i, first, second))
            continue;
        if (!(recorded.event[i].is_sync ? follow_sync(i) : follow_instr(i, sample, vector_in_order)))
            return false;
    }
    for (int i = 0; i < PIPES * PIPES * IDS; i++) {
        if ((&follow.flag[0][0][0])[i].set)
            return complain(recorded.count - 1, "a flag is left set");
    }
    return true;
}

static void flags_hold_on_asynchronous_pipes(void **state)
{
    (void)state;
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    for (int i = 0; i < CASES; i++) {
        trial sample;
        random_sample(&random, &sample);
        const oriel_limits *limits = i % 2 ? &overlapping : &in_order;
        recorded.count = 0;
        record(&sample.composite, limits);
        record(&sample.composite, limits); /* the same tiles again, at once */
        if (!follow_recording(&sample, limits->vector_in_order, -1, -1))
            fail_msg("case %d: %s: %s", i, oriel_op_name(sample.composite.op), complaint);
    }
}

/* The wait of the flag that event `at` sets; `at` itself for a barrier. */
static uint32_t counterpart(uint32_t at)
{
    const pto_sync *set = &recorded.event[at].sync;
    uint32_t i = at;
    while (set->op == PTO_OP_SET_FLAG) {
        const issued *event = &recorded.event[++i];
        if (event->is_sync && event->sync.op == PTO_OP_WAIT_FLAG && event->sync.src == set->src &&
            event->sync.dst == set->dst && event->sync.id == set->id)
            break;
    }
    return i;
}

/*
 * Leaves out each set with its wait, each barrier, of the first of two expansions: the follower must complain. Spare are one
 * flag of two staging tiles (the last store's covers the one before it), and the barriers of TREDUCE with one receiving tile,
 * whose flags order its additions already.
 */
static void no_flag_can_be_left_out(void **state)
{
    (void)state;
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    for (int i = 0; i < CASES / 10; i++) {
        trial sample;
        random_sample(&random, &sample);
        recorded.count = 0;
        record(&sample.composite, &overlapping);
        uint32_t first = recorded.count;
        record(&sample.composite, &overlapping);
        uint32_t spare = 0;
        for (uint32_t at = 0; at < first; at++) {
            const issued *event = &recorded.event[at];
            bool is_barrier = event->is_sync && event->sync.op == PTO_OP_PIPE_BARRIER;
            if (event->is_sync && event->sync.op != PTO_OP_WAIT_FLAG && !(is_barrier && !sample.composite.tile[2]))
                spare += follow_recording(&sample, false, at, counterpart(at));
        }
        bool two_tiles = sample.composite.op != PTO_OP_TREDUCE && sample.composite.tile[1];
        if (spare > (two_tiles ? 1 : 0))
            fail_msg("case %d: %s: %u flags are not needed", i, oriel_op_name(sample.composite.op), spare);
    }
}

/* Whether the load of a second chunk relies on the store of the first. */
static bool second_load_waits(const pto_tile *ping, const pto_tile *pong)
{
    pto_global src = pto_global_1d(UINT64_C(2) << PTO_ADDR_OBJECT_SHIFT, PTO_F32, 16);
    pto_global dst = pto_global_1d(UINT64_C(1) << PTO_ADDR_OBJECT_SHIFT, PTO_F32, 16);
    const trial sample = {.tile = {*ping, pong ? *pong : *ping}};
    recorded.count = 0;
    record(&(pto_instr){.op = PTO_OP_TGET, .tile = {ping, pong}, .global = {&dst, &src}}, &in_order);
    int64_t first_store = -1, loads = 0;
    follow_begin();
    for (uint32_t i = 0; i < recorded.count; i++) {
        const issued *event = &recorded.event[i];
        if (!event->is_sync && event->instr.op == PTO_OP_TSTORE && first_store < 0)
            first_store = i;
        if (!event->is_sync && event->instr.op == PTO_OP_TLOAD && ++loads == 2)
            return has(&follow.starts[PTO_PIPE_MTE2], first_store);
        assert_true(event->is_sync ? follow_sync(i) : follow_instr(i, &sample, true));
    }
    fail_msg("a tensor of two tiles was moved with %d loads", (int)loads);
    return false;
}

static void two_tiles_let_loads_overlap_stores(void **state)
{
    (void)state;
    const pto_tile ping = {PTO_F32, 0, 1, 8, 1, 8}, pong = {PTO_F32, 32, 1, 8, 1, 8};
    assert_true(second_load_waits(&ping, NULL));
    assert_false(second_load_waits(&ping, &pong));
}

static void nothing_is_done_for_no_elements(void **state)
{
    (void)state;
    const pto_tile ping = {PTO_F32, 0, 1, 8, 1, 8};
    for (int dim = 0; dim < 5; dim++) {
        pto_global empty = {.addr = UINT64_C(1) << PTO_ADDR_OBJECT_SHIFT, .shape = {2, 2, 2, 2, 2}};
        empty.shape[dim] = 0;
        recorded.count = 0;
        record(&(pto_instr){.op = PTO_OP_TPUT, .tile = {&ping}, .global = {&empty, &empty}}, &in_order);
        assert_int_equal(recorded.count, 0);
    }
}

/* ---- Chunks ----------------------------------------------------------------------------------------------------- */

static void chunks_fit_the_tile_and_cover_once(void **state)
{
    (void)state;
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    for (int n = 0; n < CASES; n++) {
        pto_global tensor = {.dtype = PTO_F32};
        for (int i = 0; i < 5; i++)
            tensor.shape[i] = 1 + below(&random, 5);
        pto_tile tile = {.valid_rows = 1 + below(&random, 40), .valid_cols = 1 + below(&random, 8)};
        oriel_chunks chunks = oriel_chunks_of(&tensor, &tile);
        uint8_t covered[5][5][5][5][5] = {0};
        for (uint64_t c = 0; c < chunks.count; c++) {
            uint64_t origin[5], shape[5], index[5] = {0};
            oriel_chunk_at(&chunks, c, origin, shape);
            assert_in_range(shape[0] * shape[1] * shape[2] * shape[3], 1, tile.valid_rows);
            assert_in_range(shape[4], 1, tile.valid_cols);
            do {
                for (int i = 0; i < 5; i++)
                    assert_true(origin[i] + index[i] < tensor.shape[i]);
                covered[origin[0] + index[0]][origin[1] + index[1]][origin[2] + index[2]][origin[3] + index[3]]
                       [origin[4] + index[4]]++;
            } while (next_index(index, shape));
        }
        uint64_t index[5] = {0};
        do
            assert_int_equal(covered[index[0]][index[1]][index[2]][index[3]][index[4]], 1);
        while (next_index(index, tensor.shape));
    }
}

static int allocate(void **state)
{
    (void)state;
    memory = malloc(OBJECTS * sizeof *memory);
    expected = malloc(OBJECTS * sizeof *expected);
    ub = malloc(UB_BYTES);
    return memory && expected && ub ? 0 : -1;
}

static int release(void **state)
{
    (void)state;
    free(memory);
    free(expected);
    free(ub);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_expansion_does_what_its_composite_says),
        cmocka_unit_test(flags_hold_on_asynchronous_pipes),
        cmocka_unit_test(no_flag_can_be_left_out),
        cmocka_unit_test(two_tiles_let_loads_overlap_stores),
        cmocka_unit_test(nothing_is_done_for_no_elements),
        cmocka_unit_test(chunks_fit_the_tile_and_cover_once),
    };
    return cmocka_run_group_tests_name("expand", tests, allocate, release);
}
