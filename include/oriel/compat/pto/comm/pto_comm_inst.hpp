/* SPDX-License-Identifier: Apache-2.0 */
/* The instructions that name peers. Those on one core are in pto/common/pto_instr.hpp. */
#ifndef ORIEL_COMPAT_PTO_COMM_INST_HPP
#define ORIEL_COMPAT_PTO_COMM_INST_HPP

#include "oriel/compat/detail/issue.hpp"
#include "oriel/compat/detail/unsupported.hpp"
#include <pto/comm/comm_types.hpp>

namespace oriel::compat
{

/* ---- What may follow the operands ------------------------------------------------------------------------------- */

/*
 * After its first staging tile an instruction takes, each if it is there: another tile, a number that says how, events. All
 * forms of the interface are this one.
 */
struct rest {
    pto_tile pong;
    bool has_pong;
    uint32_t mode;
};

template <typename T> ORIEL_COMPAT_INLINE void take(rest &out, T &what)
{
    using U = std::remove_cv_t<T>;
    if constexpr (pto::is_tile_data_v<U>) {
        static_assert(!transposed<U>, "oriel: column-major staging tiles are not supported yet (docs/compat.md)");
        out.pong = tile_of(what);
        out.has_pong = true;
    } else if constexpr (std::is_same_v<U, pto::AtomicType>) {
        out.mode = atomic_of(what);
    } else if constexpr (std::is_same_v<U, pto::comm::ReduceOp>) {
        static_assert(PTO_SUM == 0 && PTO_MAX == 1 && PTO_MIN == 2);
        out.mode = static_cast<uint32_t>(what);
    } else {
        static_assert(pto::is_event_v<U>, "what follows an instruction's operands must be events");
        what.Wait();
    }
}

template <typename Tile, typename... Rest>
ORIEL_COMPAT_INLINE void composite(pto_instr &instr, int first, const Tile &ping, uint32_t mode, Rest &...others)
{
    static_assert(!transposed<Tile>, "oriel: column-major staging tiles are not supported yet (docs/compat.md)");
    const pto_tile tile = tile_of(ping);
    rest more{};
    more.mode = mode;
    (take(more, others), ...);
    instr.mode = more.mode;
    instr.tile[first] = &tile;
    instr.tile[first + 1] = more.has_pong ? &more.pong : nullptr;
    oriel_front_issue(&instr);
}

template <typename Dst, typename Src, typename Tile, typename... Rest>
ORIEL_COMPAT_INLINE void move(pto_op op, uint32_t mode, const Dst &dst, const Src &src, const Tile &ping,
                              Rest &...others)
{
    const pto_global to = global_of(dst), from = global_of(src);
    pto_instr instr{};
    instr.op = op;
    instr.global[0] = &to;
    instr.global[1] = &from;
    composite(instr, 0, ping, mode, others...);
}

/* ---- Groups ----------------------------------------------------------------------------------------------------- */

struct members {
    pto_global each[ORIEL_FRONT_RANKS];
    pto_group group;
};

template <typename Group> ORIEL_COMPAT_INLINE void members_of(members &out, const Group &group)
{
    using checked = typename pto::comm::ParallelGroupTraits<Group>::GlobalDataType;
    static_assert(pto::is_global_data_v<checked>);
    const int ranks = group.GetSize();
    if (ranks < 0 || ranks > ORIEL_FRONT_RANKS)
        oriel_front_trap("a ParallelGroup has 0 to 64 ranks");
    for (int r = 0; r < ranks; r++)
        out.each[r] = global_of(group[r]);
    out.group = pto_group{};
    out.group.each = out.each;
    out.group.ranks = static_cast<uint32_t>(ranks);
}

/* `own`: index 0 is this rank's tensor to be written, 1 the one to be read. */
template <pto::comm::CollEngine engine, typename Group, typename Own, typename Tile, typename... Rest>
ORIEL_COMPAT_INLINE void spread(pto_op op, int own, const Group &group, const Own &tensor, const Tile &ping,
                                Rest &...others)
{
    static_assert(engine == pto::comm::CollEngine::AIV && (sizeof...(Rest) + 1 > 0),
                  "oriel: CollEngine::CCU is not supported yet (docs/compat.md)");
    members all;
    members_of(all, group);
    const pto_global mine = global_of(tensor);
    pto_instr instr{};
    instr.op = op;
    instr.global[own] = &mine;
    instr.group = &all.group;
    composite(instr, 0, ping, 0, others...);
}

/* ---- Signals ---------------------------------------------------------------------------------------------------- */

ORIEL_COMPAT_INLINE bool signal(pto_op op, uint32_t mode, pto_addr addr, uint32_t count, int64_t stride, int32_t value)
{
    pto_signal record{};
    record.op = op;
    record.mode = mode;
    record.cells.addr = addr;
    record.cells.count = count;
    record.cells.stride = static_cast<uint32_t>(stride);
    record.value = value;
    return oriel_front_signal(&record);
}

/* TWAIT and TTEST go cell by cell: one row of a block after the other, or all at once where the rows are adjacent. */
template <typename S> ORIEL_COMPAT_INLINE bool all_cells(pto_op op, uint32_t mode, const S &cells, int32_t value)
{
    static_assert(std::is_same_v<typename S::DType, int32_t>, "a signal is made of int32 cells");
    const int64_t cols = cells.GetShape(4), rows = cells.GetShape(3), step = cells.GetStride(4);
    const int64_t outer = cells.GetShape(0) * cells.GetShape(1) * cells.GetShape(2);
    const pto_addr addr = oriel_front_address(cells.data());
    if (outer != 1)
        oriel_front_trap("signals of more than two dimensions are not supported yet (docs/compat.md)");
    if (rows == 1 || cells.GetStride(3) == cols * step)
        return signal(op, mode, addr, static_cast<uint32_t>(rows * cols), step, value);
    bool all = true;
    for (int64_t row = 0; all && row < rows; row++)
        all = signal(op, mode, addr + static_cast<pto_addr>(row * cells.GetStride(3) * 4), static_cast<uint32_t>(cols),
                     step, value);
    return all;
}

} // namespace oriel::compat

namespace pto::comm
{

/* ---- Copies ----------------------------------------------------------------------------------------------------- */

/* A peer's <- mine, through a tile, or two in turn. What may follow: the second tile, an AtomicType, events. */
template <AtomicType atomicType = AtomicType::AtomicNone, typename Dst, typename Src, typename Tile, typename... Rest>
PTO_INST RecordEvent TPUT(Dst &dst, Src &src, Tile &ping, Rest &&...others)
{
    oriel::compat::move(PTO_OP_TPUT, oriel::compat::atomic_of(atomicType), dst, src, ping, others...);
    return {};
}

/* Mine <- a peer's. */
template <typename Dst, typename Src, typename Tile, typename... Rest>
PTO_INST RecordEvent TGET(Dst &dst, Src &src, Tile &ping, Rest &&...others)
{
    oriel::compat::move(PTO_OP_TGET, 0, dst, src, ping, others...);
    return {};
}

/* ---- Collective instructions: the root issues them, for all --------------------------------------------------------- */

template <CollEngine engine = CollEngine::AIV, typename Group, typename Dst, typename Tile, typename... Rest>
PTO_INST RecordEvent TGATHER(Group &group, Dst &dst, Tile &ping, Rest &&...others)
{
    oriel::compat::spread<engine>(PTO_OP_TGATHER, 0, group, dst, ping, others...);
    return {};
}

template <CollEngine engine = CollEngine::AIV, typename Group, typename Src, typename Tile, typename... Rest>
PTO_INST RecordEvent TSCATTER(Group &group, Src &src, Tile &ping, Rest &&...others)
{
    oriel::compat::spread<engine>(PTO_OP_TSCATTER, 1, group, src, ping, others...);
    return {};
}

template <CollEngine engine = CollEngine::AIV, typename Group, typename Src, typename Tile, typename... Rest>
PTO_INST RecordEvent TBROADCAST(Group &group, Src &src, Tile &ping, Rest &&...others)
{
    oriel::compat::spread<engine>(PTO_OP_TBROADCAST, 1, group, src, ping, others...);
    return {};
}

/* One tile adds up, one or two receive. What may follow: the second of these, events; the ReduceOp is among them. */
template <CollEngine engine = CollEngine::AIV, typename Group, typename Dst, typename Acc, typename Recv,
          typename... Rest>
PTO_INST RecordEvent TREDUCE(Group &group, Dst &dst, Acc &acc, Recv &ping, Rest &&...others)
{
    using namespace oriel::compat;
    static_assert(engine == CollEngine::AIV && (sizeof...(Rest) + 1 > 0),
                  "oriel: CollEngine::CCU is not supported yet (docs/compat.md)");
    static_assert((std::is_same_v<std::remove_cv_t<std::remove_reference_t<Rest>>, ReduceOp> || ...),
                  "TREDUCE takes a ReduceOp");
    static_assert(!transposed<Acc>, "oriel: column-major staging tiles are not supported yet (docs/compat.md)");
    members all;
    members_of(all, group);
    const pto_global mine = global_of(dst);
    const pto_tile sum = tile_of(acc);
    pto_instr instr{};
    instr.op = PTO_OP_TREDUCE;
    instr.global[0] = &mine;
    instr.group = &all.group;
    instr.tile[0] = &sum;
    composite(instr, 1, ping, 0, others...);
    return {};
}

/* ---- Signals ---------------------------------------------------------------------------------------------------- */

template <typename S, typename... Events> PTO_INST void TNOTIFY(S &cell, int32_t value, NotifyOp how, Events &...events)
{
    static_assert(std::is_same_v<typename S::DType, int32_t>, "a signal is an int32 cell");
    WaitAllEvents(events...);
    oriel::compat::signal(PTO_OP_TNOTIFY, how == NotifyOp::Set ? PTO_NOTIFY_SET : PTO_NOTIFY_ADD,
                          oriel_front_address(cell.data()), 1, 1, value);
}

template <typename S, typename... Events> PTO_INST void TWAIT(S &cells, int32_t value, WaitCmp cmp, Events &...events)
{
    static_assert(PTO_EQ == 0 && PTO_NE == 1 && PTO_GT == 2 && PTO_GE == 3 && PTO_LT == 4 && PTO_LE == 5);
    WaitAllEvents(events...);
    oriel::compat::all_cells(PTO_OP_TWAIT, static_cast<uint32_t>(cmp), cells, value);
}

template <typename S, typename... Events> PTO_INST bool TTEST(S &cells, int32_t value, WaitCmp cmp, Events &...events)
{
    WaitAllEvents(events...);
    return oriel::compat::all_cells(PTO_OP_TTEST, static_cast<uint32_t>(cmp), cells, value);
}

} // namespace pto::comm

#endif
