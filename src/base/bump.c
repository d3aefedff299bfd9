/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bump.h"

#include <string.h>

#define ALIGN UINT64_C(16)

void *oriel_bump_take(oriel_bump *bump, uint64_t bytes)
{
    uint64_t room = bump->bytes - bump->used;
    if (bytes > room)
        return NULL;
    void *taken = bump->base + bump->used;
    uint64_t padding = -bytes & (ALIGN - 1);
    bump->used += padding < room - bytes ? bytes + padding : room;
    return taken;
}

char *oriel_bump_string(oriel_bump *bump, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = oriel_bump_take(bump, bytes);
    if (copy)
        memcpy(copy, text, bytes);
    return copy;
}
