/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[ORIEL_ERROR_BYTES];

const char *oriel_last_error(void)
{
    return message;
}

/* Formats into a buffer of its own first: an argument may be the old message. */
static void set_message(const char *format, va_list values)
{
    char text[ORIEL_ERROR_BYTES];
    vsnprintf(text, sizeof text, format, values);
    memcpy(message, text, sizeof message);
}

oriel_status oriel_fail(oriel_status status, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    set_message(format, values);
    va_end(values);
    return status;
}

oriel_status oriel_fail_errno(oriel_status status, const char *format, ...)
{
    int error = errno;
    va_list values;
    va_start(values, format);
    set_message(format, values);
    va_end(values);
    size_t length = strlen(message);
    snprintf(message + length, sizeof message - length, ": %s", strerror(error));
    return status;
}

void oriel_error_clear(void)
{
    message[0] = '\0';
}

void oriel_error_copy(char *into, size_t bytes)
{
    snprintf(into, bytes, "%s", message);
}

const char *oriel_status_name(oriel_status status)
{
    static const char *const names[ORIEL_STATUS_COUNT] = {
        [ORIEL_OK] = "ok",
        [ORIEL_INVALID] = "invalid",
        [ORIEL_STATE] = "wrong state",
        [ORIEL_UNAVAILABLE] = "unavailable",
        [ORIEL_NO_MEMORY] = "no memory",
        [ORIEL_SYSTEM] = "system error",
        [ORIEL_TIMEOUT] = "timed out",
        [ORIEL_ABORTED] = "aborted",
        [ORIEL_FAULT] = "fault",
        [ORIEL_RANK_DIED] = "rank died",
        [ORIEL_POISONED] = "poisoned",
        [ORIEL_WRONG] = "wrong result",
    };
    return (unsigned)status < ORIEL_STATUS_COUNT ? names[status] : "unknown status";
}
