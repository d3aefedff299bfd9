/* SPDX-License-Identifier: Apache-2.0 */
/* Ranks meet, or learn why they cannot. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "comm/crew.h"
#include "comm/team.h"
#include "oriel/info.h"

/* ---- Words ------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    const char *root; /* before its number, if it has one */
} operations[ORIEL_OP_COUNT] = {
    [ORIEL_OP_BARRIER] = {"barrier"},
    [ORIEL_OP_BROADCAST] = {"broadcast", "from"},
    [ORIEL_OP_REDUCE] = {"reduce", "to"},
    [ORIEL_OP_ALLREDUCE] = {"all-reduce"},
    [ORIEL_OP_REDUCE_SCATTER] = {"reduce-scatter"},
    [ORIEL_OP_ALLGATHER] = {"all-gather"},
    [ORIEL_OP_ALLTOALL] = {"all-to-all"},
    [ORIEL_OP_GATHER] = {"gather", "to"},
    [ORIEL_OP_SCATTER] = {"scatter", "from"},
    [ORIEL_OP_SPLIT] = {"split"},
    [ORIEL_OP_FREE] = {"free"},
    [ORIEL_OP_WINDOW_ALLOC] = {"window alloc"},
    [ORIEL_OP_WINDOW_FREE] = {"window free"},
    [ORIEL_OP_CHOOSE] = {"choice of algorithms"},
};

const char *oriel_call_text(oriel_call call, char text[ORIEL_CALL_TEXT])
{
    oriel_operation operation = (oriel_operation)(call.word[0] & 0xff);
    if (operation >= ORIEL_OP_COUNT) {
        snprintf(text, ORIEL_CALL_TEXT, "a call of an unknown kind");
        return text;
    }
    int end = snprintf(text, ORIEL_CALL_TEXT, "%s", operations[operation].name);
    if (operation < ORIEL_MOVES && operation != ORIEL_OP_BARRIER)
        end += snprintf(text + end, ORIEL_CALL_TEXT - (size_t)end, " of %" PRIu64 " %s", call.word[1],
                        oriel_dtype_name((pto_dtype)(call.word[0] >> 8 & 0xff)));
    else if (operation == ORIEL_OP_WINDOW_ALLOC)
        end += snprintf(text + end, ORIEL_CALL_TEXT - (size_t)end, " of %" PRIu64 " B", call.word[1]);
    else if (operation == ORIEL_OP_WINDOW_FREE)
        end += snprintf(text + end, ORIEL_CALL_TEXT - (size_t)end, " of the one at 0x%" PRIx64, call.word[1]);
    else if (operation == ORIEL_OP_CHOOSE) {
        char asked[ORIEL_CALL_TEXT / 2];
        end += snprintf(text + end, ORIEL_CALL_TEXT - (size_t)end, ": %s",
                        oriel_asked_text(call.word[1], asked, sizeof asked));
    }
    if (oriel_operation_reduces(operation))
        end += snprintf(text + end, ORIEL_CALL_TEXT - (size_t)end, ", %s",
                        oriel_reduce_name((pto_reduce)(call.word[0] >> 16 & 0xff)));
    if (operations[operation].root)
        snprintf(text + end, ORIEL_CALL_TEXT - (size_t)end, " %s rank %" PRIu32, operations[operation].root,
                 (uint32_t)(call.word[0] >> 32));
    return text;
}

/* "rank 1", in a part with its number in the launch: "rank 1 (rank 5 of the launch)". */
#define RANK_TEXT 64
static const char *rank_text(const oriel_comm *comm, uint32_t rank, char text[RANK_TEXT])
{
    if (comm->root == comm)
        snprintf(text, RANK_TEXT, "rank %" PRIu32, rank);
    else
        snprintf(text, RANK_TEXT, "rank %" PRIu32 " (rank %" PRIu32 " of the launch)", rank, comm->member[rank]);
    return text;
}

/* ---- Failing ---------------------------------------------------------------------------------------------------- */

oriel_status oriel_break(oriel_comm *comm, oriel_status status, const char *text)
{
    comm->broken = status;
    if (oriel_verdict_give(&comm->team->verdict, status, text))
        oriel_bell_ring_all(comm->bells, comm->ranks - 1);
    return oriel_fail(status, "%s", text);
}

oriel_status oriel_refuse(const oriel_comm *comm)
{
    char text[ORIEL_ERROR_BYTES];
    oriel_status status;
    if (!oriel_verdict_read(&comm->team->verdict, &status, text, sizeof text))
        snprintf(text, sizeof text, "%s", oriel_status_name(comm->broken));
    return oriel_fail(ORIEL_STATE, "the communicator is broken: %s", text);
}

/* What a rank published last, if anything: it may be publishing again. */
#define LAST_TEXT (ORIEL_CALL_TEXT + 32)
static const char *last_call_text(const oriel_comm *comm, uint32_t peer, char text[LAST_TEXT])
{
    const oriel_seat *seat = &comm->team->seat[peer];
    uint32_t even = (uint32_t)atomic_load(&seat->line[0].head), odd = (uint32_t)atomic_load(&seat->line[1].head);
    uint32_t last = (int32_t)(odd - even) > 0 ? odd : even;
    const _Atomic uint64_t *word = seat->call[last & 1];
    oriel_call call = {{atomic_load(&word[0]), atomic_load(&word[1])}};
    char what[ORIEL_CALL_TEXT];
    if (last == comm->world->first)
        snprintf(text, LAST_TEXT, "it has made no call");
    else
        snprintf(text, LAST_TEXT, "its last call is %s", oriel_call_text(call, what));
    return text;
}

/* The first who leaves a wait because a rank died says so, for the launcher's message. */
static void note_who_waited(oriel_world *world, const char *text)
{
    if (atomic_exchange(&world->waited, 1) != 0)
        return;
    snprintf(world->note, sizeof world->note, "%s", text);
    atomic_store_explicit(&world->noted, 1, memory_order_release);
}

/* What others have given as the reason, if they have: this rank's call ends with it. `waited` says for whom it was. */
static bool fail_with_others(oriel_comm *comm, const char *waited, oriel_status *status)
{
    char why[ORIEL_ERROR_BYTES];
    oriel_status theirs;
    if (oriel_verdict_read(&comm->team->verdict, &theirs, why, sizeof why)) {
        *status = comm->broken = oriel_fail(theirs, "%s", why);
        return true;
    }
    if (!oriel_verdict_read(&comm->world->verdict, &theirs, why, sizeof why))
        return false;
    note_who_waited(comm->world, waited);
    theirs = theirs == ORIEL_RANK_DIED ? ORIEL_RANK_DIED : ORIEL_ABORTED;
    *status = comm->broken = oriel_fail(theirs, "%.500s: %.500s", waited, why);
    return true;
}

/* Why the wait for `peer` ended without it. */
static oriel_status fail_waiting(oriel_comm *comm, oriel_call call, uint32_t peer, oriel_status status)
{
    char waited[320], text[ORIEL_ERROR_BYTES], me[RANK_TEXT], it[RANK_TEXT], what[ORIEL_CALL_TEXT], last[LAST_TEXT];
    snprintf(waited, sizeof waited, "%s waited for %s in %s (call %" PRIu64 ")", rank_text(comm, comm->rank, me),
             rank_text(comm, peer, it), oriel_call_text(call, what), comm->calls);
    if (comm->root->joined && status == ORIEL_TIMEOUT)
        oriel_crew_watch(comm->root->joined);
    if (fail_with_others(comm, waited, &status))
        return status;
    if (status == ORIEL_ABORTED) {
        snprintf(text, sizeof text, "%s, which has %s", waited,
                 comm->root->joined ? "freed its communicator" : "returned from its function");
        return oriel_break(comm, ORIEL_STATE, text);
    }
    snprintf(text, sizeof text, "%s, which did not come in %g s: %s", waited, comm->timeout_s,
             last_call_text(comm, peer, last));
    return oriel_break(comm, ORIEL_TIMEOUT, text);
}

oriel_status oriel_fail_kernel(oriel_comm *comm, oriel_call call, oriel_status status)
{
    char message[ORIEL_ERROR_BYTES], text[ORIEL_ERROR_BYTES], me[RANK_TEXT], what[ORIEL_CALL_TEXT];
    oriel_error_copy(message, sizeof message);
    snprintf(text, sizeof text, "%s in %s (call %" PRIu64 "): %.600s", rank_text(comm, comm->rank, me),
             oriel_call_text(call, what), comm->calls, message);
    return fail_with_others(comm, text, &status) ? status : oriel_break(comm, status, text);
}

/* This rank need not wait, but another has given up on the call, and may use its buffers for something else by now. */
static __attribute__((noinline)) oriel_status fail_late(oriel_comm *comm, oriel_call call)
{
    char text[320], me[RANK_TEXT], what[ORIEL_CALL_TEXT];
    oriel_status status = ORIEL_OK;
    snprintf(text, sizeof text, "%s was in %s (call %" PRIu64 ")", rank_text(comm, comm->rank, me),
             oriel_call_text(call, what), comm->calls);
    fail_with_others(comm, text, &status);
    return status;
}

static oriel_status fail_different(oriel_comm *comm, oriel_call call, uint32_t peer)
{
    char text[ORIEL_ERROR_BYTES], mine[ORIEL_CALL_TEXT], its[ORIEL_CALL_TEXT], me[RANK_TEXT], it[RANK_TEXT];
    const _Atomic uint64_t *word = comm->team->seat[peer].call[comm->generation & 1];
    oriel_call theirs = {{atomic_load(&word[0]), atomic_load(&word[1])}};
    snprintf(text, sizeof text, "calls differ: %s calls %s, %s calls %s", rank_text(comm, comm->rank, me),
             oriel_call_text(call, mine), rank_text(comm, peer, it), oriel_call_text(theirs, its));
    return oriel_break(comm, ORIEL_INVALID, text);
}

/* ---- Waiting ---------------------------------------------------------------------------------------------------- */

/*
 * What a rank is waited for: a word of its seat, whose lower half is the generation that it has come to. Nothing of this is put
 * together before it is needed: a load of what was stored in smaller parts waits until the stores have left the
 * processor, and they queue behind the one to this rank's line, for which a peer has to give that line up.
 */
typedef struct awaited {
    const _Atomic uint64_t *word;
    uint32_t generation;
} awaited;

static inline bool has_come(const _Atomic uint64_t *word, uint32_t generation)
{
    return (uint32_t)atomic_load_explicit(word, memory_order_acquire) == generation;
}

static bool look_if_come(void *context)
{
    const awaited *what = context;
    return has_come(what->word, what->generation);
}

static inline bool comes_soon(const oriel_comm *comm, const _Atomic uint64_t *word, uint32_t generation)
{
    for (uint32_t look = 0; !has_come(word, generation); look++) {
        if (look == comm->spins)
            return false;
        oriel_wait_pause();
    }
    return true;
}

/* The call of the meeting that this rank is in, or was in last. */
static oriel_call my_call(const oriel_comm *comm)
{
    const _Atomic uint64_t *word = comm->team->seat[comm->rank].call[comm->generation & 1];
    return (oriel_call){{atomic_load(&word[0]), atomic_load(&word[1])}};
}

/* Before it sleeps, it wakes those who sleep until this rank comes. */
static __attribute__((noinline)) oriel_status wait_long(oriel_comm *comm, uint32_t peer, const _Atomic uint64_t *word)
{
    oriel_world *world = comm->world;
    awaited what = {word, comm->generation};
    oriel_wait wait = {
        .ready = look_if_come,
        .context = &what,
        .idle = comm->root->joined ? oriel_crew_watch : NULL,
        .idle_context = comm->root->joined,
        .deadline = oriel_deadline(comm->timeout_s),
        .abort = {&comm->team->verdict.given, &world->verdict.given, oriel_world_left(world, comm->member[peer])},
    };
    oriel_bell_ring_all(comm->bells, comm->ranks - 1);
    oriel_status status = oriel_wait_for(&world->rank_bell[comm->member[comm->rank]], &wait);
    /* It may have come, and returned from its function, between two looks. */
    return status == ORIEL_OK || look_if_come(&what) ? ORIEL_OK : fail_waiting(comm, my_call(comm), peer, status);
}

static inline oriel_status await(oriel_comm *comm, uint32_t peer, const _Atomic uint64_t *word)
{
    return __builtin_expect(comes_soon(comm, word, comm->generation), 1) ? ORIEL_OK : wait_long(comm, peer, word);
}

/* ---- Meeting ---------------------------------------------------------------------------------------------------- */

/*
 * Bells are rung after the looks that are quick, since their fence waits until this rank's line has left for memory, which it does
 * meanwhile. Nobody sleeps longer for it: who sleeps waits for all that this rank looks for.
 */
oriel_status oriel_meet(oriel_comm *comm, oriel_call call)
{
    const uint32_t generation = ++comm->generation, half = generation & 1, ranks = comm->ranks;
    const uint64_t head = generation | (uint64_t)oriel_call_digest(call) << 32;
    oriel_seat *seats = comm->team->seat, *mine = &seats[comm->rank];
    atomic_store_explicit(&mine->call[half][0], call.word[0], memory_order_relaxed);
    atomic_store_explicit(&mine->call[half][1], call.word[1], memory_order_relaxed);
    /* Those who gave up have published: a rank that is late would find all lines, and go on alone. */
    if (__builtin_expect(atomic_load_explicit(&comm->team->verdict.given, memory_order_relaxed) != 0, 0))
        return fail_late(comm, my_call(comm));
    atomic_store_explicit(&mine->line[half].head, head, memory_order_release);
    /* Each rank begins with its right neighbour, so that they do not all ask for the same line. */
    for (uint32_t step = 1, peer = comm->rank; step < ranks; step++) {
        peer = peer + 1 == ranks ? 0 : peer + 1;
        const _Atomic uint64_t *its = &seats[peer].line[half].head;
        oriel_status status = await(comm, peer, its);
        if (__builtin_expect(status != ORIEL_OK, 0))
            return status;
        if (__builtin_expect(atomic_load_explicit(its, memory_order_relaxed) != head, 0))
            return fail_different(comm, my_call(comm), peer);
    }
    oriel_bell_ring_all(comm->bells, ranks - 1);
    return ORIEL_OK;
}

oriel_status oriel_finish(oriel_comm *comm, bool wait, uint32_t first, uint32_t count)
{
    oriel_seat *seats = comm->team->seat;
    atomic_store_explicit(&seats[comm->rank].done, comm->generation, memory_order_release);
    for (uint32_t i = 0; wait && i < count; i++) {
        oriel_status status = await(comm, first + i, &seats[first + i].done);
        if (status != ORIEL_OK)
            return status;
    }
    oriel_bell_ring_all(comm->bells, comm->ranks - 1);
    /* Was it still the data, what was read? (Asked after the reading: the bells' fence lies in between.) */
    if (__builtin_expect(atomic_load_explicit(&comm->team->verdict.given, memory_order_relaxed) ||
                             atomic_load_explicit(&comm->world->verdict.given, memory_order_relaxed),
                         0))
        return fail_late(comm, my_call(comm));
    return ORIEL_OK;
}
