/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: pieces are zero, aligned and disjoint whatever was freed before; holes merge; the first hole that fits is
 * taken; forked processes see the same bytes; what cannot be had or freed is said with its numbers.
 */
#include "window/arena.h"
#include "base/random.h"
#include "test.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static int make_arena(void **state)
{
    return oriel_arena_create(MIB, (oriel_arena **)state) == ORIEL_OK ? 0 : -1;
}

static int drop_arena(void **state)
{
    oriel_arena_destroy(*state);
    return 0;
}

static unsigned char *take(oriel_arena *arena, uint64_t bytes, uint64_t align)
{
    void *piece = NULL;
    assert_ok(oriel_arena_alloc(arena, bytes, align, &piece));
    assert_int_equal((uintptr_t)piece % align, 0);
    assert_true(oriel_arena_has(arena, piece, bytes));
    return piece;
}

static bool is_zero(const unsigned char *piece, uint64_t bytes)
{
    return piece[0] == 0 && memcmp(piece, piece + 1, bytes - 1) == 0;
}

static void the_first_hole_that_fits_is_taken(void **state)
{
    oriel_arena *arena = *state;
    unsigned char *a = take(arena, 1000, 64), *b = take(arena, 5000, 64), *c = take(arena, 64, 64);
    assert_true(a < b && b < c);
    assert_ok(oriel_arena_free(arena, a));
    assert_true(take(arena, 4000, 64) > c); /* does not fit where a was */
    assert_ptr_equal(take(arena, 1024, 64), a);
}

static void neighbouring_holes_merge(void **state)
{
    oriel_arena *arena = *state;
    unsigned char *a = take(arena, 4096, 64), *b = take(arena, 4096, 64), *c = take(arena, 4096, 64);
    take(arena, 64, 64);
    assert_ok(oriel_arena_free(arena, a));
    assert_ok(oriel_arena_free(arena, c));
    assert_ok(oriel_arena_free(arena, b));
    assert_ptr_equal(take(arena, 3 * 4096, 64), a);
}

static void a_reused_piece_is_zero(void **state)
{
    oriel_arena *arena = *state;
    const uint64_t sizes[] = {1, 63, 64, 4095, 70000, 65536 + 128, 300000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *keep = take(arena, 64, 64); /* so that large pieces do not start at a page */
        unsigned char *piece = take(arena, sizes[i], 64);
        memset(piece, 0xA5, sizes[i]);
        assert_ok(oriel_arena_free(arena, piece));
        assert_ptr_equal(take(arena, sizes[i], 64), piece);
        assert_true(is_zero(piece, sizes[i]));
        assert_ok(oriel_arena_free(arena, piece));
        assert_ok(oriel_arena_free(arena, keep));
    }
}

static void clearing_one_piece_leaves_its_neighbours(void **state)
{
    oriel_arena *arena = *state;
    unsigned char *before = take(arena, 100, 64), *large = take(arena, 200000, 64), *after = take(arena, 100, 64);
    memset(before, 1, 100);
    memset(large, 2, 200000);
    memset(after, 3, 100);
    assert_ok(oriel_arena_free(arena, large));
    assert_int_equal(before[99], 1);
    assert_int_equal(after[0], 3);
}

static void all_of_the_arena_can_be_one_piece(void **state)
{
    oriel_arena *arena = *state;
    uint64_t bytes = oriel_arena_bytes(arena);
    unsigned char *piece = take(arena, bytes, 4096);
    assert_int_equal(oriel_arena_used(arena), bytes);
    void *none = NULL;
    assert_fails(oriel_arena_alloc(arena, 1, 64, &none), ORIEL_NO_MEMORY, "no room for 1 B: its largest hole has 0 B");
    assert_null(none);
    assert_ok(oriel_arena_free(arena, piece));
    assert_int_equal(oriel_arena_used(arena), 0);
}

static void what_does_not_fit_is_refused_with_its_numbers(void **state)
{
    oriel_arena *arena = *state;
    void *none = NULL;
    assert_fails(oriel_arena_alloc(arena, UINT64_MAX, 64, &none), ORIEL_NO_MEMORY,
                 "no room for 18446744073709551615 B: its largest hole has 1048576 B");
    assert_fails(oriel_arena_alloc(arena, 0, 64, &none), ORIEL_INVALID, "0 B");
    assert_int_equal(oriel_arena_used(arena), 0);
}

static void only_pieces_can_be_freed(void **state)
{
    oriel_arena *arena = *state;
    unsigned char *piece = take(arena, 4096, 64);
    int mine;
    assert_fails(oriel_arena_free(arena, &mine), ORIEL_INVALID, "not a piece");
    assert_fails(oriel_arena_free(arena, NULL), ORIEL_INVALID, "not a piece");
    assert_fails(oriel_arena_free(arena, piece + 64), ORIEL_INVALID, "not a piece");
    assert_ok(oriel_arena_free(arena, piece));
    assert_fails(oriel_arena_free(arena, piece), ORIEL_INVALID, "not a piece");
}

static void membership_does_not_wrap(void **state)
{
    oriel_arena *arena = *state;
    char *base = oriel_arena_base(arena);
    uint64_t bytes = oriel_arena_bytes(arena);
    assert_true(oriel_arena_has(arena, base, bytes));
    assert_true(oriel_arena_has(arena, base + bytes, 0));
    assert_false(oriel_arena_has(arena, base, bytes + 1));
    assert_false(oriel_arena_has(arena, base + 64, UINT64_MAX));
    assert_false(oriel_arena_has(arena, base - 1, 1));
    assert_int_equal(oriel_arena_offset(arena, base + 100), 100);
}

/* The limit of a file's size stands for whatever else may keep an arena small. */
static void a_smaller_arena_is_taken_if_the_wanted_one_cannot_be_had(void **state)
{
    (void)state;
    struct rlimit limit, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = 3 * GIB;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    oriel_arena *arena = NULL;
    assert_ok(oriel_arena_create(16 * GIB, &arena));
    assert_int_equal(oriel_arena_bytes(arena), 2 * GIB);
    oriel_arena_destroy(arena);
    small.rlim_cur = GIB - 1;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    arena = NULL;
    assert_fails(oriel_arena_create(16 * GIB, &arena), ORIEL_NO_MEMORY, "1073741824 B");
    assert_null(arena);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_forked_process_shares_the_bytes(void **state)
{
    oriel_arena *arena = *state;
    unsigned char *piece = take(arena, 64, 64);
    pid_t child = fork();
    if (child == 0) {
        piece[7] = 42;
        _exit(0);
    }
    int code;
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(piece[7], 42);
}

/* Every piece is filled with a byte of its own; one that overlapped another, or was not cleared, would show. */
static void random_pieces_stay_apart(void **state)
{
    enum { PIECES = 40, STEPS = 20000 };
    oriel_arena *arena = *state;
    struct {
        unsigned char *at;
        uint64_t bytes;
        unsigned char mark;
    } piece[PIECES] = {0};
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    uint64_t failed = 0;
    for (int step = 0; step < STEPS; step++) {
        uint64_t i = oriel_random_below(&random, PIECES);
        if (piece[i].at) {
            assert_true(piece[i].at[0] == piece[i].mark &&
                        memcmp(piece[i].at, piece[i].at + 1, piece[i].bytes - 1) == 0);
            assert_ok(oriel_arena_free(arena, piece[i].at));
            piece[i].at = NULL;
            continue;
        }
        piece[i].bytes = 1 + oriel_random_below(&random, oriel_random_below(&random, 10) ? 3000 : 150000);
        void *at;
        if (oriel_arena_alloc(arena, piece[i].bytes, UINT64_C(1) << oriel_random_below(&random, 13), &at) != ORIEL_OK) {
            failed++;
            continue;
        }
        piece[i].at = at;
        assert_true(is_zero(piece[i].at, piece[i].bytes));
        piece[i].mark = (unsigned char)(1 + oriel_random_below(&random, 255));
        memset(piece[i].at, piece[i].mark, piece[i].bytes);
    }
    assert_true(failed < STEPS / 4);
    for (int i = 0; i < PIECES; i++)
        if (piece[i].at)
            assert_ok(oriel_arena_free(arena, piece[i].at));
    assert_int_equal(oriel_arena_used(arena), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_hole_that_fits_is_taken, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(neighbouring_holes_merge, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(a_reused_piece_is_zero, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(clearing_one_piece_leaves_its_neighbours, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(all_of_the_arena_can_be_one_piece, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(what_does_not_fit_is_refused_with_its_numbers, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(only_pieces_can_be_freed, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(membership_does_not_wrap, make_arena, drop_arena),
        cmocka_unit_test(a_smaller_arena_is_taken_if_the_wanted_one_cannot_be_had),
        cmocka_unit_test_setup_teardown(a_forked_process_shares_the_bytes, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(random_pieces_stay_apart, make_arena, drop_arena),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
