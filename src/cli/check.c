/* SPDX-License-Identifier: Apache-2.0 */
/* `oriel check`: what silicon would do to a kernel. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/check.h"
#include "cli/job.h"
#include "cli/json.h"

static const char help[] =
    "oriel check LAUNCH|FOLDER -p PLATFORM -d DEVICES [options]\n"
    "\n"
    "  oriel check allgather -p a2a3sim -d 0-3             four ranks, three calls on one domain\n"
    "  oriel check ./mine.so -p a5sim -d 0,1 --count 7     a kernel of your own (docs/write-a-kernel.md)\n"
    "  oriel check kernel.cpp --launch launch.c -p a2a3sim -d 0-3   one in C++, compiled here\n"
    "  oriel check FOLDER -p a2a3sim -d 0-3                each kernel in C++ there, x.cpp with its launch x.c\n"
    "  oriel check ./mine.so -p a2a3sim,a5sim -d 0-3 --prune   which synchronization does it need?\n"
    "  oriel check ./mine.so -p a2a3sim -d 0-3 --witness w     keeps a schedule of each finding in folder w;\n"
    "  oriel check --replay w/1                                runs it again\n"
    "\n"
    "The kernel runs unchanged on a machine with asynchronous pipes. Races are found by what orders accesses, not by\n"
    "what happened to happen; docs/findings/ has a page for each kind of finding.\n"
    "\n"
    "  -p, --platform NAME      a2a3sim, a5sim\n"
    "  -d, --devices LIST       0-3, or 0,2,5; rank r runs on the r-th of them\n"
    "      --launch FILE        in C, of a kernel in C++; else the file beside that with .c for .cpp\n"
    "      --count N            elements per rank (1000)\n"
    "      --dtype TYPE         f32 f16 bf16 i8 u8 i16 u16 i32 u32 i64 (f32)\n"
    "      --op OP              sum max min prod and or xor, for launches that reduce (sum)\n"
    "      --seed N             random data from N, 0 or more; else i + 100 r\n"
    "      --calls N            of the kernel on one domain, with nothing in between (as the launch says, or 3)\n"
    "      --profile NAME       strict: what silicon was seen to need; documented: what the pages say (strict)\n"
    "      --max-schedules N    at most so many ways in which waits can be satisfied (10000)\n"
    "      --timeout SECONDS    deadline of the whole check (30); in a folder, of each\n"
    "      --without STATEMENT  as if one synchronization statement were not there; -v lists them\n"
    "      --prune              that for each statement, by platforms, profiles, ranks and counts: necessary, "
    "redundant\n"
    "                           or unknown. Then -p takes several (a2a3sim,a5sim), without --profile both are taken,\n"
    "      --ranks LIST         and these are the ranks (2,3,4 and as many as there are devices)\n"
    "      --counts LIST        and the elements per rank (1, the job's, 20000) of the grid\n"
    "      --witness FOLDER     writes a file for each finding that has a schedule to show; makes the folder\n"
    "      --replay FILE        runs only the schedule of such a file, which knows its job\n"
    "      --format FORMAT      human, json, sarif (human)\n"
    "      --color WHEN         auto, always, never (auto: on a terminal, unless NO_COLOR is set)\n"
    "  -v, --verbose            synchronization statements and times as well\n"
    "  -h, --help               this text\n"
    "\n"
    "Exit codes\n"
    "  0  clean: nothing was found\n"
    "  2  bad usage: nothing was checked\n"
    "  3  the platform is not to be had here\n"
    "  4  the kernel gave up or crashed, a deadline passed, or the output could not be written; in a folder, one "
    "could\n"
    "     not be checked, for whatever reason, and no other has findings\n"
    "  5  there are findings\n";

/* What was typed. */
typedef struct arguments {
    cli_job job;
    oriel_check_options options;
    cli_format format;
    const char *color, *witness, *replay;
    cli_grid grid;
    bool verbose, prune, help;
} arguments;

static const arguments no_arguments = {.job = CLI_JOB_INIT};

enum {
    VERBOSE = 'v',
    HELP = 'h',
    CALLS = CLI_JOB_OPTIONS_END,
    PROFILE,
    MAX_SCHEDULES,
    WITHOUT,
    PRUNE,
    RANKS,
    COUNTS,
    WITNESS,
    REPLAY,
    FORMAT,
    COLOR
};

static const struct option options[] = {
    CLI_JOB_OPTIONS,
    {"calls", required_argument, NULL, CALLS},
    {"profile", required_argument, NULL, PROFILE},
    {"max-schedules", required_argument, NULL, MAX_SCHEDULES},
    {"without", required_argument, NULL, WITHOUT},
    {"prune", no_argument, NULL, PRUNE},
    {"ranks", required_argument, NULL, RANKS},
    {"counts", required_argument, NULL, COUNTS},
    {"witness", required_argument, NULL, WITNESS},
    {"replay", required_argument, NULL, REPLAY},
    {"format", required_argument, NULL, FORMAT},
    {"color", required_argument, NULL, COLOR},
    {"verbose", no_argument, NULL, VERBOSE},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

/* The index of `text` among three words. False: it is none of them, with a message. */
static bool one_of(const char *option, const char *text, const char *const words[3], int *index)
{
    for (*index = 0; *index < 3; ++*index)
        if (words[*index] && strcmp(text, words[*index]) == 0)
            return true;
    return cli_fail(CLI_BAD_USAGE, "%s is one of %s, %s%s%s, not \"%s\"", option, words[0], words[1],
                    words[2] ? ", " : "", words[2] ? words[2] : "", text),
           false;
}

static bool take_word(int option, arguments *args)
{
    static const char *const profiles[] = {"strict", "documented", NULL}, *const formats[] = {"human", "json", "sarif"},
                             *const colors[] = {"auto", "always", "never"};
    int index;
    switch (option) {
    case PROFILE:
        if (!one_of("--profile", optarg, profiles, &index))
            return false;
        args->options.profile = args->grid.profile = (oriel_profile)index;
        args->grid.one_profile = true;
        return true;
    case FORMAT:
        if (!one_of("--format", optarg, formats, &index))
            return false;
        args->format = (cli_format)index;
        return true;
    default: args->color = optarg; return one_of("--color", optarg, colors, &index);
    }
}

/* Takes one option's value, `optarg`. False: it was refused, with a message. */
static bool take_option(int option, void *context)
{
    arguments *args = context;
    uint64_t number;
    switch (option) {
    case CALLS:
        if (!cli_parse_number("--calls", optarg, 1, 1000, &number))
            return false;
        args->options.calls = (uint32_t)number;
        return true;
    case MAX_SCHEDULES: return cli_parse_number("--max-schedules", optarg, 1, INT64_MAX, &args->options.max_schedules);
    case PROFILE:
    case FORMAT:
    case COLOR: return take_word(option, args);
    case WITHOUT: args->options.without = optarg; return true;
    case PRUNE: args->prune = true; return true;
    case RANKS: return cli_parse_list("--ranks", optarg, 1, 64, args->grid.rank, CLI_LIST, &args->grid.ranks);
    case COUNTS:
        return cli_parse_list("--counts", optarg, 1, INT64_MAX, args->grid.count, CLI_LIST, &args->grid.counts);
    case WITNESS: args->witness = optarg; return true;
    case REPLAY: args->replay = optarg; return true;
    case VERBOSE: args->verbose = true; return true;
    case HELP: args->help = true; return true;
    default: return cli_job_take(&args->job, option, optarg);
    }
}

static bool take_options(int argc, char **argv, arguments *args)
{
    return cli_take_options(argc, argv, ":p:d:vh", options, take_option, args);
}

/* Takes the job of the witness; what was typed comes over it. */
static bool take_witness(int argc, char **argv, arguments *args, cli_witness *witness)
{
    if (!cli_witness_read(args->replay, witness))
        return false;
    *args = no_arguments;
    if (!take_options(witness->argc, witness->argv, args) ||
        !cli_job_take_launch(&args->job, "check", witness->argc - optind, witness->argv + optind) ||
        !take_options(argc, argv, args))
        return false;
    args->options.replay = witness->text;
    return true;
}

/* False: refused, with a message. */
static bool parse(int argc, char **argv, arguments *args, cli_witness *witness)
{
    if (!take_options(argc, argv, args))
        return false;
    if (args->help)
        return true;
    if (args->format != CLI_FOR_PEOPLE && !cli_has_json())
        return cli_no_json("--format"), false;
    if (args->replay && (args->witness || args->prune))
        return cli_fail(CLI_BAD_USAGE, "--replay runs one schedule: --witness and --prune are of no use to it"), false;
    if (!args->prune && (args->grid.ranks || args->grid.counts))
        return cli_fail(CLI_BAD_USAGE, "--ranks and --counts say the grid of --prune"), false;
    if (args->prune && args->format == CLI_AS_SARIF)
        return cli_fail(CLI_BAD_USAGE, "--prune has no findings to show as SARIF: --format json or human"), false;
    if (args->prune && (args->witness || args->options.without))
        return cli_fail(CLI_BAD_USAGE,
                        "--prune leaves each statement out by itself: --without and --witness are of no use to it"),
               false;
    if (args->replay && !take_witness(argc, argv, args, witness))
        return false;
    return cli_job_take_launch(&args->job, "check", argc - optind, argv + optind);
}

/* ---- The check -------------------------------------------------------------------------------------------------- */

static bool wants_colour(const arguments *args)
{
    if (args->color && strcmp(args->color, "auto") != 0)
        return strcmp(args->color, "always") == 0;
    const char *no = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) && !(no && no[0]);
}

const char *cli_check_verdict(const oriel_check_report *report)
{
    return report->findings ? "findings" : report->harmed ? "harm" : "clean";
}

static void print(const cli_checked *checked)
{
    switch (checked->format) {
    case CLI_AS_JSON: cli_check_json(checked); break;
    case CLI_AS_SARIF: cli_check_sarif(checked); break;
    default: cli_check_print(checked);
    }
}

static bool is_folder(const char *path)
{
    struct stat is;
    return path && stat(path, &is) == 0 && S_ISDIR(is.st_mode);
}

static int check_folder(arguments *args)
{
    const cli_checked checked = {
        .job = &args->job, .options = &args->options, .format = args->format, .colour = wants_colour(args)};
    if (args->prune || args->witness || args->replay || args->options.without || args->job.launch_file ||
        args->format == CLI_AS_SARIF)
        return cli_fail(CLI_BAD_USAGE,
                        "%s is a folder: --launch, --prune, --witness, --replay, --without and --format "
                        "sarif are for one kernel",
                        args->job.launch_name);
    const int code = cli_job_complete_place(&args->job, 1);
    return code == CLI_RIGHT ? cli_check_folder(&checked, args->job.launch_name) : code;
}

static int check(const oriel_launch *launch, const arguments *args)
{
    oriel_check_report report;
    cli_checked checked = {.job = &args->job,
                           .options = &args->options,
                           .report = &report,
                           .format = args->format,
                           .colour = wants_colour(args),
                           .verbose = args->verbose};
    if (args->prune)
        return cli_check_prune(&checked, &args->grid);
    oriel_status status = oriel_check(launch, &args->job.job, &args->options, &report);
    if (status != ORIEL_OK)
        return cli_fail_status(status, report.accepted);
    print(&checked);
    bool good = !args->witness || cli_witness_write(&checked, args->witness);
    int code = report.findings || report.harmed ? CLI_FINDINGS : CLI_RIGHT;
    oriel_check_report_free(&report);
    return good ? code : CLI_FAILED;
}

int cli_check(int argc, char **argv)
{
    arguments args = no_arguments;
    cli_witness witness = {0};
    int code = parse(argc, argv, &args, &witness) ? CLI_RIGHT : CLI_BAD_USAGE;
    if (code == CLI_RIGHT && args.help) {
        fputs(help, stdout);
        return CLI_RIGHT;
    }
    const bool folder = code == CLI_RIGHT && is_folder(args.job.launch_name);
    if (folder)
        code = check_folder(&args);
    else if (code == CLI_RIGHT)
        code = cli_job_complete(&args.job, args.prune ? CLI_JOB_PLATFORMS : 1);
    if (code == CLI_RIGHT && args.replay && !cli_witness_fits(&witness, args.replay, &args.job, &args.options))
        code = CLI_BAD_USAGE;
    if (code == CLI_RIGHT && !folder)
        code = check(args.job.launch, &args);
    cli_job_free(&args.job);
    cli_witness_close(&witness);
    return code;
}
