/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: what every form of a strand promises (the first part, run as processes, as threads and as coroutines), and what
 * each of them promises beyond that.
 */
#include "base/strand.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/shm.h"
#include "endless_naps.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define LONG_ENOUGH 100.0 /* seconds: whoever is not done by then has failed */
#define THROWS      100000
#define CROWD       40

/* What a test's strands share with it. */
typedef struct stage {
    oriel_bell bell; /* the test's own, or its loop's */
    struct {
        oriel_bell bell;
        _Atomic uint32_t begun;
    } actor[2];
    _Atomic uint32_t go, abort, count;
    _Atomic uint32_t ball; /* whose turn: even 0, odd 1 */
    int pid;
    char name[32];
} stage;

typedef struct scene {
    oriel_form form;
    oriel_shm shm;
    stage *stage;
    oriel_loop *loop;
} scene;

static int set_scene(void **state, oriel_form form)
{
    static scene s;
    s = (scene){.form = form};
    assert_ok(oriel_shm_create(sizeof(stage), &s.shm));
    s.stage = s.shm.base;
    if (form == ORIEL_FORM_COROUTINE)
        assert_ok(oriel_loop_create(&s.stage->bell, &s.loop));
    *state = &s;
    return 0;
}

static int as_processes(void **state)
{
    return set_scene(state, ORIEL_FORM_PROCESS);
}

static int as_threads(void **state)
{
    return set_scene(state, ORIEL_FORM_THREAD);
}

static int as_coroutines(void **state)
{
    return set_scene(state, ORIEL_FORM_COROUTINE);
}

static int strike_scene(void **state)
{
    scene *s = *state;
    if (s->loop)
        oriel_loop_free(s->loop);
    oriel_shm_destroy(&s->shm);
    return 0;
}

/* TSan's own thread makes every fork one from a program with several. */
static scene *scene_of(void **state)
{
    scene *s = *state;
    if (UNDER_TSAN && s->form == ORIEL_FORM_PROCESS)
        skip();
    return s;
}

static oriel_strand *start_as(scene *s, oriel_form form, oriel_strand_fn function, void *context)
{
    oriel_strand_options options = {.form = form, .name = "a long name for one", .loop = s->loop};
    oriel_strand *strand;
    assert_ok(oriel_strand_start(&options, function, context, &strand));
    return strand;
}

static oriel_strand *start(scene *s, oriel_strand_fn function, void *context)
{
    return start_as(s, s->form, function, context);
}

static oriel_fate end(oriel_strand *strand)
{
    oriel_fate fate;
    assert_ok(oriel_strand_join(strand, oriel_deadline(LONG_ENOUGH), &fate));
    assert_true(fate.ended);
    oriel_strand_free(strand);
    return fate;
}

static bool is_set(void *word)
{
    return atomic_load_explicit((_Atomic uint32_t *)word, memory_order_acquire) != 0;
}

static bool never(void *context)
{
    (void)context;
    return false;
}

/* The test waits for a word that one of its strands sets. */
static oriel_status await(scene *s, _Atomic uint32_t *word)
{
    oriel_wait wait = {.ready = is_set, .context = word, .deadline = oriel_deadline(LONG_ENOUGH)};
    return s->loop ? oriel_loop_run(s->loop, &wait) : oriel_wait_for(&s->stage->bell, &wait);
}

/* The bell of an actor on its own thread; a coroutine has none. */
static oriel_bell *bell_of(stage *on, int actor)
{
    return oriel_strand_is_coroutine() ? NULL : &on->actor[actor].bell;
}

static void begin(stage *on, int actor)
{
    on->pid = getpid();
    atomic_store(&on->actor[actor].begun, 1);
    oriel_bell_ring(&on->bell);
}

/* ---- What every form promises ----------------------------------------------------------------------------------- */

static oriel_status return_wrong(void *context)
{
    stage *on = context;
    atomic_fetch_add(&on->count, 1);
    return ORIEL_WRONG;
}

static void a_strand_returns_its_status(void **state)
{
    scene *s = scene_of(state);
    oriel_strand *strand = start(s, return_wrong, s->stage);
    oriel_fate fate;
    assert_ok(oriel_strand_join(strand, oriel_deadline(LONG_ENOUGH), &fate));
    for (int i = 0; i < 2; i++, fate = oriel_strand_poll(strand)) {
        assert_true(fate.ended && !fate.died);
        assert_int_equal(fate.status, ORIEL_WRONG);
    }
    assert_int_equal(s->stage->count, 1);
    oriel_strand_free(strand);
}

static oriel_status wait_for_go(void *context)
{
    stage *on = context;
    oriel_wait wait = {is_set, &on->go, NULL, NULL, oriel_deadline(LONG_ENOUGH), {NULL, &on->abort}};
    begin(on, 0);
    return oriel_wait_for(bell_of(on, 0), &wait);
}

static void a_strand_that_waits_has_not_ended(void **state)
{
    scene *s = scene_of(state);
    oriel_strand *strand = start(s, wait_for_go, s->stage);
    oriel_fate fate = {.code = 77};
    assert_fails(oriel_strand_join(strand, oriel_deadline(0), &fate), ORIEL_TIMEOUT, "\"a long name for\" has not");
    assert_int_equal(fate.code, 77);
    assert_ok(await(s, &s->stage->actor[0].begun));
    assert_false(oriel_strand_poll(strand).ended);
    assert_fails(oriel_strand_join(strand, oriel_deadline(0.01), &fate), ORIEL_TIMEOUT, "has not ended");
    atomic_store(&s->stage->go, 1);
    oriel_bell_ring(&s->stage->actor[0].bell);
    assert_int_equal(end(strand).status, ORIEL_OK);
}

static void an_abort_ends_a_wait(void **state)
{
    scene *s = scene_of(state);
    oriel_strand *strand = start(s, wait_for_go, s->stage);
    assert_ok(await(s, &s->stage->actor[0].begun));
    atomic_store(&s->stage->abort, 1);
    oriel_bell_ring(&s->stage->actor[0].bell);
    assert_int_equal(end(strand).status, ORIEL_ABORTED);
}

static oriel_status wait_for_nothing(void *context)
{
    stage *on = context;
    int64_t deadline = oriel_deadline(0.02);
    oriel_wait wait = {.ready = never, .deadline = deadline};
    oriel_status status = oriel_wait_for(bell_of(on, 0), &wait);
    return oriel_now() >= deadline ? status : ORIEL_WRONG;
}

static void a_deadline_ends_a_wait(void **state)
{
    scene *s = scene_of(state);
    assert_int_equal(end(start(s, wait_for_nothing, s->stage)).status, ORIEL_TIMEOUT);
}

/* Each of two actors waits for its turn, takes it, and wakes the other. */
typedef struct turn {
    stage *on;
    uint32_t ball;
} turn;

static bool is_my_turn(void *context)
{
    turn *mine = context;
    return atomic_load_explicit(&mine->on->ball, memory_order_acquire) == mine->ball;
}

static oriel_status play(stage *on, int self)
{
    turn mine = {.on = on, .ball = (uint32_t)self};
    oriel_wait wait = {.ready = is_my_turn, .context = &mine, .deadline = ORIEL_NEVER};
    oriel_status status = ORIEL_OK;
    endless_naps(true);
    for (; status == ORIEL_OK && mine.ball < THROWS; mine.ball += 2) {
        status = oriel_wait_for(bell_of(on, self), &wait);
        atomic_store_explicit(&on->ball, mine.ball + 1, memory_order_release);
        oriel_bell_ring(&on->actor[!self].bell);
        oriel_bell_ring(&on->bell); /* the loop's, if the other is a coroutine */
    }
    endless_naps(false);
    return status;
}

static oriel_status play_first(void *context)
{
    return play(context, 0);
}

static oriel_status play_second(void *context)
{
    return play(context, 1);
}

static void two_strands_wake_each_other(void **state)
{
    scene *s = scene_of(state);
    oriel_strand *first = start(s, play_first, s->stage), *second = start(s, play_second, s->stage);
    assert_int_equal(end(first).status, ORIEL_OK);
    assert_int_equal(end(second).status, ORIEL_OK);
    assert_int_equal(s->stage->ball, THROWS);
}

static void a_strand_and_a_thread_wake_each_other(void **state)
{
    scene *s = scene_of(state);
    oriel_strand *second = start(s, play_second, s->stage); /* before the thread: it may be forked */
    oriel_strand *first = start_as(s, ORIEL_FORM_THREAD, play_first, s->stage);
    assert_int_equal(end(second).status, ORIEL_OK);
    assert_int_equal(end(first).status, ORIEL_OK);
    assert_int_equal(s->stage->ball, THROWS);
}

static oriel_status meet(void *context)
{
    stage *on = context;
    oriel_wait wait = {.ready = is_set, .context = &on->go, .deadline = oriel_deadline(LONG_ENOUGH)};
    atomic_fetch_add(&on->count, 1);
    return oriel_wait_for(NULL, &wait);
}

static void many_strands_live_at_once(void **state)
{
    scene *s = scene_of(state);
    oriel_strand *strand[CROWD];
    for (int i = 0; i < CROWD; i++)
        strand[i] = start(s, meet, s->stage);
    atomic_store(&s->stage->go, 1);
    for (int i = CROWD; i-- > 0;)
        assert_int_equal(end(strand[i]).status, ORIEL_OK);
    assert_int_equal(s->stage->count, CROWD);
}

static void strands_follow_each_other(void **state)
{
    scene *s = scene_of(state);
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(end(start(s, return_wrong, s->stage)).status, ORIEL_WRONG);
    assert_int_equal(s->stage->count, CROWD);
}

static oriel_status tell_about_itself(void *context)
{
    stage *on = context;
    on->pid = getpid();
    prctl(PR_GET_NAME, on->name);
    return oriel_strand_is_coroutine() ? ORIEL_OK : ORIEL_WRONG;
}

static void a_strand_is_what_was_asked_for(void **state)
{
    scene *s = scene_of(state);
    oriel_strand *strand = start(s, tell_about_itself, s->stage);
    int pid = oriel_strand_pid(strand);
    assert_int_equal(end(strand).status, s->form == ORIEL_FORM_COROUTINE ? ORIEL_OK : ORIEL_WRONG);
    if (s->form == ORIEL_FORM_PROCESS) {
        assert_int_equal(pid, s->stage->pid);
        assert_int_not_equal(pid, getpid());
    } else {
        assert_int_equal(pid, 0);
        assert_int_equal(s->stage->pid, getpid());
    }
    if (s->form != ORIEL_FORM_COROUTINE)
        assert_string_equal(s->stage->name, "a long name for");
}

/* ---- What processes promise ------------------------------------------------------------------------------------- */

static oriel_status die_by_own_hand(void *context)
{
    (void)context;
    raise(SIGKILL);
    return ORIEL_OK;
}

static oriel_status exit_by_itself(void *context)
{
    (void)context;
    _exit(7);
}

static void a_process_that_dies_is_told_from_one_that_returns(void **state)
{
    scene *s = scene_of(state);
    oriel_fate fate = end(start(s, die_by_own_hand, NULL));
    assert_true(fate.died);
    assert_int_equal(fate.signal, SIGKILL);
    fate = end(start(s, exit_by_itself, NULL));
    assert_true(fate.died);
    assert_int_equal(fate.signal, 0);
    assert_int_equal(fate.code, 7);
}

static void a_process_can_be_killed(void **state)
{
    scene *s = scene_of(state);
    oriel_strand *strand = start(s, wait_for_go, s->stage);
    assert_ok(await(s, &s->stage->actor[0].begun));
    oriel_strand_kill(strand);
    oriel_fate fate;
    assert_ok(oriel_strand_join(strand, oriel_deadline(LONG_ENOUGH), &fate));
    assert_true(fate.died);
    assert_int_equal(fate.signal, SIGKILL);
    oriel_strand_kill(strand); /* no effect, not even on whoever has its number now */
    oriel_strand_free(strand);
}

static void processes_are_reaped(void **state)
{
    scene *s = scene_of(state);
    end(start(s, return_wrong, s->stage));
    end(start(s, die_by_own_hand, NULL));
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void a_process_that_somebody_else_reaps_has_ended(void **state)
{
    scene *s = scene_of(state);
    void (*before)(int) = signal(SIGCHLD, SIG_IGN); /* the kernel reaps */
    oriel_fate returned = end(start(s, return_wrong, s->stage));
    oriel_fate died = end(start(s, exit_by_itself, NULL));
    signal(SIGCHLD, before);
    assert_true(!returned.died && returned.status == ORIEL_WRONG);
    assert_true(died.died && died.signal == 0 && died.code == 0);
}

static void what_was_buffered_is_written_once(void **state)
{
    scene *s = scene_of(state);
    FILE *file = tmpfile();
    assert_non_null(file);
    fputs("once", file);
    end(start(s, return_wrong, s->stage));
    fflush(file);
    assert_int_equal(ftell(file), 4);
    assert_int_equal(lseek(fileno(file), 0, SEEK_END), 4);
    fclose(file);
}

static oriel_status start_another_and_wait(void *context)
{
    scene *s = context;
    oriel_strand_options options = {.form = ORIEL_FORM_PROCESS, .name = "grandchild"};
    oriel_strand *strand;
    oriel_status status = oriel_strand_start(&options, wait_for_go, s->stage, &strand);
    if (status != ORIEL_OK)
        return status;
    oriel_wait wait = {.ready = never, .deadline = oriel_deadline(LONG_ENOUGH)};
    return oriel_wait_for(NULL, &wait);
}

/* The grandchild becomes ours when its parent dies, so that we see how it ends. */
static void a_process_dies_with_its_starter(void **state)
{
    scene *s = scene_of(state);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    oriel_strand *starter = start(s, start_another_and_wait, s);
    assert_ok(await(s, &s->stage->actor[0].begun));
    oriel_strand_kill(starter);
    assert_int_equal(end(starter).signal, SIGKILL);
    int how;
    assert_int_equal(waitpid(-1, &how, 0), s->stage->pid);
    assert_true(WIFSIGNALED(how));
    assert_int_equal(WTERMSIG(how), SIGKILL);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static void a_second_thread_is_seen(void **state)
{
    scene *s = scene_of(state);
    if (UNDER_TSAN)
        skip();
    for (int i = 0; i < 20; i++) {
        assert_true(oriel_strand_single_threaded());
        atomic_store(&s->stage->go, 0);
        oriel_strand *strand = start(s, wait_for_go, s->stage);
        assert_false(oriel_strand_single_threaded());
        atomic_store(&s->stage->go, 1);
        end(strand);
    }
}

/* ---- What coroutines promise ------------------------------------------------------------------------------------ */

typedef struct diary {
    char text[64];
    uint32_t length, readers;
} diary;

typedef struct diarist {
    diary *diary;
    char letter;
    double seconds;
} diarist;

static oriel_status write_and_yield(void *context)
{
    diarist *self = context;
    for (int i = 0; i < 3; i++) {
        self->diary->text[self->diary->length++] = self->letter;
        oriel_strand_yield();
    }
    return ORIEL_OK;
}

static oriel_status write_when_late(void *context)
{
    diarist *self = context;
    oriel_wait wait = {.ready = never, .deadline = oriel_deadline(self->seconds)};
    oriel_status status = oriel_wait_for(NULL, &wait);
    self->diary->text[self->diary->length++] = self->letter;
    return status;
}

static void coroutines_take_turns(void **state)
{
    scene *s = scene_of(state);
    diary pages = {.length = 0};
    diarist a = {&pages, 'a', 0}, b = {&pages, 'b', 0}, c = {&pages, 'c', 0};
    oriel_strand *strand[] = {start(s, write_and_yield, &a), start(s, write_and_yield, &b),
                              start(s, write_and_yield, &c)};
    for (int i = 0; i < 3; i++)
        assert_int_equal(end(strand[i]).status, ORIEL_OK);
    assert_string_equal(pages.text, "abcabcabc");
}

static void deadlines_pass_in_their_order(void **state)
{
    scene *s = scene_of(state);
    diary pages = {.length = 0};
    diarist a = {&pages, 'a', 0.3}, b = {&pages, 'b', 0.1}, c = {&pages, 'c', 0.2};
    oriel_strand *strand[] = {start(s, write_when_late, &a), start(s, write_when_late, &b),
                              start(s, write_when_late, &c)};
    for (int i = 0; i < 3; i++)
        assert_int_equal(end(strand[i]).status, ORIEL_TIMEOUT);
    assert_string_equal(pages.text, "bca");
}

static oriel_status yield_until_go(void *context)
{
    stage *on = context;
    atomic_store(&on->actor[0].begun, 1);
    while (!is_set(&on->go))
        oriel_strand_yield();
    return ORIEL_OK;
}

static void a_busy_loop_sees_its_deadline_and_abort(void **state)
{
    scene *s = scene_of(state);
    oriel_strand *busy = start(s, yield_until_go, s->stage);
    oriel_wait wait = {.ready = never, .deadline = oriel_deadline(0.01), .abort = {&s->stage->abort}};
    assert_int_equal(oriel_loop_run(s->loop, &wait), ORIEL_TIMEOUT);
    assert_int_equal(s->stage->actor[0].begun, 1);
    wait.deadline = ORIEL_NEVER;
    s->stage->abort = 1;
    assert_int_equal(oriel_loop_run(s->loop, &wait), ORIEL_ABORTED);
    s->stage->go = 1;
    assert_int_equal(end(busy).status, ORIEL_OK);
}

/* Throws the stage's ball when it is its turn, and knows no better than to ask again and again whether it is. */
typedef struct asker {
    stage *stage;
    uint32_t turn;
    uint64_t yields;
} asker;

static oriel_status ask_for_the_ball(void *context)
{
    asker *self = context;
    for (int i = 0; i < 1000; i++) {
        for (; atomic_load(&self->stage->ball) % 2 != self->turn; self->yields++)
            oriel_strand_yield();
        atomic_fetch_add(&self->stage->ball, 1);
    }
    return ORIEL_OK;
}

/* A coroutine and a thread share a processor; if one held on to it, each throw would cost thousands of yields. */
static void a_loop_that_only_yields_gives_its_processor_away(void **state)
{
    scene *s = scene_of(state);
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    asker even = {s->stage, 0, 0}, odd = {s->stage, 1, 0};
    oriel_strand *thread = start_as(s, ORIEL_FORM_THREAD, ask_for_the_ball, &odd);
    assert_int_equal(end(start(s, ask_for_the_ball, &even)).status, ORIEL_OK);
    assert_int_equal(end(thread).status, ORIEL_OK);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
    assert_in_range(even.yields, 0, 100000);
}

static void a_busy_loop_sees_the_deadlines_of_those_who_wait(void **state)
{
    scene *s = scene_of(state);
    oriel_strand *busy = start(s, yield_until_go, s->stage);
    assert_int_equal(end(start(s, wait_for_nothing, s->stage)).status, ORIEL_TIMEOUT);
    s->stage->go = 1;
    assert_int_equal(end(busy).status, ORIEL_OK);
}

static void an_idle_loop_sleeps(void **state)
{
    scene *s = scene_of(state);
    oriel_strand *strand = start(s, wait_for_go, s->stage);
    oriel_wait wait = {.ready = never, .deadline = oriel_deadline(0.5), .abort = {&s->stage->abort}};
    struct rusage before, after;
    getrusage(RUSAGE_THREAD, &before);
    assert_int_equal(oriel_loop_run(s->loop, &wait), ORIEL_TIMEOUT);
    getrusage(RUSAGE_THREAD, &after);
    assert_in_range(after.ru_nvcsw - before.ru_nvcsw, 1, 75);
    s->stage->go = 1;
    end(strand);
}

/* A condition that takes what it finds must be asked no more once it has it. */
static bool take_one(void *context)
{
    uint32_t *left = context;
    if (*left == 0)
        return false;
    --*left;
    return true;
}

static oriel_status take_when_there(void *context)
{
    oriel_wait wait = {.ready = take_one, .context = context, .deadline = oriel_deadline(LONG_ENOUGH)};
    return oriel_wait_for(NULL, &wait);
}

static bool put_one(void *context)
{
    ++*(uint32_t *)context;
    return true;
}

static void a_condition_is_not_asked_again_once_true(void **state)
{
    scene *s = scene_of(state);
    uint32_t left = 0;
    oriel_strand *strand[] = {start(s, take_when_there, &left), start(s, take_when_there, &left)};
    oriel_wait wait = {.ready = never, .deadline = oriel_deadline(0.01)};
    assert_int_equal(oriel_loop_run(s->loop, &wait), ORIEL_TIMEOUT); /* both wait */
    left = 3;
    wait = (oriel_wait){.ready = take_one, .context = &left, .deadline = ORIEL_NEVER};
    assert_int_equal(oriel_loop_run(s->loop, &wait), ORIEL_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(end(strand[i]).status, ORIEL_OK);
    assert_int_equal(left, 0);
}

static oriel_status put_and_take(void *context)
{
    oriel_wait wait = {take_one, context, put_one, context, oriel_deadline(LONG_ENOUGH), {NULL}};
    return oriel_wait_for(NULL, &wait);
}

static void a_loop_drives_the_progress_of_those_who_wait(void **state)
{
    scene *s = scene_of(state);
    uint32_t left = 0;
    assert_int_equal(end(start(s, put_and_take, &left)).status, ORIEL_OK);
}

/* As an engine leaves a kernel from any depth, after it has waited there. A depth below 0 returns. */
static void leave_from(jmp_buf out, int depth)
{
    volatile char frame[100];
    memset((char *)frame, depth, sizeof frame);
    oriel_strand_yield();
    if (depth > 0)
        leave_from(out, depth - 1);
    if (depth >= 0)
        longjmp(out, 1);
}

static oriel_status leave_often(void *context)
{
    (void)context;
    for (volatile int i = 0; i < 1000; i++) {
        jmp_buf out;
        if (setjmp(out) == 0)
            leave_from(out, i % 7);
    }
    return ORIEL_OK;
}

static void a_coroutine_may_jump_on_its_own_stack(void **state)
{
    scene *s = scene_of(state);
    oriel_strand *strand[] = {start(s, leave_often, NULL), start(s, leave_often, NULL)};
    for (int i = 0; i < 2; i++)
        assert_int_equal(end(strand[i]).status, ORIEL_OK);
}

static oriel_status tell_stack(void *context)
{
    *(uintptr_t *)context = (uintptr_t)__builtin_frame_address(0);
    return ORIEL_OK;
}

static void stacks_are_used_again(void **state)
{
    scene *s = scene_of(state);
    uintptr_t first = 0, stack = 0;
    end(start(s, tell_stack, &first));
    for (int i = 0; i < 10000; i++) {
        end(start(s, tell_stack, &stack));
        assert_int_equal(stack, first);
    }
}

#define LARGE ((size_t)4 << 20)

static oriel_status use_a_large_frame(void *context)
{
    (void)context;
    volatile char frame[LARGE - (64 << 10)];
    for (size_t i = 0; i < sizeof frame; i += 1024)
        frame[i] = 1;
    return ORIEL_OK;
}

static void a_large_stack_is_large(void **state)
{
    scene *s = scene_of(state);
    end(start(s, return_wrong, s->stage)); /* leaves a small one to be used again */
    oriel_strand_options options = {.form = ORIEL_FORM_COROUTINE, .loop = s->loop, .stack_bytes = LARGE};
    oriel_strand *strand;
    assert_ok(oriel_strand_start(&options, use_a_large_frame, NULL, &strand));
    assert_int_equal(end(strand).status, ORIEL_OK);
    options.stack_bytes = (size_t)1 << 60;
    assert_fails(oriel_strand_start(&options, use_a_large_frame, NULL, &strand), ORIEL_SYSTEM, "1152921504606846976 B");
}

static __attribute__((noinline)) int recurse(int depth)
{
    volatile char frame[1000];
    frame[0] = (char)depth;
    return depth == INT_MAX ? 0 : recurse(depth + 1) + frame[0];
}

static oriel_status overflow(void *context)
{
    (void)context;
    return (oriel_status)recurse(0);
}

static oriel_status overflow_in_a_coroutine(void *context)
{
    (void)context;
    struct rlimit no_core = {0};
    setrlimit(RLIMIT_CORE, &no_core);
    dup2(open("/dev/null", O_WRONLY), STDERR_FILENO); /* ASan has much to say */
    oriel_bell bell = {0};
    oriel_loop *loop;
    oriel_strand *strand;
    oriel_fate fate;
    assert_ok(oriel_loop_create(&bell, &loop));
    oriel_strand_options options = {.form = ORIEL_FORM_COROUTINE, .loop = loop};
    assert_ok(oriel_strand_start(&options, overflow, NULL, &strand));
    return oriel_strand_join(strand, ORIEL_NEVER, &fate);
}

static void a_stack_overflow_hits_the_guard(void **state)
{
    scene *s = scene_of(state);
    oriel_fate fate = end(start(s, overflow_in_a_coroutine, NULL));
    assert_true(fate.died);
    if (!UNDER_ASAN) /* which makes an exit code of it */
        assert_int_equal(fate.signal, SIGSEGV);
}

#define AS(form, test)                                                                                                 \
    {                                                                                                                  \
        .name = #test ", " #form, .test_func = test, .setup_func = form, .teardown_func = strike_scene                 \
    }
#define AS_ALL(test) AS(as_processes, test), AS(as_threads, test), AS(as_coroutines, test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AS_ALL(a_strand_returns_its_status),
        AS_ALL(a_strand_that_waits_has_not_ended),
        AS_ALL(an_abort_ends_a_wait),
        AS_ALL(a_deadline_ends_a_wait),
        AS_ALL(two_strands_wake_each_other),
        AS_ALL(a_strand_and_a_thread_wake_each_other),
        AS_ALL(many_strands_live_at_once),
        AS_ALL(strands_follow_each_other),
        AS_ALL(a_strand_is_what_was_asked_for),

        AS(as_processes, a_process_that_dies_is_told_from_one_that_returns),
        AS(as_processes, a_process_can_be_killed),
        AS(as_processes, processes_are_reaped),
        AS(as_processes, a_process_that_somebody_else_reaps_has_ended),
        AS(as_processes, what_was_buffered_is_written_once),
        AS(as_processes, a_process_dies_with_its_starter),
        AS(as_threads, a_second_thread_is_seen),

        AS(as_coroutines, coroutines_take_turns),
        AS(as_coroutines, deadlines_pass_in_their_order),
        AS(as_coroutines, a_busy_loop_sees_its_deadline_and_abort),
        AS(as_coroutines, a_loop_that_only_yields_gives_its_processor_away),
        AS(as_coroutines, a_busy_loop_sees_the_deadlines_of_those_who_wait),
        AS(as_coroutines, an_idle_loop_sleeps),
        AS(as_coroutines, a_condition_is_not_asked_again_once_true),
        AS(as_coroutines, a_loop_drives_the_progress_of_those_who_wait),
        AS(as_coroutines, a_coroutine_may_jump_on_its_own_stack),
        AS(as_coroutines, stacks_are_used_again),
        AS(as_coroutines, a_large_stack_is_large),
        AS(as_processes, a_stack_overflow_hits_the_guard),
    };
    return cmocka_run_group_tests_name("strand", tests, NULL, NULL);
}
