/* SPDX-License-Identifier: Apache-2.0 */
#include "collectives/kernels.h"
#include "launch/builtin.h"

/* out[i] = in[i] of the root. */
static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)job, (void)rank, (void)buffer;
    return (oriel_expected){oriel_input(inputs, ORIEL_LAUNCH_ROOT, "in", i), 0};
}

static const oriel_launch_buffer buffers[] =
    ORIEL_COLLECTIVE_BUFFERS(oriel_count_one, oriel_count_one, oriel_count_two);

const oriel_launch oriel_launch_broadcast = ORIEL_COLLECTIVE(
    broadcast, 64, buffers, expect, "every rank gets the data of rank 0", .scalars = oriel_scalars_root);
const oriel_launch oriel_launch_broadcast_binomial = ORIEL_COLLECTIVE(
    broadcast_binomial, 64, buffers, expect, "the same down a binomial tree", .scalars = oriel_scalars_root);
