/* SPDX-License-Identifier: Apache-2.0 */
/* How the mixture of experts is run: --count is C, the tokens of each rank; there is an expert on each rank. */
#include <oriel/oriel.h>

#include <math.h>
#include <string.h>

void mixture_of_experts(struct pto_core *core);

#define WIDTH   UINT64_C(16) /* D: numbers of a token */
#define CHOICES UINT64_C(2)  /* experts of a token */

static uint64_t token_count(const oriel_job *job)
{
    return job->count * WIDTH;
}

static uint64_t choice_count(const oriel_job *job)
{
    return job->count * CHOICES;
}

/* A row for each rank, of as many whole lines of 16 as it takes. */
static uint64_t count_count(const oriel_job *job)
{
    return (uint64_t)job->ranks * ((job->ranks + 15) / 16 * 16);
}

static uint64_t box_count(const oriel_job *job)
{
    return job->ranks * job->count * WIDTH;
}

static oriel_status shape(const oriel_job *job, uint32_t rank, oriel_args *args)
{
    (void)job, (void)rank;
    return oriel_args_i64(args, WIDTH);
}

/* Mixes the bits of n (the finalizer of SplitMix64: Steele, Lea, Flood, Fast splittable pseudorandom number generators, 2014). */
static uint64_t mixed(uint64_t n)
{
    n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    n = (n ^ n >> 27) * UINT64_C(0x94d049bb133111eb);
    return n ^ n >> 31;
}

static uint64_t noise(const oriel_job *job, uint32_t rank, uint64_t i)
{
    return mixed(mixed(job->random ? job->seed : 0) + ((uint64_t)rank << 40 | i));
}

/* Two different experts for a token. The first ones are chosen more often: half of all first choices are expert 0. */
static int64_t chosen_expert(const oriel_job *job, uint32_t rank, uint64_t i)
{
    uint64_t n = noise(job, rank, i / CHOICES * CHOICES), first = n & 1 ? 0 : (n >> 8) % job->ranks;
    if (i % CHOICES == 0)
        return (int64_t)first;
    return (int64_t)((first + 1 + noise(job, rank, i) % (job->ranks - 1)) % job->ranks);
}

static oriel_value fill(const oriel_job *job, uint32_t rank, const char *buffer, uint64_t i)
{
    if (strcmp(buffer, "expert") == 0)
        return (oriel_value){.i = chosen_expert(job, rank, i)};
    double unit = (double)(noise(job, rank, i) >> 11) * 0x1p-53; /* 0 .. 1 */
    return (oriel_value){.f = strcmp(buffer, "weight") == 0 ? unit : 2 * unit - 1};
}

/* Of each term: a product with the scale, one with the weight; then their sum. */
static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)job, (void)buffer;
    double sum = 0, terms = 0;
    for (uint64_t j = 0; j < CHOICES; j++) {
        uint64_t choice = i / WIDTH * CHOICES + j;
        double scale = (double)(oriel_input(inputs, rank, "expert", choice).i + 1);
        double served = fmax(0, scale * oriel_input(inputs, rank, "x", i).f);
        double term = oriel_input(inputs, rank, "weight", choice).f * served;
        sum += term;
        terms += fabs(term);
    }
    return (oriel_expected){{.f = sum}, (double)(CHOICES + 1) * 0x1p-23 * terms};
}

static const oriel_launch_buffer buffers[] = {
    {"x", ORIEL_ROLE_INPUT, PTO_F32, token_count},       {"expert", ORIEL_ROLE_INPUT, PTO_I32, choice_count},
    {"weight", ORIEL_ROLE_INPUT, PTO_F32, choice_count}, {"out", ORIEL_ROLE_OUTPUT, PTO_F32, token_count},
    {"counts", ORIEL_ROLE_WINDOW, PTO_I32, count_count}, {"inbox", ORIEL_ROLE_WINDOW, PTO_F32, box_count},
    {"outbox", ORIEL_ROLE_WINDOW, PTO_F32, box_count},   {"signals", ORIEL_ROLE_WINDOW, PTO_I32, oriel_count_signals},
};

static const oriel_launch launch = {
    .name = "mixture_of_experts",
    .summary = "each token's weighted sum of what its two experts make of it",
    .kernel = mixture_of_experts,
    .buffers = buffers,
    .buffer_count = sizeof buffers / sizeof *buffers,
    .scalars = shape,
    .fill = fill,
    .expect = expect,
    .dtypes = PTO_DTYPE_BIT(PTO_F32),
    .min_ranks = 2,
    .max_ranks = 64,
    .default_count = 100,
};

/* `oriel run ./mixture_of_experts.so` looks for this function. */
ORIEL_API const oriel_launch *oriel_launch_entry(void);
const oriel_launch *oriel_launch_entry(void)
{
    return &launch;
}
