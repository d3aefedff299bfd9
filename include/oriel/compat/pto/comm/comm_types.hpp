/* SPDX-License-Identifier: Apache-2.0 */
/* Operands of the instructions that name peers: groups, signals, and how to compare them. */
#ifndef ORIEL_COMPAT_PTO_COMM_TYPES_HPP
#define ORIEL_COMPAT_PTO_COMM_TYPES_HPP

#include <pto/common/pto_tile.hpp>

namespace pto::comm
{

enum class NotifyOp : uint8_t { AtomicAdd = 0, Set = 1 };
enum class WaitCmp : uint8_t { EQ = 0, NE = 1, GT = 2, GE = 3, LT = 4, LE = 5 };
enum class ReduceOp : uint8_t { Sum = 0, Max = 1, Min = 2 };
enum class DmaEngine : uint8_t { SDMA = 0, URMA = 1, RDMA = 2 };
enum class CollEngine : uint8_t { AIV = 0, CCU = 1 };

/* A tensor of each rank: an array of the caller's, in the order of the ranks. */
template <typename GlobalData> struct ParallelGroup {
    using value_type = GlobalData;
    GlobalData *tensors = nullptr;
    int nranks = 0, rootIdx = -1;

    constexpr ParallelGroup() = default;
    AICORE constexpr ParallelGroup(GlobalData *array, int size, int root) : tensors(array), nranks(size), rootIdx(root)
    {
    }
    AICORE static constexpr ParallelGroup Create(GlobalData *array, int size, int root)
    {
        return ParallelGroup(array, size, root);
    }
    AICORE constexpr int GetRootIdx() const
    {
        return rootIdx;
    }
    AICORE constexpr int GetSize() const
    {
        return nranks;
    }
    AICORE constexpr bool empty() const
    {
        return nranks == 0;
    }
    AICORE constexpr GlobalData &operator[](int rank) const
    {
        return tensors[rank];
    }
};

template <typename T> struct ParallelGroupTraits {
    static_assert(oriel::compat::never<T>, "the group of a collective instruction must be a ParallelGroup");
};
template <typename GlobalData> struct ParallelGroupTraits<ParallelGroup<GlobalData>> {
    using GlobalDataType = GlobalData;
};

template <typename T, typename Shape, typename Stride, Layout L = Layout::ND>
using GlobalSignal = GlobalTensor<T, Shape, Stride, L>;

/* One int32 cell. */
using Signal = GlobalSignal<int32_t, Shape<1, 1, 1, 1, 1>, Stride<1, 1, 1, 1, 1>>;

/* Rows x Cols cells, `stride` of them from one row to the next. */
template <int Rows, int Cols>
struct Signal2D : GlobalSignal<int32_t, Shape<1, 1, 1, Rows, Cols>, Stride<1, 1, 1, DYNAMIC, 1>> {
    using Base = GlobalSignal<int32_t, Shape<1, 1, 1, Rows, Cols>, Stride<1, 1, 1, DYNAMIC, 1>>;

    PTO_INTERNAL Signal2D(int32_t *cells, int stride = Cols)
        : Base(cells, typename Base::Shape(), typename Base::Stride(stride))
    {
    }
};

} // namespace pto::comm

#endif
