/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/platform.h"

const oriel_platform oriel_platform_a5sim = {
    .name = "a5sim",
    .summary = "a5 simulated on this host; vector operations complete in order",
    .limits = {.vector_cores = 72,
               .matrix_cores = 36,
               .ub_bytes = 256 << 10,
               .ub_align = 32,
               .l1_bytes = 512 << 10,
               .l0a_bytes = 64 << 10,
               .l0b_bytes = 64 << 10,
               .l0c_bytes = 256 << 10,
               .event_ids = 8,
               .line_bytes = 64,
               .max_devices = 64,
               .vector_in_order = true},
    .probe = oriel_platform_needs_nothing,
};
