/* SPDX-License-Identifier: Apache-2.0 */
/* Ranks meet, or learn why they cannot. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/names.h"
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

/* What a rank called in a generation that is not long ago. */
static oriel_call call_of(const oriel_comm *comm, uint32_t rank, uint32_t generation)
{
    const _Atomic uint64_t *word = comm->team->seat[rank].call[generation % ORIEL_LOG];
    return (oriel_call){{atomic_load(&word[0]), atomic_load(&word[1])}};
}

/* The call of the meeting or post that this rank is in, or was in last. */
static oriel_call my_call(const oriel_comm *comm)
{
    return call_of(comm, comm->rank, comm->generation);
}

/* What a rank published last, if anything: it may be publishing again. */
#define LAST_TEXT (ORIEL_CALL_TEXT + 32)
static const char *last_call_text(const oriel_comm *comm, uint32_t peer, char text[LAST_TEXT])
{
    oriel_seat *seat = &comm->team->seat[peer];
    uint32_t last = (uint32_t)atomic_load(&seat->line[0].head);
    for (uint32_t i = 1; i < ORIEL_AHEAD; i++) {
        uint32_t other = (uint32_t)atomic_load(&seat->line[i].head);
        last = (int32_t)(other - last) > 0 ? other : last;
    }
    oriel_call call = call_of(comm, peer, last);
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

bool oriel_hear(oriel_comm *comm, oriel_status *status)
{
    char why[ORIEL_ERROR_BYTES];
    oriel_status theirs;
    if (!oriel_verdict_read(&comm->team->verdict, &theirs, why, sizeof why))
        return false;
    *status = comm->broken = oriel_fail(theirs, "%s", why);
    return true;
}

/* What others have given as the reason, if they have: this rank's call ends with it. `waited` says for whom it was. */
static bool fail_with_others(oriel_comm *comm, const char *waited, oriel_status *status)
{
    char why[ORIEL_ERROR_BYTES];
    oriel_status theirs;
    if (oriel_hear(comm, status))
        return true;
    if (!oriel_verdict_read(&comm->world->verdict, &theirs, why, sizeof why))
        return false;
    note_who_waited(comm->world, waited);
    theirs = theirs == ORIEL_RANK_DIED ? ORIEL_RANK_DIED : ORIEL_ABORTED;
    *status = comm->broken = oriel_fail(theirs, "%.500s: %.500s", waited, why);
    return true;
}

static const char *how_it_ended(const oriel_comm *comm)
{
    return comm->root->joined ? "freed its communicator" : "returned from its function";
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
        snprintf(text, sizeof text, "%s, which has %s", waited, how_it_ended(comm));
        return oriel_break(comm, ORIEL_STATE, text);
    }
    snprintf(text, sizeof text, "%s, which did not come in %g s: %s", waited, comm->timeout_s,
             last_call_text(comm, peer, last));
    return oriel_break(comm, ORIEL_TIMEOUT, text);
}

oriel_status oriel_fail_kernel(oriel_comm *comm, oriel_call call, oriel_status status, const bool *awaited)
{
    char message[ORIEL_ERROR_BYTES], waited[ORIEL_ERROR_BYTES], text[ORIEL_ERROR_BYTES], late[48] = "";
    char me[RANK_TEXT], it[RANK_TEXT], what[ORIEL_CALL_TEXT];
    oriel_names names = {0};
    oriel_error_copy(message, sizeof message);
    for (uint32_t rank = 0; awaited && rank < comm->ranks; rank++)
        if (awaited[rank])
            oriel_names_add(&names, "%s", rank_text(comm, rank, it));
    snprintf(waited, sizeof waited, "%s%s%s in %s (call %" PRIu64 ")", rank_text(comm, comm->rank, me),
             names.count ? " waited for " : " was", oriel_names_text(&names), oriel_call_text(call, what), comm->calls);
    if (comm->root->joined && status == ORIEL_TIMEOUT)
        oriel_crew_watch(comm->root->joined);
    if (fail_with_others(comm, waited, &status))
        return status;
    if (names.count)
        snprintf(late, sizeof late, ", which did not go on in %g s", comm->timeout_s);
    snprintf(text, sizeof text, "%.400s%s: %.500s", waited, late, message);
    return oriel_break(comm, status, text);
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

/*
 * The digests of `generation` differ: the first call that does may have been before, when this rank did not wait for the peer. If
 * a rank has died, others may have heard it where this one did not wait, and call something else for that.
 */
static __attribute__((noinline)) oriel_status fail_different(oriel_comm *comm, uint32_t generation, uint32_t peer)
{
    oriel_status status;
    char text[ORIEL_ERROR_BYTES], mine[ORIEL_CALL_TEXT], its[ORIEL_CALL_TEXT], me[RANK_TEXT], it[RANK_TEXT];
    uint32_t past = ORIEL_AHEAD;
    oriel_call ours, theirs;
    if (oriel_verdict_read(&comm->world->verdict, &status, text, sizeof text) && status == ORIEL_RANK_DIED)
        return fail_late(comm, my_call(comm));
    do {
        ours = call_of(comm, comm->rank, generation - --past);
        theirs = call_of(comm, peer, generation - past);
    } while (past > 0 && ours.word[0] == theirs.word[0] && ours.word[1] == theirs.word[1]);
    snprintf(text, sizeof text, "calls differ: %s calls %s, %s calls %s", rank_text(comm, comm->rank, me),
             oriel_call_text(ours, mine), rank_text(comm, peer, it), oriel_call_text(theirs, its));
    return oriel_break(comm, ORIEL_INVALID, text);
}

/* Both have ended, `peer` with generation `last`, and one of them has made calls to which the other never came. */
static oriel_status fail_behind(oriel_comm *comm, uint32_t peer, uint32_t last)
{
    char text[ORIEL_ERROR_BYTES], it[RANK_TEXT], other[RANK_TEXT], what[ORIEL_CALL_TEXT];
    const bool is_behind = (int32_t)(last - comm->generation) < 0;
    const uint32_t ahead = is_behind ? comm->rank : peer, behind = is_behind ? peer : comm->rank;
    const uint32_t missed = (is_behind ? last : comm->generation) + 1;
    snprintf(text, sizeof text, "%s made a call to which %s never came, which has %s: %s", rank_text(comm, ahead, it),
             rank_text(comm, behind, other), how_it_ended(comm), oriel_call_text(call_of(comm, ahead, missed), what));
    return oriel_break(comm, ORIEL_STATE, text);
}

/* For how long a rank whose memory is not there any more is waited for to be found dead, by whoever looks after it. */
#define FOUND_S 2.0

static bool never(void *context)
{
    (void)context;
    return false;
}

oriel_status oriel_fail_unread(oriel_comm *comm, oriel_call call, uint32_t peer, int error)
{
    char reads[320], text[ORIEL_ERROR_BYTES], me[RANK_TEXT], it[RANK_TEXT], what[ORIEL_CALL_TEXT];
    const oriel_wait wait = {
        .ready = never,
        .idle = comm->root->joined ? oriel_crew_watch : NULL,
        .idle_context = comm->root->joined,
        .deadline = oriel_deadline(FOUND_S),
        .abort = {&comm->team->verdict.given, &comm->world->verdict.given},
    };
    oriel_status status = ORIEL_OK;
    snprintf(reads, sizeof reads, "%s read the memory of %s in %s (call %" PRIu64 ")", rank_text(comm, comm->rank, me),
             rank_text(comm, peer, it), oriel_call_text(call, what), comm->calls);
    if (error == ESRCH || error == EFAULT)
        oriel_wait_for(&comm->world->rank_bell[comm->member[comm->rank]], &wait);
    if (fail_with_others(comm, reads, &status))
        return status;
    if (error == ESRCH)
        snprintf(text, sizeof text, "%s, whose process is gone", reads);
    else
        snprintf(text, sizeof text, "%s, which the system refused: %s", reads, strerror(error));
    return oriel_break(comm, error == ESRCH ? ORIEL_RANK_DIED : ORIEL_SYSTEM, text);
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
    bool or_later;
} awaited;

static inline bool has_come(const awaited *what)
{
    uint32_t come = (uint32_t)atomic_load_explicit(what->word, memory_order_acquire);
    return what->or_later ? (int32_t)(come - what->generation) >= 0 : come == what->generation;
}

static bool look_if_come(void *context)
{
    return has_come(context);
}

static inline bool comes_soon(const oriel_comm *comm, const awaited *what)
{
    for (uint32_t look = 0; !has_come(what); look++) {
        if (look == comm->spins)
            return false;
        oriel_wait_pause();
    }
    return true;
}

/* Before it sleeps, it wakes those who sleep until this rank comes. */
static __attribute__((noinline)) oriel_status wait_long(oriel_comm *comm, uint32_t peer, awaited what)
{
    oriel_world *world = comm->world;
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
    return status == ORIEL_OK || has_come(&what) ? ORIEL_OK : fail_waiting(comm, my_call(comm), peer, status);
}

static inline oriel_status await(oriel_comm *comm, uint32_t peer, const _Atomic uint64_t *word)
{
    const awaited what = {word, comm->generation, false};
    return __builtin_expect(comes_soon(comm, &what), 1) ? ORIEL_OK : wait_long(comm, peer, what);
}

/* ---- Meeting ---------------------------------------------------------------------------------------------------- */

static inline _Atomic uint64_t *head_of(const oriel_comm *comm, uint32_t rank, uint32_t generation)
{
    return &oriel_line_of(&comm->team->seat[rank], generation)->head;
}

/* What is offered is there already. `head` is what all lines of this generation are to hold. */
static inline oriel_status publish(oriel_comm *comm, oriel_call call, uint64_t *head)
{
    const uint32_t generation = ++comm->generation;
    _Atomic uint64_t *word = comm->team->seat[comm->rank].call[generation % ORIEL_LOG];
    atomic_store_explicit(&word[0], call.word[0], memory_order_relaxed);
    atomic_store_explicit(&word[1], call.word[1], memory_order_relaxed);
    comm->digest = oriel_call_digest(call, comm->digest);
    *head = generation | (uint64_t)comm->digest << 32;
    /* Those who gave up have published: a rank that is late would find all lines, and go on alone. */
    if (__builtin_expect(atomic_load_explicit(&comm->team->verdict.given, memory_order_relaxed) != 0, 0))
        return fail_late(comm, my_call(comm));
    atomic_store_explicit(head_of(comm, comm->rank, generation), *head, memory_order_release);
    return ORIEL_OK;
}

static inline oriel_status await_same(oriel_comm *comm, uint32_t peer, uint64_t head)
{
    const _Atomic uint64_t *its = head_of(comm, peer, comm->generation);
    oriel_status status = await(comm, peer, its);
    if (__builtin_expect(status != ORIEL_OK, 0))
        return status;
    if (__builtin_expect(atomic_load_explicit(its, memory_order_relaxed) != head, 0))
        return fail_different(comm, comm->generation, peer);
    return ORIEL_OK;
}

/* Each rank begins with its right neighbour, so that they do not all ask for the same line. */
static inline oriel_status await_all(oriel_comm *comm, uint64_t head)
{
    const uint32_t ranks = comm->ranks;
    for (uint32_t step = 1, peer = comm->rank; step < ranks; step++) {
        peer = peer + 1 == ranks ? 0 : peer + 1;
        oriel_status status = await_same(comm, peer, head);
        if (__builtin_expect(status != ORIEL_OK, 0))
            return status;
    }
    comm->may = comm->generation + ORIEL_AHEAD - 1;
    return ORIEL_OK;
}

/*
 * Bells are rung after the looks that are quick, since their fence waits until this rank's line has left for memory, which it does
 * meanwhile. Nobody sleeps longer for it: who sleeps waits for all that this rank looks for.
 */
oriel_status oriel_meet(oriel_comm *comm, oriel_call call)
{
    uint64_t head;
    oriel_status status = publish(comm, call, &head);
    if (__builtin_expect(status == ORIEL_OK, 1))
        status = await_all(comm, head);
    if (__builtin_expect(status == ORIEL_OK, 1))
        oriel_bell_ring_all(comm->bells, comm->ranks - 1);
    return status;
}

/* ---- Posts ------------------------------------------------------------------------------------------------------ */

/* Both have published `generation`, or `peer` more than that: whoever has written over its line has seen mine. */
static bool is_same(const oriel_comm *comm, uint32_t peer, uint32_t generation)
{
    const uint64_t its = atomic_load_explicit(head_of(comm, peer, generation), memory_order_relaxed);
    const uint64_t mine = atomic_load_explicit(head_of(comm, comm->rank, generation), memory_order_relaxed);
    return (uint32_t)its != generation || its == mine;
}

/* `peer` has published `generation`, too, and all of its calls so far were mine. */
static bool has_come_alike(const oriel_comm *comm, uint32_t peer, uint32_t generation)
{
    const uint64_t its = atomic_load_explicit(head_of(comm, peer, generation), memory_order_relaxed);
    return (uint32_t)its == generation && is_same(comm, peer, generation);
}

/* No line is left: all others are to come half as far. */
static __attribute__((noinline)) oriel_status make_room(oriel_comm *comm)
{
    const uint32_t least = comm->generation - ORIEL_AHEAD / 2;
    for (uint32_t step = 1; step < comm->ranks; step++) {
        const uint32_t peer = (comm->rank + step) % comm->ranks;
        const awaited what = {head_of(comm, peer, least), least, true};
        oriel_status status = comes_soon(comm, &what) ? ORIEL_OK : wait_long(comm, peer, what);
        if (status != ORIEL_OK)
            return status;
        if (!is_same(comm, peer, least))
            return fail_different(comm, least, peer);
    }
    comm->may = least + ORIEL_AHEAD - 1;
    return ORIEL_OK;
}

oriel_status oriel_post(oriel_comm *comm, oriel_call call, uint32_t root, bool to_root)
{
    const bool takes = to_root == (comm->rank == root);
    uint64_t head;
    oriel_status status = publish(comm, call, &head);
    if (takes && status == ORIEL_OK)
        status = to_root ? await_all(comm, head) : await_same(comm, root, head);
    if (__builtin_expect(status != ORIEL_OK, 0))
        return status;
    oriel_bell_ring_all(comm->bells, comm->ranks - 1);
    return __builtin_expect(comm->generation == comm->may, 0) ? make_room(comm) : ORIEL_OK;
}

/* ---- The end of all calls --------------------------------------------------------------------------------------- */

/*
 * A rank that has posted and returns is not there any more when others make a different call, or none. So each says that it has
 * ended and then looks at the others: the second of two sees all calls of both. Those that were told already need not be told
 * again, but whoever was, and ends, looks whether another has ended without hearing.
 */
#define UNTOLD (UINT64_C(1) << 32)
#define TOLD   (UINT64_C(2) << 32)

void oriel_end(oriel_comm *comm)
{
    const uint64_t how = comm->broken == ORIEL_OK ? UNTOLD : TOLD;
    atomic_store(&comm->team->seat[comm->rank].end, comm->generation | how);
}

/* As far as `peer`, which may be making calls, has come. */
static oriel_status settle_with_other(oriel_comm *comm, uint32_t peer)
{
    const bool given = atomic_load(&comm->team->verdict.given) != 0; /* before its line: it has come no farther since */
    oriel_status status;
    if (given && !has_come_alike(comm, peer, comm->generation) && oriel_hear(comm, &status))
        return status;
    return is_same(comm, peer, comm->generation) ? ORIEL_OK : fail_different(comm, comm->generation, peer);
}

/* With `peer`, which has ended in generation `last`, untold. */
static oriel_status settle_with_ended(oriel_comm *comm, uint32_t peer, uint32_t last)
{
    const uint32_t mine = comm->generation, both = (int32_t)(last - mine) < 0 ? last : mine;
    oriel_status status;
    if (comm->broken != ORIEL_OK) /* to calls of its, has this rank not come? */
        return !has_come_alike(comm, peer, last) && oriel_hear(comm, &status) ? status : ORIEL_OK;
    if (!has_come_alike(comm, peer, both))
        return fail_different(comm, both, peer);
    return last == mine ? ORIEL_OK : fail_behind(comm, peer, last);
}

oriel_status oriel_settle(oriel_comm *comm)
{
    oriel_status status = ORIEL_OK;
    const bool told = comm->broken != ORIEL_OK;
    for (uint32_t step = 1; step < comm->ranks && status == ORIEL_OK; step++) {
        const uint32_t peer = (comm->rank + step) % comm->ranks;
        const uint64_t end = atomic_load(&comm->team->seat[peer].end);
        if ((end & UNTOLD) != 0)
            status = settle_with_ended(comm, peer, (uint32_t)end);
        else if (!told)
            status = settle_with_other(comm, peer);
    }
    return status;
}

/* ---- The end of a call ------------------------------------------------------------------------------------------ */

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
