/* SPDX-License-Identifier: Apache-2.0 */
/* `oriel`: dispatches to the commands. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"

static const char help[] =
    "oriel: symmetric-window collectives on simulated devices of this host\n"
    "\n"
    "  Run a collective on four devices, and compare the result with what it must be:\n"
    "      oriel run allgather -p a2a3sim -d 0-3\n"
    "\n"
    "  Choose devices, elements per rank, their type, the reduction:\n"
    "      oriel run allreduce -p a5sim -d 0,2,5 --count 100000 --dtype f16 --op max\n"
    "\n"
    "  Random data, compared with a double-precision reference; 1000 calls in the same windows:\n"
    "      oriel run reduce_scatter -p a2a3sim -d 0-7 --seed 42 --repeat 1000\n"
    "\n"
    "  A kernel and launch of your own, from a shared object (docs/write-a-kernel.md):\n"
    "      oriel run ./mine.so -p a2a3sim -d 0-3\n"
    "\n"
    "  What silicon would do to a kernel: missing flags, early signals, races, found here:\n"
    "      oriel check allgather -p a2a3sim -d 0-3\n"
    "\n"
    "  Start a program of your own four times, each a rank (oriel/comm.h):\n"
    "      oriel launch -n 4 ./program\n"
    "\n"
    "  How fast the library's collectives are, by size, on four ranks of this host:\n"
    "      oriel bench allreduce -n 4 --min 8 --max 64M --plot allreduce.svg\n"
    "\n"
    "  Which algorithms the library's collectives take on this host, by measuring:\n"
    "      oriel tune\n"
    "\n"
    "  What this machine and this build have:\n"
    "      oriel info\n"
    "\n"
    "  `oriel run --help`, and the same of check, launch, bench, tune and info, tell the rest. `oriel --version` tells "
    "the version.\n";

/* What was typed asks for JSON. Found before the options are parsed, since a mistake may be in one before it. */
static bool json_wanted, sarif_wanted;

static void look_for_json(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "launch") == 0)
        return; /* what follows is another program's */
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *form = strncmp(argv[i], "--format=", 9) == 0 ? argv[i] + 9 : "";
        if (strcmp(argv[i], "--format") == 0 && argv[i + 1])
            form = argv[i + 1];
        json_wanted |= strcmp(argv[i], "--json") == 0 || strcmp(form, "json") == 0;
        sarif_wanted |= strcmp(form, "sarif") == 0;
    }
}

static void answer_failure(oriel_status status, const char *message)
{
    if (json_wanted)
        cli_json_failure(status, message);
    else if (sarif_wanted)
        cli_sarif_failure(message);
}

static void complain(const char *format, va_list values)
{
    fputs("oriel: ", stderr);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
}

int cli_complain(int code, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    complain(format, values);
    va_end(values);
    return code;
}

int cli_fail(int code, const char *format, ...)
{
    va_list values, again;
    va_start(values, format);
    va_copy(again, values);
    complain(format, values);
    char message[2048];
    vsnprintf(message, sizeof message, format, again);
    answer_failure(code == CLI_BAD_USAGE ? ORIEL_INVALID : ORIEL_SYSTEM, message);
    va_end(again);
    va_end(values);
    return code;
}

int cli_exit_code(oriel_status status, bool accepted)
{
    switch (status) {
    case ORIEL_OK: return CLI_RIGHT;
    case ORIEL_WRONG: return CLI_WRONG;
    case ORIEL_INVALID:
    case ORIEL_NO_MEMORY: return accepted ? CLI_FAILED : CLI_BAD_USAGE;
    case ORIEL_UNAVAILABLE: return CLI_NOT_HERE;
    default: return CLI_FAILED;
    }
}

int cli_fail_status(oriel_status status, bool accepted)
{
    int code = cli_complain(cli_exit_code(status, accepted), "%s", oriel_last_error());
    answer_failure(status, oriel_last_error());
    return code;
}

int cli_no_json(const char *option)
{
    return cli_fail(CLI_BAD_USAGE, "%s is not to be had: jansson was not found when this oriel was built", option);
}

/* The exit code, once all that was printed has been taken. That nobody reads it any more (`| head -1`) is no failure. */
static int finish(int code)
{
    errno = 0;
    if ((fflush(stdout) == 0 && !ferror(stdout)) || errno == EPIPE)
        return code;
    cli_complain(CLI_FAILED, "the output could not be written%s%s", errno ? ": " : "", errno ? strerror(errno) : "");
    return code == CLI_RIGHT ? CLI_FAILED : code;
}

static int run_command(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    if (strcmp(command, "run") == 0)
        return cli_run(argc - 1, argv + 1);
    if (strcmp(command, "check") == 0)
        return cli_check(argc - 1, argv + 1);
    if (strcmp(command, "launch") == 0)
        return cli_launch(argc - 1, argv + 1);
    if (strcmp(command, "bench") == 0)
        return cli_bench(argc - 1, argv + 1);
    if (strcmp(command, "tune") == 0)
        return cli_tune(argc - 1, argv + 1);
    if (strcmp(command, "info") == 0)
        return cli_info(argc - 1, argv + 1);
    if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0 || strcmp(command, "help") == 0) {
        fputs(help, stdout);
        return CLI_RIGHT;
    }
    if (strcmp(command, "--version") == 0) {
        printf("oriel %s\n", oriel_version());
        return CLI_RIGHT;
    }
    if (!command[0])
        return cli_fail(CLI_BAD_USAGE,
                        "say what to do: run, check, launch, bench, tune or info; `oriel --help` has examples");
    return cli_fail(CLI_BAD_USAGE,
                    "there is no command \"%s\": run, check, launch, bench, tune, info; `oriel --help` has examples",
                    command);
}

int main(int argc, char **argv)
{
    look_for_json(argc, argv);
    return finish(run_command(argc, argv));
}
