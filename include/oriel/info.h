/* SPDX-License-Identifier: Apache-2.0 */
/* What this build of Oriel is and has: its version, names of types and reductions, platforms, the arithmetic chosen. */
#ifndef ORIEL_INFO_H
#define ORIEL_INFO_H

#include "oriel/instr.h"
#include "oriel/status.h"
#include "oriel/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* All strings here are static. */

/* "0.1.0" */
ORIEL_API const char *oriel_version(void);

ORIEL_API const char *oriel_dtype_name(pto_dtype dtype); /* "f32"; "?" if there is no such type */
ORIEL_API const char *oriel_reduce_name(pto_reduce op);  /* "sum"; "?" */
ORIEL_API const char *oriel_pipe_name(pto_pipe pipe);    /* "PIPE_MTE2"; "?" */

/*
 * "scalar", "AVX2" or "AVX-512": the arithmetic chosen at the start of the program. ORIEL_VECTOR=scalar|avx2|avx512 in
 * the environment lowers it; any other value is as none.
 */
ORIEL_API const char *oriel_vector_name(void);

/* A platform and the limits that its kernels must keep to. */
typedef struct oriel_platform_info {
    const char *name;                    /* "a2a3sim" */
    const char *summary;                 /* one line */
    uint32_t vector_cores, matrix_cores; /* per device */
    uint32_t ub_bytes;                   /* Unified Buffer of one vector core */
    uint32_t ub_align;                   /* of a tile, in bytes */
    uint32_t event_ids;                  /* per flag */
    uint32_t max_devices;                /* of one worker; their numbers are below it */
} oriel_platform_info;

/* False: there are no more than `index` platforms. */
ORIEL_API bool oriel_platform_info_at(uint32_t index, oriel_platform_info *info);

/*
 * Whether a platform can be used here.
 * ORIEL_INVALID      there is none of this name; the message has those that there are
 * ORIEL_UNAVAILABLE  the message lists what was looked for
 */
ORIEL_API oriel_status oriel_platform_probe(const char *name);

#ifdef __cplusplus
}
#endif
#endif
