/* SPDX-License-Identifier: Apache-2.0 */
/* `oriel info`: what this machine and this build have. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"

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
        printf("            of a matrix core: L1 of %u KiB, L0A of %u KiB, L0B of %u KiB, L0C of %u KiB\n",
               info.l1_bytes / 1024, info.l0a_bytes / 1024, info.l0b_bytes / 1024, info.l0c_bytes / 1024);
        if (oriel_platform_probe(info.name))
            printf("            not here: %s\n", oriel_last_error());
    }
}

static void print_cache(const char *before, const char *name, uint64_t bytes, uint32_t sharers)
{
    printf("%s%s of %llu KiB for %u processor%s", before, name, (unsigned long long)bytes / 1024, sharers,
           sharers == 1 ? "" : "s");
}

static void print_processors(const oriel_host_info *host)
{
    printf("processors  %u, of which this process may use %u", host->processors, host->usable);
    if (host->from_hwloc)
        printf(" (hwloc: packages %u, cores %u, NUMA nodes %u)", host->packages, host->cores, host->numa_nodes);
    if (host->l2_bytes)
        print_cache("\ncaches      ", "L2", host->l2_bytes, host->l2_sharers);
    if (host->l3_bytes)
        print_cache(host->l2_bytes ? ", " : "\ncaches      ", "L3", host->l3_bytes, host->l3_sharers);
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

static void print_parts(const oriel_host_info *host)
{
    printf("hwloc       %s\njansson     %s\n", found(host->from_hwloc), found(cli_has_json()));
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

    oriel_host_info host;
    oriel_host_describe(&host);
    if (json) {
        cli_json_info(&host);
        return CLI_RIGHT;
    }
    printf("oriel %s\n", oriel_version());
    print_platforms();
    print_processors(&host);
    print_algorithms();
    print_tuning();
    print_parts(&host);
    return CLI_RIGHT;
}
