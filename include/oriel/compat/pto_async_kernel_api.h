/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels that end with a condition: their task is complete when a counter has arrived. */
#ifndef ORIEL_COMPAT_PTO_ASYNC_KERNEL_API_H
#define ORIEL_COMPAT_PTO_ASYNC_KERNEL_API_H

#include "intrinsic.h"
#include "pto/comm/pto_comm_inst.hpp"

/* The task that the kernel is. */
struct AsyncCtx {
};

PTO_INTERNAL AsyncCtx get_async_ctx(int64_t *)
{
    return {};
}

PTO_INTERNAL bool async_ctx_is_deferred(const AsyncCtx &)
{
    return true;
}

PTO_INTERNAL void send_notification(volatile void *counter, int32_t value, pto::comm::NotifyOp op)
{
    pto::comm::Signal signal(static_cast<int32_t *>(const_cast<void *>(counter)));
    pto::comm::TNOTIFY(signal, value, op);
}

/* The context's task is complete when the counter is at least `value`. */
PTO_INTERNAL void save_expected_notification_counter(AsyncCtx &, volatile void *counter, uint32_t value)
{
    oriel_front_complete_when(counter, static_cast<int32_t>(value));
}

#endif
