/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: each rank gets a core of its own while there are enough, spread over packages and caches, from processors that may be
 * used; what a cgroup allows is heeded. hwloc is shown a machine of two packages, each with two caches of three cores of two
 * hardware threads.
 */
#include "base/host.h"
#include "base/quota.h"
#include "test.h"

#include <sys/stat.h>
#include <unistd.h>

#define MACHINE    "pack:2 l3:2 core:3 pu:2"
#define PROCESSORS 24
#define MOST       30

static cpu_set_t first(int count)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int cpu = 0; cpu < count; cpu++)
        CPU_SET(cpu, &set);
    return set;
}

static bool have_hwloc(void)
{
    oriel_host_info info;
    oriel_host_describe(&info);
    return info.from_hwloc;
}

static bool meet(const cpu_set_t *a, const cpu_set_t *b)
{
    cpu_set_t both;
    CPU_AND(&both, a, b);
    return CPU_COUNT(&both) > 0;
}

/* Whatever the count, and with gaps. */
static void ranks_do_not_share_while_there_are_enough(void **state)
{
    (void)state;
    for (int gap = 1; gap <= 3; gap++) {
        cpu_set_t allowed;
        CPU_ZERO(&allowed);
        for (int cpu = gap - 1; cpu < PROCESSORS; cpu += gap)
            CPU_SET(cpu, &allowed);
        const uint32_t count = (uint32_t)CPU_COUNT(&allowed);
        for (uint32_t ranks = 1; ranks <= MOST; ranks++) {
            cpu_set_t place[MOST];
            assert_true(oriel_host_place(&allowed, ranks, place));
            for (uint32_t rank = 0; rank < ranks; rank++) {
                cpu_set_t both;
                CPU_AND(&both, &place[rank], &allowed);
                assert_true(CPU_COUNT(&place[rank]) > 0 && CPU_EQUAL(&both, &place[rank]));
                for (uint32_t other = 0; other < rank; other++)
                    assert_int_equal(meet(&place[rank], &place[other]), ranks > count && rank % count == other % count);
            }
        }
    }
}

static int package_of(const cpu_set_t *place)
{
    int cpu = 0;
    while (!CPU_ISSET(cpu, place))
        cpu++;
    return cpu / 12;
}

static void ranks_are_spread(void **state)
{
    (void)state;
    if (!have_hwloc())
        skip();
    cpu_set_t all = first(PROCESSORS), place[MOST];
    for (uint32_t ranks = 2; ranks <= 12; ranks += 2) {
        assert_true(oriel_host_place(&all, ranks, place));
        for (uint32_t rank = 0; rank < ranks; rank++) {
            assert_int_equal(package_of(&place[rank]), rank >= ranks / 2);
            assert_int_equal(CPU_COUNT(&place[rank]), 2); /* a core, with both of its hardware threads */
        }
    }
}

static void caches_are_described(void **state)
{
    (void)state;
    oriel_host_info info;
    oriel_host_describe(&info);
    assert_in_range(info.usable, 1, info.processors);
    if (!info.from_hwloc)
        skip();
    cpu_set_t mine;
    assert_true(oriel_host_allowed(&mine));
    assert_int_equal(info.packages, 2);
    assert_int_equal(info.cores, 12);
    assert_true(info.l3_bytes > 0);
    assert_in_range(info.l3_sharers, 1, 6);
    assert_int_equal(info.l2_bytes, 0);
}

static void a_thread_is_bound(void **state)
{
    (void)state;
    cpu_set_t before, after;
    assert_true(oriel_host_allowed(&before));
    assert_fails(oriel_host_bind(2, 2), ORIEL_INVALID, "rank 2 of 2");
    assert_ok(oriel_host_bind(1, 2));
    assert_true(oriel_host_allowed(&after));
    assert_true(CPU_COUNT(&after) <= 2 && meet(&before, &after));
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

static void ranks_that_say_nothing_are_bound_if_there_is_room(void **state)
{
    (void)state;
    cpu_set_t two = first(2);
    const uint32_t room = oriel_host_processors(&two); /* a quota may make it one */
    assert_in_range(room, 1, 2);
    assert_false(oriel_host_should_bind(&two, 1));
    assert_int_equal(oriel_host_should_bind(&two, 2), room == 2);
    assert_false(oriel_host_should_bind(&two, 3));
}

/* ---- Quotas ----------------------------------------------------------------------------------------------------- */

static char root[] = "/tmp/oriel-host-XXXXXX";

static void put(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static uint32_t quota_with(const char *groups)
{
    char path[256];
    put("groups", groups);
    snprintf(path, sizeof path, "%s/groups", root);
    return oriel_quota(path, root);
}

static void quotas_are_read(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(root));
    put("job/cpu.max", "max 100000\n");
    put("job/part/cpu.max", "350000 100000\n");
    put("job/part/low/cpu.max", "900000 100000\n");
    put("tiny/cpu.max", "50000 100000\n");
    put("cpu,cpuacct/old/cpu.cfs_quota_us", "400000\n");
    put("cpu,cpuacct/old/cpu.cfs_period_us", "100000\n");
    put("cpuset/old/cpu.cfs_quota_us", "100000\n");
    put("cpuset/old/cpu.cfs_period_us", "100000\n");
    assert_int_equal(quota_with("0::/\n"), UINT32_MAX);
    assert_int_equal(quota_with("0::/job\n"), UINT32_MAX);
    assert_int_equal(quota_with("0::/job/part\n"), 3);
    assert_int_equal(quota_with("0::/job/part/low\n"), 3); /* what it lies in limits it, too */
    assert_int_equal(quota_with("0::/tiny\n"), 1);
    assert_int_equal(quota_with("0::/elsewhere\n"), UINT32_MAX);
    assert_int_equal(quota_with("5:cpuset:/old\n4:cpu,cpuacct:/old\n0::/\n"), 4);
    assert_int_equal(quota_with("no list\n"), UINT32_MAX);
    assert_int_equal(oriel_quota("/nonexistent", root), UINT32_MAX);
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", root);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    setenv("HWLOC_SYNTHETIC", MACHINE, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_do_not_share_while_there_are_enough),
        cmocka_unit_test(ranks_are_spread),
        cmocka_unit_test(caches_are_described),
        cmocka_unit_test(a_thread_is_bound),
        cmocka_unit_test(ranks_that_say_nothing_are_bound_if_there_is_room),
        cmocka_unit_test(quotas_are_read),
    };
    return cmocka_run_group_tests_name("base/host", tests, NULL, NULL);
}
