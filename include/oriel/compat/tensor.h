/* SPDX-License-Identifier: Apache-2.0 */
/* The tensor descriptor that a kernel is given: its published layout, as far as kernels read it. */
#ifndef ORIEL_COMPAT_TENSOR_H
#define ORIEL_COMPAT_TENSOR_H

#include <cstddef>
#include <cstdint>

#include "oriel/front.h"

static constexpr uint32_t MAX_TENSOR_DIMS = ORIEL_FRONT_DIMS;

enum class DataType : uint8_t {
    FLOAT32,
    FLOAT16,
    INT32,
    INT16,
    INT8,
    UINT8,
    BFLOAT16,
    INT64,
    UINT64,
    UINT16,
    UINT32,
    BOOL
};

struct PTOBufferHandle {
    uint64_t addr, size; /* in bytes */
};

struct alignas(64) ChipTensor {
    PTOBufferHandle buffer;
    uint64_t owner_task_id;
    uint64_t start_offset; /* in elements, as shapes and strides are */
    int32_t version;
    uint32_t ndims;
    DataType dtype;
    bool manual_dep, is_contiguous;
    uint8_t address_space;
    uint32_t shapes[MAX_TENSOR_DIMS];
    uint64_t extent_elem_cache;
    uint32_t strides[MAX_TENSOR_DIMS];
    uint8_t reserved[36];

    uint64_t numel() const
    {
        uint64_t count = 1;
        for (uint32_t i = 0; i < ndims; i++)
            count *= shapes[i];
        return count;
    }
};

/* What a scalar argument of another type is, and the other way: its bytes, from the lowest. */
template <typename T> inline __attribute__((always_inline)) T from_u64(uint64_t bits)
{
    static_assert(sizeof(T) <= sizeof bits);
    union {
        uint64_t bits;
        T value;
    } as = {bits};
    return as.value;
}

template <typename T> inline __attribute__((always_inline)) uint64_t to_u64(T value)
{
    static_assert(sizeof(T) <= sizeof(uint64_t));
    union {
        T value;
        uint64_t bits;
    } as = {};
    as.bits = 0;
    as.value = value;
    return as.bits;
}

static_assert(sizeof(ChipTensor) == sizeof(oriel_front_tensor) && sizeof(ChipTensor) == 128);
static_assert(offsetof(ChipTensor, start_offset) == offsetof(oriel_front_tensor, start_offset));
static_assert(offsetof(ChipTensor, ndims) == offsetof(oriel_front_tensor, dims));
static_assert(offsetof(ChipTensor, dtype) == offsetof(oriel_front_tensor, dtype));
static_assert(offsetof(ChipTensor, shapes) == offsetof(oriel_front_tensor, shape));
static_assert(offsetof(ChipTensor, strides) == offsetof(oriel_front_tensor, stride));

#endif
