/* SPDX-License-Identifier: Apache-2.0 */
#include "base/host.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/quota.h"

/* ---- What the C library tells ----------------------------------------------------------------------------------- */

static uint32_t quota;

static void read_quota(void)
{
    quota = oriel_quota("/proc/self/cgroup", "/sys/fs/cgroup");
}

static uint32_t online(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : (uint32_t)count;
}

bool oriel_host_allowed(cpu_set_t *allowed)
{
    return sched_getaffinity(0, sizeof *allowed, allowed) == 0;
}

uint32_t oriel_host_processors(const cpu_set_t *allowed)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_quota);
    cpu_set_t mine;
    if (!allowed && oriel_host_allowed(&mine))
        allowed = &mine;
    const uint32_t count = allowed ? (uint32_t)CPU_COUNT(allowed) : online();
    return count < quota ? count : quota;
}

static int nth_of(const cpu_set_t *set, uint32_t index)
{
    int cpu = 0;
    for (;; cpu++)
        if (CPU_ISSET(cpu, set) && index-- == 0)
            return cpu;
}

/* In the order of their numbers, as far apart as can be. */
static void place_by_number(const cpu_set_t *allowed, uint32_t ranks, cpu_set_t *place)
{
    const uint64_t count = (uint64_t)CPU_COUNT(allowed);
    for (uint32_t rank = 0; rank < ranks; rank++) {
        CPU_ZERO(&place[rank]);
        CPU_SET(nth_of(allowed, (uint32_t)(rank * count / ranks)), &place[rank]);
    }
}

/* ---- What hwloc tells ------------------------------------------------------------------------------------------- */

#ifdef ORIEL_HAVE_HWLOC
#include <hwloc.h>

static hwloc_topology_t topology; /* NULL: not to be had. Stays until the process ends */

/* Without /sys (a bare chroot) hwloc complains on stderr, and knows nothing. */
static void load_topology(void)
{
    const unsigned long flags = HWLOC_TOPOLOGY_FLAG_NO_DISTANCES | HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS |
                                HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS; /* not asked for: a fraction of the time */
    if (access("/sys/devices/system/cpu", R_OK) != 0 || hwloc_topology_init(&topology) != 0)
        return;
    if (hwloc_topology_set_flags(topology, flags) == 0 && hwloc_topology_load(topology) == 0)
        return;
    hwloc_topology_destroy(topology);
    topology = NULL;
}

static bool has_topology(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_topology);
    return topology != NULL;
}

/* The smallest cache of a kind, and the most processors of `mine` that share one; 0 where there is none. */
static void describe_caches(hwloc_obj_type_t type, hwloc_const_bitmap_t mine, uint64_t *bytes, uint32_t *sharers)
{
    for (hwloc_obj_t cache = NULL; (cache = hwloc_get_next_obj_by_type(topology, type, cache));) {
        hwloc_bitmap_t both = hwloc_bitmap_alloc();
        if (!both)
            return;
        hwloc_bitmap_and(both, cache->cpuset, mine);
        const uint32_t share = (uint32_t)hwloc_bitmap_weight(both);
        hwloc_bitmap_free(both);
        if (share == 0)
            continue;
        *sharers = share > *sharers ? share : *sharers;
        if (*bytes == 0 || cache->attr->cache.size < *bytes)
            *bytes = cache->attr->cache.size;
    }
}

static hwloc_bitmap_t bitmap_of(const cpu_set_t *set)
{
    hwloc_bitmap_t map = hwloc_bitmap_alloc();
    for (unsigned cpu = 0; map && cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, set))
            hwloc_bitmap_set(map, cpu);
    return map;
}

static void ask_hwloc(const cpu_set_t *allowed, oriel_host_info *info)
{
    if (!has_topology())
        return;
    hwloc_bitmap_t mine = bitmap_of(allowed);
    if (!mine)
        return;
    info->from_hwloc = true;
    info->packages = (uint32_t)hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PACKAGE);
    info->cores = (uint32_t)hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE);
    info->numa_nodes = (uint32_t)hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE);
    describe_caches(HWLOC_OBJ_L2CACHE, mine, &info->l2_bytes, &info->l2_sharers);
    describe_caches(HWLOC_OBJ_L3CACHE, mine, &info->l3_bytes, &info->l3_sharers);
    hwloc_bitmap_free(mine);
}

/* A core inside of what this rank got, or all of it if that is less than a core. */
static void core_in(hwloc_topology_t of, hwloc_bitmap_t part, cpu_set_t *place)
{
    hwloc_obj_t core = hwloc_get_obj_inside_cpuset_by_type(of, part, HWLOC_OBJ_CORE, 0);
    hwloc_const_bitmap_t chosen = core ? core->cpuset : part;
    CPU_ZERO(place);
    for (int cpu = -1; (cpu = hwloc_bitmap_next(chosen, cpu)) >= 0 && cpu < CPU_SETSIZE;)
        CPU_SET(cpu, place);
}

/* False: hwloc cannot, or was not found. */
static bool place_by_topology(const cpu_set_t *allowed, uint32_t ranks, cpu_set_t *place)
{
    if (!has_topology())
        return false;
    hwloc_topology_t mine;
    if (hwloc_topology_dup(&mine, topology) != 0)
        return false;
    hwloc_bitmap_t map = bitmap_of(allowed), *part = calloc(ranks, sizeof *part);
    hwloc_obj_t root;
    bool good = map && part && hwloc_topology_restrict(mine, map, 0) == 0;
    if (good) {
        root = hwloc_get_root_obj(mine);
        good = hwloc_distrib(mine, &root, 1, part, ranks, INT_MAX, 0) == 0;
    }
    for (uint32_t rank = 0; good && rank < ranks; rank++) {
        core_in(mine, part[rank], &place[rank]);
        good = CPU_COUNT(&place[rank]) > 0;
    }
    for (uint32_t rank = 0; part && rank < ranks; rank++)
        hwloc_bitmap_free(part[rank]);
    free(part);
    hwloc_bitmap_free(map);
    hwloc_topology_destroy(mine);
    return good;
}
#else
static void ask_hwloc(const cpu_set_t *allowed, oriel_host_info *info)
{
    (void)allowed;
    (void)info;
}

static bool place_by_topology(const cpu_set_t *allowed, uint32_t ranks, cpu_set_t *place)
{
    (void)allowed;
    (void)ranks;
    (void)place;
    return false;
}
#endif

/* ---- Both ------------------------------------------------------------------------------------------------------- */

bool oriel_host_place(const cpu_set_t *allowed, uint32_t ranks, cpu_set_t *place)
{
    const uint32_t count = (uint32_t)CPU_COUNT(allowed), distinct = ranks < count ? ranks : count;
    if (distinct == 0)
        return false;
    if (!place_by_topology(allowed, distinct, place))
        place_by_number(allowed, distinct, place);
    for (uint32_t rank = distinct; rank < ranks; rank++)
        place[rank] = place[rank - distinct];
    return true;
}

bool oriel_host_should_bind(const cpu_set_t *allowed, uint32_t ranks)
{
    return ranks > 1 && ranks <= oriel_host_processors(allowed);
}

void oriel_host_describe(oriel_host_info *info)
{
    cpu_set_t mine;
    *info = (oriel_host_info){.processors = online(), .usable = oriel_host_processors(NULL)};
    if (oriel_host_allowed(&mine))
        ask_hwloc(&mine, info);
}

oriel_status oriel_host_bind(uint32_t rank, uint32_t ranks)
{
    if (rank >= ranks)
        return oriel_fail(ORIEL_INVALID, "rank %u of %u ranks cannot be bound", rank, ranks);
    cpu_set_t mine, *place = calloc(ranks, sizeof *place);
    if (!place)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory to place %u ranks", ranks);
    oriel_status status = ORIEL_OK;
    if (!oriel_host_allowed(&mine) || !oriel_host_place(&mine, ranks, place))
        status = oriel_fail(ORIEL_UNAVAILABLE, "the system does not tell which processors may be used");
    else if (sched_setaffinity(0, sizeof *place, &place[rank]) != 0)
        status = oriel_fail_errno(ORIEL_SYSTEM, "rank %u of %u cannot be bound", rank, ranks);
    free(place);
    return status;
}
