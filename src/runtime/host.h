/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's side of a worker: what worker.c (its life), host_orch.c (submit and wait), scheduler.c (what runs where
 * and what became of it), copies.c, domains.c, report.c and subworkers.c share.
 *
 *      submitter            any thread with the mutex                              device
 *      oriel_submit ──► graph ──► ready ──► copy in ──► queued on its devices ──► mailbox ──► runs
 *                                   │                                                          │
 *                                   └──► sub-workers                      completion ◄─────────┘
 *                                             │                                │
 *                                             └──────► ended ◄── copy out ◄────┘
 *
 * One mutex guards all of it but the arena's bookkeeping, which has a mutex of its own (never held while the other one
 * is taken), and the way of host functions to the sub-workers and back, which needs none (handover.h). Whoever holds the
 * mutex may move things along (oriel_host_pump): the submitter when it submits and while it waits, so that a call and its
 * answer need no thread in between; a sub-worker whose function has ended; the scheduler thread when nobody else does. The
 * scheduler thread alone starts the devices, looks at their fates and stops them, since processes end with the thread
 * that forked them.
 */
#ifndef ORIEL_RUNTIME_HOST_H
#define ORIEL_RUNTIME_HOST_H

#include <pthread.h>

#include "base/strand.h"
#include "runtime/device.h"
#include "runtime/failures.h"
#include "runtime/handover.h"

typedef struct oriel_sub_worker oriel_sub_worker;

#define ORIEL_NO_RANK UINT32_MAX

/* A task's share of one device; of a host function: the whole. */
typedef struct oriel_member {
    oriel_host_task *task;
    struct oriel_member *next; /* in its device's queue */
    uint32_t device;
    uint32_t rank[ORIEL_MAX_COMMS];
    bool ended;
    bool late;           /* ended after the group was aborted */
    bool stuck;          /* had to be given up while it ran */
    bool unstarted;      /* its device died before it came to it */
    oriel_status status; /* once it has ended */
    char *message;       /* if it failed; may be NULL */
    oriel_args args;
    void *piece[ORIEL_MAX_TENSORS]; /* of the arena, for a tensor that lies elsewhere; NULL: none */
} oriel_member;

struct oriel_host_task {
    oriel_host_task *next; /* in one of the lists of the worker */
    uint64_t id;
    uint64_t turn; /* tasks become ready in this order */
    const oriel_callable *callable;
    bool any;         /* on whichever device is free */
    bool copies;      /* some tensor lies outside the arena */
    bool has_run;     /* what it copies goes out, no more in */
    bool aborted;     /* the members were told to leave */
    uint32_t abort;   /* index of its abort word while it is posted */
    uint32_t running; /* members that have not ended */
    uint32_t count, room;
    oriel_member member[];
};

typedef struct oriel_task_list {
    oriel_host_task *first, **last;
} oriel_task_list;

/* The host's side of a device. */
typedef struct oriel_host_device {
    oriel_device_setup setup;
    oriel_mailbox *mailbox;
    int number;                                /* as the user gave it */
    int pid;                                   /* 0: a thread */
    oriel_strand *strand;                      /* the scheduler thread's */
    oriel_member *posted[ORIEL_MAILBOX_DEPTH]; /* whose command is in which slot; NULL: it was taken back */
    oriel_member *first, **last;               /* queue: may go into the mailbox in this order */
    int64_t busy_since;                        /* of the first look that found the command that it runs; 0: not yet */
    bool given_up;                             /* it was stuck: killed, or as a thread left alone */
    bool dead;
    char fate[80]; /* of a dead one: "was killed by signal 9 (Killed)" */
} oriel_host_device;

typedef enum oriel_worker_state {
    ORIEL_WORKER_CLOSED,
    ORIEL_WORKER_CREATED,
    ORIEL_WORKER_IDLE,
    ORIEL_WORKER_RUNNING
} oriel_worker_state;

struct oriel_worker {
    oriel_orch orch;
    oriel_worker *next_closed;
    pthread_mutex_t mutex;
    pthread_cond_t ended;   /* a task has; for the threads that are not the listening one */
    pthread_cond_t started; /* the scheduler has started the devices, or failed to */

    oriel_worker_state state;
    int level;
    const oriel_platform *platform;
    oriel_worker_options options; /* no zeros: defaults are filled in */
    oriel_callable *callables;
    uint32_t callable_count;

    pthread_mutex_t arena_mutex;
    oriel_arena *arena;
    oriel_control *control;
    oriel_bell *bells;
    oriel_abort_word *abort_words;
    uint32_t *free_aborts; /* stack of the indices of unused ones */
    uint32_t free_abort_count;
    void **tensors; /* from oriel_worker_alloc, for oriel_worker_free */
    uint32_t tensor_count, tensor_room;

    oriel_host_device *device;
    uint32_t device_count;
    uint32_t *identity; /* 0, 1, 2 ..: the devices of who names none */

    oriel_strand *scheduler;
    oriel_sub_worker *sub_worker;
    _Atomic uint32_t looking; /* sub-workers that look for a task, awake or asleep */
    oriel_handover handover;
    oriel_status start_status; /* of the devices; ORIEL_STATUS_COUNT: not known yet */
    char start_message[ORIEL_ERROR_BYTES];
    _Atomic bool quit;
    _Atomic uint32_t calls; /* counts what only the scheduler must hear: a run has begun, the worker is to end */
    bool lost;              /* a device thread or sub-worker that cannot be ended is still there */

    /* The run. */
    bool open; /* the orchestration function may submit */
    bool expired;
    int64_t timeout, deadline;
    double timeout_s;
    oriel_failures failures;
    uint64_t turns;
    uint32_t unstarted; /* tasks that the deadline caught before they started */
    uint64_t submissions;
    oriel_domain *domains;

    oriel_task_list host, any, copying; /* ready: not handed over yet, for any device; to be copied in or out */
    oriel_host_task *unused[2];         /* of one member; of more */
    bool hushed;                        /* the scheduler does not want to be rung */
    bool listening;                     /* a thread of the host waits on the waiter's bell, */
    bool (*done)(void *context);        /* for this */
    void *done_context;
    _Atomic uint32_t others; /* threads that wait on `ended` */
    bool news;               /* a task has ended since the last announcement */
};

/* ---- scheduler.c ------------------------------------------------------------------------------------------------ */

/* The body of the scheduler thread. */
oriel_status oriel_scheduler_main(void *worker);

/*
 * Waits, with the mutex held, until `done`. ORIEL_OK or ORIEL_TIMEOUT. `done` is called with the mutex held, by any thread,
 * also again after it was true: it only looks.
 */
oriel_status oriel_host_wait(oriel_worker *worker, bool (*done)(void *context), void *context, int64_t deadline);

/* ---- placement.c: all with the mutex held ----------------------------------------------------------------------- */

/*
 * Moves everything along that can be: takes completions, ends tasks, copies, posts commands. Gives the mutex up while
 * it copies.
 */
void oriel_host_pump(oriel_worker *worker);

/* The same after a submission: of many in a row, only some look what the devices have done. */
void oriel_host_push(oriel_worker *worker);

/* Ends a task that is nowhere else any more. `message` NULL: not a failure of its own (it was not run). */
void oriel_host_end_task(oriel_worker *worker, oriel_host_task *task, oriel_status status, const char *message);

/* Keeps the memory of a task that is not in use any more for the next one. */
void oriel_host_recycle(oriel_worker *worker, oriel_host_task *task);

/* A device has ended, or was given up: so have its commands and the tasks that want it. device->fate says how. */
void oriel_host_device_died(oriel_worker *worker, oriel_host_device *device);

/* The run's deadline has passed: nothing more starts. What runs leaves its waits by itself. */
void oriel_host_expire(oriel_worker *worker);

/* Whether some device is alive. */
bool oriel_host_any_alive(const oriel_worker *worker);

void oriel_task_list_init(oriel_task_list *list);
void oriel_task_list_append(oriel_task_list *list, oriel_host_task *task);
oriel_host_task *oriel_task_list_take(oriel_task_list *list);

/* ---- host_orch.c ------------------------------------------------------------------------------------------------ */

extern const oriel_orch_ops oriel_host_ops, oriel_host_ops_level2;

/* Ends what the orchestration function left, waits for its tasks, forgets the run. */
void oriel_host_drain(oriel_worker *worker);

/* ---- copies.c --------------------------------------------------------------------------------------------------- */

/* Whether a task has tensors outside the arena. */
bool oriel_copies_needed(const oriel_worker *worker, const oriel_host_task *task);
/* Takes pieces of the arena and fills them; without the mutex. On failure some pieces may be there. */
oriel_status oriel_copies_in(oriel_worker *worker, oriel_host_task *task);
void oriel_copies_out(oriel_host_task *task);
/* Gives the pieces back. */
void oriel_copies_free(oriel_worker *worker, oriel_host_task *task);

/* ---- domains.c -------------------------------------------------------------------------------------------------- */

oriel_status oriel_host_allocate_domain(oriel_orch *orch, const char *name, const uint32_t *devices, uint32_t ranks,
                                        uint64_t window_bytes, const oriel_buffer *buffers, uint32_t buffer_count,
                                        oriel_domain **domain);
oriel_status oriel_host_release_domain(oriel_orch *orch, oriel_domain *domain);
/* Whether a task may be submitted on it now. */
oriel_status oriel_domain_check(const oriel_worker *worker, const oriel_domain *domain, const char *task);
/* The rank of a device in it, or ORIEL_NO_RANK. */
uint32_t oriel_domain_rank(const oriel_domain *domain, uint32_t device);
void oriel_domain_use(oriel_domain *domain);
void oriel_domain_unuse(oriel_worker *worker, oriel_domain *domain);
/* A task on it failed; `cause` is kept if it is the first. */
void oriel_domain_break(oriel_domain *domain, const char *cause);
/* The end of a run: releases all domains. */
void oriel_domains_clear(oriel_worker *worker);

/* ---- report.c --------------------------------------------------------------------------------------------------- */

/* What became of a task whose members have ended: its status and, if it failed, what is to be said about it. */
oriel_status oriel_report(const oriel_worker *worker, const oriel_host_task *task, char message[ORIEL_ERROR_BYTES]);
/* What is to be said about a task that could not run since `device`, which it needs, is dead. */
void oriel_report_not_run(const oriel_worker *worker, const oriel_host_task *task, const oriel_host_device *device,
                          char message[ORIEL_ERROR_BYTES]);

/* ---- subworkers.c ----------------------------------------------------------------------------------------------- */

/* Gives the mutex back. Everybody does it so during a run: sub-workers that found it taken rely on it. */
void oriel_host_unlock(oriel_worker *worker);
/* After tasks were handed over. */
void oriel_sub_workers_wake(oriel_worker *worker);

oriel_status oriel_sub_workers_start(oriel_worker *worker);
/* After worker->quit was set. */
void oriel_sub_workers_join(oriel_worker *worker);

#endif
