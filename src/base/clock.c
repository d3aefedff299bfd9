/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <time.h>

int64_t oriel_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t oriel_deadline(double seconds)
{
    if (seconds < 0)
        return ORIEL_NEVER;
    int64_t now = oriel_now();
    double nanoseconds = seconds * 1e9;
    /* Written so that NaN and whatever does not fit end on the same side. */
    if (!(nanoseconds < (double)(ORIEL_NEVER - now)))
        return ORIEL_NEVER;
    return now + (int64_t)nanoseconds;
}
