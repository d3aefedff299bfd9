/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One driver for each library that is measured (oriel.c, mpi.c, gloo.cc). All do the same but for the call itself:
 * driver.c is what they share, so that all are timed, bound and checked alike. It is C, and this header C and C++.
 *
 *      program FOLDER RANKS BYTES
 *
 * FOLDER   scripts/bench_peers.py's: `socket`, where it listens for the ranks; `page`, which the ranks of this program
 *          map; room for a library's own rendezvous
 * BYTES    the most of a buffer
 *
 * Each rank connects, says its number and the version of its library, and then takes commands, a line each, until the
 * connection ends. Between commands it sleeps in a read: whoever is not measured costs nothing.
 *
 *      check OPERATION MEMORY BYTES            one call, its result compared: `right`, or what is wrong
 *      run OPERATION MEMORY BYTES TIMES        `START END`: nanoseconds of CLOCK_MONOTONIC, before the first and after
 *                                              the last of TIMES calls, one behind the other
 */
#ifndef ORIEL_BENCH_DRIVER_H
#define ORIEL_BENCH_DRIVER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* DRIVER_MEMCPY: `bytes` from the right neighbour's window into the rank's own, on all ranks at once. Oriel's only. */
typedef enum driver_operation {
    DRIVER_BARRIER,
    DRIVER_BROADCAST,
    DRIVER_REDUCE,
    DRIVER_ALLREDUCE,
    DRIVER_REDUCE_SCATTER,
    DRIVER_ALLGATHER,
    DRIVER_ALLTOALL,
    DRIVER_GATHER,
    DRIVER_SCATTER,
    DRIVER_MEMCPY,
    DRIVER_OPERATIONS
} driver_operation;

typedef enum driver_memory { DRIVER_ORDINARY, DRIVER_SYMMETRIC, DRIVER_MEMORIES } driver_memory;

/*
 * One call: 32-bit floats; reductions are sums; the root is rank 0; nothing is in place but for the broadcast, whose
 * one buffer is `recv`.
 */
typedef struct driver_call {
    driver_operation operation;
    uint64_t bytes; /* of the larger side */
    size_t all;     /* the same in elements */
    size_t part;    /* all / ranks: a block, where there are blocks */
    float *send, *recv;
} driver_call;

typedef struct driver driver;
struct driver {
    int rank, ranks;
    uint64_t most; /* bytes of each buffer */
    const char *folder;
    const char *version; /* of the library, one line */
    void *library;       /* the program's own */
    /* Before calls of this kind follow: what a program may keep between them. NULL: nothing. */
    void (*prepare)(driver *it, const driver_call *call);
    /* Does it once. A failure is the program's to report; it ends with exit(1). */
    void (*call)(driver *it, const driver_call *call);
    float *send[DRIVER_MEMORIES], *recv[DRIVER_MEMORIES]; /* of DRIVER_SYMMETRIC: the program's, or NULL */
};

/* Fills in what the arguments say: `folder`, `ranks`, `most`. */
void driver_parse(driver *it, int argc, char **argv);

/*
 * Binds the calling thread, and those it starts from now on, to processor `rank` modulo the number of processors that
 * the program may use.
 */
void driver_bind(int rank);

/* Makes the ordinary buffers, and takes commands until there are no more. rank, ranks and call are set. */
void driver_serve(driver *it);

#ifdef __cplusplus
}
#endif
#endif
