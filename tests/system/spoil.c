/* SPDX-License-Identifier: Apache-2.0 */
/* To be preloaded: oriel_allreduce of a library that is wrong in three elements, on rank 1, where there are so many. */
#include <dlfcn.h>

#include "oriel/comm.h"

typedef oriel_status (*allreduce_fn)(const void *, void *, uint64_t, pto_dtype, pto_reduce, oriel_comm *);

ORIEL_API oriel_status oriel_allreduce(const void *send, void *recv, uint64_t count, pto_dtype dtype, pto_reduce op,
                                       oriel_comm *comm)
{
    union {
        void *symbol;
        allreduce_fn function;
    } right = {.symbol = dlsym(RTLD_NEXT, "oriel_allreduce")};
    oriel_status status = right.function(send, recv, count, dtype, op, comm);
    if (oriel_comm_rank(comm) == 1 && count >= 16)
        for (uint64_t i = 0; i < 3; i++)
            ((char *)recv)[i * count / 3 * pto_dtype_bytes(dtype)] ^= 0x40;
    return status;
}
