/* SPDX-License-Identifier: Apache-2.0 */
#include "collectives/kernels.h"
#include "launch/builtin.h"
#include "launch/expect.h"

/* out[j] of rank r = the reduction of in[r C + j] over all ranks; for the usual sum n (r C + j) + 100 n (n-1) / 2. */
static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)buffer;
    uint64_t at = rank * job->count + i;
    return oriel_expect_is_closed(job) ? oriel_expect_closed_sum(job, at) : oriel_expect_reduced(job, inputs, "in", at);
}

static const oriel_launch_buffer buffers[] =
    ORIEL_COLLECTIVE_BUFFERS(oriel_count_all, oriel_count_one, oriel_count_two_all);

const oriel_launch oriel_launch_reduce_scatter =
    ORIEL_COLLECTIVE(reduce_scatter, 64, buffers, expect, "rank r gets chunk r of the data of all, reduced",
                     .scalars = oriel_scalars_reduce, .reduces = true);
const oriel_launch oriel_launch_reduce_scatter_ring =
    ORIEL_COLLECTIVE(reduce_scatter_ring, 64, buffers, expect, "the same, from neighbour to neighbour",
                     .scalars = oriel_scalars_reduce, .reduces = true);
const oriel_launch oriel_launch_reduce_scatter_halving =
    ORIEL_COLLECTIVE(reduce_scatter_halving, 64, buffers, expect, "the same in log2(n) meetings of pairs",
                     .scalars = oriel_scalars_reduce, .reduces = true);
