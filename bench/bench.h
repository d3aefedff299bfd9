/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs of this folder share: their two options, time, medians. */
#ifndef ORIEL_BENCH_BENCH_H
#define ORIEL_BENCH_BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "oriel/oriel.h"

typedef struct bench_options {
    int rounds;       /* --rounds N: how often each thing is timed; they take turns */
    const char *json; /* --json FILE, or NULL */
} bench_options;

static inline bench_options bench_parse(int argc, char **argv)
{
    bench_options options = {.rounds = 21, .json = NULL};
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--rounds") == 0 && atoi(argv[i + 1]) > 0)
            options.rounds = atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--json") == 0)
            options.json = argv[i + 1];
        else {
            fprintf(stderr, "usage: %s [--rounds N] [--json FILE]\n", argv[0]);
            exit(2);
        }
    }
    return options;
}

/* Where the numbers go, or NULL if nobody asked for them. */
static inline FILE *bench_json(const bench_options *options)
{
    FILE *json = options->json ? fopen(options->json, "w") : NULL;
    if (options->json && json == NULL) {
        perror(options->json);
        exit(1);
    }
    return json;
}

/* Room for one time per round; the caller frees it. */
static inline double *bench_times(const bench_options *options)
{
    double *times = calloc((size_t)options->rounds, sizeof *times);
    if (times == NULL)
        exit(1);
    return times;
}

/* A benchmark that cannot do its work has nothing to print. */
static inline void bench_must(oriel_status status, const char *what)
{
    if (status == ORIEL_OK)
        return;
    fprintf(stderr, "%s: %s: %s\n", what, oriel_status_name(status), oriel_last_error());
    exit(1);
}

static inline double bench_us(int64_t since)
{
    return (double)(oriel_now() - since) / 1e3;
}

static inline int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts `values` and returns the middle one. */
static inline double bench_median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, bench_compare);
    return values[count / 2];
}

#endif
