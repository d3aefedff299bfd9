/* SPDX-License-Identifier: Apache-2.0 */
/* Communicators and windows: made, split, freed. */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/pages.h"
#include "comm/crew.h"
#include "comm/team.h"

/* ---- Teams ------------------------------------------------------------------------------------------------------ */

oriel_status oriel_team_make(oriel_world *world, uint32_t ranks, uint64_t *offset)
{
    uint64_t members = sizeof(oriel_team) + ranks * sizeof(oriel_seat);
    uint64_t bytes = members + ranks * sizeof(uint32_t);
    oriel_status status = oriel_world_alloc(world, bytes, offset);
    if (status != ORIEL_OK)
        return status;
    oriel_team *team = oriel_world_at(world, *offset);
    team->ranks = ranks;
    team->bytes = bytes;
    team->members = *offset + members;
    /* As after the meeting of generation `first`, so that no line seems to be of the next. */
    for (uint32_t rank = 0; rank < ranks; rank++) {
        oriel_seat *seat = &team->seat[rank];
        for (uint32_t past = 0; past < ORIEL_AHEAD; past++)
            atomic_store(&oriel_line_of(seat, world->first - past)->head, world->first - past);
        atomic_store(&seat->done, world->first);
    }
    return ORIEL_OK;
}

oriel_status oriel_team_make_of_all(oriel_world *world, uint64_t *offset)
{
    oriel_status status = oriel_team_make(world, world->ranks, offset);
    if (status != ORIEL_OK)
        return status;
    const oriel_team *team = oriel_world_at(world, *offset);
    uint32_t *member = oriel_world_at(world, team->members);
    for (uint32_t rank = 0; rank < world->ranks; rank++)
        member[rank] = rank;
    return ORIEL_OK;
}

/* A root's list is of all threads that use communicators which were split from it. */
static void enlist(oriel_comm *comm, oriel_comm *root)
{
    comm->root = root;
    pthread_mutex_lock(&root->list_mutex);
    comm->next = root->next;
    root->next = comm;
    pthread_mutex_unlock(&root->list_mutex);
}

static void strike_off(oriel_comm *comm)
{
    oriel_comm *root = comm->root, **link = &root->next;
    pthread_mutex_lock(&root->list_mutex);
    while (*link != comm)
        link = &(*link)->next;
    *link = comm->next;
    pthread_mutex_unlock(&root->list_mutex);
}

void oriel_comm_drop(oriel_comm *comm)
{
    for (oriel_window *window = comm->windows, *next; window; window = next) {
        next = window->next;
        free(window);
    }
    oriel_kernels_free(comm->kernels);
    free(comm->choices);
    free(comm->bells);
    free(comm->terms);
    free(comm->targets);
    free(comm->trials);
    pthread_mutex_destroy(&comm->list_mutex);
    free(comm);
}

void oriel_comm_drop_all(oriel_comm *comm)
{
    for (oriel_comm *next; comm; comm = next) {
        next = comm->next;
        oriel_comm_drop(comm);
    }
}

oriel_status oriel_comm_join(oriel_world *world, oriel_shm *shm, uint64_t offset, uint32_t rank, double timeout_s,
                             oriel_asked asked, oriel_comm **out)
{
    oriel_team *team = oriel_world_at(world, offset);
    const uint32_t ranks = team->ranks;
    oriel_comm *comm = calloc(1, sizeof *comm);
    if (comm) {
        *comm = (oriel_comm){.team = team,
                             .world = world,
                             .rank = rank,
                             .ranks = ranks,
                             .generation = world->first,
                             .may = world->first + ORIEL_AHEAD - 1,
                             .spins = oriel_wait_spins(),
                             .timeout_s = timeout_s,
                             .member = oriel_world_at(world, team->members),
                             .bells = calloc(ranks, sizeof *comm->bells),
                             .terms = calloc(ranks, sizeof *comm->terms),
                             .targets = calloc(ranks, sizeof *comm->targets),
                             .trials = calloc(ORIEL_MOVES, sizeof *comm->trials),
                             .shm = shm,
                             .root = comm};
        pthread_mutex_init(&comm->list_mutex, NULL);
        if (!comm->bells || !comm->terms || !comm->targets || !comm->trials || oriel_choose(comm, asked) != ORIEL_OK) {
            oriel_comm_drop(comm);
            comm = NULL;
        }
    }
    if (!comm)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for a communicator of %" PRIu32 " ranks", ranks);
    for (uint32_t step = 1; step < ranks; step++)
        comm->bells[step - 1] = &world->rank_bell[comm->member[(rank + step) % ranks]];
    *out = comm;
    return ORIEL_OK;
}

/* ---- Blocks for all --------------------------------------------------------------------------------------------- */

/* What rank 0, or the first of a part, tells the others. */
typedef struct announcement {
    oriel_status status;
    uint64_t offset;
} announcement;

_Static_assert(sizeof(announcement) <= ORIEL_PAYLOAD, "fits into a line");

/* Whoever announced it has the message with the values. */
static oriel_status heed(const announcement *news, bool mine, uint64_t *offset)
{
    if (news->status == ORIEL_OK)
        *offset = news->offset;
    else if (!mine)
        return oriel_fail(news->status, "no room for the shared memory that all ranks need");
    return news->status;
}

oriel_status oriel_block_for_all(oriel_comm *comm, oriel_call call, uint64_t bytes, uint64_t *offset)
{
    announcement news = {.status = ORIEL_OK};
    if (comm->rank == 0) {
        news.status = oriel_world_alloc(comm->world, bytes, &news.offset);
        memcpy(oriel_next_line(comm)->payload, &news, sizeof news);
    }
    oriel_status status = oriel_meet(comm, call);
    if (status != ORIEL_OK)
        return status;
    memcpy(&news, oriel_peer_line(comm, 0)->payload, sizeof news);
    return heed(&news, comm->rank == 0, offset);
}

/* ---- Windows and algorithms -------------------------------------------------------------------------------------- */

static oriel_status begin(oriel_comm *comm)
{
    if (!comm)
        return oriel_fail(ORIEL_INVALID, "there is no communicator");
    if (comm->broken != ORIEL_OK)
        return oriel_refuse(comm);
    comm->calls++;
    return ORIEL_OK;
}

oriel_status oriel_comm_choose(oriel_comm *comm, const char *algorithm)
{
    oriel_status status = begin(comm);
    if (status != ORIEL_OK)
        return status;
    oriel_asked asked = comm->world->asked;
    status = oriel_asked_take(algorithm, "", &asked);
    if (status == ORIEL_OK)
        status = oriel_meet(comm, oriel_call_of(ORIEL_OP_CHOOSE, asked, PTO_F32, PTO_SUM, 0));
    if (status == ORIEL_OK && oriel_choose(comm, asked) != ORIEL_OK)
        return oriel_break(comm, ORIEL_NO_MEMORY, "no memory for the choice of algorithms");
    return status;
}

/* Meets in any case: a size that cannot be is one that the other ranks may not have asked for. */
static oriel_status meet_for_window(oriel_comm *comm, uint64_t bytes, oriel_window *window, uint64_t *stride)
{
    const uint64_t most = INT64_MAX / comm->ranks - oriel_pages_up(1);
    const oriel_call call = oriel_call_of(ORIEL_OP_WINDOW_ALLOC, bytes, PTO_F32, PTO_SUM, 0);
    if (bytes == 0 || bytes > most) {
        oriel_status status = oriel_meet(comm, call);
        return status != ORIEL_OK || bytes == 0
                   ? status
                   : oriel_fail(ORIEL_NO_MEMORY, "no room for a window of %" PRIu64 " B on each of %" PRIu32 " ranks",
                                bytes, comm->ranks);
    }
    *stride = oriel_pages_up(bytes);
    window->bytes = *stride * comm->ranks;
    return oriel_block_for_all(comm, call, window->bytes, &window->block);
}

oriel_status oriel_window_alloc(oriel_comm *comm, uint64_t bytes, void **out)
{
    if (!out)
        return oriel_fail(ORIEL_INVALID, "there is no place for the address of a window");
    oriel_status status = begin(comm);
    if (status != ORIEL_OK)
        return status;
    oriel_window *window = calloc(1, sizeof *window);
    if (!window)
        return oriel_break(comm, ORIEL_NO_MEMORY, "no memory for the description of a window");
    uint64_t stride = 0;
    status = meet_for_window(comm, bytes, window, &stride);
    if (status != ORIEL_OK || bytes == 0) {
        free(window);
        if (status == ORIEL_OK)
            *out = NULL;
        return status;
    }
    window->mine = oriel_world_at(comm->world, window->block + comm->rank * stride);
    window->next = comm->windows;
    comm->windows = window;
    *out = window->mine;
    return ORIEL_OK;
}

oriel_status oriel_window_free(oriel_comm *comm, void *mine)
{
    if (!mine)
        return ORIEL_OK;
    oriel_status status = begin(comm);
    if (status != ORIEL_OK)
        return status;
    oriel_window **link = &comm->windows;
    while (*link && (*link)->mine != mine)
        link = &(*link)->next;
    oriel_window *window = *link;
    if (!window)
        return oriel_fail(ORIEL_INVALID, "%p is not the start of a window of this communicator", mine);
    status = oriel_meet(comm, oriel_call_of(ORIEL_OP_WINDOW_FREE, window->block, PTO_F32, PTO_SUM, 0));
    if (status != ORIEL_OK)
        return status;
    if (comm->rank == 0)
        oriel_world_free(comm->world, comm->shm, window->block, window->bytes);
    *link = window->next;
    free(window);
    return ORIEL_OK;
}

/* ---- Splitting -------------------------------------------------------------------------------------------------- */

typedef struct place_in_part {
    int32_t color, key;
    uint32_t rank; /* in the whole */
} place_in_part;

static int compare_places(const void *a, const void *b)
{
    const place_in_part *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

/* The ranks of my color, in their order: first in `place`. Returns how many there are, and sets my place. */
static uint32_t find_part(const oriel_comm *comm, int32_t color, place_in_part *place, uint32_t *mine)
{
    uint32_t ranks = 0;
    for (uint32_t rank = 0; rank < comm->ranks; rank++) {
        place_in_part its;
        memcpy(&its, oriel_peer_line(comm, rank)->payload, sizeof its);
        if (its.color == color)
            place[ranks++] = its;
    }
    qsort(place, ranks, sizeof *place, compare_places);
    for (uint32_t i = 0; i < ranks; i++)
        if (place[i].rank == comm->rank)
            *mine = i;
    return ranks;
}

static oriel_status make_part(oriel_comm *comm, const place_in_part *place, uint32_t ranks, uint64_t *offset)
{
    oriel_status status = oriel_team_make(comm->world, ranks, offset);
    if (status != ORIEL_OK)
        return status;
    oriel_team *team = oriel_world_at(comm->world, *offset);
    uint32_t *member = oriel_world_at(comm->world, team->members);
    for (uint32_t i = 0; i < ranks; i++)
        member[i] = comm->member[place[i].rank];
    return ORIEL_OK;
}

/* All meet once to tell their colors, and once for the first of each part to tell where it made the team. */
static oriel_status split(oriel_comm *comm, int32_t color, int32_t key, place_in_part *place, oriel_comm **part)
{
    const oriel_call call = oriel_call_of(ORIEL_OP_SPLIT, 0, PTO_F32, PTO_SUM, 0);
    const place_in_part my_own = {color, key, comm->rank};
    memcpy(oriel_next_line(comm)->payload, &my_own, sizeof my_own);
    oriel_status status = oriel_meet(comm, call);
    if (status != ORIEL_OK)
        return status;
    uint32_t mine = 0, ranks = color == ORIEL_NO_COLOR ? 0 : find_part(comm, color, place, &mine);
    announcement news = {.status = ORIEL_OK};
    if (ranks > 0 && mine == 0) {
        news.status = make_part(comm, place, ranks, &news.offset);
        memcpy(oriel_next_line(comm)->payload, &news, sizeof news);
    }
    status = oriel_meet(comm, call);
    if (status != ORIEL_OK || ranks == 0) {
        if (status == ORIEL_OK)
            *part = NULL;
        return status;
    }
    uint64_t team = 0;
    memcpy(&news, oriel_peer_line(comm, place[0].rank)->payload, sizeof news);
    status = heed(&news, mine == 0, &team);
    if (status != ORIEL_OK)
        return status;
    oriel_comm *made;
    status = oriel_comm_join(comm->world, comm->shm, team, mine, comm->timeout_s, comm->asked, &made);
    if (status != ORIEL_OK)
        return oriel_break(comm, status, "no memory for a communicator");
    made->remote = comm->remote;
    enlist(made, comm->root);
    *part = made;
    return ORIEL_OK;
}

oriel_status oriel_comm_split(oriel_comm *comm, int32_t color, int32_t key, oriel_comm **part)
{
    if (!part)
        return oriel_fail(ORIEL_INVALID, "there is no place for the part of a communicator");
    if (color < 0 && color != ORIEL_NO_COLOR)
        return oriel_fail(ORIEL_INVALID, "color %" PRId32 ": colors are not negative", color);
    oriel_status status = begin(comm);
    if (status != ORIEL_OK)
        return status;
    place_in_part *place = calloc(comm->ranks, sizeof *place);
    if (!place)
        return oriel_break(comm, ORIEL_NO_MEMORY, "no memory to split a communicator");
    status = split(comm, color, key, place, part);
    free(place);
    return status;
}

/* The last rank to come here frees what they shared. Who has counted itself may not look at it any more. */
static void leave_team(oriel_comm *comm)
{
    oriel_world *world = comm->world;
    oriel_team *team = comm->team;
    if (atomic_fetch_add(&team->gone, 1) + 1 < comm->ranks)
        return;
    for (oriel_window *window = comm->windows; window; window = window->next)
        oriel_world_free(world, comm->shm, window->block, window->bytes);
    if (comm->half)
        oriel_world_free(world, comm->shm, comm->scratch, 2 * comm->half * comm->ranks);
    if (comm->kernel_bytes)
        oriel_world_free(world, comm->shm, comm->kernel_block, oriel_kernel_block_bytes(comm, comm->kernel_bytes));
    oriel_world_free(world, comm->shm, oriel_world_offset(world, team), team->bytes);
}

/* All have ended on this part, and freeing it is a call of all. */
static oriel_status leave_part(oriel_comm *part)
{
    oriel_status status;
    if (part->broken != ORIEL_OK)
        return ORIEL_OK;
    return oriel_hear(part, &status) ? status : oriel_settle(part);
}

/* Meets before all of it goes: who has come has made its last call on each part, and said so. */
static oriel_status leave_root(oriel_comm *root, oriel_call call)
{
    for (oriel_comm *part = root->next; part; part = part->next)
        oriel_end(part);
    oriel_status status = oriel_meet(root, call);
    for (oriel_comm *part = root->next; part && status == ORIEL_OK; part = part->next)
        status = leave_part(part);
    return status;
}

oriel_status oriel_comm_free(oriel_comm *comm)
{
    if (!comm)
        return ORIEL_OK;
    const bool is_root = comm->root == comm;
    if (is_root && !comm->joined)
        return oriel_fail(ORIEL_INVALID, "the communicator of a launch is freed by the launch");
    /* What ranks share of a broken one stays until the launch ends: somebody may still read it. */
    oriel_status status = ORIEL_OK;
    if (comm->broken == ORIEL_OK) {
        const oriel_call call = oriel_call_of(ORIEL_OP_FREE, 0, PTO_F32, PTO_SUM, 0);
        comm->calls++;
        status = is_root ? leave_root(comm, call) : oriel_meet(comm, call);
        if (status == ORIEL_OK && !is_root)
            leave_team(comm);
    }
    if (is_root) {
        oriel_joined *joined = comm->joined;
        oriel_comm_drop_all(comm);
        oriel_crew_leave(joined);
        return status;
    }
    strike_off(comm);
    oriel_comm_drop(comm);
    return status;
}
