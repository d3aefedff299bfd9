/* SPDX-License-Identifier: Apache-2.0 */
/* `oriel launch`: starts a program several times, each as a rank of one communicator. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/launch.h"

#define MOST_RANKS 4096
#define GRACE_S    2.0

static const char help[] =
    "oriel launch -n RANKS [options] PROGRAM [arguments]\n"
    "\n"
    "  oriel launch -n 4 ./program                   four processes; each makes itself a rank (oriel_comm_create)\n"
    "  oriel launch -n 2 --bind none ./program -v    what follows the program is its own\n"
    "  oriel launch -n 3 --tag-output hostname       a program that knows nothing of Oriel runs three times\n"
    "\n"
    "  -n, --ranks RANKS     how many\n"
    "      --timeout SECONDS deadline of the whole, and of who reads the output; without it there is none\n"
    "      --grace SECONDS   how long the others have to end by themselves when a rank has failed (2); then they are "
    "asked\n"
    "                        to (SIGTERM), and after as long again killed\n"
    "      --bind WHERE      core: each to a core of its own; none: not at all. Without it, ranks of Oriel bind "
    "themselves\n"
    "                        if there is a processor for each, and other programs are left alone\n"
    "      --algorithm NAME  ORIEL_ALGORITHM for the ranks: ring, or allreduce=ring,allgather=bruck (oriel info lists "
    "them)\n"
    "      --deterministic   ORIEL_DETERMINISTIC for the ranks: neither environment nor tuning file chooses "
    "algorithms\n"
    "      --tag-output      each line of output begins with its rank: `[2] `\n"
    "  -h, --help            this text\n"
    "\n"
    "The program finds ORIEL_RANK, ORIEL_RANKS and ORIEL_RENDEZVOUS in its environment. Rank 0 has the standard "
    "input,\n"
    "the others an empty one. SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 are passed on to all. They end "
    "with\n"
    "the launcher, however it ends.\n"
    "\n"
    "Exit codes\n"
    "  0  every program ended with 0\n"
    "  2  bad usage, or the program cannot be run\n"
    "  4  a program ended with another code or by a signal, the deadline passed, or the launcher was interrupted\n";

enum { RANKS = 'n', HELP = 'h', TIMEOUT = 256, GRACE, BIND, ALGORITHM, DETERMINISTIC, TAG };

static const struct option options[] = {
    {"ranks", required_argument, NULL, RANKS},
    {"timeout", required_argument, NULL, TIMEOUT},
    {"grace", required_argument, NULL, GRACE},
    {"bind", required_argument, NULL, BIND},
    {"algorithm", required_argument, NULL, ALGORITHM},
    {"deterministic", no_argument, NULL, DETERMINISTIC},
    {"tag-output", no_argument, NULL, TAG},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

static bool take_bind(const char *text, oriel_bind *bind)
{
    *bind = strcmp(text, "none") == 0 ? ORIEL_BIND_NONE : ORIEL_BIND_CORE;
    if (*bind == ORIEL_BIND_NONE || strcmp(text, "core") == 0)
        return true;
    cli_fail(CLI_BAD_USAGE, "--bind is \"%s\": it must be core or none", text);
    return false;
}

/* False: it was refused, with a message. */
static bool take_option(int option, cli_launch_job *job)
{
    uint64_t number;
    switch (option) {
    case RANKS:
        if (!cli_parse_number("-n", optarg, 1, MOST_RANKS, &number))
            return false;
        job->ranks = (uint32_t)number;
        return true;
    case TIMEOUT: return cli_parse_seconds("--timeout", optarg, &job->timeout_s);
    case GRACE: return cli_parse_seconds("--grace", optarg, &job->grace_s);
    case BIND: return take_bind(optarg, &job->bind);
    case ALGORITHM: job->algorithm = optarg; return true;
    case DETERMINISTIC: job->deterministic = true; return true;
    default: job->tag = true; return true;
    }
}

int cli_launch(int argc, char **argv)
{
    cli_launch_job job = {.grace_s = GRACE_S};
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "+:n:h", options, NULL)) != -1;) {
        if (option == ':' || option == '?')
            return cli_bad_option(option, argv, options);
        if (option == HELP) {
            fputs(help, stdout);
            return CLI_RIGHT;
        }
        if (!take_option(option, &job))
            return CLI_BAD_USAGE;
    }
    if (job.ranks == 0)
        return cli_fail(CLI_BAD_USAGE, "launch needs -n: how many ranks; `oriel launch --help` has examples");
    if (optind == argc)
        return cli_fail(CLI_BAD_USAGE, "launch needs a program; `oriel launch --help` has examples");
    if (job.algorithm && job.deterministic)
        return cli_fail(CLI_BAD_USAGE, "--algorithm and --deterministic are two answers: one at a time");
    job.program = argv + optind;
    return cli_launch_run(&job);
}
