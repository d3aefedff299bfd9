/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/platform.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

static const oriel_platform *const platforms[] = {
    &oriel_platform_a2a3sim,
    &oriel_platform_a5sim,
    &oriel_platform_a2a3,
};

oriel_status oriel_platform_needs_nothing(void)
{
    return ORIEL_OK;
}

uint32_t oriel_platform_count(void)
{
    return sizeof platforms / sizeof platforms[0];
}

const oriel_platform *oriel_platform_at(uint32_t index)
{
    return platforms[index];
}

oriel_status oriel_platform_find(const char *name, const oriel_platform **platform)
{
    char all[256] = "";
    size_t length = 0;
    for (uint32_t i = 0; i < oriel_platform_count(); i++) {
        if (name && strcmp(platforms[i]->name, name) == 0) {
            *platform = platforms[i];
            return ORIEL_OK;
        }
        length += snprintf(all + length, sizeof all - length, "%s%s", i ? ", " : "", platforms[i]->name);
    }
    return oriel_fail(ORIEL_INVALID, "unknown platform \"%s\"; there are: %s", name ? name : "", all);
}
