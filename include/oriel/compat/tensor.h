/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tensor descriptor that a kernel is given, in its published layout, and scalars in 64-bit arguments.
 *
 *      ChipTensor *t = reinterpret_cast<ChipTensor *>(args[0]);
 *      float *data = reinterpret_cast<float *>(t->buffer.addr) + t->start_offset;
 *      float x = from_u64<float>(args[1]);
 */
#ifndef ORIEL_COMPAT_TENSOR_H
#define ORIEL_COMPAT_TENSOR_H

#include "oriel/compat/detail/device.hpp"

constexpr int MAX_TENSOR_DIMS = ORIEL_FRONT_DIMS;

enum class AddressSpace : uint8_t { HOST = 0, DEVICE = 1 };
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
    BOOL,
    FP8E4M3FN,
    FP8E8M0,
    FP4E2M1,
    DATA_TYPE_NUM
};

/* Bytes of an element; 0: no such type. */
ORIEL_COMPAT_INLINE uint64_t get_element_size(DataType dtype)
{
    switch (dtype) {
    case DataType::INT64:
    case DataType::UINT64: return 8;
    case DataType::FLOAT32:
    case DataType::INT32:
    case DataType::UINT32: return 4;
    case DataType::FLOAT16:
    case DataType::BFLOAT16:
    case DataType::INT16:
    case DataType::UINT16: return 2;
    case DataType::INT8:
    case DataType::UINT8:
    case DataType::BOOL:
    case DataType::FP8E4M3FN:
    case DataType::FP8E8M0:
    case DataType::FP4E2M1: return 1;
    case DataType::DATA_TYPE_NUM: break;
    }
    return 0;
}

struct PTOBufferHandle {
    uint64_t addr, size;
};

struct PTO2TaskId {
    uint64_t raw;

    constexpr bool is_valid() const
    {
        return raw != UINT64_MAX;
    }
    constexpr bool is_invalid() const
    {
        return raw == UINT64_MAX;
    }
};

/* As oriel_front_tensor, field by field. Offset, shapes and strides are in elements. */
struct alignas(64) ChipTensor {
    PTOBufferHandle buffer;
    PTO2TaskId owner_task_id;
    uint64_t start_offset;
    int32_t version;
    uint32_t ndims;
    DataType dtype;
    bool manual_dep, is_contiguous;
    AddressSpace address_space;
    uint32_t shapes[MAX_TENSOR_DIMS];

    uint64_t extent_elem_cache;
    uint32_t strides[MAX_TENSOR_DIMS];
    uint8_t _pad_cl2[36];

    ORIEL_COMPAT_INLINE uint64_t numel() const
    {
        uint64_t count = 1;
        for (uint32_t i = 0; i < ndims; i++)
            count *= shapes[i];
        return count;
    }
    ORIEL_COMPAT_INLINE uint64_t nbytes() const
    {
        return numel() * get_element_size(dtype);
    }
    ORIEL_COMPAT_INLINE uint64_t extent_elem() const
    {
        return is_contiguous ? numel() : extent_elem_cache;
    }
    /* Where its buffer begins: without start_offset. */
    template <typename T> ORIEL_COMPAT_INLINE T *data_as() const
    {
        return reinterpret_cast<T *>(static_cast<uintptr_t>(buffer.addr));
    }
};

static_assert(sizeof(ChipTensor) == 128 && sizeof(oriel_front_tensor) == sizeof(ChipTensor));
#define ORIEL_COMPAT_SAME(ours, theirs)                                                                                \
    static_assert(offsetof(oriel_front_tensor, ours) == offsetof(ChipTensor, theirs))
ORIEL_COMPAT_SAME(address, buffer);
ORIEL_COMPAT_SAME(owner, owner_task_id);
ORIEL_COMPAT_SAME(start_offset, start_offset);
ORIEL_COMPAT_SAME(version, version);
ORIEL_COMPAT_SAME(dims, ndims);
ORIEL_COMPAT_SAME(dtype, dtype);
ORIEL_COMPAT_SAME(manual_dep, manual_dep);
ORIEL_COMPAT_SAME(contiguous, is_contiguous);
ORIEL_COMPAT_SAME(address_space, address_space);
ORIEL_COMPAT_SAME(shape, shapes);
ORIEL_COMPAT_SAME(extent, extent_elem_cache);
ORIEL_COMPAT_SAME(stride, strides);
#undef ORIEL_COMPAT_SAME

/* A number's bits in the low bytes of a 64-bit argument, and back. */
template <typename T> ORIEL_COMPAT_INLINE uint64_t to_u64(T value)
{
    static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
    uint64_t bits = 0;
    __builtin_memcpy(&bits, &value, sizeof value);
    return bits;
}

template <typename T> ORIEL_COMPAT_INLINE T from_u64(uint64_t bits)
{
    static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
    T value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
