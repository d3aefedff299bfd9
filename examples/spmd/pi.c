/* SPDX-License-Identifier: Apache-2.0 */
/* pi, as the area under 4 / (1 + x^2) from 0 to 1: each rank takes its share of the strips, and all add up. */
#include <oriel/comm.h>

#include <stdio.h>

#define STRIPS 10000000

static oriel_status work(oriel_comm *comm)
{
    const uint32_t rank = oriel_comm_rank(comm), ranks = oriel_comm_size(comm);
    double width = 1.0 / STRIPS, sum = 0;
    for (long strip = rank; strip < STRIPS; strip += ranks) {
        double x = (strip + 0.5) * width;
        sum += 4 / (1 + x * x) * width;
    }
    float part = (float)sum, pi;
    oriel_status status = oriel_allreduce(&part, &pi, 1, PTO_F32, PTO_SUM, comm);
    if (status == ORIEL_OK && rank == 0)
        printf("pi is about %.4f (%u ranks)\n", pi, ranks);
    return status;
}

int main(void)
{
    oriel_comm *comm;
    if (oriel_comm_create(NULL, NULL, &comm) || work(comm) || oriel_comm_free(comm)) {
        fprintf(stderr, "%s\n", oriel_last_error());
        return 1;
    }
    return 0;
}
