/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: only places inside the segment become pointers; a notify sets or adds modulo 2^32, rings the bell, and is
 * seen after everything that was stored before it.
 */
#include "fabric/fabric.h"
#include "test.h"

#include <pthread.h>

static _Alignas(64) char memory[4096];
static oriel_fabric_shm shm;

static int make_fabric(void **state)
{
    (void)state;
    memset(memory, 0, sizeof memory);
    oriel_fabric_shm_init(&shm, memory, sizeof memory);
    return 0;
}

static void *reach(uint32_t segment, uint64_t offset, uint64_t bytes)
{
    return shm.fabric.ops->reach(&shm.fabric, (oriel_place){segment, offset}, bytes);
}

static oriel_status notify(uint64_t offset, int32_t value, pto_notify how, oriel_bell *bell)
{
    return shm.fabric.ops->notify(&shm.fabric, (oriel_place){ORIEL_SEGMENT_ARENA, offset}, value, how, bell);
}

static void only_places_inside_the_segment_are_reached(void **state)
{
    (void)state;
    assert_ptr_equal(reach(ORIEL_SEGMENT_ARENA, 0, 4096), memory);
    assert_ptr_equal(reach(ORIEL_SEGMENT_ARENA, 4095, 1), memory + 4095);
    assert_null(reach(ORIEL_SEGMENT_ARENA, 4095, 2));
    assert_null(reach(ORIEL_SEGMENT_ARENA, 0, 4097));
    assert_null(reach(ORIEL_SEGMENT_ARENA, UINT64_MAX, 2));
    assert_null(reach(0, 0, 1));
}

static void a_notify_sets_or_adds(void **state)
{
    (void)state;
    _Atomic int32_t *cell = (_Atomic int32_t *)(memory + 64);
    assert_ok(notify(64, 7, PTO_NOTIFY_SET, NULL));
    assert_int_equal(atomic_load(cell), 7);
    assert_ok(notify(64, -9, PTO_NOTIFY_ADD, NULL));
    assert_int_equal(atomic_load(cell), -2);
    assert_ok(notify(64, INT32_MAX, PTO_NOTIFY_SET, NULL));
    assert_ok(notify(64, 1, PTO_NOTIFY_ADD, NULL));
    assert_int_equal(atomic_load(cell), INT32_MIN);
    assert_fails(notify(4096, 1, PTO_NOTIFY_SET, NULL), ORIEL_INVALID, "no signal cell at offset 4096 of segment 1");
}

static bool cell_is_set(void *context)
{
    return atomic_load_explicit((_Atomic int32_t *)context, memory_order_acquire) != 0;
}

static void *write_and_notify(void *bell)
{
    for (int i = 128; i < 4096; i++)
        memory[i] = (char)i;
    return (void *)(intptr_t)notify(64, 1, PTO_NOTIFY_SET, bell);
}

static void a_notify_brings_the_data(void **state)
{
    (void)state;
    oriel_bell bell = {0};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write_and_notify, &bell), 0);
    const oriel_wait wait = {.ready = cell_is_set, .context = memory + 64, .deadline = INT64_MAX};
    assert_ok(oriel_wait_for(&bell, &wait));
    for (int i = 128; i < 4096; i++)
        assert_int_equal(memory[i], (char)i);
    void *status;
    pthread_join(thread, &status);
    assert_null(status);
}

static void a_notify_rings_the_bell_of_who_sleeps(void **state)
{
    (void)state;
    oriel_bell bell = {.sleepers = 1};
    assert_ok(notify(64, 1, PTO_NOTIFY_ADD, &bell));
    assert_int_not_equal(atomic_load(&bell.rings), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(only_places_inside_the_segment_are_reached, make_fabric),
        cmocka_unit_test_setup(a_notify_sets_or_adds, make_fabric),
        cmocka_unit_test_setup(a_notify_brings_the_data, make_fabric),
        cmocka_unit_test_setup(a_notify_rings_the_bell_of_who_sleeps, make_fabric),
    };
    return cmocka_run_group_tests_name("fabric", tests, NULL, NULL);
}
