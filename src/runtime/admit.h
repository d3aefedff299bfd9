/* SPDX-License-Identifier: Apache-2.0 */
/* Whether there can be a worker of this description; also for those who simulate its devices without one. */
#ifndef ORIEL_RUNTIME_ADMIT_H
#define ORIEL_RUNTIME_ADMIT_H

#include "oriel/worker.h"
#include "platform/platform.h"

/* Sets `platform`. `options` may be NULL. ORIEL_INVALID; ORIEL_UNAVAILABLE: the platform is not to be had here. */
oriel_status oriel_worker_admit(int level, const char *name, const int *devices, uint32_t count,
                                const oriel_worker_options *options, const oriel_platform **platform);

/* ORIEL_INVALID: it is not a number. */
oriel_status oriel_worker_check_timeout(double timeout_s);

#endif
