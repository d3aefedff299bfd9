/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The platforms: a name, its limits, and whether it is to be had here. One short file each; the list is in platform.c.
 */
#ifndef ORIEL_PLATFORM_PLATFORM_H
#define ORIEL_PLATFORM_PLATFORM_H

#include "isa/limits.h"
#include "oriel/status.h"

typedef struct oriel_platform {
    const char *name;
    const char *summary; /* one line */
    oriel_limits limits;
    /* ORIEL_OK, or ORIEL_UNAVAILABLE with a message that lists what was looked for. */
    oriel_status (*probe)(void);
} oriel_platform;

/* The probe of a platform that is always to be had. */
oriel_status oriel_platform_needs_nothing(void);

extern const oriel_platform oriel_platform_a2a3sim, oriel_platform_a5sim, oriel_platform_a2a3;

uint32_t oriel_platform_count(void);
const oriel_platform *oriel_platform_at(uint32_t index);
/* ORIEL_INVALID, naming those that there are. */
oriel_status oriel_platform_find(const char *name, const oriel_platform **platform);

#endif
