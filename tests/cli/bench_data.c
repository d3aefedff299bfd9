/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: the errors that `oriel bench` counts. Every operation with every type and reduction, in place and not, of several
 * ranks: right results have none; what was not written, or changed after, is counted to the element.
 */
#include "test.h"

#include "base/random.h"
#include "cli/bench.h"

#define MOST_RANKS 5

/* What is on all ranks: threads share it. */
typedef struct world {
    bench_call call;
    char *send[MOST_RANKS], *recv[MOST_RANKS];
    bench_place place[MOST_RANKS];
    uint64_t unwritten[MOST_RANKS], after[MOST_RANKS];
} world;

static oriel_status run_rank(oriel_comm *comm, void *context)
{
    world *all = context;
    const bench_call *call = &all->call;
    const uint32_t rank = oriel_comm_rank(comm);
    bench_place *place = &all->place[rank];
    *place = bench_place_of(call, rank, all->send[rank], all->recv[rank]);
    bench_spoil(call, rank, place);
    bench_fill(call, rank, place);
    all->unwritten[rank] = bench_wrong(call, rank, place);
    oriel_status status = call->operation->run(call, place->send, place->recv, comm);
    all->after[rank] = bench_wrong(call, rank, place);
    return status;
}

static void run(const bench_call *call, world *all)
{
    *all = (world){.call = *call};
    const uint64_t bytes = bench_bytes(call) + 1;
    for (uint32_t r = 0; r < call->ranks; r++) {
        all->send[r] = calloc(1, bytes);
        all->recv[r] = calloc(1, bytes);
        assert_non_null(all->send[r]);
        assert_non_null(all->recv[r]);
    }
    const oriel_comm_options options = {.threads = true};
    assert_ok(oriel_comm_launch(call->ranks, run_rank, all, &options));
}

static void release(world *all)
{
    for (uint32_t r = 0; r < all->call.ranks; r++) {
        free(all->send[r]);
        free(all->recv[r]);
    }
}

/* Elements of the result that are there before the call: the root's own, and the own block where the call is in place. */
static uint64_t there_before(const bench_call *call, uint32_t rank)
{
    const bool is_broadcast = call->operation == bench_operation_find("broadcast");
    if (is_broadcast ? rank != call->root : !call->in_place)
        return 0;
    return call->operation->moves && (!call->operation->rooted || rank == call->root) ? call->count : 0;
}

/* In place, what is to be reduced or sent to each lies where the result will be, and may be what the result is. */
static bool begins_with_anything(const bench_call *call)
{
    const bench_operation *operation = call->operation;
    return call->in_place && (operation->reduces || (operation->send_each && operation->recv_each));
}

static void check_counts(world *all)
{
    const bench_call *call = &all->call;
    for (uint32_t r = 0; r < call->ranks; r++) {
        const bench_place *place = &all->place[r];
        const uint64_t results = place->result ? place->results - there_before(call, r) : 0;
        assert_int_equal(all->after[r], 0);
        if (!begins_with_anything(call))
            assert_int_equal(all->unwritten[r], results);
    }
}

static void for_each_call(uint32_t ranks, uint64_t count, void (*check)(world *all))
{
    for (uint32_t i = 0; i < bench_operation_count; i++)
        for (int dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++)
            for (int reduce = 0; reduce < (bench_operations[i].reduces ? PTO_REDUCE_COUNT : 1); reduce++)
                for (int in_place = 0; in_place < 1 + bench_operations[i].in_place; in_place++) {
                    const bench_call call = {.operation = &bench_operations[i],
                                             .count = count,
                                             .dtype = (pto_dtype)dtype,
                                             .reduce = (pto_reduce)reduce,
                                             .root = bench_operations[i].rooted ? ranks / 2 : 0,
                                             .ranks = ranks,
                                             .in_place = in_place};
                    world all;
                    if (!pto_reduce_takes(call.reduce, call.dtype))
                        continue;
                    run(&call, &all);
                    check(&all);
                    release(&all);
                }
}

static void test_right_results_have_no_errors(void **state)
{
    (void)state;
    for_each_call(1, 3, check_counts);
    for_each_call(2, 1, check_counts);
    for_each_call(3, 700, check_counts);
}

static oriel_random random_numbers;

static uint64_t below(uint64_t limit)
{
    return oriel_random_below(&random_numbers, limit);
}

/* Changes some elements of each result, each once. */
static void check_changes(world *all)
{
    const uint32_t each = pto_dtype_bytes(all->call.dtype);
    for (uint32_t r = 0; r < all->call.ranks; r++) {
        const bench_place *place = &all->place[r];
        if (!place->result)
            continue;
        const uint64_t stride = 1 + below(place->results);
        uint64_t changed = 0;
        for (uint64_t i = below(stride); i < place->results; i += stride, changed++)
            place->result[i * each + below(each)] ^= (char)(1 + below(255));
        assert_int_equal(bench_wrong(&all->call, r, place), changed);
    }
}

static void test_each_changed_element_counts_once(void **state)
{
    (void)state;
    oriel_random_seed(&random_numbers, test_seed());
    for_each_call(4, 300, check_changes);
}

/* Two blocks of numbers of 0 to 127 have a few in common. */
static bool is_about(uint64_t wrong, uint64_t elements)
{
    return wrong <= elements && wrong + elements / 20 >= elements;
}

/* Blocks that are another rank's, or lie elsewhere. */
static void test_data_in_the_wrong_place_shows(void **state)
{
    (void)state;
    enum { COUNT = 2048 };
    world all;
    bench_call call = {.operation = bench_operation_find("allgather"), .count = COUNT, .dtype = PTO_U8, .ranks = 4};
    run(&call, &all);
    char *result = all.place[1].result, block[COUNT];
    memcpy(block, result, COUNT);
    memcpy(result, result + COUNT, COUNT);
    assert_true(is_about(bench_wrong(&call, 1, &all.place[1]), COUNT));
    memcpy(result, block, COUNT);
    memmove(result + 2 * COUNT, result + 2 * COUNT + 64, COUNT - 64);
    assert_true(is_about(bench_wrong(&call, 1, &all.place[1]), COUNT));
    release(&all);
    call.operation = bench_operation_find("alltoall");
    run(&call, &all);
    assert_true(is_about(bench_wrong(&call, 2, &all.place[1]), 4 * COUNT));
    release(&all);
}

static void test_a_rank_that_is_not_in_the_sum_shows(void **state)
{
    (void)state;
    enum { COUNT = 4096 };
    world all;
    const bench_call call = {
        .operation = bench_operation_find("allreduce"), .count = COUNT, .dtype = PTO_BF16, .ranks = 3};
    run(&call, &all);
    bench_call fewer = call;
    fewer.ranks = 2;
    /* One in eight contributes 0. */
    const uint64_t wrong = bench_wrong(&fewer, 0, &all.place[0]);
    assert_in_range(wrong, COUNT * 3 / 4, COUNT);
    release(&all);
}

static void test_sizes(void **state)
{
    (void)state;
    bench_call call = {.operation = bench_operation_find("all-gather"), .dtype = PTO_F32, .ranks = 4};
    assert_ptr_equal(call.operation, bench_operation_find("allgather"));
    assert_null(bench_operation_find("allgathe"));
    assert_null(bench_operation_find(""));
    call.count = bench_count(&call, 8);
    assert_int_equal(call.count, 1);
    assert_int_equal(bench_bytes(&call), 16);
    assert_int_equal(bench_count(&call, 100), 6);
    call.operation = bench_operation_find("reduce-scatter");
    assert_int_equal(bench_bytes(&call), 16);
    call.operation = bench_operation_find("allreduce");
    assert_int_equal(bench_bytes(&call), 4);
    call.operation = bench_operation_find("barrier");
    assert_int_equal(bench_bytes(&call), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_results_have_no_errors),
        cmocka_unit_test(test_each_changed_element_counts_once),
        cmocka_unit_test(test_data_in_the_wrong_place_shows),
        cmocka_unit_test(test_a_rank_that_is_not_in_the_sum_shows),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
