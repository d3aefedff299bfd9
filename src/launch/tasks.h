/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tasks of a job that is checked: what the orchestration of a launch submits on each rank in each call, and which of
 * them come after which. The orchestration is called once for each rank and call, with an orchestrator that runs nothing.
 *
 * The edges are those that the runtime of the accelerators guarantees, and no others:
 *
 *      INPUT, INOUT        after each earlier INOUT or OUTPUT_EXISTING of any of its bytes
 *      OUTPUT_EXISTING     likewise in the documented profile; after none in the strict one: the sources differ
 *      any part of what an earlier task made (OUTPUT), with any tag, also NO_DEP: after that task
 *      explicit dependencies; tasks for which the orchestration waited
 *
 * A reader is never waited for. One thread.
 */
#ifndef ORIEL_LAUNCH_TASKS_H
#define ORIEL_LAUNCH_TASKS_H

#include "launch/check_memory.h"

typedef struct oriel_launch_tasks {
    oriel_check_graph *graph; /* in call c of rank r: graph[r * calls + c] */
    uint32_t graphs;
    uint32_t cores; /* that each rank needs */
    pto_site *site; /* by kernel */
} oriel_launch_tasks;

/*
 * Calls the orchestration of memory->launch. `memory` is borrowed: its args are what the orchestration gets.
 *
 * ORIEL_INVALID  more blocks in a call than a device has vector cores; what oriel_submit refuses; a tensor or a condition
 *                that lies in no buffer of its rank; no room for a temporary. The message names launch, rank, call and task
 * others         what the orchestration returns
 */
oriel_status oriel_launch_tasks_make(const oriel_check_memory *memory, const oriel_limits *limits,
                                     oriel_profile profile, uint32_t calls, oriel_launch_tasks *tasks);
void oriel_launch_tasks_free(oriel_launch_tasks *tasks);

#endif
