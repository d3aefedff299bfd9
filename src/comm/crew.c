/* SPDX-License-Identifier: Apache-2.0 */
#include "comm/crew.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/names.h"
#include "comm/bind.h"
#include "comm/team.h"

/* ---- Forks ------------------------------------------------------------------------------------------------------ */

/*
 * A child that a rank forks is no rank: with the lock's descriptor it would seem to be one that lives on when its parent has died.
 * (A program that is started instead does not get it.)
 */
static pthread_mutex_t list_mutex = PTHREAD_MUTEX_INITIALIZER;
static oriel_joined *list;

static void before_fork(void)
{
    pthread_mutex_lock(&list_mutex);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&list_mutex);
}

static void in_child(void)
{
    for (oriel_joined *joined = list; joined; joined = joined->next)
        close(joined->lock);
    list = NULL;
    pthread_mutex_unlock(&list_mutex);
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork, in_child);
}

/* Until after_fork, no other thread forks. */
static void hold_forks(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    before_fork();
}

/* This and the next: while forks are held. */
static void enlist(oriel_joined *joined)
{
    joined->next = list;
    joined->link = &list;
    if (list)
        list->link = &joined->next;
    list = joined;
}

static void strike_off(oriel_joined *joined)
{
    *joined->link = joined->next;
    if (joined->next)
        joined->next->link = joined->link;
}

/* ---- Locks ------------------------------------------------------------------------------------------------------ */

static struct flock lock_of(uint32_t rank)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = rank, .l_len = 1};
}

/* -1, with errno: EAGAIN if another has it. */
static int take_lock(const oriel_shm *shm, uint32_t rank)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", shm->fd);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct flock lock = lock_of(rank);
    if (fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) < 0) {
        int error = errno;
        close(fd);
        errno = error == EACCES ? EAGAIN : error;
        return -1;
    }
    return fd;
}

static bool is_locked(const oriel_joined *joined, uint32_t rank)
{
    struct flock lock = lock_of(rank);
    return fcntl(joined->lock, F_OFD_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}

/* ---- The crew --------------------------------------------------------------------------------------------------- */

const char *oriel_crew_mark(char text[ORIEL_MARK_BYTES])
{
    memset(text, 0, ORIEL_MARK_BYTES);
    snprintf(text, ORIEL_MARK_BYTES, "oriel %s (%zu, %zu, %zu)", ORIEL_VERSION, sizeof(oriel_world), sizeof(oriel_team),
             sizeof(oriel_crew_seat));
    return text;
}

oriel_status oriel_crew_make(uint32_t ranks, uint64_t reserve_bytes, oriel_shm *shm)
{
    oriel_status status = oriel_world_make(reserve_bytes, ranks, 0, shm);
    if (status != ORIEL_OK)
        return status;
    oriel_world *world = shm->base;
    uint64_t offset, team;
    status = oriel_world_alloc(world, sizeof(oriel_crew) + ranks * sizeof(oriel_crew_seat), &offset);
    if (status == ORIEL_OK)
        status = oriel_team_make_of_all(world, &team);
    if (status != ORIEL_OK) {
        oriel_shm_destroy(shm);
        return status;
    }
    oriel_crew *crew = oriel_world_at(world, offset);
    crew->team = team;
    world->crew = offset;
    oriel_crew_mark(world->mark);
    return ORIEL_OK;
}

static void ring_all(oriel_world *world)
{
    for (uint32_t rank = 0; rank < world->ranks; rank++)
        oriel_bell_ring(&world->rank_bell[rank]);
}

static void give(oriel_world *world, oriel_status status, const char *text)
{
    if (oriel_verdict_give(&world->verdict, status, text))
        ring_all(world);
}

/* Tells those that are still waiting for all to come; a job that runs already is none of this rank's business. */
static oriel_status refuse(oriel_world *world, const char *text)
{
    const oriel_crew *crew = oriel_world_at(world, world->crew);
    if (!atomic_load(&crew->complete))
        give(world, ORIEL_INVALID, text);
    return oriel_fail(ORIEL_INVALID, "%s", text);
}

static oriel_status check_world(const oriel_shm *shm, uint32_t rank, uint32_t ranks)
{
    oriel_world *world = shm->base;
    char mark[ORIEL_MARK_BYTES];
    if (shm->bytes < sizeof *world || memcmp(world->mark, "oriel ", 6) != 0)
        return oriel_fail(ORIEL_INVALID, "this memory is no place for ranks to come together");
    if (memcmp(world->mark, oriel_crew_mark(mark), sizeof mark) != 0)
        return oriel_fail(ORIEL_INVALID, "rank %" PRIu32 " has %s, and the memory is of %.63s", rank, mark,
                          world->mark);
    if (world->ranks != ranks) {
        char text[160];
        snprintf(text, sizeof text,
                 "rank %" PRIu32 " (process %d) says that there are %" PRIu32
                 " ranks, and the descriptor is for %" PRIu32,
                 rank, getpid(), ranks, world->ranks);
        return refuse(world, text);
    }
    return ORIEL_OK;
}

static oriel_status fail_twice(const oriel_joined *joined)
{
    char text[128];
    snprintf(text, sizeof text, "rank %" PRIu32 " comes twice: process %d, and process %d", joined->rank,
             joined->crew->seat[joined->rank].process, getpid());
    return refuse(joined->world, text);
}

/* No child may have the lock's descriptor without its being in the list. */
static oriel_status lock_place(oriel_joined *joined)
{
    hold_forks();
    joined->lock = take_lock(&joined->shm, joined->rank);
    if (joined->lock >= 0)
        enlist(joined);
    after_fork();
    if (joined->lock < 0 && errno == EAGAIN)
        return fail_twice(joined);
    if (joined->lock < 0)
        return oriel_fail_errno(ORIEL_SYSTEM, "rank %" PRIu32 " cannot lock its place", joined->rank);
    return ORIEL_OK;
}

static void unlock_place(oriel_joined *joined)
{
    hold_forks();
    strike_off(joined);
    close(joined->lock);
    after_fork();
}

static oriel_status sit_down(oriel_joined *joined, const oriel_crew_seat *wish)
{
    oriel_crew_seat *seat = &joined->crew->seat[joined->rank];
    oriel_status status = lock_place(joined);
    if (status != ORIEL_OK)
        return status;
    if (atomic_load(&seat->here)) { /* it has left, or died */
        unlock_place(joined);
        return fail_twice(joined);
    }
    seat->process = getpid();
    seat->deterministic = wish->deterministic;
    seat->asked = wish->asked;
    if (!oriel_host_allowed(&seat->allowed))
        CPU_ZERO(&seat->allowed);
    atomic_store(&seat->here, 1);
    oriel_bell_ring(&joined->world->rank_bell[0]);
    return ORIEL_OK;
}

oriel_status oriel_crew_enter(oriel_shm *shm, uint32_t rank, uint32_t ranks, const oriel_comm_options *options,
                              oriel_joined **out)
{
    oriel_crew_seat wish = {.deterministic = options->deterministic};
    oriel_status status = check_world(shm, rank, ranks);
    if (status == ORIEL_OK)
        status = oriel_asked_take(options->algorithm, "", &wish.asked);
    oriel_joined *joined = status == ORIEL_OK ? calloc(1, sizeof *joined) : NULL;
    if (status == ORIEL_OK && !joined)
        status = oriel_fail(ORIEL_NO_MEMORY, "no memory for rank %" PRIu32, rank);
    if (status == ORIEL_OK) {
        oriel_world *world = shm->base;
        *joined = (oriel_joined){.shm = *shm,
                                 .world = world,
                                 .crew = oriel_world_at(world, world->crew),
                                 .rank = rank,
                                 .timeout_s = options->timeout_s};
        status = sit_down(joined, &wish);
    }
    if (status != ORIEL_OK) {
        free(joined);
        oriel_shm_destroy(shm);
        return status;
    }
    *out = joined;
    return ORIEL_OK;
}

/* ---- Watching --------------------------------------------------------------------------------------------------- */

/* A rank that leaves says so before it gives its lock back. */
static bool has_died(const oriel_joined *joined, uint32_t rank)
{
    const _Atomic uint32_t *left = oriel_world_left(joined->world, rank);
    if (!atomic_load(&joined->crew->seat[rank].here) || atomic_load(left))
        return false;
    return !is_locked(joined, rank) && !atomic_load(left);
}

void oriel_crew_watch(void *context)
{
    const oriel_joined *joined = context;
    oriel_world *world = joined->world;
    for (uint32_t rank = 0; rank < world->ranks; rank++) {
        if (rank == joined->rank || !has_died(joined, rank))
            continue;
        char text[64 + ORIEL_FATE_TEXT], fate[ORIEL_FATE_TEXT];
        int32_t process = joined->crew->seat[rank].process;
        if (atomic_load(&world->verdict.given))
            return;
        snprintf(text, sizeof text, "rank %" PRIu32 " (process %d) %s", rank, process, oriel_fate_text(process, fate));
        give(world, ORIEL_RANK_DIED, text);
        return;
    }
}

/* ---- Coming together -------------------------------------------------------------------------------------------- */

static bool all_are_here(void *context)
{
    const oriel_joined *joined = context;
    for (uint32_t rank = 0; rank < joined->world->ranks; rank++)
        if (!atomic_load(&joined->crew->seat[rank].here))
            return false;
    return true;
}

static bool is_complete(void *context)
{
    return atomic_load(&((const oriel_joined *)context)->crew->complete) != 0;
}

/* "rank 2, rank 5 have not come in 30 s" */
static void name_missing(const oriel_joined *joined, char *text, size_t bytes)
{
    oriel_names missing = {0};
    for (uint32_t rank = 0; rank < joined->world->ranks; rank++)
        if (!atomic_load(&joined->crew->seat[rank].here))
            oriel_names_add(&missing, "rank %" PRIu32, rank);
    snprintf(text, bytes, "%s %s not come in %g s",
             missing.count ? oriel_names_text(&missing) : "all ranks have come, but rank 0",
             missing.count > 1 ? "have" : "has", joined->timeout_s);
}

/* Why a wait for the others ended without them. */
static oriel_status fail_awaiting(oriel_joined *joined, oriel_status status)
{
    char text[ORIEL_ERROR_BYTES];
    oriel_crew_watch(joined);
    if (status == ORIEL_TIMEOUT) {
        name_missing(joined, text, sizeof text);
        give(joined->world, ORIEL_TIMEOUT, text);
    }
    oriel_verdict_read(&joined->world->verdict, &status, text, sizeof text);
    return oriel_fail(status, "%s", text);
}

static oriel_status await(oriel_joined *joined, oriel_wait *wait, int64_t deadline)
{
    wait->context = wait->idle_context = joined;
    wait->idle = oriel_crew_watch;
    wait->deadline = deadline;
    wait->abort[0] = &joined->world->verdict.given;
    oriel_status status = oriel_wait_for(&joined->world->rank_bell[joined->rank], wait);
    return status == ORIEL_OK ? ORIEL_OK : fail_awaiting(joined, status);
}

oriel_status oriel_crew_gather(oriel_joined *joined, int64_t deadline, bool (*progress)(void *context), void *context)
{
    oriel_wait wait = {.ready = all_are_here, .progress = progress, .progress_context = context};
    return await(joined, &wait, deadline);
}

/* Who was given processors by whoever started the ranks, each its own, keeps them. */
static bool same_processors(const oriel_joined *joined, cpu_set_t *any)
{
    bool same = true;
    const oriel_crew_seat *seat = joined->crew->seat;
    *any = seat[0].allowed;
    for (uint32_t rank = 1; rank < joined->world->ranks; rank++) {
        same &= CPU_EQUAL(&seat[rank].allowed, &seat[0].allowed);
        CPU_OR(any, any, &seat[rank].allowed);
    }
    return same && CPU_COUNT(any) > 0;
}

/* Bits would differ, and kernels wait for one another's signals, if ranks went different ways. */
static oriel_status agree(const oriel_joined *joined)
{
    const oriel_crew_seat *seat = joined->crew->seat;
    for (uint32_t rank = 1; rank < joined->world->ranks; rank++) {
        if (seat[rank].asked == seat[0].asked && seat[rank].deterministic == seat[0].deterministic)
            continue;
        char its[ORIEL_ASKED_TEXT], mine[ORIEL_ASKED_TEXT];
        return oriel_fail(
            ORIEL_INVALID, "ranks ask for different algorithms: rank %" PRIu32 " for %s%s, rank 0 for %s%s", rank,
            oriel_asked_text(seat[rank].asked, its, sizeof its), seat[rank].deterministic ? " (deterministic)" : "",
            oriel_asked_text(seat[0].asked, mine, sizeof mine), seat[0].deterministic ? " (deterministic)" : "");
    }
    return ORIEL_OK;
}

oriel_status oriel_crew_complete(oriel_joined *joined, oriel_bind bind, const oriel_table *table)
{
    oriel_status status = agree(joined);
    if (status != ORIEL_OK)
        return status;
    oriel_crew *crew = joined->crew;
    const uint32_t ranks = joined->world->ranks;
    cpu_set_t any, *place = NULL;
    if (same_processors(joined, &any))
        place = oriel_bind_plan(bind, &any, ranks);
    for (uint32_t rank = 0; place && rank < ranks; rank++)
        crew->seat[rank].place = place[rank];
    crew->bind = place != NULL;
    crew->processors = oriel_host_processors(CPU_COUNT(&any) > 0 ? &any : NULL);
    free(place);
    status = oriel_table_share(joined->world, table, crew->processors);
    if (status != ORIEL_OK)
        return status;
    atomic_store(&crew->complete, 1);
    ring_all(joined->world);
    return ORIEL_OK;
}

oriel_status oriel_crew_await(oriel_joined *joined, oriel_bind bind, int64_t deadline)
{
    oriel_wait wait = {.ready = is_complete};
    oriel_status status = await(joined, &wait, deadline);
    if (status != ORIEL_OK)
        return status;
    const oriel_crew *crew = joined->crew;
    oriel_wait_tune(joined->world->ranks, crew->processors);
    if (!crew->bind || bind == ORIEL_BIND_NONE || !oriel_host_allowed(&joined->before))
        return ORIEL_OK;
    const cpu_set_t place = crew->seat[joined->rank].place;
    joined->bound = sched_setaffinity(0, sizeof place, &place) == 0;
    joined->thread = gettid();
    return ORIEL_OK;
}

/* ---- Leaving ---------------------------------------------------------------------------------------------------- */

void oriel_crew_give_up(oriel_joined *joined, oriel_status status)
{
    char message[ORIEL_ERROR_BYTES], text[ORIEL_ERROR_BYTES];
    oriel_error_copy(message, sizeof message);
    snprintf(text, sizeof text, "rank %" PRIu32 ": %.900s", joined->rank, message);
    give(joined->world, status, text);
}

void oriel_crew_leave(oriel_joined *joined)
{
    atomic_store(oriel_world_left(joined->world, joined->rank), 1);
    ring_all(joined->world);
    unlock_place(joined);
    if (joined->bound && joined->thread == gettid())
        sched_setaffinity(0, sizeof joined->before, &joined->before);
    oriel_shm_destroy(&joined->shm);
    free(joined);
}
