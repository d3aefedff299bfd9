/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processors of this machine, and which of them ranks are bound to: from hwloc where it was found, else from the C library.
 * oriel/info.h has what programs are told of it.
 */
#ifndef ORIEL_BASE_HOST_H
#define ORIEL_BASE_HOST_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "oriel/info.h"

/* Those that the calling thread may run on. False: the system does not tell, or has more than a cpu_set_t can name. */
bool oriel_host_allowed(cpu_set_t *allowed);

/*
 * How many strands can run at the same time on the processors of `allowed` (NULL: those of the calling thread). A quota of the
 * cgroup may be less than there are.
 */
uint32_t oriel_host_processors(const cpu_set_t *allowed);

/*
 * A processor, or a core with all its hardware threads, out of `allowed` for each of `ranks` ranks. Ranks are spread evenly over
 * packages and shared caches, so that all of those are used; neighbours share what must be shared. With more ranks than
 * processors, the ranks go round.
 *
 * False: it cannot be said; `place` is undefined.
 */
bool oriel_host_place(const cpu_set_t *allowed, uint32_t ranks, cpu_set_t *place);

/* Whether ranks that did not say are bound: if there are several, and a processor for each. */
bool oriel_host_should_bind(const cpu_set_t *allowed, uint32_t ranks);

#endif
