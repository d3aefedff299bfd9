/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ends badly ends on every rank, with a message that says who, how, and in which call: a rank that is killed, exits, fails,
 * returns or never comes, and a call that differs, in each call that is collective; and which arguments are refused.
 */
#include "ranks.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "comm/team.h"

#define RANKS 3
#define BAD   1u /* the rank that does it */

/* What ranks write for the test to read; shared with forked ones. */
typedef struct board {
    _Atomic uint32_t ready; /* ranks that are past the good calls: what the bad one does must not end those */
    _Atomic uint32_t ended; /* ranks whose bad call has ended */
    struct {
        oriel_status status;
        char message[ORIEL_ERROR_BYTES];
    } rank[RANKS];
} board;

/* Beside the collectives that move data (test_kind): those on what a rank has. */
enum { SPLIT = TEST_KINDS, FREE, WINDOW_ALLOC, WINDOW_FREE, ALL_KINDS };

typedef struct trial {
    board *board;
    int kind;
    uint64_t count;
    int way; /* in which the bad rank is bad */
    bool window;
} trial;

enum { KILLED, EXITED, FAILED, RETURNED, LATE, OTHER_KIND, OTHER_COUNT, OTHER_TYPE, OTHER_ROOT, OTHER_OP };

static board *make_board(void)
{
    void *page = mmap(NULL, sizeof(board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(page != MAP_FAILED);
    return page;
}

static void wait_until(const _Atomic uint32_t *word, uint32_t value)
{
    while (atomic_load(word) < value)
        usleep(100);
}

/* What a rank has to call with. */
typedef struct means {
    oriel_comm *whole, *part; /* of all ranks, both */
    void *send, *recv, *window[2];
} means;

static oriel_status do_call(const test_call *call, means *with)
{
    oriel_comm *part;
    void *window;
    switch ((int)call->kind) {
    case SPLIT: return oriel_comm_split(with->whole, 0, 0, &part);
    case FREE: return oriel_comm_free(with->part);
    case WINDOW_ALLOC: return oriel_window_alloc(with->whole, call->count * 4, &window);
    case WINDOW_FREE: return oriel_window_free(with->whole, with->window[call->count % 2]);
    default: return test_do(call, with->send, with->recv, with->whole);
    }
}

/* What the bad rank does instead of its call; true: it makes a call all the same. */
static bool misbehave(int way, test_call *call)
{
    switch (way) {
    case KILLED: raise(SIGKILL); break;
    case EXITED: _exit(7);
    case OTHER_KIND: call->kind = call->kind == GATHER ? SCATTER : GATHER; break;
    case OTHER_COUNT: call->count++; break;
    case OTHER_TYPE: call->dtype = PTO_I32; break;
    case OTHER_ROOT: call->root = 1; break;
    case OTHER_OP: call->op = PTO_MAX; break;
    default: return false;
    }
    return true;
}

/* For the test to read; of a part's rank without its number in the launch, which is the same. */
static void report(const trial *it, uint32_t rank, oriel_status status)
{
    char *message = it->board->rank[rank].message, *from;
    snprintf(message, ORIEL_ERROR_BYTES, "%s", status ? oriel_last_error() : "");
    while ((from = strstr(message, " (rank ")) != NULL && strchr(from, ')'))
        memmove(from, strchr(from, ')') + 1, strlen(strchr(from, ')')));
    it->board->rank[rank].status = status;
    atomic_fetch_add(&it->board->ended, 1);
}

static bool has_root(int kind)
{
    return kind == BROADCAST || kind == REDUCE || kind == GATHER || kind == SCATTER;
}

static oriel_status one_bad_call(oriel_comm *comm, void *context)
{
    const trial *it = context;
    const uint32_t rank = oriel_comm_rank(comm);
    const uint64_t bytes = test_bytes(it->count + 1, PTO_F32, RANKS);
    means with = {.whole = comm, .send = malloc(bytes), .recv = malloc(bytes)};
    void *own[2] = {with.send, with.recv};
    must(oriel_comm_split(comm, 0, 0, &with.part));
    for (int i = 0; i < 2; i++)
        must(oriel_window_alloc(comm, bytes, &with.window[i]));
    if (it->kind == FREE)
        with.whole = with.part;
    if (it->window) {
        with.send = with.window[0];
        with.recv = with.window[1];
    }
    memset(with.send, 0, bytes);
    test_call call = {.kind = (test_kind)it->kind, .dtype = PTO_F32, .count = it->count};
    for (int warm = 0; warm < 3 && it->kind < TEST_KINDS; warm++)
        must(do_call(&call, &with));
    atomic_fetch_add(&it->board->ready, 1);
    if (rank == BAD)
        wait_until(&it->board->ready, RANKS);
    /* Rank 0 waits for the bad one before it waits for anybody else. It alone gives up, so that no load changes who says what. */
    if (it->way == LATE)
        with.whole->timeout_s = rank == 0 ? 0.02 : -1;
    oriel_status status = ORIEL_OK;
    if (rank != BAD || misbehave(it->way, &call))
        status = do_call(&call, &with);
    else if (it->way == FAILED)
        status = oriel_fail(ORIEL_WRONG, "it had enough");
    else if (it->way == LATE) {
        wait_until(&it->board->ended, RANKS - 1);
        status = do_call(&call, &with);
    }
    /* Who takes nothing in a short call that has a root does not wait in it: its next call says what was wrong. */
    if (status == ORIEL_OK && it->count == 1 && has_root(call.kind) && !(rank == BAD && it->way == RETURNED))
        status = oriel_barrier(with.whole);
    report(it, rank, status);
    free(own[0]);
    free(own[1]);
    return status;
}

static const char *kind_name(int kind)
{
    static const char *const names[] = {"split", "free", "window alloc", "window free"};
    return kind < TEST_KINDS ? test_kind_names[kind] : names[kind - TEST_KINDS];
}

/* Every rank but a dead one ended with `status` and a message that has `text`. */
static void every_rank_says(const trial *it, oriel_status status, const char *text, bool bad_too)
{
    for (uint32_t rank = 0; rank < RANKS; rank++) {
        if (rank == BAD && !bad_too)
            continue;
        if (it->board->rank[rank].status != status || !strstr(it->board->rank[rank].message, text))
            fail_msg("%s: rank %u ended with \"%s\": %s, expected \"%s\": %s", kind_name(it->kind), rank,
                     oriel_status_name(it->board->rank[rank].status), it->board->rank[rank].message,
                     oriel_status_name(status), text);
    }
}

static const uint64_t counts[] = {1, 5000, 200000}; /* in a line, staged, in pieces */

/* Whether a call of this kind has in it what this way changes. */
static bool makes_sense(int way, int kind)
{
    switch (way) {
    case OTHER_COUNT: return kind != BARRIER && kind != SPLIT && kind != FREE;
    case OTHER_TYPE: return kind != BARRIER && kind < TEST_KINDS;
    case OTHER_ROOT: return has_root(kind);
    case OTHER_OP: return test_reduces((test_kind)kind);
    default: return true;
    }
}

/* Runs `way` in every collective call, on every path, as processes or threads. */
static void in_every_call(int way, bool threads, oriel_status status, const char *text, oriel_status of_launch,
                          const char *launch_text, bool bad_too)
{
    if (UNDER_TSAN && !threads)
        skip();
    board *shared = make_board();
    const int ways = 2 * (int)(sizeof counts / sizeof counts[0]);
    for (int kind = 0; kind < ALL_KINDS; kind++)
        for (int i = 0; i <= ways && makes_sense(way, kind); i++) {
            const bool kernels = i == ways, has_data = kind < TEST_KINDS && kind != BARRIER;
            if (i > 0 && !has_data)
                break;
            trial it = {
                .board = shared, .kind = kind, .count = counts[kernels ? 1 : i / 2], .way = way, .window = i % 2};
            memset(shared, 0, sizeof *shared);
            oriel_comm_options options = {
                .threads = threads, .timeout_s = 60, .algorithm = kernels ? "one-phase" : NULL};
            assert_fails(oriel_comm_launch(RANKS, one_bad_call, &it, &options), of_launch, launch_text);
            every_rank_says(&it, status, text, bad_too);
        }
    munmap(shared, sizeof *shared);
}

static void a_killed_rank(void **state)
{
    (void)state;
    in_every_call(KILLED, false, ORIEL_RANK_DIED, "rank 1 was killed by signal 9", ORIEL_RANK_DIED, "waited for rank",
                  false);
}

static void a_rank_that_exits(void **state)
{
    (void)state;
    in_every_call(EXITED, false, ORIEL_RANK_DIED, "rank 1 left its process with exit code 7", ORIEL_RANK_DIED,
                  "rank 1 left", false);
}

static void a_rank_that_fails(void **state)
{
    (void)state;
    in_every_call(FAILED, true, ORIEL_ABORTED, "rank 1: it had enough", ORIEL_WRONG, "rank 1: it had enough", false);
}

static void a_rank_that_returns(void **state)
{
    (void)state;
    in_every_call(RETURNED, true, ORIEL_STATE, "which has returned from its function", ORIEL_STATE, "rank 1", false);
}

/* It comes when the others have given up: it finds all that they published, and yet its call ends as theirs did. */
static void a_rank_that_does_not_come(void **state)
{
    (void)state;
    in_every_call(LATE, true, ORIEL_TIMEOUT, "rank 0 waited for rank 1", ORIEL_TIMEOUT, "did not come in 0.02 s", true);
}

/* ---- Whoever is given up on in the middle of a call -------------------------------------------------------------- */

#define GIVEN_UP_BYTES 65536

static board *given_up_board;
static char *given_up_data;

/* The receiver stands still where it first writes, until the sender has its buffer back. */
static void stand_still(int signal)
{
    (void)signal;
    wait_until(&given_up_board->ended, 1);
    mprotect(given_up_data, GIVEN_UP_BYTES, PROT_READ | PROT_WRITE);
}

static oriel_status given_up(oriel_comm *comm, void *context)
{
    (void)context;
    void *window;
    const test_call call = {.kind = BROADCAST, .dtype = PTO_U8, .count = GIVEN_UP_BYTES};
    must(oriel_window_alloc(comm, GIVEN_UP_BYTES, &window));
    must(test_do(&call, window, given_up_data, comm));
    if (oriel_comm_rank(comm) == 0) {
        const oriel_line *its = oriel_line_of(&comm->team->seat[1], comm->generation + 1);
        while ((uint32_t)atomic_load(&its->head) != comm->generation + 1)
            usleep(100);
        comm->timeout_s = 0.02;
        must_fail(test_do(&call, window, NULL, comm), ORIEL_TIMEOUT, "rank 0 waited for rank 1");
        memset(window, 1, GIVEN_UP_BYTES);
        atomic_store(&given_up_board->ended, 1);
    } else {
        signal(SIGSEGV, stand_still);
        mprotect(given_up_data, GIVEN_UP_BYTES, PROT_NONE);
        must_fail(test_do(&call, NULL, given_up_data, comm), ORIEL_TIMEOUT, "rank 0 waited for rank 1");
        must_hold(atomic_load(&given_up_board->ended) == 1);
    }
    return ORIEL_OK;
}

/* It reads what is no longer the data, and its call does not say that all is well. */
static void a_reader_that_is_given_up_on(void **state)
{
    (void)state;
    if (UNDER_TSAN)
        skip();
    given_up_board = make_board();
    given_up_data = mmap(NULL, GIVEN_UP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(given_up_data != MAP_FAILED);
    assert_ok(oriel_comm_launch(2, given_up, NULL, NULL));
    munmap(given_up_data, GIVEN_UP_BYTES);
    munmap(given_up_board, sizeof *given_up_board);
}

/* ---- Calls that differ ------------------------------------------------------------------------------------------- */

static void calls_that_differ(void **state)
{
    (void)state;
    for (int way = OTHER_KIND; way <= OTHER_OP; way++)
        in_every_call(way, true, ORIEL_INVALID, "rank 1 calls", ORIEL_INVALID, "calls differ", true);
}

static void calls_that_differ_in_processes(void **state)
{
    (void)state;
    for (int way = OTHER_KIND; way <= OTHER_OP; way++)
        in_every_call(way, false, ORIEL_INVALID, "rank 1 calls", ORIEL_INVALID, "calls differ", true);
}

/* Both views, word for word, of who waits; and in the next call of who does not. */
static oriel_status two_views(oriel_comm *comm, void *context)
{
    (void)context;
    float data[8] = {0}, out[8];
    if (oriel_comm_rank(comm) == 0)
        must_fail(
            oriel_broadcast(data, 7, PTO_F32, 1, comm), ORIEL_INVALID,
            "calls differ: rank 0 calls broadcast of 7 f32 from rank 1, rank 1 calls reduce of 8 f32, max to rank 0");
    else {
        must(oriel_reduce(data, out, 8, PTO_F32, PTO_MAX, 0, comm)); /* takes nothing: does not wait */
        must_fail(oriel_barrier(comm), ORIEL_INVALID, "rank 0 calls broadcast of 7 f32 from rank 1");
    }
    must_fail(oriel_barrier(comm), ORIEL_STATE, "the communicator is broken: calls differ: ");
    return ORIEL_OK;
}

/* One asks for what cannot be, and the other for something else. */
static oriel_status two_sizes(oriel_comm *comm, void *context)
{
    (void)context;
    void *window;
    const uint64_t bytes = oriel_comm_rank(comm) ? 4096 : UINT64_MAX;
    must_fail(oriel_window_alloc(comm, bytes, &window), ORIEL_INVALID, "calls window alloc of 18446744073709551615 B");
    return ORIEL_OK;
}

static void both_views_are_told(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_ok(oriel_comm_launch(2, two_views, NULL, &(oriel_comm_options){.threads = true}));
    assert_ok(oriel_comm_launch(2, two_sizes, NULL, &(oriel_comm_options){.threads = true}));
}

/* ---- Parts ------------------------------------------------------------------------------------------------------ */

/* A failure in a part leaves the whole as it was; the names in it are those of both. */
static oriel_status broken_part(oriel_comm *comm, void *context)
{
    (void)context;
    const uint32_t rank = oriel_comm_rank(comm);
    oriel_comm *part;
    float data[8] = {0}, sum[8];
    must(oriel_comm_split(comm, (int32_t)(rank % 2), 0, &part));
    if (rank % 2) /* ranks 1 and 3 disagree */
        must_fail(oriel_allreduce(data, sum, rank, PTO_F32, PTO_SUM, part), ORIEL_INVALID, "of the launch)");
    else
        must(oriel_allreduce(data, sum, 8, PTO_F32, PTO_SUM, part));
    must(oriel_barrier(comm));
    must(oriel_comm_free(part));
    must(oriel_barrier(comm));
    return ORIEL_OK;
}

static void a_broken_part_leaves_the_whole(void **state)
{
    (void)state;
    assert_ok(oriel_comm_launch(4, broken_part, NULL, &(oriel_comm_options){.threads = true}));
}

/* ---- Arguments -------------------------------------------------------------------------------------------------- */

/* Nothing of a call that is refused is sent, so that the next is met as if there had been none. */
static oriel_status bad_arguments(oriel_comm *comm, void *context)
{
    (void)context;
    float send[8] = {0}, recv[32];
    oriel_comm *part;
    void *window, *again;
    must_fail(oriel_broadcast(send, 1, PTO_F32, 2, comm), ORIEL_INVALID, "root 2 of 2 ranks");
    must_fail(oriel_allreduce(send, recv, 1, PTO_DTYPE_COUNT, PTO_SUM, comm), ORIEL_INVALID, "no type 10");
    must_fail(oriel_allreduce(send, recv, 1, PTO_F32, PTO_REDUCE_COUNT, comm), ORIEL_INVALID, "no reduction 7");
    must_fail(oriel_allreduce(send, recv, 1, PTO_F32, PTO_AND, comm), ORIEL_INVALID,
              "reduction and does not take type f32: it takes i8 u8 i16 u16 i32 u32 i64");
    must_fail(oriel_reduce(send, recv, 1, PTO_F16, PTO_OR, 0, comm), ORIEL_INVALID, "or does not take type f16");
    must_fail(oriel_reduce_scatter(send, recv, 1, PTO_BF16, PTO_XOR, comm), ORIEL_INVALID,
              "xor does not take type bf16");
    must_fail(oriel_allreduce(NULL, recv, 1, PTO_F32, PTO_SUM, comm), ORIEL_INVALID, "the send buffer is NULL");
    must_fail(oriel_allreduce(send, NULL, 1, PTO_F32, PTO_SUM, comm), ORIEL_INVALID, "the receive buffer is NULL");
    must_fail(oriel_allreduce((char *)send + 1, recv, 1, PTO_F32, PTO_SUM, comm), ORIEL_INVALID, "not aligned");
    must_fail(oriel_barrier(NULL), ORIEL_INVALID, "no communicator");
    must_fail(oriel_window_alloc(NULL, 8, &window), ORIEL_INVALID, "no communicator");
    must_fail(oriel_window_alloc(comm, 8, NULL), ORIEL_INVALID, "no place for the address");
    must_fail(oriel_comm_split(NULL, 0, 0, &part), ORIEL_INVALID, "no communicator");
    must_fail(oriel_comm_split(comm, 0, 0, NULL), ORIEL_INVALID, "no place for the part");
    must_fail(oriel_comm_split(comm, -2, 0, &part), ORIEL_INVALID, "color -2");
    must_fail(oriel_comm_free(comm), ORIEL_INVALID, "freed by the launch");
    must_fail(oriel_window_free(comm, send), ORIEL_INVALID, "not the start of a window");
    must(oriel_window_alloc(comm, 8, &window));
    must(oriel_comm_split(comm, 0, 0, &part));
    must_fail(oriel_window_free(part, window), ORIEL_INVALID, "not the start of a window of this communicator");
    must(oriel_window_alloc(part, 8, &again));
    must(oriel_window_free(comm, window));
    must_fail(oriel_window_free(comm, window), ORIEL_INVALID, "not the start of a window of this communicator");
    must(oriel_comm_free(part));
    must(oriel_comm_free(NULL));
    must(oriel_window_free(comm, NULL));
    must(oriel_allreduce(NULL, NULL, 0, PTO_F32, PTO_SUM, comm));
    return ORIEL_OK;
}

/* More elements than there can be, and, where there can be that many, no sum that wraps. */
static oriel_status too_many(oriel_comm *comm, void *context)
{
    (void)context;
    double data[4], other[4];
    for (int kind = BROADCAST; kind < TEST_KINDS; kind++)
        for (int i = 0; i < 4; i++) {
            uint64_t count = (uint64_t[]){UINT64_MAX, UINT64_MAX / 8, INT64_MAX, INT64_MAX / 16 + 1}[i];
            test_call call = {.kind = (test_kind)kind, .dtype = i % 2 ? PTO_I8 : PTO_I64, .count = count};
            must_fail(test_do(&call, data, other, comm), ORIEL_INVALID, "more than there can be");
        }
    return oriel_barrier(comm);
}

/* Where in place has no meaning, it is a pointer like another, and a bad one. */
static oriel_status out_of_place(oriel_comm *comm, void *context)
{
    (void)context;
    const char *no = "cannot be in place here";
    void *in = ORIEL_IN_PLACE;
    float send[8] = {0}, recv[8];
    must_fail(oriel_broadcast(in, 1, PTO_F32, 0, comm), ORIEL_INVALID, no);
    must_fail(oriel_allreduce(send, in, 1, PTO_F32, PTO_SUM, comm), ORIEL_INVALID, no);
    must_fail(oriel_allreduce(in, in, 1, PTO_F32, PTO_SUM, comm), ORIEL_INVALID, no);
    must_fail(oriel_reduce_scatter(send, in, 1, PTO_F32, PTO_SUM, comm), ORIEL_INVALID, no);
    must_fail(oriel_allgather(send, in, 1, PTO_F32, comm), ORIEL_INVALID, no);
    must_fail(oriel_alltoall(send, in, 1, PTO_F32, comm), ORIEL_INVALID, no);
    if (oriel_comm_rank(comm) == 0) {
        must_fail(oriel_reduce(send, in, 1, PTO_F32, PTO_SUM, 0, comm), ORIEL_INVALID, no);
        must_fail(oriel_gather(send, in, 1, PTO_F32, 0, comm), ORIEL_INVALID, no);
        must_fail(oriel_scatter(in, recv, 1, PTO_F32, 0, comm), ORIEL_INVALID, no);
    } else {
        must_fail(oriel_reduce(in, recv, 1, PTO_F32, PTO_SUM, 0, comm), ORIEL_INVALID, no);
        must_fail(oriel_gather(in, recv, 1, PTO_F32, 0, comm), ORIEL_INVALID, no);
        must_fail(oriel_scatter(send, in, 1, PTO_F32, 0, comm), ORIEL_INVALID, no);
    }
    return oriel_barrier(comm);
}

/* Buffers that overlap by one element, at either end, and those that touch. Rank 0 is the root. */
static oriel_status overlapping(oriel_comm *comm, void *context)
{
    (void)context;
    float data[64] = {0};
    const bool root = oriel_comm_rank(comm) == 0;
    for (int kind = REDUCE; kind < TEST_KINDS; kind++) {
        const bool each = kind == REDUCE_SCATTER || kind == ALLTOALL || kind == SCATTER;
        const bool from_each = kind == ALLGATHER || kind == ALLTOALL || kind == GATHER;
        const uint64_t count = 5, sent = each ? 10 : 5, received = from_each ? 10 : 5;
        test_call call = {.kind = (test_kind)kind, .dtype = PTO_F32, .count = count};
        if (root || (kind != REDUCE && kind != GATHER && kind != SCATTER)) {
            must_fail(test_do(&call, data, data + sent - 1, comm), ORIEL_INVALID, "overlap");
            must_fail(test_do(&call, data + received - 1, data, comm), ORIEL_INVALID, "overlap");
            must_fail(test_do(&call, data, data, comm), ORIEL_INVALID, "overlap");
        }
        must(test_do(&call, data, data + sent, comm));
        must(test_do(&call, data + received, data, comm));
    }
    return oriel_barrier(comm);
}

static void arguments_are_refused(void **state)
{
    (void)state;
    const oriel_rank_fn tries[] = {bad_arguments, too_many, out_of_place, overlapping};
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++)
        assert_ok(oriel_comm_launch(2, tries[i], NULL, &(oriel_comm_options){.threads = true}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_rank),
        cmocka_unit_test(a_rank_that_exits),
        cmocka_unit_test(a_rank_that_fails),
        cmocka_unit_test(a_rank_that_returns),
        cmocka_unit_test(a_rank_that_does_not_come),
        cmocka_unit_test(a_reader_that_is_given_up_on),
        cmocka_unit_test(calls_that_differ),
        cmocka_unit_test(calls_that_differ_in_processes),
        cmocka_unit_test(both_views_are_told),
        cmocka_unit_test(a_broken_part_leaves_the_whole),
        cmocka_unit_test(arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
