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
#include <math.h>
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
    uint32_t *calls; /* of the sample at hand; shared, as are */
    double *us;      /* [cells][candidates][memories], */
    double *rank_us; /* and [ranks][8]: a line each */
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

static oriel_status on_rank(oriel_comm *comm, void *context)
{
    const run *it = context;
    uint64_t most = 64;
    for (uint32_t i = 0; i < it->cells; i++) {
        const uint64_t bytes = it->tuning->cell[it->first + i].bytes + 64 * oriel_comm_size(comm);
        most = bytes > most ? bytes : most;
    }
    void *ordinary[2] = {calloc(1, most), calloc(1, most)}, *symmetric[2];
    oriel_status status = ORIEL_OK;
    for (int i = 0; i < 2 && status == ORIEL_OK; i++)
        status = oriel_window_alloc(comm, most, &symmetric[i]);
    /* Pages that are there, and no denormal numbers. */
    for (int i = 0; i < 2 && status == ORIEL_OK && ordinary[0] && ordinary[1]; i++) {
        memset(ordinary[i], 0, most);
        memset(symmetric[i], 0, most);
    }
    for (uint32_t i = 0; i < it->cells && status == ORIEL_OK && ordinary[0] && ordinary[1]; i++) {
        status = measure_cell(it, i, CLI_TUNE_ORDINARY, ordinary, comm);
        if (status == ORIEL_OK)
            status = measure_cell(it, i, CLI_TUNE_SYMMETRIC, symmetric, comm);
    }
    if (status == ORIEL_OK && (!ordinary[0] || !ordinary[1]))
        status = ORIEL_NO_MEMORY;
    free(ordinary[0]);
    free(ordinary[1]);
    return status;
}

oriel_status cli_tune_measure(cli_tuning *tuning, uint32_t first, uint32_t cells)
{
    const uint32_t ranks = tuning->cell[first].call.ranks;
    const size_t times = (size_t)cells * CLI_TUNE_CANDIDATES * CLI_TUNE_MEMORIES, lines = 8 * (size_t)ranks;
    const size_t bytes = (8 + lines + times) * sizeof(double);
    double *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return ORIEL_NO_MEMORY;
    run it = {.tuning = tuning,
              .first = first,
              .cells = cells,
              .calls = (uint32_t *)shared,
              .rank_us = shared + 8,
              .us = shared + 8 + lines};
    const oriel_comm_options options = {.deterministic = true, .timeout_s = tuning->timeout_s};
    oriel_status status = oriel_comm_launch(ranks, on_rank, &it, &options);
    for (uint32_t i = 0; i < cells && status == ORIEL_OK; i++)
        memcpy(tuning->cell[first + i].us, &it.us[i * CLI_TUNE_CANDIDATES * CLI_TUNE_MEMORIES],
               sizeof tuning->cell[first + i].us);
    munmap(shared, bytes);
    return status;
}
