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
    oriel_image made = {.inputs = inputs,
                        .rank = rank,
                        .buffer = buffer,
                        .dtype = oriel_buffer_dtype(description, inputs->job),
                        .count = description->count(inputs->job),
                        .anything = true};
    uint32_t bytes = pto_dtype_bytes(made.dtype);
    made.bytes = malloc(made.count * bytes);
    if (!made.bytes)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for the %llu expected elements of %s on rank %u",
                          (unsigned long long)made.count, description->name, rank);
    for (uint64_t i = 0; i < made.count && !*inputs->status; i++) {
        oriel_expected expected = expect(&made, i);
        made.anything &= isinf(expected.tolerance) != 0;
        oriel_value_store(made.dtype, expected.value, made.bytes + i * bytes);
    }
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

/* As unwritten UB is, under the checker. */
static void poison_element(pto_dtype dtype, bool other, char *to)
{
    static const uint32_t f32 = 0x7fa57fa5;
    static const uint16_t f16 = 0x7da5, bf16 = 0x7fa5;
    uint32_t bytes = pto_dtype_bytes(dtype);
    memset(to, other ? 0x5a : 0xa5, bytes);
    if (pto_dtype_is_float(dtype) && !other)
        memcpy(to, dtype == PTO_F32 ? (const void *)&f32 : dtype == PTO_F16 ? &f16 : &bf16, bytes);
}

void oriel_image_poison(const oriel_image *image, void *out)
{
    uint32_t bytes = pto_dtype_bytes(image->dtype);
    for (uint64_t i = 0; i < image->count; i++) {
        char *to = (char *)out + i * bytes;
        const char *expected = image->bytes + i * bytes;
        poison_element(image->dtype, false, to);
        if (memcmp(to, expected, bytes) == 0 ||
            (pto_dtype_is_float(image->dtype) && isnan(oriel_element_f64(image->dtype, expected))))
            poison_element(image->dtype, true, to);
    }
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

/* Whether an element whose bytes are not the expected ones is right all the same. */
static bool is_near(const oriel_image *image, uint64_t i, const char *got, const char *expected)
{
    pto_dtype dtype = image->dtype;
    oriel_expected wanted = expect(image, i);
    if (isinf(wanted.tolerance))
        return true;
    return pto_dtype_is_float(dtype) &&
           right(dtype, oriel_element_f64(dtype, got), oriel_element_f64(dtype, expected), wanted);
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

/* An infinity that is right counts as no error, nor does what may be anything. */
static void compare_element(const oriel_image *image, uint32_t call, uint64_t i, const char *got_bytes,
                            const char *right_bytes, oriel_rank_report *report)
{
    double error = distance(image->dtype, got_bytes, right_bytes);
    bool is_right = is_near(image, i, got_bytes, right_bytes);
    bool anything = is_right && (isinf(error) || isinf(expect(image, i).tolerance));
    if (error > report->max_error && !anything)
        report->max_error = error;
    if (is_right)
        return;
    if (report->wrong++ == 0) {
        report->first_wrong = i;
        report->got = oriel_element_f64(image->dtype, got_bytes);
        report->expected = oriel_element_f64(image->dtype, right_bytes);
        report->buffer = image->inputs->launch->buffers[image->buffer].name;
        report->call = call;
    }
}

bool oriel_image_is_wrong(const oriel_image *image, const void *out, uint64_t *first)
{
    uint32_t bytes = pto_dtype_bytes(image->dtype);
    if (image->anything || memcmp(out, image->bytes, image->count * bytes) == 0)
        return false;
    for (uint64_t i = 0; i < image->count; i++) {
        const char *got = (const char *)out + i * bytes, *expected = image->bytes + i * bytes;
        if (memcmp(got, expected, bytes) != 0 && !is_near(image, i, got, expected)) {
            *first = i;
            return true;
        }
    }
    return false;
}

void oriel_image_compare(const oriel_image *image, uint32_t call, const void *out, oriel_rank_report *report)
{
    uint32_t bytes = pto_dtype_bytes(image->dtype);
    if (image->anything || memcmp(out, image->bytes, image->count * bytes) == 0)
        return;
    for (uint64_t i = 0; i < image->count; i++) {
        const char *got = (const char *)out + i * bytes, *expected = image->bytes + i * bytes;
        if (memcmp(got, expected, bytes) != 0)
            compare_element(image, call, i, got, expected, report);
    }
}
