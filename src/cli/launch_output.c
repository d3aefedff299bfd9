/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/launch.h"

/* A longer line is cut in pieces, each with its number. */
#define LINE_BYTES 65536
#define TAG_BYTES  16

#define MESSAGE_BYTES  1024
#define MESSAGES_BYTES (8 * MESSAGE_BYTES) /* more than a launch has to say */

/* ---- Outlets ---------------------------------------------------------------------------------------------------- */

struct cli_outlet {
    int to;
    bool own;           /* `to` is this outlet's to close */
    size_t done, bytes; /* of the text: put out, and in all */
    char text[TAG_BYTES + LINE_BYTES + 1 + MESSAGES_BYTES];
};

/*
 * A pipe or terminal is opened once more and asked not to wait: the descriptor itself is shared with others, who would notice. Not the
 * master of a terminal: to open it makes a new one.
 */
static int open_again(int to, const struct stat *what)
{
    unsigned number;
    if (!S_ISFIFO(what->st_mode) && (!isatty(to) || ioctl(to, TIOCGPTN, &number) == 0))
        return -1;
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", to);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static cli_outlet *open_outlet(int to, const struct stat *what)
{
    cli_outlet *outlet = malloc(sizeof *outlet);
    if (!outlet)
        return NULL;
    const int again = open_again(to, what);
    outlet->own = again >= 0;
    outlet->to = outlet->own ? again : to;
    outlet->done = outlet->bytes = 0;
    return outlet;
}

/* Where what is put out by two outlets would mix. Not so a file, which takes all at once; and two descriptors of it may differ. */
static bool is_one_place(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
           (S_ISFIFO(a->st_mode) || S_ISCHR(a->st_mode) || S_ISSOCK(a->st_mode));
}

bool cli_outlets_open(cli_outlet *outlet[2])
{
    struct stat output = {0}, errors = {0}; /* and stay so, if they are closed */
    fstat(STDOUT_FILENO, &output);
    fstat(STDERR_FILENO, &errors);
    outlet[0] = open_outlet(STDOUT_FILENO, &output);
    outlet[1] = is_one_place(&output, &errors) ? outlet[0] : open_outlet(STDERR_FILENO, &errors);
    if (outlet[0] && outlet[1])
        return true;
    cli_outlets_close(outlet);
    return false;
}

static void close_outlet(cli_outlet *outlet)
{
    if (outlet && outlet->own)
        close(outlet->to);
    free(outlet);
}

void cli_outlets_close(cli_outlet *outlet[2])
{
    if (outlet[1] != outlet[0])
        close_outlet(outlet[1]);
    close_outlet(outlet[0]);
}

/*
 * What nobody can take any more is dropped: the programs run on. No more than a PIPE_BUF at once, so that a descriptor that could not
 * be opened again does not wait either: a pipe or socket with room takes as much.
 */
size_t cli_outlet_flush(cli_outlet *outlet)
{
    size_t put = 0;
    while (outlet->done < outlet->bytes && poll(&(struct pollfd){.fd = outlet->to, .events = POLLOUT}, 1, 0) == 1) {
        const size_t left = outlet->bytes - outlet->done;
        const ssize_t taken = write(outlet->to, outlet->text + outlet->done, left < PIPE_BUF ? left : PIPE_BUF);
        if (taken < 0 && errno == EAGAIN)
            break; /* another writer was faster */
        if (taken < 0 && errno == EINTR)
            continue;
        outlet->done = taken < 0 ? outlet->bytes : outlet->done + (size_t)taken;
        put += taken < 0 ? left : (size_t)taken;
    }
    if (outlet->done == outlet->bytes)
        outlet->done = outlet->bytes = 0;
    return put;
}

int cli_outlet_awaits(const cli_outlet *outlet)
{
    return outlet->bytes > 0 ? outlet->to : -1;
}

void cli_outlet_say(cli_outlet *outlet, const char *format, ...)
{
    char message[MESSAGE_BYTES - sizeof "oriel: \n"];
    va_list values;
    va_start(values, format);
    vsnprintf(message, sizeof message, format, values);
    va_end(values);
    const size_t room = sizeof outlet->text - outlet->bytes;
    const int length = snprintf(outlet->text + outlet->bytes, room, "oriel: %s\n", message);
    if ((size_t)length < room)
        outlet->bytes += (size_t)length;
    cli_outlet_flush(outlet);
}

/* The outlet is empty. One write for each line, where it fits, so that lines of this process do not mix with others'. */
static void put_line(cli_outlet *outlet, uint32_t rank, const char *text, size_t bytes)
{
    outlet->bytes = (size_t)snprintf(outlet->text, TAG_BYTES, "[%u] ", rank);
    memcpy(outlet->text + outlet->bytes, text, bytes);
    outlet->bytes += bytes;
    outlet->text[outlet->bytes++] = '\n';
    cli_outlet_flush(outlet);
}

/* ---- Streams ---------------------------------------------------------------------------------------------------- */

bool cli_stream_open(cli_stream *stream, uint32_t rank, cli_outlet *to, int *end)
{
    int ends[2];
    *stream = (cli_stream){.rank = rank, .from = -1, .to = to, .left = UINT64_MAX, .line = malloc(LINE_BYTES)};
    if (!stream->line || pipe2(ends, O_CLOEXEC) < 0) {
        free(stream->line);
        stream->line = NULL;
        return false;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK); /* this end alone: the program's may wait */
    stream->from = ends[0];
    *end = ends[1];
    return true;
}

static void shut(cli_stream *stream)
{
    if (stream->from >= 0)
        close(stream->from);
    stream->from = -1;
}

/* Those that have ended, as long as the outlet is empty. Returns the bytes of them. */
static size_t put_lines(cli_stream *stream)
{
    char *text = stream->line;
    size_t put = 0;
    while (stream->bytes > 0 && cli_outlet_awaits(stream->to) < 0) {
        const char *end = memchr(text + put, '\n', stream->bytes);
        if (!end && stream->bytes < LINE_BYTES && stream->from >= 0)
            break;
        const size_t bytes = end ? (size_t)(end - text) - put : stream->bytes, all = bytes + (end != NULL);
        put_line(stream->to, stream->rank, text + put, bytes);
        put += all;
        stream->bytes -= all;
    }
    if (put > 0)
        memmove(text, text + put, stream->bytes);
    return put;
}

size_t cli_stream_move(cli_stream *stream)
{
    const size_t put = put_lines(stream);
    if (stream->from < 0 || cli_outlet_awaits(stream->to) >= 0)
        return put;
    const size_t room = LINE_BYTES - stream->bytes; /* some: a full line was put out */
    const ssize_t got = read(stream->from, stream->line + stream->bytes, room < stream->left ? room : stream->left);
    if (got > 0) {
        stream->bytes += (size_t)got;
        stream->left -= (size_t)got;
    }
    if (stream->left == 0 || got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
        shut(stream);
    return put + put_lines(stream);
}

void cli_stream_limit(cli_stream *stream)
{
    int there;
    if (stream->from >= 0)
        stream->left = ioctl(stream->from, FIONREAD, &there) == 0 ? (uint64_t)there : 0;
}

bool cli_stream_has_ended(const cli_stream *stream)
{
    return stream->from < 0 && stream->bytes == 0;
}

void cli_stream_close(cli_stream *stream)
{
    shut(stream);
    free(stream->line);
    stream->line = NULL;
    stream->bytes = 0;
}
