/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranks that nobody launched, as the tests of them start them: as processes or threads, at a path or a descriptor; what they
 * work, and how they ended.
 */
#ifndef ORIEL_TESTS_COMM_MEMBERS_H
#define ORIEL_TESTS_COMM_MEMBERS_H

#include "ranks.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

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

static inline member *make_members(uint32_t count, const char *path, int descriptor)
{
    member *all = mmap(NULL, MOST * sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(all != MAP_FAILED);
    for (uint32_t i = 0; i < count; i++)
        all[i] = (member){.where = {.rank = i, .ranks = count, .path = path, .descriptor = descriptor},
                          .options = {.timeout_s = 20, .reserve_bytes = 1 << 28}};
    return all;
}

static inline void drop_members(member *all)
{
    munmap(all, MOST * sizeof *all);
}

static inline oriel_status be_member(member *it)
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

static inline void *live(void *context)
{
    member *it = context;
    oriel_error_clear();
    it->status = be_member(it);
    oriel_error_copy(it->message, sizeof it->message);
    return NULL;
}

static inline pid_t start(member *it)
{
    pid_t process = fork();
    assert_true(process >= 0);
    if (process == 0) {
        live(it);
        _exit(0);
    }
    return process;
}

static inline void run(member *all, uint32_t count, bool threads)
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

static inline void says(const member *all, uint32_t index, oriel_status status, const char *text)
{
    if (all[index].status != status || !strstr(all[index].message, text))
        fail_msg("member %u ended with \"%s\": %s, expected \"%s\": %s", index, oriel_status_name(all[index].status),
                 all[index].message, oriel_status_name(status), text);
}

/*
 * The same, of who came in time. At a path, who comes when the others have given up finds nobody, and waits for rank 0 until
 * its deadline.
 */
static inline void says_unless_late(const member *all, uint32_t index, oriel_status status, const char *text)
{
    if (all[index].where.path && all[index].where.rank > 0 && all[index].status == ORIEL_TIMEOUT)
        says(all, index, ORIEL_TIMEOUT, "rank 0 has not come");
    else
        says(all, index, status, text);
}

static inline void all_say(const member *all, uint32_t count, oriel_status status, const char *text)
{
    for (uint32_t i = 0; i < count; i++)
        says(all, i, status, text);
}

/* Every form: processes and threads (TSan knows no processes), path and descriptor. */
typedef struct form {
    bool threads, by_path;
    int descriptor;
} form;

static inline bool next_form(form *it, uint32_t *index, uint32_t ranks)
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

static inline member *members_of(const form *it, uint32_t ranks)
{
    return make_members(ranks, it->by_path ? here : NULL, it->descriptor);
}

/* Some of everything: small, staged, windows, kernels, parts. Values that each rank can work out. */
static inline oriel_status some_of_everything(oriel_comm *comm, void *context)
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

/* Of the whole group of tests. */
static inline int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(here, sizeof here, "%s/here", folder);
    return 0;
}

static inline int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

#endif
