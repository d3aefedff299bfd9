/* SPDX-License-Identifier: Apache-2.0 */
/* Protects: a kernel that is given tensors or windows that do not fit says so, with its line, and touches nothing. */
#include "launch/builtin.h"
#include "test.h"

static const int devices[] = {0, 1, 2};

enum { IN, OUT, SCRATCH, SIGNALS, BUFFERS };

/* Runs a launch whose buffer `which` is other than it should be; the kernel traps with `text`. */
static void expect_trap(const oriel_launch *launch, uint32_t which, pto_dtype dtype, oriel_count_fn count,
                        const char *text)
{
    oriel_launch_buffer buffers[BUFFERS];
    memcpy(buffers, launch->buffers, sizeof buffers);
    buffers[which].dtype = dtype;
    if (count)
        buffers[which].count = count;
    oriel_launch odd = *launch;
    odd.buffers = buffers;
    oriel_job job = {.platform = "a2a3sim",
                     .devices = devices,
                     .ranks = launch->max_ranks < 3 ? launch->max_ranks : 3,
                     .count = 20,
                     .dtype = PTO_F32,
                     .timeout_s = 20,
                     .form = ORIEL_DEVICE_THREADS};
    oriel_report report = {0};
    assert_fails(oriel_launch_run(&odd, &job, &report), ORIEL_FAULT, text);
    /* As it is called in the project, wherever this was built: no path comes before it. */
    const char *file = strstr(oriel_last_error(), "src/collectives/");
    assert_non_null(file);
    assert_true(file == oriel_last_error() || file[-1] == ' ');
}

static uint64_t one_too_few(const oriel_job *job)
{
    return job->count - 1;
}

static uint64_t scratch_too_small(const oriel_job *job)
{
    return 2 * job->count - 1;
}

static uint64_t signals_too_few(const oriel_job *job)
{
    return oriel_count_signals(job) - 1;
}

static void outputs_of_another_type(void **state)
{
    (void)state;
    expect_trap(&oriel_launch_allgather, OUT, PTO_I32, NULL, "all-gather: out must have the type of in");
    expect_trap(&oriel_launch_reduce_scatter, OUT, PTO_I32, NULL, "reduce-scatter: in must have the type of out");
    expect_trap(&oriel_launch_allreduce, OUT, PTO_I32, NULL, "all-reduce: out must have the type of in");
}

static void counts_that_do_not_match(void **state)
{
    (void)state;
    expect_trap(&oriel_launch_allgather, OUT, PTO_F32, oriel_count_one,
                "all-gather: elements of out (got 20, limit 60)");
    expect_trap(&oriel_launch_allgather, IN, PTO_F32, one_too_few, "all-gather: elements of out (got 60, limit 57)");
    expect_trap(&oriel_launch_reduce_scatter, IN, PTO_F32, oriel_count_two,
                "reduce-scatter: elements of in (got 40, limit 60)");
    expect_trap(&oriel_launch_allreduce, OUT, PTO_F32, one_too_few, "all-reduce: elements of out (got 19, limit 20)");
}

static void any_launch_says_what_does_not_match(void **state)
{
    (void)state;
    for (uint32_t l = 0; l < oriel_launch_count(); l++) {
        expect_trap(oriel_launch_at(l), OUT, PTO_I32, NULL, "type");
        expect_trap(oriel_launch_at(l), OUT, PTO_F32, one_too_few, "elements of ");
    }
}

static void windows_that_do_not_fit(void **state)
{
    (void)state;
    for (uint32_t l = 0; l < oriel_launch_count(); l++) {
        const oriel_launch *launch = oriel_launch_at(l);
        expect_trap(launch, SCRATCH, PTO_F32, scratch_too_small,
                    "too little scratch in the window: twice what a rank stages (got 39, limit ");
        expect_trap(launch, SCRATCH, PTO_I32, NULL, "the window's scratch must have the type of the tensors");
        expect_trap(launch, SIGNALS, PTO_I32, signals_too_few,
                    launch->max_ranks < 3 ? "too few signals in the window: 48 for each rank (got 95, limit 96)"
                                          : "too few signals in the window: 48 for each rank (got 143, limit 144)");
        expect_trap(launch, SIGNALS, PTO_U32, NULL, "the window's signals must be i32");
    }
}

static void several_blocks(void **state)
{
    (void)state;
    oriel_launch two = oriel_launch_allreduce;
    two.blocks = 2;
    expect_trap(&two, IN, PTO_F32, NULL, "one block each (got 2, limit 1)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_of_another_type),
        cmocka_unit_test(counts_that_do_not_match),
        cmocka_unit_test(any_launch_says_what_does_not_match),
        cmocka_unit_test(windows_that_do_not_fit),
        cmocka_unit_test(several_blocks),
    };
    return cmocka_run_group_tests_name("collectives/arguments", tests, NULL, NULL);
}
