/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an orchestration function talks to, the same at both levels: arguments and domains are understood here, one task
 * graph decides what may run, and a small table says how the level submits and waits.
 *
 *      oriel_submit, oriel_task_wait, ...        orch.c
 *               │ ops
 *      ┌────────┴─────────┐
 *   host_orch.c: level 3    device_orch.c: level 2
 *   devices, groups,        kernels on the cores of this device
 *   host functions
 */
#ifndef ORIEL_RUNTIME_ORCH_H
#define ORIEL_RUNTIME_ORCH_H

#include "oriel/worker.h"
#include "runtime/graph.h"
#include "window/domain.h"

/* What a submission says, as the levels get it. */
typedef struct oriel_submission {
    oriel_callable_id callable;
    oriel_args *args;        /* `count` of them; the data of their outputs is set */
    const uint32_t *devices; /* `count` of them; of a group NULL: 0, 1, .. */
    uint32_t count;
    bool group;
} oriel_submission;

typedef struct oriel_orch_ops {
    oriel_status (*submit)(oriel_orch *orch, const oriel_submission *submission, oriel_task *task);
    oriel_status (*wait)(oriel_orch *orch, oriel_task task, double timeout_s);
    oriel_status (*scope)(oriel_orch *orch, bool begin);
    /* NULL where there are none. Both have their arguments as the public functions got them. */
    oriel_status (*allocate_domain)(oriel_orch *orch, const char *name, const uint32_t *devices, uint32_t ranks,
                                    uint64_t window_bytes, const oriel_buffer *buffers, uint32_t buffer_count,
                                    oriel_domain **domain);
    oriel_status (*release_domain)(oriel_orch *orch, oriel_domain *domain);
} oriel_orch_ops;

/* The first part of each level's orchestrator. */
struct oriel_orch {
    const oriel_orch_ops *ops;
    oriel_graph *graph;
    char *temporaries; /* where offset 0 of the graph's ring of temporaries lies */
    uint32_t devices;
    /* Room for the description of one submission, kept from one to the next. */
    oriel_range *ranges;
    uint64_t *after;
    uint32_t room; /* argument sets that fit */
};

oriel_status oriel_orch_init(oriel_orch *orch, const oriel_orch_ops *ops, uint32_t task_slots, char *temporaries,
                             uint64_t temporary_bytes, uint32_t devices);
void oriel_orch_finish(oriel_orch *orch);

/* The description of a submission for the graph; its arrays are the orchestrator's and good until the next call. */
oriel_status oriel_orch_describe(oriel_orch *orch, const oriel_submission *submission, oriel_graph_node *node);
/* After it was added: gives the ORIEL_OUTPUT tensors their memory, from `temporary` on. */
void oriel_orch_place_outputs(oriel_orch *orch, const oriel_submission *submission, uint64_t temporary);
/* What a failure of oriel_graph_add other than "full" means, with its message. */
oriel_status oriel_orch_refused(oriel_graph_added added, const char *name, const oriel_graph_node *node);

/* Begins or ends a scope of the graph. */
oriel_status oriel_orch_scope(oriel_orch *orch, bool begin);

/* Whether the counts are within the limits of oriel_args. `name` is the callable's. */
oriel_status oriel_orch_check_counts(const oriel_args *args, const char *name);
/* Whether so many blocks fit on a device. */
oriel_status oriel_orch_check_blocks(const oriel_args *args, const char *name, uint32_t cores);

/*
 * A status other than ORIEL_OK that a user's function returned, as a failure of its own: the same, or ORIEL_INVALID with
 * a message if it is no status, or one that can only follow from the failure of another.
 */
oriel_status oriel_own_failure(oriel_status status);

/* The deadline `timeout_s` from now, as the option of a worker gives it: in nanoseconds, or ORIEL_NEVER. */
int64_t oriel_timeout_ns(double timeout_s);
/* `deadline`, but no later than `timeout` nanoseconds from now. */
int64_t oriel_sooner(int64_t deadline, int64_t timeout);

uint64_t oriel_tensor_bytes(const oriel_tensor *tensor);
/* Copies the arguments that are there; the rest of `to` is left as it is. */
void oriel_args_copy(oriel_args *to, const oriel_args *from);

/* A domain, as a host program or a device function holds it. */
struct oriel_domain {
    oriel_domain_shared *shared; /* NULL: its memory is gone */
    const void *arena_base;
    /* The rest is the host's; see domains.c. */
    oriel_domain *next;
    uint32_t users; /* tasks submitted on it that have not ended */
    bool released;
    char *cause; /* what broke it; NULL: not known yet */
};

#endif
