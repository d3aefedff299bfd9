/* SPDX-License-Identifier: Apache-2.0 */
#include "comm/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "oriel/tuning.h"

#define FILE_IN_CONFIG "oriel/tuning.json"
#define PATH_BYTES     4096

/* ---- Rules ------------------------------------------------------------------------------------------------------ */

static bool overlap(uint64_t a_least, uint64_t a_most, uint64_t b_least, uint64_t b_most)
{
    return a_least <= b_most && b_least <= a_most;
}

static bool rules_overlap(const oriel_rule *a, const oriel_rule *b)
{
    return a->operation == b->operation && overlap(a->ranks[0], a->ranks[1], b->ranks[0], b->ranks[1]) &&
           overlap(a->processors[0], a->processors[1], b->processors[0], b->processors[1]) &&
           overlap(a->bytes[0], a->bytes[1], b->bytes[0], b->bytes[1]);
}

bool oriel_rule_fits(const oriel_rule *rule, uint32_t rules, char *why, size_t bytes)
{
    const oriel_rule *last = &rule[rules - 1];
    const oriel_algorithm *its = oriel_algorithm_at((oriel_operation)last->operation, last->number);
    if (!its->in_rank_order && last->ranks[1] > 2 && (last->processors[0] > 1 || last->processors[1] < UINT32_MAX)) {
        snprintf(why, bytes,
                 "%s has an order of its own: its rule cannot say for which processors it is, lest a result's bits "
                 "depend on them",
                 its->name);
        return false;
    }
    for (uint32_t i = 0; i + 1 < rules; i++)
        if (rules_overlap(&rule[i], last)) {
            snprintf(why, bytes, "it overlaps rules[%u], of the same operation", i);
            return false;
        }
    return true;
}

/* ---- The file --------------------------------------------------------------------------------------------------- */

/* What is set and not empty; else NULL. */
static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

static oriel_status put_path(char *path, size_t bytes, const char *folder, size_t length, const char *rest)
{
    if ((size_t)snprintf(path, bytes, "%.*s%s", (int)length, folder, rest) >= bytes)
        return oriel_fail(ORIEL_INVALID, "a path of more than %zu B: %.*s%s", bytes - 1, (int)length, folder, rest);
    return ORIEL_OK;
}

/* The XDG rules: a folder that is not an absolute path is as none. */
static oriel_status find_own(char *path, size_t bytes)
{
    const char *config = environment("XDG_CONFIG_HOME"), *home = environment("HOME");
    path[0] = '\0';
    if (config && config[0] == '/')
        return put_path(path, bytes, config, strlen(config), "/" FILE_IN_CONFIG);
    if (home && home[0] == '/')
        return put_path(path, bytes, home, strlen(home), "/.config/" FILE_IN_CONFIG);
    return ORIEL_OK;
}

/* Whatever it is, if it cannot even be looked at: reading it will say what is wrong. */
static bool is_there(const char *path)
{
    return path[0] && (access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR));
}

oriel_status oriel_tuning_home(char *path, size_t bytes)
{
    const char *named = environment("ORIEL_TUNING");
    if (named && strcmp(named, "none") != 0)
        return put_path(path, bytes, named, strlen(named), "");
    return find_own(path, bytes);
}

oriel_status oriel_tuning_find(char *path, size_t bytes)
{
    const char *named = environment("ORIEL_TUNING"), *folders = environment("XDG_CONFIG_DIRS");
    path[0] = '\0';
    if (named)
        return strcmp(named, "none") == 0 ? ORIEL_OK : put_path(path, bytes, named, strlen(named), "");
    oriel_status status = find_own(path, bytes);
    if (status != ORIEL_OK || is_there(path))
        return status;
    for (const char *folder = folders ? folders : "/etc/xdg"; *folder;) {
        size_t length = strcspn(folder, ":");
        if (folder[0] == '/') {
            status = put_path(path, bytes, folder, length, "/" FILE_IN_CONFIG);
            if (status != ORIEL_OK || is_there(path))
                return status;
        }
        folder += length + (folder[length] == ':');
    }
    path[0] = '\0';
    return ORIEL_OK;
}

oriel_status oriel_tuning_check(const char *path, uint32_t *rules)
{
    oriel_table table = {0};
    oriel_status status = oriel_table_read(path, &table);
    if (status == ORIEL_OK && rules)
        *rules = table.rules;
    oriel_table_free(&table);
    return status;
}

/* ---- The table of a launch -------------------------------------------------------------------------------------- */

static oriel_status find_if_deterministic(const oriel_comm_options *options, bool *deterministic)
{
    const char *value = environment("ORIEL_DETERMINISTIC");
    if (value && strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
        return oriel_fail(ORIEL_INVALID, "ORIEL_DETERMINISTIC is \"%s\": it must be 0 or 1", value);
    *deterministic = options->deterministic || (value && value[0] == '1');
    return ORIEL_OK;
}

static oriel_status take_surroundings(oriel_table *table)
{
    char path[PATH_BYTES];
    oriel_status status = oriel_asked_take(environment("ORIEL_ALGORITHM"), "ORIEL_ALGORITHM: ", &table->asked);
    if (status == ORIEL_OK)
        status = oriel_tuning_find(path, sizeof path);
    if (status == ORIEL_OK && path[0])
        status = oriel_table_read(path, table);
    return status;
}

oriel_status oriel_table_load(const oriel_comm_options *options, oriel_table *table)
{
    bool deterministic;
    *table = (oriel_table){0};
    oriel_status status = find_if_deterministic(options, &deterministic);
    if (status == ORIEL_OK && !deterministic)
        status = take_surroundings(table);
    if (status == ORIEL_OK)
        status = oriel_asked_take(options->algorithm, "", &table->asked);
    if (status != ORIEL_OK)
        oriel_table_free(table);
    return status;
}

void oriel_table_free(oriel_table *table)
{
    free(table->rule);
    *table = (oriel_table){0};
}

oriel_status oriel_table_share(oriel_world *world, const oriel_table *table, uint32_t processors)
{
    world->asked = table->asked;
    if (table->rules == 0)
        return ORIEL_OK;
    oriel_status status = oriel_world_alloc(world, table->rules * sizeof *table->rule, &world->rule_table);
    if (status != ORIEL_OK)
        return status;
    oriel_rule *shared = oriel_world_at(world, world->rule_table);
    for (uint32_t i = 0; i < table->rules; i++)
        if (processors >= table->rule[i].processors[0] && processors <= table->rule[i].processors[1])
            shared[world->rules++] = table->rule[i];
    return ORIEL_OK;
}
