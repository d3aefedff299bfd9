/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A simulated device: one thread (of a process of its own, or of the worker's), which takes commands from its mailbox
 * and does them one after the other.
 *
 *      command ──► kernel                    its blocks on the cores, no graph                      device.c
 *              └─► device function           in a coroutine, with an orchestrator of its own:      device_orch.c
 *                       oriel_submit ──►     task graph ──► kernels on the cores
 *
 * All of this happens on the device's thread. When every coroutine waits, the thread sleeps on the device's bell.
 */
#ifndef ORIEL_RUNTIME_DEVICE_H
#define ORIEL_RUNTIME_DEVICE_H

#include "engine/engine.h"
#include "fabric/fabric.h"
#include "platform/platform.h"
#include "runtime/cores.h"
#include "runtime/mailbox.h"
#include "runtime/orch.h"

/*
 * What all devices and the host share, at the start of the arena. A device that has completed a command rings the
 * host's bell: the waiter's while some thread of the host waits for a task, else the scheduler's. A listener that
 * changes `listener` looks at `events` afterwards, a device stores them in the other order, so that none goes by
 * unheard.
 */
typedef enum oriel_listener {
    ORIEL_LISTENER_SCHEDULER,
    ORIEL_LISTENER_WAITER,
    ORIEL_LISTENER_NOBODY, /* a submitter looks again and again by himself, at what sub-workers leave, too */
    ORIEL_LISTENERS
} oriel_listener;

typedef struct oriel_control {
    oriel_bell bell[ORIEL_LISTENERS];
    _Alignas(64) _Atomic uint32_t listener;
    _Atomic uint32_t events; /* counts what the host should look at */
} oriel_control;

/* Something happened that the host should look at. */
void oriel_control_ring(oriel_control *control);

/* What a device is told when it starts: constant, and good on either side of a fork. */
typedef struct oriel_device_setup {
    uint32_t index; /* in the worker */
    void *arena_base;
    uint64_t arena_bytes;
    oriel_control *control;
    oriel_mailbox *mailbox;
    oriel_bell *bells; /* of all devices, by index */
    const oriel_callable *callables;
    const oriel_limits *limits;
    const oriel_engine *engine;
    uint32_t task_slots; /* of the level-2 graph */
    char *temporaries;   /* its ring; NULL if no callable needs it */
    uint64_t temporary_bytes;
} oriel_device_setup;

/* The body of a device's strand; `setup` is an oriel_device_setup. Returns after mailbox->stop was set. */
oriel_status oriel_device_main(void *setup);

/* ---- Inside the device ------------------------------------------------------------------------------------------ */

/* The orchestrator of the device's functions, one after the other. */
typedef struct oriel_device_orch oriel_device_orch;

typedef struct oriel_device {
    const oriel_device_setup *setup;
    oriel_fabric_shm fabric;
    oriel_loop *loop;
    oriel_cores *cores;
    oriel_device_orch *orch; /* NULL: not needed yet */
} oriel_device;

/* A command being done: its arguments as this device sees them. */
typedef struct oriel_assignment {
    oriel_device *device;
    const oriel_command *command;
    const oriel_callable *callable;
    int64_t deadline;
    const oriel_abort_word *abort;
    oriel_view_comm comm[ORIEL_MAX_COMMS];
} oriel_assignment;

/*
 * The view of a kernel's arguments: `tensor` and `comm` are borrowed for as long as it is in use, the other arguments
 * are those of the assignment. Freed by oriel_view_free.
 */
oriel_status oriel_device_view(const oriel_assignment *assignment, const oriel_view_tensor *tensor, uint32_t tensors,
                               const uint64_t *scalar, uint32_t scalars, const oriel_view_comm *comm, uint32_t comms,
                               oriel_view *view);

oriel_status oriel_device_orch_create(const oriel_device_setup *setup, oriel_device_orch **orch);
void oriel_device_orch_free(oriel_device_orch *orch);
/* Runs the assignment's device function and all that it submits; returns the first failure, with the thread's message.
 */
oriel_status oriel_device_orchestrate(oriel_device_orch *orch, const oriel_assignment *assignment);

#endif
