/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results that will not stay in the caches anyway go around them: a line that is stored to in the usual way is read from memory
 * first, and throws out another, which may be one that is still to be read.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

#include "comm/team.h"
#include "isa/vector.h"

/*
 * Of the last level, in bytes; UINT64_MAX: unknown. The system is asked and not the processor, which in a virtual machine may
 * speak of caches that are shared with others.
 */
static uint64_t read_cache_bytes(void)
{
    uint64_t bytes = 0, size;
    for (int index = 0; index < 8; index++) {
        char path[64], unit = 0;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", index);
        FILE *file = fopen(path, "re");
        if (!file)
            break;
        if (fscanf(file, "%" SCNu64 "%c", &size, &unit) == 2 && unit == 'K' && size << 10 > bytes)
            bytes = size << 10;
        fclose(file);
    }
    return bytes ? bytes : UINT64_MAX;
}

bool oriel_fits_cache(uint64_t bytes)
{
    static _Atomic uint64_t known;
    uint64_t cache = atomic_load_explicit(&known, memory_order_relaxed);
    if (bytes < ORIEL_STREAM_LEAST)
        return true;
    if (cache == 0)
        atomic_store_explicit(&known, cache = read_cache_bytes(), memory_order_relaxed);
    return bytes <= cache;
}

void oriel_stream(void *to, const void *from, uint64_t bytes)
{
    char *dst = to;
    const char *src = from;
    const uint64_t head = -(uintptr_t)dst % ORIEL_LINE;
    if (bytes < 2 * ORIEL_LINE) {
        memcpy(dst, src, bytes);
        return;
    }
    memcpy(dst, src, head);
    oriel_vector->stream((void *[]){dst + head}, 1, src + head, bytes - head);
    oriel_vector->stream_end();
}
