/* SPDX-License-Identifier: Apache-2.0 */
/* From operands to records: what all instructions of pto_instr.hpp and pto_comm_inst.hpp share. */
#ifndef ORIEL_COMPAT_ISSUE_HPP
#define ORIEL_COMPAT_ISSUE_HPP

#include <pto/common/event.hpp>
#include <pto/common/pto_tile.hpp>

namespace oriel::compat
{

template <typename T> ORIEL_COMPAT_INLINE pto_scalar scalar_of(T value)
{
    pto_scalar out{};
    if constexpr (std::is_integral_v<T>) {
        out.value.i = static_cast<int64_t>(value);
    } else {
        out.is_float = true;
        out.value.f = static_cast<double>(static_cast<float>(value));
    }
    return out;
}

/* The arithmetic unit works in the Unified Buffer, on rows: a column-major tile is a row-major one if all of them are. */
template <typename First, typename... Rest> constexpr bool one_order = ((transposed<First> == transposed<Rest>)&&...);

template <typename D, typename A, typename B>
ORIEL_COMPAT_INLINE void binary(pto_op op, const D &dst, const A &a, const B &b)
{
    static_assert(one_order<D, A, B>, "oriel: tiles of different layouts in one instruction are not supported yet");
    const pto_tile tile[3] = {tile_of(dst), tile_of(a), tile_of(b)};
    pto_instr instr{};
    instr.op = op;
    instr.tile[0] = &tile[0];
    instr.tile[1] = &tile[1];
    instr.tile[2] = &tile[2];
    oriel_front_issue(&instr);
}

template <typename D, typename A>
ORIEL_COMPAT_INLINE void with_scalar(pto_op op, const D &dst, const A &a, pto_scalar x)
{
    static_assert(one_order<D, A>, "oriel: tiles of different layouts in one instruction are not supported yet");
    const pto_tile tile[2] = {tile_of(dst), tile_of(a)};
    pto_instr instr{};
    instr.op = op;
    instr.tile[0] = &tile[0];
    instr.tile[1] = &tile[1];
    instr.scalar = x;
    oriel_front_issue(&instr);
}

template <typename D, typename S> ORIEL_COMPAT_INLINE void unary(pto_op op, const D &dst, const S &src, uint32_t mode)
{
    const pto_tile tile[2] = {tile_of(dst), tile_of(src)};
    pto_instr instr{};
    instr.op = op;
    instr.mode = mode;
    instr.tile[0] = &tile[0];
    instr.tile[1] = &tile[1];
    oriel_front_issue(&instr);
}

constexpr uint32_t atomic_of(pto::AtomicType type)
{
    return type == pto::AtomicType::AtomicAdd ? PTO_ATOMIC_ADD : PTO_ATOMIC_NONE;
}

constexpr uint32_t round_of(pto::RoundMode mode)
{
    switch (mode) {
    case pto::RoundMode::CAST_ROUND: return PTO_ROUND_AWAY;
    case pto::RoundMode::CAST_FLOOR: return PTO_ROUND_FLOOR;
    case pto::RoundMode::CAST_CEIL: return PTO_ROUND_CEIL;
    case pto::RoundMode::CAST_TRUNC: return PTO_ROUND_TRUNC;
    case pto::RoundMode::CAST_NONE: /* asks for nothing: to nearest, as arithmetic rounds */
    case pto::RoundMode::CAST_RINT: return PTO_ROUND_NEAREST;
    case pto::RoundMode::CAST_ODD: break;
    }
    return PTO_ROUND_COUNT;
}

} // namespace oriel::compat

#endif
