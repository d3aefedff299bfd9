/* SPDX-License-Identifier: Apache-2.0 */
/* What the compiler for silicon declares by itself: pipes, flags, fences, the cache, the number of this block. */
#ifndef ORIEL_COMPAT_PIPES_HPP
#define ORIEL_COMPAT_PIPES_HPP

#include "oriel/compat/detail/device.hpp"

enum pipe_t : int { PIPE_S, PIPE_V, PIPE_M, PIPE_MTE1, PIPE_MTE2, PIPE_MTE3, PIPE_ALL, PIPE_FIX };
enum event_t : int { EVENT_ID0, EVENT_ID1, EVENT_ID2, EVENT_ID3, EVENT_ID4, EVENT_ID5, EVENT_ID6, EVENT_ID7 };
enum mem_dsb_t : int { DSB_ALL, DSB_DDR, DSB_UB, DSB_SEQ };
enum cache_line_t : int { SINGLE_CACHE_LINE, ENTIRE_DATA_CACHE };
enum dcci_dst_t : int { CACHELINE_ALL, CACHELINE_UB, CACHELINE_OUT, CACHELINE_ATOMIC };
#define EVENT_ID_MAX 8

namespace oriel::compat
{

/* PTO_PIPE_COUNT: one that there is not. */
constexpr pto_pipe pipe_of(pipe_t pipe)
{
    switch (pipe) {
    case PIPE_S: return PTO_PIPE_S;
    case PIPE_V: return PTO_PIPE_V;
    case PIPE_MTE2: return PTO_PIPE_MTE2;
    case PIPE_MTE3: return PTO_PIPE_MTE3;
    case PIPE_ALL: return PTO_PIPE_ALL;
    case PIPE_M: return PTO_PIPE_M;
    case PIPE_MTE1: return PTO_PIPE_MTE1;
    case PIPE_FIX: return PTO_PIPE_FIX;
    }
    return PTO_PIPE_COUNT;
}

ORIEL_COMPAT_INLINE void sync(pto_op op, pto_pipe src, pto_pipe dst, uint32_t id, pto_addr addr)
{
    pto_sync record{};
    record.op = op;
    record.src = src;
    record.dst = dst;
    record.id = id;
    record.addr = addr;
    oriel_front_sync(&record);
}

} // namespace oriel::compat

/* An id that is an int is as good as an event_t: kernels compute them. */
ORIEL_COMPAT_INLINE void set_flag(pipe_t src, pipe_t dst, int id)
{
    using namespace oriel::compat;
    sync(PTO_OP_SET_FLAG, pipe_of(src), pipe_of(dst), static_cast<uint32_t>(id), 0);
}

ORIEL_COMPAT_INLINE void wait_flag(pipe_t src, pipe_t dst, int id)
{
    using namespace oriel::compat;
    sync(PTO_OP_WAIT_FLAG, pipe_of(src), pipe_of(dst), static_cast<uint32_t>(id), 0);
}

ORIEL_COMPAT_INLINE void pipe_barrier(pipe_t pipe)
{
    using namespace oriel::compat;
    sync(PTO_OP_PIPE_BARRIER, pipe_of(pipe), PTO_PIPE_S, 0, 0);
}

/* A fence of the Unified Buffer has nothing to order: a kernel has no pointers into it here. */
ORIEL_COMPAT_INLINE void dsb(int what)
{
    if (what != DSB_UB)
        oriel::compat::sync(PTO_OP_DSB, PTO_PIPE_S, PTO_PIPE_S, 0, 0);
}

/* Both directions: the line, or the whole cache, is cleaned and invalidated. A line that is no device's is in no cache. */
ORIEL_COMPAT_INLINE void dcci(const volatile void *at, int lines)
{
    const pto_addr addr = lines == ENTIRE_DATA_CACHE ? 0 : oriel_front_address(at);
    if (addr != 0 || lines == ENTIRE_DATA_CACHE)
        oriel::compat::sync(PTO_OP_DCCI, PTO_PIPE_S, PTO_PIPE_S, 0, addr);
}

ORIEL_COMPAT_INLINE void dcci(const volatile void *at, int lines, int)
{
    dcci(at, lines);
}

/* A load and a store that go around the data cache. The unit of `offset` is not published; kernels pass 0. */
template <typename T> ORIEL_COMPAT_INLINE T ld_dev(const volatile T *at, int offset)
{
    if (offset != 0)
        oriel_front_trap("ld_dev with an offset is not supported yet (docs/compat.md)");
    T value;
    oriel_front_read_device(at, sizeof value, &value);
    return value;
}

template <typename V, typename T> ORIEL_COMPAT_INLINE void st_dev(V value, volatile T *at, int offset)
{
    if (offset != 0)
        oriel_front_trap("st_dev with an offset is not supported yet (docs/compat.md)");
    const T stored = static_cast<T>(value);
    oriel_front_write_device(at, sizeof stored, &stored);
}

/* Which block of the kernel this is. Blocks are vector cores of their own here: none has a second one beside it. */
ORIEL_COMPAT_INLINE int64_t get_block_idx()
{
    return oriel_front_block();
}

ORIEL_COMPAT_INLINE int64_t get_block_num()
{
    return oriel_front_blocks();
}

ORIEL_COMPAT_INLINE int64_t get_subblockid()
{
    return 0;
}

ORIEL_COMPAT_INLINE int64_t get_subblockdim()
{
    return 1;
}

#endif
