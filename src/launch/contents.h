/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the input buffers of a job hold, made once, before anything runs. The references read this copy, not the tensors
 * of the devices, so that a kernel that spoils its input cannot spoil what it is compared with.
 */
#ifndef ORIEL_LAUNCH_CONTENTS_H
#define ORIEL_LAUNCH_CONTENTS_H

#include "oriel/launch.h"

struct oriel_inputs {
    const oriel_launch *launch; /* borrowed, as is the job */
    const oriel_job *job;
    void **data;          /* of buffer b of rank r at r * buffer_count + b; NULL if it is no input */
    oriel_status *status; /* not ORIEL_OK once oriel_input was asked for what there is not; then it has the message */
};

/* `job` is complete (launch/job.h). ORIEL_NO_MEMORY. */
oriel_status oriel_inputs_make(const oriel_launch *launch, const oriel_job *job, oriel_inputs *inputs);
void oriel_inputs_free(oriel_inputs *inputs);

/* The bytes of input `buffer`, an index into the launch's table. */
const void *oriel_inputs_bytes(const oriel_inputs *inputs, uint32_t rank, uint32_t buffer);

/* Writes `value` as an element of type `dtype`; and back. */
void oriel_value_store(pto_dtype dtype, oriel_value value, void *element);
oriel_value oriel_value_load(pto_dtype dtype, const void *element);

#endif
