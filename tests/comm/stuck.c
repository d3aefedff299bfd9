/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranks that stop in the middle of a kernel: whoever waits for one there names it, and how long a kernel takes is no reason to
 * give up, only how long a wait does; one that has died is not taken for one that is late.
 */
#include "members.h"

#include <signal.h>

#include "comm/team.h"
#include "oriel/tuning.h"

#define BYTES 4096

/* Where a rank stops: it reads this page in its kernel, and falls. Each process has its own. */
static char *page;
static void (*after_fall)(void);

static void fall(int number)
{
    (void)number;
    after_fall();
    mprotect(page, BYTES, PROT_READ | PROT_WRITE);
}

static void fall_at_first_reading(void (*then)(void))
{
    after_fall = then;
    signal(SIGSEGV, fall);
    mprotect(page, BYTES, PROT_NONE);
}

/* Shared by the ranks. */
typedef struct board {
    _Atomic uint32_t given_up;
    _Atomic int32_t process;
} board;

static board *shared;

static int make_pages(void **state)
{
    page = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED || shared == MAP_FAILED ? -1 : make_folder(state);
}

static void fill_page(void)
{
    for (uint32_t i = 0; i < BYTES / sizeof(float); i++)
        ((float *)page)[i] = 1;
}

static oriel_status sum_page(oriel_comm *comm)
{
    float sum[BYTES / sizeof(float)];
    must(oriel_allreduce(page, sum, BYTES / sizeof *sum, PTO_F32, PTO_SUM, comm));
    must_hold(sum[0] == (float)oriel_comm_size(comm));
    return ORIEL_OK;
}

/* Rank 1 has come to the call that I shall make next. */
static void wait_for_rank_1(const oriel_comm *comm)
{
    const oriel_line *its = oriel_line_of(&comm->team->seat[1], comm->generation + 1);
    while ((uint32_t)atomic_load(&its->head) != comm->generation + 1)
        usleep(100);
}

/* ---- Named ------------------------------------------------------------------------------------------------------ */

static void until_others_give_up(void)
{
    while (!atomic_load(&shared->given_up))
        usleep(100);
}

/* Of several ranks, rank 2 may not have come as far as rank 0 looks; it alone gives up. */
static oriel_status one_stands_still(oriel_comm *comm, void *context)
{
    (void)context;
    const uint32_t rank = oriel_comm_rank(comm);
    fill_page();
    must(sum_page(comm));
    if (rank == 1)
        fall_at_first_reading(until_others_give_up);
    else if (rank == 0) {
        wait_for_rank_1(comm);
        comm->timeout_s = 0.05;
    }
    oriel_status status = sum_page(comm);
    if (rank == 0)
        atomic_store(&shared->given_up, 1);
    must_fail(status, ORIEL_TIMEOUT, "rank 0 waited for rank 1");
    must_fail(status, ORIEL_TIMEOUT, "in all-reduce of 1024 f32, sum");
    must_fail(status, ORIEL_TIMEOUT, "which did not go on in 0.05 s: ");
    return ORIEL_OK;
}

static void who_is_waited_for_is_named(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    oriel_algorithm_info info;
    for (uint32_t i = 0; oriel_algorithm_info_at(i, &info); i++) {
        if (strcmp(info.operation, "allreduce") != 0 || strcmp(info.name, "direct") == 0)
            continue;
        for (uint32_t ranks = 2; ranks <= 3; ranks++) {
            if (ranks > 2 && strcmp(info.name, "one-phase") != 0)
                continue; /* in a ring, rank 0 waits for rank 2, which waits for rank 1 */
            char words[64];
            snprintf(words, sizeof words, "allreduce=%s", info.name);
            oriel_comm_options options = {.timeout_s = -1, .algorithm = words};
            atomic_store(&shared->given_up, 0);
            assert_ok(oriel_comm_launch(ranks, one_stands_still, NULL, &options));
        }
    }
}

/* ---- Each wait has the whole time -------------------------------------------------------------------------------- */

static void rest(void)
{
    usleep(1200000);
}

/* Rank 0 takes longer over its own part than it would wait for rank 1, which is there when it is waited for. */
static oriel_status one_takes_long(oriel_comm *comm, void *context)
{
    (void)context;
    fill_page();
    must(sum_page(comm));
    if (oriel_comm_rank(comm) == 0) {
        wait_for_rank_1(comm);
        comm->timeout_s = 1;
        fall_at_first_reading(rest);
    }
    return sum_page(comm);
}

static void a_kernel_may_take_longer_than_a_wait(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    oriel_comm_options options = {.timeout_s = -1, .algorithm = "allreduce=two-phase"};
    assert_ok(oriel_comm_launch(2, one_takes_long, NULL, &options));
}

/* ---- Dead, and not yet missed ------------------------------------------------------------------------------------ */

static void die(void)
{
    raise(SIGKILL);
}

/* Its parent has heard of it by then. */
static void until_rank_1_is_dead(void)
{
    while (kill(atomic_load(&shared->process), 0) == 0)
        usleep(100);
}

/* Rank 0 has no time for a nap, after which it would look who lives. */
static oriel_status one_dies(oriel_comm *comm, void *context)
{
    (void)context;
    const bool dies = oriel_comm_rank(comm) == 1;
    fill_page();
    if (dies)
        atomic_store(&shared->process, getpid());
    must(sum_page(comm));
    fall_at_first_reading(dies ? die : until_rank_1_is_dead);
    if (!dies) {
        wait_for_rank_1(comm);
        comm->timeout_s = 1e-9;
    }
    return sum_page(comm);
}

static void who_is_dead_is_not_late(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    member *all = make_members(2, here, -1);
    for (uint32_t i = 0; i < 2; i++) {
        all[i].work = one_dies;
        all[i].options.algorithm = "allreduce=one-phase";
    }
    run(all, 2, false);
    says(all, 0, ORIEL_RANK_DIED, "rank 0 waited for rank 1 in all-reduce of 1024 f32, sum");
    says(all, 0, ORIEL_RANK_DIED, "rank 1 (process ");
    drop_members(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_waited_for_is_named),
        cmocka_unit_test(a_kernel_may_take_longer_than_a_wait),
        cmocka_unit_test(who_is_dead_is_not_late),
    };
    return cmocka_run_group_tests_name("comm/stuck", tests, make_pages, remove_folder);
}
