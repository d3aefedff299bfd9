/* SPDX-License-Identifier: Apache-2.0 */
/* Protects: a failed group is told as its cause, who waited and who was missing, and nothing else. */
#include "base/clock.h"
#include "runtime/host.h"
#include "test.h"

#define RANKS 3

typedef struct group {
    oriel_worker worker;
    oriel_host_device device[RANKS];
    oriel_callable callable;
    oriel_host_task *task;
} group;

static group *new_group(void)
{
    group *g = calloc(1, sizeof *g);
    g->task = calloc(1, sizeof *g->task + RANKS * sizeof g->task->member[0]);
    g->callable.name = "exchange";
    g->worker.device = g->device;
    g->worker.timeout_s = 2;
    g->worker.deadline = ORIEL_NEVER;
    g->task->callable = &g->callable;
    g->task->count = RANKS;
    for (uint32_t i = 0; i < RANKS; i++) {
        g->device[i].number = (int)i + 4;
        g->task->member[i] = (oriel_member){.task = g->task, .device = i, .rank = {i}, .args = {.comms = 1}};
    }
    return g;
}

static void end(group *g, uint32_t rank, oriel_status status, const char *message)
{
    g->task->member[rank].status = status;
    g->task->member[rank].message = (char *)(uintptr_t)message;
}

static void assert_told(group *g, oriel_status status, const char *expected)
{
    char message[ORIEL_ERROR_BYTES] = "";
    assert_int_equal(oriel_report(&g->worker, g->task, message), status);
    assert_string_equal(message, expected);
    free(g->task);
    free(g);
}

static void all_well(void **state)
{
    (void)state;
    assert_told(new_group(), ORIEL_OK, "");
}

static void a_death_and_who_waited(void **state)
{
    (void)state;
    group *g = new_group();
    strcpy(g->device[1].fate, "was killed by signal 9 (Killed)");
    end(g, 0, ORIEL_ABORTED, "x.c:40: rank 0 waited");
    end(g, 1, ORIEL_RANK_DIED, NULL);
    assert_told(g, ORIEL_RANK_DIED,
                "rank 1 (device 5) of task \"exchange\" was killed by signal 9 (Killed); x.c:40: rank 0 waited");
}

static void who_did_not_run_because_of_a_fault_is_not_quoted(void **state)
{
    (void)state;
    group *g = new_group();
    end(g, 0, ORIEL_POISONED, "domain \"d\" was broken by a task before this one");
    end(g, 1, ORIEL_FAULT, "x.c:7: TLOAD reads too much");
    end(g, 2, ORIEL_POISONED, "domain \"d\" was broken by a task before this one");
    assert_told(g, ORIEL_FAULT, "x.c:7: TLOAD reads too much [task \"exchange\", rank 1 (device 5)]");
}

static void a_timeout_names_who_was_missing(void **state)
{
    (void)state;
    group *g = new_group();
    end(g, 0, ORIEL_POISONED, "domain \"d\" was broken by a task before this one");
    end(g, 1, ORIEL_TIMEOUT, "x.c:40: rank 1 waited");
    end(g, 2, ORIEL_OK, NULL);
    assert_told(g, ORIEL_TIMEOUT,
                "x.c:40: rank 1 waited [task \"exchange\", rank 1 (device 5)]; rank 0 (device 4) had not started; "
                "rank 2 (device 6) had returned; the deadline of 2 s had passed");
}

static void a_rank_that_still_runs_is_the_cause(void **state)
{
    (void)state;
    group *g = new_group();
    end(g, 0, ORIEL_TIMEOUT, "x.c:40: rank 0 waited");
    end(g, 1, ORIEL_TIMEOUT, NULL);
    g->task->member[1].stuck = true;
    end(g, 2, ORIEL_TIMEOUT, "x.c:40: rank 2 waited");
    assert_told(g, ORIEL_TIMEOUT,
                "rank 1 (device 5) of task \"exchange\" did not finish within 2 s: it was still running; "
                "x.c:40: rank 0 waited; x.c:40: rank 2 waited");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_well),
        cmocka_unit_test(a_death_and_who_waited),
        cmocka_unit_test(who_did_not_run_because_of_a_fault_is_not_quoted),
        cmocka_unit_test(a_timeout_names_who_was_missing),
        cmocka_unit_test(a_rank_that_still_runs_is_the_cause),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
