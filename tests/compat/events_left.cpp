// expect: flag-misuse 39
/* SPDX-License-Identifier: Apache-2.0 */
/* As events.cpp, but an event is recorded once more and never waited for. */
#include "common.hpp"

using namespace pto;

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    const auto g = take<float>(args);
    constexpr int HALF = COUNT / 2;
    using Half = GlobalTensor<float, Shape<1, 1, 1, 1, HALF>, Stride<HALF, HALF, HALF, HALF, 1>>;
    using HalfTile = Tile<TileType::Vec, float, 1, HALF>;
    HalfTile a, b;
    TASSIGN(a, 0x0);
    TASSIGN(b, 0x100);

    Half in_a(g.in), in_b(g.in + HALF), out_a(g.out), out_b(g.out + HALF);
    Event<Op::TLOAD, Op::TADDS> loaded_a, loaded_b;
    Event<Op::TADDS, Op::TMULS> added_a, added_b;
    Event<Op::TMULS, Op::TSTORE_VEC> done_a, done_b;
    loaded_a = TLOAD(a, in_a);
    loaded_b = TLOAD(b, in_b);
    added_a = TADDS(a, a, 1.0f, loaded_a);
    added_b = TADDS(b, b, 2.0f, loaded_b);
    done_a = TMULS(a, a, 2.0f, added_a);
    done_b = TMULS(b, b, 2.0f, added_b);
    TSTORE(out_a, a, done_a);
    TSTORE(out_b, b, done_b);
    TSYNC<Op::TSTORE_VEC>();
    /* Once more over the first half, with an event that is made where it is recorded, and one that is recorded by hand. */
    Event<Op::TSTORE_VEC, Op::TLOAD> stored;
    stored.Record();
    TSYNC(stored);
    Event<Op::TLOAD, Op::TADD, false, EVENT_ID3> loaded = TLOAD(a, out_a);
    Event<Op::TADD, Op::TSTORE_VEC> added;
    added = TADD(b, a, a, loaded);
    TSTORE(out_a, b, added);
    stored.Record();
    pipe_barrier(PIPE_ALL);
}
