/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What passes between a kernel and the engine that runs it: the operands, the instruction records, and the engine's table.
 *
 * A kernel does not use this header by name; it writes the functions of kernel.h, which fill a record on the stack and hand
 * it to the engine. An engine must not keep a pointer into a record after the call returns: it copies what it needs.
 *
 *      kernel.c ── pto_tload(core, tile, global) ──► struct pto_instr on the stack
 *                                                        │
 *                                              core->ops->issue(core, &instr)
 *                                                        │
 *                                  engine/direct: at once        engine/check: queued on a pipe
 */
#ifndef ORIEL_INSTR_H
#define ORIEL_INSTR_H

#include <stddef.h>

#include "oriel/types.h"

/* Where in the source an instruction stands. One static object per call site: its address identifies the site. */
typedef struct pto_site {
    const char *file;
    int line;
    const char *function;
} pto_site;

/* ---- Addresses -------------------------------------------------------------------------------------------------- */

/*
 * A device address: a number that names a byte of device memory, not a pointer. Only the engine and the fabric turn it
 * into one.
 *
 *      63                    40 39                                      0
 *      ┌───────────────────────┬────────────────────────────────────────┐
 *      │ object                │ offset in bytes                        │
 *      └───────────────────────┴────────────────────────────────────────┘
 *
 * An object is one tensor argument or one named buffer of one rank's window. Object 0 is never valid, so 0 is the null
 * address. Objects are numbered anew for each kernel launch; an address means nothing outside the launch that made it.
 * Adding less than 2^40 to the address of an object's start moves inside the object, so that an access that leaves its
 * buffer is noticed. Plain addition of more carries into the object's number, as does subtracting more than the offset;
 * pto_slice (kernel.h) notices both.
 */
typedef uint64_t pto_addr;

#define PTO_ADDR_OBJECT_SHIFT 40
#define PTO_ADDR_OFFSET_MASK  ((UINT64_C(1) << PTO_ADDR_OBJECT_SHIFT) - 1)

static inline uint64_t pto_addr_object(pto_addr addr)
{
    return addr >> PTO_ADDR_OBJECT_SHIFT;
}

static inline uint64_t pto_addr_offset(pto_addr addr)
{
    return addr & PTO_ADDR_OFFSET_MASK;
}

/* ---- Operands --------------------------------------------------------------------------------------------------- */

/*
 * The memories of a core. Arithmetic on elements happens in the Unified Buffer. The matrix unit takes its operands from L0A
 * and L0B, which are filled from L1, and adds up in L0C.
 */
typedef enum pto_memory { PTO_UB, PTO_L1, PTO_L0A, PTO_L0B, PTO_L0C, PTO_MEMORY_COUNT } pto_memory;

/*
 * A tile: a row-major matrix in one of the core's memories. (Silicon keeps the matrix unit's tiles in small blocks. It moves
 * them there and back by itself, and an instruction shows nothing of it; here every memory holds rows.)
 *
 *      offset ─►┌─────────────────┬─────┐   `rows` x `cols` elements are laid out, one row after the other;
 *               │ valid_rows x    │     │   instructions touch the first valid_rows x valid_cols of them.
 *               │ valid_cols      │     │   The offset and the bytes of a row are multiples of the platform's
 *               ├─────────────────┘     │   alignment of tiles (32 B on a2a3 and a5), in every memory.
 *               └───────────────────────┘
 */
typedef struct pto_tile {
    pto_dtype dtype;
    uint32_t offset; /* bytes from the start of its memory */
    uint32_t rows, cols;
    uint32_t valid_rows, valid_cols; /* 0 is allowed: the instruction then has nothing to do */
    pto_memory memory;               /* UB where nothing is said */
} pto_tile;

/*
 * A global tensor: up to five dimensions in device memory; unused leading dimensions have extent 1. The element at index
 * (i0 .. i4) lies at addr + bytes(dtype) * (i0*stride[0] + ... + i4*stride[4]).
 */
typedef struct pto_global {
    pto_addr addr;
    pto_dtype dtype;
    uint64_t shape[5];
    uint64_t stride[5]; /* in elements */
} pto_global;

/*
 * The same tensor on every rank of a domain, for the instructions that act on a group. Either `mine` lies in this rank's
 * window and the others follow by symmetry, or `each` names `ranks` tensors one by one (then `mine` is not looked at).
 */
typedef struct pto_group {
    const struct pto_comm *comm; /* needed for the symmetric form */
    pto_global mine;
    const pto_global *each; /* NULL: symmetric */
    uint32_t ranks;
} pto_group;

/* int32 signal cells in a window: `count` of them, `stride` cells apart. */
typedef struct pto_cells {
    pto_addr addr;
    uint32_t count;
    uint32_t stride; /* in cells of 4 bytes; not looked at when count is 1 */
} pto_cells;

/* A scalar operand: an integer or a floating-point number, converted to the tile's type by the instruction. */
typedef struct pto_scalar {
    bool is_float;
    union {
        int64_t i;
        double f;
    } value;
} pto_scalar;

/* ---- Instructions ----------------------------------------------------------------------------------------------- */

typedef enum pto_pipe {
    PTO_PIPE_S,
    PTO_PIPE_MTE2,
    PTO_PIPE_V,
    PTO_PIPE_MTE3,
    PTO_PIPE_MTE1, /* L1 to L0A and L0B */
    PTO_PIPE_M,    /* matrix products */
    PTO_PIPE_FIX,  /* L0C to device memory */
    PTO_PIPE_ALL,
    PTO_PIPE_COUNT
} pto_pipe;

/*
 * Every instruction, once: X(CONSTANT, "NAME", pipe on which it runs). Composite ones are issued by PIPE_S. Where a tile lies
 * can move one to another pipe: TMOV from L1 runs on PIPE_MTE1, TSTORE from L0C on PIPE_FIX.
 */
#define PTO_OPS(X)                                                                                                     \
    X(TLOAD, "TLOAD", MTE2)                                                                                            \
    X(TSTORE, "TSTORE", MTE3)                                                                                          \
    X(TADD, "TADD", V)                                                                                                 \
    X(TSUB, "TSUB", V)                                                                                                 \
    X(TMUL, "TMUL", V)                                                                                                 \
    X(TDIV, "TDIV", V)                                                                                                 \
    X(TMAX, "TMAX", V)                                                                                                 \
    X(TMIN, "TMIN", V)                                                                                                 \
    X(TAND, "TAND", V)                                                                                                 \
    X(TOR, "TOR", V)                                                                                                   \
    X(TXOR, "TXOR", V)                                                                                                 \
    X(TADDS, "TADDS", V)                                                                                               \
    X(TSUBS, "TSUBS", V)                                                                                               \
    X(TMULS, "TMULS", V)                                                                                               \
    X(TDIVS, "TDIVS", V)                                                                                               \
    X(TMAXS, "TMAXS", V)                                                                                               \
    X(TMINS, "TMINS", V)                                                                                               \
    X(TANDS, "TANDS", V)                                                                                               \
    X(TORS, "TORS", V)                                                                                                 \
    X(TXORS, "TXORS", V)                                                                                               \
    X(TCVT, "TCVT", V)                                                                                                 \
    X(TFILL, "TFILL", V)                                                                                               \
    X(TMOV, "TMOV", V)                                                                                                 \
    X(TROWSUM, "TROWSUM", V)                                                                                           \
    X(TROWMAX, "TROWMAX", V)                                                                                           \
    X(TEXTRACT, "TEXTRACT", MTE1)                                                                                      \
    X(TMATMUL, "TMATMUL", M)                                                                                           \
    X(TMATMUL_ACC, "TMATMUL_ACC", M)                                                                                   \
    X(TPUT, "TPUT", S)                                                                                                 \
    X(TGET, "TGET", S)                                                                                                 \
    X(TREDUCE, "TREDUCE", S)                                                                                           \
    X(TGATHER, "TGATHER", S)                                                                                           \
    X(TSCATTER, "TSCATTER", S)                                                                                         \
    X(TBROADCAST, "TBROADCAST", S)                                                                                     \
    X(TNOTIFY, "TNOTIFY", S)                                                                                           \
    X(TWAIT, "TWAIT", S)                                                                                               \
    X(TTEST, "TTEST", S)                                                                                               \
    X(SET_FLAG, "set_flag", S)                                                                                         \
    X(WAIT_FLAG, "wait_flag", S)                                                                                       \
    X(PIPE_BARRIER, "pipe_barrier", S)                                                                                 \
    X(DSB, "dsb", S)                                                                                                   \
    X(DCCI, "dcci", S)                                                                                                 \
    X(CORE_BARRIER, "core_barrier", S)                                                                                 \
    X(LOAD, "scalar load", S)                                                                                          \
    X(STORE, "scalar store", S)                                                                                        \
    X(TRAP, "trap", S)

typedef enum pto_op {
#define PTO_OP_CONSTANT(constant, name, pipe) PTO_OP_##constant,
    PTO_OPS(PTO_OP_CONSTANT)
#undef PTO_OP_CONSTANT
        PTO_OP_COUNT
} pto_op;

/* How TSTORE and TPUT combine with what is there. */
typedef enum pto_atomic { PTO_ATOMIC_NONE, PTO_ATOMIC_ADD } pto_atomic;

/* How TCVT rounds when the destination cannot hold the value. */
typedef enum pto_round {
    PTO_ROUND_NEAREST, /* to nearest, ties to even */
    PTO_ROUND_AWAY,    /* to nearest, ties away from zero */
    PTO_ROUND_FLOOR,
    PTO_ROUND_CEIL,
    PTO_ROUND_TRUNC,
    PTO_ROUND_COUNT
} pto_round;

typedef enum pto_notify { PTO_NOTIFY_SET, PTO_NOTIFY_ADD } pto_notify;
typedef enum pto_cmp { PTO_EQ, PTO_NE, PTO_GT, PTO_GE, PTO_LT, PTO_LE, PTO_CMP_COUNT } pto_cmp;

/*
 * A data instruction. Which operands an opcode uses:
 *
 *      TLOAD        tile[0] <- global[1]                    TSTORE      global[0] <- tile[0]            (mode: pto_atomic)
 *      TADD ..      tile[0] <- tile[1] op tile[2]           TADDS ..    tile[0] <- tile[1] op scalar
 *      TCVT         tile[0] <- tile[1]  (mode: pto_round)   TFILL       tile[0] <- scalar
 *      TMOV         tile[0] <- tile[1]                      TROWSUM/MAX tile[0] (rows x 1, 1 x rows) <- tile[1]
 *      TEXTRACT     tile[0] <- tile[1] from row mode / 2^16, column mode % 2^16 on
 *      TMATMUL(_ACC) tile[0] <- or += tile[1] x tile[2]
 *      TPUT, TGET   global[0] <- global[1], staged in tile[0] and, if not NULL, tile[1]   (TPUT mode: pto_atomic)
 *      TREDUCE      global[0] <- group; tile[0] accumulates, tile[1] and, if not NULL, tile[2] receive (mode: pto_reduce)
 *      TGATHER      global[0] <- group, staged in tile[0] and, if not NULL, tile[1]
 *      TSCATTER, TBROADCAST   group <- global[1], staged in tile[0] and, if not NULL, tile[1]
 *      TRAP         text: the kernel gives up; numbered: `got` and `limit` say by which value
 *
 * What is not used is NULL or 0.
 */
typedef struct pto_instr {
    pto_op op;
    uint32_t mode;
    const pto_site *site;
    const pto_tile *tile[3];
    const pto_global *global[2]; /* [0] is written, [1] is read */
    const pto_group *group;
    pto_scalar scalar;
    const char *text;
    bool numbered;
    int64_t got, limit;
} pto_instr;

/* A synchronization. set_flag, wait_flag: src, dst, id. pipe_barrier: src. dcci: addr (0: the whole cache). */
typedef struct pto_sync {
    pto_op op;
    const pto_site *site;
    pto_pipe src, dst;
    uint32_t id;
    pto_addr addr;
} pto_sync;

/* A signal operation. TNOTIFY: one cell, mode is a pto_notify. TWAIT, TTEST: mode is a pto_cmp. */
typedef struct pto_signal {
    pto_op op;
    uint32_t mode;
    const pto_site *site;
    pto_cells cells;
    int32_t value;
} pto_signal;

/*
 * A scalar load or store of device memory. `bits` holds the element's bytes, from the lowest. `uncached`: it goes around the scalar
 * unit's cache (the set's ld_dev and st_dev): a load sees what is in memory, a store is on its way there at once. `peek`: no access of
 * the machine; `bits` holds what is in memory, and gets what a load would see there of the core's own stores. For engines with a cache.
 */
typedef struct pto_access {
    pto_op op;
    bool uncached, peek;
    const pto_site *site;
    pto_addr addr;
    pto_dtype dtype;
    uint64_t bits; /* in for a store, out for a load */
} pto_access;

/* ---- The core, as a kernel sees it ------------------------------------------------------------------------------ */

typedef struct pto_core pto_core;

/*
 * An engine's side of an instruction. A function returns when the scalar unit may go on; if the instruction is not
 * allowed, or the run is to end, it does not return: the engine leaves the kernel by a long jump.
 */
typedef struct pto_engine_ops {
    void (*issue)(pto_core *core, const pto_instr *instr);
    void (*sync)(pto_core *core, const pto_sync *sync);
    bool (*signal)(pto_core *core, const pto_signal *signal); /* what TTEST found; true for the others */
    void (*access)(pto_core *core, pto_access *access);
} pto_engine_ops;

/* What a kernel knows of a domain that it was given. The window of rank r holds the same buffers at the same offsets. */
typedef struct pto_comm {
    uint32_t rank;          /* mine, 0 .. ranks-1 */
    uint32_t ranks;         /* 1 .. any number: a platform limits it, no array does */
    uint32_t buffers;       /* named buffers in each window */
    uint64_t first_object;  /* object of buffer b of rank r is first_object + r * buffers + b */
    const pto_global *mine; /* my own buffers, one-dimensional, in the order of the domain's description */
} pto_comm;

/* The arguments of a task, in the order in which they were added. Owned by the runtime, constant during the kernel. */
typedef struct pto_args {
    uint32_t tensors, scalars, comms;
    const pto_global *tensor;
    const uint64_t *scalar; /* bits of an int64 or a double, as the submitter added them */
    const pto_comm *comm;
} pto_args;

/* The first part of every engine's core. */
struct pto_core {
    const pto_engine_ops *ops;
    const pto_args *args;
    const struct oriel_view *view; /* of the memory behind them: the runtime's own */
    uint32_t block, blocks;        /* this block of the kernel, and how many there are */
    uint32_t ub_bytes;             /* size of UB */
    uint32_t ub_align;             /* alignment of a tile's offset and row, in bytes */
    uint32_t l1_bytes, l0a_bytes, l0b_bytes, l0c_bytes;
    bool cached; /* what a scalar load gives may differ from what is in memory */
};

#endif
