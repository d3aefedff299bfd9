/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of a task, as its submitter collects them. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "oriel/instr.h"
#include "runtime/orch.h"

uint64_t oriel_tensor_bytes(const oriel_tensor *tensor)
{
    uint64_t bytes = pto_dtype_bytes(tensor->dtype);
    for (uint32_t i = 0; i < tensor->dims; i++)
        bytes *= tensor->shape[i];
    return bytes;
}

/* `what` is "tensor", "scalar" ...; `count` are there already. */
static oriel_status check_room(const char *what, uint32_t count, uint32_t limit)
{
    if (count >= limit)
        return oriel_fail(ORIEL_INVALID, "a task takes at most %" PRIu32 " %s arguments", limit, what);
    return ORIEL_OK;
}

static oriel_status check_shape(const oriel_tensor *tensor, uint32_t index)
{
    uint64_t bytes = pto_dtype_bytes(tensor->dtype);
    if (bytes == 0)
        return oriel_fail(ORIEL_INVALID, "tensor %" PRIu32 ": there is no element type %d", index, (int)tensor->dtype);
    if (tensor->dims == 0 || tensor->dims > ORIEL_MAX_DIMS)
        return oriel_fail(ORIEL_INVALID, "tensor %" PRIu32 ": %" PRIu32 " dimensions, not 1 to %d", index, tensor->dims,
                          ORIEL_MAX_DIMS);
    for (uint32_t i = 0; i < tensor->dims; i++) {
        if (tensor->shape[i] == 0)
            return oriel_fail(ORIEL_INVALID, "tensor %" PRIu32 ": no elements, its dimension %" PRIu32 " is 0", index,
                              i);
        if (__builtin_mul_overflow(bytes, tensor->shape[i], &bytes) || bytes > PTO_ADDR_OFFSET_MASK)
            return oriel_fail(ORIEL_INVALID, "tensor %" PRIu32 ": larger than the address space", index);
    }
    return ORIEL_OK;
}

oriel_status oriel_args_tensor(oriel_args *args, oriel_tensor tensor, oriel_tag tag)
{
    oriel_status status = check_room("tensor", args->tensors, ORIEL_MAX_TENSORS);
    if (status == ORIEL_OK)
        status = check_shape(&tensor, args->tensors);
    if (status != ORIEL_OK)
        return status;
    if ((unsigned)tag > ORIEL_NO_DEP)
        return oriel_fail(ORIEL_INVALID, "tensor %" PRIu32 ": there is no tag %d", args->tensors, (int)tag);
    if (!tensor.data != (tag == ORIEL_OUTPUT))
        return oriel_fail(ORIEL_INVALID,
                          tensor.data ? "tensor %" PRIu32 ": an ORIEL_OUTPUT tensor has no data yet, this one has; "
                                        "ORIEL_OUTPUT_EXISTING is the tag for memory that exists"
                                      : "tensor %" PRIu32 ": its data is NULL, which only ORIEL_OUTPUT allows",
                          args->tensors);
    args->tensor[args->tensors] = tensor;
    args->tag[args->tensors++] = tag;
    return ORIEL_OK;
}

static oriel_status add_scalar(oriel_args *args, uint64_t bits)
{
    oriel_status status = check_room("scalar", args->scalars, ORIEL_MAX_SCALARS);
    if (status == ORIEL_OK)
        args->scalar[args->scalars++] = bits;
    return status;
}

oriel_status oriel_args_i64(oriel_args *args, int64_t value)
{
    return add_scalar(args, (uint64_t)value);
}

oriel_status oriel_args_f64(oriel_args *args, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return add_scalar(args, bits);
}

oriel_status oriel_args_comm(oriel_args *args, oriel_domain *domain)
{
    if (!domain)
        return oriel_fail(ORIEL_INVALID, "domain argument %" PRIu32 " is NULL", args->comms);
    oriel_status status = check_room("domain", args->comms, ORIEL_MAX_COMMS);
    if (status == ORIEL_OK)
        args->comm[args->comms++] = domain;
    return status;
}

oriel_status oriel_args_after(oriel_args *args, oriel_task task)
{
    if (task.id == 0)
        return oriel_fail(ORIEL_INVALID, "a task cannot come after task 0, which is none");
    if (args->deps >= ORIEL_MAX_DEPS)
        return oriel_fail(ORIEL_INVALID, "a task has at most %d explicit dependencies", ORIEL_MAX_DEPS);
    args->dep[args->deps++] = task;
    return ORIEL_OK;
}

oriel_status oriel_args_until(oriel_args *args, oriel_tensor cells, uint64_t index, int32_t least)
{
    if (args->untils >= ORIEL_MAX_UNTILS)
        return oriel_fail(ORIEL_INVALID, "a task has at most %d completion conditions", ORIEL_MAX_UNTILS);
    oriel_status status = check_shape(&cells, 0);
    if (status != ORIEL_OK)
        return status;
    if (cells.dtype != PTO_I32 || !cells.data || (uintptr_t)cells.data % sizeof(int32_t))
        return oriel_fail(ORIEL_INVALID, "a completion condition is on a cell of type i32, in memory that exists");
    if (index >= oriel_tensor_bytes(&cells) / sizeof(int32_t))
        return oriel_fail(ORIEL_INVALID, "a completion condition is on cell %" PRIu64 " of %" PRIu64, index,
                          oriel_tensor_bytes(&cells) / sizeof(int32_t));
    args->until[args->untils++] = (oriel_until){(const int32_t *)cells.data + index, least};
    return ORIEL_OK;
}

void oriel_args_copy(oriel_args *to, const oriel_args *from)
{
    to->tensors = from->tensors;
    to->scalars = from->scalars;
    to->comms = from->comms;
    to->deps = from->deps;
    to->untils = from->untils;
    to->blocks = from->blocks;
    memcpy(to->tensor, from->tensor, from->tensors * sizeof *from->tensor);
    memcpy(to->tag, from->tag, from->tensors * sizeof *from->tag);
    memcpy(to->scalar, from->scalar, from->scalars * sizeof *from->scalar);
    memcpy(to->comm, from->comm, from->comms * sizeof(oriel_domain *));
    memcpy(to->dep, from->dep, from->deps * sizeof *from->dep);
    memcpy(to->until, from->until, from->untils * sizeof *from->until);
}
