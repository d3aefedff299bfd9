/* SPDX-License-Identifier: Apache-2.0 */
/* The instructions on one core. Those that name peers are in pto/comm/pto_comm_inst.hpp. */
#ifndef ORIEL_COMPAT_PTO_INSTR_HPP
#define ORIEL_COMPAT_PTO_INSTR_HPP

#include "oriel/compat/detail/issue.hpp"
#include "oriel/compat/detail/unsupported.hpp"

namespace pto
{

/* ---- Places ----------------------------------------------------------------------------------------------------- */

/* A tile: an offset in its core's memory. A tensor: a pointer. */
template <typename T, typename Address> PTO_INST void TASSIGN(T &object, Address address)
{
    if constexpr (is_tile_data_v<T>)
        object.oriel_place(static_cast<uint64_t>(address));
    else
        object.SetAddr((typename T::DType *)(address));
}

template <size_t Address, typename T> PTO_INST std::enable_if_t<is_tile_data_v<T>> TASSIGN(T &tile)
{
    tile.oriel_place(Address);
}

/* ---- Moving data ------------------------------------------------------------------------------------------------ */

template <typename TileData, typename GlobalData, typename... Events>
PTO_INST RecordEvent TLOAD(TileData &dst, GlobalData &src, Events &...events)
{
    using namespace oriel::compat;
    WaitAllEvents(events...);
    const pto_tile tile = tile_of(dst);
    const pto_global global = global_of<transposed<TileData>>(src);
    pto_instr instr{};
    instr.op = PTO_OP_TLOAD;
    instr.tile[0] = &tile;
    instr.global[1] = &global;
    oriel_front_issue(&instr);
    return {};
}

template <typename TileData, typename GlobalData, AtomicType atomicType, typename... Events>
PTO_INST RecordEvent TSTORE(GlobalData &dst, TileData &src, Events &...events)
{
    using namespace oriel::compat;
    WaitAllEvents(events...);
    const pto_tile tile = tile_of(src);
    const pto_global global = global_of<transposed<TileData>>(dst);
    pto_instr instr{};
    instr.op = PTO_OP_TSTORE;
    instr.mode = atomic_of(atomicType);
    instr.tile[0] = &tile;
    instr.global[0] = &global;
    oriel_front_issue(&instr);
    return {};
}

template <typename TileData, typename GlobalData, typename... Events>
PTO_INST RecordEvent TSTORE(GlobalData &dst, TileData &src, Events &...events)
{
    return TSTORE<TileData, GlobalData, AtomicType::AtomicNone>(dst, src, events...);
}

/* Which part of a matrix product this stores makes no difference here. */
template <STPhase phase, typename TileData, typename GlobalData, typename... Events>
PTO_INST RecordEvent TSTORE(GlobalData &dst, TileData &src, Events &...events)
{
    return TSTORE<TileData, GlobalData, AtomicType::AtomicNone>(dst, src, events...);
}

template <STPhase phase, typename TileData, typename GlobalData, AtomicType atomicType, typename... Events>
PTO_INST RecordEvent TSTORE(GlobalData &dst, TileData &src, Events &...events)
{
    return TSTORE<TileData, GlobalData, atomicType>(dst, src, events...);
}

template <typename DstTile, typename SrcTile, typename... Events>
PTO_INST RecordEvent TMOV(DstTile &dst, SrcTile &src, Events &...events)
{
    static_assert(oriel::compat::one_order<DstTile, SrcTile>,
                  "oriel: TMOV between tiles of different layouts is not supported yet (docs/compat.md)");
    WaitAllEvents(events...);
    oriel::compat::unary(PTO_OP_TMOV, dst, src, 0);
    return {};
}

/* ---- Arithmetic ------------------------------------------------------------------------------------------------- */

/* tile <- tile op tile, and tile <- tile op number. */
#define ORIEL_COMPAT_BINARY(name)                                                                                      \
    template <typename D, typename A, typename B, typename... Events>                                                  \
    PTO_INST RecordEvent name(D &dst, A &a, B &b, Events &...events)                                                   \
    {                                                                                                                  \
        WaitAllEvents(events...);                                                                                      \
        oriel::compat::binary(PTO_OP_##name, dst, a, b);                                                               \
        return {};                                                                                                     \
    }
#define ORIEL_COMPAT_SCALAR(name)                                                                                      \
    template <typename D, typename A, typename... Events>                                                              \
    PTO_INST RecordEvent name(D &dst, A &a, typename A::DType scalar, Events &...events)                               \
    {                                                                                                                  \
        WaitAllEvents(events...);                                                                                      \
        oriel::compat::with_scalar(PTO_OP_##name, dst, a, oriel::compat::scalar_of(scalar));                           \
        return {};                                                                                                     \
    }
ORIEL_COMPAT_BINARY(TADD)
ORIEL_COMPAT_BINARY(TSUB)
ORIEL_COMPAT_BINARY(TMUL)
ORIEL_COMPAT_BINARY(TMAX)
ORIEL_COMPAT_BINARY(TMIN)
ORIEL_COMPAT_BINARY(TAND)
ORIEL_COMPAT_BINARY(TOR)
ORIEL_COMPAT_SCALAR(TADDS)
ORIEL_COMPAT_SCALAR(TSUBS)
ORIEL_COMPAT_SCALAR(TMULS)
ORIEL_COMPAT_SCALAR(TMAXS)
ORIEL_COMPAT_SCALAR(TMINS)
ORIEL_COMPAT_SCALAR(TANDS)
ORIEL_COMPAT_SCALAR(TORS)
#undef ORIEL_COMPAT_BINARY
#undef ORIEL_COMPAT_SCALAR

/* Division is the same in every precision that can be asked for: correctly rounded. */
template <auto precision = DivAlgorithm::DEFAULT, typename D, typename A, typename B, typename... Events>
PTO_INST std::enable_if_t<is_tile_data_v<B>, RecordEvent> TDIV(D &dst, A &a, B &b, Events &...events)
{
    WaitAllEvents(events...);
    oriel::compat::binary(PTO_OP_TDIV, dst, a, b);
    return {};
}

template <auto precision = DivAlgorithm::DEFAULT, typename D, typename A, typename... Events>
PTO_INST std::enable_if_t<is_tile_data_v<A>, RecordEvent> TDIVS(D &dst, A &a, typename A::DType scalar,
                                                                Events &...events)
{
    WaitAllEvents(events...);
    oriel::compat::with_scalar(PTO_OP_TDIVS, dst, a, oriel::compat::scalar_of(scalar));
    return {};
}

template <auto precision = DivAlgorithm::DEFAULT, typename D, typename A, typename... Events>
PTO_INST std::enable_if_t<is_tile_data_v<A>, RecordEvent> TDIVS(D &, typename D::DType, A &, Events &...)
{
    static_assert(oriel::compat::never<A>, "oriel: TDIVS of a number by a tile is not supported yet (docs/compat.md)");
    return {};
}

/* The tile to work in is not needed here. */
template <typename D, typename A, typename B, typename Work, typename... Events>
PTO_INST RecordEvent TXOR(D &dst, A &a, B &b, Work &, Events &...events)
{
    static_assert(is_tile_data_v<Work>, "TXOR takes one more tile, to work in");
    WaitAllEvents(events...);
    oriel::compat::binary(PTO_OP_TXOR, dst, a, b);
    return {};
}

template <typename D, typename A, typename Work, typename... Events>
PTO_INST RecordEvent TXORS(D &dst, A &a, typename A::DType scalar, Work &, Events &...events)
{
    static_assert(is_tile_data_v<Work>, "TXORS takes one more tile, to work in");
    WaitAllEvents(events...);
    oriel::compat::with_scalar(PTO_OP_TXORS, dst, a, oriel::compat::scalar_of(scalar));
    return {};
}

template <typename D, typename... Events>
PTO_INST RecordEvent TEXPANDS(D &dst, typename D::DType scalar, Events &...events)
{
    WaitAllEvents(events...);
    const pto_tile tile = oriel::compat::tile_of(dst);
    pto_instr instr{};
    instr.op = PTO_OP_TFILL;
    instr.tile[0] = &tile;
    instr.scalar = oriel::compat::scalar_of(scalar);
    oriel_front_issue(&instr);
    return {};
}

template <bool NeedSetCtrl = true, typename D, typename S, typename... Events>
PTO_INST RecordEvent TCVT(D &dst, S &src, RoundMode mode, Events &...events)
{
    static_assert(oriel::compat::one_order<D, S>,
                  "oriel: TCVT between tiles of different layouts is not supported yet (docs/compat.md)");
    WaitAllEvents(events...);
    if (oriel::compat::round_of(mode) == PTO_ROUND_COUNT)
        oriel_front_trap("TCVT with CAST_ODD is not supported yet (docs/compat.md)");
    oriel::compat::unary(PTO_OP_TCVT, dst, src, oriel::compat::round_of(mode));
    return {};
}

/* To an integer a conversion saturates, between integers it wraps: it cannot be told otherwise. */
template <bool NeedSetCtrl = true, typename D, typename S, typename... Events>
PTO_INST RecordEvent TCVT(D &, S &, RoundMode, SaturationMode, Events &...)
{
    static_assert(oriel::compat::never<D>, "oriel: TCVT with a SaturationMode is not supported yet (docs/compat.md)");
    return {};
}

/* TROWSUM, TROWMAX: a column, one number for each row. Work: as for TXOR. */
template <pto_op op, typename D, typename S> PTO_INTERNAL void oriel_reduce_rows(D &dst, S &src)
{
    static_assert(!oriel::compat::transposed<S>,
                  "oriel: TROWSUM, TROWMAX of a column-major tile are not supported yet (docs/compat.md)");
    oriel::compat::unary(op, dst, src, 0);
}

template <typename D, typename S, typename Work, typename... Events>
PTO_INST RecordEvent TROWSUM(D &dst, S &src, Work &, Events &...events)
{
    static_assert(is_tile_data_v<Work>, "TROWSUM takes one more tile, to work in");
    WaitAllEvents(events...);
    oriel_reduce_rows<PTO_OP_TROWSUM>(dst, src);
    return {};
}

template <typename D, typename S, typename Work, typename... Events>
PTO_INST RecordEvent TROWMAX(D &dst, S &src, Work &, Events &...events)
{
    static_assert(is_tile_data_v<Work>, "TROWMAX takes one more tile, to work in");
    WaitAllEvents(events...);
    oriel_reduce_rows<PTO_OP_TROWMAX>(dst, src);
    return {};
}

/* ---- Matrices --------------------------------------------------------------------------------------------------- */

/* The part of a tile in L1 from a row and a column on. */
template <typename D, typename S, typename... Events>
PTO_INST RecordEvent TEXTRACT(D &dst, S &src, uint16_t row = 0, uint16_t col = 0, Events &...events)
{
    WaitAllEvents(events...);
    oriel::compat::unary(PTO_OP_TEXTRACT, dst, src, static_cast<uint32_t>(row) << 16 | col);
    return {};
}

template <typename C, typename A, typename B, typename... Events>
PTO_INST RecordEvent TMATMUL(C &acc, A &a, B &b, Events &...events)
{
    WaitAllEvents(events...);
    oriel::compat::binary(PTO_OP_TMATMUL, acc, a, b);
    return {};
}

/* The phase tells silicon which part of a product this is: it makes no difference here. */
template <AccPhase phase, typename C, typename A, typename B, typename... Events>
PTO_INST RecordEvent TMATMUL(C &acc, A &a, B &b, Events &...events)
{
    return TMATMUL(acc, a, b, events...);
}

template <typename C, typename A, typename B, typename... Events>
PTO_INST std::enable_if_t<!std::is_same_v<C, A>, RecordEvent> TMATMUL_ACC(C &acc, A &a, B &b, Events &...events)
{
    WaitAllEvents(events...);
    oriel::compat::binary(PTO_OP_TMATMUL_ACC, acc, a, b);
    return {};
}

template <typename C, typename A, typename B, typename... Events>
PTO_INST RecordEvent TMATMUL_ACC(C &acc, C &in, A &a, B &b, Events &...events)
{
    if (acc.oriel_offset() != in.oriel_offset())
        oriel_front_trap("TMATMUL_ACC into another tile than it adds to is not supported yet (docs/compat.md)");
    return TMATMUL_ACC(acc, a, b, events...);
}

template <AccPhase phase, typename C, typename A, typename B, typename... Events>
PTO_INST std::enable_if_t<!std::is_same_v<C, A>, RecordEvent> TMATMUL_ACC(C &acc, A &a, B &b, Events &...events)
{
    return TMATMUL_ACC(acc, a, b, events...);
}

/* ---- Order ------------------------------------------------------------------------------------------------------ */

/* Of one instruction's pipe; and for events. */
template <Op op> PTO_INST void TSYNC()
{
    pipe_barrier(oriel_pipe_of(op));
}

template <typename... Events> PTO_INST void TSYNC(Events &...events)
{
    WaitAllEvents(events...);
}

/* The barrier among all blocks of a kernel. Here they are all vector cores, and it needs no memory of its own. */
template <SyncCoreType coreType = SyncCoreType::AIVOnly> PTO_INST void SYNCALL()
{
    static_assert(coreType == SyncCoreType::AIVOnly,
                  "oriel: SYNCALL of matrix cores is not supported yet (docs/compat.md)");
    oriel::compat::sync(PTO_OP_CORE_BARRIER, PTO_PIPE_S, PTO_PIPE_S, 0, 0);
}

template <SyncAllMode mode, SyncCoreType coreType = SyncCoreType::AIVOnly, typename GlobalData>
PTO_INST std::enable_if_t<is_global_data_v<GlobalData>> SYNCALL(GlobalData &, int32_t usedCores = 0)
{
    if (usedCores != 0 && usedCores != get_block_num())
        oriel_front_trap("SYNCALL of a part of the blocks is not supported yet (docs/compat.md)");
    SYNCALL<coreType>();
}

} // namespace pto

#endif
