/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results that will not stay in the caches anyway go around them: a line that is stored to in the usual way is read from memory
 * first, and throws out another, which may be one that is still to be read.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

#include "comm/team.h"

/* gcc's and clang's TSan see no such stores. */
#if defined(__SSE2__) && !defined(__SANITIZE_THREAD__)
#include <immintrin.h>
#define STREAMS 1
#endif

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

#ifdef STREAMS
static void stream_line(char *to, const char *from)
{
    __m128i part[ORIEL_LINE / sizeof(__m128i)];
    memcpy(part, from, sizeof part);
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
        _mm_stream_si128((__m128i *)to + i, part[i]);
}
#endif

void oriel_stream(void *to, const void *from, uint64_t bytes)
{
    char *dst = to;
    const char *src = from;
#ifdef STREAMS
    const uint64_t head = -(uintptr_t)dst % ORIEL_LINE;
    if (bytes >= 2 * ORIEL_LINE) {
        memcpy(dst, src, head);
        for (dst += head, src += head, bytes -= head; bytes >= ORIEL_LINE; bytes -= ORIEL_LINE) {
            stream_line(dst, src);
            dst += ORIEL_LINE;
            src += ORIEL_LINE;
        }
        _mm_sfence(); /* these stores keep no order by themselves */
    }
#endif
    memcpy(dst, src, bytes);
}
