/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/launch.h"

bool cli_children_read(cli_children *children)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    cli_children all = {0};
    size_t room = 0;
    bool fits = true;
    for (int pid; fits && fscanf(file, "%d", &pid) == 1;) {
        if (all.count == room) {
            room = 2 * room + 64;
            pid_t *more = realloc(all.pid, room * sizeof *more);
            fits = more;
            all.pid = more ? more : all.pid;
        }
        if (fits)
            all.pid[all.count++] = pid;
    }
    fclose(file);
    if (fits)
        *children = all;
    else
        free(all.pid);
    return fits;
}

static bool has(const cli_children *children, pid_t pid)
{
    for (size_t i = 0; i < children->count; i++)
        if (children->pid[i] == pid)
            return true;
    return false;
}

/* How those of one look fared. */
typedef struct look {
    size_t buried, dying;
    pid_t left; /* one of the others; 0: none */
    const char *why;
} look;

/* False: there is no list of them. */
static bool look_at_all(const cli_children *others, look *seen)
{
    cli_children now;
    *seen = (look){0};
    if (!cli_children_read(&now))
        return false;
    for (size_t i = 0; i < now.count; i++) {
        if (has(others, now.pid[i]))
            continue;
        if (waitpid(now.pid[i], NULL, WNOHANG) == now.pid[i])
            seen->buried++; /* what was its own is this process's now: the next look sees it */
        else {
            bool killed = kill(now.pid[i], SIGKILL) == 0;
            seen->dying += killed;
            seen->left = now.pid[i];
            seen->why = killed ? "it was killed, and is still there" : strerror(errno);
        }
    }
    free(now.pid);
    return true;
}

void cli_orphans_end(const cli_children *others, int signals, int64_t deadline, cli_outlet *outlet)
{
    look seen;
    while (look_at_all(others, &seen) && seen.buried + seen.dying > 0 && !oriel_passed(deadline))
        if (seen.buried == 0) {
            struct signalfd_siginfo death;
            cli_poll_until(&(struct pollfd){.fd = signals, .events = POLLIN}, 1, deadline);
            while (read(signals, &death, sizeof death) == sizeof death)
                continue;
        }
    if (seen.left)
        cli_outlet_say(outlet, "process %d cannot be ended: %s", (int)seen.left, seen.why);
}
