/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checking engine: runs one job again and again on a machine with asynchronous pipes, and collects what is wrong.
 *
 *      launch/check.c      builds memory and views, forks, and calls
 *          oriel_checker_create
 *          oriel_checker_explore ──► explore.c   which schedules; each is one
 *                                        machine.c   run: cores as fibers, pipes as queues, vector clocks, shadow memory
 *                                        signal.c    TNOTIFY, TWAIT, TTEST, and what a wait acquires
 *                                        findings.c  conflicts become findings, those of one cause one finding
 *          oriel_checker_witness ──► witness.c   for each finding, a schedule in which it does harm
 *          oriel_checker_write   ──► the caller's report
 *          oriel_checker_destroy
 *
 * One thread. Memory is the caller's, and is put back to its beginning before each schedule by the caller's `reset`.
 */
#ifndef ORIEL_ENGINE_CHECK_CHECK_H
#define ORIEL_ENGINE_CHECK_CHECK_H

#include "base/bump.h"
#include "engine/check/plan.h"
#include "isa/limits.h"
#include "oriel/check.h"
#include "window/view.h"

/* A piece of device memory that kernels can name: a tensor of one rank, or a buffer of one rank's window. */
typedef struct oriel_check_piece {
    uint64_t offset, bytes; /* in the arena */
    const char *name;       /* "in", "scratch" */
    uint32_t rank;
    bool window;    /* else a tensor argument */
    bool undefined; /* at the beginning of each call: an output */
    bool output;    /* the host reads it when the call has returned */
    bool temporary; /* room for what an orchestration has the runtime make */
} oriel_check_piece;

/* What the owner of the memory does for the engine. */
typedef struct oriel_check_host {
    /* Before a schedule: inputs filled, windows zero, outputs poisoned. */
    void (*reset)(void *context);
    /* Before a rank enters a call: its outputs poisoned. */
    void (*entering)(void *context, uint32_t rank, uint32_t call);
    /* A rank has returned from a call: NULL if its outputs are right, else `out[17] is 0, expected 117`, valid until the next. */
    const char *(*returned)(void *context, uint32_t rank, uint32_t call);
    void *context;
    /* Which inputs there are from the next schedule on. False: others cannot be had. NULL: never. */
    bool (*fill)(void *context, oriel_contents contents);
    /* Where the element is, in the arena, of which `returned` spoke last. NULL: not known. */
    uint64_t (*wrong_at)(void *context);
} oriel_check_host;

/* A completion condition: the cell is at least `least`. */
typedef struct oriel_check_until {
    uint64_t cell; /* where, in the arena */
    int32_t least;
} oriel_check_until;

/*
 * A kernel that runs once in a call of a rank, each of its blocks on a core of its own. It starts when those that it comes
 * `after` are complete: all their blocks have returned, and their conditions hold.
 */
typedef struct oriel_check_task {
    const char *name; /* the kernel's; NULL: it is the only one */
    oriel_kernel_fn function;
    const oriel_view *view;
    uint32_t first, blocks; /* its cores, of the rank's */
    const uint32_t *after;  /* earlier tasks of the same call */
    uint32_t afters;
    const oriel_check_until *until;
    uint32_t untils;
    const pto_site *site; /* of its conditions: no file, and `name` as its function */
} oriel_check_task;

/* What a rank runs in a call, in the order of submission. */
typedef struct oriel_check_graph {
    const oriel_check_task *task;
    uint32_t tasks;
} oriel_check_graph;

typedef struct oriel_check_setup {
    const oriel_limits *limits;
    uint32_t ranks, calls;
    uint32_t blocks; /* cores of each rank */
    /* The one kernel, which all of them run; */
    oriel_kernel_fn function;
    const oriel_view *view; /* one per rank; nobody sleeps on its bells */
    /* or NULL, and in call c of rank r: graph[r * calls + c]. The view is used for where the arena is. */
    const oriel_check_graph *graph;
    const oriel_check_piece *piece;
    uint32_t pieces; /* sorted by offset */
    const oriel_check_host *host;
    const oriel_check_options *options; /* filled in: no defaults left open */
    int64_t deadline;                   /* base/clock.h */
    /* Where the place of the instruction that runs now is kept, for whoever finds this process dead. May be NULL. */
    const pto_site *volatile *running;
} oriel_check_setup;

typedef struct oriel_checker oriel_checker;

/* The setup and what it points to is borrowed until destroy. ORIEL_NO_MEMORY, ORIEL_SYSTEM, ORIEL_INVALID (`replay`, `without`). */
oriel_status oriel_checker_create(const oriel_check_setup *setup, oriel_checker **checker);
void oriel_checker_destroy(oriel_checker *checker);

/*
 * Runs schedules until all ways in which waits can be satisfied have been seen, or options->max_schedules, or the deadline.
 * With options->replay: that one. ORIEL_FAULT: the kernel gave up. ORIEL_TIMEOUT.
 */
oriel_status oriel_checker_explore(oriel_checker *checker);

/* Looks for a witness of each finding. */
oriel_status oriel_checker_witness(oriel_checker *checker);

/* Writes findings, statements and coverage to `report`; all strings and arrays come from `memory`. ORIEL_NO_MEMORY. */
oriel_status oriel_checker_write(const oriel_checker *checker, oriel_bump *memory, oriel_check_report *report);

#endif
