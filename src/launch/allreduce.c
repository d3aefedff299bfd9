/* SPDX-License-Identifier: Apache-2.0 */
#include "collectives/kernels.h"
#include "launch/builtin.h"
#include "launch/expect.h"

/* out[i] = the reduction of in[i] over all ranks; for the usual sum n i + 100 n (n-1) / 2. */
static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)rank, (void)buffer;
    return oriel_expect_is_closed(job) ? oriel_expect_closed_sum(job, i) : oriel_expect_reduced(job, inputs, "in", i);
}

/* A place for my data, and one for what comes of each meeting. */
static uint64_t places(const oriel_job *job)
{
    uint64_t each = 1;
    for (uint32_t ranks = job->ranks; ranks > 1; ranks /= 2)
        each++;
    return 2 * each * job->count;
}

static const oriel_launch_buffer buffers[] =
    ORIEL_COLLECTIVE_BUFFERS(oriel_count_one, oriel_count_one, oriel_count_two);
static const oriel_launch_buffer tall[] = ORIEL_COLLECTIVE_BUFFERS(oriel_count_one, oriel_count_one, places);

const oriel_launch oriel_launch_allreduce =
    ORIEL_COLLECTIVE(allreduce, 64, buffers, expect, "every rank gets the data of all, reduced",
                     .scalars = oriel_scalars_reduce, .reduces = true);
const oriel_launch oriel_launch_allreduce_two_phase = ORIEL_COLLECTIVE(
    allreduce_two_phase, 64, buffers, expect, "the same by a reduce-scatter and an all-gather, two barriers",
    .scalars = oriel_scalars_reduce, .reduces = true);
const oriel_launch oriel_launch_allreduce_ring =
    ORIEL_COLLECTIVE(allreduce_ring, 64, buffers, expect, "the same, from neighbour to neighbour",
                     .scalars = oriel_scalars_reduce, .reduces = true);
const oriel_launch oriel_launch_allreduce_bidirectional_ring =
    ORIEL_COLLECTIVE(allreduce_bidirectional_ring, 64, buffers, expect, "the same, half of the data each way round",
                     .scalars = oriel_scalars_reduce, .reduces = true);
const oriel_launch oriel_launch_allreduce_interleaved_ring = ORIEL_COLLECTIVE(
    allreduce_interleaved_ring, 2, buffers, expect, "the same for two ranks, a tile each way at a time",
    .scalars = oriel_scalars_reduce, .reduces = true);
const oriel_launch oriel_launch_allreduce_recursive_doubling =
    ORIEL_COLLECTIVE(allreduce_recursive_doubling, 64, tall, expect, "the same in log2(n) meetings of pairs",
                     .scalars = oriel_scalars_reduce, .reduces = true);
const oriel_launch oriel_launch_allreduce_halving_doubling = ORIEL_COLLECTIVE(
    allreduce_halving_doubling, 64, buffers, expect, "the same in 2 log2(n) meetings of pairs, of less and less data",
    .scalars = oriel_scalars_reduce, .reduces = true);
