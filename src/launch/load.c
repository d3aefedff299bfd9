/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>

#include "base/error.h"
#include "launch/job.h"

#define ENTRY "oriel_launch_entry"

oriel_status oriel_launch_load(const char *path, const oriel_launch **launch)
{
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!object)
        return oriel_fail(ORIEL_INVALID, "cannot load %s: %s", path, dlerror());

    /* POSIX lets a data pointer from dlsym be a function; ISO C has no cast for it. */
    union {
        void *symbol;
        const oriel_launch *(*function)(void);
    } entry = {.symbol = dlsym(object, ENTRY)};

    oriel_status status = ORIEL_OK;
    const oriel_launch *loaded = NULL;
    if (!entry.symbol)
        status = oriel_fail(ORIEL_INVALID, "%s has no function `const oriel_launch *" ENTRY "(void)`", path);
    else if (!(loaded = entry.function()))
        status = oriel_fail(ORIEL_INVALID, ENTRY " of %s returned NULL", path);
    else
        status = oriel_launch_check(loaded);
    if (status) {
        dlclose(object);
        return status;
    }
    *launch = loaded;
    return ORIEL_OK;
}
