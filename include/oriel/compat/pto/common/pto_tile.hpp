/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operands: Tile, GlobalTensor, and how they become those of instr.h.
 *
 *      Tile<Vec, float, 8, 16>          rows and columns are types, the valid part and the offset are values
 *      GlobalTensor<float, Shape, Stride, Layout>     a pointer; each extent and stride is a type or, DYNAMIC, a value
 *
 * Ours are row-major. A column-major tile is the row-major one of its transpose, so it is handed over with rows and columns
 * swapped, and so is a tensor that moves to or from it.
 */
#ifndef ORIEL_COMPAT_PTO_TILE_HPP
#define ORIEL_COMPAT_PTO_TILE_HPP

#include <pto/common/constants.hpp>

namespace oriel::compat
{

template <typename T> constexpr pto_dtype dtype_of()
{
    using U = std::remove_cv_t<T>;
    if constexpr (std::is_same_v<U, float>) {
        return PTO_F32;
    } else if constexpr (std::is_same_v<U, half>) {
        return PTO_F16;
    } else if constexpr (std::is_same_v<U, bfloat16_t>) {
        return PTO_BF16;
    } else if constexpr (std::is_integral_v<U> && sizeof(U) == 1) {
        return std::is_signed_v<U> ? PTO_I8 : PTO_U8;
    } else if constexpr (std::is_integral_v<U> && sizeof(U) == 2) {
        return std::is_signed_v<U> ? PTO_I16 : PTO_U16;
    } else if constexpr (std::is_integral_v<U> && sizeof(U) == 4) {
        return std::is_signed_v<U> ? PTO_I32 : PTO_U32;
    } else if constexpr (std::is_integral_v<U> && std::is_signed_v<U> && sizeof(U) == 8) {
        return PTO_I64;
    } else {
        static_assert(never<U>, "oriel: elements of this type are not supported yet (docs/compat.md)");
        return PTO_DTYPE_COUNT;
    }
}

/*
 * Five numbers of which each is fixed by the type or, if it is -1 there, held. They are given all five, or the held ones in
 * order, or none: then the held ones are 1.
 */
template <int64_t... Fixed> struct five {
    static_assert(sizeof...(Fixed) == 5);
    static constexpr int64_t fixed[5] = {Fixed...};
    static constexpr int held = ((Fixed == pto::DYNAMIC ? 1 : 0) + ...);

    /* Which of the held ones number i is. */
    static constexpr int place(int i)
    {
        int before = 0;
        for (int j = 0; j < i; j++)
            before += fixed[j] == pto::DYNAMIC ? 1 : 0;
        return before;
    }

    template <int i, int count> ORIEL_COMPAT_INLINE static int64_t pick(const int64_t (&given)[count + 1])
    {
        if constexpr (fixed[i] != pto::DYNAMIC)
            return fixed[i];
        else
            return given[count == 0 ? 0 : count == 5 ? i : place(i)];
    }

    template <typename... N> ORIEL_COMPAT_INLINE static void fill(int64_t (&values)[5], N... given)
    {
        constexpr int count = sizeof...(N);
        static_assert(count == 0 || count == 5 || count == held, "as many numbers as there are DYNAMIC ones");
        const int64_t from[count + 1] = {static_cast<int64_t>(given)..., 1};
        values[0] = pick<0, count>(from);
        values[1] = pick<1, count>(from);
        values[2] = pick<2, count>(from);
        values[3] = pick<3, count>(from);
        values[4] = pick<4, count>(from);
    }
};

} // namespace oriel::compat

namespace pto
{

template <int64_t N1 = DYNAMIC, int64_t N2 = DYNAMIC, int64_t N3 = DYNAMIC, int64_t N4 = DYNAMIC, int64_t N5 = DYNAMIC>
struct Shape {
    using five = oriel::compat::five<N1, N2, N3, N4, N5>;
    static constexpr int64_t staticShape[5] = {N1, N2, N3, N4, N5};
    int64_t shape[5];

    template <typename... N, typename = std::enable_if_t<(std::is_convertible_v<N, int64_t> && ...)>>
    PTO_INTERNAL Shape(N... n)
    {
        five::fill(shape, n...);
    }
};

template <int64_t N1 = DYNAMIC, int64_t N2 = DYNAMIC, int64_t N3 = DYNAMIC, int64_t N4 = DYNAMIC, int64_t N5 = DYNAMIC>
struct Stride {
    using five = oriel::compat::five<N1, N2, N3, N4, N5>;
    static constexpr int64_t staticStride[5] = {N1, N2, N3, N4, N5};
    int64_t stride[5];

    template <typename... N, typename = std::enable_if_t<(std::is_convertible_v<N, int64_t> && ...)>>
    PTO_INTERNAL Stride(N... n)
    {
        five::fill(stride, n...);
    }
};

/* A tensor in device memory. */
template <typename Element_, typename Shape_, typename Stride_, Layout Layout_ = Layout::ND> struct GlobalTensor {
    using Shape = Shape_;
    using Stride = Stride_;
    using RawDType = std::remove_cv_t<Element_>;
    using DType = RawDType;
    static constexpr Layout layout = Layout_;
    static constexpr const int64_t (&staticShape)[5] = Shape::staticShape;
    static constexpr const int64_t (&staticStride)[5] = Stride::staticStride;

    PTO_INTERNAL GlobalTensor() : data_(nullptr)
    {
    }
    PTO_INTERNAL GlobalTensor(DType *data, const Shape &shape = Shape(), const Stride &stride = Stride())
        : data_(data), shape_(shape), stride_(stride)
    {
    }

    PTO_INTERNAL int64_t GetShape(int dim) const
    {
        return dim >= 0 && dim < 5 ? shape_.shape[dim] : -1;
    }
    PTO_INTERNAL int64_t GetStride(int dim) const
    {
        return dim >= 0 && dim < 5 ? stride_.stride[dim] : -1;
    }
    template <int dim> AICORE static constexpr int64_t GetShape()
    {
        static_assert(staticShape[dim] != DYNAMIC, "this extent is DYNAMIC: ask the object for it");
        return staticShape[dim];
    }
    template <int dim> AICORE static constexpr int64_t GetStride()
    {
        static_assert(staticStride[dim] != DYNAMIC, "this stride is DYNAMIC: ask the object for it");
        return staticStride[dim];
    }
    template <int... dim, typename... N> PTO_INTERNAL void SetShape(N... n)
    {
        static_assert(((staticShape[dim] == DYNAMIC) && ...), "only a DYNAMIC extent can be set");
        ((shape_.shape[dim] = static_cast<int64_t>(n)), ...);
    }
    template <int... dim, typename... N> PTO_INTERNAL void SetStride(N... n)
    {
        static_assert(((staticStride[dim] == DYNAMIC) && ...), "only a DYNAMIC stride can be set");
        ((stride_.stride[dim] = static_cast<int64_t>(n)), ...);
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
    DType *data_;
    Shape shape_;
    Stride stride_;
};

/* A matrix in one of the core's memories. */
template <TileType Loc_, typename Element_, const int Rows_, const int Cols_,
          const BLayout BFractal_ = BLayout::RowMajor, const int RowValid_ = Rows_, const int ColValid_ = Cols_,
          const SLayout SFractal_ = SLayout::NoneBox, const int SFractalSize_ = TileConfig::fractalABSize,
          auto PadVal_ = PadValue::Null, const CompactMode Compact_ = CompactMode::Null>
struct Tile {
    using DType = Element_;
    static constexpr TileType Loc = Loc_;
    static constexpr int Rows = Rows_, Cols = Cols_, Numel = Rows_ * Cols_;
    static constexpr int ValidRow = RowValid_, ValidCol = ColValid_;
    static constexpr BLayout BFractal = BFractal_;
    static constexpr SLayout SFractal = SFractal_;
    static constexpr int SFractalSize = SFractalSize_;
    static constexpr bool isRowMajor = BFractal_ == BLayout::RowMajor, isBoxedLayout = SFractal_ != SLayout::NoneBox;
    static constexpr int RowStride = isRowMajor ? Cols : 1, ColStride = isRowMajor ? 1 : Rows;
    static constexpr auto PadVal = PadVal_;
    static constexpr CompactMode Compact = Compact_;
    static_assert(Rows > 0 && Cols > 0 && RowValid_ <= Rows && ColValid_ <= Cols);

    PTO_INTERNAL Tile() : offset_(0), valid_row_(0), valid_col_(0)
    {
    }
    PTO_INTERNAL Tile(unsigned rows, unsigned cols) : offset_(0), valid_row_(rows), valid_col_(cols)
    {
        static_assert(ValidRow == DYNAMIC && ValidCol == DYNAMIC, "the valid part is fixed by the type");
    }
    /* One number: the part that is DYNAMIC. */
    PTO_INTERNAL Tile(unsigned valid) : offset_(0), valid_row_(valid), valid_col_(valid)
    {
        static_assert((ValidRow == DYNAMIC) != (ValidCol == DYNAMIC),
                      "one valid extent must be DYNAMIC, the other not");
    }

    PTO_INTERNAL constexpr unsigned GetValidRow() const
    {
        return ValidRow == DYNAMIC ? valid_row_ : static_cast<unsigned>(ValidRow);
    }
    PTO_INTERNAL constexpr unsigned GetValidCol() const
    {
        return ValidCol == DYNAMIC ? valid_col_ : static_cast<unsigned>(ValidCol);
    }
    PTO_INTERNAL void SetValidRow(unsigned rows)
    {
        static_assert(ValidRow == DYNAMIC, "the valid rows are fixed by the type");
        valid_row_ = rows;
    }
    PTO_INTERNAL void SetValidCol(unsigned cols)
    {
        static_assert(ValidCol == DYNAMIC, "the valid columns are fixed by the type");
        valid_col_ = cols;
    }
    PTO_INTERNAL void SetValidShape(unsigned rows, unsigned cols)
    {
        SetValidRow(rows);
        SetValidCol(cols);
    }
    static constexpr size_t GetSizeInBytes()
    {
        return sizeof(DType) * static_cast<size_t>(Numel);
    }

    /* Bytes from the start of its memory: set by TASSIGN. */
    PTO_INTERNAL uint32_t oriel_offset() const
    {
        return offset_;
    }
    PTO_INTERNAL void oriel_place(uint64_t offset)
    {
        /* What does not fit ends behind every memory, and the instruction that uses the tile says so. */
        offset_ = offset > UINT32_MAX ? UINT32_MAX / 32 * 32 : static_cast<uint32_t>(offset);
    }

    template <typename Offset> AICORE DType GetValue(Offset) const
    {
        static_assert(oriel::compat::never<Offset>, "oriel: Tile::GetValue is not supported yet (docs/compat.md)");
        return DType();
    }
    template <typename Offset> AICORE void SetValue(Offset, DType)
    {
        static_assert(oriel::compat::never<Offset>, "oriel: Tile::SetValue is not supported yet (docs/compat.md)");
    }
    template <typename Any = void> AICORE DType *data() const
    {
        static_assert(!std::is_void_v<Any>, "oriel: Tile::data is not supported yet (docs/compat.md)");
        return nullptr;
    }

  private:
    uint32_t offset_;
    unsigned valid_row_, valid_col_;
};

template <typename T, const int Rows, const int Cols, const int RowValid = Rows, const int ColValid = Cols>
using TileLeft = Tile<TileType::Left, T, Rows, Cols, BLayout::RowMajor, RowValid, ColValid, SLayout::RowMajor,
                      TileConfig::fractalABSize>;
template <typename T, const int Rows, const int Cols, const int RowValid = Rows, const int ColValid = Cols>
using TileRight = Tile<TileType::Right, T, Rows, Cols, BLayout::RowMajor, RowValid, ColValid, SLayout::ColMajor,
                       TileConfig::fractalABSize>;
template <typename T, const int Rows, const int Cols, const int RowValid = Rows, const int ColValid = Cols>
using TileAcc = Tile<TileType::Acc, T, Rows, Cols, BLayout::ColMajor, RowValid, ColValid, SLayout::RowMajor,
                     TileConfig::fractalCSize>;

template <typename T> struct is_tile : std::false_type {
};
template <TileType L, typename T, int R, int C, BLayout B, int RV, int CV, SLayout S, int F, auto P, CompactMode M>
struct is_tile<Tile<L, T, R, C, B, RV, CV, S, F, P, M>> : std::true_type {
};
template <typename T> constexpr bool is_tile_data_v = is_tile<std::remove_cv_t<T>>::value;

/* Signals are tensors too: what derives from one is one. */
template <typename T, typename Shape, typename Stride, Layout L>
std::true_type is_global(const GlobalTensor<T, Shape, Stride, L> *);
std::false_type is_global(const void *);
template <typename T>
constexpr bool is_global_data_v = decltype(is_global(static_cast<std::remove_reference_t<T> *>(nullptr)))::value;

} // namespace pto

namespace oriel::compat
{

/* Whether a tile is handed over as its transpose. The matrix unit's tiles are not: their blocks do not show. */
template <typename T> constexpr bool transposed = T::Loc == pto::TileType::Vec && !T::isRowMajor && !T::isBoxedLayout;

/* Where a tile lies; PTO_MEMORY_COUNT: in a memory that we lack. */
constexpr pto_memory memory_of(pto::TileType type)
{
    switch (type) {
    case pto::TileType::Vec: return PTO_UB;
    case pto::TileType::Mat: return PTO_L1;
    case pto::TileType::Left: return PTO_L0A;
    case pto::TileType::Right: return PTO_L0B;
    case pto::TileType::Acc: return PTO_L0C;
    default: return PTO_MEMORY_COUNT;
    }
}

template <typename T> ORIEL_COMPAT_INLINE pto_tile tile_of(const T &tile)
{
    static_assert(pto::is_tile_data_v<T>, "an operand of this instruction must be a Tile");
    static_assert(memory_of(T::Loc) != PTO_MEMORY_COUNT && (T::Loc != pto::TileType::Vec || !T::isBoxedLayout),
                  "oriel: tiles of this type are not supported yet (docs/compat.md)");
    constexpr uint32_t rows = T::Rows, cols = T::Cols;
    pto_tile out{};
    out.dtype = dtype_of<typename T::DType>();
    out.memory = memory_of(T::Loc);
    out.offset = tile.oriel_offset();
    out.rows = transposed<T> ? cols : rows;
    out.cols = transposed<T> ? rows : cols;
    out.valid_rows = transposed<T> ? tile.GetValidCol() : tile.GetValidRow();
    out.valid_cols = transposed<T> ? tile.GetValidRow() : tile.GetValidCol();
    return out;
}

/* `swapped`: for a tile that is handed over as its transpose. */
template <bool swapped = false, typename G> ORIEL_COMPAT_INLINE pto_global global_of(const G &global)
{
    static_assert(pto::is_global_data_v<G>, "an operand of this instruction must be a GlobalTensor");
    static_assert(G::layout == pto::Layout::ND || G::layout == pto::Layout::DN,
                  "oriel: layouts other than ND and DN are not supported yet (docs/compat.md)");
    pto_global out{};
    out.addr = oriel_front_address(global.data());
    out.dtype = dtype_of<typename G::DType>();
    out.shape[0] = static_cast<uint64_t>(global.GetShape(0));
    out.stride[0] = static_cast<uint64_t>(global.GetStride(0));
    out.shape[1] = static_cast<uint64_t>(global.GetShape(1));
    out.stride[1] = static_cast<uint64_t>(global.GetStride(1));
    out.shape[2] = static_cast<uint64_t>(global.GetShape(2));
    out.stride[2] = static_cast<uint64_t>(global.GetStride(2));
    out.shape[3] = static_cast<uint64_t>(global.GetShape(swapped ? 4 : 3));
    out.stride[3] = static_cast<uint64_t>(global.GetStride(swapped ? 4 : 3));
    out.shape[4] = static_cast<uint64_t>(global.GetShape(swapped ? 3 : 4));
    out.stride[4] = static_cast<uint64_t>(global.GetStride(swapped ? 3 : 4));
    return out;
}

} // namespace oriel::compat

#endif
