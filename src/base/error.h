/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a function inside Oriel fails: whoever decides that something is an error writes the message, once, with the
 * values, and returns the status; callers pass the status on and add nothing.
 *
 *      return oriel_fail(ORIEL_INVALID, "device %d is given twice", device);
 *
 * The message is the calling thread's (oriel_last_error). A coroutine shares its thread's message: take a copy before
 * yielding (oriel_error_copy).
 */
#ifndef ORIEL_BASE_ERROR_H
#define ORIEL_BASE_ERROR_H

#include <stddef.h>

#include "oriel/status.h"

#define ORIEL_ERROR_BYTES 1024

/* Sets the thread's message and returns `status`. */
oriel_status oriel_fail(oriel_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with the text of `errno` after it: "cannot map 4096 B: Cannot allocate memory". ORIEL_SYSTEM, mostly. */
oriel_status oriel_fail_errno(oriel_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Forgets the thread's message: before a user's function is called, whose own message is wanted and no older one. */
void oriel_error_clear(void);

/* Copies the thread's message, cut to `bytes`. */
void oriel_error_copy(char *into, size_t bytes);

#endif
