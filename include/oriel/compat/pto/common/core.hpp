/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the compiler for silicon knows by itself: pipes, flags, fences, the cache, which block this is, and its storage types.
 * A kernel in C++ gets it with any header of oriel/compat.
 */
#ifndef ORIEL_COMPAT_PTO_CORE_HPP
#define ORIEL_COMPAT_PTO_CORE_HPP

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "oriel/front.h"

#ifndef __gm__
#define __gm__
#endif
#ifndef __ubuf__
#define __ubuf__
#endif
#ifndef __cbuf__
#define __cbuf__
#endif
#ifndef __aicore__
#define __aicore__
#endif
#ifndef AICORE
#define AICORE __attribute__((always_inline))
#endif
#define PTO_INTERNAL inline __attribute__((always_inline))
#define PTO_INST     inline __attribute__((always_inline))

/* 16-bit floating-point numbers, as they lie in memory: a kernel's scalar unit does not compute with them. */
struct half {
    uint16_t bits;
};
struct bfloat16_t {
    uint16_t bits;
};

enum pipe_t : uint8_t { PIPE_S, PIPE_V, PIPE_MTE1, PIPE_MTE2, PIPE_MTE3, PIPE_M, PIPE_FIX, PIPE_ALL };

enum event_t : uint8_t { EVENT_ID0, EVENT_ID1, EVENT_ID2, EVENT_ID3, EVENT_ID4, EVENT_ID5, EVENT_ID6, EVENT_ID7 };

enum mem_dsb_t : uint8_t { DSB_ALL, DSB_DDR, DSB_UB, DSB_SEQ };
enum cache_line_t : uint8_t { SINGLE_CACHE_LINE, ENTIRE_DATA_CACHE };
enum dcci_dst_t : uint8_t { CACHELINE_ALL, CACHELINE_UB, CACHELINE_OUT, CACHELINE_ATOMIC };

namespace oriel_compat
{

PTO_INTERNAL pto_pipe pipe_of(pipe_t pipe)
{
    switch (pipe) {
    case PIPE_V: return PTO_PIPE_V;
    case PIPE_MTE2: return PTO_PIPE_MTE2;
    case PIPE_MTE3: return PTO_PIPE_MTE3;
    case PIPE_MTE1: return PTO_PIPE_MTE1;
    case PIPE_M: return PTO_PIPE_M;
    case PIPE_FIX: return PTO_PIPE_FIX;
    case PIPE_ALL: return PTO_PIPE_ALL;
    default: return PTO_PIPE_S;
    }
}

PTO_INTERNAL void sync(pto_op op, pipe_t from, pipe_t to, uint32_t id, pto_addr addr)
{
    pto_sync record{};
    record.op = op;
    record.src = pipe_of(from);
    record.dst = pipe_of(to);
    record.id = id;
    record.addr = addr;
    oriel_front_sync(&record);
}

} // namespace oriel_compat

PTO_INTERNAL void set_flag(pipe_t from, pipe_t to, event_t id)
{
    oriel_compat::sync(PTO_OP_SET_FLAG, from, to, id, 0);
}

PTO_INTERNAL void wait_flag(pipe_t from, pipe_t to, event_t id)
{
    oriel_compat::sync(PTO_OP_WAIT_FLAG, from, to, id, 0);
}

PTO_INTERNAL void pipe_barrier(pipe_t pipe)
{
    oriel_compat::sync(PTO_OP_PIPE_BARRIER, pipe, PIPE_S, 0, 0);
}

PTO_INTERNAL void dsb(mem_dsb_t)
{
    oriel_compat::sync(PTO_OP_DSB, PIPE_S, PIPE_S, 0, 0);
}

PTO_INTERNAL void dsb(int)
{
    oriel_compat::sync(PTO_OP_DSB, PIPE_S, PIPE_S, 0, 0);
}

/* The line of device memory that `at` lies in, or the core's whole cache. Other memory has no line. */
template <typename T> PTO_INTERNAL void dcci(T *at, cache_line_t lines)
{
    const pto_addr addr = lines == ENTIRE_DATA_CACHE ? 0 : oriel_front_address(at);
    if (lines == ENTIRE_DATA_CACHE || addr != 0)
        oriel_compat::sync(PTO_OP_DCCI, PIPE_S, PIPE_S, 0, addr);
}

template <typename T> PTO_INTERNAL void dcci(T *at, cache_line_t lines, dcci_dst_t)
{
    dcci(at, lines);
}

/* Around the cache: what is in memory at `at` and `offset` bytes behind it. */
template <typename T> PTO_INTERNAL T ld_dev(T *at, int offset)
{
    T value;
    oriel_front_read_device(reinterpret_cast<char *>(at) + offset, sizeof value, &value);
    return value;
}

template <typename T> PTO_INTERNAL void st_dev(T value, T *at, int offset)
{
    oriel_front_write_device(reinterpret_cast<char *>(at) + offset, sizeof value, &value);
}

/* The barrier among the blocks of a kernel. */
PTO_INTERNAL void ffts_cross_core_sync_all()
{
    oriel_compat::sync(PTO_OP_CORE_BARRIER, PIPE_S, PIPE_S, 0, 0);
}

PTO_INTERNAL int64_t get_block_idx()
{
    return oriel_front_core()->block;
}

PTO_INTERNAL int64_t get_block_num()
{
    return oriel_front_core()->blocks;
}

PTO_INTERNAL int64_t get_subblockid()
{
    return 0;
}

PTO_INTERNAL int64_t get_subblockdim()
{
    return 1;
}

#endif
