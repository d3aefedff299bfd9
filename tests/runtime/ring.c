/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: pieces of the ring never overlap, live exactly as long as somebody holds them, go round, and are to be had
 * whenever a gap is large enough; an outer scope does not keep inner ones from recycling.
 */
#include "runtime/ring.h"
#include "base/random.h"
#include "test.h"

#define LINE  ORIEL_RING_ALIGNMENT
#define LINES 64
#define BYTES (LINES * LINE)

typedef struct fixture {
    oriel_ring ring;
    oriel_pool cells;
    uint64_t task;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    oriel_ring_init(&f->ring, BYTES + LINE - 1); /* rounded down */
    f->cells = oriel_pool_of(sizeof(oriel_cell));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    oriel_ring_free(&f->ring);
    oriel_pool_free(&f->cells);
    free(f);
    return 0;
}

static bool take(fixture *f, uint64_t bytes, uint64_t *offset)
{
    assert_true(oriel_ring_reserve(&f->ring));
    return oriel_ring_take(&f->ring, bytes, offset);
}

/* A new task uses [begin, end). */
static oriel_list hold(fixture *f, uint64_t begin, uint64_t end)
{
    oriel_list held = {0};
    assert_true(oriel_pool_reserve(&f->cells, oriel_ring_pieces(&f->ring)));
    oriel_ring_hold(&f->ring, begin, end, ++f->task, &f->cells, &held);
    return held;
}

static void drop(fixture *f, oriel_list *held)
{
    oriel_ring_drop(&f->ring, &f->cells, held);
}

static void pieces_go_round_without_being_split(void **state)
{
    fixture *f = *state;
    uint64_t expected = 0, offset;
    for (int i = 0; i < 1000; i++) {
        oriel_ring_scope_begin(&f->ring);
        assert_true(take(f, 3 * LINE - 1, &offset)); /* 21 fit, and one line is left over */
        assert_int_equal(offset, expected);
        assert_true(oriel_ring_scope_end(&f->ring));
        expected += 3 * LINE;
        if (expected + 3 * LINE > BYTES)
            expected = 0;
    }
    assert_int_equal(f->ring.used, 0);
}

static void the_whole_ring_can_be_one_piece(void **state)
{
    fixture *f = *state;
    uint64_t offset;
    assert_false(take(f, BYTES + 1, &offset));
    assert_false(take(f, UINT64_MAX, &offset));
    for (int i = 0; i < 3; i++) {
        oriel_ring_scope_begin(&f->ring);
        assert_true(take(f, BYTES, &offset));
        assert_int_equal(offset, 0);
        assert_false(take(f, 1, &offset));
        assert_true(oriel_ring_scope_end(&f->ring));
    }
}

static void a_piece_outlives_its_scope_while_it_is_used(void **state)
{
    fixture *f = *state;
    uint64_t offset;
    oriel_ring_scope_begin(&f->ring);
    assert_true(take(f, 200, &offset));
    oriel_list writer = hold(f, offset, offset + 200);
    oriel_list reader = hold(f, offset + 199, offset + 200);
    oriel_list neighbour = hold(f, offset + 256, offset + 300);
    assert_int_equal(neighbour.first, 0);
    assert_true(oriel_ring_scope_end(&f->ring));
    drop(f, &writer);
    assert_int_equal(oriel_ring_pieces(&f->ring), 1);
    drop(f, &reader);
    assert_int_equal(oriel_ring_pieces(&f->ring), 0);
}

static void a_task_holds_a_piece_once(void **state)
{
    fixture *f = *state;
    uint64_t offset;
    oriel_list held = {0};
    assert_true(oriel_pool_reserve(&f->cells, 2));
    assert_true(take(f, 200, &offset));
    oriel_ring_hold(&f->ring, 0, 10, 1, &f->cells, &held);
    oriel_ring_hold(&f->ring, 5, 20, 1, &f->cells, &held);
    assert_int_equal(f->cells.taken, 1);
    drop(f, &held);
    assert_int_equal(oriel_ring_pieces(&f->ring), 1);
}

static void what_is_taken_outside_all_scopes_stays(void **state)
{
    fixture *f = *state;
    uint64_t offset;
    assert_false(oriel_ring_scope_end(&f->ring));
    assert_true(take(f, 64, &offset));
    oriel_ring_scope_begin(&f->ring);
    assert_true(oriel_ring_scope_end(&f->ring));
    assert_false(oriel_ring_scope_end(&f->ring));
    assert_int_equal(oriel_ring_pieces(&f->ring), 1);
    oriel_ring_clear(&f->ring);
    assert_int_equal(oriel_ring_pieces(&f->ring), 0);
    assert_true(take(f, BYTES, &offset));
}

/* Eight nested scopes make something small each, and inside each of them inner scopes recycle the rest many times over. */
static void an_outer_scope_is_an_island_not_a_dam(void **state)
{
    fixture *f = *state;
    uint64_t outer, inner;
    for (int depth = 0; depth < 8; depth++) {
        oriel_ring_scope_begin(&f->ring);
        assert_true(take(f, LINE, &outer));
        for (int i = 0; i < 200; i++) {
            oriel_ring_scope_begin(&f->ring);
            assert_true(take(f, 5 * LINE, &inner));
            assert_true(oriel_ring_scope_end(&f->ring));
        }
    }
    assert_int_equal(oriel_ring_pieces(&f->ring), 8);
    for (int depth = 0; depth < 8; depth++)
        assert_true(oriel_ring_scope_end(&f->ring));
    assert_int_equal(f->ring.used, 0);
}

/* ---- Random, against a map of the ring's lines ------------------------------------------------------------------- */

#define USERS  12
#define CLOSED UINT32_MAX

typedef struct user {
    oriel_list held;
    bool line[LINES]; /* that it holds */
} user;

typedef struct model {
    uint32_t piece[LINES]; /* number of the piece that lies there; 0: none */
    uint32_t scope[LINES]; /* depth of the scope that holds it, or CLOSED */
    uint32_t depth, pieces;
    user users[USERS];
} model;

static void model_forget(model *m)
{
    for (int line = 0; line < LINES; line++) {
        bool held = m->scope[line] != CLOSED;
        for (int u = 0; u < USERS; u++)
            held |= m->users[u].line[line];
        if (!held)
            m->piece[line] = 0;
    }
}

static bool has_gap(const model *m, uint64_t lines)
{
    uint64_t run = 0;
    for (int line = 0; line < LINES && run < lines; line++)
        run = m->piece[line] ? 0 : run + 1;
    return run >= lines;
}

static uint64_t lines_in_use(const model *m)
{
    uint64_t count = 0;
    for (int line = 0; line < LINES; line++)
        count += m->piece[line] != 0;
    return count;
}

static void random_take(fixture *f, model *m, oriel_random *random)
{
    uint64_t lines = 1 + oriel_random_below(random, 12), offset;
    bool taken = take(f, lines * LINE - oriel_random_below(random, LINE), &offset);
    assert_int_equal(taken, has_gap(m, lines));
    if (!taken)
        return;
    assert_int_equal(offset % LINE, 0);
    m->pieces++;
    for (uint64_t line = offset / LINE; lines--; line++) {
        assert_true(line < LINES);
        assert_int_equal(m->piece[line], 0);
        m->piece[line] = m->pieces;
        m->scope[line] = m->depth;
    }
}

/* Uses some bytes: holds all lines of the pieces that lie there. Or, if it did so before, lets go. */
static void random_use(fixture *f, user *u, const model *m, oriel_random *random)
{
    if (u->held.first) {
        drop(f, &u->held);
        memset(u->line, 0, sizeof u->line);
        return;
    }
    uint64_t begin = oriel_random_below(random, BYTES), end = begin + 1 + oriel_random_below(random, 8 * LINE);
    u->held = hold(f, begin, end);
    for (uint64_t line = begin / LINE; line < LINES && line * LINE < end; line++)
        for (int same = 0; same < LINES; same++)
            u->line[same] |= m->piece[line] && m->piece[same] == m->piece[line];
}

static void random_scope(fixture *f, model *m, oriel_random *random)
{
    if (m->depth == 0 || oriel_random_below(random, 2)) {
        oriel_ring_scope_begin(&f->ring);
        m->depth++;
        return;
    }
    if (m->depth == 1)
        return;
    assert_true(oriel_ring_scope_end(&f->ring));
    for (int line = 0; line < LINES; line++)
        if (m->scope[line] == m->depth)
            m->scope[line] = CLOSED;
    m->depth--;
}

static void random_lives_match_a_map_of_lines(void **state)
{
    fixture *f = *state;
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    model *m = calloc(1, sizeof *m);
    for (int round = 0; round < 100; round++) {
        memset(m, 0, sizeof *m);
        memset(m->scope, 0xff, sizeof m->scope);
        for (int step = 0; step < 1000; step++) {
            if (m->depth == 0 || oriel_random_below(&random, 3) == 0)
                random_scope(f, m, &random);
            else if (oriel_random_below(&random, 2))
                random_take(f, m, &random);
            else
                random_use(f, &m->users[oriel_random_below(&random, USERS)], m, &random);
            model_forget(m);
            assert_int_equal(f->ring.used, lines_in_use(m) * LINE);
        }
        oriel_ring_clear(&f->ring);
        oriel_pool_clear(&f->cells);
    }
    free(m);
}

#define ring_test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ring_test(pieces_go_round_without_being_split),         ring_test(the_whole_ring_can_be_one_piece),
        ring_test(a_piece_outlives_its_scope_while_it_is_used), ring_test(a_task_holds_a_piece_once),
        ring_test(what_is_taken_outside_all_scopes_stays),      ring_test(an_outer_scope_is_an_island_not_a_dam),
        ring_test(random_lives_match_a_map_of_lines),
    };
    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
