/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collectives for programs in which every rank runs the same code (SPMD): one call per rank, no controller in between.
 *
 *      static oriel_status rank_main(oriel_comm *comm, void *context)
 *      {
 *          float mine = (float)oriel_comm_rank(comm), sum;
 *          return oriel_allreduce(&mine, &sum, 1, PTO_F32, PTO_SUM, comm);
 *      }
 *
 *      int main(void)
 *      {
 *          return oriel_launch(4, rank_main) == ORIEL_OK ? 0 : 1;
 *      }
 *
 * Order of calls
 *
 *      oriel_comm_launch        starts n ranks, each with a communicator of all; waits for them. Inside each rank:
 *      (or oriel_comm_create    in each of n programs: "Ranks that exist already", below)
 *          oriel_comm_split         communicators of some of the ranks
 *          oriel_window_alloc       symmetric memory, which moves without staging, whatever the size
 *          oriel_barrier ...        the collectives, any number of times
 *          oriel_window_free, oriel_comm_free
 *
 * Collective calls. All that take a communicator, but for oriel_comm_rank and oriel_comm_size, are called by every one of its
 * ranks, in one order, with the same operation, count, type, reduction and root. A call that differs ends on every rank
 * with an error that names two ranks and what each of them called. A call may return on one rank before another has
 * come to its end; none returns before every rank has come to it, with one exception:
 *
 *      broadcast, reduce, gather and scatter of at most 1024 B (of what a rank sends, to all others together) return at once on a
 *      rank that takes nothing: the root of a broadcast, all but the root of a reduction. It may be up to 31 such calls ahead of
 *      the slowest. That a call was different, or that a rank never came to it, it then hears from one of its next calls (the first that
 *      waits for the others; the message is about the call that was wrong), from oriel_comm_free, or when its function returns: if it
 *      has returned before the others were that far, the launch fails with what the last of them finds.
 *
 * Buffers. `count` is in elements of `dtype`. Buffers are the caller's, aligned to their elements, and lie anywhere; the
 * send and the receive buffer of a call may not overlap (ORIEL_IN_PLACE is the way to use one for both). With count 0
 * they may be NULL. Those that lie in memory of oriel_window_alloc are read by the peers where they are; others go
 * through shared memory of Oriel's own, piece by piece, or are read where they are, too: no copy is promised, and nothing
 * differs but speed. Each rank is free to choose. On return a rank's buffers are its own again, whatever its peers still do.
 *
 * Single copies. Threads of one process read one another's ordinary buffers; between processes the system copies
 * (process_vm_readv), in all operations but all-reduce, from 8 KiB up, where that is quicker: the first twelve calls of an operation
 * and size (to the next power of two) from ordinary buffers on a communicator try both ways, and all ranks then go the better one. The ranks of
 * a communicator ask for it when they come to the first such call, and all stage if the system does not let one of them read
 * another (users that differ, a container, a security module), or if ORIEL_SINGLE_COPY=0 is in the environment of one: of the
 * process that launches, or that calls oriel_comm_create. Oriel changes no process's rights for it. Memory that the system
 * cannot read for another process, of a device or of memfd_secret, needs that variable.
 *
 * Reductions combine in the order of the ranks, ((x0 op x1) op x2) ..: the same ranks and inputs give the same bits in
 * every run, on every rank, from either kind of buffer, on every processor. Only an algorithm that was asked for, by
 * name or by the file of this host, may have an order of its own, likewise the same in every run with that file
 * (tuning.h says which do); oriel_comm_options.deterministic leaves the file out. 16-bit floating-point sums and
 * products are taken in f32 and rounded once, at the end. kernel.h says what a maximum does with a NaN, and that
 * integers wrap. and, or and xor take the integer types.
 *
 * Threads. A communicator is used by one thread at a time: the one that its rank's function was called on, or one that it
 * hands it to. Different communicators are independent.
 *
 * Errors. The first failure breaks a communicator: the calls of its other ranks end too, and say why; later calls on it
 * are refused. Contents of receive buffers are undefined then, and those in windows may still be written by ranks that have not
 * come to the failure yet. A rank that dies, or whose function fails, breaks all
 * communicators of its launch. What every collective may return:
 *
 *      ORIEL_INVALID       an argument that is not acceptable (only this rank knows: its peers wait for it until it ends);
 *                          or a call that differs from that of another rank
 *      ORIEL_TIMEOUT       a rank did not come in time; the message names it
 *      ORIEL_RANK_DIED     a rank's process ended; the message has its signal or exit code, and who waited for it in which call
 *      ORIEL_ABORTED       a rank's function failed; the message has its message
 *      ORIEL_STATE         the communicator is broken, or a rank has returned from its function for good
 *      ORIEL_SYSTEM        the system does not let a rank read a buffer of another: not any more, or a part of it is not there; the
 *                          message names both
 *      ORIEL_NO_MEMORY     no room for the shared memory that the call needs: on all ranks alike (of a split: on those of one
 *                          color), and nothing is broken. Or no memory of a rank's own: that breaks the communicator
 */
#ifndef ORIEL_COMM_H
#define ORIEL_COMM_H

#include "oriel/status.h"
#include "oriel/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct oriel_comm oriel_comm;

/* ---- Ranks ------------------------------------------------------------------------------------------------------ */

/*
 * What each rank runs. `comm` has all ranks; it and all that was split from it are freed when the function returns.
 * `context` is the launcher's pointer: a process has the launcher's memory as it was at the fork.
 */
typedef oriel_status (*oriel_rank_fn)(oriel_comm *comm, void *context);

/*
 * Where ranks run. Those that are bound get a core each, spread evenly over packages and shared caches, out of those that may be
 * used; as far as the system tells. Threads and programs that a rank starts are bound there too: a program whose ranks have
 * threads of their own wants ORIEL_BIND_NONE, and so do several jobs that share a host without processors of their own.
 */
typedef enum oriel_bind {
    ORIEL_BIND_DEFAULT, /* bound if there are several ranks and a processor for each */
    ORIEL_BIND_NONE,    /* wherever the system puts them */
    ORIEL_BIND_CORE     /* bound; with more ranks than processors they share */
} oriel_bind;

/* All zero is a valid choice. */
typedef struct oriel_comm_options {
    bool threads;           /* ranks are threads of this process; else processes of their own */
    double timeout_s;       /* how long a call waits for a rank, in seconds; 0: 30; negative: for ever */
    uint64_t reserve_bytes; /* address space for windows, of all ranks together; pages are taken when used; 0: 64 GiB */
    /*
     * Which algorithm a call takes: "ring", of all operations that have it, or "allreduce=ring,allgather=bruck", words
     * with commas between, later ones over earlier ones (tuning.h lists them). A call that the algorithm is not for
     * goes the library's own way, "direct": with other numbers of ranks, and 16-bit floating-point sums and products of
     * more than two ranks, which kernels round at every step. What is not mentioned, or NULL: as the environment and
     * the file of this host have it, and else direct.
     */
    const char *algorithm;
    /*
     * Neither the environment nor a file chooses: what `algorithm` does not mention is direct, here as on any other
     * host.
     */
    bool deterministic;
    oriel_bind bind; /* see there */
} oriel_comm_options;

/*
 * Starts `ranks` ranks, each of which runs function(comm, context), and waits until all have ended.
 *
 * Ranks are forked processes: what they share are windows and whatever was mapped shared before. A rank that returns
 * flushes its stdio streams, and runs no exit handlers. A process that a rank forks is no rank: it makes no calls, and ends
 * if it returns from the function. When a rank has failed, processes that have not ended by
 * `timeout_s` after are killed. Ranks end with the thread that launched them. Nothing is left behind.
 *
 * options  borrowed; NULL: all zero
 *
 * ORIEL_OK         every function returned ORIEL_OK
 * ORIEL_INVALID    no rank, no function, no algorithm of that name or binding, or a table of algorithms (tuning.h) that is none;
 *                  or ORIEL_SINGLE_COPY is neither 0 nor 1 nor empty
 * ORIEL_UNAVAILABLE   a table of algorithms that this build cannot read
 * ORIEL_STATE      processes were asked for, and this program has threads, which a fork does not copy
 * ORIEL_SYSTEM, ORIEL_NO_MEMORY   no process, thread or memory to be had; or not `reserve_bytes` of address space (if it is 0,
 *                  less than 64 GiB will do); or that table cannot be read
 * ORIEL_RANK_DIED  a rank's process ended; the message has the rank, its fate, and who waited for it
 * others           what the first rank that failed returned; its message is `rank 2: ` and its last error's text
 */
ORIEL_API oriel_status oriel_comm_launch(uint32_t ranks, oriel_rank_fn function, void *context,
                                         const oriel_comm_options *options);

/*
 * The same with no context and default options. A macro with an argument list: it does not touch the type oriel_launch
 * of oriel/launch.h, whose name no argument list follows.
 */
#define oriel_launch(ranks, function) oriel_comm_launch((ranks), (function), NULL, NULL)

/* ---- Ranks that exist already ----------------------------------------------------------------------------------- */

/*
 * Programs that something else has started, on one host, make themselves ranks of one communicator:
 *
 *      int main(void)                                          oriel launch -n 4 ./program
 *      {
 *          oriel_comm *comm;                                   or
 *          if (oriel_comm_create(NULL, NULL, &comm) ||         export ORIEL_RANKS=4 ORIEL_RENDEZVOUS=./here
 *              work(comm) ||                                   for r in 0 1 2 3; do ORIEL_RANK=$r ./program & done; wait
 *              oriel_comm_free(comm))
 *              return fprintf(stderr, "%s\n", oriel_last_error()), 1;
 *          return 0;
 *      }
 *
 *      oriel_comm_create       every rank, in any order; returns when all have come
 *      ...                     as in a rank that was launched
 *      oriel_comm_free         every rank: collective; frees all that was split from it, too
 *
 * Where they come together. At a path, which all ranks give alike (one without a slash at its start is relative to the working
 * folder); it is only a name, of this user and this network namespace: no file
 * of that name is made or looked at, so that nothing is left of a job that crashed, and a file that is there does not matter. It is
 * free for the next job as soon as all ranks have come. Two jobs that gather at one path at the same time end each other, as two
 * ranks of one number do. Or at a descriptor of oriel_rendezvous_open, which they have inherited, and which serves for one job.
 *
 * Rank 0 makes the shared memory: of `options`, its `reserve_bytes` count, and its `bind`, but for ORIEL_BIND_NONE, which each rank
 * says for itself. `algorithm` and `deterministic` are the same at all ranks; what they leave open, rank 0's environment and file choose for all. Ranks that have been bound by whoever started them, to different processors, stay as they are.
 *
 * Death. A rank that ends without oriel_comm_free, killed or not, ends the calls of all others that wait or come to wait, with
 * ORIEL_RANK_DIED and a message that names it: each that waits looks after the others. The memory goes with the last of them.
 *
 * Threads. A thread can be a rank, too; that its process lives on is then taken for its life. A process that forks is still
 * the rank, and its child is none.
 */
typedef struct oriel_rendezvous {
    uint32_t rank, ranks;
    const char *path; /* borrowed for the call; NULL: */
    int descriptor;   /* borrowed for the call */
} oriel_rendezvous;

/*
 * Makes the caller rank where->rank of where->ranks, and waits until all have come.
 *
 * where    borrowed. NULL: from the environment, as `oriel launch` sets it: ORIEL_RANK, ORIEL_RANKS, and ORIEL_RENDEZVOUS (a path) or
 *          ORIEL_DESCRIPTOR (a number); ORIEL_BIND (none or core) where options->bind is ORIEL_BIND_DEFAULT
 * options  borrowed; NULL: all zero. `threads` is not looked at. `timeout_s` is also how long this call waits: 0: 30; negative:
 *          for ever
 * comm     owned by the caller: oriel_comm_free
 *
 * ORIEL_INVALID    a rank that is not below the number of ranks, an option or a variable that is not acceptable: nobody else
 *                  knows. Or for all that have come: a rank that comes twice, ranks that disagree on how many they are or on
 *                  the algorithms they ask for, or are of different versions of Oriel; the message has both views
 * ORIEL_UNAVAILABLE   a table of algorithms that this build cannot read
 * ORIEL_STATE      the environment lacks a variable
 * ORIEL_TIMEOUT    for all that have come: the message names the ranks that have not. A rank that comes to a path when the others have
 *                  given up finds nobody, and waits for rank 0 until its own deadline
 * ORIEL_RANK_DIED  for all that have come: a rank ended meanwhile
 * ORIEL_SYSTEM, ORIEL_NO_MEMORY   no socket, descriptor or memory to be had
 */
ORIEL_API oriel_status oriel_comm_create(const oriel_rendezvous *where, const oriel_comm_options *options,
                                         oriel_comm **comm);

/*
 * For programs that start their ranks themselves: memory in which `ranks` ranks can come together, once. Pass it on to each, by
 * fork and exec (it is not closed by exec) or through a socket, with its number; then close it.
 *
 * reserve_bytes  as of oriel_comm_options
 * descriptor     owned by the caller
 */
ORIEL_API oriel_status oriel_rendezvous_open(uint32_t ranks, uint64_t reserve_bytes, int *descriptor);

/* ---- Communicators ---------------------------------------------------------------------------------------------- */

/* My number, 0 .. size-1. */
ORIEL_API uint32_t oriel_comm_rank(const oriel_comm *comm);
/* How many ranks there are. */
ORIEL_API uint32_t oriel_comm_size(const oriel_comm *comm);

/* For oriel_comm_split: in no part. */
#define ORIEL_NO_COLOR (-1)

/*
 * Collective: a communicator for each color, of the ranks that gave it, in the order of their keys, and of their ranks in `comm`
 * where keys are equal. It has scratch and signals of its own.
 *
 * color  0 or more, or ORIEL_NO_COLOR: *part is NULL then
 * part   owned by the caller: oriel_comm_free; or freed when the rank's function returns
 */
ORIEL_API oriel_status oriel_comm_split(oriel_comm *comm, int32_t color, int32_t key, oriel_comm **part);

/*
 * Collective: frees a communicator that oriel_comm_split or oriel_comm_create made, and its windows. On a broken one it returns at
 * once. It is gone then, whatever is returned.
 * ORIEL_INVALID: the communicator of the launch, which is not the rank's to free. ORIEL_INVALID, ORIEL_STATE: a call of before on it,
 * or on one that was split from it and goes with it, was different, or a rank never came to it. NULL: nothing to do.
 */
ORIEL_API oriel_status oriel_comm_free(oriel_comm *comm);

/*
 * Collective: which algorithms the calls on this communicator take from now on, and those on communicators that will be
 * split from it; as oriel_comm_options.algorithm has it. What is not mentioned is as the launch chose it. NULL: all of
 * it is.
 *
 * ORIEL_INVALID: no operation or algorithm of that name; nothing was sent, and the peers wait. Or: ranks ask for
 * different ones.
 */
ORIEL_API oriel_status oriel_comm_choose(oriel_comm *comm, const char *algorithm);

/* ---- Windows ---------------------------------------------------------------------------------------------------- */

/*
 * Collective: `bytes` bytes of symmetric memory on each rank, zero, aligned to a page. *window is this rank's own, which
 * its peers reach; it may be used with any communicator of the launch. 0 bytes: *window is NULL.
 *
 * ORIEL_NO_MEMORY on every rank, and nothing is broken: less is left of `reserve_bytes` than the windows of all ranks take
 * together, in whole pages, up to the next power of two. Or a rank has no memory of its own: the communicator is broken then.
 */
ORIEL_API oriel_status oriel_window_alloc(oriel_comm *comm, uint64_t bytes, void **window);
/*
 * Collective: `window` came from oriel_window_alloc on this communicator; all ranks free theirs of the same call. NULL:
 * nothing to do, on any rank.
 * ORIEL_INVALID: it did not; nothing was sent, and the peers wait.
 */
ORIEL_API oriel_status oriel_window_free(oriel_comm *comm, void *window);

/* ---- Collectives ------------------------------------------------------------------------------------------------ */

/*
 * In place of a buffer: the other one serves for both.
 *
 *      allreduce, reduce_scatter, alltoall   as `send`, on any rank: the input is taken from `recv`
 *      allgather                             as `send`, on any rank: this rank's block is where it belongs in `recv`
 *      reduce, gather                        as `send` at the root: the same
 *      scatter                               as `recv` at the root: its block stays in `send`
 */
#define ORIEL_IN_PLACE ((void *)-1)

/* Returns when every rank has called it. */
ORIEL_API oriel_status oriel_barrier(oriel_comm *comm);

/* data[0 .. count-1] of every rank <- that of the root. */
ORIEL_API oriel_status oriel_broadcast(void *data, uint64_t count, pto_dtype dtype, uint32_t root, oriel_comm *comm);

/* At the root recv[i] <- the reduction of send[i] over all ranks, i < count. Elsewhere `recv` is not looked at. */
ORIEL_API oriel_status oriel_reduce(const void *send, void *recv, uint64_t count, pto_dtype dtype, pto_reduce op,
                                    uint32_t root, oriel_comm *comm);

/* recv[i] <- the reduction of send[i] over all ranks, i < count. */
ORIEL_API oriel_status oriel_allreduce(const void *send, void *recv, uint64_t count, pto_dtype dtype, pto_reduce op,
                                       oriel_comm *comm);

/* recv[i] of rank r <- the reduction of send[r count + i] over all ranks, i < count. In place: the result is at recv[0]. */
ORIEL_API oriel_status oriel_reduce_scatter(const void *send, void *recv, uint64_t count, pto_dtype dtype,
                                            pto_reduce op, oriel_comm *comm);

/* recv[r count + i] <- send[i] of rank r, i < count. */
ORIEL_API oriel_status oriel_allgather(const void *send, void *recv, uint64_t count, pto_dtype dtype, oriel_comm *comm);

/* recv[r count + i] of rank q <- send[q count + i] of rank r, i < count. */
ORIEL_API oriel_status oriel_alltoall(const void *send, void *recv, uint64_t count, pto_dtype dtype, oriel_comm *comm);

/* At the root recv[r count + i] <- send[i] of rank r, i < count. Elsewhere `recv` is not looked at. */
ORIEL_API oriel_status oriel_gather(const void *send, void *recv, uint64_t count, pto_dtype dtype, uint32_t root,
                                    oriel_comm *comm);

/* recv[i] of rank r <- send[r count + i] of the root, i < count. Elsewhere `send` is not looked at. */
ORIEL_API oriel_status oriel_scatter(const void *send, void *recv, uint64_t count, pto_dtype dtype, uint32_t root,
                                     oriel_comm *comm);

#ifdef __cplusplus
}
#endif
#endif
