/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: the collectives can follow each other in any order in the same windows. Kernels that run random sequences of
 * all of them, one behind the other with nothing in between, are clean under the checker: no rank reaches what another still
 * uses, nor a signal that another one left.
 */
#include "launch/builtin.h"
#include "oriel/check.h"
#include "oriel/kernel.h"
#include "test.h"

#include "base/random.h"

enum { IN, OUT, SCRATCH, SIGNALS };

#define COUNT     5
#define MAX_RANKS 5
#define LENGTH    10

static const int devices[MAX_RANKS] = {0, 1, 2, 3, 4};

/* What the kernel runs in each call. The last is an all-to-all, whose result is all of out. */
static const oriel_launch *sequence[LENGTH + 1];

static oriel_job job_of(uint32_t ranks)
{
    return (oriel_job){.platform = "a2a3sim",
                       .devices = devices,
                       .ranks = ranks,
                       .count = COUNT,
                       .dtype = PTO_I32,
                       .repeat = 1,
                       .timeout_s = 60,
                       .form = UNDER_TSAN ? ORIEL_DEVICE_THREADS : ORIEL_DEVICE_PROCESSES};
}

/*
 * Each gets as much of the tensors as its launch gives it, and scalars that say sum and rank 0, in either order. The barrier
 * needs no tensors, and gets none every other time.
 */
static void run_sequence(pto_core *core)
{
    const pto_args *whole = core->args;
    const oriel_job job = job_of(whole->comm->ranks);
    for (int i = 0; i <= LENGTH; i++) {
        const oriel_launch_buffer *buffer = sequence[i]->buffers;
        const pto_global tensor[] = {pto_slice(whole->tensor[IN], 0, buffer[IN].count(&job)),
                                     pto_slice(whole->tensor[OUT], 0, buffer[OUT].count(&job))};
        const uint64_t scalar[] = {0, 0};
        pto_args part = {.tensors = 2, .scalars = 2, .comms = 1, .tensor = tensor, .scalar = scalar};
        if (sequence[i] == &oriel_launch_barrier && i % 2)
            part.tensors = 0;
        part.comm = whole->comm;
        core->args = &part;
        sequence[i]->kernel(core);
        core->args = whole;
    }
}

static uint64_t scratch_of_all(const oriel_job *job)
{
    uint64_t most = 0;
    for (uint32_t l = 0; l < oriel_launch_count(); l++) {
        uint64_t count = oriel_launch_at(l)->buffers[SCRATCH].count(job);
        most = count > most ? count : most;
    }
    return most;
}

static const oriel_launch_buffer buffers[] = ORIEL_COLLECTIVE_BUFFERS(oriel_count_all, oriel_count_all, scratch_of_all);

static oriel_launch launch_of(void)
{
    oriel_launch launch = oriel_launch_alltoall;
    launch.kernel = run_sequence;
    launch.buffers = buffers;
    return launch;
}

/* `next` runs through the launches in an order of its own again and again, so that none is left out. */
static void choose_sequence(oriel_random *random, uint32_t ranks, uint32_t *next)
{
    for (int i = 0; i < LENGTH; i++) {
        do {
            bool in_turn = i % 2 == 0;
            uint64_t pick = in_turn ? (*next)++ : oriel_random_next(random);
            sequence[i] = oriel_launch_at((uint32_t)(pick % oriel_launch_count()));
        } while (sequence[i]->max_ranks < ranks);
    }
    sequence[LENGTH] = &oriel_launch_alltoall;
}

static void print_sequence(void)
{
    for (int i = 0; i <= LENGTH; i++)
        printf("# %s\n", sequence[i]->name);
}

static void check_sequence(uint32_t ranks)
{
    oriel_launch launch = launch_of();
    oriel_job job = job_of(ranks);
    oriel_check_report report;
    assert_ok(oriel_check(&launch, &job, &(oriel_check_options){.no_witness = true}, &report));
    if (report.findings) {
        print_sequence();
        fail_msg("%u ranks: %s", ranks, report.finding[0].message);
    }
    assert_true(report.exhaustive);
    oriel_check_report_free(&report);
}

/* The test's state is the number of ranks. */
static void random_sequences(void **state)
{
    const uint32_t ranks = *(const uint32_t *)*state, sequences = ranks <= 3 ? 20 : 10;
    oriel_random random;
    oriel_random_seed(&random, test_seed() + ranks);
    uint32_t next = 0;
    for (uint32_t s = 0; s < sequences; s++) {
        choose_sequence(&random, ranks, &next);
        check_sequence(ranks);
    }
}

/*
 * A rank can be two epochs ahead of another one's fence, and no more: a leaf of the tree says that it has begun before it drains.
 * Then the root stores into all windows: nothing of the first kernel may be on its way to them.
 */
static void who_is_behind_a_word_without_a_drain(void **state)
{
    (void)state;
    for (uint32_t l = 0; l < oriel_launch_count(); l++) {
        const oriel_launch *first = oriel_launch_at(l);
        const oriel_launch *const all[LENGTH + 1] = {first,
                                                     &oriel_launch_broadcast_binomial,
                                                     &oriel_launch_scatter,
                                                     first,
                                                     &oriel_launch_broadcast_binomial,
                                                     &oriel_launch_allgather_ring,
                                                     first,
                                                     &oriel_launch_reduce_binomial,
                                                     &oriel_launch_allgather_bidirectional_ring,
                                                     first,
                                                     &oriel_launch_alltoall};
        memcpy(sequence, all, sizeof sequence);
        for (uint32_t ranks = 2; ranks <= 4 && ranks <= first->max_ranks; ranks++)
            check_sequence(ranks);
    }
}

int main(void)
{
    static uint32_t two = 2, three = 3, four = 4, five = 5;
    const struct CMUnitTest tests[] = {
        {"2 ranks", random_sequences, NULL, NULL, &two},        {"3 ranks", random_sequences, NULL, NULL, &three},
        {"4 ranks", random_sequences, NULL, NULL, &four},       {"5 ranks", random_sequences, NULL, NULL, &five},
        cmocka_unit_test(who_is_behind_a_word_without_a_drain),
    };
    return cmocka_run_group_tests_name("collectives/mixed", tests, NULL, NULL);
}
