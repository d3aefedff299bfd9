/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device memory of a job that is checked: tensors and windows of all ranks in one arena, the views through which
 * kernels name them, and what the checking engine asks of its host (engine/check/check.h).
 *
 *      arena   ┌─ rank 0 ─┬─ rank 1 ─┬ ─ ─ ┬────────┬─ window 0 ─┬─ window 1 ─┬ ─ ─ ┐
 *              │ in │ out │ in │ out │     │ domain │ scratch, signals        │     │      pieces, in this order
 *              └──────────┴──────────┴ ─ ─ ┴────────┴────────────┴────────────┴ ─ ─ ┘
 *
 * One thread.
 */
#ifndef ORIEL_LAUNCH_CHECK_MEMORY_H
#define ORIEL_LAUNCH_CHECK_MEMORY_H

#include "engine/check/check.h"
#include "launch/compare.h"
#include "window/arena.h"

/* An output of one rank. */
typedef struct oriel_checked_output {
    oriel_image image[2]; /* [1]: with the other inputs */
    char *near[2];        /* NULL, or the last contents that were right by their tolerance only */
    char *poison;         /* what it holds when a call begins */
    char *data;           /* in the arena */
    uint32_t buffer;      /* of the launch */
} oriel_checked_output;

typedef struct oriel_check_memory {
    const oriel_launch *launch; /* borrowed, as is the job */
    const oriel_job *job;
    oriel_inputs inputs[2]; /* [1]: the others, random ones of `other_job`, made when they are first asked for */
    oriel_job other_job;
    oriel_contents contents;
    bool has_others;
    oriel_arena *arena;
    oriel_fabric_shm fabric;
    oriel_domain_shared *domain;
    oriel_args *args;          /* of each rank; in the tensors, `data` is in the arena */
    uint32_t tensors;          /* of each rank */
    oriel_view_tensor *tensor; /* of rank r: from r * tensors on */
    oriel_view_comm *comm;     /* of each rank */
    oriel_view *view;          /* of each rank */
    oriel_check_piece *piece;
    uint32_t pieces;
    oriel_checked_output *output; /* of rank r: from r * outputs_of_rank on */
    uint32_t outputs, outputs_of_rank;
    bool used; /* a schedule has run: the windows need not be zero */
    char wrong[256];
    uint64_t wrong_at; /* in the arena */
} oriel_check_memory;

/*
 * `job` is complete (launch/job.h), and its platform admitted. `memory` stays where it is until it is freed.
 * ORIEL_INVALID, ORIEL_NO_MEMORY, as for oriel_launch_run.
 */
oriel_status oriel_check_memory_make(const oriel_launch *launch, const oriel_job *job, const oriel_limits *limits,
                                     oriel_check_memory *memory);
void oriel_check_memory_free(oriel_check_memory *memory);

/* What the engine calls; its context is `memory`. */
oriel_check_host oriel_check_memory_host(oriel_check_memory *memory);

#endif
