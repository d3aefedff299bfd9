/* SPDX-License-Identifier: Apache-2.0 */
#include "collectives/kernels.h"
#include "launch/builtin.h"

/* out[i] = in[i] of the left neighbour: what the barrier is seen by. */
static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)buffer;
    return (oriel_expected){oriel_input(inputs, (rank + job->ranks - 1) % job->ranks, "in", i), 0};
}

static const oriel_launch_buffer buffers[] =
    ORIEL_COLLECTIVE_BUFFERS(oriel_count_one, oriel_count_one, oriel_count_two);

const oriel_launch oriel_launch_barrier =
    ORIEL_COLLECTIVE(barrier, 64, buffers, expect,
                     "none leaves before all have come; to show it, each gets the data of its left neighbour");
