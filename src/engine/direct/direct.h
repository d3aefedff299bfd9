/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The direct engine: each instruction at once, in program order, at host speed. Every operand is checked before
 * anything is written; what is not allowed leaves the kernel by a long jump to where it was entered.
 *
 *      direct.c      cores, entering and leaving a kernel, simple instructions, scalar accesses
 *      composite.c   the short ways of TPUT, TREDUCE, ...
 *      sync.c        flags, barriers, fences
 *      signal.c      TNOTIFY, TWAIT, TTEST
 */
#ifndef ORIEL_ENGINE_DIRECT_DIRECT_H
#define ORIEL_ENGINE_DIRECT_DIRECT_H

#include <setjmp.h>

#include "engine/engine.h"

struct oriel_engine_core {
    pto_core pto; /* first: the kernel's pointer to it is one to all of this */
    const oriel_limits *limits;
    char *memory[PTO_MEMORY_COUNT];
    /* [source pipe][destination pipe]: one bit per event id. Survive from kernel to kernel (docs/machine.md). */
    uint32_t flags[PTO_PIPE_ALL][PTO_PIPE_ALL];

    /* Of the block that runs: */
    const oriel_block *block;
    uint32_t looks;    /* of oriel_direct_look */
    uint32_t tests;    /* TTESTs in a row that said no, */
    int64_t tests_end; /* and their deadline */
    oriel_status status;
    jmp_buf leave;
};

static inline oriel_engine_core *oriel_direct_core(pto_core *pto)
{
    return (oriel_engine_core *)pto;
}

/* Leaves the kernel with `status`, whose message has been set; the place in the source goes before it. */
_Noreturn void oriel_direct_leave(oriel_engine_core *core, const pto_site *site, oriel_status status);

static inline void oriel_direct_require(oriel_engine_core *core, const pto_site *site, oriel_status status)
{
    if (__builtin_expect(status != ORIEL_OK, 0))
        oriel_direct_leave(core, site, status);
}

/* Until when a wait that begins now may last. */
int64_t oriel_direct_wait_end(const oriel_engine_core *core);

/* Waits on the block's bell until `ready(context)`, that deadline or the block's abort words. Sets no message. */
oriel_status oriel_direct_wait(const oriel_engine_core *core, bool (*ready)(void *context), void *context);

/* Whether the run is to end: ORIEL_ABORTED, ORIEL_TIMEOUT (asked for only if `clock`), or ORIEL_OK. Sets no message. */
oriel_status oriel_direct_ended(const oriel_engine_core *core, bool clock);

/*
 * Called by each instruction: leaves the kernel if the run is to end, so that a loop without a wait can be ended too.
 * Looks at the abort words each time, at the clock now and then.
 */
void oriel_direct_look(oriel_engine_core *core, const pto_site *site, pto_op op);

/*
 * The pointer to a global tensor that lies in its object entirely and is aligned to its elements; sets `span` to its
 * bytes from the first to the last.
 */
oriel_status oriel_direct_reach(const oriel_engine_core *core, pto_op op, const pto_global *global, bool write,
                                void **pointer, uint64_t *span);

/* A simple instruction that the check has accepted. Changes nothing if it fails. */
oriel_status oriel_direct_simple(oriel_engine_core *core, const pto_instr *instr);

/* A composite instruction that the check has accepted. Changes nothing if it fails. */
oriel_status oriel_direct_composite(oriel_engine_core *core, const pto_instr *instr);

/* Entries of the engine's table. */
void oriel_direct_sync(pto_core *pto, const pto_sync *sync);
bool oriel_direct_signal(pto_core *pto, const pto_signal *signal);

#endif
