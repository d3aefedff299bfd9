/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was found, over all schedules; and the synchronization statements that the kernel reached. Findings of one cause are
 * one, with a count: two of one kind and the same places are of one cause.
 */
#ifndef ORIEL_ENGINE_CHECK_FINDINGS_H
#define ORIEL_ENGINE_CHECK_FINDINGS_H

#include "engine/check/plan.h"
#include "oriel/check.h"
#include "oriel/instr.h"

#define ORIEL_FOUND_TEXT 512

typedef struct oriel_found_side {
    const pto_site *site; /* NULL: the host */
    char what[48];
    char bytes[160];
    uint32_t rank, block, call, core, ordinal;
    pto_pipe pipe;
    bool host, write;
    const char *kernel; /* NULL: it is the only one */
    uint32_t task;      /* number of its orchestration */
    oriel_hold hold;    /* what makes it late, for a witness */
} oriel_found_side;

/* Once that a finding was met: what it was, and in which schedule. */
typedef struct oriel_meeting {
    char message[ORIEL_FOUND_TEXT];
    oriel_found_side *side;
    uint32_t sides;
    uint32_t *order; /* of the plan in which it was found, */
    uint32_t length;
    uint64_t seed; /* and its random steps; the witness may choose others */
    oriel_contents contents;
} oriel_meeting;

/* Other bytes, ranks and calls at the same places: some of these may do harm that others hide. */
#define ORIEL_MEETINGS 6

typedef struct oriel_found {
    oriel_finding_kind kind;
    char missing[ORIEL_FOUND_TEXT];
    oriel_meeting met[ORIEL_MEETINGS];
    uint32_t meetings;
    uint32_t shown; /* which of them */
    uint64_t count;
    bool self_evident; /* the finding ends the run itself: every schedule with it is its witness */
    char wrong[160];   /* the wrong result of the schedule in which it was found, or "" */
    /* Made by the witness: */
    char witness[ORIEL_FOUND_TEXT];
    bool harm;
    char *replay;
} oriel_found;

typedef struct oriel_findings {
    oriel_found *found;
    uint32_t count, room;
} oriel_findings;

/* Adds a finding, or counts it if one of its kind and places is there; the first few are kept. Returns its index. */
uint32_t oriel_findings_add(oriel_findings *findings, oriel_finding_kind kind, const oriel_found_side *side,
                            uint32_t sides, const oriel_plan *plan, const char *message, const char *missing);
/*
 * Once all are there: of findings at the same two places that one missing edge causes, the one that says most stays. What is unordered
 * in one call is so between calls, too; whatever is read behind a stale wait is a race; and a store that the return did not drain
 * meets all that the next call does.
 */
void oriel_findings_fold(oriel_findings *findings);
void oriel_findings_free(oriel_findings *findings);

typedef struct oriel_statement {
    const pto_site *site;
    uint8_t op;
    uint32_t same; /* how many of its name on its line were there before it */
    uint64_t times;
} oriel_statement;

typedef struct oriel_statements {
    oriel_statement *statement;
    uint32_t count, room;
} oriel_statements;

/* Counts a statement that was reached. Returns it if it was reached for the first time, else NULL. */
const oriel_statement *oriel_statements_reach(oriel_statements *statements, const pto_site *site, uint8_t op);
/* "allgather.c:31:set_flag", "#2" behind the second of its name on the line. */
void oriel_statement_id(const oriel_statement *statement, char *text, size_t size);
void oriel_statements_free(oriel_statements *statements);

#endif
