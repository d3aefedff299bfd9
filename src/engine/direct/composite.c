/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The short ways of the composite instructions: from device memory to device memory, with no staging in UB. What they
 * leave behind is what the expansion leaves behind, bit for bit.
 *
 * Each composite has one operand of its own and one or more others, which it reads or writes, one after the other:
 *
 *                  own             others                        for each other
 *      TPUT, TGET  global[0]       global[1]                     own   <- other
 *      TGATHER     global[0]       the group's tensors           part of own <- other
 *      TREDUCE     global[0]       the group's tensors           (all of them at once)
 *      TSCATTER    global[1]       the group's tensors           other <- part of own
 *      TBROADCAST  global[1]       the group's tensors           other <- own
 *
 * Operands that overlap without being the same have no short way, since order begins to matter, and reductions of short
 * rows have none that is shorter: they take the expansion.
 */
#include <string.h>

#include "engine/direct/direct.h"
#include "isa/isa.h"
#include "oriel/kernel.h"

static bool writes_own(const pto_instr *instr)
{
    return instr->global[0] != NULL;
}

static const pto_global *own_of(const pto_instr *instr)
{
    return writes_own(instr) ? instr->global[0] : instr->global[1];
}

static uint32_t others_of(const pto_instr *instr)
{
    return instr->group ? instr->group->ranks : 1;
}

static pto_global other_of(const pto_instr *instr, uint32_t index)
{
    return instr->group ? oriel_group_member(instr->group, index) : *instr->global[1];
}

/* What belongs to other `index`: for TGATHER and TSCATTER a part along dimension 3, else all of the own operand. */
static pto_global part_of(const pto_instr *instr, uint32_t index)
{
    pto_global part = *own_of(instr);
    if (instr->op == PTO_OP_TGATHER || instr->op == PTO_OP_TSCATTER) {
        part.shape[3] /= instr->group->ranks;
        part.addr += index * part.shape[3] * part.stride[3] * pto_dtype_bytes(part.dtype);
    }
    return part;
}

/* ---- Runs: what is contiguous in all tensors of a walk ---------------------------------------------------------- */

/* A walk over the elements of tensors of one shape, run by run. Dimensions 0 .. outer-1 are counted in `index`. */
typedef struct run_walk {
    const uint64_t *shape;
    uint64_t run; /* elements that lie one behind the other in every tensor */
    uint32_t outer;
    uint64_t index[5];
} run_walk;

/* The number of leading dimensions that have to be counted; those after them are one run. */
static uint32_t outer_dims(const pto_global *global)
{
    uint64_t dense = 1;
    uint32_t d = 5;
    while (d > 0 && (global->shape[d - 1] == 1 || global->stride[d - 1] == dense))
        dense *= global->shape[--d];
    return d;
}

static void walk_join(run_walk *walk, const pto_global *global)
{
    uint32_t outer = outer_dims(global);
    while (walk->outer < outer)
        walk->run /= global->shape[walk->outer++];
}

/* The elements of `global`, of which there is at least one. */
static run_walk walk_over(const pto_global *global)
{
    run_walk all = {.shape = global->shape, .run = pto_global_count(*global)};
    walk_join(&all, global);
    return all;
}

/* The elements of all operands, which have one shape. */
static run_walk walk_over_all(const pto_instr *instr)
{
    run_walk all = walk_over(own_of(instr));
    for (uint32_t i = 0; i < others_of(instr); i++) {
        pto_global other = other_of(instr, i);
        walk_join(&all, &other);
    }
    return all;
}

/* To the next run; false after the last. */
static bool walk_on(run_walk *walk)
{
    for (uint32_t d = walk->outer; d-- > 0;) {
        if (++walk->index[d] < walk->shape[d])
            return true;
        walk->index[d] = 0;
    }
    return false;
}

/* Bytes from the first element of `global` to the run. */
static uint64_t run_offset(const run_walk *walk, const pto_global *global)
{
    uint64_t offset = 0;
    for (uint32_t d = 0; d < walk->outer; d++)
        offset += walk->index[d] * global->stride[d];
    return offset * pto_dtype_bytes(global->dtype);
}

/* ---- Checks ----------------------------------------------------------------------------------------------------- */

static bool overlap(const char *a, uint64_t a_span, const char *b, uint64_t b_span)
{
    return a < b + b_span && b < a + a_span;
}

static bool same_strides(const pto_global *a, const pto_global *b)
{
    for (int d = 0; d < 5; d++)
        if (a->shape[d] > 1 && a->stride[d] != b->stride[d])
            return false;
    return true;
}

/* From the first byte to one past the last. */
typedef struct extent {
    char *from, *to;
} extent;

/* Whether a tensor that is written overlaps one that was reached before it. `all` holds those, and now this one. */
static bool overlaps_earlier(const oriel_engine_core *core, const pto_instr *instr, uint32_t index, extent now,
                             extent *all)
{
    bool apart = index == 0 || now.from >= all->to || now.to <= all->from; /* as a rule: the windows are in order */
    all->from = index == 0 || now.from < all->from ? now.from : all->from;
    all->to = index == 0 || now.to > all->to ? now.to : all->to;
    for (uint32_t i = 0; i < index && !apart; i++) {
        pto_global earlier = other_of(instr, i);
        void *at;
        uint64_t span;
        oriel_direct_reach(core, instr->op, &earlier, true, &at, &span);
        if (overlap(now.from, (uint64_t)(now.to - now.from), at, span))
            return true;
    }
    return false;
}

/* Reaches every operand, so that nothing can fail once something has been written. */
static oriel_status check_operands(const oriel_engine_core *core, const pto_instr *instr, bool *entangled)
{
    const pto_global *own = own_of(instr);
    void *own_at, *other_at;
    uint64_t own_span, other_span;
    extent written = {NULL, NULL};
    oriel_status status = oriel_direct_reach(core, instr->op, own, writes_own(instr), &own_at, &own_span);
    *entangled = false;
    for (uint32_t i = 0; i < others_of(instr) && status == ORIEL_OK; i++) {
        pto_global other = other_of(instr, i), part = part_of(instr, i);
        status = oriel_direct_reach(core, instr->op, &other, !writes_own(instr), &other_at, &other_span);
        if (status != ORIEL_OK)
            break;
        if (!writes_own(instr))
            *entangled |= overlaps_earlier(core, instr, i, (extent){other_at, (char *)other_at + other_span}, &written);
        if (overlap(own_at, own_span, other_at, other_span))
            *entangled |= (char *)own_at + (part.addr - own->addr) != other_at || !same_strides(&part, &other);
    }
    return status;
}

/* The pointer to an operand that check_operands has reached. */
static char *at(const oriel_engine_core *core, const pto_instr *instr, const pto_global *global)
{
    void *pointer;
    uint64_t span;
    oriel_direct_reach(core, instr->op, global, false, &pointer, &span);
    return pointer;
}

/* ---- The long way ----------------------------------------------------------------------------------------------- */

static void do_instr(void *context, const pto_instr *instr)
{
    oriel_engine_core *core = context;
    oriel_direct_look(core, instr->site, instr->op);
    oriel_direct_require(core, instr->site, oriel_direct_simple(core, instr));
}

static void no_sync(void *context, const pto_sync *sync)
{
    (void)context;
    (void)sync;
}

static void expand(oriel_engine_core *core, const pto_instr *instr)
{
    oriel_instr_expand(instr, core->limits, &(oriel_expansion){.instr = do_instr, .sync = no_sync, .context = core});
}

/* ---- The short ways --------------------------------------------------------------------------------------------- */

/* As TSTORE with atomic add does it; the source is taken as a tile of one row, whatever memory it is in. */
static void add_run(pto_dtype dtype, char *dst, char *src, uint64_t count)
{
    const uint64_t most = 1 << 20; /* a tile's extents have 32 bits */
    for (uint64_t done = 0; done < count; done += most) {
        uint32_t n = (uint32_t)(count - done < most ? count - done : most);
        pto_tile tile = {.dtype = dtype, .rows = 1, .cols = n, .valid_rows = 1, .valid_cols = n};
        pto_global global = pto_global_1d(0, dtype, n);
        uint64_t offset = done * pto_dtype_bytes(dtype);
        oriel_instr_effect(
            &(pto_instr){.op = PTO_OP_TSTORE, .mode = PTO_ATOMIC_ADD, .tile = {&tile}, .global = {&global}},
            &(oriel_operands){.tile = {src + offset}, .global = {dst + offset}});
    }
}

/* Strides of 0 make as many runs as one likes out of a few bytes: now and then it is asked whether the run is to end. */
#define RUNS_PER_LOOK 65536

static void move(oriel_engine_core *core, const pto_instr *instr, const pto_global *dst, const pto_global *src)
{
    char *to = at(core, instr, dst), *from = at(core, instr, src);
    bool add = instr->op == PTO_OP_TPUT && instr->mode == PTO_ATOMIC_ADD;
    if (to == from && !add)
        return;
    run_walk walk = walk_over(dst);
    walk_join(&walk, src);
    uint64_t runs = 0;
    do {
        if (++runs % RUNS_PER_LOOK == 0)
            oriel_direct_look(core, instr->site, instr->op);
        char *run_to = to + run_offset(&walk, dst), *run_from = from + run_offset(&walk, src);
        if (add)
            add_run(dst->dtype, run_to, run_from, walk.run);
        else
            memcpy(run_to, run_from, walk.run * pto_dtype_bytes(dst->dtype));
    } while (walk_on(&walk));
}

static void move_each(oriel_engine_core *core, const pto_instr *instr)
{
    for (uint32_t i = 0; i < others_of(instr); i++) {
        pto_global other = other_of(instr, i), part = part_of(instr, i);
        if (writes_own(instr))
            move(core, instr, &part, &other);
        else
            move(core, instr, &other, &part);
    }
}

/* What fits into the first-level cache beside the lines that stream in. */
#define BLOCK_BYTES 8192

/* More are a case for the expansion. */
#define MOST_TERMS 64

/* One run: in each block every source is read before `dst` is written, so that one of them may be `dst` itself. */
static void reduce_run(const oriel_engine_core *core, const pto_instr *instr, const run_walk *walk, char *dst,
                       uint64_t bytes)
{
    _Alignas(64) char sum[BLOCK_BYTES];
    const char *term[MOST_TERMS];
    const pto_dtype dtype = instr->global[0]->dtype;
    const uint32_t others = others_of(instr);
    for (uint32_t i = 0; i < others; i++) {
        pto_global other = other_of(instr, i);
        term[i] = (const char *)at(core, instr, &other) + run_offset(walk, &other);
    }
    for (uint64_t skip = 0; skip < bytes; skip += BLOCK_BYTES) {
        const uint64_t block = bytes - skip < BLOCK_BYTES ? bytes - skip : BLOCK_BYTES;
        const char *so_far = term[0] + skip;
        for (uint32_t i = 1; i < others; i++) {
            char *into = i == others - 1 ? dst + skip : sum;
            oriel_reduce_into(dtype, (pto_reduce)instr->mode, into, so_far, term[i] + skip,
                              block / pto_dtype_bytes(dtype));
            so_far = into;
        }
        if (so_far != dst + skip)
            memcpy(dst + skip, so_far, block); /* of the only rank */
    }
}

static void reduce(oriel_engine_core *core, const pto_instr *instr, run_walk walk)
{
    const pto_global *dst = instr->global[0];
    const uint64_t bytes = walk.run * pto_dtype_bytes(dst->dtype);
    char *to = at(core, instr, dst);
    uint64_t runs = 0;
    do {
        if (++runs % RUNS_PER_LOOK == 0)
            oriel_direct_look(core, instr->site, instr->op);
        reduce_run(core, instr, &walk, to + run_offset(&walk, dst), bytes);
    } while (walk_on(&walk));
}

/*
 * Below this many bytes, going to another rank's run costs more than the run; the expansion collects many in one tile.
 */
#define SHORT_RUN 256

static void reduce_or_expand(oriel_engine_core *core, const pto_instr *instr)
{
    run_walk walk = walk_over_all(instr);
    bool short_runs = walk.outer > 0 && walk.run * pto_dtype_bytes(instr->global[0]->dtype) < SHORT_RUN;
    if (short_runs || others_of(instr) > MOST_TERMS)
        expand(core, instr);
    else
        reduce(core, instr, walk);
}

oriel_status oriel_direct_composite(oriel_engine_core *core, const pto_instr *instr)
{
    bool entangled;
    oriel_status status = check_operands(core, instr, &entangled);
    if (status != ORIEL_OK || pto_global_count(*own_of(instr)) == 0)
        return status;
    if (entangled)
        expand(core, instr);
    else if (instr->op == PTO_OP_TREDUCE)
        reduce_or_expand(core, instr);
    else
        move_each(core, instr);
    return ORIEL_OK;
}
