/* SPDX-License-Identifier: Apache-2.0 */
/* Which synchronization statements a kernel needs: each is left out in turn, in each cell of a grid. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "oriel/check.h"

typedef struct pruning {
    const oriel_launch *launch;
    const oriel_job *job;
    const oriel_check_options *options;
    oriel_prune_report *report;
    oriel_prune_statement *statement; /* the report's */
    uint32_t room;
} pruning;

/* ---- Statements ------------------------------------------------------------------------------------------------- */

static char *copy_text(const char *text)
{
    return strdup(text ? text : "");
}

static void free_statement(oriel_prune_statement *s)
{
    free((void *)(uintptr_t)s->needed);
    free((void *)(uintptr_t)s->why);
    free((void *)(uintptr_t)s->statement.id);
    free((void *)(uintptr_t)s->statement.what);
    free((void *)(uintptr_t)s->statement.place.file);
    free((void *)(uintptr_t)s->statement.place.function);
}

static oriel_status no_memory(void)
{
    return oriel_fail(ORIEL_NO_MEMORY, "no memory for the statements of a kernel");
}

static oriel_status add_statement(pruning *p, const oriel_check_statement *reached, oriel_prune_statement **added)
{
    if (p->report->statements == p->room) {
        uint32_t room = p->room ? 2 * p->room : 32;
        oriel_prune_statement *grown = realloc(p->statement, room * sizeof *grown);
        if (!grown)
            return no_memory();
        p->report->statement = p->report->memory = p->statement = grown;
        p->room = room;
    }
    oriel_prune_statement made = {.statement = {.id = copy_text(reached->id),
                                                .what = copy_text(reached->what),
                                                .place = {.file = copy_text(reached->place.file),
                                                          .function = copy_text(reached->place.function),
                                                          .line = reached->place.line}},
                                  .needed = calloc(p->report->cells, sizeof(bool)),
                                  .why = copy_text("")};
    if (!made.statement.id || !made.statement.what || !made.statement.place.file || !made.statement.place.function ||
        !made.needed || !made.why) {
        free_statement(&made);
        return no_memory();
    }
    *added = &p->statement[p->report->statements++];
    **added = made;
    return ORIEL_OK;
}

static oriel_status find_statement(pruning *p, const oriel_check_statement *reached, oriel_prune_statement **found)
{
    for (uint32_t i = 0; i < p->report->statements; i++)
        if (strcmp(p->statement[i].statement.id, reached->id) == 0) {
            *found = &p->statement[i];
            return ORIEL_OK;
        }
    return add_statement(p, reached, found);
}

/* ---- One cell --------------------------------------------------------------------------------------------------- */

static oriel_status check_cell(const pruning *p, uint32_t cell, const char *without, oriel_check_report *report)
{
    const oriel_prune_cell *at = &p->report->cell[cell];
    oriel_job job = *p->job;
    oriel_check_options options = p->options ? *p->options : (oriel_check_options){0};
    job.platform = at->platform;
    job.ranks = at->ranks;
    job.count = at->count;
    options.profile = at->profile;
    options.without = without;
    options.replay = NULL;
    options.no_witness = true;
    return oriel_check(p->launch, &job, &options, report);
}

static bool has_finding(const oriel_check_report *report, const char *id)
{
    for (uint32_t i = 0; i < report->findings; i++)
        if (strcmp(report->finding[i].id, id) == 0)
            return true;
    return false;
}

static const char *new_finding(const oriel_check_report *report, const oriel_check_report *whole)
{
    for (uint32_t i = 0; i < report->findings; i++)
        if (!has_finding(whole, report->finding[i].id))
            return report->finding[i].id;
    return NULL;
}

static oriel_status note_needed(oriel_prune_statement *s, uint32_t cell, const char *why)
{
    ((bool *)(uintptr_t)s->needed)[cell] = true;
    if (s->needed_in++ > 0)
        return ORIEL_OK;
    char *text = copy_text(why);
    if (!text)
        return no_memory();
    free((void *)(uintptr_t)s->why);
    s->why = text;
    s->why_cell = cell;
    return ORIEL_OK;
}

/* A kernel that gives up or crashes without a statement needs it; one that is not through at its deadline says nothing. */
static oriel_status leave_out(pruning *p, uint32_t cell, const oriel_check_report *whole, oriel_prune_statement *s)
{
    oriel_check_report report;
    oriel_status status = check_cell(p, cell, s->statement.id, &report);
    if (status == ORIEL_FAULT)
        return note_needed(s, cell, oriel_last_error());
    if (status == ORIEL_TIMEOUT) {
        s->unknown_in++;
        return ORIEL_OK;
    }
    if (status != ORIEL_OK)
        return status;
    const char *why = new_finding(&report, whole);
    if (why)
        status = note_needed(s, cell, why);
    else
        s->unknown_in += !report.exhaustive;
    oriel_check_report_free(&report);
    return status;
}

static oriel_status prune_cell(pruning *p, uint32_t cell)
{
    oriel_check_report whole;
    oriel_status status = check_cell(p, cell, NULL, &whole);
    if (status != ORIEL_OK)
        return status;
    for (uint32_t i = 0; i < whole.statements && status == ORIEL_OK; i++) {
        oriel_prune_statement *s = NULL;
        status = find_statement(p, &whole.statement[i], &s);
        if (status != ORIEL_OK)
            break;
        s->statement.times += whole.statement[i].times;
        s->reached_in++;
        status = leave_out(p, cell, &whole, s);
    }
    oriel_check_report_free(&whole);
    return status;
}

/* ---- All of it -------------------------------------------------------------------------------------------------- */

static oriel_status check_grid(const oriel_job *job, const oriel_prune_cell *cell, uint32_t cells)
{
    if (cells == 0)
        return oriel_fail(ORIEL_INVALID, "a grid of no cells says nothing of any statement");
    for (uint32_t i = 0; i < cells; i++)
        if (cell[i].ranks > job->ranks)
            return oriel_fail(ORIEL_INVALID, "cell %u wants %u ranks, and the job has %u devices", i, cell[i].ranks,
                              job->ranks);
    return ORIEL_OK;
}

static void judge(oriel_prune_report *report, oriel_prune_statement *s)
{
    s->verdict = s->needed_in ? ORIEL_PRUNE_NECESSARY : s->unknown_in ? ORIEL_PRUNE_UNKNOWN : ORIEL_PRUNE_REDUNDANT;
    report->redundant += s->verdict == ORIEL_PRUNE_REDUNDANT;
    report->unknown += s->verdict == ORIEL_PRUNE_UNKNOWN;
}

oriel_status oriel_prune(const oriel_launch *launch, const oriel_job *job, const oriel_check_options *options,
                         const oriel_prune_cell *cell, uint32_t cells, oriel_prune_report *report)
{
    oriel_status status = check_grid(job, cell, cells);
    if (status != ORIEL_OK)
        return status;
    oriel_prune_report made = {.cells = cells};
    oriel_prune_cell *grid = malloc(cells * sizeof *grid);
    if (!grid)
        return no_memory();
    made.cell = memcpy(grid, cell, cells * sizeof *grid);
    pruning p = {.launch = launch, .job = job, .options = options, .report = &made};
    for (uint32_t i = 0; i < cells && status == ORIEL_OK; i++)
        status = prune_cell(&p, i);
    for (uint32_t i = 0; i < made.statements; i++)
        judge(&made, &p.statement[i]);
    if (status != ORIEL_OK)
        oriel_prune_report_free(&made);
    else
        *report = made;
    return status;
}

void oriel_prune_report_free(oriel_prune_report *report)
{
    oriel_prune_statement *statement = report->memory;
    for (uint32_t i = 0; i < report->statements; i++)
        free_statement(&statement[i]);
    free(statement);
    free((void *)(uintptr_t)report->cell);
    *report = (oriel_prune_report){0};
}

const char *oriel_prune_verdict_name(oriel_prune_verdict verdict)
{
    static const char *const names[] = {"necessary", "redundant", "unknown"};
    return (uint32_t)verdict < 3 ? names[verdict] : "none";
}
