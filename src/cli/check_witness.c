/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A witness in a file: lines of text.
 *
 *      oriel witness 1
 *      finding pipe-race/mine.c:31/mine.c:32    what it shows
 *      launch ./mine.so                         as it was typed; a line for each source of a kernel in C++
 *      of my_kernel                             the launch's name, and
 *      --platform=a2a3sim                       the job, an option a line
 *      ...
 *      hold ... / order ...                     the schedule, in the words of the engine
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/check.h"

#define FIRST_LINE "oriel witness 1\n"

/* ---- Writing ---------------------------------------------------------------------------------------------------- */

/* What may be in another place when it is run again. */
static void print_launch(FILE *file, const cli_job *job)
{
    fprintf(file, "launch %s\n", job->launch_name);
    for (uint32_t i = 1; i < job->kernels; i++)
        fprintf(file, "launch %s\n", job->kernel[i]);
    if (job->launch_file)
        fprintf(file, "--launch=%s\n", job->launch_file);
}

static void print_job(FILE *file, const cli_job *job, const oriel_check_options *options, uint32_t calls)
{
    fprintf(file, "of %s\n--platform=%s\n--devices=%s\n--count=%llu\n--dtype=%s\n", job->launch->name,
            job->job.platform, job->device_list, (unsigned long long)cli_job_count(job),
            oriel_dtype_name(job->job.dtype));
    if (job->launch->reduces)
        fprintf(file, "--op=%s\n", oriel_reduce_name(job->job.reduce));
    if (job->job.random)
        fprintf(file, "--seed=%llu\n", (unsigned long long)job->job.seed);
    fprintf(file, "--calls=%u\n--profile=%s\n", calls, oriel_profile_name(options->profile));
    if (options->without)
        fprintf(file, "--without=%s\n", options->without);
}

static bool write_file(const cli_checked *checked, const oriel_finding *finding, const char *path)
{
    FILE *file = fopen(path, "w");
    bool good = file != NULL;
    if (good) {
        fprintf(file, FIRST_LINE "finding %s\n", finding->id);
        print_launch(file, checked->job);
        print_job(file, checked->job, checked->options, checked->report->calls);
        fputs(finding->replay, file);
        good = !ferror(file);
        good = fclose(file) == 0 && good;
    }
    if (!good)
        cli_complain(CLI_FAILED, "cannot write %s: %s", path, strerror(errno));
    return good;
}

bool cli_witness_write(const cli_checked *checked, const char *folder)
{
    const oriel_check_report *report = checked->report;
    if (mkdir(folder, 0777) && errno != EEXIST)
        return cli_complain(CLI_FAILED, "cannot make the folder %s: %s", folder, strerror(errno)), false;
    bool good = true;
    for (uint32_t i = 0; good && i < report->findings; i++) {
        char *path;
        if (!report->finding[i].replay[0])
            continue;
        if (asprintf(&path, "%s/%u", folder, i + 1) < 0)
            return cli_complain(CLI_FAILED, "no memory for the name of a witness"), false;
        good = write_file(checked, &report->finding[i], path);
        free(path);
    }
    return good;
}

/* ---- Reading ---------------------------------------------------------------------------------------------------- */

/* The whole file, ended by a zero; NULL with errno set. */
static char *read_all(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return NULL;
    char *text = NULL;
    size_t room = 0;
    bool good = getdelim(&text, &room, '\0', file) >= 0;
    int why = ferror(file) ? errno : EINVAL; /* or it is empty */
    fclose(file);
    if (good)
        return text;
    free(text);
    errno = why;
    return NULL;
}

/* Makes words of the lines that say which job. */
static void find_job(cli_witness *witness)
{
    static char nothing[] = "";
    char *rest = witness->job_text;
    witness->argv[witness->argc++] = nothing;
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (strncmp(line, "--", 2) == 0)
            witness->argv[witness->argc++] = line;
        else if (strncmp(line, "launch ", 7) == 0)
            witness->argv[witness->argc++] = line + 7;
    }
    witness->argv[witness->argc] = NULL;
}

static size_t lines_of(const char *text)
{
    size_t lines = 1;
    while ((text = strchr(text, '\n'))) {
        lines++;
        text++;
    }
    return lines;
}

bool cli_witness_read(const char *path, cli_witness *witness)
{
    *witness = (cli_witness){.text = read_all(path)};
    if (!witness->text)
        return cli_fail(CLI_BAD_USAGE, "cannot read %s: %s", path, strerror(errno)), false;
    if (strncmp(witness->text, FIRST_LINE, strlen(FIRST_LINE)) != 0) {
        cli_witness_close(witness);
        return cli_fail(CLI_BAD_USAGE, "%s is no witness: `oriel check --witness` writes them", path), false;
    }
    witness->job_text = strdup(witness->text);
    witness->argv = calloc(lines_of(witness->text) + 2, sizeof *witness->argv);
    if (!witness->job_text || !witness->argv) {
        cli_witness_close(witness);
        return cli_fail(CLI_FAILED, "no memory for the witness %s", path), false;
    }
    find_job(witness);
    return true;
}

bool cli_witness_fits(const cli_witness *witness, const char *path, const cli_job *job,
                      const oriel_check_options *options)
{
    char *typed = NULL;
    size_t size;
    FILE *memory = open_memstream(&typed, &size);
    if (!memory)
        return cli_fail(CLI_FAILED, "no memory for the witness %s", path), false;
    print_job(memory, job, options, options->calls);
    fclose(memory);
    const char *job_in_file = strstr(witness->text, "\nof ");
    bool fits = typed && job_in_file && strncmp(job_in_file + 1, typed, size) == 0;
    free(typed);
    if (!fits)
        cli_fail(CLI_BAD_USAGE, "%s is not a witness of this job: it has the options of its own", path);
    return fits;
}

void cli_witness_close(cli_witness *witness)
{
    free(witness->text);
    free(witness->job_text);
    free(witness->argv);
    *witness = (cli_witness){0};
}
