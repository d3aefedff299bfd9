/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "oriel/front.h"

bool cli_job_take(cli_job *job, int option, const char *value)
{
    oriel_job *it = &job->job;
    switch (option) {
    case CLI_JOB_PLATFORM: job->platform_list = value; return true;
    case CLI_JOB_DEVICES: job->device_list = value; return true;
    case CLI_JOB_LAUNCH: job->launch_file = value; return true;
    case CLI_JOB_COUNT: return cli_parse_number("--count", value, 1, INT64_MAX, &it->count);
    case CLI_JOB_DTYPE: return cli_parse_dtype(value, &it->dtype);
    case CLI_JOB_OP: job->op_given = true; return cli_parse_reduce(value, &it->reduce);
    case CLI_JOB_SEED: it->random = true; return cli_parse_number("--seed", value, 0, INT64_MAX, &it->seed);
    default: return cli_parse_seconds("--timeout", value, &it->timeout_s);
    }
}

static const char *ending_of_cxx(const char *word)
{
    const char *name = strrchr(word, '/'), *dot = strrchr(name ? name : word, '.');
    return dot && (!strcmp(dot, ".cpp") || !strcmp(dot, ".cc") || !strcmp(dot, ".cxx")) ? dot : NULL;
}

bool cli_is_cxx(const char *word)
{
    return ending_of_cxx(word) != NULL;
}

char *cli_launch_beside(const char *kernel)
{
    char *path;
    return asprintf(&path, "%.*s.c", (int)(ending_of_cxx(kernel) - kernel), kernel) < 0 ? NULL : path;
}

bool cli_job_take_launch(cli_job *job, const char *command, int words, char **word)
{
    int sources = 0;
    while (sources < words && cli_is_cxx(word[sources]))
        sources++;
    const int taken = sources ? sources : 1;
    if (words > taken)
        return cli_fail(CLI_BAD_USAGE, "one launch at a time: \"%s\" is too much", word[taken]), false;
    if (words > 0) {
        job->launch_name = word[0];
        job->kernel = word;
        job->kernels = (uint32_t)sources;
    }
    if (!job->launch_name)
        return cli_fail(CLI_BAD_USAGE, "say which launch to %s; `oriel %s --help` has examples", command, command),
               false;
    return true;
}

/* ---- The launch ------------------------------------------------------------------------------------------------- */

static int load_launch(const char *path, const oriel_launch **launch)
{
    /* Without a slash, the dynamic loader would look in its own folders, not in this one. */
    char *here;
    if (asprintf(&here, "%s%s", strchr(path, '/') ? "" : "./", path) < 0)
        return cli_fail(CLI_FAILED, "no memory for the path %s", path);
    int code = CLI_RIGHT;
    if (oriel_launch_load(here, launch))
        code = cli_fail(CLI_BAD_USAGE, "%s", oriel_last_error());
    free(here);
    return code;
}

static int build_launch(cli_job *job)
{
    char *beside = job->launch_file ? NULL : cli_launch_beside(job->launch_name);
    const oriel_front_source source = {.kernels = (const char *const *)job->kernel,
                                       .kernel_count = job->kernels,
                                       .launch = job->launch_file ? job->launch_file : beside,
                                       .platform = job->job.platform};
    oriel_status status;
    char *object = NULL;
    int code = CLI_RIGHT;
    if (!source.launch)
        code = cli_fail(CLI_FAILED, "no memory for the name of a launch");
    else if (beside && access(beside, F_OK) != 0)
        code = cli_fail(CLI_BAD_USAGE, "%s needs a launch, in C: there is no %s, say --launch FILE", job->launch_name,
                        beside);
    else if (job->platforms > 1)
        code = cli_fail(CLI_BAD_USAGE, "a kernel in C++ is compiled for one platform at a time");
    else if ((status = oriel_front_build(&source, &object)))
        code = cli_fail_status(status, false);
    else if (oriel_launch_load(object, &job->launch))
        code = cli_fail(CLI_BAD_USAGE, "%s and %s: %s", job->launch_name, source.launch, oriel_last_error());
    free(object);
    free(beside);
    return code;
}

/* A name, the sources of a kernel in C++, or the path of a shared object: whatever has a slash or ends in .so. */
static int find_launch(cli_job *job)
{
    const char *name = job->launch_name;
    size_t length = strlen(name);
    if (job->kernels)
        return build_launch(job);
    if (job->launch_file)
        return cli_fail(CLI_BAD_USAGE, "--launch goes with a kernel in C++: \"%s\" does not end in .cpp, .cc or .cxx",
                        name);
    if (strchr(name, '/') || (length > 3 && strcmp(name + length - 3, ".so") == 0))
        return load_launch(name, &job->launch);
    job->launch = oriel_launch_find(name);
    if (job->launch)
        return CLI_RIGHT;
    char known[1024] = "";
    for (uint32_t i = 0; i < oriel_launch_count(); i++) {
        size_t end = strlen(known);
        snprintf(known + end, sizeof known - end, "%s, ", oriel_launch_at(i)->name);
    }
    return cli_fail(CLI_BAD_USAGE, "there is no launch \"%s\": %sor the path of a shared object", name, known);
}

/* ---- All of it -------------------------------------------------------------------------------------------------- */

static bool parse_platforms(cli_job *job, uint32_t most)
{
    char list[256];
    if ((size_t)snprintf(list, sizeof list, "%s", job->platform_list) >= sizeof list)
        return cli_fail(CLI_BAD_USAGE, "the list of platforms is too long"), false;
    if (most == 1) {
        job->platforms = 1;
        return cli_parse_platform(list, &job->platform[0]);
    }
    char *rest = list;
    for (char *name; (name = strsep(&rest, ",")); job->platforms++) {
        if (job->platforms == most)
            return cli_fail(CLI_BAD_USAGE, "at most %u platforms at a time", most), false;
        if (!cli_parse_platform(name, &job->platform[job->platforms]))
            return false;
        for (uint32_t i = 0; i < job->platforms; i++)
            if (strcmp(job->platform[i].name, name) == 0)
                return cli_fail(CLI_BAD_USAGE, "platform %s is given twice", name), false;
    }
    return true;
}

static uint32_t fewest_devices(const cli_job *job)
{
    uint32_t fewest = job->platform[0].max_devices;
    for (uint32_t i = 1; i < job->platforms; i++)
        fewest = job->platform[i].max_devices < fewest ? job->platform[i].max_devices : fewest;
    return fewest;
}

int cli_job_complete_place(cli_job *job, uint32_t platforms)
{
    if (!job->platform_list)
        return cli_fail(CLI_BAD_USAGE, "say on which platform: -p a2a3sim, for example");
    if (!parse_platforms(job, platforms))
        return CLI_BAD_USAGE;
    job->job.platform = job->platform[0].name;
    if (!job->device_list)
        return cli_fail(CLI_BAD_USAGE, "say on which devices: -d 0-3, for example");
    if (!cli_parse_devices(job->device_list, fewest_devices(job), &job->devices, &job->job.ranks))
        return CLI_BAD_USAGE;
    job->job.devices = job->devices;
    return CLI_RIGHT;
}

int cli_job_complete(cli_job *job, uint32_t platforms)
{
    int code = cli_job_complete_place(job, platforms);
    if (code == CLI_RIGHT)
        code = find_launch(job);
    if (code != CLI_RIGHT)
        return code;
    if (job->op_given && !job->launch->reduces)
        return cli_fail(CLI_BAD_USAGE, "%s does not reduce: --op is of no use to it", job->launch->name);
    return CLI_RIGHT;
}

void cli_job_free(cli_job *job)
{
    free(job->devices);
    job->devices = NULL;
}

uint64_t cli_job_count(const cli_job *job)
{
    return job->job.count ? job->job.count : job->launch->default_count;
}

void cli_job_print(const cli_job *job)
{
    const oriel_launch *launch = job->launch;
    printf("%s%s%s of %llu %s per rank, %u device%s of %s", launch->name, launch->reduces ? " " : "",
           launch->reduces ? oriel_reduce_name(job->job.reduce) : "", (unsigned long long)cli_job_count(job),
           oriel_dtype_name(job->job.dtype), job->job.ranks, job->job.ranks == 1 ? "" : "s", job->job.platform);
}
