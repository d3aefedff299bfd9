/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks that end later than their kernel: when a counter in memory, which a peer raises, has reached a value. */
#ifndef ORIEL_COMPAT_PTO_ASYNC_KERNEL_API_H
#define ORIEL_COMPAT_PTO_ASYNC_KERNEL_API_H

#include <pto/comm/comm_types.hpp>
#include <pto/comm/pto_comm_inst.hpp>

#include "intrinsic.h"

/* The task that runs. It holds nothing: the front knows it. */
struct AsyncCtx {
};

ORIEL_COMPAT_INLINE AsyncCtx get_async_ctx(const int64_t *)
{
    return {};
}

ORIEL_COMPAT_INLINE bool async_ctx_is_deferred(const AsyncCtx &)
{
    return true;
}

ORIEL_COMPAT_INLINE void send_notification(volatile void *counter, int32_t value, pto::comm::NotifyOp how)
{
    pto::comm::Signal cell(static_cast<int32_t *>(const_cast<void *>(counter)));
    pto::comm::TNOTIFY(cell, value, how);
}

ORIEL_COMPAT_INLINE void save_expected_notification_counter(AsyncCtx &, volatile void *counter, uint32_t least)
{
    oriel_front_complete_when(counter, least);
}

template <typename Token> ORIEL_COMPAT_INLINE bool register_completion_condition(AsyncCtx &, const Token &)
{
    static_assert(oriel::compat::never<Token>,
                  "oriel: register_completion_condition is not supported yet (docs/compat.md)");
    return false;
}

#endif
