/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench.h"
#include "cli/json_parts.h"

/* Numbers that an operation lacks are null, and so are errors that nobody counted. */
static json_t *row(const bench_job *job, const bench_cell *cell, const bench_result *result)
{
    const bench_call *call = &cell->call;
    const bench_operation *operation = call->operation;
    json_t *object =
        json_pack("{s:s, s:I, s:I, s:i, s:i}", "operation", operation->name, "bytes", (json_int_t)bench_bytes(call),
                  "count", (json_int_t)call->count, "iterations", (int)cell->iterations, "warmup", (int)cell->warmup);
    json_object_set_new(object, "dtype", operation->moves ? json_string(oriel_dtype_name(call->dtype)) : json_null());
    json_object_set_new(object, "op", operation->reduces ? json_string(oriel_reduce_name(call->reduce)) : json_null());
    json_object_set_new(object, "root", operation->rooted ? json_integer(call->root) : json_null());
    json_object_set_new(object, "in_place", json_boolean(call->in_place));
    json_object_set_new(object, "min_us", cli_json_number(result->min));
    json_object_set_new(object, "median_us", cli_json_number(result->median));
    json_object_set_new(object, "avg_us", cli_json_number(result->average));
    json_object_set_new(object, "max_us", cli_json_number(result->max));
    json_object_set_new(object, "rank_min_us", cli_json_number(result->rank_min));
    json_object_set_new(object, "rank_avg_us", cli_json_number(result->rank_average));
    json_object_set_new(object, "rank_max_us", cli_json_number(result->rank_max));
    json_object_set_new(object, "algbw_gbs", cli_json_number(bench_algorithm_bandwidth(call, result)));
    json_object_set_new(object, "busbw_gbs", cli_json_number(bench_bus_bandwidth(call, result)));
    json_object_set_new(object, "errors",
                        job->checked && operation->moves ? json_integer((json_int_t)result->wrong) : json_null());
    return object;
}

void bench_json(const bench_job *job, const bench_outcome *outcome)
{
    const char *verdict = outcome->status  ? "failed"
                          : outcome->wrong ? "wrong"
                          : job->checked   ? "right"
                                           : "not checked";
    json_t *rows = json_array();
    for (uint32_t i = 0; i < outcome->done; i++)
        json_array_append_new(rows, row(job, &job->cell[i], &outcome->result[i]));
    const char *algorithm = job->options.algorithm;
    json_t *object =
        json_pack("{s:s, s:s, s:i, s:s, s:i, s:b, s:s, s:o, s:b, s:o}", "verdict", verdict, "version", oriel_version(),
                  "ranks", (int)job->ranks, "form", job->options.threads ? "threads" : "processes", "processors",
                  (int)job->processors, "bound", outcome->bound, "buffers", job->symmetric ? "symmetric" : "ordinary",
                  "algorithm", algorithm ? cli_json_text(algorithm) : json_null(), "deterministic",
                  job->options.deterministic, "results", rows);
    if (outcome->status) {
        json_object_set_new(object, "status", json_string(oriel_status_name(outcome->status)));
        json_object_set_new(object, "message", cli_json_text(outcome->message));
    }
    cli_json_print(object);
}
