/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `oriel tune`: measures the algorithms of the library's collectives on this host, and writes the table that chooses
 * among them.
 */
#include "cli/tune.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/json.h"

#define MOST_RANKS      1024
#define RANKS_LIST      16
#define PATH_BYTES      4096
#define FACTOR          4
#define QUICK_FACTOR    16
#define ROUNDS          21
#define QUICK_ROUNDS    7
#define SAMPLE_US       60.0
#define QUICK_SAMPLE_US 30.0

static const char help[] =
    "oriel tune [options]\n"
    "\n"
    "  oriel tune                                          measures, and writes the table of this host\n"
    "  oriel tune -n 2,4,8 --max 64M                       for these numbers of ranks, up to 64 MiB\n"
    "  oriel tune --operations allreduce,allgather --quick --dry-run\n"
    "                                                      a first look, which writes nothing\n"
    "  oriel tune --output here.json; ORIEL_TUNING=here.json ./program\n"
    "\n"
    "Measures every algorithm of the operations of oriel/comm.h (oriel info), by turns, each by its median, from "
    "ordinary and\n"
    "from symmetric memory; and chooses, size by size, what is faster by a margin. Programs that start ranks read the\n"
    "table (docs/tuning.md). Let the host be idle meanwhile.\n"
    "\n"
    "  -n, --ranks LIST      numbers of ranks (2, 4, the processors, and twice as many)\n"
    "      --operations LIST some of barrier broadcast reduce allreduce reduce_scatter allgather alltoall gather "
    "scatter,\n"
    "                        with commas between, or all (all)\n"
    "      --min SIZE        bytes of the smallest call (8): of its larger buffer, for all ranks' blocks together\n"
    "      --max SIZE        bytes of the largest (4M); what is chosen there holds for all larger ones\n"
    "      --margin PERCENT  an algorithm takes the place of another if its time is less by this much (10)\n"
    "      --any-order       also algorithms that add floating-point numbers in another order than that of the ranks:\n"
    "                        the table then changes the bits of sums\n"
    "      --quick           fewer sizes, fewer samples\n"
    "      --output FILE     instead of $ORIEL_TUNING, or $XDG_CONFIG_HOME/oriel/tuning.json (~/.config)\n"
    "      --dry-run         prints what would be chosen, and writes nothing\n"
    "      --timeout SECONDS how long a call waits for a rank (30)\n"
    "  -h, --help            this text\n"
    "\n"
    "How to read it. us is the median of the slowest rank, the geometric mean of both kinds of memory. direct is the\n"
    "library's own way. times says how much longer the best of the others takes; less than 1 is within the margin,\n"
    "or it takes longer than direct from one kind of memory.\n"
    "\n"
    "Exit codes: 0 done, 2 bad usage, 4 a rank failed, a deadline passed, or the table could not be written.\n";

/* What was typed. */
typedef struct arguments {
    uint64_t rank[RANKS_LIST];
    uint32_t ranks;
    const char *operation_list, *output;
    uint64_t min, max, margin;
    double timeout_s;
    bool any_order, quick, dry_run, help;
} arguments;

/* ---- Arguments -------------------------------------------------------------------------------------------------- */

enum { HELP = 'h', RANKS = 'n', LIST = 256, MIN, MAX, MARGIN, ANY_ORDER, QUICK, OUTPUT, DRY_RUN, TIMEOUT };

static const struct option options[] = {
    {"ranks", required_argument, NULL, RANKS},   {"operations", required_argument, NULL, LIST},
    {"min", required_argument, NULL, MIN},       {"max", required_argument, NULL, MAX},
    {"margin", required_argument, NULL, MARGIN}, {"any-order", no_argument, NULL, ANY_ORDER},
    {"quick", no_argument, NULL, QUICK},         {"output", required_argument, NULL, OUTPUT},
    {"dry-run", no_argument, NULL, DRY_RUN},     {"timeout", required_argument, NULL, TIMEOUT},
    {"help", no_argument, NULL, HELP},           {NULL, 0, NULL, 0},
};

static bool take_option(int option, void *context)
{
    arguments *args = context;
    switch (option) {
    case RANKS: return cli_parse_list("--ranks", optarg, 2, MOST_RANKS, args->rank, RANKS_LIST, &args->ranks);
    case LIST: args->operation_list = optarg; return true;
    case MIN: return cli_parse_size("--min", optarg, &args->min);
    case MAX: return cli_parse_size("--max", optarg, &args->max);
    case MARGIN: return cli_parse_number("--margin", optarg, 0, 90, &args->margin);
    case ANY_ORDER: args->any_order = true; return true;
    case QUICK: args->quick = true; return true;
    case OUTPUT: args->output = optarg; return true;
    case DRY_RUN: args->dry_run = true; return true;
    case TIMEOUT: return cli_parse_seconds("--timeout", optarg, &args->timeout_s);
    default: args->help = true; return true;
    }
}

/* False: refused, with a message. */
static bool parse(int argc, char **argv, arguments *args)
{
    if (!cli_take_options(argc, argv, ":n:h", options, take_option, args))
        return false;
    if (args->help)
        return true;
    if (optind < argc)
        return cli_fail(CLI_BAD_USAGE, "tune takes options only, and \"%s\" is none", argv[optind]), false;
    if (args->min > args->max)
        return cli_fail(CLI_BAD_USAGE, "--min is %" PRIu64 ", which is more than --max, %" PRIu64, args->min,
                        args->max),
               false;
    for (uint32_t i = 0; i < args->ranks; i++)
        for (uint32_t j = 0; j < i; j++)
            if (args->rank[i] == args->rank[j])
                return cli_fail(CLI_BAD_USAGE, "--ranks has %" PRIu64 " twice", args->rank[i]), false;
    if (!args->dry_run && !cli_has_json())
        return cli_no_json("tune without --dry-run"), false;
    return true;
}

/* False: one that there is not, or twice, with a message. */
static bool take_operations(const char *list, bench_operations_typed *typed)
{
    char words[512];
    if ((size_t)snprintf(words, sizeof words, "%s", list) >= sizeof words)
        return cli_fail(CLI_BAD_USAGE, "the list of --operations is too long"), false;
    char *rest = words;
    for (char *word; (word = strsep(&rest, ","));)
        if (!bench_take_operation(word, typed))
            return false;
    return true;
}

static void find_ranks(arguments *args, uint32_t processors)
{
    const uint64_t usual[] = {2, 4, processors, 2 * (uint64_t)processors};
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        bool is_new = usual[i] >= 2 && usual[i] <= MOST_RANKS;
        for (uint32_t j = 0; j < args->ranks; j++)
            is_new &= args->rank[j] != usual[i];
        if (is_new)
            args->rank[args->ranks++] = usual[i];
    }
}

/* ---- The plan --------------------------------------------------------------------------------------------------- */

/* Those that are for so many ranks, and whose order is wanted; direct first, as the library has it. */
static void find_candidates(cli_tune_cell *cell, bool any_order)
{
    oriel_algorithm_info info;
    for (uint32_t i = 0; oriel_algorithm_info_at(i, &info) && cell->candidates < CLI_TUNE_CANDIDATES; i++)
        if (strcmp(info.operation, cell->call.operation->name) == 0 && cell->call.ranks >= info.min_ranks &&
            cell->call.ranks <= info.max_ranks && (any_order || info.in_rank_order || cell->call.ranks == 2))
            cell->candidate[cell->candidates++] = info;
}

/* One operation on so many ranks, by size. Each cell is another call than the one before. */
static void plan_operation(cli_tuning *tuning, const arguments *args, const bench_operation *operation, uint32_t ranks)
{
    bench_call call = {.operation = operation, .dtype = PTO_F32, .reduce = PTO_SUM, .ranks = ranks};
    const uint32_t first = tuning->cells;
    for (uint64_t bytes = args->min; bytes <= args->max && tuning->cells - first < CLI_TUNE_SIZES;
         bytes *= args->quick ? QUICK_FACTOR : FACTOR) {
        call.count = bench_count(&call, bytes);
        const uint64_t its = bench_bytes(&call);
        if (tuning->cells > first && tuning->cell[tuning->cells - 1].bytes == its)
            continue;
        cli_tune_cell *cell = &tuning->cell[tuning->cells++];
        *cell = (cli_tune_cell){.call = call, .bytes = its, .first = tuning->cells - 1 == first};
        find_candidates(cell, args->any_order);
    }
    tuning->cell[tuning->cells - 1].last = true;
}

/* ---- The choice ------------------------------------------------------------------------------------------------- */

double cli_tune_score(const cli_tune_cell *cell, uint32_t candidate)
{
    return sqrt(cell->us[candidate][CLI_TUNE_ORDINARY] * cell->us[candidate][CLI_TUNE_SYMMETRIC]);
}

/* What is slower than the direct way from one kind of memory, by the margin, does not make up for it by the other. */
static bool harms(const cli_tune_cell *cell, uint32_t candidate, double margin)
{
    for (uint32_t memory = 0; memory < CLI_TUNE_MEMORIES; memory++)
        if (cell->us[candidate][memory] > cell->us[0][memory] * (1 + margin))
            return true;
    return false;
}

/*
 * Goes on with `current`, the choice for the size before, unless another is better by the margin: sizes differ by
 * chance, too.
 */
static uint32_t choose(const cli_tune_cell *cell, uint32_t current, double margin)
{
    uint32_t best = 0;
    for (uint32_t c = 1; c < cell->candidates; c++)
        if (!harms(cell, c, margin) && cli_tune_score(cell, c) < cli_tune_score(cell, best))
            best = c;
    if (harms(cell, current, margin))
        current = 0;
    return cli_tune_score(cell, best) < cli_tune_score(cell, current) * (1 - margin) ? best : current;
}

static void choose_all(cli_tuning *tuning, uint32_t first)
{
    for (uint32_t i = first; i < tuning->cells; i++) {
        cli_tune_cell *cell = &tuning->cell[i];
        cell->chosen = choose(cell, cell->first ? 0 : cell[-1].chosen, tuning->margin);
    }
}

/* ---- The answer ------------------------------------------------------------------------------------------------- */

static void print_head(void)
{
    printf("%-15s %5s %12s   %-20s %10s   %-20s %10s %8s\n", "# operation", "ranks", "bytes", "chosen", "us",
           "next best", "us", "times");
}

/* The best of those that were not chosen; `candidates` if there is none. */
static uint32_t next_best(const cli_tune_cell *cell)
{
    uint32_t next = cell->candidates;
    for (uint32_t c = 0; c < cell->candidates; c++)
        if (c != cell->chosen && (next == cell->candidates || cli_tune_score(cell, c) < cli_tune_score(cell, next)))
            next = c;
    return next;
}

static void print_cells(const cli_tuning *tuning, uint32_t first)
{
    for (uint32_t i = first; i < tuning->cells; i++) {
        const cli_tune_cell *cell = &tuning->cell[i];
        const double us = cli_tune_score(cell, cell->chosen);
        const uint32_t next = next_best(cell);
        printf("%-15s %5u %12" PRIu64 "   %-20s %10.2f", cell->call.operation->name, cell->call.ranks, cell->bytes,
               cell->candidate[cell->chosen].name, us);
        if (next < cell->candidates)
            printf("   %-20s %10.2f %8.2f", cell->candidate[next].name, cli_tune_score(cell, next),
                   cli_tune_score(cell, next) / us);
        putchar('\n');
    }
    fflush(stdout);
}

/* Makes the folders on the way to `path`, as the XDG rules want them. False: errno. */
static bool make_folders(const char *path)
{
    char folder[PATH_BYTES];
    snprintf(folder, sizeof folder, "%s", path);
    for (char *at = folder + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        if (mkdir(folder, 0700) != 0 && errno != EEXIST)
            return false;
        *at = '/';
    }
    return true;
}

/* Writes beside the file and then takes its place: whoever reads it finds the old one or the new one. */
static int write_table(const cli_tuning *tuning, const char *path)
{
    char draft[PATH_BYTES + 8];
    uint32_t rules = 0;
    snprintf(draft, sizeof draft, "%s.XXXXXX", path);
    int file = mkstemp(draft);
    if (file < 0)
        return cli_fail(CLI_FAILED, "cannot write %s: %s", path, strerror(errno));
    const mode_t mask = umask(0);
    umask(mask);
    errno = 0;
    bool good = cli_tune_write(tuning, file) && fchmod(file, 0666 & ~mask) == 0 && fsync(file) == 0;
    good &= close(file) == 0;
    int error = errno;
    if (good && oriel_tuning_check(draft, &rules) != ORIEL_OK) {
        unlink(draft);
        return cli_fail(CLI_FAILED, "what was written is no table: %s", oriel_last_error());
    }
    if (good && rename(draft, path) == 0) {
        printf("wrote %s: %u rule%s\n", path, rules, rules == 1 ? "" : "s");
        return CLI_RIGHT;
    }
    error = good ? errno : error;
    unlink(draft);
    return cli_fail(CLI_FAILED, "cannot write %s: %s", path, error ? strerror(error) : "it was not taken");
}

/* Where the table goes; before it is measured, since that takes its time. Returns an exit code. */
static int find_output(const arguments *args, char path[PATH_BYTES])
{
    if (args->output && (size_t)snprintf(path, PATH_BYTES, "%s", args->output) >= PATH_BYTES)
        return cli_fail(CLI_BAD_USAGE, "the path of --output is too long");
    if (!args->output && oriel_tuning_home(path, PATH_BYTES) != ORIEL_OK)
        return cli_fail(CLI_BAD_USAGE, "%s", oriel_last_error());
    if (!path[0])
        return cli_fail(CLI_BAD_USAGE, "neither HOME nor XDG_CONFIG_HOME says where the table belongs: --output FILE");
    if (!args->output && !make_folders(path))
        return cli_fail(CLI_FAILED, "cannot make the folder of %s: %s", path, strerror(errno));
    char folder[PATH_BYTES];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    if (access(slash ? folder : ".", W_OK) != 0)
        return cli_fail(CLI_FAILED, "cannot write %s: %s", path, strerror(errno));
    return CLI_RIGHT;
}

/* All ranks, one number of them after the other. */
static int measure_all(cli_tuning *tuning, const arguments *args, const bench_operations_typed *operations)
{
    print_head();
    fflush(stdout);
    for (uint32_t r = 0; r < args->ranks; r++) {
        const uint32_t first = tuning->cells;
        for (uint32_t i = 0; i < operations->count; i++)
            plan_operation(tuning, args, operations->operation[i], (uint32_t)args->rank[r]);
        const int code = cli_tune_measure(tuning, first, tuning->cells - first);
        if (code != CLI_RIGHT)
            return code;
        choose_all(tuning, first);
        print_cells(tuning, first);
    }
    return CLI_RIGHT;
}

static int tune(arguments *args)
{
    char path[PATH_BYTES];
    bench_operations_typed operations = {.count = 0};
    oriel_host_info host;
    oriel_host_describe(&host);
    if (!take_operations(args->operation_list, &operations))
        return CLI_BAD_USAGE;
    if (args->ranks == 0)
        find_ranks(args, host.usable);
    for (uint32_t r = 0; r < args->ranks; r++)
        if (!bench_check_memory(args->max, 4, "four", args->rank[r])) /* two of each kind */
            return CLI_BAD_USAGE;
    int code = args->dry_run ? CLI_RIGHT : find_output(args, path);
    if (code != CLI_RIGHT)
        return code;
    cli_tuning tuning = {.processors = host.usable,
                         .rounds = args->quick ? QUICK_ROUNDS : ROUNDS,
                         .sample_us = args->quick ? QUICK_SAMPLE_US : SAMPLE_US,
                         .margin = (double)args->margin / 100,
                         .timeout_s = args->timeout_s,
                         .cell = calloc((size_t)args->ranks * operations.count * CLI_TUNE_SIZES, sizeof *tuning.cell)};
    if (!tuning.cell)
        return cli_fail(CLI_FAILED, "no memory for what is measured");
    code = measure_all(&tuning, args, &operations);
    if (code == CLI_RIGHT && args->dry_run)
        puts("nothing was written: --dry-run");
    else if (code == CLI_RIGHT)
        code = write_table(&tuning, path);
    free(tuning.cell);
    return code;
}

int cli_tune(int argc, char **argv)
{
    arguments args = {.operation_list = "all", .min = 8, .max = UINT64_C(4) << 20, .margin = 10};
    if (!parse(argc, argv, &args))
        return CLI_BAD_USAGE;
    if (args.help) {
        fputs(help, stdout);
        return CLI_RIGHT;
    }
    return tune(&args);
}
