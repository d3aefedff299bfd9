/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a launch refuses; ranks that end in unusual ways, or in the middle of a call; launches inside of ranks; what there is when
 * memory runs out; and that nothing is left behind.
 */
#include "ranks.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "comm/team.h"

static const oriel_comm_options as_threads = {.threads = true};

/* What this process has open and mapped, and what can be seen by others. (Others may show things of their own.) */
typedef struct traces {
    uint32_t files, maps, names;
} traces;

static uint32_t entries_of(const char *folder, const char *with)
{
    uint32_t count = 0;
    DIR *open = opendir(folder);
    assert_non_null(open);
    for (struct dirent *entry; (entry = readdir(open));)
        count += strstr(entry->d_name, with) != NULL;
    closedir(open);
    return count;
}

static uint32_t maps_of_memfds(void)
{
    char line[4096];
    uint32_t count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps))
        count += strstr(line, "memfd:") != NULL;
    fclose(maps);
    return count;
}

static traces traces_now(void)
{
    return (traces){entries_of("/proc/self/fd", ""), maps_of_memfds(), entries_of("/dev/shm", "oriel")};
}

static void assert_nothing_left(traces before)
{
    traces now = traces_now();
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child */
    assert_int_equal(now.files, before.files);
    assert_int_equal(now.maps, before.maps);
    assert_int_equal(now.names, before.names);
}

/* ---- Refused ---------------------------------------------------------------------------------------------------- */

static oriel_status nothing(oriel_comm *comm, void *context)
{
    (void)comm;
    (void)context;
    return ORIEL_OK;
}

static void *sleeper(void *stop)
{
    while (!atomic_load((_Atomic int *)stop))
        usleep(1000);
    return NULL;
}

static void launches_are_refused(void **state)
{
    (void)state;
    traces before = traces_now();
    assert_fails(oriel_comm_launch(0, nothing, NULL, NULL), ORIEL_INVALID, "no rank");
    assert_fails(oriel_comm_launch(2, NULL, NULL, NULL), ORIEL_INVALID, "no function");
    assert_fails(oriel_comm_launch(2, nothing, NULL, &(oriel_comm_options){.algorithm = "best"}), ORIEL_INVALID,
                 "no algorithm \"best\"");
    assert_fails(oriel_comm_launch(2, nothing, NULL, &(oriel_comm_options){.bind = (oriel_bind)7}), ORIEL_INVALID,
                 "no way 7 to bind");
    pthread_t thread;
    _Atomic int stop = 0;
    assert_int_equal(pthread_create(&thread, NULL, sleeper, &stop), 0);
    assert_fails(oriel_comm_launch(2, nothing, NULL, NULL), ORIEL_STATE, "this program has threads");
    assert_ok(oriel_comm_launch(2, nothing, NULL, &as_threads));
    atomic_store(&stop, 1);
    pthread_join(thread, NULL);
    assert_nothing_left(before);
}

/* Who asks for a size gets it or an error, and nothing smaller. */
static void reservations_that_cannot_be(void **state)
{
    (void)state;
    traces before = traces_now();
    for (int threads = UNDER_TSAN; threads < 2; threads++) {
        oriel_comm_options options = {.threads = threads, .reserve_bytes = 1};
        assert_fails(oriel_comm_launch(2, nothing, NULL, &options), ORIEL_NO_MEMORY,
                     "cannot hold the tables of 2 ranks");
        options.reserve_bytes = UINT64_C(1) << 60;
        assert_fails(oriel_comm_launch(2, nothing, NULL, &options), ORIEL_NO_MEMORY, "1152921504606846976 B");
        options.reserve_bytes = UINT64_MAX;
        assert_fails(oriel_comm_launch(2, nothing, NULL, &options), ORIEL_NO_MEMORY, "18446744073709551615 B");
    }
    assert_nothing_left(before);
}

/* ---- Memory runs out -------------------------------------------------------------------------------------------- */

/* All ranks are told alike, and go on with what they have. */
static oriel_status use_up(oriel_comm *comm, void *context)
{
    (void)context;
    enum { BIG = 100000 };
    static const char *const no = "no room for";
    float one = 1, sum, *data = calloc(2, BIG * sizeof *data);
    void *window = &sum, *windows[200];
    oriel_comm *part;
    int made = 0;
    oriel_status status;
    must(oriel_allreduce(&one, &sum, 1, PTO_F32, PTO_SUM, comm)); /* what a small call needs is there */
    while ((status = oriel_window_alloc(comm, 4096, &windows[made])) == ORIEL_OK && made < 199)
        made++;
    must_hold(status == ORIEL_NO_MEMORY && made > 0 && strstr(oriel_last_error(), no));
    must_fail(oriel_window_alloc(comm, UINT64_MAX - 5, &window), ORIEL_NO_MEMORY, no);
    must_hold(window == &sum);
    do /* the few pages that are not enough for a window */
        status = oriel_comm_split(comm, 0, 0, &part);
    while (status == ORIEL_OK);
    must_hold(status == ORIEL_NO_MEMORY && strstr(oriel_last_error(), no));
    for (int i = 0; i < 2; i++) {
        must_fail(oriel_allreduce(data, data + BIG, BIG, PTO_F32, PTO_SUM, comm), ORIEL_NO_MEMORY, no);
        must(oriel_allreduce(&one, &sum, 1, PTO_F32, PTO_SUM, comm));
        must_hold(sum == 3);
    }
    must(oriel_window_free(comm, windows[--made]));
    must(oriel_window_alloc(comm, 4096, &windows[made++]));
    while (made)
        must(oriel_window_free(comm, windows[--made]));
    free(data);
    return ORIEL_OK;
}

static void memory_runs_out(void **state)
{
    (void)state;
    for (int threads = UNDER_TSAN; threads < 2; threads++)
        for (int kernels = 0; kernels < 2; kernels++) {
            oriel_comm_options options = {
                .threads = threads, .reserve_bytes = 2 << 20, .algorithm = kernels ? "one-phase" : NULL};
            assert_ok(oriel_comm_launch(3, use_up, NULL, &options));
        }
}

/* ---- Unusual ends ----------------------------------------------------------------------------------------------- */

typedef enum ending { EXITS_WITH_0, STOPS, FORK_RETURNS, FORK_DIES, SIGNAL_IGNORED } ending;

static oriel_status end_so(oriel_comm *comm, void *context)
{
    const ending how = *(const ending *)context;
    const bool me = oriel_comm_rank(comm) == 1;
    must(oriel_barrier(comm));
    if (me && how == EXITS_WITH_0)
        exit(0);
    if (me && how == STOPS)
        raise(SIGSTOP);
    if (me && (how == FORK_RETURNS || how == FORK_DIES)) {
        pid_t child = fork();
        if (child == 0 && how == FORK_RETURNS)
            return ORIEL_WRONG;
        if (child == 0)
            abort();
        int fate;
        must_hold(waitpid(child, &fate, 0) == child);
        must_hold(how == FORK_RETURNS ? WIFEXITED(fate) : WIFSIGNALED(fate));
    }
    if (me && how == SIGNAL_IGNORED)
        raise(SIGKILL);
    return oriel_barrier(comm);
}

static void ends(ending how, oriel_status status, const char *text)
{
    if (UNDER_TSAN)
        skip();
    traces before = traces_now();
    oriel_comm_options options = {.timeout_s = how == STOPS ? 0.2 : 60};
    if (status == ORIEL_OK)
        assert_ok(oriel_comm_launch(2, end_so, &how, &options));
    else
        assert_fails(oriel_comm_launch(2, end_so, &how, &options), status, text);
    assert_nothing_left(before);
}

static void a_rank_that_exits_with_0(void **state)
{
    (void)state;
    ends(EXITS_WITH_0, ORIEL_RANK_DIED, "rank 1 left its process with exit code 0");
}

/* It is given up on, and killed. (Under load already in the first barrier, or by the other side.) */
static void a_rank_that_is_stopped(void **state)
{
    (void)state;
    ends(STOPS, ORIEL_TIMEOUT, "did not come in 0.2 s");
}

/* Whatever becomes of a rank's own children, its life is the rank's. */
static void a_rank_that_forks(void **state)
{
    (void)state;
    ends(FORK_RETURNS, ORIEL_OK, "");
    ends(FORK_DIES, ORIEL_OK, "");
}

/* Nobody can say then how it died; that it did is seen. */
static void a_program_that_reaps_nobody(void **state)
{
    (void)state;
    void (*old)(int) = signal(SIGCHLD, SIG_IGN);
    ends(SIGNAL_IGNORED, ORIEL_RANK_DIED, "rank 1 ");
    signal(SIGCHLD, old);
}

/* ---- In the middle of a call ------------------------------------------------------------------------------------ */

#define HOLE_BYTES ((uint64_t)4 << 20) /* several pieces */

typedef struct hole {
    test_kind kind;
    bool sends, window;
} hole;

/* Rank 1 need not touch what it sends itself, if rank 0 may have the system read it. */
static bool only_reads(const hole *it)
{
    return it->sends && (it->kind == BROADCAST || it->kind == GATHER || it->kind == REDUCE);
}

static bool died(oriel_status status)
{
    return status == ORIEL_RANK_DIED && strstr(oriel_last_error(), "rank 1 was killed by signal 11");
}

static bool was_not_there(oriel_status status)
{
    const char *text = oriel_last_error();
    return status == ORIEL_SYSTEM && strstr(text, "rank 0 read the memory of rank 1 in ") &&
           strstr(text, "which the system refused: Bad address");
}

/* Rank 1 falls into a hole at the end of one of its buffers. Its peers are done by then, or wait, or will in the next call. */
static oriel_status fall(oriel_comm *comm, void *context)
{
    const hole *it = context;
    const uint64_t bytes = 2 * HOLE_BYTES; /* blocks for two ranks */
    const int kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, may = PROT_READ | PROT_WRITE;
    char *send = mmap(NULL, bytes, may, kind, -1, 0), *recv = mmap(NULL, bytes, may, kind, -1, 0);
    must_hold(send != MAP_FAILED && recv != MAP_FAILED);
    const bool each = it->kind == REDUCE_SCATTER || it->kind == ALLTOALL || it->kind == SCATTER;
    test_call call = {.kind = it->kind, .dtype = PTO_U8, .op = PTO_MAX, .count = HOLE_BYTES};
    call.root = it->kind == REDUCE || it->kind == GATHER ? !it->sends : it->sends;
    void *window;
    must(oriel_window_alloc(comm, bytes, &window));
    if (oriel_comm_rank(comm) == 1) {
        signal(SIGSEGV, SIG_DFL);
        char *into = it->sends ? send + (each ? HOLE_BYTES : 0) : recv;
        must_hold(mprotect(into + HOLE_BYTES - 4096, 4096, PROT_NONE) == 0);
        if (each && it->sends) /* the block for rank 0 */
            must_hold(mprotect(send + HOLE_BYTES - 4096, 4096, PROT_NONE) == 0);
    }
    oriel_status status = test_do(&call, it->window && oriel_comm_rank(comm) == 0 ? window : send, recv, comm);
    if (status == ORIEL_OK)
        status = oriel_barrier(comm);
    must_hold(only_reads(it) && comm->remote.may == ORIEL_REMOTE_ON ? was_not_there(status) : died(status));
    return status;
}

static void a_rank_that_dies_in_the_middle(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    traces before = traces_now();
    for (int kind = BROADCAST; kind < TEST_KINDS; kind++)
        for (int way = 0; way < 4; way++) {
            hole it = {.kind = (test_kind)kind, .sends = way % 2, .window = way / 2};
            oriel_status status = oriel_comm_launch(2, fall, &it, &(oriel_comm_options){.timeout_s = 60});
            if (!died(status) && !(only_reads(&it) && was_not_there(status))) /* as this system lets ranks read */
                fail_msg("%s, way %d: %s: %s", test_kind_names[kind], way, oriel_status_name(status),
                         oriel_last_error());
        }
    assert_nothing_left(before);
}

/* When one has failed, those that neither call nor return are ended. */
static oriel_status deaf(oriel_comm *comm, void *context)
{
    (void)context;
    if (oriel_comm_rank(comm) == 0)
        return oriel_fail(ORIEL_WRONG, "no more");
    for (;;)
        pause();
}

static void ranks_that_are_deaf(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    traces before = traces_now();
    assert_fails(oriel_comm_launch(3, deaf, NULL, &(oriel_comm_options){.timeout_s = 0.2}), ORIEL_WRONG,
                 "rank 0: no more");
    assert_nothing_left(before);
}

/* ---- Launches in ranks ------------------------------------------------------------------------------------------ */

static oriel_status add_ranks(oriel_comm *comm, void *context)
{
    uint32_t rank = oriel_comm_rank(comm), sum;
    (void)context;
    must(oriel_allreduce(&rank, &sum, 1, PTO_U32, PTO_SUM, comm));
    must_hold(sum == 3);
    return ORIEL_OK;
}

static oriel_status fail_in_2(oriel_comm *comm, void *context)
{
    (void)context;
    if (oriel_comm_rank(comm) == 2)
        return oriel_fail(ORIEL_WRONG, "inside");
    return oriel_barrier(comm);
}

/* `threads`: of the outer launch. */
static oriel_status launch_inside(oriel_comm *comm, void *context)
{
    const bool threads = *(const bool *)context;
    must(oriel_barrier(comm));
    if (threads)
        must_fail(oriel_comm_launch(3, add_ranks, NULL, NULL), ORIEL_STATE, "this program has threads");
    else
        must(oriel_comm_launch(3, add_ranks, NULL, NULL));
    must(oriel_comm_launch(3, add_ranks, NULL, &as_threads));
    must_fail(oriel_comm_launch(3, fail_in_2, NULL, &as_threads), ORIEL_WRONG, "rank 2: inside");
    return oriel_barrier(comm);
}

static void ranks_that_launch(void **state)
{
    (void)state;
    traces before = traces_now();
    for (int i = UNDER_TSAN; i < 2; i++) {
        bool threads = i;
        assert_ok(oriel_comm_launch(2, launch_inside, &threads, &(oriel_comm_options){.threads = threads}));
    }
    assert_nothing_left(before);
}

/* ---- Many ranks, and no deadline -------------------------------------------------------------------------------- */

static oriel_status a_few_calls(oriel_comm *comm, void *context)
{
    (void)context;
    const uint32_t ranks = oriel_comm_size(comm), rank = oriel_comm_rank(comm);
    oriel_comm *part;
    uint32_t sum, *all = malloc(ranks * 40 * sizeof *all), *mine = malloc(ranks * 40 * sizeof *mine);
    must(oriel_allreduce(&rank, &sum, 1, PTO_U32, PTO_SUM, comm));
    must_hold(sum == ranks * (ranks - 1) / 2);
    for (uint32_t i = 0; i < ranks * 40; i++)
        mine[i] = rank * 10000 + i;
    must(oriel_alltoall(mine, all, 40, PTO_U32, comm));
    for (uint32_t i = 0; i < ranks * 40; i++)
        must_hold(all[i] == i / 40 * 10000 + rank * 40 + i % 40);
    must(oriel_comm_split(comm, (int32_t)(rank % 3), -(int32_t)rank, &part));
    must(oriel_allgather(&rank, all, 1, PTO_U32, part));
    for (uint32_t i = 1; i < oriel_comm_size(part); i++)
        must_hold(all[i] + 3 == all[i - 1]);
    must(oriel_comm_free(part));
    free(all);
    free(mine);
    return ORIEL_OK;
}

static void sixty_four_ranks(void **state)
{
    (void)state;
    for (int threads = UNDER_TSAN; threads < 2; threads++)
        assert_ok(oriel_comm_launch(64, a_few_calls, NULL, &(oriel_comm_options){.threads = threads, .timeout_s = -1}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(launches_are_refused),
        cmocka_unit_test(reservations_that_cannot_be),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(a_rank_that_exits_with_0),
        cmocka_unit_test(a_rank_that_is_stopped),
        cmocka_unit_test(a_rank_that_forks),
        cmocka_unit_test(a_program_that_reaps_nobody),
        cmocka_unit_test(a_rank_that_dies_in_the_middle),
        cmocka_unit_test(ranks_that_are_deaf),
        cmocka_unit_test(ranks_that_launch),
        cmocka_unit_test(sixty_four_ranks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
