/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The domains of a run. A handle stays in the worker's list until the run ends, released or not, so that a handle used
 * too late is an error with a message. The memory behind it goes when it is released and the last task on it has ended.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/host.h"

static const oriel_domain *find(const oriel_worker *worker, const oriel_domain *domain)
{
    const oriel_domain *known = worker->domains;
    while (known && known != domain)
        known = known->next;
    return known;
}

/* A device thread that cannot be ended may still write into the windows: they stay. */
static void free_unused_memory(oriel_worker *worker, oriel_domain *domain)
{
    if (!domain->released || domain->users > 0 || !domain->shared || worker->lost)
        return;
    pthread_mutex_lock(&worker->arena_mutex);
    oriel_domain_destroy(worker->arena, domain->shared);
    pthread_mutex_unlock(&worker->arena_mutex);
    domain->shared = NULL;
}

static oriel_status allocate(oriel_worker *worker, const char *name, const uint32_t *devices, uint32_t ranks,
                             uint64_t window_bytes, const oriel_buffer *buffers, uint32_t buffer_count,
                             oriel_domain *domain)
{
    if (!worker->open)
        return oriel_fail(ORIEL_STATE, "a domain is allocated inside a run");
    pthread_mutex_lock(&worker->arena_mutex);
    oriel_status status =
        oriel_domain_make(worker->arena, name, devices ? devices : worker->identity, ranks, window_bytes, buffers,
                          buffer_count, worker->device_count, worker->platform->limits.max_devices, &domain->shared);
    pthread_mutex_unlock(&worker->arena_mutex);
    if (status != ORIEL_OK)
        return status;
    domain->arena_base = oriel_arena_base(worker->arena);
    domain->next = worker->domains;
    worker->domains = domain;
    return ORIEL_OK;
}

oriel_status oriel_host_allocate_domain(oriel_orch *orch, const char *name, const uint32_t *devices, uint32_t ranks,
                                        uint64_t window_bytes, const oriel_buffer *buffers, uint32_t buffer_count,
                                        oriel_domain **out)
{
    oriel_worker *worker = (oriel_worker *)orch;
    oriel_domain *domain = calloc(1, sizeof *domain);
    if (!domain)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for a domain");
    pthread_mutex_lock(&worker->mutex);
    oriel_status status = allocate(worker, name, devices, ranks, window_bytes, buffers, buffer_count, domain);
    oriel_host_unlock(worker);
    if (status == ORIEL_OK)
        *out = domain;
    else
        free(domain);
    return status;
}

oriel_status oriel_host_release_domain(oriel_orch *orch, oriel_domain *domain)
{
    oriel_worker *worker = (oriel_worker *)orch;
    oriel_status status = ORIEL_OK;
    pthread_mutex_lock(&worker->mutex);
    if (!find(worker, domain)) {
        status = oriel_fail(ORIEL_INVALID, "what is to be released is not a domain of this run");
    } else if (domain->released) {
        status = oriel_fail(ORIEL_STATE, "the domain was released before");
    } else {
        domain->released = true;
        free_unused_memory(worker, domain);
    }
    oriel_host_unlock(worker);
    return status;
}

oriel_status oriel_domain_check(const oriel_worker *worker, const oriel_domain *domain, const char *task)
{
    if (!find(worker, domain))
        return oriel_fail(ORIEL_INVALID, "task \"%s\": a domain argument is not a domain of this run", task);
    if (domain->released)
        return oriel_fail(ORIEL_STATE, "task \"%s\": its domain was released", task);
    if (atomic_load(&domain->shared->broken))
        return oriel_fail(ORIEL_STATE, "task \"%s\": domain \"%s\" is broken: %s", task, domain->shared->name,
                          domain->cause ? domain->cause : "a task on it has failed");
    return ORIEL_OK;
}

uint32_t oriel_domain_rank(const oriel_domain *domain, uint32_t device)
{
    const uint32_t *devices = oriel_domain_devices(domain->arena_base, domain->shared);
    for (uint32_t rank = 0; rank < domain->shared->ranks; rank++)
        if (devices[rank] == device)
            return rank;
    return ORIEL_NO_RANK;
}

void oriel_domain_use(oriel_domain *domain)
{
    domain->users++;
}

void oriel_domain_unuse(oriel_worker *worker, oriel_domain *domain)
{
    domain->users--;
    free_unused_memory(worker, domain);
}

void oriel_domain_break(oriel_domain *domain, const char *cause)
{
    atomic_store(&domain->shared->broken, 1);
    if (cause && !domain->cause)
        domain->cause = strdup(cause);
}

void oriel_domains_clear(oriel_worker *worker)
{
    for (oriel_domain *domain; (domain = worker->domains);) {
        worker->domains = domain->next;
        domain->released = true;
        free_unused_memory(worker, domain);
        free(domain->cause);
        free(domain);
    }
}
