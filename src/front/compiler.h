/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compilers as programs: where they are, and running some beside each other, without a shell.
 *
 * Order of calls: oriel_command_add for each word; oriel_command_start; oriel_commands_wait for all that were started;
 * oriel_command_free.
 */
#ifndef ORIEL_FRONT_COMPILER_H
#define ORIEL_FRONT_COMPILER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "oriel/status.h"

/* Words of a command line; all zero is none. */
typedef struct oriel_command {
    char **word; /* ends with NULL */
    uint32_t count, room;
    bool incomplete; /* there was no memory for a word: it is not started */
    pid_t pid;       /* 0: not started, or its end was seen */
    int status;      /* as of waitpid, once it has ended */
} oriel_command;

/* Adds one word. */
void oriel_command_add(oriel_command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds the words of `text`, which lie between blanks. */
void oriel_command_split(oriel_command *command, const char *text);
void oriel_command_free(oriel_command *command);

/*
 * The file that `word` would run, looked for in $PATH; false: none. `path` has PATH_MAX bytes.
 */
bool oriel_program_find(const char *word, char *path);

/*
 * The words with which a compiler is called: those of the environment variable `variable`, "CXX", or else the first of the
 * `names`, which end with NULL, that there is. ORIEL_UNAVAILABLE: there is none, with a message that says for which `language`.
 */
oriel_status oriel_compiler_find(const char *variable, const char *const *names, const char *language,
                                 oriel_command *command);

/* Starts a command in a process group of its own, with messages in English; what it prints goes to the file `output`. */
oriel_status oriel_command_start(oriel_command *command, const char *output);

/*
 * Waits until all of the commands that were started have ended. ORIEL_TIMEOUT, with a message: the deadline passed. Whatever is
 * returned, none of them runs any more.
 */
oriel_status oriel_commands_wait(oriel_command *command, uint32_t commands, int64_t deadline);

/* Whether it ended as one that succeeded. */
bool oriel_command_succeeded(const oriel_command *command);

#endif
