/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random kernels. A byte string becomes a job and a program: a list of steps, most of them one instruction with its operands. One
 * kernel, fuzz_kernel, is an interpreter of the program, written over oriel/kernel.h as any other, so that each engine can run it:
 *
 *      bytes ── fuzz_make ──► fuzz_program ── fuzz_kernel ──► any engine          trial.h: what must hold then
 *               wild.c, tame.c   (data)         kernel.c
 *
 * All ranks and blocks run the same steps; a step may be for some of them only, and its addresses and values depend on who runs it.
 * There are loops, branches on a TTEST or on what was loaded, and polling.
 *
 *   wild   any step with any operands, of which most are nearly right
 *   tame   operands in bounds, and as much synchronization as is needed and hardly more (tame.c keeps account of that); by the
 *          first bytes' choice with a few defects: a step left out, changed or put in
 *
 * Any byte string is a program (when it ends, zeros follow), and equal ones are equal programs: a fuzzer may change and join them,
 * a random number generator may make them, and a table may keep those that once showed a bug.
 */
#ifndef ORIEL_TESTS_FUZZ_PROGRAM_H
#define ORIEL_TESTS_FUZZ_PROGRAM_H

#include <stdio.h>

#include "oriel/check.h"
#include "oriel/instr.h"

#define FUZZ_MAX_RANKS  4
#define FUZZ_MAX_BLOCKS 3
#define FUZZ_MAX_CALLS  3
#define FUZZ_MAX_STEPS  400
#define FUZZ_TURNS      8 /* counters of a core */

/* A string that is longer makes no longer program. */
#define FUZZ_MOST_BYTES 1400

/* ---- Memory ----------------------------------------------------------------------------------------------------- */

/* A core's share of a buffer: what no other core touches unless the program says so. */
#define FUZZ_SLOT       512u
#define FUZZ_SLOTS      (FUZZ_MAX_RANKS * FUZZ_MAX_BLOCKS)
#define FUZZ_LINES      48u /* cache lines of signal cells */
#define FUZZ_ADDS_BYTES 1024u
#define FUZZ_IN_BYTES   2048u

typedef enum fuzz_buffer {
    FUZZ_IN,      /* tensor, FUZZ_IN_BYTES */
    FUZZ_OUT,     /* tensor, a slot for each block */
    FUZZ_SCRATCH, /* window, a slot for each core of the job */
    FUZZ_ADDS,    /* window, for atomic adds of one type */
    FUZZ_WORDS,   /* window, a line for each core of the job: scalar stores */
    FUZZ_SIGNALS, /* window */
    FUZZ_BUFFERS,
    FUZZ_RAW = FUZZ_BUFFERS /* no buffer: an address as it stands */
} fuzz_buffer;

typedef enum fuzz_whose {
    FUZZ_MINE,
    FUZZ_NEXT /* my rank + by, + the turn of the loop if `loops` */,
    FUZZ_RANK
} fuzz_whose;

/* A device address, as a function of who asks. */
typedef struct fuzz_place {
    fuzz_buffer buffer;
    fuzz_whose whose;
    uint32_t by;
    bool loops;
    uint64_t base; /* bytes */
    uint32_t per_rank, per_block;
} fuzz_place;

typedef struct fuzz_tensor {
    fuzz_place at;
    pto_dtype dtype;
    uint64_t shape[5], stride[5];
} fuzz_tensor;

/* ---- Programs --------------------------------------------------------------------------------------------------- */

typedef enum fuzz_kind {
    FUZZ_INSTR,
    FUZZ_SYNC,
    FUZZ_SIGNAL,
    FUZZ_ACCESS, /* a load's result goes to the core's register, a store may take it from there */
    FUZZ_REPEAT, /* the next `length` steps `times` times; 0: as often as there are ranks; loops do not nest */
    FUZZ_TEST,   /* a TTEST; if it says no, the next `length` steps are left out */
    FUZZ_ODD,    /* the same if the register is even */
    FUZZ_POLL,   /* a TTEST until it says yes */
    FUZZ_TURN,   /* counts counter `turn` up; it starts at 0 and lives from call to call */
    FUZZ_KINDS
} fuzz_kind;

typedef struct fuzz_step {
    fuzz_kind kind;
    pto_op op;
    uint32_t mode;
    uint8_t ranks, blocks; /* sets: who does it */
    /* FUZZ_INSTR */
    bool has_tile[3], has_tensor[2];
    pto_tile tile[3];
    fuzz_tensor tensor[2];
    bool has_group, symmetric;
    fuzz_tensor group;
    uint32_t group_ranks; /* of all, if they are not as many as the job has; else 0 */
    pto_scalar scalar;
    bool from_register; /* scalar, or what is stored */
    /* FUZZ_SYNC */
    pto_pipe src, dst;
    uint32_t id;
    /* a sync, a signal, an access; address 0 if not has_place */
    bool has_place;
    fuzz_place place;
    uint32_t cells, stride;
    pto_dtype dtype;
    /* A signal's value: value + per_turn * counter `turn`. */
    int32_t value, per_turn;
    uint32_t turn;
    uint32_t length, times;
} fuzz_step;

typedef struct fuzz_program {
    bool tame, defects;
    const char *platform;
    uint32_t ranks, blocks, calls;
    oriel_profile profile;
    uint64_t seed; /* of inputs and random schedules */
    bool has_output;
    bool inexact; /* adds fractions in whatever order: not to be compared */
    fuzz_step step[FUZZ_MAX_STEPS];
    uint32_t steps;
} fuzz_program;

void fuzz_make(const uint8_t *bytes, size_t size, fuzz_program *program);
/* A random string; returns its size. Equal seeds, equal strings. */
size_t fuzz_random_string(uint64_t seed, uint8_t bytes[FUZZ_MOST_BYTES]);
void fuzz_print(FILE *to, const fuzz_program *program);

/* ---- The kernel ------------------------------------------------------------------------------------------------- */

/* What fuzz_kernel runs, and where its cores keep their counters and registers. One thread. */
extern const fuzz_program *fuzz_current;
/* Before a run: all counters are 0. */
void fuzz_forget(void);
/* Steps that were done since then, by all cores; and the bound after which `fuzz_endless` is set to 1. */
extern uint64_t fuzz_done;
#define FUZZ_ENDLESS 200000u
extern _Atomic uint32_t fuzz_endless;
/* How often each opcode was handed to an engine, in all runs. */
extern uint64_t fuzz_ops[PTO_OP_COUNT];

void fuzz_kernel(pto_core *core);

#endif
