/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/direct/direct.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine/memory.h"
#include "isa/isa.h"
#include "oriel/kernel.h"

/* ---- Waiting and leaving ---------------------------------------------------------------------------------------- */

_Noreturn void oriel_direct_leave(oriel_engine_core *core, const pto_site *site, oriel_status status)
{
    core->status = oriel_fail(status, "%s:%d: %s", site->file, site->line, oriel_last_error());
    longjmp(core->leave, 1);
}

oriel_status oriel_direct_ended(const oriel_engine_core *core, bool clock)
{
    const oriel_block *block = core->block;
    for (int i = 0; i < ORIEL_WAIT_ABORTS; i++)
        if (block->abort[i] && atomic_load_explicit(block->abort[i], memory_order_relaxed) != 0)
            return ORIEL_ABORTED;
    return clock && oriel_passed(block->deadline) ? ORIEL_TIMEOUT : ORIEL_OK;
}

int64_t oriel_direct_wait_end(const oriel_engine_core *core)
{
    const oriel_block *block = core->block;
    const int64_t end = block->wait_s == 0 ? ORIEL_NEVER : oriel_deadline(block->wait_s);
    return end < block->deadline ? end : block->deadline;
}

oriel_status oriel_direct_wait(const oriel_engine_core *core, bool (*ready)(void *context), void *context)
{
    const oriel_block *block = core->block;
    oriel_wait wait = {.ready = ready,
                       .context = context,
                       .idle = block->idle,
                       .idle_context = block->idle_context,
                       .deadline = oriel_direct_wait_end(core)};
    memcpy(wait.abort, block->abort, sizeof wait.abort);
    return oriel_wait_for(block->bell, &wait);
}

void oriel_direct_look(oriel_engine_core *core, const pto_site *site, pto_op op)
{
    /* One composite takes as long as thousands of others: it always looks at the clock. */
    oriel_status status = oriel_direct_ended(core, ++core->looks % 64 == 0 || oriel_op_is_composite(op));
    if (__builtin_expect(status == ORIEL_OK, 1))
        return;
    oriel_fail(status, "%s: %s", oriel_op_name(op),
               status == ORIEL_ABORTED ? "the run was aborted" : "the deadline passed");
    oriel_direct_leave(core, site, status);
}

/* ---- Simple instructions ---------------------------------------------------------------------------------------- */

static oriel_status misaligned(pto_op op, pto_addr addr, uint32_t align)
{
    return oriel_fail(ORIEL_FAULT, "%s: the element at offset %llu is not aligned to its %u B", oriel_op_name(op),
                      (unsigned long long)pto_addr_offset(addr), align);
}

oriel_status oriel_direct_reach(const oriel_engine_core *core, pto_op op, const pto_global *global, bool write,
                                void **pointer, uint64_t *span)
{
    oriel_footprint footprint = oriel_global_footprint(global, write);
    *span = oriel_footprint_span(&footprint);
    oriel_object object;
    oriel_status status = oriel_view_reach(core->block->view, oriel_op_name(op), write ? "writes" : "reads",
                                           global->addr, *span, pointer, &object);
    uint32_t bytes = pto_dtype_bytes(global->dtype);
    if (status == ORIEL_OK && ((uintptr_t)*pointer & (bytes - 1)))
        return misaligned(op, global->addr, bytes);
    return status;
}

oriel_status oriel_direct_simple(oriel_engine_core *core, const pto_instr *instr)
{
    oriel_operands operands = {0};
    for (int i = 0; i < 3; i++)
        if (instr->tile[i])
            operands.tile[i] = core->memory[instr->tile[i]->memory] + instr->tile[i]->offset;
    for (int i = 0; i < 2; i++) {
        uint64_t span;
        if (!instr->global[i])
            continue;
        oriel_status status = oriel_direct_reach(core, instr->op, instr->global[i], i == 0, &operands.global[i], &span);
        if (status != ORIEL_OK)
            return status;
    }
    oriel_instr_effect(instr, &operands);
    return ORIEL_OK;
}

static void direct_issue(pto_core *pto, const pto_instr *instr)
{
    oriel_engine_core *core = oriel_direct_core(pto);
    oriel_direct_look(core, instr->site, instr->op);
    oriel_status status = oriel_instr_check(instr, core->limits);
    if (status == ORIEL_OK)
        status =
            oriel_op_is_composite(instr->op) ? oriel_direct_composite(core, instr) : oriel_direct_simple(core, instr);
    oriel_direct_require(core, instr->site, status);
}

/* ---- Scalar accesses -------------------------------------------------------------------------------------------- */

/* Atomic: other cores and ranks may look at the same element at the same time. */
static uint64_t load(const void *at, uint32_t bytes)
{
    switch (bytes) {
    case 1: return __atomic_load_n((const uint8_t *)at, __ATOMIC_ACQUIRE);
    case 2: return __atomic_load_n((const uint16_t *)at, __ATOMIC_ACQUIRE);
    case 4: return __atomic_load_n((const uint32_t *)at, __ATOMIC_ACQUIRE);
    default: return __atomic_load_n((const uint64_t *)at, __ATOMIC_ACQUIRE);
    }
}

static void store(void *at, uint32_t bytes, uint64_t bits)
{
    switch (bytes) {
    case 1: __atomic_store_n((uint8_t *)at, (uint8_t)bits, __ATOMIC_RELEASE); break;
    case 2: __atomic_store_n((uint16_t *)at, (uint16_t)bits, __ATOMIC_RELEASE); break;
    case 4: __atomic_store_n((uint32_t *)at, (uint32_t)bits, __ATOMIC_RELEASE); break;
    default: __atomic_store_n((uint64_t *)at, bits, __ATOMIC_RELEASE); break;
    }
}

static void direct_access(pto_core *pto, pto_access *access)
{
    oriel_engine_core *core = oriel_direct_core(pto);
    oriel_direct_look(core, access->site, access->op);
    oriel_direct_require(core, access->site, oriel_access_check(access, core->limits));
    void *at;
    uint64_t span;
    bool write = access->op == PTO_OP_STORE;
    const pto_global element = pto_global_1d(access->addr, access->dtype, 1);
    oriel_direct_require(core, access->site, oriel_direct_reach(core, access->op, &element, write, &at, &span));
    if (write)
        store(at, (uint32_t)span, access->bits);
    else
        access->bits = load(at, (uint32_t)span);
}

/* ---- Cores ------------------------------------------------------------------------------------------------------ */

static oriel_status direct_core_create(const oriel_limits *limits, oriel_engine_core **core)
{
    assert(limits->event_ids <= 32);
    oriel_engine_core *made = calloc(1, sizeof *made);
    if (!made)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for a core");
    oriel_status status = oriel_memories_map(limits, made->memory);
    if (status != ORIEL_OK) {
        free(made);
        return status;
    }
    made->limits = limits;
    *core = made;
    return ORIEL_OK;
}

static void direct_core_destroy(oriel_engine_core *core)
{
    if (!core)
        return;
    oriel_memories_unmap(core->limits, core->memory);
    free(core);
}

/* ---- Entering a kernel ------------------------------------------------------------------------------------------ */

static const pto_engine_ops direct_ops = {
    .issue = direct_issue, .sync = oriel_direct_sync, .signal = oriel_direct_signal, .access = direct_access};

/* In a function of its own: nothing that lives in a register is needed after the jump but what the core holds. */
static oriel_status enter(oriel_engine_core *core)
{
    core->status = ORIEL_OK;
    if (setjmp(core->leave) == 0)
        core->block->function(&core->pto);
    return core->status;
}

static oriel_status direct_run(oriel_engine_core *core, const oriel_block *block)
{
    core->pto = (pto_core){.ops = &direct_ops,
                           .args = &block->view->args,
                           .view = block->view,
                           .block = block->block,
                           .blocks = block->blocks};
    oriel_memories_tell(core->limits, &core->pto);
    core->block = block;
    core->tests = 0;
    oriel_status status = enter(core);
    core->block = NULL;
    if (status != ORIEL_OK)
        memset(core->flags, 0, sizeof core->flags);
    oriel_core_barrier *barrier = block->barrier;
    if (barrier && barrier->ended++ == 0) {
        barrier->first_ended = block->block;
        barrier->its_status = status;
    }
    return status;
}

const oriel_engine oriel_engine_direct = {
    .name = "direct", .core_create = direct_core_create, .core_destroy = direct_core_destroy, .run = direct_run};
