/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which job: the launch and the options that say what it is run or checked with, the same for every command that takes one.
 *
 * Order of calls: CLI_JOB_INIT; cli_job_take for each option that getopt_long finds; cli_job_complete; ... cli_job_free.
 */
#ifndef ORIEL_CLI_JOB_H
#define ORIEL_CLI_JOB_H

#include <getopt.h>

#include "cli/cli.h"

#define CLI_JOB_PLATFORMS 8

typedef struct cli_job {
    const char *launch_name; /* as typed */
    char **kernel;           /* launch_name is a kernel in C++: it and more words like it, */
    uint32_t kernels;
    const char *launch_file; /* and the source of its launch: NULL if none was typed */
    const oriel_launch *launch;
    const char *platform_list, *device_list;
    oriel_platform_info platform[CLI_JOB_PLATFORMS]; /* the first is the job's, */
    uint32_t platforms;                              /* and there is one only unless the command takes more */
    bool op_given;
    int *devices; /* job.devices: owned */
    oriel_job job;
} cli_job;

#define CLI_JOB_INIT                                                                                                   \
    {                                                                                                                  \
        .job = {.dtype = PTO_F32, .reduce = PTO_SUM, .repeat = 1 }                                                     \
    }

/* The values of the options in getopt_long's table. A command's own begin with CLI_JOB_OPTIONS_END. */
enum {
    CLI_JOB_PLATFORM = 'p',
    CLI_JOB_DEVICES = 'd',
    CLI_JOB_LAUNCH = 256,
    CLI_JOB_COUNT,
    CLI_JOB_DTYPE,
    CLI_JOB_OP,
    CLI_JOB_SEED,
    CLI_JOB_TIMEOUT,
    CLI_JOB_OPTIONS_END
};

/* What a command puts into its table; the letters are "p:d:". */
/* clang-format off */
#define CLI_JOB_OPTIONS                                        \
    {"platform", required_argument, NULL, CLI_JOB_PLATFORM},   \
    {"devices", required_argument, NULL, CLI_JOB_DEVICES},     \
    {"launch", required_argument, NULL, CLI_JOB_LAUNCH},       \
    {"count", required_argument, NULL, CLI_JOB_COUNT},         \
    {"dtype", required_argument, NULL, CLI_JOB_DTYPE},         \
    {"op", required_argument, NULL, CLI_JOB_OP},               \
    {"seed", required_argument, NULL, CLI_JOB_SEED},           \
    {"timeout", required_argument, NULL, CLI_JOB_TIMEOUT}
/* clang-format on */

/* Their lines of a --help, but for --seed and --timeout, which commands explain in their own words. */
#define CLI_JOB_HELP                                                                                                   \
    "  -p, --platform NAME   a2a3sim, a5sim; a2a3 is the real silicon (oriel info)\n"                                  \
    "  -d, --devices LIST    0-3, or 0,2,5; rank r runs on the r-th of them\n"                                         \
    "      --launch FILE     in C, of a kernel in C++; else the file beside that with .c for .cpp\n"                   \
    "      --count N         elements per rank (1000)\n"                                                               \
    "      --dtype TYPE      f32 f16 bf16 i8 u8 i16 u16 i32 u32 i64 (f32)\n"                                           \
    "      --op OP           sum max min prod and or xor, for launches that reduce (sum)\n"

/* Takes the value `value` of one of the options above. False: refused, with a message. */
bool cli_job_take(cli_job *job, int option, const char *value);

/* Whether a word names a kernel in C++: .cpp, .cc, .cxx. */
bool cli_is_cxx(const char *word);

/* The source of the launch beside a kernel in C++: its name with .c. The caller's to free; NULL: no memory. */
char *cli_launch_beside(const char *kernel);

/* Takes what is left of the command line: the launch, or the sources of a kernel in C++. False: none or too many, with a message; `command` is "run". */
bool cli_job_take_launch(cli_job *job, const char *command, int words, char **word);

/*
 * Finds the platforms (at most `platforms` of them) and the devices, once all was taken. Returns CLI_RIGHT, or an exit code, with
 * a message.
 */
int cli_job_complete_place(cli_job *job, uint32_t platforms);

/* The same, and the launch, which is built if it has to be. */
int cli_job_complete(cli_job *job, uint32_t platforms);

void cli_job_free(cli_job *job);

/* Elements per rank, with the launch's default filled in. */
uint64_t cli_job_count(const cli_job *job);

/* "allreduce sum of 1000 f32 per rank, 4 devices of a2a3sim" on stdout. */
void cli_job_print(const cli_job *job);

#endif
