// expect: clean
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals in all forms: one cell, a dense block of cells, a block inside a wider one; waited for, and asked for until they
 * have come. Rank 0 is told by all others, and then tells all.
 */
#include "common.hpp"

#include "pto_async_kernel_api.h"

using namespace pto;

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<int32_t>(args);
    const int32_t turn = turn_of(g);
    /* Two lines of 16 cells for each rank lie one after the other: the first 4 cells of each, and the first 8 of the first. */
    __gm__ int32_t *told = g.at(g.cell(0, 0), 0);
    if (g.ranks != 2)
        return;
    if (g.rank == 1) {
        for (int line = 0; line < 2; line++)
            for (int i = 0; i < 4; i++)
                send_notification(told + line * LINE + i, 1, comm::NotifyOp::AtomicAdd);
        for (int i = 4; i < 8; i++) {
            comm::Signal cell(told + i);
            comm::TNOTIFY(cell, turn, comm::NotifyOp::Set);
        }
        comm::Signal answer(g.cell(1, 0));
        comm::TWAIT(answer, turn - 1, comm::WaitCmp::GT);
    } else {
        comm::Signal2D<2, 4> inside(told, LINE);
        while (!comm::TTEST(inside, turn, comm::WaitCmp::GE)) {
        }
        comm::TWAIT(inside, turn, comm::WaitCmp::EQ);
        comm::Signal2D<2, 4> dense(told);
        comm::TWAIT(dense, turn, comm::WaitCmp::EQ);
        comm::TWAIT(dense, turn + 1, comm::WaitCmp::NE);
        comm::TWAIT(dense, turn + 1, comm::WaitCmp::LT);
        comm::TWAIT(dense, turn, comm::WaitCmp::LE);
        comm::Signal answer(g.at(g.cell(1, 0), 1));
        comm::TNOTIFY(answer, turn, comm::NotifyOp::Set);
    }
    RowTile<int32_t> tile;
    TASSIGN(tile, 0x0);
    Row<int32_t> in(g.in), out(g.out);
    comm::TGET(out, in, tile);
    drain();
    comm::Signal calls(g.calls());
    comm::TNOTIFY(calls, turn, comm::NotifyOp::Set);
}
