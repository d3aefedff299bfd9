/* SPDX-License-Identifier: Apache-2.0 */
#include "account.h"

#include <string.h>

/* ---- Steps, and defects ----------------------------------------------------------------------------------------- */

static void spoil(account *a, fuzz_step *step)
{
    switch (fuzz_below(a->b, 6)) {
    case 0: step->ranks = fuzz_byte(a->b); break;
    case 1: step->value += (int32_t)fuzz_below(a->b, 3) - 1; break;
    case 2: step->mode = fuzz_below(a->b, 6); break;
    case 3: step->id = fuzz_below(a->b, IDS); break;
    case 4: step->place.by += fuzz_below(a->b, 3); break;
    default: step->tensor[0].at.by++; step->tensor[1].at.by++;
    }
}

void fuzz_put(account *a, fuzz_step step)
{
    fuzz_program *program = a->program;
    if (!program->defects || step.kind == FUZZ_REPEAT || !fuzz_chance(a->b, 5)) {
        fuzz_add(program, step);
        return;
    }
    fuzz_step wild;
    switch (fuzz_below(a->b, 4)) {
    case 0: break; /* left out */
    case 1:
        wild = fuzz_wild_step(program, a->b);
        program->inexact |= pto_dtype_is_float(a->adds);
        fuzz_add(program, wild);
        fuzz_add(program, step);
        break;
    case 2:
        fuzz_add(program, step);
        fuzz_add(program, step);
        break;
    default:
        spoil(a, &step);
        program->inexact |= pto_dtype_is_float(a->adds);
        fuzz_add(program, step);
    }
}

fuzz_step fuzz_step_of(fuzz_kind kind, pto_op op)
{
    return (fuzz_step){.kind = kind, .op = op, .ranks = FUZZ_ALL, .blocks = FUZZ_ALL, .cells = 1, .stride = 1};
}

void fuzz_put_sync(account *a, pto_op op, pto_pipe src, pto_pipe dst, uint32_t id)
{
    fuzz_step step = fuzz_step_of(FUZZ_SYNC, op);
    step.src = src;
    step.dst = dst;
    step.id = id;
    fuzz_put(a, step);
}

/* ---- The account ------------------------------------------------------------------------------------------------ */

void fuzz_join(uint32_t to[PIPES], const uint32_t from[PIPES])
{
    for (int p = 0; p < PIPES; p++)
        to[p] = to[p] > from[p] ? to[p] : from[p];
}

/* Something is queued on `q`. */
void fuzz_queue_on(account *a, pto_pipe q)
{
    fuzz_join(a->known[q], a->known[PTO_PIPE_S]);
    a->count[q]++;
}

void fuzz_barrier_all(account *a)
{
    fuzz_put_sync(a, PTO_OP_PIPE_BARRIER, PTO_PIPE_ALL, PTO_PIPE_S, 0);
    for (int p = 0; p < PIPES; p++)
        fuzz_join(a->known[p], a->count);
}

static void take(account *a, pto_pipe p, pto_pipe q, uint32_t id)
{
    flag *f = &a->flags[p][q][id];
    fuzz_put_sync(a, PTO_OP_WAIT_FLAG, p, q, id);
    fuzz_queue_on(a, q);
    fuzz_join(a->known[q], f->gives);
    f->set = false;
    f->waited = a->count[q];
}

/* An id that is not up from `p` toward anybody, and whose last wait `p` knows of; IDS: there is none. */
static uint32_t free_id(account *a, pto_pipe p, pto_pipe q)
{
    fuzz_join(a->known[p], a->known[PTO_PIPE_S]);
    uint32_t start = fuzz_below(a->b, IDS);
    for (uint32_t i = 0; i < IDS; i++) {
        uint32_t id = (start + i) % IDS;
        bool up = false;
        for (int other = 0; other < PIPES; other++)
            up |= a->flags[p][other][id].set;
        bool past = q == PTO_PIPE_S || p == PTO_PIPE_S || a->known[p][q] >= a->flags[p][q][id].waited;
        if (id >= FIRST_ID && !up && past)
            return id;
    }
    return IDS;
}

/* False: no id is free. */
static bool raise_flag(account *a, pto_pipe p, pto_pipe q, uint32_t *id)
{
    *id = free_id(a, p, q);
    if (*id == IDS)
        return false;
    flag *f = &a->flags[p][q][*id];
    fuzz_put_sync(a, PTO_OP_SET_FLAG, p, q, *id);
    memcpy(f->gives, a->known[p], sizeof f->gives);
    f->gives[p] = a->count[p];
    f->set = true;
    fuzz_queue_on(a, p);
    return true;
}

/* `q` is to know that `n` things of `p` are complete. */
static void need(account *a, pto_pipe q, pto_pipe p, uint32_t n)
{
    fuzz_join(a->known[q], a->known[PTO_PIPE_S]);
    if (a->known[q][p] >= n)
        return;
    if (p == q && !fuzz_chance(a->b, 30)) {
        fuzz_put_sync(a, PTO_OP_PIPE_BARRIER, p, PTO_PIPE_S, 0);
        fuzz_queue_on(a, p);
        a->known[p][p] = a->count[p];
        return;
    }
    for (uint32_t id = 0; id < IDS && p != q; id++)
        if (a->flags[p][q][id].set && a->flags[p][q][id].gives[p] >= n) {
            take(a, p, q, id);
            return;
        }
    uint32_t id;
    if (p != q && !fuzz_chance(a->b, 60) && raise_flag(a, p, q, &id))
        take(a, p, q, id);
    else
        fuzz_barrier_all(a);
}

/* `q` is about to touch it. */
void fuzz_before(account *a, pto_pipe q, const thing *t, bool write, bool in_ub)
{
    for (int p = PTO_PIPE_MTE2; p < PIPES; p++) {
        bool ordered = (pto_pipe)p == q && ((q == PTO_PIPE_V && a->vector_in_order) || (in_ub && a->tile_in_order));
        uint32_t n = write && t->read[p] > t->wrote[p] ? t->read[p] : t->wrote[p];
        if (n && !ordered)
            need(a, q, (pto_pipe)p, n);
    }
}

/* All flags that are up are taken, and all pipes have ended; for what comes round again, and for others. */
void fuzz_settle(account *a)
{
    for (int p = 0; p < PIPES; p++)
        for (int q = 0; q < PIPES; q++)
            for (uint32_t id = 0; id < IDS; id++)
                if (a->flags[p][q][id].set)
                    take(a, (pto_pipe)p, (pto_pipe)q, id);
    switch (fuzz_below(a->b, 4)) {
    case 0:
        for (int p = PTO_PIPE_MTE2; p < PIPES; p++)
            need(a, PTO_PIPE_S, (pto_pipe)p, a->count[p]);
        break;
    case 1:
        for (int p = PTO_PIPE_MTE2; p < PIPES; p++) {
            fuzz_put_sync(a, PTO_OP_PIPE_BARRIER, (pto_pipe)p, PTO_PIPE_S, 0);
            fuzz_queue_on(a, (pto_pipe)p);
        }
        fuzz_put_sync(a, PTO_OP_DSB, PTO_PIPE_S, PTO_PIPE_S, 0);
        fuzz_join(a->known[PTO_PIPE_S], a->count);
        break;
    default: fuzz_barrier_all(a);
    }
}

/* Now and then a flag is set long before anybody needs it. */
void fuzz_maybe_raise(account *a, pto_pipe p)
{
    uint32_t id;
    pto_pipe q = (pto_pipe)fuzz_below(a->b, PIPES);
    if (p != q && fuzz_chance(a->b, 50))
        raise_flag(a, p, q, &id);
}
