/* SPDX-License-Identifier: Apache-2.0 */
/* `oriel check`: what its parts share. */
#ifndef ORIEL_CLI_CHECK_H
#define ORIEL_CLI_CHECK_H

#include "cli/cli.h"

typedef enum cli_format { CLI_FOR_PEOPLE, CLI_AS_JSON, CLI_AS_SARIF } cli_format;

/* One check, and what came of it. */
typedef struct cli_checked {
    const oriel_launch *launch;
    const oriel_job *job;
    const oriel_check_options *options;
    const oriel_check_report *report;
    bool colour, verbose;
    const char *launch_path; /* as typed: sources are looked for beside it, too */
} cli_checked;

/* check_human.c */
void cli_check_print(const cli_checked *checked);

/* check_json.c; no_json.c in a build without jansson, where neither is asked for. */
void cli_check_json(const cli_checked *checked);
void cli_check_sarif(const cli_checked *checked);

/* check_prune.c: checks without each statement in turn, in each cell of a grid. Returns the exit code. */
int cli_check_prune(const cli_checked *checked);

#endif
