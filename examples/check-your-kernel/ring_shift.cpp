/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ring shift, in C++: every rank hands its data to its right neighbour. The kernel of ../my-first-collective, which is in C, with the
 * templates and plain pointers of the tile instruction set.
 */
#include <cstdint>

#include <pto/pto-inst.hpp>

#include "platform_comm/comm_context.h"
#include "pto/comm/comm_types.hpp"
#include "pto/comm/pto_comm_inst.hpp"
#include "tensor.h"

using namespace pto;

constexpr int COUNT = 1024, LINE = 16; /* int32 cells of a cache line: each signal has one of its own */
enum { ARRIVED, TAKEN, CALLS };

using Row = GlobalTensor<float, Shape<1, 1, 1, 1, COUNT>, Stride<COUNT, COUNT, COUNT, COUNT, 1>>;
using RowTile = Tile<TileType::Vec, float, 1, COUNT>;

/* Where on rank `rank` lies what lies at `mine` in my own window. */
template <typename T> AICORE inline __gm__ T *on_rank(__gm__ CommContext *comm, __gm__ T *mine, uint32_t rank)
{
    const uint64_t offset = reinterpret_cast<uint64_t>(mine) - comm->windowsIn[comm->rankId];
    return reinterpret_cast<__gm__ T *>(comm->windowsIn[rank] + offset);
}

AICORE inline void copy(Row &to, Row &from)
{
    RowTile tile;
    TASSIGN(tile, 0x0);
    TLOAD(tile, from);
    set_flag(PIPE_MTE2, PIPE_MTE3, EVENT_ID0);
    wait_flag(PIPE_MTE2, PIPE_MTE3, EVENT_ID0);
    TSTORE(to, tile);
    pipe_barrier(PIPE_ALL);
    dsb(DSB_DDR); /* a signal overtakes data that is still on its way */
}

AICORE inline void tell(__gm__ int32_t *cell, int32_t value)
{
    comm::Signal signal(cell);
    comm::TNOTIFY(signal, value, comm::NotifyOp::Set);
}

AICORE inline void hear(__gm__ int32_t *cell, int32_t value)
{
    comm::Signal signal(cell);
    comm::TWAIT(signal, value, comm::WaitCmp::EQ);
}

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    __gm__ ChipTensor *in = reinterpret_cast<__gm__ ChipTensor *>(args[0]);
    __gm__ ChipTensor *out = reinterpret_cast<__gm__ ChipTensor *>(args[1]);
    __gm__ float *inbox = reinterpret_cast<__gm__ float *>(args[2]);
    __gm__ int32_t *signals = reinterpret_cast<__gm__ int32_t *>(args[3]);
    __gm__ CommContext *comm = reinterpret_cast<__gm__ CommContext *>(args[4]);
    const uint32_t right = (comm->rankId + 1) % comm->rankNum;
    const uint32_t left = (comm->rankId + comm->rankNum - 1) % comm->rankNum;
    const int32_t calls = signals[CALLS * LINE]; /* before this one: windows are not zeroed in between */

    /* Not before my right neighbour has taken what I sent it in the call before. */
    hear(signals + TAKEN * LINE, calls);
    Row mine(reinterpret_cast<__gm__ float *>(in->buffer.addr)), its(on_rank(comm, inbox, right));
    copy(its, mine);
    tell(on_rank(comm, signals + ARRIVED * LINE, right), calls + 1);

    hear(signals + ARRIVED * LINE, calls + 1);
    Row arrived(inbox), result(reinterpret_cast<__gm__ float *>(out->buffer.addr));
    copy(result, arrived);
    tell(on_rank(comm, signals + TAKEN * LINE, left), calls + 1);
    tell(signals + CALLS * LINE, calls + 1);
}
