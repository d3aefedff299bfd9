/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: what compilers call in place of a kernel's accesses tells of each byte once, before it is touched, and touches it before
 * anything else is told. Memory here is as the seam has it: what a read sees is there only until the next call, and what is
 * written is taken away then.
 */
#include <stdlib.h>
#include <string.h>

/* By other names: the test has use for the C library's own. */
#define memcpy  hook_memcpy
#define memmove hook_memmove
#define memset  hook_memset
#define memcmp  hook_memcmp
#include "oriel/compat/hooks.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp

#include "base/random.h"
#include "test.h"

#define BYTES 256

static char memory[BYTES], seen[BYTES]; /* what is there, which is of no use; what the kernel sees and has written */
static uint32_t reads[BYTES], writes[BYTES], steps;
static const void *last_from;

static struct {
    char *at;
    uint32_t bytes;
    bool write;
    char memory[ORIEL_FRONT_MOST_BYTES];
} begun;

static void settle(void)
{
    if (!begun.at)
        return;
    if (begun.write)
        memcpy(seen + (begun.at - memory), begun.at, begun.bytes);
    memcpy(begun.at, begun.memory, begun.bytes);
    begun.at = NULL;
}

static void begin(char *at, uint32_t bytes, bool write, uint32_t *count, const void *from)
{
    settle();
    assert_in_range(bytes, 1, ORIEL_FRONT_MOST_BYTES);
    last_from = from;
    if (at < memory || at >= memory + BYTES)
        return;
    begun.at = at;
    begun.bytes = bytes;
    begun.write = write;
    memcpy(begun.memory, at, bytes);
    if (!write)
        memcpy(at, seen + (at - memory), bytes);
    for (uint32_t i = 0; i < bytes; i++)
        count[at - memory + i]++;
}

void oriel_front_read(const volatile void *at, uint32_t bytes, const void *from)
{
    begin((char *)(uintptr_t)at, bytes, false, reads, from);
}

void oriel_front_write(volatile void *at, uint32_t bytes, const void *from)
{
    begin((char *)(uintptr_t)at, bytes, true, writes, from);
}

void oriel_front_step(const void *from)
{
    last_from = from;
    steps++;
}

static void start(oriel_random *random)
{
    settle();
    memset(memory, 0x77, sizeof memory);
    memset(reads, 0, sizeof reads);
    memset(writes, 0, sizeof writes);
    for (int i = 0; i < BYTES; i++)
        seen[i] = (char)oriel_random_next(random);
}

/* Each of the bytes, and no other, so often. */
static void assert_told(const uint32_t *count, size_t first, size_t bytes, uint32_t times)
{
    for (size_t i = 0; i < BYTES; i++)
        assert_int_equal(count[i], i >= first && i < first + bytes ? times : 0);
}

static void blocks(void **state)
{
    (void)state;
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    for (int round = 0; round < 5000; round++) {
        char wanted[BYTES];
        const size_t bytes = oriel_random_below(&random, 100);
        const size_t to = oriel_random_below(&random, BYTES - bytes), from = oriel_random_below(&random, BYTES - bytes);
        start(&random);
        memcpy(wanted, seen, BYTES);
        if (round % 3 == 0) {
            memset(wanted + to, round, bytes);
            assert_ptr_equal(hook_memset(memory + to, round, bytes), memory + to);
            assert_told(reads, 0, 0, 0);
        } else {
            memmove(wanted + to, wanted + from, bytes);
            assert_ptr_equal(hook_memmove(memory + to, memory + from, bytes), memory + to);
            assert_told(reads, from, bytes, 1);
        }
        settle();
        assert_told(writes, to, bytes, 1);
        assert_memory_equal(seen, wanted, BYTES);
        for (int i = 0; i < BYTES; i++)
            assert_int_equal(memory[i], 0x77);
    }
}

static int sign(int number)
{
    return (number > 0) - (number < 0);
}

static void comparisons(void **state)
{
    (void)state;
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    for (int round = 0; round < 5000; round++) {
        const size_t bytes = oriel_random_below(&random, 100), left = 0, right = 128;
        start(&random);
        memcpy(seen + right, seen + left, bytes);
        if (bytes && round % 2)
            seen[right + oriel_random_below(&random, bytes)] ^= 0x80;
        const int wanted = memcmp(seen + left, seen + right, bytes);
        assert_int_equal(sign(hook_memcmp(memory + left, memory + right, bytes)), sign(wanted));
    }
}

static void single_accesses(void **state)
{
    (void)state;
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    void (*const read[])(void *) = {__tsan_read1, __tsan_read2, __tsan_read4, __tsan_read8, __tsan_read16};
    void (*const write[])(void *) = {__tsan_write1, __tsan_write2, __tsan_write4, __tsan_write8, __tsan_write16};
    for (int i = 0; i < 5; i++) {
        start(&random);
        read[i](memory + 32);
        assert_told(reads, 32, (size_t)1 << i, 1);
        start(&random);
        write[i](memory + 32);
        assert_told(writes, 32, (size_t)1 << i, 1);
    }
    start(&random);
    __tsan_read_range(memory + 3, 45);
    __tsan_write_range(memory + 5, 33);
    assert_told(reads, 3, 45, 1);
    assert_told(writes, 5, 33, 1);
}

static void atomics(void **state)
{
    (void)state;
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    uint32_t *cell = (uint32_t *)(void *)(memory + 64), value = 40;
    start(&random);
    memcpy(seen + 64, &value, sizeof value);
    assert_int_equal(__tsan_atomic32_fetch_add(cell, 2, 5), 40);
    assert_int_equal(__tsan_atomic32_load(cell, 5), 42);
    assert_int_equal(__tsan_atomic32_exchange(cell, 6, 5), 42);
    value = 7;
    assert_false(__tsan_atomic32_compare_exchange_strong(cell, &value, 1, 5, 5));
    assert_int_equal(value, 6);
    assert_true(__tsan_atomic32_compare_exchange_strong(cell, &value, 12, 5, 5));
    assert_int_equal(__tsan_atomic32_fetch_and(cell, 10, 5), 12);
    assert_int_equal(__tsan_atomic32_fetch_or(cell, 1, 5), 8);
    assert_int_equal(__tsan_atomic32_fetch_xor(cell, 3, 5), 9);
    assert_int_equal(__tsan_atomic32_fetch_sub(cell, 4, 5), 10);
    assert_int_equal(__tsan_atomic32_fetch_nand(cell, 4, 5), 6);
    assert_int_equal(__tsan_atomic32_load(cell, 5), ~4u);
    settle();
    assert_told(writes, 64, 4, 8);
    assert_int_equal(*cell, 0x77777777);
}

static void (*volatile step)(void) = __sanitizer_cov_trace_pc;

static __attribute__((noinline)) void step_from_here(void)
{
    step();
    steps++;
}

static void places(void **state)
{
    (void)state;
    steps = 0;
    step_from_here();
    assert_int_equal(steps, 2);
    /* The place is in the function that called the hook. */
    assert_in_range((uintptr_t)last_from, (uintptr_t)step_from_here, (uintptr_t)step_from_here + 256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks),  cmocka_unit_test(comparisons), cmocka_unit_test(single_accesses),
        cmocka_unit_test(atomics), cmocka_unit_test(places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
