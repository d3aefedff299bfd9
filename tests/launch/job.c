/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: what a job leaves open gets the launch's defaults; what the launch lacks, or no machine could hold, is
 * refused with a message that has the value; a launch from outside that is incomplete is refused, with what it lacks.
 */
#include "launch/job.h"
#include "launch/builtin.h"
#include "test.h"

static const int devices[64] = {0, 1, 2, 3};

static oriel_job job_of(uint32_t ranks)
{
    return (oriel_job){.platform = "a2a3sim", .devices = devices, .ranks = ranks};
}

static void defaults_are_filled_in(void **state)
{
    (void)state;
    oriel_job job = job_of(4), complete;
    assert_ok(oriel_job_complete(&oriel_launch_allgather, &job, &complete));
    assert_int_equal(complete.count, oriel_launch_allgather.default_count);
    assert_int_equal(complete.repeat, 1);
    assert_true(complete.timeout_s == 30);
    job.count = 7, job.repeat = 3, job.timeout_s = -1;
    assert_ok(oriel_job_complete(&oriel_launch_allgather, &job, &complete));
    assert_int_equal(complete.count, 7);
    assert_int_equal(complete.repeat, 3);
    assert_true(complete.timeout_s == -1);
}

static void what_the_launch_lacks_is_refused(void **state)
{
    (void)state;
    oriel_job one = job_of(1), many = job_of(65), complete = {.count = 4711};
    assert_fails(oriel_job_complete(&oriel_launch_allgather, &one, &complete), ORIEL_INVALID,
                 "allgather runs on 2 to 64 devices, not on 1");
    assert_fails(oriel_job_complete(&oriel_launch_allgather, &many, &complete), ORIEL_INVALID, "not on 65");

    oriel_launch few = oriel_launch_allreduce;
    few.dtypes = PTO_DTYPE_BIT(PTO_F32) | PTO_DTYPE_BIT(PTO_I8);
    oriel_job half = job_of(2);
    half.dtype = PTO_F16;
    assert_fails(oriel_job_complete(&few, &half, &complete), ORIEL_INVALID,
                 "allreduce does not take type f16: it takes f32 i8");
    half.dtype = PTO_DTYPE_COUNT;
    assert_fails(oriel_job_complete(&few, &half, &complete), ORIEL_INVALID,
                 "there is no type number 10: allreduce takes f32 i8");

    oriel_job odd = job_of(2);
    odd.reduce = PTO_REDUCE_COUNT;
    assert_fails(oriel_job_complete(&oriel_launch_allreduce, &odd, &complete), ORIEL_INVALID,
                 "there is no reduction number 7: there are 0 to 6");
    assert_ok(oriel_job_complete(&oriel_launch_allgather, &odd, &complete));

    oriel_job bits = job_of(2);
    bits.reduce = PTO_XOR;
    assert_fails(oriel_job_complete(&oriel_launch_allreduce, &bits, &complete), ORIEL_INVALID,
                 "reduction xor does not take type f32: it takes i8 u8 i16 u16 i32 u32 i64");
    assert_ok(oriel_job_complete(&oriel_launch_allgather, &bits, &complete));
    bits.dtype = PTO_I64;
    assert_ok(oriel_job_complete(&oriel_launch_allreduce, &bits, &complete));
}

static uint64_t no_elements(const oriel_job *job)
{
    (void)job;
    return 0;
}

static void a_buffer_of_no_elements_is_refused(void **state)
{
    (void)state;
    oriel_launch launch = oriel_launch_allreduce;
    oriel_launch_buffer buffers[4];
    memcpy(buffers, launch.buffers, sizeof buffers);
    buffers[2].count = no_elements;
    launch.buffers = buffers;
    oriel_job job = job_of(2), complete;
    job.count = 7;
    assert_fails(oriel_job_complete(&launch, &job, &complete), ORIEL_INVALID,
                 "count 7 gives buffer scratch 0 elements: 1 to 274877906944 are possible");
}

static void counts_that_no_machine_holds_are_refused(void **state)
{
    (void)state;
    oriel_job job = job_of(4), complete = {.count = 4711};
    const uint64_t impossible[] = {UINT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 41, UINT64_C(1) << 38};
    for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++) {
        job.count = impossible[i];
        char text[32];
        snprintf(text, sizeof text, "count %llu", (unsigned long long)impossible[i]);
        assert_fails(oriel_job_complete(&oriel_launch_reduce_scatter, &job, &complete), ORIEL_INVALID, text);
    }
    job.count = UINT64_C(1) << 36;
    assert_fails(oriel_job_complete(&oriel_launch_allreduce, &job, &complete), ORIEL_NO_MEMORY, "GiB");
    assert_int_equal(complete.count, 4711);
}

static void bytes_are_those_of_all_ranks(void **state)
{
    (void)state;
    oriel_job job = job_of(4), complete;
    job.count = 10, job.dtype = PTO_I16;
    assert_ok(oriel_job_complete(&oriel_launch_reduce_scatter, &job, &complete));
    uint64_t in = 4 * 10 * 2, out = 10 * 2, scratch = 2 * in, signals = 3 * 64 * 4;
    assert_int_equal(oriel_job_bytes(&oriel_launch_reduce_scatter, &complete), 4 * (in + out + scratch + signals));
}

static void an_incomplete_launch_is_refused(void **state)
{
    (void)state;
    oriel_launch launch = oriel_launch_allreduce;
    assert_ok(oriel_launch_check(&launch));
#define LACKS(field, nothing, text)                                                                                    \
    do {                                                                                                               \
        oriel_launch broken = oriel_launch_allreduce;                                                                  \
        broken.field = nothing;                                                                                        \
        assert_fails(oriel_launch_check(&broken), ORIEL_INVALID, text);                                                \
    } while (0)
    LACKS(name, NULL, "has no name");
    LACKS(kernel, NULL, "launch allreduce has no kernel");
    LACKS(expect, NULL, "no expect function");
    LACKS(buffers, NULL, "no buffers");
    LACKS(buffer_count, 0, "no buffers");
    LACKS(buffer_count, 1, "no output");
    LACKS(buffer_count, 2, "no window buffer");
    LACKS(dtypes, 0, "no types");
    LACKS(default_count, 0, "no default_count");
    LACKS(min_ranks, 0, "no min_ranks");
    LACKS(max_ranks, 1, "no max_ranks");
#undef LACKS
    oriel_launch_buffer nameless[4];
    memcpy(nameless, launch.buffers, sizeof nameless);
    nameless[3].name = NULL;
    launch.buffers = nameless;
    assert_fails(oriel_launch_check(&launch), ORIEL_INVALID, "buffer 3 of launch allreduce");
    nameless[3].name = "";
    assert_fails(oriel_launch_check(&launch), ORIEL_INVALID, "buffer 3 of launch allreduce");
}

/* Also of different roles: references and messages tell buffers by their names alone. */
static void two_buffers_of_one_name_are_refused(void **state)
{
    (void)state;
    for (uint32_t second = 1; second < 4; second++) {
        for (uint32_t first = 0; first < second; first++) {
            oriel_launch launch = oriel_launch_allreduce;
            oriel_launch_buffer twins[4];
            memcpy(twins, launch.buffers, sizeof twins);
            char name[] = "twin", same[] = "twin", message[96];
            twins[first].name = name, twins[second].name = same;
            launch.buffers = twins;
            snprintf(message, sizeof message, "launch allreduce: buffers %u and %u are both named \"twin\"", first,
                     second);
            assert_fails(oriel_launch_check(&launch), ORIEL_INVALID, message);
        }
    }
}

static void the_built_in_launches_are_complete_and_found(void **state)
{
    (void)state;
    assert_true(oriel_launch_count() >= 3);
    for (uint32_t i = 0; i < oriel_launch_count(); i++) {
        assert_ok(oriel_launch_check(oriel_launch_at(i)));
        assert_ptr_equal(oriel_launch_find(oriel_launch_at(i)->name), oriel_launch_at(i));
    }
    assert_null(oriel_launch_at(oriel_launch_count()));
    assert_null(oriel_launch_find("all-to-none"));
}

static void a_file_that_is_no_launch_is_not_loaded(void **state)
{
    (void)state;
    const oriel_launch *launch = NULL;
    assert_fails(oriel_launch_load("/nowhere/mine.so", &launch), ORIEL_INVALID, "cannot load /nowhere/mine.so");
    assert_fails(oriel_launch_load("libc.so.6", &launch), ORIEL_INVALID, "libc.so.6 has no function");
    assert_null(launch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_filled_in),
        cmocka_unit_test(what_the_launch_lacks_is_refused),
        cmocka_unit_test(a_buffer_of_no_elements_is_refused),
        cmocka_unit_test(counts_that_no_machine_holds_are_refused),
        cmocka_unit_test(bytes_are_those_of_all_ranks),
        cmocka_unit_test(an_incomplete_launch_is_refused),
        cmocka_unit_test(two_buffers_of_one_name_are_refused),
        cmocka_unit_test(the_built_in_launches_are_complete_and_found),
        cmocka_unit_test(a_file_that_is_no_launch_is_not_loaded),
    };
    return cmocka_run_group_tests_name("launch/job", tests, NULL, NULL);
}
