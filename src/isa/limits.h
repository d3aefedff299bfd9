/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers that bound a kernel on a platform. The tables are in platform/; this is only their form. */
#ifndef ORIEL_ISA_LIMITS_H
#define ORIEL_ISA_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct oriel_limits {
    uint32_t vector_cores; /* AIV per device: blocks of one kernel that can run at once */
    uint32_t matrix_cores; /* AIC per device */
    uint32_t ub_bytes;     /* Unified Buffer of one vector core */
    uint32_t ub_align;     /* of a tile's offset and row, in any memory, in bytes; a power of two */
    uint32_t l1_bytes;     /* of one matrix core: what the matrix unit's operands come through, */
    uint32_t l0a_bytes;    /* its left operands, */
    uint32_t l0b_bytes;    /* its right ones, */
    uint32_t l0c_bytes;    /* and its sums */
    uint32_t event_ids;    /* per flag key: ids 0 .. event_ids-1 */
    uint32_t line_bytes;   /* data-cache line of the scalar unit */
    uint32_t max_devices;  /* of one worker, and ranks of one domain */
    bool vector_in_order;  /* PIPE_V completes in order (a5); else a dependent pair needs pipe_barrier (a2a3) */
} oriel_limits;

#endif
