/* SPDX-License-Identifier: Apache-2.0 */
#include "collectives/kernels.h"
#include "launch/builtin.h"

/* out[r C + i] = in[i] of rank r. */
static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)rank, (void)buffer;
    uint64_t from = i / job->count, at = i % job->count;
    if (job->random)
        return (oriel_expected){oriel_input(inputs, (uint32_t)from, "in", at), 0};
    return (oriel_expected){oriel_value_of(job->dtype, (int64_t)(at + 100 * from)), 0};
}

static const oriel_launch_buffer buffers[] =
    ORIEL_COLLECTIVE_BUFFERS(oriel_count_one, oriel_count_all, oriel_count_two);
static const oriel_launch_buffer wide[] =
    ORIEL_COLLECTIVE_BUFFERS(oriel_count_one, oriel_count_all, oriel_count_two_all);

const oriel_launch oriel_launch_allgather =
    ORIEL_COLLECTIVE(allgather, 64, buffers, expect, "every rank gets the data of all, in the order of the ranks");
const oriel_launch oriel_launch_allgather_ring =
    ORIEL_COLLECTIVE(allgather_ring, 64, wide, expect, "the same, from neighbour to neighbour");
const oriel_launch oriel_launch_allgather_bidirectional_ring =
    ORIEL_COLLECTIVE(allgather_bidirectional_ring, 64, wide, expect, "the same, both ways round at once");
const oriel_launch oriel_launch_allgather_recursive_doubling =
    ORIEL_COLLECTIVE(allgather_recursive_doubling, 64, wide, expect, "the same in log2(n) meetings of pairs");
const oriel_launch oriel_launch_allgather_bruck =
    ORIEL_COLLECTIVE(allgather_bruck, 64, wide, expect, "the same in log2(n) steps, for any number of ranks");
