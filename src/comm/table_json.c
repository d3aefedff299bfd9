/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables as files: docs/tuning.md says what is in one. Nothing of a file is guessed: what is not understood is an
 * error.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comm/table.h"

#define VERSION 1

typedef struct reading {
    const char *path;
    json_t *root;
    size_t entry; /* of the rules */
    oriel_table *table;
} reading;

static __attribute__((format(printf, 2, 3))) oriel_status refuse(const reading *file, const char *format, ...)
{
    char text[700];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    return oriel_fail(ORIEL_INVALID, "%.250s: %s (`oriel tune` writes a new one, ORIEL_TUNING=none goes without)",
                      file->path, text);
}

/* ---- Rules ------------------------------------------------------------------------------------------------------ */

static bool is_bound(const json_t *value, uint64_t least, uint64_t most)
{
    return json_is_integer(value) && json_integer_value(value) >= (json_int_t)least &&
           (uint64_t)json_integer_value(value) <= most;
}

/* 4, [2, 8] or [2, null]: from 2 on. Absent: any. */
static oriel_status take_range(const reading *file, const json_t *rule, const char *key, uint64_t least, uint64_t most,
                               uint64_t bound[2])
{
    const json_t *value = json_object_get(rule, key), *first = value, *last = value;
    bound[0] = least;
    bound[1] = UINT64_MAX;
    if (!value)
        return ORIEL_OK;
    if (json_is_array(value) && json_array_size(value) == 2) {
        first = json_array_get(value, 0);
        last = json_array_get(value, 1);
    }
    if (!is_bound(first, least, most) || !(is_bound(last, least, most) || (json_is_null(last) && last != value)))
        return refuse(file,
                      "rules[%zu]: \"%s\" must be a whole number from %" PRIu64 " to %" PRIu64
                      ", or [least, most] with two of them, or with null for no end",
                      file->entry, key, least, most);
    bound[0] = (uint64_t)json_integer_value(first);
    if (!json_is_null(last))
        bound[1] = (uint64_t)json_integer_value(last);
    if (bound[0] > bound[1])
        return refuse(file, "rules[%zu]: \"%s\" from %" PRIu64 " to %" PRIu64 " is empty", file->entry, key, bound[0],
                      bound[1]);
    return ORIEL_OK;
}

/* Counts of ranks and processors have 32 bits. */
static oriel_status take_small_range(const reading *file, const json_t *rule, const char *key, uint32_t bound[2])
{
    uint64_t wide[2];
    oriel_status status = take_range(file, rule, key, 1, UINT32_MAX, wide);
    bound[0] = (uint32_t)wide[0];
    bound[1] = wide[1] > UINT32_MAX ? UINT32_MAX : (uint32_t)wide[1];
    return status;
}

static oriel_status take_names(const reading *file, const json_t *json, oriel_rule *rule)
{
    char known[ORIEL_NAMES_TEXT];
    const char *operation = json_string_value(json_object_get(json, "operation"));
    const char *algorithm = json_string_value(json_object_get(json, "algorithm"));
    oriel_operation found;
    if (!operation || !algorithm)
        return refuse(file, "rules[%zu] has no \"%s\"", file->entry, operation ? "algorithm" : "operation");
    if (!oriel_operation_find(operation, &found))
        return refuse(file, "rules[%zu]: there is no operation \"%.40s\": it must be one of %s", file->entry, operation,
                      oriel_operation_names(known));
    rule->operation = found;
    rule->number = oriel_algorithm_find(found, algorithm);
    if (!rule->number)
        return refuse(file, "rules[%zu]: %s has no algorithm \"%.40s\": it must be one of %s", file->entry, operation,
                      algorithm, oriel_algorithm_names(found, known));
    return ORIEL_OK;
}

/* Only these keys: one that is misspelt would be as none. */
static oriel_status look_at_keys(const reading *file, json_t *object, const char *where, const char *const *known)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        const char *const *it = known;
        while (*it && strcmp(*it, key) != 0)
            it++;
        if (!*it)
            return refuse(file, "%s has a key \"%.40s\", which is not known", where, key);
    }
    return ORIEL_OK;
}

static oriel_status take_rule(reading *file, json_t *json)
{
    static const char *const keys[] = {"operation", "algorithm", "ranks", "bytes", "processors", NULL};
    oriel_rule *rule = &file->table->rule[file->entry];
    char text[160];
    snprintf(text, sizeof text, "rules[%zu]", file->entry);
    if (!json_is_object(json))
        return refuse(file, "%s is no object", text);
    oriel_status status = look_at_keys(file, json, text, keys);
    if (status == ORIEL_OK)
        status = take_names(file, json, rule);
    if (status == ORIEL_OK)
        status = take_small_range(file, json, "ranks", rule->ranks);
    if (status == ORIEL_OK)
        status = take_small_range(file, json, "processors", rule->processors);
    if (status == ORIEL_OK)
        status = take_range(file, json, "bytes", 0, INT64_MAX, rule->bytes);
    if (status == ORIEL_OK && !oriel_rule_fits(file->table->rule, (uint32_t)file->entry + 1, text, sizeof text))
        return refuse(file, "rules[%zu]: %s", file->entry, text);
    return status;
}

/* ---- Files ------------------------------------------------------------------------------------------------------ */

static oriel_status take_rules(reading *file)
{
    json_t *rules = json_object_get(file->root, "rules"), *json;
    if (!json_is_array(rules))
        return refuse(file, "\"rules\" must be an array");
    if (json_array_size(rules) > ORIEL_MOST_RULES)
        return refuse(file, "it has %zu rules, of which there can be %d", json_array_size(rules), ORIEL_MOST_RULES);
    file->table->rule = calloc(json_array_size(rules) + 1, sizeof *file->table->rule);
    if (!file->table->rule)
        return oriel_fail(ORIEL_NO_MEMORY, "%.200s: no memory for its rules", file->path);
    json_array_foreach(rules, file->entry, json)
    {
        oriel_status status = take_rule(file, json);
        if (status != ORIEL_OK)
            return status;
    }
    file->table->rules = (uint32_t)json_array_size(rules);
    return ORIEL_OK;
}

static oriel_status take_root(reading *file)
{
    static const char *const keys[] = {"version", "about", "rules", NULL};
    if (!json_is_object(file->root))
        return refuse(file, "it is no object");
    const json_t *version = json_object_get(file->root, "version");
    if (!json_is_integer(version))
        return refuse(file, "it has no \"version\", a whole number");
    if (json_integer_value(version) != VERSION)
        return refuse(file, "it has version %lld, and this oriel reads version %d",
                      (long long)json_integer_value(version), VERSION);
    oriel_status status = look_at_keys(file, file->root, "it", keys);
    return status == ORIEL_OK ? take_rules(file) : status;
}

oriel_status oriel_table_read(const char *path, oriel_table *table)
{
    oriel_table taken = {0};
    reading file = {.path = path, .table = &taken};
    FILE *stream = fopen(path, "re");
    if (!stream)
        return oriel_fail_errno(ORIEL_SYSTEM,
                                "cannot read the table of algorithms %.200s (ORIEL_TUNING=none goes "
                                "without)",
                                path);
    json_error_t error;
    file.root = json_loadf(stream, JSON_REJECT_DUPLICATES, &error);
    fclose(stream);
    if (!file.root)
        return refuse(&file, "line %d: %s", error.line, error.text);
    oriel_status status = take_root(&file);
    json_decref(file.root);
    if (status == ORIEL_OK) {
        table->rule = taken.rule;
        table->rules = taken.rules;
    } else
        oriel_table_free(&taken);
    return status;
}
