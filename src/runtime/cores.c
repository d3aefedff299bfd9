/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/cores.h"

#include <stdlib.h>

typedef struct vector_core {
    oriel_cores *cores;
    oriel_engine_core *engine_core; /* NULL: not made yet */
    oriel_strand *strand;           /* of the last block; freed when the next one starts */
    oriel_kernel_run *run;          /* NULL: idle */
    uint32_t block;
} vector_core;

struct oriel_cores {
    const oriel_engine *engine;
    const oriel_limits *limits;
    oriel_loop *loop;
    uint32_t idle;
    vector_core core[];
};

oriel_status oriel_cores_create(const oriel_engine *engine, const oriel_limits *limits, oriel_loop *loop,
                                oriel_cores **out)
{
    oriel_cores *cores = calloc(1, sizeof *cores + limits->vector_cores * sizeof(vector_core));
    if (!cores)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for the cores of a device");
    *cores = (oriel_cores){.engine = engine, .limits = limits, .loop = loop, .idle = limits->vector_cores};
    for (uint32_t i = 0; i < limits->vector_cores; i++)
        cores->core[i].cores = cores;
    *out = cores;
    return ORIEL_OK;
}

void oriel_cores_free(oriel_cores *cores)
{
    if (!cores)
        return;
    for (uint32_t i = 0; i < cores->limits->vector_cores; i++) {
        vector_core *core = &cores->core[i];
        if (core->strand)
            oriel_strand_free(core->strand);
        if (core->engine_core)
            cores->engine->core_destroy(core->engine_core);
    }
    free(cores);
}

uint32_t oriel_cores_idle(const oriel_cores *cores)
{
    return cores->idle;
}

/* Keeps the first failure, with the thread's message, and tells the other blocks. */
static void keep_failure(oriel_kernel_run *run, oriel_status status)
{
    if (status == ORIEL_OK || run->status != ORIEL_OK)
        return;
    run->status = status;
    oriel_error_copy(run->message, sizeof run->message);
    atomic_store(&run->failed, 1);
}

static void tell_if_ended(oriel_kernel_run *run)
{
    if (run->running == 0 && run->ended)
        run->ended(run);
}

/* The coroutine of one block. */
static oriel_status run_block(void *context)
{
    vector_core *core = context;
    oriel_kernel_run *run = core->run;
    oriel_block block = {
        .function = run->kernel->function,
        .kernel = run->kernel->name,
        .view = run->view,
        .block = core->block,
        .blocks = run->blocks,
        .barrier = &run->barrier,
        .deadline = run->deadline,
        .abort = {run->abort[0], run->abort[1], &run->failed},
    };
    oriel_status status = core->cores->engine->run(core->engine_core, &block);
    keep_failure(run, status);
    core->run = NULL;
    core->cores->idle++;
    run->running--;
    tell_if_ended(run);
    return status;
}

static oriel_status start_block(vector_core *core, oriel_kernel_run *run, uint32_t block)
{
    oriel_cores *cores = core->cores;
    oriel_status status = ORIEL_OK;
    if (!core->engine_core)
        status = cores->engine->core_create(cores->limits, &core->engine_core);
    if (status != ORIEL_OK)
        return status;
    if (core->strand)
        oriel_strand_free(core->strand);
    core->strand = NULL;
    core->run = run;
    core->block = block;
    oriel_strand_options options = {.form = ORIEL_FORM_COROUTINE, .name = run->kernel->name, .loop = cores->loop};
    /* Counted before, since the loop may run the block at once. */
    cores->idle--;
    run->running++;
    status = oriel_strand_start(&options, run_block, core, &core->strand);
    if (status != ORIEL_OK) {
        core->run = NULL;
        cores->idle++;
        run->running--;
    }
    return status;
}

void oriel_cores_start(oriel_cores *cores, oriel_kernel_run *run)
{
    run->running = 0;
    run->status = ORIEL_OK;
    run->failed = 0;
    run->barrier = (oriel_core_barrier){0};
    uint32_t block = 0;
    for (vector_core *core = cores->core; block < run->blocks && run->status == ORIEL_OK; core++)
        if (!core->run)
            keep_failure(run, start_block(core, run, block++));
    tell_if_ended(run); /* if none could be started; otherwise they run later */
}
