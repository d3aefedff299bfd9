/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answers of the commands as one JSON object each, on stdout. json.c has them where jansson was found, no_json.c
 * where it was not.
 */
#ifndef ORIEL_CLI_JSON_H
#define ORIEL_CLI_JSON_H

#include "cli/job.h"

bool cli_has_json(void);

/* `report` is looked at for ORIEL_OK and ORIEL_WRONG; `message` is that of the status. */
void cli_json_run(const cli_job *job, oriel_status status, const char *message, const oriel_report *report);

/* For a command that came to no answer of its own: verdict, status and message, as of a run that failed. */
void cli_json_failure(oriel_status status, const char *message);

/* The same as a SARIF log with no result. */
void cli_sarif_failure(const char *message);

void cli_json_info(const oriel_host_info *host);

#endif
