/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranks that nobody launched: they come together at a path or a descriptor, as processes or threads, and work as those that were
 * launched do; whoever comes wrongly, or not at all, is named to all. (deaths.c: who dies.)
 */
#include "members.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "comm/team.h"

/* ---- Right ------------------------------------------------------------------------------------------------------ */

static void they_come_together(void **state)
{
    (void)state;
    form it;
    for (uint32_t ranks = 1; ranks <= 5; ranks++)
        for (uint32_t index = 0; next_form(&it, &index, ranks);) {
            member *all = members_of(&it, ranks);
            for (uint32_t i = 0; i < ranks; i++) {
                all[i].work = some_of_everything;
                all[i].options.algorithm = ranks % 2 ? "one-phase" : NULL;
            }
            run(all, ranks, it.threads);
            all_say(all, ranks, ORIEL_OK, "");
            drop_members(all);
        }
}

static void a_file_and_a_long_or_other_spelling_do_not_matter(void **state)
{
    (void)state;
    char file[160], other[320], folder_of_long[256], path[512];
    snprintf(file, sizeof file, "%s/file", folder);
    snprintf(other, sizeof other, "%s/../%s/./file", folder, strrchr(folder, '/') + 1);
    FILE *stale = fopen(file, "w");
    assert_non_null(stale);
    fputs("stays", stale);
    fclose(stale);
    member *all = make_members(2, file, -1);
    all[1].where.path = other;
    run(all, 2, true);
    all_say(all, 2, ORIEL_OK, "");
    struct stat about;
    assert_int_equal(stat(file, &about), 0);
    assert_int_equal(about.st_size, 5);
    unlink(file);

    memset(folder_of_long, 'x', sizeof folder_of_long);
    snprintf(path, sizeof path, "%s/%.200s", folder, folder_of_long);
    all[0].where.path = all[1].where.path = path;
    run(all, 2, true);
    all_say(all, 2, ORIEL_OK, "");
    drop_members(all);
}

/* The address is free as soon as all have come: here while the first job still runs. */
static oriel_status run_another_job(oriel_comm *comm, void *context)
{
    (void)context;
    oriel_status status = ORIEL_OK;
    if (oriel_comm_rank(comm) == 0) {
        member *all = make_members(2, here, -1);
        run(all, 2, true);
        status = all[0].status != ORIEL_OK ? all[0].status : all[1].status;
        if (status != ORIEL_OK)
            oriel_fail(status, "%s", all[0].message);
        drop_members(all);
    }
    must(status);
    return oriel_barrier(comm);
}

static void jobs_follow_one_another_at_one_path(void **state)
{
    (void)state;
    member *all = make_members(3, here, -1);
    for (int job = 0; job < 5; job++) {
        for (uint32_t i = 0; i < 3; i++)
            all[i].work = run_another_job;
        run(all, 3, true);
        all_say(all, 3, ORIEL_OK, "");
    }
    drop_members(all);
}

static void those_that_are_late_are_waited_for(void **state)
{
    (void)state;
    form it;
    for (uint32_t index = 0; next_form(&it, &index, 3);) {
        member *all = members_of(&it, 3);
        for (uint32_t late = 0; late < 3; late += 2) {
            if (!it.by_path && late > 0)
                break; /* a descriptor serves once */
            for (uint32_t i = 0; i < 3; i++) {
                all[i].options.timeout_s = i == 1 ? 0 : -1; /* 30 s, and for ever */
                all[i].late_us = i == late ? 100000 : 0;
            }
            run(all, 3, it.threads);
            all_say(all, 3, ORIEL_OK, "");
        }
        drop_members(all);
    }
}

/* The first sends of each thread fail as if rank 0 had gone between the connection and the first word. */
static _Atomic bool goes_away;

/* The library's. */
ssize_t send(int descriptor, const void *data, size_t bytes, int flags)
{
    static _Thread_local int failed;
    if (atomic_load(&goes_away) && failed++ < 2) {
        errno = EPIPE;
        return -1;
    }
    return syscall(SYS_sendto, descriptor, data, bytes, flags, NULL, 0);
}

static void a_rank_0_that_goes_away_is_called_again(void **state)
{
    (void)state;
    atomic_store(&goes_away, true);
    member *all = make_members(3, here, -1);
    run(all, 3, true);
    all_say(all, 3, ORIEL_OK, "");
    all[2].where.rank = 0; /* it has to ask whoever has the address */
    for (uint32_t i = 0; i < 3; i++)
        all[i].options.timeout_s = 2;
    run(all, 3, true);
    atomic_store(&goes_away, false);
    for (uint32_t i = 0; i < 3; i++)
        says_unless_late(all, i, ORIEL_INVALID, "rank 0 comes twice: process ");
    drop_members(all);
}

static oriel_status is_bound(oriel_comm *comm, void *context)
{
    (void)comm;
    cpu_set_t now;
    must_hold(sched_getaffinity(0, sizeof now, &now) == 0);
    must_hold(!CPU_EQUAL(&now, (cpu_set_t *)context));
    return ORIEL_OK;
}

static void a_bound_thread_is_as_before_at_the_end(void **state)
{
    (void)state;
    cpu_set_t before, after;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    if (CPU_COUNT(&before) < 2)
        skip();
    member it = {.where = {.rank = 0, .ranks = 1, .path = here},
                 .options = {.bind = ORIEL_BIND_CORE},
                 .work = is_bound,
                 .context = &before};
    assert_ok(be_member(&it));
    assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
    assert_true(CPU_EQUAL(&before, &after));
}

/* ---- The environment -------------------------------------------------------------------------------------------- */

static oriel_status from_environment(const char *rank, const char *ranks, const char *path, const char *descriptor)
{
    const char *const names[] = {"ORIEL_RANK", "ORIEL_RANKS", "ORIEL_RENDEZVOUS", "ORIEL_DESCRIPTOR"};
    const char *const values[] = {rank, ranks, path, descriptor};
    for (int i = 0; i < 4; i++)
        if (values[i])
            setenv(names[i], values[i], 1);
        else
            unsetenv(names[i]);
    oriel_comm *comm;
    must(oriel_comm_create(NULL, NULL, &comm));
    return oriel_comm_free(comm);
}

static void the_environment_is_read(void **state)
{
    (void)state;
    int descriptor;
    char number[16];
    assert_ok(from_environment("0", "1", here, NULL));
    assert_ok(oriel_rendezvous_open(1, 0, &descriptor));
    snprintf(number, sizeof number, "%d", descriptor);
    assert_ok(from_environment("0", "1", NULL, number));
    close(descriptor);
    assert_fails(from_environment(NULL, "1", here, NULL), ORIEL_STATE, "ORIEL_RANK is not in the environment");
    assert_fails(from_environment("0", NULL, here, NULL), ORIEL_STATE, "ORIEL_RANKS is not in the environment");
    assert_fails(from_environment("0", "1", NULL, NULL), ORIEL_STATE, "neither ORIEL_RENDEZVOUS nor ORIEL_DESCRIPTOR");
    const char *const wrong[] = {"", "x", "1x", "-1", "4294967296", "99999999999999999999", " 1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_fails(from_environment(wrong[i], "1", here, NULL), ORIEL_INVALID, "ORIEL_RANK is \"");
        assert_fails(from_environment("0", wrong[i], here, NULL), ORIEL_INVALID, "ORIEL_RANKS is \"");
        assert_fails(from_environment("0", "1", NULL, wrong[i]), ORIEL_INVALID, "ORIEL_DESCRIPTOR is \"");
    }
    setenv("ORIEL_BIND", "socket", 1);
    assert_fails(from_environment("0", "1", here, NULL), ORIEL_INVALID, "ORIEL_BIND is \"socket\"");
    setenv("ORIEL_BIND", "none", 1);
    assert_ok(from_environment("0", "1", here, NULL));
    unsetenv("ORIEL_BIND");
}

/* ---- Wrong ------------------------------------------------------------------------------------------------------ */

static void arguments_are_refused(void **state)
{
    (void)state;
    oriel_comm *comm;
    oriel_rendezvous where = {.rank = 2, .ranks = 2, .path = here};
    assert_fails(oriel_comm_create(&where, NULL, &comm), ORIEL_INVALID, "rank 2 of 2 ranks");
    where.rank = where.ranks = 0;
    assert_fails(oriel_comm_create(&where, NULL, &comm), ORIEL_INVALID, "rank 0 of 0 ranks");
    where.ranks = 1;
    where.path = "";
    assert_fails(oriel_comm_create(&where, NULL, &comm), ORIEL_INVALID, "is empty");
    where.path = here;
    oriel_comm_options options = {.algorithm = "best"};
    assert_fails(oriel_comm_create(&where, &options, &comm), ORIEL_INVALID, "no algorithm \"best\"");
    options = (oriel_comm_options){.timeout_s = NAN};
    assert_fails(oriel_comm_create(&where, &options, &comm), ORIEL_INVALID, "not a number");
    options = (oriel_comm_options){.bind = (oriel_bind)7};
    assert_fails(oriel_comm_create(&where, &options, &comm), ORIEL_INVALID, "no way 7 to bind");
    options = (oriel_comm_options){.reserve_bytes = 4096};
    assert_fails(oriel_comm_create(&where, &options, &comm), ORIEL_NO_MEMORY, "cannot hold the tables");
    where.path = NULL;
    where.descriptor = -1;
    assert_fails(oriel_comm_create(&where, NULL, &comm), ORIEL_INVALID, "descriptor -1");
    where.descriptor = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_fails(oriel_comm_create(&where, NULL, &comm), ORIEL_INVALID, "not one of shared memory");
    close(where.descriptor);
    where.descriptor = memfd_create("other", MFD_CLOEXEC);
    assert_int_equal(ftruncate(where.descriptor, 1 << 20), 0);
    assert_fails(oriel_comm_create(&where, NULL, &comm), ORIEL_INVALID, "no place for ranks to come together");
    assert_int_equal(pwrite(where.descriptor, "oriel 0.0.1 (1, 2, 3)", 22, 0), 22);
    assert_fails(oriel_comm_create(&where, NULL, &comm), ORIEL_INVALID, "and the memory is of oriel 0.0.1 (1, 2, 3)");
    close(where.descriptor); /* it was borrowed */
    int descriptor;
    assert_fails(oriel_rendezvous_open(0, 0, &descriptor), ORIEL_INVALID, "no rank");
    assert_fails(oriel_rendezvous_open(1, 4096, &descriptor), ORIEL_NO_MEMORY, "cannot hold the tables");
}

static void a_rank_that_comes_twice(void **state)
{
    (void)state;
    form it;
    for (uint32_t twice = 0; twice < 3; twice++)
        for (uint32_t index = 0; next_form(&it, &index, 4);) {
            member *all = members_of(&it, 4);
            char text[32];
            snprintf(text, sizeof text, "rank %u comes twice: process ", twice);
            all[3].where.rank = twice;
            all[3].late_us = 100000;
            for (uint32_t i = 0; i < 4; i++)
                all[i].options.timeout_s = 2;
            run(all, 4, it.threads);
            for (uint32_t i = 0; i < 4; i++)
                says_unless_late(all, i, ORIEL_INVALID, text);
            drop_members(all);
        }
}

static void ranks_that_disagree_on_how_many_they_are(void **state)
{
    (void)state;
    form it;
    for (uint32_t other = 1; other < 3; other++)
        for (uint32_t index = 0; next_form(&it, &index, 3);) {
            member *all = members_of(&it, 3);
            char text[64];
            all[other].where.ranks = 4;
            all[other].late_us = 100000;
            for (uint32_t i = 0; i < 3; i++)
                all[i].options.timeout_s = 2;
            run(all, 3, it.threads);
            snprintf(text, sizeof text, "rank %u (process ", other);
            for (uint32_t i = 0; i < 3; i++) {
                says_unless_late(all, i, ORIEL_INVALID, text);
                says_unless_late(all, i, ORIEL_INVALID, "says that there are 4 ranks");
            }
            says(all, other, ORIEL_INVALID, text);
            drop_members(all);
        }
}

static oriel_status goes_round(oriel_comm *comm, void *context)
{
    (void)context;
    const oriel_algorithm *algorithm =
        oriel_chosen(comm, &(oriel_move){.operation = ORIEL_OP_ALLREDUCE, .count = 1024, .bytes = 4096});
    must_hold(algorithm && strcmp(algorithm->name, "ring") == 0);
    return some_of_everything(comm, context);
}

static void ranks_that_ask_for_different_algorithms(void **state)
{
    (void)state;
    form it;
    for (uint32_t other = 0; other < 3; other++)
        for (uint32_t index = 0; next_form(&it, &index, 3);) {
            member *all = members_of(&it, 3);
            for (uint32_t i = 0; i < 3; i++) {
                all[i].options.algorithm = "allreduce=ring";
                all[i].options.deterministic = true;
            }
            if (other == 1)
                all[other].options.algorithm = "allgather=bruck,allreduce=one-phase";
            else
                all[other].options.deterministic = false;
            run(all, 3, it.threads);
            all_say(all, 3, ORIEL_INVALID,
                    other == 0
                        ? "ranks ask for different algorithms: rank 1 for allreduce=ring (deterministic), rank 0 "
                          "for allreduce=ring"
                    : other == 1 ? "rank 1 for allreduce=one-phase,allgather=bruck (deterministic), rank 0 for "
                                   "allreduce=ring (deterministic)"
                                 : "rank 2 for allreduce=ring, rank 0 for allreduce=ring (deterministic)");
            drop_members(all);
        }
}

/* A process has one environment; ranks that are threads have the same. */
static void rank_0_has_the_table(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    form it;
    for (uint32_t index = 0; next_form(&it, &index, 3);) {
        member *all = members_of(&it, 3);
        for (uint32_t i = 0; i < 3; i++)
            all[i].work = goes_round;
        if (it.threads)
            setenv("ORIEL_ALGORITHM", "allreduce=ring", 1);
        else
            all[0].algorithm = "allreduce=ring";
        run(all, 3, it.threads);
        all_say(all, 3, ORIEL_OK, "");
        unsetenv("ORIEL_ALGORITHM");
        drop_members(all);
    }
}

static void a_rank_that_does_not_come(void **state)
{
    (void)state;
    form it;
    for (uint32_t missing = 0; missing < 3; missing++)
        for (uint32_t index = 0; next_form(&it, &index, 3);) {
            member *all = members_of(&it, 3);
            char text[64];
            snprintf(text, sizeof text, "rank %u has not come", missing);
            all[missing] = all[2];
            for (uint32_t i = 0; i < 2; i++)
                all[i].options.timeout_s = 0.2;
            run(all, 2, it.threads);
            all_say(all, 2, ORIEL_TIMEOUT, text);
            drop_members(all);
        }
}

static void a_descriptor_serves_once(void **state)
{
    (void)state;
    int descriptor;
    assert_ok(oriel_rendezvous_open(2, 1 << 28, &descriptor));
    member *all = make_members(2, NULL, descriptor);
    run(all, 2, true);
    all_say(all, 2, ORIEL_OK, "");
    run(all, 2, true);
    all_say(all, 2, ORIEL_INVALID, "comes twice");
    close(descriptor);
    drop_members(all);
}

static oriel_status free_or_barrier(oriel_comm *comm, void *context)
{
    (void)context;
    return oriel_comm_rank(comm) == 1 ? ORIEL_OK : oriel_barrier(comm);
}

static void freeing_is_a_call_of_all(void **state)
{
    (void)state;
    member *all = make_members(3, here, -1);
    for (uint32_t i = 0; i < 3; i++)
        all[i].work = free_or_barrier;
    run(all, 3, true);
    all_say(all, 3, ORIEL_INVALID, "calls differ: ");
    all_say(all, 3, ORIEL_INVALID, "rank 1 calls free");
    drop_members(all);
}

/* On a part that is not freed by itself, each takes itself for the root (`context` NULL), or rank 1 makes no call. */
static oriel_status post_on_a_part(oriel_comm *comm, void *context)
{
    oriel_comm *part;
    float data[1] = {0};
    must(oriel_comm_split(comm, 0, 0, &part));
    if (!context)
        return oriel_broadcast(data, 1, PTO_F32, oriel_comm_rank(part), part);
    return oriel_comm_rank(part) == 1 ? ORIEL_OK : oriel_broadcast(data, 1, PTO_F32, 0, part);
}

static void freeing_the_whole_tells_of_its_parts(void **state)
{
    (void)state;
    form it;
    for (int behind = 0; behind < 2; behind++)
        for (uint32_t index = 0; next_form(&it, &index, 2);) {
            member *all = members_of(&it, 2);
            for (uint32_t i = 0; i < 2; i++) {
                all[i].work = post_on_a_part;
                all[i].context = behind ? all : NULL;
            }
            run(all, 2, it.threads);
            all_say(all, 2, behind ? ORIEL_STATE : ORIEL_INVALID,
                    behind ? "to which rank 1 (rank 1 of the launch) never came" : "calls differ: ");
            drop_members(all);
        }
}

/* Rank 0 waits for rank 1 on the part, in vain, and makes nothing of it. */
static oriel_status give_up_on_a_part(oriel_comm *comm, void *context)
{
    (void)context;
    oriel_comm *part;
    must(oriel_comm_split(comm, 0, 0, &part));
    if (oriel_comm_rank(comm) == 0)
        must_fail(oriel_barrier(part), ORIEL_TIMEOUT, "rank 0 (rank 0 of the launch) waited for rank 1");
    return ORIEL_OK;
}

static void freeing_the_whole_tells_of_a_part_that_is_broken(void **state)
{
    (void)state;
    form it;
    for (uint32_t index = 0; next_form(&it, &index, 2);) {
        member *all = members_of(&it, 2);
        for (uint32_t i = 0; i < 2; i++) {
            all[i].work = give_up_on_a_part;
            all[i].options.timeout_s = i ? 20 : 0.5;
        }
        run(all, 2, it.threads);
        says(all, 0, ORIEL_OK, "");
        says(all, 1, ORIEL_TIMEOUT, "rank 0 (rank 0 of the launch) waited for rank 1");
        drop_members(all);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_come_together),
        cmocka_unit_test(a_file_and_a_long_or_other_spelling_do_not_matter),
        cmocka_unit_test(jobs_follow_one_another_at_one_path),
        cmocka_unit_test(those_that_are_late_are_waited_for),
        cmocka_unit_test(a_rank_0_that_goes_away_is_called_again),
        cmocka_unit_test(a_bound_thread_is_as_before_at_the_end),
        cmocka_unit_test(the_environment_is_read),
        cmocka_unit_test(arguments_are_refused),
        cmocka_unit_test(a_rank_that_comes_twice),
        cmocka_unit_test(ranks_that_disagree_on_how_many_they_are),
        cmocka_unit_test(ranks_that_ask_for_different_algorithms),
        cmocka_unit_test(rank_0_has_the_table),
        cmocka_unit_test(a_rank_that_does_not_come),
        cmocka_unit_test(a_descriptor_serves_once),
        cmocka_unit_test(freeing_is_a_call_of_all),
        cmocka_unit_test(freeing_the_whole_tells_of_its_parts),
        cmocka_unit_test(freeing_the_whole_tells_of_a_part_that_is_broken),
    };
    return cmocka_run_group_tests_name("comm/join", tests, make_folder, remove_folder);
}
