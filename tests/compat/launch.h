/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the launches of these kernels share. A launch file includes this, defines `expect`, and ends in one LAUNCH.
 *
 * Buffers: tensors in and out (COUNT elements of the launch's type, 128 if it does not say otherwise), windows scratch (COUNT for each rank) and signals (a cache
 * line of 16 int32 cells for each rank, twice, and one more). The kernel gets them as `take` of common.hpp expects them.
 */
#ifndef ORIEL_TESTS_COMPAT_LAUNCH_H
#define ORIEL_TESTS_COMPAT_LAUNCH_H

#include <oriel/front.h>
#include <oriel/oriel.h>
#include <string.h>

#ifndef COUNT
#define COUNT 128u
#endif

extern void kernel_entry(int64_t *args);

static inline uint64_t count_fixed(const oriel_job *job)
{
    (void)job;
    return COUNT;
}

static inline uint64_t count_each(const oriel_job *job)
{
    return COUNT * (uint64_t)job->ranks;
}

static inline uint64_t count_lines(const oriel_job *job)
{
    return 16 * (2 * (uint64_t)job->ranks + 1);
}

/* Element i of rank `rank`'s input. */
static inline oriel_value in_of(const oriel_inputs *inputs, uint32_t rank, uint64_t i)
{
    return oriel_input(inputs, rank, "in", i);
}

static inline oriel_expected exactly_i(int64_t value)
{
    return (oriel_expected){{.i = value}, 0};
}

static inline oriel_expected exactly_f(double value)
{
    return (oriel_expected){{.f = value}, 0};
}

#define LAUNCH(type, least_ranks, most_ranks, block_count)                                                             \
    static const oriel_launch launch;                                                                                  \
    static void kernel(pto_core *core)                                                                                 \
    {                                                                                                                  \
        oriel_front_run(core, &launch, kernel_entry, "in out &scratch &signals ranks comm");                           \
    }                                                                                                                  \
    static const oriel_launch_buffer buffers[] = {                                                                     \
        {"in", ORIEL_ROLE_INPUT, type, count_fixed},                                                                   \
        {"out", ORIEL_ROLE_OUTPUT, type, count_fixed},                                                                 \
        {"scratch", ORIEL_ROLE_WINDOW, type, count_each},                                                              \
        {"signals", ORIEL_ROLE_WINDOW, PTO_I32, count_lines},                                                          \
    };                                                                                                                 \
    static const oriel_launch launch = {                                                                               \
        .name = "compat",                                                                                              \
        .summary = "a kernel in C++",                                                                                  \
        .kernel = kernel,                                                                                              \
        .blocks = block_count,                                                                                         \
        .buffers = buffers,                                                                                            \
        .buffer_count = sizeof buffers / sizeof *buffers,                                                              \
        .expect = expect,                                                                                              \
        .dtypes = PTO_DTYPE_BIT(type),                                                                                 \
        .min_ranks = least_ranks,                                                                                      \
        .max_ranks = most_ranks,                                                                                       \
        .default_count = COUNT,                                                                                        \
    };                                                                                                                 \
    ORIEL_API const oriel_launch *oriel_launch_entry(void);                                                            \
    const oriel_launch *oriel_launch_entry(void)                                                                       \
    {                                                                                                                  \
        return &launch;                                                                                                \
    }                                                                                                                  \
    _Static_assert(least_ranks <= most_ranks, "ranks")

#endif
