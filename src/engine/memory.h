/* SPDX-License-Identifier: Apache-2.0 */
/* The memories of one simulated core, for each engine: UB, L1, L0A, L0B and L0C of a platform's sizes. */
#ifndef ORIEL_ENGINE_MEMORY_H
#define ORIEL_ENGINE_MEMORY_H

#include "isa/isa.h"

/* Pages are taken when a kernel first touches them: a core that multiplies no matrices has UB only. All zero. */
oriel_status oriel_memories_map(const oriel_limits *limits, char *memory[PTO_MEMORY_COUNT]);
/* Those that were mapped; nothing if memory[0] is NULL. */
void oriel_memories_unmap(const oriel_limits *limits, char *const memory[PTO_MEMORY_COUNT]);

/* What kernel.h reads from a core about them. */
static inline void oriel_memories_tell(const oriel_limits *limits, pto_core *core)
{
    core->ub_bytes = limits->ub_bytes;
    core->ub_align = limits->ub_align;
    core->l1_bytes = limits->l1_bytes;
    core->l0a_bytes = limits->l0a_bytes;
    core->l0b_bytes = limits->l0b_bytes;
    core->l0c_bytes = limits->l0c_bytes;
}

#endif
