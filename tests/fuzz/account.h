/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The account of a core: what each of its pipes knows to be complete of each other, and what touched each thing last. Before an
 * instruction is put down, what it still needs is supplied: by a flag that was set earlier, by a new one, by a pipe barrier or
 * by a barrier of all pipes, as the bytes choose. What the account says must be what the checker says, rule by rule
 * (docs/memory-model.md).
 */
#ifndef ORIEL_TESTS_FUZZ_ACCOUNT_H
#define ORIEL_TESTS_FUZZ_ACCOUNT_H

#include "make.h"

enum { UB_SLOTS = 6, UB_SLOT = 2048, PIPES = PTO_PIPE_ALL, FIRST_ID = 2 /* 0 and 1 are the composites' */, IDS = 8 };
enum { OUT, SCRATCH, GM_THINGS };
typedef enum epoch { LOCAL, PUSH, PULL, ADD, WORDS, MAIL, EPOCHS } epoch;

/* Signal lines, and counters, of the different barriers. */
enum {
    LINE_ADD, /* and for TURN_ADD_OTHERS, TURN_DOWN, TURN_DOWN_OTHERS */
    LINE_SET = LINE_ADD + 4,
    LINE_STAR = LINE_SET + FUZZ_MAX_RANKS,
    LINE_STAR_BACK,
    LINE_NEAR,
    LINE_FAR,
    LINE_MAIL /* a line for each block */
};
enum { TURN_ADD, TURN_ADD_OTHERS, TURN_DOWN, TURN_DOWN_OTHERS, TURN_SET, TURN_STAR, TURN_NEAR, TURN_MAIL };

/* What touched it last: by pipe, how many things had been queued there then. */
typedef struct thing {
    uint32_t wrote[PIPES], read[PIPES];
    bool undefined;
} thing;

typedef struct flag {
    bool set;
    uint32_t gives[PIPES];
    uint32_t waited; /* the last wait, by its pipe's count */
} flag;

typedef struct account {
    fuzz_program *program;
    fuzz_bytes *b;
    bool vector_in_order, tile_in_order;
    uint32_t count[PIPES], known[PIPES][PIPES];
    thing ub[UB_SLOTS], gm[GM_THINGS];
    flag flags[PIPES][PIPES][IDS];
    epoch epoch;
    pto_dtype adds, exchanged; /* types of what crosses ranks, as a rule: another one is a finding */
    uint32_t added;            /* at most, to one element */
    bool stored_words;
} account;

/* ---- Steps (account.c) ------------------------------------------------------------------------------------------ */

fuzz_step fuzz_step_of(fuzz_kind kind, pto_op op);
/* Appends a step; in a program with defects now and then spoiled, left out, or with another one. */
void fuzz_put(account *a, fuzz_step step);
void fuzz_put_sync(account *a, pto_op op, pto_pipe src, pto_pipe dst, uint32_t id);

/* ---- What is known (account.c) ---------------------------------------------------------------------------------- */

/* The larger of each. */
void fuzz_join(uint32_t to[PIPES], const uint32_t from[PIPES]);
/* Something is queued on `q`. */
void fuzz_queue_on(account *a, pto_pipe q);
void fuzz_barrier_all(account *a);
/* `q` is about to touch it: whatever must be complete before is waited for. */
void fuzz_before(account *a, pto_pipe q, const thing *t, bool write, bool in_ub);
/* All flags that are up are taken, and all pipes have ended; for what comes round again, and for others. */
void fuzz_settle(account *a);
/* Now and then a flag is set long before anybody needs it. */
void fuzz_maybe_raise(account *a, pto_pipe p);

/* ---- Other cores (barriers.c) ----------------------------------------------------------------------------------- */

/* A signal operation of block 0 on a cell of its own; its value is value + per_turn * counter `turn`. */
fuzz_step fuzz_signal(pto_op op, uint32_t mode, uint32_t line, int32_t value, int32_t per_turn, uint32_t turn);
/* A wait, or a loop of tests. */
void fuzz_put_wait(account *a, fuzz_step step);
void fuzz_put_turn(account *a, uint32_t turn);
/* A dsb where one is needed, and now and then elsewhere. */
void fuzz_put_fence(account *a);
/* All cores of all ranks. What each did before comes before what each does after. */
void fuzz_barrier(account *a);

#endif
