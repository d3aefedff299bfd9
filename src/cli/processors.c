/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/processors.h"

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef ORIEL_HAVE_HWLOC
#include <hwloc.h>

static void ask_hwloc(cli_processors *here)
{
    hwloc_topology_t topology;
    /* Without /sys (a bare chroot) it complains on stderr; what it did not find is left out below. */
    setenv("HWLOC_HIDE_ERRORS", "2", 0);
    if (hwloc_topology_init(&topology) != 0)
        return;
    if (hwloc_topology_load(topology) == 0) {
        here->from_hwloc = true;
        here->packages = (uint32_t)hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PACKAGE);
        here->cores = (uint32_t)hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE);
        here->numa_nodes = (uint32_t)hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE);
    }
    hwloc_topology_destroy(topology);
}
#else
static void ask_hwloc(cli_processors *here)
{
    (void)here;
}
#endif

cli_processors cli_processors_here(void)
{
    cli_processors here = {.threads = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN)};
    cpu_set_t set;
    here.usable = sched_getaffinity(0, sizeof set, &set) == 0 ? (uint32_t)CPU_COUNT(&set) : here.threads;
    ask_hwloc(&here);
    return here;
}

void cli_processors_bind(uint32_t index)
{
    cpu_set_t all, one;
    if (sched_getaffinity(0, sizeof all, &all) != 0 || CPU_COUNT(&all) == 0)
        return;
    uint32_t before = index % (uint32_t)CPU_COUNT(&all);
    int processor = 0;
    while (!CPU_ISSET(processor, &all) || before-- > 0)
        processor++;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    sched_setaffinity(0, sizeof one, &one);
}
