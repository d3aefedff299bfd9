/* SPDX-License-Identifier: Apache-2.0 */
#include "fabric/fabric.h"

#include <inttypes.h>

#include "base/error.h"

static void *shm_reach(oriel_fabric *fabric, oriel_place place, uint64_t bytes)
{
    const oriel_fabric_shm *shm = (const oriel_fabric_shm *)fabric;
    if (place.segment == ORIEL_SEGMENT_LOCAL)
        return (void *)(uintptr_t)place.offset;
    if (place.segment != ORIEL_SEGMENT_ARENA || bytes > shm->bytes || place.offset > shm->bytes - bytes)
        return NULL;
    return shm->base + place.offset;
}

/* Release: whoever sees the new value sees all that this thread stored before it. */
static oriel_status shm_notify(oriel_fabric *fabric, oriel_place place, int32_t value, pto_notify how, oriel_bell *bell)
{
    _Atomic uint32_t *cell = shm_reach(fabric, place, sizeof *cell);
    if (!cell)
        return oriel_fail(ORIEL_INVALID, "no signal cell at offset %" PRIu64 " of segment %" PRIu32, place.offset,
                          place.segment);
    if (how == PTO_NOTIFY_ADD)
        atomic_fetch_add_explicit(cell, (uint32_t)value, memory_order_release);
    else
        atomic_store_explicit(cell, (uint32_t)value, memory_order_release);
    if (bell)
        oriel_bell_ring(bell);
    return ORIEL_OK;
}

void oriel_fabric_shm_init(oriel_fabric_shm *shm, void *base, uint64_t bytes)
{
    static const oriel_fabric_ops ops = {.name = "shm", .reach = shm_reach, .notify = shm_notify};
    *shm = (oriel_fabric_shm){.fabric = {.ops = &ops}, .base = base, .bytes = bytes};
}
