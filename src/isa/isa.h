/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each instruction means, written once for every engine: which operands are allowed (check), which bytes it reads and
 * writes (footprint), what it does to them (effect), and, for a composite, which simpler ones it stands for (expansion).
 *
 * Pure: no memory but what is passed in, no state, no waiting. Called by engines, on any thread. Messages do not name the
 * place in the source; the engine puts `file:line: ` before them.
 */
#ifndef ORIEL_ISA_ISA_H
#define ORIEL_ISA_ISA_H

#include "isa/limits.h"
#include "oriel/info.h"
#include "oriel/instr.h"
#include "oriel/status.h"

/* "TLOAD", "set_flag", ... Static. */
const char *oriel_op_name(pto_op op);
pto_pipe oriel_op_pipe(pto_op op);
/* On which pipe it runs: that of its op, unless a tile lies where another pipe moves it. */
pto_pipe oriel_instr_pipe(const pto_instr *instr);
const char *oriel_memory_name(pto_memory memory); /* "L0A"; "?" */
/* TPUT, TGET, TREDUCE, TGATHER, TSCATTER, TBROADCAST. */
bool oriel_op_is_composite(pto_op op);
const char *oriel_cmp_name(pto_cmp cmp); /* ">=" */
/* " i8 u8 .."; each after a space: for messages that refuse a floating-point type. */
extern const char oriel_integer_names[];

/* Bytes of one of a core's memories. */
static inline uint32_t oriel_memory_bytes(const oriel_limits *limits, pto_memory memory)
{
    switch (memory) {
    case PTO_UB: return limits->ub_bytes;
    case PTO_L1: return limits->l1_bytes;
    case PTO_L0A: return limits->l0a_bytes;
    case PTO_L0B: return limits->l0b_bytes;
    case PTO_L0C: return limits->l0c_bytes;
    case PTO_MEMORY_COUNT: break;
    }
    return 0;
}

/* ---- Check ------------------------------------------------------------------------------------------------------ */

/*
 * Whether the operands are allowed: types, shapes, alignment, tile within its memory, staging tiles that overlap, modes, event ids,
 * pipes. Does not look at device memory: whether an address lies in a buffer is the engine's to ask (window/view.h).
 * ORIEL_FAULT, with a message like `TADD: b is f16, dst is f32`. TRAP always fails, with its own text.
 */
oriel_status oriel_instr_check(const pto_instr *instr, const oriel_limits *limits);
oriel_status oriel_sync_check(const pto_sync *sync, const oriel_limits *limits);
oriel_status oriel_signal_check(const pto_signal *signal, const oriel_limits *limits);
oriel_status oriel_access_check(const pto_access *access, const oriel_limits *limits);

/* What the last of these checks that failed on this thread was about: for an engine that tells them apart. */
typedef enum oriel_bad { ORIEL_BAD_OPERAND, ORIEL_BAD_ALIGNMENT, ORIEL_BAD_BOUNDS /* of a core's memory */ } oriel_bad;
oriel_bad oriel_last_bad(void);

/* ---- Footprint -------------------------------------------------------------------------------------------------- */

typedef enum oriel_space { ORIEL_SPACE_LOCAL, ORIEL_SPACE_GM } oriel_space;

/*
 * A byte of a core's memories as one number: a local address is the offset in UB, and in the other memories lies above all
 * that UB could have.
 */
#define ORIEL_LOCAL_SHIFT 32
static inline uint64_t oriel_local_address(const pto_tile *tile)
{
    return (uint64_t)tile->memory << ORIEL_LOCAL_SHIFT | tile->offset;
}
static inline pto_memory oriel_local_memory(uint64_t address)
{
    return (pto_memory)(address >> ORIEL_LOCAL_SHIFT);
}
static inline uint32_t oriel_local_offset(uint64_t address)
{
    return (uint32_t)address;
}

/*
 * Bytes that an instruction touches: runs of `run` contiguous bytes, repeated over up to five outer dimensions.
 *
 *      run at start + i0*step[0] + i1*step[1] + i2*step[2] + i3*step[3] + i4*step[4],  0 <= ik < times[k]
 *
 * Dimensions that continue one another are one, so a dense tensor is a single run; unused ones have times 1. No order of
 * the accesses is meant.
 */
typedef struct oriel_footprint {
    oriel_space space;
    bool write;     /* else read */
    bool atomic;    /* an atomic addition (read and write) */
    uint64_t start; /* a local address, or a pto_addr */
    uint64_t run;   /* 0: nothing is touched */
    uint64_t times[5], step[5];
} oriel_footprint;

#define ORIEL_MAX_FOOTPRINTS 4

/* The footprints of a simple (not composite) instruction; returns how many: none if an operand is empty. */
uint32_t oriel_instr_footprint(const pto_instr *instr, oriel_footprint footprint[ORIEL_MAX_FOOTPRINTS]);

/* The footprint of a whole global tensor or tile, as composites and engines need it. */
oriel_footprint oriel_global_footprint(const pto_global *global, bool write);
oriel_footprint oriel_tile_footprint(const pto_tile *tile, bool write);

/* The part of TEXTRACT's source that it reads, as a tile. It need not be aligned as tiles are. */
pto_tile oriel_extracted(const pto_instr *instr);

/* From the first byte to one past the last: 0 if nothing is touched. Saturates at UINT64_MAX instead of wrapping. */
uint64_t oriel_footprint_span(const oriel_footprint *footprint);
/*
 * How many bytes are touched, those of overlapping runs as often as they are; but a dimension of stride 0 is no run of its own,
 * its bytes count once. Saturates.
 */
uint64_t oriel_footprint_bytes(const oriel_footprint *footprint);

/* ---- Effect ----------------------------------------------------------------------------------------------------- */

/* Where the operands' memory is: each pointer is to the operand's first byte (tile offset, tensor address). */
typedef struct oriel_operands {
    void *tile[3];
    void *global[2];
} oriel_operands;

/* Does a simple instruction that oriel_instr_check accepted, to memory that is all there. */
void oriel_instr_effect(const pto_instr *instr, const oriel_operands *operands);

/*
 * The parts of the effects that engines and references use by themselves, on dense arrays that are aligned to their
 * elements. All processors give the same bits, those of TADD, TMAX, TMIN, TMUL, TAND, TOR and TXOR; the reduction takes
 * the type (pto_reduce_takes). `dst` may be `a` or `b`, or lie apart.
 */
void oriel_reduce_into(pto_dtype dtype, pto_reduce op, void *dst, const void *a, const void *b, uint64_t count);
/* The same, into two places. */
void oriel_reduce_into_both(pto_dtype dtype, pto_reduce op, void *dst, void *other, const void *a, const void *b,
                            uint64_t count);

/* One element, of any type, as a number (an i64 is rounded to nearest even) and back (as scalar operands are converted). */
double oriel_element_f64(pto_dtype dtype, const void *element);
int64_t oriel_element_i64(pto_dtype dtype, const void *element); /* integers only */
void oriel_element_set(pto_dtype dtype, void *element, pto_scalar value);

/* ---- Expansion -------------------------------------------------------------------------------------------------- */

/* Who receives the simpler instructions, in program order. The records are valid during the call only. */
typedef struct oriel_expansion {
    void (*instr)(void *context, const pto_instr *instr);
    void (*sync)(void *context, const pto_sync *sync);
    void *context;
} oriel_expansion;

/*
 * Writes out a composite that oriel_instr_check accepted. Sites are the composite's. Uses event ids 0 and 1, and leaves no
 * flag set. docs/machine.md has the sequences.
 */
void oriel_instr_expand(const pto_instr *instr, const oriel_limits *limits, const oriel_expansion *into);

/*
 * How a composite cuts its tensors: into boxes of `extent` elements, each of which fits the valid part of a staging tile (the
 * first four extents multiply to at most its rows, the last is at most its columns); boxes at a far edge are cut short.
 */
typedef struct oriel_chunks {
    uint64_t shape[5];  /* of the whole tensor */
    uint64_t extent[5]; /* of a chunk that is not at an edge */
    uint64_t times[5];  /* chunks along each dimension */
    uint64_t count;     /* of all chunks; 0 for a tensor with no elements */
} oriel_chunks;

oriel_chunks oriel_chunks_of(const pto_global *tensor, const pto_tile *staging);
/* Where chunk `index` lies: 0 .. count-1, the last dimension fastest. */
void oriel_chunk_at(const oriel_chunks *chunks, uint64_t index, uint64_t origin[5], uint64_t shape[5]);

/* Tensor `rank` of a group: each[rank], or the peer of `mine`. */
pto_global oriel_group_member(const pto_group *group, uint32_t rank);

/* ---- Signals ---------------------------------------------------------------------------------------------------- */

/* Whether `cell cmp value` holds, signed. */
bool oriel_compare(int32_t cell, pto_cmp cmp, int32_t value);

#endif
