/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a kernel in C++ reads and writes through pointers, as accesses of the scalar unit.
 *
 * A hook runs before its access and can change nothing of it but the memory that it finds there:
 *
 *      hook: read                  memory kept, the core's view put in its place ─┐
 *      the kernel reads            the view                                       │ nobody else runs
 *      next hook or instruction    the memory put back ◄──────────────────────────┘
 *
 *      hook: write                 memory kept ───────────────────────────────────┐
 *      the kernel writes           where memory was                               │
 *      next hook or instruction    what was written taken, the memory put back, ◄─┘
 *                                  and the store handed to the engine, which knows when it gets to memory
 *
 * A copy of a struct is told by two hooks before it is made: what is read stays in place until what is written was taken.
 *
 * On an engine whose scalar loads are always what is in memory, the access itself is all there is: it is checked, and no more.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/site.h"
#include "front/core.h"
#include "oriel/kernel.h"
#include "window/view.h"

/* Steps of loops that do nothing. A delay loop of a few million is not at fault. */
#define MOST_STEPS (UINT64_C(1) << 28)

/* The largest piece of `bytes` bytes at `at` that is one element, aligned to its size. */
static uint32_t element_at(const char *at, uint32_t bytes)
{
    uint32_t size = 8;
    while (size > bytes || (uintptr_t)at % size != 0)
        size /= 2;
    return size;
}

static pto_dtype dtype_of(uint32_t bytes)
{
    return bytes == 8 ? PTO_I64 : bytes == 4 ? PTO_U32 : bytes == 2 ? PTO_U16 : PTO_U8;
}

/* One access for each element: `value` is taken for a store, and given by a load. */
static void access_elements(front *self, pto_op op, const pto_site *site, char *at, uint32_t bytes, char *value)
{
    pto_core *core = self->core;
    for (uint32_t done = 0, n; done < bytes; done += n) {
        n = element_at(at + done, bytes - done);
        pto_access access = {
            .op = op, .site = site, .addr = oriel_view_address(core->view, at + done), .dtype = dtype_of(n)};
        if (op == PTO_OP_STORE)
            memcpy(&access.bits, value + done, n);
        core->ops->access(core, &access);
        if (op == PTO_OP_LOAD)
            memcpy(value + done, &access.bits, n);
    }
    front_return(self);
}

/* What is in memory is there again. */
static void put_back(front_access *begun)
{
    if (begun->at)
        memcpy(begun->at, begun->memory, begun->bytes);
    begun->at = NULL;
}

void front_settle(front *self)
{
    front_access *writing = &self->writing;
    char *at = writing->at, written[sizeof writing->memory];
    if (at)
        memcpy(written, at, writing->bytes);
    put_back(writing);
    put_back(&self->reading); /* before others run */
    if (at)
        access_elements(self, PTO_OP_STORE, writing->site, at, writing->bytes, written);
}

/* ---- Beginning -------------------------------------------------------------------------------------------------- */

static bool is_device_memory(const front *self, const volatile void *at)
{
    const oriel_view *view = self->core->view;
    return (uintptr_t)at - (uintptr_t)view->arena_base < view->arena_bytes;
}

/* The kernel's stack, what it was given, or what lies in an object of the program: constants and static data. */
static bool is_own_memory(const front *self, const volatile void *at)
{
    struct dl_find_object found;
    const char *byte = (const char *)(uintptr_t)at, *frame = __builtin_frame_address(0);
    return (byte >= frame && byte < self->top) || (byte >= (const char *)self && byte < (const char *)(self + 1)) ||
           _dl_find_object((void *)(uintptr_t)at, &found) == 0;
}

/* What is not device memory is no access of the machine; it must be there. */
static void look_at_own(front *self, const char *verb, const volatile void *at, uint32_t bytes, const void *from)
{
    /* The array that the kernel was given ends: what lies behind it is none of its arguments. */
    const uint64_t offset = (uintptr_t)at - (uintptr_t)self->argument;
    if (offset < sizeof self->argument && offset / sizeof *self->argument >= self->arguments)
        pto_trap_value_at(front_call(self), oriel_site_of(from),
                          "the kernel reads an argument that the launch does not give", offset / sizeof *self->argument,
                          self->arguments);
    if (is_own_memory(self, at))
        return;
    char text[160];
    snprintf(text, sizeof text, "the kernel %s %u B at address %p, which is in none of its memory", verb, bytes,
             (void *)(uintptr_t)at);
    front_trap(self, oriel_site_of(from), text);
}

/* On an engine that has no view of its own: whether there is something to access. */
static void look(front *self, pto_op op, const pto_site *site, const volatile void *at, uint32_t bytes)
{
    oriel_object object;
    const pto_addr addr = oriel_view_address(self->core->view, at);
    if (oriel_view_check(self->core->view, op == PTO_OP_LOAD ? "scalar load" : "scalar store",
                         op == PTO_OP_LOAD ? "reads" : "writes", addr, bytes, &object) != ORIEL_OK) {
        pto_access access = {
            .op = op, .site = site, .addr = addr, .dtype = dtype_of(element_at((const char *)(uintptr_t)at, bytes))};
        self->core->ops->access(self->core, &access); /* says so, and does not return */
    }
}

/* Whether the engine has a view of its own, so that there is more to do than to look. */
static bool begin(front *self, pto_op op, char *at, uint32_t bytes, const pto_site *site)
{
    self->steps = 0;
    if (self->core->cached)
        return true;
    look(self, op, site, at, bytes);
    return false;
}

static void begin_read(front *self, char *at, uint32_t bytes, const pto_site *site)
{
    front_access *reading = &self->reading;
    char seen[sizeof reading->memory];
    if (!begin(self, PTO_OP_LOAD, at, bytes, site))
        return;
    access_elements(self, PTO_OP_LOAD, site, at, bytes, seen);
    reading->at = at;
    reading->bytes = bytes;
    memcpy(reading->memory, at, bytes);
    memcpy(at, seen, bytes);
}

/*
 * What the core has stored there and memory lacks is put in its place: g++ tells of a store to a bit-field as of one to all of its word, and
 * then takes the rest of it from there.
 */
static void show_own(front *self)
{
    front_access *writing = &self->writing;
    pto_core *core = self->core;
    for (uint32_t done = 0, n; writing->bytes <= sizeof(uint64_t) && done < writing->bytes; done += n) {
        char *at = writing->at + done;
        n = element_at(at, writing->bytes - done);
        pto_access own = {
            .op = PTO_OP_LOAD, .peek = true, .addr = oriel_view_address(core->view, at), .dtype = dtype_of(n)};
        memcpy(&own.bits, at, n);
        core->ops->access(core, &own);
        memcpy(at, &own.bits, n);
    }
}

static void begin_write(front *self, char *at, uint32_t bytes, const pto_site *site)
{
    front_access *writing = &self->writing;
    if (!begin(self, PTO_OP_STORE, at, bytes, site))
        return;
    writing->at = at;
    writing->bytes = bytes;
    writing->site = site;
    memcpy(writing->memory, at, bytes);
    show_own(self);
    memcpy(self->before, at, bytes);
}

static bool overlap(const front_access *begun, const volatile char *at, uint32_t bytes)
{
    return begun->at && at < begun->at + begun->bytes && begun->at < at + bytes;
}

/*
 * A copy of a struct, of which g++ tells the write first: that has not been made yet. Or it was, of what was there: then it does not matter
 * which of the two the engine gets first.
 */
static bool is_to_come(const front *self, const volatile char *at, uint32_t bytes)
{
    const front_access *writing = &self->writing;
    return writing->at && !overlap(writing, at, bytes) && memcmp(writing->at, self->before, writing->bytes) == 0;
}

void oriel_front_read(const volatile void *at, uint32_t bytes, const void *from)
{
    front *self = front_if_running();
    if (!self) /* code of the object that runs when it is loaded */
        return;
    front_access *writing = &self->writing;
    const bool to_come = is_to_come(self, at, bytes);
    if (to_come) {
        memcpy(writing->at, writing->memory, writing->bytes);
        put_back(&self->reading);
    } else
        front_settle(self);
    if (is_device_memory(self, at))
        begin_read(self, (char *)(uintptr_t)at, bytes, oriel_site_of(from));
    else
        look_at_own(self, "reads", at, bytes, from);
    if (to_come) { /* others may have run, and it may have been made */
        memcpy(writing->memory, writing->at, writing->bytes);
        memcpy(writing->at, self->before, writing->bytes);
    }
}

void oriel_front_write(volatile void *at, uint32_t bytes, const void *from)
{
    front *self = front_if_running();
    if (!self)
        return;
    /* A copy is told in whole before it is made: what it reads stays in place while what it writes is begun. */
    if (self->writing.at || overlap(&self->reading, at, bytes))
        front_settle(self);
    if (is_device_memory(self, at))
        begin_write(self, (char *)(uintptr_t)at, bytes, oriel_site_of(from));
    else
        look_at_own(self, "writes", at, bytes, from);
}

void oriel_front_step(const void *from)
{
    front *self = front_if_running();
    if (self && ++self->steps > MOST_STEPS)
        front_trap(self, oriel_site_of(from),
                   "the kernel goes on for ever: a loop that comes to no instruction and no access");
}

/* ---- Around the cache ------------------------------------------------------------------------------------------- */

static void access_uncached(pto_op op, const volatile void *at, uint32_t bytes, void *value, const void *from)
{
    front *self = front_running();
    pto_core *core = front_call(self);
    pto_access access = {.op = op,
                         .uncached = true,
                         .site = oriel_site_of(from),
                         .addr = oriel_view_address(core->view, at),
                         .dtype = dtype_of(bytes)};
    if (op == PTO_OP_STORE)
        memcpy(&access.bits, value, bytes);
    core->ops->access(core, &access);
    if (op == PTO_OP_LOAD)
        memcpy(value, &access.bits, bytes);
    front_return(self);
}

void oriel_front_read_device(const volatile void *at, uint32_t bytes, void *value)
{
    access_uncached(PTO_OP_LOAD, at, bytes, value, __builtin_return_address(0));
}

void oriel_front_write_device(volatile void *at, uint32_t bytes, const void *value)
{
    access_uncached(PTO_OP_STORE, at, bytes, (void *)(uintptr_t)value, __builtin_return_address(0));
}
