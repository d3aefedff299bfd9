/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `oriel launch` in parts.
 *
 *      launch.c            what was typed
 *      launch_ranks.c      starts the programs, watches them, ends them, says how it went
 *      launch_orphans.c    ends what they have started and left behind
 *      launch_output.c     their output, line by line with their numbers
 */
#ifndef ORIEL_CLI_LAUNCH_H
#define ORIEL_CLI_LAUNCH_H

#include <poll.h>
#include <sys/types.h>

#include "cli/cli.h"

typedef struct cli_launch_job {
    uint32_t ranks;
    double timeout_s; /* of the whole; 0: none */
    double grace_s;   /* for the others to end by themselves after a failure */
    oriel_bind bind;
    bool tag;
    const char *algorithm; /* for their environment; NULL: as it is */
    bool deterministic;    /* the same */
    char **program;        /* [..], NULL: its name and arguments */
} cli_launch_job;

/* Runs it. Returns the exit code. */
int cli_launch_run(const cli_launch_job *job);

/* Waits for one of them until then, or for less. */
void cli_poll_until(struct pollfd *awaited, nfds_t count, int64_t deadline);

/* ---- Orphans ---------------------------------------------------------------------------------------------------- */

typedef struct cli_children {
    pid_t *pid; /* the caller's to free */
    size_t count;
} cli_children;

/* The children of this process. False: this system does not tell, or there is no memory. */
bool cli_children_read(cli_children *children);
/*
 * Kills all children but those `others`, and what becomes this process's by their end (it is a subreaper), and waits for them until
 * `deadline`; not for what cannot be killed: a message says so. `signals` tells of SIGCHLD.
 */
void cli_orphans_end(const cli_children *others, int signals, int64_t deadline);

/* ---- Output ----------------------------------------------------------------------------------------------------- */

/* A rank's output or errors, on the way to `to`. */
typedef struct cli_stream {
    uint32_t rank;
    int from, to; /* descriptors; from -1: it has ended, or was not opened */
    size_t bytes; /* of a line that has not ended */
    char *line;
} cli_stream;

/* A pipe whose other end, which the program is to write to, is *end. False: errno says why. */
bool cli_stream_open(cli_stream *stream, uint32_t rank, int to, int *end);
/* Passes on what there is, without waiting. */
void cli_stream_move(cli_stream *stream);
void cli_stream_close(cli_stream *stream);

#endif
