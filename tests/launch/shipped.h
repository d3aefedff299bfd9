/* SPDX-License-Identifier: Apache-2.0 */
/* What shipped_*.c share: where they look at the launches that Oriel ships, a test each, and the job that they begin with. */
#ifndef ORIEL_TESTS_LAUNCH_SHIPPED_H
#define ORIEL_TESTS_LAUNCH_SHIPPED_H

#include "oriel/check.h"
#include "test.h"

#define MAX_RANKS 8

/* The state of the tests. */
typedef struct place {
    const char *platform;
    oriel_profile profile;
} place;

static place places[] = {
    {"a2a3sim", ORIEL_PROFILE_STRICT},
    {"a2a3sim", ORIEL_PROFILE_DOCUMENTED},
    {"a5sim", ORIEL_PROFILE_STRICT},
    {"a5sim", ORIEL_PROFILE_DOCUMENTED},
};

/* A test that `function`, a cmocka test, makes of each place. */
#define SHIPPED_TESTS(function)                                                                                        \
    {                                                                                                                  \
        {"a2a3sim, strict", function, NULL, NULL, &places[0]},                                                         \
            {"a2a3sim, documented", function, NULL, NULL, &places[1]},                                                 \
            {"a5sim, strict", function, NULL, NULL, &places[2]},                                                       \
            {"a5sim, documented", function, NULL, NULL, &places[3]},                                                   \
    }

static oriel_job job_of(const char *platform, uint32_t ranks, uint64_t count)
{
    static const int devices[MAX_RANKS] = {0, 1, 2, 3, 4, 5, 6, 7};
    return (oriel_job){.platform = platform,
                       .devices = devices,
                       .ranks = ranks,
                       .count = count,
                       .dtype = PTO_F32,
                       .repeat = 1,
                       .timeout_s = 60,
                       .form = UNDER_TSAN ? ORIEL_DEVICE_THREADS : ORIEL_DEVICE_PROCESSES};
}

#endif
