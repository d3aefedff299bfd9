/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/a2a3.h"
#include "platform/platform.h"

const oriel_platform oriel_platform_a2a3sim = {
    .name = "a2a3sim",
    .summary = "a2a3 simulated on this host; vector operations may overlap",
    .limits = ORIEL_A2A3_LIMITS,
    .probe = oriel_platform_needs_nothing,
};
