/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: the flags of an expansion hold on pipes that run beside each other: nothing is lost or left set, every reuse of
 * a tile is ordered; and with two staging tiles loads can overlap stores.
 *
 * A recording is followed as a core with asynchronous pipes would take it, keeping for each pipe the set of events that are
 * known to have completed when its next one starts. It is followed again with flags left out, to see that this is noticed.
 */
#include "isa/composites.h"

#define CASES 1000

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

static bool left_out[MAX_EVENTS];

/* Follows the recording without the events that are left out. False, with a complaint, where it can go wrong. */
static bool follow_recording(const trial *sample, bool vector_in_order)
{
    follow_begin();
    for (uint32_t i = 0; i < recorded.count; i++) {
        if (left_out[i])
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
        if (!follow_recording(&sample, limits->vector_in_order))
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

/* Whether the chunks of TREDUCE give a receiving tile back: tile `id`, which PIPE_V then says with this event id. */
static bool gives_back(const trial *sample, uint32_t id)
{
    uint32_t tiles = sample->composite.tile[2] ? 2 : 1;
    return id < tiles && sample->composite.group->ranks > tiles + 1 + id;
}

/* How many flags of an expansion are there for their ids alone, whose caller must not have them set. */
static uint32_t claims_of(const trial *sample, uint64_t chunks)
{
    const pto_instr *composite = &sample->composite;
    if (chunks == 0)
        return 0;
    if (composite->op != PTO_OP_TREDUCE)
        return composite->tile[1] && chunks > 1 ? 0 : 2; /* the second id, forth and back */
    uint32_t claims = 2;
    for (uint32_t id = 0; id < 2 && composite->group->ranks > 1; id++)
        claims += gives_back(sample, id) ? 0 : 2;
    return claims;
}

/* Loads through the staging tiles; of TREDUCE, stores. */
static uint64_t chunks_recorded(const trial *sample)
{
    uint64_t loads = 0, stores = 0;
    for (uint32_t i = 0; i < recorded.count; i++) {
        loads += !recorded.event[i].is_sync && recorded.event[i].instr.op == PTO_OP_TLOAD;
        stores += !recorded.event[i].is_sync && recorded.event[i].instr.op == PTO_OP_TSTORE;
    }
    return sample->composite.op == PTO_OP_TREDUCE ? stores : loads;
}

static void leave_out(uint32_t at, bool out)
{
    left_out[at] = left_out[counterpart(at)] = out;
}

/*
 * Leaves out all that it can of the first of two expansions, from its end: sets with their waits, and barriers. That is those
 * flags that only claim an id, and no others but these: one flag of two staging tiles (the last store's covers the one
 * before it), and the barriers of TREDUCE with one receiving tile, whose flags order its additions already.
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
        uint32_t first = recorded.count, claims = claims_of(&sample, chunks_recorded(&sample)), spare = 0;
        record(&sample.composite, &overlapping);
        for (uint32_t at = first; at-- > 0;) {
            const issued *event = &recorded.event[at];
            bool is_barrier = event->is_sync && event->sync.op == PTO_OP_PIPE_BARRIER;
            if (!event->is_sync || event->sync.op == PTO_OP_WAIT_FLAG || (is_barrier && !sample.composite.tile[2]))
                continue;
            leave_out(at, true);
            bool needed = !follow_recording(&sample, false);
            if (needed)
                leave_out(at, false);
            spare += !needed;
        }
        memset(left_out, 0, sizeof left_out);
        bool two_tiles = sample.composite.op != PTO_OP_TREDUCE && sample.composite.tile[1];
        if (spare > claims + (two_tiles ? 1 : 0))
            fail_msg("case %d: %s: %u flags are not needed, %u of them for their ids", i,
                     oriel_op_name(sample.composite.op), spare, claims);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_hold_on_asynchronous_pipes),
        cmocka_unit_test(no_flag_can_be_left_out),
        cmocka_unit_test(two_tiles_let_loads_overlap_stores),
    };
    return cmocka_run_group_tests_name("expand_flags", tests, NULL, NULL);
}
