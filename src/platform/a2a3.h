/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of a2a3, for the silicon and its simulation. */
#ifndef ORIEL_PLATFORM_A2A3_H
#define ORIEL_PLATFORM_A2A3_H

#define ORIEL_A2A3_LIMITS                                                                                              \
    {                                                                                                                  \
        .vector_cores = 48, .matrix_cores = 24, .ub_bytes = 192 << 10, .ub_align = 32, .event_ids = 8,                 \
        .l1_bytes = 512 << 10, .l0a_bytes = 64 << 10, .l0b_bytes = 64 << 10, .l0c_bytes = 128 << 10, .line_bytes = 64, \
        .max_devices = 64, .vector_in_order = false                                                                    \
    }

#endif
