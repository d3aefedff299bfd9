/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ordinary memory that peers read where it is: that it is done where all ranks may, and by none where one may not or does not want
 * to; the same results from any mixture of buffers; and that a rank which dies or is refused meanwhile ends the call of
 * all, with its name.
 */
#include "ranks.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "comm/team.h"

#define RANKS 4
#define COUNT 100000 /* bytes of a block of which a single copy is made between two ranks */

/* Decides as on a host with a processor for each rank, whatever this one has. */
static void have_processors(oriel_comm *comm)
{
    comm->spins = 16;
}

static bool offered_own_memory(const oriel_comm *comm)
{
    return oriel_peer_line(comm, comm->rank)->offer.kind == ORIEL_IN_PROCESS;
}

/* A call after which all have agreed, from ordinary memory. */
static oriel_status agree(oriel_comm *comm, char *send, char *recv)
{
    have_processors(comm);
    memset(send, (int)oriel_comm_rank(comm) + 1, COUNT);
    must(oriel_allgather(send, recv, COUNT, PTO_U8, comm));
    for (uint32_t rank = 0; rank < oriel_comm_size(comm); rank++)
        for (uint64_t i = 0; i < COUNT; i++)
            must_hold(recv[rank * COUNT + i] == (char)(rank + 1));
    return ORIEL_OK;
}

/* ---- Any mixture of buffers ------------------------------------------------------------------------------------- */

/*
 * Of a block: around the least that is read where it is, whether it is of blocks or, of two to four ranks, of what a root sends; around
 * the piece in which terms are read; and sizes that are one, and not, to a trial.
 */
static const uint64_t mixed_bytes[] = {8188, 8192, 21800, 32764, 32768, 65532, 65536, 131072, 131076, 262144, 262148};
#define MIXED (sizeof mixed_bytes / sizeof mixed_bytes[0])

static oriel_status mix(oriel_comm *comm, void *context)
{
    (void)context;
    const uint32_t rank = oriel_comm_rank(comm), ranks = oriel_comm_size(comm);
    const uint64_t most = test_bytes(mixed_bytes[MIXED - 1], PTO_U8, ranks);
    char *ordinary[2] = {malloc(most), malloc(most)};
    void *window[2];
    test_tiles tiles = test_tiles_make(PTO_I32, ranks);
    have_processors(comm);
    for (int i = 0; i < 2; i++)
        must(oriel_window_alloc(comm, most, &window[i]));
    uint32_t salt = 0, own = 0;
    for (uint32_t size = 0; size < MIXED; size++)
        for (int kind = BROADCAST; kind < TEST_KINDS; kind++)
            for (uint32_t turn = 0; turn < 4; turn++, salt++) {
                /* Of the ranks of one call, some send from a window, some are in place: others at each turn. */
                const bool send = (rank + turn) % 2, recv = (rank + turn) % 3 == 0;
                const test_call call = {.kind = (test_kind)kind,
                                        .dtype = PTO_I32,
                                        .count = mixed_bytes[size] / 4,
                                        .root = salt % ranks,
                                        .salt = salt,
                                        .in_place = kind != BROADCAST && (rank / 2 + turn) % 4 == 0};
                must(test_call_checked(&call, send ? window[0] : ordinary[0], recv ? window[1] : ordinary[1], &tiles,
                                       comm));
                own += offered_own_memory(comm);
            }
    must_hold((own > 0) == (comm->remote.may == ORIEL_REMOTE_ON));
    for (int i = 0; i < 2; i++) {
        must(oriel_window_free(comm, window[i]));
        free(ordinary[i]);
    }
    free(tiles.tile);
    return ORIEL_OK;
}

static void mix_all(bool threads)
{
    if (UNDER_TSAN && !threads)
        skip();
    for (uint32_t ranks = 2; ranks <= RANKS; ranks++)
        assert_ok(oriel_comm_launch(ranks, mix, NULL, &(oriel_comm_options){.threads = threads}));
}

static void mixtures_in_processes(void **state)
{
    (void)state;
    mix_all(false);
}

static void mixtures_in_threads(void **state)
{
    (void)state;
    mix_all(true);
}

static void mixtures_without(void **state)
{
    (void)state;
    setenv("ORIEL_SINGLE_COPY", "0", 1);
    mix_all(UNDER_TSAN);
    setenv("ORIEL_SINGLE_COPY", "", 1);
}

/* ---- Agreeing --------------------------------------------------------------------------------------------------- */

static char *buffers(uint64_t blocks)
{
    return calloc(blocks, COUNT);
}

/* Parts have what the whole has agreed on, or agree by themselves. */
static oriel_status split(oriel_comm *comm, void *context)
{
    (void)context;
    char *data = buffers(1 + RANKS);
    oriel_comm *before, *after;
    must(oriel_comm_split(comm, (int32_t)(oriel_comm_rank(comm) % 2), 0, &before));
    must_hold(comm->remote.may == ORIEL_REMOTE_OPEN);
    must(agree(before, data, data + COUNT));
    must_hold(before->remote.may == ORIEL_REMOTE_ON && offered_own_memory(before));
    must(agree(comm, data, data + COUNT));
    must_hold(comm->remote.may == ORIEL_REMOTE_ON && offered_own_memory(comm));
    must(oriel_comm_split(comm, 0, 0, &after));
    must_hold(after->remote.may == ORIEL_REMOTE_ON);
    must(agree(after, data, data + COUNT));
    must_hold(offered_own_memory(after));
    free(data);
    return ORIEL_OK;
}

static void parts_inherit(void **state)
{
    (void)state;
    for (int threads = UNDER_TSAN ? 1 : 0; threads < 2; threads++)
        assert_ok(oriel_comm_launch(RANKS, split, NULL, &(oriel_comm_options){.threads = threads}));
}

/* As a sandbox may do it: from now on this thread is refused what reads another process. */
static oriel_status forbid(void)
{
    struct sock_filter step[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {sizeof step / sizeof step[0], step};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
        return oriel_fail_errno(ORIEL_SYSTEM, "no filter");
    return ORIEL_OK;
}

static oriel_status one_is_forbidden(oriel_comm *comm, void *context)
{
    (void)context;
    char *data = buffers(1 + RANKS);
    if (oriel_comm_rank(comm) == 1)
        must(forbid());
    for (int times = 0; times < 3; times++) {
        must(agree(comm, data, data + COUNT));
        must_hold(comm->remote.may == ORIEL_REMOTE_OFF && !offered_own_memory(comm));
    }
    free(data);
    return ORIEL_OK;
}

static void all_heed_what_one_may_not(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    assert_ok(oriel_comm_launch(RANKS, one_is_forbidden, NULL, NULL));
}

typedef struct member {
    const char *wish; /* ORIEL_SINGLE_COPY */
    oriel_remote_may expected;
} member;

/* In a process of its own, which ends with a status. */
static oriel_status be_member(const member *it, uint32_t rank, uint32_t ranks, int descriptor)
{
    oriel_comm *comm;
    char *data = buffers(1 + RANKS);
    setenv("ORIEL_SINGLE_COPY", it->wish, 1);
    must(oriel_comm_create(&(oriel_rendezvous){.rank = rank, .ranks = ranks, .descriptor = descriptor}, NULL, &comm));
    must(agree(comm, data, data + COUNT));
    must_hold(comm->remote.may == it->expected);
    free(data);
    return oriel_comm_free(comm);
}

static void create(const member *all, uint32_t ranks)
{
    int descriptor;
    assert_ok(oriel_rendezvous_open(ranks, 1 << 28, &descriptor));
    for (uint32_t rank = 0; rank < ranks; rank++) {
        pid_t process = fork();
        assert_true(process >= 0);
        if (process == 0) {
            oriel_status status = be_member(&all[rank], rank, ranks, descriptor);
            if (status != ORIEL_OK)
                print_message("rank %u: %s\n", rank, oriel_last_error());
            _exit((int)status);
        }
    }
    for (uint32_t rank = 0; rank < ranks; rank++) {
        int ended;
        assert_true(wait(&ended) > 0);
        assert_int_equal(ended, 0);
    }
    close(descriptor);
}

static void all_heed_what_one_wants(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    create((const member[]){{"", ORIEL_REMOTE_ON}, {"1", ORIEL_REMOTE_ON}, {"", ORIEL_REMOTE_ON}}, 3);
    create((const member[]){{"", ORIEL_REMOTE_OFF}, {"1", ORIEL_REMOTE_OFF}, {"0", ORIEL_REMOTE_OFF}}, 3);
}

static oriel_status nothing(oriel_comm *comm, void *context)
{
    (void)comm, (void)context;
    return ORIEL_OK;
}

static void other_words_are_refused(void **state)
{
    (void)state;
    oriel_comm *comm;
    setenv("ORIEL_SINGLE_COPY", "no", 1);
    assert_fails(oriel_comm_launch(1, nothing, NULL, &(oriel_comm_options){.threads = true}), ORIEL_INVALID,
                 "ORIEL_SINGLE_COPY is \"no\": it must be 0 or 1");
    assert_fails(oriel_comm_create(&(oriel_rendezvous){.ranks = 1, .path = "here"}, NULL, &comm), ORIEL_INVALID,
                 "ORIEL_SINGLE_COPY is \"no\": it must be 0 or 1");
    setenv("ORIEL_SINGLE_COPY", "", 1);
}

/* ---- One copy or two -------------------------------------------------------------------------------------------- */

/* As if the tries had been made, with these times on this rank: of two copies and of one, before the meeting and after. */
static oriel_status choose_with(oriel_comm *comm, const int64_t best[2][2], bool *single)
{
    oriel_trial trial = {0};
    for (; oriel_trial_runs(&trial); trial.calls++)
        must_hold(oriel_trial_choose(comm, (oriel_call){{0}}, &trial, single) == ORIEL_OK);
    memcpy(trial.best, best, sizeof trial.best);
    must(oriel_trial_choose(comm, (oriel_call){{0}}, &trial, single));
    bool again = !*single;
    must(oriel_trial_choose(comm, (oriel_call){{0}}, &trial, &again));
    must_hold(again == *single);
    return ORIEL_OK;
}

/* By the slowest rank of each half of a call, so that all choose alike, whichever is quicker for a rank by itself. */
static oriel_status choices(oriel_comm *comm, void *context)
{
    (void)context;
    static const int64_t one[2][2][2] = {{{10, 10}, {1, 25}}, {{5, 30}, {2, 20}}};  /* 10 + 30 against 2 + 25 */
    static const int64_t two[2][2][2] = {{{10, 10}, {30, 25}}, {{5, 30}, {2, 20}}}; /* 10 + 30 against 30 + 25 */
    const uint32_t rank = oriel_comm_rank(comm);
    bool single;
    must(choose_with(comm, one[rank], &single));
    must_hold(single);
    must(choose_with(comm, two[rank], &single));
    must_hold(!single);
    return ORIEL_OK;
}

static void all_choose_the_quicker_way(void **state)
{
    (void)state;
    assert_ok(oriel_comm_launch(2, choices, NULL, &(oriel_comm_options){.threads = UNDER_TSAN}));
}

/* Its tries are of one way first, then of the other; a call in which a window takes part is none of them. */
static oriel_status tries(oriel_comm *comm, void *context)
{
    (void)context;
    const uint32_t rank = oriel_comm_rank(comm);
    char *data = buffers(3);
    void *window;
    must(oriel_window_alloc(comm, COUNT, &window));
    const oriel_trial *trial = oriel_trial_of(comm, ORIEL_OP_ALLGATHER, COUNT);
    bool last = true;
    uint32_t calls = 0, turns = 0;
    for (; oriel_trial_runs(trial); calls++) {
        must(oriel_allgather(data, data + COUNT, COUNT, PTO_U8, comm));
        must_hold(trial->calls == calls + 1);
        turns += offered_own_memory(comm) != last;
        last = offered_own_memory(comm);
        must(oriel_allgather(rank == 0 ? window : data, data + COUNT, COUNT, PTO_U8, comm));
        must_hold(trial->calls == calls + 1 || !oriel_trial_runs(trial)); /* the choice counts */
    }
    must_hold(turns == 1 && calls >= 4);
    must(oriel_allgather(data, data + COUNT, COUNT, PTO_U8, comm));
    must_hold(offered_own_memory(comm) == trial->single);
    free(data);
    return oriel_window_free(comm, window);
}

static void a_trial_is_of_its_own_calls(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    assert_ok(oriel_comm_launch(2, tries, NULL, NULL));
}

/* ---- What goes wrong -------------------------------------------------------------------------------------------- */

/* In what way rank 0, the root of a broadcast, or rank 1, which reads from it, is bad. */
enum { GONE, UNMAPPED, READER, REFUSED, AT_RANDOM };

typedef struct trial {
    int way;
    uint32_t after_us;
    _Atomic uint32_t right; /* ranks whose call ended as it should */
} trial;

static oriel_status meet_and_die(oriel_comm *comm, oriel_offer offer)
{
    comm->calls++;
    oriel_next_line(comm)->offer = offer;
    must(oriel_meet(comm, oriel_call_of(ORIEL_OP_BROADCAST, COUNT, PTO_U8, PTO_SUM, 0)));
    raise(SIGKILL);
    return ORIEL_OK;
}

/* The number of a process that there is no more. */
static pid_t nobody(void)
{
    pid_t process = fork();
    if (process == 0)
        _exit(0);
    waitpid(process, NULL, 0);
    return process;
}

static oriel_status be_bad(oriel_comm *comm, const trial *it, char *data)
{
    oriel_offer offer = {.kind = ORIEL_IN_PROCESS, .data = (uintptr_t)data, .process = getpid(), .thread = gettid()};
    if (it->way == GONE)
        offer.thread = nobody();
    if (it->way == UNMAPPED)
        offer.data = 4096;
    if (it->way != REFUSED)
        return meet_and_die(comm, offer);
    must(forbid());
    return oriel_broadcast(data, COUNT, PTO_U8, 0, comm);
}

static oriel_status until_it_fails(oriel_comm *comm, const trial *it, char *data)
{
    const struct itimerval timer = {.it_value = {.tv_usec = it->after_us}};
    if (oriel_comm_rank(comm) == 0)
        setitimer(ITIMER_REAL, &timer, NULL);
    oriel_status status = ORIEL_OK;
    while (status == ORIEL_OK)
        status = oriel_broadcast(data, COUNT, PTO_U8, 0, comm);
    return status;
}

static oriel_status go_wrong(oriel_comm *comm, void *context)
{
    trial *it = context;
    const uint32_t bad = it->way == READER || it->way == REFUSED ? 1 : 0;
    char *data = buffers(1 + RANKS);
    oriel_status status = agree(comm, data, data + COUNT);
    must_hold(status == ORIEL_OK || it->way == AT_RANDOM); /* rank 0 may be killed before its peer has left this call */
    must_hold(status != ORIEL_OK || comm->remote.may == ORIEL_REMOTE_ON);
    if (status == ORIEL_OK)
        status = it->way == AT_RANDOM           ? until_it_fails(comm, it, data)
                 : oriel_comm_rank(comm) == bad ? be_bad(comm, it, data)
                                                : oriel_broadcast(data, COUNT, PTO_U8, 0, comm);
    const oriel_status expected = it->way == REFUSED ? ORIEL_SYSTEM : ORIEL_RANK_DIED;
    const char *text = it->way == REFUSED ? "rank 1 read the memory of rank 0 in broadcast of 100000 u8 from rank 0 "
                                            "(call 2), which the system refused: Operation not permitted"
                       : it->way == AT_RANDOM ? "rank 0 was killed by signal 14"
                       : bad == 0             ? "rank 0 was killed by signal 9"
                                              : "rank 1 was killed by signal 9";
    must_hold(status == expected && strstr(oriel_last_error(), text));
    must_hold(oriel_barrier(comm) == ORIEL_STATE);
    atomic_fetch_add(&it->right, 1);
    free(data);
    return status;
}

static void try_it(int way, uint32_t after_us, uint32_t right)
{
    trial *it = mmap(NULL, sizeof *it, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(it != MAP_FAILED);
    *it = (trial){.way = way, .after_us = after_us};
    oriel_status status = oriel_comm_launch(2, go_wrong, it, NULL);
    assert_int_equal(status, way == REFUSED ? ORIEL_SYSTEM : ORIEL_RANK_DIED);
    if (it->right != right)
        fail_msg("way %d: %u ranks of %u ended as they should: %s", way, it->right, right, oriel_last_error());
    munmap(it, sizeof *it);
}

static void memory_of_the_dead(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    try_it(GONE, 0, 1);
    try_it(UNMAPPED, 0, 1);
}

static void a_reader_that_dies(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    try_it(READER, 0, 1);
}

static void killed_at_any_moment(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    for (int times = 0; times < 40; times++)
        try_it(AT_RANDOM, (uint32_t)oriel_random_below(&random, 2000) + 1, 1);
}

static void refused_later(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    try_it(REFUSED, 0, 2);
}

int main(void)
{
    setenv("ORIEL_SINGLE_COPY", "", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mixtures_in_processes),
        cmocka_unit_test(mixtures_in_threads),
        cmocka_unit_test(mixtures_without),
        cmocka_unit_test(parts_inherit),
        cmocka_unit_test(all_heed_what_one_may_not),
        cmocka_unit_test(all_heed_what_one_wants),
        cmocka_unit_test(other_words_are_refused),
        cmocka_unit_test(all_choose_the_quicker_way),
        cmocka_unit_test(a_trial_is_of_its_own_calls),
        cmocka_unit_test(memory_of_the_dead),
        cmocka_unit_test(a_reader_that_dies),
        cmocka_unit_test(killed_at_any_moment),
        cmocka_unit_test(refused_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
