/* SPDX-License-Identifier: Apache-2.0 */
/* Protects: a wait on the host ends at its deadline, whatever happens meanwhile. */
#include "base/clock.h"
#include "runtime/host.h"
#include "test.h"

typedef struct busy_wait {
    oriel_worker *worker;
    int asked;
} busy_wait;

/* Asked whether it is done it says no, and something new has happened. */
static bool never_done(void *context)
{
    busy_wait *wait = context;
    oriel_control_ring(wait->worker->control);
    return ++wait->asked > 1000;
}

static void news_does_not_prolong_a_wait(void **state)
{
    (void)state;
    busy_wait wait = {0};
    int number = 0;
    assert_ok(oriel_worker_create(3, "a2a3sim", &number, 1, NULL, &wait.worker));
    pthread_mutex_lock(&wait.worker->mutex);
    assert_int_equal(oriel_host_wait(wait.worker, never_done, &wait, oriel_now()), ORIEL_TIMEOUT);
    pthread_mutex_unlock(&wait.worker->mutex);
    assert_int_equal(wait.asked, 1);
    oriel_worker_close(wait.worker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(news_does_not_prolong_a_wait)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
