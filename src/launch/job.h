/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a launch is complete, whether a job suits it, and what the job leaves open. Pure. */
#ifndef ORIEL_LAUNCH_JOB_H
#define ORIEL_LAUNCH_JOB_H

#include "oriel/launch.h"

/* ORIEL_INVALID, naming what a launch from outside lacks. */
oriel_status oriel_launch_check(const oriel_launch *launch);

/*
 * Fills in the defaults of `job` and checks it: ranks, type, reduction, count, and whether memory for it can exist.
 * ORIEL_INVALID, ORIEL_NO_MEMORY.
 */
oriel_status oriel_job_complete(const oriel_launch *launch, const oriel_job *job, oriel_job *complete);

/* The type of a buffer in this job. */
pto_dtype oriel_buffer_dtype(const oriel_launch_buffer *buffer, const oriel_job *job);

/* Bytes that a buffer has on each rank. */
uint64_t oriel_buffer_bytes(const oriel_launch_buffer *buffer, const oriel_job *job);

/* Whether it is an argument of the kernel, or the orchestration, by itself: an input or an output. */
bool oriel_buffer_is_tensor(const oriel_launch_buffer *buffer);

/* Bytes that a rank has for temporaries. */
uint64_t oriel_job_temporary_bytes(const oriel_launch *launch, const oriel_job *job);

/* The window buffers of the job's domain, in the order of the table: `windows` has room for all buffers. Returns how many. */
uint32_t oriel_job_windows(const oriel_launch *launch, const oriel_job *job, oriel_buffer *windows);

/* Bytes in the arena for all ranks: tensors and windows. */
uint64_t oriel_job_bytes(const oriel_launch *launch, const oriel_job *job);

#endif
