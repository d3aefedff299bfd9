/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that is built with a thread sanitizer of its own, and that builds, loads and checks a kernel whose accesses are told by that
 * sanitizer's very calls: `sanitized KERNEL LAUNCH PLATFORM` prints how many findings there were, of how many accesses.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "oriel/front.h"
#include "oriel/oriel.h"

static long shared;

/* Whether the sanitizer is the one that answers in this program: this race is its to see. */
static void *race(void *unused)
{
    shared++;
    return unused;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return EXIT_FAILURE;
    const oriel_front_source source = {
        .kernels = (const char *const *)&argv[1], .kernel_count = 1, .launch = argv[2], .platform = argv[3]};
    const int devices[] = {0, 1};
    const oriel_job job = {
        .platform = argv[3], .devices = devices, .ranks = 2, .dtype = PTO_F32, .form = ORIEL_DEVICE_THREADS};
    char *object = NULL;
    const oriel_launch *launch;
    oriel_check_report report = {0};
    if (oriel_front_build(&source, &object) != ORIEL_OK || oriel_launch_load(object, &launch) != ORIEL_OK ||
        oriel_check(launch, &job, NULL, &report) != ORIEL_OK) {
        fprintf(stderr, "%s\n", oriel_last_error());
        return EXIT_FAILURE;
    }
    printf("%u findings\n", report.findings);
    oriel_check_report_free(&report);
    free(object);
    fflush(stdout);
    pthread_t thread;
    if (pthread_create(&thread, NULL, race, NULL) != 0)
        return EXIT_FAILURE;
    race(NULL);
    pthread_join(thread, NULL);
    return EXIT_SUCCESS;
}
