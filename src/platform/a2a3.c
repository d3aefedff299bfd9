/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real silicon. This build cannot run kernels on it; the probe says how far this machine would be from it: which of the
 * driver's and the toolkit's libraries it has.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "platform/a2a3.h"
#include "platform/platform.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const char *const libraries[] = {"libascendcl.so", "libruntime.so", "libascend_hal.so", "libhccl.so"};

/* Where installers put them, beside the loader's own search path and $ASCEND_HOME_PATH/lib64. */
static const char *const folders[] = {
    "/usr/local/Ascend/ascend-toolkit/latest/lib64",
    "/usr/local/Ascend/latest/lib64",
    "/usr/local/Ascend/driver/lib64",
    "/usr/local/Ascend/driver/lib64/driver",
};

/* `folder` NULL: the loader's search path. */
static bool loads(const char *folder, const char *library)
{
    char path[4096];
    int length = snprintf(path, sizeof path, "%s%s%s", folder ? folder : "", folder ? "/" : "", library);
    if (length < 0 || (size_t)length >= sizeof path)
        return false;
    void *handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (handle)
        dlclose(handle);
    return handle != NULL;
}

/* `home` is $ASCEND_HOME_PATH/lib64, or "". */
static bool found(const char *home, const char *library)
{
    if (loads(NULL, library) || (home[0] && loads(home, library)))
        return true;
    for (size_t i = 0; i < COUNT(folders); i++) {
        if (loads(folders[i], library))
            return true;
    }
    return false;
}

/* Appends to a text what fits. */
static void append(char *text, size_t bytes, const char *separator, const char *more)
{
    size_t length = strlen(text);
    snprintf(text + length, bytes - length, "%s%s", length ? separator : "", more);
}

static oriel_status probe(void)
{
    const char *variable = getenv("ASCEND_HOME_PATH");
    char home[2048] = "", missing[256] = "", looked[512] = "";
    if (variable && variable[0])
        snprintf(home, sizeof home, "%s/lib64", variable);
    for (size_t i = 0; i < COUNT(libraries); i++) {
        if (!found(home, libraries[i]))
            append(missing, sizeof missing, ", ", libraries[i]);
    }
    if (!missing[0])
        return oriel_fail(ORIEL_UNAVAILABLE,
                          "platform a2a3: the driver and toolkit libraries are here, but this build of "
                          "Oriel has no backend for the silicon; use a2a3sim");
    for (size_t i = 0; i < COUNT(folders); i++)
        append(looked, sizeof looked, ", ", folders[i]);
    return oriel_fail(ORIEL_UNAVAILABLE,
                      "platform a2a3: the driver and toolkit are not here: no %s in the loader's path, %s, %s", missing,
                      home[0] ? home : "$ASCEND_HOME_PATH/lib64 (not set)", looked);
}

const oriel_platform oriel_platform_a2a3 = {
    .name = "a2a3",
    .summary = "the real silicon; needs its driver, its toolkit and a backend",
    .limits = ORIEL_A2A3_LIMITS,
    .probe = probe,
};
