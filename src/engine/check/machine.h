/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine while a schedule runs on it. Private to engine/check.
 *
 *      core of rank r, block b
 *      ┌──────────────────────────────┐  issue   ┌─────────────────────────────────────┐
 *      │ S: the kernel, on a fiber    │ ───────► │ MTE2  load │ set │ load │           │  queued things, oldest first
 *      │ clock: what it knows to be   │ ───────► │ V     wait │ add │                  │  start: what has completed when
 *      │ complete                     │ ───────► │ MTE3  wait │ store                  │         the next one starts
 *      └──────────────────────────────┘          └─ MTE1, M, FIX likewise ─────────────┘
 *
 * The scheduler resumes a core's fiber; it runs until it comes to a signal operation, to something that it must wait for, or to
 * the end of a call. In between, pipes take what they can at once (eagerly), unless the plan holds it back.
 *
 *      machine.c   cores and their fibers, calls, the scheduler      access.c   what touches which bytes
 *      pipe.c      queues, flags, barriers                           scalar.c   the scalar unit's cache and its lines
 *      sync.c      what the scalar unit synchronizes                 signal.c   cells
 *      tasks.c     when kernels start, and when they are complete
 *      late.c      what has happened, and has not landed
 *      findings.c  what was found                                    stuck.c    why nothing moves
 */
#ifndef ORIEL_ENGINE_CHECK_MACHINE_H
#define ORIEL_ENGINE_CHECK_MACHINE_H

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "base/fiber.h"
#include "engine/check/check.h"
#include "engine/check/clock.h"
#include "engine/check/findings.h"
#include "engine/check/plan.h"
#include "engine/check/shadow.h"
#include "isa/isa.h"
#include "oriel/kernel.h"

#define NONE UINT32_MAX

/* Operations of one core in one schedule. A kernel that does more does not end. */
#define CHECK_MAX_STEPS (UINT64_C(1) << 26)
/* Scalar accesses of one core with no instruction and no signal in between. A kernel that does more does not end either. */
#define CHECK_MAX_ACCESSES (1u << 21)
/* After so many, others go on: what it looks for may be theirs to store. */
#define CHECK_LONG_LOOP 4096u

/* Whether the last operand check that failed was about an alignment, the end of a memory, or something else (isa/isa.h). */
oriel_finding_kind check_operand_kind(void);

/* ---- The log of a schedule -------------------------------------------------------------------------------------- */

/* Something that touched memory, or that a message may have to name. */
typedef struct check_event {
    const pto_site *site;
    uint32_t core, call;
    uint32_t queue, ordinal;
    uint32_t issued;       /* what its scalar unit had counted when it was issued */
    uint8_t op, composite; /* PTO_OP_COUNT: none */
    uint8_t pipe, dtype;
    bool host, adds, uncached;
    bool condition;    /* of a task: its scalar unit does not wait */
    uint64_t from, to; /* in the arena: the bytes of a scalar store or a signal, the first and last of a tensor */
} check_event;

/* Two accesses that nothing orders; the earlier happened first in this schedule. */
typedef struct check_conflict {
    uint32_t earlier, later; /* events */
    oriel_touch_kind earlier_kind, later_kind;
    uint32_t local_core; /* in whose memories: local addresses; NONE: device memory */
    uint64_t from, to;
    bool knows_issue; /* the later knew that the earlier had been issued, */
    bool drained;     /* and that it had completed, but not that a dsb followed */
    bool in_cache;    /* the later is a scalar load that knew all of it, but may have fetched its line before */
    bool line;        /* they share a cache line, and no byte */
    bool returned;    /* once it is classified: the later's task depends on the earlier's, which did not drain */
    uint32_t notify;  /* by which the later knew of the issue; NONE */
} check_conflict;

/* A notify that has happened. */
typedef struct check_notify {
    uint32_t core;
    uint32_t queue, ordinal; /* of its scalar unit */
    uint32_t event;
    uint32_t mode;
    int32_t value;
    uint32_t cell;
    uint32_t call;
    bool store;           /* it is none: a store to the cell, which is as a Set to those that it is ordered with */
    oriel_clock released; /* what a wait that needs it learns */
} check_notify;

/* A wait or a test that came true. */
typedef struct check_waited {
    uint32_t core, ordinal, event, cell, call;
    uint32_t notifies; /* that had happened in the whole machine before it */
    bool vacuous;      /* it needed nothing that its core did not know before */
    bool credits; /* notifies of an earlier use had been there: of an earlier call, or from before an earlier wait */
    uint32_t cmp;
    int32_t value;
} check_waited;

/* A signal cell that has been used. */
typedef struct check_cell {
    uint64_t offset;  /* in the arena */
    int32_t first;    /* its value when the schedule began */
    uint32_t misused; /* the finding that says that two writers erase one another here; NONE */
    uint32_t *notify; /* indices, in the order in which they happened */
    uint32_t notifies, room;
} check_cell;

/* ---- Pipes ------------------------------------------------------------------------------------------------------ */

typedef enum item_kind { ITEM_INSTR, ITEM_SET, ITEM_WAIT, ITEM_BARRIER } item_kind;

/* Something queued on a pipe. Ordinals count all kinds. */
/* Composites whose staging tile one instruction that is under way uses, too: what is more is undefined too early. */
#define MAX_SPOILS 8

/* A staging tile of a composite: undefined once all that uses it is done. */
typedef struct check_spoiled {
    pto_tile tile;
    uint32_t left;
} check_spoiled;

typedef struct check_item {
    item_kind kind;
    bool started, done, held;
    uint32_t ordinal, event;
    struct check_item *next; /* of those that are kept for the next ones */
    oriel_clock issue;       /* what the scalar unit knew; from its start on: what had completed then */
    uint64_t version;        /* of what it knows of others */
    pto_instr instr;         /* with its operands: */
    pto_tile tile[3];
    pto_global global[2];
    uint32_t spoil[MAX_SPOILS], spoils; /* staging tiles that it uses, of its core's `spoiled` */
    pto_pipe other;                     /* of a flag */
    uint32_t id;
} check_item;

typedef struct check_pipe {
    uint32_t queue;    /* its component in clocks */
    uint32_t issued;   /* ordinal of the last thing issued */
    uint64_t seen;     /* version of what `start` has of others: all that its scalar unit knew of them */
    oriel_clock start; /* what has completed when the next thing starts */
    check_item **item; /* those that are not done, oldest first (done ones among them) */
    uint32_t items, room;
    /* The last pipe_barrier on it that has been passed, for the dsb that follows. */
    oriel_clock barrier;
    uint32_t barriers_issued, barriers_passed;
} check_pipe;

typedef struct check_flag {
    bool set;
    uint32_t set_event; /* who set it, */
    uint32_t set_call;
    uint32_t wait_event;   /* and who consumed it last; NONE */
    uint32_t wait_ordinal; /* in the waiting queue */
    uint64_t version;      /* of what `gives` has of others */
    oriel_clock gives;
    /* In program order: */
    uint32_t sets, waits;
    uint32_t last_set; /* event */
    uint32_t lost;     /* the finding that says that one was lost; NONE */
    bool told;         /* that it is left set */
} check_flag;

/* ---- Cores ------------------------------------------------------------------------------------------------------ */

typedef enum core_state {
    CORE_READY,     /* goes on when it is resumed */
    CORE_AT_SIGNAL, /* before a signal operation */
    CORE_AT_FLAG,   /* PIPE_S waits for a flag */
    CORE_DRAINING,  /* until its pipes are empty */
    CORE_FENCING,   /* dsb: until the barriers before it have been passed */
    CORE_AT_BARRIER,
    CORE_HELD,     /* by the plan; or in a long loop of scalar accesses */
    CORE_WAITING,  /* for the tasks that come before its own */
    CORE_ENDING,   /* the first block of a task with conditions, for the others */
    CORE_RETURNED, /* from a call; the next begins when all blocks of the rank have */
    CORE_DONE,
    CORE_LEFT /* its kernel was ended by a fault */
} core_state;

/* A cache line that the scalar unit has stored to, or invalidated. */
typedef struct check_line {
    uint64_t line;  /* arena offset / line bytes */
    uint32_t queue; /* NONE: never stored to */
    uint32_t stores, cleaning, cleaned;
    bool fetched_set;
    oriel_clock fetched; /* what the scalar unit knew at its last invalidation */
    /* If each step is a choice: */
    bool dirty, leaving; /* the copy has stores that memory lacks; it was cleaned, and is on its way */
    uint32_t since;      /* it cannot have been fetched before: an index into the machine's past */
    char copy[PTO_LINE_BYTES];
} check_line;

/* A TTEST that said no, and has not been answered since. */
typedef struct check_poll {
    pto_signal signal;
    uint64_t from, to; /* the bytes of its cells, in the arena */
} check_poll;
#define MAX_POLLS 16

/* How often a core has come to a place of the source in a call. The list ends with the first that is not used. */
typedef struct check_place {
    const pto_site *site;
    uint32_t call, uses;
} check_place;
#define MAX_PLACES 64
#define MAX_USES   64u

struct oriel_engine_core {
    pto_core pto; /* first: the kernel's pointer to it is one to all of this */
    struct oriel_checker *machine;
    uint32_t index, rank;
    uint32_t block;               /* of the rank's cores */
    const oriel_check_task *task; /* of this call; NULL: none */
    const oriel_view *view;
    char *memory[PTO_MEMORY_COUNT];
    uint32_t poisoned[PTO_MEMORY_COUNT]; /* bytes of each, from its beginning, that are of this schedule */
    oriel_shadow *local_shadow;
    oriel_ranges *local_undefined;
    check_spoiled *spoiled;
    uint32_t spoileds, spoiled_room;
    check_pipe pipe[PTO_PIPE_ALL]; /* [PTO_PIPE_S] has no items */
    check_item *spare;
    check_flag flag[PTO_PIPE_ALL][PTO_PIPE_ALL][32];

    /* The scalar unit. */
    oriel_fiber fiber;
    jmp_buf leave;
    core_state state;
    oriel_clock clock;
    uint32_t count;   /* operations so far: its own component */
    uint64_t version; /* grows with what it knows of others: components that are not its pipes' or its own */
    uint32_t call;
    oriel_clock invalidated; /* what it knew when its whole cache was last invalidated */
    check_line *line;
    uint32_t lines, line_room, line_queues;
    uint32_t late_lines; /* those that are dirty or leaving */
    uint32_t since;      /* as in check_line, of all others */
    uint64_t steps;
    uint32_t accesses; /* of its scalar unit, in a row */
    bool endless;
    uint8_t endless_op; /* what it does in its loop */

    /* What it waits for. */
    uint32_t at_event;
    const pto_sync *at_sync;
    const pto_signal *at_signal;
    uint64_t at_offset;              /* of the first cell */
    uint32_t at_cell;                /* which of the cells is next */
    bool at_condition;               /* it is a task's, and not its scalar unit's */
    uint32_t generation;             /* of the barrier at which it waits */
    uint32_t barriers[PTO_PIPE_ALL]; /* CORE_FENCING: those to be passed */
    check_poll poll[MAX_POLLS];
    uint32_t polls;
    check_place place[MAX_PLACES + 1];
    bool woken;           /* a cell that it polls has changed, or nothing else can move */
    pto_signal asked;     /* its last test, */
    uint32_t asked_step;  /* the step of that, if it said no; NONE */
    uint32_t asked_count; /* and its scalar unit's count then */
    uint32_t asked_again; /* how often it was repeated since */
    /* For a plan that chooses each step: */
    bool goes_on;    /* the scalar unit can, */
    uint32_t able;   /* and its pipes can do so many things */
    bool able_known; /* which is so still */
    /* For a plan that holds back a store or a fetch of the cache: */
    char fetched[8];
    bool store_pending, store_cleaning;
    uint64_t pending_bits;
    char set_line[PTO_LINE_BYTES]; /* what a Set writes back, but for its cell */
    uint8_t composite;             /* the op that is being expanded, or PTO_OP_COUNT */
};

/* What the blocks of a task share. */
typedef struct check_task {
    uint32_t arrived, generation; /* of the barrier among them */
    oriel_clock gathering, released;
    uint32_t returned; /* blocks */
    bool complete;
    oriel_clock gives; /* what the scalar units know that have returned, and then what the conditions tell */
} check_task;

/* What the cores of one rank share. */
typedef struct check_rank {
    check_task *task;      /* those of this call */
    uint32_t returned;     /* cores, from this call: each when its task is complete */
    oriel_clock returning; /* what the scalar units know that have returned from this call */
    oriel_clock at_return; /* what all knew when the last one returned from the call before, and the host with them */
    uint32_t host_ordinal;
    uint32_t call;
} check_rank;

/*
 * Two ranks do not do the same: which may be meant so. Told if a result is wrong and nothing else explains it.
 */
typedef struct check_disagreement {
    uint32_t event[2]; /* [0] NONE: there is none */
    char text[256];
    const char *missing;
} check_disagreement;

/* ---- The machine ------------------------------------------------------------------------------------------------ */

typedef enum run_end { RUN_ENDED, RUN_STUCK, RUN_FAULT, RUN_TRAP, RUN_TIMEOUT, RUN_ENDLESS } run_end;

struct oriel_checker {
    const oriel_check_setup *setup;
    oriel_check_graph *own_graph; /* of a setup with one kernel: each rank's, in any call; else NULL */
    oriel_check_task *own_task;
    uint32_t most_tasks; /* of a call of a rank */
    uint32_t cores;
    struct oriel_engine_core *core;
    check_rank *rank;
    oriel_shadow *shadow, *lines;    /* of the arena: accesses; whole lines that scalar stores and Sets write */
    oriel_ranges *undefined, *lined; /* bytes that nobody wrote; lines in `lines` */
    oriel_ranges *celled;            /* signal cells that have been used */
    struct check_use *use;           /* what ranks must agree on */
    uint32_t uses, use_room;
    check_disagreement disagreement; /* the first: it is told if something goes wrong that nothing else explains */
    uint32_t mismatch[2];            /* the first two waits of one place that do not agree: events, or NONE */
    struct oriel_engine_core *running;
    const oriel_plan *plan;
    bool *pin_done; /* by pin of the plan */
    uint32_t pins_left, pin_room;
    uint32_t pinned_steps; /* steps up to the last pin that was done */
    uint32_t released;     /* the core that was held and went on last */
    uint32_t stalls;       /* how often repeated tests had to go on because nothing else could */
    bool capped;           /* not all ways in which some wait can be satisfied were looked at */

    /* The log of this schedule. */
    check_event *event;
    uint32_t events, event_room;
    check_notify *notify;
    uint32_t notifies, notify_room;
    check_waited *waited;
    uint32_t waiteds, waited_room;
    check_cell *cell;
    uint32_t cell_count, cell_room;
    uint32_t *cell_table; /* open addressing, by offset; NONE */
    uint32_t cell_table_size;
    oriel_clock gains; /* of the wait that is looked at */
    oriel_steps steps; /* the signal operations, in turn */
    check_conflict *conflict;
    uint32_t conflicts, conflict_room;
    oriel_contents contents; /* that the host has filled in */
    /* If each step is a choice (late.c): */
    struct check_past *past;  /* what lines held before each change */
    struct check_late **late; /* stores that their own rank sees only, in the order in which they completed */
    uint32_t pasts, past_room, lates;

    /* How it ended. */
    bool aborting; /* fibers leave their kernels */
    run_end end;
    char wrong[160]; /* the first wrong output, or ""; */
    uint32_t wrong_rank, wrong_call;
    uint32_t wrong_writer; /* the event that stored it last; NONE */
    char trap[ORIEL_FOUND_TEXT];
    oriel_findings findings;
    oriel_statements statements;
    const pto_site *without; /* the statement that is not there; NULL */
    uint64_t schedules;      /* that were run */
    uint64_t random;         /* run beyond these, each step at random */
    bool exhaustive;
    double first_ms;
    char *ended; /* a replay */
    bool harmed;
};

typedef struct oriel_checker machine;
typedef struct oriel_engine_core check_core;

/* Whether a queue is in order by itself. */
bool check_in_order(const machine *m, uint32_t queue);

/* Device memory. */
static inline char *check_memory_at(const machine *m, uint64_t offset)
{
    return (char *)(uintptr_t)m->setup->view[0].arena_base + offset;
}
/* Where cell `i` of the signal operation is before which the core stands, and what a cell holds. */
static inline uint64_t check_cell_offset(const check_core *c, uint32_t i)
{
    return c->at_offset + (uint64_t)i * c->at_signal->cells.stride * sizeof(int32_t);
}
static inline int32_t check_cell_value(const machine *m, uint64_t offset)
{
    int32_t value;
    memcpy(&value, check_memory_at(m, offset), sizeof value);
    return value;
}
/* What a notify makes of a cell. */
static inline uint32_t check_after(uint32_t value, const check_notify *n)
{
    return n->mode == PTO_NOTIFY_SET ? (uint32_t)n->value : value + (uint32_t)n->value;
}

/* machine.c */
/* Runs the job once by `plan`; findings are added to machine->findings. */
void check_run(machine *m, const oriel_plan *plan);
/* In a core's fiber: gives the thread back to the scheduler until the core is resumed. */
void check_suspend(check_core *c, core_state state);
/* In a core's fiber: ends its kernel, and with it the schedule. */
_Noreturn void check_leave(check_core *c, run_end end);
uint32_t check_event_add(machine *m, const check_event *event);
/* Adds a finding, unless the plan is quiet. */
uint32_t check_report(machine *m, oriel_finding_kind kind, const oriel_found_side *side, uint32_t sides,
                      const char *message, const char *missing);
/* An event as a side of a finding. */
oriel_found_side check_side(const machine *m, uint32_t event);
/* An event of the core's scalar unit, now. */
uint32_t check_event_here(check_core *c, pto_op op, const pto_site *site);
static inline uint32_t check_queue(uint32_t core, uint32_t pipe)
{
    return core * ORIEL_CORE_QUEUES + pipe;
}
static inline uint32_t check_host_queue(const machine *m, uint32_t rank)
{
    return m->cores * ORIEL_CORE_QUEUES + rank;
}
/* The scalar unit learns; of its own pipes only: what these know of others it knew before. */
void check_learn(check_core *c, const oriel_clock *clock);
void check_learn_own(check_core *c, const oriel_clock *clock);

/* Each operation of a scalar unit begins here. */
void check_begin(check_core *c, const pto_site *site);
/* If each step is a choice, it is one whether this operation happens now. (Signal operations always wait for their turn.) */
void check_turn(check_core *c);
/* Counts the statement; true: it is taken as not there. */
bool check_skips(check_core *c, const pto_site *site, pto_op op);

/* tasks.c */
oriel_status check_tasks_make(machine *m);
void check_tasks_free(machine *m);
/* Those of the rank's next call: none has begun. */
void check_tasks_begin(machine *m, uint32_t rank);
const oriel_check_graph *check_graph_of(const machine *m, uint32_t rank, uint32_t call);
/* The task of a core in a call; NULL: none. And its number. */
const oriel_check_task *check_task_of(const machine *m, uint32_t core, uint32_t call);
uint32_t check_task_number(const machine *m, uint32_t core, uint32_t call);
/* What the blocks of the core's task share, now. */
check_task *check_task_shared(const check_core *c);
/* In a core's fiber: waits until its task may start, and learns what that is told; its block returns from it. */
void check_task_start(check_core *c);
void check_task_return(check_core *c);
/* Whether the core, which waits for tasks, can go on. The first task for which one waits; NONE. */
bool check_task_may_go_on(const check_core *c);
uint32_t check_task_awaited(const check_core *c);
/* Whether the task of `then` comes after that of `first`, of the same rank: directly, by others, or in a later call. */
bool check_task_comes_after(const machine *m, const check_event *then, const check_event *first);

/* pipe.c */
void check_issue(check_core *c, const pto_instr *instr, uint32_t event);
void check_queue_sync(check_core *c, const pto_sync *sync, uint32_t event);
/* A staging tile is left undefined once all that was issued is done with it. */
void check_spoil(check_core *c, const pto_tile *tile);
void check_fire(check_core *c, const pto_sync *sync, uint32_t event); /* set_flag from PIPE_S */
/* PIPE_S takes a flag that is set. */
void check_take_flag(check_core *c, pto_pipe src, uint32_t id, uint32_t event);
/* Takes all that can be taken; false: nothing moved. */
bool check_pump(check_core *c);
/* How many instructions can complete next, if nothing is eager; and completes number `pick` of them. */
uint32_t check_able(check_core *c);
void check_complete(check_core *c, uint32_t pick);
/* Lets one held thing go. False: none is held. */
bool check_let_go(machine *m);
bool check_drained(const check_core *c);
/* All pipes are empty: the scalar unit knows all of them. */
void check_learn_pipes(check_core *c);
void check_pipes_reset(check_core *c);
void check_pipes_free(check_core *c);
/* At a kernel's return: flags that are left set. */
void check_flags_at_return(check_core *c);

/* sync.c */
void check_sync(pto_core *pto, const pto_sync *sync);
bool check_may_go_on(check_core *c);
/* Waits until all pipes are empty. */
void check_drain(check_core *c);

/* access.c */
/* A simple instruction starts and completes: touches, definedness, effect. `start`: what had completed when it started. */
void check_do(check_core *c, const pto_instr *instr, uint32_t event, const oriel_clock *start);
/* Whoever looks at a memory up to the byte before local address `to` sees poison where nothing was written. */
void check_poison(check_core *c, pto_memory memory, uint32_t to);
/* Nobody has written what is valid of the tile. */
void check_undefine(check_core *c, const pto_tile *tile);
/* Whether all operands lie where they should; else a finding, and the kernel is left. */
void check_operands(check_core *c, const pto_instr *instr);
/* A load of what another rank has stored: is it of the same type, and as much? */
void check_compare_ends(check_core *c, uint32_t event, uint64_t from, uint64_t to);
/* The host touches a piece between calls. */
void check_host_touch(machine *m, uint32_t rank, const oriel_check_piece *piece, bool write, uint32_t call);
/* One access of a scalar unit or a signal. `ordered` by `clock`. */
void check_touch(machine *m, uint32_t event, oriel_touch_kind kind, const oriel_clock *clock, uint64_t from,
                 uint64_t to);
/* A write of [from, to) against the whole lines that others write back. */
void check_line_victims(machine *m, uint32_t event, const oriel_clock *clock, uint64_t from, uint64_t to);
/* A write of [from, to) that writes back its line. */
void check_line_write(machine *m, uint32_t event, const oriel_clock *clock, uint64_t from, uint64_t to);
/* "bytes 0-63 of UB", "bytes 128-191 of window \"scratch\" of rank 1". */
void check_bytes_text(const machine *m, bool local, uint64_t from, uint64_t to, char *text, size_t size);

/* scalar.c */
void check_access(pto_core *pto, pto_access *access);
/* Before a scalar access, when it has begun. */
void check_pace_access(check_core *c, const pto_access *access);
void check_clean(check_core *c, uint64_t offset, bool all);
void check_fenced(check_core *c);
void check_cache_enter(check_core *c);

/* A signal operation invalidates its cell; and cleans it, if each step is a choice. */
void check_line_of_signal(check_core *c, uint64_t offset);
/* How many lines can get to memory by themselves; number `pick` of them does (NONE: none). */
uint32_t check_lines_able(check_core *c, uint32_t pick);

/* late.c */
/* Bytes [from, to) of the arena are about to change. */
void check_past_keep(machine *m, uint64_t from, uint64_t to);
/* What the line holds, or held at a time since `since`, by choice. Returns the time. */
uint32_t check_past_fetch(machine *m, uint64_t line, uint32_t since, char *bytes);
/* The TSTORE has completed, and writes [from, to). True: it lands later. */
bool check_late_store(check_core *c, const pto_instr *instr, uint32_t event, uint64_t from, uint64_t to);
/* Those of a rank that touch [from, to) land; those of a core that had completed when its dsb began. */
void check_late_land_bytes(machine *m, uint32_t rank, uint64_t from, uint64_t to);
void check_late_land_fenced(check_core *c, pto_pipe pipe, uint32_t ordinal);
/* While a rank looks at [from, to), its own are there. */
void check_late_show(machine *m, uint32_t rank, uint64_t from, uint64_t to);
void check_late_hide(machine *m, uint32_t rank, uint64_t from, uint64_t to);
/* How many stores and lines can land next; number `pick` of them does (NONE: none). */
uint32_t check_late_able(machine *m, uint32_t pick);
void check_late_reset(machine *m);
void check_late_free(machine *m);

/* acquire.c: what a wait knows once it has passed. */
static inline bool check_knows_of(const oriel_clock *clock, const check_notify *n)
{
    return oriel_clock_get(clock, n->queue) >= n->ordinal;
}
/* Whether the condition holds by what is `known` alone. */
bool check_holds_as_known(machine *m, const check_cell *cell, const oriel_clock *known, pto_cmp cmp, int32_t value);
/* Only additions, compared with what more of them can only help. */
bool check_is_sum(const machine *m, const check_cell *cell, pto_cmp cmp);
/* What compares as the other does not. */
pto_cmp check_inverse(pto_cmp cmp);
/* What a wait on the cell, by a core with clock `known`, acquires from the notifies that have happened: into `gains`. */
void check_acquire(machine *m, const check_cell *cell, const oriel_clock *known, pto_cmp cmp, int32_t value,
                   oriel_clock *gains);
/* Of each of a few notifies, in the order in which they happened, those of them that it follows from: a bit each. */
void check_choices(const machine *m, const uint32_t *notify, uint32_t count, uint64_t *before);

/* signal.c */
bool check_signal(pto_core *pto, const pto_signal *signal);
/* In the fiber of a task's first block, when all have returned: waits for condition `i`. */
void check_signal_condition(check_core *c, uint32_t i);
/* Whether the signal operation before which a core stands can happen. */
bool check_signal_enabled(check_core *c);
/* Whether the core stands before a test that it only repeats. */
bool check_repeats(const check_core *c);
/* Waits that never ended, as steps: for the explorer. */
void check_keep_stuck(machine *m);
void check_signals_reset(machine *m);
void check_signals_free(machine *m);
/* The cell at an arena offset that has been used; NONE. */
uint32_t check_find_cell(const machine *m, uint64_t offset);

/* Keeps what has happened to a cell. */
void check_keep_notify(machine *m, const check_notify *notify, const oriel_clock *released);

/* cells.c: cells as memory. */
/* An ordinary store has written `stored` to [from, to), where it need not have landed. */
void check_cells_stored(check_core *c, uint32_t event, const oriel_clock *clock, uint64_t from, uint64_t to,
                        const char *stored);
/* A wait or a test looks at the cell. */
void check_cell_looked_at(check_core *c, uint32_t cell, uint32_t event);

/* pins.c: what a plan asks of some waits and tests. */
void check_pins_begin(machine *m);
/* The next of the pinned operations that can happen as it should. NULL: none. */
check_core *check_pinned(machine *m);
/* Whether a pin keeps the signal operation before which the core stands from happening now. */
bool check_pin_forbids(const check_core *c);
/* The core's wait or test happens. */
void check_pin_done(check_core *c, const oriel_step *step);

/* stuck.c */
/* Nothing moves: a finding that says why. */
void check_stuck(machine *m);
/* A core did more than any kernel should. */
void check_endless(machine *m);

/* agree.c: what ranks must agree on, compared place by place and use by use. */
void check_agree(check_core *c, const pto_instr *instr);
void check_agree_wait(check_core *c, const pto_signal *signal, uint32_t event);
void check_disagree(machine *m, uint32_t here, uint32_t there, const char *text, const char *missing);
/* A wrong result that a disagreement explains: a finding. False: there was none. */
bool check_tell_disagreement(machine *m);
/* Likewise for what an earlier call left in a cell, and a wait or test of a later one took for its own. */
bool check_tell_left_over(machine *m);
void check_agree_reset(machine *m);
void check_agree_free(machine *m);

/* classify.c: what the conflicts of a schedule are, once it is over. */
void check_conflict_add(machine *m, const check_conflict *conflict);
void check_classify(machine *m);

/* The place in the arena of a device address; a finding and the end of the kernel if it names nothing. */
uint64_t check_reach(check_core *c, const pto_site *site, pto_op op, const char *verb, pto_addr addr, uint64_t span,
                     oriel_object *object);
/* Ends the kernel with a finding whose message is the last error. */
_Noreturn void check_refuse(check_core *c, oriel_finding_kind kind, const pto_site *site, pto_op op);

#endif
