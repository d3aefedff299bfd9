/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vector cores of one device, and kernels that run on them: a block on each core it needs, every block in a
 * coroutine of its own, all on the device's thread. A kernel is placed with all its blocks or not at all.
 *
 * A core is made when it is first needed.
 */
#ifndef ORIEL_RUNTIME_CORES_H
#define ORIEL_RUNTIME_CORES_H

#include "base/error.h"
#include "base/strand.h"
#include "engine/engine.h"

typedef struct oriel_cores oriel_cores;

/* One run of a kernel. The first part is the caller's to fill, and good until `running` is 0 again. */
typedef struct oriel_kernel_run {
    const oriel_kernel *kernel;
    const oriel_view *view;
    uint32_t blocks;
    int64_t deadline;
    const _Atomic uint32_t *abort[2];            /* from outside: the task's, the device's */
    void (*ended)(struct oriel_kernel_run *run); /* NULL, or called when all its blocks have ended */

    uint32_t running;        /* blocks that have not ended */
    oriel_status status;     /* of the first block that failed */
    _Atomic uint32_t failed; /* tells the other blocks to leave their waits */
    oriel_core_barrier barrier;
    char message[ORIEL_ERROR_BYTES];
} oriel_kernel_run;

/* `loop` and `limits` are borrowed. */
oriel_status oriel_cores_create(const oriel_engine *engine, const oriel_limits *limits, oriel_loop *loop,
                                oriel_cores **cores);
/* Nothing is running. */
void oriel_cores_free(oriel_cores *cores);

uint32_t oriel_cores_idle(const oriel_cores *cores);

/* Starts a kernel; at least run->blocks cores are idle. What goes wrong is in run->status once run->running is 0. */
void oriel_cores_start(oriel_cores *cores, oriel_kernel_run *run);

#endif
