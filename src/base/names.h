/* SPDX-License-Identifier: Apache-2.0 */
/* Names for a message, of which there may be many: "rank 1, rank 4 and 7 more". */
#ifndef ORIEL_BASE_NAMES_H
#define ORIEL_BASE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#define ORIEL_NAMED     8  /* so many are in the text */
#define ORIEL_NAME_ROOM 64 /* for each, and what is between them; a longer one is cut */

/* All zero: none. */
typedef struct oriel_names {
    uint32_t count; /* also of those that are not in the text */
    size_t end;
    char text[(ORIEL_NAMED + 1) * ORIEL_NAME_ROOM];
} oriel_names;

void oriel_names_add(oriel_names *names, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The text of all, when there are no more to come. */
const char *oriel_names_text(oriel_names *names);

#endif
