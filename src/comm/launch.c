/* SPDX-License-Identifier: Apache-2.0 */
/* Starts the ranks, watches over them, and says how it went. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/strand.h"
#include "comm/bind.h"
#include "comm/table.h"
#include "comm/team.h"

typedef struct launched_rank {
    struct launch *launch;
    uint32_t rank;
    oriel_strand *strand;
    bool ended;
} launched_rank;

typedef struct launch {
    oriel_shm shm;
    oriel_world *world;
    oriel_rank_fn function;
    void *context;
    oriel_comm_options options;
    cpu_set_t *place; /* [ranks]; NULL: ranks are not bound */
    uint64_t team;
    oriel_table table;
    uint32_t processors; /* for all ranks */
    oriel_remote remote;
    uint32_t ranks, started, running;
    int64_t kill_at; /* ORIEL_NEVER: no rank has failed */
    launched_rank rank[];
} launch;

/* ---- In a rank -------------------------------------------------------------------------------------------------- */

/* Whoever waits for this rank need not wait any longer. */
static void leave(oriel_world *world, uint32_t rank, oriel_status status)
{
    if (status != ORIEL_OK) {
        char text[ORIEL_ERROR_BYTES], message[ORIEL_ERROR_BYTES];
        oriel_error_copy(message, sizeof message);
        snprintf(text, sizeof text, "rank %" PRIu32 ": %.*s", rank, ORIEL_ERROR_BYTES - 32,
                 message[0] ? message : oriel_status_name(status));
        oriel_verdict_give(&world->verdict, status, text);
    }
    atomic_store(oriel_world_left(world, rank), 1);
    for (uint32_t other = 0; other < world->ranks; other++)
        oriel_bell_ring(&world->rank_bell[other]);
    oriel_bell_ring(&world->bell);
}

static oriel_status live(void *context)
{
    launched_rank *self = context;
    launch *all = self->launch;
    const pid_t process = getpid();
    oriel_comm *comm;
    if (all->place)
        sched_setaffinity(0, sizeof *all->place, &all->place[self->rank]);
    oriel_status status =
        oriel_comm_join(all->world, &all->shm, all->team, self->rank, all->options.timeout_s, all->world->asked, &comm);
    if (status == ORIEL_OK) {
        oriel_error_clear();
        comm->remote = all->remote;
        status = all->function(comm, all->context);
        if (getpid() != process)
            _exit(EXIT_FAILURE); /* a fork of the rank: the rank goes on, and nobody is to hear that it has returned */
        for (oriel_comm *each = comm; each && status == ORIEL_OK; each = each->next)
            oriel_end(each);
        for (oriel_comm *each = comm; each && status == ORIEL_OK; each = each->next)
            status = oriel_settle(each);
        oriel_comm_drop_all(comm);
    }
    leave(all->world, self->rank, status);
    if (!all->options.threads)
        fflush(NULL);
    return status;
}

/* ---- In the launcher -------------------------------------------------------------------------------------------- */

static void say_who_died(const launched_rank *rank, const oriel_fate *fate)
{
    char text[128];
    if (fate->signal)
        snprintf(text, sizeof text, "rank %" PRIu32 " was killed by signal %d (%s)", rank->rank, fate->signal,
                 strsignal(fate->signal));
    else
        snprintf(text, sizeof text, "rank %" PRIu32 " left its process with exit code %d", rank->rank, fate->code);
    oriel_world *world = rank->launch->world;
    oriel_verdict_give(&world->verdict, ORIEL_RANK_DIED, text);
    for (uint32_t other = 0; other < world->ranks; other++)
        oriel_bell_ring(&world->rank_bell[other]);
}

static void kill_all(launch *all)
{
    for (uint32_t i = 0; i < all->started; i++)
        if (!all->rank[i].ended)
            oriel_strand_kill(all->rank[i].strand);
}

/* Looks after each rank once. True: something has changed. */
static bool watch(void *context)
{
    launch *all = context;
    const uint32_t before = all->running;
    for (uint32_t i = 0; i < all->started; i++) {
        launched_rank *rank = &all->rank[i];
        oriel_fate fate = rank->ended ? (oriel_fate){0} : oriel_strand_poll(rank->strand);
        if (!fate.ended)
            continue;
        rank->ended = true;
        all->running--;
        if (fate.died)
            say_who_died(rank, &fate);
    }
    if (atomic_load(&all->world->verdict.given) && all->kill_at == ORIEL_NEVER)
        all->kill_at = oriel_deadline(all->options.timeout_s);
    if (oriel_passed(all->kill_at))
        kill_all(all);
    return all->running < before;
}

static bool all_have_ended(void *context)
{
    return ((const launch *)context)->running == 0;
}

static void wait_for_all(launch *all)
{
    oriel_wait wait = {
        .ready = all_have_ended, .context = all, .progress = watch, .progress_context = all, .deadline = ORIEL_NEVER};
    oriel_wait_for(&all->world->bell, &wait);
    for (uint32_t i = 0; i < all->started; i++)
        oriel_strand_free(all->rank[i].strand);
}

static oriel_status start_ranks(launch *all)
{
    const oriel_strand_options options = {.form = all->options.threads ? ORIEL_FORM_THREAD : ORIEL_FORM_PROCESS,
                                          .name = "oriel-rank"};
    if (!all->options.threads)
        fflush(NULL); /* what is in the streams now is this process's to write, and no rank's */
    for (; all->started < all->ranks; all->started++, all->running++) {
        launched_rank *rank = &all->rank[all->started];
        *rank = (launched_rank){.launch = all, .rank = all->started};
        oriel_status status = oriel_strand_start(&options, live, rank, &rank->strand);
        if (status != ORIEL_OK)
            return status;
    }
    return ORIEL_OK;
}

/* The first failure is the launch's. */
static oriel_status outcome(const launch *all)
{
    oriel_world *world = all->world;
    oriel_status status;
    char text[ORIEL_ERROR_BYTES];
    if (!oriel_verdict_read(&world->verdict, &status, text, sizeof text))
        return ORIEL_OK;
    if (status == ORIEL_RANK_DIED && atomic_load(&world->noted))
        return oriel_fail(status, "%.300s; %s", text, world->note);
    return oriel_fail(status, "%s", text);
}

static oriel_status run(launch *all)
{
    oriel_status status = oriel_team_make_of_all(all->world, &all->team);
    if (status != ORIEL_OK)
        return status;
    oriel_wait_tune(all->ranks, all->processors); /* the launcher sleeps */
    cpu_set_t mine;
    all->place = oriel_bind_plan(all->options.bind, oriel_host_allowed(&mine) ? &mine : NULL, all->ranks);
    status = start_ranks(all);
    if (status != ORIEL_OK) {
        char message[ORIEL_ERROR_BYTES];
        oriel_error_copy(message, sizeof message);
        oriel_verdict_give(&all->world->verdict, status, message);
        kill_all(all);
    }
    wait_for_all(all);
    return outcome(all);
}

static oriel_status check(uint32_t ranks, oriel_rank_fn function, const oriel_comm_options *options)
{
    if (ranks == 0)
        return oriel_fail(ORIEL_INVALID, "a launch of no rank");
    if (!function)
        return oriel_fail(ORIEL_INVALID, "a launch of no function");
    if (oriel_bind_check(options->bind) != ORIEL_OK)
        return ORIEL_INVALID;
    if (!options->threads && !oriel_strand_single_threaded())
        return oriel_fail(ORIEL_STATE, "this program has threads, which a fork does not copy: ask for ranks that are "
                                       "threads");
    return ORIEL_OK;
}

oriel_status oriel_comm_launch_at(uint32_t ranks, oriel_rank_fn function, void *context,
                                  const oriel_comm_options *options, uint32_t first)
{
    const oriel_comm_options none = {0};
    options = options ? options : &none;
    oriel_status status = check(ranks, function, options);
    if (status != ORIEL_OK)
        return status;
    launch *all = calloc(1, sizeof *all + ranks * sizeof *all->rank);
    if (!all)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for a launch of %" PRIu32 " ranks", ranks);
    *all =
        (launch){.function = function, .context = context, .options = *options, .ranks = ranks, .kill_at = ORIEL_NEVER};
    if (all->options.timeout_s == 0)
        all->options.timeout_s = ORIEL_TIMEOUT_S;
    status = oriel_remote_wish(&all->remote);
    if (status == ORIEL_OK)
        status = oriel_table_load(options, &all->table);
    if (status == ORIEL_OK)
        status = oriel_world_make(all->options.reserve_bytes, ranks, first, &all->shm);
    if (status == ORIEL_OK) {
        all->world = all->shm.base;
        all->processors = oriel_host_processors(NULL);
        status = oriel_table_share(all->world, &all->table, all->processors);
        if (status == ORIEL_OK)
            status = run(all);
        oriel_shm_destroy(&all->shm);
    }
    free(all->place);
    oriel_table_free(&all->table);
    free(all);
    return status;
}

oriel_status oriel_comm_launch(uint32_t ranks, oriel_rank_fn function, void *context, const oriel_comm_options *options)
{
    return oriel_comm_launch_at(ranks, function, context, options, 0);
}
