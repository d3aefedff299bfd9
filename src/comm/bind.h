/* SPDX-License-Identifier: Apache-2.0 */
/* Which processor each rank is bound to. A rank that cannot be bound runs where the system puts it: it is only speed. */
#ifndef ORIEL_COMM_BIND_H
#define ORIEL_COMM_BIND_H

#include "base/host.h"
#include "oriel/comm.h"

/*
 * For each of `ranks` ranks its processors, out of `allowed`; the caller's to free. NULL: they are not bound, since `bind` says so, or
 * there is no processor for each, or the system does not tell (`allowed` NULL).
 */
cpu_set_t *oriel_bind_plan(oriel_bind bind, const cpu_set_t *allowed, uint32_t ranks);

oriel_status oriel_bind_check(oriel_bind bind);

#endif
