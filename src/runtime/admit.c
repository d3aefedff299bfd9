/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/admit.h"

#include <inttypes.h>

#include "base/error.h"

#define MAX_DEVICE_NUMBER 63

static oriel_status check_devices(const oriel_platform *platform, const int *devices, uint32_t count)
{
    if (!devices)
        return oriel_fail(ORIEL_INVALID, "the list of devices is NULL");
    if (count == 0)
        return oriel_fail(ORIEL_INVALID, "a worker needs at least one device");
    if (count > platform->limits.max_devices)
        return oriel_fail(ORIEL_INVALID, "%" PRIu32 " devices: %s has at most %" PRIu32, count, platform->name,
                          platform->limits.max_devices);
    for (uint32_t i = 0; i < count; i++) {
        if (devices[i] < 0 || devices[i] > MAX_DEVICE_NUMBER)
            return oriel_fail(ORIEL_INVALID, "there is no device %d: devices are 0 to %d", devices[i],
                              MAX_DEVICE_NUMBER);
        for (uint32_t k = 0; k < i; k++)
            if (devices[k] == devices[i])
                return oriel_fail(ORIEL_INVALID, "device %d is given twice", devices[i]);
    }
    return ORIEL_OK;
}

oriel_status oriel_worker_check_timeout(double timeout_s)
{
    return timeout_s == timeout_s ? ORIEL_OK : oriel_fail(ORIEL_INVALID, "a timeout of %g s", timeout_s);
}

static oriel_status check_options(const oriel_worker_options *options)
{
    if (options->form != ORIEL_DEVICE_PROCESSES && options->form != ORIEL_DEVICE_THREADS)
        return oriel_fail(ORIEL_INVALID, "there is no device form %d", (int)options->form);
    return oriel_worker_check_timeout(options->timeout_s);
}

oriel_status oriel_worker_admit(int level, const char *name, const int *devices, uint32_t count,
                                const oriel_worker_options *options, const oriel_platform **platform)
{
    if (level != 2 && level != 3)
        return oriel_fail(ORIEL_INVALID, "there is no level %d: a worker is of level 2 or 3", level);
    if (!name)
        return oriel_fail(ORIEL_INVALID, "a worker needs a platform");
    oriel_status status = oriel_platform_find(name, platform);
    if (status == ORIEL_OK)
        status = check_devices(*platform, devices, count);
    if (status == ORIEL_OK && level == 2 && count != 1)
        status = oriel_fail(ORIEL_INVALID, "a level-2 worker has one device, not %" PRIu32, count);
    if (status == ORIEL_OK && options)
        status = check_options(options);
    return status == ORIEL_OK ? (*platform)->probe() : status;
}
