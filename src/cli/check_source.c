/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/check.h"

static FILE *open_in(const char *folder, size_t length, const char *file)
{
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%.*s/%s", (int)length, folder, file) >= sizeof path)
        return NULL;
    return fopen(path, "r");
}

static FILE *open_source(const cli_job *job, const char *file)
{
    FILE *source = fopen(file, "r");
    if (source || file[0] == '/')
        return source;
    const char *slash = strrchr(job->launch_name, '/'), *folder = getenv("ORIEL_SOURCE");
    if (slash)
        source = open_in(job->launch_name, (size_t)(slash - job->launch_name), file);
    if (!source && folder)
        source = open_in(folder, strlen(folder), file);
    return source;
}

bool cli_source_line(const cli_job *job, const oriel_check_place *place, char *text, size_t size)
{
    FILE *source = place->line > 0 ? open_source(job, place->file) : NULL;
    if (!source)
        return false;
    char *line = NULL;
    size_t room = 0;
    bool found = true;
    for (int i = 0; found && i < place->line; i++)
        found = getline(&line, &room, source) >= 0;
    if (found)
        snprintf(text, size, "%.*s", (int)strcspn(line, "\r\n"), line);
    free(line);
    fclose(source);
    return found;
}
