/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tiles and global tensors as C++ types, and what instructions take of them (oriel_compat): a pto_tile, a pto_global.
 *
 * The instructions behind this front know tiles row by row. A column-major tile is handed on with its rows and columns exchanged, and
 * a tensor of layout DN with its last two dimensions.
 */
#ifndef ORIEL_COMPAT_PTO_TILE_HPP
#define ORIEL_COMPAT_PTO_TILE_HPP

#include "pto/common/constants.hpp"

namespace pto
{

enum class TileType { Vec, Mat, Left, Right, Acc, Bias, Scaling };
enum class BLayout { RowMajor = 0, ColMajor = 1 };
enum class SLayout { NoneBox = 0, RowMajor = 1, ColMajor = 2 };
enum class Layout { ND, DN, NZ };
enum class AtomicType : uint8_t { AtomicNone = 0, AtomicAdd = 1 };
enum class PadValue : uint64_t { Null = 0, Zero = 1, Max = 2, Min = 3 };
enum class SaturationMode : uint8_t { ON = 0, OFF = 1 };
enum class RoundMode : uint8_t {
    CAST_NONE = 0,
    CAST_RINT = 1,
    CAST_ROUND = 2,
    CAST_FLOOR = 3,
    CAST_CEIL = 4,
    CAST_TRUNC = 5,
    CAST_ODD = 6
};

struct GlobalTensorDim {
    static constexpr int DIM_0 = 0, DIM_1 = 1, DIM_2 = 2, DIM_3 = 3, DIM_4 = 4, TOTAL_DIM = 5;
};

/* ---- Five numbers, of which some are known when the kernel is compiled ------------------------------------------- */

template <int64_t... N> struct FiveOf {
    static_assert(sizeof...(N) == 5, "a tensor has five dimensions");
    static constexpr int64_t known[5] = {N...};
    int64_t value[5] = {N...};

    PTO_INTERNAL FiveOf()
    {
        for (int i = 0; i < 5; i++)
            if (known[i] == DYNAMIC)
                value[i] = 1;
    }

    /* All five, of which the known ones are not looked at, or as many as are not known. */
    template <typename... Given> PTO_INTERNAL explicit FiveOf(int64_t first, Given... rest)
    {
        constexpr int count = 1 + sizeof...(Given), unknown = (0 + ... + (N == DYNAMIC ? 1 : 0));
        static_assert(count == 5 || count == unknown, "give all five numbers, or those that are DYNAMIC");
        const int64_t given[count] = {first, static_cast<int64_t>(rest)...};
        for (int i = 0, next = 0; i < 5; i++)
            if (known[i] == DYNAMIC)
                value[i] = given[count == 5 ? i : next++];
    }
};

template <int64_t N1 = DYNAMIC, int64_t N2 = DYNAMIC, int64_t N3 = DYNAMIC, int64_t N4 = DYNAMIC, int64_t N5 = DYNAMIC>
struct Shape : FiveOf<N1, N2, N3, N4, N5> {
    static constexpr int64_t staticShape[5] = {N1, N2, N3, N4, N5};
    PTO_INTERNAL Shape() = default;
    template <typename... Given>
    PTO_INTERNAL Shape(int64_t first, Given... rest) : FiveOf<N1, N2, N3, N4, N5>(first, rest...)
    {
    }
};

template <int64_t N1 = DYNAMIC, int64_t N2 = DYNAMIC, int64_t N3 = DYNAMIC, int64_t N4 = DYNAMIC, int64_t N5 = DYNAMIC>
struct Stride : FiveOf<N1, N2, N3, N4, N5> {
    static constexpr int64_t staticStride[5] = {N1, N2, N3, N4, N5};
    PTO_INTERNAL Stride() = default;
    template <typename... Given>
    PTO_INTERNAL Stride(int64_t first, Given... rest) : FiveOf<N1, N2, N3, N4, N5>(first, rest...)
    {
    }
};

/* ---- Global tensors ---------------------------------------------------------------------------------------------- */

template <typename Element_, typename Shape_, typename Stride_, Layout Layout_ = Layout::ND> struct GlobalTensor {
    using Shape = Shape_;
    using Stride = Stride_;
    using RawDType = std::remove_cv_t<Element_>;
    using DType = RawDType;
    static constexpr Layout layout = Layout_;

    PTO_INTERNAL GlobalTensor() = default;
    PTO_INTERNAL GlobalTensor(DType *data, const Shape &shape = Shape(), const Stride &stride = Stride())
        : data_(data), shape_(shape), stride_(stride)
    {
    }

    PTO_INTERNAL int64_t GetShape(int dim) const
    {
        return shape_.value[dim];
    }
    PTO_INTERNAL int64_t GetStride(int dim) const
    {
        return stride_.value[dim];
    }
    template <int dim> static constexpr int64_t GetShape()
    {
        return Shape::staticShape[dim];
    }
    template <int dim> static constexpr int64_t GetStride()
    {
        return Stride::staticStride[dim];
    }
    template <int... dim, typename... Given> PTO_INTERNAL void SetShape(Given... given)
    {
        ((shape_.value[dim] = static_cast<int64_t>(given)), ...);
    }
    template <int... dim, typename... Given> PTO_INTERNAL void SetStride(Given... given)
    {
        ((stride_.value[dim] = static_cast<int64_t>(given)), ...);
    }
    PTO_INTERNAL DType *data() const
    {
        return data_;
    }
    PTO_INTERNAL void SetAddr(DType *data)
    {
        data_ = data;
    }

  private:
    DType *data_ = nullptr;
    Shape shape_;
    Stride stride_;
};

/* ---- Tiles ------------------------------------------------------------------------------------------------------- */

template <TileType Loc_, typename Element_, int Rows_, int Cols_, BLayout BLayout_ = BLayout::RowMajor,
          int RowValid_ = Rows_, int ColValid_ = Cols_, SLayout SLayout_ = SLayout::NoneBox, int SFractalSize_ = 512,
          PadValue PadVal_ = PadValue::Null>
struct Tile {
    using DType = Element_;
    static constexpr TileType Loc = Loc_;
    static constexpr int Rows = Rows_, Cols = Cols_, ValidRow = RowValid_, ValidCol = ColValid_;
    static constexpr BLayout layout = BLayout_;
    static constexpr bool isRowMajor = BLayout_ == BLayout::RowMajor;

    PTO_INTERNAL Tile() = default;
    /* Those that are not known, or both. */
    PTO_INTERNAL explicit Tile(int first)
        : rows_(RowValid_ == DYNAMIC ? first : RowValid_), cols_(RowValid_ == DYNAMIC ? ColValid_ : first)
    {
    }
    PTO_INTERNAL Tile(int rows, int cols)
        : rows_(RowValid_ == DYNAMIC ? rows : RowValid_), cols_(ColValid_ == DYNAMIC ? cols : ColValid_)
    {
    }

    PTO_INTERNAL int GetValidRow() const
    {
        return rows_;
    }
    PTO_INTERNAL int GetValidCol() const
    {
        return cols_;
    }
    PTO_INTERNAL void SetValidRow(int rows)
    {
        rows_ = rows;
    }
    PTO_INTERNAL void SetValidCol(int cols)
    {
        cols_ = cols;
    }
    PTO_INTERNAL uint64_t data() const
    {
        return offset_;
    }
    PTO_INTERNAL void assign(uint64_t offset)
    {
        offset_ = offset;
    }

  private:
    int rows_ = RowValid_ == DYNAMIC ? Rows_ : RowValid_, cols_ = ColValid_ == DYNAMIC ? Cols_ : ColValid_;
    uint64_t offset_ = 0;
};

template <typename Element_, int Rows_, int Cols_, int RowValid_ = Rows_, int ColValid_ = Cols_>
using TileLeft =
    Tile<TileType::Left, Element_, Rows_, Cols_, BLayout::RowMajor, RowValid_, ColValid_, SLayout::RowMajor, 512>;
template <typename Element_, int Rows_, int Cols_, int RowValid_ = Rows_, int ColValid_ = Cols_>
using TileRight =
    Tile<TileType::Right, Element_, Rows_, Cols_, BLayout::RowMajor, RowValid_, ColValid_, SLayout::ColMajor, 512>;
template <typename Element_, int Rows_, int Cols_, int RowValid_ = Rows_, int ColValid_ = Cols_>
using TileAcc =
    Tile<TileType::Acc, Element_, Rows_, Cols_, BLayout::ColMajor, RowValid_, ColValid_, SLayout::RowMajor, 1024>;

} // namespace pto

/* ---- What instructions take -------------------------------------------------------------------------------------- */

namespace oriel_compat
{

template <typename T> constexpr pto_dtype dtype_of()
{
    using U = std::remove_cv_t<T>;
    if constexpr (std::is_same_v<U, float>)
        return PTO_F32;
    else if constexpr (std::is_same_v<U, half>)
        return PTO_F16;
    else if constexpr (std::is_same_v<U, bfloat16_t>)
        return PTO_BF16;
    else if constexpr (std::is_same_v<U, int8_t>)
        return PTO_I8;
    else if constexpr (std::is_same_v<U, uint8_t>)
        return PTO_U8;
    else if constexpr (std::is_same_v<U, int16_t>)
        return PTO_I16;
    else if constexpr (std::is_same_v<U, uint16_t>)
        return PTO_U16;
    else if constexpr (std::is_same_v<U, int32_t>)
        return PTO_I32;
    else if constexpr (std::is_same_v<U, uint32_t>)
        return PTO_U32;
    else if constexpr (std::is_same_v<U, int64_t>)
        return PTO_I64;
    else
        static_assert(sizeof(U) == 0, "oriel: this element type is not supported yet (docs/compat.md)");
}

template <typename T> struct is_tile : std::false_type {
};
template <pto::TileType L, typename E, int R, int C, pto::BLayout B, int VR, int VC, pto::SLayout S, int F,
          pto::PadValue P>
struct is_tile<pto::Tile<L, E, R, C, B, VR, VC, S, F, P>> : std::true_type {
};

/* A tile of the vector unit that is laid out column by column; those of the matrix unit have layouts that nobody sees. */
template <typename T> constexpr bool is_turned()
{
    return T::Loc == pto::TileType::Vec && !T::isRowMajor;
}

/* Where a tile lies. */
constexpr pto_memory memory_of(pto::TileType type)
{
    switch (type) {
    case pto::TileType::Mat: return PTO_L1;
    case pto::TileType::Left: return PTO_L0A;
    case pto::TileType::Right: return PTO_L0B;
    case pto::TileType::Acc: return PTO_L0C;
    default: return PTO_UB;
    }
}

template <typename T> PTO_INTERNAL pto_tile tile_of(const T &tile)
{
    const uint32_t rows = T::Rows, cols = T::Cols, valid_rows = static_cast<uint32_t>(tile.GetValidRow()),
                   valid_cols = static_cast<uint32_t>(tile.GetValidCol());
    static_assert(T::Loc == pto::TileType::Vec || memory_of(T::Loc) != PTO_UB,
                  "oriel: tiles of this TileType are not supported yet (docs/compat.md)");
    pto_tile it{};
    it.dtype = dtype_of<typename T::DType>();
    it.memory = memory_of(T::Loc);
    it.offset = static_cast<uint32_t>(tile.data());
    it.rows = is_turned<T>() ? cols : rows;
    it.cols = is_turned<T>() ? rows : cols;
    it.valid_rows = is_turned<T>() ? valid_cols : valid_rows;
    it.valid_cols = is_turned<T>() ? valid_rows : valid_cols;
    return it;
}

template <typename G> PTO_INTERNAL pto_global global_of(const G &global, bool turned = false)
{
    static_assert(G::layout != pto::Layout::NZ, "oriel: Layout::NZ is not supported yet (docs/compat.md)");
    pto_global it{};
    it.addr = oriel_front_address(global.data());
    it.dtype = dtype_of<typename G::RawDType>();
    for (int i = 0; i < 5; i++) {
        const int from = turned && i >= 3 ? 7 - i : i;
        it.shape[i] = static_cast<uint64_t>(global.GetShape(from));
        it.stride[i] = static_cast<uint64_t>(global.GetStride(from));
    }
    return it;
}

} // namespace oriel_compat

#endif
