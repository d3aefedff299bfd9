/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Very many calls of all kinds in random order, on communicators that are split and freed in between, with windows that come
 * and go; from generations close to where their 31 and 32 bits end, too.
 */
#include "ranks.h"

#include <pthread.h>

#include "base/random.h"
#include "comm/world.h"

#define MOST_BYTES 6000 /* of a block: mostly lines, now and then beyond one */
#define PARTS      3

/* In rounds: new parts, `each` calls on each communicator. */
typedef struct mixed {
    uint64_t seed;
    uint32_t calls, each;
    bool small; /* nothing much larger than a line */
} mixed;

/* A random call, the same on all ranks of the communicator that draw it from the same stream. */
static test_call draw(oriel_random *random, pto_dtype dtype, uint32_t ranks, bool small)
{
    const uint64_t reductions = pto_dtype_is_float(dtype) ? PTO_AND : PTO_REDUCE_COUNT;
    test_call call = {.kind = (test_kind)oriel_random_below(random, TEST_KINDS),
                      .dtype = dtype,
                      .op = (pto_reduce)oriel_random_below(random, reductions),
                      .root = (uint32_t)oriel_random_below(random, ranks),
                      .salt = (uint32_t)oriel_random_below(random, SALTS)};
    uint64_t most = (uint64_t[]){8, 56, 200, MOST_BYTES}[oriel_random_below(random, small ? 3 : 4)];
    call.count = oriel_random_below(random, most / pto_dtype_bytes(dtype) + 1);
    call.in_place = call.kind != BARRIER && call.kind != BROADCAST && oriel_random_below(random, 3) == 0;
    return call;
}

static oriel_status some_calls(oriel_comm *comm, oriel_random *random, const mixed *it)
{
    const uint32_t ranks = oriel_comm_size(comm);
    const uint64_t most = test_bytes(MOST_BYTES, PTO_I8, ranks);
    const pto_dtype dtype = (pto_dtype)oriel_random_below(random, PTO_DTYPE_COUNT);
    test_tiles tiles = test_tiles_make(dtype, ranks);
    char *memory = malloc(2 * most);
    void *window;
    must(oriel_window_alloc(comm, 2 * most, &window));
    for (uint32_t i = 0; i < 2 * most; i++)
        must_hold(((char *)window)[i] == 0);
    for (uint32_t i = 0; i < it->each; i++) {
        test_call call = draw(random, dtype, ranks, it->small);
        bool in_window = oriel_random_below(random, 2);
        char *buffers = in_window ? window : memory;
        must(test_call_checked(&call, buffers, buffers + most, &tiles, comm));
    }
    must(oriel_window_free(comm, window));
    free(memory);
    free(tiles.tile);
    return ORIEL_OK;
}

static oriel_status mix(oriel_comm *comm, void *context)
{
    const mixed *it = context;
    const uint32_t rank = oriel_comm_rank(comm), ranks = oriel_comm_size(comm);
    oriel_random whole;
    oriel_random_seed(&whole, it->seed);
    for (uint32_t round = 0; round * (PARTS + 1) * it->each < it->calls; round++) {
        /* Parts by color, in an order that turns round; those of no color stay out. */
        oriel_comm *part[PARTS];
        int32_t color[PARTS];
        for (uint32_t p = 0; p < PARTS; p++) {
            uint32_t colors = (uint32_t)oriel_random_below(&whole, 3) + 1;
            color[p] = (int32_t)((rank * 7 + round + p) % (colors + 1)) - 1;
            must(oriel_comm_split(comm, color[p], (int32_t)round % 2 ? -(int32_t)rank : 0, &part[p]));
            must_hold((part[p] == NULL) == (color[p] == ORIEL_NO_COLOR));
        }
        for (uint32_t p = 0; p < PARTS; p++) {
            if (!part[p])
                continue;
            oriel_random own;
            oriel_random_seed(&own, it->seed + round * 100 + p * 10 + (uint32_t)color[p]);
            must(some_calls(part[p], &own, it));
        }
        must(some_calls(comm, &whole, it));
        for (uint32_t p = 0; p < PARTS; p++)
            must(oriel_comm_free(part[p]));
        must_hold(ranks == oriel_comm_size(comm));
    }
    return ORIEL_OK;
}

static void run(uint32_t ranks, bool threads, uint32_t first, uint32_t calls)
{
    if (UNDER_TSAN && !threads)
        skip();
    mixed it = {.seed = test_seed(), .calls = UNDER_TSAN || UNDER_ASAN ? calls / 4 : calls, .each = 10};
    assert_ok(oriel_comm_launch_at(ranks, mix, &it, &(oriel_comm_options){.threads = threads}, first));
}

static void processes(void **state)
{
    (void)state;
    run(4, false, 0, 8000);
}

static void threads(void **state)
{
    (void)state;
    run(5, true, 0, 4000);
}

static void two_threads(void **state)
{
    (void)state;
    run(2, true, 0, 4000);
}

/* Small calls are where ranks are at two calls at once, and lines and counts are all there is between them. */
static void a_million_small_calls(void **state)
{
    (void)state;
    mixed it = {.seed = test_seed(), .calls = UNDER_TSAN || UNDER_ASAN ? 20000 : 1000000, .each = 500, .small = true};
    assert_ok(oriel_comm_launch(4, mix, &it, &(oriel_comm_options){.threads = UNDER_TSAN}));
}

/* Each communicator begins there: some of its first calls go over the end. */
static void over_the_end_of_31_bits(void **state)
{
    (void)state;
    for (uint32_t before = 0; before < 4; before++)
        run(3, true, UINT32_C(0x7fffffff) - before, 200);
}

static void over_the_end_of_32_bits(void **state)
{
    (void)state;
    for (uint32_t before = 0; before < 4; before++)
        run(3, true, UINT32_MAX - before, 200);
}

/* ---- Splitting and windows -------------------------------------------------------------------------------------- */

/* Ranks of a part are in the order of keys, and of their old ranks where keys are equal. */
static oriel_status order(oriel_comm *comm, void *context)
{
    (void)context;
    const uint32_t rank = oriel_comm_rank(comm);
    oriel_comm *part, *of_part;
    must(oriel_comm_split(comm, 0, (int32_t)(rank / 2 % 2), &part)); /* 0 1 4 5 2 3 */
    must_hold(oriel_comm_size(part) == 6);
    static const uint32_t expected[] = {0, 1, 4, 5, 2, 3};
    must_hold(expected[oriel_comm_rank(part)] == rank);
    uint32_t all[6];
    must(oriel_allgather(&rank, all, 1, PTO_U32, part));
    for (uint32_t i = 0; i < 6; i++)
        must_hold(all[i] == expected[i]);
    must(oriel_comm_split(part, (int32_t)(oriel_comm_rank(part) % 2), 0, &of_part));
    must_hold(oriel_comm_size(of_part) == 3);
    return ORIEL_OK; /* the rest is freed with the rank */
}

static void parts_are_in_order(void **state)
{
    (void)state;
    assert_ok(oriel_comm_launch(6, order, NULL, &(oriel_comm_options){.threads = true}));
}

/* What is freed is used again: far more than the reservation in all. And what there is not is refused, on every rank alike. */
static oriel_status reuse(oriel_comm *comm, void *context)
{
    (void)context;
    void *window, *none = &window;
    for (int i = 0; i < 400; i++) {
        must(oriel_window_alloc(comm, (32 << 20) + (uint64_t)i, &window));
        must_hold(((char *)window)[12345] == 0);
        ((char *)window)[12345] = 1;
        must(oriel_window_free(comm, window));
        oriel_comm *part;
        must(oriel_comm_split(comm, 1, 0, &part));
        must(oriel_comm_free(part));
    }
    must_fail(oriel_window_alloc(comm, UINT64_C(1) << 40, &window), ORIEL_NO_MEMORY, "no room for");
    must_fail(oriel_window_alloc(comm, UINT64_MAX - 5, &window), ORIEL_NO_MEMORY, "no room for");
    must(oriel_window_alloc(comm, 0, &none));
    must_hold(none == NULL);
    return oriel_barrier(comm);
}

static void freed_memory_is_used_again(void **state)
{
    (void)state;
    oriel_comm_options options = {.threads = true, .reserve_bytes = UINT64_C(1) << 30};
    assert_ok(oriel_comm_launch(2, reuse, NULL, &options));
}

/* ---- Two threads of a rank -------------------------------------------------------------------------------------- */

/* Splits and frees parts of a communicator that is its own, and calls on them. */
typedef struct splitter {
    oriel_comm *comm;
    oriel_status status;
    char message[ORIEL_ERROR_BYTES];
} splitter;

static oriel_status split_and_free(oriel_comm *comm)
{
    const uint32_t ranks = oriel_comm_size(comm);
    oriel_comm *part[3];
    for (uint32_t i = 0; i < 300; i++) {
        for (int k = 0; k < 3; k++)
            must(oriel_comm_split(comm, 0, 0, &part[k]));
        uint32_t sum;
        must(oriel_allreduce(&i, &sum, 1, PTO_U32, PTO_SUM, part[i % 3]));
        must_hold(sum == ranks * i);
        for (int k = 0; k < 3; k++)
            must(oriel_comm_free(part[(i + (uint32_t)k) % 3]));
    }
    return ORIEL_OK;
}

static void *live_as_splitter(void *context)
{
    splitter *it = context;
    it->status = split_and_free(it->comm);
    oriel_error_copy(it->message, sizeof it->message);
    return NULL;
}

static oriel_status two_splitters(oriel_comm *comm, void *context)
{
    (void)context;
    splitter it[2] = {0};
    pthread_t thread[2];
    for (int i = 0; i < 2; i++)
        must(oriel_comm_split(comm, 0, 0, &it[i].comm));
    for (int i = 0; i < 2; i++)
        must_hold(pthread_create(&thread[i], NULL, live_as_splitter, &it[i]) == 0);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < 2; i++)
        if (it[i].status != ORIEL_OK)
            return oriel_fail(it[i].status, "%s", it[i].message);
    return oriel_barrier(comm);
}

/* Different communicators are independent: also where each rank lists them, for the end. */
static void two_threads_split_at_once(void **state)
{
    (void)state;
    for (int threads = UNDER_TSAN; threads < 2; threads++)
        assert_ok(oriel_comm_launch(2, two_splitters, NULL, &(oriel_comm_options){.threads = threads}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes),
        cmocka_unit_test(threads),
        cmocka_unit_test(two_threads),
        cmocka_unit_test(a_million_small_calls),
        cmocka_unit_test(over_the_end_of_31_bits),
        cmocka_unit_test(over_the_end_of_32_bits),
        cmocka_unit_test(parts_are_in_order),
        cmocka_unit_test(freed_memory_is_used_again),
        cmocka_unit_test(two_threads_split_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
