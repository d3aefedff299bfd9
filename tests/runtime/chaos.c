/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random programs with random accidents, against a model: many tasks over ranges of the same memory, some of which fail, on
 * devices some of which are killed, through rings that are too small. What this protects: a task that ended well was run
 * once; one that was poisoned or refused was not; a run in which something failed says so; nothing is left.
 */
#include "base/random.h"
#include "fixture.h"

#define MAX_DEVICES 5
#define MAX_TASKS   128
#define ELEMENTS    64

/* ---- Callables -------------------------------------------------------------------------------------------------- */

static void fault_kernel(pto_core *core)
{
    pto_trap(core, "a fault");
}

/* Each rank meets the others once; then the one of scalar 1 fails, and the others wait for it in vain. */
static void meet_and_fault_kernel(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    meet_kernel(core);
    if (comm->rank == pto_arg_i64(core, 1))
        pto_trap(core, "a fault in a group");
    pto_twait(core, pto_cell(pto_window_buffer(core, comm, 0).addr), INT32_MAX, PTO_EQ);
}

static oriel_status host_count(const oriel_args *args)
{
    int32_t *cells = args->tensor[0].data;
    for (uint64_t i = 0; i < args->tensor[0].shape[0]; i++)
        cells[i]++;
    return ORIEL_OK;
}

static oriel_status host_fail(const oriel_args *args)
{
    (void)args;
    return ORIEL_WRONG;
}

/* Counts through two kernels: the first half of tensor 0 and the second. */
static oriel_status device_count(oriel_orch *orch, const oriel_args *given)
{
    oriel_tensor tensor = given->tensor[0];
    uint64_t count = tensor.shape[0], half = count / 2;
    for (int part = half == 0; part < 2; part++) {
        oriel_args args = ORIEL_ARGS_INIT;
        oriel_tensor range =
            oriel_tensor_1d((int32_t *)tensor.data + (part ? half : 0), PTO_I32, part ? count - half : half);
        TRY(oriel_args_tensor(&args, range, ORIEL_INOUT));
        TRY(oriel_submit(orch, 0, &args, 0, NULL));
    }
    return ORIEL_OK;
}

enum { COUNT, HOST_COUNT, DEVICE_COUNT, FAULT, HOST_FAIL, MEET, MEET_AND_FAULT, CALLABLES };

static const oriel_kernel count_alone[] = {{"count", count_kernel}};
static const oriel_kernel fault_alone[] = {{"fault", fault_kernel}};
static const oriel_kernel meet_alone[] = {{"meet", meet_kernel}};
static const oriel_kernel meet_and_fault_alone[] = {{"meet_and_fault", meet_and_fault_kernel}};

static const oriel_callable callables[CALLABLES] = {
    [COUNT] = TEST_KERNEL("count", count_alone),
    [HOST_COUNT] = TEST_HOST("host_count", host_count),
    [DEVICE_COUNT] = TEST_DEVICE("device_count", device_count, count_alone),
    [FAULT] = TEST_KERNEL("fault", fault_alone),
    [HOST_FAIL] = TEST_HOST("host_fail", host_fail),
    [MEET] = TEST_KERNEL("meet", meet_alone),
    [MEET_AND_FAULT] = TEST_KERNEL("meet_and_fault", meet_and_fault_alone),
};

/* ---- A random program ------------------------------------------------------------------------------------------- */

/* A task that counts in elements [first, first + count) of array `array`. */
typedef struct counting {
    oriel_task task;
    int array;
    uint32_t first, count;
} counting;

typedef struct program {
    fixture *f;
    oriel_random random;
    uint32_t devices;
    int accidents;     /* in how many of 1000 steps something goes wrong */
    int32_t *array[2]; /* shared memory, and memory of the program's own */
    counting counting[MAX_TASKS];
    uint32_t countings;
    int32_t expected[2][ELEMENTS]; /* -1: not known */
    int scopes;
    bool failed; /* a task of this run */
} program;

static uint32_t below(program *p, uint32_t bound)
{
    return (uint32_t)oriel_random_below(&p->random, bound);
}

static bool one_in(program *p, uint32_t bound)
{
    return below(p, bound) == 0;
}

/* What a submission in bad weather may say. */
static bool is_submitted(oriel_status status)
{
    if (status != ORIEL_OK && status != ORIEL_RANK_DIED && status != ORIEL_NO_MEMORY)
        fail_msg("%s: %s", oriel_status_name(status), oriel_last_error());
    return status == ORIEL_OK;
}

static void submit_counting(oriel_orch *orch, program *p, int callable)
{
    counting *it = &p->counting[p->countings];
    oriel_args args = ORIEL_ARGS_INIT;
    it->array = (int)below(p, 2);
    it->first = below(p, ELEMENTS);
    it->count = 1 + below(p, one_in(p, 4) ? ELEMENTS - it->first : (ELEMENTS - it->first + 7) / 8);
    assert_ok(
        oriel_args_tensor(&args, oriel_tensor_1d(p->array[it->array] + it->first, PTO_I32, it->count), ORIEL_INOUT));
    if (one_in(p, 8))
        assert_ok(oriel_args_tensor(&args, oriel_tensor_1d(NULL, PTO_I32, 1 + below(p, 300)), ORIEL_OUTPUT));
    if (one_in(p, 8))
        assert_ok(
            oriel_args_tensor(&args, oriel_tensor_1d(p->array[0] + below(p, ELEMENTS), PTO_I32, 1), ORIEL_NO_DEP));
    if (p->countings && one_in(p, 6))
        assert_ok(oriel_args_after(&args, p->counting[below(p, p->countings)].task));
    uint32_t device = one_in(p, 4) ? ORIEL_ANY_DEVICE : below(p, p->devices);
    if (is_submitted(oriel_submit(orch, p->f->id[callable], &args, device, &it->task)))
        p->countings++;
}

/* A group on a domain of its own; its window goes when it has ended. */
static void submit_group(oriel_orch *orch, program *p, int callable)
{
    uint32_t members[MAX_DEVICES], ranks = 1 + below(p, p->devices), first = below(p, p->devices);
    for (uint32_t i = 0; i < ranks; i++)
        members[i] = (first + i) % p->devices;
    oriel_domain *domain = allocate_signals(orch, "some", members, ranks);
    is_submitted(submit_to_domain(orch, p->f->id[callable], domain, 1 + below(p, 4), below(p, ranks), NULL));
    if (one_in(p, 2))
        assert_ok(oriel_release_domain(orch, domain));
}

static void kill_some_device(program *p)
{
    int pid = stage->pid[below(p, p->devices)];
    if (pid)
        kill(pid, SIGKILL);
}

static void have_an_accident(oriel_orch *orch, program *p)
{
    switch (below(p, p->f->form == ORIEL_DEVICE_PROCESSES ? 4 : 3)) {
    case 0: submit_counting(orch, p, FAULT); break;
    case 1: submit_counting(orch, p, HOST_FAIL); break;
    case 2: submit_group(orch, p, MEET_AND_FAULT); break;
    case 3: kill_some_device(p); break;
    }
}

static void begin_or_end_scope(oriel_orch *orch, program *p)
{
    bool begin_one = p->scopes == 0 || (p->scopes < 3 && one_in(p, 3));
    assert_ok(begin_one ? oriel_scope_begin(orch) : oriel_scope_end(orch));
    p->scopes += begin_one ? 1 : -1;
}

static void step(oriel_orch *orch, program *p)
{
    if (below(p, 1000) < (uint32_t)p->accidents)
        have_an_accident(orch, p);
    else if (one_in(p, 5))
        submit_group(orch, p, MEET);
    else if (one_in(p, 8))
        begin_or_end_scope(orch, p);
    else if (one_in(p, 10) && p->countings)
        oriel_task_wait(orch, p->counting[below(p, p->countings)].task, 1e-6 * below(p, 2000));
    else
        submit_counting(orch, p, (int)below(p, DEVICE_COUNT + 1));
}

/* What became of a task tells what it did. */
static void note(program *p, const counting *it, oriel_status status)
{
    for (uint32_t i = it->first; i < it->first + it->count; i++) {
        int32_t *expected = &p->expected[it->array][i];
        if (status == ORIEL_RANK_DIED)
            *expected = -1;
        else if (status == ORIEL_OK && *expected >= 0)
            ++*expected;
    }
}

static oriel_status program_function(oriel_orch *orch, void *user)
{
    program *p = user;
    p->countings = p->scopes = 0;
    uint32_t steps = 1 + below(p, MAX_TASKS);
    for (uint32_t i = 0; i < steps; i++)
        step(orch, p);
    for (uint32_t i = 0; i < p->countings; i++) {
        oriel_status status = oriel_task_wait(orch, p->counting[i].task, -1);
        p->failed |= status != ORIEL_OK;
        note(p, &p->counting[i], status);
    }
    return ORIEL_OK;
}

/* The pids of the devices, by their index. */
static void sign_in_kernel(pto_core *core)
{
    atomic_store(&stage->pid[pto_arg_comm(core, 0)->rank], getpid());
}

static const oriel_kernel sign_in_alone[] = {{"sign_in", sign_in_kernel}};

static oriel_status sign_in_function(oriel_orch *orch, void *user)
{
    program *p = user;
    oriel_domain *domain = allocate_signals(orch, "all", NULL, p->devices);
    return submit_to_domain(orch, p->f->id[CALLABLES], domain, 0, 0, NULL);
}

static void start(program *p)
{
    oriel_callable all[CALLABLES + 1];
    memcpy(all, callables, sizeof callables);
    all[CALLABLES] = (oriel_callable)TEST_KERNEL("sign_in", sign_in_alone);
    static const uint32_t slots[] = {1, 2, 5, 32, 0};
    oriel_worker_options options = {.task_slots = slots[below(p, 5)],
                                    .temporary_bytes = one_in(p, 2) ? 4096 : 0,
                                    .sub_workers = 1 + below(p, 3),
                                    .arena_bytes = 16 << 20};
    p->devices = 1 + below(p, MAX_DEVICES);
    start_level(p->f, 3, p->devices, &options, all, CALLABLES + 1);
    if (p->f->form == ORIEL_DEVICE_PROCESSES)
        assert_ok(oriel_worker_run(p->f->worker, sign_in_function, p, 0));
}

static void run_programs_on_a_worker(program *p)
{
    start(p);
    oriel_tensor shared = shared_i32(p->f, ELEMENTS);
    int32_t own[ELEMENTS] = {0};
    p->array[0] = cells_of(&shared);
    p->array[1] = own;
    memset(p->expected, 0, sizeof p->expected);
    for (int run = 0; run < 3; run++) {
        p->failed = false;
        oriel_status status = oriel_worker_run(p->f->worker, program_function, p, 20);
        assert_false(p->failed && status == ORIEL_OK);
        if (p->accidents == 0)
            assert_int_equal(status, ORIEL_OK);
    }
    for (int array = 0; array < 2; array++)
        for (int i = 0; i < ELEMENTS; i++)
            if (p->expected[array][i] >= 0)
                assert_int_equal(p->array[array][i], p->expected[array][i]);
    stop(p->f);
}

static void run_programs(fixture *f, int accidents)
{
    static program p;
    p = (program){.f = f, .accidents = accidents};
    oriel_random_seed(&p.random, test_seed() + (uint64_t)accidents);
    for (int i = 0; i < 40; i++)
        run_programs_on_a_worker(&p);
}

static void random_programs(void **state)
{
    run_programs(begin(state), 0);
}

static void random_programs_with_accidents(void **state)
{
    run_programs(begin(state), 20);
}

static void random_programs_with_many_accidents(void **state)
{
    run_programs(begin(state), 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH(random_programs),
        IN_BOTH(random_programs_with_accidents),
        IN_BOTH(random_programs_with_many_accidents),
    };
    return cmocka_run_group_tests(tests, make_stage, remove_stage);
}
