/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder of kernels: each is compiled and checked in a process of its own, so that one which crashes or hangs, be it its
 * launch's fault or its own, is a line of the table and the next one's turn comes.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/check.h"
#include "cli/json.h"
#include "oriel/front.h"

/* Compilers have a deadline of their own, before this one; so has a check, before its own and this. */
#define BUILD_S         150
#define GRACE_S         2
#define CHECK_TIMEOUT_S 30

/* ---- Finding kernels -------------------------------------------------------------------------------------------- */

/* What nftw finds: it has no argument for it. */
static struct {
    char **path;
    uint32_t count, room;
    bool short_of_memory;
} found;

/* Whether a file speaks of a launch: one that does not was not meant to be one. */
static bool is_launch(const char *path)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;
    bool is = false;
    while (file && !is && getline(&line, &room, file) >= 0)
        is = strstr(line, "oriel_launch") != NULL;
    free(line);
    if (file)
        fclose(file);
    return is;
}

static bool has_launch(const char *kernel)
{
    char *launch = cli_launch_beside(kernel);
    const bool has = launch && is_launch(launch);
    found.short_of_memory |= !launch;
    free(launch);
    return has;
}

static int visit(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    if (path[where->base] == '.' && where->level > 0)
        return kind == FTW_D ? FTW_SKIP_SUBTREE : FTW_CONTINUE;
    if (kind != FTW_F || !cli_is_cxx(path) || !has_launch(path))
        return FTW_CONTINUE;
    if (found.count == found.room) {
        const uint32_t room = found.room ? 2 * found.room : 64;
        char **grown = realloc(found.path, room * sizeof *grown);
        found.short_of_memory |= !grown;
        if (!grown)
            return FTW_STOP;
        found.path = grown;
        found.room = room;
    }
    char *copy = strdup(path);
    found.short_of_memory |= !copy;
    if (copy)
        found.path[found.count++] = copy;
    return FTW_CONTINUE;
}

static int by_name(const void *left, const void *right)
{
    const cli_folder_entry *l = left, *r = right;
    return strcmp(l->kernel, r->kernel);
}

static int find_kernels(cli_folder *folder, const char *path)
{
    const int error = nftw(path, visit, 16, FTW_ACTIONRETVAL | FTW_PHYS) < 0 ? errno : 0;
    if (error)
        return cli_fail(CLI_BAD_USAGE, "cannot read the folder %s: %s", path, strerror(error));
    folder->entry = calloc(found.count + 1, sizeof *folder->entry);
    if (!folder->entry || found.short_of_memory)
        return cli_fail(CLI_FAILED, "no memory for the kernels of %s", path);
    for (uint32_t i = 0; i < found.count; i++)
        folder->entry[folder->entries++].kernel = found.path[i];
    free(found.path);
    if (!folder->entries)
        return cli_fail(CLI_BAD_USAGE, "%s has no kernel in C++ with its launch in C beside it: x.cpp and x.c", path);
    qsort(folder->entry, folder->entries, sizeof *folder->entry, by_name);
    return CLI_RIGHT;
}

/* ---- One of them, in a process of its own ------------------------------------------------------------------------ */

typedef struct cli_folder_answer answer;

/* A word to the pipe says that compilers are done. */
static oriel_status build(const cli_checked *checked, const char *kernel, int pipe, const oriel_launch **launch)
{
    char *object = NULL, *beside = cli_launch_beside(kernel);
    const oriel_front_source source = {
        .kernels = &kernel, .kernel_count = 1, .launch = beside, .platform = checked->job->job.platform};
    oriel_status status = beside ? oriel_front_build(&source, &object) : ORIEL_NO_MEMORY;
    if (status == ORIEL_OK && write(pipe, "", 1) == 1)
        status = oriel_launch_load(object, launch);
    free(object);
    free(beside);
    return status;
}

static void take_report(answer *told, const oriel_check_report *report)
{
    told->findings = report->findings;
    for (uint32_t i = 0; i < report->findings; i++)
        told->kind[report->finding[i].kind]++;
    told->harmed = report->harmed;
    told->exhaustive = report->exhaustive;
    told->schedules = report->schedules;
}

/* All that the process does. */
static void work(const cli_checked *checked, const char *kernel, answer *told, int pipe)
{
    const oriel_launch *launch;
    oriel_check_options options = *checked->options;
    oriel_check_report report;
    told->status = build(checked, kernel, pipe, &launch);
    if (told->status == ORIEL_OK) {
        told->built = true;
        snprintf(told->launch, sizeof told->launch, "%s", launch->name);
        told->status = oriel_check(launch, &checked->job->job, &options, &report);
        told->checked = told->status == ORIEL_OK;
    }
    if (told->checked)
        take_report(told, &report);
    else
        snprintf(told->message, sizeof told->message, "%s", oriel_last_error());
    told->answered = true;
}

/* The pipe's other end is the process's, and of what it starts, but for compilers. False: the deadline has passed. */
static bool wait_for(int pipe, int64_t deadline, bool *closed)
{
    for (;;) {
        const int64_t left = (deadline - oriel_now()) / 1000000;
        struct pollfd look = {.fd = pipe, .events = POLLIN};
        char word;
        if (left <= 0)
            return false;
        if (poll(&look, 1, left < INT_MAX ? (int)left : INT_MAX) <= 0)
            continue;
        *closed = read(pipe, &word, 1) <= 0;
        return true;
    }
}

/* A crash is the process's end, whatever a sanitizer would make of it, and leaves no core file. */
static void die_of_crashes(void)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        signal(crashes[i], SIG_DFL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0});
}

static void live(const cli_checked *checked, const char *kernel, answer *told, const int pipes[2], pid_t parent)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
    close(pipes[0]);
    die_of_crashes();
    work(checked, kernel, told, pipes[1]);
    _exit(EXIT_SUCCESS); /* with no exit handlers: what stdout had buffered is the parent's to write */
}

/* Waits for process `child` and says how it ended, if it did not say it itself. */
static void see_end(const cli_checked *checked, pid_t child, int pipe, answer *told)
{
    const double timeout = checked->job->job.timeout_s > 0 ? checked->job->job.timeout_s : CHECK_TIMEOUT_S;
    bool closed = false, in_time = wait_for(pipe, oriel_deadline(BUILD_S), &closed);
    if (in_time && !closed)
        in_time = wait_for(pipe, oriel_deadline(timeout + GRACE_S), &closed);
    int how = 0;
    if (!in_time)
        kill(-child, SIGKILL);
    while (waitpid(child, &how, 0) < 0 && errno == EINTR)
        continue;
    if (told->answered)
        return;
    told->checked = false;
    told->status = in_time ? ORIEL_FAULT : ORIEL_TIMEOUT;
    if (!in_time)
        snprintf(told->message, sizeof told->message, "it did not come to an end%s",
                 told->built ? "" : " before its launch was loaded");
    else if (WIFSIGNALED(how))
        snprintf(told->message, sizeof told->message, "its launch crashed: killed by signal %d (%s)", WTERMSIG(how),
                 strsignal(WTERMSIG(how)));
    else
        snprintf(told->message, sizeof told->message, "its launch ended the process, with code %d", WEXITSTATUS(how));
}

static int check_one(const cli_checked *checked, cli_folder_entry *entry, answer *told)
{
    int pipes[2];
    *told = (answer){0};
    if (pipe2(pipes, O_CLOEXEC) != 0)
        return cli_fail(CLI_FAILED, "cannot make a pipe: %s", strerror(errno));
    const int64_t began = oriel_now();
    const pid_t parent = getpid(), child = fork();
    if (child == 0)
        live(checked, entry->kernel, told, pipes, parent);
    close(pipes[1]);
    if (child > 0)
        see_end(checked, child, pipes[0], told);
    close(pipes[0]);
    if (child < 0)
        return cli_fail(CLI_FAILED, "cannot fork: %s", strerror(errno));
    entry->seconds = (double)(oriel_now() - began) / 1e9;
    entry->answer = *told;
    return CLI_RIGHT;
}

/* ---- The table -------------------------------------------------------------------------------------------------- */

static const char *verdict_of(const answer *told)
{
    if (told->checked)
        return told->findings ? "findings" : told->harmed ? "harm" : "clean";
    if (told->status == ORIEL_TIMEOUT)
        return "timeout";
    if (told->status == ORIEL_FAULT)
        return "crash";
    if (told->built)
        return told->status == ORIEL_INVALID ? "refused" : "failed";
    return told->status == ORIEL_INVALID ? "does not compile" : "failed";
}

static int width_of(const cli_folder *folder)
{
    int width = (int)strlen("kernel");
    for (uint32_t i = 0; i < folder->entries; i++)
        width = (int)strlen(folder->entry[i].kernel) > width ? (int)strlen(folder->entry[i].kernel) : width;
    return width;
}

/* "2 findings: pipe-race, residue" */
static void describe(const cli_folder_entry *entry, char *text, size_t bytes)
{
    const answer *told = &entry->answer;
    snprintf(text, bytes, "%s", entry->verdict);
    if (told->findings)
        snprintf(text, bytes, "%u finding%s", told->findings, told->findings == 1 ? "" : "s");
    const char *before = ": ";
    for (int kind = 0; kind < ORIEL_FINDING_COUNT; kind++) {
        const size_t length = strlen(text);
        if (told->kind[kind]) {
            snprintf(text + length, bytes - length, "%s%s", before, oriel_finding_name((oriel_finding_kind)kind));
            before = ", ";
        }
    }
}

/* The message of one that could not be checked, further in. */
static void print_message(const char *message)
{
    while (*message) {
        const int length = (int)strcspn(message, "\n");
        printf("    %.*s\n", length, message);
        message += length + (message[length] == '\n');
    }
}

static void print_entry(const cli_checked *checked, const cli_folder_entry *entry, int width)
{
    char text[256], schedules[32] = "-";
    const bool good = strcmp(entry->verdict, "clean") == 0;
    describe(entry, text, sizeof text);
    if (entry->answer.checked)
        snprintf(schedules, sizeof schedules, "%llu%s", (unsigned long long)entry->answer.schedules,
                 entry->answer.exhaustive ? "" : "+");
    printf("%-*s  %9s  %7.2f s  %s%s%s\n", width, entry->kernel, schedules, entry->seconds,
           checked->colour && !good ? "\033[1;31m" : "", text, checked->colour && !good ? "\033[0m" : "");
    print_message(entry->answer.message);
    fflush(stdout); /* not twice, by the next process as well; and a table that grows is seen to */
}

/* Which one it is at, on a terminal, on a line that the next output takes away. */
static void show_progress(const cli_folder *folder, uint32_t at)
{
    if (!isatty(STDERR_FILENO))
        return;
    if (at < folder->entries)
        fprintf(stderr, "\r\033[K%u of %u: %s", at + 1, folder->entries, folder->entry[at].kernel);
    else
        fprintf(stderr, "\r\033[K");
}

static void count(cli_folder *folder, const cli_folder_entry *entry)
{
    if (!entry->answer.checked)
        folder->failed++;
    else if (entry->answer.findings || entry->answer.harmed)
        folder->found++;
    else
        folder->clean++;
}

static int check_all(const cli_checked *checked, cli_folder *folder, answer *told)
{
    const bool people = checked->format == CLI_FOR_PEOPLE;
    const int width = width_of(folder);
    int code = CLI_RIGHT;
    if (people)
        printf("%-*s  %9s  %9s  %s\n", width, "kernel", "schedules", "time", "verdict");
    fflush(stdout);
    for (uint32_t i = 0; i < folder->entries && code == CLI_RIGHT; i++) {
        cli_folder_entry *entry = &folder->entry[i];
        show_progress(folder, i);
        code = check_one(checked, entry, told);
        show_progress(folder, folder->entries);
        if (code != CLI_RIGHT)
            return code;
        entry->verdict = verdict_of(&entry->answer);
        count(folder, entry);
        if (people)
            print_entry(checked, entry, width);
    }
    if (people)
        printf("%u kernel%s: %u clean, %u with findings, %u not checked; %u ranks of %s, %s profile\n", folder->entries,
               folder->entries == 1 ? "" : "s", folder->clean, folder->found, folder->failed, checked->job->job.ranks,
               checked->job->job.platform, oriel_profile_name(checked->options->profile));
    else
        cli_folder_json(checked->job, folder);
    return folder->found ? CLI_FINDINGS : folder->failed ? CLI_FAILED : CLI_RIGHT;
}

int cli_check_folder(const cli_checked *checked, const char *path)
{
    cli_folder folder = {0};
    int code = find_kernels(&folder, path);
    answer *told = MAP_FAILED;
    if (code == CLI_RIGHT) {
        told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        code = told == MAP_FAILED ? cli_fail(CLI_FAILED, "cannot map a page: %s", strerror(errno))
                                  : check_all(checked, &folder, told);
    }
    if (told != MAP_FAILED)
        munmap(told, sizeof *told);
    for (uint32_t i = 0; i < folder.entries; i++)
        free(folder.entry[i].kernel);
    free(folder.entry);
    return code;
}
