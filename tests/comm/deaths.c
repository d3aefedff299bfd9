/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranks that nobody launched, and that die: at any moment, however they end, the others are told which it was; nothing is left
 * behind.
 */
#include "members.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "base/random.h"
#include "comm/crew.h"

static oriel_status for_ever(oriel_comm *comm, void *context)
{
    (void)context;
    float data[2000] = {0}, sum[2000];
    for (uint32_t call = 0;; call++) {
        must(oriel_allreduce(data, sum, call % 3 ? 1 : 2000, PTO_F32, PTO_SUM, comm));
        must(oriel_barrier(comm));
    }
}

static oriel_status leave_with_code(oriel_comm *comm, void *context)
{
    must(oriel_barrier(comm));
    if (oriel_comm_rank(comm) == 1)
        _exit(7);
    return for_ever(comm, context);
}

static void a_rank_that_exits_is_told_with_its_code(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    for (int i = 0; i < 2; i++) {
        member *all = make_members(3, here, -1);
        for (uint32_t rank = 0; rank < 3; rank++) {
            all[rank].work = leave_with_code;
            all[rank].options.algorithm = i ? "one-phase" : NULL;
            start(&all[rank]);
        }
        siginfo_t ended;
        for (int left = 3; left > 0;) { /* none is reaped before all have ended, so that they can tell */
            usleep(1000);
            left = 0;
            for (uint32_t rank = 0; rank < 3; rank++)
                left += rank != 1 && all[rank].message[0] == '\0';
        }
        while (waitid(P_ALL, 0, &ended, WEXITED) == 0)
            continue;
        says(all, 0, ORIEL_RANK_DIED, "rank 1 (process ");
        says(all, 0, ORIEL_RANK_DIED, "ended with exit code 7, without oriel_comm_free");
        says(all, 2, ORIEL_RANK_DIED, "ended with exit code 7, without oriel_comm_free");
        drop_members(all);
    }
}

/* Rank 2 dies on the part that it has with rank 1, which hears it and frees the whole, where rank 0 calls something else. */
static oriel_status frees_after_a_death(oriel_comm *comm, void *context)
{
    _Atomic uint32_t *freeing = context;
    const uint32_t rank = oriel_comm_rank(comm);
    oriel_comm *part;
    must(oriel_comm_split(comm, rank > 0, 0, &part));
    if (rank == 2)
        _exit(7);
    if (rank == 1) {
        oriel_status status = oriel_barrier(part);
        atomic_store(freeing, 1);
        return status;
    }
    while (!atomic_load(freeing))
        usleep(100);
    usleep(20000);
    return oriel_barrier(comm);
}

static void a_death_is_told_where_calls_differ_because_of_it(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    member *all = make_members(3, here, -1);
    for (uint32_t rank = 0; rank < 3; rank++) {
        all[rank].work = frees_after_a_death;
        all[rank].context = &all[3].started;
    }
    run(all, 3, false);
    says(all, 0, ORIEL_RANK_DIED, "rank 2 (process ");
    says(all, 1, ORIEL_RANK_DIED, "rank 2 (process ");
    drop_members(all);
}

/*
 * Whoever may not look at a process is told that its code is 0, whatever it is: of such a one it is only known that it
 * has ended.
 */
static void a_code_that_is_not_shown_is_not_told(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    char *strangers = mmap(NULL, ORIEL_FATE_TEXT, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(strangers != MAP_FAILED);
    for (int code = 0; code < 8; code += 7) {
        char own[ORIEL_FATE_TEXT], expected[ORIEL_FATE_TEXT];
        siginfo_t info;
        const pid_t ended = fork();
        if (ended == 0)
            _exit(code);
        assert_int_equal(waitid(P_PID, (id_t)ended, &info, WEXITED | WNOWAIT), 0);
        oriel_fate_text(ended, own);
        const pid_t stranger = fork();
        if (stranger == 0) {
            if (setgid(65534) == 0 && setuid(65534) == 0)
                oriel_fate_text(ended, strangers);
            _exit(0);
        }
        assert_int_equal(waitpid(stranger, NULL, 0), stranger);
        assert_int_equal(waitpid(ended, NULL, 0), ended);
        snprintf(expected, sizeof expected, "ended with exit code %d, without oriel_comm_free", code);
        assert_string_equal(own, expected);
        assert_string_equal(strangers, "ended without oriel_comm_free");
    }
    munmap(strangers, ORIEL_FATE_TEXT);
}

/* A child of the rank lives on with all that it inherited, until the pipe is closed. */
static oriel_status die_as_a_parent(oriel_comm *comm, void *context)
{
    const int *pipe_ends = context;
    char end;
    must(oriel_barrier(comm));
    if (oriel_comm_rank(comm) != 1)
        return for_ever(comm, NULL);
    if (fork() == 0) {
        close(pipe_ends[1]);
        (void)!read(pipe_ends[0], &end, 1);
        _exit(0);
    }
    raise(SIGKILL);
    return ORIEL_OK;
}

static void a_child_is_not_taken_for_the_rank(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    member *all = make_members(3, here, -1);
    for (uint32_t rank = 0; rank < 3; rank++) {
        all[rank].work = die_as_a_parent;
        all[rank].context = ends;
    }
    run(all, 3, false);
    close(ends[0]);
    close(ends[1]);
    says(all, 0, ORIEL_RANK_DIED, "rank 1 (process ");
    says(all, 2, ORIEL_RANK_DIED, "rank 1 (process ");
    drop_members(all);
}

/* ---- A thread that forks while the rank comes -------------------------------------------------------------------- */

static int *forking; /* the ends of a pipe, while there is to be such a thread; else NULL */
static _Atomic uint32_t has_forked;

static void *fork_a_child(void *context)
{
    char end;
    (void)context;
    if (fork() == 0) {
        close(forking[1]);
        (void)!read(forking[0], &end, 1);
        _exit(0);
    }
    atomic_store(&has_forked, 1);
    return NULL;
}

/*
 * The library's: as soon as rank 1 has locked its place another thread forks. It has a moment for it, which is over when the
 * fork waits for the rank.
 */
int fcntl(int descriptor, int command, ...)
{
    va_list more;
    va_start(more, command);
    void *argument = va_arg(more, void *);
    va_end(more);
    int result = (int)syscall(SYS_fcntl, descriptor, command, argument);
    pthread_t thread;
    if (forking && result == 0 && command == F_OFD_SETLK && ((const struct flock *)argument)->l_start == 1 &&
        pthread_create(&thread, NULL, fork_a_child, NULL) == 0)
        for (int i = 0; i < 200 && !atomic_load(&has_forked); i++)
            usleep(1000);
    return result;
}

static oriel_status die_when_all_are_here(oriel_comm *comm, void *context)
{
    must(oriel_barrier(comm));
    if (oriel_comm_rank(comm) != 1)
        return for_ever(comm, context);
    while (!atomic_load(&has_forked))
        usleep(100);
    raise(SIGKILL);
    return ORIEL_OK;
}

static void a_child_that_is_forked_while_the_rank_comes(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    forking = ends;
    member *all = make_members(3, here, -1);
    for (uint32_t rank = 0; rank < 3; rank++)
        all[rank].work = die_when_all_are_here;
    run(all, 3, false);
    forking = NULL;
    close(ends[0]);
    close(ends[1]);
    says(all, 0, ORIEL_RANK_DIED, "rank 1 (process ");
    says(all, 2, ORIEL_RANK_DIED, "rank 1 (process ");
    drop_members(all);
}

/* ---- Killed ----------------------------------------------------------------------------------------------------- */

static uint32_t entries_of(const char *name)
{
    uint32_t count = 0;
    DIR *open = opendir(name);
    assert_non_null(open);
    while (readdir(open))
        count++;
    closedir(open);
    return count;
}

static bool address_is_taken(void)
{
    FILE *file = fopen("/proc/net/unix", "r");
    assert_non_null(file);
    bool found = false;
    for (char line[1024]; fgets(line, sizeof line, file);)
        found |= strstr(line, folder) != NULL;
    fclose(file);
    return found;
}

/* The others are told which it was, whenever it happens: before it came, while it comes, in any call. */
static void a_rank_killed_at_any_moment(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    const uint32_t files = entries_of("/proc/self/fd"), shared = entries_of("/dev/shm");
    for (int trial = 0; trial < 50; trial++) {
        const uint32_t ranks = 2 + oriel_random_below(&random, 3), victim = oriel_random_below(&random, ranks);
        const bool by_path = oriel_random_below(&random, 2) == 0;
        int descriptor = -1;
        if (!by_path)
            assert_ok(oriel_rendezvous_open(ranks, 1 << 28, &descriptor));
        member *all = make_members(ranks, by_path ? here : NULL, descriptor);
        pid_t process[MOST];
        for (uint32_t i = 0; i < ranks; i++) {
            all[i].work = for_ever;
            all[i].options.timeout_s = 3;
            process[i] = start(&all[i]);
        }
        while (!atomic_load(&all[victim].started))
            usleep(100);
        usleep(oriel_random_below(&random, 30000));
        kill(process[victim], SIGKILL);
        for (uint32_t i = 0; i < ranks; i++)
            assert_int_equal(waitpid(process[i], NULL, 0), process[i]);
        char text[32];
        snprintf(text, sizeof text, "rank %u ", victim);
        for (uint32_t i = 0; i < ranks; i++)
            if (i != victim && all[i].status == ORIEL_TIMEOUT && strstr(all[i].message, text))
                says(all, i, ORIEL_TIMEOUT, " not come"); /* the victim had not */
            else if (i != victim)
                says_unless_late(all, i, ORIEL_RANK_DIED, text);
        drop_members(all);
        if (descriptor >= 0)
            close(descriptor);
        assert_false(address_is_taken());
    }
    assert_int_equal(entries_of("/proc/self/fd"), files);
    assert_int_equal(entries_of("/dev/shm"), shared);
    assert_int_equal(entries_of(folder), 2);
}

/* Nothing of it stands in the way of the next. */
static void a_job_of_which_nobody_is_left(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    for (int trial = 0; trial < 10; trial++) {
        member *all = make_members(3, here, -1);
        pid_t process[3];
        for (uint32_t i = 0; i < 3; i++) {
            all[i].work = for_ever;
            process[i] = start(&all[i]);
        }
        usleep(oriel_random_below(&random, 20000));
        for (uint32_t i = 0; i < 3; i++)
            kill(process[i], SIGKILL);
        for (uint32_t i = 0; i < 3; i++)
            assert_int_equal(waitpid(process[i], NULL, 0), process[i]);
        assert_false(address_is_taken());
        for (uint32_t i = 0; i < 3; i++)
            all[i].work = some_of_everything;
        run(all, 3, false);
        all_say(all, 3, ORIEL_OK, "");
        drop_members(all);
    }
    assert_int_equal(entries_of(folder), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rank_that_exits_is_told_with_its_code),
        cmocka_unit_test(a_death_is_told_where_calls_differ_because_of_it),
        cmocka_unit_test(a_code_that_is_not_shown_is_not_told),
        cmocka_unit_test(a_child_is_not_taken_for_the_rank),
        cmocka_unit_test(a_child_that_is_forked_while_the_rank_comes),
        cmocka_unit_test(a_rank_killed_at_any_moment),
        cmocka_unit_test(a_job_of_which_nobody_is_left),
    };
    return cmocka_run_group_tests_name("comm/deaths", tests, make_folder, remove_folder);
}
