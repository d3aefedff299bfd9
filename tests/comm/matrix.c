/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every collective, with every type, on counts of every path (nothing, a line, staged, in several pieces, parts), in
 * place and not, on ordinary memory, on windows, and on a mixture of both, with 1 to 9 and with 16 ranks: the bits of a
 * reference that has no paths.
 */
#include "ranks.h"

enum { ORDINARY, SYMMETRIC, MIXED, MEMORIES };

typedef struct matrix {
    bool large;            /* counts beyond a piece of scratch, too */
    bool one_op;           /* one reduction for each type, count and operation, not all */
    const char *algorithm; /* NULL, or of the operations that have kernels */
} matrix;

/*
 * Elements: none, one, odd, a few lines, more than a tile of 16 KiB, what two processes may read of each other's own
 * memory, more than half of the scratch, however far it has grown.
 */
static const uint64_t bytes_of_counts[] = {0, 1, 52, 3000, 17000, 70000, 1100000};
#define COUNTS (sizeof bytes_of_counts / sizeof bytes_of_counts[0])

static uint64_t count_of(uint32_t index, pto_dtype dtype)
{
    uint64_t bytes = bytes_of_counts[index], each = pto_dtype_bytes(dtype);
    return bytes == 0 ? 0 : bytes < each ? 1 : bytes / each | 1;
}

typedef struct buffers {
    test_tiles tiles;
    char *ordinary[2];
    void *window[2];
} buffers;

static oriel_status one(const test_call *call, int memory, const buffers *all, oriel_comm *comm)
{
    /* Who has which kind, and for which buffer, differs from rank to rank. */
    const uint32_t rank = oriel_comm_rank(comm);
    bool send = memory == SYMMETRIC || (memory == MIXED && rank % 2 == 0);
    bool recv = memory == SYMMETRIC || (memory == MIXED && rank % 3 == 0);
    return test_call_checked(call, send ? all->window[0] : all->ordinary[0], recv ? all->window[1] : all->ordinary[1],
                             &all->tiles, comm);
}

static oriel_status all_ways(test_call call, const buffers *all, oriel_comm *comm)
{
    for (int memory = 0; memory < MEMORIES; memory++)
        for (int in_place = 0; in_place < 2; in_place++) {
            if (in_place && (call.kind == BARRIER || call.kind == BROADCAST))
                continue;
            call.in_place = in_place;
            call.root = (call.root + 1) % oriel_comm_size(comm);
            call.salt++;
            must(one(&call, memory, all, comm));
        }
    return ORIEL_OK;
}

static oriel_status everything(oriel_comm *comm, void *context)
{
    const matrix *what = context;
    const uint32_t ranks = oriel_comm_size(comm), counts = what->large ? COUNTS : COUNTS - 1;
    const uint64_t most = test_bytes(bytes_of_counts[counts - 1] + 8, PTO_I8, ranks);
    buffers all = {.ordinary = {malloc(most), malloc(most)}};
    for (int i = 0; i < 2; i++)
        must(oriel_window_alloc(comm, most, &all.window[i]));
    for (int dtype = 0; dtype < PTO_DTYPE_COUNT; dtype++) {
        /* What TSan looks at is who touches which bytes when. That does not depend on the type: two will do, of 4 B and of 2. */
        if (UNDER_TSAN && dtype != PTO_F32 && dtype != PTO_BF16)
            continue;
        all.tiles = test_tiles_make((pto_dtype)dtype, ranks);
        for (uint32_t c = 0; c < counts; c++) {
            /* Pieces are bytes: which type they are of, once it is right elsewhere, is of little matter. */
            if (c >= COUNTS - 2 && dtype != PTO_F32 &&
                (UNDER_TSAN || ranks > 5 || (dtype != PTO_BF16 && dtype != PTO_I8)))
                continue;
            for (int kind = 0; kind < TEST_KINDS; kind++) {
                if (what->algorithm && kind != ALLGATHER && kind != ALLREDUCE && kind != REDUCE_SCATTER)
                    continue;
                const int ops = !test_reduces((test_kind)kind)         ? 1
                                : pto_dtype_is_float((pto_dtype)dtype) ? PTO_AND
                                                                       : PTO_REDUCE_COUNT;
                for (int op = 0; op < (what->one_op ? 1 : ops); op++)
                    must(all_ways((test_call){.kind = (test_kind)kind,
                                              .dtype = (pto_dtype)dtype,
                                              .op = (pto_reduce)((op + dtype + (int)c + kind) % ops),
                                              .count = count_of(c, (pto_dtype)dtype)},
                                  &all, comm));
            }
        }
        free(all.tiles.tile);
    }
    for (int i = 0; i < 2; i++)
        must(oriel_window_free(comm, all.window[i]));
    free(all.ordinary[0]);
    free(all.ordinary[1]);
    return ORIEL_OK;
}

static void run(uint32_t ranks, bool threads, const char *algorithm)
{
    if (UNDER_TSAN && !threads)
        skip();
    /* Sanitizers look at each byte: more ranks add little to pieces but time. */
    const uint32_t most_large = UNDER_TSAN ? 3 : UNDER_ASAN ? 5 : 9;
    matrix what = {.large = ranks <= most_large, .one_op = ranks > 9, .algorithm = algorithm};
    oriel_comm_options options = {.threads = threads, .algorithm = algorithm};
    assert_ok(oriel_comm_launch(ranks, everything, &what, &options));
}

#define MATRIX_TEST(ranks)                                                                                             \
    static void processes_##ranks(void **state)                                                                        \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        run(ranks, false, NULL);                                                                                       \
    }                                                                                                                  \
    static void threads_##ranks(void **state)                                                                          \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        run(ranks, true, NULL);                                                                                        \
    }

MATRIX_TEST(1)
MATRIX_TEST(2)
MATRIX_TEST(3)
MATRIX_TEST(4)
MATRIX_TEST(5)
MATRIX_TEST(6)
MATRIX_TEST(7)
MATRIX_TEST(8)
MATRIX_TEST(9)
MATRIX_TEST(16)

static void kernels_in_processes(void **state)
{
    (void)state;
    run(3, false, "one-phase");
}

static void kernels_in_threads(void **state)
{
    (void)state;
    for (uint32_t ranks = 1; ranks <= 4; ranks++)
        run(ranks, true, "one-phase");
}

/* What else is read where it is. */
static void all_staged(void **state)
{
    (void)state;
    setenv("ORIEL_SINGLE_COPY", "0", 1);
    if (!UNDER_TSAN)
        run(2, false, NULL);
    run(3, true, NULL);
    setenv("ORIEL_SINGLE_COPY", "", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes_1),        cmocka_unit_test(processes_2), cmocka_unit_test(processes_3),
        cmocka_unit_test(processes_4),        cmocka_unit_test(processes_5), cmocka_unit_test(processes_6),
        cmocka_unit_test(processes_7),        cmocka_unit_test(processes_8), cmocka_unit_test(processes_9),
        cmocka_unit_test(processes_16),       cmocka_unit_test(threads_1),   cmocka_unit_test(threads_2),
        cmocka_unit_test(threads_3),          cmocka_unit_test(threads_4),   cmocka_unit_test(threads_5),
        cmocka_unit_test(threads_6),          cmocka_unit_test(threads_7),   cmocka_unit_test(threads_8),
        cmocka_unit_test(threads_9),          cmocka_unit_test(threads_16),  cmocka_unit_test(kernels_in_processes),
        cmocka_unit_test(kernels_in_threads), cmocka_unit_test(all_staged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
