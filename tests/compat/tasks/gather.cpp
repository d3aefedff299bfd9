/* SPDX-License-Identifier: Apache-2.0 */
/* Copies what has been staged here to the output. */
#include "../common.hpp"

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    __gm__ ChipTensor *half = reinterpret_cast<__gm__ ChipTensor *>(args[0]);
    __gm__ ChipTensor *out = reinterpret_cast<__gm__ ChipTensor *>(args[1]);
    RowTile<float> tile;
    TASSIGN(tile, 0x0);

    Row<float> from(reinterpret_cast<__gm__ float *>(half->buffer.addr) + half->start_offset);
    Row<float> to(reinterpret_cast<__gm__ float *>(out->buffer.addr) + out->start_offset);
    TLOAD(tile, from);
    set_flag(PIPE_MTE2, PIPE_MTE3, EVENT_ID0);
    wait_flag(PIPE_MTE2, PIPE_MTE3, EVENT_ID0);
    TSTORE(to, tile);
    drain();
}
