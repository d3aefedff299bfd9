/* SPDX-License-Identifier: Apache-2.0 */
/* Ranks that exist already become ranks of a communicator. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "comm/bind.h"
#include "comm/crew.h"
#include "comm/team.h"

/* ---- The environment -------------------------------------------------------------------------------------------- */

static oriel_status read_number(const char *name, uint64_t most, uint64_t *number)
{
    const char *text = getenv(name);
    if (!text)
        return oriel_fail(ORIEL_STATE,
                          "%s is not in the environment: start the program with `oriel launch`, or set ORIEL_RANK, "
                          "ORIEL_RANKS and ORIEL_RENDEZVOUS",
                          name);
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || *number > most)
        return oriel_fail(ORIEL_INVALID, "%s is \"%s\": it must be a whole number up to %" PRIu64, name, text, most);
    return ORIEL_OK;
}

static oriel_status read_where(oriel_rendezvous *where)
{
    uint64_t rank, ranks, descriptor = 0;
    oriel_status status = read_number("ORIEL_RANK", UINT32_MAX, &rank);
    if (status == ORIEL_OK)
        status = read_number("ORIEL_RANKS", UINT32_MAX, &ranks);
    const char *path = getenv("ORIEL_RENDEZVOUS");
    if (status == ORIEL_OK && !path) {
        if (!getenv("ORIEL_DESCRIPTOR"))
            status = oriel_fail(ORIEL_STATE, "neither ORIEL_RENDEZVOUS nor ORIEL_DESCRIPTOR is in the environment");
        else
            status = read_number("ORIEL_DESCRIPTOR", INT32_MAX, &descriptor);
    }
    if (status == ORIEL_OK)
        *where = (oriel_rendezvous){
            .rank = (uint32_t)rank, .ranks = (uint32_t)ranks, .path = path, .descriptor = (int)descriptor};
    return status;
}

/* A program that says nothing of its own is bound as the environment says. */
static oriel_status read_bind(oriel_bind *bind)
{
    const char *text = getenv("ORIEL_BIND");
    if (!text || *bind != ORIEL_BIND_DEFAULT)
        return ORIEL_OK;
    if (strcmp(text, "none") == 0)
        *bind = ORIEL_BIND_NONE;
    else if (strcmp(text, "core") == 0)
        *bind = ORIEL_BIND_CORE;
    else
        return oriel_fail(ORIEL_INVALID, "ORIEL_BIND is \"%s\": it must be none or core", text);
    return ORIEL_OK;
}

/* ---- Joining ---------------------------------------------------------------------------------------------------- */

static oriel_status check(const oriel_rendezvous *where, const oriel_comm_options *options)
{
    if (where->ranks == 0 || where->rank >= where->ranks)
        return oriel_fail(ORIEL_INVALID, "rank %" PRIu32 " of %" PRIu32 " ranks", where->rank, where->ranks);
    if (where->path && !where->path[0])
        return oriel_fail(ORIEL_INVALID, "the path at which ranks come together is empty");
    if (isnan(options->timeout_s))
        return oriel_fail(ORIEL_INVALID, "the time to wait for a rank is not a number");
    return oriel_bind_check(options->bind);
}

/* Rank 0 makes the memory, and stays until all have it. */
static oriel_status receive_all(const oriel_rendezvous *where, const oriel_comm_options *options, int64_t deadline,
                                oriel_joined **out)
{
    oriel_shm shm;
    oriel_status status = oriel_crew_make(where->ranks, options->reserve_bytes, &shm);
    if (status != ORIEL_OK)
        return status;
    status = oriel_crew_enter(&shm, 0, where->ranks, options, out);
    if (status != ORIEL_OK)
        return status;
    return oriel_rendezvous_gather(*out, where->path, deadline);
}

static oriel_status come_to(const oriel_rendezvous *where, const oriel_comm_options *options, int64_t deadline,
                            oriel_joined **out)
{
    int memory, connection;
    oriel_status status = oriel_rendezvous_fetch(where->path, where->rank, where->ranks, options->timeout_s, deadline,
                                                 &memory, &connection);
    if (status != ORIEL_OK)
        return status;
    oriel_shm shm;
    status = oriel_shm_open(memory, &shm);
    if (status == ORIEL_OK)
        status = oriel_crew_enter(&shm, where->rank, where->ranks, options, out);
    close(connection);
    return status;
}

static oriel_status inherit(const oriel_rendezvous *where, const oriel_comm_options *options, int64_t deadline,
                            oriel_joined **out)
{
    int own = fcntl(where->descriptor, F_DUPFD_CLOEXEC, 0);
    if (own < 0)
        return oriel_fail_errno(ORIEL_INVALID, "descriptor %d, at which ranks come together", where->descriptor);
    oriel_shm shm;
    oriel_status status = oriel_shm_open(own, &shm);
    if (status == ORIEL_OK)
        status = oriel_crew_enter(&shm, where->rank, where->ranks, options, out);
    if (status == ORIEL_OK && where->rank == 0)
        status = oriel_crew_gather(*out, deadline, NULL, NULL);
    return status;
}

static oriel_status join(const oriel_rendezvous *where, const oriel_comm_options *options, const oriel_table *table,
                         oriel_joined **joined)
{
    const int64_t deadline = oriel_deadline(options->timeout_s);
    oriel_status status = !where->path       ? inherit(where, options, deadline, joined)
                          : where->rank == 0 ? receive_all(where, options, deadline, joined)
                                             : come_to(where, options, deadline, joined);
    if (status == ORIEL_OK && where->rank == 0)
        status = oriel_crew_complete(*joined, options->bind, table);
    if (status == ORIEL_OK)
        status = oriel_crew_await(*joined, options->bind, deadline);
    return status;
}

oriel_status oriel_comm_create(const oriel_rendezvous *where, const oriel_comm_options *options, oriel_comm **out)
{
    oriel_comm_options mine = options ? *options : (oriel_comm_options){0};
    oriel_rendezvous read;
    oriel_status status = ORIEL_OK;
    if (mine.timeout_s == 0)
        mine.timeout_s = ORIEL_TIMEOUT_S;
    if (!where)
        status = read_where(&read);
    if (!where && status == ORIEL_OK)
        status = read_bind(&mine.bind);
    where = where ? where : &read;
    if (status == ORIEL_OK)
        status = check(where, &mine);
    oriel_remote remote;
    if (status == ORIEL_OK)
        status = oriel_remote_wish(&remote);
    oriel_table table = {0};
    if (status == ORIEL_OK) /* also of a rank that is not 0: what it asks for must be right, too */
        status = oriel_table_load(&mine, &table);
    if (status != ORIEL_OK)
        return status;
    oriel_joined *joined = NULL;
    oriel_comm *comm = NULL;
    status = join(where, &mine, &table, &joined);
    oriel_table_free(&table);
    if (status == ORIEL_OK)
        status = oriel_comm_join(joined->world, &joined->shm, joined->crew->team, where->rank, mine.timeout_s,
                                 joined->world->asked, &comm);
    if (status != ORIEL_OK) {
        if (joined) {
            oriel_crew_give_up(joined, status);
            oriel_crew_leave(joined);
        }
        return status;
    }
    comm->joined = joined;
    comm->remote = remote;
    *out = comm;
    return ORIEL_OK;
}

oriel_status oriel_rendezvous_open(uint32_t ranks, uint64_t reserve_bytes, int *descriptor)
{
    if (ranks == 0)
        return oriel_fail(ORIEL_INVALID, "a rendezvous of no rank");
    oriel_shm shm;
    oriel_status status = oriel_crew_make(ranks, reserve_bytes, &shm);
    if (status != ORIEL_OK)
        return status;
    int fd = dup(shm.fd); /* which programs inherit */
    if (fd < 0)
        status = oriel_fail_errno(ORIEL_SYSTEM, "no descriptor for a rendezvous");
    else
        *descriptor = fd;
    oriel_shm_destroy(&shm);
    return status;
}
