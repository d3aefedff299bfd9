/* SPDX-License-Identifier: Apache-2.0 */
#include "front/compiler.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/wait.h"

extern char **environ;

/* ---- Words ------------------------------------------------------------------------------------------------------ */

/* Takes `word` over; NULL: there was no memory for it. */
static void append(oriel_command *command, char *word)
{
    if (word && command->count + 1 >= command->room) {
        const uint32_t room = command->room ? 2 * command->room : 32;
        char **grown = realloc(command->word, room * sizeof *grown);
        if (grown) {
            command->word = grown;
            command->room = room;
        }
    }
    if (!word || command->count + 1 >= command->room) {
        free(word);
        command->incomplete = true;
        return;
    }
    command->word[command->count++] = word;
    command->word[command->count] = NULL;
}

void oriel_command_add(oriel_command *command, const char *format, ...)
{
    char *word;
    va_list values;
    va_start(values, format);
    if (vasprintf(&word, format, values) < 0)
        word = NULL;
    va_end(values);
    append(command, word);
}

void oriel_command_split(oriel_command *command, const char *text)
{
    static const char blanks[] = " \t\n";
    for (text += strspn(text, blanks); *text; text += strspn(text, blanks)) {
        const size_t length = strcspn(text, blanks);
        append(command, strndup(text, length));
        text += length;
    }
}

void oriel_command_free(oriel_command *command)
{
    for (uint32_t i = 0; i < command->count; i++)
        free(command->word[i]);
    free(command->word);
    *command = (oriel_command){0};
}

/* ---- Finding ---------------------------------------------------------------------------------------------------- */

static bool is_program(const char *path)
{
    struct stat file;
    return stat(path, &file) == 0 && S_ISREG(file.st_mode) && access(path, X_OK) == 0;
}

bool oriel_program_find(const char *word, char *path)
{
    const char *folders = getenv("PATH");
    if (strchr(word, '/'))
        return snprintf(path, PATH_MAX, "%s", word) < PATH_MAX && is_program(path);
    for (const char *at = folders ? folders : "/usr/bin:/bin"; *word; at++) {
        const size_t length = strcspn(at, ":");
        /* An empty folder in the list is this one. */
        if (snprintf(path, PATH_MAX, "%.*s/%s", length ? (int)length : 1, length ? at : ".", word) < PATH_MAX &&
            is_program(path))
            return true;
        at += length;
        if (!*at)
            return false;
    }
    return false;
}

oriel_status oriel_compiler_find(const char *variable, const char *const *names, const char *language,
                                 oriel_command *command)
{
    char path[PATH_MAX], tried[256] = "";
    const char *chosen = getenv(variable);
    if (chosen)
        oriel_command_split(command, chosen);
    if (command->count && !oriel_program_find(command->word[0], path))
        return oriel_fail(ORIEL_UNAVAILABLE, "%s is \"%s\", and there is no program %s", variable, chosen,
                          command->word[0]);
    for (int i = 0; !command->count && names[i]; i++) {
        if (oriel_program_find(names[i], path))
            oriel_command_add(command, "%s", names[i]);
        const size_t length = strlen(tried);
        snprintf(tried + length, sizeof tried - length, "%s%s", i ? ", " : "", names[i]);
        if (command->incomplete)
            break;
    }
    if (command->incomplete)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for a command line");
    if (!command->count)
        return oriel_fail(ORIEL_UNAVAILABLE,
                          "there is no compiler for %s: looked for %s in PATH; install g++, or say which in %s",
                          language, tried, variable);
    return ORIEL_OK;
}

/* ---- Running ---------------------------------------------------------------------------------------------------- */

/* The environment with messages in English, which is what is looked for in them. NULL: no memory. */
static char **english(void)
{
    static char locale[] = "LC_ALL=C";
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **changed = calloc(count + 2, sizeof *changed);
    if (!changed)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], "LC_ALL=", 7) != 0)
            changed[kept++] = environ[i];
    changed[kept] = locale;
    return changed;
}

static int spawn(oriel_command *command, const char *path, const char *output, char **environment)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    int why = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!why)
        why = posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (!why)
        why = posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
    if (!why)
        why = posix_spawn(&command->pid, path, &files, &attributes, command->word, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return why;
}

oriel_status oriel_command_start(oriel_command *command, const char *output)
{
    char path[PATH_MAX];
    char **environment = command->incomplete ? NULL : english();
    if (!environment)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for a command line");
    oriel_status status = ORIEL_OK;
    int why = oriel_program_find(command->word[0], path) ? spawn(command, path, output, environment) : ENOENT;
    if (why) {
        command->pid = 0;
        status = oriel_fail(ORIEL_SYSTEM, "cannot start %s: %s", command->word[0], strerror(why));
    }
    free(environment);
    return status;
}

typedef struct running {
    oriel_command *command;
    uint32_t commands;
} running;

static bool all_ended(void *context)
{
    const running *all = context;
    bool ended = true;
    for (uint32_t i = 0; i < all->commands; i++) {
        oriel_command *it = &all->command[i];
        pid_t pid = it->pid ? waitpid(it->pid, &it->status, WNOHANG) : 0;
        if (pid < 0 && errno != EINTR)
            it->status = -1; /* somebody else has taken its status */
        if (pid == it->pid || (pid < 0 && errno != EINTR))
            it->pid = 0;
        ended &= it->pid == 0;
    }
    return ended;
}

oriel_status oriel_commands_wait(oriel_command *command, uint32_t commands, int64_t deadline)
{
    running all = {command, commands};
    const oriel_wait wait = {.ready = all_ended, .context = &all, .deadline = deadline};
    if (oriel_wait_for(NULL, &wait) == ORIEL_OK)
        return ORIEL_OK;
    const char *late = "";
    for (uint32_t i = 0; i < commands; i++) {
        if (!command[i].pid)
            continue;
        late = command[i].word[0];
        kill(-command[i].pid, SIGKILL);
        waitpid(command[i].pid, &command[i].status, 0);
        command[i].pid = 0;
    }
    return oriel_fail(ORIEL_TIMEOUT, "%s did not come to an end before its deadline", late);
}

bool oriel_command_succeeded(const oriel_command *command)
{
    return command->status == 0;
}
