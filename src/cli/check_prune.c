/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is too much: each synchronization statement is left out in turn, in each cell of a grid of platforms, profiles, ranks and counts
 * (oriel_prune, which says what necessary, redundant and unknown mean).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/check.h"
#include "cli/json.h"

#define MAX_CELLS 4096

typedef struct grid {
    oriel_prune_cell cell[MAX_CELLS];
    uint32_t cells;
    bool full;
} grid;

/* A count that fits into one tile many times over on each platform: the second buffer's flags matter. */
#define SEVERAL_TILES 20000

static uint32_t default_ranks(const cli_job *job, uint64_t list[CLI_LIST])
{
    uint32_t least = job->launch->min_ranks, count = 0;
    for (uint32_t ranks = least; ranks <= job->job.ranks && ranks <= 4; ranks++)
        list[count++] = ranks;
    if (job->job.ranks > 4 || !count)
        list[count++] = job->job.ranks;
    return count;
}

static uint32_t default_counts(const cli_job *job, uint64_t list[CLI_LIST])
{
    const uint64_t wanted[] = {1, cli_job_count(job), SEVERAL_TILES};
    uint32_t count = 0;
    for (int i = 0; i < 3; i++) {
        bool twice = false;
        for (uint32_t k = 0; k < count; k++)
            twice |= list[k] == wanted[i];
        if (!twice)
            list[count++] = wanted[i];
    }
    return count;
}

static void add_cell(grid *g, const char *platform, oriel_profile profile, uint64_t ranks, uint64_t count)
{
    g->full |= g->cells == MAX_CELLS;
    if (!g->full)
        g->cell[g->cells++] = (oriel_prune_cell){platform, profile, (uint32_t)ranks, count};
}

static void make_grid(const cli_job *job, const cli_grid *given, grid *g)
{
    cli_grid all = *given;
    if (!all.ranks)
        all.ranks = default_ranks(job, all.rank);
    if (!all.counts)
        all.counts = default_counts(job, all.count);
    for (uint32_t p = 0; p < job->platforms; p++)
        for (int profile = ORIEL_PROFILE_STRICT; profile <= ORIEL_PROFILE_DOCUMENTED; profile++)
            for (uint32_t r = 0; r < all.ranks; r++)
                for (uint32_t c = 0; c < all.counts; c++)
                    if (!all.one_profile || (int)all.profile == profile)
                        add_cell(g, job->platform[p].name, (oriel_profile)profile, all.rank[r], all.count[c]);
}

/* ---- For people ------------------------------------------------------------------------------------------------- */

/* "1-4,7": the cells that need it, counted from 1. */
static void print_cells(const bool *needed, uint32_t cells)
{
    const char *comma = "";
    for (uint32_t i = 0; i < cells; i++) {
        uint32_t last = i;
        if (!needed[i])
            continue;
        while (last + 1 < cells && needed[last + 1])
            last++;
        printf(last > i ? "%s%u-%u" : "%s%u", comma, i + 1, last + 1);
        comma = ",";
        i = last;
    }
}

static void print_statement(const oriel_prune_report *report, const oriel_prune_statement *s)
{
    printf("%-9s  %-32s", oriel_prune_verdict_name(s->verdict), s->statement.id);
    if (s->needed_in) {
        printf("  in %u of %u cells: ", s->needed_in, report->cells);
        print_cells(s->needed, report->cells);
        printf("; %s in cell %u", s->why, s->why_cell + 1);
    } else if (s->unknown_in) {
        printf("  not exhaustive in %u of %u cells", s->unknown_in, report->cells);
    }
    putchar('\n');
}

static void print(const cli_job *job, const oriel_prune_report *report)
{
    for (uint32_t i = 0; i < report->cells; i++) {
        const oriel_prune_cell *at = &report->cell[i];
        printf("cell %-4u %s, %s, %u ranks, count %llu\n", i + 1, at->platform, oriel_profile_name(at->profile),
               at->ranks, (unsigned long long)at->count);
    }
    for (uint32_t i = 0; i < report->statements; i++)
        print_statement(report, &report->statement[i]);
    printf("%u statements of %s, %u cells: %u redundant, %u unknown\n", report->statements, job->launch->name,
           report->cells, report->redundant, report->unknown);
}

/* ---- The command ------------------------------------------------------------------------------------------------ */

int cli_check_prune(const cli_checked *checked, const cli_grid *given)
{
    grid *g = calloc(1, sizeof *g);
    if (!g)
        return cli_fail(CLI_FAILED, "no memory for a grid");
    make_grid(checked->job, given, g);
    if (g->full) {
        free(g);
        return cli_fail(CLI_BAD_USAGE, "the grid has more than %d cells", MAX_CELLS);
    }
    oriel_prune_report report;
    oriel_status status =
        oriel_prune(checked->job->launch, &checked->job->job, checked->options, g->cell, g->cells, &report);
    free(g);
    if (status != ORIEL_OK)
        return cli_fail_status(status, status != ORIEL_INVALID);
    if (checked->format == CLI_AS_JSON)
        cli_prune_json(checked->job, &report);
    else
        print(checked->job, &report);
    oriel_prune_report_free(&report);
    return CLI_RIGHT;
}
