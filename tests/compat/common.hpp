/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What these kernels share. Each is one file in the dialect of the tile instruction set, with a launch of the same name, and
 * its first line says what the checker must find in it: nothing, or a finding of a kind with a side on a line.
 */
#ifndef ORIEL_TESTS_COMPAT_COMMON_HPP
#define ORIEL_TESTS_COMPAT_COMMON_HPP

#include <cstdint>

#include <pto/pto-inst.hpp>

#include "platform_comm/comm_context.h"
#include "pto/comm/comm_types.hpp"
#include "pto/comm/pto_comm_inst.hpp"
#include "tensor.h"

constexpr int COUNT = 128;
constexpr int LINE = 16; /* int32 cells of a cache line */

/* What a kernel is given (launch.h). */
template <typename T> struct given {
    __gm__ T *in, *out, *scratch;
    __gm__ int32_t *signals;
    int ranks, rank;
    __gm__ CommContext *comm;

    /* Where in the window of rank `other` lies what lies at `mine` in my own. */
    template <typename U> AICORE inline __gm__ U *at(__gm__ U *mine, int other) const
    {
        const uint64_t offset = reinterpret_cast<uint64_t>(mine) - comm->windowsIn[rank];
        return reinterpret_cast<__gm__ U *>(comm->windowsIn[other] + offset);
    }
    /* The line that rank `writer` writes in phase 0 or 1; the last one is my own. */
    AICORE inline __gm__ int32_t *cell(int phase, int writer) const
    {
        return signals + (phase * ranks + writer) * LINE;
    }
    AICORE inline __gm__ int32_t *calls() const
    {
        return signals + 2 * ranks * LINE;
    }
};

template <typename T> AICORE inline given<T> take(__gm__ int64_t *args)
{
    __gm__ ChipTensor *in = reinterpret_cast<__gm__ ChipTensor *>(args[0]);
    __gm__ ChipTensor *out = reinterpret_cast<__gm__ ChipTensor *>(args[1]);
    given<T> g;
    g.in = reinterpret_cast<__gm__ T *>(in->buffer.addr) + in->start_offset;
    g.out = reinterpret_cast<__gm__ T *>(out->buffer.addr) + out->start_offset;
    g.scratch = reinterpret_cast<__gm__ T *>(args[2]);
    g.signals = reinterpret_cast<__gm__ int32_t *>(args[3]);
    g.ranks = static_cast<int>(args[4]);
    g.comm = reinterpret_cast<__gm__ CommContext *>(args[5]);
    g.rank = static_cast<int>(g.comm->rankId);
    return g;
}

/* All of a row, COUNT elements: in memory, and in the core. */
template <typename T>
using Row = pto::GlobalTensor<T, pto::Shape<1, 1, 1, 1, COUNT>, pto::Stride<COUNT, COUNT, COUNT, COUNT, 1>>;
template <typename T> using RowTile = pto::Tile<pto::TileType::Vec, T, 1, COUNT>;

AICORE inline void drain()
{
    pipe_barrier(PIPE_ALL);
    dsb(DSB_DDR);
}

/* All ranks have come here, for the `turn`th time: what each drained before is there for all after it. */
template <typename T> AICORE inline void meet(const given<T> &g, int phase, int32_t turn)
{
    for (int r = 0; r < g.ranks; r++) {
        pto::comm::Signal cell(g.at(g.cell(phase, g.rank), r));
        pto::comm::TNOTIFY(cell, turn, pto::comm::NotifyOp::Set);
    }
    for (int r = 0; r < g.ranks; r++) {
        pto::comm::Signal cell(g.cell(phase, r));
        pto::comm::TWAIT(cell, turn, pto::comm::WaitCmp::GE);
    }
}

/* Windows are not zeroed between calls: this one's number, from 1, and at its end the way to the next. */
template <typename T> AICORE inline int32_t turn_of(const given<T> &g)
{
    return *g.calls() + 1;
}

template <typename T> AICORE inline void leave(const given<T> &g, int32_t turn)
{
    drain();
    meet(g, 1, turn);
    pto::comm::Signal calls(g.calls());
    pto::comm::TNOTIFY(calls, turn, pto::comm::NotifyOp::Set);
}

#endif
