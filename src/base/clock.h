/* SPDX-License-Identifier: Apache-2.0 */
/* Time: monotonic nanoseconds, and deadlines on that clock. */
#ifndef ORIEL_BASE_CLOCK_H
#define ORIEL_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* A deadline that never passes. */
#define ORIEL_NEVER INT64_MAX

/* Nanoseconds of CLOCK_MONOTONIC. Comparable between processes of one host. */
int64_t oriel_now(void);

/* The deadline `seconds` from now: 0 is now (ask once), negative is ORIEL_NEVER; too large saturates to ORIEL_NEVER. */
int64_t oriel_deadline(double seconds);

static inline bool oriel_passed(int64_t deadline)
{
    return deadline != ORIEL_NEVER && oriel_now() >= deadline;
}

#endif
