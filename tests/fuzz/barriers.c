/* SPDX-License-Identifier: Apache-2.0 */
/* Barriers of all cores, of different kinds. Each kind has cells and counters of its own, which live from call to call. */
#include "account.h"

fuzz_step fuzz_signal(pto_op op, uint32_t mode, uint32_t line, int32_t value, int32_t per_turn, uint32_t turn)
{
    fuzz_step step = fuzz_step_of(FUZZ_SIGNAL, op);
    step.blocks = 1;
    step.mode = mode;
    step.place = (fuzz_place){.buffer = FUZZ_SIGNALS, .base = line * 64};
    step.value = value;
    step.per_turn = per_turn;
    step.turn = turn;
    step.stride = 16;
    return step;
}

void fuzz_put_wait(account *a, fuzz_step step)
{
    if (fuzz_chance(a->b, 6)) {
        step.kind = FUZZ_POLL;
        step.op = PTO_OP_TTEST;
    }
    fuzz_put(a, step);
}

void fuzz_put_turn(account *a, uint32_t turn)
{
    fuzz_step step = fuzz_step_of(FUZZ_TURN, PTO_OP_TNOTIFY);
    step.turn = turn;
    fuzz_add(a->program, step);
}

static void notify_all(account *a, fuzz_step step, bool myself)
{
    fuzz_step repeat = fuzz_step_of(FUZZ_REPEAT, PTO_OP_TNOTIFY);
    repeat.length = 1;
    repeat.times = myself ? 0 : a->program->ranks - 1;
    step.place.whose = FUZZ_NEXT;
    step.place.by = myself ? 0 : 1;
    step.place.loops = true;
    fuzz_put(a, repeat);
    fuzz_add(a->program, step);
}

/* Everybody adds to a cell of everybody, or of everybody else, up or down. */
static void counting_barrier(account *a)
{
    uint32_t which = fuzz_below(a->b, 4);
    bool others = which & 1 && a->program->ranks > 1, down = which & 2, strictly = fuzz_below(a->b, 3) == 0;
    uint32_t turn = (down ? TURN_DOWN : TURN_ADD) + others, line = LINE_ADD + turn;
    int32_t each = (int32_t)a->program->ranks - others, sign = down ? -1 : 1;
    pto_cmp cmp = down ? strictly ? PTO_LT : PTO_LE : strictly ? PTO_GT : PTO_GE;
    fuzz_put_turn(a, turn);
    notify_all(a, fuzz_signal(PTO_OP_TNOTIFY, PTO_NOTIFY_ADD, line, sign, 0, turn), !others);
    fuzz_put_wait(a, fuzz_signal(PTO_OP_TWAIT, cmp, line, strictly ? -sign : 0, sign * each, turn));
}

/* Everybody sets a cell of its own on everybody. */
static void setting_barrier(account *a)
{
    fuzz_put_turn(a, TURN_SET);
    fuzz_step set = fuzz_signal(PTO_OP_TNOTIFY, PTO_NOTIFY_SET, LINE_SET, 0, 1, TURN_SET);
    set.place.per_rank = 64;
    notify_all(a, set, true);
    bool differs = fuzz_below(a->b, 3) == 0; /* no peer is more than one ahead */
    fuzz_step wait = fuzz_signal(PTO_OP_TWAIT, differs ? PTO_NE : PTO_GE, LINE_SET, differs ? -1 : 0, 1, TURN_SET);
    wait.cells = a->program->ranks;
    fuzz_put_wait(a, wait);
}

/* All to rank 0, and back. */
static void star_barrier(account *a)
{
    fuzz_put_turn(a, TURN_STAR);
    fuzz_step come = fuzz_signal(PTO_OP_TNOTIFY, PTO_NOTIFY_ADD, LINE_STAR, 1, 0, TURN_STAR);
    come.place.whose = FUZZ_RANK;
    fuzz_put(a, come);
    fuzz_step all = fuzz_signal(PTO_OP_TWAIT, PTO_GE, LINE_STAR, 0, (int32_t)a->program->ranks, TURN_STAR);
    all.ranks = 1;
    fuzz_put_wait(a, all);
    fuzz_step go = fuzz_signal(PTO_OP_TNOTIFY, PTO_NOTIFY_ADD, LINE_STAR_BACK, 1, 0, TURN_STAR);
    go.ranks = 1;
    notify_all(a, go, true);
    fuzz_put_wait(a, fuzz_signal(PTO_OP_TWAIT, fuzz_below(a->b, 3) ? PTO_GE : PTO_EQ, LINE_STAR_BACK, 0, 1, TURN_STAR));
}

/* To the next, and to the one after that. */
static void spreading_barrier(account *a)
{
    fuzz_put_turn(a, TURN_NEAR);
    for (uint32_t k = 0; 1u << k < a->program->ranks; k++) {
        fuzz_step step = fuzz_signal(PTO_OP_TNOTIFY, PTO_NOTIFY_ADD, LINE_NEAR + k, 1, 0, TURN_NEAR);
        step.place.whose = FUZZ_NEXT;
        step.place.by = 1u << k;
        fuzz_put(a, step);
        fuzz_put_wait(a, fuzz_signal(PTO_OP_TWAIT, PTO_GE, LINE_NEAR + k, 0, 1, TURN_NEAR));
    }
}

void fuzz_put_fence(account *a)
{
    if (a->program->profile == ORIEL_PROFILE_STRICT || a->stored_words || fuzz_below(a->b, 2))
        fuzz_put_sync(a, PTO_OP_DSB, PTO_PIPE_S, PTO_PIPE_S, 0);
    a->stored_words = false;
}

static void rank_barrier(account *a)
{
    if (a->program->blocks > 1)
        fuzz_put_sync(a, PTO_OP_CORE_BARRIER, PTO_PIPE_S, PTO_PIPE_S, 0);
}

/* All cores of all ranks. What each did before comes before what each does after. */
void fuzz_barrier(account *a)
{
    static void (*const barriers[])(account *) = {counting_barrier, setting_barrier, star_barrier, spreading_barrier};
    fuzz_settle(a);
    fuzz_put_fence(a);
    rank_barrier(a);
    barriers[fuzz_below(a->b, 4)](a);
    rank_barrier(a);
}
