/* SPDX-License-Identifier: Apache-2.0 */
#include "launch.h"

static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)job, (void)buffer;
    int32_t a = (int32_t)in_of(inputs, rank, i).i, b = 12;
    uint32_t sum = (uint32_t)a - 12u + (uint32_t)a * 12u + (uint32_t)(a / b) + (uint32_t)(a > b ? a : b);
    sum -= (uint32_t)(a < b ? a : b);
    sum += (uint32_t)(a & b) - (uint32_t)(a | b) + (uint32_t)(a ^ b);
    return exactly_i((int32_t)sum);
}

LAUNCH(PTO_I32, 1, 64, 1);
