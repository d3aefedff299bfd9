/* SPDX-License-Identifier: Apache-2.0 */
/* What the answers in JSON have in common. */
#ifndef ORIEL_CLI_JSON_PARTS_H
#define ORIEL_CLI_JSON_PARTS_H

#include <jansson.h>

#include "cli/json.h"

/* JSON is UTF-8. A text that is not (the name of somebody's launch) keeps its ASCII, with ? for the rest. */
json_t *cli_json_text(const char *bytes);

/* JSON has no infinity and no NaN: they are null. */
json_t *cli_json_number(double value);

/* The verdict, and what was typed for the job. */
json_t *cli_json_job(const char *verdict, const cli_job *job);

/* Prints `object` on stdout, and frees it. */
void cli_json_print(json_t *object);

#endif
