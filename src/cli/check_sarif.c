/* SPDX-License-Identifier: Apache-2.0 */
/* Findings as SARIF 2.1.0 (Static Analysis Results Interchange Format, OASIS 2020), for editors and code review. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/check.h"
#include "cli/json_parts.h"

#define SCHEMA "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

/* ---- Places ----------------------------------------------------------------------------------------------------- */

/* A path as an RFC 3986 reference: absolute ones get a scheme, and what has a meaning in one is written as %XX. */
static json_t *uri_of(const char *path)
{
    char uri[4096];
    size_t at = (size_t)snprintf(uri, sizeof uri, "%s", path[0] == '/' ? "file://" : "");
    for (; *path && at + 4 < sizeof uri; path++)
        at += (size_t)snprintf(uri + at, sizeof uri - at,
                               isalnum((unsigned char)*path) || strchr("/-._~+", *path) ? "%c" : "%%%02X",
                               (unsigned char)*path);
    return json_string(uri);
}

static json_t *message(const char *text)
{
    return json_pack("{s:o}", "text", cli_json_text(text));
}

static json_t *region(const cli_job *job, const oriel_check_place *place)
{
    char source[256];
    json_t *object = json_pack("{s:i}", "startLine", place->line);
    if (cli_source_line(job, place, source, sizeof source))
        json_object_set_new(object, "snippet", message(source));
    return object;
}

static json_t *location(const cli_job *job, const oriel_check_side *side)
{
    const oriel_check_place *place = &side->place;
    json_t *object = json_object();
    if (!place->line)
        return object;
    json_t *physical =
        json_pack("{s:{s:o}, s:o}", "artifactLocation", "uri", uri_of(place->file), "region", region(job, place));
    json_object_set_new(object, "physicalLocation", physical);
    if (place->function && place->function[0])
        json_object_set_new(object, "logicalLocations",
                            json_pack("[{s:o, s:s}]", "name", cli_json_text(place->function), "kind", "function"));
    return object;
}

static json_t *related_location(const cli_job *job, const oriel_check_side *side, uint32_t id)
{
    char text[512];
    if (side->host)
        snprintf(text, sizeof text, "%s, rank %u, call %u: %s", side->what, side->rank, side->call, side->bytes);
    else
        snprintf(text, sizeof text, "%s on %s, rank %u, %s%score %u, call %u%s%s", side->what,
                 oriel_pipe_name(side->pipe), side->rank, side->kernel, side->kernel[0] ? ", " : "", side->block,
                 side->call, side->bytes[0] ? ": " : "", side->bytes);
    json_t *object = location(job, side);
    json_object_set_new(object, "id", json_integer(id));
    json_object_set_new(object, "message", message(text));
    return object;
}

/* ---- Results ---------------------------------------------------------------------------------------------------- */

static json_t *result_message(const oriel_finding *finding)
{
    char text[4096];
    snprintf(text, sizeof text, "%s.%s%s%s%s%s", finding->message, finding->missing[0] ? " Missing: " : "",
             finding->missing, finding->missing[0] ? "." : "", finding->witness[0] ? " Witness: " : "",
             finding->witness);
    return message(text);
}

static json_t *result_of(const cli_checked *checked, uint32_t index)
{
    const oriel_finding *finding = &checked->report->finding[index];
    json_t *locations = json_array(), *related = json_array();
    for (uint32_t i = 0; i < finding->sides; i++) {
        if (finding->side[i].place.line && json_array_size(locations) == 0)
            json_array_append_new(locations, location(checked->job, &finding->side[i]));
        json_array_append_new(related, related_location(checked->job, &finding->side[i], i));
    }
    json_t *object = json_pack("{s:s, s:i, s:s, s:o, s:o, s:o, s:{s:o}, s:I, s:{s:b}}", "ruleId",
                               oriel_finding_name(finding->kind), "ruleIndex", (int)finding->kind, "level", "error",
                               "message", result_message(finding), "locations", locations, "relatedLocations", related,
                               "partialFingerprints", "orielFinding/v1", cli_json_text(finding->id), "occurrenceCount",
                               (json_int_t)(finding->count ? finding->count : 1), "properties", "harm", finding->harm);
    return object;
}

/* ---- The log ---------------------------------------------------------------------------------------------------- */

static json_t *rule(oriel_finding_kind kind)
{
    const char *name = oriel_finding_name(kind);
    char page[1024];
    snprintf(page, sizeof page, ORIEL_DOCS "/findings/%s.md", name); /* a helpUri is absolute */
    return json_pack("{s:s, s:s, s:{s:s}, s:o, s:{s:s}}", "id", name, "name", name, "shortDescription", "text",
                     oriel_finding_meaning(kind), "helpUri", uri_of(page), "defaultConfiguration", "level", "error");
}

static json_t *tool(void)
{
    json_t *rules = json_array();
    for (uint32_t kind = 0; kind < ORIEL_FINDING_COUNT; kind++)
        json_array_append_new(rules, rule((oriel_finding_kind)kind));
    return json_pack("{s:{s:s, s:s, s:o}}", "driver", "name", "oriel", "version", oriel_version(), "rules", rules);
}

/* Takes over `invocation` and `results`. */
static void print_log(json_t *invocation, json_t *results, json_t *properties)
{
    json_t *run = json_pack("{s:o, s:s, s:[o], s:o}", "tool", tool(), "columnKind", "utf16CodeUnits", "invocations",
                            invocation, "results", results);
    if (properties)
        json_object_set_new(run, "properties", properties);
    cli_json_print(json_pack("{s:s, s:s, s:[o]}", "$schema", SCHEMA, "version", "2.1.0", "runs", run));
}

void cli_check_sarif(const cli_checked *checked)
{
    const oriel_check_report *report = checked->report;
    json_t *results = json_array(), *properties = cli_json_job(cli_check_verdict(report), checked->job);
    for (uint32_t i = 0; i < report->findings; i++)
        json_array_append_new(results, result_of(checked, i));
    json_object_set_new(properties, "profile", json_string(oriel_profile_name(checked->options->profile)));
    json_object_set_new(properties, "schedules", json_integer((json_int_t)report->schedules));
    json_object_set_new(properties, "exhaustive", json_boolean(report->exhaustive));
    print_log(json_pack("{s:b}", "executionSuccessful", 1), results, properties);
}

void cli_sarif_failure(const char *text)
{
    print_log(json_pack("{s:b, s:[{s:s, s:o}]}", "executionSuccessful", 0, "toolExecutionNotifications", "level",
                        "error", "message", message(text)),
              json_array(), NULL);
}
