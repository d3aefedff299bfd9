/* SPDX-License-Identifier: Apache-2.0 */
/* Between the makers of programs. */
#ifndef ORIEL_TESTS_FUZZ_MAKE_H
#define ORIEL_TESTS_FUZZ_MAKE_H

#include "bytes.h"
#include "program.h"

#define FUZZ_ALL 0xff /* of ranks, of blocks */

/* Appends a step; what does not fit is left out. */
void fuzz_add(fuzz_program *program, fuzz_step step);

/* A step with any operands. */
fuzz_step fuzz_wild_step(const fuzz_program *program, fuzz_bytes *bytes);
void fuzz_wild(fuzz_program *program, fuzz_bytes *bytes);
void fuzz_tame(fuzz_program *program, fuzz_bytes *bytes);

/* `dtype`, or integers of its size if the instruction goes bit by bit. */
static inline pto_dtype fuzz_dtype_of(pto_op op, pto_dtype dtype)
{
    bool bits = (op >= PTO_OP_TAND && op <= PTO_OP_TXOR) || (op >= PTO_OP_TANDS && op <= PTO_OP_TXORS);
    return !bits || !pto_dtype_is_float(dtype) ? dtype : pto_dtype_bytes(dtype) == 4 ? PTO_U32 : PTO_U16;
}

/* What TSTORE and TPUT can add. */
static inline bool fuzz_addable(pto_dtype dtype)
{
    return pto_dtype_is_float(dtype) || dtype == PTO_I8 || dtype == PTO_I16 || dtype == PTO_I32;
}

#endif
