/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that build JSON share. Only in a build with jansson. */
#ifndef ORIEL_CLI_JANSSON_TEXT_H
#define ORIEL_CLI_JANSSON_TEXT_H

#include <jansson.h>

/* JSON is UTF-8. A text that is not (the name of somebody's launch) keeps its ASCII, with ? for the rest. */
json_t *cli_json_text(const char *bytes);
/* Prints an object on stdout, and frees it. */
void cli_json_print(json_t *object);

#endif
