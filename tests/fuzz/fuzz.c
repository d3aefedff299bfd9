/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fuzzer that `make fuzz` runs. Built with libFuzzer (ORIEL_LIBFUZZER) the library drives it, and changes byte strings by what
 * code they reach; else, and by name, it drives itself with random strings:
 *
 *      fuzz SECONDS SEED           random strings, and what came of them
 *      fuzz --seeds N SEED FOLDER  writes N random strings, for a corpus to begin with
 *      fuzz --show FILE            the program that the string in FILE makes, and what comes of it
 *      fuzz --shrink FILE          makes the string in FILE shorter as long as it still ends badly, for the table in short.c
 *
 * Ends with an abort at the first string for which something does not hold, and shows its program.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "isa/isa.h"
#include "trial.h"

#define MOST_BYTES   ((size_t)1 << 16)
#define HANG_SECONDS 120 /* a trial has several deadlines of its own, together far below this */

static struct {
    uint64_t programs, tame, tame_clean, sound, sound_clean, wild_clean, late, schedules, partial, branching, direct_ok;
    uint64_t kinds[ORIEL_FINDING_COUNT];
    int64_t start;
} totals;

static void count(const fuzz_program *program, const fuzz_result *result)
{
    totals.programs++;
    totals.tame += program->tame;
    totals.tame_clean += program->tame && result->clean;
    totals.sound += program->tame && !program->defects;
    totals.sound_clean += program->tame && !program->defects && result->clean;
    totals.wild_clean += !program->tame && result->clean;
    totals.late += result->late;
    totals.schedules += result->schedules;
    totals.partial += !result->exhaustive;
    totals.branching += result->clean && result->outcomes > 1;
    totals.direct_ok += result->direct == ORIEL_OK;
    for (uint32_t kind = 0; kind < ORIEL_FINDING_COUNT; kind++)
        totals.kinds[kind] += result->kinds >> kind & 1;
}

static void print_totals(void)
{
    double seconds = (double)(oriel_now() - totals.start) * 1e-9;
    fprintf(stderr, "%" PRIu64 " programs in %.0f s, %.0f a second; %" PRIu64 " schedules\n", totals.programs, seconds,
            (double)totals.programs / seconds, totals.schedules);
    fprintf(stderr,
            "clean: %" PRIu64 " of %" PRIu64 " tame (%" PRIu64 " of %" PRIu64 " without defects), %" PRIu64
            " of %" PRIu64 " wild; several outcomes: %" PRIu64 "; not all schedules: %" PRIu64 "; late: %" PRIu64
            "; the direct engine ends well: %" PRIu64 "\n",
            totals.tame_clean, totals.tame, totals.sound_clean, totals.sound, totals.wild_clean,
            totals.programs - totals.tame, totals.branching, totals.partial, totals.late, totals.direct_ok);
    for (uint32_t kind = 0; kind < ORIEL_FINDING_COUNT; kind++)
        fprintf(stderr, "%s%s %" PRIu64, kind ? ", " : "found: ", oriel_finding_name((oriel_finding_kind)kind),
                totals.kinds[kind]);
    for (uint32_t op = 0; op < PTO_OP_COUNT; op++)
        fprintf(stderr, "%s%s %" PRIu64, op ? ", " : "\nexecuted: ", oriel_op_name((pto_op)op), fuzz_ops[op]);
    fprintf(stderr, "\n");
}

/* A program that hangs ends this one. libFuzzer has a watchdog of its own, on the same timer. */
static void watch_for(unsigned seconds)
{
#ifndef ORIEL_LIBFUZZER
    alarm(seconds);
#else
    (void)seconds;
#endif
}

static void try_bytes(const uint8_t *bytes, size_t size, bool show)
{
    static fuzz_program program;
    fuzz_result result;
    if (!totals.start)
        totals.start = oriel_now();
    fuzz_make(bytes, size, &program);
    if (show)
        fuzz_print(stderr, &program);
    watch_for(HANG_SECONDS);
    fuzz_try(&program, &result);
    watch_for(0);
    count(&program, &result);
    if (show) {
        fprintf(stderr, "%s, %" PRIu64 " schedules, %u outcomes; direct: %s\n", result.clean ? "clean" : "not clean",
                result.schedules, result.outcomes, oriel_status_name(result.direct));
        for (uint32_t kind = 0; kind < ORIEL_FINDING_COUNT; kind++)
            if (result.kinds >> kind & 1)
                fprintf(stderr, "found: %s\n", oriel_finding_name((oriel_finding_kind)kind));
    }
    if (!result.fault[0])
        return;
    fprintf(stderr, "FAULT: %s\n", result.fault);
    fuzz_print(stderr, &program);
    abort();
}

#ifdef ORIEL_LIBFUZZER

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (!totals.start)
        atexit(print_totals);
    try_bytes(bytes, size, false);
    return 0;
}

#else

static void write_file(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

static void write_seeds(uint64_t n, uint64_t seed, const char *folder)
{
    uint8_t bytes[FUZZ_MOST_BYTES];
    char path[4096];
    for (uint64_t i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/seed-%" PRIu64, folder, i);
        write_file(path, bytes, fuzz_random_string(seed + i, bytes));
    }
}

static size_t read_file(const char *path, uint8_t *bytes, size_t room)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    size_t size = fread(bytes, 1, room, file);
    fclose(file);
    return size;
}

static void show(const char *path)
{
    static uint8_t bytes[MOST_BYTES];
    try_bytes(bytes, read_file(path, bytes, sizeof bytes), true);
}

/* Whether a process that tries the string does not live to its end. */
static bool ends_badly(const uint8_t *bytes, size_t size)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(0);
        try_bytes(bytes, size, false);
        _exit(0);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status != 0;
}

/* Tries the string without `n` bytes at `at`, or with zeros there. */
static bool shrink_at(uint8_t *bytes, size_t *size, size_t at, size_t n, bool remove)
{
    static uint8_t tried[MOST_BYTES];
    size_t left = remove ? *size - n : *size;
    memcpy(tried, bytes, *size);
    if (remove)
        memmove(tried + at, bytes + at + n, *size - at - n);
    else
        memset(tried + at, 0, n);
    if (memcmp(tried, bytes, *size) == 0 || !ends_badly(tried, left))
        return false;
    memcpy(bytes, tried, left);
    *size = left;
    return true;
}

static void shrink(const char *path)
{
    static uint8_t bytes[MOST_BYTES];
    size_t size = read_file(path, bytes, sizeof bytes);
    if (!ends_badly(bytes, size)) {
        fprintf(stderr, "%s does not end badly\n", path);
        exit(1);
    }
    while (size > 1 && ends_badly(bytes, size / 2))
        size /= 2;
    for (size_t n = size / 2; n >= 1; n /= 2)
        for (size_t at = 0; at + n <= size;)
            if (!shrink_at(bytes, &size, at, n, true)) {
                shrink_at(bytes, &size, at, n, false);
                at += n;
            }
    write_file(path, bytes, size);
    for (size_t i = 0; i < size; i++)
        if (bytes[i] || i + 1 == size)
            printf("%zu:%02x ", i, bytes[i]);
    printf("\n");
}

/* The string is kept where the next run puts its own: of one that crashes, it is there to be shown. */
static void run_random_strings(double seconds, uint64_t seed)
{
    static uint8_t bytes[FUZZ_MOST_BYTES];
    int64_t end = oriel_deadline(seconds);
    for (uint64_t i = 0; !oriel_passed(end); i++) {
        size_t size = fuzz_random_string(seed + i, bytes);
        write_file("fuzz-last", bytes, size);
        try_bytes(bytes, size, false);
    }
    print_totals();
}

int main(int count_of_args, char **args)
{
    if (count_of_args == 5 && strcmp(args[1], "--seeds") == 0)
        write_seeds(strtoull(args[2], NULL, 0), strtoull(args[3], NULL, 0), args[4]);
    else if (count_of_args == 3 && strcmp(args[1], "--show") == 0)
        show(args[2]);
    else if (count_of_args == 3 && strcmp(args[1], "--shrink") == 0)
        shrink(args[2]);
    else if (count_of_args == 3)
        run_random_strings(strtod(args[1], NULL), strtoull(args[2], NULL, 0));
    else
        fprintf(stderr,
                "usage: fuzz SECONDS SEED | fuzz --seeds N SEED FOLDER | fuzz --show FILE | fuzz --shrink FILE\n");
    return 0;
}

#endif
