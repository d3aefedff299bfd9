/* SPDX-License-Identifier: Apache-2.0 */
/* Puts this rank's row into its neighbour's window, in the half of this call, and tells it. */
#include "../common.hpp"

#include "pto_async_kernel_api.h"

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    __gm__ ChipTensor *in = reinterpret_cast<__gm__ ChipTensor *>(args[0]);
    __gm__ ChipTensor *half = reinterpret_cast<__gm__ ChipTensor *>(args[1]);
    __gm__ int32_t *counter = reinterpret_cast<__gm__ int32_t *>(args[2]);
    __gm__ CommContext *comm = reinterpret_cast<__gm__ CommContext *>(args[3]);
    const uint32_t next = (comm->rankId + 1) % comm->rankNum;
    const uint64_t far = comm->windowsIn[next] - comm->windowsIn[comm->rankId];
    RowTile<float> tile;
    TASSIGN(tile, 0x0);

    Row<float> from(reinterpret_cast<__gm__ float *>(in->buffer.addr) + in->start_offset);
    Row<float> to(reinterpret_cast<__gm__ float *>(half->buffer.addr + far) + half->start_offset);
    TLOAD(tile, from);
    set_flag(PIPE_MTE2, PIPE_MTE3, EVENT_ID0);
    wait_flag(PIPE_MTE2, PIPE_MTE3, EVENT_ID0);
    TSTORE(to, tile);
    drain();
    send_notification(reinterpret_cast<__gm__ char *>(counter) + far, 1, pto::comm::NotifyOp::AtomicAdd);
}
