/* SPDX-License-Identifier: Apache-2.0 */
/* The communication context that a kernel is given, in its published layout: as oriel_front_comm, field by field. */
#ifndef ORIEL_COMPAT_COMM_CONTEXT_H
#define ORIEL_COMPAT_COMM_CONTEXT_H

#include "oriel/compat/detail/device.hpp"

constexpr uint32_t COMM_MAX_RANK_NUM = ORIEL_FRONT_RANKS;

struct CommContext {
    uint64_t workSpace, workSpaceSize;
    uint32_t rankId, rankNum;
    uint64_t winSize;
    uint64_t windowsIn[COMM_MAX_RANK_NUM];
    uint64_t windowsOut[COMM_MAX_RANK_NUM];
};

static_assert(sizeof(CommContext) == 1056 && sizeof(oriel_front_comm) == sizeof(CommContext));
#define ORIEL_COMPAT_SAME(ours, theirs) static_assert(offsetof(oriel_front_comm, ours) == offsetof(CommContext, theirs))
ORIEL_COMPAT_SAME(workspace, workSpace);
ORIEL_COMPAT_SAME(workspace_bytes, workSpaceSize);
ORIEL_COMPAT_SAME(rank, rankId);
ORIEL_COMPAT_SAME(ranks, rankNum);
ORIEL_COMPAT_SAME(window_bytes, winSize);
ORIEL_COMPAT_SAME(windows_in, windowsIn);
ORIEL_COMPAT_SAME(windows_out, windowsOut);
#undef ORIEL_COMPAT_SAME

#endif
