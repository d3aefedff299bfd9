/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One trial: a program is checked, run by the direct engine, and run on the checker's machine with random schedules. What must hold:
 *
 *   - Nothing crashes, hangs, leaks or reaches memory that is not its own (the sanitizers see to that, and a watchdog).
 *   - If the checker has seen all ways in which waits can be satisfied and finds nothing, then
 *       the direct engine runs the program to its end, and leaves what one of the checker's schedules left: the outputs after each
 *       call, and all memory at the end, bit for bit;
 *       so does every random schedule, in which nothing is found either.
 *   - A witness whose harm was shown is run again to the same harm.
 *
 * Nothing is asked of the direct engine where the checker finds something, but that it ends.
 */
#ifndef ORIEL_TESTS_FUZZ_TRIAL_H
#define ORIEL_TESTS_FUZZ_TRIAL_H

#include "program.h"

typedef struct fuzz_result {
    bool clean;      /* all schedules were seen, and nothing was found */
    bool exhaustive; /* all were seen */
    bool late;       /* the checker's deadline passed */
    uint32_t kinds;  /* set of what was found */
    uint64_t schedules;
    uint32_t outcomes; /* that differ */
    oriel_status direct;
    char fault[1024]; /* what must hold and does not; "" */
} fuzz_result;

void fuzz_try(const fuzz_program *program, fuzz_result *result);

#endif
