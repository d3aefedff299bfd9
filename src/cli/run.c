/* SPDX-License-Identifier: Apache-2.0 */
/* `oriel run`: runs a launch, and says whether its results are right. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"

static const char help[] =
    "oriel run LAUNCH -p PLATFORM -d DEVICES [options]\n"
    "\n"
    "  oriel run allgather -p a2a3sim -d 0-3                     four devices, i + 100 r on rank r\n"
    "  oriel run allreduce -p a5sim -d 0,2,5 --op max --seed 1   three devices, random data\n"
    "  oriel run ./mine.so -p a2a3sim -d 0-3                     a launch of your own\n"
    "\n"
    "  -p, --platform NAME   a2a3sim, a5sim; a2a3 is the real silicon (oriel info)\n"
    "  -d, --devices LIST    0-3, or 0,2,5; rank r runs on the r-th of them\n"
    "      --count N         elements per rank (1000)\n"
    "      --dtype TYPE      f32 f16 bf16 i8 u8 i16 u16 i32 u32 i64 (f32)\n"
    "      --op OP           sum max min prod, for launches that reduce (sum)\n"
    "      --repeat N        calls, one after the other in the same windows (1)\n"
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

/* What was typed. */
typedef struct arguments {
    const char *launch;
    oriel_platform_info platform;
    const char *device_list;
    bool op_given, verbose, json, help;
    oriel_job job;
} arguments;

enum {
    PLATFORM = 'p',
    DEVICES = 'd',
    VERBOSE = 'v',
    HELP = 'h',
    COUNT = 256,
    DTYPE,
    OP,
    REPEAT,
    SEED,
    TIMEOUT,
    THREADS,
    JSON
};

static const struct option options[] = {
    {"platform", required_argument, NULL, PLATFORM},
    {"devices", required_argument, NULL, DEVICES},
    {"count", required_argument, NULL, COUNT},
    {"dtype", required_argument, NULL, DTYPE},
    {"op", required_argument, NULL, OP},
    {"repeat", required_argument, NULL, REPEAT},
    {"seed", required_argument, NULL, SEED},
    {"timeout", required_argument, NULL, TIMEOUT},
    {"threads", no_argument, NULL, THREADS},
    {"verbose", no_argument, NULL, VERBOSE},
    {"json", no_argument, NULL, JSON},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

/* Takes one option's value, `optarg`. False: it was refused, with a message. */
static bool take_option(int option, arguments *args)
{
    oriel_job *job = &args->job;
    uint64_t number;
    switch (option) {
    case PLATFORM: job->platform = optarg; return cli_parse_platform(optarg, &args->platform);
    case DEVICES: args->device_list = optarg; return true;
    case COUNT: return cli_parse_number("--count", optarg, 1, INT64_MAX, &job->count);
    case DTYPE: return cli_parse_dtype(optarg, &job->dtype);
    case OP: args->op_given = true; return cli_parse_reduce(optarg, &job->reduce);
    case REPEAT:
        if (!cli_parse_number("--repeat", optarg, 1, INT32_MAX, &number))
            return false;
        job->repeat = (uint32_t)number;
        return true;
    case SEED: job->random = true; return cli_parse_number("--seed", optarg, 0, INT64_MAX, &job->seed);
    case TIMEOUT: return cli_parse_seconds("--timeout", optarg, &job->timeout_s);
    case THREADS: job->form = ORIEL_DEVICE_THREADS; return true;
    case VERBOSE: args->verbose = true; return true;
    case JSON: args->json = true; return true;
    default: args->help = true; return true;
    }
}

/* False: refused, with a message. */
static bool parse(int argc, char **argv, arguments *args)
{
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, ":p:d:vh", options, NULL)) != -1;) {
        if (option == ':' || option == '?')
            return cli_bad_option(option, argv, options), false;
        if (!take_option(option, args))
            return false;
    }
    if (args->help)
        return true;
    if (optind == argc)
        return cli_fail(CLI_BAD_USAGE, "say which launch to run; `oriel run --help` has examples"), false;
    if (optind + 1 < argc)
        return cli_fail(CLI_BAD_USAGE, "one launch at a time: \"%s\" is too much", argv[optind + 1]), false;
    if (!args->job.platform)
        return cli_fail(CLI_BAD_USAGE, "say on which platform: -p a2a3sim, for example"), false;
    if (!args->device_list)
        return cli_fail(CLI_BAD_USAGE, "say on which devices: -d 0-3, for example"), false;
    if (args->json && !cli_has_json())
        return cli_no_json(), false;
    args->launch = argv[optind];
    return true;
}

/* NULL: refused, with a message. */
static const oriel_launch *load_launch(const char *path)
{
    /* Without a slash, the dynamic loader would look in its own folders, not in this one. */
    char *here;
    if (asprintf(&here, "%s%s", strchr(path, '/') ? "" : "./", path) < 0)
        return cli_fail(CLI_FAILED, "no memory for the path %s", path), NULL;
    const oriel_launch *launch = NULL;
    if (oriel_launch_load(here, &launch))
        cli_fail(CLI_BAD_USAGE, "%s", oriel_last_error());
    free(here);
    return launch;
}

/* A name, or the path of a shared object: whatever has a slash or ends in .so. */
static const oriel_launch *find_launch(const char *name)
{
    size_t length = strlen(name);
    if (strchr(name, '/') || (length > 3 && strcmp(name + length - 3, ".so") == 0))
        return load_launch(name);
    const oriel_launch *launch = oriel_launch_find(name);
    if (launch)
        return launch;
    char known[512] = "";
    for (uint32_t i = 0; i < oriel_launch_count(); i++) {
        size_t end = strlen(known);
        snprintf(known + end, sizeof known - end, "%s, ", oriel_launch_at(i)->name);
    }
    cli_fail(CLI_BAD_USAGE, "there is no launch \"%s\": %sor the path of a shared object", name, known);
    return NULL;
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

static void print_report(const oriel_launch *launch, const oriel_job *job, const oriel_report *report, bool verbose)
{
    for (uint32_t r = 0; r < report->ranks; r++)
        print_rank(job, report, r);
    if (verbose)
        printf("started in %.2f ms, %u calls in %.2f ms, %.2f ms in all\n", report->start_ms, job->repeat,
               report->run_ms, report->total_ms);
    printf("%s: %s%s%s of %llu %s per rank, %u devices of %s\n", report->wrong ? "WRONG" : "right", launch->name,
           launch->reduces ? " " : "", launch->reduces ? oriel_reduce_name(job->reduce) : "",
           (unsigned long long)(job->count ? job->count : launch->default_count), oriel_dtype_name(job->dtype),
           job->ranks, job->platform);
}

static int run_launch(const oriel_launch *launch, const arguments *args)
{
    const oriel_job *job = &args->job;
    oriel_report report = {0};
    oriel_status status = oriel_launch_run(launch, job, &report);
    const char *message = status ? oriel_last_error() : "";
    bool ended = status == ORIEL_OK || status == ORIEL_WRONG;
    if (args->json)
        cli_json_run(launch, job, status, message, &report);
    else if (ended)
        print_report(launch, job, &report, args->verbose);
    int code = cli_exit_code(status, report.accepted);
    if (!ended)
        cli_complain(code, "%s", message);
    oriel_report_free(&report);
    return code;
}

int cli_run(int argc, char **argv)
{
    arguments args = {.job = {.dtype = PTO_F32, .reduce = PTO_SUM, .repeat = 1}};
    if (!parse(argc, argv, &args))
        return CLI_BAD_USAGE;
    if (args.help) {
        fputs(help, stdout);
        return CLI_RIGHT;
    }
    int *devices;
    if (!cli_parse_devices(args.device_list, args.platform.max_devices, &devices, &args.job.ranks))
        return CLI_BAD_USAGE;
    args.job.devices = devices;

    int code = CLI_BAD_USAGE;
    const oriel_launch *launch = find_launch(args.launch);
    if (launch && args.op_given && !launch->reduces)
        cli_fail(CLI_BAD_USAGE, "%s does not reduce: --op is of no use to it", launch->name);
    else if (launch)
        code = run_launch(launch, &args);
    free(devices);
    return code;
}
