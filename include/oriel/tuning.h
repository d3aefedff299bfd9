/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which algorithms the collectives of comm.h have, and the file that chooses among them (docs/tuning.md).
 *
 * What a call does is chosen by its operation, its bytes, its ranks, and the processors of the launch, from, in this
 * order,
 *
 *      what the program asked for      oriel_comm_options.algorithm, oriel_comm_choose
 *      ORIEL_ALGORITHM                 in the environment, in the same words
 *      the file of this host           which `oriel tune` writes
 *      what is built in                "direct", for everything
 *
 * by one process, once, when ranks are launched: all of them have the same choice. oriel_comm_options.deterministic, or
 * ORIEL_DETERMINISTIC=1, leaves out the environment and the file.
 *
 * The file is $ORIEL_TUNING ("none": no file), or else the first that there is of $XDG_CONFIG_HOME/oriel/tuning.json
 * (~/.config/oriel/tuning.json) and DIR/oriel/tuning.json, for each DIR of $XDG_CONFIG_DIRS (/etc/xdg). One that is not
 * as it must be fails the launch: what it would have chosen is not guessed.
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
     * It combines in the order of the ranks, as comm.h says that reductions do. Of others, floating-point sums and
     * products of more than two ranks may have other bits (the same ones in every run). True if it does not reduce.
     */
    bool in_rank_order;
} oriel_algorithm_info;

/* Operation by operation. False: there are no more than `index`. */
ORIEL_API bool oriel_algorithm_info_at(uint32_t index, oriel_algorithm_info *info);

/*
 * The file that a launch would read now: its path, or "" if there is none. One that ORIEL_TUNING names need not be
 * there.
 * ORIEL_INVALID: the path has more than `bytes` bytes.
 */
ORIEL_API oriel_status oriel_tuning_find(char *path, size_t bytes);
/*
 * Where the file of this user belongs, whether or not it is there; "" if neither ORIEL_TUNING nor a home says so.
 * Errors as above.
 */
ORIEL_API oriel_status oriel_tuning_home(char *path, size_t bytes);

/*
 * Reads a file as a launch does. `rules` (may be NULL) <- how many it has.
 *
 * ORIEL_INVALID      it is no table: the message names the file, the entry, and what is wrong with it
 * ORIEL_SYSTEM       it cannot be read
 * ORIEL_UNAVAILABLE  this build cannot read JSON
 */
ORIEL_API oriel_status oriel_tuning_check(const char *path, uint32_t *rules);

#ifdef __cplusplus
}
#endif
#endif
