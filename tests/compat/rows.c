/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "launch.h"

static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)job, (void)buffer;
    uint64_t row = i / 16 * 16;
    double sum = 0, most = -INFINITY;
    for (uint64_t j = row; j < row + 16; j++) {
        double x = in_of(inputs, rank, j).f;
        sum += x;
        most = x > most ? x : most;
    }
    if (i == row)
        return (oriel_expected){{.f = sum}, 1e-3};
    return exactly_f(i == row + 1 ? most : in_of(inputs, rank, i).f);
}

LAUNCH(PTO_F32, 1, 64, 1);
