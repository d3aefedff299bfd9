/* SPDX-License-Identifier: Apache-2.0 */
#include "isa/isa.h"

const char *oriel_op_name(pto_op op)
{
    static const char *const names[] = {
#define OP_NAME(constant, name, pipe) name,
        PTO_OPS(OP_NAME)
#undef OP_NAME
    };
    return (unsigned)op < PTO_OP_COUNT ? names[op] : "?";
}

pto_pipe oriel_op_pipe(pto_op op)
{
    static const pto_pipe pipes[] = {
#define OP_PIPE(constant, name, pipe) PTO_PIPE_##pipe,
        PTO_OPS(OP_PIPE)
#undef OP_PIPE
    };
    return (unsigned)op < PTO_OP_COUNT ? pipes[op] : PTO_PIPE_S;
}

pto_pipe oriel_instr_pipe(const pto_instr *instr)
{
    const pto_tile *tile = instr->tile[0];
    if (instr->op == PTO_OP_TSTORE && tile->memory == PTO_L0C)
        return PTO_PIPE_FIX;
    if (instr->op == PTO_OP_TMOV && tile->memory != PTO_UB)
        return PTO_PIPE_MTE1;
    return oriel_op_pipe(instr->op);
}

const char *oriel_memory_name(pto_memory memory)
{
    static const char *const names[PTO_MEMORY_COUNT] = {
        [PTO_UB] = "UB", [PTO_L1] = "L1", [PTO_L0A] = "L0A", [PTO_L0B] = "L0B", [PTO_L0C] = "L0C"};
    return (unsigned)memory < PTO_MEMORY_COUNT ? names[memory] : "?";
}

bool oriel_op_is_composite(pto_op op)
{
    switch (op) {
    case PTO_OP_TPUT:
    case PTO_OP_TGET:
    case PTO_OP_TREDUCE:
    case PTO_OP_TGATHER:
    case PTO_OP_TSCATTER:
    case PTO_OP_TBROADCAST: return true;
    default: return false;
    }
}

const char *oriel_pipe_name(pto_pipe pipe)
{
    static const char *const names[PTO_PIPE_COUNT] = {
        [PTO_PIPE_S] = "PIPE_S",       [PTO_PIPE_MTE2] = "PIPE_MTE2", [PTO_PIPE_V] = "PIPE_V",
        [PTO_PIPE_MTE3] = "PIPE_MTE3", [PTO_PIPE_MTE1] = "PIPE_MTE1", [PTO_PIPE_M] = "PIPE_M",
        [PTO_PIPE_FIX] = "PIPE_FIX",   [PTO_PIPE_ALL] = "PIPE_ALL",
    };
    return (unsigned)pipe < PTO_PIPE_COUNT ? names[pipe] : "?";
}

const char *oriel_dtype_name(pto_dtype dtype)
{
    static const char *const names[] = {
#define DTYPE_NAME(constant, name, bytes, kind) #name,
        PTO_DTYPES(DTYPE_NAME)
#undef DTYPE_NAME
    };
    return (unsigned)dtype < PTO_DTYPE_COUNT ? names[dtype] : "?";
}

#define INTEGER_F(name)
#define INTEGER_I(name)                           " " #name
#define INTEGER_U(name)                           " " #name
#define INTEGER_NAME(constant, name, bytes, kind) INTEGER_##kind(name)

const char oriel_integer_names[] = PTO_DTYPES(INTEGER_NAME);

const char *oriel_reduce_name(pto_reduce op)
{
    static const char *const names[PTO_REDUCE_COUNT] = {
        [PTO_SUM] = "sum", [PTO_MAX] = "max", [PTO_MIN] = "min", [PTO_PROD] = "prod",
        [PTO_AND] = "and", [PTO_OR] = "or",   [PTO_XOR] = "xor"};
    return (unsigned)op < PTO_REDUCE_COUNT ? names[op] : "?";
}

const char *oriel_cmp_name(pto_cmp cmp)
{
    static const char *const names[PTO_CMP_COUNT] = {
        [PTO_EQ] = "==", [PTO_NE] = "!=", [PTO_GT] = ">", [PTO_GE] = ">=", [PTO_LT] = "<", [PTO_LE] = "<="};
    return (unsigned)cmp < PTO_CMP_COUNT ? names[cmp] : "?";
}

bool oriel_compare(int32_t cell, pto_cmp cmp, int32_t value)
{
    switch (cmp) {
    case PTO_EQ: return cell == value;
    case PTO_NE: return cell != value;
    case PTO_GT: return cell > value;
    case PTO_GE: return cell >= value;
    case PTO_LT: return cell < value;
    case PTO_LE: return cell <= value;
    case PTO_CMP_COUNT: break;
    }
    return false;
}
