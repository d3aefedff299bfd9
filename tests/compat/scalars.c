/* SPDX-License-Identifier: Apache-2.0 */
#include "launch.h"

static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)job, (void)buffer;
    int32_t x = (int32_t)(((uint32_t)in_of(inputs, rank, i).i + 70u) * 5u - 3u) / 2;
    x = x < 200 ? 200 : x > 400 ? 400 : x;
    return exactly_i(((x & 0xfe) | 0x100) ^ 0x33);
}

LAUNCH(PTO_I32, 1, 64, 1);
