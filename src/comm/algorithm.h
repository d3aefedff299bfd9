/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways in which each operation can be done, described once (algorithm.c): names, limits, what becomes of the bits.
 * The table that chooses, `oriel tune`, `oriel info` and whoever asks for an algorithm by its name take it from there.
 *
 * The first of each operation is "direct", the library's own way (small.c, large.c), which does every call. The others
 * run the kernel of a launch (kernel.c), which also knows for how many ranks it is, and how much scratch it needs.
 */
#ifndef ORIEL_COMM_ALGORITHM_H
#define ORIEL_COMM_ALGORITHM_H

#include "oriel/launch.h"

typedef enum oriel_operation {
    ORIEL_OP_BARRIER,
    ORIEL_OP_BROADCAST,
    ORIEL_OP_REDUCE,
    ORIEL_OP_ALLREDUCE,
    ORIEL_OP_REDUCE_SCATTER,
    ORIEL_OP_ALLGATHER,
    ORIEL_OP_ALLTOALL,
    ORIEL_OP_GATHER,
    ORIEL_OP_SCATTER,
    ORIEL_OP_SPLIT,
    ORIEL_OP_FREE,
    ORIEL_OP_WINDOW_ALLOC,
    ORIEL_OP_WINDOW_FREE,
    ORIEL_OP_CHOOSE,
    ORIEL_OP_COUNT
} oriel_operation;

#define ORIEL_MOVES ((uint32_t)ORIEL_OP_SCATTER + 1) /* the first so many operations have algorithms */

static inline bool oriel_operation_reduces(oriel_operation operation)
{
    return operation == ORIEL_OP_REDUCE || operation == ORIEL_OP_ALLREDUCE || operation == ORIEL_OP_REDUCE_SCATTER;
}

static inline bool oriel_operation_has_root(oriel_operation operation)
{
    return operation == ORIEL_OP_BROADCAST || operation == ORIEL_OP_REDUCE || operation == ORIEL_OP_GATHER ||
           operation == ORIEL_OP_SCATTER;
}

typedef struct oriel_algorithm {
    oriel_operation operation;
    const char *name;
    const char *summary;
    const oriel_launch *launch; /* NULL: direct */
    /*
     * ((x0 op x1) op x2) ..: the bits of the direct way. What adds in an order of its own has other ones, of
     * floating-point sums and products of more than two ranks. Of an operation that does not reduce: true.
     */
    bool in_rank_order;
} oriel_algorithm;

/* False: there is no operation of this name that has algorithms. */
bool oriel_operation_find(const char *name, oriel_operation *operation);

/* Algorithm `number` of an operation, from 1 (direct) on. NULL: it has fewer. */
const oriel_algorithm *oriel_algorithm_at(oriel_operation operation, uint32_t number);
/* Its number; 0: the operation has none of this name. */
uint32_t oriel_algorithm_find(oriel_operation operation, const char *name);

/*
 * Names with commas between, for messages: those that an operation has; or, with ORIEL_OP_COUNT, all that there are.
 * Returns `text`.
 */
#define ORIEL_NAMES_TEXT 256
const char *oriel_algorithm_names(oriel_operation operation, char text[ORIEL_NAMES_TEXT]);
const char *oriel_operation_names(char text[ORIEL_NAMES_TEXT]);

/* For how many ranks it is. */
bool oriel_algorithm_takes(const oriel_algorithm *algorithm, uint32_t ranks);

/* ---- Asking by name --------------------------------------------------------------------------------------------- */

/*
 * What was asked for: for each operation the number of an algorithm, or 0, six bits each, so that ranks can compare and
 * tell one another what they ask for.
 */
typedef uint64_t oriel_asked;

_Static_assert(6 * ORIEL_MOVES <= 64, "an operation has six bits");

static inline uint32_t oriel_asked_of(oriel_asked asked, oriel_operation operation)
{
    return asked >> 6 * (uint32_t)operation & 63;
}

/*
 * Takes "ring", of all operations that have it, or "allreduce=ring,allgather=bruck": words with commas between, later
 * ones over earlier ones, all of them over what `asked` was. NULL: nothing.
 *
 * whence  begins the message: "ORIEL_ALGORITHM: ", or ""
 *
 * ORIEL_INVALID: no such operation or algorithm; the message has those that there are.
 */
oriel_status oriel_asked_take(const char *words, const char *whence, oriel_asked *asked);

/* "allreduce=ring,allgather=bruck", or "none". Cut to `bytes`. Returns `text`. */
#define ORIEL_ASKED_TEXT 128
const char *oriel_asked_text(oriel_asked asked, char *text, size_t bytes);

#endif
