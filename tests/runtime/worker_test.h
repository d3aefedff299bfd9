/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the runtime share: each test runs with devices as processes and as threads (under TSan as threads
 * only, since it cannot follow a fork), and starts a worker with one call.
 */
#ifndef ORIEL_TESTS_WORKER_TEST_H
#define ORIEL_TESTS_WORKER_TEST_H

#include "oriel/kernel.h"
#include "oriel/oriel.h"
#include "test.h"

static oriel_device_form test_processes = ORIEL_DEVICE_PROCESSES, test_threads = ORIEL_DEVICE_THREADS;

/* A test function, in both forms. It finds the form behind its state. */
#define TEST_AS_THREADS(function)                                                                                      \
    {                                                                                                                  \
#function " (threads)", function, NULL, NULL, &test_threads                                                    \
    }
#if UNDER_TSAN
#define TEST_AS_PROCESSES(function)  TEST_AS_THREADS(function)
#define TEST_IN_BOTH_FORMS(function) TEST_AS_THREADS(function)
#else
#define TEST_AS_PROCESSES(function)                                                                                    \
    {                                                                                                                  \
#function " (processes)", function, NULL, NULL, &test_processes                                                \
    }
#define TEST_IN_BOTH_FORMS(function) TEST_AS_PROCESSES(function), TEST_AS_THREADS(function)
#endif

static inline __attribute__((unused)) oriel_device_form test_form(void **state)
{
    (void)test_processes;
    return *(const oriel_device_form *)*state;
}

/* A kernel alone, and any arguments. */
#define TEST_KERNEL(title, list)                                                                                       \
    {                                                                                                                  \
        .name = (title), .kernels = (list), .kernel_count = 1, .tensors = -1, .scalars = -1, .comms = -1               \
    }
#define TEST_HOST(title, function)                                                                                     \
    {                                                                                                                  \
        .name = (title), .host = (function), .tensors = -1, .scalars = -1, .comms = -1                                 \
    }
#define TEST_DEVICE(title, function, list)                                                                             \
    {                                                                                                                  \
        .name = (title), .device = (function), .kernels = (list), .kernel_count = sizeof(list) / sizeof *(list),       \
        .tensors = -1, .scalars = -1, .comms = -1                                                                      \
    }

/* A level-3 worker on devices 0, 1, ..; callable i of the table has the id i. */
static inline __attribute__((unused)) oriel_worker *test_start(uint32_t devices, const oriel_worker_options *options,
                                                               const oriel_callable *callables, int count)
{
    static const int numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    oriel_worker *worker;
    assert_ok(oriel_worker_create(3, "a2a3sim", numbers, devices, options, &worker));
    for (int i = 0; i < count; i++) {
        oriel_callable_id id;
        assert_ok(oriel_worker_register(worker, &callables[i], &id));
        assert_int_equal(id, i);
    }
    assert_ok(oriel_worker_init(worker));
    return worker;
}

/* In an orchestration function: gives up when a call fails. */
#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        oriel_status try_ = (call);                                                                                    \
        if (try_ != ORIEL_OK)                                                                                          \
            return try_;                                                                                               \
    } while (0)

#endif
