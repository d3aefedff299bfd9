/* SPDX-License-Identifier: Apache-2.0 */
#include "base/names.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

void oriel_names_add(oriel_names *names, const char *format, ...)
{
    if (names->count++ >= ORIEL_NAMED)
        return;
    char name[ORIEL_NAME_ROOM - 2]; /* a comma and a space */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    names->end += (size_t)snprintf(names->text + names->end, sizeof names->text - names->end, "%s%s",
                                   names->end ? ", " : "", name);
}

const char *oriel_names_text(oriel_names *names)
{
    if (names->count > ORIEL_NAMED)
        snprintf(names->text + names->end, sizeof names->text - names->end, " and %" PRIu32 " more",
                 names->count - ORIEL_NAMED);
    return names->text;
}
