/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is too much: each synchronization statement is taken away in turn, in each cell of a grid of profiles, ranks and counts
 * (the platform is the job's: a barrier that one platform does not need is looked for on the other by a second call).
 *
 *      necessary    some cell has a finding without it that it has not with it
 *      redundant    no cell has, and all were covered exhaustively
 *      unknown      no cell has, but some were not
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/check.h"

#define MAX_CELLS      64
#define MAX_STATEMENTS 256

typedef struct cell {
    oriel_profile profile;
    uint32_t ranks;
    uint64_t count;
} cell;

typedef struct statement {
    char *id;
    uint32_t needed, bounded; /* cells */
    char why[160];            /* the first finding that its absence causes */
    char where[96];
} statement;

typedef struct pruning {
    const cli_checked *c;
    cell cell[MAX_CELLS];
    uint32_t cells;
    statement statement[MAX_STATEMENTS];
    uint32_t statements;
} pruning;

static void add_counts(pruning *p, oriel_profile profile, uint32_t ranks)
{
    const uint64_t given = p->c->job->job.count ? p->c->job->job.count : p->c->job->launch->default_count;
    const uint64_t counts[] = {1, given, 20000};
    for (uint32_t i = 0; i < 3; i++) {
        bool twice = (i > 0 && counts[i] == counts[0]) || (i == 2 && counts[2] == counts[1]);
        if (!twice && p->cells < MAX_CELLS)
            p->cell[p->cells++] = (cell){profile, ranks, counts[i]};
    }
}

static void make_grid(pruning *p)
{
    const oriel_profile profiles[] = {ORIEL_PROFILE_STRICT, ORIEL_PROFILE_DOCUMENTED};
    uint32_t least = p->c->job->launch->min_ranks, most = p->c->job->job.ranks < 4 ? p->c->job->job.ranks : 4;
    for (int i = 0; i < 2; i++) {
        for (uint32_t ranks = least; ranks <= most; ranks++)
            add_counts(p, profiles[i], ranks);
        if (p->c->job->job.ranks > 4)
            add_counts(p, profiles[i], p->c->job->job.ranks);
    }
}

static statement *find(pruning *p, const char *id)
{
    for (uint32_t i = 0; i < p->statements; i++)
        if (strcmp(p->statement[i].id, id) == 0)
            return &p->statement[i];
    if (p->statements == MAX_STATEMENTS)
        return NULL;
    statement *made = &p->statement[p->statements];
    *made = (statement){.id = strdup(id)};
    return made->id ? &p->statement[p->statements++] : NULL;
}

static oriel_status check_cell(const pruning *p, const cell *at, const char *without, oriel_check_report *report)
{
    oriel_job job = p->c->job->job;
    oriel_check_options options = *p->c->options;
    job.ranks = at->ranks;
    job.count = at->count;
    options.profile = at->profile;
    options.without = without;
    options.no_witness = true;
    return oriel_check(p->c->job->launch, &job, &options, report);
}

static void note(statement *s, const cell *at, const char *why)
{
    if (s->needed++ > 0)
        return;
    snprintf(s->why, sizeof s->why, "%s", why);
    snprintf(s->where, sizeof s->where, "%s, %u ranks, count %llu", oriel_profile_name(at->profile), at->ranks,
             (unsigned long long)at->count);
}

/* Takes each statement that the cell reaches away. A kernel that gives up or crashes without one needs it. */
static oriel_status prune_cell(pruning *p, const cell *at)
{
    oriel_check_report whole, report;
    oriel_status status = check_cell(p, at, NULL, &whole);
    if (status != ORIEL_OK)
        return status;
    for (uint32_t i = 0; i < whole.statements; i++) {
        statement *s = find(p, whole.statement[i].id);
        if (!s)
            continue;
        status = check_cell(p, at, s->id, &report);
        if (status == ORIEL_OK) {
            if (report.findings > whole.findings)
                note(s, at, report.finding[0].id);
            else
                s->bounded += !report.exhaustive;
            oriel_check_report_free(&report);
        } else if (status == ORIEL_FAULT) {
            note(s, at, oriel_last_error());
        } else {
            s->bounded++;
        }
    }
    oriel_check_report_free(&whole);
    return ORIEL_OK;
}

static void print(const pruning *p)
{
    uint32_t redundant = 0;
    for (uint32_t i = 0; i < p->statements; i++) {
        const statement *s = &p->statement[i];
        const char *verdict = s->needed ? "necessary" : s->bounded ? "unknown" : "redundant";
        redundant += !s->needed && !s->bounded;
        printf("%-9s  %-32s", verdict, s->id);
        if (s->needed)
            printf("  %u of %u cells; %s: %s", s->needed, p->cells, s->where, s->why);
        putchar('\n');
    }
    printf("%u statements of %s on %s, %u cells: %u redundant\n", p->statements, p->c->job->launch->name,
           p->c->job->job.platform, p->cells, redundant);
}

int cli_check_prune(const cli_checked *checked)
{
    pruning *p = calloc(1, sizeof *p);
    if (!p)
        return cli_fail(CLI_FAILED, "no memory for a grid");
    p->c = checked;
    make_grid(p);
    int code = CLI_RIGHT;
    for (uint32_t i = 0; i < p->cells && code == CLI_RIGHT; i++) {
        oriel_status status = prune_cell(p, &p->cell[i]);
        if (status != ORIEL_OK)
            code = cli_fail(cli_exit_code(status, true), "%s", oriel_last_error());
    }
    if (code == CLI_RIGHT)
        print(p);
    for (uint32_t i = 0; i < p->statements; i++)
        free(p->statement[i].id);
    free(p);
    return code;
}
