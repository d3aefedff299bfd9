/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of a peer's own, read where it is: one copy instead of two. Threads of a process load it; from another process the
 * system copies it, where it lets one process read the other's memory (ptrace(2), "Ptrace access mode checking": the
 * same user, and no rule of Yama, of a container or of a filter of system calls against it).
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/pages.h"
#include "comm/team.h"

oriel_status oriel_remote_wish(oriel_remote *remote)
{
    const char *value = getenv("ORIEL_SINGLE_COPY");
    const bool said = value && value[0];
    if (said && strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
        return oriel_fail(ORIEL_INVALID, "ORIEL_SINGLE_COPY is \"%s\": it must be 0 or 1", value);
    *remote = (oriel_remote){.may = said && value[0] == '0' ? ORIEL_REMOTE_UNWANTED : ORIEL_REMOTE_OPEN};
    return ORIEL_OK;
}

/* If it is this rank's own memory that is not there, it falls into the hole as any program does. */
static void touch(volatile char *to, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i += oriel_page_bytes())
        to[i] = to[i];
    to[bytes - 1] = to[bytes - 1];
}

/* Returns 0, or errno. */
static int read_from(int32_t thread, void *to, uint64_t address, uint64_t bytes)
{
    for (uint64_t done = 0; done < bytes;) {
        uint64_t rest = bytes - done < SSIZE_MAX ? bytes - done : SSIZE_MAX;
        struct iovec mine = {(char *)to + done, rest}, its = {(char *)(uintptr_t)address + done, rest};
        ssize_t got =
            process_vm_readv(thread, &mine, 1, &its, 1, 0); /* less than asked for, if the rest is not there */
        const int error = got < 0 ? errno : EFAULT;
        if (got <= 0 && error == EFAULT)
            touch((char *)to + done, rest);
        if (got <= 0)
            return error;
        done += (uint64_t)got;
    }
    return 0;
}

oriel_status oriel_remote_read(oriel_comm *comm, oriel_call call, uint32_t peer, void *to, uint64_t from,
                               uint64_t bytes)
{
    const oriel_offer *its = &oriel_peer_line(comm, peer)->offer;
    int error = read_from(its->thread, to, its->data + from, bytes);
    return error == 0 ? ORIEL_OK : oriel_fail_unread(comm, call, peer, error);
}

/*
 * What a rank lets the others try: a number that nothing else holds. Numbers of processes alone would not do, since ranks
 * that came together from different namespaces may each name another process by one.
 */
typedef struct probe {
    uint64_t number;
    uint64_t address; /* where it is, too */
    int32_t process;
    bool willing;
} probe;

static bool can_read(const probe *its)
{
    uint64_t number;
    return its->willing && read_from(its->process, &number, its->address, sizeof number) == 0 && number == its->number;
}

oriel_status oriel_remote_agree(oriel_comm *comm, oriel_call call)
{
    uint64_t number = 0;
    probe mine = {.address = (uintptr_t)&number, .process = getpid()};
    mine.willing = comm->remote.may != ORIEL_REMOTE_UNWANTED && getrandom(&number, sizeof number, GRND_NONBLOCK) > 0;
    mine.number = number;
    memcpy(oriel_next_line(comm)->payload, &mine, sizeof mine);
    oriel_status status = oriel_meet(comm, call);
    if (status != ORIEL_OK)
        return status;
    bool can = true, together = true;
    for (uint32_t peer = 0; peer < comm->ranks; peer++) {
        probe its;
        memcpy(&its, oriel_peer_line(comm, peer)->payload, sizeof its);
        can = can && can_read(&its);
        together = together && its.process == mine.process;
    }
    memcpy(oriel_next_line(comm)->payload, &can, sizeof can);
    status = oriel_meet(comm, call);
    if (status != ORIEL_OK)
        return status;
    bool all_can = true;
    for (uint32_t peer = 0; peer < comm->ranks; peer++) {
        memcpy(&can, oriel_peer_line(comm, peer)->payload, sizeof can);
        all_can = all_can && can;
    }
    comm->remote = (oriel_remote){
        .may = all_can ? ORIEL_REMOTE_ON : ORIEL_REMOTE_OFF, .together = together, .process = mine.process};
    return ORIEL_OK;
}
