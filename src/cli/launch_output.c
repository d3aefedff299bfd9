/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/launch.h"

/* A longer line is cut in pieces, each with its number. */
#define LINE_BYTES 65536
#define TAG_BYTES  16

bool cli_stream_open(cli_stream *stream, uint32_t rank, int to, int *end)
{
    int ends[2];
    *stream = (cli_stream){.rank = rank, .from = -1, .to = to, .line = malloc(LINE_BYTES)};
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

/* What nobody takes any more is dropped: the programs run on. */
static void write_all(int to, const char *text, size_t bytes)
{
    while (bytes > 0) {
        ssize_t taken = write(to, text, bytes);
        if (taken < 0 && errno == EAGAIN) { /* somebody else has made it so */
            struct pollfd room = {.fd = to, .events = POLLOUT};
            poll(&room, 1, -1);
        } else if (taken < 0 && errno != EINTR)
            return;
        text += taken > 0 ? taken : 0;
        bytes -= taken > 0 ? (size_t)taken : 0;
    }
}

/* One write for each line, so that lines of different ranks do not mix. */
static void put_line(const cli_stream *stream, const char *text, size_t bytes)
{
    char whole[TAG_BYTES + LINE_BYTES + 1];
    size_t length = (size_t)snprintf(whole, TAG_BYTES, "[%u] ", stream->rank);
    memcpy(whole + length, text, bytes);
    length += bytes;
    whole[length++] = '\n';
    write_all(stream->to, whole, length);
}

static void put_lines(cli_stream *stream)
{
    char *text = stream->line, *end;
    while ((end = memchr(text, '\n', stream->bytes))) {
        size_t bytes = (size_t)(end - text);
        put_line(stream, text, bytes);
        text += bytes + 1;
        stream->bytes -= bytes + 1;
    }
    if (stream->bytes == LINE_BYTES) {
        put_line(stream, text, stream->bytes);
        stream->bytes = 0;
    }
    memmove(stream->line, text, stream->bytes);
}

void cli_stream_move(cli_stream *stream)
{
    while (stream->from >= 0) {
        ssize_t got = read(stream->from, stream->line + stream->bytes, LINE_BYTES - stream->bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            cli_stream_close(stream);
            return;
        }
        stream->bytes += (size_t)got;
        put_lines(stream);
    }
}

void cli_stream_close(cli_stream *stream)
{
    if (stream->from < 0)
        return;
    if (stream->bytes > 0)
        put_line(stream, stream->line, stream->bytes);
    close(stream->from);
    free(stream->line);
    stream->from = -1;
    stream->line = NULL;
}
