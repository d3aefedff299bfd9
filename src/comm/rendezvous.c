/* SPDX-License-Identifier: Apache-2.0 */
/* Ranks that know a path come by the memory of rank 0: crew.h has the drawing. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "comm/crew.h"

typedef struct hello {
    char mark[ORIEL_MARK_BYTES];
    uint32_t rank, ranks;
    int32_t process;
} hello;

/* With ORIEL_OK the memory comes along. */
typedef struct answer {
    oriel_status status;
    char text[512];
} answer;

/* ---- Addresses -------------------------------------------------------------------------------------------------- */

typedef struct address {
    struct sockaddr_un name;
    socklen_t bytes;
} address;

/* The same for all ways to write a path whose folder is there. */
static void whole_path(const char *path, char whole[2 * PATH_MAX])
{
    char folder[PATH_MAX], real[PATH_MAX];
    const char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(last - path) : 1, slash ? path : ".");
    if (realpath(folder, real))
        snprintf(whole, 2 * PATH_MAX, "%s/%s", strcmp(real, "/") == 0 ? "" : real, last);
    else
        snprintf(whole, 2 * PATH_MAX, "%s", path);
}

/* FNV-1a. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

/* Abstract: begins with a zero byte. A long path is there by its hash and its end. */
static address address_of(const char *path)
{
    address at = {.name = {.sun_family = AF_UNIX}};
    char whole[2 * PATH_MAX], *text = at.name.sun_path + 1;
    const size_t room = sizeof at.name.sun_path - 1;
    whole_path(path, whole);
    size_t length = (size_t)snprintf(text, room, "oriel:%u:%s", geteuid(), whole);
    if (length >= room)
        length = (size_t)snprintf(text, room, "oriel:%u:%016" PRIx64 ":%s", geteuid(), hash_of(whole),
                                  whole + strlen(whole) - 60);
    at.bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
    return at;
}

static int new_socket(void)
{
    return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Whether the other end belongs to this user; and which process it is. */
static bool is_mine(int fd, struct ucred *peer)
{
    socklen_t bytes = sizeof *peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &bytes) == 0 && peer->uid == geteuid();
}

/* ---- All but rank 0 ------------------------------------------------------------------------------------------------- */

typedef struct visit {
    address at;
    hello said;
    int fd; /* -1: none */
    bool connected;
    bool stranger;
    bool once; /* whoever has gone is not waited for */
    int error; /* 0, or an errno: it has failed */
    answer what;
    int memory;
} visit;

static bool fail_visit(visit *it, int error)
{
    it->error = error;
    return true;
}

/* Who ends the connection was about to go: there may be another rank 0 soon. */
static bool hang_up(visit *it)
{
    close(it->fd);
    it->fd = -1;
    it->connected = false;
    return it->once ? fail_visit(it, ECONNREFUSED) : false;
}

static bool connect_once(visit *it)
{
    struct ucred peer;
    if (it->fd < 0)
        it->fd = new_socket();
    if (it->fd < 0)
        return fail_visit(it, errno);
    if (connect(it->fd, (const struct sockaddr *)&it->at.name, it->at.bytes) < 0)
        return (errno == ECONNREFUSED && !it->once) || errno == EAGAIN || errno == EINTR ? false
                                                                                         : fail_visit(it, errno);
    if (!is_mine(it->fd, &peer)) {
        it->stranger = true;
        return fail_visit(it, EPERM);
    }
    it->connected = send(it->fd, &it->said, sizeof it->said, MSG_NOSIGNAL) == sizeof it->said;
    return it->connected ? false : hang_up(it);
}

/* True: an answer has come. False, with errno: none yet, or the connection has ended. */
static bool receive(visit *it)
{
    struct iovec part = {.iov_base = &it->what, .iov_len = sizeof it->what};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t got = recvmsg(it->fd, &message, MSG_CMSG_CLOEXEC);
    if (got == 0)
        errno = ECONNRESET;
    if (got != sizeof it->what)
        return false;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_type == SCM_RIGHTS)
        memcpy(&it->memory, CMSG_DATA(header), sizeof it->memory);
    it->what.text[sizeof it->what.text - 1] = '\0';
    return true;
}

/* Until there is an answer. */
static bool call_once(void *context)
{
    visit *it = context;
    if (!it->connected && connect_once(it))
        return true;
    if (!it->connected)
        return false;
    if (receive(it))
        return true;
    return errno == EAGAIN || errno == EINTR ? false : hang_up(it);
}

static oriel_status outcome_of(const visit *it, oriel_status status, const char *path, double timeout_s)
{
    if (status != ORIEL_OK && it->connected)
        return oriel_fail(status, "rank 0 at \"%s\" has not answered rank %" PRIu32 " in %g s", path, it->said.rank,
                          timeout_s);
    if (status != ORIEL_OK)
        return oriel_fail(status, "rank 0 has not come to \"%s\" in %g s: rank %" PRIu32 " waited for it", path,
                          timeout_s, it->said.rank);
    if (it->stranger)
        return oriel_fail(ORIEL_INVALID, "\"%s\" is in use by another user", path);
    if (it->error) {
        errno = it->error;
        return oriel_fail_errno(ORIEL_SYSTEM, "rank %" PRIu32 " cannot come to \"%s\"", it->said.rank, path);
    }
    if (it->what.status != ORIEL_OK)
        return oriel_fail(it->what.status, "%s", it->what.text);
    if (it->memory < 0)
        return oriel_fail(ORIEL_SYSTEM, "rank 0 at \"%s\" could not hand its memory over", path);
    return ORIEL_OK;
}

static visit visit_of(const char *path, uint32_t rank, uint32_t ranks)
{
    visit it = {
        .at = address_of(path), .said = {.rank = rank, .ranks = ranks, .process = getpid()}, .fd = -1, .memory = -1};
    oriel_crew_mark(it.said.mark);
    return it;
}

static void end_visit(const visit *it)
{
    if (it->memory >= 0)
        close(it->memory);
    if (it->fd >= 0)
        close(it->fd);
}

oriel_status oriel_rendezvous_fetch(const char *path, uint32_t rank, uint32_t ranks, double timeout_s, int64_t deadline,
                                    int *memory, int *connection)
{
    visit it = visit_of(path, rank, ranks);
    oriel_wait wait = {.ready = call_once, .context = &it, .deadline = deadline};
    oriel_status status = oriel_wait_for(NULL, &wait);
    status = outcome_of(&it, status, path, timeout_s);
    if (status != ORIEL_OK) {
        end_visit(&it);
        return status;
    }
    *memory = it.memory;
    *connection = it.fd;
    return ORIEL_OK;
}

/* ---- Rank 0 ----------------------------------------------------------------------------------------------------- */

typedef struct guest {
    int fd;
    bool answered;
    uint32_t rank; /* the rest: once it was answered */
    int32_t process;
} guest;

typedef struct gathering {
    oriel_joined *joined;
    int listener;
    uint32_t guests, room;
    guest guest[];
} gathering;

static void give(gathering *all, oriel_status status, const char *text)
{
    oriel_verdict_give(&all->joined->world->verdict, status, text);
}

static void send_answer(int fd, const answer *what, int memory)
{
    struct iovec part = {.iov_base = (void *)what, .iov_len = sizeof *what};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (memory >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof memory);
        memcpy(CMSG_DATA(&control.header), &memory, sizeof memory);
    }
    /* If it is not taken, the connection ends, which is noticed when it is looked at. */
    (void)!sendmsg(fd, &message, MSG_NOSIGNAL);
}

/* Has the rank of a guest another process? Its number, or 0. */
static int32_t other_process(const gathering *all, const hello *said)
{
    const oriel_crew_seat *seat = &all->joined->crew->seat[said->rank];
    if (atomic_load(&seat->here))
        return seat->process;
    for (uint32_t i = 0; i < all->guests; i++)
        if (all->guest[i].answered && all->guest[i].rank == said->rank)
            return all->guest[i].process;
    return 0;
}

/* True: there is nothing against it. Else `what` says why. */
static bool is_welcome(const gathering *all, const hello *said, answer *what)
{
    char mark[ORIEL_MARK_BYTES];
    const uint32_t ranks = all->joined->world->ranks;
    if (memcmp(said->mark, oriel_crew_mark(mark), sizeof mark) != 0) {
        snprintf(what->text, sizeof what->text, "rank 0 has %s, and a rank that came has %.63s", mark, said->mark);
        return false;
    }
    if (said->ranks != ranks || said->rank >= ranks) {
        snprintf(what->text, sizeof what->text,
                 "rank %" PRIu32 " (process %d) says that there are %" PRIu32
                 " ranks, rank 0 (process %d) says %" PRIu32,
                 said->rank, said->process, said->ranks, getpid(), ranks);
        return false;
    }
    const int32_t other = other_process(all, said);
    if (other)
        snprintf(what->text, sizeof what->text, "rank %" PRIu32 " comes twice: process %d, and process %d", said->rank,
                 other, said->process);
    return other == 0;
}

/* What is no rank's hello is not answered: true. */
static bool hear(gathering *all, guest *it)
{
    hello said = {0};
    ssize_t got = recv(it->fd, &said, sizeof said, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    /* Another version may say more, or less, but begins with its mark. */
    if (got < (ssize_t)sizeof said.mark || memcmp(said.mark, "oriel ", 6) != 0)
        return true;
    said.mark[sizeof said.mark - 1] = '\0';
    answer what = {.status = ORIEL_OK};
    if (is_welcome(all, &said, &what)) {
        *it = (guest){.fd = it->fd, .answered = true, .rank = said.rank, .process = said.process};
        send_answer(it->fd, &what, all->joined->shm.fd);
        return false;
    }
    what.status = ORIEL_INVALID;
    give(all, what.status, what.text);
    send_answer(it->fd, &what, -1);
    return true;
}

/* True: it has come, or has died on the way. */
static bool follow(gathering *all, const guest *it)
{
    const _Atomic uint32_t *here = &all->joined->crew->seat[it->rank].here;
    char nothing;
    if (atomic_load(here))
        return true;
    ssize_t got = recv(it->fd, &nothing, sizeof nothing, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (!atomic_load(here)) {
        char text[128];
        snprintf(text, sizeof text, "rank %" PRIu32 " (process %d) ended while it joined", it->rank, it->process);
        give(all, ORIEL_RANK_DIED, text);
    }
    return true;
}

static bool let_in(gathering *all)
{
    if (all->guests == all->room)
        return false;
    int fd = accept4(all->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct ucred peer;
    if (fd < 0)
        return false;
    if (is_mine(fd, &peer))
        all->guest[all->guests++] = (guest){.fd = fd};
    else
        close(fd);
    return true;
}

/* One look at the door and at each guest. */
static bool serve(void *context)
{
    gathering *all = context;
    bool moved = false;
    while (let_in(all))
        moved = true;
    for (uint32_t i = all->guests; i-- > 0;) {
        guest *it = &all->guest[i];
        if (it->answered ? !follow(all, it) : !hear(all, it))
            continue;
        close(it->fd);
        *it = all->guest[--all->guests];
        moved = true;
    }
    return moved;
}

/* Who waits for an answer gets that of the whole. */
static void send_away(gathering *all)
{
    answer what = {.status = ORIEL_STATE, .text = "rank 0 has gone"};
    oriel_verdict_read(&all->joined->world->verdict, &what.status, what.text, sizeof what.text);
    while (let_in(all))
        ;
    for (uint32_t i = 0; i < all->guests; i++)
        if (!all->guest[i].answered)
            send_answer(all->guest[i].fd, &what, -1);
}

/*
 * Another process has the address: it is rank 0 too, and says so to all, unless it has gone in between: ORIEL_OK, the address is
 * free again.
 */
static oriel_status be_refused(oriel_joined *joined, const char *path, int64_t deadline)
{
    visit it = visit_of(path, 0, joined->world->ranks);
    it.once = true;
    oriel_wait wait = {.ready = call_once, .context = &it, .deadline = deadline};
    oriel_status status = oriel_wait_for(NULL, &wait);
    const bool gone = status == ORIEL_OK && it.error == ECONNREFUSED;
    if (gone && oriel_passed(deadline))
        status = oriel_fail(ORIEL_TIMEOUT, "\"%s\" is taken, and who has it did not answer in %g s", path,
                            joined->timeout_s);
    else
        status = gone ? ORIEL_OK : outcome_of(&it, status, path, joined->timeout_s);
    end_visit(&it);
    return status;
}

static oriel_status listen_at(gathering *all, const char *path, int64_t deadline)
{
    const address at = address_of(path);
    all->listener = new_socket();
    if (all->listener < 0)
        return oriel_fail_errno(ORIEL_SYSTEM, "no socket to be had");
    oriel_status status = ORIEL_OK;
    while (status == ORIEL_OK && bind(all->listener, (const struct sockaddr *)&at.name, at.bytes) < 0)
        status = errno == EADDRINUSE ? be_refused(all->joined, path, deadline)
                                     : oriel_fail_errno(ORIEL_SYSTEM, "cannot listen at \"%s\"", path);
    if (status == ORIEL_OK && listen(all->listener, SOMAXCONN) < 0)
        status = oriel_fail_errno(ORIEL_SYSTEM, "cannot listen at \"%s\"", path);
    if (status != ORIEL_OK)
        close(all->listener);
    return status;
}

oriel_status oriel_rendezvous_gather(oriel_joined *joined, const char *path, int64_t deadline)
{
    /* A few places more than ranks: for those that should not have come. */
    const uint32_t room = joined->world->ranks + 8;
    gathering *all = calloc(1, sizeof *all + room * sizeof *all->guest);
    if (!all)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory to gather %" PRIu32 " ranks", joined->world->ranks);
    all->joined = joined;
    all->room = room;
    oriel_status status = listen_at(all, path, deadline);
    if (status == ORIEL_OK) {
        status = oriel_crew_gather(joined, deadline, serve, all);
        send_away(all);
        for (uint32_t i = 0; i < all->guests; i++)
            close(all->guest[i].fd);
        close(all->listener);
    }
    free(all);
    return status;
}
