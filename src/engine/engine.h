/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An engine decides when an instruction happens. This is its side toward the runtime; its side toward kernels is the
 * table of oriel/instr.h.
 *
 *      runtime, on the device's thread (each block in a coroutine of its own)
 *          engine->core_create     once per core of the device
 *          engine->run(core, block)    enters the kernel, returns when it has returned or was left
 *          engine->core_destroy
 *
 * A core runs one block at a time. What a core keeps from one kernel to the next (UB, flags) is the engine's.
 */
#ifndef ORIEL_ENGINE_ENGINE_H
#define ORIEL_ENGINE_ENGINE_H

#include "isa/limits.h"
#include "oriel/worker.h"
#include "window/view.h"

/*
 * The barrier among the blocks of one launch. All zero at the start. One thread (the device's) drives all blocks. A
 * block that has ended will not arrive any more: who waits for it leaves, and says so.
 */
typedef struct oriel_core_barrier {
    uint32_t arrived, generation;
    uint32_t ended;          /* blocks */
    uint32_t first_ended;    /* the first of them, */
    oriel_status its_status; /* and how it ended */
} oriel_core_barrier;

typedef struct oriel_engine_core oriel_engine_core;

/* One block of one kernel launch. Borrowed for the length of run. */
typedef struct oriel_block {
    oriel_kernel_fn function;
    const char *kernel; /* its name, for messages */
    const oriel_view *view;
    uint32_t block, blocks;
    oriel_core_barrier *barrier; /* may be NULL for one block */
    oriel_bell *bell;            /* the device's, on which peers' signals ring; NULL in a coroutine (base/wait.h) */
    int64_t deadline;            /* of the run, */
    double wait_s; /* and how long each of its waits may take, in seconds; 0: as long as the run, negative: for ever */
    const _Atomic uint32_t *abort[ORIEL_WAIT_ABORTS];
    void (*idle)(void *context); /* NULL, or as that of base/wait.h; not in a coroutine */
    void *idle_context;
    /* NULL, or called when the run is left while it waits, for each cell of a window that has not compared true. */
    void (*awaited)(void *context, const char *window, uint64_t cell);
    void *awaited_context;
} oriel_block;

typedef struct oriel_engine {
    const char *name;
    oriel_status (*core_create)(const oriel_limits *limits, oriel_engine_core **core);
    void (*core_destroy)(oriel_engine_core *core);
    /*
     * ORIEL_OK       the kernel returned
     * ORIEL_FAULT    an instruction was not allowed: `file:line: TLOAD reads ...`
     * ORIEL_TIMEOUT, ORIEL_ABORTED   it was left in a wait:
     *                `file:line: rank 0 waited for cell 3 of window "signals" >= 5, and saw 4`,
     *                or at another instruction: `file:line: TADD: the deadline passed`
     * A core that was left is good for the next block: its flags are cleared.
     */
    oriel_status (*run)(oriel_engine_core *core, const oriel_block *block);
} oriel_engine;

extern const oriel_engine oriel_engine_direct;

#endif
