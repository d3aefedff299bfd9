/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: a matrix product in pieces along K, with two tiles in turn in L1, L0A and L0B, runs right on the direct engine and is
 * clean, exhaustively, in the checker, on each platform and in each profile; and each pair of flags that it needs is missed where it
 * is left out, at the two pipes that it joins.
 */
#include "shipped.h"

#include "oriel/info.h"
#include "oriel/kernel.h"

enum { ROWS = 16, COLS = 24, PIECE = 16, PIECES = 5, DEPTH = PIECE * PIECES };

/* The flags of the kernel; scalar 0 says which is left out. */
typedef enum edge { NOTHING, LOADED, L1_FREE, FED, L0_FREE, SUMMED, EDGES } edge;

static const struct {
    pto_pipe from, to;
} joins[EDGES] = {
    [LOADED] = {PTO_PIPE_MTE2, PTO_PIPE_MTE1}, [L1_FREE] = {PTO_PIPE_MTE1, PTO_PIPE_MTE2},
    [FED] = {PTO_PIPE_MTE1, PTO_PIPE_M},       [L0_FREE] = {PTO_PIPE_M, PTO_PIPE_MTE1},
    [SUMMED] = {PTO_PIPE_M, PTO_PIPE_FIX},
};

#define SET(edge, id)                                                                                                  \
    if (left_out != (edge))                                                                                            \
    pto_set_flag(core, joins[edge].from, joins[edge].to, id)
#define WAIT(edge, id)                                                                                                 \
    if (left_out != (edge))                                                                                            \
    pto_wait_flag(core, joins[edge].from, joins[edge].to, id)

static void product_kernel(pto_core *core)
{
    const pto_global a = pto_arg_tensor(core, 0), b = pto_arg_tensor(core, 1), out = pto_arg_tensor(core, 2);
    const int64_t left_out = pto_arg_i64(core, 0);
    const uint32_t bytes = pto_dtype_bytes(a.dtype);
    const pto_dtype sum = a.dtype == PTO_I8 ? PTO_I32 : PTO_F32;
    const pto_tile acc = pto_tile_in(core, PTO_L0C, sum, 0, ROWS, COLS);
    for (uint32_t p = 0; p < PIECES; p++) {
        const uint32_t k = p & 1;
        const bool again = p + 2 < PIECES;
        const pto_tile a1 = pto_tile_in(core, PTO_L1, a.dtype, k * 65536, ROWS, PIECE);
        const pto_tile b1 = pto_tile_in(core, PTO_L1, b.dtype, k * 65536 + 32768, PIECE, COLS);
        const pto_tile a0 = pto_tile_in(core, PTO_L0A, a.dtype, k * 32768, ROWS, PIECE);
        const pto_tile b0 = pto_tile_in(core, PTO_L0B, b.dtype, k * 32768, PIECE, COLS);
        if (p >= 2)
            WAIT(L1_FREE, k);
        pto_tload(core, a1, pto_global_2d(a.addr + p * PIECE * bytes, a.dtype, ROWS, PIECE, DEPTH));
        pto_tload(core, b1, pto_global_2d(b.addr + p * PIECE * COLS * bytes, b.dtype, PIECE, COLS, COLS));
        SET(LOADED, k);
        WAIT(LOADED, k);
        if (p >= 2)
            WAIT(L0_FREE, k);
        pto_tmov(core, a0, a1);
        pto_textract(core, b0, b1, 0, 0);
        if (again)
            SET(L1_FREE, k);
        SET(FED, 2 + k);
        WAIT(FED, 2 + k);
        if (p == 0)
            pto_tmatmul(core, acc, a0, b0);
        else
            pto_tmatmul_acc(core, acc, a0, b0);
        if (again)
            SET(L0_FREE, k);
    }
    SET(SUMMED, 2);
    WAIT(SUMMED, 2);
    pto_tstore(core, pto_global_2d(out.addr, out.dtype, ROWS, COLS, COLS), acc);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
}

/* ---- The launch ------------------------------------------------------------------------------------------------- */

static uint64_t count_a(const oriel_job *job)
{
    (void)job;
    return ROWS * DEPTH;
}

static uint64_t count_b(const oriel_job *job)
{
    (void)job;
    return DEPTH * COLS;
}

static uint64_t count_out(const oriel_job *job)
{
    (void)job;
    return ROWS * COLS;
}

static edge left_out;

static oriel_status scalars(const oriel_job *job, uint32_t rank, oriel_args *args)
{
    (void)job, (void)rank;
    return oriel_args_i64(args, left_out);
}

/* Whole numbers from -2 to 2: each sum is exact in all types. */
static oriel_value fill(const oriel_job *job, uint32_t rank, const char *buffer, uint64_t i)
{
    return oriel_value_of(job->dtype, (int64_t)((i * 7 + i / 5 + rank + (buffer[0] == 'b')) % 5) - 2);
}

static double number(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer, uint64_t i)
{
    oriel_value value = oriel_input(inputs, rank, buffer, i);
    return job->dtype == PTO_I8 ? (double)value.i : value.f;
}

static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)buffer;
    double sum = 0;
    for (uint64_t k = 0; k < DEPTH; k++)
        sum +=
            number(job, inputs, rank, "a", i / COLS * DEPTH + k) * number(job, inputs, rank, "b", k * COLS + i % COLS);
    return (oriel_expected){oriel_value_of(job->dtype == PTO_I8 ? PTO_I32 : PTO_F32, (int64_t)sum), 0};
}

static oriel_launch launch_of(pto_dtype dtype)
{
    static oriel_launch_buffer buffers[] = {
        {"a", ORIEL_ROLE_INPUT, ORIEL_DTYPE_OF_JOB, count_a},
        {"b", ORIEL_ROLE_INPUT, ORIEL_DTYPE_OF_JOB, count_b},
        {"out", ORIEL_ROLE_OUTPUT, ORIEL_DTYPE_OF_JOB, count_out},
        {"signals", ORIEL_ROLE_WINDOW, PTO_I32, oriel_count_signals}, /* a launch has a window */
    };
    buffers[2].dtype = dtype == PTO_I8 ? PTO_I32 : dtype;
    return (oriel_launch){.name = "product",
                          .summary = "a matrix product in pieces",
                          .kernel = product_kernel,
                          .buffers = buffers,
                          .buffer_count = 4,
                          .scalars = scalars,
                          .fill = fill,
                          .expect = expect,
                          .dtypes = PTO_DTYPE_BIT(dtype),
                          .min_ranks = 1,
                          .max_ranks = 8,
                          .default_count = 1};
}

/* ---- Tests ------------------------------------------------------------------------------------------------------ */

static const pto_dtype factors[] = {PTO_F32, PTO_F16, PTO_BF16, PTO_I8};

static void the_direct_engine_multiplies(void **state)
{
    (void)state;
    static const char *const platforms[] = {"a2a3sim", "a5sim"};
    left_out = NOTHING;
    for (int p = 0; p < 2; p++)
        for (int t = 0; t < 4; t++) {
            oriel_launch launch = launch_of(factors[t]);
            oriel_job job = job_of(platforms[p], 2, 1);
            job.dtype = factors[t];
            job.repeat = 3;
            oriel_report report;
            assert_ok(oriel_launch_run(&launch, &job, &report));
            oriel_report_free(&report);
        }
}

static void check_as(const place *on, pto_dtype dtype, edge without, oriel_check_report *report)
{
    oriel_launch launch = launch_of(dtype);
    oriel_job job = job_of(on->platform, 2, 1);
    job.dtype = dtype;
    left_out = without;
    assert_ok(oriel_check(&launch, &job, &(oriel_check_options){.profile = on->profile}, report));
}

static void the_checker_finds_nothing(void **state)
{
    for (int t = 0; t < 4; t++) {
        oriel_check_report report;
        check_as(*state, factors[t], NOTHING, &report);
        if (report.findings)
            fail_msg("%s: %s", report.finding[0].id, report.finding[0].message);
        assert_true(report.exhaustive);
        oriel_check_report_free(&report);
    }
}

/*
 * A race between the pipes that the flags join, in a memory of the matrix unit, shown by a wrong result. (Flags of the other pair may
 * then be set too early, too.)
 */
static void each_pair_of_flags_is_missed(void **state)
{
    for (edge e = LOADED; e < EDGES; e++) {
        oriel_check_report report;
        bool seen = false;
        check_as(*state, PTO_F32, e, &report);
        for (uint32_t i = 0; i < report.findings; i++) {
            const oriel_finding *f = &report.finding[i];
            if (f->kind == ORIEL_FINDING_FLAG_MISUSE)
                continue;
            assert_int_equal(f->kind, ORIEL_FINDING_PIPE_RACE);
            const oriel_check_side *x = &f->side[0], *y = &f->side[1];
            assert_non_null(strstr(x->bytes, " of L"));
            seen |= f->harm && ((x->pipe == joins[e].from && y->pipe == joins[e].to) ||
                                (x->pipe == joins[e].to && y->pipe == joins[e].from));
        }
        if (!seen)
            fail_msg("without the flags from %s to %s: %u findings, none between them", oriel_pipe_name(joins[e].from),
                     oriel_pipe_name(joins[e].to), report.findings);
        oriel_check_report_free(&report);
    }
}

int main(void)
{
    const struct CMUnitTest clean[] = SHIPPED_TESTS(the_checker_finds_nothing);
    const struct CMUnitTest missed[] = SHIPPED_TESTS(each_pair_of_flags_is_missed);
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_direct_engine_multiplies)};
    struct CMUnitTest all[sizeof tests / sizeof *tests + sizeof clean / sizeof *clean + sizeof missed / sizeof *missed];
    struct CMUnitTest *next = all;
    memcpy(next, tests, sizeof tests);
    memcpy(next += sizeof tests / sizeof *tests, clean, sizeof clean);
    memcpy(next + sizeof clean / sizeof *clean, missed, sizeof missed);
    return cmocka_run_group_tests_name("launch/product", all, NULL, NULL);
}
