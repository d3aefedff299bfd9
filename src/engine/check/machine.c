/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/check/machine.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "engine/memory.h"
#include "oriel/kernel.h"

#define STACK_BYTES     ((size_t)256 << 10)
#define STEPS_PER_CLOCK 1024

bool check_in_order(const machine *m, uint32_t queue)
{
    uint32_t pipes = m->cores * ORIEL_CORE_QUEUES;
    if (queue >= pipes)
        return true;
    uint32_t pipe = queue % ORIEL_CORE_QUEUES;
    return pipe == PTO_PIPE_S || pipe == PTO_PIPE_M || (pipe == PTO_PIPE_V && m->setup->limits->vector_in_order);
}

oriel_finding_kind check_operand_kind(void)
{
    switch (oriel_last_bad()) {
    case ORIEL_BAD_ALIGNMENT: return ORIEL_FINDING_MISALIGNED;
    case ORIEL_BAD_BOUNDS: return ORIEL_FINDING_OUT_OF_BOUNDS;
    default: return ORIEL_FINDING_LIMIT;
    }
}

/* ---- The log ---------------------------------------------------------------------------------------------------- */

uint32_t check_event_add(machine *m, const check_event *event)
{
    if (m->events == m->event_room) {
        m->event_room = m->event_room ? 2 * m->event_room : 1024;
        m->event = realloc(m->event, m->event_room * sizeof *m->event);
        if (!m->event)
            abort();
    }
    m->event[m->events] = *event;
    return m->events++;
}

uint32_t check_event_here(check_core *c, pto_op op, const pto_site *site)
{
    return check_event_add(c->machine, &(check_event){.site = site,
                                                      .core = c->index,
                                                      .call = c->call,
                                                      .queue = check_queue(c->index, PTO_PIPE_S),
                                                      .ordinal = c->count,
                                                      .issued = c->count,
                                                      .op = (uint8_t)op,
                                                      .composite = c->composite,
                                                      .condition = c->at_condition,
                                                      .pipe = (uint8_t)oriel_op_pipe(op)});
}

void check_learn(check_core *c, const oriel_clock *clock)
{
    oriel_clock_join(&c->clock, clock);
    c->version++;
}

void check_learn_own(check_core *c, const oriel_clock *clock)
{
    oriel_clock_join_core(&c->clock, clock, check_queue(c->index, 0));
}

/* ---- In a core's fiber ------------------------------------------------------------------------------------------ */

void check_suspend(check_core *c, core_state state)
{
    c->state = state;
    oriel_fiber_suspend(&c->fiber, false);
    if (c->machine->aborting)
        longjmp(c->leave, 1);
    c->state = CORE_READY;
}

_Noreturn void check_leave(check_core *c, run_end end)
{
    machine *m = c->machine;
    if (!m->aborting)
        m->end = end;
    m->aborting = true;
    longjmp(c->leave, 1);
}

/* Of each instruction, also of those for which one composite stands: there can be as many as of any loop. */
static void pace(check_core *c)
{
    if (++c->steps % STEPS_PER_CLOCK != 0)
        return;
    if (oriel_passed(c->machine->setup->deadline))
        check_leave(c, RUN_TIMEOUT);
    c->endless_op = PTO_OP_TTEST;
    c->endless = c->steps > CHECK_MAX_STEPS;
    if (c->endless)
        check_leave(c, RUN_ENDLESS);
}

/* Each operation of the scalar unit begins here. */
void check_begin(check_core *c, const pto_site *site)
{
    machine *m = c->machine;
    if (m->setup->running)
        *m->setup->running = site;
    c->count++;
    const oriel_hold *hold = &m->plan->hold;
    if (__builtin_expect(hold->kind == ORIEL_HOLD_CORE, 0) && hold->core == c->index && hold->ordinal == c->count)
        check_suspend(c, CORE_HELD);
    pace(c);
}

void check_pace_access(check_core *c, const pto_access *access)
{
    machine *m = c->machine;
    c->endless_op = (uint8_t)access->op;
    c->endless = ++c->accesses > CHECK_MAX_ACCESSES;
    if (c->endless)
        check_leave(c, RUN_ENDLESS);
    if (m->plan->choose || c->accesses % CHECK_LONG_LOOP != 0)
        return;
    check_suspend(c, CORE_HELD);
    if (m->setup->running)
        *m->setup->running = access->site;
}

void check_turn(check_core *c)
{
    if (c->machine->plan->choose)
        check_suspend(c, CORE_READY);
}

bool check_skips(check_core *c, const pto_site *site, pto_op op)
{
    machine *m = c->machine;
    if (c->composite != PTO_OP_COUNT)
        return false;
    const oriel_statement *fresh = oriel_statements_reach(&m->statements, site, (uint8_t)op);
    if (fresh && m->setup->options->without) {
        char id[512];
        oriel_statement_id(fresh, id, sizeof id);
        if (strcmp(id, m->setup->options->without) == 0)
            m->without = site;
    }
    return m->without == site;
}

static uint32_t last_writer(const machine *m, uint64_t offset)
{
    oriel_mark last;
    bool known = oriel_shadow_last_write(m->shadow, offset, &last) && !m->event[last.event].host;
    return known ? last.event : NONE;
}

static void host_looks(machine *m, uint32_t rank, uint32_t call)
{
    const oriel_check_host *host = m->setup->host;
    for (uint32_t i = 0; i < m->setup->pieces; i++) {
        const oriel_check_piece *piece = &m->setup->piece[i];
        if (piece->output && piece->rank == rank)
            check_host_touch(m, rank, piece, false, call);
    }
    check_late_show(m, rank, 0, UINT64_MAX);
    const char *wrong = host->returned(host->context, rank, call);
    check_late_hide(m, rank, 0, UINT64_MAX);
    if (!wrong || m->wrong[0])
        return;
    snprintf(m->wrong, sizeof m->wrong, "%s", wrong);
    m->wrong_rank = rank;
    m->wrong_call = call;
    m->wrong_writer = host->wrong_at ? last_writer(m, host->wrong_at(host->context)) : NONE;
}

static void host_spoils(machine *m, uint32_t rank, uint32_t call)
{
    const oriel_check_host *host = m->setup->host;
    host->entering(host->context, rank, call);
    for (uint32_t i = 0; i < m->setup->pieces; i++) {
        const oriel_check_piece *piece = &m->setup->piece[i];
        if (piece->rank != rank || !piece->undefined)
            continue;
        check_host_touch(m, rank, piece, true, call);
        oriel_ranges_add(m->undefined, piece->offset, piece->offset + piece->bytes);
    }
}

/* A call of a rank is over when all its tasks are; the next depends on it. */
static void return_from_call(check_core *c)
{
    machine *m = c->machine;
    check_rank *rank = &m->rank[c->rank];
    oriel_clock_join(&rank->returning, &c->clock);
    if (++rank->returned < m->setup->blocks)
        return;
    oriel_clock_join(&rank->at_return, &rank->returning);
    oriel_clock_clear(&rank->returning);
    host_looks(m, c->rank, c->call);
    if (c->call + 1 < m->setup->calls)
        host_spoils(m, c->rank, c->call + 1);
    check_tasks_begin(m, c->rank);
    rank->returned = 0;
    rank->call = c->call + 1;
}

/*
 * The memories hold anything when a kernel begins: what the call before left there may have been another kernel's since. What is still under way
 * reads and writes what it was told to, and then nothing is forgotten.
 */
static void enter_memories(check_core *c)
{
    if (!check_drained(c))
        return;
    oriel_ranges_clear(c->local_undefined);
    for (unsigned i = 0; i < PTO_MEMORY_COUNT; i++) {
        const pto_tile first = {.memory = (pto_memory)i};
        uint64_t at = oriel_local_address(&first);
        oriel_ranges_add(c->local_undefined, at, at + oriel_memory_bytes(c->machine->setup->limits, first.memory));
    }
    memset(c->poisoned, 0, sizeof c->poisoned);
}

static void run_task(check_core *c)
{
    check_task_start(c);
    check_cache_enter(c);
    enter_memories(c);
    c->polls = 0;
    c->task->function(&c->pto);
    check_turn(c);
    check_task_return(c);
}

static void run_calls(check_core *c)
{
    machine *m = c->machine;
    if (setjmp(c->leave) != 0) {
        c->state = CORE_LEFT;
        return;
    }
    for (c->call = 0; c->call < m->setup->calls; c->call++) {
        check_learn(c, &m->rank[c->rank].at_return);
        c->task = check_task_of(m, c->index, c->call);
        if (c->task)
            run_task(c);
        return_from_call(c);
        if (c->call + 1 < m->setup->calls)
            while (m->rank[c->rank].call == c->call)
                check_suspend(c, CORE_RETURNED);
    }
    c->state = CORE_DONE;
}

/* A core whose first turn comes when the schedule has been ended does not begin. */
static void live(void *context)
{
    check_core *c = context;
    for (;;) {
        if (c->machine->aborting)
            c->state = CORE_LEFT;
        else
            run_calls(c);
        oriel_fiber_suspend(&c->fiber, true);
    }
}

/* ---- The engine's table ----------------------------------------------------------------------------------------- */

static void issue_simple(void *context, const pto_instr *instr)
{
    check_core *c = context;
    if (c->composite != PTO_OP_COUNT)
        pace(c);
    check_operands(c, instr);
    uint32_t event = check_event_here(c, instr->op, instr->site);
    check_issue(c, instr, event);
}

static void sync_simple(void *context, const pto_sync *sync)
{
    check_core *c = context;
    check_queue_sync(c, sync, check_event_here(c, sync->op, sync->site));
}

static void issue_composite(check_core *c, const pto_instr *instr)
{
    const pto_global *own = instr->global[0] ? instr->global[0] : instr->global[1];
    c->composite = (uint8_t)instr->op;
    oriel_instr_expand(instr, c->machine->setup->limits,
                       &(oriel_expansion){.instr = issue_simple, .sync = sync_simple, .context = c});
    for (int i = 0; i < 3 && pto_global_count(*own); i++)
        if (instr->tile[i])
            check_spoil(c, instr->tile[i]);
    c->composite = PTO_OP_COUNT;
}

/* What a composite says of its group must be the same on each rank: compared site by site, use by use. */
static void issue(pto_core *pto, const pto_instr *instr)
{
    check_core *c = (check_core *)pto;
    machine *m = c->machine;
    check_begin(c, instr->site);
    check_turn(c);
    c->accesses = 0;
    if (instr->op == PTO_OP_TRAP) {
        oriel_instr_check(instr, m->setup->limits);
        snprintf(m->trap, sizeof m->trap, "%s:%d: %s", instr->site->file, instr->site->line, oriel_last_error());
        check_leave(c, RUN_TRAP);
    }
    if (oriel_instr_check(instr, m->setup->limits) != ORIEL_OK)
        check_refuse(c, check_operand_kind(), instr->site, instr->op);
    if (!oriel_op_is_composite(instr->op)) {
        issue_simple(c, instr);
        return;
    }
    check_agree(c, instr);
    issue_composite(c, instr);
}

static const pto_engine_ops check_ops = {
    .issue = issue, .sync = check_sync, .signal = check_signal, .access = check_access};

/* ---- The scheduler ---------------------------------------------------------------------------------------------- */

static void resume(check_core *c)
{
    machine *m = c->machine;
    m->running = c;
    oriel_fiber_resume(&c->fiber);
    m->running = NULL;
}

/* Whether the core's scalar unit can go on now. */
static bool can_go_on(check_core *c)
{
    switch (c->state) {
    case CORE_READY: return true;
    case CORE_AT_SIGNAL: return check_signal_enabled(c);
    case CORE_RETURNED: return c->machine->rank[c->rank].call > c->call;
    case CORE_WAITING:
    case CORE_ENDING: return check_task_may_go_on(c);
    case CORE_AT_FLAG:
    case CORE_DRAINING:
    case CORE_FENCING:
    case CORE_AT_BARRIER: return check_may_go_on(c);
    default: return false;
    }
}

/* Before a signal operation, or before the next cell of a wait. */
static bool is_choice(const check_core *c)
{
    return c->state == CORE_AT_SIGNAL;
}

/* Everything but signal operations, as far as it goes. */
static void settle(machine *m)
{
    for (bool moved = true; moved && !m->aborting;) {
        moved = false;
        for (uint32_t i = 0; i < m->cores && !m->aborting; i++) {
            check_core *c = &m->core[i];
            while (!m->aborting && !is_choice(c) && can_go_on(c)) {
                resume(c);
                moved = true;
            }
        }
    }
}

static bool is_notify(const check_core *c)
{
    return c->at_signal->op == PTO_OP_TNOTIFY;
}

/*
 * Whose signal operation is next: the plan's, then notifies, and waits last, so that they see all that they can. NULL: nobody's.
 */
static check_core *choose_signal(machine *m, uint32_t *planned)
{
    while (*planned < m->plan->length) {
        check_core *c = &m->core[m->plan->order[*planned]];
        if (!is_choice(c) || !can_go_on(c))
            break;
        ++*planned;
        return c;
    }
    if (m->pins_left) {
        check_core *pinned = check_pinned(m);
        if (pinned)
            return pinned;
        for (uint32_t i = 0; i < m->cores;
             i++) /* what is not pinned answers the same whenever it can: before it no longer can */
            if (is_choice(&m->core[i]) && !is_notify(&m->core[i]) && can_go_on(&m->core[i]) &&
                !check_pin_forbids(&m->core[i]))
                return &m->core[i];
    }
    check_core *wait = NULL;
    for (uint32_t i = 0; i < m->cores; i++) {
        check_core *c = &m->core[i];
        if (!is_choice(c) || !can_go_on(c) || (m->pins_left && check_pin_forbids(c)))
            continue;
        if (is_notify(c))
            return c;
        if (!wait)
            wait = c;
    }
    return wait;
}

/* Repeated tests count as waiting. One that still can end has to: each says no once more, so often and no oftener. */
#define MOST_STALLS 4096

static bool repeat_tests(machine *m)
{
    bool any = false;
    if (m->stalls == MOST_STALLS)
        return false;
    for (uint32_t i = 0; i < m->cores; i++) {
        check_core *c = &m->core[i];
        if (is_choice(c) && !c->woken && check_repeats(c))
            c->woken = any = true;
    }
    m->stalls += any;
    return any;
}

/* The plan asked for what cannot be: it goes on as it comes. */
static bool give_up_pins(machine *m)
{
    bool any = m->pins_left > 0;
    m->pins_left = 0;
    return any;
}

/* A core that is held goes on, now that nothing else can: each in its turn. */
static bool release_core(machine *m)
{
    for (uint32_t i = 1; i <= m->cores; i++) {
        const uint32_t next = (m->released + i) % m->cores;
        if (m->core[next].state == CORE_HELD) {
            m->core[next].state = CORE_READY;
            m->released = next;
            return true;
        }
    }
    return false;
}

static void run_eagerly(machine *m)
{
    uint32_t planned = 0;
    while (!m->aborting) {
        settle(m);
        if (m->aborting)
            return;
        check_core *next = choose_signal(m, &planned);
        if (next)
            resume(next);
        else if (!check_let_go(m) && !release_core(m) && !give_up_pins(m) && !repeat_tests(m))
            return;
    }
}

/* What its pipes can do changes only when the core itself does something. */
static uint32_t pipes_able(check_core *c)
{
    if (!c->able_known)
        c->able = check_able(c);
    c->able_known = true;
    return c->able;
}

/* Of a core that can do something: number `pick` of what it can, its scalar unit first. */
static void step_core(check_core *c, uint32_t pick)
{
    c->able_known = false;
    if (c->goes_on && pick == 0)
        resume(c);
    else
        check_complete(c, pick - c->goes_on);
}

static void take_step(machine *m, uint32_t pick)
{
    for (uint32_t i = 0; i < m->cores; i++) {
        check_core *c = &m->core[i];
        uint32_t mine = c->goes_on + c->able;
        if (pick < mine) {
            step_core(c, pick);
            return;
        }
        pick -= mine;
    }
    check_late_able(m, pick);
}

/* Each thing that can happen is a choice of the plan's. What a core does before its first operation touches nothing. */
static void run_chosen(machine *m)
{
    for (uint32_t i = 0; i < m->cores; i++)
        resume(&m->core[i]);
    while (!m->aborting) {
        uint32_t able = 0;
        for (uint32_t i = 0; i < m->cores; i++) {
            check_core *c = &m->core[i];
            c->goes_on = can_go_on(c);
            able += c->goes_on + pipes_able(c);
        }
        able += check_late_able(m, NONE);
        if (able == 0 && !repeat_tests(m))
            return;
        if (able > 0)
            take_step(m, m->plan->choose(m->plan->context, able));
    }
}

/* ---- One schedule ----------------------------------------------------------------------------------------------- */

static void reset_core(check_core *c)
{
    machine *m = c->machine;
    uint32_t index = c->index;
    check_pipes_reset(c);
    oriel_shadow_reset(c->local_shadow);
    oriel_clock_clear(&c->clock);
    c->version++;
    oriel_clock_clear(&c->invalidated);
    for (uint32_t i = 0; i < c->lines; i++)
        oriel_clock_free(&c->line[i].fetched);
    c->lines = c->late_lines = c->line_queues = c->count = c->polls = c->asked_again = c->since = 0;
    c->asked_step = NONE;
    c->steps = 0;
    c->accesses = 0;
    c->endless = false;
    c->woken = c->store_pending = c->store_cleaning = c->able_known = c->at_condition = false;
    c->composite = PTO_OP_COUNT;
    c->state = CORE_READY;
    c->task = NULL;
    c->pto = (pto_core){.ops = &check_ops, .cached = true};
    oriel_memories_tell(m->setup->limits, &c->pto);
    memset(c->poisoned, 0, sizeof c->poisoned);
    oriel_clock_raise(&c->clock, check_queue(index, PTO_PIPE_S), 0);
}

/* The host first: it may look at the schedule that is over. */
static void reset(machine *m)
{
    m->setup->host->reset(m->setup->host->context);
    m->events = m->waiteds = m->conflicts = m->stalls = 0;
    m->released = m->cores - 1;
    m->steps.count = 0;
    m->steps.knowns = 0;
    m->aborting = false;
    m->end = RUN_ENDED;
    m->wrong[0] = '\0';
    oriel_shadow_reset(m->shadow);
    oriel_shadow_reset(m->lines);
    oriel_ranges_clear(m->undefined);
    oriel_ranges_clear(m->lined);
    oriel_ranges_clear(m->celled);
    check_signals_reset(m);
    check_pins_begin(m);
    check_agree_reset(m);
    check_late_reset(m);
    for (uint32_t i = 0; i < m->cores; i++)
        reset_core(&m->core[i]);
    for (uint32_t r = 0; r < m->setup->ranks; r++) {
        check_rank *rank = &m->rank[r];
        check_tasks_begin(m, r);
        oriel_clock_clear(&rank->returning);
        oriel_clock_clear(&rank->at_return);
        rank->returned = rank->host_ordinal = rank->call = 0;
        host_spoils(m, r, 0);
    }
}

static bool all_done(const machine *m)
{
    for (uint32_t i = 0; i < m->cores; i++)
        if (m->core[i].state != CORE_DONE || !check_drained(&m->core[i]))
            return false;
    return true;
}

/*
 * Random steps. Even chances alone give schedules that are all alike; for a while those first in line go first, or last, so that
 * cores and pipes drift far apart.
 */
typedef struct random_steps {
    oriel_random random;
    uint32_t left, way; /* so many steps more: 0: the first, 1: the last, 2: any */
} random_steps;

static uint32_t choose_at_random(void *context, uint32_t n)
{
    random_steps *r = context;
    if (r->left-- == 0) {
        r->left = (uint32_t)oriel_random_below(&r->random, 64);
        r->way = (uint32_t)oriel_random_below(&r->random, 3);
    }
    return r->way == 0 ? 0 : r->way == 1 ? n - 1 : (uint32_t)oriel_random_below(&r->random, n);
}

static void fill(machine *m, oriel_contents contents)
{
    const oriel_check_host *host = m->setup->host;
    if (contents != m->contents && host->fill && host->fill(host->context, contents))
        m->contents = contents;
}

void check_run(machine *m, const oriel_plan *given)
{
    oriel_plan own = *given;
    const oriel_plan *plan = &own;
    random_steps steps = {.left = 0};
    if (own.seed) {
        oriel_random_seed(&steps.random, own.seed);
        own.choose = choose_at_random;
        own.context = &steps;
    }
    m->plan = plan;
    fill(m, own.contents);
    reset(m);
    if (plan->choose)
        run_chosen(m);
    else
        run_eagerly(m);
    if (!m->aborting && !all_done(m)) {
        m->end = RUN_STUCK;
        check_stuck(m);
        check_keep_stuck(m);
    }
    if (m->end == RUN_ENDLESS)
        check_endless(m);
    m->aborting = true;
    for (uint32_t i = 0; i < m->cores; i++)
        if (m->core[i].state != CORE_DONE && m->core[i].state != CORE_LEFT)
            resume(&m->core[i]);
    check_classify(m);
    m->plan = given;
}

/* ---- Making one ------------------------------------------------------------------------------------------------- */

static oriel_status make_core(machine *m, uint32_t index)
{
    check_core *c = &m->core[index];
    c->machine = m;
    c->index = index;
    c->rank = index / m->setup->blocks;
    c->block = index % m->setup->blocks;
    oriel_status status = oriel_memories_map(m->setup->limits, c->memory);
    if (status == ORIEL_OK)
        status = oriel_shadow_create(&c->local_shadow);
    if (status == ORIEL_OK)
        status = oriel_ranges_create(&c->local_undefined);
    if (status == ORIEL_OK)
        status = oriel_fiber_create(&c->fiber, STACK_BYTES, live, c);
    return status;
}

oriel_status oriel_checker_create(const oriel_check_setup *setup, oriel_checker **checker)
{
    machine *m = calloc(1, sizeof *m);
    if (!m)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for a checker");
    m->setup = setup;
    m->cores = setup->ranks * setup->blocks;
    m->core = calloc(m->cores, sizeof *m->core);
    m->rank = calloc(setup->ranks, sizeof *m->rank);
    oriel_status status = ORIEL_OK;
    if (!m->core || !m->rank)
        status = oriel_fail(ORIEL_NO_MEMORY, "no memory for %u simulated cores", m->cores);
    if (status == ORIEL_OK)
        status = check_tasks_make(m);
    if (status == ORIEL_OK)
        status = oriel_shadow_create(&m->shadow);
    if (status == ORIEL_OK)
        status = oriel_shadow_create(&m->lines);
    if (status == ORIEL_OK)
        status = oriel_ranges_create(&m->undefined);
    if (status == ORIEL_OK)
        status = oriel_ranges_create(&m->lined);
    if (status == ORIEL_OK)
        status = oriel_ranges_create(&m->celled);
    for (uint32_t i = 0; i < m->cores && status == ORIEL_OK; i++)
        status = make_core(m, i);
    if (status != ORIEL_OK) {
        oriel_checker_destroy(m);
        return status;
    }
    *checker = m;
    return ORIEL_OK;
}

static void free_core(check_core *c)
{
    if (!c->machine)
        return;
    check_pipes_free(c);
    if (c->fiber.stack)
        oriel_fiber_destroy(&c->fiber);
    oriel_memories_unmap(c->machine->setup->limits, c->memory);
    oriel_shadow_destroy(c->local_shadow);
    oriel_ranges_destroy(c->local_undefined);
    for (uint32_t i = 0; i < c->lines; i++)
        oriel_clock_free(&c->line[i].fetched);
    free(c->line);
    oriel_clock_free(&c->clock);
    oriel_clock_free(&c->invalidated);
}

void oriel_checker_destroy(oriel_checker *m)
{
    if (!m)
        return;
    for (uint32_t i = 0; m->core && i < m->cores; i++)
        free_core(&m->core[i]);
    for (uint32_t r = 0; m->rank && r < m->setup->ranks; r++) {
        oriel_clock_free(&m->rank[r].returning);
        oriel_clock_free(&m->rank[r].at_return);
    }
    oriel_shadow_destroy(m->shadow);
    oriel_shadow_destroy(m->lines);
    oriel_ranges_destroy(m->undefined);
    oriel_ranges_destroy(m->lined);
    oriel_ranges_destroy(m->celled);
    check_tasks_free(m);
    check_signals_free(m);
    check_agree_free(m);
    check_late_free(m);
    oriel_findings_free(&m->findings);
    oriel_statements_free(&m->statements);
    oriel_clock_free(&m->gains);
    free(m->core);
    free(m->rank);
    free(m->event);
    free(m->conflict);
    free(m->pin_done);
    free(m->ended);
    free(m);
}
