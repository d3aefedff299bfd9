/* SPDX-License-Identifier: Apache-2.0 */
/* `oriel run`: runs a launch, and says whether its results are right. */
#include <stdio.h>

#include "cli/job.h"
#include "cli/json.h"

static const char help[] =
    "oriel run LAUNCH -p PLATFORM -d DEVICES [options]\n"
    "\n"
    "  oriel run allgather -p a2a3sim -d 0-3                     four devices, i + 100 r on rank r\n"
    "  oriel run allreduce -p a5sim -d 0,2,5 --op max --seed 1   three devices, random data\n"
    "  oriel run ./mine.so -p a2a3sim -d 0-3                     a launch of your own\n"
    "  oriel run kernel.cpp --launch launch.c -p a2a3sim -d 0-3  a kernel in C++, compiled here\n"
    "\n" CLI_JOB_HELP "      --repeat N        calls, one after the other in the same windows (1)\n"
    "      --seed N          random data from N, 0 or more, compared with a double-precision reference; else i + 100 "
    "r\n"
    "      --timeout SECONDS deadline of the whole run (30), 0.5 for example; 0 and negative numbers are refused\n"
    "      --threads         devices are threads of this process; without it each is a process of its own\n"
    "  -v, --verbose         times as well\n"
    "      --json            one JSON object instead of lines for people\n"
    "  -h, --help            this text\n"
    "\n"
    "Exit codes\n"
    "  0  every result is right\n"
    "  1  a result is wrong\n"
    "  2  bad usage: nothing was run\n"
    "  3  the platform is not to be had here\n"
    "  4  a rank failed, a deadline passed, or the output could not be written\n";

static void print_help(void)
{
    fputs(help, stdout);
    printf("\nLaunches that come with oriel\n");
    for (uint32_t i = 0; i < oriel_launch_count(); i++) {
        const oriel_launch *launch = oriel_launch_at(i);
        printf("  %-30s%s (", launch->name, launch->summary);
        if (launch->min_ranks < launch->max_ranks)
            printf("%u to ", launch->min_ranks);
        printf("%u devices)\n", launch->max_ranks);
    }
}

/* What was typed. */
typedef struct arguments {
    cli_job job;
    bool verbose, json, help;
} arguments;

enum { VERBOSE = 'v', HELP = 'h', REPEAT = CLI_JOB_OPTIONS_END, THREADS, JSON };

static const struct option options[] = {
    CLI_JOB_OPTIONS,
    {"repeat", required_argument, NULL, REPEAT},
    {"threads", no_argument, NULL, THREADS},
    {"verbose", no_argument, NULL, VERBOSE},
    {"json", no_argument, NULL, JSON},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

/* Takes one option's value, `optarg`. False: it was refused, with a message. */
static bool take_option(int option, void *context)
{
    arguments *args = context;
    oriel_job *job = &args->job.job;
    uint64_t number;
    switch (option) {
    case REPEAT:
        if (!cli_parse_number("--repeat", optarg, 1, INT32_MAX, &number))
            return false;
        job->repeat = (uint32_t)number;
        return true;
    case THREADS: job->form = ORIEL_DEVICE_THREADS; return true;
    case VERBOSE: args->verbose = true; return true;
    case JSON: args->json = true; return true;
    case HELP: args->help = true; return true;
    default: return cli_job_take(&args->job, option, optarg);
    }
}

/* False: refused, with a message. */
static bool parse(int argc, char **argv, arguments *args)
{
    if (!cli_take_options(argc, argv, ":p:d:vh", options, take_option, args))
        return false;
    if (args->help)
        return true;
    if (!cli_job_take_launch(&args->job, "run", argc - optind, argv + optind))
        return false;
    if (args->json && !cli_has_json())
        return cli_no_json("--json"), false;
    return true;
}

static void print_rank(const oriel_job *job, const oriel_report *report, uint32_t r)
{
    const oriel_rank_report *rank = &report->rank[r];
    printf("rank %-2u  device %-2d  max error %.3g", r, job->devices[r], rank->max_error);
    if (rank->wrong)
        printf("  %llu wrong, first %s[%llu] = %.9g, expected %.9g (call %u)", (unsigned long long)rank->wrong,
               rank->buffer, (unsigned long long)rank->first_wrong, rank->got, rank->expected, rank->call);
    putchar('\n');
}

static void print_report(const cli_job *job, const oriel_report *report, bool verbose)
{
    for (uint32_t r = 0; r < report->ranks; r++)
        print_rank(&job->job, report, r);
    if (verbose)
        printf("started in %.2f ms, %u calls in %.2f ms, %.2f ms in all\n", report->start_ms, job->job.repeat,
               report->run_ms, report->total_ms);
    printf("%s: ", report->wrong ? "WRONG" : "right");
    cli_job_print(job);
    putchar('\n');
}

static int run_launch(const cli_job *job, bool json, bool verbose)
{
    oriel_report report = {0};
    oriel_status status = oriel_launch_run(job->launch, &job->job, &report);
    const char *message = status ? oriel_last_error() : "";
    bool ended = status == ORIEL_OK || status == ORIEL_WRONG;
    if (json)
        cli_json_run(job, status, message, &report);
    else if (ended)
        print_report(job, &report, verbose);
    int code = cli_exit_code(status, report.accepted);
    if (!ended)
        cli_complain(code, "%s", message);
    oriel_report_free(&report);
    return code;
}

int cli_run(int argc, char **argv)
{
    arguments args = {.job = CLI_JOB_INIT};
    if (!parse(argc, argv, &args))
        return CLI_BAD_USAGE;
    if (args.help) {
        print_help();
        return CLI_RIGHT;
    }
    int code = cli_job_complete(&args.job, 1);
    if (code == CLI_RIGHT)
        code = run_launch(&args.job, args.json, args.verbose);
    cli_job_free(&args.job);
    return code;
}
