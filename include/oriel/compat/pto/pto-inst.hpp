/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tile instructions. Each fills in a record on the stack and hands it to the engine of the core that runs (oriel/front.h); all
 * of it is inlined, so that the address to which that returns lies in the kernel, on the line of the instruction.
 */
#ifndef ORIEL_COMPAT_PTO_INST_HPP
#define ORIEL_COMPAT_PTO_INST_HPP

#include "pto/common/event.hpp"
#include "pto/common/pto_tile.hpp"
#include "pto/common/unsupported.hpp"

namespace oriel_compat
{

template <typename D, typename A, typename B> PTO_INTERNAL void binary(pto_op op, D &dst, A &a, B &b)
{
    const pto_tile to = tile_of(dst), first = tile_of(a), second = tile_of(b);
    pto_instr instr{};
    instr.op = op;
    instr.tile[0] = &to;
    instr.tile[1] = &first;
    instr.tile[2] = &second;
    oriel_front_issue(&instr);
}

template <typename D, typename S> PTO_INTERNAL void unary(pto_op op, uint32_t mode, D &dst, S &src)
{
    const pto_tile to = tile_of(dst), from = tile_of(src);
    pto_instr instr{};
    instr.op = op;
    instr.mode = mode;
    instr.tile[0] = &to;
    instr.tile[1] = &from;
    oriel_front_issue(&instr);
}

template <typename X> PTO_INTERNAL pto_scalar scalar_of(X x)
{
    pto_scalar it{};
    it.is_float = std::is_floating_point_v<X>;
    if constexpr (std::is_floating_point_v<X>)
        it.value.f = x;
    else
        it.value.i = static_cast<int64_t>(x);
    return it;
}

/* A 16-bit floating-point number as a scalar operand: what it is worth. */
PTO_INTERNAL pto_scalar scalar_of(bfloat16_t x)
{
    const uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
    return scalar_of(__builtin_bit_cast(float, bits));
}

PTO_INTERNAL pto_scalar scalar_of(half x)
{
    const uint32_t sign = (x.bits & 0x8000u) << 16, exponent = x.bits >> 10 & 31, fraction = x.bits & 1023u;
    if (exponent == 0) {
        const float small = static_cast<float>(fraction) * 0x1p-24f;
        return scalar_of(sign ? -small : small);
    }
    const uint32_t bits = sign | (exponent == 31 ? 255u : exponent + 112) << 23 | fraction << 13;
    return scalar_of(__builtin_bit_cast(float, bits));
}

template <typename D, typename S, typename X> PTO_INTERNAL void with_scalar(pto_op op, D &dst, S &src, X x)
{
    const pto_tile to = tile_of(dst), from = tile_of(src);
    pto_instr instr{};
    instr.op = op;
    instr.tile[0] = &to;
    instr.tile[1] = &from;
    instr.scalar = scalar_of(x);
    oriel_front_issue(&instr);
}

/* Tiles of one memory. */
template <typename A, typename B> struct same_place : std::bool_constant<A::Loc == B::Loc> {
};

template <typename G, typename T> PTO_INTERNAL void store(pto_atomic atomic, G &dst, T &src)
{
    const pto_tile from = tile_of(src);
    const pto_global to = global_of(dst, is_turned<T>());
    pto_instr instr{};
    instr.op = PTO_OP_TSTORE;
    instr.mode = atomic;
    instr.tile[0] = &from;
    instr.global[0] = &to;
    oriel_front_issue(&instr);
}

constexpr pto_atomic atomic_of(pto::AtomicType type)
{
    return type == pto::AtomicType::AtomicAdd ? PTO_ATOMIC_ADD : PTO_ATOMIC_NONE;
}

PTO_INTERNAL pto_round round_of(pto::RoundMode mode)
{
    switch (mode) {
    case pto::RoundMode::CAST_ROUND: return PTO_ROUND_AWAY;
    case pto::RoundMode::CAST_FLOOR: return PTO_ROUND_FLOOR;
    case pto::RoundMode::CAST_CEIL: return PTO_ROUND_CEIL;
    case pto::RoundMode::CAST_TRUNC: return PTO_ROUND_TRUNC;
    case pto::RoundMode::CAST_ODD: oriel_front_trap("oriel: RoundMode::CAST_ODD is not supported yet (docs/compat.md)");
    default: return PTO_ROUND_NEAREST;
    }
}

} // namespace oriel_compat

namespace pto
{

/* ---- Places ------------------------------------------------------------------------------------------------------ */

/* A tile: its offset in the memory that it lies in. A global tensor: its pointer. */
template <typename T, typename Place> PTO_INST void TASSIGN(T &object, Place place)
{
    if constexpr (oriel_compat::is_tile<T>::value)
        object.assign(static_cast<uint64_t>(place));
    else
        object.SetAddr(place);
}

template <std::size_t Place, typename T> PTO_INST void TASSIGN(T &object)
{
    object.assign(Place);
}

/* ---- Moving data ------------------------------------------------------------------------------------------------- */

template <typename T, typename G, typename... Events> PTO_INST RecordEvent TLOAD(T &dst, G &src, Events &...events)
{
    detail::wait_for(events...);
    const pto_tile to = oriel_compat::tile_of(dst);
    const pto_global from = oriel_compat::global_of(src, oriel_compat::is_turned<T>());
    pto_instr instr{};
    instr.op = PTO_OP_TLOAD;
    instr.tile[0] = &to;
    instr.global[1] = &from;
    oriel_front_issue(&instr);
    return {};
}

template <typename T, typename G, typename... Events> PTO_INST RecordEvent TSTORE(G &dst, T &src, Events &...events)
{
    detail::wait_for(events...);
    oriel_compat::store(PTO_ATOMIC_NONE, dst, src);
    return {};
}

template <typename T, typename G, AtomicType Atomic, typename... Events>
PTO_INST RecordEvent TSTORE(G &dst, T &src, Events &...events)
{
    detail::wait_for(events...);
    oriel_compat::store(oriel_compat::atomic_of(Atomic), dst, src);
    return {};
}

/* ---- Arithmetic -------------------------------------------------------------------------------------------------- */

#define ORIEL_BINARY(name)                                                                                             \
    template <typename D, typename A, typename B, typename... Events>                                                  \
    PTO_INST RecordEvent name(D &dst, A &a, B &b, Events &...events)                                                   \
    {                                                                                                                  \
        detail::wait_for(events...);                                                                                   \
        oriel_compat::binary(PTO_OP_##name, dst, a, b);                                                                \
        return {};                                                                                                     \
    }
#define ORIEL_SCALAR(name)                                                                                             \
    template <typename D, typename S, typename... Events>                                                              \
    PTO_INST RecordEvent name(D &dst, S &src, typename S::DType x, Events &...events)                                  \
    {                                                                                                                  \
        detail::wait_for(events...);                                                                                   \
        oriel_compat::with_scalar(PTO_OP_##name, dst, src, x);                                                         \
        return {};                                                                                                     \
    }
/* Over rows. `tmp` is room for silicon to work in: it takes part in nothing here. */
#define ORIEL_ROWS(name)                                                                                               \
    template <typename D, typename S, typename Tmp, typename... Events>                                                \
    PTO_INST RecordEvent name(D &dst, S &src, Tmp &, Events &...events)                                                \
    {                                                                                                                  \
        detail::wait_for(events...);                                                                                   \
        oriel_compat::unary(PTO_OP_##name, 0, dst, src);                                                               \
        return {};                                                                                                     \
    }

ORIEL_BINARY(TADD)
ORIEL_BINARY(TSUB)
ORIEL_BINARY(TMUL)
ORIEL_BINARY(TDIV)
ORIEL_BINARY(TMAX)
ORIEL_BINARY(TMIN)
ORIEL_BINARY(TAND)
ORIEL_BINARY(TOR)
ORIEL_SCALAR(TADDS)
ORIEL_SCALAR(TSUBS)
ORIEL_SCALAR(TMULS)
ORIEL_SCALAR(TDIVS)
ORIEL_SCALAR(TMAXS)
ORIEL_SCALAR(TMINS)
ORIEL_SCALAR(TANDS)
ORIEL_SCALAR(TORS)
ORIEL_ROWS(TROWSUM)
ORIEL_ROWS(TROWMAX)

#undef ORIEL_BINARY
#undef ORIEL_SCALAR
#undef ORIEL_ROWS

/* As the others, with a tile for silicon to work in. */
template <typename D, typename A, typename B, typename Tmp, typename... Events>
PTO_INST std::enable_if_t<oriel_compat::is_tile<Tmp>::value, RecordEvent> TXOR(D &dst, A &a, B &b, Tmp &,
                                                                               Events &...events)
{
    detail::wait_for(events...);
    oriel_compat::binary(PTO_OP_TXOR, dst, a, b);
    return {};
}

template <typename D, typename S, typename Tmp, typename... Events>
PTO_INST std::enable_if_t<oriel_compat::is_tile<Tmp>::value, RecordEvent> TXORS(D &dst, S &src, typename S::DType x,
                                                                                Tmp &, Events &...events)
{
    detail::wait_for(events...);
    oriel_compat::with_scalar(PTO_OP_TXORS, dst, src, x);
    return {};
}

template <typename D, typename... Events> PTO_INST RecordEvent TEXPANDS(D &dst, typename D::DType x, Events &...events)
{
    detail::wait_for(events...);
    const pto_tile to = oriel_compat::tile_of(dst);
    pto_instr instr{};
    instr.op = PTO_OP_TFILL;
    instr.tile[0] = &to;
    instr.scalar = oriel_compat::scalar_of(x);
    oriel_front_issue(&instr);
    return {};
}

template <typename D, typename S, typename... Events>
PTO_INST RecordEvent TCVT(D &dst, S &src, RoundMode mode, Events &...events)
{
    detail::wait_for(events...);
    oriel_compat::unary(PTO_OP_TCVT, oriel_compat::round_of(mode), dst, src);
    return {};
}

template <typename D, typename S, typename... Events> PTO_INST RecordEvent TMOV(D &dst, S &src, Events &...events)
{
    detail::wait_for(events...);
    oriel_compat::unary(PTO_OP_TMOV, 0, dst, src);
    return {};
}

/* ---- Matrices ---------------------------------------------------------------------------------------------------- */

/* From the row and the column on. */
template <typename D, typename S, typename... Events>
PTO_INST RecordEvent TEXTRACT(D &dst, S &src, uint32_t row = 0, uint32_t col = 0, Events &...events)
{
    detail::wait_for(events...);
    if (row > 65535 || col > 65535)
        oriel_front_trap("TEXTRACT: begins at a row or column that is not below 65536");
    oriel_compat::unary(PTO_OP_TEXTRACT, row << 16 | col, dst, src);
    return {};
}

template <typename C, typename A, typename B, typename... Events>
PTO_INST RecordEvent TMATMUL(C &acc, A &a, B &b, Events &...events)
{
    detail::wait_for(events...);
    oriel_compat::binary(PTO_OP_TMATMUL, acc, a, b);
    return {};
}

template <typename C, typename A, typename B, typename... Events>
PTO_INST std::enable_if_t<!oriel_compat::same_place<C, A>::value, RecordEvent> TMATMUL_ACC(C &acc, A &a, B &b,
                                                                                           Events &...events)
{
    detail::wait_for(events...);
    oriel_compat::binary(PTO_OP_TMATMUL_ACC, acc, a, b);
    return {};
}

/* The sum goes where it came from: `in` is the tile `acc`. */
template <typename C, typename A, typename B, typename... Events>
PTO_INST RecordEvent TMATMUL_ACC(C &acc, C &in, A &a, B &b, Events &...events)
{
    if (acc.data() != in.data())
        oriel_front_trap("oriel: TMATMUL_ACC into another tile than it adds to is not supported yet (docs/compat.md)");
    detail::wait_for(events...);
    oriel_compat::binary(PTO_OP_TMATMUL_ACC, acc, a, b);
    return {};
}

/* The barrier among the blocks of a kernel. */
template <typename... Given> PTO_INST void SYNCALL(Given &&...)
{
    ffts_cross_core_sync_all();
}

} // namespace pto

#endif
