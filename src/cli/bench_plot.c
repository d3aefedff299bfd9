/* SPDX-License-Identifier: Apache-2.0 */
/* The plot of a measurement: times of calls above, bus bandwidth below, a line for each operation. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/bench.h"
#include "cli/plot.h"

/* ---- The file: opened before anything runs, written at the end --------------------------------------------------- */

bool bench_plot_open(const char *path, bench_plot *plot)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    *plot = (bench_plot){.path = path, .file = file, .is_new = file >= 0};
    if (file < 0 && errno == EEXIST)
        plot->file = open(path, O_WRONLY | O_CLOEXEC);
    if (plot->file >= 0)
        return true;
    cli_fail(CLI_BAD_USAGE, "--plot: cannot write %s: %s", path, strerror(errno));
    return false;
}

void bench_plot_drop(bench_plot *plot)
{
    close(plot->file);
    if (plot->is_new)
        unlink(plot->path);
}

/* ---- Numbers for people ----------------------------------------------------------------------------------------- */

static void name_bytes(double bytes, char *text, size_t size)
{
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t at = 0;
    for (; bytes >= 1024 && at + 1 < sizeof unit / sizeof unit[0]; at++)
        bytes /= 1024;
    snprintf(text, size, "%.4g %s", bytes, unit[at]);
}

/* Each unit is 1000 of the one before it. In three digits, 999.5 would be written as 1e+03. */
static void name_decimal(double number, const char *const *unit, size_t units, char *text, size_t size)
{
    size_t at = 0;
    for (; number >= 999.5 && at + 1 < units; at++)
        number /= 1000;
    snprintf(text, size, "%.3g %s", number, unit[at]);
}

static void name_time(double us, char *text, size_t size)
{
    static const char *const unit[] = {"ns", "\302\265s", "ms", "s"};
    name_decimal(us * 1e3, unit, 4, text, size);
}

static void name_bandwidth(double gbs, char *text, size_t size)
{
    static const char *const unit[] = {"B/s", "kB/s", "MB/s", "GB/s"};
    name_decimal(gbs * 1e9, unit, 4, text, size);
}

/* ---- Lines ------------------------------------------------------------------------------------------------------ */

/* For each operation, in the order of the job. */
typedef struct plot_lines {
    plot_line *time, *bandwidth;
    plot_point *time_point, *bandwidth_point;
    uint32_t count;
} plot_lines;

static void add_point(const bench_cell *cell, const bench_result *result, uint32_t i, plot_lines *lines)
{
    const bench_operation *operation = cell->call.operation;
    if (lines->count == 0 || strcmp(lines->time[lines->count - 1].label, operation->name) != 0) {
        /* The same in every plot. */
        const uint32_t at = lines->count++, style = (uint32_t)(operation - bench_operations);
        lines->time[at] = (plot_line){operation->name, style, !operation->moves, &lines->time_point[i], .points = 0};
        lines->bandwidth[at] = (plot_line){operation->name, style, false, &lines->bandwidth_point[i], .points = 0};
    }
    const double bytes = operation->moves ? (double)bench_bytes(&cell->call) : 1;
    lines->time_point[i] = (plot_point){bytes, result->median};
    lines->bandwidth_point[i] = (plot_point){bytes, bench_bus_bandwidth(&cell->call, result)};
    lines->time[lines->count - 1].points++;
    lines->bandwidth[lines->count - 1].points += operation->moves;
}

/* f32, sum, root 0: what holds for all that is measured. */
static void describe_call(const bench_job *job, char *text, size_t size)
{
    bool reduces = false, in_place = false;
    for (uint32_t i = 0; i < job->cells; i++) {
        reduces |= job->cell[i].call.operation->reduces;
        in_place |= job->cell[i].call.in_place;
    }
    const bench_call *call = &job->cell[job->cells - 1].call;
    char setting[256];
    snprintf(text, size, "%s%s%s%s, %s", oriel_dtype_name(call->dtype), reduces ? " " : "",
             reduces ? oriel_reduce_name(call->reduce) : "", in_place ? ", in place" : "",
             bench_name_setting(job, setting, sizeof setting));
}

/* Up to three names. */
static void name_operations(const plot_lines *lines, char *text, size_t size)
{
    if (lines->count > 3) {
        snprintf(text, size, "%u collectives", lines->count);
        return;
    }
    for (uint32_t i = 0; i < lines->count; i++) {
        const int length = snprintf(text, size, "%s%s", i ? ", " : "", lines->time[i].label);
        text += length;
        size -= (size_t)length;
    }
}

static void draw(const bench_job *job, bool bound, const plot_lines *lines, FILE *file)
{
    const plot_panel panel[] = {
        {"Time of a call", "median of the slowest rank's times; lower is better", name_time, lines->time, lines->count},
        {"Bus bandwidth", "how fast data passes the busiest rank; higher is better", name_bandwidth, lines->bandwidth,
         lines->count}};
    char names[80], title[160], ranks[160], call[320];
    name_operations(lines, names, sizeof names);
    snprintf(title, sizeof title, "%s of %u rank%s", names, job->ranks, job->ranks == 1 ? "" : "s");
    snprintf(ranks, sizeof ranks, "Oriel %s; ranks are %s on %u processors of one host%s", oriel_version(),
             job->options.threads ? "threads" : "processes", job->processors,
             bound ? ", bound to cores" : ", not bound");
    describe_call(job, call, sizeof call);
    const plot_picture picture = {.title = title,
                                  .note = ranks,
                                  .second_note = call,
                                  .x_title = "bytes of the call: its larger buffer, all ranks' blocks together",
                                  .x_name = name_bytes,
                                  .panel = panel,
                                  .panels = 2};
    plot_write(&picture, file);
}

static bool make_lines(const bench_job *job, const bench_outcome *outcome, plot_lines *lines)
{
    *lines = (plot_lines){calloc(job->cells, sizeof *lines->time), calloc(job->cells, sizeof *lines->bandwidth),
                          calloc(job->cells, sizeof *lines->time_point),
                          calloc(job->cells, sizeof *lines->bandwidth_point), 0};
    if (!lines->time || !lines->bandwidth || !lines->time_point || !lines->bandwidth_point)
        return false;
    for (uint32_t i = 0; i < outcome->done; i++)
        add_point(&job->cell[i], &outcome->result[i], i, lines);
    return true;
}

static void free_lines(plot_lines *lines)
{
    free(lines->time);
    free(lines->bandwidth);
    free(lines->time_point);
    free(lines->bandwidth_point);
}

bool bench_plot_write(const bench_job *job, const bench_outcome *outcome, bench_plot *plot)
{
    plot_lines lines;
    FILE *file = fdopen(plot->file, "w");
    bool good = make_lines(job, outcome, &lines) && file;
    if (good) {
        /* What is no file, a pipe for example, has no length. */
        good = ftruncate(plot->file, 0) == 0 || errno == EINVAL;
        draw(job, outcome->bound, &lines, file);
        good = good && !ferror(file);
    }
    good = (file ? fclose(file) : close(plot->file)) == 0 && good;
    if (!good)
        cli_complain(CLI_FAILED, "--plot: %s could not be written: %s", plot->path, strerror(errno));
    free_lines(&lines);
    return good;
}
