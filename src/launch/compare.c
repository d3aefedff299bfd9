/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "isa/isa.h"
#include "launch/expect.h"
#include "launch/job.h"

static oriel_expected expect(const oriel_image *image, uint64_t i)
{
    const oriel_launch *launch = image->inputs->launch;
    return launch->expect(image->inputs->job, image->inputs, image->rank, launch->buffers[image->buffer].name, i);
}

oriel_status oriel_image_make(const oriel_inputs *inputs, uint32_t rank, uint32_t buffer, oriel_image *image)
{
    const oriel_launch_buffer *description = &inputs->launch->buffers[buffer];
    oriel_image made = {
        inputs, rank, buffer, oriel_buffer_dtype(description, inputs->job), description->count(inputs->job), NULL};
    uint32_t bytes = pto_dtype_bytes(made.dtype);
    made.bytes = malloc(made.count * bytes);
    if (!made.bytes)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for the %llu expected elements of %s on rank %u",
                          (unsigned long long)made.count, description->name, rank);
    for (uint64_t i = 0; i < made.count && !*inputs->status; i++)
        oriel_value_store(made.dtype, expect(&made, i).value, made.bytes + i * bytes);
    if (*inputs->status) {
        oriel_image_free(&made);
        return *inputs->status;
    }
    *image = made;
    return ORIEL_OK;
}

void oriel_image_free(oriel_image *image)
{
    free(image->bytes);
    image->bytes = NULL;
}

void oriel_image_spoil(const oriel_image *image, void *out)
{
    /* Both are known not to overlap, and the loop becomes one over vectors. */
    char *restrict to = out;
    const char *restrict from = image->bytes;
    uint64_t bytes = image->count * pto_dtype_bytes(image->dtype);
    for (uint64_t i = 0; i < bytes; i++)
        to[i] = (char)~from[i];
}

/* Sums that may round to infinity, by their tolerance, are right as infinity too. */
static bool right(pto_dtype dtype, double got, double rounded, oriel_expected expected)
{
    if (isnan(rounded))
        return isnan(got);
    if (got == rounded)
        return true;
    if (isinf(got))
        return signbit(got) == signbit(expected.value.f) &&
               fabs(expected.value.f) + expected.tolerance >= oriel_float_format_of(dtype)->overflow;
    return fabs(got - expected.value.f) <= expected.tolerance;
}

/* |got - expected| as numbers of the type; infinite if either is not finite. */
static double distance(pto_dtype dtype, const char *got, const char *expected)
{
    if (!pto_dtype_is_float(dtype)) {
        uint64_t a = (uint64_t)oriel_element_i64(dtype, got), b = (uint64_t)oriel_element_i64(dtype, expected);
        return fabs((double)(int64_t)(a - b));
    }
    double a = oriel_element_f64(dtype, got), b = oriel_element_f64(dtype, expected);
    return isfinite(a) && isfinite(b) ? fabs(a - b) : INFINITY;
}

/* An infinity that is right counts as no error. */
static void compare_element(const oriel_image *image, uint32_t call, uint64_t i, const char *got_bytes,
                            const char *right_bytes, oriel_rank_report *report)
{
    double got = oriel_element_f64(image->dtype, got_bytes), rounded = oriel_element_f64(image->dtype, right_bytes);
    double error = distance(image->dtype, got_bytes, right_bytes);
    bool is_right = pto_dtype_is_float(image->dtype) && right(image->dtype, got, rounded, expect(image, i));
    if (error > report->max_error && !(is_right && isinf(error)))
        report->max_error = error;
    if (is_right)
        return;
    if (report->wrong++ == 0) {
        report->first_wrong = i;
        report->got = got;
        report->expected = rounded;
        report->buffer = image->inputs->launch->buffers[image->buffer].name;
        report->call = call;
    }
}

void oriel_image_compare(const oriel_image *image, uint32_t call, const void *out, oriel_rank_report *report)
{
    uint32_t bytes = pto_dtype_bytes(image->dtype);
    if (memcmp(out, image->bytes, image->count * bytes) == 0)
        return;
    for (uint64_t i = 0; i < image->count; i++) {
        const char *got = (const char *)out + i * bytes, *expected = image->bytes + i * bytes;
        if (memcmp(got, expected, bytes) != 0)
            compare_element(image, call, i, got, expected, report);
    }
}
