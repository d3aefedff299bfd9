/* SPDX-License-Identifier: Apache-2.0 */
#include "collectives/kernels.h"
#include "launch/builtin.h"
#include "launch/expect.h"

/* out[r C + i] of the root = in[i] of rank r. */
static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)buffer;
    if (rank != ORIEL_LAUNCH_ROOT)
        return oriel_expect_anything;
    return (oriel_expected){oriel_input(inputs, (uint32_t)(i / job->count), "in", i % job->count), 0};
}

static const oriel_launch_buffer buffers[] =
    ORIEL_COLLECTIVE_BUFFERS(oriel_count_one, oriel_count_all, oriel_count_two);

const oriel_launch oriel_launch_gather =
    ORIEL_COLLECTIVE(gather, 64, buffers, expect, "rank 0 gets the data of all, in the order of the ranks",
                     .scalars = oriel_scalars_root);
