/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs on the ranks. What they tell one another about the measurement goes through memory of its own, mapped before they start,
 * and not through the collectives, which are what is measured; a barrier says when.
 *
 *      rank 0    fill │ warm up │ (barrier, timed call) ... │ spoil, fill, call, compare │ sum up, print │ next cell
 *      others    fill │ warm up │ (barrier, timed call) ... │ spoil, fill, call, compare │               │ next cell
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/pages.h"
#include "cli/bench.h"

/* What a rank writes and others read, on a line of its own. */
typedef struct bench_line {
    _Alignas(64) uint64_t wrong; /* elements, in the cell at hand */
} bench_line;

typedef struct bench_shared {
    _Atomic bool begun;
    _Atomic uint32_t bound; /* ranks that are */
    _Atomic int output_error;
    _Atomic uint32_t done;
    bench_line rank[];
} bench_shared;

typedef struct bench_run {
    const bench_job *job;
    bench_shared *shared;
    bench_result *result; /* [cells] */
    double *time;         /* [ranks][iterations], ns */
    char *buffers;        /* [ranks][send, recv], each of `bytes`: only its own pages come into a rank. NULL: windows */
    uint64_t bytes;
    int processors; /* that the launch may use; 0: the system does not tell */
} bench_run;

/* ---- One rank --------------------------------------------------------------------------------------------------- */

typedef struct bench_rank {
    const bench_run *run;
    oriel_comm *comm;
    uint32_t rank;
    void *send, *recv;
} bench_rank;

static oriel_status call_once(const bench_rank *it, const bench_call *call, const bench_place *place)
{
    return call->operation->run(call, place->send, place->recv, it->comm);
}

static oriel_status take_times(const bench_rank *it, const bench_cell *cell, const bench_place *place)
{
    double *time = it->run->time + (uint64_t)it->rank * cell->iterations;
    oriel_status status = ORIEL_OK;
    for (uint32_t i = 0; i < cell->warmup && status == ORIEL_OK; i++)
        status = call_once(it, &cell->call, place);
    for (uint32_t i = 0; i < cell->iterations && status == ORIEL_OK; i++) {
        status = oriel_barrier(it->comm);
        const int64_t start = oriel_now();
        if (status == ORIEL_OK)
            status = call_once(it, &cell->call, place);
        time[i] = (double)(oriel_now() - start);
    }
    return status;
}

static oriel_status check_once(const bench_rank *it, const bench_call *call, const bench_place *place)
{
    bench_spoil(call, it->rank, place);
    bench_fill(call, it->rank, place);
    oriel_status status = call_once(it, call, place);
    if (status == ORIEL_OK)
        it->run->shared->rank[it->rank].wrong = bench_wrong(call, it->rank, place);
    return status;
}

static bool all_are_bound(const bench_run *run)
{
    return atomic_load(&run->shared->bound) == run->job->ranks;
}

/* Rank 0: how the output took something; errno was 0 before. */
static void note(const bench_run *run, bool taken)
{
    if (!taken)
        atomic_store(&run->shared->output_error, errno ? errno : -1);
}

/* Rank 0, when all have done the cell. */
static void conclude(const bench_run *run, uint32_t index)
{
    const bench_cell *cell = &run->job->cell[index];
    bench_result *result = &run->result[index];
    bench_summarize(run->time, run->job->ranks, cell->iterations, result);
    for (uint32_t rank = 0; rank < run->job->ranks; rank++)
        result->wrong += run->shared->rank[rank].wrong;
    atomic_store(&run->shared->done, index + 1);
    errno = 0;
    if (run->job->format != BENCH_JSON)
        note(run, bench_print_row(run->job, all_are_bound(run), index, result));
}

static oriel_status do_cell(const bench_rank *it, uint32_t index)
{
    const bench_cell *cell = &it->run->job->cell[index];
    const bench_place place = bench_place_of(&cell->call, it->rank, it->send, it->recv);
    bench_fill(&cell->call, it->rank, &place);
    oriel_status status = take_times(it, cell, &place);
    if (status == ORIEL_OK && it->run->job->checked)
        status = check_once(it, &cell->call, &place);
    if (status == ORIEL_OK)
        status = oriel_barrier(it->comm);
    if (status != ORIEL_OK)
        return status;
    if (it->rank == 0)
        conclude(it->run, index);
    /* Until then the others keep away from what rank 0 reads. */
    return oriel_barrier(it->comm);
}

/* First touched by their rank, and all of it before any call. */
static oriel_status take_buffers(bench_rank *it)
{
    const bench_run *run = it->run;
    oriel_status status = ORIEL_OK;
    if (run->buffers) {
        it->send = run->buffers + 2 * it->rank * run->bytes;
        it->recv = run->buffers + (2 * it->rank + 1) * run->bytes;
    } else {
        status = oriel_window_alloc(it->comm, run->bytes, &it->send);
        if (status == ORIEL_OK)
            status = oriel_window_alloc(it->comm, run->bytes, &it->recv);
    }
    if (status == ORIEL_OK && run->bytes) {
        memset(it->send, 0, run->bytes);
        memset(it->recv, 0, run->bytes);
    }
    return status;
}

/* Of the calling thread. */
static int processors(void)
{
    cpu_set_t own;
    return sched_getaffinity(0, sizeof own, &own) == 0 ? CPU_COUNT(&own) : 0;
}

/* As cells do, ranks begin together, when rank 0 has printed. */
static oriel_status begin(bench_rank *it)
{
    const bench_run *run = it->run;
    oriel_status status = take_buffers(it);
    if (status == ORIEL_OK && it->rank == 0)
        atomic_store(&run->shared->begun, true);
    const int mine = processors();
    if (mine && mine < run->processors)
        atomic_fetch_add(&run->shared->bound, 1);
    if (status == ORIEL_OK)
        status = oriel_barrier(it->comm);
    if (status != ORIEL_OK)
        return status;
    errno = 0;
    if (it->rank == 0 && run->job->format != BENCH_JSON)
        note(run, bench_print_head(run->job, all_are_bound(run)));
    return oriel_barrier(it->comm);
}

static oriel_status rank_main(oriel_comm *comm, void *context)
{
    const bench_run *run = context;
    bench_rank it = {.run = run, .comm = comm, .rank = oriel_comm_rank(comm)};
    oriel_status status = begin(&it);
    /* Nobody reads what comes of the rest. */
    for (uint32_t i = 0; i < run->job->cells && status == ORIEL_OK && !atomic_load(&run->shared->output_error); i++)
        status = do_cell(&it, i);
    return status;
}

/* ---- Their launcher --------------------------------------------------------------------------------------------- */

static uint64_t most_bytes(const bench_job *job)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < job->cells; i++)
        most = bench_bytes(&job->cell[i].call) > most ? bench_bytes(&job->cell[i].call) : most;
    return oriel_pages_up(most);
}

static uint32_t most_iterations(const bench_job *job)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < job->cells; i++)
        most = job->cell[i].iterations > most ? job->cell[i].iterations : most;
    return most;
}

/* False: no memory, which `outcome` then says. */
static bool prepare(const bench_job *job, bench_run *run, bench_outcome *outcome)
{
    const uint64_t shared = oriel_pages_up(sizeof *run->shared + job->ranks * sizeof(bench_line));
    const uint64_t results = oriel_pages_up(job->cells * sizeof *run->result);
    const uint64_t times = oriel_pages_up((uint64_t)job->ranks * most_iterations(job) * sizeof *run->time);
    outcome->memory_bytes = shared + results + times;
    char *memory =
        mmap(NULL, outcome->memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    *run = (bench_run){.job = job, .bytes = most_bytes(job), .processors = processors()};
    if (memory != MAP_FAILED) {
        outcome->memory = memory;
        run->shared = (bench_shared *)memory;
        run->result = (bench_result *)(memory + shared);
        run->time = (double *)(memory + shared + results);
    }
    void *buffers = NULL;
    if (memory != MAP_FAILED && !job->symmetric && run->bytes)
        buffers = mmap(NULL, 2 * job->ranks * run->bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED || buffers == MAP_FAILED) {
        outcome->status = ORIEL_NO_MEMORY;
        snprintf(outcome->message, sizeof outcome->message,
                 "no memory for the buffers of %u ranks, of two times %llu B each, or for their times", job->ranks,
                 (unsigned long long)run->bytes);
        return false;
    }
    run->buffers = buffers;
    return true;
}

static void collect(const bench_run *run, bench_outcome *outcome)
{
    outcome->begun = atomic_load(&run->shared->begun);
    outcome->bound = all_are_bound(run);
    outcome->done = atomic_load(&run->shared->done);
    outcome->output_error = atomic_load(&run->shared->output_error);
    outcome->result = run->result;
    for (uint32_t i = 0; i < outcome->done; i++) {
        outcome->wrong += run->result[i].wrong;
        outcome->wrong_cells += run->result[i].wrong > 0;
    }
}

void bench_measure(const bench_job *job, bench_outcome *outcome)
{
    bench_run run;
    *outcome = (bench_outcome){.status = ORIEL_OK};
    if (!prepare(job, &run, outcome))
        return;
    oriel_comm_options options = job->options;
    if (job->symmetric)
        options.reserve_bytes = bench_reserve_bytes(job->ranks, run.bytes);
    /* That nobody reads the rows any more is no failure of rank 0. */
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    outcome->status = oriel_comm_launch(job->ranks, rank_main, &run, &options);
    signal(SIGPIPE, before);
    if (outcome->status != ORIEL_OK)
        snprintf(outcome->message, sizeof outcome->message, "%s", oriel_last_error());
    collect(&run, outcome);
    if (run.buffers)
        munmap(run.buffers, 2 * job->ranks * run.bytes);
}

void bench_outcome_free(bench_outcome *outcome)
{
    if (outcome->memory)
        munmap(outcome->memory, outcome->memory_bytes);
    outcome->memory = NULL;
}
