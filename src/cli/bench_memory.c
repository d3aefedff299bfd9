/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pages.h"
#include "cli/bench.h"

#define USUAL (UINT64_C(64) << 30) /* what a launch takes by itself, and less where there is not as much */

uint64_t bench_reserve_bytes(uint32_t ranks, uint64_t bytes)
{
    const uint64_t windows = oriel_pages_up(bytes) * ranks; /* one block */
    uint64_t block = 1;
    while (block < windows)
        block *= 2;
    return 2 * block <= USUAL / 2 ? 0 : USUAL + 2 * block;
}
