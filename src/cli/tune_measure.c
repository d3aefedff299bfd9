/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Candidates are measured by turns, so that what the host does meanwhile harms all of them alike, and each by its
 * median:
 *
 *      for each size, for both kinds of memory
 *          for each candidate      how many calls make a sample
 *          for each round
 *              for each candidate  choose it ─ a call ─ barrier ─ (calls) timed ─ tell
 *
 * What ranks tell one another about times goes through memory that was mapped before they started.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "cli/tune.h"

#define MOST_ROUNDS 64
#define MOST_CALLS  1000

typedef struct run {
    cli_tuning *tuning;
    uint32_t first, cells;
    uint64_t bytes;       /* of a buffer: there are two of each kind on each rank */
    uint32_t *calls;      /* of the sample at hand; shared, as are */
    atomic_bool *lacking; /* a rank had no memory for its ordinary buffers, */
    double *us;           /* [cells][candidates][memories], */
    double *rank_us;      /* and [ranks][8]: a line each */
} run;

/* Passes on a status that is not ORIEL_OK. */
#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        oriel_status status_ = (call);                                                                                 \
        if (status_ != ORIEL_OK)                                                                                       \
            return status_;                                                                                            \
    } while (0)

static oriel_status call_once(const cli_tune_cell *cell, void *const buffer[2], oriel_comm *comm)
{
    return cell->call.operation->run(&cell->call, buffer[0], buffer[1], comm);
}

static oriel_status choose(const cli_tune_cell *cell, uint32_t candidate, oriel_comm *comm)
{
    char words[128];
    snprintf(words, sizeof words, "%s=%s", cell->call.operation->name, cell->candidate[candidate].name);
    return oriel_comm_choose(comm, words);
}

/* `*us` <- what a call took on the slowest rank: on rank 0 only. */
static oriel_status sample(const run *it, const cli_tune_cell *cell, uint32_t calls, void *const buffer[2],
                           oriel_comm *comm, double *us)
{
    TRY(oriel_barrier(comm));
    const int64_t begin = oriel_now();
    for (uint32_t i = 0; i < calls; i++)
        TRY(call_once(cell, buffer, comm));
    it->rank_us[8 * oriel_comm_rank(comm)] = (double)(oriel_now() - begin) / 1e3 / calls;
    TRY(oriel_barrier(comm));
    if (oriel_comm_rank(comm) == 0) {
        *us = it->rank_us[0];
        for (uint32_t rank = 1; rank < oriel_comm_size(comm); rank++)
            *us = fmax(*us, it->rank_us[8 * rank]);
    }
    return oriel_barrier(comm); /* nobody writes a time of the next sample before rank 0 has read those of this one */
}

/* How many calls make a sample of each candidate, which has then been run twice: its windows and scratch are there. */
static oriel_status find_calls(const run *it, const cli_tune_cell *cell, void *const buffer[2], oriel_comm *comm,
                               uint32_t calls[CLI_TUNE_CANDIDATES])
{
    for (uint32_t c = 0; c < cell->candidates; c++) {
        double us = 0;
        TRY(choose(cell, c, comm));
        TRY(call_once(cell, buffer, comm));
        TRY(sample(it, cell, 2, buffer, comm, &us));
        if (oriel_comm_rank(comm) == 0) {
            const double wanted = ceil(it->tuning->sample_us / fmax(us, 0.01));
            *it->calls = wanted > MOST_CALLS ? MOST_CALLS : (uint32_t)wanted;
        }
        TRY(oriel_barrier(comm));
        calls[c] = *it->calls;
        TRY(oriel_barrier(comm));
    }
    return ORIEL_OK;
}

static oriel_status measure_cell(const run *it, uint32_t index, cli_tune_memory memory, void *const buffer[2],
                                 oriel_comm *comm)
{
    const cli_tune_cell *cell = &it->tuning->cell[it->first + index];
    double us[CLI_TUNE_CANDIDATES][MOST_ROUNDS];
    uint32_t calls[CLI_TUNE_CANDIDATES];
    TRY(find_calls(it, cell, buffer, comm, calls));
    for (uint32_t round = 0; round < it->tuning->rounds; round++)
        for (uint32_t c = 0; c < cell->candidates; c++) {
            TRY(choose(cell, c, comm));
            TRY(call_once(cell, buffer, comm));
            TRY(sample(it, cell, calls[c], buffer, comm, &us[c][round]));
        }
    for (uint32_t c = 0; c < cell->candidates && oriel_comm_rank(comm) == 0; c++)
        it->us[(index * CLI_TUNE_CANDIDATES + c) * CLI_TUNE_MEMORIES + memory] =
            bench_median(us[c], it->tuning->rounds);
    return ORIEL_OK;
}

static oriel_status measure_cells(const run *it, void *const ordinary[2], oriel_comm *comm)
{
    void *symmetric[2];
    for (int i = 0; i < 2; i++) {
        TRY(oriel_window_alloc(comm, it->bytes, &symmetric[i]));
        /* Pages that are there, and no denormal numbers. */
        memset(ordinary[i], 0, it->bytes);
        memset(symmetric[i], 0, it->bytes);
    }
    for (uint32_t i = 0; i < it->cells; i++) {
        TRY(measure_cell(it, i, CLI_TUNE_ORDINARY, ordinary, comm));
        TRY(measure_cell(it, i, CLI_TUNE_SYMMETRIC, symmetric, comm));
    }
    return ORIEL_OK;
}

static oriel_status on_rank(oriel_comm *comm, void *context)
{
    const run *it = context;
    void *ordinary[2] = {calloc(1, it->bytes), calloc(1, it->bytes)};
    oriel_status status = ORIEL_NO_MEMORY;
    if (ordinary[0] && ordinary[1])
        status = measure_cells(it, ordinary, comm);
    else
        atomic_store(it->lacking, true);
    free(ordinary[0]);
    free(ordinary[1]);
    return status;
}

static uint64_t most_bytes(const cli_tune_cell *cell, uint32_t cells)
{
    uint64_t most = 64; /* a barrier has none */
    for (uint32_t i = 0; i < cells; i++)
        most = cell[i].bytes > most ? cell[i].bytes : most;
    return most;
}

int cli_tune_measure(cli_tuning *tuning, uint32_t first, uint32_t cells)
{
    const uint32_t ranks = tuning->cell[first].call.ranks;
    const size_t times = (size_t)cells * CLI_TUNE_CANDIDATES * CLI_TUNE_MEMORIES, lines = 8 * (size_t)ranks;
    const size_t bytes = (8 + lines + times) * sizeof(double);
    double *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return cli_fail(CLI_FAILED, "no memory for the times of %u ranks, %zu B: %s", ranks, bytes, strerror(errno));
    run it = {.tuning = tuning,
              .first = first,
              .cells = cells,
              .bytes = most_bytes(&tuning->cell[first], cells),
              .calls = (uint32_t *)shared,
              .lacking = (atomic_bool *)(shared + 1),
              .rank_us = shared + 8,
              .us = shared + 8 + lines};
    const oriel_comm_options options = {
        .deterministic = true, .timeout_s = tuning->timeout_s, .reserve_bytes = bench_reserve_bytes(ranks, it.bytes)};
    oriel_status status = oriel_comm_launch(ranks, on_rank, &it, &options);
    int code = CLI_RIGHT;
    if (status == ORIEL_NO_MEMORY && atomic_load(it.lacking))
        code =
            cli_fail(CLI_FAILED, "no memory for two buffers of %" PRIu64 " B on a rank, of %u ranks", it.bytes, ranks);
    else if (status != ORIEL_OK)
        code = cli_fail_status(status, true);
    for (uint32_t i = 0; i < cells && code == CLI_RIGHT; i++)
        memcpy(tuning->cell[first + i].us, &it.us[i * CLI_TUNE_CANDIDATES * CLI_TUNE_MEMORIES],
               sizeof tuning->cell[first + i].us);
    munmap(shared, bytes);
    return code;
}
