/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: the memory model (docs/memory-model.md), the machine, and the explorer. For each litmus test, where it applies:
 *
 *   1. All legal interleavings, one by one and with no reduction (plan.h: choose), give exactly the outcomes written down.
 *   2. The explorer finds exactly the kinds written down; and the same pairs of places race, and the same other kinds are found, in
 *      all interleavings as by the explorer.
 *   3. No race: the outcome is a function of what tests say, and the explorer sees the same answers and the same outcomes as all
 *      interleavings together, and learns nothing that none of them does. So an outcome that differs with nothing found fails.
 *   4. A race: the explorer's schedules, and those of its witnesses, end as some interleaving does. A race that no interleaving
 *      shows has its reason with the test.
 *
 * And the document and the tests name the same: each of its rules has a litmus test, and each test its place in it.
 */
#include "litmus.h"

#include "base/clock.h"
#include "engine/check/explore.h"
#include "launch/check_memory.h"
#include "launch/job.h"
#include "platform/platform.h"
#include "test.h"

#define MAX_OUTCOMES 64
#define MAX_PAIRS    64
#define MAX_ANSWERS  4096
#define MAX_CHOICES  256
#define MOST_RUNS    400000u
#define WORDS        64
#define SMALL_UB     1024u /* poisoned before each run */

static const litmus_file *const files[] = {&litmus_order, &litmus_signals, &litmus_cache, &litmus_tasks, &litmus_tiny};
#define FILES (sizeof files / sizeof *files)

/* ---- What was seen ---------------------------------------------------------------------------------------------- */

typedef char outcome_text[16];

/* Two places that race, in either order. */
typedef struct pair {
    const pto_site *a, *b;
    bool line;
} pair;

/* A set of hashes, each with the outcome that it came with. */
typedef struct answers {
    uint64_t hash[MAX_ANSWERS];
    uint32_t outcome[MAX_ANSWERS];
    uint32_t count;
    bool two_ends; /* one came with two outcomes */
} answers;

typedef struct sights {
    outcome_text seen[MAX_OUTCOMES];
    pair raced[MAX_PAIRS];
    uint32_t outcomes, pairs;
    answers said, learned; /* which waits ended and what tests said; and what they learned by it */
} sights;

typedef struct scene {
    const litmus *test;
    oriel_launch launch;
    oriel_job job;
    oriel_limits limits;
    oriel_check_memory memory;
    oriel_check_host inner, host;
    oriel_check_options options;
    oriel_check_setup setup;
    oriel_checker *checker;
    oriel_check_graph graph[4]; /* of each rank; */
    oriel_check_task task[4][LITMUS_TASKS];
    oriel_check_until until[4][LITMUS_TASKS];
    uint32_t after[LITMUS_TASKS][LITMUS_TASKS];
    bool begun;
    outcome_text now;
    sights sight;
} scene;

static scene *running;

static char digit(int64_t value)
{
    return value >= 0 && value <= 9 ? (char)('0' + value) : '?';
}

static void see_as(uint32_t place, char what)
{
    assert_true(place + 2 < sizeof running->now);
    while (strlen(running->now) <= place)
        strcat(running->now, ".");
    running->now[place] = what;
}

void see(uint32_t place, int64_t value)
{
    see_as(place, digit(value));
}

void preset(pto_core *core, pto_tile tile, int32_t value)
{
    check_core *c = (check_core *)core;
    check_poison(c, PTO_UB, tile.offset + sizeof value);
    memcpy(c->memory[PTO_UB] + tile.offset, &value, sizeof value);
    oriel_ranges_remove(c->local_undefined, tile.offset, tile.offset + sizeof value);
}

static int32_t *data_of(const scene *s, uint32_t rank)
{
    for (uint32_t i = 0; i < s->memory.pieces; i++)
        if (s->memory.piece[i].rank == rank && strcmp(s->memory.piece[i].name, "data") == 0)
            return (int32_t *)(void *)((char *)oriel_arena_base(s->memory.arena) + s->memory.piece[i].offset);
    fail_msg("no data of rank %u", rank);
    return NULL;
}

/* What is there at the end; or that there is none. */
static void see_end(scene *s)
{
    const machine *m = s->checker;
    uint32_t place = (uint32_t)strlen(s->now);
    if (m->end != RUN_ENDED) {
        see_as(place, '!');
        return;
    }
    for (uint32_t i = 0; i < 4 && s->test->ends[i].here; i++) {
        const litmus_end *end = &s->test->ends[i];
        int32_t value;
        memcpy(&value, m->core[end->of].memory[PTO_UB] + end->at * s->limits.ub_align, sizeof value);
        see(place + i, end->ub ? value : data_of(s, end->of)[end->at]);
    }
}

static uint32_t keep_outcome(sights *sight, const char *now)
{
    for (uint32_t i = 0; i < sight->outcomes; i++)
        if (strcmp(sight->seen[i], now) == 0)
            return i;
    assert_true(sight->outcomes < MAX_OUTCOMES);
    strcpy(sight->seen[sight->outcomes], now);
    return sight->outcomes++;
}

static void keep_pair(sights *sight, pair p)
{
    for (uint32_t i = 0; i < sight->pairs; i++) {
        const pair *q = &sight->raced[i];
        if (p.line == q->line && ((p.a == q->a && p.b == q->b) || (p.a == q->b && p.b == q->a)))
            return;
    }
    assert_true(sight->pairs < MAX_PAIRS);
    sight->raced[sight->pairs++] = p;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static uint64_t mix_clock(uint64_t hash, const machine *m, const uint32_t *at, uint32_t count)
{
    for (uint32_t q = 0; q < m->cores * ORIEL_CORE_QUEUES; q++)
        hash = mix(hash, q < count ? at[q] : 0);
    return hash;
}

/* What each core's signal operations said (a repeated test is one), and, if `learned`, what it knew before each and at its end. */
static uint64_t answers_of(const machine *m, bool learned)
{
    uint64_t hash = 1;
    for (uint32_t c = 0; c < m->cores; c++) {
        for (uint32_t i = 0; i < m->steps.count; i++) {
            const oriel_step *step = &m->steps.step[i];
            if (step->core != c || step->dead)
                continue;
            hash = mix(hash, step->op * 2u + step->result);
            if (learned && step->known_count)
                hash = mix_clock(hash, m, m->steps.known + step->known, step->known_count);
        }
        hash = mix(hash, m->core[c].state);
        hash = learned ? mix_clock(hash, m, m->core[c].clock.at, m->core[c].clock.count) : hash;
    }
    return hash;
}

static void keep_answers(answers *in, uint64_t hash, uint32_t outcome)
{
    for (uint32_t i = 0; i < in->count; i++)
        if (in->hash[i] == hash) {
            in->two_ends |= in->outcome[i] != outcome;
            return;
        }
    assert_true(in->count < MAX_ANSWERS);
    in->hash[in->count] = hash;
    in->outcome[in->count++] = outcome;
}

static void keep_run(scene *s)
{
    const machine *m = s->checker;
    see_end(s);
    uint32_t outcome = keep_outcome(&s->sight, s->now);
    keep_answers(&s->sight.said, answers_of(m, false), outcome);
    keep_answers(&s->sight.learned, answers_of(m, true), outcome);
    for (uint32_t i = 0; i < m->conflicts; i++)
        keep_pair(&s->sight, (pair){m->event[m->conflict[i].earlier].site, m->event[m->conflict[i].later].site,
                                    m->conflict[i].line});
}

/* ---- The host of a run ------------------------------------------------------------------------------------------ */

static void watch_reset(void *context)
{
    scene *s = running = context;
    if (s->begun)
        keep_run(s);
    s->begun = true;
    s->now[0] = '\0';
    s->inner.reset(s->inner.context);
    for (uint32_t rank = 0; rank < s->job.ranks; rank++)
        for (uint32_t i = 0; i < 2; i++)
            data_of(s, rank)[i] = s->test->data[i];
}

static void watch_entering(void *context, uint32_t rank, uint32_t call)
{
    scene *s = context;
    s->inner.entering(s->inner.context, rank, call);
}

static const char *watch_returned(void *context, uint32_t rank, uint32_t call)
{
    scene *s = context;
    (void)call;
    if (s->test->out && rank == 0)
        see(0, *(const int32_t *)s->memory.args[rank].tensor[0].data);
    return NULL;
}

/* ---- A scene ---------------------------------------------------------------------------------------------------- */

static uint64_t count_of_window(const oriel_job *job)
{
    (void)job;
    return WORDS;
}

static oriel_expected no_matter(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                                uint64_t i)
{
    (void)job, (void)inputs, (void)rank, (void)buffer, (void)i;
    return (oriel_expected){{.i = 0}, 0};
}

static const oriel_launch_buffer buffers[] = {{"out", ORIEL_ROLE_OUTPUT, PTO_I32, oriel_count_one},
                                              {"data", ORIEL_ROLE_WINDOW, PTO_I32, count_of_window},
                                              {"signals", ORIEL_ROLE_WINDOW, PTO_I32, count_of_window}};

static uint32_t at_least_one(uint32_t n)
{
    return n ? n : 1;
}

static uint64_t first_cell(const scene *s, uint32_t rank)
{
    for (uint32_t i = 0; i < s->memory.pieces; i++)
        if (s->memory.piece[i].rank == rank && strcmp(s->memory.piece[i].name, "signals") == 0)
            return s->memory.piece[i].offset;
    fail_msg("no signals of rank %u", rank);
    return 0;
}

/* Returns how many cores they need. */
static uint32_t make_tasks(scene *s, uint32_t rank)
{
    static const pto_site site = {.file = "", .function = "a task"};
    uint32_t cores = 0;
    for (uint32_t i = 0; i < LITMUS_TASKS && s->test->task[i].kernel; i++) {
        const litmus_task *from = &s->test->task[i];
        oriel_check_task *task = &s->task[rank][i];
        *task = (oriel_check_task){.name = "a task",
                                   .function = from->kernel,
                                   .view = &s->memory.view[rank],
                                   .first = cores,
                                   .blocks = at_least_one(from->blocks),
                                   .after = s->after[i],
                                   .until = &s->until[rank][i],
                                   .untils = from->until != 0,
                                   .site = &site};
        for (uint32_t before = 0; before < i; before++)
            if (from->after >> before & 1)
                s->after[i][task->afters++] = before;
        s->until[rank][i] = (oriel_check_until){first_cell(s, rank), from->until};
        cores += task->blocks;
        s->graph[rank] = (oriel_check_graph){s->task[rank], i + 1};
    }
    return cores;
}

/* The tasks of a test with one call. */
static void set_tasks(scene *s)
{
    for (uint32_t rank = 0; rank < s->job.ranks; rank++)
        s->setup.blocks = make_tasks(s, rank);
    s->setup.graph = s->graph;
}

static oriel_kernel_fn kernel_of(const litmus *test)
{
    return test->kernel ? test->kernel : test->task[0].kernel;
}

static scene *open_scene(const litmus *test, unsigned where)
{
    static const int devices[] = {0, 1, 2, 3};
    scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    bool a5 = where & A5;
    uint32_t ranks = at_least_one(test->ranks), blocks = at_least_one(test->blocks), calls = at_least_one(test->calls);
    s->test = test;
    s->limits = a5 ? oriel_platform_a5sim.limits : oriel_platform_a2a3sim.limits;
    s->limits.ub_bytes = SMALL_UB;
    s->launch = (oriel_launch){.name = "litmus",
                               .summary = "",
                               .kernel = kernel_of(test),
                               .blocks = blocks,
                               .buffers = buffers,
                               .buffer_count = 3,
                               .expect = no_matter,
                               .dtypes = PTO_DTYPES_ALL,
                               .min_ranks = 1,
                               .max_ranks = 4,
                               .default_count = 1};
    oriel_job job = {.platform = a5 ? "a5sim" : "a2a3sim", .devices = devices, .ranks = ranks, .dtype = PTO_I32};
    assert_ok(oriel_job_complete(&s->launch, &job, &s->job));
    assert_ok(oriel_check_memory_make(&s->launch, &s->job, &s->limits, &s->memory));
    for (uint32_t i = 0; i < s->memory.pieces && !test->out; i++)
        s->memory.piece[i].output = s->memory.piece[i].undefined = false;
    s->inner = oriel_check_memory_host(&s->memory);
    s->host = (oriel_check_host){watch_reset, watch_entering, watch_returned, s};
    s->options = (oriel_check_options){.profile = where & STRICT ? ORIEL_PROFILE_STRICT : ORIEL_PROFILE_DOCUMENTED,
                                       .calls = calls,
                                       .max_schedules = 10000};
    s->setup = (oriel_check_setup){.limits = &s->limits,
                                   .ranks = ranks,
                                   .blocks = blocks,
                                   .calls = calls,
                                   .function = test->kernel,
                                   .view = s->memory.view,
                                   .piece = s->memory.piece,
                                   .pieces = s->memory.pieces,
                                   .host = &s->host,
                                   .options = &s->options,
                                   .deadline = oriel_deadline(300)};
    if (!test->kernel)
        set_tasks(s);
    assert_ok(oriel_checker_create(&s->setup, &s->checker));
    return s;
}

static void close_scene(scene *s)
{
    oriel_checker_destroy(s->checker);
    oriel_check_memory_free(&s->memory);
    free(s);
}

static unsigned kinds_of(const scene *s)
{
    unsigned kinds = 0;
    for (uint32_t i = 0; i < s->checker->findings.count; i++)
        kinds |= 1u << s->checker->findings.found[i].kind;
    return kinds;
}

/* ---- Two ways through a test ------------------------------------------------------------------------------------ */

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
        if (++runs == MOST_RUNS)
            fail_msg("%s: more than %u interleavings", s->test->name, MOST_RUNS);
    } while (next_path(&p));
    keep_run(s);
    return runs;
}

/* ---- Comparing -------------------------------------------------------------------------------------------------- */

typedef struct verdict {
    const litmus *test;
    const litmus_case *expected;
    char where[32];
    uint32_t wrong;
} verdict;

#define wrong(v, ...)                                                                                                  \
    do {                                                                                                               \
        (v)->wrong++;                                                                                                  \
        print_message("# WRONG: %s (%s): ", (v)->test->name, (v)->where);                                              \
        print_message(__VA_ARGS__);                                                                                    \
        print_message("\n");                                                                                           \
    } while (0)

static bool has(const char *outcomes, const char *one)
{
    size_t length = strlen(one);
    for (const char *at = outcomes; (at = strstr(at, one)); at += length)
        if ((at == outcomes || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

static uint32_t count_words(const char *text)
{
    uint32_t words = 0;
    for (const char *at = text; *at; at++)
        words += at[0] != ' ' && (at[1] == ' ' || at[1] == '\0');
    return words;
}

static void expect_allowed(verdict *v, const sights *sight, const char *who, bool all)
{
    const char *allowed = v->expected->outcomes;
    for (uint32_t i = 0; i < sight->outcomes; i++)
        if (!has(allowed, sight->seen[i]))
            wrong(v, "%s end with %s; allowed are %s", who, sight->seen[i], allowed);
    if (!all || sight->outcomes == count_words(allowed))
        return;
    for (const char *at = allowed; *at; at += strcspn(at, " ") + (at[strcspn(at, " ")] == ' ')) {
        outcome_text one = "";
        memcpy(one, at, strcspn(at, " "));
        bool there = false;
        for (uint32_t i = 0; i < sight->outcomes; i++)
            there |= strcmp(sight->seen[i], one) == 0;
        if (!there)
            wrong(v, "%s never end with the allowed %s", who, one);
    }
}

static const char *kinds_text(unsigned kinds, char text[256])
{
    strcpy(text, kinds ? "" : "nothing");
    for (int kind = 0; kind < ORIEL_FINDING_COUNT; kind++)
        if (kinds & 1u << kind)
            snprintf(text + strlen(text), 256 - strlen(text), "%s%s", *text ? ", " : "",
                     oriel_finding_name((oriel_finding_kind)kind));
    return text;
}

static void expect_kinds(verdict *v, const char *who, unsigned kinds, unsigned expected)
{
    char a[256], b[256];
    if (kinds != expected)
        wrong(v, "%s: found is %s, expected %s", who, kinds_text(kinds, a), kinds_text(expected, b));
}

static int line_of(const pto_site *site)
{
    return site ? site->line : 0;
}

static void expect_pairs(verdict *v, const sights *some, const sights *others, const char *who)
{
    for (uint32_t i = 0; i < some->pairs; i++) {
        sights both = *others;
        keep_pair(&both, some->raced[i]);
        if (both.pairs != others->pairs)
            wrong(v, "%s alone see lines %d and %d race%s", who, line_of(some->raced[i].a), line_of(some->raced[i].b),
                  some->raced[i].line ? " for a cache line" : "");
    }
}

/* How many of `some` are not among `others`. */
static uint32_t count_new(const answers *some, const answers *others)
{
    answers both = *others;
    for (uint32_t i = 0; i < some->count; i++)
        keep_answers(&both, some->hash[i], some->outcome[i]);
    return both.count - others->count;
}

/* The explorer need not learn all that can be learned: the less is learned, the more races. */
static void expect_same_answers(verdict *v, const sights *all, const sights *few)
{
    if (all->said.two_ends)
        wrong(v, "nothing races, and the same answers end in different ways");
    uint32_t missed = count_new(&all->said, &few->said), invented = count_new(&few->learned, &all->learned);
    if (missed)
        wrong(v, "the explorer misses %u of %u answers", missed, all->said.count);
    if (invented)
        wrong(v, "the explorer learns what no interleaving does, in %u ways", invented);
}

static void compare(verdict *v, const scene *all, const scene *few)
{
    const litmus_case *expected = v->expected;
    bool races = expected->findings & BY_ORDER;
    expect_allowed(v, &all->sight, "interleavings", true);
    expect_allowed(v, &few->sight, "schedules of the explorer", !races);
    expect_kinds(v, "the explorer", kinds_of(few), expected->findings);
    expect_kinds(v, "in all interleavings, besides races", kinds_of(all) & ~RACES, expected->findings & ~RACES);
    expect_pairs(v, &all->sight, &few->sight, "interleavings");
    expect_pairs(v, &few->sight, &all->sight, "schedules of the explorer");
    if (!few->checker->exhaustive)
        wrong(v, "the explorer gave up");
    if (!races)
        expect_same_answers(v, &all->sight, &few->sight);
    bool shown = count_words(expected->outcomes) > 1 || strchr(expected->outcomes, '!');
    if (races && !shown && !expected->hidden)
        wrong(v, "what is found has one outcome, and no reason for that");
    if (expected->hidden && (!races || shown))
        wrong(v, "nothing is hidden: %s", expected->hidden);
}

static uint32_t run_case(const litmus *test, const litmus_case *expected, unsigned where)
{
    verdict v = {.test = test, .expected = expected};
    snprintf(v.where, sizeof v.where, "%s, %s", where & A5 ? "a5" : "a2a3", where & STRICT ? "strict" : "documented");
    scene *all = open_scene(test, where), *few = open_scene(test, where);
    uint32_t runs = run_all(all);
    few->checker->random = NONE; /* no schedules at random, which would make up for what the others miss */
    assert_ok(oriel_checker_explore(few->checker));
    keep_run(few);
    uint64_t schedules = few->checker->schedules;
    if (expected->findings & BY_ORDER) { /* what witnesses answer is no schedule of the explorer */
        few->begun = false;
        assert_ok(oriel_checker_witness(few->checker));
        if (few->begun)
            keep_run(few);
    }
    print_message("# %s (%s): %u interleavings, %u outcomes, %u schedules\n", test->name, v.where, runs,
                  all->sight.outcomes, (unsigned)schedules);
    compare(&v, all, few);
    close_scene(few);
    close_scene(all);
    return v.wrong;
}

static uint32_t run_litmus(const litmus *test)
{
    unsigned told = 0;
    uint32_t wrong = 0;
    for (uint32_t c = 0; c < 4 && test->cases[c].where; c++) {
        assert_int_equal(told & test->cases[c].where, 0);
        told |= test->cases[c].where;
        for (unsigned where = 1; where < EVERYWHERE; where <<= 1)
            if (test->cases[c].where & where & (test->vector ? EVERYWHERE : A2A3))
                wrong += run_case(test, &test->cases[c], where);
    }
    if (told != EVERYWHERE)
        fail_msg("%s does not say what holds everywhere", test->name);
    return wrong;
}

static void test_file(void **state)
{
    const litmus_file *file = *state;
    const char *only = getenv("LITMUS");
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < file->tests; i++)
        if (!only || strcmp(only, file->test[i].name) == 0)
            wrong += run_litmus(&file->test[i]);
    assert_int_equal(wrong, 0);
}

/* ---- The document ----------------------------------------------------------------------------------------------- */

static char *read_document(void)
{
    FILE *file = fopen(LITMUS_DOCUMENT, "r");
    if (!file)
        fail_msg("cannot read %s", LITMUS_DOCUMENT);
    char *text = calloc(1, 1 << 16);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 16) - 1, file) > 0);
    fclose(file);
    return text;
}

static bool is_test(const char *name, size_t length)
{
    for (size_t f = 0; f < FILES; f++)
        for (uint32_t i = 0; i < files[f]->tests; i++)
            if (strlen(files[f]->test[i].name) == length && strncmp(files[f]->test[i].name, name, length) == 0)
                return true;
    return false;
}

static bool is_named(const char *document, const char *name)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "`%s`", name);
    return strstr(document, quoted);
}

/* "Litmus:" and then `names`, up to the end of the paragraph or of the table's cell. Returns how many. */
static uint32_t check_names(const char *at)
{
    uint32_t names = 0;
    const char *end = strstr(at, "\n\n"), *cell = strchr(at, '|');
    if (!end)
        end = at + strlen(at);
    if (cell && cell < end)
        end = cell;
    while ((at = strchr(at, '`')) && at < end) {
        size_t length = strcspn(at + 1, "`");
        if (!is_test(at + 1, length))
            fail_msg("%s names the litmus test %.*s, which there is not", LITMUS_DOCUMENT, (int)length, at + 1);
        at += length + 2;
        names++;
    }
    return names;
}

static const char *next_line(const char *at)
{
    const char *end = strchr(at, '\n');
    return end ? end + 1 : NULL;
}

/* Each rule, a paragraph that begins with its number, and each row of the table of profiles ends with its tests. */
static void test_document(void **state)
{
    (void)state;
    char *document = read_document();
    uint32_t rules = 0, rows = 0, lists = 0;
    const char *profiles = strstr(document, "\n## Profiles\n");
    for (const char *at = document; at; at = next_line(at)) {
        const char *end = strstr(at, "\n\n"), *list = strstr(at, "Litmus:");
        bool rule = at[0] >= '1' && at[0] <= '9' && at[1 + (at[1] >= '0' && at[1] <= '9')] == '.';
        if (rule && (!list || (end && list > end)))
            fail_msg("a rule of %s has no litmus test: %.60s", LITMUS_DOCUMENT, at);
        rules += rule;
        const char *line_end = strchr(at, '\n');
        bool row = profiles && at > profiles && at[0] == '|' && line_end && list && list < line_end;
        rows += row;
    }
    for (const char *at = document; (at = strstr(at, "Litmus:")); at++, lists++)
        assert_true(check_names(at) > 0);
    assert_int_equal(rules, 12);
    assert_int_equal(rows, 4);
    assert_true(lists >= rules + rows);
    for (size_t f = 0; f < FILES; f++)
        for (uint32_t i = 0; i < files[f]->tests; i++)
            if (files[f]->in_document && !is_named(document, files[f]->test[i].name))
                fail_msg("%s does not name the litmus test %s", LITMUS_DOCUMENT, files[f]->test[i].name);
    free(document);
}

#define UNIT_TEST(name, file)                                                                                          \
    {                                                                                                                  \
        name, test_file, NULL, NULL, (void *)(uintptr_t) & (file)                                                      \
    }

int main(void)
{
    const struct CMUnitTest unit_tests[] = {
        UNIT_TEST("order", litmus_order), UNIT_TEST("signals", litmus_signals),   UNIT_TEST("cache", litmus_cache),
        UNIT_TEST("tasks", litmus_tasks), UNIT_TEST("tiny kernels", litmus_tiny), cmocka_unit_test(test_document)};
    return cmocka_run_group_tests(unit_tests, NULL, NULL);
}
