/* SPDX-License-Identifier: Apache-2.0 */
/* Protects: `oriel bench` and `oriel tune` on hosts with much memory, whose windows are larger than what a launch reserves by itself. */
#include "test.h"

#include "cli/bench.h"

#define RANKS 2
#define BYTES (UINT64_C(40) << 30) /* which nobody touches */

static oriel_status take_two(oriel_comm *comm, void *context)
{
    (void)context;
    void *window;
    oriel_status status = oriel_window_alloc(comm, BYTES, &window);
    return status == ORIEL_OK ? oriel_window_alloc(comm, BYTES, &window) : status;
}

static void test_two_large_windows_fit(void **state)
{
    (void)state;
    oriel_comm_options options = {.threads = true};
    assert_fails(oriel_comm_launch(RANKS, take_two, NULL, &options), ORIEL_NO_MEMORY, "no room");
    options.reserve_bytes = bench_reserve_bytes(RANKS, BYTES);
    assert_ok(oriel_comm_launch(RANKS, take_two, NULL, &options));
}

/* Where the address space is limited a launch that asks for nothing takes what it gets. */
static void test_small_windows_ask_for_nothing(void **state)
{
    (void)state;
    assert_int_equal(bench_reserve_bytes(4, 64 << 20), 0);
    assert_int_equal(bench_reserve_bytes(1024, 64), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_large_windows_fit),
        cmocka_unit_test(test_small_windows_ask_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
