/* SPDX-License-Identifier: Apache-2.0 */
/* A report for people: each finding with both sides and their source, what is missing, a witness; then what was covered. */
#include <stdio.h>

#include "cli/check.h"

#define BOLD "\033[1m"
#define RED  "\033[1;31m"
#define DIM  "\033[2m"
#define OFF  "\033[0m"

static const char *shade(const cli_checked *c, const char *colour)
{
    return c->colour ? colour : "";
}

/* ---- Findings --------------------------------------------------------------------------------------------------- */

static void print_side(const cli_checked *c, const oriel_check_side *side)
{
    const char *comma = side->bytes[0] ? ", " : "";
    if (side->host) {
        printf("    the host, after call %u of rank %u%s%s\n", side->call, side->rank, comma, side->bytes);
        return;
    }
    char task[128] = "";
    if (side->kernel[0])
        snprintf(task, sizeof task, ", task %u (%.100s)", side->task, side->kernel);
    if (side->place.line)
        printf("    %s%s:%d%s: ", shade(c, BOLD), side->place.file, side->place.line, shade(c, OFF));
    else
        printf("    ");
    printf("%s, rank %u%s, core %u, %s, call %u%s%s\n", side->what, side->rank, task, side->block,
           oriel_pipe_name(side->pipe), side->call, comma, side->bytes);
    char source[256];
    if (cli_source_line(c->job, &side->place, source, sizeof source))
        printf("      %s%5d |%s %s\n", shade(c, DIM), side->place.line, shade(c, OFF), source);
}

static void print_finding(const cli_checked *c, const oriel_finding *finding, uint32_t number)
{
    printf("%s%u. %s%s: %s", shade(c, RED), number, oriel_finding_name(finding->kind), shade(c, OFF), finding->message);
    if (finding->count > 1)
        printf(" (%llu times)", (unsigned long long)finding->count);
    putchar('\n');
    for (uint32_t i = 0; i < finding->sides; i++)
        print_side(c, &finding->side[i]);
    if (finding->missing[0])
        printf("    %smissing%s: %s\n", shade(c, BOLD), shade(c, OFF), finding->missing);
    if (finding->witness[0])
        printf("    %switness%s: %s\n", shade(c, BOLD), shade(c, OFF), finding->witness);
    printf("    %sid %s; docs/findings/%s.md%s\n\n", shade(c, DIM), finding->id, oriel_finding_name(finding->kind),
           shade(c, OFF));
}

/* 10000 as "10 000". */
static const char *grouped(uint64_t number, char text[32])
{
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number), at = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[at++] = ' ';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

static void print_coverage(const cli_checked *c)
{
    const oriel_check_report *report = c->report;
    char count[32];
    grouped(report->schedules, count);
    if (report->ended[0])
        printf("replayed: %s\n", report->ended);
    else if (report->exhaustive)
        printf("exhaustive: %s of %s schedule%s\n", count, count, report->schedules == 1 ? "" : "s");
    else
        printf("bounded: %s schedule%s, not exhaustive\n", count, report->schedules == 1 ? "" : "s");
}

static void print_statements(const oriel_check_report *report)
{
    for (uint32_t i = 0; i < report->statements; i++)
        printf("%8llu  %s\n", (unsigned long long)report->statement[i].times, report->statement[i].id);
    printf("one schedule in %.2f ms, %.2f ms in all\n", report->first_ms, report->total_ms);
}

void cli_check_print(const cli_checked *c)
{
    const oriel_check_report *report = c->report;
    for (uint32_t i = 0; i < report->findings; i++)
        print_finding(c, &report->finding[i], i + 1);
    if (c->verbose)
        print_statements(report);
    print_coverage(c);
    if (report->findings)
        printf("%u FINDING%s: ", report->findings, report->findings == 1 ? "" : "S");
    else
        printf(report->harmed ? "HARM: " : "clean: ");
    printf("%s, %u ranks of %s, %u calls, %s profile\n", c->job->launch->name, c->job->job.ranks, c->job->job.platform,
           c->report->calls, oriel_profile_name(c->options->profile));
}
