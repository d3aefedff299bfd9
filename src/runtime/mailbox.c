/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/mailbox.h"

static uint32_t own(const _Atomic uint32_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static uint32_t theirs(const _Atomic uint32_t *counter)
{
    return atomic_load_explicit(counter, memory_order_acquire);
}

static void advance(_Atomic uint32_t *counter)
{
    atomic_store_explicit(counter, own(counter) + 1, memory_order_release);
}

static oriel_slot *slot(oriel_mailbox *mailbox, uint32_t counter)
{
    return &mailbox->slot[counter % ORIEL_MAILBOX_DEPTH];
}

oriel_slot *oriel_mailbox_free_slot(oriel_mailbox *mailbox)
{
    if (oriel_mailbox_outstanding(mailbox) == ORIEL_MAILBOX_DEPTH)
        return NULL;
    return slot(mailbox, own(&mailbox->posted));
}

static bool claim(oriel_slot *slot, oriel_claim by)
{
    uint32_t unclaimed = ORIEL_UNCLAIMED;
    return atomic_compare_exchange_strong(&slot->claim, &unclaimed, by);
}

void oriel_mailbox_post(oriel_mailbox *mailbox)
{
    atomic_store_explicit(&slot(mailbox, own(&mailbox->posted))->claim, ORIEL_UNCLAIMED, memory_order_relaxed);
    advance(&mailbox->posted);
}

oriel_slot *oriel_mailbox_completed(oriel_mailbox *mailbox)
{
    return theirs(&mailbox->completed) != mailbox->taken ? slot(mailbox, mailbox->taken) : NULL;
}

void oriel_mailbox_take(oriel_mailbox *mailbox)
{
    mailbox->taken++;
}

uint32_t oriel_mailbox_outstanding(const oriel_mailbox *mailbox)
{
    return own(&mailbox->posted) - mailbox->taken;
}

oriel_slot *oriel_mailbox_at(oriel_mailbox *mailbox, uint32_t index)
{
    return slot(mailbox, mailbox->taken + index);
}

bool oriel_mailbox_take_back(oriel_slot *slot)
{
    return claim(slot, ORIEL_TAKEN_BACK);
}

oriel_slot *oriel_mailbox_command(oriel_mailbox *mailbox)
{
    uint32_t next = own(&mailbox->completed);
    return theirs(&mailbox->posted) != next ? slot(mailbox, next) : NULL;
}

bool oriel_mailbox_begin(oriel_slot *slot)
{
    return claim(slot, ORIEL_BEGUN);
}

void oriel_mailbox_complete(oriel_mailbox *mailbox)
{
    advance(&mailbox->completed);
}
