/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measuring the collectives of oriel/comm.h.
 *
 *      bench_operation.c   the nine operations of oriel/comm.h
 *      bench_data.c        what is in the buffers, and how many elements of a result are wrong
 *      bench_numbers.c     what becomes of the times
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

/* ---- bench_numbers.c -------------------------------------------------------------------------------------------- */

/* Of one call, many times. Times are in microseconds; that of an iteration is its slowest rank's. */
typedef struct bench_result {
    double min, median, average, max;
    double rank_min, rank_average, rank_max; /* of the ranks' own averages */
    uint64_t wrong;
} bench_result;

/*
 * time[r * iterations + i] is what rank r took for iteration i, in nanoseconds; used up. Sets all but `wrong`.
 */
void bench_summarize(int64_t *time, uint32_t ranks, uint32_t iterations, bench_result *result);

/* GB/s (10^9 bytes) of the median; NAN where no data moves. */
double bench_algorithm_bandwidth(const bench_call *call, const bench_result *result);
double bench_bus_bandwidth(const bench_call *call, const bench_result *result);

#endif
