/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which algorithms the collectives of comm.h have: by default "direct", or what the program asks for by name
 * (oriel_comm_options.algorithm, oriel_comm_choose).
 */
#ifndef ORIEL_TUNING_H
#define ORIEL_TUNING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oriel/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One way to do one operation. All strings are static. */
typedef struct oriel_algorithm_info {
    const char *operation;         /* "allreduce" */
    const char *name;              /* "ring" */
    const char *summary;           /* one line */
    const char *launch;            /* the launch of launch.h whose kernel it runs; NULL: the library's own way */
    uint32_t min_ranks, max_ranks; /* for which it is; UINT32_MAX: any number */
    bool reduces;                  /* the operation does */
    /*
     * It combines in the order of the ranks, as comm.h says that reductions do. Of others, floating-point sums and products of more
     * than two ranks may have other bits (the same ones in every run). True if it does not reduce.
     */
    bool in_rank_order;
} oriel_algorithm_info;

/* Operation by operation. False: there are no more than `index`. */
ORIEL_API bool oriel_algorithm_info_at(uint32_t index, oriel_algorithm_info *info);

#ifdef __cplusplus
}
#endif
#endif
