/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: a domain can be used again, with nothing zeroed in between. 10 000 calls; counts that pass 2^31 and 2^32;
 * ranks that are as late as they like, with no host between their calls, and all algorithms of all-reduce in turn; the
 * three collectives in turn on the same windows.
 */
#include "collectives/kernels.h"
#include "launch/builtin.h"
#include "launch/run.h"
#include "test.h"

#include <sched.h>
#include <unistd.h>

#define COUNT     37
#define MAX_RANKS 8

static const int devices[MAX_RANKS] = {0, 1, 2, 3, 4, 5, 6, 7};

/* ---- Calls inside one launch, by late ranks ---------------------------------------------------------------------- */

/*
 * Now and then a pause, of another length on each rank: a few turns of the scheduler, or much longer than a call takes.
 */
static void be_late(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint32_t dice = (uint32_t)(*random >> 40);
    for (uint32_t turns = dice % 4; turns > 0; turns--)
        sched_yield();
    if (dice % 64 == 0)
        usleep(300);
}

static uint64_t count_wrong(pto_core *core, pto_global out, uint32_t ranks, int64_t call)
{
    uint64_t wrong = 0;
    for (uint64_t i = 0; i < COUNT; i++) {
        pto_addr at = out.addr + i * sizeof(int32_t);
        pto_dcci(core, at);
        int64_t right = (int64_t)ranks * ((int64_t)i + call) + 50 * (int64_t)ranks * (ranks - 1);
        wrong += pto_load_i32(core, at) != right;
    }
    return wrong;
}

static const oriel_launch *const allreduces[] = {
    &oriel_launch_allreduce,
    &oriel_launch_allreduce_ring,
    &oriel_launch_allreduce_recursive_doubling,
    &oriel_launch_allreduce_two_phase,
    &oriel_launch_allreduce_bidirectional_ring,
    &oriel_launch_allreduce_interleaved_ring,
    &oriel_launch_allreduce_halving_doubling,
};
#define ALLREDUCES (sizeof allreduces / sizeof *allreduces)

/* The one of call `call`, in an order that changes. */
static const oriel_launch *allreduce_of(int64_t call, uint32_t ranks)
{
    const oriel_launch *launch = allreduces[(uint64_t)(call + call / 5 * (call / 3)) % ALLREDUCES];
    return ranks <= launch->max_ranks ? launch : &oriel_launch_allreduce;
}

/*
 * Tensors: in, out, wrong (one i64). Scalars: the reduction, the calls, a seed. All-reduces again and again, adding 1
 * to its input after each call, so that a result from another call is a wrong one.
 */
static void late_kernel(pto_core *core)
{
    pto_global in = pto_arg_tensor(core, 0), out = pto_arg_tensor(core, 1), wrong = pto_arg_tensor(core, 2);
    const pto_comm *comm = pto_arg_comm(core, 0);
    uint64_t random = (uint64_t)pto_arg_i64(core, 2) + comm->rank, sum = 0;
    pto_tile tile = pto_tile_1d(core, PTO_I32, 0, COUNT);
    for (int64_t call = 0; call < pto_arg_i64(core, 1); call++) {
        be_late(&random);
        allreduce_of(call, comm->ranks)->kernel(core);
        sum += count_wrong(core, out, comm->ranks, call);
        pto_tload(core, tile, in);
        pto_pipe_barrier(core, PTO_PIPE_ALL);
        pto_tadds(core, tile, tile, 1);
        pto_pipe_barrier(core, PTO_PIPE_ALL);
        pto_tstore(core, in, tile);
        pto_pipe_barrier(core, PTO_PIPE_ALL);
    }
    pto_store_i64(core, wrong.addr, (int64_t)sum);
    pto_dcci(core, wrong.addr);
    pto_dsb(core);
}

typedef struct late_run {
    oriel_callable_id callable;
    uint32_t ranks;
    uint32_t start; /* what all signals say before the first call */
    int64_t calls;
    uint64_t seed;
    int32_t in[MAX_RANKS][COUNT], out[MAX_RANKS][COUNT];
    int64_t wrong[MAX_RANKS];
} late_run;

static oriel_status preset_signals(const oriel_domain *domain, uint32_t ranks, uint32_t start)
{
    for (uint32_t r = 0; r < ranks; r++) {
        oriel_tensor signals;
        oriel_status status = oriel_domain_buffer(domain, r, "signals", &signals);
        if (status)
            return status;
        uint32_t *cells = signals.data, *own = cells + 2 * PTO_LINE_CELLS * ranks;
        for (uint32_t w = 0; w < ranks; w++)
            cells[PTO_LINE_CELLS * w] = cells[PTO_LINE_CELLS * (ranks + w)] = own[1 + w] = start;
        own[0] = start;
    }
    return ORIEL_OK;
}

static oriel_status submit_late(oriel_orch *orch, void *user)
{
    late_run *run = user;
    oriel_buffer windows[] = {{"scratch", PTO_I32, 8 * COUNT}, {"signals", PTO_I32, 3 * PTO_LINE_CELLS * run->ranks}};
    oriel_domain *domain;
    oriel_status status = oriel_allocate_domain(orch, "late", NULL, run->ranks, 0, windows, 2, &domain);
    if (status)
        return status;
    assert_ok(preset_signals(domain, run->ranks, run->start));
    oriel_args args[MAX_RANKS] = {ORIEL_ARGS_INIT};
    for (uint32_t r = 0; r < run->ranks; r++) {
        run->wrong[r] = -1;
        for (int32_t i = 0; i < COUNT; i++)
            run->in[r][i] = i + 100 * (int32_t)r;
        assert_ok(oriel_args_tensor(&args[r], oriel_tensor_1d(run->in[r], PTO_I32, COUNT), ORIEL_INOUT));
        assert_ok(oriel_args_tensor(&args[r], oriel_tensor_1d(run->out[r], PTO_I32, COUNT), ORIEL_OUTPUT_EXISTING));
        assert_ok(oriel_args_tensor(&args[r], oriel_tensor_1d(&run->wrong[r], PTO_I64, 1), ORIEL_OUTPUT_EXISTING));
        assert_ok(oriel_args_i64(&args[r], PTO_SUM));
        assert_ok(oriel_args_i64(&args[r], run->calls));
        assert_ok(oriel_args_i64(&args[r], (int64_t)run->seed));
        assert_ok(oriel_args_comm(&args[r], domain));
    }
    return oriel_submit_group(orch, run->callable, args, NULL, run->ranks, NULL);
}

static void run_late(uint32_t ranks, uint32_t start, int64_t calls)
{
    static const oriel_kernel kernel = {"late", late_kernel};
    static const oriel_callable callable = {
        .name = "late", .kernels = &kernel, .kernel_count = 1, .tensors = 3, .scalars = 3, .comms = 1};
    static late_run run;
    run = (late_run){.ranks = ranks, .start = start, .calls = calls, .seed = test_seed()};
    oriel_worker_options options = {.form = ORIEL_DEVICE_THREADS, .timeout_s = 60};
    oriel_worker *worker;
    assert_ok(oriel_worker_create(3, "a2a3sim", devices, ranks, &options, &worker));
    assert_ok(oriel_worker_register(worker, &callable, &run.callable));
    assert_ok(oriel_worker_init(worker));
    assert_ok(oriel_worker_run(worker, submit_late, &run, 60));
    oriel_worker_close(worker);
    for (uint32_t r = 0; r < ranks; r++)
        assert_int_equal(run.wrong[r], 0);
}

static void late_ranks_on_a_fresh_domain(void **state)
{
    (void)state;
    run_late(2, 0, 3000);
    run_late(3, 0, 2000);
    run_late(8, 0, 500);
}

static void late_ranks_while_the_count_passes_2_to_the_31(void **state)
{
    (void)state;
    run_late(4, UINT32_C(0x80000000) - 20, 100);
}

static void late_ranks_while_the_count_passes_2_to_the_32(void **state)
{
    (void)state;
    run_late(4, UINT32_MAX - 20, 100);
}

/* ---- Calls from the host ----------------------------------------------------------------------------------------- */

static void ten_thousand_calls_on_one_domain(void **state)
{
    (void)state;
    for (uint32_t l = 0; l < oriel_launch_count(); l++) {
        oriel_job job = {.platform = "a2a3sim",
                         .devices = devices,
                         .ranks = 2,
                         .count = COUNT,
                         .repeat = 10000,
                         .timeout_s = 60,
                         .form = ORIEL_DEVICE_THREADS};
        oriel_report report = {0};
        assert_ok(oriel_launch_run(oriel_launch_at(l), &job, &report));
        oriel_report_free(&report);
    }
}

/* The three collectives in turn, on one domain whose scratch is large enough for each, with counts that differ. */
typedef struct mixed_run {
    oriel_callable_id callable[3];
    int32_t in[3][MAX_RANKS * COUNT], out[3][MAX_RANKS * COUNT];
} mixed_run;

#define MIXED_RANKS 3

static void submit_mixed(oriel_orch *orch, mixed_run *run, oriel_domain *domain, int32_t round)
{
    enum { GATHER, SCATTER, REDUCE };
    const uint32_t count = 1 + (uint32_t)round % COUNT;
    const uint32_t which = (uint32_t)round % 3;
    const uint32_t in_count = which == SCATTER ? MIXED_RANKS * count : count;
    const uint32_t out_count = which == GATHER ? MIXED_RANKS * count : count;
    oriel_args args[MIXED_RANKS] = {ORIEL_ARGS_INIT};
    for (uint32_t r = 0; r < MIXED_RANKS; r++) {
        for (uint32_t i = 0; i < in_count; i++)
            run->in[r][i] = (int32_t)(i + 100 * r) + 1000 * round;
        assert_ok(oriel_args_tensor(&args[r], oriel_tensor_1d(run->in[r], PTO_I32, in_count), ORIEL_INPUT));
        assert_ok(oriel_args_tensor(&args[r], oriel_tensor_1d(run->out[r], PTO_I32, out_count), ORIEL_OUTPUT_EXISTING));
        if (which != GATHER)
            assert_ok(oriel_args_i64(&args[r], PTO_SUM));
        assert_ok(oriel_args_comm(&args[r], domain));
    }
    oriel_task task;
    assert_ok(oriel_submit_group(orch, run->callable[which], args, NULL, MIXED_RANKS, &task));
    assert_ok(oriel_task_wait(orch, task, -1));
    for (uint32_t r = 0; r < MIXED_RANKS; r++) {
        for (uint32_t i = 0; i < out_count; i++) {
            uint32_t from = i / count, at = which == SCATTER ? r * count + i : i;
            int32_t right = which == GATHER ? (int32_t)(i % count + 100 * from) + 1000 * round
                                            : (int32_t)(MIXED_RANKS * at + 300) + 3000 * round;
            assert_int_equal(run->out[r][i], right);
        }
    }
}

static oriel_status mix(oriel_orch *orch, void *user)
{
    oriel_buffer windows[] = {{"scratch", PTO_I32, 2 * MIXED_RANKS * COUNT},
                              {"signals", PTO_I32, 3 * PTO_LINE_CELLS * MIXED_RANKS}};
    oriel_domain *domain;
    oriel_status status = oriel_allocate_domain(orch, "mixed", NULL, MIXED_RANKS, 0, windows, 2, &domain);
    for (int32_t round = 0; round < 400 && !status; round++)
        submit_mixed(orch, user, domain, round);
    return status;
}

static void the_three_collectives_share_their_windows(void **state)
{
    (void)state;
    static mixed_run run;
    static oriel_registered registered[3];
    oriel_worker_options options = {.form = ORIEL_DEVICE_THREADS, .timeout_s = 60};
    oriel_worker *worker;
    assert_ok(oriel_worker_create(3, "a5sim", devices, MIXED_RANKS, &options, &worker));
    const oriel_launch *launches[] = {&oriel_launch_allgather, &oriel_launch_reduce_scatter, &oriel_launch_allreduce};
    for (uint32_t l = 0; l < 3; l++) {
        assert_ok(oriel_launch_register(worker, launches[l], &registered[l]));
        run.callable[l] = registered[l].callable;
    }
    assert_ok(oriel_worker_init(worker));
    assert_ok(oriel_worker_run(worker, mix, &run, 60));
    oriel_worker_close(worker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late_ranks_on_a_fresh_domain),
        cmocka_unit_test(late_ranks_while_the_count_passes_2_to_the_31),
        cmocka_unit_test(late_ranks_while_the_count_passes_2_to_the_32),
        cmocka_unit_test(ten_thousand_calls_on_one_domain),
        cmocka_unit_test(the_three_collectives_share_their_windows),
    };
    return cmocka_run_group_tests_name("collectives/again", tests, NULL, NULL);
}
