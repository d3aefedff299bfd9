/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel in C++ while it runs. Private to src/front.
 *
 *      front.c       enters the kernel, and hands its instructions to the core's engine
 *      arguments.c   what the kernel is given
 *      orchestrate.c the same for an orchestration, and what that submits
 *      scalar.c      what it reads and writes through pointers
 *
 * It lies on the kernel's own stack and owns nothing: a kernel may be left from any instruction and not come back. There is one on a
 * thread that runs, and an engine may run other cores on the same thread while one waits in an instruction: after each call of
 * the engine it is put back (front_call).
 */
#ifndef ORIEL_FRONT_CORE_H
#define ORIEL_FRONT_CORE_H

#include "oriel/front.h"
#include "oriel/launch.h"

#define FRONT_MAX_ARGUMENTS 96

/* An access of the scalar unit that the kernel has begun. */
typedef struct front_access {
    char *at; /* NULL: none */
    uint32_t bytes;
    const pto_site *site;
    char memory[ORIEL_FRONT_MOST_BYTES]; /* what is in memory, while the core's view of it lies there */
} front_access;

typedef struct front {
    pto_core *core;
    const char *top;                               /* of the kernel's stack, above this */
    front_access reading, writing;                 /* of a copy both, before it is made */
    char before[ORIEL_FRONT_MOST_BYTES];           /* what lies where it writes until it does */
    uint64_t steps;                                /* since the last instruction or access */
    uint8_t event[PTO_PIPE_COUNT][PTO_PIPE_COUNT]; /* ids that event objects took, modulo 256 */
    /* What it was given. */
    uint32_t arguments;
    int64_t argument[FRONT_MAX_ARGUMENTS];
    oriel_front_tensor tensor[ORIEL_MAX_TENSORS + 1]; /* of its buffers */
    uint32_t tensors;
    oriel_front_comm comm;
    /* What its task ends with. */
    struct front_until {
        const volatile void *counter;
        int32_t least;
        const pto_site *site;
    } until[ORIEL_MAX_UNTILS];
    uint32_t untils;
} front;

/* The one that runs on this thread; NULL: none does. */
front *front_if_running(void);
/* Ends the program with a message if none does. */
front *front_running(void);
/* Before the core's engine is called, and after. */
pto_core *front_call(front *self);
void front_return(front *self);
/* Ends the kernel; `site`: where. */
_Noreturn void front_trap(front *self, const pto_site *site, const char *text);

/* The numbers that tensor descriptors have for types. */
uint8_t front_dtype_number(pto_dtype dtype);
/* Completes a descriptor of `count` elements whose address, type, dims and shape are set: dense. */
void front_complete_tensor(oriel_front_tensor *tensor, pto_dtype dtype);

/* arguments.c: fills in what the kernel is given. A word that cannot be understood ends the kernel. */
void front_take_arguments(front *self, const oriel_launch *launch, const char *list, const pto_site *site);

/* The same from the arguments of its task: all tensors, then all scalars. */
void front_take_task(front *self, const pto_site *site);

/* scalar.c: what the kernel has written goes to the engine, and what is in memory is there again. */
void front_settle(front *self);

#endif
