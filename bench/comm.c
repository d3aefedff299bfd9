/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call per rank, by bytes and ranks, next to a memcpy of the bytes that the busiest rank must read and write, and to one
 * round trip of a cache line between two ranks. All three take turns in every round.
 *
 * Bytes are those of the larger side of a call. A byte read and a byte written count as one byte copied; the copy is from a peer's
 * window into the rank's own, on all ranks at once, waiting for nobody:
 *
 *      all-gather, broadcast, all-to-all    bytes
 *      reduce-scatter                       bytes read, bytes / n written
 *      all-reduce                           bytes read and written (n parts of bytes / n each)
 *
 * Each rank is bound to a core, which some share if there are too few. A time is that of rank 0, of a batch of calls divided by their number.
 */
#include "bench.h"

#include <stdatomic.h>
#include <sys/mman.h>

#include "base/wait.h"

enum { ALLGATHER, BROADCAST, ALLTOALL, REDUCE_SCATTER, ALLREDUCE, CALLS };
static const char *const names[CALLS] = {"allgather", "broadcast", "alltoall", "reduce_scatter", "allreduce"};

enum { CALL_SYMMETRIC, CALL_ORDINARY, COPY, ROUND_TRIP, THINGS };

#define MOST_BYTES (UINT64_C(16) << 20)
#define BATCH_US   300

/* A line that two ranks write in turn. */
typedef struct bench_line {
    _Alignas(64) _Atomic uint64_t count;
} bench_line;

typedef struct bench_run {
    const bench_options *options;
    FILE *json;
    bench_line *line; /* [2], shared */
    uint32_t processors;
    bool first;
} bench_run;

typedef struct bench_rank {
    oriel_comm *comm;
    uint32_t rank, ranks;
    float *send[2], *recv[2]; /* windows, ordinary memory */
    const float *peer;        /* the right neighbour's send window */
    uint64_t round_trips;
    bench_line *line;
} bench_rank;

static oriel_status call_once(const bench_rank *it, int call, uint64_t bytes, int memory)
{
    const uint64_t all = bytes / sizeof(float), part = all / it->ranks ? all / it->ranks : 1;
    const float *send = it->send[memory];
    float *recv = it->recv[memory];
    switch (call) {
    case ALLGATHER: return oriel_allgather(send, recv, part, PTO_F32, it->comm);
    case BROADCAST: return oriel_broadcast(recv, all, PTO_F32, 0, it->comm);
    case ALLTOALL: return oriel_alltoall(send, recv, part, PTO_F32, it->comm);
    case REDUCE_SCATTER: return oriel_reduce_scatter(send, recv, part, PTO_F32, PTO_SUM, it->comm);
    default: return oriel_allreduce(send, recv, all, PTO_F32, PTO_SUM, it->comm);
    }
}

static void copy_once(const bench_rank *it, int call, uint64_t bytes)
{
    uint64_t copied = call == REDUCE_SCATTER ? (bytes + bytes / it->ranks) / 2 : bytes;
    memcpy(it->recv[0], it->peer, copied);
    __asm__ volatile("" ::: "memory");
}

static void round_trip_once(bench_rank *it)
{
    const uint64_t count = ++it->round_trips;
    if (it->rank == 0)
        atomic_store_explicit(&it->line[0].count, count, memory_order_release);
    while (atomic_load_explicit(&it->line[it->rank == 0].count, memory_order_acquire) != count)
        oriel_wait_pause();
    if (it->rank == 1)
        atomic_store_explicit(&it->line[1].count, count, memory_order_release);
}

/* Microseconds of one of `times`, on this rank. */
static double time_batch(bench_rank *it, int thing, int call, uint64_t bytes, int times)
{
    bench_must(oriel_barrier(it->comm), "barrier");
    if (thing == ROUND_TRIP && it->rank > 1)
        return 0;
    int64_t start = oriel_now();
    for (int i = 0; i < times; i++) {
        if (thing == COPY)
            copy_once(it, call, bytes);
        else if (thing == ROUND_TRIP)
            round_trip_once(it);
        else
            bench_must(call_once(it, call, bytes, thing), names[call]);
    }
    return bench_us(start) / times;
}

/* All ranks agree how many make a batch. */
static int batch_of(bench_rank *it, int thing, int call, uint64_t bytes)
{
    double once = time_batch(it, thing, call, bytes, 3);
    float mine = once > 0 ? (float)(BATCH_US / once) : 0, most;
    bench_must(oriel_allreduce(&mine, &most, 1, PTO_F32, PTO_MAX, it->comm), "batch");
    return most < 1 ? 1 : most > 2000 ? 2000 : (int)most;
}

static void measure(bench_rank *it, bench_run *run, int call, uint64_t bytes)
{
    const int rounds = run->options->rounds;
    double *times[THINGS], median[THINGS] = {0}, least[THINGS] = {0};
    int batch[THINGS];
    /* A line of its own processor is what a round trip is about. */
    const bool apart = it->ranks <= run->processors;
    for (int thing = 0; thing < THINGS; thing++) {
        times[thing] = bench_times(run->options);
        batch[thing] = thing == ROUND_TRIP && !apart ? 0 : batch_of(it, thing, call, bytes);
    }
    for (int round = 0; round < rounds; round++)
        for (int thing = 0; thing < THINGS; thing++)
            if (batch[thing])
                times[thing][round] = time_batch(it, thing, call, bytes, batch[thing]);
    for (int thing = 0; thing < THINGS; thing++) {
        median[thing] = bench_median(times[thing], rounds);
        least[thing] = times[thing][0];
        free(times[thing]);
    }
    if (it->rank != 0)
        return;
    printf("%-15s %5u %9llu %10.2f %10.2f %10.2f %9.2f %8.2f %8.2f | %9.2f %9.2f\n", names[call], it->ranks,
           (unsigned long long)bytes, median[CALL_SYMMETRIC], median[CALL_ORDINARY], median[COPY], median[ROUND_TRIP],
           median[COPY] / median[CALL_SYMMETRIC], apart ? median[CALL_SYMMETRIC] / median[ROUND_TRIP] : 0,
           least[CALL_SYMMETRIC], least[COPY]);
    fflush(stdout);
    if (run->json)
        fprintf(run->json,
                "%s    {\"call\": \"%s\", \"ranks\": %u, \"bytes\": %llu, \"symmetric_us\": %.3f, \"ordinary_us\": "
                "%.3f, \"memcpy_us\": %.3f, \"round_trip_us\": %.3f}",
                run->first ? "" : ",\n", names[call], it->ranks, (unsigned long long)bytes, median[CALL_SYMMETRIC],
                median[CALL_ORDINARY], median[COPY], median[ROUND_TRIP]);
    run->first = false;
}

static oriel_status measure_all(oriel_comm *comm, void *context)
{
    static const uint64_t sizes[] = {8, 64, 256, 1024, 8192, 65536, 262144, 1 << 20, 4 << 20, MOST_BYTES};
    bench_run *run = context;
    bench_rank it = {.comm = comm, .rank = oriel_comm_rank(comm), .ranks = oriel_comm_size(comm), .line = run->line};
    void *window[2];
    for (int i = 0; i < 2; i++) {
        bench_must(oriel_window_alloc(comm, MOST_BYTES, &window[i]), "window");
        memset(window[i], 0, MOST_BYTES);
    }
    it.send[0] = window[0];
    it.recv[0] = window[1];
    it.send[1] = calloc(1, MOST_BYTES);
    it.recv[1] = calloc(1, MOST_BYTES);
    if (!it.send[1] || !it.recv[1])
        exit(1);
    /* Windows have the same address in all ranks of a launch. */
    int64_t mine = (int64_t)(uintptr_t)it.send[0], *all = calloc(it.ranks, sizeof *all);
    bench_must(oriel_allgather(&mine, all, 1, PTO_I64, comm), "addresses");
    it.peer = (const float *)(uintptr_t)all[(it.rank + 1) % it.ranks];
    for (int call = 0; call < CALLS; call++)
        for (size_t size = 0; size < sizeof sizes / sizeof sizes[0]; size++)
            measure(&it, run, call, sizes[size]);
    if (it.rank == 0 && run->json)
        fflush(run->json);
    return ORIEL_OK;
}

int main(int argc, char **argv)
{
    const bench_options options = bench_parse(argc, argv);
    bench_run run = {.options = &options, .json = bench_json(&options), .first = true};
    const oriel_comm_options bound = {.bind = ORIEL_BIND_CORE};
    oriel_host_info host;
    oriel_host_describe(&host);
    run.processors = host.usable;
    run.line = mmap(NULL, 2 * sizeof *run.line, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (run.line == MAP_FAILED)
        return 1;
    if (run.json)
        fprintf(run.json, "{\n  \"calls\": [\n");
    printf("Microseconds of a call on windows and on ordinary memory, of a memcpy of its bytes, of a round trip\n\n");
    printf("%-15s %5s %9s %10s %10s %10s %9s %8s %8s | %9s %9s\n", "call", "ranks", "bytes", "window", "ordinary",
           "memcpy", "trip", "of copy", "trips", "least win", "least cpy");
    for (uint32_t ranks = 2; ranks <= 4; ranks += 2) {
        memset(run.line, 0, 2 * sizeof *run.line);
        bench_must(oriel_comm_launch(ranks, measure_all, &run, &bound), "launch");
        run.first = false;
    }
    if (run.json) {
        fprintf(run.json, "\n  ]\n}\n");
        fclose(run.json);
    }
    return 0;
}
