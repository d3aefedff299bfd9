/* SPDX-License-Identifier: Apache-2.0 */
/* What this build of Oriel is and has: its version, names of types and reductions, platforms, the arithmetic chosen; and its host. */
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
    uint32_t l1_bytes, l0a_bytes;  /* memories of one matrix core: what its operands come through, the left ones, */
    uint32_t l0b_bytes, l0c_bytes; /* the right ones, and its sums */
    uint32_t event_ids;            /* per flag */
    uint32_t max_devices;          /* of one worker; their numbers are below it */
} oriel_platform_info;

/* False: there are no more than `index` platforms. */
ORIEL_API bool oriel_platform_info_at(uint32_t index, oriel_platform_info *info);

/*
 * Whether a platform can be used here.
 * ORIEL_INVALID      there is none of this name; the message has those that there are
 * ORIEL_UNAVAILABLE  the message lists what was looked for
 */
ORIEL_API oriel_status oriel_platform_probe(const char *name);

/* The processors of this machine. */
typedef struct oriel_host_info {
    uint32_t processors; /* hardware threads */
    uint32_t
        usable; /* those that the calling thread may run on, or as many as a quota of its cgroup gives it time for */
    bool from_hwloc; /* else this build lacks hwloc, or it found nothing: what follows is 0 then */
    uint32_t packages, cores, numa_nodes;
    uint64_t l2_bytes, l3_bytes;     /* of one such cache, the smallest where they differ; 0: there is none */
    uint32_t l2_sharers, l3_sharers; /* how many processors that the calling thread may run on share one, at most */
} oriel_host_info;

ORIEL_API void oriel_host_describe(oriel_host_info *info);

/*
 * Binds the calling thread to a core of its own among those that it may run on, as rank `rank` of `ranks` that all call this with
 * the same processors to choose from. Ranks are spread evenly over packages and shared caches, and go round if there are
 * more of them than processors. Threads and programs that are started from it are bound there too.
 *
 * ORIEL_INVALID      rank is not below ranks
 * ORIEL_UNAVAILABLE  the system does not tell which processors may be used
 * ORIEL_SYSTEM       it refused
 */
ORIEL_API oriel_status oriel_host_bind(uint32_t rank, uint32_t ranks);

#ifdef __cplusplus
}
#endif
#endif
