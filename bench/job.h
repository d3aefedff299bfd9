/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job in this process, on this thread: its memory as a check makes it, and two ways to run it on that memory, with the same
 * host between the calls (outputs poisoned before, compared after).
 *
 *      bench_job_check     the whole way of `oriel check`, but for making the memory: checker made, schedules run, report written
 *      bench_job_direct    each call of each rank on the direct engine; ranks are coroutines of one loop
 *
 * What the host does takes as long for both, and is not what an engine costs: it is timed apart, and left out of the times.
 */
#ifndef ORIEL_BENCH_JOB_H
#define ORIEL_BENCH_JOB_H

#include "base/strand.h"
#include "bench.h"
#include "engine/check/machine.h"
#include "engine/engine.h"
#include "launch/check_memory.h"
#include "launch/job.h"
#include "platform/platform.h"

#define BENCH_MAX_RANKS 64

/* A rank, for the direct engine. */
typedef struct bench_rank {
    struct bench_job *job;
    oriel_engine_core *core;
    uint32_t rank;
} bench_rank;

typedef struct bench_job {
    oriel_launch launch;
    oriel_job job; /* complete */
    const oriel_limits *limits;
    oriel_check_memory memory;
    oriel_check_host inner, host;   /* of the memory; around it, with a clock */
    int64_t host_ns, first_host_ns; /* in all; up to the end of the first schedule */
    uint32_t resets;
    const oriel_check_options *options;
    oriel_check_setup setup;
    oriel_bump report;
    oriel_bell bell; /* nobody rings it */
    oriel_loop *loop;
    uint32_t left; /* ranks that have not ended */
    bench_rank rank[BENCH_MAX_RANKS];
} bench_job;

/* What one check came to. */
typedef struct bench_checked {
    double ms, first_ms; /* of all; of its first schedule */
    bool exhaustive;
    uint64_t schedules, operations; /* of its last schedule, with those of which composites are made */
    double megabytes;               /* kept by the checker: its heap, and as much of the UB of its cores as was used */
} bench_checked;

/* `bench` stays where it is until it is closed. Exits if there can be no such job. */
void bench_job_open(bench_job *bench, const oriel_launch *launch, uint32_t ranks, uint64_t count,
                    const oriel_check_options *options);
void bench_job_close(bench_job *bench);

/* Exits if there is a finding. */
bench_checked bench_job_check(bench_job *bench);
/* Milliseconds. Exits if a result is wrong. */
double bench_job_direct(bench_job *bench);

#endif
