/* SPDX-License-Identifier: Apache-2.0 */
#include "front/complaint.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_LINES  10
#define MOST_IN_ONE 200 /* bytes: a template's arguments go on for ever */

/* Behind the place: "kernel.cpp:12:5: error: ..." */
static bool is_error(const char *line)
{
    return strstr(line, ": error: ") || strstr(line, ": fatal error: ") || strstr(line, ": undefined reference to ");
}

/* GCC says before an error which use of a template led to it, Clang after it. */
static bool is_use(const char *line)
{
    return strstr(line, "required from here") || strstr(line, " requested here");
}

/* The end of the place with which a line begins: the colon before a blank. 0: there is none. */
static size_t place_length(const char *line)
{
    const char *end = strstr(line, ": ");
    return end ? (size_t)(end - line) : 0;
}

/* The text behind "oriel: " in an error, cut where a quoted string ends. NULL: it is another error. */
static const char *our_text(char *line)
{
    char *text = is_error(line) ? strstr(line, "oriel: ") : NULL;
    if (!text)
        return NULL;
    text += strlen("oriel: ");
    const size_t length = strlen(text);
    if (length && text[length - 1] == '"')
        text[length - 1] = '\0';
    return text;
}

/* The last line, from `error` back or onward to the next error, that says where a template was used. */
static const char *use_of(char **line, size_t lines, size_t error)
{
    for (size_t i = error; i-- > 0 && !is_error(line[i]);)
        if (is_use(line[i]))
            return line[i];
    const char *last = NULL;
    for (size_t i = error + 1; i < lines && !is_error(line[i]); i++)
        if (strstr(line[i], " requested here"))
            last = line[i];
    return last;
}

static bool say_ours(char **line, size_t lines, char *text, size_t bytes)
{
    for (size_t i = 0; i < lines; i++) {
        const char *ours = our_text(line[i]);
        if (!ours)
            continue;
        const char *use = use_of(line, lines, i), *at = use ? use : line[i];
        snprintf(text, bytes, "%.*s: %s", (int)place_length(at), at, ours);
        return true;
    }
    return false;
}

/* Adds a line if all of it has room. */
static void add(char *text, size_t bytes, const char *line)
{
    const size_t length = strlen(text), more = strlen(line);
    const bool cut = more > MOST_IN_ONE;
    if (length + (cut ? MOST_IN_ONE + 3 : more) + 2 <= bytes)
        sprintf(text + length, "\n%.*s%s", MOST_IN_ONE, line, cut ? "..." : "");
}

static void say_errors(const char *source, char **line, size_t lines, char *text, size_t bytes)
{
    int said = 0;
    snprintf(text, bytes, "%s does not compile:", source);
    for (size_t i = 0; i < lines && said < MOST_LINES; i++) {
        if (is_error(line[i]) || is_use(line[i])) {
            add(text, bytes, line[i]);
            said++;
        }
    }
    /* None in a form that is known: how it ended. */
    for (size_t i = lines > MOST_LINES ? lines - MOST_LINES : 0; i < lines && said == 0; i++)
        add(text, bytes, line[i]);
}

void oriel_complaint(const char *source, char *output, char *text, size_t bytes)
{
    size_t lines = 0, room = 1;
    for (const char *at = output; (at = strchr(at, '\n')); at++)
        room++;
    char **line = calloc(room, sizeof *line), *rest = output;
    for (char *next; line && (next = strsep(&rest, "\n"));)
        if (next[0])
            line[lines++] = next;
    if (!line || !say_ours(line, lines, text, bytes))
        say_errors(source, line, lines, text, bytes);
    free(line);
}
