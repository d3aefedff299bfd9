/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a kernel: what it stored, from either unit's tiles, has landed. */
#ifndef ORIEL_COMPAT_PIPE_SYNC_H
#define ORIEL_COMPAT_PIPE_SYNC_H

#include "pto/common/core.hpp"

PTO_INTERNAL void pipe_sync()
{
    set_flag(PIPE_MTE3, PIPE_S, EVENT_ID7);
    wait_flag(PIPE_MTE3, PIPE_S, EVENT_ID7);
    set_flag(PIPE_FIX, PIPE_S, EVENT_ID7);
    wait_flag(PIPE_FIX, PIPE_S, EVENT_ID7);
}

#endif
