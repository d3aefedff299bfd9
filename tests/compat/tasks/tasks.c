/* SPDX-License-Identifier: Apache-2.0 */
#include <oriel/front.h>
#include <oriel/oriel.h>

#define COUNT 128u

extern void kernel_entry_0(int64_t *args), kernel_entry_1(int64_t *args), kernel_entry_2(int64_t *args);
extern void ring_orchestration(const void *args);

static void stage(pto_core *core)
{
    oriel_front_run_task(core, kernel_entry_0);
}

static void arrive(pto_core *core)
{
    oriel_front_run_task(core, kernel_entry_1);
}

static void gather(pto_core *core)
{
    oriel_front_run_task(core, kernel_entry_2);
}

static const oriel_launch launch;

static oriel_status orchestrate(oriel_orch *orch, const oriel_args *given)
{
    return oriel_front_orchestrate(orch, given, &launch, ring_orchestration, "in out scratch counter comm call");
}

static uint64_t row(const oriel_job *job)
{
    (void)job;
    return COUNT;
}

static uint64_t halves(const oriel_job *job)
{
    (void)job;
    return 2 * COUNT;
}

static uint64_t line(const oriel_job *job)
{
    (void)job;
    return 16;
}

static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)buffer;
    return (oriel_expected){oriel_input(inputs, (rank + job->ranks - 1) % job->ranks, "in", i), 0};
}

static const oriel_kernel kernels[] = {{"stage", stage}, {"arrive", arrive}, {"gather", gather}};
static const oriel_launch_buffer buffers[] = {
    {"in", ORIEL_ROLE_INPUT, PTO_F32, row},          {"out", ORIEL_ROLE_OUTPUT, PTO_F32, row},
    {"scratch", ORIEL_ROLE_WINDOW, PTO_F32, halves}, {"counter", ORIEL_ROLE_WINDOW, PTO_I32, line},
    {"tokens", ORIEL_ROLE_TEMPORARY, PTO_I32, line},
};
static const oriel_launch launch = {
    .name = "ring",
    .summary = "each rank's row to the next one, in three tasks",
    .orchestrate = orchestrate,
    .kernels = kernels,
    .kernel_count = 3,
    .buffers = buffers,
    .buffer_count = 5,
    .expect = expect,
    .dtypes = PTO_DTYPE_BIT(PTO_F32),
    .min_ranks = 2,
    .max_ranks = 64,
    .default_count = COUNT,
};

ORIEL_API const oriel_launch *oriel_launch_entry(void);
const oriel_launch *oriel_launch_entry(void)
{
    return &launch;
}
