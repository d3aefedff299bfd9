/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `oriel tune`: what its parts share.
 *
 *      tune.c            what was typed, what is chosen, the answer
 *      tune_measure.c    runs the candidates on the ranks, and takes their times
 *      tune_json.c       the file (docs/tuning.md)
 */
#ifndef ORIEL_CLI_TUNE_H
#define ORIEL_CLI_TUNE_H

#include "cli/bench.h"

#define CLI_TUNE_SIZES      48
#define CLI_TUNE_CANDIDATES 16

/* From which memory: a choice is for both. */
typedef enum cli_tune_memory { CLI_TUNE_ORDINARY, CLI_TUNE_SYMMETRIC, CLI_TUNE_MEMORIES } cli_tune_memory;

/* An operation on some ranks with some bytes. The first candidate is direct. */
typedef struct cli_tune_cell {
    bench_call call; /* of f32 */
    uint32_t candidates;
    oriel_algorithm_info candidate[CLI_TUNE_CANDIDATES];
    uint64_t bytes;                                    /* of the larger side */
    double us[CLI_TUNE_CANDIDATES][CLI_TUNE_MEMORIES]; /* medians, of the slowest rank: measured */
    uint32_t chosen;
    bool first, last; /* of its operation and ranks */
} cli_tune_cell;

typedef struct cli_tuning {
    cli_tune_cell *cell; /* in ascending order of bytes for each operation and number of ranks */
    uint32_t cells;
    uint32_t processors, rounds;
    double sample_us; /* how long a sample is to take, at least */
    double margin;    /* by which part of its time one must be better to be chosen */
    double timeout_s;
} cli_tuning;

/*
 * Measures `cells` cells from `first` on, which have the same ranks. The choice of this host, and what the environment
 * asks for, is not heeded. Returns CLI_RIGHT, or an exit code, with a message.
 */
int cli_tune_measure(cli_tuning *tuning, uint32_t first, uint32_t cells);

/* One number for both kinds of memory: the geometric mean. */
double cli_tune_score(const cli_tune_cell *cell, uint32_t candidate);

/* Writes the file. False: it could not be written; errno says why. */
bool cli_tune_write(const cli_tuning *tuning, int file);

#endif
