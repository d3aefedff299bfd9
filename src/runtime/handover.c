/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/handover.h"

#include "runtime/host.h"

bool oriel_handover_has_room(const oriel_handover *handover)
{
    return atomic_load_explicit(&handover->put, memory_order_relaxed) -
               atomic_load_explicit(&handover->taken, memory_order_acquire) <
           ORIEL_HANDOVER_ROOM;
}

void oriel_handover_put(oriel_handover *handover, oriel_host_task *task)
{
    uint64_t put = atomic_load_explicit(&handover->put, memory_order_relaxed);
    atomic_store_explicit(&handover->ring[put % ORIEL_HANDOVER_ROOM], task, memory_order_relaxed);
    atomic_store_explicit(&handover->put, put + 1, memory_order_release);
}

/* A slot is written again only after it was taken, and then the exchange fails. */
oriel_host_task *oriel_handover_take(oriel_handover *handover)
{
    uint64_t taken = atomic_load_explicit(&handover->taken, memory_order_relaxed);
    while (taken != atomic_load_explicit(&handover->put, memory_order_acquire)) {
        oriel_host_task *task =
            atomic_load_explicit(&handover->ring[taken % ORIEL_HANDOVER_ROOM], memory_order_relaxed);
        if (atomic_compare_exchange_weak_explicit(&handover->taken, &taken, taken + 1, memory_order_acq_rel,
                                                  memory_order_relaxed))
            return task;
    }
    return NULL;
}

/* `taken` first: so it is not the larger one. */
uint64_t oriel_handover_waiting(const oriel_handover *handover)
{
    uint64_t taken = atomic_load_explicit(&handover->taken, memory_order_acquire);
    return atomic_load_explicit(&handover->put, memory_order_relaxed) - taken;
}

void oriel_handover_leave(oriel_handover *handover, oriel_host_task *task)
{
    oriel_host_task *latest = atomic_load_explicit(&handover->left, memory_order_relaxed);
    do
        task->next = latest;
    while (!atomic_compare_exchange_weak_explicit(&handover->left, &latest, task, memory_order_release,
                                                  memory_order_relaxed));
}

bool oriel_handover_has_left(const oriel_handover *handover)
{
    return atomic_load_explicit(&handover->left, memory_order_relaxed) != NULL;
}

oriel_host_task *oriel_handover_collect(oriel_handover *handover)
{
    if (!oriel_handover_has_left(handover))
        return NULL;
    oriel_host_task *first = NULL, *next;
    oriel_host_task *task = atomic_exchange_explicit(&handover->left, NULL, memory_order_acquire);
    for (; task; task = next) {
        next = task->next;
        task->next = first;
        first = task;
    }
    return first;
}
