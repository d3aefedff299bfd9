/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hazard corpus: small kernels in pairs, one right and one wrong by one statement, written from the machine's rules
 * (docs/machine.md) and not from the checker's code. Each file holds the pairs of one kind of finding:
 *
 *      // The store must not start before the load has completed.
 *      static void store_before_load(pto_core *core)
 *      {
 *          parts p = parts_of(core);
 *          pto_tload(core, p.tile, p.in);
 *          RIGHT pto_pipe_barrier(core, PTO_PIPE_ALL);     only in the right variant; WRONG: only in the wrong one
 *          pto_tstore(core, p.out, p.tile); // FOUND       a side of the finding; in the files as a comment of the older kind
 *          drain(core);
 *      }
 *
 *      const hazard pipe_race[] = {
 *          {"store_before_load", store_before_load, .harm = HARM_SHOWN},
 *          {NULL},
 *      };
 *
 * The driver (run.c) checks both variants in every cell of the pair's grid (platforms x profiles). The right one must be clean: no
 * finding of any kind, exhaustively so. The wrong one must have, in every cell that `wrong_on` names and by default in all, one
 * finding of the file's kind that has each marked line among its sides, and none of another kind but those in `also`.
 *
 * The kernels hold to kernel.h. Buffers: tensors in and out (COUNT f32 each, or what the pair's launch says), windows scratch
 * (2 * COUNT f32) and signals (a line of 16 int32 cells per rank). Scalar 0 is the variant.
 */
#ifndef ORIEL_TESTS_HAZARD_H
#define ORIEL_TESTS_HAZARD_H

#include <stddef.h>

#include "oriel/check.h"
#include "oriel/kernel.h"

/* The statement that makes the difference. */
#define RIGHT if (!pto_arg_i64(core, 0))
#define WRONG if (pto_arg_i64(core, 0))

#define COUNT 64u

enum { SCRATCH, SIGNALS };

/* What the witness of the wrong variant says. */
typedef enum hazard_harm {
    HARM_ANY,
    HARM_SHOWN, /* a wrong result, or an end in the error itself */
    HARM_HIDDEN /* this data hides it */
} hazard_harm;

/* Where a pair is checked: a bit each; 0 means all. */
enum {
    ON_A2A3 = 1,
    ON_A5 = 2,
    STRICT = 4,
    DOCUMENTED = 8,
    EVERYWHERE = ON_A2A3 | ON_A5 | STRICT | DOCUMENTED,
};

#define KIND(name) (1u << ORIEL_FINDING_##name)

typedef struct hazard {
    const char *name; /* of the function, after which the driver looks for the marked line */
    oriel_kernel_fn kernel;
    uint32_t ranks;         /* 0: 2 */
    uint32_t blocks;        /* 0: 1 */
    uint32_t calls;         /* 0: 3 */
    uint32_t on;            /* the grid of both variants: platforms and profiles; no bit of one kind: both of it */
    uint32_t wrong_on;      /* the part of it in which the wrong variant is wrong; elsewhere it is clean, too */
    uint32_t also;          /* KIND() of findings that the wrong variant has beside its own */
    const char *missing;    /* part of what the finding says is missing; NULL: not asked */
    hazard_harm harm;       /* asked of the finding on the marked line, in each cell in which it is wrong */
    oriel_expect_fn expect; /* NULL: out[i] is in[i] of the same rank; any_result */
    const oriel_launch_buffer *buffers; /* NULL: the usual ones */
    uint32_t buffer_count;
} hazard;

/* Of kernels whose output is not looked at. */
oriel_expected any_result(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                          uint64_t i);
/* out[i] of a rank is in[i] of the rank before it. */
oriel_expected from_rank_before(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                                uint64_t i);

/* ... of the rank after it, or of rank 0, or the sum of all. */
oriel_expected from_rank_after(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                               uint64_t i);
oriel_expected from_rank_0(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                           uint64_t i);
oriel_expected sum_of_all(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                          uint64_t i);

/* The beginning of the entry of most pairs. */
#define HARMFUL(kernel) #kernel, kernel, .harm = HARM_SHOWN

/* The usual buffers, but with lines of signals enough for those that ranks write besides their own: twice as many. */
extern const oriel_launch_buffer wide_buffers[4];
#define WIDE .buffers = wide_buffers, .buffer_count = 4

/* One for each kind, ended by an entry without a name, in the file of the kind's name. */
#define HAZARDS(X)                                                                                                     \
    X(PIPE_RACE, pipe_race)                                                                                            \
    X(RANK_RACE, rank_race)                                                                                            \
    X(EARLY_SIGNAL, early_signal)                                                                                      \
    X(STALE_SIGNAL, stale_signal)                                                                                      \
    X(REUSE_RACE, reuse_race)                                                                                          \
    X(DEADLOCK, deadlock)                                                                                              \
    X(FLAG_MISUSE, flag_misuse)                                                                                        \
    X(OUT_OF_BOUNDS, out_of_bounds)                                                                                    \
    X(MISALIGNED, misaligned)                                                                                          \
    X(LIMIT, limit)                                                                                                    \
    X(UNINITIALIZED_READ, uninitialized_read)                                                                          \
    X(LINE_CLOBBER, line_clobber)                                                                                      \
    X(SIGNAL_MISUSE, signal_misuse)                                                                                    \
    X(RANK_MISMATCH, rank_mismatch)                                                                                    \
    X(RESIDUE, residue)                                                                                                \
    X(WRONG_RESULT, wrong_result)
#define HAZARD_DECLARE(constant, name) extern const hazard name##_hazards[];
HAZARDS(HAZARD_DECLARE)
#undef HAZARD_DECLARE

/* ---- What the kernels are made of ------------------------------------------------------------------------------- */

typedef struct parts {
    pto_global in, out, scratch, signals;
    const pto_comm *comm;
    pto_tile tile, tile2; /* COUNT f32 each */
    uint32_t me, next, before, ranks;
} parts;

PTO_INLINE parts parts_of(pto_core *core)
{
    parts p = {.in = pto_arg_tensor(core, 0), .out = pto_arg_tensor(core, 1), .comm = pto_arg_comm(core, 0)};
    p.scratch = pto_slice(pto_window_buffer(core, p.comm, SCRATCH), 0, COUNT);
    p.signals = pto_window_buffer(core, p.comm, SIGNALS);
    p.tile = pto_tile_1d(core, PTO_F32, 0, COUNT);
    p.tile2 = pto_tile_1d(core, PTO_F32, COUNT * 4, COUNT);
    p.me = p.comm->rank;
    p.ranks = p.comm->ranks;
    p.next = (p.me + 1) % p.ranks;
    p.before = (p.me + p.ranks - 1) % p.ranks;
    return p;
}

/* My own cell of line `line`, and the same in the window of `rank`. */
PTO_INLINE pto_addr my_cell(const parts *p, uint32_t line)
{
    return p->signals.addr + (uint64_t)line * PTO_LINE_BYTES;
}

PTO_INLINE pto_addr cell_at(const parts *p, uint32_t line, uint32_t rank)
{
    return pto_peer_addr(p->comm, my_cell(p, line), rank);
}

/* All of my window's scratch: 2 * COUNT elements. */
PTO_INLINE pto_global whole_scratch(pto_core *core, const parts *p)
{
    return pto_window_buffer(core, p->comm, SCRATCH);
}

/* Everything that was stored is complete, and other ranks may be told. A statement of its own in each kernel that calls it. */
#define drain(core)                                                                                                    \
    do {                                                                                                               \
        pto_pipe_barrier(core, PTO_PIPE_ALL);                                                                          \
        pto_dsb(core);                                                                                                 \
    } while (0)

/*
 * A barrier that counts (docs/machine.md): each rank sets cell `k` of its own line, in every window, to the number of times
 * that it has come. `turn` is how often it has crossed this barrier before.
 */
enum { COME, LEAVE };

PTO_INLINE pto_addr turn_cell(const parts *p, uint32_t k, uint32_t line, uint32_t rank)
{
    return cell_at(p, line, rank) + 4 * (uint64_t)k;
}

/* Macros, so that a finding names the kernel's line. */
#define turns_at(core, p, k) pto_load_i32(core, turn_cell(p, k, (p)->me, (p)->me))
#define announce(core, p, k, turn)                                                                                     \
    do {                                                                                                               \
        for (uint32_t rank = 0; rank < (p)->ranks; rank++)                                                             \
            pto_tnotify(core, turn_cell(p, k, (p)->me, rank), (turn) + 1, PTO_NOTIFY_SET);                             \
    } while (0)
/* All ranks, or one. */
#define await_all(core, p, k, turn)                                                                                    \
    pto_twait(core, pto_cell_block((p)->signals.addr + 4 * (k), (p)->ranks, PTO_LINE_CELLS), turn, PTO_NE)
#define await_rank(core, p, k, turn, rank) pto_twait(core, pto_cell(turn_cell(p, k, rank, (p)->me)), turn, PTO_NE)
#define cross(core, p, k, turn)                                                                                        \
    do {                                                                                                               \
        drain(core);                                                                                                   \
        announce(core, p, k, turn);                                                                                    \
        await_all(core, p, k, turn);                                                                                   \
    } while (0)

/* The half of my scratch whose turn it is. */
PTO_INLINE pto_global half_of(pto_core *core, const parts *p, int32_t turn)
{
    return pto_slice(pto_window_buffer(core, p->comm, SCRATCH), (turn & 1) * COUNT, COUNT);
}

/* out <- in * factor. Does not drain. */
#define times(core, p, factor)                                                                                         \
    do {                                                                                                               \
        pto_tload(core, (p)->tile, (p)->in);                                                                           \
        pto_pipe_barrier(core, PTO_PIPE_ALL);                                                                          \
        pto_tmuls(core, (p)->tile, (p)->tile, factor);                                                                 \
        pto_pipe_barrier(core, PTO_PIPE_ALL);                                                                          \
        pto_tstore(core, (p)->out, (p)->tile);                                                                         \
    } while (0)
/* dst <- in + turn, and out <- src - turn: data of another turn shows. Neither drains its store. */
#define stage(core, p, dst, turn)                                                                                      \
    do {                                                                                                               \
        pto_tload(core, (p)->tile, (p)->in);                                                                           \
        pto_pipe_barrier(core, PTO_PIPE_ALL);                                                                          \
        pto_tadds(core, (p)->tile, (p)->tile, turn);                                                                   \
        pto_pipe_barrier(core, PTO_PIPE_ALL);                                                                          \
        pto_tstore(core, dst, (p)->tile);                                                                              \
    } while (0)
#define take(core, p, src, turn)                                                                                       \
    do {                                                                                                               \
        pto_tload(core, (p)->tile2, src);                                                                              \
        pto_pipe_barrier(core, PTO_PIPE_ALL);                                                                          \
        pto_tsubs(core, (p)->tile2, (p)->tile2, turn);                                                                 \
        pto_pipe_barrier(core, PTO_PIPE_ALL);                                                                          \
        pto_tstore(core, (p)->out, (p)->tile2);                                                                        \
    } while (0)

/* `in` as a matrix of SIDE x SIDE, on its way to be multiplied by itself. */
#define SIDE 8u

typedef struct matrices {
    pto_global in, out;
    pto_tile l1, a, b, acc;
} matrices;

PTO_INLINE matrices matrices_of(pto_core *core, const parts *p)
{
    return (matrices){.in = pto_global_2d(p->in.addr, PTO_F32, SIDE, SIDE, SIDE),
                      .out = pto_global_2d(p->out.addr, PTO_F32, SIDE, SIDE, SIDE),
                      .l1 = pto_tile_in(core, PTO_L1, PTO_F32, 0, SIDE, SIDE),
                      .a = pto_tile_in(core, PTO_L0A, PTO_F32, 0, SIDE, SIDE),
                      .b = pto_tile_in(core, PTO_L0B, PTO_F32, 0, SIDE, SIDE),
                      .acc = pto_tile_in(core, PTO_L0C, PTO_F32, 0, SIDE, SIDE)};
}

#define hand_over(core, from, to, id)                                                                                  \
    do {                                                                                                               \
        pto_set_flag(core, from, to, id);                                                                              \
        pto_wait_flag(core, from, to, id);                                                                             \
    } while (0)
/* Both factors are there. */
#define feed(core, m)                                                                                                  \
    do {                                                                                                               \
        pto_tload(core, (m)->l1, (m)->in);                                                                             \
        hand_over(core, PTO_PIPE_MTE2, PTO_PIPE_MTE1, 0);                                                              \
        pto_tmov(core, (m)->a, (m)->l1);                                                                               \
        pto_tmov(core, (m)->b, (m)->l1);                                                                               \
        hand_over(core, PTO_PIPE_MTE1, PTO_PIPE_M, 0);                                                                 \
    } while (0)

/* out is in x in. */
oriel_expected in_squared(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                          uint64_t i);
/* ... of the rank before it. */
oriel_expected squared_before(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                              uint64_t i);

#endif
