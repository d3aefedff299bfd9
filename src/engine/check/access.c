/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What touches which bytes: each access is compared with those before it (engine/check/shadow.h), bytes that nobody wrote are
 * followed, and then the effect happens.
 */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "engine/check/machine.h"
#include "oriel/kernel.h"

/* ---- Order ------------------------------------------------------------------------------------------------------ */

typedef struct touching {
    machine *m;
    const oriel_clock *clock;
    uint32_t event, queue;
    uint32_t local_core; /* NONE: device memory */
    oriel_touch_kind kind;
} touching;

static uint32_t core_of_queue(const machine *m, uint32_t queue)
{
    return queue < m->cores * ORIEL_CORE_QUEUES ? queue / ORIEL_CORE_QUEUES : NONE;
}

/*
 * The queue whose count tells that what was done in `queue` is there. A store of MTE3 or FIX that a core of another rank is to see:
 * its completion is not enough in the strict profile.
 */
static uint32_t telling(const touching *t, uint32_t queue)
{
    const machine *m = t->m;
    uint32_t by = core_of_queue(m, queue), pipe = queue % ORIEL_CORE_QUEUES;
    if (m->setup->options->profile != ORIEL_PROFILE_STRICT || t->local_core != NONE || by == NONE ||
        (pipe != PTO_PIPE_MTE3 && pipe != PTO_PIPE_FIX))
        return queue;
    const check_event *now = &m->event[t->event];
    if (now->host || m->core[now->core].rank == m->core[by].rank)
        return queue;
    return check_queue(by, pipe == PTO_PIPE_FIX ? ORIEL_QUEUE_FENCED_FIX : ORIEL_QUEUE_FENCED);
}

/* The scalar unit sees its own stores, whatever is in its cache. */
static bool same_cache(const check_event *earlier, const check_event *now)
{
    return earlier->op == PTO_OP_STORE && !now->host && !earlier->host && earlier->core == now->core &&
           now->pipe == PTO_PIPE_S;
}

static bool ordered(void *context, const oriel_mark *earlier)
{
    const touching *t = context;
    const machine *m = t->m;
    if (earlier->event == t->event)
        return true; /* its own operands: it reads before it writes */
    if (earlier->queue == t->queue) {
        if (check_in_order(m, t->queue))
            return true;
        if (t->local_core != NONE && m->setup->options->profile == ORIEL_PROFILE_DOCUMENTED)
            return true; /* operations of one pipe on one tile are in program order */
    }
    if (same_cache(&m->event[earlier->event], &m->event[t->event]))
        return true;
    return oriel_clock_get(t->clock, telling(t, earlier->queue)) >= earlier->ordinal;
}

static bool knows(const oriel_clock *clock, const oriel_mark *mark)
{
    return oriel_clock_get(clock, mark->queue) >= mark->ordinal;
}

/*
 * The notify by which whoever knows `clock` knows of the issue of `before`: the last one that it knows of its core, else of another
 * core of its rank, else of any.
 */
static uint32_t told_by(const machine *m, const oriel_clock *clock, const check_event *before)
{
    uint32_t best = NONE, nearness = 0;
    for (uint32_t i = 0; i < m->notifies; i++) {
        const check_notify *n = &m->notify[i];
        uint32_t near = n->core == before->core ? 3 : m->core[n->core].rank == m->core[before->core].rank ? 2 : 1;
        if (near >= nearness && oriel_clock_get(clock, n->queue) >= n->ordinal &&
            oriel_clock_get(&n->released, check_queue(before->core, PTO_PIPE_S)) >= before->issued) {
            best = i;
            nearness = near;
        }
    }
    return best;
}

static void conflict(void *context, const oriel_mark *earlier, oriel_touch_kind kind, uint64_t from, uint64_t to)
{
    const touching *t = context;
    const check_event *before = &t->m->event[earlier->event], *after = &t->m->event[t->event];
    bool load = after->op == PTO_OP_LOAD && !after->host;
    bool issue = !before->host && oriel_clock_get(t->clock, check_queue(before->core, PTO_PIPE_S)) >= before->issued;
    check_conflict_add(t->m, &(check_conflict){.earlier = earlier->event,
                                               .later = t->event,
                                               .earlier_kind = kind,
                                               .later_kind = t->kind,
                                               .local_core = t->local_core,
                                               .from = from,
                                               .to = to,
                                               .knows_issue = issue,
                                               .notify = issue ? told_by(t->m, t->clock, before) : NONE,
                                               .drained = knows(t->clock, earlier),
                                               .in_cache = load && knows(&t->m->core[after->core].clock, earlier)});
}

static oriel_touch touch_of(touching *t)
{
    const check_event *event = &t->m->event[t->event];
    return (oriel_touch){.mark = {event->queue, event->ordinal, t->event},
                         .kind = t->kind,
                         .type = event->dtype,
                         .ordered = ordered,
                         .conflict = conflict,
                         .context = t};
}

void check_touch(machine *m, uint32_t event, oriel_touch_kind kind, const oriel_clock *clock, uint64_t from,
                 uint64_t to)
{
    touching t = {
        .m = m, .clock = clock, .event = event, .queue = m->event[event].queue, .local_core = NONE, .kind = kind};
    oriel_touch touch = touch_of(&t);
    oriel_shadow_touch(m->shadow, from, to, &touch);
}

/* ---- Whole lines ------------------------------------------------------------------------------------------------ */

static void clobbered(machine *m, const oriel_mark *earlier, uint32_t event, uint64_t from, uint64_t to)
{
    check_conflict_add(m, &(check_conflict){.earlier = earlier->event,
                                            .later = event,
                                            .earlier_kind = ORIEL_TOUCH_WRITE,
                                            .later_kind = ORIEL_TOUCH_WRITE,
                                            .local_core = NONE,
                                            .from = from,
                                            .to = to,
                                            .line = true,
                                            .notify = NONE});
}

void check_line_victims(machine *m, uint32_t event, const oriel_clock *clock, uint64_t from, uint64_t to)
{
    const uint64_t line = m->setup->limits->line_bytes;
    touching t = {.m = m, .clock = clock, .event = event, .queue = m->event[event].queue, .local_core = NONE};
    for (uint64_t first, last; oriel_ranges_find(m->lined, from, to, &first, &last); from = last) {
        for (uint64_t at = first / line * line; at < last; at += line) {
            oriel_mark earlier;
            if (!oriel_shadow_last_write(m->lines, at, &earlier))
                continue;
            const check_event *before = &m->event[earlier.event];
            bool shares_bytes = before->from < to && from < before->to;
            if (!shares_bytes && !ordered(&t, &earlier))
                clobbered(m, &earlier, event, before->from, before->to);
        }
    }
}

static void ignore_conflict(void *context, const oriel_mark *earlier, oriel_touch_kind kind, uint64_t from, uint64_t to)
{
    (void)context, (void)earlier, (void)kind, (void)from, (void)to;
}

void check_line_write(machine *m, uint32_t event, const oriel_clock *clock, uint64_t from, uint64_t to)
{
    const uint64_t bytes = m->setup->limits->line_bytes, line = from / bytes * bytes;
    touching t = {.m = m, .clock = clock, .event = event, .queue = m->event[event].queue, .local_core = NONE};
    uint32_t told = NONE;
    for (uint64_t at = line; at < line + bytes; at += 4) {
        oriel_mark earlier;
        if ((at >= from && at < to) || !oriel_shadow_last_write(m->shadow, at, &earlier))
            continue;
        if (earlier.event == told || ordered(&t, &earlier))
            continue;
        told = earlier.event;
        clobbered(m, &earlier, event, at, at + 4);
    }
    oriel_touch touch = touch_of(&t);
    touch.kind = ORIEL_TOUCH_WRITE;
    touch.conflict = ignore_conflict;
    oriel_shadow_touch(m->lines, line, line + bytes, &touch);
    oriel_ranges_add(m->lined, line, line + bytes);
}

/* ---- Operands --------------------------------------------------------------------------------------------------- */

/* The arena offset of a global operand that has been checked. */
static uint64_t offset_of(const check_core *c, const pto_global *global, void **pointer)
{
    oriel_object object;
    if (oriel_view_find(c->view, "", global->addr, &object) != ORIEL_OK)
        return 0;
    uint64_t offset = object.place.offset + pto_addr_offset(global->addr);
    *pointer = check_memory_at(c->machine, offset);
    return offset;
}

void check_operands(check_core *c, const pto_instr *instr)
{
    pto_op op = c->composite != PTO_OP_COUNT ? (pto_op)c->composite : instr->op;
    for (int i = 0; i < 2; i++) {
        const pto_global *global = instr->global[i];
        if (!global)
            continue;
        oriel_footprint footprint = oriel_global_footprint(global, i == 0);
        oriel_object object;
        uint64_t offset = check_reach(c, instr->site, op, i == 0 ? "writes" : "reads", global->addr,
                                      oriel_footprint_span(&footprint), &object);
        uint32_t bytes = pto_dtype_bytes(global->dtype);
        if (offset & (bytes - 1)) {
            oriel_fail(ORIEL_FAULT, "%s: the element at offset %" PRIu64 " is not aligned to its %u B",
                       oriel_op_name(op), pto_addr_offset(global->addr), bytes);
            check_refuse(c, ORIEL_FINDING_MISALIGNED, instr->site, op);
        }
    }
}

uint64_t check_reach(check_core *c, const pto_site *site, pto_op op, const char *verb, pto_addr addr, uint64_t span,
                     oriel_object *object)
{
    void *pointer;
    if (oriel_view_reach(c->view, oriel_op_name(op), verb, addr, span, &pointer, object) != ORIEL_OK)
        check_refuse(c, ORIEL_FINDING_OUT_OF_BOUNDS, site, op);
    return object->place.offset + pto_addr_offset(addr);
}

_Noreturn void check_refuse(check_core *c, oriel_finding_kind kind, const pto_site *site, pto_op op)
{
    char text[ORIEL_FOUND_TEXT];
    snprintf(text, sizeof text, "%s", oriel_last_error());
    oriel_found_side side = check_side(c->machine, check_event_here(c, op, site));
    uint32_t found = check_report(c->machine, kind, &side, 1, text, "");
    if (found != NONE)
        c->machine->findings.found[found].self_evident = true;
    check_leave(c, RUN_FAULT);
}

/* ---- Runs of bytes ---------------------------------------------------------------------------------------------- */

typedef void (*run_fn)(void *context, uint64_t from, uint64_t to);

/* Calls `each` for each run of the footprint, moved so that its start is `start`. */
static void for_each_run(const oriel_footprint *f, uint64_t start, run_fn each, void *context)
{
    uint64_t i[5] = {0};
    for (;;) {
        uint64_t at = start;
        for (int d = 0; d < 5; d++)
            at += i[d] * f->step[d];
        each(context, at, at + f->run);
        int d = 0;
        while (d < 5 && ++i[d] == f->times[d])
            i[d++] = 0;
        if (d == 5)
            return;
    }
}

typedef struct run_touch {
    oriel_shadow *shadow;
    oriel_touch touch;
} run_touch;

static void touch_run(void *context, uint64_t from, uint64_t to)
{
    run_touch *t = context;
    oriel_shadow_touch(t->shadow, from, to, &t->touch);
}

typedef struct victims {
    machine *m;
    uint32_t event;
    const oriel_clock *clock;
} victims;

static void line_run(void *context, uint64_t from, uint64_t to)
{
    victims *v = context;
    check_line_victims(v->m, v->event, v->clock, from, to);
}

static void touch_all(check_core *c, const oriel_footprint *f, uint64_t start, uint32_t event, const oriel_clock *clock)
{
    machine *m = c->machine;
    bool local = f->space == ORIEL_SPACE_LOCAL;
    touching t = {
        .m = m, .clock = clock, .event = event, .queue = m->event[event].queue, .local_core = local ? c->index : NONE};
    t.kind = f->atomic ? ORIEL_TOUCH_ADD : f->write ? ORIEL_TOUCH_WRITE : ORIEL_TOUCH_READ;
    run_touch run = {local ? c->local_shadow : m->shadow, touch_of(&t)};
    for_each_run(f, start, touch_run, &run);
    if (!local && f->write) {
        victims v = {m, event, clock};
        for_each_run(f, start, line_run, &v);
    }
}

/* ---- Bytes that nobody wrote ------------------------------------------------------------------------------------ */

typedef struct undefined_search {
    const oriel_ranges *in;
    bool found;
    uint64_t first, last;
} undefined_search;

static void search_run(void *context, uint64_t from, uint64_t to)
{
    undefined_search *s = context;
    if (!s->found)
        s->found = oriel_ranges_find(s->in, from, to, &s->first, &s->last);
}

static void define_run(void *context, uint64_t from, uint64_t to)
{
    oriel_ranges_remove(context, from, to);
}

static void undefine_run(void *context, uint64_t from, uint64_t to)
{
    oriel_ranges_add(context, from, to);
}

void check_undefine(check_core *c, const pto_tile *tile)
{
    oriel_footprint footprint = oriel_tile_footprint(tile, true);
    for_each_run(&footprint, footprint.start, undefine_run, c->local_undefined);
}

static bool is_undefined(const oriel_ranges *in, const oriel_footprint *f, uint64_t start, undefined_search *s)
{
    *s = (undefined_search){.in = in};
    for_each_run(f, start, search_run, s);
    return s->found;
}

static void uninitialized(check_core *c, uint32_t event, bool local, const undefined_search *s, const char *text)
{
    machine *m = c->machine;
    oriel_found_side side = check_side(m, event);
    check_bytes_text(m, local, s->first, s->last, side.bytes, sizeof side.bytes);
    check_report(m, ORIEL_FINDING_UNINITIALIZED_READ, &side, 1, text,
                 "a load or a fill of all that is read, before it");
}

static bool dense(const oriel_footprint *f)
{
    for (int d = 0; d < 5; d++)
        if (f->times[d] != 1)
            return false;
    return true;
}

/* Undefined bytes of one run become those of another of the same elements, whose sizes are `from_bytes` and `to_bytes`. */
static void carry(const oriel_ranges *src, uint64_t from, uint64_t bytes, uint32_t from_bytes, oriel_ranges *dst,
                  uint64_t to, uint32_t to_bytes)
{
    uint64_t at = from, end = from + bytes;
    for (uint64_t first, last; oriel_ranges_find(src, at, end, &first, &last); at = last) {
        uint64_t a = (first - from) / from_bytes * to_bytes, b = (last - from + from_bytes - 1) / from_bytes * to_bytes;
        oriel_ranges_add(dst, to + a, to + b);
    }
}

/* A source operand with bytes that nobody wrote: its destination has some too. */
static void spread(check_core *c, const pto_instr *instr, const oriel_ranges *src, const oriel_footprint *s,
                   uint64_t s_at, uint32_t s_bytes, const oriel_footprint *d)
{
    const pto_tile *tile = instr->tile[0];
    uint32_t d_bytes = pto_dtype_bytes(tile->dtype);
    bool by_element = instr->op != PTO_OP_TROWSUM && instr->op != PTO_OP_TROWMAX;
    if (by_element && dense(s) && dense(d))
        carry(src, s_at, s->run, s_bytes, c->local_undefined, d->start, d_bytes);
    else if (by_element && !dense(s) && s->times[0] == tile->valid_rows && s->times[1] == 1)
        for (uint32_t row = 0; row < tile->valid_rows; row++)
            carry(src, s_at + row * s->step[0], s->run, s_bytes, c->local_undefined,
                  d->start + (uint64_t)row * tile->cols * d_bytes, d_bytes);
    else
        for_each_run(d, d->start, undefine_run, c->local_undefined);
}

/* A row of a product is undefined where its row of `a`, or a column of `b`, is; and where the sum was to which it is added. */
static void follow_product(check_core *c, const pto_instr *instr)
{
    const pto_tile *dst = instr->tile[0], *a = instr->tile[1], *b = instr->tile[2];
    oriel_ranges *undefined = c->local_undefined;
    const uint32_t d_bytes = pto_dtype_bytes(dst->dtype), bytes = pto_dtype_bytes(a->dtype);
    const uint64_t d_row = (uint64_t)dst->cols * d_bytes, d_at = oriel_local_address(dst);
    uint64_t first, last;
    for (uint32_t i = 0; i < dst->valid_rows; i++) {
        uint64_t row = d_at + i * d_row, from = oriel_local_address(a) + (uint64_t)i * a->cols * bytes;
        if (oriel_ranges_find(undefined, from, from + a->valid_cols * bytes, &first, &last))
            oriel_ranges_add(undefined, row, row + dst->valid_cols * d_bytes);
        else if (instr->op == PTO_OP_TMATMUL)
            oriel_ranges_remove(undefined, row, row + dst->valid_cols * d_bytes);
    }
    for (uint32_t k = 0; k < b->valid_rows; k++) {
        uint64_t from = oriel_local_address(b) + (uint64_t)k * b->cols * bytes, length = b->valid_cols * bytes;
        if (!oriel_ranges_find(undefined, from, from + length, &first, &last))
            continue;
        for (uint32_t i = 0; i < dst->valid_rows; i++)
            carry(undefined, from, length, bytes, undefined, d_at + i * d_row, d_bytes);
    }
}

static void follow_undefined(check_core *c, const pto_instr *instr, const oriel_footprint *f, const uint64_t *start,
                             uint32_t count, uint32_t event)
{
    machine *m = c->machine;
    undefined_search s;
    if (instr->op == PTO_OP_TSTORE) {
        bool add = instr->mode == PTO_ATOMIC_ADD;
        if (is_undefined(c->local_undefined, &f[1], start[1], &s))
            uninitialized(c, event, true, &s, "stores bytes that nobody wrote");
        else if (add && is_undefined(m->undefined, &f[0], start[0], &s))
            uninitialized(c, event, false, &s, "adds to bytes that nobody wrote");
        for_each_run(&f[0], start[0], define_run, m->undefined);
        return;
    }
    if (instr->op == PTO_OP_TMATMUL || instr->op == PTO_OP_TMATMUL_ACC) {
        follow_product(c, instr);
        return;
    }
    const oriel_footprint *dst = NULL;
    bool bad[ORIEL_MAX_FOOTPRINTS] = {false}, any = false;
    for (uint32_t i = 0; i < count; i++) {
        if (f[i].write) {
            dst = &f[i];
            continue;
        }
        bad[i] = is_undefined(f[i].space == ORIEL_SPACE_LOCAL ? c->local_undefined : m->undefined, &f[i], start[i], &s);
        any |= bad[i];
    }
    bool in_place = false;
    for (uint32_t i = 0; i < count; i++)
        in_place |= bad[i] && f[i].space == ORIEL_SPACE_LOCAL && dst && f[i].start == dst->start;
    if (dst && !in_place)
        for_each_run(dst, dst->start, define_run, c->local_undefined);
    for (uint32_t i = 0, t = 1; any && i < count; i++) {
        bool ub = f[i].space == ORIEL_SPACE_LOCAL;
        uint32_t bytes =
            pto_dtype_bytes(ub ? instr->tile[t < 3 && instr->tile[t] ? t : 0]->dtype : instr->global[1]->dtype);
        if (bad[i] && dst && !(in_place && f[i].start == dst->start))
            spread(c, instr, ub ? c->local_undefined : m->undefined, &f[i], start[i], bytes, dst);
        t += ub && !f[i].write;
    }
}

/* ---- Instructions ----------------------------------------------------------------------------------------------- */

/* Whether anybody has written the byte in the call of `writer`, or another rank in any. */
static bool is_stored_now(const machine *m, uint64_t at, const check_event *writer)
{
    oriel_mark last;
    if (!oriel_shadow_last_write(m->shadow, at, &last))
        return false;
    const check_event *e = &m->event[last.event];
    return e->host || e->core != writer->core || e->call == writer->call;
}

/*
 * Bytes that one rank wrote and another reads: as the same type, and as many as there are. Of what is added to, any part may be:
 * windows begin as zeros.
 */
void check_compare_ends(check_core *c, uint32_t event, uint64_t from, uint64_t to)
{
    machine *m = c->machine;
    oriel_mark first;
    if (!oriel_shadow_last_write(m->shadow, from, &first))
        return;
    const check_event *now = &m->event[event], *writer = &m->event[first.event];
    bool stored = !writer->host && (writer->op == PTO_OP_TSTORE || writer->op == PTO_OP_STORE);
    if (!stored || m->core[writer->core].rank == c->rank)
        return;
    char text[256];
    bool raw = pto_dtype_bytes((pto_dtype)now->dtype) == 1 || pto_dtype_bytes((pto_dtype)writer->dtype) == 1;
    if (now->dtype != writer->dtype && !raw) {
        snprintf(text, sizeof text, "rank %u stores %s, rank %u loads them as %s", m->core[writer->core].rank,
                 oriel_dtype_name((pto_dtype)writer->dtype), c->rank, oriel_dtype_name((pto_dtype)now->dtype));
        check_disagree(m, event, first.event, text, "one type on both ranks");
    } else if (!writer->adds && writer->call == now->call && !is_stored_now(m, to - 1, writer)) {
        snprintf(text, sizeof text,
                 "rank %u loads %" PRIu64 " B, of which rank %u has written the first in this call, and not the last",
                 c->rank, to - from, m->core[writer->core].rank);
        check_disagree(m, event, first.event, text, "one size on both ranks");
    }
}

static void store(check_core *c, const pto_instr *instr, uint32_t event, const oriel_operands *operands)
{
    machine *m = c->machine;
    uint64_t from = m->event[event].from, to = m->event[event].to;
    if (check_late_store(c, instr, event, from, to))
        return;
    check_past_keep(m, from, to);
    oriel_instr_effect(instr, operands);
}

static void load(check_core *c, const pto_instr *instr, uint32_t event, const oriel_operands *operands)
{
    machine *m = c->machine;
    uint64_t from = m->event[event].from, to = m->event[event].to;
    check_late_show(m, c->rank, from, to);
    oriel_instr_effect(instr, operands);
    check_late_hide(m, c->rank, from, to);
}

/*
 * A signalling NaN in f32, f64 parts and bf16, and a marked pattern in integers. A memory holds it from its beginning as far as
 * instructions have reached in this schedule.
 */
void check_poison(check_core *c, pto_memory memory, uint32_t to)
{
    const uint32_t poison = 0x7fa57fa5, words = (to + 3) / 4;
    uint32_t *word = (uint32_t *)(void *)c->memory[memory], *poisoned = &c->poisoned[memory];
    for (uint32_t i = *poisoned / 4; i < words; i++)
        word[i] = poison;
    *poisoned = *poisoned < 4 * words ? 4 * words : *poisoned;
}

void check_do(check_core *c, const pto_instr *instr, uint32_t event, const oriel_clock *start)
{
    machine *m = c->machine;
    oriel_footprint f[ORIEL_MAX_FOOTPRINTS];
    uint64_t at[ORIEL_MAX_FOOTPRINTS];
    uint32_t count = oriel_instr_footprint(instr, f);
    if (count == 0)
        return;
    oriel_operands operands = {0};
    uint64_t offset[2] = {0};
    for (int i = 0; i < 2; i++)
        if (instr->global[i])
            offset[i] = offset_of(c, instr->global[i], &operands.global[i]);
    for (int i = 0; i < 3; i++)
        if (instr->tile[i])
            operands.tile[i] = c->memory[instr->tile[i]->memory] + instr->tile[i]->offset;
    for (uint32_t i = 0; i < count; i++) {
        bool gm = f[i].space == ORIEL_SPACE_GM;
        at[i] = gm ? offset[f[i].write ? 0 : 1] : f[i].start;
        uint64_t end = at[i] + oriel_footprint_span(&f[i]);
        if (!gm)
            check_poison(c, oriel_local_memory(at[i]), oriel_local_offset(end));
        if (gm) {
            m->event[event].dtype = (uint8_t)instr->global[f[i].write ? 0 : 1]->dtype;
            m->event[event].from = at[i];
            m->event[event].to = end;
            m->event[event].adds = f[i].atomic;
            if (!f[i].write)
                check_compare_ends(c, event, at[i], end);
        }
    }
    /*
     * An instruction does not race with itself. Its writes are looked at first: its own read of the same bytes, the latest of its
     * pipe, would hide an earlier one that can come after its write.
     */
    for (int read = 0; read < 2; read++)
        for (uint32_t i = 0; i < count; i++)
            if (f[i].write != read)
                touch_all(c, &f[i], at[i], event, start);
    follow_undefined(c, instr, f, at, count, event);
    if (instr->op == PTO_OP_TSTORE) {
        store(c, instr, event, &operands);
        uint64_t from = m->event[event].from, to = m->event[event].to;
        check_late_show(m, c->rank, from, to);
        check_cells_stored(c, event, start, from, to, check_memory_at(c->machine, from));
        check_late_hide(m, c->rank, from, to);
    } else if (instr->op == PTO_OP_TLOAD)
        load(c, instr, event, &operands);
    else
        oriel_instr_effect(instr, &operands);
}

/* ---- The host --------------------------------------------------------------------------------------------------- */

void check_host_touch(machine *m, uint32_t rank, const oriel_check_piece *piece, bool write, uint32_t call)
{
    uint32_t queue = check_host_queue(m, rank);
    oriel_clock *knows = &m->rank[rank].at_return;
    uint32_t event = check_event_add(m, &(check_event){.core = rank * m->setup->blocks,
                                                       .call = call,
                                                       .queue = queue,
                                                       .ordinal = ++m->rank[rank].host_ordinal,
                                                       .op = write ? PTO_OP_STORE : PTO_OP_LOAD,
                                                       .composite = PTO_OP_COUNT,
                                                       .pipe = PTO_PIPE_S,
                                                       .host = true,
                                                       .from = piece->offset,
                                                       .to = piece->offset + piece->bytes});
    uint64_t first, last;
    if (!write && oriel_ranges_find(m->undefined, piece->offset, piece->offset + piece->bytes, &first, &last)) {
        oriel_found_side side = check_side(m, event);
        check_bytes_text(m, false, first, last, side.bytes, sizeof side.bytes);
        check_report(m, ORIEL_FINDING_UNINITIALIZED_READ, &side, 1, "an output that the kernel never wrote is read",
                     "a store of all of the output, drained before the kernel returns");
    }
    check_touch(m, event, write ? ORIEL_TOUCH_WRITE : ORIEL_TOUCH_READ, knows, piece->offset,
                piece->offset + piece->bytes);
    oriel_clock_raise(knows, queue, m->rank[rank].host_ordinal);
}

/* ---- Text ------------------------------------------------------------------------------------------------------- */

static const oriel_check_piece *piece_at(const machine *m, uint64_t offset)
{
    for (uint32_t i = 0; i < m->setup->pieces; i++)
        if (offset - m->setup->piece[i].offset < m->setup->piece[i].bytes)
            return &m->setup->piece[i];
    return NULL;
}

void check_bytes_text(const machine *m, bool local, uint64_t from, uint64_t to, char *text, size_t size)
{
    const oriel_check_piece *piece = local ? NULL : piece_at(m, from);
    if (local)
        snprintf(text, size, "bytes %u-%u of %s", oriel_local_offset(from), oriel_local_offset(to - 1),
                 oriel_memory_name(oriel_local_memory(from)));
    else if (piece)
        snprintf(text, size, "bytes %" PRIu64 "-%" PRIu64 " of %s \"%s\" of rank %u", from - piece->offset,
                 to - 1 - piece->offset, piece->window ? "window" : "tensor", piece->name, piece->rank);
    else
        text[0] = '\0';
}
