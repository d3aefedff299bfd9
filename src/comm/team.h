/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A communicator: what its ranks share (the team), and what each rank keeps to itself (struct oriel_comm).
 *
 * The one thing that every call does is to publish, and to wait for those whose data it needs (meet.c):
 *
 *      publish   my line of this generation <- payload or place, then generation and digest in one store
 *      await     the lines of the others, until each has my generation: of all (a meeting); or, where the data has a root
 *                and is short (a post), of those whose data I take: a rank that takes none goes on at once
 *      compare   their digests with mine
 *
 *      seat of rank r                                              written by rank r alone, read by all
 *      ┌───┬───┬─ ─ ┬───┬──────┬──────────────────────────┬────────────────────────────┐
 *      │ 0 │ 1 │    │ A │ done │ data of posts, 0 .. A    │ calls, 0 .. 2 A            │     lines and done: a cache line each
 *      └───┴───┴─ ─ ┴───┴──────┴──────────────────────────┴────────────────────────────┘
 *       lines: of generation g the one at g % A                                                  A: ORIEL_AHEAD
 *
 * How far a rank may be ahead. It writes its line of generation g + A over that of g when every rank has published g + 1, which
 * a rank does when it has read all that it needs of generation g. Who has met in g knows that all have published g, and may go on
 * to g + A - 1. Who posts looks, when it has no line left, that all have come half as far, and waits for them. So the next line
 * is free at the start of each call. And a line holds g - A or g while I wait for g, so that it is enough to compare for equality,
 * whether or not the 32-bit count has wrapped. Scratch that was staged into for one meeting is free two stagings
 * later, since at least one meeting lies in between.
 *
 * A digest is of all calls so far: a comparison also tells of a call that differed earlier, when one of the two ranks did not wait for
 * the other. Which it was say the calls that each has noted. Who makes no more calls says so in its seat, and compares once more.
 *
 * In all calls but posts every rank waits for every other. It costs nothing that can be seen with few ranks, and that a call which
 * differs is noticed on every rank while it is made rests on it.
 *
 * What follows a meeting depends only on what all ranks know to be equal then: the call, and what the lines say. So all of them
 * meet equally often.
 *
 *      meet.c      the meeting; failures                 small.c     data that fits into a line
 *      reduce.c    combines in the order of the ranks    large.c     everything else
 *      kernel.c    algorithms that are kernels           collective.c    the public calls: arguments, which way
 *      algorithm.h what algorithms there are             choose.c    which of them a call takes, by table.h
 *      comm.c      split, free, windows                  crew.h      ranks that nobody launched
 *      stream.c    copies past the caches            remote.c    reads memory of a peer's own
 *      trial.c     whether that is quicker
 */
#ifndef ORIEL_COMM_TEAM_H
#define ORIEL_COMM_TEAM_H

#include <pthread.h>
#include <string.h>

#include "comm/algorithm.h"
#include "comm/world.h"
#include "engine/engine.h"
#include "oriel/comm.h"

#define ORIEL_LINE 64

/* ---- A call, in words that ranks compare ------------------------------------------------------------------------ */

/* word[0]: operation, type, reduction (a byte each), then the root in the upper half; word[1]: elements, or bytes. */
typedef struct oriel_call {
    uint64_t word[2];
} oriel_call;

static inline oriel_call oriel_call_of(oriel_operation operation, uint64_t count, pto_dtype dtype, pto_reduce reduce,
                                       uint32_t root)
{
    return (oriel_call){
        {(uint64_t)operation | (uint64_t)dtype << 8 | (uint64_t)reduce << 16 | (uint64_t)root << 32, count}};
}

/*
 * Of a call and all before it, whose digest is `before`. Different ones have different digests, but for one pair in 2^32. The
 * constants are odd and have no pattern.
 */
static inline uint32_t oriel_call_digest(oriel_call call, uint32_t before)
{
    uint64_t mixed =
        (call.word[0] ^ (call.word[1] + before) * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xd6e8feb86659fd93);
    return (uint32_t)(mixed >> 32);
}

/* "all-reduce of 100 f32, sum". Returns `text`. */
#define ORIEL_CALL_TEXT 96
const char *oriel_call_text(oriel_call call, char text[ORIEL_CALL_TEXT]);

/* ---- The team: shared ------------------------------------------------------------------------------------------- */

#define ORIEL_PAYLOAD 56u /* bytes of data that a line has room for, */
#define ORIEL_SHORT_POST                                                                                               \
    256u /* and posts: of two sizes, so that the short ones of many generations stay in the cache */
#define ORIEL_POST  1024u
#define ORIEL_AHEAD 32u               /* generations; a power of two */
#define ORIEL_LOG   (2 * ORIEL_AHEAD) /* calls that are noted: of one that is ahead, and of all that differ unnoticed */

typedef enum oriel_offer_kind {
    ORIEL_STAGED,    /* a piece of the data, in scratch */
    ORIEL_IN_WORLD,  /* all of it, where its owner keeps it: in a window, */
    ORIEL_IN_PROCESS /* or in memory of its own */
} oriel_offer_kind;

/* Where a rank's data is: what a line carries if the data itself does not fit. */
typedef struct oriel_offer {
    uint64_t data;           /* an offset of the world; in a process an address there */
    uint64_t target;         /* in the world: where the owner wants the result */
    oriel_offer_kind kind;   /* of another than staged, the owner waits until it has been read */
    int32_t process, thread; /* in a process: whose; the thread is in the call until the data has been read */
} oriel_offer;

typedef struct oriel_line {
    _Alignas(ORIEL_LINE) _Atomic uint64_t head; /* generation, digest << 32 */
    union {
        unsigned char payload[ORIEL_PAYLOAD];
        oriel_offer offer;
    };
} oriel_line;

typedef struct oriel_seat {
    oriel_line line[ORIEL_AHEAD];
    _Alignas(ORIEL_LINE) _Atomic uint64_t done; /* the last generation in which it has read all that it was offered */
    _Atomic uint64_t end;                       /* 0: it may make more calls; else as meet.c has it */
    _Alignas(ORIEL_LINE) unsigned char short_post[ORIEL_AHEAD][ORIEL_SHORT_POST];
    _Alignas(ORIEL_LINE) unsigned char post[ORIEL_AHEAD][ORIEL_POST];
    /* For messages only. Atomic, since whoever gives up on a rank reads its last call while the rank may write one. */
    _Alignas(ORIEL_LINE) _Atomic uint64_t call[ORIEL_LOG][2];
} oriel_seat;

static inline oriel_line *oriel_line_of(oriel_seat *seat, uint32_t generation)
{
    return &seat->line[generation % ORIEL_AHEAD];
}

typedef struct oriel_team {
    oriel_verdict verdict; /* why the communicator is broken */
    _Atomic uint32_t gone; /* ranks that have freed it: the last one frees the block */
    uint32_t ranks;
    uint64_t bytes;    /* of the team's block */
    uint64_t members;  /* offset of uint32_t[ranks]: the ranks in the world */
    oriel_seat seat[]; /* [ranks] */
} oriel_team;

/* A zeroed team with room for its seats and members, which the caller fills. */
oriel_status oriel_team_make(oriel_world *world, uint32_t ranks, uint64_t *offset);

/* That of all ranks, in their order. */
oriel_status oriel_team_make_of_all(oriel_world *world, uint64_t *offset);

/* ---- Which way a call goes -------------------------------------------------------------------------------------- */

/* Up to how many bytes: a step of the choice of an operation, whose last one goes to UINT64_MAX. */
typedef struct oriel_choice {
    uint64_t most;
    const oriel_algorithm *algorithm; /* NULL: direct */
} oriel_choice;

/* What the direct engine is told of this communicator and its last call: kernel.c. */
typedef struct oriel_kernels oriel_kernels;

/*
 * Whether ranks read memory of each other's own. Equal on all ranks once it is agreed, but for what concerns the rank alone; parts
 * inherit it.
 */
typedef enum oriel_remote_may {
    ORIEL_REMOTE_OPEN,     /* not agreed yet: */
    ORIEL_REMOTE_UNWANTED, /* and this rank will say no */
    ORIEL_REMOTE_OFF,      /* agreed, from here on */
    ORIEL_REMOTE_ON
} oriel_remote_may;

/* Whether it is quicker for calls of one operation and size: trial.c. Equal on all ranks, but for the times. */
typedef struct oriel_trial {
    uint32_t calls;     /* so far, until it is known, */
    bool single;        /* from then on */
    int64_t best[2][2]; /* ns: of two copies, of a single one: before the call's first meeting, and after it */
} oriel_trial;

#define ORIEL_TRIAL_LEAST 13 /* log2 of the least bytes; sizes up from 2^27 are one */
#define ORIEL_TRIAL_SIZES 15

typedef struct oriel_remote {
    oriel_remote_may may;
    bool together;   /* agreed: all ranks are threads of one process */
    int32_t process; /* agreed: this rank's own */
} oriel_remote;

/* ---- A rank's own ----------------------------------------------------------------------------------------------- */

typedef struct oriel_window {
    void *mine;
    uint64_t block, bytes; /* all ranks' together, of the world */
    struct oriel_window *next;
} oriel_window;

struct oriel_comm {
    /* What every call needs. */
    oriel_team *team;
    oriel_world *world;
    uint32_t rank, ranks;
    uint32_t generation; /* of the last meeting or post, */
    uint32_t may;        /* and of the last whose line is free */
    uint32_t digest;     /* of all calls so far */
    uint32_t spins;      /* looks before the processor is given away */
    oriel_status broken; /* ORIEL_OK: it is not */
    uint32_t stagings;   /* so far: their parity is the half that comes next */

    /* Scratch: two halves for each rank, in one block; equal on all ranks. Halves of 0 B: none yet. */
    uint64_t scratch, half;

    oriel_remote remote;
    oriel_trial (*trials)[ORIEL_TRIAL_SIZES]; /* [ORIEL_MOVES] */

    /* Which way a call goes: equal on all ranks. */
    const oriel_choice *choice[ORIEL_MOVES]; /* of each operation, steps; NULL: direct */
    oriel_choice *choices;                   /* where they are; owned */
    oriel_asked asked;

    /* A kernel's windows: 0 B, none yet. Equal on all ranks. */
    uint64_t kernel_block, kernel_bytes; /* of the world; of one rank's window */
    oriel_kernels *kernels;              /* NULL: not needed yet */

    double timeout_s;
    uint64_t calls; /* for messages */
    const uint32_t *member;
    oriel_bell **bells; /* [ranks - 1]: of all others */
    const void **terms; /* [ranks]: what is reduced, */
    void **targets;     /* [ranks]: and where it goes, for the length of a call */
    oriel_shm *shm;
    oriel_window *windows;
    struct oriel_joined *joined; /* of a root whose rank came by itself (crew.h); else NULL */
    struct oriel_comm *root;     /* the launch's, which has the list of all; itself there */
    struct oriel_comm *next;     /* in that list, which its root's mutex guards: threads split and free at once */
    pthread_mutex_t list_mutex;  /* of a root */
};

/* This rank's side of a team, which takes the algorithms of `asked`. Freed by oriel_comm_drop. */
oriel_status oriel_comm_join(oriel_world *world, oriel_shm *shm, uint64_t team, uint32_t rank, double timeout_s,
                             oriel_asked asked, oriel_comm **comm);
/* Frees what this rank keeps of it; what ranks share stays. */
void oriel_comm_drop(oriel_comm *comm);
/* The same, of a root and all that were split from it. */
void oriel_comm_drop_all(oriel_comm *root);

/* ---- Meeting ---------------------------------------------------------------------------------------------------- */

/* The line into which the next payload or place goes, before oriel_meet or oriel_post. */
static inline oriel_line *oriel_next_line(const oriel_comm *comm)
{
    return oriel_line_of(&comm->team->seat[comm->rank], comm->generation + 1);
}

/* What rank `peer` published for the meeting or post that has just been. */
static inline const oriel_line *oriel_peer_line(const oriel_comm *comm, uint32_t peer)
{
    return oriel_line_of(&comm->team->seat[peer], comm->generation);
}

/* Where the data of a call is, if it rides with its generation: at most ORIEL_POST bytes. */
static inline unsigned char *oriel_data_of(oriel_seat *seat, uint32_t generation, uint64_t bytes)
{
    const uint32_t slot = generation % ORIEL_AHEAD;
    if (bytes <= ORIEL_PAYLOAD)
        return seat->line[slot].payload;
    return bytes <= ORIEL_SHORT_POST ? seat->short_post[slot] : seat->post[slot];
}

/* Meets in `call`. Errors as comm.h lists them; the communicator is broken then. */
oriel_status oriel_meet(oriel_comm *comm, oriel_call call);

/*
 * The same in a call whose data goes from `root` to all, or (`to_root`) from all to it: whoever takes none does not wait for
 * whoever sends it, unless it is ORIEL_AHEAD calls ahead.
 */
oriel_status oriel_post(oriel_comm *comm, oriel_call call, uint32_t root, bool to_root);

/* This rank makes no more calls. */
void oriel_end(oriel_comm *comm);

/*
 * After oriel_end: whether its calls differ from those of others, or a rank never came to one, as far as they have come; if not,
 * they will tell when they end. On a broken communicator: whether another has ended without hearing of it.
 */
oriel_status oriel_settle(oriel_comm *comm);

/*
 * The end of a call in which some rank was offered data where its owner keeps it: I have read mine. Then, if `wait`, waits
 * until `first` .. `first + count - 1` have read theirs, so that my buffer is mine again.
 */
oriel_status oriel_finish(oriel_comm *comm, bool wait, uint32_t first, uint32_t count);

/* Breaks the communicator: for this rank, and, if nobody has before, for all. Returns `status`. */
oriel_status oriel_break(oriel_comm *comm, oriel_status status, const char *text);

/* True: somebody has broken it, this rank's call ends with that status. */
bool oriel_hear(oriel_comm *comm, oriel_status *status);

/* The end of a call whose kernel was left with `status` and a message; `awaited` [ranks]: whether it waited for that rank. */
oriel_status oriel_fail_kernel(oriel_comm *comm, oriel_call call, oriel_status status, const bool *awaited);

/* The end of a call in which the memory that `peer` offered could not be read, with the system's `error`. */
oriel_status oriel_fail_unread(oriel_comm *comm, oriel_call call, uint32_t peer, int error);

/* The refusal of a call on a broken communicator. */
oriel_status oriel_refuse(const oriel_comm *comm);

/* ---- Data ------------------------------------------------------------------------------------------------------- */

/*
 * dst <- ((term[0] op term[1]) op ..) of `count` elements, in rank order; 16-bit floating-point sums and products in f32.
 * dst may be one of the terms.
 */
void oriel_combine(pto_dtype dtype, pto_reduce op, void *dst, const void *const *term, uint32_t terms, uint64_t count);
/*
 * The same into several destinations, which lie apart from all terms or are one, at once; around the caches if asked for, and
 * if all begin on lines. What is in `dst` and `term` is lost.
 */
void oriel_combine_to(pto_dtype dtype, pto_reduce op, void **dst, uint32_t targets, bool stream, const void **term,
                      uint32_t terms, uint64_t count);

/* Whether `bytes` bytes find room in the cache that processors share. */
bool oriel_fits_cache(uint64_t bytes);
#define ORIEL_STREAM_LEAST (UINT64_C(1) << 20) /* this much does, on whatever machine */

/* memcpy that leaves the destination out of the caches. What is published after it comes after it, as of memcpy. */
void oriel_stream(void *to, const void *from, uint64_t bytes);

/*
 * A collective call as one rank sees it, with in-place resolved. Data are blocks of `bytes` bytes: a rank sends one to all, or
 * one to each (`blocks` is 1 or the number of ranks), and receives one, or one from each.
 */
typedef struct oriel_move {
    oriel_call call;
    oriel_operation operation;
    pto_dtype dtype;
    pto_reduce reduce;
    uint32_t root;         /* of an operation that has one */
    uint32_t blocks;       /* that a sender sends: the same on all ranks */
    const void *send;      /* NULL: this rank sends nothing */
    void *recv;            /* NULL: this rank receives nothing, or has its block where it belongs */
    bool in_place;         /* send is, or lies in, recv */
    uint64_t count, bytes; /* of a block */
} oriel_move;

/* Whether data goes from or to one rank alone, and how much. */
static inline bool oriel_is_post(const oriel_move *move)
{
    return oriel_operation_has_root(move->operation) && move->blocks * move->bytes <= ORIEL_POST;
}

/* What a rank sends has at most ORIEL_PAYLOAD bytes, or is a post. */
oriel_status oriel_move_small(oriel_comm *comm, const oriel_move *move);
oriel_status oriel_move_large(oriel_comm *comm, const oriel_move *move);

/* ---- Memory of a peer's own ------------------------------------------------------------------------------------- */

/* What the environment (ORIEL_SINGLE_COPY) says for this process. ORIEL_INVALID: nothing acceptable. */
oriel_status oriel_remote_wish(oriel_remote *remote);

/*
 * Agrees on whether ranks read memory of each other's own: each tries it with each other,
 * and all must succeed. Meets twice.
 */
oriel_status oriel_remote_agree(oriel_comm *comm, oriel_call call);

/* to <- what `peer`, a rank of another process, has offered in the last meeting, `from` bytes on. The end of the call if it fails. */
oriel_status oriel_remote_read(oriel_comm *comm, oriel_call call, uint32_t peer, void *to, uint64_t from,
                               uint64_t bytes);

/* The trial of what a rank sends, or the root does: `bytes` bytes that others read. Its own for the communicator's life. */
oriel_trial *oriel_trial_of(oriel_comm *comm, oriel_operation operation, uint64_t bytes);

/* Whether this call is to make single copies. Once for each trial it meets for that. */
oriel_status oriel_trial_choose(oriel_comm *comm, oriel_call call, oriel_trial *trial, bool *single);

/* Whether it wants to be told of this call: times of base/clock.h, from where to where before and after the first meeting. */
bool oriel_trial_runs(const oriel_trial *trial);
void oriel_trial_tell(oriel_trial *trial, const int64_t when[4]);

/* ---- Kernels ---------------------------------------------------------------------------------------------------- */

/*
 * Whether a kernel can do this call as comm.h says that it is done: not a sum that it would round more often than once.
 */
bool oriel_kernel_can(const oriel_comm *comm, const oriel_move *move);

/* Bytes of the block behind kernels' windows of `bytes` bytes each. */
uint64_t oriel_kernel_block_bytes(const oriel_comm *comm, uint64_t bytes);

oriel_status oriel_move_by_kernel(oriel_comm *comm, const oriel_move *move, const oriel_algorithm *algorithm);

void oriel_kernels_free(oriel_kernels *kernels);

/* ---- Choosing --------------------------------------------------------------------------------------------------- */

/* Makes the choice of this communicator, for its ranks and what was asked for. A choice that it had is freed. */
oriel_status oriel_choose(oriel_comm *comm, oriel_asked asked);

const oriel_algorithm *oriel_choice_for(const oriel_comm *comm, const oriel_move *move, const oriel_choice *steps);

/* The kernel that does this call; NULL: it goes the library's own way. The same on all ranks of calls that agree. */
static inline const oriel_algorithm *oriel_chosen(const oriel_comm *comm, const oriel_move *move)
{
    const oriel_choice *steps = comm->choice[move->operation];
    return __builtin_expect(steps != NULL, 0) ? oriel_choice_for(comm, move, steps) : NULL;
}

/* ---- Memory for all --------------------------------------------------------------------------------------------- */

/*
 * A block of the world that the rank 0 of `comm` allocates for all; each gets its offset, or the same error. Meets once.
 */
oriel_status oriel_block_for_all(oriel_comm *comm, oriel_call call, uint64_t bytes, uint64_t *offset);

#endif
