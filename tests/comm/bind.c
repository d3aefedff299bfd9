/* SPDX-License-Identifier: Apache-2.0 */
/* Protects: ranks run on processors of their own where that was asked for or there are enough, else anywhere. */
#include "ranks.h"

#include "comm/bind.h"

/* Whether this rank's processors are fewer than the launcher's; and that no other rank has one of them. */
typedef struct where {
    cpu_set_t before;
    bool bound, apart;
} where;

static oriel_status look(oriel_comm *comm, void *context)
{
    const where *expected = context;
    const uint32_t ranks = oriel_comm_size(comm);
    cpu_set_t all[8];
    must_hold(ranks <= 8 && oriel_host_allowed(&all[oriel_comm_rank(comm)]));
    must(oriel_allgather(ORIEL_IN_PLACE, all, sizeof *all, PTO_U8, comm));
    for (uint32_t rank = 0; rank < ranks; rank++) {
        must_hold(!CPU_EQUAL(&all[rank], &expected->before) == expected->bound);
        for (uint32_t other = 0; other < rank && expected->apart; other++) {
            cpu_set_t both;
            CPU_AND(&both, &all[rank], &all[other]);
            must_hold(CPU_COUNT(&both) == 0);
        }
    }
    return ORIEL_OK;
}

static void ranks_are_bound(void **state)
{
    (void)state;
    where it;
    if (!oriel_host_allowed(&it.before) || CPU_COUNT(&it.before) < 2)
        skip();
    const uint32_t most = (uint32_t)CPU_COUNT(&it.before);
    for (int threads = UNDER_TSAN; threads <= 1; threads++)
        for (uint32_t ranks = 1; ranks <= 4; ranks++)
            for (oriel_bind bind = ORIEL_BIND_DEFAULT; bind <= ORIEL_BIND_CORE; bind++) {
                it.bound = bind == ORIEL_BIND_CORE ||
                           (bind == ORIEL_BIND_DEFAULT && ranks > 1 && ranks <= oriel_host_processors(NULL));
                it.apart = it.bound && ranks <= most;
                assert_ok(oriel_comm_launch(ranks, look, &it, &(oriel_comm_options){.threads = threads, .bind = bind}));
                cpu_set_t after;
                assert_true(oriel_host_allowed(&after) && CPU_EQUAL(&after, &it.before)); /* the launcher is not */
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ranks_are_bound)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
