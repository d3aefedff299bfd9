/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Element j of what rank r sends is a whole number made of r and j, spread so that a block that lands in another place, or
 * comes from another rank, shows in nearly every element. The numbers are small: every type holds them, and sums of them in f32 are
 * exact, so that what oriel/comm.h promises (reduced in f32 or modulo 2^bits, rounded once) leaves one right answer, bit for
 * bit.
 */
#include "cli/bench.h"

#include <math.h>
#include <string.h>

#include "isa/element.h"

/* Elements that are made at a time. */
#define CHUNK 512

static int64_t contribution(const bench_call *call, uint32_t rank, uint64_t j)
{
    static const int8_t factor[] = {1, 2, 1, -1};
    const uint64_t mixed = (j + 1 + rank * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xd1b54a32d192ed03) >> 40;
    if (call->operation->reduces && call->reduce == PTO_SUM)
        return (int64_t)(mixed & 7);
    if (call->operation->reduces && call->reduce == PTO_PROD)
        return factor[mixed & 3];
    return (int64_t)(mixed & 127);
}

static oriel_value combine(pto_dtype dtype, pto_reduce reduce, oriel_value a, oriel_value b)
{
    const bool is_float = pto_dtype_is_float(dtype);
    switch (reduce) {
    case PTO_SUM:
        return is_float ? (oriel_value){.f = a.f + b.f} : (oriel_value){.i = (int64_t)((uint64_t)a.i + (uint64_t)b.i)};
    case PTO_PROD:
        return is_float ? (oriel_value){.f = a.f * b.f} : (oriel_value){.i = (int64_t)((uint64_t)a.i * (uint64_t)b.i)};
    case PTO_MAX: return is_float ? (oriel_value){.f = fmax(a.f, b.f)} : a.i > b.i ? a : b;
    case PTO_MIN: return is_float ? (oriel_value){.f = fmin(a.f, b.f)} : a.i < b.i ? a : b;
    case PTO_AND: return (oriel_value){.i = a.i & b.i};
    case PTO_OR: return (oriel_value){.i = a.i | b.i};
    case PTO_XOR: return (oriel_value){.i = a.i ^ b.i};
    case PTO_REDUCE_COUNT: break;
    }
    return a;
}

static void store(pto_dtype dtype, const oriel_value *value, uint64_t count, void *bytes)
{
    switch (dtype) {
#define STORED_F(name, value) oriel_narrow_##name((float)(value).f)
#define STORED_I(name, value) (oriel_##name)(value).i
#define STORED_U(name, value) (oriel_##name)(value).i
#define STORE(constant, name, size, kind)                                                                              \
    case PTO_##constant:                                                                                               \
        for (uint64_t i = 0; i < count; i++)                                                                           \
            ((oriel_##name *)bytes)[i] = STORED_##kind(name, value[i]);                                                \
        return;
        PTO_DTYPES(STORE)
#undef STORE
    case PTO_DTYPE_COUNT: return;
    }
}

/* Elements first .. first+count-1, at most CHUNK, of what `rank` sends. */
static void make_input(const bench_call *call, uint32_t rank, uint64_t first, uint64_t count, void *bytes)
{
    oriel_value value[CHUNK];
    for (uint64_t i = 0; i < count; i++)
        value[i] = oriel_value_of(call->dtype, contribution(call, rank, first + i));
    store(call->dtype, value, count, bytes);
}

/* The same of the reduction of what all send. */
static void make_reduced(const bench_call *call, uint64_t first, uint64_t count, void *bytes)
{
    oriel_value value[CHUNK];
    for (uint64_t i = 0; i < count; i++) {
        value[i] = oriel_value_of(call->dtype, contribution(call, 0, first + i));
        for (uint32_t rank = 1; rank < call->ranks; rank++)
            value[i] = combine(call->dtype, call->reduce, value[i],
                               oriel_value_of(call->dtype, contribution(call, rank, first + i)));
    }
    store(call->dtype, value, count, bytes);
}

/*
 * Elements of `rank`'s result from `first` on, inside one block of it, at most CHUNK and up to `end`. Returns how many.
 *
 * Block b of a result that has one for each rank is from rank b; other results are from the root, or from all, reduced. Of what
 * that rank sends, it is the block for `rank`, if there is one for each, else all.
 */
static uint64_t make_result(const bench_call *call, uint32_t rank, uint64_t first, uint64_t end, void *bytes)
{
    const bench_operation *operation = call->operation;
    const uint64_t block = operation->recv_each ? first / call->count : 0;
    const uint64_t in_block = first - block * call->count, left = call->count - in_block;
    uint64_t count = end - first < CHUNK ? end - first : CHUNK;
    count = count < left ? count : left;
    const uint64_t sent = in_block + (operation->send_each ? rank * call->count : 0);
    if (operation->reduces)
        make_reduced(call, sent, count, bytes);
    else
        make_input(call, operation->recv_each ? (uint32_t)block : call->root, sent, count, bytes);
    return count;
}

bench_place bench_place_of(const bench_call *call, uint32_t rank, void *send, void *recv)
{
    const bench_operation *operation = call->operation;
    if (!operation->moves)
        return (bench_place){0};
    const uint64_t block = call->count * pto_dtype_bytes(call->dtype);
    const bool is_root = rank == call->root, scatters = operation->rooted && operation->send_each;
    bench_place place = {.input = send, .result = recv, .send = send, .recv = recv};
    place.inputs = call->count * (operation->send_each ? call->ranks : 1);
    place.results = call->count * (operation->recv_each ? call->ranks : 1);
    if (operation->rooted && !operation->in_place) /* broadcast has one buffer */
        place.input = recv;
    if (call->in_place && (!operation->rooted || is_root)) {
        if (scatters) {
            place.result = place.input + rank * block;
            place.recv = ORIEL_IN_PLACE;
        } else {
            place.input = place.result + (operation->recv_each && !operation->send_each ? rank * block : 0);
            place.send = ORIEL_IN_PLACE;
        }
    }
    const bool from_root = operation->rooted && !operation->reduces && !operation->recv_each;
    if (from_root && !is_root)
        place.input = NULL;
    if (operation->rooted && !from_root && !is_root)
        place.result = NULL;
    return place;
}

void bench_fill(const bench_call *call, uint32_t rank, const bench_place *place)
{
    const uint32_t each = pto_dtype_bytes(call->dtype);
    for (uint64_t i = 0; place->input && i < place->inputs; i += CHUNK) {
        const uint64_t left = place->inputs - i;
        make_input(call, rank, i, left < CHUNK ? left : CHUNK, place->input + i * each);
    }
}

void bench_spoil(const bench_call *call, uint32_t rank, const bench_place *place)
{
    const uint32_t each = pto_dtype_bytes(call->dtype);
    for (uint64_t i = 0, made; place->result && i < place->results; i += made) {
        char *bytes = place->result + i * each;
        made = make_result(call, rank, i, place->results, bytes);
        for (uint64_t at = 0; at < made * each; at++)
            bytes[at] = (char)~bytes[at];
    }
}

uint64_t bench_wrong(const bench_call *call, uint32_t rank, const bench_place *place)
{
    const uint32_t each = pto_dtype_bytes(call->dtype);
    uint64_t wrong = 0, right[CHUNK];
    for (uint64_t i = 0, made; place->result && i < place->results; i += made) {
        const char *got = place->result + i * each;
        made = make_result(call, rank, i, place->results, right);
        if (memcmp(got, right, made * each) == 0)
            continue;
        for (uint64_t k = 0; k < made; k++)
            wrong += memcmp(got + k * each, (const char *)right + k * each, each) != 0;
    }
    return wrong;
}
