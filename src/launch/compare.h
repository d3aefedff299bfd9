/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The right contents of an output buffer of one rank: rendered once, compared after every call. Where the bytes are the
 * same, which they mostly are, a comparison costs a memcmp; only what differs is asked for its tolerance.
 */
#ifndef ORIEL_LAUNCH_COMPARE_H
#define ORIEL_LAUNCH_COMPARE_H

#include "launch/contents.h"

typedef struct oriel_image {
    const oriel_inputs *inputs; /* borrowed; has the launch and the job */
    uint32_t rank, buffer;      /* buffer: index into the launch's table */
    pto_dtype dtype;
    uint64_t count;
    char *bytes;
    bool anything; /* every element may be anything: nobody needs to write, or look at, the output */
} oriel_image;

/* ORIEL_NO_MEMORY; ORIEL_INVALID: the launch asked oriel_input for what there is not. */
oriel_status oriel_image_make(const oriel_inputs *inputs, uint32_t rank, uint32_t buffer, oriel_image *image);
void oriel_image_free(oriel_image *image);

/*
 * Writes what is certainly wrong, the complement of every right byte: what a call does not write cannot pass for its
 * result.
 */
void oriel_image_spoil(const oriel_image *image, void *out);

/*
 * The same with what shows: signalling NaNs in floating-point types, 0xa5 in each byte of integers; something else where
 * such an element would be right.
 */
void oriel_image_poison(const oriel_image *image, void *out);

/* Whether an element of `out` is wrong; sets `first`, the index of the first that is. */
bool oriel_image_is_wrong(const oriel_image *image, const void *out, uint64_t *first);

/* Compares `out` and adds what it finds to the rank's report. */
void oriel_image_compare(const oriel_image *image, uint32_t call, const void *out, oriel_rank_report *report);

#endif
