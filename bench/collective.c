/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One warm collective inside one run, by count and ranks, next to a memcpy of the bytes that it must move.
 *
 * The collective is timed as its caller sees it: from the submission of the group to the end of the wait. The memcpy runs on the
 * same devices, all at once, in the same rounds, between the same tensors and windows, without waiting for anybody; its time
 * is the slowest device's, without any dispatch. A byte read and a byte written count as one byte copied:
 *
 *      all-gather       C staged, n C gathered                      C + n C
 *      reduce-scatter   n C staged, n C read and C written          n C + (n + 1) C / 2
 *      all-reduce       C staged, n C read and C written            C + (n + 1) C / 2
 */
#include "bench.h"

#define MAX_RANKS 4

/* Before it is timed: the scheduler moves the threads of a new worker about for some milliseconds. */
#define WARM_S 0.03
/* Short ones are timed so many times more often. */
#define OFTEN       16
#define OFTEN_BYTES (UINT64_C(1) << 20)

enum { ALLGATHER, REDUCE_SCATTER, ALLREDUCE, COLLECTIVES };
static const char *const names[COLLECTIVES] = {"allgather", "reduce_scatter", "allreduce"};

typedef struct bench_cell {
    int collective;
    const oriel_launch *launch;
    oriel_job job;
    oriel_callable_id kernel, copy;
    oriel_args collective_args[MAX_RANKS], floor[MAX_RANKS];
    oriel_tensor spent; /* nanoseconds of each device's memcpy */
    int rounds;
    double *collective_us, *floor_us;
} bench_cell;

/*
 * On a device: the copies of one rank, and how long they took. Tensors: input, output, time, then scratch of the rank itself and
 * of the others, beginning with the right neighbour; the last is its own again. Scalars: bytes to stage; where the chunk
 * that is read lies in each scratch, its bytes, how many bytes to read in all.
 */
static oriel_status copy_on_device(oriel_orch *orch, const oriel_args *args)
{
    (void)orch;
    const uint64_t staged = args->scalar[0], from = args->scalar[1], chunk = args->scalar[2];
    const uint64_t room = args->tensor[1].shape[0] * pto_dtype_bytes(args->tensor[1].dtype);
    char *out = args->tensor[1].data;
    int64_t start = oriel_now();
    memcpy(args->tensor[3].data, args->tensor[0].data, staged);
    uint64_t left = args->scalar[3];
    for (uint32_t i = 4; left > 0; i++) {
        uint64_t bytes = left < chunk ? left : chunk;
        memcpy(out + (i - 4) * chunk % room, (char *)args->tensor[i].data + from, bytes);
        left -= bytes;
    }
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

/* What the copies of one rank are: see copy_on_device. */
static void add_copies(bench_cell *cell, oriel_domain *domain, uint32_t rank)
{
    oriel_args *args = &cell->floor[rank];
    const uint32_t ranks = cell->job.ranks;
    const int64_t bytes = (int64_t)(cell->job.count * pto_dtype_bytes(cell->job.dtype));
    for (uint32_t step = 0; step <= ranks; step++) {
        oriel_tensor scratch;
        bench_must(oriel_domain_buffer(domain, (rank + step) % ranks, "scratch", &scratch), "scratch");
        bench_must(oriel_args_tensor(args, scratch, ORIEL_NO_DEP), "scratch argument");
    }
    const int64_t staged[] = {bytes, ranks * bytes, bytes};
    const int64_t from[] = {0, rank * bytes, 0};
    const int64_t read[] = {ranks * bytes, (ranks + 1) * bytes / 2, (ranks + 1) * bytes / 2};
    bench_must(oriel_args_i64(args, staged[cell->collective]), "scalar");
    bench_must(oriel_args_i64(args, from[cell->collective]), "scalar");
    bench_must(oriel_args_i64(args, bytes), "scalar");
    bench_must(oriel_args_i64(args, read[cell->collective]), "scalar");
}

static pto_dtype dtype_of(const bench_cell *cell, const oriel_launch_buffer *buffer)
{
    return buffer->dtype == ORIEL_DTYPE_OF_JOB ? cell->job.dtype : buffer->dtype;
}

static oriel_domain *allocate(oriel_orch *orch, const bench_cell *cell)
{
    oriel_buffer windows[8];
    uint32_t window_count = 0;
    for (uint32_t i = 0; i < cell->launch->buffer_count; i++) {
        const oriel_launch_buffer *buffer = &cell->launch->buffers[i];
        if (buffer->role == ORIEL_ROLE_WINDOW)
            windows[window_count++] = (oriel_buffer){buffer->name, dtype_of(cell, buffer), buffer->count(&cell->job)};
    }
    oriel_domain *domain;
    bench_must(oriel_allocate_domain(orch, "bench", NULL, cell->job.ranks, 0, windows, window_count, &domain),
               "domain");
    return domain;
}

static void time_both(oriel_orch *orch, bench_cell *cell, double *collective_us, double *floor_us)
{
    *collective_us = time_group(orch, cell->kernel, cell->collective_args, cell->job.ranks);
    time_group(orch, cell->copy, cell->floor, cell->job.ranks);
    *floor_us = slowest_copy(cell);
}

static oriel_status measure(oriel_orch *orch, void *user)
{
    bench_cell *cell = user;
    oriel_domain *domain = allocate(orch, cell);
    for (uint32_t rank = 0; rank < cell->job.ranks; rank++) {
        oriel_args *args = &cell->collective_args[rank];
        bench_must(oriel_args_comm(args, domain), "domain argument");
        if (cell->launch->scalars)
            bench_must(cell->launch->scalars(&cell->job, rank, args), "scalars");
        add_copies(cell, domain, rank);
    }
    double unused;
    for (const int64_t warm = oriel_deadline(WARM_S); !oriel_passed(warm);)
        time_both(orch, cell, &unused, &unused);
    for (int round = 0; round < cell->rounds; round++)
        time_both(orch, cell, &cell->collective_us[round], &cell->floor_us[round]);
    return ORIEL_OK;
}

/* The tensors of both groups, in memory that the devices share. */
static void prepare(oriel_worker *worker, bench_cell *cell)
{
    bench_must(oriel_worker_alloc(worker, PTO_I64, 8 * MAX_RANKS, &cell->spent), "memory");
    for (uint32_t rank = 0; rank < cell->job.ranks; rank++) {
        cell->collective_args[rank] = (oriel_args)ORIEL_ARGS_INIT;
        cell->floor[rank] = (oriel_args)ORIEL_ARGS_INIT;
        for (uint32_t i = 0; i < cell->launch->buffer_count; i++) {
            const oriel_launch_buffer *buffer = &cell->launch->buffers[i];
            if (buffer->role == ORIEL_ROLE_WINDOW)
                continue;
            oriel_tag tag = buffer->role == ORIEL_ROLE_INPUT ? ORIEL_INPUT : ORIEL_OUTPUT_EXISTING;
            oriel_tensor tensor;
            bench_must(oriel_worker_alloc(worker, dtype_of(cell, buffer), buffer->count(&cell->job), &tensor),
                       "memory");
            bench_must(oriel_args_tensor(&cell->collective_args[rank], tensor, tag), "tensor argument");
            bench_must(oriel_args_tensor(&cell->floor[rank], tensor, tag), "tensor argument");
        }
        int64_t *spent = (int64_t *)cell->spent.data + rank * 8;
        bench_must(oriel_args_tensor(&cell->floor[rank], oriel_tensor_1d(spent, PTO_I64, 1), ORIEL_OUTPUT_EXISTING),
                   "tensor argument");
    }
}

static void run_cell(bench_cell *cell, const bench_options *options, FILE *json, const char *separator)
{
    const int devices[MAX_RANKS] = {0, 1, 2, 3};
    uint64_t bytes = cell->job.count * pto_dtype_bytes(cell->job.dtype);
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
    prepare(worker, cell);
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
                bench_cell cell = {.collective = collective, .launch = oriel_launch_find(names[collective])};
                bench_options often = options;
                if (count * sizeof(float) <= OFTEN_BYTES)
                    often.rounds *= OFTEN;
                cell.job =
                    (oriel_job){.platform = "a2a3sim", .ranks = ranks, .count = count, .dtype = PTO_F32, .repeat = 1};
                run_cell(&cell, &often, json, separator);
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
