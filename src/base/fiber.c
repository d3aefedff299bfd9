/* SPDX-License-Identifier: Apache-2.0 */
/* A checked longjmp takes a jump to another stack for a broken one. */
#undef _FORTIFY_SOURCE

#include "base/fiber.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"

#ifdef __has_feature /* clang */
#define HAS_FEATURE(feature) __has_feature(feature)
#else
#define HAS_FEATURE(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
#define WITH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__) || HAS_FEATURE(thread_sanitizer)
#define WITH_TSAN
#include <sanitizer/tsan_interface.h>
#endif

/* Wide enough that a frame with a large array does not step over it. */
#define GUARD_BYTES ((size_t)64 << 10)

/*
 * The way in and out. makecontext makes the first step onto a new stack; every later one is a _setjmp and a _longjmp, which,
 * unlike swapcontext, leave the signal mask alone and so need no system call.
 *
 * ASan must hear of each change of stack before and after it, and TSan just before it. What ASan keeps for one side (its
 * fake stack) is given up when a fiber rests, so that a fiber at rest can be unmapped. These functions are inline because
 * TSan counts calls and returns on each side: none may be called on one and return on the other.
 */
#define INLINE static inline __attribute__((always_inline))

INLINE void before_entering(oriel_fiber *fiber)
{
    (void)fiber;
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(&fiber->asan_outside, fiber->stack, fiber->stack_bytes);
#endif
#ifdef WITH_TSAN
    fiber->tsan_outside = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(fiber->tsan_inside, 0);
#endif
}

INLINE void after_entering(oriel_fiber *fiber)
{
    (void)fiber;
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(fiber->asan_inside, &fiber->outside_stack, &fiber->outside_bytes);
#endif
}

INLINE void before_leaving(oriel_fiber *fiber, bool rest)
{
    (void)fiber, (void)rest;
#ifdef WITH_ASAN
    fiber->asan_inside = NULL;
    __sanitizer_start_switch_fiber(rest ? NULL : &fiber->asan_inside, fiber->outside_stack, fiber->outside_bytes);
#endif
#ifdef WITH_TSAN
    __tsan_switch_to_fiber(fiber->tsan_outside, 0);
#endif
}

INLINE void after_leaving(oriel_fiber *fiber)
{
    (void)fiber;
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(fiber->asan_outside, NULL, NULL);
#endif
}

static _Thread_local oriel_fiber *entering; /* an argument that makecontext would cut into ints */

static void first_frame(void)
{
    oriel_fiber *fiber = entering;
    after_entering(fiber);
    fiber->body(fiber->context);
    abort(); /* a body never returns */
}

void oriel_fiber_resume(oriel_fiber *fiber)
{
    if (_setjmp(fiber->outside) == 0) {
        before_entering(fiber);
        if (fiber->entered)
            _longjmp(fiber->inside, 1);
        fiber->entered = true;
        entering = fiber;
        setcontext(&fiber->first);
        abort();
    }
    after_leaving(fiber);
}

void oriel_fiber_suspend(oriel_fiber *fiber, bool rest)
{
    if (_setjmp(fiber->inside) == 0) {
        before_leaving(fiber, rest);
        _longjmp(fiber->outside, 1);
    }
    after_entering(fiber);
}

oriel_status oriel_fiber_create(oriel_fiber *fiber, size_t stack_bytes, oriel_fiber_body body, void *context)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t bytes = (stack_bytes + page - 1) / page * page;
    char *map = mmap(NULL, GUARD_BYTES + bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (map == MAP_FAILED)
        return oriel_fail_errno(ORIEL_SYSTEM, "cannot map a stack of %zu B", bytes);
    if (mprotect(map, GUARD_BYTES, PROT_NONE) < 0) {
        oriel_status status = oriel_fail_errno(ORIEL_SYSTEM, "cannot guard a stack of %zu B", bytes);
        munmap(map, GUARD_BYTES + bytes);
        return status;
    }
    *fiber = (oriel_fiber){.body = body, .context = context, .stack = map + GUARD_BYTES, .stack_bytes = bytes};
    getcontext(&fiber->first);
    fiber->first.uc_stack.ss_sp = fiber->stack;
    fiber->first.uc_stack.ss_size = fiber->stack_bytes;
    fiber->first.uc_link = NULL;
    makecontext(&fiber->first, first_frame, 0);
#ifdef WITH_TSAN
    fiber->tsan_inside = __tsan_create_fiber(0);
#endif
    return ORIEL_OK;
}

void oriel_fiber_destroy(oriel_fiber *fiber)
{
#ifdef WITH_TSAN
    __tsan_destroy_fiber(fiber->tsan_inside);
#endif
#ifdef WITH_ASAN
    __asan_unpoison_memory_region(fiber->stack, fiber->stack_bytes); /* for whoever is mapped here next */
#endif
    munmap(fiber->stack - GUARD_BYTES, GUARD_BYTES + fiber->stack_bytes);
}
