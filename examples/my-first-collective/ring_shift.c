/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ring shift: every rank hands its data to its right neighbour. out of rank r is in of rank r - 1.
 *
 *      rank 0 ──► rank 1 ──► rank 2 ──► rank 3          in ──► inbox of the right neighbour
 *        ▲                                │             my inbox ──► out
 *        └────────────────────────────────┘
 *
 * Tensors: in, out (C each). Window of each rank: inbox (C), signals (three cells, each in a cache line of its own).
 */
#include <oriel/kernel.h>

enum { INBOX, SIGNALS };        /* the window's buffers, in the order of the launch */
enum { ARRIVED, TAKEN, CALLS }; /* the signals */

/* The address of a signal in my window. Each has one writer: my left neighbour, my right neighbour, myself. */
static pto_addr cell(pto_global signals, uint32_t which)
{
    return signals.addr + which * PTO_LINE_BYTES;
}

/*
 * Copies through UB, in chunks, with two tiles: while one chunk is being stored, the next is being loaded.
 *
 *      PIPE_MTE2   load 0 ─┐   load 1 ─┐   load 2 (waits until store 0 has left tile 0)
 *      PIPE_MTE3           └─► store 0 └─► store 1
 *
 * The pipes run beside each other; only the flags order them. Chunk k uses tile and event id k mod 2.
 */
static void copy(pto_core *core, pto_global to, pto_global from)
{
    uint32_t room = 16384 / pto_dtype_bytes(from.dtype);
    uint64_t count = pto_global_count(from), chunks = (count + room - 1) / room;
    for (uint64_t k = 0; k < chunks; k++) {
        uint32_t id = k % 2;
        uint64_t first = k * room, length = count - first < room ? count - first : room;
        pto_tile tile = pto_tile_1d(core, from.dtype, id * 16384, (uint32_t)length);

        if (k >= 2)
            pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, id); /* the tile is free again */
        pto_tload(core, tile, pto_slice(from, first, length));
        pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, id);
        pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_MTE3, id); /* the tile is full */
        pto_tstore(core, pto_slice(to, first, length), tile);
        pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, id);
    }
    /* Every flag that was set is waited for: one left over would be met by the next kernel on this core. */
    for (uint32_t id = 0; id < 2 && id < chunks; id++)
        pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_MTE2, id);
    /* A signal overtakes data that is still in a pipe: let it land first. */
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_dsb(core);
}

void ring_shift(pto_core *core)
{
    pto_global in = pto_arg_tensor(core, 0), out = pto_arg_tensor(core, 1);
    const pto_comm *comm = pto_arg_comm(core, 0);
    pto_global inbox = pto_window_buffer(core, comm, INBOX);
    pto_global signals = pto_window_buffer(core, comm, SIGNALS);
    uint32_t right = (comm->rank + 1) % comm->ranks;
    uint32_t left = (comm->rank + comm->ranks - 1) % comm->ranks;

    /* How many calls there were before this one. The windows are not zeroed in between, so signals count them. */
    uint32_t calls = pto_load_u32(core, cell(signals, CALLS));

    /* Not before my right neighbour has taken what I sent it in the call before: it may be late. */
    pto_twait(core, pto_cell(cell(signals, TAKEN)), (int32_t)calls, PTO_EQ);
    copy(core, pto_peer(comm, inbox, right), in);
    pto_tnotify(core, pto_peer_addr(comm, cell(signals, ARRIVED), right), (int32_t)(calls + 1), PTO_NOTIFY_SET);

    pto_twait(core, pto_cell(cell(signals, ARRIVED)), (int32_t)(calls + 1), PTO_EQ);
    copy(core, out, inbox);
    pto_tnotify(core, pto_peer_addr(comm, cell(signals, TAKEN), left), (int32_t)(calls + 1), PTO_NOTIFY_SET);

    pto_tnotify(core, cell(signals, CALLS), (int32_t)(calls + 1), PTO_NOTIFY_SET);
}
