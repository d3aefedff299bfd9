/* SPDX-License-Identifier: Apache-2.0 */
/* The launch of a kernel that comes to no result. */
#include "launch.h"

static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)job;
    (void)inputs;
    (void)rank;
    (void)buffer;
    return exactly_i((int64_t)i);
}

LAUNCH(PTO_I32, 1, 64, 1);
