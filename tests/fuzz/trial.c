/* SPDX-License-Identifier: Apache-2.0 */
#include "trial.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/strand.h"
#include "engine/check/explore.h"
#include "engine/engine.h"
#include "launch/check_memory.h"
#include "launch/job.h"
#include "platform/platform.h"

#define SECONDS          10 /* for one check */
#define SCHEDULES        24
#define RANDOM_SCHEDULES 2 /* beyond the explorer's own */
#define REPORT_BYTES     (UINT64_C(8) << 20)

typedef uint64_t outcome;

typedef struct trial {
    const fuzz_program *program;
    fuzz_result *result;
    oriel_launch launch;
    oriel_job job;
    const oriel_limits *limits;
    oriel_check_memory memory;
    oriel_check_host inner, host;
    oriel_check_options options;
    oriel_check_setup setup;
    oriel_checker *checker;
    /* Outcomes: of the run that goes on now, and those of the checker's systematic schedules. */
    bool begun, at_random;
    bool stray; /* a random one left something else */
    outcome returned[FUZZ_MAX_RANKS][FUZZ_MAX_CALLS];
    outcome seen[SCHEDULES + 1];
    uint32_t seen_count;
} trial;

static void __attribute__((format(printf, 2, 3))) fault(trial *t, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    if (!t->result->fault[0])
        vsnprintf(t->result->fault, sizeof t->result->fault, format, values);
    va_end(values);
}

/* ---- The job ---------------------------------------------------------------------------------------------------- */

/* Numbers of i32. */
static uint64_t in_count(const oriel_job *job)
{
    (void)job;
    return FUZZ_IN_BYTES / 4;
}

static uint64_t out_count(const oriel_job *job)
{
    (void)job;
    return fuzz_current->blocks * FUZZ_SLOT / 4;
}

static uint64_t scratch_count(const oriel_job *job)
{
    (void)job;
    return FUZZ_SLOTS * FUZZ_SLOT / 4;
}

static uint64_t adds_count(const oriel_job *job)
{
    (void)job;
    return FUZZ_ADDS_BYTES / 4;
}

static uint64_t words_count(const oriel_job *job)
{
    (void)job;
    return FUZZ_SLOTS * 16;
}

static uint64_t signals_count(const oriel_job *job)
{
    (void)job;
    return FUZZ_LINES * 16;
}

/* The kernel finds its buffers by these places: fuzz_buffer, without FUZZ_OUT if there is no output. */
static const oriel_launch_buffer buffers[] = {{"in", ORIEL_ROLE_INPUT, PTO_I32, in_count},
                                              {"scratch", ORIEL_ROLE_WINDOW, PTO_I32, scratch_count},
                                              {"adds", ORIEL_ROLE_WINDOW, PTO_I32, adds_count},
                                              {"words", ORIEL_ROLE_WINDOW, PTO_I32, words_count},
                                              {"signals", ORIEL_ROLE_WINDOW, PTO_I32, signals_count},
                                              {"out", ORIEL_ROLE_OUTPUT, PTO_I32, out_count}};

static oriel_expected whatever(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                               uint64_t i)
{
    (void)job, (void)inputs, (void)rank, (void)buffer, (void)i;
    return (oriel_expected){{.i = 0}, 0};
}

/* ---- Outcomes --------------------------------------------------------------------------------------------------- */

static outcome mix(outcome hash, const void *data, uint64_t bytes)
{
    const unsigned char *at = data;
    for (uint64_t i = 0; i < bytes; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static outcome hash_pieces(const trial *t, uint32_t rank, bool outputs_only)
{
    const char *base = t->memory.view[0].arena_base;
    outcome hash = UINT64_C(0xcbf29ce484222325);
    for (uint32_t i = 0; i < t->memory.pieces; i++) {
        const oriel_check_piece *piece = &t->memory.piece[i];
        if (piece->rank == rank && (piece->output || !outputs_only))
            hash = mix(hash, base + piece->offset, piece->bytes);
    }
    return hash;
}

static void begin(trial *t)
{
    fuzz_forget();
    memset(t->returned, 0, sizeof t->returned);
    t->begun = true;
}

static outcome outcome_now(const trial *t)
{
    outcome hash = mix(0, t->returned, sizeof t->returned);
    for (uint32_t rank = 0; rank < t->program->ranks; rank++) {
        outcome of_rank = hash_pieces(t, rank, false);
        hash = mix(hash, &of_rank, sizeof of_rank);
    }
    return hash;
}

static bool is_seen(const trial *t, outcome hash)
{
    for (uint32_t i = 0; i < t->seen_count; i++)
        if (t->seen[i] == hash)
            return true;
    return false;
}

/* At the end of a schedule of the explorer's. Those at random come last. */
static void keep(trial *t)
{
    outcome now = outcome_now(t);
    if (is_seen(t, now))
        return;
    if (t->at_random)
        t->stray = true;
    else if (t->seen_count <= SCHEDULES)
        t->seen[t->seen_count++] = now;
}

static void watch_reset(void *context)
{
    trial *t = context;
    if (t->begun)
        keep(t);
    begin(t);
    t->at_random = t->checker && t->checker->plan->seed;
    t->inner.reset(t->inner.context);
}

static void watch_entering(void *context, uint32_t rank, uint32_t call)
{
    trial *t = context;
    t->inner.entering(t->inner.context, rank, call);
}

static const char *watch_returned(void *context, uint32_t rank, uint32_t call)
{
    trial *t = context;
    t->returned[rank][call] = hash_pieces(t, rank, true);
    return NULL;
}

/* ---- The checker ------------------------------------------------------------------------------------------------ */

static oriel_status make_checker(trial *t)
{
    t->setup = (oriel_check_setup){.limits = t->limits,
                                   .ranks = t->program->ranks,
                                   .blocks = t->program->blocks,
                                   .calls = t->program->calls,
                                   .function = fuzz_kernel,
                                   .view = t->memory.view,
                                   .piece = t->memory.piece,
                                   .pieces = t->memory.pieces,
                                   .host = &t->host,
                                   .options = &t->options,
                                   .deadline = oriel_deadline(SECONDS)};
    return oriel_checker_create(&t->setup, &t->checker);
}

static void look_at_findings(trial *t)
{
    const oriel_findings *findings = &t->checker->findings;
    for (uint32_t i = 0; i < findings->count; i++)
        t->result->kinds |= 1u << findings->found[i].kind;
    t->result->exhaustive = t->checker->exhaustive;
    t->result->schedules = t->checker->schedules;
    t->result->outcomes = t->seen_count;
}

/* What a user sees of the findings; and the first witness of harm, run again. */
static void report_and_replay(trial *t)
{
    oriel_bump memory = {calloc(1, REPORT_BYTES), 0, REPORT_BYTES};
    oriel_check_report report = {0}, again = {0};
    if (!memory.base)
        abort();
    oriel_status status = oriel_checker_witness(t->checker);
    if (status == ORIEL_OK)
        status = oriel_checker_write(t->checker, &memory, &report);
    if (status != ORIEL_OK && status != ORIEL_TIMEOUT)
        fault(t, "the report of the findings: %s: %s", oriel_status_name(status), oriel_last_error());
    oriel_checker_destroy(t->checker);
    t->checker = NULL;
    const oriel_finding *shown = NULL;
    for (uint32_t i = 0; status == ORIEL_OK && i < report.findings && !shown; i++)
        shown = report.finding[i].harm && report.finding[i].replay[0] ? &report.finding[i] : NULL;
    if (!shown) {
        free(memory.base);
        return;
    }
    t->options.replay = shown->replay;
    t->options.max_schedules = 1;
    t->options.no_witness = true;
    status = make_checker(t);
    if (status == ORIEL_OK)
        status = oriel_checker_explore(t->checker);
    if (status == ORIEL_OK)
        status = oriel_checker_write(t->checker, &memory, &again);
    if (status != ORIEL_OK && status != ORIEL_TIMEOUT)
        fault(t, "the replay of %s: %s: %s", shown->id, oriel_status_name(status), oriel_last_error());
    else if (status == ORIEL_OK && !again.harmed)
        fault(t, "the witness of %s (%s) shows no harm when it is run again: %s", shown->id, shown->message,
              again.ended);
    free(memory.base);
}

/* ---- The direct engine ------------------------------------------------------------------------------------------ */

typedef struct direct_rank {
    oriel_core_barrier barrier;
    uint32_t call, returned;
} direct_rank;

typedef struct direct_core {
    struct direct_run *run;
    uint32_t rank, block;
    oriel_engine_core *core;
    oriel_strand *strand;
    uint32_t call;
} direct_core;

typedef struct direct_run {
    trial *t;
    direct_rank rank[FUZZ_MAX_RANKS];
    direct_core core[FUZZ_MAX_RANKS * FUZZ_MAX_BLOCKS];
    uint32_t cores, ended, idle;
    uint64_t done;
    _Atomic uint32_t failed;
    oriel_status status;
    char message[ORIEL_ERROR_BYTES];
} direct_run;

static bool may_enter(void *context)
{
    const direct_core *c = context;
    return c->run->rank[c->rank].call == c->call;
}

static oriel_status keep_status(direct_run *run, oriel_status status)
{
    if (status != ORIEL_OK && run->status == ORIEL_OK) {
        run->status = status;
        oriel_error_copy(run->message, sizeof run->message);
        run->failed = 1;
    }
    return status;
}

static void direct_returned(direct_core *c)
{
    trial *t = c->run->t;
    direct_rank *rank = &c->run->rank[c->rank];
    if (++rank->returned < t->program->blocks)
        return;
    watch_returned(t, c->rank, c->call);
    if (c->call + 1 < t->program->calls)
        watch_entering(t, c->rank, c->call + 1);
    rank->returned = 0;
    rank->call++;
    rank->barrier = (oriel_core_barrier){0};
}

static oriel_status direct_calls(void *context)
{
    direct_core *c = context;
    direct_run *run = c->run;
    trial *t = run->t;
    oriel_status status = ORIEL_OK;
    for (c->call = 0; c->call < t->program->calls && status == ORIEL_OK; c->call++) {
        const oriel_wait turn = {
            .ready = may_enter, .context = c, .deadline = ORIEL_NEVER, .abort = {&run->failed, &fuzz_endless}};
        status = oriel_wait_for(NULL, &turn);
        if (status != ORIEL_OK)
            break;
        const oriel_block block = {.function = fuzz_kernel,
                                   .kernel = "fuzz",
                                   .view = &t->memory.view[c->rank],
                                   .block = c->block,
                                   .blocks = t->program->blocks,
                                   .barrier = &run->rank[c->rank].barrier,
                                   .deadline = oriel_deadline(SECONDS),
                                   .abort = {&run->failed, &fuzz_endless}};
        status = keep_status(run, oriel_engine_direct.run(c->core, &block));
        if (status == ORIEL_OK)
            direct_returned(c);
    }
    run->ended++;
    return status;
}

/* All have ended. If nobody does anything any more, they wait for one another, and are told to leave. */
static bool all_ended(void *context)
{
    direct_run *run = context;
    run->idle = run->done == fuzz_done ? run->idle + 1 : 0;
    run->done = fuzz_done;
    if (run->idle > 100)
        fuzz_endless = 1;
    return run->ended == run->cores;
}

static void run_direct(trial *t)
{
    static oriel_bell bell;
    direct_run run = {.t = t, .cores = t->program->ranks * t->program->blocks};
    oriel_loop *loop;
    begin(t);
    t->inner.reset(t->inner.context);
    for (uint32_t rank = 0; rank < t->program->ranks; rank++)
        watch_entering(t, rank, 0);
    oriel_status status = oriel_loop_create(&bell, &loop);
    for (uint32_t i = 0; i < run.cores && status == ORIEL_OK; i++) {
        direct_core *c = &run.core[i];
        *c = (direct_core){.run = &run, .rank = i / t->program->blocks, .block = i % t->program->blocks};
        status = oriel_engine_direct.core_create(t->limits, &c->core);
        const oriel_strand_options options = {.form = ORIEL_FORM_COROUTINE, .name = "fuzz", .loop = loop};
        if (status == ORIEL_OK)
            status = oriel_strand_start(&options, direct_calls, c, &c->strand);
    }
    if (status != ORIEL_OK)
        abort();
    const oriel_wait end = {.ready = all_ended, .context = &run, .deadline = ORIEL_NEVER};
    oriel_loop_run(loop, &end);
    t->result->direct = run.status;
    for (uint32_t i = 0; i < run.cores; i++) {
        oriel_strand_free(run.core[i].strand);
        oriel_engine_direct.core_destroy(run.core[i].core);
    }
    oriel_loop_free(loop);
    if (!t->result->clean)
        return;
    if (run.status != ORIEL_OK)
        fault(t, "the checker finds nothing, and the direct engine ends with %s: %s", oriel_status_name(run.status),
              run.message);
    else if (!is_seen(t, outcome_now(t)) && !t->program->inexact)
        fault(t, "the checker finds nothing, and the direct engine leaves what none of its %u outcomes is",
              t->seen_count);
}

/* ---- Random schedules ------------------------------------------------------------------------------------------- */

static void run_random(trial *t, uint64_t seed)
{
    t->begun = false;
    check_run(t->checker, &(oriel_plan){.seed = seed, .quiet = !t->result->clean});
    if (!t->result->clean || t->checker->end == RUN_TIMEOUT)
        return;
    const oriel_findings *findings = &t->checker->findings;
    if (findings->count)
        fault(t, "the explorer finds nothing in its %llu schedules, and random schedule %llu shows %s: %s",
              (unsigned long long)t->result->schedules, (unsigned long long)seed,
              oriel_finding_name(findings->found[0].kind), findings->found[0].met[0].message);
    else if (t->checker->end != RUN_ENDED)
        fault(t, "the explorer finds nothing, and random schedule %llu does not end", (unsigned long long)seed);
    else if (!is_seen(t, outcome_now(t)) && !t->program->inexact)
        fault(t, "the explorer finds nothing, and random schedule %llu leaves what none of its %u outcomes is",
              (unsigned long long)seed, t->seen_count);
}

/* The explorer makes some at random itself, once its systematic ones have found nothing. */
static void judge_random_ones(trial *t)
{
    const machine *m = t->checker;
    if (!m->random || !m->exhaustive)
        return;
    if (m->findings.count)
        fault(t, "nothing is found in all %llu schedules, and %s in one at random: %s",
              (unsigned long long)m->schedules, oriel_finding_name(m->findings.found[0].kind),
              m->findings.found[0].met[0].message);
    else if (t->stray && !t->program->inexact)
        fault(t, "nothing is found, and a schedule at random leaves what none of the %u outcomes is", t->seen_count);
}

/* ---- All of it -------------------------------------------------------------------------------------------------- */

static void check(trial *t)
{
    oriel_status status = make_checker(t);
    if (status != ORIEL_OK) {
        fault(t, "no checker: %s", oriel_last_error());
        return;
    }
    status = oriel_checker_explore(t->checker);
    if (t->begun)
        keep(t);
    look_at_findings(t);
    t->result->late = status == ORIEL_TIMEOUT;
    t->result->clean = status == ORIEL_OK && t->result->exhaustive && !t->result->kinds;
    if (status != ORIEL_OK && status != ORIEL_TIMEOUT && status != ORIEL_FAULT)
        fault(t, "the check ends with %s: %s", oriel_status_name(status), oriel_last_error());
    if (!t->result->late)
        judge_random_ones(t);
    if (t->program->tame && !t->program->defects && t->result->kinds & ~(1u << ORIEL_FINDING_RANK_MISMATCH))
        fault(t, "what the program needs is there, and %s is found: %s",
              oriel_finding_name(t->checker->findings.found[0].kind), t->checker->findings.found[0].met[0].message);
    for (uint32_t i = 0; i < (t->result->clean ? RANDOM_SCHEDULES : 1) && !t->result->late; i++)
        run_random(t, t->program->seed + i + 1);
    t->begun = false;
    run_direct(t);
    t->begun = false;
    if (t->result->kinds && status == ORIEL_OK && t->program->seed % 4 == 0)
        report_and_replay(t);
    oriel_checker_destroy(t->checker);
}

void fuzz_try(const fuzz_program *program, fuzz_result *result)
{
    static const int devices[FUZZ_MAX_RANKS] = {0, 1, 2, 3};
    trial *t = calloc(1, sizeof *t);
    if (!t)
        abort();
    *result = (fuzz_result){0};
    fuzz_current = program;
    t->program = program;
    t->result = result;
    t->limits = program->platform[1] == '5' ? &oriel_platform_a5sim.limits : &oriel_platform_a2a3sim.limits;
    t->launch = (oriel_launch){.name = "fuzz",
                               .summary = "",
                               .kernel = fuzz_kernel,
                               .blocks = program->blocks,
                               .buffers = buffers,
                               .buffer_count = program->has_output ? 6 : 5,
                               .expect = whatever,
                               .dtypes = PTO_DTYPES_ALL,
                               .min_ranks = 1,
                               .max_ranks = FUZZ_MAX_RANKS,
                               .default_count = 1};
    const oriel_job job = {.platform = program->platform,
                           .devices = devices,
                           .ranks = program->ranks,
                           .dtype = PTO_I32,
                           .random = true,
                           .seed = program->seed};
    t->options = (oriel_check_options){
        .profile = program->profile, .calls = program->calls, .max_schedules = SCHEDULES, .seed = program->seed};
    oriel_status status = oriel_job_complete(&t->launch, &job, &t->job);
    if (status == ORIEL_OK)
        status = oriel_check_memory_make(&t->launch, &t->job, t->limits, &t->memory);
    if (status != ORIEL_OK) {
        fault(t, "no memory for the job: %s", oriel_last_error());
    } else {
        t->inner = oriel_check_memory_host(&t->memory);
        t->host = (oriel_check_host){watch_reset, watch_entering, watch_returned, t};
        check(t);
        oriel_check_memory_free(&t->memory);
    }
    free(t);
}
