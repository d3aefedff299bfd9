/* SPDX-License-Identifier: Apache-2.0 */
/* The two halves of oriel_launch_run, for those who run several launches, or one several times, on one worker. */
#ifndef ORIEL_LAUNCH_RUN_H
#define ORIEL_LAUNCH_RUN_H

#include "oriel/launch.h"

/* A launch that a worker knows. */
typedef struct oriel_registered {
    const oriel_launch *launch;
    oriel_kernel kernel;
    oriel_callable_id callable;
} oriel_registered;

/*
 * Registers the launch's kernel, before oriel_worker_init. `registered` must stay where it is until the worker is
 * closed.
 */
oriel_status oriel_launch_register(oriel_worker *worker, const oriel_launch *launch, oriel_registered *registered);

/*
 * Runs `job` on the first job->ranks devices of a started worker. Status and report as for oriel_launch_run, but for
 * start_ms and total_ms, which are 0. The job's platform, devices and form are those of the worker.
 */
oriel_status oriel_launch_on(oriel_worker *worker, const oriel_registered *registered, const oriel_job *job,
                             oriel_report *report);

#endif
