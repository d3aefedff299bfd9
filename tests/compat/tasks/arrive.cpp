/* SPDX-License-Identifier: Apache-2.0 */
/* Computes nothing: its task is complete when the neighbour before this rank has staged its row. */
#include "../common.hpp"

#include "pto_async_kernel_api.h"

extern "C" __aicore__ void kernel_entry(__gm__ int64_t *args)
{
    AsyncCtx context = get_async_ctx(args);
    save_expected_notification_counter(context, reinterpret_cast<volatile __gm__ void *>(args[1]),
                                       static_cast<uint32_t>(args[2]));
}
