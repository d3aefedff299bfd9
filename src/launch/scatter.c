/* SPDX-License-Identifier: Apache-2.0 */
#include "collectives/kernels.h"
#include "launch/builtin.h"

/* out[i] of rank r = in[r C + i] of the root. */
static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)buffer;
    return (oriel_expected){oriel_input(inputs, ORIEL_LAUNCH_ROOT, "in", rank * job->count + i), 0};
}

static const oriel_launch_buffer buffers[] =
    ORIEL_COLLECTIVE_BUFFERS(oriel_count_all, oriel_count_one, oriel_count_two);

const oriel_launch oriel_launch_scatter = ORIEL_COLLECTIVE(
    scatter, 64, buffers, expect, "rank r gets chunk r of the data of rank 0", .scalars = oriel_scalars_root);
