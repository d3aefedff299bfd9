/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device's mailbox in the arena: commands go to the device, their completions come back, in the same order.
 *
 *      host  ── posts ──►  ┌──────┬──────┬──────┬──────┐
 *                          │ slot │ slot │ slot │ ...  │   a ring; one writer on each side, and no lock:
 *      host  ◄── takes ──  └──────┴──────┴──────┴──────┘   a device may die anywhere in here
 *                               ▲ completes
 *                             device
 *
 *      taken <= completed <= posted <= taken + ORIEL_MAILBOX_DEPTH       (counters, modulo 2^32)
 *
 * A device does its commands one after the other. A slot belongs to the host until it is posted, then to the device
 * until it is completed, then to the host again. What is in a slot is good in every process: offsets in the arena,
 * never pointers.
 *
 * Before the device begins a command it claims it, and until then the host can take it back: one of them gets it. The
 * device passes over a command that was taken back; its slot is completed in its turn all the same.
 *
 * A command may depend on the one just before it, and be posted while that one is not completed: the device does them in
 * order. It passes over one that follows a failure, and says so (ORIEL_POISONED).
 */
#ifndef ORIEL_RUNTIME_MAILBOX_H
#define ORIEL_RUNTIME_MAILBOX_H

#include "base/error.h"
#include "base/wait.h"
#include "oriel/worker.h"
#include "window/view.h"

#define ORIEL_MAILBOX_DEPTH 32

typedef struct oriel_command_comm {
    uint64_t domain; /* arena offset of the oriel_domain_shared */
    uint32_t rank;   /* of this device */
} oriel_command_comm;

/* Tells the members of a posted task to leave their waits, when it is not 0. On a cache line of its own. */
typedef struct oriel_abort_word {
    _Alignas(64) _Atomic uint32_t set;
} oriel_abort_word;

/* One task on one device. */
typedef struct oriel_command {
    oriel_callable_id callable;
    uint32_t blocks;
    int64_t timeout;  /* nanoseconds from its start for its waits; ORIEL_NEVER: none */
    int64_t deadline; /* of the run that it belongs to */
    uint64_t abort;   /* arena offset of the oriel_abort_word that it shares with the other members of its group */
    bool follows;     /* only if the command before it in the mailbox ended well */
    uint32_t tensors, scalars, comms;
    oriel_view_tensor tensor[ORIEL_MAX_TENSORS];
    uint64_t scalar[ORIEL_MAX_SCALARS];
    oriel_command_comm comm[ORIEL_MAX_COMMS];
} oriel_command;

typedef struct oriel_completion {
    oriel_status status;
    char message[ORIEL_ERROR_BYTES]; /* if the status is not ORIEL_OK */
} oriel_completion;

typedef enum oriel_claim { ORIEL_UNCLAIMED, ORIEL_BEGUN, ORIEL_TAKEN_BACK } oriel_claim;

typedef struct oriel_slot {
    _Atomic uint32_t claim; /* an oriel_claim, once it is posted */
    oriel_command command;
    oriel_completion completion;
} oriel_slot;

typedef struct oriel_mailbox {
    _Alignas(64) _Atomic uint32_t posted;
    _Alignas(64) _Atomic uint32_t completed;
    _Alignas(64) uint32_t taken; /* the host's own */
    /* The device is to leave its waits and to end, whatever is still in here: the worker ends, or gave the device up. */
    _Alignas(64) _Atomic uint32_t stop;
    oriel_slot slot[ORIEL_MAILBOX_DEPTH];
} oriel_mailbox;

/* Each asks for the next slot of its kind, or NULL; the host's are called with the worker's mutex held. */

/* Host: a free slot to fill and to post. */
oriel_slot *oriel_mailbox_free_slot(oriel_mailbox *mailbox);
void oriel_mailbox_post(oriel_mailbox *mailbox);
/* Host: the oldest completed one; free again after oriel_mailbox_take. */
oriel_slot *oriel_mailbox_completed(oriel_mailbox *mailbox);
void oriel_mailbox_take(oriel_mailbox *mailbox);
/* Host: commands posted whose completion was not taken, 0 .. ORIEL_MAILBOX_DEPTH. */
uint32_t oriel_mailbox_outstanding(const oriel_mailbox *mailbox);
/* Host: the outstanding one of this index; 0 is the oldest. */
oriel_slot *oriel_mailbox_at(oriel_mailbox *mailbox, uint32_t index);
/* Host: takes back the command of an outstanding slot; false: it was begun, or was taken back before. */
bool oriel_mailbox_take_back(oriel_slot *slot);

/* Device: the oldest command that is not completed. */
oriel_slot *oriel_mailbox_command(oriel_mailbox *mailbox);
/* Device: false if the host has taken it back; it is to be completed without being done. */
bool oriel_mailbox_begin(oriel_slot *slot);
void oriel_mailbox_complete(oriel_mailbox *mailbox);

#endif
