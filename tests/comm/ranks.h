/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of this folder share: inputs that every rank can work out for all ranks, the results that are right, and
 * ranks that report instead of failing, since a failed assertion in a forked rank would go on with the rest of the tests there.
 */
#ifndef ORIEL_TESTS_COMM_RANKS_H
#define ORIEL_TESTS_COMM_RANKS_H

#include "test.h"

#include "base/error.h"
#include "isa/isa.h"
#include "oriel/comm.h"
#include "oriel/info.h"
#include "oriel/kernel.h"

/* Passes on a status that is not ORIEL_OK. */
#define must(call)                                                                                                     \
    do {                                                                                                               \
        oriel_status must_ = (call);                                                                                   \
        if (must_ != ORIEL_OK)                                                                                         \
            return must_;                                                                                              \
    } while (0)

/* Ends the rank with a message if `what` does not hold. */
#define must_hold(what)                                                                                                \
    do {                                                                                                               \
        if (!(what))                                                                                                   \
            return oriel_fail(ORIEL_WRONG, "%s:%d: %s does not hold", __FILE__, __LINE__, #what);                      \
    } while (0)

/* Ends the rank unless the call fails with `status` and a message that contains `text`. */
#define must_fail(call, status, text)                                                                                  \
    do {                                                                                                               \
        oriel_status must_ = (call);                                                                                   \
        if (must_ != (status) || !strstr(oriel_last_error(), (text)))                                                  \
            return oriel_fail(ORIEL_WRONG, "%s:%d: %s gave \"%s\": %s", __FILE__, __LINE__, #call,                     \
                              oriel_status_name(must_), oriel_last_error());                                           \
    } while (0)

/* A buffer repeats after so many elements: a prime, so that data in a wrong place is noticed. */
#define PERIOD 1021

/*
 * Set before a launch: floating-point inputs are powers of two, of which any order of sums and products gives the same
 * bits.
 */
static bool exact_inputs;

/*
 * What kernel.h calls a scalar: a number that a sum or a product of ranks can tell apart, a small one for a floating-point type,
 * and one with bits in all of its bytes for an integer.
 */
static inline pto_scalar input_value(pto_dtype dtype, uint32_t rank, uint64_t index, uint32_t salt)
{
    uint32_t mixed = (uint32_t)(index % PERIOD * 2654435761u) ^ (rank * 40503u + salt * 9973u + 1) * 2246822519u;
    mixed ^= mixed >> 15;
    if (pto_dtype_is_float(dtype) && exact_inputs)
        return pto_scalar_f64((const double[]){1, -1, 2, 0.5}[mixed % 4]);
    if (pto_dtype_is_float(dtype))
        return pto_scalar_f64(((int32_t)(mixed % 23) - 11) * 0.37 + 0.01);
    return pto_scalar_i64((int64_t)(mixed * UINT64_C(0x9e3779b97f4a7c15)));
}

/* One period of what a rank sends. */
static inline void input_tile(pto_dtype dtype, uint32_t rank, uint32_t salt, char *tile)
{
    for (uint32_t i = 0; i < PERIOD; i++)
        oriel_element_set(dtype, tile + i * pto_dtype_bytes(dtype), input_value(dtype, rank, i, salt));
}

static inline double reduce_f64(pto_reduce op, pto_dtype dtype, double a, double b)
{
    (void)dtype;
    switch (op) {
    case PTO_SUM: return (double)((float)a + (float)b);
    case PTO_PROD: return (double)((float)a * (float)b);
    case PTO_MAX: return a > b ? a : b;
    default: return a < b ? a : b;
    }
}

static inline int64_t reduce_i64(pto_reduce op, int64_t a, int64_t b)
{
    switch (op) {
    case PTO_SUM: return (int64_t)((uint64_t)a + (uint64_t)b);
    case PTO_PROD: return (int64_t)((uint64_t)a * (uint64_t)b);
    case PTO_MAX: return a > b ? a : b;
    case PTO_AND: return a & b;
    case PTO_OR: return a | b;
    case PTO_XOR: return a ^ b;
    default: return a < b ? a : b;
    }
}

/* One period of the reduction over all ranks: in rank order, floating-point numbers in f32 and rounded once. */
static inline void reduced_tile(pto_dtype dtype, pto_reduce op, uint32_t ranks, uint32_t salt, char *tile)
{
    const uint32_t bytes = pto_dtype_bytes(dtype);
    char term[8];
    for (uint32_t i = 0; i < PERIOD; i++) {
        double f = 0;
        int64_t n = 0;
        for (uint32_t rank = 0; rank < ranks; rank++) {
            oriel_element_set(dtype, term, input_value(dtype, rank, i, salt));
            if (pto_dtype_is_float(dtype)) {
                double next = oriel_element_f64(dtype, term);
                f = rank == 0 ? next : reduce_f64(op, dtype, f, next);
            } else {
                int64_t next = oriel_element_i64(dtype, term);
                n = rank == 0 ? next : reduce_i64(op, n, next);
                oriel_element_set(dtype, term, pto_scalar_i64(n)); /* wraps at every step */
                n = oriel_element_i64(dtype, term);
            }
        }
        oriel_element_set(dtype, tile + i * bytes, pto_dtype_is_float(dtype) ? pto_scalar_f64(f) : pto_scalar_i64(n));
    }
}

/* Elements `from` .. `from + count - 1` of the endless repetition of a tile. */
static inline void lay_tile(const char *tile, uint32_t bytes, uint64_t from, uint64_t count, char *to)
{
    for (uint64_t done = 0, n; done < count; done += n) {
        uint64_t at = (from + done) % PERIOD;
        n = PERIOD - at < count - done ? PERIOD - at : count - done;
        memcpy(to + done * bytes, tile + at * bytes, n * bytes);
    }
}

static inline bool is_tile(const char *tile, uint32_t bytes, uint64_t from, uint64_t count, const char *data)
{
    for (uint64_t done = 0, n; done < count; done += n) {
        uint64_t at = (from + done) % PERIOD;
        n = PERIOD - at < count - done ? PERIOD - at : count - done;
        if (memcmp(data + done * bytes, tile + at * bytes, n * bytes) != 0)
            return false;
    }
    return true;
}

/* Calls of every kind, for tests that go through all of them. */
typedef enum test_kind {
    BARRIER,
    BROADCAST,
    REDUCE,
    ALLREDUCE,
    REDUCE_SCATTER,
    ALLGATHER,
    ALLTOALL,
    GATHER,
    SCATTER,
    TEST_KINDS
} test_kind;

typedef struct test_call {
    test_kind kind;
    pto_dtype dtype;
    pto_reduce op;
    uint64_t count;
    uint32_t root, salt;
    bool in_place;
} test_call;

static const char *const test_kind_names[TEST_KINDS] = {
    "barrier", "broadcast", "reduce", "all-reduce", "reduce-scatter", "all-gather", "all-to-all", "gather", "scatter"};

static inline bool test_reduces(test_kind kind)
{
    return kind == REDUCE || kind == ALLREDUCE || kind == REDUCE_SCATTER;
}

/* The call itself, in place or not. */
static inline oriel_status test_do(const test_call *call, void *send, void *recv, oriel_comm *comm)
{
    const bool root = oriel_comm_rank(comm) == call->root;
    void *from = call->in_place ? ORIEL_IN_PLACE : send, *at_root = call->in_place && root ? ORIEL_IN_PLACE : send;
    switch (call->kind) {
    case BARRIER: return oriel_barrier(comm);
    case BROADCAST: return oriel_broadcast(root ? send : recv, call->count, call->dtype, call->root, comm);
    case REDUCE: return oriel_reduce(at_root, recv, call->count, call->dtype, call->op, call->root, comm);
    case ALLREDUCE: return oriel_allreduce(from, recv, call->count, call->dtype, call->op, comm);
    case REDUCE_SCATTER: return oriel_reduce_scatter(from, recv, call->count, call->dtype, call->op, comm);
    case ALLGATHER: return oriel_allgather(from, recv, call->count, call->dtype, comm);
    case ALLTOALL: return oriel_alltoall(from, recv, call->count, call->dtype, comm);
    case GATHER: return oriel_gather(at_root, recv, call->count, call->dtype, call->root, comm);
    default:
        return oriel_scatter(send, call->in_place && root ? ORIEL_IN_PLACE : recv, call->count, call->dtype, call->root,
                             comm);
    }
}

/* Bytes of a buffer that is large enough for any call with this count. */
static inline uint64_t test_bytes(uint64_t count, pto_dtype dtype, uint32_t ranks)
{
    return ((count * ranks + 1) * pto_dtype_bytes(dtype) + 63) / 64 * 64;
}

/*
 * Tiles of one type: what each rank sends, and each of their reductions, with each of three salts, so that no call finds right
 * what the call before has left.
 */
#define SALTS      3
#define TILE_BYTES ((uint64_t)PERIOD * 8)

typedef struct test_tiles {
    uint32_t ranks;
    pto_dtype dtype;
    char *tile; /* [SALTS][ranks + PTO_REDUCE_COUNT] */
} test_tiles;

static inline char *test_tile(const test_tiles *tiles, uint32_t salt, uint32_t index)
{
    return tiles->tile + (salt % SALTS * (tiles->ranks + PTO_REDUCE_COUNT) + index) * TILE_BYTES;
}

static inline char *test_reduced(const test_tiles *tiles, uint32_t salt, pto_reduce op)
{
    return test_tile(tiles, salt, tiles->ranks + (uint32_t)op);
}

static inline test_tiles test_tiles_make(pto_dtype dtype, uint32_t ranks)
{
    test_tiles tiles = {ranks, dtype, malloc(SALTS * (ranks + PTO_REDUCE_COUNT) * TILE_BYTES)};
    for (uint32_t salt = 0; salt < SALTS; salt++) {
        for (uint32_t r = 0; r < ranks; r++)
            input_tile(dtype, r, salt, test_tile(&tiles, salt, r));
        for (uint32_t op = 0; op < PTO_REDUCE_COUNT; op++)
            if (pto_reduce_takes((pto_reduce)op, dtype))
                reduced_tile(dtype, (pto_reduce)op, ranks, salt, test_reduced(&tiles, salt, (pto_reduce)op));
    }
    return tiles;
}

static inline oriel_status test_wrong(const test_call *call, const oriel_comm *comm, uint32_t block)
{
    return oriel_fail(ORIEL_WRONG, "rank %u of %u: wrong block %u of %s of %llu %s, %s, root %u, salt %u%s",
                      oriel_comm_rank(comm), oriel_comm_size(comm), block, test_kind_names[call->kind],
                      (unsigned long long)call->count, oriel_dtype_name(call->dtype), oriel_reduce_name(call->op),
                      call->root, call->salt, call->in_place ? ", in place" : "");
}

/* Makes the inputs, does the call, and looks at every byte that it should have written, at those after, and at the input. */
static inline oriel_status test_call_checked(const test_call *call, char *send, char *recv, const test_tiles *tiles,
                                             oriel_comm *comm)
{
    const uint32_t rank = oriel_comm_rank(comm), ranks = oriel_comm_size(comm), bytes = pto_dtype_bytes(call->dtype);
    const uint64_t count = call->count;
    const bool root = rank == call->root, in_place = call->in_place;
    const char *mine = test_tile(tiles, call->salt, rank), *rooted = test_tile(tiles, call->salt, call->root);
    const char *reduced = test_reduced(tiles, call->salt, call->op);
    const bool each = call->kind == REDUCE_SCATTER || call->kind == ALLTOALL || call->kind == SCATTER;
    const uint64_t sent = count * (each ? ranks : 1), room = (count * ranks + 1) * bytes;
    memset(recv, 0x5a, room);
    lay_tile(mine, bytes, 0, sent, send);
    if (in_place && (call->kind == ALLREDUCE || call->kind == ALLTOALL || call->kind == REDUCE_SCATTER))
        lay_tile(mine, bytes, 0, sent, recv);
    if (in_place && root && call->kind == REDUCE)
        lay_tile(mine, bytes, 0, sent, recv);
    if (in_place && (call->kind == ALLGATHER || (root && call->kind == GATHER)))
        lay_tile(mine, bytes, 0, count, recv + rank * count * bytes);

    oriel_status status = test_do(call, send, recv, comm);
    if (status != ORIEL_OK)
        return status;

    if (!is_tile(mine, bytes, 0, sent, send))
        return test_wrong(call, comm, UINT32_MAX); /* the input was spoiled */
    uint64_t written = 0;
    for (uint32_t r = 0; r < ranks; r++) {
        const char *block = recv + r * count * bytes, *its = test_tile(tiles, call->salt, r);
        bool right = true;
        switch (call->kind) {
        case ALLGATHER: right = is_tile(its, bytes, 0, count, block); break;
        case GATHER: right = !root || is_tile(its, bytes, 0, count, block); break;
        case ALLTOALL: right = is_tile(its, bytes, rank * count, count, block); break;
        default: break;
        }
        if (!right)
            return test_wrong(call, comm, r);
    }
    switch (call->kind) {
    case ALLGATHER:
    case ALLTOALL: written = count * ranks; break;
    case GATHER: written = root ? count * ranks : 0; break;
    case BROADCAST:
        written = root ? 0 : count;
        if (!is_tile(rooted, bytes, 0, written, recv))
            return test_wrong(call, comm, 0);
        break;
    case SCATTER:
        written = root && in_place ? 0 : count;
        if (!is_tile(rooted, bytes, rank * count, written, recv))
            return test_wrong(call, comm, 0);
        break;
    case ALLREDUCE:
    case REDUCE:
        written = call->kind == ALLREDUCE || root ? count : 0;
        if (!is_tile(reduced, bytes, 0, written, recv))
            return test_wrong(call, comm, 0);
        break;
    case REDUCE_SCATTER:
        written = in_place ? count * ranks : count; /* the rest of an input in place is undefined */
        if (!is_tile(reduced, bytes, rank * count, count, recv))
            return test_wrong(call, comm, 0);
        break;
    default: break;
    }
    for (const char *after = recv + written * bytes; after < recv + room; after++)
        if (*after != 0x5a)
            return test_wrong(call, comm, ranks);
    return ORIEL_OK;
}

#endif
