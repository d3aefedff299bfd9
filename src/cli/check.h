/* SPDX-License-Identifier: Apache-2.0 */
/* `oriel check`: what its parts share. */
#ifndef ORIEL_CLI_CHECK_H
#define ORIEL_CLI_CHECK_H

#include "cli/job.h"

typedef enum cli_format { CLI_FOR_PEOPLE, CLI_AS_JSON, CLI_AS_SARIF } cli_format;

/* One check, and what came of it. */
typedef struct cli_checked {
    const cli_job *job;
    const oriel_check_options *options;
    const oriel_check_report *report;
    cli_format format;
    bool colour, verbose;
} cli_checked;

/* What was typed of the grid of --prune; a list that is empty is filled in. */
#define CLI_LIST 32
typedef struct cli_grid {
    uint64_t rank[CLI_LIST], count[CLI_LIST];
    uint32_t ranks, counts;
    bool one_profile; /* else both */
    oriel_profile profile;
} cli_grid;

/*
 * check_source.c: the line of a place as it stands in its file, which is looked for as the compiler named it, beside the launch's
 * shared object, and in $ORIEL_SOURCE. False if there is none.
 */
bool cli_source_line(const cli_job *job, const oriel_check_place *place, char *text, size_t size);

/* check.c: "clean", "findings", or "harm": a witness that was replayed did it, though nothing was found on the way. */
const char *cli_check_verdict(const oriel_check_report *report);

/* ---- check_witness.c: the schedule of a finding, with the job to which it belongs, as a file ---- */

/* Writes FOLDER/1 for the first finding and so on; the folder is made if need be. False: a message says why. */
bool cli_witness_write(const cli_checked *checked, const char *folder);

typedef struct cli_witness {
    char *text;     /* the whole file, which is what oriel_check_options.replay takes: owned, as is the rest */
    char *job_text; /* what argv points into */
    char **argv;    /* the words that say the job, as on a command line; argv[0] is no option */
    int argc;
} cli_witness;

/* False: not to be read, or no witness, with a message. */
bool cli_witness_read(const char *path, cli_witness *witness);
/* Whether this is the job of the witness: it may be the same launch in another place. False: it is not, with a message. */
bool cli_witness_fits(const cli_witness *witness, const char *path, const cli_job *job,
                      const oriel_check_options *options);
void cli_witness_close(cli_witness *witness);

/* check_human.c */
void cli_check_print(const cli_checked *checked);

/* check_json.c and check_sarif.c; no_json.c in a build without jansson, where neither is asked for. */
void cli_check_json(const cli_checked *checked);
void cli_check_sarif(const cli_checked *checked);
void cli_prune_json(const cli_job *job, const oriel_prune_report *report);

/* ---- check_folder.c: all kernels in C++ of a folder and those below it that have a launch beside them ---- */

/* One of them, and what came of it. */
typedef struct cli_folder_entry {
    char *kernel; /* its path, with the folder's as typed */
    /* In memory shared with the process that checks it: */
    struct cli_folder_answer {
        bool answered;       /* the process came to its end */
        bool built, checked; /* it could be compiled and loaded; its check came to its end */
        oriel_status status; /* of the last thing that was done */
        bool harmed, exhaustive;
        uint32_t findings, kind[ORIEL_FINDING_COUNT]; /* by kind */
        uint64_t schedules;
        char launch[64], message[1024];
    } answer;
    const char *verdict; /* "clean", "findings", "does not compile", .. */
    double seconds;
} cli_folder_entry;

typedef struct cli_folder {
    cli_folder_entry *entry;
    uint32_t entries, clean, found, failed;
} cli_folder;

/* Checks them, each in a process of its own, and prints a table. Returns the exit code. */
int cli_check_folder(const cli_checked *checked, const char *folder);

/* check_json.c, or no_json.c */
void cli_folder_json(const cli_job *job, const cli_folder *folder);

/* check_prune.c: checks without each statement in turn, in each cell of a grid. Returns the exit code. */
int cli_check_prune(const cli_checked *checked, const cli_grid *given);

#endif
