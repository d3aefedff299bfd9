/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench.h"

static oriel_status barrier(const bench_call *it, const void *send, void *recv, oriel_comm *comm)
{
    (void)it, (void)send, (void)recv;
    return oriel_barrier(comm);
}

static oriel_status broadcast(const bench_call *it, const void *send, void *recv, oriel_comm *comm)
{
    (void)send;
    return oriel_broadcast(recv, it->count, it->dtype, it->root, comm);
}

static oriel_status reduce(const bench_call *it, const void *send, void *recv, oriel_comm *comm)
{
    return oriel_reduce(send, recv, it->count, it->dtype, it->reduce, it->root, comm);
}

static oriel_status allreduce(const bench_call *it, const void *send, void *recv, oriel_comm *comm)
{
    return oriel_allreduce(send, recv, it->count, it->dtype, it->reduce, comm);
}

static oriel_status reduce_scatter(const bench_call *it, const void *send, void *recv, oriel_comm *comm)
{
    return oriel_reduce_scatter(send, recv, it->count, it->dtype, it->reduce, comm);
}

static oriel_status allgather(const bench_call *it, const void *send, void *recv, oriel_comm *comm)
{
    return oriel_allgather(send, recv, it->count, it->dtype, comm);
}

static oriel_status alltoall(const bench_call *it, const void *send, void *recv, oriel_comm *comm)
{
    return oriel_alltoall(send, recv, it->count, it->dtype, comm);
}

static oriel_status gather(const bench_call *it, const void *send, void *recv, oriel_comm *comm)
{
    return oriel_gather(send, recv, it->count, it->dtype, it->root, comm);
}

static oriel_status scatter(const bench_call *it, const void *send, void *recv, oriel_comm *comm)
{
    return oriel_scatter(send, recv, it->count, it->dtype, it->root, comm);
}

const bench_operation bench_operations[] = {
    {"barrier", .run = barrier},
    {"broadcast", .moves = true, .rooted = true, .run = broadcast},
    {"reduce", .moves = true, .reduces = true, .rooted = true, .in_place = true, .run = reduce},
    {"allreduce", .moves = true, .reduces = true, .in_place = true, .crossings = 2, .run = allreduce},
    {"reduce_scatter", .moves = true, .reduces = true, .in_place = true, .send_each = true, .crossings = 1,
     .run = reduce_scatter},
    {"allgather", .moves = true, .in_place = true, .recv_each = true, .crossings = 1, .run = allgather},
    {"alltoall", .moves = true, .in_place = true, .send_each = true, .recv_each = true, .crossings = 1,
     .run = alltoall},
    {"gather", .moves = true, .rooted = true, .in_place = true, .recv_each = true, .crossings = 1, .run = gather},
    {"scatter", .moves = true, .rooted = true, .in_place = true, .send_each = true, .crossings = 1, .run = scatter},
};
const uint32_t bench_operation_count = sizeof bench_operations / sizeof bench_operations[0];

static const char *skip_hyphens(const char *text)
{
    while (*text == '-' || *text == '_')
        text++;
    return text;
}

static bool same_name(const char *a, const char *b)
{
    for (a = skip_hyphens(a), b = skip_hyphens(b); *a && *a == *b;)
        a = skip_hyphens(a + 1), b = skip_hyphens(b + 1);
    return *a == *b;
}

const bench_operation *bench_operation_find(const char *name)
{
    for (uint32_t i = 0; i < bench_operation_count; i++)
        if (same_name(name, bench_operations[i].name))
            return &bench_operations[i];
    return NULL;
}

/* Bytes of one element of each block of the larger buffer. */
static uint64_t bytes_of_one(const bench_call *call)
{
    const bool each = call->operation->send_each || call->operation->recv_each;
    return (uint64_t)pto_dtype_bytes(call->dtype) * (each ? call->ranks : 1);
}

uint64_t bench_bytes(const bench_call *call)
{
    return call->operation->moves ? call->count * bytes_of_one(call) : 0;
}

uint64_t bench_count(const bench_call *call, uint64_t bytes)
{
    const uint64_t count = bytes / bytes_of_one(call);
    return count ? count : 1;
}

double bench_bus_factor(const bench_call *call)
{
    const uint32_t crossings = call->operation->crossings;
    return crossings ? (double)crossings * (call->ranks - 1) / call->ranks : 1;
}
