/* SPDX-License-Identifier: Apache-2.0 */
/* The platforms as host programs see them (oriel/info.h). */
#include "oriel/info.h"
#include "platform/platform.h"

const char *oriel_version(void)
{
    return ORIEL_VERSION;
}

bool oriel_platform_info_at(uint32_t index, oriel_platform_info *info)
{
    if (index >= oriel_platform_count())
        return false;
    const oriel_platform *platform = oriel_platform_at(index);
    const oriel_limits *limits = &platform->limits;
    *info = (oriel_platform_info){
        .name = platform->name,
        .summary = platform->summary,
        .vector_cores = limits->vector_cores,
        .matrix_cores = limits->matrix_cores,
        .ub_bytes = limits->ub_bytes,
        .ub_align = limits->ub_align,
        .l1_bytes = limits->l1_bytes,
        .l0a_bytes = limits->l0a_bytes,
        .l0b_bytes = limits->l0b_bytes,
        .l0c_bytes = limits->l0c_bytes,
        .event_ids = limits->event_ids,
        .max_devices = limits->max_devices,
    };
    return true;
}

oriel_status oriel_platform_probe(const char *name)
{
    const oriel_platform *platform;
    oriel_status status = oriel_platform_find(name, &platform);
    return status ? status : platform->probe();
}
