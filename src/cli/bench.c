/* SPDX-License-Identifier: Apache-2.0 */
/* `oriel bench`: measures the collectives of oriel/comm.h. What was typed, and the plan that it makes. */
#include "cli/bench.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pages.h"
#include "cli/json.h"

#define MOST_RANKS      1024
#define MOST_ITERATIONS 1000000
#define MOST_CELLS      10000
#define AUTOMATIC       UINT32_MAX

static const char help[] =
    "oriel bench OPERATION... -n RANKS [options]\n"
    "\n"
    "  oriel bench allreduce -n 4 --min 8 --max 64M        each size twice the one before, as a table\n"
    "  oriel bench allgather alltoall -n 2 --symmetric     buffers that the ranks read where they are\n"
    "  oriel bench all -n 4 --max 16M --factor 4 --plot all.svg\n"
    "                                                      the nine operations, and a plot of their times and rates\n"
    "  oriel bench allreduce -n 2 --dtype bf16 --op max --csv > max.csv\n"
    "  oriel bench barrier -n 4 --threads\n"
    "\n"
    "Operations: barrier broadcast reduce allreduce reduce_scatter allgather alltoall gather scatter, several of\n"
    "them, or all; those of oriel/comm.h.\n"
    "\n"
    "  -n, --ranks N         ranks, 1 or more (as many as there are processors, but 2 at least)\n"
    "      --min SIZE        bytes of the smallest call (8): of its larger buffer, for all ranks' blocks together\n"
    "      --max SIZE        bytes of the largest (4M); 4M or 4MiB is 4 x 1024 x 1024\n"
    "      --factor N        each size is the last one times N (2)\n"
    "      --step SIZE       each size is the last one plus SIZE\n"
    "      --iterations N    timed calls (1000 up to 64K, 200 up to 1M, then 20)\n"
    "      --warmup N        calls before them (a tenth of those, and 13 at least without --iterations)\n"
    "      --dtype TYPE      f32 f16 bf16 i8 u8 i16 u16 i32 u32 i64 (f32)\n"
    "      --op OP           sum max min prod and or xor, for operations that reduce (sum)\n"
    "      --root RANK       for operations that have one (0)\n"
    "      --ordinary        buffers as malloc gives them (what holds without --symmetric)\n"
    "      --symmetric       buffers of oriel_window_alloc\n"
    "      --in-place        one buffer for both sides (ORIEL_IN_PLACE), in operations that can\n"
    "      --processes       ranks are processes (what holds without --threads)\n"
    "      --threads         ranks are threads\n"
    "      --no-bind         ranks may move between processors; else each has a core, and they share if there are too "
    "few\n"
    "      --algorithm NAME  ring, or allreduce=ring,allgather=bruck (oriel info lists them); else as this host has "
    "it\n"
    "      --deterministic   neither the environment nor a tuning file chooses: the library's own way, on any host\n"
    "      --no-check        results are not looked at; else one call after the timed ones is compared\n"
    "      --timeout SECONDS how long a call waits for a rank (30)\n"
    "      --csv             comma-separated values, with a line of names, instead of a table\n"
    "      --json            one JSON object instead\n"
    "      --plot FILE       writes a plot as well, an SVG picture\n"
    "  -h, --help            this text\n"
    "\n"
    "How to read it. Before each timed call there is a barrier; each rank times its own call, and the time of an "
    "iteration is\n"
    "that of its slowest rank. min, median, avg and max are over iterations. algbw is bytes over the median; busbw is "
    "the\n"
    "rate at which data passed the busiest rank, with the factors of nccl-tests: algbw times 2(n-1)/n for allreduce,\n"
    "(n-1)/n for reduce_scatter, allgather, alltoall, gather and scatter, 1 for broadcast and reduce. errors is the "
    "number\n"
    "of elements that are not what they must be. docs/bench.md tells more.\n"
    "\n"
    "Exit codes\n"
    "  0  every result is right\n"
    "  1  a result is wrong\n"
    "  2  bad usage: nothing was run\n"
    "  3  there is a tuning file, and this build lacks jansson to read it: ORIEL_TUNING=none goes without\n"
    "  4  a rank failed, a deadline passed, or the output could not be written\n";

/* What was typed. */
typedef struct arguments {
    bench_operations_typed operations;
    uint64_t ranks, min, max, factor, step, iterations, warmup, root;
    bool min_given, max_given, factor_given, step_given, op_given, root_given, in_place, help;
    pto_dtype dtype;
    pto_reduce reduce;
    const char *plot_path;
    bench_job job;
} arguments;

enum {
    RANKS = 'n',
    HELP = 'h',
    MIN = 256,
    MAX,
    FACTOR,
    STEP,
    ITERATIONS,
    WARMUP,
    DTYPE,
    OP,
    ROOT,
    ORDINARY,
    SYMMETRIC,
    IN_PLACE,
    PROCESSES,
    THREADS,
    NO_BIND,
    ALGORITHM,
    DETERMINISTIC,
    NO_CHECK,
    TIMEOUT,
    CSV,
    JSON,
    PLOT,
};

static const struct option options[] = {
    {"ranks", required_argument, NULL, RANKS},
    {"min", required_argument, NULL, MIN},
    {"max", required_argument, NULL, MAX},
    {"factor", required_argument, NULL, FACTOR},
    {"step", required_argument, NULL, STEP},
    {"iterations", required_argument, NULL, ITERATIONS},
    {"warmup", required_argument, NULL, WARMUP},
    {"dtype", required_argument, NULL, DTYPE},
    {"op", required_argument, NULL, OP},
    {"root", required_argument, NULL, ROOT},
    {"ordinary", no_argument, NULL, ORDINARY},
    {"symmetric", no_argument, NULL, SYMMETRIC},
    {"in-place", no_argument, NULL, IN_PLACE},
    {"processes", no_argument, NULL, PROCESSES},
    {"threads", no_argument, NULL, THREADS},
    {"no-bind", no_argument, NULL, NO_BIND},
    {"algorithm", required_argument, NULL, ALGORITHM},
    {"deterministic", no_argument, NULL, DETERMINISTIC},
    {"no-check", no_argument, NULL, NO_CHECK},
    {"timeout", required_argument, NULL, TIMEOUT},
    {"csv", no_argument, NULL, CSV},
    {"json", no_argument, NULL, JSON},
    {"plot", required_argument, NULL, PLOT},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

/* ---- What was typed --------------------------------------------------------------------------------------------- */

static bool take_format(bench_format format, arguments *args)
{
    if (args->job.format != BENCH_TABLE && args->job.format != format)
        return cli_fail(CLI_BAD_USAGE, "--csv and --json are two answers: one at a time"), false;
    if (format == BENCH_JSON && !cli_has_json())
        return cli_no_json("--json"), false;
    args->job.format = format;
    return true;
}

/* Takes one option's value, `optarg`. False: it was refused, with a message. */
static bool take_option(int option, void *context)
{
    arguments *args = context;
    bench_job *job = &args->job;
    switch (option) {
    case RANKS: return cli_parse_number("-n", optarg, 1, MOST_RANKS, &args->ranks);
    case MIN: args->min_given = true; return cli_parse_size("--min", optarg, &args->min);
    case MAX: args->max_given = true; return cli_parse_size("--max", optarg, &args->max);
    case FACTOR: args->factor_given = true; return cli_parse_number("--factor", optarg, 2, 1 << 20, &args->factor);
    case STEP: args->step_given = true; return cli_parse_size("--step", optarg, &args->step);
    case ITERATIONS: return cli_parse_number("--iterations", optarg, 1, MOST_ITERATIONS, &args->iterations);
    case WARMUP: return cli_parse_number("--warmup", optarg, 0, MOST_ITERATIONS, &args->warmup);
    case DTYPE: return cli_parse_dtype(optarg, &args->dtype);
    case OP: args->op_given = true; return cli_parse_reduce(optarg, &args->reduce);
    case ROOT: args->root_given = true; return cli_parse_number("--root", optarg, 0, MOST_RANKS, &args->root);
    case ORDINARY: job->symmetric = false; return true;
    case SYMMETRIC: job->symmetric = true; return true;
    case IN_PLACE: args->in_place = true; return true;
    case PROCESSES: job->options.threads = false; return true;
    case THREADS: job->options.threads = true; return true;
    case NO_BIND: job->options.bind = ORIEL_BIND_NONE; return true;
    case ALGORITHM: job->options.algorithm = optarg; return true;
    case DETERMINISTIC: job->options.deterministic = true; return true;
    case NO_CHECK: job->checked = false; return true;
    case TIMEOUT: return cli_parse_seconds("--timeout", optarg, &job->options.timeout_s);
    case CSV: return take_format(BENCH_CSV, args);
    case JSON: return take_format(BENCH_JSON, args);
    case PLOT: args->plot_path = optarg; return true;
    case HELP: args->help = true; return true;
    default: return false;
    }
}

static bool no_operation(const char *name)
{
    char known[256] = "";
    for (uint32_t i = 0; i < bench_operation_count; i++) {
        const size_t end = strlen(known);
        snprintf(known + end, sizeof known - end, "%s, ", bench_operations[i].name);
    }
    if (!name)
        return cli_fail(CLI_BAD_USAGE, "say what to measure: %sor all", known), false;
    return cli_fail(CLI_BAD_USAGE, "there is no operation \"%s\": it must be one of %sor all", name, known), false;
}

static bool add_operation(const bench_operation *operation, bench_operations_typed *typed)
{
    for (uint32_t i = 0; i < typed->count; i++)
        if (typed->operation[i] == operation)
            return cli_fail(CLI_BAD_USAGE, "%s is given twice", operation->name), false;
    typed->operation[typed->count++] = operation;
    return true;
}

bool bench_take_operation(const char *name, bench_operations_typed *typed)
{
    const bool all = strcmp(name, "all") == 0;
    const bench_operation *one = all ? bench_operations : bench_operation_find(name);
    if (!one)
        return no_operation(name);
    for (uint32_t k = 0; k < (all ? bench_operation_count : 1); k++)
        if (!add_operation(one + k, typed))
            return false;
    return true;
}

static bool take_operations(int words, char **word, arguments *args)
{
    if (words == 0)
        return no_operation(NULL);
    for (int i = 0; i < words; i++)
        if (!bench_take_operation(word[i], &args->operations))
            return false;
    return true;
}

/* False: refused, with a message. */
static bool parse(int argc, char **argv, arguments *args)
{
    if (!cli_take_options(argc, argv, ":n:h", options, take_option, args))
        return false;
    return args->help || take_operations(argc - optind, argv + optind, args);
}

/* ---- Whether it makes sense ------------------------------------------------------------------------------------- */

/* Whether any of the operations has that property. */
static bool some(const arguments *args, bool (*has)(const bench_operation *))
{
    for (uint32_t i = 0; i < args->operations.count; i++)
        if (has(args->operations.operation[i]))
            return true;
    return false;
}

static bool reduces(const bench_operation *operation)
{
    return operation->reduces;
}

static bool is_rooted(const bench_operation *operation)
{
    return operation->rooted;
}

static bool can_be_in_place(const bench_operation *operation)
{
    return operation->in_place;
}

static bool moves(const bench_operation *operation)
{
    return operation->moves;
}

static bool of_no_use(const char *option, const char *why)
{
    return cli_fail(CLI_BAD_USAGE, "%s is of no use here: %s", option, why), false;
}

static bool check_uses(const arguments *args)
{
    if (args->op_given && !some(args, reduces))
        return of_no_use("--op", "nothing is reduced");
    if (args->root_given && !some(args, is_rooted))
        return of_no_use("--root", "no operation has one");
    if (args->in_place && !some(args, can_be_in_place))
        return of_no_use("--in-place", "no operation can be");
    if (!pto_reduce_takes(args->reduce, args->dtype))
        return cli_fail(CLI_BAD_USAGE, "--op %s is for integers, and --dtype is %s: i32, for example, can be",
                        oriel_reduce_name(args->reduce), oriel_dtype_name(args->dtype)),
               false;
    if (args->plot_path && !some(args, moves))
        return of_no_use("--plot", "a barrier has no size");
    if (args->root >= args->ranks)
        return cli_fail(CLI_BAD_USAGE, "--root is %" PRIu64 ": there are ranks 0 to %" PRIu64, args->root,
                        args->ranks - 1),
               false;
    return true;
}

static bool check_multiple(const char *option, uint64_t bytes, pto_dtype dtype)
{
    if (bytes % pto_dtype_bytes(dtype) == 0)
        return true;
    cli_fail(CLI_BAD_USAGE, "%s is %" PRIu64 " B, which is not a multiple of the %u B of an element (%s)", option,
             bytes, pto_dtype_bytes(dtype), oriel_dtype_name(dtype));
    return false;
}

/* What was not given makes room for what was. */
static bool check_sizes(arguments *args)
{
    if (!args->max_given && args->min > args->max)
        args->max = args->min;
    if (!args->min_given && args->min > args->max)
        args->min = args->max;
    if (args->min > args->max)
        return cli_fail(CLI_BAD_USAGE, "--min is %" PRIu64 " B, and --max %" PRIu64 " B: there is nothing between them",
                        args->min, args->max),
               false;
    if (args->factor_given && args->step_given)
        return cli_fail(CLI_BAD_USAGE, "--factor and --step are two ways to go on: one at a time"), false;
    return check_multiple("--min", args->min, args->dtype) && check_multiple("--max", args->max, args->dtype) &&
           (!args->step_given || check_multiple("--step", args->step, args->dtype));
}

bool bench_check_memory(uint64_t max, uint32_t buffers, const char *word, uint64_t ranks)
{
    const uint64_t here = (uint64_t)sysconf(_SC_PHYS_PAGES) * oriel_page_bytes();
    if (max <= here / (buffers * ranks))
        return true;
    cli_fail(CLI_BAD_USAGE,
             "--max is %" PRIu64 " B: %s such buffers on each of %" PRIu64
             " ranks are more than this host's memory of %" PRIu64 " B",
             max, word, ranks, here);
    return false;
}

/* ---- The plan --------------------------------------------------------------------------------------------------- */

static uint32_t iterations_of(const arguments *args, uint64_t bytes)
{
    if (args->iterations)
        return (uint32_t)args->iterations;
    return bytes <= 64 << 10 ? 1000 : bytes <= 1 << 20 ? 200 : 20;
}

/* In the first twelve calls of a size the library finds out how it copies ordinary buffers (oriel/comm.h). */
#define LEAST_WARMUP 13

static uint32_t warmup_of(const arguments *args, uint32_t iterations)
{
    if (args->warmup != AUTOMATIC)
        return (uint32_t)args->warmup;
    const uint32_t tenth = (iterations + 9) / 10;
    return args->iterations || tenth > LEAST_WARMUP ? tenth : LEAST_WARMUP;
}

/* False: too many, with a message. */
static bool add_cell(const arguments *args, bench_job *job, bench_call call)
{
    if (job->cells == MOST_CELLS)
        return cli_fail(CLI_BAD_USAGE, "that makes more than %d rows: take a larger --factor or --step", MOST_CELLS),
               false;
    bench_cell *cell = &job->cell[job->cells++];
    *cell = (bench_cell){.call = call, .iterations = iterations_of(args, bench_bytes(&call))};
    cell->warmup = warmup_of(args, cell->iterations);
    return true;
}

/* A size that makes the same call as the one before it is left out. */
static bool plan_operation(const arguments *args, bench_job *job, const bench_operation *operation)
{
    bench_call call = {.operation = operation,
                       .dtype = args->dtype,
                       .reduce = args->reduce,
                       .root = operation->rooted ? (uint32_t)args->root : 0,
                       .ranks = job->ranks,
                       .in_place = args->in_place && operation->in_place};
    if (!operation->moves)
        return add_cell(args, job, call);
    for (uint64_t bytes = args->min; bytes <= args->max;) {
        const uint64_t before = call.count;
        call.count = bench_count(&call, bytes);
        if (call.count != before && !add_cell(args, job, call))
            return false;
        bytes = args->step_given ? bytes + args->step : bytes * args->factor;
    }
    return true;
}

/* Returns CLI_RIGHT, or an exit code, with a message. */
static int plan(arguments *args)
{
    bench_job *job = &args->job;
    oriel_host_info host;
    oriel_host_describe(&host);
    job->processors = host.usable;
    if (args->ranks == 0)
        args->ranks = job->processors < 2 ? 2 : job->processors;
    job->ranks = (uint32_t)args->ranks;
    if (!check_uses(args) || !check_sizes(args) || !bench_check_memory(args->max, 2, "two", args->ranks))
        return CLI_BAD_USAGE;
    job->cell = calloc(MOST_CELLS, sizeof *job->cell);
    if (!job->cell)
        return cli_fail(CLI_FAILED, "no memory for the plan");
    for (uint32_t i = 0; i < args->operations.count; i++)
        if (!plan_operation(args, job, args->operations.operation[i]))
            return CLI_BAD_USAGE;
    return CLI_RIGHT;
}

/* ---- The answer ------------------------------------------------------------------------------------------------- */

static int answer(const bench_job *job, const bench_outcome *outcome)
{
    if (outcome->status != ORIEL_OK) {
        const int code = cli_exit_code(outcome->status, outcome->begun);
        if (job->format == BENCH_JSON)
            bench_json(job, outcome);
        return cli_complain(code, "%s", outcome->message);
    }
    if (outcome->output_error == EPIPE)
        return outcome->wrong ? CLI_WRONG : CLI_RIGHT;
    if (outcome->output_error)
        return cli_complain(CLI_FAILED, "the output could not be written: %s",
                            outcome->output_error > 0 ? strerror(outcome->output_error) : "no reason was given");
    if (job->format == BENCH_JSON)
        bench_json(job, outcome);
    else if (job->format == BENCH_TABLE)
        bench_print_end(job, outcome);
    return outcome->wrong ? CLI_WRONG : CLI_RIGHT;
}

static int measure(const bench_job *job, bench_plot *plot)
{
    bench_outcome outcome;
    bench_measure(job, &outcome);
    int code = answer(job, &outcome);
    const bool ended = outcome.status == ORIEL_OK && outcome.done == job->cells;
    if (plot->path && !ended)
        bench_plot_drop(plot);
    else if (plot->path && !bench_plot_write(job, &outcome, plot) && code == CLI_RIGHT)
        code = CLI_FAILED;
    bench_outcome_free(&outcome);
    return code;
}

int cli_bench(int argc, char **argv)
{
    arguments args = {.min = 8,
                      .max = 4 << 20,
                      .factor = 2,
                      .warmup = AUTOMATIC,
                      .dtype = PTO_F32,
                      .reduce = PTO_SUM,
                      .job = {.options.bind = ORIEL_BIND_CORE, .checked = true}};
    if (!parse(argc, argv, &args))
        return CLI_BAD_USAGE;
    if (args.help) {
        fputs(help, stdout);
        return CLI_RIGHT;
    }
    int code = plan(&args);
    bench_plot plot = {.path = NULL};
    if (code == CLI_RIGHT && args.plot_path && !bench_plot_open(args.plot_path, &plot))
        code = CLI_BAD_USAGE;
    if (code == CLI_RIGHT)
        code = measure(&args.job, &plot);
    free(args.job.cell);
    return code;
}
