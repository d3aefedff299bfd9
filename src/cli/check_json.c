/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A report for programs: as JSON of our own, and as SARIF (Static Analysis Results Interchange Format 2.1.0, OASIS), which editors
 * and code review take.
 */
#include <stdio.h>
#include <string.h>

#include "cli/check.h"
#include "cli/jansson_text.h"

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

static json_t *side_json(const oriel_check_side *side)
{
    json_t *object = json_pack("{s:o, s:i, s:i, s:o, s:b}", "what", cli_json_text(side->what), "rank", (int)side->rank,
                               "call", (int)side->call, "bytes", cli_json_text(side->bytes), "host", side->host);
    if (side->host)
        return object;
    json_object_set_new(object, "core", json_integer(side->block));
    json_object_set_new(object, "pipe", json_string(oriel_pipe_name(side->pipe)));
    json_object_set_new(object, "file", cli_json_text(side->place.file));
    json_object_set_new(object, "line", json_integer(side->place.line));
    json_object_set_new(object, "function", cli_json_text(side->place.function));
    return object;
}

static json_t *finding_json(const oriel_finding *finding)
{
    json_t *sides = json_array();
    for (uint32_t i = 0; i < finding->sides; i++)
        json_array_append_new(sides, side_json(&finding->side[i]));
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:I}", "kind", oriel_finding_name(finding->kind), "id",
                     cli_json_text(finding->id), "message", cli_json_text(finding->message), "sides", sides, "missing",
                     cli_json_text(finding->missing), "witness", cli_json_text(finding->witness), "harm", finding->harm,
                     "replay", cli_json_text(finding->replay), "count", (json_int_t)finding->count);
}

static json_t *statements_json(const oriel_check_report *report)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < report->statements; i++)
        json_array_append_new(array, json_pack("{s:o, s:I}", "id", cli_json_text(report->statement[i].id), "times",
                                               (json_int_t)report->statement[i].times));
    return array;
}

void cli_check_json(const cli_checked *c)
{
    const oriel_check_report *report = c->report;
    json_t *findings = json_array();
    for (uint32_t i = 0; i < report->findings; i++)
        json_array_append_new(findings, finding_json(&report->finding[i]));
    json_t *object = json_pack("{s:s, s:o, s:s, s:i, s:i, s:s, s:I, s:b, s:o, s:o, s:f, s:f}", "verdict",
                               report->findings ? "findings"
                               : report->harmed ? "harm"
                                                : "clean",
                               "launch", cli_json_text(c->launch->name), "platform", c->job->platform, "devices",
                               (int)c->job->ranks, "calls", (int)(c->options->calls ? c->options->calls : 3), "profile",
                               oriel_profile_name(c->options->profile), "schedules", (json_int_t)report->schedules,
                               "exhaustive", report->exhaustive, "findings", findings, "statements",
                               statements_json(report), "first_ms", report->first_ms, "total_ms", report->total_ms);
    if (report->ended[0])
        json_object_set_new(object, "ended", cli_json_text(report->ended));
    cli_json_print(object);
}

/* ---- SARIF ------------------------------------------------------------------------------------------------------ */

static json_t *rules(void)
{
    json_t *array = json_array();
    for (int kind = 0; kind < ORIEL_FINDING_COUNT; kind++) {
        const char *name = oriel_finding_name((oriel_finding_kind)kind);
        char page[128];
        snprintf(page, sizeof page, "docs/findings/%s.md", name);
        json_array_append_new(array, json_pack("{s:s, s:{s:s}, s:{s:s}}", "id", name, "shortDescription", "text",
                                               oriel_finding_meaning((oriel_finding_kind)kind), "help", "text", page));
    }
    return array;
}

/* NULL: the host, which is in no file. */
static json_t *location(const oriel_check_side *side, bool with_message)
{
    if (side->host || !side->place.line)
        return NULL;
    json_t *object = json_pack("{s:{s:{s:o}, s:{s:i}}}", "physicalLocation", "artifactLocation", "uri",
                               cli_json_text(side->place.file), "region", "startLine", side->place.line);
    char text[512];
    snprintf(text, sizeof text, "%s of rank %u, core %u, call %u%s%s", side->what, side->rank, side->block, side->call,
             side->bytes[0] ? ", " : "", side->bytes);
    if (with_message)
        json_object_set_new(object, "message", json_pack("{s:o}", "text", cli_json_text(text)));
    return object;
}

static json_t *result(const oriel_finding *finding)
{
    json_t *locations = json_array(), *related = json_array();
    for (uint32_t i = 0; i < finding->sides; i++) {
        json_t *here = json_array_size(locations) ? NULL : location(&finding->side[i], false);
        json_t *side = location(&finding->side[i], true);
        if (here)
            json_array_append_new(locations, here);
        if (side)
            json_array_append_new(related, side);
    }
    char text[2048];
    snprintf(text, sizeof text, "%s%s%s%s%s", finding->message, finding->missing[0] ? ". Missing: " : "",
             finding->missing, finding->witness[0] ? ". Witness: " : "", finding->witness);
    return json_pack("{s:s, s:i, s:s, s:{s:o}, s:o, s:o, s:{s:o}, s:i}", "ruleId", oriel_finding_name(finding->kind),
                     "ruleIndex", (int)finding->kind, "level", "error", "message", "text", cli_json_text(text),
                     "locations", locations, "relatedLocations", related, "partialFingerprints", "orielFinding/v1",
                     cli_json_text(finding->id), "occurrenceCount",
                     (int)(finding->count < INT32_MAX ? finding->count : INT32_MAX));
}

void cli_check_sarif(const cli_checked *c)
{
    json_t *results = json_array();
    for (uint32_t i = 0; i < c->report->findings; i++)
        json_array_append_new(results, result(&c->report->finding[i]));
    cli_json_print(json_pack("{s:s, s:s, s:[{s:{s:{s:s, s:s, s:o}}, s:o}]}", "$schema",
                             "https://json.schemastore.org/sarif-2.1.0.json", "version", "2.1.0", "runs", "tool",
                             "driver", "name", "oriel check", "version", oriel_version(), "rules", rules(), "results",
                             results));
}
