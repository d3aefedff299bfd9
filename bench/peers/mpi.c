/* SPDX-License-Identifier: Apache-2.0 */
/* MPI's driver: the same source for each MPI, built with the compiler wrapper of each. */
#include <mpi.h>
#include <string.h>

#include "driver.h"

/* MPI's own handler ends the program on an error, with a message. */
static void call_once(driver *it, const driver_call *call)
{
    (void)it;
    const int all = (int)call->all, part = (int)call->part;
    float *send = call->send, *recv = call->recv;
    switch (call->operation) {
    case DRIVER_BARRIER: MPI_Barrier(MPI_COMM_WORLD); return;
    case DRIVER_BROADCAST: MPI_Bcast(recv, all, MPI_FLOAT, 0, MPI_COMM_WORLD); return;
    case DRIVER_REDUCE: MPI_Reduce(send, recv, all, MPI_FLOAT, MPI_SUM, 0, MPI_COMM_WORLD); return;
    case DRIVER_ALLREDUCE: MPI_Allreduce(send, recv, all, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD); return;
    case DRIVER_REDUCE_SCATTER: MPI_Reduce_scatter_block(send, recv, part, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD); return;
    case DRIVER_ALLGATHER: MPI_Allgather(send, part, MPI_FLOAT, recv, part, MPI_FLOAT, MPI_COMM_WORLD); return;
    case DRIVER_ALLTOALL: MPI_Alltoall(send, part, MPI_FLOAT, recv, part, MPI_FLOAT, MPI_COMM_WORLD); return;
    case DRIVER_GATHER: MPI_Gather(send, part, MPI_FLOAT, recv, part, MPI_FLOAT, 0, MPI_COMM_WORLD); return;
    case DRIVER_SCATTER: MPI_Scatter(send, part, MPI_FLOAT, recv, part, MPI_FLOAT, 0, MPI_COMM_WORLD); return;
    default: MPI_Abort(MPI_COMM_WORLD, 2);
    }
}

int main(int argc, char **argv)
{
    char version[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;
    driver it = {.call = call_once, .version = version};
    MPI_Init(&argc, &argv);
    driver_parse(&it, argc, argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &it.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &it.ranks);
    MPI_Get_library_version(version, &length);
    version[strcspn(version, "\n,")] = '\0'; /* MPICH's goes on for pages */
    driver_bind(it.rank);
    driver_serve(&it);
    MPI_Finalize();
    return 0;
}
