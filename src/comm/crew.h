/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The crew of a world whose ranks nobody launched: who has come, who is still there.
 *
 *      rank 0, path                    other ranks, path               any rank, descriptor
 *      oriel_crew_make                 oriel_rendezvous_fetch          (somebody called oriel_crew_make)
 *      oriel_crew_enter                oriel_crew_enter                oriel_crew_enter
 *      oriel_rendezvous_gather
 *      └────────────────────────────── oriel_crew_await ─────────────────────────────────┘
 *      ... oriel_crew_watch in idle moments of each wait ...
 *      oriel_crew_leave
 *
 * They have no parent in common that learns of a death. So each rank holds a lock on the byte of its number in the world's
 * memfd, which the kernel takes back when the process ends, however it ends; and each rank that waits long enough to sleep looks at the
 * locks of the others. The lock belongs to a file description of its own, which is not mapped: neither a thread of the
 * same process that leaves nor a mapping that a forked child inherits has to do with it.
 *
 *      crew.c          seats and locks                  rendezvous.c    how the memfd comes from rank 0 to the others
 *      join.c          the public calls                 fate.c          how a process ended
 */
#ifndef ORIEL_COMM_CREW_H
#define ORIEL_COMM_CREW_H

#include "base/host.h"
#include "comm/table.h"

typedef struct oriel_crew_seat {
    _Alignas(64) _Atomic uint32_t here; /* 1: this rank has come; the rest is written before */
    int32_t process;
    bool deterministic; /* this and the next: what its program asks for */
    oriel_asked asked;
    cpu_set_t allowed; /* where it might run when it came */
    cpu_set_t place;   /* where it is to run; of rank 0's writing */
} oriel_crew_seat;

typedef struct oriel_crew {
    _Atomic uint32_t complete; /* 1: all have come, and what follows is written */
    uint32_t processors;       /* that there are for all */
    bool bind;                 /* places are given */
    uint64_t team;             /* of all ranks */
    oriel_crew_seat seat[];
} oriel_crew;

/* A rank's own side. */
typedef struct oriel_joined {
    oriel_shm shm;
    oriel_world *world;
    oriel_crew *crew;
    uint32_t rank;
    double timeout_s;
    int lock; /* descriptor */
    bool bound;
    int thread;                        /* that was bound, */
    cpu_set_t before;                  /* and its processors before */
    struct oriel_joined *next, **link; /* of this process: for what a forked child must close */
} oriel_joined;

/* What both sides must agree on to share memory: version and sizes. Returns `text`. */
#define ORIEL_MARK_BYTES 64
const char *oriel_crew_mark(char text[ORIEL_MARK_BYTES]);

/* A world with an empty crew. */
oriel_status oriel_crew_make(uint32_t ranks, uint64_t reserve_bytes, oriel_shm *shm);

/*
 * Takes the seat of `rank`, and `shm` over in any case. `joined` is ended by oriel_crew_leave.
 * ORIEL_INVALID  no world, one of another version or for another number of ranks, or the rank has come before: all others are told
 *                if they are still waiting
 */
oriel_status oriel_crew_enter(oriel_shm *shm, uint32_t rank, uint32_t ranks, const oriel_comm_options *options,
                              oriel_joined **joined);

/*
 * Rank 0: until all have come; calls progress(context) meanwhile. ORIEL_TIMEOUT names those that have not, for all.
 * Others as of oriel_comm_create.
 */
oriel_status oriel_crew_gather(oriel_joined *joined, int64_t deadline, bool (*progress)(void *context), void *context);
/*
 * Rank 0, when all have come: shares its table, and lets them go.
 * ORIEL_INVALID: one asks for other algorithms than rank 0. ORIEL_NO_MEMORY: no room for the table.
 */
oriel_status oriel_crew_complete(oriel_joined *joined, oriel_bind bind, const oriel_table *table);
/* All ranks: until rank 0 lets them go. Then it is known how many processors there are, and this thread is bound. */
oriel_status oriel_crew_await(oriel_joined *joined, oriel_bind bind, int64_t deadline);

/* Gives the verdict if a rank has died. For oriel_wait's `idle`: `joined` is an oriel_joined. */
void oriel_crew_watch(void *joined);

/* This rank failed with the thread's message before it was let go: the others need not wait. */
void oriel_crew_give_up(oriel_joined *joined, oriel_status status);
void oriel_crew_leave(oriel_joined *joined);

/* ---- How the memfd gets around ---------------------------------------------------------------------------------- */

/*
 * Ranks come together at an abstract address of the UNIX domain, made of user and path, with no file that could be left behind.
 *
 *      rank 0                  others
 *      listens                 connect, again and again until the deadline
 *                          <─  hello: mark, rank, ranks, process
 *      memfd, or why not   ─>
 *                              enter the crew; close
 *
 * Rank 0 keeps the connection until that rank has come: that it breaks before is a death.
 */

/* Rank 0: hands the memfd to all others, until they have come. */
oriel_status oriel_rendezvous_gather(oriel_joined *joined, const char *path, int64_t deadline);
/*
 * Others: the memfd, and the connection, which the caller closes when it has entered the crew.
 * ORIEL_TIMEOUT: no rank 0 has come, or it did not answer. What rank 0 refuses with.
 */
oriel_status oriel_rendezvous_fetch(const char *path, uint32_t rank, uint32_t ranks, double timeout_s, int64_t deadline,
                                    int *memory, int *connection);

/* ---- Ends ------------------------------------------------------------------------------------------------------- */

/* "was killed by signal 9 (Killed)", as far as it can be known of a process that is no child. Returns `text`. */
#define ORIEL_FATE_TEXT 96
const char *oriel_fate_text(int32_t process, char text[ORIEL_FATE_TEXT]);

#endif
