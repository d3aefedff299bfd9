/* SPDX-License-Identifier: Apache-2.0 */
/* Copies by an engine of their own are not there yet: their types are, so that a kernel that only names them compiles. */
#ifndef ORIEL_COMPAT_PTO_ASYNC_TYPES_HPP
#define ORIEL_COMPAT_PTO_ASYNC_TYPES_HPP

#include <pto/comm/comm_types.hpp>

namespace pto::comm
{

namespace sdma
{
struct SdmaBaseConfig {
    uint64_t block_bytes;
    uint64_t comm_block_offset;
    uint32_t queue_num;
};
} // namespace sdma

struct AsyncSession {
    DmaEngine engine = DmaEngine::SDMA;
    bool valid = false;
};

struct AsyncEvent {
    uint64_t handle = 0;
    DmaEngine engine = DmaEngine::SDMA;

    AICORE constexpr bool valid() const
    {
        return handle != 0;
    }
    template <typename Session> AICORE bool Wait(const Session &) const
    {
        static_assert(oriel::compat::never<Session>, "oriel: AsyncEvent::Wait is not supported yet (docs/compat.md)");
        return false;
    }
    template <typename Session> AICORE bool Test(const Session &) const
    {
        static_assert(oriel::compat::never<Session>, "oriel: AsyncEvent::Test is not supported yet (docs/compat.md)");
        return false;
    }
};

} // namespace pto::comm

#endif
