/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a kernel: the scalar unit waits for what the kernel stored. */
#ifndef ORIEL_COMPAT_PIPE_SYNC_H
#define ORIEL_COMPAT_PIPE_SYNC_H

#include "oriel/compat/detail/pipes.hpp"

ORIEL_COMPAT_INLINE void pipe_sync()
{
#if defined(__DAV_CUBE__) && !defined(__DAV_VEC__)
    constexpr pipe_t stores = PIPE_FIX;
#else
    constexpr pipe_t stores = PIPE_MTE3;
#endif
    set_flag(stores, PIPE_S, EVENT_ID7);
    wait_flag(stores, PIPE_S, EVENT_ID7);
}

#endif
