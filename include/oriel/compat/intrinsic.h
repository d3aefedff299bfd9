/* SPDX-License-Identifier: Apache-2.0 */
/* What a kernel asks of its arguments' tail: which block it is. Here the core answers, whatever the arguments are. */
#ifndef ORIEL_COMPAT_INTRINSIC_H
#define ORIEL_COMPAT_INTRINSIC_H

#include "oriel/compat/detail/pipes.hpp"

ORIEL_COMPAT_INLINE int32_t get_block_idx(const int64_t *)
{
    return static_cast<int32_t>(get_block_idx());
}

ORIEL_COMPAT_INLINE int32_t get_block_num(const int64_t *)
{
    return static_cast<int32_t>(get_block_num());
}

ORIEL_COMPAT_INLINE int32_t get_sub_block_id(const int64_t *)
{
    return static_cast<int32_t>(get_subblockid());
}

/* There are no engines that a kernel drives through a workspace: the answer that stands for "none". */
ORIEL_COMPAT_INLINE uint8_t *get_dma_workspace(const int64_t *, int)
{
    return nullptr;
}

#endif
