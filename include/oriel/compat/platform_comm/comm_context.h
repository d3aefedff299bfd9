/* SPDX-License-Identifier: Apache-2.0 */
/* The communication context that a kernel is given: its published layout. The window of rank r begins at windowsIn[r]. */
#ifndef ORIEL_COMPAT_COMM_CONTEXT_H
#define ORIEL_COMPAT_COMM_CONTEXT_H

#include <cstddef>
#include <cstdint>

#include "oriel/front.h"

static constexpr uint32_t COMM_MAX_RANK_NUM = ORIEL_FRONT_RANKS;

struct CommContext {
    uint64_t workSpace, workSpaceSize;
    uint32_t rankId, rankNum;
    uint64_t winSize;
    uint64_t windowsIn[COMM_MAX_RANK_NUM];
    uint64_t windowsOut[COMM_MAX_RANK_NUM];
};

static_assert(sizeof(CommContext) == sizeof(oriel_front_comm) && sizeof(CommContext) == 1056);
static_assert(offsetof(CommContext, rankId) == offsetof(oriel_front_comm, rank));
static_assert(offsetof(CommContext, winSize) == offsetof(oriel_front_comm, window_bytes));
static_assert(offsetof(CommContext, windowsIn) == offsetof(oriel_front_comm, windows_in));
static_assert(offsetof(CommContext, windowsOut) == offsetof(oriel_front_comm, windows_out));

#endif
