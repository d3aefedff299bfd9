/* SPDX-License-Identifier: Apache-2.0 */
/* The processors of this machine: from hwloc where it was found, else from the C library. */
#ifndef ORIEL_CLI_PROCESSORS_H
#define ORIEL_CLI_PROCESSORS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct cli_processors {
    uint32_t threads; /* hardware threads */
    uint32_t usable;  /* those that this process may run on */
    bool from_hwloc;  /* else the rest is 0 */
    uint32_t packages, cores, numa_nodes;
} cli_processors;

cli_processors cli_processors_here(void);

/* Binds the calling thread to the `index`-th of the processors that it may run on, in turn; where that cannot be, to none. */
void cli_processors_bind(uint32_t index);

#endif
