/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program for `oriel launch`: makes itself a rank, and does what its argument says.
 *
 *      sum                 an all-reduce of 1 + rank; rank 0 prints it
 *      forever             calls without an end; prints its process first
 *      exit RANK CODE      that rank leaves with that code, the others call without an end
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "oriel/oriel.h"

static oriel_status call_for_ever(oriel_comm *comm)
{
    for (;;) {
        oriel_status status = oriel_barrier(comm);
        if (status != ORIEL_OK)
            return status;
    }
}

static oriel_status work(oriel_comm *comm, char **words)
{
    const uint32_t rank = oriel_comm_rank(comm);
    if (strcmp(words[0], "sum") == 0) {
        int32_t mine = 1 + (int32_t)rank, sum;
        oriel_status status = oriel_allreduce(&mine, &sum, 1, PTO_I32, PTO_SUM, comm);
        if (status == ORIEL_OK && rank == 0)
            printf("%d\n", sum);
        return status;
    }
    printf("%d\n", (int)getpid());
    fflush(stdout);
    oriel_status status = oriel_barrier(comm);
    if (status == ORIEL_OK && strcmp(words[0], "exit") == 0 && rank == (uint32_t)atoi(words[1]))
        _exit(atoi(words[2]));
    return status == ORIEL_OK ? call_for_ever(comm) : status;
}

int main(int argc, char **argv)
{
    oriel_comm *comm;
    if (argc > 1 && oriel_comm_create(NULL, NULL, &comm) == ORIEL_OK && work(comm, argv + 1) == ORIEL_OK &&
        oriel_comm_free(comm) == ORIEL_OK)
        return 0;
    fprintf(stderr, "%s\n", oriel_last_error());
    return 1;
}
