/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One warm collective inside one run, by count and ranks, next to a memcpy of the bytes that it must move.
 *
 * The collective is timed as its caller sees it: from the submission of the group to the end of the wait. The memcpy runs on the same
 * devices, all at once, in the same rounds; its time is the slowest device's, without any dispatch. Its bytes are what the algorithm moves,
 * a byte read and a byte written counting as one byte copied:
 *
 *      all-gather       C staged, n C gathered                                C (1 + n)
 *      reduce-scatter   n C staged, n C read and C written                    C n + C (n + 1) / 2
 *      all-reduce       C staged, n C read and C written                      C + C (n + 1) / 2
 */
#include "bench.h"

#define MAX_RANKS 4

enum { ALLGATHER, REDUCE_SCATTER, ALLREDUCE, COLLECTIVES };
static const char *const names[COLLECTIVES] = {"allgather", "reduce_scatter", "allreduce"};

typedef struct bench_cell {
    const oriel_launch *launch;
    oriel_job job;
    oriel_callable_id kernel, copy;
    oriel_args collective[MAX_RANKS], floor[MAX_RANKS];
    oriel_tensor spent; /* nanoseconds of each device's memcpy */
    int rounds;
    double *collective_us, *floor_us;
} bench_cell;

static double bytes_moved(int collective, double bytes, double ranks)
{
    switch (collective) {
    case ALLGATHER: return bytes * (1 + ranks);
    case REDUCE_SCATTER: return bytes * ranks + bytes * (ranks + 1) / 2;
    default: return bytes + bytes * (ranks + 1) / 2;
    }
}

/* On a device: copies and tells how long it took. Arguments: source, destination, time. */
static oriel_status copy_on_device(oriel_orch *orch, const oriel_args *args)
{
    (void)orch;
    size_t bytes = args->tensor[0].shape[0];
    int64_t start = oriel_now();
    memcpy(args->tensor[1].data, args->tensor[0].data, bytes);
    *(int64_t *)args->tensor[2].data = oriel_now() - start;
    return ORIEL_OK;
}

static double time_group(oriel_orch *orch, oriel_callable_id callable, oriel_args *args, uint32_t ranks)
{
    oriel_task task;
    int64_t start = oriel_now();
    bench_must(oriel_submit_group(orch, callable, args, NULL, ranks, &task), "submit");
    bench_must(oriel_task_wait(orch, task, -1), "wait");
    return bench_us(start);
}

static double slowest_copy(const bench_cell *cell)
{
    int64_t slowest = 0;
    for (uint32_t rank = 0; rank < cell->job.ranks; rank++) {
        int64_t spent = ((int64_t *)cell->spent.data)[rank * 8];
        slowest = spent > slowest ? spent : slowest;
    }
    return (double)slowest / 1e3;
}

static oriel_status measure(oriel_orch *orch, void *user)
{
    bench_cell *cell = user;
    const oriel_launch *launch = cell->launch;
    oriel_buffer windows[8];
    uint32_t window_count = 0;
    for (uint32_t i = 0; i < launch->buffer_count; i++) {
        const oriel_launch_buffer *buffer = &launch->buffers[i];
        pto_dtype dtype = buffer->dtype == ORIEL_DTYPE_OF_JOB ? cell->job.dtype : buffer->dtype;
        if (buffer->role == ORIEL_ROLE_WINDOW)
            windows[window_count++] = (oriel_buffer){buffer->name, dtype, buffer->count(&cell->job)};
    }
    oriel_domain *domain;
    bench_must(oriel_allocate_domain(orch, "bench", NULL, cell->job.ranks, 0, windows, window_count, &domain),
               "domain");
    for (uint32_t rank = 0; rank < cell->job.ranks; rank++) {
        oriel_args *args = &cell->collective[rank];
        bench_must(oriel_args_comm(args, domain), "domain argument");
        if (launch->scalars)
            bench_must(launch->scalars(&cell->job, rank, args), "scalars");
    }
    const int warm = 3;
    for (int round = -warm; round < cell->rounds; round++) {
        double collective = time_group(orch, cell->kernel, cell->collective, cell->job.ranks);
        time_group(orch, cell->copy, cell->floor, cell->job.ranks);
        if (round < 0)
            continue;
        cell->collective_us[round] = collective;
        cell->floor_us[round] = slowest_copy(cell);
    }
    return ORIEL_OK;
}

static void add_tensor(oriel_worker *worker, oriel_args *args, pto_dtype dtype, uint64_t count, oriel_tag tag)
{
    oriel_tensor tensor;
    bench_must(oriel_worker_alloc(worker, dtype, count, &tensor), "memory");
    memset(tensor.data, 1, count * pto_dtype_bytes(dtype));
    bench_must(oriel_args_tensor(args, tensor, tag), "tensor argument");
}

/* The arguments of both groups, in memory that the devices share. */
static void prepare(oriel_worker *worker, bench_cell *cell, uint64_t copied)
{
    bench_must(oriel_worker_alloc(worker, PTO_I64, 8 * MAX_RANKS, &cell->spent), "memory");
    for (uint32_t rank = 0; rank < cell->job.ranks; rank++) {
        cell->collective[rank] = (oriel_args)ORIEL_ARGS_INIT;
        cell->floor[rank] = (oriel_args)ORIEL_ARGS_INIT;
        for (uint32_t i = 0; i < cell->launch->buffer_count; i++) {
            const oriel_launch_buffer *buffer = &cell->launch->buffers[i];
            pto_dtype dtype = buffer->dtype == ORIEL_DTYPE_OF_JOB ? cell->job.dtype : buffer->dtype;
            if (buffer->role != ORIEL_ROLE_WINDOW)
                add_tensor(worker, &cell->collective[rank], dtype, buffer->count(&cell->job),
                           buffer->role == ORIEL_ROLE_INPUT ? ORIEL_INPUT : ORIEL_OUTPUT_EXISTING);
        }
        add_tensor(worker, &cell->floor[rank], PTO_U8, copied, ORIEL_INPUT);
        add_tensor(worker, &cell->floor[rank], PTO_U8, copied, ORIEL_OUTPUT_EXISTING);
        int64_t *spent = (int64_t *)cell->spent.data + rank * 8;
        bench_must(oriel_args_tensor(&cell->floor[rank], oriel_tensor_1d(spent, PTO_I64, 1), ORIEL_OUTPUT_EXISTING),
                   "tensor argument");
    }
}

static void run_cell(bench_cell *cell, int collective, const bench_options *options, FILE *json, const char *separator)
{
    const int devices[MAX_RANKS] = {0, 1, 2, 3};
    uint64_t bytes = cell->job.count * pto_dtype_bytes(cell->job.dtype);
    uint64_t copied = (uint64_t)bytes_moved(collective, (double)bytes, cell->job.ranks);
    cell->collective_us = bench_times(options);
    cell->floor_us = bench_times(options);
    cell->rounds = options->rounds;
    cell->job.devices = devices;

    oriel_worker *worker;
    bench_must(oriel_worker_create(3, "a2a3sim", devices, cell->job.ranks, NULL, &worker), "worker");
    const oriel_kernel kernel = {cell->launch->name, cell->launch->kernel};
    const oriel_callable callables[] = {
        {.name = cell->launch->name, .kernels = &kernel, .kernel_count = 1, .tensors = -1, .scalars = -1, .comms = -1},
        {.name = "copy",
         .device = copy_on_device,
         .kernels = &kernel,
         .kernel_count = 1,
         .tensors = -1,
         .scalars = -1,
         .comms = -1},
    };
    bench_must(oriel_worker_register(worker, &callables[0], &cell->kernel), "register");
    bench_must(oriel_worker_register(worker, &callables[1], &cell->copy), "register");
    bench_must(oriel_worker_init(worker), "init");
    prepare(worker, cell, copied);
    bench_must(oriel_worker_run(worker, measure, cell, -1), "run");
    oriel_worker_close(worker);

    double us = bench_median(cell->collective_us, cell->rounds), floor = bench_median(cell->floor_us, cell->rounds);
    free(cell->collective_us);
    free(cell->floor_us);
    printf("%-16s%6u%12llu%12.1f%12.1f%10.2f\n", cell->launch->name, cell->job.ranks, (unsigned long long)bytes, us,
           floor, us / floor);
    if (json)
        fprintf(json,
                "%s\n  {\"collective\": \"%s\", \"ranks\": %u, \"bytes_per_rank\": %llu, \"median_us\": %.3f, "
                "\"memcpy_us\": %.3f, \"ratio\": %.3f}",
                separator, cell->launch->name, cell->job.ranks, (unsigned long long)bytes, us, floor, us / floor);
}

int main(int argc, char **argv)
{
    bench_options options = bench_parse(argc, argv);
    FILE *json = bench_json(&options);
    if (json)
        fprintf(json, "[");
    printf("One warm collective through the runtime (f32, processes), next to a memcpy of the bytes it must move\n\n");
    printf("%-16s%6s%12s%12s%12s%10s\n", "collective", "ranks", "bytes/rank", "median us", "memcpy us", "ratio");
    const char *separator = "";
    for (int collective = 0; collective < COLLECTIVES; collective++) {
        for (uint32_t ranks = 2; ranks <= MAX_RANKS; ranks *= 2) {
            for (uint64_t count = 64; count <= UINT64_C(1) << 22; count *= 16) {
                bench_cell cell = {.launch = oriel_launch_find(names[collective])};
                cell.job =
                    (oriel_job){.platform = "a2a3sim", .ranks = ranks, .count = count, .dtype = PTO_F32, .repeat = 1};
                run_cell(&cell, collective, &options, json, separator);
                separator = ",";
            }
        }
    }
    if (json) {
        fprintf(json, "\n]\n");
        fclose(json);
    }
    return 0;
}
