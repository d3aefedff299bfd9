/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tensor-parallel matrix product, with its all-reduce: the second half of a transformer's feed-forward layer, whose weights are
 * cut by rows (Shoeybi et al., Megatron-LM, 2019, section 3).
 *
 *      rank r has    x[M x K], its columns of the activations        y = sum over r of x(r) w(r), on every rank
 *                    w[K x N], its rows of the weights
 *
 *      columns of w ──TLOAD──► panel ──┐
 *                                      ├─ TMULS, TADD ──► y's part ──TSTORE──► my half of scratch ──barrier──► TREDUCE ──► y
 *      x[m][k] ──────scalar load───────┘
 *
 * A panel is as many columns of w as fit, all K rows of them. There are two, so that one is loaded while the other is multiplied; and
 * two results, so that one is stored while the next is summed.
 *
 * Tensors: x, w, y, all f32. Scalars: M, K. Window: scratch (2 M N), signals (those of the collectives).
 */
#include "barrier.h"
#include "stage.h"

enum { SCRATCH, SIGNALS };
enum { X, W, Y };

/* Where things lie in UB. A panel has room for PANEL_BYTES, a row of a result for ROW_BYTES. */
#define ROW_BYTES   8192u
#define PANEL_BYTES 49152u
#define PANEL(id)   ((id)*PANEL_BYTES)
#define TERM        (2 * PANEL_BYTES)
#define RESULT(id)  (TERM + (1 + (id)) * ROW_BYTES)

typedef struct product {
    pto_global x, w, y;
    uint32_t rows, inner; /* M, K */
    uint64_t cols;        /* N */
    uint32_t width;       /* columns of a panel */
} product;

static product product_of(pto_core *core)
{
    product p = {.x = pto_arg_tensor(core, X), .w = pto_arg_tensor(core, W), .y = pto_arg_tensor(core, Y)};
    p.rows = (uint32_t)pto_arg_i64(core, 0);
    p.inner = (uint32_t)pto_arg_i64(core, 1);
    p.cols = pto_global_count(p.w) / p.inner;
    if (pto_global_count(p.x) != (uint64_t)p.rows * p.inner)
        pto_trap_value(core, "x has M K elements", pto_global_count(p.x), (uint64_t)p.rows * p.inner);
    if (pto_global_count(p.w) != p.inner * p.cols)
        pto_trap_value(core, "w has K rows", pto_global_count(p.w), p.inner * p.cols);
    if (pto_global_count(p.y) != p.rows * p.cols)
        pto_trap_value(core, "y has M N elements", pto_global_count(p.y), p.rows * p.cols);
    p.width = PANEL_BYTES / p.inner / 32 * 8; /* rows of a tile are padded to 32 B */
    if (p.width > ROW_BYTES / 4)
        p.width = ROW_BYTES / 4;
    if (p.width == 0)
        pto_trap_value(core, "K is too large for a panel", p.inner, PANEL_BYTES / 32);
    return p;
}

/* sum <- row m of x times the panel. An operation on what the one before wrote waits for it: on a2a3 they may overlap. */
static void multiply_row(pto_core *core, const product *p, uint32_t m, pto_tile sum, uint32_t panel)
{
    pto_tile term = pto_tile_1d(core, PTO_F32, TERM, sum.valid_cols);
    for (uint32_t k = 0; k < p->inner; k++) {
        pto_tile row = pto_tile_1d(core, PTO_F32, panel + k * sum.cols * 4, sum.valid_cols);
        float x = pto_load_f32(core, p->x.addr + ((uint64_t)m * p->inner + k) * 4);
        pto_tmuls(core, k == 0 ? sum : term, row, x);
        pto_pipe_barrier(core, PTO_PIPE_V);
        if (k == 0)
            continue;
        pto_tadd(core, sum, sum, term);
        pto_pipe_barrier(core, PTO_PIPE_V);
    }
}

/*
 * part <- x w, panel by panel. Flags: events 0 and 1 for the panels, 2 and 3 for the results, since PIPE_V has both kinds set at
 * once, toward two pipes (a flag may not be kept apart by where it goes alone).
 *
 *      MTE2 ─ full ─► V ─ panel is free ─► MTE2        V ─ done ─► MTE3 ─ result is free ─► V
 */
static void multiply(pto_core *core, const product *p, pto_global part)
{
    uint64_t panels = (p->cols + p->width - 1) / p->width, results = panels * p->rows, result = 0;
    for (uint64_t n = 0; n < panels; n++) {
        uint32_t id = n % 2;
        uint64_t first = n * p->width;
        uint32_t width = p->cols - first < p->width ? (uint32_t)(p->cols - first) : p->width;
        pto_tile panel = pto_tile_2d(core, PTO_F32, PANEL(id), p->inner, width);
        if (n >= 2)
            pto_wait_flag(core, PTO_PIPE_V, PTO_PIPE_MTE2, id);
        pto_tload(core, panel, pto_global_2d(p->w.addr + first * 4, PTO_F32, p->inner, width, p->cols));
        pto_set_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, id);
        pto_wait_flag(core, PTO_PIPE_MTE2, PTO_PIPE_V, id);
        for (uint32_t m = 0; m < p->rows; m++, result++) {
            uint32_t done = 2 + result % 2;
            pto_tile sum = pto_tile_1d(core, PTO_F32, RESULT(done - 2), width);
            if (result >= 2)
                pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_V, done);
            multiply_row(core, p, m, sum, PANEL(id));
            pto_set_flag(core, PTO_PIPE_V, PTO_PIPE_MTE3, done);
            pto_wait_flag(core, PTO_PIPE_V, PTO_PIPE_MTE3, done);
            pto_tstore(core, pto_slice(part, m * p->cols + first, width), sum);
            pto_set_flag(core, PTO_PIPE_MTE3, PTO_PIPE_V, done);
        }
        pto_set_flag(core, PTO_PIPE_V, PTO_PIPE_MTE2, id);
    }
    /* Each flag that was set is waited for. */
    for (uint32_t id = 0; id < 2 && id < panels; id++)
        pto_wait_flag(core, PTO_PIPE_V, PTO_PIPE_MTE2, id);
    for (uint32_t id = 0; id < 2 && id < results; id++)
        pto_wait_flag(core, PTO_PIPE_MTE3, PTO_PIPE_V, 2 + id);
}

void tensor_parallel_matmul(pto_core *core)
{
    product p = product_of(core);
    const pto_comm *comm = pto_arg_comm(core, 0);
    pto_global signals = barrier_signals(core, comm, SIGNALS);
    pto_global part =
        stage_half(core, comm, SCRATCH, barrier_epoch(core, comm, signals), PTO_F32, pto_global_count(p.y));

    multiply(core, &p, part);
    barrier_cross(core, comm, signals);
    pto_treduce(core, pto_slice(p.y, 0, pto_global_count(p.y)), pto_group_of(comm, part), PTO_SUM,
                stage_tile(core, PTO_F32, 0), stage_tile(core, PTO_F32, 1), stage_tile(core, PTO_F32, 2));
    pto_pipe_barrier(core, PTO_PIPE_ALL); /* y is complete when the kernel returns */
}
