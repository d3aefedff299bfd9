/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a process ended that is no child of this one: until its parent has asked, the system lists it with its exit code. After
 * that nobody knows, and neither does, before, who may not look at that process.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "comm/crew.h"

/* A process gives its locks back a moment before it is listed as ended. */
#define LISTED_S 0.1

#define EXIT_CODE_FIELD 52 /* of /proc/PID/stat; from 1 */

typedef struct listing {
    int32_t process;
    bool ended; /* and its code is known */
    int code;   /* as of waitpid */
} listing;

/* Whether the system shows its code to this process; else it shows 0. The same right is asked of who reads this link. */
static bool is_shown(int32_t process)
{
    char path[64], target[1];
    snprintf(path, sizeof path, "/proc/%d/exe", process);
    return readlink(path, target, sizeof target) >= 0 || errno == ENOENT; /* a process that has ended runs no program */
}

/* True: it has ended, or is not listed any more. */
static bool look_up(void *context)
{
    listing *of = context;
    char path[64], line[1024] = "";
    const bool shown = is_shown(of->process); /* before: who is gone by then is no longer listed below */
    snprintf(path, sizeof path, "/proc/%d/stat", of->process);
    FILE *file = fopen(path, "re");
    if (!file)
        return true;
    size_t length = fread(line, 1, sizeof line - 1, file);
    line[length] = '\0';
    fclose(file);
    /* The second field is a name in brackets, with anything in it. */
    char *rest = strrchr(line, ')');
    if (!rest || rest[1] != ' ' || !rest[2])
        return true;
    of->ended = rest[2] == 'Z';
    if (!of->ended)
        return false;
    rest++;
    for (int field = 3; field < EXIT_CODE_FIELD && rest; field++)
        rest = strchr(rest + 1, ' ');
    of->code = rest ? atoi(rest) : 0;
    of->ended = rest && (of->code != 0 || shown);
    return true;
}

const char *oriel_fate_text(int32_t process, char text[ORIEL_FATE_TEXT])
{
    listing of = {.process = process};
    oriel_wait wait = {.ready = look_up, .context = &of, .deadline = oriel_deadline(LISTED_S)};
    oriel_wait_for(NULL, &wait);
    if (!of.ended)
        snprintf(text, ORIEL_FATE_TEXT, "ended without oriel_comm_free");
    else if (WIFSIGNALED(of.code))
        snprintf(text, ORIEL_FATE_TEXT, "was killed by signal %d (%s)", WTERMSIG(of.code),
                 strsignal(WTERMSIG(of.code)));
    else
        snprintf(text, ORIEL_FATE_TEXT, "ended with exit code %d, without oriel_comm_free", WEXITSTATUS(of.code));
    return text;
}
