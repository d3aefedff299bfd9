/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: what the checker remembers of each byte. No access that conflicts with an earlier one on a byte goes unseen
 * (against the whole history of the byte), none is reported that does not, and ranges are only a shorter way to write bytes
 * (against a model that keeps each byte alone).
 */
#include "engine/check/shadow.h"

#include "base/random.h"
#include "test.h"

#define QUEUES 6
#define PAGE   65536

/* ---- A small world: accesses, and clocks that count how much of each queue has been seen -------------------------- */

typedef struct access {
    oriel_mark mark;
    oriel_touch_kind kind;
    uint8_t type;
    uint32_t seen[QUEUES]; /* the first so many of that queue are ordered before it */
} access;

typedef struct found {
    uint32_t earlier;
    oriel_touch_kind kind;
    uint64_t from, to;
} found;

typedef struct world {
    oriel_shadow *shadow;
    access access[4096];
    uint32_t accesses, ordinals[QUEUES];
    uint32_t seen[QUEUES][QUEUES]; /* of each queue, now */
    found found[8192];
    uint32_t founds;
} world;

static bool ordered(void *context, const oriel_mark *earlier)
{
    const world *w = context;
    return earlier->ordinal <= w->access[w->accesses - 1].seen[earlier->queue];
}

static void note(void *context, const oriel_mark *earlier, oriel_touch_kind kind, uint64_t from, uint64_t to)
{
    world *w = context;
    assert_true(w->founds < sizeof w->found / sizeof *w->found);
    assert_true(from < to);
    w->found[w->founds++] = (found){earlier->event, kind, from, to};
}

static const access *touch(world *w, uint32_t queue, oriel_touch_kind kind, uint8_t type, uint64_t from, uint64_t to)
{
    assert_true(w->accesses < sizeof w->access / sizeof *w->access);
    access *a = &w->access[w->accesses];
    *a = (access){{queue, ++w->ordinals[queue], w->accesses}, kind, type, {0}};
    memcpy(a->seen, w->seen[queue], sizeof a->seen);
    w->accesses++;
    w->founds = 0;
    oriel_touch t = {a->mark, kind, type, ordered, note, w};
    assert_ok(oriel_shadow_touch(w->shadow, from, to, &t));
    return a;
}

static const access *see(world *w, uint32_t queue, const access *earlier)
{
    for (uint32_t q = 0; q < QUEUES; q++)
        if (w->seen[queue][q] < earlier->seen[q])
            w->seen[queue][q] = earlier->seen[q];
    if (w->seen[queue][earlier->mark.queue] < earlier->mark.ordinal)
        w->seen[queue][earlier->mark.queue] = earlier->mark.ordinal;
    return earlier;
}

static void forget(world *w)
{
    oriel_shadow_reset(w->shadow);
    w->accesses = w->founds = 0;
    memset(w->ordinals, 0, sizeof w->ordinals);
    memset(w->seen, 0, sizeof w->seen);
}

static int setup(void **state)
{
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    assert_ok(oriel_shadow_create(&w->shadow));
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    oriel_shadow_destroy(w->shadow);
    free(w);
    return 0;
}

static void assert_found(const world *w, uint32_t at, const access *earlier, uint64_t from, uint64_t to)
{
    assert_true(at < w->founds);
    assert_int_equal(w->found[at].earlier, earlier->mark.event);
    assert_int_equal(w->found[at].kind, earlier->kind);
    assert_int_equal(w->found[at].from, from);
    assert_int_equal(w->found[at].to, to);
}

/* ---- One thing each --------------------------------------------------------------------------------------------- */

static void conflicts_are_told_on_the_common_bytes(void **state)
{
    world *w = *state;
    const access *write = touch(w, 0, ORIEL_TOUCH_WRITE, 0, 100, 200);
    touch(w, 1, ORIEL_TOUCH_READ, 0, 200, 300);
    assert_int_equal(w->founds, 0);
    touch(w, 2, ORIEL_TOUCH_READ, 0, 150, 250);
    assert_int_equal(w->founds, 1);
    assert_found(w, 0, write, 150, 200);
    see(w, 3, write);
    touch(w, 3, ORIEL_TOUCH_READ, 0, 0, 1000);
    assert_int_equal(w->founds, 0);
}

static void a_write_meets_every_reader_since_the_last(void **state)
{
    world *w = *state;
    const access *reader[QUEUES];
    for (uint32_t q = 1; q < QUEUES; q++)
        reader[q] = touch(w, q, ORIEL_TOUCH_READ, 0, 64, 128);
    for (uint32_t q = 2; q < QUEUES; q++)
        see(w, 0, reader[q]);
    touch(w, 0, ORIEL_TOUCH_WRITE, 0, 64, 128);
    assert_int_equal(w->founds, 1);
    assert_found(w, 0, reader[1], 64, 128);
    touch(w, 5, ORIEL_TOUCH_WRITE, 0, 64, 128);
    assert_int_equal(w->founds, 1); /* the readers are behind the write now */
}

static void ranges_cross_pages(void **state)
{
    world *w = *state;
    const access *write = touch(w, 0, ORIEL_TOUCH_WRITE, 0, PAGE - 10, 3 * PAGE + 10);
    touch(w, 1, ORIEL_TOUCH_READ, 0, 0, 5 * PAGE);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < w->founds; i++) {
        assert_int_equal(w->found[i].earlier, write->mark.event);
        bytes += w->found[i].to - w->found[i].from;
    }
    assert_int_equal(bytes, 2 * PAGE + 20);
    oriel_mark mark;
    assert_true(oriel_shadow_last_write(w->shadow, 2 * PAGE, &mark));
    assert_int_equal(mark.event, write->mark.event);
    assert_false(oriel_shadow_last_write(w->shadow, PAGE - 11, &mark));
    assert_false(oriel_shadow_last_write(w->shadow, 3 * PAGE + 10, &mark));
    assert_false(oriel_shadow_last_write(w->shadow, UINT64_C(1) << 40, &mark));
}

static void adds_of_one_type_are_all_remembered(void **state)
{
    world *w = *state;
    const access *add[4];
    for (uint32_t q = 0; q < 4; q++) {
        add[q] = touch(w, q, ORIEL_TOUCH_ADD, 7, 0, 32);
        assert_int_equal(w->founds, 0);
    }
    see(w, 5, add[0]), see(w, 5, add[1]), see(w, 5, add[3]);
    touch(w, 5, ORIEL_TOUCH_READ, 0, 0, 32);
    assert_int_equal(w->founds, 1);
    assert_found(w, 0, add[2], 0, 32);
    touch(w, 4, ORIEL_TOUCH_ADD, 8, 0, 32); /* another type, another group: with each of the four, and the reader */
    assert_int_equal(w->founds, 5);
}

/* Who adds must come after what set the sum to zero, whoever else has added meanwhile. */
static void an_add_does_not_hide_what_it_came_after(void **state)
{
    world *w = *state;
    const access *zero = touch(w, 0, ORIEL_TOUCH_WRITE, 0, 0, 64);
    const access *reader = touch(w, 4, ORIEL_TOUCH_READ, 0, 0, 64);
    assert_int_equal(w->founds, 1);
    see(w, 1, zero), see(w, 1, reader);
    touch(w, 1, ORIEL_TOUCH_ADD, 7, 0, 64);
    assert_int_equal(w->founds, 0);
    see(w, 2, reader);
    touch(w, 2, ORIEL_TOUCH_ADD, 7, 0, 64);
    assert_int_equal(w->founds, 1);
    assert_found(w, 0, zero, 0, 64);
    see(w, 3, zero);
    touch(w, 3, ORIEL_TOUCH_ADD, 7, 0, 64);
    assert_int_equal(w->founds, 1);
    assert_found(w, 0, reader, 0, 64);
}

static void signals_do_not_meet_each_other(void **state)
{
    world *w = *state;
    const access *first = touch(w, 0, ORIEL_TOUCH_SIGNAL, 0, 4, 8);
    const access *second = touch(w, 1, ORIEL_TOUCH_SIGNAL, 0, 4, 8);
    assert_int_equal(w->founds, 0);
    see(w, 2, second);
    touch(w, 2, ORIEL_TOUCH_WRITE, 0, 0, 64);
    assert_int_equal(w->founds, 1);
    assert_found(w, 0, first, 4, 8);
}

static void a_reset_forgets_and_keeps_the_memory(void **state)
{
    world *w = *state;
    oriel_mark mark;
    for (int round = 0; round < 3; round++) {
        uint64_t before = oriel_shadow_memory(w->shadow);
        for (uint32_t i = 0; i < 500; i++)
            touch(w, i % QUEUES, ORIEL_TOUCH_READ + i / QUEUES % 2, 0, i * 4000, i * 4000 + 8000);
        assert_true(round == 0 || oriel_shadow_memory(w->shadow) == before);
        forget(w);
        assert_false(oriel_shadow_last_write(w->shadow, 4000, &mark));
        touch(w, 1, ORIEL_TOUCH_WRITE, 0, 0, 500 * 4000);
        assert_int_equal(w->founds, 0);
        forget(w);
    }
}

/* Also nothing grows with the number of accesses: at most a few are kept of each queue. */
static void memory_does_not_grow_with_time(void **state)
{
    world *w = *state;
    uint64_t after = 0;
    for (uint32_t i = 0; i < 100000; i++) {
        if (i == 10000)
            after = oriel_shadow_memory(w->shadow);
        oriel_touch_kind kind = i % 97 ? (oriel_touch_kind)(i % 11 % 4) : ORIEL_TOUCH_WRITE;
        uint64_t from = i % 13 * 16;
        w->accesses = 0; /* none is looked up: none is ordered */
        touch(w, i % QUEUES, kind, 0, from, from + 64);
    }
    assert_int_equal(oriel_shadow_memory(w->shadow), after);
}

/* ---- Against each byte alone ------------------------------------------------------------------------------------ */

#define SPAN  700 /* bytes, over the border of two pages */
#define START (3 * PAGE - 300)

/* Of one byte: everything that touched it since the start, and what a shadow of this byte alone would keep of it. */
typedef struct byte {
    uint32_t *all, alls;
    uint32_t group[QUEUES], groups; /* the last write at the end, and those that commute with it */
    uint32_t read[QUEUES], past[2 * QUEUES + 1];
    bool is_read[QUEUES], was_read[QUEUES];
    uint32_t pasts;
    bool raced;
} byte;

static bool is_write(const access *a)
{
    return a->kind != ORIEL_TOUCH_READ;
}

static bool conflict(const access *a, const access *b)
{
    bool both_add = a->kind == ORIEL_TOUCH_ADD && b->kind == ORIEL_TOUCH_ADD && a->type == b->type;
    bool both_signal = a->kind == ORIEL_TOUCH_SIGNAL && b->kind == ORIEL_TOUCH_SIGNAL;
    return (is_write(a) || is_write(b)) && !both_add && !both_signal;
}

static bool races(const access *earlier, const access *now)
{
    return conflict(earlier, now) && now->seen[earlier->mark.queue] < earlier->mark.ordinal;
}

static bool is_found(const world *w, uint64_t at, uint32_t earlier)
{
    for (uint32_t i = 0; i < w->founds; i++)
        if (w->found[i].earlier == earlier && w->found[i].from <= at && at < w->found[i].to)
            return true;
    return false;
}

static uint32_t count_found(const world *w, uint64_t at)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < w->founds; i++)
        count += w->found[i].from <= at && at < w->found[i].to;
    return count;
}

/* Until the first race of the byte the shadow finds exactly whether there is one; and never one that is none. */
static void check_history(const world *w, byte *b, uint64_t at, const access *now)
{
    uint32_t real = 0, told = 0;
    for (uint32_t i = 0; i < b->alls; i++) {
        const access *earlier = &w->access[b->all[i]];
        bool race = races(earlier, now), is_told = is_found(w, at, b->all[i]);
        real += race;
        told += is_told;
        if (is_told && !race)
            fail_msg("byte %llu: %u and %u do not conflict", (unsigned long long)at, b->all[i], now->mark.event);
    }
    if (real && !told && !b->raced)
        fail_msg("byte %llu: access %u conflicts with %u earlier ones, none found", (unsigned long long)at,
                 now->mark.event, real);
    assert_int_equal(told, count_found(w, at)); /* nothing twice, nothing from elsewhere */
    b->raced = b->raced || real;
    b->all[b->alls++] = now->mark.event;
}

static void ask_model(const world *w, uint64_t at, const access *now, uint32_t earlier, uint32_t *expected)
{
    if (!races(&w->access[earlier], now))
        return;
    ++*expected;
    if (!is_found(w, at, earlier))
        fail_msg("byte %llu: the conflict of %u with %u is missing", (unsigned long long)at, now->mark.event, earlier);
}

static uint32_t model_conflicts(const world *w, const byte *b, uint64_t at, const access *now)
{
    bool joins = b->groups && is_write(now) && !conflict(&w->access[b->group[b->groups - 1]], now);
    uint32_t expected = 0;
    for (uint32_t i = 0; i < b->groups; i++)
        ask_model(w, at, now, b->group[i], &expected);
    for (uint32_t q = 0; q < QUEUES; q++)
        if (b->is_read[q] && (joins || !b->was_read[q]))
            ask_model(w, at, now, b->read[q], &expected);
    for (uint32_t i = 0; joins && i < b->pasts; i++)
        ask_model(w, at, now, b->past[i], &expected);
    return expected;
}

static void model_write(const world *w, byte *b, const access *now)
{
    bool joins = b->groups && !conflict(&w->access[b->group[b->groups - 1]], now);
    bool begins = !joins && now->kind != ORIEL_TOUCH_WRITE;
    uint32_t kept = 0;
    if (!joins)
        b->pasts = 0;
    for (uint32_t i = 0; i < b->groups; i++) {
        const access *old = &w->access[b->group[i]];
        bool superseded = old->mark.queue == now->mark.queue || now->seen[old->mark.queue] >= old->mark.ordinal;
        if (begins)
            b->past[b->pasts++] = b->group[i];
        else if (joins && !superseded)
            b->group[kept++] = b->group[i];
    }
    for (uint32_t q = 0; q < QUEUES; q++) {
        b->is_read[q] = b->is_read[q] && (joins || (begins && !b->was_read[q]));
        b->was_read[q] = b->is_read[q];
    }
    b->group[kept++] = now->mark.event;
    b->groups = kept;
}

static void check_model(const world *w, byte *b, uint64_t at, const access *now)
{
    assert_int_equal(model_conflicts(w, b, at, now), count_found(w, at));
    if (is_write(now)) {
        model_write(w, b, now);
    } else {
        b->read[now->mark.queue] = now->mark.event;
        b->is_read[now->mark.queue] = true;
        b->was_read[now->mark.queue] = false;
    }
    oriel_mark mark;
    bool written = oriel_shadow_last_write(w->shadow, at, &mark);
    assert_int_equal(written, b->groups > 0);
    if (written)
        assert_int_equal(mark.event, b->group[b->groups - 1]);
}

/* One in `hurry` accesses sees a whole queue first: how much is ordered differs from round to round. */
static void random_touch(world *w, byte *bytes, oriel_random *random, uint32_t hurry, uint32_t kinds)
{
    uint32_t queue = (uint32_t)oriel_random_below(random, QUEUES);
    for (uint32_t i = 0; i < w->accesses; i++)
        if (oriel_random_below(random, hurry) == 0)
            see(w, queue, &w->access[oriel_random_below(random, w->accesses)]);
    see(w, queue, &(access){.mark = {queue, w->ordinals[queue], 0}}); /* a queue is in order here */
    oriel_touch_kind kind = (oriel_touch_kind)oriel_random_below(random, kinds);
    uint64_t most = oriel_random_below(random, 4) ? 24 : SPAN;
    uint64_t from = oriel_random_below(random, SPAN), to = from + 1 + oriel_random_below(random, most);
    if (to > SPAN)
        to = SPAN;
    if (oriel_random_below(random, 3) == 0) /* often the same ranges again */
        from = from / 32 * 32, to = from + 32 < SPAN ? from + 32 : SPAN;
    const access *now = touch(w, queue, kind, (uint8_t)oriel_random_below(random, 2), START + from, START + to);
    for (uint32_t i = 0; i < w->founds; i++)
        assert_true(w->found[i].from >= START + from && w->found[i].to <= START + to);
    for (uint64_t at = from; at < to; at++) {
        check_history(w, &bytes[at], START + at, now);
        check_model(w, &bytes[at], START + at, now);
    }
}

static void random_accesses_are_seen_as_byte_by_byte(void **state)
{
    enum { ROUNDS = 60, ACCESSES = 200 };
    world *w = *state;
    byte *bytes = calloc(SPAN, sizeof *bytes);
    uint32_t *all = calloc((size_t)SPAN * ACCESSES, sizeof *all);
    assert_non_null(bytes);
    assert_non_null(all);
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < SPAN; i++)
            bytes[i] = (byte){.all = all + (size_t)i * ACCESSES};
        uint32_t hurry = 1 + (uint32_t)oriel_random_below(&random, 200), kinds = 2 + round % 3;
        for (uint32_t i = 0; i < ACCESSES; i++)
            random_touch(w, bytes, &random, hurry, kinds);
        forget(w);
    }
    free(all);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(conflicts_are_told_on_the_common_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_write_meets_every_reader_since_the_last, setup, teardown),
        cmocka_unit_test_setup_teardown(ranges_cross_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(adds_of_one_type_are_all_remembered, setup, teardown),
        cmocka_unit_test_setup_teardown(an_add_does_not_hide_what_it_came_after, setup, teardown),
        cmocka_unit_test_setup_teardown(signals_do_not_meet_each_other, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reset_forgets_and_keeps_the_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_does_not_grow_with_time, setup, teardown),
        cmocka_unit_test_setup_teardown(random_accesses_are_seen_as_byte_by_byte, setup, teardown),
    };
    return cmocka_run_group_tests_name("engine/check/shadow", tests, NULL, NULL);
}
