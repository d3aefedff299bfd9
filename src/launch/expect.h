/* SPDX-License-Identifier: Apache-2.0 */
/* Right results, and how near a floating-point one must be. See also oriel_expect_reduced (oriel/launch.h). */
#ifndef ORIEL_LAUNCH_EXPECT_H
#define ORIEL_LAUNCH_EXPECT_H

#include "oriel/launch.h"

/* What rounding does in a floating-point type. */
typedef struct oriel_float_format {
    double eps;      /* from 1 to the next number: twice the unit roundoff */
    double tiny;     /* the smallest number above 0 */
    double overflow; /* what is as large, or larger, rounds to infinity */
} oriel_float_format;

const oriel_float_format *oriel_float_format_of(pto_dtype dtype);

/* Of an output that a rank does not get. */
extern const oriel_expected oriel_expect_anything;

/* Whether the inputs are the usual ones, i + 100 r, and are summed: then the result has a closed form. */
bool oriel_expect_is_closed(const oriel_job *job);

/* That closed form: n i + 100 n (n-1) / 2, the sum over n ranks of what element `i` of the input holds. */
oriel_expected oriel_expect_closed_sum(const oriel_job *job, uint64_t i);

#endif
