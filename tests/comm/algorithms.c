/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every algorithm of every operation, for every number of ranks and with every type that it claims, in place and not,
 * from ordinary memory, from windows and from both: the result of the direct way, to the bit where it promises that.
 * Then one behind the other in any order, on communicators that are split. A rank that dies in a kernel, and one that
 * calls something else. And what is asked for by name: what is taken, and what is refused.
 */
#include "ranks.h"

#include <signal.h>
#include <unistd.h>

#include "base/random.h"
#include "comm/team.h"
#include "oriel/tuning.h"

enum { ORDINARY, SYMMETRIC, MIXED, MEMORIES };

/* The kinds of ranks.h are the operations of the library, in the same order. */
_Static_assert((int)BARRIER == (int)ORIEL_OP_BARRIER && (int)SCATTER == (int)ORIEL_OP_SCATTER, "one order");

static test_kind kind_of(const oriel_algorithm_info *info)
{
    oriel_operation operation = ORIEL_OP_COUNT;
    oriel_operation_find(info->operation, &operation);
    return (test_kind)operation;
}

static oriel_status ask_for(const oriel_algorithm_info *info, oriel_comm *comm)
{
    char words[64];
    snprintf(words, sizeof words, "%s=%s", info->operation, info->name);
    return oriel_comm_choose(comm, words);
}

/* Elements: one, odd and within a line, more, more than two tiles; and more than the windows begin with. */
static const uint64_t bytes_of_counts[] = {1, 52, 3000, 40000, 600000};
#define COUNTS (sizeof bytes_of_counts / sizeof bytes_of_counts[0])

static uint64_t count_of(uint64_t bytes, pto_dtype dtype)
{
    const uint64_t each = pto_dtype_bytes(dtype);
    return bytes < each ? 1 : bytes / each | 1;
}

typedef struct buffers {
    char *ordinary[2];
    void *window[2];
} buffers;

static oriel_status make_buffers(uint64_t bytes, oriel_comm *comm, buffers *all)
{
    for (int i = 0; i < 2; i++) {
        all->ordinary[i] = malloc(bytes);
        must_hold(all->ordinary[i] != NULL);
        must(oriel_window_alloc(comm, bytes, &all->window[i]));
    }
    return ORIEL_OK;
}

static oriel_status free_buffers(oriel_comm *comm, buffers *all)
{
    for (int i = 0; i < 2; i++) {
        free(all->ordinary[i]);
        must(oriel_window_free(comm, all->window[i]));
    }
    return ORIEL_OK;
}

/* Who has which kind of memory, and for which buffer, differs from rank to rank. */
static oriel_status one(const test_call *call, int memory, const buffers *all, const test_tiles *tiles,
                        oriel_comm *comm)
{
    const uint32_t rank = oriel_comm_rank(comm);
    bool send = memory == SYMMETRIC || (memory == MIXED && rank % 2 == 0);
    bool recv = memory == SYMMETRIC || (memory == MIXED && rank % 3 == 0);
    return test_call_checked(call, send ? all->window[0] : all->ordinary[0], recv ? all->window[1] : all->ordinary[1],
                             tiles, comm);
}

/* In place or not, from each memory: all of it of one type; of the others each half of it, in turn. */
static oriel_status all_ways(test_call call, const buffers *all, const test_tiles *tiles, oriel_comm *comm)
{
    for (int memory = 0; memory < MEMORIES; memory++)
        for (int in_place = 0; in_place < 2; in_place++) {
            if ((in_place && (call.kind == BARRIER || call.kind == BROADCAST)) ||
                (call.dtype != PTO_F32 && (memory == MIXED || memory != in_place)))
                continue;
            call.in_place = in_place;
            call.root = (call.root + 1) % oriel_comm_size(comm);
            call.salt++;
            must(one(&call, memory, all, tiles, comm));
        }
    return ORIEL_OK;
}

/* One algorithm, one type, all reductions and counts. */
static oriel_status all_calls(const oriel_algorithm_info *info, pto_dtype dtype, const buffers *all,
                              const test_tiles *tiles, oriel_comm *comm)
{
    const test_kind kind = kind_of(info);
    const uint32_t ranks = oriel_comm_size(comm);
    for (int op = 0; op < (test_reduces(kind) ? PTO_REDUCE_COUNT : 1); op++)
        for (uint32_t c = 0; c < COUNTS; c++) {
            /* What is right of a few bytes of a type, and of many of one, is not tried for all. */
            if (!pto_reduce_takes((pto_reduce)op, dtype) ||
                (c == COUNTS - 1 && (dtype != PTO_F32 || op != PTO_SUM || ranks > 4)) ||
                (c == COUNTS - 2 && dtype != PTO_F32 && dtype != PTO_BF16))
                continue;
            must(all_ways(
                (test_call){
                    .kind = kind, .dtype = dtype, .op = (pto_reduce)op, .count = count_of(bytes_of_counts[c], dtype)},
                all, tiles, comm));
        }
    return ORIEL_OK;
}

static bool is_for(const oriel_algorithm_info *info, uint32_t ranks)
{
    return info->launch && ranks >= info->min_ranks && ranks <= info->max_ranks;
}

/* All algorithms with `in_rank_order` as given: with inputs of which any order gives the same, else with others. */
static oriel_status all_algorithms(oriel_comm *comm, bool in_rank_order)
{
    const uint32_t ranks = oriel_comm_size(comm);
    buffers all;
    oriel_algorithm_info info;
    must(make_buffers(test_bytes(bytes_of_counts[COUNTS - (ranks <= 4 ? 1 : 2)] + 8, PTO_I8, ranks), comm, &all));
    for (int dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++) {
        test_tiles tiles = test_tiles_make((pto_dtype)dtype, ranks);
        for (uint32_t i = 0; oriel_algorithm_info_at(i, &info); i++) {
            if (info.in_rank_order != in_rank_order)
                continue;
            must(ask_for(&info, comm));
            const oriel_choice *steps = comm->choice[kind_of(&info)];
            must_hold((steps != NULL) == is_for(&info, ranks));
            must_hold(!steps || strcmp(steps->algorithm->name, info.name) == 0);
            if (steps) /* direct calls have tests of their own */
                must(all_calls(&info, (pto_dtype)dtype, &all, &tiles, comm));
        }
        free(tiles.tile);
    }
    return free_buffers(comm, &all);
}

static oriel_status in_order(oriel_comm *comm, void *context)
{
    (void)context;
    return all_algorithms(comm, true);
}

static oriel_status in_their_own_order(oriel_comm *comm, void *context)
{
    (void)context;
    return all_algorithms(comm, false);
}

static void run(uint32_t ranks, bool threads)
{
    if (UNDER_TSAN && !threads)
        skip();
    const oriel_comm_options options = {.threads = threads};
    assert_ok(oriel_comm_launch(ranks, in_order, NULL, &options));
    exact_inputs = true;
    assert_ok(oriel_comm_launch(ranks, in_their_own_order, NULL, &options));
    exact_inputs = false;
}

static void processes(void **state)
{
    (void)state;
    for (uint32_t ranks = 1; ranks <= 9; ranks++)
        run(ranks, false);
}

static void sixteen_processes(void **state)
{
    (void)state;
    run(16, false);
}

static void threads(void **state)
{
    (void)state;
    for (uint32_t ranks = 1; ranks <= 5; ranks++)
        run(ranks, true);
}

/* ---- One behind the other --------------------------------------------------------------------------------------- */

#define MOST_BYTES 30000

/* Any call, by any algorithm: drawn alike by all ranks of the communicator. */
static oriel_status some_calls(oriel_comm *comm, uint64_t seed, uint32_t calls)
{
    const uint32_t ranks = oriel_comm_size(comm);
    oriel_random random;
    oriel_random_seed(&random, seed);
    buffers all;
    must(make_buffers(test_bytes(MOST_BYTES, PTO_I8, ranks), comm, &all));
    const pto_dtype dtype = (pto_dtype)oriel_random_below(&random, PTO_DTYPE_COUNT);
    const uint64_t reductions = pto_dtype_is_float(dtype) ? PTO_AND : PTO_REDUCE_COUNT;
    test_tiles tiles = test_tiles_make(dtype, ranks);
    for (uint32_t i = 0; i < calls; i++) {
        oriel_algorithm_info info;
        if (i % 4 == 0) {
            while (!oriel_algorithm_info_at((uint32_t)oriel_random_below(&random, 64), &info))
                ;
            must(ask_for(&info, comm));
        }
        test_call call = {.kind = oriel_random_below(&random, 4) ? kind_of(&info)
                                                                 : (test_kind)oriel_random_below(&random, TEST_KINDS),
                          .dtype = dtype,
                          .op = (pto_reduce)oriel_random_below(&random, reductions),
                          .root = (uint32_t)oriel_random_below(&random, ranks),
                          .salt = (uint32_t)oriel_random_below(&random, SALTS)};
        uint64_t most = (uint64_t[]){8, 200, 5000, MOST_BYTES}[oriel_random_below(&random, 4)];
        call.count = oriel_random_below(&random, most / pto_dtype_bytes(dtype) + 1);
        call.in_place = call.kind != BARRIER && call.kind != BROADCAST && oriel_random_below(&random, 3) == 0;
        must(one(&call, (int)oriel_random_below(&random, MEMORIES), &all, &tiles, comm));
    }
    free(tiles.tile);
    return free_buffers(comm, &all);
}

static oriel_status mix(oriel_comm *comm, void *context)
{
    const uint64_t seed = *(const uint64_t *)context;
    const int rounds = UNDER_TSAN || UNDER_ASAN ? 6 : 20;
    for (int round = 0; round < rounds; round++) {
        oriel_comm *part;
        must(some_calls(comm, seed + (uint64_t)round * 10, 40));
        must(oriel_comm_split(comm, (int32_t)oriel_comm_rank(comm) % 2, 0, &part));
        must_hold(part->asked == comm->asked); /* what was chosen is passed on */
        must(some_calls(part, seed + (uint64_t)round * 10 + 1, 40));
        must(oriel_comm_free(part));
    }
    return oriel_comm_choose(comm, NULL);
}

static void one_behind_the_other(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    exact_inputs = true;
    if (!UNDER_TSAN)
        assert_ok(oriel_comm_launch(5, mix, &seed, NULL));
    for (uint32_t ranks = 2; ranks <= 5; ranks++)
        assert_ok(oriel_comm_launch(ranks, mix, &seed, &(oriel_comm_options){.threads = true}));
    exact_inputs = false;
}

/* ---- What goes wrong -------------------------------------------------------------------------------------------- */

#define BAD 1u /* the rank that does it */

static void leave_process(int number)
{
    (void)number;
    _exit(7);
}

/*
 * Rank 1 ends at some moment, which is as a rule one in a kernel. The calls of the others end, whatever they wait for.
 */
static oriel_status until_one_dies(oriel_comm *comm, void *context)
{
    const oriel_algorithm_info *info = context;
    char send[4096] = {0}, recv[4 * 4096] = {0};
    test_call call = {.kind = kind_of(info), .dtype = PTO_I8, .count = 1000};
    must(ask_for(info, comm));
    if (oriel_comm_rank(comm) == BAD) {
        signal(SIGALRM, leave_process);
        ualarm(1 + (useconds_t)(getpid() % 50) * 20, 0);
    }
    for (;;)
        must(test_do(&call, send, recv, comm));
}

static void a_rank_dies_in_any_kernel(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    oriel_algorithm_info info;
    for (uint32_t i = 0; oriel_algorithm_info_at(i, &info); i++)
        for (uint32_t ranks = 2; ranks <= 4; ranks++)
            if (is_for(&info, ranks))
                assert_fails(oriel_comm_launch(ranks, until_one_dies, &info, NULL), ORIEL_RANK_DIED,
                             "rank 1 left its process with exit code 7");
}

static oriel_status one_differs(oriel_comm *comm, void *context)
{
    const oriel_algorithm_info *info = context;
    float send[64] = {0}, recv[3 * 64];
    test_call call = {.kind = kind_of(info), .dtype = PTO_F32, .count = 8};
    must(ask_for(info, comm));
    /*
     * A good one first, so that there are windows; a slow rank is still in its kernel when others find that the next
     * differs. Who takes nothing from it finds it in the call after it.
     */
    for (int i = 0; i < 3; i++) {
        oriel_status status = i < 2 ? test_do(&call, send, recv, comm) : oriel_barrier(comm);
        if (status != ORIEL_OK) {
            must_hold(status == ORIEL_INVALID && strstr(oriel_last_error(), "calls differ: "));
            must_hold(strstr(oriel_last_error(), "rank 1 calls"));
            return ORIEL_OK;
        }
        if (oriel_comm_rank(comm) == BAD) /* more, or of another kind */
            call = (test_call){.kind = call.kind == BARRIER ? GATHER : call.kind, .dtype = PTO_F32, .count = 9};
    }
    return oriel_fail(ORIEL_WRONG, "%s of %s did not notice a call that differs", info->name, info->operation);
}

static void calls_that_differ_are_noticed(void **state)
{
    (void)state;
    oriel_algorithm_info info;
    for (uint32_t i = 0; oriel_algorithm_info_at(i, &info); i++)
        for (uint32_t ranks = 2; ranks <= 3; ranks++)
            if (is_for(&info, ranks))
                assert_ok(oriel_comm_launch(ranks, one_differs, &info, &(oriel_comm_options){.threads = true}));
}

/* ---- Asking by name --------------------------------------------------------------------------------------------- */

static void words_are_taken(void **state)
{
    (void)state;
    static const struct {
        const char *words, *taken;
    } good[] = {
        {NULL, "none"},
        {"bruck", "allgather=bruck"},
        {"binomial", "broadcast=binomial,reduce=binomial"},
        {"allreduce=ring,allgather=bruck", "allreduce=ring,allgather=bruck"},
        {"ring,allgather=bruck", "allreduce=ring,reduce_scatter=ring,allgather=bruck"},
        {"allgather=bruck,ring", "allreduce=ring,reduce_scatter=ring,allgather=ring"},
        {"two-phase,allreduce=direct", "allreduce=direct"},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        oriel_asked asked = 0;
        char text[256];
        assert_ok(oriel_asked_take(good[i].words, "", &asked));
        assert_string_equal(oriel_asked_text(asked, text, sizeof text), good[i].taken);
    }
    oriel_asked asked = 0;
    assert_ok(oriel_asked_take("ring", "", &asked));
    assert_ok(oriel_asked_take("allreduce=two-phase", "", &asked));
    char text[256];
    assert_string_equal(oriel_asked_text(asked, text, sizeof text),
                        "allreduce=two-phase,reduce_scatter=ring,allgather=ring");
    oriel_asked_text(asked, text, 12); /* cut, and no further */
    assert_string_equal(text, "allreduce=t");
}

static void words_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *words, *message;
    } bad[] = {
        {"best", "there is no algorithm \"best\": it must be one of direct, one-phase, binomial, two-phase, ring"},
        {"", "there is no algorithm \"\""},
        {"ring,", "there is no algorithm \"\""},
        {"allreduce=bruck",
         "allreduce has no algorithm \"bruck\": it must be one of direct, one-phase, two-phase, ring, "
         "bidirectional-ring, interleaved-ring, recursive-doubling, halving-doubling"},
        {"all-reduce=ring", "there is no operation \"all-reduce\": it must be one of barrier, broadcast, reduce, "
                            "allreduce, reduce_scatter, allgather, alltoall, gather, scatter"},
        {"ring, bruck", "there is no algorithm \" bruck\""},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        oriel_asked asked = 77;
        assert_fails(oriel_asked_take(bad[i].words, "", &asked), ORIEL_INVALID, bad[i].message);
        assert_int_equal(asked, 77);
    }
    oriel_asked asked = 0;
    assert_fails(oriel_asked_take("x", "HERE: ", &asked), ORIEL_INVALID, "HERE: there is no algorithm \"x\"");
}

/* Two ranks ask for different algorithms: both are told what both asked for. */
static oriel_status disagree(oriel_comm *comm, void *context)
{
    (void)context;
    must_fail(oriel_comm_choose(comm, "best"), ORIEL_INVALID, "no algorithm \"best\"");
    must(oriel_barrier(comm)); /* nothing was sent */
    const bool first = oriel_comm_rank(comm) == 0;
    must_fail(oriel_comm_choose(comm, first ? "allreduce=ring" : NULL), ORIEL_INVALID,
              first ? "rank 0 calls choice of algorithms: allreduce=ring, rank 1 calls choice of algorithms: none"
                    : "rank 1 calls choice of algorithms: none, rank 0 calls choice of algorithms: allreduce=ring");
    return ORIEL_OK;
}

static void ranks_must_agree(void **state)
{
    (void)state;
    assert_ok(oriel_comm_launch(2, disagree, NULL, &(oriel_comm_options){.threads = true}));
}

/* The order of a ring is its own: what it gives is not what the ranks' order gives, and so it has been run. */
static oriel_status look_at_order(oriel_comm *comm, void *context)
{
    const bool ring = *(const bool *)context;
    const float large[] = {0x1p24f, 1, -0x1p24f, 1};
    float sum[4], send[4];
    for (int i = 0; i < 4; i++)
        send[i] = large[oriel_comm_rank(comm)];
    must(oriel_allreduce(send, sum, 4, PTO_F32, PTO_SUM, comm));
    must_hold(sum[3] == 1); /* ((2^24 + 1) - 2^24) + 1: the last chunk goes round in the order of the ranks */
    must_hold((sum[0] == 1) != ring);
    must(oriel_comm_choose(comm, "direct"));
    must(oriel_allreduce(send, sum, 4, PTO_F32, PTO_SUM, comm));
    for (int i = 0; i < 4; i++)
        must_hold(sum[i] == 1);
    must(oriel_comm_choose(comm, NULL));
    must(oriel_allreduce(send, sum, 4, PTO_F32, PTO_SUM, comm));
    must_hold((sum[0] == 1) != ring);
    return ORIEL_OK;
}

static void a_ring_has_an_order_of_its_own(void **state)
{
    (void)state;
    for (int ring = 0; ring < 2; ring++) {
        bool it = ring;
        const oriel_comm_options options = {.threads = true, .algorithm = ring ? "allreduce=ring" : NULL};
        assert_ok(oriel_comm_launch(4, look_at_order, &it, &options));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes),
        cmocka_unit_test(sixteen_processes),
        cmocka_unit_test(threads),
        cmocka_unit_test(one_behind_the_other),
        cmocka_unit_test(a_rank_dies_in_any_kernel),
        cmocka_unit_test(calls_that_differ_are_noticed),
        cmocka_unit_test(words_are_taken),
        cmocka_unit_test(words_are_refused),
        cmocka_unit_test(ranks_must_agree),
        cmocka_unit_test(a_ring_has_an_order_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
