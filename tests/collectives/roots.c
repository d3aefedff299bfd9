/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: collectives with a root are right with any root, and clean under the checker; a root that is no rank is
 * refused. (All other tests run them with the launches' own root.)
 */
#include "launch/builtin.h"
#include "launch/expect.h"
#include "oriel/check.h"
#include "test.h"

static const int devices[] = {0, 1, 2, 3, 4};

/* The root of the job that runs. */
static uint32_t root;

static oriel_status scalars(const oriel_job *job, uint32_t rank, oriel_args *args)
{
    (void)job, (void)rank;
    return oriel_args_i64(args, root);
}

static oriel_status scalars_and_op(const oriel_job *job, uint32_t rank, oriel_args *args)
{
    assert_ok(oriel_scalars_reduce(job, rank, args));
    return oriel_args_i64(args, root);
}

static oriel_expected broadcast(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                                uint64_t i)
{
    (void)job, (void)rank, (void)buffer;
    return (oriel_expected){oriel_input(inputs, root, "in", i), 0};
}

static oriel_expected gather(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)buffer;
    if (rank != root)
        return oriel_expect_anything;
    return (oriel_expected){oriel_input(inputs, (uint32_t)(i / job->count), "in", i % job->count), 0};
}

static oriel_expected scatter(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                              uint64_t i)
{
    (void)buffer;
    return (oriel_expected){oriel_input(inputs, root, "in", rank * job->count + i), 0};
}

static oriel_expected reduce(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)buffer;
    return rank == root ? oriel_expect_reduced(job, inputs, "in", i) : oriel_expect_anything;
}

static oriel_expected whatever(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                               uint64_t i)
{
    (void)job, (void)inputs, (void)rank, (void)buffer, (void)i;
    return oriel_expect_anything;
}

static const struct rooted {
    const oriel_launch *launch;
    oriel_scalars_fn scalars;
    oriel_expect_fn expect;
} rooted[] = {
    {&oriel_launch_broadcast, scalars, broadcast},  {&oriel_launch_broadcast_binomial, scalars, broadcast},
    {&oriel_launch_gather, scalars, gather},        {&oriel_launch_scatter, scalars, scatter},
    {&oriel_launch_reduce, scalars_and_op, reduce}, {&oriel_launch_reduce_binomial, scalars_and_op, reduce},
};
#define ROOTED (sizeof rooted / sizeof *rooted)

static oriel_launch launch_of(const struct rooted *it)
{
    oriel_launch launch = *it->launch;
    launch.scalars = it->scalars;
    launch.expect = it->expect;
    return launch;
}

static oriel_job job_of(uint32_t ranks, uint64_t count)
{
    return (oriel_job){.platform = "a2a3sim",
                       .devices = devices,
                       .ranks = ranks,
                       .count = count,
                       .dtype = PTO_F32,
                       .repeat = 3,
                       .random = true,
                       .seed = test_seed(),
                       .timeout_s = 60,
                       .form = ORIEL_DEVICE_THREADS};
}

static void any_rank_can_be_the_root(void **state)
{
    (void)state;
    for (size_t k = 0; k < ROOTED; k++)
        for (uint32_t ranks = 2; ranks <= 5; ranks++)
            for (root = 0; root < ranks; root++) {
                oriel_launch launch = launch_of(&rooted[k]);
                oriel_job job = job_of(ranks, 777);
                oriel_report report = {0};
                assert_ok(oriel_launch_run(&launch, &job, &report));
                oriel_report_free(&report);
            }
}

static void any_root_is_clean(void **state)
{
    (void)state;
    for (size_t k = 0; k < ROOTED; k++)
        for (uint32_t ranks = 2; ranks <= 5; ranks++)
            for (root = 0; root < ranks; root++) {
                oriel_launch launch = launch_of(&rooted[k]);
                oriel_job job = job_of(ranks, 7);
                oriel_check_report report;
                assert_ok(oriel_check(&launch, &job, NULL, &report));
                if (report.findings)
                    fail_msg("%s, %u ranks, root %u: %s", launch.name, ranks, root, report.finding[0].message);
                assert_true(report.exhaustive && report.schedules == 1);
                oriel_check_report_free(&report);
            }
}

static void a_root_that_is_no_rank_is_refused(void **state)
{
    (void)state;
    for (size_t k = 0; k < ROOTED; k++) {
        oriel_launch launch = launch_of(&rooted[k]);
        launch.expect = whatever;
        oriel_job job = job_of(3, 20);
        oriel_report report = {0};
        root = 3;
        assert_fails(oriel_launch_run(&launch, &job, &report), ORIEL_FAULT,
                     "the root is no rank of the domain (got 3, limit 3)");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_rank_can_be_the_root),
        cmocka_unit_test(any_root_is_clean),
        cmocka_unit_test(a_root_that_is_no_rank_is_refused),
    };
    return cmocka_run_group_tests_name("collectives/roots", tests, NULL, NULL);
}
