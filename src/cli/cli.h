/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands share: exit codes, messages, the parsing of option values. */
#ifndef ORIEL_CLI_CLI_H
#define ORIEL_CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>

#include "oriel/oriel.h"

enum {
    CLI_RIGHT = 0,
    CLI_WRONG = 1,     /* a result is not the expected one */
    CLI_BAD_USAGE = 2, /* what was typed cannot be run */
    CLI_NOT_HERE = 3,  /* the platform is not to be had on this machine, or an optional part not in this build */
    CLI_FAILED = 4,    /* a rank failed, a deadline passed, or the output cannot be written */
    CLI_FINDINGS = 5   /* a check found something */
};

/*
 * The command ends without an answer: prints `oriel: ` and the message on stderr and, where JSON was asked for, an object with it
 * on stdout. Returns `code`.
 */
int cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same on stderr only: the answer was printed, or cannot be. */
int cli_complain(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The exit code that a status stands for: of a job that was `accepted`, or else refused. */
int cli_exit_code(oriel_status status, bool accepted);

/* The same, for what the library failed at: its status and message. `accepted`: the job was not refused. */
int cli_fail_status(oriel_status status, bool accepted);

/* Refuses `option`, which asks for JSON, in a build that lacks it. */
int cli_no_json(const char *option);

/* The commands, each in a file of its own. argv[0] is the command's name. They return the exit code. */
int cli_run(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_tune(int argc, char **argv);
int cli_info(int argc, char **argv);
int cli_launch(int argc, char **argv);
int cli_bench(int argc, char **argv);

struct option;

/*
 * Says on stderr what getopt_long, with opterr 0 and an option string that begins with ':', did not like. No option's
 * value in the table is 0.
 */
int cli_bad_option(int answer, char **argv, const struct option *options);

/*
 * Calls take(option, context) for each option of a command line, whose value is in `optarg`. `letters` is as getopt has it, and
 * begins with ':'. False: one was refused, with a message. Else `optind` is at the first word that is no option.
 */
bool cli_take_options(int argc, char **argv, const char *letters, const struct option *options,
                      bool (*take)(int option, void *context), void *context);

/*
 * Each parses the value `text` of an option, or says on stderr what is wrong with it and returns false.
 * `what` names the option in the message.
 */
bool cli_parse_number(const char *what, const char *text, uint64_t least, uint64_t most, uint64_t *number);
/* Whole numbers between commas, at most `room` of them. */
bool cli_parse_list(const char *what, const char *text, uint64_t least, uint64_t most, uint64_t *number, uint32_t room,
                    uint32_t *count);
/* Bytes: 65536, 64K or 64KiB; K, M, G and T are powers of 1024. */
bool cli_parse_size(const char *what, const char *text, uint64_t *bytes);
bool cli_parse_seconds(const char *what, const char *text, double *seconds);
/* The index of `text` among the names that `name` gives to 0 .. count-1; else says which there are, and returns count. */
uint32_t cli_find_name(const char *what, const char *text, const char *(*name)(uint32_t index), uint32_t count);
bool cli_parse_dtype(const char *text, pto_dtype *dtype);
bool cli_parse_reduce(const char *text, pto_reduce *reduce);
bool cli_parse_platform(const char *text, oriel_platform_info *platform);

/*
 * A list of device numbers, `0-3` or `0,2,5` or both mixed: distinct, below `limit`. `*devices` is the caller's to
 * free.
 */
bool cli_parse_devices(const char *text, uint32_t limit, int **devices, uint32_t *count);

#endif
