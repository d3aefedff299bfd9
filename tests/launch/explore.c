/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: that "exhaustive" means it. Small programs of two to four ranks (notifies, waits, tests, drained stores and
 * loads) are checked, and run in all interleavings by a model that knows nothing of clocks, or of what a wait acquires:
 *
 *      a race      two conflicting accesses of two ranks are both next in some state that can be reached
 *      a deadlock  in some state that can be reached nobody can go on, and somebody has not finished
 *
 * The check must find a race if there is one, a deadlock if there is one, and neither otherwise. First come programs
 * that are easily taken for what they are not, then programs at random, ORIEL_EXPLORE_RUNS of each shape. What fails is
 * printed in full, as it can be written down here.
 */
#include "base/random.h"
#include "oriel/check.h"
#include "oriel/kernel.h"
#include "test.h"

/* ---- Programs ---------------------------------------------------------------------------------------------------- */

/*
 * Written so, with a bar between ranks:
 *
 *      ADD(r1.c0, -1)  SET(r1.c0, 2)     to cell 0 of rank 1
 *      WAIT(c0 < 1)  BOTH(c0 >= 1)       BOTH: one wait for all cells of the rank
 *      WAIT(c0 >= 4 * call)              calls are counted from 1
 *      TEST(c0 == 2)  IF(c0 == 2, 1)  UNLESS(c0 == 2, 1)   so many operations only if the answer is yes, or no
 *      UNTIL(c0 >= 1)  WHILE(c0 < 1)     test again and again
 *      WRITE(0)  READ(1)                 a slot in the window of rank 0
 *      same TEST(c0 >= 1)                at the place in the source where the operation before is, as in a loop
 */
#define RANKS 4u
#define OPS   8u /* of a rank, and one that ends them */
#define CELLS 2u
#define SLOTS 2u

typedef enum op_code { END, ADD, SET, WAIT, BOTH, TEST, IF, UNLESS, UNTIL, WHILE, WRITE, READ } op_code;
static const char *const names[] = {"",   "ADD",    "SET",   "WAIT",  "BOTH",  "TEST",
                                    "IF", "UNLESS", "UNTIL", "WHILE", "WRITE", "READ"};
static const char *const signs[] = {"==", "!=", ">", ">=", "<", "<="}; /* as pto_cmp */

typedef struct op {
    op_code code;
    bool same_place, times_call;
    uint32_t rank, cell, slot, guarded; /* guarded: how many operations IF and UNLESS decide about */
    pto_cmp cmp;
    int32_t value;
} op;

typedef struct program {
    uint32_t ranks, calls;
    op op[RANKS][OPS + 1];
} program;

static bool is_access(const op *o)
{
    return o->code == WRITE || o->code == READ;
}

/* What is asked of a cell, from its name on. Returns what is behind it. */
static const char *parse_question(const char *text, op *o)
{
    char sign[3] = "";
    int n = 0;
    assert_int_equal(sscanf(text, "c%u %2[=!<>] %d%n", &o->cell, sign, &o->value, &n), 3);
    text += n;
    while (strcmp(signs[o->cmp], sign) != 0)
        o->cmp++;
    o->times_call = strncmp(text, " * call", 7) == 0;
    text += o->times_call ? 7 : 0;
    if (o->code != IF && o->code != UNLESS)
        return text;
    assert_int_equal(sscanf(text, ", %u%n", &o->guarded, &n), 1);
    return text + n;
}

static const char *parse_op(const char *text, op *o)
{
    char name[8] = "";
    int n = 0;
    o->same_place = strncmp(text, "same ", 5) == 0;
    text += o->same_place ? 5 : 0;
    assert_int_equal(sscanf(text, "%7[A-Z](%n", name, &n), 1);
    text += n;
    while (strcmp(names[o->code], name) != 0)
        o->code++;
    n = 0;
    if (o->code == ADD || o->code == SET)
        assert_int_equal(sscanf(text, "r%u.c%u, %d%n", &o->rank, &o->cell, &o->value, &n), 3);
    else if (is_access(o))
        assert_int_equal(sscanf(text, "%u%n", &o->slot, &n), 1);
    else
        text = parse_question(text, o);
    assert_int_equal(text[n], ')');
    return text + n + 1 + strspn(text + n + 1, " ");
}

static program parse_program(uint32_t calls, const char *text)
{
    program p = {.ranks = 1, .calls = calls};
    for (uint32_t i = 0; *text; i++) {
        if (*text == '|') {
            text += 2;
            p.ranks++;
            i = 0;
        }
        assert_true(p.ranks <= RANKS && i < OPS);
        text = parse_op(text, &p.op[p.ranks - 1][i]);
    }
    return p;
}

/* ---- As a kernel ------------------------------------------------------------------------------------------------- */

enum { DATA, SIGNALS };
#define ELEMENTS 64 /* of each buffer: enough for the slots, and for a line for each cell and one more */

static const program *running;        /* in this thread */
static pto_site place_of[RANKS][OPS]; /* line 103: operation 3 of rank 1 */

static void name_places(void)
{
    for (uint32_t rank = 0; rank < RANKS; rank++)
        for (uint32_t i = 0; i < OPS; i++)
            place_of[rank][i] = (pto_site){"program", (int)(100 * rank + i), "operation"};
}

static void drain(pto_core *core)
{
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_dsb(core);
}

static bool signal_op(pto_core *core, const pto_comm *comm, const op *o, const pto_site *place, int32_t value)
{
    pto_addr cell = pto_window_buffer(core, comm, SIGNALS).addr + (uint64_t)o->cell * PTO_LINE_BYTES;
    if (o->code == ADD || o->code == SET)
        return pto_signal_at(core, place, PTO_OP_TNOTIFY, pto_cell(pto_peer_addr(comm, cell, o->rank)), value,
                             o->code == SET ? PTO_NOTIFY_SET : PTO_NOTIFY_ADD);
    pto_cells cells = pto_cell_block(cell, o->code == BOTH ? CELLS : 1, PTO_LINE_CELLS);
    pto_op asks = o->code == WAIT || o->code == BOTH ? PTO_OP_TWAIT : PTO_OP_TTEST;
    return pto_signal_at(core, place, asks, cells, value, o->cmp);
}

static void access_op(pto_core *core, const pto_comm *comm, const op *o, const pto_site *place)
{
    pto_global slot = pto_slice(pto_window_buffer(core, comm, DATA), (uint64_t)o->slot * 16, 16);
    pto_tile tile = pto_tile_1d(core, PTO_I32, 0, 16);
    slot = pto_peer(comm, slot, 0);
    pto_tfill(core, tile, 3);
    drain(core);
    if (o->code == WRITE)
        pto_tstore_at(core, place, slot, tile, PTO_ATOMIC_NONE);
    else
        pto_tload_at(core, place, tile, slot);
    drain(core);
}

static void run_program(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    /* The call's number: a word that nobody else looks at, behind the cells. */
    pto_addr calls = pto_window_buffer(core, comm, SIGNALS).addr + (uint64_t)CELLS * PTO_LINE_BYTES;
    int32_t call = pto_load_i32(core, calls) + 1;
    const pto_site *place = NULL;
    for (uint32_t i = 0; i < OPS && running->op[comm->rank][i].code != END; i++) {
        const op *o = &running->op[comm->rank][i];
        int32_t value = o->times_call ? o->value * call : o->value;
        if (!o->same_place)
            place = &place_of[comm->rank][i];
        if (is_access(o)) {
            access_op(core, comm, o, place);
            continue;
        }
        bool yes = signal_op(core, comm, o, place, value);
        while (o->code == (yes ? WHILE : UNTIL))
            yes = signal_op(core, comm, o, place, value);
        if (o->code == (yes ? UNLESS : IF))
            i += o->guarded;
    }
    pto_tnotify(core, calls, call, PTO_NOTIFY_SET);
    pto_tile zeros = pto_tile_1d(core, PTO_I32, 64, ELEMENTS);
    pto_tfill(core, zeros, 0);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, pto_arg_tensor(core, 0), zeros);
    drain(core);
}

/* ---- In all interleavings ---------------------------------------------------------------------------------------- */

/* Bytes only, so that equal states are equal memory. */
typedef struct moment {
    uint8_t call[RANKS], next[RANKS], passed[RANKS]; /* passed: cells of the wait that is next */
    int8_t cell[RANKS][CELLS];
} moment;

#define MOST_MOMENTS (1u << 16)
/* Those that can be reached, and where each is, by its hash. */
static moment reached[MOST_MOMENTS];
static uint32_t position[2 * MOST_MOMENTS], reached_count;

typedef struct truth {
    bool race, deadlock;
} truth;

static bool compares(int32_t cell, pto_cmp cmp, int32_t value)
{
    switch (cmp) {
    case PTO_EQ: return cell == value;
    case PTO_NE: return cell != value;
    case PTO_GT: return cell > value;
    case PTO_GE: return cell >= value;
    case PTO_LT: return cell < value;
    default: return cell <= value;
    }
}

static void reach(const moment *m)
{
    const uint32_t places = 2 * MOST_MOMENTS;
    const unsigned char *bytes = (const unsigned char *)m;
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < sizeof *m; i++)
        hash = (hash ^ bytes[i]) * 1099511628211u;
    uint32_t at = (uint32_t)(hash ^ hash >> 32) % places;
    for (; position[at]; at = (at + 1) % places)
        if (memcmp(&reached[position[at] - 1], m, sizeof *m) == 0)
            return;
    assert_true(reached_count < MOST_MOMENTS);
    reached[reached_count++] = *m;
    position[at] = reached_count;
}

/* NULL: the rank has finished. */
static const op *next_of(const program *p, const moment *m, uint32_t rank)
{
    return m->call[rank] < p->calls ? &p->op[rank][m->next[rank]] : NULL;
}

static bool conflict(const op *a, const op *b)
{
    return is_access(a) && is_access(b) && a->slot == b->slot && (a->code == WRITE || b->code == WRITE);
}

/* The next operation of `rank`, at once and whole (a wait: its next cell). False if it has to wait. */
static bool step(const program *p, moment *m, uint32_t rank)
{
    const op *o = next_of(p, m, rank);
    int32_t value = o->times_call ? o->value * (m->call[rank] + 1) : o->value;
    bool yes = compares(m->cell[rank][o->cell + m->passed[rank]], o->cmp, value); /* for those that ask */
    if (yes ? o->code == WHILE : o->code == WAIT || o->code == BOTH || o->code == UNTIL)
        return false;
    if (o->code == BOTH && ++m->passed[rank] < CELLS)
        return true;
    m->passed[rank] = 0;
    if (o->code == ADD)
        m->cell[o->rank][o->cell] = (int8_t)(m->cell[o->rank][o->cell] + value);
    if (o->code == SET)
        m->cell[o->rank][o->cell] = (int8_t)value;
    m->next[rank]++;
    for (uint32_t left_out = o->code == (yes ? UNLESS : IF) ? o->guarded : 0; left_out > 0; left_out--)
        if (next_of(p, m, rank)->code != END)
            m->next[rank]++;
    if (next_of(p, m, rank)->code == END) {
        m->next[rank] = 0;
        m->call[rank]++;
    }
    return true;
}

static truth all_interleavings(const program *p)
{
    truth found = {false, false};
    memset(position, 0, sizeof position);
    reached_count = 0;
    reach(&(moment){.call = {0}});
    for (uint32_t i = 0; i < reached_count; i++) {
        bool moved = false, finished = true;
        for (uint32_t rank = 0; rank < p->ranks; rank++) {
            const op *mine = next_of(p, &reached[i], rank);
            if (!mine)
                continue;
            finished = false;
            for (uint32_t other = 0; other < rank; other++) {
                const op *theirs = next_of(p, &reached[i], other);
                found.race = found.race || (theirs && conflict(mine, theirs));
            }
            moment after = reached[i];
            if (!step(p, &after, rank))
                continue;
            moved = true;
            reach(&after);
        }
        found.deadlock = found.deadlock || (!moved && !finished);
    }
    return found;
}

/* ---- Checked ----------------------------------------------------------------------------------------------------- */

static oriel_expected zero(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                           uint64_t i)
{
    (void)job, (void)inputs, (void)rank, (void)buffer, (void)i;
    return (oriel_expected){{.i = 0}, 0};
}

/* A launch has an output. */
static const oriel_launch_buffer buffers[] = {{"out", ORIEL_ROLE_OUTPUT, PTO_I32, oriel_count_one},
                                              {"data", ORIEL_ROLE_WINDOW, PTO_I32, oriel_count_one},
                                              {"signals", ORIEL_ROLE_WINDOW, PTO_I32, oriel_count_one}};
static const oriel_launch launch = {.name = "program",
                                    .summary = "a program",
                                    .kernel = run_program,
                                    .buffers = buffers,
                                    .buffer_count = 3,
                                    .expect = zero,
                                    .dtypes = PTO_DTYPES_ALL,
                                    .min_ranks = 1,
                                    .max_ranks = RANKS,
                                    .default_count = ELEMENTS};

static void check(const program *p, oriel_check_report *report)
{
    static const int devices[RANKS] = {0, 1, 2, 3};
    oriel_job job = {.platform = "a2a3sim",
                     .devices = devices,
                     .ranks = p->ranks,
                     .dtype = PTO_I32,
                     .repeat = 1,
                     .timeout_s = 60,
                     .form = ORIEL_DEVICE_THREADS};
    oriel_check_options options = {.calls = p->calls, .no_witness = true, .max_schedules = 3000};
    running = p;
    assert_ok(oriel_check(&launch, &job, &options, report));
}

/* NULL, or in which way the check differs from the truth. What random steps find, the explorer has missed. */
static const char *difference(truth t, const oriel_check_report *report)
{
    bool race = false, deadlock = false, by_explorer = report->random_schedules == 0;
    for (uint32_t i = 0; i < report->findings; i++)
        switch (report->finding[i].kind) {
        case ORIEL_FINDING_RANK_RACE:
        case ORIEL_FINDING_EARLY_SIGNAL:
        case ORIEL_FINDING_STALE_SIGNAL:
        case ORIEL_FINDING_REUSE_RACE: race = true; break;
        case ORIEL_FINDING_DEADLOCK:
        case ORIEL_FINDING_RESIDUE: deadlock = true; break;
        default: return "found is what these programs cannot have";
        }
    if (race && !t.race)
        return "found is a race where there is none";
    if (deadlock && !t.deadlock)
        return "found is a deadlock where there is none";
    if (report->exhaustive && t.race && !(race && by_explorer))
        return "missed is a race";
    if (report->exhaustive && t.deadlock && !(deadlock && by_explorer))
        return "missed is a deadlock";
    return NULL;
}

static void print_difference(const char *what, const char *text, const oriel_check_report *report)
{
    printf("# %s, in %llu schedules%s: %s\n", what, (unsigned long long)report->schedules,
           report->exhaustive ? "" : " (not exhaustive)", text);
    for (uint32_t i = 0; i < report->findings; i++)
        printf("#   found %s: %s\n", report->finding[i].id, report->finding[i].message);
}

/* ---- Programs that are easily taken for what they are not -------------------------------------------------------- */

enum { CLEAN = 0, RACE = 1, DEADLOCK = 2 };

typedef struct known_case {
    const char *name;
    uint32_t found;
    const char *ranks;
    uint32_t calls; /* 0: 1 */
    uint64_t most;  /* schedules; 0: any number */
} known_case;

#define CASE(...)                                                                                                      \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
static known_case known_cases[] = {
    /* A test whose answer is another without all of its notifies, of which there are more than two. */
    CASE("test_of_three", RACE, "UNLESS(c0 >= 1, 1) WRITE(0) | ADD(r0.c0, 1) | ADD(r0.c0, 1) | READ(0) ADD(r0.c0, 1)"),
    CASE("test_for_one_of_three", RACE,
         "IF(c0 == 1, 1) WRITE(0) | ADD(r0.c0, 1) | ADD(r0.c0, 1) | READ(0) ADD(r0.c0, 1)"),
    CASE("two_others_and_oneself", DEADLOCK,
         "WRITE(1) ADD(r1.c0, 1) | ADD(r1.c0, 1) IF(c0 <= 1, 2) IF(c0 >= 1, 2) WAIT(c0 == 2) | "
         "ADD(r1.c0, 1) ADD(r0.c0, -1) WRITE(0) IF(c0 >= 2, 1)"),
    /* What follows from a test cannot have come before it. */
    CASE("test_and_own_addition", RACE,
         "IF(c0 == 1, 1) WRITE(0) ADD(r0.c0, 1) | WAIT(c1 >= 1) ADD(r0.c0, 1) READ(0) | ADD(r1.c1, 1)"),
    /* Another answer may leave nothing for a wait of another rank. */
    CASE("wait_for_what_follows", RACE,
         "IF(c0 >= 1, 1) WRITE(0) ADD(r1.c0, 1) | READ(0) WAIT(c0 >= 1) | "
         "WAIT(c0 >= 1) ADD(r0.c0, 1) | ADD(r2.c0, 1)"),
    /* What came to the first cell of a wait while it waited for the second. */
    CASE("wait_for_two_cells", RACE,
         "BOTH(c0 >= 1) READ(0) | WRITE(0) ADD(r0.c0, 1) | "
         "WAIT(c0 >= 1) ADD(r0.c0, 1) ADD(r0.c1, 1) | ADD(r2.c0, 1)"),
    CASE("semaphore", RACE, "WAIT(c0 >= 1) READ(0) | WRITE(0) ADD(r0.c0, 1) | ADD(r0.c0, -1) | ADD(r0.c0, 1)"),
    /* Waits that hold at first, and perhaps never again. */
    CASE("race_behind_a_wait_for_zero", RACE | DEADLOCK, "WAIT(c0 == 0) WRITE(0) | ADD(r0.c0, 1) READ(0)"),
    CASE("zero_until_somebody_adds", DEADLOCK, "WAIT(c0 == 0) | WAIT(c0 >= 0) ADD(r0.c0, 1)"),
    CASE("zero_until_somebody_has_tested", DEADLOCK, "WAIT(c0 == 0) | IF(c0 >= 0, 1) READ(1) ADD(r0.c0, 1) | READ(0)"),
    CASE("zero_and_less_than_two", RACE | DEADLOCK,
         "WAIT(c0 == 0) WAIT(c0 < 2) WRITE(0) | ADD(r0.c0, 1) | WRITE(0) ADD(r0.c0, 1)"),
    CASE("less_than_one", DEADLOCK,
         "IF(c0 >= 1, 2) | WRITE(1) ADD(r2.c0, 1) WAIT(c0 < 1) ADD(r1.c0, -1) | "
         "IF(c0 != 2, 1) ADD(r2.c0, 1) ADD(r1.c0, 1) WRITE(0)"),
    CASE("two_cells_at_most_zero", RACE | DEADLOCK,
         "ADD(r1.c0, 1) ADD(r1.c1, 1) ADD(r3.c0, 1) READ(0) | "
         "ADD(r0.c1, 1) BOTH(c0 <= 0) ADD(r0.c1, -1) ADD(r3.c1, -1) | IF(c1 == 1, 1) | "
         "WAIT(c0 != 0) ADD(r3.c0, -1) WRITE(0)"),
    CASE("zero_and_then_one", RACE | DEADLOCK,
         "SET(r3.c0, 2) SET(r3.c0, 0) | WRITE(0) | READ(1) | WAIT(c0 <= 0) WAIT(c0 >= 1) READ(0)"),
    CASE("both_are_zero_again", RACE | DEADLOCK,
         "ADD(r2.c0, 1) | READ(0) ADD(r2.c1, 1) ADD(r2.c0, -1) WRITE(0) | BOTH(c0 == 0) READ(0)"),
    /* Loops that end at once, or never. */
    CASE("while_more_than_zero", RACE | DEADLOCK, "WHILE(c0 > 0) WRITE(0) | ADD(r0.c0, 1) | READ(0)"),
    CASE("until_at_most_zero", RACE | DEADLOCK, "UNTIL(c0 <= 0) WRITE(0) | ADD(r0.c0, 1) | READ(0)"),
    /* Between two questions: what the first has seen is neither all nor nothing. */
    CASE("one_and_not_two", DEADLOCK,
         "ADD(r2.c0, 1) | ADD(r2.c0, 1) | IF(c0 >= 1, 1) IF(c0 >= 2, 1) ADD(r3.c0, 1) | WAIT(c0 >= 1)"),
    CASE("the_other_one_and_not_two", RACE,
         "ADD(r1.c0, 1) | WAIT(c0 >= 1) TEST(c0 >= 2) WRITE(1) | WRITE(1) ADD(r1.c0, 1)"),
    /* Tests at one place that ask for something else each time, or that give up. */
    CASE("counts_down", CLEAN,
         "TEST(c0 >= 4) same TEST(c0 >= 3) same TEST(c0 >= 2) same TEST(c0 >= 1) | ADD(r0.c0, 1)"),
    CASE("asks_after_three_looks", CLEAN,
         "UNLESS(c0 >= 1, 2) same UNLESS(c0 >= 1, 1) same TEST(c0 >= 1) ADD(r1.c0, 1) WAIT(c0 >= 1) | "
         "WAIT(c0 >= 1) ADD(r0.c0, 1)"),
    /* A no says something, too: what is not less than one is at least one. */
    CASE("while_less", CLEAN, "WRITE(0) ADD(r1.c0, 1) | WHILE(c0 < 1) READ(0)"),
    CASE("while_less_for_ever", DEADLOCK, "WRITE(0) | WHILE(c0 < 1) READ(1)"),
    CASE("while_other", CLEAN, "WRITE(0) ADD(r1.c0, 1) | WHILE(c0 != 1) READ(0)"),
    CASE("not_other_than_two", CLEAN,
         "ADD(r1.c0, 1) ADD(r2.c0, 1) ADD(r2.c0, -1) IF(c0 != 1, 2) | ADD(r3.c0, 1) WRITE(1) ADD(r2.c0, 1) | "
         "ADD(r1.c0, 1) WRITE(0) ADD(r3.c0, 1) | IF(c0 != 2, 1) WAIT(c0 >= 2) READ(0) ADD(r1.c0, 1)"),
    /* Schedules must not multiply: with each look of a loop, nor with each call of a counting barrier. */
    CASE("ten_rounds_of_looking", CLEAN, "ADD(r1.c0, 1) | UNTIL(c0 >= 1 * call)", 10, 50),
#define COME "ADD(r0.c0, 1) ADD(r1.c0, 1) ADD(r2.c0, 1) ADD(r3.c0, 1) WAIT(c0 >= 4 * call)"
    CASE("counting_barrier", CLEAN, COME " | " COME " | " COME " | " COME, 3, 50),
};
#define KNOWN_CASES (sizeof known_cases / sizeof *known_cases)

static void test_known_case(void **state)
{
    const known_case *c = *state;
    program p = parse_program(c->calls ? c->calls : 1, c->ranks);
    truth t = all_interleavings(&p);
    assert_int_equal((t.race ? RACE : 0) | (t.deadlock ? DEADLOCK : 0), c->found);
    oriel_check_report report;
    check(&p, &report);
    const char *what = difference(t, &report);
    if (!what && !report.exhaustive)
        what = "not covered";
    if (!what && c->most && report.schedules > c->most)
        what = "covered in too many schedules";
    if (what)
        print_difference(what, c->ranks, &report);
    oriel_check_report_free(&report);
    assert_null(what);
}

/* ---- Programs at random ------------------------------------------------------------------------------------------ */

/* Beside additions of one, waits for at least so many, and accesses. */
enum { TESTS = 1, COMPARISONS = 2, SUBTRACTIONS = 4, BLOCKS = 8, SETS = 16 };

typedef struct shape {
    const char *name;
    uint32_t calls, longest, parts;
} shape;

static shape shapes[] = {
    {"sums_with_waits", 1, 4, 0},
    {"sums_with_tests", 1, 4, TESTS},
    {"all_comparisons", 1, 4, TESTS | COMPARISONS},
    {"subtractions", 1, 4, TESTS | COMPARISONS | SUBTRACTIONS},
    {"waits_for_two_cells", 1, 4, TESTS | COMPARISONS | SUBTRACTIONS | BLOCKS},
    {"sets_of_one_writer", 1, 4, TESTS | COMPARISONS | SETS},
    {"two_calls", 2, 3, TESTS | COMPARISONS | SUBTRACTIONS},
};
#define SHAPES (sizeof shapes / sizeof *shapes)

typedef struct maker {
    const shape *shape;
    oriel_random random;
    uint32_t ranks, cells, busy; /* of this program; busy: the rank whose cells get many of the additions */
    char text[1024];
    size_t length;
} maker;

static uint32_t below(maker *m, uint32_t bound)
{
    return (uint32_t)oriel_random_below(&m->random, bound);
}

__attribute__((format(printf, 2, 3))) static void put(maker *m, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    m->length += (size_t)vsnprintf(m->text + m->length, sizeof m->text - m->length, format, values);
    va_end(values);
    assert_true(m->length < sizeof m->text);
}

static void put_signal(maker *m, uint32_t rank)
{
    uint32_t cell = below(m, m->cells), to = below(m, m->ranks), value = below(m, 4);
    if (m->shape->parts & SETS) /* each cell has one writer */
        put(m, "SET(r%u.c%u, %u)", (rank + 1 + cell) % m->ranks, cell, value);
    else
        put(m, "ADD(r%u.c%u, %d)", value > 1 ? m->busy : to, cell,
            (m->shape->parts & SUBTRACTIONS) && value == 0 ? -1 : 1);
}

static void put_question(maker *m, op_code code)
{
    uint32_t cell = below(m, m->cells), value = below(m, 3), sign = below(m, 6);
    if (code == BOTH)
        cell = 0;
    if (!(m->shape->parts & COMPARISONS) || below(m, 2)) {
        sign = code == WHILE ? PTO_LT : PTO_GE; /* behind a loop it is at least so much */
        value = 1 + below(m, 2);
    }
    put(m, "%s(c%u %s %u", names[code], cell, signs[sign], value);
    if (code == IF || code == UNLESS)
        put(m, ", %u", 1 + below(m, 2));
    put(m, ")");
}

static void put_op(maker *m, uint32_t rank)
{
    static const op_code tests[] = {TEST, IF, IF, IF, UNLESS, UNLESS, UNTIL, WHILE};
    uint32_t of_100 = below(m, 100), other = below(m, 2);
    if (of_100 < 30)
        put_signal(m, rank);
    else if (of_100 < 50)
        put_question(m, (m->shape->parts & BLOCKS) && other ? BOTH : WAIT);
    else if (of_100 < 65 && (m->shape->parts & TESTS))
        put_question(m, tests[below(m, 8)]);
    else
        put(m, "%s(%u)", other ? "WRITE" : "READ", below(m, SLOTS));
}

static program make_program(maker *m)
{
    m->length = 0;
    m->ranks = 2 + below(m, RANKS - 1);
    m->cells = 1 + below(m, CELLS);
    m->busy = below(m, m->ranks);
    for (uint32_t rank = 0; rank < m->ranks; rank++)
        for (uint32_t i = 0, length = 1 + below(m, m->shape->longest); i < length; i++) {
            put(m, "%s", i ? " " : rank ? " | " : "");
            put_op(m, rank);
        }
    return parse_program(m->shape->calls, m->text);
}

static void test_shape(void **state)
{
    maker m = {.shape = *state};
    const char *text = getenv("ORIEL_EXPLORE_RUNS");
    uint32_t runs = text ? (uint32_t)strtoul(text, NULL, 10) : 500, bad = 0, races = 0, deadlocks = 0, covered = 0;
    oriel_random_seed(&m.random, test_seed());
    for (uint32_t i = 0; i < runs; i++) {
        program p = make_program(&m);
        truth t = all_interleavings(&p);
        oriel_check_report report;
        check(&p, &report);
        const char *what = difference(t, &report);
        if (what && bad++ < 5)
            print_difference(what, m.text, &report);
        races += t.race;
        deadlocks += t.deadlock;
        covered += report.exhaustive;
        oriel_check_report_free(&report);
    }
    printf("# %u programs: %u with a race, %u with a deadlock; %u covered\n", runs, races, deadlocks, covered);
    assert_int_equal(bad, 0);
    assert_true(covered >= runs - runs / 10); /* or hardly anything would be asked of the explorer */
}

int main(void)
{
    struct CMUnitTest tests[KNOWN_CASES + SHAPES];
    for (size_t i = 0; i < KNOWN_CASES; i++)
        tests[i] = (struct CMUnitTest){known_cases[i].name, test_known_case, NULL, NULL, &known_cases[i]};
    for (size_t i = 0; i < SHAPES; i++)
        tests[KNOWN_CASES + i] = (struct CMUnitTest){shapes[i].name, test_shape, NULL, NULL, &shapes[i]};
    name_places();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
