/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/json_parts.h"
#include "cli/tune.h"

/* What was measured, for people: reading a table skips it. */
static json_t *measured(const cli_tune_cell *cell)
{
    json_t *us = json_object();
    for (uint32_t c = 0; c < cell->candidates; c++)
        json_object_set_new(us, cell->candidate[c].name,
                            json_pack("[f, f]", cell->us[c][CLI_TUNE_ORDINARY], cell->us[c][CLI_TUNE_SYMMETRIC]));
    return json_pack("{s:s, s:i, s:I, s:o}", "operation", cell->call.operation->name, "ranks", (int)cell->call.ranks,
                     "bytes", (json_int_t)cell->bytes, "us", us);
}

static json_t *about(const cli_tuning *tuning)
{
    char host[256] = "", date[32] = "";
    const time_t now = time(NULL);
    struct tm utc;
    gethostname(host, sizeof host - 1);
    if (gmtime_r(&now, &utc))
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    json_t *cells = json_array();
    for (uint32_t i = 0; i < tuning->cells; i++)
        json_array_append_new(cells, measured(&tuning->cell[i]));
    return json_pack("{s:s, s:o, s:s, s:i, s:f, s:s, s:o}", "oriel", oriel_version(), "host", cli_json_text(host),
                     "date", date, "processors", (int)tuning->processors, "margin", tuning->margin, "us",
                     "medians of the slowest rank, from ordinary and from symmetric memory", "measured", cells);
}

/* Cells `first` .. `last`, of which each has the same choice. */
static json_t *rule(const cli_tuning *tuning, const cli_tune_cell *first, const cli_tune_cell *last)
{
    const oriel_algorithm_info *its = &first->candidate[first->chosen];
    const uint64_t from = first->first ? 0 : first->bytes;
    json_t *json = json_pack("{s:s, s:s, s:i}", "operation", first->call.operation->name, "algorithm", its->name,
                             "ranks", (int)first->call.ranks);
    json_t *most = last->last ? json_null() : json_integer((json_int_t)(last + 1)->bytes - 1);
    if (from > 0 || !last->last)
        json_object_set_new(json, "bytes", json_pack("[I, o]", (json_int_t)from, most));
    else
        json_decref(most);
    /* The bits of a result are not to depend on the processors. */
    if (its->in_rank_order || first->call.ranks <= 2)
        json_object_set_new(json, "processors", json_integer(tuning->processors));
    return json;
}

static json_t *rules(const cli_tuning *tuning)
{
    json_t *array = json_array();
    for (uint32_t i = 0, first = 0; i < tuning->cells; i++) {
        const cli_tune_cell *cell = &tuning->cell[i];
        if (!cell->last && cell[1].chosen == cell->chosen)
            continue;
        json_array_append_new(array, rule(tuning, &tuning->cell[first], cell));
        first = i + 1;
    }
    return array;
}

bool cli_tune_write(const cli_tuning *tuning, int file)
{
    json_t *root = json_pack("{s:i, s:o, s:o}", "version", 1, "rules", rules(tuning), "about", about(tuning));
    bool good =
        root && json_dumpfd(root, file, JSON_INDENT(1) | JSON_REAL_PRECISION(4)) == 0 && write(file, "\n", 1) == 1;
    json_decref(root);
    return good;
}
