/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ORIEL_BASE_QUOTA_H
#define ORIEL_BASE_QUOTA_H

#include <stdint.h>

/*
 * How many processors' time the control groups of a process give it, rounded down but not to 0; UINT32_MAX: all there is.
 * groups  its list of groups: /proc/self/cgroup
 * mounts  where they are mounted: /sys/fs/cgroup
 */
uint32_t oriel_quota(const char *groups, const char *mounts);

#endif
