/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Oriel's driver: ranks as processes, with symmetric buffers beside the ordinary ones; and the memcpy that all is held
 * against.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "oriel/oriel.h"

typedef struct library {
    oriel_comm *comm;
    const float *peer; /* the right neighbour's send window */
} library;

static void must(oriel_status status, const char *what)
{
    if (status == ORIEL_OK)
        return;
    fprintf(stderr, "%s: %s: %s\n", what, oriel_status_name(status), oriel_last_error());
    exit(1);
}

static void call_once(driver *it, const driver_call *call)
{
    const library *own = it->library;
    oriel_comm *comm = own->comm;
    const size_t all = call->all, part = call->part;
    float *send = call->send, *recv = call->recv;
    switch (call->operation) {
    case DRIVER_BARRIER: must(oriel_barrier(comm), "barrier"); return;
    case DRIVER_BROADCAST: must(oriel_broadcast(recv, all, PTO_F32, 0, comm), "broadcast"); return;
    case DRIVER_REDUCE: must(oriel_reduce(send, recv, all, PTO_F32, PTO_SUM, 0, comm), "reduce"); return;
    case DRIVER_ALLREDUCE: must(oriel_allreduce(send, recv, all, PTO_F32, PTO_SUM, comm), "allreduce"); return;
    case DRIVER_REDUCE_SCATTER:
        must(oriel_reduce_scatter(send, recv, part, PTO_F32, PTO_SUM, comm), "reduce_scatter");
        return;
    case DRIVER_ALLGATHER: must(oriel_allgather(send, recv, part, PTO_F32, comm), "allgather"); return;
    case DRIVER_ALLTOALL: must(oriel_alltoall(send, recv, part, PTO_F32, comm), "alltoall"); return;
    case DRIVER_GATHER: must(oriel_gather(send, recv, part, PTO_F32, 0, comm), "gather"); return;
    case DRIVER_SCATTER: must(oriel_scatter(send, recv, part, PTO_F32, 0, comm), "scatter"); return;
    default:
        memcpy(recv, own->peer, call->bytes);
        __asm__ volatile("" ::: "memory"); /* the copies of one loop are all made */
    }
}

static oriel_status rank_main(oriel_comm *comm, void *context)
{
    library own = {.comm = comm};
    driver it = *(const driver *)context;
    it.rank = (int)oriel_comm_rank(comm);
    it.library = &own;
    driver_bind(it.rank);
    void *send, *recv;
    must(oriel_window_alloc(comm, it.most, &send), "window");
    must(oriel_window_alloc(comm, it.most, &recv), "window");
    it.send[DRIVER_SYMMETRIC] = send;
    it.recv[DRIVER_SYMMETRIC] = recv;
    /* A window has the same address in all ranks of a launch. */
    int64_t mine = (int64_t)(uintptr_t)send, *addresses = calloc((size_t)it.ranks, sizeof *addresses);
    if (addresses == NULL)
        return ORIEL_NO_MEMORY;
    must(oriel_allgather(&mine, addresses, 1, PTO_I64, comm), "addresses");
    own.peer = (const float *)(uintptr_t)addresses[(it.rank + 1) % it.ranks];
    free(addresses);
    driver_serve(&it);
    return ORIEL_OK;
}

int main(int argc, char **argv)
{
    driver it = {.call = call_once};
    driver_parse(&it, argc, argv);
    char version[64];
    snprintf(version, sizeof version, "Oriel %s", oriel_version());
    it.version = version;
    /* The driver binds, as it does the peers' ranks; what this host was tuned to is not measured. */
    const oriel_comm_options options = {.bind = ORIEL_BIND_NONE, .deterministic = true};
    must(oriel_comm_launch((uint32_t)it.ranks, rank_main, &it, &options), "launch");
    return 0;
}
