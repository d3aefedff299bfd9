/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `oriel launch` in parts.
 *
 *      launch.c            what was typed
 *      launch_ranks.c      starts the programs, watches them, ends them, says how it went
 *      launch_output.c     their output, line by line with their numbers, and messages beside it
 *      launch_orphans.c    ends what they have started and left behind
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

/* ---- Output ----------------------------------------------------------------------------------------------------- */

/*
 * Where lines of the ranks and messages of this process go, each whole and in their order. It keeps what its reader does not take yet:
 * one line, and all messages. Nothing here waits for a reader; the lines that follow stay with the ranks.
 */
typedef struct cli_outlet cli_outlet;

/* To standard output, and to standard error: one and the same, if both are one pipe, terminal or socket. False: no memory. */
bool cli_outlets_open(cli_outlet *outlet[2]);
void cli_outlets_close(cli_outlet *outlet[2]); /* what is still kept is lost */
/* Puts out as much as is taken now. Returns how many bytes. */
size_t cli_outlet_flush(cli_outlet *outlet);
/* The descriptor that must have room for more; -1: nothing is kept. */
int cli_outlet_awaits(const cli_outlet *outlet);
/* `oriel: ` and the message. */
void cli_outlet_say(cli_outlet *outlet, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A rank's output or errors, on the way to an outlet. */
typedef struct cli_stream {
    uint32_t rank;
    int from; /* descriptor; -1: it has ended, or was not opened */
    cli_outlet *to;
    uint64_t left; /* to be read from it at most */
    size_t bytes;  /* read, and not put out: of a line that has not ended, unless the outlet keeps another */
    char *line;
} cli_stream;

/* A pipe whose other end, which the program is to write to, is *end. False: errno says why. */
bool cli_stream_open(cli_stream *stream, uint32_t rank, cli_outlet *to, int *end);
/* Passes on what there is as long as the outlet is empty; reads once, so that it returns. Returns how many bytes it has passed on. */
size_t cli_stream_move(cli_stream *stream);
/* It ends with what there is now. */
void cli_stream_limit(cli_stream *stream);
/* And all of it was passed on. */
bool cli_stream_has_ended(const cli_stream *stream);
void cli_stream_close(cli_stream *stream);

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
void cli_orphans_end(const cli_children *others, int signals, int64_t deadline, cli_outlet *outlet);

#endif
