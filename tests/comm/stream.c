/* SPDX-License-Identifier: Apache-2.0 */
/* Protects: copies past the caches write what memcpy writes, and nothing else; and calls that are large enough for them are right. */
#include "ranks.h"

#include "comm/team.h"

static void copies_are_exact(void **state)
{
    (void)state;
    static unsigned char from[1024], to[1024], expected[1024];
    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (unsigned char)(i * 7 + 1);
    for (size_t source = 0; source < 64; source += 13)
        for (size_t target = 0; target <= ORIEL_LINE; target++)
            for (size_t bytes = 0; bytes < 5 * ORIEL_LINE; bytes += bytes < 3 * ORIEL_LINE ? 1 : 37) {
                memset(to, 0xee, sizeof to);
                memset(expected, 0xee, sizeof expected);
                memcpy(expected + target, from + source, bytes);
                oriel_stream(to + target, from + source, bytes);
                if (memcmp(to, expected, sizeof to) != 0)
                    fail_msg("%zu B from %zu to %zu", bytes, source, target);
            }
}

static void small_calls_fit_the_cache(void **state)
{
    (void)state;
    assert_true(oriel_fits_cache(0));
    assert_true(oriel_fits_cache(ORIEL_STREAM_LEAST - 1));
}

/* Odd, so that blocks begin anywhere in a line. */
#define COUNT ((UINT64_C(3) << 20) + 5)

static uint32_t value(uint32_t rank, uint64_t i)
{
    return (uint32_t)(i * 2654435761u) + rank;
}

static oriel_status gathers(oriel_comm *comm, const uint32_t *mine, uint32_t *all)
{
    must(oriel_allgather(mine, all, COUNT, PTO_U32, comm));
    for (uint32_t rank = 0; rank < oriel_comm_size(comm); rank++)
        for (uint64_t i = 0; i < COUNT; i++)
            must_hold(all[rank * COUNT + i] == value(rank, i));
    return ORIEL_OK;
}

static oriel_status exchanges(oriel_comm *comm, const uint32_t *all, uint32_t *other)
{
    const uint32_t me = oriel_comm_rank(comm);
    must(oriel_alltoall(all, other, COUNT, PTO_U32, comm)); /* all ranks have the same */
    for (uint32_t rank = 0; rank < oriel_comm_size(comm); rank++)
        for (uint64_t i = 0; i < COUNT; i += 11)
            must_hold(other[rank * COUNT + i] == value(me, i));
    return ORIEL_OK;
}

static oriel_status broadcasts(oriel_comm *comm, uint32_t *all)
{
    const uint32_t ranks = oriel_comm_size(comm), root = ranks - 1;
    for (uint64_t i = 0; i < ranks * COUNT; i++)
        all[i] = oriel_comm_rank(comm) == root ? value(9, i) : 0;
    must(oriel_broadcast(all, ranks * COUNT, PTO_U32, root, comm));
    for (uint64_t i = 0; i < ranks * COUNT; i++)
        must_hold(all[i] == value(9, i));
    return ORIEL_OK;
}

static oriel_status large_calls(oriel_comm *comm, void *context)
{
    const bool symmetric = *(const bool *)context;
    const uint64_t bytes = (oriel_comm_size(comm) * COUNT) * sizeof(uint32_t);
    void *window = NULL;
    if (symmetric)
        must(oriel_window_alloc(comm, 3 * bytes, &window));
    uint32_t *mine = symmetric ? window : malloc(3 * bytes);
    must_hold(mine != NULL);
    uint32_t *all = mine + bytes / sizeof *mine, *other = all + bytes / sizeof *mine;
    for (uint64_t i = 0; i < COUNT; i++)
        mine[i] = value(oriel_comm_rank(comm), i);
    oriel_status status = gathers(comm, mine, all);
    if (status == ORIEL_OK)
        status = exchanges(comm, all, other);
    if (status == ORIEL_OK)
        status = broadcasts(comm, all);
    if (!symmetric)
        free(mine);
    return status;
}

/* 72 MiB and more are read and written by each call: on hosts whose cache is smaller they go past it, on others not. */
static void large_calls_are_right(void **state)
{
    (void)state;
    for (int threads = UNDER_TSAN; threads <= 1; threads++)
        for (int symmetric = 0; symmetric <= 1; symmetric++) {
            bool context = symmetric;
            assert_ok(oriel_comm_launch(2, large_calls, &context, &(oriel_comm_options){.threads = threads}));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_are_exact),
        cmocka_unit_test(small_calls_fit_the_cache),
        cmocka_unit_test(large_calls_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
