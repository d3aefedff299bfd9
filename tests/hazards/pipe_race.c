/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

/* The store must not start before the load has completed. */
static void store_before_load(pto_core *core)
{
    parts p = parts_of(core);
    pto_tload(core, p.tile, p.in); /* FOUND */
    RIGHT pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, p.out, p.tile); /* FOUND */
    drain(core);
}

const hazard pipe_race_hazards[] = {
    {"store_before_load", store_before_load, .harm = HARM_SHOWN},
    {NULL},
};
