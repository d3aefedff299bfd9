/* SPDX-License-Identifier: Apache-2.0 */
/* A launch for `oriel run ./crashing.so`: the others wait for rank 1, which signals 3 of the 7 that they want, and crashes. */
#include <signal.h>
#include <unistd.h>

#include <oriel/kernel.h>
#include <oriel/oriel.h>

enum { SIGNALS };

static int *volatile nowhere; /* NULL, which the compiler does not know */

static void crash(void)
{
    signal(SIGSEGV, SIG_DFL); /* not to a sanitizer */
    usleep(300000); /* the others say that they are about to wait, and then do: nobody can see that they have */
    __asm__ volatile("" ::: "memory");
    *(volatile char *)((uintptr_t)nowhere + 1) = 1;
}

static void wait_for_rank_1(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    pto_addr cells = pto_window_buffer(core, comm, SIGNALS).addr;
    if (comm->rank == 1) {
        for (uint32_t rank = 0; rank < comm->ranks; rank++)
            pto_tnotify(core, pto_peer_addr(comm, cells, rank) + PTO_LINE_BYTES, 3, PTO_NOTIFY_SET);
        pto_twait(core, pto_cell(cells), (int32_t)comm->ranks - 1, PTO_GE);
        crash();
    }
    pto_tnotify(core, pto_peer_addr(comm, cells, 1), 1, PTO_NOTIFY_ADD);
    pto_twait(core, pto_cell(cells + PTO_LINE_BYTES), 7, PTO_GE); /* HERE */
}

static oriel_expected expect(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank, const char *buffer,
                             uint64_t i)
{
    (void)job, (void)buffer;
    return (oriel_expected){oriel_input(inputs, rank, "in", i), 0};
}

static const oriel_launch_buffer buffers[] = {
    {"signals", ORIEL_ROLE_WINDOW, PTO_I32, oriel_count_signals},
    {"in", ORIEL_ROLE_INPUT, ORIEL_DTYPE_OF_JOB, oriel_count_one},
    {"out", ORIEL_ROLE_OUTPUT, ORIEL_DTYPE_OF_JOB, oriel_count_one},
};

static const oriel_launch launch = {
    .name = "crashing",
    .summary = "rank 1 crashes",
    .kernel = wait_for_rank_1,
    .buffers = buffers,
    .buffer_count = sizeof buffers / sizeof *buffers,
    .expect = expect,
    .dtypes = PTO_DTYPES_ALL,
    .min_ranks = 2,
    .max_ranks = 64,
    .default_count = 1,
};

ORIEL_API const oriel_launch *oriel_launch_entry(void);
const oriel_launch *oriel_launch_entry(void)
{
    return &launch;
}
