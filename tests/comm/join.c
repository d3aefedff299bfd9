/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranks that nobody launched: they come together at a path or a descriptor, as processes or threads, and work as those that were
 * launched do; whoever comes wrongly, not at all, or dies at any moment, is named to all; nothing is left behind.
 */
#include "ranks.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "comm/crew.h"
#include "comm/team.h"

#define MOST 8

typedef oriel_status (*work_fn)(oriel_comm *comm, void *context);

/* What a rank is to do, and how it went; in memory that forked ones share. */
typedef struct member {
    oriel_rendezvous where;
    oriel_comm_options options;
    work_fn work;
    void *context;
    const char *algorithm; /* in its environment */
    uint32_t late_us;      /* comes so much later */
    _Atomic uint32_t started;
    oriel_status status;
    char message[ORIEL_ERROR_BYTES];
} member;

static char folder[] = "/tmp/oriel-join-XXXXXX", here[128];

static member *make_members(uint32_t count, const char *path, int descriptor)
{
    member *all = mmap(NULL, MOST * sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(all != MAP_FAILED);
    for (uint32_t i = 0; i < count; i++)
        all[i] = (member){.where = {.rank = i, .ranks = count, .path = path, .descriptor = descriptor},
                          .options = {.timeout_s = 20, .reserve_bytes = 1 << 28}};
    return all;
}

static void drop_members(member *all)
{
    munmap(all, MOST * sizeof *all);
}

static oriel_status be_member(member *it)
{
    oriel_comm *comm = NULL;
    usleep(it->late_us);
    if (it->algorithm)
        setenv("ORIEL_ALGORITHM", it->algorithm, 1);
    atomic_store(&it->started, 1);
    must(oriel_comm_create(&it->where, &it->options, &comm));
    oriel_status status = it->work ? it->work(comm, it->context) : ORIEL_OK;
    if (status == ORIEL_OK)
        return oriel_comm_free(comm);
    char message[ORIEL_ERROR_BYTES];
    oriel_error_copy(message, sizeof message);
    oriel_comm_free(comm); /* at once */
    return oriel_fail(status, "%s", message);
}

static void *live(void *context)
{
    member *it = context;
    oriel_error_clear();
    it->status = be_member(it);
    oriel_error_copy(it->message, sizeof it->message);
    return NULL;
}

static pid_t start(member *it)
{
    pid_t process = fork();
    assert_true(process >= 0);
    if (process == 0) {
        live(it);
        _exit(0);
    }
    return process;
}

static void run(member *all, uint32_t count, bool threads)
{
    pthread_t thread[MOST];
    for (uint32_t i = 0; i < count; i++)
        if (threads)
            assert_int_equal(pthread_create(&thread[i], NULL, live, &all[i]), 0);
        else
            start(&all[i]);
    for (uint32_t i = 0; i < count; i++)
        if (threads)
            pthread_join(thread[i], NULL);
        else
            assert_true(wait(NULL) > 0);
}

static void says(const member *all, uint32_t index, oriel_status status, const char *text)
{
    if (all[index].status != status || !strstr(all[index].message, text))
        fail_msg("member %u ended with \"%s\": %s, expected \"%s\": %s", index, oriel_status_name(all[index].status),
                 all[index].message, oriel_status_name(status), text);
}

/*
 * The same, of who came in time. At a path, who comes when the others have given up finds nobody, and waits for rank 0 until
 * its deadline.
 */
static void says_unless_late(const member *all, uint32_t index, oriel_status status, const char *text)
{
    if (all[index].where.path && all[index].where.rank > 0 && all[index].status == ORIEL_TIMEOUT)
        says(all, index, ORIEL_TIMEOUT, "rank 0 has not come");
    else
        says(all, index, status, text);
}

static void all_say(const member *all, uint32_t count, oriel_status status, const char *text)
{
    for (uint32_t i = 0; i < count; i++)
        says(all, i, status, text);
}

/* Every form: processes and threads (TSan knows no processes), path and descriptor. */
typedef struct form {
    bool threads, by_path;
    int descriptor;
} form;

static bool next_form(form *it, uint32_t *index, uint32_t ranks)
{
    if (*index > 0 && !it->by_path)
        close(it->descriptor);
    while (UNDER_TSAN && *index < 2)
        ++*index;
    if (*index == 4)
        return false;
    *it = (form){.threads = *index >= 2, .by_path = *index % 2, .descriptor = -1};
    if (!it->by_path)
        assert_ok(oriel_rendezvous_open(ranks, 1 << 28, &it->descriptor));
    ++*index;
    return true;
}

static member *members_of(const form *it, uint32_t ranks)
{
    return make_members(ranks, it->by_path ? here : NULL, it->descriptor);
}

/* ---- Right ------------------------------------------------------------------------------------------------------ */

/* Some of everything: small, staged, windows, kernels, parts. Values that each rank can work out. */
static oriel_status some_of_everything(oriel_comm *comm, void *context)
{
    (void)context;
    const uint32_t rank = oriel_comm_rank(comm), ranks = oriel_comm_size(comm);
    static const uint64_t counts[] = {1, 3000, 100000};
    for (uint32_t i = 0; i < 3; i++)
        for (uint32_t window = 0; window < 2; window++) {
            const uint64_t count = counts[i];
            float *own = malloc(count * sizeof *own), *send = own, *recv = malloc(count * sizeof *recv);
            void *from = NULL;
            if (window)
                must(oriel_window_alloc(comm, count * sizeof *send, &from));
            send = window ? from : own;
            for (uint64_t k = 0; k < count; k++)
                send[k] = (float)(k % 100 + rank);
            must(oriel_allreduce(send, recv, count, PTO_F32, PTO_SUM, comm));
            for (uint64_t k = 0; k < count; k++)
                must_hold(recv[k] == (float)(k % 100 * ranks + ranks * (ranks - 1) / 2));
            must(oriel_window_free(comm, from));
            free(own);
            free(recv);
        }
    oriel_comm *part;
    uint32_t sum = 0;
    must(oriel_comm_split(comm, (int32_t)(rank % 2), 0, &part));
    must(oriel_allreduce(&rank, &sum, 1, PTO_U32, PTO_MAX, part));
    must_hold(sum % 2 == rank % 2 && sum + 2 >= ranks);
    must(oriel_barrier(comm)); /* the part is freed with the whole */
    return ORIEL_OK;
}

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

/* ---- Deaths ----------------------------------------------------------------------------------------------------- */

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

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(here, sizeof here, "%s/here", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_come_together),
        cmocka_unit_test(a_file_and_a_long_or_other_spelling_do_not_matter),
        cmocka_unit_test(jobs_follow_one_another_at_one_path),
        cmocka_unit_test(those_that_are_late_are_waited_for),
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
        cmocka_unit_test(a_rank_that_exits_is_told_with_its_code),
        cmocka_unit_test(a_code_that_is_not_shown_is_not_told),
        cmocka_unit_test(a_child_is_not_taken_for_the_rank),
        cmocka_unit_test(a_rank_killed_at_any_moment),
        cmocka_unit_test(a_job_of_which_nobody_is_left),
    };
    return cmocka_run_group_tests_name("comm/join", tests, make_folder, remove_folder);
}
