/* SPDX-License-Identifier: Apache-2.0 */
/* Which block of its task a kernel is. */
#ifndef ORIEL_COMPAT_INTRINSIC_H
#define ORIEL_COMPAT_INTRINSIC_H

#include "pto/common/core.hpp"

PTO_INTERNAL int32_t get_block_idx(int64_t *)
{
    return static_cast<int32_t>(oriel_front_core()->block);
}

PTO_INTERNAL int32_t get_block_num(int64_t *)
{
    return static_cast<int32_t>(oriel_front_core()->blocks);
}

PTO_INTERNAL int32_t get_sub_block_id(int64_t *)
{
    return 0;
}

#endif
