/* SPDX-License-Identifier: Apache-2.0 */
/* What kernels name when they speak with other ranks. */
#ifndef ORIEL_COMPAT_PTO_COMM_TYPES_HPP
#define ORIEL_COMPAT_PTO_COMM_TYPES_HPP

#include "pto/common/pto_tile.hpp"

namespace pto
{
namespace comm
{

enum class NotifyOp : uint8_t { AtomicAdd = 0, Set = 1 };
enum class WaitCmp : uint8_t { EQ = 0, NE = 1, GT = 2, GE = 3, LT = 4, LE = 5 };
enum class ReduceOp : uint8_t { Sum = 0, Max = 1, Min = 2 };
enum class DmaEngine : uint8_t { SDMA = 0, URMA = 1, RDMA = 2 };
enum class CollEngine : uint8_t { AIV = 0, CCU = 1 };

/* One cell. */
using Signal = GlobalTensor<int32_t, Shape<1, 1, 1, 1, 1>, Stride<1, 1, 1, 1, 1>, Layout::ND>;

template <typename Element_, typename Shape_, typename Stride_, Layout Layout_ = Layout::ND>
using GlobalSignal = GlobalTensor<Element_, Shape_, Stride_, Layout_>;

/* Rows x Cols cells, `stride` of them from row to row. */
template <int Rows, int Cols>
struct Signal2D : GlobalTensor<int32_t, Shape<1, 1, 1, Rows, Cols>, Stride<1, 1, 1, DYNAMIC, 1>, Layout::ND> {
    using Base = GlobalTensor<int32_t, Shape<1, 1, 1, Rows, Cols>, Stride<1, 1, 1, DYNAMIC, 1>, Layout::ND>;
    PTO_INTERNAL Signal2D(int32_t *cells, int stride = Cols)
        : Base(cells, typename Base::Shape(), typename Base::Stride(static_cast<int64_t>(stride)))
    {
    }
};

/* A tensor of each of `nranks` ranks; the array is the kernel's. */
template <typename G> struct ParallelGroup {
    using value_type = G;
    G *tensors = nullptr;
    int nranks = 0, rootIdx = -1;

    ParallelGroup() = default;
    PTO_INTERNAL ParallelGroup(G *array, int size, int root) : tensors(array), nranks(size), rootIdx(root)
    {
    }
    PTO_INTERNAL static ParallelGroup Create(G *array, int size, int root)
    {
        return ParallelGroup(array, size, root);
    }
    PTO_INTERNAL int GetRootIdx() const
    {
        return rootIdx;
    }
    PTO_INTERNAL int GetSize() const
    {
        return nranks;
    }
    PTO_INTERNAL bool empty() const
    {
        return nranks == 0;
    }
    PTO_INTERNAL G &operator[](int rank) const
    {
        return tensors[rank];
    }
};

} // namespace comm
} // namespace pto

#endif
