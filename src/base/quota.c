/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many processors' time the cgroups of this process give it. Version 2: `cpu.max` in the process's group and those above it.
 * Version 1: two files, where the `cpu` controller is mounted. What cannot be read limits nothing.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/quota.h"

#define PATH_BYTES 4096

/* The first `count` numbers of a file; "max" is -1. False: it has not as many. */
static bool read_numbers(const char *folder, const char *name, long long *number, int count)
{
    char path[PATH_BYTES + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    int found = 0;
    for (char word[32]; found < count && fscanf(file, "%31s", word) == 1;)
        number[found++] = strcmp(word, "max") == 0 ? -1 : strtoll(word, NULL, 10);
    fclose(file);
    return found == count;
}

static uint32_t whole(long long quota, long long period)
{
    if (quota <= 0 || period <= 0)
        return UINT32_MAX;
    return quota < period ? 1 : (uint32_t)(quota / period);
}

static uint32_t quota_of(const char *folder)
{
    long long number[2];
    if (read_numbers(folder, "cpu.max", number, 2))
        return whole(number[0], number[1]);
    if (read_numbers(folder, "cpu.cfs_quota_us", &number[0], 1) &&
        read_numbers(folder, "cpu.cfs_period_us", &number[1], 1))
        return whole(number[0], number[1]);
    return UINT32_MAX;
}

/* The least of `root``group` and all that it lies in, down to `root`. */
static uint32_t least_quota(const char *root, const char *group)
{
    char folder[PATH_BYTES];
    if ((size_t)snprintf(folder, sizeof folder, "%s%s", root, group) >= sizeof folder)
        return UINT32_MAX;
    uint32_t least = UINT32_MAX;
    for (size_t length = strlen(root);;) {
        uint32_t quota = quota_of(folder);
        least = quota < least ? quota : least;
        char *last = strrchr(folder, '/');
        if (!last || last < folder + length)
            return least;
        *last = '\0';
    }
}

/* Whether `cpu` is one of the names between commas. */
static bool has_cpu(const char *controllers)
{
    for (const char *at = controllers; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, "cpu", 3) == 0 && (at[3] == ',' || at[3] == '\0'))
            return true;
    return false;
}

uint32_t oriel_quota(const char *groups, const char *mounts)
{
    FILE *file = fopen(groups, "re");
    if (!file)
        return UINT32_MAX;
    uint32_t least = UINT32_MAX;
    for (char line[PATH_BYTES]; fgets(line, sizeof line, file);) {
        line[strcspn(line, "\n")] = '\0';
        char *rest = line;
        strsep(&rest, ":");
        const char *controllers = strsep(&rest, ":");
        if (!controllers || !rest || (controllers[0] && !has_cpu(controllers)))
            continue;
        char root[PATH_BYTES];
        snprintf(root, sizeof root, "%s%s%s", mounts, controllers[0] ? "/" : "", controllers);
        uint32_t quota = least_quota(root, strcmp(rest, "/") == 0 ? "" : rest);
        least = quota < least ? quota : least;
    }
    fclose(file);
    return least;
}
