/* SPDX-License-Identifier: Apache-2.0 */
/* Protects: a wait ends for the right reason, sleeps when it is idle, and no ring of a bell is ever lost. */
#include "base/wait.h"
#include "base/clock.h"
#include "base/shm.h"
#include "endless_naps.h"
#include "test.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>

typedef struct look_count {
    bool value;
    uint32_t looks;
} look_count;

static bool count_look(void *context)
{
    look_count *counted = context;
    counted->looks++;
    return counted->value;
}

static void a_condition_that_holds_wins(void **state)
{
    (void)state;
    _Atomic uint32_t abort = 1;
    look_count now = {.value = true};
    oriel_bell bell = {0};
    oriel_wait wait = {.ready = count_look, .context = &now, .deadline = 1, .abort = {NULL, NULL, &abort}};
    assert_int_equal(oriel_wait_for(&bell, &wait), ORIEL_OK);
    assert_int_equal(now.looks, 1);
}

static void a_passed_deadline_looks_once(void **state)
{
    (void)state;
    look_count never = {0};
    oriel_bell bell = {0};
    oriel_wait wait = {.ready = count_look, .context = &never, .deadline = oriel_deadline(0)};
    assert_int_equal(oriel_wait_for(&bell, &wait), ORIEL_TIMEOUT);
    assert_int_equal(never.looks, 1);
    assert_int_equal(bell.sleepers, 0);
}

static void any_abort_word_ends_the_wait_before_its_deadline(void **state)
{
    (void)state;
    for (int i = 0; i < ORIEL_WAIT_ABORTS; i++) {
        _Atomic uint32_t abort = 9;
        look_count never = {0};
        oriel_wait wait = {.ready = count_look, .context = &never, .deadline = 1};
        wait.abort[i] = &abort;
        assert_int_equal(oriel_wait_for(NULL, &wait), ORIEL_ABORTED);
    }
}

static void count_idle(void *context)
{
    atomic_fetch_add((_Atomic uint32_t *)context, 1);
}

static bool three_times(void *context)
{
    return atomic_load((_Atomic uint32_t *)context) == 3;
}

/* What is done in idle moments may end the wait. */
static void what_is_idle_is_done_after_naps(void **state)
{
    (void)state;
    _Atomic uint32_t times = 0;
    oriel_bell bell = {0};
    oriel_wait wait = {
        .ready = three_times, .context = &times, .idle = count_idle, .idle_context = &times, .deadline = ORIEL_NEVER};
    assert_int_equal(oriel_wait_for(&bell, &wait), ORIEL_OK);
    wait.deadline = oriel_deadline(0);
    atomic_store(&times, 0);
    assert_int_equal(oriel_wait_for(&bell, &wait), ORIEL_TIMEOUT);
    assert_int_equal(atomic_load(&times), 0);
}

static void a_deadline_is_not_early(void **state)
{
    (void)state;
    for (int with_bell = 0; with_bell < 2; with_bell++) {
        look_count never = {0};
        oriel_bell bell = {0};
        int64_t deadline = oriel_deadline(0.03);
        oriel_wait wait = {.ready = count_look, .context = &never, .deadline = deadline};
        assert_int_equal(oriel_wait_for(with_bell ? &bell : NULL, &wait), ORIEL_TIMEOUT);
        assert_true(oriel_now() >= deadline);
    }
}

/* Half a second holds some 50 of the longest naps, after a few shorter ones. */
static void an_idle_wait_sleeps(void **state)
{
    (void)state;
    look_count never = {0};
    oriel_bell bell = {0};
    oriel_wait wait = {.ready = count_look, .context = &never, .deadline = oriel_deadline(0.5)};
    struct rusage before, after;
    getrusage(RUSAGE_THREAD, &before);
    assert_int_equal(oriel_wait_for(&bell, &wait), ORIEL_TIMEOUT);
    getrusage(RUSAGE_THREAD, &after);
    assert_in_range(after.ru_nvcsw - before.ru_nvcsw, 1, 75);
}

typedef struct ladder {
    uint32_t left;
} ladder;

static bool step(void *context)
{
    ladder *steps = context;
    if (steps->left == 0)
        return false;
    steps->left--;
    return true;
}

static bool no_steps_left(void *context)
{
    return ((ladder *)context)->left == 0;
}

static void progress_is_driven_and_keeps_the_wait_awake(void **state)
{
    (void)state;
    ladder steps = {1000000};
    oriel_bell bell = {0};
    oriel_wait wait = {no_steps_left, &steps, step, &steps, ORIEL_NEVER, {NULL}};
    assert_int_equal(oriel_wait_for(&bell, &wait), ORIEL_OK);
    assert_int_equal(bell.sleepers, 0); /* never took a nap */
}

/* Two players throw a ball; each waits on its own bell. */
typedef struct game {
    oriel_bell bell[2];
    _Atomic uint32_t ball; /* whose turn: even 0, odd 1 */
    uint32_t throws;
} game;

typedef struct seat {
    game *table;
    uint32_t self, turn;
} seat;

static bool my_turn(void *context)
{
    seat *player = context;
    return atomic_load_explicit(&player->table->ball, memory_order_acquire) == player->turn;
}

static void play(game *table, uint32_t self)
{
    seat player = {.table = table, .self = self, .turn = self};
    oriel_wait wait = {.ready = my_turn, .context = &player, .deadline = ORIEL_NEVER};
    endless_naps(true);
    for (; player.turn < table->throws; player.turn += 2) {
        oriel_wait_for(&table->bell[self], &wait);
        atomic_store_explicit(&table->ball, player.turn + 1, memory_order_release);
        oriel_bell_ring(&table->bell[!self]);
    }
    endless_naps(false);
}

static void *play_second(void *table)
{
    play(table, 1);
    return NULL;
}

static void no_ring_between_threads_is_lost(void **state)
{
    (void)state;
    game table = {.throws = 200000};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, play_second, &table), 0);
    play(&table, 0);
    pthread_join(thread, NULL);
    assert_int_equal(table.ball, table.throws);
}

static void no_ring_between_processes_is_lost(void **state)
{
    (void)state;
    oriel_shm shm;
    assert_ok(oriel_shm_create(sizeof(game), &shm));
    game *table = shm.base;
    table->throws = 200000;
    pid_t pid = fork();
    if (pid == 0) {
        play(table, 1);
        _exit(0);
    }
    play(table, 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(table->ball, table->throws);
    oriel_shm_destroy(&shm);
}

/* Several ringers of one bell: what one takes for the other's wake-up must not fall between them. */
#define RINGERS 3
#define ROUNDS  20000

typedef struct tower {
    oriel_bell bell, back;
    _Atomic uint32_t round, done;
} tower;

static bool round_is_done(void *context)
{
    tower *belfry = context;
    return atomic_load(&belfry->done) == RINGERS * atomic_load(&belfry->round);
}

typedef struct place {
    tower *belfry;
    uint32_t round;
} place;

static bool round_has_begun(void *context)
{
    place *ringer = context;
    return atomic_load(&ringer->belfry->round) >= ringer->round;
}

/* The ringers all sleep on one bell too: ringing wakes every one. */
static void *ring(void *context)
{
    place ringer = {.belfry = context};
    oriel_wait wait = {.ready = round_has_begun, .context = &ringer, .deadline = ORIEL_NEVER};
    endless_naps(true);
    for (ringer.round = 1; ringer.round <= ROUNDS; ringer.round++) {
        oriel_wait_for(&ringer.belfry->back, &wait);
        atomic_fetch_add(&ringer.belfry->done, 1);
        oriel_bell_ring(&ringer.belfry->bell);
    }
    endless_naps(false);
    return NULL;
}

static void no_ring_of_several_is_lost(void **state)
{
    (void)state;
    tower belfry = {0};
    pthread_t thread[RINGERS];
    for (int i = 0; i < RINGERS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, ring, &belfry), 0);
    oriel_wait wait = {.ready = round_is_done, .context = &belfry, .deadline = ORIEL_NEVER};
    endless_naps(true);
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        atomic_store(&belfry.round, round);
        oriel_bell_ring(&belfry.back);
        assert_int_equal(oriel_wait_for(&belfry.bell, &wait), ORIEL_OK);
    }
    endless_naps(false);
    for (int i = 0; i < RINGERS; i++)
        pthread_join(thread[i], NULL);
}

static int crowded(void **state)
{
    (void)state;
    oriel_wait_tune(2, 1);
    return 0;
}

static int alone(void **state)
{
    (void)state;
    oriel_wait_tune(2, 2);
    return 0;
}

#define TUNED(tune, test)                                                                                              \
    {                                                                                                                  \
        .name = #test ", " #tune, .test_func = test, .setup_func = tune                                                \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TUNED(crowded, a_condition_that_holds_wins),
        TUNED(alone, a_condition_that_holds_wins),
        TUNED(crowded, a_passed_deadline_looks_once),
        TUNED(alone, a_passed_deadline_looks_once),
        TUNED(crowded, any_abort_word_ends_the_wait_before_its_deadline),
        TUNED(alone, any_abort_word_ends_the_wait_before_its_deadline),
        TUNED(crowded, a_deadline_is_not_early),
        TUNED(alone, a_deadline_is_not_early),
        TUNED(crowded, an_idle_wait_sleeps),
        TUNED(alone, an_idle_wait_sleeps),
        TUNED(crowded, what_is_idle_is_done_after_naps),
        TUNED(alone, what_is_idle_is_done_after_naps),
        TUNED(crowded, progress_is_driven_and_keeps_the_wait_awake),
        TUNED(alone, progress_is_driven_and_keeps_the_wait_awake),
        TUNED(crowded, no_ring_between_threads_is_lost),
        TUNED(alone, no_ring_between_threads_is_lost),
        TUNED(crowded, no_ring_between_processes_is_lost),
        TUNED(alone, no_ring_between_processes_is_lost),
        TUNED(crowded, no_ring_of_several_is_lost),
        TUNED(alone, no_ring_of_several_is_lost),
    };
    return cmocka_run_group_tests_name("wait", tests, NULL, NULL);
}
