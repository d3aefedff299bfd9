/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Combining what the ranks contribute, in their order. Every way of every reduction comes here, and an element's result
 * depends on its terms alone, so that they all give the same bits.
 */
#include "comm/team.h"
#include "isa/isa.h"
#include "isa/vector.h"

/* Sums of this many bytes stay in the first-level cache beside the lines that stream in. */
#define BLOCK_BYTES 8192

/* And of so many that go around the caches: stores to memory are then under way beside loads. */
#define STREAM_BYTES 512

/* A 16-bit maximum is one of its terms: nothing is rounded. */
static bool widens(pto_dtype dtype, pto_reduce op)
{
    return (dtype == PTO_F16 || dtype == PTO_BF16) && (op == PTO_SUM || op == PTO_PROD);
}

/* `count` elements from `skip` on. All terms of an element are read before its result is written. */
static void combine_block(pto_dtype dtype, pto_reduce op, char *dst, const void *const *term, uint32_t terms,
                          uint64_t skip, uint64_t count)
{
    _Alignas(64) char sum[BLOCK_BYTES];
    const uint64_t bytes = pto_dtype_bytes(dtype);
    const void *so_far = (const char *)term[0] + skip * bytes;
    for (uint32_t i = 1; i < terms; i++) {
        void *into = i == terms - 1 ? dst : sum;
        oriel_reduce_into(dtype, op, into, so_far, (const char *)term[i] + skip * bytes, count);
        so_far = into;
    }
}

static void combine_block_wide(pto_dtype dtype, pto_reduce op, char *dst, const void *const *term, uint32_t terms,
                               uint64_t skip, uint64_t count)
{
    _Alignas(64) float sum[BLOCK_BYTES / sizeof(float)], next[BLOCK_BYTES / sizeof(float)];
    const uint64_t bytes = pto_dtype_bytes(dtype);
    oriel_vector->to_f32[dtype](sum, (const char *)term[0] + skip * bytes, count);
    for (uint32_t i = 1; i < terms; i++) {
        oriel_vector->to_f32[dtype](next, (const char *)term[i] + skip * bytes, count);
        oriel_reduce_into(PTO_F32, op, sum, sum, next, count);
    }
    oriel_vector->from_f32[dtype](dst, sum, count, PTO_ROUND_NEAREST);
}

void oriel_combine(pto_dtype dtype, pto_reduce op, void *dst, const void *const *term, uint32_t terms, uint64_t count)
{
    const uint64_t bytes = pto_dtype_bytes(dtype);
    if (terms == 1) {
        if (dst != term[0])
            memcpy(dst, term[0], count * bytes);
    } else if (terms == 2) { /* rounded once in any case */
        oriel_reduce_into(dtype, op, dst, term[0], term[1], count);
    } else {
        const bool wide = widens(dtype, op);
        const uint64_t most = wide ? BLOCK_BYTES / sizeof(float) : BLOCK_BYTES / bytes;
        for (uint64_t done = 0, n; done < count; done += n) {
            n = count - done < most ? count - done : most;
            (wide ? combine_block_wide : combine_block)(dtype, op, (char *)dst + done * bytes, term, terms, done, n);
        }
    }
}

typedef void give_fn(void *const *to, size_t targets, const void *from, size_t bytes);

static void copy_to_all(void *const *to, size_t targets, const void *from, size_t bytes)
{
    for (size_t i = 0; i < targets; i++)
        memcpy(to[i], from, bytes);
}

/* In blocks of `block` bytes, each of which is given to all. */
static void combine_blocks(pto_dtype dtype, pto_reduce op, void **dst, uint32_t targets, const void **term,
                           uint32_t terms, uint64_t count, uint64_t block, give_fn *give)
{
    _Alignas(64) char result[BLOCK_BYTES];
    const uint64_t bytes = pto_dtype_bytes(dtype), most = block / bytes;
    for (uint64_t done = 0, n; done < count; done += n) {
        n = count - done < most ? count - done : most;
        oriel_combine(dtype, op, result, term, terms, n);
        give(dst, targets, result, n * bytes);
        for (uint32_t i = 0; i < targets; i++)
            dst[i] = (char *)dst[i] + n * bytes;
        for (uint32_t i = 0; i < terms; i++)
            term[i] = (const char *)term[i] + n * bytes;
    }
}

/* Others cannot be stored to around the caches, and a block would be copied in vain. */
static bool on_lines(void *const *dst, uint32_t targets)
{
    uintptr_t beside = 0;
    for (uint32_t i = 0; i < targets; i++)
        beside |= (uintptr_t)dst[i] % ORIEL_LINE;
    return beside == 0;
}

void oriel_combine_to(pto_dtype dtype, pto_reduce op, void **dst, uint32_t targets, bool stream, const void **term,
                      uint32_t terms, uint64_t count)
{
    if (stream && on_lines(dst, targets)) {
        combine_blocks(dtype, op, dst, targets, term, terms, count, STREAM_BYTES, oriel_vector->stream);
        oriel_vector->stream_end();
    } else if (targets == 1) {
        oriel_combine(dtype, op, dst[0], term, terms, count);
    } else if (targets == 2 && terms == 2) {
        oriel_reduce_into_both(dtype, op, dst[0], dst[1], term[0], term[1], count);
    } else {
        combine_blocks(dtype, op, dst, targets, term, terms, count, BLOCK_BYTES, copy_to_all);
    }
}
