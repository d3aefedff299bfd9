/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A witness: the schedule of a finding, with one of its sides as late as it legally can be, or schedules of random steps. If the result
 * is wrong then, that is the harm. Calls with equal inputs hide what one does to the next, so the same is tried with
 * inputs that vary from call to call. If the result is right each time, this data hides it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine/check/explore.h"

/* ---- As text ---------------------------------------------------------------------------------------------------- */

static const char *const hold_names[] = {"nothing", "item", "core", "line", "fetch"};
#define HOLDS (sizeof hold_names / sizeof *hold_names)

static char *plan_text(const oriel_plan *plan)
{
    const oriel_hold *hold = &plan->hold;
    size_t size = 320 + (size_t)plan->length * 8, at;
    char *text = malloc(size);
    if (!text)
        abort();
    at = (size_t)snprintf(
        text, size, "hold %s core %u pipe %u ordinal %u offset %llu bytes %u\nseed %llu\ncontents %u\norder",
        hold_names[hold->kind], hold->core, (unsigned)hold->pipe, hold->ordinal, (unsigned long long)hold->offset,
        hold->bytes, (unsigned long long)plan->seed, (unsigned)plan->contents);
    for (uint32_t i = 0; i < plan->length; i++)
        at += (size_t)snprintf(text + at, size - at, " %u", plan->order[i]);
    snprintf(text + at, size - at, "\n");
    return text;
}

static const char *line_that_begins(const char *text, const char *word)
{
    size_t length = strlen(word);
    while (text && strncmp(text, word, length) != 0) {
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    return text;
}

static bool read_hold(const machine *m, const char *text, oriel_hold *hold)
{
    char name[16];
    unsigned pipe;
    unsigned long long offset;
    const char *line = line_that_begins(text, "hold ");
    if (!line || sscanf(line, "hold %15s core %u pipe %u ordinal %u offset %llu bytes %u", name, &hold->core, &pipe,
                        &hold->ordinal, &offset, &hold->bytes) != 6)
        return false;
    hold->pipe = (pto_pipe)pipe;
    hold->offset = offset;
    for (uint32_t i = 0; i < HOLDS; i++)
        if (strcmp(name, hold_names[i]) == 0) {
            hold->kind = (oriel_hold_kind)i;
            return hold->core < m->cores && pipe < PTO_PIPE_ALL && hold->bytes <= sizeof m->core->fetched;
        }
    return false;
}

static bool read_seed(const char *text, oriel_plan *plan)
{
    const char *line = line_that_begins(text, "seed ");
    unsigned long long seed;
    unsigned contents;
    if (!line || sscanf(line, "seed %llu\ncontents %u\n", &seed, &contents) != 2 || contents > ORIEL_CONTENTS_ALTERNATE)
        return false;
    plan->seed = seed;
    plan->contents = (oriel_contents)contents;
    return true;
}

static bool read_order(const machine *m, const char *text, uint32_t **order, uint32_t *length)
{
    const char *line = line_that_begins(text, "order");
    if (!line)
        return false;
    *order = calloc(strlen(line) / 2 + 1, sizeof **order);
    if (!*order)
        abort();
    *length = 0;
    for (line += strlen("order"); *line == ' ';) {
        char *end;
        unsigned long core = strtoul(line, &end, 10);
        if (end == line || core >= m->cores)
            return false;
        (*order)[(*length)++] = (uint32_t)core;
        line = end;
    }
    return true;
}

/* ---- Replay ----------------------------------------------------------------------------------------------------- */

static const char *how_it_ended(const machine *m)
{
    if (m->end == RUN_STUCK)
        return "nothing can move any more";
    if (m->end == RUN_ENDLESS)
        return "a kernel goes on and on without an end";
    if (m->end != RUN_ENDED)
        return "an instruction was refused";
    return m->wrong[0] ? m->wrong : "every result is right";
}

oriel_status check_replay(machine *m)
{
    oriel_plan plan = {0};
    uint32_t *order = NULL;
    const char *text = m->setup->options->replay;
    if (!read_hold(m, text, &plan.hold) || !read_seed(text, &plan) || !read_order(m, text, &order, &plan.length)) {
        free(order);
        return oriel_fail(ORIEL_INVALID, "this is no witness of this job: it has no schedule of %u cores", m->cores);
    }
    plan.order = order;
    /* What such a schedule shows is its end: what it does to the rest is noise. */
    plan.quiet = plan.hold.kind != ORIEL_HOLD_NOTHING || plan.seed || plan.contents != ORIEL_CONTENTS_USUAL;
    oriel_status status = check_run_and_note(m, &plan);
    if (status == ORIEL_OK) {
        m->schedules = 1;
        m->ended = strdup(how_it_ended(m));
        m->harmed = m->end != RUN_ENDED || m->wrong[0];
    }
    free(order);
    return status;
}

/* ---- Looking for one -------------------------------------------------------------------------------------------- */

static void late_text(const oriel_found_side *side, char *text, size_t size)
{
    const char *what = side->hold.kind == ORIEL_HOLD_FETCH  ? "fetches its line as early as it can"
                       : side->hold.kind == ORIEL_HOLD_LINE ? "stays in its cache as long as it can"
                       : side->hold.kind == ORIEL_HOLD_CORE ? "comes as late as it can"
                                                            : "completes as late as it can";
    snprintf(text, size, "%s of rank %u (call %u) %s", side->what, side->rank, side->call, what);
}

/* Random schedules that are tried for a finding that is the only one: what they show is then its doing. Long ones get fewer. */
#define RANDOM_WITNESSES 64
#define MOST_EVENTS      (UINT64_C(1) << 17)

static const char *contents_text(const oriel_plan *plan)
{
    return plan->contents == ORIEL_CONTENTS_ALTERNATE ? ", with other inputs in every other call" : "";
}

/* Runs `plan` for its end; true if that is harm, which then is the finding's witness. That time is up is none. */
static bool harms(machine *m, oriel_found *found, oriel_plan plan, const char *how)
{
    plan.quiet = true;
    check_run(m, &plan);
    if (m->end == RUN_TIMEOUT || (m->end == RUN_ENDED && !m->wrong[0]))
        return false;
    snprintf(found->witness, sizeof found->witness, "%s%s: %s", how, contents_text(&plan), how_it_ended(m));
    free(found->replay);
    found->replay = plan_text(&plan);
    return found->harm = true;
}

/* The inputs are those with which it was met, if these were not the usual ones. */
static oriel_plan plan_of(const oriel_meeting *met, oriel_contents contents)
{
    if (met->contents != ORIEL_CONTENTS_USUAL)
        contents = met->contents;
    return (oriel_plan){.order = met->order, .length = met->length, .seed = met->seed, .contents = contents};
}

/* The schedule in which it was met, with one side as late as it can be. */
static bool try_meeting(machine *m, oriel_found *found, uint32_t index, oriel_contents contents)
{
    const oriel_meeting *met = &found->met[index];
    found->shown = index;
    for (uint32_t i = 0; i < met->sides; i++) {
        char late[160];
        oriel_plan with = plan_of(met, contents);
        with.hold = met->side[i].hold;
        late_text(&met->side[i], late, sizeof late);
        if (with.hold.kind != ORIEL_HOLD_NOTHING && harms(m, found, with, late))
            return true;
    }
    return false;
}

/* Each time that it was met; or random steps. */
static bool try_late(machine *m, oriel_found *found, oriel_contents contents)
{
    for (uint32_t i = 0; i < found->meetings; i++)
        if (try_meeting(m, found, i, contents))
            return true;
    found->shown = 0;
    uint64_t events = 0;
    for (uint64_t seed = 1; m->findings.count == 1 && seed <= RANDOM_WITNESSES && events < MOST_EVENTS; seed++) {
        char how[64];
        const oriel_plan with = {.contents = contents, .seed = seed};
        snprintf(how, sizeof how, "in a schedule of random steps (seed %llu)", (unsigned long long)seed);
        if (harms(m, found, with, how))
            return true;
        events += m->events;
    }
    return false;
}

bool check_knows_others(machine *m, oriel_plan plan)
{
    plan.quiet = true;
    plan.contents = ORIEL_CONTENTS_OTHER;
    check_run(m, &plan);
    return m->contents == ORIEL_CONTENTS_OTHER && m->end == RUN_ENDED && !m->wrong[0];
}

static void look_for(machine *m, oriel_found *found)
{
    oriel_plan plan = plan_of(&found->met[0], ORIEL_CONTENTS_USUAL);
    found->replay = plan_text(&plan);
    found->harm = found->self_evident || found->wrong[0];
    if (found->self_evident)
        snprintf(found->witness, sizeof found->witness, "this schedule ends in it%s%s%s", contents_text(&plan),
                 found->wrong[0] ? ": " : "", found->wrong);
    else if (found->wrong[0])
        snprintf(found->witness, sizeof found->witness, "%s: %s",
                 plan.seed ? "in a schedule of random steps" : "with everything as early as it can be", found->wrong);
    if (found->harm || try_late(m, found, ORIEL_CONTENTS_USUAL))
        return;
    if (m->setup->calls > 1 && check_knows_others(m, plan)) {
        plan.contents = ORIEL_CONTENTS_ALTERNATE;
        if (harms(m, found, plan, "with everything as early as it can be") ||
            try_late(m, found, ORIEL_CONTENTS_ALTERNATE))
            return;
    }
    snprintf(found->witness, sizeof found->witness,
             "this data hides it: with either side as late as it can be, the result is still right");
}

/* One for which no time is left says so. */
static bool is_late(const machine *m, oriel_found *found)
{
    if (!oriel_passed(m->setup->deadline))
        return false;
    oriel_plan plan = plan_of(&found->met[0], ORIEL_CONTENTS_USUAL);
    found->replay = plan_text(&plan);
    snprintf(found->witness, sizeof found->witness, "none was looked for: the deadline had passed");
    return true;
}

oriel_status oriel_checker_witness(oriel_checker *m)
{
    for (uint32_t i = 0; i < m->findings.count; i++)
        if (!is_late(m, &m->findings.found[i]))
            look_for(m, &m->findings.found[i]);
    return ORIEL_OK;
}
