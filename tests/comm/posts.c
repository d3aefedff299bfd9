/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: in a short call that has a root, a rank that takes no data goes on without the others, as far as there is room and no
 * farther, and its data stays until all have read it; a call that differs, or a rank that never comes, is told by its next
 * calls, or when it returns.
 */
#include "ranks.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/random.h"
#include "comm/team.h"

/* What ranks tell one another beside the library; shared with forked ones. */
static _Atomic uint32_t *word;

static void wait_for_word(uint32_t value)
{
    while (atomic_load(word) < value)
        usleep(100);
}

static int make_word(void **state)
{
    (void)state;
    word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return word == MAP_FAILED ? -1 : 0;
}

static int drop_word(void **state)
{
    (void)state;
    return munmap(word, 4096);
}

static void launch_all_forms(uint32_t ranks, oriel_rank_fn function, void *context, const oriel_comm_options *given)
{
    for (int threads = UNDER_TSAN ? 1 : 0; threads < 2; threads++) {
        oriel_comm_options options = given ? *given : (oriel_comm_options){0};
        options.threads = threads;
        atomic_store(word, 0);
        assert_ok(oriel_comm_launch(ranks, function, context, &options));
    }
}

/* ---- How far ----------------------------------------------------------------------------------------------------- */

static const uint64_t lengths[] = {1, 14, 15, 64, 65, 256}; /* f32: in a line, in short posts, in long ones */
#define LENGTHS (sizeof lengths / sizeof lengths[0])

static float value_of(uint32_t rank, uint32_t call, uint64_t i)
{
    return (float)(rank * 1000003 + call * 1009 + i % 997);
}

static void fill(float *data, uint32_t rank, uint32_t call, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        data[i] = value_of(rank, call, i);
}

static bool holds(const float *data, uint32_t rank, uint32_t call, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        if (data[i] != value_of(rank, call, i))
            return false;
    return true;
}

/* Rank 0 makes all calls that there is room for before rank 1 makes the first. */
static oriel_status broadcasts_ahead(oriel_comm *comm, void *context)
{
    (void)context;
    const uint32_t rank = oriel_comm_rank(comm), calls = ORIEL_AHEAD - 1;
    float data[256];
    must(oriel_barrier(comm));
    if (rank == 1)
        wait_for_word(1);
    for (uint32_t call = 0; call < calls; call++) {
        const uint64_t count = lengths[call % LENGTHS];
        if (rank == 0)
            fill(data, 0, call, count);
        must(oriel_broadcast(data, count, PTO_F32, 0, comm));
        must_hold(holds(data, 0, call, count));
        if (rank == 0 && call == calls - 2)
            atomic_store(word, 1); /* the last one fills the ring, and waits */
    }
    return ORIEL_OK;
}

static void a_root_goes_ahead(void **state)
{
    (void)state;
    for (uint32_t ranks = 2; ranks <= 4; ranks++)
        launch_all_forms(ranks, broadcasts_ahead, NULL, NULL);
}

/* Rank 0 never comes to the calls in which it is the root: the others get as far as there is room. */
static oriel_status reduces_too_far(oriel_comm *comm, void *context)
{
    (void)context;
    float data[4] = {1}, sum[4];
    must(oriel_barrier(comm));
    if (oriel_comm_rank(comm) == 0) {
        wait_for_word(1);
        return oriel_reduce(data, sum, 4, PTO_F32, PTO_SUM, 0, comm) == ORIEL_TIMEOUT
                   ? ORIEL_OK
                   : oriel_fail(ORIEL_WRONG, "the late rank did not hear of the end");
    }
    uint32_t made = 0;
    while (oriel_reduce(data, sum, 4, PTO_F32, PTO_SUM, 0, comm) == ORIEL_OK)
        must_hold(++made < ORIEL_AHEAD);
    must_hold(made == ORIEL_AHEAD - 2);
    must_hold(strstr(oriel_last_error(), "rank 1 waited for rank 0 in reduce of 4 f32, sum to rank 0"));
    must_hold(strstr(oriel_last_error(), "did not come in 0.05 s"));
    atomic_store(word, 1);
    return ORIEL_OK;
}

static void nobody_goes_too_far(void **state)
{
    (void)state;
    launch_all_forms(2, reduces_too_far, NULL, &(oriel_comm_options){.timeout_s = 0.05});
}

/* Roots, operations, lengths and pauses at random, equal on all ranks but for the pauses. */
static oriel_status random_posts(oriel_comm *comm, void *context)
{
    const uint32_t rank = oriel_comm_rank(comm), ranks = oriel_comm_size(comm);
    oriel_random same, own;
    oriel_random_seed(&same, *(const uint64_t *)context);
    oriel_random_seed(&own, *(const uint64_t *)context + 1 + rank);
    float send[256 * 4], recv[256 * 4];
    for (uint32_t call = 0; call < 4000; call++) {
        const uint32_t root = (uint32_t)oriel_random_below(&same, ranks);
        const uint64_t count = lengths[oriel_random_below(&same, LENGTHS)];
        fill(send, rank, call, count * ranks);
        switch (oriel_random_below(&same, 5)) {
        case 0:
            must(oriel_broadcast(send, count, PTO_F32, root, comm));
            must_hold(holds(send, root, call, count));
            break;
        case 1:
            must(oriel_gather(send, recv, count, PTO_F32, root, comm));
            for (uint32_t from = 0; from < ranks && rank == root; from++)
                must_hold(holds(recv + from * count, from, call, count));
            break;
        case 2:
            must(oriel_scatter(send, recv, count, PTO_F32, root, comm));
            for (uint64_t i = 0; i < count; i++)
                must_hold(recv[i] == value_of(root, call, rank * count + i));
            break;
        case 3:
            must(oriel_reduce(send, recv, count, PTO_F32, PTO_MAX, root, comm));
            must_hold(rank != root || holds(recv, ranks - 1, call, count));
            break;
        default:
            if (oriel_random_below(&same, 8) == 0)
                must(oriel_barrier(comm));
        }
        if (oriel_random_below(&own, 300) == 0)
            usleep((useconds_t)oriel_random_below(&own, 300));
    }
    return ORIEL_OK;
}

static void posts_keep_their_data(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    for (uint32_t ranks = 2; ranks <= 4; ranks++)
        launch_all_forms(ranks, random_posts, &seed, NULL);
}

/* ---- What differs, told later ------------------------------------------------------------------------------------ */

/* Rank 1's reduction is of more elements; both go on before its root comes to it, which does not wait for it. */
static oriel_status differs_before(oriel_comm *comm, void *context)
{
    const uint32_t rank = oriel_comm_rank(comm), after = *(const uint32_t *)context;
    float data[16] = {0}, sum[16];
    oriel_status status = oriel_reduce(data, sum, rank == 1 ? 9 : 8, PTO_F32, PTO_SUM, 2, comm);
    for (uint32_t call = 0; call < after && status == ORIEL_OK; call++)
        status = oriel_broadcast(data, 1, PTO_F32, 0, comm);
    if (status == ORIEL_OK)
        status = oriel_barrier(comm);
    must_hold(status == ORIEL_INVALID);
    must_hold(strstr(oriel_last_error(), "rank 1 calls reduce of 9 f32, sum to rank 2"));
    must_hold(strstr(oriel_last_error(), "calls reduce of 8 f32, sum to rank 2"));
    return ORIEL_OK;
}

static void a_call_that_differs_is_told_by_a_later_one(void **state)
{
    (void)state;
    for (uint32_t after = 0; after < 3 * ORIEL_AHEAD; after += 7)
        launch_all_forms(3, differs_before, &after, NULL);
}

/* Each of the two takes itself for the root, and nobody waits for anybody: they hear it as they return. */
static oriel_status two_roots(oriel_comm *comm, void *context)
{
    (void)context;
    float data[1] = {0};
    return oriel_broadcast(data, 1, PTO_F32, oriel_comm_rank(comm), comm);
}

/* The same on a part that is not freed. */
static oriel_status two_roots_of_a_part(oriel_comm *comm, void *context)
{
    oriel_comm *part;
    must(oriel_comm_split(comm, 0, 0, &part));
    return two_roots(part, context);
}

/* And on one that is: freeing is a call like others. */
static oriel_status two_roots_then_free(oriel_comm *comm, void *context)
{
    oriel_comm *part;
    must(oriel_comm_split(comm, 0, 0, &part));
    must(two_roots(part, context));
    must_fail(oriel_comm_free(part), ORIEL_INVALID, "calls broadcast of 1 f32 from rank 1");
    return ORIEL_OK;
}

static void two_roots_are_told_at_the_end(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        for (int threads = UNDER_TSAN ? 1 : 0; threads < 2; threads++) {
            const oriel_comm_options options = {.threads = threads};
            assert_fails(oriel_comm_launch(2, two_roots, NULL, &options), ORIEL_INVALID, "calls differ: ");
            assert_fails(oriel_comm_launch(2, two_roots_of_a_part, NULL, &options), ORIEL_INVALID, "calls differ: ");
        }
    launch_all_forms(2, two_roots_then_free, NULL, NULL);
}

/* ---- What never comes, told at the end ---------------------------------------------------------------------------- */

/* How ranks make fewer calls than others, and all return ORIEL_OK; who ends last is left to chance. */
typedef struct ends {
    uint32_t calls;  /* broadcasts from rank 0, but: */
    uint32_t behind; /* this rank makes one less */
    bool of_a_part;
} ends;

static oriel_status one_ends_behind(oriel_comm *comm, void *context)
{
    const ends *it = context;
    const uint32_t rank = oriel_comm_rank(comm), calls = it->calls - (rank == it->behind);
    float data[1] = {0};
    if (it->of_a_part)
        must(oriel_comm_split(comm, 0, 0, &comm));
    for (uint32_t call = 0; call < calls; call++)
        must(oriel_broadcast(data, 1, PTO_F32, 0, comm));
    return ORIEL_OK;
}

static void a_rank_that_never_comes_is_told_at_the_end(void **state)
{
    (void)state;
    for (uint32_t trial = 0; trial < 40; trial++) {
        const uint32_t ranks = 2 + trial % 3;
        ends it = {.calls = 1 + trial % (ORIEL_AHEAD - 1), .behind = 1 + trial % (ranks - 1), .of_a_part = trial % 2};
        char text[64];
        snprintf(text, sizeof text, "to which rank %u %snever came", it.behind, it.of_a_part ? "(rank " : "");
        text[it.of_a_part ? strlen("to which rank 1 (rank ") : strlen(text)] = '\0';
        for (int threads = UNDER_TSAN ? 1 : 0; threads < 2; threads++) {
            const oriel_comm_options options = {.threads = threads};
            assert_fails(oriel_comm_launch(ranks, one_ends_behind, &it, &options), ORIEL_STATE, text);
        }
    }
}

/* Each takes itself for the root, and one has more to say than the other. */
static oriel_status once_and_twice(oriel_comm *comm, void *context)
{
    (void)context;
    const uint32_t rank = oriel_comm_rank(comm);
    float data[1] = {0};
    for (uint32_t call = 0; call <= rank; call++)
        must(oriel_broadcast(data, 1, PTO_F32, rank, comm));
    return ORIEL_OK;
}

static void a_call_that_differs_is_told_to_one_that_is_behind(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        for (int threads = UNDER_TSAN ? 1 : 0; threads < 2; threads++) {
            const oriel_comm_options options = {.threads = threads};
            assert_fails(oriel_comm_launch(2, once_and_twice, NULL, &options), ORIEL_INVALID, "calls differ: ");
        }
}

/*
 * Rank 0 posts. The others give up on the communicator before they come to that, and make nothing of it. Rank 0 ends
 * after that (`context`: true), or whenever it does.
 */
static oriel_status others_give_up(oriel_comm *comm, void *context)
{
    const bool last = *(const bool *)context;
    float data[1] = {0}, sum[1];
    switch (oriel_comm_rank(comm)) {
    case 0:
        must(oriel_reduce(data, sum, 1, PTO_F32, PTO_SUM, 2, comm));
        if (last)
            wait_for_word(2);
        return ORIEL_OK;
    case 1:
        must(oriel_reduce(data, sum, 1, PTO_F32, PTO_SUM, 2, comm));
        must_hold(oriel_barrier(comm) != ORIEL_OK);
        break;
    default: wait_for_word(1); must_hold(oriel_reduce(data, sum, 1, PTO_F32, PTO_SUM, 2, comm) != ORIEL_OK);
    }
    atomic_fetch_add(word, 1);
    return ORIEL_OK;
}

static void a_rank_hears_at_the_end_that_others_have_given_up(void **state)
{
    (void)state;
    for (int last = 0; last < 2; last++)
        for (int threads = UNDER_TSAN ? 1 : 0; threads < 2; threads++) {
            const oriel_comm_options options = {.threads = threads, .timeout_s = 0.05};
            atomic_store(word, 0);
            assert_fails(oriel_comm_launch(3, others_give_up, &(bool){last}, &options), ORIEL_TIMEOUT,
                         "rank 1 waited for rank 2 in barrier");
        }
}

/* Rank 1 hears of the difference, and makes nothing of it; rank 0 may have returned before. */
static oriel_status one_hears_of_it(oriel_comm *comm, void *context)
{
    (void)context;
    float data[1] = {0};
    if (oriel_comm_rank(comm) == 0)
        return oriel_broadcast(data, 1, PTO_F32, 0, comm);
    if (*(const bool *)context)
        usleep(1000);
    must_hold(oriel_barrier(comm) == ORIEL_INVALID);
    return ORIEL_OK;
}

static void the_launch_hears_of_it_for_one_that_has_returned(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        for (int threads = UNDER_TSAN ? 1 : 0; threads < 2; threads++) {
            const oriel_comm_options options = {.threads = threads};
            assert_fails(oriel_comm_launch(2, one_hears_of_it, &(bool){i % 2}, &options), ORIEL_INVALID,
                         "rank 0 calls broadcast of 1 f32 from rank 0");
        }
}

/* All have come to what rank 0 posted: that the others then wait for it in vain they have heard, and it need not. */
static oriel_status comes_to_all_of_it(oriel_comm *comm, void *context)
{
    (void)context;
    float data[1] = {0};
    must(oriel_broadcast(data, 1, PTO_F32, 0, comm));
    if (oriel_comm_rank(comm) == 0) {
        wait_for_word(*(const bool *)context ? 4 : 0);
        return ORIEL_OK;
    }
    atomic_fetch_add(word, 1);
    wait_for_word(2);
    must_hold(oriel_barrier(comm) != ORIEL_OK);
    atomic_fetch_add(word, 1);
    return ORIEL_OK;
}

static void what_all_have_come_to_is_not_told(void **state)
{
    (void)state;
    for (int last = 0; last < 2; last++)
        launch_all_forms(3, comes_to_all_of_it, &(bool){last}, &(oriel_comm_options){.timeout_s = 0.05});
}

/* A rank of the part died: whoever ran ahead of it hears it in the next call that needs room, or all. */
static oriel_status root_of_a_dead_one(oriel_comm *comm, void *context)
{
    (void)context;
    float data[1] = {0};
    must(oriel_barrier(comm));
    if (oriel_comm_rank(comm) == 1)
        _exit(7);
    oriel_status status = ORIEL_OK;
    for (uint32_t call = 0; call <= ORIEL_AHEAD && status == ORIEL_OK; call++)
        status = oriel_broadcast(data, 1, PTO_F32, 0, comm);
    must_hold(status == ORIEL_RANK_DIED);
    return status;
}

static void a_root_hears_of_a_death(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    assert_fails(oriel_comm_launch(2, root_of_a_dead_one, NULL, NULL), ORIEL_RANK_DIED, "rank 0 waited for rank 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_root_goes_ahead),
        cmocka_unit_test(nobody_goes_too_far),
        cmocka_unit_test(posts_keep_their_data),
        cmocka_unit_test(a_call_that_differs_is_told_by_a_later_one),
        cmocka_unit_test(two_roots_are_told_at_the_end),
        cmocka_unit_test(a_rank_that_never_comes_is_told_at_the_end),
        cmocka_unit_test(a_call_that_differs_is_told_to_one_that_is_behind),
        cmocka_unit_test(a_rank_hears_at_the_end_that_others_have_given_up),
        cmocka_unit_test(the_launch_hears_of_it_for_one_that_has_returned),
        cmocka_unit_test(what_all_have_come_to_is_not_told),
        cmocka_unit_test(a_root_hears_of_a_death),
    };
    return cmocka_run_group_tests_name("comm/posts", tests, make_word, drop_word);
}
