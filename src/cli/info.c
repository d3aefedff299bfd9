/* SPDX-License-Identifier: Apache-2.0 */
/* `oriel info`: what this machine and this build have. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/processors.h"

static const char help[] =
    "oriel info            platforms with their limits, processors, algorithms of the library, optional parts\n"
    "oriel info --json     the same as one JSON object\n";

static void print_platforms(void)
{
    puts("platforms");
    oriel_platform_info info;
    for (uint32_t i = 0; oriel_platform_info_at(i, &info); i++) {
        printf("  %-8s  %s\n", info.name, info.summary);
        printf(
            "            %u vector and %u matrix cores a device, UB of %u KiB in units of %u B, %u event ids, up to %u "
            "devices\n",
            info.vector_cores, info.matrix_cores, info.ub_bytes / 1024, info.ub_align, info.event_ids,
            info.max_devices);
        if (oriel_platform_probe(info.name))
            printf("            not here: %s\n", oriel_last_error());
    }
}

static void print_processors(const cli_processors *here)
{
    printf("processors  %u, of which this process may use %u", here->threads, here->usable);
    if (here->from_hwloc)
        printf(" (hwloc: packages %u, cores %u, NUMA nodes %u)", here->packages, here->cores, here->numa_nodes);
    printf("\narithmetic  %s\n", oriel_vector_name());
}

/* How many ranks it is for, where that is not any number, and whether it has an order of its own. */
static void print_limits(const oriel_algorithm_info *its)
{
    const char *order = its->in_rank_order ? "" : ", own order";
    if (its->max_ranks == UINT32_MAX)
        putchar('\n');
    else if (its->min_ranks == its->max_ranks)
        printf(" (%u ranks%s)\n", its->min_ranks, order);
    else
        printf(" (%u to %u ranks%s)\n", its->min_ranks, its->max_ranks, order);
}

static void print_algorithms(void)
{
    puts("algorithms");
    oriel_algorithm_info its;
    const char *last = "";
    for (uint32_t i = 0; oriel_algorithm_info_at(i, &its); i++) {
        printf("  %-15s %-19s %s", strcmp(its.operation, last) == 0 ? "" : its.operation, its.name, its.summary);
        print_limits(&its);
        last = its.operation;
    }
}

/* What would choose among them in a program that starts ranks now. */
static void print_tuning(void)
{
    char path[4096];
    uint32_t rules;
    if (oriel_tuning_find(path, sizeof path) != ORIEL_OK || (path[0] && oriel_tuning_check(path, &rules) != ORIEL_OK))
        printf("tuning      %s\n", oriel_last_error());
    else if (path[0])
        printf("tuning      %s, %u rule%s\n", path, rules, rules == 1 ? "" : "s");
    else
        puts("tuning      no file");
}

static const char *found(bool is_found)
{
    return is_found ? "found" : "not found when this oriel was built";
}

static void print_parts(const cli_processors *here)
{
    printf("hwloc       %s\njansson     %s\n", found(here->from_hwloc), found(cli_has_json()));
}

int cli_info(int argc, char **argv)
{
    enum { HELP = 256, JSON };
    static const struct option options[] = {
        {"help", no_argument, NULL, HELP}, {"json", no_argument, NULL, JSON}, {NULL, 0, NULL, 0}};
    bool json = false;
    opterr = 0;
    for (int answer; (answer = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        switch (answer) {
        case HELP: fputs(help, stdout); return CLI_RIGHT;
        case JSON: json = true; break;
        default: return cli_bad_option(answer, argv, options);
        }
    }
    if (optind < argc)
        return cli_fail(CLI_BAD_USAGE, "info takes no argument, but \"%s\" is one", argv[optind]);
    if (json && !cli_has_json())
        return cli_no_json("--json");

    cli_processors here = cli_processors_here();
    if (json) {
        cli_json_info(&here);
        return CLI_RIGHT;
    }
    printf("oriel %s\n", oriel_version());
    print_platforms();
    print_processors(&here);
    print_algorithms();
    print_tuning();
    print_parts(&here);
    return CLI_RIGHT;
}
