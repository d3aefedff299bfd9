/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/site.h"
#include "front/core.h"
#include "oriel/kernel.h"
#include "window/view.h"

static _Thread_local front *running;

front *front_if_running(void)
{
    return running;
}

front *front_running(void)
{
    if (__builtin_expect(!running, 0)) {
        fputs("oriel: an instruction outside a kernel: kernels in C++ are entered by oriel_front_run\n", stderr);
        abort();
    }
    return running;
}

pto_core *front_call(front *self)
{
    front_settle(self);
    self->steps = 0;
    return self->core;
}

void front_return(front *self)
{
    running = self;
}

_Noreturn void front_trap(front *self, const pto_site *site, const char *text)
{
    pto_trap_at(front_call(self), site, text);
    __builtin_unreachable();
}

/* ---- Entering --------------------------------------------------------------------------------------------------- */

/*
 * A task is complete when its kernel has returned and its conditions hold. Its core has nothing else to do then, and waits: whoever
 * depends on the task learns the same.
 */
static void meet_conditions(front *self)
{
    pto_core *core = front_call(self);
    for (uint32_t i = 0; i < self->untils; i++) {
        const pto_cells cell = {
            .addr = oriel_view_address(core->view, self->until[i].counter), .count = 1, .stride = 1};
        pto_signal_at(core, self->until[i].site, PTO_OP_TWAIT, cell, self->until[i].least, PTO_GE);
        front_return(self);
    }
}

static void enter(front *self, oriel_front_entry entry)
{
    entry(self->argument);
    front_settle(self);
    meet_conditions(self);
    running = NULL;
}

void oriel_front_complete_when(const volatile void *counter, uint32_t least)
{
    front *self = front_running();
    const pto_site *site = oriel_site_of(__builtin_return_address(0));
    if (self->untils == ORIEL_MAX_UNTILS)
        front_trap(self, site, "a task has too many completion conditions");
    self->until[self->untils++] = (struct front_until){counter, (int32_t)least, site};
}

void oriel_front_run(pto_core *core, const oriel_launch *launch, oriel_front_entry entry, const char *arguments)
{
    front self = {.core = core, .top = __builtin_frame_address(0)};
    running = &self;
    front_take_arguments(&self, launch, arguments, oriel_site_of(__builtin_return_address(0)));
    enter(&self, entry);
}

void oriel_front_run_task(pto_core *core, oriel_front_entry entry)
{
    front self = {.core = core, .top = __builtin_frame_address(0)};
    running = &self;
    front_take_task(&self, oriel_site_of(__builtin_return_address(0)));
    enter(&self, entry);
}

uint32_t oriel_front_block(void)
{
    return front_running()->core->block;
}

uint32_t oriel_front_blocks(void)
{
    return front_running()->core->blocks;
}

/* ---- Instructions ----------------------------------------------------------------------------------------------- */

pto_addr oriel_front_address(const volatile void *pointer)
{
    return oriel_view_address(front_running()->core->view, pointer);
}

void oriel_front_issue(pto_instr *instr)
{
    front *self = front_running();
    pto_core *core = front_call(self);
    instr->site = oriel_site_of(__builtin_return_address(0));
    core->ops->issue(core, instr);
    front_return(self);
}

void oriel_front_sync(pto_sync *sync)
{
    front *self = front_running();
    pto_core *core = front_call(self);
    sync->site = oriel_site_of(__builtin_return_address(0));
    core->ops->sync(core, sync);
    front_return(self);
}

bool oriel_front_signal(pto_signal *signal)
{
    front *self = front_running();
    pto_core *core = front_call(self);
    signal->site = oriel_site_of(__builtin_return_address(0));
    bool is = core->ops->signal(core, signal);
    front_return(self);
    return is;
}

void oriel_front_trap(const char *text)
{
    front_trap(front_running(), oriel_site_of(__builtin_return_address(0)), text);
}

uint32_t oriel_front_next_event(pto_pipe src, pto_pipe dst)
{
    front *self = front_running();
    if (src >= PTO_PIPE_COUNT || dst >= PTO_PIPE_COUNT)
        front_trap(self, oriel_site_of(__builtin_return_address(0)), "an event of a pipe that there is not");
    return self->event[src][dst]++ % 8;
}
