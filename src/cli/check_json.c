/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli/check.h"
#include "cli/json_parts.h"

static json_t *side_object(const cli_job *job, const oriel_check_side *side)
{
    char source[256];
    json_t *object = json_pack("{s:o, s:i, s:i, s:o, s:b}", "what", cli_json_text(side->what), "rank", (int)side->rank,
                               "call", (int)side->call, "bytes", cli_json_text(side->bytes), "host", side->host);
    if (side->host)
        return object;
    json_object_set_new(object, "core", json_integer(side->block));
    if (side->kernel[0]) {
        json_object_set_new(object, "kernel", cli_json_text(side->kernel));
        json_object_set_new(object, "task", json_integer(side->task));
    }
    json_object_set_new(object, "pipe", json_string(oriel_pipe_name(side->pipe)));
    json_object_set_new(object, "file", cli_json_text(side->place.file));
    json_object_set_new(object, "line", json_integer(side->place.line));
    json_object_set_new(object, "function", cli_json_text(side->place.function));
    if (cli_source_line(job, &side->place, source, sizeof source))
        json_object_set_new(object, "source", cli_json_text(source));
    return object;
}

static json_t *finding_object(const cli_checked *checked, uint32_t index)
{
    const oriel_finding *finding = &checked->report->finding[index];
    const char *name = oriel_finding_name(finding->kind);
    char page[128];
    snprintf(page, sizeof page, "docs/findings/%s.md", name);
    json_t *sides = json_array();
    for (uint32_t i = 0; i < finding->sides; i++)
        json_array_append_new(sides, side_object(checked->job, &finding->side[i]));
    json_t *object = json_pack(
        "{s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:b, s:o, s:I}", "kind", name, "id", cli_json_text(finding->id),
        "meaning", oriel_finding_meaning(finding->kind), "page", page, "message", cli_json_text(finding->message),
        "sides", sides, "missing", cli_json_text(finding->missing), "witness", cli_json_text(finding->witness), "harm",
        finding->harm, "replay", cli_json_text(finding->replay), "count", (json_int_t)finding->count);
    return object;
}

static json_t *findings(const cli_checked *checked)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < checked->report->findings; i++)
        json_array_append_new(array, finding_object(checked, i));
    return array;
}

static json_t *statements(const oriel_check_report *report)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < report->statements; i++) {
        const oriel_check_statement *it = &report->statement[i];
        json_array_append_new(array, json_pack("{s:o, s:o, s:i, s:s, s:I}", "id", cli_json_text(it->id), "file",
                                               cli_json_text(it->place.file), "line", it->place.line, "what", it->what,
                                               "times", (json_int_t)it->times));
    }
    return array;
}

void cli_check_json(const cli_checked *checked)
{
    const oriel_check_report *report = checked->report;
    json_t *object = cli_json_job(cli_check_verdict(report), checked->job);
    json_object_set_new(object, "calls", json_integer(checked->report->calls));
    json_object_set_new(object, "profile", json_string(oriel_profile_name(checked->options->profile)));
    if (checked->options->without)
        json_object_set_new(object, "without", cli_json_text(checked->options->without));
    if (report->ended[0])
        json_object_set_new(object, "ended", cli_json_text(report->ended));
    json_object_set_new(object, "schedules", json_integer((json_int_t)report->schedules));
    json_object_set_new(object, "exhaustive", json_boolean(report->exhaustive));
    json_object_set_new(object, "random_schedules", json_integer((json_int_t)report->random_schedules));
    json_object_set_new(object, "findings", findings(checked));
    json_object_set_new(object, "statements", statements(report));
    json_object_set_new(object, "first_ms", cli_json_number(report->first_ms));
    json_object_set_new(object, "total_ms", cli_json_number(report->total_ms));
    cli_json_print(object);
}

/* ---- --prune ---------------------------------------------------------------------------------------------------- */

static json_t *cells_array(const oriel_prune_report *report)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < report->cells; i++) {
        const oriel_prune_cell *at = &report->cell[i];
        json_array_append_new(array, json_pack("{s:s, s:s, s:i, s:I}", "platform", at->platform, "profile",
                                               oriel_profile_name(at->profile), "ranks", (int)at->ranks, "count",
                                               (json_int_t)at->count));
    }
    return array;
}

static json_t *statement_object(const oriel_prune_report *report, const oriel_prune_statement *s)
{
    json_t *needed = json_array();
    for (uint32_t i = 0; i < report->cells; i++)
        if (s->needed[i])
            json_array_append_new(needed, json_integer(i));
    json_t *object =
        json_pack("{s:o, s:o, s:i, s:o, s:s, s:i, s:i, s:o}", "id", cli_json_text(s->statement.id), "file",
                  cli_json_text(s->statement.place.file), "line", s->statement.place.line, "what",
                  cli_json_text(s->statement.what), "verdict", oriel_prune_verdict_name(s->verdict), "reached_in",
                  (int)s->reached_in, "unknown_in", (int)s->unknown_in, "needed_in_cells", needed);
    if (s->needed_in) {
        json_object_set_new(object, "why", cli_json_text(s->why));
        json_object_set_new(object, "why_cell", json_integer(s->why_cell));
    }
    return object;
}

void cli_prune_json(const cli_job *job, const oriel_prune_report *report)
{
    json_t *statements = json_array();
    for (uint32_t i = 0; i < report->statements; i++)
        json_array_append_new(statements, statement_object(report, &report->statement[i]));
    json_t *object = cli_json_job(report->redundant ? "redundant" : report->unknown ? "unknown" : "needed", job);
    json_object_set_new(object, "cells", cells_array(report));
    json_object_set_new(object, "statements", statements);
    json_object_set_new(object, "redundant", json_integer(report->redundant));
    json_object_set_new(object, "unknown", json_integer(report->unknown));
    cli_json_print(object);
}

/* ---- A folder --------------------------------------------------------------------------------------------------- */

static json_t *entry_object(const cli_folder_entry *entry)
{
    const struct cli_folder_answer *answer = &entry->answer;
    json_t *kinds = json_object();
    for (int kind = 0; kind < ORIEL_FINDING_COUNT; kind++)
        if (answer->kind[kind])
            json_object_set_new(kinds, oriel_finding_name((oriel_finding_kind)kind), json_integer(answer->kind[kind]));
    json_t *object =
        json_pack("{s:o, s:s, s:f, s:I, s:o}", "kernel", cli_json_text(entry->kernel), "verdict", entry->verdict,
                  "seconds", entry->seconds, "findings", (json_int_t)answer->findings, "kinds", kinds);
    if (answer->built)
        json_object_set_new(object, "launch", cli_json_text(answer->launch));
    if (answer->checked) {
        json_object_set_new(object, "schedules", json_integer((json_int_t)answer->schedules));
        json_object_set_new(object, "exhaustive", json_boolean(answer->exhaustive));
    }
    if (answer->message[0])
        json_object_set_new(object, "message", cli_json_text(answer->message));
    return object;
}

void cli_folder_json(const cli_job *job, const cli_folder *folder)
{
    json_t *kernels = json_array();
    for (uint32_t i = 0; i < folder->entries; i++)
        json_array_append_new(kernels, entry_object(&folder->entry[i]));
    const char *verdict = folder->found ? "findings" : folder->failed ? "failed" : "clean";
    cli_json_print(json_pack("{s:s, s:s, s:i, s:o, s:i, s:i, s:i}", "verdict", verdict, "platform", job->job.platform,
                             "ranks", (int)job->job.ranks, "kernels", kernels, "clean", (int)folder->clean,
                             "with_findings", (int)folder->found, "failed", (int)folder->failed));
}
