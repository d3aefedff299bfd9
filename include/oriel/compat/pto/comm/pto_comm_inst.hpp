/* SPDX-License-Identifier: Apache-2.0 */
/* The instructions that reach other ranks. */
#ifndef ORIEL_COMPAT_PTO_COMM_INST_HPP
#define ORIEL_COMPAT_PTO_COMM_INST_HPP

#include "pto/comm/comm_types.hpp"
#include "pto/pto-inst.hpp"

namespace oriel_compat
{

/* The most ranks that a group of tensors names. */
constexpr int most_ranks = 64;

template <typename D, typename S, typename T>
PTO_INTERNAL void move(pto_op op, pto_atomic atomic, D &dst, S &src, T &ping, T *pong)
{
    const pto_global to = global_of(dst), from = global_of(src);
    const pto_tile first = tile_of(ping), second = pong ? tile_of(*pong) : first;
    pto_instr instr{};
    instr.op = op;
    instr.mode = atomic;
    instr.global[0] = &to;
    instr.global[1] = &from;
    instr.tile[0] = &first;
    instr.tile[1] = pong ? &second : nullptr;
    oriel_front_issue(&instr);
}

/* A tensor of each rank of a group. */
struct every {
    pto_global tensor[most_ranks];
    pto_group group;
};

template <typename G> PTO_INTERNAL void gather_group(const pto::comm::ParallelGroup<G> &group, every &it)
{
    if (group.nranks < 1 || group.nranks > most_ranks)
        oriel_front_trap("a group of tensors has 1 to 64 ranks");
    for (int rank = 0; rank < group.nranks; rank++)
        it.tensor[rank] = global_of(group.tensors[rank]);
    it.group = pto_group{};
    it.group.each = it.tensor;
    it.group.ranks = static_cast<uint32_t>(group.nranks);
}

template <typename G, typename D, typename T>
PTO_INTERNAL void collective(pto_op op, const pto::comm::ParallelGroup<G> &group, D &mine, bool reads, T &ping, T *pong)
{
    every all;
    gather_group(group, all);
    const pto_global it = global_of(mine);
    const pto_tile first = tile_of(ping), second = pong ? tile_of(*pong) : first;
    pto_instr instr{};
    instr.op = op;
    instr.global[reads ? 0 : 1] = &it;
    instr.group = &all.group;
    instr.tile[0] = &first;
    instr.tile[1] = pong ? &second : nullptr;
    oriel_front_issue(&instr);
}

template <typename G, typename D, typename T>
PTO_INTERNAL void reduce(const pto::comm::ParallelGroup<G> &group, D &dst, T &sum, T &ping, T *pong,
                         pto::comm::ReduceOp op)
{
    every all;
    gather_group(group, all);
    const pto_global it = global_of(dst);
    const pto_tile acc = tile_of(sum), first = tile_of(ping), second = pong ? tile_of(*pong) : first;
    pto_instr instr{};
    instr.op = PTO_OP_TREDUCE;
    instr.mode = op == pto::comm::ReduceOp::Sum ? PTO_SUM : op == pto::comm::ReduceOp::Max ? PTO_MAX : PTO_MIN;
    instr.global[0] = &it;
    instr.group = &all.group;
    instr.tile[0] = &acc;
    instr.tile[1] = &first;
    instr.tile[2] = pong ? &second : nullptr;
    oriel_front_issue(&instr);
}

PTO_INTERNAL uint32_t cmp_of(pto::comm::WaitCmp cmp)
{
    constexpr pto_cmp all[] = {PTO_EQ, PTO_NE, PTO_GT, PTO_GE, PTO_LT, PTO_LE};
    return all[static_cast<int>(cmp)];
}

/* `rows` runs of `cols` cells: as few operations as their distances allow. */
template <typename G> PTO_INTERNAL bool signal(pto_op op, G &cells, int32_t value, uint32_t mode)
{
    const int64_t rows = cells.GetShape(3), cols = cells.GetShape(4), stride = cells.GetStride(3);
    const bool one_run = rows == 1 || cols == 1 || stride == cols;
    bool all = true;
    for (int64_t row = 0; row < (one_run ? 1 : rows) && all; row++) {
        pto_signal record{};
        record.op = op;
        record.mode = mode;
        record.cells.addr = oriel_front_address(cells.data() + row * stride);
        record.cells.count = static_cast<uint32_t>(one_run ? rows * cols : cols);
        record.cells.stride = static_cast<uint32_t>(one_run && cols == 1 && rows > 1 ? stride : 1);
        record.value = value;
        all = oriel_front_signal(&record);
    }
    return all;
}

} // namespace oriel_compat

namespace pto
{
namespace comm
{

/* ---- Signals ----------------------------------------------------------------------------------------------------- */

template <typename G, typename... Events> PTO_INST void TNOTIFY(G &cell, int32_t value, NotifyOp op, Events &...events)
{
    detail::wait_for(events...);
    pto_signal record{};
    record.op = PTO_OP_TNOTIFY;
    record.mode = op == NotifyOp::Set ? PTO_NOTIFY_SET : PTO_NOTIFY_ADD;
    record.cells.addr = oriel_front_address(cell.data());
    record.cells.count = record.cells.stride = 1;
    record.value = value;
    oriel_front_signal(&record);
}

template <typename G, typename... Events> PTO_INST void TWAIT(G &cells, int32_t value, WaitCmp cmp, Events &...events)
{
    detail::wait_for(events...);
    oriel_compat::signal(PTO_OP_TWAIT, cells, value, oriel_compat::cmp_of(cmp));
}

template <typename G, typename... Events> PTO_INST bool TTEST(G &cells, int32_t value, WaitCmp cmp, Events &...events)
{
    detail::wait_for(events...);
    return oriel_compat::signal(PTO_OP_TTEST, cells, value, oriel_compat::cmp_of(cmp));
}

/* ---- Data -------------------------------------------------------------------------------------------------------- */

template <AtomicType Atomic = AtomicType::AtomicNone, typename D, typename S, typename T, typename... Events>
PTO_INST std::enable_if_t<oriel_compat::is_tile<T>::value, RecordEvent> TPUT(D &dst, S &src, T &stage,
                                                                             Events &...events)
{
    detail::wait_for(events...);
    oriel_compat::move(PTO_OP_TPUT, oriel_compat::atomic_of(Atomic), dst, src, stage, static_cast<T *>(nullptr));
    return {};
}

template <AtomicType Atomic = AtomicType::AtomicNone, typename D, typename S, typename T, typename... Events>
PTO_INST std::enable_if_t<oriel_compat::is_tile<T>::value, RecordEvent> TPUT(D &dst, S &src, T &ping, T &pong,
                                                                             Events &...events)
{
    detail::wait_for(events...);
    oriel_compat::move(PTO_OP_TPUT, oriel_compat::atomic_of(Atomic), dst, src, ping, &pong);
    return {};
}

template <typename D, typename S, typename T, typename... Events>
PTO_INST std::enable_if_t<oriel_compat::is_tile<T>::value, RecordEvent> TPUT(D &dst, S &src, T &stage,
                                                                             AtomicType atomic, Events &...events)
{
    detail::wait_for(events...);
    oriel_compat::move(PTO_OP_TPUT, oriel_compat::atomic_of(atomic), dst, src, stage, static_cast<T *>(nullptr));
    return {};
}

template <typename D, typename S, typename T, typename... Events>
PTO_INST std::enable_if_t<oriel_compat::is_tile<T>::value, RecordEvent> TGET(D &dst, S &src, T &stage,
                                                                             Events &...events)
{
    detail::wait_for(events...);
    oriel_compat::move(PTO_OP_TGET, PTO_ATOMIC_NONE, dst, src, stage, static_cast<T *>(nullptr));
    return {};
}

template <typename D, typename S, typename T, typename... Events>
PTO_INST std::enable_if_t<oriel_compat::is_tile<T>::value, RecordEvent> TGET(D &dst, S &src, T &ping, T &pong,
                                                                             Events &...events)
{
    detail::wait_for(events...);
    oriel_compat::move(PTO_OP_TGET, PTO_ATOMIC_NONE, dst, src, ping, &pong);
    return {};
}

#define ORIEL_COLLECTIVE(name, reads)                                                                                  \
    template <CollEngine Engine = CollEngine::AIV, typename G, typename D, typename T, typename... Events>             \
    PTO_INST RecordEvent name(ParallelGroup<G> &group, D &mine, T &stage, Events &...events)                           \
    {                                                                                                                  \
        static_assert(Engine == CollEngine::AIV, "oriel: CollEngine::CCU is not supported yet (docs/compat.md)");      \
        detail::wait_for(events...);                                                                                   \
        oriel_compat::collective(PTO_OP_##name, group, mine, reads, stage, static_cast<T *>(nullptr));                 \
        return {};                                                                                                     \
    }                                                                                                                  \
    template <CollEngine Engine = CollEngine::AIV, typename G, typename D, typename T, typename... Events>             \
    PTO_INST RecordEvent name(ParallelGroup<G> &group, D &mine, T &ping, T &pong, Events &...events)                   \
    {                                                                                                                  \
        static_assert(Engine == CollEngine::AIV, "oriel: CollEngine::CCU is not supported yet (docs/compat.md)");      \
        detail::wait_for(events...);                                                                                   \
        oriel_compat::collective(PTO_OP_##name, group, mine, reads, ping, &pong);                                      \
        return {};                                                                                                     \
    }

ORIEL_COLLECTIVE(TGATHER, true)
ORIEL_COLLECTIVE(TSCATTER, false)
ORIEL_COLLECTIVE(TBROADCAST, false)
#undef ORIEL_COLLECTIVE

template <CollEngine Engine = CollEngine::AIV, typename G, typename D, typename T, typename... Events>
PTO_INST RecordEvent TREDUCE(ParallelGroup<G> &group, D &dst, T &sum, T &receive, ReduceOp op, Events &...events)
{
    static_assert(Engine == CollEngine::AIV, "oriel: CollEngine::CCU is not supported yet (docs/compat.md)");
    detail::wait_for(events...);
    oriel_compat::reduce(group, dst, sum, receive, static_cast<T *>(nullptr), op);
    return {};
}

template <CollEngine Engine = CollEngine::AIV, typename G, typename D, typename T, typename... Events>
PTO_INST RecordEvent TREDUCE(ParallelGroup<G> &group, D &dst, T &sum, T &ping, T &pong, ReduceOp op, Events &...events)
{
    static_assert(Engine == CollEngine::AIV, "oriel: CollEngine::CCU is not supported yet (docs/compat.md)");
    detail::wait_for(events...);
    oriel_compat::reduce(group, dst, sum, ping, &pong, op);
    return {};
}

} // namespace comm
} // namespace pto

#endif
