/* SPDX-License-Identifier: Apache-2.0 */
#include "collectives/kernels.h"
#include "launch/builtin.h"

/* out[r C + i] of rank q = in[q C + i] of rank r. */
static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)buffer;
    uint32_t from = (uint32_t)(i / job->count);
    return (oriel_expected){oriel_input(inputs, from, "in", rank * job->count + i % job->count), 0};
}

static const oriel_launch_buffer buffers[] =
    ORIEL_COLLECTIVE_BUFFERS(oriel_count_all, oriel_count_all, oriel_count_two_all);

const oriel_launch oriel_launch_alltoall =
    ORIEL_COLLECTIVE(alltoall, 64, buffers, expect, "rank r gets chunk r of the data of each");
