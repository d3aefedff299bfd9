/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `oriel bench`: what its parts share. docs/bench.md says what is measured, and how to read it.
 *
 *      bench.c             what was typed, and the plan: one cell for each operation and size
 *      bench_operation.c   the nine operations of oriel/comm.h
 *      bench_data.c        what is in the buffers, and how many elements of a result are wrong
 *      bench_measure.c     runs the cells on the ranks, and takes their times
 *      bench_memory.c      how much address space its windows need
 *      bench_numbers.c     what becomes of the times
 *      bench_table.c, bench_json.c, bench_plot.c   the answer
 */
#ifndef ORIEL_CLI_BENCH_H
#define ORIEL_CLI_BENCH_H

#include "cli/cli.h"

/* ---- bench_operation.c ------------------------------------------------------------------------------------------ */

typedef struct bench_call bench_call;

typedef struct bench_operation {
    const char *name; /* as in oriel/comm.h, without oriel_ */
    bool moves;       /* data: else it is the barrier */
    bool reduces, rooted, in_place;
    bool send_each, recv_each; /* that buffer has a block of `count` elements for each rank */
    uint32_t
        crossings; /* bus bandwidth: the parts of bytes / n that pass the busiest rank, of n-1; 0: all bytes pass it */
    oriel_status (*run)(const bench_call *call, const void *send, void *recv, oriel_comm *comm);
} bench_operation;

extern const bench_operation bench_operations[];
extern const uint32_t bench_operation_count;

/* One call: the operation and what it is called with. */
struct bench_call {
    const bench_operation *operation;
    uint64_t count; /* the argument of the call: elements of a block */
    pto_dtype dtype;
    pto_reduce reduce;
    uint32_t root, ranks;
    bool in_place;
};

/* NULL: there is none of that name, in which hyphens and underscores do not count. */
const bench_operation *bench_operation_find(const char *name);

/* Bytes of the larger of the two buffers; of one block for an operation that has one each. */
uint64_t bench_bytes(const bench_call *call);

/* The largest call that has no more than `bytes`, or, if that is none, one of an element for each block. */
uint64_t bench_count(const bench_call *call, uint64_t bytes);

/*
 * Bus bandwidth over algorithm bandwidth, with the factors of nccl-tests (doc/PERFORMANCE.md there): the rate at which data must
 * have passed the busiest rank, however the call was done.
 */
double bench_bus_factor(const bench_call *call);

/* ---- bench.c ---------------------------------------------------------------------------------------------------- */

/* Those that were typed, in that order. */
typedef struct bench_operations_typed {
    const bench_operation *operation[16];
    uint32_t count;
} bench_operations_typed;

/* Adds one by its name, or `all`. False: there is none of that name, or it is there already, with a message. */
bool bench_take_operation(const char *name, bench_operations_typed *typed);

/*
 * Buffers are touched, all of them: what this host has not got ends in a killed process, somebody's. False: `buffers` of
 * --max bytes on each rank are more, with a message, in which `word` is that number.
 */
bool bench_check_memory(uint64_t max, uint32_t buffers, const char *word, uint64_t ranks);

/* ---- bench_data.c ----------------------------------------------------------------------------------------------- */

/* Where a call's data is on one rank, and the arguments that say so. */
typedef struct bench_place {
    char *input;     /* what the rank contributes; NULL: nothing */
    uint64_t inputs; /* elements */
    char *result;    /* what it gets; NULL: nothing */
    uint64_t results;
    const void *send; /* arguments: may be ORIEL_IN_PLACE */
    void *recv;
} bench_place;

/* `send` and `recv` are buffers of bench_bytes at least. */
bench_place bench_place_of(const bench_call *call, uint32_t rank, void *send, void *recv);

/* Writes what the rank contributes. */
void bench_fill(const bench_call *call, uint32_t rank, const bench_place *place);

/*
 * Writes what is certainly wrong, the complement of every right byte, where the result will be. Comes before bench_fill, since
 * in place both may have bytes in common.
 */
void bench_spoil(const bench_call *call, uint32_t rank, const bench_place *place);

/* How many elements of the rank's result are not those of the closed form. */
uint64_t bench_wrong(const bench_call *call, uint32_t rank, const bench_place *place);

/* ---- bench_measure.c -------------------------------------------------------------------------------------------- */

typedef struct bench_cell {
    bench_call call;
    uint32_t iterations, warmup;
} bench_cell;

/* Of one cell. Times are in microseconds; that of an iteration is its slowest rank's. */
typedef struct bench_result {
    double min, median, average, max;
    double rank_min, rank_average, rank_max; /* of the ranks' own averages */
    uint64_t wrong;
} bench_result;

typedef enum bench_format { BENCH_TABLE, BENCH_CSV, BENCH_JSON } bench_format;

typedef struct bench_job {
    bench_cell *cell; /* owned */
    uint32_t cells;
    uint32_t ranks, processors;
    oriel_comm_options options;
    bool symmetric, checked;
    bench_format format;
} bench_job;

/* What came of it. */
typedef struct bench_outcome {
    oriel_status status;
    char message[1024]; /* of the status */
    bool begun;         /* ranks ran: what failed then was no bad usage */
    bool bound;         /* each rank kept to fewer processors than the launch may use */
    int output_error;   /* stdout did not take a row: errno, or -1; else 0 */
    uint32_t done;      /* cells */
    bench_result *result;
    uint64_t wrong; /* elements, in all cells together */
    uint32_t wrong_cells;
    void *memory; /* of the results */
    size_t memory_bytes;
} bench_outcome;

/*
 * Runs all cells, in their order; rank 0 prints each as a row once it is done, unless JSON is asked for. Always sets
 * `outcome`, which bench_outcome_free frees.
 */
void bench_measure(const bench_job *job, bench_outcome *outcome);
void bench_outcome_free(bench_outcome *outcome);

/* ---- bench_memory.c --------------------------------------------------------------------------------------------- */

/* oriel_comm_options.reserve_bytes for two windows of `bytes` on each rank, and the library's own scratch. */
uint64_t bench_reserve_bytes(uint32_t ranks, uint64_t bytes);

/* ---- bench_numbers.c -------------------------------------------------------------------------------------------- */

/* Sorts them. */
double bench_median(double *value, uint32_t count);

/*
 * time[r * iterations + i] is what rank r took for iteration i, in nanoseconds; used up. Sets all but `wrong`.
 */
void bench_summarize(double *time, uint32_t ranks, uint32_t iterations, bench_result *result);

/* GB/s (10^9 bytes) of the median; NAN where no data moves. */
double bench_algorithm_bandwidth(const bench_call *call, const bench_result *result);
double bench_bus_bandwidth(const bench_call *call, const bench_result *result);

/* ---- The answer ------------------------------------------------------------------------------------------------- */

/* bench_table.c: for people and as CSV. Each flushes; false: stdout did not take it. */
bool bench_print_head(const bench_job *job, bool bound);
bool bench_print_row(const bench_job *job, bool bound, uint32_t cell, const bench_result *result);
void bench_print_end(const bench_job *job, const bench_outcome *outcome);

/* "ordinary buffers, algorithm ring, deterministic". Cut to `bytes`. Returns `text`. */
const char *bench_name_setting(const bench_job *job, char *text, size_t bytes);

/* bench_json.c; no_json.c in a build without jansson, where it is not asked for. */
void bench_json(const bench_job *job, const bench_outcome *outcome);

/* bench_plot.c: a picture of it, in a file that is opened before anything runs. */
typedef struct bench_plot {
    const char *path; /* borrowed; NULL: no plot is asked for */
    int file;
    bool is_new;
} bench_plot;

/* False: not to be written, with a message. */
bool bench_plot_open(const char *path, bench_plot *plot);
/* Writes and closes it. False: it could not be written, with a message. */
bool bench_plot_write(const bench_job *job, const bench_outcome *outcome, bench_plot *plot);
/* There is nothing to write: what was there before stays. */
void bench_plot_drop(bench_plot *plot);

#endif
