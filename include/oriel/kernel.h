/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a kernel writes: the tile instructions, the signals, the flags.
 *
 * A kernel is `void name(pto_core *core)`. The runtime starts it on a core of a simulated device, once per block. It
 *   1. takes its arguments: pto_arg_tensor, pto_arg_i64, pto_arg_comm;
 *   2. cuts UB, the core's fast memory, into tiles: pto_tile_1d, pto_tile_2d (pto_tile_in: L1, L0A, L0B, L0C);
 *   3. moves data with TLOAD and TSTORE, or TPUT and TGET, and computes on tiles;
 *   4. orders its pipes with flags and barriers, and its peers with TNOTIFY and TWAIT;
 *   5. drains what it stored (pto_pipe_barrier(core, PTO_PIPE_ALL)) and returns.
 *
 * Rules. A kernel is GNU C, not C++. It uses this header and nothing else: no C library, no function pointers, no writable static data, no
 * recursion, and it owns no resource, since an engine may leave it from any instruction and not come back. It never
 * dereferences device memory: a tensor is named by a pto_global. A core runs one kernel at a time; different cores, and
 * different ranks, run beside each other.
 *
 * Order. Instructions are issued in program order to pipes that run beside one another: PIPE_MTE2 (TLOAD), PIPE_V
 * (arithmetic), PIPE_MTE3 (TSTORE), PIPE_MTE1, PIPE_M and PIPE_FIX (matrix products), PIPE_S (everything else). Two pipes are ordered by a flag or a barrier only. See
 * docs/machine.md for the rules. The direct engine does each instruction at once and hides a missing flag; write the
 * flags all the same.
 *
 * Errors. Each instruction checks its operands: a device address outside its buffer, a tile outside its memory, an alignment, a type, a
 * limit of the platform. A bad one ends the kernel with a message that starts with the file and line of the instruction;
 * the group's other ranks leave their waits; the device stays usable. No function here returns an error.
 *
 * The instruction set follows the public PTO tile instruction set; names are its own in lower case.
 */
#ifndef ORIEL_KERNEL_H
#define ORIEL_KERNEL_H

#ifdef __cplusplus
#error "oriel/kernel.h is C: write kernels in a .c file. A host program in C++ includes oriel/oriel.h."
#endif

#include "oriel/instr.h"

/* The site of this very place in the source. */
#define PTO_SITE                                                                                                       \
    __extension__({                                                                                                    \
        static const pto_site pto_site_here = {__FILE__, __LINE__, __func__};                                          \
        &pto_site_here;                                                                                                \
    })

#define PTO_INLINE static inline __attribute__((always_inline, unused))

/* ---- Giving up -------------------------------------------------------------------------------------------------- */

/* Ends the kernel with `file:line: text`. `text` is a string literal. Does not return. */
#define pto_trap(core, text) pto_trap_at((core), PTO_SITE, (text))
PTO_INLINE void pto_trap_at(pto_core *core, const pto_site *site, const char *text)
{
    core->ops->issue(core, &(pto_instr){.op = PTO_OP_TRAP, .site = site, .text = text});
    __builtin_unreachable();
}

/* Ends the kernel with `file:line: text (got 700, limit 800)`. Does not return. */
#define pto_trap_value(core, text, got, limit) pto_trap_value_at((core), PTO_SITE, (text), (got), (limit))
PTO_INLINE void pto_trap_value_at(pto_core *core, const pto_site *site, const char *text, uint64_t got, uint64_t limit)
{
    core->ops->issue(core, &(pto_instr){.op = PTO_OP_TRAP,
                                        .site = site,
                                        .text = text,
                                        .numbered = true,
                                        .got = (int64_t)got,
                                        .limit = (int64_t)limit});
    __builtin_unreachable();
}

/* ---- Arguments -------------------------------------------------------------------------------------------------- */

/* Tensor argument `index` (from 0, in the order in which the submitter added them), with its shape, densely strided. */
#define pto_arg_tensor(core, index) pto_arg_tensor_at((core), PTO_SITE, (index))
PTO_INLINE pto_global pto_arg_tensor_at(pto_core *core, const pto_site *site, uint32_t index)
{
    if (index >= core->args->tensors)
        pto_trap_value_at(core, site, "the task has no tensor argument of this index", index, core->args->tensors);
    return core->args->tensor[index];
}

/* Scalar argument `index`, as the integer that the submitter added. */
#define pto_arg_i64(core, index) pto_arg_i64_at((core), PTO_SITE, (index))
PTO_INLINE int64_t pto_arg_i64_at(pto_core *core, const pto_site *site, uint32_t index)
{
    if (index >= core->args->scalars)
        pto_trap_value_at(core, site, "the task has no scalar argument of this index", index, core->args->scalars);
    return (int64_t)core->args->scalar[index];
}

/* Scalar argument `index`, as the double that the submitter added. */
#define pto_arg_f64(core, index) pto_arg_f64_at((core), PTO_SITE, (index))
PTO_INLINE double pto_arg_f64_at(pto_core *core, const pto_site *site, uint32_t index)
{
    union {
        int64_t bits;
        double value;
    } as = {.bits = pto_arg_i64_at(core, site, index)};
    return as.value;
}

/* Domain `index` among those added to the task: my rank, the number of ranks, the buffers. Valid during the kernel. */
#define pto_arg_comm(core, index) pto_arg_comm_at((core), PTO_SITE, (index))
PTO_INLINE const pto_comm *pto_arg_comm_at(pto_core *core, const pto_site *site, uint32_t index)
{
    if (index >= core->args->comms)
        pto_trap_value_at(core, site, "the task was given no domain of this index", index, core->args->comms);
    return &core->args->comm[index];
}

/* Which block of the kernel this is, 0 .. pto_block_count-1. Blocks of one kernel run beside each other, a core each. */
PTO_INLINE uint32_t pto_block_index(const pto_core *core)
{
    return core->block;
}

PTO_INLINE uint32_t pto_block_count(const pto_core *core)
{
    return core->blocks;
}

/* Bytes of UB on this platform: what the tiles of this core must fit into. */
PTO_INLINE uint32_t pto_ub_bytes(const pto_core *core)
{
    return core->ub_bytes;
}

/* The same of any memory. */
PTO_INLINE uint32_t pto_memory_bytes(const pto_core *core, pto_memory memory)
{
    switch (memory) {
    case PTO_UB: return core->ub_bytes;
    case PTO_L1: return core->l1_bytes;
    case PTO_L0A: return core->l0a_bytes;
    case PTO_L0B: return core->l0b_bytes;
    case PTO_L0C: return core->l0c_bytes;
    case PTO_MEMORY_COUNT: break;
    }
    return 0;
}

/* ---- Tiles ------------------------------------------------------------------------------------------------------ */

/* "No second tile", where an instruction takes one or two. */
#define PTO_NO_TILE ((pto_tile){.dtype = PTO_F32})

/* A tile of `rows` x `cols` elements at `offset` bytes of UB, all of it valid. Rows are padded to the UB alignment. */
PTO_INLINE pto_tile pto_tile_2d(const pto_core *core, pto_dtype dtype, uint32_t offset, uint32_t rows, uint32_t cols)
{
    uint32_t bytes = pto_dtype_bytes(dtype);
    uint32_t align = core->ub_align;
    uint32_t padded = (cols * bytes + align - 1) / align * align / (bytes ? bytes : 1);
    return (pto_tile){
        .dtype = dtype, .offset = offset, .rows = rows, .cols = padded, .valid_rows = rows, .valid_cols = cols};
}

/* A tile of one row of `cols` elements. */
PTO_INLINE pto_tile pto_tile_1d(const pto_core *core, pto_dtype dtype, uint32_t offset, uint32_t cols)
{
    return pto_tile_2d(core, dtype, offset, 1, cols);
}

/* The same in another memory than UB. */
PTO_INLINE pto_tile pto_tile_in(const pto_core *core, pto_memory memory, pto_dtype dtype, uint32_t offset,
                                uint32_t rows, uint32_t cols)
{
    pto_tile tile = pto_tile_2d(core, dtype, offset, rows, cols);
    tile.memory = memory;
    return tile;
}

/* The same tile with another valid part; rows <= tile.rows, cols <= tile.cols (checked by the instruction). */
PTO_INLINE pto_tile pto_tile_valid(pto_tile tile, uint32_t rows, uint32_t cols)
{
    tile.valid_rows = rows;
    tile.valid_cols = cols;
    return tile;
}

/*
 * A copy of a tile, field by field, for an instruction's record. As a whole, compilers keep each field in a register, store them
 * one by one and copy that with wider loads, which wait for the stores: a third of a small instruction's time.
 */
#define PTO_TILE_COPY(tile)                                                                                            \
    ((pto_tile){.dtype = (tile).dtype,                                                                                 \
                .offset = (tile).offset,                                                                               \
                .rows = (tile).rows,                                                                                   \
                .cols = (tile).cols,                                                                                   \
                .valid_rows = (tile).valid_rows,                                                                       \
                .valid_cols = (tile).valid_cols,                                                                       \
                .memory = (tile).memory})

/* ---- Global tensors --------------------------------------------------------------------------------------------- */

/* A dense one-dimensional tensor of `count` elements at `addr`. */
PTO_INLINE pto_global pto_global_1d(pto_addr addr, pto_dtype dtype, uint64_t count)
{
    return (pto_global){
        .addr = addr, .dtype = dtype, .shape = {1, 1, 1, 1, count}, .stride = {count, count, count, count, 1}};
}

/* A tensor of rows x cols elements, `pitch` elements from one row to the next. */
PTO_INLINE pto_global pto_global_2d(pto_addr addr, pto_dtype dtype, uint64_t rows, uint64_t cols, uint64_t pitch)
{
    return (pto_global){.addr = addr,
                        .dtype = dtype,
                        .shape = {1, 1, 1, rows, cols},
                        .stride = {rows * pitch, rows * pitch, rows * pitch, pitch, 1}};
}

/* How many elements a tensor has. */
PTO_INLINE uint64_t pto_global_count(pto_global global)
{
    return global.shape[0] * global.shape[1] * global.shape[2] * global.shape[3] * global.shape[4];
}

/*
 * `count` elements from element `first` on of a dense tensor, as a one-dimensional one. Has the null address if `first` is
 * so large that the offset would leave its 40 bits.
 */
PTO_INLINE pto_global pto_slice(pto_global global, uint64_t first, uint64_t count)
{
    const uint64_t most = PTO_ADDR_OFFSET_MASK, bytes = pto_dtype_bytes(global.dtype);
    bool leaves = first > most || pto_addr_offset(global.addr) + first * bytes > most;
    return pto_global_1d(leaves ? 0 : global.addr + first * bytes, global.dtype, count);
}

/* Named buffer `index` of my own window, in the order of the domain's description: one-dimensional. */
#define pto_window_buffer(core, comm, index) pto_window_buffer_at((core), PTO_SITE, (comm), (index))
PTO_INLINE pto_global pto_window_buffer_at(pto_core *core, const pto_site *site, const pto_comm *comm, uint32_t index)
{
    if (index >= comm->buffers)
        pto_trap_value_at(core, site, "the domain has no buffer of this index", index, comm->buffers);
    return comm->mine[index];
}

/*
 * The address on rank `rank` of what lies at `addr` in my own window: symmetric windows in one line. `addr` must lie in a
 * buffer of my window of this domain, and rank < comm->ranks; otherwise the result names no object, and the instruction
 * that uses it says so.
 */
PTO_INLINE pto_addr pto_peer_addr(const pto_comm *comm, pto_addr addr, uint32_t rank)
{
    uint64_t object = pto_addr_object(addr) - comm->first_object - (uint64_t)comm->rank * comm->buffers;
    if (object >= comm->buffers || rank >= comm->ranks)
        return 0;
    return addr + (((uint64_t)rank - comm->rank) * comm->buffers << PTO_ADDR_OBJECT_SHIFT);
}

/* The same tensor in the window of rank `rank`. */
PTO_INLINE pto_global pto_peer(const pto_comm *comm, pto_global global, uint32_t rank)
{
    global.addr = pto_peer_addr(comm, global.addr, rank);
    return global;
}

/* ---- Moving data ------------------------------------------------------------------------------------------------ */

/*
 * TLOAD: UB or L1 <- device memory, on PIPE_MTE2. The tensor's type is the tile's; its first four extents multiply to the
 * tile's valid rows, its last is the valid columns.
 */
#define pto_tload(core, tile, global) pto_tload_at((core), PTO_SITE, (tile), (global))
PTO_INLINE void pto_tload_at(pto_core *core, const pto_site *site, pto_tile tile, pto_global global)
{
    core->ops->issue(
        core,
        &(pto_instr){.op = PTO_OP_TLOAD, .site = site, .tile = {&PTO_TILE_COPY(tile)}, .global = {NULL, &global}});
}

/*
 * TSTORE: device memory <- UB, on PIPE_MTE3, or <- L0C, on PIPE_FIX. Shapes as for TLOAD. From UB the types are one. From L0C, f32
 * may become f16 or bf16, as by TCVT with PTO_ROUND_NEAREST, and i32 stays what it is.
 */
#define pto_tstore(core, global, tile) pto_tstore_at((core), PTO_SITE, (global), (tile), PTO_ATOMIC_NONE)
/*
 * TSTORE with atomic add, element by element, as by TADD in the tensor's type: f32 f16 bf16 i8 i16 i32. Each addition is atomic among all cores and
 * ranks; in which order they happen is not said, so floating-point sums may differ from run to run.
 */
#define pto_tstore_add(core, global, tile) pto_tstore_at((core), PTO_SITE, (global), (tile), PTO_ATOMIC_ADD)
PTO_INLINE void pto_tstore_at(pto_core *core, const pto_site *site, pto_global global, pto_tile tile, pto_atomic atomic)
{
    core->ops->issue(core, &(pto_instr){.op = PTO_OP_TSTORE,
                                        .mode = atomic,
                                        .site = site,
                                        .tile = {&PTO_TILE_COPY(tile)},
                                        .global = {&global, NULL}});
}

/* ---- Arithmetic on tiles, on PIPE_V ----------------------------------------------------------------------------- */

/*
 * dst <- a op b, element by element; one type, one valid shape. The result is the same to the last bit on every processor.
 *
 * Integers wrap. Integer division truncates; division by zero gives all ones, and the smallest integer divided by -1 gives
 * itself (as in the RISC-V specification, "M" extension).
 *
 * Floating-point arithmetic is IEEE 754's, to nearest even, with subnormal numbers; f16 and bf16 are computed in f32 and
 * then rounded. Maximum and minimum are IEEE 754-2019's maximumNumber and minimumNumber: a number wins against a NaN, and
 * +0 is greater than -0. A NaN that arithmetic or a conversion gives is always the same one: quiet, positive, with no
 * payload (0x7fc00000 in f32). Moves (TLOAD, TSTORE, TMOV) keep every bit.
 *
 * TAND, TOR and TXOR go bit by bit and take integers only. (The set's TXOR is given one more tile to work in; here it
 * needs none.)
 *
 * dst may be a or b, or lie apart from them; tiles that overlap in another way are refused, here and below. A tile with no
 * valid rows or columns, source or destination, makes any instruction do nothing.
 */
#define pto_tadd(core, dst, a, b) pto_binary_at((core), PTO_SITE, PTO_OP_TADD, (dst), (a), (b))
#define pto_tsub(core, dst, a, b) pto_binary_at((core), PTO_SITE, PTO_OP_TSUB, (dst), (a), (b))
#define pto_tmul(core, dst, a, b) pto_binary_at((core), PTO_SITE, PTO_OP_TMUL, (dst), (a), (b))
#define pto_tdiv(core, dst, a, b) pto_binary_at((core), PTO_SITE, PTO_OP_TDIV, (dst), (a), (b))
#define pto_tmax(core, dst, a, b) pto_binary_at((core), PTO_SITE, PTO_OP_TMAX, (dst), (a), (b))
#define pto_tmin(core, dst, a, b) pto_binary_at((core), PTO_SITE, PTO_OP_TMIN, (dst), (a), (b))
#define pto_tand(core, dst, a, b) pto_binary_at((core), PTO_SITE, PTO_OP_TAND, (dst), (a), (b))
#define pto_tor(core, dst, a, b)  pto_binary_at((core), PTO_SITE, PTO_OP_TOR, (dst), (a), (b))
#define pto_txor(core, dst, a, b) pto_binary_at((core), PTO_SITE, PTO_OP_TXOR, (dst), (a), (b))
PTO_INLINE void pto_binary_at(pto_core *core, const pto_site *site, pto_op op, pto_tile dst, pto_tile a, pto_tile b)
{
    core->ops->issue(
        core,
        &(pto_instr){.op = op, .site = site, .tile = {&PTO_TILE_COPY(dst), &PTO_TILE_COPY(a), &PTO_TILE_COPY(b)}});
}

/* A scalar operand from any C number: floating-point types keep their value, all others become int64. */
#define PTO_SCALAR(x) _Generic((x), float : pto_scalar_f64, double : pto_scalar_f64, default : pto_scalar_i64)(x)
PTO_INLINE pto_scalar pto_scalar_f64(double value)
{
    return (pto_scalar){.is_float = true, .value = {.f = value}};
}
PTO_INLINE pto_scalar pto_scalar_i64(int64_t value)
{
    return (pto_scalar){.is_float = false, .value = {.i = value}};
}

/*
 * dst <- a op x. The scalar x is converted to the tiles' type first: an integer to an integer type modulo 2^bits; a
 * floating-point number to an integer type as by TCVT with PTO_ROUND_TRUNC; any number to a floating-point type to nearest
 * even, in one step.
 */
#define pto_tadds(core, dst, a, x) pto_scalar_op_at((core), PTO_SITE, PTO_OP_TADDS, (dst), (a), PTO_SCALAR(x))
#define pto_tsubs(core, dst, a, x) pto_scalar_op_at((core), PTO_SITE, PTO_OP_TSUBS, (dst), (a), PTO_SCALAR(x))
#define pto_tmuls(core, dst, a, x) pto_scalar_op_at((core), PTO_SITE, PTO_OP_TMULS, (dst), (a), PTO_SCALAR(x))
#define pto_tdivs(core, dst, a, x) pto_scalar_op_at((core), PTO_SITE, PTO_OP_TDIVS, (dst), (a), PTO_SCALAR(x))
#define pto_tmaxs(core, dst, a, x) pto_scalar_op_at((core), PTO_SITE, PTO_OP_TMAXS, (dst), (a), PTO_SCALAR(x))
#define pto_tmins(core, dst, a, x) pto_scalar_op_at((core), PTO_SITE, PTO_OP_TMINS, (dst), (a), PTO_SCALAR(x))
#define pto_tands(core, dst, a, x) pto_scalar_op_at((core), PTO_SITE, PTO_OP_TANDS, (dst), (a), PTO_SCALAR(x))
#define pto_tors(core, dst, a, x)  pto_scalar_op_at((core), PTO_SITE, PTO_OP_TORS, (dst), (a), PTO_SCALAR(x))
#define pto_txors(core, dst, a, x) pto_scalar_op_at((core), PTO_SITE, PTO_OP_TXORS, (dst), (a), PTO_SCALAR(x))
PTO_INLINE void pto_scalar_op_at(pto_core *core, const pto_site *site, pto_op op, pto_tile dst, pto_tile a,
                                 pto_scalar x)
{
    core->ops->issue(
        core, &(pto_instr){.op = op, .site = site, .tile = {&PTO_TILE_COPY(dst), &PTO_TILE_COPY(a)}, .scalar = x});
}

/*
 * TCVT: dst <- src in dst's type; one valid shape.
 *   To an integer from a floating-point number: rounded as `round` says; then a value out of range gives the nearest
 *   bound, and NaN gives 0.
 *   Between integers: modulo 2^bits.
 *   To a floating-point type: rounded as `round` says, in one step. What is beyond the greatest number becomes infinity, or
 *   that number where `round` points toward zero (IEEE 754, 7.4). -0 stays -0. NaN gives the one NaN.
 *   To the type itself: a move.
 * dst and src do not overlap, unless their elements have the same size and dst is src.
 */
#define pto_tcvt(core, dst, src, round) pto_unary_at((core), PTO_SITE, PTO_OP_TCVT, (dst), (src), (round))
/*
 * TMOV: dst <- src; one type, one valid shape. From UB to UB on PIPE_V; from L1 to L0A or L0B on PIPE_MTE1, and then of a type
 * that is multiplied (pto_tmatmul).
 */
#define pto_tmov(core, dst, src) pto_unary_at((core), PTO_SITE, PTO_OP_TMOV, (dst), (src), 0)
/*
 * TROWSUM, TROWMAX: element (i, 0) of dst <- the sum, the maximum, of row i of src. dst has src's type, as many valid
 * rows, one valid column; or one valid row, and a column for each row of src, whose element (0, i) it is then. A maximum is TMAX over the row, and so the one NaN where the row has nothing else.
 *
 * A sum of integers wraps. A sum of floating-point numbers is taken in f32 and rounded to the type at the end, in one fixed
 * shape: 16 running sums, element j added to sum j mod 16, each starting at -0 (which changes nothing that it is added
 * to); then s[j] += s[j + 8] for j < 8, s[j] += s[j + 4] for j < 4, s[j] += s[j + 2] for j < 2, and s[0] + s[1].
 */
#define pto_trowsum(core, dst, src) pto_unary_at((core), PTO_SITE, PTO_OP_TROWSUM, (dst), (src), 0)
#define pto_trowmax(core, dst, src) pto_unary_at((core), PTO_SITE, PTO_OP_TROWMAX, (dst), (src), 0)
PTO_INLINE void pto_unary_at(pto_core *core, const pto_site *site, pto_op op, pto_tile dst, pto_tile src, uint32_t mode)
{
    core->ops->issue(
        core, &(pto_instr){.op = op, .mode = mode, .site = site, .tile = {&PTO_TILE_COPY(dst), &PTO_TILE_COPY(src)}});
}

/* TFILL: every valid element of dst <- the scalar x, converted as above (the set's TEXPANDS). */
#define pto_tfill(core, dst, x) pto_tfill_at((core), PTO_SITE, (dst), PTO_SCALAR(x))
PTO_INLINE void pto_tfill_at(pto_core *core, const pto_site *site, pto_tile dst, pto_scalar x)
{
    core->ops->issue(core, &(pto_instr){.op = PTO_OP_TFILL, .site = site, .tile = {&PTO_TILE_COPY(dst)}, .scalar = x});
}

/* ---- Matrix products, on PIPE_MTE1 and PIPE_M ------------------------------------------------------------------- */

/*
 * TEXTRACT: dst, in L0A or L0B <- the part of src, in L1, that has dst's valid shape and begins at (row, col), on PIPE_MTE1. One
 * type, as for TMOV; row and col are below 65536.
 */
#define pto_textract(core, dst, src, row, col) pto_textract_at((core), PTO_SITE, (dst), (src), (row), (col))
PTO_INLINE void pto_textract_at(pto_core *core, const pto_site *site, pto_tile dst, pto_tile src, uint32_t row,
                                uint32_t col)
{
    if ((row | col) > UINT16_MAX)
        pto_trap_value_at(core, site, "TEXTRACT: begins at a row or column that is not below 65536",
                          row > col ? row : col, UINT16_MAX);
    core->ops->issue(core,
                     &(pto_instr){.op = PTO_OP_TEXTRACT, .mode = row << 16 | col, .site = site, .tile = {&dst, &src}});
}

/*
 * TMATMUL: acc <- a x b, TMATMUL_ACC: acc += a x b. acc, M x N in L0C; a, M x K in L0A; b, K x N in L0B; valid M, K and N to 4095.
 * a and b: f32, f16 or bf16, and acc is f32; or i8, and acc is i32.
 *
 * Integers wrap. Of floating-point numbers, each product is rounded to f32, to nearest even, and added in f32 to what was there
 * (TMATMUL: +0), in the order k = 0, 1, ..: so a product that is cut along K, TMATMUL and then TMATMUL_ACC, has the bits of the
 * whole. NaN is the one NaN. (Silicon adds in an order of its own: results there agree within rounding.)
 */
#define pto_tmatmul(core, acc, a, b)     pto_binary_at((core), PTO_SITE, PTO_OP_TMATMUL, (acc), (a), (b))
#define pto_tmatmul_acc(core, acc, a, b) pto_binary_at((core), PTO_SITE, PTO_OP_TMATMUL_ACC, (acc), (a), (b))

/* ---- Composite instructions ------------------------------------------------------------------------------------- */

/*
 * These stand for sequences of TLOAD, arithmetic and TSTORE, with flags of their own: event ids 0 and 1 of the pipes that
 * they use must be free. Tensors larger than a staging tile are moved in chunks; with two staging tiles (`pong` not
 * PTO_NO_TILE) the load of one chunk overlaps the store of the one before. Staging tiles have the tensors' type, equal
 * shapes, do not overlap, and hold undefined values afterwards. The last stores are not drained on return, but later loads
 * into the same tiles come after them.
 */
PTO_INLINE void pto_composite_at(pto_core *core, pto_instr instr, const pto_tile *ping, const pto_tile *pong)
{
    uint32_t first = instr.op == PTO_OP_TREDUCE ? 1 : 0;
    instr.tile[first] = ping;
    instr.tile[first + 1] = pong->rows ? pong : NULL;
    core->ops->issue(core, &instr);
}

/* TPUT: dst (a peer's) <- src (mine), the same shape. pto_tput_add: dst += src, types as for pto_tstore_add. */
#define pto_tput(core, dst, src, ping, pong)                                                                           \
    pto_move_at((core), PTO_SITE, PTO_OP_TPUT, PTO_ATOMIC_NONE, (dst), (src), (ping), (pong))
#define pto_tput_add(core, dst, src, ping, pong)                                                                       \
    pto_move_at((core), PTO_SITE, PTO_OP_TPUT, PTO_ATOMIC_ADD, (dst), (src), (ping), (pong))
/* TGET: dst (mine) <- src (a peer's), the same shape. */
#define pto_tget(core, dst, src, ping, pong)                                                                           \
    pto_move_at((core), PTO_SITE, PTO_OP_TGET, PTO_ATOMIC_NONE, (dst), (src), (ping), (pong))
PTO_INLINE void pto_move_at(pto_core *core, const pto_site *site, pto_op op, pto_atomic atomic, pto_global dst,
                            pto_global src, pto_tile ping, pto_tile pong)
{
    pto_composite_at(core, (pto_instr){.op = op, .mode = atomic, .site = site, .global = {&dst, &src}}, &ping, &pong);
}

/* The tensor `mine`, which lies in my window of `comm`, on all its ranks in order. */
PTO_INLINE pto_group pto_group_of(const pto_comm *comm, pto_global mine)
{
    return (pto_group){.comm = comm, .mine = mine, .each = NULL, .ranks = comm->ranks};
}

/*
 * TREDUCE: dst (mine) <- the reduction over the group's tensors, in the order rank 0, 1, ..: ((t0 op t1) op t2) .. in the
 * tensors' type; and, or, xor of integers only. All have dst's shape. `acc` accumulates, `ping` and `pong` receive.
 */
#define pto_treduce(core, dst, group, reduce, acc, ping, pong)                                                         \
    pto_treduce_at((core), PTO_SITE, (dst), (group), (reduce), (acc), (ping), (pong))
PTO_INLINE void pto_treduce_at(pto_core *core, const pto_site *site, pto_global dst, pto_group group, pto_reduce reduce,
                               pto_tile acc, pto_tile ping, pto_tile pong)
{
    pto_instr instr = {.op = PTO_OP_TREDUCE, .mode = reduce, .site = site, .global = {&dst, NULL}, .group = &group};
    instr.tile[0] = &acc;
    pto_composite_at(core, instr, &ping, &pong);
}

/* TGATHER: dst (mine) <- the group's tensors one after the other along dimension 3; dst.shape[3] = ranks * theirs. */
#define pto_tgather(core, dst, group, ping, pong) pto_tgather_at((core), PTO_SITE, (dst), (group), (ping), (pong))
PTO_INLINE void pto_tgather_at(pto_core *core, const pto_site *site, pto_global dst, pto_group group, pto_tile ping,
                               pto_tile pong)
{
    pto_composite_at(core, (pto_instr){.op = PTO_OP_TGATHER, .site = site, .global = {&dst, NULL}, .group = &group},
                     &ping, &pong);
}

/* TSCATTER: the group's tensors <- the parts of src (mine) along dimension 3, the inverse of TGATHER. */
#define pto_tscatter(core, group, src, ping, pong)                                                                     \
    pto_spread_at((core), PTO_SITE, PTO_OP_TSCATTER, (group), (src), (ping), (pong))
/* TBROADCAST: every tensor of the group <- src (mine), the same shape. */
#define pto_tbroadcast(core, group, src, ping, pong)                                                                   \
    pto_spread_at((core), PTO_SITE, PTO_OP_TBROADCAST, (group), (src), (ping), (pong))
PTO_INLINE void pto_spread_at(pto_core *core, const pto_site *site, pto_op op, pto_group group, pto_global src,
                              pto_tile ping, pto_tile pong)
{
    pto_composite_at(core, (pto_instr){.op = op, .site = site, .global = {NULL, &src}, .group = &group}, &ping, &pong);
}

/* ---- Signals ---------------------------------------------------------------------------------------------------- */

/* Bytes of a cache line: cells with different writers lie at least this far apart. */
#define PTO_LINE_BYTES 64
/* The same in int32 cells. */
#define PTO_LINE_CELLS 16

PTO_INLINE pto_cells pto_cell(pto_addr addr)
{
    return (pto_cells){.addr = addr, .count = 1, .stride = 1};
}

PTO_INLINE pto_cells pto_cell_block(pto_addr addr, uint32_t count, uint32_t stride)
{
    return (pto_cells){.addr = addr, .count = count, .stride = stride};
}

/*
 * TNOTIFY: the int32 cell at `addr`, mostly a peer's, <- value (PTO_NOTIFY_SET) or += value (PTO_NOTIFY_ADD, modulo 2^32).
 * It does not wait for earlier stores: drain them first (pto_pipe_barrier, then pto_dsb).
 */
#define pto_tnotify(core, addr, value, how)                                                                            \
    pto_signal_at((core), PTO_SITE, PTO_OP_TNOTIFY, pto_cell(addr), (value), (how))

/*
 * TWAIT: returns once each of my own cells compares true: `cell cmp value`, signed, cell by cell (not all at one time).
 * It consumes nothing: the count stays. Ends the kernel when the run's deadline passes or a peer fails.
 *
 * A cell that is used again: PTO_EQ misses a value that its writer has already overwritten, and PTO_GE fails when the
 * count wraps to negative numbers. PTO_NE, not the old count, does neither while the writer is at most one ahead.
 */
#define pto_twait(core, cells, value, cmp) pto_signal_at((core), PTO_SITE, PTO_OP_TWAIT, (cells), (value), (cmp))
/* TTEST: the same question, answered at once: true if every cell compares true now. */
#define pto_ttest(core, cells, value, cmp) pto_signal_at((core), PTO_SITE, PTO_OP_TTEST, (cells), (value), (cmp))
PTO_INLINE bool pto_signal_at(pto_core *core, const pto_site *site, pto_op op, pto_cells cells, int32_t value,
                              uint32_t mode)
{
    return core->ops->signal(core, &(pto_signal){.op = op, .mode = mode, .site = site, .cells = cells, .value = value});
}

/* ---- Flags, barriers, fences ------------------------------------------------------------------------------------ */

/* set_flag: queued on `src`; fires when all that was issued there before has completed. `id` is below the platform's count. */
#define pto_set_flag(core, src, dst, id) pto_sync_at((core), PTO_SITE, PTO_OP_SET_FLAG, (src), (dst), (id), 0)
/* wait_flag: queued on `dst`; holds back what is issued there after it until the flag fires, and consumes the flag. */
#define pto_wait_flag(core, src, dst, id) pto_sync_at((core), PTO_SITE, PTO_OP_WAIT_FLAG, (src), (dst), (id), 0)
/* pipe_barrier: what was issued to `pipe` completes before anything later there starts; PTO_PIPE_ALL drains them all. */
#define pto_pipe_barrier(core, pipe) pto_sync_at((core), PTO_SITE, PTO_OP_PIPE_BARRIER, (pipe), PTO_PIPE_S, 0, 0)
/* dsb(DSB_DDR): the scalar unit goes on when earlier stores and cache cleans have reached memory. */
#define pto_dsb(core) pto_sync_at((core), PTO_SITE, PTO_OP_DSB, PTO_PIPE_S, PTO_PIPE_S, 0, 0)
/* dcci: cleans and invalidates the cache line that holds `addr`; pto_dcci_all: the core's whole data cache. */
#define pto_dcci(core, addr) pto_sync_at((core), PTO_SITE, PTO_OP_DCCI, PTO_PIPE_S, PTO_PIPE_S, 0, (addr))
#define pto_dcci_all(core)   pto_sync_at((core), PTO_SITE, PTO_OP_DCCI, PTO_PIPE_S, PTO_PIPE_S, 0, 0)
/* The barrier among all blocks of this kernel: orders their scalar units; drains no pipe and cleans no cache. */
#define pto_core_barrier(core) pto_sync_at((core), PTO_SITE, PTO_OP_CORE_BARRIER, PTO_PIPE_S, PTO_PIPE_S, 0, 0)
PTO_INLINE void pto_sync_at(pto_core *core, const pto_site *site, pto_op op, pto_pipe src, pto_pipe dst, uint32_t id,
                            pto_addr addr)
{
    core->ops->sync(core, &(pto_sync){.op = op, .site = site, .src = src, .dst = dst, .id = id, .addr = addr});
}

/* ---- Scalar access to device memory ----------------------------------------------------------------------------- */

/*
 * A load or store of one element by the scalar unit, through its data cache, which is not coherent: pto_dcci before
 * reading what another core or a pipe wrote, and after writing what others read. `addr` is aligned to the element.
 */
PTO_INLINE uint64_t pto_load_at(pto_core *core, const pto_site *site, pto_addr addr, pto_dtype dtype, bool uncached)
{
    pto_access access = {.op = PTO_OP_LOAD, .uncached = uncached, .site = site, .addr = addr, .dtype = dtype};
    core->ops->access(core, &access);
    return access.bits;
}

PTO_INLINE void pto_store_at(pto_core *core, const pto_site *site, pto_addr addr, pto_dtype dtype, uint64_t bits,
                             bool uncached)
{
    core->ops->access(
        core, &(pto_access){
                  .op = PTO_OP_STORE, .uncached = uncached, .site = site, .addr = addr, .dtype = dtype, .bits = bits});
}

PTO_INLINE float pto_bits_f32(uint64_t bits)
{
    union {
        uint32_t bits;
        float value;
    } as = {.bits = (uint32_t)bits};
    return as.value;
}

PTO_INLINE uint64_t pto_f32_bits(float value)
{
    union {
        float value;
        uint32_t bits;
    } as = {.value = value};
    return as.bits;
}

#define pto_load_i8(core, addr)  ((int8_t)pto_load_at((core), PTO_SITE, (addr), PTO_I8, false))
#define pto_load_u8(core, addr)  ((uint8_t)pto_load_at((core), PTO_SITE, (addr), PTO_U8, false))
#define pto_load_i16(core, addr) ((int16_t)pto_load_at((core), PTO_SITE, (addr), PTO_I16, false))
#define pto_load_u16(core, addr) ((uint16_t)pto_load_at((core), PTO_SITE, (addr), PTO_U16, false))
#define pto_load_i32(core, addr) ((int32_t)pto_load_at((core), PTO_SITE, (addr), PTO_I32, false))
#define pto_load_u32(core, addr) ((uint32_t)pto_load_at((core), PTO_SITE, (addr), PTO_U32, false))
#define pto_load_i64(core, addr) ((int64_t)pto_load_at((core), PTO_SITE, (addr), PTO_I64, false))
#define pto_load_f32(core, addr) pto_bits_f32(pto_load_at((core), PTO_SITE, (addr), PTO_F32, false))

#define pto_store_i8(core, addr, x)  pto_store_at((core), PTO_SITE, (addr), PTO_I8, (uint8_t)(x), false)
#define pto_store_u8(core, addr, x)  pto_store_at((core), PTO_SITE, (addr), PTO_U8, (uint8_t)(x), false)
#define pto_store_i16(core, addr, x) pto_store_at((core), PTO_SITE, (addr), PTO_I16, (uint16_t)(x), false)
#define pto_store_u16(core, addr, x) pto_store_at((core), PTO_SITE, (addr), PTO_U16, (uint16_t)(x), false)
#define pto_store_i32(core, addr, x) pto_store_at((core), PTO_SITE, (addr), PTO_I32, (uint32_t)(x), false)
#define pto_store_u32(core, addr, x) pto_store_at((core), PTO_SITE, (addr), PTO_U32, (uint32_t)(x), false)
#define pto_store_i64(core, addr, x) pto_store_at((core), PTO_SITE, (addr), PTO_I64, (uint64_t)(x), false)
#define pto_store_f32(core, addr, x) pto_store_at((core), PTO_SITE, (addr), PTO_F32, pto_f32_bits(x), false)

/* The same around the cache (the set's ld_dev and st_dev): it needs no dcci, and a dsb still says when a store has landed. */
#define pto_load_dev_i32(core, addr)     ((int32_t)pto_load_at((core), PTO_SITE, (addr), PTO_I32, true))
#define pto_load_dev_u32(core, addr)     ((uint32_t)pto_load_at((core), PTO_SITE, (addr), PTO_U32, true))
#define pto_store_dev_i32(core, addr, x) pto_store_at((core), PTO_SITE, (addr), PTO_I32, (uint32_t)(x), true)
#define pto_store_dev_u32(core, addr, x) pto_store_at((core), PTO_SITE, (addr), PTO_U32, (uint32_t)(x), true)

#endif
