/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: a domain is checked before anything is allocated, each refusal names the value and the limit; windows are
 * zero, page-aligned and disjoint; buffers lie where the description says, on cache lines of their own.
 */
#include "window/domain.h"
#include "test.h"

static oriel_arena *arena;

static int make_arena(void **state)
{
    (void)state;
    return oriel_arena_create(8 << 20, &arena) == ORIEL_OK ? 0 : -1;
}

static int drop_arena(void **state)
{
    (void)state;
    uint64_t used = oriel_arena_used(arena);
    oriel_arena_destroy(arena);
    return used ? -1 : 0; /* every test gives back all that it took */
}

static const oriel_buffer good[] = {{"scratch", PTO_F32, 1000}, {"flags", PTO_U8, 3}, {"signals", PTO_I32, 16}};

static oriel_domain_shared *make(const uint32_t *device, uint32_t ranks, uint64_t window_bytes)
{
    oriel_domain_shared *domain = NULL;
    assert_ok(oriel_domain_make(arena, "tp", device, ranks, window_bytes, good, 3, 8, 64, &domain));
    return domain;
}

static void buffers_lie_in_order_on_cache_lines(void **state)
{
    (void)state;
    oriel_domain_shared *domain = make(NULL, 3, 0);
    const oriel_named_buffer *buffer = oriel_domain_buffers(oriel_arena_base(arena), domain);
    assert_int_equal(domain->buffers, 3);
    assert_string_equal(buffer[0].name, "scratch");
    assert_int_equal(buffer[0].offset, 0);
    assert_int_equal(buffer[0].bytes, 4000);
    assert_int_equal(buffer[1].offset, 4032);
    assert_int_equal(buffer[1].bytes, 3);
    assert_int_equal(buffer[2].offset, 4096);
    assert_int_equal(domain->window_bytes, 4160);
    assert_int_equal(buffer[2].dtype, PTO_I32);
    oriel_domain_destroy(arena, domain);
}

static void windows_are_zero_aligned_and_apart(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        oriel_domain_shared *domain = make(NULL, 4, 5000);
        assert_int_equal(domain->window_bytes, 5000);
        assert_true(domain->window_stride >= 5000);
        for (uint32_t rank = 0; rank < 4; rank++) {
            unsigned char *window = (unsigned char *)oriel_arena_base(arena) + oriel_domain_window(domain, rank);
            assert_int_equal((uintptr_t)window % 4096, 0);
            assert_true(oriel_arena_has(arena, window, 5000));
            for (int i = 0; i < 5000; i++)
                assert_int_equal(window[i], 0);
            memset(window, 1 + (int)rank, 5000); /* shows up in the next window, or the next round, if it may */
        }
        assert_string_equal(domain->name, "tp");
        oriel_domain_destroy(arena, domain);
    }
}

static void ranks_follow_the_devices_given(void **state)
{
    (void)state;
    oriel_domain_shared *dense = make(NULL, 3, 0), *chosen = make((uint32_t[]){7, 0, 5}, 3, 0);
    const uint32_t *of_dense = oriel_domain_devices(oriel_arena_base(arena), dense);
    const uint32_t *of_chosen = oriel_domain_devices(oriel_arena_base(arena), chosen);
    assert_true(of_dense[0] == 0 && of_dense[1] == 1 && of_dense[2] == 2);
    assert_true(of_chosen[0] == 7 && of_chosen[1] == 0 && of_chosen[2] == 5);
    oriel_domain_destroy(arena, dense);
    oriel_domain_destroy(arena, chosen);
}

/* A description that is good but for what a case changes. */
typedef struct request {
    const char *name;
    const uint32_t *device;
    uint32_t ranks;
    uint64_t window_bytes;
    const oriel_buffer *buffers;
    uint32_t buffer_count;
} request;

static const request fine = {"tp", NULL, 2, 0, good, 3};

static void refused(request r, oriel_status status, const char *message)
{
    oriel_domain_shared *domain = NULL;
    assert_fails(
        oriel_domain_make(arena, r.name, r.device, r.ranks, r.window_bytes, r.buffers, r.buffer_count, 8, 16, &domain),
        status, message);
    assert_null(domain);
    assert_int_equal(oriel_arena_used(arena), 0);
}

static void a_bad_name_or_membership_is_refused(void **state)
{
    (void)state;
    request r = fine;
    r.name = "";
    refused(r, ORIEL_INVALID, "name of a domain is empty");
    r.name = NULL;
    refused(r, ORIEL_INVALID, "name of a domain is empty");
    r.name = "a domain name of 32 characters..";
    refused(r, ORIEL_INVALID, "32 characters, 31 are allowed");
    r = fine;
    r.ranks = 0;
    refused(r, ORIEL_INVALID, "domain \"tp\": 0 ranks");
    r.ranks = 9;
    refused(r, ORIEL_INVALID, "domain \"tp\": 9 ranks, the worker has 8 devices");
    r.ranks = 17;
    refused(r, ORIEL_INVALID, "domain \"tp\": 17 ranks, the platform allows 16");
    r.ranks = 3;
    r.device = (uint32_t[]){1, 2, 8};
    refused(r, ORIEL_INVALID, "domain \"tp\": device index 8, the worker has 8 devices");
    r.device = (uint32_t[]){1, 2, 1};
    refused(r, ORIEL_INVALID, "domain \"tp\": device index 1 is given twice");
}

static void bad_buffers_are_refused(void **state)
{
    (void)state;
    request r = fine;
    r.buffer_count = 0;
    refused(r, ORIEL_INVALID, "no buffers");
    r.buffers = NULL;
    r.buffer_count = 1;
    refused(r, ORIEL_INVALID, "no buffers");
    const struct {
        oriel_buffer second;
        const char *message;
    } cases[] = {
        {{NULL, PTO_F32, 1}, "the name of buffer 1 is empty"},
        {{"", PTO_F32, 1}, "the name of buffer 1 is empty"},
        {{"a buffer name of 32 characters..", PTO_F32, 1}, "32 characters, 31 are allowed"},
        {{"scratch", PTO_F32, 1}, "buffer \"scratch\" is given twice"},
        {{"b", PTO_F32, 0}, "buffer \"b\" has a count of 0"},
        {{"b", PTO_DTYPE_COUNT, 1}, "buffer \"b\" has the unknown type 10"},
        {{"b", PTO_F32, UINT64_MAX}, "buffer \"b\" has 18446744073709551615 elements of 4 B"},
        {{"b", PTO_F32, UINT64_C(1) << 38}, "it can have 1099511627775 B"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        r.buffers = (oriel_buffer[]){{"scratch", PTO_F32, 1000}, cases[i].second};
        r.buffer_count = 2;
        refused(r, ORIEL_INVALID, cases[i].message);
    }
}

static void buffers_that_exceed_the_window_are_refused(void **state)
{
    (void)state;
    request r = fine;
    r.window_bytes = 4159;
    refused(r, ORIEL_INVALID, "domain \"tp\": buffers need 4160 B, the window has 4159 B");
    r.window_bytes = 4160;
    oriel_domain_shared *domain;
    assert_ok(oriel_domain_make(arena, r.name, NULL, 2, r.window_bytes, r.buffers, 3, 8, 16, &domain));
    oriel_domain_destroy(arena, domain);
}

static void what_the_arena_cannot_hold_is_refused(void **state)
{
    (void)state;
    request r = fine;
    r.window_bytes = 16 << 20;
    refused(r, ORIEL_NO_MEMORY, "no room");
    r.window_bytes = UINT64_MAX;
    refused(r, ORIEL_INVALID, "2 windows of 18446744073709551615 B");
    r.window_bytes = UINT64_C(1) << 63;
    refused(r, ORIEL_INVALID, "2 windows of 9223372036854775808 B");
    r = fine;
    r.buffer_count = 1 << 22;
    refused(r, ORIEL_INVALID, "4194304 buffers on each of 2 ranks");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(buffers_lie_in_order_on_cache_lines, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(windows_are_zero_aligned_and_apart, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(ranks_follow_the_devices_given, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(a_bad_name_or_membership_is_refused, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(bad_buffers_are_refused, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(buffers_that_exceed_the_window_are_refused, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(what_the_arena_cannot_hold_is_refused, make_arena, drop_arena),
    };
    return cmocka_run_group_tests_name("domain", tests, NULL, NULL);
}
