/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host functions between the threads of the host, without a lock: ready ones go to the sub-workers, ended ones come back.
 *
 *      who has the worker's mutex  ── put ──►  ring  ── take ──►  sub-workers
 *                                  ◄─ collect ─  pile  ◄── leave ──
 */
#ifndef ORIEL_RUNTIME_HANDOVER_H
#define ORIEL_RUNTIME_HANDOVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define ORIEL_HANDOVER_ROOM 128

typedef struct oriel_host_task oriel_host_task;

/* All zero is empty. */
typedef struct oriel_handover {
    _Alignas(64) _Atomic uint64_t taken; /* taken <= put <= taken + ORIEL_HANDOVER_ROOM */
    _Alignas(64) _Atomic uint64_t put;
    _Alignas(
        64) _Atomic(oriel_host_task *) left; /* the latest of those that have ended; the others behind its `next` */
    _Alignas(64) _Atomic(oriel_host_task *) ring[ORIEL_HANDOVER_ROOM];
} oriel_handover;

/* With the mutex: hands a task out, if there is room. From then on it is somebody else's. */
bool oriel_handover_has_room(const oriel_handover *handover);
void oriel_handover_put(oriel_handover *handover, oriel_host_task *task);
/* Any thread: the oldest one, or NULL. */
oriel_host_task *oriel_handover_take(oriel_handover *handover);
/* Those that are put and not taken, at some moment during the call. */
uint64_t oriel_handover_waiting(const oriel_handover *handover);

/* Any thread: the task has ended. */
void oriel_handover_leave(oriel_handover *handover, oriel_host_task *task);
/* Whether there is something to collect. */
bool oriel_handover_has_left(const oriel_handover *handover);
/* With the mutex: all that have ended, linked by `next`, in the order in which they did. */
oriel_host_task *oriel_handover_collect(oriel_handover *handover);

#endif
