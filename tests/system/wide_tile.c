/* SPDX-License-Identifier: Apache-2.0 */
/* A launch for `oriel run ./wide_tile.so`: it copies `in` to `out` through a tile that ends with byte 200 KiB of UB. */
#include <oriel/kernel.h>
#include <oriel/oriel.h>

#define ELEMENTS 1024

static void copy_through_the_end(pto_core *core)
{
    pto_tile tile = pto_tile_1d(core, PTO_F32, (200u << 10) - 4 * ELEMENTS, ELEMENTS);
    pto_tload(core, tile, pto_arg_tensor(core, 0)); /* HERE */
    pto_pipe_barrier(core, PTO_PIPE_ALL);
    pto_tstore(core, pto_arg_tensor(core, 1), tile);
    pto_pipe_barrier(core, PTO_PIPE_ALL);
}

static uint64_t elements(const oriel_job *job)
{
    (void)job;
    return ELEMENTS;
}

static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)job, (void)buffer;
    return (oriel_expected){oriel_input(inputs, rank, "in", i), 0};
}

static const oriel_launch_buffer buffers[] = {
    {"in", ORIEL_ROLE_INPUT, PTO_F32, elements},
    {"out", ORIEL_ROLE_OUTPUT, PTO_F32, elements},
    {"unused", ORIEL_ROLE_WINDOW, PTO_F32, elements},
};

static const oriel_launch launch = {
    .name = "wide_tile",
    .summary = "a tile that ends at 200 KiB",
    .kernel = copy_through_the_end,
    .buffers = buffers,
    .buffer_count = sizeof buffers / sizeof *buffers,
    .expect = expect,
    .dtypes = PTO_DTYPE_BIT(PTO_F32),
    .min_ranks = 1,
    .max_ranks = 64,
    .default_count = ELEMENTS,
};

ORIEL_API const oriel_launch *oriel_launch_entry(void);
const oriel_launch *oriel_launch_entry(void)
{
    return &launch;
}
