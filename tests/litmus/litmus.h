/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Litmus tests of the memory model (docs/memory-model.md). Each is a kernel of a few instructions, the words that it may end
 * with, and the findings that it must give. litmus.c runs each in every legal interleaving, one by one, and by the explorer.
 *
 *      window "data"     4 lines of 16 i32 on each rank     word(core, rank, i), address(core, rank, i)
 *      window "signals"  4 lines on each rank               cell(core, rank, line)
 *      tensor "out"      a line, which the host reads when the kernel has returned, if the test says so
 *      UB                tiles of one i32                   tile(core, i)
 */
#ifndef ORIEL_TESTS_LITMUS_H
#define ORIEL_TESTS_LITMUS_H

#include "engine/check/machine.h"
#include "oriel/kernel.h"

enum { DATA, SIGNALS };

/* Where: one bit for each platform and profile. */
#define A2A3_STRICT     1u
#define A2A3_DOCUMENTED 2u
#define A5_STRICT       4u
#define A5_DOCUMENTED   8u
#define STRICT          (A2A3_STRICT | A5_STRICT)
#define DOCUMENTED      (A2A3_DOCUMENTED | A5_DOCUMENTED)
#define A2A3            (A2A3_STRICT | A2A3_DOCUMENTED)
#define A5              (A5_STRICT | A5_DOCUMENTED)
#define EVERYWHERE      (STRICT | DOCUMENTED)

/* Findings, as a set. */
#define PIPE_RACE     (1u << ORIEL_FINDING_PIPE_RACE)
#define RANK_RACE     (1u << ORIEL_FINDING_RANK_RACE)
#define EARLY_SIGNAL  (1u << ORIEL_FINDING_EARLY_SIGNAL)
#define STALE_SIGNAL  (1u << ORIEL_FINDING_STALE_SIGNAL)
#define REUSE_RACE    (1u << ORIEL_FINDING_REUSE_RACE)
#define LINE_CLOBBER  (1u << ORIEL_FINDING_LINE_CLOBBER)
#define DEADLOCK      (1u << ORIEL_FINDING_DEADLOCK)
#define FLAG_MISUSE   (1u << ORIEL_FINDING_FLAG_MISUSE)
#define SIGNAL_MISUSE (1u << ORIEL_FINDING_SIGNAL_MISUSE)
#define RESIDUE       (1u << ORIEL_FINDING_RESIDUE)
#define UNWRITTEN     (1u << ORIEL_FINDING_UNINITIALIZED_READ)
#define RACES         (PIPE_RACE | RANK_RACE | EARLY_SIGNAL | STALE_SIGNAL | REUSE_RACE | LINE_CLOBBER)
/* Found by what is ordered and not by what a run shows: an interleaving may end in a way that no schedule of the explorer does. */
#define BY_ORDER (RACES | FLAG_MISUSE | SIGNAL_MISUSE)

typedef struct litmus_case {
    unsigned where;
    /*
     * All that may be seen, in words with a space between: a digit for each place that the kernel saw (`see`), by number, then one
     * for each of `ends`. '.': not seen; '?': no digit. '!' behind what was seen until then: something waits for ever.
     */
    const char *outcomes;
    unsigned findings;
    const char *hidden; /* found by order, but with one outcome: why nobody can see it. Else NULL */
} litmus_case;

/* What is there when all is over. */
typedef struct litmus_end {
    bool here, ub;
    uint32_t of, at; /* rank and word; core and tile */
} litmus_end;
#define GM(rank, word)                                                                                                 \
    {                                                                                                                  \
        true, false, (rank), (word)                                                                                    \
    }
#define UB(core, tile)                                                                                                 \
    {                                                                                                                  \
        true, true, (core), (tile)                                                                                     \
    }

/* A task of each rank, in each call. */
typedef struct litmus_task {
    oriel_kernel_fn kernel;
    uint32_t blocks; /* 0: 1 */
    uint32_t after;  /* a bit for each task before it */
    int32_t until;   /* its condition: at least this in its rank's first cell; 0: none */
} litmus_task;
#define LITMUS_TASKS 4

typedef struct litmus {
    const char *name;
    oriel_kernel_fn kernel;
    litmus_task task[LITMUS_TASKS]; /* instead of the kernel */
    uint32_t ranks, blocks, calls;  /* 0: 1 */
    bool vector;                    /* uses PIPE_V, in which alone the platforms differ: run on both, else on a2a3 */
    bool out;                       /* the host reads out[0] when the kernel has returned, and that is seen first */
    int data[2];                    /* what the first words of each rank's data are */
    litmus_end ends[4];
    litmus_case cases[4];
} litmus;

/* The same everywhere. */
#define CLEAN(outcomes)                                                                                                \
    {                                                                                                                  \
        {                                                                                                              \
            EVERYWHERE, outcomes, 0, NULL                                                                              \
        }                                                                                                              \
    }
#define FOUND(outcomes, findings)                                                                                      \
    {                                                                                                                  \
        {                                                                                                              \
            EVERYWHERE, outcomes, findings, NULL                                                                       \
        }                                                                                                              \
    }

typedef struct litmus_file {
    const char *name;
    bool in_document; /* each is named in docs/memory-model.md */
    const litmus *test;
    uint32_t tests;
} litmus_file;
#define LITMUS_FILE(in_document, tests)                                                                                \
    {                                                                                                                  \
        __FILE__, in_document, tests, sizeof tests / sizeof *tests                                                     \
    }
extern const litmus_file litmus_order, litmus_signals, litmus_cache, litmus_tasks, litmus_tiny;

/* ---- What kernels are made of ----------------------------------------------------------------------------------- */

/* The kernel saw `value` at place `place` of its outcome. It orders nothing and costs no step: the kernel's register. */
void see(uint32_t place, int64_t value);
/* As if the tile had been there before the kernel. */
void preset(pto_core *core, pto_tile tile, int32_t value);

static inline uint32_t me(pto_core *core)
{
    return pto_arg_comm(core, 0)->rank;
}

/* Which call of the kernel it is, from 0: as if the host had said so. */
static inline uint32_t call_of(const pto_core *core)
{
    return ((const check_core *)core)->call;
}

static inline pto_addr address(pto_core *core, uint32_t rank, uint32_t word)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    return pto_peer_addr(comm, pto_window_buffer(core, comm, DATA).addr + (uint64_t)word * 4, rank);
}

static inline pto_global word(pto_core *core, uint32_t rank, uint32_t word)
{
    return pto_global_1d(address(core, rank, word), PTO_I32, 1);
}

static inline pto_addr cell(pto_core *core, uint32_t rank, uint32_t line)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    return pto_peer_addr(comm, pto_window_buffer(core, comm, SIGNALS).addr + (uint64_t)line * PTO_LINE_BYTES, rank);
}

static inline pto_tile tile(pto_core *core, uint32_t index)
{
    return pto_tile_1d(core, PTO_I32, index * core->ub_align, 1);
}

/* The tensor that the host reads. */
static inline pto_global out(pto_core *core)
{
    return pto_slice(pto_arg_tensor(core, 0), 0, 1);
}

/* Stores 1 to a word, so that a peer that hears of it sees it. */
#define PUT(core, rank, at)                                                                                            \
    do {                                                                                                               \
        preset((core), tile((core), 7), 1);                                                                            \
        pto_tstore((core), word((core), (rank), (at)), tile((core), 7));                                               \
        pto_pipe_barrier((core), PTO_PIPE_ALL);                                                                        \
        pto_dsb(core);                                                                                                 \
    } while (0)

/* The scalar unit's store of 1 to a word, so that a peer that hears of it sees it. */
#define PUT_SCALAR(core, rank, at)                                                                                     \
    do {                                                                                                               \
        pto_store_i32((core), address((core), (rank), (at)), 1);                                                       \
        pto_dcci((core), address((core), (rank), (at)));                                                               \
        pto_dsb(core);                                                                                                 \
    } while (0)

/* Adds 1 to a cell of a rank; waits until one's own has `goal`. */
#define NOTIFY(core, rank, line) pto_tnotify((core), cell((core), (rank), (line)), 1, PTO_NOTIFY_ADD)
#define WAIT(core, line, goal)   pto_twait((core), pto_cell(cell((core), me(core), (line))), (goal), PTO_GE)

#endif
