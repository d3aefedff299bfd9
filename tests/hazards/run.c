/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: what oriel_check sees and what it does not cry wolf at, on the corpus of this folder (hazard.h). As a test, one point per
 * kind; with --table, the true and false positives and negatives of each kind, counted by variant and cell of the grid.
 */
#include "hazard.h"
#include "test.h"

#define MAX_MARKS 8

typedef struct marks {
    int line[MAX_MARKS];
    uint32_t count;
} marks;

typedef struct tally {
    uint32_t pairs, true_positive, false_negative, true_negative, false_positive;
} tally;

static const hazard *const hazards[ORIEL_FINDING_COUNT] = {
#define HAZARD_ENTRY(constant, name) [ORIEL_FINDING_##constant] = name##_hazards,
    HAZARDS(HAZARD_ENTRY)
#undef HAZARD_ENTRY
};

static const char *const files[ORIEL_FINDING_COUNT] = {
#define HAZARD_FILE(constant, name) [ORIEL_FINDING_##constant] = HAZARD_FOLDER "/" #name ".c",
    HAZARDS(HAZARD_FILE)
#undef HAZARD_FILE
};

/* ---- Launches --------------------------------------------------------------------------------------------------- */

oriel_expected any_result(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                          uint64_t i)
{
    (void)job, (void)inputs, (void)rank, (void)buffer, (void)i;
    return (oriel_expected){{.f = 0}, 1e300};
}

oriel_expected from_rank_before(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                                uint64_t i)
{
    (void)buffer;
    return (oriel_expected){oriel_input(inputs, (rank + job->ranks - 1) % job->ranks, "in", i), 0};
}

oriel_expected from_rank_after(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                               uint64_t i)
{
    (void)buffer;
    return (oriel_expected){oriel_input(inputs, (rank + 1) % job->ranks, "in", i), 0};
}

oriel_expected from_rank_0(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                           uint64_t i)
{
    (void)job, (void)rank, (void)buffer;
    return (oriel_expected){oriel_input(inputs, 0, "in", i), 0};
}

oriel_expected sum_of_all(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                          uint64_t i)
{
    (void)rank, (void)buffer;
    return oriel_expect_reduced(job, inputs, "in", i);
}

/* In any order of additions (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1). */
oriel_expected in_squared(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                          uint64_t i)
{
    (void)job, (void)buffer;
    oriel_expected e = {{.f = 0}, 0};
    for (uint32_t k = 0; k < SIDE; k++) {
        double product = oriel_input(inputs, rank, "in", i / SIDE * SIDE + k).f *
                         oriel_input(inputs, rank, "in", k * SIDE + i % SIDE).f;
        e.value.f += product;
        e.tolerance += (SIDE + 1) * 0x1p-24 * (product < 0 ? -product : product);
    }
    return e;
}

oriel_expected squared_before(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                              uint64_t i)
{
    return in_squared(job, inputs, (rank + job->ranks - 1) % job->ranks, buffer, i);
}

static oriel_expected same_as_in(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                                 uint64_t i)
{
    (void)job, (void)buffer;
    return (oriel_expected){oriel_input(inputs, rank, "in", i), 0};
}

static oriel_status scalars_right(const oriel_job *job, uint32_t rank, oriel_args *args)
{
    (void)job, (void)rank;
    return oriel_args_i64(args, 0);
}

static oriel_status scalars_wrong(const oriel_job *job, uint32_t rank, oriel_args *args)
{
    (void)job, (void)rank;
    return oriel_args_i64(args, 1);
}

static uint64_t a_line_each(const oriel_job *job)
{
    return (uint64_t)PTO_LINE_CELLS * job->ranks;
}

static const oriel_launch_buffer usual_buffers[] = {
    {"in", ORIEL_ROLE_INPUT, PTO_F32, oriel_count_one},
    {"out", ORIEL_ROLE_OUTPUT, PTO_F32, oriel_count_one},
    {"scratch", ORIEL_ROLE_WINDOW, PTO_F32, oriel_count_two},
    {"signals", ORIEL_ROLE_WINDOW, PTO_I32, a_line_each},
};

static uint64_t two_lines_each(const oriel_job *job)
{
    return 2 * a_line_each(job);
}

const oriel_launch_buffer wide_buffers[4] = {
    {"in", ORIEL_ROLE_INPUT, PTO_F32, oriel_count_one},
    {"out", ORIEL_ROLE_OUTPUT, PTO_F32, oriel_count_one},
    {"scratch", ORIEL_ROLE_WINDOW, PTO_F32, oriel_count_two},
    {"signals", ORIEL_ROLE_WINDOW, PTO_I32, two_lines_each},
};

static oriel_launch launch_of(const hazard *h, bool wrong)
{
    return (oriel_launch){.name = h->name,
                          .summary = "a hazard",
                          .kernel = h->kernel,
                          .blocks = h->blocks,
                          .buffers = h->buffers ? h->buffers : usual_buffers,
                          .buffer_count = h->buffers ? h->buffer_count : 4,
                          .scalars = wrong ? scalars_wrong : scalars_right,
                          .expect = h->expect ? h->expect : same_as_in,
                          .dtypes = PTO_DTYPES_ALL,
                          .min_ranks = 1,
                          .max_ranks = 64,
                          .default_count = COUNT};
}

/* ---- The marked lines ------------------------------------------------------------------------------------------- */

/* The lines of function `name` that say FOUND. */
static marks marks_of(const char *path, const char *name)
{
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("%s cannot be read", path);
    char text[256], start[80];
    snprintf(start, sizeof start, "static void %s(", name);
    marks m = {.count = 0};
    bool inside = false;
    for (int line = 1; fgets(text, sizeof text, file); line++) {
        if (strncmp(text, start, strlen(start)) == 0)
            inside = true;
        else if (inside && text[0] == '}')
            break;
        else if (inside && strstr(text, "/* FOUND */") && m.count < MAX_MARKS)
            m.line[m.count++] = line;
    }
    fclose(file);
    return m;
}

static bool has_side_on(const oriel_finding *f, const char *path, int line)
{
    for (uint32_t i = 0; i < f->sides; i++) {
        const oriel_check_place *place = &f->side[i].place;
        size_t file = strlen(place->file), want = strlen(path);
        if (place->line == line && file <= want && strcmp(path + want - file, place->file) == 0)
            return true;
    }
    return false;
}

static bool on_marked_lines(const oriel_finding *f, const char *path, const marks *m)
{
    for (uint32_t i = 0; i < m->count; i++)
        if (!has_side_on(f, path, m->line[i]))
            return false;
    return m->count > 0;
}

/* ---- One variant in one cell ------------------------------------------------------------------------------------ */

typedef struct cell {
    const char *platform;
    oriel_profile profile;
    uint32_t bits;
} cell;

static const cell cells[] = {
    {"a2a3sim", ORIEL_PROFILE_STRICT, ON_A2A3 | STRICT},
    {"a2a3sim", ORIEL_PROFILE_DOCUMENTED, ON_A2A3 | DOCUMENTED},
    {"a5sim", ORIEL_PROFILE_STRICT, ON_A5 | STRICT},
    {"a5sim", ORIEL_PROFILE_DOCUMENTED, ON_A5 | DOCUMENTED},
};

/* Whether the cell is in the part of the grid that `on` names. */
static bool is_on(uint32_t on, const cell *c)
{
    uint32_t platforms = on & (ON_A2A3 | ON_A5), profiles = on & (STRICT | DOCUMENTED);
    return (!platforms || (platforms & c->bits)) && (!profiles || (profiles & c->bits));
}

static const char *check(const hazard *h, bool wrong, const cell *c, oriel_check_report *report)
{
    static const int devices[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    oriel_launch launch = launch_of(h, wrong);
    oriel_job job = {.platform = c->platform,
                     .devices = devices,
                     .ranks = h->ranks ? h->ranks : 2,
                     .count = COUNT,
                     .dtype = PTO_F32,
                     .repeat = 1,
                     .timeout_s = 60,
                     .form = UNDER_TSAN ? ORIEL_DEVICE_THREADS : ORIEL_DEVICE_PROCESSES};
    oriel_check_options options = {.profile = c->profile, .calls = h->calls};
    return oriel_check(&launch, &job, &options, report) == ORIEL_OK ? NULL : oriel_last_error();
}

/* What is wrong with the verdict on a clean variant, or NULL. */
static const char *judge_clean(const oriel_check_report *report, char *text, size_t size)
{
    if (report->findings)
        snprintf(text, size, "false alarm %s: %s", report->finding[0].id, report->finding[0].message);
    else if (!report->exhaustive)
        snprintf(text, size, "not exhaustive: %llu schedules", (unsigned long long)report->schedules);
    else
        return NULL;
    return text;
}

static const char *judge_wrong(const hazard *h, oriel_finding_kind kind, const marks *m,
                               const oriel_check_report *report, char *text, size_t size)
{
    const oriel_finding *right = NULL;
    for (uint32_t i = 0; i < report->findings; i++) {
        const oriel_finding *f = &report->finding[i];
        if (f->kind == kind && on_marked_lines(f, files[kind], m)) {
            right = right ? right : f;
        } else if (f->kind != kind && !(h->also & (1u << f->kind))) {
            snprintf(text, size, "found beside it: %s: %s", f->id, f->message);
            return text;
        }
    }
    if (!right && report->findings)
        snprintf(text, size, "not found on the marked lines; found %s: %s", report->finding[0].id,
                 report->finding[0].message);
    else if (!right)
        snprintf(text, size, "missed");
    else if (h->harm != HARM_ANY && right->harm != (h->harm == HARM_SHOWN))
        snprintf(text, size, "witness: %s", right->witness);
    else if (h->missing && !strstr(right->missing, h->missing))
        snprintf(text, size, "missing: %s", right->missing);
    else
        return NULL;
    return text;
}

/* One pair in its whole grid. Problems are printed. */
static void check_pair(const hazard *h, oriel_finding_kind kind, tally *t)
{
    char text[1024];
    marks m = marks_of(files[kind], h->name);
    t->pairs++;
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        for (int variant = 0; variant < 2 && is_on(h->on, &cells[i]); variant++) {
            oriel_check_report report = {.findings = 0};
            bool wrong = variant && is_on(h->wrong_on, &cells[i]);
            const char *bad = check(h, variant, &cells[i], &report);
            if (!bad && wrong)
                bad = judge_wrong(h, kind, &m, &report, text, sizeof text);
            else if (!bad)
                bad = judge_clean(&report, text, sizeof text);
            (wrong ? bad ? &t->false_negative : &t->true_positive : bad ? &t->false_positive : &t->true_negative)[0]++;
            if (bad)
                printf("# %s/%s, %s variant on %s, %s: %s\n", oriel_finding_name(kind), h->name,
                       variant ? "wrong" : "right", cells[i].platform, oriel_profile_name(cells[i].profile), bad);
            oriel_check_report_free(&report);
        }
}

static tally check_kind(oriel_finding_kind kind)
{
    tally t = {0};
    for (const hazard *h = hazards[kind]; h->name; h++)
        check_pair(h, kind, &t);
    return t;
}

/* ---- As a table, and as a test ---------------------------------------------------------------------------------- */

static void print_row(const char *name, const tally *t)
{
    printf("%-20s %6u %15u %15u %15u %15u\n", name, t->pairs, t->true_positive, t->false_negative, t->true_negative,
           t->false_positive);
}

static int print_table(void)
{
    tally all = {0};
    printf("%-20s %6s %15s %15s %15s %15s\n", "kind", "pairs", "true positive", "false negative", "true negative",
           "false positive");
    for (int kind = 0; kind < ORIEL_FINDING_COUNT; kind++) {
        tally t = check_kind((oriel_finding_kind)kind);
        print_row(oriel_finding_name((oriel_finding_kind)kind), &t);
        all.pairs += t.pairs;
        all.true_positive += t.true_positive;
        all.false_negative += t.false_negative;
        all.true_negative += t.true_negative;
        all.false_positive += t.false_positive;
    }
    print_row("all", &all);
    return all.false_negative + all.false_positive ? 1 : 0;
}

static void test_kind(void **state)
{
    const oriel_finding_kind *kind = *state;
    tally t = check_kind(*kind);
    assert_true(t.pairs >= 6);
    assert_int_equal(t.false_negative, 0);
    assert_int_equal(t.false_positive, 0);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--table") == 0)
        return print_table();
#define HAZARD_KIND(constant, name) static oriel_finding_kind name##_kind = ORIEL_FINDING_##constant;
    HAZARDS(HAZARD_KIND)
#define HAZARD_TEST(constant, name) {#name, test_kind, NULL, NULL, &name##_kind},
    const struct CMUnitTest tests[] = {HAZARDS(HAZARD_TEST)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
