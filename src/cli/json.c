/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/json_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool cli_has_json(void)
{
    return true;
}

void cli_json_print(json_t *object)
{
    json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(object);
}

json_t *cli_json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *cli_json_text(const char *bytes)
{
    json_t *string = json_string(bytes);
    char *ascii = string ? NULL : strdup(bytes);
    if (!ascii)
        return string;
    for (char *at = ascii; *at; at++)
        if ((unsigned char)*at > 127)
            *at = '?';
    string = json_string(ascii);
    free(ascii);
    return string;
}

static json_t *ranks(const oriel_job *job, const oriel_report *report)
{
    json_t *array = json_array();
    for (uint32_t r = 0; r < report->ranks; r++) {
        const oriel_rank_report *rank = &report->rank[r];
        json_array_append_new(array,
                              json_pack("{s:i, s:i, s:o, s:I}", "rank", (int)r, "device", job->devices[r], "max_error",
                                        cli_json_number(rank->max_error), "wrong", (json_int_t)rank->wrong));
    }
    return array;
}

json_t *cli_json_job(const char *verdict, const cli_job *job)
{
    const oriel_job *it = &job->job;
    json_t *object = json_pack("{s:s, s:o, s:s, s:i, s:I, s:s}", "verdict", verdict, "launch",
                               cli_json_text(job->launch->name), "platform", it->platform, "devices", (int)it->ranks,
                               "count", (json_int_t)cli_job_count(job), "dtype", oriel_dtype_name(it->dtype));
    if (job->launch->reduces)
        json_object_set_new(object, "op", json_string(oriel_reduce_name(it->reduce)));
    if (it->random)
        json_object_set_new(object, "seed", json_integer((json_int_t)it->seed));
    return object;
}

void cli_json_run(const cli_job *job, oriel_status status, const char *message, const oriel_report *report)
{
    const char *verdict = status == ORIEL_OK ? "right" : status == ORIEL_WRONG ? "wrong" : "failed";
    json_t *object = cli_json_job(verdict, job);
    json_object_set_new(object, "repeat", json_integer(job->job.repeat));
    if (status) {
        json_object_set_new(object, "status", json_string(oriel_status_name(status)));
        json_object_set_new(object, "message", cli_json_text(message));
    }
    if (status == ORIEL_OK || status == ORIEL_WRONG) {
        json_object_set_new(object, "ranks", ranks(&job->job, report));
        json_object_set_new(object, "start_ms", cli_json_number(report->start_ms));
        json_object_set_new(object, "run_ms", cli_json_number(report->run_ms));
        json_object_set_new(object, "total_ms", cli_json_number(report->total_ms));
    }
    cli_json_print(object);
}

void cli_json_failure(oriel_status status, const char *message)
{
    cli_json_print(json_pack("{s:s, s:s, s:o}", "verdict", "failed", "status", oriel_status_name(status), "message",
                             cli_json_text(message)));
}

static json_t *platforms(void)
{
    json_t *array = json_array();
    oriel_platform_info info;
    for (uint32_t i = 0; oriel_platform_info_at(i, &info); i++) {
        bool here = oriel_platform_probe(info.name) == ORIEL_OK;
        json_t *platform =
            json_pack("{s:s, s:b, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "name", info.name, "available",
                      here, "vector_cores", (int)info.vector_cores, "matrix_cores", (int)info.matrix_cores, "ub_bytes",
                      (int)info.ub_bytes, "ub_align", (int)info.ub_align, "l1_bytes", (int)info.l1_bytes, "l0a_bytes",
                      (int)info.l0a_bytes, "l0b_bytes", (int)info.l0b_bytes, "l0c_bytes", (int)info.l0c_bytes,
                      "event_ids", (int)info.event_ids, "max_devices", (int)info.max_devices);
        if (!here)
            json_object_set_new(platform, "message", cli_json_text(oriel_last_error()));
        json_array_append_new(array, platform);
    }
    return array;
}

static json_t *algorithms(void)
{
    json_t *array = json_array();
    oriel_algorithm_info its;
    for (uint32_t i = 0; oriel_algorithm_info_at(i, &its); i++) {
        json_t *algorithm = json_pack("{s:s, s:s, s:s, s:s?, s:i, s:b}", "operation", its.operation, "name", its.name,
                                      "summary", its.summary, "launch", its.launch, "min_ranks", (int)its.min_ranks,
                                      "in_rank_order", its.in_rank_order);
        json_object_set_new(algorithm, "max_ranks",
                            its.max_ranks < UINT32_MAX ? json_integer(its.max_ranks) : json_null());
        json_array_append_new(array, algorithm);
    }
    return array;
}

/* The file that would choose among them: no path, if there is none; a message, if it is not good. */
static json_t *tuning(void)
{
    char path[4096];
    uint32_t rules = 0;
    oriel_status status = oriel_tuning_find(path, sizeof path);
    if (status == ORIEL_OK && !path[0])
        return json_pack("{s:n}", "path");
    if (status == ORIEL_OK)
        status = oriel_tuning_check(path, &rules);
    if (status != ORIEL_OK)
        return json_pack("{s:o, s:o}", "path", cli_json_text(path), "message", cli_json_text(oriel_last_error()));
    return json_pack("{s:o, s:i}", "path", cli_json_text(path), "rules", (int)rules);
}

void cli_json_info(const oriel_host_info *host)
{
    json_t *processors = json_pack("{s:i, s:i}", "threads", (int)host->processors, "usable", (int)host->usable);
    if (host->from_hwloc)
        json_object_update_new(processors,
                               json_pack("{s:i, s:i, s:i, s:{s:I, s:i}, s:{s:I, s:i}}", "packages", (int)host->packages,
                                         "cores", (int)host->cores, "numa_nodes", (int)host->numa_nodes, "l2", "bytes",
                                         (json_int_t)host->l2_bytes, "sharers", (int)host->l2_sharers, "l3", "bytes",
                                         (json_int_t)host->l3_bytes, "sharers", (int)host->l3_sharers));
    cli_json_print(json_pack("{s:s, s:o, s:o, s:s, s:o, s:o, s:{s:b, s:b}}", "version", oriel_version(), "platforms",
                             platforms(), "processors", processors, "arithmetic", oriel_vector_name(), "algorithms",
                             algorithms(), "tuning", tuning(), "optional", "hwloc", host->from_hwloc, "jansson", true));
}
