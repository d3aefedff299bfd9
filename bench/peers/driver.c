/* SPDX-License-Identifier: Apache-2.0 */
/* What all drivers share: the loop that is timed, the data and what must come of it, commands and answers. */
#include "driver.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PAGE        4096
#define LINE        64
#define MOST_RANKS  (PAGE / LINE)
#define PATIENCE_NS INT64_C(60000000000)

static const char *const operations[DRIVER_OPERATIONS] = {"barrier",        "broadcast", "reduce",   "allreduce",
                                                          "reduce_scatter", "allgather", "alltoall", "gather",
                                                          "scatter",        "memcpy"};
static const char *const memories[DRIVER_MEMORIES] = {"ordinary", "symmetric"};

/* Where a rank says how often it has met the others; a page of these, one for each rank. */
typedef union meeting_line {
    uint32_t count;
    char line[LINE];
} meeting_line;

typedef struct session {
    driver *it;
    meeting_line *lines;
    FILE *in, *out;
} session;

static void fail(const driver *it, const char *what)
{
    fprintf(stderr, "rank %d: ", it->rank);
    perror(what);
    exit(1);
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

void driver_parse(driver *it, int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: %s FOLDER RANKS BYTES (scripts/bench_peers.py runs it)\n", argv[0]);
        exit(2);
    }
    it->folder = argv[1];
    it->ranks = atoi(argv[2]);
    it->most = strtoull(argv[3], NULL, 10);
}

void driver_bind(int rank)
{
    cpu_set_t all, one;
    if (sched_getaffinity(0, sizeof all, &all) != 0)
        return;
    int wanted = rank % CPU_COUNT(&all);
    for (int processor = 0; processor < CPU_SETSIZE; processor++)
        if (CPU_ISSET(processor, &all) && wanted-- == 0) {
            CPU_ZERO(&one);
            CPU_SET(processor, &one);
            sched_setaffinity(0, sizeof one, &one);
            return;
        }
}

/* ---- Data ------------------------------------------------------------------------------------------------------- */

/* 0 to 63, so that sums are exact; blocks at any distance differ. */
static float value(int rank, size_t i)
{
    return (float)(((uint32_t)i * 0x9E3779B1u + (uint32_t)rank * 0x85EBCA77u) >> 26);
}

static float sum(int ranks, size_t i)
{
    float all = 0;
    for (int rank = 0; rank < ranks; rank++)
        all += value(rank, i);
    return all;
}

/* Elements of `recv` on this rank after a call. */
static size_t results(const driver *it, const driver_call *call)
{
    switch (call->operation) {
    case DRIVER_BARRIER: return 0;
    case DRIVER_REDUCE:
    case DRIVER_GATHER: return it->rank == 0 ? call->all : 0;
    case DRIVER_REDUCE_SCATTER:
    case DRIVER_SCATTER: return call->part;
    default: return call->all;
    }
}

static float expected(const driver *it, const driver_call *call, size_t i)
{
    const size_t part = call->part, mine = (size_t)it->rank * part;
    switch (call->operation) {
    case DRIVER_BROADCAST: return value(0, i);
    case DRIVER_REDUCE:
    case DRIVER_ALLREDUCE: return sum(it->ranks, i);
    case DRIVER_REDUCE_SCATTER: return sum(it->ranks, mine + i);
    case DRIVER_ALLTOALL: return value((int)(i / part), mine + i % part);
    case DRIVER_SCATTER: return value(0, mine + i);
    case DRIVER_MEMCPY: return value((it->rank + 1) % it->ranks, i);
    default: return value((int)(i / part), i % part);
    }
}

static void fill(const driver *it, const driver_call *call)
{
    for (size_t i = 0; i < call->all; i++) {
        call->send[i] = value(it->rank, i);
        call->recv[i] = call->operation == DRIVER_BROADCAST && it->rank == 0 ? value(0, i) : -1;
    }
}

/* ---- Commands --------------------------------------------------------------------------------------------------- */

/*
 * All ranks leave together. The library's own barrier comes first: what a rank has still to do for earlier calls is
 * done in the library, and MPI need not do it while the rank is elsewhere.
 */
static void meet(const session *ours)
{
    static const driver_call barrier = {.operation = DRIVER_BARRIER};
    driver *it = ours->it;
    it->call(it, &barrier);
    const uint32_t count = __atomic_add_fetch(&ours->lines[it->rank].count, 1, __ATOMIC_ACQ_REL);
    const int64_t deadline = now() + PATIENCE_NS;
    for (int rank = 0; rank < it->ranks; rank++)
        while ((int32_t)(__atomic_load_n(&ours->lines[rank].count, __ATOMIC_ACQUIRE) - count) < 0) {
            if (now() > deadline) {
                fprintf(stderr, "rank %d: rank %d did not come\n", it->rank, rank);
                exit(1);
            }
            sched_yield();
        }
}

static void run(const session *ours, const driver_call *call, uint64_t times)
{
    driver *it = ours->it;
    if (it->prepare)
        it->prepare(it, call);
    meet(ours);
    const int64_t start = now();
    for (uint64_t i = 0; i < times; i++)
        it->call(it, call);
    const int64_t end = now();
    meet(ours);
    fprintf(ours->out, "%" PRId64 " %" PRId64 "\n", start, end);
}

static void check(const session *ours, const driver_call *call)
{
    driver *it = ours->it;
    fill(it, call);
    if (it->prepare)
        it->prepare(it, call);
    meet(ours);
    it->call(it, call);
    meet(ours);
    for (size_t i = 0; i < results(it, call); i++)
        if (call->recv[i] != expected(it, call, i)) {
            fprintf(ours->out, "element %zu of rank %d is %g, and must be %g\n", i, it->rank, (double)call->recv[i],
                    (double)expected(it, call, i));
            return;
        }
    fprintf(ours->out, "right\n");
}

static int find(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    fprintf(stderr, "no \"%s\"\n", name);
    exit(2);
}

static void obey(const session *ours, const char *line)
{
    driver *it = ours->it;
    char verb[16], operation[32], memory[16];
    uint64_t bytes, times = 1;
    if (sscanf(line, "%15s %31s %15s %" SCNu64 " %" SCNu64, verb, operation, memory, &bytes, &times) < 4 ||
        bytes > it->most) {
        fprintf(stderr, "cannot do: %s", line);
        exit(2);
    }
    const int where = find(memories, DRIVER_MEMORIES, memory);
    const size_t all = bytes / sizeof(float);
    const driver_call call = {.operation = (driver_operation)find(operations, DRIVER_OPERATIONS, operation),
                              .bytes = bytes,
                              .all = all,
                              .part = all / (size_t)it->ranks,
                              .send = it->send[where],
                              .recv = it->recv[where]};
    if (strcmp(verb, "check") == 0)
        check(ours, &call);
    else
        run(ours, &call, times);
    fflush(ours->out);
}

/* ---- A rank ----------------------------------------------------------------------------------------------------- */

static void connect_to(session *ours)
{
    driver *it = ours->it;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fits = snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", it->folder);
    const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fits >= (int)sizeof address.sun_path || descriptor < 0 ||
        connect(descriptor, (const struct sockaddr *)&address, sizeof address) != 0)
        fail(it, "socket");
    ours->in = fdopen(descriptor, "r");
    ours->out = fdopen(dup(descriptor), "w");
    if (!ours->in || !ours->out)
        fail(it, "socket");
}

static void map_page(session *ours)
{
    driver *it = ours->it;
    char path[4096];
    snprintf(path, sizeof path, "%s/page", it->folder);
    const int descriptor = open(path, O_RDWR | O_CLOEXEC);
    void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (descriptor < 0 || page == MAP_FAILED || it->ranks > MOST_RANKS)
        fail(it, "page");
    ours->lines = (meeting_line *)page;
}

void driver_serve(driver *it)
{
    session ours = {.it = it};
    char line[256];
    map_page(&ours);
    it->send[DRIVER_ORDINARY] = aligned_alloc(PAGE, (it->most + PAGE - 1) / PAGE * PAGE);
    it->recv[DRIVER_ORDINARY] = aligned_alloc(PAGE, (it->most + PAGE - 1) / PAGE * PAGE);
    if (!it->send[DRIVER_ORDINARY] || !it->recv[DRIVER_ORDINARY])
        fail(it, "buffers");
    connect_to(&ours);
    fprintf(ours.out, "%d %s\n", it->rank, it->version);
    fflush(ours.out);
    while (fgets(line, sizeof line, ours.in))
        obey(&ours, line);
    fclose(ours.in);
    fclose(ours.out);
    free(it->send[DRIVER_ORDINARY]);
    free(it->recv[DRIVER_ORDINARY]);
}
