/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test includes: cmocka with the headers that it wants before it, and a few checks of our own. */
#ifndef ORIEL_TESTS_TEST_H
#define ORIEL_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oriel/status.h"

/* 1 in a build with that sanitizer, else 0. (gcc has a macro for each, clang a feature.) */
#ifdef __has_feature
#define TEST_HAS_FEATURE(feature) __has_feature(feature)
#else
#define TEST_HAS_FEATURE(feature) 0
#endif
#if defined(__SANITIZE_THREAD__) || TEST_HAS_FEATURE(thread_sanitizer)
#define UNDER_TSAN 1 /* its own thread makes every fork one from a program with several: no processes as devices */
#else
#define UNDER_TSAN 0
#endif
#if defined(__SANITIZE_ADDRESS__) || TEST_HAS_FEATURE(address_sanitizer)
#define UNDER_ASAN 1
#else
#define UNDER_ASAN 0
#endif

/* The call succeeds; if not, its message is shown. */
#define assert_ok(call)                                                                                                \
    do {                                                                                                               \
        oriel_status status_ = (call);                                                                                 \
        if (status_ != ORIEL_OK)                                                                                       \
            fail_msg("%s: %s: %s", #call, oriel_status_name(status_), oriel_last_error());                             \
    } while (0)

/* The call fails with `status`, and its message contains `text`. */
#define assert_fails(call, status, text)                                                                               \
    do {                                                                                                               \
        oriel_status status_ = (call);                                                                                 \
        if (status_ != (status))                                                                                       \
            fail_msg("%s: %s (%s), expected %s", #call, oriel_status_name(status_), status_ ? oriel_last_error() : "", \
                     oriel_status_name(status));                                                                       \
        if (!strstr(oriel_last_error(), (text)))                                                                       \
            fail_msg("%s: message is \"%s\", expected it to contain \"%s\"", #call, oriel_last_error(), (text));       \
    } while (0)

/* The seed of a randomised test: ORIEL_TEST_SEED, or a fixed one; printed, so that a failure can be repeated. */
static inline __attribute__((unused)) uint64_t test_seed(void)
{
    const char *text = getenv("ORIEL_TEST_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 0) : 20261122;
    printf("# ORIEL_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

#endif
