/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: the memory model (docs/memory-model.md) and the explorer. Each litmus test is a kernel of two ranks that answers with
 * what it saw. Its allowed outcomes are written down; all legal interleavings, one by one and with no reduction, must give
 * exactly these, and the explorer, which runs a few of them, must see the same outcomes and the same kinds of findings.
 */
#include "base/clock.h"
#include "engine/check/explore.h"
#include "launch/check_memory.h"
#include "launch/job.h"
#include "oriel/kernel.h"
#include "platform/platform.h"
#include "test.h"

#define RANKS        2
#define ANSWERS      1 /* of each rank: a digit */
#define MAX_OUTCOMES 64
#define MAX_CHOICES  256
#define MOST_RUNS    400000u
#define NOT_RETURNED '-'

enum { DATA, SIGNALS };

/* ---- What the kernels are made of ------------------------------------------------------------------------------- */

static pto_addr cell(pto_core *core, uint32_t rank, uint32_t line)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    return pto_peer_addr(comm, pto_window_buffer(core, comm, SIGNALS).addr + (uint64_t)line * PTO_LINE_BYTES, rank);
}

static uint32_t me(pto_core *core)
{
    return pto_arg_comm(core, 0)->rank;
}

static void answer(pto_core *core, int32_t first, int32_t second)
{
    pto_global out = pto_arg_tensor(core, 0);
    pto_store_i32(core, out.addr, 2 * first + second);
    pto_dcci(core, out.addr);
    pto_dsb(core);
}

/* ---- The tests -------------------------------------------------------------------------------------------------- */

/* A test may come before or after the notify. */
static void seen_or_not(pto_core *core)
{
    int32_t saw = 0;
    if (me(core) == 0)
        pto_tnotify(core, cell(core, 1, 0), 1, PTO_NOTIFY_SET);
    else
        saw = pto_ttest(core, pto_cell(cell(core, 1, 0)), 1, PTO_GE);
    answer(core, saw, 0);
}

/* Two notifies arrive in their order: who sees the second sees the first. */
static void message_passing(pto_core *core)
{
    int32_t second = 0, first = 0;
    if (me(core) == 0) {
        pto_tnotify(core, cell(core, 1, 0), 1, PTO_NOTIFY_SET);
        pto_tnotify(core, cell(core, 1, 1), 1, PTO_NOTIFY_SET);
    } else {
        second = pto_ttest(core, pto_cell(cell(core, 1, 1)), 1, PTO_GE);
        first = pto_ttest(core, pto_cell(cell(core, 1, 0)), 1, PTO_GE);
    }
    answer(core, second, first);
}

/* Each notifies the other, then looks: not both miss. */
static void store_buffering(pto_core *core)
{
    pto_tnotify(core, cell(core, 1 - me(core), 0), 1, PTO_NOTIFY_SET);
    int32_t saw = pto_ttest(core, pto_cell(cell(core, me(core), 0)), 1, PTO_GE);
    answer(core, saw, 0);
}

/* A loop of tests ends when the notify has come, and not before. */
static void polling(pto_core *core)
{
    if (me(core) == 0)
        pto_tnotify(core, cell(core, 1, 0), 1, PTO_NOTIFY_SET);
    else
        while (!pto_ttest(core, pto_cell(cell(core, 1, 0)), 1, PTO_GE))
            ;
    answer(core, 1, 0);
}

/* An equality that two additions can pass by. */
static void overshoot(pto_core *core)
{
    if (me(core) == 0) {
        pto_tnotify(core, cell(core, 1, 0), 1, PTO_NOTIFY_ADD);
        pto_tnotify(core, cell(core, 1, 0), 1, PTO_NOTIFY_ADD);
    } else {
        pto_twait(core, pto_cell(cell(core, 1, 0)), 1, PTO_EQ);
    }
    answer(core, 1, 0);
}

/* A count that either of two can raise: it says nothing of the other's data. */
static void either_will_do(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    pto_global data = pto_window_buffer(core, comm, DATA);
    if (me(core) == 0) {
        pto_addr there = pto_peer_addr(comm, data.addr, 1);
        pto_store_i32(core, there, 5);
        pto_dcci(core, there);
        pto_dsb(core);
        pto_tnotify(core, cell(core, 1, 0), 1, PTO_NOTIFY_ADD);
    } else {
        pto_tnotify(core, cell(core, 1, 0), 1, PTO_NOTIFY_ADD);
        pto_twait(core, pto_cell(cell(core, 1, 0)), 1, PTO_GE);
        pto_dcci(core, data.addr);
        (void)pto_load_i32(core, data.addr);
    }
    answer(core, 1, 0);
}

/* The same with a count that needs both. */
static void both_are_needed(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    pto_global data = pto_window_buffer(core, comm, DATA);
    int32_t saw = 0;
    if (me(core) == 0) {
        pto_addr there = pto_peer_addr(comm, data.addr, 1);
        pto_store_i32(core, there, 5);
        pto_dcci(core, there);
        pto_dsb(core);
        pto_tnotify(core, cell(core, 1, 0), 1, PTO_NOTIFY_ADD);
    } else {
        pto_tnotify(core, cell(core, 1, 0), 1, PTO_NOTIFY_ADD);
        pto_twait(core, pto_cell(cell(core, 1, 0)), 2, PTO_GE);
        pto_dcci(core, data.addr);
        saw = pto_load_i32(core, data.addr);
    }
    answer(core, 0, saw);
}

/* Each waits for the other before it notifies. */
static void cross_wait(pto_core *core)
{
    pto_twait(core, pto_cell(cell(core, me(core), 0)), 1, PTO_GE);
    pto_tnotify(core, cell(core, 1 - me(core), 0), 1, PTO_NOTIFY_SET);
    answer(core, 1, 0);
}

/* An outcome: the answer of rank 0 (twice what it saw first, and what it saw second), then that of rank 1; - for no return. */
static const struct litmus {
    const char *name;
    oriel_kernel_fn kernel;
    const char *outcomes[5];
} tests[] = {
    {"seen or not", seen_or_not, {"00", "02"}},
    {"message passing", message_passing, {"00", "01", "03"}},
    {"store buffering", store_buffering, {"02", "20", "22"}},
    {"polling", polling, {"22"}},
    {"overshoot", overshoot, {"22", "2-"}},
    {"either will do", either_will_do, {"22"}},
    {"both are needed", both_are_needed, {"05"}},
    {"cross wait", cross_wait, {"--"}},
};

/* ---- Outcomes --------------------------------------------------------------------------------------------------- */

typedef char outcome[RANKS * ANSWERS + 1];

typedef struct watcher {
    oriel_check_memory memory;
    oriel_check_host inner;
    outcome now, seen[MAX_OUTCOMES];
    bool begun;
    uint32_t count;
} watcher;

static void keep(watcher *w)
{
    for (uint32_t i = 0; i < w->count; i++)
        if (strcmp(w->seen[i], w->now) == 0)
            return;
    assert_true(w->count < MAX_OUTCOMES);
    strcpy(w->seen[w->count++], w->now);
}

static void watch_reset(void *context)
{
    watcher *w = context;
    if (w->begun)
        keep(w);
    w->begun = true;
    memset(w->now, NOT_RETURNED, RANKS * ANSWERS);
    w->inner.reset(w->inner.context);
}

static void watch_entering(void *context, uint32_t rank, uint32_t call)
{
    watcher *w = context;
    w->inner.entering(w->inner.context, rank, call);
}

static const char *watch_returned(void *context, uint32_t rank, uint32_t call)
{
    watcher *w = context;
    (void)call;
    const int32_t *out = w->memory.args[rank].tensor[0].data;
    for (uint32_t i = 0; i < ANSWERS; i++)
        w->now[rank * ANSWERS + i] = (char)('0' + out[i]);
    return NULL;
}

/* ---- Two ways through them -------------------------------------------------------------------------------------- */

static uint64_t one(const oriel_job *job)
{
    (void)job;
    return 1;
}

static oriel_expected no_matter(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                                uint64_t i)
{
    (void)job, (void)inputs, (void)rank, (void)buffer, (void)i;
    return (oriel_expected){{.i = 0}, 0};
}

static const oriel_launch_buffer buffers[] = {{"out", ORIEL_ROLE_OUTPUT, PTO_I32, oriel_count_one},
                                              {"data", ORIEL_ROLE_WINDOW, PTO_I32, one},
                                              {"signals", ORIEL_ROLE_WINDOW, PTO_I32, oriel_count_signals}};

typedef struct scene {
    oriel_launch launch;
    oriel_job job;
    watcher watch;
    oriel_check_host host;
    oriel_check_options options;
    oriel_check_setup setup;
    oriel_checker *checker;
} scene;

static void open_scene(scene *s, oriel_kernel_fn kernel)
{
    static const int devices[RANKS] = {0, 1};
    const oriel_limits *limits = &oriel_platform_a2a3sim.limits;
    *s = (scene){.launch = {.name = "litmus",
                            .summary = "",
                            .kernel = kernel,
                            .buffers = buffers,
                            .buffer_count = 3,
                            .expect = no_matter,
                            .dtypes = PTO_DTYPES_ALL,
                            .min_ranks = 2,
                            .max_ranks = 2,
                            .default_count = ANSWERS},
                 .options = {.calls = 1, .max_schedules = 1000}};
    oriel_job job = {.platform = "a2a3sim", .devices = devices, .ranks = RANKS, .dtype = PTO_I32, .repeat = 1};
    assert_ok(oriel_job_complete(&s->launch, &job, &s->job));
    assert_ok(oriel_check_memory_make(&s->launch, &s->job, limits, &s->watch.memory));
    s->watch.inner = oriel_check_memory_host(&s->watch.memory);
    s->host = (oriel_check_host){watch_reset, watch_entering, watch_returned, &s->watch};
    s->setup = (oriel_check_setup){.limits = limits,
                                   .ranks = RANKS,
                                   .blocks = 1,
                                   .calls = 1,
                                   .function = kernel,
                                   .view = s->watch.memory.view,
                                   .piece = s->watch.memory.piece,
                                   .pieces = s->watch.memory.pieces,
                                   .host = &s->host,
                                   .options = &s->options,
                                   .deadline = oriel_deadline(300)};
    assert_ok(oriel_checker_create(&s->setup, &s->checker));
}

static uint32_t kinds_of(const scene *s)
{
    uint32_t kinds = 0;
    for (uint32_t i = 0; i < s->checker->findings.count; i++)
        kinds |= 1u << s->checker->findings.found[i].kind;
    return kinds;
}

static void close_scene(scene *s)
{
    oriel_checker_destroy(s->checker);
    oriel_check_memory_free(&s->watch.memory);
}

/* One path through the tree of choices: what was picked, of how many. */
typedef struct path {
    uint32_t pick[MAX_CHOICES], of[MAX_CHOICES], depth, at;
} path;

static uint32_t follow(void *context, uint32_t n)
{
    path *p = context;
    assert_true(p->at < MAX_CHOICES);
    if (p->at == p->depth)
        p->pick[p->depth++] = 0;
    p->of[p->at] = n;
    return p->pick[p->at++];
}

/* To the next path; false after the last. */
static bool next_path(path *p)
{
    while (p->depth > 0 && p->pick[p->depth - 1] + 1 == p->of[p->depth - 1])
        p->depth--;
    if (p->depth == 0)
        return false;
    p->pick[p->depth - 1]++;
    return true;
}

static uint32_t run_all(scene *s)
{
    path p = {.depth = 0};
    uint32_t runs = 0;
    do {
        p.at = 0;
        check_run(s->checker, &(oriel_plan){.choose = follow, .context = &p});
        assert_true(++runs < MOST_RUNS);
    } while (next_path(&p));
    keep(&s->watch);
    return runs;
}

static bool has(const watcher *w, const char *wanted)
{
    for (uint32_t i = 0; i < w->count; i++)
        if (strcmp(w->seen[i], wanted) == 0)
            return true;
    return false;
}

static void expect_outcomes(const struct litmus *test, const watcher *w, const char *who)
{
    uint32_t wanted = 0;
    for (; test->outcomes[wanted]; wanted++)
        if (!has(w, test->outcomes[wanted]))
            fail_msg("%s: %s do not give the allowed outcome %s", test->name, who, test->outcomes[wanted]);
    if (w->count != wanted)
        fail_msg("%s: %s give %u outcomes, the last of them %s; %u are allowed", test->name, who, w->count,
                 w->seen[w->count - 1], wanted);
}

static void test_explorer_sees_what_all_interleavings_show(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        scene all, few;
        open_scene(&all, tests[i].kernel);
        uint32_t runs = run_all(&all);
        open_scene(&few, tests[i].kernel);
        assert_ok(oriel_checker_explore(few.checker));
        keep(&few.watch);
        printf("# %s: %u interleavings, %u schedules of the explorer\n", tests[i].name, runs,
               (unsigned)few.checker->schedules);
        expect_outcomes(&tests[i], &all.watch, "all interleavings");
        expect_outcomes(&tests[i], &few.watch, "the explorer's schedules");
        assert_true(few.checker->exhaustive);
        if (kinds_of(&all) != kinds_of(&few))
            fail_msg("%s: kinds of findings %x in all interleavings, %x for the explorer", tests[i].name,
                     kinds_of(&all), kinds_of(&few));
        close_scene(&few);
        close_scene(&all);
    }
}

int main(void)
{
    const struct CMUnitTest unit_tests[] = {cmocka_unit_test(test_explorer_sees_what_all_interleavings_show)};
    return cmocka_run_group_tests(unit_tests, NULL, NULL);
}
