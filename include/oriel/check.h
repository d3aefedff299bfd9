/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking a launch: what silicon would do to its kernel, found on this machine.
 *
 * Order of calls: fill an oriel_job (launch.h) and an oriel_check_options, oriel_check, look at the oriel_check_report,
 * oriel_check_report_free. A test suite that wants one answer:
 *
 *      oriel_check_report report;
 *      oriel_status status = oriel_check(launch, &job, NULL, &report);
 *      if (status == ORIEL_OK && report.findings == 0) ... clean
 *
 * The kernel runs unchanged on a machine with asynchronous pipes, late stores and vector clocks (docs/memory-model.md). Each
 * kind of finding has a page in docs/findings/.
 *
 * Threads: any, one check at a time per process. By default the kernel runs in a child process, whose crash is a report with
 * a line; a program that has several threads asks for ORIEL_DEVICE_THREADS in its job, and the kernel runs in the calling
 * thread.
 */
#ifndef ORIEL_CHECK_H
#define ORIEL_CHECK_H

#include "oriel/instr.h"
#include "oriel/launch.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where the sources of the machine's rules differ (docs/memory-model.md). */
typedef enum oriel_profile {
    ORIEL_PROFILE_STRICT,    /* what silicon was seen to need; portable code holds to it */
    ORIEL_PROFILE_DOCUMENTED /* what the published pages say */
} oriel_profile;

/* The kinds of findings, once: X(CONSTANT, "identifier", "what it means"). Identifiers never change. */
#define ORIEL_FINDINGS(X)                                                                                              \
    X(PIPE_RACE, "pipe-race", "two pipes of a core, or two operations of one pipe, touch the same bytes unordered")    \
    X(RANK_RACE, "rank-race", "two ranks, or two cores, touch the same bytes of device memory unordered")              \
    X(EARLY_SIGNAL, "early-signal", "a signal can overtake the data that it announces")                                \
    X(STALE_SIGNAL, "stale-signal", "a wait can be satisfied by what an earlier use left")                             \
    X(REUSE_RACE, "reuse-race", "data of one call is overwritten by the next while a peer may still use it")           \
    X(DEADLOCK, "deadlock", "nothing can move any more")                                                               \
    X(FLAG_MISUSE, "flag-misuse", "a flag set twice, never set, left set, or of an id or pipe that is not there")      \
    X(OUT_OF_BOUNDS, "out-of-bounds", "an access leaves its window, its tensor or UB")                                 \
    X(MISALIGNED, "misaligned", "an operand is not aligned as its platform wants it")                                  \
    X(LIMIT, "limit", "an operand that the instruction or the platform does not allow")                                \
    X(UNINITIALIZED_READ, "uninitialized-read", "bytes that nobody wrote reach a store or a result")                   \
    X(LINE_CLOBBER, "line-clobber", "two writers in one cache line, one of which writes it back whole")                \
    X(SIGNAL_MISUSE, "signal-misuse", "a wait on a remote cell, Set and AtomicAdd mixed, a Set that erases another")   \
    X(RANK_MISMATCH, "rank-mismatch", "ranks disagree on a barrier's count, a size or a type")                         \
    X(RESIDUE, "residue", "a signal or flag left at the end makes the next call wrong")                                \
    X(WRONG_RESULT, "wrong-result", "the result is wrong in some schedule, and nothing above explains it")

typedef enum oriel_finding_kind {
#define ORIEL_FINDING_CONSTANT(constant, name, meaning) ORIEL_FINDING_##constant,
    ORIEL_FINDINGS(ORIEL_FINDING_CONSTANT)
#undef ORIEL_FINDING_CONSTANT
        ORIEL_FINDING_COUNT
} oriel_finding_kind;

/* "pipe-race", and what it means in one line. Static. */
ORIEL_API const char *oriel_finding_name(oriel_finding_kind kind);
ORIEL_API const char *oriel_finding_meaning(oriel_finding_kind kind);
/* "strict", "documented". Static. */
ORIEL_API const char *oriel_profile_name(oriel_profile profile);

typedef struct oriel_check_options {
    oriel_profile profile;
    uint32_t calls;         /* of the kernel on one domain, with nothing between them; 0: as its launch says */
    uint64_t max_schedules; /* 0: 10 000 */
    uint64_t seed;          /* of the schedules at random */
    const char *without;    /* NULL, or the id of a synchronization statement (below) that is taken as not there */
    const char *replay;     /* NULL, or the text of a witness (below): only its schedule is run */
    bool no_witness;        /* findings without a witness: faster, for those who only count them */
    bool quick;             /* one schedule, no witness: no coverage is claimed */
} oriel_check_options;

/* A place in the source. file is never NULL; line 0: not known. */
typedef struct oriel_check_place {
    const char *file, *function;
    int line;
} oriel_check_place;

/* One side of a finding: an access, a wait, a signal, a flag operation. */
typedef struct oriel_check_side {
    oriel_check_place place;
    const char *what;  /* "TSTORE", "TLOAD of TPUT", "TWAIT", "the host reads" */
    const char *bytes; /* "bytes 0-63 of UB", "bytes 128-191 of window \"scratch\" of rank 1"; "" if there are none */
    uint32_t rank, block, call;
    pto_pipe pipe;
    const char *kernel; /* of an orchestration: which of its kernels; else "" */
    uint32_t task;      /* and as which of its tasks, in the order of submission, from 0 */
    bool host;          /* the host, between two calls: rank and call say whose */
} oriel_check_side;

typedef struct oriel_finding {
    oriel_finding_kind kind;
    const char *id;               /* stable from run to run and from machine to machine: kind and places */
    const char *message;          /* one line */
    const oriel_check_side *side; /* `sides` of them; the first is where the finding is shown */
    uint32_t sides;
    const char
        *missing; /* which edge is missing, and where a flag, barrier, drain or wait would supply it; "" if none */
    const char *witness; /* a legal schedule in which the harm happens and what it does, or that this data hides it */
    bool harm;           /* the witness changes the result, or ends in the error itself */
    const char *replay;  /* what --replay takes; "" if there is no schedule to show */
    uint64_t count;      /* how often: findings of one cause are one */
} oriel_finding;

/* A synchronization statement that the kernel reached, by its call site. */
typedef struct oriel_check_statement {
    const char *id; /* "allgather.c:31:set_flag", with "#2" for the second of its name on that line */
    oriel_check_place place;
    const char *what; /* "set_flag" */
    uint64_t times;
} oriel_check_statement;

typedef struct oriel_check_report {
    bool accepted;  /* the job can be checked */
    uint32_t calls; /* that were made on one domain */
    uint32_t findings;
    const oriel_finding *finding; /* in the order of their kinds, then places */
    uint64_t schedules;           /* that were run to cover the ways in which waits can be satisfied */
    bool exhaustive;              /* these are all of them */
    /*
     * Beyond these, with each step at random: only where nothing was found, and the job is not large. (One more has other inputs in
     * every other call, for calls that use what an earlier one left.)
     */
    uint64_t random_schedules;
    uint32_t statements;
    const oriel_check_statement *statement;
    const char *ended;         /* replay: how it ended, in a line; else "" */
    bool harmed;               /* replay: it ended in the harm that the witness was to show */
    double first_ms, total_ms; /* one schedule, at the least interference; everything */
    void *memory;              /* what all pointers here point into */
    uint64_t memory_bytes;
} oriel_check_report;

/*
 * Checks `launch` for `job` (its repeat is not looked at: see calls). `options` NULL: all defaults. The job's timeout is
 * that of the whole check.
 *
 * ORIEL_OK       the check came to its end; `report` has the findings, of which there may be any number. Free it.
 * ORIEL_INVALID  a job that the launch lacks, an unknown `without`, a `replay` of another launch: report->accepted is false
 * ORIEL_FAULT    the kernel gave up (pto_trap), or crashed: the message has the line
 * ORIEL_TIMEOUT  the job's deadline passed
 * others         as for oriel_launch_run
 */
ORIEL_API oriel_status oriel_check(const oriel_launch *launch, const oriel_job *job, const oriel_check_options *options,
                                   oriel_check_report *report);
ORIEL_API void oriel_check_report_free(oriel_check_report *report);

/* ---- What is too much ------------------------------------------------------------------------------------------- */

/* One job of the grid in which statements are left out. What a kernel needs depends on all of these. */
typedef struct oriel_prune_cell {
    const char *platform;
    oriel_profile profile;
    uint32_t ranks; /* the first so many of the job's devices */
    uint64_t count; /* elements per rank */
} oriel_prune_cell;

typedef enum oriel_prune_verdict {
    ORIEL_PRUNE_NECESSARY, /* in some cell its absence causes a finding that is not there with it, or ends the kernel */
    ORIEL_PRUNE_REDUNDANT, /* in no cell it does, and each was covered exhaustively */
    ORIEL_PRUNE_UNKNOWN    /* in no cell it does, but not each was covered exhaustively */
} oriel_prune_verdict;

typedef struct oriel_prune_statement {
    oriel_check_statement statement; /* times: of all cells together */
    oriel_prune_verdict verdict;
    const bool *needed; /* by cell */
    uint32_t reached_in, needed_in, unknown_in;
    const char
        *why; /* the id of the first finding that its absence causes, or the message that ends the kernel; or "" */
    uint32_t why_cell; /* where that was */
} oriel_prune_statement;

typedef struct oriel_prune_report {
    uint32_t cells;
    const oriel_prune_cell *cell; /* a copy of the caller's; platform names are the caller's */
    uint32_t statements;
    const oriel_prune_statement *statement; /* in the order in which the cells reach them */
    uint32_t redundant, unknown;
    void *memory; /* what all pointers here point into */
} oriel_prune_report;

/*
 * Checks `launch` in each cell as it is, and then once for each synchronization statement that the cell reaches, as if that were
 * not there. Platform, ranks and count of `job` give way to the cell's, profile, without and replay of `options` likewise;
 * `job` has as many devices as the widest cell has ranks. The job's timeout is that of each single check.
 *
 * report  set on ORIEL_OK only; free it with oriel_prune_report_free
 *
 * ORIEL_INVALID    no cells; a cell with more ranks than the job has devices; what oriel_check refuses
 * ORIEL_NO_MEMORY  none for the report
 * others           as for oriel_check of a cell with nothing left out; without a statement these count as said above
 */
ORIEL_API oriel_status oriel_prune(const oriel_launch *launch, const oriel_job *job, const oriel_check_options *options,
                                   const oriel_prune_cell *cell, uint32_t cells, oriel_prune_report *report);
ORIEL_API void oriel_prune_report_free(oriel_prune_report *report);
/* "necessary", "redundant", "unknown". Static. */
ORIEL_API const char *oriel_prune_verdict_name(oriel_prune_verdict verdict);

#ifdef __cplusplus
}
#endif
#endif
